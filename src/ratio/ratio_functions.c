/*
 * ratio_functions.c: the SQL functions of cost_per, win_rate and the Wilson interval.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "compat.h"
#include "ratio/ratio.h"

/* The decimals of a quotient of money, and the factor that makes them whole. */
#define COST_DECIMALS 6
#define COST_FACTOR INT64CONST(1000000)

/* The state of cost_per.  Amounts are summed by the accumulator of core's sum(numeric): exact and lazy. */
typedef struct CostState
{
	RatioSum units;
	void *amounts; /* core's NumericAggState; NULL before the first amount */
} CostState;

/* The context in which the state of this aggregate call lives; an error when nothing aggregates. */
static MemoryContext
ratio_context(FunctionCallInfo fcinfo, const char *aggregate)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "%s called in non-aggregate context", aggregate);
	return context;
}

/* Calls a support function of core's sum(numeric) in our aggregate's context; NULL for a NULL result. */
static void *
cost_amounts_call(FunctionCallInfo outer, PGFunction function, void *first, Datum second, bool has_second)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum result;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, outer->context, NULL);
	fcinfo->args[0].value = PointerGetDatum(first);
	fcinfo->args[0].isnull = first == NULL;
	fcinfo->args[1].value = second;
	fcinfo->args[1].isnull = !has_second;
	result = function(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetPointer(result);
}

/* The amount at argument 1 after the test that it is a number one can sum. */
static Datum
cost_amount(FunctionCallInfo fcinfo)
{
	Numeric amount = PG_GETARG_NUMERIC(1);

	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("amount of %s must be finite, not %s", "cost_per",
							   DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(amount))))));
	return NumericGetDatum(amount);
}

/* An empty state in the given context. */
static CostState *
cost_state_make(MemoryContext context)
{
	return (CostState *) MemoryContextAllocZero(context, sizeof(CostState));
}

/* Adds a row.  A NULL amount or a NULL units adds nothing, its partner counts. */
PG_FUNCTION_INFO_V1(smk_cost_per_transfn);
Datum
smk_cost_per_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = ratio_context(fcinfo, "cost_per");
	CostState *state;

	/* A moving aggregate may never have a NULL state, so a row of NULLs makes one, too. */
	state = PG_ARGISNULL(0) ? cost_state_make(context) : (CostState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		state->amounts =
			cost_amounts_call(fcinfo, numeric_avg_accum, state->amounts, cost_amount(fcinfo), true);
	if (!PG_ARGISNULL(2))
		smk_ratio_sum_add(&state->units, PG_GETARG_INT64(2));
	PG_RETURN_POINTER(state);
}

/* Takes out a row that left the window; NULL makes the executor start anew, as with core's sum(numeric). */
PG_FUNCTION_INFO_V1(smk_cost_per_invfn);
Datum
smk_cost_per_invfn(PG_FUNCTION_ARGS)
{
	CostState *state;

	(void) ratio_context(fcinfo, "cost_per");
	if (PG_ARGISNULL(0))
		elog(ERROR, "cost_per has no state to take a row from");
	state = (CostState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) &&
		cost_amounts_call(fcinfo, numeric_accum_inv, state->amounts, PG_GETARG_DATUM(1), true) == NULL)
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(2))
		smk_ratio_sum_remove(&state->units, PG_GETARG_INT64(2));
	PG_RETURN_POINTER(state);
}

/* Adds the second state to the first, which is made when there is none; the second stays as it is. */
PG_FUNCTION_INFO_V1(smk_cost_per_combinefn);
Datum
smk_cost_per_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = ratio_context(fcinfo, "cost_per");
	CostState *state = PG_ARGISNULL(0) ? NULL : (CostState *) PG_GETARG_POINTER(0);
	CostState *other = PG_ARGISNULL(1) ? NULL : (CostState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = cost_state_make(context);
	if (other->amounts != NULL)
		state->amounts = cost_amounts_call(fcinfo, numeric_avg_combine, state->amounts,
										   PointerGetDatum(other->amounts), true);
	smk_ratio_sum_merge(&state->units, &other->units);
	PG_RETURN_POINTER(state);
}

/* The state for another process: units, then the serial form of core's sum(numeric) or nothing. */
PG_FUNCTION_INFO_V1(smk_cost_per_serialfn);
Datum
smk_cost_per_serialfn(PG_FUNCTION_ARGS)
{
	CostState *state;
	StringInfoData buf;

	(void) ratio_context(fcinfo, "cost_per");
	state = (CostState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->units.high);
	pq_sendint64(&buf, state->units.low);
	if (state->amounts != NULL)
	{
		bytea *amounts = cost_amounts_call(fcinfo, numeric_avg_serialize, state->amounts, (Datum) 0, false);

		pq_sendbytes(&buf, VARDATA_ANY(amounts), VARSIZE_ANY_EXHDR(amounts));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* The state from its serial form, in the current context. */
PG_FUNCTION_INFO_V1(smk_cost_per_deserialfn);
Datum
smk_cost_per_deserialfn(PG_FUNCTION_ARGS)
{
	bytea *serial;
	StringInfoData buf;
	CostState *state;
	int length;

	(void) ratio_context(fcinfo, "cost_per");
	serial = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(serial), VARSIZE_ANY_EXHDR(serial));
	if (buf.len < 2 * (int) sizeof(int64))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid serial form of a %s state: %d bytes", "cost_per", buf.len)));
	state = cost_state_make(CurrentMemoryContext);
	state->units.high = (uint64) pq_getmsgint64(&buf);
	state->units.low = (uint64) pq_getmsgint64(&buf);
	length = buf.len - buf.cursor;
	if (length > 0)
	{
		bytea *amounts = palloc(VARHDRSZ + length);

		SET_VARSIZE(amounts, VARHDRSZ + length);
		pq_copymsgbytes(&buf, VARDATA(amounts), length);
		state->amounts = cost_amounts_call(fcinfo, numeric_avg_deserialize, amounts, (Datum) 0, false);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* The units as numeric; what needs more than 64 bits is put together in steps of 32. */
static Datum
cost_units_numeric(const RatioSum *units)
{
	Datum step = NumericGetDatum(int64_to_numeric(INT64CONST(1) << 32));
	Datum result;
	int64 value;

	if (smk_ratio_sum_fits(units, &value))
		return NumericGetDatum(int64_to_numeric(value));
	result = NumericGetDatum(int64_to_numeric((int64) units->high));
	for (int shift = 32; shift >= 0; shift -= 32)
	{
		Datum part = NumericGetDatum(int64_to_numeric((int64) ((units->low >> shift) & 0xffffffff)));

		result = DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, result, step), part);
	}
	return result;
}

/*
 * The exact quotient, rounded once, half away from zero, to COST_DECIMALS.  numeric_div would round to 16
 * digits first: too few for large quotients, and a second rounding for small ones.
 */
static Datum
cost_quotient(Datum amount, Datum units, bool is_negative)
{
	Datum twice = NumericGetDatum(int64_to_numeric(2));
	Datum factor = NumericGetDatum(int64_to_numeric(2 * COST_FACTOR));
	Datum unit = DirectFunctionCall3(numeric_in, CStringGetDatum("0.000001"), ObjectIdGetDatum(InvalidOid),
									 Int32GetDatum(-1));
	Datum dividend;
	Datum result;

	amount = DirectFunctionCall1(numeric_abs, amount);
	units = DirectFunctionCall1(numeric_abs, units);
	dividend = DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, amount, factor), units);
	result = DirectFunctionCall2(numeric_div_trunc, dividend, DirectFunctionCall2(numeric_mul, units, twice));
	result = DirectFunctionCall2(numeric_mul, result, unit);
	if (is_negative)
		result = DirectFunctionCall1(numeric_uminus, result);
	return DirectFunctionCall2(numeric_round, result, Int32GetDatum(COST_DECIMALS));
}

/* sum(amount) / sum(units); NULL when the units sum to 0 or there is no amount.  The state stays valid. */
PG_FUNCTION_INFO_V1(smk_cost_per_finalfn);
Datum
smk_cost_per_finalfn(PG_FUNCTION_ARGS)
{
	CostState *state;
	Datum zero = NumericGetDatum(int64_to_numeric(0));
	void *sum;
	bool is_negative;

	(void) ratio_context(fcinfo, "cost_per");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (CostState *) PG_GETARG_POINTER(0);
	if (smk_ratio_sum_is_zero(&state->units) || state->amounts == NULL)
		PG_RETURN_NULL();
	sum = cost_amounts_call(fcinfo, numeric_sum, state->amounts, (Datum) 0, false);
	if (sum == NULL)
		PG_RETURN_NULL();
	is_negative = DatumGetBool(DirectFunctionCall2(numeric_lt, PointerGetDatum(sum), zero));
	return cost_quotient(PointerGetDatum(sum), cost_units_numeric(&state->units),
						 is_negative != smk_ratio_sum_is_negative(&state->units));
}

/* No closed deals, in the given context. */
static RatioCounts *
win_rate_make(MemoryContext context)
{
	return (RatioCounts *) MemoryContextAllocZero(context, sizeof(RatioCounts));
}

/* Counts a deal that is won (true) or lost (false); an open one (NULL) does not count. */
PG_FUNCTION_INFO_V1(smk_win_rate_transfn);
Datum
smk_win_rate_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = ratio_context(fcinfo, "win_rate");
	RatioCounts *state;

	/* A moving aggregate may never have a NULL state, so an open deal makes one, too. */
	state = PG_ARGISNULL(0) ? win_rate_make(context) : (RatioCounts *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		state->closed++;
		if (PG_GETARG_BOOL(1))
			state->won++;
	}
	PG_RETURN_POINTER(state);
}

/* Takes out a deal that left the window. */
PG_FUNCTION_INFO_V1(smk_win_rate_invfn);
Datum
smk_win_rate_invfn(PG_FUNCTION_ARGS)
{
	RatioCounts *state;

	(void) ratio_context(fcinfo, "win_rate");
	if (PG_ARGISNULL(0))
		elog(ERROR, "win_rate has no state to take a row from");
	state = (RatioCounts *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		state->closed--;
		if (PG_GETARG_BOOL(1))
			state->won--;
	}
	Assert(state->won >= 0 && state->closed >= state->won);
	PG_RETURN_POINTER(state);
}

/* Adds the second state to the first, which is made when there is none; the second stays as it is. */
PG_FUNCTION_INFO_V1(smk_win_rate_combinefn);
Datum
smk_win_rate_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = ratio_context(fcinfo, "win_rate");
	RatioCounts *state = PG_ARGISNULL(0) ? NULL : (RatioCounts *) PG_GETARG_POINTER(0);
	RatioCounts *other = PG_ARGISNULL(1) ? NULL : (RatioCounts *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = win_rate_make(context);
	state->won += other->won;
	state->closed += other->closed;
	PG_RETURN_POINTER(state);
}

/* The state for another process: won, then closed. */
PG_FUNCTION_INFO_V1(smk_win_rate_serialfn);
Datum
smk_win_rate_serialfn(PG_FUNCTION_ARGS)
{
	RatioCounts *state;
	StringInfoData buf;

	(void) ratio_context(fcinfo, "win_rate");
	state = (RatioCounts *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->won);
	pq_sendint64(&buf, state->closed);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* The state from its serial form, in the current context. */
PG_FUNCTION_INFO_V1(smk_win_rate_deserialfn);
Datum
smk_win_rate_deserialfn(PG_FUNCTION_ARGS)
{
	bytea *serial;
	StringInfoData buf;
	RatioCounts *state;

	(void) ratio_context(fcinfo, "win_rate");
	serial = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(serial), VARSIZE_ANY_EXHDR(serial));
	if (buf.len != 2 * (int) sizeof(int64))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid serial form of a %s state: %d bytes", "win_rate", buf.len)));
	state = win_rate_make(CurrentMemoryContext);
	state->won = pq_getmsgint64(&buf);
	state->closed = pq_getmsgint64(&buf);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* won / (won + lost); NULL when no deal is closed.  The state stays as it is. */
PG_FUNCTION_INFO_V1(smk_win_rate_finalfn);
Datum
smk_win_rate_finalfn(PG_FUNCTION_ARGS)
{
	double rate;

	(void) ratio_context(fcinfo, "win_rate");
	if (PG_ARGISNULL(0) || !smk_ratio_win_rate((RatioCounts *) PG_GETARG_POINTER(0), &rate))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate);
}

/* Raises an error unless won of closed deals can be. */
static void
wilson_check(int64 won, int64 closed)
{
	if (closed < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of closed deals must not be negative: %lld", (long long) closed)));
	if (won < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of won deals must not be negative: %lld", (long long) won)));
	if (won > closed)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of won deals must not exceed the number of closed deals: %lld of %lld",
							   (long long) won, (long long) closed)));
}

/* The lower limit of the 95 % interval of won / closed; NULL when nothing is closed. */
PG_FUNCTION_INFO_V1(smk_wilson_low);
Datum
smk_wilson_low(PG_FUNCTION_ARGS)
{
	int64 won = PG_GETARG_INT64(0);
	int64 closed = PG_GETARG_INT64(1);

	wilson_check(won, closed);
	if (closed == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(smk_ratio_wilson_low(won, closed));
}

/* The upper limit of the 95 % interval of won / closed; NULL when nothing is closed. */
PG_FUNCTION_INFO_V1(smk_wilson_high);
Datum
smk_wilson_high(PG_FUNCTION_ARGS)
{
	int64 won = PG_GETARG_INT64(0);
	int64 closed = PG_GETARG_INT64(1);

	wilson_check(won, closed);
	if (closed == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(smk_ratio_wilson_high(won, closed));
}
