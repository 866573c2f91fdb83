/*
 * retention_unit.c: the reader of retention without a server, beside one that looks at each period by itself.
 */
#include "unit.h"

#include "retention/retention.h"

#define PERIODS 24
#define PRODUCTS 4
#define SPANS 12

/* What a customer holds at the close of each period. */
typedef struct Holding
{
	int64 amount[PERIODS][PRODUCTS];
	int spans[PERIODS][PRODUCTS];
} Holding;

/* Movements and cohorts as they are counted. */
typedef struct Counted
{
	int64 customers[PERIODS][SMK_MOVEMENTS];
	int64 amounts[PERIODS][SMK_MOVEMENTS];
	int64 active[PERIODS][PERIODS]; /* of a cohort, in a period */
	int64 since[PERIODS][PERIODS];
	int64 held[PERIODS][PERIODS];
} Counted;

static bool
is_active(const Holding *holding, int period, bool is_subscription)
{
	int64 amount = 0;
	int spans = 0;

	if (period < 0)
		return false;
	for (int p = 0; p < PRODUCTS; p++)
	{
		amount += holding->amount[period][p];
		spans += holding->spans[period][p];
	}
	return is_subscription ? amount != 0 : spans > 0;
}

static int64
total(const Holding *holding, int period)
{
	int64 amount = 0;

	for (int p = 0; period >= 0 && p < PRODUCTS; p++)
		amount += holding->amount[period][p];
	return amount;
}

/* Counts a customer, period by period. */
static void
count_customer(Counted *counted, const Holding *holding, bool is_subscription)
{
	int cohort = -1;
	int latest = -1;

	for (int t = 0; t < PERIODS; t++)
		if (is_active(holding, t, is_subscription))
			latest = t;
	for (int t = 0; t < PERIODS; t++)
	{
		bool before = is_active(holding, t - 1, is_subscription);
		bool now = is_active(holding, t, is_subscription);
		bool seen[SMK_MOVEMENTS] = {false};

		if (now && !before)
		{
			SmkMovement movement = cohort < 0 ? SMK_MOVEMENT_NEW : SMK_MOVEMENT_REACTIVATION;

			cohort = cohort < 0 ? t : cohort;
			counted->customers[t][movement]++;
			counted->amounts[t][movement] += total(holding, t) - total(holding, t - 1);
		}
		else if (before && !now)
		{
			counted->customers[t][SMK_MOVEMENT_CHURN]++;
			counted->amounts[t][SMK_MOVEMENT_CHURN] += total(holding, t) - total(holding, t - 1);
		}
		else if (before)
			for (int p = 0; p < PRODUCTS; p++)
			{
				int64 more = holding->amount[t][p] - holding->amount[t - 1][p];
				SmkMovement movement = more < 0						  ? SMK_MOVEMENT_CONTRACTION
									   : p == 0						  ? SMK_MOVEMENT_EXPANSION
									   : holding->spans[t - 1][p] > 0 ? SMK_MOVEMENT_UPSELL
																	  : SMK_MOVEMENT_CROSS_SELL;

				if (more == 0)
					continue;
				counted->amounts[t][movement] += more;
				counted->customers[t][movement] += !seen[movement];
				seen[movement] = true;
			}
		if (cohort >= 0)
		{
			counted->active[cohort][t] += now;
			counted->held[cohort][t] += total(holding, t);
			counted->since[cohort][t] += latest >= t;
		}
	}
}

/* How many figures of a summary are not those counted; its periods begin at a base and have a scale. */
static int
compare(const SmkRetentionSummary *summary, const Counted *counted, int base)
{
	int wrong = 0;
	int128 unit = 1;

	for (int i = 0; i < summary->scale; i++)
		unit *= 10;
	for (int t = 0; t < PERIODS; t++)
	{
		int i = base + t - summary->first;
		bool is_there = i >= 0 && i <= summary->end - summary->first;
		int64 customers = 0;
		int64 left = 0;
		int128 amount = 0;

		for (int m = 0; m < SMK_MOVEMENTS; m++)
			wrong += (is_there ? summary->periods[i].customers[m] : 0) != counted->customers[t][m] ||
					 (is_there ? summary->periods[i].amounts[m] : 0) != counted->amounts[t][m] * unit;
		if (!is_there)
			continue;
		for (int age = 0; t + age < PERIODS; age++)
		{
			const SmkRetentionCohort *cohort = &summary->cohorts[i];
			int64 since = cohort->size > 0 ? cohort->cells[0].customers - left : 0;

			if (age < cohort->size)
			{
				customers += cohort->cells[age].customers;
				amount += cohort->cells[age].amount;
				left += cohort->cells[age].last;
			}
			wrong += customers != counted->active[t][t + age] || amount != counted->held[t][t + age] * unit ||
					 since != counted->since[t][t + age];
		}
	}
	return wrong;
}

/* The bytes of a summary. */
static StringInfoData
written(const SmkRetentionSummary *summary)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	smk_retention_write(summary, &bytes);
	return bytes;
}

static bool
same(StringInfoData a, StringInfoData b)
{
	bool is_same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;

	pfree(a.data);
	pfree(b.data);
	return is_same;
}

static void
test_retention(void)
{
	SmkSortSpace space = {0};
	int wrong = 0;
	int failed = 0;
	int unequal = 0;
	int unread = 0;

	for (int n = 0; n < 3000; n++)
	{
		SmkRetentionForm form = {
			.is_subscription = n % 2 == 1, .has_as_of = n % 2 == 1, .period = 2, .zone = "UTC"};
		SmkRetentionSummary whole;
		SmkRetentionSummary parts[3];
		SmkRetentionSummary merged;
		SmkRetentionSummary again;
		Counted counted = {0};
		StringInfoData bytes;
		int base = (int) random_below(2000) - 1000;
		int customers = 1 + (int) random_below(6);

		smk_retention_init(&whole, &form);
		smk_retention_init(&merged, &form);
		for (int p = 0; p < 3; p++)
			smk_retention_init(&parts[p], &form);
		for (int c = 0; c < customers; c++)
		{
			Holding holding = {0};
			uint64 spans[2 * SPANS];
			int count = 1 + (int) random_below(SPANS);
			int part = (int) random_below(3);
			int first = PERIODS;
			int last = 0;
			int end = 0;
			int scale = (int) random_below(3);

			for (int i = 0; i < count; i++)
			{
				int begin = (int) random_below(PERIODS);
				int length = random_below(5) == 0 ? SMK_RETENTION_MAX_PERIODS : (int) random_below(6);
				uint64 product = random_below(3) == 0 ? 0 : random_below(PRODUCTS);
				int64 amount = random_below(6) == 0 ? 0 : (int64) random_below(40) - 8;
				int64 units = amount;

				/* What ends after the last period of subscriptions never ends. */
				if (form.is_subscription && begin + length >= PERIODS)
					length = SMK_RETENTION_MAX_PERIODS;
				for (int s = 0; s < scale; s++)
					units *= 10;
				for (int t = begin; t < PERIODS && t < begin + length; t++)
				{
					holding.amount[t][product] += amount;
					holding.spans[t][product]++;
				}
				spans[2 * i] = smk_span_word(base + begin, length, product);
				spans[2 * i + 1] = smk_span_value(units, scale);
				first = Min(first, begin);
				last = Max(last, begin);
				if (length < SMK_RETENTION_MAX_PERIODS)
					end = Max(end, begin + length);
			}
			count_customer(&counted, &holding, form.is_subscription);
			for (int p = 0; p < 2; p++)
			{
				SmkRetentionSummary *summary = p ? &parts[part] : &whole;

				failed += smk_retention_extend(summary, scale, base + first, base + last, base + end) !=
							  SMK_RETENTION_OK ||
						  smk_retention_add(summary, spans, count, &space) != SMK_RETENTION_OK;
			}
		}
		wrong += compare(&whole, &counted, base);
		for (int p = 0; p < 3; p++)
			failed += smk_retention_merge(&merged, &parts[(p + n) % 3]) != SMK_RETENTION_OK;
		unequal += !same(written(&whole), written(&merged));
		bytes = written(&whole);
		if (smk_retention_read(&again, (unsigned char *) bytes.data, bytes.len))
			unread += !same(bytes, written(&again));
		else
			unread++;
	}
	ok(failed == 0, "all customers have room");
	ok(wrong == 0, "retention: movements and cohorts, counted a period at a time");
	ok(unequal == 0, "merged from parts in any order they are the same bytes");
	ok(unread == 0, "and are read as they were written");
}

/* What has no room is said. */
static void
test_limits(void)
{
	SmkRetentionForm form = {.period = 2, .zone = "UTC"};
	SmkRetentionSummary summary;
	SmkRetentionSummary other;
	SmkSortSpace space = {0};
	uint64 spans[2] = {smk_span_word(0, 1, 0), smk_span_value(INT64CONST(9999999999999999), -21)};

	smk_retention_init(&summary, &form);
	ok(smk_retention_extend(&summary, 0, 0, SMK_RETENTION_MAX_PERIODS, 0) == SMK_RETENTION_TOO_LONG,
	   "too many periods");
	ok(smk_retention_extend(&summary, 0, 0, 0, 1) == SMK_RETENTION_OK &&
		   smk_retention_add(&summary, spans, 1, &space) == SMK_RETENTION_OK,
	   "37 digits have room");
	smk_retention_init(&other, &form);
	ok(smk_retention_extend(&other, 2, 0, 0, 1) == SMK_RETENTION_OK &&
		   smk_retention_add(&other, spans, 1, &space) == SMK_RETENTION_OVERFLOW,
	   "with two decimals they have none");
	ok(smk_retention_extend(&summary, 2, 0, 0, 1) == SMK_RETENTION_OVERFLOW, "nor at a larger scale later");
}

/* Changed bytes are a summary or are none; what is one can be used. */
static void
test_mutations(int customers)
{
	SmkRetentionForm form = {.period = 2, .months = 12, .zone = "Europe/Paris"};
	SmkRetentionSummary summary;
	SmkRetentionSummary other;
	SmkSortSpace space = {0};
	StringInfoData bytes;
	int rounds = 50000;
	int valid = 0;

	smk_retention_init(&summary, &form);
	for (int c = 0; c < customers; c++)
	{
		uint64 spans[8];

		for (int i = 0; i < 4; i++)
		{
			spans[2 * i] = smk_span_word((int) random_below(30), random_below(5), random_below(3));
			spans[2 * i + 1] = smk_span_value((int64) random_below(10000), 2);
		}
		(void) smk_retention_extend(&summary, 2, 0, 29, 34);
		(void) smk_retention_add(&summary, spans, 4, &space);
	}
	bytes = written(&summary);
	for (int n = 0; n < rounds; n++)
	{
		/* Of exactly that size, so that a byte too far is seen. */
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_retention_read(&other, copy, size))
		{
			SmkRetentionSummary sum;
			StringInfoData out = written(&other);
			SmkRetentionSummary again;

			valid++;
			if (!smk_retention_read(&again, (unsigned char *) out.data, out.len))
				ok(false, "a valid summary is read again");
			smk_retention_init(&sum, &other.form);
			(void) smk_retention_merge(&sum, &other);
			(void) smk_retention_merge(&sum, &other);
			pfree(out.data);
		}
		free(copy);
	}
	printf("# %d of %d changed summaries were valid ones\n", valid, rounds);
	ok(valid > 0 && valid < rounds, "changed bytes of retention summaries are refused or are valid");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_retention();
	test_limits();
	test_mutations(3);
	test_mutations(2000);
	return finish();
}
