/*
 * doctor_workers.c: dear statements beside each other, where the server's own plans leave most of each to one
 * process: workers and this session take the next one, the dearest first, and this session runs what workers
 * may not. A statement's rows are kept as texts, one after the other.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "port/atomics.h"
#include "storage/shm_mq.h"
#include "utils/backend_status.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "doctor/doctor.h"

#define LIBRARY "$libdir/smarketing"
/* A statement is dear from so many times of what starting workers costs. */
#define DEAR 100.0
/* Where the server's own workers leave a smaller part of the cost than that, they do better, as they share
 * what they hash. */
#define HELPED 0.75

#define QUEUE_SIZE ((Size) 65536)
#define KEY_SHARED UINT64CONST(1)
#define KEY_QUEUES UINT64CONST(2)

/* Rows are kept, and handed on, in pieces of about so many bytes: all of them may be more than one value
 * holds. */
#define PIECE_SIZE (64 * 1024)

/* A cell is a byte, and, where it is no NULL, its text, ended by a zero. */
#define CELL_NULL '\0'
#define CELL_TEXT 't'

/* What this session and its workers share. */
typedef struct Shared
{
	pg_atomic_uint32 next; /* the first statement that nobody has begun */
	uint32 count;
	char statements[FLEXIBLE_ARRAY_MEMBER]; /* each ended by a zero */
} Shared;

/* The statements that are run beside each other: first those that are left to this session. */
typedef struct Beside
{
	List *statements; /* that are to be run */
	List *own;
	List *shared;
} Beside;

/* Where a statement can be run. */
typedef enum Place
{
	PLACE_ALONE, /* with no worker of ours about: it may write, is not worth it, or has the server's workers
				  */
	PLACE_OWN,
	PLACE_ANY
} Place;

/* Appends a row of SPI's table to a piece. */
static void
append_row(StringInfo piece, uint64 row)
{
	for (int column = 1; column <= SPI_tuptable->tupdesc->natts; column++)
	{
		char *text = smk_doctor_text(row, column);

		appendStringInfoChar(piece, text ? CELL_TEXT : CELL_NULL);
		if (text == NULL)
			continue;
		appendBinaryStringInfo(piece, text, (int) strlen(text) + 1);
		pfree(text);
	}
}

/* Runs a statement in this session. Inside of SPI. */
void
smk_doctor_run(SmkDoctorStatement *statement)
{
	StringInfo piece = NULL;

	smk_doctor_query(statement->sql);
	statement->pieces = NIL;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		CHECK_FOR_INTERRUPTS();
		if (piece == NULL || piece->len >= PIECE_SIZE)
		{
			piece = makeStringInfo();
			statement->pieces = lappend(statement->pieces, piece);
		}
		append_row(piece, row);
	}
	SPI_freetuptable(SPI_tuptable);
	statement->was_run = true;
}

/* The cells of the next row, which last until the one after it, NULL for NULL; false where there is none. */
bool
smk_doctor_next_row(SmkDoctorStatement *statement, char **cells)
{
	StringInfo piece = statement->pieces ? linitial(statement->pieces) : NULL;

	if (piece && piece->cursor >= piece->len)
	{
		pfree(piece->data);
		statement->pieces = list_delete_first(statement->pieces);
		piece = statement->pieces ? linitial(statement->pieces) : NULL;
	}
	if (piece == NULL)
		return false;
	for (int i = 0; i < statement->columns; i++)
	{
		cells[i] = NULL;
		if (piece->data[piece->cursor++] == CELL_NULL)
			continue;
		cells[i] = piece->data + piece->cursor;
		piece->cursor += (int) strlen(cells[i]) + 1;
	}
	return true;
}

/* True where a worker can read all tables of a plan. */
static bool
is_readable_by_workers(const PlannedStmt *plan)
{
	ListCell *cell;

	foreach (cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION && (get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP ||
											   entry->relkind == RELKIND_FOREIGN_TABLE))
			return false;
	}
	return true;
}

/* Notes a label that is worse than what was found so far. */
static void
note_label(char own, void *hazard)
{
	if (own == PROPARALLEL_UNSAFE || (own == PROPARALLEL_RESTRICTED && *(char *) hazard == PROPARALLEL_SAFE))
		*(char *) hazard = own;
}

static bool
note_function(Oid function, void *hazard)
{
	note_label(func_parallel(function), hazard);
	return false;
}

/* Finds the worst label of what an analysed statement calls. The server's own search takes any subselect for
 * restricted, as it asks for parts of a plan; here a worker runs all of it. */
static bool
note_functions(Node *node, void *hazard)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, note_function, hazard);
	if (IsA(node, NextValueExpr) || (IsA(node, Query) && ((Query *) node)->rowMarks != NIL))
		note_label(PROPARALLEL_UNSAFE, hazard);
	else if (IsA(node, CoerceToDomain))
		note_label(PROPARALLEL_RESTRICTED, hazard);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, note_functions, hazard, 0);
	return expression_tree_walker(node, note_functions, hazard);
}

/* What a statement costs, by a plan with or without workers; sets, where it is asked, the worst label of what
 * it calls, and whether workers can read all of it. */
static double
cost_of(const char *sql, bool with_workers, char *hazard, bool *is_readable)
{
	SPIPlanPtr plan = SPI_prepare_cursor(sql, 0, NULL, with_workers ? CURSOR_OPT_PARALLEL_OK : 0);
	CachedPlan *cached;
	PlannedStmt *planned;
	double cost;

	if (plan == NULL || (cached = SPI_plan_get_cached_plan(plan)) == NULL)
		elog(ERROR, "could not plan \"%s\"", sql);
	planned = linitial_node(PlannedStmt, cached->stmt_list);
	cost = planned->planTree->total_cost;
	if (hazard)
	{
		CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

		*hazard = PROPARALLEL_SAFE;
		(void) note_functions(linitial(source->query_list), hazard);
		*is_readable = is_readable_by_workers(planned);
	}
	ReleaseCachedPlan(cached, NULL);
	SPI_freeplan(plan);
	return cost;
}

/* Where a statement can be run, by its plan; sets what it costs. */
static Place
place_of(SmkDoctorStatement *statement)
{
	char hazard;
	bool is_readable;

	statement->cost = cost_of(statement->sql, false, &hazard, &is_readable);
	if (hazard == PROPARALLEL_UNSAFE || statement->cost < DEAR * parallel_setup_cost ||
		cost_of(statement->sql, true, NULL, NULL) < HELPED * statement->cost)
		return PLACE_ALONE;
	return hazard == PROPARALLEL_SAFE && is_readable ? PLACE_ANY : PLACE_OWN;
}

/* The dearest first. */
static int
compare_costs(const ListCell *a, const ListCell *b)
{
	double left = ((SmkDoctorStatement *) lfirst(a))->cost;
	double right = ((SmkDoctorStatement *) lfirst(b))->cost;

	return left > right ? -1 : left < right;
}

/* Finds out where each statement can be run. */
static void
find_places(SmkDoctor *doctor, void *state)
{
	Beside *beside = state;
	ListCell *cell;

	(void) doctor;
	foreach (cell, beside->statements)
	{
		SmkDoctorStatement *statement = lfirst(cell);
		Place place = place_of(statement);

		if (place == PLACE_OWN)
			beside->own = lappend(beside->own, statement);
		else if (place == PLACE_ANY)
			beside->shared = lappend(beside->shared, statement);
	}
	list_sort(beside->shared, compare_costs);
}

/* What starts with the context: the statements, and a queue from each worker. */
static Shared *
share(ParallelContext *context, List *statements, shm_mq_handle **queues)
{
	Size size = offsetof(Shared, statements);
	Shared *shared;
	char *to;
	ListCell *cell;

	foreach (cell, statements)
		size = add_size(size, strlen(((SmkDoctorStatement *) lfirst(cell))->sql) + 1);
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_chunk(&context->estimator, mul_size(QUEUE_SIZE, context->nworkers));
	shm_toc_estimate_keys(&context->estimator, 2);
	InitializeParallelDSM(context);

	shared = shm_toc_allocate(context->toc, size);
	pg_atomic_init_u32(&shared->next, 0);
	shared->count = (uint32) list_length(statements);
	to = shared->statements;
	foreach (cell, statements)
		to = stpcpy(to, ((SmkDoctorStatement *) lfirst(cell))->sql) + 1;
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	/* Where there is no shared memory to be had, there are no workers. */
	if (context->nworkers > 0)
	{
		char *room = shm_toc_allocate(context->toc, mul_size(QUEUE_SIZE, context->nworkers));

		for (int i = 0; i < context->nworkers; i++)
		{
			shm_mq *queue = shm_mq_create(room + i * QUEUE_SIZE, QUEUE_SIZE);

			shm_mq_set_receiver(queue, MyProc);
			queues[i] = shm_mq_attach(queue, context->seg, NULL);
		}
		shm_toc_insert(context->toc, KEY_QUEUES, room);
	}
	return shared;
}

/* The number of the next statement that nobody has begun, which is begun with that; false where all are. */
static bool
take_next(Shared *shared, uint32 *number)
{
	*number = pg_atomic_fetch_add_u32(&shared->next, 1);
	return *number < shared->count;
}

extern PGDLLEXPORT void smk_doctor_worker(dsm_segment *segment, shm_toc *toc);

/* Sends an answer, which is empty then but for its number. */
static void
send_answer(shm_mq_handle *answers, StringInfo answer)
{
	if (shm_mq_send(answers, answer->len, answer->data, false, true) != SHM_MQ_SUCCESS)
		ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE), errmsg("nobody waits for what was counted")));
	answer->len = sizeof(uint32);
}

/* The work of a worker: statements until none is left, each answered by its number and its rows, in pieces,
 * and by its number alone at their end. */
void
smk_doctor_worker(dsm_segment *segment, shm_toc *toc)
{
	Shared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	char *room = shm_toc_lookup(toc, KEY_QUEUES, false);
	shm_mq *queue = (shm_mq *) (room + ParallelWorkerNumber * QUEUE_SIZE);
	shm_mq_handle *answers;
	uint32 number;

	shm_mq_set_sender(queue, MyProc);
	answers = shm_mq_attach(queue, segment, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	while (take_next(shared, &number))
	{
		const char *sql = shared->statements;
		StringInfoData answer;

		for (uint32 i = 0; i < number; i++)
			sql += strlen(sql) + 1;
		/* What it does, for who looks at pg_stat_activity. */
		pgstat_report_activity(STATE_RUNNING, sql);
		initStringInfo(&answer);
		appendBinaryStringInfo(&answer, (char *) &number, sizeof(number));
		smk_doctor_query(sql);
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			CHECK_FOR_INTERRUPTS();
			append_row(&answer, row);
			if (answer.len >= PIECE_SIZE)
				send_answer(answers, &answer);
		}
		if (answer.len > (int) sizeof(number))
			send_answer(answers, &answer);
		send_answer(answers, &answer);
		SPI_freetuptable(SPI_tuptable);
		pfree(answer.data);
	}
	SPI_finish();
}

/* Takes the answers of a worker until it has no more. */
static void
take_answers(shm_mq_handle *queue, List *statements)
{
	Size size;
	void *data;

	while (shm_mq_receive(queue, &size, &data, false) == SHM_MQ_SUCCESS)
	{
		uint32 number;
		SmkDoctorStatement *statement;
		StringInfo piece;

		memcpy(&number, data, sizeof(number));
		statement = list_nth(statements, (int) number);
		if (size == sizeof(number))
		{
			statement->was_run = true;
			continue;
		}
		piece = makeStringInfo();
		appendBinaryStringInfo(piece, (char *) data + sizeof(number), (int) (size - sizeof(number)));
		statement->pieces = lappend(statement->pieces, piece);
	}
}

/* Runs statements with workers. */
static void
run_beside(SmkDoctor *doctor, void *state)
{
	const Beside *beside = state;
	int workers = Min(list_length(beside->shared) - (beside->own == NIL), max_parallel_workers_per_gather);
	shm_mq_handle **queues = palloc(workers * sizeof(shm_mq_handle *));
	ParallelContext *context;
	Shared *shared;
	ListCell *cell;
	uint32 number;

	(void) doctor;
	EnterParallelMode();
	context = CreateParallelContext(LIBRARY, "smk_doctor_worker", workers);
	shared = share(context, beside->shared, queues);
	LaunchParallelWorkers(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		shm_mq_set_handle(queues[i], context->worker[i].bgwhandle);

	foreach (cell, beside->own)
		smk_doctor_run(lfirst(cell));
	while (take_next(shared, &number))
		smk_doctor_run(list_nth(beside->shared, (int) number));
	WaitForParallelWorkersToAttach(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		take_answers(queues[i], beside->shared);
	WaitForParallelWorkersToFinish(context);
	DestroyParallelContext(context);
	ExitParallelMode();
}

/*
 * Runs what is dear of the statements, of SmkDoctorStatement, where workers make it faster; the others stay
 * without a result. So do all where one of them fails: who runs them one by one finds out which. Inside of
 * SPI.
 */
void
smk_doctor_run_beside(SmkDoctor *doctor, List *statements)
{
	Beside beside = {.statements = statements};
	ListCell *cell;
	bool failed;

	if (max_parallel_workers_per_gather == 0 || IsInParallelMode() ||
		smk_doctor_try(doctor, find_places, &beside) != NULL ||
		list_length(beside.shared) + (beside.own != NIL) < 2 || beside.shared == NIL)
		return;
	failed = smk_doctor_try(doctor, run_beside, &beside) != NULL;
	/* A worker that is gone leaves what it had begun. */
	foreach (cell, statements)
	{
		SmkDoctorStatement *statement = lfirst(cell);

		if (failed || !statement->was_run)
		{
			statement->was_run = false;
			statement->pieces = NIL;
		}
	}
}
