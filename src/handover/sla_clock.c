/*
 * sla_clock.c: the clocks of a rule as one SELECT over what is bound. A row a trigger: the lead, when it
 * happened, when its answer is due, and when its clock was ended by which.
 *
 * An answer is an activity by a person. A closing is what disqualifies, loses, recycles or wins the lead, or
 * ends it as a customer; of a lead that is closed now the clocks that nothing dated ended end where they
 * started, but for what somebody asked after a dated closing. What is dated later than now has not happened.
 *
 * The activity whose points start a clock does not end it: it is what happened, and not what somebody did
 * about it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "calendar/business.h"
#include "handover/sla.h"
#include "kpi/dimension.h"
#include "kpi/moment.h"
#include "kpi/records.h"
#include "kpi/score.h"
#include "kpi/source.h"
#include "timeline/word.h"

/* The label under which rules are in errors about filters; options are read elsewhere. */
static const char *const no_options[] = {"time_zone", NULL};

static const SmkColumn no_columns[] = {{0}};

static const SmkKpi sla_kpi = {"define_sla", 0, NULL, "lead", no_columns, NULL, NULL, no_options};

static const SmkRecordSet lead_set = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet activity_set = {"activities", "activity", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet change_set = {"changes", "stage_change", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet close_set = {"closings", "opportunity", "closed_at", SMK_KIND_ANY,
									   false,	   NULL,		  NULL};

/* Dated rows of leads: a SELECT of lead_id and at; of answers also is_scored where a score may start the
 * clock: whether the activity gives points. */
typedef struct Events
{
	char *sql;
	Oid key_type;
} Events;

/* A rule's statement while it is written. */
typedef struct Clocks
{
	const SmkRequest *request; /* its range is that of the triggers */
	const SmkSlaRule *rule;
	SmkRequest *leads;	/* all leads that the filters leave */
	SmkRequest *starts; /* triggers of one kind of activity: of the range */
	SmkRequest *ever;	/* all that happened until now */
	SmkRequest *after;	/* of it what may end a clock of the range */
	Oid lead_type;
	bool has_stage; /* the lead's stage of now tells that it is closed */
	bool has_score; /* a score is among the conditions: crossed_at is when it was reached */
} Clocks;

/* A request of all time until now, of no rule yet; as_of NULL: now. */
SmkRequest *
smk_sla_request(SmkConfig *config, const TimestampTz *as_of)
{
	SmkArguments arguments = {.period = "all"};
	SmkRequest *request = smk_request(config, &sla_kpi, &arguments);

	if (as_of != NULL && *as_of < request->now)
	{
		request->has_as_of = true;
		request->as_of = *as_of + 1;
		request->now = *as_of;
	}
	request->until = request->now + 1;
	return request;
}

/* The instant as of which clocks are looked at: the last one that is seen. */
TimestampTz
smk_sla_as_of(const SmkRequest *request)
{
	return request->has_as_of ? Min(request->as_of - 1, request->now) : request->now;
}

/* A copy of the request without filters and dimensions, over a range of its own. */
static SmkRequest *
plain_request(const SmkRequest *request, bool has_since, TimestampTz until)
{
	SmkRequest *plain = palloc(sizeof(SmkRequest));

	*plain = *request;
	plain->filters = NIL;
	plain->by = NIL;
	plain->has_since = has_since;
	plain->until = until;
	plain->is_unbounded = false;
	plain->has_as_of = false;
	plain->basis = NULL;
	plain->has_within = false;
	plain->mode = NULL;
	return plain;
}

/* The binding of an entity: an error where there is none. */
static SmkBinding *
require_binding(const SmkRequest *request, const char *entity)
{
	SmkBinding *binding = smk_config_binding(request->config, entity);

	if (binding == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("SLA rules need entity \"%s\", which is not bound", entity),
				 errhint("Say where it is: SELECT smarketing.bind('%s', 'schema.table', '{...}').", entity)));
	return binding;
}

/* The rows of a set in the request's range for which a condition (or NULL) holds, with what follows a comma
 * beside when. */
static Events *
events(SmkRecords *records, const char *columns, const char *condition)
{
	Events *result = palloc(sizeof(Events));
	char *key = smk_records_column(records, "lead_id");
	char *at = smk_records_instant(records, records->set->at);

	result->key_type =
		smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, "lead_id"));
	result->sql = psprintf("SELECT %s, %s AS at%s\n%s", key, at, columns,
						   smk_records_from(records, records->set->name, false, condition));
	return result;
}

/* The condition that an activity is of one of these kinds, under whatever name the CRM has it. */
static char *
of_kinds(SmkRecords *records, List *kinds, bool is_negated)
{
	SmkBy *kind = smk_request_by(records->request->config, "kind");
	SmkFilter filter = {.by = kind, .is_negated = is_negated, .values = kinds};

	return smk_dimension_filter(records->request, &filter, smk_records_column(records, "kind"));
}

/* The activities of one kind. */
static Events *
activities(const SmkRequest *request, const char *kind)
{
	SmkRecords *records = smk_records(request, &activity_set, require_binding(request, "activity"));

	return events(records, "", of_kinds(records, list_make1(unconstify(char *, kind)), false));
}

/* When scores first came to a threshold; the SELECT stands in brackets. */
static Events *
crossings(const SmkRequest *request, double score)
{
	Events *result = palloc(sizeof(Events));

	result->sql = smk_score_crossings_sql(request->config, score, request->time_zone);
	if (result->sql == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("nothing tells the score of a lead"),
						errhint("Say what activities are worth with smarketing.define_score().")));
	result->key_type = smk_score_key_type(smk_config_binding(request->config, "activity"));
	return result;
}

/* SQL for whether there is an activity of a kind at all. */
char *
smk_sla_kind_is_seen(SmkConfig *config, const char *kind)
{
	SmkRequest *request = plain_request(smk_sla_request(config, NULL), false, 0);
	SmkRecords *records = smk_records(request, &activity_set, require_binding(request, "activity"));
	char *condition = of_kinds(records, list_make1(unconstify(char *, kind)), false);

	return psprintf("SELECT EXISTS (\n    SELECT 1 %s)",
					smk_records_from(records, records->set->name, true, condition));
}

/* SQL for a list of kinds of activity that there are, as they are named, those first that differ from a kind
 * in case or accents alone; NULL where there are none. */
char *
smk_sla_seen_kinds(SmkConfig *config, const char *kind)
{
	SmkRequest *request = plain_request(smk_sla_request(config, NULL), false, 0);
	SmkRecords *records = smk_records(request, &activity_set, require_binding(request, "activity"));
	char *column = smk_records_column(records, "kind");
	char *named = smk_dimension_text(request, smk_request_by(config, "kind"), column);
	bool has_accents = GetDatabaseEncoding() == PG_UTF8;
	char *plain =
		has_accents ? "regexp_replace(lower(normalize(%s, NFD)), '[\\u0300-\\u036f]', '', 'g')" : "lower(%s)";

	return psprintf(
		"SELECT string_agg(listed.kind, ', ' ORDER BY listed.is_other, listed.kind COLLATE \"C\")\n"
		"FROM (\n"
		"    SELECT known.kind, %s <> %s AS is_other\n"
		"    FROM (\n"
		"        SELECT DISTINCT %s AS kind\n        %s) AS known\n"
		"    ORDER BY is_other, known.kind COLLATE \"C\"\n"
		"    LIMIT 20) AS listed",
		psprintf(plain, "known.kind"), psprintf(plain, quote_literal_cstr(kind)), named,
		smk_sql_indent(
			smk_records_from(records, records->set->name, true, psprintf("%s IS NOT NULL", column)), 8));
}

/* A column that tells whether an activity gives points, as its kind is bound. */
static char *
is_scored_column(SmkRecords *records)
{
	char *kind = smk_records_column(records, "kind");
	StringInfoData kinds;
	ListCell *cell;

	initStringInfo(&kinds);
	foreach (cell, records->request->config->score_rules)
		appendStringInfo(&kinds, "%s%s", kinds.len ? ", " : "",
						 quote_literal_cstr(((SmkScoreRule *) lfirst(cell))->activity));
	return psprintf(", %s IN (%s) AS is_scored", kind, kinds.data);
}

/* The activities by persons that answer. */
static Events *
answers(const Clocks *clocks)
{
	SmkRecords *records =
		smk_records(clocks->after, &activity_set, require_binding(clocks->after, "activity"));
	List *own = NIL;
	StringInfoData condition;
	char *automatic = smk_records_column(records, "is_automatic");
	ListCell *cell;

	initStringInfo(&condition);
	foreach (cell, clocks->rule->conditions)
		if (((SmkSlaCondition *) lfirst(cell))->trigger == SMK_SLA_ACTIVITY)
			own = lappend(own, unconstify(char *, ((SmkSlaCondition *) lfirst(cell))->name));
	if (clocks->rule->answers)
		appendStringInfoString(&condition, of_kinds(records, clocks->rule->answers, false));
	else if (own)
		appendStringInfoString(&condition, of_kinds(records, own, true));
	if (automatic)
		appendStringInfo(&condition, "%s%s IS NOT TRUE", condition.len ? "\n   AND " : "", automatic);
	return events(records, clocks->has_score ? is_scored_column(records) : "",
				  condition.len ? condition.data : NULL);
}

/* The condition that an entity's stage closes the lead. */
static char *
is_closed(SmkRecords *records)
{
	(void) smk_records_column(records, "stage");
	(void) smk_records_column(records, "pipeline");
	return smk_source_stages(records->request->config, records->binding, records->binding->entity->name,
							 SMK_STAGE_BIT(SMK_STAGE_DISQUALIFIED) | SMK_STAGE_BIT(SMK_STAGE_LOST) |
								 SMK_STAGE_BIT(SMK_STAGE_RECYCLED) | SMK_STAGE_BIT(SMK_STAGE_CHURNED) |
								 SMK_STAGE_BIT(SMK_STAGE_WON));
}

/* What closes leads beside their own exit_at, of Events; over a request. */
static List *
closings(const SmkRequest *request)
{
	List *list = NIL;
	SmkBinding *binding;

	if ((binding = smk_source_with(request->config, "stage_change", "lead_id")) != NULL)
	{
		SmkRecords *records = smk_records(request, &change_set, binding);

		list = lappend(list, events(records, "", is_closed(records)));
	}
	if ((binding = smk_source_with(request->config, "opportunity", "lead_id")) != NULL &&
		smk_source_with(request->config, "opportunity", "closed_at") != NULL &&
		smk_source_with(request->config, "opportunity", "won") != NULL)
	{
		SmkRecords *records = smk_records(request, &close_set, binding);

		list = lappend(list,
					   events(records, "", psprintf("%s IS NOT NULL", smk_records_column(records, "won"))));
	}
	return list;
}

/* The condition that an event is of the lead of an alias. */
static char *
of_lead(const Clocks *clocks, const char *event, Oid type, const char *lead)
{
	return smk_source_keys_equal(psprintf("%s.lead_id", event), type, psprintf("%s.lead_id", lead),
								 clocks->lead_type);
}

/* SQL for when a lead came to a condition that is its own; NULL where nothing that is bound tells. */
static char *
lead_moment(SmkRecords *records, const SmkSlaCondition *condition)
{
	if (condition->trigger == SMK_SLA_ASSIGNED)
		return smk_records_instant(records, "assigned_at");
	if (strcmp(condition->name, "lead") == 0)
		return smk_records_instant(records, "created_at");
	if (strcmp(condition->name, "won") == 0)
		return smk_records_column(records, "customer_time");
	return smk_records_column(records, psprintf("%s_time", condition->name));
}

/* The same: an error where nothing tells. */
static char *
require_moment(SmkRecords *records, const SmkSlaCondition *condition)
{
	char *moment = lead_moment(records, condition);

	if (moment != NULL)
		return moment;
	if (condition->trigger == SMK_SLA_ASSIGNED)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("nothing that is bound tells when a lead is assigned"),
						errhint("Bind column \"assigned_at\" of entity \"lead\".")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing that is bound tells when a lead comes to stage \"%s\"", condition->name),
			 errhint("Bind entity \"stage_change\" with \"lead_id\", entity \"opportunity\", or the lead's "
					 "column for it.")));
}

/* SQL for a column of the lead as it is shown, NULL where it is missing or nobody knows. */
static char *
shown(SmkRecords *records, const char *name)
{
	SmkBy *by = strcmp(name, "manager") == 0 ? palloc0(sizeof(SmkBy))
											 : smk_request_by(records->request->config, name);

	by->name = name;
	if (!smk_records_have_dimension(records, by))
		return pstrdup("NULL::text");
	return psprintf("nullif(%s, '(none)')",
					smk_dimension_text(records->request, by, smk_records_dimension(records, by, name)));
}

/*
 * The leads, with the times of the conditions that are their own as moment_1 and so on, whether they are
 * closed, and what is shown of them.
 */
static char *
lead_select(const Clocks *clocks, const SmkSlaShape *shape, StringInfo extras)
{
	SmkRecords *records =
		smk_records(clocks->leads, &lead_set, smk_config_binding(clocks->leads->config, "lead"));
	StringInfoData columns;
	char *exit;
	int n = 0;
	ListCell *cell;

	initStringInfo(&columns);
	appendStringInfoString(&columns, smk_records_column(records, "lead_id"));
	if (shape->has_lead)
	{
		char *label = smk_records_column(records, "label");

		appendStringInfo(&columns,
						 ",\n       %s AS label, %s AS owner,\n       %s AS manager,\n       %s AS team",
						 label ? label : "NULL::text", shown(records, "owner"), shown(records, "manager"),
						 shown(records, "team"));
		appendStringInfoString(extras, ", min(clock.label) AS label, min(clock.owner) AS owner, "
									   "min(clock.manager) AS manager, min(clock.team) AS team");
	}
	foreach (cell, clocks->request->by)
	{
		SmkBy *by = lfirst(cell);

		n++;
		appendStringInfo(
			&columns, ",\n       %s AS by_%d",
			smk_dimension_text(clocks->request, by, smk_records_dimension(records, by, "triggers")), n);
		appendStringInfo(extras, ", min(clock.by_%d) AS by_%d", n, n);
	}
	n = 0;
	foreach (cell, clocks->rule->conditions)
	{
		const SmkSlaCondition *condition = lfirst(cell);

		n++;
		if (condition->trigger == SMK_SLA_STAGE || condition->trigger == SMK_SLA_ASSIGNED)
			appendStringInfo(&columns, ",\n       %s AS moment_%d", require_moment(records, condition), n);
	}
	if (clocks->has_stage)
		appendStringInfo(&columns, ",\n       coalesce(%s, false) AS is_closed", is_closed(records));
	else
		appendStringInfoString(&columns, ",\n       false AS is_closed");
	exit = smk_records_instant(records, "disqualified_at");
	appendStringInfo(&columns, ",\n       %s AS exit_at",
					 exit ? psprintf("CASE WHEN %s < %s THEN %s END", exit,
									 smk_timestamp_literal(clocks->ever->until), exit)
						  : "NULL::timestamptz");
	return psprintf("SELECT %s\n%s", columns.data, smk_records_from(records, "triggers", true, NULL));
}

/* The condition that an event is not what started the clock itself, by its points. */
#define IS_NOT_ITS_TRIGGER "(ended.is_scored AND ended.at = clock.crossed_at) IS NOT TRUE"

/* The condition that none of the events, of which a further one (or "") holds, ended the clock of an alias,
 * whose lead has a key of that type. */
static char *
is_not_ended(const Events *end, const char *clock, Oid key_type, const char *at, const char *condition)
{
	return psprintf(
		"NOT EXISTS (\n    SELECT 1\n    FROM (\n        %s) AS ended\n    WHERE %s\n      AND ended.at >= "
		"%s.%s%s)",
		smk_sql_indent(end->sql, 8),
		smk_source_keys_equal("ended.lead_id", end->key_type, psprintf("%s.lead_id", clock), key_type), clock,
		at, condition);
}

/* True where the trigger is each activity of one kind: a lead may have many clocks, and what was answered can
 * be left out first. */
static bool
is_each_activity(const SmkSlaRule *rule)
{
	return list_length(rule->conditions) == 1 &&
		   ((SmkSlaCondition *) linitial(rule->conditions))->trigger == SMK_SLA_ACTIVITY;
}

/* The leads whose conditions were met, and when the last one was: triggered_at. */
static char *
trigger_select(const Clocks *clocks, const SmkSlaShape *shape, StringInfo extras)
{
	List *conditions = clocks->rule->conditions;
	bool is_single = list_length(conditions) == 1;
	char *leads = lead_select(clocks, shape, extras);
	StringInfoData joins;
	StringInfoData where;
	StringInfoData moments;
	StringInfoData crossed;
	char *triggered_at;
	int n = 0;
	ListCell *cell;

	initStringInfo(&joins);
	initStringInfo(&where);
	initStringInfo(&moments);
	initStringInfo(&crossed);
	/* Nobody could be told which one it is. */
	appendStringInfoString(&where, "lead.lead_id IS NOT NULL AND ");
	foreach (cell, conditions)
	{
		const SmkSlaCondition *condition = lfirst(cell);
		char *moment = psprintf("lead.moment_%d", ++n);

		if (condition->trigger == SMK_SLA_SCORE)
		{
			Events *crossing = crossings(clocks->request, condition->score);
			char *alias = psprintf("crossed_%d", n);

			moment = psprintf("%s.at", alias);
			appendStringInfo(&crossed, "%s%s", crossed.len ? ", " : "", moment);
			appendStringInfo(&joins, "\nJOIN %s AS %s ON %s", smk_sql_indent(crossing->sql, 5), alias,
							 of_lead(clocks, alias, crossing->key_type, "lead"));
		}
		if (condition->trigger == SMK_SLA_ACTIVITY)
		{
			Events *happened = activities(is_single ? clocks->starts : clocks->ever, condition->name);
			char *alias = psprintf("happened_%d", n);

			moment = psprintf("%s.at", alias);
			if (!is_single)
				happened->sql =
					psprintf("SELECT happened.lead_id, min(happened.at) AS at\nFROM (\n    %s) AS "
							 "happened\nGROUP BY happened.lead_id",
							 smk_sql_indent(happened->sql, 4));
			else if (shape->is_open)
				/* Most triggers are answered, which the planner does not know: of a limit that it cannot read
				 * it expects a tenth, whose leads are looked up instead of all leads being read. */
				happened->sql =
					psprintf("SELECT happened.lead_id, happened.at\nFROM (\n    %s) AS happened\nWHERE %s\n"
							 "LIMIT (SELECT bigint '9223372036854775807')",
							 smk_sql_indent(happened->sql, 4),
							 is_not_ended(answers(clocks), "happened", happened->key_type, "at", ""));
			appendStringInfo(&joins, "\nJOIN (\n    %s) AS %s ON %s", smk_sql_indent(happened->sql, 4), alias,
							 of_lead(clocks, alias, happened->key_type, "lead"));
		}
		appendStringInfo(&where, "%s IS NOT NULL AND ", moment);
		appendStringInfo(&moments, "%s%s", n > 1 ? ", " : "", moment);
	}
	triggered_at = is_single ? moments.data : psprintf("greatest(%s)", moments.data);
	/* What lies farther back has no place in the response times, and is no date that anybody meant. */
	appendStringInfo(&where, "%s >= %s", triggered_at,
					 smk_timestamp_literal(clocks->starts->has_since
											   ? Max(clocks->starts->since, -SMK_WORD_MAX_TIME)
											   : -SMK_WORD_MAX_TIME));
	/* Of several thresholds the last one that is reached starts the clock. */
	return psprintf("SELECT lead.*, %s AS triggered_at%s\nFROM (\n    %s) AS lead%s\nWHERE %s\n  AND %s < %s",
					triggered_at,
					clocks->has_score ? psprintf(", greatest(%s) AS crossed_at", crossed.data) : "",
					smk_sql_indent(leads, 4), joins.data, where.data, triggered_at,
					smk_timestamp_literal(clocks->starts->until));
}

/* SQL for the hours between two instants, of open time where the rule has a calendar. */
char *
smk_sla_hours(const SmkSlaRule *rule, const char *from, const char *to)
{
	if (rule->calendar)
		return psprintf("smarketing.business_hours(%s, %s, %s)", from, to,
						quote_literal_cstr(rule->calendar));
	return psprintf("(extract(epoch FROM %s - %s) / 3600)::double precision", to, from);
}

/* The UNION ALL of events, of which the first are answers, as they have their keys in common or as text. */
static Events
union_of(const Clocks *clocks, List *list)
{
	Events result = {NULL, ((Events *) linitial(list))->key_type};
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, list)
		if (((Events *) lfirst(cell))->key_type != result.key_type)
			result.key_type = TEXTOID;
	foreach (cell, list)
	{
		const Events *one = lfirst(cell);
		bool is_answer = foreach_current_index(cell) == 0;

		appendStringInfo(
			&sql,
			"%sSELECT event_%d.lead_id%s AS lead_id, event_%d.at, %s AS is_answer%s\nFROM (\n    "
			"%s) AS event_%d",
			sql.len ? "\nUNION ALL\n" : "", foreach_current_index(cell),
			one->key_type == result.key_type ? "" : "::text", foreach_current_index(cell),
			is_answer ? "true" : "false",
			!clocks->has_score ? ""
			: is_answer		   ? ", event_0.is_scored"
							   : ", false AS is_scored",
			smk_sql_indent(one->sql, 4), foreach_current_index(cell));
	}
	result.sql = sql.data;
	return result;
}

/*
 * The condition that a lead is out by its stage of now, whatever it was when its clock started. Who asks has
 * to be answered, though a date tells that he was out before: asking changes no stage.
 */
static char *
is_out(const Clocks *clocks)
{
	StringInfoData sql;
	ListCell *cell;

	if (!clocks->has_stage || !is_each_activity(clocks->rule))
		return "clock.is_closed";
	initStringInfo(&sql);
	appendStringInfoString(&sql, "clock.is_closed AND clock.exit_at IS NULL");
	foreach (cell, closings(clocks->ever))
	{
		const Events *closing = lfirst(cell);

		appendStringInfo(
			&sql,
			"\n       AND NOT EXISTS (\n           SELECT 1\n           FROM (\n               %s) "
			"AS closing\n           WHERE %s)",
			smk_sql_indent(closing->sql, 15), of_lead(clocks, "closing", closing->key_type, "clock"));
	}
	return sql.data;
}

/* The clocks that nothing ended. */
static char *
open_clocks(const Clocks *clocks, const char *triggers, const char *extras)
{
	StringInfoData where;
	ListCell *cell;

	initStringInfo(&where);
	appendStringInfo(&where, "NOT (%s)\n  AND (clock.exit_at >= clock.triggered_at) IS NOT TRUE",
					 is_out(clocks));
	if (!is_each_activity(clocks->rule))
		appendStringInfo(
			&where, "\n  AND %s",
			smk_sql_indent(is_not_ended(answers(clocks), "clock", clocks->lead_type, "triggered_at",
										clocks->has_score ? "\n      AND " IS_NOT_ITS_TRIGGER : ""),
						   2));
	foreach (cell, closings(clocks->after))
		appendStringInfo(
			&where, "\n  AND %s",
			smk_sql_indent(is_not_ended(lfirst(cell), "clock", clocks->lead_type, "triggered_at", ""), 2));
	return psprintf(
		"SELECT clock.lead_id, clock.triggered_at%s\nFROM (\n    %s) AS clock\nWHERE %s\nGROUP BY "
		"clock.lead_id, clock.triggered_at",
		extras, smk_sql_indent(triggers, 4), where.data);
}

/* SQL for the first of an ordered array of instants that is not before an instant of the clock's. */
static char *
first_since(const char *instants, const char *since)
{
	return psprintf("CASE WHEN %s[width_bucket(%s, %s)] = %s THEN %s ELSE %s[width_bucket(%s, %s) + 1] END",
					instants, since, instants, since, since, instants, since, instants);
}

/*
 * The clocks of a rule that starts one at each activity. A lead may have many, and each of them joined with
 * all that happened after it would be the square of that: what happened to a lead is collected once, in
 * order, and its clocks look it up; the fence: once, and no further up does anything carry what was
 * collected.
 */
static char *
clocks_of_activities(const Clocks *clocks, const Events *end, const char *triggers, const char *extras)
{
	const SmkSlaCondition *condition = linitial(clocks->rule->conditions);
	Events *started = activities(clocks->starts, condition->name);

	return psprintf(
		"SELECT clock.*, clock.is_untold AND ended.stops IS NULL AS is_closed, %s AS answered_at,\n"
		"       least(%s, clock.own_exit_at) AS stopped_at\n"
		"FROM (\n"
		"    SELECT clock.lead_id, clock.triggered_at%s,\n"
		"           bool_and(clock.is_closed AND clock.exit_at IS NULL) AS is_untold,\n"
		"           min(clock.exit_at) FILTER (WHERE clock.exit_at >= clock.triggered_at) AS own_exit_at\n"
		"    FROM (\n        %s) AS clock\n"
		"    GROUP BY clock.lead_id, clock.triggered_at) AS clock\n"
		"LEFT JOIN (\n"
		"    SELECT ended.lead_id, array_agg(ended.at) FILTER (WHERE ended.is_answer) AS answers,\n"
		"           array_agg(ended.at) FILTER (WHERE NOT ended.is_answer) AS stops\n"
		"    FROM (\n"
		"        SELECT ended.*\n"
		"        FROM (\n            %s) AS ended\n"
		"        WHERE EXISTS (\n"
		"            SELECT 1\n"
		"            FROM (\n                %s) AS started\n"
		"            WHERE %s)\n"
		"        ORDER BY ended.lead_id, ended.at) AS ended\n"
		"    GROUP BY ended.lead_id) AS ended\n"
		"    ON %s\n"
		"OFFSET bigint '0'",
		first_since("ended.answers", "clock.triggered_at"), first_since("ended.stops", "clock.triggered_at"),
		extras, smk_sql_indent(triggers, 8), smk_sql_indent(end->sql, 12), smk_sql_indent(started->sql, 16),
		smk_source_keys_equal("started.lead_id", started->key_type, "ended.lead_id", end->key_type),
		of_lead(clocks, "ended", end->key_type, "clock"));
}

/* The clocks of a rule that starts at most one a lead. */
static char *
clocks_of_leads(const Clocks *clocks, const Events *end, const char *triggers, const char *extras)
{
	return psprintf(
		"SELECT clock.lead_id, clock.triggered_at%s,\n"
		"       bool_and(clock.is_closed) AS is_closed,\n"
		"       min(ended.at) FILTER (WHERE ended.is_answer) AS answered_at,\n"
		"       least(min(ended.at) FILTER (WHERE NOT ended.is_answer),\n"
		"             min(clock.exit_at) FILTER (WHERE clock.exit_at >= clock.triggered_at)) AS stopped_at\n"
		"FROM (\n    %s) AS clock\n"
		"LEFT JOIN (\n    %s) AS ended\n"
		"    ON %s AND ended.at >= clock.triggered_at%s\n"
		"GROUP BY clock.lead_id, clock.triggered_at",
		extras, smk_sql_indent(triggers, 4), smk_sql_indent(end->sql, 4),
		of_lead(clocks, "ended", end->key_type, "clock"),
		clocks->has_score ? " AND " IS_NOT_ITS_TRIGGER : "");
}

/* All clocks, with when they were answered or stopped: the first of both. */
static char *
all_clocks(const Clocks *clocks, const char *triggers, const char *extras)
{
	bool is_asked = is_each_activity(clocks->rule);
	Events end = union_of(clocks, lcons(answers(clocks), closings(is_asked ? clocks->ever : clocks->after)));
	char *ended = is_asked ? clocks_of_activities(clocks, &end, triggers, extras)
						   : clocks_of_leads(clocks, &end, triggers, extras);

	return psprintf("SELECT clock.*,\n"
					"       CASE WHEN clock.answered_at IS NULL AND clock.stopped_at IS NULL\n"
					"             AND clock.is_closed THEN clock.triggered_at\n"
					"            ELSE clock.stopped_at END AS closed_at\n"
					"FROM (\n    %s) AS clock",
					smk_sql_indent(ended, 4));
}

/* Tells of which rule an error is. */
static void
rule_context(void *rule)
{
	errcontext("SLA rule \"%s\"", ((const SmkSlaRule *) rule)->name);
}

/*
 * The clocks of a rule whose triggers fall into the request's range, of the leads that its filters and the
 * rule's leave: lead_id, triggered_at, due_at, by_1 and so on as the request asks, what the shape says, and
 * unless it is of open clocks alone answered_at and stopped_at, at most one of which is not NULL.
 */
char *
smk_sla_clocks(const SmkRequest *request, const SmkSlaRule *rule, const SmkSlaShape *shape)
{
	Clocks clocks = {.request = request, .rule = rule};
	ErrorContextCallback context = {error_context_stack, rule_context, unconstify(SmkSlaRule *, rule)};
	TimestampTz end = smk_sla_as_of(request) + 1;
	SmkArguments filtered = {.period = "all", .filter = rule->filter};
	StringInfoData extras;
	StringInfoData columns;
	char *sql;
	ListCell *cell;

	error_context_stack = &context;
	smk_binding_open(require_binding(request, "lead"));
	(void) require_binding(request, "activity");
	if (rule->calendar)
		(void) smk_calendar_load(rule->calendar, CurrentMemoryContext);
	clocks.lead_type = smk_source_key_type(smk_config_binding(request->config, "lead"),
										   smk_entity_column(smk_entity_find("lead"), "lead_id"));
	clocks.has_stage = !request->has_as_of && smk_source_with(request->config, "lead", "stage") != NULL;
	foreach (cell, rule->conditions)
		clocks.has_score |= ((SmkSlaCondition *) lfirst(cell))->trigger == SMK_SLA_SCORE;
	clocks.starts = plain_request(request, request->has_since, Min(request->until, end));
	clocks.ever = plain_request(request, false, end);
	clocks.after = plain_request(request, request->has_since, end);
	clocks.leads = plain_request(request, false, end);
	clocks.leads->is_all = clocks.leads->is_unbounded = true;
	clocks.leads->has_as_of = request->has_as_of;
	clocks.leads->filters =
		list_concat_copy(request->filters, smk_request(request->config, &sla_kpi, &filtered)->filters);

	initStringInfo(&extras);
	sql = trigger_select(&clocks, shape, &extras);
	sql = shape->is_open ? open_clocks(&clocks, sql, extras.data) : all_clocks(&clocks, sql, extras.data);
	initStringInfo(&columns);
	appendStringInfo(&columns, "SELECT clock.lead_id, clock.triggered_at, %s AS due_at",
					 smk_moment_due("clock.triggered_at", rule->within, rule->calendar));
	if (shape->has_lead)
		appendStringInfoString(&columns, ",\n       clock.label, clock.owner, clock.manager, clock.team");
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&columns, "%sclock.by_%d", i ? ", " : ",\n       ", i + 1);
	if (!shape->is_open)
		appendStringInfoString(&columns,
							   ",\n       CASE WHEN clock.answered_at <= clock.closed_at OR clock.closed_at "
							   "IS NULL THEN clock.answered_at END AS answered_at,\n"
							   "       CASE WHEN clock.closed_at < clock.answered_at OR clock.answered_at IS "
							   "NULL THEN clock.closed_at END AS stopped_at");
	sql = psprintf("%s\nFROM (\n    %s) AS clock", columns.data, smk_sql_indent(sql, 4));
	error_context_stack = context.previous;
	return sql;
}
