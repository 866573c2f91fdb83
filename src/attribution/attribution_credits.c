/*
 * attribution_credits.c: the aggregate attribution_credits: each conversion by itself, with what its touches
 * are credited with.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "attribution/attribution_arguments.h"
#include "compat.h"
#include "row.h"
#include "timeline/word.h"

/* Names of conversions, too, are numbered. */
#define CREDITS_NAME_BITS 27

/* Where the other arguments stand. */
enum
{
	ARGUMENT_CONVERSION = SMK_ATTRIBUTION_ARGUMENT_VALUE + 1,
	ARGUMENT_MODEL,
	ARGUMENT_LOOKBACK
};

/* The state of a group. */
typedef struct CreditsState
{
	SmkAttributionState base;
	SmkAttributionModel model;
} CreditsState;

/* What is kept from row to row. */
typedef struct CreditsCall
{
	SmkAttributionCall windows;
	text *model; /* of the last row; NULL: none yet */
	SmkAttributionModel known;
	StringInfoData name;
} CreditsCall;

/* What a conversion's name begins with: its value. */
typedef struct NamedValue
{
	int128 units;
	int32 scale;
} NamedValue;

#define VALUE_SIZE (sizeof(int128) + sizeof(int32))

/* What a state has besides events, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const CreditsState *events = state;

	smk_attribution_state_write(&events->base, out);
	pq_sendbyte(out, events->model.kind);
	for (int i = 0; i < 3; i++)
		pq_sendint32(out, events->model.shares[i]);
}

static void
state_read(void *state, StringInfo in)
{
	CreditsState *events = state;

	smk_attribution_state_read(&events->base, in);
	events->model.kind = (SmkAttributionModelKind) pq_getmsgbyte(in);
	for (int i = 0; i < 3; i++)
		events->model.shares[i] = pq_getmsgint(in, 4);
}

static bool
is_same_model(const SmkAttributionModel *a, const SmkAttributionModel *b)
{
	return a->kind == b->kind && memcmp(a->shares, b->shares, sizeof(a->shares)) == 0;
}

static void
state_join(void *state, const void *other, bool is_new)
{
	CreditsState *events = state;
	const CreditsState *more = other;

	if (is_new)
		events->model = more->model;
	smk_attribution_state_join(&events->base, &more->base, is_new);
	smk_timeline_require_constant(is_same_model(&events->model, &more->model), "model");
}

static const SmkTimelineAggregate credits_aggregate = {.name = "attribution_credits",
													   .version = 1,
													   .size = sizeof(CreditsState),
													   .has_values = true,
													   .name_bits = CREDITS_NAME_BITS,
													   .is_named_by_value = true,
													   .write = state_write,
													   .read = state_read,
													   .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_attribution_credits, credits_aggregate)

/* Reads the model of a row, unless it is that of the row before. */
static void
read_model(FunctionCallInfo fcinfo, CreditsCall *call)
{
	const text *model;
	MemoryContext old;

	smk_timeline_require_not_null(fcinfo, ARGUMENT_MODEL, "model");
	model = PG_GETARG_TEXT_PP(ARGUMENT_MODEL);
	if (likely(call->model != NULL &&
			   smk_text_is(model, VARDATA_ANY(call->model), (int) VARSIZE_ANY_EXHDR(call->model))))
		return;
	call->known = smk_attribution_model_argument(text_to_cstring(model));
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	if (call->model != NULL)
		pfree(call->model);
	call->model = cstring_to_text_with_len(VARDATA_ANY(model), (int) VARSIZE_ANY_EXHDR(model));
	if (call->name.data == NULL)
		initStringInfo(&call->name);
	MemoryContextSwitchTo(old);
}

/* Adds a conversion, under a name that has its value. */
static void
add_conversion(FunctionCallInfo fcinfo, CreditsCall *call, SmkTimeline *timeline, TimestampTz at)
{
	SmkMoney money = smk_timeline_amount(fcinfo, SMK_ATTRIBUTION_ARGUMENT_VALUE, "value");
	int32 scale = money.scale;
	const text *conversion;

	smk_timeline_require_not_null(fcinfo, ARGUMENT_CONVERSION, "conversion");
	conversion = PG_GETARG_TEXT_PP(ARGUMENT_CONVERSION);
	resetStringInfo(&call->name);
	appendBinaryStringInfo(&call->name, (char *) &money.units, sizeof(money.units));
	appendBinaryStringInfo(&call->name, (char *) &scale, sizeof(scale));
	appendBinaryStringInfo(&call->name, VARDATA_ANY(conversion), (int) VARSIZE_ANY_EXHDR(conversion));
	smk_timeline_add_valued(timeline, PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
							smk_timeline_word(at, SMK_ATTRIBUTION_CONVERSION),
							smk_timeline_name(timeline, call->name.data, call->name.len));
}

PG_FUNCTION_INFO_V1(smk_attribution_credits_transfn);

/*
 * Transition of attribution_credits: (state, account, event, at, channel, value, conversion, model, lookback,
 * half_life). Rows without account, event or time are skipped.
 */
Datum
smk_attribution_credits_transfn(PG_FUNCTION_ARGS)
{
	CreditsState *state = PG_ARGISNULL(0) ? NULL : (CreditsState *) PG_GETARG_POINTER(0);
	CreditsCall *call = smk_timeline_call_data(fcinfo, sizeof(CreditsCall));
	SmkAttributionCode code;
	TimestampTz at;

	smk_attribution_windows(fcinfo, &call->windows, ARGUMENT_LOOKBACK);
	read_model(fcinfo, call);
	if (unlikely(state == NULL))
	{
		state = smk_timeline_state(&credits_aggregate, fcinfo,
								   smk_timeline_kind(fcinfo, SMK_ATTRIBUTION_ARGUMENT_ACCOUNT));
		state->base.lookback = call->windows.lookback;
		state->base.half_life = call->windows.half_life;
		state->model = call->known;
	}
	smk_attribution_require_windows(&state->base, &call->windows);
	smk_timeline_require_constant(is_same_model(&state->model, &call->known), "model");
	if (PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT) || PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_EVENT) ||
		PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_AT))
		PG_RETURN_POINTER(state);
	code = smk_attribution_event(smk_timeline_text(fcinfo, SMK_ATTRIBUTION_ARGUMENT_EVENT));
	at = PG_GETARG_TIMESTAMPTZ(SMK_ATTRIBUTION_ARGUMENT_AT);
	if (code == SMK_ATTRIBUTION_CONVERSION)
		add_conversion(fcinfo, call, &state->base.events.timeline, at);
	else if (code <= SMK_ATTRIBUTION_DIRECT)
		smk_attribution_add_touch(fcinfo, &state->base.events.timeline, at, code);
	else
		smk_timeline_add_valued(&state->base.events.timeline, PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
								smk_timeline_word(at, code), 0);
	PG_RETURN_POINTER(state);
}

/* What the credits of a state are put into. */
typedef struct Listing
{
	const CreditsState *state;
	TupleDesc descriptor;
	MemoryContext context; /* in which the array is made */
	MemoryContext scratch; /* emptied after each row */
	ArrayBuildState *array;
	SmkCreditRow *rows;
	SmkCreditRow **order;
	uint128 *shares; /* of each row */
	int size;
} Listing;

/* Touches are numbered by their names and whether they are direct. */
static bool
touch_is_direct(const void *of, int touch)
{
	(void) of;
	return touch & 1;
}

SMK_ROW_TYPE(credit_row, TEXTOID, TEXTOID, FLOAT8OID, NUMERICOID);

static void
put_row(Listing *listing, const NamedValue *value, const char *conversion, int length,
		const SmkCreditRow *row)
{
	Datum values[4] = {0};
	bool nulls[4] = {false};
	int scale = Max(value->scale, SMK_CENTS);
	MemoryContext old = MemoryContextSwitchTo(listing->scratch);

	values[0] = PointerGetDatum(cstring_to_text_with_len(conversion, length));
	nulls[1] = row->name == NULL;
	if (row->name != NULL)
		values[1] = PointerGetDatum(cstring_to_text_with_len(row->name, row->length));
	values[2] = Float8GetDatum(smk_wide_double(&row->credit.conversions));
	values[3] = smk_attribution_amount(row->units, scale);
	listing->array = accumArrayResult(listing->array,
									  HeapTupleGetDatum(smk_row(&credit_row, listing->descriptor, values, nulls)),
									  false, listing->descriptor->tdtypeid, listing->context);
	MemoryContextSwitchTo(old);
	MemoryContextReset(listing->scratch);
}

/* Makes the rows of a path: one a name, with its shares; returns how many. */
static int
path_rows(SmkAttributionReader *reader, Listing *listing, const SmkConversions *conversions,
		  const uint128 *shares)
{
	int count = 0;

	if (conversions->count > listing->size)
	{
		listing->size = (int) Min(conversions->count * 2, PG_INT32_MAX);
		listing->rows = MemoryContextAllocHuge(CurrentMemoryContext, listing->size * sizeof(SmkCreditRow));
		listing->order = MemoryContextAllocHuge(CurrentMemoryContext, listing->size * sizeof(SmkCreditRow *));
		listing->shares = MemoryContextAllocHuge(CurrentMemoryContext, listing->size * sizeof(uint128));
	}
	smk_attribution_restart(reader);
	for (int64 i = 0; i < conversions->count; i++)
	{
		bool is_new;
		int *row = smk_attribution_number(reader, conversions->path[i] / 2, &is_new);

		if (is_new)
		{
			*row = count++;
			listing->shares[*row] = 0;
			listing->rows[*row].name =
				reader->name(reader->timeline, conversions->path[i] / 2, &listing->rows[*row].length);
		}
		listing->shares[*row] += shares[i];
	}
	return count;
}

/* A conversion's name, with its value before it. */
typedef struct Named
{
	const char *bytes;
	int length;
} Named;

/* By their names, then by their values' bytes: an order that no other has to keep. */
static int
compare_named(const void *a, const void *b)
{
	const Named *left = a;
	const Named *right = b;
	int order = smk_attribution_compare(left->bytes + VALUE_SIZE, left->length - (int) VALUE_SIZE,
										right->bytes + VALUE_SIZE, right->length - (int) VALUE_SIZE);

	return order != 0 ? order : memcmp(left->bytes, right->bytes, VALUE_SIZE);
}

/* The conversions of an instant, in the order of their names, palloc'd. */
static Named *
named_conversions(SmkAttributionReader *reader, const SmkConversions *conversions)
{
	Named *named = MemoryContextAllocHuge(CurrentMemoryContext, conversions->event_count * sizeof(Named));

	for (int64 i = 0; i < conversions->event_count; i++)
		named[i].bytes = reader->name(reader->timeline, conversions->events[i * 2 + 1], &named[i].length);
	if (conversions->event_count > 1)
		qsort(named, conversions->event_count, sizeof(Named), compare_named);
	return named;
}

/* Puts the conversions of an instant, each with the rows of its path. */
static SmkAttributionResult
list_conversions(SmkAttributionReader *reader, const SmkConversions *conversions)
{
	Listing *listing = reader->state;
	const CreditsState *state = listing->state;
	Named *named = named_conversions(reader, conversions);
	int count = 0;

	if (conversions->count > 0)
	{
		const uint128 *shares = reader->shares;

		if (conversions->count == 1)
			reader->shares[0] = SMK_SHARE_ONE;
		else if (state->model.kind < SMK_SUMMED_MODELS)
			shares =
				smk_attribution_timed_shares(reader, state->model.kind, conversions, state->base.half_life);
		else
			smk_attribution_shares(&state->model, touch_is_direct, NULL, conversions->path,
								   conversions->count, reader->weights, reader->shares);
		count = path_rows(reader, listing, conversions, shares);
	}
	for (int64 i = 0; i < conversions->event_count; i++)
	{
		const char *name = named[i].bytes + VALUE_SIZE;
		int length = named[i].length - (int) VALUE_SIZE;
		NamedValue value;
		SmkCredit whole = {0};

		CHECK_FOR_INTERRUPTS();
		memcpy(&value.units, named[i].bytes, sizeof(value.units));
		memcpy(&value.scale, named[i].bytes + sizeof(value.units), sizeof(value.scale));
		if (!smk_credit_add(&whole, SMK_SHARE_ONE, 1, value.units))
			return SMK_ATTRIBUTION_OVERFLOW;
		if (count == 0)
		{
			SmkCreditRow row = {.credit = whole};
			SmkCreditRow *order;

			smk_attribution_round(&row, 1, &order, &whole.value, Max(0, SMK_CENTS - value.scale));
			put_row(listing, &value, name, length, &row);
			continue;
		}
		for (int r = 0; r < count; r++)
		{
			CHECK_FOR_INTERRUPTS();
			memset(&listing->rows[r].credit, 0, sizeof(SmkCredit));
			if (!smk_credit_add(&listing->rows[r].credit, listing->shares[r], 1, value.units))
				return SMK_ATTRIBUTION_OVERFLOW;
		}
		smk_attribution_round(listing->rows, count, listing->order, &whole.value,
							  Max(0, SMK_CENTS - value.scale));
		for (int r = 0; r < count; r++)
		{
			CHECK_FOR_INTERRUPTS();
			if (listing->shares[r] > 0)
				put_row(listing, &value, name, length, &listing->rows[r]);
		}
	}
	pfree(named);
	return SMK_ATTRIBUTION_OK;
}

static const SmkAttributionVisitor listing_visitor = {NULL, list_conversions, NULL};

PG_FUNCTION_INFO_V1(smk_attribution_credits_finalfn);

/* The credits of a state as an array of rows; the state stays as it is but for the order of its events. */
Datum
smk_attribution_credits_finalfn(PG_FUNCTION_ARGS)
{
	CreditsState *state = PG_ARGISNULL(0) ? NULL : (CreditsState *) PG_GETARG_POINTER(0);
	Listing listing = {.state = state, .context = CurrentMemoryContext};
	SmkAttributionReader *reader;
	Oid element;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	listing.descriptor = lookup_rowtype_tupdesc(element, -1);
	listing.scratch = AllocSetContextCreate(CurrentMemoryContext, "a row of credits", ALLOCSET_SMALL_SIZES);
	reader = smk_timeline_call_data(fcinfo, sizeof(SmkAttributionReader));
	reader->visitor = &listing_visitor;
	reader->state = &listing;
	reader->lookback = state->base.lookback;
	smk_attribution_read_timeline(fcinfo, reader, &state->base.events.timeline);
	ReleaseTupleDesc(listing.descriptor);
	if (listing.array == NULL)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(element));
	PG_RETURN_DATUM(makeArrayResult(listing.array, CurrentMemoryContext));
}
