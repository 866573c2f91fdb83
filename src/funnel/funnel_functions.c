/*
 * funnel_functions.c: the aggregates funnel and merge, the type funnel_summary, and funnel_steps.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "funnel/funnel_summary.h"
#include "stage/stage.h"
#include "timeline/timeline_call.h"

/* The state of funnel: events and how they are to be read. */
typedef struct FunnelState
{
	SmkTimeline *timeline; /* NULL: as another process wrote it, below */
	SmkFunnelRules rules;
	bool is_stages;
	SmkKeyKind kind;
	Interval within;   /* the arguments, to see whether they change */
	const char *modes; /* NULL for stages */
	int modes_length;
	const unsigned char *written;
	int64 written_size;
} FunnelState;

#define FUNNEL_STATE_VERSION 1

static const struct
{
	const char *name;
	unsigned mode;
} funnel_modes[] = {{"reached", SMK_FUNNEL_REACHED},
					{"ordered", SMK_FUNNEL_ORDERED},
					{"any_order", SMK_FUNNEL_ANY_ORDER},
					{"first_start", SMK_FUNNEL_FIRST_START}};

/* Raises the error for modes that do not go together. */
static void
modes_error(const char *text)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid mode of a funnel: \"%s\"", text),
		 errhint("Modes: reached, ordered or any_order; each of them may be joined with first_start, as in "
				 "'ordered,first_start'.")));
}

/* The modes that a text names, separated by commas. */
static unsigned
modes_parse(const char *text)
{
	unsigned modes = 0;
	unsigned order;
	char *copy = pstrdup(text);
	char *rest = copy;
	char *name;

	while ((name = strsep(&rest, ",")) != NULL)
	{
		bool is_known = false;

		while (*name == ' ')
			name++;
		for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--)
			name[n - 1] = '\0';
		for (size_t i = 0; i < lengthof(funnel_modes); i++)
			if (strcmp(funnel_modes[i].name, name) == 0)
			{
				is_known = (modes & funnel_modes[i].mode) == 0;
				modes |= funnel_modes[i].mode;
			}
		if (!is_known)
			modes_error(text);
	}
	order = modes & ~SMK_FUNNEL_FIRST_START;
	if (order != SMK_FUNNEL_REACHED && order != SMK_FUNNEL_ORDERED && order != SMK_FUNNEL_ANY_ORDER)
		modes_error(text);
	pfree(copy);
	return modes;
}

static void
require_not_null(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

static void
require_constant(bool is_same, const char *name)
{
	if (!is_same)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be the same for all rows", name)));
}

/* The state of a group, made on its first row; checks that what is no event does not change. */
static pg_attribute_always_inline FunnelState *
funnel_state(FunctionCallInfo fcinfo, bool is_stages)
{
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	Interval *within;
	text *modes = NULL;
	bool copies_modes = false;

	require_not_null(fcinfo, 4, "within");
	within = PG_GETARG_INTERVAL_P(4);
	if (!is_stages)
	{
		require_not_null(fcinfo, 5, "mode");
		modes = PG_GETARG_TEXT_PP(5);
		copies_modes = (Pointer) modes != DatumGetPointer(PG_GETARG_DATUM(5));
	}
	if (state == NULL)
	{
		SmkFunnelRules rules = {SMK_FUNNEL_REACHED, smk_timeline_window(within)};
		SmkLedger *ledger;

		if (!is_stages)
			rules.modes = modes_parse(text_to_cstring(modes));
		ledger = smk_timeline_ledger(fcinfo, smk_timeline_kind(fcinfo, 1));
		state = smk_timeline_state(ledger, sizeof(FunnelState));
		state->timeline = smk_timeline(ledger);
		state->rules = rules;
		state->is_stages = is_stages;
		state->kind = smk_ledger_kind(ledger);
		state->within = *within;
		if (modes)
		{
			char *copy = smk_timeline_state(ledger, VARSIZE_ANY_EXHDR(modes) + 1);

			state->modes_length = (int) VARSIZE_ANY_EXHDR(modes);
			memcpy(copy, VARDATA_ANY(modes), state->modes_length);
			state->modes = copy;
		}
	}
	else
	{
		require_constant(memcmp(&state->within, within, sizeof(Interval)) == 0, "within");
		if (modes)
			require_constant((int) VARSIZE_ANY_EXHDR(modes) == state->modes_length &&
								 memcmp(VARDATA_ANY(modes), state->modes, state->modes_length) == 0,
							 "mode");
	}
	if (copies_modes)
		pfree(modes);
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
				state->timeline, PG_GETARG_DATUM(1),
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
								   SMK_FUNNEL_MAX_STEPS, step)));
		smk_timeline_add_datum(state->timeline, PG_GETARG_DATUM(1),
							   smk_timeline_word(PG_GETARG_TIMESTAMPTZ(3), (unsigned) (step - 1)));
	}
	PG_RETURN_POINTER(state);
}

static void
require_aggregate(FunctionCallInfo fcinfo, MemoryContext *context)
{
	if (!AggCheckCallContext(fcinfo, context))
		elog(ERROR, "aggregate function called in non-aggregate context");
}

/* Writes the state for another process: version, how it is read, the events. */
static void
state_write(FunnelState *state, StringInfo out)
{
	pq_sendbyte(out, FUNNEL_STATE_VERSION);
	pq_sendbyte(out, state->is_stages);
	pq_sendbyte(out, state->rules.modes);
	pq_sendbyte(out, state->kind);
	pq_sendint64(out, state->rules.within);
	smk_timeline_write(state->timeline, out);
}

PG_FUNCTION_INFO_V1(smk_funnel_serialfn);

Datum
smk_funnel_serialfn(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	require_aggregate(fcinfo, NULL);
	pq_begintypsend(&out);
	state_write((FunnelState *) PG_GETARG_POINTER(0), &out);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

PG_FUNCTION_INFO_V1(smk_funnel_deserialfn);

/* A state as another process wrote it, which only combining understands. */
Datum
smk_funnel_deserialfn(PG_FUNCTION_ARGS)
{
	bytea *data;
	FunnelState *state;
	StringInfoData in;

	require_aggregate(fcinfo, NULL);
	data = PG_GETARG_BYTEA_PP(0);
	state = palloc0(sizeof(FunnelState));
	in.data = VARDATA_ANY(data);
	in.len = in.maxlen = (int) VARSIZE_ANY_EXHDR(data);
	in.cursor = 0;
	if (pq_getmsgbyte(&in) != FUNNEL_STATE_VERSION)
		elog(ERROR, "unknown version of a funnel's state");
	state->is_stages = pq_getmsgbyte(&in);
	state->rules.modes = pq_getmsgbyte(&in);
	state->kind = pq_getmsgbyte(&in);
	state->rules.within = pq_getmsgint64(&in);
	state->written = (unsigned char *) in.data + in.cursor;
	state->written_size = in.len - in.cursor;
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(smk_funnel_combinefn);

/* Adds the events of the second state to the first, which is made where there is none. */
Datum
smk_funnel_combinefn(PG_FUNCTION_ARGS)
{
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	FunnelState *other = PG_ARGISNULL(1) ? NULL : (FunnelState *) PG_GETARG_POINTER(1);
	StringInfoData written;

	require_aggregate(fcinfo, NULL);
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		SmkLedger *ledger = smk_timeline_ledger(fcinfo, other->kind);

		state = smk_timeline_state(ledger, sizeof(FunnelState));
		state->timeline = smk_timeline(ledger);
		state->rules = other->rules;
		state->is_stages = other->is_stages;
		state->kind = other->kind;
	}
	require_constant(state->rules.within == other->rules.within, "within");
	require_constant(state->rules.modes == other->rules.modes, "mode");
	if (other->timeline == NULL)
		smk_timeline_add_written(state->timeline, other->written, other->written_size);
	else
	{
		initStringInfo(&written);
		smk_timeline_write(other->timeline, &written);
		smk_timeline_add_written(state->timeline, (unsigned char *) written.data, written.len);
		pfree(written.data);
	}
	PG_RETURN_POINTER(state);
}

static void
visit_entity(void *summary, const SmkKey *key, uint64 *words, int64 count)
{
	(void) key;
	smk_funnel_summary_add(summary, words, count);
}

/* The summary as a value of its type. */
static Datum
summary_datum(const SmkFunnelSummary *summary)
{
	StringInfoData out;

	pq_begintypsend(&out);
	smk_funnel_summary_write(summary, &out);
	return PointerGetDatum(pq_endtypsend(&out));
}

PG_FUNCTION_INFO_V1(smk_funnel_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_funnel_finalfn(PG_FUNCTION_ARGS)
{
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	SmkFunnelSummary *summary;

	require_aggregate(fcinfo, NULL);
	if (state == NULL)
		PG_RETURN_NULL();
	summary = palloc(sizeof(SmkFunnelSummary));
	smk_funnel_summary_init(summary, &state->rules, state->is_stages);
	smk_timeline_read(state->timeline, visit_entity, summary);
	PG_RETURN_DATUM(summary_datum(summary));
}

/* The summary that a value holds, palloc'd; false where it holds none. */
static bool
summary_of(const bytea *value, SmkFunnelSummary **summary)
{
	*summary = palloc(sizeof(SmkFunnelSummary));
	return smk_funnel_summary_read(*summary, (const unsigned char *) VARDATA_ANY(value),
								   VARSIZE_ANY_EXHDR(value));
}

/* The same of an argument: what is stored is valid. */
static SmkFunnelSummary *
summary_argument(FunctionCallInfo fcinfo, int argument)
{
	SmkFunnelSummary *summary;

	if (!summary_of(PG_GETARG_BYTEA_PP(argument), &summary))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed funnel_summary")));
	return summary;
}

PG_FUNCTION_INFO_V1(smk_funnel_summary_in);

/* The text form: the bytes in hexadecimal digits. */
Datum
smk_funnel_summary_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	SmkFunnelSummary *summary;
	bytea *value;

	if (length < 2 || text[0] != '\\' || text[1] != 'x' || length % 2 != 0 ||
		strspn(text + 2, "0123456789abcdefABCDEF") != length - 2)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "funnel_summary",
						pnstrdup(text, pg_mbcliplen(text, (int) Min(length, 1000), 40)))));
	value = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(text)));
	if (!summary_of(value, &summary))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "funnel_summary",
						pnstrdup(text, (int) Min(length, 40)))));
	PG_RETURN_DATUM(summary_datum(summary));
}

PG_FUNCTION_INFO_V1(smk_funnel_summary_out);

Datum
smk_funnel_summary_out(PG_FUNCTION_ARGS)
{
	bytea *value = PG_GETARG_BYTEA_PP(0);
	const unsigned char *bytes = (const unsigned char *) VARDATA_ANY(value);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "\\x");
	for (Size i = 0; i < VARSIZE_ANY_EXHDR(value); i++)
	{
		appendStringInfoCharMacro(&out, "0123456789abcdef"[bytes[i] >> 4]);
		appendStringInfoCharMacro(&out, "0123456789abcdef"[bytes[i] & 15]);
	}
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(smk_funnel_summary_recv);

Datum
smk_funnel_summary_recv(PG_FUNCTION_ARGS)
{
	StringInfo in = (StringInfo) PG_GETARG_POINTER(0);
	int size = in->len - in->cursor;
	SmkFunnelSummary *summary = palloc(sizeof(SmkFunnelSummary));

	if (!smk_funnel_summary_read(summary, (const unsigned char *) pq_getmsgbytes(in, size), size))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary form of type %s", "funnel_summary")));
	PG_RETURN_DATUM(summary_datum(summary));
}

PG_FUNCTION_INFO_V1(smk_funnel_summary_send);

Datum
smk_funnel_summary_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* Adds a summary to the state of merge, which is made in the aggregate's context where there is none. */
static SmkFunnelSummary *
merge_into(SmkFunnelSummary *state, const SmkFunnelSummary *other, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	const char *difference;

	if (state == NULL)
	{
		state = palloc(sizeof(SmkFunnelSummary));
		smk_funnel_summary_init(state, &other->rules, other->is_stages);
	}
	difference = smk_funnel_summary_difference(state, other);
	if (difference != NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("funnel summaries of different %s cannot be merged", difference)));
	if (!smk_funnel_summary_merge(state, other))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range")));
	MemoryContextSwitchTo(old);
	return state;
}

PG_FUNCTION_INFO_V1(smk_funnel_merge_transfn);

/* Transition of merge: adds a summary of other entities. */
Datum
smk_funnel_merge_transfn(PG_FUNCTION_ARGS)
{
	SmkFunnelSummary *state = PG_ARGISNULL(0) ? NULL : (SmkFunnelSummary *) PG_GETARG_POINTER(0);
	MemoryContext context;

	require_aggregate(fcinfo, &context);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	PG_RETURN_POINTER(merge_into(state, summary_argument(fcinfo, 1), context));
}

PG_FUNCTION_INFO_V1(smk_funnel_merge_finalfn);

/* The merged summary; the serial form of the state is the same. */
Datum
smk_funnel_merge_finalfn(PG_FUNCTION_ARGS)
{
	require_aggregate(fcinfo, NULL);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(summary_datum((SmkFunnelSummary *) PG_GETARG_POINTER(0)));
}

PG_FUNCTION_INFO_V1(smk_funnel_merge_deserialfn);

Datum
smk_funnel_merge_deserialfn(PG_FUNCTION_ARGS)
{
	require_aggregate(fcinfo, NULL);
	PG_RETURN_POINTER(summary_argument(fcinfo, 0));
}

PG_FUNCTION_INFO_V1(smk_funnel_merge_combinefn);

Datum
smk_funnel_merge_combinefn(PG_FUNCTION_ARGS)
{
	SmkFunnelSummary *state = PG_ARGISNULL(0) ? NULL : (SmkFunnelSummary *) PG_GETARG_POINTER(0);
	SmkFunnelSummary *other = PG_ARGISNULL(1) ? NULL : (SmkFunnelSummary *) PG_GETARG_POINTER(1);
	MemoryContext context;

	require_aggregate(fcinfo, &context);
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	PG_RETURN_POINTER(merge_into(state, other, context));
}

PG_FUNCTION_INFO_V1(smk_funnel_steps);

/* funnel_steps(summary): a row a step, of stages from the lowest on that there was to won. */
Datum
smk_funnel_steps(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkFunnelSummary *summary = summary_argument(fcinfo, 0);
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
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
