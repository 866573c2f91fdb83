/*
 * handover.c: the step between marketing and sales: what became of the leads that were handed over, and whose
 * side is weak. The statement of a KPI whose cells are judged beside all of them.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "kpi/compiler.h"
#include "kpi/handover.h"
#include "kpi/source.h"

/* Columns of the function that are made here of others, which come first. */
#define JUDGED "weak_side"

/* How many leads a cell has to lose before it is told by them. */
#define FEW_OF_THEM 5

/* What the judgement reads. */
static const char *const judged_by[] = {"judged", "unqualified", "closed_in_time", "lost_in_time"};

/* True where a column is named. */
static bool
is_among(const SmkOutput *columns, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(columns[i].name, name) == 0)
			return true;
	return false;
}

/* SQL for a count of a cell, 0 where nothing that is bound tells. */
static char *
count_of(const char *name)
{
	return psprintf("coalesce(cell.%s, 0)", name);
}

/*
 * SQL for a share of a cell that is higher than the one of all cells by more than chance: by three standard
 * errors, since a report has many cells, and of enough leads: where a share is near nothing, one lead is more
 * than three of them.
 */
static char *
is_above_all(const char *some, const char *all)
{
	char *expected = psprintf("(sum(%s) OVER () / nullif(sum(%s) OVER (), 0))", some, all);

	return psprintf("coalesce(%s >= %d AND %s >= %d AND (%s - %s * %s)::double precision >\n"
					"                3 * sqrt((%s * %s * (1 - %s))::double precision), false)",
					all, SMK_HANDOVER_FEW, some, FEW_OF_THEM, some, all, expected, all, expected, expected);
}

/*
 * SQL for whose side is weak: badly qualified is what sales disqualifies more of, badly closed what was
 * accepted and answered in time and is lost more often, each than in the whole of the range and the filter.
 */
static char *
weak_side(void)
{
	char *judged = count_of("judged");
	char *unqualified = is_above_all(count_of("unqualified"), judged);
	char *unclosed = is_above_all(count_of("lost_in_time"), count_of("closed_in_time"));

	return psprintf("CASE WHEN %s < %d THEN 'too few'\n"
					"            WHEN %s\n                AND %s THEN 'both'\n"
					"            WHEN %s THEN 'marketing'\n"
					"            WHEN %s THEN 'sales'\n"
					"            ELSE 'none' END",
					judged, SMK_HANDOVER_FEW, unqualified, unclosed, unqualified, unclosed);
}

/*
 * The statement of handover(): period_start, is_partial, the dimensions (by_1 to by_3, or with own_names only
 * those asked for, under their names), then the columns that are named, of their types.
 */
char *
smk_compile_handover(const SmkRequest *request, const SmkOutput *columns, int count, bool own_names)
{
	SmkOutput *outputs = palloc((count + lengthof(judged_by)) * sizeof(SmkOutput));
	int outputs_count = 0;
	StringInfoData sql;
	StringInfoData order;
	char *cells;

	for (int i = 0; i < count; i++)
		if (strcmp(columns[i].name, JUDGED) != 0)
			outputs[outputs_count++] = columns[i];
	for (size_t i = 0; i < lengthof(judged_by); i++)
		if (!is_among(columns, count, judged_by[i]))
			outputs[outputs_count++] = smk_compile_output(request, judged_by[i], "bigint");
	cells = smk_compile(request, outputs, outputs_count, own_names);

	initStringInfo(&sql);
	initStringInfo(&order);
	appendStringInfoString(&sql, "SELECT cell.period_start, cell.is_partial");
	for (int i = 0; i < SMK_MAX_BY; i++)
	{
		bool is_there = i < list_length(request->by);
		const char *name = own_names && is_there
							   ? quote_identifier(((SmkBy *) list_nth(request->by, i))->name)
							   : psprintf("by_%d", i + 1);

		if (is_there)
			appendStringInfo(&order, ", cell.%s COLLATE \"C\"", name);
		if (is_there || !own_names)
			appendStringInfo(&sql, ", cell.%s", name);
	}
	for (int i = 0; i < count; i++)
		if (strcmp(columns[i].name, JUDGED) == 0)
			appendStringInfo(&sql, ",\n       %s AS " JUDGED, weak_side());
		else
			appendStringInfo(&sql, ",\n       cell.%s", columns[i].name);
	appendStringInfo(&sql, "\nFROM (\n    %s) AS cell\nORDER BY cell.period_start%s",
					 smk_sql_indent(cells, 4), order.data);
	return sql.data;
}

/*
 * The weak sides of each value of each of the request's dimensions, from one pass over the leads: (dimension,
 * counted from 1, value, what the judgement reads, weak_side).
 */
char *
smk_compile_sides(const SmkRequest *request)
{
	SmkOutput outputs[lengthof(judged_by)];
	StringInfoData sums;
	StringInfoData sides;

	initStringInfo(&sums);
	initStringInfo(&sides);
	for (size_t i = 0; i < lengthof(judged_by); i++)
	{
		outputs[i] = smk_compile_output(request, judged_by[i], "bigint");
		appendStringInfo(&sums, ", sum(found.%s)::bigint AS %s", judged_by[i], judged_by[i]);
	}
	for (int i = 1; i <= list_length(request->by); i++)
		appendStringInfo(&sides,
						 "%sSELECT %d AS dimension, cell.*,\n       %s AS " JUDGED "\n"
						 "FROM (SELECT found.by_%d AS value%s FROM found GROUP BY found.by_%d) AS cell",
						 i > 1 ? "\nUNION ALL\n" : "", i, weak_side(), i, sums.data, i);
	return psprintf(
		"WITH found AS MATERIALIZED (\n    %s)\n"
		"SELECT side.*\nFROM (\n    %s) AS side\nORDER BY side.dimension, side.value COLLATE \"C\"",
		smk_sql_indent(smk_compile(request, outputs, lengthof(outputs), false), 4),
		smk_sql_indent(sides.data, 4));
}
