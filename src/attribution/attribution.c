/*
 * attribution.c: reads the events of an account in the order of time and adds what leads to each of its
 * conversions to a summary.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "attribution/attribution.h"
#include "timeline/money.h"
#include "timeline/word.h"

/* The least touches for which there is room. */
#define READER_LEAST_SIZE 64

/* The time of a milestone that there is not. */
#define NO_TIME PG_INT64_MIN

/* What led up to a conversion besides touches. */
typedef struct Milestones
{
	int64 lead; /* the last one so far */
	int64 opportunity;
	int64 opportunity_lead; /* the last one before it */
} Milestones;

/* Begins a summary, whose names are those of the reader's timeline. */
void
smk_attribution_start(SmkAttributionReader *reader, SmkAttributionSummary *summary)
{
	reader->summary = summary;
	/* After as many summaries as there are numbers, none may look like one of the first. */
	if (++reader->reading == 0)
	{
		if (reader->names_size > 0)
			memset(reader->readings, 0, reader->names_size * sizeof(uint32));
		reader->reading = 1;
	}
}

/* Room for as many elements as an array shall have; what it held is lost. */
static void *
renew(SmkAttributionReader *reader, void *array, int64 count, Size element)
{
	if (array != NULL)
		pfree(array);
	return MemoryContextAllocHuge(reader->context, count * element);
}

/* Makes room for the touches of an account. */
static void
reserve_touches(SmkAttributionReader *reader, int64 count)
{
	int64 size = Max(READER_LEAST_SIZE, count * 2);

	if (count <= reader->size)
		return;
	reader->size = 0;
	reader->times = renew(reader, reader->times, size, sizeof(int64));
	reader->touches = renew(reader, reader->touches, size, sizeof(int));
	reader->weights = renew(reader, reader->weights, size, sizeof(uint64));
	reader->decays = renew(reader, reader->decays, size, sizeof(double));
	reader->shares = renew(reader, reader->shares, size, sizeof(uint128));
	reader->key = renew(reader, reader->key, size, SMK_PATH_CHANNEL);
	reader->size = size;
}

/* The summary's channel of a name of the timeline. */
static int
channel_of(SmkAttributionReader *reader, uint64 name, bool is_direct)
{
	int64 place = (int64) name * 2 + is_direct;

	if (place >= reader->names_size)
	{
		int64 size = Max(READER_LEAST_SIZE, place * 2);
		uint32 *readings = MemoryContextAllocHuge(reader->context, size * sizeof(uint32));
		int *channels = MemoryContextAllocHuge(reader->context, size * sizeof(int));

		memset(readings, 0, size * sizeof(uint32));
		if (reader->names_size > 0)
		{
			memcpy(readings, reader->readings, reader->names_size * sizeof(uint32));
			memcpy(channels, reader->channels, reader->names_size * sizeof(int));
			pfree(reader->readings);
			pfree(reader->channels);
		}
		reader->readings = readings;
		reader->channels = channels;
		reader->names_size = size;
	}
	if (reader->readings[place] != reader->reading)
	{
		int length;
		const char *text = reader->name(reader->timeline, name, &length);

		reader->channels[place] = smk_attribution_channel(reader->summary, text, length, is_direct);
		reader->readings[place] = reader->reading;
	}
	return reader->channels[place];
}

/* Two names of the timeline by their bytes. */
static int
compare_names(const SmkAttributionReader *reader, uint64 a, uint64 b)
{
	int left_length;
	int right_length;
	const char *left;
	const char *right;

	if (a == b)
		return 0;
	left = reader->name(reader->timeline, a, &left_length);
	right = reader->name(reader->timeline, b, &right_length);
	return smk_attribution_compare(left, left_length, right, right_length);
}

/* Sorts the values of so many events, which are names, by what they name; room has place for as many. */
static void
sort_names(const SmkAttributionReader *reader, uint64 *words, int64 count, uint64 *room)
{
	int64 half = count / 2;
	int64 left = 0;
	int64 right = half;

	if (count < 2)
		return;
	CHECK_FOR_INTERRUPTS();
	sort_names(reader, words, half, room);
	sort_names(reader, words + half * 2, count - half, room);
	for (int64 i = 0; i < count; i++)
		room[i] = right == count || (left < half &&
									 compare_names(reader, words[left * 2 + 1], words[right * 2 + 1]) <= 0)
					  ? words[left++ * 2 + 1]
					  : words[right++ * 2 + 1];
	for (int64 i = 0; i < count; i++)
		words[i * 2 + 1] = room[i];
}

/* Touches of one time come in the order of their channels' names. */
static void
order_ties(SmkAttributionReader *reader, uint64 *words, int64 count)
{
	int64 end;

	for (int64 from = 0; from < count; from = end)
	{
		uint64 word = words[from * 2];

		for (end = from + 1; end < count && words[end * 2] == word; end++)
			;
		if (end - from > 1 && smk_word_code(word) <= SMK_ATTRIBUTION_DIRECT)
			sort_names(reader, words + from * 2, end - from, reader->weights);
	}
}

/* Adds the amount that the value of an event is to a sum at a scale; false where it has no room. */
static bool
add_amount(int128 *sum, uint64 value, int scale)
{
	uint64 bits = value >> (SMK_ATTRIBUTION_NAME_BITS + SMK_ATTRIBUTION_SCALE_BITS);
	int own = (int) (value >> SMK_ATTRIBUTION_NAME_BITS & ((1 << SMK_ATTRIBUTION_SCALE_BITS) - 1)) -
			  SMK_ATTRIBUTION_SCALE_ZERO;
	int128 units = (int64) (bits >> 1 ^ -(bits & 1));

	return smk_money_scale_up(&units, scale - own) && !__builtin_add_overflow(*sum, units, sum);
}

/* The last touch of a path at or before a time; -1 where there is none. */
static int64
touch_before(const int64 *times, int64 count, int64 at)
{
	int64 low = 0;

	while (low < count)
	{
		int64 middle = (low + count) / 2;

		if (times[middle] <= at)
			low = middle + 1;
		else
			count = middle;
	}
	return low - 1;
}

/* The weights of the touches: milestones have so much each, all others together so much. */
static void
weigh_milestones(uint64 *weights, int64 count, const int64 *milestones, int milestone_count, uint64 each,
				 uint64 others)
{
	uint64 other_count = 0;

	memset(weights, 0, count * sizeof(uint64));
	for (int i = 0; i < milestone_count; i++)
		if (milestones[i] >= 0)
			weights[milestones[i]]++;
	for (int64 i = 0; i < count; i++)
		other_count += weights[i] == 0;
	for (int64 i = 0; i < count; i++)
		weights[i] = weights[i] == 0 ? others : weights[i] * each * Max(1, other_count);
}

/* Credits the channels of a path with their shares, under one of the models of which a summary has the sums.
 */
static bool
credit_path(SmkAttributionReader *reader, SmkAttributionModelKind kind, const int *path, int64 count,
			int64 conversions, int128 value)
{
	for (int64 i = 0; i < count; i++)
		if (reader->shares[i] > 0 && !smk_credit_add(&reader->summary->channels[path[i]].credits[kind],
													 reader->shares[i], conversions, value))
			return false;
	return true;
}

/* The path of so many touches in the summary; NULL where it has no room. */
static SmkAttributionPath *
find_path(SmkAttributionReader *reader, const int *path, int64 count)
{
	unsigned char *to = reader->key;

	for (int64 i = 0; i < count; i++)
		to = smk_path_write(to, path[i]);
	return smk_attribution_path(reader->summary, reader->key, to - reader->key);
}

/* Adds conversions of one instant, to which the touches from one on have led. */
static SmkAttributionResult
add_conversions(SmkAttributionReader *reader, int64 from, int64 count, int64 at, const Milestones *milestones,
				int64 conversions, int128 value)
{
	SmkAttributionSummary *summary = reader->summary;
	const int64 *times = reader->times + from;
	const int *path = reader->touches + from;
	uint64 *weights = reader->weights;
	bool has_opportunity = milestones->opportunity != NO_TIME;
	int64 lead = has_opportunity ? milestones->opportunity_lead : milestones->lead;
	SmkAttributionPath *found;

	CHECK_FOR_INTERRUPTS();
	if (count == 0)
	{
		if (__builtin_add_overflow(summary->unattributed_value, value, &summary->unattributed_value))
			return SMK_ATTRIBUTION_OVERFLOW;
		summary->unattributed += conversions;
		return SMK_ATTRIBUTION_OK;
	}
	found = find_path(reader, path, count);
	if (found == NULL)
		return SMK_ATTRIBUTION_TOO_LARGE;
	smk_attribution_path_time(found, at - times[0], conversions);
	if (__builtin_add_overflow(found->value, value, &found->value))
		return SMK_ATTRIBUTION_OVERFLOW;
	if (count == 1)
	{
		SmkCredit whole = {0};

		if (!smk_credit_add(&whole, SMK_SHARE_ONE, conversions, value))
			return SMK_ATTRIBUTION_OVERFLOW;
		for (int model = 0; model < SMK_SUMMED_MODELS; model++)
			if (!smk_credit_merge(&summary->channels[path[0]].credits[model], &whole))
				return SMK_ATTRIBUTION_OVERFLOW;
		return SMK_ATTRIBUTION_OK;
	}
	smk_attribution_decay(times, count, summary->half_life, reader->decays, reader->shares);
	if (!credit_path(reader, SMK_MODEL_TIME_DECAY, path, count, conversions, value))
		return SMK_ATTRIBUTION_OVERFLOW;
	{
		int64 touches[] = {0, lead == NO_TIME ? -1 : touch_before(times, count, lead),
						   has_opportunity ? touch_before(times, count, milestones->opportunity) : -1,
						   count - 1};

		weigh_milestones(weights, count, touches, 3, 3, 1);
		smk_attribution_normalise(weights, count, reader->shares);
		if (!credit_path(reader, SMK_MODEL_W_SHAPED, path, count, conversions, value))
			return SMK_ATTRIBUTION_OVERFLOW;
		weigh_milestones(weights, count, touches, 4, 9, 4);
		smk_attribution_normalise(weights, count, reader->shares);
		if (!credit_path(reader, SMK_MODEL_FULL_PATH, path, count, conversions, value))
			return SMK_ATTRIBUTION_OVERFLOW;
	}
	return SMK_ATTRIBUTION_OK;
}

/* Adds an account: its events, each a word and a value, in the order of time. */
SmkAttributionResult
smk_attribution_add(SmkAttributionReader *reader, uint64 *words, int64 count)
{
	SmkAttributionSummary *summary = reader->summary;
	Milestones milestones = {NO_TIME, NO_TIME, NO_TIME};
	int64 touches = 0;
	int64 from = 0; /* the first touch of a path */
	bool has_converted = false;

	reserve_touches(reader, count);
	order_ties(reader, words, count);
	for (int64 i = 0; i < count; i++)
	{
		int64 at = smk_word_time(words[i * 2]);
		uint64 value = words[i * 2 + 1];
		int64 conversions = 0;
		int128 amount = 0;
		SmkAttributionResult result;

		switch (smk_word_code(words[i * 2]))
		{
			case SMK_ATTRIBUTION_TOUCH:
			case SMK_ATTRIBUTION_DIRECT:
				reader->times[touches] = at;
				reader->touches[touches++] =
					channel_of(reader, value, smk_word_code(words[i * 2]) == SMK_ATTRIBUTION_DIRECT);
				continue;
			case SMK_ATTRIBUTION_LEAD:
				milestones.lead = at;
				continue;
			case SMK_ATTRIBUTION_OPPORTUNITY:
				milestones.opportunity = at;
				milestones.opportunity_lead = milestones.lead;
				continue;
		}
		/* All conversions of this instant, and all parts of their values. */
		for (;; i++)
		{
			conversions += smk_word_code(words[i * 2]) == SMK_ATTRIBUTION_CONVERSION;
			if (!add_amount(&amount, words[i * 2 + 1], summary->scale))
				return SMK_ATTRIBUTION_OVERFLOW;
			if (i + 1 == count || smk_word_time(words[i * 2 + 2]) != at)
				break;
		}
		while (from < touches && reader->times[from] < at - summary->lookback)
			from++;
		result = add_conversions(reader, from, touches - from, at, &milestones, conversions, amount);
		if (result != SMK_ATTRIBUTION_OK)
			return result;
		has_converted = true;
	}
	if (!has_converted && touches > 0)
	{
		SmkAttributionPath *path;

		while (reader->times[from] < reader->times[touches - 1] - summary->lookback)
			from++;
		path = find_path(reader, reader->touches + from, touches - from);
		if (path == NULL)
			return SMK_ATTRIBUTION_TOO_LARGE;
		path->nulls++;
	}
	return SMK_ATTRIBUTION_OK;
}
