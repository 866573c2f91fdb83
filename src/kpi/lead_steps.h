/*
 * lead_steps.h: how far a lead came, and when: MQL, SAL, SQL, opportunity, customer, disqualified.
 */
#ifndef SMK_LEAD_STEPS_H
#define SMK_LEAD_STEPS_H

#include "kpi/records.h"
#include "stage/stage.h"

/* Ends a subselect that is computed once a lead, and not once more wherever it is read. */
#define SMK_LEAD_FENCE "OFFSET bigint '0'"

/* What a stage change says of a lead. */
typedef enum SmkLeadEvent
{
	SMK_LEAD_MQL = 1,
	SMK_LEAD_SAL,
	SMK_LEAD_SQL, /* or beyond */
	SMK_LEAD_DISQUALIFIED,
	SMK_LEAD_RECYCLED,
	SMK_LEAD_LOST
} SmkLeadEvent;

extern bool smk_lead_step_is_column(const char *name);
extern char *smk_lead_step(SmkRecords *records, const char *name);
extern char *smk_lead_score(SmkRecords *records, const char *as_of, char **crossed_at);
extern char *smk_lead_time(SmkRecords *records, const char *column);
extern char *smk_lead_events(SmkRecords *records);
extern char *smk_lead_opportunities(SmkRecords *records);
extern bool smk_lead_score_asks_for(const SmkRequest *request, FunnelStage from_stage);
extern bool smk_lead_step_is_known(const SmkRequest *request, int position);
extern char *smk_lead_few_only(SmkRecords *records, const char *reference, Oid type);
extern void smk_lead_steps_join(SmkRecords *records, StringInfo from);

#endif
