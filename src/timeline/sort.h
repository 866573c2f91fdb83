/*
 * sort.h: sorts records of a few words each, all compared as unsigned numbers, the first word first.
 */
#ifndef SMK_SORT_H
#define SMK_SORT_H

#define SMK_SORT_MAX_WIDTH 5

/* A second array, which sorting many records takes for a while: kept, so that the next one finds it. */
typedef struct SmkSortSpace
{
	MemoryContext context;
	uint64 *words;
	int64 size;
} SmkSortSpace;

extern void smk_sort(uint64 *records, int64 count, int width, SmkSortSpace *space);
extern void smk_sort_into(uint64 *records, uint64 *from, int64 count, int width);

#endif
