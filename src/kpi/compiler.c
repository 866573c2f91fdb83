/*
 * compiler.c: a request as one SQL statement: a part a record set, each grouped by period and raw dimensions;
 * their union grouped once more by the dimensions as shown; and expressions over that.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/compiler.h"
#include "kpi/currency.h"
#include "kpi/measure.h"
#include "kpi/records.h"
#include "kpi/source.h"
#include "kpi/stock.h"
#include "kpi/template.h"

/* Makes the parts of one record set. */
static void
compile_set(SmkStatement *statement, const SmkRecordSet *set)
{
	List *additive = NIL;
	List *stock = NIL;
	ListCell *cell;
	ListCell *source;

	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (!measure->is_available || measure->column->records != set)
			continue;
		if (measure->column->aggregate == SMK_STOCK)
			stock = lappend(stock, measure);
		else if (measure->column->aggregate == SMK_MEDIAN)
			foreach (source, smk_measure_records(statement, set))
				smk_part(statement, lfirst(source), list_make1(measure));
		else
			additive = lappend(additive, measure);
	}
	if (additive)
		foreach (source, smk_measure_records(statement, set))
			smk_part(statement, lfirst(source), additive);
	if (stock)
		foreach (source, smk_measure_records(statement, set))
			smk_stock_part(statement, lfirst(source), stock);
}

/* Notes the measures that a template over measures needs, by the request's basis. */
static void
statement_need(SmkStatement *statement, const char *template)
{
	ListCell *cell;

	foreach (cell, smk_template_names(NIL, template))
	{
		const SmkColumn *column =
			smk_kpi_column(statement->request->kpi, lfirst(cell), statement->request->basis);
		SmkMeasure *measure;
		ListCell *known;

		if (column == NULL)
			elog(ERROR, "template \"%s\" names no column of %s", template, statement->request->kpi->name);
		if (column->aggregate == SMK_RATIO)
		{
			statement_need(statement, smk_column_template(statement->request->kpi, column));
			continue;
		}
		foreach (known, statement->measures)
			if (((SmkMeasure *) lfirst(known))->column == column)
				break;
		if (known != NULL)
			continue;
		measure = palloc(sizeof(SmkMeasure));
		measure->column = column;
		measure->name = column->name;
		measure->is_available = smk_measure_is_available(statement, column);
		if (measure->is_available && smk_measure_has_currency(statement, column))
			statement->has_currencies = true;
		statement->measures = lappend(statement->measures, measure);
	}
}

/* A measure in the last level of the statement: its column, or NULL where nothing that is bound gives it. */
static char *
replace_measure(void *state, const char *name)
{
	SmkStatement *statement = state;
	const SmkColumn *column = smk_kpi_column(statement->request->kpi, name, statement->request->basis);
	ListCell *cell;

	if (column->aggregate == SMK_RATIO)
		return psprintf("(%s)", smk_template_replace(smk_column_template(statement->request->kpi, column),
													 replace_measure, statement));
	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (measure->column == column && measure->is_available)
			return psprintf("cell.%s", name);
	}
	return psprintf("NULL::%s", smk_unit_type(column->unit));
}

/* SQL for the boolean that marks clipped and running periods. */
static char *
compile_is_partial(const SmkRequest *request)
{
	StringInfoData sql;

	if (request->is_all)
		return pstrdup(request->partial_from < request->end ? "true" : "false");
	initStringInfo(&sql);
	if (request->partial_first != DATEVAL_NOEND && request->partial_first < request->partial_from)
		appendStringInfo(&sql, "cell.period_start = %s", smk_date_literal(request->partial_first));
	if (request->partial_from < request->end)
		appendStringInfo(&sql, "%scell.period_start >= %s", sql.len ? " OR " : "",
						 smk_date_literal(request->partial_from));
	return sql.len ? sql.data : pstrdup("false");
}

/* SQL for the relation of all periods of the range. */
static char *
compile_periods(const SmkRequest *request)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfo(
		&sql,
		"(SELECT day::date AS period_start\n"
		" FROM generate_series(timestamp %s, timestamp %s - interval '1 day', interval '%s') AS day",
		smk_date_literal(request->first) + 5, smk_date_literal(request->end) + 5,
		smk_period_step(request->period));
	/* A day that the zone skipped is no period. */
	foreach (cell, request->skipped)
		appendStringInfo(&sql, "%sday::date <> %s",
						 cell == list_head(request->skipped) ? "\n WHERE " : " AND ",
						 smk_date_literal(lfirst_int(cell)));
	appendStringInfoString(&sql, ") AS period");
	return sql.data;
}

/* The level that adds the parts up: one row a cell. */
static char *
compile_cells(const SmkStatement *statement)
{
	const SmkRequest *request = statement->request;
	bool all_periods = !request->is_all && request->by == NIL;
	StringInfoData sql;
	StringInfoData keys;
	StringInfoData parts;
	ListCell *cell;

	initStringInfo(&sql);
	initStringInfo(&keys);
	initStringInfo(&parts);
	foreach (cell, statement->parts)
		appendStringInfo(&parts, "%s%s", parts.len ? "\nUNION ALL\n" : "", (char *) lfirst(cell));
	if (!request->is_all)
		appendStringInfoString(&keys, all_periods ? ", period.period_start" : ", part.period_start");
	smk_part_append_by(request, "part.", &keys);

	appendStringInfo(&sql, "SELECT %s", keys.len ? keys.data + 2 : "count(*) AS rows");
	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);
		const char *name = measure->name;

		if (!measure->is_available)
			continue;
		if (measure->column->aggregate == SMK_MEDIAN)
			appendStringInfo(&sql, ",\n       max(part.%s) AS %s", name, name);
		else if (statement->has_currencies && measure->column->aggregate == SMK_SUM)
			appendStringInfo(&sql, ",\n       %s::numeric AS %s", smk_currency_sum(statement, measure), name);
		else
			appendStringInfo(&sql, ",\n       coalesce(sum(part.%s), 0)::%s AS %s", name,
							 smk_unit_type(measure->column->unit), name);
	}
	if (smk_part_wants_first(request) && parts.len)
		appendStringInfoString(&sql, ",\n       min(part.first_at) AS first_at");
	if (all_periods)
		appendStringInfo(&sql, "\nFROM %s", smk_sql_indent(compile_periods(request), 5));
	if (parts.len)
	{
		char *source = statement->has_currencies
						   ? smk_currency_level(statement, parts.data)
						   : psprintf("(\n    %s) AS part", smk_sql_indent(parts.data, 4));

		if (all_periods && statement->has_currencies)
			source = psprintf("(\n    SELECT part.*\n    FROM %s) AS part", smk_sql_indent(source, 4));
		appendStringInfo(
			&sql, all_periods ? "\nLEFT JOIN %s ON part.period_start = period.period_start" : "\nFROM %s",
			source);
	}
	if (!parts.len && !all_periods)
		/* Nothing that is bound gives anything: no cell. */
		appendStringInfoString(&sql, "\nFROM (SELECT NULL::date AS period_start, NULL::text AS by_1, "
									 "NULL::text AS by_2, NULL::text AS by_3 WHERE false) AS part");
	if (keys.len)
		appendStringInfo(&sql, "\nGROUP BY %s", keys.data + 2);
	return sql.data;
}

/*
 * The statement of a request: period_start, is_partial, the dimensions (by_1 to by_3, or with own_names only
 * those asked for, under their names), then the outputs. Ordered by period, then dimensions in byte order.
 */
char *
smk_compile(const SmkRequest *request, const SmkOutput *outputs, int count, bool own_names)
{
	SmkStatement statement = {0};
	List *sets = NIL;
	ListCell *cell;
	StringInfoData sql;
	StringInfoData order;

	statement.request = request;
	statement.spend_entry = smk_config_entered("spend");
	if (smk_config_binding(request->config, request->kpi->entity) == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("%s needs entity \"%s\", which is not bound", request->kpi->name,
							   request->kpi->entity),
						errhint("Say where it is: SELECT smarketing.bind('%s', 'schema.table', '{...}').",
								request->kpi->entity)));
	for (int i = 0; i < count; i++)
		statement_need(&statement, outputs[i].template);
	foreach (cell, statement.measures)
		sets = list_append_unique_ptr(
			sets, unconstify(SmkRecordSet *, ((SmkMeasure *) lfirst(cell))->column->records));
	foreach (cell, sets)
		compile_set(&statement, lfirst(cell));

	initStringInfo(&sql);
	initStringInfo(&order);
	if (!request->is_all)
		appendStringInfoString(&sql, "SELECT cell.period_start");
	else if (request->has_since)
		appendStringInfo(&sql, "SELECT %s AS period_start", smk_date_literal(request->first));
	else if (statement.parts != NIL)
		appendStringInfo(&sql, "SELECT (min(cell.first_at) OVER () AT TIME ZONE %s)::date AS period_start",
						 quote_literal_cstr(request->time_zone));
	else
		appendStringInfoString(&sql, "SELECT NULL::date AS period_start");
	appendStringInfo(&sql, ", %s AS is_partial", compile_is_partial(request));
	for (int i = 0; i < SMK_MAX_BY; i++)
	{
		bool is_there = i < list_length(request->by);

		if (is_there)
			appendStringInfo(&order, ", cell.by_%d COLLATE \"C\"", i + 1);
		if (own_names && is_there)
			appendStringInfo(&sql, ", cell.by_%d AS %s", i + 1,
							 quote_identifier(((SmkBy *) list_nth(request->by, i))->name));
		else if (!own_names && is_there)
			appendStringInfo(&sql, ", cell.by_%d", i + 1);
		else if (!own_names)
			appendStringInfo(&sql, ", NULL::text AS by_%d", i + 1);
	}
	for (int i = 0; i < count; i++)
	{
		const SmkOutput *output = &outputs[i];
		char *value = output->template ? smk_template_replace(output->template, replace_measure, &statement)
									   : pstrdup("NULL");

		if (output->cast_to)
			value = psprintf("(%s)::%s", value, output->cast_to);
		if (strcmp(value, psprintf("cell.%s", output->name)) == 0)
			appendStringInfo(&sql, ",\n       %s", value);
		else
			appendStringInfo(&sql, ",\n       %s AS %s", value, output->name);
	}
	appendStringInfo(&sql, "\nFROM (\n    %s) AS cell", smk_sql_indent(compile_cells(&statement), 4));
	if (!request->is_all)
		appendStringInfo(&sql, "\nORDER BY cell.period_start%s", order.data);
	else if (order.len)
		appendStringInfo(&sql, "\nORDER BY %s", order.data + 2);
	return sql.data;
}
