/*
 * sort.h: sorts records of a few words each, all compared as unsigned numbers, the first word first.
 */
#ifndef SMK_SORT_H
#define SMK_SORT_H

#define SMK_SORT_MAX_WIDTH 4

extern void smk_sort(uint64 *records, int64 count, int width);

#endif
