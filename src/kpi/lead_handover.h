/*
 * lead_handover.h: what became of a lead between marketing and sales, as columns of it.
 */
#ifndef SMK_LEAD_HANDOVER_H
#define SMK_LEAD_HANDOVER_H

#include "kpi/records.h"

extern bool smk_lead_handover_is_column(const char *name);
extern char *smk_lead_handover(SmkRecords *records, const char *name);
extern void smk_lead_handover_join(SmkRecords *records, StringInfo from);

#endif
