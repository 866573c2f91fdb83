/*
 * doctor_links.c: keys that occur twice, and keys of another entity that are not there. Keys are compared as
 * the KPIs compare them; what an index proves is not read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "doctor/doctor.h"
#include "kpi/source.h"

/* The most namesakes that are rows of their own. */
#define MAX_NAMED 20

struct SmkDoctorLink
{
	const char *entity;
	const char *column;
	const char *target;
	SmkSeverity severity;
	const char *problem;
};

static const SmkDoctorLink key_links[] = {
	{"stage_change", "lead_id", "lead", SMK_FINDING_WARNING, "stage changes of leads that are not there"},
	{"stage_change", "opportunity_id", "opportunity", SMK_FINDING_WARNING,
	 "stage changes of opportunities that are not there"},
	{"opportunity", "lead_id", "lead", SMK_FINDING_WARNING, "opportunities of leads that are not there"},
	{"touch", "lead_id", "lead", SMK_FINDING_WARNING, "touches of leads that are not there"},
	{"activity", "lead_id", "lead", SMK_FINDING_WARNING, "activities of leads that are not there"},
	{"lead", "owner", "owner", SMK_FINDING_WARNING, "leads whose owner is not among the owners"},
	{"opportunity", "owner", "owner", SMK_FINDING_WARNING,
	 "opportunities whose owner is not among the owners"},
	{"opportunity", "account_id", "account", SMK_FINDING_INFO,
	 "opportunities of accounts that are not there"},
	{"revenue", "account_id", "account", SMK_FINDING_INFO, "revenue of accounts that are not there"},
	{"subscription", "account_id", "account", SMK_FINDING_INFO,
	 "subscriptions of accounts that are not there"}};

/* What a check of this file works on; not every check needs all of it. */
typedef struct Pair
{
	const SmkDoctorLink *link;
	SmkBinding *binding;
	SmkBinding *target;
} Pair;

/* The condition that joins a row to the record that its column names. */
static char *
joined(const SmkBinding *binding, const char *column, const SmkBinding *target)
{
	int key = smk_doctor_bound(target, target->entity->key);
	int link = smk_doctor_bound(binding, column);

	return smk_source_keys_equal(smk_doctor_column(target, key), smk_source_key_type(target, key),
								 smk_doctor_column(binding, link), smk_source_key_type(binding, link));
}

/* Rows that repeat the key of another one. */
static void
check_repeated(SmkDoctor *doctor, void *state)
{
	SmkBinding *binding = state;
	const SmkEntity *entity = binding->entity;
	char *key = smk_doctor_named(binding, entity->key);
	bool doubles = strcmp(entity->name, "lead") == 0 || strcmp(entity->name, "opportunity") == 0;
	char *repeated = psprintf("FROM %s WHERE %s GROUP BY 1 HAVING count(*) > 1", smk_doctor_relation(binding),
							  smk_doctor_where(binding, psprintf("%s IS NOT NULL", key)));
	int64 count;

	smk_doctor_query(psprintf("SELECT coalesce(sum(repeated.rows - 1), 0)::bigint\n"
							  "FROM (SELECT %s, count(*) AS rows %s) AS repeated",
							  key, repeated));
	count = smk_doctor_number(0, 1);
	if (count > 0)
		smk_doctor_report(
			doctor, doubles ? SMK_FINDING_ERROR : SMK_FINDING_WARNING, entity->name,
			doubles ? "rows repeat the key of another one: each of them is counted"
					: "rows repeat the key of another one: of each column the least value counts",
			count,
			smk_doctor_line(psprintf("SELECT %s, count(*) %s ORDER BY 2 DESC, 1 LIMIT 20", key, repeated)));
}

/* Rows whose column names a record that is not there. */
static void
check_link(SmkDoctor *doctor, void *state)
{
	Pair *pair = state;
	const SmkDoctorLink *link = pair->link;
	char *column = smk_doctor_named(pair->binding, link->column);
	char *condition = psprintf(
		"%s IS NOT NULL AND NOT EXISTS (SELECT FROM %s WHERE %s)", column, smk_doctor_relation(pair->target),
		smk_doctor_where(pair->target, joined(pair->binding, link->column, pair->target)));
	char *from = psprintf("FROM %s WHERE %s", smk_doctor_relation(pair->binding),
						  smk_doctor_where(pair->binding, condition));
	int64 count;

	smk_doctor_query(psprintf("SELECT count(*) %s", from));
	count = smk_doctor_number(0, 1);
	if (count > 0)
		smk_doctor_report(
			doctor, link->severity, link->entity, link->problem, count,
			smk_doctor_line(
				psprintf("SELECT %s, count(*) %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20", column, from)));
}

/* True where a link of stage changes can be looked up in the pass over them: each finds one record at most.
 */
static bool
is_stage_link(const SmkDoctor *doctor, const SmkDoctorLink *link)
{
	SmkBinding *target = smk_doctor_binding(doctor, link->target);

	return strcmp(link->entity, "stage_change") == 0 && target != NULL && target->key_is_unique &&
		   smk_doctor_bound(smk_doctor_binding(doctor, link->entity), link->column) >= 0;
}

/* The links of stage changes that the pass over their rows counts: what smk_doctor_stage_link_checks takes.
 */
List *
smk_doctor_stage_links(const SmkDoctor *doctor)
{
	List *links = NIL;

	for (size_t i = 0; i < lengthof(key_links); i++)
		if (is_stage_link(doctor, &key_links[i]))
			links = lappend(links, (void *) &key_links[i]);
	return links;
}

/*
 * The checks of stage changes by a link, of SmkCounted, and the join that they need: those of records that
 * are not there, and those dated before their record was created.
 */
List *
smk_doctor_stage_link_checks(SmkDoctor *doctor, const SmkDoctorLink *link, char **join)
{
	SmkBinding *binding = smk_doctor_binding(doctor, link->entity);
	SmkBinding *target = smk_doctor_binding(doctor, link->target);
	int at = smk_doctor_bound(binding, "at");
	int created = smk_doctor_bound(target, "created_at");
	char *column = smk_doctor_named(binding, link->column);
	char *key = smk_doctor_named(target, target->entity->key);
	char *early = smk_doctor_earlier(doctor, smk_doctor_column(binding, at), smk_doctor_is_date(binding, at),
									 smk_doctor_column(target, created), smk_doctor_is_date(target, created));
	SmkCounted *unknown = palloc0(sizeof(SmkCounted));
	SmkCounted *before = palloc0(sizeof(SmkCounted));
	char *from;

	*join = psprintf("LEFT JOIN %s ON %s", smk_doctor_relation(target),
					 smk_doctor_where(target, joined(binding, link->column, target)));
	from = psprintf("FROM %s %s WHERE %s", smk_doctor_relation(binding), *join,
					smk_doctor_where(binding, psprintf("%s IS NOT NULL", column)));
	unknown->severity = link->severity;
	unknown->problem = link->problem;
	unknown->counted = psprintf("%s IS NOT NULL AND %s IS NULL", column, key);
	unknown->hint = smk_doctor_line(psprintf(
		"SELECT %s, count(*) %s AND %s IS NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20", column, from, key));
	before->severity = SMK_FINDING_WARNING;
	before->problem = psprintf("stage changes dated before their %s was created", target->entity->name);
	before->counted = smk_doctor_is_date(binding, at) || smk_doctor_is_date(target, created)
						  ? early
						  : psprintf("%s < %s AND %s", smk_doctor_column(binding, at),
									 smk_doctor_column(target, created), early);
	before->hint = smk_doctor_line(psprintf("SELECT stage_change.* %s AND %s LIMIT 20", from, early));
	return list_make2(unknown, before);
}

/* Stage changes dated before their record was created, where its key may be there twice: a change must not be
 * counted twice for that. */
static void
check_early_changes(SmkDoctor *doctor, void *state)
{
	Pair *pair = state;
	SmkBinding *binding = pair->binding;
	SmkBinding *target = pair->target;
	int at = smk_doctor_bound(binding, "at");
	int created = smk_doctor_bound(target, "created_at");
	char *early = smk_doctor_earlier(doctor, smk_doctor_column(binding, at), smk_doctor_is_date(binding, at),
									 smk_doctor_column(target, created), smk_doctor_is_date(target, created));
	char *condition = psprintf(
		"EXISTS (SELECT FROM %s WHERE %s)", smk_doctor_relation(target),
		smk_doctor_where(target, psprintf("%s AND %s", joined(binding, pair->link->column, target), early)));
	char *from =
		psprintf("FROM %s WHERE %s", smk_doctor_relation(binding), smk_doctor_where(binding, condition));

	smk_doctor_query(psprintf("SELECT count(*) %s", from));
	if (smk_doctor_number(0, 1) > 0)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, "stage_change",
						  psprintf("stage changes dated before their %s was created", target->entity->name),
						  smk_doctor_number(0, 1), smk_doctor_line(psprintf("SELECT * %s LIMIT 20", from)));
}

/* The condition that a lead is still to be worked on, over its canonical columns; every stage that is not
 * mapped reads as such. */
static char *
lead_is_open(const SmkDoctor *doctor, const SmkBinding *binding)
{
	static const FunnelStage exits[] = {SMK_STAGE_DISQUALIFIED, SMK_STAGE_LOST, SMK_STAGE_CHURNED};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "true");
	if (smk_doctor_bound(binding, "disqualified_at") >= 0)
		appendStringInfoString(&sql, " AND lead.disqualified_at IS NULL");
	if (smk_doctor_bound(binding, "stage") >= 0)
	{
		appendStringInfo(&sql, " AND NOT coalesce(%s, false)",
						 smk_source_stage(doctor->config, binding, "lead", SMK_STAGE_OPPORTUNITY, true));
		for (size_t i = 0; i < lengthof(exits); i++)
			appendStringInfo(&sql, " AND NOT coalesce(%s, false)",
							 smk_source_stage(doctor->config, binding, "lead", exits[i], false));
	}
	return sql.data;
}

/* Open leads or opportunities of owners who are gone; the hint tells who they are. */
static void
check_inactive(SmkDoctor *doctor, void *state)
{
	static const char *const columns[] = {"owner", "disqualified_at", "stage", "pipeline", "won"};
	Pair *pair = state;
	SmkBinding *binding = pair->binding;
	const SmkEntity *entity = binding->entity;
	bool is_lead = strcmp(entity->name, "lead") == 0;
	bool needed[SMK_MAX_COLUMNS] = {false};
	bool owner_needed[SMK_MAX_COLUMNS] = {false};
	char *of_owner;

	if (!is_lead && smk_doctor_bound(binding, "won") < 0)
		return;
	for (size_t i = 0; i < lengthof(columns); i++)
		if (smk_doctor_bound(binding, columns[i]) >= 0)
			needed[smk_doctor_bound(binding, columns[i])] = true;
	owner_needed[smk_doctor_bound(pair->target, "owner")] = true;
	owner_needed[smk_doctor_bound(pair->target, "is_active")] = true;
	of_owner = smk_source_keys_equal(
		"owner.owner", smk_source_key_type(pair->target, smk_doctor_bound(pair->target, "owner")),
		psprintf("%s.owner", entity->name), smk_source_key_type(binding, smk_doctor_bound(binding, "owner")));
	smk_doctor_query(psprintf(
		"SELECT count(*) FROM %s AS %s\nWHERE %s\n  AND EXISTS (SELECT FROM %s AS owner WHERE %s AND NOT "
		"owner.is_active)",
		smk_source_select(binding, needed, NIL, entity - smk_entities, NULL), entity->name,
		is_lead ? lead_is_open(doctor, binding) : "opportunity.won IS NULL",
		smk_source_select(pair->target, owner_needed, NIL, pair->target->entity - smk_entities, NULL),
		of_owner));
	if (smk_doctor_number(0, 1) > 0)
		smk_doctor_report(
			doctor, SMK_FINDING_WARNING, entity->name,
			is_lead ? "open leads of owners who are not active"
					: "open opportunities of owners who are not active",
			smk_doctor_number(0, 1),
			smk_doctor_line(
				psprintf("SELECT * FROM %s WHERE %s LIMIT 20", smk_doctor_relation(pair->target),
						 smk_doctor_where(pair->target,
										  psprintf("NOT %s", smk_doctor_named(pair->target, "is_active"))))));
}

/* Owners who are called the same. */
static void
check_namesakes(SmkDoctor *doctor, void *state)
{
	SmkBinding *owner = state;
	char *label = smk_doctor_named(owner, "label");
	char *key = smk_doctor_named(owner, "owner");
	char *from = smk_doctor_relation(owner);
	char *several =
		psprintf("SELECT %s, count(DISTINCT %s) FROM %s WHERE %s GROUP BY 1 HAVING count(DISTINCT %s) > 1 "
				 "ORDER BY 2 DESC, 1",
				 label, key, from, smk_doctor_where(owner, psprintf("%s IS NOT NULL", label)), key);
	uint64 rows = smk_doctor_query(several);

	for (uint64 row = 0; row < rows && row < MAX_NAMED; row++)
	{
		char *name = smk_doctor_text(row, 1);

		smk_doctor_report(
			doctor, SMK_FINDING_WARNING, "owner",
			psprintf("owners who are all called \"%s\": by name they are one", name),
			smk_doctor_number(row, 2),
			smk_doctor_line(
				psprintf("SELECT * FROM %s WHERE %s", from,
						 smk_doctor_where(owner, psprintf("%s = %s", label, quote_literal_cstr(name))))));
	}
	if (rows > MAX_NAMED)
		smk_doctor_report(doctor, SMK_FINDING_WARNING, "owner", "further names that several owners have",
						  rows - MAX_NAMED, smk_doctor_line(several));
}

/* Keys of all entities, and the links between them. */
void
smk_doctor_links(SmkDoctor *doctor)
{
	SmkBinding *owner = smk_doctor_binding(doctor, "owner");

	for (int i = 0; i < smk_entity_count; i++)
	{
		SmkBinding *binding = doctor->config->bindings[i];

		if (binding != NULL && binding->entity->key != NULL && !binding->key_is_unique)
			smk_doctor_guard(doctor, binding->entity->name, check_repeated, binding);
	}
	for (size_t i = 0; i < lengthof(key_links); i++)
	{
		Pair pair = {&key_links[i], smk_doctor_binding(doctor, key_links[i].entity),
					 smk_doctor_binding(doctor, key_links[i].target)};

		if (pair.target == NULL || smk_doctor_bound(pair.binding, pair.link->column) < 0)
			continue;
		if (is_stage_link(doctor, pair.link))
			continue;
		smk_doctor_guard(doctor, pair.link->entity, check_link, &pair);
		if (strcmp(pair.link->entity, "stage_change") == 0)
			smk_doctor_guard(doctor, pair.link->entity, check_early_changes, &pair);
		if (pair.target == owner && smk_doctor_bound(owner, "is_active") >= 0)
			smk_doctor_guard(doctor, pair.link->entity, check_inactive, &pair);
	}
	if (smk_doctor_bound(owner, "label") >= 0)
		smk_doctor_guard(doctor, "owner", check_namesakes, owner);
}
