/*
 * window_funnel_functions.c: the aggregate window_funnel(at, within, mode, VARIADIC "any").
 *
 * Its state is a timeline whose entities are the times, and whose words are the conditions that a row meets.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "funnel/funnel_arguments.h"
#include "funnel/window_funnel.h"

/* Where the arguments of the transition function stand: state, at, within, mode, conditions. */
#define ARGUMENT_WITHIN 2
#define ARGUMENT_MODE 3
#define ARGUMENT_CONDITIONS 4

typedef struct WindowState
{
	SmkTimelineState base;
	SmkWindowRules rules;
} WindowState;

/* What is kept for a use of the function. */
typedef struct WindowCall
{
	SmkFunnelArguments arguments;
	bool is_known;
	bool is_array;
} WindowCall;

/* What a state has besides rows, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const WindowState *window = state;

	pq_sendint32(out, window->rules.modes);
	pq_sendint32(out, window->rules.conditions);
	pq_sendint64(out, window->rules.within);
}

static void
state_read(void *state, StringInfo in)
{
	WindowState *window = state;

	window->rules.modes = pq_getmsgint(in, 4);
	window->rules.conditions = pq_getmsgint(in, 4);
	window->rules.within = pq_getmsgint64(in);
}

static void
state_join(void *state, const void *other, bool is_new)
{
	WindowState *window = state;
	const WindowState *more = other;

	if (is_new)
		window->rules = more->rules;
	smk_timeline_require_constant(window->rules.within == more->rules.within, "within");
	smk_timeline_require_constant(window->rules.modes == more->rules.modes, "mode");
	smk_timeline_require_constant(window->rules.conditions == more->rules.conditions, "conditions");
}

static const SmkTimelineAggregate window_aggregate = {.name = "window_funnel",
													  .version = 2,
													  .size = sizeof(WindowState),
													  .is_ordered = true,
													  .write = state_write,
													  .read = state_read,
													  .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_window_funnel, window_aggregate)

static const SmkFunnelMode window_modes[] = {
	{"strict_order", SMK_WINDOW_STRICT_ORDER},	 {"strict_increase", SMK_WINDOW_STRICT_INCREASE},
	{"strict_once", SMK_WINDOW_STRICT_ONCE},	 {"strict_deduplication", SMK_WINDOW_STRICT_DEDUPLICATION},
	{"allow_reentry", SMK_WINDOW_ALLOW_REENTRY}, {"first_start", SMK_WINDOW_FIRST_START},
	{"any_order", SMK_WINDOW_ANY_ORDER},		 {NULL, 0}};

/* The modes that a text names, '' none; an error where they do not go together. */
static unsigned
modes_parse(const char *text)
{
	unsigned modes = 0;

	if (text[strspn(text, " ")] == '\0')
		return 0;
	if (smk_funnel_modes_parse(text, window_modes, &modes) &&
		(!(modes & SMK_WINDOW_ALLOW_REENTRY) || (modes & SMK_WINDOW_STRICT_ORDER)) &&
		(!(modes & SMK_WINDOW_ANY_ORDER) || !(modes & ~(SMK_WINDOW_ANY_ORDER | SMK_WINDOW_FIRST_START))))
		return modes;
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("invalid mode of window_funnel: \"%s\"", smk_funnel_mode_shown(text)),
		 errhint("Modes: '' (in order, as far as it goes) or any of strict_order, strict_increase, "
				 "strict_once, strict_deduplication, "
				 "first_start, joined by commas; allow_reentry together with strict_order; any_order alone "
				 "or with first_start.")));
	return 0;
}

/* An array of booleans, or of a domain over them. */
static bool
is_bool_array(Oid type)
{
	Oid element = get_element_type(type);

	return OidIsValid(element) && getBaseType(element) == BOOLOID;
}

/* Sees, once for each use in a query, that the conditions are booleans, or one array of them. */
static void
require_conditions(FunctionCallInfo fcinfo)
{
	const bool is_array = get_fn_expr_variadic(fcinfo->flinfo);
	const int conditions = PG_NARGS() - ARGUMENT_CONDITIONS;

	for (int i = ARGUMENT_CONDITIONS; i < PG_NARGS(); i++)
	{
		Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (OidIsValid(type) && type != UNKNOWNOID)
			type = getBaseType(type);
		/* A bare NULL has no type. */
		if (is_array ? is_bool_array(type) : type == BOOLOID || (type == UNKNOWNOID && PG_ARGISNULL(i)))
			continue;
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("condition %d of window_funnel is of type %s, not boolean%s",
							   i - ARGUMENT_CONDITIONS + 1, format_type_be(type), is_array ? "[]" : ""),
						errhint("Conditions are comparisons, for example stage = 'won'.")));
	}
	if (!is_array && conditions > SMK_WINDOW_FUNNEL_MAX_CONDITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("window_funnel takes at most %d conditions", SMK_WINDOW_FUNNEL_MAX_CONDITIONS)));
}

/* The conditions that a row meets, a bit each, and how many there are. What is NULL is not met. */
static inline uint64
conditions_met(FunctionCallInfo fcinfo, bool is_array, int *count)
{
	uint64 met = 0;

	if (!is_array)
	{
		*count = PG_NARGS() - ARGUMENT_CONDITIONS;
		for (int i = 0; i < *count; i++)
			if (!PG_ARGISNULL(ARGUMENT_CONDITIONS + i) && PG_GETARG_BOOL(ARGUMENT_CONDITIONS + i))
				met |= UINT64CONST(1) << i;
		return met;
	}
	else
	{
		ArrayType *array;
		Datum *values;
		bool *nulls;

		if (PG_ARGISNULL(ARGUMENT_CONDITIONS))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("the array of conditions must not be null"),
							errhint("A condition in it may be NULL, which is not met.")));
		array = PG_GETARG_ARRAYTYPE_P(ARGUMENT_CONDITIONS);
		if (ARR_NDIM(array) > 1)
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
							errmsg("the array of conditions must have one dimension")));
		*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		if (*count < 1 || *count > SMK_WINDOW_FUNNEL_MAX_CONDITIONS)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("window_funnel takes 1 to %d conditions, not %d",
								   SMK_WINDOW_FUNNEL_MAX_CONDITIONS, *count)));
		deconstruct_array(array, ARR_ELEMTYPE(array), 1, true, TYPALIGN_CHAR, &values, &nulls, count);
		for (int i = 0; i < *count; i++)
			if (!nulls[i] && DatumGetBool(values[i]))
				met |= UINT64CONST(1) << i;
		return met;
	}
}

PG_FUNCTION_INFO_V1(smk_window_funnel_transfn);

/* Transition: a row without time is skipped; one that meets no condition matters where it can end a chain. */
Datum
smk_window_funnel_transfn(PG_FUNCTION_ARGS)
{
	WindowState *state = PG_ARGISNULL(0) ? NULL : (WindowState *) PG_GETARG_POINTER(0);
	WindowCall *call = smk_timeline_call_data(fcinfo, sizeof(WindowCall));
	uint64 met;
	int conditions;

	if (unlikely(!call->is_known))
	{
		require_conditions(fcinfo);
		call->is_array = get_fn_expr_variadic(fcinfo->flinfo);
		call->is_known = true;
	}
	met = conditions_met(fcinfo, call->is_array, &conditions);
	smk_funnel_arguments(fcinfo, &call->arguments, ARGUMENT_WITHIN, ARGUMENT_MODE, modes_parse);
	if (state == NULL)
	{
		state = smk_timeline_state(&window_aggregate, fcinfo, SMK_KEY_BIGINT);
		state->rules.within = call->arguments.length;
		state->rules.modes = call->arguments.modes;
		state->rules.conditions = conditions;
	}
	else
	{
		smk_timeline_require_constant(state->rules.within == call->arguments.length, "within");
		smk_timeline_require_constant(state->rules.modes == call->arguments.modes, "mode");
		smk_timeline_require_constant(conditions == state->rules.conditions, "conditions");
	}
	if (!PG_ARGISNULL(1))
	{
		TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);

		(void) smk_timeline_word(at, 0); /* for its errors */
		if (met != 0 || (state->rules.modes & SMK_WINDOW_STRICT_ORDER))
			smk_timeline_add_bigint(&state->base.timeline, at, met);
	}
	PG_RETURN_POINTER(state);
}

/* All rows of one time. */
static void
visit_time(void *funnel, const SmkKey *key, uint64 *words, int64 count)
{
	smk_window_funnel_add(funnel, smk_key_number(key), words, count);
}

PG_FUNCTION_INFO_V1(smk_window_funnel_finalfn);

/* How many conditions the rows met one after the other; 0 where there are no rows. */
Datum
smk_window_funnel_finalfn(PG_FUNCTION_ARGS)
{
	WindowState *state = PG_ARGISNULL(0) ? NULL : (WindowState *) PG_GETARG_POINTER(0);
	SmkWindowFunnel funnel;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_INT32(0);
	smk_window_funnel_start(&funnel, &state->rules);
	smk_timeline_read(&state->base.timeline, visit_time, &funnel);
	PG_RETURN_INT32(smk_window_funnel_depth(&funnel));
}
