/*
 * expression.h: SQL expressions that a user gives over a relation of the CRM.
 */
#ifndef SMK_EXPRESSION_H
#define SMK_EXPRESSION_H

#include "nodes/nodes.h"
#include "utils/rel.h"

#include "crm/entity.h"

typedef struct SmkExpression
{
	char *text;		  /* as the server deparses it, columns prefixed with the alias */
	Oid type;		  /* its type, domains resolved */
	char *raw_column; /* the relation's column, where the expression is nothing else; or NULL */
} SmkExpression;

/*
 * What an expression is over: a relation, or a query of a preset's that reads it with what is joined to it,
 * under the name of the entity.
 */
typedef struct SmkScope
{
	Relation relation;	 /* open */
	struct Query *query; /* analysed; NULL: the relation itself */
} SmkScope;

/* What an expression is for: the words of its errors. */
typedef struct SmkPurpose
{
	const char *kind; /* "column", "dimension", "filter" */
	const char *name;
	const char *entity;
} SmkPurpose;

extern void smk_scope_open(SmkScope *scope, Oid relid, const char *query, const char *entity);
extern void smk_scope_close(SmkScope *scope);
extern void smk_expression_canonical(const char *text, const SmkScope *scope, const char *alias,
									 const SmkPurpose *purpose, SmkExpression *result);
extern void smk_expression_check(const char *text, const SmkScope *scope, const char *alias,
								 const SmkPurpose *purpose, SmkExpression *result);
extern char *smk_expression_plain(const char *text, Relation relation, const char *alias,
								  const SmkPurpose *purpose);
extern void smk_expression_require(const SmkExpression *expression, SmkType type, const SmkPurpose *purpose);
extern int smk_path_only_catalog(void);

#endif
