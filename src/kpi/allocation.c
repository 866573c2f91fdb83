/*
 * allocation.c: spend by dimensions that it lacks, where the setting spend_without_dimension says leads. The
 * spend of a local day, by the dimensions that it has, is shared out over all leads that were created on that
 * day, by those that it lacks; what falls on a day without leads goes to (none). What is shared out is the
 * day's sum, not a record: cents rounded a record at a time would pile up on the same value.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/allocation.h"
#include "kpi/dimension.h"
#include "kpi/measure.h"
#include "kpi/source.h"

static const SmkRecordSet leads_of_day = {
	"leads of the day", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};

static const SmkColumn lead_count = {"leads",		NULL, SMK_COUNT, SMK_UNIT_COUNT, true, false,
									 &leads_of_day, NULL, NULL,		 NULL,			 NULL};

/* True where leads have the dimension. */
static bool
leads_have(const SmkRequest *request, const SmkBy *by)
{
	SmkBinding *lead = smk_config_binding(request->config, "lead");

	return lead != NULL && smk_records_have_dimension(smk_records(request, &leads_of_day, lead), by);
}

/* The position of a dimension in a list, from 1; 0 where it is not there. */
static int
position_of(List *list, const SmkBy *by)
{
	for (int i = 0; i < list_length(list); i++)
		if (strcmp(((SmkBy *) list_nth(list, i))->name, by->name) == 0)
			return i + 1;
	return 0;
}

/*
 * Notes a dimension on the side that has its values. What was entered by hand has a column for it that may be
 * empty: both sides. True where leads may have to give the value.
 */
static bool
allocation_note(SmkAllocation *allocation, const SmkRecords *records, SmkBy *by)
{
	bool has = smk_records_have_dimension(records, by);
	bool by_leads = (!has || records->binding->is_own) && leads_have(records->request, by);

	if ((has || !by_leads) && position_of(allocation->spend->by, by) == 0)
		allocation->spend->by = lappend(allocation->spend->by, by);
	if (by_leads && position_of(allocation->leads->by, by) == 0)
		allocation->leads->by = lappend(allocation->leads->by, by);
	return by_leads;
}

/* A copy of the request that asks for days, without dimensions and filters. */
static SmkRequest *
request_by_day(const SmkRequest *request)
{
	SmkRequest *copy = palloc(sizeof(SmkRequest));

	*copy = *request;
	copy->is_all = false;
	copy->period = SMK_DAY;
	copy->by = NIL;
	copy->filters = NIL;
	/* Of a range without a beginning the days are not laid out: these are all that the zone ever skipped. */
	copy->skipped = smk_zone_skipped_dates(request->zone);
	return copy;
}

/* How these records and their lumps are shared out; NULL where they have all dimensions that are asked for.
 */
SmkAllocation *
smk_allocation(const SmkRecords *records)
{
	const SmkRequest *request = records->request;
	SmkAllocation *allocation;
	ListCell *cell;

	if (strcmp(records->set->entity, "spend") != 0 ||
		strcmp(request->config->spend_without_dimension, "leads") != 0)
		return NULL;
	allocation = palloc0(sizeof(SmkAllocation));
	allocation->request = request;
	allocation->set = records->set;
	allocation->binding = records->binding;
	allocation->spend = request_by_day(request);
	allocation->leads = request_by_day(request);
	foreach (cell, request->by)
		allocation_note(allocation, records, lfirst(cell));
	foreach (cell, request->filters)
	{
		SmkFilter *filter = lfirst(cell);

		/* A filter on what spend has itself chooses among its records. */
		if (leads_have(request, filter->by) &&
			(records->binding->is_own || !smk_records_have_dimension(records, filter->by)))
		{
			allocation_note(allocation, records, filter->by);
			allocation->filters = lappend(allocation->filters, filter);
		}
		else
			allocation->spend->filters = lappend(allocation->spend->filters, filter);
	}
	if (allocation->leads->by == NIL)
		return NULL;
	/* The leads of a day are those of the whole day, also where the range begins or ends within it. */
	if (request->has_since)
	{
		SmkMoment since = smk_moment_since(request);

		smk_moment_begin(allocation->leads,
						 smk_moment_of_date(request, smk_zone_local_date(request->zone, since.at),
											since.sql ? smk_moment_date(request, since) : NULL));
	}
	smk_moment_end(allocation->leads,
				   smk_moment_of_date(
					   request, smk_request_date_from(request, request->until),
					   request->until_sql ? smk_moment_date_from(request, smk_moment_until(request)) : NULL));
	return allocation;
}

/* SQL for a dimension's value as it is shown: the spend's own, else that of the share. */
static char *
shared_value(const SmkAllocation *allocation, const SmkBy *by)
{
	int own = position_of(allocation->spend->by, by);
	int share = position_of(allocation->leads->by, by);

	if (own == 0)
		return psprintf("share.by_%d", share);
	if (share == 0)
		return psprintf("spent.by_%d", own);
	return psprintf("CASE WHEN spent.by_%d = '(none)' THEN share.by_%d ELSE spent.by_%d END", own, share,
					own);
}

/* The parts of a statement as one. */
static char *
parts_together(const SmkStatement *statement)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, statement->parts)
		appendStringInfo(&sql, "%s%s", sql.len ? "\nUNION ALL\n" : "", (char *) lfirst(cell));
	return sql.data;
}

/*
 * SQL for the leads by day: period_start, and arrays by_1 and so on, and leads, an element a combination of
 * values in byte order.
 */
static char *
leads_by_day(const SmkAllocation *allocation)
{
	const SmkRequest *request = allocation->leads;
	SmkMeasure *measure = palloc0(sizeof(SmkMeasure));
	SmkStatement half = {.request = request, .measures = list_make1(measure)};
	StringInfoData order;
	StringInfoData by;
	StringInfoData sql;

	measure->column = &lead_count;
	measure->name = lead_count.name;
	measure->is_available = true;
	smk_part(&half, smk_records(request, &leads_of_day, smk_config_binding(request->config, "lead")),
			 half.measures);
	initStringInfo(&order);
	initStringInfo(&by);
	initStringInfo(&sql);
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&order, "%sleads.by_%d COLLATE \"C\"", i ? ", " : "", i + 1);
	smk_part_append_by(request, "leads.", &by);
	appendStringInfoString(&sql, "SELECT leads.period_start");
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&sql, ", array_agg(leads.by_%d ORDER BY %s) AS by_%d", i + 1, order.data, i + 1);
	appendStringInfo(
		&sql,
		",\n       array_agg(leads.leads ORDER BY %s) AS leads\nFROM (\n"
		"    SELECT leads.period_start%s, sum(leads.leads)::bigint AS leads\n    FROM (\n        %s) AS leads"
		"\n    GROUP BY leads.period_start%s) AS leads\nGROUP BY leads.period_start",
		order.data, by.data, smk_sql_indent(parts_together(&half), 8), by.data);
	return sql.data;
}

/* The condition that a share passes the filters on what spend may lack. */
static char *
filters_on_shares(const SmkAllocation *allocation)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, allocation->filters)
	{
		SmkFilter shown = *(SmkFilter *) lfirst(cell);
		/* A value that is shown already has been mapped. */
		SmkBy by = {.name = ""};
		char *value = psprintf("nullif(%s, '(none)')", shared_value(allocation, shown.by));

		shown.by = &by;
		appendStringInfo(&sql, "%s%s", sql.len ? "\n   AND " : "",
						 smk_dimension_filter(allocation->request, &shown, value));
	}
	return sql.data;
}

/*
 * SQL for the shares of a day as rows share (by_1, ..., a column a name, leads), of spent.<name> each over
 * the arrays of leads.
 */
static char *
shares_of(const SmkAllocation *allocation, List *names)
{
	int count = list_length(allocation->leads->by);
	StringInfoData columns;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&columns);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "unnest(");
	for (int i = 1; i <= count; i++)
	{
		appendStringInfo(&sql, "%scoalesce(leads.by_%d, ARRAY['(none)'])", i > 1 ? ", " : "", i);
		appendStringInfo(&columns, "%sby_%d", i > 1 ? ", " : "", i);
	}
	foreach (cell, names)
	{
		appendStringInfo(&sql,
						 ",\n    smarketing.allocate(spent.%s, coalesce(leads.leads, ARRAY[1::bigint]))",
						 (char *) lfirst(cell));
		appendStringInfo(&columns, ", %s", (char *) lfirst(cell));
	}
	appendStringInfo(&sql, ",\n    coalesce(leads.leads, ARRAY[1::bigint])) AS share (%s, leads)",
					 columns.data);
	return sql.data;
}

/*
 * SQL for the currency of spend, or for the day whose rate converts it; NULL where nothing is to be
 * converted, so that such spend is shared out at once.
 */
static char *
converted(const SmkRequest *request, const char *column)
{
	const char *target = request->config->currency;

	if (target == NULL)
		return pstrdup(strcmp(column, "currency") == 0 ? "spent.currency" : "NULL::date");
	return psprintf("CASE WHEN spent.currency <> %s THEN spent.%s END", quote_literal_cstr(target), column);
}

static char *
write_shared(const SmkMeasure *measure)
{
	return psprintf("sum(share.%s)", measure->name);
}

/* The part of these records' sums, and of their lumps', that is shared out. */
void
smk_allocation_part(SmkStatement *statement, const SmkAllocation *allocation, List *given)
{
	const SmkRequest *request = allocation->request;
	SmkStatement half = {.request = allocation->spend,
						 .measures = given,
						 .spend_entry = statement->spend_entry,
						 .has_currencies = statement->has_currencies};
	const char *money = statement->has_currencies ? ", spent.currency, spent.rate_on" : "";
	char *currency = converted(request, "currency");
	char *rate_on = converted(request, "rate_on");
	List *names = NIL;
	StringInfoData sums;
	StringInfoData by;
	StringInfoData inner;
	StringInfoData sql;
	ListCell *cell;

	foreach (cell, smk_measure_records(&half, allocation->spend, allocation->set))
		if (((SmkRecords *) lfirst(cell))->binding == allocation->binding)
			smk_part(&half, lfirst(cell), given);
	initStringInfo(&sums);
	initStringInfo(&by);
	initStringInfo(&inner);
	initStringInfo(&sql);
	foreach (cell, given)
	{
		const char *name = ((SmkMeasure *) lfirst(cell))->name;

		names = lappend(names, unconstify(char *, name));
		appendStringInfo(&sums, ", sum(spent.%s) AS %s", name, name);
	}
	smk_part_append_by(allocation->spend, "spent.", &by);
	appendStringInfo(&inner, "SELECT %s AS period_start",
					 request->is_all ? "spent.period_start"
									 : smk_request_bucket_of(request, "spent.period_start"));
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&inner, ", %s AS by_%d", shared_value(allocation, list_nth(request->by, i)), i + 1);
	foreach (cell, names)
		appendStringInfo(&inner, ", share.%s", (char *) lfirst(cell));
	appendStringInfo(&inner, "%s\nFROM (\n    SELECT spent.period_start%s%s", money, by.data, sums.data);
	if (statement->has_currencies)
	{
		appendStringInfo(&inner, ", %s AS currency, %s AS rate_on", currency, rate_on);
		appendStringInfo(&by, ", %s, %s", currency, rate_on);
	}
	appendStringInfo(&inner,
					 "\n    FROM (\n        %s) AS spent\n    GROUP BY spent.period_start%s) AS spent"
					 "\nLEFT JOIN (\n    %s) AS leads ON leads.period_start = spent.period_start"
					 "\nCROSS JOIN LATERAL %s",
					 smk_sql_indent(parts_together(&half), 8), by.data,
					 smk_sql_indent(leads_by_day(allocation), 4), shares_of(allocation, names));
	if (allocation->filters)
		appendStringInfo(&inner, "\nWHERE %s", filters_on_shares(allocation));

	appendStringInfo(&sql, "-- %s, by the leads of its day\nSELECT %s", allocation->set->name,
					 request->is_all ? "NULL::date AS period_start" : "share.period_start");
	smk_part_append_by(request, "share.", &sql);
	smk_part_append_measures(statement, given, write_shared, &sql);
	if (smk_part_wants_first(request))
		appendStringInfo(&sql,
						 ",\n       min(share.period_start::timestamp AT TIME ZONE %s) FILTER (WHERE "
						 "isfinite(share.period_start)) AS first_at",
						 quote_literal_cstr(request->time_zone));
	if (statement->has_currencies)
		appendStringInfoString(&sql, ",\n       share.currency, share.rate_on, NULL::numeric AS rate");
	appendStringInfo(&sql, "\nFROM (\n    %s) AS share", smk_sql_indent(inner.data, 4));
	smk_part_append_group_by(request, "share",
							 statement->has_currencies ? "share.currency, share.rate_on" : NULL, &sql);
	statement->parts = lappend(statement->parts, sql.data);
}

/*
 * The rows of kpi_rows, given as rows that carry their day, their dimensions and, with currencies, currency
 * and rate_on: each with its part of what passes the filters, so that a day's rows add up to what the figure
 * has of the day.
 */
char *
smk_allocation_rows(const SmkAllocation *allocation, const char *rows, bool with_currency)
{
	char *conditions = filters_on_shares(allocation);
	StringInfoData keys;

	/* As the figure sums spend up before it is shared out. */
	initStringInfo(&keys);
	smk_part_append_by(allocation->spend, "spent.", &keys);
	if (with_currency)
		appendStringInfo(&keys, ", %s, %s", converted(allocation->request, "currency"),
						 converted(allocation->request, "rate_on"));
	return psprintf(
		"SELECT spent.entity, spent.record_id, spent.label, spent.at,\n"
		"       spent.upto - lag(spent.upto, 1, 0::numeric) OVER (PARTITION BY spent.day%s ORDER BY spent.n) "
		"AS amount,\n"
		"       spent.weight * spent.part AS weight%s\n"
		"FROM (\n"
		"    SELECT spent.*, passed.part, row_number() OVER course AS n,\n"
		"           CASE WHEN lead(true) OVER course THEN round(passed.part * sum(spent.amount) OVER course, "
		"2)\n"
		"                ELSE passed.amount END AS upto\n"
		"    FROM (\n"
		"        SELECT spent.*, sum(spent.amount) OVER (PARTITION BY spent.day%s) AS total\n"
		"        FROM (\n            %s) AS spent\n        WHERE spent.amount IS NOT NULL) AS spent\n"
		"    LEFT JOIN (\n        %s) AS leads ON leads.period_start = spent.day\n"
		"    CROSS JOIN LATERAL (\n"
		"        SELECT sum(share.total) FILTER (WHERE %s) AS amount,\n"
		"               sum(share.leads) FILTER (WHERE %s) / sum(share.leads) AS part\n"
		"        FROM %s) AS passed\n"
		"    WHERE passed.part > 0\n"
		"    WINDOW course AS (PARTITION BY spent.day%s ORDER BY spent.at, spent.label, spent.amount\n"
		"                      ROWS UNBOUNDED PRECEDING)) AS spent",
		keys.data, with_currency ? ",\n       spent.currency, spent.rate_on, spent.rate" : "", keys.data,
		smk_sql_indent(rows, 12), smk_sql_indent(leads_by_day(allocation), 8), conditions, conditions,
		smk_sql_indent(shares_of(allocation, list_make1("total")), 8), keys.data);
}
