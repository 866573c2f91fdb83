/*
 * lump.h: spend that covers days, as its shares of periods.
 */
#ifndef SMK_LUMP_H
#define SMK_LUMP_H

#include "kpi/records.h"

extern bool smk_lump_is_possible(const SmkRecords *records);
extern char *smk_lump_source(SmkRecords *records, const char *source);
extern char *smk_lump_condition(SmkRecords *records);
extern char *smk_lump_in_range(SmkRecords *records);
extern char *smk_lump_raw_range(SmkRecords *records);
extern char *smk_lump_amount(SmkRecords *records, const char *amount);
extern char *smk_lump_weight(SmkRecords *records);
extern char *smk_lump_dated_at(const SmkRecords *records);
extern char *smk_lump_join(SmkRecords *records);

#endif
