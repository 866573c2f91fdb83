/*
 * expression.c: SQL expressions that a user gives over a relation of the CRM: parsed by the server itself,
 * refused where they could do more than compute a value, and kept as the canonical text that the server
 * deparses.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "crm/expression.h"

/* Opens a level of settings in which only the catalog is searched; close it with AtEOXact_GUC(true, level).
 */
int
smk_path_only_catalog(void)
{
	int level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Raises the refusal of an expression, naming what it was for. */
static void
expression_refuse(const SmkPurpose *purpose, const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("%s \"%s\" of entity \"%s\": %s", purpose->kind, purpose->name, purpose->entity, what),
		 errhint("Give one SQL expression over the columns of the relation that computes a value and does "
				 "nothing else; what needs more than that goes into a view of yours.")));
}

/* True where the text has a comment outside of quotes: it would be lost, or swallow what follows it. */
static bool
expression_has_comment(const char *text)
{
	const char *p = text;

	while (*p)
	{
		if ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
			return true;
		if (*p == '\'' || *p == '"')
		{
			char quote = *p;
			bool escapes =
				quote == '\'' && p > text && (p[-1] == 'e' || p[-1] == 'E') &&
				(p == text + 1 || !(isalnum((unsigned char) p[-2]) || p[-2] == '_' || p[-2] == '$'));

			for (p++; *p && *p != quote; p++)
				if (escapes && *p == '\\' && p[1])
					p++;
			if (*p)
				p++;
		}
		else if (*p == '$' &&
				 (p == text || !(isalnum((unsigned char) p[-1]) || p[-1] == '_' || IS_HIGHBIT_SET(p[-1]))))
		{
			const char *end = p + 1;
			char *tag;
			const char *close;

			while (isalnum((unsigned char) *end) || *end == '_' || IS_HIGHBIT_SET(*end))
				end++;
			if (*end != '$' || isdigit((unsigned char) p[1]))
			{
				p++;
				continue;
			}
			tag = pnstrdup(p, end + 1 - p);
			close = strstr(end + 1, tag);
			p = close ? close + strlen(tag) : end + strlen(end);
			pfree(tag);
		}
		else
			p++;
	}
	return false;
}

/* The one bare expression that the text is, raw-parsed; anything else is refused. */
static Node *
expression_parse(const char *text, const SmkPurpose *purpose)
{
	List *statements;
	SelectStmt *select;
	ResTarget *target;

	if (expression_has_comment(text))
		expression_refuse(purpose, "comments are not allowed");

	statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	if (list_length(statements) != 1)
		expression_refuse(purpose, "not a single expression");
	select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	if (select->distinctClause || select->intoClause || select->fromClause || select->whereClause ||
		select->groupClause || select->havingClause || select->windowClause || select->valuesLists ||
		select->sortClause || select->limitOffset || select->limitCount || select->lockingClause ||
		select->withClause || select->op != SETOP_NONE || list_length(select->targetList) != 1)
		expression_refuse(purpose, "not a single expression");
	target = linitial_node(ResTarget, select->targetList);
	if (target->name != NULL || target->indirection != NIL)
		expression_refuse(purpose, "not a single expression");
	if (IsA(target->val, ColumnRef) && IsA(llast(castNode(ColumnRef, target->val)->fields), A_Star))
		expression_refuse(purpose, "not a single expression");
	return target->val;
}

/* True where a subquery does more than read. */
static bool
expression_writes_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL)
			return true;
		return query_tree_walker(query, expression_writes_walker, context, 0);
	}
	return expression_tree_walker(node, expression_writes_walker, context);
}

/* The relation's column that a column of the scope is under the same name; or NULL. palloc'd. */
static char *
scope_raw_column(const SmkScope *scope, AttrNumber column)
{
	Oid relid = RelationGetRelid(scope->relation);
	TargetEntry *target;
	RangeTblEntry *entry;
	Var *var;
	char *name;

	if (scope->query == NULL)
		return get_attname(relid, column, false);
	target = get_tle_by_resno(scope->query->targetList, column);
	if (scope->query->setOperations || target == NULL || !IsA(target->expr, Var))
		return NULL;
	var = (Var *) target->expr;
	entry = rt_fetch(var->varno, scope->query->rtable);
	if (var->varattno <= 0 || entry->rtekind != RTE_RELATION || entry->relid != relid)
		return NULL;
	name = get_attname(relid, var->varattno, false);
	return strcmp(name, target->resname) == 0 ? name : NULL;
}

/* A preset's query, analysed: one SELECT that reads. Its tables are locked as a reader locks them. */
static Query *
scope_query(const char *text, const SmkPurpose *purpose)
{
	List *statements = raw_parser(text, RAW_PARSE_DEFAULT);
	Query *query;

	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		expression_refuse(purpose, "not a single query");
	query = parse_analyze_fixedparams(linitial_node(RawStmt, statements), text, NULL, 0, NULL);
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL ||
		expression_writes_walker((Node *) query, NULL))
		expression_refuse(purpose, "it may only read");
	if (contain_volatile_functions((Node *) query))
		expression_refuse(purpose, "volatile functions are not allowed");
	return query;
}

/* Raises an error of the parser's again, with what the text was for. */
static void
expression_rethrow(MemoryContext context, const SmkPurpose *purpose, const char *hint)
{
	ErrorData *error;
	char *prefix;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	prefix = psprintf("%s \"%s\" of entity \"%s\"", purpose->kind, purpose->name, purpose->entity);
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		strncmp(error->message, prefix, strlen(prefix)) == 0)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR, (errcode(error->sqlerrcode), errmsg("%s: %s", prefix, error->message),
					error->detail ? errdetail_internal("%s", error->detail) : 0,
					errhint("%s", error->hint ? error->hint : hint)));
}

/* Opens what an entity is bound to: the relation, which the caller has locked, and the query over it, or
 * NULL. */
void
smk_scope_open(SmkScope *scope, Oid relid, const char *query, const char *entity)
{
	SmkPurpose purpose = {"query", "preset", entity};
	MemoryContext context = CurrentMemoryContext;

	scope->relation = relation_open(relid, NoLock);
	scope->query = NULL;
	if (query == NULL)
		return;
	PG_TRY();
	{
		int level = smk_path_only_catalog();

		scope->query = scope_query(query, &purpose);
		AtEOXact_GUC(true, level);
	}
	PG_CATCH();
	{
		expression_rethrow(context, &purpose,
						   "The CRM has changed since smarketing.use_preset() bound it; call that again.");
	}
	PG_END_TRY();
}

/* Closes the relation; its lock stays. */
void
smk_scope_close(SmkScope *scope)
{
	relation_close(scope->relation, NoLock);
}

/* The expression analysed against the scope under the name by which it refers to its columns. */
static Node *
expression_analyse(const char *text, const SmkScope *scope, const char *refname, const SmkPurpose *purpose)
{
	Node *raw = expression_parse(text, purpose);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node *expression;

	pstate->p_sourcetext = text;
	if (scope->query)
		item = addRangeTableEntryForSubquery(pstate, scope->query, makeAlias(refname, NIL), false, true);
	else
		item = addRangeTableEntryForRelation(pstate, scope->relation, AccessShareLock,
											 makeAlias(refname, NIL), false, true);
	addNSItemToQuery(pstate, item, true, true, true);
	expression = transformExpr(pstate, raw, EXPR_KIND_SELECT_TARGET);
	if (exprType(expression) == UNKNOWNOID)
		expression = coerce_type(pstate, expression, UNKNOWNOID, TEXTOID, -1, COERCION_IMPLICIT,
								 COERCE_IMPLICIT_CAST, -1);
	assign_expr_collations(pstate, expression);

	if (pstate->p_hasAggs)
		expression_refuse(purpose, "aggregate functions are not allowed");
	if (pstate->p_hasWindowFuncs)
		expression_refuse(purpose, "window functions are not allowed");
	if (pstate->p_hasTargetSRFs)
		expression_refuse(purpose, "set-returning functions are not allowed");
	if (expression_writes_walker(expression, NULL))
		expression_refuse(purpose, "a subquery may only read");
	if (contain_volatile_functions(expression))
		expression_refuse(purpose, "volatile functions are not allowed");
	free_parsestate(pstate);
	return expression;
}

/* Analyses and, when wanted, deparses; an error of the parser's is raised again with what the expression was
 * for. */
static void
expression_process(const char *text, const SmkScope *scope, const char *refname, const char *alias,
				   bool deparse, const SmkPurpose *purpose, SmkExpression *result)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		Node *expression = expression_analyse(text, scope, refname, purpose);

		result->type = getBaseType(exprType(expression));
		result->raw_column = NULL;
		if (IsA(expression, Var) && ((Var *) expression)->varattno > 0)
			result->raw_column = scope_raw_column(scope, ((Var *) expression)->varattno);
		if (deparse)
		{
			int level = smk_path_only_catalog();

			result->text = deparse_expression(
				expression, deparse_context_for(alias, RelationGetRelid(scope->relation)), true, false);
			AtEOXact_GUC(true, level);
		}
	}
	PG_CATCH();
	{
		expression_rethrow(
			context, purpose,
			psprintf("The expression is: %s. Relation \"%s\" must offer what it names; bind the "
					 "entity again with another expression otherwise.",
					 text, RelationGetRelationName(scope->relation)));
	}
	PG_END_TRY();
}

/*
 * Checks a user's expression and gives its canonical text. The user may prefix columns with the relation's
 * name. The server deparses nothing over a query outside of it: there the text is kept as it is, may prefix
 * columns with the entity's name, and names what is not the catalog's in full.
 */
void
smk_expression_canonical(const char *text, const SmkScope *scope, const char *alias,
						 const SmkPurpose *purpose, SmkExpression *result)
{
	int level;

	if (scope->query == NULL)
	{
		expression_process(text, scope, RelationGetRelationName(scope->relation), alias, true, purpose,
						   result);
		return;
	}
	level = smk_path_only_catalog();
	expression_process(text, scope, alias, alias, false, purpose, result);
	AtEOXact_GUC(true, level);
	result->text = psprintf("(%s)", text);
}

/* Checks a canonical text again, against the scope as it is now. */
void
smk_expression_check(const char *text, const SmkScope *scope, const char *alias, const SmkPurpose *purpose,
					 SmkExpression *result)
{
	expression_process(text, scope, alias, alias, false, purpose, result);
}

/* A canonical text as a user would write it over that relation: columns without a prefix; palloc'd. */
char *
smk_expression_plain(const char *text, Relation relation, const char *alias, const SmkPurpose *purpose)
{
	SmkScope scope = {relation, NULL};
	Node *expression = expression_analyse(text, &scope, alias, purpose);
	int level = smk_path_only_catalog();
	char *plain =
		deparse_expression(expression, deparse_context_for(alias, RelationGetRelid(relation)), false, false);

	AtEOXact_GUC(true, level);
	return plain;
}

/* Raises an error unless the expression's type fits the column. */
void
smk_expression_require(const SmkExpression *expression, SmkType type, const SmkPurpose *purpose)
{
	bool fits = false;
	char category;
	bool is_preferred;
	const char *hint = NULL;

	switch (type)
	{
		case SMK_TYPE_TIME:
			fits = expression->type == TIMESTAMPTZOID || expression->type == TIMESTAMPOID ||
				   expression->type == DATEOID;
			hint = "Cast it, for example with to_timestamp(...) or ::timestamptz.";
			break;
		case SMK_TYPE_NUMBER:
			fits = expression->type == NUMERICOID || expression->type == INT2OID ||
				   expression->type == INT4OID || expression->type == INT8OID ||
				   expression->type == FLOAT4OID || expression->type == FLOAT8OID ||
				   expression->type == CASHOID;
			hint = "Cast it with ::numeric.";
			break;
		case SMK_TYPE_BOOLEAN:
			fits = expression->type == BOOLOID;
			hint = "Compare it with the value that means true.";
			break;
		case SMK_TYPE_KEY:
		case SMK_TYPE_TEXT:
		case SMK_TYPE_STAGE:
			get_type_category_preferred(expression->type, &category, &is_preferred);
			fits = category != TYPCATEGORY_ARRAY && category != TYPCATEGORY_COMPOSITE &&
				   category != TYPCATEGORY_PSEUDOTYPE && expression->type != JSONOID &&
				   expression->type != JSONBOID && expression->type != BYTEAOID;
			hint = "Take one text out of it, for example with ->> 'key'.";
			if (type == SMK_TYPE_KEY && (expression->type == FLOAT4OID || expression->type == FLOAT8OID))
			{
				/* Its text is not its value: from 1e15 on it is rounded. */
				fits = false;
				hint = "Cast it, for example to bigint.";
			}
			break;
	}
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%s \"%s\" of entity \"%s\" must be %s, not %s", purpose->kind, purpose->name,
							   purpose->entity, smk_type_name(type), format_type_be(expression->type)),
						errhint("%s", hint)));
}
