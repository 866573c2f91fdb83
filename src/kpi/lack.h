/*
 * lack.h: what has to be bound before a KPI can be read.
 */
#ifndef SMK_LACK_H
#define SMK_LACK_H

#include "kpi/request.h"

extern List *smk_lack(const SmkRequest *request, const SmkColumn *column);
extern char *smk_lack_dimension_call(const SmkRequest *request, const SmkBy *by);

#endif
