/*
 * doctor_sql.c: the SQL of checks: an entity's relation under the entity's name, and its columns as they are
 * bound, so that what a check counts can be listed by a statement of one line.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "doctor/doctor.h"
#include "kpi/source.h"

/* Clocks that disagree are no fault; Odoo writes a closing without its fraction of a second. */
#define TOLERANCE "interval '1 second'"

/* The position of a bound column, or -1; also where there is no binding. */
int
smk_doctor_bound(const SmkBinding *binding, const char *name)
{
	int column = binding ? smk_entity_column(binding->entity, name) : -1;

	return column >= 0 && binding->columns[column].text != NULL ? column : -1;
}

/* True for a number that is a float: numeric, which it counts as, is dear to make of millions. */
bool
smk_doctor_is_float(const SmkBinding *binding, int column)
{
	Oid type = binding->columns[column].type;

	return binding->entity->columns[column].type == SMK_TYPE_NUMBER &&
		   (type == FLOAT4OID || type == FLOAT8OID);
}

/* A bound column over the relation, palloc'd. */
char *
smk_doctor_column(const SmkBinding *binding, int column)
{
	char *expression = smk_source_expression(binding, column);

	return binding->columns[column].raw_column ? expression : psprintf("(%s)", expression);
}

/* The same by its name; it must be bound. */
char *
smk_doctor_named(const SmkBinding *binding, const char *name)
{
	return smk_doctor_column(binding, smk_doctor_bound(binding, name));
}

/* The relation, or the query of a preset's, under the entity's name. */
char *
smk_doctor_relation(const SmkBinding *binding)
{
	if (binding->query)
		return psprintf("(%s) AS %s", binding->query, quote_identifier(binding->entity->name));
	return psprintf("%s AS %s", binding->relation, quote_identifier(binding->entity->name));
}

/* The type of a column where its expression is over its canonical type. */
static Oid
computed_type(const SmkBinding *binding, int column)
{
	Oid type = binding->columns[column].type;

	switch (binding->entity->columns[column].type)
	{
		case SMK_TYPE_TIME:
			return type == DATEOID ? DATEOID : TIMESTAMPTZOID;
		case SMK_TYPE_NUMBER:
			return smk_doctor_is_float(binding, column) ? type : NUMERICOID;
		case SMK_TYPE_KEY:
			return smk_source_key_type(binding, column) == TEXTOID ? TEXTOID : type;
		case SMK_TYPE_TEXT:
		case SMK_TYPE_STAGE:
			return TEXTOID;
		case SMK_TYPE_BOOLEAN:
			break;
	}
	return type;
}

/*
 * The binding as a pass over all of its rows reads it: by a query that gives each bound column under its
 * canonical name, floats as they are. Where a column is more than one of the relation it is fenced, so that
 * no expression is computed again for every check that names it; the constant of the fence has its type at
 * once, as the planner takes another for one that leaves no workers in.
 */
SmkBinding *
smk_doctor_computed_once(const SmkBinding *binding)
{
	const char *entity = quote_identifier(binding->entity->name);
	SmkBinding *computed = palloc(sizeof(SmkBinding));
	bool is_plain = true;
	StringInfoData sql;

	*computed = *binding;
	computed->filter = NULL;
	initStringInfo(&sql);
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
	{
		SmkExpression *column = &computed->columns[i];
		char *name = unconstify(char *, binding->entity->columns[i].name);

		if (column->text == NULL)
			continue;
		is_plain = is_plain && column->raw_column != NULL;
		appendStringInfo(&sql, "%s%s AS %s", sql.len ? ", " : "SELECT ",
						 smk_doctor_is_float(binding, i) ? column->text : smk_source_expression(binding, i),
						 quote_identifier(name));
		column->type = computed_type(binding, i);
		column->raw_column = name;
		column->text = psprintf("%s.%s", entity, quote_identifier(name));
	}
	appendStringInfo(&sql, "\n    FROM %s", smk_doctor_relation(binding));
	if (binding->filter)
		appendStringInfo(&sql, "\n    WHERE %s", binding->filter);
	if (!is_plain)
		appendStringInfoString(&sql, "\n    OFFSET bigint '0'");
	computed->query = sql.data;
	return computed;
}

/* A condition together with the binding's filter. */
char *
smk_doctor_where(const SmkBinding *binding, const char *condition)
{
	if (binding->filter == NULL)
		return pstrdup(condition);
	return psprintf("(%s) AND (%s)", binding->filter, condition);
}

/* SQL for the local date of a time. */
char *
smk_doctor_day(const SmkDoctor *doctor, const char *at, bool is_date)
{
	if (is_date)
		return pstrdup(at);
	return psprintf("(%s AT TIME ZONE %s)::date", at, quote_literal_cstr(doctor->config->time_zone));
}

/* The condition that one time is earlier than another: by more than a second, or, where one of them is a
 * date, on an earlier local day. */
char *
smk_doctor_earlier(const SmkDoctor *doctor, const char *first, bool first_is_date, const char *second,
				   bool second_is_date)
{
	if (first_is_date || second_is_date)
		return psprintf("%s < %s", smk_doctor_day(doctor, first, first_is_date),
						smk_doctor_day(doctor, second, second_is_date));
	return psprintf("%s < %s - " TOLERANCE, first, second);
}

/* True for a bound column that is a local date. */
bool
smk_doctor_is_date(const SmkBinding *binding, int column)
{
	return binding->columns[column].type == DATEOID;
}

/* SQL on one line: line breaks and runs of blanks outside of quotes become a blank; palloc'd. */
char *
smk_doctor_line(const char *sql)
{
	StringInfoData line;
	char quote = '\0';

	initStringInfo(&line);
	for (const char *p = sql; *p; p++)
	{
		if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
		if (quote == '\0' && (*p == '\n' || *p == ' '))
		{
			if (line.len > 0 && line.data[line.len - 1] != ' ')
				appendStringInfoChar(&line, ' ');
		}
		else
			appendStringInfoChar(&line, *p);
	}
	return line.data;
}

/* Adds a key and a value, NULL for null, to a JSON object that begins with its brace. */
void
smk_doctor_json(StringInfo json, const char *key, const char *value)
{
	appendStringInfoString(json, json->len > 1 ? ", " : "");
	escape_json(json, key);
	appendStringInfoString(json, ": ");
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}
