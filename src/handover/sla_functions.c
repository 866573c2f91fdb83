/*
 * sla_functions.c: what tells of the clocks: response_times, sla_queue, notify_breaches.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "crm/binding.h"
#include "handover/sla.h"
#include "kpi/compiler.h"
#include "kpi/moment.h"
#include "kpi/source.h"
#include "kpi/statement.h"

/* The statements, joined. */
static void
add_statement(StringInfo sql, const char *statement)
{
	appendStringInfo(sql, "%s%s", sql->len ? "\nUNION ALL\n" : "", statement);
}

/* The statement of sla_queue(): the open clocks of the rules. */
static char *
queue_statement(SmkConfig *config, List *rules, TimestampTz as_of)
{
	const SmkRequest *request = smk_sla_request(config, &as_of);
	SmkSlaShape shape = {.is_open = true, .has_lead = true};
	char *now = smk_timestamp_literal(as_of);
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, rules)
	{
		const SmkSlaRule *rule = lfirst(cell);
		char *clocks = smk_sla_clocks(request, rule, &shape);

		add_statement(
			&sql, psprintf("SELECT %s AS rule,\n"
						   "       CASE WHEN clock.due_at < %s THEN 'late'\n"
						   "            WHEN %s <= %s THEN 'warning' ELSE 'running' END AS state,\n"
						   "       clock.lead_id::text AS lead_id, clock.label, clock.owner, clock.manager, "
						   "clock.team, clock.triggered_at, clock.due_at,\n"
						   "       %s AS remaining_hours\n"
						   "FROM (\n    %s) AS clock",
						   quote_literal_cstr(rule->name), now,
						   smk_moment_due("clock.triggered_at", (int64) rint(rule->within * rule->warn_at),
										  rule->calendar),
						   now, smk_sla_hours(rule, now, "clock.due_at"), smk_sql_indent(clocks, 4)));
	}
	return psprintf("SELECT queue.rule, queue.state, queue.lead_id, queue.label, queue.owner, queue.manager, "
					"queue.team,\n       queue.triggered_at, queue.due_at, queue.remaining_hours\n"
					"FROM (\n    %s) AS queue\n"
					"ORDER BY queue.due_at, queue.rule COLLATE \"C\", queue.lead_id COLLATE \"C\", "
					"queue.triggered_at",
					smk_sql_indent(sql.data, 4));
}

/* Sets, until the level of settings ends, how a statement over the open clocks is best read: of a CRM that is
 * analysed few wait, and are looked up. */
static void
prepare_queue(const char *sql, int argument_count, Oid *types)
{
	if (smk_statement_reads_unanalysed(sql, argument_count, types))
		smk_statement_avoid_nested_loops();
	else
		smk_statement_expect_cached();
}

/* What the queue is read for. */
typedef struct Queue
{
	TimestampTz as_of;
	ReturnSetInfo *result;
} Queue;

/* Reads the queue of rules; a probe keeps nothing of it. */
static void
run_queue(List *rules, bool is_probe, void *state)
{
	const Queue *queue = state;
	char *sql = rules ? queue_statement(smk_config_load(), rules, queue->as_of) : NULL;

	if (sql)
		prepare_queue(sql, 0, NULL);
	if (sql && is_probe)
		smk_statement_run(sql, CreateDestReceiver(DestNone), "sla_queue");
	else if (sql)
		smk_statement_run_into(queue->result, sql, "sla_queue");
}

PG_FUNCTION_INFO_V1(smk_sla_queue);

/* sla_queue(as_of): a row a clock that runs. */
Datum
smk_sla_queue(PG_FUNCTION_ARGS)
{
	Queue queue = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	SmkSlaWork work = {.run = run_queue, .state = &queue, .result = queue.result};

	smk_argument_require(fcinfo, 0, "as_of");
	queue.as_of = PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(queue.as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"as_of\" must be finite")));
	InitMaterializedSRF(fcinfo, 0);
	smk_sla_run_readable(&work);
	return (Datum) 0;
}

/* A payload is below 8,000 bytes, whatever the texts hold: a character may take six. */
#define SHOWN_CHARACTERS 180
#define SHOWN_KEY_CHARACTERS 500

/* What the log's key takes of a lead's, in bytes. */
#define MOST_KEY_BYTES 2500

/*
 * SQL for a lead's key as it is told: a long one is cut, and what it was is still told apart, since of two
 * notifications that are alike only one is sent.
 */
static char *
told_key(const char *key)
{
	return psprintf("CASE WHEN length(%s) <= %d THEN %s\n"
					"                ELSE left(%s, %d) || '...' || encode(sha256(convert_to(%s, 'UTF8')), "
					"'hex') END",
					key, SHOWN_KEY_CHARACTERS, key, key, SHOWN_KEY_CHARACTERS, key);
}

/*
 * The statement that logs the breaches, in one order so that sessions wait for each other instead of being
 * deadlocked, and tells of each that was not logged before: a row with their number, then one a rule of the
 * leads whose key is too long for the log's: rule, number, and how the first begins.
 *
 * What was logged is found by grouping: it would be joined by a loop where the planner expects one breach.
 */
static char *
breach_statement(SmkConfig *config, List *rules)
{
	const SmkRequest *request = smk_sla_request(config, NULL);
	SmkSlaShape shape = {.is_open = true, .has_lead = true};
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, rules)
	{
		const SmkSlaRule *rule = lfirst(cell);

		add_statement(&sql, psprintf("SELECT %s AS rule, clock.lead_id::text AS lead_id, clock.label, "
									 "clock.owner, clock.manager,\n       clock.triggered_at, clock.due_at\n"
									 "FROM (\n    %s) AS clock\nWHERE clock.due_at < %s",
									 quote_literal_cstr(rule->name),
									 smk_sql_indent(smk_sla_clocks(request, rule, &shape), 4),
									 smk_timestamp_literal(request->now)));
	}
	return psprintf(
		"WITH open AS MATERIALIZED (\n"
		"    %s),\n"
		"breach AS MATERIALIZED (\n"
		"    SELECT open.*\n"
		"    FROM open\n"
		"    WHERE octet_length(open.lead_id) <= %d\n"
		"      AND NOT EXISTS (\n"
		"        SELECT 1\n"
		"        FROM smarketing.breach_log\n"
		"        WHERE breach_log.rule = open.rule AND breach_log.lead_id = open.lead_id\n"
		"          AND breach_log.triggered_at = open.triggered_at)),\n"
		"logged AS (\n"
		"    INSERT INTO smarketing.breach_log (rule, lead_id, owner, triggered_at, due_at)\n"
		"    SELECT breach.rule, breach.lead_id, breach.owner, breach.triggered_at, breach.due_at\n"
		"    FROM breach\n"
		"    ORDER BY breach.rule COLLATE \"C\", breach.lead_id COLLATE \"C\", breach.triggered_at\n"
		"    ON CONFLICT (rule, lead_id, triggered_at) DO NOTHING\n"
		"    RETURNING rule, lead_id, triggered_at),\n"
		"told AS (\n"
		"    SELECT found.rule, found.lead_id, found.triggered_at, min(found.label) AS label,\n"
		"        min(found.owner) AS owner, min(found.manager) AS manager, min(found.due_at) AS due_at\n"
		"    FROM (\n"
		"        SELECT breach.*, false AS is_logged\n"
		"        FROM breach\n"
		"        UNION ALL\n"
		"        SELECT rule, lead_id, NULL, NULL, NULL, triggered_at, NULL, true\n"
		"        FROM logged) AS found\n"
		"    GROUP BY found.rule, found.lead_id, found.triggered_at\n"
		"    HAVING bool_or(found.is_logged))\n"
		"SELECT NULL AS rule, count(pg_notify($1, json_build_object(\n"
		"           'rule', told.rule, 'lead', %s, 'label', left(told.label, %d),\n"
		"           'owner', left(told.owner, %d), 'manager', left(told.manager, %d),\n"
		"           'triggered', told.triggered_at, 'due', told.due_at)::text)::text) AS breaches, NULL AS "
		"lead\n"
		"FROM told\n"
		"UNION ALL\n"
		"(SELECT open.rule, count(*), min(left(open.lead_id, 60))\n"
		"FROM open\n"
		"WHERE octet_length(open.lead_id) > %d\n"
		"GROUP BY open.rule\n"
		"ORDER BY open.rule COLLATE \"C\")",
		smk_sql_indent(sql.data, 4), MOST_KEY_BYTES, told_key("told.lead_id"), SHOWN_CHARACTERS,
		SHOWN_CHARACTERS, SHOWN_CHARACTERS, MOST_KEY_BYTES);
}

/* To which channel breaches are told, and how many. */
typedef struct Breaches
{
	const char *channel;
	int64 count;
} Breaches;

/* Logs and tells of the breaches of rules; a probe only reads who waits. */
static void
run_breaches(List *rules, bool is_probe, void *state)
{
	Breaches *breaches = state;
	Queue queue = {.as_of = GetCurrentTransactionStartTimestamp()};
	Oid type = TEXTOID;
	Datum value = CStringGetTextDatum(breaches->channel);
	char *sql;
	bool is_null;

	if (rules == NIL || is_probe)
	{
		run_queue(rules, true, &queue);
		return;
	}
	sql = breach_statement(smk_config_load(), rules);
	prepare_queue(sql, 1, &type);
	if (SPI_execute_with_args(sql, 1, &type, &value, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not log the breaches");
	breaches->count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null));
	for (uint64 row = 1; row < SPI_tuptable->numvals; row++)
		ereport(WARNING,
				(errmsg("breaches of SLA rule \"%s\" are not logged: %s",
						SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1),
						SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2)),
				 errdetail("The keys of their leads are longer than %d bytes; the first begins with "
						   "\"%s\".",
						   MOST_KEY_BYTES, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3)),
				 errhint("Bind a shorter column as \"lead_id\".")));
}

PG_FUNCTION_INFO_V1(smk_notify_breaches);

/* notify_breaches(channel): how many breaches it logged and told of. */
Datum
smk_notify_breaches(PG_FUNCTION_ARGS)
{
	Breaches breaches = {.channel = smk_text_argument(fcinfo, 0, "channel")};
	SmkSlaWork work = {.run = run_breaches, .state = &breaches};

	PreventCommandIfReadOnly("smarketing.notify_breaches()");
	if (breaches.channel[0] == '\0' || strlen(breaches.channel) >= NAMEDATALEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid name for a channel: \"%s\"", breaches.channel),
						errhint("A name has 1 to %d bytes.", NAMEDATALEN - 1)));
	smk_sla_run_readable(&work);
	PG_RETURN_INT64(breaches.count);
}

/* How response_times is called, for errors and options. */
static const char *const response_options[] = {"time_zone", "as_of", NULL};

static const SmkColumn no_columns[] = {{0}};

static const SmkKpi response_times_kpi = {"response_times", 6,	  NULL, "lead",
										  no_columns,		NULL, NULL, response_options};

/* The rule that options.rule names; NULL where it is not given. */
static char *
chosen_rule(const Jsonb *options)
{
	JsonbValue *value = smk_option_value(options, "rule");

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" must be text", "rule")));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Raises an error that a rule does not exist. */
static void
raise_no_rule(const char *name)
{
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	foreach (cell, smk_sla_rule_names())
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", (char *) lfirst(cell));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("SLA rule \"%s\" does not exist", name),
			 list.len ? errhint("Rules: %s.", list.data) : errhint("Make it with smarketing.define_sla().")));
}

/* The dimensions of a request's cells, each after a prefix. */
static char *
cell_keys(const SmkRequest *request, const char *prefix, const char *suffix)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&sql, ", %sby_%d%s", prefix, i + 1, suffix);
	return sql.data;
}

/* The cells of one rule: a row a period and dimensions; without dimensions a row a period of the range. */
static char *
rule_cells(const SmkRequest *request, const SmkSlaRule *rule)
{
	SmkSlaShape shape = {0};
	bool all_periods = !request->is_all && request->by == NIL;
	char *period = request->is_all
					   ? ""
					   : psprintf(", smarketing.period_start('%s', clock.triggered_at, %s%s) AS period_start",
								  smk_period_name(request->period), quote_literal_cstr(request->time_zone),
								  smk_request_first_month(request));
	char *keys =
		psprintf("%s%s", request->is_all ? "" : ", clock.period_start", cell_keys(request, "clock.", ""));
	/* Each trigger with what ended its clock is an entity of its own. */
	char *cells = psprintf(
		"SELECT smarketing.response(clock.number, event.name, event.at, %s, %s::text) AS summary,\n"
		"       min(event.at) AS first_at%s\n"
		"FROM (\n"
		"    SELECT clock.*, row_number() OVER () AS number%s\n"
		"    FROM (\n        %s) AS clock) AS clock\n"
		"CROSS JOIN LATERAL (VALUES ('trigger', clock.triggered_at), ('answer', clock.answered_at),\n"
		"    ('stop', clock.stopped_at)) AS event (name, at)\n"
		"WHERE event.at IS NOT NULL%s%s",
		smk_moment_length(rule->within), rule->calendar ? quote_literal_cstr(rule->calendar) : "NULL", keys,
		period, smk_sql_indent(smk_sla_clocks(request, rule, &shape), 8), keys[0] ? "\nGROUP BY " : "",
		keys[0] ? keys + 2 : "");

	return psprintf(
		"SELECT %s AS rule%s%s, cell.summary, cell.first_at\nFROM %s(\n    %s) AS cell%s",
		quote_literal_cstr(rule->name),
		request->is_all ? ""
		: all_periods	? ", period.period_start"
						: ", cell.period_start",
		cell_keys(request, "cell.", ""),
		all_periods ? psprintf("%s\nLEFT JOIN ", smk_sql_indent(smk_compile_periods(request), 5)) : "",
		smk_sql_indent(cells, 4), all_periods ? " ON cell.period_start = period.period_start" : "");
}

/*
 * The statement of response_times() for some of the rules: a row a period, cell and rule, in that order. NULL
 * where there is no rule. It is run under smk_statement_avoid_nested_loops():
 * what it joins is all that happened in a range, and of tables that are not yet analysed the planner expects
 * a row or two.
 */
char *
smk_sla_response_times(const SmkRequest *request, List *rules)
{
	StringInfoData sql;
	StringInfoData by;
	ListCell *cell;

	initStringInfo(&sql);
	initStringInfo(&by);
	foreach (cell, rules)
		add_statement(&sql, rule_cells(request, lfirst(cell)));
	if (sql.len == 0)
		return NULL;
	for (int i = 0; i < SMK_MAX_BY; i++)
		appendStringInfo(&by, i < list_length(request->by) ? ", cell.by_%d" : ", NULL::text AS by_%d", i + 1);
	return psprintf(
		"SELECT %s, %s AS is_partial%s, cell.rule,\n"
		"       coalesce(reading.triggers, 0) AS triggers, coalesce(reading.answered, 0) AS answered,\n"
		"       coalesce(reading.in_time, 0) AS in_time, coalesce(reading.late, 0) AS late,\n"
		"       coalesce(reading.unanswered, 0) AS unanswered, coalesce(reading.running, 0) AS running,\n"
		"       reading.compliance, reading.median_hours, reading.p90_hours\n"
		"FROM (\n    %s) AS cell\n"
		"LEFT JOIN LATERAL smarketing.responses(cell.summary, %s) AS reading ON true\n"
		"ORDER BY %s%scell.rule COLLATE \"C\"",
		!request->is_all	 ? "cell.period_start"
		: request->has_since ? psprintf("%s AS period_start", smk_date_literal(request->first))
							 : psprintf("(min(cell.first_at) OVER () AT TIME ZONE %s)::date AS period_start",
										quote_literal_cstr(request->time_zone)),
		smk_compile_is_partial(request, "cell.period_start"), by.data, smk_sql_indent(sql.data, 4),
		smk_timestamp_literal(smk_sla_as_of(request)), request->is_all ? "" : "cell.period_start, ",
		request->by ? psprintf("%s, ", cell_keys(request, "cell.", " COLLATE \"C\"") + 2) : "");
}

/* Of what response times are read. */
typedef struct ResponseTimes
{
	const SmkRequest *request;
	ReturnSetInfo *result;
} ResponseTimes;

/* Reads the response times of rules; a probe keeps nothing of them. */
static void
run_response_times(List *rules, bool is_probe, void *state)
{
	const ResponseTimes *times = state;
	char *sql = smk_sla_response_times(times->request, rules);

	smk_statement_avoid_nested_loops();
	if (sql && is_probe)
		smk_statement_run(sql, CreateDestReceiver(DestNone), "response_times");
	else if (sql)
		smk_statement_run_into(times->result, sql, "response_times");
}

PG_FUNCTION_INFO_V1(smk_response_times);

/* response_times(...): a row a period, cell and rule. */
Datum
smk_response_times(PG_FUNCTION_ARGS)
{
	ResponseTimes times = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	SmkSlaWork work = {.run = run_response_times, .state = &times, .result = times.result};
	SmkArguments arguments;
	SmkRequest *request;
	char *name;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read(fcinfo, 0, &arguments);
	arguments.own_option = "rule";
	level = smk_statement_begin();
	request = smk_request(smk_config_load(), &response_times_kpi, &arguments);
	/* As of now, or later, all is as it is now: stages tell, too. */
	if (request->as_of > request->now)
		request->has_as_of = false;
	times.request = request;
	name = chosen_rule(arguments.options);
	if (name == NULL)
		smk_sla_run_readable(&work);
	else
	{
		/* Who asks for one rule is told what is wrong with it. */
		List *rules = smk_sla_rules_named(list_make1(name));

		if (rules == NIL)
			raise_no_rule(name);
		run_response_times(rules, false, &times);
	}
	smk_statement_end(level);
	return (Datum) 0;
}
