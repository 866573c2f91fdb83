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
#include "timeline/stream.h"
#include "timeline/timeline.h"
#include "timeline/varint.h"

/* A small group's first room, in records. */
#define TIMELINE_FIRST_SIZE 8
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
spill_records(SmkTimeline *timeline, StringInfo buffer)
{
	SmkLedger *ledger = timeline->ledger;
	SmkRunWriter writer = {.kind = ledger->kind, .out = buffer};
	int64 position = ledger->end;

	smk_sort(timeline->records, timeline->count, timeline->width, &ledger->space);
	for (int64 from = 0; from < timeline->count; from += WRITE_RECORDS)
	{
		resetStringInfo(buffer);
		smk_run_write(&writer, timeline->records + from * timeline->width,
					  Min(WRITE_RECORDS, timeline->count - from), timeline->width);
		file_append(ledger, buffer->data, buffer->len);
	}
	run_moved(timeline, position);
}

/* Moves all events of all timelines into the file, each timeline's as a sorted run. */
static void
ledger_spill(SmkLedger *ledger)
{
	MemoryContext old = MemoryContextSwitchTo(ledger->context);
	StringInfoData buffer;
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
			spill_records(timeline, &buffer);
		/* One that has been read is empty, but has room. */
		timeline->runs = NULL;
		timeline->records = NULL;
		timeline->count = timeline->size = 0;
	}
	MemoryContextReset(ledger->events);
	ledger->largest = ledger->space.size * (int64) sizeof(uint64);
	pfree(buffer.data);
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
			SmkKey key = smk_record_key(SMK_KEY_TEXT_KIND, timeline->records + i * 3, 3);

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

/* The runs of a timeline, opened, with a buffer of so many bytes for each in the file. */
static void
open_runs(const SmkTimeline *timeline, SmkRunReader *readers, int buffer)
{
	SmkLedger *ledger = timeline->ledger;
	int64 at = timeline->last_moved;

	for (SmkRun *run = timeline->runs; run != NULL; run = run->next)
		smk_run_open(readers++, ledger->kind, run->data, run->size);
	for (int64 i = 0; i < timeline->moved; i++)
	{
		MovedRun moved;

		smk_run_seek(ledger->file, at);
		if (BufFileRead(ledger->file, &moved, sizeof(moved)) != sizeof(moved))
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file: %m")));
		smk_run_open_file(readers++, ledger->kind, ledger->file, moved.position, moved.size, buffer);
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
	if (timeline->width == 3 && timeline->kind == SMK_KEY_TEXT_KIND &&
		(timeline->runs != NULL || timeline->moved > 0))
		timeline_widen(timeline);
	if (timeline->count > 0)
		smk_sort(timeline->records, timeline->count, timeline->width, &timeline->ledger->space);
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
	smk_stream_of_records(&streams[runs], timeline->records, timeline->count, timeline->width);
	return smk_stream_merge(streams, runs + (timeline->count > 0 || runs == 0), records);
}

/* Reads a stream an entity at a time. */
static pg_attribute_always_inline void
read_entities(SmkKeyKind kind, SmkStream *stream, SmkTimelineVisit visit, void *state, int width)
{
	uint64 few[FEW_WORDS];
	Words words = {few, FEW_WORDS, false};

	while (stream->at < stream->end || smk_stream_fill(stream))
	{
		SmkKey key = smk_record_key(kind, stream->at, width);
		const uint64 *record = stream->at;
		uint64 first[SMK_KEY_WORDS];
		int64 count = 0;

		CHECK_FOR_INTERRUPTS();
		memcpy(first, record, (width - 1) * sizeof(uint64));
		do
		{
			const uint64 *end = stream->end;

			do
			{
				if (unlikely(count == words.size))
					words_enlarge(&words, count);
				words.words[count++] = record[width - 1];
				record += width;
			} while (record < end && smk_record_same(first, record, width));
			stream->at = record;
			if (likely(record < end) || !smk_stream_fill(stream))
				break;
			record = stream->at;
		} while (smk_record_same(first, record, width));
		visit(state, &key, words.words, count);
	}
	words_free(&words);
}

/* Reads all entities of a timeline, each once, in the order of their keys. What it holds stays the same. */
void
smk_timeline_read(SmkTimeline *timeline, SmkTimelineVisit visit, void *state)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "reading of timelines", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmkStream *stream = timeline_stream(timeline);

	MemoryContextSwitchTo(old);
	switch (stream->width)
	{
		case 2:
			read_entities(timeline->kind, stream, visit, state, 2);
			break;
		case 3:
			read_entities(timeline->kind, stream, visit, state, 3);
			break;
		default:
			read_entities(timeline->kind, stream, visit, state, 4);
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

/* True where the key of a record is the number of a long text. */
static inline bool
record_long(const SmkLedger *ledger, const uint64 *record, int width)
{
	return ledger->text_count > 0 && width == 4 && (record[2] & 255) == SMK_KEY_LONG;
}

/*
 * Writes records of one long key: the length and the bytes of the text, or 0 where it is that before; the
 * number of the records and their words as distances.
 */
static void
write_long(const SmkLedger *ledger, const uint64 *records, int64 count, bool is_again, StringInfo out)
{
	const LongText *text = &ledger->texts[records[1]];
	uint64 word = 0;

	write_check((int64) out->len + text->length + (count + 2) * SMK_VARINT_MAX);
	smk_varint_append(out, is_again ? 0 : text->length);
	if (!is_again)
		appendBinaryStringInfo(out, text->bytes, text->length);
	smk_varint_append(out, count);
	for (int64 i = 0; i < count; i++)
	{
		smk_varint_append(out, records[i * 4 + 3] - word);
		word = records[i * 4 + 3];
	}
}

/* Writes the records that a stream has at hand, as many as go together, and moves it on. */
static void
write_at_hand(const SmkLedger *ledger, SmkStream *stream, SmkRunWriter *run, StringInfo others,
			  uint64 *last_text)
{
	int width = stream->width;
	const uint64 *record = stream->at;
	const uint64 *end = record + Min(WRITE_RECORDS * width, stream->end - record);
	bool is_long = record_long(ledger, record, width);
	const uint64 *next = record + width;

	if (is_long)
		while (next < end && smk_record_same(record, next, width))
			next += width;
	else if (ledger->text_count == 0)
		next = end;
	else
		while (next < end && !record_long(ledger, next, width))
			next += width;
	if (is_long)
	{
		write_long(ledger, record, (next - record) / width, *last_text == record[1], others);
		*last_text = record[1];
	}
	else
	{
		write_check((int64) run->out->len + (next - record) / width * SMK_RUN_RECORD);
		smk_run_write(run, record, (next - record) / width, width);
	}
	write_check((int64) run->out->len + others->len);
	stream->at = next;
}

/* Writes a timeline for another process: the size of the run, the run, then the entities with long keys. */
void
smk_timeline_write(SmkTimeline *timeline, StringInfo out)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "writing of a timeline", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmkStream *stream = timeline_stream(timeline);
	SmkRunWriter run = {.kind = timeline->ledger->kind, .out = out};
	StringInfoData others;
	uint64 last_text = PG_UINT64_MAX;
	int64 size = 0;
	int start;

	initStringInfo(&others);
	appendBinaryStringInfo(out, (char *) &size, sizeof(size));
	start = out->len;
	while (stream->at < stream->end || smk_stream_fill(stream))
	{
		CHECK_FOR_INTERRUPTS();
		write_at_hand(timeline->ledger, stream, &run, &others, &last_text);
	}
	size = out->len - start;
	memcpy(out->data + start - sizeof(size), &size, sizeof(size));
	appendBinaryStringInfo(out, others.data, others.len);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Adds what another timeline has written; the bytes are copied. */
void
smk_timeline_add_written(SmkTimeline *timeline, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	int64 bytes = -1;
	SmkKey key = {{0}};

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

		if (!smk_varint_read(&data, end, &length) || length > (uint64) (end - data) ||
			(length == 0 && smk_key_length(&key) == 0))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
		if (length > 0)
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
