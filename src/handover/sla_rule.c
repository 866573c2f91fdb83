/*
 * sla_rule.c: the rules: their words read, checked, kept and looked up.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "argument.h"
#include "crm/binding.h"
#include "crm/expression.h"
#include "handover/sla.h"
#include "kpi/template.h"
#include "stage/stage.h"

/* Below it a limit may be a number that was meant as minutes. */
#define SHORT_LIMIT (5 * USECS_PER_MINUTE)

/* What is said of a limit that is so short that another unit was meant. */
#define LIMIT_HINT "A number alone is seconds: give the unit, for example '30 minutes'."

/* What triggers and answers are written of, for errors. */
#define GRAMMAR                                                                                              \
	"A trigger is a kind of activity, stage:mql, score>=60 or assigned, or several joined by \" and \"; an " \
	"answer is kinds joined by |, or any. A kind that has one of these signs in its name needs another "     \
	"one: "                                                                                                  \
	"smarketing.map_value('kind', ...)."

/* How many parts a trigger or an answer has at most: each condition is a join. */
#define MOST_PARTS 32

/* Unless options say otherwise, a clock is warned of when so much of its time has gone. */
#define DEFAULT_WARN_AT 0.8

/* The text without blanks around it; palloc'd. */
static char *
trimmed(const char *text, size_t length)
{
	while (length > 0 && isspace((unsigned char) *text))
		text++, length--;
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	return pnstrdup(text, length);
}

/* Where the word AND, between blanks or at an end, in any case, next stands in a text, and its length. */
static const char *
find_and(const char *text, size_t *length)
{
	for (const char *word = text; *word != '\0'; word++)
	{
		const char *after = word + strlen("and");

		if (pg_strncasecmp(word, "and", strlen("and")) == 0 &&
			(word == text || isspace((unsigned char) word[-1])) &&
			(*after == '\0' || isspace((unsigned char) *after)))
		{
			*length = strlen("and");
			return word;
		}
	}
	return NULL;
}

/* Where the sign that joins answers next stands. */
static const char *
find_bar(const char *text, size_t *length)
{
	*length = 1;
	return strchr(text, '|');
}

/* The parts of a text between separators, trimmed: an error for an empty one, one that is there twice, or too
 * many. */
static List *
split(const char *text, const char *(*find)(const char *text, size_t *length), const char *argument)
{
	List *parts = NIL;
	const char *end;

	do
	{
		char *part;
		size_t length = 0;
		ListCell *cell;

		end = find(text, &length);
		part = trimmed(text, end ? (size_t) (end - text) : strlen(text));
		if (part[0] == '\0')
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("argument \"%s\" has an empty part", argument)));
		foreach (cell, parts)
			if (strcmp(lfirst(cell), part) == 0)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								errmsg("argument \"%s\" names \"%s\" twice", argument, part)));
		parts = lappend(parts, part);
		if (list_length(parts) > MOST_PARTS)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("argument \"%s\" has more than %d parts", argument, MOST_PARTS),
							errhint("smarketing.map_value('kind', ...) gives several kinds one name.")));
		text = end ? end + length : NULL;
	} while (end);
	return parts;
}

/* Raises an error for a kind of activity that has a sign in which something else was meant. */
static void
require_kind(const char *kind, const char *signs, const char *argument)
{
	if (strpbrk(kind, signs) != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" has what is no kind of activity: \"%s\"", argument, kind),
						errhint(GRAMMAR)));
}

/* Reads the stage of a condition: one that a lead comes to, of which there is a time. */
static const char *
condition_stage(const char *text)
{
	uint8 stage;

	if (!smk_stage_parse(text, strlen(text), &stage) || stage < SMK_STAGE_LEAD)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("stage \"%s\" is no trigger", text),
						errhint("Stages that a lead comes to: lead, mql, sal, sql, opportunity, won.")));
	return smk_stage_name(stage);
}

/* Reads the threshold of a condition: a number above 0. */
static double
condition_score(const char *text)
{
	char *end;
	double score;

	errno = 0;
	score = strtod(text, &end);
	while (isspace((unsigned char) *end))
		end++;
	if (end == text || *end != '\0' || errno == ERANGE || !isfinite(score) || score <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid score of a trigger: \"%s\"", text),
				 errhint("It is a number above 0, for example \"score>=60\".")));
	return score;
}

/* Reads one condition. */
static SmkSlaCondition *
condition(const char *text)
{
	SmkSlaCondition *result = palloc0(sizeof(SmkSlaCondition));
	const char *after;

	if (strcmp(text, "assigned") == 0)
	{
		result->trigger = SMK_SLA_ASSIGNED;
		return result;
	}
	if (pg_strncasecmp(text, "stage:", strlen("stage:")) == 0)
	{
		result->trigger = SMK_SLA_STAGE;
		result->name = condition_stage(trimmed(text + strlen("stage:"), strlen(text) - strlen("stage:")));
		return result;
	}
	after = text + strlen("score");
	if (pg_strncasecmp(text, "score", strlen("score")) == 0 &&
		strpbrk(text, "<>=") == after + strspn(after, " \t"))
	{
		after += strspn(after, " \t");
		if (strncmp(after, ">=", 2) != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("invalid condition of a trigger: \"%s\"", text),
							errhint("A score is reached: \"score>=60\".")));
		result->trigger = SMK_SLA_SCORE;
		result->score = condition_score(after + 2);
		return result;
	}
	require_kind(text, ":,|", "trigger");
	result->trigger = SMK_SLA_ACTIVITY;
	result->name = text;
	return result;
}

/* Reads the kinds of an answer; NIL for any. None may be a kind of the trigger, which would answer itself. */
static List *
read_answers(const char *text, List *conditions)
{
	List *kinds = split(text, find_bar, "answer");
	ListCell *cell;
	ListCell *known;

	if (list_length(kinds) == 1 && strcmp(linitial(kinds), "any") == 0)
		return NIL;
	foreach (cell, kinds)
	{
		require_kind(lfirst(cell), ":,", "answer");
		if (strcmp(lfirst(cell), "any") == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("argument \"answer\" names \"any\" beside other kinds"),
							errhint("Any activity by a person: 'any'; or kinds, joined by |.")));
		foreach (known, conditions)
		{
			const SmkSlaCondition *trigger = lfirst(known);

			if (trigger->trigger == SMK_SLA_ACTIVITY && strcmp(trigger->name, lfirst(cell)) == 0)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								errmsg("activity kind \"%s\" is trigger and answer", trigger->name),
								errdetail("It would be answered when it happens.")));
		}
	}
	return kinds;
}

/* The length of the limit, in microseconds; a day has 24 hours. */
static int64
read_within(const Interval *within)
{
	char *text =
		DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(unconstify(Interval *, within))));
	int64 length;

	if (within->month != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"within\" must not have months or years: \"%s\"", text),
						errhint("A month has no fixed length: give days and hours.")));
	if (within->day > 36525 || within->day < -36525 || within->time > 36525 * USECS_PER_DAY ||
		within->time < -36525 * USECS_PER_DAY)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"within\" must not be longer than 100 years: \"%s\"", text)));
	length = within->day * USECS_PER_DAY + within->time;
	if (length <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"within\" must be positive: \"%s\"", text)));
	if (length < USECS_PER_MINUTE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"within\" must not be shorter than a minute: \"%s\"", text),
						errhint(LIMIT_HINT)));
	return length;
}

/* The share of the limit after which there is a warning. */
static double
read_warn_at(const JsonbValue *value)
{
	double share =
		value->type == jbvNumeric
			? DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric)))
			: 0;

	if (!(share > 0 && share <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"warn_at\" must be a number above 0 and at most 1"),
						errhint("It is the share of the limit after which a clock is warned of.")));
	return share;
}

/* Reads the options. */
static void
read_options(SmkSlaRule *rule, const Jsonb *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *key = NULL;

	rule->warn_at = DEFAULT_WARN_AT;
	if (options == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a JSON object", "options")));
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &options->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_KEY && strcmp(key, "filter") != 0 && strcmp(key, "warn_at") != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" of %s does not exist", key, "define_sla"),
							errhint("Options: filter, warn_at.")));
		if (token != WJB_VALUE || value.type == jbvNull)
			continue;
		if (strcmp(key, "warn_at") == 0)
			rule->warn_at = read_warn_at(&value);
		else
			rule->filter = JsonbValueToJsonb(&value);
	}
}

/* A rule from its words: an error for whatever is not known. palloc'd. */
SmkSlaRule *
smk_sla_parse(const char *name, const char *trigger, const char *answer, const Interval *within,
			  const char *calendar, const Jsonb *options)
{
	SmkSlaRule *rule = palloc0(sizeof(SmkSlaRule));
	ListCell *cell;

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("invalid name for an SLA rule: \"%s\"", name),
						errhint("A name has 1 to %d bytes.", NAMEDATALEN - 1)));
	rule->name = pstrdup(name);
	foreach (cell, split(trigger, find_and, "trigger"))
		rule->conditions = lappend(rule->conditions, condition(lfirst(cell)));
	rule->answers = read_answers(answer, rule->conditions);
	rule->within = read_within(within);
	rule->calendar = calendar ? pstrdup(calendar) : NULL;
	read_options(rule, options);
	return rule;
}

/* The names of all rules, of char *, in byte order. Inside SPI_connect; palloc'd in its context. */
List *
smk_sla_rule_names(void)
{
	List *names = NIL;

	if (SPI_execute("SELECT name FROM smarketing.sla_rule ORDER BY name COLLATE pg_catalog.\"C\"", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the SLA rules");
	for (uint64 row = 0; row < SPI_processed; row++)
		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
	return names;
}

/* The rules of those names (NIL: all), of SmkSlaRule, by name in byte order; others are not even read. Inside
 * SPI_connect; palloc'd in its context. */
List *
smk_sla_rules_named(List *names)
{
	List *rules = NIL;

	if (SPI_execute("SELECT name, trigger, answer, within, calendar, options FROM smarketing.sla_rule "
					"ORDER BY name COLLATE pg_catalog.\"C\"",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the SLA rules");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple tuple = SPI_tuptable->vals[row];
		TupleDesc descriptor = SPI_tuptable->tupdesc;
		bool is_null;
		char *name = SPI_getvalue(tuple, descriptor, 1);
		Interval *within = DatumGetIntervalP(SPI_getbinval(tuple, descriptor, 4, &is_null));
		Jsonb *options = DatumGetJsonbPCopy(SPI_getbinval(tuple, descriptor, 6, &is_null));

		if (names == NIL || smk_names_include(names, name))
			rules = lappend(rules, smk_sla_parse(name, SPI_getvalue(tuple, descriptor, 2),
												 SPI_getvalue(tuple, descriptor, 3), within,
												 SPI_getvalue(tuple, descriptor, 5), options));
	}
	return rules;
}

/* All rules. */
List *
smk_sla_rules(void)
{
	return smk_sla_rules_named(NIL);
}

/* The OID of one of our tables. */
static Oid
table_oid(const char *table)
{
	return get_relname_relid(table, get_namespace_oid("smarketing", false));
}

/* Raises an error unless a function is called as the trigger that it is: of one of our tables, for what
 * removes. */
static void
require_trigger(FunctionCallInfo fcinfo, const char *name, const char *table, bool is_called_so)
{
	if (!is_called_so ||
		RelationGetRelid(((const TriggerData *) fcinfo->context)->tg_relation) != table_oid(table))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s is a trigger of smarketing.%s", name, table)));
}

/*
 * Makes whoever else defines an SLA rule, or removes what one needs, go before or after; what they have done
 * is seen whatever the isolation, until PopActiveSnapshot: two who each leave the other's last would leave
 * none.
 */
static void
lock_rules(void)
{
	LockRelationOid(table_oid("sla_rule"), ShareRowExclusiveLock);
	/* What was just removed is not seen any more. */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
}

PG_FUNCTION_INFO_V1(smk_keep_calendar_of_sla);

/* The trigger that refuses to delete, rename or truncate away a calendar which a rule uses. */
Datum
smk_keep_calendar_of_sla(PG_FUNCTION_ARGS)
{
	const TriggerData *trigger = (const TriggerData *) fcinfo->context;
	bool is_called = CALLED_AS_TRIGGER(fcinfo);
	bool is_truncate = is_called && TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event);
	bool is_update = is_called && TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	const char *gone = NULL;
	const char *kept = NULL;
	ListCell *cell;
	int level;

	require_trigger(fcinfo, "keep_calendar_of_sla", "calendar",
					is_truncate || (is_called && TRIGGER_FIRED_BEFORE(trigger->tg_event) &&
									TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
									(is_update || TRIGGER_FIRED_BY_DELETE(trigger->tg_event))));
	lock_rules();
	SPI_connect();
	level = smk_path_only_catalog();
	if (!is_truncate)
	{
		TupleDesc columns = RelationGetDescr(trigger->tg_relation);
		int name = SPI_fnumber(columns, "name");

		gone = SPI_getvalue(trigger->tg_trigtuple, columns, name);
		kept = is_update ? SPI_getvalue(trigger->tg_newtuple, columns, name) : NULL;
	}
	foreach (cell, smk_sla_rules())
	{
		const SmkSlaRule *rule = lfirst(cell);

		if (rule->calendar != NULL && (is_truncate || strcmp(rule->calendar, gone) == 0) &&
			(kept == NULL || strcmp(rule->calendar, kept) != 0))
			ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
							errmsg("calendar \"%s\" is used by SLA rule \"%s\"", rule->calendar, rule->name),
							errhint("Drop the rule with smarketing.drop_sla(), or give it another calendar "
									"with smarketing.define_sla().")));
	}
	AtEOXact_GUC(true, level);
	SPI_finish();
	PopActiveSnapshot();
	return PointerGetDatum(is_truncate ? NULL : is_update ? trigger->tg_newtuple : trigger->tg_trigtuple);
}

PG_FUNCTION_INFO_V1(smk_keep_score_of_sla);

/* The trigger that refuses to remove the last score rule while a rule asks for the score. */
Datum
smk_keep_score_of_sla(PG_FUNCTION_ARGS)
{
	ListCell *cell;
	ListCell *known;
	int level;

	require_trigger(fcinfo, "keep_score_of_sla", "score_rule",
					CALLED_AS_TRIGGER(fcinfo) &&
						TRIGGER_FIRED_AFTER(((const TriggerData *) fcinfo->context)->tg_event));
	lock_rules();
	SPI_connect();
	level = smk_path_only_catalog();
	if (SPI_execute("SELECT 1 FROM smarketing.score_rule LIMIT 1", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the score rules");
	if (SPI_processed == 0)
		foreach (cell, smk_sla_rules())
		{
			const SmkSlaRule *rule = lfirst(cell);

			foreach (known, rule->conditions)
				if (((SmkSlaCondition *) lfirst(known))->trigger == SMK_SLA_SCORE)
					ereport(ERROR,
							(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
							 errmsg("SLA rule \"%s\" asks for the score, of which this is the last rule",
									rule->name),
							 errhint("Drop the SLA rule with smarketing.drop_sla(), or give it another "
									 "trigger with smarketing.define_sla().")));
		}
	AtEOXact_GUC(true, level);
	SPI_finish();
	PopActiveSnapshot();
	return PointerGetDatum(NULL);
}

/* The first kinds of activity that there are, most like the one that is meant first, for a hint; NULL: none.
 */
static char *
seen_kinds(SmkConfig *config, const char *kind)
{
	if (SPI_execute(smk_sla_seen_kinds(config, kind), true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not list the kinds of activities");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Warns of a kind of activity that nobody has recorded yet: a slip of the pen would never be noticed. */
static void
warn_of_unseen(SmkConfig *config, const char *kind)
{
	bool is_null;
	char *kinds;

	if (SPI_execute(smk_sla_kind_is_seen(config, kind), true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look for activities");
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null)))
		return;
	kinds = seen_kinds(config, kind);
	ereport(WARNING,
			(errmsg("no activity of kind \"%s\" has been seen yet", kind),
			 kinds ? errhint("Kinds: %s. smarketing.map_value('kind', ...) gives them other names.", kinds)
				   : errhint("No activity at all has been seen yet.")));
}

PG_FUNCTION_INFO_V1(smk_define_sla);

/* define_sla(name, trigger, answer, within, calendar, options): makes or replaces a rule. */
Datum
smk_define_sla(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {"name", "trigger", "answer"};
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID, INTERVALOID, TEXTOID, JSONBOID};
	SmkSlaShape shape = {.is_open = true};
	SmkSlaRule *rule;
	SmkConfig *config;
	Datum values[6];
	char nulls[6];
	Jsonb *options = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5);
	ListCell *cell;
	int level;

	smk_argument_require(fcinfo, 3, "within");
	rule =
		smk_sla_parse(smk_text_argument(fcinfo, 0, arguments[0]), smk_text_argument(fcinfo, 1, arguments[1]),
					  smk_text_argument(fcinfo, 2, arguments[2]), PG_GETARG_INTERVAL_P(3),
					  PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)), options);
	if (rule->within < SHORT_LIMIT)
		ereport(NOTICE, (errmsg("the limit of SLA rule \"%s\" is %d seconds", rule->name,
								(int) (rule->within / USECS_PER_SEC)),
						 errhint(LIMIT_HINT)));
	/* Before it is looked what there is: nobody removes it until the rule is kept. */
	LockRelationOid(table_oid("sla_rule"), RowExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	level = smk_path_only_catalog();
	config = smk_config_load();
	/* What the rule needs and is not there shows when its statement is written. */
	(void) smk_sla_clocks(smk_sla_request(config, NULL), rule, &shape);
	foreach (cell, rule->conditions)
		if (((SmkSlaCondition *) lfirst(cell))->trigger == SMK_SLA_ACTIVITY)
			warn_of_unseen(config, ((SmkSlaCondition *) lfirst(cell))->name);
	foreach (cell, rule->answers)
		warn_of_unseen(config, lfirst(cell));
	for (int i = 0; i < 6; i++)
	{
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
		values[i] = PG_GETARG_DATUM(i);
	}
	if (options == NULL)
		values[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	nulls[5] = ' ';
	if (SPI_execute_with_args(
			"INSERT INTO smarketing.sla_rule (name, trigger, answer, within, calendar, options) "
			"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET trigger = excluded.trigger, "
			"answer = excluded.answer, within = excluded.within, calendar = excluded.calendar, "
			"options = excluded.options",
			6, types, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not keep the SLA rule");
	AtEOXact_GUC(true, level);
	SPI_finish();
	PopActiveSnapshot();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(smk_drop_sla);

/* drop_sla(name): forgets a rule; what was logged of it stays. */
Datum
smk_drop_sla(PG_FUNCTION_ARGS)
{
	const char *args[] = {smk_text_argument(fcinfo, 0, "name")};

	SPI_connect();
	if (smk_binding_write("DELETE FROM smarketing.sla_rule WHERE name OPERATOR(pg_catalog.=) $1", 1, args) ==
		0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("SLA rule \"%s\" does not exist", args[0]),
						errhint("SELECT name FROM smarketing.sla_rule lists them.")));
	SPI_finish();
	PG_RETURN_VOID();
}
