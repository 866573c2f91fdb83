/*
 * request.h: the six arguments of a call, checked: range, period, dimensions, filter, options.
 */
#ifndef SMK_REQUEST_H
#define SMK_REQUEST_H

#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "calendar/calendar.h"
#include "crm/config.h"
#include "kpi/catalogue.h"

/* A dimension asked for: built in, or of the user's. */
typedef struct SmkBy
{
	const char *name;
	const SmkDimension *defined; /* NULL: built in */
	List *map;					 /* of SmkMapped: value_map's rows of this dimension */
} SmkBy;

typedef struct SmkFilter
{
	SmkBy *by;
	bool is_negated;
	bool has_none; /* the missing value is among the values */
	List *values;  /* of char * */
} SmkFilter;

/* The six arguments as given; Datums where is_null does not say otherwise. */
typedef struct SmkArguments
{
	bool has_since;
	bool has_until;
	TimestampTz since;
	TimestampTz until;
	const char *period;
	ArrayType *by;	/* NULL: none */
	Jsonb *filter;	/* NULL: none */
	Jsonb *options; /* NULL: none */
	int most_by;	/* how many dimensions are possible; 0: as many as functions show */
	const char
		*own_option; /* an option that the function has read itself, to be listed with the others; or NULL */
} SmkArguments;

/* Rows that several parts of a statement read: of a range, where each reads its own part of it. */
typedef struct SmkSharedRows
{
	struct SmkRequest *whole; /* over all of them; NULL: they have no range */
	char *sql;				  /* NULL: no part has asked for them yet */
} SmkSharedRows;

typedef struct SmkRequest
{
	SmkConfig *config;
	const SmkKpi *kpi;
	const char *own_option; /* of the arguments */
	const char *time_zone;
	SmkZone *zone;
	bool is_all; /* one row for the range */
	SmkPeriod period;
	bool has_since;
	bool is_unbounded; /* all, and both bounds NULL: rows without a time take part */
	TimestampTz since;
	TimestampTz until;
	TimestampTz now;
	bool is_moving;		   /* the statement is stored: it names no time but now() */
	const char *since_sql; /* of a range that moves: SQL for its bounds, as of now above; NULL: they do not */
	const char *until_sql;
	bool is_rollup;		   /* it is stored as parts */
	bool is_raw;		   /* measures are to be stored: also where a cell shows none */
	bool lists_records;	   /* it lists what is behind a measure */
	bool is_of_sales;	   /* what sales did counts: no score takes a lead up, or makes it an SQL */
	bool is_sparse;		   /* without dimensions, too, only periods in which there is something */
	DateADT first;		   /* start of the first period */
	DateADT end;		   /* first date after the last period */
	DateADT partial_first; /* the first period where the range clips it, else DATE_NOT_FINITE */
	DateADT partial_from;  /* this period and all after it are clipped or running; or end */
	List *skipped;		   /* of int: dates that the zone skipped, for period day */
	List *by;			   /* of SmkBy */
	List *filters;		   /* of SmkFilter */
	const char *basis;	   /* NULL where the KPI has none */
	bool has_lag;
	Interval lag;
	const char *margin;	  /* the share of revenue that is margin, as SQL; NULL: all of it */
	bool has_within;	  /* options.within was given */
	int64 within;		  /* in microseconds: how long after its creation a lead's step may come */
	int64 respond_within; /* in microseconds: how long sales may take to answer, */
	const char *calendar; /* in open hours of this one; NULL: of the clock */
	bool has_as_of;		  /* options.as_of was given */
	TimestampTz as_of;	  /* nothing that happened at this instant or later is seen */
	bool is_same_age;  /* as_of is now, and what is compared is seen at the age that the range has by now */
	bool is_rolling;   /* options.rolling: who is active then or later counts */
	const char *mode;  /* of a funnel; NULL: reached */
	const char *model; /* of attribution */
	int64 lookback;	   /* in microseconds: how long before its closing a touch counts for an opportunity */
	int64 half_life;   /* after which one counts half under the model time_decay */
	SmkSharedRows *shared_credits; /* NULL: each part reads its own */
	SmkSharedRows *shared_customers;
	bool has_kind; /* options.kind was given */
	bool all_kinds;
	List *kinds; /* of char * */
} SmkRequest;

#define SMK_MAX_BY 3

extern void smk_arguments_read(FunctionCallInfo fcinfo, int first, SmkArguments *arguments);
extern void smk_arguments_read_range(FunctionCallInfo fcinfo, int first, SmkArguments *arguments);
extern SmkRequest *smk_request(SmkConfig *config, const SmkKpi *kpi, const SmkArguments *arguments);
extern JsonbValue *smk_option_value(const Jsonb *options, const char *name);
extern const char *smk_option_language(const SmkConfig *config, const Jsonb *options);
extern void smk_request_lay(SmkRequest *request);
extern SmkBy *smk_request_by(SmkConfig *config, const char *name);
extern const char *smk_period_step(SmkPeriod period);
extern DateADT smk_request_date_from(const SmkRequest *request, TimestampTz at);
extern char *smk_request_first_month(const SmkRequest *request);
extern char *smk_request_bucket_of(const SmkRequest *request, const char *date);
extern char *smk_request_period_end_of(const SmkRequest *request, const char *date);
extern char *smk_request_without_skipped(const SmkRequest *request);
extern char *smk_request_skipped_dates(const SmkRequest *request);

#endif
