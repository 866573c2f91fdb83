/*
 * goal.c: the goals of a metric. A row covers its period. Of what can be added up over time a cell's goal is
 * the sum of the rows that cover it, pro rata by local days; of the rest it is that of the very period. With
 * dimensions the rows count that have exactly these, and only where there are none, those whose owner has
 * them: the goals of a team's reps; without, those that have none, and only where there are none, those that
 * have one.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "crm/reserved.h"
#include "kpi/dimension.h"
#include "kpi/goal.h"
#include "kpi/source.h"
#include "kpi/template.h"

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
							 smk_names_include(columns, goal_dimensions[i]) ? "NOT NULL" : "NULL");
	}
	foreach (cell, records->request->config->dimensions)
	{
		SmkDimension *dimension = lfirst(cell);

		if (!records->binding->is_own && dimension->columns[records->binding->entity - smk_entities].text)
		{
			SmkBy by = {dimension->name, dimension, NIL};

			appendStringInfo(&sql, "\n   AND %s IS %s", smk_records_dimension(records, &by, "goal"),
							 smk_names_include(columns, dimension->name) ? "NOT NULL" : "NULL");
		}
	}
	return sql.data;
}

/* SQL for an array of all dimensions that a goal has: goals with the same ones must not overlap. */
static char *
all_dimensions(SmkRecords *records)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(goal_dimensions); i++)
	{
		char *column = smk_records_column(records, goal_dimensions[i]);

		/* As they are shown: two spellings of one owner are one owner. */
		if (smk_dimension_is_built_in(goal_dimensions[i]))
			column = smk_dimension_text(records->request,
										smk_request_by(records->request->config, goal_dimensions[i]),
										column ? column : "NULL");
		appendStringInfo(&sql, "%s%s::text", i ? ", " : "", column ? column : "NULL");
	}
	foreach (cell, records->request->config->dimensions)
	{
		SmkDimension *dimension = lfirst(cell);
		bool has =
			!records->binding->is_own && dimension->columns[records->binding->entity - smk_entities].text;
		SmkBy by = {dimension->name, dimension, NIL};

		appendStringInfo(&sql, ", %s", has ? smk_records_dimension(records, &by, "goal") : "NULL::text");
	}
	return psprintf("ARRAY[%s]", sql.data);
}

/* SQL for the share of goal.value that falls on a period, from begins until ends; NULL where it does not
 * count. */
static char *
goal_share(const SmkRequest *request, const SmkColumn *column)
{
	char *cut = smk_moment_clocks(request, smk_moment_cut(request));
	char *begins =
		request->is_all
			? request->has_since ? smk_moment_clocks(request, smk_moment_since(request)) : "goal.begins_on"
			: psprintf("greatest(period.period_start, %s)",
					   smk_moment_clocks(request, smk_moment_since(request)));
	char *ends = request->is_all ? cut
								 : psprintf("least(%s, %s)",
											smk_request_period_end_of(request, "period.period_start"), cut);

	if (smk_column_is_additive(column))
		return psprintf("goal.value * greatest(extract(epoch FROM least(%s, goal.ends_on) - greatest(%s, "
						"goal.begins_on)), 0)\n        / extract(epoch FROM goal.ends_on::timestamp - "
						"goal.begins_on::timestamp)",
						ends, begins);
	if (request->is_all)
		return psprintf("CASE WHEN goal.begins_on = %s AND goal.ends_on = %s THEN goal.value END", begins,
						smk_moment_clocks(request, smk_moment_until(request)));
	return psprintf(
		"CASE WHEN goal.begins_on = period.period_start AND goal.ends_on = %s THEN goal.value END",
		smk_request_period_end_of(request, "period.period_start"));
}

/* The goals of one source that have exactly these dimensions. */
static char *
goals_of(SmkRecords *records, const SmkColumn *column, const char *pattern)
{
	const SmkRequest *request = records->request;
	char *starts = smk_records_column(records, "starts_on");
	char *period = smk_records_column(records, "period");
	int fiscal = request->config->fiscal_year_start;
	StringInfoData sql;

	if (!smk_records_at_is_date(records))
		starts = psprintf("smarketing.period_start('day', %s, %s)", starts,
						  quote_literal_cstr(request->time_zone));
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT smarketing.period_start(%s, %s, %d) AS begins_on, smarketing.period_end(%s, %s, "
					 "%d) AS ends_on,\n"
					 "    %s AS value, %s AS metric, %s AS dimensions",
					 period, starts, fiscal, period, starts, fiscal, smk_records_column(records, "value"),
					 smk_records_column(records, "metric"), all_dimensions(records));
	for (int i = 0; i < list_length(request->by); i++)
	{
		SmkBy *by = list_nth(request->by, i);

		appendStringInfo(&sql, ", %s AS by_%d",
						 smk_dimension_text(request, by, smk_records_dimension(records, by, "goal")), i + 1);
	}
	appendStringInfo(&sql, "\n%s",
					 smk_records_from(records, "goal", true,
									  psprintf("smarketing.metric_name(%s) = '%s.%s'%s",
											   smk_records_column(records, "metric"), request->kpi->name,
											   column->name, pattern)));
	return sql.data;
}

/* The goals of all sources that have the same dimensions, cut into the periods. */
static char *
goals_by_period(const SmkRequest *request, const SmkColumn *column, const char *sources, int rank)
{
	const char *overlaps;
	StringInfoData inner;
	StringInfoData sql;

	/* What adds up over time must not be set twice for a day; the rest has a goal for each kind of period. */
	if (smk_column_is_additive(column))
		overlaps = "goal.begins_on < max(goal.ends_on) OVER (PARTITION BY goal.dimensions\n"
				   "            ORDER BY goal.begins_on, goal.ends_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 "
				   "PRECEDING)";
	else
		overlaps = "count(*) OVER (PARTITION BY goal.dimensions, goal.begins_on, goal.ends_on) > 1";
	initStringInfo(&inner);
	appendStringInfoString(&inner, "SELECT goal.begins_on, goal.ends_on");
	smk_part_append_by(request, "goal.", &inner);
	appendStringInfo(&inner,
					 ",\n    smarketing.goal_alone(goal.value, goal.metric, goal.begins_on,\n"
					 "        %s) AS value\nFROM (\n    %s) AS goal",
					 overlaps, smk_sql_indent(sources, 4));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS period_start",
					 request->is_all ? "NULL::date" : "period.period_start");
	smk_part_append_by(request, "goal.", &sql);
	appendStringInfo(&sql, ", %d AS rank,\n    %s AS value\nFROM (\n    %s) AS goal", rank,
					 goal_share(request, column), smk_sql_indent(inner.data, 4));
	/* A goal of another time is none of this range. */
	if (request->is_all)
	{
		appendStringInfo(&sql, "\nWHERE goal.begins_on <= %s",
						 smk_moment_date(request, smk_moment_later(smk_moment_until(request), -1)));
		if (request->has_since)
			appendStringInfo(&sql, " AND goal.ends_on > %s",
							 smk_moment_date(request, smk_moment_since(request)));
	}
	else
		appendStringInfo(
			&sql,
			"\nCROSS JOIN LATERAL (\n    SELECT day::date AS period_start\n    FROM "
			"generate_series(%s::timestamp,"
			"\n        (least(goal.ends_on, %s) - 1)::timestamp, interval '%s') AS day) AS period",
			smk_request_bucket_of(request,
								  psprintf("greatest(goal.begins_on, %s)", smk_moment_first_period(request))),
			smk_moment_end_of_periods(request), smk_period_step(request->period));
	return sql.data;
}

/*
 * The dimensions that a goal must have, and no others, to count for the request: those that it asks for.
 * Where through is given, what that linked entity tells counts as what it is found by: the team of the owner.
 * False where goals cannot have them.
 */
static bool
needed_dimensions(SmkRecords *records, const char *through, List **columns)
{
	const SmkRequest *request = records->request;
	bool is_found = through == NULL;
	List *asked = list_copy(request->by);
	ListCell *cell;

	*columns = NIL;
	foreach (cell, request->filters)
		asked = lappend(asked, ((SmkFilter *) lfirst(cell))->by);
	foreach (cell, asked)
	{
		const SmkBy *by = lfirst(cell);
		char *nearest = smk_dimension_first_column(records, by);
		char *column;

		records->through = through;
		column = smk_dimension_first_column(records, by);
		records->through = NULL;
		if (column == NULL)
			return false;
		is_found = is_found || strcmp(column, nearest) != 0;
		*columns = lappend(*columns, column);
	}
	records->through = through;
	return is_found;
}

/* The dimension at a position, the user's after the built-in ones, where these goals have it; else NULL. */
static const char *
dimension_alone(SmkRecords *records, int position)
{
	List *dimensions = records->request->config->dimensions;
	SmkDimension *dimension;

	if (position < (int) lengthof(goal_dimensions))
		return smk_records_column(records, goal_dimensions[position]) ? goal_dimensions[position] : NULL;
	dimension = list_nth(dimensions, position - (int) lengthof(goal_dimensions));
	return !records->binding->is_own && dimension->columns[records->binding->entity - smk_entities].text
			   ? dimension->name
			   : NULL;
}

/* One way of choosing goals: those that have the dimensions asked for, by themselves (rank 1) or by their
 * owner (2); or of a call without any those that have one dimension alone. Empty where there is none. */
static char *
goals_of_rank(const SmkRequest *request, const SmkColumn *column, int rank)
{
	StringInfoData sources;
	ListCell *cell;

	initStringInfo(&sources);
	foreach (cell, goal_bindings(request))
	{
		SmkRecords *records = smk_records(request, &goals, lfirst(cell));
		List *columns;

		if (rank > 2)
		{
			const char *alone = dimension_alone(records, rank - 3);

			if (alone == NULL)
				continue;
			columns = list_make1(unconstify(char *, alone));
		}
		else if (!needed_dimensions(records, rank == 2 ? "owner" : NULL, &columns))
			continue;
		appendStringInfo(&sources, "%s%s", sources.len ? "\nUNION ALL\n" : "",
						 goals_of(records, column, has_exactly(records, columns)));
	}
	return sources.len ? goals_by_period(request, column, sources.data, rank) : "";
}

/* Adds the goals of a metric to the statement. */
void
smk_goal_part(SmkStatement *statement, const SmkMeasure *measure)
{
	const SmkRequest *request = statement->request;
	const SmkColumn *column = measure->column;
	bool adds_up =
		smk_column_is_additive(column) || smk_column_is_money(column) || smk_column_is_at_close(column);
	int alone = (int) lengthof(goal_dimensions) + list_length(request->config->dimensions);
	int last = !adds_up ? 1 : request->by == NIL && request->filters == NIL ? alone + 2 : 2;
	StringInfoData variants;
	StringInfoData sql;
	StringInfoData keys;
	ListCell *cell;

	initStringInfo(&variants);
	for (int rank = 1; rank <= last; rank++)
	{
		char *goals_found = goals_of_rank(request, column, rank);

		if (goals_found[0] != '\0')
			appendStringInfo(&variants, "%s%s", variants.len ? "\nUNION ALL\n" : "", goals_found);
	}
	/* The statement has the column, also where no goal can have the dimensions. */
	if (variants.len == 0)
	{
		appendStringInfoString(&variants, "SELECT NULL::date AS period_start");
		for (int i = 0; i < list_length(request->by); i++)
			appendStringInfo(&variants, ", NULL::text AS by_%d", i + 1);
		appendStringInfoString(&variants, ", 1 AS rank, NULL::numeric AS value WHERE false");
	}
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

PG_FUNCTION_INFO_V1(smk_check_goal_entry);

/* The trigger of goal_entry that names what its constraints refuse: the constraints alone would not say what
 * they take. */
Datum
smk_check_goal_entry(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple row;
	TupleDesc columns;
	char *metric;
	char *period;
	SmkPeriod known;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) !=
			get_relname_relid("goal_entry", get_namespace_oid("smarketing", false)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("check_goal_entry is a trigger of smarketing.goal_entry")));
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	columns = RelationGetDescr(trigger->tg_relation);
	metric = SPI_getvalue(row, columns, SPI_fnumber(columns, "metric"));
	period = SPI_getvalue(row, columns, SPI_fnumber(columns, "period"));
	if (metric && !smk_metric_is_known(metric))
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg("metric \"%s\" does not exist", metric),
						errhint("SELECT metric, label_en FROM smarketing.metrics lists the metrics."),
						errtable(trigger->tg_relation)));
	if (period && (!smk_period_parse(period, &known) || strcmp(period, "all") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION), errmsg("period \"%s\" is none that a goal has", period),
				 errhint("Periods of goals: day, week, month, quarter, year, fiscal_quarter, fiscal_year."),
				 errtable(trigger->tg_relation)));
	for (int i = 0; i < 2; i++)
	{
		const char *name = i == 0 ? "value" : "starts_on";
		char *text = SPI_getvalue(row, columns, SPI_fnumber(columns, name));

		if (text && (strcmp(text, "NaN") == 0 || strcasecmp(text, "infinity") == 0 ||
					 strcasecmp(text, "-infinity") == 0))
			ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
							errmsg("%s of a goal of metric \"%s\" is %s", name, metric ? metric : "", text),
							errhint(i == 0 ? "A goal is a number that can be reached."
										   : "Give a day of the period that the goal covers."),
							errtable(trigger->tg_relation)));
	}
	return PointerGetDatum(row);
}
