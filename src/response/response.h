/*
 * response.h: how long answers to triggers take: what was answered as a distribution, and when what still
 * waits is due. Which of those that wait are late is told when a summary is read.
 */
#ifndef SMK_RESPONSE_H
#define SMK_RESPONSE_H

#include "lib/stringinfo.h"

#include "calendar/business.h"
#include "timeline/sketch.h"
#include "timeline/word.h"

#define SMK_RESPONSE_VERSION 1

/* Events; at one time they come in this order. */
typedef enum SmkResponseCode
{
	SMK_RESPONSE_TRIGGER,
	SMK_RESPONSE_ANSWER,
	SMK_RESPONSE_STOP
} SmkResponseCode;

/* Triggers that wait and are due at one time. */
typedef struct SmkResponseDue
{
	uint64 at; /* the time, with its sign flipped */
	uint64 count;
} SmkResponseDue;

typedef struct SmkResponseSummary
{
	int64 within;		  /* microseconds, of open hours where there is a calendar */
	const char *calendar; /* its name, not terminated; NULL: every hour counts */
	int calendar_length;
	bool is_empty;
	int64 last;			/* the time of the last event */
	SmkSketch answered; /* microseconds until the answer */
	int64 late;			/* those of these that were more than within */
	int64 stopped;		/* ended without an answer when they were not yet due, */
	int64 missed;		/* and after that */
	SmkResponseDue *due;
	int64 due_count;
	int64 due_size;
} SmkResponseSummary;

/* Adds entities to a summary; their hours are those of the calendar, NULL: every hour counts. */
typedef struct SmkResponseReader
{
	SmkResponseSummary *summary;
	const SmkCalendar *hours;
} SmkResponseReader;

/* What a summary says of triggers at a time. */
typedef struct SmkResponseCounts
{
	int64 triggers;
	int64 answered; /* in time or late */
	int64 in_time;
	int64 late;
	int64 unanswered; /* no answer, and the time was over */
	int64 running;	  /* no answer, and not yet due */
} SmkResponseCounts;

extern void smk_response_init(SmkResponseSummary *summary, int64 within, const char *calendar,
							  int calendar_length);
extern void smk_response_add(SmkResponseReader *reader, const uint64 *words, int64 count);
extern bool smk_response_same_calendar(const SmkResponseSummary *a, const SmkResponseSummary *b);
extern bool smk_response_merge(SmkResponseSummary *into, const SmkResponseSummary *other);
extern SmkResponseCounts smk_response_counts(const SmkResponseSummary *summary, int64 as_of);
extern void smk_response_write(const SmkResponseSummary *summary, StringInfo out);
extern bool smk_response_read(SmkResponseSummary *summary, const unsigned char *data, int64 size);

#endif
