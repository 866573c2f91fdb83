/*
 * calendar.h: reporting periods cut in a named time zone.
 *
 * Nothing here knows fmgr, except that errors are raised with ereport.
 */
#ifndef SMK_CALENDAR_H
#define SMK_CALENDAR_H

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "nodes/pg_list.h"
#include "utils/date.h"

/* Reporting periods; period_names in period.c follows this order. */
typedef enum SmkPeriod
{
	SMK_DAY,
	SMK_WEEK,
	SMK_MONTH,
	SMK_QUARTER,
	SMK_YEAR,
	SMK_FISCAL_QUARTER,
	SMK_FISCAL_YEAR
} SmkPeriod;

#define SMK_PERIOD_COUNT (SMK_FISCAL_YEAR + 1)

/* What a zone name stands for; the three kinds that AT TIME ZONE knows. */
typedef enum SmkZoneKind
{
	SMK_ZONE_OFFSET,			/* abbreviation with a fixed offset, like CET */
	SMK_ZONE_DYNAMIC,			/* abbreviation whose offset a full zone tells, like MSK */
	SMK_ZONE_FULL				/* full name or POSIX specification */
} SmkZoneKind;

/* A time zone; a plain value that holds no memory of its own and may be copied. */
typedef struct SmkZone
{
	SmkZoneKind kind;
	int			offset;			/* SMK_ZONE_OFFSET: seconds east of Greenwich */
	pg_tz	   *tz;				/* the other kinds: lives as long as the backend */
	char		name[TZ_STRLEN_MAX + 1];	/* as given */
} SmkZone;

/* A stretch of time from a given instant on over which the offset of a zone does not change. */
typedef struct SmkZoneSegment
{
	int			offset;			/* seconds east of Greenwich */
	TimestampTz until;			/* first instant after it, PG_INT64_MAX if it never ends */
} SmkZoneSegment;

/* From an instant on a zone has that offset, until the next change of it. */
typedef struct SmkZoneChange
{
	TimestampTz at;
	int64		offset;			/* microseconds east of Greenwich */
} SmkZoneChange;

/*
 * A block of 2^36 microseconds (19 hours) of UTC time, in which the answer changes at most once. Offsets are whole
 * seconds, and a second is a multiple of 64 microseconds, so the split in units of 64 microseconds is exact.
 */
typedef struct SmkBucketBlock
{
	int32		block;			/* instant >> SMK_BLOCK_BITS */
	uint32		split;			/* units of 64 microseconds from the start of the block */
	DateADT		before;			/* answer before the split */
	DateADT		after;			/* answer from the split on */
} SmkBucketBlock;

#define SMK_BLOCK_BITS 36
#define SMK_SPLIT_BITS 6
#define SMK_BLOCK_MASK ((INT64CONST(1) << SMK_BLOCK_BITS) - 1)
#define SMK_BLOCK_NONE PG_INT32_MIN

/* The most blocks that a bucket keeps: 256 kB, 35 years. */
#define SMK_BUCKET_MAX_BLOCKS 16384

/* Finds the period of many instants: the parameters, and the blocks looked up so far. */
typedef struct SmkBucket
{
	SmkPeriod	period;
	int			first_month;
	bool		want_end;		/* answer with the first date after the period instead of its first date */
	SmkZone		zone;
	MemoryContext context;		/* owns the blocks */
	SmkBucketBlock *blocks;		/* direct-mapped; &none until the parameters have been used a few times */
	int32		mask;			/* number of blocks - 1 */
	int			misses;			/* since the blocks were last enlarged */
	SmkBucketBlock none;
} SmkBucket;

/* period.c */
extern bool smk_period_parse(const char *name, SmkPeriod *period);
extern SmkPeriod smk_period_lookup(const char *name);
extern const char *smk_period_name(SmkPeriod period);
extern const char *smk_period_names(void);
extern void smk_period_check_first_month(int first_month);
extern DateADT smk_period_start_of_date(SmkPeriod period, DateADT date, int first_month);
extern DateADT smk_period_next(SmkPeriod period, DateADT start, int first_month);
extern int	smk_period_number(SmkPeriod period, DateADT start, int first_month);
extern DateADT smk_period_of_number(SmkPeriod period, int number, int first_month);

/* zone.c */
extern void smk_zone_init(SmkZone *zone, const char *name);
extern SmkZone *smk_zone_lookup(const char *name);
extern SmkZoneSegment smk_zone_segment(const SmkZone *zone, TimestampTz at);
extern const SmkZoneChange *smk_zone_changes(const SmkZone *zone, TimestampTz start, TimestampTz end, int *count);
extern DateADT smk_zone_local_date(const SmkZone *zone, TimestampTz at);
extern TimestampTz smk_zone_first_instant(const SmkZone *zone, DateADT date);
extern List *smk_zone_skipped_dates(const SmkZone *zone);

/* bucket.c */
extern void smk_bucket_init(SmkBucket *bucket, MemoryContext context);
extern void smk_bucket_set(SmkBucket *bucket, SmkPeriod period, int first_month, bool want_end);
extern DateADT smk_bucket_miss(SmkBucket *bucket, TimestampTz at);
extern void smk_bucket_range(const SmkBucket *bucket, TimestampTz at, TimestampTz *lower, TimestampTz *upper);

/* The local date on which the period of an instant begins (or the first one after it): a few nanoseconds. */
static inline DateADT
smk_bucket_date(SmkBucket *bucket, TimestampTz at)
{
	int32		number = (int32) (at >> SMK_BLOCK_BITS);
	const SmkBucketBlock *block = &bucket->blocks[number & bucket->mask];

	if (likely(block->block == number))
		return (uint32) ((at & SMK_BLOCK_MASK) >> SMK_SPLIT_BITS) < block->split ? block->before : block->after;
	return smk_bucket_miss(bucket, at);
}

#endif
