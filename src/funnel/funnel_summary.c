/*
 * funnel_summary.c: adds entities to a funnel, merges funnels, and their bytes.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "funnel/funnel_summary.h"
#include "timeline/varint.h"

/* Of funnel stages there are so many steps. */
#define STAGE_STEPS 7

/* An empty funnel; what it allocates later lives in the context that is current then. */
void
smk_funnel_summary_init(SmkFunnelSummary *summary, const SmkFunnelRules *rules, bool is_stages)
{
	memset(summary, 0, sizeof(*summary));
	summary->rules = *rules;
	summary->is_stages = is_stages;
	summary->lowest = SMK_FUNNEL_MAX_STEPS;
	for (int i = 0; i < SMK_FUNNEL_MAX_STEPS; i++)
	{
		smk_sketch_init(&summary->step[i].previous);
		smk_sketch_init(&summary->step[i].first);
	}
}

/* Adds an entity by its events, sorted; there is at least one. */
void
smk_funnel_summary_add(SmkFunnelSummary *summary, const uint64 *words, int64 count)
{
	SmkFunnelChain chain;
	uint64 seen = 0;

	for (int64 i = 0; i < count; i++)
		seen |= UINT64CONST(1) << smk_word_code(words[i]);
	summary->lowest = Min(summary->lowest, pg_rightmost_one_pos64(seen));
	summary->steps = Max(summary->steps, pg_leftmost_one_pos64(seen) + 1);
	smk_funnel_read(&summary->rules, words, count, &chain);
	for (int i = 0; i < chain.depth; i++)
	{
		SmkFunnelStep *step = &summary->step[i];

		step->entities++;
		if (i == 0)
			continue;
		smk_sketch_add(&step->previous, chain.at[i] - chain.at[i - 1]);
		if (i > 1)
			smk_sketch_add(&step->first, chain.at[i] - chain.at[0]);
	}
}

/* Adds a funnel over other entities, which stays as it is. False, and nothing done, where a count has no
 * room. */
bool
smk_funnel_summary_merge(SmkFunnelSummary *into, const SmkFunnelSummary *other)
{
	/* A sketch has as many values as its step has entities, and no step has more than the first. */
	if (other->step[0].entities > PG_INT64_MAX - into->step[0].entities)
		return false;
	into->lowest = Min(into->lowest, other->lowest);
	into->steps = Max(into->steps, other->steps);
	for (int i = 0; i < other->steps; i++)
	{
		into->step[i].entities += other->step[i].entities;
		smk_sketch_merge(&into->step[i].previous, &other->step[i].previous);
		smk_sketch_merge(&into->step[i].first, &other->step[i].first);
	}
	return true;
}

/* Writes the funnel: version, kind, mode, window, steps, and of each its entities and its two sketches. */
void
smk_funnel_summary_write(const SmkFunnelSummary *summary, StringInfo out)
{
	appendStringInfoCharMacro(out, SMK_FUNNEL_SUMMARY_VERSION);
	appendStringInfoCharMacro(out, summary->is_stages ? 1 : 0);
	appendStringInfoCharMacro(out, (char) summary->rules.modes);
	smk_varint_append(out, (uint64) summary->rules.within);
	appendStringInfoCharMacro(out, (char) summary->steps);
	appendStringInfoCharMacro(out, (char) (summary->steps ? summary->lowest : 0));
	for (int i = 0; i < summary->steps; i++)
	{
		smk_varint_append(out, (uint64) summary->step[i].entities);
		if (i == 0)
			continue;
		smk_sketch_write(&summary->step[i].previous, out);
		if (i > 1)
			smk_sketch_write(&summary->step[i].first, out);
	}
}

/* Reads a funnel; false where the bytes are none. */
bool
smk_funnel_summary_read(SmkFunnelSummary *summary, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	SmkFunnelRules rules;
	bool is_stages;
	unsigned order;
	uint64 within;

	if (size < 3 || data[0] != SMK_FUNNEL_SUMMARY_VERSION || data[1] > 1)
		return false;
	is_stages = data[1] == 1;
	rules.modes = data[2];
	order = rules.modes & ~SMK_FUNNEL_FIRST_START;
	if ((order != SMK_FUNNEL_REACHED && order != SMK_FUNNEL_ORDERED && order != SMK_FUNNEL_ANY_ORDER) ||
		(is_stages && rules.modes != SMK_FUNNEL_REACHED))
		return false;
	data += 3;
	if (!smk_varint_read(&data, end, &within) || within == 0 || within > 2 * (uint64) SMK_WORD_MAX_TIME ||
		end - data < 2)
		return false;
	rules.within = (int64) within;
	smk_funnel_summary_init(summary, &rules, is_stages);
	summary->steps = data[0];
	if (summary->steps > (is_stages ? STAGE_STEPS : SMK_FUNNEL_MAX_STEPS) ||
		data[1] > Max(summary->steps - 1, 0))
		return false;
	if (summary->steps > 0)
		summary->lowest = data[1];
	data += 2;
	for (int i = 0; i < summary->steps; i++)
	{
		SmkFunnelStep *step = &summary->step[i];
		uint64 entities;

		if (!smk_varint_read(&data, end, &entities) || entities > PG_INT64_MAX ||
			(i > 0 && (int64) entities > summary->step[i - 1].entities))
			return false;
		step->entities = (int64) entities;
		/* Every entity that took a step needed some time for it. */
		if (i > 0 &&
			(!smk_sketch_read(&step->previous, &data, end) || step->previous.count != step->entities))
			return false;
		if (i > 1 && (!smk_sketch_read(&step->first, &data, end) || step->first.count != step->entities))
			return false;
	}
	return data == end;
}
