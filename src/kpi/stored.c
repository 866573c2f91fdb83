/*
 * stored.c: the statements of a KPI as views and rollups store them. Their range moves with now(). A rollup
 * stores the measures, from which its view and rollup_kpi() compute what is shown.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/moment.h"
#include "kpi/source.h"
#include "kpi/stored.h"
#include "kpi/stored_measure.h"
#include "kpi/template.h"

/* A view or a rollup has at most so many dimensions. */
#define MAX_DIMENSIONS 8

/* Options that the makers of views and of rollups read themselves, for errors that list all. */
#define VIEW_OPTIONS "security_invoker, ignore_row_security"
#define ROLLUP_OPTIONS "ignore_row_security, incremental"

/* A rollup has no beginning: no CRM has records from before this year. */
#define FIRST_YEAR 1900

/* The local date on which a moving range begins: the first one of the period in which now less the length
 * falls. */
static DateADT
first_date(const SmkRequest *request, Interval *last)
{
	Timestamp clocks = DatumGetTimestamp(DirectFunctionCall2(
		timestamptz_zone, CStringGetTextDatum(request->time_zone), TimestampTzGetDatum(request->now)));
	Timestamp began = DatumGetTimestamp(
		DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(clocks), IntervalPGetDatum(last)));

	if (began >= clocks || TIMESTAMP_NOT_FINITE(began))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"last\" must be positive: \"%s\"",
							   DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(last)))),
						errhint("For example \"25 months\".")));
	return smk_period_start_of_date(
		request->period, DatumGetDateADT(DirectFunctionCall1(timestamp_date, TimestampGetDatum(began))),
		request->config->fiscal_year_start);
}

/*
 * A request whose range moves: from last before now on (NULL: from the first record on) to the end of the
 * period that runs. An error for what cannot be stored so. palloc'd.
 */
SmkRequest *
smk_stored_request(SmkConfig *config, const char *kpi, const char *period, ArrayType *by, Interval *last,
				   Jsonb *options, bool is_rollup)
{
	const SmkKpi *found = smk_kpi_find(kpi);
	SmkArguments arguments = {.period = period,
							  .by = by,
							  .options = options,
							  .most_by = MAX_DIMENSIONS,
							  .own_option = is_rollup ? ROLLUP_OPTIONS : VIEW_OPTIONS};
	SmkRequest *request;
	char *zone;
	DateADT running;

	if (found == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("KPI \"%s\" does not exist", kpi),
						errhint("KPIs: %s.", smk_kpi_list())));
	if (strcmp(period, "all") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("period \"%s\" cannot be stored", "all"),
				 errdetail("What is stored moves on from period to period."),
				 errhint("Periods: %s.", smk_period_names())));
	request = smk_request(config, found, &arguments);
	request->is_moving = true;
	request->is_rollup = is_rollup;
	zone = quote_literal_cstr(request->time_zone);
	running = smk_period_start_of_date(request->period, smk_zone_local_date(request->zone, request->now),
									   config->fiscal_year_start);
	smk_moment_end(request,
				   smk_moment_of_date(
					   request, smk_period_next(request->period, running, config->fiscal_year_start),
					   psprintf("smarketing.period_end('%s', now(), %s%s)", smk_period_name(request->period),
								zone, smk_request_first_month(request))));
	if (last)
		smk_moment_begin(
			request,
			smk_moment_of_date(
				request, first_date(request, last),
				psprintf("smarketing.period_start('%s', (now() AT TIME ZONE %s - interval '%s')::date%s)",
						 smk_period_name(request->period), zone,
						 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(last))),
						 smk_request_first_month(request))));
	else
	{
		smk_moment_begin(request,
						 smk_moment_of_date(request, date2j(FIRST_YEAR, 1, 1) - POSTGRES_EPOCH_JDATE, NULL));
		request->is_sparse = true;
	}
	request->has_since = true;
	smk_request_lay(request);
	return request;
}

/* What a view over the CRM's tables gives: period_start, is_partial, the dimensions, the KPI's columns. */
char *
smk_stored_view(const SmkRequest *request)
{
	int count;
	SmkOutput *outputs = smk_compile_outputs(request, &count);

	return smk_compile(request, outputs, count, true);
}

/*
 * True for a measure that a rollup leaves out: by day and by week what looks back over twelve months, or
 * credits all that is open once more for every period, would be most of its work, and adds up to nothing
 * longer.
 */
bool
smk_stored_is_left_out(const SmkRequest *request, const SmkMeasure *measure)
{
	return request->is_rollup && (request->period == SMK_DAY || request->period == SMK_WEEK) &&
		   (measure->shift == SMK_SHIFT_TRAILING ||
			(measure->column->records && strcmp(measure->column->records->entity, "open_credit") == 0));
}

/* The measures of outputs as a rollup stores them, of SmkMeasure: what it leaves out is not available. */
static List *
measures_of_rollup(const SmkRequest *request, const SmkOutput *outputs, int count)
{
	List *measures = smk_compile_measures(request, outputs, count, false);
	ListCell *cell;

	foreach (cell, measures)
		if (smk_stored_is_left_out(request, lfirst(cell)))
			((SmkMeasure *) lfirst(cell))->is_available = false;
	return measures;
}

/* The measures that a rollup stores, of SmkMeasure: those that what is bound can give. */
List *
smk_stored_measures(const SmkRequest *request)
{
	int count;
	SmkOutput *outputs = smk_compile_outputs(request, &count);
	List *stored = NIL;
	ListCell *cell;

	foreach (cell, measures_of_rollup(request, outputs, count))
		if (((SmkMeasure *) lfirst(cell))->is_available)
			stored = lappend(stored, lfirst(cell));
	return stored;
}

/* True for a measure whose figures of a day and of a cell add up to those of a month and of the whole. */
bool
smk_stored_adds_up(const SmkRequest *request, const SmkMeasure *measure)
{
	return measure->shift == SMK_SHIFT_NONE && smk_column_is_additive(measure->column) &&
		   !smk_column_is_by_period(measure->column) &&
		   !(request->basis && strcmp(request->basis, "touched") == 0);
}

/* True for a measure whose figures of cells add up to those of fewer dimensions, within a period. */
static bool
adds_up_over_dimensions(const SmkRequest *request, const SmkMeasure *measure)
{
	return smk_stored_adds_up(request, measure) ||
		   (measure->shift == SMK_SHIFT_NONE &&
			(smk_column_is_at_close(measure->column) || measure->column->aggregate == SMK_COUNT ||
			 measure->column->aggregate == SMK_SUM || measure->column->aggregate == SMK_SHARE));
}

/* Raises an error for a measure that would have to be added up and does not. */
static void
require_adds_up(const SmkRequest *parts, const SmkRequest *asked, const SmkColumn *metric,
				const SmkMeasure *measure)
{
	if ((asked->is_all || asked->period != parts->period) && !smk_stored_adds_up(parts, measure))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" of %s does not add up from a %s to %s", metric->name, parts->kpi->name,
						smk_period_name(parts->period),
						asked->is_all ? "a range" : psprintf("a %s", smk_period_name(asked->period))),
				 errdetail("It needs \"%s\", which %s.", measure->name, smk_stored_reason(parts, measure)),
				 errhint("Ask for period \"%s\", create a rollup by %s, or call smarketing.kpi().",
						 smk_period_name(parts->period),
						 asked->is_all ? "the period that you want" : smk_period_name(asked->period))));
	if (list_length(asked->by) < list_length(parts->by) && !adds_up_over_dimensions(parts, measure))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" of %s does not add up over dimensions", metric->name, parts->kpi->name),
				 errdetail("It needs \"%s\", which %s.", measure->name, smk_stored_reason(parts, measure)),
				 errhint("Ask for all dimensions of the rollup, create one by fewer, or call "
						 "smarketing.kpi().")));
}

/* Raises an error for a dimension that is called like what a rollup stores besides. */
static void
require_other_names(const SmkRequest *request, List *measures)
{
	ListCell *cell;
	ListCell *measure;

	foreach (cell, request->by)
	{
		const char *name = ((SmkBy *) lfirst(cell))->name;
		bool is_taken = strcmp(name, "refreshed_at") == 0;

		foreach (measure, measures)
			is_taken = is_taken || strcmp(((SmkMeasure *) lfirst(measure))->name, name) == 0;
		if (is_taken)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("dimension \"%s\" is called like a part that the rollup stores", name),
							errhint("Define it under another name with smarketing.define_dimension().")));
	}
}

/* The parts that a rollup stores: period_start, the dimensions, a column a part; a row a cell that has any.
 */
char *
smk_stored_parts(const SmkRequest *request)
{
	List *measures = smk_stored_measures(request);
	SmkRequest raw = *request;
	SmkOutput *outputs = palloc0(list_length(measures) * sizeof(SmkOutput));
	StringInfoData sql;
	ListCell *cell;
	int count = 0;

	require_other_names(request, measures);
	raw.is_raw = true;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT stored.period_start");
	foreach (cell, request->by)
		appendStringInfo(&sql, ", stored.%s", quote_identifier(((SmkBy *) lfirst(cell))->name));
	foreach (cell, measures)
	{
		const SmkMeasure *measure = lfirst(cell);

		outputs[count++] =
			(SmkOutput){measure->name,
						measure->shift == SMK_SHIFT_NONE
							? psprintf("[%s]", measure->column->name)
							: psprintf("[%s:%s]", smk_shift_name(measure->shift), measure->column->name),
						NULL};
		appendStringInfo(&sql, ", stored.%s", measure->name);
	}
	appendStringInfo(&sql, ", now() AS refreshed_at\nFROM (\n    %s) AS stored",
					 smk_sql_indent(smk_compile(&raw, outputs, count, true), 4));
	return sql.data;
}

/* SQL for what a measure is in a period of which nothing is stored; first_start: of the first that is. */
static char *
missing_value(const SmkMeasure *measure, const char *first_start)
{
	if (measure->shift == SMK_SHIFT_GOAL || measure->column->aggregate == SMK_MEDIAN)
		return psprintf("NULL::%s", smk_measure_type(measure));
	/* What there was at another time is known once the data have begun. */
	if (measure->shift != SMK_SHIFT_NONE)
		return psprintf("CASE WHEN period.period_start > %s THEN 0::%s END", first_start,
						smk_measure_type(measure));
	return psprintf("0::%s", smk_measure_type(measure));
}

/* SQL for the start of the first period that was not complete when the parts were refreshed. */
static char *
running_at_refresh(const SmkRequest *parts, const char *relation)
{
	bool is_touched = parts->basis && strcmp(parts->basis, "touched") == 0;

	return psprintf("(SELECT smarketing.period_start('%s', max(part.refreshed_at)%s, %s%s) FROM %s AS part)",
					smk_period_name(parts->period),
					is_touched ? psprintf(" - %s", smk_moment_length(parts->lookback)) : "",
					quote_literal_cstr(parts->time_zone), smk_request_first_month(parts), relation);
}

/* SQL for the start of the first period that is stored. */
static char *
first_stored(const char *relation)
{
	return psprintf("(SELECT min(part.period_start) FROM %s AS part)", relation);
}

/* The dimensions of the request as by_1 and so on, of rows that have them under their names. */
static void
append_by(const SmkRequest *request, StringInfo sql)
{
	int n = 0;
	ListCell *cell;

	foreach (cell, request->by)
		appendStringInfo(sql, ", part.%s AS by_%d", quote_identifier(((SmkBy *) lfirst(cell))->name), ++n);
}

/* The cells that are stored, as they are: a subselect for the last level of a statement. */
static char *
cells_as_stored(const SmkRequest *request, List *measures, const char *relation, const char *periods,
				const char *is_partial, const char *where)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(\n    SELECT %s.period_start, %s AS is_partial", periods ? "period" : "part",
					 is_partial);
	append_by(request, &sql);
	foreach (cell, measures)
	{
		const SmkMeasure *measure = lfirst(cell);

		if (!measure->is_available)
			continue;
		if (periods)
			appendStringInfo(
				&sql, ",\n           CASE WHEN part.period_start IS NULL THEN %s ELSE part.%s END AS %s",
				missing_value(measure, first_stored(relation)), measure->name, measure->name);
		else
			appendStringInfo(&sql, ", part.%s", measure->name);
	}
	if (periods)
		appendStringInfo(&sql,
						 "\n    FROM %s\n    LEFT JOIN %s AS part ON part.period_start = period.period_start",
						 smk_sql_indent(periods, 9), relation);
	else
		appendStringInfo(&sql, "\n    FROM %s AS part", relation);
	if (where)
		appendStringInfo(&sql, "\n    WHERE %s", where);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* What smk_stored_view() gives, over the parts that a relation (qualified and quoted) holds. */
char *
smk_stored_view_of_parts(const SmkRequest *request, const char *relation)
{
	int count;
	SmkOutput *outputs = smk_compile_outputs(request, &count);
	List *measures = measures_of_rollup(request, outputs, count);
	char *running = running_at_refresh(request, relation);
	char *periods = NULL;

	/* All from the first that is stored to the one that ran at the refresh. */
	if (request->by == NIL)
		periods = psprintf(
			"(SELECT day::date AS period_start\n FROM generate_series(%s::timestamp, greatest(%s, (SELECT "
			"max(part.period_start) FROM %s AS part))::timestamp, interval '%s') AS day%s) AS period",
			first_stored(relation), running, relation, smk_period_step(request->period),
			smk_request_without_skipped(request));
	return smk_compile_over_parts(
		request, measures, outputs, count,
		cells_as_stored(request, measures, relation, periods,
						psprintf("%s.period_start >= %s", periods ? "period" : "part", running), NULL),
		true);
}

/* True where every period of one kind is made of whole ones of the other. */
static bool
is_made_of(const SmkRequest *request, SmkPeriod whole, SmkPeriod piece)
{
	int month = request->config->fiscal_year_start - 1;
	bool whole_is_fiscal = whole == SMK_FISCAL_QUARTER || whole == SMK_FISCAL_YEAR;
	bool piece_is_fiscal = piece == SMK_FISCAL_QUARTER || piece == SMK_FISCAL_YEAR;

	if (whole == piece || piece == SMK_DAY)
		return true;
	if (piece == SMK_WEEK || whole == SMK_DAY || whole == SMK_WEEK || whole == SMK_MONTH)
		return false;
	if (piece == SMK_MONTH)
		return true;
	if (piece == SMK_QUARTER || piece == SMK_FISCAL_QUARTER)
		return whole_is_fiscal == piece_is_fiscal || month % 3 == 0;
	return (whole == SMK_YEAR || whole == SMK_FISCAL_YEAR) &&
		   (whole_is_fiscal == piece_is_fiscal || month == 0);
}

/* The names of a rollup's dimensions, for an error. */
static char *
dimension_list(const SmkRequest *parts)
{
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	foreach (cell, parts->by)
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", ((SmkBy *) lfirst(cell))->name);
	return list.len ? list.data : "none";
}

/* Raises an error for a dimension that a rollup does not have. */
static void
require_dimension(const SmkRequest *parts, const SmkBy *by)
{
	ListCell *cell;

	foreach (cell, parts->by)
		if (strcmp(((SmkBy *) lfirst(cell))->name, by->name) == 0)
			return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the rollup is not stored by dimension \"%s\"", by->name),
					errhint("Its dimensions: %s. Create one that is by \"%s\", too.", dimension_list(parts),
							by->name)));
}

/* Raises an error for a bound that cuts one of a rollup's periods. */
static void
require_boundary(const SmkRequest *parts, TimestampTz at, const char *name)
{
	DateADT start = smk_period_start_of_date(parts->period, smk_zone_local_date(parts->zone, at),
											 parts->config->fiscal_year_start);
	DateADT next = smk_period_next(parts->period, start, parts->config->fiscal_year_start);

	if (smk_zone_first_instant(parts->zone, start) != at)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" falls into a %s that is stored as a whole", name,
							   smk_period_name(parts->period)),
						errhint("Give %s or %s, in time zone %s.", smk_date_literal(start) + 5,
								smk_date_literal(next) + 5, parts->time_zone)));
}

/* Why a measure does not add up, to be read after its name. */
const char *
smk_stored_reason(const SmkRequest *request, const SmkMeasure *measure)
{
	if (measure->shift == SMK_SHIFT_GOAL)
		return "is a goal, which holds for its own period and dimensions";
	if (measure->shift != SMK_SHIFT_NONE)
		return "is what there was at another time, of the running period the elapsed part";
	if (measure->column->aggregate == SMK_MEDIAN)
		return "is a median";
	if (measure->column->aggregate == SMK_MOVEMENT)
		return "counts customers, of whom each period has its own";
	if (measure->column->condition && strstr(measure->column->condition, "[is_paid]"))
		return "counts customers of channels that had spend in the same period";
	if (request->basis && strcmp(request->basis, "touched") == 0)
		return "is booked by touch, in the range that is asked for";
	return "stands as it is at the period's end";
}

/* The metric of that name among a KPI's: plain or qualified. */
static const SmkColumn *
metric_of(const SmkKpi *kpi, const char *metric)
{
	const SmkColumn *column = smk_kpi_column(kpi, metric, NULL);

	if ((column == NULL || column->is_hidden) && smk_metric_resolve(metric, &column) != kpi)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the rollup holds %s, not \"%s\"", kpi->name, metric),
						errhint("Metrics are the columns of %s.", kpi->name)));
	return column;
}

/* The condition that a stored cell is of the range and passes the filters; or NULL. */
static char *
stored_condition(const SmkRequest *parts, const SmkRequest *request)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	if (request->has_since)
	{
		require_boundary(parts, request->since, "since");
		appendStringInfo(&sql, " AND part.period_start >= %s",
						 smk_moment_date(request, smk_moment_since(request)));
	}
	/* What is not over yet is stored as far as it has gone. */
	if (request->until < request->now)
	{
		require_boundary(parts, request->until, "until");
		appendStringInfo(&sql, " AND part.period_start < %s",
						 smk_moment_date(request, smk_moment_until(request)));
	}
	else
		appendStringInfo(&sql, " AND part.period_start <= %s",
						 smk_moment_date(request, smk_moment_later(smk_moment_until(request), -1)));
	foreach (cell, request->filters)
	{
		SmkFilter shown = *(SmkFilter *) lfirst(cell);
		/* A value that is stored has been mapped. */
		SmkBy by = {.name = ""};

		require_dimension(parts, shown.by);
		appendStringInfoString(&sql, " AND ");
		shown.by = &by;
		appendStringInfoString(
			&sql, smk_dimension_filter(request, &shown,
									   psprintf("nullif(part.%s, '(none)')",
												quote_identifier(((SmkFilter *) lfirst(cell))->by->name))));
	}
	return sql.len ? sql.data + strlen(" AND ") : NULL;
}

/* The stored cells added up by coarser periods and fewer dimensions: a subselect for the last level. */
static char *
cells_added_up(const SmkRequest *request, List *measures, const char *relation, const char *is_partial,
			   const char *where)
{
	bool all_periods = !request->is_all && request->by == NIL;
	StringInfoData sums;
	StringInfoData sql;
	StringInfoData columns;
	ListCell *cell;
	int keys = request->is_all ? 0 : 1;

	initStringInfo(&sums);
	initStringInfo(&sql);
	initStringInfo(&columns);
	appendStringInfoString(&sums, "SELECT ");
	if (!request->is_all)
		appendStringInfo(&sums, "%s AS period_start", smk_request_bucket_of(request, "part.period_start"));
	else
		appendStringInfoString(&sums, "count(*) AS cells");
	append_by(request, &sums);
	foreach (cell, measures)
	{
		const SmkMeasure *measure = lfirst(cell);

		if (!measure->is_available)
			continue;
		/* Where one rate is missing the sum is not known. */
		if (request->config->missing_rate_is_null && smk_column_is_of_amounts(measure->column))
			appendStringInfo(&sums,
							 ", CASE WHEN count(part.%s) = count(*) THEN coalesce(sum(part.%s), 0) END AS %s",
							 measure->name, measure->name, measure->name);
		else
			appendStringInfo(&sums, ", coalesce(sum(part.%s), 0) AS %s", measure->name, measure->name);
		if (all_periods)
			appendStringInfo(
				&columns, ", CASE WHEN part.period_start IS NULL THEN 0::%s ELSE part.%s::%s END AS %s",
				smk_measure_type(measure), measure->name, smk_measure_type(measure), measure->name);
		else
			appendStringInfo(&columns, ", part.%s::%s AS %s", measure->name, smk_measure_type(measure),
							 measure->name);
	}
	appendStringInfo(&sums, "\nFROM %s AS part%s%s", relation, where ? "\nWHERE " : "", where ? where : "");
	if (keys + list_length(request->by) > 0)
	{
		appendStringInfoString(&sums, "\nGROUP BY ");
		for (int i = 1; i <= keys + list_length(request->by); i++)
			appendStringInfo(&sums, "%s%d", i > 1 ? ", " : "", request->is_all ? i + 1 : i);
	}
	appendStringInfo(&sql, "(\n    SELECT %s",
					 request->is_all ? ""
					 : all_periods	 ? "period.period_start, "
									 : "part.period_start, ");
	appendStringInfo(&sql, "%s AS is_partial", is_partial);
	for (int i = 1; i <= list_length(request->by); i++)
		appendStringInfo(&sql, ", part.by_%d", i);
	appendStringInfoString(&sql, columns.data);
	if (all_periods)
		appendStringInfo(
			&sql,
			"\n    FROM %s\n    LEFT JOIN (\n        %s) AS part ON part.period_start = period.period_start)",
			smk_sql_indent(smk_compile_periods(request), 9), smk_sql_indent(sums.data, 8));
	else
		appendStringInfo(&sql, "\n    FROM (\n        %s) AS part)", smk_sql_indent(sums.data, 8));
	return sql.data;
}

/*
 * A metric in the columns of kpi(), over the parts of the same request that a relation holds: of a range, by
 * a coarser period and fewer dimensions. The arguments have the options of the parts. An error names what
 * does not add up.
 */
char *
smk_stored_kpi(const SmkRequest *parts, const char *relation, const char *metric,
			   const SmkArguments *arguments)
{
	const SmkColumn *column = metric_of(parts->kpi, metric);
	SmkRequest *request = smk_request(parts->config, parts->kpi, arguments);
	SmkOutput outputs[3];
	int count = smk_compile_metric_outputs(request, column, outputs);
	List *measures = smk_compile_measures(request, outputs, count, true);
	bool is_same = !request->is_all && request->period == parts->period &&
				   list_length(request->by) == list_length(parts->by);
	Oid relid = smk_relation_resolve(relation, false);
	char *where;
	char *running = running_at_refresh(parts, relation);
	bool all_periods = !request->is_all && request->by == NIL;
	char *is_partial;
	ListCell *cell;

	foreach (cell, request->by)
		require_dimension(parts, lfirst(cell));
	if (!request->has_since)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"since\" must be given for period \"%s\"", "all"),
						errdetail("A rollup does not hold records without a time.")));
	if (!request->is_all && !is_made_of(request, request->period, parts->period))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a %s is not made of whole periods of the rollup, which is by %s",
							   smk_period_name(request->period), smk_period_name(parts->period)),
						errhint("A rollup by day answers every period.")));
	where = stored_condition(parts, request);
	foreach (cell, measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (smk_stored_is_left_out(parts, measure))
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("\"%s\" of %s is not stored by %s", column->name, parts->kpi->name,
								   smk_period_name(parts->period)),
							errhint("Create a rollup by month, or call smarketing.kpi().")));
		/* What could not be given when the rollup was made is not stored. */
		measure->is_available = get_attnum(relid, measure->name) != InvalidAttrNumber;
		if (measure->is_available)
			require_adds_up(parts, request, column, measure);
	}
	if (request->is_all)
		is_partial = psprintf("%s OR %s > (SELECT max(part.refreshed_at) FROM %s AS part)",
							  smk_compile_is_partial(request, NULL),
							  smk_moment_instant(smk_moment_until(request)), relation);
	else
	{
		const char *start = all_periods ? "period.period_start" : "part.period_start";

		is_partial = psprintf("%s OR %s > %s", smk_compile_is_partial(request, start),
							  smk_request_period_end_of(request, start), running);
	}
	return smk_compile_over_parts(request, measures, outputs, count,
								  is_same ? cells_as_stored(request, measures, relation,
															all_periods ? smk_compile_periods(request) : NULL,
															is_partial, all_periods ? NULL : where)
										  : cells_added_up(request, measures, relation, is_partial, where),
								  false);
}
