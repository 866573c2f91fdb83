/*
 * lead_steps.c: how far a lead came, and when. The sources of a step, in their order: the lead's own column,
 * the stage change to it or beyond, the score's first crossing of its threshold, the time of a later step,
 * the conversion into an opportunity. A current stage counts as reached, but tells no time.
 *
 * A crossing counts for leads that have come to the stage from which it qualifies: where they do so after it,
 * when they do.
 *
 * A lead's opportunities are those that name it; beside them those that name no lead, of its account, created
 * at or after it.
 *
 * What is dated later than now has not happened. As of an earlier day nothing is seen that happened later,
 * and the current stage tells nothing.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "kpi/lead_steps.h"
#include "kpi/score.h"
#include "kpi/source.h"

typedef struct LeadStep
{
	const char *name;			/* as in is_<name>, <name>_time and <name>_duration */
	const char *own_columns[3]; /* the lead's columns that date it, its own first, later steps after it */
	FunnelStage stage;
	bool or_beyond;
	const char *opportunity_at; /* which time of the lead's opportunities dates it, or NULL */
	bool no_stage_tells;		/* only these do */
} LeadStep;

/* The steps of the way to a customer in their order, then what stands beside it. */
static const LeadStep lead_steps[] = {
	{"mql", {"mql_at", "sal_at", "sql_at"}, SMK_STAGE_MQL, true, "opportunity_at", false},
	{"sal", {"sal_at", "sql_at", NULL}, SMK_STAGE_SAL, true, "opportunity_at", false},
	{"sql", {"sql_at", NULL, NULL}, SMK_STAGE_SQL, true, "opportunity_at", false},
	{"opportunity", {NULL, NULL, NULL}, SMK_STAGE_OPPORTUNITY, true, "opportunity_at", false},
	{"customer", {NULL, NULL, NULL}, SMK_STAGE_WON, true, "won_at", false},
	{"disqualified", {"disqualified_at", NULL, NULL}, SMK_STAGE_DISQUALIFIED, false, NULL, false},
	{"own_mql", {"mql_at", NULL, NULL}, SMK_STAGE_MQL, false, NULL, false},
	{"conversion", {NULL, NULL, NULL}, SMK_STAGE_OPPORTUNITY, true, "opportunity_at", true},
	{"recycled", {NULL, NULL, NULL}, SMK_STAGE_RECYCLED, false, NULL, false},
	{"lost", {NULL, NULL, NULL}, SMK_STAGE_LOST, false, NULL, false}};

/* How many of them are the way, the lead itself not counted; to the first ones a score leads, too. */
#define WAY_STEPS 5
#define SCORED_STEPS 3

/* Bits of SmkRecords.steps: the steps whose fact and whose time is asked for, and what tells of them. */
#define STEP_IS(step) (1 << ((step) -lead_steps))
#define STEP_TIME(step) (1 << (10 + ((step) -lead_steps)))
#define STEP_ASKED(steps, step) (((steps) & (STEP_IS(step) | STEP_TIME(step))) != 0)
#define STEP_BY_CHANGE (1 << 20)
#define STEP_BY_OPPORTUNITY (1 << 21)
#define STEP_BY_ACCOUNT (1 << 22)
#define STEP_ON_WAY (1 << 23)	   /* the times of all steps of the way, one after the other */
#define STEP_AS_EVENTS (1 << 24)   /* each step of the way as a row of its own */
#define STEP_AS_HAPPENED (1 << 25) /* or all that happened, as it happened */
#define STEP_OPEN (1 << 26)		   /* whether one of its opportunities is still open */
#define STEP_BY_SCORE (1 << 27)
#define STEP_WITH_EXITS (1 << 28) /* all that happened, with what a lead left by */

/* What is derived of a step. */
typedef enum LeadFact
{
	LEAD_IS,
	LEAD_TIME,
	LEAD_DURATION /* since the lead's creation */
} LeadFact;

/* The step that a derived column is about, and what is told of it; NULL for other columns. */
static const LeadStep *
lead_step_find(const char *name, LeadFact *fact)
{
	for (size_t i = 0; i < lengthof(lead_steps); i++)
	{
		const char *step = lead_steps[i].name;

		if (strcmp(name, psprintf("is_%s", step)) == 0)
			*fact = LEAD_IS;
		else if (strcmp(name, psprintf("%s_time", step)) == 0)
			*fact = LEAD_TIME;
		else if (i < WAY_STEPS && strcmp(name, psprintf("%s_duration", step)) == 0)
			*fact = LEAD_DURATION;
		else
			continue;
		return &lead_steps[i];
	}
	return NULL;
}

/* True for a column of the events that a lead's steps are. */
static bool
is_event_column(const char *name)
{
	return strncmp(name, "event_", strlen("event_")) == 0;
}

/* True for a column that is derived here. */
bool
smk_lead_step_is_column(const char *name)
{
	LeadFact fact;

	return is_event_column(name) || strcmp(name, "has_open") == 0 || lead_step_find(name, &fact) != NULL;
}

/* SQL for a time of the lead, NULL where it is not seen; NULL where it is not bound. */
char *
smk_lead_time(SmkRecords *records, const char *column)
{
	char *at = smk_records_instant(records, column);

	return at ? psprintf("CASE WHEN %s THEN %s END", smk_moment_seen(records->request, at), at) : NULL;
}

/* Adds a part to a list that is joined later. */
static void
add_part(StringInfo list, const char *separator, const char *part)
{
	if (list->len)
		appendStringInfoString(list, separator);
	appendStringInfoString(list, part);
}

/* The joins of a lead's opportunities: those that name it, those of its account. */
static const char *const conversion_aliases[] = {"conversion", "account_conversion"};

/* True where the lead's opportunities are known that way, with the column (NULL: none further). */
static bool
has_conversions(SmkRecords *records, int way, const char *column)
{
	if (smk_source_with(records->request->config, "opportunity", way == 0 ? "lead_id" : "account_id") ==
			NULL ||
		(way == 1 && smk_records_column(records, "account_id") == NULL))
		return false;
	return column == NULL || smk_source_with(records->request->config, "opportunity", column) != NULL;
}

/* SQL for the local date of a time column, infinite as the time is. */
static char *
local_date(const SmkBinding *binding, int column, const char *reference, const char *zone)
{
	if (binding->columns[column].type == DATEOID)
		return pstrdup(reference);
	return psprintf("CASE WHEN isfinite(%s) THEN smarketing.period_start('day', %s, %s) ELSE %s::date END",
					reference, reference, quote_literal_cstr(zone), reference);
}

/*
 * SQL for when a lead or an opportunity was created, as the two are compared: where one of them knows only
 * the day, by days.
 */
static char *
created_to_compare(const SmkRequest *request, const SmkBinding *binding, const char *reference)
{
	const char *const entities[] = {"lead", "opportunity"};
	int column = smk_entity_column(binding->entity, "created_at");

	for (size_t i = 0; i < lengthof(entities); i++)
	{
		SmkBinding *either = smk_config_binding(request->config, entities[i]);

		if (either->columns[smk_entity_column(either->entity, "created_at")].type == DATEOID)
			return local_date(binding, column, reference, request->time_zone);
	}
	return smk_source_instant(binding, column, reference, request->time_zone);
}

/*
 * True where the last conversion of an account tells of each of its leads whether it converted after that
 * came: a lead that is there twice is one.
 */
static bool
by_last_conversion(const SmkRecords *records)
{
	return records->binding->key_is_unique;
}

static char *lead_step(SmkRecords *records, const LeadStep *step, bool is_time);

/* The threshold of the score that leads to a step; NULL: none does. */
static const SmkScoreThreshold *
step_threshold(const SmkRecords *records, const LeadStep *step)
{
	const SmkConfig *config = records->request->config;

	if (step - lead_steps >= SCORED_STEPS || smk_score_activities(config) == NULL ||
		(records->request->is_of_sales && step->stage != SMK_STAGE_MQL))
		return NULL;
	return smk_score_threshold(config, step->stage);
}

/* True where anything but a conversion tells that a lead came to a step: a CRM may not know it at all. */
static bool
is_told(const SmkRecords *records, const LeadStep *step)
{
	const SmkBinding *lead = records->binding;

	if (step_threshold(records, step) != NULL ||
		smk_source_with(records->request->config, "stage_change", "lead_id") != NULL ||
		lead->columns[smk_entity_column(lead->entity, "stage")].text != NULL)
		return true;
	for (int i = 0; i < 3 && step->own_columns[i] != NULL; i++)
		if (lead->columns[smk_entity_column(lead->entity, step->own_columns[i])].text != NULL)
			return true;
	return false;
}

/* The step that a lead must have taken for its score to count; NULL: none, as from a stage of which nothing
 * tells all leads come. */
static const LeadStep *
score_from(const SmkRecords *records, const SmkScoreThreshold *threshold)
{
	for (const LeadStep *from = lead_steps; from - lead_steps < SCORED_STEPS; from++)
		if (from->stage == threshold->from_stage)
			return is_told(records, from) ? from : NULL;
	return NULL;
}

/*
 * SQL for when its score made a lead come to a step, or (is_time false) whether it did; NULL where it never
 * does.
 */
static char *
score_step(SmkRecords *records, const LeadStep *step, bool is_time)
{
	const SmkScoreThreshold *threshold = step_threshold(records, step);
	char *crossed = psprintf("score.%s_at", step->name);
	const LeadStep *from;
	char *is_from;
	char *from_at;

	if (threshold == NULL)
		return NULL;
	records->steps |= STEP_BY_SCORE;
	from = score_from(records, threshold);
	if (from == NULL)
		return is_time ? crossed : psprintf("%s IS NOT NULL", crossed);
	is_from = lead_step(records, from, false);
	if (is_from == NULL)
		return NULL;
	if (!is_time)
		return psprintf("(%s IS NOT NULL AND %s)", crossed, is_from);
	from_at = lead_step(records, from, true);
	return psprintf("CASE WHEN %s IS NOT NULL AND %s THEN %s END", crossed, is_from,
					from_at ? psprintf("greatest(%s, %s)", crossed, from_at) : crossed);
}

/* Adds what the score tells of the steps after one: where it takes the lead there past this one. */
static void
add_later_scores(SmkRecords *records, const LeadStep *step, bool is_time, StringInfo parts)
{
	for (const LeadStep *later = step + 1; later - lead_steps < SCORED_STEPS; later++)
	{
		const SmkScoreThreshold *threshold = step_threshold(records, later);
		const LeadStep *from = threshold ? score_from(records, threshold) : NULL;
		char *part =
			threshold != NULL && (from == NULL || from < step) ? score_step(records, later, is_time) : NULL;

		if (part)
			add_part(parts, is_time ? ", " : " OR ", part);
	}
}

/*
 * SQL for when a lead took a step, or (is_time false) whether; NULL where nothing that is bound can tell.
 */
static char *
lead_step(SmkRecords *records, const LeadStep *step, bool is_time)
{
	StringInfoData times;
	StringInfoData facts;
	char *at;

	initStringInfo(&times);
	initStringInfo(&facts);
	records->steps |= is_time ? STEP_TIME(step) : STEP_IS(step);
	for (int i = 0; i < 3 && step->own_columns[i] != NULL; i++)
	{
		at = smk_lead_time(records, step->own_columns[i]);
		if (at != NULL && i == 0)
			add_part(&times, ", ", at);
		if (at != NULL)
			add_part(&facts, " OR ",
					 psprintf("(%s) IS TRUE",
							  smk_moment_seen(records->request,
											  smk_records_instant(records, step->own_columns[i]))));
	}
	if (!step->no_stage_tells && smk_source_with(records->request->config, "stage_change", "lead_id"))
	{
		records->steps |= STEP_BY_CHANGE;
		add_part(&times, ", ", psprintf("change.%s_at", step->name));
		add_part(&facts, " OR ", psprintf("coalesce(change.is_%s, false)", step->name));
	}
	/* A lead that its score made an MQL is one itself. */
	at = score_step(records, step->stage == SMK_STAGE_MQL ? lead_steps : step, is_time);
	if (at != NULL)
		add_part(is_time ? &times : &facts, is_time ? ", " : " OR ", at);
	for (int i = 1; i < 3 && step->own_columns[i] != NULL; i++)
	{
		at = smk_lead_time(records, step->own_columns[i]);
		if (at != NULL)
			add_part(&times, ", ", at);
	}
	add_later_scores(records, step, is_time, is_time ? &times : &facts);
	if (step->opportunity_at)
	{
		bool by_winning = strcmp(step->opportunity_at, "won_at") == 0;

		for (int i = 0; i < 2; i++)
		{
			if (!has_conversions(records, i, by_winning ? "won" : NULL))
				continue;
			records->steps |= i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT;
			add_part(&times, ", ", psprintf("%s.%s", conversion_aliases[i], step->opportunity_at));
			/* A deal may be won without a date of it. */
			if (i == 1 && by_last_conversion(records))
				add_part(&facts, " OR ",
						 psprintf("coalesce(account_conversion.%s >= %s, false)",
								  by_winning ? "won_until" : "created_until",
								  created_to_compare(records->request, records->binding,
													 smk_records_column(records, "created_at"))));
			else
				add_part(&facts, " OR ",
						 by_winning ? psprintf("coalesce(%s.is_won, false)", conversion_aliases[i])
									: psprintf("%s.lead_id IS NOT NULL", conversion_aliases[i]));
		}
	}
	if (is_time)
		return times.len ? psprintf("coalesce(%s)", times.data) : NULL;
	if (!records->request->has_as_of && !step->no_stage_tells && smk_records_column(records, "stage") != NULL)
	{
		(void) smk_records_column(records, "pipeline");
		add_part(&facts, " OR ",
				 psprintf("coalesce(%s, false)", smk_source_stage(records->request->config, records->binding,
																  "lead", step->stage, step->or_beyond)));
	}
	return facts.len ? psprintf("(%s)", facts.data) : NULL;
}

/*
 * SQL for how long after its creation a lead took a step of the way; NULL where nothing that is bound can
 * tell, or the lead's creation. An infinite time has no distance.
 */
static char *
lead_duration(SmkRecords *records, const LeadStep *step)
{
	char *created = smk_records_instant(records, "created_at");

	if (created == NULL || lead_step(records, step, true) == NULL)
		return NULL;
	records->steps |= STEP_ON_WAY;
	for (int i = 0; i < WAY_STEPS; i++)
		(void) lead_step(records, &lead_steps[i], true);
	return psprintf("CASE WHEN isfinite(way.%s_at) THEN way.%s_at - %s END", step->name, step->name, created);
}

/* The same by the step's own time, by which basis period counts it; one that is dated before the lead took
 * none. */
static char *
lead_own_duration(SmkRecords *records, const LeadStep *step)
{
	char *created = smk_records_instant(records, "created_at");
	char *at = lead_step(records, step, true);

	if (created == NULL || at == NULL)
		return NULL;
	return psprintf("CASE WHEN %s IS NOT NULL AND isfinite(%s) THEN greatest(%s, %s) - %s END", at, created,
					at, created, created);
}

/* SQL for whether a lead took a step, of the way in time; NULL where nothing that is bound can tell. */
static char *
lead_took(SmkRecords *records, const LeadStep *step)
{
	char *duration;

	if (!records->request->has_within || step - lead_steps >= WAY_STEPS)
		return lead_step(records, step, false);
	duration = lead_duration(records, step);
	return duration
			   ? psprintf("coalesce(%s <= %s, false)", duration, smk_hours_literal(records->request->within))
			   : NULL;
}

/* A window that limits nothing: what is limited is so already. */
#define NO_LIMIT "interval '3000000 days'"

/* True where every row has a key, and no other row has it. */
static bool
key_identifies(const SmkBinding *binding, int key)
{
	HeapTuple tuple;
	bool result;

	if (!binding->key_is_unique)
		return false;
	tuple = SearchSysCacheAttName(binding->relid, binding->columns[key].raw_column);
	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

/* The key of a lead as smarketing.funnel takes it: unique, also where the CRM's is not, or is missing. */
static char *
event_entity(SmkRecords *records)
{
	int key = smk_entity_column(records->binding->entity, "lead_id");
	char *reference;

	records->is_numbered = !key_identifies(records->binding, key);
	if (records->is_numbered)
		return pstrdup("lead.row_number");
	reference = smk_records_column(records, "lead_id");
	return smk_source_key_type(records->binding, key) == INT8OID ? psprintf("%s::bigint", reference)
																 : reference;
}

/*
 * SQL for a column of the events that a lead's steps are, a row each; in a mode other than reached of all
 * that happened, as it happened.
 */
static char *
lead_event(SmkRecords *records, const char *name)
{
	const SmkRequest *request = records->request;

	records->steps |= request->mode ? STEP_AS_HAPPENED : STEP_AS_EVENTS;
	(void) smk_records_instant(records, "created_at");
	if (request->mode)
	{
		for (int i = 0; i < 3; i++)
		{
			(void) smk_lead_time(records, lead_steps[i].own_columns[0]);
			(void) score_step(records, &lead_steps[i], true);
		}
		if (smk_source_with(request->config, "stage_change", "lead_id"))
			records->steps |= STEP_BY_CHANGE;
		for (int i = 0; i < 2; i++)
			if (has_conversions(records, i, NULL))
				records->steps |= i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT;
	}
	else
		for (int i = 0; i < WAY_STEPS; i++)
		{
			(void) lead_took(records, &lead_steps[i]);
			(void) lead_duration(records, &lead_steps[i]);
		}
	if (strcmp(name, "event_entity") == 0)
		return event_entity(records);
	if (strcmp(name, "event_step") == 0)
		return pstrdup("event.step");
	if (strcmp(name, "event_at") == 0)
		return pstrdup("event.at");
	if (strcmp(name, "event_any_time") == 0)
		return pstrdup("timestamptz '2000-01-01 00:00:00+00'");
	if (strcmp(name, "event_within") == 0)
		return request->mode && request->has_within ? smk_hours_literal(request->within) : pstrdup(NO_LIMIT);
	if (strcmp(name, "event_mode") == 0)
		return psprintf("%s::text", quote_literal_cstr(request->mode ? request->mode : "reached"));
	if (strcmp(name, "event_is_last") == 0)
		return pstrdup("event.is_last");
	/* As far from 2000 as smarketing.funnel goes; infinity is no time either. */
	return pstrdup("(event.at > timestamptz '2500-01-01 00:00:00+00 BC' AND "
				   "event.at < timestamptz '6500-01-01 00:00:00+00')");
}

/* SQL for whether one of the lead's opportunities is open; NULL where nothing that is bound can tell. */
static char *
lead_has_open(SmkRecords *records)
{
	StringInfoData facts;

	initStringInfo(&facts);
	records->steps |= STEP_OPEN;
	for (int i = 0; i < 2; i++)
	{
		if (!has_conversions(records, i, NULL))
			continue;
		records->steps |= i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT;
		add_part(&facts, " OR ",
				 i == 1 && by_last_conversion(records)
					 ? psprintf("coalesce(account_conversion.open_until >= %s, false)",
								created_to_compare(records->request, records->binding,
												   smk_records_column(records, "created_at")))
					 : psprintf("coalesce(%s.is_open, false)", conversion_aliases[i]));
	}
	return facts.len ? psprintf("(%s)", facts.data) : NULL;
}

/*
 * SQL for a column that is derived here; NULL where nothing that is bound can tell.
 */
char *
smk_lead_step(SmkRecords *records, const char *name)
{
	LeadFact fact;
	const LeadStep *step;

	if (strcmp(name, "has_open") == 0)
		return lead_has_open(records);
	if (is_event_column(name))
		return lead_event(records, name);
	step = lead_step_find(name, &fact);
	if (fact == LEAD_IS)
		return lead_took(records, step);
	if (fact == LEAD_TIME)
		return lead_step(records, step, true);
	return records->request->basis && strcmp(records->request->basis, "period") == 0
			   ? lead_own_duration(records, step)
			   : lead_duration(records, step);
}

/*
 * SQL for the rows of a lead's stage changes as SmkLeadEvent, of (event, at); NULL where they are not bound.
 * Unnested in a select list, as a function in FROM makes a store of its rows for every lead.
 */
char *
smk_lead_events(SmkRecords *records)
{
	if (smk_source_with(records->request->config, "stage_change", "lead_id") == NULL)
		return NULL;
	records->steps |= STEP_BY_CHANGE | STEP_WITH_EXITS;
	return pstrdup("(SELECT unnest(change.events) AS event, unnest(change.event_times) AS at) AS happened");
}

/*
 * SQL for the rows of a lead's opportunities, of (created_at, held_until): until each was lost, infinity
 * where it was not or nobody knows when; NULL where they are not bound.
 */
char *
smk_lead_opportunities(SmkRecords *records)
{
	StringInfoData created;
	StringInfoData held;

	initStringInfo(&created);
	initStringInfo(&held);
	for (int i = 0; i < 2; i++)
	{
		if (!has_conversions(records, i, NULL))
			continue;
		records->steps |= STEP_WITH_EXITS | (i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT);
		add_part(&created, " || ", psprintf("%s.created_times", conversion_aliases[i]));
		add_part(&held, " || ", psprintf("%s.held_times", conversion_aliases[i]));
	}
	return created.len
			   ? psprintf("(SELECT unnest(%s) AS created_at, unnest(%s) AS held_until) AS opportunity",
						  created.data, held.data)
			   : NULL;
}

static const SmkRecordSet any_leads = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};

/* True where a lead's taking this step can be told; nothing is noted. */
bool
smk_lead_step_is_known(const SmkRequest *request, int position)
{
	SmkRecords *records = smk_records(request, &any_leads, smk_config_binding(request->config, "lead"));

	return request->mode ? lead_step(records, &lead_steps[position], true) != NULL
						 : lead_took(records, &lead_steps[position]) != NULL;
}

/* True where a score that leads on from a stage asks for leads that have come there. Leads are bound. */
bool
smk_lead_score_asks_for(const SmkRequest *request, FunnelStage from_stage)
{
	SmkScoreThreshold threshold = {.from_stage = from_stage};

	return score_from(smk_records(request, &any_leads, smk_config_binding(request->config, "lead")),
					  &threshold) != NULL;
}

/*
 * A condition that keeps the rows of the leads in the range, where these are few of all: folding the history
 * of every lead that there ever was would be for nothing. Empty where it would not pay.
 */
char *
smk_lead_few_only(SmkRecords *records, const char *reference, Oid type)
{
	const SmkEntity *entity = records->binding->entity;
	int key = smk_entity_column(entity, entity->key);
	Oid key_type = smk_source_key_type(records->binding, key);
	bool needed[SMK_MAX_COLUMNS] = {false};
	const char *cast = type == key_type ? "" : "::text";

	if (!smk_records_are_few(records))
		return "";
	needed[key] = true;
	return psprintf("\n      AND %s%s IN (\n          SELECT chosen.lead_id%s\n          %s)", reference,
					cast, cast, smk_sql_indent(smk_records_chosen(records, "chosen", needed), 10));
}

/*
 * The stage changes of each lead, folded to what was asked for: whether it came to a step, and when first. A
 * single step needs no more than the lead's being there.
 */
static void
join_changes(SmkRecords *records, StringInfo from)
{
	SmkBinding *change = smk_source_with(records->request->config, "stage_change", "lead_id");
	int at = smk_entity_column(change->entity, "at");
	int lead_id = smk_entity_column(change->entity, "lead_id");
	int pipeline = smk_entity_column(change->entity, "pipeline");
	static const struct
	{
		FunnelStage stage;
		bool or_beyond;
		bool is_widest; /* the others that go beyond are part of it */
		SmkLeadEvent event;
	} events[] = {{SMK_STAGE_SQL, true, false, SMK_LEAD_SQL},
				  {SMK_STAGE_SAL, true, false, SMK_LEAD_SAL},
				  {SMK_STAGE_MQL, true, true, SMK_LEAD_MQL},
				  {SMK_STAGE_DISQUALIFIED, false, true, SMK_LEAD_DISQUALIFIED},
				  {SMK_STAGE_RECYCLED, false, true, SMK_LEAD_RECYCLED},
				  {SMK_STAGE_LOST, false, true, SMK_LEAD_LOST}};
	bool needed[SMK_MAX_COLUMNS] = {false};
	StringInfoData columns;
	StringInfoData where;
	char *instant = smk_source_instant(change, at, "stage_change.at", records->request->time_zone);
	int asked = 0;

	needed[at] = needed[lead_id] = needed[smk_entity_column(change->entity, "stage")] = true;
	needed[pipeline] = change->columns[pipeline].text != NULL;
	initStringInfo(&columns);
	initStringInfo(&where);
	for (size_t i = 0; i < lengthof(lead_steps); i++)
		asked += !lead_steps[i].no_stage_tells && STEP_ASKED(records->steps, &lead_steps[i]);
	if (records->steps & STEP_AS_HAPPENED)
	{
		/* Then there are rows of other steps than a single one that is asked for. */
		asked++;
		appendStringInfoString(&columns, ",\n        array_agg(CASE");
		for (int i = WAY_STEPS - 1; i >= 0; i--)
			appendStringInfo(&columns, " WHEN %s THEN %d",
							 smk_source_stage(records->request->config, change, "stage_change",
											  lead_steps[i].stage, lead_steps[i].or_beyond),
							 i + 2);
		appendStringInfo(&columns, " END) AS steps,\n        array_agg(%s) AS times", instant);
		add_part(&where, "",
				 smk_source_stage(records->request->config, change, "stage_change", lead_steps[0].stage,
								  lead_steps[0].or_beyond));
	}
	if (records->steps & STEP_WITH_EXITS)
	{
		/* Then, too. */
		asked += 2;
		appendStringInfoString(&columns, ",\n        array_agg(CASE");
		for (size_t i = 0; i < lengthof(events); i++)
		{
			char *condition = smk_source_stage(records->request->config, change, "stage_change",
											   events[i].stage, events[i].or_beyond);

			appendStringInfo(&columns, " WHEN %s THEN %d", condition, events[i].event);
			if (events[i].is_widest)
				add_part(&where, " OR ", condition);
		}
		appendStringInfo(&columns, " END) AS events,\n        array_agg(%s) AS event_times", instant);
	}
	for (size_t i = 0; i < lengthof(lead_steps); i++)
	{
		const LeadStep *step = &lead_steps[i];
		char *condition;

		if (step->no_stage_tells || !STEP_ASKED(records->steps, step))
			continue;
		condition =
			smk_source_stage(records->request->config, change, "stage_change", step->stage, step->or_beyond);
		if (records->steps & STEP_IS(step))
			appendStringInfo(&columns, ",\n        %s AS is_%s",
							 asked == 1 ? "true" : psprintf("bool_or(%s)", condition), step->name);
		if (records->steps & STEP_TIME(step))
			appendStringInfo(&columns, ",\n        min(%s)%s AS %s_at", instant,
							 asked == 1 ? "" : psprintf(" FILTER (WHERE %s)", condition), step->name);
		/* Earlier steps include later ones: the first condition of those that go beyond covers them all. */
		if (where.len == 0 || !step->or_beyond)
			add_part(&where, " OR ", condition);
	}
	appendStringInfo(
		from,
		"\nLEFT JOIN (\n"
		"    SELECT stage_change.lead_id%s\n"
		"    FROM %s AS stage_change\n"
		"    WHERE stage_change.lead_id IS NOT NULL AND %s\n      AND (%s)%s\n"
		"    GROUP BY stage_change.lead_id) AS change\n"
		"    ON %s",
		columns.data,
		smk_sql_indent(smk_source_select(change, needed, NIL, change->entity - smk_entities, NULL), 9),
		smk_moment_seen(records->request, instant), where.data,
		smk_lead_few_only(records, "stage_change.lead_id", smk_source_key_type(change, lead_id)),
		smk_source_keys_equal(
			"change.lead_id", smk_source_key_type(change, lead_id), "lead.lead_id",
			smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, "lead_id"))));
}

/* True where the fact, or the time, of a step that this time of the opportunities dates is asked for. */
static bool
is_asked_of_opportunities(const SmkRecords *records, const char *opportunity_at, bool is_time)
{
	for (size_t i = 0; i < lengthof(lead_steps); i++)
		if (lead_steps[i].opportunity_at != NULL &&
			strcmp(lead_steps[i].opportunity_at, opportunity_at) == 0 &&
			(records->steps & (is_time ? STEP_TIME(&lead_steps[i]) : STEP_IS(&lead_steps[i]))))
			return true;
	return false;
}

/*
 * The opportunities of each lead, folded to what was asked for: the first one's creation, the first winning,
 * whether one was won.
 */
static void
join_conversions(SmkRecords *records, bool by_account, StringInfo from)
{
	const SmkEntity *entity = smk_entity_find("opportunity");
	const SmkEntity *lead_entity = records->binding->entity;
	SmkBinding *opportunity = smk_config_binding(records->request->config, "opportunity");
	int created = smk_entity_column(entity, "created_at");
	int closed = smk_entity_column(entity, "closed_at");
	int won = smk_entity_column(entity, "won");
	int lead_id = smk_entity_column(entity, "lead_id");
	int account_id = smk_entity_column(entity, "account_id");
	int key = smk_entity_column(lead_entity, "lead_id");
	int lead_account = smk_entity_column(lead_entity, "account_id");
	const char *zone = records->request->time_zone;
	bool needed[SMK_MAX_COLUMNS] = {false};
	bool has_won = opportunity->columns[won].text != NULL;
	bool wants_won = has_won && is_asked_of_opportunities(records, "won_at", false);
	bool has_closed = opportunity->columns[closed].text != NULL;
	char *created_at = smk_source_instant(opportunity, created, "opportunity.created_at", zone);
	bool wants_created = is_asked_of_opportunities(records, "opportunity_at", true);
	bool wants_won_at = is_asked_of_opportunities(records, "won_at", true);
	bool wants_all = (records->steps & STEP_AS_HAPPENED) != 0;
	bool wants_exits = (records->steps & STEP_WITH_EXITS) != 0;
	bool dates_wins = has_won && has_closed && (wants_won_at || wants_all);
	bool dates_losses = has_won && has_closed && wants_exits;
	bool wants_open = (records->steps & STEP_OPEN) != 0;
	bool by_last = by_account && by_last_conversion(records);
	/* When it first did the last one does not tell. */
	bool by_lead = !by_last || wants_created || wants_won_at || wants_all || wants_exits;
	char *created_then = created_to_compare(records->request, opportunity, "opportunity.created_at");
	char *closed_at = has_closed ? smk_source_instant(opportunity, closed, "opportunity.closed_at", zone)
								 : pstrdup("NULL::timestamptz");
	const char *is_open = !has_won ? "true"
						  : records->request->has_as_of && has_closed
							  ? psprintf("(opportunity.won IS NULL OR (%s) IS NOT TRUE)",
										 smk_moment_seen(records->request, closed_at))
							  : "opportunity.won IS NULL";
	char *is_won = has_closed					 ? psprintf("opportunity.won AND %s",
															smk_moment_seen_or_unknown(records->request, closed_at))
				   : records->request->has_as_of ? "false"
												 : "opportunity.won";
	/* Where only winning is asked for, the others tell nothing. */
	bool wants_only_won = wants_won && !wants_created && !wants_won_at && !wants_all && !wants_exits &&
						  !wants_open && !is_asked_of_opportunities(records, "opportunity_at", false);
	char *is_created = smk_moment_seen_or_unknown(records->request, created_at);
	const char *of_no_lead;
	char *select;
	Oid lead_key = smk_source_key_type(records->binding, key);
	StringInfoData columns;

	if (wants_only_won)
		is_created = psprintf("%s\n      AND %s", is_created, is_won);
	initStringInfo(&columns);
	if (wants_created)
		appendStringInfo(&columns, ",\n        min(%s) AS opportunity_at", created_at);
	if (wants_won_at)
		appendStringInfo(&columns, ",\n        %s AS won_at",
						 dates_wins ? psprintf("min(%s) FILTER (WHERE %s)", closed_at, is_won)
									: "NULL::timestamptz");
	if (by_last && is_asked_of_opportunities(records, "opportunity_at", false))
		appendStringInfo(&columns, ",\n        max(%s) AS created_until", created_then);
	if (by_last && wants_won)
		appendStringInfo(&columns, ",\n        max(%s)%s AS won_until", created_then,
						 wants_only_won ? "" : psprintf(" FILTER (WHERE %s)", is_won));
	else if (wants_won)
		appendStringInfo(&columns, ",\n        %s AS is_won",
						 wants_only_won ? "true" : psprintf("bool_or(%s)", is_won));
	if (by_last && wants_open)
		appendStringInfo(&columns, ",\n        max(%s) FILTER (WHERE %s) AS open_until", created_then,
						 is_open);
	else if (wants_open)
		appendStringInfo(&columns, ",\n        bool_or(%s) AS is_open", is_open);
	if (wants_all || wants_exits)
		appendStringInfo(&columns, ",\n        array_agg(%s) AS created_times", created_at);
	if (wants_exits)
		appendStringInfo(&columns, ",\n        array_agg(%s) AS held_times",
						 dates_losses ? psprintf("CASE WHEN opportunity.won IS FALSE AND %s IS NOT NULL"
												 " THEN %s ELSE timestamptz 'infinity' END",
												 closed_at, closed_at)
									  : "timestamptz 'infinity'");
	if (wants_all)
		appendStringInfo(&columns, ",\n        %s AS won_times",
						 dates_wins ? psprintf("array_agg(%s) FILTER (WHERE %s)", closed_at, is_won)
									: "NULL::timestamptz[]");
	needed[created] = true;
	needed[won] = wants_won || dates_wins || dates_losses || (wants_open && has_won);
	needed[closed] = dates_wins || dates_losses || ((wants_won || wants_open) && has_closed);
	needed[lead_id] = opportunity->columns[lead_id].text != NULL;
	needed[account_id] = by_account;
	of_no_lead = needed[lead_id] ? "opportunity.lead_id IS NULL\n      AND " : "";
	select = smk_sql_indent(smk_source_select(opportunity, needed, NIL, entity - smk_entities, NULL), 9);
	if (!by_lead)
		appendStringInfo(from,
						 "\nLEFT JOIN (\n"
						 "    SELECT opportunity.account_id%s\n"
						 "    FROM %s AS opportunity\n"
						 "    WHERE opportunity.account_id IS NOT NULL\n      AND %s%s\n"
						 "    GROUP BY opportunity.account_id) AS account_conversion\n"
						 "    ON %s AND lead.lead_id IS NOT NULL",
						 columns.data, select, of_no_lead, is_created,
						 smk_source_keys_equal("account_conversion.account_id",
											   smk_source_key_type(opportunity, account_id),
											   smk_records_column(records, "account_id"),
											   smk_source_key_type(records->binding, lead_account)));
	else if (by_account)
	{
		bool lead_needed[SMK_MAX_COLUMNS] = {false};
		int lead_created = smk_entity_column(lead_entity, "created_at");
		char *sibling;

		lead_needed[key] = lead_needed[lead_account] = lead_needed[lead_created] = true;
		sibling = smk_records_chosen(records, "chosen", lead_needed);
		if (sibling)
			sibling = psprintf("(SELECT chosen.*\n %s)", smk_sql_indent(sibling, 1));
		else
			sibling = smk_source_select(records->binding, lead_needed, NIL, lead_entity - smk_entities, NULL);
		appendStringInfo(
			from,
			"\nLEFT JOIN (\n"
			"    SELECT sibling.lead_id%s\n"
			"    FROM %s AS sibling\n"
			"    JOIN %s AS opportunity\n"
			"        ON %s\n"
			"       AND %s >= %s\n"
			"    WHERE %s%s\n"
			"    GROUP BY sibling.lead_id) AS account_conversion\n"
			"    ON %s",
			columns.data, smk_sql_indent(sibling, 9), select,
			smk_source_keys_equal("opportunity.account_id", smk_source_key_type(opportunity, account_id),
								  "sibling.account_id", smk_source_key_type(records->binding, lead_account)),
			created_then, created_to_compare(records->request, records->binding, "sibling.created_at"),
			of_no_lead, is_created,
			smk_source_keys_equal("account_conversion.lead_id", lead_key, "lead.lead_id", lead_key));
	}
	else
		appendStringInfo(
			from,
			"\nLEFT JOIN (\n"
			"    SELECT opportunity.lead_id%s\n"
			"    FROM %s AS opportunity\n"
			"    WHERE opportunity.lead_id IS NOT NULL\n      AND %s%s\n"
			"    GROUP BY opportunity.lead_id) AS conversion\n"
			"    ON %s",
			columns.data, select, is_created,
			smk_lead_few_only(records, "opportunity.lead_id", smk_source_key_type(opportunity, lead_id)),
			smk_source_keys_equal("conversion.lead_id", smk_source_key_type(opportunity, lead_id),
								  "lead.lead_id", lead_key));
}

/* The first crossing of each threshold by the scores of leads, and what these are where that is asked for. */
static void
join_scores(SmkRecords *records, StringInfo from)
{
	const SmkRequest *request = records->request;
	SmkBinding *activity = smk_score_activities(request->config);
	Oid type = smk_score_key_type(activity);
	SmkScoreReading reading = {.as_of = records->score_as_of};

	for (const LeadStep *step = lead_steps; step - lead_steps < SCORED_STEPS; step++)
	{
		const SmkScoreThreshold *threshold = step_threshold(records, step);

		if (threshold == NULL)
			continue;
		reading.thresholds[reading.threshold_count] = threshold->score;
		reading.names[reading.threshold_count++] = psprintf("%s_at", step->name);
	}
	reading.where =
		psprintf("%s%s", smk_moment_seen(request, smk_score_activity_at(activity, request->time_zone)),
				 smk_lead_few_only(records, "activity.lead_id", type));
	appendStringInfo(
		from, "\nLEFT JOIN %s AS score\n    ON %s",
		smk_sql_indent(smk_score_sql(request->config, request->time_zone, &reading), 4),
		smk_source_keys_equal(
			"score.lead_id", type, "lead.lead_id",
			smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, "lead_id"))));
}

/*
 * SQL for the score of a lead as of an instant, and for the first crossing of the threshold of the furthest
 * stage that it has reached (NULL: there is no threshold). There must be rules and activities.
 */
char *
smk_lead_score(SmkRecords *records, const char *as_of, char **crossed_at)
{
	StringInfoData crossings;

	records->steps |= STEP_BY_SCORE;
	records->score_as_of = as_of;
	initStringInfo(&crossings);
	for (int i = SCORED_STEPS - 1; i >= 0; i--)
		if (step_threshold(records, &lead_steps[i]))
			add_part(&crossings, ", ", psprintf("score.%s_at", lead_steps[i].name));
	*crossed_at = crossings.len ? psprintf("coalesce(%s)", crossings.data) : NULL;
	return pstrdup("coalesce(score.score, 0)");
}

/*
 * The times of a lead's way: each step's own first, whose sources those of later steps follow; then one after
 * the other, as a step that is dated before the one before it counts as reached at that time.
 */
static void
join_way(SmkRecords *records, StringInfo from)
{
	char *created = smk_records_instant(records, "created_at");
	char *won = lead_step(records, &lead_steps[WAY_STEPS - 1], true);
	StringInfoData own;
	StringInfoData way;
	StringInfoData before;

	initStringInfo(&own);
	initStringInfo(&way);
	initStringInfo(&before);
	appendStringInfoString(&before, created);
	for (int i = 0; i < WAY_STEPS; i++)
	{
		const char *name = lead_steps[i].name;
		char *at = lead_step(records, &lead_steps[i], true);

		if (at == NULL)
			break;
		if (won && i < WAY_STEPS - 1)
			at = psprintf("coalesce(%s, %s)", at, won);
		appendStringInfo(&before, ", own.%s_at", name);
		appendStringInfo(&own, "%s%s AS %s_at", own.len ? ",\n        " : "", at, name);
		appendStringInfo(&way,
						 "%sCASE WHEN own.%s_at IS NOT NULL AND isfinite(%s) THEN greatest(%s) END AS %s_at",
						 way.len ? ",\n        " : "", name, created, before.data, name);
	}
	appendStringInfo(from,
					 "\nCROSS JOIN LATERAL (\n    SELECT %s\n    " SMK_LEAD_FENCE ") AS own"
					 "\nCROSS JOIN LATERAL (\n    SELECT %s\n    " SMK_LEAD_FENCE ") AS way",
					 own.data, way.data);
}

/*
 * A row a step of the way that the lead took: its number, its time where that is known, whether it is the
 * last.
 */
static void
join_events(SmkRecords *records, StringInfo from)
{
	char *created = smk_records_instant(records, "created_at");
	StringInfoData came;
	StringInfoData steps;
	StringInfoData times;

	initStringInfo(&came);
	initStringInfo(&steps);
	initStringInfo(&times);
	appendStringInfoString(&steps, "(1::bigint)");
	appendStringInfo(&times, "WHEN 1 THEN %s", created ? created : "NULL::timestamptz");
	for (int i = WAY_STEPS - 1; i >= 0; i--)
	{
		char *took = lead_took(records, &lead_steps[i]);

		if (took)
			appendStringInfo(&came, "WHEN %s THEN %d\n             ", took, i + 2);
	}
	for (int i = 0; i < WAY_STEPS && lead_took(records, &lead_steps[i]) != NULL; i++)
	{
		appendStringInfo(&steps, ", (%d)", i + 2);
		if (lead_duration(records, &lead_steps[i]))
			appendStringInfo(&times, " WHEN %d THEN way.%s_at", i + 2, lead_steps[i].name);
	}
	appendStringInfo(from, "\nCROSS JOIN LATERAL (\n    SELECT %s AS step\n    " SMK_LEAD_FENCE ") AS came",
					 came.len ? psprintf("CASE %sELSE 1 END", came.data) : "1");
	appendStringInfo(from,
					 "\nJOIN (VALUES %s) AS numbered (step) ON numbered.step <= came.step"
					 "\nCROSS JOIN LATERAL (\n    SELECT numbered.step, numbered.step = came.step AS is_last,"
					 "\n        CASE numbered.step %s END AS at) AS event",
					 steps.data, times.data);
}

/* A row of all that happened to a lead: the number of the step, and its time. */
static void
join_happened(SmkRecords *records, StringInfo from)
{
	char *created = smk_records_instant(records, "created_at");

	appendStringInfo(from, "\nCROSS JOIN LATERAL (\n    SELECT 1::bigint AS step, %s AS at",
					 created ? created : "NULL::timestamptz");
	for (int i = 0; i < 3; i++)
	{
		char *at = smk_lead_time(records, lead_steps[i].own_columns[0]);

		if (at)
			appendStringInfo(from, "\n    UNION ALL\n    SELECT %d, %s", i + 2, at);
		at = score_step(records, &lead_steps[i], true);
		if (at)
			appendStringInfo(from, "\n    UNION ALL\n    SELECT %d, %s", i + 2, at);
	}
	if (records->steps & STEP_BY_CHANGE)
		appendStringInfoString(from,
							   "\n    UNION ALL\n    SELECT unnest(change.steps), unnest(change.times)");
	for (int i = 0; i < 2; i++)
		if (records->steps & (i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT))
			appendStringInfo(from,
							 "\n    UNION ALL\n    SELECT %d, unnest(%s.created_times)"
							 "\n    UNION ALL\n    SELECT %d, unnest(%s.won_times)",
							 WAY_STEPS, conversion_aliases[i], WAY_STEPS + 1, conversion_aliases[i]);
	appendStringInfoString(from, ") AS event");
}

/* Adds the joins that the steps asked for need, and notes the lead's columns that they join on. */
void
smk_lead_steps_join(SmkRecords *records, StringInfo from)
{
	if (records->steps & (STEP_BY_CHANGE | STEP_BY_OPPORTUNITY | STEP_BY_ACCOUNT | STEP_BY_SCORE))
		(void) smk_records_column(records, "lead_id");
	if (records->steps & STEP_BY_CHANGE)
		join_changes(records, from);
	if (records->steps & STEP_BY_OPPORTUNITY)
		join_conversions(records, false, from);
	if (records->steps & STEP_BY_ACCOUNT)
		join_conversions(records, true, from);
	if (records->steps & STEP_BY_SCORE)
		join_scores(records, from);
	if (records->steps & STEP_ON_WAY)
		join_way(records, from);
	if (records->steps & STEP_AS_EVENTS)
		join_events(records, from);
	if (records->steps & STEP_AS_HAPPENED)
		join_happened(records, from);
}
