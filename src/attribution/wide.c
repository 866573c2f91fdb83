/*
 * wide.c: signed numbers of 320 bits, as far as sums of shares need them.
 */
#include "postgres.h"

#include <math.h>

#include "attribution/wide.h"
#include "port/pg_bitutils.h"

/* Remainders are compared by so many bits: what shares themselves are cut by lies far below. */
#define REMAINDER_BITS 20

static bool
is_negative(const SmkWide *number)
{
	return number->limbs[SMK_WIDE_LIMBS - 1] >> 63 != 0;
}

static void
negate(SmkWide *number)
{
	bool carry = true;

	for (int i = 0; i < SMK_WIDE_LIMBS; i++)
	{
		number->limbs[i] = ~number->limbs[i] + carry;
		carry = carry && number->limbs[i] == 0;
	}
}

bool
smk_wide_add(SmkWide *sum, const SmkWide *more)
{
	bool was_negative = is_negative(sum);
	uint64 carry = 0;

	for (int i = 0; i < SMK_WIDE_LIMBS; i++)
	{
		uint128 limb = (uint128) sum->limbs[i] + more->limbs[i] + carry;

		sum->limbs[i] = (uint64) limb;
		carry = (uint64) (limb >> 64);
	}
	return was_negative != is_negative(more) || was_negative == is_negative(sum);
}

/* Adds an amount times a share; the product of both has room. */
bool
smk_wide_add_large_product(SmkWide *sum, int128 amount, uint128 share)
{
	uint128 size = amount < 0 ? -(uint128) amount : (uint128) amount;
	uint64 left[2] = {(uint64) size, (uint64) (size >> 64)};
	uint64 right[2] = {(uint64) share, (uint64) (share >> 64)};
	SmkWide product = {{0}};

	for (int i = 0; i < 2; i++)
	{
		uint64 carry = 0;

		for (int j = 0; j < 2; j++)
		{
			uint128 limb = (uint128) left[i] * right[j] + product.limbs[i + j] + carry;

			product.limbs[i + j] = (uint64) limb;
			carry = (uint64) (limb >> 64);
		}
		product.limbs[i + 2] += carry;
	}
	if (amount < 0)
		negate(&product);
	return smk_wide_add(sum, &product);
}

/* Multiplies by a power of ten. */
bool
smk_wide_scale_up(SmkWide *number, int places)
{
	bool was_negative = is_negative(number);

	if (was_negative)
		negate(number);
	while (places-- > 0)
	{
		uint64 carry = 0;

		for (int i = 0; i < SMK_WIDE_LIMBS; i++)
		{
			uint128 limb = (uint128) number->limbs[i] * 10 + carry;

			number->limbs[i] = (uint64) limb;
			carry = (uint64) (limb >> 64);
		}
		if (carry != 0 || is_negative(number))
			return false;
	}
	if (was_negative)
		negate(number);
	return true;
}

/* 64 bits of a number, from one on that is below its highest limb. */
static uint64
bits_from(const SmkWide *number, int bit)
{
	int limb = bit / 64;

	return bit % 64 == 0 ? number->limbs[limb]
						 : number->limbs[limb] >> bit % 64 | number->limbs[limb + 1] << (64 - bit % 64);
}

/* How many whole ones there are, rounded down, and how much is left, in parts of 2^REMAINDER_BITS. */
bool
smk_wide_units(const SmkWide *number, int128 *units, uint32 *remainder)
{
	uint64 sign = is_negative(number) ? PG_UINT64_MAX : 0;
	int above = SMK_SHARE_BITS + 127;
	uint64 left =
		bits_from(number, SMK_SHARE_BITS - REMAINDER_BITS - 1) & ((UINT64CONST(2) << REMAINDER_BITS) - 1);

	*units =
		(int128) ((uint128) bits_from(number, SMK_SHARE_BITS + 64) << 64 | bits_from(number, SMK_SHARE_BITS));
	*remainder = (uint32) (left / 2 + left % 2);
	/* What is above the bits that were taken is their sign. */
	return bits_from(number, above) == sign &&
		   number->limbs[SMK_WIDE_LIMBS - 1] >> above % 64 == sign >> above % 64;
}

bool
smk_wide_equal(const SmkWide *a, const SmkWide *b)
{
	return memcmp(a->limbs, b->limbs, sizeof(a->limbs)) == 0;
}

/* The nearest double of what so many parts are. */
double
smk_wide_double(const SmkWide *number)
{
	SmkWide size = *number;
	int top = SMK_WIDE_LIMBS - 1;
	uint64 bits;
	int shift;

	if (is_negative(number))
		negate(&size);
	while (top > 0 && size.limbs[top] == 0)
		top--;
	if (size.limbs[top] == 0)
		return 0;
	/* The 64 highest bits, the last of which stands for all that follow. */
	shift = 63 - pg_leftmost_one_pos64(size.limbs[top]);
	bits = size.limbs[top] << shift;
	if (top > 0)
	{
		if (shift > 0)
			bits |= size.limbs[top - 1] >> (64 - shift);
		bits |= size.limbs[top - 1] << shift != 0;
		for (int i = 0; i < top - 1; i++)
			bits |= size.limbs[i] != 0;
	}
	return ldexp(is_negative(number) ? -(double) bits : (double) bits, top * 64 - shift - SMK_SHARE_BITS);
}

/* The bytes of a number, the lowest first. */
static void
get_bytes(const SmkWide *number, unsigned char *bytes)
{
	for (int i = 0; i < SMK_WIDE_LIMBS * 8; i++)
		bytes[i] = (unsigned char) (number->limbs[i / 8] >> i % 8 * 8);
}

/* How many of the bytes of a number say all: those above are its sign. */
static int
needed_bytes(const unsigned char *bytes)
{
	int count = SMK_WIDE_LIMBS * 8;
	unsigned char sign = bytes[count - 1] & 0x80 ? 0xFF : 0;

	while (count > 0 && bytes[count - 1] == sign &&
		   (count == 1 ? sign == 0 : (bytes[count - 2] ^ sign) < 0x80))
		count--;
	return count;
}

/* Writes a number: how many bytes it takes, and these. */
void
smk_wide_write(const SmkWide *number, StringInfo out)
{
	unsigned char bytes[SMK_WIDE_LIMBS * 8];
	int count;

	get_bytes(number, bytes);
	count = needed_bytes(bytes);
	appendStringInfoChar(out, (char) count);
	appendBinaryStringInfo(out, (char *) bytes, count);
}

/* Reads a number and moves on; false where the bytes are none, or more than it needs. */
bool
smk_wide_read(SmkWide *number, const unsigned char **data, const unsigned char *end)
{
	unsigned char bytes[SMK_WIDE_LIMBS * 8];
	int count;

	if (*data == end || **data > sizeof(bytes) || end - *data <= **data)
		return false;
	count = *(*data)++;
	memset(bytes, count > 0 && (*data)[count - 1] & 0x80 ? 0xFF : 0, sizeof(bytes));
	memcpy(bytes, *data, count);
	*data += count;
	memset(number, 0, sizeof(*number));
	for (size_t i = 0; i < sizeof(bytes); i++)
		number->limbs[i / 8] |= (uint64) bytes[i] << i % 8 * 8;
	return needed_bytes(bytes) == count;
}
