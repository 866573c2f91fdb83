/*
 * zone.c: the local date of an instant in a zone, and the first instant of a local date.
 */
#include "postgres.h"

#include "parser/scansup.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "calendar/calendar.h"

/* No zone is further from Greenwich: the limit of a POSIX specification is just below a week. */
#define MAX_OFFSET_DAYS 8

#define UNIX_EPOCH_SECONDS ((pg_time_t) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* 16 introduced DecodeTimezoneName and these names (5b3c5953553b); before, the steps stand in timestamptz_zone. */
#ifndef TZNAME_FIXED_OFFSET
#define TZNAME_FIXED_OFFSET 0
#define TZNAME_DYNTZ 1
#define TZNAME_ZONE 2

static int
DecodeTimezoneName(const char *tzname, int *offset, pg_tz **tz)
{
	char	   *lowzone = downcase_truncate_identifier(tzname, strlen(tzname), false);
	int			type = DecodeTimezoneAbbrev(0, lowzone, offset, tz);

	if (type == TZ || type == DTZ)
		return TZNAME_FIXED_OFFSET;
	if (type == DYNTZ)
		return TZNAME_DYNTZ;
	*tz = pg_tzset(tzname);
	if (*tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", tzname)));
	return TZNAME_ZONE;
}
#endif

/* Finds what AT TIME ZONE finds under a name, or raises the same error. */
void
smk_zone_init(SmkZone *zone, const char *name)
{
	memset(zone, 0, sizeof(SmkZone));
	strlcpy(zone->name, name, sizeof(zone->name));
	switch (DecodeTimezoneName(zone->name, &zone->offset, &zone->tz))
	{
		case TZNAME_FIXED_OFFSET:
			zone->kind = SMK_ZONE_OFFSET;
			break;
		case TZNAME_DYNTZ:
			zone->kind = SMK_ZONE_DYNAMIC;
			break;
		default:
			zone->kind = SMK_ZONE_FULL;
	}
}

/* Tells where the names stand that the server knows. */
static void
zone_hint(void *arg)
{
	(void) arg;
	if (geterrcode() == ERRCODE_INVALID_PARAMETER_VALUE)
		errhint("SELECT name FROM pg_timezone_names lists them, for example Europe/Paris.");
}

/* The same, in memory of the current context; the error has a hint. */
SmkZone *
smk_zone_lookup(const char *name)
{
	SmkZone    *zone = (SmkZone *) palloc(sizeof(SmkZone));
	ErrorContextCallback context = {error_context_stack, zone_hint, NULL};

	error_context_stack = &context;
	smk_zone_init(zone, name);
	error_context_stack = context.previous;
	return zone;
}

/* The quotient rounded down; the divisor is positive. */
static inline int64
zone_floor_divide(int64 dividend, int64 divisor)
{
	int64		quotient = dividend / divisor;

	return quotient - (dividend % divisor < 0 ? 1 : 0);
}

static inline pg_time_t
zone_unix_time(TimestampTz at)
{
	return zone_floor_divide(at, USECS_PER_SEC) + UNIX_EPOCH_SECONDS;
}

/* The offset that AT TIME ZONE applies at an instant, in seconds east of Greenwich. */
static int
zone_offset(const SmkZone *zone, TimestampTz at)
{
	pg_time_t	unix_time;
	struct pg_tm *local;
	int			is_dst;

	if (zone->kind == SMK_ZONE_OFFSET)
		return zone->offset;
	if (zone->kind == SMK_ZONE_DYNAMIC)
		return -DetermineTimeZoneAbbrevOffsetTS(at, zone->name, zone->tz, &is_dst);
	unix_time = zone_unix_time(at);
	local = pg_localtime(&unix_time, zone->tz);
	if (local == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return (int) local->tm_gmtoff;
}

/* The next instant after the given one at which the zone's rules change, PG_INT64_MAX if there is none. */
static TimestampTz
zone_next_transition(const SmkZone *zone, TimestampTz at)
{
	pg_time_t	unix_time = zone_unix_time(at);
	pg_time_t	boundary;
	long int	before;
	long int	after;
	int			before_dst;
	int			after_dst;
	int			found;

	found = pg_next_dst_boundary(&unix_time, &before, &before_dst, &boundary, &after, &after_dst, zone->tz);
	if (found == 0)
	{
		/* On the last instant of its table the server looks no further, although the rules may go on. */
		unix_time++;
		found = pg_next_dst_boundary(&unix_time, &before, &before_dst, &boundary, &after, &after_dst, zone->tz);
	}
	if (found < 0)
		elog(ERROR, "could not find the next transition of time zone \"%s\"", zone->name);
	if (found == 0 || boundary - UNIX_EPOCH_SECONDS > END_TIMESTAMP / USECS_PER_SEC)
		return PG_INT64_MAX;
	return (boundary - UNIX_EPOCH_SECONDS) * USECS_PER_SEC;
}

/*
 * The offset at an instant, and how long it lasts at least. The offset is asked for and not taken from
 * pg_next_dst_boundary, which before the first transition does not say what pg_localtime says.
 */
SmkZoneSegment
smk_zone_segment(const SmkZone *zone, TimestampTz at)
{
	SmkZoneSegment segment;
	TimestampTz last;
	TimestampTz same;

	segment.offset = zone_offset(zone, at);
	segment.until = PG_INT64_MAX;
	if (zone->kind == SMK_ZONE_OFFSET)
		return segment;
	segment.until = zone_next_transition(zone, at);
	if (zone->kind == SMK_ZONE_FULL || segment.until == PG_INT64_MAX)
		return segment;

	/* A dynamic abbreviation that its zone does not use takes the coming offset when the local time first repeats. */
	last = segment.until - USECS_PER_SEC;
	if (last <= at || zone_offset(zone, last) == segment.offset)
		return segment;
	same = zone_floor_divide(at, USECS_PER_SEC) * USECS_PER_SEC;
	while (last - same > USECS_PER_SEC)
	{
		TimestampTz middle = same + (last - same) / USECS_PER_SEC / 2 * USECS_PER_SEC;

		if (zone_offset(zone, middle) == segment.offset)
			same = middle;
		else
			last = middle;
	}
	segment.until = last;
	return segment;
}

/* The changes of a zone's offset in a range of time, kept as long as the backend. */
typedef struct ZoneChanges
{
	struct ZoneChanges *next;
	SmkZone		zone;
	TimestampTz start;
	TimestampTz end;
	int			count;
	SmkZoneChange changes[FLEXIBLE_ARRAY_MEMBER];
} ZoneChanges;

/*
 * The offset at the start of a range of time, as a change then, and every change of it before the end. They are looked
 * up once in a backend: a zone has at most a few hundred in a century, and few ranges are asked for.
 */
const SmkZoneChange *
smk_zone_changes(const SmkZone *zone, TimestampTz start, TimestampTz end, int *count)
{
	static ZoneChanges *all = NULL;
	ZoneChanges *known;
	TimestampTz at = start;
	int			size = 64;

	for (known = all; known != NULL; known = known->next)
	{
		if (known->start == start && known->end == end && memcmp(&known->zone, zone, sizeof(SmkZone)) == 0)
		{
			*count = known->count;
			return known->changes;
		}
	}
	known = (ZoneChanges *) palloc(offsetof(ZoneChanges, changes) + size * sizeof(SmkZoneChange));
	known->count = 0;
	while (at < end)
	{
		SmkZoneSegment segment = smk_zone_segment(zone, at);
		int64		offset = segment.offset * USECS_PER_SEC;

		if (known->count == 0 || known->changes[known->count - 1].offset != offset)
		{
			if (known->count == size)
			{
				size *= 2;
				known = (ZoneChanges *) repalloc(known, offsetof(ZoneChanges, changes) + size * sizeof(SmkZoneChange));
			}
			known->changes[known->count].at = at;
			known->changes[known->count].offset = offset;
			known->count++;
		}
		at = segment.until;
	}
	known->zone = *zone;
	known->start = start;
	known->end = end;

	/* Kept only now that nothing can fail any more. */
	size = offsetof(ZoneChanges, changes) + known->count * sizeof(SmkZoneChange);
	known = (ZoneChanges *) memcpy(MemoryContextAlloc(TopMemoryContext, size), known, size);
	known->next = all;
	all = known;
	*count = known->count;
	return known->changes;
}

/* The date that the clocks of the zone show at an instant. */
DateADT
smk_zone_local_date(const SmkZone *zone, TimestampTz at)
{
	int64		date;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an infinite timestamp is in no period")));
	date = zone_floor_divide(at + zone_offset(zone, at) * USECS_PER_SEC, USECS_PER_DAY);
	if (!IS_VALID_DATE(date))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range")));
	return (DateADT) date;
}

/*
 * The instant from which on the clocks of the zone never show an earlier date. A date that the zone skipped has the
 * first instant of the next one.
 */
TimestampTz
smk_zone_first_instant(const SmkZone *zone, DateADT date)
{
	int64		midnight;
	TimestampTz first;
	TimestampTz at;
	bool		found = false;

	if (date < (MIN_TIMESTAMP / USECS_PER_DAY) || date > (END_TIMESTAMP / USECS_PER_DAY))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	midnight = date * USECS_PER_DAY;
	at = Max(midnight - MAX_OFFSET_DAYS * USECS_PER_DAY, MIN_TIMESTAMP);
	first = at;
	while (at < END_TIMESTAMP && at <= midnight + MAX_OFFSET_DAYS * USECS_PER_DAY)
	{
		SmkZoneSegment segment = smk_zone_segment(zone, at);
		TimestampTz reached = midnight - segment.offset * USECS_PER_SEC;

		if (!found || at < reached)
			first = Min(reached, segment.until);
		found = true;
		at = segment.until;
	}
	if (!IS_VALID_TIMESTAMP(first))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return first;
}

/*
 * The dates that the clocks of the zone skipped (Apia, 30 December 2011), as a palloc'd list of integers: those of the
 * times that CRMs keep, from 1900 to 2100.
 */
List *
smk_zone_skipped_dates(const SmkZone *zone)
{
	TimestampTz at = (INT64CONST(-36524) * USECS_PER_DAY);
	TimestampTz until = (INT64CONST(36525) * USECS_PER_DAY);
	SmkZoneSegment segment = smk_zone_segment(zone, at);
	List	   *dates = NIL;

	while (segment.until < until)
	{
		SmkZoneSegment next = smk_zone_segment(zone, segment.until);

		if (next.offset - segment.offset >= SECS_PER_DAY / 2)
		{
			DateADT		before = smk_zone_local_date(zone, segment.until - 1);
			DateADT		after = smk_zone_local_date(zone, segment.until);

			for (DateADT date = before + 1; date < after; date++)
				dates = lappend_int(dates, date);
		}
		segment = next;
	}
	return dates;
}
