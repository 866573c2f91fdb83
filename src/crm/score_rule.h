/*
 * score_rule.h: what activities are worth, and what a lead becomes whose score reaches a threshold: the rows
 * of score_rule and score_threshold.
 */
#ifndef SMK_SCORE_RULE_H
#define SMK_SCORE_RULE_H

#include "crm/config.h"
#include "stage/stage.h"

typedef struct SmkScoreRule
{
	char *activity; /* the kind of activity */
	int32 points;
	int64 half_life; /* in microseconds; 0: the points do not fade */
} SmkScoreRule;

typedef struct SmkScoreThreshold
{
	double score;
	FunnelStage becomes;	/* MQL, SAL or SQL, at the first crossing, */
	FunnelStage from_stage; /* if the lead has come that far, else when it does */
} SmkScoreThreshold;

extern List *smk_score_rules_load(void);
extern List *smk_score_thresholds_load(void);
extern const SmkScoreThreshold *smk_score_threshold(const SmkConfig *config, FunnelStage becomes);

#endif
