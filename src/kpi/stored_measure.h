/*
 * stored_measure.h: the measures of which a rollup is made, and which of them add up.
 */
#ifndef SMK_STORED_MEASURE_H
#define SMK_STORED_MEASURE_H

#include "kpi/part.h"

extern List *smk_stored_measures(const SmkRequest *request);
extern bool smk_stored_is_left_out(const SmkRequest *request, const SmkMeasure *measure);
extern bool smk_stored_adds_up(const SmkRequest *request, const SmkMeasure *measure);
extern const char *smk_stored_reason(const SmkRequest *request, const SmkMeasure *measure);

#endif
