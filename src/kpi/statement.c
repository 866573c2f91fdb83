/*
 * statement.c: runs a compiled statement, read only, with the caller's rights and snapshot.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "kpi/statement.h"

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
