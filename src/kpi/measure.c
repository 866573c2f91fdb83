/*
 * measure.c: over which records a measure is computed, and whether what is bound can give it.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/credit.h"
#include "kpi/customer.h"
#include "kpi/lump.h"
#include "kpi/dimension.h"
#include "kpi/measure.h"
#include "kpi/source.h"
#include "kpi/template.h"

/*
 * A record set of a request over all that holds its entity, as fresh records that nothing was asked of yet:
 * what is bound and, for spend, what was entered; lumps apart from the rest.
 */
List *
smk_measure_records(const SmkStatement *statement, const SmkRequest *request, const SmkRecordSet *set)
{
	SmkBinding *bindings[2];
	List *result = NIL;

	if (strcmp(set->entity, "customer") == 0)
		bindings[0] = smk_customer_binding(request);
	else if (strcmp(set->entity, "customer_revenue") == 0)
		bindings[0] = smk_customer_revenue_binding(request);
	else if (strcmp(set->entity, "customer_payment") == 0)
		bindings[0] = smk_customer_payment_binding(request);
	else if (strcmp(set->entity, "credit") == 0)
		bindings[0] = smk_credit_binding(request);
	else if (strcmp(set->entity, "open_credit") == 0)
		bindings[0] = smk_open_credit_binding(request);
	else
		bindings[0] = smk_config_binding(request->config, set->entity);
	bindings[1] = strcmp(set->entity, "spend") == 0 ? statement->spend_entry : NULL;
	for (int b = 0; b < 2; b++)
	{
		SmkRecords *records;

		if (bindings[b] == NULL)
			continue;
		records = smk_records(request, set, bindings[b]);
		result = lappend(result, records);
		if (!smk_lump_is_possible(records))
			continue;
		records->lumps = SMK_LUMPS_WITHOUT;
		records = smk_records(request, set, bindings[b]);
		records->lumps = SMK_LUMPS_ONLY;
		result = lappend(result, records);
	}
	return result;
}

/* True where these records can give the measure. */
static bool
records_give(const SmkRequest *request, SmkRecords *records, const SmkColumn *column)
{
	/* Without a time nothing falls into a period; the whole range takes what has none. */
	if (!request->is_unbounded && smk_records_column(records, column->records->at) == NULL)
		return false;
	if (column->aggregate == SMK_MOVEMENT)
		/* What is netted per customer has no products. */
		return smk_records_have(records, column->condition) &&
			   !(column->condition && request->basis && strcmp(request->basis, "cohort") == 0);
	if (column->aggregate == SMK_STOCK)
		return smk_records_column(records, column->value) != NULL &&
			   smk_records_column(records, "won") != NULL;
	return smk_records_have(records, column->records->condition) &&
		   smk_records_have(records, column->value) && smk_records_have(records, column->condition);
}

/* True where something that holds the entity can give the measure. */
bool
smk_measure_is_available(const SmkStatement *statement, const SmkColumn *column)
{
	ListCell *cell;

	foreach (cell, smk_measure_records(statement, statement->request, column->records))
		if (records_give(statement->request, lfirst(cell), column))
			return true;
	return false;
}

/*
 * True where the measure is a sum of money, and what it adds up has a currency. Movements are converted
 * before they are found; what is left to them is that a rate may be missing.
 */
bool
smk_measure_has_currency(const SmkStatement *statement, const SmkColumn *column)
{
	const SmkConfig *config = statement->request->config;
	ListCell *cell;

	if (!smk_column_is_of_amounts(column) ||
		(column->aggregate == SMK_MOVEMENT && !(config->currency && config->missing_rate_is_null)))
		return false;
	foreach (cell, smk_measure_records(statement, statement->request, column->records))
		if (smk_records_column(lfirst(cell), "currency") != NULL)
			return true;
	return false;
}

/* SQL for the local date of the first record of a set, or of the last one until now. */
static char *
edge_of(const SmkStatement *statement, const SmkRecordSet *set, bool is_last)
{
	SmkRequest whole = *statement->request;
	StringInfoData sql;
	ListCell *cell;

	whole.by = whole.filters = NIL;
	set = smk_credit_source(set);
	initStringInfo(&sql);
	foreach (cell, smk_measure_records(statement, &whole, set))
	{
		SmkRecords *records = lfirst(cell);
		char *at;
		char *instant;
		char *known;

		/* A lump begins when its row does. */
		if (records->lumps == SMK_LUMPS_ONLY)
			continue;
		records->lumps = SMK_LUMPS_ALIKE;
		/* The plain column, and not min() of it, which finds no index through a join that is left out. */
		at = smk_records_column(records, set->at);
		instant = smk_records_instant(records, set->at);
		known = psprintf("isfinite(%s)%s", at, is_last ? psprintf(" AND %s <= now()", instant) : "");
		if (set->condition)
			known = psprintf("%s\n   AND %s", known, smk_records_expand(records, set->condition));
		appendStringInfo(&sql, "%s(SELECT %s AS at\n %s\n ORDER BY %s%s\n LIMIT 1)",
						 sql.len ? "\nUNION ALL\n" : "", instant,
						 smk_sql_indent(smk_records_from(records, set->name, true, known), 1), at,
						 is_last ? " DESC" : "");
	}
	return psprintf("SELECT (%s(first.at) AT TIME ZONE %s)::date\nFROM (\n    %s) AS first",
					is_last ? "max" : "min", quote_literal_cstr(whole.time_zone),
					smk_sql_indent(sql.data, 4));
}

/*
 * SQL for the local date of the first record of a set, whatever the range, the filter and the dimensions:
 * when the data begin.
 */
char *
smk_measure_begins(const SmkStatement *statement, const SmkRecordSet *set)
{
	return edge_of(statement, set, false);
}

/* The same of the last record until now: when the data end, which is today in a CRM that is in use. */
char *
smk_measure_ends(const SmkStatement *statement, const SmkRecordSet *set)
{
	return edge_of(statement, set, true);
}

/* True where every record of the measures that a template names can have a dimension. */
bool
smk_template_has_dimension(const SmkRequest *request, const char *template, const SmkBy *by)
{
	SmkStatement statement = {.request = request, .spend_entry = smk_config_entered("spend")};
	ListCell *cell;
	ListCell *source;

	foreach (cell, smk_template_names(NIL, template))
	{
		const SmkColumn *column = smk_kpi_column(request->kpi, lfirst(cell), request->basis);

		if (column == NULL)
			continue;
		if (column->aggregate == SMK_RATIO)
		{
			if (!smk_template_has_dimension(request, smk_column_template(request->kpi, column), by))
				return false;
			continue;
		}
		/* The setting says what to do with spend. */
		if (strcmp(column->records->entity, "spend") == 0 &&
			strcmp(request->config->spend_without_dimension, "error") != 0)
			continue;
		foreach (source, smk_measure_records(&statement, request, column->records))
			if (!smk_records_have_dimension(lfirst(source), by))
				return false;
	}
	return true;
}
