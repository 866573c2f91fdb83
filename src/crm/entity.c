/*
 * entity.c: the canonical model of a CRM as data.
 */
#include "postgres.h"

#include "crm/entity.h"

static const SmkEntityColumn lead_columns[] = {{"lead_id", SMK_TYPE_KEY, true, false},
											   {"created_at", SMK_TYPE_TIME, true, false},
											   {"account_id", SMK_TYPE_KEY, false, false},
											   {"label", SMK_TYPE_TEXT, false, false},
											   {"stage", SMK_TYPE_STAGE, false, false},
											   {"pipeline", SMK_TYPE_TEXT, false, false},
											   {"mql_at", SMK_TYPE_TIME, false, false},
											   {"sal_at", SMK_TYPE_TIME, false, false},
											   {"sql_at", SMK_TYPE_TIME, false, false},
											   {"assigned_at", SMK_TYPE_TIME, false, false},
											   {"score", SMK_TYPE_NUMBER, false, false},
											   {"channel", SMK_TYPE_TEXT, false, false},
											   {"campaign", SMK_TYPE_TEXT, false, false},
											   {"owner", SMK_TYPE_KEY, false, false},
											   {"segment", SMK_TYPE_TEXT, false, false},
											   {"disqualified_at", SMK_TYPE_TIME, false, false},
											   {"disqualified_reason", SMK_TYPE_TEXT, false, false},
											   {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn stage_change_columns[] = {
	{"at", SMK_TYPE_TIME, true, false},		   {"stage", SMK_TYPE_STAGE, true, false},
	{"lead_id", SMK_TYPE_KEY, false, false},   {"opportunity_id", SMK_TYPE_KEY, false, false},
	{"pipeline", SMK_TYPE_TEXT, false, false}, {"owner", SMK_TYPE_KEY, false, false},
	{NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn opportunity_columns[] = {{"opportunity_id", SMK_TYPE_KEY, true, false},
													  {"created_at", SMK_TYPE_TIME, true, false},
													  {"lead_id", SMK_TYPE_KEY, false, false},
													  {"account_id", SMK_TYPE_KEY, false, false},
													  {"label", SMK_TYPE_TEXT, false, false},
													  {"amount", SMK_TYPE_NUMBER, false, false},
													  {"currency", SMK_TYPE_TEXT, false, false},
													  {"closed_at", SMK_TYPE_TIME, false, false},
													  {"won", SMK_TYPE_BOOLEAN, false, false},
													  {"expected_close_at", SMK_TYPE_TIME, false, false},
													  {"kind", SMK_TYPE_TEXT, false, false},
													  {"channel", SMK_TYPE_TEXT, false, false},
													  {"campaign", SMK_TYPE_TEXT, false, false},
													  {"owner", SMK_TYPE_KEY, false, false},
													  {"segment", SMK_TYPE_TEXT, false, false},
													  {"product", SMK_TYPE_TEXT, false, false},
													  {"stage", SMK_TYPE_STAGE, false, false},
													  {"pipeline", SMK_TYPE_TEXT, false, false},
													  {"probability", SMK_TYPE_NUMBER, false, false},
													  {"lost_reason", SMK_TYPE_TEXT, false, false},
													  {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn spend_columns[] = {
	{"at", SMK_TYPE_TIME, true, false},		  {"amount", SMK_TYPE_NUMBER, true, false},
	{"ends_at", SMK_TYPE_TIME, false, false}, {"currency", SMK_TYPE_TEXT, false, false},
	{"channel", SMK_TYPE_TEXT, false, false}, {"campaign", SMK_TYPE_TEXT, false, false},
	{"kind", SMK_TYPE_TEXT, false, false},	  {"segment", SMK_TYPE_TEXT, false, false},
	{"product", SMK_TYPE_TEXT, false, false}, {"owner", SMK_TYPE_KEY, false, false},
	{NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn touch_columns[] = {
	{"at", SMK_TYPE_TIME, true, false},		   {"channel", SMK_TYPE_TEXT, true, false},
	{"lead_id", SMK_TYPE_KEY, false, false},   {"account_id", SMK_TYPE_KEY, false, false},
	{"campaign", SMK_TYPE_TEXT, false, false}, {"kind", SMK_TYPE_TEXT, false, false},
	{NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn activity_columns[] = {{"lead_id", SMK_TYPE_KEY, true, false},
												   {"at", SMK_TYPE_TIME, true, false},
												   {"kind", SMK_TYPE_TEXT, true, false},
												   {"owner", SMK_TYPE_KEY, false, false},
												   {"is_automatic", SMK_TYPE_BOOLEAN, false, false},
												   {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn revenue_columns[] = {
	{"account_id", SMK_TYPE_KEY, true, false}, {"at", SMK_TYPE_TIME, true, false},
	{"amount", SMK_TYPE_NUMBER, true, false},  {"currency", SMK_TYPE_TEXT, false, false},
	{"kind", SMK_TYPE_TEXT, false, false},	   {"product", SMK_TYPE_TEXT, false, false},
	{"owner", SMK_TYPE_KEY, false, false},	   {"segment", SMK_TYPE_TEXT, false, false},
	{"channel", SMK_TYPE_TEXT, false, false},  {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn subscription_columns[] = {
	{"account_id", SMK_TYPE_KEY, true, false}, {"starts_at", SMK_TYPE_TIME, true, false},
	{"amount", SMK_TYPE_NUMBER, true, false},  {"ends_at", SMK_TYPE_TIME, false, false},
	{"currency", SMK_TYPE_TEXT, false, false}, {"product", SMK_TYPE_TEXT, false, false},
	{"owner", SMK_TYPE_KEY, false, false},	   {"segment", SMK_TYPE_TEXT, false, false},
	{NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn account_columns[] = {
	{"account_id", SMK_TYPE_KEY, true, false},		 {"label", SMK_TYPE_TEXT, false, false},
	{"segment", SMK_TYPE_TEXT, false, false},		 {"owner", SMK_TYPE_KEY, false, false},
	{"is_target", SMK_TYPE_BOOLEAN, false, false},	 {"tier", SMK_TYPE_TEXT, false, false},
	{"customer_since", SMK_TYPE_TIME, false, false}, {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn owner_columns[] = {
	{"owner", SMK_TYPE_KEY, true, false},		   {"label", SMK_TYPE_TEXT, false, false},
	{"team", SMK_TYPE_TEXT, false, false},		   {"manager", SMK_TYPE_TEXT, false, false},
	{"is_active", SMK_TYPE_BOOLEAN, false, false}, {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn exchange_rate_columns[] = {{"currency", SMK_TYPE_TEXT, true, false},
														{"at", SMK_TYPE_TIME, true, false},
														{"rate", SMK_TYPE_NUMBER, true, false},
														{NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntityColumn goal_columns[] = {
	{"metric", SMK_TYPE_TEXT, true, false},		{"starts_on", SMK_TYPE_TIME, true, false},
	{"period", SMK_TYPE_TEXT, true, false},		{"value", SMK_TYPE_NUMBER, true, false},
	{"channel", SMK_TYPE_TEXT, false, false},	{"campaign", SMK_TYPE_TEXT, false, false},
	{"owner", SMK_TYPE_KEY, false, false},		{"team", SMK_TYPE_TEXT, false, false},
	{"segment", SMK_TYPE_TEXT, false, false},	{"product", SMK_TYPE_TEXT, false, false},
	{"account_id", SMK_TYPE_KEY, false, false}, {"kind", SMK_TYPE_TEXT, false, false},
	{NULL, SMK_TYPE_TEXT, false, false}};

const SmkEntity smk_entities[] = {
	{"lead", lead_columns, "lead_id", {NULL, NULL}, false},
	{"stage_change", stage_change_columns, NULL, {"lead_id", "opportunity_id"}, false},
	{"opportunity", opportunity_columns, "opportunity_id", {NULL, NULL}, false},
	{"spend", spend_columns, NULL, {NULL, NULL}, false},
	{"touch", touch_columns, NULL, {"lead_id", "account_id"}, false},
	{"activity", activity_columns, NULL, {NULL, NULL}, false},
	{"revenue", revenue_columns, NULL, {NULL, NULL}, false},
	{"subscription", subscription_columns, NULL, {NULL, NULL}, false},
	{"account", account_columns, "account_id", {NULL, NULL}, false},
	{"owner", owner_columns, "owner", {NULL, NULL}, false},
	{"goal", goal_columns, NULL, {NULL, NULL}, false},
	{"exchange_rate", exchange_rate_columns, NULL, {NULL, NULL}, false}};

const int smk_entity_count = lengthof(smk_entities);

const SmkLink smk_links[] = {
	{"lead_id", "lead"}, {"opportunity_id", "opportunity"}, {"account_id", "account"}, {"owner", "owner"}};

const int smk_link_count = lengthof(smk_links);

/* The entity of that name, or NULL. */
const SmkEntity *
smk_entity_find(const char *name)
{
	for (int i = 0; i < smk_entity_count; i++)
		if (strcmp(smk_entities[i].name, name) == 0)
			return &smk_entities[i];
	return NULL;
}

/* The position of a column in its entity, or -1. */
int
smk_entity_column(const SmkEntity *entity, const char *name)
{
	for (int i = 0; entity->columns[i].name != NULL; i++)
		if (strcmp(entity->columns[i].name, name) == 0)
			return i;
	return -1;
}

/* The number of columns. */
int
smk_entity_width(const SmkEntity *entity)
{
	int n = 0;

	while (entity->columns[n].name != NULL)
		n++;
	return n;
}

/* The names of all entities, palloc'd, for an error that lists them. */
const char *
smk_entity_list(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < smk_entity_count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", smk_entities[i].name);
	return list.data;
}

/* The names of an entity's columns, palloc'd, for an error that lists them. */
const char *
smk_entity_column_list(const SmkEntity *entity)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; entity->columns[i].name != NULL; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", entity->columns[i].name);
	return list.data;
}

/* What a column of this type takes, in words for an error. */
const char *
smk_type_name(SmkType type)
{
	switch (type)
	{
		case SMK_TYPE_KEY:
			return "a key (bigint, uuid or text)";
		case SMK_TYPE_TEXT:
			return "text";
		case SMK_TYPE_STAGE:
			return "a stage (text or funnel_stage)";
		case SMK_TYPE_TIME:
			return "a time (timestamptz, timestamp or date)";
		case SMK_TYPE_NUMBER:
			return "a number";
		case SMK_TYPE_BOOLEAN:
			return "boolean";
	}
	return "";
}
