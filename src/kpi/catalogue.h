/*
 * catalogue.h: the KPIs as data: record sets, measures over them, and expressions over measures.
 *
 * In a template, [name] stands for a column of the record (measures) or for a measure of the KPI (ratios),
 * and
 * [@name] for the instant of a time column, also where that is a date.
 */
#ifndef SMK_CATALOGUE_H
#define SMK_CATALOGUE_H

#include "crm/entity.h"

/* Which rows of a record set take part, by their kind. */
typedef enum SmkKindRule
{
	SMK_KIND_ANY,
	SMK_KIND_MARKETING, /* spend: marketing, and what has no kind */
	SMK_KIND_SALES,		/* spend: sales */
	SMK_KIND_OPTION		/* opportunities: options.kind, new business unless told otherwise */
} SmkKindRule;

/* A set of records: an entity's rows, each dated by one column. */
typedef struct SmkRecordSet
{
	const char *name;
	const char *entity;
	const char *at;
	SmkKindRule kind;
	bool takes_lag;
	const char *condition; /* template: which rows belong to it, or NULL for all */
	const char *ends;	   /* of a stock: the column that tells when a record leaves it */
} SmkRecordSet;

typedef enum SmkAggregate
{
	SMK_COUNT,	  /* the records for which the condition holds */
	SMK_SUM,	  /* the sum of value over them */
	SMK_SHARE,	  /* likewise, of shares of records */
	SMK_MEDIAN,	  /* its median; not additive */
	SMK_MODE,	  /* its most frequent value; neither */
	SMK_SUMMARY,  /* a funnel of events: value is the arguments of smarketing.funnel */
	SMK_STOCK,	  /* how many are there at the period's end: from value until the set's ends */
	SMK_LEVEL,	  /* the sum of value over those that are: from the set's time until its ends */
	SMK_MOVEMENT, /* customers or amounts of the movements named in value; condition: columns that it needs */
	SMK_RATIO	  /* computed from measures */
} SmkAggregate;

typedef enum SmkUnit
{
	SMK_UNIT_COUNT, /* bigint */
	SMK_UNIT_MONEY, /* numeric, 6 decimals */
	SMK_UNIT_MONEY_PER_DAY,
	SMK_UNIT_RATE,	   /* double precision, 0 to 1 */
	SMK_UNIT_RETURN,   /* double precision: a share that may be any number */
	SMK_UNIT_QUOTIENT, /* double precision */
	SMK_UNIT_HOURS,	   /* double precision */
	SMK_UNIT_TRUTH,	   /* boolean; of columns that are no metrics */
	SMK_UNIT_SUMMARY,  /* smarketing.funnel_summary; likewise */
	SMK_UNIT_TEXT	   /* text; likewise */
} SmkUnit;

/* A column of a KPI: a measure or a ratio. */
typedef struct SmkColumn
{
	const char *name;
	const char *basis; /* holds under this value of options.basis; NULL: under every one */
	SmkAggregate aggregate;
	SmkUnit unit;
	bool higher_is_better;
	bool is_hidden;				 /* only for ratios to compute with */
	const SmkRecordSet *records; /* measures: of which set */
	const char
		*value; /* measures: template of the value; ratios: of the expression, or NULL for the quotient */
	const char *condition; /* measures: template, or NULL for all records */
	const char *numerator; /* ratios */
	const char *denominator;
} SmkColumn;

typedef struct SmkKpi
{
	const char *name;
	int number;
	const char *headline;
	const char *entity;			/* without this one there is no KPI; NULL: what the basis names */
	const SmkColumn *columns;	/* in the order of the function's columns; the last has no name */
	const char *const *bases;	/* values of the option below, the default first; or NULL */
	const char *basis_option;	/* under which options.basis goes; auto takes the first basis that is bound */
	const char *const *options; /* known options; the last is NULL */
} SmkKpi;

extern const SmkKpi smk_kpis[];
extern const SmkKpi smk_lead_funnel_kpi;
extern const SmkKpi smk_retention_cohorts_kpi;
extern const SmkKpi smk_handover_kpi;
extern const int smk_kpi_count;

extern int smk_metric_kpi_count(void);
extern const SmkKpi *smk_metric_kpi(int i);
extern const SmkKpi *smk_kpi_find(const char *name);
extern const SmkColumn *smk_kpi_column(const SmkKpi *kpi, const char *name, const char *basis);
extern const char *smk_kpi_list(void);
extern bool smk_metric_is_known(const char *metric);
extern const SmkKpi *smk_metric_resolve(const char *metric, const SmkColumn **column);
extern const char *smk_measure_list(const SmkKpi *kpi);
extern const char *smk_unit_type(SmkUnit unit);
extern bool smk_column_is_money(const SmkColumn *column);
extern bool smk_column_is_of_amounts(const SmkColumn *column);
extern bool smk_column_is_ordered(const SmkColumn *column);
extern bool smk_column_is_at_close(const SmkColumn *column);
extern bool smk_column_is_by_period(const SmkColumn *column);
extern bool smk_column_is_additive(const SmkColumn *column);
extern char *smk_column_template(const SmkKpi *kpi, const SmkColumn *column);

/* What a person reads about a metric, in one language. */
typedef struct SmkLabel
{
	const char *metric;
	const char *label;
	const char *definition;
} SmkLabel;

extern const SmkLabel smk_labels_en[];
extern const SmkLabel smk_labels_fr[];
extern const SmkLabel *smk_label_find(const SmkLabel *labels, const SmkKpi *kpi, const SmkColumn *column);

#endif
