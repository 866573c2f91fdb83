/*
 * money_functions.c: what statements call on money: checks of amounts and rates, and shares of lumps.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "label_table.h"

/* The most currencies that an error names; the others are counted. */
#define MAX_NAMED_CURRENCIES 20

PG_FUNCTION_INFO_V1(smk_finite_amount);

/* finite_amount(amount, entity, column): the amount; NaN and infinity are an error that names where they are.
 */
Datum
smk_finite_amount(PG_FUNCTION_ARGS)
{
	Numeric amount = PG_GETARG_NUMERIC(0);

	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(
			ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("column \"%s\" of entity \"%s\" has NaN or infinite values",
					text_to_cstring(PG_GETARG_TEXT_PP(2)), text_to_cstring(PG_GETARG_TEXT_PP(1))),
			 errhint("Correct them, or leave such rows out with the filter argument of smarketing.bind().")));
	PG_RETURN_NUMERIC(amount);
}

PG_FUNCTION_INFO_V1(smk_money);

/* money(amount): rounded to 6 decimals at most, as figures of money are shown. */
Datum
smk_money(PG_FUNCTION_ARGS)
{
	Numeric amount = PG_GETARG_NUMERIC(0);

	/* NaN and infinity have no scale. */
	if (numeric_is_nan(amount) || numeric_is_inf(amount) ||
		DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(amount))) <= 6)
		PG_RETURN_NUMERIC(amount);
	PG_RETURN_DATUM(DirectFunctionCall2(numeric_round, NumericGetDatum(amount), Int32GetDatum(6)));
}

/* True where the first number is less than the second. */
static bool
numeric_is_less(Numeric a, Numeric b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(a), NumericGetDatum(b)));
}

PG_FUNCTION_INFO_V1(smk_valid_rate);

/* valid_rate(rate, currency, on_date): the rate; one that is not positive and finite is an error. */
Datum
smk_valid_rate(PG_FUNCTION_ARGS)
{
	Numeric rate = PG_GETARG_NUMERIC(0);

	if (numeric_is_nan(rate) || numeric_is_inf(rate) || !numeric_is_less(int64_to_numeric(0), rate))
		ereport(
			ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("column \"rate\" of entity \"exchange_rate\" must be positive, not %s, for %s on %s",
					numeric_normalize(rate), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(2)))),
			 errhint("Correct it, or leave such rows out with the filter argument of smarketing.bind().")));
	PG_RETURN_NUMERIC(rate);
}

PG_FUNCTION_INFO_V1(smk_lump_days);

/* lump_days(starts_on, ends_on, is_reversed): how many days spend covers; a lump that ends before it begins
 * is an error. */
Datum
smk_lump_days(PG_FUNCTION_ARGS)
{
	DateADT starts = PG_GETARG_DATEADT(0);
	DateADT ends = PG_GETARG_DATEADT(1);

	if (PG_GETARG_BOOL(2) || DATE_NOT_FINITE(starts) || DATE_NOT_FINITE(ends))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column \"ends_at\" of entity \"spend\" must be finite and not before \"at\""),
			 errdetail("A lump begins on %s and ends before %s.",
					   DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(starts))),
					   DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(ends)))),
			 errhint("Correct it, or leave such rows out with the filter argument of smarketing.bind().")));
	PG_RETURN_INT32(Max(ends - starts, 1));
}

/* How many days there are from a date until another one, less those that the zone skipped (sorted dates). */
static int64
days_between(DateADT from, DateADT until, const Datum *skipped, int count)
{
	int64 days = until > from ? (int64) until - from : 0;

	for (int i = 0; i < count; i++)
		if (DatumGetDateADT(skipped[i]) >= from && DatumGetDateADT(skipped[i]) < until)
			days--;
	return days;
}

/* What has been spent of an amount after some of its days, to the cent. */
static Numeric
spent_after(Numeric amount, int64 days, int64 all)
{
	Datum product;

	if (days >= all)
		return amount;
	if (days <= 0)
		return int64_to_numeric(0);
	product =
		DirectFunctionCall2(numeric_mul, NumericGetDatum(amount), NumericGetDatum(int64_to_numeric(days)));
	return DatumGetNumeric(DirectFunctionCall2(
		numeric_round, DirectFunctionCall2(numeric_div, product, NumericGetDatum(int64_to_numeric(all))),
		Int32GetDatum(2)));
}

PG_FUNCTION_INFO_V1(smk_spread);

/*
 * spread(amount, starts_on, ends_on, from_date, until_date, skipped): the part of a lump that falls on the
 * days from from_date until before until_date.
 */
Datum
smk_spread(PG_FUNCTION_ARGS)
{
	Numeric amount = PG_GETARG_NUMERIC(0);
	DateADT starts = PG_GETARG_DATEADT(1);
	DateADT ends = PG_GETARG_DATEADT(2);
	DateADT from = PG_GETARG_DATEADT(3);
	DateADT until = PG_GETARG_DATEADT(4);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(5);
	Datum *skipped;
	bool *nulls;
	int count;
	int64 all;

	if (DATE_NOT_FINITE(starts) || DATE_NOT_FINITE(ends))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("an amount cannot be spread over an infinite time")));
	deconstruct_array(array, DATEOID, sizeof(DateADT), true, TYPALIGN_INT, &skipped, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"skipped\" must not contain nulls")));
	ends = Max(ends, starts + 1);
	all = days_between(starts, ends, skipped, count);
	from = Min(Max(from, starts), ends);
	until = Max(Min(until, ends), from);
	if (all == 0)
		PG_RETURN_NUMERIC(from == starts && until == ends ? amount : int64_to_numeric(0));
	PG_RETURN_DATUM(DirectFunctionCall2(
		numeric_sub, NumericGetDatum(spent_after(amount, days_between(starts, until, skipped, count), all)),
		NumericGetDatum(spent_after(amount, days_between(starts, from, skipped, count), all))));
}

/* One share of an amount: its weight, its whole units, and what division left over. */
typedef struct Share
{
	int64 weight;
	int position;
	Numeric units;
	Numeric remainder;
} Share;

/* The largest remainder first; among equals the largest weight, then the order in which they came. */
static int
compare_shares(const void *a, const void *b)
{
	const Share *left = a;
	const Share *right = b;
	int order = DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(right->remainder),
												  NumericGetDatum(left->remainder)));

	if (order != 0)
		return order;
	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	return left->position - right->position;
}

/* A power of ten as a number. */
static Datum
power_of_ten(int exponent)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("1e%d", exponent)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

PG_FUNCTION_INFO_V1(smk_allocate);

/*
 * allocate(amount, weights): the amount in shares pro rata of the weights, to the cent (or to the amount's
 * own last decimal), and adding up to it: what division leaves over goes to the largest remainders.
 */
Datum
smk_allocate(PG_FUNCTION_ARGS)
{
	Numeric amount = PG_GETARG_NUMERIC(0);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	bool is_negative = numeric_is_less(amount, int64_to_numeric(0));
	Datum *weights;
	bool *nulls;
	Share *shares;
	Datum *result;
	Datum whole;
	Datum left;
	int count;
	int scale;
	int64 all = 0;

	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("NaN and infinity cannot be shared out")));
	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &weights, &nulls,
					  &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"weights\" must not contain nulls")));
		if (DatumGetInt64(weights[i]) < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("argument \"weights\" must not contain negative numbers")));
		if (pg_add_s64_overflow(all, DatumGetInt64(weights[i]), &all))
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("the sum of argument \"weights\" is out of range")));
	}
	if (all == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"weights\" must contain a positive number")));

	scale = Max(2, DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(amount))));
	whole = DirectFunctionCall2(numeric_mul, DirectFunctionCall1(numeric_abs, NumericGetDatum(amount)),
								power_of_ten(scale));
	left = whole;
	shares = palloc(count * sizeof(Share));
	for (int i = 0; i < count; i++)
	{
		Datum weight = NumericGetDatum(int64_to_numeric(DatumGetInt64(weights[i])));
		Datum total = NumericGetDatum(int64_to_numeric(all));
		Datum product = DirectFunctionCall2(numeric_mul, whole, weight);
		Datum units = DirectFunctionCall2(numeric_div_trunc, product, total);

		CHECK_FOR_INTERRUPTS();
		shares[i].weight = DatumGetInt64(weights[i]);
		shares[i].position = i;
		shares[i].units = DatumGetNumeric(units);
		shares[i].remainder = DatumGetNumeric(
			DirectFunctionCall2(numeric_sub, product, DirectFunctionCall2(numeric_mul, units, total)));
		left = DirectFunctionCall2(numeric_sub, left, units);
	}
	qsort(shares, count, sizeof(Share), compare_shares);
	result = palloc(count * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		Datum units = NumericGetDatum(shares[i].units);

		/* Fewer units are left than there are remainders that are not zero. */
		if (numeric_is_less(int64_to_numeric(i), DatumGetNumeric(left)))
			units = DirectFunctionCall2(numeric_add, units, NumericGetDatum(int64_to_numeric(1)));
		if (is_negative)
			units = DirectFunctionCall1(numeric_uminus, units);
		result[shares[i].position] = DirectFunctionCall2(numeric_mul, units, power_of_ten(-scale));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(result, count, NUMERICOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(smk_last_known_transfn);

/* last_known(value): of an ordered window, the last value that is not NULL. */
Datum
smk_last_known_transfn(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(1));
}

/* The currencies that an aggregate has seen, each with its first day. */
typedef struct Currencies
{
	char **codes;
	DateADT *since;
	int count;
	int size;
	char *target;  /* into which they were to be converted, or NULL */
	HTAB *numbers; /* of Numbered: of several hundred currencies each has as many rows as days */
} Currencies;

/* A currency's place in the lists. */
typedef struct Numbered
{
	char *code;
	int number;
} Numbered;

/* Notes a currency and its day; the memory is the aggregate's. */
static Currencies *
currencies_note(Currencies *currencies, char *code, DateADT day)
{
	Numbered *numbered;
	bool found;

	if (currencies == NULL)
	{
		currencies = palloc0(sizeof(Currencies));
		currencies->numbers = smk_label_table("smarketing currencies without a rate", sizeof(Numbered));
	}
	numbered = hash_search(currencies->numbers, &code, HASH_FIND, NULL);
	if (numbered)
	{
		currencies->since[numbered->number] = Min(currencies->since[numbered->number], day);
		return currencies;
	}
	if (currencies->count == currencies->size)
	{
		currencies->size = currencies->size ? currencies->size * 2 : 8;
		currencies->codes = currencies->codes
								? repalloc_huge(currencies->codes, currencies->size * sizeof(char *))
								: palloc(currencies->size * sizeof(char *));
		currencies->since = currencies->since
								? repalloc_huge(currencies->since, currencies->size * sizeof(DateADT))
								: palloc(currencies->size * sizeof(DateADT));
	}
	code = pstrdup(code);
	numbered = hash_search(currencies->numbers, &code, HASH_ENTER, &found);
	numbered->number = currencies->count;
	currencies->codes[currencies->count] = code;
	currencies->since[currencies->count++] = day;
	return currencies;
}

/* The positions of the currencies in the order of their codes, palloc'd. */
static int
compare_codes(const void *a, const void *b, void *state)
{
	const Currencies *currencies = state;

	return strcmp(currencies->codes[*(const int *) a], currencies->codes[*(const int *) b]);
}

/* The list of currencies for an error, with their first days or without; palloc'd. */
static char *
currencies_list(Currencies *currencies, bool with_days)
{
	int *order = palloc(currencies->count * sizeof(int));
	StringInfoData list;

	for (int i = 0; i < currencies->count; i++)
		order[i] = i;
	qsort_arg(order, currencies->count, sizeof(int), compare_codes, currencies);
	initStringInfo(&list);
	for (int i = 0; i < Min(currencies->count, MAX_NAMED_CURRENCIES); i++)
	{
		DateADT since = currencies->since[order[i]];

		appendStringInfo(&list, "%s%s", i ? ", " : "", currencies->codes[order[i]]);
		if (with_days && !DATE_NOT_FINITE(since))
			appendStringInfo(&list, " from %s",
							 DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(since))));
	}
	if (currencies->count > MAX_NAMED_CURRENCIES)
		appendStringInfo(&list, " and %d more", currencies->count - MAX_NAMED_CURRENCIES);
	return list.data;
}

PG_FUNCTION_INFO_V1(smk_require_rates_transfn);

/* Transition of require_rates and require_one_currency: notes a currency. */
Datum
smk_require_rates_transfn(PG_FUNCTION_ARGS)
{
	Currencies *currencies = PG_ARGISNULL(0) ? NULL : (Currencies *) PG_GETARG_POINTER(0);
	MemoryContext context;
	MemoryContext old;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "smk_require_rates_transfn called outside of an aggregate");
	if (!PG_ARGISNULL(1))
	{
		char *code = text_to_cstring(PG_GETARG_TEXT_PP(1));
		DateADT day = PG_NARGS() < 3 || PG_ARGISNULL(2) ? DATEVAL_NOEND : PG_GETARG_DATEADT(2);

		old = MemoryContextSwitchTo(context);
		currencies = currencies_note(currencies, code, day);
		if (PG_NARGS() > 3 && !PG_ARGISNULL(3) && currencies->target == NULL)
			currencies->target = text_to_cstring(PG_GETARG_TEXT_PP(3));
		MemoryContextSwitchTo(old);
		pfree(code);
	}
	if (currencies == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(currencies);
}

PG_FUNCTION_INFO_V1(smk_require_rates_finalfn);

/* require_rates(currency, day, target): true; an error that lists the rates that are missing, where any is.
 */
Datum
smk_require_rates_finalfn(PG_FUNCTION_ARGS)
{
	Currencies *currencies = PG_ARGISNULL(0) ? NULL : (Currencies *) PG_GETARG_POINTER(0);

	if (currencies != NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("exchange rates to %s are missing: %s",
					currencies->target ? currencies->target : "the currency",
					currencies_list(currencies, true)),
			 errhint("Bind entity \"exchange_rate\", or enter them: INSERT INTO "
					 "smarketing.exchange_rate_entry (currency, at, rate) VALUES ('%s', ...). To show NULL "
					 "instead: SELECT smarketing.configure('on_missing_rate', 'null').",
					 currencies->codes[0])));
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(smk_require_one_currency_finalfn);

/* require_one_currency(currency): true; an error that lists the currencies, where there are several. */
Datum
smk_require_one_currency_finalfn(PG_FUNCTION_ARGS)
{
	Currencies *currencies = PG_ARGISNULL(0) ? NULL : (Currencies *) PG_GETARG_POINTER(0);

	if (currencies != NULL && currencies->count > 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("amounts are in several currencies: %s", currencies_list(currencies, false)),
			 errhint("Say into which one they are converted: SELECT smarketing.configure('currency', '%s').",
					 currencies->codes[0])));
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(smk_goal_alone);

/* goal_alone(value, metric, begins_on, overlaps): the value; NaN, and a goal that covers days of another, are
 * errors. */
Datum
smk_goal_alone(PG_FUNCTION_ARGS)
{
	Numeric value;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_NUMERIC(0);
	if (numeric_is_nan(value) || numeric_is_inf(value))
		ereport(
			ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("column \"value\" of entity \"goal\" has NaN or infinite values"),
			 errhint("Correct them, or leave such rows out with the filter argument of smarketing.bind().")));
	if (!PG_ARGISNULL(3) && PG_GETARG_BOOL(3))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("goals of metric \"%s\" overlap: the one that begins on %s covers days of another",
						PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1)),
						DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(2)))),
				 errhint("Keep one goal for each day and choice of dimensions.")));
	PG_RETURN_NUMERIC(value);
}
