/*
 * orphan.c: open leads that nobody handles: without an owner, with one who has left, with one who is nobody
 * (a queue), or without anybody's activity for too long. One statement over the bound entities; activities
 * and stage changes are folded by lead, each in one pass.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/source.h"
#include "kpi/statement.h"
#include "stage/stage.h"

/* The reasons in the order in which the first that holds is told. */
typedef struct Reasons
{
	const char *no_owner;
	const char *inactive;
	const char *queue;
	const char *idle;
} Reasons;

static const Reasons english = {"no owner", "inactive owner", "owner is a queue", "idle"};
static const Reasons french = {"sans responsable", "responsable inactif", "le responsable est une file",
							   "sans activité"};

static const SmkRecordSet leads_created = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkColumn no_columns[] = {
	{NULL, NULL, SMK_COUNT, SMK_UNIT_COUNT, false, false, NULL, NULL, NULL, NULL, NULL}};
static const char *const no_options[] = {NULL};
static const SmkKpi orphaned_leads = {"orphaned_leads", 6, NULL, "lead", no_columns, NULL, NULL, no_options};

/* What is asked for. */
typedef struct Search
{
	SmkRequest *request; /* as of an earlier instant, or of now */
	TimestampTz as_of;	 /* until when a lead lay idle */
	bool tells_idle;
	double idle_hours;
	const char *calendar; /* NULL: wall clock */
	const Reasons *reasons;
} Search;

/* SQL for whether what has this time is seen. */
static char *
is_seen(const SmkRequest *request, const char *at)
{
	return request->has_as_of ? psprintf("%s < %s", at, smk_timestamp_literal(request->as_of))
							  : psprintf("%s <= now()", at);
}

/* A binding that has these columns (NULL: none further), opened; or NULL. */
static SmkBinding *
opened(const SmkRequest *request, const char *entity, const char *column)
{
	SmkBinding *binding = smk_config_binding(request->config, entity);

	if (binding == NULL ||
		(column != NULL && binding->columns[smk_entity_column(binding->entity, column)].text == NULL))
		return NULL;
	smk_binding_open(binding);
	return binding;
}

/* The condition that an entity's stage is one on the way to an opportunity. */
static char *
stage_is_open(const SmkRequest *request, const SmkBinding *binding, const char *alias)
{
	return psprintf("(%s AND NOT %s)",
					smk_source_stage(request->config, binding, alias, SMK_STAGE_VISITOR, true),
					smk_source_stage(request->config, binding, alias, SMK_STAGE_OPPORTUNITY, true));
}

/* The condition that it is an opportunity's, a customer's, or an exit. */
static char *
stage_is_closed(const SmkRequest *request, const SmkBinding *binding, const char *alias)
{
	static const FunnelStage exits[] = {SMK_STAGE_DISQUALIFIED, SMK_STAGE_RECYCLED, SMK_STAGE_LOST,
										SMK_STAGE_CHURNED};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(%s",
					 smk_source_stage(request->config, binding, alias, SMK_STAGE_OPPORTUNITY, true));
	for (size_t i = 0; i < lengthof(exits); i++)
		appendStringInfo(&sql, " OR %s", smk_source_stage(request->config, binding, alias, exits[i], false));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * SQL for the stage that is shown: the lead's own as it is now; as of an earlier day, and where none is
 * bound, how far it had come.
 */
static char *
shown_stage(SmkRecords *records)
{
	static const FunnelStage stages[] = {SMK_STAGE_SQL, SMK_STAGE_SAL, SMK_STAGE_MQL, SMK_STAGE_VISITOR};
	const SmkRequest *request = records->request;
	bool is_current = !request->has_as_of && smk_records_column(records, "stage") != NULL;
	StringInfoData sql;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(stages); i++)
	{
		const char *name = smk_stage_name(stages[i]);
		char *holds = is_current
						  ? smk_source_stage(request->config, records->binding, "lead", stages[i], false)
					  : stages[i] != SMK_STAGE_VISITOR ? smk_records_column(records, psprintf("is_%s", name))
													   : NULL;

		if (holds)
			appendStringInfo(&sql, " WHEN %s THEN '%s'", holds, name);
	}
	return sql.len ? psprintf("CASE%s ELSE 'lead' END", sql.data) : pstrdup("'lead'");
}

/* The leads themselves: key, label, owner, stage, times, and whether they came to be opportunities. */
static char *
candidates(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	const SmkBinding *binding = records->binding;
	char *created = smk_records_instant(records, "created_at");
	char *assigned = smk_records_instant(records, "assigned_at");
	char *disqualified = smk_records_instant(records, "disqualified_at");
	char *label = smk_records_column(records, "label");
	char *owner = smk_records_column(records, "owner");
	char *converted = smk_records_column(records, "is_conversion");
	char *is_open = pstrdup("NULL::boolean");
	char *condition = request->has_as_of ? is_seen(request, created)
										 : psprintf("(%s) IS NOT FALSE", is_seen(request, created));
	char *stage = shown_stage(records);
	StringInfoData sql;

	if (!request->has_as_of && smk_records_column(records, "stage") != NULL)
	{
		(void) smk_records_column(records, "pipeline");
		is_open =
			psprintf("CASE WHEN %s THEN true WHEN %s THEN false END", stage_is_open(request, binding, "lead"),
					 stage_is_closed(request, binding, "lead"));
	}
	if (converted)
		condition = psprintf("%s\n   AND NOT %s", condition, converted);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS lead_id, %s AS label", smk_records_column(records, "lead_id"),
					 label ? label : "NULL::text");
	/* Whoever has it now had not been given it then. */
	if (owner && assigned)
		appendStringInfo(&sql, ",\n       CASE WHEN (%s) IS NOT FALSE THEN %s END AS owner",
						 is_seen(request, assigned), owner);
	else if (owner)
		appendStringInfo(&sql, ",\n       %s AS owner", owner);
	appendStringInfo(&sql, ",\n       %s AS stage,\n       %s AS is_open,\n       %s AS created_at", stage,
					 is_open, created);
	if (assigned)
		appendStringInfo(&sql, ",\n       CASE WHEN %s THEN %s END AS assigned_at",
						 is_seen(request, assigned), assigned);
	if (disqualified)
		appendStringInfo(&sql, ",\n       CASE WHEN %s THEN %s END AS disqualified_at",
						 is_seen(request, disqualified), disqualified);
	appendStringInfo(&sql, "\n%s", smk_records_from(records, "leads", true, condition));
	return sql.data;
}

/* Adds the join of what is folded by lead: the columns of each lead's rows of an entity. */
static void
join_folded(const SmkRequest *request, const SmkBinding *lead, const SmkBinding *binding, const char *columns,
			const char *condition, const bool *needed, StringInfo from)
{
	const char *entity = binding->entity->name;
	int lead_id = smk_entity_column(binding->entity, "lead_id");
	int at = smk_entity_column(binding->entity, "at");
	char *instant = smk_source_instant(binding, at, psprintf("%s.at", entity), request->time_zone);

	appendStringInfo(
		from,
		"\nLEFT JOIN (\n"
		"    SELECT %s.lead_id, %s\n"
		"    FROM %s AS %s\n"
		"    WHERE %s.lead_id IS NOT NULL AND %s%s\n"
		"    GROUP BY %s.lead_id) AS %s\n"
		"    ON %s",
		entity, columns,
		smk_sql_indent(smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL), 9),
		entity, entity, is_seen(request, instant), condition, entity, entity,
		smk_source_keys_equal(psprintf("%s.lead_id", entity), smk_source_key_type(binding, lead_id),
							  "candidate.lead_id",
							  smk_source_key_type(lead, smk_entity_column(lead->entity, "lead_id"))));
}

/* Adds when each lead was last taken to a stage that is open, and to one that is not; false where no log of
 * stages is bound. */
static bool
join_changes(const SmkRequest *request, const SmkBinding *lead, StringInfo from)
{
	SmkBinding *change = opened(request, "stage_change", "lead_id");
	int pipeline = smk_entity_column(smk_entity_find("stage_change"), "pipeline");
	bool needed[SMK_MAX_COLUMNS] = {false};
	char *at;

	if (change == NULL)
		return false;
	needed[smk_entity_column(change->entity, "lead_id")] = true;
	needed[smk_entity_column(change->entity, "at")] = true;
	needed[smk_entity_column(change->entity, "stage")] = true;
	needed[pipeline] = change->columns[pipeline].text != NULL;
	at = smk_source_instant(change, smk_entity_column(change->entity, "at"), "stage_change.at",
							request->time_zone);
	join_folded(
		request, lead, change,
		psprintf("max(%s) FILTER (WHERE %s) AS opened_at,\n        max(%s) FILTER (WHERE %s) AS closed_at",
				 at, stage_is_open(request, change, "stage_change"), at,
				 stage_is_closed(request, change, "stage_change")),
		"", needed, from);
	return true;
}

/* Adds the last activity of a person on each lead; false where no activities are bound. */
static bool
join_activities(const SmkRequest *request, const SmkBinding *lead, StringInfo from)
{
	SmkBinding *activity = opened(request, "activity", NULL);
	int automatic = smk_entity_column(smk_entity_find("activity"), "is_automatic");
	bool needed[SMK_MAX_COLUMNS] = {false};

	if (activity == NULL)
		return false;
	needed[smk_entity_column(activity->entity, "lead_id")] = true;
	needed[smk_entity_column(activity->entity, "at")] = true;
	needed[automatic] = activity->columns[automatic].text != NULL;
	join_folded(
		request, lead, activity,
		psprintf("max(%s) AS last_at", smk_source_instant(activity, smk_entity_column(activity->entity, "at"),
														  "activity.at", request->time_zone)),
		needed[automatic] ? "\n      AND activity.is_automatic IS NOT TRUE" : "", needed, from);
	return true;
}

/* Adds the owners, of whom `is_active` is read where it is bound; NULL where the entity is not. */
static SmkBinding *
join_owners(const SmkRequest *request, const SmkBinding *lead, StringInfo from)
{
	SmkBinding *owner = opened(request, "owner", NULL);
	int active = smk_entity_column(smk_entity_find("owner"), "is_active");
	SmkJoin join = {.alias = "owner", .binding = owner, .left_key = "candidate.owner"};

	if (owner == NULL)
		return NULL;
	join.left_type = smk_source_key_type(lead, smk_entity_column(lead->entity, "owner"));
	join.needed[smk_entity_column(owner->entity, "owner")] = true;
	join.needed[active] = owner->columns[active].text != NULL;
	smk_dimension_join(&join, from);
	return owner;
}

/* SQL for whether a lead lies idle: longer than the hours since it was last in somebody's hands. */
static char *
is_idle(const Search *search)
{
	double micros = search->idle_hours * USECS_PER_HOUR;
	char *by_clock;

	/* Further back than there is time. */
	if (!(micros < (double) search->as_of - (double) MIN_TIMESTAMP))
		return pstrdup("false");
	by_clock = psprintf("since.at < %s", smk_timestamp_literal(search->as_of - (int64) rint(micros)));
	if (search->calendar == NULL)
		return by_clock;
	/* Hours that are open are never more than hours: most leads need no calendar. */
	return psprintf("%s AND (NOT isfinite(since.at) OR\n                smarketing.business_hours(since.at, "
					"%s, %s) > %s)",
					by_clock, smk_timestamp_literal(search->as_of), quote_literal_cstr(search->calendar),
					DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(search->idle_hours))));
}

/* The statement: a row an orphan, those that lay longest first. */
static char *
compile(const Search *search)
{
	SmkRequest *request = search->request;
	SmkRecords *records;
	SmkBinding *owner = NULL;
	bool has_owner;
	bool has_changes;
	bool has_activities;
	bool has_assigned;
	bool has_disqualified;
	char *leads;
	StringInfoData from;
	StringInfoData reason;
	StringInfoData open;

	smk_compile_require_entity(request);
	records = smk_records(request, &leads_created, smk_config_binding(request->config, "lead"));
	has_owner = smk_records_column(records, "owner") != NULL;
	has_assigned = smk_records_column(records, "assigned_at") != NULL;
	has_disqualified = smk_records_column(records, "disqualified_at") != NULL;
	leads = candidates(records);
	initStringInfo(&from);
	initStringInfo(&reason);
	initStringInfo(&open);
	has_changes = join_changes(request, records->binding, &from);
	has_activities = join_activities(request, records->binding, &from);
	if (has_owner)
		owner = join_owners(request, records->binding, &from);
	appendStringInfo(
		&from, "\nCROSS JOIN LATERAL (\n    SELECT greatest(candidate.created_at%s%s) AS at) AS since",
		has_assigned ? ", candidate.assigned_at" : "", has_activities ? ", activity.last_at" : "");

	if (has_owner)
		appendStringInfo(&reason, "\n           WHEN candidate.owner IS NULL THEN %s",
						 quote_literal_cstr(search->reasons->no_owner));
	if (owner && owner->columns[smk_entity_column(owner->entity, "is_active")].text != NULL)
		appendStringInfo(&reason, "\n           WHEN NOT owner.is_active THEN %s",
						 quote_literal_cstr(search->reasons->inactive));
	if (owner)
		appendStringInfo(&reason, "\n           WHEN owner.owner IS NULL THEN %s",
						 quote_literal_cstr(search->reasons->queue));
	/* Of what is not bound nobody knows whether it is missing. */
	if (has_activities && search->tells_idle)
		appendStringInfo(&reason, "\n           WHEN %s THEN %s", is_idle(search),
						 quote_literal_cstr(search->reasons->idle));

	appendStringInfo(&open, "candidate.is_open IS NOT FALSE");
	if (has_disqualified)
		appendStringInfo(&open, "\n   AND (candidate.disqualified_at IS NULL%s)",
						 has_changes ? " OR stage_change.opened_at > candidate.disqualified_at" : "");
	if (has_changes)
		appendStringInfo(&open, "\n   AND (candidate.is_open OR stage_change.closed_at IS NULL OR "
								"stage_change.opened_at > stage_change.closed_at)");

	return psprintf(
		"SELECT candidate.lead_id::text AS lead_id, candidate.label, %s AS owner, candidate.stage,\n"
		"       candidate.created_at, %s AS last_activity_at, told.reason\n"
		"FROM (\n    %s) AS candidate%s\n"
		"CROSS JOIN LATERAL (\n    SELECT CASE%s END AS reason) AS told\n"
		"WHERE %s\n   AND told.reason IS NOT NULL\n"
		"ORDER BY since.at NULLS FIRST, candidate.lead_id::text COLLATE \"C\"",
		has_owner ? "candidate.owner::text" : "NULL::text",
		has_activities ? "activity.last_at" : "NULL::timestamptz", smk_sql_indent(leads, 4), from.data,
		reason.len ? reason.data : " WHEN true THEN NULL::text", open.data);
}

/* Raises an error for what is no length of time. */
static void
require_hours(double hours)
{
	if (isnan(hours) || isinf(hours) || hours < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"idle_hours\" must be a number of hours, not negative"),
						errhint("NULL leaves idle leads out.")));
}

PG_FUNCTION_INFO_V1(smk_orphaned_leads);

/* orphaned_leads(as_of, idle_hours, calendar): a row an open lead that nobody handles. */
Datum
smk_orphaned_leads(PG_FUNCTION_ARGS)
{
	SmkArguments arguments = {.period = "all"};
	Search search = {0};
	int level;

	search.tells_idle = !PG_ARGISNULL(1);
	if (search.tells_idle)
	{
		search.idle_hours = PG_GETARG_FLOAT8(1);
		require_hours(search.idle_hours);
	}
	search.as_of = PG_ARGISNULL(0) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(search.as_of))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"as_of\" must be finite"),
						errhint("Leave it out for how it stands now.")));
	search.calendar = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	search.request = smk_request(smk_config_load(), &orphaned_leads, &arguments);
	search.reasons = strcmp(search.request->config->language, "fr") == 0 ? &french : &english;
	search.request->has_as_of = search.as_of < search.request->now;
	/* The first instant that is not seen. */
	search.request->as_of = search.as_of + 1;
	if (search.tells_idle && smk_config_binding(search.request->config, "activity") == NULL)
		ereport(NOTICE, (errmsg("idle leads are not told: entity \"%s\" is not bound", "activity"),
						 errhint("Bind it with smarketing.bind('activity', ...).")));
	smk_statement_run_into((ReturnSetInfo *) fcinfo->resultinfo, compile(&search), orphaned_leads.name);
	smk_statement_end(level);
	return (Datum) 0;
}
