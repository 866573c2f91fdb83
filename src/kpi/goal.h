/*
 * goal.h: the goals of a metric as a part of a statement.
 */
#ifndef SMK_GOAL_H
#define SMK_GOAL_H

#include "kpi/part.h"

extern bool smk_goal_is_available(const SmkRequest *request);
extern void smk_goal_part(SmkStatement *statement, const SmkMeasure *measure);

#endif
