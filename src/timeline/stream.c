/*
 * stream.c: sorted records from arrays and runs, and merged two by two. Merging takes the smaller of two
 * records without a branch, which could not be foreseen.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "timeline/stream.h"

/* A stream of the records of an array, which stay where they are. */
void
smk_stream_of_records(SmkStream *stream, const uint64 *records, int64 count, int width)
{
	memset(stream, 0, sizeof(*stream));
	stream->width = width;
	stream->at = records;
	stream->end = records + count * width;
}

/* A stream of what a source has. */
void
smk_stream_of_source(SmkStream *stream, SmkStreamSource more, void *source, int width)
{
	memset(stream, 0, sizeof(*stream));
	stream->width = width;
	stream->more = more;
	stream->source = source;
}

/* A stream of what a run holds, with room for so many records at a time in the context that is current. */
void
smk_stream_of_run(SmkStream *stream, SmkRunReader *run, int width, int size)
{
	memset(stream, 0, sizeof(*stream));
	stream->width = width;
	stream->run = run;
	stream->size = size * width;
	stream->buffer = palloc(stream->size * sizeof(uint64));
}

/*
 * One stream of several of the same width, at least one. Those that it makes, each with room for so many
 * records, and their room belong to the context that is current.
 */
SmkStream *
smk_stream_merge(SmkStream *streams, int64 count, int size)
{
	SmkStream *merged;

	if (count == 1)
		return streams;
	merged = palloc0(sizeof(SmkStream));
	merged->width = streams->width;
	merged->left = smk_stream_merge(streams, count / 2, size);
	merged->right = smk_stream_merge(streams + count / 2, count - count / 2, size);
	merged->size = size * merged->width;
	merged->buffer = palloc(merged->size * sizeof(uint64));
	return merged;
}

/* -1 where a record comes before another or is the same, else 0. */
static pg_attribute_always_inline int64
record_first(const uint64 *a, const uint64 *b, int width)
{
	int first = a[width - 1] <= b[width - 1];

	if (width > 4)
		first = (a[3] < b[3]) | ((a[3] == b[3]) & first);
	if (width > 3)
		first = (a[2] < b[2]) | ((a[2] == b[2]) & first);
	if (width > 2)
		first = (a[1] < b[1]) | ((a[1] == b[1]) & first);
	first = (a[0] < b[0]) | ((a[0] == b[0]) & first);
	return -(int64) first;
}

/* Merges as many records as are at hand on both sides and have room. */
static pg_attribute_always_inline uint64 *
merge_at_hand(SmkStream *left, SmkStream *right, uint64 *to, const uint64 *end, int width)
{
	const uint64 *a = left->at;
	const uint64 *b = right->at;
	int64 count = Min(end - to, Min(left->end - a, right->end - b)) / width;

	for (; count > 0; count--)
	{
		int64 first = record_first(a, b, width);

		/* From b, or as far from it as a lies. */
		memcpy(to, (const char *) b + (((const char *) a - (const char *) b) & first),
			   width * sizeof(uint64));
		to += width;
		a += width & first;
		b += width & ~first;
	}
	left->at = a;
	right->at = b;
	return to;
}

/* Makes the next records of two streams be at hand; what only one of them has stays where it is. */
static bool
merge_fill(SmkStream *stream)
{
	SmkStream *left = stream->left;
	SmkStream *right = stream->right;
	uint64 *to = stream->buffer;
	const uint64 *end = stream->buffer + stream->size;

	while (to < end)
	{
		bool is_left = left->at < left->end || smk_stream_fill(left);
		bool is_right = right->at < right->end || smk_stream_fill(right);

		if (!is_left || !is_right)
		{
			SmkStream *rest = is_left ? left : right;

			if (to > stream->buffer)
				break;
			stream->at = rest->at;
			stream->end = rest->end;
			rest->at = rest->end;
			return is_left || is_right;
		}
		switch (stream->width)
		{
			case 2:
				to = merge_at_hand(left, right, to, end, 2);
				break;
			case 3:
				to = merge_at_hand(left, right, to, end, 3);
				break;
			case 4:
				to = merge_at_hand(left, right, to, end, 4);
				break;
			default:
				to = merge_at_hand(left, right, to, end, 5);
		}
	}
	stream->at = stream->buffer;
	stream->end = to;
	return true;
}

/* Makes the next records be at hand, where none are left; false at the end of the stream. */
bool
smk_stream_fill(SmkStream *stream)
{
	if (stream->is_ended)
		return false;
	if (stream->left != NULL)
		stream->is_ended = !merge_fill(stream);
	else if (stream->run != NULL)
	{
		stream->at = stream->buffer;
		stream->end = stream->buffer + smk_run_read(stream->run, stream->buffer, stream->size);
		stream->is_ended = stream->at == stream->end;
	}
	else
		stream->is_ended = stream->more == NULL || !stream->more(stream->source, &stream->at, &stream->end);
	return !stream->is_ended;
}
