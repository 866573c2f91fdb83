/*
 * records.c: one record set as SQL. Columns, dimensions and joins are noted as they are asked for; the FROM
 * clause is written last, with only what is needed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "crm/key.h"
#include "kpi/credit.h"
#include "kpi/customer.h"
#include "kpi/dimension.h"
#include "kpi/lead_handover.h"
#include "kpi/lead_steps.h"
#include "kpi/lump.h"
#include "kpi/moment.h"
#include "kpi/records.h"
#include "kpi/source.h"
#include "kpi/template.h"

/* A record set of a request over a binding (ours for entered spend, the bound one otherwise). */
SmkRecords *
smk_records(const SmkRequest *request, const SmkRecordSet *set, SmkBinding *binding)
{
	SmkRecords *records = palloc0(sizeof(SmkRecords));

	records->request = request;
	records->set = set;
	records->binding = binding;
	if (binding != NULL)
		smk_binding_open(binding);
	return records;
}

static int
records_position(const SmkRecords *records)
{
	const SmkEntity *entity = records->binding->entity;

	/* Customers and credits are no entities of the CRM's, and have no dimension of the user's themselves. */
	return entity >= smk_entities && entity < smk_entities + smk_entity_count ? entity - smk_entities : 0;
}

/* The position of a column that is bound, or -1. */
static int
records_bound(const SmkRecords *records, const char *name)
{
	int column = smk_entity_column(records->binding->entity, name);

	return column >= 0 && records->binding->columns[column].text != NULL ? column : -1;
}

/* SQL for a column of the record, noted as needed; NULL where it is not bound and cannot be derived. */
char *
smk_records_column(SmkRecords *records, const char *name)
{
	int column;
	char *reference;

	if (strcmp(records->binding->entity->name, "lead") == 0 && smk_lead_step_is_column(name))
		return smk_lead_step(records, name);
	if (strcmp(records->binding->entity->name, "lead") == 0 && smk_lead_handover_is_column(name))
		return smk_lead_handover(records, name);
	if (strcmp(name, "is_ripe") == 0)
		return smk_customer_is_ripe(records);
	if (strcmp(name, "is_attributed") == 0)
		return smk_credit_is_attributed(records);
	if (strcmp(name, "is_paid") == 0)
		return smk_customer_is_paid(records);
	if (strcmp(name, "period_cut") == 0)
	{
		const SmkRequest *request = records->request;
		char *cut = smk_moment_instant(smk_moment_cut(request));

		if (request->is_all)
			return cut;
		return psprintf("least((smarketing.period_end('%s', %s, %s, %d)::timestamp AT TIME ZONE %s), %s)",
						smk_period_name(request->period), smk_records_instant(records, records->set->at),
						quote_literal_cstr(request->time_zone), request->config->fiscal_year_start,
						quote_literal_cstr(request->time_zone), cut);
	}
	column = records_bound(records, name);
	if (column < 0)
		return NULL;
	if (strcmp(name, "at") == 0 && strcmp(records->binding->entity->name, "credit") == 0)
		return smk_credit_booked_at(records);
	records->needed[column] = true;
	reference = psprintf("%s.%s", records->binding->entity->name, quote_identifier(name));
	if (records->lumps == SMK_LUMPS_ONLY && strcmp(name, "amount") == 0)
		return smk_lump_amount(records, reference);
	return reference;
}

/* The same as an instant. */
char *
smk_records_instant(SmkRecords *records, const char *name)
{
	char *reference = smk_records_column(records, name);
	int column = records_bound(records, name);

	if (reference == NULL || column < 0)
		return reference;
	return smk_source_instant(records->binding, column, reference, records->request->time_zone);
}

/* True where every column that the template names can be had; NULL has them all. */
bool
smk_records_have(SmkRecords *records, const char *template)
{
	return template == NULL || smk_records_expand(records, template) != NULL;
}

static char *
records_replace(void *state, const char *name)
{
	return name[0] == '@' ? smk_records_instant(state, name + 1) : smk_records_column(state, name);
}

/* The template with its columns as SQL; NULL where one of them cannot be had. */
char *
smk_records_expand(SmkRecords *records, const char *template)
{
	return smk_template_replace(template, records_replace, records);
}

/* True where the record's time is a plain local date. */
bool
smk_records_at_is_date(const SmkRecords *records)
{
	int column = records_bound(records, records->set->at);

	return column >= 0 && records->binding->columns[column].type == DATEOID;
}

/* The interval literal of a part of the lag. */
static char *
lag_literal(int days, int64 time)
{
	Interval part = {0};

	part.day = days;
	part.time = time;
	return psprintf("interval '%s'",
					DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&part))));
}

/* SQL for the time that dates a record, moved by the lag: a local date where that is exact, else an instant.
 */
static char *
records_at(SmkRecords *records, bool *is_date)
{
	const SmkRequest *request = records->request;
	const char *zone = quote_literal_cstr(request->time_zone);
	bool has_lag = request->has_lag && records->set->takes_lag;
	char *at;

	*is_date = smk_records_at_is_date(records) && !(has_lag && request->lag.time != 0);
	at = *is_date ? smk_records_column(records, records->set->at)
				  : smk_records_instant(records, records->set->at);
	if (at == NULL)
		return pstrdup("NULL::timestamptz");
	if (!has_lag)
		return at;
	if (*is_date)
		return psprintf("(%s + %d)", at, request->lag.day);
	/* Days are local days, hours are hours. */
	if (request->lag.day != 0)
		at = psprintf("((%s AT TIME ZONE %s + %s) AT TIME ZONE %s)", at, zone,
					  lag_literal(request->lag.day, 0), zone);
	if (request->lag.time != 0)
		at = psprintf("(%s + %s)", at, lag_literal(0, request->lag.time));
	return at;
}

/* SQL for the start of the period in which a record falls. */
char *
smk_records_bucket(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	bool is_date;
	char *at;

	if (records->lumps == SMK_LUMPS_ONLY)
		return pstrdup("share.period_start");
	at = records_at(records, &is_date);
	if (is_date)
		return psprintf("smarketing.period_start('%s', %s%s)", smk_period_name(request->period), at,
						smk_request_first_month(request));
	return psprintf("smarketing.period_start('%s', %s, %s%s)", smk_period_name(request->period), at,
					quote_literal_cstr(request->time_zone), smk_request_first_month(request));
}

/* SQL for the local day of a record's payment where it tells it, else of its time, whatever the lag. */
static char *
paid_on(SmkRecords *records)
{
	const char *name = records_bound(records, "paid_at") >= 0 ? "paid_at" : records->set->at;
	char *at = smk_records_instant(records, name);
	char *day;

	if (smk_records_at_is_date(records))
		return smk_records_column(records, records->set->at);
	day = psprintf("smarketing.period_start('day', %s, %s)", at,
				   quote_literal_cstr(records->request->time_zone));
	return psprintf("CASE WHEN isfinite(%s) THEN %s END", at, day);
}

/*
 * SQL for the local day whose rate converts a record's amount; NULL for what is not converted, so that such
 * amounts add up without their days, and sort faster. (Another spelling of the setting's currency is
 * converted, by 1.) A record without a time, or with an infinite one, has none.
 */
char *
smk_records_rate_day(SmkRecords *records, const char *currency)
{
	const char *target = records->request->config->currency;

	if (target == NULL)
		return pstrdup("NULL::date");
	return psprintf("CASE WHEN %s <> %s THEN %s END", currency, quote_literal_cstr(target), paid_on(records));
}

/*
 * The expression whose extended statistics tell the planner how many periods there are: the bucket over the
 * relation's own column, as the server deparses it. NULL where the bucket is another one; palloc'd.
 */
char *
smk_records_bucket_expression(SmkRecords *records)
{
	int column = records_bound(records, records->set->at);
	const SmkExpression *at = column >= 0 ? &records->binding->columns[column] : NULL;
	StringInfoData wanted;

	if (at == NULL || at->raw_column == NULL || at->type == TIMESTAMPOID ||
		(records->request->has_lag && records->set->takes_lag))
		return NULL;
	initStringInfo(&wanted);
	appendStringInfo(&wanted, "smarketing.period_start('%s'::text, %s",
					 smk_period_name(records->request->period), quote_identifier(at->raw_column));
	if (at->type != DATEOID)
		appendStringInfo(&wanted, ", %s::text", quote_literal_cstr(records->request->time_zone));
	appendStringInfo(&wanted, "%s)", smk_request_first_month(records->request));
	return wanted.data;
}

/* True where extended statistics tell the planner how many periods there are: then the bucket needs no fence.
 */
bool
smk_records_bucket_is_known(SmkRecords *records)
{
	char *wanted = smk_records_bucket_expression(records);
	Relation relation;
	List *statistics;
	ListCell *cell;
	bool found = false;

	if (wanted == NULL)
		return false;
	relation = relation_open(records->binding->relid, NoLock);
	statistics = RelationGetStatExtList(relation);
	foreach (cell, statistics)
	{
		Datum expressions =
			DirectFunctionCall1(pg_get_statisticsobjdef_columns, ObjectIdGetDatum(lfirst_oid(cell)));

		found = found || strstr(TextDatumGetCString(expressions), wanted) != NULL;
	}
	relation_close(relation, NoLock);
	return found;
}

/* SQL for the instant that dates a record. */
char *
smk_records_dated_at(SmkRecords *records)
{
	bool is_date;
	char *at;

	if (records->lumps == SMK_LUMPS_ONLY)
		return smk_lump_dated_at(records);
	at = records_at(records, &is_date);
	return is_date
			   ? psprintf("(%s::timestamp AT TIME ZONE %s)", at, smk_source_zone(records->request->time_zone))
			   : at;
}

/* A bound of the range as what it is compared with: an instant or a local date. */
static char *
range_bound(const SmkRequest *request, SmkMoment bound, bool is_date)
{
	return is_date ? smk_moment_date_from(request, bound) : smk_moment_instant(bound);
}

/* The exact condition that a time, an instant or a local date, falls into the range. */
static char *
range_condition(const SmkRequest *request, const char *at, bool is_date)
{
	char *until = range_bound(request, smk_moment_until(request), is_date);

	if (request->has_since)
		return psprintf("%s >= %s AND %s < %s", at, range_bound(request, smk_moment_since(request), is_date),
						at, until);
	if (request->is_unbounded)
		return psprintf("(%s < %s OR %s IS NULL)", at, until, at);
	return psprintf("%s < %s", at, until);
}

/* The exact condition that a record falls into the range of a request. */
char *
smk_records_in_range_of(SmkRecords *records, const SmkRequest *request)
{
	bool is_date;
	char *at = records_at(records, &is_date);

	return range_condition(request, at, is_date);
}

/* An instant as a constant of the type of the relation's own column. */
char *
smk_records_raw_literal(const SmkRecords *records, Oid type, SmkMoment moment)
{
	if (type == DATEOID)
		return smk_moment_date(records->request, moment);
	if (type == TIMESTAMPOID)
		return psprintf("%s AT TIME ZONE %s", smk_moment_instant(moment),
						quote_literal_cstr(records->binding->time_zone));
	return smk_moment_instant(moment);
}

/* True for a column that the relation, or a table behind it, stores: then there are statistics on it. */
static bool
is_stored(const SmkRecords *records, int column)
{
	const char *name = records->binding->columns[column].raw_column;
	AttrNumber number = name ? get_attnum(records->binding->relid, name) : InvalidAttrNumber;
	Relation relation;
	bool result;

	/* A column of a preset's query that is none of the table's. */
	if (number == InvalidAttrNumber)
		return name != NULL;
	relation = relation_open(records->binding->relid, NoLock);
	result = smk_column_is_stored(relation, number);
	relation_close(relation, NoLock);
	return result;
}

/*
 * A condition on the relation's own column, wider than the exact one by a day and the lag, so that the
 * column's index is used; NULL where the exact condition already reads the plain column, or where there is
 * none.
 */
static char *
records_raw_range(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	int column = records_bound(records, records->set->at);
	bool has_lag = request->has_lag && records->set->takes_lag;
	const SmkExpression *expression;
	int64 lag = has_lag ? request->lag.day * USECS_PER_DAY + request->lag.time : 0;
	StringInfoData result;

	if (records->lumps == SMK_LUMPS_ONLY)
		return smk_lump_raw_range(records);
	if (column < 0 || request->is_unbounded)
		return NULL;
	expression = &records->binding->columns[column];
	if (!is_stored(records, column) || (expression->type != TIMESTAMPOID && !has_lag))
		return NULL;
	initStringInfo(&result);
	if (request->has_since)
		appendStringInfo(
			&result, "%s >= %s AND ", expression->text,
			smk_records_raw_literal(records, expression->type,
									smk_moment_later(smk_moment_since(request), -lag - USECS_PER_DAY)));
	appendStringInfo(
		&result, "%s < %s", expression->text,
		smk_records_raw_literal(records, expression->type,
								smk_moment_later(smk_moment_until(request), -lag + USECS_PER_DAY)));
	return result.data;
}

/* A condition that the planner expects to hold: of a range by an expression without statistics it would
 * expect one row of two hundred, and look them up one by one. */
static char *
expected_to_hold(const char *condition)
{
	return psprintf("nullif(%s, false) IS NOT NULL", condition);
}

/* A condition over a column, an instant where it is a time: as it is where the planner has statistics on what
 * it reads, that is the relation's own column; else as one that it expects to hold. */
char *
smk_records_condition(SmkRecords *records, const char *name, const char *condition)
{
	int column = records_bound(records, name);
	Oid type = column >= 0 ? records->binding->columns[column].type : InvalidOid;

	if (column >= 0 && is_stored(records, column) && type != TIMESTAMPOID && type != DATEOID)
		return pstrdup(condition);
	return expected_to_hold(condition);
}

/* True where an index or statistics on an expression of the relation may tell the planner what a condition
 * leaves. */
static bool
has_expressions(const SmkBinding *binding)
{
	Relation relation = relation_open(binding->relid, NoLock);
	bool found = RelationGetStatExtList(relation) != NIL;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(relation))
	{
		HeapTuple index = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

		if (!HeapTupleIsValid(index))
			continue;
		found = found || !heap_attisnull(index, Anum_pg_index_indexprs, NULL);
		ReleaseSysCache(index);
	}
	relation_close(relation, NoLock);
	return found;
}

/* The exact condition that a time of a record falls into the range. Where the relation's own column is
 * limited besides, or where the time is an expression that nothing is known of, it tells the planner nothing
 * more. */
static char *
records_in_range_at(SmkRecords *records, const char *at, bool is_date)
{
	int column = records_bound(records, records->set->at);
	char *condition = range_condition(records->request, at, is_date);
	bool is_computed = column >= 0 && !is_stored(records, column) &&
					   (records->binding->query != NULL || !has_expressions(records->binding));

	if (records->request->is_unbounded || !(is_computed || records_raw_range(records) != NULL))
		return condition;
	return expected_to_hold(condition);
}

/* The exact condition that a record falls into its own range. */
static char *
records_in_range(SmkRecords *records)
{
	bool is_date;
	char *at;

	if (records->lumps == SMK_LUMPS_ONLY)
		return smk_lump_in_range(records);
	at = records_at(records, &is_date);
	return records_in_range_at(records, at, is_date);
}

/*
 * The records of the range once more, under an alias, as FROM and WHERE with the needed columns: for what is
 * folded by record. NULL where the range does not limit the entity's own rows.
 */
char *
smk_records_chosen(SmkRecords *records, const char *alias, const bool *needed)
{
	const SmkRequest *request = records->request;
	int column = records_bound(records, records->set->at);
	bool columns[SMK_MAX_COLUMNS];

	if (column < 0 || request->is_unbounded || (request->has_lag && records->set->takes_lag))
		return NULL;
	memcpy(columns, needed, sizeof(columns));
	columns[column] = true;
	return psprintf("FROM %s AS %s\nWHERE %s",
					smk_source_select(records->binding, columns, NIL, records_position(records),
									  records_raw_range(records)),
					alias,
					records_in_range_at(records, psprintf("%s.%s", alias, quote_identifier(records->set->at)),
										smk_records_at_is_date(records)));
}

/* How many rows the planner expects of a statement. */
static double
expected_rows(const char *sql)
{
	SPIPlanPtr plan = SPI_prepare(sql, 0, NULL);
	CachedPlan *cached;
	double rows;

	if (plan == NULL || (cached = SPI_plan_get_cached_plan(plan)) == NULL)
		elog(ERROR, "could not plan \"%s\"", sql);
	rows = linitial_node(PlannedStmt, cached->stmt_list)->planTree->plan_rows;
	ReleaseCachedPlan(cached, NULL);
	SPI_freeplan(plan);
	return rows;
}

/* True where the range chooses less than a fifth of the entity's rows, as the planner expects. */
bool
smk_records_are_few(SmkRecords *records)
{
	if (!records->few_is_known)
	{
		bool needed[SMK_MAX_COLUMNS] = {false};
		char *chosen = smk_records_chosen(records, "chosen", needed);
		char *all = smk_source_select(records->binding, needed, NIL, records_position(records), NULL);

		records->are_few = chosen != NULL && expected_rows(psprintf("SELECT 1 %s", chosen)) * 5 <
												 expected_rows(psprintf("SELECT 1 FROM %s AS source", all));
		records->few_is_known = true;
	}
	return records->are_few;
}

/* The condition that a record is of the kinds that the set takes; NULL where it takes all. */
static char *
records_of_kind(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	SmkBy *kind;
	char *column;
	char *labels;

	if (records->set->kind == SMK_KIND_ANY || (records->set->kind == SMK_KIND_OPTION && request->all_kinds))
		return NULL;
	column = smk_records_column(records, "kind");
	if (column == NULL && records->set->kind == SMK_KIND_OPTION && request->has_kind)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"kind\" needs column \"kind\" of entity \"%s\", which is not bound",
							   records->binding->entity->name),
						errhint("Bind it, or leave the option out to count all.")));
	/* Spend without kinds is marketing. */
	if (column == NULL)
		return records->set->kind == SMK_KIND_SALES ? pstrdup("false") : NULL;
	kind = smk_request_by(request->config, "kind");
	if (records->set->kind == SMK_KIND_SALES)
	{
		labels = smk_dimension_labels(kind, list_make1("sales"));
		return labels ? psprintf("%s IN (%s)", column, labels) : pstrdup("false");
	}
	if (records->set->kind == SMK_KIND_MARKETING)
	{
		labels = smk_dimension_labels(kind, list_make1("marketing"));
		return labels ? psprintf("(%s IN (%s) OR %s IS NULL)", column, labels, column)
					  : psprintf("%s IS NULL", column);
	}
	labels = smk_dimension_labels(kind, request->kinds);
	return labels ? psprintf("%s IN (%s)", column, labels) : pstrdup("false");
}

/*
 * The FROM and WHERE clauses: the entity, its joins, the range unless any time will do, the kinds, the
 * filters, and a further condition (or NULL). To be called when all columns and dimensions have been asked
 * for.
 */
char *
smk_records_from(SmkRecords *records, const char *measure, bool any_time, const char *condition)
{
	const SmkRequest *request = records->request;
	StringInfoData from;
	StringInfoData where;
	char *of_kind = records_of_kind(records);
	ListCell *cell;

	initStringInfo(&from);
	initStringInfo(&where);
	if (!any_time)
		appendStringInfo(&where, "\n   AND %s", records_in_range(records));
	if (records->lumps != SMK_LUMPS_ALIKE)
		appendStringInfo(&where, "\n   AND %s", smk_lump_condition(records));
	if (of_kind)
		appendStringInfo(&where, "\n   AND %s", of_kind);
	foreach (cell, request->filters)
	{
		SmkFilter *filter = lfirst(cell);

		appendStringInfo(
			&where, "\n   AND %s",
			smk_dimension_filter(request, filter, smk_records_dimension(records, filter->by, measure)));
	}
	if (condition)
		appendStringInfo(&where, "\n   AND %s", condition);
	if (request->has_as_of)
		appendStringInfo(&where, "\n   AND %s < %s", smk_records_dated_at(records),
						 smk_timestamp_literal(request->as_of));

	{
		StringInfoData joins;
		char *source;

		/* Lead steps need columns of the lead: joins before the subselect is written. */
		initStringInfo(&joins);
		smk_lead_steps_join(records, &joins);
		smk_lead_handover_join(records, &joins);
		foreach (cell, records->joins)
			smk_dimension_join(lfirst(cell), &joins);
		if (records->lumps == SMK_LUMPS_ONLY)
			appendStringInfoString(&joins, smk_lump_join(records));
		source = smk_source_select(records->binding, records->needed, records->dimensions,
								   records_position(records), any_time ? NULL : records_raw_range(records));
		if (records->lumps != SMK_LUMPS_ALIKE)
			source = smk_lump_source(records, source);
		if (records->is_numbered)
			source = psprintf("(SELECT row_number() OVER () AS row_number, %s.*\n FROM %s AS %s\n WHERE %s)",
							  records->binding->entity->name, smk_sql_indent(source, 6),
							  records->binding->entity->name, any_time ? "true" : records_in_range(records));
		appendStringInfo(&from, "FROM %s AS %s%s", smk_sql_indent(source, 5), records->binding->entity->name,
						 joins.data);
	}
	if (where.len)
		appendStringInfo(&from, "\nWHERE %s", where.data + strlen("\n   AND "));
	return from.data;
}
