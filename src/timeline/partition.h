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

/*
 * A key, a word and a value below SMK_PACKED_VALUES take two words where the partition is known: they lie bit
 * by bit behind each other, the highest bits of the key left out, and so compare as the three words do.
 */
#define SMK_PACKED_WIDTH 2
#define SMK_PACKED_VALUES (1 << SMK_KEY_SPREAD_BITS)

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
	struct SmkPartitions *whole;	/* of records that cannot be packed; NULL: none are */
	MemoryContext context;
	char *slab; /* what is free of the last one */
	char *slab_end;
} SmkPartitions;

/* Reads partitions one by one, sorted. */
typedef struct SmkPartitionReader
{
	const SmkPartitions *partitions;
	int partition;	 /* that was read last, -1: none yet; of it */
	uint64 *records; /* as they came, or merged */
	uint64 *sorted;
	int64 count;
	uint64 *sorted_whole; /* those that could not be packed */
	int64 whole_count;
} SmkPartitionReader;

extern SmkPartitions *smk_partitions(MemoryContext context, int width);
extern uint64 *smk_partition_enlarge(SmkPartitions *partitions, int partition);
extern int64 smk_partition_count(const SmkPartitions *partitions, int partition);
extern void smk_partition_copy(const SmkPartitions *partitions, int partition, uint64 *records);
extern int64 smk_partition_room(const SmkPartitions *partitions);
extern void smk_partition_open(SmkPartitionReader *reader, const SmkPartitions *partitions);
extern bool smk_partition_sort_next(SmkPartitionReader *reader);
extern bool smk_partition_read(void *reader, const uint64 **at, const uint64 **end);

/* The partition of a spread key. */
static inline int
smk_partition_of(uint64 key)
{
	return (int) (key >> (64 - SMK_KEY_SPREAD_BITS));
}

/* Packs a record of three words, whose value is small enough. */
static inline void
smk_pack(uint64 *packed, uint64 key, uint64 word, uint64 value)
{
	packed[0] = key << SMK_KEY_SPREAD_BITS | word >> (64 - SMK_KEY_SPREAD_BITS);
	packed[1] = word << SMK_KEY_SPREAD_BITS | value;
}

/* The three words of a packed record of a partition. */
static inline void
smk_unpack(uint64 *record, int partition, const uint64 *packed)
{
	record[0] = (uint64) partition << (64 - SMK_KEY_SPREAD_BITS) | packed[0] >> SMK_KEY_SPREAD_BITS;
	record[1] = packed[0] << (64 - SMK_KEY_SPREAD_BITS) | packed[1] >> SMK_KEY_SPREAD_BITS;
	record[2] = packed[1] & (SMK_PACKED_VALUES - 1);
}

#endif
