/*
 * orphan_open.c: the leads that somebody has to handle: those that are neither won, nor lost, disqualified or
 * recycled, nor an opportunity, which is another's work.
 *
 * Stages and their log tell it by what came last: a lead that was taken back to a stage of the way is open
 * again. An opportunity of the lead, or of its account after it came, ends it for good.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "handover/orphan_open.h"
#include "kpi/part.h"
#include "kpi/source.h"
#include "stage/stage.h"

/* Adds, to what has the leads as lead, the join of what is folded by lead: the columns of each lead's rows of
 * an entity, under its name. Materialized: each worker would fold them all again. */
void
smk_orphan_join_folded(const SmkRequest *request, const SmkBinding *lead, const SmkBinding *binding,
					   const char *columns, const char *condition, const bool *needed, StringInfo from)
{
	const char *entity = binding->entity->name;
	int lead_id = smk_entity_column(binding->entity, "lead_id");
	int at = smk_entity_column(binding->entity, "at");
	char *instant = smk_source_instant(binding, at, psprintf("%s.at", entity), request->time_zone);

	appendStringInfo(
		from,
		"\nLEFT JOIN (\n"
		"    WITH folded AS MATERIALIZED (\n"
		"    SELECT %s.lead_id, %s\n"
		"    FROM %s AS %s\n"
		"    WHERE %s.lead_id IS NOT NULL AND %s%s\n"
		"    GROUP BY %s.lead_id)\n"
		"    SELECT folded.*\n"
		"    FROM folded) AS %s\n"
		"    ON %s",
		entity, columns,
		smk_sql_indent(smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL), 9),
		entity, entity, smk_moment_seen(request, instant), condition, entity, entity,
		smk_source_keys_equal(psprintf("%s.lead_id", entity), smk_source_key_type(binding, lead_id),
							  "lead.lead_id",
							  smk_source_key_type(lead, smk_entity_column(lead->entity, "lead_id"))));
}

/* The stages on the way to an opportunity, and those of one, of a customer, or out of it. */
#define OPEN_STAGES                                                                                          \
	(SMK_STAGE_BIT(SMK_STAGE_VISITOR) | SMK_STAGE_BIT(SMK_STAGE_LEAD) | SMK_STAGE_BIT(SMK_STAGE_MQL) |       \
	 SMK_STAGE_BIT(SMK_STAGE_SAL) | SMK_STAGE_BIT(SMK_STAGE_SQL))
#define CLOSED_STAGES                                                                                        \
	(SMK_STAGE_BIT(SMK_STAGE_OPPORTUNITY) | SMK_STAGE_BIT(SMK_STAGE_WON) |                                   \
	 SMK_STAGE_BIT(SMK_STAGE_DISQUALIFIED) | SMK_STAGE_BIT(SMK_STAGE_RECYCLED) |                             \
	 SMK_STAGE_BIT(SMK_STAGE_LOST) | SMK_STAGE_BIT(SMK_STAGE_CHURNED))

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

/*
 * SQL for whether the stage of now, of alias lead, is open; NULL where it is not known. NULL where none is
 * bound, and as of an earlier day, which it tells nothing of.
 */
static char *
stage_tells(SmkRecords *records)
{
	const SmkRequest *request = records->request;

	if (request->has_as_of || smk_records_column(records, "stage") == NULL)
		return NULL;
	(void) smk_records_column(records, "pipeline");
	return psprintf("CASE WHEN %s THEN true WHEN %s THEN false END",
					smk_source_stages(request->config, records->binding, "lead", OPEN_STAGES),
					smk_source_stages(request->config, records->binding, "lead", CLOSED_STAGES));
}

/* The leads themselves: key, label, owner, stage, times, and whether they came to be opportunities. */
static char *
candidates(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	char *created = smk_records_instant(records, "created_at");
	char *assigned = smk_records_instant(records, "assigned_at");
	char *disqualified = smk_records_instant(records, "disqualified_at");
	char *label = smk_records_column(records, "label");
	char *owner = smk_records_column(records, "owner");
	char *converted = smk_records_column(records, "is_conversion");
	char *is_open = stage_tells(records);
	char *condition = smk_moment_seen_or_unknown(request, created);
	char *stage = shown_stage(records);
	StringInfoData sql;

	if (converted)
		condition = psprintf("%s\n   AND NOT %s", condition, converted);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS lead_id, %s AS label", smk_records_column(records, "lead_id"),
					 label ? label : "NULL::text");
	/* Whoever has it now had not been given it then. */
	appendStringInfo(
		&sql, ",\n       %s AS owner, %s AS assigned_at",
		owner == NULL ? "NULL::text"
		: assigned
			? psprintf("CASE WHEN (%s) IS NOT FALSE THEN %s END", smk_moment_seen(request, assigned), owner)
			: owner,
		assigned ? psprintf("CASE WHEN %s THEN %s END", smk_moment_seen(request, assigned), assigned)
				 : "NULL::timestamptz");
	appendStringInfo(&sql, ",\n       %s AS stage,\n       %s AS is_open, %s AS created_at", stage,
					 is_open ? is_open : "NULL::boolean", created);
	smk_part_append_dimensions(records, true, "open_leads", &sql);
	if (disqualified)
		appendStringInfo(&sql, ",\n       CASE WHEN %s THEN %s END AS disqualified_at",
						 smk_moment_seen(request, disqualified), disqualified);
	appendStringInfo(&sql, "\n%s", smk_records_from(records, "leads", true, condition));
	return sql.data;
}

/* The condition on a log of stages that keeps the leads of which the stage of now does not tell all: then
 * only theirs are folded. Empty where that may be all of them. */
static char *
where_log_tells(SmkRecords *records, const SmkBinding *change)
{
	const SmkBinding *lead = records->binding;
	int key = smk_entity_column(lead->entity, "lead_id");
	int disqualified = smk_entity_column(lead->entity, "disqualified_at");
	Oid key_type = smk_source_key_type(lead, key);
	bool is_alike = key_type == smk_source_key_type(change, smk_entity_column(change->entity, "lead_id"));
	char *is_open = stage_tells(records);
	bool needed[SMK_MAX_COLUMNS] = {false};

	if (is_open == NULL)
		return "";
	needed[key] = needed[smk_entity_column(lead->entity, "stage")] = true;
	needed[smk_entity_column(lead->entity, "pipeline")] =
		lead->columns[smk_entity_column(lead->entity, "pipeline")].text != NULL;
	needed[disqualified] = lead->columns[disqualified].text != NULL;
	return psprintf(
		"\n      AND stage_change.lead_id%s IN (\n"
		"          SELECT lead.lead_id%s\n"
		"          FROM %s AS lead\n"
		"          WHERE %s IS NULL%s)",
		is_alike ? "" : "::text", is_alike ? "" : "::text",
		smk_sql_indent(smk_source_select(lead, needed, NIL, lead->entity - smk_entities, NULL), 15), is_open,
		needed[disqualified] ? " OR lead.disqualified_at IS NOT NULL" : "");
}

/* Adds when each lead was last taken to a stage that is open, and to one that is not; false where no log of
 * stages is bound. */
static bool
join_changes(SmkRecords *records, StringInfo from)
{
	const SmkRequest *request = records->request;
	SmkBinding *change = smk_source_with(request->config, "stage_change", "lead_id");
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
	smk_orphan_join_folded(
		request, records->binding, change,
		psprintf("max(%s) FILTER (WHERE %s) AS opened_at,\n        max(%s) FILTER (WHERE %s) AS closed_at",
				 at, smk_source_stages(request->config, change, "stage_change", OPEN_STAGES), at,
				 smk_source_stages(request->config, change, "stage_change", CLOSED_STAGES)),
		where_log_tells(records, change), needed, from);
	return true;
}

/*
 * The statement of the open leads, of any time of creation, as of the request's as_of: lead_id, label, owner
 * and assigned_at (NULL where not bound, or not yet so), stage, created_at, and the dimensions of the request
 * as they are shown.
 */
char *
smk_orphan_open_leads(SmkRecords *records)
{
	const SmkRequest *request = records->request;
	bool has_disqualified = smk_records_column(records, "disqualified_at") != NULL;
	char *leads = candidates(records);
	StringInfoData sql;
	StringInfoData changes;
	bool has_changes;

	initStringInfo(&sql);
	initStringInfo(&changes);
	has_changes = join_changes(records, &changes);
	appendStringInfoString(
		&sql, "SELECT lead.lead_id, lead.label, lead.owner, lead.stage, lead.created_at, lead.assigned_at");
	smk_part_append_by(request, "lead.", &sql);
	appendStringInfo(&sql, "\nFROM (\n    %s) AS lead%s\nWHERE lead.is_open IS NOT FALSE",
					 smk_sql_indent(leads, 4), changes.data);
	if (has_disqualified)
		appendStringInfo(&sql, "\n   AND (lead.disqualified_at IS NULL%s)",
						 has_changes ? " OR stage_change.opened_at > lead.disqualified_at" : "");
	if (has_changes)
		appendStringInfoString(&sql, "\n   AND (lead.is_open OR stage_change.closed_at IS NULL OR "
									 "stage_change.opened_at > stage_change.closed_at)");
	return sql.data;
}
