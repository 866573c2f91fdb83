/*
 * same_age.h: a range and the one before it as they stood at one age.
 */
#ifndef SMK_SAME_AGE_H
#define SMK_SAME_AGE_H

#include "kpi/request.h"

extern SmkRequest *smk_same_age(const SmkRequest *request);

#endif
