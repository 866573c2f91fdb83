/*
 * records.c: one record set as SQL. Columns, dimensions and joins are noted as they are asked for; the FROM
 * clause is written last, with only what is needed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "compat.h"
#include "kpi/lead_steps.h"
#include "kpi/records.h"
#include "kpi/source.h"

/* The longest way from an entity to the one that has a dimension, in links. */
#define MAX_PATH 3

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
	return records->binding->entity - smk_entities;
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

	if (strcmp(records->binding->entity->name, "lead") == 0 && smk_lead_step_is_column(name))
		return smk_lead_step(records, name);
	if (strcmp(name, "period_cut") == 0)
	{
		const SmkRequest *request = records->request;
		char *cut = smk_timestamp_literal(Min(request->now, request->until));

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
	records->needed[column] = true;
	return psprintf("%s.%s", records->binding->entity->name, quote_identifier(name));
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

/* The template with its columns as SQL; NULL where one of them cannot be had. */
char *
smk_records_expand(SmkRecords *records, const char *template)
{
	StringInfoData result;

	initStringInfo(&result);
	while (*template)
	{
		const char *close;
		char *name;
		char *sql;

		if (*template != '[')
		{
			appendStringInfoChar(&result, *template ++);
			continue;
		}
		close = strchr(template, ']');
		name = pnstrdup(template + 1, close - template - 1);
		sql = name[0] == '@' ? smk_records_instant(records, name + 1) : smk_records_column(records, name);
		if (sql == NULL)
			return NULL;
		appendStringInfoString(&result, sql);
		template = close + 1;
	}
	return result.data;
}

/* How a dimension's value is found on a record: the own column of the last entity on a way of links. */
typedef struct Way
{
	SmkBinding *binding;
	int column; /* of the dimension; -1: one of the user's */
	int length;
	const SmkLink *links[MAX_PATH];
} Way;

/* The canonical column that gives a built-in dimension. */
static const char *
dimension_column(const SmkBy *by)
{
	if (strcmp(by->name, "account") == 0)
		return "account_id";
	if (strcmp(by->name, "target") == 0)
		return "is_target";
	if (strcmp(by->name, "origin") == 0)
		return "channel";
	return by->name;
}

/* True where this entity gives the dimension itself. */
static bool
way_ends(Way *way, const SmkBy *by)
{
	if (by->defined)
	{
		way->column = -1;
		return !way->binding->is_own &&
			   by->defined->columns[way->binding->entity - smk_entities].text != NULL;
	}
	way->column = smk_entity_column(way->binding->entity, dimension_column(by));
	return way->column >= 0 && way->binding->columns[way->column].text != NULL;
}

/*
 * The shortest way to the dimension; among equals the order of the links: lead, opportunity, account, owner.
 */
static bool
records_find_way(const SmkRecords *records, const SmkBy *by, Way *found)
{
	Way ways[64];
	int count = 1;

	memset(&ways[0], 0, sizeof(Way));
	ways[0].binding = records->binding;
	for (int i = 0; i < count; i++)
	{
		if (way_ends(&ways[i], by))
		{
			*found = ways[i];
			return true;
		}
		for (int l = 0; l < smk_link_count && ways[i].length < MAX_PATH && count < 64; l++)
		{
			const SmkLink *link = &smk_links[l];
			int column = smk_entity_column(ways[i].binding->entity, link->column);
			SmkBinding *next = smk_config_binding(records->request->config, link->entity);
			bool is_new = next != NULL && next != records->binding &&
						  strcmp(ways[i].binding->entity->name, link->entity) != 0;

			for (int back = 0; back < ways[i].length; back++)
				is_new = is_new && ways[i].links[back] != link;
			if (!is_new || column < 0 || ways[i].binding->columns[column].text == NULL)
				continue;
			ways[count] = ways[i];
			ways[count].binding = next;
			ways[count].links[ways[count].length++] = link;
			count++;
		}
	}
	return false;
}

/* The join for the way's link at that depth, made on first use. Its alias tells the way: lead, lead_account.
 */
static SmkJoin *
records_join(SmkRecords *records, const Way *way, int depth)
{
	SmkJoin *parent = depth > 0 ? records_join(records, way, depth - 1) : NULL;
	const SmkLink *link = way->links[depth];
	char *alias = parent ? psprintf("%s_%s", parent->alias, link->entity) : pstrdup(link->entity);
	SmkBinding *from = parent ? parent->binding : records->binding;
	int column = smk_entity_column(from->entity, link->column);
	SmkJoin *join;
	ListCell *cell;

	foreach (cell, records->joins)
	{
		join = lfirst(cell);
		if (strcmp(join->alias, alias) == 0)
			return join;
	}
	join = palloc0(sizeof(SmkJoin));
	join->alias = alias;
	join->binding = smk_config_binding(records->request->config, link->entity);
	smk_binding_open(join->binding);
	join->needed[smk_entity_column(join->binding->entity, join->binding->entity->key)] = true;
	if (parent)
		parent->needed[column] = true;
	else
		records->needed[column] = true;
	join->left_key =
		psprintf("%s.%s", parent ? parent->alias : from->entity->name, quote_identifier(link->column));
	/* Where a join has to fold duplicates of its key, what it carries is text. */
	join->left_type = parent && !parent->binding->key_is_unique ? TEXTOID : smk_source_key_type(from, column);
	records->joins = lappend(records->joins, join);
	return join;
}

/* Raises the error for a dimension that the record set cannot have. */
static void
records_lack_dimension(const SmkRecords *records, const SmkBy *by, const char *measure)
{
	const char *entity = records->binding->entity->name;
	const char *what;

	if (by->defined)
		what = psprintf("Define dimension \"%s\" for entity \"%s\" too, or for one that it is linked with "
						"(lead, opportunity, account, owner).",
						by->name, entity);
	else if (smk_entity_column(records->binding->entity, dimension_column(by)) >= 0)
		what = psprintf("Bind column \"%s\" of entity \"%s\", or of one that it is linked with "
						"(lead, opportunity, account, owner).",
						dimension_column(by), entity);
	else
	{
		StringInfoData owners;

		initStringInfo(&owners);
		for (int l = 0; l < smk_link_count; l++)
			if (smk_entity_column(records->binding->entity, smk_links[l].column) >= 0 &&
				smk_entity_column(smk_entity_find(smk_links[l].entity), dimension_column(by)) >= 0)
				appendStringInfo(&owners,
								 "%scolumn \"%s\" of entity \"%s\" and column \"%s\" of entity \"%s\"",
								 owners.len ? ", or " : "", smk_links[l].column, entity, dimension_column(by),
								 smk_links[l].entity);
		what = owners.len
				   ? psprintf("Bind %s.", owners.data)
				   : psprintf("Entity \"%s\" has no such column and no link to an entity that has.", entity);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("measure \"%s\" of %s has no dimension \"%s\"", measure,
						   records->request->kpi->name, by->name),
					strcmp(entity, "spend") == 0 ? errhint("%s To show such spend under (none): SELECT "
														   "smarketing.configure('spend_without_dimension', "
														   "'none').",
														   what)
												 : errhint("%s", what)));
}

/*
 * SQL for a dimension's raw value on a record, of type text, bigint or uuid. Where there is no way to it: an
 * error that names the measure and what to bind; NULL for spend where the setting says so, and for entered
 * spend.
 */
char *
smk_records_dimension(SmkRecords *records, const SmkBy *by, const char *measure)
{
	Way way;
	SmkJoin *join;
	const char *alias;
	char *reference;

	if (!records_find_way(records, by, &way))
	{
		bool is_spend = strcmp(records->binding->entity->name, "spend") == 0;
		SmkBinding *bound = is_spend ? smk_config_binding(records->request->config, "spend") : NULL;

		if (is_spend && strcmp(records->request->config->spend_without_dimension, "none") == 0)
			return pstrdup("NULL::text");
		/* What was entered by hand has fewer columns than what is bound beside it. */
		if (records->binding->is_own && bound != NULL &&
			records_find_way(smk_records(records->request, records->set, bound), by, &way))
			return pstrdup("NULL::text");
		records_lack_dimension(records, by, measure);
	}
	if (by->defined)
	{
		SmkExpression checked;
		SmkPurpose purpose = {"dimension", by->name, way.binding->entity->name};
		Relation relation;

		smk_binding_open(way.binding);
		relation = relation_open(way.binding->relid, NoLock);
		smk_expression_check(by->defined->columns[way.binding->entity - smk_entities].text, relation,
							 way.binding->entity->name, &purpose, &checked);
		smk_expression_require(&checked, SMK_TYPE_TEXT, &purpose);
		relation_close(relation, NoLock);
	}
	if (way.length == 0)
	{
		alias = records->binding->entity->name;
		if (by->defined)
			records->dimensions =
				list_append_unique_ptr(records->dimensions, unconstify(SmkDimension *, by->defined));
		else
			records->needed[way.column] = true;
	}
	else
	{
		join = records_join(records, &way, way.length - 1);
		alias = join->alias;
		if (by->defined)
			join->dimensions =
				list_append_unique_ptr(join->dimensions, unconstify(SmkDimension *, by->defined));
		else
			join->needed[way.column] = true;
	}
	if (by->defined)
		return psprintf("%s.%s", alias, by->defined->alias);
	reference = psprintf("%s.%s", alias, quote_identifier(way.binding->entity->columns[way.column].name));
	if (strcmp(by->name, "target") == 0)
		return psprintf("CASE WHEN %s THEN 'target' WHEN %s.account_id IS NOT NULL THEN 'other' END",
						reference, alias);
	return reference;
}

/* The value that the map gives a label, or the label. */
static const char *
map_label(List *map, const char *label)
{
	ListCell *cell;

	foreach (cell, map)
		if (strcmp(((SmkMapped *) lfirst(cell))->label, label) == 0)
			return ((SmkMapped *) lfirst(cell))->value;
	return label;
}

/* SQL for the origin of a channel: what map_value says of it by its name or by its spelling; marketing
 * otherwise. */
static char *
dimension_origin(const SmkRequest *request, const SmkBy *by, const char *raw)
{
	SmkBy *channel = smk_request_by(request->config, "channel");
	StringInfoData result;
	List *labels = NIL;
	ListCell *cell;

	foreach (cell, channel->map)
		labels = list_append_unique_ptr(labels, ((SmkMapped *) lfirst(cell))->label);
	foreach (cell, by->map)
		labels = lappend(labels, ((SmkMapped *) lfirst(cell))->label);
	initStringInfo(&result);
	appendStringInfoString(&result, "CASE");
	foreach (cell, labels)
	{
		const char *label = lfirst(cell);
		const char *name = map_label(channel->map, label);
		const char *origin = map_label(by->map, name);

		if (origin == name)
			origin = map_label(by->map, label);
		if (origin != label)
			appendStringInfo(&result, " WHEN %s = %s THEN %s", raw, quote_literal_cstr(label),
							 quote_literal_cstr(origin));
	}
	appendStringInfo(&result, " WHEN %s IS NOT NULL THEN 'marketing' END", raw);
	return result.data;
}

/* SQL for a dimension's value as it is shown: mapped, as text, (none) for the missing. */
char *
smk_dimension_text(const SmkRequest *request, const SmkBy *by, const char *raw)
{
	StringInfoData result;
	ListCell *cell;

	initStringInfo(&result);
	if (strcmp(by->name, "origin") == 0)
		return psprintf("coalesce(%s, '(none)')", dimension_origin(request, by, raw));
	if (by->map == NIL)
	{
		appendStringInfo(&result, "coalesce(%s::text, '(none)')", raw);
		return result.data;
	}
	appendStringInfo(&result, "coalesce(CASE %s::text", raw);
	foreach (cell, by->map)
	{
		SmkMapped *mapped = lfirst(cell);

		appendStringInfo(&result, "\n           WHEN %s THEN %s", quote_literal_cstr(mapped->label),
						 quote_literal_cstr(mapped->value));
	}
	appendStringInfo(&result, "\n           ELSE %s::text END, '(none)')", raw);
	return result.data;
}

/* The labels in the data that are shown as one of these values: a plain list, so that an index can be used.
 */
static char *
filter_labels(const SmkBy *by, List *values)
{
	StringInfoData list;
	ListCell *cell;
	ListCell *value;

	initStringInfo(&list);
	foreach (value, values)
	{
		const char *wanted = lfirst(value);
		bool is_own = true;

		foreach (cell, by->map)
		{
			SmkMapped *mapped = lfirst(cell);

			if (strcmp(mapped->label, wanted) == 0)
				is_own = false;
			if (strcmp(mapped->value, wanted) == 0)
				appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_literal_cstr(mapped->label));
		}
		if (is_own)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_literal_cstr(wanted));
	}
	return list.len ? list.data : NULL;
}

/* Adds a filter on a raw value to the WHERE clause. */
static void
filter_where(const SmkRequest *request, const SmkFilter *filter, const char *raw, StringInfo where)
{
	const char *labels;

	appendStringInfoString(where, "\n   AND ");
	if (strcmp(filter->by->name, "origin") == 0)
	{
		raw = dimension_origin(request, filter->by, raw);
		labels = filter_labels(&(SmkBy){.name = "origin"}, filter->values);
	}
	else
		labels = filter_labels(filter->by, filter->values);
	if (labels == NULL)
	{
		/* No label is shown so: nothing passes, or, negated, everything. */
		if (filter->has_none)
			appendStringInfo(where, filter->is_negated ? "%s IS NOT NULL" : "%s IS NULL", raw);
		else
			appendStringInfoString(where, filter->is_negated ? "true" : "false");
		return;
	}
	if (!filter->is_negated)
		appendStringInfo(where, filter->has_none ? "(%s::text IN (%s) OR %s IS NULL)" : "%s::text IN (%s)",
						 raw, labels, raw);
	else
		appendStringInfo(where,
						 filter->has_none ? "%s::text NOT IN (%s)" : "(%s::text NOT IN (%s) OR %s IS NULL)",
						 raw, labels, raw);
}

/* True where the record's time is a plain local date. */
static bool
records_at_is_date(const SmkRecords *records)
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

	*is_date = records_at_is_date(records) && !(has_lag && request->lag.time != 0);
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

static bool
period_is_fiscal(const SmkRequest *request)
{
	return request->period == SMK_FISCAL_QUARTER || request->period == SMK_FISCAL_YEAR;
}

/* SQL for the start of the period in which a record falls. */
char *
smk_records_bucket(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	bool is_date;
	char *at = records_at(records, &is_date);
	char *month =
		period_is_fiscal(request) ? psprintf(", %d", request->config->fiscal_year_start) : pstrdup("");

	if (is_date)
		return psprintf("smarketing.period_start('%s', %s%s)", smk_period_name(request->period), at, month);
	return psprintf("smarketing.period_start('%s', %s, %s%s)", smk_period_name(request->period), at,
					quote_literal_cstr(request->time_zone), month);
}

/*
 * True where extended statistics tell the planner how many periods there are: then the bucket needs no fence.
 * Their expression must be the bucket over the relation's own column, as it stands in the statement.
 */
bool
smk_records_bucket_is_known(SmkRecords *records)
{
	int column = records_bound(records, records->set->at);
	const SmkExpression *at = column >= 0 ? &records->binding->columns[column] : NULL;
	StringInfoData wanted;
	Relation relation;
	List *statistics;
	ListCell *cell;
	bool found = false;

	if (at == NULL || at->raw_column == NULL || at->type == TIMESTAMPOID ||
		(records->request->has_lag && records->set->takes_lag))
		return false;
	initStringInfo(&wanted);
	appendStringInfo(&wanted, "smarketing.period_start('%s'::text, %s",
					 smk_period_name(records->request->period), quote_identifier(at->raw_column));
	if (at->type != DATEOID)
		appendStringInfo(&wanted, ", %s::text", quote_literal_cstr(records->request->time_zone));
	if (period_is_fiscal(records->request))
		appendStringInfo(&wanted, ", %d", records->request->config->fiscal_year_start);
	appendStringInfoChar(&wanted, ')');

	relation = relation_open(records->binding->relid, NoLock);
	statistics = RelationGetStatExtList(relation);
	foreach (cell, statistics)
	{
		Datum expressions =
			DirectFunctionCall1(pg_get_statisticsobjdef_columns, ObjectIdGetDatum(lfirst_oid(cell)));

		found = found || strstr(TextDatumGetCString(expressions), wanted.data) != NULL;
	}
	relation_close(relation, NoLock);
	return found;
}

/* SQL for the instant that dates a record. */
char *
smk_records_dated_at(SmkRecords *records)
{
	bool is_date;
	char *at = records_at(records, &is_date);

	return is_date ? psprintf("(%s::timestamp AT TIME ZONE %s)", at,
							  quote_literal_cstr(records->request->time_zone))
				   : at;
}

/* The first local date that begins at or after the instant. */
static DateADT
date_at_or_after(const SmkRequest *request, TimestampTz at)
{
	DateADT date = smk_zone_local_date(request->zone, at);

	return smk_zone_first_instant(request->zone, date) < at ? date + 1 : date;
}

/* The exact condition that a time, an instant or a local date, falls into the range. */
static char *
range_condition(const SmkRequest *request, const char *at, bool is_date)
{
	char *until = is_date ? smk_date_literal(date_at_or_after(request, request->until))
						  : smk_timestamp_literal(request->until);

	if (request->has_since)
		return psprintf("%s >= %s AND %s < %s", at,
						is_date ? smk_date_literal(date_at_or_after(request, request->since))
								: smk_timestamp_literal(request->since),
						at, until);
	if (request->is_unbounded)
		return psprintf("(%s < %s OR %s IS NULL)", at, until, at);
	return psprintf("%s < %s", at, until);
}

/* The exact condition that a record falls into the range. */
static char *
records_in_range(SmkRecords *records)
{
	bool is_date;
	char *at = records_at(records, &is_date);

	return range_condition(records->request, at, is_date);
}

/* An instant as a constant of the type of the relation's own column. */
static char *
raw_literal(const SmkRecords *records, Oid type, TimestampTz at)
{
	if (type == DATEOID)
		return smk_date_literal(smk_zone_local_date(records->request->zone, at));
	if (type == TIMESTAMPOID)
		return psprintf("%s AT TIME ZONE %s", smk_timestamp_literal(at),
						quote_literal_cstr(records->binding->time_zone));
	return smk_timestamp_literal(at);
}

/*
 * A condition on the relation's own column, wider than the exact one by a day and the lag, so that the
 * column's index is used; NULL where the exact condition already reads the plain column, or where there is
 * none.
 */
static char *
records_raw_range(const SmkRecords *records)
{
	const SmkRequest *request = records->request;
	int column = records_bound(records, records->set->at);
	bool has_lag = request->has_lag && records->set->takes_lag;
	const SmkExpression *expression;
	int64 lag = has_lag ? request->lag.day * USECS_PER_DAY + request->lag.time : 0;
	StringInfoData result;

	if (column < 0 || request->is_unbounded)
		return NULL;
	expression = &records->binding->columns[column];
	if (expression->raw_column == NULL || (expression->type != TIMESTAMPOID && !has_lag))
		return NULL;
	initStringInfo(&result);
	if (request->has_since)
		appendStringInfo(&result, "%s >= %s AND ", expression->text,
						 raw_literal(records, expression->type, request->since - lag - USECS_PER_DAY));
	appendStringInfo(&result, "%s < %s", expression->text,
					 raw_literal(records, expression->type, request->until - lag + USECS_PER_DAY));
	return result.data;
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
					range_condition(request, psprintf("%s.%s", alias, quote_identifier(records->set->at)),
									records_at_is_date(records)));
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
	if (column == NULL)
		return NULL;
	kind = smk_request_by(request->config, "kind");
	if (records->set->kind == SMK_KIND_MARKETING)
		return psprintf("(%s IN (%s) OR %s IS NULL)", column, filter_labels(kind, list_make1("marketing")),
						column);
	labels = filter_labels(kind, request->kinds);
	return labels ? psprintf("%s IN (%s)", column, labels) : pstrdup("false");
}

/* A join's subselect and its condition. */
static void
records_write_join(const SmkJoin *join, StringInfo from)
{
	const SmkEntity *entity = join->binding->entity;
	int position = entity - smk_entities;
	int key = smk_entity_column(entity, entity->key);
	char *key_name = psprintf("%s.%s", join->alias, quote_identifier(entity->key));
	char *select = smk_source_select(join->binding, join->needed, join->dimensions, position, NULL);
	StringInfoData folded;
	ListCell *cell;

	if (!join->binding->key_is_unique)
	{
		/* Nothing says that the key is unique: fold its rows, so that none of the records is counted twice.
		 */
		initStringInfo(&folded);
		appendStringInfo(&folded, "(SELECT %s", quote_identifier(entity->key));
		for (int i = 0; entity->columns[i].name != NULL; i++)
		{
			const char *name = quote_identifier(entity->columns[i].name);

			if (!join->needed[i] || i == key)
				continue;
			if (entity->columns[i].type == SMK_TYPE_BOOLEAN)
				appendStringInfo(&folded, ", bool_or(%s) AS %s", name, name);
			else
				appendStringInfo(&folded, ", min(%s::text) AS %s", name, name);
		}
		foreach (cell, join->dimensions)
			appendStringInfo(&folded, ", min(%s) AS %s", ((SmkDimension *) lfirst(cell))->alias,
							 ((SmkDimension *) lfirst(cell))->alias);
		appendStringInfo(&folded, "\n FROM %s AS folded\n GROUP BY %s)", smk_sql_indent(select, 6),
						 quote_identifier(entity->key));
		select = folded.data;
	}
	appendStringInfo(from, "\nLEFT JOIN %s AS %s\n    ON %s", smk_sql_indent(select, 10), join->alias,
					 smk_source_keys_equal(key_name, smk_source_key_type(join->binding, key), join->left_key,
										   join->left_type));
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
	if (of_kind)
		appendStringInfo(&where, "\n   AND %s", of_kind);
	foreach (cell, request->filters)
	{
		SmkFilter *filter = lfirst(cell);

		filter_where(request, filter, smk_records_dimension(records, filter->by, measure), &where);
	}
	if (condition)
		appendStringInfo(&where, "\n   AND %s", condition);

	{
		StringInfoData joins;

		/* Lead steps need columns of the lead: joins before the subselect is written. */
		initStringInfo(&joins);
		smk_lead_steps_join(records, &joins);
		foreach (cell, records->joins)
			records_write_join(lfirst(cell), &joins);
		appendStringInfo(&from, "FROM %s AS %s%s",
						 smk_sql_indent(smk_source_select(records->binding, records->needed,
														  records->dimensions, records_position(records),
														  any_time ? NULL : records_raw_range(records)),
										5),
						 records->binding->entity->name, joins.data);
	}
	if (where.len)
		appendStringInfo(&from, "\nWHERE %s", where.data + strlen("\n   AND "));
	return from.data;
}
