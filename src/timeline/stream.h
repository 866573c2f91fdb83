/*
 * stream.h: sorted records, some at hand at a time: those of an array, of a run, of another source that has
 * them in pieces, or of two streams merged.
 */
#ifndef SMK_STREAM_H
#define SMK_STREAM_H

#include "timeline/run.h"

/* Gives the next records of a source; false at its end. */
typedef bool (*SmkStreamSource)(void *source, const uint64 **at, const uint64 **end);

typedef struct SmkStream
{
	const uint64 *at;  /* the record that comes next */
	const uint64 *end; /* behind the last one at hand */
	int width;		   /* words of a record */
	bool is_ended;
	struct SmkStream *left;
	struct SmkStream *right; /* NULL: not merged */
	SmkRunReader *run;		 /* NULL: not from a run */
	SmkStreamSource more;	 /* NULL: not from a source, */
	void *source;			 /* which this is */
	uint64 *buffer;			 /* for those at hand, where they do not lie elsewhere */
	int size;				 /* words for which it has room */
} SmkStream;

extern void smk_stream_of_records(SmkStream *stream, const uint64 *records, int64 count, int width);
extern void smk_stream_of_source(SmkStream *stream, SmkStreamSource more, void *source, int width);
extern void smk_stream_of_run(SmkStream *stream, SmkRunReader *run, int width, int size);
extern SmkStream *smk_stream_merge(SmkStream *streams, int64 count, int size);
extern bool smk_stream_fill(SmkStream *stream);

#endif
