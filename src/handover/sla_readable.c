/*
 * sla_readable.c: work over all SLA rules that does not fail for one of them: what is bound may have changed
 * since a rule was defined, and who waits for the others must not wait for its mending.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/tuplestore.h"

#include "attempt.h"
#include "handover/sla.h"
#include "kpi/statement.h"

/* Work over some of the rules. */
typedef struct Attempt
{
	const SmkSlaWork *work;
	List *names; /* of char *: the rules; NIL: all, or none */
	bool is_none;
	bool is_probe;
} Attempt;

/* Does the work over its rules. */
static void
run_rules(void *state)
{
	const Attempt *attempt = state;
	int level = smk_statement_begin();

	attempt->work->run(attempt->is_none ? NIL : smk_sla_rules_named(attempt->names), attempt->is_probe,
					   attempt->work->state);
	smk_statement_end(level);
}

/* Raises an error again that is not of a rule's making, and would come again. */
static void
rethrow_unless_of_rule(ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_SYSTEM_ERROR ||
		category == ERRCODE_INVALID_TRANSACTION_STATE || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
}

/* A rule that was left out, and why. */
static void
warn_of_unreadable(const char *name, const ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode), errmsg("SLA rule \"%s\" is left out: %s", name, error->message),
			 errhint("Mend what it needs, replace it with smarketing.define_sla() or drop it with "
					 "smarketing.drop_sla().")));
}

/*
 * Does work over all rules. Where one cannot be read, over the others, with a warning. Where none can, and
 * the work is nothing without, or where it is not the rules' fault, the error is raised.
 */
void
smk_sla_run_readable(const SmkSlaWork *work)
{
	Attempt all = {.work = work};
	List *names;
	List *errors = NIL;
	ErrorData *error;
	ListCell *cell;
	int level;

	/* Where nothing can be attempted. */
	if (IsInParallelMode())
	{
		run_rules(&all);
		return;
	}
	error = smk_attempt(run_rules, &all);
	if (error == NULL)
		return;
	rethrow_unless_of_rule(error);
	if (work->result)
		tuplestore_clear(work->result->setResult);
	level = smk_statement_begin();
	names = smk_sla_rule_names();
	foreach (cell, names)
	{
		Attempt alone = {.work = work, .names = list_make1(lfirst(cell)), .is_probe = true};
		ErrorData *of_rule = smk_attempt(run_rules, &alone);

		if (of_rule)
			rethrow_unless_of_rule(of_rule);
		else
			all.names = lappend(all.names, lfirst(cell));
		errors = lappend(errors, of_rule);
	}
	all.is_none = all.names == NIL;
	if (list_length(all.names) == list_length(names) || (all.is_none && !work->goes_without))
		ReThrowError(error);
	run_rules(&all);
	foreach (cell, names)
		if (list_nth(errors, foreach_current_index(cell)))
			warn_of_unreadable(lfirst(cell), list_nth(errors, foreach_current_index(cell)));
	smk_statement_end(level);
}
