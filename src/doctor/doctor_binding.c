/*
 * doctor_binding.c: bindings that cannot be read: each problem is a row, and what is left of the binding goes
 * on to the other checks. The statement that binds an entity again with one column changed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "compat.h"
#include "crm/preset.h"
#include "doctor/doctor.h"
#include "kpi/source.h"

/*
 * The call that binds an entity as it is bound, but for one column, whose canonical expression is another one
 * (NULL: it is left out). palloc'd; NULL where the relation is gone, or a preset reads it by a query.
 */
char *
smk_doctor_bind_call(const SmkBinding *binding, const char *column, const char *expression)
{
	const SmkEntity *entity = binding->entity;
	SmkPurpose purpose = {"column", NULL, entity->name};
	StringInfoData json;
	StringInfoData call;
	Oid relid = smk_relation_resolve(binding->relation, true);
	Relation relation;

	if (!OidIsValid(relid) || binding->query)
		return NULL;
	relation = relation_open(relid, NoLock);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		const char *name = entity->columns[i].name;
		const char *text = strcmp(name, column) == 0 ? expression : binding->columns[i].text;
		bool binds_itself = get_attnum(relid, name) > 0;

		purpose.name = name;
		if (text == NULL && binds_itself)
			smk_doctor_json(&json, name, NULL);
		else if (text != NULL)
		{
			char *plain = smk_expression_plain(text, relation, entity->name, &purpose);

			if (!binds_itself || strcmp(plain, quote_identifier(name)) != 0)
				smk_doctor_json(&json, name, plain);
		}
	}
	appendStringInfoChar(&json, '}');
	initStringInfo(&call);
	appendStringInfo(&call, "SELECT smarketing.bind('%s', %s, %s", entity->name,
					 quote_literal_cstr(binding->relation), quote_literal_cstr(json.data));
	if (binding->filter)
	{
		purpose.kind = purpose.name = "filter";
		appendStringInfo(
			&call, ", filter => %s",
			quote_literal_cstr(smk_expression_plain(binding->filter, relation, entity->name, &purpose)));
	}
	if (strcmp(binding->time_zone, "UTC") != 0)
		appendStringInfo(&call, ", time_zone => %s", quote_literal_cstr(binding->time_zone));
	appendStringInfoChar(&call, ')');
	relation_close(relation, NoLock);
	return smk_doctor_line(call.data);
}

/* A problem of the view bindings. */
typedef struct Problem
{
	const SmkEntity *entity;
	char *column; /* the only one that has it; or NULL */
	char *text;
	int64 count;
	bool is_required;
	bool is_gone; /* of the relation itself */
	char *hint;
} Problem;

/* What the view bindings reports, a row an entity and problem; palloc'd. */
static List *
read_problems(SmkDoctor *doctor)
{
	MemoryContext caller;
	List *problems = NIL;
	uint64 rows = smk_doctor_query(
		"SELECT entity, CASE WHEN count(*) = 1 THEN min(column_name) END, problem, count(*),\n"
		"    bool_or(is_required OR column_name = 'filter'), NOT bool_or(problem LIKE '%\"' || column_name "
		"|| "
		"'\"%')\n"
		"FROM smarketing.bindings WHERE problem IS NOT NULL\n"
		"GROUP BY entity, problem ORDER BY entity, problem");

	caller = MemoryContextSwitchTo(doctor->memory);
	for (uint64 row = 0; row < rows; row++)
	{
		Problem *problem = palloc0(sizeof(Problem));

		problem->entity = smk_entity_find(smk_doctor_text(row, 1));
		problem->column = smk_doctor_text(row, 2);
		problem->text = smk_doctor_text(row, 3);
		problem->count = smk_doctor_number(row, 4);
		problem->is_required = strcmp(smk_doctor_text(row, 5), "t") == 0;
		problem->is_gone = strcmp(smk_doctor_text(row, 6), "t") == 0;
		if (problem->entity != NULL)
			problems = lappend(problems, problem);
	}
	MemoryContextSwitchTo(caller);
	return problems;
}

/* The call that leaves a column out of its binding. */
static void
leave_out(SmkDoctor *doctor, void *state)
{
	Problem *problem = state;
	MemoryContext caller = MemoryContextSwitchTo(doctor->memory);

	problem->hint = smk_doctor_bind_call(smk_config_binding(doctor->config, problem->entity->name),
										 problem->column, NULL);
	MemoryContextSwitchTo(caller);
}

/* The call that binds an entity anew where a preset did: the CRM was upgraded. NULL where none finds it. */
static char *
preset_again(const SmkBinding *binding)
{
	RangeVar *name = makeRangeVarFromNameList(stringToQualifiedNameList(binding->relation, NULL));

	return binding->query ? smk_preset_call(NULL, name->schemaname) : NULL;
}

/* Reports a problem, and takes what has it out of the configuration. */
static void
report_problem(SmkDoctor *doctor, Problem *problem)
{
	SmkBinding **binding = &doctor->config->bindings[problem->entity - smk_entities];
	int column = problem->column ? smk_entity_column(problem->entity, problem->column) : -1;
	bool is_whole = problem->is_gone || problem->is_required;

	if (*binding == NULL)
		return;
	if (is_whole)
	{
		problem->hint = preset_again(*binding);
		if (problem->hint == NULL)
			problem->hint = psprintf("SELECT smarketing.unbind('%s')", problem->entity->name);
	}
	else if (column >= 0)
	{
		(*binding)->columns[column].text = NULL;
		(void) smk_doctor_try(doctor, leave_out, problem);
	}
	else if (problem->column)
		problem->hint =
			psprintf("SELECT smarketing.define_dimension(%s, NULL)", quote_literal_cstr(problem->column));
	smk_doctor_report(doctor, SMK_FINDING_ERROR, problem->entity->name, problem->text, problem->count,
					  problem->hint);
	if (is_whole)
		*binding = NULL;
}

/* Opens a binding, and looks whether the caller may read it: rights are checked before the first row is. */
static void
open_binding(SmkDoctor *doctor, void *state)
{
	SmkBinding *binding = state;
	bool needed[SMK_MAX_COLUMNS];

	(void) doctor;
	smk_binding_open(binding);
	for (int i = 0; i < SMK_MAX_COLUMNS; i++)
		needed[i] = i < smk_entity_width(binding->entity) && binding->columns[i].text != NULL;
	smk_doctor_query(psprintf("SELECT FROM %s AS source LIMIT 0",
							  smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL)));
}

/* Reports a schema in which the caller may look for nothing; true where that is so. */
static bool
schema_is_closed(SmkDoctor *doctor, const SmkBinding *binding)
{
	RangeVar *name = makeRangeVarFromNameList(stringToQualifiedNameList(binding->relation, NULL));
	Oid schema = name->schemaname ? get_namespace_oid(name->schemaname, true) : InvalidOid;

	if (!OidIsValid(schema) ||
		DatumGetBool(DirectFunctionCall2(has_schema_privilege_id, ObjectIdGetDatum(schema),
										 CStringGetTextDatum("USAGE"))))
		return false;
	smk_doctor_report(doctor, SMK_FINDING_WARNING, binding->entity->name,
					  psprintf("not examined: permission denied for schema %s", name->schemaname), -1,
					  psprintf("GRANT USAGE ON SCHEMA %s TO %s", quote_identifier(name->schemaname),
							   quote_identifier(GetUserNameFromId(GetUserId(), false))));
	return true;
}

/* Reports the bindings that cannot be read, and opens the others. */
void
smk_doctor_bindings(SmkDoctor *doctor)
{
	SmkConfig *config = doctor->config;
	bool any = false;
	ListCell *cell;

	for (int i = 0; i < smk_entity_count; i++)
	{
		any = any || config->bindings[i] != NULL;
		if (config->bindings[i] != NULL && schema_is_closed(doctor, config->bindings[i]))
			config->bindings[i] = NULL;
	}
	if (!any)
		smk_doctor_report(doctor, SMK_FINDING_ERROR, NULL, "nothing is bound: there is no figure yet", -1,
						  "SELECT * FROM smarketing.getting_started()");
	foreach (cell, read_problems(doctor))
		report_problem(doctor, lfirst(cell));
	for (int i = 0; i < smk_entity_count; i++)
	{
		SmkBinding *binding = config->bindings[i];
		int before = list_length(doctor->findings);

		if (binding == NULL)
			continue;
		smk_doctor_guard(doctor, binding->entity->name, open_binding, binding);
		if (list_length(doctor->findings) > before)
			config->bindings[i] = NULL;
	}
}
