/*
 * run.c: sorted runs as bytes. An entity is its key, the number of its events, the first word as a signed
 * distance from the first one of the entity before, and the others as distances. A number's key is its
 * distance from the one before; of other keys come first how many bytes are those of the key before
 * (SMK_KEY_LONG: the number of a long text follows), of a text its length, and the other bytes.
 */
#include "postgres.h"

#include "timeline/run.h"
#include "timeline/varint.h"

/* The most bytes that an entity takes before its second word; how many are read of a file at once. */
#define RUN_MAX_HEAD 64
#define RUN_LEAST_BUFFER 256
#define RUN_MOST_BUFFER 16384
/* So many words are written without looking again whether there is room. */
#define RUN_ROOM 256

/* Writes a key that is no number; returns the first byte after it. */
static unsigned char *
run_write_key(SmkRunWriter *writer, const SmkKey *key, unsigned char *to)
{
	unsigned char bytes[SMK_KEY_WORDS * 8];
	unsigned char before[SMK_KEY_WORDS * 8];
	int length;
	int shared = 0;

	if (writer->kind == SMK_KEY_TEXT_KIND && smk_key_length(key) == SMK_KEY_LONG)
	{
		*to++ = SMK_KEY_LONG;
		return smk_varint_write(to, key->words[1]);
	}
	length = smk_key_bytes(writer->kind, key, bytes);
	(void) smk_key_bytes(writer->kind, &writer->last, before);
	while (shared < length && bytes[shared] == before[shared])
		shared++;
	*to++ = (unsigned char) shared;
	if (writer->kind == SMK_KEY_TEXT_KIND)
		*to++ = (unsigned char) length;
	memcpy(to, bytes + shared, length - shared);
	writer->last = *key;
	return to + (length - shared);
}

/* Writes an entity; its words are sorted, and its key follows those before. */
void
smk_run_write(SmkRunWriter *writer, const SmkKey *key, const uint64 *words, int64 count)
{
	StringInfo out = writer->out;
	int64 distance = (int64) (words[0] - writer->last_word);
	unsigned char *to;
	int64 room = RUN_ROOM;

	enlargeStringInfo(out, RUN_MAX_HEAD + RUN_ROOM * SMK_VARINT_MAX);
	to = (unsigned char *) out->data + out->len;
	if (writer->kind == SMK_KEY_BIGINT)
	{
		to = smk_varint_write(to, key->words[0] - writer->last.words[0]);
		writer->last.words[0] = key->words[0];
	}
	else
		to = run_write_key(writer, key, to);
	to = smk_varint_write(to, (uint64) count);
	to = smk_varint_write(to, (uint64) distance << 1 ^ (uint64) (distance >> 63));
	for (int64 i = 1; i < count; i++)
	{
		if (unlikely(room-- == 0))
		{
			out->len = (int) ((char *) to - out->data);
			enlargeStringInfo(out, (RUN_ROOM + 1) * SMK_VARINT_MAX);
			to = (unsigned char *) out->data + out->len;
			room = RUN_ROOM;
		}
		to = smk_varint_write(to, words[i] - words[i - 1]);
	}
	out->len = (int) ((char *) to - out->data);
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

/* Goes to a position in a file, which may be its end. */
void
smk_run_seek(BufFile *file, int64 position)
{
	if (BufFileSeekBlock(file, (long) (position / BLCKSZ)) != 0 ||
		BufFileSeek(file, 0, (off_t) (position % BLCKSZ), SEEK_CUR) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in temporary file: %m")));
}

/* Opens a run that lies in a file, to be read with a buffer of so many bytes in the context that is current.
 */
void
smk_run_open_file(SmkRunReader *reader, SmkKeyKind kind, BufFile *file, int64 position, int64 size,
				  int buffer)
{
	memset(reader, 0, sizeof(*reader));
	reader->kind = kind;
	reader->file = file;
	reader->position = position;
	reader->left = size;
	reader->buffer_size = Max(RUN_LEAST_BUFFER, Min(buffer, RUN_MOST_BUFFER));
	reader->buffer = palloc(reader->buffer_size);
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
	more = Min(reader->left, reader->buffer_size - rest);
	/* The position of the file is shared by all runs in it. */
	smk_run_seek(reader->file, reader->position);
	if ((int64) BufFileRead(reader->file, reader->buffer + rest, more) != more)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file: %m")));
	reader->position += more;
	reader->left -= more;
	reader->at = reader->buffer;
	reader->end = reader->buffer + rest + more;
}

/* Reads a key that is no number. */
static void
run_read_key(SmkRunReader *reader)
{
	int length = 16;
	int shared;

	if (reader->at == reader->end)
		run_malformed();
	shared = *reader->at++;
	if (reader->kind == SMK_KEY_TEXT_KIND)
	{
		if (shared == SMK_KEY_LONG)
		{
			uint64 number;

			/* The bytes that the next text shares are those of the last one that was not long. */
			if (!smk_varint_read(&reader->at, reader->end, &number))
				run_malformed();
			reader->key = smk_key_long(number);
			return;
		}
		if (reader->at == reader->end)
			run_malformed();
		length = *reader->at++;
		if (length > SMK_KEY_TEXT)
			run_malformed();
	}
	if (shared > length || reader->end - reader->at < length - shared)
		run_malformed();
	memcpy(reader->last + shared, reader->at, length - shared);
	reader->at += length - shared;
	reader->key = reader->kind == SMK_KEY_TEXT_KIND ? smk_key_text((char *) reader->last, length)
													: smk_key_uuid(reader->last);
}

/* Reads the key, the number of events and the first word of the next entity; false at the end. */
bool
smk_run_next(SmkRunReader *reader)
{
	uint64 count;
	uint64 distance;

	run_fill(reader, RUN_MAX_HEAD);
	if (reader->at == reader->end)
		return false;
	if (reader->kind == SMK_KEY_BIGINT)
	{
		if (!smk_varint_read(&reader->at, reader->end, &distance))
			run_malformed();
		reader->key.words[0] += distance;
	}
	else
		run_read_key(reader);
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

		if (reader->file != NULL)
			run_fill(reader, SMK_VARINT_MAX);
		if (!smk_varint_read(&reader->at, reader->end, &distance))
			run_malformed();
		words[i] = word += distance;
	}
}
