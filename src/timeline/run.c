/*
 * run.c: sorted runs as bytes. An entity is: how many bytes its key shares with the one before (SMK_KEY_LONG:
 * the number of a long text follows), of a text its length, the other bytes, the number of its events, the
 * first word as a signed distance from the first one of the entity before, the others as distances.
 */
#include "postgres.h"

#include "timeline/run.h"
#include "timeline/varint.h"

/* The most bytes that an entity takes before its second word, and the bytes that are read of a file at once.
 */
#define RUN_MAX_HEAD 64
#define RUN_BUFFER 16384

/* Writes an entity; its words are sorted, and its key follows those before. */
void
smk_run_write(SmkRunWriter *writer, const SmkKey *key, const uint64 *words, int64 count)
{
	StringInfo out = writer->out;
	int64 distance = (int64) (words[0] - writer->last_word);

	if (writer->kind == SMK_KEY_TEXT_KIND && smk_key_length(key) == SMK_KEY_LONG)
	{
		appendStringInfoCharMacro(out, (char) SMK_KEY_LONG);
		smk_varint_append(out, key->words[1]);
	}
	else
	{
		unsigned char bytes[SMK_KEY_WORDS * 8];
		unsigned char before[SMK_KEY_WORDS * 8];
		int length = smk_key_bytes(writer->kind, key, bytes);
		int shared = 0;

		(void) smk_key_bytes(writer->kind, &writer->last, before);
		while (shared < length && bytes[shared] == before[shared])
			shared++;
		appendStringInfoCharMacro(out, (char) shared);
		if (writer->kind == SMK_KEY_TEXT_KIND)
			appendStringInfoCharMacro(out, (char) length);
		appendBinaryStringInfo(out, (char *) bytes + shared, length - shared);
		writer->last = *key;
	}
	smk_varint_append(out, (uint64) count);
	smk_varint_append(out, (uint64) distance << 1 ^ (uint64) (distance >> 63));
	for (int64 i = 1; i < count; i++)
		smk_varint_append(out, words[i] - words[i - 1]);
	writer->last_word = words[0];
}

/* Opens a run that lies in memory. */
void
smk_run_open(SmkRunReader *reader, SmkKeyKind kind, const unsigned char *data, int64 size)
{
	memset(reader, 0, sizeof(*reader));
	reader->kind = kind;
	reader->at = data;
	reader->end = data + size;
}

/* Opens a run that lies in a file; what is read of it lies in the context that is current. */
void
smk_run_open_file(SmkRunReader *reader, SmkKeyKind kind, BufFile *file, int fileno, off_t offset, int64 size)
{
	memset(reader, 0, sizeof(*reader));
	reader->kind = kind;
	reader->file = file;
	reader->fileno = fileno;
	reader->offset = offset;
	reader->left = size;
	reader->buffer = palloc(RUN_BUFFER);
	reader->at = reader->end = reader->buffer;
}

void
smk_run_close(SmkRunReader *reader)
{
	if (reader->buffer != NULL)
		pfree(reader->buffer);
}

static void
run_malformed(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
}

/* Reads on in the file where fewer bytes than these are at hand, as far as it goes. */
static inline void
run_fill(SmkRunReader *reader, int bytes)
{
	int64 rest = reader->end - reader->at;
	int64 more;

	if (rest >= bytes || reader->left == 0)
		return;
	memmove(reader->buffer, reader->at, rest);
	more = Min(reader->left, RUN_BUFFER - rest);
	/* The position of the file is shared by all runs in it. */
	if (BufFileSeek(reader->file, reader->fileno, reader->offset, SEEK_SET) != 0 ||
		(int64) BufFileRead(reader->file, reader->buffer + rest, more) != more)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file: %m")));
	BufFileTell(reader->file, &reader->fileno, &reader->offset);
	reader->left -= more;
	reader->at = reader->buffer;
	reader->end = reader->buffer + rest + more;
}

/* Reads the key, the number of events and the first word of the next entity; false at the end. */
bool
smk_run_next(SmkRunReader *reader)
{
	unsigned char bytes[SMK_KEY_WORDS * 8];
	int shared;
	int length = reader->kind == SMK_KEY_BIGINT ? 8 : 16;
	uint64 count;
	uint64 distance;

	run_fill(reader, RUN_MAX_HEAD);
	if (reader->at == reader->end)
		return false;
	shared = *reader->at++;
	if (shared == SMK_KEY_LONG && reader->kind == SMK_KEY_TEXT_KIND)
	{
		uint64 number;

		if (!smk_varint_read(&reader->at, reader->end, &number))
			run_malformed();
		/* The bytes that the next text shares are those of the last one that was not long. */
		reader->key = smk_key_long(number);
	}
	else
	{
		if (reader->kind == SMK_KEY_TEXT_KIND)
		{
			if (reader->at == reader->end)
				run_malformed();
			length = *reader->at++;
			if (length > SMK_KEY_TEXT)
				run_malformed();
		}
		if (shared > length || reader->end - reader->at < length - shared)
			run_malformed();
		memcpy(bytes, reader->last, shared);
		memcpy(bytes + shared, reader->at, length - shared);
		reader->at += length - shared;
		memcpy(reader->last, bytes, length);
		if (reader->kind == SMK_KEY_TEXT_KIND)
			reader->key = smk_key_text((char *) bytes, length);
		else if (reader->kind == SMK_KEY_UUID)
			reader->key = smk_key_uuid(bytes);
		else
		{
			memset(bytes + 8, 0, 8);
			reader->key = smk_key_uuid(bytes);
		}
	}
	if (!smk_varint_read(&reader->at, reader->end, &count) ||
		!smk_varint_read(&reader->at, reader->end, &distance) || count == 0 || count > PG_INT64_MAX)
		run_malformed();
	reader->events = (int64) count;
	reader->word += (distance >> 1) ^ -(distance & 1);
	return true;
}

/* Reads the words of the entity: room for all its events. */
void
smk_run_words(SmkRunReader *reader, uint64 *words)
{
	uint64 word = reader->word;

	words[0] = word;
	for (int64 i = 1; i < reader->events; i++)
	{
		uint64 distance;

		run_fill(reader, SMK_VARINT_MAX);
		if (!smk_varint_read(&reader->at, reader->end, &distance))
			run_malformed();
		words[i] = word += distance;
	}
}
