/*
 * read.c: rollup_kpi, and grant_read.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "calendar/calendar.h"
#include "crm/binding.h"
#include "kpi/statement.h"
#include "kpi/stored.h"
#include "rollup/registry.h"

PG_FUNCTION_INFO_V1(smk_rollup_kpi);

/* rollup_kpi(name, metric, since, until, period, by, filter): value, numerator, denominator. */
Datum
smk_rollup_kpi(PG_FUNCTION_ARGS)
{
	char *written = smk_text_argument(fcinfo, 0, "name");
	char *metric = smk_text_argument(fcinfo, 1, "metric");
	char *name = smk_stored_name_of(PG_GETARG_TEXT_PP(0));
	SmkArguments arguments = {0};
	SmkConfig *config;
	SmkStored *stored;
	char *sql;
	int level;

	arguments.has_since = !PG_ARGISNULL(2);
	arguments.since = arguments.has_since ? PG_GETARG_TIMESTAMPTZ(2) : 0;
	arguments.has_until = !PG_ARGISNULL(3);
	arguments.until = arguments.has_until ? PG_GETARG_TIMESTAMPTZ(3) : 0;
	if (PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"period\" must not be null"),
				 errhint("Periods: %s, all.", smk_period_names())));
	arguments.period = text_to_cstring(PG_GETARG_TEXT_PP(4));
	arguments.by = PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5);
	arguments.filter = PG_ARGISNULL(6) ? NULL : PG_GETARG_JSONB_P(6);

	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	stored = smk_stored_require_rollup(name, written);
	config = smk_config_load();
	smk_stored_restore_settings(stored, config);
	(void) smk_stored_require_parts(stored, true);
	arguments.options = stored->options;
	sql = smk_stored_kpi(
		smk_stored_request(config, stored->kpi, stored->period, stored->by, NULL, stored->options, true),
		stored->parts, metric, &arguments);
	smk_statement_run_into((ReturnSetInfo *) fcinfo->resultinfo, sql, "rollup_kpi");
	smk_statement_end(level);
	return (Datum) 0;
}

/* Runs a GRANT. */
static void
grant(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\"", sql);
}

PG_FUNCTION_INFO_V1(smk_grant_read);

/* grant_read(role): what a dashboard's role needs for all views and rollups that are there now. */
Datum
smk_grant_read(PG_FUNCTION_ARGS)
{
	const char *role;
	Oid types[1] = {OIDOID};
	Datum values[1];
	List *statements = NIL;
	ListCell *cell;
	int level;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be null", "role")));
	values[0] = PG_GETARG_DATUM(0);
	role = quote_identifier(GetUserNameFromId(PG_GETARG_OID(0), false));
	level = smk_statement_begin();
	/* Only what the role lacks: who grants need not own what everybody may read. */
	if (SPI_execute_with_args(
			"WITH readable AS ("
			"SELECT pg_class.oid, pg_namespace.nspname, pg_class.relname FROM pg_class "
			"JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace "
			"JOIN smarketing.stored_view ON format('%I.%I', nspname, relname) "
			"= CASE relkind WHEN 'v' THEN stored_view.name WHEN 'm' THEN parts END "
			"WHERE " SMK_STORED_IS_OURS
			" UNION SELECT pg_class.oid, pg_namespace.nspname, pg_class.relname FROM pg_class "
			"JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace WHERE nspname = 'smarketing' "
			"AND relname IN ('metrics', 'settings', 'rollups', 'stored_view')) "
			"SELECT format('GRANT USAGE ON SCHEMA %I', nspname) FROM readable "
			"WHERE NOT has_schema_privilege($1, nspname, 'USAGE') "
			"UNION SELECT format('GRANT SELECT ON %I.%I', nspname, relname) FROM readable "
			"WHERE NOT has_table_privilege($1, oid, 'SELECT') ORDER BY 1",
			1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the views");
	for (uint64 row = 0; row < SPI_processed; row++)
		statements = lappend(statements, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
	foreach (cell, statements)
		grant(psprintf("%s TO %s", (char *) lfirst(cell), role));
	smk_statement_end(level);
	PG_RETURN_VOID();
}
