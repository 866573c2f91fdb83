/*
 * doctor_rows.c: rows of one entity that are odd in themselves. Each check is a condition, as data; all
 * conditions of an entity are counted in one pass over its rows.
 *
 * In a condition [name] stands for a column, [@name] for its instant, [~name] for a number as it is stored,
 * [a<b] for a being earlier than b by more than a second (by local days where one of them is a date), [a>now]
 * for a lying ahead, [a<<now] for a lying more than 90 days back, and [of_marketing] for spend that is
 * marketing's. A condition that names a column which is not bound is left out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rls.h"

#include "doctor/doctor.h"
#include "kpi/dimension.h"
#include "kpi/source.h"
#include "kpi/template.h"

/* Clocks that disagree are no fault. */
#define CLOCKS "interval '5 minutes'"
#define LONG_PAST "interval '90 days'"

/* The most checks of smk_doctor_link_checks. */
#define MAX_LINK_CHECKS 3

typedef struct RowCheck
{
	const char *entity;
	SmkSeverity severity;
	const char *condition;
	const char *problem;
	const char *column; /* what mends it: another expression for this column; NULL: the rows are listed */
	const char *mended;
} RowCheck;

static const RowCheck row_checks[] = {
	{"lead", SMK_FINDING_WARNING, "[channel] IS NULL OR [channel] = ''", "leads without a channel", NULL,
	 NULL},
	{"lead", SMK_FINDING_WARNING, "[owner] IS NULL", "leads without an owner", NULL, NULL},
	{"lead", SMK_FINDING_WARNING, "[step_before_step]",
	 "a step is dated before the one before it: it takes 0 hours", NULL, NULL},
	{"lead", SMK_FINDING_WARNING, "[disqualified_at<created_at]", "disqualified before they were created",
	 NULL, NULL},
	{"lead", SMK_FINDING_WARNING, "[assigned_at<created_at]", "assigned before they were created", NULL,
	 NULL},
	{"opportunity", SMK_FINDING_WARNING, "[channel] IS NULL OR [channel] = ''",
	 "opportunities without a channel", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[owner] IS NULL", "opportunities without an owner", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[closed_at<created_at]", "closed before they were created", NULL,
	 NULL},
	{"opportunity", SMK_FINDING_WARNING, "[won] AND [closed_at] IS NULL",
	 "won without closed_at: they count as won in no period", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "NOT [won] AND [closed_at] IS NULL",
	 "lost without closed_at: they count as lost in no period", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[won] IS NULL AND [closed_at] IS NOT NULL",
	 "open (won is NULL) although they have closed_at", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[won] AND [amount] IS NULL",
	 "won without an amount: they bring no revenue", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[won] IS NULL AND [expected_close_at<<now]",
	 "open, and expected to close more than 90 days ago", NULL, NULL},
	{"opportunity", SMK_FINDING_WARNING, "[~amount] < 0", "a negative amount", NULL, NULL},
	{"opportunity", SMK_FINDING_ERROR, "[~probability] > 1 AND [~probability] <= 100",
	 "probability is above 1: it goes from 0 to 1, not to 100", "probability", "(%s) / 100.0"},
	{"opportunity", SMK_FINDING_ERROR, "[~probability] < 0 OR [~probability] > 100",
	 "probability is not between 0 and 1", NULL, NULL},
	{"spend", SMK_FINDING_WARNING, "[of_marketing] AND ([channel] IS NULL OR [channel] = '')",
	 "marketing spend without a channel", NULL, NULL},
	{"spend", SMK_FINDING_INFO, "[of_marketing] AND ([campaign] IS NULL OR [campaign] = '')",
	 "marketing spend without a campaign", NULL, NULL},
	{"spend", SMK_FINDING_WARNING, "[~amount] < 0", "a negative amount", NULL, NULL},
	{"spend", SMK_FINDING_ERROR, "[@ends_at] < [@at]", "ends_at is before at: spend over no time", NULL,
	 NULL},
	{"subscription", SMK_FINDING_WARNING, "[@ends_at] < [@starts_at]",
	 "ends_at is before starts_at: they never ran", NULL, NULL},
	{"subscription", SMK_FINDING_WARNING, "[~amount] < 0", "a negative amount", NULL, NULL},
	{"exchange_rate", SMK_FINDING_ERROR, "[rate] <= 0", "a rate that is not positive", NULL, NULL},
	{"stage_change", SMK_FINDING_WARNING, "[lead_id] IS NULL AND [opportunity_id] IS NULL",
	 "neither lead_id nor opportunity_id: it changes nothing", NULL, NULL},
	{"touch", SMK_FINDING_WARNING, "[lead_id] IS NULL AND [account_id] IS NULL",
	 "neither lead_id nor account_id: it is a touch of nobody", NULL, NULL},
	{"touch", SMK_FINDING_WARNING, "[channel] IS NULL OR [channel] = ''", "touches without a channel", NULL,
	 NULL},
	{"activity", SMK_FINDING_WARNING, "[owner] IS NULL AND [is_automatic] IS NOT TRUE",
	 "activities of nobody that count as an answer: what a lead does itself is bound as is_automatic", NULL,
	 NULL},
	{"stage_change", SMK_FINDING_WARNING, "[stage] IS NULL", "stage changes without a stage", NULL, NULL}};

/* The times that cannot lie ahead: what has happened is recorded, what is to come is planned. */
static const char *const past_columns[][2] = {{"lead", "created_at"},		{"lead", "mql_at"},
											  {"lead", "sal_at"},			{"lead", "sql_at"},
											  {"lead", "assigned_at"},		{"lead", "disqualified_at"},
											  {"stage_change", "at"},		{"opportunity", "created_at"},
											  {"opportunity", "closed_at"}, {"touch", "at"},
											  {"activity", "at"},			{"revenue", "at"},
											  {"account", "customer_since"}};

/* What the replacement of names in a condition works on. */
typedef struct Condition
{
	SmkDoctor *doctor;
	const SmkBinding *binding;
	bool is_counted; /* it runs over all rows: what is dear is only asked of few */
} Condition;

/* One time earlier than another one of the row; NULL where one of them is not bound. */
static char *
is_earlier(const Condition *condition, const char *first, const char *second)
{
	const SmkBinding *binding = condition->binding;
	int a = smk_doctor_bound(binding, first);
	int b = smk_doctor_bound(binding, second);
	char *earlier;

	if (a < 0 || b < 0)
		return NULL;
	earlier =
		smk_doctor_earlier(condition->doctor, smk_doctor_column(binding, a), smk_doctor_is_date(binding, a),
						   smk_doctor_column(binding, b), smk_doctor_is_date(binding, b));
	if (!condition->is_counted || smk_doctor_is_date(binding, a) || smk_doctor_is_date(binding, b))
		return earlier;
	return psprintf("(%s < %s AND %s)", smk_doctor_column(binding, a), smk_doctor_column(binding, b),
					earlier);
}

/* A step of a lead dated before its creation, or before an earlier step. */
static char *
is_step_before_step(const Condition *condition)
{
	static const char *const steps[] = {"created_at", "mql_at", "sal_at", "sql_at"};
	StringInfoData sql;

	initStringInfo(&sql);
	for (size_t later = 1; later < lengthof(steps); later++)
		for (size_t earlier = 0; earlier < later; earlier++)
		{
			char *inverted = is_earlier(condition, steps[later], steps[earlier]);

			if (inverted)
				appendStringInfo(&sql, "%s%s", sql.len ? " OR " : "", inverted);
		}
	return sql.len ? psprintf("(%s)", sql.data) : NULL;
}

/* Spend whose kind is not what sales spends. */
static char *
is_of_marketing(const Condition *condition)
{
	int kind = smk_doctor_bound(condition->binding, "kind");
	char *labels =
		smk_dimension_labels(smk_request_by(condition->doctor->config, "kind"), list_make1("sales"));

	if (kind < 0 || labels == NULL)
		return pstrdup("true");
	return psprintf("coalesce(%s NOT IN (%s), true)", smk_doctor_column(condition->binding, kind), labels);
}

static char *
replace_name(void *state, const char *name)
{
	const Condition *condition = state;
	const SmkBinding *binding = condition->binding;
	const char *less = strchr(name, '<');
	const char *greater = strchr(name, '>');
	int column;

	if (strcmp(name, "step_before_step") == 0)
		return is_step_before_step(condition);
	if (strcmp(name, "of_marketing") == 0)
		return is_of_marketing(condition);
	if (less && less[1] != '<')
		return is_earlier(condition, pnstrdup(name, less - name), less + 1);
	if (less || greater)
	{
		char *today = smk_doctor_day(condition->doctor, "now()", false);
		const char *bound;
		char *at;
		bool is_date;

		column = smk_doctor_bound(binding, pnstrdup(name, (less ? less : greater) - name));
		if (column < 0)
			return NULL;
		at = smk_doctor_column(binding, column);
		is_date = smk_doctor_is_date(binding, column);
		bound = less ? (is_date ? psprintf("%s - 90", today) : "now() - " LONG_PAST)
					 : (is_date ? today : "now() + " CLOCKS);
		if (condition->is_counted)
			bound = psprintf("(SELECT %s)", bound);
		return less ? psprintf("%s < %s", at, bound) : psprintf("%s > %s AND isfinite(%s)", at, bound, at);
	}
	column = smk_doctor_bound(binding, name[0] == '@' || name[0] == '~' ? name + 1 : name);
	if (column < 0)
		return NULL;
	if (name[0] == '~' && smk_doctor_is_float(binding, column))
		return psprintf("(%s)", binding->columns[column].text);
	return name[0] == '@' ? smk_source_instant(binding, column, smk_doctor_column(binding, column),
											   condition->doctor->config->time_zone)
						  : smk_doctor_column(binding, column);
}

/* The statement that lists rows of an entity on which a condition holds. */
static char *
listing(const SmkBinding *binding, const char *condition)
{
	return smk_doctor_line(psprintf("SELECT * FROM %s WHERE %s LIMIT 20", smk_doctor_relation(binding),
									smk_doctor_where(binding, condition)));
}

/* The statement that mends what a check found, or lists it by its condition. */
static char *
hint_of(const SmkBinding *binding, const RowCheck *check, const char *condition)
{
	if (check == NULL || check->column == NULL)
		return listing(binding, condition);
	return smk_doctor_bind_call(
		binding, check->column,
		smk_doctor_line(psprintf(check->mended,
								 binding->columns[smk_entity_column(binding->entity, check->column)].text)));
}

/* What rows are grouped by besides: their labels that mean nothing. */
static const char *const labelled[] = {"stage", "kind"};

/* One pass over the rows of an entity. */
typedef struct Pass
{
	SmkBinding *binding;
	SmkBinding *rows; /* the same, each column computed once */
	List *checks;	  /* of SmkCounted */
	List *links;	  /* by which records are looked up besides */
	SmkDoctorStatement statement;
	List *counted;					  /* all checks that it counts */
	int position[lengthof(labelled)]; /* of the column with the labels, from 1 on; 0: there are none */
} Pass;

/* Adds a check of the pass, where what its condition names is bound; its row where it is one of row_checks.
 */
static void
add_check(SmkDoctor *doctor, Pass *pass, SmkSeverity severity, const char *template, const char *problem,
		  const RowCheck *source)
{
	SmkCounted *check = palloc0(sizeof(SmkCounted));
	Condition condition = {doctor, pass->binding, false};
	char *listed = smk_template_replace(template, replace_name, &condition);

	if (listed == NULL)
		return;
	check->severity = severity;
	check->problem = problem;
	check->hint = hint_of(pass->binding, source, listed);
	condition.is_counted = true;
	condition.binding = pass->rows;
	check->counted = smk_template_replace(template, replace_name, &condition);
	pass->checks = lappend(pass->checks, check);
}

/* What may be wrong with any column of its type. */
static void
add_column_checks(SmkDoctor *doctor, Pass *pass, int position)
{
	const SmkEntityColumn *column = &pass->binding->entity->columns[position];
	const char *name = column->name;

	switch (column->type)
	{
		case SMK_TYPE_KEY:
			if (column->is_required)
				add_check(doctor, pass, SMK_FINDING_WARNING, psprintf("[%s] IS NULL", name),
						  psprintf("%s is NULL: nothing can be found by it", name), NULL);
			break;
		case SMK_TYPE_TIME:
			if (column->is_required)
				add_check(doctor, pass, SMK_FINDING_WARNING, psprintf("[%s] IS NULL", name),
						  psprintf("%s is NULL: counted in no period", name), NULL);
			/* What runs without an end may say so. */
			if (strcmp(pass->binding->entity->name, "subscription") != 0 || column->is_required)
				add_check(doctor, pass,
						  strcmp(name, "ends_at") == 0 ? SMK_FINDING_ERROR : SMK_FINDING_WARNING,
						  psprintf("NOT isfinite([%s])", name), psprintf("%s is infinite", name), NULL);
			break;
		case SMK_TYPE_NUMBER:
			if (column->is_required)
				add_check(doctor, pass, SMK_FINDING_WARNING, psprintf("[%s] IS NULL", name),
						  psprintf("%s is NULL", name), NULL);
			add_check(doctor, pass, SMK_FINDING_ERROR,
					  psprintf("[~%s] IN ('NaN', 'Infinity', '-Infinity')", name),
					  psprintf("%s is NaN or infinite: figures that need it are an error", name), NULL);
			break;
		case SMK_TYPE_TEXT:
		case SMK_TYPE_STAGE:
		case SMK_TYPE_BOOLEAN:
			break;
	}
}

/* Reports what was counted, in the columns of the rows from one on: their sums. */
static void
report_counted(SmkDoctor *doctor, const char *entity, List *checks, const int64 *counts)
{
	ListCell *cell;

	foreach (cell, checks)
	{
		SmkCounted *check = lfirst(cell);
		int64 count = *counts++;

		if (count > 0)
			smk_doctor_report(doctor, check->severity, entity, check->problem, count, check->hint);
	}
}

/* Adds a column that counts for each check. */
static void
count_checks(StringInfo columns, List *checks)
{
	ListCell *cell;

	foreach (cell, checks)
		appendStringInfo(columns, ",\n    count(*) FILTER (WHERE %s)",
						 ((SmkCounted *) lfirst(cell))->counted);
}

/* Counts what a link tells, and nothing else. */
static void
run_link(SmkDoctor *doctor, void *state)
{
	Pass *pass = state;
	StringInfoData sql;
	char *join;
	List *checks = smk_doctor_link_checks(doctor, pass->rows, linitial(pass->links), &join);
	int64 counts[MAX_LINK_CHECKS];

	if (join == NULL)
		return;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT count(*)");
	count_checks(&sql, checks);
	smk_doctor_query(psprintf("%s\nFROM %s\n%s", sql.data, smk_doctor_relation(pass->rows), join));
	Assert(list_length(checks) <= MAX_LINK_CHECKS);
	for (int i = 0; i < list_length(checks); i++)
		counts[i] = smk_doctor_number(0, 2 + i);
	report_counted(doctor, pass->binding->entity->name, checks, counts);
}

/* Lays the statement that counts all checks of an entity in one pass. Rows are grouped by their labels that
 * mean nothing, so that these need no pass of their own. */
static void
lay_pass(SmkDoctor *doctor, void *state)
{
	Pass *pass = state;
	StringInfoData sql;
	StringInfoData joins;
	StringInfoData groups;
	ListCell *cell;
	int grouped = 0;

	pass->counted = list_copy(pass->checks);
	initStringInfo(&sql);
	initStringInfo(&joins);
	initStringInfo(&groups);
	for (size_t i = 0; i < lengthof(labelled); i++)
	{
		char *condition = smk_doctor_unmapped(doctor, pass->rows, labelled[i]);

		pass->position[i] = condition ? grouped + 1 : 0;
		if (condition == NULL)
			continue;
		appendStringInfo(&sql, "%s%s,\n    %s", grouped > 0 ? ",\n    " : "",
						 smk_doctor_named(pass->rows, labelled[i]), condition);
		appendStringInfo(&groups, "%s%d, %d", grouped > 0 ? ", " : "\nGROUP BY ", grouped + 1, grouped + 2);
		grouped += 2;
	}
	appendStringInfo(&sql, "%scount(*)", grouped > 0 ? ",\n    " : "");
	foreach (cell, pass->links)
	{
		char *join;

		pass->counted =
			list_concat(pass->counted, smk_doctor_link_checks(doctor, pass->rows, lfirst(cell), &join));
		if (join)
			appendStringInfo(&joins, "\n%s", join);
	}
	count_checks(&sql, pass->counted);
	pass->statement.columns = grouped + 1 + list_length(pass->counted);
	pass->statement.sql = psprintf("SELECT %s\nFROM %s%s%s", sql.data, smk_doctor_relation(pass->rows),
								   joins.data, groups.data);
}

/* Reports what a pass has found, which was laid and run. */
static void
report_pass(SmkDoctor *doctor, void *state)
{
	Pass *pass = state;
	SmkBinding *binding = pass->binding;
	const char *name = binding->entity->name;
	List *unmapped[lengthof(labelled)] = {NIL};
	int checks = list_length(pass->counted);
	int grouped = pass->statement.columns - 1 - checks;
	int64 *counts = palloc0((checks + 1) * sizeof(int64));
	char **cells = palloc(pass->statement.columns * sizeof(char *));
	int64 total = 0;

	if (check_enable_rls(binding->relid, InvalidOid, true) == RLS_ENABLED)
		smk_doctor_report(doctor, SMK_FINDING_INFO, name,
						  "row-level security: all counts are of the rows that you may see", -1, NULL);
	while (smk_doctor_next_row(&pass->statement, cells))
	{
		int64 count = pg_strtoint64(cells[grouped]);

		CHECK_FOR_INTERRUPTS();
		total += count;
		for (int i = 0; i < checks; i++)
			counts[i] += pg_strtoint64(cells[grouped + 1 + i]);
		for (size_t i = 0; i < lengthof(labelled); i++)
		{
			char *label = pass->position[i] > 0 ? cells[pass->position[i] - 1] : NULL;
			char *means_nothing = label ? cells[pass->position[i]] : NULL;

			if (label && means_nothing && strcmp(means_nothing, "t") == 0)
				unmapped[i] = smk_doctor_add_label(doctor, unmapped[i], binding, label, count);
			else if (label && strcmp(labelled[i], "stage") == 0)
				smk_doctor_add_stage(doctor, label);
		}
	}
	if (strcmp(name, "lead") == 0)
		doctor->leads = total;
	if (total == 0 && !binding->is_own)
		smk_doctor_report(
			doctor, SMK_FINDING_INFO, name,
			psprintf("%s has no rows%s", binding->relation, binding->filter ? " that pass the filter" : ""),
			0, psprintf("SELECT * FROM smarketing.bindings WHERE entity = '%s'", name));
	report_counted(doctor, name, pass->counted, counts);
	for (size_t i = 0; i < lengthof(labelled); i++)
		smk_doctor_labels(doctor, binding, labelled[i], unmapped[i]);
}

/* Counts all checks of an entity in one pass, and reports what there is. */
static void
run_pass(SmkDoctor *doctor, void *state)
{
	Pass *pass = state;

	if (pass->statement.sql == NULL)
		lay_pass(doctor, pass);
	smk_doctor_run(&pass->statement);
	report_pass(doctor, pass);
}

/* The pass over one binding: what is bound, or what was entered. palloc'd. */
static Pass *
pass_over(SmkDoctor *doctor, SmkBinding *binding)
{
	Pass *pass = palloc0(sizeof(Pass));
	const char *name = binding->entity->name;

	pass->binding = binding;
	pass->rows = smk_doctor_computed_once(binding);
	for (int i = 0; binding->entity->columns[i].name != NULL; i++)
		if (binding->columns[i].text != NULL)
			add_column_checks(doctor, pass, i);
	for (size_t i = 0; i < lengthof(past_columns); i++)
		if (strcmp(past_columns[i][0], name) == 0)
			add_check(doctor, pass, SMK_FINDING_WARNING, psprintf("[%s>now]", past_columns[i][1]),
					  psprintf("%s lies in the future", past_columns[i][1]), NULL);
	for (size_t i = 0; i < lengthof(row_checks); i++)
		if (strcmp(row_checks[i].entity, name) == 0)
			add_check(doctor, pass, row_checks[i].severity, row_checks[i].condition, row_checks[i].problem,
					  &row_checks[i]);
	pass->links = binding->is_own ? NIL : smk_doctor_pass_links(doctor, name);
	return pass;
}

/* Runs a pass where it was not run beside others, and reports what it finds. */
static void
examine(SmkDoctor *doctor, Pass *pass)
{
	const char *name = pass->binding->entity->name;
	List *links = pass->links;
	int errors;
	ListCell *cell;

	if (pass->statement.was_run)
	{
		smk_doctor_guard(doctor, name, report_pass, pass);
		return;
	}
	/* What a link fails on must not hide what the rows themselves tell. */
	if (links != NIL)
	{
		int found = list_length(doctor->findings);

		if (smk_doctor_try(doctor, run_pass, pass) == NULL)
			return;
		doctor->findings = list_truncate(doctor->findings, found);
	}
	foreach (cell, links)
	{
		pass->links = list_make1(lfirst(cell));
		smk_doctor_guard(doctor, name, run_link, pass);
	}
	pass->links = NIL;
	pass->statement.sql = NULL;
	errors = list_length(doctor->findings);
	smk_doctor_guard(doctor, name, run_pass, pass);
	foreach (cell, doctor->findings)
		if (foreach_current_index(cell) >= errors && ((SmkFinding *) lfirst(cell))->count < 0)
			doctor->stages_are_unsure = true;
}

/* What was entered by hand: only spend has anything that a constraint does not refuse. */
static void
examine_entered(SmkDoctor *doctor, void *state)
{
	SmkBinding *entered = smk_doctor_entered(doctor, state);

	if (entered)
		examine(doctor, pass_over(doctor, entered));
}

/* Every entity that can be read. */
void
smk_doctor_rows(SmkDoctor *doctor)
{
	List *passes = NIL;
	List *statements = NIL;
	ListCell *cell;

	for (int i = 0; i < smk_entity_count; i++)
	{
		Pass *pass;

		if (doctor->config->bindings[i] == NULL)
			continue;
		pass = pass_over(doctor, doctor->config->bindings[i]);
		passes = lappend(passes, pass);
		if (smk_doctor_try(doctor, lay_pass, pass) == NULL)
			statements = lappend(statements, &pass->statement);
	}
	smk_doctor_run_beside(doctor, statements);
	foreach (cell, passes)
		examine(doctor, lfirst(cell));
	smk_doctor_stages_gone(doctor);
	smk_doctor_guard(doctor, "spend", examine_entered, "spend");
}
