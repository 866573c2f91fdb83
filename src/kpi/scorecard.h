/*
 * scorecard.h: the eight KPIs of one range, a row each.
 */
#ifndef SMK_SCORECARD_H
#define SMK_SCORECARD_H

#include "nodes/execnodes.h"

#include "kpi/request.h"

typedef struct SmkScorecard
{
	SmkConfig *config;
	SmkArguments arguments; /* with which each KPI is read */
	const char *language;
	const char *options; /* of the statements to run next: begun by a comma, or empty */
} SmkScorecard;

extern char *smk_value_label(const SmkRequest *request, const SmkBy *by, char *value);
extern void smk_scorecard_run(ReturnSetInfo *rsinfo, const SmkScorecard *card);

#endif
