/*
 * response_unit.c: the reader of responses, and its summaries, without a server, against a slow reference,
 * under the sanitizers. Prints TAP; the argument is the seed.
 */
#include "unit.h"

#include "response/response.h"

/* In place of the calendars of a server: of so many microseconds the first ones are open, again and again. */
struct SmkCalendar
{
	int64 open;
	int64 cycle;
};

static bool
is_open(const SmkCalendar *calendar, int64 at)
{
	int64 place = at % calendar->cycle;

	return (place < 0 ? place + calendar->cycle : place) < calendar->open;
}

int64
smk_calendar_elapsed(const SmkCalendar *calendar, TimestampTz from, TimestampTz to)
{
	int64 hours = 0;

	for (int64 at = from; at < to; at++)
		hours += is_open(calendar, at);
	return hours;
}

TimestampTz
smk_calendar_add(const SmkCalendar *calendar, TimestampTz from, int64 microseconds)
{
	while (microseconds > 0)
		microseconds -= is_open(calendar, from++);
	return from;
}

static bool
same_bytes(const StringInfoData *a, const StringInfoData *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* What a trigger is at a time, counted a microsecond at a time: T running, I in time, L late, U unanswered, S
 * stopped. */
static char
reference_state(const SmkResponseReader *reader, const uint64 *words, int count, int trigger, int64 as_of,
				int64 *hours)
{
	int64 from = smk_word_time(words[trigger]);
	bool is_due = false;

	*hours = 0;
	for (int64 at = from;; at++)
	{
		for (int i = trigger; i < count; i++)
		{
			if (smk_word_time(words[i]) != at)
				continue;
			if (smk_word_code(words[i]) == SMK_RESPONSE_ANSWER)
				return *hours > reader->summary->within ? 'L' : 'I';
			if (smk_word_code(words[i]) == SMK_RESPONSE_STOP)
				return is_due ? 'U' : 'S';
		}
		if (at == as_of)
			return is_due ? 'U' : 'R';
		/* Before what comes next. */
		is_due |= *hours >= reader->summary->within;
		*hours += reader->hours == NULL || is_open(reader->hours, at);
	}
}

static void
test_responses(bool has_calendar)
{
	int wrong = 0;
	int unequal = 0;
	int unread = 0;
	int unrefused = 0;

	for (int n = 0; n < 3000; n++)
	{
		SmkCalendar calendar = {1 + random_below(6), 0};
		const SmkCalendar *hours = has_calendar ? &calendar : NULL;
		const char *name = has_calendar ? "office" : NULL;
		int64 within = 1 + random_below(n % 3 ? 8 : 30);
		SmkResponseSummary whole;
		SmkResponseSummary parts[3];
		SmkResponseSummary merged;
		SmkResponseSummary again;
		StringInfoData bytes[3];
		SmkResponseCounts expected = {0};
		SmkResponseCounts counts;
		SmkSketch answered;
		uint64 words[20][8];
		int count[20];
		int64 last = PG_INT64_MIN;
		int64 as_of;
		int entities = 1 + (int) random_below(20);

		calendar.cycle = calendar.open + random_below(9);
		smk_response_init(&whole, within, name, 6);
		smk_response_init(&merged, within, name, 6);
		for (int p = 0; p < 3; p++)
			smk_response_init(&parts[p], within, name, 6);
		for (int e = 0; e < entities; e++)
		{
			SmkResponseReader reader = {&whole, hours};

			count[e] = 1 + (int) random_below(8);
			for (int i = 0; i < count[e]; i++)
				words[e][i] = smk_word((int64) random_below(40) - 20, random_below(3));
			qsort(words[e], count[e], sizeof(uint64), compare_words);
			last = Max(last, smk_word_time(words[e][count[e] - 1]));
			smk_response_add(&reader, words[e], count[e]);
			reader.summary = &parts[random_below(3)];
			smk_response_add(&reader, words[e], count[e]);
		}
		as_of = last + random_below(n % 2 ? 60 : 2);
		smk_sketch_init(&answered);
		for (int e = 0; e < entities; e++)
			for (int i = 0; i < count[e]; i++)
			{
				SmkResponseReader reader = {&whole, hours};
				int64 took;
				char state;

				if (smk_word_code(words[e][i]) != SMK_RESPONSE_TRIGGER)
					continue;
				state = reference_state(&reader, words[e], count[e], i, as_of, &took);
				expected.triggers++;
				expected.in_time += state == 'I';
				expected.late += state == 'L';
				expected.unanswered += state == 'U';
				expected.running += state == 'R';
				if (state == 'I' || state == 'L')
					smk_sketch_add(&answered, took);
			}
		expected.answered = expected.in_time + expected.late;
		counts = smk_response_counts(&whole, as_of);
		wrong += whole.last != last || memcmp(&counts, &expected, sizeof(counts)) != 0;
		for (int q = 0; q <= 10; q++)
		{
			double value = 0;
			double other = 0;

			wrong += smk_sketch_quantile(&answered, q / 10.0, &value) !=
						 smk_sketch_quantile(&whole.answered, q / 10.0, &other) ||
					 value != other;
		}
		for (int p = 0; p < 3; p++)
			smk_response_merge(&merged, &parts[(p + n) % 3]);
		for (int b = 0; b < 2; b++)
		{
			initStringInfo(&bytes[b]);
			smk_response_write(b ? &merged : &whole, &bytes[b]);
		}
		unequal += !same_bytes(&bytes[0], &bytes[1]);
		unread += !smk_response_read(&again, (unsigned char *) bytes[0].data, bytes[0].len);
		initStringInfo(&bytes[2]);
		smk_response_write(&again, &bytes[2]);
		unread += !same_bytes(&bytes[0], &bytes[2]);
		counts = smk_response_counts(&again, as_of);
		unread +=
			memcmp(&counts, &expected, sizeof(counts)) != 0 || !smk_response_same_calendar(&again, &whole);
		/* Another number of late ones, or more triggers than a count has room for. */
		again.late++;
		resetStringInfo(&bytes[2]);
		smk_response_write(&again, &bytes[2]);
		unrefused += smk_response_read(&parts[0], (unsigned char *) bytes[2].data, bytes[2].len);
		again.late--;
		again.missed = PG_INT64_MAX - again.answered.count - again.stopped;
		resetStringInfo(&bytes[2]);
		smk_response_write(&again, &bytes[2]);
		unrefused += smk_response_read(&parts[0], (unsigned char *) bytes[2].data, bytes[2].len) !=
					 (again.due_count == 0);
		if (again.due_count == 0 && expected.triggers > 0)
			unrefused += smk_response_merge(&again, &whole);
		for (int b = 0; b < 3; b++)
			pfree(bytes[b].data);
	}
	ok(wrong == 0, has_calendar ? "responses in open hours, counted a microsecond at a time"
								: "responses, counted a microsecond at a time");
	ok(unequal == 0, "merged from parts in any order they are the same bytes");
	ok(unread == 0, "and are read as they were written");
	ok(unrefused == 0, "what no events can have given is refused, and what has no room");
}

/* Many that wait: what is due at one time takes the room of one. */
static void
test_due(void)
{
	SmkCalendar calendar = {1, 1000000};
	SmkResponseSummary summary;
	SmkResponseReader reader = {&summary, &calendar};
	SmkResponseCounts counts;
	StringInfoData bytes;

	smk_response_init(&summary, 1, "office", 6);
	for (int n = 0; n < 100000; n++)
	{
		/* In one of three nights. */
		uint64 word = smk_word(INT64CONST(1000000) * (1 + random_below(3)) - 20 + random_below(20), 0);

		smk_response_add(&reader, &word, 1);
	}
	ok(summary.due_size < 64, "100,000 triggers of three nights take the room of a few");
	counts = smk_response_counts(&summary, 2000001);
	ok(counts.triggers == 100000 && counts.running + counts.unanswered == 100000 && counts.running > 60000 &&
		   counts.running < 70000,
	   "and are due the next morning");
	initStringInfo(&bytes);
	smk_response_write(&summary, &bytes);
	ok(summary.due_count == 3 && bytes.len < 64, "where they are written as three");
}

/* True where a summary is read as it is written. */
static bool
is_read(const SmkResponseSummary *summary)
{
	SmkResponseSummary other;
	StringInfoData bytes;
	bool result;

	initStringInfo(&bytes);
	smk_response_write(summary, &bytes);
	result = smk_response_read(&other, (unsigned char *) bytes.data, bytes.len);
	pfree(bytes.data);
	return result;
}

/* Numbers that no events give, with few durations, which are kept exactly, and with many. */
static void
test_refused(int answers)
{
	SmkResponseSummary summary;
	SmkResponseReader reader = {&summary, NULL};
	int wrong = 0;

	smk_response_init(&summary, 1000000, NULL, 0);
	for (int n = 0; n < answers; n++)
	{
		uint64 words[3] = {smk_word(0, 0), smk_word(n, 1), smk_word(n + 1, 0)};

		smk_response_add(&reader, words, 3);
	}
	wrong += !is_read(&summary);
	summary.late = answers + 1;
	wrong += is_read(&summary);
	summary.late = -1;
	wrong += is_read(&summary);
	summary.late = 0;
	summary.stopped = -1;
	wrong += is_read(&summary);
	summary.stopped = 0;
	summary.due[0].count = 0;
	wrong += is_read(&summary);
	summary.due[0].count = 1;
	wrong += !is_read(&summary);
	summary.last = SMK_WORD_MAX_TIME + 1;
	wrong += is_read(&summary);
	smk_response_init(&summary, 0, NULL, 0);
	wrong += is_read(&summary);
	smk_response_init(&summary, 2 * SMK_WORD_MAX_TIME + 1, NULL, 0);
	wrong += is_read(&summary);
	ok(wrong == 0, "numbers that no events give are refused");
}

/* Changed bytes are a summary or are none; what is one can be used. */
static void
test_mutations(int entities)
{
	SmkResponseSummary summary;
	SmkResponseSummary other;
	SmkResponseReader reader = {&summary, NULL};
	StringInfoData bytes;
	int rounds = entities < 100 ? 200000 : 20000;
	int valid = 0;
	int wrong = 0;

	smk_response_init(&summary, 50000, "office", 6);
	for (int n = 0; n < entities; n++)
	{
		uint64 words[4];

		for (unsigned i = 0; i < 4; i++)
			words[i] = smk_word(n + random_below(90000) * i, random_below(3));
		qsort(words, 4, sizeof(uint64), compare_words);
		smk_response_add(&reader, words, 4);
	}
	initStringInfo(&bytes);
	smk_response_write(&summary, &bytes);
	for (int n = 0; n < rounds; n++)
	{
		/* Of exactly that size, so that a byte too far is seen. */
		int size = n % 3 == 0 ? (int) random_below(bytes.len + 1) : bytes.len;
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.data, size);
		for (unsigned i = 0; size > 0 && i <= random_below(3); i++)
			copy[random_below(size)] = (unsigned char) random_below(256);
		if (smk_response_read(&other, copy, size))
		{
			SmkResponseCounts counts = smk_response_counts(&other, other.last);
			StringInfoData out;
			double value;

			valid++;
			initStringInfo(&out);
			smk_response_write(&other, &out);
			/* What is read is written as it was. */
			wrong += out.len != size || memcmp(out.data, copy, size) != 0;
			wrong += counts.triggers < counts.answered || counts.in_time < 0 || counts.late < 0 ||
					 counts.unanswered < 0 || counts.running < 0 ||
					 counts.triggers - counts.answered < counts.unanswered + counts.running;
			(void) smk_sketch_quantile(&other.answered, 0.9, &value);
			(void) smk_response_same_calendar(&other, &summary);
			(void) smk_response_merge(&other, &summary);
			pfree(out.data);
		}
		free(copy);
	}
	printf("# %d of %d changed summaries were valid ones\n", valid, rounds);
	ok(valid > 0 && valid < rounds, "changed bytes of response summaries are refused or are valid");
	ok(wrong == 0, "what is valid says nothing that cannot be, and is written again as it was");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_responses(false);
	test_responses(true);
	test_due();
	/* Few values, which are kept exactly, and many. */
	for (int n = 40; n <= 4000; n *= 100)
	{
		test_refused(n);
		test_mutations(n);
	}
	return finish();
}
