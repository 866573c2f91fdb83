/*
 * cron.c: when a schedule of cron is due next. Five fields of numbers, names, ranges, steps and lists, or a
 * word like @daily, as cron(5) has them; what pg_cron knows beyond is no schedule here.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "port.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "rollup/cron.h"

/* A schedule for the 29th of February comes round within eight years. */
#define MAX_DAYS (8 * 366 + 1)

static const int first_of[] = {0, 0, 1, 1, 0};
static const int last_of[] = {59, 23, 31, 12, 7};
static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
										  "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* Reads a number, or a name where the field has some; false where there is neither. */
static bool
read_number(const char **text, int field, int *number)
{
	const char *const *names = field == 3 ? month_names : field == 4 ? day_names : NULL;
	int count = field == 3 ? 12 : 7;
	int digits = 0;

	for (int i = 0; names && i < count; i++)
		if (pg_strncasecmp(*text, names[i], 3) == 0)
		{
			*number = i + first_of[field];
			*text += 3;
			return true;
		}
	*number = 0;
	while (**text >= '0' && **text <= '9' && digits++ < 4)
		*number = *number * 10 + *(*text)++ - '0';
	return digits > 0;
}

/* Reads one field up to a blank or the end. */
static bool
read_field(const char **text, int field, uint64 *bits)
{
	*bits = 0;
	do
	{
		int from = first_of[field];
		int to = last_of[field];
		int step = 1;

		if (**text == '*')
			(*text)++;
		else
		{
			if (!read_number(text, field, &from))
				return false;
			to = from;
			if (**text == '-')
			{
				(*text)++;
				if (!read_number(text, field, &to))
					return false;
			}
		}
		if (**text == '/')
		{
			(*text)++;
			if (!read_number(text, -1, &step) || step == 0)
				return false;
		}
		if (from < first_of[field] || to > last_of[field] || from > to)
			return false;
		for (int i = from; i <= to; i += step)
			*bits |= UINT64CONST(1) << i;
	} while (*(*text)++ == ',');
	(*text)--;
	return **text == ' ' || **text == '\t' || **text == '\0';
}

/* Reads a schedule; false where it is none. */
bool
smk_cron_parse(SmkCron *cron, const char *schedule)
{
	static const char *const words[][2] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
										   {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
										   {"@daily", "0 0 * * *"},	  {"@midnight", "0 0 * * *"},
										   {"@hourly", "0 * * * *"}};

	for (size_t i = 0; i < lengthof(words); i++)
		if (pg_strcasecmp(schedule, words[i][0]) == 0)
			schedule = words[i][1];
	for (int field = 0; field < 5; field++)
	{
		while (*schedule == ' ' || *schedule == '\t')
			schedule++;
		if (field == 2)
			cron->any_day = *schedule == '*';
		if (field == 4)
			cron->any_weekday = *schedule == '*';
		if (!read_field(&schedule, field, &cron->fields[field]))
			return false;
	}
	/* Sunday is 0 and 7. */
	if (cron->fields[4] & (UINT64CONST(1) << 7))
		cron->fields[4] |= 1;
	while (*schedule == ' ' || *schedule == '\t')
		schedule++;
	return *schedule == '\0';
}

static bool
has(const SmkCron *cron, int field, int number)
{
	return (cron->fields[field] & (UINT64CONST(1) << number)) != 0;
}

/* The first minute after an instant at which it is due, by the same clock; false where there is none. */
bool
smk_cron_next(const SmkCron *cron, Timestamp after, Timestamp *next)
{
	Timestamp minute = after - after % USECS_PER_MINUTE + USECS_PER_MINUTE;
	int64 day = minute / USECS_PER_DAY;
	int from = (int) (minute % USECS_PER_DAY / USECS_PER_MINUTE);

	for (int i = 0; i < MAX_DAYS; i++, day++, from = 0)
	{
		int julian = (int) day + POSTGRES_EPOCH_JDATE;
		int year;
		int month;
		int date;
		bool by_date;
		bool by_weekday;

		j2date(julian, &year, &month, &date);
		by_date = has(cron, 2, date);
		by_weekday = has(cron, 4, j2day(julian));
		if (!has(cron, 3, month) ||
			!(cron->any_day || cron->any_weekday ? by_date && by_weekday : by_date || by_weekday))
			continue;
		for (int clock = from; clock < MINS_PER_HOUR * HOURS_PER_DAY; clock++)
			if (has(cron, 1, clock / MINS_PER_HOUR) && has(cron, 0, clock % MINS_PER_HOUR))
			{
				*next = day * USECS_PER_DAY + clock * USECS_PER_MINUTE;
				return true;
			}
	}
	return false;
}
