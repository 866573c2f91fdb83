/*
 * stored.h: the statements of a KPI as views and rollups store them: they name no time but now(), so that
 * they move on with it.
 */
#ifndef SMK_STORED_H
#define SMK_STORED_H

#include "kpi/request.h"

/* A column that a stored statement gives. */
typedef struct SmkStoredColumn
{
	const char *name;
	const char *type;	 /* in SQL */
	const char *comment; /* what it is, its unit, and whether it may be summed */
	bool is_key;		 /* period_start or a dimension */
	bool is_additive;	 /* over periods and over dimensions */
} SmkStoredColumn;

/*
 * A request whose range moves: from last before now on (NULL: from the first record on) to the end of the
 * period that runs. An error for what cannot be stored so. palloc'd.
 */
extern SmkRequest *smk_stored_request(SmkConfig *config, const char *kpi, const char *period, ArrayType *by,
									  Interval *last, Jsonb *options, bool is_rollup);

/* What a view over the CRM's tables gives: period_start, is_partial, the dimensions, the KPI's columns. */
extern char *smk_stored_view(const SmkRequest *request);
extern List *smk_stored_view_columns(const SmkRequest *request); /* of SmkStoredColumn */

/* The parts that a rollup stores: period_start, the dimensions, a column a part; a row a cell that has any.
 */
extern char *smk_stored_parts(const SmkRequest *request);
extern List *smk_stored_part_columns(const SmkRequest *request);

/* What smk_stored_view() gives, over the parts that a relation (qualified and quoted) holds. */
extern char *smk_stored_view_of_parts(const SmkRequest *request, const char *relation);

/*
 * A metric in the columns of kpi(), over the parts of the same request that a relation holds: of a range, by
 * a coarser period and fewer dimensions. An error names what does not add up.
 */
extern char *smk_stored_kpi(const SmkRequest *parts, const char *relation, const char *metric,
							const SmkArguments *arguments);

#endif
