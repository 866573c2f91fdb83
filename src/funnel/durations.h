/*
 * durations.h: how long entities stay in each stage: visits that ended, as a distribution, and those that are
 * still open, one by one.
 */
#ifndef SMK_DURATIONS_H
#define SMK_DURATIONS_H

#include "lib/stringinfo.h"

#include "timeline/sketch.h"
#include "timeline/word.h"

#define SMK_DURATIONS_VERSION 1
/* Stages are codes below this. */
#define SMK_DURATIONS_STAGES 11

/* The visits of one stage. */
typedef struct SmkStageVisits
{
	uint128 total;	  /* microseconds of those that ended */
	SmkSketch closed; /* and how they are distributed */
	uint64 *open;	  /* when the others began: words of their times */
	int64 open_count;
	int64 open_size;
} SmkStageVisits;

typedef struct SmkDurationSummary
{
	bool is_empty;
	int64 last; /* the time of the last event */
	SmkStageVisits stages[SMK_DURATIONS_STAGES];
} SmkDurationSummary;

extern void smk_durations_init(SmkDurationSummary *summary);
extern void smk_durations_add(SmkDurationSummary *summary, const uint64 *words, int64 count);
extern bool smk_durations_merge(SmkDurationSummary *into, const SmkDurationSummary *other);
extern double smk_durations_hours(const SmkStageVisits *visits, int64 as_of);
extern void smk_durations_write(const SmkDurationSummary *summary, StringInfo out);
extern bool smk_durations_read(SmkDurationSummary *summary, const unsigned char *data, int64 size);

#endif
