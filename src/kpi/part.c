/*
 * part.c: one record set's part of a statement: counts and sums, or medians, or both, grouped by period and
 * raw dimensions.
 */
#include "postgres.h"

#include "nodes/bitmapset.h"
#include "utils/builtins.h"

#include "kpi/currency.h"
#include "kpi/dimension.h"
#include "kpi/part.h"
#include "kpi/source.h"
#include "kpi/template.h"

/* Inside of a part, the columns that a record carries go by their plain names. */
static char *
replace_record_column(void *state, const char *name)
{
	(void) state;
	return psprintf("record.%s", quote_identifier(name[0] == '@' ? name + 1 : name));
}

static char *
record_template(const char *template)
{
	return smk_template_replace(template, replace_record_column, NULL);
}

/* The type of a measure's column in a statement. */
const char *
smk_measure_type(const SmkMeasure *measure)
{
	return measure->shift == SMK_SHIFT_GOAL || measure->column->aggregate == SMK_SHARE
			   ? "numeric"
			   : smk_unit_type(measure->column->unit);
}

/* Adds "name AS by_1, ..." for the dimensions of the request, and their text or raw value. */
void
smk_part_append_dimensions(SmkRecords *records, bool as_text, const char *measure, StringInfo sql)
{
	const SmkRequest *request = records->request;

	for (int i = 0; i < list_length(request->by); i++)
	{
		SmkBy *by = list_nth(request->by, i);
		char *raw = smk_records_dimension(records, by, measure);

		appendStringInfo(sql, ", %s AS by_%d", as_text ? smk_dimension_text(request, by, raw) : raw, i + 1);
	}
}

/* Adds ", <prefix>by_1, ..." once a dimension. */
void
smk_part_append_by(const SmkRequest *request, const char *prefix, StringInfo sql)
{
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(sql, ", %sby_%d", prefix, i + 1);
}

/* True where the call wants to know when the data begin. */
bool
smk_part_wants_first(const SmkRequest *request)
{
	return request->is_all && !request->has_since;
}

/* A part's select list: one column a measure of the statement, those that this part does not give as NULL. */
void
smk_part_append_measures(const SmkStatement *statement, List *given,
						 char *(*write)(const SmkMeasure *measure), StringInfo sql)
{
	ListCell *cell;

	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (!measure->is_available)
			continue;
		appendStringInfo(sql, ",\n       %s AS %s",
						 list_member_ptr(given, measure) ? write(measure)
														 : psprintf("NULL::%s", smk_measure_type(measure)),
						 measure->name);
	}
}

/* The name under which a record tells that it falls into the range of a shift. */
static char *
range_name(SmkShift shift)
{
	return psprintf("is_%s", shift == SMK_SHIFT_NONE ? "in_range" : smk_shift_name(shift));
}

/* The FILTER clause of a measure that takes but some of the records; or empty. */
static char *
write_filter(const SmkMeasure *given)
{
	const char *condition = given->column->condition;
	char *range = given->range ? psprintf("record.%s", range_name(given->shift)) : NULL;

	if (condition == NULL && range == NULL)
		return "";
	return psprintf(" FILTER (WHERE %s%s%s)", range ? range : "", range && condition ? " AND " : "",
					condition ? record_template(condition) : "");
}

static char *
write_additive(const SmkMeasure *given)
{
	const SmkColumn *measure = given->column;
	char *filter = write_filter(given);

	if (measure->aggregate == SMK_COUNT)
		return psprintf("count(*)%s", filter);
	if (measure->aggregate == SMK_SUMMARY)
		return psprintf("smarketing.funnel(%s)%s", record_template(measure->value), filter);
	if (measure->aggregate == SMK_SHARE)
		return psprintf("sum(%s)%s", record_template(measure->value), filter);
	/* [amount] of the entity: NaN and infinity must not become a figure. */
	return psprintf("smarketing.finite_amount(sum(%s)%s, '%s', '%s')", record_template(measure->value),
					filter, given->entity, (char *) linitial(smk_template_names(NIL, measure->value)));
}

/* What does not add up: a median of hours, or the most frequent value, the first in byte order of several. */
static char *
write_ordered(const SmkMeasure *given)
{
	if (given->column->aggregate == SMK_MODE)
		return psprintf("mode() WITHIN GROUP (ORDER BY (%s)::text COLLATE \"C\")%s",
						record_template(given->column->value), write_filter(given));
	return psprintf(
		"percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM (%s))::double precision / 3600)%s",
		record_template(given->column->value), write_filter(given));
}

static char *
write_measure(const SmkMeasure *given)
{
	return smk_column_is_ordered(given->column) ? write_ordered(given) : write_additive(given);
}

/* True where one of the measures does not add up, which takes the dimensions as they are shown. */
static bool
any_is_ordered(List *given)
{
	ListCell *cell;

	foreach (cell, given)
		if (smk_column_is_ordered(((SmkMeasure *) lfirst(cell))->column))
			return true;
	return false;
}

/* True where one of the measures reads the column as an instant. */
static bool
given_as_instant(List *given, const char *name)
{
	const char *mark = psprintf("[@%s]", name);
	ListCell *cell;

	foreach (cell, given)
	{
		const SmkColumn *column = ((SmkMeasure *) lfirst(cell))->column;

		if ((column->value && strstr(column->value, mark)) ||
			(column->condition && strstr(column->condition, mark)))
			return true;
	}
	return false;
}

/*
 * The records of a part: bucket, dimensions, and the columns that the measures' templates name. With
 * currencies also the currency and the day whose rate converts it.
 */
static char *
part_records(SmkRecords *records, List *given, bool dimensions_as_text, bool with_currency,
			 const char *condition)
{
	const SmkRequest *request = records->request;
	const char *first = ((SmkMeasure *) linitial(given))->column->name;
	const char *own = records->set->condition ? smk_records_expand(records, records->set->condition) : NULL;
	char *currency = with_currency ? smk_records_column(records, "currency") : NULL;
	bool is_fenced = !request->is_all && !smk_records_bucket_is_known(records);
	StringInfoData sql;
	Bitmapset *ranges = NULL;
	List *names = NIL;
	ListCell *cell;

	initStringInfo(&sql);
	if (!request->is_all)
		appendStringInfo(&sql, "SELECT %s AS period_start", smk_records_bucket(records));
	else if (smk_part_wants_first(request))
		appendStringInfo(&sql, "SELECT %s AS dated_at", smk_records_dated_at(records));
	else
		appendStringInfoString(&sql, "SELECT true AS is_there");
	if (currency)
	{
		appendStringInfo(&sql, ", %s AS currency, %s AS rate_on", currency,
						 smk_records_rate_day(records, currency));
		is_fenced = true;
	}
	smk_part_append_dimensions(records, dimensions_as_text, first, &sql);
	foreach (cell, given)
	{
		const SmkMeasure *measure = lfirst(cell);

		if (measure->range == NULL || bms_is_member(measure->shift, ranges))
			continue;
		ranges = bms_add_member(ranges, measure->shift);
		appendStringInfo(&sql, ",\n    %s AS %s", smk_records_in_range_of(records, measure->range),
						 range_name(measure->shift));
	}
	foreach (cell, given)
	{
		const SmkColumn *column = ((SmkMeasure *) lfirst(cell))->column;

		names = smk_template_names(smk_template_names(names, column->value), column->condition);
	}
	foreach (cell, names)
	{
		const char *name = lfirst(cell);

		appendStringInfo(&sql, ",\n    %s AS %s",
						 given_as_instant(given, name) ? smk_records_instant(records, name)
													   : smk_records_column(records, name),
						 quote_identifier(name));
	}
	if (own && condition)
		condition = psprintf("%s\n   AND %s", own, condition);
	appendStringInfo(&sql, "\n%s", smk_records_from(records, first, false, condition ? condition : own));
	/*
	 * The fence: an expression in GROUP BY would be estimated at millions of groups, and sorted. Its zero is
	 * a bigint constant: an integer is still a cast when the planner decides on parallel plans, and would
	 * forbid partial aggregation over it.
	 */
	if (is_fenced)
		appendStringInfoString(&sql, "\nOFFSET bigint '0'");
	return sql.data;
}

/* Writes the dimensions of a part as shown, from their text or their raw values. */
static void
append_shown_dimensions(const SmkRequest *request, const char *from, bool is_text, StringInfo sql)
{
	for (int i = 0; i < list_length(request->by); i++)
	{
		SmkBy *by = list_nth(request->by, i);
		char *raw = psprintf("%s.by_%d", from, i + 1);

		if (is_text)
			appendStringInfo(sql, ", %s", raw);
		else
			appendStringInfo(sql, ", %s AS by_%d", smk_dimension_text(request, by, raw), i + 1);
	}
}

/* Writes the head of a part's select list: the period's start, the dimensions as shown. */
void
smk_part_append_head(const SmkRequest *request, const char *from, bool is_text, StringInfo sql)
{
	if (request->is_all)
		appendStringInfoString(sql, "SELECT NULL::date AS period_start");
	else
		appendStringInfo(sql, "SELECT %s.period_start", from);
	append_shown_dimensions(request, from, is_text, sql);
}

/* Writes the columns after the measures: first_at, and no currency. */
void
smk_part_append_tail(const SmkStatement *statement, const char *first_at, StringInfo sql)
{
	if (smk_part_wants_first(statement->request))
		appendStringInfo(sql, ",\n       %s AS first_at", first_at);
	if (statement->has_currencies)
		appendStringInfoString(
			sql, ",\n       NULL::text AS currency, NULL::date AS rate_on, NULL::numeric AS rate");
}

/* Writes a part's GROUP BY over the alias, with further columns (or NULL). */
void
smk_part_append_group_by(const SmkRequest *request, const char *alias, const char *more, StringInfo sql)
{
	StringInfoData list;

	initStringInfo(&list);
	if (!request->is_all)
		appendStringInfo(&list, ", %s.period_start", alias);
	smk_part_append_by(request, psprintf("%s.", alias), &list);
	if (more)
		appendStringInfo(&list, ", %s", more);
	if (list.len)
		appendStringInfo(sql, "\nGROUP BY %s", list.data + 2);
}

/*
 * The condition that a record counts for one of the measures; NULL where one of them takes every record of
 * the set.
 */
static char *
any_condition(SmkRecords *records, List *given)
{
	List *conditions = NIL;
	StringInfoData sql;
	ListCell *cell;
	ListCell *known;

	foreach (cell, given)
	{
		const SmkColumn *column = ((SmkMeasure *) lfirst(cell))->column;
		const char *condition = column->condition;

		/* Of the events of a funnel nearly all count. */
		if (condition == NULL || column->aggregate == SMK_SUMMARY ||
			(records->set->condition && strcmp(condition, records->set->condition) == 0))
			return NULL;
		foreach (known, conditions)
			if (strcmp(lfirst(known), condition) == 0)
				break;
		if (known == NULL)
			conditions = lappend(conditions, pstrdup(condition));
	}
	initStringInfo(&sql);
	foreach (cell, conditions)
		appendStringInfo(&sql, "%s%s", sql.len ? " OR " : "", smk_records_expand(records, lfirst(cell)));
	return list_length(conditions) > 1 ? psprintf("(%s)", sql.data) : sql.data;
}

/* True where a sum of money is among the measures, and its amounts have currencies. */
bool
smk_part_has_currency(SmkRecords *records, List *given)
{
	ListCell *cell;

	if (smk_records_column(records, "currency") == NULL)
		return false;
	foreach (cell, given)
		if (smk_column_is_money(((SmkMeasure *) lfirst(cell))->column))
			return true;
	return false;
}

#define FIRST_AT "min(record.dated_at) FILTER (WHERE isfinite(record.dated_at))"

/* The part of a record set's counts and sums, of its medians, or of both. */
void
smk_part(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	const SmkColumn *first = ((SmkMeasure *) linitial(given))->column;
	const char *first_at = smk_part_wants_first(request) ? FIRST_AT : "NULL::timestamptz";
	bool is_ordered = any_is_ordered(given);
	bool with_currency = statement->has_currencies && smk_part_has_currency(records, given);
	char *condition = NULL;
	StringInfoData sql;

	initStringInfo(&sql);
	condition = any_condition(records, given);
	appendStringInfo(&sql, "-- %s%s\n", first->records->name,
					 records->lumps == SMK_LUMPS_ONLY ? ", lumps" : "");
	smk_part_append_head(request, "record", is_ordered, &sql);
	smk_part_append_measures(statement, given, write_measure, &sql);
	if (with_currency)
	{
		if (smk_part_wants_first(statement->request))
			appendStringInfo(&sql, ",\n       %s AS first_at", first_at);
		appendStringInfoString(&sql,
							   ",\n       " SMK_CURRENCY_CODE(
								   "record.currency") " AS currency, record.rate_on, NULL::numeric AS rate");
	}
	else
		smk_part_append_tail(statement, first_at, &sql);
	appendStringInfo(&sql, "\nFROM (\n    %s) AS record",
					 smk_sql_indent(part_records(records, given, is_ordered, with_currency, condition), 4));
	smk_part_append_group_by(request, "record", with_currency ? "record.rate_on, record.currency" : NULL,
							 &sql);
	statement->parts = lappend(statement->parts, sql.data);
}
