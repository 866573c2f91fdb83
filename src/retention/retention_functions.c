/*
 * retention_functions.c: the aggregates retention, the type retention_summary, cohorts and movements.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "calendar/calendar.h"
#include "compat.h"
#include "retention/retention.h"
#include "row.h"
#include "timeline/money.h"
#include "timeline/summary_call.h"
#include "timeline/timeline_call.h"

/* The ten thousand million millions that a value has room for. */
#define VALUE_LIMIT INT64CONST(10000000000000000)
/* So many starts of periods are kept with their numbers. */
#define KNOWN_DATES 256

/* The state of a group. */
typedef struct RetentionState
{
	SmkTimelineState base;
	SmkRetentionForm form;
	int reading; /* of the arguments, from which the form is */
	bool is_empty;
	int scale; /* the largest of an amount */
	int first; /* the first and the last period in which a span begins, the last one in which one ends */
	int last;
	int end;
} RetentionState;

/* The closes of a period and those that follow, where events count for some time. */
typedef struct KnownClose
{
	int period; /* the key */
	bool is_range;
	TimestampTz lower; /* the first instant of the period, */
	TimestampTz upper; /* and that of the next one */
	TimestampTz since; /* what is before it does not count at the close of the period */
	int least;		   /* the first close at which the first instant of the period does not count, */
	int most;		   /* and the first one at which the last instant does not */
} KnownClose;

/* What the aggregate keeps from row to row. */
typedef struct RetentionCall
{
	int reading; /* how often arguments were read; 0: not yet */
	char *period;
	int period_length;
	char *zone_name;
	int zone_length;
	bool has_within;
	Interval within;
	SmkRetentionForm form;
	SmkZone zone;
	SmkBucket bucket;
	int closing; /* the period that closes at the time of the form */
	DateADT dates[KNOWN_DATES];
	int numbers[KNOWN_DATES];
	HTAB *closes; /* KnownClose by period */
} RetentionCall;

/* Where the arguments of a form stand; 0: it has none. */
typedef struct RetentionArguments
{
	int period;
	int time_zone;
	int within;
	int as_of;
} RetentionArguments;

static const RetentionArguments events = {5, 6, 0, 0};
static const RetentionArguments events_within = {5, 6, 7, 0};
static const RetentionArguments events_as_of = {5, 6, 7, 8};
static const RetentionArguments subscriptions = {6, 7, 0, 8};

/* True where a text is the one before. */
static inline bool
text_is(const text *value, const char *last, int length)
{
	return (int) VARSIZE_ANY_EXHDR(value) == length && memcmp(VARDATA_ANY(value), last, length) == 0;
}

/* Keeps a text for the rows to come. */
static void
keep_text(FunctionCallInfo fcinfo, const text *value, char **last, int *length)
{
	if (*last != NULL)
		pfree(*last);
	*length = (int) VARSIZE_ANY_EXHDR(value);
	*last = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, *length + 1);
	memcpy(*last, VARDATA_ANY(value), *length);
	(*last)[*length] = '\0';
}

/* Reads how long an event counts. */
static void
read_within(RetentionCall *call, const Interval *within)
{
	/* Signs may differ: what counts is that the whole lies in the past of any close. */
	int128 micros = ((int128) within->month * DAYS_PER_MONTH + within->day) * USECS_PER_DAY + within->time;

	if (micros <= 0 || micros > 2 * (int128) SMK_WORD_MAX_TIME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"active_within\" must be positive, and not infinite"),
						errhint("For example interval '12 months'.")));
	call->within = *within;
	call->form.months = within->month;
	call->form.days = within->day;
	call->form.micros = within->time;
}

/*
 * The period of an argument. A fiscal one may be followed by the month in which its years begin, as in
 * 'fiscal_year 4'.
 */
static SmkPeriod
read_period(const char *text, uint8 *first_month)
{
	const char *blank = strchr(text, ' ');
	SmkPeriod period;
	int month = 1;

	if (blank != NULL && strlen(blank + 1) <= 2 && strspn(blank + 1, "0123456789") == strlen(blank + 1) &&
		strlen(blank + 1) > 0)
	{
		period = smk_period_lookup(pnstrdup(text, blank - text));
		month = atoi(blank + 1);
		smk_period_check_first_month(month);
		if (period != SMK_FISCAL_QUARTER && period != SMK_FISCAL_YEAR)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("a first month goes only with a fiscal period, not with \"%s\"", text)));
	}
	else
		period = smk_period_lookup(text);
	*first_month = period == SMK_FISCAL_QUARTER || period == SMK_FISCAL_YEAR ? (uint8) month : 0;
	return period;
}

/* The period that closes at the time of a form. */
static int
last_period(const SmkRetentionForm *form, const SmkZone *zone)
{
	SmkPeriod period = (SmkPeriod) form->period;

	return smk_period_number(
		period,
		smk_period_start_of_date(period, smk_zone_local_date(zone, form->as_of - 1), form->first_month),
		form->first_month);
}

/* Reads the arguments that are the same for all rows. */
static void
read_arguments(FunctionCallInfo fcinfo, RetentionCall *call, const RetentionArguments *at)
{
	int reading = call->reading + 1;
	SmkPeriod period;

	call->reading = 0;
	memset(&call->form, 0, sizeof(call->form));
	smk_timeline_require_not_null(fcinfo, at->period, "period");
	smk_timeline_require_not_null(fcinfo, at->time_zone, "time_zone");
	keep_text(fcinfo, PG_GETARG_TEXT_PP(at->period), &call->period, &call->period_length);
	keep_text(fcinfo, PG_GETARG_TEXT_PP(at->time_zone), &call->zone_name, &call->zone_length);
	period = read_period(call->period, &call->form.first_month);
	smk_zone_init(&call->zone, call->zone_name);
	call->form.period = (uint8) period;
	StaticAssertStmt(SMK_RETENTION_ZONE > TZ_STRLEN_MAX, "no room for the name of a zone");
	strlcpy(call->form.zone, call->zone.name, sizeof(call->form.zone));
	/* Up to a time, events may count in their own period only. */
	call->has_within = at->within && !(at->as_of && PG_ARGISNULL(at->within));
	if (call->has_within)
	{
		smk_timeline_require_not_null(fcinfo, at->within, "active_within");
		read_within(call, PG_GETARG_INTERVAL_P(at->within));
	}
	if (at->as_of)
	{
		smk_timeline_require_not_null(fcinfo, at->as_of, "as_of");
		call->form.is_subscription = at->within == 0;
		call->form.has_as_of = true;
		call->form.as_of = PG_GETARG_TIMESTAMPTZ(at->as_of);
		(void) smk_timeline_word(call->form.as_of, 0);
	}
	if (call->bucket.context == NULL)
		smk_bucket_init(&call->bucket, fcinfo->flinfo->fn_mcxt);
	call->bucket.zone = call->zone;
	smk_bucket_set(&call->bucket, period, Max(call->form.first_month, 1), false);
	call->closing = call->form.has_as_of ? last_period(&call->form, &call->zone) : PG_INT32_MAX;
	for (int i = 0; i < KNOWN_DATES; i++)
		call->dates[i] = DATEVAL_NOEND;
	if (call->closes != NULL)
		hash_destroy(call->closes);
	call->closes = NULL;
	call->reading = reading;
}

/* Raises the error for the argument in which two forms differ. */
static void
require_same_form(const SmkRetentionForm *a, const SmkRetentionForm *b)
{
	smk_timeline_require_constant(a->period == b->period && a->first_month == b->first_month, "period");
	smk_timeline_require_constant(strcmp(a->zone, b->zone) == 0, "time_zone");
	smk_timeline_require_constant(a->months == b->months && a->days == b->days && a->micros == b->micros,
								  "active_within");
	smk_timeline_require_constant(a->has_as_of == b->has_as_of && a->as_of == b->as_of, "as_of");
}

/* What a state has besides spans, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const RetentionState *spans = state;

	pq_sendbytes(out, (const char *) &spans->form, sizeof(spans->form));
	pq_sendbyte(out, spans->is_empty);
	pq_sendint32(out, spans->scale);
	pq_sendint32(out, spans->first);
	pq_sendint32(out, spans->last);
	pq_sendint32(out, spans->end);
}

static void
state_read(void *state, StringInfo in)
{
	RetentionState *spans = state;

	pq_copymsgbytes(in, (char *) &spans->form, sizeof(spans->form));
	spans->is_empty = pq_getmsgbyte(in);
	spans->scale = (int) pq_getmsgint(in, 4);
	spans->first = (int) pq_getmsgint(in, 4);
	spans->last = (int) pq_getmsgint(in, 4);
	spans->end = (int) pq_getmsgint(in, 4);
}

static void
state_join(void *state, const void *other, bool is_new)
{
	RetentionState *spans = state;
	const RetentionState *more = other;

	if (is_new)
	{
		spans->form = more->form;
		spans->is_empty = true;
	}
	require_same_form(&spans->form, &more->form);
	if (!more->is_empty)
	{
		bool is_empty = spans->is_empty;

		spans->first = is_empty ? more->first : Min(spans->first, more->first);
		spans->last = is_empty ? more->last : Max(spans->last, more->last);
		spans->end = is_empty ? more->end : Max(spans->end, more->end);
		spans->is_empty = false;
	}
	spans->scale = Max(spans->scale, more->scale);
}

static const SmkTimelineAggregate retention_aggregate = {.name = "retention",
														 .version = 2,
														 .size = sizeof(RetentionState),
														 .has_values = true,
														 .name_bits = SMK_SPAN_PRODUCT_BITS,
														 .write = state_write,
														 .read = state_read,
														 .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_retention, retention_aggregate)

/* The state of a group, made on its first row; sees that what is no span does not change. */
static pg_attribute_always_inline RetentionState *
retention_state(FunctionCallInfo fcinfo, RetentionCall **data, const RetentionArguments *at)
{
	RetentionState *state = PG_ARGISNULL(0) ? NULL : (RetentionState *) PG_GETARG_POINTER(0);
	RetentionCall *call = smk_timeline_call_data(fcinfo, sizeof(RetentionCall));

	*data = call;
	if (unlikely(
			call->reading == 0 || PG_ARGISNULL(at->period) || PG_ARGISNULL(at->time_zone) ||
			!text_is(PG_GETARG_TEXT_PP(at->period), call->period, call->period_length) ||
			!text_is(PG_GETARG_TEXT_PP(at->time_zone), call->zone_name, call->zone_length) ||
			(at->within && (PG_ARGISNULL(at->within)
								? call->has_within || at->as_of == 0
								: !call->has_within || memcmp(PG_GETARG_INTERVAL_P(at->within), &call->within,
															  sizeof(Interval)) != 0)) ||
			(at->as_of && (PG_ARGISNULL(at->as_of) || PG_GETARG_TIMESTAMPTZ(at->as_of) != call->form.as_of))))
		read_arguments(fcinfo, call, at);
	if (unlikely(state == NULL))
	{
		state = smk_timeline_state(&retention_aggregate, fcinfo, smk_timeline_kind(fcinfo, 1));
		state->form = call->form;
		state->is_empty = true;
	}
	else if (unlikely(state->reading != call->reading))
		require_same_form(&state->form, &call->form);
	state->reading = call->reading;
	return state;
}

/* The number of the period of an instant. */
static inline int
period_of(RetentionCall *call, TimestampTz at)
{
	DateADT date = smk_bucket_date(&call->bucket, at);
	int slot = (uint32) date % KNOWN_DATES;

	if (unlikely(call->dates[slot] != date))
	{
		call->numbers[slot] = smk_period_number((SmkPeriod) call->form.period, date, call->form.first_month);
		call->dates[slot] = date;
	}
	return call->numbers[slot];
}

/* The first date after the period of a number. */
static DateADT
period_close_date(const RetentionCall *call, int period)
{
	return smk_period_of_number((SmkPeriod) call->form.period, period + 1, call->form.first_month);
}

static KnownClose *
known_close(FunctionCallInfo fcinfo, RetentionCall *call, int period)
{
	KnownClose *close;
	bool found;

	if (call->closes == NULL)
	{
		HASHCTL control = {0};

		control.keysize = sizeof(int);
		control.entrysize = sizeof(KnownClose);
		control.hcxt = fcinfo->flinfo->fn_mcxt;
		call->closes = hash_create("closes of periods", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	close = hash_search(call->closes, &period, HASH_ENTER, &found);
	if (!found)
	{
		DateADT date = period < call->closing ? period_close_date(call, period)
											  : smk_zone_local_date(&call->zone, call->form.as_of);
		Timestamp local;

		/* Entered whole: what follows may raise an error. */
		close->is_range = false;
		close->since = DT_NOBEGIN;
		/* As of a date is at the close of the period that ends with it. */
		local = period < call->closing || call->form.as_of == smk_zone_first_instant(&call->zone, date)
					? (Timestamp) date * USECS_PER_DAY
					: DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone,
															CStringGetTextDatum(call->zone.name),
															TimestampTzGetDatum(call->form.as_of)));
		local = DatumGetTimestamp(DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(local),
													  IntervalPGetDatum(&call->within)));
		/* The first instant of a local date, where it is one: as the close of a period is. */
		close->since =
			local % USECS_PER_DAY == 0
				? smk_zone_first_instant(&call->zone, (DateADT) (local / USECS_PER_DAY))
				: DatumGetTimestampTz(DirectFunctionCall2(
					  timestamp_zone, CStringGetTextDatum(call->zone.name), TimestampGetDatum(local)));
	}
	return close;
}

/* The first close from one on at which an instant does not count; at most so many periods on. */
static int
first_without(FunctionCallInfo fcinfo, RetentionCall *call, int from, TimestampTz at)
{
	int period = from;

	/* Nothing ends after the last close. */
	if (call->form.has_as_of && known_close(fcinfo, call, call->closing)->since <= at)
		return from + SMK_RETENTION_MAX_PERIODS;
	while (period - from < SMK_RETENTION_MAX_PERIODS && known_close(fcinfo, call, period)->since <= at)
	{
		CHECK_FOR_INTERRUPTS();
		period++;
	}
	return period;
}

/* For how many closes an event counts, from that of its own period on. */
static int
event_length(FunctionCallInfo fcinfo, RetentionCall *call, int period, TimestampTz at)
{
	KnownClose *close = known_close(fcinfo, call, period);

	if (!close->is_range)
	{
		TimestampTz lower = smk_zone_first_instant(
			&call->zone, smk_period_of_number((SmkPeriod) call->form.period, period, call->form.first_month));
		TimestampTz upper = smk_zone_first_instant(&call->zone, period_close_date(call, period));
		int least;
		int most;

		least = first_without(fcinfo, call, period, lower);
		most = first_without(fcinfo, call, least, upper - 1);
		/* The table may have moved it. */
		close = known_close(fcinfo, call, period);
		close->lower = lower;
		close->upper = upper;
		close->least = least;
		close->most = Min(most, period + SMK_RETENTION_MAX_PERIODS);
		close->is_range = true;
	}
	/* Where clocks went back over midnight, an instant may lie outside of the period of its date. */
	if (at < close->lower || at >= close->upper)
		return first_without(fcinfo, call, period, at) - period;
	if (close->least == close->most)
		return close->least - period;
	return Min(first_without(fcinfo, call, close->least, at), close->most) - period;
}

/* The number of a product in a timeline. */
static inline uint64
product_number(FunctionCallInfo fcinfo, int argument, SmkTimeline *timeline)
{
	const text *name;

	if (PG_ARGISNULL(argument))
		return SMK_SPAN_NO_PRODUCT;
	name = PG_GETARG_TEXT_PP(argument);
	return smk_timeline_name(timeline, VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
}

/* Adds a span of a customer. */
static inline void
add_span(FunctionCallInfo fcinfo, RetentionState *state, int period, int64 length, uint64 product,
		 SmkMoney money)
{
	uint64 word = smk_span_word(period, length, product);
	int end = length < SMK_RETENTION_MAX_PERIODS ? period + (int) length : period;
	int scale = money.scale;

	if (unlikely(state->is_empty))
	{
		state->first = state->last = period;
		state->end = end;
		state->is_empty = false;
	}
	state->first = Min(state->first, period);
	state->last = Max(state->last, period);
	state->end = Max(state->end, end);
	state->scale = Max(state->scale, scale);
	/* What has no room in one value makes several spans. */
	while (unlikely(money.units >= VALUE_LIMIT || money.units <= -VALUE_LIMIT))
	{
		int64 units = (int64) (money.units % VALUE_LIMIT);

		smk_timeline_add_valued(&state->base.timeline, PG_GETARG_DATUM(1), word,
								smk_span_value(units, scale));
		money.units /= VALUE_LIMIT;
		scale -= SMK_SPAN_VALUE_DIGITS;
	}
	smk_timeline_add_valued(&state->base.timeline, PG_GETARG_DATUM(1), word,
							smk_span_value((int64) money.units, scale));
}

PG_FUNCTION_INFO_V1(smk_retention_transfn);

/* Transition of retention: (state, customer, product, at, amount, period, time_zone). */
Datum
smk_retention_transfn(PG_FUNCTION_ARGS)
{
	RetentionCall *call;
	RetentionState *state = retention_state(fcinfo, &call, &events);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(3))
	{
		TimestampTz at = PG_GETARG_TIMESTAMPTZ(3);

		(void) smk_timeline_word(at, 0);
		add_span(fcinfo, state, period_of(call, at), 1, product_number(fcinfo, 2, &state->base.timeline),
				 smk_timeline_amount(fcinfo, 4, "amount"));
	}
	PG_RETURN_POINTER(state);
}

/* Transition of events that count for some time, up to the time of the form where it has one. */
static Datum
within_transition(FunctionCallInfo fcinfo, const RetentionArguments *arguments)
{
	RetentionCall *call;
	RetentionState *state = retention_state(fcinfo, &call, arguments);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(3) &&
		!(call->form.has_as_of && PG_GETARG_TIMESTAMPTZ(3) >= call->form.as_of))
	{
		TimestampTz at = PG_GETARG_TIMESTAMPTZ(3);
		int period;

		(void) smk_timeline_word(at, 0);
		period = period_of(call, at);
		add_span(fcinfo, state, period, call->has_within ? event_length(fcinfo, call, period, at) : 1,
				 product_number(fcinfo, 2, &state->base.timeline), smk_timeline_amount(fcinfo, 4, "amount"));
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(smk_retention_within_transfn);

/* Transition of retention: (state, customer, product, at, amount, period, time_zone, active_within). */
Datum
smk_retention_within_transfn(PG_FUNCTION_ARGS)
{
	return within_transition(fcinfo, &events_within);
}

PG_FUNCTION_INFO_V1(smk_retention_as_of_transfn);

/* Transition of retention: (state, customer, product, at, amount, period, time_zone, active_within, as_of).
 */
Datum
smk_retention_as_of_transfn(PG_FUNCTION_ARGS)
{
	return within_transition(fcinfo, &events_as_of);
}

PG_FUNCTION_INFO_V1(smk_retention_subscription_transfn);

/* Transition of retention: (state, customer, product, starts_at, ends_at, monthly, period, time_zone, as_of).
 */
Datum
smk_retention_subscription_transfn(PG_FUNCTION_ARGS)
{
	RetentionCall *call;
	RetentionState *state = retention_state(fcinfo, &call, &subscriptions);
	TimestampTz starts_at;
	TimestampTz ends_at;
	int period;
	int64 length = SMK_SPAN_NO_END;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(5))
		PG_RETURN_POINTER(state);
	starts_at = PG_GETARG_TIMESTAMPTZ(3);
	ends_at = PG_ARGISNULL(4) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(4);
	(void) smk_timeline_word(starts_at, 0);
	if (starts_at >= call->form.as_of || ends_at <= starts_at)
		PG_RETURN_POINTER(state);
	period = period_of(call, starts_at);
	if (ends_at < call->form.as_of)
		/* Where clocks went back over midnight, what is later may have an earlier date. */
		length = Max(0, period_of(call, ends_at) - period);
	add_span(fcinfo, state, period, length, product_number(fcinfo, 2, &state->base.timeline),
			 smk_timeline_amount(fcinfo, 5, "monthly"));
	PG_RETURN_POINTER(state);
}

/* The date on which a period of a summary begins, as text. */
static char *
period_text(const SmkRetentionForm *form, int period)
{
	return DatumGetCString(DirectFunctionCall1(
		date_out,
		DateADTGetDatum(smk_period_of_number((SmkPeriod) form->period, period, form->first_month))));
}

/* Raises the error for what a summary cannot hold. */
static void
check_result(SmkRetentionResult result, const SmkRetentionForm *form, int first, int last)
{
	switch (result)
	{
		case SMK_RETENTION_OK:
			break;
		case SMK_RETENTION_OVERFLOW:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("a sum of amounts has more than 38 digits")));
			break;
		case SMK_RETENTION_TOO_LONG:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("too many periods (%s): from %s to %s, more than %d",
								   smk_period_name((SmkPeriod) form->period), period_text(form, first),
								   period_text(form, last), SMK_RETENTION_MAX_PERIODS),
							errhint("Take longer periods, or leave rows with a wrong time out with FILTER "
									"(WHERE ...).")));
			break;
		case SMK_RETENTION_TOO_MANY_CELLS:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a retention_summary has more than %d cohorts by ages", SMK_RETENTION_MAX_CELLS),
					 errhint("Take longer periods.")));
			break;
	}
}

/* A summary that is being made, and what sorting needs. */
typedef struct Summing
{
	SmkRetentionSummary *summary;
	SmkSortSpace space;
} Summing;

static void
visit_customer(void *summing, const SmkKey *key, uint64 *words, int64 count)
{
	Summing *sums = summing;
	SmkRetentionSummary *summary = sums->summary;

	(void) key;
	check_result(smk_retention_add(summary, words, count, &sums->space), &summary->form, summary->first,
				 summary->last);
}

/* True where a form has a month in which fiscal years begin just where it has such periods. */
static bool
is_first_month(const SmkRetentionForm *form)
{
	return form->period == SMK_FISCAL_QUARTER || form->period == SMK_FISCAL_YEAR
			   ? form->first_month >= 1 && form->first_month <= 12
			   : form->first_month == 0;
}

static bool
type_read(void *summary, const unsigned char *data, int64 size)
{
	return smk_retention_read(summary, data, size) &&
		   ((SmkRetentionSummary *) summary)->form.period < SMK_PERIOD_COUNT &&
		   is_first_month(&((SmkRetentionSummary *) summary)->form);
}

static void
type_write(const void *summary, StringInfo out)
{
	smk_retention_write(summary, out);
}

static void
type_start(void *summary, const void *like)
{
	smk_retention_init(summary, &((const SmkRetentionSummary *) like)->form);
}

static const char *
type_difference(const void *a, const void *b, char **detail)
{
	const SmkRetentionForm *one = &((const SmkRetentionSummary *) a)->form;
	const SmkRetentionForm *other = &((const SmkRetentionSummary *) b)->form;

	if (one->is_subscription != other->is_subscription)
	{
		*detail = "One is of subscriptions, the other one of events.";
		return "forms";
	}
	if (one->period == other->period && one->first_month != other->first_month)
	{
		*detail = psprintf("In one fiscal years begin in month %d, in the other in month %d.",
						   one->first_month, other->first_month);
		return "periods";
	}
	if (one->period != other->period)
	{
		*detail = psprintf("One has the period %s, the other %s.", smk_period_name((SmkPeriod) one->period),
						   smk_period_name((SmkPeriod) other->period));
		return "periods";
	}
	if (strcmp(one->zone, other->zone) != 0)
	{
		*detail = psprintf("One is in the time zone %s, the other in %s.", one->zone, other->zone);
		return "time zones";
	}
	if (one->months != other->months || one->days != other->days || one->micros != other->micros)
	{
		Interval within[2] = {{one->micros, one->days, one->months},
							  {other->micros, other->days, other->months}};
		char *text[2];

		for (int i = 0; i < 2; i++)
			text[i] = within[i].month == 0 && within[i].day == 0 && within[i].time == 0
						  ? "its own period"
						  : DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&within[i])));
		*detail = psprintf("In one an event counts for %s, in the other for %s.", text[0], text[1]);
		return "active_within";
	}
	if (one->has_as_of != other->has_as_of)
	{
		*detail = "One closes its last period at a time, the other one does not.";
		return "as_of";
	}
	if (one->as_of != other->as_of)
	{
		char *first = pstrdup(timestamptz_to_str(one->as_of));

		*detail = psprintf("One is as of %s, the other as of %s.", first, timestamptz_to_str(other->as_of));
		return "as_of";
	}
	return NULL;
}

static bool
type_merge(void *into, const void *other)
{
	SmkRetentionSummary *sum = into;
	const SmkRetentionSummary *more = other;

	check_result(smk_retention_merge(sum, more), &sum->form,
				 sum->is_empty ? more->first : Min(sum->first, more->first),
				 sum->is_empty ? more->last : Max(sum->last, more->last));
	if (!smk_retention_has_room(sum))
		check_result(SMK_RETENTION_OVERFLOW, &sum->form, 0, 0);
	return true;
}

static const SmkSummaryType retention_summary = {
	"retention_summary", sizeof(SmkRetentionSummary), type_read, type_write, type_start, type_difference,
	type_merge};

PG_FUNCTION_INFO_V1(smk_retention_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_retention_finalfn(PG_FUNCTION_ARGS)
{
	RetentionState *state = PG_ARGISNULL(0) ? NULL : (RetentionState *) PG_GETARG_POINTER(0);
	Summing sums = {0};
	int last;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	sums.space.context = CurrentMemoryContext;
	sums.summary = palloc(sizeof(SmkRetentionSummary));
	smk_retention_init(sums.summary, &state->form);
	if (!state->is_empty)
	{
		last = state->last;
		if (state->form.has_as_of)
		{
			SmkZone zone;

			smk_zone_init(&zone, state->form.zone);
			/* Likewise what closes. */
			last = Max(last, last_period(&state->form, &zone));
		}
		check_result(smk_retention_extend(sums.summary, state->scale, state->first, last, state->end),
					 &state->form, state->first, last);
		smk_timeline_read(&state->base.timeline, visit_customer, &sums);
		if (!smk_retention_has_room(sums.summary))
			check_result(SMK_RETENTION_OVERFLOW, &state->form, 0, 0);
	}
	return smk_summary_datum(&retention_summary, sums.summary);
}

SMK_SUMMARY_FUNCTIONS(smk_retention, retention_summary)

/* An amount in units of the scale of a summary. */
static Datum
amount_datum(const SmkRetentionSummary *summary, int128 units)
{
	SmkMoney money = {units, summary->scale};
	char text[SMK_MONEY_TEXT];

	return DirectFunctionCall3(numeric_in, CStringGetDatum(smk_money_text(&money, text)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* The date on which a period of a summary begins, counted from its first one. */
static Datum
period_datum(const SmkRetentionSummary *summary, int period)
{
	return DateADTGetDatum(smk_period_of_number((SmkPeriod) summary->form.period, summary->first + period,
												summary->form.first_month));
}

SMK_ROW_TYPE(cohorts_row, DATEOID, INT4OID, INT8OID, INT8OID, NUMERICOID, FLOAT8OID, FLOAT8OID, INT8OID);

PG_FUNCTION_INFO_V1(smk_cohorts);

/* cohorts(summary): a row for each cohort and each age that it has reached. */
Datum
smk_cohorts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkRetentionSummary *summary = smk_summary_argument(&retention_summary, fcinfo, 0);
	int periods = summary->is_empty ? 0 : summary->last - summary->first + 1;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < periods; i++)
	{
		const SmkRetentionCohort *cohort = &summary->cohorts[i];
		int64 customers = 0;
		int64 since;
		int128 amount = 0;

		if (cohort->size == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		since = cohort->cells[0].customers;
		for (int age = 0; i + age < periods; age++)
		{
			Datum values[8] = {0};
			bool nulls[8] = {false};

			if (age < cohort->size)
			{
				customers += cohort->cells[age].customers;
				amount += cohort->cells[age].amount;
			}
			values[0] = period_datum(summary, i);
			values[1] = Int32GetDatum(age);
			values[2] = Int64GetDatum(cohort->cells[0].customers);
			values[3] = Int64GetDatum(customers);
			values[4] = amount_datum(summary, amount);
			values[5] = Float8GetDatum((double) customers / (double) cohort->cells[0].customers);
			nulls[6] = cohort->cells[0].amount == 0;
			if (!nulls[6])
				values[6] = Float8GetDatum((double) amount / (double) cohort->cells[0].amount);
			values[7] = Int64GetDatum(since);
			smk_row_put(&cohorts_row, rsinfo, values, nulls);
			if (age < cohort->size)
				since -= cohort->cells[age].last;
		}
	}
	return (Datum) 0;
}

SMK_ROW_TYPE(movements_row, DATEOID, TEXTOID, INT8OID, NUMERICOID);

/* Puts a row of movements. */
static void
put_movement(ReturnSetInfo *rsinfo, const SmkRetentionSummary *summary, int period, const char *movement,
			 int64 customers, int128 amount)
{
	Datum values[4];
	bool nulls[4] = {false};

	values[0] = period_datum(summary, period);
	values[1] = CStringGetTextDatum(movement);
	values[2] = Int64GetDatum(customers);
	values[3] = amount_datum(summary, amount);
	smk_row_put(&movements_row, rsinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(smk_movements);

/* movements(summary): for each period a row for each movement, from opening to closing. */
Datum
smk_movements(PG_FUNCTION_ARGS)
{
	/* In the order of the rows. */
	static const struct
	{
		SmkMovement movement;
		const char *name;
	} movements[] = {{SMK_MOVEMENT_NEW, "new"},
					 {SMK_MOVEMENT_UPSELL, "upsell"},
					 {SMK_MOVEMENT_CROSS_SELL, "cross_sell"},
					 {SMK_MOVEMENT_EXPANSION, "expansion"},
					 {SMK_MOVEMENT_CONTRACTION, "contraction"},
					 {SMK_MOVEMENT_CHURN, "churn"},
					 {SMK_MOVEMENT_REACTIVATION, "reactivation"}};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkRetentionSummary *summary = smk_summary_argument(&retention_summary, fcinfo, 0);
	int periods = summary->is_empty ? 0 : summary->last - summary->first + 1;
	int64 customers = 0;
	int128 amount = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < periods; i++)
	{
		const SmkRetentionPeriod *period = &summary->periods[i];

		CHECK_FOR_INTERRUPTS();
		put_movement(rsinfo, summary, i, "opening", customers, amount);
		for (size_t m = 0; m < lengthof(movements); m++)
		{
			SmkMovement movement = movements[m].movement;
			bool is_with_product = movement == SMK_MOVEMENT_UPSELL || movement == SMK_MOVEMENT_CROSS_SELL;

			amount += period->amounts[movement];
			if ((is_with_product && !summary->has_products) ||
				(movement == SMK_MOVEMENT_EXPANSION && !summary->has_no_product))
				continue;
			put_movement(rsinfo, summary, i, movements[m].name, period->customers[movement],
						 period->amounts[movement]);
		}
		customers += period->customers[SMK_MOVEMENT_NEW] + period->customers[SMK_MOVEMENT_REACTIVATION] -
					 period->customers[SMK_MOVEMENT_CHURN];
		put_movement(rsinfo, summary, i, "closing", customers, amount);
	}
	return (Datum) 0;
}
