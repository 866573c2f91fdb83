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

/* Raises an error unless a function is called as a trigger AFTER a change of a row of one of our tables, with
 * as many arguments. */
static TriggerData *
require_own_trigger(FunctionCallInfo fcinfo, int arguments)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || trigger->tg_trigger->tgnargs != arguments ||
		RelationGetNamespace(trigger->tg_relation) != get_namespace_oid("smarketing", false))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this is a trigger of smarketing's own tables")));
	return trigger;
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

/* The trigger by which a row must name one that is there: column, table, its key. */
Datum
smk_require_named(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_own_trigger(fcinfo, 3);
	char **arguments = trigger->tg_trigger->tgargs;
	Relation relation = trigger->tg_relation;
	TupleDesc columns = RelationGetDescr(relation);
	HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	const char *table = quote_identifier(arguments[1]);
	char *named;
	char *any;
	char *name;

	SPI_connect();
	name = SPI_getvalue(row, columns, SPI_fnumber(columns, arguments[0]));
	named = psprintf("SELECT 1 FROM smarketing.%s WHERE %s OPERATOR(pg_catalog.=) $1 FOR KEY SHARE", table,
					 quote_identifier(arguments[2]));
	any = psprintf("SELECT 1 FROM smarketing.%s WHERE $1 IS NOT NULL LIMIT 1", table);
	/* All rows of that table may be committed by another job between two looks. */
	if (name != NULL && run_as_owner(relation, named, name) == 0 && run_as_owner(relation, any, name) > 0 &&
		run_as_owner(relation, named, name) == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%s of smarketing.%s names \"%s\", which smarketing.%s does not have", arguments[0],
					RelationGetRelationName(relation), name, arguments[1]),
			 errhint("These tables are written by smarketing.bind(), define_dimension(), define_calendar() "
					 "and define_sla().")));
	SPI_finish();
	return PointerGetDatum(NULL);
}

PG_FUNCTION_INFO_V1(smk_forget_naming);

/* The trigger by which those rows go that name the one which is deleted: its key, table, column. */
Datum
smk_forget_naming(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_own_trigger(fcinfo, 3);
	char **arguments = trigger->tg_trigger->tgargs;
	Relation relation = trigger->tg_relation;
	char *key;

	SPI_connect();
	key = SPI_getvalue(trigger->tg_trigtuple, RelationGetDescr(relation),
					   SPI_fnumber(RelationGetDescr(relation), arguments[0]));
	(void) run_as_owner(relation,
						psprintf("DELETE FROM smarketing.%s WHERE %s OPERATOR(pg_catalog.=) $1",
								 quote_identifier(arguments[1]), quote_identifier(arguments[2])),
						key);
	SPI_finish();
	return PointerGetDatum(NULL);
}
