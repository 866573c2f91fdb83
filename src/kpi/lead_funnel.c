/*
 * lead_funnel.c: the leads of a period step by step: how many came how far, and how long each step took. The
 * statement of a KPI whose measures are summaries of funnels, with a row a step in the place of each cell.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/compiler.h"
#include "kpi/lead_steps.h"
#include "kpi/source.h"

static const char *const step_names[] = {"lead", "mql", "sal", "sql", "opportunity", "won"};

/* SQL for the steps, and for each whether anything that is bound tells of it. */
static char *
funnel_step_list(const SmkRequest *request)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(step_names); i++)
		appendStringInfo(&sql, "%s(%d, '%s', %s)", i ? ", " : "", (int) i + 1, step_names[i],
						 i == 0 || smk_lead_step_is_known(request, (int) i - 1) ? "true" : "false");
	return sql.data;
}

/*
 * The statement of lead_funnel(): period_start, is_partial, the dimensions (by_1 to by_3, or with own_names
 * only those asked for, under their names), step, stage, entities, rates and hours. Six rows a cell.
 */
char *
smk_compile_lead_funnel(const SmkRequest *request, bool own_names)
{
	/* In reached mode a lead may be known to have come to a step whose time is not. */
	bool is_reached = request->mode == NULL;
	SmkOutput outputs[2] = {{"timed", "[timed]", NULL}, {"passed", "[passed]", NULL}};
	const char *passed = is_reached ? "cell.passed" : "cell.timed";
	/* First: it sees that leads are bound. */
	char *cells = smk_compile(request, outputs, is_reached ? 2 : 1, own_names);
	StringInfoData sql;
	StringInfoData by;
	StringInfoData order;

	initStringInfo(&sql);
	initStringInfo(&by);
	initStringInfo(&order);
	for (int i = 0; i < SMK_MAX_BY; i++)
	{
		bool is_there = i < list_length(request->by);
		const char *name = own_names && is_there
							   ? quote_identifier(((SmkBy *) list_nth(request->by, i))->name)
							   : psprintf("by_%d", i + 1);

		if (is_there)
			appendStringInfo(&order, "cell.%s COLLATE \"C\", ", name);
		if (is_there || !own_names)
			appendStringInfo(&by, ", cell.%s", name);
	}
	appendStringInfo(&sql,
					 "SELECT cell.period_start, cell.is_partial%s,\n"
					 "       step.step, step.stage, step.entities,\n"
					 "       step.entities::double precision / nullif(step.before, 0) AS previous_rate,\n"
					 "       step.entities::double precision / nullif(step.first, 0) AS first_rate,\n"
					 "       step.median_hours, step.p90_hours\n"
					 "FROM (\n    %s) AS cell\n"
					 "CROSS JOIN LATERAL (\n"
					 "    SELECT known.step, known.stage, passed.entities, timed.median_hours,\n"
					 "           timed.p90_hours,\n"
					 "           lag(passed.entities) OVER (ORDER BY known.step) AS before,\n"
					 "           first_value(passed.entities) OVER (ORDER BY known.step) AS first\n"
					 "    FROM (VALUES %s) AS known (step, stage, is_known)\n"
					 "    LEFT JOIN smarketing.funnel_steps(%s) AS reading ON reading.step = known.step\n"
					 "    LEFT JOIN smarketing.funnel_steps(cell.timed) AS timed ON timed.step = known.step\n"
					 "    CROSS JOIN LATERAL (\n"
					 "        SELECT CASE WHEN known.is_known THEN coalesce(reading.entities, 0) END "
					 "AS entities) AS passed) AS step\n"
					 "ORDER BY cell.period_start, %sstep.step",
					 by.data, smk_sql_indent(cells, 4), funnel_step_list(request), passed, order.data);
	return sql.data;
}
