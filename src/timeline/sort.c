/*
 * sort.c: a radix sort, the most significant bits first. Many records are first scattered into a second array
 * of the same size and, bucket by bucket, back again, so that all but the first pass happens in the cache;
 * what is still large then is sorted in place, and what is small by insertion. Arrival in the order of time,
 * as records mostly come, is kept by scattering and leaves little to insert.
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
/* From so many records on a second array pays; bits of the way there and of the way back. */
#define SORT_SCATTER_MIN 4096
#define SORT_SCATTER_BITS 10
#define SORT_GATHER_BITS 12

/* True where record a comes before b. */
static pg_attribute_always_inline bool
sort_less(const uint64 *a, const uint64 *b, int width)
{
	/* Two words at once, without a branch: whether two records are of one entity cannot be foreseen. */
	for (int i = 0; i + 1 < width; i += 2)
	{
		uint128 left = (uint128) a[i] << 64 | a[i + 1];
		uint128 right = (uint128) b[i] << 64 | b[i + 1];

		if (i + 2 >= width || left != right)
			return left < right;
	}
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

/* Sorts a few records, of any width. */
static void
sort_few(uint64 *records, int64 count, int width)
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
		case 4:
			sort_insertion(records, count, 4);
			break;
		default:
			sort_insertion(records, count, 5);
			break;
	}
}

/* Finds the least and the most of a word. */
static void
sort_extent(const uint64 *records, int64 count, int width, int word, uint64 *least, uint64 *most)
{
	uint64 low = records[word];
	uint64 high = low;

	for (int64 i = 1; i < count; i++)
	{
		uint64 value = records[i * width + word];

		low = Min(low, value);
		high = Max(high, value);
	}
	*least = low;
	*most = high;
}

/*
 * Sorts in place records that are equal in the words before this one. It calls itself at most 17 times a
 * word, since each call takes 4 bits or more; large counters live on the heap.
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
			sort_few(records, count, width);
			return;
		}
		CHECK_FOR_INTERRUPTS();
		sort_extent(records, count, width, word, &least, &most);
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
		case 4:
			sort_permute(records, 4, word, least, shift, next, ends, buckets);
			break;
		default:
			sort_permute(records, 5, word, least, shift, next, ends, buckets);
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

/*
 * Copies records into their buckets, those of one bucket in the order in which they came. The counters, one
 * for each bucket, are those of the records and become the positions at which the buckets end. Returns how
 * many records the largest one has.
 */
static pg_attribute_always_inline int64
sort_scatter(uint64 *to, const uint64 *from, int64 count, int width, int word, uint64 least, int shift,
			 int64 *ends, int buckets)
{
	int64 start = 0;
	int64 largest = 0;

	memset(ends, 0, buckets * sizeof(int64));
	for (int64 i = 0; i < count; i++)
		ends[(from[i * width + word] - least) >> shift]++;
	for (int i = 0; i < buckets; i++)
	{
		int64 size = ends[i];

		largest = Max(largest, size);
		ends[i] = start;
		start += size;
	}
	for (int64 i = 0; i < count; i++)
	{
		const uint64 *record = from + i * width;

		sort_copy(to + ends[(record[word] - least) >> shift]++ * width, record, width);
	}
	return largest;
}

/* The same, of any width. */
static int64
sort_scatter_any(uint64 *to, const uint64 *from, int64 count, int width, int word, uint64 least, int shift,
				 int64 *ends, int buckets)
{
	switch (width)
	{
		case 1:
			return sort_scatter(to, from, count, 1, word, least, shift, ends, buckets);
		case 2:
			return sort_scatter(to, from, count, 2, word, least, shift, ends, buckets);
		case 3:
			return sort_scatter(to, from, count, 3, word, least, shift, ends, buckets);
		case 4:
			return sort_scatter(to, from, count, 4, word, least, shift, ends, buckets);
		default:
			return sort_scatter(to, from, count, 5, word, least, shift, ends, buckets);
	}
}

/*
 * Brings a bucket back from the second array, sorted. Its records differ in the lowest bits of the word, so
 * many as rest, and in the words behind it.
 */
static void
sort_gather(uint64 *records, const uint64 *from, int64 count, int width, int word, uint64 least, int rest,
			int64 *ends)
{
	int bits = Min(rest, Min(SORT_GATHER_BITS, pg_leftmost_one_pos64((uint64) count)));
	int shift = rest - bits;
	int64 start = 0;

	if (count <= SORT_SMALL || bits == 0)
	{
		memcpy(records, from, count * width * sizeof(uint64));
		sort_range(records, count, width, word);
		return;
	}
	if (sort_scatter_any(records, from, count, width, word, least, shift, ends, 1 << bits) <= SORT_SMALL)
	{
		sort_few(records, count, width);
		return;
	}
	for (int i = 0; i < 1 << bits; i++)
	{
		if (ends[i] - start > 1)
			sort_range(records + start * width, ends[i] - start, width, word);
		start = ends[i];
	}
}

/* Sorts many records by way of a second array. */
static void
sort_many(uint64 *records, int64 count, int width, SmkSortSpace *space)
{
	uint64 least;
	uint64 most;
	int64 *ends;
	int64 *back;
	int shift;
	int buckets;
	int64 start = 0;
	int word = 0;

	for (;; word++)
	{
		if (word == width)
			return;
		sort_extent(records, count, width, word, &least, &most);
		if (least != most)
			break;
	}
	shift = Max(0, pg_leftmost_one_pos64(most - least) + 1 - SORT_SCATTER_BITS);
	buckets = (int) ((most - least) >> shift) + 1;
	ends = palloc(buckets * sizeof(int64));
	back = palloc(sizeof(int64) << SORT_GATHER_BITS);
	if (space->size < count * width)
	{
		if (space->words != NULL)
			pfree(space->words);
		space->words = NULL;
		space->size = 0;
		space->words = MemoryContextAllocHuge(space->context, count * width * sizeof(uint64));
		space->size = count * width;
	}
	(void) sort_scatter_any(space->words, records, count, width, word, least, shift, ends, buckets);
	for (int i = 0; i < buckets; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (ends[i] > start)
			sort_gather(records + start * width, space->words + start * width, ends[i] - start, width, word,
						least + ((uint64) i << shift), shift, back);
		start = ends[i];
	}
	pfree(back);
	pfree(ends);
}

/* Sorts count records of width words (1 to 5); many of them with a second array of the same size. */
void
smk_sort(uint64 *records, int64 count, int width, SmkSortSpace *space)
{
	int64 i = 1;

	while (i < count && !sort_less(records + i * width, records + (i - 1) * width, width))
		i++;
	if (i >= count)
		return;
	if (count >= SORT_SCATTER_MIN)
		sort_many(records, count, width, space);
	else
		sort_range(records, count, width, 0);
}

/* Sorts count records of width words from one array into another one, neither of which is large; the first is
 * void then. */
void
smk_sort_into(uint64 *records, uint64 *from, int64 count, int width)
{
	int64 *ends = NULL;
	uint64 least;
	uint64 most;
	int rest;

	sort_extent(from, count, width, 0, &least, &most);
	rest = least == most ? 0 : pg_leftmost_one_pos64(most - least) + 1;
	if (count > SORT_SMALL && rest > 0)
		ends = palloc(sizeof(int64) << SORT_GATHER_BITS);
	sort_gather(records, from, count, width, 0, least, rest, ends);
	if (ends != NULL)
		pfree(ends);
}
