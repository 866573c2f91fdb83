/*
 * durations.c: the visits of one entity, and the sums over many.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/memutils.h"

#include "funnel/durations.h"
#include "timeline/sort.h"
#include "timeline/varint.h"

/* An empty summary; what it allocates later lives in the context that is current then. */
void
smk_durations_init(SmkDurationSummary *summary)
{
	memset(summary, 0, sizeof(*summary));
	summary->is_empty = true;
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
		smk_sketch_init(&summary->stages[i].closed);
}

/* Makes room for so many open visits more. */
static void
open_reserve(SmkStageVisits *visits, int64 more)
{
	int64 size = Max(visits->open_count + more, visits->open_size * 2);

	if (visits->open_count + more <= visits->open_size)
		return;
	size = Max(size, 8);
	visits->open = visits->open_size ? repalloc_huge(visits->open, size * sizeof(uint64))
									 : MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(uint64));
	visits->open_size = size;
}

/*
 * Adds an entity by its events, sorted; there is at least one. A visit lasts until the next event of another
 * stage; the last one is open.
 */
void
smk_durations_add(SmkDurationSummary *summary, const uint64 *words, int64 count)
{
	int64 began = smk_word_time(words[0]);
	int64 last = smk_word_time(words[count - 1]);
	SmkStageVisits *visits = &summary->stages[smk_word_code(words[0])];

	for (int64 i = 1; i < count; i++)
	{
		int64 at = smk_word_time(words[i]);
		SmkStageVisits *next = &summary->stages[smk_word_code(words[i])];

		if (next == visits)
			continue;
		visits->total += (uint128) (at - began);
		smk_sketch_add(&visits->closed, at - began);
		visits = next;
		began = at;
	}
	open_reserve(visits, 1);
	visits->open[visits->open_count++] = (uint64) began ^ SMK_WORD_SIGN;
	summary->last = summary->is_empty ? last : Max(summary->last, last);
	summary->is_empty = false;
}

/* How many visits there are, which has room in every summary. */
static int64
visits_count(const SmkStageVisits *visits)
{
	return visits->closed.count + visits->open_count;
}

/* True where the sum of visits can be that of those of the distribution: no merge makes it larger. */
static bool
total_is_valid(const SmkStageVisits *visits)
{
	uint128 total = 0;

	if (!visits->closed.is_exact)
		return visits->total <= (uint128) visits->closed.count * (2 * (uint128) SMK_WORD_MAX_TIME);
	for (int i = 0; i < visits->closed.distinct; i++)
	{
		if (visits->closed.values[i] > 2 * SMK_WORD_MAX_TIME)
			return false;
		total += (uint128) visits->closed.values[i] * (uint128) visits->closed.counts[i];
	}
	return visits->total == total;
}

/* Adds a summary of other entities, which stays as it is. False, and nothing done, where a count has no room.
 */
bool
smk_durations_merge(SmkDurationSummary *into, const SmkDurationSummary *other)
{
	if (other->is_empty)
		return true;
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
		if (visits_count(&other->stages[i]) > PG_INT64_MAX - visits_count(&into->stages[i]))
			return false;
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
	{
		SmkStageVisits *visits = &into->stages[i];
		const SmkStageVisits *more = &other->stages[i];

		visits->total += more->total;
		smk_sketch_merge(&visits->closed, &more->closed);
		if (more->open_count == 0)
			continue;
		open_reserve(visits, more->open_count);
		memcpy(visits->open + visits->open_count, more->open, more->open_count * sizeof(uint64));
		visits->open_count += more->open_count;
	}
	into->last = into->is_empty ? other->last : Max(into->last, other->last);
	into->is_empty = false;
	return true;
}

/* The hours of all visits until then, which is not before the last event: exact in microseconds. */
double
smk_durations_hours(const SmkStageVisits *visits, int64 as_of)
{
	uint128 total = visits->total;

	for (int64 i = 0; i < visits->open_count; i++)
		total += (uint128) (as_of - (int64) (visits->open[i] ^ SMK_WORD_SIGN));
	return (double) (total / USECS_PER_HOUR) + (double) (total % USECS_PER_HOUR) / USECS_PER_HOUR;
}

/* Writes the summary: version; of one that is not empty the last time, and of each stage its visits. */
void
smk_durations_write(const SmkDurationSummary *summary, StringInfo out)
{
	SmkSortSpace space = {.context = CurrentMemoryContext};

	appendStringInfoCharMacro(out, SMK_DURATIONS_VERSION);
	if (summary->is_empty)
		return;
	smk_varint_append(out, (uint64) summary->last ^ SMK_WORD_SIGN);
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
	{
		const SmkStageVisits *visits = &summary->stages[i];
		uint64 before = 0;

		smk_sketch_write(&visits->closed, out);
		smk_varint_append(out, (uint64) visits->total);
		smk_varint_append(out, (uint64) (visits->total >> 64));
		/* Their order means nothing: equal summaries have equal bytes. */
		smk_sort(visits->open, visits->open_count, 1, &space);
		smk_varint_append(out, (uint64) visits->open_count);
		for (int64 n = 0; n < visits->open_count; n++)
		{
			smk_varint_append(out, visits->open[n] - before);
			before = visits->open[n];
		}
	}
	if (space.words != NULL)
		pfree(space.words);
}

/* Reads a time that has room in a word; false where it is none. */
static bool
read_time(const unsigned char **data, const unsigned char *end, uint64 before, uint64 *word)
{
	int64 at;

	if (!smk_varint_read(data, end, word) || *word > PG_UINT64_MAX - before)
		return false;
	*word += before;
	at = (int64) (*word ^ SMK_WORD_SIGN);
	return at >= -SMK_WORD_MAX_TIME && at <= SMK_WORD_MAX_TIME;
}

/* Reads a summary; false where the bytes are none. */
bool
smk_durations_read(SmkDurationSummary *summary, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	uint64 last;

	smk_durations_init(summary);
	if (size < 1 || *data++ != SMK_DURATIONS_VERSION)
		return false;
	if (data == end)
		return true;
	if (!read_time(&data, end, 0, &last))
		return false;
	summary->is_empty = false;
	summary->last = (int64) (last ^ SMK_WORD_SIGN);
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
	{
		SmkStageVisits *visits = &summary->stages[i];
		uint64 low;
		uint64 high;
		uint64 count;
		uint64 before = 0;

		if (!smk_sketch_read(&visits->closed, &data, end) || !smk_varint_read(&data, end, &low) ||
			!smk_varint_read(&data, end, &high) || !smk_varint_read(&data, end, &count))
			return false;
		visits->total = (uint128) high << 64 | low;
		/* Each takes a byte at least: nothing is allocated on the word of a count alone. */
		if (count > (uint64) (end - data) || (int64) count > PG_INT64_MAX - visits->closed.count ||
			!total_is_valid(visits))
			return false;
		if (count > 0)
			open_reserve(visits, (int64) count);
		for (uint64 n = 0; n < count; n++)
		{
			if (!read_time(&data, end, before, &before) || before > last)
				return false;
			visits->open[n] = before;
		}
		visits->open_count = (int64) count;
	}
	return data == end;
}
