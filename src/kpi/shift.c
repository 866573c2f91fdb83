/*
 * shift.c: the ranges that are read for what a measure was at another time. A period that the range clips, or
 * that still runs, is compared with the same elapsed part of the other one: as many local days and the same
 * time of day, at most to its end.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "kpi/moment.h"
#include "kpi/shift.h"

static const char *const shift_names[] = {"", "previous", "year_ago", "trailing", "goal"};

/* The name of a shift, as in the template [previous:revenue]. */
const char *
smk_shift_name(SmkShift shift)
{
	return shift_names[shift];
}

/* The shift that a name in a template asks for; measure is the rest of the name. */
SmkShift
smk_shift_parse(const char *name, const char **measure)
{
	const char *colon = strchr(name, ':');

	*measure = colon ? colon + 1 : name;
	if (colon == NULL)
		return SMK_SHIFT_NONE;
	for (size_t i = 1; i < lengthof(shift_names); i++)
		if (strlen(shift_names[i]) == (size_t) (colon - name) &&
			strncmp(shift_names[i], name, colon - name) == 0)
			return i;
	elog(ERROR, "template names no shift: \"%s\"", name);
	return SMK_SHIFT_NONE;
}

/* What the clocks of the reporting zone show at an instant. */
static Timestamp
clocks_at(const SmkRequest *request, TimestampTz at)
{
	return DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(request->time_zone),
												 TimestampTzGetDatum(at)));
}

/* The instant at which they show it. */
static TimestampTz
instant_of(const SmkRequest *request, Timestamp clocks)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, CStringGetTextDatum(request->time_zone),
												   TimestampGetDatum(clocks)));
}

/* A time of the clocks, a number of months earlier. */
static Timestamp
months_before(Timestamp clocks, int months)
{
	Interval span = {0};

	span.month = months;
	return DatumGetTimestamp(
		DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(clocks), IntervalPGetDatum(&span)));
}

static DateADT
date_months_before(DateADT date, int months)
{
	return (DateADT) (months_before((Timestamp) date * USECS_PER_DAY, months) / USECS_PER_DAY);
}

/* The first date of the period that a shifted one is compared with. */
static DateADT
source_of(const SmkRequest *request, SmkShift shift, DateADT start)
{
	if (shift == SMK_SHIFT_PREVIOUS)
	{
		start = smk_period_start_of_date(request->period, start - 1, request->config->fiscal_year_start);
		/* A day that the zone skipped was none. */
		while (request->period == SMK_DAY && smk_zone_first_instant(request->zone, start) ==
												 smk_zone_first_instant(request->zone, start + 1))
			start--;
		return start;
	}
	return request->period == SMK_WEEK ? start - 364 : date_months_before(start, 12);
}

/* The instant of the compared period that lies as far from its start as this one does from its own. */
TimestampTz
smk_shift_instant(const SmkRequest *request, SmkShift shift, TimestampTz at)
{
	Timestamp clocks = clocks_at(request, at);
	DateADT date = smk_zone_local_date(request->zone, at);
	DateADT start = smk_period_start_of_date(request->period, date, request->config->fiscal_year_start);
	DateADT source = source_of(request, shift, start);
	DateADT end = smk_period_next(request->period, source, request->config->fiscal_year_start);
	DateADT there = source + (date - start);

	if (smk_zone_first_instant(request->zone, date) == at)
		return smk_zone_first_instant(request->zone, Min(there, end));
	if (there >= end)
		return smk_zone_first_instant(request->zone, end);
	return instant_of(request,
					  (Timestamp) there * USECS_PER_DAY + (clocks - (Timestamp) date * USECS_PER_DAY));
}

/* The same of a moment. */
static SmkMoment
compared_moment(const SmkRequest *request, SmkShift shift, SmkMoment moment)
{
	moment.at = smk_shift_instant(request, shift, moment.at);
	if (moment.sql)
		moment.sql = psprintf("smarketing.compared_instant('%s', '%s', %s, %s, %d)", smk_shift_name(shift),
							  smk_period_name(request->period), moment.sql,
							  quote_literal_cstr(request->time_zone), request->config->fiscal_year_start);
	return moment;
}

/* A moment so many months earlier on the clocks of the reporting zone. */
static SmkMoment
moment_months_before(const SmkRequest *request, SmkMoment moment, int months)
{
	const char *zone = quote_literal_cstr(request->time_zone);

	moment.at = instant_of(request, months_before(clocks_at(request, moment.at), months));
	if (moment.sql)
		moment.sql = psprintf("((%s) AT TIME ZONE %s - interval '%d months') AT TIME ZONE %s", moment.sql,
							  zone, months, zone);
	return moment;
}

/* The same request with what is compared at the age that the range has by now. */
SmkRequest *
smk_shift_same_age(const SmkRequest *request)
{
	SmkRequest *copy = palloc(sizeof(SmkRequest));

	*copy = *request;
	copy->has_as_of = copy->is_same_age = true;
	copy->as_of = request->now;
	return copy;
}

/* A copy of the request over another range, in other periods. */
static SmkRequest *
request_over(const SmkRequest *request, SmkMoment since, SmkMoment until)
{
	SmkRequest *copy = palloc(sizeof(SmkRequest));

	*copy = *request;
	copy->has_since = true;
	copy->is_unbounded = false;
	copy->since = since.at;
	copy->until = Max(until.at, since.at);
	copy->since_sql = since.sql;
	copy->until_sql = until.sql;
	if (request->is_same_age)
		copy->as_of = request->as_of - (request->since - copy->since);
	smk_request_lay(copy);
	return copy;
}

static List *
one_range(SmkRequest *request, char *targets)
{
	SmkShifted *shifted = palloc(sizeof(SmkShifted));

	shifted->request = request;
	shifted->targets = targets;
	return list_make1(shifted);
}

/* The compared range of a call for one row. */
static List *
ranges_of_whole(const SmkRequest *request, SmkShift shift)
{
	SmkMoment cut = smk_moment_cut(request);
	SmkMoment since = smk_moment_since(request);
	Timestamp began;

	if (!request->has_since && shift != SMK_SHIFT_TRAILING)
		return NIL;
	if (shift == SMK_SHIFT_TRAILING)
		return one_range(request_over(request, moment_months_before(request, cut, 12), cut), NULL);
	if (cut.at < since.at)
		return NIL;
	if (shift == SMK_SHIFT_YEAR_AGO)
		return one_range(request_over(request, moment_months_before(request, since, 12),
									  moment_months_before(request, cut, 12)),
						 NULL);
	began = clocks_at(request, since.at);
	return one_range(
		request_over(request,
					 (SmkMoment){instant_of(request, began - (clocks_at(request, cut.at) - began)), NULL},
					 since),
		NULL);
}

/* The first instant of a date's twelve or so months before, which is SQL where it moves. */
static SmkMoment
date_moment(const SmkRequest *request, DateADT date, const char *sql, int months)
{
	return smk_moment_of_date(request, date_months_before(date, months),
							  sql ? psprintf("((%s)::timestamp - interval '%d months')::date", sql, months)
								  : NULL);
}

/* The twelve months before the end of each period: whole periods from months or days, the running one apart.
 */
static List *
ranges_trailing(const SmkRequest *request)
{
	SmkMoment cut = smk_moment_cut(request);
	DateADT first_end = smk_period_next(request->period, request->first, request->config->fiscal_year_start);
	DateADT running = request->partial_from;
	char *first_sql = smk_moment_first_period(request);
	char *running_sql = smk_moment_running_period(request);
	const char *step = smk_period_step(request->period);
	SmkRequest *source;
	List *ranges = NIL;

	if (request->first < running || request->is_moving)
	{
		source = palloc(sizeof(SmkRequest));
		*source = *request;
		source->period = request->period == SMK_DAY || request->period == SMK_WEEK ? SMK_DAY : SMK_MONTH;
		source = request_over(
			source,
			date_moment(request, first_end,
						request->since_sql ? smk_request_period_end_of(request, first_sql) : NULL, 12),
			smk_moment_of_date(request, running, request->is_moving ? running_sql : NULL));
		ranges = one_range(
			source,
			psprintf("SELECT day::date AS period_start\n"
					 "    FROM generate_series(greatest(%s, %s)::timestamp,\n"
					 "        least(part.period_start + interval '1 year' - interval '%s', %s - interval "
					 "'1 day'), interval '%s') AS day%s",
					 smk_request_bucket_of(request, "part.period_start"), first_sql, step, running_sql, step,
					 smk_request_without_skipped(request)));
	}
	if (request->is_moving ||
		(running < request->end && smk_zone_first_instant(request->zone, running) < cut.at))
	{
		source = palloc(sizeof(SmkRequest));
		*source = *request;
		source->is_all = true;
		source = request_over(source, moment_months_before(request, cut, 12), cut);
		ranges = list_concat(ranges, one_range(source, psprintf("SELECT %s AS period_start", running_sql)));
	}
	return ranges;
}

/*
 * The same of what is there at the end of each period: that, and what was there at the close of the eleven
 * calendar months before the one in which the period ends.
 */
static List *
ranges_trailing_at_close(const SmkRequest *request)
{
	SmkMoment before_cut = smk_moment_later(smk_moment_cut(request), -1);
	DateADT last = smk_zone_local_date(request->zone, before_cut.at);
	DateADT first = last;
	char *last_sql = smk_moment_date(request, before_cut);
	char *first_sql = last_sql;
	SmkRequest *months = palloc(sizeof(SmkRequest));
	char *targets = "SELECT NULL::date AS period_start";

	*months = *request;
	months->is_all = false;
	months->period = SMK_MONTH;
	if (!request->is_all)
	{
		first = smk_period_next(request->period, request->first, request->config->fiscal_year_start) - 1;
		first_sql = psprintf("%s - 1", smk_request_period_end_of(request, smk_moment_first_period(request)));
		targets = psprintf(
			"SELECT day::date AS period_start\n    FROM generate_series(%s::timestamp, %s - interval '1 "
			"day', interval "
			"'%s') AS day\n    WHERE date_trunc('month', least(%s - 1, %s)::timestamp)\n        BETWEEN "
			"part.period_start + interval '1 month' AND part.period_start + interval '11 months'",
			smk_moment_first_period(request), smk_moment_end_of_periods(request),
			smk_period_step(request->period), smk_request_period_end_of(request, "day::date"), last_sql);
	}
	first = smk_period_start_of_date(SMK_MONTH, Min(first, last), 1);
	first_sql = psprintf("date_trunc('month', least(%s, %s)::timestamp)::date", first_sql, last_sql);
	months = request_over(
		months, date_moment(request, first, request->since_sql ? first_sql : NULL, 11),
		smk_moment_of_date(request, smk_period_start_of_date(SMK_MONTH, last, 1),
						   before_cut.sql ? psprintf("date_trunc('month', (%s)::timestamp)::date", last_sql)
										  : NULL));
	return list_concat(one_range(unconstify(SmkRequest *, request), NULL), one_range(months, targets));
}

/*
 * The ranges to be read for a shift of what happens in a period, or is there at its end; none where there is
 * nothing to compare with.
 */
List *
smk_shift_ranges(const SmkRequest *request, SmkShift shift, bool is_at_close)
{
	SmkMoment since;
	SmkMoment until;
	SmkRequest *source;
	char *targets;

	if (shift == SMK_SHIFT_NONE)
		return one_range(unconstify(SmkRequest *, request), NULL);
	if (is_at_close && shift == SMK_SHIFT_TRAILING)
		return ranges_trailing_at_close(request);
	if (request->is_all)
		return ranges_of_whole(request, shift);
	if (shift == SMK_SHIFT_TRAILING)
		return ranges_trailing(request);
	since = smk_moment_since(request);
	until = smk_moment_cut(request);
	source = request_over(
		request, compared_moment(request, shift, is_at_close ? smk_moment_first_instant(request) : since),
		compared_moment(request, shift, until.at > since.at ? until : since));
	if (shift == SMK_SHIFT_PREVIOUS && request->skipped != NIL)
		targets = psprintf("SELECT min(day::date) AS period_start\n    FROM "
						   "generate_series(part.period_start + interval '1 day', "
						   "part.period_start + interval '3 days', interval '1 day') AS day%s",
						   smk_request_without_skipped(request));
	else if (shift == SMK_SHIFT_PREVIOUS)
		targets = psprintf("SELECT (part.period_start + interval '%s')::date AS period_start",
						   smk_period_step(request->period));
	else if (request->period == SMK_WEEK)
		targets = "SELECT part.period_start + 364 AS period_start";
	else if (request->period == SMK_DAY)
		/* The 28th and the 29th of February both look back to a 28th. */
		targets =
			"SELECT day::date AS period_start\n"
			"    FROM generate_series(part.period_start + interval '1 year', part.period_start + interval '1 "
			"year 1 day', interval '1 day') AS day\n"
			"    WHERE (day - interval '1 year')::date = part.period_start";
	else
		targets = "SELECT (part.period_start + interval '1 year')::date AS period_start";
	return one_range(source, targets);
}

/*
 * A request over all of several ranges, where they lie so close together that reading it once is less work
 * than reading each; NULL where they do not. ranges: of SmkShifted.
 */
SmkRequest *
smk_shift_union(const SmkRequest *request, List *ranges)
{
	SmkMoment since = {DT_NOEND, NULL};
	SmkMoment until = {DT_NOBEGIN, NULL};
	int64 sum = 0;
	ListCell *cell;

	foreach (cell, ranges)
	{
		const SmkRequest *shifted = ((SmkShifted *) lfirst(cell))->request;

		if (!shifted->has_since)
			return NULL;
		if (shifted->since < since.at)
			since = smk_moment_since(shifted);
		if (shifted->until > until.at)
			until = smk_moment_until(shifted);
		sum += shifted->until - shifted->since;
	}
	if (list_length(ranges) < 2 || sum < (until.at - since.at) / 3 * 2)
		return NULL;
	return request_over(request, since, until);
}

/*
 * The condition that the data had begun by the end of what a period is compared with (for the twelve months:
 * by the end of their first), given SQL for the local date on which they begin.
 */
char *
smk_shift_known(const SmkRequest *request, SmkShift shift, const char *begins_on)
{
	const char *end;

	if (request->is_all)
	{
		SmkMoment at = shift == SMK_SHIFT_PREVIOUS
						   ? smk_moment_since(request)
						   : moment_months_before(request, smk_moment_cut(request),
												  shift == SMK_SHIFT_TRAILING ? 11 : 12);

		return psprintf("%s < %s", begins_on, smk_moment_date_from(request, at));
	}
	if (shift == SMK_SHIFT_PREVIOUS)
		return psprintf("%s < cell.period_start", begins_on);
	end = smk_request_period_end_of(request, "cell.period_start");
	if (shift == SMK_SHIFT_TRAILING)
	{
		/* A period that has not begun has no twelve months yet. */
		char *begun = request->partial_from < request->end
						  ? psprintf(" AND cell.period_start <= %s", smk_moment_running_period(request))
						  : "";

		return psprintf("%s < (%s - interval '11 months')%s", begins_on, end, begun);
	}
	if (request->period == SMK_WEEK)
		return psprintf("%s < %s - 364", begins_on, end);
	return psprintf("%s < (%s - interval '1 year')", begins_on, end);
}
