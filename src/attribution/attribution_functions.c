/*
 * attribution_functions.c: the aggregate attribution, the type attribution_summary, credits and paths.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "attribution/attribution.h"
#include "attribution/attribution_arguments.h"
#include "compat.h"
#include "row.h"
#include "timeline/summary_call.h"
#include "timeline/timeline_call.h"

/* What has room in one event. */
#define VALUE_LIMIT INT64CONST(10000000000)

/* Where the windows stand among the arguments of attribution. */
#define ARGUMENT_LOOKBACK 6

/* The state of a group. */
typedef struct AttributionState
{
	SmkAttributionState base;
	int scale;			/* the largest of a value */
	int64 unattributed; /* conversions of no account */
	SmkMoney unattributed_value;
} AttributionState;

static void
add_money(SmkMoney *sum, const SmkMoney *money)
{
	if (smk_money_add(sum, money) != SMK_MONEY_OK)
		smk_attribution_overflow();
}

/* What a state has besides events, for another process. */
static void
state_write(const void *state, StringInfo out)
{
	const AttributionState *events = state;

	smk_attribution_state_write(&events->base, out);
	pq_sendint32(out, events->scale);
	pq_sendint64(out, events->unattributed);
	pq_sendint32(out, events->unattributed_value.scale);
	pq_sendint64(out, (int64) (events->unattributed_value.units >> 64));
	pq_sendint64(out, (int64) events->unattributed_value.units);
}

static void
state_read(void *state, StringInfo in)
{
	AttributionState *events = state;

	smk_attribution_state_read(&events->base, in);
	events->scale = (int) pq_getmsgint(in, 4);
	events->unattributed = pq_getmsgint64(in);
	events->unattributed_value.scale = (int) pq_getmsgint(in, 4);
	events->unattributed_value.units = (int128) ((uint128) (uint64) pq_getmsgint64(in) << 64);
	events->unattributed_value.units |= (uint64) pq_getmsgint64(in);
}

static void
state_join(void *state, const void *other, bool is_new)
{
	AttributionState *events = state;
	const AttributionState *more = other;

	smk_attribution_state_join(&events->base, &more->base, is_new);
	events->scale = Max(events->scale, more->scale);
	events->unattributed += more->unattributed;
	add_money(&events->unattributed_value, &more->unattributed_value);
}

static const SmkTimelineAggregate attribution_aggregate = {.name = "attribution",
														   .version = 1,
														   .size = sizeof(AttributionState),
														   .has_values = true,
														   .name_bits = SMK_ATTRIBUTION_NAME_BITS,
														   .is_named_by_value = true,
														   .write = state_write,
														   .read = state_read,
														   .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_attribution, attribution_aggregate)

/* Adds a conversion; one of no account has no touches. */
static void
add_conversion(FunctionCallInfo fcinfo, AttributionState *state, TimestampTz at)
{
	SmkMoney money = smk_timeline_amount(fcinfo, SMK_ATTRIBUTION_ARGUMENT_VALUE, "value");
	uint64 word = smk_timeline_word(at, SMK_ATTRIBUTION_CONVERSION);
	int scale = money.scale;

	state->scale = Max(state->scale, scale);
	if (PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT))
	{
		state->unattributed++;
		add_money(&state->unattributed_value, &money);
		return;
	}
	/* What has no room in one event makes several. */
	while (unlikely(money.units >= VALUE_LIMIT || money.units <= -VALUE_LIMIT))
	{
		smk_timeline_add_valued(&state->base.events.timeline,
								PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
								smk_timeline_word(at, SMK_ATTRIBUTION_VALUE),
								smk_attribution_value((int64) (money.units % VALUE_LIMIT), scale));
		money.units /= VALUE_LIMIT;
		scale -= SMK_ATTRIBUTION_VALUE_DIGITS;
	}
	smk_timeline_add_valued(&state->base.events.timeline, PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
							word, smk_attribution_value((int64) money.units, scale));
}

PG_FUNCTION_INFO_V1(smk_attribution_transfn);

/*
 * Transition of attribution: (state, account, event, at, channel, value, lookback, half_life). Rows without
 * event or time are skipped, and touches and milestones of no account.
 */
Datum
smk_attribution_transfn(PG_FUNCTION_ARGS)
{
	AttributionState *state = PG_ARGISNULL(0) ? NULL : (AttributionState *) PG_GETARG_POINTER(0);
	SmkAttributionCall *call = smk_timeline_call_data(fcinfo, sizeof(SmkAttributionCall));
	SmkAttributionCode code;
	TimestampTz at;

	smk_attribution_windows(fcinfo, call, ARGUMENT_LOOKBACK);
	if (unlikely(state == NULL))
	{
		state = smk_timeline_state(&attribution_aggregate, fcinfo,
								   smk_timeline_kind(fcinfo, SMK_ATTRIBUTION_ARGUMENT_ACCOUNT));
		state->base.lookback = call->lookback;
		state->base.half_life = call->half_life;
	}
	smk_attribution_require_windows(&state->base, call);
	if (PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_EVENT) || PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_AT))
		PG_RETURN_POINTER(state);
	code = smk_attribution_event(smk_timeline_text(fcinfo, SMK_ATTRIBUTION_ARGUMENT_EVENT));
	at = PG_GETARG_TIMESTAMPTZ(SMK_ATTRIBUTION_ARGUMENT_AT);
	if (code == SMK_ATTRIBUTION_CONVERSION)
		add_conversion(fcinfo, state, at);
	else if (PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT))
		PG_RETURN_POINTER(state);
	else if (code <= SMK_ATTRIBUTION_DIRECT)
		smk_attribution_add_touch(fcinfo, &state->base.events.timeline, at, code);
	else
		smk_timeline_add_valued(&state->base.events.timeline,
								PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
								smk_timeline_word(at, code), 0);
	PG_RETURN_POINTER(state);
}

static bool
type_read(void *summary, const unsigned char *data, int64 size)
{
	const SmkAttributionSummary *read = summary;

	if (!smk_attribution_read(summary, data, size))
		return false;
	/* Names become texts. */
	for (int i = 0; i < read->channel_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!pg_verify_mbstr(GetDatabaseEncoding(), read->channels[i].name, read->channels[i].length, true))
			return false;
	}
	return true;
}

static void
type_write(const void *summary, StringInfo out)
{
	smk_attribution_check(smk_attribution_write(summary, out));
}

static void
type_start(void *summary, const void *like)
{
	const SmkAttributionSummary *other = like;

	smk_attribution_init(summary, other->lookback, other->half_life, other->scale);
}

static const char *
type_difference(const void *a, const void *b, char **detail)
{
	const SmkAttributionSummary *one = a;
	const SmkAttributionSummary *other = b;

	if (one->lookback != other->lookback)
	{
		*detail = psprintf("One looks back %s, the other %s.", smk_timeline_window_text(one->lookback),
						   smk_timeline_window_text(other->lookback));
		return "lookbacks";
	}
	if (one->half_life != other->half_life)
	{
		*detail =
			psprintf("In one a touch counts half after %s, in the other after %s.",
					 smk_timeline_window_text(one->half_life), smk_timeline_window_text(other->half_life));
		return "half-lives";
	}
	return NULL;
}

static bool
type_merge(void *into, const void *other)
{
	smk_attribution_check(smk_attribution_merge(into, other));
	return true;
}

static const SmkSummaryType attribution_summary = {"attribution_summary",
												   sizeof(SmkAttributionSummary),
												   type_read,
												   type_write,
												   type_start,
												   type_difference,
												   type_merge};

PG_FUNCTION_INFO_V1(smk_attribution_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_attribution_finalfn(PG_FUNCTION_ARGS)
{
	AttributionState *state = PG_ARGISNULL(0) ? NULL : (AttributionState *) PG_GETARG_POINTER(0);
	SmkAttributionReader *reader;
	SmkAttributionSummary *summary;
	SmkMoney unattributed;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	reader = smk_timeline_call_data(fcinfo, sizeof(SmkAttributionReader));
	summary = palloc(sizeof(SmkAttributionSummary));
	smk_attribution_init(summary, state->base.lookback, state->base.half_life, state->scale);
	unattributed = state->unattributed_value;
	if (!smk_money_scale_up(&unattributed.units, state->scale - unattributed.scale))
		smk_attribution_overflow();
	summary->unattributed = state->unattributed;
	summary->unattributed_value = unattributed.units;
	smk_attribution_start(reader, summary);
	smk_attribution_read_timeline(fcinfo, reader, &state->base.events.timeline);
	smk_attribution_check(smk_attribution_settle(summary));
	return smk_summary_datum(&attribution_summary, summary);
}

SMK_SUMMARY_FUNCTIONS(smk_attribution, attribution_summary)

/* The rows of a summary: its converting channels by name, and what is not attributed. */
typedef struct CreditRows
{
	const SmkAttributionSummary *summary;
	int *of_channel; /* the row of each channel, -1: of none */
	SmkCreditRow *rows;
	int count;
	SmkCreditRow **order; /* by remainders */
	SmkCredit *credits;
	SmkCredit whole;
} CreditRows;

/* Makes the rows; the last one is that of what is not attributed. */
static void
start_rows(CreditRows *rows, const SmkAttributionSummary *summary)
{
	int channels = summary->channel_count;

	rows->summary = summary;
	rows->of_channel = palloc_extended((channels + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	rows->rows = palloc_extended((channels + 1) * sizeof(SmkCreditRow), MCXT_ALLOC_HUGE);
	rows->order = palloc_extended((channels + 1) * sizeof(SmkCreditRow *), MCXT_ALLOC_HUGE);
	rows->credits = palloc_extended((channels + 1) * sizeof(SmkCredit), MCXT_ALLOC_HUGE);
	memset(rows->of_channel, -1, (channels + 1) * sizeof(int));
	for (int64 i = 0; i < summary->path_count; i++)
	{
		const SmkAttributionPath *path = &summary->paths[i];
		const unsigned char *at = smk_path_bytes(summary, path);
		const unsigned char *end = at + path->size;

		CHECK_FOR_INTERRUPTS();
		if (path->conversions == 0)
			continue;
		while (at < end)
			rows->of_channel[smk_path_read(&at)] = 0;
		if (!smk_credit_add(&rows->whole, SMK_SHARE_ONE, path->conversions, path->value))
			smk_attribution_overflow();
	}
	if (!smk_credit_add(&rows->whole, SMK_SHARE_ONE, summary->unattributed, summary->unattributed_value))
		smk_attribution_overflow();
	/* They come in the order of names: one that is direct and not is two with the same. */
	for (int i = 0; i < channels; i++)
	{
		const SmkAttributionChannel *channel = &summary->channels[i];
		const SmkCreditRow *last = rows->count > 0 ? &rows->rows[rows->count - 1] : NULL;

		if (rows->of_channel[i] < 0)
			continue;
		if (channel->length == (int) strlen(SMK_UNATTRIBUTED) &&
			memcmp(channel->name, SMK_UNATTRIBUTED, channel->length) == 0)
		{
			rows->of_channel[i] = -1;
			continue;
		}
		if (last == NULL || last->length != channel->length ||
			memcmp(last->name, channel->name, channel->length) != 0)
		{
			rows->rows[rows->count].name = channel->name;
			rows->rows[rows->count++].length = channel->length;
		}
		rows->of_channel[i] = rows->count - 1;
	}
	rows->rows[rows->count].name = SMK_UNATTRIBUTED;
	rows->rows[rows->count++].length = (int) strlen(SMK_UNATTRIBUTED);
}

/* Fills in the credits under a model; the units of all rows sum to those of all values. */
static void
fill_rows(CreditRows *rows, const SmkAttributionModel *model, int places)
{
	const SmkAttributionSummary *summary = rows->summary;
	SmkCreditRow *unattributed = &rows->rows[rows->count - 1];

	memset(rows->credits, 0, summary->channel_count * sizeof(SmkCredit));
	if (!smk_attribution_credits(summary, model, rows->credits))
		smk_attribution_overflow();
	for (int i = 0; i < rows->count; i++)
		memset(&rows->rows[i].credit, 0, sizeof(SmkCredit));
	if (!smk_credit_add(&unattributed->credit, SMK_SHARE_ONE, summary->unattributed,
						summary->unattributed_value))
		smk_attribution_overflow();
	for (int i = 0; i < summary->channel_count; i++)
	{
		SmkCreditRow *row = rows->of_channel[i] < 0 ? unattributed : &rows->rows[rows->of_channel[i]];

		if (!smk_credit_merge(&row->credit, &rows->credits[i]))
			smk_attribution_overflow();
	}
	smk_attribution_round(rows->rows, rows->count, rows->order, &rows->whole.value, places);
}

SMK_ROW_TYPE(credits_row, TEXTOID, TEXTOID, FLOAT8OID, NUMERICOID);

PG_FUNCTION_INFO_V1(smk_credits);

/* credits(summary, models): for each model a row for each channel that led to a conversion, and one for those
 * to which none did. */
Datum
smk_credits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkAttributionSummary *summary;
	CreditRows rows = {0};
	int scale;
	Datum *names;
	bool *nulls;
	int count;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	smk_timeline_require_not_null(fcinfo, 1, "models");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"models\" must not have null elements")));
		(void) smk_attribution_model_argument(TextDatumGetCString(names[i]));
	}
	summary = smk_summary_argument(&attribution_summary, fcinfo, 0);
	start_rows(&rows, summary);
	scale = Max(summary->scale, SMK_CENTS);
	for (int i = 0; i < count; i++)
	{
		SmkAttributionModel model = smk_attribution_model_argument(TextDatumGetCString(names[i]));

		fill_rows(&rows, &model, scale - summary->scale);
		for (int r = 0; r < rows.count; r++)
		{
			const SmkCreditRow *row = &rows.rows[r];
			Datum values[4];
			bool is_null[4] = {false};

			CHECK_FOR_INTERRUPTS();
			values[0] = names[i];
			values[1] = PointerGetDatum(cstring_to_text_with_len(row->name, row->length));
			values[2] = Float8GetDatum(smk_wide_double(&row->credit.conversions));
			values[3] = smk_attribution_amount(row->units, scale);
			smk_row_put(&credits_row, rsinfo, values, is_null);
		}
	}
	return (Datum) 0;
}

/* A row of paths. */
typedef struct PathRow
{
	const char *text;
	int length;
	int64 count;
	int128 value;
	SmkSketch *times; /* NULL: none */
} PathRow;

static int
compare_texts(const void *a, const void *b)
{
	const PathRow *left = a;
	const PathRow *right = b;

	return smk_attribution_compare(left->text, left->length, right->text, right->length);
}

static int
compare_rows(const void *a, const void *b)
{
	const PathRow *left = a;
	const PathRow *right = b;

	return left->count != right->count ? (left->count < right->count ? 1 : -1) : compare_texts(a, b);
}

/* The channels of a path, in words. */
static void
path_text(const SmkAttributionSummary *summary, const SmkAttributionPath *path, PathRow *row)
{
	const unsigned char *at = smk_path_bytes(summary, path);
	const unsigned char *end = at + path->size;
	StringInfoData text;

	initStringInfo(&text);
	for (bool is_first = true; at < end; is_first = false)
	{
		const SmkAttributionChannel *channel = &summary->channels[smk_path_read(&at)];

		if (!is_first)
			appendStringInfoString(&text, " > ");
		appendBinaryStringInfo(&text, channel->name, channel->length);
	}
	row->length = text.len;
	row->text = text.data;
}

/* Adds a row to one that has the same text. */
static void
join_rows(PathRow *row, const PathRow *same)
{
	if (__builtin_add_overflow(row->count, same->count, &row->count) ||
		__builtin_add_overflow(row->value, same->value, &row->value))
		smk_attribution_overflow();
	/* What is not attributed has none; a channel of that name may have some. */
	if (row->times == NULL)
		row->times = same->times;
	else if (same->times != NULL)
		smk_sketch_merge(row->times, same->times);
}

/* The times of a path, as a distribution. */
static SmkSketch *
path_times(const SmkAttributionPath *path)
{
	SmkSketch *times = path->time.many;

	if (path->conversions == 1)
	{
		times = palloc(sizeof(SmkSketch));
		smk_sketch_init(times);
		smk_sketch_add(times, path->time.one);
	}
	return times;
}

SMK_ROW_TYPE(paths_row, TEXTOID, INT8OID, NUMERICOID, FLOAT8OID);

PG_FUNCTION_INFO_V1(smk_paths);

/* paths(summary, outcome): the paths that led to conversions, or to none, the most frequent first. */
Datum
smk_paths(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkAttributionSummary *summary;
	const text *outcome;
	bool is_null_path;
	PathRow *rows;
	int64 count = 0;
	int64 unique = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	smk_timeline_require_not_null(fcinfo, 1, "outcome");
	outcome = PG_GETARG_TEXT_PP(1);
	is_null_path = smk_text_is(outcome, "null", 4);
	if (!is_null_path && !smk_text_is(outcome, "conversion", 10))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown outcome of a path: \"%s\"", text_to_cstring(outcome)),
				 errhint("Outcomes are conversion, and null: the paths of accounts that never converted.")));
	summary = smk_summary_argument(&attribution_summary, fcinfo, 0);
	rows = palloc_extended((summary->path_count + 1) * sizeof(PathRow), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 i = 0; i < summary->path_count; i++)
	{
		const SmkAttributionPath *path = &summary->paths[i];
		PathRow *row = &rows[count];

		CHECK_FOR_INTERRUPTS();
		row->count = is_null_path ? path->nulls : path->conversions;
		if (row->count == 0)
			continue;
		path_text(summary, path, row);
		row->value = path->value;
		row->times = is_null_path ? NULL : path_times(path);
		count++;
	}
	if (!is_null_path && summary->unattributed > 0)
	{
		rows[count].text = SMK_UNATTRIBUTED;
		rows[count].length = (int) strlen(SMK_UNATTRIBUTED);
		rows[count].count = summary->unattributed;
		rows[count++].value = summary->unattributed_value;
	}
	qsort(rows, count, sizeof(PathRow), compare_texts);
	for (int64 i = 0; i < count; i++)
	{
		if (unique > 0 && compare_texts(&rows[unique - 1], &rows[i]) == 0)
			join_rows(&rows[unique - 1], &rows[i]);
		else
			rows[unique++] = rows[i];
	}
	qsort(rows, unique, sizeof(PathRow), compare_rows);
	for (int64 i = 0; i < unique; i++)
	{
		Datum values[4] = {0};
		bool nulls[4] = {false};
		double micros;

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(cstring_to_text_with_len(rows[i].text, rows[i].length));
		values[1] = Int64GetDatum(rows[i].count);
		nulls[2] = is_null_path;
		if (!is_null_path)
			values[2] = smk_attribution_amount(rows[i].value, summary->scale);
		nulls[3] = rows[i].times == NULL || !smk_sketch_quantile(rows[i].times, 0.5, &micros);
		if (!nulls[3])
			values[3] = Float8GetDatum(micros / USECS_PER_HOUR);
		smk_row_put(&paths_row, rsinfo, values, nulls);
	}
	return (Datum) 0;
}
