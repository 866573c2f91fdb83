/*
 * shift.h: what a measure was at another time, shown beside what it is: a period before, a year ago, over the
 * twelve months before.
 */
#ifndef SMK_SHIFT_H
#define SMK_SHIFT_H

#include "kpi/request.h"

typedef enum SmkShift
{
	SMK_SHIFT_NONE,
	SMK_SHIFT_PREVIOUS, /* the period before */
	SMK_SHIFT_YEAR_AGO, /* the same period a year before */
	SMK_SHIFT_TRAILING, /* the twelve months up to the period's end */
	SMK_SHIFT_GOAL		/* what it was to be: read from the goals */
} SmkShift;

/* A range to be read instead of the request's, and whose periods its figures are. */
typedef struct SmkShifted
{
	SmkRequest *request;
	char *targets; /* SQL that gives period_start from part.period_start; NULL where they are the same */
} SmkShifted;

extern const char *smk_shift_name(SmkShift shift);
extern SmkShift smk_shift_parse(const char *name, const char **measure);
extern TimestampTz smk_shift_instant(const SmkRequest *request, SmkShift shift, TimestampTz at);
extern List *smk_shift_ranges(const SmkRequest *request, SmkShift shift, bool is_at_close);
extern SmkRequest *smk_shift_same_age(const SmkRequest *request);
extern SmkRequest *smk_shift_union(const SmkRequest *request, List *ranges);
extern char *smk_shift_known(const SmkRequest *request, SmkShift shift, const char *begins_on);

#endif
