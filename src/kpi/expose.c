/*
 * expose.c: a bound entity as a plain view in canonical columns, for who wants one.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "compat.h"
#include "crm/config.h"
#include "crm/reserved.h"
#include "kpi/source.h"

/* The qualified and quoted name of a view to be made, where CREATE VIEW would make it. */
static char *
view_name(text *name, RangeVar **range)
{
	*range = makeRangeVarFromNameList(textToQualifiedNameList(name));
	return quote_qualified_identifier(get_namespace_name(RangeVarGetCreationNamespace(*range)),
									  (*range)->relname);
}

/* SQL for the view: every canonical column that is bound, then the user's dimensions under their names. */
static char *
view_statement(const SmkConfig *config, const SmkBinding *binding)
{
	const SmkEntity *entity = binding->entity;
	bool needed[SMK_MAX_COLUMNS] = {false};
	List *dimensions = NIL;
	StringInfoData columns;
	ListCell *cell;

	initStringInfo(&columns);
	for (int i = 0; entity->columns[i].name != NULL; i++)
	{
		needed[i] = binding->columns[i].text != NULL;
		if (needed[i])
			appendStringInfo(&columns, "%s%s.%s", columns.len ? ", " : "", quote_identifier(entity->name),
							 quote_identifier(entity->columns[i].name));
	}
	foreach (cell, config->dimensions)
	{
		SmkDimension *dimension = lfirst(cell);

		if (dimension->columns[entity - smk_entities].text == NULL)
			continue;
		dimensions = lappend(dimensions, dimension);
		appendStringInfo(&columns, ", %s.%s AS %s", quote_identifier(entity->name), dimension->alias,
						 quote_identifier(dimension->name));
	}
	return psprintf("SELECT %s\nFROM %s AS %s", columns.data,
					smk_source_select(binding, needed, dimensions, entity - smk_entities, NULL),
					quote_identifier(entity->name));
}

PG_FUNCTION_INFO_V1(smk_expose);

/* expose(entity, view_name): makes the view, as the caller, and gives it. */
Datum
smk_expose(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const SmkEntity *entity = smk_entity_find(name);
	SmkConfig *config;
	SmkBinding *binding;
	RangeVar *range;
	char *view = view_name(PG_GETARG_TEXT_PP(1), &range);
	Oid result;
	int level;

	if (entity == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("entity \"%s\" does not exist", name),
				 errhint("Entities: %s.", smk_entity_list())));
	SPI_connect();
	level = smk_path_only_catalog();
	config = smk_config_load();
	binding = smk_config_binding(config, name);
	if (binding == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("entity \"%s\" is not bound", name),
						errhint("Bind it first with smarketing.bind('%s', ...).", name)));
	smk_binding_open(binding);
	if (SPI_execute(psprintf("CREATE VIEW %s AS\n%s", view, view_statement(config, binding)), false, 0) !=
			SPI_OK_UTILITY ||
		SPI_execute(
			psprintf("COMMENT ON VIEW %s IS %s", view,
					 quote_literal_cstr(psprintf(
						 "Entity %s of smarketing in canonical columns, as it was bound when this was made",
						 name))),
			false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not create view %s", view);
	result = RangeVarGetRelid(makeRangeVarFromNameList(stringToQualifiedNameList(view, NULL)), NoLock, false);
	AtEOXact_GUC(true, level);
	SPI_finish();
	PG_RETURN_OID(result);
}
