/*
 * word.h: an event's time and code in one word, so that words compare as (time, code) do.
 *
 * The code has 6 bits, the time the others: microseconds since 2000, 4,500 years to either side. The sign is
 * flipped, so that words and keys alike are compared as unsigned numbers.
 */
#ifndef SMK_WORD_H
#define SMK_WORD_H

#define SMK_WORD_CODE_BITS 6
#define SMK_WORD_CODES (1 << SMK_WORD_CODE_BITS)
#define SMK_WORD_SIGN (UINT64CONST(1) << 63)
#define SMK_WORD_MAX_TIME ((INT64CONST(1) << 57) - 1)

/* The word of an event; the time lies within SMK_WORD_MAX_TIME to either side, the code is below 64. */
static inline uint64
smk_word(int64 at, unsigned code)
{
	return ((uint64) at << SMK_WORD_CODE_BITS | code) ^ SMK_WORD_SIGN;
}

/* The time of an event, in microseconds. */
static inline int64
smk_word_time(uint64 word)
{
	return (int64) (word ^ SMK_WORD_SIGN) >> SMK_WORD_CODE_BITS;
}

static inline unsigned
smk_word_code(uint64 word)
{
	return word & (SMK_WORD_CODES - 1);
}

#endif
