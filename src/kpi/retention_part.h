/*
 * retention_part.h: the part of what became of customers from the close of one period to that of the next.
 */
#ifndef SMK_RETENTION_PART_H
#define SMK_RETENTION_PART_H

#include "kpi/part.h"

extern char *smk_retention_rows(SmkRecords *records, const SmkColumn *measure);
extern void smk_retention_part(SmkStatement *statement, SmkRecords *records, List *given);

#endif
