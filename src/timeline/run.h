/*
 * run.h: a sorted run of events as bytes, in memory or in a temporary file: entities with their keys cut by
 * what they share with the key before, words as distances. A record is the words of a key, the word of an
 * event and, where events have one, a word for its value.
 */
#ifndef SMK_RUN_H
#define SMK_RUN_H

#include "lib/stringinfo.h"
#include "storage/buffile.h"

#include "timeline/key.h"

/* The most bytes that a record takes. */
#define SMK_RUN_RECORD 64

/* Writes sorted records. */
typedef struct SmkRunWriter
{
	SmkKeyKind kind;
	bool is_spread; /* keys are spread numbers */
	bool has_values;
	StringInfo out;
	SmkKey last;
	uint64 last_word; /* the first one of the entity before */
} SmkRunWriter;

/* Reads them again, as records; zeroed but for what records look like before it is opened. */
typedef struct SmkRunReader
{
	SmkKeyKind kind;
	bool is_spread;
	bool has_values;
	uint64 name_mask;	 /* of the bits of a word, */
	bool names_in_value; /* or of a value, that are a number of this, */
	const uint32 *names; /* by which others take its place; NULL: they stay */
	const unsigned char *at;
	const unsigned char *end;
	BufFile *file;		   /* NULL: all bytes are there */
	int64 position;		   /* of the file, up to which was read */
	int64 left;			   /* bytes that the file still has */
	unsigned char *buffer; /* of those of the file that were read */
	int buffer_size;
	unsigned char last[SMK_KEY_WORDS * 8]; /* the bytes of the last key that was not long */
	SmkKey key;							   /* of the entity that is read */
	int64 events;						   /* that it still has */
	uint64 first;						   /* word that it has */
	uint64 word;						   /* that was read last */
} SmkRunReader;

extern void smk_run_write(SmkRunWriter *writer, const uint64 *records, int64 count, int width);
extern void smk_run_open(SmkRunReader *reader, const unsigned char *data, int64 size);
extern void smk_run_seek(BufFile *file, int64 position);
extern void smk_run_open_file(SmkRunReader *reader, BufFile *file, int64 position, int64 size, int buffer);
extern int smk_run_read(SmkRunReader *reader, uint64 *records, int room);

#endif
