/*
 * reference.c: what foreign keys would be between the tables of the configuration. Those of an extension are
 * there before pg_restore loads the tables, in no order where it has several jobs: a table whose rows come
 * before those that they name would be lost. So a row may name what is not there as long as nothing is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "crm/expression.h"

/* Which column of which table names which other one, by its key. */
typedef struct Reference
{
	const char *naming;
	const char *column;
	const char *named;
	const char *key;
} Reference;

static const Reference references[] = {{"binding_column", "entity", "binding", "entity"},
									   {"dimension_column", "dimension", "dimension", "name"},
									   {"sla_rule", "calendar", "calendar", "name"}};

/*
 * The reference that a trigger keeps, over its naming or its named table; an error unless the function is
 * called AFTER a change of a row of that: no other statement is run with the owner's rights.
 */
static const Reference *
require_reference(FunctionCallInfo fcinfo, bool is_over_naming)
{
	const TriggerData *trigger = (const TriggerData *) fcinfo->context;

	if (CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_AFTER(trigger->tg_event) &&
		TRIGGER_FIRED_FOR_ROW(trigger->tg_event) && trigger->tg_trigger->tgnargs == 1 &&
		RelationGetNamespace(trigger->tg_relation) == get_namespace_oid("smarketing", false))
		for (size_t i = 0; i < lengthof(references); i++)
		{
			const Reference *reference = &references[i];

			if (strcmp(trigger->tg_trigger->tgargs[0],
					   is_over_naming ? reference->named : reference->naming) == 0 &&
				strcmp(RelationGetRelationName(trigger->tg_relation),
					   is_over_naming ? reference->naming : reference->named) == 0)
				return reference;
		}
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					errmsg("this is a trigger of smarketing's own tables")));
}

/* Runs a statement of one text argument with the rights of our tables' owner, as a foreign key's does
 * (ri_triggers.c); the number of rows. Inside of SPI. */
static uint64
run_as_owner(Relation relation, const char *sql, const char *argument)
{
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(argument)};
	int level = smk_path_only_catalog();
	int context;
	Oid user;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(relation->rd_rel->relowner,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (SPI_execute_with_args(sql, 1, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(true, level);
	return SPI_processed;
}

PG_FUNCTION_INFO_V1(smk_require_named);

/* The trigger by which a row must name one that is there, in the table of its argument. */
Datum
smk_require_named(PG_FUNCTION_ARGS)
{
	const Reference *reference = require_reference(fcinfo, true);
	const TriggerData *trigger = (const TriggerData *) fcinfo->context;
	Relation relation = trigger->tg_relation;
	TupleDesc columns = RelationGetDescr(relation);
	HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	char *named;
	char *any;
	char *name;

	SPI_connect();
	name = SPI_getvalue(row, columns, SPI_fnumber(columns, reference->column));
	named = psprintf("SELECT 1 FROM smarketing.%s WHERE %s OPERATOR(pg_catalog.=) $1 FOR KEY SHARE",
					 quote_identifier(reference->named), quote_identifier(reference->key));
	any = psprintf("SELECT 1 FROM smarketing.%s WHERE $1 IS NOT NULL LIMIT 1",
				   quote_identifier(reference->named));
	/* All rows of that table may be committed by another job between two looks. */
	if (name != NULL && run_as_owner(relation, named, name) == 0 && run_as_owner(relation, any, name) > 0 &&
		run_as_owner(relation, named, name) == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%s of smarketing.%s names \"%s\", which smarketing.%s does not have", reference->column,
					reference->naming, name, reference->named),
			 errhint("These tables are written by smarketing.bind(), define_dimension(), define_calendar() "
					 "and define_sla().")));
	SPI_finish();
	return PointerGetDatum(NULL);
}

PG_FUNCTION_INFO_V1(smk_forget_naming);

/* The trigger by which those rows of the table of its argument go that name the one which is deleted. */
Datum
smk_forget_naming(PG_FUNCTION_ARGS)
{
	const Reference *reference = require_reference(fcinfo, false);
	const TriggerData *trigger = (const TriggerData *) fcinfo->context;
	TupleDesc columns = RelationGetDescr(trigger->tg_relation);
	char *key;

	SPI_connect();
	key = SPI_getvalue(trigger->tg_trigtuple, columns, SPI_fnumber(columns, reference->key));
	if (key != NULL)
		(void) run_as_owner(trigger->tg_relation,
							psprintf("DELETE FROM smarketing.%s WHERE %s OPERATOR(pg_catalog.=) $1",
									 quote_identifier(reference->naming),
									 quote_identifier(reference->column)),
							key);
	SPI_finish();
	return PointerGetDatum(NULL);
}
