/*
 * timeline.h: the events of many entities, gathered in any order and read an entity at a time in the order of
 * time. Equal times come in the order of their codes.
 *
 * A ledger belongs to one aggregate call in one context: it holds the memory of all its groups within the
 * budget, by moving their sorted events into one temporary file. A timeline is one group's events.
 */
#ifndef SMK_TIMELINE_H
#define SMK_TIMELINE_H

#include "lib/ilist.h"
#include "lib/stringinfo.h"

#include "timeline/key.h"
#include "timeline/partition.h"
#include "timeline/word.h"

typedef struct SmkLedger SmkLedger;
typedef struct SmkRun SmkRun;

/* What an event is: besides its entity and its word it may have a value. */
typedef struct SmkTimelineShape
{
	SmkKeyKind kind;
	bool has_values;
	int name_bits;			/* so many of the lowest bits of a word are the number of a name, 0: of none; */
	bool is_named_by_value; /* or of the value */
	bool is_ordered;		/* entities are read in the order of their keys, if these are numbers */
} SmkTimelineShape;

typedef struct SmkTimeline
{
	SmkLedger *ledger;
	SmkKeyKind kind;
	dlist_node node; /* among the timelines of the ledger */
	bool is_spread;	 /* keys are spread numbers */
	int width;		 /* words of a record: those of the key, then time and code, perhaps the value */
	int64 count;	 /* records */
	int64 size;		 /* for which there is room */
	uint64 *records; /* as long as they are few; then they are in */
	SmkPartitions *partitions;
	SmkRun *runs;	  /* sorted ones in memory */
	int64 moved;	  /* how many are in the ledger's file, */
	int64 last_moved; /* and where what is said of the last one stands there */
} SmkTimeline;

/*
 * Reads one entity: its words, sorted but for names, which it may change but not keep. Where events have
 * values, each word is followed by its value; the count is that of the events.
 */
typedef void (*SmkTimelineVisit)(void *state, const SmkKey *key, uint64 *words, int64 count);

extern SmkLedger *smk_ledger(MemoryContext context, SmkTimelineShape shape, int64 budget);
extern void smk_ledger_close(SmkLedger *ledger);
extern void *smk_ledger_alloc(SmkLedger *ledger, Size size);
extern void smk_timeline_init(SmkTimeline *timeline, SmkLedger *ledger);
extern void smk_timeline_grow(SmkTimeline *timeline);
extern uint64 *smk_timeline_enlarge(SmkTimeline *timeline, uint64 key);
extern void smk_timeline_add_text(SmkTimeline *timeline, const char *text, int length, uint64 word,
								  uint64 value);
extern const char *smk_timeline_name_text(const SmkTimeline *timeline, uint64 name, int *length);
extern uint64 smk_timeline_name(SmkTimeline *timeline, const char *text, int length);
extern void smk_timeline_read(SmkTimeline *timeline, SmkTimelineVisit visit, void *state);
extern void smk_timeline_write(SmkTimeline *timeline, StringInfo out);
extern void smk_timeline_add_written(SmkTimeline *timeline, const unsigned char *data, int64 size);

/* Where the next record goes, whose key is no number. */
static inline uint64 *
smk_timeline_next(SmkTimeline *timeline)
{
	if (unlikely(timeline->count == timeline->size))
		smk_timeline_grow(timeline);
	return timeline->records + timeline->count++ * timeline->width;
}

/* Where the next record goes, which begins with the key, a number; so many words wide as the timeline's are.
 */
static inline uint64 *
smk_timeline_next_number(SmkTimeline *timeline, int64 entity, int width)
{
	uint64 key = (uint64) entity ^ SMK_WORD_SIGN;
	uint64 *record;

	if (timeline->is_spread)
		key = smk_key_spread(key);
	if (timeline->partitions != NULL)
	{
		SmkPartition *open = &timeline->partitions->open[smk_partition_of(key)];

		record = open->next;
		if (unlikely(record == open->end))
			record = smk_timeline_enlarge(timeline, key);
		else
			open->next = record + width;
		/* None of many places is foreseen by the processor, and a store that waits holds up all others. */
		__builtin_prefetch(record + SMK_PARTITION_AHEAD, 1);
	}
	else if (unlikely(timeline->count == timeline->size))
		record = smk_timeline_enlarge(timeline, key);
	else
		record = timeline->records + timeline->count++ * width;
	record[0] = key;
	return record;
}

/* Adds an event of an entity whose key is a number. */
static inline void
smk_timeline_add_bigint(SmkTimeline *timeline, int64 entity, uint64 word)
{
	smk_timeline_next_number(timeline, entity, 2)[1] = word;
}

#endif
