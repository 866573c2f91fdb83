/*
 * timeline_call.h: what the aggregates over timelines have in common: arguments, and the ledger of a call.
 */
#ifndef SMK_TIMELINE_CALL_H
#define SMK_TIMELINE_CALL_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "smarketing.h"
#include "timeline/money.h"
#include "timeline/timeline.h"

/* What a function keeps from one call to the next, for each use of it in a query. */
typedef struct SmkTimelineCall
{
	struct SmkTimelineSlot *slots; /* the ledgers */
	void *data;					   /* what the aggregate itself keeps */
} SmkTimelineCall;

/* What an aggregate over timelines keeps for a group, at the beginning of its own state. */
typedef struct SmkTimelineState
{
	SmkTimeline timeline; /* of this process; of another one only the kind, and */
	const unsigned char *written;
	int64 written_size;
} SmkTimelineState;

/* An aggregate over timelines, by what its state has besides events; functions may be NULL. */
typedef struct SmkTimelineAggregate
{
	const char *name;
	int version; /* of what one process hands to another */
	Size size;	 /* of a state, which begins with an SmkTimelineState */
	bool has_values;
	int name_bits;
	bool is_named_by_value;
	bool is_ordered; /* entities are read in the order of their keys, which are numbers */
	void (*write)(const void *state, StringInfo out);
	void (*read)(void *state, StringInfo in);
	/* Takes what another state has to a new one, or to one that must have been made alike: else an error. */
	void (*join)(void *state, const void *other, bool is_new);
} SmkTimelineAggregate;

extern MemoryContext smk_timeline_context(FunctionCallInfo fcinfo);
extern void *smk_timeline_new_call_data(FunctionCallInfo fcinfo, Size size);
extern SmkKeyKind smk_timeline_kind(FunctionCallInfo fcinfo, int argument);
extern bool smk_timeline_is_constant(FunctionCallInfo fcinfo, int argument);
extern void *smk_timeline_state(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo,
								SmkKeyKind kind);
extern Datum smk_timeline_serialfn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo);
extern Datum smk_timeline_deserialfn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo);
extern Datum smk_timeline_combinefn(const SmkTimelineAggregate *aggregate, FunctionCallInfo fcinfo);
extern void smk_timeline_add_other(SmkTimeline *timeline, Datum entity, uint64 word, uint64 value);
extern int64 smk_timeline_window(const Interval *within, const char *name);
extern char *smk_timeline_window_text(int64 window);
extern SmkMoney smk_timeline_amount(FunctionCallInfo fcinfo, int argument, const char *name);
extern void smk_timeline_require_not_null(FunctionCallInfo fcinfo, int argument, const char *name);
pg_noreturn extern void smk_timeline_constant_error(const char *name);
pg_noreturn extern void smk_timeline_time_error(TimestampTz at);

/* Room for what an aggregate keeps from row to row, zeroed on its first call. */
static inline void *
smk_timeline_call_data(FunctionCallInfo fcinfo, Size size)
{
	SmkTimelineCall *call = fcinfo->flinfo->fn_extra;

	return likely(call != NULL && call->data != NULL) ? call->data : smk_timeline_new_call_data(fcinfo, size);
}

/* Raises the error for an argument that is not the same for all rows. */
static inline void
smk_timeline_require_constant(bool is_same, const char *name)
{
	if (unlikely(!is_same))
		smk_timeline_constant_error(name);
}

/* The word of an event. An infinite time, or one that has no room in a word, is an error. */
static inline uint64
smk_timeline_word(TimestampTz at, unsigned code)
{
	if (unlikely(at > SMK_WORD_MAX_TIME || at < -SMK_WORD_MAX_TIME))
		smk_timeline_time_error(at);
	return smk_word(at, code);
}

/* A text that is an argument; mostly it lies there as it is. */
static inline const text *
smk_timeline_text(FunctionCallInfo fcinfo, int argument)
{
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(argument);

	if (unlikely(VARATT_IS_COMPRESSED(value) || VARATT_IS_EXTERNAL(value)))
		value = pg_detoast_datum_packed(value);
	return (const text *) value;
}

/* True where a text is a name of that length. */
static inline bool
smk_text_is(const text *value, const char *name, int length)
{
	return (int) VARSIZE_ANY_EXHDR(value) == length && memcmp(VARDATA_ANY(value), name, length) == 0;
}

/* A name that is written down, and how long it is. */
#define SMK_NAME(text) (text), (int) sizeof(text) - 1

/* Adds an event of an entity. */
static inline void
smk_timeline_add_datum(SmkTimeline *timeline, Datum entity, uint64 word)
{
	if (likely(timeline->kind == SMK_KEY_BIGINT))
		smk_timeline_add_bigint(timeline, DatumGetInt64(entity), word);
	else
		smk_timeline_add_other(timeline, entity, word, 0);
}

/* Adds an event that has a value. */
static inline void
smk_timeline_add_valued(SmkTimeline *timeline, Datum entity, uint64 word, uint64 value)
{
	if (likely(timeline->kind == SMK_KEY_BIGINT))
		smk_timeline_add_event(timeline, DatumGetInt64(entity), word, value, 3);
	else
		smk_timeline_add_other(timeline, entity, word, value);
}

/* The functions of an aggregate that hand its states from process to process: prefix_serialfn and so on. */
#define SMK_TIMELINE_FUNCTIONS(prefix, aggregate)                                                            \
	SMK_FUNCTION(prefix##_serialfn, smk_timeline_serialfn(&aggregate, fcinfo))                               \
	SMK_FUNCTION(prefix##_deserialfn, smk_timeline_deserialfn(&aggregate, fcinfo))                           \
	SMK_FUNCTION(prefix##_combinefn, smk_timeline_combinefn(&aggregate, fcinfo))

#endif
