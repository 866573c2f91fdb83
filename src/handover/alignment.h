/*
 * alignment.h: are the teams aligned, and if not, whose side is weak.
 */
#ifndef SMK_ALIGNMENT_H
#define SMK_ALIGNMENT_H

#include "nodes/execnodes.h"

#include "kpi/request.h"

extern void smk_alignment_run(ReturnSetInfo *result, SmkConfig *config, SmkRequest *request,
							  const char *language);

#endif
