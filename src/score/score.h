/*
 * score.h: what the activities of a lead are worth at an instant, and when their worth first reached a
 * threshold.
 *
 * The score at t is the sum over the activities up to t of points * 2^(-(t - at) / half_life). What happened
 * at one instant counts together.
 */
#ifndef SMK_SCORE_H
#define SMK_SCORE_H

#include "timeline/word.h"

/* Pairs of points and half-life: their numbers are the codes of events. */
#define SMK_SCORE_MAX_RATES SMK_WORD_CODES
#define SMK_SCORE_MAX_THRESHOLDS 3

/* A score this part of a threshold below it has reached it: so much may be lost in rounding. */
#define SMK_SCORE_TOLERANCE 1e-9

/* What an activity is worth. */
typedef struct SmkScoreRate
{
	int32 points;
	int64 half_life; /* in microseconds; 0: the points do not fade */
} SmkScoreRate;

/* The thresholds rise in no order. */
typedef struct SmkScoreRates
{
	int count;
	SmkScoreRate rates[SMK_SCORE_MAX_RATES]; /* by the code of an event */
	int threshold_count;
	double thresholds[SMK_SCORE_MAX_THRESHOLDS];
	int fade_count;
	int64 fades[SMK_SCORE_MAX_RATES]; /* the different half-lives, */
	int fade_of[SMK_SCORE_MAX_RATES]; /* and which one a rate has; -1: none */
} SmkScoreRates;

typedef struct SmkScore
{
	double score;
	bool has_crossed[SMK_SCORE_MAX_THRESHOLDS];
	int64 crossed_at[SMK_SCORE_MAX_THRESHOLDS];
	bool has_crossed_any;
} SmkScore;

extern int smk_score_rate(SmkScoreRates *rates, int32 points, int64 half_life);
extern void smk_score_read(const SmkScoreRates *rates, const uint64 *words, int64 count, bool wants_score,
						   int64 as_of, SmkScore *score);

#endif
