/*
 * name.h: names that were seen lately, found by their ends, without a call.
 */
#ifndef SMK_NAME_H
#define SMK_NAME_H

/* So many bytes of a name its ends are, and all of one that is not longer. */
#define SMK_NAME_ENDS 16
/* So many names are found so; a power of two. */
#define SMK_RECENT_NAMES 1024

/* A name by its ends. */
typedef struct SmkRecentName
{
	uint64 first;
	uint64 last;
	uint32 length;
	uint32 number; /* 0: none */
} SmkRecentName;

/* By what hashes of them say; zeroed before the first one. */
typedef struct SmkRecentNames
{
	SmkRecentName names[SMK_RECENT_NAMES];
} SmkRecentNames;

/* Four bytes of a text. */
static inline uint32
smk_name_half(const char *text)
{
	uint32 half;

	memcpy(&half, text, sizeof(half));
	return half;
}

/* The ends of a name: its first and its last eight bytes, or what it has of them. */
static inline SmkRecentName
smk_name_ends(const char *text, int length)
{
	SmkRecentName name = {.length = (uint32) length};
	const int half = (int) sizeof(uint32);
	int end = length - half;

	if (likely(end >= 0))
	{
		/* Halves that overlap where there are not eight bytes: whether there are cannot be foreseen. */
		name.first = (uint64) smk_name_half(text + Min(end, half)) << 32 | smk_name_half(text);
		name.last = (uint64) smk_name_half(text + end) << 32 | smk_name_half(text + Max(end - half, 0));
	}
	else
		for (int i = 0; i < length; i++)
			name.first = name.first << 8 | (unsigned char) text[i];
	return name;
}

/* Where a name is looked for. */
static inline SmkRecentName *
smk_recent_name(SmkRecentNames *recent, const SmkRecentName *name)
{
	uint64 hash = ((name->first ^ name->last * 31) + name->length) * UINT64CONST(0x9E3779B97F4A7C15);

	return &recent->names[hash / (PG_UINT64_MAX / SMK_RECENT_NAMES + 1)];
}

/* True where a name that is known has these ends and this length. */
static inline bool
smk_name_same_ends(const SmkRecentName *known, const SmkRecentName *name)
{
	return known->first == name->first && known->last == name->last && known->length == name->length &&
		   known->number > 0;
}

#endif
