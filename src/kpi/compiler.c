/*
 * compiler.c: a request as one SQL statement: a part a record set, each grouped by period and raw dimensions;
 * their union grouped once more by the dimensions as shown; and expressions over that.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/allocation.h"
#include "attribution/attribution_arguments.h"
#include "kpi/compiler.h"
#include "kpi/credit.h"
#include "kpi/currency.h"
#include "kpi/customer.h"
#include "kpi/goal.h"
#include "kpi/lead_handover.h"
#include "kpi/measure.h"
#include "kpi/records.h"
#include "kpi/retention_part.h"
#include "kpi/source.h"
#include "kpi/stock.h"
#include "kpi/template.h"

/* A part over another range, as rows of the periods whose figures these are. */
static char *
part_for_targets(const SmkStatement *statement, const char *part, const char *targets)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT target.period_start");
	smk_part_append_by(statement->request, "part.", &sql);
	foreach (cell, statement->measures)
		if (((SmkMeasure *) lfirst(cell))->is_available)
			appendStringInfo(&sql, ", part.%s", ((SmkMeasure *) lfirst(cell))->name);
	if (smk_part_wants_first(statement->request))
		appendStringInfoString(&sql, ", part.first_at");
	if (statement->has_currencies)
		appendStringInfoString(&sql, ", part.currency, part.rate_on, part.rate");
	appendStringInfo(&sql, "\nFROM (\n    %s) AS part\nCROSS JOIN LATERAL (\n    %s) AS target",
					 smk_sql_indent(part, 4), targets);
	return sql.data;
}

/*
 * True where what a measure reads of each record is dear: what became of a lead that was handed over. Then
 * medians share a pass with the counts, which could do with workers without them.
 */
static bool
is_dear(const SmkColumn *column)
{
	ListCell *cell;

	foreach (cell, smk_template_names(smk_template_names(NIL, column->value), column->condition))
		if (smk_lead_handover_is_column(lfirst(cell)))
			return true;
	return false;
}

/* The same of any of them. */
static bool
are_dear(List *measures)
{
	ListCell *cell;

	foreach (cell, measures)
		if (is_dear(((SmkMeasure *) lfirst(cell))->column))
			return true;
	return false;
}

/* True where several ranges of a measure can be read at once: it is made of the records of each alone. */
static bool
can_be_at_once(const SmkRequest *request, const SmkMeasure *measure)
{
	const SmkColumn *column = measure->column;

	/* Where a rate may be missing, it is to a range. */
	if (column->aggregate == SMK_MOVEMENT)
		return !(request->config->currency && request->config->missing_rate_is_null);
	return !smk_column_is_at_close(column) && !smk_column_is_by_period(column) &&
		   (!smk_column_is_ordered(column) || is_dear(column));
}

/*
 * Makes one part of a record set for all that is compared in one row, where reading the ranges at once is
 * less work: the measures count the records of their own.
 */
static void
compile_set_at_once(SmkStatement *statement, const SmkRecordSet *set)
{
	const SmkRequest *request = statement->request;
	SmkRequest *whole;
	List *ranges = NIL;
	List *given = NIL;
	List *own = NIL; /* of the measures' requests */
	List *sources;
	ListCell *cell;

	if (!request->is_all || request->is_same_age || smk_credit_is_of_range(request, set))
		return;
	for (SmkShift shift = SMK_SHIFT_NONE; shift <= SMK_SHIFT_TRAILING; shift++)
	{
		List *shifted = NIL;

		foreach (cell, statement->measures)
		{
			SmkMeasure *measure = lfirst(cell);

			if (!measure->is_available || measure->shift != shift || measure->column->records != set ||
				!can_be_at_once(request, measure))
				continue;
			if (shifted == NIL)
				shifted = smk_shift_ranges(request, shift, false);
			given = lappend(given, measure);
			own = lappend(own, ((SmkShifted *) linitial(shifted))->request);
		}
		ranges = list_concat(ranges, shifted);
	}
	whole = smk_shift_union(request, ranges);
	if (whole == NULL)
		return;
	sources = smk_measure_records(statement, whole, set);
	foreach (cell, sources)
		/* Of a lump each range has its own share. */
		if (((SmkRecords *) lfirst(cell))->lumps != SMK_LUMPS_ALIKE || smk_allocation(lfirst(cell)) != NULL)
			return;
	for (int i = 0; i < list_length(given); i++)
		((SmkMeasure *) list_nth(given, i))->range = list_nth(own, i);
	foreach (cell, sources)
		if (((SmkMeasure *) linitial(given))->column->aggregate == SMK_MOVEMENT)
			smk_retention_part(statement, lfirst(cell), given);
		else
			smk_part(statement, lfirst(cell), given);
}

/* Makes the parts of one record set for one shift. */
static void
compile_set(SmkStatement *statement, const SmkRecordSet *set, SmkShift shift)
{
	List *additive = NIL;
	List *stock = NIL;
	List *median = NIL;
	List *movements = NIL;
	List *alone = NIL; /* of lists of measures that share a part */
	ListCell *cell;
	ListCell *range;
	ListCell *source;

	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (!measure->is_available || measure->shift != shift || measure->column->records != set ||
			measure->range != NULL)
			continue;
		if (smk_column_is_at_close(measure->column))
			stock = lappend(stock, measure);
		else if (smk_column_is_ordered(measure->column))
			median = lappend(median, measure);
		else if (measure->column->aggregate == SMK_MOVEMENT)
			movements = lappend(movements, measure);
		else
			additive = lappend(additive, measure);
	}
	if (additive && median && (are_dear(additive) || are_dear(median)))
	{
		additive = list_concat(additive, median);
		median = NIL;
	}
	if (additive)
		alone = lappend(alone, additive);
	if (median)
		alone = lappend(alone, median);
	foreach (range, additive || stock || alone || movements
						? smk_shift_ranges(statement->request, shift, stock != NIL || movements != NIL)
						: NIL)
	{
		SmkShifted *shifted = lfirst(range);
		int before = list_length(statement->parts);

		foreach (cell, alone)
			foreach (source, smk_measure_records(statement, shifted->request, set))
			{
				SmkRecords *records = lfirst(source);
				SmkAllocation *allocation = smk_allocation(records);

				if (allocation == NULL)
					smk_part(statement, records, lfirst(cell));
				else if (records->lumps != SMK_LUMPS_ONLY) /* which come with the others of their source */
					smk_allocation_part(statement, allocation, lfirst(cell));
			}
		if (stock)
			foreach (source, smk_measure_records(statement, shifted->request, set))
				smk_stock_part(statement, lfirst(source), stock);
		if (movements)
			foreach (source, smk_measure_records(statement, shifted->request, set))
				smk_retention_part(statement, lfirst(source), movements);
		if (shifted->targets)
			for (int i = before; i < list_length(statement->parts); i++)
				lfirst(list_nth_cell(statement->parts, i)) =
					part_for_targets(statement, list_nth(statement->parts, i), shifted->targets);
	}
}

/* Without options.within, so long after its end a period is mature. */
#define MATURE_AFTER (90 * USECS_PER_DAY)

/*
 * SQL for the boolean that marks periods of which every lead had its time: as long after the end as within
 * says.
 */
static char *
compile_is_mature(const SmkRequest *request)
{
	SmkMoment moment =
		smk_moment_later(smk_moment_now(request), -(request->has_within ? request->within : MATURE_AFTER));
	TimestampTz before = moment.at;
	DateADT date = request->first;

	if (request->is_all)
		return pstrdup(request->until <= before ? "true" : "false");
	if (request->is_moving)
		return psprintf("cell.period_start < %s", smk_moment_period(request, moment));
	while (date < request->end)
	{
		DateADT next = smk_period_next(request->period, date, request->config->fiscal_year_start);

		if (smk_zone_first_instant(request->zone, next) > before)
			break;
		date = next;
	}
	return psprintf("cell.period_start < %s", smk_date_literal(date));
}

/* SQL for how many months a period has; of days and of a range their share of a month of 365.25 / 12 days. */
static char *
period_months(const SmkRequest *request)
{
	int days;

	if (!request->is_all)
		switch (request->period)
		{
			case SMK_DAY:
				return pstrdup("(12 / 365.25)");
			case SMK_WEEK:
				return pstrdup("(7 * 12 / 365.25)");
			case SMK_MONTH:
				return pstrdup("1");
			case SMK_QUARTER:
			case SMK_FISCAL_QUARTER:
				return pstrdup("3");
			case SMK_YEAR:
			case SMK_FISCAL_YEAR:
				return pstrdup("12");
		}
	/* From the first record on nobody knows how long customers stayed. */
	if (!request->has_since)
		return pstrdup("NULL::numeric");
	days = smk_zone_local_date(request->zone, Min(request->until, request->now)) -
		   smk_zone_local_date(request->zone, request->since);
	return psprintf("(%d * 12 / 365.25)", days);
}

/* SQL for a name in a template over measures that is none: the same for all records; or NULL. */
static char *
statement_constant(const SmkRequest *request, const char *name)
{
	if (strcmp(name, "margin") == 0)
		return psprintf("%s::numeric", request->margin ? request->margin : "1");
	if (strcmp(name, "period_months") == 0)
		return period_months(request);
	if (strcmp(name, "period_is_mature") == 0)
		return compile_is_mature(request);
	return NULL;
}

/* Notes the measures that a template over measures needs, by the request's basis, under a shift. */
static void
statement_need(SmkStatement *statement, const char *template, SmkShift outer)
{
	const SmkRequest *request = statement->request;
	ListCell *cell;

	foreach (cell, smk_template_names(NIL, template))
	{
		const char *name;
		SmkShift shift = smk_shift_parse(lfirst(cell), &name);
		const SmkColumn *column = smk_kpi_column(request->kpi, name, request->basis);
		SmkMeasure *measure;
		ListCell *known;

		if (statement_constant(request, name) != NULL)
			continue;
		if (shift == SMK_SHIFT_NONE)
			shift = outer;
		if (column == NULL)
			elog(ERROR, "template \"%s\" names no column of %s", template, request->kpi->name);
		if (column->aggregate == SMK_RATIO && shift != SMK_SHIFT_GOAL)
		{
			statement_need(statement, smk_column_template(request->kpi, column), shift);
			continue;
		}
		foreach (known, statement->measures)
			if (((SmkMeasure *) lfirst(known))->column == column &&
				((SmkMeasure *) lfirst(known))->shift == shift)
				break;
		if (known != NULL)
			continue;
		measure = palloc0(sizeof(SmkMeasure));
		measure->column = column;
		measure->shift = shift;
		measure->name =
			shift == SMK_SHIFT_NONE ? column->name : psprintf("%s_%s", smk_shift_name(shift), column->name);
		statement->measures = lappend(statement->measures, measure);
		/* What is stored is read without a look at the CRM, on which the reader may have no right. */
		if (statement->is_over_parts)
		{
			measure->is_available = true;
			continue;
		}
		measure->entity = column->records ? smk_customer_source(request, column->records->entity) : NULL;
		measure->is_available = shift == SMK_SHIFT_GOAL ? smk_goal_is_available(request)
														: smk_measure_is_available(statement, column);
		if (shift == SMK_SHIFT_GOAL)
			continue;
		/* For a range without a beginning nothing was before. */
		if (shift != SMK_SHIFT_NONE &&
			smk_shift_ranges(request, shift, smk_column_is_at_close(column)) == NIL)
			measure->is_available = false;
		if (measure->is_available && smk_measure_has_currency(statement, column))
			statement->has_currencies = true;
		if (measure->is_available && shift != SMK_SHIFT_NONE)
			statement->dated =
				list_append_unique_ptr(statement->dated, unconstify(SmkRecordSet *, column->records));
	}
}

/* The position of a record set among those of which it matters when they begin. */
static int
dated_position(const SmkStatement *statement, const SmkRecordSet *set)
{
	for (int i = 0; i < list_length(statement->dated); i++)
		if (list_nth(statement->dated, i) == set)
			return i + 1;
	return 0;
}

typedef struct Outer
{
	SmkStatement *statement;
	SmkShift shift;
} Outer;

/* SQL for a sum of spend where a cell may be what is not attributed: there is none there, which is not 0. */
static char *
in_attributed_cell(const SmkRequest *request, const SmkColumn *column, char *value)
{
	StringInfoData sql;
	int n = 0;
	ListCell *cell;

	if (request->is_raw || strcmp(request->kpi->entity ? request->kpi->entity : "", "credit") != 0 ||
		strcmp(column->records ? column->records->entity : "", "spend") != 0)
		return value;
	initStringInfo(&sql);
	foreach (cell, request->by)
	{
		n++;
		if (smk_credit_is_of_touch(lfirst(cell)))
			appendStringInfo(&sql, "%scell.by_%d = '" SMK_UNATTRIBUTED "'", sql.len ? " OR " : "", n);
	}
	return sql.len ? psprintf("CASE WHEN NOT (%s) THEN %s END", sql.data, value) : value;
}

/* A measure in the last level of the statement: its column, or NULL where nothing that is bound gives it. */
static char *
replace_measure(void *state, const char *written)
{
	Outer *outer = state;
	SmkStatement *statement = outer->statement;
	const SmkRequest *request = statement->request;
	const char *name;
	Outer inner = {statement, smk_shift_parse(written, &name)};
	const SmkColumn *column = smk_kpi_column(request->kpi, name, request->basis);
	char *constant = statement_constant(request, name);
	ListCell *cell;

	if (constant != NULL)
		return constant;
	if (inner.shift == SMK_SHIFT_NONE)
		inner.shift = outer->shift;
	if (column->aggregate == SMK_RATIO && inner.shift != SMK_SHIFT_GOAL)
		return psprintf(
			"(%s)", smk_template_replace(smk_column_template(request->kpi, column), replace_measure, &inner));
	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (measure->column != column || measure->shift != inner.shift || !measure->is_available)
			continue;
		if (measure->shift == SMK_SHIFT_NONE || measure->shift == SMK_SHIFT_GOAL || statement->is_over_parts)
			return in_attributed_cell(request, column, psprintf("cell.%s", measure->name));
		return psprintf(
			"CASE WHEN %s THEN cell.%s END",
			smk_shift_known(request, measure->shift,
							psprintf("data.begins_on_%d", dated_position(statement, column->records))),
			measure->name);
	}
	return psprintf("NULL::%s", inner.shift == SMK_SHIFT_GOAL ? "numeric" : smk_unit_type(column->unit));
}

/* SQL for the boolean that marks clipped and running periods, given SQL for the start of a period. */
char *
smk_compile_is_partial(const SmkRequest *request, const char *start)
{
	StringInfoData sql;

	if (request->is_all)
		return pstrdup(request->partial_from < request->end ? "true" : "false");
	initStringInfo(&sql);
	if (request->partial_first != DATEVAL_NOEND && request->partial_first < request->partial_from)
		appendStringInfo(&sql, "%s = %s", start, smk_date_literal(request->partial_first));
	if (request->partial_from < request->end)
		appendStringInfo(&sql, "%s%s >= %s", sql.len ? " OR " : "", start,
						 smk_moment_running_period(request));
	return sql.len ? sql.data : pstrdup("false");
}

/* SQL for the relation of all periods of the range. */
char *
smk_compile_periods(const SmkRequest *request)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "(SELECT day::date AS period_start\n"
					 " FROM generate_series(%s::timestamp, %s - interval '1 day', interval '%s') AS day",
					 smk_moment_first_period(request), smk_moment_end_of_periods(request),
					 smk_period_step(request->period));
	appendStringInfo(&sql, "%s) AS period", smk_request_without_skipped(request));
	return sql.data;
}

/* The level that adds the parts up: one row a cell. */
static char *
compile_cells(const SmkStatement *statement)
{
	const SmkRequest *request = statement->request;
	bool all_periods = !request->is_all && !request->is_sparse && request->by == NIL;
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
		if (measure->shift == SMK_SHIFT_GOAL)
			appendStringInfo(&sql, ",\n       sum(part.%s) AS %s", name, name);
		else if (smk_column_is_ordered(measure->column))
			appendStringInfo(&sql, ",\n       max(part.%s) AS %s", name, name);
		else if (measure->column->aggregate == SMK_SUMMARY)
			appendStringInfo(&sql, ",\n       smarketing.merge(part.%s) AS %s", name, name);
		else if (statement->has_currencies && smk_column_is_of_amounts(measure->column))
			appendStringInfo(&sql, ",\n       %s::%s AS %s", smk_currency_sum(statement, measure),
							 smk_measure_type(measure), name);
		else
			appendStringInfo(&sql, ",\n       coalesce(sum(part.%s), 0)::%s AS %s", name,
							 smk_measure_type(measure), name);
	}
	if (smk_part_wants_first(request) && parts.len)
		appendStringInfoString(&sql, ",\n       min(part.first_at) AS first_at");
	if (all_periods)
		appendStringInfo(&sql, "\nFROM %s", smk_sql_indent(smk_compile_periods(request), 5));
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

/* The entity without which there is no KPI, and which is not bound; NULL: there is one. */
const char *
smk_compile_lacking_entity(const SmkRequest *request)
{
	const char *entity = request->kpi->entity ? request->kpi->entity : request->basis;

	if (smk_config_binding(request->config, entity) != NULL ||
		(strcmp(entity, "customer") == 0 && smk_customer_binding(request) != NULL) ||
		(strcmp(entity, "customer_payment") == 0 && smk_customer_payment_binding(request) != NULL) ||
		(strcmp(entity, "credit") == 0 && smk_credit_binding(request) != NULL))
		return NULL;
	return entity;
}

/* Raises an error where the entity is not bound without which there is no KPI. */
void
smk_compile_require_entity(const SmkRequest *request)
{
	const char *entity = smk_compile_lacking_entity(request);
	StringInfoData others;

	if (entity == NULL)
		return;
	if (strcmp(entity, "customer_payment") == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s needs what customers pay, and nothing that is bound tells it", request->kpi->name),
			 errhint("Bind entity \"subscription\", \"opportunity\" with \"won\" and \"closed_at\", or "
					 "\"revenue\", with \"account_id\" and \"amount\"; setting \"customer_basis\" says "
					 "which counts.")));
	if (strcmp(entity, "customer") == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s needs customers, and nothing that is bound makes any", request->kpi->name),
			 errhint("Bind entity \"subscription\", \"opportunity\" with \"won\", \"revenue\", or "
					 "\"account\" with \"customer_since\"; setting \"customer_basis\" says which counts.")));
	if (strcmp(entity, "credit") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs won opportunities and touches, and not both are bound", request->kpi->name),
				 errhint("Bind entity \"opportunity\" with \"won\" and \"closed_at\", and \"touch\", or "
						 "\"lead\" with \"channel\", whose creation is a touch where no others are known.")));
	initStringInfo(&others);
	if (request->kpi->entity == NULL)
		for (int i = 2; request->kpi->bases[i] != NULL; i++)
			appendStringInfo(&others, " Entity \"%s\" will do instead.", request->kpi->bases[i]);
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("%s needs entity \"%s\", which is not bound", request->kpi->name, entity),
					errhint("Say where it is: SELECT smarketing.bind('%s', 'schema.table', '{...}').%s",
							entity, others.data)));
}

/* The level that tells when the data begin: one row, a column a record set. */
static char *
compile_begins(const SmkStatement *statement)
{
	StringInfoData sql;
	int n = 0;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, statement->dated)
	{
		n++;
		appendStringInfo(&sql, "%s(%s) AS begins_on_%d", n > 1 ? ",\n       " : "SELECT ",
						 smk_sql_indent(smk_measure_begins(statement, lfirst(cell)), 8), n);
	}
	/* The fence: pulled up, it would be read once for every column that asks for it. */
	appendStringInfoString(&sql, "\nOFFSET bigint '0'");
	return sql.data;
}

/*
 * The range of all credits that a statement reads, where reading it once is less work; NULL where it is not.
 */
static SmkSharedRows *
share_credits(const SmkStatement *statement)
{
	const SmkRequest *request = statement->request;
	List *ranges = NIL;
	SmkRequest *whole;
	SmkSharedRows *shared;

	if (request->kpi->entity == NULL || strcmp(request->kpi->entity, "credit") != 0 ||
		strcmp(request->basis, "closed") != 0)
		return NULL;
	for (SmkShift shift = SMK_SHIFT_NONE; shift <= SMK_SHIFT_TRAILING; shift++)
	{
		ListCell *cell;

		foreach (cell, statement->measures)
		{
			const SmkMeasure *measure = lfirst(cell);

			if (!measure->is_available || measure->shift != shift || measure->range ||
				measure->column->records == NULL || strcmp(measure->column->records->entity, "credit") != 0)
				continue;
			ranges = list_concat(ranges, smk_shift_ranges(request, shift, false));
			break;
		}
	}
	whole = smk_shift_union(request, ranges);
	if (whole == NULL)
		return NULL;
	shared = palloc0(sizeof(SmkSharedRows));
	shared->whole = whole;
	return shared;
}

/* All customers, who are the same whatever the range, where several are read; else NULL. */
static SmkSharedRows *
share_customers(const SmkStatement *statement)
{
	const SmkRequest *request = statement->request;
	ListCell *cell;

	if (request->kpi->entity == NULL || strcmp(request->kpi->entity, "customer_payment") != 0)
		return NULL;
	foreach (cell, statement->measures)
	{
		const SmkMeasure *measure = lfirst(cell);

		if (measure->shift != SMK_SHIFT_NONE && measure->shift != SMK_SHIFT_GOAL && measure->range == NULL)
			return palloc0(sizeof(SmkSharedRows));
	}
	return NULL;
}

/* A statement with what its parts share, if they do. */
static char *
with_shared(const char *name, const SmkSharedRows *shared, char *sql)
{
	return shared && shared->sql ? psprintf("WITH %s AS MATERIALIZED %s\n%s", name, shared->sql, sql) : sql;
}

/* One output: what is shown of a column of the KPI, or NULL of that type for one that is not known. */
SmkOutput
smk_compile_output(const SmkRequest *request, const char *name, const char *type)
{
	const SmkColumn *column = smk_kpi_column(request->kpi, name, request->basis);
	SmkOutput output;

	output.name = quote_identifier(name);
	output.template = column ? smk_column_template(request->kpi, column) : NULL;
	output.cast_to = column && strcmp(type, smk_unit_type(column->unit)) == 0 ? NULL : type;
	return output;
}

/* All columns of the KPI that are shown, as outputs; palloc'd. */
SmkOutput *
smk_compile_outputs(const SmkRequest *request, int *count)
{
	SmkOutput *outputs;
	int all = 0;

	while (request->kpi->columns[all].name != NULL)
		all++;
	outputs = palloc0(all * sizeof(SmkOutput));
	*count = 0;
	for (const SmkColumn *column = request->kpi->columns; column->name != NULL; column++)
		if ((!column->is_hidden || column->unit == SMK_UNIT_TRUTH) &&
			smk_kpi_column(request->kpi, column->name, NULL) == column)
			outputs[(*count)++] = smk_compile_output(request, column->name, smk_unit_type(column->unit));
	return outputs;
}

/* A metric, and what it was divided from, as three outputs; gives their number. */
int
smk_compile_metric_outputs(const SmkRequest *request, const SmkColumn *named, SmkOutput *outputs)
{
	const SmkKpi *kpi = request->kpi;
	const SmkColumn *column = smk_kpi_column(kpi, named->name, request->basis);

	outputs[0] = (SmkOutput){"value", smk_column_template(kpi, column), "numeric"};
	outputs[1] = (SmkOutput){"numerator", NULL, "numeric"};
	outputs[2] = (SmkOutput){"denominator", NULL, "numeric"};
	if (column->aggregate == SMK_RATIO && column->numerator)
	{
		outputs[1].template =
			smk_column_template(kpi, smk_kpi_column(kpi, column->numerator, request->basis));
		outputs[2].template =
			smk_column_template(kpi, smk_kpi_column(kpi, column->denominator, request->basis));
	}
	return 3;
}

/* Begins a statement: what measures its outputs need. */
static void
begin_statement(SmkStatement *statement, const SmkRequest *request, const SmkOutput *outputs, int count)
{
	statement->request = request;
	if (!statement->is_over_parts)
	{
		statement->spend_entry = smk_config_entered("spend");
		smk_compile_require_entity(request);
	}
	for (int i = 0; i < count; i++)
		statement_need(statement, outputs[i].template, SMK_SHIFT_NONE);
}

/* The measures that outputs are made of, of SmkMeasure: as what is bound can give them, or as they are
 * stored. */
List *
smk_compile_measures(const SmkRequest *request, const SmkOutput *outputs, int count, bool are_stored)
{
	SmkStatement statement = {.is_over_parts = are_stored};

	begin_statement(&statement, request, outputs, count);
	return statement.measures;
}

/* The select list over cells: the period's start, is_partial, the dimensions, the outputs. */
static char *
select_list(SmkStatement *statement, const char *period_start, const char *is_partial,
			const SmkOutput *outputs, int count, bool own_names)
{
	const SmkRequest *request = statement->request;
	Outer outer = {statement, SMK_SHIFT_NONE};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, %s AS is_partial", period_start, is_partial);
	for (int i = 0; i < Max(SMK_MAX_BY, list_length(request->by)); i++)
	{
		bool is_there = i < list_length(request->by);

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
		char *value = output->template ? smk_template_replace(output->template, replace_measure, &outer)
									   : pstrdup("NULL");

		if (output->cast_to)
			value = psprintf("(%s)::%s", value, output->cast_to);
		if (strcmp(value, psprintf("cell.%s", output->name)) == 0)
			appendStringInfo(&sql, ",\n       %s", value);
		else
			appendStringInfo(&sql, ",\n       %s AS %s", value, output->name);
	}
	return sql.data;
}

/* The order of the rows: by period, then dimensions in byte order; or empty. */
static char *
row_order(const SmkRequest *request)
{
	StringInfoData order;

	initStringInfo(&order);
	if (!request->is_all)
		appendStringInfoString(&order, ", cell.period_start");
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&order, ", cell.by_%d COLLATE \"C\"", i + 1);
	return order.len ? psprintf("\nORDER BY %s", order.data + 2) : "";
}

/*
 * The statement of a request: period_start, is_partial, the dimensions (by_1 to by_3, or with own_names only
 * those asked for, under their names), then the outputs. Ordered by period, then dimensions in byte order.
 */
char *
smk_compile(const SmkRequest *asked, const SmkOutput *outputs, int count, bool own_names)
{
	SmkRequest *request = palloc(sizeof(SmkRequest));
	SmkStatement statement = {0};
	List *sets = NIL;
	ListCell *cell;
	const char *period_start;
	StringInfoData sql;

	*request = *asked;
	begin_statement(&statement, request, outputs, count);
	foreach (cell, statement.measures)
		if (((SmkMeasure *) lfirst(cell))->shift != SMK_SHIFT_GOAL)
			sets = list_append_unique_ptr(
				sets, unconstify(SmkRecordSet *, ((SmkMeasure *) lfirst(cell))->column->records));
	foreach (cell, sets)
		compile_set_at_once(&statement, lfirst(cell));
	request->shared_credits = share_credits(&statement);
	request->shared_customers = share_customers(&statement);
	for (SmkShift shift = SMK_SHIFT_NONE; shift <= SMK_SHIFT_TRAILING; shift++)
		foreach (cell, sets)
			compile_set(&statement, lfirst(cell), shift);
	foreach (cell, statement.measures)
		if (((SmkMeasure *) lfirst(cell))->shift == SMK_SHIFT_GOAL &&
			((SmkMeasure *) lfirst(cell))->is_available)
			smk_goal_part(&statement, lfirst(cell));

	initStringInfo(&sql);
	if (!request->is_all)
		period_start = "cell.period_start";
	else if (request->has_since)
		period_start = psprintf("%s AS period_start", smk_date_literal(request->first));
	else if (statement.parts != NIL)
		period_start = psprintf("(min(cell.first_at) OVER () AT TIME ZONE %s)::date AS period_start",
								quote_literal_cstr(request->time_zone));
	else
		period_start = "NULL::date AS period_start";
	appendStringInfo(&sql, "%s\nFROM (\n    %s) AS cell",
					 select_list(&statement, period_start,
								 smk_compile_is_partial(request, "cell.period_start"), outputs, count,
								 own_names),
					 smk_sql_indent(compile_cells(&statement), 4));
	if (statement.dated)
		appendStringInfo(&sql, "\nCROSS JOIN (\n    -- when the data begin\n    %s) AS data",
						 smk_sql_indent(compile_begins(&statement), 4));
	appendStringInfoString(&sql, row_order(request));
	return with_shared(SMK_SHARED_CUSTOMERS, request->shared_customers,
					   with_shared(SMK_SHARED_CREDITS, request->shared_credits, sql.data));
}

/*
 * The same over a subselect that gives period_start, is_partial, by_1 and so on, and a column a measure under
 * its name.
 */
char *
smk_compile_over_parts(const SmkRequest *request, List *measures, const SmkOutput *outputs, int count,
					   const char *parts, bool own_names)
{
	SmkStatement statement = {.request = request, .measures = measures, .is_over_parts = true};

	return psprintf("%s\nFROM %s AS cell%s",
					select_list(&statement,
								request->is_all
									? psprintf("%s AS period_start", smk_date_literal(request->first))
									: "cell.period_start",
								"cell.is_partial", outputs, count, own_names),
					parts, row_order(request));
}
