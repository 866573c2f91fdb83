/*
 * attribution_summary.c: channels, paths and credits of many accounts, their sums, and their bytes.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "attribution/attribution.h"
#include "timeline/money.h"
#include "timeline/varint.h"

/* The slots of a table to begin with; a power of two. */
#define LEAST_SLOTS 16
/* From so many bytes on a path is known by a hash, which has all bits where the size of a shorter one stands.
 */
#define PATH_LONG_SIZE SMK_PATH_ROOM
#define PATH_SIZE_SHIFT 56
#define PATH_LONG (UINT64CONST(255) << PATH_SIZE_SHIFT)
#define PATH_HASH UINT64CONST(0x9E3779B97F4A7C15)

/* An empty summary; what it allocates later lives in the context that is current then. */
void
smk_attribution_init(SmkAttributionSummary *summary, int64 lookback, int64 half_life, int scale)
{
	memset(summary, 0, sizeof(*summary));
	summary->lookback = lookback;
	summary->half_life = half_life;
	summary->scale = scale;
}

/* Adds a credit to another one; false where a sum has no room. */
bool
smk_credit_merge(SmkCredit *credit, const SmkCredit *other)
{
	return smk_wide_add(&credit->conversions, &other->conversions) &&
		   smk_wide_add(&credit->value, &other->value);
}

/* An array with room for so many elements, in which those that there are stay; NULL: there is none yet. */
static void *
enlarge(void *array, int64 size, Size element)
{
	return array == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, size * element)
						 : repalloc_huge(array, size * element);
}

/* A larger table without entries. */
static uint32 *
new_slots(uint32 *slots, int64 count)
{
	if (slots != NULL)
		pfree(slots);
	slots = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint32));
	memset(slots, 0, count * sizeof(uint32));
	return slots;
}

/* Enters a position under a hash where there is a free slot; size is a power of two. */
static void
enter(uint32 *slots, int64 size, uint32 hash, int64 position)
{
	int64 slot = hash & (size - 1);

	while (slots[slot] != 0)
		slot = (slot + 1) & (size - 1);
	slots[slot] = (uint32) position + 1;
}

static uint32
channel_hash(const char *name, int length, bool is_direct)
{
	return hash_bytes((const unsigned char *) name, length) + is_direct;
}

/* Makes the table of channels, or a larger one. */
static void
index_channels(SmkAttributionSummary *summary)
{
	int64 size = LEAST_SLOTS;

	while (size < (int64) summary->channel_count * 4)
		size *= 2;
	summary->channel_slots = new_slots(summary->channel_slots, size);
	summary->channel_slot_count = (int) size;
	for (int i = 0; i < summary->channel_count; i++)
	{
		const SmkAttributionChannel *channel = &summary->channels[i];

		enter(summary->channel_slots, size, channel_hash(channel->name, channel->length, channel->is_direct),
			  i);
	}
}

/* Adds a channel, whose name is copied. */
static int
add_channel(SmkAttributionSummary *summary, const char *name, int length, bool is_direct)
{
	SmkAttributionChannel *channel;
	char *copy = palloc(length + 1);

	memcpy(copy, name, length);
	if (summary->channel_count == summary->channel_size)
	{
		summary->channel_size = Max(8, summary->channel_size * 2);
		summary->channels =
			enlarge(summary->channels, summary->channel_size, sizeof(SmkAttributionChannel));
	}
	channel = &summary->channels[summary->channel_count];
	memset(channel, 0, sizeof(*channel));
	channel->name = copy;
	channel->length = length;
	channel->is_direct = is_direct;
	return summary->channel_count++;
}

/* The number of a channel, which is added where it is not there; -1: there are too many. */
int
smk_attribution_channel(SmkAttributionSummary *summary, const char *name, int length, bool is_direct)
{
	uint32 hash = channel_hash(name, length, is_direct);
	int added;

	if (summary->channel_count * 2 >= summary->channel_slot_count)
		index_channels(summary);
	for (int64 slot = hash & (summary->channel_slot_count - 1); summary->channel_slots[slot] != 0;
		 slot = (slot + 1) & (summary->channel_slot_count - 1))
	{
		int known = (int) summary->channel_slots[slot] - 1;
		const SmkAttributionChannel *channel = &summary->channels[known];

		if (channel->length == length && channel->is_direct == is_direct &&
			memcmp(channel->name, name, length) == 0)
			return known;
	}
	if (summary->channel_count == SMK_ATTRIBUTION_MAX_CHANNELS)
		return -1;
	added = add_channel(summary, name, length, is_direct);
	enter(summary->channel_slots, summary->channel_slot_count, hash, added);
	return added;
}

/* The code of a path: its bytes, if they are few, and above them how many; else a hash, and all bits there. */
static inline uint64
path_code(const unsigned char *key, int64 size)
{
	uint64 code = 0;
	uint64 word;

	if (likely(size < PATH_LONG_SIZE))
	{
		/* As many as may be, and those that are none away: how many there are cannot be foreseen. */
		memcpy(&code, key, sizeof(code));
#ifdef WORDS_BIGENDIAN
		code = pg_bswap64(code);
#endif
		code &= (UINT64CONST(1) << 8 * size) - 1;
		return code | (uint64) size << PATH_SIZE_SHIFT;
	}
	for (int64 i = 0; i < size; i += (int64) sizeof(word))
	{
		/* The last bytes overlap those before. */
		memcpy(&word, key + Min(i, size - (int64) sizeof(word)), sizeof(word));
		code = (code ^ word) * PATH_HASH;
		code ^= code >> 32;
	}
	return (code ^ (uint64) size) | PATH_LONG;
}

/* A hash of a code: the lowest bits say where it is looked for first, the upper half is its tag. */
static inline uint64
path_hash(uint64 code)
{
	code *= PATH_HASH;
	return code ^ code >> 32;
}

/* Where a code is looked for first. */
static inline int64
path_slot(uint64 code, int64 slots)
{
	return (int64) (path_hash(code) & (uint64) (slots - 1));
}

static void
enter_path(SmkAttributionSummary *summary, uint64 code, int64 position)
{
	uint64 hash = path_hash(code);
	int64 slot = hash & (summary->path_slot_count - 1);

	while (summary->path_slots[slot].number != 0)
		slot = (slot + 1) & (summary->path_slot_count - 1);
	summary->path_slots[slot] = (SmkPathSlot){(uint32) (hash >> 32), (uint32) position + 1};
}

/* Makes the table of paths, or a larger one. */
static void
index_paths(SmkAttributionSummary *summary)
{
	int64 size = LEAST_SLOTS;

	while (size < summary->path_count * 2)
		size *= 2;
	if (summary->path_slots != NULL)
		pfree(summary->path_slots);
	summary->path_slots = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(SmkPathSlot));
	memset(summary->path_slots, 0, size * sizeof(SmkPathSlot));
	summary->path_slot_count = size;
	for (int64 i = 0; i < summary->path_count; i++)
		enter_path(summary, summary->paths[i].code, i);
}

/* Adds a path, whose bytes are copied. NULL: there is no room. */
static SmkAttributionPath *
add_path(SmkAttributionSummary *summary, const unsigned char *key, int64 size, uint64 code)
{
	SmkAttributionPath *path;

	if (summary->keys_used + size > SMK_ATTRIBUTION_MAX_BYTES || summary->path_count >= PG_INT32_MAX / 2)
		return NULL;
	if (summary->keys_used + size > summary->keys_size)
	{
		summary->keys_size = Max(256, (summary->keys_used + size) * 2);
		summary->keys = enlarge(summary->keys, summary->keys_size, 1);
	}
	if (summary->path_count == summary->path_size)
	{
		summary->path_size = Max(8, summary->path_size * 2);
		summary->paths = enlarge(summary->paths, summary->path_size, sizeof(SmkAttributionPath));
	}
	path = &summary->paths[summary->path_count++];
	memset(path, 0, sizeof(*path));
	path->key = summary->keys_used;
	path->size = (int) size;
	path->code = code;
	memcpy(summary->keys + summary->keys_used, key, size);
	summary->keys_used += size;
	return path;
}

/*
 * The path of this code and these bytes, which are not read if it is a short one that is there; one that is not
 * there is added. NULL: there is no room.
 */
static inline SmkAttributionPath *
find_path(SmkAttributionSummary *summary, uint64 code, const unsigned char *key, int64 size)
{
	uint64 hash = path_hash(code);

	if (summary->path_count * 4 >= summary->path_slot_count * 3)
		index_paths(summary);
	for (int64 slot = hash & (summary->path_slot_count - 1); summary->path_slots[slot].number != 0;
		 slot = (slot + 1) & (summary->path_slot_count - 1))
	{
		SmkAttributionPath *path;

		if (summary->path_slots[slot].tag != (uint32) (hash >> 32))
			continue;
		path = &summary->paths[summary->path_slots[slot].number - 1];
		if (path->code != code)
			continue;
		if (size < PATH_LONG_SIZE ||
			(path->size == size && memcmp(smk_path_bytes(summary, path), key, size) == 0))
			return path;
	}
	if (add_path(summary, key, size, code) == NULL)
		return NULL;
	enter_path(summary, code, summary->path_count - 1);
	return &summary->paths[summary->path_count - 1];
}

/* The path of these bytes, of which SMK_PATH_ROOM can be read; one that is not there is added. NULL: no room. */
SmkAttributionPath *
smk_attribution_path(SmkAttributionSummary *summary, const unsigned char *key, int64 size)
{
	return find_path(summary, path_code(key, size), key, size);
}

/* Counts an account that never converted by the code of its path, a short one; false where there is no room. */
static inline bool
leave_by_code(SmkAttributionSummary *summary, uint64 code)
{
	/* Its bytes, the lowest first. */
	uint64 key = code;
	SmkAttributionPath *path;

#ifdef WORDS_BIGENDIAN
	key = pg_bswap64(key);
#endif
	path = find_path(summary, code, (const unsigned char *) &key, (int64) (code >> PATH_SIZE_SHIFT));
	if (path == NULL)
		return false;
	path->nulls++;
	return true;
}

/* Counts an account that went a path and never converted, at once or later; false where there is no room. */
bool
smk_attribution_leave(SmkAttributionSummary *summary, const unsigned char *key, int64 size)
{
	uint64 *place = &summary->left[summary->left_next];
	uint64 code = *place;
	SmkAttributionPath *path;

	if (size < PATH_LONG_SIZE && summary->path_slot_count > 0)
	{
		uint64 half = summary->left[(summary->left_next + SMK_PATHS_LEFT / 2) % SMK_PATHS_LEFT];
		const SmkPathSlot *slot = &summary->path_slots[path_slot(half, summary->path_slot_count)];

		*place = path_code(key, size);
		summary->left_next = (summary->left_next + 1) % SMK_PATHS_LEFT;
		__builtin_prefetch(&summary->path_slots[path_slot(*place, summary->path_slot_count)]);
		if (slot->number > 0)
			__builtin_prefetch(&summary->paths[slot->number - 1], 1);
		return code == 0 || leave_by_code(summary, code);
	}
	path = smk_attribution_path(summary, key, size);
	if (path == NULL)
		return false;
	path->nulls++;
	return true;
}

/* Counts and credits what was left for later: once, when all accounts have been read. */
SmkAttributionResult
smk_attribution_settle(SmkAttributionSummary *summary)
{
	for (int i = 0; i < SMK_PATHS_LEFT; i++)
		if (summary->left[i] != 0 && !leave_by_code(summary, summary->left[i]))
			return SMK_ATTRIBUTION_TOO_LARGE;
	memset(summary->left, 0, sizeof(summary->left));
	for (int64 i = 0; i < summary->path_count; i++)
	{
		const SmkAttributionPath *path = &summary->paths[i];
		const unsigned char *key = smk_path_bytes(summary, path);
		const unsigned char *next = key;
		int channel = smk_path_read(&next);

		CHECK_FOR_INTERRUPTS();
		if (next - key < path->size)
			continue;
		/* The whole is its under each model. */
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
			if (!smk_credit_add(&summary->channels[channel].credits[model], SMK_SHARE_ONE, path->conversions,
								path->value))
				return SMK_ATTRIBUTION_OVERFLOW;
	}
	return SMK_ATTRIBUTION_OK;
}

/* Adds conversions that took so long since the first touch of their path. */
void
smk_attribution_path_time(SmkAttributionPath *path, int64 micros, int64 conversions)
{
	if (path->conversions == 0 && conversions == 1)
		path->time.one = micros;
	else
	{
		if (path->conversions <= 1)
		{
			int64 one = path->time.one;

			path->time.many = palloc(sizeof(SmkSketch));
			smk_sketch_init(path->time.many);
			if (path->conversions == 1)
				smk_sketch_add(path->time.many, one);
		}
		smk_sketch_add_many(path->time.many, micros, conversions);
	}
	path->conversions += conversions;
}

/* Adds another summary's conversions of a path, whose value is to be scaled up by so many places. */
static bool
merge_path(SmkAttributionPath *into, const SmkAttributionPath *other, int places)
{
	int128 value = other->value;
	int64 conversions;

	if (!smk_money_scale_up(&value, places) || __builtin_add_overflow(into->value, value, &into->value) ||
		__builtin_add_overflow(into->nulls, other->nulls, &into->nulls) ||
		__builtin_add_overflow(into->conversions, other->conversions, &conversions))
		return false;
	if (other->conversions == 1)
		smk_attribution_path_time(into, other->time.one, 1);
	else if (other->conversions > 1)
	{
		if (into->conversions <= 1)
		{
			int64 one = into->time.one;

			into->time.many = palloc(sizeof(SmkSketch));
			smk_sketch_init(into->time.many);
			if (into->conversions == 1)
				smk_sketch_add(into->time.many, one);
		}
		smk_sketch_merge(into->time.many, other->time.many);
		into->conversions = conversions;
	}
	return true;
}

/* Brings all values to a larger scale. */
static bool
rescale(SmkAttributionSummary *summary, int scale)
{
	int places = scale - summary->scale;

	if (places <= 0)
		return true;
	summary->scale = scale;
	if (!smk_money_scale_up(&summary->unattributed_value, places))
		return false;
	for (int64 i = 0; i < summary->path_count; i++)
		if (!smk_money_scale_up(&summary->paths[i].value, places))
			return false;
	for (int i = 0; i < summary->channel_count; i++)
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
			if (!smk_wide_scale_up(&summary->channels[i].credits[model].value, places))
				return false;
	return true;
}

/* Adds what another summary has, at the larger scale of the two. */
SmkAttributionResult
smk_attribution_merge(SmkAttributionSummary *into, const SmkAttributionSummary *other)
{
	int128 unattributed_value = other->unattributed_value;
	int places;
	int *channels = palloc_extended((other->channel_count + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	unsigned char *key = NULL;
	int64 key_size = 0;

	if (!rescale(into, other->scale))
		return SMK_ATTRIBUTION_OVERFLOW;
	places = into->scale - other->scale;
	if (!smk_money_scale_up(&unattributed_value, places) ||
		__builtin_add_overflow(into->unattributed, other->unattributed, &into->unattributed) ||
		__builtin_add_overflow(into->unattributed_value, unattributed_value, &into->unattributed_value))
		return SMK_ATTRIBUTION_OVERFLOW;
	for (int i = 0; i < other->channel_count; i++)
	{
		const SmkAttributionChannel *channel = &other->channels[i];

		channels[i] = smk_attribution_channel(into, channel->name, channel->length, channel->is_direct);
		if (channels[i] < 0)
			return SMK_ATTRIBUTION_TOO_LARGE;
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
		{
			SmkCredit credit = channel->credits[model];

			if (!smk_wide_scale_up(&credit.value, places) ||
				!smk_credit_merge(&into->channels[channels[i]].credits[model], &credit))
				return SMK_ATTRIBUTION_OVERFLOW;
		}
	}
	for (int64 i = 0; i < other->path_count; i++)
	{
		const SmkAttributionPath *path = &other->paths[i];
		const unsigned char *at = smk_path_bytes(other, path);
		const unsigned char *end = at + path->size;
		SmkAttributionPath *same;
		unsigned char *to;

		CHECK_FOR_INTERRUPTS();
		if ((int64) path->size * SMK_PATH_CHANNEL > key_size)
		{
			if (key != NULL)
				pfree(key);
			key_size = Max(256, (int64) path->size * SMK_PATH_CHANNEL * 2);
			key = MemoryContextAllocHuge(CurrentMemoryContext, key_size);
		}
		to = key;
		while (at < end)
			to = smk_path_write(to, channels[smk_path_read(&at)]);
		same = smk_attribution_path(into, key, to - key);
		if (same == NULL)
			return SMK_ATTRIBUTION_TOO_LARGE;
		if (!merge_path(same, path, places))
			return SMK_ATTRIBUTION_OVERFLOW;
	}
	pfree(channels);
	if (key != NULL)
		pfree(key);
	return SMK_ATTRIBUTION_OK;
}

static void
write_signed(StringInfo out, int128 number)
{
	uint128 bits = (uint128) number << 1 ^ (uint128) (number >> 127);

	smk_varint_append(out, (uint64) bits);
	smk_varint_append(out, (uint64) (bits >> 64));
}

static bool
read_signed(int128 *number, const unsigned char **data, const unsigned char *end)
{
	uint64 low;
	uint64 high;
	uint128 bits;

	if (!smk_varint_read(data, end, &low) || !smk_varint_read(data, end, &high))
		return false;
	bits = (uint128) high << 64 | low;
	*number = (int128) (bits >> 1 ^ -(bits & 1));
	return true;
}

/* Two channels by their names' bytes, then by whether they are direct. */
static int
compare_channels(const SmkAttributionChannel *a, const SmkAttributionChannel *b)
{
	int order = smk_attribution_compare(a->name, a->length, b->name, b->length);

	return order != 0 ? order : a->is_direct - b->is_direct;
}

/* Two numbers of channels by what they are. */
static int
compare_numbers(const void *a, const void *b, void *summary)
{
	const SmkAttributionChannel *channels = ((const SmkAttributionSummary *) summary)->channels;

	CHECK_FOR_INTERRUPTS();
	return compare_channels(&channels[*(const int *) a], &channels[*(const int *) b]);
}

/* A summary in the order in which it is written: paths by their bytes, of the new numbers of channels. */
typedef struct Ordered
{
	int channel_count;
	int *channels; /* the numbers of those that a path has, in their order */
	uint64 *paths; /* the first bytes of a path, and its number */
	int64 *keys;   /* where the new bytes of each path lie, and after the last one */
	unsigned char *bytes;
} Ordered;

/* Finds the channels that paths have, and gives them new numbers. */
static int *
order_channels(const SmkAttributionSummary *summary, Ordered *ordered)
{
	int *rank =
		palloc_extended((summary->channel_count + 1) * sizeof(int), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	ordered->channels = palloc_extended((summary->channel_count + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	ordered->channel_count = 0;
	for (const unsigned char *at = summary->keys; at < summary->keys + summary->keys_used;)
		rank[smk_path_read(&at)] = 1;
	for (int i = 0; i < summary->channel_count; i++)
		if (rank[i])
			ordered->channels[ordered->channel_count++] = i;
	qsort_arg(ordered->channels, ordered->channel_count, sizeof(int), compare_numbers,
			  unconstify(SmkAttributionSummary *, summary));
	for (int i = 0; i < ordered->channel_count; i++)
		rank[ordered->channels[i]] = i;
	return rank;
}

/* Two paths, each its first bytes and its number, by their new bytes. */
static int
compare_paths(const void *a, const void *b, void *state)
{
	const Ordered *ordered = state;
	const int64 *left = ordered->keys + ((const uint64 *) a)[1];
	const int64 *right = ordered->keys + ((const uint64 *) b)[1];
	int64 left_size = left[1] - left[0];
	int64 right_size = right[1] - right[0];
	int order = memcmp(ordered->bytes + left[0], ordered->bytes + right[0], Min(left_size, right_size));

	CHECK_FOR_INTERRUPTS();
	return order != 0 ? order : (left_size > right_size) - (left_size < right_size);
}

/* The first eight bytes of a path as a number that compares as they do. */
static uint64
first_bytes(const unsigned char *bytes, int64 size)
{
	uint64 first = 0;

	memcpy(&first, bytes, Min(size, (int64) sizeof(first)));
#ifndef WORDS_BIGENDIAN
	first = pg_bswap64(first);
#endif
	return first;
}

/* Puts a summary in order. */
static void
order_summary(const SmkAttributionSummary *summary, Ordered *ordered)
{
	int *rank = order_channels(summary, ordered);
	int64 count = summary->path_count;
	SmkSortSpace space = {CurrentMemoryContext, NULL, 0};
	unsigned char *to;
	int64 bytes = 0;
	int64 end;

	ordered->paths = palloc_extended((count * 2 + 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	ordered->keys = palloc_extended((count + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	for (const unsigned char *at = summary->keys; at < summary->keys + summary->keys_used;)
		bytes += smk_path_size(rank[smk_path_read(&at)]);
	ordered->bytes = palloc_extended(bytes + 1, MCXT_ALLOC_HUGE);
	to = ordered->bytes;
	for (int64 i = 0; i < count; i++)
	{
		const unsigned char *at = smk_path_bytes(summary, &summary->paths[i]);
		const unsigned char *path_end = at + summary->paths[i].size;

		CHECK_FOR_INTERRUPTS();
		ordered->keys[i] = to - ordered->bytes;
		while (at < path_end)
			to = smk_path_write(to, rank[smk_path_read(&at)]);
		ordered->paths[i * 2] =
			first_bytes(ordered->bytes + ordered->keys[i], to - ordered->bytes - ordered->keys[i]);
		ordered->paths[i * 2 + 1] = (uint64) i;
	}
	ordered->keys[count] = to - ordered->bytes;
	smk_sort(ordered->paths, count, 2, &space);
	for (int64 from = 0; from < count; from = end)
	{
		for (end = from + 1; end < count && ordered->paths[end * 2] == ordered->paths[from * 2]; end++)
			;
		if (end - from > 1)
			qsort_arg(ordered->paths + from * 2, end - from, 2 * sizeof(uint64), compare_paths, ordered);
	}
	if (space.words != NULL)
		pfree(space.words);
	pfree(rank);
}

/* How many channels two paths begin with alike, and where in the second what differs begins. */
static int64
shared_channels(const unsigned char *a, const unsigned char *a_end, const unsigned char **b,
				const unsigned char *b_end)
{
	int64 shared = 0;

	while (a < a_end && *b < b_end)
	{
		const unsigned char *next = *b;

		if (smk_path_read(&a) != smk_path_read(&next))
			break;
		*b = next;
		shared++;
	}
	return shared;
}

/* Writes a summary: channels in the order of their names, paths in that of their channels. */
SmkAttributionResult
smk_attribution_write(const SmkAttributionSummary *summary, StringInfo out)
{
	Ordered ordered;
	const unsigned char *last = NULL;
	const unsigned char *last_end = NULL;

	order_summary(summary, &ordered);
	appendStringInfoChar(out, SMK_ATTRIBUTION_VERSION);
	smk_varint_append(out, (uint64) summary->lookback);
	smk_varint_append(out, (uint64) summary->half_life);
	smk_varint_append(out, (uint64) summary->scale);
	smk_varint_append(out, (uint64) summary->unattributed);
	write_signed(out, summary->unattributed_value);
	smk_varint_append(out, (uint64) ordered.channel_count);
	for (int i = 0; i < ordered.channel_count; i++)
	{
		const SmkAttributionChannel *channel = &summary->channels[ordered.channels[i]];

		if (out->len + channel->length > SMK_ATTRIBUTION_MAX_BYTES / 2)
			return SMK_ATTRIBUTION_TOO_LARGE;
		smk_varint_append(out, (uint64) channel->length << 1 | channel->is_direct);
		appendBinaryStringInfo(out, channel->name, channel->length);
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
		{
			smk_wide_write(&channel->credits[model].conversions, out);
			smk_wide_write(&channel->credits[model].value, out);
		}
	}
	smk_varint_append(out, (uint64) summary->path_count);
	for (int64 i = 0; i < summary->path_count; i++)
	{
		const SmkAttributionPath *path = &summary->paths[ordered.paths[i * 2 + 1]];
		const unsigned char *at = ordered.bytes + ordered.keys[ordered.paths[i * 2 + 1]];
		const unsigned char *end = ordered.bytes + ordered.keys[ordered.paths[i * 2 + 1] + 1];
		const unsigned char *start = at;
		int64 rest = 0;

		CHECK_FOR_INTERRUPTS();
		/* A channel takes up to as many bytes as here, and a sketch some thousand. */
		if (out->len + (end - at) > SMK_ATTRIBUTION_MAX_BYTES - 64 * 1024)
			return SMK_ATTRIBUTION_TOO_LARGE;
		smk_varint_append(out, (uint64) shared_channels(last, last_end, &at, end));
		for (const unsigned char *of = at; of < end; rest++)
			(void) smk_path_read(&of);
		smk_varint_append(out, (uint64) rest);
		while (at < end)
			smk_varint_append(out, (uint64) smk_path_read(&at));
		last = start;
		last_end = end;
		smk_varint_append(out, (uint64) path->conversions);
		smk_varint_append(out, (uint64) path->nulls);
		if (path->conversions > 0)
			write_signed(out, path->value);
		if (path->conversions == 1)
			smk_varint_append(out, (uint64) path->time.one);
		else if (path->conversions > 1)
			smk_sketch_write(path->time.many, out);
	}
	pfree(ordered.channels);
	pfree(ordered.paths);
	pfree(ordered.keys);
	pfree(ordered.bytes);
	return SMK_ATTRIBUTION_OK;
}

static bool
read_channels(SmkAttributionSummary *summary, const unsigned char **data, const unsigned char *end)
{
	uint64 count;

	if (!smk_varint_read(data, end, &count) || count > (uint64) (end - *data) ||
		count > SMK_ATTRIBUTION_MAX_CHANNELS)
		return false;
	for (uint64 i = 0; i < count; i++)
	{
		uint64 length;
		SmkAttributionChannel *channel;

		CHECK_FOR_INTERRUPTS();
		if (!smk_varint_read(data, end, &length) || length >> 1 > (uint64) (end - *data))
			return false;
		(void) add_channel(summary, (const char *) *data, (int) (length >> 1), length & 1);
		*data += length >> 1;
		channel = &summary->channels[i];
		if (i > 0 && compare_channels(channel - 1, channel) >= 0)
			return false;
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
			if (!smk_wide_read(&channel->credits[model].conversions, data, end) ||
				!smk_wide_read(&channel->credits[model].value, data, end))
				return false;
	}
	return true;
}

/* Reads the conversions of a path, and accounts that never converted. */
static bool
read_path_counts(SmkAttributionPath *path, const unsigned char **data, const unsigned char *end)
{
	uint64 conversions;
	uint64 nulls;
	uint64 micros;

	if (!smk_varint_read(data, end, &conversions) || !smk_varint_read(data, end, &nulls) ||
		conversions > PG_INT64_MAX || nulls > PG_INT64_MAX || conversions + nulls == 0)
		return false;
	path->conversions = (int64) conversions;
	path->nulls = (int64) nulls;
	if (conversions == 0)
		return true;
	if (!read_signed(&path->value, data, end))
		return false;
	if (conversions == 1)
	{
		if (!smk_varint_read(data, end, &micros) || micros > PG_INT64_MAX)
			return false;
		path->time.one = (int64) micros;
		return true;
	}
	path->time.many = palloc(sizeof(SmkSketch));
	return smk_sketch_read(path->time.many, data, end) && path->time.many->count == path->conversions;
}

static bool
read_paths(SmkAttributionSummary *summary, const unsigned char **data, const unsigned char *end)
{
	uint64 count;
	unsigned char *key = NULL;
	int64 key_size = 0;
	int64 last = 0;

	if (!smk_varint_read(data, end, &count) || count > (uint64) (end - *data))
		return false;
	for (uint64 i = 0; i < count; i++)
	{
		uint64 shared;
		uint64 rest;
		const unsigned char *from;
		unsigned char *to;
		SmkAttributionPath *path;

		CHECK_FOR_INTERRUPTS();
		if (!smk_varint_read(data, end, &shared) || !smk_varint_read(data, end, &rest) ||
			rest > (uint64) (end - *data) || shared > (uint64) last)
			return false;
		if ((int64) (shared + rest) * SMK_PATH_CHANNEL > key_size)
		{
			key_size = Max(256, (int64) (shared + rest) * SMK_PATH_CHANNEL * 2);
			key = enlarge(key, key_size, 1);
		}
		/* The key still has the path before. */
		from = key;
		for (uint64 channel = 0; channel < shared; channel++)
			(void) smk_path_read(&from);
		to = key + (from - key);
		for (uint64 channel = 0; channel < rest; channel++)
		{
			uint64 number;

			if (!smk_varint_read(data, end, &number) || number >= (uint64) summary->channel_count)
				return false;
			to = smk_path_write(to, (int) number);
		}
		last = (int64) (shared + rest);
		if (to == key)
			return false;
		path = add_path(summary, key, to - key, path_code(key, to - key));
		if (path == NULL || !read_path_counts(path, data, end))
			return false;
		if (i > 0)
		{
			int order = memcmp(smk_path_bytes(summary, path - 1), key, Min(path[-1].size, path->size));

			if (order > 0 || (order == 0 && path[-1].size >= path->size))
				return false;
		}
	}
	if (key != NULL)
		pfree(key);
	return true;
}

/* True where each channel is one of a path. */
static bool
are_used(const SmkAttributionSummary *summary)
{
	bool *used = palloc_extended(summary->channel_count + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int count = 0;

	for (const unsigned char *at = summary->keys; at < summary->keys + summary->keys_used;)
	{
		int channel = smk_path_read(&at);

		count += !used[channel];
		used[channel] = true;
	}
	pfree(used);
	return count == summary->channel_count;
}

/* True where the credits under each model that a summary has the sums of are those of its paths. */
static bool
is_balanced(const SmkAttributionSummary *summary)
{
	SmkCredit whole = {0};

	for (int64 i = 0; i < summary->path_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!smk_credit_add(&whole, SMK_SHARE_ONE, summary->paths[i].conversions, summary->paths[i].value))
			return false;
	}
	for (int model = 0; model < SMK_SUMMED_MODELS; model++)
	{
		SmkCredit sum = {0};

		for (int i = 0; i < summary->channel_count; i++)
			if (!smk_credit_merge(&sum, &summary->channels[i].credits[model]))
				return false;
		if (!smk_wide_equal(&sum.conversions, &whole.conversions) ||
			!smk_wide_equal(&sum.value, &whole.value))
			return false;
	}
	return true;
}

/* Reads a summary; false where the bytes are none. */
bool
smk_attribution_read(SmkAttributionSummary *summary, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	uint64 lookback;
	uint64 half_life;
	uint64 scale;
	uint64 unattributed;

	if (size < 1 || *data++ != SMK_ATTRIBUTION_VERSION || !smk_varint_read(&data, end, &lookback) ||
		!smk_varint_read(&data, end, &half_life) || !smk_varint_read(&data, end, &scale) ||
		!smk_varint_read(&data, end, &unattributed) || lookback == 0 || lookback > PG_INT64_MAX ||
		half_life == 0 || half_life > PG_INT64_MAX || scale > SMK_MONEY_MAX_SCALE ||
		unattributed > PG_INT64_MAX)
		return false;
	smk_attribution_init(summary, (int64) lookback, (int64) half_life, (int) scale);
	summary->unattributed = (int64) unattributed;
	return read_signed(&summary->unattributed_value, &data, end) && read_channels(summary, &data, end) &&
		   read_paths(summary, &data, end) && data == end && are_used(summary) && is_balanced(summary);
}
