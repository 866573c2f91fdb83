/*
 * timeline_call.c: arguments of aggregates over timelines, and the ledgers that a call has.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "timeline/timeline_call.h"

/* The ledger of one context in which a function aggregates. */
typedef struct SmkTimelineSlot
{
	struct SmkTimelineSlot *next;
	MemoryContext context; /* NULL: free */
	SmkLedger *ledger;
	MemoryContextCallback reset; /* under a window */
} Slot;

/* The context of an aggregate's states; an error where the function is called by hand. */
MemoryContext
smk_timeline_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return context;
}

static SmkTimelineCall *
call_of(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SmkTimelineCall));
	return fcinfo->flinfo->fn_extra;
}

/* Makes room for what an aggregate keeps from row to row. */
void *
smk_timeline_new_call_data(FunctionCallInfo fcinfo, Size size)
{
	SmkTimelineCall *call = call_of(fcinfo);

	call->data = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, size);
	return call->data;
}

/* How the entity of a call is known, from the type of that argument. */
SmkKeyKind
smk_timeline_kind(FunctionCallInfo fcinfo, int argument)
{
	switch (get_fn_expr_argtype(fcinfo->flinfo, argument))
	{
		case INT8OID:
			return SMK_KEY_BIGINT;
		case UUIDOID:
			return SMK_KEY_UUID;
		case TEXTOID:
			return SMK_KEY_TEXT_KIND;
		default:
			elog(ERROR, "entity must be bigint, uuid or text");
			return SMK_KEY_BIGINT;
	}
}

/* True where an argument of an aggregate is written down in the query, and so the same for all rows. */
bool
smk_timeline_is_constant(FunctionCallInfo fcinfo, int argument)
{
	const Aggref *aggregate = AggGetAggref(fcinfo);
	const TargetEntry *entry;

	if (aggregate == NULL || argument > list_length(aggregate->args))
		return false;
	entry = list_nth_node(TargetEntry, aggregate->args, argument - 1);
	return IsA(entry->expr, Const);
}

/* The context is emptied: its ledger goes with it, but for the file. */
static void
slot_release(Datum state)
{
	Slot *slot = (Slot *) DatumGetPointer(state);

	if (slot->ledger != NULL)
		smk_ledger_close(slot->ledger);
	slot->ledger = NULL;
	slot->context = NULL;
}

static void
slot_release_window(void *state)
{
	slot_release(PointerGetDatum(state));
}

/*
 * The ledger of all groups that this function aggregates in its current context, made on first use. Within
 * the memory that hashing may take; under a window nothing is moved out, since a file could not be closed.
 */
static SmkLedger *
call_ledger(FunctionCallInfo fcinfo, SmkTimelineShape shape)
{
	SmkTimelineCall *call = call_of(fcinfo);
	MemoryContext context;
	int caller = AggCheckCallContext(fcinfo, &context);
	Slot *slot;

	if (!caller)
		elog(ERROR, "aggregate function called in non-aggregate context");
	for (slot = call->slots; slot != NULL; slot = slot->next)
		if (slot->context == context)
			return slot->ledger;
	for (slot = call->slots; slot != NULL && slot->context != NULL;)
		slot = slot->next;
	if (slot == NULL)
	{
		slot = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Slot));
		slot->next = call->slots;
		call->slots = slot;
	}
	slot->ledger =
		smk_ledger(context, shape, caller == AGG_CONTEXT_AGGREGATE ? (int64) get_hash_memory_limit() : 0);
	slot->context = context;
	if (caller == AGG_CONTEXT_AGGREGATE)
		AggRegisterCallback(fcinfo, slot_release, PointerGetDatum(slot));
	else
	{
		slot->reset.func = slot_release_window;
		slot->reset.arg = slot;
		MemoryContextRegisterResetCallback(context, &slot->reset);
	}
	return slot->ledger;
}

/* The state of a new group, zeroed but for its timeline. */
void *
smk_timeline_state(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo, SmkKeyKind kind)
{
	SmkLedger *ledger =
		call_ledger(fcinfo, (SmkTimelineShape){kind, aggregate->has_values, aggregate->name_bits,
											   aggregate->is_named_by_value, aggregate->is_ordered});
	SmkTimelineState *state = smk_ledger_alloc(ledger, aggregate->size);

	smk_timeline_init(&state->timeline, ledger);
	return state;
}

/* A state for another process: version, kind of keys, what it has besides events, the events. */
Datum
smk_timeline_serialfn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo)
{
	SmkTimelineState *state = (SmkTimelineState *) PG_GETARG_POINTER(0);
	StringInfoData out;

	(void) smk_timeline_context(fcinfo);
	pq_begintypsend(&out);
	pq_sendbyte(&out, aggregate->version);
	pq_sendbyte(&out, state->timeline.kind);
	if (aggregate->write != NULL)
		aggregate->write(state, &out);
	smk_timeline_write(&state->timeline, &out);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* A state as another process wrote it, which only combining understands; it points into the bytes. */
Datum
smk_timeline_deserialfn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo)
{
	bytea *data;
	SmkTimelineState *state;
	StringInfoData in;

	(void) smk_timeline_context(fcinfo);
	data = PG_GETARG_BYTEA_PP(0);
	state = palloc0(aggregate->size);
	in.data = (char *) VARDATA_ANY(data);
	in.len = in.maxlen = (int) VARSIZE_ANY_EXHDR(data);
	in.cursor = 0;
	if (pq_getmsgbyte(&in) != aggregate->version)
		elog(ERROR, "unknown version of a state of %s", aggregate->name);
	state->timeline.kind = pq_getmsgbyte(&in);
	if (state->timeline.kind > SMK_KEY_TEXT_KIND)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed run of events")));
	if (aggregate->read != NULL)
		aggregate->read(state, &in);
	state->written = (unsigned char *) in.data + in.cursor;
	state->written_size = in.len - in.cursor;
	PG_RETURN_POINTER(state);
}

/* Adds the events of the second state to the first, which is made where there is none. */
Datum
smk_timeline_combinefn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo)
{
	SmkTimelineState *state = PG_ARGISNULL(0) ? NULL : (SmkTimelineState *) PG_GETARG_POINTER(0);
	SmkTimelineState *other = PG_ARGISNULL(1) ? NULL : (SmkTimelineState *) PG_GETARG_POINTER(1);
	bool is_new = state == NULL;

	(void) smk_timeline_context(fcinfo);
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (is_new)
		state = smk_timeline_state(aggregate, fcinfo, other->timeline.kind);
	if (aggregate->join != NULL)
		aggregate->join(state, other, is_new);
	if (other->written != NULL)
		smk_timeline_add_written(&state->timeline, other->written, other->written_size);
	else
	{
		StringInfoData written;

		initStringInfo(&written);
		smk_timeline_write(&other->timeline, &written);
		smk_timeline_add_written(&state->timeline, (unsigned char *) written.data, written.len);
		pfree(written.data);
	}
	PG_RETURN_POINTER(state);
}

/* Raises the error for an argument that must not be NULL. */
void
smk_timeline_require_not_null(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

/* Raises the error for an argument that has changed. */
void
smk_timeline_constant_error(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"%s\" must be the same for all rows", name)));
}

/* Adds an event of an entity that is known by a uuid or a text; the value counts where events have one. */
void
smk_timeline_add_other(SmkTimeline *timeline, Datum entity, uint64 word, uint64 value)
{
	if (timeline->kind == SMK_KEY_UUID)
	{
		SmkKey key = smk_key_uuid(DatumGetUUIDP(entity)->data);
		uint64 *record = smk_timeline_next(timeline);

		record[0] = key.words[0];
		record[1] = key.words[1];
		record[2] = word;
		if (timeline->width > 3)
			record[3] = value;
	}
	else
	{
		text *key = DatumGetTextPP(entity);

		Assert(timeline->kind == SMK_KEY_TEXT_KIND);
		smk_timeline_add_text(timeline, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), word, value);
		if ((Pointer) key != DatumGetPointer(entity))
			pfree(key);
	}
}

/* The length of a window in microseconds: positive, and of a fixed length. */
int64
smk_timeline_window(const Interval *within, const char *name)
{
	int64 days;
	int64 length;

	if (within->month != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must not have months or years, or be infinite", name),
			 errhint("A month has no fixed length: give days and hours, for example interval '30 days'.")));
	if (pg_mul_s64_overflow(within->day, USECS_PER_DAY, &days) ||
		pg_add_s64_overflow(days, within->time, &length) || length > 2 * SMK_WORD_MAX_TIME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" is too long", name),
						errdetail("It may have up to 9,000 years.")));
	if (length <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" must be positive", name)));
	return length;
}

/* A window as a message tells it. */
char *
smk_timeline_window_text(int64 window)
{
	Interval interval = {.time = window};

	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&interval)));
}

/* Reads an amount; NULL is none. */
SmkMoney
smk_timeline_amount(FunctionCallInfo fcinfo, int argument, const char *name)
{
	SmkMoney money = {0};
	struct varlena *stored;

	if (PG_ARGISNULL(argument))
		return money;
	stored = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(argument));
	switch (
		smk_money_of_numeric(&money, (unsigned char *) VARDATA_ANY(stored), (int) VARSIZE_ANY_EXHDR(stored)))
	{
		case SMK_MONEY_OK:
			break;
		case SMK_MONEY_SPECIAL:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("argument \"%s\" must not be NaN or infinite", name),
							errhint("Leave such rows out with FILTER (WHERE ...).")));
		case SMK_MONEY_OVERFLOW:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("argument \"%s\" has too many digits", name),
							errdetail("Amounts may have up to 38 digits.")));
	}
	return money;
}

/* Raises the error for a time that has no room in a word. */
void
smk_timeline_time_error(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("an event must not have an infinite time"),
						errhint("Leave such rows out with FILTER (WHERE isfinite(at)).")));
	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("time of an event out of range: %s", timestamptz_to_str(at)),
					errdetail("Times lie within 4,500 years of 2000.")));
}
