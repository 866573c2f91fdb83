/*
 * funnel_unit.c: the readers of funnels and durations, and their summaries, without a server, against slow
 * references, under the sanitizers. Prints TAP; the argument is the seed.
 */
#include "unit.h"

#include "funnel/durations.h"
#include "funnel/funnel_summary.h"
#include "funnel/window_funnel.h"

/* The chain of one start: the first event that takes each step, as far as it goes within the window. */
static void
chain_of(const SmkFunnelRules *rules, const uint64 *words, int count, int start, int carried,
		 SmkFunnelChain *chain)
{
	uint64 seen = 0;

	chain->depth = 0;
	while (chain->depth <= carried)
		chain->at[chain->depth++] = smk_word_time(words[start]);
	for (int i = start; i < count && smk_word_time(words[i]) - smk_word_time(words[start]) <= rules->within;
		 i++)
	{
		int step = (int) smk_word_code(words[i]);

		if (rules->modes & SMK_FUNNEL_REACHED)
			while (chain->depth <= step)
				chain->at[chain->depth++] = smk_word_time(words[i]);
		else if (rules->modes & SMK_FUNNEL_ORDERED ? step == chain->depth : !(seen >> step & 1))
			chain->at[chain->depth++] = smk_word_time(words[i]);
		seen |= UINT64CONST(1) << step;
	}
}

/* The deepest chain of all starts, then the first to be complete, then the last to start. */
static void
reference_read(const SmkFunnelRules *rules, const uint64 *words, int count, SmkFunnelChain *best)
{
	int lowest = SMK_FUNNEL_MAX_STEPS;
	int highest = -1;
	int starts = 0;

	best->depth = 0;
	for (int i = 0; i < count; i++)
		lowest = Min(lowest, (int) smk_word_code(words[i]));
	for (int i = 0; i < count; i++)
	{
		SmkFunnelChain chain;
		int step = (int) smk_word_code(words[i]);
		int before = highest;

		highest = Max(highest, step);
		if ((rules->modes & SMK_FUNNEL_ORDERED && step != 0) ||
			(rules->modes & SMK_FUNNEL_REACHED && step != lowest) ||
			(rules->modes & SMK_FUNNEL_ANY_ORDER && i > 0 &&
			 smk_word_time(words[i]) == smk_word_time(words[i - 1])))
			continue;
		chain_of(rules, words, count, i, rules->modes & SMK_FUNNEL_REACHED && starts == 0 ? before : -1,
				 &chain);
		starts++;
		if (chain.depth > best->depth ||
			(chain.depth == best->depth && chain.at[chain.depth - 1] <= best->at[best->depth - 1]))
			*best = chain;
		if (rules->modes & SMK_FUNNEL_FIRST_START)
			return;
	}
}

static void
test_funnel(void)
{
	static const struct
	{
		unsigned modes;
		const char *name;
	} kinds[] = {{SMK_FUNNEL_REACHED, "reached"},
				 {SMK_FUNNEL_ORDERED, "ordered"},
				 {SMK_FUNNEL_ANY_ORDER, "any_order"},
				 {SMK_FUNNEL_REACHED | SMK_FUNNEL_FIRST_START, "reached, first start"},
				 {SMK_FUNNEL_ORDERED | SMK_FUNNEL_FIRST_START, "ordered, first start"},
				 {SMK_FUNNEL_ANY_ORDER | SMK_FUNNEL_FIRST_START, "any_order, first start"}};

	for (size_t k = 0; k < lengthof(kinds); k++)
	{
		int wrong = 0;

		for (int n = 0; n < 50000; n++)
		{
			SmkFunnelRules rules = {kinds[k].modes, 1 + random_below(10)};
			SmkFunnelChain chain;
			SmkFunnelChain expected;
			int count = 1 + (int) random_below(n % 10 == 0 ? 40 : 9);
			int steps = n % 7 == 0 ? 64 : 2 + (int) random_below(4);
			/* Times around the epoch, and at the ends of what there is room for. */
			int64 base = n % 5 == 0 ? -SMK_WORD_MAX_TIME : n % 5 == 1 ? SMK_WORD_MAX_TIME - 30 : -10;
			uint64 words[41];
			bool same;

			for (int i = 0; i < count; i++)
				words[i] = smk_word(base + random_below(25), random_below(steps));
			qsort(words, count, sizeof(uint64), compare_words);
			memset(&chain, 0, sizeof(chain));
			smk_funnel_read(&rules, words, count, &chain);
			reference_read(&rules, words, count, &expected);
			same = chain.depth == expected.depth;
			for (int i = 0; same && i < chain.depth; i++)
				same = chain.at[i] == expected.at[i];
			wrong += !same;
		}
		ok(wrong == 0, kinds[k].name);
	}
}

/* A chain of window_funnel, as the reference keeps it: every one that there is. */
typedef struct Chain
{
	int level;
	int64 start;
	int64 end;
	int rows[6];
} Chain;

/* The rules of ClickHouse, with all chains kept; rows (time, conditions) sorted. */
static int
reference_window(const SmkWindowRules *rules, const int64 *times, const uint64 *rows, int count)
{
	static Chain chains[200000];
	int chain_count = 0;
	uint64 reached = 0;

	if (rules->modes & SMK_WINDOW_ANY_ORDER)
	{
		int best = 0;

		for (int from = 0; from < count; from++)
		{
			uint64 met = 0;

			if (rows[from] == 0)
				continue;
			for (int i = from; i < count && times[i] - times[from] <= rules->within; i++)
				met |= rows[i];
			for (int i = from - 1; i >= 0 && times[i] == times[from]; i--)
				met |= rows[i];
			best = Max(best, __builtin_popcountll(met));
			if (rules->modes & SMK_WINDOW_FIRST_START)
				return best;
		}
		return best;
	}
	for (int from = 0, end; from < count; from = end)
	{
		for (end = from; end < count && times[end] == times[from]; end++)
			;
		/* A row that meets nothing comes first. */
		for (int r = from; r < end; r++)
			if (rows[r] == 0 && (rules->modes & SMK_WINDOW_STRICT_ORDER) && reached != 0)
				goto over;
		for (int step = 0; step < rules->conditions; step++)
		{
			int met = 0;
			uint64 was = reached;
			int known;

			for (int r = from; r < end; r++)
				met += rows[r] >> step & 1;
			if (met == 0)
				continue;
			if (step > 0 && (rules->modes & SMK_WINDOW_STRICT_DEDUPLICATION) && (reached >> step & 1))
				goto over;
			if (step > 0 && (rules->modes & SMK_WINDOW_STRICT_ORDER) && reached != 0 &&
				!(reached >> (step - 1) & 1))
			{
				if (rules->modes & SMK_WINDOW_ALLOW_REENTRY)
					continue;
				goto over;
			}
			known = chain_count;
			for (int r = from; r < end; r++)
			{
				if (!(rows[r] >> step & 1))
					continue;
				if (step == 0)
				{
					bool has_start = false;

					for (int c = 0; c < known; c++)
						has_start |= chains[c].start < times[r];
					if ((rules->modes & SMK_WINDOW_FIRST_START) && has_start)
						continue;
					chains[chain_count++] = (Chain){0, times[r], times[r], {r}};
					reached |= 1;
					continue;
				}
				for (int c = 0; c < known; c++)
				{
					Chain chain = chains[c];
					bool fits = chain.level == step - 1 && times[r] - chain.start <= rules->within;

					if ((rules->modes & SMK_WINDOW_STRICT_INCREASE) && chain.end == times[r])
						fits = false;
					for (int i = 0; i < step && fits; i++)
						if ((rules->modes & SMK_WINDOW_STRICT_ONCE) && chain.rows[i] == r)
							fits = false;
					if (!fits)
						continue;
					chain.level = step;
					chain.end = times[r];
					chain.rows[step] = r;
					chains[chain_count++] = chain;
					reached |= UINT64CONST(1) << step;
				}
			}
			if (step + 1 == rules->conditions && (reached >> step & 1))
				goto over;
			if (step > 0 && (rules->modes & SMK_WINDOW_STRICT_DEDUPLICATION) && met > 1 &&
				!(was >> step & 1) && (reached >> step & 1))
				goto over;
		}
	}
over:
	return __builtin_popcountll(reached);
}

static int
window_depth(const SmkWindowRules *rules, const int64 *times, const uint64 *rows, int count)
{
	SmkWindowFunnel funnel;

	smk_window_funnel_start(&funnel, rules);
	for (int from = 0, end; from < count; from = end)
	{
		for (end = from; end < count && times[end] == times[from]; end++)
			;
		smk_window_funnel_add(&funnel, times[from], rows + from, end - from);
	}
	return smk_window_funnel_depth(&funnel);
}

static void
test_window_funnel(void)
{
	int combinations = 0;
	int wrong_combinations = 0;

	for (unsigned modes = 0; modes < 128; modes++)
	{
		int wrong = 0;

		if ((modes & SMK_WINDOW_ANY_ORDER && modes & ~(SMK_WINDOW_ANY_ORDER | SMK_WINDOW_FIRST_START)) ||
			(modes & SMK_WINDOW_ALLOW_REENTRY && !(modes & SMK_WINDOW_STRICT_ORDER)))
			continue;
		combinations++;
		for (int n = 0; n < 10000; n++)
		{
			SmkWindowRules rules = {modes, 1 + (int) random_below(5), 1 + random_below(8)};
			int count = (int) random_below(n % 4 == 0 ? 10 : 7);
			/* Few times, so that many rows have the same; few conditions, or many. */
			unsigned span = n % 3 ? 12 : 3;
			int64 times[10];
			uint64 rows[10];
			uint64 sorted[10];

			for (int i = 0; i < count; i++)
			{
				uint64 met = random_below(1u << rules.conditions);

				if (n % 2)
					met &= random_below(1u << rules.conditions);
				sorted[i] = (uint64) random_below(span) << 32 | met;
			}
			qsort(sorted, count, sizeof(uint64), compare_words);
			for (int i = 0; i < count; i++)
			{
				times[i] = (int64) (sorted[i] >> 32);
				rows[i] = sorted[i] & 0xffffffff;
			}
			wrong += window_depth(&rules, times, rows, count) != reference_window(&rules, times, rows, count);
		}
		if (wrong > 0)
			printf("# modes %x: %d of 10000 differ\n", modes, wrong);
		wrong_combinations += wrong > 0;
	}
	printf("# %d combinations of modes\n", combinations);
	ok(combinations == 50 && wrong_combinations == 0,
	   "window_funnel, 10,000 timelines for each combination of modes");
	{
		/* All conditions and more rows of one time than can be matched. */
		SmkWindowRules rules = {SMK_WINDOW_STRICT_ONCE, 64, 10};
		static int64 times[5000];
		static uint64 rows[5000];

		for (int i = 0; i < 5000; i++)
			rows[i] = PG_UINT64_MAX;
		ok(window_depth(&rules, times, rows, 5000) == 64, "64 conditions met by 5,000 rows of one time");
		ok(window_depth(&rules, times, rows, 63) == 63, "by 63 rows");
		for (int i = 0; i < 64; i++)
			rows[i] = UINT64CONST(3) << (63 - i);
		ok(window_depth(&rules, times, rows, 64) == 64, "each of them by one certain row");
	}
}

/* Durations, a row of the log at a time, on the same events. */
static void
test_durations(void)
{
	int wrong = 0;
	int unequal = 0;
	int unread = 0;
	int unrefused = 0;

	for (int n = 0; n < 2000; n++)
	{
		SmkDurationSummary whole;
		SmkDurationSummary parts[3];
		SmkDurationSummary merged;
		SmkDurationSummary again;
		SmkDurationSummary other;
		StringInfoData bytes[3];
		int64 closed[SMK_DURATIONS_STAGES] = {0};
		int64 open[SMK_DURATIONS_STAGES] = {0};
		int64 total[SMK_DURATIONS_STAGES] = {0};
		int64 last = -1000;
		int entities = 1 + (int) random_below(20);

		smk_durations_init(&whole);
		smk_durations_init(&merged);
		for (int p = 0; p < 3; p++)
			smk_durations_init(&parts[p]);
		for (int e = 0; e < entities; e++)
		{
			uint64 words[8];
			int count = 1 + (int) random_below(8);
			int stage;

			for (int i = 0; i < count; i++)
				words[i] = smk_word((int64) random_below(40) - 20, random_below(SMK_DURATIONS_STAGES));
			qsort(words, count, sizeof(uint64), compare_words);
			smk_durations_add(&whole, words, count);
			smk_durations_add(&parts[random_below(3)], words, count);
			/* Each microsecond by itself: in which stage is the entity? */
			last = Max(last, smk_word_time(words[count - 1]));
			stage = (int) smk_word_code(words[0]);
			for (int i = 1; i < count; i++)
				if ((int) smk_word_code(words[i]) != stage)
				{
					closed[stage]++;
					stage = (int) smk_word_code(words[i]);
				}
			open[stage]++;
			for (int64 at = smk_word_time(words[0]); at < 100; at++)
			{
				for (int i = 0; i < count && smk_word_time(words[i]) <= at; i++)
					stage = (int) smk_word_code(words[i]);
				total[stage]++;
			}
		}
		wrong += whole.last != last;
		for (int s = 0; s < SMK_DURATIONS_STAGES; s++)
			wrong += whole.stages[s].closed.count != closed[s] || whole.stages[s].open_count != open[s] ||
					 fabs(smk_durations_hours(&whole.stages[s], 100) * 3.6e9 - (double) total[s]) > 1e-6;
		for (int p = 0; p < 3; p++)
			smk_durations_merge(&merged, &parts[(p + n) % 3]);
		for (int b = 0; b < 2; b++)
		{
			initStringInfo(&bytes[b]);
			smk_durations_write(b ? &merged : &whole, &bytes[b]);
		}
		unequal += bytes[0].len != bytes[1].len || memcmp(bytes[0].data, bytes[1].data, bytes[0].len) != 0;
		unread += !smk_durations_read(&again, (unsigned char *) bytes[0].data, bytes[0].len);
		initStringInfo(&bytes[2]);
		smk_durations_write(&again, &bytes[2]);
		unread += bytes[0].len != bytes[2].len || memcmp(bytes[0].data, bytes[2].data, bytes[0].len) != 0;
		/* Another sum, or more visits than a count has room for. */
		again.stages[n % SMK_DURATIONS_STAGES].total++;
		resetStringInfo(&bytes[2]);
		smk_durations_write(&again, &bytes[2]);
		unrefused += smk_durations_read(&other, (unsigned char *) bytes[2].data, bytes[2].len);
		again.stages[n % SMK_DURATIONS_STAGES].total--;
		if (again.stages[0].open_count > 0)
		{
			smk_sketch_init(&again.stages[0].closed);
			smk_sketch_add_many(&again.stages[0].closed, 0, PG_INT64_MAX);
			again.stages[0].total = 0;
			resetStringInfo(&bytes[2]);
			smk_durations_write(&again, &bytes[2]);
			unrefused += smk_durations_read(&other, (unsigned char *) bytes[2].data, bytes[2].len);
		}
		for (int b = 0; b < 3; b++)
			pfree(bytes[b].data);
	}
	ok(unrefused == 0, "durations that no log can have given are refused");
	ok(wrong == 0, "durations: visits, open ones and hours, counted a microsecond at a time");
	ok(unequal == 0, "merged from parts in any order they are the same bytes");
	ok(unread == 0, "and are read as they were written");
}

/* Changed bytes are a summary or are none; what is one can be used. */
static void
test_funnel_mutations(int entities)
{
	SmkFunnelRules rules = {SMK_FUNNEL_ORDERED, 1000000};
	SmkFunnelSummary *summary = palloc(sizeof(SmkFunnelSummary));
	SmkFunnelSummary *other = palloc(sizeof(SmkFunnelSummary));
	StringInfoData bytes;
	int rounds = entities < 100 ? 100000 : 20000;
	int valid = 0;

	smk_funnel_summary_init(summary, &rules, false);
	for (int n = 0; n < entities; n++)
	{
		uint64 words[4];

		for (unsigned i = 0; i < 4; i++)
			words[i] = smk_word(n + random_below(90000) * i, i);
		qsort(words, 4, sizeof(uint64), compare_words);
		smk_funnel_summary_add(summary, words, 4);
	}
	initStringInfo(&bytes);
	smk_funnel_summary_write(summary, &bytes);
	for (int n = 0; n < rounds; n++)
	{
		/* Of exactly that size, so that a byte too far is seen. */
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_funnel_summary_read(other, copy, size))
		{
			StringInfoData out;
			double value;

			valid++;
			initStringInfo(&out);
			smk_funnel_summary_write(other, &out);
			(void) smk_sketch_quantile(&other->step[1].previous, 0.5, &value);
			pfree(out.data);
		}
		free(copy);
	}
	printf("# %d of %d changed summaries were valid ones\n", valid, rounds);
	ok(valid > 0 && valid < rounds, "changed bytes of funnel summaries are refused or are valid");
}

static void
test_duration_mutations(int entities)
{
	SmkDurationSummary summary;
	SmkDurationSummary other;
	StringInfoData bytes;
	int rounds = entities < 100 ? 100000 : 20000;
	int valid = 0;

	smk_durations_init(&summary);
	for (int n = 0; n < entities; n++)
	{
		uint64 words[4];

		for (unsigned i = 0; i < 4; i++)
			words[i] = smk_word(n + random_below(90000) * i, random_below(SMK_DURATIONS_STAGES));
		qsort(words, 4, sizeof(uint64), compare_words);
		smk_durations_add(&summary, words, 4);
	}
	initStringInfo(&bytes);
	smk_durations_write(&summary, &bytes);
	for (int n = 0; n < rounds; n++)
	{
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_durations_read(&other, copy, size))
		{
			StringInfoData out;

			valid++;
			initStringInfo(&out);
			smk_durations_write(&other, &out);
			for (int s = 0; s < SMK_DURATIONS_STAGES; s++)
				if (!(smk_durations_hours(&other.stages[s], other.last) >= 0))
					failures++;
			smk_durations_merge(&other, &summary);
			pfree(out.data);
		}
		free(copy);
	}
	printf("# %d of %d changed summaries were valid ones\n", valid, rounds);
	ok(valid > 0 && valid < rounds, "changed bytes of duration summaries are refused or are valid");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_funnel();
	test_window_funnel();
	test_durations();
	/* Few values, which are kept exactly, and many. */
	for (int n = 40; n <= 4000; n *= 100)
	{
		test_funnel_mutations(n);
		test_duration_mutations(n);
	}
	return finish();
}
