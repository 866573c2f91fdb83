/*
 * dimension.c: how a record gets the value of a dimension, how the value is shown, and how it is filtered by.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "kpi/credit.h"
#include "kpi/customer.h"
#include "kpi/dimension.h"
#include "kpi/source.h"

/* The longest way from an entity to the one that has a dimension, in links. */
#define MAX_PATH 3

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
	/* What originated an opportunity is not what a credit of it was a touch of. */
	if (strcmp(by->name, "origin") == 0 && strcmp(way->binding->entity->name, "credit") == 0)
		return false;
	way->column = smk_entity_column(way->binding->entity, dimension_column(by));
	return way->column >= 0 && way->binding->columns[way->column].text != NULL;
}

/*
 * The shortest way to the dimension; among equals the order of the links: lead, opportunity, account, owner.
 * Where through is given, only ways whose first link leads to that entity.
 */
static bool
records_find_way(const SmkRecords *records, const SmkBy *by, const char *through, Way *found)
{
	Way ways[64];
	int count = 1;

	memset(&ways[0], 0, sizeof(Way));
	ways[0].binding = records->binding;
	for (int i = 0; i < count; i++)
	{
		if ((i > 0 || through == NULL) && way_ends(&ways[i], by))
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
						  strcmp(ways[i].binding->entity->name, link->entity) != 0 &&
						  (i > 0 || through == NULL || strcmp(link->entity, through) == 0);

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

/* The way that the records take to a dimension. */
static bool
records_way(const SmkRecords *records, const SmkBy *by, Way *found)
{
	if (records->through && records_find_way(records, by, records->through, found))
		return true;
	return records_find_way(records, by, NULL, found);
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

/* True for the product of payments that tell none: that of the first won opportunity is another matter. */
static bool
lacks_own_product(const SmkRecords *records, const SmkBy *by)
{
	int column = smk_entity_column(records->binding->entity, "product");

	return strcmp(by->name, "product") == 0 && strcmp(records->binding->entity->name, "customer") == 0 &&
		   column >= 0 && records->binding->columns[column].text == NULL;
}

/* What to bind or define so that customers, which nobody can bind, have a dimension. */
static char *
customers_need(const SmkRecords *records, const SmkBy *by)
{
	static const char *const givers[] = {"opportunity", "lead", "account"};
	const char *column = dimension_column(by);
	bool is_of_owner =
		smk_entity_column(smk_entity_find("owner"), column) >= 0 && strcmp(column, "owner") != 0;
	StringInfoData entities;
	int count = 0;

	if (lacks_own_product(records, by))
		return psprintf("Bind column \"product\" of entity \"%s\".",
						smk_customer_source(records->request, records->set->entity));
	initStringInfo(&entities);
	for (int i = lengthof(givers) - 1; i >= 0; i--)
		if (by->defined || is_of_owner || smk_entity_column(smk_entity_find(givers[i]), column) >= 0)
		{
			char *others = pstrdup(entities.data);

			resetStringInfo(&entities);
			appendStringInfo(&entities, "\"%s\"%s%s", givers[i],
							 count == 0	  ? ""
							 : count == 1 ? " or "
										  : ", ",
							 others);
			count++;
		}
	return psprintf(
		"Customers have what their first won opportunity, else their first lead, else their account has: "
		"%s \"%s\" %s entity %s%s. Opportunities and leads are found by their \"account_id\".",
		by->defined ? "define dimension" : "bind column",
		by->defined	  ? by->name
		: is_of_owner ? "owner"
					  : column,
		by->defined ? "for" : "of", entities.data,
		is_of_owner && !by->defined ? psprintf(", and column \"%s\" of entity \"owner\"", column) : "");
}

/* Raises the error for a dimension that the record set cannot have. */
static void
records_lack_dimension(const SmkRecords *records, const SmkBy *by, const char *measure)
{
	/* A credit is of an opportunity. */
	bool is_credit = strcmp(records->binding->entity->name, "credit") == 0;
	const SmkEntity *shown = is_credit ? smk_entity_find("opportunity") : records->binding->entity;
	const char *entity = shown->name;
	const char *what;

	if (strcmp(entity, "customer") == 0)
		what = customers_need(records, by);
	else if (by->defined)
		what = psprintf("Define dimension \"%s\" for entity \"%s\" too, or for one that it is linked with "
						"(lead, opportunity, account, owner).",
						by->name, entity);
	else if (smk_entity_column(shown, dimension_column(by)) >= 0)
		what = psprintf("Bind column \"%s\" of entity \"%s\", or of one that it is linked with "
						"(lead, opportunity, account, owner).",
						dimension_column(by), entity);
	else
	{
		StringInfoData owners;

		initStringInfo(&owners);
		for (int l = 0; l < smk_link_count; l++)
			if (smk_entity_column(shown, smk_links[l].column) >= 0 &&
				smk_entity_column(smk_entity_find(smk_links[l].entity), dimension_column(by)) >= 0)
				appendStringInfo(&owners,
								 "%scolumn \"%s\" of entity \"%s\" and column \"%s\" of entity \"%s\"",
								 owners.len ? ", or " : "", smk_links[l].column, entity, dimension_column(by),
								 smk_links[l].entity);
		what = owners.len
				   ? psprintf("Bind %s.", owners.data)
				   : psprintf("Entity \"%s\" has no such column and no link to an entity that has.", entity);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure \"%s\" of %s has no dimension \"%s\"", measure, records->request->kpi->name,
					by->name),
			 strcmp(entity, "spend") == 0
				 ? errhint("%s To show such spend under (none): SELECT "
						   "smarketing.configure('spend_without_dimension', 'none'). To share it out by "
						   "the leads of its day: 'leads'.",
						   what)
				 : errhint("%s", what)));
}

/* SQL for the dimension's raw value at the end of a way, whose joins are noted. */
static char *
records_reference(SmkRecords *records, const SmkBy *by, const Way *way)
{
	SmkJoin *join;
	const char *alias;
	char *reference;

	if (by->defined)
	{
		SmkExpression checked;
		SmkPurpose purpose = {"dimension", by->name, way->binding->entity->name};
		SmkScope scope;

		smk_binding_open(way->binding);
		smk_binding_scope(way->binding, &scope);
		smk_expression_check(by->defined->columns[way->binding->entity - smk_entities].text, &scope,
							 way->binding->entity->name, &purpose, &checked);
		smk_expression_require(&checked, SMK_TYPE_TEXT, &purpose);
		smk_scope_close(&scope);
	}
	if (way->length == 0)
	{
		alias = records->binding->entity->name;
		if (by->defined)
			records->dimensions =
				list_append_unique_ptr(records->dimensions, unconstify(SmkDimension *, by->defined));
		else
			records->needed[way->column] = true;
	}
	else
	{
		join = records_join(records, way, way->length - 1);
		alias = join->alias;
		if (by->defined)
			join->dimensions =
				list_append_unique_ptr(join->dimensions, unconstify(SmkDimension *, by->defined));
		else
			join->needed[way->column] = true;
	}
	if (by->defined)
		return psprintf("%s.%s", alias, by->defined->alias);
	reference = psprintf("%s.%s", alias, quote_identifier(way->binding->entity->columns[way->column].name));
	if (strcmp(by->name, "target") == 0)
		return psprintf("CASE WHEN %s THEN 'target' WHEN %s.account_id IS NOT NULL THEN 'other' END",
						reference, alias);
	return reference;
}

/* SQL for a dimension that a customer carries of its first lead; NULL where the way is another one. */
static char *
carried_of_lead(SmkRecords *records, const SmkBy *by, const Way *way)
{
	int column;

	if (by->defined || way->length != 1 || strcmp(way->links[0]->entity, "lead") != 0)
		return NULL;
	column = smk_entity_column(records->binding->entity,
							   psprintf("lead_%s", way->binding->entity->columns[way->column].name));
	if (column < 0 || records->binding->columns[column].text == NULL)
		return NULL;
	records->needed[column] = true;
	records->needed[smk_entity_column(records->binding->entity, "lead_id")] = true;
	return psprintf("customer.%s", records->binding->entity->columns[column].name);
}

/*
 * SQL for a dimension's raw value of a customer: that of its first won opportunity, else of its first lead,
 * else of its account. NULL where none of them has it.
 */
static char *
customer_dimension(SmkRecords *records, const SmkBy *by)
{
	static const char *const links[][2] = {
		{"opportunity", "opportunity_id"}, {"lead", "lead_id"}, {"account", "account_id"}};
	StringInfoData sql;
	Way way;

	/* The account is the customer's own. */
	if (records_find_way(records, by, NULL, &way) && way.length == 0)
		return records_reference(records, by, &way);
	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(links); i++)
	{
		char *reference;

		if (!records_find_way(records, by, links[i][0], &way))
			continue;
		reference = carried_of_lead(records, by, &way);
		appendStringInfo(&sql, " WHEN customer.%s IS NOT NULL THEN (%s)::text", links[i][1],
						 reference ? reference : records_reference(records, by, &way));
	}
	return sql.len ? psprintf("CASE%s END", sql.data) : NULL;
}

/*
 * SQL for a dimension's raw value on a record, of type text, bigint or uuid. Where there is no way to it: an
 * error that names the measure and what to bind; NULL for spend where the setting says so, and for entered
 * spend.
 */
char *
smk_records_dimension(SmkRecords *records, const SmkBy *by, const char *measure)
{
	const char *entity = records->binding->entity->name;
	bool is_spend = strcmp(entity, "spend") == 0;
	SmkBinding *bound = is_spend ? smk_config_binding(records->request->config, "spend") : NULL;
	char *of_customer;
	Way way;

	if (lacks_own_product(records, by))
		records_lack_dimension(records, by, measure);
	if (strcmp(entity, "customer") == 0 && (of_customer = customer_dimension(records, by)) != NULL)
		return of_customer;
	if (records_way(records, by, &way))
	{
		char *reference = records_reference(records, by, &way);

		return strcmp(entity, "credit") == 0 ? smk_credit_dimension(records, by, reference) : reference;
	}
	if (is_spend && strcmp(records->request->config->spend_without_dimension, "none") == 0)
		return pstrdup("NULL::text");
	/* What was entered by hand has fewer columns than what is bound beside it. */
	if (records->binding->is_own && bound != NULL &&
		records_find_way(smk_records(records->request, records->set, bound), by, NULL, &way))
		return pstrdup("NULL::text");
	records_lack_dimension(records, by, measure);
	return NULL;
}

/* SQL for the label of a record's account; NULL where accounts have none. */
char *
smk_records_account_label(SmkRecords *records)
{
	SmkBy label = {.name = "label"};
	Way way;

	if (!records_find_way(records, &label, "account", &way) || way.length > 1)
		return NULL;
	return records_reference(records, &label, &way);
}

/*
 * The record's own column from which a dimension is found: the dimension itself, or the link that the way to
 * it begins with; NULL where there is none. palloc'd.
 */
char *
smk_dimension_first_column(const SmkRecords *records, const SmkBy *by)
{
	Way way;

	if (!records_way(records, by, &way))
		return NULL;
	if (way.length > 0)
		return pstrdup(way.links[0]->column);
	return pstrdup(by->defined ? by->name : dimension_column(by));
}

/* True where records can have a dimension. */
bool
smk_records_have_dimension(const SmkRecords *records, const SmkBy *by)
{
	Way way;

	return records_find_way(records, by, NULL, &way);
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
		const char *name;
		const char *origin;

		CHECK_FOR_INTERRUPTS();
		name = map_label(channel->map, label);
		origin = map_label(by->map, name);
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
char *
smk_dimension_labels(const SmkBy *by, List *values)
{
	StringInfoData list;
	ListCell *cell;
	ListCell *value;

	initStringInfo(&list);
	foreach (value, values)
	{
		const char *wanted = lfirst(value);
		bool is_own = true;

		CHECK_FOR_INTERRUPTS();
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

/* The condition that a raw value passes a filter. */
char *
smk_dimension_filter(const SmkRequest *request, const SmkFilter *filter, const char *raw)
{
	const char *labels;

	if (strcmp(filter->by->name, "origin") == 0)
	{
		raw = dimension_origin(request, filter->by, raw);
		labels = smk_dimension_labels(&(SmkBy){.name = "origin"}, filter->values);
	}
	else
		labels = smk_dimension_labels(filter->by, filter->values);
	if (labels == NULL)
	{
		/* No label is shown so: nothing passes, or, negated, everything. */
		if (filter->has_none)
			return psprintf(filter->is_negated ? "%s IS NOT NULL" : "%s IS NULL", raw);
		return pstrdup(filter->is_negated ? "true" : "false");
	}
	if (!filter->is_negated)
		return filter->has_none ? psprintf("(%s::text IN (%s) OR %s IS NULL)", raw, labels, raw)
								: psprintf("%s::text IN (%s)", raw, labels);
	return filter->has_none ? psprintf("%s::text NOT IN (%s)", raw, labels)
							: psprintf("(%s::text NOT IN (%s) OR %s IS NULL)", raw, labels, raw);
}

/* Adds a join: its subselect and its condition. */
void
smk_dimension_join(const SmkJoin *join, StringInfo from)
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
