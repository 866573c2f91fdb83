/*
 * cron.h: when a schedule of cron is due next.
 */
#ifndef SMK_CRON_H
#define SMK_CRON_H

#include "datatype/timestamp.h"

/* The minutes, hours, days of the month, months and days of the week at which a job is due: bits. */
typedef struct SmkCron
{
	uint64 fields[5];
	bool any_day;	  /* of the month */
	bool any_weekday; /* a day that is restricted in neither way; in both ways either will do */
} SmkCron;

extern bool smk_cron_parse(SmkCron *cron, const char *schedule);
extern bool smk_cron_next(const SmkCron *cron, Timestamp after, Timestamp *next);

#endif
