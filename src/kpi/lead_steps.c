/*
 * lead_steps.c: how far a lead came, and when. The sources of a step, in their order: the lead's own column,
 * the stage change to it or beyond, the time of a later step, the conversion into an opportunity. A current
 * stage counts as reached, but tells no time.
 *
 * A lead's opportunities are those that name it; beside them those that name no lead, of its account, created
 * at or after it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "kpi/lead_steps.h"
#include "kpi/source.h"

typedef struct LeadStep
{
	const char *name;			/* as in is_<name> and <name>_time */
	const char *own_columns[3]; /* the lead's columns that date it, its own first, later steps after it */
	FunnelStage stage;
	bool or_beyond;
	const char *opportunity_at; /* which time of the lead's opportunities dates it, or NULL */
} LeadStep;

static const LeadStep lead_steps[] = {
	{"mql", {"mql_at", "sal_at", "sql_at"}, SMK_STAGE_MQL, true, "opportunity_at"},
	{"sal", {"sal_at", "sql_at", NULL}, SMK_STAGE_SAL, true, "opportunity_at"},
	{"sql", {"sql_at", NULL, NULL}, SMK_STAGE_SQL, true, "opportunity_at"},
	{"customer", {NULL, NULL, NULL}, SMK_STAGE_WON, true, "won_at"},
	{"disqualified", {"disqualified_at", NULL, NULL}, SMK_STAGE_DISQUALIFIED, false, NULL}};

/* Bits of SmkRecords.steps: the steps whose fact and whose time is asked for, and what tells of them. */
#define STEP_IS(step) (1 << ((step) -lead_steps))
#define STEP_TIME(step) (1 << (8 + ((step) -lead_steps)))
#define STEP_ASKED(steps, step) (((steps) & (STEP_IS(step) | STEP_TIME(step))) != 0)
#define STEP_BY_CHANGE (1 << 16)
#define STEP_BY_OPPORTUNITY (1 << 17)
#define STEP_BY_ACCOUNT (1 << 18)

/* The step that a derived column is about; is_time tells which of its two columns. */
static const LeadStep *
lead_step_find(const char *name, bool *is_time)
{
	for (size_t i = 0; i < lengthof(lead_steps); i++)
	{
		if (strcmp(name, psprintf("is_%s", lead_steps[i].name)) == 0)
		{
			*is_time = false;
			return &lead_steps[i];
		}
		if (strcmp(name, psprintf("%s_time", lead_steps[i].name)) == 0)
		{
			*is_time = true;
			return &lead_steps[i];
		}
	}
	return NULL;
}

/* True for a column that is derived here. */
bool
smk_lead_step_is_column(const char *name)
{
	bool is_time;

	return lead_step_find(name, &is_time) != NULL;
}

/* A binding that has these columns (NULL: none further), opened; or NULL. */
static SmkBinding *
lead_step_source(const SmkRequest *request, const char *entity, const char *column)
{
	SmkBinding *binding = smk_config_binding(request->config, entity);

	if (binding == NULL || binding->columns[smk_entity_column(binding->entity, column)].text == NULL)
		return NULL;
	smk_binding_open(binding);
	return binding;
}

/* Adds a part to a list that is joined later. */
static void
add_part(StringInfo list, const char *separator, const char *part)
{
	if (list->len)
		appendStringInfoString(list, separator);
	appendStringInfoString(list, part);
}

/*
 * SQL for is_<step> or <step>_time on a lead; NULL where nothing that is bound can tell.
 */
char *
smk_lead_step(SmkRecords *records, const char *name)
{
	bool is_time;
	const LeadStep *step = lead_step_find(name, &is_time);
	StringInfoData times;
	StringInfoData facts;
	char *at;

	initStringInfo(&times);
	initStringInfo(&facts);
	records->steps |= is_time ? STEP_TIME(step) : STEP_IS(step);
	for (int i = 0; i < 3 && step->own_columns[i] != NULL; i++)
	{
		at = smk_records_instant(records, step->own_columns[i]);
		if (at != NULL && i == 0)
			add_part(&times, ", ", at);
		if (at != NULL)
			add_part(&facts, " OR ", psprintf("%s IS NOT NULL", at));
	}
	if (lead_step_source(records->request, "stage_change", "lead_id"))
	{
		records->steps |= STEP_BY_CHANGE;
		add_part(&times, ", ", psprintf("change.%s_at", step->name));
		add_part(&facts, " OR ", psprintf("coalesce(change.is_%s, false)", step->name));
	}
	for (int i = 1; i < 3 && step->own_columns[i] != NULL; i++)
	{
		at = smk_records_instant(records, step->own_columns[i]);
		if (at != NULL)
			add_part(&times, ", ", at);
	}
	if (step->opportunity_at)
	{
		static const char *const aliases[] = {"conversion", "account_conversion"};
		bool by_winning = strcmp(step->opportunity_at, "won_at") == 0;
		bool bound[2];

		bound[0] = lead_step_source(records->request, "opportunity", "lead_id") != NULL;
		bound[1] = lead_step_source(records->request, "opportunity", "account_id") != NULL &&
				   smk_records_column(records, "account_id") != NULL;
		for (int i = 0; i < 2; i++)
		{
			if (!bound[i] || (by_winning && lead_step_source(records->request, "opportunity", "won") == NULL))
				continue;
			records->steps |= i == 0 ? STEP_BY_OPPORTUNITY : STEP_BY_ACCOUNT;
			add_part(&times, ", ", psprintf("%s.%s", aliases[i], step->opportunity_at));
			/* A deal may be won without a date of it. */
			add_part(&facts, " OR ",
					 by_winning ? psprintf("coalesce(%s.is_won, false)", aliases[i])
								: psprintf("%s.lead_id IS NOT NULL", aliases[i]));
		}
	}
	if (is_time)
		return times.len ? psprintf("coalesce(%s)", times.data) : NULL;
	if (smk_records_column(records, "stage") != NULL)
	{
		(void) smk_records_column(records, "pipeline");
		add_part(&facts, " OR ",
				 psprintf("coalesce(%s, false)", smk_source_stage(records->request->config, records->binding,
																  "lead", step->stage, step->or_beyond)));
	}
	return facts.len ? psprintf("(%s)", facts.data) : NULL;
}

/*
 * A condition that keeps the rows of the leads in the range, where these are few of all: folding the history
 * of every lead that there ever was would be for nothing. Empty where it would not pay.
 */
static char *
few_leads_only(SmkRecords *records, const char *reference, Oid type)
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
	SmkBinding *change = lead_step_source(records->request, "stage_change", "lead_id");
	int at = smk_entity_column(change->entity, "at");
	int lead_id = smk_entity_column(change->entity, "lead_id");
	int pipeline = smk_entity_column(change->entity, "pipeline");
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
		asked += STEP_ASKED(records->steps, &lead_steps[i]);
	for (size_t i = 0; i < lengthof(lead_steps); i++)
	{
		const LeadStep *step = &lead_steps[i];
		char *condition;

		if (!STEP_ASKED(records->steps, step))
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
		"    WHERE stage_change.lead_id IS NOT NULL AND stage_change.at IS NOT NULL\n      AND (%s)%s\n"
		"    GROUP BY stage_change.lead_id) AS change\n"
		"    ON %s",
		columns.data,
		smk_sql_indent(smk_source_select(change, needed, NIL, change->entity - smk_entities, NULL), 9),
		where.data, few_leads_only(records, "stage_change.lead_id", smk_source_key_type(change, lead_id)),
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

/* SQL for the local date of a time column. */
static char *
local_date(const SmkBinding *binding, int column, const char *reference, const char *zone)
{
	if (binding->columns[column].type == DATEOID)
		return pstrdup(reference);
	return psprintf("smarketing.period_start('day', %s, %s)", reference, quote_literal_cstr(zone));
}

/* The condition that an opportunity was not created before a lead; where one of them knows only the day, by
 * days. */
static char *
not_before(const SmkBinding *opportunity, int created, const SmkBinding *lead, int lead_created,
		   const char *zone)
{
	if (opportunity->columns[created].type == DATEOID || lead->columns[lead_created].type == DATEOID)
		return psprintf("%s >= %s", local_date(opportunity, created, "opportunity.created_at", zone),
						local_date(lead, lead_created, "sibling.created_at", zone));
	return psprintf("%s >= %s", smk_source_instant(opportunity, created, "opportunity.created_at", zone),
					smk_source_instant(lead, lead_created, "sibling.created_at", zone));
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
	const char *zone = records->request->time_zone;
	bool needed[SMK_MAX_COLUMNS] = {false};
	bool has_won = opportunity->columns[won].text != NULL;
	bool wants_won = has_won && is_asked_of_opportunities(records, "won_at", false);
	bool has_closed = opportunity->columns[closed].text != NULL;
	char *created_at = smk_source_instant(opportunity, created, "opportunity.created_at", zone);
	bool wants_created = is_asked_of_opportunities(records, "opportunity_at", true);
	bool wants_won_at = is_asked_of_opportunities(records, "won_at", true);
	char *select;
	Oid lead_key = smk_source_key_type(records->binding, key);
	StringInfoData columns;

	initStringInfo(&columns);
	if (wants_created)
		appendStringInfo(&columns, ",\n        min(%s) AS opportunity_at", created_at);
	if (wants_won_at)
		appendStringInfo(&columns, ",\n        %s AS won_at",
						 has_won && has_closed ? psprintf("min(%s) FILTER (WHERE opportunity.won)",
														  smk_source_instant(opportunity, closed,
																			 "opportunity.closed_at", zone))
											   : "NULL::timestamptz");
	if (wants_won)
		appendStringInfoString(&columns, ",\n        bool_or(opportunity.won) AS is_won");
	needed[created] = wants_created || by_account;
	needed[won] = wants_won || (wants_won_at && has_won);
	needed[closed] = wants_won_at && has_won && has_closed;
	needed[lead_id] = opportunity->columns[lead_id].text != NULL;
	needed[account_id] = by_account;
	select = smk_sql_indent(smk_source_select(opportunity, needed, NIL, entity - smk_entities, NULL), 9);
	appendStringInfo(from,
					 "\nLEFT JOIN (\n"
					 "    SELECT %s.lead_id%s\n",
					 by_account ? "sibling" : "opportunity", columns.data);
	if (by_account)
	{
		bool lead_needed[SMK_MAX_COLUMNS] = {false};
		int lead_account = smk_entity_column(lead_entity, "account_id");
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
			"    FROM %s AS sibling\n"
			"    JOIN %s AS opportunity\n"
			"        ON %s\n"
			"       AND %s\n",
			smk_sql_indent(sibling, 9), select,
			smk_source_keys_equal("opportunity.account_id", smk_source_key_type(opportunity, account_id),
								  "sibling.account_id", smk_source_key_type(records->binding, lead_account)),
			not_before(opportunity, created, records->binding, lead_created, zone));
		if (needed[lead_id])
			appendStringInfoString(from, "    WHERE opportunity.lead_id IS NULL\n");
		appendStringInfo(
			from,
			"    GROUP BY sibling.lead_id) AS account_conversion\n"
			"    ON %s",
			smk_source_keys_equal("account_conversion.lead_id", lead_key, "lead.lead_id", lead_key));
	}
	else
		appendStringInfo(
			from,
			"    FROM %s AS opportunity\n"
			"    WHERE opportunity.lead_id IS NOT NULL%s\n"
			"    GROUP BY opportunity.lead_id) AS conversion\n"
			"    ON %s",
			select, few_leads_only(records, "opportunity.lead_id", smk_source_key_type(opportunity, lead_id)),
			smk_source_keys_equal("conversion.lead_id", smk_source_key_type(opportunity, lead_id),
								  "lead.lead_id", lead_key));
}

/* Adds the joins that the steps asked for need, and notes the lead's columns that they join on. */
void
smk_lead_steps_join(SmkRecords *records, StringInfo from)
{
	if ((records->steps & (STEP_BY_CHANGE | STEP_BY_OPPORTUNITY | STEP_BY_ACCOUNT)) == 0)
		return;
	(void) smk_records_column(records, "lead_id");
	if (records->steps & STEP_BY_CHANGE)
		join_changes(records, from);
	if (records->steps & STEP_BY_OPPORTUNITY)
		join_conversions(records, false, from);
	if (records->steps & STEP_BY_ACCOUNT)
		join_conversions(records, true, from);
}
