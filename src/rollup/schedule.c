/*
 * schedule.c: one job of pg_cron that refreshes all rollups, and when it runs next.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "kpi/statement.h"
#include "rollup/cron.h"
#include "rollup/registry.h"

#define COMMAND "CALL smarketing.refresh_rollups()"

/* The name of the job in pg_cron: a database's own, since jobs of several databases may be in one table. */
static char *
job_name(void)
{
	return psprintf("smarketing.refresh_rollups of %s", get_database_name(MyDatabaseId));
}

/* How to call pg_cron from the database that it is in; NULL takes the job away. */
static char *
call_elsewhere(const char *schedule)
{
	if (schedule == NULL)
		return psprintf("SELECT cron.unschedule(%s)", quote_literal_cstr(job_name()));
	return psprintf("SELECT cron.schedule_in_database(%s, %s, %s, %s)", quote_literal_cstr(job_name()),
					quote_literal_cstr(schedule), quote_literal_cstr(COMMAND),
					quote_literal_cstr(get_database_name(MyDatabaseId)));
}

/* Raises an error where pg_cron is not in this database, with what to do. */
static void
require_cron(const char *schedule)
{
	const char *home = GetConfigOption("cron.database_name", true, false);

	if (OidIsValid(get_extension_oid("pg_cron", true)))
		return;
	if (home != NULL && strcmp(home, get_database_name(MyDatabaseId)) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("extension \"%s\" is not installed", "pg_cron"),
						errhint("CREATE EXTENSION pg_cron, as a superuser.")));
	if (home != NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("pg_cron is not in this database, but in \"%s\"", home),
						errhint("Connect to \"%s\" and run: %s;", home, call_elsewhere(schedule))));
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg("pg_cron is not running on this server, and nothing else here runs jobs"),
		 schedule == NULL
			 ? 0
			 : errhint(
				   "Install package postgresql-" PG_MAJORVERSION
				   "-cron, add pg_cron to shared_preload_libraries, restart, and CREATE EXTENSION pg_cron in "
				   "the database that cron.database_name tells (postgres, unless you change it). Where "
				   "pg_hba.conf asks localhost for a password, set cron.use_background_workers = on, too. "
				   "From there run: %s; Or let any scheduler run: psql -c \"" COMMAND "\"",
				   call_elsewhere(schedule))));
}

PG_FUNCTION_INFO_V1(smk_schedule_rollups);

/* schedule_rollups(schedule): the job's number; NULL takes the job away, if there is one. */
Datum
smk_schedule_rollups(PG_FUNCTION_ARGS)
{
	char *schedule = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *name = quote_literal_cstr(job_name());
	int64 job;
	bool is_null;
	int level;

	require_cron(schedule);
	level = smk_statement_begin();
	/* The job of another role, too, where the caller may: it is to be one. */
	if (SPI_execute(psprintf("SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %s%s", name,
							 schedule ? " AND username <> current_user" : ""),
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not unschedule");
	if (schedule == NULL)
	{
		smk_statement_end(level);
		PG_RETURN_NULL();
	}
	/* Literals, whose types pg_cron has changed. */
	if (SPI_execute(psprintf("SELECT cron.schedule(%s, %s, %s)", name, quote_literal_cstr(schedule),
							 quote_literal_cstr(COMMAND)),
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not schedule");
	job = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	smk_statement_end(level);
	PG_RETURN_INT64(job);
}

/* The schedule of the job, as far as the caller sees it, or NULL. Inside of SPI. */
static char *
current_schedule(void)
{
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return NULL;
	if (SPI_execute("SELECT FROM pg_namespace WHERE nspname = 'cron' AND has_schema_privilege(oid, 'USAGE')",
					true, 0) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return NULL;
	if (SPI_execute(psprintf("SELECT schedule FROM cron.job WHERE jobname = %s AND active",
							 quote_literal_cstr(job_name())),
					true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

PG_FUNCTION_INFO_V1(smk_rollups_next_run);

/* rollups_next_run(): when the job is due next; NULL where the caller sees none, or no time of it. */
Datum
smk_rollups_next_run(PG_FUNCTION_ARGS)
{
	const char *zone = GetConfigOption("cron.timezone", true, false);
	Datum zone_name = CStringGetTextDatum(zone ? zone : "GMT");
	int level = smk_statement_begin();
	char *schedule = current_schedule();
	SmkCron cron;
	Timestamp next;
	bool is_known =
		schedule != NULL && smk_cron_parse(&cron, schedule) &&
		smk_cron_next(
			&cron,
			DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, zone_name,
												  TimestampTzGetDatum(GetCurrentStatementStartTimestamp()))),
			&next);

	smk_statement_end(level);
	if (!is_known)
		PG_RETURN_NULL();
	return DirectFunctionCall2(timestamp_zone, zone_name, TimestampGetDatum(next));
}
