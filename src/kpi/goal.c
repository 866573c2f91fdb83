/*
 * goal.c: the goals of a metric. A row covers its period. Of what can be added up a cell's goal is the sum of
 * the rows that cover it, pro rata by local days; of the rest it is that of the very period. With dimensions
 * the rows count that have exactly these; without, those that have none, and only where there are none, those
 * that have one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "kpi/dimension.h"
#include "kpi/goal.h"
#include "kpi/source.h"

static const SmkRecordSet goals = {"goals", "goal", "starts_on", SMK_KIND_ANY, false, NULL, NULL};

/* The dimensions that a goal can have, in the order in which one alone is looked for. */
static const char *const goal_dimensions[] = {"owner",	 "team",	"channel",	  "campaign",
											  "segment", "product", "account_id", "kind"};

/* What holds goals: what is bound, and what was entered. */
static List *
goal_bindings(const SmkRequest *request)
{
	SmkBinding *bound = smk_config_binding(request->config, "goal");
	SmkBinding *entered = smk_config_entered("goal");
	List *bindings = NIL;

	if (bound)
		bindings = lappend(bindings, bound);
	if (entered)
		bindings = lappend(bindings, entered);
	return bindings;
}

/* True where there are goals at all. */
bool
smk_goal_is_available(const SmkRequest *request)
{
	return goal_bindings(request) != NIL;
}

/* Adds the column of a goal that must be given for a dimension to be known; false where there is none. */
static bool
add_needed(const SmkRecords *records, const SmkBy *by, List **columns)
{
	char *column = smk_dimension_first_column(records, by);

	if (column == NULL)
		return false;
	*columns = lappend(*columns, column);
	return true;
}

static bool
is_among(List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* The condition that a goal has these dimensions and no others. */
static char *
has_exactly(SmkRecords *records, List *columns)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(goal_dimensions); i++)
	{
		char *column = smk_records_column(records, goal_dimensions[i]);

		if (column)
			appendStringInfo(&sql, "\n   AND %s IS %s", column,
							 is_among(columns, goal_dimensions[i]) ? "NOT NULL" : "NULL");
	}
	foreach (cell, records->request->config->dimensions)
	{
		SmkDimension *dimension = lfirst(cell);

		if (!records->binding->is_own && dimension->columns[records->binding->entity - smk_entities].text)
		{
			SmkBy by = {dimension->name, dimension, NIL};

			appendStringInfo(&sql, "\n   AND %s IS %s", smk_records_dimension(records, &by, "goal"),
							 is_among(columns, dimension->name) ? "NOT NULL" : "NULL");
		}
	}
	return sql.data;
}

/* SQL for whether a goal covers days that an earlier one with the same dimensions covers too. */
static char *
overlaps(SmkRecords *records, const char *begins, const char *ends)
{
	StringInfoData keys;
	ListCell *cell;

	initStringInfo(&keys);
	for (size_t i = 0; i < lengthof(goal_dimensions); i++)
		if (smk_records_column(records, goal_dimensions[i]))
			appendStringInfo(&keys, "%s%s", keys.len ? ", " : "",
							 smk_records_column(records, goal_dimensions[i]));
	foreach (cell, records->dimensions)
		appendStringInfo(&keys, "%sgoal.%s", keys.len ? ", " : "", ((SmkDimension *) lfirst(cell))->alias);
	return psprintf(
		"%s < max(%s) OVER (%s%s ORDER BY %s, %s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)", begins,
		ends, keys.len ? "PARTITION BY " : "", keys.data, begins, ends);
}

/* A time as the clocks of the reporting zone show it, as a literal. */
static char *
clocks_literal(const SmkRequest *request, TimestampTz at)
{
	Datum clocks = DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(request->time_zone),
									   TimestampTzGetDatum(at));

	return psprintf("timestamp %s",
					strchr(smk_timestamp_literal(DatumGetTimestamp(clocks)), '\'')); /* its text is in UTC */
}

/* SQL for the share of goal.value that falls on a period, from begins until ends; NULL where it does not
 * count. */
static char *
goal_share(const SmkRequest *request, const SmkColumn *column)
{
	TimestampTz cut = Min(request->until, request->now);
	bool is_additive = column->aggregate == SMK_COUNT || column->aggregate == SMK_SUM;
	char *begins =
		request->is_all
			? request->has_since ? clocks_literal(request, request->since) : "goal.begins_on"
			: psprintf("greatest(period.period_start, %s)", clocks_literal(request, request->since));
	char *ends = request->is_all
					 ? clocks_literal(request, cut)
					 : psprintf("least(%s, %s)", smk_request_period_end_of(request, "period.period_start"),
								clocks_literal(request, cut));

	if (is_additive)
		return psprintf("goal.value * greatest(extract(epoch FROM least(%s, goal.ends_on) - greatest(%s, "
						"goal.begins_on)), 0)\n        / extract(epoch FROM goal.ends_on::timestamp - "
						"goal.begins_on::timestamp)",
						ends, begins);
	if (request->is_all)
		return psprintf("CASE WHEN goal.begins_on = %s AND goal.ends_on = %s THEN goal.value END", begins,
						clocks_literal(request, request->until));
	return psprintf(
		"CASE WHEN goal.begins_on = period.period_start AND goal.ends_on = %s THEN goal.value END",
		smk_request_period_end_of(request, "period.period_start"));
}

/* The goals that have exactly these dimensions, cut into the periods. */
static char *
goals_of(SmkRecords *records, const SmkColumn *column, const char *pattern, int rank)
{
	const SmkRequest *request = records->request;
	char *starts = smk_records_column(records, "starts_on");
	char *period = smk_records_column(records, "period");
	int fiscal = request->config->fiscal_year_start;
	char *begins;
	char *ends;
	StringInfoData inner;
	StringInfoData sql;

	if (!smk_records_at_is_date(records))
		starts = psprintf("smarketing.period_start('day', %s, %s)", starts,
						  quote_literal_cstr(request->time_zone));
	begins = psprintf("smarketing.period_start(%s, %s, %d)", period, starts, fiscal);
	ends = psprintf("smarketing.period_end(%s, %s, %d)", period, starts, fiscal);
	initStringInfo(&inner);
	appendStringInfo(
		&inner,
		"SELECT %s AS begins_on, %s AS ends_on,\n    smarketing.goal_alone(%s, %s, %s,\n        %s) AS value",
		begins, ends, smk_records_column(records, "value"), smk_records_column(records, "metric"), begins,
		overlaps(records, begins, ends));
	for (int i = 0; i < list_length(request->by); i++)
	{
		SmkBy *by = list_nth(request->by, i);

		appendStringInfo(&inner, ", %s AS by_%d",
						 smk_dimension_text(request, by, smk_records_dimension(records, by, "goal")), i + 1);
	}
	appendStringInfo(&inner, "\n%s",
					 smk_records_from(records, "goal", true,
									  psprintf("smarketing.metric_name(%s) = '%s.%s'%s",
											   smk_records_column(records, "metric"), request->kpi->name,
											   column->name, pattern)));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS period_start",
					 request->is_all ? "NULL::date" : "period.period_start");
	smk_part_append_by(request, "goal.", &sql);
	appendStringInfo(&sql, ", %d AS rank,\n    %s AS value\nFROM (\n    %s) AS goal", rank,
					 goal_share(request, column), smk_sql_indent(inner.data, 4));
	if (!request->is_all)
		appendStringInfo(
			&sql,
			"\nCROSS JOIN LATERAL (\n    SELECT day::date AS period_start\n    FROM "
			"generate_series(%s::timestamp,"
			"\n        (least(goal.ends_on, %s) - 1)::timestamp, interval '%s') AS day) AS period",
			smk_request_bucket_of(request,
								  psprintf("greatest(goal.begins_on, %s)", smk_date_literal(request->first))),
			smk_date_literal(request->end), smk_period_step(request->period));
	return sql.data;
}

/* Adds the goals of a metric to the statement. */
void
smk_goal_part(SmkStatement *statement, const SmkMeasure *measure)
{
	const SmkRequest *request = statement->request;
	StringInfoData variants;
	StringInfoData sql;
	StringInfoData keys;
	ListCell *cell;
	ListCell *asked;

	initStringInfo(&variants);
	foreach (cell, goal_bindings(request))
	{
		SmkRecords *records = smk_records(request, &goals, lfirst(cell));
		List *columns = NIL;
		bool is_possible = true;
		bool is_plain = request->by == NIL && request->filters == NIL;

		foreach (asked, request->by)
			is_possible = is_possible && add_needed(records, lfirst(asked), &columns);
		foreach (asked, request->filters)
			is_possible = is_possible && add_needed(records, ((SmkFilter *) lfirst(asked))->by, &columns);
		if (is_possible)
			appendStringInfo(&variants, "%s%s", variants.len ? "\nUNION ALL\n" : "",
							 goals_of(records, measure->column, has_exactly(records, columns), 1));
		for (size_t i = 0; is_plain && i < lengthof(goal_dimensions); i++)
		{
			records = smk_records(request, &goals, lfirst(cell));
			if (smk_records_column(records, goal_dimensions[i]) == NULL ||
				(measure->column->aggregate != SMK_COUNT && measure->column->aggregate != SMK_SUM))
				continue;
			columns = list_make1(unconstify(char *, goal_dimensions[i]));
			appendStringInfo(&variants, "%s%s", variants.len ? "\nUNION ALL\n" : "",
							 goals_of(records, measure->column, has_exactly(records, columns), i + 2));
		}
	}
	if (variants.len == 0)
		return;
	initStringInfo(&keys);
	if (!request->is_all)
		appendStringInfoString(&keys, ", chosen.period_start");
	smk_part_append_by(request, "chosen.", &keys);
	initStringInfo(&sql);
	appendStringInfo(&sql, "-- goals of %s\nSELECT goal.period_start", measure->column->name);
	smk_part_append_by(request, "goal.", &sql);
	foreach (cell, statement->measures)
	{
		SmkMeasure *other = lfirst(cell);

		if (other->is_available)
			appendStringInfo(&sql, ",\n       %s AS %s",
							 other == measure ? "goal.value" : psprintf("NULL::%s", smk_measure_type(other)),
							 other->name);
	}
	smk_part_append_tail(statement, "NULL::timestamptz", &sql);
	appendStringInfo(
		&sql,
		"\nFROM (\n    SELECT chosen.*, min(chosen.rank) OVER (%s%s) AS best\n    FROM (\n        %s) AS "
		"chosen\n    WHERE chosen.value IS NOT NULL) AS goal\nWHERE goal.rank = goal.best",
		keys.len ? "PARTITION BY " : "", keys.len ? keys.data + 2 : "", smk_sql_indent(variants.data, 8));
	statement->parts = lappend(statement->parts, sql.data);
}
