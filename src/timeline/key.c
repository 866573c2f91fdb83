/*
 * key.c: makes the words of keys, and their bytes again.
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "timeline/key.h"

/* The key of a number: the sign flipped, so that it compares as an unsigned one. */
SmkKey
smk_key_bigint(int64 value)
{
	SmkKey key = {{(uint64) value ^ UINT64CONST(1) << 63, 0, 0}};

	return key;
}

/* The key of 16 bytes. */
SmkKey
smk_key_uuid(const unsigned char *bytes)
{
	SmkKey key = {{0, 0, 0}};

	memcpy(key.words, bytes, 16);
	key.words[0] = pg_ntoh64(key.words[0]);
	key.words[1] = pg_ntoh64(key.words[1]);
	return key;
}

/* The key of a text of at most SMK_KEY_TEXT bytes, none of them 0. */
SmkKey
smk_key_text(const char *bytes, int length)
{
	unsigned char padded[SMK_KEY_WORDS * 8] = {0};
	SmkKey key;

	memcpy(padded, bytes, length);
	padded[sizeof(padded) - 1] = (unsigned char) length;
	memcpy(key.words, padded, sizeof(padded));
	for (int i = 0; i < SMK_KEY_WORDS; i++)
		key.words[i] = pg_ntoh64(key.words[i]);
	return key;
}

/* The key of a longer text, by its number in the dictionary. */
SmkKey
smk_key_long(uint64 number)
{
	SmkKey key = {{PG_UINT64_MAX, number, SMK_KEY_LONG}};

	return key;
}

/* The bytes of a key of a number, a uuid or a text that is not long; returns how many. */
int
smk_key_bytes(SmkKeyKind kind, const SmkKey *key, unsigned char *bytes)
{
	uint64 words[SMK_KEY_WORDS];

	for (int i = 0; i < SMK_KEY_WORDS; i++)
		words[i] = pg_hton64(key->words[i]);
	memcpy(bytes, words, sizeof(words));
	return kind == SMK_KEY_BIGINT ? 8 : kind == SMK_KEY_UUID ? 16 : smk_key_length(key);
}
