/*
 * funnel_functions.c: the aggregates funnel and merge, the type funnel_summary, and funnel_steps.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "funnel/funnel_arguments.h"
#include "funnel/funnel_summary.h"
#include "row.h"
#include "stage/stage.h"
#include "timeline/summary_call.h"

/* The state of funnel: events and how they are to be read. */
typedef struct FunnelState
{
	SmkTimelineState base;
	SmkFunnelRules rules;
	bool is_stages;
} FunnelState;

/* What a state has besides events, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const FunnelState *funnel = state;

	pq_sendbyte(out, funnel->is_stages);
	pq_sendbyte(out, funnel->rules.modes);
	pq_sendint64(out, funnel->rules.within);
}

static void
state_read(void *state, StringInfo in)
{
	FunnelState *funnel = state;

	funnel->is_stages = pq_getmsgbyte(in);
	funnel->rules.modes = pq_getmsgbyte(in);
	funnel->rules.within = pq_getmsgint64(in);
}

static void
state_join(void *state, const void *other, bool is_new)
{
	FunnelState *funnel = state;
	const FunnelState *more = other;

	if (is_new)
	{
		funnel->rules = more->rules;
		funnel->is_stages = more->is_stages;
	}
	smk_timeline_require_constant(funnel->rules.within == more->rules.within, "within");
	smk_timeline_require_constant(funnel->rules.modes == more->rules.modes, "mode");
}

static const SmkTimelineAggregate funnel_aggregate = {.name = "funnel",
													  .version = 2,
													  .size = sizeof(FunnelState),
													  .write = state_write,
													  .read = state_read,
													  .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_funnel, funnel_aggregate)

static const SmkFunnelMode funnel_modes[] = {{"reached", SMK_FUNNEL_REACHED},
											 {"ordered", SMK_FUNNEL_ORDERED},
											 {"any_order", SMK_FUNNEL_ANY_ORDER},
											 {"first_start", SMK_FUNNEL_FIRST_START},
											 {NULL, 0}};

/* The modes that a text names; an error where they do not go together. */
unsigned
smk_funnel_rules_parse(const char *text)
{
	unsigned modes;
	unsigned order;

	if (smk_funnel_modes_parse(text, funnel_modes, &modes))
	{
		order = modes & ~SMK_FUNNEL_FIRST_START;
		if (order == SMK_FUNNEL_REACHED || order == SMK_FUNNEL_ORDERED || order == SMK_FUNNEL_ANY_ORDER)
			return modes;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("invalid mode of a funnel: \"%s\"", smk_funnel_mode_shown(text)),
		 errhint("Modes: reached, ordered or any_order; each of them may be joined with first_start, as in "
				 "'ordered,first_start'.")));
	return 0;
}

/* The state of a group, made on its first row; sees that what is no event does not change. */
static pg_attribute_always_inline FunnelState *
funnel_state(FunctionCallInfo fcinfo, bool is_stages)
{
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	SmkFunnelArguments *arguments = smk_timeline_call_data(fcinfo, sizeof(SmkFunnelArguments));

	smk_funnel_arguments(fcinfo, arguments, 4, is_stages ? -1 : 5, smk_funnel_rules_parse);
	if (unlikely(state == NULL))
	{
		state = smk_timeline_state(&funnel_aggregate, fcinfo, smk_timeline_kind(fcinfo, 1));
		state->rules.within = arguments->length;
		state->rules.modes = is_stages ? SMK_FUNNEL_REACHED : arguments->modes;
		state->is_stages = is_stages;
		return state;
	}
	smk_timeline_require_constant(state->rules.within == arguments->length, "within");
	if (!is_stages)
		smk_timeline_require_constant(state->rules.modes == arguments->modes, "mode");
	return state;
}

PG_FUNCTION_INFO_V1(smk_funnel_stage_transfn);

/* Transition of funnel over stages: (state, entity, stage, at, within). Rows with a NULL and exits are
 * skipped. */
Datum
smk_funnel_stage_transfn(PG_FUNCTION_ARGS)
{
	FunnelState *state = funnel_state(fcinfo, true);
	uint8 stage;

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
	{
		stage = PG_GETARG_FUNNEL_STAGE(2);
		if (!smk_stage_is_exit(stage))
			smk_timeline_add_datum(
				&state->base.timeline, PG_GETARG_DATUM(1),
				smk_timeline_word(PG_GETARG_TIMESTAMPTZ(3), smk_stage_index(stage) - SMK_STAGE_EXITS));
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(smk_funnel_step_transfn);

/* Transition of funnel over numbered steps: (state, entity, step, at, within, mode). Rows with a NULL are
 * skipped. */
Datum
smk_funnel_step_transfn(PG_FUNCTION_ARGS)
{
	FunnelState *state = funnel_state(fcinfo, false);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
	{
		int64 step = PG_GETARG_INT64(2);

		if (step < 1 || step > SMK_FUNNEL_MAX_STEPS)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("step of a funnel must be from 1 to %d, not " INT64_FORMAT,
								   SMK_FUNNEL_MAX_STEPS, step),
							errhint("Rows that are no step may have NULL: they are skipped.")));
		smk_timeline_add_datum(&state->base.timeline, PG_GETARG_DATUM(1),
							   smk_timeline_word(PG_GETARG_TIMESTAMPTZ(3), (unsigned) (step - 1)));
	}
	PG_RETURN_POINTER(state);
}

static void
visit_entity(void *summary, const SmkKey *key, uint64 *words, int64 count)
{
	(void) key;
	smk_funnel_summary_add(summary, words, count);
}

static bool
type_read(void *summary, const unsigned char *data, int64 size)
{
	return smk_funnel_summary_read(summary, data, size);
}

static void
type_write(const void *summary, StringInfo out)
{
	smk_funnel_summary_write(summary, out);
}

static void
type_start(void *summary, const void *like)
{
	const SmkFunnelSummary *other = like;

	smk_funnel_summary_init(summary, &other->rules, other->is_stages);
}

/* The names of modes, as they are given. */
static char *
modes_text(unsigned modes)
{
	const char *order = funnel_modes[0].name;

	for (const SmkFunnelMode *mode = funnel_modes; mode->name != NULL; mode++)
		if (mode->mode != SMK_FUNNEL_FIRST_START && (modes & mode->mode))
			order = mode->name;
	return psprintf("%s%s", order, modes & SMK_FUNNEL_FIRST_START ? ",first_start" : "");
}

static const char *
type_difference(const void *a, const void *b, char **detail)
{
	const SmkFunnelSummary *one = a;
	const SmkFunnelSummary *other = b;

	if (one->is_stages != other->is_stages)
	{
		*detail = "One is a funnel of stages, the other one of numbered steps.";
		return "steps";
	}
	if (one->rules.modes != other->rules.modes)
	{
		*detail = psprintf("One has the mode %s, the other %s.", modes_text(one->rules.modes),
						   modes_text(other->rules.modes));
		return "modes";
	}
	if (one->rules.within != other->rules.within)
	{
		*detail =
			psprintf("One has a window of %s, the other of %s.", smk_timeline_window_text(one->rules.within),
					 smk_timeline_window_text(other->rules.within));
		return "windows";
	}
	return NULL;
}

static bool
type_merge(void *into, const void *other)
{
	return smk_funnel_summary_merge(into, other);
}

static const SmkSummaryType funnel_summary = {
	"funnel_summary", sizeof(SmkFunnelSummary), type_read, type_write,
	type_start,		  type_difference,			type_merge};

PG_FUNCTION_INFO_V1(smk_funnel_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_funnel_finalfn(PG_FUNCTION_ARGS)
{
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	SmkFunnelSummary *summary;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	summary = palloc(sizeof(SmkFunnelSummary));
	smk_funnel_summary_init(summary, &state->rules, state->is_stages);
	smk_timeline_read(&state->base.timeline, visit_entity, summary);
	return smk_summary_datum(&funnel_summary, summary);
}

SMK_SUMMARY_FUNCTIONS(smk_funnel, funnel_summary)

SMK_ROW_TYPE(steps_row, INT4OID, TEXTOID, INT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID);

PG_FUNCTION_INFO_V1(smk_funnel_steps);

/* funnel_steps(summary): a row a step, of stages from the lowest on that there was to won. */
Datum
smk_funnel_steps(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkFunnelSummary *summary = smk_summary_argument(&funnel_summary, fcinfo, 0);
	int first = summary->is_stages && summary->steps ? summary->lowest : 0;
	int end = summary->is_stages && summary->steps ? SMK_STAGE_COUNT - SMK_STAGE_EXITS : summary->steps;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = first; i < end; i++)
	{
		const SmkFunnelStep *step = &summary->step[i];
		const SmkFunnelStep *before = i > first ? step - 1 : NULL;
		Datum values[7] = {0};
		bool nulls[7] = {false};
		double micros;

		values[0] = Int32GetDatum(i - first + 1);
		if (summary->is_stages)
			values[1] = CStringGetTextDatum(smk_stage_name(smk_stage_at(i + SMK_STAGE_EXITS)));
		else
			nulls[1] = true;
		values[2] = Int64GetDatum(step->entities);
		if (before == NULL || before->entities == 0)
			nulls[3] = true;
		else
			values[3] = Float8GetDatum((double) step->entities / (double) before->entities);
		if (summary->step[first].entities == 0)
			nulls[4] = true;
		else
			values[4] = Float8GetDatum((double) step->entities / (double) summary->step[first].entities);
		for (int q = 0; q < 2; q++)
		{
			nulls[5 + q] = before == NULL || !smk_sketch_quantile(&step->previous, q ? 0.9 : 0.5, &micros);
			if (!nulls[5 + q])
				values[5 + q] = Float8GetDatum(micros / USECS_PER_HOUR);
		}
		smk_row_put(&steps_row, rsinfo, values, nulls);
	}
	return (Datum) 0;
}
