/*
 * attribution_unit.c: the reader of attribution without a server, beside one that goes through all events of
 * an account for each conversion.
 */
#include "unit.h"

#include "attribution/attribution.h"
#include "timeline/word.h"

#define NAMES 6
#define EVENTS 14
#define LOOKBACK 20
#define HALF_LIFE 5
#define MODELS 8

/* In the order of their bytes these are another one than that of their numbers. */
static const char *const names[NAMES + 1] = {"", "search", "ads", "direct", "mail", "ad", "fair"};

static const char *const models[MODELS] = {"time_decay", "w_shaped",		"full_path", "first",
										   "last",		 "last_non_direct", "linear",	 "position"};

uint32
hash_bytes(const unsigned char *bytes, int length)
{
	uint32 hash = 2166136261u;

	for (int i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

void *
palloc_extended(Size size, int flags)
{
	return flags & MCXT_ALLOC_ZERO ? palloc0(size) : palloc(size);
}

static const char *
name_of(const void *timeline, uint64 number, int *length)
{
	(void) timeline;
	*length = (int) strlen(names[number]);
	return names[number];
}

/* An event as a person would write it down. */
typedef struct Event
{
	int at;
	int code;
	int name;
	int64 value;
} Event;

/* The order of time; of touches at one time that of their names. */
static int
compare_events(const void *a, const void *b)
{
	const Event *left = a;
	const Event *right = b;

	if (left->at != right->at)
		return left->at - right->at;
	if (left->code != right->code)
		return left->code - right->code;
	return left->code <= SMK_ATTRIBUTION_DIRECT ? strcmp(names[left->name], names[right->name]) : 0;
}

/* What is credited, by model, name and whether it is direct; and what is not. */
typedef struct Counted
{
	double conversions[MODELS][NAMES + 1][2];
	double values[MODELS][NAMES + 1][2];
	int64 unattributed;
	int64 unattributed_value;
	int64 nulls;
} Counted;

/* The shares of the touches of a path, by the words of the definition. */
static void
share(int model, const Event **path, int count, int at, const Event *lead, const Event *opportunity,
	  double *shares)
{
	double sum = 0;

	for (int i = 0; i < count; i++)
		shares[i] = 0;
	switch (model)
	{
		case 0:
			for (int i = 0; i < count; i++)
				shares[i] = pow(2, -(double) (at - path[i]->at) / HALF_LIFE);
			break;
		case 1:
		case 2:
		{
			double each = model == 1 ? 30 : 22.5;
			int others = 0;

			shares[0] += each;
			if (model == 2)
				shares[count - 1] += each;
			for (int m = 0; m < 2; m++)
			{
				const Event *milestone = m ? opportunity : lead;
				int last = -1;

				for (int i = 0; milestone && i < count; i++)
					if (path[i]->at <= milestone->at)
						last = i;
				if (last >= 0)
					shares[last] += each;
			}
			for (int i = 0; i < count; i++)
				others += shares[i] == 0;
			for (int i = 0; i < count; i++)
				if (shares[i] == 0)
					shares[i] = 10.0 / others;
			break;
		}
		case 3:
			shares[0] = 1;
			break;
		case 4:
			shares[count - 1] = 1;
			break;
		case 5:
		{
			int last = count - 1;

			for (int i = 0; i < count; i++)
				if (path[i]->code == SMK_ATTRIBUTION_TOUCH)
					last = i;
			shares[last] = 1;
			break;
		}
		case 6:
			for (int i = 0; i < count; i++)
				shares[i] = 1;
			break;
		case 7:
			for (int i = 0; i < count; i++)
				shares[i] = count == 1				   ? 1
							: count == 2			   ? 50
							: i == 0 || i == count - 1 ? 40
													   : 20.0 / (count - 2);
			break;
	}
	for (int i = 0; i < count; i++)
		sum += shares[i];
	for (int i = 0; i < count; i++)
		shares[i] /= sum;
}

/* Counts an account; the events are in their order. */
static void
count_account(Counted *counted, const Event *events, int count)
{
	const Event *path[EVENTS];
	double shares[EVENTS];
	bool has_converted = false;
	bool has_touch = false;

	for (int i = 0; i < count; i++)
	{
		const Event *lead = NULL;
		const Event *opportunity = NULL;
		int touches = 0;

		has_touch = has_touch || events[i].code <= SMK_ATTRIBUTION_DIRECT;
		if (events[i].code != SMK_ATTRIBUTION_CONVERSION)
			continue;
		has_converted = true;
		for (int j = 0; j < count; j++)
			if (events[j].at <= events[i].at && events[j].code == SMK_ATTRIBUTION_OPPORTUNITY)
				opportunity = &events[j];
			else if (events[j].code <= SMK_ATTRIBUTION_DIRECT && events[j].at <= events[i].at &&
					 events[j].at >= events[i].at - LOOKBACK)
				path[touches++] = &events[j];
		for (int j = 0; j < count; j++)
			if (events[j].code == SMK_ATTRIBUTION_LEAD &&
				events[j].at <= (opportunity ? opportunity->at : events[i].at))
				lead = &events[j];
		if (touches == 0)
		{
			counted->unattributed++;
			counted->unattributed_value += events[i].value;
			continue;
		}
		for (int model = 0; model < MODELS; model++)
		{
			share(model, path, touches, events[i].at, lead, opportunity, shares);
			for (int touch = 0; touch < touches; touch++)
			{
				counted->conversions[model][path[touch]->name][path[touch]->code] += shares[touch];
				counted->values[model][path[touch]->name][path[touch]->code] +=
					shares[touch] * (double) events[i].value;
			}
		}
	}
	counted->nulls += !has_converted && has_touch;
}

/* How many figures of a summary are not those counted. */
static int
compare(const SmkAttributionSummary *summary, const Counted *counted)
{
	int wrong = summary->unattributed != counted->unattributed ||
				summary->unattributed_value != counted->unattributed_value;
	int64 nulls = 0;

	for (int64 i = 0; i < summary->path_count; i++)
		nulls += summary->paths[i].nulls;
	wrong += nulls != counted->nulls;
	for (int m = 0; m < MODELS; m++)
	{
		SmkAttributionModel model = smk_attribution_model(models[m]);
		SmkCredit *credits = palloc0((summary->channel_count + 1) * sizeof(SmkCredit));
		SmkCredit sum = {{{0}}, {{0}}};
		SmkWide nothing = {{0}};

		wrong += !smk_attribution_credits(summary, &model, credits);
		for (int name = 1; name <= NAMES; name++)
			for (int direct = 0; direct < 2; direct++)
			{
				double conversions = 0;
				double value = 0;

				for (int i = 0; i < summary->channel_count; i++)
					if (summary->channels[i].length == (int) strlen(names[name]) &&
						memcmp(summary->channels[i].name, names[name], summary->channels[i].length) == 0 &&
						summary->channels[i].is_direct == direct)
					{
						conversions = smk_wide_double(&credits[i].conversions);
						value = smk_wide_double(&credits[i].value);
					}
				wrong += fabs(conversions - counted->conversions[m][name][direct]) > 1e-9 ||
						 fabs(value - counted->values[m][name][direct]) > 1e-6;
			}
		/* All are credited, to the last part. */
		for (int i = 0; i < summary->channel_count; i++)
			(void) smk_credit_merge(&sum, &credits[i]);
		for (int64 i = 0; i < summary->path_count; i++)
			(void) smk_credit_add(&sum, SMK_SHARE_ONE, -summary->paths[i].conversions,
								  -summary->paths[i].value);
		wrong += !smk_wide_equal(&sum.conversions, &nothing) || !smk_wide_equal(&sum.value, &nothing);
		pfree(credits);
	}
	return wrong;
}

/* The bytes of a summary. */
static StringInfoData
written(const SmkAttributionSummary *summary)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	(void) smk_attribution_write(summary, &bytes);
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

/* Makes the events of an account, and as words whose ties of one time are in no order. */
static int
make_account(Event *events, uint64 *words)
{
	int count = (int) random_below(EVENTS + 1);

	for (int i = 0; i < count; i++)
	{
		events[i].at = (int) random_below(45);
		events[i].code = random_below(2) ? SMK_ATTRIBUTION_TOUCH : (int) random_below(SMK_ATTRIBUTION_VALUE);
		events[i].name = events[i].code <= SMK_ATTRIBUTION_DIRECT ? 1 + (int) random_below(NAMES) : 0;
		events[i].value =
			events[i].code == SMK_ATTRIBUTION_CONVERSION ? (int64) random_below(100000) - 20000 : 0;
	}
	qsort(events, count, sizeof(Event), compare_events);
	for (int i = 0; i < count; i++)
	{
		words[2 * i] = smk_word(events[i].at, events[i].code);
		words[2 * i + 1] = events[i].code == SMK_ATTRIBUTION_CONVERSION
							   ? smk_attribution_value(events[i].value, 2)
							   : (uint64) events[i].name;
	}
	for (int i = 0; i < 10 && count > 1; i++)
	{
		int at = (int) random_below(count - 1);

		if (words[2 * at] == words[2 * at + 2])
		{
			uint64 value = words[2 * at + 1];

			words[2 * at + 1] = words[2 * at + 3];
			words[2 * at + 3] = value;
		}
	}
	return count;
}

static void
test_attribution(void)
{
	SmkAttributionReader readers[2] = {{.name = name_of}, {.name = name_of}};
	int wrong = 0;
	int failed = 0;
	int unequal = 0;
	int unread = 0;

	for (int n = 0; n < 4000; n++)
	{
		SmkAttributionSummary whole;
		SmkAttributionSummary parts[3];
		SmkAttributionSummary merged;
		SmkAttributionSummary again;
		Counted counted = {0};
		StringInfoData bytes;
		int accounts = 1 + (int) random_below(8);

		smk_attribution_init(&whole, LOOKBACK, HALF_LIFE, 2);
		smk_attribution_init(&merged, LOOKBACK, HALF_LIFE, 0);
		smk_attribution_start(&readers[0], &whole);
		for (int p = 0; p < 3; p++)
			smk_attribution_init(&parts[p], LOOKBACK, HALF_LIFE, 2);
		for (int a = 0; a < accounts; a++)
		{
			Event events[EVENTS];
			uint64 words[2 * EVENTS + 2];
			uint64 copy[2 * EVENTS + 2];
			int count = make_account(events, words);

			memcpy(copy, words, sizeof(words));
			count_account(&counted, events, count);
			smk_attribution_start(&readers[1], &parts[random_below(3)]);
			failed += smk_attribution_add(&readers[0], words, count) != SMK_ATTRIBUTION_OK ||
					  smk_attribution_add(&readers[1], copy, count) != SMK_ATTRIBUTION_OK;
		}
		failed += smk_attribution_settle(&whole) != SMK_ATTRIBUTION_OK;
		for (int p = 0; p < 3; p++)
			failed += smk_attribution_settle(&parts[p]) != SMK_ATTRIBUTION_OK;
		wrong += compare(&whole, &counted);
		for (int p = 0; p < 3; p++)
			failed += smk_attribution_merge(&merged, &parts[(p + n) % 3]) != SMK_ATTRIBUTION_OK;
		unequal += !same(written(&whole), written(&merged));
		bytes = written(&whole);
		if (smk_attribution_read(&again, (unsigned char *) bytes.data, bytes.len))
		{
			wrong += compare(&again, &counted);
			unread += !same(bytes, written(&again));
		}
		else
			unread++;
	}
	ok(failed == 0, "all accounts have room");
	ok(wrong == 0, "attribution: credits of eight models, counted a conversion at a time");
	ok(unequal == 0, "merged from parts in any order they are the same bytes");
	ok(unread == 0, "and are read as they were written");
}

/* Amounts of any scale, in one event or several. */
static void
test_values(void)
{
	SmkAttributionReader reader = {.name = name_of};
	SmkAttributionSummary summary;
	uint64 words[] = {smk_word(1, SMK_ATTRIBUTION_TOUCH),	   1,
					  smk_word(5, SMK_ATTRIBUTION_CONVERSION), smk_attribution_value(-12, -10),
					  smk_word(5, SMK_ATTRIBUTION_CONVERSION), smk_attribution_value(7, 0),
					  smk_word(5, SMK_ATTRIBUTION_VALUE),	   smk_attribution_value(-3456789012, 0)};
	uint64 large[] = {smk_word(1, SMK_ATTRIBUTION_TOUCH), 1, smk_word(5, SMK_ATTRIBUTION_CONVERSION),
					  smk_attribution_value(9999999999, -30)};

	smk_attribution_init(&summary, LOOKBACK, HALF_LIFE, 2);
	smk_attribution_start(&reader, &summary);
	ok(smk_attribution_add(&reader, words, 4) == SMK_ATTRIBUTION_OK && summary.path_count == 1 &&
		   summary.paths[0].conversions == 2 && summary.paths[0].value == (int128) -12345678900500,
	   "parts of a value sum up at the summary's scale");
	ok(smk_attribution_add(&reader, large, 2) == SMK_ATTRIBUTION_OVERFLOW, "what has no room is said");
	ok(smk_attribution_model("position(30/40/30)").kind == SMK_MODEL_POSITION &&
		   smk_attribution_model("position(30/40/40)").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("position(130/-40/10)").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("position(0x1/49/50)").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("position(/50/50)").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("position(50/50)").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("position(50/0/50)x").kind == SMK_MODEL_UNKNOWN &&
		   smk_attribution_model("markov(2)").kind == SMK_MODEL_LATER &&
		   smk_attribution_model("Linear").kind == SMK_MODEL_UNKNOWN,
	   "models by their names");
}

/* Changed bytes are a summary or are none; what is one can be used. */
static void
test_mutations(void)
{
	SmkAttributionReader reader = {.name = name_of};
	SmkAttributionSummary summary;
	StringInfoData bytes;
	int rounds = 100000;
	int valid = 0;
	int wrong = 0;

	smk_attribution_init(&summary, LOOKBACK, HALF_LIFE, 2);
	smk_attribution_start(&reader, &summary);
	for (int a = 0; a < 6; a++)
	{
		Event events[EVENTS];
		uint64 words[2 * EVENTS + 2];

		(void) smk_attribution_add(&reader, words, make_account(events, words));
	}
	(void) smk_attribution_settle(&summary);
	bytes = written(&summary);
	for (int n = 0; n < rounds; n++)
	{
		/* Of exactly that size, so that a byte too far is seen. */
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);
		SmkAttributionSummary other;

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_attribution_read(&other, copy, size))
		{
			SmkAttributionSummary sum;
			StringInfoData out = written(&other);
			SmkAttributionSummary again;

			valid++;
			wrong += !smk_attribution_read(&again, (unsigned char *) out.data, out.len) ||
					 !same(out, written(&again));
			smk_attribution_init(&sum, other.lookback, other.half_life, other.scale);
			(void) smk_attribution_merge(&sum, &other);
			(void) smk_attribution_merge(&sum, &other);
			for (int m = 0; m < MODELS; m++)
			{
				SmkAttributionModel model = smk_attribution_model(models[m]);
				SmkCredit *credits = palloc0((other.channel_count + 1) * sizeof(SmkCredit));

				(void) smk_attribution_credits(&other, &model, credits);
				pfree(credits);
			}
		}
		free(copy);
	}
	printf("# %d of %d changed summaries of %d bytes are one\n", valid, rounds, bytes.len);
	ok(wrong == 0, "what changed bytes are read as is written and read again");
	ok(valid > 0 && valid < rounds, "some changed bytes are a summary, others none");
}

/* The code of which a hash was made: the multiplier has an inverse, the shift undoes itself. */
static uint64
code_of_hash(uint64 hash)
{
	const uint64 multiplier = UINT64CONST(0x9E3779B97F4A7C15);
	uint64 inverse = multiplier;

	for (int i = 0; i < 6; i++)
		inverse *= 2 - multiplier * inverse;
	return (hash ^ hash >> 32) * inverse;
}

/* Paths of seven channels whose hashes differ in bits alone of which neither the first slots nor tags know.
 */
static void
test_tags(void)
{
	SmkAttributionSummary summary;
	int found = 0;
	int wrong = 0;

	smk_attribution_init(&summary, 1, 1, 2);
	for (uint64 n = 0; n < 1 << 26 && found < 8; n++)
	{
		uint64 code = code_of_hash(UINT64CONST(0x1234567800000000) | n << 5);
		unsigned char key[SMK_PATH_ROOM];

		if (code >> 56 != 7 || (code & UINT64CONST(0x80808080808080)) != 0)
			continue;
		for (int i = 0; i < 7; i++)
			key[i] = (unsigned char) (code >> 8 * i);
		wrong += smk_attribution_path(&summary, key, 7) != &summary.paths[found];
		found++;
		wrong += summary.path_count != found ||
				 smk_attribution_path(&summary, key, 7) != &summary.paths[found - 1];
	}
	for (int i = 1; i < found; i++)
		wrong += summary.path_slots[i].tag != summary.path_slots[0].tag;
	ok(found == 8 && wrong == 0, "paths of one tag are told apart");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_attribution();
	test_values();
	test_tags();
	test_mutations();
	return finish();
}
