/*
 * attribution_arguments.h: models by their names, and the names of what has no channel or no touch.
 */
#ifndef SMK_ATTRIBUTION_ARGUMENTS_H
#define SMK_ATTRIBUTION_ARGUMENTS_H

#include "attribution/attribution.h"

#define SMK_UNATTRIBUTED "(unattributed)"
#define SMK_NO_CHANNEL "(none)"
#define SMK_ATTRIBUTION_MODELS                                                                               \
	"first, last, last_non_direct, linear, time_decay, position, w_shaped, full_path"
/* The least decimal places of what is credited. */
#define SMK_CENTS 2

extern SmkAttributionModel smk_attribution_model_argument(const char *name);

#endif
