/*
 * orphan.c: open leads that nobody handles: without an owner, with one who has left, with one who is nobody
 * (a queue), or without anybody's activity for too long. One statement over the bound entities; activities
 * and stage changes are folded by lead, each in one pass.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "argument.h"
#include "calendar/business.h"
#include "handover/orphan_open.h"
#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/source.h"
#include "kpi/statement.h"

/* The reasons in the order in which the first that holds is told. */
typedef struct Reasons
{
	const char *no_owner;
	const char *inactive;
	const char *queue;
	const char *idle;
} Reasons;

static const Reasons english = {"no owner", "inactive owner", "owner is a queue", "idle"};
static const Reasons french = {"sans responsable", "responsable inactif",
							   "le responsable est une file d'attente", "sans activité"};

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
	SmkCalendar *calendar; /* whose hours they are; NULL: the wall clock's */
	const Reasons *reasons;
} Search;

/* Adds the last activity of a person on each lead; false where no activities are bound. */
static bool
join_activities(const SmkRequest *request, const SmkBinding *lead, StringInfo from)
{
	SmkBinding *activity = smk_source_with(request->config, "activity", NULL);
	int automatic = smk_entity_column(smk_entity_find("activity"), "is_automatic");
	bool needed[SMK_MAX_COLUMNS] = {false};

	if (activity == NULL)
		return false;
	needed[smk_entity_column(activity->entity, "lead_id")] = true;
	needed[smk_entity_column(activity->entity, "at")] = true;
	needed[automatic] = activity->columns[automatic].text != NULL;
	smk_orphan_join_folded(
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
	SmkBinding *owner = smk_source_with(request->config, "owner", NULL);
	int active = smk_entity_column(smk_entity_find("owner"), "is_active");
	SmkJoin join = {.alias = "owner", .binding = owner, .left_key = "lead.owner"};

	if (owner == NULL)
		return NULL;
	join.left_type = smk_source_key_type(lead, smk_entity_column(lead->entity, "owner"));
	join.needed[smk_entity_column(owner->entity, "owner")] = true;
	join.needed[active] = owner->columns[active].text != NULL;
	smk_dimension_join(&join, from);
	return owner;
}

/*
 * The last instant since which more than the hours have passed: what was in somebody's hands then, and not
 * later, lies idle. False where there is no time so far back.
 */
static bool
idle_since(const Search *search, TimestampTz *since)
{
	double micros = rint(search->idle_hours * USECS_PER_HOUR);
	int64 longer;
	int64 most;

	if (search->calendar)
		most = smk_calendar_elapsed(search->calendar, MIN_TIMESTAMP, search->as_of);
	else if (pg_sub_s64_overflow(search->as_of, MIN_TIMESTAMP, &most))
		most = PG_INT64_MAX;
	if (!(micros < (double) most) || (longer = (int64) micros + 1) > most)
		return false;
	*since = search->calendar ? smk_calendar_add(search->calendar, search->as_of, -longer)
							  : search->as_of - longer;
	return true;
}

/* The statement: a row an orphan, those that lay longest first. */
static char *
compile(const Search *search)
{
	SmkRequest *request = search->request;
	SmkRecords *records;
	SmkBinding *owner = NULL;
	bool has_owner;
	bool has_activities;
	TimestampTz since;
	char *leads;
	char *shown_owner = "lead.owner";
	StringInfoData from;
	StringInfoData reason;

	smk_compile_require_entity(request);
	records = smk_records(request, &leads_created, smk_config_binding(request->config, "lead"));
	has_owner = smk_records_column(records, "owner") != NULL;
	leads = smk_orphan_open_leads(records);
	initStringInfo(&from);
	initStringInfo(&reason);
	has_activities = join_activities(request, records->binding, &from);
	if (has_owner)
	{
		owner = join_owners(request, records->binding, &from);
		/* As KPIs show the dimension. */
		shown_owner =
			psprintf("CASE WHEN lead.owner IS NOT NULL THEN %s END",
					 smk_dimension_text(request, smk_request_by(request->config, "owner"), "lead.owner"));
	}
	appendStringInfo(
		&from,
		"\nCROSS JOIN LATERAL (\n    SELECT greatest(lead.created_at, lead.assigned_at%s) AS at) AS since",
		has_activities ? ", activity.last_at" : "");

	if (has_owner)
		appendStringInfo(&reason, "\n           WHEN lead.owner IS NULL THEN %s",
						 quote_literal_cstr(search->reasons->no_owner));
	if (owner && owner->columns[smk_entity_column(owner->entity, "is_active")].text != NULL)
		appendStringInfo(&reason, "\n           WHEN NOT owner.is_active THEN %s",
						 quote_literal_cstr(search->reasons->inactive));
	if (owner)
		appendStringInfo(&reason, "\n           WHEN owner.owner IS NULL THEN %s",
						 quote_literal_cstr(search->reasons->queue));
	/* Of what is not bound nobody knows whether it is missing. */
	if (has_activities && search->tells_idle && idle_since(search, &since))
		appendStringInfo(&reason, "\n           WHEN since.at <= %s THEN %s", smk_timestamp_literal(since),
						 quote_literal_cstr(search->reasons->idle));
	return psprintf("SELECT lead.lead_id::text AS lead_id, lead.label, %s AS owner,\n"
					"       lead.stage, lead.created_at, %s AS last_activity_at, told.reason\n"
					"FROM (\n    %s) AS lead%s\n"
					"CROSS JOIN LATERAL (\n    SELECT CASE%s END AS reason) AS told\n"
					"WHERE told.reason IS NOT NULL\n"
					"ORDER BY since.at NULLS FIRST, lead.lead_id::text COLLATE \"C\"",
					shown_owner, has_activities ? "activity.last_at" : "NULL::timestamptz",
					smk_sql_indent(leads, 4), from.data,
					reason.len ? reason.data : " WHEN true THEN NULL::text");
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

/* Tells which reasons are not told, as nobody knows: none of them is not the same as none of the leads. */
static void
notice_untold(const Search *search)
{
	const SmkConfig *config = search->request->config;

	if (search->tells_idle && smk_config_binding(config, "activity") == NULL)
		ereport(NOTICE, (errmsg("idle leads are not told: entity \"%s\" is not bound", "activity"),
						 errhint("Bind it with smarketing.bind('activity', ...).")));
	if (smk_source_with(config, "lead", "owner") == NULL)
		ereport(NOTICE,
				(errmsg("owners are not told: column \"%s\" of entity \"%s\" is not bound", "owner", "lead"),
				 errhint("Bind it with smarketing.bind('lead', ...): of leads without an owner, whose "
						 "owner has left or is a queue nobody knows.")));
	else if (smk_config_binding(config, "owner") == NULL)
		ereport(NOTICE,
				(errmsg("inactive owners and queues are not told: entity \"%s\" is not bound", "owner"),
				 errhint("Bind it with smarketing.bind('owner', ...).")));
	else if (smk_source_with(config, "owner", "is_active") == NULL)
		ereport(NOTICE, (errmsg("inactive owners are not told: column \"%s\" of entity \"%s\" is not bound",
								"is_active", "owner"),
						 errhint("Bind it with smarketing.bind('owner', ...).")));
}

PG_FUNCTION_INFO_V1(smk_orphaned_leads);

/* orphaned_leads(as_of, idle_hours, calendar): a row an open lead that nobody handles. */
Datum
smk_orphaned_leads(PG_FUNCTION_ARGS)
{
	SmkArguments arguments = {.period = "all"};
	Search search = {0};
	char *sql;
	int level;

	search.tells_idle = !PG_ARGISNULL(1);
	if (search.tells_idle)
	{
		search.idle_hours = PG_GETARG_FLOAT8(1);
		require_hours(search.idle_hours);
	}
	smk_argument_require(fcinfo, 0, "as_of");
	search.as_of = PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(search.as_of))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"as_of\" must be finite"),
						errhint("Leave it out for how it stands now.")));
	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	if (!PG_ARGISNULL(2))
		search.calendar = smk_calendar_load(text_to_cstring(PG_GETARG_TEXT_PP(2)), CurrentMemoryContext);
	search.request = smk_request(smk_config_load(), &orphaned_leads, &arguments);
	search.reasons = strcmp(search.request->config->language, "fr") == 0 ? &french : &english;
	search.request->has_as_of = search.as_of < search.request->now;
	/* The first instant that is not seen. */
	search.request->as_of = search.as_of + 1;
	sql = compile(&search);
	notice_untold(&search);
	smk_statement_run_into((ReturnSetInfo *) fcinfo->resultinfo, sql, orphaned_leads.name);
	smk_statement_end(level);
	return (Datum) 0;
}
