/*
 * ratio.h: quotients of counts, and the sums that they are made of.
 */
#ifndef SMK_RATIO_H
#define SMK_RATIO_H

#include "postgres.h"

/* The 97.5 % quantile of the normal distribution: intervals hold 95 %. */
#define SMK_RATIO_Z 1.959963984540054

/* A sum of 64-bit integers in 128 bits of two's complement: 2^63 rows do not overflow it. */
typedef struct RatioSum
{
	uint64 high; /* with the sign */
	uint64 low;
} RatioSum;

/* Closed deals of win_rate. */
typedef struct RatioCounts
{
	int64 won;
	int64 closed; /* won and lost; at least won */
} RatioCounts;

extern void smk_ratio_sum_add(RatioSum *sum, int64 value);
extern void smk_ratio_sum_remove(RatioSum *sum, int64 value);
extern void smk_ratio_sum_merge(RatioSum *sum, const RatioSum *other);
extern bool smk_ratio_sum_is_zero(const RatioSum *sum);
extern bool smk_ratio_sum_is_negative(const RatioSum *sum);
extern bool smk_ratio_sum_fits(const RatioSum *sum, int64 *value);

extern bool smk_ratio_win_rate(const RatioCounts *counts, double *rate);
extern double smk_ratio_wilson_low(int64 won, int64 closed);
extern double smk_ratio_wilson_high(int64 won, int64 closed);

#endif
