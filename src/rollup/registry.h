/*
 * registry.h: the views and rollups that were made, as rows of smarketing.stored_view.
 */
#ifndef SMK_REGISTRY_H
#define SMK_REGISTRY_H

#include "fmgr.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "crm/config.h"

/* A view or rollup: where it is and what it was made from; palloc'd. */
typedef struct SmkStored
{
	char *name;	 /* of the view, qualified and quoted */
	char *parts; /* of the materialized view of a rollup, likewise; NULL: a plain view */
	char *kpi;
	char *period;
	ArrayType *by;
	Jsonb *options;
	Jsonb *settings; /* all settings of the database as they were */
} SmkStored;

extern char *smk_stored_name_of(text *name);
extern SmkStored *smk_stored_find(const char *name);
extern SmkStored *smk_stored_require_rollup(const char *name, const char *as_written);
extern void smk_stored_restore_settings(const SmkStored *stored, SmkConfig *config);
extern Oid smk_stored_relation(const char *name);

#endif
