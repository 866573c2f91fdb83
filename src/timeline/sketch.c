/*
 * sketch.c: distributions of microseconds that merge in any order.
 */
#include "postgres.h"

#include "timeline/sketch.h"
#include "timeline/sort.h"
#include "timeline/varint.h"

/* Up to so many buckets that were read have cells, and no counters for what lies between. */
#define FEW_BUCKETS 64
/* So many values are put in order at once. */
#define LOOSE_VALUES 256
/* Room for so many values is made before any are put in order. */
#define FEW_VALUES 16

/* The middle of a bucket. */
static double
sketch_middle(int bucket)
{
	int power = (bucket >> SMK_SKETCH_SUB_BITS) - 1;
	int64 least;

	if (power <= 0)
		return bucket;
	least = ((int64) (bucket & ((1 << SMK_SKETCH_SUB_BITS) - 1)) + (1 << SMK_SKETCH_SUB_BITS)) << power;
	return (double) least + ((double) (INT64CONST(1) << power) - 1) / 2;
}

/* An empty sketch; what it allocates later lives in the context that is current now. */
void
smk_sketch_init(SmkSketch *sketch)
{
	memset(sketch, 0, sizeof(SmkSketch));
	sketch->context = CurrentMemoryContext;
	sketch->is_exact = true;
}

/* Makes a counter for a bucket that has none. */
static void
sketch_reach(SmkSketch *sketch, int bucket)
{
	int first;
	int end;
	int64 *counts;

	/* Whole powers of two, so that this happens seldom. */
	first = bucket & ~((1 << SMK_SKETCH_SUB_BITS) - 1);
	end = first + (1 << SMK_SKETCH_SUB_BITS);
	if (sketch->size > 0)
	{
		first = Min(first, sketch->first);
		end = Max(end, sketch->first + sketch->size);
	}
	counts = MemoryContextAllocZero(sketch->context, (end - first) * sizeof(int64));
	if (sketch->size > 0)
	{
		memcpy(counts + (sketch->first - first), sketch->counts, sketch->size * sizeof(int64));
		pfree(sketch->counts);
	}
	sketch->counts = counts;
	sketch->first = first;
	sketch->size = end - first;
}

/* The cell of a value, or where it would be; without branches, which could not be foreseen. */
static int
sketch_find(const SmkSketch *sketch, int64 value)
{
	const int64 *first = sketch->values;
	int count = sketch->distinct;

	if (count == 0)
		return 0;
	while (count > 1)
	{
		int half = count / 2;

		first += (first[half - 1] < value) * half;
		count -= half;
	}
	return (int) (first - sketch->values) + (*first < value);
}

/* An array of a sketch, larger than it was, if there was one. */
static int64 *
sketch_enlarge(const SmkSketch *sketch, int64 *array, int was, int size)
{
	return was > 0 ? repalloc(array, size * sizeof(int64))
				   : MemoryContextAlloc(sketch->context, size * sizeof(int64));
}

/* Room for more values. */
static void
sketch_grow(SmkSketch *sketch)
{
	int size = sketch->size ? sketch->size * 2 : 4;

	sketch->values = sketch_enlarge(sketch, sketch->values, sketch->size, size);
	sketch->size = size;
}

/* Room for the counts of all values there is room for. */
static void
sketch_reserve_counts(SmkSketch *sketch)
{
	if (sketch->counted == sketch->size)
		return;
	sketch->counts = sketch_enlarge(sketch, sketch->counts, sketch->counted, sketch->size);
	sketch->counted = sketch->size;
}

/* Adds to a cell, or makes one more; no values are loose. False where there are as many as there may be. */
static bool
sketch_add_cell(SmkSketch *sketch, int64 value, int64 count, int most)
{
	int cell = sketch_find(sketch, value);

	if (cell < sketch->distinct && sketch->values[cell] == value)
	{
		sketch->counts[cell] += count;
		return true;
	}
	if (sketch->distinct == most)
		return false;
	if (sketch->distinct == sketch->size)
		sketch_grow(sketch);
	sketch_reserve_counts(sketch);
	memmove(sketch->values + cell + 1, sketch->values + cell, (sketch->distinct - cell) * sizeof(int64));
	memmove(sketch->counts + cell + 1, sketch->counts + cell, (sketch->distinct - cell) * sizeof(int64));
	sketch->values[cell] = value;
	sketch->counts[cell] = count;
	sketch->distinct++;
	return true;
}

/* Adds to a counter of a sketch without cells. */
static inline void
sketch_count(SmkSketch *sketch, int bucket, int64 count)
{
	if (unlikely(bucket < sketch->first || bucket >= sketch->first + sketch->size))
		sketch_reach(sketch, bucket);
	sketch->counts[bucket - sketch->first] += count;
}

/* Turns the cells into counters by bucket. */
static void
sketch_coarsen(SmkSketch *sketch)
{
	int64 *values = sketch->values;
	int64 *counts = sketch->counts;
	int distinct = sketch->distinct;
	bool was_exact = sketch->is_exact;

	sketch->is_exact = false;
	sketch->values = sketch->counts = NULL;
	sketch->distinct = sketch->size = sketch->counted = sketch->first = 0;
	for (int i = 0; i < distinct; i++)
		sketch_count(sketch, was_exact ? smk_sketch_bucket(values[i]) : (int) values[i], counts[i]);
	if (values != NULL)
		pfree(values);
	if (counts != NULL)
		pfree(counts);
}

/* Gives loose values cells; where these are too many then, they become counters. */
static void
sketch_settle(SmkSketch *sketch)
{
	int64 loose[LOOSE_VALUES];
	int left = sketch->loose;
	int cell = sketch->distinct;
	int end = cell + left;
	int to = end;

	if (left == 0)
		return;
	sketch_reserve_counts(sketch);
	smk_sort((uint64 *) sketch->values + cell, left, 1, NULL);
	memcpy(loose, sketch->values + cell, left * sizeof(int64));
	/* From the largest down; what is equal leaves room at the front. */
	while (left > 0 || cell > 0)
	{
		bool is_loose = cell == 0 || (left > 0 && loose[left - 1] > sketch->values[cell - 1]);
		int64 value = is_loose ? loose[--left] : sketch->values[--cell];
		int64 count = is_loose ? 1 : sketch->counts[cell];

		if (to < end && sketch->values[to] == value)
			sketch->counts[to] += count;
		else
		{
			sketch->values[--to] = value;
			sketch->counts[to] = count;
		}
	}
	sketch->distinct = end - to;
	sketch->loose = 0;
	if (to > 0)
	{
		memmove(sketch->values, sketch->values + to, sketch->distinct * sizeof(int64));
		memmove(sketch->counts, sketch->counts + to, sketch->distinct * sizeof(int64));
	}
	if (sketch->distinct > SMK_SKETCH_MAX_EXACT)
		sketch_coarsen(sketch);
}

/* A sketch to be read: what it has seen does not change. */
static void
sketch_settle_const(const SmkSketch *sketch)
{
	sketch_settle(unconstify(SmkSketch *, sketch));
}

static void
sketch_add_to_bucket(SmkSketch *sketch, int bucket, int64 count)
{
	if (sketch->values != NULL)
	{
		if (sketch_add_cell(sketch, bucket, count, FEW_BUCKETS))
			return;
		sketch_coarsen(sketch);
	}
	sketch_count(sketch, bucket, count);
}

/* Adds to the values that are kept exactly, as long as they have room. */
static void
sketch_add_exact(SmkSketch *sketch, int64 value, int64 count)
{
	sketch_settle(sketch);
	if (!sketch->is_exact)
	{
		sketch_add_to_bucket(sketch, smk_sketch_bucket(value), count);
		return;
	}
	if (sketch_add_cell(sketch, value, count, SMK_SKETCH_MAX_EXACT))
		return;
	sketch_coarsen(sketch);
	sketch_count(sketch, smk_sketch_bucket(value), count);
}

/* Adds a value to those that are loose, or by bucket where there are too many. */
static void
sketch_add_loose(SmkSketch *sketch, int64 value)
{
	bool is_full = sketch->distinct + sketch->loose == sketch->size;

	/* Where there is little room, more of it costs less than looking for values that repeat. */
	if ((is_full && sketch->size >= FEW_VALUES) || sketch->loose == LOOSE_VALUES)
	{
		sketch_settle(sketch);
		if (!sketch->is_exact)
		{
			sketch_add_to_bucket(sketch, smk_sketch_bucket(value), 1);
			return;
		}
		is_full = sketch->distinct >= sketch->size / 4 * 3;
	}
	if (is_full)
		sketch_grow(sketch);
	sketch->values[sketch->distinct + sketch->loose++] = value;
}

/* How many counters there are, and the value, or the bucket, of each. */
static int
sketch_cells(const SmkSketch *sketch)
{
	return sketch->is_exact || sketch->values != NULL ? sketch->distinct : sketch->size;
}

static int64
sketch_cell(const SmkSketch *sketch, int cell)
{
	return sketch->values != NULL ? sketch->values[cell] : sketch->first + cell;
}

/* Adds a value, not below 0, a number of times. */
void
smk_sketch_add_many(SmkSketch *sketch, int64 value, int64 count)
{
	sketch->count += count;
	if (sketch->is_exact && count == 1)
		sketch_add_loose(sketch, value);
	else if (sketch->is_exact)
		sketch_add_exact(sketch, value, count);
	else
		sketch_add_to_bucket(sketch, smk_sketch_bucket(value), count);
}

/* Adds what another sketch has, which stays as it is. */
void
smk_sketch_merge(SmkSketch *into, const SmkSketch *other)
{
	sketch_settle_const(other);
	if (other->is_exact)
	{
		for (int i = 0; i < other->distinct; i++)
			smk_sketch_add_many(into, other->values[i], other->counts[i]);
		return;
	}
	sketch_settle(into);
	if (into->is_exact)
		sketch_coarsen(into);
	into->count += other->count;
	for (int i = 0; i < sketch_cells(other); i++)
		if (other->counts[i] != 0)
			sketch_add_to_bucket(into, (int) sketch_cell(other, i), other->counts[i]);
}

/* The value of a rank from 0 on. */
static double
sketch_at(const SmkSketch *sketch, int64 rank)
{
	int cells = sketch_cells(sketch);
	int64 before = 0;

	for (int i = 0; i < cells; i++)
	{
		before += sketch->counts[i];
		if (rank < before)
			return sketch->is_exact ? (double) sketch->values[i]
									: sketch_middle((int) sketch_cell(sketch, i));
	}
	return 0;
}

/*
 * The value below which a fraction (0 to 1) of the values lies, between two of them as percentile_cont() has
 * it. False where there are none.
 */
bool
smk_sketch_quantile(const SmkSketch *sketch, double fraction, double *value)
{
	double rank = fraction * (double) (sketch->count - 1);
	int64 low = (int64) rank;
	double below;

	if (sketch->count == 0)
		return false;
	sketch_settle_const(sketch);
	below = sketch_at(sketch, low);
	*value = below;
	if (rank > (double) low)
		*value = below + (rank - (double) low) * (sketch_at(sketch, low + 1) - below);
	return true;
}

/* Writes the sketch: whether it is exact, how many cells, and each as its distance from the last and its
 * count. */
void
smk_sketch_write(const SmkSketch *sketch, StringInfo out)
{
	int cells;
	uint64 used = 0;
	int64 last = 0;

	sketch_settle_const(sketch);
	cells = sketch_cells(sketch);
	for (int i = 0; i < cells; i++)
		used += sketch->counts[i] != 0;
	smk_varint_append(out, used << 1 | (sketch->is_exact ? 1 : 0));
	for (int i = 0; i < cells; i++)
	{
		int64 cell = sketch_cell(sketch, i);

		if (sketch->counts[i] == 0)
			continue;
		smk_varint_append(out, (uint64) (cell - last));
		smk_varint_append(out, (uint64) sketch->counts[i]);
		last = cell;
	}
}

/* Reads a sketch and moves on; false where the bytes are none. */
bool
smk_sketch_read(SmkSketch *sketch, const unsigned char **data, const unsigned char *end)
{
	uint64 used;
	int64 cell = 0;
	bool has_cells;

	smk_sketch_init(sketch);
	if (!smk_varint_read(data, end, &used))
		return false;
	sketch->is_exact = used & 1;
	used >>= 1;
	/* Each cell takes two bytes at least: no room is made for more than there can be. */
	if (used > (sketch->is_exact ? SMK_SKETCH_MAX_EXACT : SMK_SKETCH_MAX_BUCKET) ||
		used > (uint64) (end - *data) / 2)
		return false;
	has_cells = used > 0 && (sketch->is_exact || used <= FEW_BUCKETS);
	if (has_cells)
	{
		sketch->values = sketch_enlarge(sketch, NULL, 0, (int) used);
		sketch->counts = sketch_enlarge(sketch, NULL, 0, (int) used);
		sketch->size = sketch->counted = (int) used;
	}
	for (uint64 i = 0; i < used; i++)
	{
		uint64 distance;
		uint64 count;

		if (!smk_varint_read(data, end, &distance) || !smk_varint_read(data, end, &count))
			return false;
		if ((i > 0 && distance == 0) || distance > (uint64) (PG_INT64_MAX - cell) || count == 0 ||
			count > (uint64) (PG_INT64_MAX - sketch->count))
			return false;
		cell += (int64) distance;
		if (!sketch->is_exact && cell >= SMK_SKETCH_MAX_BUCKET)
			return false;
		sketch->count += (int64) count;
		if (has_cells)
		{
			sketch->values[sketch->distinct] = cell;
			sketch->counts[sketch->distinct++] = (int64) count;
		}
		else
			sketch_count(sketch, (int) cell, (int64) count);
	}
	if (!sketch->is_exact && used <= FEW_BUCKETS)
		sketch->first = SMK_SKETCH_MAX_BUCKET + 1;
	/* So few values are never kept by buckets. */
	return sketch->is_exact || sketch->count > SMK_SKETCH_MAX_EXACT;
}
