/*
 * window_funnel.c: the steps of one entity. For each level the latest start of a chain that came there before
 * is enough: it reaches farthest. A row is the conditions that it meets, a bit each.
 *
 * Where each row takes one step only, rows of one time are matched with steps: the longest chain, whatever
 * the order in which they arrived.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "funnel/window_funnel.h"

#define MAX_STEPS SMK_WINDOW_FUNNEL_MAX_CONDITIONS
#define BIT(i) (UINT64CONST(1) << (i))

/* Nothing has been read yet; the rules must stay. */
void
smk_window_funnel_start(SmkWindowFunnel *funnel, const SmkWindowRules *rules)
{
	funnel->rules = rules;
	funnel->is_over = false;
	funnel->depth = 0;
	funnel->reached = 0;
}

/* How many conditions were met. */
int
smk_window_funnel_depth(const SmkWindowFunnel *funnel)
{
	if (funnel->rules->modes & SMK_WINDOW_ANY_ORDER)
		return funnel->depth;
	return funnel->reached == 0 ? 0 : pg_leftmost_one_pos64(funnel->reached) + 1;
}

/*
 * Steps of one time, matched with the rows that take them. Of each step so many rows are enough as there are
 * steps: the others can take no more than that.
 */
typedef struct Matching
{
	int rows;
	int from;							 /* the first step that is matched, */
	int next;							 /* and the one after the last */
	int choices[MAX_STEPS];				 /* how many rows a step has */
	uint16 choice[MAX_STEPS][MAX_STEPS]; /* which ones */
	int8 step_of[MAX_STEPS * MAX_STEPS]; /* what a row is taken by, or -1 */
	uint64 tried[MAX_STEPS];			 /* rows that are of no use in this attempt, a bit each */
} Matching;

/* The rows of one time; nothing is matched. */
static void
matching_init(Matching *matching, const uint64 *rows, int64 count)
{
	uint64 full = 0;

	matching->rows = 0;
	matching->from = matching->next = 0;
	memset(matching->choices, 0, sizeof(matching->choices));
	for (int64 i = 0; i < count; i++)
	{
		uint64 steps = rows[i] & ~full;

		if (steps == 0)
			continue;
		for (; steps != 0; steps &= steps - 1)
		{
			int step = pg_rightmost_one_pos64(steps);

			matching->choice[step][matching->choices[step]++] = (uint16) matching->rows;
			if (matching->choices[step] == MAX_STEPS)
				full |= BIT(step);
		}
		matching->step_of[matching->rows++] = -1;
	}
}

/* Finds a row for a step; others may have to take another one. It calls itself once for each of them at most.
 */
static bool
matching_try(Matching *matching, int step)
{
	for (int i = 0; i < matching->choices[step]; i++)
	{
		int row = matching->choice[step][i];

		if (matching->tried[row / 64] & BIT(row % 64))
			continue;
		matching->tried[row / 64] |= BIT(row % 64);
		if (matching->step_of[row] < 0 || matching_try(matching, matching->step_of[row]))
		{
			matching->step_of[row] = (int8) step;
			return true;
		}
	}
	return false;
}

/*
 * The earliest step from which on all steps to this one, which some row takes, can be taken by different
 * rows. Asked of steps in ascending order; those that are not asked of are taken by none.
 */
static int
matching_from(Matching *matching, int step)
{
	if (step != matching->next)
	{
		memset(matching->step_of, -1, matching->rows);
		matching->from = step;
	}
	matching->next = step + 1;
	for (;;)
	{
		memset(matching->tried, 0, sizeof(matching->tried));
		if (matching_try(matching, step))
			return matching->from;
		/* One step less; the step alone has a row. */
		for (int row = 0; row < matching->rows; row++)
			if (matching->step_of[row] == matching->from)
				matching->step_of[row] = -1;
		matching->from++;
	}
}

/* In any order: the conditions that were met within the window that ends now, or that began with the first.
 */
static void
add_any_order(SmkWindowFunnel *funnel, int64 at, uint64 any)
{
	const SmkWindowRules *rules = funnel->rules;
	uint64 fresh;
	int depth = 0;

	if (any == 0)
		return;
	if (rules->modes & SMK_WINDOW_FIRST_START)
	{
		if (funnel->reached == 0)
			funnel->starts[0] = at;
		if (at - funnel->starts[0] > rules->within)
		{
			funnel->is_over = true;
			return;
		}
		fresh = any & ~funnel->reached;
		funnel->reached |= any;
		for (; fresh != 0; fresh &= fresh - 1)
			funnel->depth++;
		return;
	}
	funnel->reached |= any;
	for (uint64 steps = any; steps != 0; steps &= steps - 1)
		funnel->starts[pg_rightmost_one_pos64(steps)] = at;
	for (uint64 steps = funnel->reached; steps != 0; steps &= steps - 1)
		depth += at - funnel->starts[pg_rightmost_one_pos64(steps)] <= rules->within;
	funnel->depth = Max(funnel->depth, depth);
}

/* The rows of one time, later than those before; their order does not matter. */
void
smk_window_funnel_add(SmkWindowFunnel *funnel, int64 at, const uint64 *rows, int64 count)
{
	const SmkWindowRules *rules = funnel->rules;
	const unsigned modes = rules->modes;
	/* May a step follow one of the same time? By another row, where it is matched; else by any. */
	const bool in_turn = (modes & (SMK_WINDOW_STRICT_ONCE | SMK_WINDOW_STRICT_INCREASE)) == 0;
	const bool matches = !in_turn && !(modes & SMK_WINDOW_STRICT_INCREASE) && count > 1;
	const uint64 before = funnel->reached;
	const bool first_only = (modes & SMK_WINDOW_FIRST_START) != 0 && (before & 1) != 0;
	bool has_none = false;
	uint64 any = 0;
	uint64 twice = 0;
	uint64 fresh = 0;
	int64 starts[MAX_STEPS]; /* of fresh: chains that end now */
	Matching matching;

	if (funnel->is_over)
		return;
	for (int64 i = 0; i < count; i++)
	{
		has_none |= rows[i] == 0;
		twice |= any & rows[i];
		any |= rows[i];
	}
	if (modes & SMK_WINDOW_ANY_ORDER)
	{
		add_any_order(funnel, at, any);
		return;
	}
	if (has_none && (modes & SMK_WINDOW_STRICT_ORDER) && before != 0)
	{
		funnel->is_over = true;
		return;
	}
	if (matches)
		matching_init(&matching, rows, count);
	for (uint64 steps = any; steps != 0 && !funnel->is_over; steps &= steps - 1)
	{
		int step = pg_rightmost_one_pos64(steps);
		int from = -1; /* the level whose chains go on; -1: one starts here */
		int64 start;

		if (step > 0)
		{
			if ((modes & SMK_WINDOW_STRICT_DEDUPLICATION) && (funnel->reached & BIT(step)))
			{
				funnel->is_over = true;
				break;
			}
			if ((modes & SMK_WINDOW_STRICT_ORDER) && funnel->reached != 0 &&
				!(funnel->reached & BIT(step - 1)))
			{
				funnel->is_over = (modes & SMK_WINDOW_ALLOW_REENTRY) == 0;
				continue;
			}
		}
		if (matches)
		{
			from = matching_from(&matching, step) - 1;
			if (from < 0 && first_only)
				from = 0;
		}
		else if (step > 0)
			from = step - 1;
		if (from < 0)
		{
			if (first_only)
				continue;
			start = at;
		}
		else if (from >= step)
			continue;
		else if (in_turn && (fresh & BIT(from)))
			start = starts[from];
		else if (before & BIT(from))
			start = funnel->starts[from];
		else
			continue;
		if (at - start > rules->within)
			continue;
		starts[step] = start;
		fresh |= BIT(step);
		funnel->reached |= BIT(step);
		if (step + 1 == rules->conditions ||
			(step > 0 && (modes & SMK_WINDOW_STRICT_DEDUPLICATION) && (twice & BIT(step))))
			funnel->is_over = true;
	}
	for (; fresh != 0; fresh &= fresh - 1)
	{
		int step = pg_rightmost_one_pos64(fresh);

		if (!(before & BIT(step)) || starts[step] > funnel->starts[step])
			funnel->starts[step] = starts[step];
	}
}
