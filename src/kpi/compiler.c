/*
 * compiler.c: a request as one SQL statement: a part a record set, each grouped by period and raw dimensions;
 * their union grouped once more by the dimensions as shown; and expressions over that.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/compiler.h"
#include "kpi/records.h"
#include "kpi/source.h"

/* A measure of the statement, and whether what is bound can give it. */
typedef struct Measure
{
	const SmkColumn *column;
	bool is_available;
} Measure;

typedef struct Compiler
{
	const SmkRequest *request;
	List *measures;	   /* of Measure */
	List *parts;	   /* of char *: SQL */
	SmkBinding *entry; /* our own table of spend, where it has rows */
} Compiler;

/* The type of a unit's figures. */
const char *
smk_unit_type(SmkUnit unit)
{
	switch (unit)
	{
		case SMK_UNIT_COUNT:
			return "bigint";
		case SMK_UNIT_MONEY:
		case SMK_UNIT_MONEY_PER_DAY:
			return "numeric";
		case SMK_UNIT_RATE:
		case SMK_UNIT_QUOTIENT:
		case SMK_UNIT_HOURS:
			return "double precision";
	}
	return "text";
}

/* The template over measures that gives a column of a KPI; palloc'd. */
char *
smk_column_template(const SmkKpi *kpi, const SmkColumn *column)
{
	if (column->aggregate != SMK_RATIO)
		return column->unit == SMK_UNIT_MONEY
				   ? psprintf("round([%s], least(scale([%s]), 6))", column->name, column->name)
				   : psprintf("[%s]", column->name);
	if (column->value != NULL)
		return column->unit == SMK_UNIT_MONEY_PER_DAY ? psprintf("round(%s, 6)", column->value)
													  : pstrdup(column->value);
	if (column->unit == SMK_UNIT_MONEY)
		return psprintf("smarketing.money_per([%s], [%s])", column->numerator, column->denominator);
	if (smk_kpi_column(kpi, column->numerator, NULL)->unit == SMK_UNIT_MONEY)
		return psprintf("([%s] / nullif([%s], 0))::double precision", column->numerator, column->denominator);
	return psprintf("[%s]::double precision / nullif([%s], 0)", column->numerator, column->denominator);
}

/* The names between brackets, each once, without the mark of an instant. */
static List *
template_names(List *names, const char *template)
{
	const char *open;

	while (template != NULL && (open = strchr(template, '[')) != NULL)
	{
		const char *close = strchr(open, ']');
		const char *start = open[1] == '@' ? open + 2 : open + 1;
		char *name = pnstrdup(start, close - start);
		ListCell *cell;

		foreach (cell, names)
			if (strcmp(lfirst(cell), name) == 0)
				break;
		if (cell == NULL)
			names = lappend(names, name);
		template = close;
	}
	return names;
}

/* The template with each name replaced by what replace gives for it. */
static char *
template_replace(const char *template, char *(*replace)(void *state, const char *name), void *state)
{
	StringInfoData result;

	initStringInfo(&result);
	while (*template)
	{
		const char *close;
		const char *start;

		if (*template != '[')
		{
			appendStringInfoChar(&result, *template ++);
			continue;
		}
		close = strchr(template, ']');
		start = template[1] == '@' ? template + 2 : template + 1;
		appendStringInfoString(&result, replace(state, pnstrdup(start, close - start)));
		template = close + 1;
	}
	return result.data;
}

/* Inside of a part, the columns that a record carries go by their plain names. */
static char *
replace_record_column(void *state, const char *name)
{
	(void) state;
	return psprintf("record.%s", quote_identifier(name));
}

static char *
record_template(const char *template)
{
	return template_replace(template, replace_record_column, NULL);
}

/* Adds "name AS by_1, ..." for the dimensions of the request, and their text or raw value. */
static void
append_dimensions(SmkRecords *records, bool as_text, const char *measure, StringInfo sql)
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
static void
append_by(const SmkRequest *request, const char *prefix, StringInfo sql)
{
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(sql, ", %sby_%d", prefix, i + 1);
}

/* True where the call wants to know when the data begin. */
static bool
wants_first(const SmkRequest *request)
{
	return request->is_all && !request->has_since;
}

/* A part's select list: one column a measure of the statement, those that this part does not give as NULL. */
static void
append_measures(const Compiler *compiler, List *given, char *(*write)(const SmkColumn *measure),
				StringInfo sql)
{
	ListCell *cell;

	foreach (cell, compiler->measures)
	{
		Measure *measure = lfirst(cell);

		if (!measure->is_available)
			continue;
		appendStringInfo(sql, ",\n       %s AS %s",
						 list_member_ptr(given, measure)
							 ? write(measure->column)
							 : psprintf("NULL::%s", smk_unit_type(measure->column->unit)),
						 measure->column->name);
	}
}

static char *
write_additive(const SmkColumn *measure)
{
	char *filter =
		measure->condition ? psprintf(" FILTER (WHERE %s)", record_template(measure->condition)) : "";

	if (measure->aggregate == SMK_COUNT)
		return psprintf("count(*)%s", filter);
	/* [amount] of the entity: NaN and infinity must not become a figure. */
	return psprintf("smarketing.finite_amount(sum(%s)%s, '%s', '%s')", record_template(measure->value),
					filter, measure->records->entity, (char *) linitial(template_names(NIL, measure->value)));
}

static char *
write_median(const SmkColumn *measure)
{
	return psprintf(
		"percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM (%s))::double precision / 3600)",
		record_template(measure->value));
}

static char *
write_stock(const SmkColumn *measure)
{
	return psprintf("level.%s", measure->name);
}

static char *
write_count(const SmkColumn *measure)
{
	return psprintf("count(*) FILTER (WHERE record.is_%s)", measure->name);
}

/* True where one of the measures reads the column as an instant. */
static bool
given_as_instant(List *given, const char *name)
{
	const char *mark = psprintf("[@%s]", name);
	ListCell *cell;

	foreach (cell, given)
	{
		const SmkColumn *column = ((Measure *) lfirst(cell))->column;

		if ((column->value && strstr(column->value, mark)) ||
			(column->condition && strstr(column->condition, mark)))
			return true;
	}
	return false;
}

/* The records of a part: bucket, dimensions, and the columns that the measures' templates name. */
static char *
part_records(SmkRecords *records, List *given, bool dimensions_as_text, const char *condition)
{
	const SmkRequest *request = records->request;
	const char *first = ((Measure *) linitial(given))->column->name;
	const char *own = records->set->condition ? smk_records_expand(records, records->set->condition) : NULL;
	StringInfoData sql;
	List *names = NIL;
	ListCell *cell;

	initStringInfo(&sql);
	if (!request->is_all)
		appendStringInfo(&sql, "SELECT %s AS period_start", smk_records_bucket(records));
	else if (wants_first(request))
		appendStringInfo(&sql, "SELECT %s AS dated_at", smk_records_dated_at(records));
	else
		appendStringInfoString(&sql, "SELECT true AS is_there");
	append_dimensions(records, dimensions_as_text, first, &sql);
	foreach (cell, given)
	{
		const SmkColumn *column = ((Measure *) lfirst(cell))->column;

		names = template_names(template_names(names, column->value), column->condition);
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
	if (!request->is_all && !smk_records_bucket_is_known(records))
		appendStringInfoString(&sql, "\nOFFSET bigint '0'");
	return sql.data;
}

/* Writes the head of a part's select list: the period's start, the dimensions as shown. */
static void
append_part_head(const SmkRequest *request, const char *from, bool is_text, StringInfo sql)
{
	if (request->is_all)
		appendStringInfoString(sql, "SELECT NULL::date AS period_start");
	else
		appendStringInfo(sql, "SELECT %s.period_start", from);
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

/* Writes a part's GROUP BY over the alias. */
static void
append_group_by(const SmkRequest *request, const char *alias, StringInfo sql)
{
	StringInfoData list;

	initStringInfo(&list);
	if (!request->is_all)
		appendStringInfo(&list, ", %s.period_start", alias);
	append_by(request, psprintf("%s.", alias), &list);
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
		const char *condition = ((Measure *) lfirst(cell))->column->condition;

		if (condition == NULL || (records->set->condition && strcmp(condition, records->set->condition) == 0))
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

/* The part of a record set's counts and sums, or of one median. */
static void
compile_part(Compiler *compiler, SmkRecords *records, List *given)
{
	const SmkRequest *request = compiler->request;
	const SmkColumn *first = ((Measure *) linitial(given))->column;
	bool is_median = first->aggregate == SMK_MEDIAN;
	char *condition = NULL;
	StringInfoData sql;

	initStringInfo(&sql);
	condition = any_condition(records, given);
	appendStringInfo(&sql, "-- %s\n", first->records->name);
	append_part_head(request, "record", is_median, &sql);
	append_measures(compiler, given, is_median ? write_median : write_additive, &sql);
	if (wants_first(request))
		appendStringInfoString(
			&sql, ",\n       min(record.dated_at) FILTER (WHERE isfinite(record.dated_at)) AS first_at");
	appendStringInfo(&sql, "\nFROM (\n    %s) AS record",
					 smk_sql_indent(part_records(records, given, is_median, condition), 4));
	append_group_by(request, "record", &sql);
	compiler->parts = lappend(compiler->parts, sql.data);
}

/* SQL for the instant from which a record belongs to a stock: not before it exists. */
static char *
stock_starts(SmkRecords *records, const SmkColumn *measure)
{
	char *created = smk_records_instant(records, records->set->at);

	if (strcmp(measure->value, records->set->at) == 0)
		return created;
	/* greatest() would take the one that is known: without the second time nothing belongs to the stock. */
	return psprintf("CASE WHEN %s IS NOT NULL THEN greatest(%s, %s) END",
					smk_records_instant(records, measure->value), created,
					smk_records_instant(records, measure->value));
}

/* SQL for the instant at which a record leaves its stock; NULL while it is open. */
static char *
stock_ends(SmkRecords *records)
{
	char *ends = smk_records_instant(records, records->set->ends);

	if (ends == NULL)
		return pstrdup("NULL::timestamptz");
	return psprintf("CASE WHEN %s IS NOT NULL THEN %s END", smk_records_column(records, "won"), ends);
}

/*
 * The part of a stock over one range: what is there when it ends, or now.
 */
static void
compile_stock_of_range(Compiler *compiler, SmkRecords *records, List *given)
{
	const SmkRequest *request = compiler->request;
	char *cut = smk_timestamp_literal(Min(request->until, request->now));
	char *created = smk_records_instant(records, records->set->at);
	char *ends = stock_ends(records);
	char *won = smk_records_column(records, "won");
	const char *first = ((Measure *) linitial(given))->column->name;
	StringInfoData inner;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&inner);
	initStringInfo(&sql);
	appendStringInfo(&inner, "SELECT %s AS dated_at", smk_records_dated_at(records));
	append_dimensions(records, false, first, &inner);
	foreach (cell, given)
	{
		const SmkColumn *measure = ((Measure *) lfirst(cell))->column;
		char *starts = stock_starts(records, measure);

		if (request->is_unbounded && strcmp(measure->value, records->set->at) == 0)
			starts = psprintf("coalesce(%s, '-infinity')", starts);
		appendStringInfo(&inner, ", coalesce(%s < %s, false) AS is_%s", starts, cut, measure->name);
	}
	appendStringInfo(
		&inner, "\n%s",
		smk_records_from(records, first, true,
						 psprintf("(%s < %s%s)\n   AND (%s IS NULL OR %s >= %s)", created, cut,
								  request->is_unbounded ? psprintf(" OR %s IS NULL", created) : "", won, ends,
								  cut)));
	appendStringInfo(&sql, "-- %s\n", records->set->name);
	append_part_head(request, "record", false, &sql);
	append_measures(compiler, given, write_count, &sql);
	if (wants_first(request))
		appendStringInfoString(
			&sql, ",\n       min(record.dated_at) FILTER (WHERE isfinite(record.dated_at)) AS first_at");
	appendStringInfo(&sql, "\nFROM (\n    %s) AS record", smk_sql_indent(inner.data, 4));
	append_group_by(request, "record", &sql);
	compiler->parts = lappend(compiler->parts, sql.data);
}

/*
 * The part of a stock by period: each record adds one when it comes and takes one when it leaves; the running
 * sum is the level, written into every period until it changes. Days before the first period open with their
 * sum.
 */
static void
compile_stock_by_period(Compiler *compiler, SmkRecords *records, List *given)
{
	const SmkRequest *request = compiler->request;
	const char *first = ((Measure *) linitial(given))->column->name;
	char *ends = stock_ends(records);
	char *won = smk_records_column(records, "won");
	bool is_fiscal = request->period == SMK_FISCAL_QUARTER || request->period == SMK_FISCAL_YEAR;
	/* What came before the range is there when its first period begins. */
	char *bucket = psprintf("smarketing.period_start('%s', greatest(moved.at, %s), %s%s)",
							smk_period_name(request->period),
							smk_timestamp_literal(smk_zone_first_instant(request->zone, request->first)),
							quote_literal_cstr(request->time_zone),
							is_fiscal ? psprintf(", %d", request->config->fiscal_year_start) : "");
	StringInfoData inner;
	StringInfoData moves;
	StringInfoData names;
	StringInfoData by;
	StringInfoData sql;
	ListCell *cell;
	int n = 0;

	initStringInfo(&inner);
	initStringInfo(&moves);
	initStringInfo(&names);
	initStringInfo(&by);
	initStringInfo(&sql);

	appendStringInfo(&inner, "SELECT %s AS ends_at", ends);
	append_dimensions(records, true, first, &inner);
	foreach (cell, given)
	{
		const SmkColumn *measure = ((Measure *) lfirst(cell))->column;

		appendStringInfo(&inner, ", %s AS %s_from", stock_starts(records, measure), measure->name);
		appendStringInfo(&names, ", %s", measure->name);
		for (int way = 1; way >= -1; way -= 2)
		{
			appendStringInfo(
				&moves, "%s(CASE WHEN record.%s_from < coalesce(record.ends_at, 'infinity') THEN %s%s END",
				moves.len ? ",\n        " : "", measure->name, way > 0 ? "record." : "record.ends_at",
				way > 0 ? psprintf("%s_from", measure->name) : "");
			for (int i = 0; i < list_length(given); i++)
				appendStringInfo(&moves, ", %d", i == n ? way : 0);
			appendStringInfoChar(&moves, ')');
		}
		n++;
	}
	appendStringInfo(
		&inner, "\n%s\nOFFSET bigint '0'",
		smk_records_from(records, first, true,
						 psprintf("%s < %s\n   AND (%s IS NULL OR %s IS NOT NULL)",
								  smk_records_instant(records, records->set->at),
								  smk_timestamp_literal(Min(request->until, request->now)), won, ends)));

	append_by(request, "", &by);
	appendStringInfo(&sql, "-- %s\n", records->set->name);
	appendStringInfoString(&sql, "SELECT day::date AS period_start");
	append_by(request, "level.", &sql);
	append_measures(compiler, given, write_stock, &sql);
	appendStringInfo(&sql, "\nFROM (\n    SELECT step.period_start%s", by.data);
	foreach (cell, given)
	{
		const char *name = ((Measure *) lfirst(cell))->column->name;

		appendStringInfo(&sql, ",\n           (sum(sum(step.%s)) OVER course)::bigint AS %s", name, name);
	}
	appendStringInfo(
		&sql,
		",\n           lead(step.period_start) OVER course AS next_start"
		"\n    FROM (\n        SELECT %s AS period_start%s%s"
		"\n        FROM (\n            %s) AS record"
		"\n        CROSS JOIN LATERAL (VALUES\n        %s) AS moved (at%s)"
		"\n        WHERE moved.at < %s\n        OFFSET bigint '0') AS step"
		"\n    GROUP BY step.period_start%s"
		"\n    WINDOW course AS (%s%s ORDER BY step.period_start)) AS level"
		"\nCROSS JOIN LATERAL generate_series(level.period_start::timestamp,"
		"\n    coalesce(level.next_start, %s)::timestamp - interval '1 day', interval '%s') AS day",
		bucket, by.data, names.data, smk_sql_indent(inner.data, 12), moves.data, names.data,
		smk_timestamp_literal(Min(request->until, request->now)), by.data, by.len ? "PARTITION BY " : "",
		by.len ? by.data + 2 : "", smk_date_literal(request->end), smk_period_step(request->period));
	appendStringInfoString(&sql, "\nWHERE ");
	n = 0;
	foreach (cell, given)
		appendStringInfo(&sql, "%slevel.%s > 0", n++ ? " OR " : "", ((Measure *) lfirst(cell))->column->name);
	compiler->parts = lappend(compiler->parts, sql.data);
}

/* True where the record set over this binding can give the measure. */
static bool
measure_is_available(const Compiler *compiler, const SmkColumn *column, SmkBinding *binding)
{
	SmkRecords *records;

	if (binding == NULL)
		return false;
	records = smk_records(compiler->request, column->records, binding);
	/* Without a time nothing falls into a period; the whole range takes what has none. */
	if (!compiler->request->is_unbounded && smk_records_column(records, column->records->at) == NULL)
		return false;
	if (column->aggregate == SMK_STOCK)
		return smk_records_column(records, column->value) != NULL &&
			   smk_records_column(records, "won") != NULL;
	return smk_records_have(records, column->records->condition) &&
		   smk_records_have(records, column->value) && smk_records_have(records, column->condition);
}

/* Makes the parts of one record set, over what is bound and, for spend, over what was entered. */
static void
compile_set(Compiler *compiler, const SmkRecordSet *set)
{
	SmkBinding *bindings[2];

	bindings[0] = smk_config_binding(compiler->request->config, set->entity);
	bindings[1] = strcmp(set->entity, "spend") == 0 ? compiler->entry : NULL;
	for (int b = 0; b < 2; b++)
	{
		List *additive = NIL;
		List *stock = NIL;
		ListCell *cell;

		if (bindings[b] == NULL)
			continue;
		foreach (cell, compiler->measures)
		{
			Measure *measure = lfirst(cell);
			SmkRecords *records;

			if (!measure->is_available || measure->column->records != set)
				continue;
			if (measure->column->aggregate == SMK_STOCK)
				stock = lappend(stock, measure);
			else if (measure->column->aggregate == SMK_MEDIAN)
			{
				records = smk_records(compiler->request, set, bindings[b]);
				compile_part(compiler, records, list_make1(measure));
			}
			else
				additive = lappend(additive, measure);
		}
		if (additive)
		{
			compile_part(compiler, smk_records(compiler->request, set, bindings[b]), additive);
		}
		if (stock)
		{
			SmkRecords *records = smk_records(compiler->request, set, bindings[b]);

			if (compiler->request->is_all)
				compile_stock_of_range(compiler, records, stock);
			else
				compile_stock_by_period(compiler, records, stock);
		}
	}
}

/* Our own table of spend as a binding, where it has rows; else NULL. */
static SmkBinding *
entry_binding(void)
{
	static const char *const columns[] = {"at",	  "amount",	 "channel", "campaign",
										  "kind", "segment", "product", "owner"};
	SmkBinding *binding;

	if (!smk_spend_was_entered())
		return NULL;
	binding = palloc0(sizeof(SmkBinding));
	binding->entity = smk_entity_find("spend");
	binding->relation = "smarketing.spend_entry";
	binding->time_zone = "UTC";
	binding->is_own = true;
	for (size_t i = 0; i < lengthof(columns); i++)
		binding->columns[smk_entity_column(binding->entity, columns[i])].text =
			psprintf("spend.%s", quote_identifier(columns[i]));
	return binding;
}

/* Notes the measures that a template over measures needs, by the request's basis. */
static void
compiler_need(Compiler *compiler, const char *template)
{
	ListCell *cell;

	foreach (cell, template_names(NIL, template))
	{
		const SmkColumn *column =
			smk_kpi_column(compiler->request->kpi, lfirst(cell), compiler->request->basis);
		Measure *measure;
		ListCell *known;

		if (column == NULL)
			elog(ERROR, "template \"%s\" names no column of %s", template, compiler->request->kpi->name);
		if (column->aggregate == SMK_RATIO)
		{
			compiler_need(compiler, smk_column_template(compiler->request->kpi, column));
			continue;
		}
		foreach (known, compiler->measures)
			if (((Measure *) lfirst(known))->column == column)
				break;
		if (known != NULL)
			continue;
		measure = palloc(sizeof(Measure));
		measure->column = column;
		measure->is_available =
			measure_is_available(compiler, column,
								 smk_config_binding(compiler->request->config, column->records->entity)) ||
			(compiler->entry != NULL &&
			 measure_is_available(compiler, column,
								  strcmp(column->records->entity, "spend") == 0 ? compiler->entry : NULL));
		compiler->measures = lappend(compiler->measures, measure);
	}
}

/* A measure in the last level of the statement: its column, or NULL where nothing that is bound gives it. */
static char *
replace_measure(void *state, const char *name)
{
	Compiler *compiler = state;
	const SmkColumn *column = smk_kpi_column(compiler->request->kpi, name, compiler->request->basis);
	ListCell *cell;

	if (column->aggregate == SMK_RATIO)
		return psprintf("(%s)", template_replace(smk_column_template(compiler->request->kpi, column),
												 replace_measure, compiler));
	foreach (cell, compiler->measures)
	{
		Measure *measure = lfirst(cell);

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
compile_cells(const Compiler *compiler)
{
	const SmkRequest *request = compiler->request;
	bool all_periods = !request->is_all && request->by == NIL;
	StringInfoData sql;
	StringInfoData keys;
	StringInfoData parts;
	ListCell *cell;

	initStringInfo(&sql);
	initStringInfo(&keys);
	initStringInfo(&parts);
	foreach (cell, compiler->parts)
		appendStringInfo(&parts, "%s%s", parts.len ? "\nUNION ALL\n" : "", (char *) lfirst(cell));
	if (!request->is_all)
		appendStringInfoString(&keys, all_periods ? ", period.period_start" : ", part.period_start");
	append_by(request, "part.", &keys);

	appendStringInfo(&sql, "SELECT %s", keys.len ? keys.data + 2 : "count(*) AS rows");
	foreach (cell, compiler->measures)
	{
		Measure *measure = lfirst(cell);
		const char *name = measure->column->name;

		if (!measure->is_available)
			continue;
		if (measure->column->aggregate == SMK_MEDIAN)
			appendStringInfo(&sql, ",\n       max(part.%s) AS %s", name, name);
		else
			appendStringInfo(&sql, ",\n       coalesce(sum(part.%s), 0)::%s AS %s", name,
							 smk_unit_type(measure->column->unit), name);
	}
	if (wants_first(request) && parts.len)
		appendStringInfoString(&sql, ",\n       min(part.first_at) AS first_at");
	if (all_periods)
		appendStringInfo(&sql, "\nFROM %s", smk_sql_indent(compile_periods(request), 5));
	if (parts.len)
		appendStringInfo(&sql,
						 all_periods
							 ? "\nLEFT JOIN (\n    %s) AS part ON part.period_start = period.period_start"
							 : "\nFROM (\n    %s) AS part",
						 smk_sql_indent(parts.data, 4));
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
	Compiler compiler = {0};
	List *sets = NIL;
	ListCell *cell;
	StringInfoData sql;
	StringInfoData order;

	compiler.request = request;
	compiler.entry = entry_binding();
	if (smk_config_binding(request->config, request->kpi->entity) == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("%s needs entity \"%s\", which is not bound", request->kpi->name,
							   request->kpi->entity),
						errhint("Say where it is: SELECT smarketing.bind('%s', 'schema.table', '{...}').",
								request->kpi->entity)));
	for (int i = 0; i < count; i++)
		compiler_need(&compiler, outputs[i].template);
	foreach (cell, compiler.measures)
		sets = list_append_unique_ptr(
			sets, unconstify(SmkRecordSet *, ((Measure *) lfirst(cell))->column->records));
	foreach (cell, sets)
		compile_set(&compiler, lfirst(cell));

	initStringInfo(&sql);
	initStringInfo(&order);
	if (!request->is_all)
		appendStringInfoString(&sql, "SELECT cell.period_start");
	else if (request->has_since)
		appendStringInfo(&sql, "SELECT %s AS period_start", smk_date_literal(request->first));
	else if (compiler.parts != NIL)
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
		char *value = output->template ? template_replace(output->template, replace_measure, &compiler)
									   : pstrdup("NULL");

		if (output->cast_to)
			value = psprintf("(%s)::%s", value, output->cast_to);
		if (strcmp(value, psprintf("cell.%s", output->name)) == 0)
			appendStringInfo(&sql, ",\n       %s", value);
		else
			appendStringInfo(&sql, ",\n       %s AS %s", value, output->name);
	}
	appendStringInfo(&sql, "\nFROM (\n    %s) AS cell", smk_sql_indent(compile_cells(&compiler), 4));
	if (!request->is_all)
		appendStringInfo(&sql, "\nORDER BY cell.period_start%s", order.data);
	else if (order.len)
		appendStringInfo(&sql, "\nORDER BY %s", order.data + 2);
	return sql.data;
}

/* The records of one measure over one binding, as columns of kpi_rows. */
static char *
compile_rows_of(const Compiler *compiler, const SmkColumn *measure, SmkBinding *binding)
{
	const SmkRequest *request = compiler->request;
	SmkRecords *records = smk_records(request, measure->records, binding);
	const SmkEntity *entity = binding->entity;
	const char *key = entity->key ? smk_records_column(records, entity->key) : NULL;
	char *label = smk_records_column(records, "label");
	char *amount = measure->value && measure->aggregate == SMK_SUM
					   ? smk_records_expand(records, measure->value)
					   : smk_records_column(records, "amount");
	char *campaign = smk_records_column(records, "campaign");
	char *channel = smk_records_column(records, "channel");
	char *at = smk_records_dated_at(records);
	StringInfoData condition;

	initStringInfo(&condition);
	if (measure->aggregate == SMK_STOCK)
	{
		char *cut = smk_timestamp_literal(Min(request->until, request->now));
		char *starts = stock_starts(records, measure);

		if (request->is_unbounded && strcmp(measure->value, records->set->at) == 0)
			starts = psprintf("coalesce(%s, '-infinity')", starts);
		if (!request->is_unbounded)
			appendStringInfo(&condition, "\n   AND %s < %s", smk_records_instant(records, records->set->at),
							 cut);
		appendStringInfo(&condition, "\n   AND %s < %s AND (%s IS NULL OR %s >= %s)", starts, cut,
						 smk_records_column(records, "won"), stock_ends(records), cut);
	}
	if (measure->records->condition)
		appendStringInfo(&condition, "\n   AND %s", smk_records_expand(records, measure->records->condition));
	if (measure->condition)
		appendStringInfo(&condition, "\n   AND (%s)", smk_records_expand(records, measure->condition));
	if (label == NULL)
		label = campaign && channel ? psprintf("coalesce(%s, %s)", campaign, channel)
				: campaign			? campaign
				: channel			? channel
									: "NULL";
	return psprintf("SELECT '%s'::text AS entity, %s::text AS record_id, %s::text AS label, %s AS at,\n"
					"       %s::numeric AS amount, 1::numeric AS weight\n%s",
					entity->name, key ? key : "NULL", label, at, amount ? amount : "NULL",
					smk_records_from(records, measure->name, measure->aggregate == SMK_STOCK,
									 condition.len ? condition.data + strlen("\n   AND ") : NULL));
}

/*
 * The statement that lists the records behind a measure over the whole range: as many as a count says,
 * amounts that add up to a sum.
 */
char *
smk_compile_rows(const SmkRequest *request, const SmkColumn *measure, bool has_limit, int limit)
{
	Compiler compiler = {0};
	SmkBinding *bindings[2];
	StringInfoData sql;

	compiler.request = request;
	compiler.entry = strcmp(measure->records->entity, "spend") == 0 ? entry_binding() : NULL;
	bindings[0] = smk_config_binding(request->config, measure->records->entity);
	bindings[1] = compiler.entry;
	initStringInfo(&sql);
	for (int b = 0; b < 2; b++)
	{
		if (!measure_is_available(&compiler, measure, bindings[b]))
			continue;
		appendStringInfo(&sql, "%s%s", sql.len ? "\nUNION ALL\n" : "",
						 compile_rows_of(&compiler, measure, bindings[b]));
	}
	if (sql.len == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing that is bound gives measure \"%s\" of %s", measure->name, request->kpi->name),
			 errhint(
				 "SELECT * FROM smarketing.bindings shows what is bound; entity \"%s\" is what it counts.",
				 measure->records->entity)));
	appendStringInfoString(&sql, "\nORDER BY at, record_id, label");
	if (has_limit)
		appendStringInfo(&sql, "\nLIMIT %d", limit);
	return sql.data;
}
