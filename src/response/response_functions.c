/*
 * response_functions.c: the aggregate response, the type response_summary, and responses.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "calendar/business.h"
#include "compat.h"
#include "response/response.h"
#include "row.h"
#include "timeline/summary_call.h"
#include "timeline/timeline_call.h"

/* Where the arguments of the transition function stand. */
enum
{
	ARGUMENT_ENTITY = 1,
	ARGUMENT_EVENT,
	ARGUMENT_AT,
	ARGUMENT_WITHIN,
	ARGUMENT_CALENDAR
};

/* The state of response: events and how they are to be read. */
typedef struct ResponseState
{
	SmkTimelineState base;
	int64 within;
	const char *calendar; /* its name, not terminated; NULL: every hour counts */
	int calendar_length;
} ResponseState;

/* The limit of the last row, as it was given and in microseconds. */
typedef struct ResponseCall
{
	bool is_known;
	bool is_constant; /* with the calendar, of every row */
	Interval given;
	int64 within;
} ResponseCall;

/* What a state has besides events, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const ResponseState *response = state;

	pq_sendint64(out, response->within);
	pq_sendint32(out, response->calendar ? response->calendar_length : -1);
	if (response->calendar)
		pq_sendbytes(out, response->calendar, response->calendar_length);
}

static void
state_read(void *state, StringInfo in)
{
	ResponseState *response = state;
	int length;

	response->within = pq_getmsgint64(in);
	length = (int) pq_getmsgint(in, 4);
	response->calendar_length = Max(length, 0);
	if (length >= 0)
		response->calendar = pq_getmsgbytes(in, length);
}

/* Gives a new state its limit and its calendar, whose name is copied. */
static void
state_start(ResponseState *state, int64 within, const char *calendar, int calendar_length)
{
	state->within = within;
	if (calendar != NULL)
	{
		char *name = smk_ledger_alloc(state->base.timeline.ledger, calendar_length + 1);

		memcpy(name, calendar, calendar_length);
		state->calendar = name;
		state->calendar_length = calendar_length;
	}
}

/* Raises an error where a limit or a calendar are not those of the state. */
static inline void
require_same(const ResponseState *state, int64 within, const char *calendar, int calendar_length)
{
	smk_timeline_require_constant(state->within == within, "within");
	smk_timeline_require_constant(
		(state->calendar == NULL) == (calendar == NULL) &&
			(calendar == NULL || (state->calendar_length == calendar_length &&
								  memcmp(state->calendar, calendar, calendar_length) == 0)),
		"calendar");
}

static void
state_join(void *state, const void *other, bool is_new)
{
	ResponseState *response = state;
	const ResponseState *more = other;

	if (is_new)
		state_start(response, more->within, more->calendar, more->calendar_length);
	require_same(response, more->within, more->calendar, more->calendar_length);
}

static const SmkTimelineAggregate response_aggregate = {.name = "response",
														.version = 1,
														.size = sizeof(ResponseState),
														.write = state_write,
														.read = state_read,
														.join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_response, response_aggregate)

/* Reads the limit of a row. */
static void
read_within(FunctionCallInfo fcinfo, ResponseCall *call)
{
	call->is_known = false;
	smk_timeline_require_not_null(fcinfo, ARGUMENT_WITHIN, "within");
	call->given = *PG_GETARG_INTERVAL_P(ARGUMENT_WITHIN);
	call->within = smk_timeline_window(&call->given, "within");
	call->is_constant = smk_timeline_is_constant(fcinfo, ARGUMENT_WITHIN) &&
						smk_timeline_is_constant(fcinfo, ARGUMENT_CALENDAR);
	call->is_known = true;
}

/* The state of a group, made on its first row; sees that limit and calendar do not change. */
static pg_attribute_always_inline ResponseState *
response_state(FunctionCallInfo fcinfo)
{
	ResponseState *state = PG_ARGISNULL(0) ? NULL : (ResponseState *) PG_GETARG_POINTER(0);
	ResponseCall *call = smk_timeline_call_data(fcinfo, sizeof(ResponseCall));
	const text *calendar;
	const char *name = NULL;
	int length = 0;

	if (likely(state != NULL && call->is_constant))
		return state;
	if (unlikely(!call->is_known || PG_ARGISNULL(ARGUMENT_WITHIN) ||
				 memcmp(&call->given, PG_GETARG_INTERVAL_P(ARGUMENT_WITHIN), sizeof(Interval)) != 0))
		read_within(fcinfo, call);
	if (!PG_ARGISNULL(ARGUMENT_CALENDAR))
	{
		calendar = smk_timeline_text(fcinfo, ARGUMENT_CALENDAR);
		name = VARDATA_ANY(calendar);
		length = (int) VARSIZE_ANY_EXHDR(calendar);
	}
	if (unlikely(state == NULL))
	{
		state = smk_timeline_state(&response_aggregate, fcinfo, smk_timeline_kind(fcinfo, ARGUMENT_ENTITY));
		state_start(state, call->within, name, length);
	}
	require_same(state, call->within, name, length);
	return state;
}

/* The code of an event; false where it is none of them. */
static inline bool
event_code(const text *event, SmkResponseCode *code)
{
	if (smk_text_is(event, SMK_NAME("trigger")))
		*code = SMK_RESPONSE_TRIGGER;
	else if (smk_text_is(event, SMK_NAME("answer")))
		*code = SMK_RESPONSE_ANSWER;
	else if (smk_text_is(event, SMK_NAME("stop")))
		*code = SMK_RESPONSE_STOP;
	else
		return false;
	return true;
}

PG_FUNCTION_INFO_V1(smk_response_transfn);

/*
 * Transition of response: (state, entity, event, at, within, calendar). Rows without entity, event or time
 * are skipped, and other events.
 */
Datum
smk_response_transfn(PG_FUNCTION_ARGS)
{
	ResponseState *state = response_state(fcinfo);
	SmkResponseCode code;

	if (!PG_ARGISNULL(ARGUMENT_ENTITY) && !PG_ARGISNULL(ARGUMENT_EVENT) && !PG_ARGISNULL(ARGUMENT_AT) &&
		event_code(smk_timeline_text(fcinfo, ARGUMENT_EVENT), &code))
		smk_timeline_add_datum(&state->base.timeline, PG_GETARG_DATUM(ARGUMENT_ENTITY),
							   smk_timeline_word(PG_GETARG_TIMESTAMPTZ(ARGUMENT_AT), code));
	PG_RETURN_POINTER(state);
}

static void
visit_entity(void *reader, const SmkKey *key, uint64 *words, int64 count)
{
	(void) key;
	smk_response_add(reader, words, count);
}

static bool
type_read(void *summary, const unsigned char *data, int64 size)
{
	const SmkResponseSummary *read = summary;

	/* The name becomes a text. */
	return smk_response_read(summary, data, size) &&
		   (read->calendar == NULL ||
			pg_verify_mbstr(GetDatabaseEncoding(), read->calendar, read->calendar_length, true));
}

static void
type_write(const void *summary, StringInfo out)
{
	smk_response_write(summary, out);
}

static void
type_start(void *summary, const void *like)
{
	const SmkResponseSummary *other = like;
	char *name = other->calendar ? pnstrdup(other->calendar, other->calendar_length) : NULL;

	smk_response_init(summary, other->within, name, other->calendar_length);
}

/* What counts in a summary, as a message tells it. */
static char *
calendar_text(const SmkResponseSummary *summary)
{
	if (summary->calendar == NULL)
		return pstrdup("every hour");
	return psprintf("the hours of calendar \"%.*s\"", summary->calendar_length, summary->calendar);
}

static const char *
type_difference(const void *a, const void *b, char **detail)
{
	const SmkResponseSummary *one = a;
	const SmkResponseSummary *other = b;

	if (one->within != other->within)
	{
		*detail = psprintf("One has a limit of %s, the other of %s.", smk_timeline_window_text(one->within),
						   smk_timeline_window_text(other->within));
		return "limits";
	}
	if (!smk_response_same_calendar(one, other))
	{
		*detail = psprintf("One counts %s, the other %s.", calendar_text(one), calendar_text(other));
		return "calendars";
	}
	return NULL;
}

static bool
type_merge(void *into, const void *other)
{
	return smk_response_merge(into, other);
}

static const SmkSummaryType response_summary = {
	"response_summary", sizeof(SmkResponseSummary), type_read, type_write, type_start, type_difference,
	type_merge};

/* A calendar that a query has read. */
typedef struct ResponseCalendar
{
	struct ResponseCalendar *next;
	char *name;
	int length;
	SmkCalendar *hours;
} ResponseCalendar;

/* The hours of the calendar of a state, which is read once for a use of the function; NULL where it has none.
 */
static const SmkCalendar *
state_hours(FunctionCallInfo fcinfo, const ResponseState *state)
{
	ResponseCalendar **known;
	ResponseCalendar *calendar;

	if (state->calendar == NULL)
		return NULL;
	known = smk_timeline_call_data(fcinfo, sizeof(ResponseCalendar *));
	for (calendar = *known; calendar != NULL; calendar = calendar->next)
		if (calendar->length == state->calendar_length &&
			memcmp(calendar->name, state->calendar, calendar->length) == 0)
			return calendar->hours;
	calendar = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ResponseCalendar));
	calendar->name = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, state->calendar_length + 1);
	memcpy(calendar->name, state->calendar, state->calendar_length);
	calendar->length = state->calendar_length;
	calendar->hours = smk_calendar_load(calendar->name, fcinfo->flinfo->fn_mcxt);
	calendar->next = *known;
	*known = calendar;
	return calendar->hours;
}

PG_FUNCTION_INFO_V1(smk_response_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_response_finalfn(PG_FUNCTION_ARGS)
{
	ResponseState *state = PG_ARGISNULL(0) ? NULL : (ResponseState *) PG_GETARG_POINTER(0);
	SmkResponseSummary *summary;
	SmkResponseReader reader;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	summary = palloc(sizeof(SmkResponseSummary));
	smk_response_init(summary, state->within, state->calendar, state->calendar_length);
	reader = (SmkResponseReader){summary, state_hours(fcinfo, state)};
	smk_timeline_read(&state->base.timeline, visit_entity, &reader);
	return smk_summary_datum(&response_summary, summary);
}

SMK_SUMMARY_FUNCTIONS(smk_response, response_summary)

SMK_ROW_TYPE(responses_row, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, FLOAT8OID,
			 FLOAT8OID);

PG_FUNCTION_INFO_V1(smk_responses);

/* responses(summary, as_of): one row, none of no summary. */
Datum
smk_responses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkResponseSummary *summary;
	SmkResponseCounts counts;
	int64 over;
	Datum values[9] = {0};
	bool nulls[9] = {false};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	summary = smk_summary_argument(&response_summary, fcinfo, 0);
	counts = smk_response_counts(
		summary, smk_summary_as_of(fcinfo, 1, summary->is_empty, summary->last,
								   "Leave later events out: response(...) FILTER (WHERE at <= as_of)."));
	values[0] = Int64GetDatum(counts.triggers);
	values[1] = Int64GetDatum(counts.answered);
	values[2] = Int64GetDatum(counts.in_time);
	values[3] = Int64GetDatum(counts.late);
	values[4] = Int64GetDatum(counts.unanswered);
	values[5] = Int64GetDatum(counts.running);
	over = counts.in_time + counts.late + counts.unanswered;
	nulls[6] = over == 0;
	if (over > 0)
		values[6] = Float8GetDatum((double) counts.in_time / (double) over);
	for (int q = 0; q < 2; q++)
	{
		double micros;

		nulls[7 + q] = !smk_sketch_quantile(&summary->answered, q ? 0.9 : 0.5, &micros);
		if (!nulls[7 + q])
			values[7 + q] = Float8GetDatum(micros / USECS_PER_HOUR);
	}
	smk_row_put(&responses_row, rsinfo, values, nulls);
	return (Datum) 0;
}
