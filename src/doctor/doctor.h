/*
 * doctor.h: what is missing or odd in what is bound: an examination, to which checks report what they find.
 */
#ifndef SMK_DOCTOR_H
#define SMK_DOCTOR_H

#include "lib/stringinfo.h"
#include "utils/palloc.h"

#include "kpi/request.h"

typedef enum SmkSeverity
{
	SMK_FINDING_ERROR,	 /* a figure cannot be computed, or is wrong */
	SMK_FINDING_WARNING, /* figures are likely to mislead */
	SMK_FINDING_INFO
} SmkSeverity;

/* A row of doctor(). */
typedef struct SmkFinding
{
	SmkSeverity severity;
	const SmkEntity *entity; /* NULL: of none */
	char *problem;
	int64 count; /* of rows; -1: nothing was counted */
	char *hint;	 /* a statement to run; or NULL */
	int number;	 /* in the order in which they were found */
} SmkFinding;

typedef struct SmkDoctor
{
	SmkConfig *config;		/* its bindings are those that can be read, opened; of the others there is none */
	SmkRequest *request;	/* of no range: for what the compiler's parts ask of one */
	MemoryContext memory;	/* of what is found: it outlives a check that fails */
	List *findings;			/* of SmkFinding */
	const char *reading;	/* the relation that the check reads; or NULL */
	bool zone_is_unknown;	/* of the setting: UTC stands in */
	List *stages;			/* labels of stages that rows have, as smk_doctor_rows found them; char * */
	bool stages_are_unsure; /* not all that have stages could be read, or a preset knows of more */
	int64 leads;			/* how many there are, as smk_doctor_rows counted them */
} SmkDoctor;

/* A condition that is counted over the rows of an entity. */
typedef struct SmkCounted
{
	SmkSeverity severity;
	char *counted; /* over all rows: what is dear is only asked of few */
	const char *problem;
	char *hint;
} SmkCounted;

/* A check, or a part of one; the state is its own. */
typedef void (*SmkCheck)(SmkDoctor *doctor, void *state);

extern void smk_doctor_report(SmkDoctor *doctor, SmkSeverity severity, const char *entity,
							  const char *problem, int64 count, const char *hint);
extern ErrorData *smk_doctor_try(SmkDoctor *doctor, SmkCheck check, void *state);
extern void smk_doctor_guard(SmkDoctor *doctor, const char *entity, SmkCheck check, void *state);
extern int smk_doctor_open(bool for_checks);
extern void smk_doctor_close(int level);
extern SmkDoctor *smk_doctor_begin(void);
extern void smk_doctor_examine(SmkDoctor *doctor);
extern SmkBinding *smk_doctor_binding(const SmkDoctor *doctor, const char *entity);
extern SmkBinding *smk_doctor_entered(SmkDoctor *doctor, const char *entity);
extern const char *smk_doctor_severity(SmkSeverity severity);
extern uint64 smk_doctor_query(const char *sql);
extern char *smk_doctor_text(uint64 row, int column);
extern int64 smk_doctor_number(uint64 row, int column);

/* doctor_sql.c: the SQL of checks. */
extern int smk_doctor_bound(const SmkBinding *binding, const char *name);
extern char *smk_doctor_column(const SmkBinding *binding, int column);
extern char *smk_doctor_named(const SmkBinding *binding, const char *name);
extern char *smk_doctor_relation(const SmkBinding *binding);
extern SmkBinding *smk_doctor_computed_once(const SmkBinding *binding);
extern char *smk_doctor_where(const SmkBinding *binding, const char *condition);
extern char *smk_doctor_day(const SmkDoctor *doctor, const char *at, bool is_date);
extern char *smk_doctor_earlier(const SmkDoctor *doctor, const char *first, bool first_is_date,
								const char *second, bool second_is_date);
extern bool smk_doctor_is_float(const SmkBinding *binding, int column);
extern bool smk_doctor_is_date(const SmkBinding *binding, int column);
extern char *smk_doctor_line(const char *sql);
extern void smk_doctor_json(StringInfo json, const char *key, const char *value);

/* doctor_binding.c: bindings that cannot be read, and how an entity would be bound again. */
extern void smk_doctor_bindings(SmkDoctor *doctor);
extern char *smk_doctor_bind_call(const SmkBinding *binding, const char *column, const char *expression);

/* A statement, and its rows as texts once it was run. */
typedef struct SmkDoctorStatement
{
	char *sql;
	int columns;
	double cost;  /* what the planner expects, where it was asked */
	bool was_run; /* all of its rows are there */
	List *pieces; /* of StringInfo, each of whole rows; what was read of the first ones is gone */
} SmkDoctorStatement;

/* doctor_workers.c: dear statements beside each other. */
extern void smk_doctor_run(SmkDoctorStatement *statement);
extern void smk_doctor_run_beside(SmkDoctor *doctor, List *statements);
extern bool smk_doctor_next_row(SmkDoctorStatement *statement, char **cells);

/* doctor_rows.c: rows of one entity that are odd in themselves. */
extern void smk_doctor_rows(SmkDoctor *doctor);

/* A column that names a record of another entity. */
typedef struct SmkDoctorLink SmkDoctorLink;

/* doctor_links.c: keys that occur twice, and keys of another entity that are not there. */
extern List *smk_doctor_pass_links(const SmkDoctor *doctor, const char *entity);
extern List *smk_doctor_link_checks(SmkDoctor *doctor, const SmkBinding *rows, const SmkDoctorLink *link,
									char **join);
extern void smk_doctor_links(SmkDoctor *doctor);

/* doctor_values.c: names that mean nothing to the KPIs: stages, kinds, currencies, metrics, channels. */
extern char *smk_doctor_unmapped(SmkDoctor *doctor, const SmkBinding *binding, const char *column);
extern List *smk_doctor_add_label(SmkDoctor *doctor, List *unmapped, const SmkBinding *binding, char *label,
								  int64 count);
extern void smk_doctor_labels(SmkDoctor *doctor, const SmkBinding *binding, const char *column,
							  List *unmapped);
extern void smk_doctor_add_stage(SmkDoctor *doctor, const char *label);
extern void smk_doctor_stages_gone(SmkDoctor *doctor);
extern void smk_doctor_values(SmkDoctor *doctor);
extern void smk_doctor_money(SmkDoctor *doctor);
extern char *smk_doctor_stages_call(SmkDoctor *doctor, char **untold, int *more);
extern char *smk_doctor_kinds_call(SmkDoctor *doctor);

/* doctor_storage.c: what PostgreSQL lacks to answer fast. */
extern void smk_doctor_storage(SmkDoctor *doctor);

#endif
