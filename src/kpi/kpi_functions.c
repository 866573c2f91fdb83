/*
 * kpi_functions.c: the SQL functions over the compiler. They run the statement as the caller, read only, and
 * hand its rows on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "crm/config.h"
#include "kpi/catalogue.h"
#include "kpi/compiler.h"
#include "kpi/handover.h"
#include "kpi/request.h"
#include "kpi/scorecard.h"
#include "kpi/shift.h"
#include "kpi/statement.h"
#include "kpi/template.h"

/* The name of the function that is called: it may have been dropped since a cursor over it was opened. */
static const char *
function_name(FunctionCallInfo fcinfo)
{
	const char *name = get_func_name(fcinfo->flinfo->fn_oid);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function with OID %u does not exist", fcinfo->flinfo->fn_oid)));
	return name;
}

/* Runs a statement into the function's result. */
static void
run_into_result(FunctionCallInfo fcinfo, const char *sql)
{
	smk_statement_run_into((ReturnSetInfo *) fcinfo->resultinfo, sql, function_name(fcinfo));
}

/* What fills a KPI function's row type: every attribute after the dimensions is a column of the KPI.
 * palloc'd.
 */
static SmkOutput *
outputs_for_row(const SmkRequest *request, TupleDesc row, int *outputs_count)
{
	SmkOutput *outputs = palloc0(row->natts * sizeof(SmkOutput));
	int count = 0;

	for (int i = 2 + SMK_MAX_BY; i < row->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row, i);

		/* The rows must have a column for one that was dropped, too. */
		if (attribute->attisdropped)
			outputs[count++] = (SmkOutput){psprintf("dropped_%d", i + 1), NULL, "integer"};
		else
			outputs[count++] =
				smk_compile_output(request, NameStr(attribute->attname), format_type_be(attribute->atttypid));
	}
	*outputs_count = count;
	return outputs;
}

/* The statement that fills it. */
static char *
compile_for_row(const SmkRequest *request, TupleDesc row)
{
	int count;
	SmkOutput *outputs = outputs_for_row(request, row, &count);

	return smk_compile(request, outputs, count, false);
}

/* The same statement with dimensions under their own names, for people. */
static char *
compile_for_reading(const SmkRequest *request)
{
	int count;
	SmkOutput *outputs = smk_compile_outputs(request, &count);

	return smk_compile(request, outputs, count, true);
}

/* The same of the handover. */
static char *
compile_handover_for_reading(const SmkRequest *request)
{
	int count;
	SmkOutput *metrics = smk_compile_outputs(request, &count);
	SmkOutput *outputs = palloc((count + 2) * sizeof(SmkOutput));

	memcpy(outputs, metrics, count * sizeof(SmkOutput));
	outputs[count++] = smk_compile_output(request, "top_reject_reason", "text");
	outputs[count++] = (SmkOutput){"weak_side", NULL, "text"};
	return smk_compile_handover(request, outputs, count, true);
}

/* The statement of kpi(): a metric with what it was divided from. */
static char *
compile_metric(const SmkRequest *request, const SmkColumn *named, bool own_names)
{
	SmkOutput outputs[3];

	return smk_compile(request, outputs, smk_compile_metric_outputs(request, named, outputs), own_names);
}

/* Lists what kpi_sql takes. */
static int
hint_statements(void)
{
	return errhint("KPIs: %s, %s, %s, %s. SELECT metric FROM smarketing.metrics lists the metrics.",
				   smk_kpi_list(), smk_lead_funnel_kpi.name, smk_retention_cohorts_kpi.name,
				   smk_handover_kpi.name);
}

/* The KPI of that name: an error that lists all where there is none. */
static const SmkKpi *
require_kpi(const char *name)
{
	const SmkKpi *kpi = smk_kpi_find(name);

	if (kpi == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("KPI \"%s\" does not exist", name),
						hint_statements()));
	return kpi;
}

PG_FUNCTION_INFO_V1(smk_kpi_function);

/* A KPI function: its own name says which. */
Datum
smk_kpi_function(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	const SmkKpi *kpi = require_kpi(function_name(fcinfo));
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 0, &arguments);
	level = smk_statement_begin();
	run_into_result(fcinfo, compile_for_row(smk_request(smk_config_load(), kpi, &arguments),
											((ReturnSetInfo *) fcinfo->resultinfo)->setDesc));
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_lead_funnel);

/* lead_funnel(...): a row a step. */
Datum
smk_lead_funnel(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 0, &arguments);
	level = smk_statement_begin();
	run_into_result(fcinfo, smk_compile_lead_funnel(
								smk_request(smk_config_load(), &smk_lead_funnel_kpi, &arguments), false));
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_handover);

/* handover(...): a row a cell, each judged beside all. */
Datum
smk_handover(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	SmkRequest *request;
	SmkOutput *outputs;
	int count;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 0, &arguments);
	level = smk_statement_begin();
	request = smk_request(smk_config_load(), &smk_handover_kpi, &arguments);
	outputs = outputs_for_row(request, ((ReturnSetInfo *) fcinfo->resultinfo)->setDesc, &count);
	run_into_result(fcinfo, smk_compile_handover(request, outputs, count, false));
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_retention_cohorts);

/* retention_cohorts(...): a row a cohort and age. */
Datum
smk_retention_cohorts(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 0, &arguments);
	level = smk_statement_begin();
	run_into_result(fcinfo,
					smk_compile_retention_cohorts(
						smk_request(smk_config_load(), &smk_retention_cohorts_kpi, &arguments), false));
	smk_statement_end(level);
	return (Datum) 0;
}

/* Reads the options of a scorecard; the statements that it shows have all but the language. */
static void
read_card_options(const Jsonb *options, SmkScorecard *card)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *key;

	card->language = smk_option_language(card->config, options);
	card->options = "";
	if (options == NULL || !JB_ROOT_IS_OBJECT(options))
		return;
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &options->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		if (strcmp(key, "language") != 0 && strcmp(key, "time_zone") != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" of %s does not exist", key, "scorecard"),
							errhint("Options: language, time_zone.")));
	}
}

/*
 * The period that a range is, or that it is the beginning of: the shortest one. Of what has no beginning, or
 * is none: all.
 */
static const char *
period_of_range(const SmkRequest *range)
{
	static const SmkPeriod periods[] = {SMK_WEEK, SMK_MONTH, SMK_QUARTER, SMK_YEAR};
	DateADT since;

	if (!range->has_since)
		return "all";
	since = smk_zone_local_date(range->zone, range->since);
	if (smk_zone_first_instant(range->zone, since) != range->since)
		return "all";
	for (size_t i = 0; i < lengthof(periods); i++)
	{
		TimestampTz end = smk_zone_first_instant(range->zone, smk_period_next(periods[i], since, 1));

		/* What is over and no whole period is compared with as many days before it. */
		if (smk_period_start_of_date(periods[i], since, 1) == since &&
			(range->until == end || (range->until < end && range->now < end && range->until >= range->now)))
			return smk_period_name(periods[i]);
	}
	return "all";
}

PG_FUNCTION_INFO_V1(smk_scorecard);

/* scorecard(since, until, filter, options): a row a KPI; of the last complete month where it is not told. */
Datum
smk_scorecard(PG_FUNCTION_ARGS)
{
	SmkScorecard card = {0};
	SmkRequest *range;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read_range(fcinfo, 0, &card.arguments);
	card.arguments.own_option = "language";
	level = smk_statement_begin();
	card.config = smk_config_load();
	read_card_options(card.arguments.options, &card);
	range = smk_request(card.config, &smk_kpis[0], &card.arguments);
	if (!card.arguments.has_since && !card.arguments.has_until)
	{
		DateADT month = smk_period_start_of_date(SMK_MONTH, smk_zone_local_date(range->zone, range->now), 1);

		card.arguments.has_since = card.arguments.has_until = true;
		card.arguments.until = smk_zone_first_instant(range->zone, month);
		card.arguments.since =
			smk_zone_first_instant(range->zone, smk_period_start_of_date(SMK_MONTH, month - 1, 1));
		card.arguments.period = "month";
	}
	else
		card.arguments.period = period_of_range(range);
	if (card.arguments.filter != NULL && JB_ROOT_COUNT(card.arguments.filter) > 0)
		card.options =
			psprintf(", filter => %s", quote_literal_cstr(JsonbToCString(NULL, &card.arguments.filter->root,
																		 VARSIZE(card.arguments.filter))));
	if (strcmp(range->time_zone, card.config->time_zone) != 0)
		card.options = psprintf("%s, options => %s", card.options,
								quote_literal_cstr(psprintf("{\"time_zone\": \"%s\"}", range->time_zone)));
	smk_scorecard_run((ReturnSetInfo *) fcinfo->resultinfo, &card);
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_kpi);

/* kpi(metric, ...): value, numerator, denominator. */
Datum
smk_kpi(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	const SmkKpi *kpi;
	const SmkColumn *column;
	int level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"metric\" must not be null")));
	kpi = smk_metric_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), &column);
	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 1, &arguments);
	level = smk_statement_begin();
	run_into_result(fcinfo, compile_metric(smk_request(smk_config_load(), kpi, &arguments), column, false));
	smk_statement_end(level);
	return (Datum) 0;
}

/* The statement of a KPI's function, or, given a metric that is no KPI, of kpi(); inside of
 * smk_statement_begin. */
static char *
compile_named(FunctionCallInfo fcinfo)
{
	SmkArguments arguments;
	char *name;
	const SmkKpi *kpi;
	const SmkColumn *column;
	SmkRequest *request;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"kpi\" must not be null"),
						hint_statements()));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	smk_arguments_read(fcinfo, 1, &arguments);
	if (strcmp(name, smk_lead_funnel_kpi.name) == 0)
		return smk_compile_lead_funnel(smk_request(smk_config_load(), &smk_lead_funnel_kpi, &arguments),
									   true);
	if (strcmp(name, smk_retention_cohorts_kpi.name) == 0)
		return smk_compile_retention_cohorts(
			smk_request(smk_config_load(), &smk_retention_cohorts_kpi, &arguments), true);
	if (strcmp(name, smk_handover_kpi.name) == 0)
		return compile_handover_for_reading(smk_request(smk_config_load(), &smk_handover_kpi, &arguments));
	kpi = smk_kpi_find(name);
	if (kpi != NULL)
		return compile_for_reading(smk_request(smk_config_load(), kpi, &arguments));
	if (strchr(name, '.') == NULL && !smk_metric_is_known(name))
		require_kpi(name);
	kpi = smk_metric_resolve(name, &column);
	request = smk_request(smk_config_load(), kpi, &arguments);
	return compile_metric(request, column, true);
}

/* What kpi_compare compares with: options.against. */
static SmkShift
read_against(const Jsonb *options)
{
	JsonbValue *value = smk_option_value(options, "against");
	char *against;

	if (value == NULL)
		return SMK_SHIFT_YEAR_AGO;
	against = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : "";
	if (strcmp(against, "year") == 0)
		return SMK_SHIFT_YEAR_AGO;
	if (strcmp(against, "previous") == 0)
		return SMK_SHIFT_PREVIOUS;
	if (strcmp(against, "goal") == 0)
		return SMK_SHIFT_GOAL;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"against\": \"%s\"", against),
					errhint("It takes: previous, year, goal.")));
}

/* True where a metric is computed from what a measure was at another time. */
static bool
is_comparison(const SmkRequest *request, const SmkColumn *column)
{
	ListCell *cell;

	if (column->aggregate != SMK_RATIO)
		return false;
	foreach (cell, smk_template_names(NIL, smk_column_template(request->kpi, column)))
	{
		const char *name;

		if (smk_shift_parse(lfirst(cell), &name) != SMK_SHIFT_NONE ||
			(smk_kpi_column(request->kpi, name, request->basis) != NULL &&
			 is_comparison(request, smk_kpi_column(request->kpi, name, request->basis))))
			return true;
	}
	return false;
}

/* The statement of kpi_compare(): a metric beside what it was. */
static char *
compile_comparison(const SmkRequest *request, const SmkColumn *named, SmkShift shift)
{
	const SmkKpi *kpi = request->kpi;
	const SmkColumn *column = smk_kpi_column(kpi, named->name, request->basis);
	char *value = psprintf("(%s)::numeric", smk_column_template(kpi, column));
	char *other = psprintf("[%s:%s]", smk_shift_name(shift), column->name);
	SmkOutput outputs[4] = {{"value", NULL, NULL},
							{"other", NULL, NULL},
							{"change", NULL, NULL},
							{"change_rate", NULL, "double precision"}};

	if (shift != SMK_SHIFT_GOAL && is_comparison(request, column))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("metric \"%s.%s\" is a comparison itself", kpi->name, column->name),
				 errhint("Compare what it is computed from, or read it with smarketing.%s().", kpi->name)));
	other = psprintf("(%s)::numeric", column->aggregate != SMK_RATIO && column->unit == SMK_UNIT_MONEY
										  ? psprintf("smarketing.money(%s)", other)
									  : column->aggregate == SMK_SHARE
										  ? psprintf("round((%s)::numeric, 9)", other)
										  : other);
	outputs[0].template = value;
	outputs[1].template = other;
	outputs[2].template = psprintf("%s - %s", value, other);
	outputs[3].template = psprintf("(%s - %s) / CASE WHEN %s > 0 THEN %s END", value, other, other, other);
	return smk_compile(request, outputs, 4, false);
}

PG_FUNCTION_INFO_V1(smk_kpi_compare);

/* kpi_compare(metric, ...): a metric beside what it was, with the change. */
Datum
smk_kpi_compare(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	const SmkKpi *kpi;
	const SmkColumn *column;
	SmkShift shift;
	int level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"metric\" must not be null"),
				 errhint("SELECT metric FROM smarketing.metrics lists them.")));
	kpi = smk_metric_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), &column);
	smk_arguments_read(fcinfo, 1, &arguments);
	arguments.own_option = "against";
	shift = read_against(arguments.options);
	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	run_into_result(fcinfo,
					compile_comparison(smk_request(smk_config_load(), kpi, &arguments), column, shift));
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_kpi_sql);

/* kpi_sql(kpi, ...): the statement. */
Datum
smk_kpi_sql(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	int level = smk_statement_begin();
	char *sql = compile_named(fcinfo);
	text *result;

	MemoryContextSwitchTo(context);
	result = cstring_to_text(sql);
	smk_statement_end(level);
	PG_RETURN_TEXT_P(result);
}

PG_FUNCTION_INFO_V1(smk_kpi_explain);

/* kpi_explain(kpi, ...): the statement's plan, executed. */
Datum
smk_kpi_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int level;
	char *sql;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	level = smk_statement_begin();
	sql = psprintf("EXPLAIN (ANALYZE, BUFFERS) %s", compile_named(fcinfo));
	/* EXPLAIN is a utility statement: not for read-only SPI, though it writes nothing. */
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "could not explain the statement");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool is_null;
		Datum line = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &line, &is_null);
	}
	smk_statement_end(level);
	return (Datum) 0;
}

/* The names of what a column is computed from, each once, that have records of their own; palloc'd. */
static List *
add_measures(List *names, const SmkRequest *request, const SmkColumn *column)
{
	ListCell *cell;

	check_stack_depth();
	foreach (cell, smk_template_names(NIL, smk_column_template(request->kpi, column)))
	{
		const char *name;
		const SmkColumn *part;
		ListCell *known;

		(void) smk_shift_parse(lfirst(cell), &name);
		part = smk_kpi_column(request->kpi, name, request->basis);
		if (part == NULL || part->is_hidden || smk_column_is_ordered(part))
			continue;
		if (part->aggregate == SMK_RATIO)
		{
			names = add_measures(names, request, part);
			continue;
		}
		foreach (known, names)
			if (strcmp(lfirst(known), name) == 0)
				break;
		if (known == NULL)
			names = lappend(names, pstrdup(name));
	}
	return names;
}

/* The same as people list them. */
static char *
measures_of(const SmkRequest *request, const SmkColumn *column)
{
	List *names = add_measures(NIL, request, column);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < list_length(names); i++)
		appendStringInfo(&list, "%s%s",
						 i == 0						   ? ""
						 : i == list_length(names) - 1 ? " and "
													   : ", ",
						 (char *) list_nth(names, i));
	return list.data;
}

PG_FUNCTION_INFO_V1(smk_kpi_rows);

/* kpi_rows(measure, since, until, filter, options, max_rows): the records behind a figure. */
Datum
smk_kpi_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkArguments arguments = {0};
	const SmkKpi *kpi;
	const SmkColumn *column;
	SmkRequest *request;
	bool has_limit = !PG_ARGISNULL(5);
	int limit = has_limit ? PG_GETARG_INT32(5) : 0;
	int level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"measure\" must not be null"),
				 errhint("Measures: %s.", smk_measure_list(NULL))));
	if (has_limit && limit < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"max_rows\" must not be negative"), errhint("NULL lists all rows.")));
	kpi = smk_metric_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), &column);
	smk_arguments_read_range(fcinfo, 1, &arguments);
	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	request = smk_request(smk_config_load(), kpi, &arguments);
	request->lists_records = true;
	column = smk_kpi_column(kpi, column->name, request->basis);
	if (column->aggregate == SMK_RATIO || smk_column_is_ordered(column))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of %s is no measure: it has no records of its own", column->name, kpi->name),
				 column->aggregate == SMK_RATIO
					 ? errhint("It is computed from %s; ask for the rows of these. Measures: %s.",
							   measures_of(request, column), smk_measure_list(kpi))
					 : errhint("Measures: %s.", smk_measure_list(kpi))));
	run_into_result(fcinfo, smk_compile_rows(request, column, has_limit, limit));
	if (has_limit && tuplestore_tuple_count(rsinfo->setResult) >= limit)
	{
		uint64 total;
		bool is_null;

		if (SPI_execute(
				psprintf("SELECT count(*) FROM (%s) AS record", smk_compile_rows(request, column, false, 0)),
				true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not count the rows");
		total = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
		if (total > (uint64) limit)
			ereport(NOTICE, (errmsg("%d of " UINT64_FORMAT " rows are shown", limit, total),
							 errhint("Argument \"max_rows\" says how many; NULL lists all.")));
	}
	smk_statement_end(level);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_metric_name);

/* metric_name(metric): its full name; NULL for what is none. */
Datum
smk_metric_name(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const SmkColumn *column;
	const SmkKpi *kpi;

	if (!smk_metric_is_known(name))
		PG_RETURN_NULL();
	kpi = smk_metric_resolve(name, &column);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s.%s", kpi->name, column->name)));
}

PG_FUNCTION_INFO_V1(smk_metric_catalogue);

/* metric_catalogue(): a row a metric. */
Datum
smk_metric_catalogue(PG_FUNCTION_ARGS)
{
	static const char *const units[] = {"count",	"currency", "currency per day", "rate", "rate",
										"quotient", "hours"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int k = 0; k < smk_metric_kpi_count(); k++)
	{
		const SmkKpi *kpi = smk_metric_kpi(k);

		for (const SmkColumn *column = kpi->columns; column->name != NULL; column++)
		{
			const SmkLabel *en = smk_label_find(smk_labels_en, kpi, column);
			const SmkLabel *fr = smk_label_find(smk_labels_fr, kpi, column);
			Datum values[12];
			bool nulls[12] = {false};

			if (column->is_hidden || smk_kpi_column(kpi, column->name, NULL) != column)
				continue;
			if (en == NULL || fr == NULL)
				elog(ERROR, "metric %s.%s has no words", kpi->name, column->name);
			values[0] = CStringGetTextDatum(psprintf("%s.%s", kpi->name, column->name));
			nulls[1] = kpi->number == 0;
			values[1] = Int32GetDatum(kpi->number);
			values[2] = CStringGetTextDatum(column->aggregate == SMK_RATIO ? "ratio" : "measure");
			values[3] = CStringGetTextDatum(en->label);
			values[4] = CStringGetTextDatum(fr->label);
			values[5] = CStringGetTextDatum(units[column->unit]);
			values[6] = CStringGetTextDatum(column->higher_is_better ? "higher" : "lower");
			nulls[7] = column->numerator == NULL;
			values[7] = nulls[7] ? (Datum) 0 : CStringGetTextDatum(column->numerator);
			nulls[8] = column->denominator == NULL;
			values[8] = nulls[8] ? (Datum) 0 : CStringGetTextDatum(column->denominator);
			values[9] = BoolGetDatum(smk_column_is_additive(column));
			values[10] = CStringGetTextDatum(en->definition);
			values[11] = CStringGetTextDatum(fr->definition);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
