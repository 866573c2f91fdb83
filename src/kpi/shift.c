/*
 * shift.c: the ranges that are read for what a measure was at another time. A period that the range clips, or
 * that still runs, is compared with the same elapsed part of the other one: as many local days and the same
 * time of day, at most to its end.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

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
static TimestampTz
compared_instant(const SmkRequest *request, SmkShift shift, TimestampTz at)
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

/* A copy of the request over another range, in other periods. */
static SmkRequest *
request_over(const SmkRequest *request, TimestampTz since, TimestampTz until)
{
	SmkRequest *copy = palloc(sizeof(SmkRequest));

	*copy = *request;
	copy->has_since = true;
	copy->is_unbounded = false;
	copy->since = since;
	copy->until = Max(until, since);
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

/* What has gone of the range by now. */
static TimestampTz
cut_of(const SmkRequest *request)
{
	return Min(request->until, request->now);
}

/* The compared range of a call for one row. */
static List *
ranges_of_whole(const SmkRequest *request, SmkShift shift)
{
	Timestamp since;
	Timestamp cut;

	if (!request->has_since && shift != SMK_SHIFT_TRAILING)
		return NIL;
	cut = clocks_at(request, cut_of(request));
	if (shift == SMK_SHIFT_TRAILING)
		return one_range(request_over(request, instant_of(request, months_before(cut, 12)), cut_of(request)),
						 NULL);
	since = clocks_at(request, request->since);
	if (cut < since)
		return NIL;
	if (shift == SMK_SHIFT_PREVIOUS)
		return one_range(request_over(request, instant_of(request, since - (cut - since)), request->since),
						 NULL);
	return one_range(request_over(request, instant_of(request, months_before(since, 12)),
								  instant_of(request, months_before(cut, 12))),
					 NULL);
}

/* The twelve months before the end of each period: whole periods from months or days, the running one apart.
 */
static List *
ranges_trailing(const SmkRequest *request)
{
	DateADT first_end = smk_period_next(request->period, request->first, request->config->fiscal_year_start);
	DateADT running = request->partial_from;
	const char *step = smk_period_step(request->period);
	SmkRequest *source;
	List *ranges = NIL;

	if (request->first < running)
	{
		source = palloc(sizeof(SmkRequest));
		*source = *request;
		source->period = request->period == SMK_DAY || request->period == SMK_WEEK ? SMK_DAY : SMK_MONTH;
		source =
			request_over(source, smk_zone_first_instant(request->zone, date_months_before(first_end, 12)),
						 smk_zone_first_instant(request->zone, running));
		ranges = one_range(
			source,
			psprintf("SELECT day::date AS period_start\n"
					 "    FROM generate_series(greatest(%s, %s)::timestamp,\n"
					 "        least(part.period_start + interval '1 year' - interval '%s', %s - interval "
					 "'1 day'), interval '%s') AS day%s",
					 smk_request_bucket_of(request, "part.period_start"), smk_date_literal(request->first),
					 step, smk_date_literal(running), step, smk_request_without_skipped(request)));
	}
	if (running < request->end && smk_zone_first_instant(request->zone, running) < cut_of(request))
	{
		source = palloc(sizeof(SmkRequest));
		*source = *request;
		source->is_all = true;
		source =
			request_over(source, instant_of(request, months_before(clocks_at(request, cut_of(request)), 12)),
						 cut_of(request));
		ranges = list_concat(
			ranges, one_range(source, psprintf("SELECT %s AS period_start", smk_date_literal(running))));
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
	TimestampTz cut = cut_of(request);
	DateADT last = smk_zone_local_date(request->zone, cut - 1);
	DateADT first = last;
	SmkRequest *months = palloc(sizeof(SmkRequest));
	char *targets = "SELECT NULL::date AS period_start";

	*months = *request;
	months->is_all = false;
	months->period = SMK_MONTH;
	if (!request->is_all)
	{
		first = smk_period_next(request->period, request->first, request->config->fiscal_year_start) - 1;
		targets = psprintf(
			"SELECT day::date AS period_start\n    FROM generate_series(%s::timestamp, %s - interval '1 "
			"day', interval "
			"'%s') AS day\n    WHERE date_trunc('month', least(%s - 1, %s)::timestamp)\n        BETWEEN "
			"part.period_start + interval '1 month' AND part.period_start + interval '11 months'",
			smk_date_literal(request->first), smk_date_literal(request->end),
			smk_period_step(request->period), smk_request_period_end_of(request, "day::date"),
			smk_date_literal(last));
	}
	first = smk_period_start_of_date(SMK_MONTH, Min(first, last), 1);
	months =
		request_over(months, smk_zone_first_instant(request->zone, date_months_before(first, 11)),
					 smk_zone_first_instant(request->zone, smk_period_start_of_date(SMK_MONTH, last, 1)));
	return list_concat(one_range(unconstify(SmkRequest *, request), NULL), one_range(months, targets));
}

/*
 * The ranges to be read for a shift of what happens in a period, or is there at its end; none where there is
 * nothing to compare with.
 */
List *
smk_shift_ranges(const SmkRequest *request, SmkShift shift, bool is_at_close)
{
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
	source = request_over(
		request,
		is_at_close ? smk_zone_first_instant(request->zone, source_of(request, shift, request->first))
					: compared_instant(request, shift, request->since),
		cut_of(request) > request->since ? compared_instant(request, shift, cut_of(request))
										 : compared_instant(request, shift, request->since));
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
	TimestampTz since = DT_NOEND;
	TimestampTz until = DT_NOBEGIN;
	int64 sum = 0;
	ListCell *cell;

	foreach (cell, ranges)
	{
		const SmkRequest *shifted = ((SmkShifted *) lfirst(cell))->request;

		if (!shifted->has_since)
			return NULL;
		since = Min(since, shifted->since);
		until = Max(until, shifted->until);
		sum += shifted->until - shifted->since;
	}
	if (list_length(ranges) < 2 || sum < (until - since) / 3 * 2)
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
		TimestampTz at = shift == SMK_SHIFT_PREVIOUS
							 ? request->since
							 : instant_of(request, months_before(clocks_at(request, cut_of(request)),
																 shift == SMK_SHIFT_TRAILING ? 11 : 12));

		return psprintf("%s < %s", begins_on, smk_date_literal(smk_request_date_from(request, at)));
	}
	if (shift == SMK_SHIFT_PREVIOUS)
		return psprintf("%s < cell.period_start", begins_on);
	end = smk_request_period_end_of(request, "cell.period_start");
	if (shift == SMK_SHIFT_TRAILING)
	{
		/* A period that has not begun has no twelve months yet. */
		char *begun = request->partial_from < request->end
						  ? psprintf(" AND cell.period_start <= %s", smk_date_literal(request->partial_from))
						  : "";

		return psprintf("%s < (%s - interval '11 months')%s", begins_on, end, begun);
	}
	if (request->period == SMK_WEEK)
		return psprintf("%s < %s - 364", begins_on, end);
	return psprintf("%s < (%s - interval '1 year')", begins_on, end);
}
