/*
 * moment.c: times as a statement names them. What moves is written as a scalar subselect, which is worked out
 * once a statement and not once a row.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "kpi/moment.h"

/* A timestamptz literal in UTC, palloc'd: the same text whatever the session's settings. */
char *
smk_timestamp_literal(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t fsec;
	char buffer[MAXDATELEN + 1];

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	tm.tm_isdst = 0; /* unknown, as timestamp2tm leaves it, would drop the offset */
	EncodeDateTime(&tm, fsec, true, 0, NULL, USE_ISO_DATES, buffer);
	return psprintf("timestamptz '%s'", buffer);
}

/* A date literal, palloc'd. */
char *
smk_date_literal(DateADT date)
{
	struct pg_tm tm;
	char buffer[MAXDATELEN + 1];

	memset(&tm, 0, sizeof(tm));
	j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, buffer);
	return psprintf("date '%s'", buffer);
}

static char *
interval_literal(Interval *interval)
{
	return psprintf("interval '%s'",
					DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval))));
}

/* A literal of a length in microseconds, palloc'd: whole days of 24 hours, and the rest. */
char *
smk_hours_literal(int64 length)
{
	Interval interval = {0};

	interval.day = (int32) (length / USECS_PER_DAY);
	interval.time = length % USECS_PER_DAY;
	return interval_literal(&interval);
}

/* The same in hours alone: days that are added to an instant would be those of the session's clocks. */
char *
smk_moment_length(int64 length)
{
	Interval interval = {.time = length};

	return interval_literal(&interval);
}

/* The beginning of the range. */
SmkMoment
smk_moment_since(const SmkRequest *request)
{
	return (SmkMoment){request->since, request->since_sql};
}

/* The end of the range. */
SmkMoment
smk_moment_until(const SmkRequest *request)
{
	return (SmkMoment){request->until, request->until_sql};
}

SmkMoment
smk_moment_now(const SmkRequest *request)
{
	return (SmkMoment){request->now, request->is_moving ? "now()" : NULL};
}

/* The end of what has gone of the range by now. */
SmkMoment
smk_moment_cut(const SmkRequest *request)
{
	return request->until <= request->now ? smk_moment_until(request) : smk_moment_now(request);
}

/* A moment so many microseconds later. */
SmkMoment
smk_moment_later(SmkMoment moment, int64 by)
{
	moment.at += by;
	if (moment.sql)
		moment.sql = psprintf("%s + %s", moment.sql, smk_moment_length(by));
	return moment;
}

/* The first instant of a local date, which is SQL where it moves. */
SmkMoment
smk_moment_of_date(const SmkRequest *request, DateADT date, const char *sql)
{
	return (SmkMoment){
		smk_zone_first_instant(request->zone, date),
		sql ? psprintf("smarketing.first_instant(%s, %s)", sql, quote_literal_cstr(request->time_zone))
			: NULL};
}

/* Makes a range begin at a moment; its periods are not laid out anew. */
void
smk_moment_begin(SmkRequest *request, SmkMoment moment)
{
	request->since = moment.at;
	request->since_sql = moment.sql;
}

/* Makes it end there. */
void
smk_moment_end(SmkRequest *request, SmkMoment moment)
{
	request->until = moment.at;
	request->until_sql = moment.sql;
}

/* The beginning of the first period of the range. */
SmkMoment
smk_moment_first_instant(const SmkRequest *request)
{
	return smk_moment_of_date(request, request->first,
							  request->since_sql ? smk_moment_first_period(request) : NULL);
}

/* SQL for a moment as an instant. */
char *
smk_moment_instant(SmkMoment moment)
{
	if (moment.sql == NULL)
		return smk_timestamp_literal(moment.at);
	return strcmp(moment.sql, "now()") == 0 ? pstrdup(moment.sql) : psprintf("(SELECT %s)", moment.sql);
}

/* SQL for its local date. */
char *
smk_moment_date(const SmkRequest *request, SmkMoment moment)
{
	if (moment.sql == NULL)
		return smk_date_literal(smk_zone_local_date(request->zone, moment.at));
	return psprintf("(SELECT smarketing.period_start('day', %s, %s))", moment.sql,
					quote_literal_cstr(request->time_zone));
}

/* SQL for the first local date that begins at it or after it. */
char *
smk_moment_date_from(const SmkRequest *request, SmkMoment moment)
{
	if (moment.sql == NULL)
		return smk_date_literal(smk_request_date_from(request, moment.at));
	return psprintf("(SELECT smarketing.period_end('day', %s - interval '1 microsecond', %s))", moment.sql,
					quote_literal_cstr(request->time_zone));
}

/* SQL for what the clocks of the reporting zone show at it. */
char *
smk_moment_clocks(const SmkRequest *request, SmkMoment moment)
{
	Datum clocks;

	if (moment.sql)
		return psprintf("(SELECT (%s) AT TIME ZONE %s)", moment.sql, quote_literal_cstr(request->time_zone));
	clocks = DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(request->time_zone),
								 TimestampTzGetDatum(moment.at));
	return psprintf("timestamp %s",
					strchr(smk_timestamp_literal(DatumGetTimestamp(clocks)), '\'')); /* its text is in UTC */
}

/* SQL for the start of the period of a moment that moves. */
static char *
moving_period(const SmkRequest *request, const char *function, const char *moment)
{
	return psprintf("(SELECT smarketing.%s('%s', %s, %s%s))", function, smk_period_name(request->period),
					moment, quote_literal_cstr(request->time_zone), smk_request_first_month(request));
}

/* SQL for the start of the period in which it lies. */
char *
smk_moment_period(const SmkRequest *request, SmkMoment moment)
{
	if (moment.sql)
		return moving_period(request, "period_start", moment.sql);
	return smk_date_literal(smk_period_start_of_date(
		request->period, smk_zone_local_date(request->zone, moment.at), request->config->fiscal_year_start));
}

/* SQL for the start of the first period of the range. */
char *
smk_moment_first_period(const SmkRequest *request)
{
	return request->since_sql ? moving_period(request, "period_start", request->since_sql)
							  : smk_date_literal(request->first);
}

/* SQL for the first date after its last period. */
char *
smk_moment_end_of_periods(const SmkRequest *request)
{
	return request->until_sql ? moving_period(request, "period_end",
											  psprintf("%s - interval '1 microsecond'", request->until_sql))
							  : smk_date_literal(request->end);
}

/* The instant up to which a period is complete: where credits are booked by touch, conversions may follow. */
SmkMoment
smk_moment_complete(const SmkRequest *request)
{
	SmkMoment now = smk_moment_now(request);

	return request->basis && strcmp(request->basis, "touched") == 0
			   ? smk_moment_later(now, -request->lookback)
			   : now;
}

/* SQL for the start of its first period that is not complete yet. */
char *
smk_moment_running_period(const SmkRequest *request)
{
	return request->is_moving ? smk_moment_period(request, smk_moment_complete(request))
							  : smk_date_literal(request->partial_from);
}

/* The condition that what happened at a time is seen. A view of the statement is to move on: now is no
 * literal. */
char *
smk_moment_seen(const SmkRequest *request, const char *at)
{
	char *past;

	if (!request->has_as_of)
		return psprintf("%s <= now()", at);
	past = psprintf("%s < %s", at, smk_timestamp_literal(request->as_of));
	return request->as_of <= request->now ? past : psprintf("(%s AND %s <= now())", past, at);
}

/* The same of what may have no time, which is seen unless it is looked at as of an earlier day. */
char *
smk_moment_seen_or_unknown(const SmkRequest *request, const char *at)
{
	return request->has_as_of ? smk_moment_seen(request, at)
							  : psprintf("(%s) IS NOT FALSE", smk_moment_seen(request, at));
}

/*
 * SQL for the instant at which so many microseconds have passed since another: of open time, where there is a
 * calendar.
 */
char *
smk_moment_due(const char *since, int64 within, const char *calendar)
{
	if (calendar)
		return psprintf("smarketing.add_business_hours(%s, " INT64_FORMAT
						" / 3600000000::double precision, %s)",
						since, within, quote_literal_cstr(calendar));
	return psprintf("(%s + %s)", since, smk_moment_length(within));
}
