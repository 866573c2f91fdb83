/*
 * config.h: what a database has configured (settings, bindings, dimensions, maps), read for one call.
 */
#ifndef SMK_CONFIG_H
#define SMK_CONFIG_H

#include "executor/spi.h"
#include "nodes/pg_list.h"

#include "crm/entity.h"
#include "crm/expression.h"

typedef struct SmkBinding
{
	const SmkEntity *entity;
	char *relation;	 /* qualified and quoted */
	char *query;	 /* a preset's: what is read instead of the relation; or NULL */
	char *filter;	 /* canonical expression, or NULL */
	char *time_zone; /* of source times that have none */
	SmkExpression
		columns[SMK_MAX_COLUMNS]; /* text NULL: not bound; type and raw_column filled by smk_binding_open */
	Oid relid;					  /* InvalidOid until opened */
	bool key_is_unique;			  /* a unique index on the key: a join cannot multiply rows */
	bool key_is_there;			  /* in each row: NOT NULL */
	bool is_own;				  /* over a table of ours: no expression of the user's is */
} SmkBinding;

/* A dimension of the user's: one expression an entity that has it. */
typedef struct SmkDimension
{
	char *name;
	char *alias;			/* under which statements carry it: a name that no column of ours has */
	SmkExpression *columns; /* by entity; text NULL: the entity lacks it */
} SmkDimension;

/* A row of stage_map or value_map. */
typedef struct SmkMapped
{
	char *scope; /* the pipeline (NULL: any) or the dimension */
	char *label;
	char *value;
} SmkMapped;

typedef struct SmkConfig
{
	SmkBinding **bindings;	/* by entity; NULL: not bound */
	List *dimensions;		/* of SmkDimension */
	List *stage_map;		/* of SmkMapped */
	List *value_map;		/* of SmkMapped */
	List *score_rules;		/* of SmkScoreRule */
	List *score_thresholds; /* of SmkScoreThreshold */
	char *time_zone;
	char *currency; /* NULL: amounts are not converted */
	bool missing_rate_is_null;
	char *spend_without_dimension;
	char *customer_basis;
	char *active_within; /* an interval, as text */
	char *language;		 /* en or fr */
	char *gross_margin;	 /* NULL: revenue is all margin */
	int fiscal_year_start;
} SmkConfig;

extern void smk_config_query(const char *sql, SPIPlanPtr *plan);
extern SmkConfig *smk_config_load(void);
extern SmkBinding *smk_config_binding(const SmkConfig *config, const char *entity);
extern void smk_binding_open(SmkBinding *binding);
extern void smk_binding_scope(const SmkBinding *binding, SmkScope *scope);
extern Oid smk_relation_resolve(const char *relation, bool missing_ok);
extern bool smk_margin_is_valid(const char *text);
extern SmkBinding *smk_config_entered(const char *entity);

/* A setting: its name, its default, what it means. */
typedef struct SmkSetting
{
	const char *name;
	const char *default_value;
	const char *meaning;
} SmkSetting;

extern const SmkSetting smk_settings[];
extern const int smk_setting_count;

#endif
