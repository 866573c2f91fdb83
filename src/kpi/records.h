/*
 * records.h: one record set as SQL: an entity's rows, dated, filtered, with the dimensions asked for.
 */
#ifndef SMK_RECORDS_H
#define SMK_RECORDS_H

#include "lib/stringinfo.h"

#include "kpi/moment.h"

/* An entity joined on a key of another, for a dimension. */
typedef struct SmkJoin
{
	const char *alias;
	SmkBinding *binding;
	const char *left_key; /* SQL of the key that points here */
	Oid left_type;
	bool needed[SMK_MAX_COLUMNS];
	List *dimensions; /* of SmkDimension: the user's, taken from this entity */
} SmkJoin;

/* Of spend that may cover days: both kinds alike, or one of the two. */
typedef enum SmkLumps
{
	SMK_LUMPS_ALIKE,
	SMK_LUMPS_WITHOUT,
	SMK_LUMPS_ONLY
} SmkLumps;

typedef struct SmkRecords
{
	const SmkRequest *request;
	const SmkRecordSet *set;
	SmkBinding *binding; /* NULL: the entity is not bound */
	bool needed[SMK_MAX_COLUMNS];
	List *dimensions; /* of SmkDimension: the user's, taken from this entity itself */
	List *joins;	  /* of SmkJoin */
	SmkLumps lumps;
	const char
		*through; /* dimensions are taken from this linked entity where it has them; NULL: the nearest way */
	int steps;	  /* what lead_steps.c has to join, its bits */
	bool joins_activities;	 /* of lead_handover.c: those by a person, as an array */
	char *handed;			 /* of lead_handover.c: the join of what became of each lead, or NULL */
	const char *score_as_of; /* SQL for the instant as of which it gives scores; NULL: it gives none */
	bool is_numbered;		 /* each record has a row_number, as its key may be missing or there twice */
	bool few_is_known;
	bool are_few; /* of smk_records_are_few */
} SmkRecords;

extern SmkRecords *smk_records(const SmkRequest *request, const SmkRecordSet *set, SmkBinding *binding);
extern bool smk_records_have(SmkRecords *records, const char *template);
extern char *smk_records_expand(SmkRecords *records, const char *template);
extern char *smk_records_column(SmkRecords *records, const char *name);
extern char *smk_records_instant(SmkRecords *records, const char *name);
extern char *smk_records_bucket(SmkRecords *records);
extern char *smk_records_bucket_expression(SmkRecords *records);
extern bool smk_records_bucket_is_known(SmkRecords *records);
extern char *smk_records_rate_day(SmkRecords *records, const char *currency);
extern char *smk_records_raw_literal(const SmkRecords *records, Oid type, SmkMoment moment);
extern bool smk_records_at_is_date(const SmkRecords *records);
extern char *smk_records_dated_at(SmkRecords *records);
extern char *smk_records_condition(SmkRecords *records, const char *name, const char *condition);
extern char *smk_records_in_range_of(SmkRecords *records, const SmkRequest *request);
extern char *smk_records_chosen(SmkRecords *records, const char *alias, const bool *needed);
extern bool smk_records_are_few(SmkRecords *records);
extern char *smk_records_from(SmkRecords *records, const char *measure, bool any_time, const char *condition);

#endif
