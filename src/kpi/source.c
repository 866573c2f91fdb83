/*
 * source.c: a bound entity as one subselect with canonical columns of canonical types; the planner pulls it
 * up.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "kpi/source.h"

/* The binding of an entity, opened, where the column is bound (NULL: any will do); else NULL. */
SmkBinding *
smk_source_with(const SmkConfig *config, const char *entity, const char *column)
{
	SmkBinding *binding = smk_config_binding(config, entity);
	int position = binding && column ? smk_entity_column(binding->entity, column) : -1;

	if (binding == NULL || (column && (position < 0 || binding->columns[position].text == NULL)))
		return NULL;
	smk_binding_open(binding);
	return binding;
}

/* The type under which a key is compared: bigint, uuid or text. */
Oid
smk_source_key_type(const SmkBinding *binding, int column)
{
	switch (binding->columns[column].type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return INT8OID;
		case UUIDOID:
			return UUIDOID;
		default:
			return TEXTOID;
	}
}

/* The comparison of two keys, whatever the two sources have. */
char *
smk_source_keys_equal(const char *left, Oid left_type, const char *right, Oid right_type)
{
	if (left_type == right_type)
		return psprintf("%s = %s", left, right);
	return psprintf("%s%s = %s%s", left, left_type == TEXTOID ? "" : "::text", right,
					right_type == TEXTOID ? "" : "::text");
}

/* A time zone as a literal: UTC by the name that costs a fifth of its others, as it is an abbreviation. */
char *
smk_source_zone(const char *time_zone)
{
	return quote_literal_cstr(pg_strcasecmp(time_zone, "Etc/UTC") == 0 ? "UTC" : time_zone);
}

/* A canonical column's expression over the relation under the entity's name, cast to its canonical type. */
char *
smk_source_expression(const SmkBinding *binding, int column)
{
	const SmkExpression *expression = &binding->columns[column];
	const char *text = expression->text;

	switch (binding->entity->columns[column].type)
	{
		case SMK_TYPE_TIME:
			/* A date stays one: it is a local date of the reporting zone. */
			if (expression->type == TIMESTAMPOID)
				return psprintf("(%s AT TIME ZONE %s)", text, smk_source_zone(binding->time_zone));
			break;
		case SMK_TYPE_NUMBER:
			if (expression->type != NUMERICOID)
				return psprintf("(%s)::numeric", text);
			break;
		case SMK_TYPE_KEY:
			if (smk_source_key_type(binding, column) != TEXTOID)
				break;
			if (expression->type == NUMERICOID)
				return psprintf("trim_scale(%s)::text", text);
			/* FALLTHROUGH */
		case SMK_TYPE_TEXT:
		case SMK_TYPE_STAGE:
			if (expression->type != TEXTOID && expression->type != VARCHAROID)
				return psprintf("(%s)::text", text);
			break;
		case SMK_TYPE_BOOLEAN:
			break;
	}
	return pstrdup(text);
}

/*
 * The subselect that gives the needed canonical columns and, by entity position, the user's dimensions; where
 * is a further condition over the relation, or NULL.
 */
char *
smk_source_select(const SmkBinding *binding, const bool *needed, List *dimensions, int position,
				  const char *where)
{
	StringInfoData sql;
	ListCell *cell;
	const char *separator = "";

	initStringInfo(&sql);
	appendStringInfoString(&sql, "(SELECT ");
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
	{
		if (!needed[i])
			continue;
		appendStringInfo(&sql, "%s%s AS %s", separator, smk_source_expression(binding, i),
						 quote_identifier(binding->entity->columns[i].name));
		separator = ", ";
	}
	foreach (cell, dimensions)
	{
		SmkDimension *dimension = lfirst(cell);

		appendStringInfo(&sql, "%s(%s)::text AS %s", separator, dimension->columns[position].text,
						 dimension->alias);
		separator = ", ";
	}
	if (separator[0] == '\0')
		appendStringInfoString(&sql, "true AS is_there");
	if (binding->query)
		appendStringInfo(&sql, "\n FROM (%s) AS %s", smk_sql_indent(binding->query, 7),
						 quote_identifier(binding->entity->name));
	else
		appendStringInfo(&sql, "\n FROM %s AS %s", binding->relation,
						 quote_identifier(binding->entity->name));
	if (binding->filter || where)
		appendStringInfo(&sql, "\n WHERE %s%s%s", binding->filter ? binding->filter : "",
						 binding->filter && where ? "\n   AND " : "", where ? where : "");
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* A time column as an instant: a local date becomes the instant of its midnight in the reporting zone. */
char *
smk_source_instant(const SmkBinding *binding, int column, const char *reference, const char *time_zone)
{
	if (binding->columns[column].type == DATEOID)
		return psprintf("(%s::timestamp AT TIME ZONE %s)", reference, smk_source_zone(time_zone));
	return pstrdup(reference);
}

/* The set of the stages that are the one sought, or beyond it. */
static SmkStages
stages_from(FunnelStage least, bool or_beyond)
{
	SmkStages stages = 0;

	for (int i = 0; i < SMK_STAGE_COUNT; i++)
		if (or_beyond ? smk_stage_at(i) >= least : smk_stage_at(i) == (uint8) least)
			stages |= SMK_STAGE_BIT(smk_stage_at(i));
	return stages;
}

/* True where the stage is one of those sought. */
static bool
stage_matches(const char *stage, SmkStages stages)
{
	uint8 value;

	return smk_stage_parse(stage, strlen(stage), &value) && (stages & SMK_STAGE_BIT(value)) != 0;
}

/* A list of so many is looked up by its hash, and compared with one by one where it is shorter. */
#define HASHED_LIST 9
/* What a hash costs, in comparisons. */
#define HASH_COST 2

/* Adds the labels that mean the stage, in one pipeline (NULL: in general), and all labels that the map knows
 * there; returns how many mean it. */
static int
stage_labels(const SmkConfig *config, const char *pipeline, SmkStages stages, StringInfo meaning,
			 StringInfo known)
{
	ListCell *cell;
	int count = 0;

	foreach (cell, config->stage_map)
	{
		SmkMapped *mapped = lfirst(cell);
		char *label;

		if ((pipeline == NULL) != (mapped->scope == NULL) ||
			(pipeline && strcmp(pipeline, mapped->scope) != 0))
			continue;
		label = quote_literal_cstr(mapped->label);
		appendStringInfo(known, "%s%s", known->len ? ", " : "", label);
		if (!stage_matches(mapped->value, stages))
			continue;
		appendStringInfo(meaning, "%s%s", meaning->len ? ", " : "", label);
		count++;
	}
	return count;
}

/* True where the general map gives the label a meaning of its own. */
static bool
stage_is_mapped(const SmkConfig *config, const char *label)
{
	ListCell *cell;

	foreach (cell, config->stage_map)
	{
		SmkMapped *mapped = lfirst(cell);

		if (mapped->scope == NULL && strcmp(mapped->label, label) == 0)
			return true;
	}
	return false;
}

/*
 * A condition over an entity's stage column, given by its alias: it means one of these stages. A funnel
 * stage's own name maps itself; a pipeline's map goes before the general one.
 */
char *
smk_source_stages(const SmkConfig *config, const SmkBinding *binding, const char *alias, SmkStages stages)
{
	StringInfoData meaning;
	StringInfoData known;
	StringInfoData result;
	int pipeline_column = smk_entity_column(binding->entity, "pipeline");
	List *pipelines = NIL;
	const char *own_name = NULL;
	ListCell *cell;
	int count;

	initStringInfo(&meaning);
	initStringInfo(&known);
	initStringInfo(&result);
	count = stage_labels(config, NULL, stages, &meaning, &known);
	for (int i = 0; i < SMK_STAGE_COUNT; i++)
	{
		const char *name = smk_stage_name(smk_stage_at(i));
		char *spellings[3];

		if (!stage_matches(name, stages))
			continue;
		spellings[0] = pstrdup(name);
		spellings[1] = asc_toupper(name, strlen(name));
		spellings[2] = asc_initcap(name, strlen(name));
		for (int j = 0; j < 3; j++)
			if (!stage_is_mapped(config, spellings[j]))
			{
				own_name = spellings[j];
				appendStringInfo(&meaning, "%s'%s'", meaning.len ? ", " : "", own_name);
				count++;
			}
	}
	/* Again and again: a CRM that has labels of its own will hardly use it, and expect no more rows for it.
	 */
	if (own_name && count > HASH_COST + 1)
		for (; count < HASHED_LIST; count++)
			appendStringInfo(&meaning, ", '%s'", own_name);

	if (pipeline_column >= 0 && binding->columns[pipeline_column].text != NULL)
		foreach (cell, config->stage_map)
		{
			SmkMapped *mapped = lfirst(cell);
			bool is_new = mapped->scope != NULL;
			ListCell *seen;

			foreach (seen, pipelines)
				is_new = is_new && strcmp(lfirst(seen), mapped->scope) != 0;
			if (is_new)
				pipelines = lappend(pipelines, mapped->scope);
		}
	if (pipelines == NIL)
	{
		if (meaning.len == 0)
			return pstrdup("false");
		appendStringInfo(&result, "%s.stage IN (%s)", alias, meaning.data);
		return result.data;
	}
	appendStringInfoString(&result, "CASE");
	foreach (cell, pipelines)
	{
		StringInfoData own;
		StringInfoData own_known;

		initStringInfo(&own);
		initStringInfo(&own_known);
		stage_labels(config, lfirst(cell), stages, &own, &own_known);
		appendStringInfo(&result, " WHEN %s.pipeline = %s AND %s.stage IN (%s) THEN ", alias,
						 quote_literal_cstr(lfirst(cell)), alias, own_known.data);
		if (own.len)
			appendStringInfo(&result, "%s.stage IN (%s)", alias, own.data);
		else
			appendStringInfoString(&result, "false");
	}
	appendStringInfo(&result, " ELSE coalesce(%s.stage IN (%s), false) END", alias,
					 meaning.len ? meaning.data : "NULL");
	return result.data;
}

/* The same for one stage (or_beyond: or a later one, never an exit). */
char *
smk_source_stage(const SmkConfig *config, const SmkBinding *binding, const char *alias, FunnelStage least,
				 bool or_beyond)
{
	return smk_source_stages(config, binding, alias, stages_from(least, or_beyond));
}

/* The text with every line after the first moved to the right. */
char *
smk_sql_indent(const char *sql, int columns)
{
	StringInfoData result;
	char quote = '\0';

	initStringInfo(&result);
	for (const char *p = sql; *p; p++)
	{
		if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
		appendStringInfoChar(&result, *p);
		/* A line break inside of a quoted name or literal belongs to it. */
		if (*p == '\n' && quote == '\0')
			appendStringInfoSpaces(&result, columns);
	}
	return result.data;
}
