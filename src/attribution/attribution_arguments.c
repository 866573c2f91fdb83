/*
 * attribution_arguments.c: arguments of the aggregates over touches, and what their results have in common.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "attribution/attribution_arguments.h"
#include "compat.h"

/* Raises the error for a sum of values that has no room. */
void
smk_attribution_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("a sum of values has too many digits")));
}

/* Raises the error for what a summary cannot hold. */
void
smk_attribution_raise(SmkAttributionResult result)
{
	if (result == SMK_ATTRIBUTION_OVERFLOW)
		smk_attribution_overflow();
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("an attribution_summary would be larger than 1 GB"),
					errdetail("It has every path that led to a conversion."),
					errhint("Take a shorter lookback, or make a summary for each period.")));
}

/* The model of a name; an error where there is none. */
SmkAttributionModel
smk_attribution_model_argument(const char *name)
{
	static const char *const later = "Later versions add markov(1) to markov(4) and shapley.";
	SmkAttributionModel model = smk_attribution_model(name);

	if (model.kind == SMK_MODEL_LATER)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("attribution model \"%s\" is not there yet", name),
						errdetail_internal("%s", later), errhint("Models: %s.", SMK_ATTRIBUTION_MODELS)));
	if (model.kind == SMK_MODEL_UNKNOWN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown attribution model: \"%s\"", name), errdetail_internal("%s", later),
						errhint("Models: %s; position(30/40/30) has shares of its own, which sum to 100.",
								SMK_ATTRIBUTION_MODELS)));
	return model;
}

/*
 * Reads the windows of a row, at that argument and the next one, unless they are as in the row before.
 */
void
smk_attribution_read_windows(FunctionCallInfo fcinfo, SmkAttributionCall *call, int lookback)
{
	if (likely(call->is_known && !PG_ARGISNULL(lookback) && !PG_ARGISNULL(lookback + 1) &&
			   memcmp(&call->given[0], PG_GETARG_INTERVAL_P(lookback), sizeof(Interval)) == 0 &&
			   memcmp(&call->given[1], PG_GETARG_INTERVAL_P(lookback + 1), sizeof(Interval)) == 0))
		return;
	call->is_known = false;
	smk_timeline_require_not_null(fcinfo, lookback, "lookback");
	smk_timeline_require_not_null(fcinfo, lookback + 1, "half_life");
	call->given[0] = *PG_GETARG_INTERVAL_P(lookback);
	call->given[1] = *PG_GETARG_INTERVAL_P(lookback + 1);
	call->lookback = smk_timeline_window(&call->given[0], "lookback");
	call->half_life = smk_timeline_window(&call->given[1], "half_life");
	call->is_known = true;
	call->is_constant =
		smk_timeline_is_constant(fcinfo, lookback) && smk_timeline_is_constant(fcinfo, lookback + 1);
}

/* What a state begins with besides events, for another process. */
void
smk_attribution_state_write(const SmkAttributionState *state, StringInfo out)
{
	pq_sendint64(out, state->lookback);
	pq_sendint64(out, state->half_life);
}

void
smk_attribution_state_read(SmkAttributionState *state, StringInfo in)
{
	state->lookback = pq_getmsgint64(in);
	state->half_life = pq_getmsgint64(in);
}

void
smk_attribution_state_join(SmkAttributionState *state, const SmkAttributionState *other, bool is_new)
{
	if (is_new)
	{
		state->lookback = other->lookback;
		state->half_life = other->half_life;
	}
	smk_timeline_require_constant(state->lookback == other->lookback, "lookback");
	smk_timeline_require_constant(state->half_life == other->half_life, "half_life");
}

/* The code of an event that is no touch. */
SmkAttributionCode
smk_attribution_other_event(const text *event)
{
	if (smk_text_is(event, SMK_NAME("conversion")))
		return SMK_ATTRIBUTION_CONVERSION;
	if (smk_text_is(event, SMK_NAME("lead")))
		return SMK_ATTRIBUTION_LEAD;
	if (smk_text_is(event, SMK_NAME("opportunity")))
		return SMK_ATTRIBUTION_OPPORTUNITY;
	if (smk_text_is(event, SMK_NAME("direct")))
		return SMK_ATTRIBUTION_DIRECT;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown event: \"%s\"", text_to_cstring(event)),
					errhint("Events are touch, direct (a touch without a source), lead, opportunity and "
							"conversion; rows that are none may have NULL: they are skipped.")));
}

/* The text of a name of a timeline. */
static const char *
channel_text(const void *timeline, uint64 number, int *length)
{
	return smk_timeline_name_text(timeline, number, length);
}

static void
visit_account(void *reader, const SmkKey *key, uint64 *words, int64 count)
{
	(void) key;
	smk_attribution_check(smk_attribution_add(reader, words, count));
}

/* Reads all accounts of a timeline. */
void
smk_attribution_read_timeline(FunctionCallInfo fcinfo, SmkAttributionReader *reader, SmkTimeline *timeline)
{
	reader->context = fcinfo->flinfo->fn_mcxt;
	reader->name = channel_text;
	reader->timeline = timeline;
	smk_timeline_read(timeline, visit_account, reader);
}

/* The larger remainder first, then the order of names. */
static int
compare_remainders(const void *a, const void *b)
{
	const SmkCreditRow *left = *(SmkCreditRow *const *) a;
	const SmkCreditRow *right = *(SmkCreditRow *const *) b;

	if (left->remainder != right->remainder)
		return left->remainder > right->remainder ? -1 : 1;
	return smk_attribution_compare(left->name, left->length, right->name, right->length);
}

/*
 * The units of rows, at so many places more than values have: rounded down, and what is missing to the whole
 * to the largest remainders. Order is room for as many.
 */
void
smk_attribution_round(SmkCreditRow *rows, int count, SmkCreditRow **order, const SmkWide *whole, int places)
{
	SmkWide all = *whole;
	uint32 remainder;
	int128 missing;

	if (!smk_wide_scale_up(&all, places) || !smk_wide_units(&all, &missing, &remainder))
		smk_attribution_overflow();
	for (int i = 0; i < count; i++)
	{
		SmkCreditRow *row = &rows[i];

		if (!smk_wide_scale_up(&row->credit.value, places) ||
			!smk_wide_units(&row->credit.value, &row->units, &row->remainder))
			smk_attribution_overflow();
		missing -= row->units;
		order[i] = row;
	}
	if (missing > 0)
		qsort(order, count, sizeof(SmkCreditRow *), compare_remainders);
	for (int i = 0; i < missing; i++)
		order[i]->units++;
}

/* An amount of so many units as a numeric. */
Datum
smk_attribution_amount(int128 units, int scale)
{
	SmkMoney money = {units, scale};
	char text[SMK_MONEY_TEXT];

	return DirectFunctionCall3(numeric_in, CStringGetDatum(smk_money_text(&money, text)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}
