/*
 * stock.c: the part of a stock: how many records are there at the end of a period.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/source.h"
#include "kpi/stock.h"

/* What a part of a range gives for a measure. */
static char *
write_count(const SmkMeasure *measure)
{
	return psprintf("count(*) FILTER (WHERE record.is_%s)", measure->column->name);
}

/* What a part by period gives for a measure. */
static char *
write_level(const SmkMeasure *measure)
{
	return psprintf("level.%s", measure->column->name);
}

/* SQL for the instant from which a record belongs to a stock: not before it exists. */
char *
smk_stock_starts(SmkRecords *records, const SmkColumn *measure)
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
char *
smk_stock_ends(SmkRecords *records)
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
stock_of_range(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	char *cut = smk_timestamp_literal(Min(request->until, request->now));
	char *created = smk_records_instant(records, records->set->at);
	char *ends = smk_stock_ends(records);
	char *won = smk_records_column(records, "won");
	const char *first = ((SmkMeasure *) linitial(given))->column->name;
	StringInfoData inner;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&inner);
	initStringInfo(&sql);
	appendStringInfo(&inner, "SELECT %s AS dated_at", smk_records_dated_at(records));
	smk_part_append_dimensions(records, false, first, &inner);
	foreach (cell, given)
	{
		const SmkColumn *measure = ((SmkMeasure *) lfirst(cell))->column;
		char *starts = smk_stock_starts(records, measure);

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
	smk_part_append_head(request, "record", false, &sql);
	smk_part_append_measures(statement, given, write_count, &sql);
	smk_part_append_tail(statement,
						 smk_part_wants_first(request)
							 ? "min(record.dated_at) FILTER (WHERE isfinite(record.dated_at))"
							 : "NULL::timestamptz",
						 &sql);
	appendStringInfo(&sql, "\nFROM (\n    %s) AS record", smk_sql_indent(inner.data, 4));
	smk_part_append_group_by(request, "record", NULL, &sql);
	statement->parts = lappend(statement->parts, sql.data);
}

/*
 * The part of a stock by period: each record adds one when it comes and takes one when it leaves; the running
 * sum is the level, written into every period until it changes. Days before the first period open with their
 * sum.
 */
static void
stock_by_period(SmkStatement *statement, SmkRecords *records, List *given)
{
	const SmkRequest *request = records->request;
	const char *first = ((SmkMeasure *) linitial(given))->column->name;
	char *ends = smk_stock_ends(records);
	char *won = smk_records_column(records, "won");
	/* What came before the range is there when its first period begins. */
	char *bucket = psprintf("smarketing.period_start('%s', greatest(moved.at, %s), %s%s)",
							smk_period_name(request->period),
							smk_timestamp_literal(smk_zone_first_instant(request->zone, request->first)),
							quote_literal_cstr(request->time_zone), smk_request_first_month(request));
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
	smk_part_append_dimensions(records, true, first, &inner);
	foreach (cell, given)
	{
		const SmkColumn *measure = ((SmkMeasure *) lfirst(cell))->column;

		appendStringInfo(&inner, ", %s AS %s_from", smk_stock_starts(records, measure), measure->name);
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

	smk_part_append_by(request, "", &by);
	appendStringInfo(&sql, "-- %s\n", records->set->name);
	appendStringInfoString(&sql, "SELECT day::date AS period_start");
	smk_part_append_by(request, "level.", &sql);
	smk_part_append_measures(statement, given, write_level, &sql);
	smk_part_append_tail(statement, NULL, &sql);
	appendStringInfo(&sql, "\nFROM (\n    SELECT step.period_start%s", by.data);
	foreach (cell, given)
	{
		const char *name = ((SmkMeasure *) lfirst(cell))->column->name;

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
		appendStringInfo(&sql, "%slevel.%s > 0", n++ ? " OR " : "",
						 ((SmkMeasure *) lfirst(cell))->column->name);
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
