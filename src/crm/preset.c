/*
 * preset.c: makes bindings of a preset's data, for what a schema has of the CRM: one look at the catalog,
 * then each template with the first spelling that is there. What is joined goes into a query that the binding
 * keeps as text, so that nothing depends on the CRM's tables.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "crm/binding.h"
#include "crm/preset.h"

static const SmkPreset *const presets[] = {&smk_preset_odoo};

#define MAX_JOINS 64

/* A column that the schema has. */
typedef struct Probed
{
	char *table;
	char *column;
	Oid relid;
	Oid type; /* domains resolved */
	bool has_index;
} Probed;

/* A column of a join that the query offers under a name of its own. */
typedef struct Exported
{
	char *source; /* alias.column */
	char *name;
} Exported;

typedef enum WrittenState
{
	WRITTEN_NOT,
	WRITTEN_PARTLY, /* being written: it may name itself */
	WRITTEN_READY
} WrittenState;

/* One entity being written. */
typedef struct Writing
{
	const SmkPreset *preset;
	const char *schema;
	List *probed; /* of Probed */
	const SmkPresetEntity *entity;
	List *exported; /* of Exported */
	char *joins[MAX_JOINS];
	WrittenState states[MAX_JOINS];
	List *tables;  /* names of those read */
	char *missing; /* what the ways so far lack */
	char *slow;	   /* the index that they lack */
} Writing;

/* The preset of that name; an error lists what there is. */
static const SmkPreset *
preset_find(const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(presets); i++)
	{
		if (strcmp(presets[i]->name, name) == 0)
			return presets[i];
		appendStringInfo(&names, "%s%s", i ? ", " : "", presets[i]->name);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("preset \"%s\" does not exist", name),
					errhint("Presets: %s. See smarketing.presets().", names.data)));
}

/* The query of the schemas that have the tables and columns by which the CRM is told: nspname. palloc'd. */
static char *
preset_found(const SmkPreset *preset)
{
	StringInfoData needed;

	initStringInfo(&needed);
	for (const char *const *name = preset->needed; name[0] != NULL; name += 2)
		appendStringInfo(&needed, "%s(%s, %s)", needed.len ? ", " : "", quote_literal_cstr(name[0]),
						 quote_literal_cstr(name[1]));
	return psprintf("SELECT nspname FROM pg_catalog.pg_namespace AS schema\n"
					"WHERE nspname NOT LIKE 'pg\\_%%' AND NOT EXISTS (\n"
					"    SELECT FROM (VALUES %s) AS needed (name, attribute) WHERE NOT EXISTS (\n"
					"        SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_attribute ON attrelid = "
					"pg_class.oid\n"
					"        WHERE relnamespace = schema.oid AND relname = needed.name\n"
					"            AND attname = needed.attribute AND NOT attisdropped))",
					needed.data);
}

/* The value of a query of one row, or NULL; inside SPI. */
static char *
preset_lookup(const SmkPreset *preset, const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for preset \"%s\"", preset->name);
	return SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
}

/* The schemas in which the CRM is found, in the order of their names, or NULL; inside SPI. */
static char *
preset_schemas(const SmkPreset *preset)
{
	return preset_lookup(
		preset,
		psprintf("SELECT pg_catalog.string_agg(pg_catalog.quote_ident(nspname), ', ' ORDER BY nspname)\n"
				 "FROM (%s) AS found",
				 preset_found(preset)));
}

/* The call of the preset (NULL: of any) for the CRM that is in the schema (NULL: in any, public before
 * others); NULL where none is found. Inside SPI, palloc'd. */
char *
smk_preset_call(const char *preset, const char *schema)
{
	for (size_t i = 0; i < lengthof(presets); i++)
	{
		char *found;

		if (preset != NULL && strcmp(preset, presets[i]->name) != 0)
			continue;
		found = preset_lookup(presets[i], psprintf("SELECT nspname FROM (%s) AS found WHERE nspname = %s\n"
												   "ORDER BY nspname <> 'public', nspname LIMIT 1",
												   preset_found(presets[i]),
												   schema ? quote_literal_cstr(schema) : "nspname"));

		if (found != NULL)
			return psprintf("SELECT * FROM smarketing.use_preset(%s%s)", quote_literal_cstr(presets[i]->name),
							strcmp(found, "public") == 0 ? "" : psprintf(", %s", quote_literal_cstr(found)));
	}
	return NULL;
}

/* Looks up every column that the schema has of the preset's tables. */
static List *
preset_probe(const SmkPreset *preset, const char *schema)
{
	StringInfoData names;
	List *result = NIL;
	const char *args[2];

	initStringInfo(&names);
	for (const SmkPresetTable *table = preset->tables; table->name != NULL; table++)
		appendStringInfo(&names, "%s%s", names.len ? "," : "{", table->name);
	appendStringInfoChar(&names, '}');
	args[0] = schema;
	args[1] = names.data;
	smk_binding_write("SELECT relname, attname, pg_class.oid, atttypid, EXISTS (\n"
					  "    SELECT FROM pg_catalog.pg_index WHERE indrelid = pg_class.oid AND indisvalid\n"
					  "        AND attnum IN (indkey[0], indkey[1]))\n"
					  "FROM pg_catalog.pg_namespace\n"
					  "JOIN pg_catalog.pg_class ON relnamespace = pg_namespace.oid\n"
					  "JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid\n"
					  "WHERE nspname = $1 AND relname = ANY ($2::pg_catalog.text[])\n"
					  "    AND relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped",
					  2, args);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Probed *probed = palloc(sizeof(Probed));
		HeapTuple tuple = SPI_tuptable->vals[row];
		bool is_null;

		probed->table = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 1);
		probed->column = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2);
		probed->relid = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &is_null));
		probed->type =
			getBaseType(DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 4, &is_null)));
		probed->has_index = DatumGetBool(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 5, &is_null));
		result = lappend(result, probed);
	}
	return result;
}

/* The column of the table (NULL: any of it) that the schema has, or NULL. */
static const Probed *
probed_find(const Writing *writing, const char *table, const char *column)
{
	ListCell *cell;

	foreach (cell, writing->probed)
	{
		const Probed *probed = lfirst(cell);

		if (strcmp(probed->table, table) == 0 && (column == NULL || strcmp(probed->column, column) == 0))
			return probed;
	}
	return NULL;
}

/* Notes what is missing, once. */
static void
writing_lacks(Writing *writing, const char *what, const char *table, const char *column)
{
	char *lack = column ? psprintf("no %s %s.%s", what, table, column) : psprintf("no %s %s", what, table);

	if (writing->missing == NULL)
		writing->missing = lack;
	else if (strstr(writing->missing, lack) == NULL)
		writing->missing = psprintf("%s, %s", writing->missing, lack);
}

static char *write_template(Writing *writing, const char *sql, bool is_outside);

/* True once the join is written, where the entity's table has one of that alias and nothing that it names is
 * missing. */
static bool
write_join(Writing *writing, const char *alias, bool *is_join)
{
	const SmkPresetJoin *joins = writing->preset->joins;
	char *missing = writing->missing;

	*is_join = false;
	if (writing->entity->query != NULL)
		return false;
	for (int i = 0; joins[i].table != NULL; i++)
	{
		char *sql;

		if (strcmp(joins[i].table, writing->entity->own) != 0 || strcmp(joins[i].alias, alias) != 0)
			continue;
		*is_join = true;
		if (writing->states[i] != WRITTEN_NOT)
			return true;
		writing->states[i] = WRITTEN_PARTLY;
		sql = write_template(writing, joins[i].sql, false);
		writing->states[i] = sql ? WRITTEN_READY : WRITTEN_NOT;
		writing->joins[i] = sql;
		if (sql)
		{
			writing->missing = missing;
			return true;
		}
	}
	return false;
}

/* The name under which the query offers a column of a join; one that no column of the table has. */
static const char *
write_export(Writing *writing, const char *source, const char *alias, const char *column)
{
	ListCell *cell;
	Exported *exported;

	foreach (cell, writing->exported)
	{
		exported = lfirst(cell);
		if (strcmp(exported->source, source) == 0)
			return exported->name;
	}
	exported = palloc(sizeof(Exported));
	exported->source = pstrdup(source);
	exported->name = psprintf("%s_%s", alias, column);
	while (probed_find(writing, writing->entity->own, exported->name))
		exported->name = psprintf("%s_", exported->name);
	writing->exported = lappend(writing->exported, exported);
	return exported->name;
}

/* The table behind an alias; false where the preset knows none of that name. */
static bool
alias_table(const Writing *writing, const char *alias, const char **table)
{
	*table = writing->entity->own;
	if (alias[0] == '\0')
		return true;
	for (const SmkPresetAlias *known = writing->preset->aliases; known->alias != NULL; known++)
		if (strcmp(known->alias, alias) == 0)
		{
			*table = known->table;
			return true;
		}
	return false;
}

/* A text that is kept by language: the English one, else the first that there is. */
static char *
label_of(const char *reference, Oid type)
{
	if (type == JSONOID)
		return label_of(psprintf("%s::jsonb", reference), JSONBOID);
	if (type != JSONBOID)
		return pstrdup(reference);
	return psprintf("COALESCE(%s ->> 'en_US', jsonb_path_query_first(%s, '$.* ? (@ != null)') #>> '{}')",
					reference, reference);
}

/* A column as the template wishes it, after a colon: plain where it wishes nothing. */
static char *
column_as(const Writing *writing, const char *reference, const Probed *probed, const char *wish)
{
	if (wish == NULL || probed == NULL)
		return pstrdup(reference);
	if (strcmp(wish, "label") == 0)
		return label_of(reference, probed->type);
	if (strcmp(wish, "time") != 0)
		elog(ERROR, "preset \"%s\" wishes a column as \"%s\"", writing->preset->name, wish);
	/* Times with and without zone side by side would be compared in the session's. */
	return probed->type == TIMESTAMPTZOID
			   ? psprintf("(%s AT TIME ZONE %s)", reference, quote_literal_cstr(writing->preset->time_zone))
			   : pstrdup(reference);
}

/* The table of that name, qualified; NULL where it is missing. */
static char *
write_table(Writing *writing, const char *name)
{
	if (probed_find(writing, name, NULL) == NULL)
	{
		writing_lacks(writing, "table", name, NULL);
		return NULL;
	}
	writing->tables = list_append_unique(writing->tables, makeString(pstrdup(name)));
	return quote_qualified_identifier(writing->schema, name);
}

/* A column reference "alias.column", with spellings and a wish; NULL where it is missing. */
static char *
write_column(Writing *writing, const char *alias, char *columns, bool is_outside)
{
	char *wish = strchr(columns, ':');
	char *first = columns;
	const char *table;
	const char *column = columns;
	const Probed *probed = NULL;
	char *reference;
	bool is_join;

	if (wish)
		*wish++ = '\0';
	if (!alias_table(writing, alias, &table))
		elog(ERROR, "preset \"%s\" has no alias \"%s\"", writing->preset->name, alias);
	if (table != NULL)
	{
		for (char *next = columns; next != NULL && probed == NULL;)
		{
			column = next;
			next = strchr(next, '|');
			if (next)
				*next++ = '\0';
			probed = probed_find(writing, table, column);
		}
		if (probed == NULL)
		{
			bool has_table = probed_find(writing, table, NULL) != NULL;

			writing_lacks(writing, has_table ? "column" : "table", table, has_table ? first : NULL);
			return NULL;
		}
	}
	if (alias[0] == '\0')
		return column_as(writing, quote_qualified_identifier(writing->entity->entity, column), probed, wish);
	reference = quote_qualified_identifier(alias, column);
	if (!write_join(writing, alias, &is_join) && is_join)
		return NULL;
	if (is_outside && is_join)
		reference = quote_qualified_identifier(writing->entity->entity,
											   write_export(writing, reference, alias, column));
	return column_as(writing, reference, probed, wish);
}

/* An empty text where an index finds the values of a column "alias.column"; NULL otherwise. */
static char *
write_index(Writing *writing, const char *alias, const char *column)
{
	const char *table;
	const Probed *probed;

	if (!alias_table(writing, alias, &table) || table == NULL)
		elog(ERROR, "preset \"%s\" has no alias \"%s\"", writing->preset->name, alias);
	probed = probed_find(writing, table, column);
	if (probed && probed->has_index)
		return pstrdup("");
	writing->slow = psprintf("no index on %s.%s: CREATE INDEX ON %s (%s)", table, column,
							 quote_qualified_identifier(writing->schema, table), quote_identifier(column));
	return NULL;
}

/* An empty text where the schema has a column "alias.column"; NULL otherwise. */
static char *
write_presence(Writing *writing, const char *alias, const char *column)
{
	const char *table;

	if (!alias_table(writing, alias, &table) || table == NULL)
		elog(ERROR, "preset \"%s\" has no alias \"%s\"", writing->preset->name, alias);
	return probed_find(writing, table, column) ? pstrdup("") : NULL;
}

/* The part of that name by the first way of which nothing is missing, or NULL. */
static char *
write_part(Writing *writing, const char *name, bool is_outside)
{
	char *missing = writing->missing;
	bool is_known = false;

	for (const SmkPresetPart *part = writing->preset->parts; part->name != NULL; part++)
	{
		Writing before = *writing;
		char *sql;

		if (strcmp(part->name, name) != 0)
			continue;
		is_known = true;
		before.exported = list_copy(writing->exported);
		before.tables = list_copy(writing->tables);
		sql = write_template(writing, part->sql, is_outside);
		if (sql)
		{
			writing->missing = missing;
			return sql;
		}
		before.missing = writing->missing;
		before.slow = writing->slow;
		*writing = before;
	}
	if (!is_known)
		elog(ERROR, "preset \"%s\" has no part \"%s\"", writing->preset->name, name);
	return NULL;
}

/*
 * The template for the schema that is looked at; NULL where something is missing, which is noted. Outside of
 * the query the columns of joins are those that the query offers.
 */
static char *
write_template(Writing *writing, const char *sql, bool is_outside)
{
	StringInfoData result;

	check_stack_depth();
	initStringInfo(&result);
	for (const char *p = sql; *p; p++)
	{
		const char *end = *p == '{' ? strchr(p, '}') : *p == '[' ? strchr(p, ']') : NULL;
		char *name;
		char *column;
		char *text;

		if (end == NULL ||
			!(p[1] == '.' || p[1] == '#' || p[1] == '?' || p[1] == '@' || (p[1] >= 'a' && p[1] <= 'z')))
		{
			appendStringInfoChar(&result, *p);
			continue;
		}
		name = pnstrdup(p + 1, end - p - 1);
		column = strchr(name, '.');
		if (column)
			*column++ = '\0';
		text = *p == '['				? write_part(writing, name, is_outside)
			   : name[0] == '#'			? write_index(writing, name + 1, column)
			   : name[0] == '?'			? write_presence(writing, name + 1, column)
			   : strcmp(name, "@") == 0 ? pstrdup(quote_identifier(writing->entity->entity))
			   : column					? write_column(writing, name, column, is_outside)
										: write_table(writing, name);
		if (text == NULL)
			return NULL;
		appendStringInfoString(&result, text);
		p = end;
	}
	return result.data;
}

/* Adds to a list of words. */
static void
add_word(StringInfo list, const char *separator, const char *word)
{
	appendStringInfo(list, "%s%s", list->len ? separator : "", word);
}

/*
 * The expression of a column, or of the filter, by the first way of which nothing is missing; NULL where
 * there is none, or none is wanted. What is lost is told.
 */
static char *
write_entity_column(Writing *writing, const char *column, bool *is_wanted, StringInfo missing)
{
	*is_wanted = false;
	writing->missing = writing->slow = NULL;
	for (const SmkPresetColumn *way = writing->preset->columns; way->entity != NULL; way++)
	{
		Writing before = *writing;
		char *sql;

		if (way->column == NULL || strcmp(way->entity, writing->entity->entity) != 0 ||
			strcmp(way->column, column) != 0)
			continue;
		*is_wanted = true;
		before.exported = list_copy(writing->exported);
		before.tables = list_copy(writing->tables);
		sql = write_template(writing, way->sql, true);
		if (sql)
		{
			if (writing->slow)
				add_word(missing, "; ", psprintf("%s: slower than need be (%s)", column, writing->slow));
			if (way->note)
				add_word(missing, "; ", psprintf("%s: %s (%s)", column, way->note, writing->missing));
			return sql;
		}
		before.missing = writing->missing;
		before.slow = writing->slow;
		*writing = before;
	}
	if (*is_wanted)
		add_word(missing, "; ", psprintf("%s: %s", column, writing->missing));
	return NULL;
}

/* The query that the expressions are over; NULL where the table alone will do. */
static char *
write_query(Writing *writing, const char *relation)
{
	const char *alias = quote_identifier(writing->entity->entity);
	StringInfoData query;
	ListCell *cell;

	if (writing->entity->query)
		return write_template(writing, writing->entity->query, false);
	if (writing->exported == NIL)
		return NULL;
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s.*", alias);
	foreach (cell, writing->exported)
	{
		const Exported *exported = lfirst(cell);

		appendStringInfo(&query, ",\n    %s AS %s", exported->source, quote_identifier(exported->name));
	}
	appendStringInfo(&query, "\nFROM %s AS %s", relation, alias);
	for (int i = 0; writing->preset->joins[i].table != NULL; i++)
		if (writing->states[i] == WRITTEN_READY)
			appendStringInfo(&query, "\n%s", writing->joins[i]);
	return query.data;
}

/* An expression to be checked against what it is over. */
typedef struct Check
{
	SmkBinding *binding;
	const char *kind;
	const char *name;
	SmkExpression *expression;
	SmkType type;
} Check;

static void
check_expression(void *state)
{
	Check *check = state;
	SmkPurpose purpose = {check->kind, check->name, check->binding->entity->name};
	SmkScope scope;

	smk_scope_open(&scope, smk_relation_resolve(check->binding->relation, false), check->binding->query,
				   check->binding->entity->name);
	smk_expression_check(check->expression->text, &scope, check->binding->entity->name, &purpose,
						 check->expression);
	smk_expression_require(check->expression, check->type, &purpose);
	smk_scope_close(&scope);
}

static void
run_sql(void *sql)
{
	smk_binding_write(sql, 0, NULL);
}

/*
 * What a query of the preset's gives, as rows of SPI; false where the caller may not read what it needs, or
 * where it fails, as columns are of other types in a copy of the CRM: problem tells why, else it is NULL.
 */
static bool
run_query(Writing *writing, const char *template, char **problem)
{
	List *tables = writing->tables;
	char *sql;
	ListCell *cell;

	writing->tables = NIL;
	sql = write_template(writing, template, false);
	foreach (cell, writing->tables)
		if (pg_class_aclcheck(probed_find(writing, strVal(lfirst(cell)), NULL)->relid, GetUserId(),
							  ACL_SELECT) != ACLCHECK_OK)
			sql = NULL;
	writing->tables = tables;
	*problem = sql ? smk_problem_of(run_sql, sql) : NULL;
	return sql != NULL && *problem == NULL;
}

/* Tells which of the tables read the caller may not read: its own figures would be errors. */
static void
tell_of_rights(Writing *writing, StringInfo missing)
{
	StringInfoData tables;
	ListCell *cell;

	initStringInfo(&tables);
	foreach (cell, writing->tables)
	{
		const char *name = strVal(lfirst(cell));

		if (pg_class_aclcheck(probed_find(writing, name, NULL)->relid, GetUserId(), ACL_SELECT) !=
			ACLCHECK_OK)
			add_word(&tables, ", ", quote_qualified_identifier(writing->schema, name));
	}
	if (tables.len)
		add_word(missing, "; ",
				 psprintf("no right to read: GRANT SELECT ON %s TO %s", tables.data,
						  quote_identifier(GetUserNameFromId(GetUserId(), false))));
}

/* A bound entity in words, to tell one binding from another; NULL where it is not bound. In short without its
 * query. */
static char *
binding_description(const char *entity, bool in_short)
{
	const char *args[2];

	args[0] = entity;
	args[1] = in_short ? "true" : "false";
	smk_binding_write(
		"SELECT CASE WHEN $2::pg_catalog.bool AND binding.query IS NOT NULL\n"
		"    THEN pg_catalog.format('That of a preset over %s.', binding.relation)\n"
		"    ELSE pg_catalog.concat_ws(E'\\n', pg_catalog.format('That of %s:', binding.relation),\n"
		"        binding.query, 'filter: ' || binding.filter, 'time zone: ' || binding.time_zone,\n"
		"        pg_catalog.string_agg(binding_column.column_name || ': ' || binding_column.expression,\n"
		"            E'\\n' ORDER BY binding_column.column_name)) END\n"
		"FROM smarketing.binding LEFT JOIN smarketing.binding_column USING (entity)\n"
		"WHERE entity = $1\n"
		"GROUP BY binding.relation, binding.query, binding.filter, binding.time_zone",
		2, args);
	return SPI_processed ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
}

/* Stores a binding; says what it replaces, and which dimensions of the user's no longer fit. */
static void
preset_store(const SmkBinding *binding, StringInfo missing)
{
	const char *entity = binding->entity->name;
	char *before = binding_description(entity, false);
	char *before_in_short = binding_description(entity, true);
	SPITupleTable *dimensions;
	uint64 count;
	const char *args[1];

	smk_binding_store(binding);
	if (before && strcmp(before, binding_description(entity, false)) != 0)
		ereport(NOTICE,
				(errmsg("binding of entity \"%s\" is replaced", entity), errdetail("%s", before_in_short)));
	args[0] = entity;
	count = smk_binding_write("SELECT dimension, expression FROM smarketing.dimension_column "
							  "WHERE entity OPERATOR(pg_catalog.=) $1 ORDER BY dimension",
							  1, args);
	dimensions = SPI_tuptable;
	for (uint64 row = 0; row < count; row++)
	{
		char *name = SPI_getvalue(dimensions->vals[row], dimensions->tupdesc, 1);
		char *problem = smk_binding_problem_text(entity, "dimension", name,
												 SPI_getvalue(dimensions->vals[row], dimensions->tupdesc, 2));

		if (problem)
			add_word(missing, "; ",
					 psprintf("%s: define it again with smarketing.define_dimension()", problem));
	}
}

/* Drops what does not fit where it stands, such as a column of another type; tells of it. False: nothing
 * fits. */
static bool
preset_check(SmkBinding *binding, StringInfo missing)
{
	const SmkEntity *entity = binding->entity;
	SmkExpression filter = {binding->filter, InvalidOid, NULL};
	Check check = {binding, "filter", "filter", &filter, SMK_TYPE_BOOLEAN};
	char *problem = binding->filter ? smk_problem_of(check_expression, &check) : NULL;

	if (problem)
	{
		add_word(missing, "; ", problem);
		return false;
	}
	check.kind = "column";
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		if (binding->columns[i].text == NULL)
			continue;
		check.name = entity->columns[i].name;
		check.expression = &binding->columns[i];
		check.type = entity->columns[i].type;
		problem = smk_problem_of(check_expression, &check);
		if (problem == NULL)
			continue;
		add_word(missing, "; ", problem);
		binding->columns[i].text = NULL;
		if (entity->columns[i].is_required)
			return false;
	}
	return true;
}

/* Writes the entity's binding; false where what it requires is missing. */
static bool
preset_write(Writing *writing, SmkBinding *binding, StringInfo missing)
{
	const SmkEntity *entity = binding->entity;
	bool is_whole = true;
	bool is_wanted;
	char *ignored;

	if (probed_find(writing, writing->entity->table, NULL) == NULL)
	{
		add_word(missing, "; ", psprintf("no table %s", writing->entity->table));
		return false;
	}
	binding->relation = write_table(writing, writing->entity->table);
	binding->time_zone = unconstify(char *, writing->preset->time_zone);
	binding->filter = write_entity_column(writing, "filter", &is_wanted, missing);
	if (is_wanted && binding->filter == NULL)
		is_whole = false;
	if (binding->filter)
		binding->filter = strcmp(binding->filter, "true") == 0 ? NULL : psprintf("(%s)", binding->filter);
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		binding->columns[i].text = write_entity_column(writing, entity->columns[i].name, &is_wanted, missing);
		if (entity->columns[i].is_required && binding->columns[i].text == NULL)
			is_whole = false;
	}
	for (const SmkPresetColumn *column = writing->preset->columns; column->entity != NULL; column++)
		if (column->column == NULL && strcmp(column->entity, entity->name) == 0)
		{
			Writing before = *writing;

			ignored = write_template(writing, column->sql, true);
			if (ignored == NULL)
				*writing = before;
		}
	if (!is_whole)
		return false;
	writing->missing = NULL;
	binding->query = write_query(writing, binding->relation);
	if (writing->entity->query && binding->query == NULL)
	{
		add_word(missing, "; ", writing->missing);
		return false;
	}
	return preset_check(binding, missing);
}

/*
 * What was bound of an entity that cannot be bound now stays; unless it is a preset's, or over the preset's
 * table, and works no longer: it would make an error of every figure that could do without.
 */
static void
preset_leave(Writing *writing, StringInfo missing)
{
	const char *args[2];

	args[0] = writing->entity->entity;
	args[1] = quote_qualified_identifier(writing->schema, writing->entity->table);
	if (binding_description(args[0], true) == NULL)
		return;
	if (smk_binding_write(
			"DELETE FROM smarketing.binding WHERE entity = $1 AND (query IS NOT NULL OR relation = $2)\n"
			"    AND EXISTS (SELECT FROM smarketing.bindings AS bound\n"
			"        WHERE bound.entity = binding.entity AND bound.problem IS NOT NULL)",
			2, args))
		add_word(missing, "; ", "what was bound works no longer, and is forgotten");
	else
		add_word(missing, "; ", "what was bound stays so");
}

/* Binds one entity as far as it goes; the number of its columns. */
static int
preset_bind(Writing *writing, SmkBinding *binding, StringInfo missing)
{
	int columns = 0;
	char *problem = NULL;

	if (writing->entity->table == NULL)
	{
		add_word(missing, "; ", writing->entity->hint);
		return 0;
	}
	if (!preset_write(writing, binding, missing) ||
		(writing->entity->needs && run_query(writing, writing->entity->needs, &problem) &&
		 strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), "t") != 0))
	{
		if (missing->len == 0)
			add_word(missing, "; ", psprintf("no rows that count in %s", writing->entity->table));
		if (writing->entity->hint)
			add_word(missing, "; ", writing->entity->hint);
		preset_leave(writing, missing);
		return 0;
	}
	preset_store(binding, missing);
	if (problem)
		add_word(missing, "; ", psprintf("not examined: %s", problem));
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
		columns += binding->columns[i].text != NULL;
	tell_of_rights(writing, missing);
	for (const SmkPresetPart *advice = writing->preset->advice; advice->name != NULL; advice++)
	{
		if (strcmp(advice->name, writing->entity->entity) != 0)
			continue;
		if (run_query(writing, advice->sql, &problem))
			for (uint64 row = 0; row < SPI_processed; row++)
				add_word(missing, "; ", SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
		else if (problem)
			add_word(missing, "; ", psprintf("not examined: %s", problem));
	}
	return columns;
}

/* Reads the CRM's stages as funnel stages where no map says anything of them, and tells how all are read. */
static void
preset_map_stages(Writing *writing)
{
	StringInfoData told;
	SPITupleTable *stages;
	uint64 count;
	char *problem;

	if (!run_query(writing, writing->preset->stages, &problem))
	{
		ereport(NOTICE, (errmsg("stages are not mapped"), problem ? errdetail("%s.", problem) : 0,
						 errhint("Read each as a funnel stage with smarketing.map_stage(label, stage).")));
		return;
	}
	initStringInfo(&told);
	stages = SPI_tuptable;
	count = SPI_processed;
	for (uint64 row = 0; row < count; row++)
	{
		const char *args[3];

		for (int i = 0; i < 3; i++)
			args[i] = SPI_getvalue(stages->vals[row], stages->tupdesc, i + 1);
		smk_binding_write(
			"INSERT INTO smarketing.stage_map (label, stage, pipeline) "
			"VALUES ($1, $2::smarketing.funnel_stage, $3) ON CONFLICT (label, pipeline) DO NOTHING",
			3, args);
		args[1] = args[2];
		smk_binding_write("SELECT stage FROM smarketing.stage_map WHERE label OPERATOR(pg_catalog.=) $1 "
						  "AND pipeline IS NOT DISTINCT FROM $2",
						  2, args);
		add_word(&told, "\n",
				 psprintf("%s%s%s: %s", args[0], args[1] ? ", " : "", args[1] ? args[1] : "",
						  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)));
	}
	if (count)
		ereport(NOTICE,
				(errmsg("stages are read as funnel stages"), errdetail("%s", told.data),
				 errhint("Change one with smarketing.map_stage(label, stage); a map that was there is "
						 "kept.")));
}

PG_FUNCTION_INFO_V1(smk_presets);

/* presets(): a row a preset; found where a schema has what tells such a CRM. */
Datum
smk_presets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	level = smk_path_only_catalog();
	for (size_t i = 0; i < lengthof(presets); i++)
	{
		Datum values[4];
		bool nulls[4] = {false};

		values[0] = CStringGetTextDatum(presets[i]->name);
		values[1] = CStringGetTextDatum(presets[i]->description);
		values[2] = CStringGetTextDatum(presets[i]->needs);
		values[3] = BoolGetDatum(preset_schemas(presets[i]) != NULL);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	AtEOXact_GUC(true, level);
	SPI_finish();
	return (Datum) 0;
}

/* Raises the error for a schema that has nothing of the CRM. */
static void
preset_not_found(const SmkPreset *preset, const char *schema, bool has_schema)
{
	char *schemas = preset_schemas(preset);

	ereport(ERROR, (errcode(has_schema ? ERRCODE_UNDEFINED_TABLE : ERRCODE_UNDEFINED_SCHEMA),
					has_schema ? errmsg("schema \"%s\" has no tables of preset \"%s\"", schema, preset->name)
							   : errmsg("schema \"%s\" does not exist", schema),
					schemas ? errhint("It is found in: %s. Name one as the second argument.", schemas)
							: errhint("The preset needs: %s.", preset->needs)));
}

PG_FUNCTION_INFO_V1(smk_use_preset);

/* use_preset(preset, source_schema): binds what the schema has; a row an entity. */
Datum
smk_use_preset(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const SmkPreset *preset = preset_find(smk_text_argument(fcinfo, 0, "preset"));
	const char *schema = smk_text_argument(fcinfo, 1, "source_schema");
	MemoryContext caller = CurrentMemoryContext;
	List *probed;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	level = smk_path_only_catalog();
	if (!OidIsValid(LookupExplicitNamespace(schema, true)))
		preset_not_found(preset, schema, false);
	probed = preset_probe(preset, schema);
	if (probed == NIL)
		preset_not_found(preset, schema, true);
	for (const SmkPresetEntity *entity = preset->entities; entity->entity != NULL; entity++)
	{
		Writing writing = {.preset = preset, .schema = schema, .probed = probed, .entity = entity};
		SmkBinding binding = {.entity = smk_entity_find(entity->entity)};
		StringInfoData missing;
		Datum values[4] = {0};
		bool nulls[4] = {false};
		int columns;

		initStringInfo(&missing);
		columns = preset_bind(&writing, &binding, &missing);
		values[0] = CStringGetTextDatum(entity->entity);
		nulls[1] = columns == 0;
		if (columns)
			values[1] = CStringGetTextDatum(binding.relation);
		values[2] = Int32GetDatum(columns);
		nulls[3] = missing.len == 0;
		if (missing.len)
			values[3] = CStringGetTextDatum(missing.data);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	{
		Writing writing = {.preset = preset, .schema = schema, .probed = probed, .entity = preset->entities};

		preset_map_stages(&writing);
	}
	AtEOXact_GUC(true, level);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}
