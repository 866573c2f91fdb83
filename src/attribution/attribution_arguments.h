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
extern void smk_attribution_read_windows(FunctionCallInfo fcinfo, SmkAttributionCall *call, int lookback);
extern void smk_attribution_state_write(const SmkAttributionState *state, StringInfo out);
extern void smk_attribution_state_read(SmkAttributionState *state, StringInfo in);
extern void smk_attribution_state_join(SmkAttributionState *state, const SmkAttributionState *other,
									   bool is_new);
extern SmkAttributionCode smk_attribution_other_event(const text *event);
extern void smk_attribution_read_timeline(FunctionCallInfo fcinfo, SmkAttributionReader *reader,
										  SmkTimeline *timeline);
pg_noreturn extern void smk_attribution_overflow(void);
pg_noreturn extern void smk_attribution_raise(SmkAttributionResult result);
extern void smk_attribution_round(SmkCreditRow *rows, int count, SmkCreditRow **order, const SmkWide *whole,
								  int places);
extern Datum smk_attribution_amount(int128 units, int scale);

/* Raises an error where the windows of a row are not those of its group. */
static inline void
smk_attribution_require_windows(const SmkAttributionState *state, const SmkAttributionCall *call)
{
	if (likely(call->is_constant))
		return;
	smk_timeline_require_constant(state->lookback == call->lookback, "lookback");
	smk_timeline_require_constant(state->half_life == call->half_life, "half_life");
}

/* Raises the error for what a summary cannot hold, where there is one. */
static inline void
smk_attribution_check(SmkAttributionResult result)
{
	if (unlikely(result != SMK_ATTRIBUTION_OK))
		smk_attribution_raise(result);
}

/* Reads the windows of a row, at that argument and the next one. */
static inline void
smk_attribution_windows(FunctionCallInfo fcinfo, SmkAttributionCall *call, int lookback)
{
	if (unlikely(!call->is_constant))
		smk_attribution_read_windows(fcinfo, call, lookback);
}

/* The code of an event. */
static inline SmkAttributionCode
smk_attribution_event(const text *event)
{
	return likely(smk_text_is(event, SMK_NAME("touch"))) ? SMK_ATTRIBUTION_TOUCH
														 : smk_attribution_other_event(event);
}

/* True where a touch says nothing of where it came from. */
static inline bool
smk_channel_is_direct(const char *channel, int length)
{
	char first = *(length > 0 ? channel : "");

	/* In one branch that is seldom taken: the length alone cannot be foreseen. */
	if (likely(!(((length == 6) | (length == 8)) & (((first | 0x20) == 'd') | (first == '(')))))
		return false;
	return length == 6 ? pg_strncasecmp(channel, "direct", 6) == 0 || memcmp(channel, "(none)", 6) == 0
					   : pg_strncasecmp(channel, "(direct)", 8) == 0;
}

/* Adds a touch; a channel that is NULL is (none). */
static pg_attribute_always_inline void
smk_attribution_add_touch(FunctionCallInfo fcinfo, SmkTimeline *timeline, TimestampTz at,
						  SmkAttributionCode code)
{
	const text *channel = PG_ARGISNULL(SMK_ATTRIBUTION_ARGUMENT_CHANNEL)
							  ? NULL
							  : smk_timeline_text(fcinfo, SMK_ATTRIBUTION_ARGUMENT_CHANNEL);
	const char *name = channel ? VARDATA_ANY(channel) : SMK_NO_CHANNEL;
	int length = channel ? (int) VARSIZE_ANY_EXHDR(channel) : (int) sizeof(SMK_NO_CHANNEL) - 1;

	if (smk_channel_is_direct(name, length))
		code = SMK_ATTRIBUTION_DIRECT;
	smk_timeline_add_valued(timeline, PG_GETARG_DATUM(SMK_ATTRIBUTION_ARGUMENT_ACCOUNT),
							smk_timeline_word(at, code), smk_timeline_name(timeline, name, length));
}

#endif
