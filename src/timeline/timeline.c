/*
 * timeline.c: gathers events, keeps them within the budget, and reads them entity by entity.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "timeline/run.h"
#include "timeline/sort.h"
#include "timeline/stream.h"
#include "timeline/timeline.h"
#include "timeline/varint.h"

/* A small group's first room, in records, and up to how many lie in one array where there can be partitions.
 */
#define TIMELINE_FIRST_SIZE 8
#define TIMELINE_ARRAY_SIZE (128 * 1024)
/* Below this there is nothing to be gained from moving events out. */
#define LEDGER_LEAST_BUDGET (64 * 1024)

/* So many events of an entity need no memory of their own to be read. */
#define FEW_WORDS 32
/* So many records are written at once. */
#define WRITE_RECORDS 4096
/* What merging may take for the bytes it reads from the file, and the least for each run. */
#define MERGE_BUFFERS (1024 * 1024)
#define MERGE_LEAST_BUFFER 512
/* How many records merging may have at hand, and at least and at most of each run. */
#define MERGE_RECORDS (32 * 1024)
#define MERGE_LEAST_RECORDS 8
#define MERGE_MOST_RECORDS 256

/* What a value that is handed on has beside the events, and room for the one that is too many. */
#define WRITE_SLACK (64 * 1024)

/* A sorted run of a timeline in memory. */
struct SmkRun
{
	SmkRun *next;
	unsigned char *data;
	int64 size; /* bytes */
	int names;	/* of the ledger, by which its own are renamed, from 1 on; 0: they stay */
};

/* What stands behind a run in the file, so that nothing about it need be kept in memory. */
typedef struct MovedRun
{
	int64 position;
	int64 size;
	int64 before; /* where this stands of the run before of the same timeline, if there is one */
	int names;	  /* as of a run in memory */
} MovedRun;

/* A text that is too long for a key. */
typedef struct LongText
{
	const char *bytes;
	int length;
} LongText;

struct SmkLedger
{
	SmkRecentNames recent; /* at the beginning, where it is looked for */
	MemoryContext context;
	SmkTimelineShape shape;
	MemoryContext events; /* in which they lie, emptied when they are moved out */
	int64 budget;		  /* bytes; 0: nothing is moved out */
	int64 fixed;		  /* of them, by what is not moved out */
	int64 largest;		  /* what sorting will take beside them: as much as the largest group had */
	dlist_head timelines;
	BufFile *file;
	int64 end;	   /* of the file */
	HTAB *numbers; /* of long texts and names: LongText to their position in texts */
	LongText *texts;
	int64 text_count;
	int64 text_size;
	uint32 **names; /* what numbers of names other processes gave are here */
	int names_count;
	int names_size;
	uint32 *own; /* of each name its number in the timeline that is being written; else 0 */
	int64 own_size;
	uint64 *renamed;	/* records that are being written, with these numbers */
	SmkSortSpace space; /* for sorting */
};

typedef struct NumberedText
{
	LongText text; /* the key */
	int64 number;
} NumberedText;

/* A ledger in a context, of events of one shape. */
SmkLedger *
smk_ledger(MemoryContext context, SmkTimelineShape shape, int64 budget)
{
	SmkLedger *ledger = MemoryContextAllocZero(context, sizeof(SmkLedger));

	ledger->context = context;
	ledger->shape = shape;
	ledger->space.context = context;
	/* Small blocks, so that what is allocated is not much more than what is needed. */
	ledger->events = AllocSetContextCreate(context, "events of timelines", 0, 8 * 1024, 64 * 1024);
	ledger->budget = budget > 0 ? Max(budget, LEDGER_LEAST_BUDGET) : 0;
	dlist_init(&ledger->timelines);
	return ledger;
}

/* Closes what does not go with the context: the file. */
void
smk_ledger_close(SmkLedger *ledger)
{
	if (ledger->file != NULL)
		BufFileClose(ledger->file);
	ledger->file = NULL;
}

/* Room for what belongs to a group beside its events, zeroed; it lives as long as the ledger. */
void *
smk_ledger_alloc(SmkLedger *ledger, Size size)
{
	void *room = MemoryContextAllocZero(ledger->context, size);

	ledger->fixed += (int64) GetMemoryChunkSpace(room);
	return room;
}

/* The words of a key in a record. */
static int
kind_width(SmkKeyKind kind)
{
	return kind == SMK_KEY_BIGINT ? 1 : 2;
}

/* An empty timeline in the ledger, in zeroed room that lives as long. */
void
smk_timeline_init(SmkTimeline *timeline, SmkLedger *ledger)
{
	timeline->ledger = ledger;
	timeline->kind = ledger->shape.kind;
	timeline->is_spread = timeline->kind == SMK_KEY_BIGINT && !ledger->shape.is_ordered;
	timeline->width = kind_width(timeline->kind) + 1 + ledger->shape.has_values;
	dlist_push_tail(&ledger->timelines, &timeline->node);
}

/* Room for the words of an entity, which grows. */
typedef struct Words
{
	uint64 *words;
	int64 size;
	bool is_own; /* allocated, and to be freed */
} Words;

/* Makes room for more words than there are, which stay. */
static void
words_enlarge(Words *words, int64 count)
{
	int64 size = Max(64, count * 2);
	uint64 *larger;

	if (size > (int64) (MaxAllocHugeSize / sizeof(uint64)))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("one entity has too many events")));
	if (words->is_own)
		larger = repalloc_huge(words->words, size * sizeof(uint64));
	else
	{
		larger = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(uint64));
		if (words->size > 0)
			memcpy(larger, words->words, words->size * sizeof(uint64));
	}
	words->words = larger;
	words->size = size;
	words->is_own = true;
}

static void
words_free(Words *words)
{
	if (words->is_own)
		pfree(words->words);
}

/* Adds a run in memory. */
static void
run_add(SmkTimeline *timeline, unsigned char *data, int64 size, int names)
{
	SmkRun *run = MemoryContextAlloc(timeline->ledger->events, sizeof(SmkRun));

	run->next = timeline->runs;
	run->data = data;
	run->size = size;
	run->names = names;
	timeline->runs = run;
}

/* Writes bytes at the end of the file. */
static void
file_append(SmkLedger *ledger, const void *bytes, int64 size)
{
	for (int64 done = 0; done < size; done += BLCKSZ)
	{
		CHECK_FOR_INTERRUPTS();
		/* Before 16 the bytes are not const. */
		BufFileWrite(ledger->file, unconstify(char *, (const char *) bytes + done), Min(BLCKSZ, size - done));
	}
	ledger->end += size;
}

/* Ends a run in the file that began there. */
static void
run_moved(SmkTimeline *timeline, int64 position, int names)
{
	SmkLedger *ledger = timeline->ledger;
	MovedRun moved = {position, ledger->end - position, timeline->last_moved, names};

	timeline->last_moved = ledger->end;
	timeline->moved++;
	file_append(ledger, &moved, sizeof(moved));
}

/* True where a timeline has records that are in no run. */
static bool
has_records(const SmkTimeline *timeline)
{
	return timeline->count > 0 || timeline->partitions != NULL;
}

/* The records of a timeline that are in no run, in their order; what that needs is allocated in the context
 * that is current. */
static void
stream_of_records(SmkTimeline *timeline, SmkStream *stream)
{
	SmkPartitionReader *reader;

	if (timeline->partitions == NULL)
	{
		if (timeline->count > 0)
			smk_sort(timeline->records, timeline->count, timeline->width, &timeline->ledger->space);
		smk_stream_of_records(stream, timeline->records, timeline->count, timeline->width);
		return;
	}
	reader = palloc(sizeof(SmkPartitionReader));
	smk_partition_open(reader, timeline->partitions);
	smk_stream_of_source(stream, smk_partition_read, reader, timeline->width);
}

/* Appends the records of a timeline to the file as a run; they are void then. */
static void
spill_records(SmkTimeline *timeline, StringInfo buffer)
{
	SmkLedger *ledger = timeline->ledger;
	SmkRunWriter writer = {.kind = timeline->kind,
						   .is_spread = timeline->is_spread,
						   .has_values = ledger->shape.has_values,
						   .out = buffer};
	int64 position = ledger->end;
	SmkStream stream;

	stream_of_records(timeline, &stream);
	while (stream.at < stream.end || smk_stream_fill(&stream))
	{
		int64 count = Min(WRITE_RECORDS, (stream.end - stream.at) / timeline->width);

		resetStringInfo(buffer);
		smk_run_write(&writer, stream.at, count, timeline->width);
		file_append(ledger, buffer->data, buffer->len);
		stream.at += count * timeline->width;
	}
	run_moved(timeline, position, 0);
}

/* Moves all events of all timelines into the file, each timeline's as a sorted run. */
static void
ledger_spill(SmkLedger *ledger)
{
	MemoryContext context =
		AllocSetContextCreate(ledger->context, "moving of timelines", ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	StringInfoData buffer;
	dlist_iter iter;

	old = MemoryContextSwitchTo(ledger->context);
	if (ledger->file == NULL)
		ledger->file = BufFileCreateTemp(false);
	else
		smk_run_seek(ledger->file, ledger->end);
	MemoryContextSwitchTo(context);
	initStringInfo(&buffer);
	dlist_foreach(iter, &ledger->timelines)
	{
		SmkTimeline *timeline = dlist_container(SmkTimeline, node, iter.cur);

		for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		{
			int64 position = ledger->end;

			file_append(ledger, run->data, run->size);
			run_moved(timeline, position, run->names);
		}
		if (has_records(timeline))
			spill_records(timeline, &buffer);
		/* One that has been read is empty, but has room. */
		timeline->runs = NULL;
		timeline->records = NULL;
		timeline->partitions = NULL;
		timeline->count = timeline->size = 0;
	}
	MemoryContextReset(ledger->events);
	ledger->largest = ledger->space.size * (int64) sizeof(uint64);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Moves events out where this much more would be over the budget. Where what stays takes all of it, events
 * still have an eighth: not every row is moved out alone.
 */
static void
ledger_reserve(SmkLedger *ledger, int64 bytes)
{
	int64 events;

	if (ledger->budget == 0)
		return;
	events = (int64) MemoryContextMemAllocated(ledger->events, false) + bytes;
	if (ledger->fixed + events + ledger->largest > ledger->budget && events > ledger->budget / 8)
		ledger_spill(ledger);
}

/* Makes room for one record more. */
void
smk_timeline_grow(SmkTimeline *timeline)
{
	SmkLedger *ledger = timeline->ledger;
	int64 record = timeline->width * (int64) sizeof(uint64);
	int64 before = timeline->size;
	int64 size = before ? before * 2 : TIMELINE_FIRST_SIZE;

	CHECK_FOR_INTERRUPTS();
	if (size > (int64) MaxAllocHugeSize / record)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a group has too many events")));
	ledger->largest = Max(ledger->largest, size * record);
	ledger_reserve(ledger, (size - before) * record);
	if (timeline->size == 0)
	{
		/* It was empty, or has just been moved out. */
		size = TIMELINE_FIRST_SIZE;
		timeline->records = MemoryContextAlloc(ledger->events, size * record);
	}
	else
		timeline->records = repalloc_huge(timeline->records, size * record);
	timeline->size = size;
}

/* The partitions where records go whose value is this: packed ones, where it has room so. */
static SmkPartitions *
partitions_for(SmkPartitions *partitions, uint64 value)
{
	return partitions->whole != NULL && value >= SMK_PACKED_VALUES ? partitions->whole : partitions;
}

/* Adds a record to partitions. */
static void
partition_record(const SmkTimeline *timeline, const uint64 *record)
{
	SmkPartitions *partitions =
		partitions_for(timeline->partitions, timeline->partitions->whole ? record[2] : 0);
	int partition = smk_partition_of(record[0]);
	SmkPartition *open = &partitions->open[partition];
	uint64 *to = open->next;

	if (to == open->end)
		to = smk_partition_enlarge(partitions, partition);
	else
		open->next += partitions->width;
	if (partitions->width < timeline->width)
		smk_pack(to, record[0], record[1], record[2]);
	else
		memcpy(to, record, timeline->width * sizeof(uint64));
}

/* Moves the records of a timeline into partitions, where these have room within the budget. */
static void
timeline_part(SmkTimeline *timeline)
{
	SmkLedger *ledger = timeline->ledger;
	int width = timeline->width;
	bool has_values = ledger->shape.has_values;

	ledger_reserve(ledger, timeline->count * width * (int64) sizeof(uint64) +
							   (1 + has_values) *
								   ((int64) SMK_PARTITIONS * SMK_PARTITION_BLOCK + SMK_PARTITION_SLAB));
	if (timeline->count == 0)
		return;
	timeline->partitions = smk_partitions(ledger->events, has_values ? SMK_PACKED_WIDTH : width);
	if (has_values)
		timeline->partitions->whole = smk_partitions(ledger->events, width);
	for (const uint64 *record = timeline->records; timeline->count > 0; record += width, timeline->count--)
		partition_record(timeline, record);
	pfree(timeline->records);
	timeline->records = NULL;
	timeline->size = 0;
}

/* Adds a record, whose key is a number, where there is no room yet; without values the last word is void. */
void
smk_timeline_add_number(SmkTimeline *timeline, uint64 key, uint64 word, uint64 value)
{
	const uint64 record[] = {key, word, value};
	SmkLedger *ledger = timeline->ledger;

	if (timeline->is_spread && timeline->count >= TIMELINE_ARRAY_SIZE)
		timeline_part(timeline);
	if (timeline->partitions != NULL)
	{
		const SmkPartitions *partitions = partitions_for(timeline->partitions, value);

		if (partitions->slab == partitions->slab_end)
		{
			CHECK_FOR_INTERRUPTS();
			ledger_reserve(ledger, SMK_PARTITION_SLAB);
		}
	}
	/* What there was may have been moved out: then all begins again. */
	if (timeline->partitions == NULL)
	{
		memcpy(smk_timeline_next(timeline), record, timeline->width * sizeof(uint64));
		return;
	}
	partition_record(timeline, record);
	/* One partition is read at a time, and sorted. */
	ledger->largest = Max(ledger->largest, smk_partition_room(timeline->partitions));
}

/* Two long texts are the same by their bytes. */
static uint32
long_text_hash(const void *key, Size size)
{
	const LongText *text = key;

	(void) size;
	return hash_bytes((const unsigned char *) text->bytes, text->length);
}

static int
long_text_match(const void *a, const void *b, Size size)
{
	const LongText *left = a;
	const LongText *right = b;

	(void) size;
	return left->length == right->length ? memcmp(left->bytes, right->bytes, left->length) : 1;
}

/* The number of a long text in the ledger, which keeps a copy; what it takes is not moved out. */
static uint64
ledger_number(SmkLedger *ledger, const char *bytes, int length)
{
	LongText text = {bytes, length};
	NumberedText *entry;
	char *copy;
	bool found;

	if (ledger->numbers == NULL)
	{
		HASHCTL control = {0};

		control.keysize = sizeof(LongText);
		control.entrysize = sizeof(NumberedText);
		control.hash = long_text_hash;
		control.match = long_text_match;
		control.hcxt = ledger->context;
		ledger->numbers = hash_create("long keys of a timeline", 256, &control,
									  HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	}
	entry = hash_search(ledger->numbers, &text, HASH_FIND, NULL);
	if (entry != NULL)
		return (uint64) entry->number;
	if (ledger->text_count == ledger->text_size)
	{
		int64 size = ledger->text_size ? ledger->text_size * 2 : 64;

		ledger->texts = ledger->text_size ? repalloc_huge(ledger->texts, size * sizeof(LongText))
										  : MemoryContextAlloc(ledger->context, size * sizeof(LongText));
		ledger->text_size = size;
	}
	copy = smk_ledger_alloc(ledger, length);
	memcpy(copy, bytes, length);
	text.bytes = copy;
	entry = hash_search(ledger->numbers, &text, HASH_ENTER, &found);
	entry->number = ledger->text_count;
	ledger->texts[ledger->text_count] = text;
	return (uint64) ledger->text_count++;
}

/* The number of a text as that of a name, from 1 on; an error where it has no room in the bits of the shape.
 */
static uint64
name_of(const SmkLedger *ledger, uint64 text)
{
	if ((text + 1) >> ledger->shape.name_bits != 0)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an aggregate has more than %d different names",
							   (1 << ledger->shape.name_bits) - 1)));
	return text + 1;
}

/* The number of a name in the ledger that is not known by its ends. */
uint64
smk_timeline_find_name(SmkTimeline *timeline, const char *text, int length)
{
	SmkLedger *ledger = timeline->ledger;
	SmkRecentName name = smk_name_ends(text, length);
	SmkRecentName *recent = smk_recent_name(&ledger->recent, &name);

	if (smk_name_same_ends(recent, &name) &&
		memcmp(ledger->texts[recent->number - 1].bytes, text, length) == 0)
		return recent->number;
	name.number = (uint32) name_of(ledger, ledger_number(ledger, text, length));
	*recent = name;
	return name.number;
}

/* The text of a name that an event has, and its length; it belongs to the ledger. */
const char *
smk_timeline_name_text(const SmkTimeline *timeline, uint64 name, int *length)
{
	const LongText *text = &timeline->ledger->texts[name - 1];

	*length = text->length;
	return text->bytes;
}

/* The words of a key in the records of a timeline. */
static inline int
timeline_keys(const SmkTimeline *timeline)
{
	return timeline->width - 1 - timeline->ledger->shape.has_values;
}

/* Gives the records of a timeline a third word of key, for longer texts. */
static void
timeline_widen(SmkTimeline *timeline)
{
	int narrow = timeline->width;

	if (timeline->size > 0)
		ledger_reserve(timeline->ledger, timeline->size * (int64) sizeof(uint64));
	timeline->width++;
	if (timeline->size > 0)
	{
		uint64 *wide = MemoryContextAllocHuge(timeline->ledger->events,
											  timeline->size * timeline->width * sizeof(uint64));

		for (int64 i = 0; i < timeline->count; i++)
		{
			const uint64 *from = timeline->records + i * narrow;
			uint64 *to = wide + i * timeline->width;
			SmkKey key = smk_record_key(SMK_KEY_TEXT_KIND, from, 2);

			memcpy(to, key.words, sizeof(key.words));
			memcpy(to + SMK_KEY_WORDS, from + 2, (narrow - 2) * sizeof(uint64));
		}
		pfree(timeline->records);
		timeline->records = wide;
	}
}

/* Adds an event under a key of the kind text; the value counts where events have one. */
static void
add_key(SmkTimeline *timeline, const SmkKey *key, uint64 word, uint64 value)
{
	uint64 *record;
	int length = smk_key_length(key);

	if (timeline_keys(timeline) == 2 && length > SMK_KEY_SHORT_TEXT)
		timeline_widen(timeline);
	record = smk_timeline_next(timeline);
	*record++ = key->words[0];
	if (timeline_keys(timeline) == 2)
		*record++ = key->words[1] | length;
	else
	{
		*record++ = key->words[1];
		*record++ = key->words[2];
	}
	*record++ = word;
	if (timeline->ledger->shape.has_values)
		*record = value;
}

/* Adds an event of an entity whose key is a text. */
void
smk_timeline_add_text(SmkTimeline *timeline, const char *text, int length, uint64 word, uint64 value)
{
	SmkKey key = length <= SMK_KEY_TEXT ? smk_key_text(text, length)
										: smk_key_long(ledger_number(timeline->ledger, text, length));

	add_key(timeline, &key, word, value);
}

/* A reader of a run of a timeline, not yet opened. */
static SmkRunReader *
run_reader(const SmkTimeline *timeline, SmkRunReader *reader, int names)
{
	const SmkLedger *ledger = timeline->ledger;

	memset(reader, 0, sizeof(*reader));
	reader->kind = timeline->kind;
	reader->is_spread = timeline->is_spread;
	reader->has_values = ledger->shape.has_values;
	reader->name_mask = (UINT64CONST(1) << ledger->shape.name_bits) - 1;
	reader->names_in_value = ledger->shape.is_named_by_value;
	reader->names = names > 0 ? ledger->names[names - 1] : NULL;
	return reader;
}

/* The runs of a timeline, opened, with a buffer of so many bytes for each in the file. */
static void
open_runs(const SmkTimeline *timeline, SmkRunReader *readers, int buffer)
{
	SmkLedger *ledger = timeline->ledger;
	int64 at = timeline->last_moved;

	for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		smk_run_open(run_reader(timeline, readers++, run->names), run->data, run->size);
	for (int64 i = 0; i < timeline->moved; i++)
	{
		MovedRun moved;

		smk_run_seek(ledger->file, at);
		if (BufFileRead(ledger->file, &moved, sizeof(moved)) != sizeof(moved))
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file: %m")));
		smk_run_open_file(run_reader(timeline, readers++, moved.names), ledger->file, moved.position,
						  moved.size, buffer);
		at = moved.before;
	}
}

/* The records of a timeline in their order; what it needs for that lives in the context that is current. */
static SmkStream *
timeline_stream(SmkTimeline *timeline)
{
	int64 runs;
	int records;
	SmkStream *streams;
	SmkRunReader *readers;

	/* Runs may hold longer texts than the records. This may move events out. */
	if (timeline->kind == SMK_KEY_TEXT_KIND && timeline_keys(timeline) == 2 &&
		(timeline->runs != NULL || timeline->moved > 0))
		timeline_widen(timeline);
	runs = timeline->moved;
	for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		runs++;
	records = (int) Max(MERGE_LEAST_RECORDS, Min(MERGE_MOST_RECORDS, MERGE_RECORDS / (runs + 1)));
	streams = palloc_extended((runs + 1) * sizeof(SmkStream), MCXT_ALLOC_HUGE);
	readers = palloc_extended((runs + 1) * sizeof(SmkRunReader), MCXT_ALLOC_HUGE);
	open_runs(timeline, readers, (int) Max(MERGE_LEAST_BUFFER, MERGE_BUFFERS / (runs + 1)));
	for (int64 i = 0; i < runs; i++)
		smk_stream_of_run(&streams[i], &readers[i], timeline->width, records);
	/* Where there are no records, it is no stream to be merged. */
	stream_of_records(timeline, &streams[runs]);
	return smk_stream_merge(streams, runs + (has_records(timeline) || runs == 0), records);
}

/* Reads a stream an entity at a time. */
static pg_attribute_always_inline void
read_entities(SmkKeyKind kind, bool is_spread, SmkStream *stream, SmkTimelineVisit visit, void *state,
			  int keys, int values)
{
	const int width = keys + 1 + values;
	uint64 few[FEW_WORDS];
	Words words = {few, FEW_WORDS, false};

	while (stream->at < stream->end || smk_stream_fill(stream))
	{
		SmkKey key = smk_record_key(kind, stream->at, keys);
		const uint64 *record = stream->at;
		uint64 first[SMK_KEY_WORDS];
		int64 count = 0;

		CHECK_FOR_INTERRUPTS();
		if (is_spread)
			key.words[0] = smk_key_gather(key.words[0]);
		memcpy(first, record, keys * sizeof(uint64));
		do
		{
			const uint64 *end = stream->end;

			do
			{
				if (unlikely(count + values >= words.size))
					words_enlarge(&words, count);
				words.words[count++] = record[keys];
				if (values)
					words.words[count++] = record[keys + 1];
				record += width;
			} while (record < end && smk_record_same(first, record, keys));
			stream->at = record;
			if (likely(record < end) || !smk_stream_fill(stream))
				break;
			record = stream->at;
		} while (smk_record_same(first, record, keys));
		visit(state, &key, words.words, values ? count / 2 : count);
	}
	words_free(&words);
}

/* Of the key of the next record what is not the partition's; above all of them where there are no more. */
static inline uint64
packed_rest(const uint64 *packed, const uint64 *end)
{
	return packed < end ? packed[0] >> SMK_KEY_SPREAD_BITS : PG_UINT64_MAX;
}

static inline uint64
whole_rest(const uint64 *whole, const uint64 *end)
{
	return whole < end ? whole[0] & PG_UINT64_MAX >> SMK_KEY_SPREAD_BITS : PG_UINT64_MAX;
}

/* Merges words with values of an entity; those that were packed come first where words are the same. */
static void
merge_words(Words *words, const uint64 *packed, int64 packed_count, const uint64 *whole, int64 whole_count)
{
	const uint64 *packed_end = packed + packed_count * 2;
	const uint64 *whole_end = whole + whole_count * 3;
	uint64 *to;

	if ((packed_count + whole_count) * 2 > words->size)
		words_enlarge(words, packed_count + whole_count);
	for (to = words->words; packed < packed_end || whole < whole_end; to += 2)
		if (whole == whole_end || (packed < packed_end && packed[0] <= whole[1]))
		{
			memcpy(to, packed, 2 * sizeof(uint64));
			packed += 2;
		}
		else
		{
			memcpy(to, whole + 1, 2 * sizeof(uint64));
			whole += 3;
		}
}

/* Reads partitions of which some records are packed an entity at a time, without records of all of them. */
static void
read_packed(SmkPartitionReader *reader, SmkTimelineVisit visit, void *state)
{
	uint64 few[FEW_WORDS];
	Words words = {few, FEW_WORDS, false};

	while (smk_partition_sort_next(reader))
	{
		uint64 *packed = reader->sorted;
		const uint64 *packed_end = packed + reader->count * SMK_PACKED_WIDTH;
		const uint64 *whole = reader->sorted_whole;
		const uint64 *whole_end = whole + reader->whole_count * 3;

		while (packed < packed_end || whole < whole_end)
		{
			uint64 packed_key = packed_rest(packed, packed_end);
			uint64 whole_key = whole_rest(whole, whole_end);
			uint64 entity = Min(packed_key, whole_key);
			SmkKey key = {
				{smk_key_gather((uint64) reader->partition << (64 - SMK_KEY_SPREAD_BITS) | entity)}};
			uint64 *first = packed;
			const uint64 *first_whole = whole;

			CHECK_FOR_INTERRUPTS();
			/* A word and its value take the place of the record. */
			for (; packed_key == entity; packed_key = packed_rest(packed, packed_end))
			{
				uint64 record[3];

				smk_unpack(record, reader->partition, packed);
				*packed++ = record[1];
				*packed++ = record[2];
			}
			for (; whole_key == entity; whole_key = whole_rest(whole, whole_end))
				whole += 3;
			if (whole == first_whole)
			{
				visit(state, &key, first, (packed - first) / 2);
				continue;
			}
			merge_words(&words, first, (packed - first) / 2, first_whole, (whole - first_whole) / 3);
			visit(state, &key, words.words, (packed - first) / 2 + (whole - first_whole) / 3);
		}
	}
	words_free(&words);
}

/* Reads all entities of a timeline, each once, in the order of their records. What it holds stays the same.
 */
void
smk_timeline_read(SmkTimeline *timeline, SmkTimelineVisit visit, void *state)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "reading of timelines", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmkStream *stream;
	SmkKeyKind kind = timeline->kind;
	bool is_spread = timeline->is_spread;
	bool has_values = timeline->ledger->shape.has_values;

	if (timeline->partitions != NULL && timeline->partitions->whole != NULL && timeline->runs == NULL &&
		timeline->moved == 0)
	{
		SmkPartitionReader reader;

		smk_partition_open(&reader, timeline->partitions);
		MemoryContextSwitchTo(old);
		read_packed(&reader, visit, state);
		MemoryContextDelete(context);
		return;
	}
	stream = timeline_stream(timeline);
	MemoryContextSwitchTo(old);
	switch (timeline_keys(timeline))
	{
		case 1:
			if (has_values)
				read_entities(kind, is_spread, stream, visit, state, 1, 1);
			else
				read_entities(kind, is_spread, stream, visit, state, 1, 0);
			break;
		case 2:
			if (has_values)
				read_entities(kind, is_spread, stream, visit, state, 2, 1);
			else
				read_entities(kind, is_spread, stream, visit, state, 2, 0);
			break;
		default:
			if (has_values)
				read_entities(kind, is_spread, stream, visit, state, 3, 1);
			else
				read_entities(kind, is_spread, stream, visit, state, 3, 0);
	}
	MemoryContextDelete(context);
}

/* Raises an error where a partial state would be larger than a value of the server's can be. */
static void
write_check(int64 bytes)
{
	if (bytes > (int64) MaxAllocSize - WRITE_SLACK)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the events of a group are too many for one parallel worker to hand on"),
						errdetail("They would take more than 1 GB."),
						errhint("Run the query without workers: SET max_parallel_workers_per_gather = 0.")));
}

/* What a timeline is being written to. */
typedef struct Writing
{
	const SmkTimeline *timeline;
	SmkRunWriter run;
	StringInfoData others; /* records with long keys */
	uint64 last_text;	   /* that was written there */
	uint32 *names;		   /* that were used, in the order in which they came; NULL: events have none */
	int64 names_count;
	int64 names_size;
} Writing;

/* True where the key of a record is the number of a long text. */
static inline bool
record_long(const SmkTimeline *timeline, const uint64 *record)
{
	return timeline_keys(timeline) == SMK_KEY_WORDS && (record[2] & 255) == SMK_KEY_LONG;
}

/* Writes a text and its length, for which there is room. */
static void
write_text(StringInfo out, const LongText *text)
{
	smk_varint_append(out, text->length);
	appendBinaryStringInfo(out, text->bytes, text->length);
}

/*
 * Writes records of one long key: the length and the bytes of the text, or 0 where it is that before; the
 * number of the records and their words as distances, each followed by its value.
 */
static void
write_long(Writing *writing, const uint64 *records, int64 count)
{
	const LongText *text = &writing->timeline->ledger->texts[records[1]];
	bool has_values = writing->timeline->ledger->shape.has_values;
	StringInfo out = &writing->others;
	uint64 word = 0;

	write_check((int64) out->len + text->length + (2 * count + 2) * SMK_VARINT_MAX);
	if (writing->last_text == records[1])
		smk_varint_append(out, 0);
	else
		write_text(out, text);
	writing->last_text = records[1];
	smk_varint_append(out, count);
	for (int64 i = 0; i < count; i++, records += writing->timeline->width)
	{
		smk_varint_append(out, records[SMK_KEY_WORDS] - word);
		word = records[SMK_KEY_WORDS];
		if (has_values)
			smk_varint_append(out, records[SMK_KEY_WORDS + 1]);
	}
}

/* Makes ready to rename: only the names that a timeline uses are handed on with it. */
static void
start_names(Writing *writing)
{
	SmkLedger *ledger = writing->timeline->ledger;

	if (ledger->shape.name_bits == 0)
		return;
	if (ledger->own_size <= ledger->text_count)
	{
		if (ledger->own != NULL)
			pfree(ledger->own);
		ledger->own_size = ledger->text_size + 1;
		ledger->own = MemoryContextAllocHuge(ledger->context, ledger->own_size * sizeof(uint32));
		memset(ledger->own, 0, ledger->own_size * sizeof(uint32));
	}
	writing->names_size = 64;
	writing->names = palloc(writing->names_size * sizeof(uint32));
	if (ledger->renamed == NULL)
		ledger->renamed = smk_ledger_alloc(ledger, WRITE_RECORDS * SMK_SORT_MAX_WIDTH * sizeof(uint64));
}

/* A copy of records, at most WRITE_RECORDS, whose names are numbers in the order in which they came. */
static const uint64 *
rename_records(Writing *writing, const uint64 *records, int64 count)
{
	SmkLedger *ledger = writing->timeline->ledger;
	int width = writing->timeline->width;
	uint64 mask = (UINT64CONST(1) << ledger->shape.name_bits) - 1;
	uint64 *word = ledger->renamed + timeline_keys(writing->timeline) + ledger->shape.is_named_by_value;

	memcpy(ledger->renamed, records, count * width * sizeof(uint64));
	for (int64 i = 0; i < count; i++, word += width)
	{
		uint64 name = *word & mask;

		if (name == 0)
			continue;
		if (ledger->own[name] == 0)
		{
			if (writing->names_count == writing->names_size)
			{
				writing->names_size *= 2;
				writing->names = repalloc_huge(writing->names, writing->names_size * sizeof(uint32));
			}
			writing->names[writing->names_count++] = (uint32) name;
			ledger->own[name] = (uint32) writing->names_count;
		}
		*word = (*word & ~mask) | ledger->own[name];
	}
	return ledger->renamed;
}

/* Writes the names that were used: their number, and each with its length. */
static void
write_names(Writing *writing, StringInfo out)
{
	SmkLedger *ledger = writing->timeline->ledger;

	if (writing->names == NULL)
		return;
	smk_varint_append(out, writing->names_count);
	for (int64 i = 0; i < writing->names_count; i++)
	{
		const LongText *text = &ledger->texts[writing->names[i] - 1];

		CHECK_FOR_INTERRUPTS();
		write_check((int64) out->len + writing->others.len + text->length + SMK_VARINT_MAX);
		write_text(out, text);
		ledger->own[writing->names[i]] = 0;
	}
}

/* Writes the records that a stream has at hand, as many as go together, and moves it on. */
static void
write_at_hand(Writing *writing, SmkStream *stream)
{
	const SmkTimeline *timeline = writing->timeline;
	int width = timeline->width;
	const uint64 *record = stream->at;
	const uint64 *end = record + Min(WRITE_RECORDS * width, stream->end - record);
	const uint64 *next = record + width;

	if (record_long(timeline, record))
	{
		while (next < end && smk_record_same(record, next, SMK_KEY_WORDS))
			next += width;
		write_long(writing,
				   writing->names ? rename_records(writing, record, (next - record) / width) : record,
				   (next - record) / width);
	}
	else
	{
		if (timeline_keys(timeline) < SMK_KEY_WORDS)
			next = end;
		while (next < end && !record_long(timeline, next))
			next += width;
		write_check((int64) writing->run.out->len + (next - record) / width * SMK_RUN_RECORD);
		smk_run_write(&writing->run,
					  writing->names ? rename_records(writing, record, (next - record) / width) : record,
					  (next - record) / width, width);
	}
	write_check((int64) writing->run.out->len + writing->others.len);
	stream->at = next;
}

/*
 * Writes a timeline for another process: the size of the run and the run; the names, if events have some; the
 * records with long keys.
 */
void
smk_timeline_write(SmkTimeline *timeline, StringInfo out)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "writing of a timeline", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmkStream *stream = timeline_stream(timeline);
	Writing writing = {.timeline = timeline, .last_text = PG_UINT64_MAX};
	int64 size = 0;
	int start;

	writing.run.kind = timeline->kind;
	writing.run.is_spread = timeline->is_spread;
	writing.run.has_values = timeline->ledger->shape.has_values;
	writing.run.out = out;
	initStringInfo(&writing.others);
	start_names(&writing);
	appendBinaryStringInfo(out, (char *) &size, sizeof(size));
	start = out->len;
	while (stream->at < stream->end || smk_stream_fill(stream))
	{
		CHECK_FOR_INTERRUPTS();
		write_at_hand(&writing, stream);
	}
	size = out->len - start;
	memcpy(out->data + start - sizeof(size), &size, sizeof(size));
	write_names(&writing, out);
	appendBinaryStringInfo(out, writing.others.data, writing.others.len);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

pg_noreturn static void
written_malformed(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
}

/* Reads a text of a written timeline and moves on; returns its number in the ledger. */
static uint64
read_text(SmkLedger *ledger, const unsigned char **data, const unsigned char *end, uint64 length)
{
	uint64 number;

	if (length > (uint64) (end - *data))
		written_malformed();
	number = ledger_number(ledger, (const char *) *data, (int) length);
	*data += length;
	return number;
}

/* Reads the names of a written timeline; returns by which its own are renamed, as a run has it. */
static int
read_names(SmkLedger *ledger, const unsigned char **data, const unsigned char *end)
{
	uint64 count;
	uint32 *names;
	bool is_same = true;

	/* Each takes a byte at least: nothing is allocated on the word of a count alone. */
	if (!smk_varint_read(data, end, &count) || count > (uint64) (end - *data) ||
		(count + 1) >> ledger->shape.name_bits != 0)
		written_malformed();
	names = smk_ledger_alloc(ledger, (count + 1) * sizeof(uint32));
	for (uint64 i = 1; i <= count; i++)
	{
		uint64 length;

		CHECK_FOR_INTERRUPTS();
		if (!smk_varint_read(data, end, &length))
			written_malformed();
		names[i] = (uint32) name_of(ledger, read_text(ledger, data, end, length));
		is_same = is_same && names[i] == i;
	}
	if (is_same)
	{
		ledger->fixed -= (int64) GetMemoryChunkSpace(names);
		pfree(names);
		return 0;
	}
	if (ledger->names_count == ledger->names_size)
	{
		ledger->names_size = Max(8, ledger->names_size * 2);
		ledger->names = ledger->names_count
							? repalloc_huge(ledger->names, ledger->names_size * sizeof(uint32 *))
							: MemoryContextAlloc(ledger->context, ledger->names_size * sizeof(uint32 *));
	}
	ledger->names[ledger->names_count++] = names;
	return ledger->names_count;
}

/* A word, or a value, whose name is one of another process, with that of the ledger. */
static inline uint64
renamed(const SmkLedger *ledger, int names, uint64 word)
{
	uint64 mask = (UINT64CONST(1) << ledger->shape.name_bits) - 1;

	return (word & ~mask) | ledger->names[names - 1][word & mask];
}

/* Adds what another timeline has written; the bytes are copied. */
void
smk_timeline_add_written(SmkTimeline *timeline, const unsigned char *data, int64 size)
{
	SmkLedger *ledger = timeline->ledger;
	const unsigned char *end = data + size;
	const unsigned char *run;
	int names;
	int64 bytes = -1;
	SmkKey key = {{0}};

	if (end - data >= (int64) sizeof(bytes))
		memcpy(&bytes, data, sizeof(bytes));
	data += sizeof(bytes);
	if (bytes < 0 || bytes > end - data)
		written_malformed();
	run = data;
	data += bytes;
	names = ledger->shape.name_bits > 0 ? read_names(ledger, &data, end) : 0;
	if (bytes > 0)
	{
		unsigned char *copy;

		ledger_reserve(ledger, bytes);
		copy = MemoryContextAllocHuge(ledger->events, bytes);
		memcpy(copy, run, bytes);
		run_add(timeline, copy, bytes, names);
	}
	while (data < end)
	{
		uint64 length;
		uint64 count;
		uint64 word = 0;

		if (!smk_varint_read(&data, end, &length) || (length == 0 && smk_key_length(&key) == 0))
			written_malformed();
		if (length > 0)
			key = smk_key_long(read_text(ledger, &data, end, length));
		if (!smk_varint_read(&data, end, &count))
			written_malformed();
		for (uint64 i = 0; i < count; i++)
		{
			uint64 distance;
			uint64 value = 0;

			if (!smk_varint_read(&data, end, &distance) ||
				(ledger->shape.has_values && !smk_varint_read(&data, end, &value)))
				written_malformed();
			word += distance;
			if (names > 0 && ledger->shape.is_named_by_value)
				add_key(timeline, &key, word, renamed(ledger, names, value));
			else
				add_key(timeline, &key, names > 0 ? renamed(ledger, names, word) : word, value);
		}
	}
}
