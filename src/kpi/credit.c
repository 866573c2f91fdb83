/*
 * credit.c: credits as one more entity, made of opportunities and of the touches before them: the aggregate
 * attribution_credits over all opportunities in one call. A journey is known by the opportunity's account,
 * else by its lead's, else by the lead; where no touches are bound, a lead's own channel is one, at its
 * creation.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "attribution/attribution_arguments.h"
#include "kpi/credit.h"
#include "kpi/dimension.h"
#include "kpi/source.h"

/* Decimals of a share of an amount: figures have as many. */
#define SHARE_SCALE "0.000000"
/* Quotients have many, for which the aggregate has no room. */
#define MOST_DECIMALS "15"

static const SmkEntityColumn credit_columns[] = {{"opportunity_id", SMK_TYPE_KEY, false, false},
												 {"label", SMK_TYPE_TEXT, false, false},
												 {"at", SMK_TYPE_TIME, true, false},
												 {"paid_at", SMK_TYPE_TIME, true, false},
												 {"channel", SMK_TYPE_TEXT, false, false},
												 {"campaign", SMK_TYPE_TEXT, false, false},
												 {"conversions", SMK_TYPE_NUMBER, true, false},
												 {"amount", SMK_TYPE_NUMBER, true, false},
												 {"currency", SMK_TYPE_TEXT, false, false},
												 {"is_touched", SMK_TYPE_BOOLEAN, true, false},
												 {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntity credit_entity = {"credit", credit_columns, "opportunity_id", {NULL, NULL}, false};

static const SmkRecordSet won_set = {
	"opportunities won", "opportunity", "closed_at", SMK_KIND_OPTION, false, "[won]", NULL};
static const SmkRecordSet created_set = {"opportunities", "opportunity", "created_at", SMK_KIND_OPTION,
										 false,			  NULL,			 NULL};
static const SmkRecordSet touch_set = {"touches", "touch", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet lead_set = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};

/* What a set of credits is made of: when that begins, so do they. */
const SmkRecordSet *
smk_credit_source(const SmkRecordSet *set)
{
	if (strcmp(set->entity, "credit") == 0)
		return &won_set;
	return strcmp(set->entity, "open_credit") == 0 ? &created_set : set;
}

/* The request over another range, whatever the dimensions and filters. */
static SmkRequest *
plain_request(const SmkRequest *request)
{
	SmkRequest *plain = palloc(sizeof(SmkRequest));

	*plain = *request;
	plain->by = NIL;
	plain->filters = NIL;
	return plain;
}

/* True where the model reads when the lead and the opportunity were created. */
static bool
needs_milestones(const SmkRequest *request)
{
	SmkAttributionModelKind kind = smk_attribution_model(request->model).kind;

	return kind == SMK_MODEL_W_SHAPED || kind == SMK_MODEL_FULL_PATH;
}

/* The records of a bound entity that has a column; NULL where it is not bound, or has not. */
static SmkRecords *
bound_records(const SmkRequest *request, const SmkRecordSet *set, const char *column)
{
	SmkBinding *binding = smk_config_binding(request->config, set->entity);
	SmkRecords *records = binding ? smk_records(request, set, binding) : NULL;

	return records && smk_records_column(records, column) ? records : NULL;
}

/* The type of a key of records. */
static Oid
key_type(const SmkRecords *records, const char *column)
{
	return smk_source_key_type(records->binding, smk_entity_column(records->binding->entity, column));
}

/* An account or a lead as a key: SQL, NULL where there is none, and the type under which it is compared. */
typedef struct Key
{
	char *text;
	Oid type;
} Key;

/* The first of two keys that is there: as they are where they have one type, else as text. */
static Key
first_key(Key first, Key second)
{
	if (first.text == NULL || second.text == NULL)
		return first.text ? first : second;
	if (first.type == second.type)
		return (Key){psprintf("coalesce(%s, %s)", first.text, second.text), first.type};
	return (Key){psprintf("coalesce(%s::text, %s::text)", first.text, second.text), TEXTOID};
}

static Key
key_of(SmkRecords *records, const char *name)
{
	char *text = smk_records_column(records, name);

	return (Key){text ? psprintf("%s.%s", records->binding->entity->name, name) : NULL,
				 text ? key_type(records, name) : InvalidOid};
}

static char *
keys_equal(Key left, Key right)
{
	return smk_source_keys_equal(left.text, left.type, right.text, right.type);
}

/* Leads as (lead_id, account_id, created_at), each once, under the name lead; and the keys of these. */
static char *
leads(const SmkRequest *request, Key *lead, Key *account)
{
	SmkRecords *records = bound_records(plain_request(request), &lead_set, "lead_id");
	bool is_unique;
	char *created;

	*lead = *account = (Key){NULL, InvalidOid};
	if (records == NULL)
		return NULL;
	is_unique = records->binding->key_is_unique;
	*lead = key_of(records, "lead_id");
	*account = key_of(records, "account_id");
	created = smk_records_instant(records, "created_at");
	if (is_unique)
		return psprintf("(\n    SELECT lead.lead_id%s, %s AS created_at\n    %s) AS lead",
						account->text ? ", lead.account_id" : "", created,
						smk_sql_indent(smk_records_from(records, "credits", true, NULL), 4));
	/* min() takes no uuid. */
	account->type = account->text ? TEXTOID : InvalidOid;
	return psprintf(
		"(\n    SELECT lead.lead_id%s, min(%s) AS created_at\n    %s\n    GROUP BY lead.lead_id) AS "
		"lead",
		account->text ? ", min(lead.account_id::text) AS account_id" : "", created,
		smk_sql_indent(smk_records_from(records, "credits", true, NULL), 4));
}

/* Opportunities, and the keys of their journeys: of an account, or of a lead that has none. */
typedef struct Opportunities
{
	SmkRecords *records;
	bool is_by_touch; /* their credits are booked when the touch was */
	bool is_open;	  /* they are booked at booked_at */
	bool is_repeated; /* each is there once a period */
	char *sql; /* (columns that are bound, created_at, closed_at, counted_at, journey_account, journey_lead,
				  lead_created_at) */
	Key account;
	Key lead;
} Opportunities;

/* True where a time of records is bound to a date. */
static bool
is_date(const SmkRecords *records, const char *column)
{
	return records->binding->columns[smk_entity_column(records->binding->entity, column)].type == DATEOID;
}

/* SQL for the last instant of a day. */
static char *
last_of_day(const SmkRequest *request, const char *day)
{
	return psprintf("(%s + 1)::timestamp AT TIME ZONE %s - interval '1 microsecond'", day,
					quote_literal_cstr(request->time_zone));
}

/* SQL for the instant up to which touches count: of a closing that is a date, the last one of that day. */
static char *
counted_at(SmkRecords *records, const char *closed)
{
	if (closed == NULL)
		return pstrdup("NULL::timestamptz");
	if (!is_date(records, "closed_at"))
		return pstrdup(closed);
	return last_of_day(records->request, smk_records_column(records, "closed_at"));
}

/*
 * SQL for opportunities with the keys of their journeys, all, or those that have an account of their own or
 * have not; each is looked up among the leads by the join (NULL: by none).
 */
static char *
opportunities_with(SmkRecords *records, const char *columns, Key account, const char *join, bool any_time,
				   const char *condition)
{
	char *own_lead = smk_records_column(records, "lead_id");

	return psprintf(
		"SELECT opportunity.*%s%s, %s AS lead_created_at\nFROM (\n    SELECT %s\n    %s) AS opportunity%s",
		account.text ? psprintf(", %s AS journey_account", account.text) : "",
		own_lead == NULL ? ""
		: account.text
			? psprintf(", CASE WHEN %s IS NULL THEN opportunity.lead_id END AS journey_lead", account.text)
			: ", opportunity.lead_id AS journey_lead",
		join ? "lead.created_at" : "NULL::timestamptz", columns,
		smk_sql_indent(smk_records_from(records, "credits", any_time, condition), 4),
		join ? psprintf("\nLEFT JOIN %s", join) : "");
}

/* Reads opportunities from records over them. */
static void
read_opportunities(Opportunities *opportunities, bool any_time, const char *condition)
{
	static const char *const optional[] = {"label", "currency", "amount", "account_id", "lead_id", "won"};
	SmkRecords *records = opportunities->records;
	Key lead;
	Key lead_account;
	Key own_account = key_of(records, "account_id");
	Key own_lead = key_of(records, "lead_id");
	char *lead_rows = leads(records->request, &lead, &lead_account);
	bool has_milestones = needs_milestones(records->request);
	bool has_lead = own_lead.text && lead_rows && (has_milestones || lead_account.text);
	Key account = has_lead ? first_key(own_account, lead_account) : own_account;
	char *join = has_lead ? psprintf("%s ON %s", lead_rows, keys_equal(lead, own_lead)) : NULL;
	char *key = smk_records_column(records, "opportunity_id");
	char *created = smk_records_instant(records, "created_at");
	char *closed = smk_records_instant(records, "closed_at");
	StringInfoData columns;

	initStringInfo(&columns);
	appendStringInfo(&columns, "%s, %s AS created_at, %s AS closed_at, %s AS counted_at", key, created,
					 closed ? closed : "NULL::timestamptz", counted_at(records, closed));
	for (size_t i = 0; i < lengthof(optional); i++)
	{
		char *column = smk_records_column(records, optional[i]);

		if (column)
			appendStringInfo(&columns, ", %s", column);
	}
	if (has_lead && own_account.text && !has_milestones)
	{
		/* The lead tells no more than the account: only those without one are looked up among all leads. */
		Key known = {own_account.type == account.type ? own_account.text
													  : psprintf("%s::text", own_account.text),
					 account.type};

		opportunities->sql =
			psprintf("%s\nUNION ALL\n%s",
					 opportunities_with(records, columns.data, known, NULL, any_time,
										psprintf("%s AND %s IS NOT NULL", condition, own_account.text)),
					 opportunities_with(records, columns.data, account, join, any_time,
										psprintf("%s AND %s IS NULL", condition, own_account.text)));
	}
	else
		opportunities->sql = opportunities_with(records, columns.data, account, join, any_time, condition);
	opportunities->account = (Key){account.text ? "opportunity.journey_account" : NULL, account.type};
	opportunities->lead = (Key){own_lead.text ? "opportunity.journey_lead" : NULL, own_lead.type};
}

/* Touches, or leads where none are bound. */
typedef struct Touches
{
	char *sql; /* (at, channel, campaign, account_id and lead_id where they are bound) */
	bool is_lead;
	Key account;
	Key lead;
	char *in_time; /* the condition that one, as touch, counts for an opportunity */
	char *of_none; /* that it is of no account */
} Touches;

/* True where the request names a dimension. */
static bool
has_dimension(const SmkRequest *request, const char *name)
{
	ListCell *cell;

	foreach (cell, request->by)
	{
		if (strcmp(((SmkBy *) lfirst(cell))->name, name) == 0)
			return true;
	}
	foreach (cell, request->filters)
	{
		if (strcmp(((SmkFilter *) lfirst(cell))->by->name, name) == 0)
			return true;
	}
	return false;
}

/* True where it matters which touch is credited, and not only that one is. */
static bool
names_touches(const SmkRequest *request)
{
	return request->lists_records || has_dimension(request, "channel") || has_dimension(request, "campaign");
}

/* Reads the touches that may count for what closes up to a time; false where there is nothing that could be
 * one.
 */
static bool
read_touches(const SmkRequest *request, SmkMoment until, Touches *touches)
{
	SmkRequest *range = plain_request(request);
	SmkBy *by = smk_request_by(request->config, "campaign");
	SmkRecords *records;
	char *at;
	char *channel;
	char *campaign;

	/* A day more, as days of the clocks are not all of 24 hours; the aggregate takes it exactly. */
	smk_moment_begin(range, smk_moment_later(smk_moment_since(request), -request->lookback - USECS_PER_DAY));
	smk_moment_end(range, until);
	records = bound_records(range, &touch_set, "channel");
	touches->is_lead = records == NULL;
	if (records == NULL)
		records = bound_records(range, &lead_set, "channel");
	if (records == NULL)
		return false;
	at = smk_records_instant(records, records->set->at);
	channel = smk_records_column(records, "channel");
	campaign = smk_records_column(records, "campaign");
	if (campaign == NULL && has_dimension(request, by->name) && smk_records_have_dimension(records, by))
		campaign = smk_records_dimension(records, by, "attributed_revenue");
	touches->account = key_of(records, "account_id");
	touches->lead = key_of(records, "lead_id");
	touches->sql =
		psprintf("SELECT %s AS at, %s AS channel, %s AS campaign%s%s\n%s", at, channel,
				 campaign ? campaign : "NULL::text",
				 touches->account.text ? psprintf(", %s AS account_id", touches->account.text) : "",
				 touches->lead.text ? psprintf(", %s AS lead_id", touches->lead.text) : "",
				 smk_records_from(records, "credits", false, NULL));
	touches->in_time = smk_records_condition(
		records, records->set->at,
		psprintf("touch.at <= opportunity.counted_at AND touch.at >= opportunity.counted_at - %s",
				 smk_hours_literal(request->lookback + USECS_PER_DAY)));
	touches->of_none = touches->account.text
						   ? smk_records_condition(records, "account_id", "touch.account_id IS NULL")
						   : NULL;
	touches->account.text = touches->account.text ? "touch.account_id" : NULL;
	touches->lead.text = touches->lead.text ? "touch.lead_id" : NULL;
	return true;
}

/*
 * SQL for the instant at which the credit of a touch is booked: in the period of the touch, not before the
 * range; at no time of it where it lies outside.
 */
static char *
booked_at(const SmkRequest *request)
{
	const char *zone = quote_literal_cstr(request->time_zone);
	const char *period = request->is_all ? "day" : smk_period_name(request->period);
	char *start = psprintf("(smarketing.period_start('%s', touch.at, %s%s)::timestamp AT TIME ZONE %s)",
						   period, zone, request->is_all ? "" : smk_request_first_month(request), zone);

	char *since = smk_moment_instant(smk_moment_since(request));
	char *until = smk_moment_instant(smk_moment_until(request));

	if (!request->has_since)
		return psprintf("CASE WHEN touch.at < %s THEN %s ELSE 'infinity' END", until, start);
	return psprintf("CASE WHEN touch.at >= %s AND touch.at < %s THEN greatest(%s, %s) ELSE 'infinity' END",
					since, until, start, since);
}

/* SQL for the event that a touch is: a direct one by its name as it is shown. */
static char *
touch_event(const char *channel)
{
	return psprintf(
		"CASE WHEN lower(%s COLLATE \"C\") IN ('direct', '(direct)') OR %s = '(none)' THEN 'direct' "
		"ELSE 'touch' END",
		channel, channel);
}

/*
 * SQL for the name under which a touch is credited: its channel as it is shown, by which touches of one
 * instant are ordered, and what is read from its credit, as JSON, in which no control character occurs. Where
 * nobody asks which touch it was, all have one name: an opportunity is then one credit.
 */
static char *
touch_name(const SmkRequest *request, const char *channel, bool is_by_touch)
{
	bool is_named = names_touches(request);
	char *booked = is_by_touch ? psprintf(", %s", booked_at(request)) : "";

	if (!is_named && !is_by_touch)
		return pstrdup("''::text");
	return psprintf("concat(%s, E'\\x01', json_build_array(%s%s))", is_named ? channel : "''",
					is_named ? "touch.channel, touch.campaign" : "NULL::text, NULL::text", booked);
}

/* SQL for a part of the name of the touch that is credited. */
static char *
credit_part(int part)
{
	return psprintf("substring(credit.channel FROM '[^\\x01]*$')::json ->> %d", part);
}

/* A part of the events of opportunities, which are known by their numbers. */
static void
append_event(StringInfo sql, const char *event, const char *at, const char *touch, const char *amount,
			 const char *from)
{
	appendStringInfo(sql,
					 "%sSELECT opportunity.number, %s AS event, %s AS at, %s AS touch, %s AS amount\nFROM %s",
					 sql->len ? "\nUNION ALL\n" : "", event, at, touch, amount, from);
}

/* The touches of each opportunity's journey as events: those of its account, and those of leads. */
static void
append_touches(const SmkRequest *request, const Opportunities *opportunities, const Touches *touches,
			   StringInfo events)
{
	Key lead;
	Key lead_account;
	char *lead_rows = leads(request, &lead, &lead_account);
	char *touch = psprintf("JOIN (\n    %s) AS touch ON ", smk_sql_indent(touches->sql, 4));
	char *in_time = psprintf("\n   AND %s", touches->in_time);
	char *of_lead = psprintf("%s%s%s", in_time, touches->of_none ? " AND " : "",
							 touches->of_none ? touches->of_none : "");
	char *channel = smk_dimension_text(request, smk_request_by(request->config, "channel"), "touch.channel");
	char *event = touch_event(channel);
	char *name = touch_name(request, channel, opportunities->is_by_touch);

	if (touches->account.text && opportunities->account.text)
		append_event(events, event, "touch.at", name, "NULL::numeric",
					 psprintf("opportunity\n%s%s%s", touch,
							  keys_equal(touches->account, opportunities->account),
							  /* As it says already: so that those without one are not read into a hash. */
							  psprintf("%s AND touch.account_id IS NOT NULL", in_time)));
	if (touches->lead.text && opportunities->lead.text)
		append_event(
			events, event, "touch.at", name, "NULL::numeric",
			psprintf("opportunity\n%s%s%s%s", touch, keys_equal(touches->lead, opportunities->lead), of_lead,
					 /* As it says already: so that the planner expects few. */
					 opportunities->account.text ? "\nWHERE opportunity.journey_account IS NULL" : ""));
	/* A lead's own touches are those of its account. */
	if (!touches->is_lead && touches->lead.text && opportunities->account.text && lead_account.text)
		append_event(events, event, "touch.at", name, "NULL::numeric",
					 psprintf("opportunity\nJOIN %s ON %s\n%s%s%s", lead_rows,
							  keys_equal(lead_account, opportunities->account), touch,
							  keys_equal(touches->lead, lead), of_lead));
}

/*
 * SQL for the instant of a milestone that came at an instant. Of a date that is the last one of the day, so
 * that the touches of the day come before it, but not after what it led to.
 */
static char *
milestone_at(const SmkRequest *request, const SmkRecords *records, const char *at, const char *led_to)
{
	char *day = psprintf("(%s AT TIME ZONE %s)::date", at, quote_literal_cstr(request->time_zone));

	if (!is_date(records, "created_at"))
		return pstrdup(at);
	return psprintf("greatest(%s, least(%s, %s))", at, last_of_day(request, day), led_to);
}

/* When leads and opportunities were created, as events: of the opportunity's own lead, else of its account's.
 */
static void
append_milestones(const SmkRequest *request, const Opportunities *opportunities, StringInfo events)
{
	Key lead;
	Key lead_account;
	char *lead_rows = leads(request, &lead, &lead_account);
	SmkRecords *lead_records = bound_records(plain_request(request), &lead_set, "lead_id");
	char *opened =
		milestone_at(request, opportunities->records, "opportunity.created_at", "opportunity.counted_at");
	char *led_to =
		psprintf("CASE WHEN isfinite(opportunity.created_at) THEN %s END, opportunity.counted_at", opened);

	append_event(events, "'opportunity'", opened, "NULL::text", "NULL::numeric",
				 "opportunity\nWHERE isfinite(opportunity.created_at)");
	if (lead_records == NULL)
		return;
	append_event(events, "'lead'", milestone_at(request, lead_records, "opportunity.lead_created_at", led_to),
				 "NULL::text", "NULL::numeric", "opportunity\nWHERE isfinite(opportunity.lead_created_at)");
	if (lead_account.text && opportunities->account.text)
		append_event(events, "'lead'", milestone_at(request, lead_records, "lead.created_at", led_to),
					 "NULL::text", "NULL::numeric",
					 psprintf("opportunity\nJOIN %s ON %s\nWHERE opportunity.lead_created_at IS NULL AND "
							  "isfinite(lead.created_at)",
							  lead_rows, keys_equal(lead_account, opportunities->account)));
}

static void
bind_column(SmkBinding *binding, const char *name, Oid type)
{
	SmkExpression *column = &binding->columns[smk_entity_column(binding->entity, name)];

	column->text = psprintf("credit.%s", name);
	column->type = type;
}

/*
 * The credits of opportunities as a binding; each has the instant up to which touches count as counted_at.
 */
static SmkBinding *
credits_of(const SmkRequest *request, const Opportunities *opportunities, SmkMoment last)
{
	SmkRecords *records = opportunities->records;
	bool has_label = smk_records_column(records, "label") != NULL;
	bool has_currency = smk_records_column(records, "currency") != NULL;
	bool has_amount = smk_records_column(records, "amount") != NULL;
	/* Where its key does not tell each opportunity from the others. */
	bool is_numbered =
		opportunities->is_repeated || !records->binding->key_is_unique || !records->binding->key_is_there;
	bool is_named = names_touches(request);
	Oid key = key_type(records, "opportunity_id");
	Touches touches;
	SmkBinding *binding;
	StringInfoData events;
	StringInfoData sql;

	if (!read_touches(request, last, &touches))
		return NULL;
	initStringInfo(&events);
	/* What has no time cannot have been led to: no touch is joined with it. */
	append_event(&events, "'conversion'",
				 "CASE WHEN isfinite(opportunity.closed_at) THEN opportunity.counted_at ELSE timestamptz "
				 "'2000-01-01 00:00:00+00' END",
				 "NULL::text",
				 has_amount ? "CASE WHEN scale(opportunity.amount::numeric) > " MOST_DECIMALS
							  "\n                THEN round(opportunity.amount::numeric, " MOST_DECIMALS
							  ") ELSE smarketing.finite_amount(opportunity.amount::numeric, 'opportunity', "
							  "'amount') + " SHARE_SCALE " END"
							: "NULL::numeric",
				 "opportunity");
	append_touches(request, opportunities, &touches, &events);
	if (needs_milestones(request))
		append_milestones(request, opportunities, &events);

	initStringInfo(&sql);
	/*
	 * Written where it is read, the planner knows how many there are, and workers may read them; a number of
	 * its own has a row in one place only.
	 */
	appendStringInfo(&sql,
					 "(\n    WITH opportunity AS %s (\n        SELECT %s AS number, "
					 "opportunity.*\n        FROM (\n            %s) AS opportunity)\n",
					 is_numbered ? "MATERIALIZED" : "NOT MATERIALIZED",
					 is_numbered ? "row_number() OVER ()" : "opportunity.opportunity_id",
					 smk_sql_indent(opportunities->sql, 12));
	appendStringInfo(
		&sql,
		"    SELECT opportunity.opportunity_id%s%s, opportunity.closed_at AS paid_at,\n"
		"        credit.channel IS NOT NULL AS is_touched, %s AS channel, %s AS campaign,\n        %s AS at, "
		"credit.conversions::numeric AS conversions, credit.amount\n",
		has_label ? ", opportunity.label" : "", has_currency ? ", opportunity.currency" : "",
		is_named ? credit_part(0) : "NULL::text", is_named ? credit_part(1) : "NULL::text",
		opportunities->is_by_touch ? psprintf("CASE WHEN credit.channel IS NOT NULL THEN (%s)::timestamptz "
											  "ELSE opportunity.closed_at END",
											  credit_part(2))
		: opportunities->is_open   ? "opportunity.booked_at"
								   : "opportunity.closed_at");
	appendStringInfo(&sql,
					 "    FROM (\n        SELECT smarketing.attribution_credits(event.number, event.event, "
					 "event.at, event.touch, "
					 "event.amount,\n            CASE WHEN event.event = 'conversion' THEN "
					 "event.number::text END, %s, %s, %s) AS "
					 "credits\n        FROM (\n            %s) AS event) AS held\n"
					 "    CROSS JOIN LATERAL unnest(held.credits) AS credit\n"
					 "    JOIN opportunity ON opportunity.number = credit.conversion%s)",
					 quote_literal_cstr(request->model), smk_hours_literal(request->lookback),
					 smk_hours_literal(request->half_life), smk_sql_indent(events.data, 12),
					 is_numbered || key == INT8OID ? "::bigint"
					 : key == UUIDOID			   ? "::uuid"
												   : " COLLATE \"C\"");

	binding = palloc0(sizeof(SmkBinding));
	binding->entity = &credit_entity;
	binding->time_zone = "UTC";
	binding->is_own = true;
	binding->relid = records->binding->relid;
	binding->relation = sql.data;
	bind_column(binding, "opportunity_id", key);
	if (has_label)
		bind_column(binding, "label", TEXTOID);
	if (has_currency)
		bind_column(binding, "currency", TEXTOID);
	/* Won nobody knows when: in no period. */
	if (opportunities->is_open || smk_records_column(records, "closed_at") != NULL)
		bind_column(binding, "at", TIMESTAMPTZOID);
	bind_column(binding, "paid_at", TIMESTAMPTZOID);
	if (is_named)
	{
		bind_column(binding, "channel", TEXTOID);
		bind_column(binding, "campaign", TEXTOID);
	}
	bind_column(binding, "conversions", NUMERICOID);
	if (has_amount)
		bind_column(binding, "amount", NUMERICOID);
	bind_column(binding, "is_touched", BOOLOID);
	return binding;
}

/*
 * The credits of the opportunities won in the range, or, where credits are booked by touch, of those won up
 * to the lookback after it. NULL where nothing that is bound tells of won opportunities or of touches.
 * palloc'd.
 */
SmkBinding *
smk_credit_binding(const SmkRequest *request)
{
	SmkRequest *range = plain_request(request);
	SmkRequest whole;
	Opportunities opportunities = {.records = bound_records(range, &won_set, "won")};
	SmkSharedRows *shared = request->shared_credits;
	SmkBinding *binding;

	if (opportunities.records == NULL)
		return NULL;
	if (shared)
	{
		smk_moment_begin(range, smk_moment_since(shared->whole));
		smk_moment_end(range, smk_moment_until(shared->whole));
	}
	opportunities.is_by_touch = strcmp(request->basis, "touched") == 0;
	if (opportunities.is_by_touch)
		smk_moment_end(range, smk_moment_later(smk_moment_until(request), request->lookback));
	read_opportunities(&opportunities, smk_records_column(opportunities.records, "closed_at") == NULL,
					   smk_records_expand(opportunities.records, "[won]"));
	whole = *(shared ? range : request);
	whole.by = request->by;
	whole.filters = request->filters;
	binding = credits_of(&whole, &opportunities, smk_moment_until(range));
	if (binding && shared)
	{
		shared->sql = binding->relation;
		binding->relation = SMK_SHARED_CREDITS;
	}
	return binding;
}

/*
 * The instants at which the periods of the range close, or now where that is earlier, as a subselect; each
 * with one in the period, at which what is open then is booked.
 */
static char *
closes(const SmkRequest *request)
{
	TimestampTz cut = Min(request->until, request->now);
	StringInfoData sql;

	initStringInfo(&sql);
	if (request->is_moving)
		return psprintf("(SELECT close.at, close.at - interval '1 microsecond'\n      FROM (SELECT "
						"least(smarketing.first_instant(%s, %s), now()) AS at\n            FROM "
						"generate_series(%s::timestamp, "
						"%s - interval '1 day', interval '%s') AS day%s) AS close)",
						smk_request_period_end_of(request, "day::date"),
						quote_literal_cstr(request->time_zone), smk_moment_first_period(request),
						smk_moment_end_of_periods(request), smk_period_step(request->period),
						smk_request_without_skipped(request));
	for (DateADT date = request->first; request->is_all ? sql.len == 0 : date < request->end;)
	{
		DateADT next =
			request->is_all ? 0 : smk_period_next(request->period, date, request->config->fiscal_year_start);
		TimestampTz close = request->is_all ? cut : Min(smk_zone_first_instant(request->zone, next), cut);
		TimestampTz start = request->is_all ? request->since : smk_zone_first_instant(request->zone, date);

		if (request->has_since)
			start = Max(start, request->since);
		appendStringInfo(&sql, "%s(%s, %s)", sql.len ? ", " : "", smk_timestamp_literal(close),
						 smk_timestamp_literal(
							 (!request->is_all || request->has_since) && start >= close ? start : close - 1));
		date = next;
	}
	return psprintf("(VALUES %s)", sql.data);
}

/*
 * The credits of the opportunities that are open at the close of each period, as if they were won then;
 * dated just before the close. NULL as above. palloc'd.
 */
SmkBinding *
smk_open_credit_binding(const SmkRequest *request)
{
	Opportunities opportunities = {.records = bound_records(plain_request(request), &created_set, "won"),
								   .is_open = true,
								   .is_repeated = !request->is_all};
	SmkMoment cut = smk_moment_cut(request);
	char *ends = closes(request);
	SmkRecords *records = opportunities.records;

	if (records == NULL)
		return NULL;
	read_opportunities(
		&opportunities, true,
		psprintf("%s < %s", smk_records_instant(records, "created_at"), smk_moment_instant(cut)));
	/* Won or lost without a time: it has left, nobody knows when. */
	opportunities.sql =
		psprintf("SELECT opportunity.opportunity_id%s%s%s%s%s, opportunity.created_at, close.at - interval "
				 "'1 microsecond' "
				 "AS closed_at,\n       close.at - interval '1 microsecond' AS counted_at, close.booked_at, "
				 "opportunity.lead_created_at\nFROM (\n    %s) AS opportunity\n"
				 "JOIN %s AS close (at, booked_at) ON opportunity.created_at < close.at\n"
				 "   AND (opportunity.won IS NULL OR opportunity.closed_at >= close.at)",
				 smk_records_column(records, "label") ? ", opportunity.label" : "",
				 smk_records_column(records, "currency") ? ", opportunity.currency" : "",
				 smk_records_column(records, "amount") ? ", opportunity.amount" : "",
				 opportunities.account.text ? ", opportunity.journey_account" : "",
				 opportunities.lead.text ? ", opportunity.journey_lead" : "",
				 smk_sql_indent(opportunities.sql, 4), ends);
	return credits_of(request, &opportunities, cut);
}

/*
 * The condition that marketing is credited: there was a touch, and the opportunity is not one that sales or
 * partners originated.
 */
char *
smk_credit_is_attributed(SmkRecords *credits)
{
	SmkBy *origin = smk_request_by(credits->request->config, "origin");

	credits->needed[smk_entity_column(&credit_entity, "is_touched")] = true;
	if (origin->map == NIL || !smk_records_have_dimension(credits, origin))
		return pstrdup("credit.is_touched");
	return psprintf("(credit.is_touched AND %s NOT IN ('sales', 'partner'))",
					smk_dimension_text(credits->request, origin,
									   smk_records_dimension(credits, origin, "attributed_revenue")));
}

/* SQL for the instant at which a credit is booked: what is not attributed is when it was won. */
char *
smk_credit_booked_at(SmkRecords *credits)
{
	credits->needed[smk_entity_column(&credit_entity, "at")] = true;
	if (strcmp(credits->set->entity, "credit") != 0 || strcmp(credits->request->basis, "touched") != 0)
		return pstrdup("credit.at");
	credits->needed[smk_entity_column(&credit_entity, "paid_at")] = true;
	return psprintf("CASE WHEN %s THEN credit.at ELSE credit.paid_at END", smk_credit_is_attributed(credits));
}

/*
 * True for credits that are made for the range: of what is open at its end, and those booked by their touch,
 * for which opportunities are read beyond it.
 */
bool
smk_credit_is_of_range(const SmkRequest *request, const SmkRecordSet *set)
{
	return strcmp(set->entity, "open_credit") == 0 ||
		   (strcmp(set->entity, "credit") == 0 && strcmp(request->basis, "touched") == 0);
}

/* True for a dimension that a credit has of its touch. */
bool
smk_credit_is_of_touch(const SmkBy *by)
{
	return strcmp(by->name, "channel") == 0 || strcmp(by->name, "campaign") == 0;
}

/* SQL for a dimension that a credit has of its touch: what is not attributed has a value of its own. */
char *
smk_credit_dimension(SmkRecords *credits, const SmkBy *by, const char *reference)
{
	if (!smk_credit_is_of_touch(by))
		return pstrdup(reference);
	return psprintf("CASE WHEN %s THEN %s ELSE '" SMK_UNATTRIBUTED "' END", smk_credit_is_attributed(credits),
					reference);
}
