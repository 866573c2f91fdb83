/*
 * business.h: business calendars: how much open time lies between two instants, and when so much of it has
 * passed.
 *
 * An instant is open where the clocks of the calendar's zone show a time within a span of that weekday, on a
 * day that is no holiday. So a time that the clocks skip is not counted, and one that they show twice counts
 * twice.
 */
#ifndef SMK_BUSINESS_H
#define SMK_BUSINESS_H

#include "datatype/timestamp.h"
#include "utils/array.h"
#include "utils/jsonb.h"

typedef struct SmkCalendar SmkCalendar;

/* business.c: both cost the same whatever the distance, are exact, and raise 22008 for infinite times. */
extern SmkCalendar *smk_calendar_create(const char *name, const char *time_zone, Jsonb *hours,
										ArrayType *holidays, MemoryContext context);

/* Open microseconds in [from_at, to_at); 0 where to_at is not after from_at. */
extern int64 smk_calendar_elapsed(const SmkCalendar *calendar, TimestampTz from_at, TimestampTz to_at);

/*
 * The earliest instant at which so many open microseconds have passed since from_at, so at the end of a day
 * its closing time and not the next opening; 0: from_at, or the next opening where it is not open. Less than
 * 0: the latest instant from which on so many pass until from_at.
 */
extern TimestampTz smk_calendar_add(const SmkCalendar *calendar, TimestampTz from_at, int64 microseconds);

/* business_functions.c: the calendar of that name as the active snapshot shows it, 42704 where there is none.
 */
extern SmkCalendar *smk_calendar_load(const char *name, MemoryContext context);

#endif
