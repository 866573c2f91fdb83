/*
 * partition.h: many records whose first word is spread, kept apart by its highest bits from the moment they
 * come: each partition can be sorted in the cache, and none is moved before that.
 */
#ifndef SMK_PARTITION_H
#define SMK_PARTITION_H

#include "timeline/key.h"

#define SMK_PARTITIONS (1 << SMK_KEY_SPREAD_BITS)
/* Records come in blocks of so many bytes, and these in slabs. */
#define SMK_PARTITION_BLOCK 2048
#define SMK_PARTITION_SLAB (256 * SMK_PARTITION_BLOCK)
/* So many words before they are written they are asked for: two lines of the cache. */
#define SMK_PARTITION_AHEAD 16

/* Where the next record of a partition goes, and the end of its block. */
typedef struct SmkPartition
{
	uint64 *next;
	uint64 *end;
} SmkPartition;

typedef struct SmkPartitions
{
	SmkPartition open[SMK_PARTITIONS];
	uint64 *blocks[SMK_PARTITIONS]; /* the first of each: its first word is where the next one lies */
	int64 counts[SMK_PARTITIONS];	/* of blocks */
	int64 largest;					/* of these */
	int width;						/* words of a record */
	MemoryContext context;
	char *slab; /* what is free of the last one */
	char *slab_end;
} SmkPartitions;

extern SmkPartitions *smk_partitions(MemoryContext context, int width);
extern uint64 *smk_partition_enlarge(SmkPartitions *partitions, int partition);
extern int64 smk_partition_count(const SmkPartitions *partitions, int partition);
extern void smk_partition_copy(const SmkPartitions *partitions, int partition, uint64 *records);

/* The partition of a spread key. */
static inline int
smk_partition_of(uint64 key)
{
	return (int) (key >> (64 - SMK_KEY_SPREAD_BITS));
}

#endif
