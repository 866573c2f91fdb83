/*
 * retention_part.c: the part of what became of customers from the close of one period to that of the next:
 * one call of the aggregate retention over all payments, whatever the range, read by movements().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "kpi/compiler.h"
#include "kpi/currency.h"
#include "kpi/customer.h"
#include "kpi/dimension.h"
#include "kpi/measure.h"
#include "kpi/retention_part.h"
#include "kpi/source.h"
#include "retention/retention.h"

/* Decimals of converted amounts: the aggregate takes 38 digits, and quotients have many. */
#define CONVERTED_SCALE 15

/* In the place of a rate that is missing: of each currency another, so that none makes up for another. */
#define STAND_IN "1.000001 + (hashtext(part.currency) & 1048575) * 0.000001"

/*
 * SQL for the instant from which on a payment counts at a close: active_within earlier on the clocks. A date
 * is its first instant, as it is to the aggregate.
 */
static char *
window_start(const SmkRequest *request, TimestampTz close)
{
	DateADT date = smk_zone_local_date(request->zone, close);
	Datum zone = CStringGetTextDatum(request->time_zone);
	Datum within = DirectFunctionCall3(interval_in, CStringGetDatum(request->config->active_within),
									   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	Timestamp local =
		close == smk_zone_first_instant(request->zone, date)
			? (Timestamp) date * USECS_PER_DAY
			: DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(close)));

	local = DatumGetTimestamp(DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(local), within));
	return smk_timestamp_literal(
		local % USECS_PER_DAY == 0
			? smk_zone_first_instant(request->zone, (DateADT) (local / USECS_PER_DAY))
			: DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(local))));
}

/* True where amounts are converted, and a rate may be missing without an error. */
static bool
may_lack_rates(SmkRecords *records)
{
	const SmkConfig *config = records->request->config;

	return config->currency != NULL && config->missing_rate_is_null &&
		   smk_records_column(records, "currency") != NULL;
}

/* The condition that a rate is missing to the amounts of a movement. */
#define IS_UNRATED "movement.period_start >= held.unrated_from"

/* SQL for what a measure takes of a movement, besides a last case. */
static char *
movement_case(const SmkMeasure *measure, const char *last)
{
	return psprintf("CASE WHEN %smovement.movement IN (%s) THEN movement.%s%s END",
					measure->range ? psprintf("held.range = %d AND ", measure->shift) : "",
					measure->column->value, measure->column->unit == SMK_UNIT_COUNT ? "customers" : "amount",
					last);
}

static char *
write_movement(const SmkMeasure *measure)
{
	return movement_case(measure, "");
}

/* The same where a rate may be missing: then every movement is a row of the figure, which is thus unknown. */
static char *
write_unsure_movement(const SmkMeasure *measure)
{
	return movement_case(measure,
						 smk_column_is_of_amounts(measure->column) ? " WHEN " IS_UNRATED " THEN 0" : "");
}

/* SQL for a payment's product by the name under which it is shown; NULL where it has none. */
static char *
product_of(SmkRecords *records)
{
	SmkBy *product = smk_request_by(records->request->config, "product");
	char *raw = smk_records_column(records, "product");

	if (raw == NULL || (records->request->basis && strcmp(records->request->basis, "cohort") == 0))
		return "NULL::text";
	if (product->map == NIL)
		return raw;
	return psprintf("CASE WHEN %s IS NOT NULL THEN %s END", raw,
					smk_dimension_text(records->request, product, raw));
}

/*
 * The payments, converted to the setting's currency where they have one: each at the rate of its own day, so
 * that rates make no movement.
 */
static char *
payments(SmkRecords *records, const char *measure)
{
	const SmkRequest *request = records->request;
	bool recurs = smk_records_column(records, "ends_at") != NULL;
	char *currency = smk_records_column(records, "currency");
	char *at = smk_records_instant(records, "at");
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS customer, %s AS product, %s AS at, %s AS ends_at, %s AS amount",
					 smk_records_column(records, "account_id"), product_of(records), at,
					 recurs ? smk_records_instant(records, "ends_at") : "NULL::timestamptz",
					 smk_records_column(records, "amount"));
	smk_part_append_dimensions(records, true, measure, &sql);
	if (currency)
		appendStringInfo(
			&sql, ",\n       " SMK_CURRENCY_CODE("%s") " AS currency, %s AS rate_on, NULL::numeric AS rate",
			currency, smk_records_rate_day(records, currency));
	appendStringInfo(&sql, "\n%s",
					 smk_records_from(records, measure, true,
									  psprintf("%s < %s", at, smk_moment_instant(smk_moment_cut(request)))));
	if (currency == NULL)
		return psprintf("(\n    %s) AS part", smk_sql_indent(sql.data, 4));
	return smk_currency_payments(request, sql.data, 5 + list_length(request->by));
}

/* True where customers are followed by their age, not by movements. */
static bool
is_by_age(const SmkRequest *request)
{
	return request->kpi == &smk_retention_cohorts_kpi;
}

/*
 * SQL for the time of a payment as the aggregate takes it: what is older than the most periods that it knows,
 * or was ever (-infinity), is as old as these.
 */
static char *
finite_time(const SmkRequest *request)
{
	static const int least_days[] = {[SMK_DAY] = 1,			 [SMK_WEEK] = 7,   [SMK_MONTH] = 28,
									 [SMK_QUARTER] = 90,	 [SMK_YEAR] = 365, [SMK_FISCAL_QUARTER] = 90,
									 [SMK_FISCAL_YEAR] = 365};
	/* A statement that is stored may be read for ten years. */
	int margin = request->is_moving ? 3653 / least_days[request->period] : 0;
	DateADT oldest = Max(
		request->end - (SMK_RETENTION_MAX_PERIODS - 10 - margin) * least_days[request->period], -4300 * 365);

	oldest = smk_period_start_of_date(request->period, oldest, request->config->fiscal_year_start);
	if (oldest >= request->first)
		return "part.at";
	return psprintf("greatest(part.at, %s)",
					smk_timestamp_literal(smk_zone_first_instant(request->zone, oldest)));
}

/* The period as the aggregate takes it: of a fiscal one with the month in which its years begin. */
static char *
period_argument(const SmkRequest *request)
{
	const char *name = smk_period_name(request->period);

	if (request->period != SMK_FISCAL_QUARTER && request->period != SMK_FISCAL_YEAR)
		return pstrdup(name);
	return psprintf("%s %d", name, request->config->fiscal_year_start);
}

/* The aggregate over the payments by period. */
static char *
retention_by_period(SmkRecords *records, const char *amount)
{
	const SmkRequest *request = records->request;
	bool recurs = smk_records_column(records, "ends_at") != NULL;
	char *cut = smk_moment_instant(smk_moment_cut(request));
	char *at = finite_time(request);

	if (recurs)
		return psprintf("smarketing.retention(part.customer, part.product, %s,\n"
						"           part.ends_at, %s, %s, %s, %s)",
						at, amount, quote_literal_cstr(period_argument(request)),
						quote_literal_cstr(request->time_zone), cut);
	return psprintf(
		"smarketing.retention(part.customer, part.product, %s, %s,\n"
		"           %s, %s, %s, %s)",
		at, amount, quote_literal_cstr(period_argument(request)), quote_literal_cstr(request->time_zone),
		is_by_age(request) ? "NULL::interval"
						   : psprintf("interval %s", quote_literal_cstr(request->config->active_within)),
		cut);
}

/*
 * Adds the rows of VALUES that a range reads payments by, after a key where several ranges are read: what
 * counts at its beginning stands for a first year, what counts at its end for a second one, and what was
 * before both for the year before.
 */
static void
append_closes(SmkRecords *records, const SmkRequest *range, const char *key, StringInfo closes)
{
	static const char *const years[] = {
		"timestamptz '2000-01-01 00:00:00+00', timestamptz '2001-01-01 00:00:00+00'",
		"timestamptz '2001-01-01 00:00:00+00', timestamptz '2002-01-01 00:00:00+00'",
		"timestamptz '2002-01-01 00:00:00+00', timestamptz '2003-01-01 00:00:00+00'"};
	bool recurs = smk_records_column(records, "ends_at") != NULL;
	char *cut = smk_moment_instant(smk_moment_cut(range));
	char *since = range->has_since ? smk_timestamp_literal(range->since) : NULL;

	for (int year = since ? 0 : 2; year < 3; year++)
	{
		appendStringInfo(closes, "%s\n        (%s%s, ", closes->len ? "," : "", key, years[year]);
		if (recurs)
			appendStringInfo(closes, "%s, %s)", year == 2 ? cut : since, year == 0 ? "true" : "false");
		else
			appendStringInfo(closes, "%s, %s)",
							 year == 0	 ? "timestamptz '-infinity'"
							 : year == 1 ? window_start(range, range->since)
										 : window_start(range, smk_moment_cut(range).at),
							 year == 0	 ? window_start(range, range->since)
							 : year == 1 ? since
										 : cut);
	}
}

/* The condition that a payment counts for such a row. */
static const char *
counts_at_close(SmkRecords *records)
{
	if (smk_records_column(records, "ends_at") == NULL)
		return "part.at >= close.counts_from AND part.at < close.counts_until";
	return "part.at < close.counted_at AND CASE WHEN close.is_over THEN part.ends_at < close.counted_at AND "
		   "part.ends_at > part.at\n"
		   "        ELSE part.ends_at IS NULL OR part.ends_at >= close.counted_at END";
}

/* The aggregate over the years that append_closes() makes of a range. */
static char *
retention_of_range(SmkRecords *records, const char *amount)
{
	if (smk_records_column(records, "ends_at") != NULL)
		return psprintf("smarketing.retention(part.customer, part.product, close.at, close.ends_at, %s,\n"
						"           'year', 'UTC', timestamptz '2003-01-01 00:00:00+00')",
						amount);
	return psprintf("smarketing.retention(part.customer, part.product, close.at, %s,\n"
					"           'year', 'UTC', interval '1 year', timestamptz '2003-01-01 00:00:00+00')",
					amount);
}

/* The rows of VALUES of the ranges of the measures, or of the one range where they have none of their own. */
static char *
closes_of(SmkRecords *records, List *given)
{
	const char *columns =
		smk_records_column(records, "ends_at") ? "counted_at, is_over" : "counts_from, counts_until";
	StringInfoData closes;
	Bitmapset *shifts = NULL;
	ListCell *cell;

	initStringInfo(&closes);
	foreach (cell, given)
	{
		const SmkMeasure *measure = lfirst(cell);

		if (measure->range == NULL || bms_is_member(measure->shift, shifts))
			continue;
		shifts = bms_add_member(shifts, measure->shift);
		append_closes(records, measure->range, psprintf("%d, ", measure->shift), &closes);
	}
	if (shifts == NULL)
		append_closes(records, records->request, "", &closes);
	return psprintf("\nCROSS JOIN (VALUES%s) AS close (%sat, ends_at, %s)", closes.data,
					shifts ? "range, " : "", columns);
}

/* SQL for how many periods have passed since a customer's first payment, on the clocks of the reporting zone.
 */
static char *
elapsed_periods(const SmkRequest *request)
{
	const char *zone = smk_source_zone(request->time_zone);
	char *local = psprintf("(part.at AT TIME ZONE %s)", zone);
	char *first = psprintf("(part.first_at AT TIME ZONE %s)", zone);
	char *months =
		psprintf("(extract(year FROM age(%s, %s)) * 12 + extract(month FROM age(%s, %s)))::integer", local,
				 first, local, first);

	switch (request->period)
	{
		case SMK_DAY:
			return psprintf("extract(day FROM %s - %s)::integer", local, first);
		case SMK_WEEK:
			return psprintf("extract(day FROM %s - %s)::integer / 7", local, first);
		case SMK_MONTH:
			return months;
		case SMK_QUARTER:
		case SMK_FISCAL_QUARTER:
			return psprintf("%s / 3", months);
		case SMK_YEAR:
		case SMK_FISCAL_YEAR:
			return psprintf("%s / 12", months);
	}
	return months;
}

/*
 * The payments of each customer moved to the period that lies as many periods after that of its first one as
 * have passed since; groups are as in summaries().
 */
static char *
payments_by_age(SmkRecords *records, const char *source, const char *groups)
{
	const SmkRequest *request = records->request;
	const char *zone = quote_literal_cstr(request->time_zone);

	if (smk_records_column(records, "ends_at") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("option \"age\" cannot be elapsed where customers are known by their subscriptions"),
				 errhint("Take calendar, or configure another \"customer_basis\".")));
	return psprintf(
		"(\n    SELECT part.customer, part.product, part.amount%s%s, NULL::timestamptz AS ends_at,\n"
		"           ((smarketing.period_start('%s', part.first_at, %s%s) + %s * interval '%s') AT TIME "
		"ZONE %s) AS at\n    FROM (\n        SELECT part.*, min(part.at) OVER (PARTITION BY "
		"part.customer%s) AS first_at\n        FROM %s) AS part) AS part",
		may_lack_rates(records) ? ", part.currency, part.factor"
		: smk_records_column(records, "currency") && request->config->currency ? ", part.factor"
																			   : "",
		groups, smk_period_name(request->period), zone, smk_request_first_month(request),
		elapsed_periods(request), smk_period_step(request->period), zone, groups, smk_sql_indent(source, 8));
}

/* Adds the period from which on amounts lack a rate, and a currency that does. */
static void
append_unrated(SmkRecords *records, StringInfo sql)
{
	const SmkRequest *request = records->request;
	char *is_unrated = psprintf("FILTER (WHERE part.amount IS NOT NULL AND part.factor IS NULL%s)",
								smk_records_column(records, "ends_at")
									? " AND (part.ends_at IS NULL OR part.ends_at > part.at)"
									: "");

	if (request->is_all)
		appendStringInfo(sql, ",\n           min(date '2002-01-01') %s AS unrated_from", is_unrated);
	else
		appendStringInfo(sql,
						 ",\n           smarketing.period_start('%s', min(%s)\n           %s, %s%s) AS "
						 "unrated_from",
						 smk_period_name(request->period), finite_time(request), is_unrated,
						 quote_literal_cstr(request->time_zone), smk_request_first_month(request));
	appendStringInfo(sql, ",\n           min(part.currency) %s AS unrated_currency", is_unrated);
}

/*
 * The aggregate over payments by groups (SQL after part., begun by a comma, or empty) as a subselect that
 * gives it as summary, with the groups, first_at where the call wants it, and where rates may be missing
 * unrated_from and unrated_currency. given: the measures that it is for, which may have ranges of their own;
 * NIL: those of the request's.
 */
static char *
summaries(SmkRecords *records, const char *measure, const char *groups, List *given)
{
	const SmkRequest *request = records->request;
	bool is_converted = smk_records_column(records, "currency") != NULL && request->config->currency != NULL;
	bool may_lack = may_lack_rates(records);
	const char *amount =
		may_lack ? psprintf("round(part.amount * coalesce(part.factor, " STAND_IN "), %d)", CONVERTED_SCALE)
		: is_converted ? psprintf("round(part.amount * part.factor, %d)", CONVERTED_SCALE)
					   : "part.amount";
	char *source = payments(records, measure);
	char *closes = request->is_all ? closes_of(records, given) : "";
	char *aggregate;
	StringInfoData sql;

	initStringInfo(&sql);
	if (is_by_age(request) && strcmp(request->basis, "elapsed") == 0)
		source = payments_by_age(records, source, groups);
	aggregate = request->is_all ? retention_of_range(records, amount) : retention_by_period(records, amount);
	/* A payment that counts nowhere in the range may still lack its rate. */
	appendStringInfo(
		&sql, "(\n    SELECT %s%s AS summary%s", aggregate,
		may_lack && request->is_all ? psprintf(" FILTER (WHERE %s)", counts_at_close(records)) : "", groups);
	if (smk_part_wants_first(request))
		appendStringInfo(&sql, ", min(part.at) FILTER (WHERE isfinite(part.at)%s) AS first_at",
						 may_lack ? psprintf(" AND %s", counts_at_close(records)) : "");
	if (may_lack)
		append_unrated(records, &sql);
	/* The source ends with a condition where it converts. */
	appendStringInfo(&sql, "\n    FROM (SELECT part.*\n          FROM %s) AS part%s",
					 smk_sql_indent(source, 10), smk_sql_indent(closes, 4));
	if (request->is_all && !may_lack)
		appendStringInfo(&sql, "\n    WHERE %s", counts_at_close(records));
	if (groups[0] != '\0')
		appendStringInfo(&sql, "\n    GROUP BY %s", groups + 2);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* The condition that a movement is one of the periods of the request. */
static char *
in_range(const SmkRequest *request)
{
	StringInfoData sql;
	ListCell *cell;

	if (request->is_all)
		return "movement.period_start = date '2002-01-01'";
	initStringInfo(&sql);
	appendStringInfo(&sql, "movement.period_start >= %s AND movement.period_start < %s",
					 smk_moment_first_period(request), smk_moment_end_of_periods(request));
	foreach (cell, request->skipped)
		appendStringInfo(&sql, "\n    AND movement.period_start <> %s", smk_date_literal(lfirst_int(cell)));
	return sql.data;
}

/* SQL for the label of held.customer: that of its account, else its key; and the join that it needs. */
static char *
label_of_held(const SmkRecords *records, StringInfo joins)
{
	SmkRecords *customers = smk_records(records->request, records->set, records->binding);
	char *label = smk_records_account_label(customers);
	SmkJoin *join;

	if (label == NULL)
		return pstrdup("held.customer::text");
	join = linitial(customers->joins);
	join->left_key = "held.customer";
	smk_dimension_join(join, joins);
	return psprintf("coalesce(%s, held.customer::text)", label);
}

/* The customers behind a measure over the whole range, as rows of kpi_rows: a row a movement. */
char *
smk_retention_rows(SmkRecords *records, const SmkColumn *measure)
{
	const SmkRequest *request = records->request;
	StringInfoData joins;
	char *label;

	initStringInfo(&joins);
	label = label_of_held(records, &joins);
	return psprintf("SELECT 'customer'::text AS entity, held.customer::text AS record_id, %s AS "
					"label,\n       %s AS at, %s AS amount, 1::numeric AS weight\n"
					"FROM %s AS held\nCROSS JOIN LATERAL smarketing.movements(held.summary) AS movement%s\n"
					"WHERE %s AND movement.movement IN (%s) AND movement.customers > 0",
					label, smk_moment_instant(smk_moment_cut(request)),
					may_lack_rates(records) ? "CASE WHEN " IS_UNRATED " THEN NULL ELSE movement.amount END"
											: "movement.amount",
					smk_sql_indent(summaries(records, measure->name, ", part.customer", NIL), 5), joins.data,
					in_range(request), measure->value);
}

/* The part of a record set of payments: the movements of its customers. */
void
smk_retention_part(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	const char *measure = ((SmkMeasure *) linitial(given))->column->name;
	StringInfoData groups;
	StringInfoData sql;

	initStringInfo(&groups);
	initStringInfo(&sql);
	smk_part_append_by(request, "part.", &groups);
	if (((SmkMeasure *) linitial(given))->range)
		appendStringInfoString(&groups, ", close.range");
	appendStringInfo(&sql, "-- %s\n%s", records->set->name,
					 request->is_all ? "SELECT NULL::date AS period_start" : "SELECT movement.period_start");
	smk_part_append_by(request, "held.", &sql);
	smk_part_append_measures(statement, given,
							 may_lack_rates(records) ? write_unsure_movement : write_movement, &sql);
	if (statement->has_currencies && may_lack_rates(records))
	{
		if (smk_part_wants_first(request))
			appendStringInfoString(&sql, ",\n       held.first_at");
		/* What is converted already has no currency; before all days there is no rate. */
		appendStringInfoString(&sql, ",\n       CASE WHEN " IS_UNRATED
									 " THEN held.unrated_currency END AS currency,"
									 "\n       date '-infinity' AS rate_on, NULL::numeric AS rate");
	}
	else
		smk_part_append_tail(statement, smk_part_wants_first(request) ? "held.first_at" : "NULL::timestamptz",
							 &sql);
	appendStringInfo(&sql,
					 "\nFROM %s AS held\nCROSS JOIN LATERAL smarketing.movements(held.summary) AS movement\n"
					 "WHERE %s",
					 smk_sql_indent(summaries(records, measure, groups.data, given), 5), in_range(request));
	statement->parts = lappend(statement->parts, sql.data);
}

/*
 * The statement of retention_cohorts(): cohort, the dimensions (by_1 to by_3, or with own_names only those
 * asked for, under their names), age, customers and amounts. The range is that of the cohorts.
 */
char *
smk_compile_retention_cohorts(const SmkRequest *request, bool own_names)
{
	const SmkColumn *measure = request->kpi->columns;
	SmkStatement statement = {0};
	SmkRecords *records;
	const char *customers = request->is_rolling ? "cohort.customers_since" : "cohort.customers";
	const char *amounts[] = {"cohort.amount", "cohort.amount_rate"};
	StringInfoData groups;
	StringInfoData by;
	StringInfoData order;
	ListCell *cell;

	if (request->is_all)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("retention_cohorts needs periods: argument \"period\" must not be \"all\""),
						errhint("Periods: %s.", smk_period_names())));
	smk_compile_require_entity(request);
	statement.request = request;
	records = linitial(smk_measure_records(&statement, request, measure->records));
	initStringInfo(&groups);
	initStringInfo(&by);
	initStringInfo(&order);
	smk_part_append_by(request, "part.", &groups);
	for (int i = 0; i < SMK_MAX_BY; i++)
	{
		bool is_there = i < list_length(request->by);

		if (is_there)
		{
			appendStringInfo(&order, "held.by_%d COLLATE \"C\", ", i + 1);
			appendStringInfo(&by, ", held.by_%d", i + 1);
		}
		if (is_there && own_names)
			appendStringInfo(&by, " AS %s", quote_identifier(((SmkBy *) list_nth(request->by, i))->name));
		else if (!is_there && !own_names)
			appendStringInfo(&by, ", NULL::text AS by_%d", i + 1);
	}
	for (size_t i = 0; may_lack_rates(records) && i < lengthof(amounts); i++)
		amounts[i] =
			psprintf("CASE WHEN cohort.cohort + cohort.age * interval '%s' >= held.unrated_from THEN "
					 "NULL ELSE %s END",
					 smk_period_step(request->period), amounts[i]);
	{
		StringInfoData sql;

		initStringInfo(&sql);
		appendStringInfo(&sql,
						 "SELECT cohort.cohort%s, cohort.age, cohort.cohort_size,\n       %s AS customers, "
						 "smarketing.money(%s) AS amount,\n"
						 "       %s::double precision / nullif(cohort.cohort_size, 0) AS retention_rate, "
						 "%s%s\n"
						 "FROM %s AS held\nCROSS JOIN LATERAL smarketing.cohorts(held.summary) AS cohort\n"
						 "WHERE cohort.cohort >= %s AND cohort.cohort < %s",
						 by.data, customers, amounts[0], customers, amounts[1],
						 may_lack_rates(records) ? " AS amount_rate" : "",
						 smk_sql_indent(summaries(records, measure->name, groups.data, NIL), 5),
						 smk_moment_first_period(request), smk_moment_end_of_periods(request));
		foreach (cell, request->skipped)
			appendStringInfo(&sql, "\n    AND cohort.cohort <> %s", smk_date_literal(lfirst_int(cell)));
		appendStringInfo(&sql, "\nORDER BY cohort.cohort, %scohort.age", order.data);
		return sql.data;
	}
}
