/*
 * preset.h: a CRM as data: for each entity and column the SQL that gives it, in the order of preference.
 *
 * The SQL is a template. Of the schema that is looked at
 *   {table}            is the table, qualified;
 *   {alias.column}     a column of what is joined under that alias, or of a subquery's table of that alias;
 *   {.column}          a column of the entity's own table; {@} is the name under which that stands;
 *   {#alias.column}    nothing, where an index finds the column's values;
 *   {?alias.column}    nothing, where there is such a column;
 *   {..a|b}            the first of these spellings that is there;
 *   {..column:time}    a time without zone, in the preset's, whatever the column has;
 *   {..column:label}   a text that may be kept by language: the English one, else any;
 *   [name]             is a part of that name.
 * What names a table or column that is not there is passed over, and the next of the same name is tried.
 */
#ifndef SMK_PRESET_H
#define SMK_PRESET_H

/* A table that the preset reads, and what is lost without it. */
typedef struct SmkPresetTable
{
	const char *name;
	const char *holds;
} SmkPresetTable;

/* The table behind an alias; NULL: a subquery, whose columns are not looked for. */
typedef struct SmkPresetAlias
{
	const char *alias;
	const char *table;
} SmkPresetAlias;

/* SQL that templates refer to by its name. */
typedef struct SmkPresetPart
{
	const char *name;
	const char *sql;
} SmkPresetPart;

/* What is joined to a table, one row at most to each of its rows. */
typedef struct SmkPresetJoin
{
	const char *table;
	const char *alias;
	const char *sql;
} SmkPresetJoin;

/* An entity. What depends on rows that are not there yet is not bound without them. */
typedef struct SmkPresetEntity
{
	const char *entity;
	const char *table; /* NULL: the CRM keeps no such thing, as the hint says */
	const char *own;   /* the table that {.column} means */
	const char *query; /* NULL: the table with the joins that its columns need */
	const char *needs; /* a query that gives true, or NULL */
	const char *hint;  /* where it is not bound */
} SmkPresetEntity;

/* A canonical column, "filter", or NULL for a column that users' dimensions may name. */
typedef struct SmkPresetColumn
{
	const char *entity;
	const char *column;
	const char *sql;
	const char *note; /* what is lost by this way, or NULL */
} SmkPresetColumn;

/* Every list ends with a row whose first member is NULL, the columns with one whose entity is. */
typedef struct SmkPreset
{
	const char *name;
	const char *description;
	const char *needs;			  /* in words */
	const char *const *needed;	  /* pairs of table and column that tell such a CRM, then NULL */
	const char *time_zone;		  /* of times that have none */
	const SmkPresetTable *tables; /* all that are read */
	const SmkPresetAlias *aliases;
	const SmkPresetPart *parts;
	const SmkPresetJoin *joins; /* what another one names stands before it */
	const SmkPresetEntity *entities;
	const SmkPresetColumn *columns;
	const char *stages;			 /* a query: label, funnel stage, pipeline; in the CRM's order */
	const SmkPresetPart *advice; /* by entity: a query whose rows are texts, each a gap with a hint */
} SmkPreset;

extern const SmkPreset smk_preset_odoo;

extern char *smk_preset_call(const char *preset, const char *schema);

#endif
