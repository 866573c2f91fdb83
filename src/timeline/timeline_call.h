/*
 * timeline_call.h: what the aggregates over timelines have in common: arguments, and the ledger of a call.
 */
#ifndef SMK_TIMELINE_CALL_H
#define SMK_TIMELINE_CALL_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "timeline/timeline.h"

extern SmkKeyKind smk_timeline_kind(FunctionCallInfo fcinfo, int argument);
extern SmkLedger *smk_timeline_ledger(FunctionCallInfo fcinfo, SmkKeyKind kind);
extern void smk_timeline_add_datum(SmkTimeline *timeline, Datum entity, uint64 word);
extern int64 smk_timeline_window(const Interval *within);
pg_noreturn extern void smk_timeline_time_error(TimestampTz at);

/* The word of an event. An infinite time, or one that has no room in a word, is an error. */
static inline uint64
smk_timeline_word(TimestampTz at, unsigned code)
{
	if (unlikely(at > SMK_WORD_MAX_TIME || at < -SMK_WORD_MAX_TIME))
		smk_timeline_time_error(at);
	return smk_word(at, code);
}

#endif
