/*
 * score.c: the scores of leads as SQL. All activities are read once, whatever their kind and whoever did
 * them: a rule names the kind, and what a lead is worth is what it does, which much of the time a machine
 * records.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"

#include "kpi/moment.h"
#include "kpi/score.h"
#include "kpi/source.h"

/* The binding of activities, opened, where there are rules by which they count; else NULL. */
SmkBinding *
smk_score_activities(const SmkConfig *config)
{
	SmkBinding *activity = smk_config_binding(config, "activity");

	if (activity == NULL || config->score_rules == NIL)
		return NULL;
	smk_binding_open(activity);
	return activity;
}

/* The type of the leads that are given. */
Oid
smk_score_key_type(const SmkBinding *activity)
{
	return smk_source_key_type(activity, smk_entity_column(activity->entity, "lead_id"));
}

/* SQL for the instant of an activity. */
char *
smk_score_activity_at(const SmkBinding *activity, const char *time_zone)
{
	return smk_source_instant(activity, smk_entity_column(activity->entity, "at"), "activity.at", time_zone);
}

/* A number as SQL that reads back as the same, whatever the session's settings. */
static char *
number_literal(double value)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	return pstrdup(digits);
}

/* The rules as three arrays, each after a comma: kinds of activities, points, half-lives. */
static void
append_rules(const SmkConfig *config, StringInfo sql, StringInfo kinds)
{
	StringInfoData points;
	StringInfoData half_lives;
	const char *separator = "";
	ListCell *cell;

	initStringInfo(&points);
	initStringInfo(&half_lives);
	foreach (cell, config->score_rules)
	{
		const SmkScoreRule *rule = lfirst(cell);

		appendStringInfo(kinds, "%s%s", separator, quote_literal_cstr(rule->activity));
		appendStringInfo(&points, "%s%d", separator, rule->points);
		appendStringInfo(&half_lives, "%s%s", separator,
						 rule->half_life ? smk_hours_literal(rule->half_life) : "NULL");
		separator = ", ";
	}
	appendStringInfo(sql, "ARRAY[%s]::text[],\n            '{%s}'::integer[], ARRAY[%s]::interval[]",
					 kinds->data, points.data, half_lives.data);
}

/*
 * A subselect of (lead_id, score, and when each threshold was first reached); a lead without scored
 * activities is not in it. There must be rules and activities. palloc'd.
 */
char *
smk_score_sql(const SmkConfig *config, const char *time_zone, const SmkScoreReading *reading)
{
	SmkBinding *activity = smk_score_activities(config);
	const SmkEntity *entity = activity->entity;
	bool needed[SMK_MAX_COLUMNS] = {false};
	StringInfoData sql;
	StringInfoData kinds;

	needed[smk_entity_column(entity, "lead_id")] = needed[smk_entity_column(entity, "at")] =
		needed[smk_entity_column(entity, "kind")] = true;
	initStringInfo(&sql);
	initStringInfo(&kinds);
	appendStringInfoString(&sql, "(SELECT smarketing.scored_leads((held.scores).leads) AS lead_id");
	if (reading->as_of)
		appendStringInfoString(&sql, ",\n        unnest((held.scores).scores) AS score");
	for (int i = 0; i < reading->threshold_count; i++)
		appendStringInfo(&sql, ",\n        unnest((held.scores).crossed_%d) AS %s", i + 1, reading->names[i]);
	appendStringInfo(
		&sql, "\n FROM (\n    SELECT smarketing.scores(activity.lead_id%s, activity.kind, %s,\n            ",
		smk_score_key_type(activity) == INT8OID ? "::bigint" : "",
		smk_score_activity_at(activity, time_zone));
	append_rules(config, &sql, &kinds);
	appendStringInfoString(&sql, ",\n            '{");
	for (int i = 0; i < reading->threshold_count; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : "", number_literal(reading->thresholds[i]));
	appendStringInfo(&sql,
					 "}'::double precision[], %s) AS scores\n"
					 "    FROM %s AS activity\n"
					 /* As far before 2000 as timelines go. */
					 "    WHERE activity.kind IN (%s) AND activity.at > '2500-01-01 BC'%s%s) AS held)",
					 reading->as_of ? reading->as_of : "NULL",
					 smk_sql_indent(smk_source_select(activity, needed, NIL, entity - smk_entities, NULL), 9),
					 kinds.data, reading->where ? "\n      AND " : "", reading->where ? reading->where : "");
	return sql.data;
}

/*
 * A subselect of (lead_id, at): the first instant at which the score of a lead reached the threshold, up to
 * now. NULL where there is no rule, or activities are not bound. palloc'd.
 */
char *
smk_score_crossings_sql(SmkConfig *config, double threshold, const char *time_zone)
{
	SmkBinding *activity = smk_score_activities(config);
	SmkScoreReading reading = {.threshold_count = 1, .thresholds = {threshold}, .names = {"at"}};

	if (activity == NULL)
		return NULL;
	reading.where = psprintf("%s <= now()", smk_score_activity_at(activity, time_zone));
	return smk_score_sql(config, time_zone, &reading);
}
