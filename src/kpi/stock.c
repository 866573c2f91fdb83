/*
 * stock.c: the part of a stock: how many records are there at the end of a period, or what they amount to.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/currency.h"
#include "kpi/source.h"
#include "kpi/stock.h"
#include "kpi/template.h"

/* SQL for what a record adds to a measure while it is there. */
static char *
stock_weight(SmkRecords *records, const SmkColumn *measure)
{
	return measure->aggregate == SMK_LEVEL ? smk_records_expand(records, measure->value) : pstrdup("1");
}

/* SQL for a measure made of what its records add up to. */
static char *
stock_sum(const SmkMeasure *measure, const char *sum)
{
	const SmkColumn *column = measure->column;

	if (column->aggregate == SMK_STOCK)
		return psprintf("(%s)::bigint", sum);
	/* NaN and infinity must not become a figure. */
	return psprintf("smarketing.finite_amount(%s, '%s', '%s')", sum, column->records->entity,
					(char *) linitial(smk_template_names(NIL, column->value)));
}

/* What a part of a range gives for a measure. */
static char *
write_sum(const SmkMeasure *measure)
{
	const char *name = measure->column->name;

	if (measure->column->aggregate == SMK_STOCK)
		return psprintf("count(*) FILTER (WHERE record.is_%s)", name);
	return stock_sum(measure, psprintf("sum(record.%s) FILTER (WHERE record.is_%s)", name, name));
}

/* What a part by period gives for a measure. */
static char *
write_level(const SmkMeasure *measure)
{
	return psprintf("level.%s", measure->name);
}

/* SQL for the instant from which a record belongs to a stock: not before it exists. */
static char *
stock_starts(SmkRecords *records, const SmkColumn *measure)
{
	char *created = smk_records_instant(records, records->set->at);

	if (measure->aggregate == SMK_LEVEL || strcmp(measure->value, records->set->at) == 0)
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
	char *won = smk_records_column(records, "won");

	if (ends == NULL)
		return pstrdup("NULL::timestamptz");
	return won ? psprintf("CASE WHEN %s IS NOT NULL THEN %s END", won, ends) : ends;
}

/* The condition that a record has not left before the cut. One that was won or lost has, also without a time.
 */
static char *
stock_is_open(SmkRecords *records, const char *cut)
{
	char *won = smk_records_column(records, "won");
	char *ends = stock_ends(records);

	return psprintf("(%s IS NULL OR %s >= %s)", won ? won : ends, ends, cut);
}

/* SQL for whether a record has come before the cut; of a range without bounds also one without a time. */
static char *
stock_has_come(SmkRecords *records, const SmkColumn *measure, const char *cut)
{
	char *starts = stock_starts(records, measure);

	if (records->request->is_unbounded && strcmp(starts, smk_records_instant(records, records->set->at)) == 0)
		starts = psprintf("coalesce(%s, '-infinity')", starts);
	return psprintf("%s < %s", starts, cut);
}

/* The condition that a record is there at the end of the range. */
char *
smk_stock_condition(SmkRecords *records, const SmkColumn *measure)
{
	char *cut = smk_moment_instant(smk_moment_cut(records->request));
	char *condition =
		psprintf("%s AND %s", stock_has_come(records, measure, cut), stock_is_open(records, cut));

	if (records->request->is_unbounded)
		return condition;
	return psprintf("%s < %s\n   AND %s", smk_records_instant(records, records->set->at), cut, condition);
}

/* SQL for the last local day before the end of the range, or now: its rate converts what is there then. */
char *
smk_stock_rate_day(const SmkRequest *request)
{
	return smk_moment_date(request, smk_moment_later(smk_moment_cut(request), -1));
}

/* Adds the columns after the measures: of a part with currencies the currency and the day of its rate. */
static void
append_tail(const SmkStatement *statement, const char *first_at, const char *currency, const char *rate_on,
			StringInfo sql)
{
	if (currency == NULL)
	{
		smk_part_append_tail(statement, first_at, sql);
		return;
	}
	if (smk_part_wants_first(statement->request))
		appendStringInfo(sql, ",\n       %s AS first_at", first_at);
	appendStringInfo(sql, ",\n       %s AS currency, %s AS rate_on, NULL::numeric AS rate", currency,
					 rate_on);
}

/*
 * The part of a stock over one range: what is there when it ends, or now.
 */
static void
stock_of_range(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	char *cut = smk_moment_instant(smk_moment_cut(request));
	char *created = smk_records_instant(records, records->set->at);
	bool with_currency = statement->has_currencies && smk_part_has_currency(records, given);
	const char *first = ((SmkMeasure *) linitial(given))->column->name;
	StringInfoData inner;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&inner);
	initStringInfo(&sql);
	appendStringInfo(&inner, "SELECT %s AS dated_at", smk_records_dated_at(records));
	if (with_currency)
		appendStringInfo(&inner, ", " SMK_CURRENCY_CODE("%s") " AS currency",
						 smk_records_column(records, "currency"));
	smk_part_append_dimensions(records, false, first, &inner);
	foreach (cell, given)
	{
		const SmkColumn *measure = ((SmkMeasure *) lfirst(cell))->column;

		appendStringInfo(&inner, ", coalesce(%s, false) AS is_%s", stock_has_come(records, measure, cut),
						 measure->name);
		if (measure->aggregate == SMK_LEVEL)
			appendStringInfo(&inner, ", %s AS %s", stock_weight(records, measure), measure->name);
	}
	appendStringInfo(
		&inner, "\n%s",
		smk_records_from(records, first, true,
						 psprintf("(%s < %s%s)\n   AND %s", created, cut,
								  request->is_unbounded ? psprintf(" OR %s IS NULL", created) : "",
								  stock_is_open(records, cut))));
	appendStringInfo(&sql, "-- %s\n", records->set->name);
	smk_part_append_head(request, "record", false, &sql);
	smk_part_append_measures(statement, given, write_sum, &sql);
	append_tail(statement,
				smk_part_wants_first(request)
					? "min(record.dated_at) FILTER (WHERE isfinite(record.dated_at))"
					: "NULL::timestamptz",
				with_currency ? "record.currency" : NULL, smk_stock_rate_day(request), &sql);
	appendStringInfo(&sql, "\nFROM (\n    %s) AS record", smk_sql_indent(inner.data, 4));
	smk_part_append_group_by(request, "record", with_currency ? "record.currency" : NULL, &sql);
	statement->parts = lappend(statement->parts, sql.data);
}

/* SQL for the first date of which nothing is shown: what recurs is not known of periods that have not begun.
 */
static char *
last_end(const SmkRequest *request, List *given)
{
	SmkMoment cut = smk_moment_cut(request);

	if (((SmkMeasure *) linitial(given))->column->aggregate == SMK_STOCK ||
		request->end <= smk_request_date_from(request, cut.at))
		return smk_moment_end_of_periods(request);
	return smk_moment_date_from(request, cut);
}

/*
 * The part of a stock by period: each record adds its weight when it comes and takes it when it leaves; the
 * running sum is the level, written into every period until it changes. Days before the first period open
 * with their sum.
 */
static void
stock_by_period(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	const char *first = ((SmkMeasure *) linitial(given))->column->name;
	char *ends = stock_ends(records);
	char *won = smk_records_column(records, "won");
	bool with_currency = statement->has_currencies && smk_part_has_currency(records, given);
	/* What came before the range is there when its first period begins. */
	char *bucket =
		psprintf("smarketing.period_start('%s', greatest(moved.at, %s), %s%s)",
				 smk_period_name(request->period), smk_moment_instant(smk_moment_first_instant(request)),
				 quote_literal_cstr(request->time_zone), smk_request_first_month(request));
	StringInfoData inner;
	StringInfoData moves;
	StringInfoData names;
	StringInfoData keys;
	StringInfoData step;
	StringInfoData sql;
	ListCell *cell;
	int n = 0;

	initStringInfo(&inner);
	initStringInfo(&moves);
	initStringInfo(&names);
	initStringInfo(&keys);
	initStringInfo(&step);
	initStringInfo(&sql);

	appendStringInfo(&inner, "SELECT %s AS ends_at", ends);
	smk_part_append_by(request, "step.", &keys);
	smk_part_append_by(request, "record.", &step);
	if (with_currency)
	{
		appendStringInfo(&inner, ", " SMK_CURRENCY_CODE("%s") " AS currency",
						 smk_records_column(records, "currency"));
		appendStringInfoString(&keys, ", step.currency");
		appendStringInfoString(&step, ", record.currency");
	}
	smk_part_append_dimensions(records, true, first, &inner);
	foreach (cell, given)
	{
		SmkMeasure *measure = lfirst(cell);
		const char *name = measure->name;

		appendStringInfo(&inner, ", %s AS %s_from", stock_starts(records, measure->column), name);
		if (measure->column->aggregate == SMK_LEVEL)
			appendStringInfo(&inner, ", %s AS %s", stock_weight(records, measure->column), name);
		appendStringInfo(&names, ", %s", name);
		appendStringInfo(&step, ", moved.%s", name);
		for (int way = 1; way >= -1; way -= 2)
		{
			char *weight = measure->column->aggregate == SMK_LEVEL ? psprintf("record.%s", name) : "1";

			appendStringInfo(
				&moves, "%s(CASE WHEN record.%s_from < coalesce(record.ends_at, 'infinity') THEN %s%s END",
				moves.len ? ",\n        " : "", name, way > 0 ? "record." : "record.ends_at",
				way > 0 ? psprintf("%s_from", name) : "");
			for (int i = 0; i < list_length(given); i++)
				appendStringInfo(&moves, ", %s%s", i == n && way < 0 ? "-" : "", i == n ? weight : "0");
			appendStringInfoChar(&moves, ')');
		}
		n++;
	}
	appendStringInfo(
		&inner, "\n%s\nOFFSET bigint '0'",
		smk_records_from(
			records, first, true,
			psprintf("%s < %s%s", smk_records_instant(records, records->set->at),
					 smk_moment_instant(smk_moment_cut(request)),
					 won ? psprintf("\n   AND (%s IS NULL OR %s IS NOT NULL)", won, ends) : "")));

	appendStringInfo(&sql, "-- %s\n", records->set->name);
	appendStringInfoString(&sql, "SELECT day::date AS period_start");
	smk_part_append_by(request, "level.", &sql);
	smk_part_append_measures(statement, given, write_level, &sql);
	append_tail(statement, "NULL::timestamptz", with_currency ? "level.currency" : NULL,
				psprintf("least(%s - 1, %s)", smk_request_period_end_of(request, "day::date"),
						 smk_stock_rate_day(request)),
				&sql);
	appendStringInfo(&sql, "\nFROM (\n    SELECT step.period_start%s", keys.data);
	foreach (cell, given)
	{
		SmkMeasure *measure = lfirst(cell);

		appendStringInfo(&sql, ",\n           %s AS %s",
						 stock_sum(measure, psprintf("sum(sum(step.%s)) OVER course", measure->name)),
						 measure->name);
	}
	appendStringInfo(
		&sql,
		",\n           lead(step.period_start) OVER course AS next_start"
		"\n    FROM (\n        SELECT %s AS period_start%s"
		"\n        FROM (\n            %s) AS record"
		"\n        CROSS JOIN LATERAL (VALUES\n        %s) AS moved (at%s)"
		"\n        WHERE moved.at < %s\n        OFFSET bigint '0') AS step"
		"\n    GROUP BY step.period_start%s"
		"\n    WINDOW course AS (%s%s ORDER BY step.period_start)) AS level"
		"\nCROSS JOIN LATERAL generate_series(level.period_start::timestamp,"
		"\n    coalesce(level.next_start, %s)::timestamp - interval '1 day', interval '%s') AS day",
		bucket, step.data, smk_sql_indent(inner.data, 12), moves.data, names.data,
		smk_moment_instant(smk_moment_cut(request)), keys.data, keys.len ? "PARTITION BY " : "",
		keys.len ? keys.data + 2 : "", last_end(request, given), smk_period_step(request->period));
	appendStringInfoString(&sql, "\nWHERE (");
	n = 0;
	foreach (cell, given)
		appendStringInfo(&sql, "%slevel.%s <> 0", n++ ? " OR " : "", ((SmkMeasure *) lfirst(cell))->name);
	appendStringInfoChar(&sql, ')');
	foreach (cell, request->skipped)
		appendStringInfo(&sql, "\n    AND day::date <> %s", smk_date_literal(lfirst_int(cell)));
	statement->parts = lappend(statement->parts, sql.data);
}

/* The part of a record set's stocks. */
void
smk_stock_part(SmkStatement *statement, SmkRecords *records, List *given)
{
	if (records->request->is_all)
		stock_of_range(statement, records, given);
	else
		stock_by_period(statement, records, given);
}
