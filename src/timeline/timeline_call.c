/*
 * timeline_call.c: arguments of aggregates over timelines, and the ledgers that a call has.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "timeline/timeline_call.h"

/* The ledger of one context in which a function aggregates. */
typedef struct Slot
{
	struct Slot *next;
	MemoryContext context; /* NULL: free */
	SmkLedger *ledger;
	MemoryContextCallback reset; /* under a window */
} Slot;

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
SmkLedger *
smk_timeline_ledger(FunctionCallInfo fcinfo, SmkKeyKind kind)
{
	MemoryContext context;
	int caller = AggCheckCallContext(fcinfo, &context);
	Slot *slot;

	if (!caller)
		elog(ERROR, "aggregate function called in non-aggregate context");
	for (slot = fcinfo->flinfo->fn_extra; slot != NULL; slot = slot->next)
		if (slot->context == context)
			return slot->ledger;
	for (slot = fcinfo->flinfo->fn_extra; slot != NULL && slot->context != NULL;)
		slot = slot->next;
	if (slot == NULL)
	{
		slot = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Slot));
		slot->next = fcinfo->flinfo->fn_extra;
		fcinfo->flinfo->fn_extra = slot;
	}
	slot->ledger =
		smk_ledger(context, kind, caller == AGG_CONTEXT_AGGREGATE ? (int64) get_hash_memory_limit() : 0);
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

/* Adds an event of an entity. */
void
smk_timeline_add_datum(SmkTimeline *timeline, Datum entity, uint64 word)
{
	switch (timeline->kind)
	{
		case SMK_KEY_BIGINT:
			smk_timeline_add_bigint(timeline, DatumGetInt64(entity), word);
			break;
		case SMK_KEY_UUID:
			smk_timeline_add_uuid(timeline, DatumGetUUIDP(entity)->data, word);
			break;
		case SMK_KEY_TEXT_KIND:
		{
			text *key = DatumGetTextPP(entity);

			smk_timeline_add_text(timeline, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), word);
			if ((Pointer) key != DatumGetPointer(entity))
				pfree(key);
			break;
		}
	}
}

/* The length of a window in microseconds: positive, and of a fixed length. */
int64
smk_timeline_window(const Interval *within)
{
	int64 days;
	int64 length;

	if (within->month != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"within\" must not have months or years, or be infinite"),
			 errhint("A month has no fixed length: give days and hours, for example interval '30 days'.")));
	days = (int64) within->day * USECS_PER_DAY;
	if (pg_add_s64_overflow(days, within->time, &length) || length > 2 * SMK_WORD_MAX_TIME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"within\" is too long")));
	if (length <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"within\" must be positive")));
	return length;
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
