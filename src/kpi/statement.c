/*
 * statement.c: where compiled statements run: their settings, and how they are run read only, with the
 * caller's rights and snapshot.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "crm/expression.h"
#include "kpi/statement.h"

/*
 * Sets what the statements are written for, until the level is closed: the path, how intervals are read, and
 * no JIT, which the planner would choose by the thousand rows that it expects of every generate_series: a
 * second of compiling for a statement of milliseconds.
 */
int
smk_statement_settings(void)
{
	int level = smk_path_only_catalog();

	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Opens SPI and the settings of statements. */
int
smk_statement_begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return smk_statement_settings();
}

/* Closes what smk_statement_begin() opened. */
void
smk_statement_end(int level)
{
	AtEOXact_GUC(true, level);
	SPI_finish();
}

/* Up to so many blocks a loop over all of a table loses little; autovacuum leaves the smallest as they are.
 */
#define FEW_BLOCKS 32

/* True for a table of the CRM that is not small and of no column of which there are statistics. Ours are
 * written as they are read, and have the indexes that their readers need. */
static bool
is_unanalysed(Oid oid)
{
	Relation relation = try_relation_open(oid, AccessShareLock);
	bool result;

	if (relation == NULL)
		return false;
	result = RelationGetNamespace(relation) != get_namespace_oid("smarketing", false) &&
			 (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE ||
			  (RELKIND_HAS_TABLE_AM(relation->rd_rel->relkind) &&
			   RelationGetNumberOfBlocks(relation) > FEW_BLOCKS));
	for (AttrNumber column = 1; result && column <= RelationGetNumberOfAttributes(relation); column++)
		result = !SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(oid), Int16GetDatum(column),
										BoolGetDatum(false));
	relation_close(relation, NoLock);
	return result;
}

/*
 * True where a statement, with arguments of those types, reads a table that was loaded and never analysed:
 * the planner guesses that a condition leaves a row or two of it. Inside SPI_connect.
 */
bool
smk_statement_reads_unanalysed(const char *sql, int argument_count, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare(sql, argument_count, types);
	ListCell *source;
	ListCell *cell;
	ListCell *child;

	if (plan == NULL)
		elog(ERROR, "could not prepare the statement");
	foreach (source, SPI_plan_get_plan_sources(plan))
		foreach (cell, ((CachedPlanSource *) lfirst(source))->relationOids)
			foreach (child, find_all_inheritors(lfirst_oid(cell), AccessShareLock, NULL))
				if (is_unanalysed(lfirst_oid(child)))
				{
					SPI_freeplan(plan);
					return true;
				}
	SPI_freeplan(plan);
	return false;
}

/*
 * Until the caller ends its level of settings no nested loop is chosen where there is another way.
 */
void
smk_statement_avoid_nested_loops(void)
{
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * Until the caller ends its level of settings looking up a row by an index costs little more than reading the
 * next one: for what is read every minute, and so is in memory.
 */
void
smk_statement_expect_cached(void)
{
	if (random_page_cost > 1.1)
		(void) set_config_option("random_page_cost", "1.1", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
								 0, false);
}

/*
 * Runs a statement into a receiver; NULL: into SPI's own table. An error does not quote the statement, which
 * is long (kpi_sql() shows it), but says whose it is.
 */
void
smk_statement_run(const char *sql, DestReceiver *receiver, const char *what)
{
	SPIExecuteOptions options = {0};
	MemoryContext context = CurrentMemoryContext;

	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = receiver;
	PG_TRY();
	{
		if (SPI_execute_extended(sql, &options) < 0)
			elog(ERROR, "could not run the statement");
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		error->context = psprintf("statement of smarketing.%s()", what);
		ReThrowError(error);
	}
	PG_END_TRY();
}

/* Runs a statement into the result of a function that gives rows. */
void
smk_statement_run_into(ReturnSetInfo *result, const char *sql, const char *what)
{
	DestReceiver *receiver = CreateDestReceiver(DestTuplestore);

	SetTuplestoreDestReceiverParams(receiver, result->setResult, result->econtext->ecxt_per_query_memory,
									false, NULL, NULL);
	smk_statement_run(sql, receiver, what);
	receiver->rDestroy(receiver);
}
