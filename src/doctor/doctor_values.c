/*
 * doctor_values.c: names that mean nothing to the KPIs: stages and kinds that are not mapped, currencies
 * without a rate, goals of no metric, channels that do not meet; and settings that contradict what is bound.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/formatting.h"
#include "utils/hsearch.h"

#include "doctor/doctor.h"
#include "doctor/guess.h"
#include "doctor/unmatched.h"
#include "kpi/currency.h"
#include "kpi/dimension.h"
#include "kpi/source.h"

/* The most labels of an entity that are rows of their own. */
#define MAX_NAMED 50

/* A label that is not mapped, how many rows have it, and what it is likely to mean. */
typedef struct Unmapped
{
	const char *entity;
	char *label;
	int64 count;
	const char *guess; /* NULL: its name tells nothing, or it was not asked */
} Unmapped;

/* Adds labels in quotes to a list. */
static void
add_literal(StringInfo list, const char *label)
{
	appendStringInfo(list, "%s%s", list->len ? ", " : "", quote_literal_cstr(label));
}

/* The condition that a stage means no funnel stage: its label is mapped neither in general nor in its
 * pipeline, and is no funnel stage's own name. */
static char *
stage_is_unmapped(const SmkConfig *config, const SmkBinding *binding)
{
	char *stage = smk_doctor_named(binding, "stage");
	int pipeline = smk_doctor_bound(binding, "pipeline");
	StringInfoData known;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&known);
	initStringInfo(&sql);
	for (int i = 0; i < SMK_STAGE_COUNT; i++)
	{
		const char *name = smk_stage_name(smk_stage_at(i));

		add_literal(&known, name);
		add_literal(&known, asc_toupper(name, strlen(name)));
		add_literal(&known, asc_initcap(name, strlen(name)));
	}
	foreach (cell, config->stage_map)
	{
		SmkMapped *mapped = lfirst(cell);

		if (mapped->scope == NULL)
			add_literal(&known, mapped->label);
		else if (pipeline >= 0)
			appendStringInfo(&sql, " AND (%s, %s) IS DISTINCT FROM (%s, %s)",
							 smk_doctor_column(binding, pipeline), stage, quote_literal_cstr(mapped->scope),
							 quote_literal_cstr(mapped->label));
	}
	return psprintf("%s NOT IN (%s)%s", stage, known.data, sql.data);
}

/* The condition that a kind is none that the KPIs know. */
static char *
kind_is_unmapped(SmkConfig *config, const SmkBinding *binding)
{
	bool is_spend = strcmp(binding->entity->name, "spend") == 0;
	List *known =
		is_spend ? list_make2("marketing", "sales") : list_make4("new", "upsell", "cross_sell", "renewal");
	char *labels = smk_dimension_labels(smk_request_by(config, "kind"), known);
	char *kind = smk_doctor_named(binding, "kind");

	return labels ? psprintf("%s NOT IN (%s)", kind, labels) : psprintf("%s IS NOT NULL", kind);
}

static const char *const stage_entities[] = {"lead", "stage_change", "opportunity", NULL};
static const char *const kind_entities[] = {"spend", "opportunity", NULL};

/* The condition that a row's label in a column (stage or kind) means nothing to the KPIs; NULL where the
 * entity has no such column, or it is not bound. */
char *
smk_doctor_unmapped(SmkDoctor *doctor, const SmkBinding *binding, const char *column)
{
	bool is_stage = strcmp(column, "stage") == 0;
	const char *const *entities = is_stage ? stage_entities : kind_entities;

	if (smk_doctor_bound(binding, column) < 0)
		return NULL;
	for (; *entities; entities++)
		if (strcmp(*entities, binding->entity->name) == 0)
			return is_stage ? stage_is_unmapped(doctor->config, binding)
							: kind_is_unmapped(doctor->config, binding);
	return NULL;
}

/* A label that was added already. */
typedef struct Seen
{
	char *label;
	Unmapped *unmapped;
} Seen;

/* What a check of labels works on. */
typedef struct Labels
{
	const SmkBinding *binding;
	const char *column;
	List *unmapped; /* of Unmapped; the most frequent first */
} Labels;

/* The list with rows of a label that means nothing added to those that it has. */
List *
smk_doctor_add_label(SmkDoctor *doctor, List *unmapped, const SmkBinding *binding, char *label, int64 count)
{
	MemoryContext caller;
	Unmapped *added;

	/* Whatever is computed may be another value each time. */
	if (label == NULL)
		return unmapped;
	caller = MemoryContextSwitchTo(doctor->memory);
	added = palloc0(sizeof(Unmapped));
	added->entity = binding->entity->name;
	added->label = pstrdup(label);
	added->count = count;
	unmapped = lappend(unmapped, added);
	MemoryContextSwitchTo(caller);
	return unmapped;
}

/* Asks what the name of a label tells: its words are compared with those of several languages. */
static void
guess(Unmapped *label, const char *column)
{
	MemoryContext words =
		AllocSetContextCreate(CurrentMemoryContext, "smarketing words of a label", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(words);

	label->guess = strcmp(column, "stage") == 0 ? smk_guess_stage(label->entity, label->label)
												: smk_guess_kind(label->entity, label->label);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(words);
}

/* The labels of a column that mean nothing to the KPIs. */
static void
read_labels(SmkDoctor *doctor, void *state)
{
	Labels *labels = state;
	const SmkBinding *binding = labels->binding;
	char *condition = smk_doctor_unmapped(doctor, binding, labels->column);
	uint64 rows;

	if (condition == NULL)
		return;
	rows = smk_doctor_query(
		psprintf("SELECT %s AS label, count(*)\nFROM %s\nWHERE %s\nGROUP BY 1 ORDER BY 2 DESC, 1",
				 smk_doctor_named(binding, labels->column), smk_doctor_relation(binding),
				 smk_doctor_where(binding, condition)));
	for (uint64 row = 0; row < rows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		labels->unmapped = smk_doctor_add_label(doctor, labels->unmapped, binding, smk_doctor_text(row, 1),
												smk_doctor_number(row, 2));
	}
}

/* The problem of a label, in words. */
static char *
label_problem(const char *column, const Unmapped *label)
{
	if (strcmp(column, "stage") == 0)
		return psprintf("stage \"%s\" is not mapped: it counts as no stage", label->label);
	if (strcmp(label->entity, "spend") == 0)
		return psprintf("kind \"%s\" is neither marketing nor sales: only KPI 4 counts it", label->label);
	return psprintf("kind \"%s\" is none of new, upsell, cross_sell, renewal", label->label);
}

/* The call that maps a label; where its name tells nothing, the statement that lists its rows. */
static char *
label_hint(const SmkBinding *binding, const char *column, const Unmapped *label)
{
	char *literal = quote_literal_cstr(label->label);

	if (label->guess == NULL)
		return smk_doctor_line(psprintf(
			"SELECT * FROM %s WHERE %s LIMIT 20", smk_doctor_relation(binding),
			smk_doctor_where(binding, psprintf("%s = %s", smk_doctor_named(binding, column), literal))));
	if (strcmp(column, "stage") == 0)
		return psprintf("SELECT smarketing.map_stage(%s, '%s')", literal, label->guess);
	return psprintf("SELECT smarketing.map_value('kind', %s, '%s')", literal, label->guess);
}

/* The most frequent first, then by bytes. */
static int
compare_unmapped(const ListCell *a, const ListCell *b)
{
	const Unmapped *left = lfirst(a);
	const Unmapped *right = lfirst(b);

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return strcmp(left->label, right->label);
}

/* Reports the labels of a column that mean nothing, as smk_doctor_add_label collected them, each with the
 * call that maps it; of many the rest in one row. What was added twice is one. */
void
smk_doctor_labels(SmkDoctor *doctor, const SmkBinding *binding, const char *column, List *unmapped)
{
	HTAB *seen = smk_label_table("smarketing labels counted", sizeof(Seen));
	List *labels = NIL;
	int named = 0;
	int64 rest = 0;
	ListCell *cell;

	foreach (cell, unmapped)
	{
		Unmapped *label = lfirst(cell);
		bool found;
		Seen *first;

		CHECK_FOR_INTERRUPTS();
		first = hash_search(seen, &label->label, HASH_ENTER, &found);
		if (found)
		{
			first->unmapped->count += label->count;
			continue;
		}
		first->unmapped = label;
		labels = lappend(labels, label);
	}
	hash_destroy(seen);
	list_sort(labels, compare_unmapped);
	foreach (cell, labels)
	{
		Unmapped *label = lfirst(cell);

		if (named++ >= MAX_NAMED)
		{
			rest += label->count;
			continue;
		}
		guess(label, column);
		smk_doctor_report(doctor, SMK_FINDING_WARNING, label->entity, label_problem(column, label),
						  label->count, label_hint(binding, column, label));
	}
	if (rest > 0)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, binding->entity->name,
						  psprintf("further labels of %s that are not mapped", column), rest,
						  smk_doctor_line(psprintf(
							  "SELECT %s, count(*) FROM %s WHERE %s GROUP BY 1 ORDER BY 2 DESC, 1",
							  smk_doctor_named(binding, column), smk_doctor_relation(binding),
							  smk_doctor_where(binding, smk_doctor_unmapped(doctor, binding, column)))));
}

/* Notes a label of a stage that rows have and that means something. */
void
smk_doctor_add_stage(SmkDoctor *doctor, const char *label)
{
	MemoryContext caller = MemoryContextSwitchTo(doctor->memory);

	doctor->stages = lappend(doctor->stages, pstrdup(label));
	MemoryContextSwitchTo(caller);
}

/* Reports stages that are mapped, and that no row has any more: the CRM may call them otherwise now. Of a
 * preset, which maps all stages of the CRM's own list, nothing is said, nor where there are no stages yet. */
void
smk_doctor_stages_gone(SmkDoctor *doctor)
{
	ListCell *cell;
	ListCell *seen;

	for (const char *const *entity = stage_entities; *entity; entity++)
		if (smk_doctor_bound(smk_doctor_binding(doctor, *entity), "stage") >= 0 &&
			smk_doctor_binding(doctor, *entity)->query != NULL)
			return;
	if (doctor->stages == NIL || doctor->stages_are_unsure)
		return;
	foreach (cell, doctor->config->stage_map)
	{
		SmkMapped *mapped = lfirst(cell);
		bool is_there = false;

		CHECK_FOR_INTERRUPTS();
		foreach (seen, doctor->stages)
			is_there = is_there || strcmp(lfirst(seen), mapped->label) == 0;
		if (!is_there)
			smk_doctor_report(
				doctor, SMK_FINDING_INFO, NULL,
				psprintf("stage \"%s\" is mapped, and nothing is called so", mapped->label), 0,
				psprintf("SELECT smarketing.map_stage(%s, NULL%s)", quote_literal_cstr(mapped->label),
						 mapped->scope ? psprintf(", %s", quote_literal_cstr(mapped->scope)) : ""));
	}
}

/* The labels of these entities' column, in their order. */
static List *
unmapped_of(SmkDoctor *doctor, const char *const *entities, const char *column)
{
	List *result = NIL;
	ListCell *cell;

	for (; *entities; entities++)
	{
		Labels labels = {smk_doctor_binding(doctor, *entities), column, NIL};

		if (labels.binding == NULL)
			continue;
		smk_doctor_guard(doctor, *entities, read_labels, &labels);
		result = list_concat(result, labels.unmapped);
	}
	foreach (cell, result)
	{
		CHECK_FOR_INTERRUPTS();
		guess(lfirst(cell), column);
	}
	return result;
}

/* One statement that maps all labels; NULL where there are none. */
static char *
map_call(List *unmapped, const char *function, const char *cast)
{
	HTAB *seen = smk_label_table("smarketing labels mapped", sizeof(char *));
	StringInfoData values;
	ListCell *cell;

	initStringInfo(&values);
	foreach (cell, unmapped)
	{
		Unmapped *label = lfirst(cell);
		bool found;

		CHECK_FOR_INTERRUPTS();
		/* What two entities call the same is mapped once. */
		if (label->guess == NULL)
			continue;
		(void) hash_search(seen, &label->label, HASH_ENTER, &found);
		if (!found)
			appendStringInfo(&values, "%s(%s, '%s')", values.len ? ", " : "",
							 quote_literal_cstr(label->label), label->guess);
	}
	hash_destroy(seen);
	if (values.len == 0)
		return NULL;
	return psprintf("SELECT smarketing.%sv.label, v.meaning%s) FROM (VALUES %s) AS v (label, meaning)",
					function, cast, values.data);
}

/* The statement that maps all stages which are not; NULL where there are none. In *untold the most frequent
 * label whose name tells no stage, and in *more how many others there are; NULL where there is none. */
char *
smk_doctor_stages_call(SmkDoctor *doctor, char **untold, int *more)
{
	List *unmapped = unmapped_of(doctor, stage_entities, "stage");
	int64 most = 0;
	ListCell *cell;

	*untold = NULL;
	*more = -1;
	foreach (cell, unmapped)
	{
		Unmapped *label = lfirst(cell);

		if (label->guess != NULL)
			continue;
		(*more)++;
		if (label->count > most)
			*untold = label->label;
		most = Max(most, label->count);
	}
	return map_call(unmapped, "map_stage(", "::smarketing.funnel_stage");
}

/* The statement that maps all kinds which are not; NULL where there are none. */
char *
smk_doctor_kinds_call(SmkDoctor *doctor)
{
	return map_call(unmapped_of(doctor, kind_entities, "kind"), "map_value('kind', ", "");
}

/* A currency: from which day on there are rates of it (NULL: there are none), and how many amounts. */
typedef struct Currency
{
	char *code;
	char *first_on;
	int64 count;
} Currency;

/* Currencies in the order in which they came, and by their code. */
typedef struct Currencies
{
	List *list; /* of Currency */
	HTAB *known;
} Currencies;

/* An entry of known. */
typedef struct KnownCurrency
{
	const char *code;
	Currency *currency;
} KnownCurrency;

typedef struct Money
{
	const char *entity;
	const char *at;
	bool is_entered;
	Currencies *rates;
	Currencies *currencies; /* those that amounts have */
} Money;

/* SQL for the local date of a bound time. */
static char *
day_of(const SmkDoctor *doctor, const SmkBinding *binding, const char *name)
{
	int column = smk_doctor_bound(binding, name);

	return smk_doctor_day(doctor, smk_doctor_column(binding, column), smk_doctor_is_date(binding, column));
}

static Currencies *
new_currencies(void)
{
	Currencies *currencies = palloc0(sizeof(Currencies));

	currencies->known = smk_label_table("smarketing currencies", sizeof(KnownCurrency));
	return currencies;
}

/* The currency of that code, or NULL. */
static Currency *
currency_of(const Currencies *currencies, const char *code)
{
	KnownCurrency *known = hash_search(currencies->known, &code, HASH_FIND, NULL);

	return known ? known->currency : NULL;
}

/* Adds amounts of a currency, or the first day of its rates. */
static void
add_currency(SmkDoctor *doctor, Currencies *currencies, const char *code, const char *first_on, int64 count)
{
	MemoryContext caller = MemoryContextSwitchTo(doctor->memory);
	Currency *currency = currency_of(currencies, code);

	CHECK_FOR_INTERRUPTS();
	if (currency == NULL)
	{
		KnownCurrency *known;

		currency = palloc0(sizeof(Currency));
		currency->code = pstrdup(code);
		currencies->list = lappend(currencies->list, currency);
		known = hash_search(currencies->known, &currency->code, HASH_ENTER, NULL);
		known->currency = currency;
	}
	currency->count += count;
	if (first_on && (currency->first_on == NULL || strcmp(first_on, currency->first_on) < 0))
		currency->first_on = pstrdup(first_on);
	MemoryContextSwitchTo(caller);
}

/* The first day of each currency's rates, in one source of them. */
static void
read_rates(SmkDoctor *doctor, void *state)
{
	Money *money = state;
	SmkBinding *binding = money->is_entered ? smk_doctor_entered(doctor, "exchange_rate")
											: smk_doctor_binding(doctor, "exchange_rate");
	uint64 rows;

	if (binding == NULL)
		return;
	rows = smk_doctor_query(psprintf(
		"SELECT " SMK_CURRENCY_CODE("%s") ", to_char(min(%s), 'YYYY-MM-DD')\nFROM %s\nWHERE %s\nGROUP BY 1",
		smk_doctor_named(binding, "currency"), day_of(doctor, binding, "at"), smk_doctor_relation(binding),
		smk_doctor_where(binding,
						 psprintf("%s IS NOT NULL AND isfinite(%s)", smk_doctor_named(binding, "rate"),
								  smk_doctor_named(binding, "at")))));
	for (uint64 row = 0; row < rows; row++)
		if (smk_doctor_text(row, 1))
			add_currency(doctor, money->rates, smk_doctor_text(row, 1), smk_doctor_text(row, 2), 1);
}

/* Reports amounts of a currency that no rate converts: all of them, or those before its first day. */
static void
report_rate(SmkDoctor *doctor, const Money *money, const SmkBinding *binding, const Currency *currency)
{
	const char *target = doctor->config->currency;
	const Currency *rate = currency_of(money->rates, currency->code);
	const char *rates_from = rate ? rate->first_on : NULL;
	char *first_on = currency->first_on;
	int64 count = currency->count;

	CHECK_FOR_INTERRUPTS();
	if (rates_from != NULL && (first_on == NULL || strcmp(first_on, rates_from) >= 0))
		return;
	if (rates_from != NULL)
	{
		char *condition = psprintf(
			"%s IS NOT NULL AND " SMK_CURRENCY_CODE("%s") " = %s AND %s < date '%s' AND isfinite(%s)",
			smk_doctor_named(binding, "amount"), smk_doctor_named(binding, "currency"),
			quote_literal_cstr(currency->code), day_of(doctor, binding, money->at), rates_from,
			smk_doctor_named(binding, money->at));

		smk_doctor_query(psprintf("SELECT count(*)\nFROM %s\nWHERE %s", smk_doctor_relation(binding),
								  smk_doctor_where(binding, condition)));
		count = smk_doctor_number(0, 1);
	}
	smk_doctor_report(
		doctor, doctor->config->missing_rate_is_null ? SMK_FINDING_WARNING : SMK_FINDING_ERROR, money->entity,
		psprintf("amounts in %s without a rate to %s", currency->code, target), count,
		psprintf("INSERT INTO smarketing.exchange_rate_entry (currency, at, rate) VALUES (%s, '%s', :rate)",
				 quote_literal_cstr(currency->code), first_on ? first_on : "2000-01-01"));
}

/* The currencies of one source of amounts; where a setting tells the one to convert to, those without a rate
 * are reported. */
static void
read_money(SmkDoctor *doctor, void *state)
{
	Money *money = state;
	SmkBinding *binding = money->is_entered ? smk_doctor_entered(doctor, money->entity)
											: smk_doctor_binding(doctor, money->entity);
	Currencies *own = new_currencies();
	char *at;
	char *currency;
	uint64 rows;
	ListCell *cell;

	if (smk_doctor_bound(binding, "currency") < 0 || smk_doctor_bound(binding, "amount") < 0)
		return;
	at = smk_doctor_named(binding, money->at);
	currency = smk_doctor_named(binding, "currency");
	/* Times are compared as they are, and the least alone is brought to its day: one is cheap, the other not.
	 */
	rows = smk_doctor_query(psprintf(
		"SELECT " SMK_CURRENCY_CODE(
			"part.currency") " AS code, sum(part.rows)::bigint,\n    to_char(min(%s), 'YYYY-MM-DD')\n"
							 "FROM (SELECT %s AS currency, count(*) AS rows, min(%s) FILTER (WHERE "
							 "isfinite(%s)) AS at\n    FROM %s\n    WHERE %s GROUP BY 1) AS part\n"
							 "WHERE " SMK_CURRENCY_CODE("part.currency") " IS NOT NULL GROUP BY 1 ORDER BY 1",
		smk_doctor_day(doctor, "part.at", smk_doctor_is_date(binding, smk_doctor_bound(binding, money->at))),
		currency, at, at, smk_doctor_relation(binding),
		smk_doctor_where(binding, psprintf("%s IS NOT NULL AND %s IS NOT NULL",
										   smk_doctor_named(binding, "amount"), currency))));
	for (uint64 row = 0; row < rows; row++)
	{
		char *code = smk_doctor_text(row, 1);

		add_currency(doctor, money->currencies, code, NULL, smk_doctor_number(row, 2));
		add_currency(doctor, own, code, smk_doctor_text(row, 3), smk_doctor_number(row, 2));
	}
	foreach (cell, own->list)
		if (doctor->config->currency &&
			strcmp(((Currency *) lfirst(cell))->code, doctor->config->currency) != 0)
			report_rate(doctor, money, binding, lfirst(cell));
}

/* Reports several currencies that no setting brings to one. */
static void
report_currencies(SmkDoctor *doctor, List *currencies)
{
	Currency *most = NULL;
	int64 count = 0;
	StringInfoData codes;
	ListCell *cell;

	if (doctor->config->currency != NULL || list_length(currencies) < 2)
		return;
	initStringInfo(&codes);
	foreach (cell, currencies)
	{
		Currency *currency = lfirst(cell);

		appendStringInfo(&codes, "%s%s", codes.len ? ", " : "", currency->code);
		count += currency->count;
		if (most == NULL || currency->count > most->count)
			most = currency;
	}
	smk_doctor_report(
		doctor, SMK_FINDING_ERROR, NULL,
		psprintf("amounts in several currencies (%s), and no setting \"currency\" that figures are in",
				 codes.data),
		count, psprintf("SELECT smarketing.configure('currency', %s)", quote_literal_cstr(most->code)));
}

/* Currencies of all amounts. */
void
smk_doctor_money(SmkDoctor *doctor)
{
	Currencies *known = new_currencies();
	Currencies *currencies = new_currencies();
	Money sources[] = {{"opportunity", "created_at", false, known, currencies},
					   {"spend", "at", false, known, currencies},
					   {"spend", "at", true, known, currencies},
					   {"revenue", "at", false, known, currencies},
					   {"subscription", "starts_at", false, known, currencies}};
	Money rates = {"exchange_rate", "at", false, known, currencies};

	smk_doctor_guard(doctor, "exchange_rate", read_rates, &rates);
	rates.is_entered = true;
	smk_doctor_guard(doctor, "exchange_rate", read_rates, &rates);
	for (size_t i = 0; i < lengthof(sources); i++)
		smk_doctor_guard(doctor, sources[i].entity, read_money, &sources[i]);
	report_currencies(doctor, currencies->list);
}

/* Resolves a metric's name: an ambiguous one is an error. */
static void
resolve_metric(SmkDoctor *doctor, void *state)
{
	const SmkColumn *column;

	(void) doctor;
	(void) smk_metric_resolve(state, &column);
}

/* Goals of metrics and periods that there are not; what is entered by hand is refused by the table itself. */
static void
check_goals(SmkDoctor *doctor, void *state)
{
	SmkBinding *goal = state;
	char *from = psprintf("%s WHERE %s", smk_doctor_relation(goal), smk_doctor_where(goal, "true"));
	char *metrics = smk_doctor_named(goal, "metric");
	char *periods = smk_doctor_named(goal, "period");
	uint64 rows =
		smk_doctor_query(psprintf("SELECT %s, NULL::text, count(*) FROM %s GROUP BY 1\nUNION ALL\nSELECT "
								  "NULL, %s, count(*) FROM %s GROUP BY 2 ORDER BY 1, 2",
								  metrics, from, periods, from));
	SPITupleTable *found = SPI_tuptable;

	for (uint64 row = 0; row < rows; row++)
	{
		char *metric;
		char *period;
		int64 count;
		SmkPeriod known;

		SPI_tuptable = found;
		metric = smk_doctor_text(row, 1);
		period = smk_doctor_text(row, 2);
		count = smk_doctor_number(row, 3);
		if (metric && !smk_metric_is_known(metric))
			smk_doctor_report(doctor, SMK_FINDING_WARNING, "goal",
							  psprintf("goals of metric \"%s\", which there is not", metric), count,
							  "SELECT metric, label_en FROM smarketing.metrics ORDER BY metric");
		else if (metric)
		{
			ErrorData *error = smk_doctor_try(doctor, resolve_metric, metric);

			if (error)
				smk_doctor_report(doctor, SMK_FINDING_ERROR, "goal", error->message, count,
								  psprintf("SELECT metric FROM smarketing.metrics WHERE metric LIKE %s",
										   quote_literal_cstr(psprintf("%%.%s", metric))));
		}
		if (period && !smk_period_parse(period, &known))
			smk_doctor_report(
				doctor, SMK_FINDING_ERROR, "goal",
				psprintf("goals of period \"%s\": periods are %s", period, smk_period_names()), count,
				psprintf("SELECT * FROM %s AND %s = %s LIMIT 20", from, periods, quote_literal_cstr(period)));
	}
}

/* Settings that what is bound contradicts. */
static void
check_settings(SmkDoctor *doctor, void *state)
{
	const SmkConfig *config = doctor->config;
	char *session;

	(void) state;
	if (strcmp(config->customer_basis, "auto") != 0 &&
		smk_doctor_binding(doctor, config->customer_basis) == NULL)
		smk_doctor_report(doctor, SMK_FINDING_ERROR, NULL,
						  psprintf("setting \"customer_basis\" is %s, and no %s is bound",
								   config->customer_basis, config->customer_basis),
						  -1, "SELECT smarketing.configure('customer_basis', 'auto')");
	smk_doctor_query("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'");
	session = smk_doctor_text(0, 1);
	if (session && !doctor->zone_is_unknown && strcmp(session, config->time_zone) != 0)
		smk_doctor_report(
			doctor, SMK_FINDING_INFO, NULL,
			psprintf("figures are cut in time zone %s, and times are shown in %s", config->time_zone,
					 session),
			-1, "SELECT * FROM smarketing.settings WHERE name = 'time_zone'");
}

/* A share in percent, as text. */
static char *
percent(double part, double whole)
{
	return psprintf("%.1f %%", whole > 0 ? 100 * part / whole : 0.0);
}

/* Channels that spend and the CRM call differently, or that only one of them has. */
static void
check_channels(SmkDoctor *doctor, void *state)
{
	SmkValues *values = smk_unmatched(doctor, "channel", false);
	int64 spend_rows = 0;
	int64 lead_rows = 0;
	int64 rest = 0;
	int named = 0;

	(void) state;
	if (!values->has[SMK_PLACE_SPEND])
		return;
	for (int i = 0; i < values->count; i++)
	{
		const SmkValue *value = &values->values[i];
		int place = 0;
		int64 rows = 0;

		if (value->is_matched)
			continue;
		spend_rows += value->rows[SMK_PLACE_SPEND];
		lead_rows += value->rows[SMK_PLACE_LEAD];
		for (int p = SMK_PLACES - 1; p >= 0; p--)
		{
			rows += value->rows[p];
			place = value->rows[p] > 0 ? p : place;
		}
		if (value->suggestion && ++named > MAX_NAMED)
			rest += rows;
		else if (value->suggestion)
			smk_doctor_report(doctor, SMK_FINDING_WARNING, smk_place_names[place],
							  psprintf("channel \"%s\" looks like \"%s\", and does not meet it", value->label,
									   value->suggestion),
							  rows,
							  psprintf("SELECT smarketing.map_value('channel', %s, %s)",
									   quote_literal_cstr(value->label),
									   quote_literal_cstr(value->suggestion)));
	}
	if (rest > 0)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, "lead", "further channels that look like others", rest,
						  "SELECT * FROM smarketing.unmatched_values() WHERE suggestion IS NOT NULL");
	if (spend_rows > 0)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, "spend",
						  values->spend_is_known && values->spend > 0
							  ? psprintf("%s of spend is in channels that no lead has",
										 percent(values->spend_unmatched, values->spend))
							  : "spend in channels that no lead has",
						  spend_rows, "SELECT * FROM smarketing.unmatched_values()");
	if (lead_rows > 0)
		smk_doctor_report(doctor, SMK_FINDING_INFO, "lead",
						  psprintf("%s of leads come by channels without spend",
								   percent(values->leads_unmatched, values->leads)),
						  lead_rows, "SELECT * FROM smarketing.unmatched_values()");
}

/* All of this file. */
void
smk_doctor_values(SmkDoctor *doctor)
{
	SmkBinding *goal = smk_doctor_binding(doctor, "goal");

	smk_doctor_money(doctor);
	if (goal)
		smk_doctor_guard(doctor, "goal", check_goals, goal);
	smk_doctor_guard(doctor, NULL, check_settings, NULL);
	smk_doctor_guard(doctor, "spend", check_channels, NULL);
}
