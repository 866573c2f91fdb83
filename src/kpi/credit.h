/*
 * credit.h: what opportunities are credited to: a row a touch's share of a won opportunity, or of one that is
 * open at the close of a period, as one more entity.
 */
#ifndef SMK_CREDIT_H
#define SMK_CREDIT_H

#include "kpi/records.h"

/* The name under which a statement has credits that its parts share. */
#define SMK_SHARED_CREDITS "shared_credits"

extern SmkBinding *smk_credit_binding(const SmkRequest *request);
extern SmkBinding *smk_open_credit_binding(const SmkRequest *request);
extern const SmkRecordSet *smk_credit_source(const SmkRecordSet *set);
extern char *smk_credit_is_attributed(SmkRecords *credits);
extern char *smk_credit_booked_at(SmkRecords *credits);
extern char *smk_credit_dimension(SmkRecords *credits, const SmkBy *by, const char *reference);
extern bool smk_credit_is_of_range(const SmkRequest *request, const SmkRecordSet *set);
extern bool smk_credit_is_of_touch(const SmkBy *by);

#endif
