/*
 * funnel.h: how far an entity came in a funnel, and when it took each step: readers of one entity's events.
 */
#ifndef SMK_FUNNEL_H
#define SMK_FUNNEL_H

#include "timeline/word.h"

#define SMK_FUNNEL_MAX_STEPS 64

/* How steps follow each other: one of the first three, and perhaps the last. */
#define SMK_FUNNEL_REACHED 1
#define SMK_FUNNEL_ORDERED 2
#define SMK_FUNNEL_ANY_ORDER 4
#define SMK_FUNNEL_FIRST_START 8

/* What a funnel counts as a chain of steps. Codes are steps, the first one 0. */
typedef struct SmkFunnelRules
{
	unsigned modes;
	int64 within; /* microseconds from the start, its end included */
} SmkFunnelRules;

/* How many steps the entity took, and the time of each. */
typedef struct SmkFunnelChain
{
	int depth;
	int64 at[SMK_FUNNEL_MAX_STEPS];
} SmkFunnelChain;

extern void smk_funnel_read(const SmkFunnelRules *rules, const uint64 *words, int64 count,
							SmkFunnelChain *chain);

#endif
