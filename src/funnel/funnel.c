/*
 * funnel.c: how far one entity came. All readers find the deepest chain; of equally deep ones that which was
 * complete first, and of these that which started last.
 */
#include "postgres.h"

#include "funnel/funnel.h"

/* The time and the step of an event. */
#define AT(i) smk_word_time(words[i])
#define STEP(i) ((int) smk_word_code(words[i]))

/*
 * A later step implies the earlier ones. A start is an event of the lowest step that the entity has; the last
 * one reaches farthest. What came before the first of them counts as if it came with it: a date that was
 * entered too early takes nothing away.
 */
static void
read_reached(const SmkFunnelRules *rules, const uint64 *words, int64 count, SmkFunnelChain *chain)
{
	bool first_only = (rules->modes & SMK_FUNNEL_FIRST_START) != 0;
	int lowest = SMK_FUNNEL_MAX_STEPS;
	int64 start = -1;
	int64 first = -1; /* the first start, */
	int before = -1;  /* and the highest step before it */
	int highest = -1;
	int64 best = -1; /* the start of the deepest chain */
	int deepest = -1;
	int step;

	if (count == 1)
	{
		/* As most entities of a long funnel are. */
		chain->depth = STEP(0) + 1;
		for (step = 0; step < chain->depth; step++)
			chain->at[step] = AT(0);
		return;
	}
	for (int64 i = 0; i < count; i++)
	{
		step = STEP(i);
		if (step < lowest)
		{
			lowest = step;
			start = first = i;
			before = deepest = highest;
			best = i;
		}
		else if (step == lowest && !first_only)
			start = i;
		if (step > deepest && AT(i) - AT(start) <= rules->within)
		{
			deepest = step;
			best = start;
		}
		highest = Max(highest, step);
	}
	chain->depth = deepest + 1;
	step = 0;
	if (best == first)
		while (step <= before)
			chain->at[step++] = AT(first);
	for (int64 i = best; i >= 0 && step <= deepest; i++)
		while (step <= deepest && step <= STEP(i))
			chain->at[step++] = AT(i);
}

/*
 * Each step at or after the one before it, all within the window of the start. For each step the latest start
 * of a chain that came so far is kept: it reaches farthest, and never goes back.
 */
static void
read_ordered(const SmkFunnelRules *rules, const uint64 *words, int64 count, SmkFunnelChain *chain)
{
	bool first_only = (rules->modes & SMK_FUNNEL_FIRST_START) != 0;
	int64 starts[SMK_FUNNEL_MAX_STEPS];
	int64 best = -1;
	int depth = 0;
	int step = 0;

	for (int i = 0; i < SMK_FUNNEL_MAX_STEPS; i++)
		starts[i] = -1;
	for (int64 i = 0; i < count; i++)
	{
		int at = STEP(i);

		if (at == 0)
		{
			if (!(first_only && starts[0] >= 0))
				starts[0] = i;
		}
		else if (starts[at - 1] >= 0 && AT(i) - AT(starts[at - 1]) <= rules->within)
			starts[at] = starts[at - 1];
		else
			continue;
		if (at >= depth)
		{
			depth = at + 1;
			best = starts[at];
		}
	}
	chain->depth = depth;
	for (int64 i = best; i >= 0 && step < depth; i++)
		if (STEP(i) == step)
			chain->at[step++] = AT(i);
}

/* The most different steps within a window, in any order: the time at which each of them was there first. */
static void
read_any_order(const SmkFunnelRules *rules, const uint64 *words, int64 count, SmkFunnelChain *chain)
{
	bool first_only = (rules->modes & SMK_FUNNEL_FIRST_START) != 0;
	int64 seen[SMK_FUNNEL_MAX_STEPS] = {0};
	int64 from = 0;
	int64 last = -1;
	int distinct = 0;
	uint64 taken = 0;

	chain->depth = 0;
	for (int64 i = 0; i < count; i++)
	{
		if (first_only && AT(i) - AT(0) > rules->within)
			break;
		if (seen[STEP(i)]++ == 0)
			distinct++;
		while (AT(i) - AT(from) > rules->within)
			if (--seen[STEP(from++)] == 0)
				distinct--;
		if (distinct > chain->depth)
		{
			chain->depth = distinct;
			last = i;
		}
	}
	if (last < 0)
		return;
	while (last + 1 < count && AT(last + 1) == AT(last))
		last++;
	/* The start: the last event from which on all of them are there, or the first one of all. */
	from = 0;
	if (!first_only)
		for (from = last, taken = 0, distinct = 0;; from--)
		{
			uint64 step = UINT64CONST(1) << STEP(from);

			distinct += (taken & step) == 0;
			taken |= step;
			if (distinct == chain->depth)
				break;
		}
	/* What came at the same time belongs to it. */
	while (from > 0 && AT(from - 1) == AT(from))
		from--;
	taken = 0;
	distinct = 0;
	for (int64 i = from; i <= last; i++)
	{
		uint64 step = UINT64CONST(1) << STEP(i);

		if ((taken & step) == 0)
			chain->at[distinct++] = AT(i);
		taken |= step;
	}
}

/* How far an entity came, whose events are sorted; there is at least one. */
void
smk_funnel_read(const SmkFunnelRules *rules, const uint64 *words, int64 count, SmkFunnelChain *chain)
{
	if (rules->modes & SMK_FUNNEL_REACHED)
		read_reached(rules, words, count, chain);
	else if (rules->modes & SMK_FUNNEL_ANY_ORDER)
		read_any_order(rules, words, count, chain);
	else
		read_ordered(rules, words, count, chain);
}
