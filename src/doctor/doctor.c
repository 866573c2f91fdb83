/*
 * doctor.c: the examination: runs the checks as the caller, each in a subtransaction, so that what one of
 * them cannot read is a row of the result and no error; sorts what was found.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "attempt.h"
#include "compat.h"
#include "doctor/doctor.h"
#include "kpi/statement.h"

/* The most that doctor() takes of maintenance_work_mem for one hash or sort. */
#define HASH_MEMORY_KB (64 * 1024)

/* Adds a row to what was found; all texts are copied. */
void
smk_doctor_report(SmkDoctor *doctor, SmkSeverity severity, const char *entity, const char *problem,
				  int64 count, const char *hint)
{
	MemoryContext caller = MemoryContextSwitchTo(doctor->memory);
	SmkFinding *finding = palloc(sizeof(SmkFinding));

	finding->severity = severity;
	finding->entity = entity ? smk_entity_find(entity) : NULL;
	finding->problem = pstrdup(problem);
	finding->count = count;
	finding->number = list_length(doctor->findings);
	finding->hint = hint ? pstrdup(hint) : NULL;
	doctor->findings = lappend(doctor->findings, finding);
	MemoryContextSwitchTo(caller);
}

/* True for an error that says nothing about the data: the call was cancelled, or memory ran out. */
static bool
is_of_the_call(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		   error->sqlerrcode == ERRCODE_OUT_OF_MEMORY || error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* A check, and what it is given. */
typedef struct Checked
{
	SmkDoctor *doctor;
	SmkCheck check;
	void *state;
} Checked;

static void
run_check(void *state)
{
	const Checked *checked = state;

	checked->check(checked->doctor, checked->state);
}

/* Runs a check in a subtransaction; gives the error that it raised, or NULL. */
ErrorData *
smk_doctor_try(SmkDoctor *doctor, SmkCheck check, void *state)
{
	Checked checked = {doctor, check, state};
	ErrorData *error = smk_attempt(run_check, &checked);

	if (error != NULL && is_of_the_call(error))
		ReThrowError(error);
	return error;
}

/* The grant that the caller lacks on a relation; NULL where it lacks none on this one. */
static char *
lacking_grant(const char *relation)
{
	Oid relid = smk_relation_resolve(relation, true);

	if (!OidIsValid(relid) ||
		DatumGetBool(DirectFunctionCall2(has_table_privilege_id, ObjectIdGetDatum(relid),
										 CStringGetTextDatum("SELECT"))))
		return NULL;
	return psprintf("GRANT SELECT ON %s TO %s", relation,
					quote_identifier(GetUserNameFromId(GetUserId(), false)));
}

/* Runs a check; an error that it raises becomes a row of the entity (or of none). */
void
smk_doctor_guard(SmkDoctor *doctor, const char *entity, SmkCheck check, void *state)
{
	const SmkBinding *binding = entity ? smk_config_binding(doctor->config, entity) : NULL;
	ErrorData *error;

	doctor->reading = binding ? binding->relation : NULL;
	error = smk_doctor_try(doctor, check, state);
	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, entity, psprintf("not examined: %s", error->message),
						  -1, doctor->reading ? lacking_grant(doctor->reading) : NULL);
	else
		smk_doctor_report(doctor, SMK_FINDING_ERROR, entity,
						  psprintf("cannot be computed: %s", error->message), -1, NULL);
}

/* The binding of an entity that can be read, or NULL. */
SmkBinding *
smk_doctor_binding(const SmkDoctor *doctor, const char *entity)
{
	return smk_config_binding(doctor->config, entity);
}

/* What was entered by hand of an entity, opened, where the caller may read it and there is any; or NULL. */
SmkBinding *
smk_doctor_entered(SmkDoctor *doctor, const char *entity)
{
	SmkBinding *binding = smk_config_entered(entity);

	if (binding != NULL)
	{
		doctor->reading = MemoryContextStrdup(doctor->memory, binding->relation);
		smk_binding_open(binding);
	}
	return binding;
}

/* Runs a query; its rows are in SPI's table. Their number. */
uint64
smk_doctor_query(const char *sql)
{
	smk_statement_run(sql, NULL, "doctor");
	return SPI_processed;
}

/* A value of the last query as text, palloc'd; NULL for NULL. */
char *
smk_doctor_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* A bigint of the last query; 0 for NULL. */
int64
smk_doctor_number(uint64 row, int column)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

/* The word for a severity. */
const char *
smk_doctor_severity(SmkSeverity severity)
{
	static const char *const words[] = {"error", "warning", "info"};

	return words[severity];
}

/* The worst first, then in the order of the entities, then as they were found. */
static int
compare_findings(const ListCell *a, const ListCell *b)
{
	const SmkFinding *left = lfirst(a);
	const SmkFinding *right = lfirst(b);

	if (left->severity != right->severity)
		return left->severity < right->severity ? -1 : 1;
	if (left->entity != right->entity)
		return left->entity < right->entity ? -1 : 1; /* NULL is the least */
	return left->number - right->number;
}

/* A check that has no state of its own. */
typedef void (*PlainCheck)(SmkDoctor *doctor);

static void
run_plain(SmkDoctor *doctor, void *state)
{
	(*(PlainCheck *) state)(doctor);
}

/* Lays the request by which the compiler's parts are asked. */
static void
lay_request(SmkDoctor *doctor, void *state)
{
	SmkArguments arguments = {.period = "month"};
	MemoryContext caller = MemoryContextSwitchTo(doctor->memory);

	(void) state;
	doctor->request = smk_request(doctor->config, smk_kpi_find("cost_per_lead"), &arguments);
	MemoryContextSwitchTo(caller);
}

/*
 * An examination of what is configured, before any check; inside of SPI. A time zone that this server does
 * not know, as it may come with a dump, is reported, and UTC stands in.
 */
SmkDoctor *
smk_doctor_begin(void)
{
	SmkDoctor *doctor = palloc0(sizeof(SmkDoctor));
	ErrorData *error;

	doctor->memory = CurrentMemoryContext;
	doctor->config = smk_config_load();
	error = smk_doctor_try(doctor, lay_request, NULL);
	if (error != NULL)
	{
		smk_doctor_report(doctor, SMK_FINDING_ERROR, NULL,
						  psprintf("setting \"time_zone\": %s", error->message), -1,
						  "SELECT smarketing.configure('time_zone', NULL)");
		doctor->config->time_zone = "UTC";
		doctor->zone_is_unknown = true;
		lay_request(doctor, NULL);
	}
	return doctor;
}

/* All checks in their order; the findings sorted. */
void
smk_doctor_examine(SmkDoctor *doctor)
{
	PlainCheck checks[] = {smk_doctor_bindings, smk_doctor_rows, smk_doctor_links, smk_doctor_values,
						   smk_doctor_storage};

	for (size_t i = 0; i < lengthof(checks); i++)
	{
		CHECK_FOR_INTERRUPTS();
		smk_doctor_guard(doctor, NULL, run_plain, &checks[i]);
	}
	list_sort(doctor->findings, compare_findings);
}

/*
 * Opens SPI and the settings that the statements are written for, until smk_doctor_close: the path, and,
 * where only checks are run, which read all rows, and none of the KPIs, which are planned as anybody plans
 * them: no JIT, pages that are read in the order of an index for hardly dearer than others, no sort where a
 * hash will do, as of labels by an expression many more are expected than there are, no cache of single
 * lookups where all rows are asked for, and the memory of a maintenance job, up to HASH_MEMORY_KB, so that
 * hashes of millions of keys are not written to disk.
 */
int
smk_doctor_open(bool for_checks)
{
	const char *settings[][2] = {
		{"jit", "off"},
		{"random_page_cost", "1.1"},
		{"seq_page_cost", "1"},
		{"enable_sort", "off"},
		{"enable_memoize", "off"},
		{"work_mem", psprintf("%d", Max(work_mem, Min(maintenance_work_mem, HASH_MEMORY_KB)))}};
	int level;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	level = smk_path_only_catalog();
	for (size_t i = 0; for_checks && i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

void
smk_doctor_close(int level)
{
	AtEOXact_GUC(true, level);
	SPI_finish();
}

PG_FUNCTION_INFO_V1(smk_doctor);

/* doctor(): a row for each thing that is missing or odd. */
Datum
smk_doctor(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkDoctor *doctor;
	ListCell *cell;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	level = smk_doctor_open(true);
	doctor = smk_doctor_begin();
	smk_doctor_examine(doctor);
	foreach (cell, doctor->findings)
	{
		const SmkFinding *finding = lfirst(cell);
		Datum values[5] = {0};
		bool nulls[5] = {false};

		values[0] = CStringGetTextDatum(smk_doctor_severity(finding->severity));
		nulls[1] = finding->entity == NULL;
		if (!nulls[1])
			values[1] = CStringGetTextDatum(finding->entity->name);
		values[2] = CStringGetTextDatum(finding->problem);
		nulls[3] = finding->count < 0;
		values[3] = Int64GetDatum(finding->count);
		nulls[4] = finding->hint == NULL;
		if (!nulls[4])
			values[4] = CStringGetTextDatum(finding->hint);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	smk_doctor_close(level);
	return (Datum) 0;
}
