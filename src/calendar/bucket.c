/*
 * bucket.c: the period of many instants, with a bounded memory of what was looked up.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "calendar/calendar.h"

/* Parameters that change with every row must not pay for a table: it comes after so many lookups, and then grows. */
#define FIRST_BLOCKS_AFTER 16
#define FIRST_BLOCKS 256
#define GROWTH 4

/*
 * Within these bounds neither a block nor a period that touches it leaves the valid range, so that filling a block
 * raises no error that concerns another row only.
 */
#define MIN_BLOCK_TIME (MIN_TIMESTAMP + 1000 * USECS_PER_DAY)
#define MAX_BLOCK_TIME (END_TIMESTAMP - 1000 * USECS_PER_DAY)

/* Prepares a bucket whose blocks will live in the given context; the zone and the period are still to be set. */
void
smk_bucket_init(SmkBucket *bucket, MemoryContext context)
{
	memset(bucket, 0, sizeof(SmkBucket));
	bucket->context = context;
	bucket->blocks = &bucket->none;
	bucket->none.block = SMK_BLOCK_NONE;
}

/* Sets the period and forgets what was looked up; also to be called after the zone was changed. */
void
smk_bucket_set(SmkBucket *bucket, SmkPeriod period, int first_month, bool want_end)
{
	smk_period_check_first_month(first_month);
	if (bucket->blocks != &bucket->none)
		pfree(bucket->blocks);
	bucket->blocks = &bucket->none;
	bucket->mask = 0;
	bucket->misses = 0;
	bucket->period = period;
	bucket->first_month = first_month;
	bucket->want_end = want_end;
}

/* The answer for a local date, and the first date that has another one. */
static DateADT
bucket_answer(const SmkBucket *bucket, DateADT date, DateADT *next)
{
	DateADT		start = smk_period_start_of_date(bucket->period, date, bucket->first_month);

	*next = smk_period_next(bucket->period, start, bucket->first_month);
	return bucket->want_end ? *next : start;
}

/* Computes a block; false if the answer changes more than once in it. */
static bool
bucket_fill(const SmkBucket *bucket, SmkBucketBlock *block, int32 number)
{
	TimestampTz start = (int64) number * (SMK_BLOCK_MASK + 1);
	TimestampTz end = start + SMK_BLOCK_MASK + 1;
	TimestampTz at = start;

	block->block = SMK_BLOCK_NONE;
	block->split = PG_UINT32_MAX;
	while (at < end)
	{
		SmkZoneSegment segment = smk_zone_segment(&bucket->zone, at);
		TimestampTz segment_end = Min(segment.until, end);

		while (at < segment_end)
		{
			int64		local = at + segment.offset * USECS_PER_SEC;
			DateADT		date = (DateADT) (local / USECS_PER_DAY - (local % USECS_PER_DAY < 0 ? 1 : 0));
			DateADT		next;
			DateADT		answer = bucket_answer(bucket, date, &next);

			if (at == start)
				block->before = block->after = answer;
			else if (answer != block->after)
			{
				if (block->split != PG_UINT32_MAX)
					return false;
				Assert((at - start) % (1 << SMK_SPLIT_BITS) == 0);
				block->split = (uint32) ((at - start) >> SMK_SPLIT_BITS);
				block->after = answer;
			}
			at = Min(next * USECS_PER_DAY - segment.offset * USECS_PER_SEC, segment_end);
		}
	}
	block->block = number;
	return true;
}

static void
bucket_enlarge(SmkBucket *bucket)
{
	int			old_count = bucket->blocks == &bucket->none ? 0 : bucket->mask + 1;
	int			count = old_count == 0 ? FIRST_BLOCKS : old_count * GROWTH;
	SmkBucketBlock *blocks;
	int			i;

	blocks = (SmkBucketBlock *) MemoryContextAlloc(bucket->context, count * sizeof(SmkBucketBlock));
	for (i = 0; i < count; i++)
		blocks[i].block = SMK_BLOCK_NONE;
	for (i = 0; i < old_count; i++)
	{
		if (bucket->blocks[i].block != SMK_BLOCK_NONE)
			blocks[bucket->blocks[i].block & (count - 1)] = bucket->blocks[i];
	}
	if (old_count > 0)
		pfree(bucket->blocks);
	bucket->blocks = blocks;
	bucket->mask = count - 1;
	bucket->misses = 0;
}

/* The answer for an instant whose block is not known yet; remembers the block if it can. */
DateADT
smk_bucket_miss(SmkBucket *bucket, TimestampTz at)
{
	int			count = bucket->blocks == &bucket->none ? 0 : bucket->mask + 1;
	DateADT		start;

	if (at >= MIN_BLOCK_TIME && at < MAX_BLOCK_TIME)
	{
		if (++bucket->misses > (count == 0 ? FIRST_BLOCKS_AFTER : count) && count < SMK_BUCKET_MAX_BLOCKS)
		{
			bucket_enlarge(bucket);
			count = bucket->mask + 1;
		}
		if (count > 0)
		{
			int32		number = (int32) (at >> SMK_BLOCK_BITS);

			if (bucket_fill(bucket, &bucket->blocks[number & bucket->mask], number))
				return smk_bucket_date(bucket, at);
		}
	}
	start = smk_period_start_of_date(bucket->period, smk_zone_local_date(&bucket->zone, at), bucket->first_month);
	return bucket->want_end ? smk_period_next(bucket->period, start, bucket->first_month) : start;
}

/*
 * The instants [lower, upper) of the period that an instant is in. Where the clocks went back over the first midnight
 * of a period, the time before they went back belongs to the period before.
 */
void
smk_bucket_range(const SmkBucket *bucket, TimestampTz at, TimestampTz *lower, TimestampTz *upper)
{
	DateADT		date = smk_zone_local_date(&bucket->zone, at);
	DateADT		start = smk_period_start_of_date(bucket->period, date, bucket->first_month);

	*lower = smk_zone_first_instant(&bucket->zone, start);
	while (*lower > at)
	{
		start = smk_period_start_of_date(bucket->period, start - 1, bucket->first_month);
		*lower = smk_zone_first_instant(&bucket->zone, start);
	}
	*upper = smk_zone_first_instant(&bucket->zone, smk_period_next(bucket->period, start, bucket->first_month));
}
