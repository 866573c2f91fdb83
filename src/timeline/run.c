/*
 * run.c: sorted runs as bytes. An entity is its key, the number of its events, the first word as a signed
 * distance from the first one of the entity before, and the others as distances. A number's key is its
 * distance from the one before, eight times, four where that is one from before keys were spread, with the
 * sign in its lowest bit, and the number of events where it is 1 or 2; 3: that follows; 0 alone: distance and
 * number follow. Of other keys come first how many bytes are those of the key before
 * (SMK_KEY_LONG: the number of a long text follows), of a text its length, and the other bytes. A value
 * follows each word.
 */
#include "postgres.h"

#include "timeline/run.h"
#include "timeline/varint.h"

/* The most bytes that an entity takes before its second word; how many are read of a file at once. */
#define RUN_MAX_HEAD SMK_RUN_RECORD
#define RUN_LEAST_BUFFER 256
#define RUN_MOST_BUFFER 16384
/* So much room is made for bytes at once; more than a record takes. */
#define RUN_ROOM 4096

/* The distance of a number from the one before, as far as one of them is from the other before it was spread;
 * the sign in the lowest bit. */
static inline uint64
run_distance(bool is_spread, uint64 key, uint64 last)
{
	uint64 distance = is_spread ? smk_key_gather(key) - smk_key_gather(last) : key - last;

	return distance << 1 ^ -(distance >> 63);
}

/* The number that has this distance from the one before. */
static uint64
run_number(bool is_spread, uint64 last, uint64 distance)
{
	distance = distance >> 1 ^ -(distance & 1);
	return is_spread ? smk_key_spread(smk_key_gather(last) + distance) : last + distance;
}

/* Writes a key that is a number, and how many events it has; returns the first byte after them. */
static inline unsigned char *
run_write_number(SmkRunWriter *writer, uint64 key, int64 count, unsigned char *to)
{
	uint64 last = writer->last.words[0];
	uint64 distance = key - last;
	bool is_far = distance >> (64 - SMK_KEY_SPREAD_BITS) != 0;

	if (is_far)
		distance = run_distance(writer->is_spread, key, last);
	writer->last.words[0] = key;
	if (unlikely(distance >> 61 != 0))
	{
		to = smk_varint_write(to, 0);
		to = smk_varint_write(to, key - last);
		return smk_varint_write(to, (uint64) count);
	}
	to = smk_varint_write(to, distance << 3 | (uint64) is_far << 2 | (uint64) Min(count, 3));
	return count < 3 ? to : smk_varint_write(to, (uint64) count);
}

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

/* Makes room for some bytes after those that are written up to here; returns where the next one goes. */
static unsigned char *
run_enlarge(StringInfo out, const unsigned char *to)
{
	out->len = (int) ((const char *) to - out->data);
	enlargeStringInfo(out, RUN_ROOM);
	return (unsigned char *) out->data + out->len;
}

static pg_attribute_always_inline void
run_write(SmkRunWriter *writer, const uint64 *record, const uint64 *end, int width, int values)
{
	const int keys = width - 1 - values;
	StringInfo out = writer->out;
	unsigned char *to = run_enlarge(out, (unsigned char *) out->data + out->len);
	unsigned char *limit = (unsigned char *) out->data + out->maxlen - RUN_MAX_HEAD;

	while (record < end)
	{
		const uint64 *next = record + width;
		uint64 word = record[keys];
		int64 distance = (int64) (word - writer->last_word);
		int64 count;

		while (next < end && smk_record_same(record, next, keys))
			next += width;
		count = (next - record) / width;
		if (unlikely(to > limit))
		{
			to = run_enlarge(out, to);
			limit = (unsigned char *) out->data + out->maxlen - RUN_MAX_HEAD;
		}
		if (keys == 1)
			to = run_write_number(writer, record[0], count, to);
		else
		{
			SmkKey key = smk_record_key(writer->kind, record, keys);

			to = run_write_key(writer, &key, to);
			to = smk_varint_write(to, (uint64) count);
		}
		to = smk_varint_write(to, (uint64) distance << 1 ^ (uint64) (distance >> 63));
		if (values)
			to = smk_varint_write(to, record[keys + 1]);
		writer->last_word = word;
		for (record += width; record < next; record += width)
		{
			if (unlikely(to > limit))
			{
				to = run_enlarge(out, to);
				limit = (unsigned char *) out->data + out->maxlen - RUN_MAX_HEAD;
			}
			to = smk_varint_write(to, record[keys] - word);
			word = record[keys];
			if (values)
				to = smk_varint_write(to, record[keys + 1]);
		}
	}
	out->len = (int) ((char *) to - out->data);
}

/* Writes records, which are sorted and follow those before. At most SMK_RUN_RECORD bytes for each. */
void
smk_run_write(SmkRunWriter *writer, const uint64 *records, int64 count, int width)
{
	const uint64 *end = records + count * width;

	switch (width - (writer->has_values ? 2 : 1))
	{
		case 1:
			if (writer->has_values)
				run_write(writer, records, end, 3, 1);
			else
				run_write(writer, records, end, 2, 0);
			break;
		case 2:
			if (writer->has_values)
				run_write(writer, records, end, 4, 1);
			else
				run_write(writer, records, end, 3, 0);
			break;
		default:
			if (writer->has_values)
				run_write(writer, records, end, 5, 1);
			else
				run_write(writer, records, end, 4, 0);
	}
}

/* Opens a run that lies in memory. */
void
smk_run_open(SmkRunReader *reader, const unsigned char *data, int64 size)
{
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
smk_run_open_file(SmkRunReader *reader, BufFile *file, int64 position, int64 size, int buffer)
{
	reader->file = file;
	reader->position = position;
	reader->left = size;
	reader->buffer_size = Max(RUN_LEAST_BUFFER, Min(buffer, RUN_MOST_BUFFER));
	reader->buffer = palloc(reader->buffer_size);
	reader->at = reader->end = reader->buffer;
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

/* Reads a key that is a number, and how many events it has; false where they are malformed. */
static pg_attribute_always_inline bool
run_read_number(SmkRunReader *reader, uint64 *count)
{
	uint64 distance;

	if (!smk_varint_read(&reader->at, reader->end, &distance))
		return false;
	*count = distance & 3;
	if (unlikely(distance == 0))
	{
		if (!smk_varint_read(&reader->at, reader->end, &distance))
			return false;
		reader->key.words[0] += distance;
	}
	else if (distance & 4)
		reader->key.words[0] = run_number(reader->is_spread, reader->key.words[0], distance >> 3);
	else
		reader->key.words[0] += distance >> 3;
	return (*count != 0 && *count < 3) || smk_varint_read(&reader->at, reader->end, count);
}

/* Reads the key, the number of events and the first word of the next entity; false at the end. */
static pg_attribute_always_inline bool
run_next(SmkRunReader *reader)
{
	uint64 count;
	uint64 distance;

	run_fill(reader, RUN_MAX_HEAD);
	if (reader->at == reader->end)
		return false;
	if (reader->kind == SMK_KEY_BIGINT)
	{
		if (!run_read_number(reader, &count))
			run_malformed();
	}
	else
	{
		run_read_key(reader);
		if (!smk_varint_read(&reader->at, reader->end, &count))
			run_malformed();
	}
	if (!smk_varint_read(&reader->at, reader->end, &distance) || count == 0 || count > PG_INT64_MAX)
		run_malformed();
	reader->events = (int64) count;
	reader->first += (distance >> 1) ^ -(distance & 1);
	reader->word = reader->first;
	return true;
}

/* Reads records up to the end of the room; returns how many words they take. */
static pg_attribute_always_inline int
run_read(SmkRunReader *reader, uint64 *records, int room, int keys, int values)
{
	int words = 0;

	while (words < room)
	{
		if (reader->events == 0)
		{
			if (!run_next(reader))
				break;
		}
		else
		{
			uint64 distance;

			if (reader->file != NULL)
				run_fill(reader, 2 * SMK_VARINT_MAX);
			if (!smk_varint_read(&reader->at, reader->end, &distance))
				run_malformed();
			reader->word += distance;
		}
		reader->events--;
		for (int i = 0; i < keys; i++)
			records[words++] = reader->key.words[i];
		records[words++] = reader->word;
		if (values && !smk_varint_read(&reader->at, reader->end, &records[words++]))
			run_malformed();
		if (reader->names != NULL)
		{
			uint64 *named = &records[words - 1 - (values && !reader->names_in_value)];

			*named = (*named & ~reader->name_mask) | reader->names[*named & reader->name_mask];
		}
	}
	return words;
}

/* Reads records, as many as have room, which is given in words; returns how many words they take. */
int
smk_run_read(SmkRunReader *reader, uint64 *records, int room)
{
	switch (reader->kind)
	{
		case SMK_KEY_BIGINT:
			return reader->has_values ? run_read(reader, records, room, 1, 1)
									  : run_read(reader, records, room, 1, 0);
		case SMK_KEY_UUID:
			return reader->has_values ? run_read(reader, records, room, 2, 1)
									  : run_read(reader, records, room, 2, 0);
		default:
			return reader->has_values ? run_read(reader, records, room, 3, 1)
									  : run_read(reader, records, room, 3, 0);
	}
}
