/*
 * retention.h: what customers hold from period to period, and what became of it: movements between the closes
 * of periods, and cohorts by the first period in which a customer was active.
 *
 * All forms come down to spans: a customer holds an amount of a product from one period up to another.
 */
#ifndef SMK_RETENTION_H
#define SMK_RETENTION_H

#include "lib/stringinfo.h"

#include "timeline/sort.h"
#include "timeline/word.h"

#define SMK_RETENTION_VERSION 1
/* The most periods from the first to the last one of a summary. */
#define SMK_RETENTION_MAX_PERIODS 20000
/* The most cells, a cohort at an age, that a summary can have. */
#define SMK_RETENTION_MAX_CELLS (8 * 1024 * 1024)
#define SMK_RETENTION_ZONE 256

/*
 * The word of a span: the period in which it begins (counted from that of 2000-01-01), for how many periods
 * it lasts, and the number of the product. What lasts as long as this never ends.
 */
#define SMK_SPAN_PRODUCT_BITS 27
#define SMK_SPAN_LENGTH_BITS 15
#define SMK_SPAN_NO_END ((1 << SMK_SPAN_LENGTH_BITS) - 1)
#define SMK_SPAN_PERIOD_ZERO (1 << 21)
/* The number of no product. */
#define SMK_SPAN_NO_PRODUCT 0

/* The value of a span: an amount in units of a power of ten, which has room for 16 decimal digits. */
#define SMK_SPAN_SCALE_BITS 7
#define SMK_SPAN_SCALE_ZERO 64
#define SMK_SPAN_VALUE_DIGITS 16

/* What can become of a customer's amount from one close to the next; only the last three change who is one.
 */
typedef enum SmkMovement
{
	SMK_MOVEMENT_UPSELL,
	SMK_MOVEMENT_CROSS_SELL,
	SMK_MOVEMENT_EXPANSION,
	SMK_MOVEMENT_CONTRACTION,
	SMK_MOVEMENT_NEW,
	SMK_MOVEMENT_CHURN,
	SMK_MOVEMENT_REACTIVATION
} SmkMovement;

#define SMK_MOVEMENTS (SMK_MOVEMENT_REACTIVATION + 1)

/* What a summary is about; only those that have the same can be merged. */
typedef struct SmkRetentionForm
{
	bool is_subscription; /* spans of no amount in all make no customer */
	uint8 period;		  /* a SmkPeriod */
	uint8 first_month;	  /* in which fiscal years begin, from 1 on; else 0 */
	int32 months;		  /* for how long an event counts; all 0: in its own period */
	int32 days;
	int64 micros;
	bool has_as_of; /* the last period closes at this time */
	int64 as_of;
	char zone[SMK_RETENTION_ZONE];
} SmkRetentionForm;

/* Customers and amounts of each movement at the close of a period. */
typedef struct SmkRetentionPeriod
{
	int64 customers[SMK_MOVEMENTS];
	int128 amounts[SMK_MOVEMENTS];
} SmkRetentionPeriod;

/* A cohort at an age: the changes against the age before, and how many were active for the last time. */
typedef struct SmkRetentionCell
{
	int128 amount;
	int64 customers;
	int64 last;
} SmkRetentionCell;

typedef struct SmkRetentionCohort
{
	int size; /* ages that it has cells for */
	SmkRetentionCell *cells;
} SmkRetentionCohort;

typedef struct SmkRetentionSummary
{
	SmkRetentionForm form;
	int scale; /* amounts are units of 10^-scale */
	bool has_products;
	bool has_no_product; /* spans without one */
	bool is_empty;
	int first; /* the periods that are shown, */
	int last;
	int end;					 /* and the last one with a movement */
	SmkRetentionPeriod *periods; /* from first to end */
	SmkRetentionCohort *cohorts; /* likewise */
	int64 cells;
} SmkRetentionSummary;

typedef enum SmkRetentionResult
{
	SMK_RETENTION_OK,
	SMK_RETENTION_OVERFLOW,		 /* an amount has no room */
	SMK_RETENTION_TOO_LONG,		 /* more periods than there may be */
	SMK_RETENTION_TOO_MANY_CELLS /* more cells */
} SmkRetentionResult;

/* The word of a span. */
static inline uint64
smk_span_word(int period, int64 length, uint64 product)
{
	uint64 periods = length >= SMK_RETENTION_MAX_PERIODS ? SMK_SPAN_NO_END : (uint64) Max(length, 0);

	return (uint64) (period + SMK_SPAN_PERIOD_ZERO) << (SMK_SPAN_LENGTH_BITS + SMK_SPAN_PRODUCT_BITS) |
		   periods << SMK_SPAN_PRODUCT_BITS | product;
}

/* The value of an amount of less than 10^16 units. */
static inline uint64
smk_span_value(int64 units, int scale)
{
	uint64 bits = (uint64) units << 1 ^ (uint64) (units >> 63);

	return bits << SMK_SPAN_SCALE_BITS | (uint64) (scale + SMK_SPAN_SCALE_ZERO);
}

extern void smk_retention_init(SmkRetentionSummary *summary, const SmkRetentionForm *form);
extern SmkRetentionResult smk_retention_extend(SmkRetentionSummary *summary, int scale, int first, int last,
											   int end);
extern SmkRetentionResult smk_retention_add(SmkRetentionSummary *summary, const uint64 *spans, int64 count,
											SmkSortSpace *space);
extern bool smk_retention_has_room(const SmkRetentionSummary *summary);
extern SmkRetentionResult smk_retention_merge(SmkRetentionSummary *into, const SmkRetentionSummary *other);
extern void smk_retention_write(const SmkRetentionSummary *summary, StringInfo out);
extern bool smk_retention_read(SmkRetentionSummary *summary, const unsigned char *data, int64 size);

#endif
