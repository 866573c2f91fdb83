/*
 * business.c: open time between instants. A calendar counts the open microseconds until any instant: between
 * two changes of the zone's offset as on local clocks that never change, and before that a table of those
 * changes tells.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "calendar/business.h"
#include "calendar/calendar.h"
#include "calendar/week.h"
#include "compat.h"

/*
 * The years that the table of changes covers; holidays are well within. Before, zones keep one offset, and
 * after them the rules of today go on, so both repeat with the Gregorian calendar: every 400 years, which are
 * whole weeks.
 */
#define FIRST_YEAR 1800
#define END_YEAR 2201
#define CYCLE (INT64CONST(146097) * USECS_PER_DAY)

/* From an instant on the offset does not change until the next stretch. */
typedef struct Stretch
{
	TimestampTz at;
	int64 offset; /* microseconds east of Greenwich */
	int64 open;	  /* open microseconds until it begins, as its era counts */
	int64 base;	  /* open - smk_week_open() of its first local time */
} Stretch;

/* Part of the time that is tabulated when it is first asked for. */
typedef struct Era
{
	TimestampTz start;
	TimestampTz end;
	int64 total; /* open microseconds in it */
	int count;	 /* 0: not yet tabulated */
	Stretch *stretches;
	int *slots; /* the stretch at the start of each SLOT, where the search for that of an instant begins */
} Era;

/* About a season, so that few changes of an offset are within one. */
#define SLOT_BITS 43

struct SmkCalendar
{
	SmkZone zone;
	SmkWeek week;
	int64 start; /* the count when the era present begins: so that it is 0 at 2000-01-01, and fits for all
					timestamps */
	Era *past;	 /* one cycle, that all before it repeat */
	Era *present;
	Era *future; /* one cycle, that all after it repeat */
	MemoryContext context;
};

/* Tabulates an era. */
static void
era_fill(const SmkCalendar *calendar, Era *era)
{
	const SmkWeek *week = &calendar->week;
	int count;
	const SmkZoneChange *changes = smk_zone_changes(&calendar->zone, era->start, era->end, &count);
	Stretch *stretches = MemoryContextAlloc(calendar->context, count * sizeof(Stretch));
	int64 open = 0;

	for (int i = 0; i < count; i++)
	{
		TimestampTz end = i + 1 < count ? changes[i + 1].at : era->end;

		stretches[i].at = changes[i].at;
		stretches[i].offset = changes[i].offset;
		stretches[i].open = open;
		stretches[i].base = open - smk_week_open(week, changes[i].at + changes[i].offset);
		open = stretches[i].base + smk_week_open(week, end + changes[i].offset);
	}
	era->slots =
		MemoryContextAlloc(calendar->context, (((era->end - era->start) >> SLOT_BITS) + 1) * sizeof(int));
	for (int64 slot = 0, i = 0; slot <= (era->end - era->start) >> SLOT_BITS; slot++)
	{
		while (i + 1 < count && changes[i + 1].at <= era->start + (slot << SLOT_BITS))
			i++;
		era->slots[slot] = i;
	}
	era->total = open;
	era->stretches = stretches;
	era->count = count;
}

/* The open microseconds from the start of an era until an instant in it. */
static int64
era_open(const SmkCalendar *calendar, const Era *era, TimestampTz at)
{
	int i = era->slots[(at - era->start) >> SLOT_BITS];

	while (i + 1 < era->count && era->stretches[i + 1].at <= at)
		i++;
	return era->stretches[i].base + smk_week_open(&calendar->week, at + era->stretches[i].offset);
}

/* The earliest instant of an era at which era_open says so many microseconds, 1 to its total. */
static TimestampTz
era_reach(const SmkCalendar *calendar, const Era *era, int64 open)
{
	int low = 0;
	int high = era->count;

	while (high - low > 1)
	{
		int middle = low + (high - low) / 2;

		if (era->stretches[middle].open < open)
			low = middle;
		else
			high = middle;
	}
	return smk_week_reach(&calendar->week, open - era->stretches[low].base) - era->stretches[low].offset;
}

static Era *
calendar_era(SmkCalendar *calendar, TimestampTz start, TimestampTz end)
{
	Era *era = MemoryContextAllocZero(calendar->context, sizeof(Era));

	era->start = start;
	era->end = end;
	return era;
}

/* The era, tabulated. */
static const Era *
calendar_fill(const SmkCalendar *calendar, Era *era)
{
	if (era->count == 0)
		era_fill(calendar, era);
	return era;
}

static TimestampTz
calendar_year(int year)
{
	return (date2j(year, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

/*
 * Raises an error for an abbreviation: CET and EST have no summer, and some stand for several zones. That an
 * office opens an hour late all summer shows in no figure.
 */
static void
calendar_check_zone(const SmkZone *zone)
{
	if (zone->kind != SMK_ZONE_FULL && pg_strcasecmp(zone->name, "UTC") != 0 &&
		pg_strcasecmp(zone->name, "GMT") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is an abbreviation, which follows no daylight saving", zone->name),
				 errhint("Give a full name, for example Europe/Paris: SELECT name FROM pg_timezone_names "
						 "lists them.")));
}

/* Names the calendar that an error is about. */
static void
calendar_error_context(void *name)
{
	errcontext("calendar \"%s\"", (const char *) name);
}

/* A calendar in memory of the context, which must outlive it; raises an error for what define_calendar
 * refuses. */
SmkCalendar *
smk_calendar_create(const char *name, const char *time_zone, Jsonb *hours, ArrayType *holidays,
					MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	SmkCalendar *calendar = palloc0(sizeof(SmkCalendar));
	TimestampTz start = calendar_year(FIRST_YEAR);
	TimestampTz end = calendar_year(END_YEAR);
	ErrorContextCallback error_context = {error_context_stack, calendar_error_context, (void *) name};
	SmkZone *zone;

	error_context_stack = &error_context;
	zone = smk_zone_lookup(time_zone);
	calendar_check_zone(zone);
	calendar->context = context;
	calendar->zone = *zone;
	pfree(zone);
	smk_week_init(&calendar->week, hours, holidays);
	calendar->past = calendar_era(calendar, start - CYCLE, start);
	calendar->present = calendar_era(calendar, start, end);
	calendar->future = calendar_era(calendar, end, end + CYCLE);
	calendar->start = -era_open(calendar, calendar_fill(calendar, calendar->present), 0);
	error_context_stack = error_context.previous;
	MemoryContextSwitchTo(old_context);
	return calendar;
}

/* The quotient rounded down; the divisor is positive. */
static inline int64
calendar_floor_divide(int64 dividend, int64 divisor)
{
	return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

/* The open microseconds until an instant, counted from 2000-01-01 UTC; less than 0 before it. */
static int64
calendar_open(const SmkCalendar *calendar, TimestampTz at)
{
	const Era *present = calendar->present;
	const Era *era;
	int64 cycles;

	if (likely(at >= present->start && at < present->end))
		return calendar->start + era_open(calendar, present, at);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("open hours of an infinite time cannot be counted"),
						errhint("Leave such rows out, or put a time in their place.")));
	if (at < present->start)
	{
		era = calendar_fill(calendar, calendar->past);
		cycles = calendar_floor_divide(at - present->start, CYCLE);
		return calendar->start + cycles * era->total + era_open(calendar, era, at - (cycles + 1) * CYCLE);
	}
	era = calendar_fill(calendar, calendar->future);
	cycles = (at - present->end) / CYCLE;
	return calendar->start + present->total + cycles * era->total +
		   era_open(calendar, era, at - cycles * CYCLE);
}

pg_noreturn static void
calendar_out_of_range(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
}

/* The earliest instant at which calendar_open says so many microseconds. */
static TimestampTz
calendar_reach(const SmkCalendar *calendar, int64 open)
{
	const Era *era = calendar->present;
	int64 cycles = 0;
	int64 shift = 0;
	TimestampTz at;

	open -= calendar->start;
	if (open <= 0)
	{
		era = calendar_fill(calendar, calendar->past);
		cycles = calendar_floor_divide(open - 1, era->total);
		open -= cycles * era->total;
		shift = cycles + 1;
	}
	else if (open > era->total)
	{
		open -= era->total;
		era = calendar_fill(calendar, calendar->future);
		shift = cycles = (open - 1) / era->total;
		open -= cycles * era->total;
	}
	at = era_reach(calendar, era, open);
	if (pg_mul_s64_overflow(shift, CYCLE, &shift) || pg_add_s64_overflow(at, shift, &at) ||
		!IS_VALID_TIMESTAMP(at))
		calendar_out_of_range();
	return at;
}

int64
smk_calendar_elapsed(const SmkCalendar *calendar, TimestampTz from_at, TimestampTz to_at)
{
	int64 from_open = calendar_open(calendar, from_at);
	int64 to_open = calendar_open(calendar, to_at);
	int64 elapsed;

	if (to_at <= from_at)
		return 0;
	if (pg_sub_s64_overflow(to_open, from_open, &elapsed))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("open hours out of range")));
	return elapsed;
}

TimestampTz
smk_calendar_add(const SmkCalendar *calendar, TimestampTz from_at, int64 microseconds)
{
	int64 open;

	if (pg_add_s64_overflow(calendar_open(calendar, from_at), microseconds, &open) ||
		open > PG_INT64_MAX - CYCLE || open < PG_INT64_MIN + CYCLE)
		calendar_out_of_range();
	/* The latest instant of a count, or the next opening, is a microsecond before the next count is reached.
	 */
	return microseconds > 0 ? calendar_reach(calendar, open) : calendar_reach(calendar, open + 1) - 1;
}
