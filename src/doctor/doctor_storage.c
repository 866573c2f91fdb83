/*
 * doctor_storage.c: what PostgreSQL lacks to answer fast: an index on the time by which the KPIs choose rows,
 * and statistics on the period that they group by. Of small relations nothing is asked.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "doctor/doctor.h"
#include "kpi/records.h"

/* From how many blocks on: of 8 kB, 10 MB are read in a blink, and 100 MB are a million rows. */
#define INDEX_BLOCKS ((10 * 1024 * 1024) / BLCKSZ)
#define STATISTICS_BLOCKS ((100 * 1024 * 1024) / BLCKSZ)

/* Touches are read by their time, and are no record set of a KPI's own. */
static const SmkRecordSet touches = {"touches", "touch", "at", SMK_KIND_ANY, false, NULL, NULL};

/* The blocks of a table, or of all partitions of one. */
static double
blocks_of(Oid relid)
{
	List *relations = find_all_inheritors(relid, AccessShareLock, NULL);
	double blocks = 0;
	ListCell *cell;

	foreach (cell, relations)
	{
		Relation relation = relation_open(lfirst_oid(cell), NoLock);

		CHECK_FOR_INTERRUPTS();
		if (RELKIND_HAS_STORAGE(relation->rd_rel->relkind))
			blocks += RelationGetNumberOfBlocks(relation);
		relation_close(relation, NoLock);
	}
	return blocks;
}

/*
 * The table behind a column of a relation, and its column there: views that only choose and join are looked
 * through. False where the column is computed.
 */
static bool
base_column(Oid relid, const char *column, Oid *base, AttrNumber *attribute)
{
	AttrNumber number = get_attnum(relid, column);

	for (;;)
	{
		Relation relation = relation_open(relid, AccessShareLock);
		char kind = relation->rd_rel->relkind;
		bool found = false;

		CHECK_FOR_INTERRUPTS();
		if (kind == RELKIND_VIEW && number > 0)
		{
			Query *query = get_view_query(relation);
			Node *node = (Node *) ((TargetEntry *) list_nth(query->targetList, number - 1))->expr;

			while (node && IsA(node, RelabelType))
				node = (Node *) ((RelabelType *) node)->arg;
			if (query->setOperations == NULL && query->groupClause == NIL && query->distinctClause == NIL &&
				query->limitCount == NULL && node && IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
			{
				RangeTblEntry *entry = rt_fetch(((Var *) node)->varno, query->rtable);

				found = entry->rtekind == RTE_RELATION;
				relid = found ? entry->relid : relid;
				number = ((Var *) node)->varattno;
			}
		}
		relation_close(relation, NoLock);
		if (kind != RELKIND_VIEW)
		{
			*base = relid;
			*attribute = number;
			return number > 0 &&
				   (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_MATVIEW);
		}
		if (!found)
			return false;
	}
}

/* True where an index of the table itself begins with the column, and finds ranges of it. */
static bool
has_own_index(Relation table, AttrNumber attribute)
{
	List *indexes = RelationGetIndexList(table);
	bool found = false;
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		found = found || (index->rd_index->indisvalid && index->rd_index->indkey.values[0] == attribute &&
						  (index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == BRIN_AM_OID) &&
						  RelationGetIndexPredicate(index) == NIL);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/* True where the table has such an index, or each of its partitions has one. */
static bool
has_index(Oid relid, AttrNumber attribute)
{
	Relation table = relation_open(relid, AccessShareLock);
	bool found = has_own_index(table, attribute);
	bool is_partitioned = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	char *name = get_attname(relid, attribute, false);
	ListCell *cell;

	relation_close(table, NoLock);
	if (found || !is_partitioned)
		return found;
	foreach (cell, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid part = lfirst_oid(cell);

		if (get_rel_relkind(part) == RELKIND_PARTITIONED_TABLE)
			continue;
		table = relation_open(part, NoLock);
		found = has_own_index(table, get_attnum(part, name));
		relation_close(table, NoLock);
		if (!found)
			return false;
	}
	return found;
}

static char *
qualified(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/*
 * The bucket by which a KPI groups the records themselves, as the statistics have to have it; NULL where none
 * does: stocks are grouped by what they have become, touches by their credits, sums of money by their
 * currency first; and where statistics are not looked for, as the relation is a view.
 */
static char *
grouped_bucket(SmkRecords *records)
{
	const SmkBinding *binding = records->binding;
	char kind = get_rel_relkind(binding->relid);
	bool is_of_money =
		strcmp(binding->entity->name, "spend") == 0 || strcmp(binding->entity->name, "revenue") == 0;

	if (kind == RELKIND_VIEW || kind == RELKIND_FOREIGN_TABLE || records->set == &touches ||
		records->set->ends != NULL || (is_of_money && smk_doctor_bound(binding, "currency") >= 0))
		return NULL;
	return smk_records_bucket_expression(records);
}

/* The two checks of one record set. */
static void
check_set(SmkDoctor *doctor, void *state)
{
	const SmkRecordSet *set = state;
	SmkBinding *binding = smk_doctor_binding(doctor, set->entity);
	const SmkExpression *at = &binding->columns[smk_entity_column(binding->entity, set->at)];
	SmkRecords *records = smk_records(doctor->request, set, binding);
	char *bucket;
	Oid base;
	AttrNumber attribute;

	if (!base_column(binding->relid, at->raw_column, &base, &attribute))
		return;
	if (blocks_of(base) >= INDEX_BLOCKS && !has_index(base, attribute))
		smk_doctor_report(doctor, SMK_FINDING_WARNING, set->entity,
						  psprintf("no index on %s: each range reads all rows", set->at), -1,
						  psprintf("CREATE INDEX ON %s (%s)", qualified(base),
								   quote_identifier(get_attname(base, attribute, false))));
	bucket = grouped_bucket(records);
	if (bucket != NULL && blocks_of(base) >= STATISTICS_BLOCKS && !smk_records_bucket_is_known(records))
		smk_doctor_report(
			doctor, SMK_FINDING_INFO, set->entity,
			psprintf("no statistics on the month of %s: it is planned blindly", set->at), -1,
			psprintf("CREATE STATISTICS %s ON (%s) FROM %s; ANALYZE %s",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(base)),
												makeObjectName(get_rel_name(base), at->raw_column, "month")),
					 bucket, qualified(base), qualified(base)));
}

/* Views and rollups that were made, and are not there any more. */
static void
check_stored(SmkDoctor *doctor, void *state)
{
	uint64 rows = smk_doctor_query(
		"SELECT stored.name FROM smarketing.stored_view AS stored\n"
		"WHERE NOT EXISTS (SELECT FROM pg_class AS view\n"
		"    JOIN pg_namespace AS schema ON schema.oid = view.relnamespace\n"
		"    WHERE view.relkind = 'v' AND format('%I.%I', schema.nspname, view.relname) = stored.name)\n"
		"ORDER BY stored.name COLLATE \"C\"");

	(void) state;
	for (uint64 row = 0; row < rows; row++)
	{
		char *name = smk_doctor_text(row, 1);

		smk_doctor_report(
			doctor, SMK_FINDING_WARNING, NULL,
			psprintf("%s was made by create_view() or create_rollup(), and its view is gone", name), -1,
			psprintf("SELECT smarketing.drop_rollup(%s)", quote_literal_cstr(name)));
	}
}

/* The record sets of the KPIs, each time column once; and what was made of them. */
void
smk_doctor_storage(SmkDoctor *doctor)
{
	List *sets = list_make1(unconstify(SmkRecordSet *, &touches));
	ListCell *cell;

	for (int k = 0; k < smk_kpi_count; k++)
		for (const SmkColumn *column = smk_kpis[k].columns; column->name != NULL; column++)
		{
			bool is_new = column->records != NULL && smk_entity_find(column->records->entity) != NULL;

			foreach (cell, sets)
				is_new = is_new &&
						 !(strcmp(((SmkRecordSet *) lfirst(cell))->entity, column->records->entity) == 0 &&
						   strcmp(((SmkRecordSet *) lfirst(cell))->at, column->records->at) == 0);
			if (is_new)
				sets = lappend(sets, unconstify(SmkRecordSet *, column->records));
		}
	foreach (cell, sets)
	{
		SmkRecordSet *set = lfirst(cell);
		SmkBinding *binding = smk_doctor_binding(doctor, set->entity);
		int column = binding ? smk_entity_column(binding->entity, set->at) : -1;

		if (column >= 0 && binding->columns[column].text != NULL &&
			binding->columns[column].raw_column != NULL)
			smk_doctor_guard(doctor, set->entity, check_set, set);
	}
	smk_doctor_guard(doctor, NULL, check_stored, NULL);
}
