/*
 * refresh.h: how rollups are brought up to date.
 */
#ifndef SMK_REFRESH_H
#define SMK_REFRESH_H

#include "utils/timestamp.h"

/* What a refresh did. */
typedef struct SmkRefreshed
{
	int32 buckets;	 /* periods that are stored */
	int64 row_count; /* cells that are stored */
	float8 seconds;
} SmkRefreshed;

extern void smk_rollup_require_read_committed(const char *function);
extern SmkRefreshed smk_rollup_record(const char *name, Oid parts, TimestampTz start);

#endif
