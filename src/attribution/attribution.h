/*
 * attribution.h: which touches a conversion is credited to: the paths that lead to conversions, and the
 * models that share the credit out.
 *
 * A summary holds each path with its conversions, so that any model that reads paths can be asked for later;
 * what a model needs of times and milestones is summed up by channel.
 */
#ifndef SMK_ATTRIBUTION_H
#define SMK_ATTRIBUTION_H

#include "lib/stringinfo.h"

#include "attribution/wide.h"
#include "timeline/sketch.h"
#include "timeline/sort.h"

#define SMK_ATTRIBUTION_VERSION 1
/* The most channels of a summary: their numbers have 22 bits. */
#define SMK_ATTRIBUTION_MAX_CHANNELS ((1 << 22) - 1)
/* Bytes that all paths of a summary may take. */
#define SMK_ATTRIBUTION_MAX_BYTES (INT64CONST(1) << 30)

/* The codes of events: at one time they come in this order. */
typedef enum SmkAttributionCode
{
	SMK_ATTRIBUTION_TOUCH,
	SMK_ATTRIBUTION_DIRECT,
	SMK_ATTRIBUTION_LEAD,
	SMK_ATTRIBUTION_OPPORTUNITY,
	SMK_ATTRIBUTION_CONVERSION,
	SMK_ATTRIBUTION_VALUE /* more of the value of the conversions at this time */
} SmkAttributionCode;

/*
 * The value of an event: of a touch the number of its channel's name; of a conversion, above the bits of
 * that, an amount in units of a power of ten, which has room for 10 decimal digits.
 */
#define SMK_ATTRIBUTION_NAME_BITS 20
#define SMK_ATTRIBUTION_VALUE_DIGITS 10
#define SMK_ATTRIBUTION_SCALE_BITS 7
#define SMK_ATTRIBUTION_SCALE_ZERO 64

static inline uint64
smk_attribution_value(int64 units, int scale)
{
	uint64 bits = (uint64) units << 1 ^ (uint64) (units >> 63);

	return (bits << SMK_ATTRIBUTION_SCALE_BITS | (uint64) (scale + SMK_ATTRIBUTION_SCALE_ZERO))
		   << SMK_ATTRIBUTION_NAME_BITS;
}

/* What is credited, in parts of a conversion and of a unit of its value. */
typedef struct SmkCredit
{
	SmkWide conversions;
	SmkWide value;
} SmkCredit;

typedef enum SmkAttributionModelKind
{
	/* These read more than the channels of a path: a summary has their credits. */
	SMK_MODEL_TIME_DECAY,
	SMK_MODEL_W_SHAPED,
	SMK_MODEL_FULL_PATH,
	SMK_MODEL_FIRST,
	SMK_MODEL_LAST,
	SMK_MODEL_LAST_NON_DIRECT,
	SMK_MODEL_LINEAR,
	SMK_MODEL_POSITION,
	/* Known by name, not yet there. */
	SMK_MODEL_LATER,
	SMK_MODEL_UNKNOWN
} SmkAttributionModelKind;

#define SMK_SUMMED_MODELS (SMK_MODEL_FULL_PATH + 1)

typedef struct SmkAttributionModel
{
	SmkAttributionModelKind kind;
	uint32 shares[3]; /* of position, in millionths of a percent: first, between, last; they sum to 100 % */
} SmkAttributionModel;

/* A channel that a converting or other path has. */
typedef struct SmkAttributionChannel
{
	const char *name;
	int length;
	bool is_direct;
	SmkCredit credits[SMK_SUMMED_MODELS];
} SmkAttributionChannel;

/* A path, known by its channels as bytes. */
typedef struct SmkAttributionPath
{
	int64 key;	 /* where its channels lie in keys, */
	int size;	 /* and how many bytes they take */
	uint64 code; /* all of a short one, with its size; else a hash */
	int64 conversions;
	int128 value;
	int64 nulls; /* accounts that went this path and never converted */
	union
	{
		int64 one; /* of one conversion, from the first touch to it, in microseconds */
		SmkSketch *many;
	} time;
} SmkAttributionPath;

/* So many accounts that never converted are counted some time after they were read: by then the processor has
 * fetched where their paths are. A power of two. */
#define SMK_PATHS_LEFT 16

/* Where a path is found by its code; small, so that many slots lie in the cache. */
typedef struct SmkPathSlot
{
	uint32 tag;	   /* the upper half of a hash of the code */
	uint32 number; /* of the path, from 1 on; 0: free */
} SmkPathSlot;

typedef struct SmkAttributionSummary
{
	int64 lookback; /* in microseconds */
	int64 half_life;
	int scale; /* of all values */
	int64 unattributed;
	int128 unattributed_value;
	SmkAttributionChannel *channels;
	int channel_count;
	int channel_size;
	uint32 *channel_slots; /* a table of them by name, of a power of two of slots; 0: free */
	int channel_slot_count;
	SmkAttributionPath *paths;
	int64 path_count;
	int64 path_size;
	SmkPathSlot *path_slots;
	int64 path_slot_count;
	uint64 left[SMK_PATHS_LEFT]; /* codes of paths of accounts that never converted, not yet counted; 0: none */
	int left_next;
	unsigned char *keys;
	int64 keys_used;
	int64 keys_size;
} SmkAttributionSummary;

typedef enum SmkAttributionResult
{
	SMK_ATTRIBUTION_OK,
	SMK_ATTRIBUTION_OVERFLOW,
	SMK_ATTRIBUTION_TOO_LARGE
} SmkAttributionResult;

/* The text of a name by its number in a timeline. */
typedef const char *(*SmkAttributionName)(const void *timeline, uint64 number, int *length);

/* Conversions of an account at one instant, and what led to them. */
typedef struct SmkConversions
{
	int64 at;
	const int64 *times; /* of the touches, */
	const int *path;	/* and these, as the reader numbers them */
	int64 count;		/* 0: nothing led to them */
	int64 lead;			/* the last one of the account, SMK_NO_TIME: none */
	int64 opportunity;
	const uint64 *events; /* words and values: conversions, and more of their values */
	int64 event_count;
} SmkConversions;

/* The time of a milestone that there is not. */
#define SMK_NO_TIME PG_INT64_MIN

struct SmkAttributionReader;

/* What a reader does with what it reads. */
typedef struct SmkAttributionVisitor
{
	/*
	 * The number of a touch by its channel's name, asked for once; below 0 where there is no room for it.
	 * NULL: twice that of its name, and one more where it is direct.
	 */
	int (*touch)(struct SmkAttributionReader *reader, uint64 name, bool is_direct);
	SmkAttributionResult (*convert)(struct SmkAttributionReader *reader, const SmkConversions *conversions);
	/* The touches of an account that never converted; NULL: they do not matter. */
	SmkAttributionResult (*leave)(struct SmkAttributionReader *reader, const int *path, int64 count);
} SmkAttributionVisitor;

/* What reading needs from account to account, zeroed before the first one; it allocates in the context. */
typedef struct SmkAttributionReader
{
	MemoryContext context;
	const SmkAttributionVisitor *visitor;
	SmkAttributionSummary *summary; /* that is being made; NULL: none */
	void *state;					/* of another visitor */
	int64 lookback;
	SmkAttributionName name;
	const void *timeline;
	uint32 reading;	  /* counts what is read, from 1 on */
	uint32 *readings; /* of which one the number is that a name, and a direct one, has */
	int *numbers;
	int64 names_size;
	int64 *times; /* of the touches of an account */
	int *touches;
	uint64 *weights;
	double *decays; /* weights by how long ago they were */
	uint128 *shares;
	unsigned char *key;
	int64 size;		/* how many touches have room */
	uint128 *plain; /* shares of short paths without milestones, by model and length */
} SmkAttributionReader;

/* True where a touch, as a reader or a summary numbers it, is direct. */
typedef bool (*SmkTouchIsDirect)(const void *of, int touch);

extern SmkAttributionModel smk_attribution_model(const char *name);
extern void smk_attribution_shares(const SmkAttributionModel *model, SmkTouchIsDirect is_direct,
								   const void *of, const int *path, int64 count, uint64 *weights,
								   uint128 *shares);
extern void smk_attribution_decay(const int64 *times, int64 count, int64 half_life, double *weights,
								  uint128 *shares);
extern void smk_attribution_normalise(const uint64 *weights, int64 count, uint128 *shares);

extern void smk_attribution_init(SmkAttributionSummary *summary, int64 lookback, int64 half_life, int scale);
extern int smk_attribution_channel(SmkAttributionSummary *summary, const char *name, int length,
								   bool is_direct);
extern SmkAttributionPath *smk_attribution_path(SmkAttributionSummary *summary, const unsigned char *key,
												int64 size);
extern bool smk_attribution_leave(SmkAttributionSummary *summary, const unsigned char *key, int64 size);
extern SmkAttributionResult smk_attribution_settle(SmkAttributionSummary *summary);
extern void smk_attribution_path_time(SmkAttributionPath *path, int64 micros, int64 conversions);
extern bool smk_credit_merge(SmkCredit *credit, const SmkCredit *other);
extern SmkAttributionResult smk_attribution_merge(SmkAttributionSummary *into,
												  const SmkAttributionSummary *other);
extern bool smk_attribution_read(SmkAttributionSummary *summary, const unsigned char *data, int64 size);
extern SmkAttributionResult smk_attribution_write(const SmkAttributionSummary *summary, StringInfo out);

extern void smk_attribution_start(SmkAttributionReader *reader, SmkAttributionSummary *summary);
extern void smk_attribution_restart(SmkAttributionReader *reader);
extern int *smk_attribution_number(SmkAttributionReader *reader, int64 place, bool *is_new);
extern const uint128 *smk_attribution_timed_shares(SmkAttributionReader *reader, SmkAttributionModelKind kind,
												   const SmkConversions *conversions, int64 half_life);
extern SmkAttributionResult smk_attribution_add(SmkAttributionReader *reader, uint64 *words, int64 count);

extern bool smk_attribution_credits(const SmkAttributionSummary *summary, const SmkAttributionModel *model,
									SmkCredit *credits);

/* Credits a share of conversions and of their value; false where a sum has no room. */
static inline bool
smk_credit_add(SmkCredit *credit, uint128 share, int64 conversions, int128 value)
{
	return smk_wide_add_product(&credit->conversions, conversions, share) &&
		   smk_wide_add_product(&credit->value, value, share);
}

/* The bytes of a channel of a path. */
static inline int
smk_path_size(int channel)
{
	return channel < 0x80 ? 1 : channel < 0x4000 ? 2 : 3;
}

/* Writes a channel of a path: bytes that compare as channels do; returns the first byte after it. */
static inline unsigned char *
smk_path_write(unsigned char *to, int channel)
{
	if (channel < 0x80)
		*to++ = (unsigned char) channel;
	else if (channel < 0x4000)
	{
		*to++ = (unsigned char) (0x80 | channel >> 8);
		*to++ = (unsigned char) channel;
	}
	else
	{
		*to++ = (unsigned char) (0xC0 | channel >> 16);
		*to++ = (unsigned char) (channel >> 8);
		*to++ = (unsigned char) channel;
	}
	return to;
}

/* Two names by their bytes. */
static inline int
smk_attribution_compare(const char *a, int a_length, const char *b, int b_length)
{
	int order = memcmp(a, b, Min(a_length, b_length));

	return order != 0 ? order : a_length - b_length;
}

/* The most bytes of a channel of a path; and so many bytes of a path can be read, even where it has fewer. */
#define SMK_PATH_CHANNEL 3
#define SMK_PATH_ROOM 8

/* Reads a channel of a path and moves on. */
static inline int
smk_path_read(const unsigned char **from)
{
	const unsigned char *p = *from;

	if (p[0] < 0x80)
	{
		*from = p + 1;
		return p[0];
	}
	if (p[0] < 0xC0)
	{
		*from = p + 2;
		return (p[0] & 0x3F) << 8 | p[1];
	}
	*from = p + 3;
	return (p[0] & 0x3F) << 16 | p[1] << 8 | p[2];
}

/* The summary's bytes of a path. */
static inline const unsigned char *
smk_path_bytes(const SmkAttributionSummary *summary, const SmkAttributionPath *path)
{
	return summary->keys + path->key;
}

#endif
