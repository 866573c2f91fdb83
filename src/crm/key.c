/*
 * key.c: whether a column of a relation can have a value twice, or none. A table shows it by a unique index
 * and by NOT NULL; a view by its definition, where it gives each row of such a table once at most: a
 * selection of it, joined to what matches once at most.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "crm/key.h"

/*
 * True where no two rows of the table have the same value in the column, by an index that the operator (or
 * any, where it is InvalidOid) compares by.
 */
static bool
table_column_is_unique(Relation table, AttrNumber column, Oid equality)
{
	List *indexes;
	ListCell *cell;
	bool found = false;

	/* An index of a parent says nothing of the rows of its children. */
	if (table->rd_rel->relkind == RELKIND_RELATION && has_subclass(RelationGetRelid(table)))
		return false;
	indexes = RelationGetIndexList(table);
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid && index->rd_index->indimmediate &&
			index->rd_index->indnkeyatts == 1 && index->rd_index->indkey.values[0] == column &&
			RelationGetIndexPredicate(index) == NIL &&
			(!OidIsValid(equality) ||
			 get_op_opfamily_strategy(equality, index->rd_opfamily[0]) == BTEqualStrategyNumber))
			found = true;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

static bool column_is_unique(Oid relid, AttrNumber column, Oid equality);
static bool query_column_is_unique(Query *query, AttrNumber column, Oid equality);

/* A column of the query's range table item, also under a cast that changes no bit; or NULL. */
static Var *
plain_column(Node *expression, int item)
{
	while (expression && IsA(expression, RelabelType))
		expression = (Node *) ((RelabelType *) expression)->arg;
	if (expression && IsA(expression, Var) && ((Var *) expression)->varlevelsup == 0 &&
		(item == 0 || ((Var *) expression)->varno == item))
		return (Var *) expression;
	return NULL;
}

/* True where a unique column of the range table item has to equal something that does not vary with it. */
static bool
condition_picks_one(Node *condition, int item, const RangeTblEntry *entry)
{
	ListCell *cell;
	OpExpr *comparison;

	if (condition == NULL)
		return false;
	if (is_andclause(condition))
	{
		foreach (cell, ((BoolExpr *) condition)->args)
			if (condition_picks_one(lfirst(cell), item, entry))
				return true;
		return false;
	}
	if (!IsA(condition, OpExpr))
		return false;
	comparison = (OpExpr *) condition;
	/* A collation that takes different strings for equal could match two keys of an index that does not. */
	if (list_length(comparison->args) != 2 ||
		(OidIsValid(comparison->inputcollid) && !get_collation_isdeterministic(comparison->inputcollid)))
		return false;
	for (int i = 0; i < 2; i++)
	{
		Var *column = plain_column(list_nth(comparison->args, i), item);
		Node *other = list_nth(comparison->args, 1 - i);

		if (column == NULL || column->varattno <= 0 || bms_is_member(item, pull_varnos(NULL, other)))
			continue;
		if (entry->rtekind == RTE_SUBQUERY
				? query_column_is_unique(entry->subquery, column->varattno, comparison->opno)
				: column_is_unique(entry->relid, column->varattno, comparison->opno))
			return true;
	}
	return false;
}

/* True for a subquery that gives one row at most: an aggregate of all, or expressions over nothing. */
static bool
gives_one_row(const RangeTblEntry *entry)
{
	const Query *query = entry->subquery;

	return entry->rtekind == RTE_SUBQUERY && query->setOperations == NULL && query->groupingSets == NIL &&
		   !query->hasTargetSRFs &&
		   ((query->hasAggs && query->groupClause == NIL) || query->jointree->fromlist == NIL);
}

/* The range table item that is a side of a join, where at most one of its rows can meet the condition. */
static bool
side_matches_once(const Query *query, Node *side, Node *condition)
{
	int item;
	RangeTblEntry *entry;

	if (!IsA(side, RangeTblRef))
		return false;
	item = ((RangeTblRef *) side)->rtindex;
	entry = rt_fetch(item, query->rtable);
	return gives_one_row(entry) ||
		   ((entry->rtekind == RTE_RELATION || (entry->rtekind == RTE_SUBQUERY && !entry->lateral)) &&
			condition_picks_one(condition, item, entry));
}

/* True where the joins give each row of the range table item once at most. */
static bool
joins_repeat_none(const Query *query, Node *node, int item)
{
	JoinExpr *join;

	check_stack_depth();
	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == item;
	if (!IsA(node, JoinExpr))
		return false;
	join = (JoinExpr *) node;
	if (join->jointype != JOIN_INNER && join->jointype != JOIN_LEFT)
		return false;
	if (joins_repeat_none(query, join->larg, item))
		return side_matches_once(query, join->rarg, join->quals);
	return join->jointype == JOIN_INNER && joins_repeat_none(query, join->rarg, item) &&
		   side_matches_once(query, join->larg, join->quals);
}

/* True where the query, of a view or of a preset, shows that no two rows have the same value in the column.
 */
static bool
query_column_is_unique(Query *query, AttrNumber column, Oid equality)
{
	TargetEntry *target = list_nth(query->targetList, column - 1);
	List *distinct = query->distinctClause ? query->distinctClause : query->groupClause;
	Var *source = plain_column((Node *) target->expr, 0);
	RangeTblEntry *entry;

	if (query->setOperations || query->groupingSets || (query->hasTargetSRFs && !query->distinctClause))
		return false;
	/* One row a value: DISTINCT ON it, or GROUP BY it alone. */
	if (list_length(distinct) == 1 && target->ressortgroupref != 0)
	{
		SortGroupClause *clause = linitial(distinct);

		if (clause->tleSortGroupRef == target->ressortgroupref &&
			(!OidIsValid(equality) || clause->eqop == equality))
			return true;
	}
	if (query->hasTargetSRFs || query->groupClause || query->hasAggs || source == NULL ||
		source->varattno <= 0 || list_length(query->jointree->fromlist) != 1)
		return false;
	entry = rt_fetch(source->varno, query->rtable);
	return entry->rtekind == RTE_RELATION && entry->tablesample == NULL &&
		   joins_repeat_none(query, linitial(query->jointree->fromlist), source->varno) &&
		   column_is_unique(entry->relid, source->varattno, equality);
}

/* As smk_column_is_unique, for values that the operator tells apart. */
static bool
relation_column_is_unique(Relation relation, AttrNumber column, Oid equality)
{
	check_stack_depth();
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_MATVIEW:
			return table_column_is_unique(relation, column, equality);
		case RELKIND_VIEW:
			return query_column_is_unique(get_view_query(relation), column, equality);
		default:
			return false;
	}
}

/* As above, of a relation within a view. Its lock stays, so that what was seen holds for the statement. */
static bool
column_is_unique(Oid relid, AttrNumber column, Oid equality)
{
	Relation relation = relation_open(relid, AccessShareLock);
	bool unique = relation_column_is_unique(relation, column, equality);

	relation_close(relation, NoLock);
	return unique;
}

/* True where it is certain that no two rows of the relation have the same value in the column; NULLs aside.
 */
bool
smk_column_is_unique(Relation relation, AttrNumber column)
{
	return relation_column_is_unique(relation, column, InvalidOid);
}

/* What a test says of a column of a relation within a view. Its lock stays, as above. */
static bool
relation_column_is(bool (*test)(Relation relation, AttrNumber column), Oid relid, AttrNumber column)
{
	Relation relation = relation_open(relid, AccessShareLock);
	bool result = test(relation, column);

	relation_close(relation, NoLock);
	return result;
}

/* True where the joins leave the columns of the range table item as they are: none comes up NULL. */
static bool
joins_keep(Node *node, int item)
{
	JoinExpr *join;

	check_stack_depth();
	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == item;
	if (!IsA(node, JoinExpr))
		return false;
	join = (JoinExpr *) node;
	return ((join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT) && joins_keep(join->larg, item)) ||
		   (join->jointype == JOIN_INNER && joins_keep(join->rarg, item));
}

/* True where the query shows that no row has NULL in the column. */
static bool
query_column_is_never_null(Query *query, AttrNumber column)
{
	TargetEntry *target = list_nth(query->targetList, column - 1);
	Var *source = plain_column((Node *) target->expr, 0);
	RangeTblEntry *entry;

	if (query->setOperations || query->groupingSets || source == NULL || source->varattno <= 0 ||
		list_length(query->jointree->fromlist) != 1)
		return false;
	entry = rt_fetch(source->varno, query->rtable);
	return entry->rtekind == RTE_RELATION && joins_keep(linitial(query->jointree->fromlist), source->varno) &&
		   relation_column_is(smk_column_is_never_null, entry->relid, source->varattno);
}

/* True where it is certain that no row of the relation has NULL in the column. */
bool
smk_column_is_never_null(Relation relation, AttrNumber column)
{
	check_stack_depth();
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			return TupleDescAttr(RelationGetDescr(relation), column - 1)->attnotnull;
		case RELKIND_VIEW:
			return query_column_is_never_null(get_view_query(relation), column);
		default:
			return false;
	}
}

/* The position of a column of an analysed query, or InvalidAttrNumber. */
static AttrNumber
query_column(const Query *query, const char *column)
{
	ListCell *cell;

	foreach (cell, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, cell);

		if (!target->resjunk && strcmp(target->resname, column) == 0)
			return target->resno;
	}
	return InvalidAttrNumber;
}

/* As smk_column_is_unique, of a column of an analysed query. */
bool
smk_query_column_is_unique(Query *query, const char *column)
{
	AttrNumber number = query_column(query, column);

	return number != InvalidAttrNumber && query_column_is_unique(query, number, InvalidOid);
}

/* As smk_column_is_never_null, likewise. */
bool
smk_query_column_is_never_null(Query *query, const char *column)
{
	AttrNumber number = query_column(query, column);

	return number != InvalidAttrNumber && query_column_is_never_null(query, number);
}

/* True where a column of a query is one of a table; also where nothing tells, as of a join's own or a
 * union's. */
static bool
query_column_is_stored(Query *query, AttrNumber column)
{
	Node *expression = (Node *) ((TargetEntry *) list_nth(query->targetList, column - 1))->expr;
	Var *source = plain_column(expression, 0);
	RangeTblEntry *entry;

	check_stack_depth();
	if (source == NULL)
		return false;
	if (source->varattno <= 0)
		return true;
	entry = rt_fetch(source->varno, query->rtable);
	if (entry->rtekind == RTE_SUBQUERY)
		return query_column_is_stored(entry->subquery, source->varattno);
	return entry->rtekind != RTE_RELATION ||
		   relation_column_is(smk_column_is_stored, entry->relid, source->varattno);
}

/* False where a column of the relation, a view, is certain to be computed: the planner has no statistics on
 * it. */
bool
smk_column_is_stored(Relation relation, AttrNumber column)
{
	return relation->rd_rel->relkind != RELKIND_VIEW ||
		   query_column_is_stored(get_view_query(relation), column);
}
