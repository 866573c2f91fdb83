/*
 * attribution_model.c: how much of a conversion each touch of its path is credited with.
 *
 * Shares of 40, 20 and 40, halves of what lies between for two touches: Snowplow's attribution package. A
 * summary's own credits, which need times and milestones, are added up in attribution.c.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "attribution/attribution.h"

/* So many parts make a percent of the shares of position. */
#define PERCENT 1000000
/* Of paths up to so long shares are kept. */
#define FEW_TOUCHES 16

/* Reads a percentage of up to six decimals and moves on; false where there is none. */
static bool
read_percent(const char **text, uint32 *parts)
{
	const char *at = *text;
	uint32 unit = PERCENT;

	*parts = 0;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
	{
		*parts = *parts * 10 + (uint32) (*at - '0') * PERCENT;
		if (*parts > 100 * PERCENT)
			return false;
	}
	if (*at == '.')
	{
		at++;
		if (*at < '0' || *at > '9')
			return false;
		for (; *at >= '0' && *at <= '9'; at++)
		{
			unit /= 10;
			if (unit == 0)
				return false;
			*parts += (uint32) (*at - '0') * unit;
		}
	}
	*text = at;
	return true;
}

/* Reads the numbers of position(a/b/c); false where they are none, or do not sum to 100. */
static bool
read_position(const char *text, uint32 *shares)
{
	uint32 sum = 0;

	for (int i = 0; i < 3; i++)
	{
		if (*text++ != (i ? '/' : '(') || !read_percent(&text, &shares[i]))
			return false;
		sum += shares[i];
	}
	return strcmp(text, ")") == 0 && sum == 100 * PERCENT;
}

/* The model of a name. */
SmkAttributionModel
smk_attribution_model(const char *name)
{
	static const struct
	{
		const char *name;
		SmkAttributionModelKind kind;
	} names[] = {{"first", SMK_MODEL_FIRST},
				 {"last", SMK_MODEL_LAST},
				 {"last_non_direct", SMK_MODEL_LAST_NON_DIRECT},
				 {"linear", SMK_MODEL_LINEAR},
				 {"time_decay", SMK_MODEL_TIME_DECAY},
				 {"position", SMK_MODEL_POSITION},
				 {"w_shaped", SMK_MODEL_W_SHAPED},
				 {"full_path", SMK_MODEL_FULL_PATH},
				 {"markov(1)", SMK_MODEL_LATER},
				 {"markov(2)", SMK_MODEL_LATER},
				 {"markov(3)", SMK_MODEL_LATER},
				 {"markov(4)", SMK_MODEL_LATER},
				 {"shapley", SMK_MODEL_LATER}};
	SmkAttributionModel model = {SMK_MODEL_UNKNOWN, {40 * PERCENT, 20 * PERCENT, 40 * PERCENT}};

	for (size_t i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i].name) == 0)
			model.kind = names[i].kind;
	if (strncmp(name, "position(", strlen("position(")) == 0 &&
		read_position(name + strlen("position"), model.shares))
		model.kind = SMK_MODEL_POSITION;
	return model;
}

/* A weight of their sum, below 2^77, as a share, rounded down. */
static uint128
share_of(uint64 weight, uint128 sum)
{
	uint128 share = 0;
	uint128 rest = weight;

	/* In three steps, as a third of the bits has room above the sum. */
	for (int i = 0; i < 3; i++)
	{
		rest <<= SMK_SHARE_BITS / 3;
		share = (share << SMK_SHARE_BITS / 3) + rest / sum;
		rest %= sum;
	}
	return share;
}

/* Shares in proportion to weights, up to 2^50 and not all 0; their sum is SMK_SHARE_ONE. */
void
smk_attribution_normalise(const uint64 *weights, int64 count, uint128 *shares)
{
	uint128 sum = 0;
	uint128 missing = SMK_SHARE_ONE;

	for (int64 i = 0; i < count; i++)
		sum += weights[i];
	for (int64 i = 0; i < count; i++)
	{
		/* Mostly they are few. */
		shares[i] = i > 0 && weights[i] == weights[i - 1] ? shares[i - 1] : share_of(weights[i], sum);
		missing -= shares[i];
	}
	/* What rounding left: less than a part for each touch that has any. */
	for (int64 i = 0; missing > 0; i++)
		if (weights[i] > 0)
		{
			shares[i]++;
			missing--;
		}
}

/* Shares by how long ago each touch was before the last one: to 15 digits, what is left to the last. */
void
smk_attribution_decay(const int64 *times, int64 count, int64 half_life, double *weights, uint128 *shares)
{
	double sum = 0;
	uint128 missing = SMK_SHARE_ONE;

	for (int64 i = 0; i < count; i++)
	{
		weights[i] = exp2(-(double) (times[count - 1] - times[i]) / (double) half_life);
		sum += weights[i];
	}
	for (int64 i = 0; i < count; i++)
	{
		shares[i] = (uint128) (uint64) (weights[i] / sum * (double) (SMK_SHARE_ONE >> 64)) << 64;
		missing -= shares[i];
	}
	shares[count - 1] += missing;
}

/* The whole to one touch. */
static void
give_all(uint128 *shares, int64 count, int64 touch)
{
	memset(shares, 0, count * sizeof(uint128));
	shares[touch] = SMK_SHARE_ONE;
}

/* The last touch that has a source; where none has, the last one. */
static int64
last_non_direct(SmkTouchIsDirect is_direct, const void *of, const int *path, int64 count)
{
	for (int64 i = count - 1; i >= 0; i--)
		if (!is_direct(of, path[i]))
			return i;
	return count - 1;
}

/* The shares of the touches of a path, under a model that reads nothing else; weights is room to work in. */
void
smk_attribution_shares(const SmkAttributionModel *model, SmkTouchIsDirect is_direct, const void *of,
					   const int *path, int64 count, uint64 *weights, uint128 *shares)
{
	switch (model->kind)
	{
		case SMK_MODEL_FIRST:
			give_all(shares, count, 0);
			break;
		case SMK_MODEL_LAST:
			give_all(shares, count, count - 1);
			break;
		case SMK_MODEL_LAST_NON_DIRECT:
			give_all(shares, count, last_non_direct(is_direct, of, path, count));
			break;
		case SMK_MODEL_LINEAR:
			for (int64 i = 0; i < count; i++)
				weights[i] = 1;
			smk_attribution_normalise(weights, count, shares);
			break;
		case SMK_MODEL_POSITION:
			if (count == 1)
			{
				give_all(shares, count, 0);
				break;
			}
			/* All times how many there are between, or for two touches times two. */
			for (int64 i = 1; i < count - 1; i++)
				weights[i] = model->shares[1];
			weights[0] = model->shares[0] * (uint64) Max(2, count - 2);
			weights[count - 1] = model->shares[2] * (uint64) Max(2, count - 2);
			if (count == 2)
			{
				weights[0] += model->shares[1];
				weights[1] += model->shares[1];
			}
			else if (count == 3)
				weights[1] *= 2;
			smk_attribution_normalise(weights, count, shares);
			break;
		default:
			Assert(false);
			give_all(shares, count, 0);
	}
}

static bool
channel_is_direct(const void *summary, int channel)
{
	return ((const SmkAttributionSummary *) summary)->channels[channel].is_direct;
}

/* The credit of each channel of a summary under a model, in zeroed room; false where a sum has no room. */
bool
smk_attribution_credits(const SmkAttributionSummary *summary, const SmkAttributionModel *model,
						SmkCredit *credits)
{
	int64 size = 0;
	int *path = NULL;
	uint64 *weights = NULL;
	uint128 *shares = NULL;
	uint128 known[FEW_TOUCHES][FEW_TOUCHES]; /* shares that depend on how many there are alone, */
	bool is_known[FEW_TOUCHES] = {false};	 /* once they were worked out */
	bool has_room = true;

	if (model->kind < SMK_SUMMED_MODELS)
	{
		for (int i = 0; i < summary->channel_count; i++)
			credits[i] = summary->channels[i].credits[model->kind];
		return true;
	}
	for (int64 i = 0; i < summary->path_count && has_room; i++)
	{
		const SmkAttributionPath *of = &summary->paths[i];
		const unsigned char *at = smk_path_bytes(summary, of);
		const unsigned char *end = at + of->size;
		int64 count = 0;
		uint128 *credited;

		CHECK_FOR_INTERRUPTS();
		if (of->conversions == 0)
			continue;
		if (of->size > size)
		{
			if (size > 0)
			{
				pfree(path);
				pfree(weights);
				pfree(shares);
			}
			size = Max(64, (int64) of->size * 2);
			path = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(int));
			weights = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(uint64));
			shares = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(uint128));
		}
		while (at < end)
			path[count++] = smk_path_read(&at);
		credited = count <= FEW_TOUCHES ? known[count - 1] : shares;
		if (credited == shares || !is_known[count - 1])
			smk_attribution_shares(model, channel_is_direct, summary, path, count, weights, credited);
		if (credited != shares)
			is_known[count - 1] = model->kind != SMK_MODEL_LAST_NON_DIRECT;
		for (int64 touch = 0; touch < count && has_room; touch++)
			if (credited[touch] > 0)
				has_room =
					smk_credit_add(&credits[path[touch]], credited[touch], of->conversions, of->value);
	}
	return has_room;
}
