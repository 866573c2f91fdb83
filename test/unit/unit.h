/*
 * unit.h: what the files under test take from the server, TAP, and random numbers from a seed.
 */
#ifndef SMK_UNIT_H
#define SMK_UNIT_H

#include "postgres.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#undef printf
#undef qsort
#undef palloc
#undef palloc0
#undef CurrentMemoryContext

extern void ProcessInterrupts(void);
extern void check_stack_depth(void);

volatile sig_atomic_t InterruptPending = false;
MemoryContext CurrentMemoryContext = NULL;

void
ProcessInterrupts(void)
{
}

void
check_stack_depth(void)
{
}

void *
palloc(Size size)
{
	return malloc(size ? size : 1);
}

void *
palloc0(Size size)
{
	return calloc(1, size ? size : 1);
}

void *
repalloc(void *pointer, Size size)
{
	return realloc(pointer, size);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	(void) context;
	return palloc(size);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	(void) context;
	return palloc(size);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	(void) context;
	return palloc0(size);
}

void
qsort_arg(void *base, size_t count, size_t size, qsort_arg_comparator compare, void *state)
{
	qsort_r(base, count, size, compare, state);
}

void *
repalloc_huge(void *pointer, Size size)
{
	return realloc(pointer, size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

void
initStringInfo(StringInfo str)
{
	str->data = palloc(1024);
	str->maxlen = 1024;
	str->len = 0;
}

void
resetStringInfo(StringInfo str)
{
	str->len = 0;
}

void
enlargeStringInfo(StringInfo str, int needed)
{
	while (str->maxlen < str->len + needed + 1)
		str->data = repalloc(str->data, str->maxlen *= 2);
}

void
appendStringInfoChar(StringInfo str, char ch)
{
	enlargeStringInfo(str, 1);
	str->data[str->len++] = ch;
}

#if PG_VERSION_NUM >= 160000
void
appendBinaryStringInfo(StringInfo str, const void *data, int length)
#else
void
appendBinaryStringInfo(StringInfo str, const char *data, int length)
#endif
{
	enlargeStringInfo(str, length);
	memcpy(str->data + str->len, data, length);
	str->len += length;
}

static int tests;
static int failures;

static void
ok(bool passed, const char *what)
{
	tests++;
	failures += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", tests, what);
}

static uint64 random_state;

/* Starts with the seed of the first argument, and prints it. */
static void
random_start(int argc, char **argv)
{
	double seed = argc > 1 ? atof(argv[1]) : 0.25;

	random_state = (uint64) (seed * 1e9) * 2 + 1;
	printf("# seed %g\n", seed);
}

static unsigned
random_below(unsigned limit)
{
	random_state = random_state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (unsigned) (random_state >> 33) % limit;
}

static inline uint64
random_word(void)
{
	return (uint64) random_below(INT_MAX) << 33 ^ (uint64) random_below(INT_MAX) << 11 ^
		   random_below(INT_MAX);
}

static inline int
compare_words(const void *a, const void *b)
{
	uint64 left = *(const uint64 *) a;
	uint64 right = *(const uint64 *) b;

	return (left > right) - (left < right);
}

/* Ends the plan; the exit status. */
static int
finish(void)
{
	printf("1..%d\n", tests);
	return failures > 0;
}

#endif
