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

/* An account with so many leads, and one in so many of all that have one, may stand for what has none. */
#define SHARED_LEADS 100
#define SHARED_PART 10
/* About so many leads, at least, tell whether there may be such an account: one with nearly so large a part.
 */
#define SAMPLED_LEADS 100000

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

/* Rows whose column names a record that is not there: what to select of. */
static char *
unknown_from(const SmkBinding *binding, const char *column, const SmkBinding *target)
{
	char *condition =
		psprintf("%s IS NOT NULL AND NOT EXISTS (SELECT FROM %s WHERE %s)", smk_doctor_named(binding, column),
				 smk_doctor_relation(target), smk_doctor_where(target, joined(binding, column, target)));

	return psprintf("FROM %s WHERE %s", smk_doctor_relation(binding), smk_doctor_where(binding, condition));
}

/* The statement that lists which records are not there. */
static char *
unknown_listing(const SmkBinding *binding, const char *column, const char *from)
{
	return smk_doctor_line(psprintf("SELECT %s, count(*) %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
									smk_doctor_named(binding, column), from));
}

/* Rows whose column names a record that is not there, where the pass over the rows cannot tell. */
static void
check_link(SmkDoctor *doctor, void *state)
{
	Pair *pair = state;
	const SmkDoctorLink *link = pair->link;
	char *from = unknown_from(pair->binding, link->column, pair->target);
	int64 count;

	smk_doctor_query(psprintf("SELECT count(*) %s", from));
	count = smk_doctor_number(0, 1);
	if (count > 0)
		smk_doctor_report(doctor, link->severity, link->entity, link->problem, count,
						  unknown_listing(pair->binding, link->column, from));
}

/* True where each row is, by its own key, the record that its column names: of one table both are read. */
static bool
names_itself(const SmkBinding *binding, const char *column, const SmkBinding *target)
{
	const char *link = binding->columns[smk_doctor_bound(binding, column)].raw_column;
	const char *key = target->columns[smk_doctor_bound(target, target->entity->key)].raw_column;

	return target->filter == NULL && binding->relid == target->relid && link != NULL && key != NULL &&
		   strcmp(link, key) == 0 && binding->query != NULL && target->query != NULL;
}

/* True where a link can be looked up in the pass over the rows: each finds one record at most, or the records
 * are few. */
static bool
is_of_pass(const SmkDoctor *doctor, const SmkDoctorLink *link)
{
	SmkBinding *target = smk_doctor_binding(doctor, link->target);

	return target != NULL && smk_doctor_bound(smk_doctor_binding(doctor, link->entity), link->column) >= 0 &&
		   (target->key_is_unique ||
			(strcmp(link->target, "owner") == 0 && strcmp(link->entity, "stage_change") != 0));
}

/* The links of an entity that the pass over its rows counts: what smk_doctor_link_checks takes. */
List *
smk_doctor_pass_links(const SmkDoctor *doctor, const char *entity)
{
	List *links = NIL;

	for (size_t i = 0; i < lengthof(key_links); i++)
		if (strcmp(key_links[i].entity, entity) == 0 && is_of_pass(doctor, &key_links[i]))
			links = lappend(links, (void *) &key_links[i]);
	return links;
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

/* A check of SmkCounted. palloc'd. */
static SmkCounted *
counted(SmkSeverity severity, char *condition, const char *problem, char *hint)
{
	SmkCounted *check = palloc(sizeof(SmkCounted));

	check->severity = severity;
	check->counted = condition;
	check->problem = problem;
	check->hint = hint;
	return check;
}

/*
 * The join of the records that a column of the entity names: of their key, and of when they were created
 * where that is compared. What a preset's query gives is fenced, so that the planner knows how little it is,
 * and hashes it.
 */
static char *
record_join(const SmkBinding *rows, const char *column, const SmkBinding *target, bool with_created)
{
	int key = smk_doctor_bound(target, target->entity->key);
	int link = smk_doctor_bound(rows, column);
	const char *name = quote_identifier(target->entity->name);

	return psprintf("LEFT JOIN (SELECT %s AS key%s\n    FROM %s WHERE %s%s) AS %s\n    ON %s",
					smk_doctor_column(target, key),
					with_created ? psprintf(", %s AS created_at", smk_doctor_named(target, "created_at"))
								 : "",
					smk_doctor_relation(target), smk_doctor_where(target, "true"),
					target->query ? "\n    OFFSET bigint '0'" : "", name,
					smk_source_keys_equal(psprintf("%s.key", name), smk_source_key_type(target, key),
										  smk_doctor_column(rows, link), smk_source_key_type(rows, link)));
}

/* Stage changes dated before the record was created that a join finds. */
static SmkCounted *
early_changes(SmkDoctor *doctor, const SmkBinding *rows, const SmkDoctorLink *link)
{
	SmkBinding *binding = smk_doctor_binding(doctor, link->entity);
	SmkBinding *target = smk_doctor_binding(doctor, link->target);
	int created = smk_doctor_bound(target, "created_at");
	int at = smk_doctor_bound(binding, "at");
	bool at_is_date = smk_doctor_is_date(binding, at);
	bool created_is_date = smk_doctor_is_date(target, created);
	char *seen = smk_doctor_column(rows, at);
	char *joined_at = psprintf("%s.created_at", quote_identifier(target->entity->name));
	char *early = smk_doctor_earlier(doctor, seen, at_is_date, joined_at, created_is_date);
	char *listed = smk_doctor_earlier(doctor, smk_doctor_column(binding, at), at_is_date,
									  smk_doctor_column(target, created), created_is_date);

	return counted(
		SMK_FINDING_WARNING,
		at_is_date || created_is_date ? early : psprintf("%s < %s AND %s", seen, joined_at, early),
		psprintf("stage changes dated before their %s was created", target->entity->name),
		smk_doctor_line(
			psprintf("SELECT stage_change.* FROM %s LEFT JOIN %s ON %s WHERE %s LIMIT 20",
					 smk_doctor_relation(binding), smk_doctor_relation(target),
					 smk_doctor_where(target, joined(binding, link->column, target)),
					 smk_doctor_where(binding, psprintf("%s IS NOT NULL AND %s",
														smk_doctor_named(binding, link->column), listed)))));
}

/* The join of owners, each once whatever their binding repeats. */
static char *
owner_join(const SmkBinding *rows, const char *column, const SmkBinding *owner)
{
	int key = smk_doctor_bound(owner, "owner");
	int link = smk_doctor_bound(rows, column);
	char *label = smk_doctor_column(owner, key);
	char *gone = smk_doctor_bound(owner, "is_active") >= 0
					 ? psprintf(", NOT bool_or(%s) AS is_gone", smk_doctor_named(owner, "is_active"))
					 : "";

	return psprintf("LEFT JOIN (SELECT %s AS owner%s\n    FROM %s WHERE %s GROUP BY 1) AS owner\n    ON %s",
					label, gone, smk_doctor_relation(owner),
					smk_doctor_where(owner, psprintf("%s IS NOT NULL", label)),
					smk_source_keys_equal("owner.owner", smk_source_key_type(owner, key),
										  smk_doctor_column(rows, link), smk_source_key_type(rows, link)));
}

/* True where the opportunities' own unique key is what names their leads: an index finds them. */
static bool
names_by_key(const SmkBinding *opportunity)
{
	const char *named = opportunity->columns[smk_doctor_bound(opportunity, "lead_id")].raw_column;
	const char *own = opportunity->columns[smk_doctor_bound(opportunity, "opportunity_id")].raw_column;

	return opportunity->key_is_unique && named != NULL && own != NULL && strcmp(named, own) == 0;
}

/*
 * The condition that no opportunity names a lead, over rows as smk_doctor_computed_once gives them. Where an
 * index finds opportunities they are looked up, of the few leads that are asked for; else they are joined,
 * the lead of each once, by what is added to the join.
 */
static char *
is_not_taken(const SmkBinding *rows, const SmkBinding *opportunity, char **join)
{
	int link = smk_doctor_bound(opportunity, "lead_id");
	int key = smk_doctor_bound(rows, "lead_id");
	char *lead = smk_doctor_column(opportunity, link);
	const char *named = names_by_key(opportunity) ? lead : "taken.lead_id";
	char *is_same = smk_source_keys_equal(named, smk_source_key_type(opportunity, link),
										  smk_doctor_column(rows, key), smk_source_key_type(rows, key));

	if (named == lead)
		return psprintf("NOT EXISTS (SELECT FROM %s WHERE %s)", smk_doctor_relation(opportunity),
						smk_doctor_where(opportunity, is_same));
	*join = psprintf("%s\nLEFT JOIN (SELECT DISTINCT %s AS lead_id FROM %s WHERE %s) AS taken\n    ON %s",
					 *join, lead, smk_doctor_relation(opportunity),
					 smk_doctor_where(opportunity, psprintf("%s IS NOT NULL", lead)), is_same);
	return pstrdup("taken.lead_id IS NULL");
}

/*
 * Open leads or opportunities of owners who are gone, by the join of owners; a lead that an opportunity names
 * is no open one, which may take another join. No check where nothing tells what is open, or where nobody is
 * gone.
 */
static List *
of_inactive(SmkDoctor *doctor, const SmkBinding *rows, const SmkBinding *owner, char **join)
{
	SmkBinding *opportunity = smk_doctor_binding(doctor, "opportunity");
	bool is_lead = strcmp(rows->entity->name, "lead") == 0;
	char *gone = psprintf("FROM %s WHERE %s LIMIT", smk_doctor_relation(owner),
						  smk_doctor_where(owner, psprintf("NOT %s", smk_doctor_named(owner, "is_active"))));
	char *hint = smk_doctor_line(psprintf("SELECT * %s 20", gone));
	char *open;

	if (!is_lead && smk_doctor_bound(rows, "won") < 0)
		return NIL;
	if (smk_doctor_query(psprintf("SELECT %s 1", gone)) == 0)
		return NIL;
	if (!is_lead)
		return list_make1(counted(SMK_FINDING_WARNING, pstrdup("owner.is_gone AND opportunity.won IS NULL"),
								  "open opportunities of owners who are not active", hint));
	open = lead_is_open(doctor, rows);
	if (smk_doctor_bound(opportunity, "lead_id") >= 0)
		open = psprintf("%s AND %s", open, is_not_taken(rows, opportunity, join));
	return list_make1(counted(SMK_FINDING_WARNING, psprintf("owner.is_gone AND %s", open),
							  "open leads of owners who are not active", hint));
}

/*
 * The checks by a link, of SmkCounted, over rows as smk_doctor_computed_once gives them, and the join that
 * they need, NULL where they need none: records that are not there, stage changes dated before their record
 * was created, and open ones of owners who are gone.
 */
List *
smk_doctor_link_checks(SmkDoctor *doctor, const SmkBinding *rows, const SmkDoctorLink *link, char **join)
{
	SmkBinding *binding = smk_doctor_binding(doctor, link->entity);
	SmkBinding *target = smk_doctor_binding(doctor, link->target);
	bool is_owner = strcmp(link->target, "owner") == 0;
	bool is_change = strcmp(link->entity, "stage_change") == 0;
	List *checks;

	*join = NULL;
	if (names_itself(binding, link->column, target))
		return NIL;
	*join = is_owner ? owner_join(rows, link->column, target)
					 : record_join(rows, link->column, target, is_change);
	checks = list_make1(counted(
		link->severity,
		psprintf("%s IS NOT NULL AND %s IS NULL", smk_doctor_named(rows, link->column),
				 is_owner ? "owner.owner" : psprintf("%s.key", quote_identifier(link->target))),
		link->problem, unknown_listing(binding, link->column, unknown_from(binding, link->column, target))));
	if (is_change)
		checks = lappend(checks, early_changes(doctor, rows, link));
	if (is_owner && smk_doctor_bound(target, "is_active") >= 0)
		checks = list_concat(checks, of_inactive(doctor, rows, target, join));
	return checks;
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

/*
 * One account with a large part of the leads: of many leads, those of some keys tell which it might be, and
 * only then all are counted.
 */
static void
check_shared_account(SmkDoctor *doctor, void *state)
{
	SmkBinding *lead = state;
	char *account = smk_doctor_named(lead, "account_id");
	char *there = psprintf("%s IS NOT NULL", account);
	char *from = smk_doctor_relation(lead);
	char *key;
	int64 part;
	int64 whole;
	int apart = 1;

	while (doctor->leads / apart >= 2 * SAMPLED_LEADS)
		apart *= 2;
	if (smk_doctor_query(psprintf(
			"SELECT counted.account, counted.leads, counted.whole\n"
			"FROM (SELECT %s::text AS account, count(*) AS leads, sum(count(*)) OVER ()::bigint AS whole\n"
			"    FROM %s WHERE %s GROUP BY 1) AS counted ORDER BY 2 DESC, 1 LIMIT 1",
			account, from,
			smk_doctor_where(lead, apart == 1 ? there
											  : psprintf("%s AND hashtext(%s::text) & %d = 0", there,
														 smk_doctor_named(lead, "lead_id"), apart - 1)))) ==
		0)
		return;
	key = smk_doctor_text(0, 1);
	part = smk_doctor_number(0, 2);
	whole = smk_doctor_number(0, 3);
	there = psprintf("%s = %s", account, quote_literal_cstr(key));
	if (part * SHARED_PART * 5 >= whole * 4 && apart > 1)
	{
		smk_doctor_query(psprintf("SELECT count(*) FILTER (WHERE %s), count(%s) FROM %s WHERE %s", there,
								  account, from, smk_doctor_where(lead, "true")));
		part = smk_doctor_number(0, 1);
		whole = smk_doctor_number(0, 2);
	}
	if (part >= SHARED_LEADS && part * SHARED_PART >= whole)
		smk_doctor_report(doctor, SMK_FINDING_INFO, "lead",
						  psprintf("account \"%s\" has " INT64_FORMAT
								   " %% of the leads with an account: if it stands for none, bind it as NULL",
								   key, part * 100 / whole),
						  part,
						  smk_doctor_line(psprintf("SELECT * FROM %s WHERE %s LIMIT 20", from,
												   smk_doctor_where(lead, there))));
}

/* Keys of all entities, and the links between them. */
void
smk_doctor_links(SmkDoctor *doctor)
{
	SmkBinding *owner = smk_doctor_binding(doctor, "owner");
	SmkBinding *lead = smk_doctor_binding(doctor, "lead");

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
		if (is_of_pass(doctor, pair.link))
			continue;
		smk_doctor_guard(doctor, pair.link->entity, check_link, &pair);
		if (strcmp(pair.link->entity, "stage_change") == 0)
			smk_doctor_guard(doctor, pair.link->entity, check_early_changes, &pair);
	}
	if (smk_doctor_bound(owner, "label") >= 0)
		smk_doctor_guard(doctor, "owner", check_namesakes, owner);
	if (smk_doctor_bound(lead, "account_id") >= 0)
		smk_doctor_guard(doctor, "lead", check_shared_account, lead);
}
