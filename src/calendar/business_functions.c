/*
 * business_functions.c: define_calendar, business_hours and add_business_hours for SQL, and the table of
 * calendars.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "calendar/business.h"
#include "compat.h"

#define MICROSECONDS_PER_HOUR ((double) USECS_PER_HOUR)

/* The most calendars that one call site keeps at once. */
#define MAX_CALENDARS 16

/* Runs one of our own queries on one text; its plan is kept for the session. Inside SPI_connect. */
static void
business_query(const char *sql, SPIPlanPtr *plan, const char *name)
{
	Oid type = TEXTOID;
	Datum value = CStringGetTextDatum(name);

	if (*plan == NULL)
	{
		SPIPlanPtr made = SPI_prepare(sql, 1, &type);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare \"%s\"", sql);
		*plan = made;
	}
	if (SPI_execute_plan(*plan, &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\"", sql);
}

/* Raises the error for a name that no calendar has; tells those that there are. Inside SPI_connect. */
pg_noreturn static void
business_unknown(const char *name)
{
	static SPIPlanPtr plan = NULL;
	char *names;

	business_query("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM ("
				   "SELECT name FROM smarketing.calendar WHERE name OPERATOR(pg_catalog.<>) $1 ORDER BY name "
				   "LIMIT 20) AS known",
				   &plan, name);
	names = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("calendar \"%s\" does not exist", name),
					names ? errhint("Calendars: %s.", names)
						  : errhint("Define it with smarketing.define_calendar().")));
}

SmkCalendar *
smk_calendar_load(const char *name, MemoryContext context)
{
	static SPIPlanPtr plan = NULL;
	SmkCalendar *calendar;
	HeapTuple row;
	TupleDesc columns;
	bool is_null;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	business_query(
		"SELECT time_zone, hours, holidays FROM smarketing.calendar WHERE name OPERATOR(pg_catalog.=) $1",
		&plan, name);
	if (SPI_processed == 0)
		business_unknown(name);
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	calendar = smk_calendar_create(name, SPI_getvalue(row, columns, 1),
								   DatumGetJsonbP(SPI_getbinval(row, columns, 2, &is_null)),
								   DatumGetArrayTypeP(SPI_getbinval(row, columns, 3, &is_null)), context);
	SPI_finish();
	return calendar;
}

PG_FUNCTION_INFO_V1(smk_define_calendar);

/* define_calendar(name, time_zone, hours, holidays): NULL hours forget the calendar. */
Datum
smk_define_calendar(PG_FUNCTION_ARGS)
{
	Oid types[4] = {TEXTOID, TEXTOID, JSONBOID, DATEARRAYOID};
	Datum values[4];
	char *name = smk_text_argument(fcinfo, 0, "name");
	char *time_zone;

	if (name[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("invalid name for a calendar: \"\""),
						errhint("A name has at least one character.")));
	values[0] = PG_GETARG_DATUM(0);
	if (PG_ARGISNULL(2))
	{
		SPI_connect();
		if (SPI_execute_with_args("DELETE FROM smarketing.calendar WHERE name OPERATOR(pg_catalog.=) $1", 1,
								  types, values, NULL, false, 0) != SPI_OK_DELETE)
			elog(ERROR, "could not delete a calendar");
		if (SPI_processed == 0)
			business_unknown(name);
		SPI_finish();
		PG_RETURN_VOID();
	}
	time_zone = smk_text_argument(fcinfo, 1, "time_zone");
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"holidays\" must not be null"),
				 errhint("Give '{}' for none; array_agg() over no rows is NULL.")));
	for (int i = 1; i < 4; i++)
		values[i] = PG_GETARG_DATUM(i);
	(void) smk_calendar_create(name, time_zone, PG_GETARG_JSONB_P(2), PG_GETARG_ARRAYTYPE_P(3),
							   CurrentMemoryContext);
	SPI_connect();
	if (SPI_execute_with_args(
			"INSERT INTO smarketing.calendar (name, time_zone, hours, holidays) "
			"VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET "
			"time_zone = excluded.time_zone, hours = excluded.hours, holidays = excluded.holidays",
			4, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write a calendar");
	SPI_finish();
	PG_RETURN_VOID();
}

/* What tells that a statement may see other rows than the one before. */
typedef struct Sight
{
	TransactionId xmin;
	TransactionId xmax;
	CommandId command;
	SubTransactionId subtransaction;
	uint32 running; /* transactions: between the same ends they only become fewer, as each ends */
	int32 running_below;
} Sight;

static inline Sight
sight_now(void)
{
	Snapshot snapshot = GetActiveSnapshot();
	Sight sight;

	memset(&sight, 0, sizeof(Sight));
	sight.xmin = snapshot->xmin;
	sight.xmax = snapshot->xmax;
	sight.command = snapshot->curcid;
	sight.subtransaction = GetCurrentSubTransactionId();
	sight.running = snapshot->xcnt;
	sight.running_below = snapshot->subxcnt;
	return sight;
}

typedef struct SiteCalendar
{
	MemoryContext context; /* of the site's; owns what follows */
	int length;
	char *name;
	SmkCalendar *calendar;
} SiteCalendar;

/* What one call site remembers between rows, in fn_extra. */
typedef struct BusinessSite
{
	MemoryContext context; /* owns the calendars */
	Sight sight;		   /* when they were read */
	int count;
	int next; /* the one that gives way when all are taken */
	SiteCalendar calendars[MAX_CALENDARS];
} BusinessSite;

/* Reads a calendar that the call site does not have. An error leaves the others as they were. */
static SmkCalendar *
business_site_load(BusinessSite *site, text *name)
{
	int i = site->count < MAX_CALENDARS ? site->count : site->next++ % MAX_CALENDARS;
	SiteCalendar loaded;

	/* The site's only once it is whole. */
	loaded.context =
		AllocSetContextCreate(CurrentMemoryContext, "smarketing calendar", ALLOCSET_DEFAULT_SIZES);
	loaded.length = VARSIZE_ANY_EXHDR(name);
	loaded.name = MemoryContextAlloc(loaded.context, loaded.length + 1);
	text_to_cstring_buffer(name, loaded.name, loaded.length + 1);
	loaded.calendar = smk_calendar_load(loaded.name, loaded.context);
	MemoryContextSetParent(loaded.context, site->context);
	if (i < site->count)
		MemoryContextDelete(site->calendars[i].context);
	else
		site->count++;
	site->calendars[i] = loaded;
	return loaded.calendar;
}

/*
 * The calendar of this row. A call site can outlive its statement (in PL/pgSQL), so it reads them again where
 * another snapshot may show others.
 */
static SmkCalendar *
business_calendar(FunctionCallInfo fcinfo)
{
	BusinessSite *site = fcinfo->flinfo->fn_extra;
	text *name = PG_GETARG_TEXT_PP(2);
	Sight sight = sight_now();

	if (unlikely(site == NULL))
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(BusinessSite));
		site->context =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "smarketing calendars", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = site;
	}
	if (unlikely(memcmp(&site->sight, &sight, sizeof(Sight)) != 0))
	{
		site->count = site->next = 0;
		MemoryContextReset(site->context);
		site->sight = sight;
	}
	for (int i = 0; i < site->count; i++)
	{
		SiteCalendar *known = &site->calendars[i];

		if (known->length == (int) VARSIZE_ANY_EXHDR(name) &&
			memcmp(known->name, VARDATA_ANY(name), known->length) == 0)
			return known->calendar;
	}
	return business_site_load(site, name);
}

PG_FUNCTION_INFO_V1(smk_business_hours);

/* business_hours(from_at, to_at, calendar): the other way round it is negative. */
Datum
smk_business_hours(PG_FUNCTION_ARGS)
{
	SmkCalendar *calendar = business_calendar(fcinfo);
	TimestampTz from_at = PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz to_at = PG_GETARG_TIMESTAMPTZ(1);
	int64 elapsed = from_at <= to_at ? smk_calendar_elapsed(calendar, from_at, to_at)
									 : -smk_calendar_elapsed(calendar, to_at, from_at);

	PG_RETURN_FLOAT8(elapsed / MICROSECONDS_PER_HOUR);
}

PG_FUNCTION_INFO_V1(smk_add_business_hours);

/* add_business_hours(from_at, hours, calendar): hours to the nearest microsecond. */
Datum
smk_add_business_hours(PG_FUNCTION_ARGS)
{
	SmkCalendar *calendar = business_calendar(fcinfo);
	double hours = PG_GETARG_FLOAT8(1);
	double microseconds = rint(hours * MICROSECONDS_PER_HOUR);

	if (isnan(hours) || isinf(hours))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("hours must be finite"),
						errhint("NULL hours give NULL.")));
	if (!FLOAT8_FITS_IN_INT64(microseconds))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	PG_RETURN_TIMESTAMPTZ(smk_calendar_add(calendar, PG_GETARG_TIMESTAMPTZ(0), (int64) microseconds));
}
