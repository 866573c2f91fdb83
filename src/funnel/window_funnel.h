/*
 * window_funnel.h: how many of a list of conditions the rows of one entity met one after the other within a
 * window: a reader of rows in the order of time, all rows of one time at once.
 */
#ifndef SMK_WINDOW_FUNNEL_H
#define SMK_WINDOW_FUNNEL_H

#define SMK_WINDOW_FUNNEL_MAX_CONDITIONS 64

/* The names are those of ClickHouse's windowFunnel, but for the last two. */
#define SMK_WINDOW_STRICT_ORDER 1		  /* a row that meets no condition, or one out of order, ends it */
#define SMK_WINDOW_STRICT_INCREASE 2	  /* each step later than the one before */
#define SMK_WINDOW_STRICT_ONCE 4		  /* each row takes one step at most */
#define SMK_WINDOW_STRICT_DEDUPLICATION 8 /* a step that was taken already ends it */
#define SMK_WINDOW_ALLOW_REENTRY 16		  /* with strict_order: one out of order is skipped */
#define SMK_WINDOW_FIRST_START 32		  /* the window opens at the first start, not at the latest */
#define SMK_WINDOW_ANY_ORDER 64			  /* how many conditions were met, in any order */

/* What counts as a chain of steps. */
typedef struct SmkWindowRules
{
	unsigned modes;
	int conditions; /* 1 to 64 */
	int64 within;	/* microseconds from the start, its end included */
} SmkWindowRules;

/* How far the rows of one entity have come. Levels are steps, the first one 0. */
typedef struct SmkWindowFunnel
{
	const SmkWindowRules *rules;
	bool is_over;
	int depth;										/* in any order: the most conditions that were met */
	uint64 reached;									/* the levels that a chain has come to, a bit each */
	int64 starts[SMK_WINDOW_FUNNEL_MAX_CONDITIONS]; /* of these: the latest start of such a chain */
} SmkWindowFunnel;

extern void smk_window_funnel_start(SmkWindowFunnel *funnel, const SmkWindowRules *rules);
extern void smk_window_funnel_add(SmkWindowFunnel *funnel, int64 at, const uint64 *rows, int64 count);
extern int smk_window_funnel_depth(const SmkWindowFunnel *funnel);

#endif
