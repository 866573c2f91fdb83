/*
 * money.c: reads the digits of a stored numeric in place, and adds without making a numeric.
 *
 * How a numeric is stored does not change, since databases are upgraded with their files: a header of 16
 * bits, in the long form the weight in 16 more, and digits of four decimals.
 */
#include "postgres.h"

#include "timeline/money.h"
#include "timeline/varint.h"

/* The header: its two highest bits tell the form; of the short form the others are sign, scale and weight. */
#define HEADER_FORM 0xC000
#define HEADER_NEGATIVE 0x4000
#define HEADER_SHORT 0x8000
#define HEADER_SPECIAL 0xC000
#define HEADER_LONG_SCALE 0x3FFF
#define SHORT_NEGATIVE 0x2000
#define SHORT_SCALE 0x1F80
#define SHORT_SCALE_SHIFT 7
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT 0x003F
#define DIGIT_BASE 10000
#define DIGIT_DECIMALS 4

static uint16
read_16(const unsigned char *at)
{
	uint16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Multiplies units by a power of ten; false where that has no room. */
bool
smk_money_scale_up(int128 *units, int places)
{
	if (*units == 0)
		return true;
	if (places > SMK_MONEY_MAX_SCALE)
		return false;
	while (places-- > 0)
		if (__builtin_mul_overflow(*units, 10, units))
			return false;
	return true;
}

/* The value of a numeric, from the bytes after its length. */
SmkMoneyResult
smk_money_of_numeric(SmkMoney *money, const unsigned char *stored, int size)
{
	uint16 header = read_16(stored);
	bool is_negative;
	int head = 2;
	int weight;
	int digits;
	int shift; /* decimal places of the last digit, below the last one that counts */

	money->units = 0;
	if ((header & HEADER_FORM) == HEADER_SPECIAL)
		return SMK_MONEY_SPECIAL;
	if (header & HEADER_SHORT)
	{
		is_negative = (header & SHORT_NEGATIVE) != 0;
		money->scale = (header & SHORT_SCALE) >> SHORT_SCALE_SHIFT;
		weight = (header & SHORT_WEIGHT) - ((header & SHORT_WEIGHT_SIGN) ? SHORT_WEIGHT + 1 : 0);
	}
	else
	{
		is_negative = (header & HEADER_NEGATIVE) != 0;
		money->scale = header & HEADER_LONG_SCALE;
		weight = (int16) read_16(stored + 2);
		head = 4;
	}
	digits = (size - head) / 2;
	shift = money->scale + DIGIT_DECIMALS * (weight + 1 - digits);
	for (int i = 0; i < digits; i++)
	{
		int digit = read_16(stored + head + 2 * i);
		int places = DIGIT_DECIMALS;

		if (i == digits - 1 && shift < 0)
		{
			/* What lies beyond the scale is zeros. */
			for (; shift < 0 && places > 0; shift++, places--)
				digit /= 10;
		}
		if (!smk_money_scale_up(&money->units, places) ||
			__builtin_add_overflow(money->units, digit, &money->units))
			return SMK_MONEY_OVERFLOW;
	}
	if (shift > 0 && !smk_money_scale_up(&money->units, shift))
		return SMK_MONEY_OVERFLOW;
	if (is_negative)
		money->units = -money->units;
	if (money->scale <= SMK_MONEY_MAX_SCALE)
		return SMK_MONEY_OK;
	/* More places than there is room for, of which the last may be zeros. */
	for (; money->scale > SMK_MONEY_MAX_SCALE; money->scale--)
	{
		if (money->units % 10 != 0)
			return SMK_MONEY_OVERFLOW;
		money->units /= 10;
	}
	return SMK_MONEY_OK;
}

/* Adds an amount, or takes it away, at the larger scale of the two. What has no room leaves the sum as it
 * was. */
static SmkMoneyResult
add(SmkMoney *sum, const SmkMoney *money, bool is_negative)
{
	int128 left = sum->units;
	int128 right = money->units;

	if ((sum->scale < money->scale && !smk_money_scale_up(&left, money->scale - sum->scale)) ||
		(money->scale < sum->scale && !smk_money_scale_up(&right, sum->scale - money->scale)) ||
		(is_negative ? __builtin_sub_overflow(left, right, &left)
					 : __builtin_add_overflow(left, right, &left)))
		return SMK_MONEY_OVERFLOW;
	sum->units = left;
	sum->scale = Max(sum->scale, money->scale);
	return SMK_MONEY_OK;
}

SmkMoneyResult
smk_money_add(SmkMoney *sum, const SmkMoney *money)
{
	return add(sum, money, false);
}

SmkMoneyResult
smk_money_subtract(SmkMoney *sum, const SmkMoney *money)
{
	return add(sum, money, true);
}

/* The amount in decimals, as numeric reads it, in room for SMK_MONEY_TEXT; returns that. */
char *
smk_money_text(const SmkMoney *money, char *text)
{
	char digits[SMK_MONEY_TEXT];
	uint128 rest = money->units < 0 ? -(uint128) money->units : (uint128) money->units;
	int count = 0;
	char *to = text;

	while (rest != 0 || count <= money->scale)
	{
		digits[count++] = (char) ('0' + (int) (rest % 10));
		rest /= 10;
	}
	if (money->units < 0)
		*to++ = '-';
	while (count > 0)
	{
		if (count == money->scale)
			*to++ = '.';
		*to++ = digits[--count];
	}
	*to = '\0';
	return text;
}

/* Writes the amount: scale, and units with the sign in the lowest bit, as two numbers. */
void
smk_money_write(const SmkMoney *money, StringInfo out)
{
	uint128 bits = (uint128) money->units << 1 ^ (uint128) (money->units >> 127);

	smk_varint_append(out, (uint64) money->scale);
	smk_varint_append(out, (uint64) bits);
	smk_varint_append(out, (uint64) (bits >> 64));
}

/* Reads an amount and moves on; false where the bytes are none. */
bool
smk_money_read(SmkMoney *money, const unsigned char **data, const unsigned char *end)
{
	uint64 scale;
	uint64 low;
	uint64 high;
	uint128 bits;

	if (!smk_varint_read(data, end, &scale) || scale > SMK_MONEY_MAX_SCALE ||
		!smk_varint_read(data, end, &low) || !smk_varint_read(data, end, &high))
		return false;
	bits = (uint128) high << 64 | low;
	money->scale = (int) scale;
	money->units = (int128) (bits >> 1 ^ -(bits & 1));
	return true;
}
