/*
 * moment.h: times as a statement names them: literals, or, where the request's range moves, SQL that moves
 * with now().
 */
#ifndef SMK_MOMENT_H
#define SMK_MOMENT_H

#include "kpi/request.h"

/* An instant: known as it is at the moment, and where it moves also as SQL. */
typedef struct SmkMoment
{
	TimestampTz at;
	const char *sql; /* NULL: it does not move */
} SmkMoment;

extern SmkMoment smk_moment_since(const SmkRequest *request);
extern SmkMoment smk_moment_until(const SmkRequest *request);
extern SmkMoment smk_moment_now(const SmkRequest *request);
extern SmkMoment smk_moment_cut(const SmkRequest *request);
extern SmkMoment smk_moment_complete(const SmkRequest *request);
extern SmkMoment smk_moment_later(SmkMoment moment, int64 by);
extern SmkMoment smk_moment_of_date(const SmkRequest *request, DateADT date, const char *sql);
extern void smk_moment_begin(SmkRequest *request, SmkMoment moment);
extern void smk_moment_end(SmkRequest *request, SmkMoment moment);
extern SmkMoment smk_moment_first_instant(const SmkRequest *request);

extern char *smk_moment_instant(SmkMoment moment);
extern char *smk_moment_date(const SmkRequest *request, SmkMoment moment);
extern char *smk_moment_date_from(const SmkRequest *request, SmkMoment moment);
extern char *smk_moment_clocks(const SmkRequest *request, SmkMoment moment);
extern char *smk_moment_period(const SmkRequest *request, SmkMoment moment);

extern char *smk_moment_first_period(const SmkRequest *request);
extern char *smk_moment_end_of_periods(const SmkRequest *request);
extern char *smk_moment_running_period(const SmkRequest *request);

extern char *smk_timestamp_literal(TimestampTz at);
extern char *smk_date_literal(DateADT date);
extern char *smk_hours_literal(int64 length);
extern char *smk_moment_length(int64 length);
extern char *smk_moment_seen(const SmkRequest *request, const char *at);
extern char *smk_moment_seen_or_unknown(const SmkRequest *request, const char *at);
extern char *smk_moment_due(const char *since, int64 within, const char *calendar);

#endif
