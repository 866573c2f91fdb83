/*
 * varint.h: numbers of as many bytes as they need, 7 bits each. The lowest bits of the first byte tell how
 * many follow, so that a number is read at once and not byte by byte: n bytes hold the number shifted by n,
 * with bit n - 1 set; where that does not do, a 0 is followed by 8 bytes. The lowest byte comes first.
 */
#ifndef SMK_VARINT_H
#define SMK_VARINT_H

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"

/* The most bytes of a number; and so many bytes are touched in writing one. */
#define SMK_VARINT_MAX 9

/* The lowest byte first, whatever the machine has. */
static inline uint64
smk_varint_order(uint64 bytes)
{
#ifdef WORDS_BIGENDIAN
	return pg_bswap64(bytes);
#else
	return bytes;
#endif
}

/* Writes a number where SMK_VARINT_MAX bytes have room; returns the first byte after it. */
static inline unsigned char *
smk_varint_write(unsigned char *to, uint64 value)
{
	int bytes = pg_leftmost_one_pos64(value | 1) / 7 + 1;
	uint64 ordered;

	if (unlikely(bytes > 8))
	{
		*to++ = 0;
		ordered = smk_varint_order(value);
		bytes = 8;
	}
	else
		ordered = smk_varint_order(value << bytes | UINT64CONST(1) << (bytes - 1));
	memcpy(to, &ordered, 8);
	return to + bytes;
}

/* Appends a number. */
static inline void
smk_varint_append(StringInfo out, uint64 value)
{
	unsigned char bytes[SMK_VARINT_MAX];

	appendBinaryStringInfo(out, (char *) bytes, (int) (smk_varint_write(bytes, value) - bytes));
}

/* Reads a number and moves on; false where the bytes end, or hold no number in its shortest form. */
static inline bool
smk_varint_read(const unsigned char **from, const unsigned char *end, uint64 *value)
{
	const unsigned char *p = *from;
	uint64 ordered = 0;
	int bytes;

	if (unlikely(p == end))
		return false;
	if (unlikely(*p == 0))
	{
		if (end - p < 9)
			return false;
		memcpy(&ordered, p + 1, 8);
		*value = smk_varint_order(ordered);
		*from = p + 9;
		return *value >> 56 != 0;
	}
	bytes = pg_rightmost_one_pos32(*p) + 1;
	if (likely(end - p >= 8))
		memcpy(&ordered, p, 8);
	else if (end - p >= bytes)
		memcpy(&ordered, p, end - p);
	else
		return false;
	/* What lies behind the number is shifted out. */
	*value = smk_varint_order(ordered) << (64 - 8 * bytes) >> (64 - 7 * bytes);
	*from = p + bytes;
	return bytes == 1 || *value >> (7 * (bytes - 1)) != 0;
}

#endif
