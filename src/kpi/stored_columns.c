/*
 * stored_columns.c: the columns of what is stored, and what people and tools are to know of each: its unit,
 * and whether it may be summed.
 */
#include "postgres.h"

#include "attribution/attribution_arguments.h"
#include "kpi/compiler.h"
#include "kpi/credit.h"
#include "kpi/stored_measure.h"
#include "kpi/stored.h"
#include "kpi/template.h"

/* What the amounts of a request are in. */
static const char *
unit_words(const SmkRequest *request, SmkUnit unit)
{
	const char *currency = request->config->currency ? request->config->currency : "the currency of the data";

	switch (unit)
	{
		case SMK_UNIT_COUNT:
			return "a count";
		case SMK_UNIT_MONEY:
			return psprintf("in %s", currency);
		case SMK_UNIT_MONEY_PER_DAY:
			return psprintf("in %s a day", currency);
		case SMK_UNIT_RATE:
			return "a share, 1 is 100 %";
		case SMK_UNIT_RETURN:
			return "a share, 1 is 100 %, of any size";
		case SMK_UNIT_QUOTIENT:
			return "a number";
		case SMK_UNIT_HOURS:
			return "in hours";
		case SMK_UNIT_TRUTH:
			return "true or false";
		case SMK_UNIT_TEXT:
		case SMK_UNIT_SUMMARY:
			break;
	}
	return "a summary";
}

/* "spend and leads": what people see of the columns that a template names. */
static char *
names_in_words(const SmkRequest *request, const char *template)
{
	StringInfoData words;
	List *names = NIL;
	int n = 0;
	ListCell *cell;

	foreach (cell, smk_template_names(NIL, template))
	{
		const char *measure;

		(void) smk_shift_parse(lfirst(cell), &measure);
		if (smk_kpi_column(request->kpi, measure, NULL) != NULL &&
			!smk_kpi_column(request->kpi, measure, NULL)->is_hidden)
			names = lappend(names, unconstify(char *, measure));
	}
	initStringInfo(&words);
	foreach (cell, names)
	{
		n++;
		appendStringInfo(&words, "%s%s",
						 n == 1					   ? ""
						 : n == list_length(names) ? " and "
												   : ", ",
						 (char *) lfirst(cell));
	}
	return words.len ? words.data : NULL;
}

/* A column of the KPI as a measure of the request's own range. */
static SmkMeasure
measure_of(const SmkColumn *column)
{
	return (SmkMeasure){.column = column, .shift = SMK_SHIFT_NONE};
}

/* True for a column that people see and that adds up over periods and dimensions. */
static bool
is_sum(const SmkRequest *request, const char *name)
{
	SmkMeasure measure = measure_of(smk_kpi_column(request->kpi, name, request->basis));

	return measure.column->aggregate != SMK_RATIO && !measure.column->is_hidden &&
		   smk_stored_adds_up(request, &measure);
}

/* True where a rollup leaves out what a column is made of: then it is NULL. */
static bool
is_left_out(const SmkRequest *request, const SmkColumn *column)
{
	SmkMeasure measure = measure_of(column);
	ListCell *cell;

	if (column->aggregate != SMK_RATIO)
		return smk_stored_is_left_out(request, &measure);
	foreach (cell, smk_template_names(NIL, smk_column_template(request->kpi, column)))
	{
		const char *name;

		measure.shift = smk_shift_parse(lfirst(cell), &name);
		measure.column = smk_kpi_column(request->kpi, name, request->basis);
		if (measure.column && (measure.column->aggregate != SMK_RATIO || measure.shift != SMK_SHIFT_NONE)
				? smk_stored_is_left_out(request, &measure)
				: measure.column && is_left_out(request, measure.column))
			return true;
	}
	return false;
}

/* Whether a column of the KPI may be summed, in words. */
static char *
sum_in_words(const SmkRequest *request, const SmkColumn *column)
{
	SmkMeasure measure = measure_of(column);
	char *names;

	if (column->aggregate == SMK_RATIO && column->value == NULL && is_sum(request, column->numerator) &&
		is_sum(request, column->denominator))
		return psprintf(
			"Must not be summed or averaged: over several rows divide the sum of %s by that of %s.",
			column->numerator, column->denominator);
	if (column->aggregate == SMK_RATIO)
	{
		names = names_in_words(request, smk_column_template(request->kpi, column));
		return names ? psprintf("Must not be summed or averaged: it is computed from %s.", names)
					 : pstrdup("Must not be summed or averaged.");
	}
	if (smk_stored_adds_up(request, &measure))
		return pstrdup("May be summed over periods and dimensions.");
	if (smk_column_is_at_close(column))
		return psprintf("May be summed over dimensions, never over periods: it %s.",
						smk_stored_reason(request, &measure));
	return psprintf("Must not be summed or averaged: it %s.", smk_stored_reason(request, &measure));
}

/* What a column of the KPI is, for people: its label and definition, its unit, whether it may be summed. */
static char *
column_comment(const SmkRequest *request, const SmkColumn *column)
{
	const SmkLabel *label = smk_label_find(smk_labels_en, request->kpi, column);

	if (strcmp(column->name, "is_mature") == 0)
		return pstrdup("True where every lead of the period has had its time to go on.");
	if (strcmp(column->name, "is_projection") == 0)
		return pstrdup("True where the figure is a projection.");
	if (is_left_out(request, column))
		return psprintf(
			"%s: not stored by %s, always NULL. Create a rollup by month, or call smarketing.kpi().",
			label ? label->label : column->name, smk_period_name(request->period));
	return psprintf("%s: %s; %s. %s", label ? label->label : column->name,
					label ? label->definition : "for others to be computed from",
					unit_words(request, column->unit), sum_in_words(request, column));
}

static SmkStoredColumn *
stored_column(const char *name, const char *type, char *comment, bool is_key, bool is_additive)
{
	SmkStoredColumn *column = palloc(sizeof(SmkStoredColumn));

	*column = (SmkStoredColumn){name, type, comment, is_key, is_additive};
	return column;
}

static SmkStoredColumn *
period_column(const SmkRequest *request)
{
	return stored_column("period_start", "date",
						 request->period == SMK_DAY
							 ? psprintf("The day, in time zone %s.", request->time_zone)
							 : psprintf("First day of the %s, in time zone %s.",
										smk_period_name(request->period), request->time_zone),
						 true, false);
}

/* The columns of the dimensions. */
static List *
dimension_columns(const SmkRequest *request, List *columns)
{
	ListCell *cell;

	foreach (cell, request->by)
	{
		const SmkBy *by = lfirst(cell);

		columns =
			lappend(columns, stored_column(by->name, "text",
										   psprintf("Dimension %s; (none) where it is missing%s.", by->name,
													request->kpi->entity &&
															strcmp(request->kpi->entity, "credit") == 0 &&
															smk_credit_is_of_touch(by)
														? ", " SMK_UNATTRIBUTED " where no touch led to it"
														: ""),
										   true, false));
	}
	return columns;
}

/* The columns of smk_stored_view(): of SmkStoredColumn. */
List *
smk_stored_view_columns(const SmkRequest *request)
{
	List *result = list_make2(period_column(request),
							  stored_column("is_partial", "boolean",
											"True where the figures are not those of a whole period: it "
											"still runs, or ran at the last refresh of a rollup.",
											false, false));
	int count;
	SmkOutput *outputs = smk_compile_outputs(request, &count);

	result = dimension_columns(request, result);
	for (int i = 0; i < count; i++)
	{
		const SmkColumn *column = smk_kpi_column(request->kpi, outputs[i].name, request->basis);
		SmkMeasure measure;

		/* Of another basis. */
		if (column == NULL)
			column = smk_kpi_column(request->kpi, outputs[i].name, NULL);
		measure = measure_of(column);
		result = lappend(
			result,
			stored_column(column->name, smk_unit_type(column->unit), column_comment(request, column), false,
						  column->aggregate != SMK_RATIO && smk_stored_adds_up(request, &measure)));
	}
	return result;
}

/* The columns of smk_stored_parts(): of SmkStoredColumn. */
List *
smk_stored_part_columns(const SmkRequest *request)
{
	List *result = dimension_columns(request, list_make1(period_column(request)));
	ListCell *cell;

	foreach (cell, smk_stored_measures(request))
	{
		const SmkMeasure *measure = lfirst(cell);
		bool is_additive = smk_stored_adds_up(request, measure);

		result = lappend(
			result, stored_column(measure->name, smk_measure_type(measure),
								  is_additive ? pstrdup("Adds up over periods and dimensions; not rounded.")
											  : psprintf("Does not add up: it %s.",
														 smk_stored_reason(request, measure)),
								  false, is_additive));
	}
	return lappend(result,
				   stored_column("refreshed_at", "timestamptz", "When the row was computed.", false, false));
}
