/*
 * lead_handover.c: what became of a lead that marketing handed over: whether sales answered in time, or not
 * at all, and whether it left.
 *
 * What answers is the first activity by a person at or after the lead became MQL, its acceptance, or its
 * rejection. The limit is the request's, in open hours of its calendar where it has one; an answer at the
 * limit is in time.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "kpi/lead_handover.h"
#include "kpi/lead_steps.h"
#include "kpi/moment.h"
#include "kpi/source.h"

/* A column that is derived here, by its name. */
typedef struct HandoverColumn
{
	const char *name;
	char *(*sql)(SmkRecords *records); /* NULL where nothing that is bound can tell */
} HandoverColumn;

/* SQL for the first activity by a person at or after an instant of the lead; NULL where none are bound. */
static char *
first_touch(SmkRecords *records, const char *since)
{
	if (since == NULL || smk_config_binding(records->request->config, "activity") == NULL)
		return NULL;
	records->joins_activities = true;
	(void) smk_records_column(records, "lead_id");
	return psprintf(
		"(SELECT min(touched.at) FROM unnest(activity.times) AS touched (at) WHERE touched.at >= %s)", since);
}

/* SQL for a step of the lead as a truth: false where nothing can tell. */
static char *
fact(SmkRecords *records, const char *name)
{
	char *sql = smk_records_column(records, name);

	return sql ? psprintf("coalesce(%s, false)", sql) : pstrdup("false");
}

/* SQL for the instant by which the lead has to be answered; NULL where nothing tells when it became MQL. */
static char *
due(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	char *mql = smk_records_column(records, "mql_time");

	if (mql == NULL)
		return NULL;
	return psprintf("CASE WHEN isfinite(%s) THEN %s END", mql,
					smk_moment_due(mql, request->respond_within, request->calendar));
}

/* SQL for when sales first answered. */
static char *
answered_at(SmkRecords *records)
{
	char *touch = first_touch(records, smk_records_column(records, "mql_time"));
	char *accepted = smk_records_column(records, "sal_time");
	char *rejected = smk_records_column(records, "disqualified_time");

	return psprintf("least(%s, %s, %s)", touch ? touch : "NULL::timestamptz",
					accepted ? accepted : "NULL::timestamptz", rejected ? rejected : "NULL::timestamptz");
}

/* Answered, but after the limit. */
static char *
is_late(SmkRecords *records)
{
	char *limit = due(records);

	return limit ? psprintf("coalesce(%s > %s, false)", answered_at(records), limit) : NULL;
}

/* Neither accepted nor left, nor did any person do anything about it, and the limit is over. */
static char *
is_ignored(SmkRecords *records)
{
	char *limit = due(records);
	char *touch = first_touch(records, smk_records_column(records, "mql_time"));

	if (limit == NULL)
		return NULL;
	return psprintf("(NOT %s AND NOT %s AND NOT %s AND %s IS NULL AND coalesce(%s < now(), false))",
					fact(records, "is_sal"), fact(records, "is_disqualified"), fact(records, "is_recycled"),
					touch ? touch : "NULL::timestamptz", limit);
}

/* Disqualified without having been accepted. */
static char *
is_rejected(SmkRecords *records)
{
	char *disqualified = smk_records_column(records, "is_disqualified");

	return disqualified ? psprintf("(%s AND NOT %s)", disqualified, fact(records, "is_sal")) : NULL;
}

/* Sent back to marketing without having been accepted or disqualified. */
static char *
is_returned(SmkRecords *records)
{
	char *recycled = smk_records_column(records, "is_recycled");

	return recycled ? psprintf("(%s AND NOT %s AND NOT %s)", recycled, fact(records, "is_sal"),
							   fact(records, "is_disqualified"))
					: NULL;
}

/* None of these: still within the limit, or somebody is at it. */
static char *
is_waiting(SmkRecords *records)
{
	char *ignored = is_ignored(records);

	return ignored ? psprintf("NOT (%s OR %s OR %s OR %s)", fact(records, "is_sal"),
							  fact(records, "is_disqualified"), fact(records, "is_recycled"), ignored)
				   : NULL;
}

/* It left: an exit as its stage, or all of its opportunities are decided. */
static char *
is_left(SmkRecords *records)
{
	char *open = smk_records_column(records, "has_open");

	return psprintf("(%s OR %s OR %s OR (%s AND NOT %s))", fact(records, "is_disqualified"),
					fact(records, "is_recycled"), fact(records, "is_lost"),
					open ? fact(records, "is_opportunity") : "false", open ? open : "true");
}

/* How long after its creation something happened to it, as an interval; at once where it is dated before. */
static char *
since_creation(SmkRecords *records, const char *at)
{
	char *created = smk_records_instant(records, "created_at");

	if (at == NULL || created == NULL)
		return NULL;
	return psprintf("CASE WHEN isfinite(%s) AND isfinite(%s) AND %s <= now() THEN greatest(%s, %s) - %s END",
					created, at, at, at, created, created);
}

static char *
assigned_duration(SmkRecords *records)
{
	return since_creation(records, smk_records_instant(records, "assigned_at"));
}

static char *
touch_duration(SmkRecords *records)
{
	return since_creation(records, first_touch(records, smk_records_instant(records, "created_at")));
}

static const HandoverColumn handover_columns[] = {{"is_late", is_late},
												  {"is_ignored", is_ignored},
												  {"is_rejected", is_rejected},
												  {"is_returned", is_returned},
												  {"is_waiting", is_waiting},
												  {"is_left", is_left},
												  {"assigned_duration", assigned_duration},
												  {"touch_duration", touch_duration}};

/* The column of that name, or NULL. */
static const HandoverColumn *
find_column(const char *name)
{
	for (size_t i = 0; i < lengthof(handover_columns); i++)
		if (strcmp(handover_columns[i].name, name) == 0)
			return &handover_columns[i];
	return NULL;
}

/* True for a column that is derived here. */
bool
smk_lead_handover_is_column(const char *name)
{
	return find_column(name) != NULL;
}

/* SQL for a column that is derived here; NULL where nothing that is bound can tell. */
char *
smk_lead_handover(SmkRecords *records, const char *name)
{
	return find_column(name)->sql(records);
}

/* Adds the join of each lead's activities by a person, where they are asked for. */
void
smk_lead_handover_join(SmkRecords *records, StringInfo from)
{
	SmkBinding *activity =
		records->joins_activities ? smk_source_with(records->request->config, "activity", NULL) : NULL;
	bool needed[SMK_MAX_COLUMNS] = {false};
	int at;
	int lead_id;
	int automatic;
	char *instant;

	if (activity == NULL)
		return;
	at = smk_entity_column(activity->entity, "at");
	lead_id = smk_entity_column(activity->entity, "lead_id");
	automatic = smk_entity_column(activity->entity, "is_automatic");
	needed[at] = needed[lead_id] = true;
	needed[automatic] = activity->columns[automatic].text != NULL;
	instant = smk_source_instant(activity, at, "activity.at", records->request->time_zone);
	appendStringInfo(
		from,
		"\nLEFT JOIN (\n"
		"    SELECT activity.lead_id, array_agg(%s) AS times\n"
		"    FROM %s AS activity\n"
		"    WHERE activity.lead_id IS NOT NULL AND %s <= now()%s%s\n"
		"    GROUP BY activity.lead_id) AS activity\n"
		"    ON %s",
		instant,
		smk_sql_indent(smk_source_select(activity, needed, NIL, activity->entity - smk_entities, NULL), 9),
		instant, needed[automatic] ? "\n      AND activity.is_automatic IS NOT TRUE" : "",
		smk_lead_few_only(records, "activity.lead_id", smk_source_key_type(activity, lead_id)),
		smk_source_keys_equal(
			"activity.lead_id", smk_source_key_type(activity, lead_id), "lead.lead_id",
			smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, "lead_id"))));
}
