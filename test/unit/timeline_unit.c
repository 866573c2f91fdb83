/*
 * timeline_unit.c: numbers, words, sorting, sketches and money without a server, against slow references,
 * under the sanitizers. Prints TAP; the first argument is the seed, the second a file of stored numerics (one
 * a line: their bytes in hexadecimal digits, and their text).
 */
#include "unit.h"

#include "timeline/money.h"
#include "timeline/partition.h"
#include "timeline/sketch.h"
#include "timeline/sort.h"
#include "timeline/varint.h"
#include "timeline/word.h"

static void
test_numbers(void)
{
	int wrong = 0;

	for (int n = 0; n < 100000; n++)
	{
		uint64 value = ((uint64) random_below(INT_MAX) << 33 ^ random_below(INT_MAX)) >> random_below(64);
		uint64 read = 0;
		unsigned char bytes[SMK_VARINT_MAX];
		const unsigned char *data = bytes;
		unsigned char *end = smk_varint_write(bytes, value);

		wrong += !smk_varint_read(&data, end, &read) || read != value || data != end;
		data = bytes;
		wrong += smk_varint_read(&data, end - 1, &read);
	}
	ok(wrong == 0, "numbers are read as they were written, and never past their end");
	for (int n = 0; n < 100000; n++)
	{
		int64 at =
			(int64) (((uint64) random_below(INT_MAX) << 31 ^ random_below(INT_MAX)) % SMK_WORD_MAX_TIME);
		unsigned code = random_below(64);

		at = n % 2 ? at : -at;
		wrong += smk_word_time(smk_word(at, code)) != at || smk_word_code(smk_word(at, code)) != code;
		wrong += !(smk_word(at, code) < smk_word(at + 1, 0)) ||
				 (code > 0 && !(smk_word(at, code - 1) < smk_word(at, code)));
	}
	ok(wrong == 0, "words give time and code again, and are in their order");
}

/* Records of every width, of few and of many different keys, in order, backwards and at random. */
static int sort_width;

static int
compare_records(const void *a, const void *b)
{
	for (int i = 0; i < sort_width; i++)
	{
		int result = compare_words((const uint64 *) a + i, (const uint64 *) b + i);

		if (result != 0)
			return result;
	}
	return 0;
}

static void
test_sort(void)
{
	SmkSortSpace space = {0};
	int wrong = 0;

	for (int n = 0; n < 400; n++)
	{
		int64 count = random_below(n % 10 == 0 ? 60000 : n % 3 == 0 ? 9000 : 200);
		uint64 *records;
		uint64 *expected;
		int kind = (int) random_below(6);
		uint64 mask = kind == 5 ? PG_UINT64_MAX : (UINT64CONST(1) << random_below(24)) - 1;
		uint64 least = n % 2 ? 0 : random_word();

		sort_width = 1 + n % 4;
		records = palloc(count * sort_width * sizeof(uint64));
		expected = palloc(count * sort_width * sizeof(uint64));
		for (int64 i = 0; i < count * sort_width; i++)
			records[i] = kind == 0	 ? (uint64) i
						 : kind == 1 ? (uint64) -i
						 : kind == 2 ? least + (random_below(50) ? 0 : random_word())
									 : least + (random_word() & mask);
		memcpy(expected, records, count * sort_width * sizeof(uint64));
		qsort(expected, count, sort_width * sizeof(uint64), compare_records);
		if (n % 7 == 0 && count > 0)
		{
			uint64 *sorted = palloc(count * sort_width * sizeof(uint64));

			smk_sort_into(sorted, records, count, sort_width);
			pfree(records);
			records = sorted;
		}
		else
			smk_sort(records, count, sort_width, &space);
		wrong += count > 0 && memcmp(records, expected, count * sort_width * sizeof(uint64)) != 0;
		pfree(records);
		pfree(expected);
	}
	ok(wrong == 0, "records are sorted as by qsort");
}

/* Keys that are near to each other, and that have the same lowest bits, are spread evenly, and found again.
 */
static void
test_spread(void)
{
	static int counts[2][SMK_PARTITIONS];
	int wrong = 0;
	int most = 0;

	for (int64 n = 0; n < 100 * SMK_PARTITIONS; n++)
	{
		uint64 word = random_word();

		wrong += smk_key_gather(smk_key_spread(word)) != word || smk_key_spread(smk_key_gather(word)) != word;
		counts[0][smk_partition_of(smk_key_spread((uint64) n ^ SMK_WORD_SIGN))]++;
		counts[1][smk_partition_of(smk_key_spread((uint64) n << 12 ^ SMK_WORD_SIGN))]++;
	}
	for (int i = 0; i < SMK_PARTITIONS; i++)
		most = Max(most, Max(counts[0][i], counts[1][i]));
	ok(wrong == 0, "keys that are spread are gathered again");
	ok(most < 200, "and no partition has twice as many as another");
}

/* Partitions have what was put into them, in the order in which it came. */
static void
test_partitions(void)
{
	int wrong = 0;

	for (int width = 1; width <= SMK_SORT_MAX_WIDTH; width++)
	{
		SmkPartitions *partitions = smk_partitions(NULL, width);
		int64 total = 0;
		int64 records[3] = {random_below(5000), random_below(100), 1};
		static const int places[3] = {0, SMK_PARTITIONS / 2, SMK_PARTITIONS - 1};

		for (int i = 0; i < 3; i++)
			for (int64 n = 0; n < records[i]; n++)
			{
				SmkPartition *open = &partitions->open[places[i]];
				uint64 *record = open->next;

				if (record == open->end)
					record = smk_partition_enlarge(partitions, places[i]);
				else
					open->next += width;
				for (int word = 0; word < width; word++)
					record[word] = (uint64) (n * width + word);
			}
		for (int i = 0; i < SMK_PARTITIONS; i++)
			total += smk_partition_count(partitions, i);
		wrong += total != records[0] + records[1] + records[2];
		for (int i = 0; i < 3; i++)
		{
			uint64 *copied = palloc(records[i] * width * sizeof(uint64));

			wrong += smk_partition_count(partitions, places[i]) != records[i];
			smk_partition_copy(partitions, places[i], copied);
			for (int64 n = 0; n < records[i] * width; n++)
				wrong += copied[n] != (uint64) n;
			pfree(copied);
		}
	}
	ok(wrong == 0, "partitions have what was put into them");
}

/* Adds a record of three words to partitions, packed where its value is small. */
static void
add_record(SmkPartitions *partitions, const uint64 *record)
{
	SmkPartitions *to = record[2] < SMK_PACKED_VALUES ? partitions : partitions->whole;
	int place = smk_partition_of(record[0]);
	uint64 *next = to->open[place].next;

	if (next == to->open[place].end)
		next = smk_partition_enlarge(to, place);
	else
		to->open[place].next += to->width;
	if (to->width == 3)
		memcpy(next, record, 3 * sizeof(uint64));
	else
		smk_pack(next, record[0], record[1], record[2]);
}

/* Records of which some are packed are read as they would be if none were, in their order. */
static void
test_packed(void)
{
	int wrong = 0;

	for (int round = 0; round < 20; round++)
	{
		int64 count = 1 + random_below(round < 5 ? 20 : 60000);
		int few = 1 + random_below(200); /* keys and words that come again */
		uint64 *records = palloc(count * 3 * sizeof(uint64));
		SmkPartitions *partitions = smk_partitions(NULL, SMK_PACKED_WIDTH);
		SmkPartitionReader reader;
		const uint64 *at;
		const uint64 *end;
		int64 seen = 0;

		partitions->whole = smk_partitions(NULL, 3);
		for (int64 n = 0; n < count; n++)
		{
			uint64 *record = records + n * 3;

			/* Keys of all bits; values at the border of what can be packed. */
			record[0] = smk_key_spread((uint64) random_below(few) * UINT64CONST(0xFEDCBA9876543211));
			record[1] = random_below(4) == 0 ? random_word() : (uint64) random_below(3) - 1;
			record[2] =
				random_below(3) == 0 ? random_word() : (uint64) (SMK_PACKED_VALUES - 2 + random_below(4));
			add_record(partitions, record);
		}
		sort_width = 3;
		qsort(records, count, 3 * sizeof(uint64), compare_records);
		smk_partition_open(&reader, partitions);
		while (smk_partition_read(&reader, &at, &end))
			for (; at < end; at += 3, seen++)
				wrong += seen >= count || memcmp(at, records + seen * 3, 3 * sizeof(uint64)) != 0;
		wrong += seen != count;
		pfree(records);
	}
	ok(wrong == 0, "records are read in their order, whether they were packed or not");
}

/* What lies in many blocks and slabs is found in the order in which it came. */
static void
test_blocks(void)
{
	SmkPartitions *partitions = smk_partitions(NULL, 1);
	int64 count = 1024 * 1024;
	int64 wrong = 0;

	for (int64 n = 0; n < count; n++)
	{
		int place = (int) (n % SMK_PARTITIONS);

		if (partitions->open[place].next == partitions->open[place].end)
			*smk_partition_enlarge(partitions, place) = (uint64) n;
		else
			*partitions->open[place].next++ = (uint64) n;
	}
	for (int i = 0; i < SMK_PARTITIONS; i++)
	{
		uint64 *copied = palloc(count / SMK_PARTITIONS * sizeof(uint64));

		wrong += smk_partition_count(partitions, i) != count / SMK_PARTITIONS;
		smk_partition_copy(partitions, i, copied);
		for (int64 n = 0; n < count / SMK_PARTITIONS; n++)
			wrong += copied[n] != (uint64) (n * SMK_PARTITIONS + i);
		pfree(copied);
	}
	ok(wrong == 0, "partitions have what was put into them");
}

static int
compare_values(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/* Values that repeat take the room of as many as there are different ones, and a few more. */
static void
test_sketch_room(void)
{
	SmkSketch sketch;
	int wrong = 0;

	smk_sketch_init(&sketch);
	for (int i = 0; i < 5000; i++)
	{
		smk_sketch_add(&sketch, i % 3);
		wrong += sketch.size > 16;
	}
	ok(wrong == 0 && sketch.count == 5000, "values that repeat take no more room");
}

/* A sketch of some values. */
static void
sketch_of(SmkSketch *sketch, const int64 *values, int count)
{
	smk_sketch_init(sketch);
	for (int i = 0; i < count; i++)
		smk_sketch_add(sketch, values[i]);
}

static bool
same_bytes(const SmkSketch *a, const SmkSketch *b)
{
	StringInfoData left;
	StringInfoData right;
	bool same;

	initStringInfo(&left);
	initStringInfo(&right);
	smk_sketch_write(a, &left);
	smk_sketch_write(b, &right);
	same = left.len == right.len && memcmp(left.data, right.data, left.len) == 0;
	pfree(left.data);
	pfree(right.data);
	return same;
}

static void
test_sketch(void)
{
	static int64 values[6000];
	int unequal = 0;
	int far = 0;
	int unread = 0;
	int few = 0;

	for (int n = 0; n < 200; n++)
	{
		int count = 1 + (int) random_below(n % 2 ? 900 : 6000);
		int cut = (int) random_below(count + 1);
		SmkSketch whole;
		SmkSketch one;
		SmkSketch two;
		SmkSketch forth;
		SmkSketch back;
		SmkSketch again;
		StringInfoData bytes;
		const unsigned char *data;
		double fraction = random_below(1001) / 1000.0;
		double rank = fraction * (count - 1);
		double found;
		double exact;

		for (int i = 0; i < count; i++)
			values[i] = n % 8 == 0
							/* Many values of few buckets that lie far from each other. */
							? (INT64CONST(1) << (20 + 10 * random_below(4))) + (int64) random_below(4000)
							: (int64) random_below(INT_MAX) << random_below(32) >> random_below(40);
		sketch_of(&whole, values, count);
		sketch_of(&one, values, cut);
		sketch_of(&two, values + cut, count - cut);
		smk_sketch_init(&forth);
		smk_sketch_merge(&forth, &one);
		smk_sketch_merge(&forth, &two);
		smk_sketch_init(&back);
		smk_sketch_merge(&back, &two);
		smk_sketch_merge(&back, &one);
		unequal += !same_bytes(&whole, &forth) || !same_bytes(&whole, &back);
		initStringInfo(&bytes);
		smk_sketch_write(&whole, &bytes);
		data = (unsigned char *) bytes.data;
		unread += !smk_sketch_read(&again, &data, (unsigned char *) bytes.data + bytes.len) ||
				  data != (unsigned char *) bytes.data + bytes.len || !same_bytes(&whole, &again);
		few += !again.is_exact && again.values != NULL;
		/* What was read goes on as what was added. */
		smk_sketch_merge(&forth, &again);
		smk_sketch_merge(&again, &back);
		smk_sketch_merge(&back, &whole);
		unequal += !same_bytes(&back, &forth) || !same_bytes(&back, &again);
		sketch_of(&forth, values, cut);
		smk_sketch_merge(&forth, &again);
		smk_sketch_merge(&again, &one);
		unequal += !same_bytes(&forth, &again);
		qsort(values, count, sizeof(int64), compare_values);
		exact = (double) values[(int) rank];
		if (rank > (int) rank)
			exact += (rank - (int) rank) * ((double) values[(int) rank + 1] - (double) values[(int) rank]);
		far += !smk_sketch_quantile(&whole, fraction, &found) ||
			   fabs(found - exact) > (whole.is_exact ? 1e-9 : 0.004) * exact + 1e-9;
		pfree(bytes.data);
	}
	ok(unequal == 0, "sketches are equal byte by byte in every order of merging");
	ok(unread == 0, "and are read as they were written");
	ok(few > 5, "also those of few buckets");
	ok(far == 0, "quantiles are exact, or within 0.4 percent");
}

/* The amount of a text of decimals, slowly. */
static SmkMoney
money_of(const char *text)
{
	SmkMoney money = {0, 0};
	bool is_negative = *text == '-';
	bool is_fraction = false;

	for (text += is_negative; *text; text++)
	{
		if (*text == '.')
		{
			is_fraction = true;
			continue;
		}
		money.units = money.units * 10 + (*text - '0');
		money.scale += is_fraction;
	}
	if (is_negative)
		money.units = -money.units;
	return money;
}

static void
test_money(const char *file)
{
	FILE *input = file ? fopen(file, "r") : NULL;
	char line[70000];
	int read = 0;
	int wrong = 0;
	int special = 0;
	int too_large = 0;
	char text[SMK_MONEY_TEXT];

	while (input != NULL && fgets(line, sizeof(line), input) != NULL)
	{
		unsigned char *bytes;
		int size = 0;
		char *at = line;
		SmkMoney money;
		SmkMoneyResult result;

		while (at[2 * size] != '\t')
			size++;
		bytes = malloc(size);
		for (int i = 0; i < size; i++)
		{
			unsigned byte;

			sscanf(at + 2 * i, "%2x", &byte);
			bytes[i] = (unsigned char) byte;
		}
		at += 2 * size + 1;
		at[strcspn(at, "\n")] = '\0';
		result = smk_money_of_numeric(&money, bytes, size);
		free(bytes);
		read++;
		if (strspn(at, "-0123456789.") != strlen(at))
		{
			special++;
			wrong += result != SMK_MONEY_SPECIAL;
		}
		else if (strlen(at) > 38)
		{
			/* Some of these have room. */
			too_large += result == SMK_MONEY_OVERFLOW;
			wrong += result == SMK_MONEY_SPECIAL || (result == SMK_MONEY_OK && strlen(at) > 80);
		}
		else
			wrong += result != SMK_MONEY_OK || strcmp(smk_money_text(&money, text), at) != 0;
		if (wrong == 1 && failures == 0)
			printf("# first: %s\n", at);
	}
	if (input != NULL)
		fclose(input);
	printf("# %d stored numerics, %d special, %d too large\n", read, special, too_large);
	ok(read > 1000 && special > 0 && too_large > 0 && wrong == 0, "stored numerics are read exactly");

	wrong = 0;
	for (int n = 0; n < 100000; n++)
	{
		SmkMoney a = {(int64) random_word() >> random_below(60), (int) random_below(10)};
		SmkMoney b = {(int64) random_word() >> random_below(60), (int) random_below(10)};
		SmkMoney sum = a;
		SmkMoney again;
		StringInfoData bytes;
		const unsigned char *data;

		wrong += smk_money_add(&sum, &b) != SMK_MONEY_OK || sum.scale != Max(a.scale, b.scale);
		initStringInfo(&bytes);
		smk_money_write(&sum, &bytes);
		data = (unsigned char *) bytes.data;
		wrong += !smk_money_read(&again, &data, data + bytes.len) || again.units != sum.units ||
				 again.scale != sum.scale;
		data = (unsigned char *) bytes.data;
		wrong += smk_money_read(&again, &data, data + bytes.len - 1);
		pfree(bytes.data);
		again = money_of(smk_money_text(&sum, text));
		wrong += again.units != sum.units || again.scale != sum.scale;
		wrong += smk_money_subtract(&sum, &b) != SMK_MONEY_OK ||
				 smk_money_subtract(&sum, &a) != SMK_MONEY_OK || sum.units != 0;
	}
	ok(wrong == 0, "amounts are added, taken away, written and read");
	{
		int128 most = ((int128) PG_INT64_MAX << 64) | PG_UINT64_MAX;
		SmkMoney large = {most, 0};
		SmkMoney cent = {1, 2};
		SmkMoney one = {1, 0};

		wrong = smk_money_add(&large, &one) != SMK_MONEY_OVERFLOW ||
				smk_money_add(&large, &cent) != SMK_MONEY_OVERFLOW || large.units != most || large.scale != 0;
		large.units = -most - 1;
		wrong += strcmp(smk_money_text(&large, text), "-170141183460469231731687303715884105728") != 0;
		wrong += smk_money_subtract(&large, &one) != SMK_MONEY_OVERFLOW || large.units != -most - 1;
	}
	ok(wrong == 0, "what has no room is said, and leaves the sum as it was");
}

int
main(int argc, char **argv)
{
	random_start(argc, argv);
	test_numbers();
	test_sort();
	test_spread();
	test_partitions();
	test_packed();
	test_blocks();
	test_sketch();
	test_sketch_room();
	test_money(argc > 2 ? argv[2] : NULL);
	return finish();
}
