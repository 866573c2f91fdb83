/*
 * varint.h: numbers of as many bytes as they need, 7 bits each, the lowest first; the reader knows where its
 * bytes end.
 */
#ifndef SMK_VARINT_H
#define SMK_VARINT_H

#include "lib/stringinfo.h"

#define SMK_VARINT_MAX 10

/* Writes a number; returns the first byte after it. */
static inline unsigned char *
smk_varint_write(unsigned char *to, uint64 value)
{
	while (value >= 128)
	{
		*to++ = (unsigned char) value | 128;
		value >>= 7;
	}
	*to++ = (unsigned char) value;
	return to;
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
	uint64 result = 0;

	for (int shift = 0; shift < 64 && p < end; shift += 7)
	{
		uint64 bits = *p & 127;

		if (shift == 63 && bits > 1)
			return false;
		result |= bits << shift;
		if ((*p++ & 128) == 0)
		{
			if (bits == 0 && shift > 0)
				return false;
			*from = p;
			*value = result;
			return true;
		}
	}
	return false;
}

#endif
