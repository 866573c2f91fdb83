/*
 * allocation.h: spend by dimensions that it lacks, pro rata of the leads of its day.
 */
#ifndef SMK_ALLOCATION_H
#define SMK_ALLOCATION_H

#include "kpi/part.h"

/* How one source of spend is shared out: by what its sums are read, and by what the leads are. */
typedef struct SmkAllocation
{
	const SmkRequest *request;
	const SmkRecordSet *set;
	const SmkBinding *binding;
	SmkRequest *spend; /* by day and the dimensions that this spend has */
	SmkRequest *leads; /* by day and those of which it may lack the value, the filters' among them */
	List *filters;	   /* of SmkFilter: on these */
} SmkAllocation;

extern SmkAllocation *smk_allocation(const SmkRecords *records);
extern void smk_allocation_part(SmkStatement *statement, const SmkAllocation *allocation, List *given);
extern char *smk_allocation_rows(const SmkAllocation *allocation, const char *rows, bool with_currency);

#endif
