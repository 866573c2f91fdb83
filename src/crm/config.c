/*
 * config.c: reads what a database has configured, as the caller.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "crm/config.h"
#include "crm/key.h"
#include "crm/score_rule.h"
#include "smarketing.h"

const SmkSetting smk_settings[] = {
	{"time_zone", "UTC", "the reporting time zone, in which periods are cut; at first the database's own"},
	{"currency", NULL, "the currency of all figures; amounts in others are converted"},
	{"on_missing_rate", "error",
	 "what an exchange rate that is missing does: error, or null for NULL figures"},
	{"fiscal_year_start", "1", "the month in which fiscal years begin, 1 to 12"},
	{"language", "en", "the language of readings: en or fr"},
	{"gross_margin", NULL,
	 "the share of revenue that is margin, above 0 and at most 1; without it all revenue counts"},
	{"customer_basis", "auto",
	 "what makes a customer: subscription, opportunity, revenue, or auto for the first that is bound"},
	{"active_within", "12 months", "how long a customer without subscription is active after revenue"},
	{"spend_without_dimension", "error",
	 "what spend does that lacks a dimension: error, none to show it under (none), or leads to share it out "
	 "by "
	 "the leads of its day"}};

const int smk_setting_count = lengthof(smk_settings);

/* One value of the current row of SPI as palloc'd text, or NULL. */
static char *
config_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* Runs one of our own queries; its plan is kept for the session. Inside SPI_connect. */
void
smk_config_query(const char *sql, SPIPlanPtr *plan)
{
	if (*plan == NULL)
	{
		SPIPlanPtr made = SPI_prepare(sql, 0, NULL);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare \"%s\"", sql);
		*plan = made;
	}
	if (SPI_execute_plan(*plan, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\"", sql);
}

static void
config_load_bindings(SmkConfig *config)
{
	static SPIPlanPtr plan = NULL;

	smk_config_query(
		"SELECT b.entity, b.relation, b.filter, b.time_zone, c.column_name, c.expression, b.query "
		"FROM smarketing.binding b LEFT JOIN smarketing.binding_column c "
		"ON c.entity OPERATOR(pg_catalog.=) b.entity",
		&plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		const SmkEntity *entity = smk_entity_find(config_text(row, 1));
		SmkBinding *binding;
		int column;
		char *name;

		if (entity == NULL)
			continue; /* bound by a newer version of the extension */
		binding = config->bindings[entity - smk_entities];
		if (binding == NULL)
		{
			binding = palloc0(sizeof(SmkBinding));
			binding->entity = entity;
			binding->relation = config_text(row, 2);
			binding->filter = config_text(row, 3);
			binding->time_zone = config_text(row, 4);
			binding->query = config_text(row, 7);
			config->bindings[entity - smk_entities] = binding;
		}
		name = config_text(row, 5);
		column = name ? smk_entity_column(entity, name) : -1;
		if (column >= 0)
			binding->columns[column].text = config_text(row, 6);
	}
}

static void
config_load_dimensions(SmkConfig *config)
{
	static SPIPlanPtr plan = NULL;
	SmkDimension *dimension = NULL;

	smk_config_query("SELECT d.name, c.entity, c.expression FROM smarketing.dimension d "
					 "LEFT JOIN smarketing.dimension_column c ON c.dimension OPERATOR(pg_catalog.=) d.name "
					 "ORDER BY d.name",
					 &plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char *name = config_text(row, 1);
		char *entity_name = config_text(row, 2);
		const SmkEntity *entity = entity_name ? smk_entity_find(entity_name) : NULL;

		if (dimension == NULL || strcmp(dimension->name, name) != 0)
		{
			dimension = palloc(sizeof(SmkDimension));
			dimension->name = name;
			dimension->alias = psprintf("dimension_%d", list_length(config->dimensions) + 1);
			dimension->columns = palloc0(smk_entity_count * sizeof(SmkExpression));
			config->dimensions = lappend(config->dimensions, dimension);
		}
		if (entity != NULL)
			dimension->columns[entity - smk_entities].text = config_text(row, 3);
	}
}

static List *
config_load_map(const char *sql, SPIPlanPtr *plan)
{
	List *result = NIL;

	smk_config_query(sql, plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SmkMapped *mapped = palloc(sizeof(SmkMapped));

		mapped->scope = config_text(row, 1);
		mapped->label = config_text(row, 2);
		mapped->value = config_text(row, 3);
		result = lappend(result, mapped);
	}
	return result;
}

/* True for a plain decimal number above 0 and at most 1. */
bool
smk_margin_is_valid(const char *text)
{
	size_t length = strlen(text);
	double value;

	if (length == 0 || length > 60 || strspn(text, "0123456789.") != length)
		return false;
	value = strtod(text, NULL);
	return value > 0 && value <= 1 && strchr(text, '.') == strrchr(text, '.');
}

static void
config_load_settings(SmkConfig *config)
{
	static SPIPlanPtr plan = NULL;
	const char *missing_rate = NULL;

	/* Configured rows first, then the oldest recorded default: the first row of a name holds. */
	smk_config_query("SELECT name, value FROM smarketing.setting ORDER BY is_default, recorded_at", &plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char *name = config_text(row, 1);
		char *value = config_text(row, 2);

		if (strcmp(name, "time_zone") == 0 && config->time_zone == NULL)
			config->time_zone = value;
		else if (strcmp(name, "spend_without_dimension") == 0 && config->spend_without_dimension == NULL)
			config->spend_without_dimension = value;
		else if (strcmp(name, "fiscal_year_start") == 0 && config->fiscal_year_start == 0)
			config->fiscal_year_start = pg_strtoint32(value);
		else if (strcmp(name, "currency") == 0 && config->currency == NULL)
			config->currency = value;
		else if (strcmp(name, "gross_margin") == 0 && config->gross_margin == NULL)
			config->gross_margin = value;
		else if (strcmp(name, "customer_basis") == 0 && config->customer_basis == NULL)
			config->customer_basis = value;
		else if (strcmp(name, "active_within") == 0 && config->active_within == NULL)
			config->active_within = value;
		else if (strcmp(name, "language") == 0 && config->language == NULL)
			config->language = value;
		else if (strcmp(name, "on_missing_rate") == 0 && missing_rate == NULL)
			missing_rate = value;
	}
	/* It goes into statements as it stands. */
	if (config->gross_margin != NULL && !smk_margin_is_valid(config->gross_margin))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for setting \"%s\": \"%s\"", "gross_margin", config->gross_margin),
				 errhint("Set it with smarketing.configure().")));
	config->missing_rate_is_null = missing_rate != NULL && strcmp(missing_rate, "null") == 0;
	if (config->time_zone == NULL)
		config->time_zone = "UTC";
	if (config->spend_without_dimension == NULL)
		config->spend_without_dimension = "error";
	if (config->customer_basis == NULL)
		config->customer_basis = "auto";
	if (config->active_within == NULL)
		config->active_within = "12 months";
	if (config->language == NULL)
		config->language = "en";
	if (config->fiscal_year_start == 0)
		config->fiscal_year_start = 1;
}

/*
 * The configuration as the active snapshot shows it. Inside SPI_connect; palloc'd in SPI's procedure context.
 */
SmkConfig *
smk_config_load(void)
{
	static SPIPlanPtr stage_plan = NULL;
	static SPIPlanPtr value_plan = NULL;
	SmkConfig *config = palloc0(sizeof(SmkConfig));

	config->bindings = palloc0(smk_entity_count * sizeof(SmkBinding *));
	config_load_settings(config);
	config_load_bindings(config);
	config_load_dimensions(config);
	config->stage_map =
		config_load_map("SELECT pipeline, label, stage FROM smarketing.stage_map", &stage_plan);
	config->value_map =
		config_load_map("SELECT dimension, label, value FROM smarketing.value_map", &value_plan);
	config->score_rules = smk_score_rules_load();
	config->score_thresholds = smk_score_thresholds_load();
	return config;
}

/* The binding of an entity, or NULL. */
SmkBinding *
smk_config_binding(const SmkConfig *config, const char *entity)
{
	const SmkEntity *found = smk_entity_find(entity);

	return found ? config->bindings[found - smk_entities] : NULL;
}

/* The relation of that qualified name as it is now, locked for reading; InvalidOid where it is gone and may
 * be. */
Oid
smk_relation_resolve(const char *relation, bool missing_ok)
{
	RangeVar *name = makeRangeVarFromNameList(stringToQualifiedNameList(relation, NULL));

	return RangeVarGetRelid(name, AccessShareLock, missing_ok);
}

/* Looks at what the scope tells of the binding's key. */
static void
config_look_at_key(const SmkScope *scope, SmkBinding *binding)
{
	const char *name = binding->entity->key;
	const char *column = name ? binding->columns[smk_entity_column(binding->entity, name)].raw_column : NULL;
	AttrNumber number;

	binding->key_is_unique = binding->key_is_there = false;
	if (column == NULL)
		return;
	if (scope->query)
	{
		binding->key_is_unique = smk_query_column_is_unique(scope->query, column);
		binding->key_is_there = smk_query_column_is_never_null(scope->query, column);
		return;
	}
	number = get_attnum(RelationGetRelid(scope->relation), column);
	binding->key_is_unique = smk_column_is_unique(scope->relation, number);
	binding->key_is_there = smk_column_is_never_null(scope->relation, number);
}

/* Opens what the binding, itself opened, is over; the caller closes it. */
void
smk_binding_scope(const SmkBinding *binding, SmkScope *scope)
{
	smk_scope_open(scope, binding->relid, binding->query, binding->entity->name);
}

/*
 * Looks at the bound relation as it is now: fills the types and plain columns of what is bound, in the memory
 * of the binding. An error names the binding, since whoever reads a figure did not write it, and leaves it as
 * it was: whoever goes on after it must not take it for opened.
 */
void
smk_binding_open(SmkBinding *binding)
{
	SmkScope scope;
	SmkPurpose purpose = {"column", NULL, binding->entity->name};
	SmkBinding opened = *binding;
	SmkExpression filter;

	if (OidIsValid(binding->relid))
		return;
	opened.relid = smk_relation_resolve(binding->relation, true);
	if (!OidIsValid(opened.relid))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("entity \"%s\" is bound to %s, which does not exist", binding->entity->name,
					binding->relation),
			 errhint(
				 "Bind it again with smarketing.bind('%s', ...), or forget it with smarketing.unbind('%s').",
				 binding->entity->name, binding->entity->name)));
	smk_binding_scope(&opened, &scope);
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
	{
		SmkExpression *column = &opened.columns[i];

		if (column->text == NULL)
			continue;
		purpose.name = binding->entity->columns[i].name;
		smk_expression_check(column->text, &scope, binding->entity->name, &purpose, column);
		smk_expression_require(column, binding->entity->columns[i].type, &purpose);
		if (column->raw_column)
			column->raw_column = MemoryContextStrdup(GetMemoryChunkContext(binding), column->raw_column);
	}
	if (binding->filter)
	{
		purpose.kind = purpose.name = "filter";
		smk_expression_check(binding->filter, &scope, binding->entity->name, &purpose, &filter);
		smk_expression_require(&filter, SMK_TYPE_BOOLEAN, &purpose);
	}
	config_look_at_key(&scope, &opened);
	smk_scope_close(&scope);
	*binding = opened;
}

/*
 * True once a table of ours has a row. Looked up below the executor: a reader without a right on the table
 * must learn whether anything was entered (never entered is not zero), and learns nothing else.
 */
static bool
config_has_rows(Oid relid)
{
	Relation relation = table_open(relid, NoLock);
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	bool found = heap_getnext(scan, ForwardScanDirection) != NULL;

	table_endscan(scan);
	table_close(relation, NoLock);
	return found;
}

/*
 * What was entered by hand of an entity, as a binding: over our own table, whose columns have the canonical
 * names. NULL where it has no rows. palloc'd.
 */
SmkBinding *
smk_config_entered(const char *entity)
{
	SmkBinding *binding = palloc0(sizeof(SmkBinding));
	Oid relid;

	binding->entity = smk_entity_find(entity);
	binding->relation = psprintf("smarketing.%s_entry", entity);
	binding->time_zone = "UTC";
	binding->is_own = true;
	relid = smk_relation_resolve(binding->relation, false);
	if (!config_has_rows(relid))
		return NULL;
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
		if (get_attnum(relid, binding->entity->columns[i].name) != InvalidAttrNumber)
			binding->columns[i].text =
				psprintf("%s.%s", entity, quote_identifier(binding->entity->columns[i].name));
	return binding;
}
