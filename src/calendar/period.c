/*
 * period.c: the periods by name, and their first dates.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "calendar/calendar.h"

static const char *const period_names[SMK_PERIOD_COUNT] = {
	"day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"
};

/* Finds a period by its name in any case, as date_trunc does; false if there is none. */
bool
smk_period_parse(const char *name, SmkPeriod *period)
{
	int			i;

	for (i = 0; i < SMK_PERIOD_COUNT; i++)
	{
		if (pg_strcasecmp(name, period_names[i]) == 0)
		{
			*period = (SmkPeriod) i;
			return true;
		}
	}
	return false;
}

/* Finds a period by its name, or raises an error that lists the known ones. */
SmkPeriod
smk_period_lookup(const char *name)
{
	SmkPeriod	period;

	if (!smk_period_parse(name, &period))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period \"%s\" not recognized", name),
				 errhint("Known periods are %s.", smk_period_names())));
	return period;
}

/* The name of a period, in lower case. */
const char *
smk_period_name(SmkPeriod period)
{
	return period_names[period];
}

/* All names, as a list for messages. */
const char *
smk_period_names(void)
{
	return "day, week, month, quarter, year, fiscal_quarter, fiscal_year";
}

/* Raises an error unless the month is one of 1 to 12. */
void
smk_period_check_first_month(int first_month)
{
	if (first_month < 1 || first_month > 12)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("first_month must be between 1 and 12, not %d", first_month)));
}

static DateADT
period_check_date(int64 date)
{
	if (!IS_VALID_DATE(date))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range")));
	return (DateADT) date;
}

/* The length in months, 0 if days are counted. */
static int
period_months(SmkPeriod period)
{
	switch (period)
	{
		case SMK_DAY:
		case SMK_WEEK:
			return 0;
		case SMK_MONTH:
			return 1;
		case SMK_QUARTER:
		case SMK_FISCAL_QUARTER:
			return 3;
		case SMK_YEAR:
		case SMK_FISCAL_YEAR:
			return 12;
	}
	elog(ERROR, "unrecognized period %d", (int) period);
	return 0;
}

/* The first day of a month, which is counted from January of year 0 (1 BC). */
static DateADT
period_month_date(int month)
{
	int			year = month / 12;
	int			of_year = month % 12;

	if (of_year < 0)
	{
		of_year += 12;
		year--;
	}
	if (!IS_VALID_JULIAN(year, of_year + 1, 1))
		return period_check_date(PG_INT64_MAX);
	return period_check_date((int64) date2j(year, of_year + 1, 1) - POSTGRES_EPOCH_JDATE);
}

/* The month of a date, counted from January of year 0. */
static int
period_date_month(DateADT date)
{
	int			year;
	int			month;
	int			day;

	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return year * 12 + month - 1;
}

/* The first date of the period that a date is in. */
DateADT
smk_period_start_of_date(SmkPeriod period, DateADT date, int first_month)
{
	int			months = period_months(period);
	int			month;
	int			rest;

	if (DATE_NOT_FINITE(date))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an infinite date is in no period")));
	if (period == SMK_DAY)
		return date;
	if (period == SMK_WEEK)
	{
		/* Date 0 is a Saturday. */
		rest = (int) (((int64) date + 5) % 7);
		return period_check_date((int64) date - (rest < 0 ? rest + 7 : rest));
	}
	month = period_date_month(date);
	rest = month;
	if (period == SMK_FISCAL_QUARTER || period == SMK_FISCAL_YEAR)
		rest -= first_month - 1;
	rest %= months;
	return period_month_date(month - (rest < 0 ? rest + months : rest));
}

/* The first date after the period that begins on the given date. */
DateADT
smk_period_next(SmkPeriod period, DateADT start, int first_month)
{
	(void) first_month;			/* the length does not depend on it */
	if (period == SMK_DAY)
		return period_check_date((int64) start + 1);
	if (period == SMK_WEEK)
		return period_check_date((int64) start + 7);
	return period_month_date(period_date_month(start) + period_months(period));
}

/* The quotient rounded down; the divisor is positive. */
static int
period_floor_divide(int dividend, int divisor)
{
	return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

/* The months after which a kind of period begins in a year. */
static int
period_shift(SmkPeriod period, int first_month)
{
	return period == SMK_FISCAL_QUARTER || period == SMK_FISCAL_YEAR ? first_month - 1 : 0;
}

/* The number of the period that begins on a date, counted from that which begins in 2000, or with 2000-01-01. */
int
smk_period_number(SmkPeriod period, DateADT start, int first_month)
{
	if (period == SMK_DAY)
		return start;
	if (period == SMK_WEEK)
		return period_floor_divide(start + 5, 7);
	return period_floor_divide(period_date_month(start) - period_shift(period, first_month), period_months(period)) -
		2000 * 12 / period_months(period);
}

/* The date on which the period of a number begins. */
DateADT
smk_period_of_number(SmkPeriod period, int number, int first_month)
{
	if (period == SMK_DAY)
		return period_check_date(number);
	if (period == SMK_WEEK)
		return period_check_date((int64) number * 7 - 5);
	return period_month_date((number + 2000 * 12 / period_months(period)) * period_months(period) +
							 period_shift(period, first_month));
}
