/*
 * key.h: an entity's key as words that compare as unsigned numbers: inline and exact, never hashed. A bigint
 * takes one, a uuid two, a text its bytes and their number: two words up to 15 bytes, three up to 23; what is
 * longer is known by its number in a dictionary.
 */
#ifndef SMK_KEY_H
#define SMK_KEY_H

#define SMK_KEY_WORDS 3
#define SMK_KEY_SHORT_TEXT 15
#define SMK_KEY_TEXT 23
/* The last byte of a text's key is its length, or this. */
#define SMK_KEY_LONG 255

typedef enum SmkKeyKind
{
	SMK_KEY_BIGINT,
	SMK_KEY_UUID,
	SMK_KEY_TEXT_KIND
} SmkKeyKind;

/* Three words, those that the kind does not use 0. A text's length stands in the last byte of the third. */
typedef struct SmkKey
{
	uint64 words[SMK_KEY_WORDS];
} SmkKey;

extern SmkKey smk_key_bigint(int64 value);
extern SmkKey smk_key_uuid(const unsigned char *bytes);
extern SmkKey smk_key_text(const char *bytes, int length);
extern SmkKey smk_key_long(uint64 number);
extern int smk_key_bytes(SmkKeyKind kind, const SmkKey *key, unsigned char *bytes);

/*
 * Numbers are spread where their order does not matter: the lowest bits become the highest, mixed with the
 * others, so that these say evenly which of a number of parts a record belongs to; and in each part keys that
 * were near stay so. SMK_KEY_SPREAD_BITS are the bits that say it.
 */
#define SMK_KEY_SPREAD_BITS 10
#define SMK_KEY_SPREAD (UINT64CONST(0x9E3779B97F4A7C15))

static inline uint64
smk_key_spread(uint64 word)
{
	uint64 rest = word >> SMK_KEY_SPREAD_BITS;

	return (rest * SMK_KEY_SPREAD >> (64 - SMK_KEY_SPREAD_BITS) ^ word) << (64 - SMK_KEY_SPREAD_BITS) | rest;
}

/* The word that was spread. */
static inline uint64
smk_key_gather(uint64 word)
{
	uint64 rest = word << SMK_KEY_SPREAD_BITS >> SMK_KEY_SPREAD_BITS;

	return rest << SMK_KEY_SPREAD_BITS |
		   ((rest * SMK_KEY_SPREAD ^ word) >> (64 - SMK_KEY_SPREAD_BITS));
}

/* The number of which a key was made. */
static inline int64
smk_key_number(const SmkKey *key)
{
	return (int64) (key->words[0] ^ UINT64CONST(1) << 63);
}

static inline int
smk_key_length(const SmkKey *key)
{
	return key->words[2] & 255;
}

/*
 * The key of a record, which begins with so many words of it. Texts up to 15 bytes take two; the length moves
 * to the end of the third.
 */
static inline SmkKey
smk_record_key(SmkKeyKind kind, const uint64 *record, int words)
{
	SmkKey key = {{record[0], 0, 0}};

	if (words > 1)
		key.words[1] = record[1];
	if (words > 2)
		key.words[2] = record[2];
	else if (kind == SMK_KEY_TEXT_KIND)
	{
		key.words[2] = key.words[1] & 255;
		key.words[1] &= ~UINT64CONST(255);
	}
	return key;
}

/* True where two records begin with the same words. */
static inline bool
smk_record_same(const uint64 *a, const uint64 *b, int words)
{
	return a[0] == b[0] && (words < 2 || a[1] == b[1]) && (words < 3 || a[2] == b[2]);
}

#endif
