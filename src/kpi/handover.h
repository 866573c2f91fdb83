/*
 * handover.h: the step between marketing and sales as one SQL statement.
 */
#ifndef SMK_HANDOVER_H
#define SMK_HANDOVER_H

#include "kpi/compiler.h"

/* Below so many leads that were judged nothing is said of a side. */
#define SMK_HANDOVER_FEW 20

extern char *smk_compile_handover(const SmkRequest *request, const SmkOutput *columns, int count,
								  bool own_names);
extern char *smk_compile_sides(const SmkRequest *request);

#endif
