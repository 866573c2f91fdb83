/*
 * durations_functions.c: the aggregate durations, the type duration_summary, and stage_durations.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "funnel/durations.h"
#include "row.h"
#include "stage/stage.h"
#include "timeline/summary_call.h"
#include "timeline/timeline_call.h"

static const SmkTimelineAggregate durations_aggregate = {
	.name = "durations", .version = 2, .size = sizeof(SmkTimelineState)};

SMK_TIMELINE_FUNCTIONS(smk_durations, durations_aggregate)

/* The code of a stage: the way to a customer first, then the exits, so that at one time an exit comes last.
 */
static unsigned
stage_code(uint8 stage)
{
	return (unsigned) (smk_stage_index(stage) + SMK_STAGE_COUNT - SMK_STAGE_EXITS) % SMK_STAGE_COUNT;
}

/* The name of the stage of a code. */
static const char *
code_name(int code)
{
	return smk_stage_name(smk_stage_at((code + SMK_STAGE_EXITS) % SMK_STAGE_COUNT));
}

PG_FUNCTION_INFO_V1(smk_durations_transfn);

/* Transition of durations: (state, entity, stage, at). Rows with a NULL are skipped. */
Datum
smk_durations_transfn(PG_FUNCTION_ARGS)
{
	SmkTimelineState *state = PG_ARGISNULL(0) ? NULL : (SmkTimelineState *) PG_GETARG_POINTER(0);

	if (state == NULL)
		state = smk_timeline_state(&durations_aggregate, fcinfo, smk_timeline_kind(fcinfo, 1));
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
		smk_timeline_add_datum(
			&state->timeline, PG_GETARG_DATUM(1),
			smk_timeline_word(PG_GETARG_TIMESTAMPTZ(3), stage_code(PG_GETARG_FUNNEL_STAGE(2))));
	PG_RETURN_POINTER(state);
}

static void
visit_entity(void *summary, const SmkKey *key, uint64 *words, int64 count)
{
	(void) key;
	smk_durations_add(summary, words, count);
}

static bool
type_read(void *summary, const unsigned char *data, int64 size)
{
	return smk_durations_read(summary, data, size);
}

static void
type_write(const void *summary, StringInfo out)
{
	smk_durations_write(summary, out);
}

static void
type_start(void *summary, const void *like)
{
	(void) like;
	smk_durations_init(summary);
}

static const char *
type_difference(const void *a, const void *b, char **detail)
{
	(void) a;
	(void) b;
	(void) detail;
	return NULL;
}

static bool
type_merge(void *into, const void *other)
{
	return smk_durations_merge(into, other);
}

static const SmkSummaryType duration_summary = {
	"duration_summary", sizeof(SmkDurationSummary), type_read, type_write, type_start, type_difference,
	type_merge};

PG_FUNCTION_INFO_V1(smk_durations_finalfn);

/* The summary of a state, which stays as it is but for the order of its events. */
Datum
smk_durations_finalfn(PG_FUNCTION_ARGS)
{
	SmkTimelineState *state = PG_ARGISNULL(0) ? NULL : (SmkTimelineState *) PG_GETARG_POINTER(0);
	SmkDurationSummary *summary;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	summary = palloc(sizeof(SmkDurationSummary));
	smk_durations_init(summary);
	smk_timeline_read(&state->timeline, visit_entity, summary);
	return smk_summary_datum(&duration_summary, summary);
}

SMK_SUMMARY_FUNCTIONS(smk_duration, duration_summary)

SMK_ROW_TYPE(durations_row, TEXTOID, INT8OID, INT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID);

PG_FUNCTION_INFO_V1(smk_stage_durations);

/* stage_durations(summary, as_of): a row for each stage that was visited, in the order of the way, then
 * exits. */
Datum
smk_stage_durations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkDurationSummary *summary;
	int64 as_of;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	summary = smk_summary_argument(&duration_summary, fcinfo, 0);
	as_of =
		smk_summary_as_of(fcinfo, 1, summary->is_empty, summary->last,
						  "Leave later events out: durations(entity, stage, at) FILTER (WHERE at <= as_of).");
	for (int i = 0; i < SMK_DURATIONS_STAGES; i++)
	{
		const SmkStageVisits *visits = &summary->stages[i];
		Datum values[6] = {0};
		bool nulls[6] = {false};
		double micros;

		if (visits->closed.count + visits->open_count == 0)
			continue;
		values[0] = CStringGetTextDatum(code_name(i));
		values[1] = Int64GetDatum(visits->closed.count + visits->open_count);
		values[2] = Int64GetDatum(visits->open_count);
		values[3] = Float8GetDatum(smk_durations_hours(visits, as_of));
		for (int q = 0; q < 2; q++)
		{
			nulls[4 + q] = !smk_sketch_quantile(&visits->closed, q ? 0.9 : 0.5, &micros);
			if (!nulls[4 + q])
				values[4 + q] = Float8GetDatum(micros / USECS_PER_HOUR);
		}
		smk_row_put(&durations_row, rsinfo, values, nulls);
	}
	return (Datum) 0;
}
