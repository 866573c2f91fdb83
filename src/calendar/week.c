/*
 * week.c: reads the hours and holidays of a calendar, and counts open time on local clocks in whole weeks.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "calendar/week.h"
#include "compat.h"

/* Holidays are of these years: others are typing errors, and would make tables large. */
#define FIRST_HOLIDAY_YEAR 1900
#define LAST_HOLIDAY_YEAR 2199

/* Date 0 is a Saturday. */
#define DAYS_SINCE_MONDAY 5

static const char *const weekday_names[SMK_WEEKDAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* Raises 22023 for hours that mean nothing, or something else than was meant. */
#define WEEK_ERROR(...) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), __VA_ARGS__))

#define SPAN_HINT "A span is written \"09:00-12:30\", its end up to \"24:00\"."

/* Goes over the blanks at the start of a text. */
static void
week_blanks(const char **text)
{
	while (**text == ' ')
		(*text)++;
}

/* Goes over that character; false, and stays, if another one stands there. */
static bool
week_character(const char **text, char character)
{
	if (**text != character)
		return false;
	(*text)++;
	return true;
}

/* Reads a number of two digits, or of as few as least; false unless it is at most limit. */
static bool
week_number(const char **text, int least, int limit, int *number)
{
	int digits = 0;

	for (*number = 0; digits < 2 && **text >= '0' && **text <= '9'; digits++)
		*number = *number * 10 + *(*text)++ - '0';
	return digits >= least && *number <= limit;
}

/* Reads a time of day with blanks around it, 9:00 or 09:00 or 09:00:00, as microseconds since midnight. */
static bool
week_time(const char **text, int64 *time)
{
	int hour;
	int minute;
	int second = 0;

	week_blanks(text);
	if (!week_number(text, 1, HOURS_PER_DAY, &hour) || !week_character(text, ':') ||
		!week_number(text, 2, MINS_PER_HOUR - 1, &minute))
		return false;
	if (week_character(text, ':') && !week_number(text, 2, SECS_PER_MINUTE - 1, &second))
		return false;
	week_blanks(text);
	*time = ((hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE + second) * USECS_PER_SEC;
	return *time <= USECS_PER_DAY;
}

/* Reads "09:00-12:30"; the day is for messages. */
static SmkSpan
week_span(const char *text, const char *day)
{
	SmkSpan span;
	const char *rest = text;

	if (!week_time(&rest, &span.start) || !week_character(&rest, '-') || !week_time(&rest, &span.end) ||
		*rest != '\0')
		WEEK_ERROR(errmsg("invalid span \"%s\" on \"%s\"", text, day), errhint(SPAN_HINT));
	if (span.start == span.end)
		WEEK_ERROR(errmsg("span \"%s\" on \"%s\" is empty", text, day),
				   errhint("Leave out a day on which it is closed; a day that is open throughout is written "
						   "\"00:00-24:00\"."));
	if (span.start > span.end)
		WEEK_ERROR(
			errmsg("span \"%s\" on \"%s\" ends before it begins", text, day),
			errhint("Of a span over midnight, write what is before it as \"22:00-24:00\", and what is after "
					"it as \"00:00-06:00\" on the next weekday."));
	return span;
}

static int
week_compare_spans(const void *a, const void *b)
{
	int64 left = ((const SmkSpan *) a)->start;
	int64 right = ((const SmkSpan *) b)->start;

	return (left > right) - (left < right);
}

/* Puts the spans of a day in order and joins those that touch; how many are left. */
static int
week_order(SmkSpan *spans, int count, const char *day)
{
	int kept = 0;

	qsort(spans, count, sizeof(SmkSpan), week_compare_spans);
	for (int i = 0; i < count; i++)
	{
		if (kept > 0 && spans[i].start < spans[kept - 1].end)
			WEEK_ERROR(errmsg("spans on \"%s\" overlap", day),
					   errdetail("One begins at %02d:%02d, before the one that ends at %02d:%02d.",
								 (int) (spans[i].start / USECS_PER_HOUR),
								 (int) (spans[i].start % USECS_PER_HOUR / USECS_PER_MINUTE),
								 (int) (spans[kept - 1].end / USECS_PER_HOUR),
								 (int) (spans[kept - 1].end % USECS_PER_HOUR / USECS_PER_MINUTE)),
					   errhint("Write them as one span."));
		if (kept > 0 && spans[i].start == spans[kept - 1].end)
			spans[kept - 1].end = spans[i].end;
		else
			spans[kept++] = spans[i];
	}
	return kept;
}

/* The spans of one weekday, in order, as a palloc'd array. */
static SmkSpan *
week_day(JsonbValue *list, const char *day, int *count)
{
	JsonbIterator *iterator;
	JsonbValue value;
	JsonbIteratorToken token;
	SmkSpan *spans;

	if (list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data) ||
		JsonContainerIsScalar(list->val.binary.data))
		WEEK_ERROR(
			errmsg("hours of \"%s\" must be a list of spans", day),
			errhint("Write {\"%s\": [\"09:00-12:30\", \"14:00-18:00\"]}; an empty list is a closed day.",
					day));
	spans = palloc(Max(JsonContainerSize(list->val.binary.data), 1) * sizeof(SmkSpan));
	*count = 0;
	iterator = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString)
			WEEK_ERROR(errmsg("a span on \"%s\" is not text", day), errhint(SPAN_HINT));
		spans[(*count)++] = week_span(pnstrdup(value.val.string.val, value.val.string.len), day);
	}
	*count = week_order(spans, *count, day);
	return spans;
}

/* Reads the hours: {"mon": ["09:00-12:30", "14:00-18:00"], ...}. */
static void
week_set_hours(SmkWeek *week, Jsonb *hours)
{
	SmkSpan *days[SMK_WEEKDAYS] = {NULL};
	int counts[SMK_WEEKDAYS] = {0};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	int day = 0;
	int total = 0;

	if (!JB_ROOT_IS_OBJECT(hours))
		WEEK_ERROR(errmsg("hours of a calendar must be a JSON object"),
				   errhint("Write {\"mon\": [\"09:00-12:30\", \"14:00-18:00\"], ...}."));
	iterator = JsonbIteratorInit(&hours->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char *name = pnstrdup(value.val.string.val, value.val.string.len);

			for (day = 0; day < SMK_WEEKDAYS && strcmp(name, weekday_names[day]) != 0; day++)
				;
			if (day == SMK_WEEKDAYS)
				WEEK_ERROR(errmsg("weekday \"%s\" not recognized", name),
						   errhint("Weekdays are mon, tue, wed, thu, fri, sat, sun."));
		}
		else if (token == WJB_VALUE)
		{
			days[day] = week_day(&value, weekday_names[day], &counts[day]);
			total += counts[day];
		}
	}
	if (total == 0)
		WEEK_ERROR(errmsg("a calendar must have hours"),
				   errhint("Give at least one day a span: {\"mon\": [\"09:00-18:00\"]}."));

	week->spans = palloc(total * sizeof(SmkSpan));
	for (day = 0; day < SMK_WEEKDAYS; day++)
	{
		week->first[day + 1] = week->first[day];
		week->before[day + 1] = week->before[day];
		for (int i = 0; i < counts[day]; i++)
		{
			week->spans[week->first[day + 1]++] = days[day][i];
			week->before[day + 1] += days[day][i].end - days[day][i].start;
		}
	}
}

static int
week_compare_dates(const void *a, const void *b)
{
	DateADT left = *(const DateADT *) a;
	DateADT right = *(const DateADT *) b;

	return (left > right) - (left < right);
}

/* The weekday of a date, 0 for Monday, and the weeks from that of date 0 to its own. */
static inline int
week_weekday(int64 date, int64 *weeks)
{
	int64 days = date + DAYS_SINCE_MONDAY;

	*weeks = days / SMK_WEEKDAYS - (days % SMK_WEEKDAYS < 0 ? 1 : 0);
	return (int) (days - *weeks * SMK_WEEKDAYS);
}

static const char *
week_date_text(Datum date)
{
	return DatumGetCString(DirectFunctionCall1(date_out, date));
}

/* Reads the holidays; one that is named twice is one. */
static void
week_set_holidays(SmkWeek *week, ArrayType *holidays)
{
	DateADT first = date2j(FIRST_HOLIDAY_YEAR, 1, 1) - POSTGRES_EPOCH_JDATE;
	DateADT last = date2j(LAST_HOLIDAY_YEAR, 12, 31) - POSTGRES_EPOCH_JDATE;
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(holidays, DATEOID, sizeof(DateADT), true, TYPALIGN_INT, &values, &nulls, &count);
	week->holidays = palloc(Max(count, 1) * sizeof(DateADT));
	week->lost = palloc((count + 1) * sizeof(int64));
	week->reached = palloc(Max(count, 1) * sizeof(int64));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a holiday must not be null")));
		week->holidays[i] = DatumGetDateADT(values[i]);
		if (week->holidays[i] < first || week->holidays[i] > last)
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							errmsg("holiday %s is out of range", week_date_text(values[i])),
							errhint("Holidays are dates of the years %d to %d.", FIRST_HOLIDAY_YEAR,
									LAST_HOLIDAY_YEAR)));
	}
	qsort(week->holidays, count, sizeof(DateADT), week_compare_dates);
	week->lost[0] = 0;
	for (int i = 0; i < count; i++)
	{
		int64 weeks;
		int weekday = week_weekday(week->holidays[i], &weeks);
		int n = week->holiday_count;

		if (n > 0 && week->holidays[n - 1] == week->holidays[i])
			continue;
		week->holidays[n] = week->holidays[i];
		week->reached[n] = weeks * week->before[SMK_WEEKDAYS] + week->before[weekday] - week->lost[n];
		week->lost[n + 1] = week->lost[n] + week->before[weekday + 1] - week->before[weekday];
		week->holiday_count++;
	}
}

/* Reads the hours and holidays of a calendar into memory of the current context.
 */
void
smk_week_init(SmkWeek *week, Jsonb *hours, ArrayType *holidays)
{
	memset(week, 0, sizeof(SmkWeek));
	week_set_hours(week, hours);
	week_set_holidays(week, holidays);
}

/* The open microseconds until a local time, counted from a Monday near 2000; less than 0 before it. */
int64
smk_week_open(const SmkWeek *week, int64 local)
{
	int64 date = local / USECS_PER_DAY - (local % USECS_PER_DAY < 0 ? 1 : 0);
	int64 time = local - date * USECS_PER_DAY;
	int64 weeks;
	int weekday = week_weekday(date, &weeks);
	int64 open = weeks * week->before[SMK_WEEKDAYS] + week->before[weekday];
	int low = 0;
	int high = week->holiday_count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (week->holidays[middle] < date)
			low = middle + 1;
		else
			high = middle;
	}
	open -= week->lost[low];
	if (low < week->holiday_count && week->holidays[low] == date)
		return open;
	for (int i = week->first[weekday]; i < week->first[weekday + 1] && time > week->spans[i].start; i++)
		open += Min(time, week->spans[i].end) - week->spans[i].start;
	return open;
}

/* The earliest local time at which smk_week_open says so many microseconds. */
int64
smk_week_reach(const SmkWeek *week, int64 open)
{
	int64 total = week->before[SMK_WEEKDAYS];
	int64 weeks;
	int weekday = 0;
	int low = 0;
	int high = week->holiday_count;
	int i;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (week->reached[middle] < open)
			low = middle + 1;
		else
			high = middle;
	}
	open += week->lost[low];
	weeks = (open - 1) / total - ((open - 1) % total < 0 ? 1 : 0);
	open -= weeks * total;
	while (week->before[weekday + 1] < open)
		weekday++;
	open -= week->before[weekday];
	for (i = week->first[weekday]; week->spans[i].end - week->spans[i].start < open; i++)
		open -= week->spans[i].end - week->spans[i].start;
	return (weeks * SMK_WEEKDAYS + weekday - DAYS_SINCE_MONDAY) * USECS_PER_DAY + week->spans[i].start + open;
}
