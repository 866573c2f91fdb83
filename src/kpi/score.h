/*
 * score.h: the scores of leads as SQL: one reading of all activities.
 */
#ifndef SMK_KPI_SCORE_H
#define SMK_KPI_SCORE_H

#include "crm/score_rule.h"

#define SMK_SCORE_THRESHOLDS 3

/* Which activities are read, and what is told of the scores. */
typedef struct SmkScoreReading
{
	const char *where; /* a condition over entity activity; NULL: all are read */
	const char
		*as_of; /* SQL for the instant as of which score is given; NULL: only leads that crossed are listed */
	int threshold_count;
	double thresholds[SMK_SCORE_THRESHOLDS];
	const char *names[SMK_SCORE_THRESHOLDS]; /* of the columns that give the first crossings */
} SmkScoreReading;

extern SmkBinding *smk_score_activities(const SmkConfig *config);
extern Oid smk_score_key_type(const SmkBinding *activity);
extern char *smk_score_activity_at(const SmkBinding *activity, const char *time_zone);
extern char *smk_score_sql(const SmkConfig *config, const char *time_zone, const SmkScoreReading *reading);
extern char *smk_score_crossings_sql(SmkConfig *config, double threshold, const char *time_zone);

#endif
