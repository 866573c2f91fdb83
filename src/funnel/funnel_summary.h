/*
 * funnel_summary.h: a funnel over many entities: how many took each step, and how long that took.
 */
#ifndef SMK_FUNNEL_SUMMARY_H
#define SMK_FUNNEL_SUMMARY_H

#include "funnel/funnel.h"
#include "timeline/sketch.h"

#define SMK_FUNNEL_SUMMARY_VERSION 1

typedef struct SmkFunnelStep
{
	int64 entities;
	SmkSketch previous; /* microseconds from the step before */
	SmkSketch first;	/* from the start; of the second step that is the step before, and this is empty */
} SmkFunnelStep;

typedef struct SmkFunnelSummary
{
	SmkFunnelRules rules;
	bool is_stages; /* steps are funnel stages, from visitor on */
	int lowest;		/* the lowest step that any entity has */
	int steps;		/* the highest one, and one */
	SmkFunnelStep step[SMK_FUNNEL_MAX_STEPS];
} SmkFunnelSummary;

extern void smk_funnel_summary_init(SmkFunnelSummary *summary, const SmkFunnelRules *rules, bool is_stages);
extern void smk_funnel_summary_add(SmkFunnelSummary *summary, const uint64 *words, int64 count);
extern bool smk_funnel_summary_merge(SmkFunnelSummary *into, const SmkFunnelSummary *other);
extern void smk_funnel_summary_write(const SmkFunnelSummary *summary, StringInfo out);
extern bool smk_funnel_summary_read(SmkFunnelSummary *summary, const unsigned char *data, int64 size);

#endif
