/*
 * score_functions.c: define_score, qualify_at_score and lead_scores.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "compat.h"
#include "crm/binding.h"
#include "kpi/lead_steps.h"
#include "kpi/moment.h"
#include "kpi/score.h"
#include "kpi/source.h"
#include "kpi/statement.h"
#include "score/score.h"
#include "timeline/timeline_call.h"

/* A kind of activity, and whether there is one. */
typedef struct SeenActivity
{
	const char *kind;
	bool is_bound;
	bool is_seen;
} SeenActivity;

/* Looks whether an activity of the kind has been seen. */
static void
look_for_activity(void *state)
{
	SeenActivity *activity = state;
	int level = smk_statement_begin();
	SmkBinding *binding = smk_config_binding(smk_config_load(), "activity");

	if (binding != NULL)
	{
		bool needed[SMK_MAX_COLUMNS] = {false};

		activity->is_bound = true;
		smk_binding_open(binding);
		needed[smk_entity_column(binding->entity, "kind")] = true;
		smk_statement_run(
			psprintf("SELECT 1 FROM %s AS activity WHERE activity.kind = %s LIMIT 1",
					 smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL),
					 quote_literal_cstr(activity->kind)),
			NULL, "define_score");
		activity->is_seen = SPI_processed > 0;
	}
	smk_statement_end(level);
}

/* Warns of a kind of activity that nothing has: most likely a slip of the pen, which would count nothing. */
static void
warn_of_unseen(const char *kind)
{
	SeenActivity activity = {.kind = kind};
	ErrorData *error = smk_attempt(look_for_activity, &activity);

	if (error != NULL)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		ereport(WARNING, (errmsg("could not look for activities of kind \"%s\": %s", kind, error->message)));
	}
	else if (!activity.is_bound)
		ereport(WARNING,
				(errmsg("activity \"%s\": none seen yet, as entity \"activity\" is not bound", kind),
				 errhint("Bind it with smarketing.bind('activity', ...): until then no lead is scored.")));
	else if (!activity.is_seen)
		ereport(WARNING,
				(errmsg("activity \"%s\": none seen yet", kind),
				 errhint("The rule counts them as they come. Compare the kinds that there are, as column "
						 "\"kind\" of entity \"activity\" gives them.")));
}

/* Raises an error where the rules have more different rates than one reading can tell apart. */
static void
require_few_rates(void)
{
	if (smk_binding_write("SELECT DISTINCT points, half_life FROM smarketing.score_rule", 0, NULL) >
		SMK_SCORE_MAX_RATES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("score rules have more than %d different pairs of points and half-life",
							   SMK_SCORE_MAX_RATES),
						errhint("Give activities that are alike the same points and half-life.")));
}

PG_FUNCTION_INFO_V1(smk_define_score);

/* define_score(name, activity, points, half_life): replaces the rule; NULL points drop it. */
Datum
smk_define_score(PG_FUNCTION_ARGS)
{
	const char *args[4] = {0};

	args[0] = smk_text_argument(fcinfo, 0, "name");
	if (PG_ARGISNULL(2))
	{
		SPI_connect();
		if (smk_binding_write("DELETE FROM smarketing.score_rule WHERE name OPERATOR(pg_catalog.=) $1", 1,
							  args) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("score rule \"%s\" does not exist", args[0])));
		SPI_finish();
		PG_RETURN_VOID();
	}
	args[1] = smk_text_argument(fcinfo, 1, "activity");
	if (args[0][0] == '\0' || args[1][0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", args[0][0] == '\0' ? "name" : "activity")));
	if (PG_GETARG_INT32(2) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"points\" must not be 0"),
						errhint("NULL drops the rule.")));
	args[2] = psprintf("%d", PG_GETARG_INT32(2));
	if (!PG_ARGISNULL(3))
	{
		(void) smk_timeline_window(PG_GETARG_INTERVAL_P(3), "half_life");
		args[3] = DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(3)));
	}
	SPI_connect();
	smk_binding_write(
		"INSERT INTO smarketing.score_rule (name, activity, points, half_life) "
		"VALUES ($1, $2, $3::pg_catalog.int4, $4::pg_catalog.interval) "
		"ON CONFLICT (name) DO UPDATE SET activity = excluded.activity, points = excluded.points, "
		"half_life = excluded.half_life",
		4, args);
	require_few_rates();
	SPI_finish();
	warn_of_unseen(args[1]);
	PG_RETURN_VOID();
}

/* A stage from which a score leads on, and whether what is bound tells of it. */
typedef struct FromStage
{
	FunnelStage stage;
	bool is_told;
} FromStage;

/* Looks whether anything that is bound tells which leads have come to the stage. */
static void
look_for_stage(void *state)
{
	FromStage *from = state;
	SmkArguments arguments = {.period = "all"};
	int level = smk_statement_begin();
	SmkConfig *config = smk_config_load();

	from->is_told =
		smk_config_binding(config, "lead") == NULL ||
		smk_lead_score_asks_for(smk_request(config, &smk_lead_funnel_kpi, &arguments), from->stage);
	smk_statement_end(level);
}

/* Tells that a threshold asks for a stage of which the CRM knows nothing. */
static void
notice_untold(FunnelStage stage, const char *becomes)
{
	FromStage from = {.stage = stage};
	ErrorData *error = stage > SMK_STAGE_LEAD ? smk_attempt(look_for_stage, &from) : NULL;

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	if (error == NULL && stage > SMK_STAGE_LEAD && !from.is_told)
		ereport(NOTICE, (errmsg("nothing that is bound tells which leads came to stage \"%s\": the score "
								"makes any lead \"%s\"",
								smk_stage_name(stage), becomes),
						 errhint("Bind \"stage\", \"%s_at\" or entity \"stage_change\"; from_stage => 'lead' "
								 "says that all are "
								 "meant.",
								 smk_stage_name(stage))));
}

PG_FUNCTION_INFO_V1(smk_qualify_at_score);

/* qualify_at_score(score, becomes, from_stage): replaces the threshold; a NULL score drops it. */
Datum
smk_qualify_at_score(PG_FUNCTION_ARGS)
{
	const char *args[3];
	uint8 becomes;
	uint8 from_stage;
	double score;

	for (int i = 1; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not be null", i == 1 ? "becomes" : "from_stage")));
	becomes = PG_GETARG_FUNNEL_STAGE(1);
	from_stage = PG_GETARG_FUNNEL_STAGE(2);
	args[0] = smk_stage_name(becomes);
	args[1] = smk_stage_name(from_stage);
	if (becomes < SMK_STAGE_MQL || becomes > SMK_STAGE_SQL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a score does not make a lead come to stage \"%s\"", args[0]),
						errhint("Stages that a score leads to: mql, sal, sql.")));
	if (PG_ARGISNULL(0))
	{
		SPI_connect();
		if (smk_binding_write("DELETE FROM smarketing.score_threshold WHERE becomes OPERATOR(smarketing.=) "
							  "$1::smarketing.funnel_stage",
							  1, args) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("no score leads to stage \"%s\"", args[0])));
		SPI_finish();
		PG_RETURN_VOID();
	}
	score = PG_GETARG_FLOAT8(0);
	if (!(score > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"score\" must be above 0"),
				 errdetail("A lead without activities has a score of 0."),
				 errhint("NULL drops the threshold.")));
	if (isinf(score))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"score\" must be finite"),
						errhint("NULL drops the threshold.")));
	if (from_stage < SMK_STAGE_LEAD || from_stage >= becomes)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"from_stage\" must be a stage before \"%s\"", args[0]),
						errhint("Give \"lead\" for all leads: smarketing.qualify_at_score(%g, '%s', 'lead').",
								score, args[0])));
	args[2] = DatumGetCString(DirectFunctionCall1(float8out, PG_GETARG_DATUM(0)));
	SPI_connect();
	smk_binding_write(
		"INSERT INTO smarketing.score_threshold (becomes, from_stage, score) VALUES "
		"($1::smarketing.funnel_stage, $2::smarketing.funnel_stage, $3::pg_catalog.float8) "
		"ON CONFLICT (becomes) DO UPDATE SET score = excluded.score, from_stage = excluded.from_stage",
		3, args);
	SPI_finish();
	notice_untold((FunnelStage) from_stage, args[0]);
	PG_RETURN_VOID();
}

/* SQL for the stage to which a lead has come, by the steps that it took. */
static char *
stage_of(SmkRecords *records)
{
	static const struct
	{
		const char *fact;
		FunnelStage stage;
	} stages[] = {{"is_customer", SMK_STAGE_WON},
				  {"is_disqualified", SMK_STAGE_DISQUALIFIED},
				  {"is_opportunity", SMK_STAGE_OPPORTUNITY},
				  {"is_sql", SMK_STAGE_SQL},
				  {"is_sal", SMK_STAGE_SAL},
				  {"is_mql", SMK_STAGE_MQL}};
	StringInfoData sql;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(stages); i++)
	{
		char *fact = smk_records_column(records, stages[i].fact);

		if (fact)
			appendStringInfo(&sql, " WHEN %s THEN '%s'", fact, smk_stage_name(stages[i].stage));
	}
	return sql.len ? psprintf("CASE%s ELSE 'lead' END", sql.data) : pstrdup("'lead'");
}

/* The statement of lead_scores(). */
static char *
compile_lead_scores(SmkConfig *config, TimestampTz as_of)
{
	static const SmkRecordSet leads = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};
	SmkArguments arguments = {.period = "all"};
	SmkRequest *request = smk_request(config, &smk_lead_funnel_kpi, &arguments);
	SmkBinding *binding = smk_config_binding(config, "lead");
	SmkRecords *records;
	char *key;
	char *label;
	char *score;
	char *crossed_at = NULL;
	char *stage;
	char *created;

	if (binding == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("entity \"lead\" is not bound"),
				 errhint("Bind it with smarketing.bind('lead', ...) or smarketing.use_preset(...).")));
	/* What was then: all that is not later. */
	request->has_as_of = as_of < request->now;
	request->as_of = as_of + 1;
	records = smk_records(request, &leads, binding);
	key = smk_records_column(records, "lead_id");
	label = smk_records_column(records, "label");
	created = smk_records_instant(records, "created_at");
	if (smk_score_activities(config))
		score = smk_lead_score(records, smk_timestamp_literal(as_of), &crossed_at);
	else if (config->score_rules != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("entity \"activity\" is not bound"),
				 errhint("Score rules count activities: bind them with smarketing.bind('activity', ...).")));
	else if (smk_records_column(records, "score"))
		/* The CRM knows what the score is, not what it was. */
		score = request->has_as_of ? "NULL::double precision" : smk_records_column(records, "score");
	else
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("nothing tells the score of a lead"),
			 errhint("Say what activities are worth with smarketing.define_score(), or bind column \"score\" "
					 "of entity \"lead\".")));
	stage = stage_of(records);
	return psprintf(
		"SELECT %s::text AS lead_id, %s::text AS label, (%s)::double precision AS score,\n"
		"       %s AS stage, %s AS crossed_at\n%s",
		key, label ? label : "NULL", score, stage, crossed_at ? crossed_at : "NULL::timestamptz",
		smk_records_from(records, "lead_scores", true,
						 request->has_as_of ? NULL : psprintf("(%s <= now()) IS NOT FALSE", created)));
}

PG_FUNCTION_INFO_V1(smk_lead_scores);

/* lead_scores(as_of): a row a lead. */
Datum
smk_lead_scores(PG_FUNCTION_ARGS)
{
	TimestampTz as_of;
	int level;

	smk_argument_require(fcinfo, 0, "as_of");
	as_of = PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(as_of) || as_of > SMK_WORD_MAX_TIME || as_of < -SMK_WORD_MAX_TIME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"as_of\" is out of range: %s", timestamptz_to_str(as_of)),
						errdetail("Times lie within 4,500 years of 2000.")));
	InitMaterializedSRF(fcinfo, 0);
	level = smk_statement_begin();
	smk_statement_run_into((ReturnSetInfo *) fcinfo->resultinfo,
						   compile_lead_scores(smk_config_load(), as_of), "lead_scores");
	smk_statement_end(level);
	return (Datum) 0;
}
