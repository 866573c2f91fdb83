/*
 * score.c: reads the activities of a lead in the order of time.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "score/score.h"

/* The number of a rate, which is added where it is new; -1 where there is no room for it. */
int
smk_score_rate(SmkScoreRates *rates, int32 points, int64 half_life)
{
	int fade = -1;

	for (int i = 0; i < rates->count; i++)
		if (rates->rates[i].points == points && rates->rates[i].half_life == half_life)
			return i;
	if (rates->count == SMK_SCORE_MAX_RATES)
		return -1;
	for (int i = 0; half_life != 0 && fade < 0 && i < rates->fade_count; i++)
		if (rates->fades[i] == half_life)
			fade = i;
	if (half_life != 0 && fade < 0)
	{
		fade = rates->fade_count++;
		rates->fades[fade] = half_life;
	}
	rates->rates[rates->count] = (SmkScoreRate){points, half_life};
	rates->fade_of[rates->count] = fade;
	return rates->count++;
}

/* What is left of points after that time. */
static inline double
faded(double points, int64 elapsed, int64 half_life)
{
	return points == 0 || elapsed == 0 ? points : points * exp2(-((double) elapsed / (double) half_life));
}

/* What points that fade were worth at an instant. */
typedef struct Fading
{
	double points;
	int64 at;
} Fading;

/*
 * Reads a lead by its activities, sorted; none is later than as_of. What it is worth then is told where that
 * is wanted; else reading ends when all thresholds were reached.
 */
void
smk_score_read(const SmkScoreRates *rates, const uint64 *words, int64 count, bool wants_score, int64 as_of,
			   SmkScore *score)
{
	int64 steady = 0;
	Fading fading[SMK_SCORE_MAX_RATES];
	int left = rates->threshold_count;

	memset(score, 0, sizeof(*score));
	for (int i = 0; i < rates->fade_count; i++)
		fading[i] = (Fading){0};
	for (int64 i = 0; i < count && (wants_score || left > 0);)
	{
		int64 at = smk_word_time(words[i]);
		double total;

		do
		{
			unsigned code = smk_word_code(words[i]);
			int fade = rates->fade_of[code];

			CHECK_FOR_INTERRUPTS();
			if (fade < 0)
				steady += rates->rates[code].points;
			else
			{
				fading[fade].points = faded(fading[fade].points, at - fading[fade].at, rates->fades[fade]) +
									  rates->rates[code].points;
				fading[fade].at = at;
			}
			i++;
		} while (i < count && smk_word_time(words[i]) == at);
		if (left == 0)
			continue;
		total = (double) steady;
		for (int f = 0; f < rates->fade_count; f++)
			total += faded(fading[f].points, at - fading[f].at, rates->fades[f]);
		for (int t = 0; t < rates->threshold_count; t++)
			if (!score->has_crossed[t] && total >= rates->thresholds[t] * (1 - SMK_SCORE_TOLERANCE))
			{
				score->has_crossed[t] = score->has_crossed_any = true;
				score->crossed_at[t] = at;
				left--;
			}
	}
	if (!wants_score)
		return;
	score->score = (double) steady;
	for (int f = 0; f < rates->fade_count; f++)
		score->score += faded(fading[f].points, as_of - fading[f].at, rates->fades[f]);
}
