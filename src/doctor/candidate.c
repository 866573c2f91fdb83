/*
 * candidate.c: which relation of a database may hold an entity, and how it would be bound. Relations and
 * columns are found by the spellings of guess.c; a column is taken where its type fits.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "doctor/candidate.h"
#include "doctor/doctor.h"
#include "doctor/guess.h"

/* So many rows are read of a status that may tell what was won, and so many labels. */
#define STATUS_ROWS 100000
#define STATUS_LABELS 100

/* Columns by which a CRM marks what was deleted, and the condition that leaves it out. */
static const char *const deleted[][2] = {{"deleted_at", "%s IS NULL"},
										 {"deletedAt", "%s IS NULL"},
										 {"is_deleted", "NOT coalesce(%s, false)"},
										 {"isdeleted", "NOT coalesce(%s, false)"},
										 {"_fivetran_deleted", "NOT coalesce(%s, false)"}};

/* The spellings of an entity's relation (column NULL) or of a column of it: its own before those of all. */
static const char *const *
spellings_of(const char *entity, const char *column)
{
	const char *const *of_all = NULL;

	for (int i = 0; i < smk_spelling_count; i++)
	{
		const SmkSpelling *spelling = &smk_spellings[i];

		if ((spelling->column == NULL) != (column == NULL) ||
			(column != NULL && strcmp(spelling->column, column) != 0))
			continue;
		if (spelling->entity == NULL)
			of_all = spelling->names;
		else if (strcmp(spelling->entity, entity) == 0)
			return spelling->names;
	}
	return of_all;
}

/* True where a column of this type can be bound as it is. */
static bool
type_fits(Oid type, SmkType wanted)
{
	char category;
	bool is_preferred;

	type = getBaseType(type);
	get_type_category_preferred(type, &category, &is_preferred);
	switch (wanted)
	{
		case SMK_TYPE_TIME:
			return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
		case SMK_TYPE_NUMBER:
			return type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID ||
				   type == FLOAT4OID || type == FLOAT8OID || type == CASHOID;
		case SMK_TYPE_BOOLEAN:
			return type == BOOLOID;
		case SMK_TYPE_KEY:
			if (type == FLOAT4OID || type == FLOAT8OID)
				return false;
			return type == INT2OID || type == INT4OID || type == INT8OID || type == UUIDOID ||
				   type == NUMERICOID || category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM;
		case SMK_TYPE_TEXT:
		case SMK_TYPE_STAGE:
			return category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM;
	}
	return false;
}

/* The name of the relation's column that is likely to be that one; NULL where there is none. */
static const char *
column_of(Relation relation, const SmkEntity *entity, const SmkEntityColumn *column)
{
	const char *const *names = spellings_of(entity->name, column->name);
	TupleDesc row = RelationGetDescr(relation);
	AttrNumber own = get_attnum(RelationGetRelid(relation), column->name);

	/* A column of the canonical name binds itself. */
	if (own > 0 && type_fits(TupleDescAttr(row, own - 1)->atttypid, column->type))
		return column->name;
	for (int n = 0; names && n < SMK_MAX_SPELLINGS && names[n]; n++)
		for (int i = 0; i < row->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(row, i);

			if (!attribute->attisdropped && pg_strcasecmp(NameStr(attribute->attname), names[n]) == 0 &&
				type_fits(attribute->atttypid, column->type))
				return NameStr(attribute->attname);
		}
	return NULL;
}

/* Labels of a status by whether they say won or lost, as lists of literals. */
typedef struct Outcomes
{
	const char *relation;
	const char *status;
	StringInfoData won;
	StringInfoData lost;
} Outcomes;

/* Reads the labels of the first rows, and guesses what they say. */
static void
read_outcomes(SmkDoctor *doctor, void *state)
{
	Outcomes *outcomes = state;
	uint64 rows = smk_doctor_query(psprintf(
		"SELECT DISTINCT label COLLATE \"C\" FROM (SELECT %s::text AS label FROM %s LIMIT %d) AS status\n"
		"WHERE label IS NOT NULL ORDER BY 1 LIMIT %d",
		outcomes->status, outcomes->relation, STATUS_ROWS, STATUS_LABELS));

	for (uint64 row = 0; row < rows; row++)
	{
		char *label = smk_doctor_text(row, 1);
		const char *stage = smk_guess_stage("opportunity", label);
		StringInfo list = strcmp(stage, "won") == 0											 ? &outcomes->won
						  : strcmp(stage, "lost") == 0 || strcmp(stage, "disqualified") == 0 ? &outcomes->lost
																							 : NULL;

		CHECK_FOR_INTERRUPTS();
		if (list != NULL)
			appendStringInfo(list, "%s%s", list->len ? ", " : "", quote_literal_cstr(label));
	}
	(void) doctor;
}

/*
 * True where reading a column as text runs nobody's code: who asks for a proposal has not agreed to any.
 * Views, policies and casts of types that somebody made may call functions, with the rights of the reader.
 */
static bool
is_plain_text(Relation relation, const char *column)
{
	Oid relid = RelationGetRelid(relation);
	char kind = relation->rd_rel->relkind;
	Oid type = getBaseType(get_atttype(relid, get_attnum(relid, column)));

	return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
		   check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED &&
		   (type == TEXTOID || type == VARCHAROID || type == BPCHAROID);
}

/*
 * An expression for won, where no column tells it and a status may: by the labels of a table, or, where none
 * of them says won, or they are not to be read, by words.
 */
static char *
won_of(SmkDoctor *doctor, Relation relation, const char *name, const char *status)
{
	Outcomes outcomes = {.relation = name, .status = quote_identifier(status)};

	initStringInfo(&outcomes.won);
	initStringInfo(&outcomes.lost);
	if (is_plain_text(relation, status) && smk_doctor_try(doctor, read_outcomes, &outcomes) == NULL &&
		outcomes.won.len > 0)
		return psprintf("CASE WHEN %s::text IN (%s) THEN true%s END", outcomes.status, outcomes.won.data,
						outcomes.lost.len ? psprintf(" WHEN %s::text IN (%s) THEN false", outcomes.status,
													 outcomes.lost.data)
										  : "");
	return psprintf(
		"CASE WHEN %s::text ILIKE '%%won%%' THEN true WHEN %s::text ILIKE '%%lost%%' THEN false END",
		outcomes.status, outcomes.status);
}

/* How the relation would be bound; false where a required column is missing. */
static bool
propose(SmkDoctor *doctor, Relation relation, const SmkEntity *entity, SmkCandidate *candidate)
{
	Oid relid = RelationGetRelid(relation);
	StringInfoData json;
	StringInfoData missing;
	const char *one_of[2] = {NULL, NULL};
	char *filter = NULL;

	initStringInfo(&json);
	initStringInfo(&missing);
	candidate->relation = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
													 RelationGetRelationName(relation));
	appendStringInfoChar(&json, '{');
	for (const SmkEntityColumn *column = entity->columns; column->name != NULL; column++)
	{
		const char *found = column_of(relation, entity, column);

		for (int i = 0; i < 2; i++)
			if (entity->one_of[i] && strcmp(entity->one_of[i], column->name) == 0)
				one_of[i] = found;
		if (found && strcmp(found, column->name) == 0)
			continue;
		if (found)
			smk_doctor_json(&json, column->name, quote_identifier(found));
		else if (strcmp(column->name, "won") == 0)
		{
			const SmkEntityColumn *stage = &entity->columns[smk_entity_column(entity, "stage")];
			const char *status = column_of(relation, entity, stage);

			if (status)
				smk_doctor_json(&json, column->name, won_of(doctor, relation, candidate->relation, status));
		}
		else if (column->is_required)
		{
			smk_doctor_json(&json, column->name, "...");
			appendStringInfo(&missing, "%s%s", missing.len ? ", " : "", column->name);
		}
		else if (get_attnum(relid, column->name) > 0)
			smk_doctor_json(&json, column->name, NULL); /* of another type: it must not bind itself */
	}
	appendStringInfoChar(&json, '}');
	if (entity->one_of[0] && one_of[0] == NULL && one_of[1] == NULL)
		appendStringInfo(&missing, "%s%s or %s", missing.len ? ", " : "", entity->one_of[0],
						 entity->one_of[1]);
	for (size_t i = 0; i < lengthof(deleted) && filter == NULL; i++)
		if (get_attnum(relid, deleted[i][0]) > 0)
			filter = psprintf(deleted[i][1], quote_identifier(deleted[i][0]));
	candidate->call = psprintf("SELECT smarketing.bind('%s', %s%s%s%s)", entity->name,
							   quote_literal_cstr(candidate->relation), json.len > 2 || filter ? ", " : "",
							   json.len > 2 || filter ? quote_literal_cstr(json.data) : "",
							   filter ? psprintf(", filter => %s", quote_literal_cstr(filter)) : "");
	candidate->missing = missing.len ? missing.data : NULL;
	return missing.len == 0;
}

/*
 * The relation that is likely to hold an entity, and how it would be bound: the first by its name that has
 * all required columns, else the first by its name. Inside of SPI.
 */
SmkCandidate
smk_candidate(SmkDoctor *doctor, const SmkEntity *entity)
{
	const char *const *names = spellings_of(entity->name, NULL);
	SmkCandidate best = {NULL, NULL, NULL};
	StringInfoData list;
	uint64 rows;
	SPITupleTable *found;

	initStringInfo(&list);
	for (int n = 0; names && n < SMK_MAX_SPELLINGS && names[n]; n++)
		appendStringInfo(&list, "%s('%s', %d)", n ? ", " : "", names[n], n);
	if (list.len == 0)
		return best;
	rows = smk_doctor_query(psprintf(
		"SELECT c.oid::bigint FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
		"    JOIN (VALUES %s) AS spelling (name, rank) ON spelling.name = lower(c.relname)\n"
		"WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'\n"
		"  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'smarketing', 'pg_toast')\n"
		"  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')\n"
		"ORDER BY spelling.rank, n.nspname <> 'public', c.reltuples DESC, n.nspname, c.relname",
		list.data));
	found = SPI_tuptable;
	for (uint64 row = 0; row < rows; row++)
	{
		SmkCandidate candidate;
		Relation relation;
		bool is_whole;

		CHECK_FOR_INTERRUPTS();
		SPI_tuptable = found;
		relation = try_relation_open((Oid) smk_doctor_number(row, 1), AccessShareLock);
		if (relation == NULL)
			continue;
		is_whole = propose(doctor, relation, entity, &candidate);
		relation_close(relation, NoLock);
		if (is_whole)
			return candidate;
		if (best.relation == NULL)
			best = candidate;
	}
	return best;
}
