/*
 * lump.c: spend that covers days, from at until before ends_at. Each local day has an equal share; a period's
 * is what has been spent by its end less what had been by its beginning, both rounded to the cent, so that
 * the shares of all periods add up to the amount. What covers one day only is no lump.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "kpi/lump.h"
#include "kpi/source.h"

/* True where the records may be lumps. */
bool
smk_lump_is_possible(const SmkRecords *records)
{
	int ends_at = smk_entity_column(records->binding->entity, "ends_at");

	return strcmp(records->binding->entity->name, "spend") == 0 &&
		   records->binding->columns[ends_at].text != NULL;
}

/* By how many days the lag moves a lump; hours count as whole days of 24. */
static int
lump_lag(const SmkRecords *records)
{
	const SmkRequest *request = records->request;
	int64 days;

	if (!request->has_lag || !records->set->takes_lag)
		return 0;
	days = request->lag.time / USECS_PER_DAY;
	if (request->lag.time % USECS_PER_DAY < 0)
		days--;
	return request->lag.day + (int) days;
}

/* SQL for the local date of a time column; is_end: the first local date after the last instant before it. */
static char *
lump_date(SmkRecords *records, const char *name, bool is_end)
{
	int column = smk_entity_column(records->binding->entity, name);
	char *reference = smk_records_column(records, name);

	if (records->binding->columns[column].type == DATEOID)
		return reference;
	return psprintf(is_end ? "(smarketing.period_start('day', %s - interval '1 microsecond', %s) + 1)"
						   : "smarketing.period_start('day', %s, %s)",
					reference, quote_literal_cstr(records->request->time_zone));
}

/* SQL for the first day of a lump, or the first one after it, moved by the lag. */
static char *
lump_moved(const SmkRecords *records, const char *column)
{
	int lag = lump_lag(records);

	return lag == 0 ? psprintf("spend.%s", column)
					: psprintf("(spend.%s %s %d)", column, lag < 0 ? "-" : "+", abs(lag));
}

/* The source with the lump's first day, and the first one after it, as starts_on and ends_on. */
char *
smk_lump_source(SmkRecords *records, const char *source)
{
	return psprintf("(SELECT spend.*,\n     %s AS starts_on,\n     %s AS ends_on\n FROM %s AS spend)",
					lump_date(records, "at", false), lump_date(records, "ends_at", true),
					smk_sql_indent(source, 6));
}

/* The condition that a record is a lump, or is none, as the records ask. */
char *
smk_lump_condition(SmkRecords *records)
{
	char *days = psprintf("smarketing.lump_days(spend.starts_on, spend.ends_on, %s < %s)",
						  smk_records_instant(records, "ends_at"), smk_records_instant(records, "at"));

	if (records->lumps == SMK_LUMPS_ONLY)
		return psprintf("%s > 1", days);
	return psprintf("coalesce(%s, 1) <= 1", days);
}

/* SQL for the first day of the range on which a lump counts; NULL where the range has no beginning. */
static char *
lump_since(const SmkRecords *records)
{
	const SmkRequest *request = records->request;

	return request->has_since ? smk_moment_date_from(request, smk_moment_since(request)) : NULL;
}

static char *
lump_until(const SmkRecords *records)
{
	return smk_moment_date_from(records->request, smk_moment_until(records->request));
}

/* The same on the relation's own columns, wider by two days, so that their indexes are used; or NULL. */
char *
smk_lump_raw_range(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	int64 lag = lump_lag(records) * USECS_PER_DAY;
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < 2; i++)
	{
		const char *name = i == 0 ? "at" : "ends_at";
		const SmkExpression *expression =
			&records->binding->columns[smk_entity_column(records->binding->entity, name)];

		if (expression->raw_column == NULL || (i == 1 && !request->has_since))
			continue;
		appendStringInfo(&sql, "%s%s %s %s", sql.len ? " AND " : "", expression->text, i == 0 ? "<" : ">=",
						 smk_records_raw_literal(
							 records, expression->type,
							 i == 0 ? smk_moment_later(smk_moment_until(request), -lag + 2 * USECS_PER_DAY)
									: smk_moment_later(smk_moment_since(request), -lag - 2 * USECS_PER_DAY)));
	}
	return sql.len ? sql.data : NULL;
}

/* SQL for a date, not before or not after another one that may be NULL. */
static char *
bounded(const char *function, const char *date, const char *bound)
{
	return bound ? psprintf("%s(%s, %s)", function, date, bound) : pstrdup(date);
}

/* The exact condition that a day of the lump falls into the range. */
char *
smk_lump_in_range(SmkRecords *records)
{
	return psprintf("%s < %s", bounded("greatest", lump_moved(records, "starts_on"), lump_since(records)),
					bounded("least", lump_moved(records, "ends_on"), lump_until(records)));
}

/* SQL for the first day of the period, or of the whole range, on which a lump counts; NULL where there is
 * none. */
static char *
share_from(const SmkRecords *records)
{
	return records->request->is_all ? lump_since(records)
									: bounded("greatest", "share.period_start", lump_since(records));
}

/* SQL for the first day after it. */
static char *
share_until(const SmkRecords *records)
{
	const SmkRequest *request = records->request;

	return request->is_all ? lump_until(records)
						   : bounded("least", smk_request_period_end_of(request, "share.period_start"),
									 lump_until(records));
}

/* SQL for the share of the amount that falls on the period, within the range. */
char *
smk_lump_amount(SmkRecords *records, const char *amount)
{
	char *starts = lump_moved(records, "starts_on");
	char *from = share_from(records);
	char *until = share_until(records);
	char *skipped = smk_request_skipped_dates(records->request);

	return psprintf("smarketing.spread(%s, %s, %s, %s, %s%s)", amount, starts, lump_moved(records, "ends_on"),
					from ? from : starts, until, skipped ? psprintf(", %s", skipped) : "");
}

/* SQL for the part of a lump's days that falls on the period, within the range. */
char *
smk_lump_weight(SmkRecords *records)
{
	char *starts = lump_moved(records, "starts_on");
	char *ends = lump_moved(records, "ends_on");

	return psprintf("(%s - %s)::numeric / (%s - %s)", bounded("least", ends, share_until(records)),
					bounded("greatest", starts, share_from(records)), ends, starts);
}

/* The join that gives a lump's periods as share.period_start; empty for the whole range. */
char *
smk_lump_join(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	StringInfoData sql;

	if (request->is_all)
		return "";
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "\nCROSS JOIN LATERAL (\n    SELECT day::date AS period_start\n    FROM "
					 "generate_series(%s::timestamp,"
					 "\n        (%s - 1)::timestamp, interval '%s') AS day",
					 smk_request_bucket_of(
						 request, bounded("greatest", lump_moved(records, "starts_on"), lump_since(records))),
					 bounded("least", lump_moved(records, "ends_on"), lump_until(records)),
					 smk_period_step(request->period));
	appendStringInfo(&sql, "%s) AS share", smk_request_without_skipped(request));
	return sql.data;
}

/* SQL for the instant at which a lump begins to count. */
char *
smk_lump_dated_at(const SmkRecords *records)
{
	return psprintf("(%s::timestamp AT TIME ZONE %s)", lump_moved(records, "starts_on"),
					smk_source_zone(records->request->time_zone));
}
