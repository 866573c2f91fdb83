/*
 * score_unit.c: the reader of scores without a server, beside the definition.
 */
#include "unit.h"

#include "score/score.h"

#define MOST_EVENTS 30
#define HOUR INT64CONST(3600000000)

/* Random rates, some of which share a half-life; two or three thresholds. */
static SmkScoreRates
random_rates(void)
{
	static const int64 half_lives[] = {0, 0, HOUR, 24 * HOUR, 24 * HOUR, 1000 * HOUR};
	SmkScoreRates rates = {0};

	for (int i = 1 + (int) random_below(8); i > 0; i--)
		(void) smk_score_rate(&rates, (int32) random_below(60) - 15,
							  half_lives[random_below(lengthof(half_lives))]);
	rates.threshold_count = (int) random_below(SMK_SCORE_MAX_THRESHOLDS + 1);
	for (int i = 0; i < rates.threshold_count; i++)
		rates.thresholds[i] = 1 + random_below(80);
	return rates;
}

/* The score at an instant, as it is defined. */
static long double
score_at(const SmkScoreRates *rates, const uint64 *words, int count, int64 at)
{
	long double score = 0;

	for (int i = 0; i < count && smk_word_time(words[i]) <= at; i++)
	{
		const SmkScoreRate *rate = &rates->rates[smk_word_code(words[i])];

		score +=
			rate->points * (rate->half_life == 0
								? 1
								: exp2l(-(long double) (at - smk_word_time(words[i])) / rate->half_life));
	}
	return score;
}

/* Leads of random activities, many at the same instants. */
static void
test_random(void)
{
	int wrong = 0;
	int crossings = 0;

	for (int round = 0; round < 20000; round++)
	{
		SmkScoreRates rates = random_rates();
		uint64 words[MOST_EVENTS];
		int count = 1 + (int) random_below(MOST_EVENTS);
		int64 as_of = 200 * HOUR;
		SmkScore score;
		SmkScore crossing;

		for (int i = 0; i < count; i++)
			words[i] = smk_word(((int64) random_below(400) - 200) * HOUR, random_below(rates.count));
		qsort(words, count, sizeof(uint64), compare_words);
		smk_score_read(&rates, words, count, true, as_of, &score);
		smk_score_read(&rates, words, count, false, 0, &crossing);
		wrong += fabsl(score.score - score_at(&rates, words, count, as_of)) > 1e-9L;
		for (int t = 0; t < rates.threshold_count; t++)
		{
			bool has_crossed = false;
			int64 at = 0;

			for (int i = 0; i < count && !has_crossed; i++)
			{
				at = smk_word_time(words[i]);
				has_crossed =
					score_at(&rates, words, count, at) >= rates.thresholds[t] * (1 - SMK_SCORE_TOLERANCE);
			}
			crossings += has_crossed;
			wrong += score.has_crossed[t] != has_crossed || crossing.has_crossed[t] != has_crossed ||
					 (has_crossed && (score.crossed_at[t] != at || crossing.crossed_at[t] != at));
			wrong += has_crossed && !score.has_crossed_any;
		}
	}
	printf("# %d crossings\n", crossings);
	ok(wrong == 0 && crossings > 5000, "scores and first crossings are those of the definition");
}

/* What has faded for ages is nothing, and nothing overflows. */
static void
test_limits(void)
{
	SmkScoreRates rates = {.threshold_count = 1, .thresholds = {1e9}};
	int fading = smk_score_rate(&rates, PG_INT32_MAX, 1);
	int steady = smk_score_rate(&rates, PG_INT32_MIN, 0);
	uint64 words[] = {smk_word(-SMK_WORD_MAX_TIME, fading), smk_word(SMK_WORD_MAX_TIME - 1, steady),
					  smk_word(SMK_WORD_MAX_TIME, steady)};
	SmkScore score;

	smk_score_read(&rates, words, 3, true, SMK_WORD_MAX_TIME, &score);
	ok(score.score == 2.0 * PG_INT32_MIN, "points fade to nothing, those that do not add up");
	ok(score.has_crossed[0] && score.crossed_at[0] == -SMK_WORD_MAX_TIME, "what was reached is latched");
	for (int i = 0; i < SMK_SCORE_MAX_RATES; i++)
		(void) smk_score_rate(&rates, i + 1, 7);
	ok(rates.count == SMK_SCORE_MAX_RATES && smk_score_rate(&rates, 1000, 7) < 0 &&
		   smk_score_rate(&rates, 1, 7) == 2,
	   "more rates than there is room for are refused, those that are there are found");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_random();
	test_limits();
	return finish();
}
