/*
 * source.h: a bound entity as one subselect with canonical columns.
 */
#ifndef SMK_SOURCE_H
#define SMK_SOURCE_H

#include "lib/stringinfo.h"

#include "crm/config.h"
#include "stage/stage.h"

/* A set of stages. */
typedef uint32 SmkStages;
#define SMK_STAGE_BIT(stage) ((SmkStages) 1 << smk_stage_index(stage))

extern SmkBinding *smk_source_with(const SmkConfig *config, const char *entity, const char *column);
extern Oid smk_source_key_type(const SmkBinding *binding, int column);
extern char *smk_source_keys_equal(const char *left, Oid left_type, const char *right, Oid right_type);
extern char *smk_source_expression(const SmkBinding *binding, int column);
extern char *smk_source_select(const SmkBinding *binding, const bool *needed, List *dimensions, int position,
							   const char *where);
extern char *smk_source_zone(const char *time_zone);
extern char *smk_source_instant(const SmkBinding *binding, int column, const char *reference,
								const char *time_zone);
extern char *smk_source_stages(const SmkConfig *config, const SmkBinding *binding, const char *alias,
							   SmkStages stages);
extern char *smk_source_stage(const SmkConfig *config, const SmkBinding *binding, const char *alias,
							  FunnelStage least, bool or_beyond);
extern char *smk_sql_indent(const char *sql, int columns);

#endif
