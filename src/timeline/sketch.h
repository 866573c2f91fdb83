/*
 * sketch.h: how long something took, as a distribution: an integer log-linear histogram of microseconds.
 *
 * Up to 1,024 distinct values are kept exactly; beyond, 128 buckets for each power of two, an error of 0.4 %
 * at most. Which of the two holds depends on the values alone, so that every order of merging gives the same
 * bytes.
 */
#ifndef SMK_SKETCH_H
#define SMK_SKETCH_H

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"

#define SMK_SKETCH_MAX_EXACT 1024
#define SMK_SKETCH_SUB_BITS 7
#define SMK_SKETCH_MAX_BUCKET ((63 - SMK_SKETCH_SUB_BITS + 1) << SMK_SKETCH_SUB_BITS)

/*
 * Values not below 0. While exact, cells are values, sorted; else counts lie by bucket, from first on. Where
 * few buckets were read cells are these, sorted, and first is above all: room is not taken on the word of a few
 * bytes. Behind exact cells lie values that came since, each once, in any order.
 */
typedef struct SmkSketch
{
	MemoryContext context; /* in which it allocates, also where it is only read */
	int64 count;
	bool is_exact;
	int distinct; /* how many cells there are */
	int loose;	  /* and values behind them */
	int size;	  /* how many cells, or buckets, are allocated; */
	int counted;  /* of cells so many have room for their counts */
	int first;	  /* the bucket of counts[0] */
	int64 *values; /* NULL: no cells */
	int64 *counts;
} SmkSketch;

extern void smk_sketch_init(SmkSketch *sketch);
extern void smk_sketch_add_many(SmkSketch *sketch, int64 value, int64 count);
extern void smk_sketch_merge(SmkSketch *into, const SmkSketch *other);
extern bool smk_sketch_quantile(const SmkSketch *sketch, double fraction, double *value);
extern void smk_sketch_write(const SmkSketch *sketch, StringInfo out);
extern bool smk_sketch_read(SmkSketch *sketch, const unsigned char **data, const unsigned char *end);

/* The bucket of a value: values below 128 each have their own. */
static inline int
smk_sketch_bucket(int64 value)
{
	int power;

	if (value < 1 << SMK_SKETCH_SUB_BITS)
		return (int) value;
	power = pg_leftmost_one_pos64((uint64) value) - SMK_SKETCH_SUB_BITS;
	return (power << SMK_SKETCH_SUB_BITS) + (int) (value >> power);
}

/* Adds a value, not below 0. */
static inline void
smk_sketch_add(SmkSketch *sketch, int64 value)
{
	int place = smk_sketch_bucket(value) - sketch->first;

	if (likely(!sketch->is_exact && place >= 0 && place < sketch->size))
	{
		sketch->count++;
		sketch->counts[place]++;
	}
	else
		smk_sketch_add_many(sketch, value, 1);
}

#endif
