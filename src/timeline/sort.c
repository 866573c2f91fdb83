/*
 * sort.c: a radix sort in place, the most significant bits first. Records go into up to 2,048 buckets by the
 * bits in which they differ, then each bucket alone; what is small is sorted by insertion.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "timeline/sort.h"

/* So many records and fewer are sorted by insertion. */
#define SORT_SMALL 24
#define SORT_MIN_BITS 4
#define SORT_FEW_BITS 8
#define SORT_MAX_BITS 11

/* True where record a comes before b. */
static pg_attribute_always_inline bool
sort_less(const uint64 *a, const uint64 *b, int width)
{
	for (int i = 0; i < width - 1; i++)
		if (a[i] != b[i])
			return a[i] < b[i];
	return a[width - 1] < b[width - 1];
}

static pg_attribute_always_inline void
sort_copy(uint64 *to, const uint64 *from, int width)
{
	for (int i = 0; i < width; i++)
		to[i] = from[i];
}

static pg_attribute_always_inline void
sort_insertion(uint64 *records, int64 count, int width)
{
	for (int64 i = 1; i < count; i++)
	{
		uint64 record[SMK_SORT_MAX_WIDTH];
		int64 j = i;

		if (!sort_less(records + i * width, records + (i - 1) * width, width))
			continue;
		sort_copy(record, records + i * width, width);
		do
		{
			sort_copy(records + j * width, records + (j - 1) * width, width);
			j--;
		} while (j > 0 && sort_less(record, records + (j - 1) * width, width));
		sort_copy(records + j * width, record, width);
	}
}

/* Moves the records into their buckets: each swap brings one home. The arrays hold where buckets begin and
 * end. */
static pg_attribute_always_inline void
sort_permute(uint64 *records, int width, int word, uint64 least, int shift, int64 *next, const int64 *ends,
			 int buckets)
{
	for (int bucket = 0; bucket < buckets; bucket++)
		while (next[bucket] < ends[bucket])
		{
			uint64 record[SMK_SORT_MAX_WIDTH];
			int home;

			sort_copy(record, records + next[bucket] * width, width);
			while ((home = (int) ((record[word] - least) >> shift)) != bucket)
			{
				uint64 *place = records + next[home]++ * width;
				uint64 other[SMK_SORT_MAX_WIDTH];

				sort_copy(other, place, width);
				sort_copy(place, record, width);
				sort_copy(record, other, width);
			}
			sort_copy(records + next[bucket]++ * width, record, width);
		}
}

/*
 * Sorts records that are equal in the words before this one. It calls itself at most 17 times a word, since
 * each call takes 4 bits or more; large counters live on the heap.
 */
static void
sort_range(uint64 *records, int64 count, int width, int word)
{
	int64 few[2][1 << SORT_FEW_BITS];
	int64 *next = few[0];
	int64 *ends = few[1];
	uint64 least;
	uint64 most;
	int bits;
	int shift;
	int buckets;
	int64 start;

	for (;;)
	{
		if (count <= SORT_SMALL)
		{
			switch (width)
			{
				case 1:
					sort_insertion(records, count, 1);
					break;
				case 2:
					sort_insertion(records, count, 2);
					break;
				case 3:
					sort_insertion(records, count, 3);
					break;
				default:
					sort_insertion(records, count, 4);
					break;
			}
			return;
		}
		CHECK_FOR_INTERRUPTS();
		least = most = records[word];
		for (int64 i = 1; i < count; i++)
		{
			uint64 value = records[i * width + word];

			least = Min(least, value);
			most = Max(most, value);
		}
		if (least != most)
			break;
		if (++word == width)
			return;
	}
	check_stack_depth();
	bits = Max(SORT_MIN_BITS, Min(SORT_MAX_BITS, pg_leftmost_one_pos64((uint64) count) - 3));
	shift = Max(0, pg_leftmost_one_pos64(most - least) + 1 - bits);
	buckets = (int) ((most - least) >> shift) + 1;
	if (buckets > 1 << SORT_FEW_BITS)
	{
		next = palloc(2 * buckets * sizeof(int64));
		ends = next + buckets;
	}
	memset(ends, 0, buckets * sizeof(int64));
	for (int64 i = 0; i < count; i++)
		ends[(records[i * width + word] - least) >> shift]++;
	start = 0;
	for (int i = 0; i < buckets; i++)
	{
		next[i] = start;
		start = ends[i] += start;
	}
	switch (width)
	{
		case 1:
			sort_permute(records, 1, word, least, shift, next, ends, buckets);
			break;
		case 2:
			sort_permute(records, 2, word, least, shift, next, ends, buckets);
			break;
		case 3:
			sort_permute(records, 3, word, least, shift, next, ends, buckets);
			break;
		default:
			sort_permute(records, 4, word, least, shift, next, ends, buckets);
			break;
	}
	start = 0;
	for (int i = 0; i < buckets; i++)
	{
		if (ends[i] - start > 1 && (shift > 0 || word + 1 < width))
			sort_range(records + start * width, ends[i] - start, width, shift > 0 ? word : word + 1);
		start = ends[i];
	}
	if (next != few[0])
		pfree(next);
}

/* Sorts count records of width words (1 to 4) in place. */
void
smk_sort(uint64 *records, int64 count, int width)
{
	int64 i = 1;

	while (i < count && !sort_less(records + i * width, records + (i - 1) * width, width))
		i++;
	if (i < count)
		sort_range(records, count, width, 0);
}
