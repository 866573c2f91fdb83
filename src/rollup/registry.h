/*
 * registry.h: the views and rollups that were made, as rows of smarketing.stored_view.
 */
#ifndef SMK_REGISTRY_H
#define SMK_REGISTRY_H

#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "crm/config.h"
#include "smarketing.h"

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

extern RangeVar *smk_stored_range(text *name);
extern char *smk_stored_name_of(text *name);
extern SmkStored *smk_stored_find(const char *name);
pg_noreturn extern void smk_stored_unknown(const char *as_written);
extern SmkStored *smk_stored_require_rollup(const char *name, const char *as_written);
extern void smk_stored_restore_settings(const SmkStored *stored, SmkConfig *config);
extern bool smk_stored_lock(const char *name);
extern Oid smk_stored_relation(const char *name, char kind, bool read_only);
extern Oid smk_stored_require_parts(const SmkStored *stored, bool read_only);

/*
 * SQL: whether a row of pg_class is of what this extension makes: by its own dependency, or, as that of a
 * view is not in a dump, by a function of ours that its statement calls. A name alone may have become
 * somebody else's.
 */
#define SMK_STORED_IS_OURS                                                                                   \
	"EXISTS (SELECT FROM pg_extension AS ours WHERE ours.extname = '" SMK_SCHEMA "' AND ("                   \
	"EXISTS (SELECT FROM pg_depend AS own WHERE own.classid = 'pg_class'::regclass "                         \
	"AND own.objid = pg_class.oid AND own.refclassid = 'pg_extension'::regclass "                            \
	"AND own.refobjid = ours.oid) "                                                                          \
	"OR EXISTS (SELECT FROM pg_rewrite JOIN pg_depend AS call ON call.classid = 'pg_rewrite'::regclass "     \
	"AND call.objid = pg_rewrite.oid AND call.refclassid = 'pg_proc'::regclass "                             \
	"JOIN pg_depend AS member ON member.classid = 'pg_proc'::regclass AND member.objid = call.refobjid "     \
	"AND member.refclassid = 'pg_extension'::regclass AND member.refobjid = ours.oid "                       \
	"AND member.deptype = 'e' WHERE pg_rewrite.ev_class = pg_class.oid)))"

#endif
