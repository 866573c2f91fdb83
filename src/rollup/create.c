/*
 * create.c: create_view and create_rollup. What they make is the caller's: they run as the caller.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "compat.h"
#include "crm/binding.h"
#include "kpi/statement.h"
#include "kpi/stored.h"
#include "rollup/refresh.h"
#include "rollup/registry.h"
#include "smarketing.h"

/* A call of create_view or create_rollup. */
typedef struct Creation
{
	const char *function;
	Oid schema;
	char *relation; /* the view's name alone */
	char *view;		/* qualified and quoted */
	char *parts;	/* likewise; NULL: a plain view */
	const char *kpi;
	const char *period;
	ArrayType *by;	/* NULL: none */
	Interval *last; /* NULL: all */
	Jsonb *options; /* those of the KPI; NULL: none */
	bool is_incremental;
	bool is_invoker;
	bool ignores_row_security;
} Creation;

/* Runs one statement that writes. */
static void
run(const char *sql)
{
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
}

/* Takes an option of ours out of the options: its value; an error where it is neither true nor false. */
static bool
take_option(Creation *creation, const char *name)
{
	JsonbValue *value;
	bool result;

	if (creation->options == NULL)
		return false;
	if (!JB_ROOT_IS_OBJECT(creation->options))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a JSON object", "options")));
	value = smk_option_value(creation->options, name);
	if (value == NULL)
		return false;
	if (value->type != jbvBool)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must be true or false", name)));
	result = value->val.boolean;
	creation->options = DatumGetJsonbP(
		DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(creation->options), CStringGetTextDatum(name)));
	return result;
}

/* Reads the options that are ours. */
static void
read_options(Creation *creation, bool is_rollup)
{
	creation->is_incremental = take_option(creation, "incremental");
	creation->is_invoker = take_option(creation, "security_invoker");
	creation->ignores_row_security = take_option(creation, "ignore_row_security");
	if (creation->is_incremental && !is_rollup)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" of %s does not exist", "incremental", creation->function),
						errhint("create_rollup() has it.")));
	if (creation->is_incremental)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("incremental rollups are not supported yet"),
				 errhint("Leave option \"incremental\" out for a materialized view.")));
	if (creation->is_invoker && is_rollup)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" of %s does not exist", "security_invoker", creation->function),
						errdetail("What is stored is the same for every reader."),
						errhint("Use create_view(), or option \"ignore_row_security\".")));
}

/* Settles where the view will be: as CREATE VIEW does, and an error where something is. */
static void
read_name(Creation *creation, text *name)
{
	RangeVar *range = smk_stored_range(name);

	/* The right to create there is asked for here: later the error would show the whole statement. */
	creation->schema = RangeVarGetAndCheckCreationNamespace(range, NoLock, NULL);
	creation->relation = range->relname;
	if (isAnyTempNamespace(creation->schema))
		ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
						errmsg("\"%s\" cannot be temporary", range->relname),
						errdetail("What dashboards read outlives the session.")));
	creation->view = quote_qualified_identifier(get_namespace_name(creation->schema), range->relname);
	if (OidIsValid(get_relname_relid(range->relname, creation->schema)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" already exists", range->relname),
				 errhint("Choose another name; DROP VIEW drops a view, smarketing.drop_rollup() a "
						 "rollup.")));
}

/* Comments a relation's columns. */
static void
comment_columns(const char *relation, List *columns)
{
	ListCell *cell;

	foreach (cell, columns)
	{
		const SmkStoredColumn *column = lfirst(cell);

		run(psprintf("COMMENT ON COLUMN %s.%s IS %s", relation, quote_identifier(column->name),
					 quote_literal_cstr(column->comment)));
	}
}

/* "cost_per_lead by month and channel, campaign, in time zone UTC and EUR". */
static char *
what_it_is(const SmkRequest *request)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	appendStringInfo(&text, "%s by %s", request->kpi->name, smk_period_name(request->period));
	foreach (cell, request->by)
		appendStringInfo(&text, "%s%s", cell == list_head(request->by) ? " and " : ", ",
						 ((SmkBy *) lfirst(cell))->name);
	appendStringInfo(&text, ", in time zone %s", request->time_zone);
	if (request->config->currency)
		appendStringInfo(&text, " and %s", request->config->currency);
	return text.data;
}

/* Makes the plain view, commented. */
static void
make_view(const Creation *creation, const SmkRequest *request)
{
	const char *sql =
		creation->parts ? smk_stored_view_of_parts(request, creation->parts) : smk_stored_view(request);
	const char *when = creation->parts ? "as of the last refresh" : "as of now";

	run(psprintf("CREATE VIEW %s%s AS\n%s", creation->view,
				 creation->is_invoker ? " WITH (security_invoker = true)" : "", sql));
	run(psprintf(
		"COMMENT ON VIEW %s IS %s", creation->view,
		quote_literal_cstr(psprintf("KPI %s, %s, with the bindings and settings that it was made with. "
									"Each column says whether it may be summed.",
									what_it_is(request), when))));
	comment_columns(creation->view, smk_stored_view_columns(request));
	/* CREATE VIEW asks for no right to read; who reads it later would be told that the owner lacks one. */
	if (!creation->is_invoker &&
		SPI_execute(psprintf("SELECT * FROM %s LIMIT 0", creation->view), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read %s", creation->view);
}

/* Makes the materialized view of the parts, with the unique index that REFRESH ... CONCURRENTLY needs. */
static void
make_parts(Creation *creation, const SmkRequest *request)
{
	const char *sql = smk_stored_parts(request);
	List *columns = smk_stored_part_columns(request);
	StringInfoData keys;
	ListCell *cell;

	creation->parts = quote_qualified_identifier(
		get_namespace_name(creation->schema),
		ChooseRelationName(creation->relation, NULL, "parts", creation->schema, false));
	initStringInfo(&keys);
	foreach (cell, columns)
		if (((SmkStoredColumn *) lfirst(cell))->is_key)
			appendStringInfo(&keys, "%s%s", keys.len ? ", " : "",
							 quote_identifier(((SmkStoredColumn *) lfirst(cell))->name));
	run(psprintf("CREATE MATERIALIZED VIEW %s AS\n%s", creation->parts, sql));
	run(psprintf("CREATE UNIQUE INDEX ON %s (%s)", creation->parts, keys.data));
	/* pg_dump keeps this one; what its statement calls may be nothing of ours. */
	run(psprintf("ALTER MATERIALIZED VIEW %s DEPENDS ON EXTENSION smarketing", creation->parts));
	run(psprintf("COMMENT ON MATERIALIZED VIEW %s IS %s", creation->parts,
				 quote_literal_cstr(psprintf("What the view %s is computed from: read that one. It is "
											 "refreshed by smarketing.refresh_rollup().",
											 creation->view))));
	comment_columns(creation->parts, columns);
}

/* Raises an error where what a relation reads, at any depth, has row-level security. */
static void
refuse_row_security(const Creation *creation, Oid relation)
{
	Oid types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(relation)};
	StringInfoData tables;

	if (SPI_execute_with_args(
			"WITH RECURSIVE used (relid) AS ("
			"SELECT $1 UNION "
			"SELECT reference.refobjid FROM used "
			"JOIN pg_rewrite ON pg_rewrite.ev_class = used.relid "
			"JOIN pg_depend AS reference ON reference.classid = 'pg_rewrite'::regclass "
			"AND reference.objid = pg_rewrite.oid AND reference.refclassid = 'pg_class'::regclass) "
			"SELECT pg_class.oid::regclass FROM used JOIN pg_class ON pg_class.oid = used.relid "
			"WHERE pg_class.relrowsecurity ORDER BY 1::text",
			1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for row-level security");
	if (SPI_processed == 0)
		return;
	initStringInfo(&tables);
	for (uint64 row = 0; row < SPI_processed; row++)
		appendStringInfo(&tables, "%s%s", row ? ", " : "",
						 SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
	ereport(
		ERROR,
		(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		 errmsg("%s would show every reader what row-level security hides: %s", creation->view, tables.data),
		 errdetail("A view reads with its owner's rights."),
		 creation->parts
			 ? errhint("If that is meant, give the option {\"ignore_row_security\": true}.")
			 : errhint("Give the option {\"security_invoker\": true}, under which a reader needs rights on "
					   "the CRM's tables; or {\"ignore_row_security\": true} if that is meant.")));
}

/* The options of the KPI, with the basis that "auto" stands for now. */
static Jsonb *
settled_options(const Creation *creation, const SmkRequest *request)
{
	Datum options = creation->options ? JsonbPGetDatum(creation->options)
									  : DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	StringInfoData basis;

	if (request->kpi->basis_option == NULL || request->basis == NULL)
		return DatumGetJsonbP(options);
	initStringInfo(&basis);
	appendStringInfo(&basis, "{\"%s\": \"%s\"}", request->kpi->basis_option, request->basis);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, options,
											  DirectFunctionCall1(jsonb_in, CStringGetDatum(basis.data))));
}

/* Registers what was made. */
static void
enter(const Creation *creation, const SmkRequest *request)
{
	Oid types[7] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, INTERVALOID, JSONBOID};
	Datum values[7];
	char nulls[7] = {' ', ' ', ' ', ' ', ' ', ' ', ' '};

	values[0] = CStringGetTextDatum(creation->view);
	values[1] = creation->parts ? CStringGetTextDatum(creation->parts) : (Datum) 0;
	nulls[1] = creation->parts ? ' ' : 'n';
	values[2] = CStringGetTextDatum(request->kpi->name);
	values[3] = CStringGetTextDatum(creation->period);
	values[4] = PointerGetDatum(creation->by ? creation->by : construct_empty_array(TEXTOID));
	values[5] = creation->last ? IntervalPGetDatum(creation->last) : (Datum) 0;
	nulls[5] = creation->last ? ' ' : 'n';
	values[6] = JsonbPGetDatum(settled_options(creation, request));
	if (SPI_execute_with_args(
			"INSERT INTO smarketing.stored_view (name, parts, kpi, period, by, last, options, settings) "
			"SELECT $1, $2, $3, $4, $5, $6, $7, jsonb_object_agg(settings.name, settings.value) "
			"FROM smarketing.settings",
			7, types, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write stored_view");
}

/* Makes room for a new row: what is registered under the name was dropped by hand, or else is an error. */
static void
forget(const Creation *creation)
{
	SmkStored *stored = smk_stored_find(creation->view);
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(creation->view)};

	if (stored == NULL)
		return;
	if (stored->parts && OidIsValid(smk_stored_relation(stored->parts, RELKIND_MATVIEW, false)))
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("rollup %s already exists", creation->view),
						errdetail("Its view was dropped or renamed, %s is still there.", stored->parts),
						errhint("SELECT smarketing.drop_rollup(%s) drops the rest of it.",
								quote_literal_cstr(creation->view))));
	if (SPI_execute_with_args("DELETE FROM smarketing.stored_view WHERE name OPERATOR(pg_catalog.=) $1", 1,
							  types, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not write stored_view");
}

/* The view or rollup that a call asks for: the view's OID. */
static Oid
create(FunctionCallInfo fcinfo, const char *function, bool is_rollup)
{
	Creation creation = {0};
	int options = is_rollup ? 4 : 5;
	SmkRequest *request;
	TimestampTz start = GetCurrentTimestamp();
	ObjectAddress view = {RelationRelationId, InvalidOid, 0};
	ObjectAddress extension = {ExtensionRelationId, InvalidOid, 0};
	int level;

	creation.function = function;
	(void) smk_text_argument(fcinfo, 0, "name");
	creation.kpi = smk_text_argument(fcinfo, 1, "kpi");
	creation.period = smk_text_argument(fcinfo, 2, "period");
	creation.by = PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3);
	creation.last = is_rollup || PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	creation.options = PG_ARGISNULL(options) ? NULL : PG_GETARG_JSONB_P(options);
	read_options(&creation, is_rollup);
	read_name(&creation, PG_GETARG_TEXT_PP(0));
	if (is_rollup)
		smk_rollup_require_read_committed(function);

	level = smk_statement_begin();
	forget(&creation);
	request = smk_stored_request(smk_config_load(), creation.kpi, creation.period, creation.by, creation.last,
								 creation.options, is_rollup);
	if (is_rollup)
		make_parts(&creation, request);
	make_view(&creation, request);
	view.objectId = smk_stored_relation(creation.view, RELKIND_VIEW, false);
	extension.objectId = get_extension_oid(SMK_SCHEMA, false);
	recordDependencyOn(&view, &extension, DEPENDENCY_NORMAL);
	if (!creation.ignores_row_security && !creation.is_invoker)
		refuse_row_security(&creation, view.objectId);
	enter(&creation, request);
	if (is_rollup)
		(void) smk_rollup_record(creation.view, smk_stored_relation(creation.parts, RELKIND_MATVIEW, false),
								 start);
	smk_statement_end(level);
	return view.objectId;
}

PG_FUNCTION_INFO_V1(smk_create_view);

/* create_view(name, kpi, period, by, last, options): the view. */
Datum
smk_create_view(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(create(fcinfo, "create_view", false));
}

PG_FUNCTION_INFO_V1(smk_create_rollup);

/* create_rollup(name, kpi, period, by, options): the view over what is stored. */
Datum
smk_create_rollup(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(create(fcinfo, "create_rollup", true));
}
