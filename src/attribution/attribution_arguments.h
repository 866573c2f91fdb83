/*
 * attribution_arguments.h: what the aggregates over touches have in common: their arguments, models by their
 * names, credits rounded to units that sum up.
 */
#ifndef SMK_ATTRIBUTION_ARGUMENTS_H
#define SMK_ATTRIBUTION_ARGUMENTS_H

#include "attribution/attribution.h"
#include "timeline/timeline_call.h"

#define SMK_UNATTRIBUTED "(unattributed)"
#define SMK_NO_CHANNEL "(none)"
#define SMK_ATTRIBUTION_MODELS                                                                               \
	"first, last, last_non_direct, linear, time_decay, position, w_shaped, full_path"
/* The least decimal places of what is credited. */
#define SMK_CENTS 2

/* Where the arguments stand that all have. */
enum
{
	SMK_ATTRIBUTION_ARGUMENT_ACCOUNT = 1,
	SMK_ATTRIBUTION_ARGUMENT_EVENT,
	SMK_ATTRIBUTION_ARGUMENT_AT,
	SMK_ATTRIBUTION_ARGUMENT_CHANNEL,
	SMK_ATTRIBUTION_ARGUMENT_VALUE
};

/* The windows of the last row, as they were given and in microseconds. */
typedef struct SmkAttributionCall
{
	bool is_known;
	bool is_constant; /* of every row */
	Interval given[2];
	int64 lookback;
	int64 half_life;
} SmkAttributionCall;

/* What a state begins with. */
typedef struct SmkAttributionState
{
	SmkTimelineState events;
	int64 lookback; /* in microseconds */
	int64 half_life;
} SmkAttributionState;

/* What is credited to a name, whose value is rounded with those of others. */
typedef struct SmkCreditRow
{
	const char *name;
	int length;
	SmkCredit credit;
	int128 units;	  /* of the value, rounded down, */
	uint32 remainder; /* and what is left */
} SmkCreditRow;

extern SmkAttributionModel smk_attribution_model_argument(const char *name);
extern void smk_attribution_windows(FunctionCallInfo fcinfo, SmkAttributionCall *call, int lookback);
extern void smk_attribution_state_write(const SmkAttributionState *state, StringInfo out);
extern void smk_attribution_state_read(SmkAttributionState *state, StringInfo in);
extern void smk_attribution_state_join(SmkAttributionState *state, const SmkAttributionState *other,
									   bool is_new);
extern SmkAttributionCode smk_attribution_event(const text *event);
extern void smk_attribution_add_touch(FunctionCallInfo fcinfo, SmkTimeline *timeline, TimestampTz at,
									  SmkAttributionCode code);
extern void smk_attribution_read_timeline(FunctionCallInfo fcinfo, SmkAttributionReader *reader,
										  SmkTimeline *timeline);
pg_noreturn extern void smk_attribution_overflow(void);
extern void smk_attribution_check(SmkAttributionResult result);
extern void smk_attribution_round(SmkCreditRow *rows, int count, SmkCreditRow **order, const SmkWide *whole,
								  int places);
extern Datum smk_attribution_amount(int128 units, int scale);

/* Raises an error where the windows of a row are not those of its group. */
static inline void
smk_attribution_require_windows(const SmkAttributionState *state, const SmkAttributionCall *call)
{
	smk_timeline_require_constant(state->lookback == call->lookback, "lookback");
	smk_timeline_require_constant(state->half_life == call->half_life, "half_life");
}

#endif
