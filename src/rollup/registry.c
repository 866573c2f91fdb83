/*
 * registry.c: the views and rollups that were made, as rows of smarketing.stored_view. Relations are
 * qualified names in text, resolved on use.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "compat.h"
#include "kpi/request.h"
#include "rollup/registry.h"

/* The parts of a name that somebody gives to a view; an error where it is none. palloc'd. */
RangeVar *
smk_stored_range(text *name)
{
	char *parsed = text_to_cstring(name);
	List *parts;

	if (!SplitIdentifierString(parsed, '.', &parts) || parts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no name of a view", text_to_cstring(name)),
				 errhint("As in CREATE VIEW: other than letters, digits and _ in double quotes, as "
						 "'sales.\"Won by owner\"'.")));
	return makeRangeVarFromNameList(textToQualifiedNameList(name));
}

/*
 * The qualified and quoted name of a relation that somebody means by a name: found as a query would find it,
 * and where there is none, where it would be made. To be called under the caller's search_path.
 */
char *
smk_stored_name_of(text *name)
{
	RangeVar *range = smk_stored_range(name);
	Oid relation = RangeVarGetRelid(range, NoLock, true);
	Oid schema;

	if (OidIsValid(relation))
		return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
										  get_rel_name(relation));
	if (range->schemaname)
		return quote_qualified_identifier(range->schemaname, range->relname);
	schema = RangeVarGetCreationNamespace(range);
	return quote_qualified_identifier(get_namespace_name(schema), range->relname);
}

/*
 * The view or materialized view of a qualified and quoted name; InvalidOid where it is gone, or where the
 * name is another's by now. Not locked. As the active snapshot shows it, where that is to read only, as
 * beside parallel workers; else as it is by now. Inside of SPI.
 */
Oid
smk_stored_relation(const char *name, char kind, bool read_only)
{
	Oid types[2] = {OIDOID, CHAROID};
	Datum values[2];
	Oid relation =
		RangeVarGetRelid(makeRangeVarFromNameList(stringToQualifiedNameList(name, NULL)), NoLock, true);

	if (!OidIsValid(relation))
		return InvalidOid;
	values[0] = ObjectIdGetDatum(relation);
	values[1] = CharGetDatum(kind);
	if (SPI_execute_with_args("SELECT FROM pg_class WHERE oid = $1 AND relkind = $2 AND " SMK_STORED_IS_OURS,
							  2, types, values, NULL, read_only, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at %s", name);
	return SPI_processed ? relation : InvalidOid;
}

/* The materialized view of a rollup, found likewise; an error where it is gone. Inside of SPI. */
Oid
smk_stored_require_parts(const SmkStored *stored, bool read_only)
{
	Oid parts = smk_stored_relation(stored->parts, RELKIND_MATVIEW, read_only);

	if (!OidIsValid(parts))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("rollup %s has lost %s", stored->name, stored->parts),
						errhint("Drop it with smarketing.drop_rollup() and create it again.")));
	return parts;
}

/*
 * Keeps others from refreshing or dropping what is registered under a name, until the transaction ends; false
 * where one of them has dropped it. Before its relations are locked, so that nobody waits in a circle. Inside
 * of SPI.
 */
bool
smk_stored_lock(const char *name)
{
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(name)};

	if (SPI_execute_with_args(
			"SELECT FROM smarketing.stored_view WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE", 1, types,
			values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not lock a row of stored_view");
	return SPI_processed > 0;
}

/*
 * A name of the table as SQL: read and quoted anew, since who may write the table need not be who runs the
 * statement. NULL for NULL.
 */
static char *
requote(const char *name)
{
	RangeVar *range;

	if (name == NULL)
		return NULL;
	range = makeRangeVarFromNameList(stringToQualifiedNameList(name, NULL));
	if (range->schemaname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME), errmsg("name \"%s\" in stored_view is not qualified", name)));
	return quote_qualified_identifier(range->schemaname, range->relname);
}

/* What is registered under a qualified and quoted name, or NULL. Inside of SPI. */
SmkStored *
smk_stored_find(const char *name)
{
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(name)};
	SmkStored *stored;
	HeapTuple row;
	TupleDesc columns;
	bool is_null;

	if (SPI_execute_with_args("SELECT name, parts, kpi, period, by, options, settings "
							  "FROM smarketing.stored_view WHERE name OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read stored_view");
	if (SPI_processed == 0)
		return NULL;
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	stored = palloc0(sizeof(SmkStored));
	stored->name = requote(SPI_getvalue(row, columns, 1));
	stored->parts = requote(SPI_getvalue(row, columns, 2));
	stored->kpi = SPI_getvalue(row, columns, 3);
	stored->period = SPI_getvalue(row, columns, 4);
	stored->by = DatumGetArrayTypePCopy(SPI_getbinval(row, columns, 5, &is_null));
	stored->options = DatumGetJsonbPCopy(SPI_getbinval(row, columns, 6, &is_null));
	stored->settings = DatumGetJsonbPCopy(SPI_getbinval(row, columns, 7, &is_null));
	return stored;
}

/* The error for a rollup that there is not, or no longer. */
void
smk_stored_unknown(const char *as_written)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rollup \"%s\" does not exist", as_written),
					errhint("SELECT name FROM smarketing.rollups lists the rollups.")));
}

/* The rollup of that name; as_written is how the caller named it. Inside of SPI. */
SmkStored *
smk_stored_require_rollup(const char *name, const char *as_written)
{
	SmkStored *stored = smk_stored_find(name);

	if (stored == NULL)
		smk_stored_unknown(as_written);
	if (stored->parts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a view, not a rollup", as_written),
				 errdetail("It reads the CRM's tables whenever it is read."),
				 errhint("DROP VIEW drops it; create_rollup() makes rollups.")));
	return stored;
}

/* A setting as it was when this was made, or NULL. */
static char *
setting_of(const SmkStored *stored, const char *name)
{
	JsonbValue *value = smk_option_value(stored->settings, name);

	return value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

/* Puts the settings that a statement was made under into the configuration of today. */
void
smk_stored_restore_settings(const SmkStored *stored, SmkConfig *config)
{
	char *zone = setting_of(stored, "time_zone");
	char *month = setting_of(stored, "fiscal_year_start");
	char *missing = setting_of(stored, "on_missing_rate");

	if (zone)
		config->time_zone = zone;
	if (month)
		config->fiscal_year_start = pg_strtoint32(month);
	config->currency = setting_of(stored, "currency");
	config->gross_margin = setting_of(stored, "gross_margin");
	/* It goes into statements as it stands. */
	if (config->gross_margin && !smk_margin_is_valid(config->gross_margin))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for setting \"%s\": \"%s\"", "gross_margin", config->gross_margin),
				 errdetail("Rollup %s has it.", stored->name)));
	config->missing_rate_is_null = missing && strcmp(missing, "null") == 0;
}
