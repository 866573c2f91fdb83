/*
 * timeline_unit.c: readers and sketches without a server, against slow references, under the sanitizers.
 * Prints TAP; the argument is the seed.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "funnel/funnel_summary.h"
#include "timeline/varint.h"

/* What the files under test take from the server. */
#undef printf
#undef qsort
#undef palloc
#undef palloc0
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

static unsigned
random_below(unsigned limit)
{
	random_state = random_state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (unsigned) (random_state >> 33) % limit;
}

static int
compare_words(const void *a, const void *b)
{
	uint64 left = *(const uint64 *) a;
	uint64 right = *(const uint64 *) b;

	return (left > right) - (left < right);
}

/* The chain of one start: the first event that takes each step, as far as it goes within the window. */
static void
chain_of(const SmkFunnelRules *rules, const uint64 *words, int count, int start, SmkFunnelChain *chain)
{
	uint64 seen = 0;

	chain->depth = 0;
	for (int i = start; i < count && smk_word_time(words[i]) - smk_word_time(words[start]) <= rules->within; i++)
	{
		int step = (int) smk_word_code(words[i]);

		if (rules->modes & SMK_FUNNEL_REACHED)
			while (chain->depth <= step)
				chain->at[chain->depth++] = smk_word_time(words[i]);
		else if (rules->modes & SMK_FUNNEL_ORDERED ? step == chain->depth : !(seen >> step & 1))
			chain->at[chain->depth++] = smk_word_time(words[i]);
		seen |= UINT64CONST(1) << step;
	}
}

/* The deepest chain of all starts, then the first to be complete, then the last to start. */
static void
reference_read(const SmkFunnelRules *rules, const uint64 *words, int count, SmkFunnelChain *best)
{
	int lowest = SMK_FUNNEL_MAX_STEPS;

	best->depth = 0;
	for (int i = 0; i < count; i++)
		lowest = Min(lowest, (int) smk_word_code(words[i]));
	for (int i = 0; i < count; i++)
	{
		SmkFunnelChain chain;
		int step = (int) smk_word_code(words[i]);

		if ((rules->modes & SMK_FUNNEL_ORDERED && step != 0) || (rules->modes & SMK_FUNNEL_REACHED && step != lowest))
			continue;
		chain_of(rules, words, count, i, &chain);
		if (chain.depth > best->depth ||
			(chain.depth == best->depth && chain.at[chain.depth - 1] <= best->at[best->depth - 1]))
			*best = chain;
		if (rules->modes & SMK_FUNNEL_FIRST_START)
			return;
	}
}

static void
test_funnel(void)
{
	static const struct
	{
		unsigned modes;
		const char *name;
	} kinds[] = {{SMK_FUNNEL_REACHED, "reached"},
				 {SMK_FUNNEL_ORDERED, "ordered"},
				 {SMK_FUNNEL_ANY_ORDER, "any_order"},
				 {SMK_FUNNEL_REACHED | SMK_FUNNEL_FIRST_START, "reached, first start"},
				 {SMK_FUNNEL_ORDERED | SMK_FUNNEL_FIRST_START, "ordered, first start"},
				 {SMK_FUNNEL_ANY_ORDER | SMK_FUNNEL_FIRST_START, "any_order, first start"}};

	for (size_t k = 0; k < lengthof(kinds); k++)
	{
		int wrong = 0;

		for (int n = 0; n < 50000; n++)
		{
			SmkFunnelRules rules = {kinds[k].modes, 1 + random_below(10)};
			SmkFunnelChain chain;
			SmkFunnelChain expected;
			int count = 1 + (int) random_below(n % 10 == 0 ? 40 : 9);
			int steps = n % 7 == 0 ? 64 : 2 + (int) random_below(4);
			/* Times around the epoch, and at the ends of what there is room for. */
			int64 base = n % 5 == 0 ? -SMK_WORD_MAX_TIME : n % 5 == 1 ? SMK_WORD_MAX_TIME - 30 : -10;
			uint64 words[41];
			bool same;

			for (int i = 0; i < count; i++)
				words[i] = smk_word(base + random_below(25), random_below(steps));
			qsort(words, count, sizeof(uint64), compare_words);
			memset(&chain, 0, sizeof(chain));
			smk_funnel_read(&rules, words, count, &chain);
			reference_read(&rules, words, count, &expected);
			same = chain.depth == expected.depth;
			for (int i = 0; same && i < chain.depth; i++)
				same = chain.at[i] == expected.at[i];
			wrong += !same;
		}
		ok(wrong == 0, kinds[k].name);
	}
}

static int
compare_values(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/* A sketch of some values. */
static void
sketch_of(SmkSketch *sketch, const int64 *values, int count)
{
	smk_sketch_init(sketch);
	for (int i = 0; i < count; i++)
		smk_sketch_add(sketch, values[i], 1);
}

static bool
same_bytes(const SmkSketch *a, const SmkSketch *b)
{
	StringInfoData left;
	StringInfoData right;
	bool same;

	initStringInfo(&left);
	initStringInfo(&right);
	smk_sketch_write(a, &left);
	smk_sketch_write(b, &right);
	same = left.len == right.len && memcmp(left.data, right.data, left.len) == 0;
	pfree(left.data);
	pfree(right.data);
	return same;
}

static void
test_sketch(void)
{
	static int64 values[6000];
	int unequal = 0;
	int far = 0;
	int unread = 0;

	for (int n = 0; n < 200; n++)
	{
		int count = 1 + (int) random_below(n % 2 ? 900 : 6000);
		int cut = (int) random_below(count + 1);
		SmkSketch whole;
		SmkSketch one;
		SmkSketch two;
		SmkSketch forth;
		SmkSketch back;
		SmkSketch again;
		StringInfoData bytes;
		const unsigned char *data;
		double fraction = random_below(1001) / 1000.0;
		double rank = fraction * (count - 1);
		double found;
		double exact;

		for (int i = 0; i < count; i++)
			values[i] = (int64) random_below(INT_MAX) << random_below(32) >> random_below(40);
		sketch_of(&whole, values, count);
		sketch_of(&one, values, cut);
		sketch_of(&two, values + cut, count - cut);
		smk_sketch_init(&forth);
		smk_sketch_merge(&forth, &one);
		smk_sketch_merge(&forth, &two);
		smk_sketch_init(&back);
		smk_sketch_merge(&back, &two);
		smk_sketch_merge(&back, &one);
		unequal += !same_bytes(&whole, &forth) || !same_bytes(&whole, &back);
		initStringInfo(&bytes);
		smk_sketch_write(&whole, &bytes);
		data = (unsigned char *) bytes.data;
		unread += !smk_sketch_read(&again, &data, (unsigned char *) bytes.data + bytes.len) ||
				  data != (unsigned char *) bytes.data + bytes.len || !same_bytes(&whole, &again);
		qsort(values, count, sizeof(int64), compare_values);
		exact = (double) values[(int) rank];
		if (rank > (int) rank)
			exact += (rank - (int) rank) * ((double) values[(int) rank + 1] - (double) values[(int) rank]);
		far += !smk_sketch_quantile(&whole, fraction, &found) ||
			   fabs(found - exact) > (whole.is_exact ? 1e-9 : 0.004) * exact + 1e-9;
		pfree(bytes.data);
	}
	ok(unequal == 0, "sketches are equal byte by byte in every order of merging");
	ok(unread == 0, "and are read as they were written");
	ok(far == 0, "quantiles are exact, or within 0.4 percent");
}

/* Changed bytes are a summary or are none; what is one can be used. */
static void
test_mutations(void)
{
	SmkFunnelRules rules = {SMK_FUNNEL_ORDERED, 1000000};
	SmkFunnelSummary *summary = palloc(sizeof(SmkFunnelSummary));
	SmkFunnelSummary *other = palloc(sizeof(SmkFunnelSummary));
	StringInfoData bytes;
	int valid = 0;

	smk_funnel_summary_init(summary, &rules, false);
	for (int n = 0; n < 40; n++)
	{
		uint64 words[4];

		for (unsigned i = 0; i < 4; i++)
			words[i] = smk_word(n + random_below(900) * i, i);
		qsort(words, 4, sizeof(uint64), compare_words);
		smk_funnel_summary_add(summary, words, 4);
	}
	initStringInfo(&bytes);
	smk_funnel_summary_write(summary, &bytes);
	for (int n = 0; n < 100000; n++)
	{
		/* Of exactly that size, so that a byte too far is seen. */
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_funnel_summary_read(other, copy, size))
		{
			StringInfoData out;
			double value;

			valid++;
			initStringInfo(&out);
			smk_funnel_summary_write(other, &out);
			(void) smk_sketch_quantile(&other->step[1].previous, 0.5, &value);
			pfree(out.data);
		}
		free(copy);
	}
	printf("# %d of 100000 changed summaries were valid ones\n", valid);
	ok(valid > 0 && valid < 100000, "100,000 changed summaries are refused or are valid");
}

static void
test_numbers(void)
{
	int wrong = 0;

	for (int n = 0; n < 100000; n++)
	{
		uint64 value = ((uint64) random_below(INT_MAX) << 33 ^ random_below(INT_MAX)) >> random_below(64);
		uint64 read = 0;
		unsigned char bytes[SMK_VARINT_MAX];
		const unsigned char *data = bytes;
		unsigned char *end = smk_varint_write(bytes, value);

		wrong += !smk_varint_read(&data, end, &read) || read != value || data != end;
		data = bytes;
		wrong += smk_varint_read(&data, end - 1, &read);
	}
	ok(wrong == 0, "numbers are read as they were written, and never past their end");
	for (int n = 0; n < 100000; n++)
	{
		int64 at = (int64) (((uint64) random_below(INT_MAX) << 31 ^ random_below(INT_MAX)) % SMK_WORD_MAX_TIME);
		unsigned code = random_below(64);

		at = n % 2 ? at : -at;
		wrong += smk_word_time(smk_word(at, code)) != at || smk_word_code(smk_word(at, code)) != code;
		wrong += !(smk_word(at, code) < smk_word(at + 1, 0)) || (code > 0 && !(smk_word(at, code - 1) < smk_word(at, code)));
	}
	ok(wrong == 0, "words give time and code again, and are in their order");
}

int
main(int argc, char **argv)
{
	double seed = argc > 1 ? atof(argv[1]) : 0.25;

	random_state = (uint64) (seed * 1e9) * 2 + 1;
	printf("# seed %g\n", seed);
	test_numbers();
	test_funnel();
	test_sketch();
	test_mutations();
	printf("1..%d\n", tests);
	return failures > 0;
}
