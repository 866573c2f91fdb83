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
#include "timeline/name.h"
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
extern void smk_timeline_add_number(SmkTimeline *timeline, uint64 key, uint64 word, uint64 value);
extern void smk_timeline_add_text(SmkTimeline *timeline, const char *text, int length, uint64 word,
								  uint64 value);
extern const char *smk_timeline_name_text(const SmkTimeline *timeline, uint64 name, int *length);
extern uint64 smk_timeline_find_name(SmkTimeline *timeline, const char *text, int length);
extern void smk_timeline_read(SmkTimeline *timeline, SmkTimelineVisit visit, void *state);
extern void smk_timeline_write(SmkTimeline *timeline, StringInfo out);
extern void smk_timeline_add_written(SmkTimeline *timeline, const unsigned char *data, int64 size);

/* The number of a name in the ledger, from 1 on. */
static inline uint64
smk_timeline_name(SmkTimeline *timeline, const char *text, int length)
{
	SmkRecentName name = smk_name_ends(text, length);
	/* A ledger begins with them. */
	const SmkRecentName *recent = smk_recent_name((SmkRecentNames *) timeline->ledger, &name);

	/* Mostly there are few, and short ones. */
	if (likely(smk_name_same_ends(recent, &name) && length <= SMK_NAME_ENDS))
		return recent->number;
	return smk_timeline_find_name(timeline, text, length);
}

/* Where the next record goes, whose key is no number. */
static inline uint64 *
smk_timeline_next(SmkTimeline *timeline)
{
	if (unlikely(timeline->count == timeline->size))
		smk_timeline_grow(timeline);
	return timeline->records + timeline->count++ * timeline->width;
}

/* Where the next record of a partition goes; NULL: it has no room. */
static inline uint64 *
smk_timeline_next_place(SmkPartitions *partitions, uint64 key, int width)
{
	SmkPartition *open = &partitions->open[smk_partition_of(key)];
	uint64 *record = open->next;

	if (unlikely(record == open->end))
		return NULL;
	open->next = record + width;
	/* None of many places is foreseen by the processor, and a store that waits holds up all others. */
	__builtin_prefetch(record + SMK_PARTITION_AHEAD, 1);
	return record;
}

/* Adds an event of an entity whose key is a number; width is that of the timeline. */
static pg_attribute_always_inline void
smk_timeline_add_event(SmkTimeline *timeline, int64 entity, uint64 word, uint64 value, int width)
{
	uint64 key = (uint64) entity ^ SMK_WORD_SIGN;
	uint64 *record = NULL;

	if (timeline->is_spread)
		key = smk_key_spread(key);
	if (timeline->partitions == NULL)
	{
		if (likely(timeline->count < timeline->size))
			record = timeline->records + timeline->count++ * width;
	}
	else if (width == 3 && value < SMK_PACKED_VALUES)
	{
		record = smk_timeline_next_place(timeline->partitions, key, SMK_PACKED_WIDTH);
		if (likely(record != NULL))
		{
			smk_pack(record, key, word, value);
			return;
		}
	}
	else
		record = smk_timeline_next_place(width == 3 ? timeline->partitions->whole : timeline->partitions, key,
										 width);
	if (unlikely(record == NULL))
	{
		smk_timeline_add_number(timeline, key, word, value);
		return;
	}
	record[0] = key;
	record[1] = word;
	if (width == 3)
		record[2] = value;
}

/* Adds an event that has no value. */
static inline void
smk_timeline_add_bigint(SmkTimeline *timeline, int64 entity, uint64 word)
{
	smk_timeline_add_event(timeline, entity, word, 0, 2);
}

#endif
