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
/* Of paths up to so long the shares are kept that depend on their length alone. */
#define PLAIN_TOUCHES 16

/* What led up to a conversion besides touches. */
typedef struct Milestones
{
	int64 lead; /* the last one so far */
	int64 opportunity;
	int64 opportunity_lead; /* the last one before it */
} Milestones;

/* Begins to read another timeline: what numbers its names have is forgotten. */
void
smk_attribution_restart(SmkAttributionReader *reader)
{
	/* After as many as there are numbers, none may look like one of the first. */
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

/* The number at a place, to be set where it is new since the last start. */
int *
smk_attribution_number(SmkAttributionReader *reader, int64 place, bool *is_new)
{
	if (place >= reader->names_size)
	{
		int64 size = Max(READER_LEAST_SIZE, place * 2);
		uint32 *readings = MemoryContextAllocHuge(reader->context, size * sizeof(uint32));
		int *numbers = MemoryContextAllocHuge(reader->context, size * sizeof(int));

		memset(readings, 0, size * sizeof(uint32));
		if (reader->names_size > 0)
		{
			memcpy(readings, reader->readings, reader->names_size * sizeof(uint32));
			memcpy(numbers, reader->numbers, reader->names_size * sizeof(int));
			pfree(reader->readings);
			pfree(reader->numbers);
		}
		reader->readings = readings;
		reader->numbers = numbers;
		reader->names_size = size;
	}
	*is_new = reader->readings[place] != reader->reading;
	reader->readings[place] = reader->reading;
	return &reader->numbers[place];
}

/* Two touches of one time by the bytes of their channels' names. */
static int
compare_touches(const void *a, const void *b, void *state)
{
	const SmkAttributionReader *reader = state;
	uint64 left = ((const uint64 *) a)[1];
	uint64 right = ((const uint64 *) b)[1];
	int left_length;
	int right_length;
	const char *left_name;
	const char *right_name;

	CHECK_FOR_INTERRUPTS();
	if (left == right)
		return 0;
	left_name = reader->name(reader->timeline, left, &left_length);
	right_name = reader->name(reader->timeline, right, &right_length);
	return smk_attribution_compare(left_name, left_length, right_name, right_length);
}

/* Touches of the time of the first one come in the order of their channels' names; returns how many they are.
 */
static int64
order_ties(SmkAttributionReader *reader, uint64 *words, int64 count)
{
	int64 ties = 1;

	while (ties < count && words[ties * 2] == words[0])
		ties++;
	qsort_arg(words, ties, 2 * sizeof(uint64), compare_touches, reader);
	return ties;
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

/* Shares by milestones, of which one that is below 0 is none: in thirds, or fourths, of what others leave. */
static void
milestone_shares(SmkAttributionReader *reader, SmkAttributionModelKind kind, int64 count, int64 lead,
				 int64 opportunity, uint128 *shares)
{
	int64 milestones[] = {0, lead, opportunity, count - 1};
	int milestone_count = kind == SMK_MODEL_W_SHAPED ? 3 : 4;
	uint64 each = kind == SMK_MODEL_W_SHAPED ? 3 : 9;
	uint64 others = kind == SMK_MODEL_W_SHAPED ? 1 : 4;
	uint64 *weights = reader->weights;
	uint64 other_count = 0;

	memset(weights, 0, count * sizeof(uint64));
	for (int i = 0; i < milestone_count; i++)
		if (milestones[i] >= 0)
			weights[milestones[i]]++;
	for (int64 i = 0; i < count; i++)
		other_count += weights[i] == 0;
	for (int64 i = 0; i < count; i++)
		weights[i] = weights[i] == 0 ? others : weights[i] * each * Max(1, other_count);
	smk_attribution_normalise(weights, count, shares);
}

/* Where shares of a short path are kept that has no milestones but its ends; the first is 0 if they are not.
 */
static uint128 *
plain_shares(SmkAttributionReader *reader, SmkAttributionModelKind kind, int64 count)
{
	if (reader->plain == NULL)
		reader->plain =
			MemoryContextAllocZero(reader->context, 2 * PLAIN_TOUCHES * PLAIN_TOUCHES * sizeof(uint128));
	return reader->plain + ((kind == SMK_MODEL_W_SHAPED) * PLAIN_TOUCHES + count - 1) * PLAIN_TOUCHES;
}

/* The shares of touches under a model that reads times or milestones; they last until the next ones. */
const uint128 *
smk_attribution_timed_shares(SmkAttributionReader *reader, SmkAttributionModelKind kind,
							 const SmkConversions *conversions, int64 half_life)
{
	int64 count = conversions->count;
	const int64 *times = conversions->times;
	uint128 *shares = reader->shares;
	int64 lead = -1;
	int64 opportunity = -1;

	if (kind == SMK_MODEL_TIME_DECAY)
	{
		smk_attribution_decay(times, count, half_life, reader->decays, shares);
		return shares;
	}
	if (conversions->lead != SMK_NO_TIME)
		lead = touch_before(times, count, conversions->lead);
	if (conversions->opportunity != SMK_NO_TIME)
		opportunity = touch_before(times, count, conversions->opportunity);
	if (count <= PLAIN_TOUCHES && lead < 0 && opportunity < 0)
		shares = plain_shares(reader, kind, count);
	if (shares == reader->shares || shares[0] == 0)
		milestone_shares(reader, kind, count, lead, opportunity, shares);
	return shares;
}

/* The summary's channel of a name of the timeline. */
static int
summary_touch(SmkAttributionReader *reader, uint64 name, bool is_direct)
{
	int length;
	const char *text = reader->name(reader->timeline, name, &length);

	return smk_attribution_channel(reader->summary, text, length, is_direct);
}

/* The number of a touch by its channel's name, as the visitor gives it. */
static inline int
touch_number(SmkAttributionReader *reader, uint64 name, bool is_direct)
{
	uint64 place = name * 2 + is_direct;
	bool is_new;
	int *number;

	if (reader->visitor->touch == NULL)
		return (int) place;
	if (likely(place < (uint64) reader->names_size && reader->readings[place] == reader->reading))
		return reader->numbers[place];
	number = smk_attribution_number(reader, (int64) place, &is_new);
	*number = reader->visitor->touch(reader, name, is_direct);
	return *number;
}

/* Credits the channels of a path with their shares, under one of the models of which a summary has the sums.
 */
static bool
credit_path(SmkAttributionReader *reader, SmkAttributionModelKind kind, const SmkConversions *of,
			int64 conversions, int128 value)
{
	SmkAttributionChannel *channels = reader->summary->channels;
	const uint128 *shares = smk_attribution_timed_shares(reader, kind, of, reader->summary->half_life);

	for (int64 i = 0; i < of->count; i++)
		if (!smk_credit_add(&channels[of->path[i]].credits[kind], shares[i], conversions, value))
			return false;
	return true;
}

/* Writes so many touches as the key of a path; returns how many bytes it has. */
static int64
write_path(SmkAttributionReader *reader, const int *path, int64 count)
{
	unsigned char *to = reader->key;

	for (int64 i = 0; i < count; i++)
		to = smk_path_write(to, path[i]);
	return to - reader->key;
}

/* Adds conversions to the summary. */
static SmkAttributionResult
summary_convert(SmkAttributionReader *reader, const SmkConversions *of)
{
	SmkAttributionSummary *summary = reader->summary;
	int64 conversions = 0;
	int128 value = 0;
	SmkAttributionPath *found;

	for (int64 i = 0; i < of->event_count; i++)
	{
		conversions += smk_word_code(of->events[i * 2]) == SMK_ATTRIBUTION_CONVERSION;
		if (!add_amount(&value, of->events[i * 2 + 1], summary->scale))
			return SMK_ATTRIBUTION_OVERFLOW;
	}
	if (of->count == 0)
	{
		if (__builtin_add_overflow(summary->unattributed_value, value, &summary->unattributed_value))
			return SMK_ATTRIBUTION_OVERFLOW;
		summary->unattributed += conversions;
		return SMK_ATTRIBUTION_OK;
	}
	found = smk_attribution_path(summary, reader->key, write_path(reader, of->path, of->count));
	if (found == NULL)
		return SMK_ATTRIBUTION_TOO_LARGE;
	smk_attribution_path_time(found, of->at - of->times[0], conversions);
	if (__builtin_add_overflow(found->value, value, &found->value))
		return SMK_ATTRIBUTION_OVERFLOW;
	/* What one touch has alone is credited at the end. */
	for (int model = 0; of->count > 1 && model < SMK_SUMMED_MODELS; model++)
		if (!credit_path(reader, (SmkAttributionModelKind) model, of, conversions, value))
			return SMK_ATTRIBUTION_OVERFLOW;
	return SMK_ATTRIBUTION_OK;
}

/* Adds the path of an account that never converted. */
static SmkAttributionResult
summary_leave(SmkAttributionReader *reader, const int *touches, int64 count)
{
	return smk_attribution_leave(reader->summary, reader->key, write_path(reader, touches, count))
			   ? SMK_ATTRIBUTION_OK
			   : SMK_ATTRIBUTION_TOO_LARGE;
}

static const SmkAttributionVisitor summary_visitor = {summary_touch, summary_convert, summary_leave};

/* Begins a summary, whose names are those of the reader's timeline. */
void
smk_attribution_start(SmkAttributionReader *reader, SmkAttributionSummary *summary)
{
	reader->visitor = &summary_visitor;
	reader->summary = summary;
	reader->lookback = summary->lookback;
	smk_attribution_restart(reader);
}

/* The conversions at the time of an event, and all parts of their values, with the path that leads to them;
 * moves on to the last of these events. */
static SmkAttributionResult
convert(SmkAttributionReader *reader, const uint64 *words, int64 count, int64 *event,
		const Milestones *milestones, int64 from, int64 touches)
{
	int64 at = smk_word_time(words[*event * 2]);
	int64 first = *event;
	SmkConversions conversions = {
		.at = at,
		.times = reader->times + from,
		.path = reader->touches + from,
		.count = touches - from,
		.lead = milestones->opportunity != SMK_NO_TIME ? milestones->opportunity_lead : milestones->lead,
		.opportunity = milestones->opportunity,
		.events = words + first * 2};

	while (*event + 1 < count && smk_word_time(words[*event * 2 + 2]) == at)
		(*event)++;
	conversions.event_count = *event - first + 1;
	return reader->visitor->convert(reader, &conversions);
}

/* Reads an account: its events, each a word and a value, in the order of time. */
SmkAttributionResult
smk_attribution_add(SmkAttributionReader *reader, uint64 *words, int64 count)
{
	Milestones milestones = {SMK_NO_TIME, SMK_NO_TIME, SMK_NO_TIME};
	int64 touches = 0;
	int64 from = 0;	   /* the first touch of a path */
	int64 ordered = 0; /* up to here touches of one time are in order */
	bool has_converted = false;
	int64 *times;
	int *path;

	reserve_touches(reader, count);
	times = reader->times;
	path = reader->touches;
	for (int64 i = 0; i < count; i++)
	{
		uint64 word = words[i * 2];
		int64 at = smk_word_time(word);
		unsigned code = smk_word_code(word);
		SmkAttributionResult result;

		if (likely(code <= SMK_ATTRIBUTION_DIRECT))
		{
			int touch;

			if (i + 1 < count && word == words[i * 2 + 2] && i >= ordered)
				ordered = i + order_ties(reader, words + i * 2, count - i);
			touch = touch_number(reader, words[i * 2 + 1], code == SMK_ATTRIBUTION_DIRECT);
			if (touch < 0)
				return SMK_ATTRIBUTION_TOO_LARGE;
			times[touches] = at;
			path[touches++] = touch;
			continue;
		}
		if (code == SMK_ATTRIBUTION_LEAD)
		{
			milestones.lead = at;
			continue;
		}
		if (code == SMK_ATTRIBUTION_OPPORTUNITY)
		{
			milestones.opportunity = at;
			milestones.opportunity_lead = milestones.lead;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		while (from < touches && times[from] < at - reader->lookback)
			from++;
		result = convert(reader, words, count, &i, &milestones, from, touches);
		if (result != SMK_ATTRIBUTION_OK)
			return result;
		has_converted = true;
	}
	if (has_converted || touches == 0 || reader->visitor->leave == NULL)
		return SMK_ATTRIBUTION_OK;
	while (times[from] < times[touches - 1] - reader->lookback)
		from++;
	return reader->visitor->leave(reader, path + from, touches - from);
}
