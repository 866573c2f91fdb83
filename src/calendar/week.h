/*
 * week.h: the open hours of a calendar on local clocks that never change: spans by weekday, and holidays.
 *
 * Local times are microseconds since 2000-01-01 as the clocks show it.
 */
#ifndef SMK_WEEK_H
#define SMK_WEEK_H

#include "utils/array.h"
#include "utils/date.h"
#include "utils/jsonb.h"

#define SMK_WEEKDAYS 7

/* Open from start until before end, in microseconds since local midnight. */
typedef struct SmkSpan
{
	int64 start;
	int64 end;
} SmkSpan;

typedef struct SmkWeek
{
	SmkSpan *spans;					/* of Monday, Tuesday, ..., each day in order and apart */
	int first[SMK_WEEKDAYS + 1];	/* the first span of each day, and behind the last one */
	int64 before[SMK_WEEKDAYS + 1]; /* open in the week before each day, and in all of it: above 0 */
	int holiday_count;
	DateADT *holidays; /* ascending */
	int64 *lost;	   /* what holidays before each take, and all of them */
	int64 *reached;	   /* open time when each begins, as smk_week_open counts */
} SmkWeek;

extern void smk_week_init(SmkWeek *week, Jsonb *hours, ArrayType *holidays);
extern int64 smk_week_open(const SmkWeek *week, int64 local);
extern int64 smk_week_reach(const SmkWeek *week, int64 open);

#endif
