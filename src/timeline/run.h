/*
 * run.h: a sorted run of events as bytes, in memory or in a temporary file: entities with their keys cut by
 * what they share with the key before, words as distances.
 */
#ifndef SMK_RUN_H
#define SMK_RUN_H

#include "lib/stringinfo.h"
#include "storage/buffile.h"

#include "timeline/key.h"

/* Writes entities in the order of their keys. */
typedef struct SmkRunWriter
{
	SmkKeyKind kind;
	StringInfo out;
	SmkKey last;
	uint64 last_word; /* the first one of the entity before */
} SmkRunWriter;

/* Reads them again, an entity at a time. */
typedef struct SmkRunReader
{
	SmkKeyKind kind;
	const unsigned char *at;
	const unsigned char *end;
	BufFile *file;		   /* NULL: all bytes are there */
	int64 position;		   /* of the file, up to which was read */
	int64 left;			   /* bytes that the file still has */
	unsigned char *buffer; /* of those of the file that were read */
	int buffer_size;
	unsigned char last[SMK_KEY_WORDS * 8]; /* the bytes of the last key that was not long */
	SmkKey key;							   /* of the entity that comes */
	int64 events;						   /* how many it has */
	uint64 word;
} SmkRunReader;

extern void smk_run_write(SmkRunWriter *writer, const SmkKey *key, const uint64 *words, int64 count);
extern void smk_run_open(SmkRunReader *reader, SmkKeyKind kind, const unsigned char *data, int64 size);
extern void smk_run_seek(BufFile *file, int64 position);
extern void smk_run_open_file(SmkRunReader *reader, SmkKeyKind kind, BufFile *file, int64 position,
							  int64 size, int buffer);
extern bool smk_run_next(SmkRunReader *reader);
extern void smk_run_words(SmkRunReader *reader, uint64 *words);
extern void smk_run_close(SmkRunReader *reader);

#endif
