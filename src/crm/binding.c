/*
 * binding.c: the functions that configure: bind, unbind, configure, define_dimension,
 * and the catalogues behind the views that show it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "calendar/calendar.h"
#include "compat.h"
#include "crm/binding.h"
#include "crm/reserved.h"
#include "smarketing.h"

static const SmkEntity *
binding_entity(const char *name)
{
	const SmkEntity *entity = smk_entity_find(name);

	if (entity == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("entity \"%s\" does not exist", name),
				 errhint("Entities: %s.", smk_entity_list())));
	return entity;
}

/* Runs one statement on our tables, as the caller; nargs texts, NULL for null. Inside SPI_connect. */
uint64
smk_binding_write(const char *sql, int nargs, const char **args)
{
	Oid types[5];
	Datum values[5];
	char nulls[5];

	int level = smk_path_only_catalog();

	Assert(nargs <= 5);
	for (int i = 0; i < nargs; i++)
	{
		types[i] = TEXTOID;
		values[i] = args[i] ? CStringGetTextDatum(args[i]) : (Datum) 0;
		nulls[i] = args[i] ? ' ' : 'n';
	}
	if (SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
	AtEOXact_GUC(true, level);
	return SPI_processed;
}

/* A type's name, qualified unless it is one of the catalog's. */
static char *
binding_type_name(Oid type)
{
	int level = smk_path_only_catalog();
	char *name = format_type_be(type);

	AtEOXact_GUC(true, level);
	return name;
}

/* Checks that a zone is known to the server. */
static void
binding_check_zone(const char *zone)
{
	pfree(smk_zone_lookup(zone));
}

/* A JSON object's values by key: calls the visitor with each, NULL for a JSON null. */
typedef void (*JsonVisitor)(const char *key, const char *value, void *state);

static void
binding_each_text(Jsonb *json, const char *argument, JsonVisitor visit, void *state)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *key = NULL;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a JSON object", argument)));
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
		{
			if (value.type == jbvString)
				visit(key, pnstrdup(value.val.string.val, value.val.string.len), state);
			else if (value.type == jbvNull)
				visit(key, NULL, state);
			else
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								errmsg("key \"%s\" of argument \"%s\" must be text", key, argument),
								errhint("Give an SQL expression as JSON text, for example {\"%s\": "
										"\"name_of_a_column\"}; a text "
										"constant is written \"'value'\".",
										key)));
		}
	}
}

typedef struct BindColumns
{
	const SmkEntity *entity;
	const char *text[SMK_MAX_COLUMNS];
	bool is_left_out[SMK_MAX_COLUMNS];
} BindColumns;

static void
bind_visit(const char *key, const char *value, void *state)
{
	BindColumns *columns = state;
	int i = smk_entity_column(columns->entity, key);

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("entity \"%s\" has no column \"%s\"", columns->entity->name, key),
				 errhint("Its columns: %s. Other dimensions are made with smarketing.define_dimension().",
						 smk_entity_column_list(columns->entity))));
	columns->text[i] = value;
	columns->is_left_out[i] = value == NULL;
}

/* Columns of the canonical name bind themselves; what is still missing is one error that lists it all. */
static void
bind_complete(BindColumns *columns, Relation relation)
{
	const SmkEntity *entity = columns->entity;
	StringInfoData missing;

	initStringInfo(&missing);
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		const SmkEntityColumn *column = &entity->columns[i];

		if (columns->text[i] == NULL && !columns->is_left_out[i] &&
			get_attnum(RelationGetRelid(relation), column->name) > 0)
			columns->text[i] = column->name;
		if (column->is_required && columns->text[i] == NULL)
			appendStringInfo(&missing, "%s%s", missing.len ? ", " : "", column->name);
		if (column->is_later && columns->text[i] != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of entity \"%s\" cannot be bound yet", column->name, entity->name),
					 errhint("Leave it out with {\"%s\": null}; bind a view that converts or spreads the "
							 "amounts in the "
							 "meantime.",
							 column->name)));
	}
	if (entity->one_of[0] && columns->text[smk_entity_column(entity, entity->one_of[0])] == NULL &&
		columns->text[smk_entity_column(entity, entity->one_of[1])] == NULL)
		appendStringInfo(&missing, "%s%s or %s", missing.len ? ", " : "", entity->one_of[0],
						 entity->one_of[1]);
	if (missing.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("entity \"%s\" needs: %s", entity->name, missing.data),
				 errhint("Say which expression over %s gives each, for example smarketing.bind('%s', '%s', "
						 "'{\"%s\": \"name_of_a_column\"}').",
						 RelationGetRelationName(relation), entity->name, RelationGetRelationName(relation),
						 entity->columns[0].name)));
}

/* The qualified and quoted name by which the relation is found again. */
static char *
bind_relation_name(Relation relation)
{
	const char *schema;

	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
	{
		schema = "pg_temp";
		ereport(WARNING, (errmsg("relation \"%s\" is temporary", RelationGetRelationName(relation)),
						  errdetail("The binding holds in this session only.")));
	}
	else
		schema = get_namespace_name(RelationGetNamespace(relation));
	return quote_qualified_identifier(schema, RelationGetRelationName(relation));
}

/* Writes a binding, whose expressions were checked, in the place of what was bound. Inside SPI_connect. */
void
smk_binding_store(const SmkBinding *binding)
{
	const SmkEntity *entity = binding->entity;
	const char *args[5];

	args[0] = entity->name;
	args[1] = binding->relation;
	args[2] = binding->query;
	args[3] = binding->filter;
	args[4] = binding->time_zone;
	smk_binding_write(
		"INSERT INTO smarketing.binding (entity, relation, query, filter, time_zone) "
		"VALUES ($1, $2, $3, $4, $5) "
		"ON CONFLICT (entity) DO UPDATE SET relation = excluded.relation, query = excluded.query, "
		"filter = excluded.filter, time_zone = excluded.time_zone",
		5, args);
	smk_binding_write("DELETE FROM smarketing.binding_column WHERE entity OPERATOR(pg_catalog.=) $1", 1,
					  args);
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		if (binding->columns[i].text == NULL)
			continue;
		args[1] = entity->columns[i].name;
		args[2] = binding->columns[i].text;
		args[3] = binding_type_name(binding->columns[i].type);
		smk_binding_write(
			"INSERT INTO smarketing.binding_column (entity, column_name, expression, type_name) "
			"VALUES ($1, $2, $3, $4)",
			4, args);
	}
}

PG_FUNCTION_INFO_V1(smk_bind);

/* bind(entity, source, columns, filter, time_zone): replaces what was bound for the entity. */
Datum
smk_bind(PG_FUNCTION_ARGS)
{
	BindColumns columns = {0};
	const SmkEntity *entity;
	Relation relation;
	SmkScope scope = {0};
	SmkBinding binding = {0};
	SmkExpression filter = {0};
	SmkPurpose purpose = {"column", NULL, NULL};

	entity = binding.entity = columns.entity = binding_entity(smk_text_argument(fcinfo, 0, "entity"));
	purpose.entity = entity->name;
	smk_argument_require(fcinfo, 1, "source");
	smk_argument_require(fcinfo, 2, "columns");
	binding.time_zone = smk_text_argument(fcinfo, 4, "time_zone");
	binding_check_zone(binding.time_zone);
	if (entity->is_later)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("entity \"%s\" cannot be bound yet", entity->name)));

	relation = scope.relation = try_relation_open(PG_GETARG_OID(1), AccessShareLock);
	if (relation == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", PG_GETARG_OID(1))));
	if (strchr("rpvmf", relation->rd_rel->relkind) == NULL)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a table, view, materialized view or foreign table",
							   RelationGetRelationName(relation))));
	binding_each_text(PG_GETARG_JSONB_P(2), "columns", bind_visit, &columns);
	bind_complete(&columns, relation);
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		const char *text = columns.text[i];

		if (text == NULL)
			continue;
		if (strcmp(text, entity->columns[i].name) == 0 && get_attnum(RelationGetRelid(relation), text) > 0)
			text = quote_identifier(text); /* its name may be a key word */
		purpose.name = entity->columns[i].name;
		smk_expression_canonical(text, &scope, entity->name, &purpose, &binding.columns[i]);
		smk_expression_require(&binding.columns[i], entity->columns[i].type, &purpose);
	}
	if (!PG_ARGISNULL(3))
	{
		purpose.kind = purpose.name = "filter";
		smk_expression_canonical(text_to_cstring(PG_GETARG_TEXT_PP(3)), &scope, entity->name, &purpose,
								 &filter);
		smk_expression_require(&filter, SMK_TYPE_BOOLEAN, &purpose);
		binding.filter = filter.text;
	}
	binding.relation = bind_relation_name(relation);

	SPI_connect();
	smk_binding_store(&binding);
	SPI_finish();
	relation_close(relation, NoLock);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(smk_unbind);

/* unbind(entity): an error where it is not bound. */
Datum
smk_unbind(PG_FUNCTION_ARGS)
{
	const char *args[1];

	args[0] = binding_entity(smk_text_argument(fcinfo, 0, "entity"))->name;
	SPI_connect();
	if (smk_binding_write("DELETE FROM smarketing.binding WHERE entity OPERATOR(pg_catalog.=) $1", 1, args) ==
		0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("entity \"%s\" is not bound", args[0])));
	SPI_finish();
	PG_RETURN_VOID();
}

/* A text as an interval; NULL where it is none, of which the caller raises an error. */
static Interval *
configure_interval(const char *value)
{
	MemoryContext context = CurrentMemoryContext;
	Interval *volatile result = NULL;

	PG_TRY();
	{
		result = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(value),
													   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

/*
 * True for an interval of a day or more (a number alone is seconds, and meant otherwise) that can be taken
 * from any date: at most 1,000 years, so not infinite.
 */
static bool
configure_is_length(const char *value)
{
	Interval *interval = configure_interval(value);
	int128 micros;

	if (interval == NULL)
		return false;
	micros = ((int128) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY + interval->time;
	return micros >= USECS_PER_DAY &&
		   micros <= (int128) 1000 * MONTHS_PER_YEAR * DAYS_PER_MONTH * USECS_PER_DAY;
}

/* Raises an error unless the value is one that the setting takes. */
static void
configure_check(const SmkSetting *setting, const char *value)
{
	const char *known = NULL;

	if (strcmp(setting->name, "time_zone") == 0)
		binding_check_zone(value);
	else if (strcmp(setting->name, "fiscal_year_start") == 0)
	{
		if (strlen(value) == 0 || strlen(value) > 2 || strspn(value, "0123456789") != strlen(value) ||
			atoi(value) < 1 || atoi(value) > 12)
			known = "1 to 12";
	}
	else if (strcmp(setting->name, "spend_without_dimension") == 0 && strcmp(value, "error") != 0 &&
			 strcmp(value, "none") != 0 && strcmp(value, "leads") != 0)
		known = "error, none, leads";
	else if (strcmp(setting->name, "on_missing_rate") == 0 && strcmp(value, "error") != 0 &&
			 strcmp(value, "null") != 0)
		known = "error, null";
	else if (strcmp(setting->name, "gross_margin") == 0 && !smk_margin_is_valid(value))
		known = "a number above 0 and at most 1, like 0.7";
	else if (strcmp(setting->name, "customer_basis") == 0 && strcmp(value, "auto") != 0 &&
			 strcmp(value, "subscription") != 0 && strcmp(value, "opportunity") != 0 &&
			 strcmp(value, "revenue") != 0)
		known = "auto, subscription, opportunity, revenue";
	else if (strcmp(setting->name, "language") == 0 && strcmp(value, "en") != 0 && strcmp(value, "fr") != 0)
		known = "en, fr";
	else if (strcmp(setting->name, "active_within") == 0 && !configure_is_length(value))
		known = "a length of time of a day or more, for example 6 months";
	else if (strcmp(setting->name, "currency") == 0 && value[0] == '\0')
		known = "a code as the CRM and the exchange rates have it, like EUR";
	if (known)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for setting \"%s\": \"%s\"", setting->name, value),
						errhint("It takes: %s.", known)));
}

/* A currency's code as statements compare it: in capitals, without blanks around it; palloc'd. */
static const char *
configure_currency(const char *value)
{
	char *code = TextDatumGetCString(DirectFunctionCall1(btrim1, CStringGetTextDatum(value)));

	return str_toupper(code, strlen(code), DEFAULT_COLLATION_OID);
}

PG_FUNCTION_INFO_V1(smk_configure);

/* configure(name, value): a row of the setting table; NULL forgets it. */
Datum
smk_configure(PG_FUNCTION_ARGS)
{
	const char *args[2];
	const SmkSetting *setting = NULL;
	StringInfoData names;

	args[0] = smk_text_argument(fcinfo, 0, "name");
	args[1] = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	initStringInfo(&names);
	for (int i = 0; i < smk_setting_count; i++)
	{
		appendStringInfo(&names, "%s%s", i ? ", " : "", smk_settings[i].name);
		if (strcmp(smk_settings[i].name, args[0]) == 0)
			setting = &smk_settings[i];
	}
	if (setting == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("setting \"%s\" does not exist", args[0]),
				 errhint("Settings: %s.", names.data)));
	if (args[1] && strcmp(setting->name, "currency") == 0)
		args[1] = configure_currency(args[1]);
	if (args[1])
		configure_check(setting, args[1]);
	SPI_connect();
	/* Two calls at once would leave two rows. */
	smk_binding_write("LOCK TABLE smarketing.setting IN SHARE ROW EXCLUSIVE MODE", 0, args);
	smk_binding_write(
		"DELETE FROM smarketing.setting WHERE name OPERATOR(pg_catalog.=) $1 AND NOT is_default", 1, args);
	if (args[1])
		smk_binding_write("INSERT INTO smarketing.setting (name, value) VALUES ($1, $2)", 2, args);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Raises an error unless the name may be given to a dimension. */
static void
dimension_check_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("invalid name for a dimension: \"%s\"", name),
						errhint("A name has 1 to %d bytes.", NAMEDATALEN - 1)));
	if (smk_dimension_is_built_in(name))
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("dimension \"%s\" is built in", name),
						errhint("Bind the column of that name with smarketing.bind(), or give the dimension "
								"another name.")));
	if (smk_name_is_reserved(name))
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("a dimension may not be called \"%s\"", name),
						errhint("A column of the KPI functions has that name.")));
}

typedef struct DimensionColumns
{
	const char *dimension;
	int count;
} DimensionColumns;

#define BINDING_SOURCE "SELECT relation, query FROM smarketing.binding WHERE entity OPERATOR(pg_catalog.=) $1"

/* Checks and stores one entity's expression. */
static void
dimension_visit(const char *key, const char *value, void *state)
{
	DimensionColumns *columns = state;
	const SmkEntity *entity = binding_entity(key);
	SmkPurpose purpose = {"dimension", columns->dimension, entity->name};
	SmkExpression expression;
	SmkScope scope;
	const char *args[4];

	if (value == NULL)
		return;
	args[0] = entity->name;
	smk_binding_write(BINDING_SOURCE, 1, args);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("dimension \"%s\": entity \"%s\" is not bound", columns->dimension, entity->name),
				 errhint("Bind it first with smarketing.bind('%s', ...).", entity->name)));
	smk_scope_open(&scope,
				   smk_relation_resolve(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), false),
				   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2), entity->name);
	smk_expression_canonical(value, &scope, entity->name, &purpose, &expression);
	smk_expression_require(&expression, SMK_TYPE_TEXT, &purpose);
	smk_scope_close(&scope);
	args[0] = columns->dimension;
	args[1] = entity->name;
	args[2] = expression.text;
	args[3] = binding_type_name(expression.type);
	smk_binding_write("INSERT INTO smarketing.dimension_column (dimension, entity, expression, type_name) "
					  "VALUES ($1, $2, $3, $4)",
					  4, args);
	columns->count++;
}

PG_FUNCTION_INFO_V1(smk_define_dimension);

/* define_dimension(name, columns, label): replaces the dimension; NULL columns drop it. */
Datum
smk_define_dimension(PG_FUNCTION_ARGS)
{
	DimensionColumns columns = {0};
	const char *args[2];

	columns.dimension = args[0] = smk_text_argument(fcinfo, 0, "name");
	args[1] = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	dimension_check_name(args[0]);
	SPI_connect();
	if (PG_ARGISNULL(1))
	{
		if (smk_binding_write("DELETE FROM smarketing.dimension WHERE name OPERATOR(pg_catalog.=) $1", 1,
							  args) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("dimension \"%s\" does not exist", args[0])));
	}
	else
	{
		smk_binding_write("INSERT INTO smarketing.dimension (name, label) VALUES ($1, $2) "
						  "ON CONFLICT (name) DO UPDATE SET label = excluded.label",
						  2, args);
		smk_binding_write("DELETE FROM smarketing.dimension_column WHERE dimension OPERATOR(pg_catalog.=) $1",
						  1, args);
		binding_each_text(PG_GETARG_JSONB_P(1), "columns", dimension_visit, &columns);
		if (columns.count == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("dimension \"%s\" has no entity", args[0]),
							errhint("Say where it comes from, for example smarketing.define_dimension('%s', "
									"'{\"account\": \"name_of_a_column\"}').",
									args[0])));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(smk_setting_catalogue);

/* setting_catalogue(): a row a setting that is computed with. */
Datum
smk_setting_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < smk_setting_count; i++)
	{
		Datum values[3];
		bool nulls[3] = {false};

		values[0] = CStringGetTextDatum(smk_settings[i].name);
		nulls[1] = smk_settings[i].default_value == NULL;
		values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(smk_settings[i].default_value);
		values[2] = CStringGetTextDatum(smk_settings[i].meaning);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(smk_entity_catalogue);

/* entity_catalogue(): a row a column of an entity. */
Datum
smk_entity_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < smk_entity_count; i++)
		for (const SmkEntityColumn *column = smk_entities[i].columns; column->name != NULL; column++)
		{
			Datum values[4];
			bool nulls[4] = {false};

			if (column->is_later)
				continue;
			values[0] = CStringGetTextDatum(smk_entities[i].name);
			values[1] = CStringGetTextDatum(column->name);
			values[2] = CStringGetTextDatum(smk_type_name(column->type));
			values[3] = BoolGetDatum(column->is_required);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	return (Datum) 0;
}

/* Checks one canonical expression against the relation as it is now; raises what is wrong. */
static void
binding_verify(const char *entity, const char *kind, const char *name, const char *expression)
{
	const char *args[1];
	SmkPurpose purpose;
	SmkExpression result;
	const SmkEntity *known = smk_entity_find(entity);
	SmkType type = SMK_TYPE_TEXT;
	Oid relid;
	char *source;
	SmkScope scope;

	args[0] = entity;
	if (known == NULL || SPI_connect() != SPI_OK_CONNECT)
		return;
	smk_binding_write(BINDING_SOURCE, 1, args);
	if (SPI_processed > 0)
	{
		char *query = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);

		source = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		relid = smk_relation_resolve(source, true);
		if (!OidIsValid(relid))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation %s does not exist", source)));
		if (strcmp(kind, "filter") == 0)
			type = SMK_TYPE_BOOLEAN;
		else if (strcmp(kind, "column") == 0 && smk_entity_column(known, name) >= 0)
			type = known->columns[smk_entity_column(known, name)].type;
		purpose.kind = kind;
		purpose.name = name;
		purpose.entity = entity;
		smk_scope_open(&scope, relid, query, entity);
		smk_expression_check(expression, &scope, entity, &purpose, &result);
		smk_expression_require(&result, type, &purpose);
		smk_scope_close(&scope);
	}
	SPI_finish();
}

/* Work, and what it works on. */
typedef struct Work
{
	void (*run)(void *state);
	void *state;
} Work;

static void
run_by_catalog(void *state)
{
	const Work *work = state;
	int level = smk_path_only_catalog();

	work->run(work->state);
	AtEOXact_GUC(true, level);
}

/* The message of the error that the work raises where only the catalog is searched, palloc'd, or NULL. */
char *
smk_problem_of(void (*run)(void *state), void *state)
{
	Work work = {run, state};
	ErrorData *error = smk_attempt(run_by_catalog, &work);

	if (error == NULL)
		return NULL;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error->message;
}

/* What binding_verify takes. */
typedef struct BoundText
{
	const char *entity;
	const char *kind;
	const char *name;
	const char *expression;
} BoundText;

static void
bound_text_verify(void *state)
{
	const BoundText *bound = state;

	binding_verify(bound->entity, bound->kind, bound->name, bound->expression);
}

/* What stands in the way of a bound expression now, palloc'd, or NULL. */
char *
smk_binding_problem_text(const char *entity, const char *kind, const char *name, const char *expression)
{
	BoundText bound = {entity, kind, name, expression};

	return smk_problem_of(bound_text_verify, &bound);
}

PG_FUNCTION_INFO_V1(smk_binding_problem);

/* binding_problem(entity, kind, name, expression): the message of the error that its use would raise, or
 * NULL. */
Datum
smk_binding_problem(PG_FUNCTION_ARGS)
{
	char *texts[4];
	char *problem;

	for (int i = 0; i < 4; i++)
	{
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
		texts[i] = text_to_cstring(PG_GETARG_TEXT_PP(i));
	}
	problem = smk_binding_problem_text(texts[0], texts[1], texts[2], texts[3]);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
