/*
 * lead_handover.c: what became of a lead that marketing handed over: whether sales accepted it, answered in
 * time, or not at all, and whether it left.
 *
 * What sales made of a lead its score does not tell, which is marketing's. What happened before the lead left
 * for the last time before it became MQL does not tell either: then it was handed over anew. Of what happened
 * since, an exit tells unless the lead was taken back after it; its stage is what is true now.
 *
 * What answers is the first activity by a person at or after the lead became MQL, its acceptance, or its
 * rejection. The limit is the request's, in open hours of its calendar where it has one; an answer at the
 * limit is in time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
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

/* True where what people do about leads is bound. */
static bool
has_activities(const SmkRecords *records)
{
	return smk_source_with(records->request->config, "activity", "lead_id") != NULL;
}

/* The type of a column that is bound of an entity of the CRM; InvalidOid where it is not. */
static Oid
type_of(const SmkRecords *records, const char *entity, const char *column)
{
	const SmkBinding *binding = strcmp(entity, "lead") == 0
									? records->binding
									: smk_source_with(records->request->config, entity, column);

	return binding ? binding->columns[smk_entity_column(binding->entity, column)].type : InvalidOid;
}

/*
 * SQL for an instant, from which on a time of that type is at or after it: of a local date, the midnight
 * before.
 */
static char *
from_on(const SmkRecords *records, Oid type, const char *instant)
{
	const char *zone = quote_literal_cstr(records->request->time_zone);

	return type == DATEOID
			   ? psprintf("((%s AT TIME ZONE %s)::date::timestamp AT TIME ZONE %s)", instant, zone, zone)
			   : pstrdup(instant);
}

/* SQL for the first activity by a person at or after an instant of the lead; NULL where none are bound. */
static char *
first_touch(SmkRecords *records, const char *since)
{
	if (since == NULL || !has_activities(records))
		return NULL;
	records->joins_activities = true;
	(void) smk_records_column(records, "lead_id");
	return psprintf("(SELECT min(touched.at) FROM (SELECT unnest(activity.times) AS at) AS touched WHERE "
					"touched.at >= %s)",
					from_on(records, type_of(records, "activity", "at"), since));
}

/* SQL for a fact of the lead as a truth: false where nothing can tell. */
static char *
fact(SmkRecords *records, const char *name)
{
	char *sql = smk_records_column(records, name);

	return sql ? psprintf("coalesce(%s, false)", sql) : pstrdup("false");
}

/* SQL for whether the lead's stage is one now; NULL where it is not bound, and as of an earlier day, of which
 * it tells nothing. */
static char *
is_stage(SmkRecords *records, FunnelStage stage, bool or_beyond)
{
	if (records->request->has_as_of || smk_records_column(records, "stage") == NULL)
		return NULL;
	(void) smk_records_column(records, "pipeline");
	return psprintf("coalesce(%s, false)",
					smk_source_stage(records->request->config, records->binding, "lead", stage, or_beyond));
}

/* SQL for whether its stage says that sales took it: SAL or beyond now, or a customer that left since. */
static char *
is_taken(SmkRecords *records)
{
	char *is_beyond = is_stage(records, SMK_STAGE_SAL, true);

	return is_beyond ? psprintf("(%s OR %s)", is_beyond, is_stage(records, SMK_STAGE_CHURNED, false)) : NULL;
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

/* The SQL, or that of a null. */
static const char *
or_null(const char *sql)
{
	return sql ? sql : "NULL::timestamptz";
}

/*
 * SQL for a time at which sales took the lead, where it did so after the lead left before its hand-over
 * (before.left_at); NULL where it is not bound.
 */
static char *
taken_at(SmkRecords *records, const char *column)
{
	char *at = smk_lead_time(records, column);

	return at ? psprintf("CASE WHEN before.left_at IS NULL OR %s > before.left_at THEN %s END", at, at)
			  : NULL;
}

/* SQL for the last instant at which a time of that type may have been: of a local date its end. */
static char *
at_last(const SmkRecords *records, Oid type, const char *at)
{
	const char *zone = quote_literal_cstr(records->request->time_zone);

	if (type != DATEOID)
		return pstrdup(at);
	return psprintf("((%s AT TIME ZONE %s)::date + 1)::timestamp AT TIME ZONE %s - interval '1 microsecond'",
					at, zone, zone);
}

/*
 * True where a lead's stage can say that it was disqualified: where no label means that, a lead keeps the
 * stage in which it was, and only its own time tells.
 */
static bool
stage_tells_disqualified(const SmkConfig *config)
{
	ListCell *cell;

	foreach (cell, config->stage_map)
		if (strcmp(((SmkMapped *) lfirst(cell))->value, smk_stage_name(SMK_STAGE_DISQUALIFIED)) == 0)
			return true;
	return config->stage_map == NIL;
}

/* What the join of what became of a lead is made of. */
typedef struct Handing
{
	SmkRecords *records;
	char *events;		 /* rows of stage changes; NULL: not bound */
	char *opportunities; /* rows of opportunities; NULL: not bound */
	char *is_taken;		 /* its stage says so now; NULL: not bound */
	StringInfoData sql;
} Handing;

/*
 * When it became MQL, before all that happened to it where nobody knows, and by when it has to be answered.
 */
static void
join_mql(Handing *handing)
{
	char *mql = smk_records_column(handing->records, "mql_time");
	char *limit = due(handing->records);

	appendStringInfo(&handing->sql,
					 "\nCROSS JOIN LATERAL (\n"
					 "    SELECT coalesce(%s, timestamptz '-infinity') AS at, %s AS due_at\n"
					 "    " SMK_LEAD_FENCE ") AS mql",
					 or_null(mql), or_null(limit));
}

/*
 * What is dated of its opportunities and of its stage changes: held.left_before and dated.left_before are
 * the last times at which it left before it became MQL, the others come after.
 */
static void
join_dated(Handing *handing)
{
	SmkRecords *records = handing->records;
	char *from = from_on(records, type_of(records, "opportunity", "closed_at"), "mql.at");

	if (handing->opportunities)
		appendStringInfo(
			&handing->sql,
			"\nCROSS JOIN LATERAL (\n"
			"    SELECT min(opportunity.created_at) FILTER (WHERE opportunity.held_until >= %s) AS at,\n"
			"        bool_or(opportunity.held_until >= %s) AS is_there,\n"
			"        max(opportunity.held_until) FILTER (WHERE opportunity.held_until < %s) AS left_before,\n"
			"        max(opportunity.held_until) AS held_until\n"
			"    FROM %s) AS held",
			from, from, from, handing->opportunities);
	from = from_on(records, type_of(records, "stage_change", "at"), "mql.at");
	if (handing->events)
		appendStringInfo(
			&handing->sql,
			"\nCROSS JOIN LATERAL (\n"
			"    SELECT max(happened.at) FILTER (WHERE happened.event >= %d AND happened.at < %s) AS "
			"left_before,\n"
			"        min(happened.at) FILTER (WHERE happened.event = %d AND happened.at >= %s) AS "
			"first_disqualified_at,\n"
			"        max(happened.at) FILTER (WHERE happened.event = %d AND happened.at >= %s) AS "
			"disqualified_at,\n"
			"        max(happened.at) FILTER (WHERE happened.event = %d AND happened.at >= %s) AS "
			"recycled_at,\n"
			"        min(happened.at) FILTER (WHERE happened.event = %d AND happened.at >= %s) AS "
			"first_lost_at,\n"
			"        max(happened.at) FILTER (WHERE happened.event = %d AND happened.at >= %s) AS lost_at,\n"
			"        max(happened.at) FILTER (WHERE happened.event < %d) AS taken_back_at\n"
			"    FROM %s) AS dated",
			SMK_LEAD_DISQUALIFIED, from, SMK_LEAD_DISQUALIFIED, from, SMK_LEAD_DISQUALIFIED, from,
			SMK_LEAD_RECYCLED, from, SMK_LEAD_LOST, from, SMK_LEAD_LOST, from, SMK_LEAD_DISQUALIFIED,
			handing->events);
}

/*
 * The same of all: up to when nothing counts (before.left_at), when it was disqualified after, and when it
 * was taken back for the last time.
 */
static void
join_before(Handing *handing)
{
	SmkRecords *records = handing->records;
	Oid changed = type_of(records, "stage_change", "at");
	Oid closed = type_of(records, "opportunity", "closed_at");
	char *own = smk_lead_time(records, "disqualified_at");
	char *from = from_on(records, type_of(records, "lead", "disqualified_at"), "mql.at");
	char *last = own ? at_last(records, type_of(records, "lead", "disqualified_at"), own) : NULL;

	appendStringInfo(&handing->sql,
					 "\nCROSS JOIN LATERAL (\n"
					 "    SELECT greatest(%s, %s, %s) AS left_at,\n"
					 "        %s AS disqualified_at,\n"
					 "        greatest(%s, %s) AS disqualified_until,\n"
					 "        greatest(%s, %s, %s) AS taken_back_at\n"
					 "    " SMK_LEAD_FENCE ") AS before",
					 handing->events ? at_last(records, changed, "dated.left_before") : "NULL::timestamptz",
					 own ? psprintf("CASE WHEN %s < %s THEN %s END", own, from, last) : "NULL",
					 handing->opportunities ? at_last(records, closed, "held.left_before") : "NULL",
					 own ? psprintf("CASE WHEN %s >= %s THEN %s END", own, from, own) : "NULL::timestamptz",
					 own ? psprintf("CASE WHEN %s >= %s THEN %s END", own, from, last) : "NULL::timestamptz",
					 handing->events ? at_last(records, changed, "dated.disqualified_at") : "NULL",
					 handing->events ? "dated.taken_back_at" : "NULL::timestamptz",
					 or_null(smk_lead_time(records, "sal_at")), or_null(smk_lead_time(records, "sql_at")));
}

/* When sales first took it, made it an SQL, by the sources in the order of the steps, and first turned it
 * down, by whichever tells of it first. */
static void
join_taken(Handing *handing)
{
	const char *sql_at = or_null(taken_at(handing->records, "sql_at"));
	const char *held = handing->opportunities ? "held.at" : "NULL";

	if (handing->events)
		appendStringInfo(&handing->sql,
						 "\nCROSS JOIN LATERAL (\n"
						 "    SELECT min(happened.at) FILTER (WHERE happened.event IN (%d, %d)) AS sal_at,\n"
						 "        min(happened.at) FILTER (WHERE happened.event = %d) AS sql_at\n"
						 "    FROM %s\n"
						 "    WHERE before.left_at IS NULL OR happened.at > before.left_at) AS since",
						 SMK_LEAD_SAL, SMK_LEAD_SQL, SMK_LEAD_SQL, handing->events);
	appendStringInfo(&handing->sql,
					 "\nCROSS JOIN LATERAL (\n"
					 "    SELECT least(%s, %s, %s, %s) AS accepted_at,\n"
					 "        coalesce(%s, %s, %s) AS sql_at,\n"
					 "        least(before.disqualified_at%s) AS turned_down_at\n"
					 "    " SMK_LEAD_FENCE ") AS taken",
					 or_null(taken_at(handing->records, "sal_at")), handing->events ? "since.sal_at" : "NULL",
					 sql_at, held, sql_at, handing->events ? "since.sql_at" : "NULL", held,
					 handing->events ? ", dated.first_disqualified_at, dated.first_lost_at" : "");
}

/*
 * SQL for whether it is out now: its stage is the exit, or it left that way (the time is SQL, NULL where none
 * is bound), and neither a later time nor its stage says that it was taken back.
 */
static char *
is_out(Handing *handing, FunnelStage exit, const char *at)
{
	char *is_exit = is_stage(handing->records, exit, false);
	char *stays = "";
	char *is_dated;

	if (at == NULL)
		return is_exit ? is_exit : pstrdup("false");
	if (handing->is_taken && exit == SMK_STAGE_DISQUALIFIED &&
		!stage_tells_disqualified(handing->records->request->config))
		stays = psprintf("\n         AND (before.disqualified_at IS NOT NULL OR NOT %s)", handing->is_taken);
	else if (handing->is_taken)
		stays = psprintf("\n         AND NOT %s", handing->is_taken);
	is_dated = psprintf("(%s IS NOT NULL AND (before.taken_back_at > %s) IS NOT TRUE%s)", at, at, stays);
	return is_exit ? psprintf("(%s OR %s)", is_exit, is_dated) : is_dated;
}

/* What is so now. */
static void
join_now(Handing *handing)
{
	SmkRecords *records = handing->records;
	Oid changed = type_of(records, "stage_change", "at");
	char *has_open = smk_records_column(records, "has_open");
	char *touch = first_touch(records, smk_records_column(records, "mql_time"));
	char *is_lost_now = is_stage(records, SMK_STAGE_LOST, false);

	appendStringInfo(
		&handing->sql,
		"\nCROSS JOIN LATERAL (\n"
		"    SELECT %s OR taken.accepted_at IS NOT NULL OR %s OR %s AS is_accepted,\n"
		"        %s AS is_disqualified,\n"
		"        %s AS is_recycled,\n"
		"        %s AS is_lost,\n"
		"        %s AS is_lost_now,\n"
		"        %s AS has_lost_all,\n"
		"        least(%s, taken.accepted_at, taken.turned_down_at) AS answered_at\n"
		"    " SMK_LEAD_FENCE ") AS handed",
		handing->is_taken ? handing->is_taken : "false",
		handing->opportunities ? "coalesce(held.is_there, false)" : "false", fact(records, "is_customer"),
		is_out(handing, SMK_STAGE_DISQUALIFIED, "before.disqualified_until"),
		is_out(handing, SMK_STAGE_RECYCLED,
			   handing->events ? at_last(records, changed, "dated.recycled_at") : NULL),
		is_out(handing, SMK_STAGE_LOST, handing->events ? at_last(records, changed, "dated.lost_at") : NULL),
		is_lost_now ? is_lost_now : "false",
		handing->opportunities && has_open
			? psprintf("coalesce(held.is_there, false) AND NOT %s\n"
					   "         AND (before.taken_back_at > %s) IS NOT TRUE",
					   has_open,
					   at_last(records, type_of(records, "opportunity", "closed_at"), "held.held_until"))
			: "false",
		or_null(touch));
}

/*
 * Notes the join of what became of each lead, in steps that are each computed once a lead, and all that it
 * needs.
 */
static void
note_handed(SmkRecords *records)
{
	Handing handing = {.records = records};

	if (records->handed)
		return;
	(void) smk_records_column(records, "lead_id");
	handing.events = smk_lead_events(records);
	handing.opportunities = smk_lead_opportunities(records);
	handing.is_taken = is_taken(records);
	initStringInfo(&handing.sql);
	join_mql(&handing);
	join_dated(&handing);
	join_before(&handing);
	join_taken(&handing);
	join_now(&handing);
	records->handed = handing.sql.data;
}

/* SQL for a fact of the hand-over. */
static char *
handed(SmkRecords *records, const char *sql)
{
	note_handed(records);
	return pstrdup(sql);
}

/* True where something that is bound tells whether leads came to a stage. */
static bool
tells_stage(SmkRecords *records)
{
	return smk_records_column(records, "stage") != NULL ||
		   smk_source_with(records->request->config, "stage_change", "lead_id") != NULL;
}

/* Taken by sales. */
static char *
is_accepted(SmkRecords *records)
{
	if (!tells_stage(records) && smk_records_column(records, "sal_at") == NULL &&
		smk_records_column(records, "sql_at") == NULL && smk_lead_opportunities(records) == NULL)
		return NULL;
	return handed(records, "handed.is_accepted");
}

/* Not accepted, and out: what was lost and sent back after is not, unless its stage is lost now. */
#define IS_REJECTED                                                                                          \
	"(NOT handed.is_accepted AND (handed.is_disqualified OR (handed.is_lost AND (handed.is_lost_now OR NOT " \
	"handed.is_recycled))))"

/* Disqualified, before or after it was accepted, or lost before. */
static char *
is_unqualified(SmkRecords *records)
{
	if (!tells_stage(records) && smk_records_column(records, "disqualified_at") == NULL)
		return NULL;
	return handed(records, "(handed.is_disqualified OR " IS_REJECTED ")");
}

/* Disqualified or lost without having been accepted. */
static char *
is_rejected(SmkRecords *records)
{
	return is_unqualified(records) ? pstrdup(IS_REJECTED) : NULL;
}

/* Sent back to marketing without having been accepted or rejected. */
static char *
is_returned(SmkRecords *records)
{
	return tells_stage(records)
			   ? handed(records, "(handed.is_recycled AND NOT handed.is_accepted AND NOT " IS_REJECTED ")")
			   : NULL;
}

/* Sales made something of it. */
static char *
is_judged(SmkRecords *records)
{
	return handed(records,
				  "(handed.is_accepted OR handed.is_disqualified OR handed.is_recycled OR handed.is_lost)");
}

/* True where it can be told whether a lead was answered in time: without activities nobody knows who was. */
static bool
tells_answers(SmkRecords *records)
{
	return smk_records_column(records, "mql_time") != NULL && has_activities(records);
}

/* Answered, but after the limit. */
static char *
is_late(SmkRecords *records)
{
	const char *calendar = records->request->calendar;

	if (!tells_answers(records))
		return NULL;
	if (calendar == NULL)
		return handed(records, "coalesce(handed.answered_at > mql.due_at, false)");
	/* What comes while it is closed comes no later than what came at the closing. */
	return handed(records,
				  psprintf("CASE WHEN handed.answered_at > mql.due_at\n"
						   "     THEN smarketing.business_hours(mql.due_at, handed.answered_at, %s) > 0"
						   " ELSE false END",
						   quote_literal_cstr(calendar)));
}

/* Neither accepted nor left, nor did any person do anything about it, and the limit is over. */
static char *
is_ignored(SmkRecords *records)
{
	if (!tells_answers(records))
		return NULL;
	return psprintf("(NOT %s AND handed.answered_at IS NULL%s AND coalesce(%s, false))", is_judged(records),
					smk_lead_events(records) ? " AND dated.recycled_at IS NULL" : "",
					records->request->has_as_of ? smk_moment_seen(records->request, "mql.due_at")
												: "mql.due_at < now()");
}

/* None of these: still within the limit, or somebody is at it, or nobody knows. */
static char *
is_waiting(SmkRecords *records)
{
	char *ignored = is_ignored(records);

	return ignored ? psprintf("NOT (%s OR %s)", is_judged(records), ignored)
				   : psprintf("NOT %s", is_judged(records));
}

/* It left: an exit as its stage, or all of its opportunities are decided. */
static char *
is_left(SmkRecords *records)
{
	return handed(records,
				  "(handed.is_disqualified OR handed.is_recycled OR handed.is_lost OR handed.has_lost_all)");
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

/* Until sales made it an SQL; no sooner than it was handed over and accepted. */
static char *
sales_duration(SmkRecords *records)
{
	char *mql = smk_records_column(records, "mql_time");

	if (is_accepted(records) == NULL)
		return NULL;
	return since_creation(records, psprintf("CASE WHEN taken.sql_at IS NOT NULL THEN greatest(%s, "
											"taken.accepted_at, taken.sql_at) END",
											or_null(mql)));
}

static const HandoverColumn handover_columns[] = {{"is_accepted", is_accepted},
												  {"is_late", is_late},
												  {"is_ignored", is_ignored},
												  {"is_rejected", is_rejected},
												  {"is_unqualified", is_unqualified},
												  {"is_returned", is_returned},
												  {"is_judged", is_judged},
												  {"is_waiting", is_waiting},
												  {"is_left", is_left},
												  {"assigned_duration", assigned_duration},
												  {"touch_duration", touch_duration},
												  {"sales_duration", sales_duration}};

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
static void
join_activities(SmkRecords *records, StringInfo from)
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
		"    WHERE activity.lead_id IS NOT NULL AND %s%s%s\n"
		"    GROUP BY activity.lead_id) AS activity\n"
		"    ON %s",
		instant,
		smk_sql_indent(smk_source_select(activity, needed, NIL, activity->entity - smk_entities, NULL), 9),
		smk_moment_seen(records->request, instant),
		needed[automatic] ? "\n      AND activity.is_automatic IS NOT TRUE" : "",
		smk_lead_few_only(records, "activity.lead_id", smk_source_key_type(activity, lead_id)),
		smk_source_keys_equal(
			"activity.lead_id", smk_source_key_type(activity, lead_id), "lead.lead_id",
			smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, "lead_id"))));
}

/* Adds the joins that what was asked for needs, after those of the steps. */
void
smk_lead_handover_join(SmkRecords *records, StringInfo from)
{
	join_activities(records, from);
	if (records->handed)
		appendStringInfoString(from, records->handed);
}
