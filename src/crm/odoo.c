/*
 * odoo.c: Odoo 14 to 19, community and enterprise, as a preset.
 *
 * One table holds leads and opportunities; a lead that is converted keeps its row. Times have no zone and
 * mean UTC. What a deal came to is Odoo 19's own verdict, which earlier versions compute and do not store:
 * won in a won stage with probability 100, also where it was archived later; lost where it is archived with
 * probability 0. The won_status of earlier enterprise editions is another one. Odoo 14 clears date_closed of
 * what is lost, and any version where the stage moves later: then the tracked change tells.
 */
#include "postgres.h"

#include "crm/preset.h"

static const char *const odoo_needed[] = {"crm_lead", "id",		  "crm_lead", "create_date", "crm_lead",
										  "type",	  "crm_lead", "stage_id", NULL};

static const SmkPresetTable odoo_tables[] = {
	{"crm_lead", "leads and opportunities"},
	{"crm_stage", "stages; without it nothing older than Odoo 19 is won"},
	{"crm_lost_reason", "reasons of losses"},
	{"crm_team", "teams"},
	{"crm_team_member", "who is in which team, from Odoo 15 on"},
	{"utm_source", "sources of leads"},
	{"utm_medium", "media of leads"},
	{"utm_campaign", "campaigns"},
	{"mail_message", "activities that were done, and when something changed"},
	{"mail_tracking_value", "changes of stages, and of what was won or lost"},
	{"mail_activity_type", "kinds of activities"},
	{"ir_model_fields", "which change is one of stage"},
	{"account_move", "invoices: module account"},
	{"res_partner", "names of customers and salespeople"},
	{"res_users", "salespeople"},
	{"res_company", "companies, and in which currency they reckon"},
	{"res_currency", "currencies"},
	{NULL, NULL}};

static const SmkPresetAlias odoo_aliases[] = {{"crm_stage", "crm_stage"},
											  {"crm_lost_reason", "crm_lost_reason"},
											  {"crm_team", "crm_team"},
											  {"membership", NULL},
											  {"member", "crm_team_member"},
											  {"utm_source", "utm_source"},
											  {"utm_medium", "utm_medium"},
											  {"utm_campaign", "utm_campaign"},
											  {"mail_activity_type", "mail_activity_type"},
											  {"message", "mail_message"},
											  {"tracking", "mail_tracking_value"},
											  {"field", "ir_model_fields"},
											  {"entered", "crm_stage"},
											  {"began", NULL},
											  {"closing", NULL},
											  {"res_users", "res_users"},
											  {"salesperson", "res_partner"},
											  {"team_leader", "res_users"},
											  {"manager", "res_partner"},
											  {"customer", "res_partner"},
											  {"author", "res_partner"},
											  {"res_company", "res_company"},
											  {"res_currency", "res_currency"},
											  {NULL, NULL}};

#define STAGE_LABEL(stage, id) "COALESCE({" stage ".name:label}, 'deleted stage ' || " id ")"

/* When a lead was last changed so. No joins: a statement that avoids nested loops would make them of all
 * rows, for each lead. */
#define LAST_CHANGE(field, change)                                                                           \
	"(\n        SELECT max({message.date:time}) FROM {mail_message} AS message\n"                            \
	"        WHERE {message.res_id} = {.id} AND {message.model} = 'crm.lead' AND EXISTS (\n"                 \
	"            SELECT FROM {mail_tracking_value} AS tracking WHERE {tracking.mail_message_id} = "          \
	"{message.id}\n"                                                                                         \
	"                AND {tracking.field_id|field} = ANY (ARRAY(\n"                                          \
	"                    SELECT {field.id} FROM {ir_model_fields} AS field "                                 \
	"WHERE {field.model} = 'crm.lead' AND {field.name} = '" field "'))\n"                                    \
	"                AND {tracking.new_value_integer} = " change " OFFSET 0))"

#define WON_CHANGE                                                                                           \
	LAST_CHANGE("stage_id",                                                                                  \
				"ANY (ARRAY(SELECT {entered.id} FROM {crm_stage} AS entered WHERE {entered.is_won}))")
#define LOST_CHANGE LAST_CHANGE("active", "0")

static const SmkPresetPart odoo_parts[] = {
	/* Before 19 only the enterprise stores a verdict, and another one: active with probability 100. */
	{"won", "{?crm_stage.team_id}[won_rule]"},
	{"won", "CASE {.won_status} WHEN 'won' THEN true WHEN 'lost' THEN false WHEN 'pending' THEN NULL ELSE "
			"[won_rule] END"},
	{"won", "CASE {.won_status} WHEN 'won' THEN true WHEN 'lost' THEN false END"},
	{"won", "[won_rule]"},
	{"won_rule", "CASE WHEN {crm_stage.is_won} AND {.probability} = 100 THEN true "
				 "WHEN NOT COALESCE({.active}, false) AND COALESCE({.probability}, 0) = 0 THEN false END"},
	/* When what is won or lost was; NULL of anything else. */
	{"closed_at",
	 "CASE [won] WHEN true THEN COALESCE({.date_closed:time}, {closing.won_at}, {.create_date:time}) "
	 "WHEN false THEN COALESCE({.date_closed:time}, {closing.lost_at}, {.create_date:time}) END"},
	{"closed_at_tracked", "CASE [won] WHEN true THEN COALESCE({closing.won_at}, {.create_date:time}) "
						  "WHEN false THEN COALESCE({closing.lost_at}, {.create_date:time}) END"},
	{"closed_at_untracked",
	 "CASE WHEN [won] IS NOT NULL THEN COALESCE({.date_closed:time}, {.create_date:time}) END"},
	{"is_undated", "{.date_closed} IS NULL"},
	{"is_undated", "true"},
	{"campaign", "COALESCE({utm_campaign.title:label}, {utm_campaign.name:label})"},
	{"campaign", "{utm_campaign.name:label}"},
	/*
	 * The field of a tracked value, by its id: labels are in anybody's language. For many the planner has to
	 * know that they are many, so the id is sought before; for a few a join leaves them to workers.
	 */
	{"field_is", "{tracking.field_id|field} = (SELECT {field.id} FROM {ir_model_fields} AS field WHERE "
				 "{field.model} = 'crm.lead' AND {field.name} = 'stage_id')"},
	{"tracked_field", "JOIN {ir_model_fields} AS field ON {field.id} = {tracking.field_id|field} AND "
					  "{field.model} = 'crm.lead' AND {field.name} IN ('stage_id', 'active')"},
	{"closing_times",
	 "max({message.date:time}) FILTER (WHERE {field.name} = 'stage_id' AND {entered.is_won}) AS won_at,\n"
	 "        max({message.date:time}) FILTER (WHERE {field.name} = 'active' AND "
	 "{tracking.new_value_integer} = "
	 "0) AS lost_at"},
	/* A won stage from which a deal came back, or in which it was lost, is none that it reached: its label is
	   read otherwise there. */
	{"pipeline", "CASE WHEN {entered.is_won} AND [won] IS NOT TRUE THEN 'reopened' END"},
	{"pipeline_now", "CASE WHEN {crm_stage.is_won} AND [won] IS NOT TRUE THEN 'reopened' END"},
	{"outcome", "LEFT JOIN LATERAL (\n"
				"    SELECT [won] AS is_won FROM {crm_lead} AS {@} LEFT JOIN {crm_stage} AS crm_stage ON "
				"{crm_stage.id} = {.stage_id}\n"
				"    WHERE {.id} = tracked.res_id AND {entered.is_won} LIMIT 1) AS outcome ON true{#.id}"},
	{"outcome", "LEFT JOIN (\n"
				"    SELECT {.id}, [won] AS is_won FROM {crm_lead} AS {@} LEFT JOIN {crm_stage} AS crm_stage "
				"ON {crm_stage.id} = {.stage_id}) AS outcome\n"
				"    ON outcome.id = tracked.res_id"},
	/*
	 * Times are whole seconds: of two changes in one the ids tell the order, by their last six digits. Each
	 * change, and before them the stage in which the lead began: the old one of its first change, else
	 * today's.
	 */
	{"stage_change",
	 "WITH tracked AS MATERIALIZED (\n"
	 "    SELECT {message.res_id} AS res_id, {message.date:time} + {tracking.id} % 1000000 * interval '1 "
	 "microsecond' AS date, {message.date:time} AS at_second, {tracking.id} AS id,\n"
	 "        {tracking.old_value_integer} AS old_stage, {tracking.new_value_integer} AS new_stage\n"
	 "    FROM {mail_tracking_value} AS tracking\n"
	 "    JOIN {mail_message} AS message ON {message.id} = {tracking.mail_message_id} AND {message.model} = "
	 "'crm.lead'\n"
	 "    WHERE [field_is])\n"
	 "SELECT tracked.res_id AS lead_id, tracked.date AS at, " STAGE_LABEL(
		 "entered",
		 "tracked.new_stage") " AS stage,\n"
							  "    CASE WHEN {entered.is_won} AND outcome.is_won IS NOT TRUE THEN 'reopened' "
							  "END AS pipeline\n"
							  "FROM tracked\n"
							  "LEFT JOIN {crm_stage} AS entered ON {entered.id} = tracked.new_stage\n"
							  "[outcome]\n"
							  "UNION ALL\n"
							  "SELECT {.id}, {.create_date:time}, " STAGE_LABEL(
								  "entered",
								  "began.stage_id") ", [pipeline]\n"
													"FROM {crm_lead} AS {@}\n"
													"LEFT JOIN {crm_stage} AS crm_stage ON {crm_stage.id} = "
													"{.stage_id}\n"
													"LEFT JOIN (\n"
													"    SELECT DISTINCT ON (res_id) res_id, old_stage FROM "
													"tracked ORDER BY res_id, at_second, id) AS first ON "
													"first.res_id = {.id}\n"
													"CROSS JOIN LATERAL (SELECT CASE WHEN first.res_id IS "
													"NULL THEN {.stage_id} ELSE nullif(first.old_stage, 0) "
													"END AS stage_id) AS began\n"
													"LEFT JOIN {crm_stage} AS entered ON {entered.id} = "
													"began.stage_id\n"
													"WHERE began.stage_id IS NOT NULL"},
	{NULL, NULL}};

#define USERS_OF(table, column)                                                                              \
	{table, "res_users", "LEFT JOIN {res_users} AS res_users ON {res_users.id} = {." column "}"},            \
	{                                                                                                        \
		table, "salesperson",                                                                                \
			"LEFT JOIN {res_partner} AS salesperson ON {salesperson.id} = {res_users.partner_id}"            \
	}

#define UTM_OF(table)                                                                                        \
	{table, "utm_source", "LEFT JOIN {utm_source} AS utm_source ON {utm_source.id} = {.source_id}"},         \
		{table, "utm_medium", "LEFT JOIN {utm_medium} AS utm_medium ON {utm_medium.id} = {.medium_id}"},     \
	{                                                                                                        \
		table, "utm_campaign",                                                                               \
			"LEFT JOIN {utm_campaign} AS utm_campaign ON {utm_campaign.id} = {.campaign_id}"                 \
	}

/* What has no company is the main one's, as Odoo shows its amounts. */
#define COMPANY_OF(table)                                                                                    \
	{table, "res_company",                                                                                   \
	 "LEFT JOIN {res_company} AS res_company ON {res_company.id} = COALESCE({.company_id}, (SELECT "         \
	 "min({res_company.id}) FROM {res_company} AS res_company))"},                                           \
	{                                                                                                        \
		table, "res_currency",                                                                               \
			"LEFT JOIN {res_currency} AS res_currency ON {res_currency.id} = {res_company.currency_id}"      \
	}

static const SmkPresetJoin odoo_joins[] = {
	{"crm_lead", "crm_stage", "LEFT JOIN {crm_stage} AS crm_stage ON {crm_stage.id} = {.stage_id}"},
	/* Of the few that are closed without a date: when they were. One by one where Odoo's own indexes find
	   them. */
	{"crm_lead", "closing",
	 "CROSS JOIN LATERAL (SELECT\n"
	 "    CASE WHEN [is_undated] AND [won] THEN " WON_CHANGE " END AS won_at,\n"
	 "    CASE WHEN [is_undated] AND NOT [won] THEN " LOST_CHANGE " END AS lost_at) AS closing"
	 "{#message.res_id}{#tracking.mail_message_id}"},
	{"crm_lead", "closing",
	 "LEFT JOIN (\n"
	 "    SELECT {message.res_id} AS res_id, [closing_times]\n"
	 "    FROM {crm_lead} AS {@}\n"
	 "    LEFT JOIN {crm_stage} AS crm_stage ON {crm_stage.id} = {.stage_id}\n"
	 "    JOIN {mail_message} AS message ON {message.res_id} = {.id} AND {message.model} = 'crm.lead'\n"
	 "    JOIN {mail_tracking_value} AS tracking ON {tracking.mail_message_id} = {message.id}\n"
	 "    [tracked_field]\n"
	 "    LEFT JOIN {crm_stage} AS entered ON {entered.id} = {tracking.new_value_integer}\n"
	 "    WHERE [is_undated] AND [won] IS NOT NULL\n"
	 "    GROUP BY {message.res_id}) AS closing ON closing.res_id = {.id}"},
	UTM_OF("crm_lead"),
	{"crm_lead", "crm_lost_reason",
	 "LEFT JOIN {crm_lost_reason} AS crm_lost_reason ON {crm_lost_reason.id} = "
	 "{.lost_reason_id|lost_reason}"},
	USERS_OF("crm_lead", "user_id"),
	{"crm_lead", "customer", "LEFT JOIN {res_partner} AS customer ON {customer.id} = {.partner_id}"},
	COMPANY_OF("crm_lead"),
	{"mail_message", "mail_activity_type",
	 "LEFT JOIN {mail_activity_type} AS mail_activity_type ON {mail_activity_type.id} = "
	 "{.mail_activity_type_id}"},
	{"mail_message", "author", "LEFT JOIN {res_partner} AS author ON {author.id} = {.author_id}"},
	UTM_OF("account_move"),
	USERS_OF("account_move", "invoice_user_id|user_id"),
	COMPANY_OF("account_move"),
	USERS_OF("res_partner", "user_id"),
	{"res_users", "salesperson",
	 "LEFT JOIN {res_partner} AS salesperson ON {salesperson.id} = {.partner_id}"},
	/* Of several teams the one that the user is in now, and was put into first. */
	{"res_users", "membership",
	 "LEFT JOIN (\n"
	 "    SELECT DISTINCT ON ({member.user_id}) {member.user_id} AS user_id, {member.crm_team_id} AS "
	 "team_id\n"
	 "    FROM {crm_team_member} AS member\n"
	 "    ORDER BY {member.user_id}, {member.active} IS TRUE DESC, {member.id}) AS membership\n"
	 "    ON membership.user_id = {.id}"},
	{"res_users", "crm_team", "LEFT JOIN {crm_team} AS crm_team ON {crm_team.id} = {membership.team_id}"},
	{"res_users", "crm_team", "LEFT JOIN {crm_team} AS crm_team ON {crm_team.id} = {.sale_team_id}"},
	{"res_users", "team_leader",
	 "LEFT JOIN {res_users} AS team_leader ON {team_leader.id} = {crm_team.user_id}"},
	{"res_users", "manager", "LEFT JOIN {res_partner} AS manager ON {manager.id} = {team_leader.partner_id}"},
	{NULL, NULL, NULL}};

#define INVOICES "{.move_type|type} IN ('out_invoice', 'out_refund') AND {.state} = 'posted'"

static const SmkPresetEntity odoo_entities[] = {
	{"lead", "crm_lead", "crm_lead", NULL, NULL, NULL},
	{"opportunity", "crm_lead", "crm_lead", NULL, NULL, NULL},
	{"stage_change", "mail_tracking_value", "crm_lead", "[stage_change]", NULL,
	 "without it the funnel knows the stages of today only"},
	{"activity", "mail_message", "mail_message", NULL, NULL, NULL},
	{"revenue", "account_move", "account_move", NULL,
	 "SELECT EXISTS (SELECT FROM {account_move} AS {@} WHERE " INVOICES ")",
	 "revenue is that of won opportunities until there are posted invoices and this is called again"},
	{"account", "res_partner", "res_partner", NULL, NULL, NULL},
	{"owner", "res_users", "res_users", NULL, NULL, NULL},
	{"spend", NULL, NULL, NULL, NULL,
	 "Odoo keeps no spend: enter it into smarketing.spend_entry, or bind a table of it with "
	 "smarketing.bind('spend', ...)"},
	{"goal", NULL, NULL, NULL, NULL,
	 "Odoo keeps a team's target of today only: enter goals into smarketing.goal_entry, or bind a table of "
	 "them with smarketing.bind('goal', ...)"},
	{NULL, NULL, NULL, NULL, NULL, NULL}};

#define CHANNEL_OF(entity)                                                                                   \
	{entity, "channel", "COALESCE({utm_source.name:label}, {utm_medium.name:label})", NULL},                 \
		{entity, "channel", "{utm_source.name:label}", "sources are the only channels"},                     \
	{                                                                                                        \
		entity, "channel", "{utm_medium.name:label}", "media are the only channels"                          \
	}

/* What leads and opportunities have alike. */
#define OF_EACH(entity)                                                                                      \
	{entity, "account_id", "COALESCE({customer.commercial_partner_id}, {.partner_id})", NULL},               \
		{entity, "account_id", "{.partner_id}", "contacts of one firm are accounts of their own"},           \
		{entity, "label", "{.name}", NULL},                                                                  \
		{entity, "stage", STAGE_LABEL("crm_stage", "{.stage_id}"), NULL},                                    \
		{entity, "pipeline", "[pipeline_now]", NULL}, CHANNEL_OF(entity),                                    \
		{entity, "campaign", "[campaign]", NULL}, {entity, "owner", "{salesperson.name}", NULL},             \
		{entity, "owner", "{res_users.login}", "owners are logins"},                                         \
		{entity, "owner", "{.user_id}", "owners are numbers of users"},                                      \
	{                                                                                                        \
		entity, NULL, "{res_company.name}", NULL                                                             \
	}

#define UNDATED "only tracked changes tell when it was"
#define UNTRACKED "without tracked changes what has no date_closed is closed when it was created"

static const SmkPresetColumn odoo_columns[] = {
	{"lead", "lead_id", "{.id}", NULL},
	{"lead", "created_at", "{.create_date}", NULL},
	OF_EACH("lead"),
	{"lead", "score", "{.automated_probability}", NULL},
	{"lead", "disqualified_at", "CASE WHEN {.type} = 'lead' AND [won] IS FALSE THEN [closed_at] END", NULL},
	{"lead", "disqualified_at", "CASE WHEN {.type} = 'lead' AND [won] IS FALSE THEN [closed_at_tracked] END",
	 UNDATED},
	{"lead", "disqualified_at",
	 "CASE WHEN {.type} = 'lead' AND [won] IS FALSE THEN [closed_at_untracked] END", UNTRACKED},
	{"lead", "disqualified_reason",
	 "CASE WHEN {.type} = 'lead' AND [won] IS FALSE THEN {crm_lost_reason.name:label} END", NULL},
	{"opportunity", "filter", "{.type} = 'opportunity'", NULL},
	{"opportunity", "opportunity_id", "{.id}", NULL},
	{"opportunity", "lead_id", "{.id}", NULL},
	{"opportunity", "created_at", "COALESCE({.date_conversion:time}, {.create_date:time})", NULL},
	{"opportunity", "created_at", "{.create_date}", "what was converted counts from when it came as a lead"},
	OF_EACH("opportunity"),
	{"opportunity", "amount", "{.expected_revenue}", NULL},
	{"opportunity", "currency", "{res_currency.name}", NULL},
	{"opportunity", "won", "[won]", NULL},
	{"opportunity", "closed_at", "[closed_at]", NULL},
	{"opportunity", "closed_at", "[closed_at_tracked]", UNDATED},
	{"opportunity", "closed_at", "[closed_at_untracked]", UNTRACKED},
	{"opportunity", "expected_close_at", "{.date_deadline}", NULL},
	{"opportunity", "probability", "{.probability} / 100", NULL},
	{"opportunity", "lost_reason", "{crm_lost_reason.name:label}", NULL},
	{"stage_change", "lead_id", "stage_change.lead_id", NULL},
	{"stage_change", "at", "stage_change.at", NULL},
	{"stage_change", "stage", "stage_change.stage", NULL},
	{"stage_change", "pipeline", "stage_change.pipeline", NULL},
	{"activity", "filter", "{.model} = 'crm.lead' AND {.mail_activity_type_id} IS NOT NULL", NULL},
	{"activity", "lead_id", "{.res_id}", NULL},
	{"activity", "at", "{.date}", NULL},
	{"activity", "kind", "COALESCE({mail_activity_type.name:label}, 'activity')", NULL},
	{"activity", "kind", "'activity'", "all activities are of one kind"},
	{"activity", "owner", "{author.name}", NULL},
	{"revenue", "filter", INVOICES, NULL},
	{"revenue", "account_id", "COALESCE({.commercial_partner_id}, {.partner_id})", NULL},
	{"revenue", "account_id", "{.partner_id}", "contacts of one firm are accounts of their own"},
	{"revenue", "at", "{.invoice_date}", NULL},
	{"revenue", "amount", "{.amount_untaxed_signed}", NULL},
	{"revenue", "currency", "{res_currency.name}", NULL},
	CHANNEL_OF("revenue"),
	{"revenue", "owner", "{salesperson.name}", NULL},
	{"revenue", "owner", "{res_users.login}", "owners are logins"},
	{"revenue", "owner", "{.invoice_user_id|user_id}", "owners are numbers of users"},
	{"revenue", NULL, "{res_company.name}", NULL},
	{"account", "filter", "{.commercial_partner_id} = {.id} OR {.commercial_partner_id} IS NULL", NULL},
	{"account", "filter", "true", "contacts of one firm are accounts of their own"},
	{"account", "account_id", "{.id}", NULL},
	{"account", "label", "{.name}", NULL},
	{"account", "owner", "{salesperson.name}", NULL},
	{"account", "owner", "{res_users.login}", "owners are logins"},
	{"account", "owner", "{.user_id}", "owners are numbers of users"},
	{"owner", "filter", "{.share} IS NOT TRUE", NULL},
	{"owner", "filter", "true", "portal users are among the owners"},
	{"owner", "owner", "{salesperson.name}", NULL},
	{"owner", "owner", "{.login}", "owners are logins"},
	{"owner", "owner", "{.id}", "owners are numbers of users"},
	{"owner", "label", "{salesperson.name}", NULL},
	{"owner", "label", "{.login}", NULL},
	{"owner", "team", "{crm_team.name:label}", NULL},
	{"owner", "manager", "{manager.name}", NULL},
	{"owner", "is_active", "{.active}", NULL},
	{NULL, NULL, NULL, NULL}};

/* By order: the first is a lead's, the second qualifies it where more follow, the others are an
 * opportunity's. A label that is won in one team alone is none: what is won there, its opportunity tells. */
static const char odoo_stages[] =
	"SELECT label, CASE WHEN is_won THEN 'won' WHEN place = 1 THEN 'lead' WHEN place = 2 AND places > 2 THEN "
	"'sql' ELSE 'opportunity' END AS stage, NULL AS pipeline, is_won, place\n"
	"FROM (\n"
	"    SELECT label, is_won, row_number() OVER by_place AS place, count(*) OVER (PARTITION BY is_won) AS "
	"places\n"
	"    FROM (\n"
	"        SELECT {crm_stage.name:label} AS label, bool_and(COALESCE({crm_stage.is_won}, false)) AS "
	"is_won,\n"
	"            min(COALESCE({crm_stage.sequence}, 0)) AS sequence, min({crm_stage.id}) AS id\n"
	"        FROM {crm_stage} AS crm_stage GROUP BY 1) AS named\n"
	"    WHERE label IS NOT NULL\n"
	"    WINDOW by_place AS (PARTITION BY is_won ORDER BY sequence, id)) AS placed\n"
	"UNION ALL\n"
	"SELECT {crm_stage.name:label}, 'opportunity', 'reopened', true, {crm_stage.id} FROM {crm_stage} AS "
	"crm_stage\n"
	"WHERE {crm_stage.is_won} AND {crm_stage.name:label} IS NOT NULL\n"
	"ORDER BY pipeline NULLS FIRST, is_won, place";

static const SmkPresetPart odoo_advice[] = {
	{"lead", "SELECT 'crm_lead has no rows yet' WHERE NOT EXISTS (SELECT FROM {crm_lead} AS crm_lead)"},
	{"lead",
	 "SELECT count(*) || ' companies: tell them apart by SELECT smarketing.define_dimension(''company'', "
	 "''{\"lead\": \"res_company_name\", \"opportunity\": \"res_company_name\"}'')'\n"
	 "FROM {res_company} AS res_company HAVING count(*) > 1"},
	{"opportunity",
	 "SELECT format('companies reckon in %s: name the currency of the figures by SELECT "
	 "smarketing.configure(''currency'', "
	 "%L), and enter rates into smarketing.exchange_rate_entry', string_agg(DISTINCT {res_currency.name}, ', "
	 "'), "
	 "(array_agg({res_currency.name} ORDER BY {res_company.id}))[1])\n"
	 "FROM {res_company} AS res_company JOIN {res_currency} AS res_currency ON {res_currency.id} = "
	 "{res_company.currency_id} HAVING count(DISTINCT {res_currency.name}) > 1"},
	{"opportunity",
	 "SELECT 'no tracked changes, as mail_tracking_value or mail_message has no rows: what has no "
	 "date_closed is "
	 "closed when it was created'\n"
	 "WHERE EXISTS (SELECT FROM {crm_lead} AS crm_lead) AND NOT EXISTS (SELECT FROM {mail_tracking_value} AS "
	 "tracking JOIN {mail_message} AS message ON {message.id} = {tracking.mail_message_id})"},
	{"stage_change", "SELECT 'ir_model_fields has no row of crm.lead''s stage_id: no change is found' WHERE "
					 "NOT EXISTS (SELECT {field.id} FROM {ir_model_fields} AS field WHERE {field.model} = "
					 "'crm.lead' AND {field.name} = 'stage_id')"},
	{"stage_change",
	 "SELECT format('stage %s was deleted, and changes into it (%s) count as no stage: read it by SELECT "
	 "smarketing.map_stage(%L, ''opportunity'')', id, changes, 'deleted stage ' || id)\n"
	 "FROM (\n"
	 "    SELECT {tracking.new_value_integer} AS id, count(*) AS changes FROM {mail_tracking_value} AS "
	 "tracking\n"
	 "    WHERE [field_is] GROUP BY 1) AS change\n"
	 "WHERE NOT EXISTS (SELECT FROM {crm_stage} AS crm_stage WHERE {crm_stage.id} = change.id)\n"
	 "    AND NOT EXISTS (SELECT FROM smarketing.stage_map WHERE label = 'deleted stage ' || change.id)\n"
	 "ORDER BY id"},
	{NULL, NULL}};

const SmkPreset smk_preset_odoo = {
	"odoo",
	"Odoo 14 to 19, community and enterprise: leads, opportunities, stages, activities, invoices, "
	"salespeople",
	"table crm_lead; more with crm_stage, crm_lost_reason, utm_source, utm_medium, utm_campaign, res_users, "
	"res_partner, crm_team, crm_team_member, mail_message, mail_tracking_value, mail_activity_type, "
	"ir_model_fields, account_move, res_company, res_currency",
	odoo_needed,
	"UTC",
	odoo_tables,
	odoo_aliases,
	odoo_parts,
	odoo_joins,
	odoo_entities,
	odoo_columns,
	odoo_stages,
	odoo_advice};
