/*
 * getting_started.c: the steps from an empty configuration to a full scorecard and to what a dashboard reads,
 * as this database stands: what is done, what is to do, what may be done, and the statement for each.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "crm/preset.h"
#include "doctor/candidate.h"
#include "doctor/doctor.h"
#include "doctor/unmatched.h"

/* What is done with an entity. */
typedef struct Need
{
	const char *entity;
	bool is_needed; /* for the scorecard; else it adds to it */
	const char *what;
	const char *without; /* what to run where no relation is found; NULL: nothing is said */
} Need;

static const Need needs[] = {
	{"lead", true, "leads",
	 "SELECT smarketing.bind('lead', 'schema.table', '{\"lead_id\": \"...\", \"created_at\": \"...\"}')"},
	{"opportunity", true, "opportunities, won or lost",
	 "SELECT smarketing.bind('opportunity', 'schema.table', '{\"opportunity_id\": \"...\", \"created_at\": "
	 "\"...\"}')"},
	{"spend", true, "what marketing spends, by channel",
	 "INSERT INTO smarketing.spend_entry (at, amount, channel) VALUES (:'at', :amount, :'channel')"},
	{"owner", false, "owners: the people of sales", NULL},
	{"account", false, "accounts: the companies", NULL},
	{"stage_change", false, "stage changes, with their times", NULL},
	{"touch", false, "touches; else leads' channels are credited", NULL},
	{"activity", false, "activities: calls, mails, meetings; who answers leads, and how soon", NULL},
	{"revenue", false, "revenue; else won opportunities are it", NULL},
	{"subscription", false, "subscriptions; else won opportunities make customers", NULL},
	{"exchange_rate", false, "exchange rates", NULL},
	{"goal", false, "goals",
	 "INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', :'starts_on', "
	 "'month', "
	 ":value)"}};

/* A rows of the result. */
typedef struct Guide
{
	ReturnSetInfo *rsinfo;
	int steps;
	bool has_preset; /* one fits, and is not used yet */
	bool is_broken;	 /* something that is needed is to do */
} Guide;

static void
add_step(Guide *guide, const char *state, const char *what, const char *statement)
{
	Datum values[4];
	bool nulls[4] = {false};

	if (strcmp(state, "to do") == 0)
		guide->is_broken = true;
	values[0] = Int32GetDatum(++guide->steps);
	values[1] = CStringGetTextDatum(state);
	values[2] = CStringGetTextDatum(what);
	nulls[3] = statement == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(statement);
	tuplestore_putvalues(guide->rsinfo->setResult, guide->rsinfo->setDesc, values, nulls);
}

/* The presets that fit this database. */
static void
add_presets(SmkDoctor *doctor, void *state)
{
	Guide *guide = state;
	bool is_bound =
		smk_doctor_binding(doctor, "lead") != NULL && smk_doctor_binding(doctor, "opportunity") != NULL;
	List *found = NIL;
	ListCell *cell;
	uint64 rows;

	rows = smk_doctor_query("SELECT preset FROM smarketing.presets() WHERE found ORDER BY 1");
	for (uint64 row = 0; row < rows; row++)
		found = lappend(found, smk_doctor_text(row, 1));
	foreach (cell, found)
	{
		char *preset = lfirst(cell);

		add_step(guide, is_bound ? "done" : "to do",
				 is_bound ? psprintf("this looks like %s: it is bound", preset)
						  : psprintf("this looks like %s: bind all of it at once", preset),
				 smk_preset_call(preset, NULL));
		guide->has_preset = guide->has_preset || !is_bound;
	}
}

/* What binds one entity. */
static void
add_entity(Guide *guide, SmkDoctor *doctor, const Need *need, bool was_bound)
{
	SmkBinding *binding = smk_doctor_binding(doctor, need->entity);
	bool is_entered = strcmp(need->entity, "spend") == 0 || strcmp(need->entity, "goal") == 0 ||
					  strcmp(need->entity, "exchange_rate") == 0;
	SmkCandidate candidate;

	if (binding != NULL)
	{
		add_step(guide, "done", psprintf("%s: bound to %s", need->entity, binding->relation),
				 psprintf("SELECT * FROM smarketing.bindings WHERE entity = '%s'", need->entity));
		return;
	}
	if (was_bound)
	{
		add_step(guide, "to do", psprintf("%s: bound, and it cannot be read", need->entity),
				 psprintf("SELECT * FROM smarketing.doctor() WHERE entity = '%s'", need->entity));
		return;
	}
	if (is_entered && smk_config_entered(need->entity) != NULL)
	{
		add_step(guide, "done", psprintf("%s: entered by hand", need->entity),
				 psprintf("SELECT * FROM smarketing.%s_entry", need->entity));
		return;
	}
	/* The preset binds what it can. */
	if (guide->has_preset && strcmp(need->entity, "spend") != 0)
		return;
	candidate = smk_candidate(doctor, smk_entity_find(need->entity));
	if (candidate.relation != NULL && candidate.missing == NULL)
		add_step(guide, need->is_needed ? "to do" : "optional",
				 psprintf("%s, perhaps %s", need->what, candidate.relation), candidate.call);
	else if (candidate.relation != NULL && need->is_needed)
		add_step(guide, "to do",
				 psprintf("%s, perhaps %s: which column is %s?", need->what, candidate.relation,
						  candidate.missing),
				 candidate.call);
	else if (need->without)
		add_step(guide, need->is_needed ? "to do" : "optional", need->what, need->without);
}

/* The statement that gives values which look like one the same name; NULL where there are none. */
static char *
channels_call(SmkDoctor *doctor)
{
	SmkValues *values = smk_unmatched(doctor, "channel", false);
	StringInfoData rows;

	initStringInfo(&rows);
	for (int i = 0; i < values->count; i++)
		if (values->values[i].suggestion)
			appendStringInfo(&rows, "%s(%s, %s)", rows.len ? ", " : "",
							 quote_literal_cstr(values->values[i].label),
							 quote_literal_cstr(values->values[i].suggestion));
	if (rows.len == 0)
		return NULL;
	return psprintf(
		"SELECT smarketing.map_value('channel', v.label, v.value) FROM (VALUES %s) AS v (label, value)",
		rows.data);
}

/* A step that is done where there is nothing to run. */
static void
add_mapping(Guide *guide, const char *what, const char *to_do, char *call)
{
	add_step(guide, call ? "to do" : "done", call ? to_do : what, call);
}

/* The labels of stages, kinds and channels. */
static void
add_maps(SmkDoctor *doctor, void *state)
{
	Guide *guide = state;
	bool has_stage = smk_doctor_bound(smk_doctor_binding(doctor, "lead"), "stage") >= 0 ||
					 smk_doctor_binding(doctor, "stage_change") != NULL ||
					 smk_doctor_bound(smk_doctor_binding(doctor, "opportunity"), "stage") >= 0;
	bool has_kind = smk_doctor_bound(smk_doctor_binding(doctor, "spend"), "kind") >= 0 ||
					smk_doctor_bound(smk_doctor_binding(doctor, "opportunity"), "kind") >= 0;
	char *untold;
	char *call;
	int more;

	if (has_stage)
	{
		call = smk_doctor_stages_call(doctor, &untold, &more);
		if (call != NULL || untold == NULL)
			add_mapping(guide, "every stage is mapped to one of the funnel",
						"stages of the CRM that are not mapped: look whether these are right", call);
		if (untold != NULL)
			add_step(
				guide, "optional",
				more > 0
					? psprintf("the names of \"%s\" and %d other stages tell nothing: say what each means",
							   untold, more)
					: psprintf("the name of stage \"%s\" tells nothing: say what it means", untold),
				psprintf("SELECT smarketing.map_stage(%s, :'stage')", quote_literal_cstr(untold)));
	}
	if (has_kind)
		add_mapping(guide, "every kind of spend and of opportunity is known",
					"kinds of the CRM that are not mapped: look whether these are right",
					smk_doctor_kinds_call(doctor));
	add_mapping(guide, "no two channels look like one", "channels that look like one, by two names",
				channels_call(doctor));
}

/* Currencies and rates, and what the doctor found otherwise. */
static void
add_findings(Guide *guide, SmkDoctor *doctor, const char *state, const char *none)
{
	ListCell *cell;

	if (doctor->findings == NIL && none)
		add_step(guide, "done", none, NULL);
	foreach (cell, doctor->findings)
	{
		const SmkFinding *finding = lfirst(cell);

		add_step(guide, state,
				 finding->entity ? psprintf("%s: %s", finding->entity->name, finding->problem)
								 : finding->problem,
				 finding->hint);
	}
	doctor->findings = NIL;
}

/* The first day of the last month that has leads, and in *end the day after that month, where it is before
 * the last complete one, as in a copy of the CRM that was made a while ago; NULL otherwise. palloc'd. */
static char *
last_month(SmkDoctor *doctor, char **end)
{
	if (smk_doctor_binding(doctor, "lead") == NULL)
		return NULL;
	smk_doctor_query(
		psprintf("SELECT max(period_start), (max(period_start) + interval '1 month')::date\n"
				 "FROM smarketing.kpi('cost_per_lead.leads', period => 'month') WHERE value > 0\n"
				 "HAVING max(period_start) < date_trunc('month', now() AT TIME ZONE %s) - interval '1 month'",
				 quote_literal_cstr(doctor->config->time_zone)));
	if (SPI_processed == 0)
		return NULL;
	*end = smk_doctor_text(0, 2);
	return smk_doctor_text(0, 1);
}

/* How full the scorecard is. */
static void
add_scorecard(SmkDoctor *doctor, void *state)
{
	Guide *guide = state;
	StringInfoData missing; /* what lacks a binding */
	StringInfoData empty;	/* what lacks data of the last month alone */
	uint64 rows;
	char *month;
	char *end;
	int full = 0;

	initStringInfo(&missing);
	initStringInfo(&empty);
	rows =
		smk_doctor_query("SELECT kpi, value::text, status FROM smarketing.scorecard() ORDER BY kpi_number");
	for (uint64 row = 0; row < rows; row++)
	{
		if (smk_doctor_text(row, 2) != NULL)
			full++;
		else if (strcmp(smk_doctor_text(row, 3), "not_bound") != 0 &&
				 strcmp(smk_doctor_text(row, 3), "no_dimension") != 0)
			appendStringInfo(&empty, "%s%s", empty.len ? ", " : "", smk_doctor_text(row, 1));
		else
			appendStringInfo(&missing, "%s%s", missing.len ? ", " : "", smk_doctor_text(row, 1));
	}
	if (missing.len > 0)
		add_step(guide, "to do",
				 psprintf("the scorecard has %d of " UINT64_FORMAT " figures; these say what they lack: %s",
						  full, rows, missing.data),
				 "SELECT kpi, reading, next_call FROM smarketing.scorecard() WHERE value IS NULL");
	else if (empty.len > 0 && (month = last_month(doctor, &end)) != NULL)
		add_step(guide, "done",
				 psprintf("the scorecard has %d of " UINT64_FORMAT
						  " figures of the last month; the last leads are of the month of %s: look at that",
						  full, rows, month),
				 psprintf("SELECT * FROM smarketing.scorecard('%s', '%s')", month, end));
	else
		add_step(guide, "done",
				 empty.len == 0 ? psprintf("the scorecard has all of its %d figures", full)
								: psprintf("the scorecard has %d of " UINT64_FORMAT
										   " figures; the last month has none for: %s",
										   full, rows, empty.data),
				 "SELECT * FROM smarketing.scorecard()");
}

/* What comes after the scorecard. */
static void
add_dashboard(Guide *guide)
{
	add_step(guide, "optional", "a view for a dashboard: one for each KPI that it shows",
			 "SELECT smarketing.create_view('cost_per_lead_by_month', 'cost_per_lead')");
	add_step(guide, "optional", "the dashboard's role may read the views, and nothing else",
			 "SELECT smarketing.grant_read(:'role')");
}

/* How many kinds of activities are proposed to be worth something. */
#define SCORED_KINDS 5

/* Open hours: the name of the calendar that rules are proposed with, palloc'd; NULL where there is none yet.
 */
static char *
add_calendar(Guide *guide, const SmkDoctor *doctor)
{
	char *name;

	smk_doctor_query("SELECT min(name), count(*) FROM smarketing.calendar");
	name = smk_doctor_text(0, 1);
	if (name != NULL)
		add_step(guide, "done", psprintf("calendars of open hours: " INT64_FORMAT, smk_doctor_number(0, 2)),
				 "SELECT * FROM smarketing.calendar");
	else
		add_step(guide, "optional", "open hours, in which the time until an answer runs: put in yours",
				 psprintf("SELECT smarketing.define_calendar('office', %s, '{\"mon\": [\"09:00-18:00\"], "
						  "\"tue\": [\"09:00-18:00\"], \"wed\": [\"09:00-18:00\"], \"thu\": "
						  "[\"09:00-18:00\"], \"fri\": [\"09:00-18:00\"]}')",
						  quote_literal_cstr(doctor->config->time_zone)));
	return name;
}

/* How soon leads are to be answered. */
static void
add_sla(Guide *guide, const char *calendar)
{
	smk_doctor_query("SELECT count(*) FROM smarketing.sla_rule");
	if (smk_doctor_number(0, 1) > 0)
	{
		add_step(
			guide, "done",
			psprintf("SLA rules, of how soon a lead is answered: " INT64_FORMAT, smk_doctor_number(0, 1)),
			"SELECT * FROM smarketing.sla_queue()");
		return;
	}
	add_step(guide, "optional", "how soon a new lead is to be answered: put in what was agreed",
			 psprintf("SELECT smarketing.define_sla('first answer', 'stage:lead', 'any', '8 hours'%s)",
					  calendar ? psprintf(", %s", quote_literal_cstr(calendar)) : ""));
}

/* What activities are worth, by their most frequent kinds. */
static void
add_scores(Guide *guide, SmkDoctor *doctor, const SmkBinding *activity)
{
	StringInfoData values;
	char *kind;
	uint64 rows;

	if (doctor->config->score_rules != NIL)
	{
		add_step(guide, "done",
				 psprintf("score rules, of what an activity is worth: %d",
						  list_length(doctor->config->score_rules)),
				 "SELECT * FROM smarketing.lead_scores() ORDER BY score DESC LIMIT 20");
		return;
	}
	if (smk_doctor_bound(activity, "kind") < 0)
		return;
	kind = smk_doctor_named(activity, "kind");
	rows = smk_doctor_query(psprintf(
		"SELECT %s, count(*)\nFROM %s\nWHERE %s\nGROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %d", kind,
		smk_doctor_relation(activity),
		smk_doctor_where(activity, psprintf("%s <> '' AND length(%s) <= 50", kind, kind)), SCORED_KINDS));
	initStringInfo(&values);
	for (uint64 row = 0; row < rows; row++)
	{
		char *label = smk_doctor_text(row, 1);

		/* Whatever is computed may be another value each time. */
		if (label != NULL)
			appendStringInfo(&values, "%s(%s)", values.len ? ", " : "", quote_literal_cstr(label));
	}
	if (values.len > 0)
		add_step(
			guide, "optional", "what an activity of a lead is worth: put in points for each kind",
			psprintf("SELECT smarketing.define_score(v.kind, v.kind, 10, '60 days') FROM (VALUES %s) AS v "
					 "(kind)",
					 values.data));
}

/* What comes after the figures: who answers leads, and how soon. */
static void
add_handover(SmkDoctor *doctor, void *state)
{
	Guide *guide = state;
	SmkBinding *activity = smk_doctor_binding(doctor, "activity");

	if (activity == NULL || smk_doctor_binding(doctor, "lead") == NULL)
		return;
	add_sla(guide, add_calendar(guide, doctor));
	add_scores(guide, doctor, activity);
}

/* All steps. */
static void
guide_through(Guide *guide, SmkDoctor *doctor)
{
	bool was_bound[lengthof(needs)];
	bool is_computable;

	for (size_t i = 0; i < lengthof(needs); i++)
		was_bound[i] = smk_doctor_binding(doctor, needs[i].entity) != NULL;
	smk_doctor_bindings(doctor);
	doctor->findings = NIL;
	smk_doctor_guard(doctor, NULL, add_presets, guide);
	for (size_t i = 0; i < lengthof(needs); i++)
		add_entity(guide, doctor, &needs[i], was_bound[i]);
	if (smk_doctor_binding(doctor, "lead") == NULL && smk_doctor_binding(doctor, "opportunity") == NULL)
		return;
	smk_doctor_guard(doctor, NULL, add_maps, guide);
	add_findings(guide, doctor, "to do", NULL);
	smk_doctor_money(doctor);
	add_findings(guide, doctor, "to do", "amounts are in one currency, or have their rates");
	smk_doctor_storage(doctor);
	add_findings(guide, doctor, "optional", NULL);
	is_computable = !guide->is_broken;
	if (is_computable)
		smk_doctor_guard(doctor, NULL, add_scorecard, guide);
	add_findings(guide, doctor, "to do", NULL);
	add_step(guide, "optional", "what is missing or odd in the data",
			 "SELECT severity, entity, problem, row_count FROM smarketing.doctor()");
	if (is_computable)
	{
		add_dashboard(guide);
		smk_doctor_guard(doctor, NULL, add_handover, guide);
	}
}

PG_FUNCTION_INFO_V1(smk_getting_started);

/* getting_started(): a row a step. */
Datum
smk_getting_started(PG_FUNCTION_ARGS)
{
	Guide guide = {0};
	int level;

	InitMaterializedSRF(fcinfo, 0);
	guide.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	level = smk_doctor_open(false);
	guide_through(&guide, smk_doctor_begin());
	smk_doctor_close(level);
	return (Datum) 0;
}
