/*
 * response.c: the clocks of one entity's triggers, and the sums over many.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "response/response.h"
#include "timeline/sort.h"
#include "timeline/varint.h"

/* Words of a record of what is due. */
#define DUE_WORDS (sizeof(SmkResponseDue) / sizeof(uint64))

/* An empty summary; it keeps the name, and what it allocates later lives in the context that is current then.
 */
void
smk_response_init(SmkResponseSummary *summary, int64 within, const char *calendar, int calendar_length)
{
	memset(summary, 0, sizeof(*summary));
	summary->within = within;
	summary->calendar = calendar;
	summary->calendar_length = calendar ? calendar_length : 0;
	summary->is_empty = true;
	smk_sketch_init(&summary->answered);
}

/* Sorts what is due, and makes one of what is due at one time. */
static void
due_settle(SmkResponseSummary *summary)
{
	SmkSortSpace space = {.context = CurrentMemoryContext};
	SmkResponseDue *due = summary->due;
	int64 kept = 0;

	smk_sort((uint64 *) due, summary->due_count, DUE_WORDS, &space);
	if (space.words != NULL)
		pfree(space.words);
	for (int64 i = 0; i < summary->due_count; i++)
	{
		if (kept > 0 && due[kept - 1].at == due[i].at)
			due[kept - 1].count += due[i].count;
		else
			due[kept++] = due[i];
	}
	summary->due_count = kept;
}

/* Makes room for so many more. */
static void
due_reserve(SmkResponseSummary *summary, int64 more)
{
	int64 size;

	if (summary->due_count + more <= summary->due_size)
		return;
	/* Out of hours many are due at one time. */
	due_settle(summary);
	if (summary->due_count + more <= summary->due_size / 2)
		return;
	size = Max(Max(summary->due_count + more, summary->due_size * 2), 8);
	summary->due = summary->due_size
					   ? repalloc_huge(summary->due, size * sizeof(SmkResponseDue))
					   : MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(SmkResponseDue));
	summary->due_size = size;
}

/* Triggers that nothing has ended. */
static int64
waiting(const SmkResponseSummary *summary)
{
	int64 count = 0;

	for (int64 i = 0; i < summary->due_count; i++)
		count += (int64) summary->due[i].count;
	return count;
}

/* The hours from one time to another that count, in microseconds. */
static inline int64
elapsed(const SmkResponseReader *reader, int64 from, int64 to)
{
	return reader->hours ? smk_calendar_elapsed(reader->hours, from, to) : to - from;
}

/* The time by which an answer to a trigger is due. */
static inline int64
due_at(const SmkResponseReader *reader, int64 from)
{
	int64 within = reader->summary->within;

	return reader->hours ? smk_calendar_add(reader->hours, from, within) : from + within;
}

/* A trigger is answered. */
static inline void
add_answer(SmkResponseReader *reader, int64 from, int64 to)
{
	int64 hours = elapsed(reader, from, to);

	smk_sketch_add(&reader->summary->answered, hours);
	reader->summary->late += hours > reader->summary->within;
}

/* It is stopped. */
static inline void
add_stop(SmkResponseReader *reader, int64 from, int64 to)
{
	if (due_at(reader, from) < to)
		reader->summary->missed++;
	else
		reader->summary->stopped++;
}

/* It waits. */
static inline void
add_due(SmkResponseReader *reader, int64 from)
{
	SmkResponseSummary *summary = reader->summary;

	due_reserve(summary, 1);
	summary->due[summary->due_count++] = (SmkResponseDue){(uint64) due_at(reader, from) ^ SMK_WORD_SIGN, 1};
}

/*
 * Adds an entity by its events, sorted; there is at least one. Every trigger has a clock of its own, and the
 * next event that is none ends those of all triggers before it.
 */
void
smk_response_add(SmkResponseReader *reader, const uint64 *words, int64 count)
{
	SmkResponseSummary *summary = reader->summary;
	int64 last = smk_word_time(words[count - 1]);
	int64 first = 0; /* of the triggers that wait */

	for (int64 i = 0; i < count; i++)
	{
		unsigned code = smk_word_code(words[i]);

		CHECK_FOR_INTERRUPTS();
		if (code == SMK_RESPONSE_TRIGGER)
			continue;
		for (; first < i; first++)
		{
			CHECK_FOR_INTERRUPTS();
			if (code == SMK_RESPONSE_ANSWER)
				add_answer(reader, smk_word_time(words[first]), smk_word_time(words[i]));
			else
				add_stop(reader, smk_word_time(words[first]), smk_word_time(words[i]));
		}
		first = i + 1;
	}
	for (; first < count; first++)
	{
		CHECK_FOR_INTERRUPTS();
		add_due(reader, smk_word_time(words[first]));
	}
	summary->last = summary->is_empty ? last : Max(summary->last, last);
	summary->is_empty = false;
}

/* True where both count the hours of the same calendar. */
bool
smk_response_same_calendar(const SmkResponseSummary *a, const SmkResponseSummary *b)
{
	return (a->calendar == NULL) == (b->calendar == NULL) && a->calendar_length == b->calendar_length &&
		   memcmp(a->calendar ? a->calendar : "", b->calendar ? b->calendar : "", a->calendar_length) == 0;
}

/* How many triggers there are, which has room in every summary. */
static int64
trigger_count(const SmkResponseSummary *summary)
{
	return summary->answered.count + summary->stopped + summary->missed + waiting(summary);
}

/*
 * Adds a summary of other entities, of the same limit and calendar, which stays as it is. False, and nothing
 * done, where a count has no room.
 */
bool
smk_response_merge(SmkResponseSummary *into, const SmkResponseSummary *other)
{
	if (other->is_empty)
		return true;
	if (trigger_count(other) > PG_INT64_MAX - trigger_count(into))
		return false;
	smk_sketch_merge(&into->answered, &other->answered);
	into->late += other->late;
	into->stopped += other->stopped;
	into->missed += other->missed;
	if (other->due_count > 0)
	{
		due_reserve(into, other->due_count);
		memcpy(into->due + into->due_count, other->due, other->due_count * sizeof(SmkResponseDue));
		into->due_count += other->due_count;
	}
	into->last = into->is_empty ? other->last : Max(into->last, other->last);
	into->is_empty = false;
	return true;
}

/* What there is at a time that is not before the last event. At its due time a trigger is not yet late. */
SmkResponseCounts
smk_response_counts(const SmkResponseSummary *summary, int64 as_of)
{
	SmkResponseCounts counts = {0};

	counts.triggers = trigger_count(summary);
	counts.answered = summary->answered.count;
	counts.late = summary->late;
	counts.in_time = counts.answered - counts.late;
	counts.unanswered = summary->missed;
	for (int64 i = 0; i < summary->due_count; i++)
	{
		if ((int64) (summary->due[i].at ^ SMK_WORD_SIGN) < as_of)
			counts.unanswered += (int64) summary->due[i].count;
		else
			counts.running += (int64) summary->due[i].count;
	}
	return counts;
}

/*
 * Writes the summary: version, limit, the calendar's length and one more (0: none) and name; of one that is
 * not empty the last time, what was answered and how many late, what was stopped, and what is due.
 */
void
smk_response_write(const SmkResponseSummary *summary, StringInfo out)
{
	uint64 before = 0;

	appendStringInfoCharMacro(out, SMK_RESPONSE_VERSION);
	smk_varint_append(out, (uint64) summary->within);
	smk_varint_append(out, summary->calendar ? (uint64) summary->calendar_length + 1 : 0);
	if (summary->calendar)
		appendBinaryStringInfo(out, summary->calendar, summary->calendar_length);
	if (summary->is_empty)
		return;
	smk_varint_append(out, (uint64) summary->last ^ SMK_WORD_SIGN);
	smk_sketch_write(&summary->answered, out);
	smk_varint_append(out, (uint64) summary->late);
	smk_varint_append(out, (uint64) summary->stopped);
	smk_varint_append(out, (uint64) summary->missed);
	/* Their order means nothing: equal summaries have equal bytes. */
	due_settle(unconstify(SmkResponseSummary *, summary));
	smk_varint_append(out, (uint64) summary->due_count);
	for (int64 i = 0; i < summary->due_count; i++)
	{
		smk_varint_append(out, summary->due[i].at - before);
		smk_varint_append(out, summary->due[i].count);
		before = summary->due[i].at;
	}
}

/* Reads a time that has room in a word; false where it is none. */
static bool
read_last(const unsigned char **data, const unsigned char *end, int64 *at)
{
	uint64 word;

	if (!smk_varint_read(data, end, &word))
		return false;
	*at = (int64) (word ^ SMK_WORD_SIGN);
	return *at >= -SMK_WORD_MAX_TIME && *at <= SMK_WORD_MAX_TIME;
}

/* Reads a count that has room beside others, and adds it to these. */
static bool
read_count(const unsigned char **data, const unsigned char *end, int64 *count, int64 *all)
{
	uint64 value;

	if (!smk_varint_read(data, end, &value) || value > (uint64) (PG_INT64_MAX - *all))
		return false;
	*count = (int64) value;
	*all += *count;
	return true;
}

/* True where so many answers, not more than there are, can have been late. */
static bool
late_is_valid(const SmkResponseSummary *summary)
{
	const SmkSketch *answered = &summary->answered;
	int64 late = 0;

	if (!answered->is_exact)
		return true;
	for (int i = 0; i < answered->distinct; i++)
	{
		if (answered->values[i] > 2 * SMK_WORD_MAX_TIME)
			return false;
		if (answered->values[i] > summary->within)
			late += answered->counts[i];
	}
	return summary->late == late;
}

/* Reads what is due, in order; false where it is none, or more than there is room for beside others. */
static bool
read_due(SmkResponseSummary *summary, const unsigned char **data, const unsigned char *end, int64 all)
{
	uint64 count;
	uint64 at = 0;

	/* Each takes two bytes at least: nothing is allocated on the word of a count alone. */
	if (!smk_varint_read(data, end, &count) || count > (uint64) (end - *data) / 2)
		return false;
	if (count > 0)
		due_reserve(summary, (int64) count);
	for (uint64 i = 0; i < count; i++)
	{
		uint64 distance;
		int64 triggers;

		if (!smk_varint_read(data, end, &distance) || (i > 0 && distance == 0) ||
			distance > PG_UINT64_MAX - at || !read_count(data, end, &triggers, &all) || triggers == 0)
			return false;
		at += distance;
		summary->due[i] = (SmkResponseDue){at, (uint64) triggers};
	}
	summary->due_count = (int64) count;
	return true;
}

/* Reads a summary, which points to the name of its calendar in these bytes; false where the bytes are none.
 */
bool
smk_response_read(SmkResponseSummary *summary, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	uint64 within;
	uint64 length;
	uint64 late;
	int64 all;

	if (size < 1 || *data++ != SMK_RESPONSE_VERSION)
		return false;
	if (!smk_varint_read(&data, end, &within) || within == 0 || within > 2 * SMK_WORD_MAX_TIME ||
		!smk_varint_read(&data, end, &length) || (length > 0 && length - 1 > (uint64) (end - data)))
		return false;
	smk_response_init(summary, (int64) within, length ? (const char *) data : NULL, (int) length - 1);
	data += summary->calendar_length;
	if (data == end)
		return true;
	summary->is_empty = false;
	if (!read_last(&data, end, &summary->last) || !smk_sketch_read(&summary->answered, &data, end) ||
		!smk_varint_read(&data, end, &late) || late > (uint64) summary->answered.count)
		return false;
	summary->late = (int64) late;
	all = summary->answered.count;
	return late_is_valid(summary) && read_count(&data, end, &summary->stopped, &all) &&
		   read_count(&data, end, &summary->missed, &all) && read_due(summary, &data, end, all) &&
		   data == end;
}
