/*
 * compiler.h: a request as one SQL statement.
 */
#ifndef SMK_COMPILER_H
#define SMK_COMPILER_H

#include "kpi/request.h"

/* A column of the statement: a template over the measures of the KPI, or NULL for the missing. */
typedef struct SmkOutput
{
	const char *name;
	const char *template;
	const char *cast_to; /* a type, or NULL where the template gives the right one */
} SmkOutput;

extern char *smk_compile(const SmkRequest *request, const SmkOutput *outputs, int count, bool own_names);
extern SmkOutput *smk_compile_outputs(const SmkRequest *request, int *count);
extern SmkOutput smk_compile_output(const SmkRequest *request, const char *name, const char *type);
extern int smk_compile_metric_outputs(const SmkRequest *request, const SmkColumn *named, SmkOutput *outputs);
extern List *smk_compile_measures(const SmkRequest *request, const SmkOutput *outputs, int count,
								  bool are_stored);
extern char *smk_compile_over_parts(const SmkRequest *request, List *measures, const SmkOutput *outputs,
									int count, const char *parts, bool own_names);
extern char *smk_compile_periods(const SmkRequest *request);
extern char *smk_compile_is_partial(const SmkRequest *request, const char *start);
extern const char *smk_compile_lacking_entity(const SmkRequest *request);
extern void smk_compile_require_entity(const SmkRequest *request);
extern char *smk_compile_retention_cohorts(const SmkRequest *request, bool own_names);
extern char *smk_compile_lead_funnel(const SmkRequest *request, bool own_names);
extern char *smk_compile_rows(const SmkRequest *request, const SmkColumn *measure, bool has_limit, int limit);

#endif
