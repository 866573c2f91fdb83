/*
 * entity.h: the canonical model of a CRM as data: entities, their columns, and the links between them.
 */
#ifndef SMK_ENTITY_H
#define SMK_ENTITY_H

#include "lib/stringinfo.h"

typedef enum SmkType
{
	SMK_TYPE_KEY, /* identifies a record; compared as bigint, uuid or text */
	SMK_TYPE_TEXT,
	SMK_TYPE_STAGE, /* the CRM's own status names, or a funnel_stage */
	SMK_TYPE_TIME,	/* timestamptz, timestamp or date */
	SMK_TYPE_NUMBER,
	SMK_TYPE_BOOLEAN
} SmkType;

typedef struct SmkEntityColumn
{
	const char *name;
	SmkType type;
	bool is_required;
	bool is_later; /* named by the contract, not yet computed with: refused when bound */
} SmkEntityColumn;

/* An entity; both lists of columns end with a NULL name. */
typedef struct SmkEntity
{
	const char *name;
	const SmkEntityColumn *columns;
	const char *key;	   /* the column that identifies a record, or NULL */
	const char *one_of[2]; /* of these columns at least one is required, or NULL */
	bool is_later;
} SmkEntity;

/* The most columns that an entity has; arrays by column are of this size. */
#define SMK_MAX_COLUMNS 24

extern const SmkEntity smk_entities[];
extern const int smk_entity_count;

extern const SmkEntity *smk_entity_find(const char *name);
extern int smk_entity_column(const SmkEntity *entity, const char *name);
extern int smk_entity_width(const SmkEntity *entity);
extern const char *smk_entity_list(void);
extern const char *smk_entity_column_list(const SmkEntity *entity);
extern const char *smk_type_name(SmkType type);

/* A link: the entity that a column of this name points to. */
typedef struct SmkLink
{
	const char *column;
	const char *entity;
} SmkLink;

/* In the order in which a missing dimension is looked for. */
extern const SmkLink smk_links[];
extern const int smk_link_count;

#endif
