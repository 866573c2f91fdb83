/*
 * refresh.c: refresh_rollup, refresh_rollups, drop_rollup.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "attempt.h"
#include "compat.h"
#include "crm/binding.h"
#include "kpi/statement.h"
#include "rollup/refresh.h"
#include "rollup/registry.h"

/*
 * Runs one statement with a rollup's name as $1 and, where there is one, a further text as $2; an error where
 * it is not of that kind.
 */
static void
run_for(const char *sql, int expected, const char *name, const char *text)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2] = {CStringGetTextDatum(name), (Datum) 0};
	char nulls[2] = {' ', text ? ' ' : 'n'};

	if (text)
		values[1] = CStringGetTextDatum(text);
	if (SPI_execute_with_args(sql, 2, types, values, nulls, false, 0) != expected)
		elog(ERROR, "could not run \"%s\"", sql);
}

/*
 * Counts the periods and cells of the parts. Below the executor: by their name a query would run whatever its
 * owner has put there while they were computed, with the rights of who refreshes.
 */
static void
count_cells(Oid parts, SmkRefreshed *result)
{
	Relation relation = table_open(parts, AccessShareLock);
	AttrNumber column = get_attnum(parts, "period_start");
	HASHCTL control = {
		.keysize = sizeof(DateADT), .entrysize = sizeof(DateADT), .hcxt = CurrentMemoryContext};
	HTAB *periods = hash_create("smarketing periods", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan;

	if (column == InvalidAttrNumber || get_atttype(parts, column) != DATEOID)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("%s has no periods", RelationGetRelationName(relation))));
	PushActiveSnapshot(GetTransactionSnapshot());
	scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	result->row_count = 0;
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool is_null;
		DateADT period = DatumGetDateADT(slot_getattr(slot, column, &is_null));

		CHECK_FOR_INTERRUPTS();
		if (!is_null)
			(void) hash_search(periods, &period, HASH_ENTER, NULL);
		result->row_count++;
	}
	result->buckets = (int32) hash_get_num_entries(periods);
	table_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	hash_destroy(periods);
	table_close(relation, NoLock);
}

/* Notes that a rollup holds what there was at start: how much that is, and how long it took. Inside of SPI.
 */
SmkRefreshed
smk_rollup_record(const char *name, Oid parts, TimestampTz start)
{
	SmkRefreshed result;
	Oid types[4] = {TEXTOID, INT8OID, TIMESTAMPTZOID, FLOAT8OID};
	Datum values[4];

	count_cells(parts, &result);
	result.seconds = (GetCurrentTimestamp() - start) / (float8) USECS_PER_SEC;
	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum(result.row_count);
	values[2] = TimestampTzGetDatum(start);
	values[3] = Float8GetDatum(result.seconds);
	if (SPI_execute_with_args("UPDATE smarketing.stored_view SET row_count = $2, last_refresh = $3, "
							  "last_seconds = $4, last_error = NULL WHERE name OPERATOR(pg_catalog.=) $1",
							  4, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write stored_view");
	return result;
}

/* Raises an error unless every statement sees what was committed before it. */
void
smk_rollup_require_read_committed(const char *function)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("%s() needs isolation level READ COMMITTED", function),
				 errdetail("Under this one it would store what there was when the transaction began.")));
}

/* Whether the parts hold anything yet; an error where they are not the caller's to refresh. */
static bool
parts_are_populated(const SmkStored *stored, Oid parts)
{
	Oid types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(parts)};

	if (SPI_execute_with_args("SELECT relispopulated, " SMK_MAY_REFRESH ", relowner::regrole FROM pg_class "
							  "WHERE oid = $1",
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed == 0)
		elog(ERROR, "could not look at %s", stored->parts);
	if (SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)[0] != 't')
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to refresh rollup %s", stored->name),
						errdetail("%s belongs to role %s.", stored->parts,
								  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3)),
						errhint("Refresh or schedule it as that role.")));
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)[0] == 't';
}

/* Refreshes a rollup; false where it was dropped meanwhile. Readers go on reading what was; other refreshers
 * wait. Inside of SPI. */
static bool
refresh(const SmkStored *stored, SmkRefreshed *refreshed)
{
	TimestampTz start;
	Oid parts;

	if (!smk_stored_lock(stored->name))
		return false;
	start = GetCurrentTimestamp();
	parts = smk_stored_require_parts(stored, false);
	if (SPI_execute(psprintf("REFRESH MATERIALIZED VIEW %s%s",
							 parts_are_populated(stored, parts) ? "CONCURRENTLY " : "", stored->parts),
					false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not refresh %s", stored->parts);
	*refreshed = smk_rollup_record(stored->name, parts, start);
	return true;
}

PG_FUNCTION_INFO_V1(smk_refresh_rollup);

/* refresh_rollup(name): how many periods and cells are stored, and how long it took. */
Datum
smk_refresh_rollup(PG_FUNCTION_ARGS)
{
	char *written = smk_text_argument(fcinfo, 0, "name");
	char *name = smk_stored_name_of(PG_GETARG_TEXT_PP(0));
	TupleDesc row;
	SmkRefreshed refreshed;
	Datum values[3];
	bool nulls[3] = {false, false, false};
	int level;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	smk_rollup_require_read_committed("refresh_rollup");
	level = smk_statement_begin();
	if (!refresh(smk_stored_require_rollup(name, written), &refreshed))
		smk_stored_unknown(written);
	smk_statement_end(level);
	values[0] = Int32GetDatum(refreshed.buckets);
	values[1] = Int64GetDatum(refreshed.row_count);
	values[2] = Float8GetDatum(refreshed.seconds);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* Refreshes a rollup of that name, where there still is one. Inside of SPI. */
static void
refresh_named(void *name)
{
	SmkStored *stored = smk_stored_find(name);
	SmkRefreshed refreshed;

	if (stored != NULL && stored->parts != NULL)
		(void) refresh(stored, &refreshed);
}

/* The names of all rollups, in the current context. Inside of SPI. */
static List *
rollup_names(void)
{
	List *names = NIL;

	if (SPI_execute("SELECT name FROM smarketing.stored_view WHERE parts IS NOT NULL ORDER BY name", false,
					0) != SPI_OK_SELECT)
		elog(ERROR, "could not read stored_view");
	for (uint64 row = 0; row < SPI_processed; row++)
		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
	return names;
}

PG_FUNCTION_INFO_V1(smk_refresh_rollups);

/*
 * refresh_rollups(): each rollup in a transaction of its own. What fails is warned of and recorded, and does
 * not keep the others from being refreshed; but who cancels wants to cancel all.
 */
Datum
smk_refresh_rollups(PG_FUNCTION_ARGS)
{
	bool is_atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
					 castNode(CallContext, fcinfo->context)->atomic;
	List *names;
	ListCell *cell;

	if (is_atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("refresh_rollups() commits after each rollup, which a transaction block forbids"),
				 errhint("CALL it outside of BEGIN and of functions; refresh_rollup() works inside.")));
	smk_rollup_require_read_committed("refresh_rollups");
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	names = rollup_names();
	SPI_commit();
	foreach (cell, names)
	{
		char *name = lfirst(cell);
		int level = smk_statement_settings();
		ErrorData *error = smk_attempt(refresh_named, name);

		if (error != NULL)
			run_for("UPDATE smarketing.stored_view SET last_error = $2 WHERE name OPERATOR(pg_catalog.=) $1",
					SPI_OK_UPDATE, name, error->message);
		AtEOXact_GUC(true, level);
		SPI_commit();
		if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		if (error != NULL)
			ereport(WARNING, (errcode(error->sqlerrcode),
							  errmsg("rollup %s is not refreshed: %s", name, error->message),
							  error->detail ? errdetail_internal("%s", error->detail) : 0,
							  error->hint ? errhint("%s", error->hint) : 0));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(smk_drop_rollup);

/* Drops a relation of a rollup's; one that has come under its name since stays, and that is said. */
static void
drop(const char *relation, char kind)
{
	const char *sql = kind == RELKIND_VIEW ? "DROP VIEW %s" : "DROP MATERIALIZED VIEW %s";

	if (OidIsValid(smk_stored_relation(relation, kind, false)))
	{
		if (SPI_execute(psprintf(sql, relation), false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "could not drop %s", relation);
	}
	else if (OidIsValid(smk_relation_resolve(relation, true)))
		ereport(NOTICE, (errmsg("%s is not what create_rollup() made, and stays", relation)));
}

/* drop_rollup(name): its view, what it stores, and that it was there. */
Datum
smk_drop_rollup(PG_FUNCTION_ARGS)
{
	char *written = smk_text_argument(fcinfo, 0, "name");
	char *name = smk_stored_name_of(PG_GETARG_TEXT_PP(0));
	int level = smk_statement_begin();
	SmkStored *stored = smk_stored_find(name);

	/* Of a plain view that was dropped by hand only this is left. */
	if (stored == NULL || stored->parts || OidIsValid(smk_stored_relation(stored->name, RELKIND_VIEW, false)))
		stored = smk_stored_require_rollup(name, written);
	if (!smk_stored_lock(name))
		smk_stored_unknown(written);
	if (stored->parts)
	{
		drop(stored->name, RELKIND_VIEW);
		drop(stored->parts, RELKIND_MATVIEW);
	}
	run_for("DELETE FROM smarketing.stored_view WHERE name OPERATOR(pg_catalog.=) $1", SPI_OK_DELETE, name,
			NULL);
	smk_statement_end(level);
	PG_RETURN_VOID();
}
