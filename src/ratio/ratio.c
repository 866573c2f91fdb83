/*
 * ratio.c: wide sums of units, the win rate and its Wilson score interval.
 */
#include "postgres.h"

#include <math.h>

#include "ratio/ratio.h"

/* Adds a value to the sum. */
void
smk_ratio_sum_add(RatioSum *sum, int64 value)
{
	RatioSum wide;

	wide.low = (uint64) value;
	wide.high = value < 0 ? PG_UINT64_MAX : 0;
	smk_ratio_sum_merge(sum, &wide);
}

/* Takes a value out of the sum again: adds its two's complement. */
void
smk_ratio_sum_remove(RatioSum *sum, int64 value)
{
	RatioSum wide;

	wide.low = ~(uint64) value + 1;
	wide.high = value > 0 ? PG_UINT64_MAX : 0;
	smk_ratio_sum_merge(sum, &wide);
}

/* Adds another sum. */
void
smk_ratio_sum_merge(RatioSum *sum, const RatioSum *other)
{
	sum->low += other->low;
	sum->high += other->high + (sum->low < other->low ? 1 : 0);
}

/* True when the sum is 0. */
bool
smk_ratio_sum_is_zero(const RatioSum *sum)
{
	return sum->high == 0 && sum->low == 0;
}

/* True when the sum is below 0. */
bool
smk_ratio_sum_is_negative(const RatioSum *sum)
{
	return (sum->high >> 63) != 0;
}

/* Gives the sum as 64 bits; false when it needs more. */
bool
smk_ratio_sum_fits(const RatioSum *sum, int64 *value)
{
	if (sum->high != ((sum->low >> 63) != 0 ? PG_UINT64_MAX : 0))
		return false;
	*value = (int64) sum->low;
	return true;
}

/* Gives won / closed; false when no deal is closed. */
bool
smk_ratio_win_rate(const RatioCounts *counts, double *rate)
{
	if (counts->closed <= 0)
		return false;
	*rate = (double) counts->won / (double) counts->closed;
	return true;
}

/* The half width of the interval times (closed + z^2): z sqrt(won (closed - won) / closed + z^2 / 4). */
static double
ratio_spread(int64 won, int64 closed)
{
	double variance = (double) won * ((double) (closed - won) / (double) closed);

	return SMK_RATIO_Z * sqrt(variance + SMK_RATIO_Z * SMK_RATIO_Z / 4);
}

/*
 * The lower limit of the 95 % interval of won / closed, for 0 <= won <= closed and 0 < closed (E. B. Wilson
 * 1927). The limits are the roots of (n + z^2) p^2 - (2 w + z^2) p + w^2 / n; the lower one is taken as their
 * product over the upper one, which cancels no digits and is exactly 0 when nothing is won.
 */
double
smk_ratio_wilson_low(int64 won, int64 closed)
{
	double rate = (double) won / (double) closed;
	double upper = (double) won + SMK_RATIO_Z * SMK_RATIO_Z / 2 + ratio_spread(won, closed);

	return Min((double) won * rate / upper, rate);
}

/* The upper limit of the same interval; exactly 1 when everything is won. */
double
smk_ratio_wilson_high(int64 won, int64 closed)
{
	double rate = (double) won / (double) closed;
	double upper = (double) won + SMK_RATIO_Z * SMK_RATIO_Z / 2 + ratio_spread(won, closed);

	if (won == closed)
		return 1;
	return Min(Max(upper / ((double) closed + SMK_RATIO_Z * SMK_RATIO_Z), rate), 1);
}
