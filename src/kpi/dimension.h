/*
 * dimension.h: how a record gets the value of a dimension, how the value is shown, and how it is filtered by.
 */
#ifndef SMK_DIMENSION_H
#define SMK_DIMENSION_H

#include "kpi/records.h"

extern char *smk_records_dimension(SmkRecords *records, const SmkBy *by, const char *measure);
extern bool smk_records_have_dimension(const SmkRecords *records, const SmkBy *by);
extern char *smk_records_account_label(SmkRecords *records);
extern char *smk_dimension_first_column(const SmkRecords *records, const SmkBy *by);
extern char *smk_dimension_text(const SmkRequest *request, const SmkBy *by, const char *raw);
extern char *smk_dimension_labels(const SmkBy *by, List *values);
extern char *smk_dimension_filter(const SmkRequest *request, const SmkFilter *filter, const char *raw);
extern void smk_dimension_join(const SmkJoin *join, StringInfo from);

#endif
