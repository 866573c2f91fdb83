/*
 * calendar_functions.c: period_start, period_end, period_range and first_instant for SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "calendar/calendar.h"

/* Longer names of periods are not recognized anyway. */
#define MAX_PERIOD_LENGTH 15

/* What one call site remembers between rows, in fn_extra. */
typedef struct CalendarSite
{
	SmkBucket	bucket;
	int			period_length;	/* -1 if the bucket is not ready for use */
	int			zone_length;	/* -1 if the bucket's zone is not ready for use */
	char		period[MAX_PERIOD_LENGTH];
	TimestampTz lower;			/* period_range: the last answer, empty if there is none */
	TimestampTz upper;
	FmgrInfo	make_range;		/* period_range: tstzrange(timestamptz, timestamptz) */
} CalendarSite;

static CalendarSite *
calendar_site_create(FmgrInfo *flinfo)
{
	CalendarSite *site = (CalendarSite *) MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CalendarSite));

	smk_bucket_init(&site->bucket, flinfo->fn_mcxt);
	site->period_length = -1;
	site->zone_length = -1;
	flinfo->fn_extra = site;
	return site;
}

/* Sets the zone of a row where it differs from that of the row before. An error leaves the site unready. */
static void
calendar_site_set_zone(CalendarSite *site, text *zone)
{
	int			zone_length = VARSIZE_ANY_EXHDR(zone);
	char		name[TZ_STRLEN_MAX + 1];

	if (site->zone_length == zone_length && memcmp(site->bucket.zone.name, VARDATA_ANY(zone), zone_length) == 0)
		return;
	site->zone_length = -1;
	text_to_cstring_buffer(zone, name, sizeof(name));
	smk_zone_init(&site->bucket.zone, name);
	if (zone_length <= TZ_STRLEN_MAX)
		site->zone_length = zone_length;
}

/* Sets the parameters of a row that differ from those of the row before. An error leaves the site unready. */
static void
calendar_site_set(CalendarSite *site, text *period, text *zone, int first_month, bool want_end)
{
	int			period_length = VARSIZE_ANY_EXHDR(period);
	SmkPeriod	kind;

	site->period_length = -1;
	site->lower = site->upper = 0;
	kind = smk_period_lookup(text_to_cstring(period));
	if (zone != NULL)
		calendar_site_set_zone(site, zone);
	smk_bucket_set(&site->bucket, kind, first_month, want_end);
	memcpy(site->period, VARDATA_ANY(period), period_length);
	site->period_length = period_length;
}

/* The call site, ready for the period, zone and first month of this row. */
static inline CalendarSite *
calendar_site(FunctionCallInfo fcinfo, bool want_end)
{
	CalendarSite *site = (CalendarSite *) fcinfo->flinfo->fn_extra;
	text	   *period = PG_GETARG_TEXT_PP(0);
	text	   *zone = PG_GETARG_TEXT_PP(2);
	int			first_month = PG_GETARG_INT32(3);

	if (unlikely(site == NULL))
		site = calendar_site_create(fcinfo->flinfo);
	if (unlikely(site->period_length != (int) VARSIZE_ANY_EXHDR(period) ||
				 site->zone_length != (int) VARSIZE_ANY_EXHDR(zone) ||
				 site->bucket.first_month != first_month ||
				 memcmp(site->period, VARDATA_ANY(period), site->period_length) != 0 ||
				 memcmp(site->bucket.zone.name, VARDATA_ANY(zone), site->zone_length) != 0))
		calendar_site_set(site, period, zone, first_month, want_end);
	return site;
}

PG_FUNCTION_INFO_V1(smk_period_start);
Datum
smk_period_start(PG_FUNCTION_ARGS)
{
	CalendarSite *site = calendar_site(fcinfo, false);

	PG_RETURN_DATEADT(smk_bucket_date(&site->bucket, PG_GETARG_TIMESTAMPTZ(1)));
}

PG_FUNCTION_INFO_V1(smk_period_end);
Datum
smk_period_end(PG_FUNCTION_ARGS)
{
	CalendarSite *site = calendar_site(fcinfo, true);

	PG_RETURN_DATEADT(smk_bucket_date(&site->bucket, PG_GETARG_TIMESTAMPTZ(1)));
}

PG_FUNCTION_INFO_V1(smk_period_range);
Datum
smk_period_range(PG_FUNCTION_ARGS)
{
	CalendarSite *site = calendar_site(fcinfo, false);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);

	if (at < site->lower || at >= site->upper)
		smk_bucket_range(&site->bucket, at, &site->lower, &site->upper);
	if (site->make_range.fn_addr == NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		/* Through fmgr, since the C functions that make a range differ between server versions. */
		fmgr_info(F_TSTZRANGE_TIMESTAMPTZ_TIMESTAMPTZ, &site->make_range);
		fmgr_info_set_expr((Node *) makeFuncExpr(F_TSTZRANGE_TIMESTAMPTZ_TIMESTAMPTZ, TSTZRANGEOID, NIL, InvalidOid,
												 InvalidOid, COERCE_EXPLICIT_CALL), &site->make_range);
		MemoryContextSwitchTo(old_context);
	}
	PG_RETURN_DATUM(FunctionCall2(&site->make_range, TimestampTzGetDatum(site->lower),
								  TimestampTzGetDatum(site->upper)));
}

/* The call site of a function of a local date, ready for the period and first month of this row. */
static inline CalendarSite *
calendar_date_site(FunctionCallInfo fcinfo)
{
	CalendarSite *site = (CalendarSite *) fcinfo->flinfo->fn_extra;
	text	   *period = PG_GETARG_TEXT_PP(0);
	int			first_month = PG_GETARG_INT32(2);

	if (unlikely(site == NULL))
		site = calendar_site_create(fcinfo->flinfo);
	if (unlikely(site->period_length != (int) VARSIZE_ANY_EXHDR(period) ||
				 site->bucket.first_month != first_month ||
				 memcmp(site->period, VARDATA_ANY(period), site->period_length) != 0))
		calendar_site_set(site, period, NULL, first_month, false);
	return site;
}

PG_FUNCTION_INFO_V1(smk_period_start_date);
Datum
smk_period_start_date(PG_FUNCTION_ARGS)
{
	const SmkBucket *bucket = &calendar_date_site(fcinfo)->bucket;

	PG_RETURN_DATEADT(smk_period_start_of_date(bucket->period, PG_GETARG_DATEADT(1), bucket->first_month));
}

PG_FUNCTION_INFO_V1(smk_period_end_date);
Datum
smk_period_end_date(PG_FUNCTION_ARGS)
{
	const SmkBucket *bucket = &calendar_date_site(fcinfo)->bucket;
	DateADT		start;

	start = smk_period_start_of_date(bucket->period, PG_GETARG_DATEADT(1), bucket->first_month);
	PG_RETURN_DATEADT(smk_period_next(bucket->period, start, bucket->first_month));
}

PG_FUNCTION_INFO_V1(smk_first_instant);
Datum
smk_first_instant(PG_FUNCTION_ARGS)
{
	CalendarSite *site = (CalendarSite *) fcinfo->flinfo->fn_extra;
	DateADT		date = PG_GETARG_DATEADT(0);

	if (site == NULL)
		site = calendar_site_create(fcinfo->flinfo);
	calendar_site_set_zone(site, PG_GETARG_TEXT_PP(1));
	if (DATE_IS_NOBEGIN(date))
		PG_RETURN_TIMESTAMPTZ(DT_NOBEGIN);
	if (DATE_IS_NOEND(date))
		PG_RETURN_TIMESTAMPTZ(DT_NOEND);
	PG_RETURN_TIMESTAMPTZ(smk_zone_first_instant(&site->bucket.zone, date));
}
