/*
 * part.h: the statement that is being compiled, and one record set's part of it.
 */
#ifndef SMK_PART_H
#define SMK_PART_H

#include "kpi/records.h"
#include "kpi/shift.h"

/* A measure of a statement, and whether what is bound can give it. */
typedef struct SmkMeasure
{
	const SmkColumn *column;
	SmkShift shift;
	const char *name;	/* under which the statement carries it */
	const char *entity; /* that errors name for its records */
	bool is_available;
	const SmkRequest *range; /* of a part that reads several ranges at once: the measure's own; else NULL */
} SmkMeasure;

/*
 * All parts have the same columns: period_start, by_1 and so on, a column a measure, first_at where the call
 * wants to know when the data begin; and where sums of money have currencies, currency, rate_on, rate.
 */
typedef struct SmkStatement
{
	const SmkRequest *request;
	List *measures;			 /* of SmkMeasure */
	List *parts;			 /* of char *: SQL */
	List *dated;			 /* of SmkRecordSet: those of which it matters when they begin */
	SmkBinding *spend_entry; /* our own table of spend, where it has rows; else NULL */
	bool has_currencies;
	bool is_over_parts; /* the measures are columns that are stored */
} SmkStatement;

extern const char *smk_measure_type(const SmkMeasure *measure);
extern bool smk_part_wants_first(const SmkRequest *request);
extern void smk_part_append_dimensions(SmkRecords *records, bool as_text, const char *measure,
									   StringInfo sql);
extern void smk_part_append_by(const SmkRequest *request, const char *prefix, StringInfo sql);
extern void smk_part_append_head(const SmkRequest *request, const char *from, bool is_text, StringInfo sql);
extern void smk_part_append_measures(const SmkStatement *statement, List *given,
									 char *(*write)(const SmkMeasure *measure), StringInfo sql);
extern void smk_part_append_tail(const SmkStatement *statement, const char *first_at, StringInfo sql);
extern void smk_part_append_group_by(const SmkRequest *request, const char *alias, const char *more,
									 StringInfo sql);
extern bool smk_part_has_currency(SmkRecords *records, List *given);
extern void smk_part(SmkStatement *statement, SmkRecords *records, List *given);

#endif
