/*
 * measure.h: over which records a measure is computed, and whether what is bound can give it.
 */
#ifndef SMK_MEASURE_H
#define SMK_MEASURE_H

#include "kpi/part.h"

extern List *smk_measure_records(const SmkStatement *statement, const SmkRequest *request,
								 const SmkRecordSet *set);
extern bool smk_measure_is_available(const SmkStatement *statement, const SmkColumn *column);
extern char *smk_measure_begins(const SmkStatement *statement, const SmkRecordSet *set);
extern char *smk_measure_ends(const SmkStatement *statement, const SmkRecordSet *set);
extern bool smk_measure_has_currency(const SmkStatement *statement, const SmkColumn *column);

extern bool smk_template_has_dimension(const SmkRequest *request, const char *template, const SmkBy *by);

#endif
