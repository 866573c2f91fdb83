/*
 * wide.h: sums of products of an amount and a share, exactly: signed numbers of 320 bits. A share is a
 * fraction of 2^126 parts, so small that what it is cut by does not show in amounts of 30 digits.
 */
#ifndef SMK_WIDE_H
#define SMK_WIDE_H

#include "lib/stringinfo.h"

#define SMK_SHARE_BITS 126
#define SMK_SHARE_ONE ((uint128) 1 << SMK_SHARE_BITS)
#define SMK_WIDE_LIMBS 5

/* The lowest limb first; below 0 in two's complement. */
typedef struct SmkWide
{
	uint64 limbs[SMK_WIDE_LIMBS];
} SmkWide;

/* Of these, false where the result has no room. */
extern bool smk_wide_add(SmkWide *sum, const SmkWide *more);
extern bool smk_wide_add_large_product(SmkWide *sum, int128 amount, uint128 share);
extern bool smk_wide_scale_up(SmkWide *number, int places);
extern bool smk_wide_units(const SmkWide *number, int128 *units, uint32 *remainder);

extern bool smk_wide_equal(const SmkWide *a, const SmkWide *b);
extern double smk_wide_double(const SmkWide *number);
extern void smk_wide_write(const SmkWide *number, StringInfo out);
extern bool smk_wide_read(SmkWide *number, const unsigned char **data, const unsigned char *end);

/* Adds an amount times a share; the product of both has room. False where the sum has none. */
static inline bool
smk_wide_add_product(SmkWide *sum, int128 amount, uint128 share)
{
	uint64 size = (uint64) amount;
	uint128 low = (uint128) size * (uint64) share;
	uint128 high = (uint128) size * (uint64) (share >> 64) + (uint64) (low >> 64);
	uint128 first = (uint128) sum->limbs[0] + (uint64) low;
	uint128 second = (uint128) sum->limbs[1] + (uint64) high + (uint64) (first >> 64);
	uint128 third = (uint128) sum->limbs[2] + (uint64) (high >> 64) + (uint64) (second >> 64);

	/* Mostly an amount is not below 0, has room in one limb, and leaves the two highest limbs alone. */
	if (unlikely((uint64) (amount >> 64) != 0 || (uint64) (third >> 64) != 0))
		return smk_wide_add_large_product(sum, amount, share);
	sum->limbs[0] = (uint64) first;
	sum->limbs[1] = (uint64) second;
	sum->limbs[2] = (uint64) third;
	return true;
}

#endif
