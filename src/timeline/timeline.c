/*
 * timeline.c: gathers events, keeps them within the budget, and reads them entity by entity.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "timeline/run.h"
#include "timeline/sort.h"
#include "timeline/timeline.h"
#include "timeline/varint.h"

/* A small group's first room, in records. */
#define TIMELINE_FIRST_SIZE 8
/* Below this there is nothing to be gained from moving events out. */
#define LEDGER_LEAST_BUDGET (64 * 1024)

/* So many events of an entity need no memory of their own to be read. */
#define FEW_WORDS 32
/* So many events of an entity are moved out at once; more make it several entities of the same key. */
#define SPILL_WORDS 8192
/* What merging may take for its buffers, and the least for each run. */
#define MERGE_BUFFERS (1024 * 1024)
#define MERGE_LEAST_BUFFER 512

/* What a value that is handed on has beside the events, and room for the one that is too many. */
#define WRITE_SLACK (64 * 1024)

/* A sorted run of a timeline in memory. */
struct SmkRun
{
	SmkRun *next;
	unsigned char *data;
	int64 size; /* bytes */
};

/* What stands behind a run in the file, so that nothing about it need be kept in memory. */
typedef struct MovedRun
{
	int64 position;
	int64 size;
	int64 before; /* where this stands of the run before of the same timeline, if there is one */
} MovedRun;

/* A text that is too long for a key. */
typedef struct LongText
{
	const char *bytes;
	int length;
} LongText;

struct SmkLedger
{
	MemoryContext context;
	SmkKeyKind kind;
	MemoryContext events; /* in which they lie, emptied when they are moved out */
	int64 budget;		  /* bytes; 0: nothing is moved out */
	int64 fixed;		  /* of them, by what is not moved out */
	int64 largest;		  /* what sorting will take beside them: as much as the largest group had */
	dlist_head timelines;
	BufFile *file;
	int64 end;	   /* of the file */
	HTAB *numbers; /* of long texts: LongText to their position in texts */
	LongText *texts;
	int64 text_count;
	int64 text_size;
	SmkSortSpace space; /* for sorting */
};

typedef struct NumberedText
{
	LongText text; /* the key */
	int64 number;
} NumberedText;

/* A ledger in a context, of keys of one kind. */
SmkLedger *
smk_ledger(MemoryContext context, SmkKeyKind kind, int64 budget)
{
	SmkLedger *ledger = MemoryContextAllocZero(context, sizeof(SmkLedger));

	ledger->context = context;
	ledger->kind = kind;
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
	timeline->kind = ledger->kind;
	timeline->width = kind_width(ledger->kind) + 1;
	dlist_push_tail(&ledger->timelines, &timeline->node);
}

/* The key of a record. Texts up to 15 bytes take two words; the length moves to the end of the third. */
static SmkKey
record_key(const SmkTimeline *timeline, const uint64 *record)
{
	SmkKey key = {{record[0], 0, 0}};

	if (timeline->width > 2)
		key.words[1] = record[1];
	if (timeline->width > 3)
		key.words[2] = record[2];
	else if (timeline->ledger->kind == SMK_KEY_TEXT_KIND)
	{
		key.words[2] = key.words[1] & 255;
		key.words[1] &= ~UINT64CONST(255);
	}
	return key;
}

/* True where two records are of one entity. */
static inline bool
record_same(const uint64 *a, const uint64 *b, int width)
{
	for (int i = 0; i < width - 1; i++)
		if (a[i] != b[i])
			return false;
	return true;
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

static inline void
words_reserve(Words *words, int64 count)
{
	if (count > words->size)
		words_enlarge(words, count);
}

/* How many records from here on are of one entity, up to a limit; copies their words. */
static pg_attribute_always_inline int64
records_of_width(const SmkTimeline *timeline, int64 from, int64 limit, Words *words, int width)
{
	const uint64 *first = timeline->records + from * width;
	const uint64 *end = timeline->records + timeline->count * width;
	const uint64 *record = first;
	int64 count = 0;

	do
	{
		if (unlikely(count == words->size))
			words_enlarge(words, count);
		words->words[count++] = record[width - 1];
		record += width;
	} while (record < end && count < limit && record_same(first, record, width));
	return count;
}

static int64
records_of_entity(const SmkTimeline *timeline, int64 from, int64 limit, Words *words)
{
	switch (timeline->width)
	{
		case 2:
			return records_of_width(timeline, from, limit, words, 2);
		case 3:
			return records_of_width(timeline, from, limit, words, 3);
		default:
			return records_of_width(timeline, from, limit, words, 4);
	}
}

/* Adds a run in memory. */
static void
run_add(SmkTimeline *timeline, unsigned char *data, int64 size)
{
	SmkRun *run = MemoryContextAlloc(timeline->ledger->events, sizeof(SmkRun));

	run->next = timeline->runs;
	run->data = data;
	run->size = size;
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
run_moved(SmkTimeline *timeline, int64 position)
{
	SmkLedger *ledger = timeline->ledger;
	MovedRun moved = {position, ledger->end - position, timeline->last_moved};

	timeline->last_moved = ledger->end;
	timeline->moved++;
	file_append(ledger, &moved, sizeof(moved));
}

/* Appends the records of a timeline to the file as a run; they are void then. */
static void
spill_records(SmkTimeline *timeline, StringInfo buffer, Words *words)
{
	SmkLedger *ledger = timeline->ledger;
	SmkRunWriter writer = {.kind = ledger->kind, .out = buffer};
	int64 position = ledger->end;
	int64 from = 0;

	smk_sort(timeline->records, timeline->count, timeline->width, &ledger->space);
	resetStringInfo(buffer);
	while (from < timeline->count)
	{
		SmkKey key = record_key(timeline, timeline->records + from * timeline->width);
		int64 count = records_of_entity(timeline, from, SPILL_WORDS, words);

		smk_run_write(&writer, &key, words->words, count);
		from += count;
		if (buffer->len >= BLCKSZ || from == timeline->count)
		{
			file_append(ledger, buffer->data, buffer->len);
			resetStringInfo(buffer);
		}
	}
	run_moved(timeline, position);
}

/* Moves all events of all timelines into the file, each timeline's as a sorted run. */
static void
ledger_spill(SmkLedger *ledger)
{
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	StringInfoData buffer;
	Words words = {0};
	dlist_iter iter;

	if (ledger->file == NULL)
		ledger->file = BufFileCreateTemp(false);
	else
		smk_run_seek(ledger->file, ledger->end);
	initStringInfo(&buffer);
	dlist_foreach(iter, &ledger->timelines)
	{
		SmkTimeline *timeline = dlist_container(SmkTimeline, node, iter.cur);

		for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		{
			int64 position = ledger->end;

			file_append(ledger, run->data, run->size);
			run_moved(timeline, position);
		}
		if (timeline->count > 0)
			spill_records(timeline, &buffer, &words);
		/* One that has been read is empty, but has room. */
		timeline->runs = NULL;
		timeline->records = NULL;
		timeline->count = timeline->size = 0;
	}
	MemoryContextReset(ledger->events);
	ledger->largest = ledger->space.size * (int64) sizeof(uint64);
	pfree(buffer.data);
	words_free(&words);
	MemoryContextSwitchTo(old);
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

/* Gives the records of a timeline a third word of key, for longer texts. */
static void
timeline_widen(SmkTimeline *timeline)
{
	uint64 *wide;
	int64 bytes = timeline->size * (int64) sizeof(uint64);

	if (timeline->size > 0)
		ledger_reserve(timeline->ledger, bytes);
	if (timeline->size > 0)
	{
		wide = MemoryContextAllocHuge(timeline->ledger->events, timeline->size * 4 * sizeof(uint64));
		for (int64 i = 0; i < timeline->count; i++)
		{
			SmkKey key = record_key(timeline, timeline->records + i * 3);

			memcpy(wide + i * 4, key.words, sizeof(key.words));
			wide[i * 4 + 3] = timeline->records[i * 3 + 2];
		}
		pfree(timeline->records);
		timeline->records = wide;
	}
	timeline->width = 4;
}

/* Adds an event under a key of the kind text. */
static void
add_key(SmkTimeline *timeline, const SmkKey *key, uint64 word)
{
	uint64 *record;
	int length = smk_key_length(key);

	if (timeline->width == 3 && length > SMK_KEY_SHORT_TEXT)
		timeline_widen(timeline);
	if (timeline->count == timeline->size)
		smk_timeline_grow(timeline);
	record = timeline->records + timeline->count++ * timeline->width;
	record[0] = key->words[0];
	if (timeline->width == 3)
		record[1] = key->words[1] | length;
	else
	{
		record[1] = key->words[1];
		record[2] = key->words[2];
	}
	record[timeline->width - 1] = word;
}

/* Adds an event of an entity whose key is a text. */
void
smk_timeline_add_text(SmkTimeline *timeline, const char *text, int length, uint64 word)
{
	SmkKey key = length <= SMK_KEY_TEXT ? smk_key_text(text, length)
										: smk_key_long(ledger_number(timeline->ledger, text, length));

	add_key(timeline, &key, word);
}

/* One thing to be read from: the records, or a run. */
typedef struct Source
{
	SmkRunReader run;
	bool is_records;
	int64 from; /* of the records: where the entity begins */
} Source;

/* A source in the heap, and the first word of its key, which mostly decides. */
typedef struct HeapItem
{
	uint64 first;
	Source *source;
} HeapItem;

/* Moves a source on to its next entity, whose key is in its run; false at its end. */
static inline bool
source_next(const SmkTimeline *timeline, Source *source)
{
	if (!source->is_records)
		return smk_run_next(&source->run);
	if (source->from >= timeline->count)
		return false;
	source->run.key = record_key(timeline, timeline->records + source->from * timeline->width);
	return true;
}

static inline int
heap_compare(const HeapItem *a, const HeapItem *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return smk_key_compare(&a->source->run.key, &b->source->run.key);
}

/* Puts the source at a position of the heap where it belongs: no child comes before its parent. */
static void
heap_sink(HeapItem *heap, int count, int position)
{
	HeapItem item = heap[position];

	for (;;)
	{
		int child = 2 * position + 1;

		if (child >= count)
			break;
		if (child + 1 < count && heap_compare(&heap[child + 1], &heap[child]) < 0)
			child++;
		if (heap_compare(&heap[child], &item) >= 0)
			break;
		heap[position] = heap[child];
		position = child;
	}
	heap[position] = item;
}

/* Reads an entity at a time from the records and all runs. */
static void
read_merged(SmkTimeline *timeline, int64 runs, SmkTimelineVisit visit, void *state)
{
	Source *sources = MemoryContextAllocExtended(CurrentMemoryContext, (runs + 1) * sizeof(Source),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	HeapItem *heap = MemoryContextAllocHuge(CurrentMemoryContext, (runs + 1) * sizeof(HeapItem));
	Words words = {0};
	Words part = {0};
	int buffer = (int) Max(MERGE_LEAST_BUFFER, MERGE_BUFFERS / runs);
	int count = 0;
	int64 n = 0;

	for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		smk_run_open(&sources[n++].run, timeline->ledger->kind, run->data, run->size);
	for (int64 at = timeline->last_moved; n < runs; n++)
	{
		MovedRun moved;

		smk_run_seek(timeline->ledger->file, at);
		if (BufFileRead(timeline->ledger->file, &moved, sizeof(moved)) != sizeof(moved))
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file: %m")));
		smk_run_open_file(&sources[n].run, timeline->ledger->kind, timeline->ledger->file, moved.position,
						  moved.size, buffer);
		at = moved.before;
	}
	sources[n].is_records = true;
	for (int64 i = 0; i <= runs; i++)
		if (source_next(timeline, &sources[i]))
			heap[count++] = (HeapItem){sources[i].run.key.words[0], &sources[i]};
	for (int i = count / 2 - 1; i >= 0; i--)
		heap_sink(heap, count, i);
	while (count > 0)
	{
		SmkKey key = heap[0].source->run.key;
		int64 total = 0;
		int pieces = 0;

		CHECK_FOR_INTERRUPTS();
		do
		{
			Source *source = heap[0].source;
			int64 more;

			if (source->is_records)
			{
				more = records_of_entity(timeline, source->from, PG_INT64_MAX, &part);
				source->from += more;
				words_reserve(&words, total + more);
				memcpy(words.words + total, part.words, more * sizeof(uint64));
			}
			else
			{
				more = source->run.events;
				words_reserve(&words, total + more);
				smk_run_words(&source->run, words.words + total);
			}
			total += more;
			pieces++;
			if (source_next(timeline, source))
				heap[0].first = source->run.key.words[0];
			else
				heap[0] = heap[--count];
			heap_sink(heap, count, 0);
		} while (count > 0 && heap[0].first == key.words[0] &&
				 smk_key_compare(&heap[0].source->run.key, &key) == 0);
		if (pieces > 1)
			smk_sort(words.words, total, 1, &timeline->ledger->space);
		visit(state, &key, words.words, total);
	}
	for (int64 i = 0; i < runs; i++)
		smk_run_close(&sources[i].run);
	words_free(&words);
	words_free(&part);
	pfree(heap);
	pfree(sources);
}

/* Reads all entities of a timeline, each once, in the order of their keys. The timeline stays as it is. */
void
smk_timeline_read(SmkTimeline *timeline, SmkTimelineVisit visit, void *state)
{
	uint64 few[FEW_WORDS];
	Words words = {few, FEW_WORDS, false};
	int64 from = 0;
	int64 runs = timeline->moved;

	if (timeline->count > 0)
		smk_sort(timeline->records, timeline->count, timeline->width, &timeline->ledger->space);
	for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		runs++;
	if (runs > 0)
	{
		read_merged(timeline, runs, visit, state);
		return;
	}
	while (from < timeline->count)
	{
		SmkKey key = record_key(timeline, timeline->records + from * timeline->width);
		int64 count = records_of_entity(timeline, from, PG_INT64_MAX, &words);

		visit(state, &key, words.words, count);
		from += count;
		if ((from & 1023) < count)
			CHECK_FOR_INTERRUPTS();
	}
	words_free(&words);
}

/* Where a timeline is being written: a run of the entities with short keys, and the others. */
typedef struct Writing
{
	const SmkLedger *ledger;
	SmkRunWriter run;
	StringInfoData others; /* length, bytes, number of events, words */
} Writing;

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

static void
write_entity(void *state, const SmkKey *key, uint64 *words, int64 count)
{
	Writing *writing = state;

	write_check((int64) writing->run.out->len + writing->others.len + count * SMK_VARINT_MAX);
	if (writing->ledger->kind == SMK_KEY_TEXT_KIND && smk_key_length(key) == SMK_KEY_LONG)
	{
		const LongText *text = &writing->ledger->texts[key->words[1]];

		write_check((int64) writing->others.len + text->length);
		smk_varint_append(&writing->others, text->length);
		appendBinaryStringInfo(&writing->others, text->bytes, text->length);
		smk_varint_append(&writing->others, count);
		for (int64 i = 0; i < count; i++)
			smk_varint_append(&writing->others, i ? words[i] - words[i - 1] : words[i]);
		return;
	}
	smk_run_write(&writing->run, key, words, count);
}

/* Writes a timeline for another process: the size of the run, the run, then the entities with long keys. */
void
smk_timeline_write(SmkTimeline *timeline, StringInfo out)
{
	Writing writing = {.ledger = timeline->ledger};
	int64 size = 0;
	int start;

	appendBinaryStringInfo(out, (char *) &size, sizeof(size));
	start = out->len;
	initStringInfo(&writing.others);
	writing.run.kind = timeline->ledger->kind;
	writing.run.out = out;
	smk_timeline_read(timeline, write_entity, &writing);
	size = out->len - start;
	memcpy(out->data + start - sizeof(size), &size, sizeof(size));
	appendBinaryStringInfo(out, writing.others.data, writing.others.len);
	pfree(writing.others.data);
}

/* Adds what another timeline has written; the bytes are copied. */
void
smk_timeline_add_written(SmkTimeline *timeline, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	int64 bytes = -1;

	if (size >= (int64) sizeof(bytes))
		memcpy(&bytes, data, sizeof(bytes));
	data += sizeof(bytes);
	if (bytes < 0 || bytes > end - data)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
	if (bytes > 0)
	{
		unsigned char *copy;

		ledger_reserve(timeline->ledger, bytes);
		copy = MemoryContextAllocHuge(timeline->ledger->events, bytes);
		memcpy(copy, data, bytes);
		run_add(timeline, copy, bytes);
		data += bytes;
	}
	while (data < end)
	{
		uint64 length;
		uint64 count;
		uint64 word = 0;
		SmkKey key;

		if (!smk_varint_read(&data, end, &length) || length > (uint64) (end - data))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
		key = smk_key_long(ledger_number(timeline->ledger, (const char *) data, (int) length));
		data += length;
		if (!smk_varint_read(&data, end, &count))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
		for (uint64 i = 0; i < count; i++)
		{
			uint64 distance;

			if (!smk_varint_read(&data, end, &distance))
				ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
			word += distance;
			add_key(timeline, &key, word);
		}
	}
}
