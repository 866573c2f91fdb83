/*
 * partition.c: blocks of records, chained by partition in the order in which they came.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "timeline/partition.h"
#include "timeline/sort.h"

/* So many lines of the cache at the beginning of a block are fetched before the block before it is copied. */
#define COPY_AHEAD 6
#define CACHE_LINE 64

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
		/* Where the next one lies is not foreseen by the processor. */
		if (left > words)
			for (int line = 0; line < COPY_AHEAD; line++)
				__builtin_prefetch((const char *) (uintptr_t) block[0] + line * CACHE_LINE);
		memcpy(records, block + 1, Min(left, words) * sizeof(uint64));
		records += words;
		if (left > words)
			block = (const uint64 *) (uintptr_t) block[0];
	}
}

/* Bytes that the records of the largest partition may take. */
static int64
largest_bytes(const SmkPartitions *partitions)
{
	return partitions->largest * SMK_PARTITION_BLOCK;
}

/* Bytes that the records of the largest partition may take once they are read. */
static int64
largest_read(const SmkPartitions *partitions)
{
	const SmkPartitions *whole = partitions->whole;

	return whole == NULL ? largest_bytes(partitions)
						 : largest_bytes(partitions) / SMK_PACKED_WIDTH * whole->width + largest_bytes(whole);
}

/* Bytes that reading partitions takes beside them. */
int64
smk_partition_room(const SmkPartitions *partitions)
{
	return largest_read(partitions) + largest_bytes(partitions) +
		   (partitions->whole != NULL ? largest_bytes(partitions->whole) : 0);
}

/* Makes ready to read partitions, with room in the context that is current. */
void
smk_partition_open(SmkPartitionReader *reader, const SmkPartitions *partitions)
{
	MemoryContext context = CurrentMemoryContext;

	memset(reader, 0, sizeof(*reader));
	reader->partitions = partitions;
	reader->partition = -1;
	reader->records = MemoryContextAllocHuge(context, largest_read(partitions));
	reader->sorted = MemoryContextAllocHuge(context, largest_bytes(partitions));
	if (partitions->whole != NULL)
		reader->sorted_whole = MemoryContextAllocHuge(context, largest_bytes(partitions->whole));
}

/* Sorts the records of a partition into an array, by way of another one; returns how many they are. */
static int64
sort_partition(const SmkPartitions *partitions, int partition, uint64 *records, uint64 *sorted)
{
	int64 count = smk_partition_count(partitions, partition);

	if (count > 0)
	{
		smk_partition_copy(partitions, partition, records);
		smk_sort_into(sorted, records, count, partitions->width);
	}
	return count;
}

/* Merges sorted records, of which some are packed: those come first where key and word are the same. */
static void
merge_packed(uint64 *to, int partition, const uint64 *packed, int64 packed_count, const uint64 *whole,
			 int64 whole_count)
{
	const uint64 *end = whole + whole_count * 3;

	for (; packed_count > 0; packed_count--, packed += SMK_PACKED_WIDTH)
	{
		uint64 record[3];

		smk_unpack(record, partition, packed);
		for (; whole < end && (whole[0] < record[0] || (whole[0] == record[0] && whole[1] < record[1]));
			 whole += 3, to += 3)
			memcpy(to, whole, sizeof(record));
		memcpy(to, record, sizeof(record));
		to += 3;
	}
	memcpy(to, whole, (end - whole) * sizeof(uint64));
}

/* Sorts the next partition that has any records; false: there is none. */
bool
smk_partition_sort_next(SmkPartitionReader *reader)
{
	const SmkPartitions *whole = reader->partitions->whole;

	while (++reader->partition < SMK_PARTITIONS)
	{
		reader->count =
			sort_partition(reader->partitions, reader->partition, reader->records, reader->sorted);
		if (whole != NULL)
			reader->whole_count =
				sort_partition(whole, reader->partition, reader->records, reader->sorted_whole);
		if (reader->count + reader->whole_count == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		return true;
	}
	return false;
}

/* The sorted records of the next partition that has any, until others are read; false: there is none. */
bool
smk_partition_read(void *reader, const uint64 **at, const uint64 **end)
{
	SmkPartitionReader *of = reader;
	const SmkPartitions *whole = of->partitions->whole;

	if (!smk_partition_sort_next(of))
		return false;
	*at = of->sorted;
	*end = of->sorted + of->count * of->partitions->width;
	if (whole != NULL)
	{
		merge_packed(of->records, of->partition, of->sorted, of->count, of->sorted_whole, of->whole_count);
		*at = of->records;
		*end = of->records + (of->count + of->whole_count) * whole->width;
	}
	return true;
}
