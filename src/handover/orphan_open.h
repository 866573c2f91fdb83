/*
 * orphan_open.h: the leads that somebody has to handle.
 */
#ifndef SMK_ORPHAN_OPEN_H
#define SMK_ORPHAN_OPEN_H

#include "kpi/records.h"

extern void smk_orphan_join_folded(const SmkRequest *request, const SmkBinding *lead,
								   const SmkBinding *binding, const char *columns, const char *condition,
								   const bool *needed, StringInfo from);
extern char *smk_orphan_open_leads(SmkRecords *records);

#endif
