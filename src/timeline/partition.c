/*
 * partition.c: blocks of records, chained by partition in the order in which they came.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "timeline/partition.h"

/* Empty partitions, of records of so many words, in a context. */
SmkPartitions *
smk_partitions(MemoryContext context, int width)
{
	SmkPartitions *partitions = MemoryContextAllocZero(context, sizeof(SmkPartitions));

	partitions->width = width;
	partitions->context = context;
	return partitions;
}

/* The records that a block has room for. */
static int64
block_records(const SmkPartitions *partitions)
{
	return (SMK_PARTITION_BLOCK / (int64) sizeof(uint64) - 1) / partitions->width;
}

/* Gives a partition whose block is full another one; returns where its first record goes, which is taken. */
uint64 *
smk_partition_enlarge(SmkPartitions *partitions, int partition)
{
	SmkPartition *open = &partitions->open[partition];
	int64 words = block_records(partitions) * partitions->width;
	uint64 *block;

	if (partitions->slab == partitions->slab_end)
	{
		partitions->slab = MemoryContextAlloc(partitions->context, SMK_PARTITION_SLAB);
		partitions->slab_end = partitions->slab + SMK_PARTITION_SLAB;
	}
	block = (uint64 *) partitions->slab;
	partitions->slab += SMK_PARTITION_BLOCK;
	if (partitions->counts[partition]++ == 0)
		partitions->blocks[partition] = block;
	else
		/* From the end of the full block back to its first word. */
		open->end[-words - 1] = (uint64) (uintptr_t) block;
	partitions->largest = Max(partitions->largest, partitions->counts[partition]);
	open->next = block + 1 + partitions->width;
	open->end = block + 1 + words;
	return block + 1;
}

/* How many records a partition has. */
int64
smk_partition_count(const SmkPartitions *partitions, int partition)
{
	const SmkPartition *open = &partitions->open[partition];

	return partitions->counts[partition] * block_records(partitions) -
		   (open->end - open->next) / partitions->width;
}

/* Copies the records of a partition to where there is room for them. */
void
smk_partition_copy(const SmkPartitions *partitions, int partition, uint64 *records)
{
	int64 words = block_records(partitions) * partitions->width;
	int64 left = smk_partition_count(partitions, partition) * partitions->width;

	for (const uint64 *block = partitions->blocks[partition]; left > 0; left -= words)
	{
		memcpy(records, block + 1, Min(left, words) * sizeof(uint64));
		records += words;
		if (left > words)
			block = (const uint64 *) (uintptr_t) block[0];
	}
}
