/*
 * map.c: map_stage and map_value: what the CRM calls a stage or a value, and what it means; a label that
 * nobody has is told of, with those like it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "argument.h"
#include "attempt.h"
#include "crm/binding.h"
#include "crm/reserved.h"
#include "doctor/doctor.h"
#include "doctor/unmatched.h"
#include "kpi/source.h"
#include "kpi/statement.h"

/* The longest label: two of them, with their headers, have to fit into a third of a page of an index. */
#define LABEL_BYTES 1300

/* How many labels a hint names, and of how many the nearest are sought. */
#define NEAR_LABELS 5
#define READ_LABELS 1000

/* Raises an error where a name is too long for the index of its table. */
static void
require_short(const char *what, const char *name)
{
	if (name != NULL && strlen(name) > LABEL_BYTES)
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s \"%s...\" is too long", what, pnstrdup(name, pg_mbcliplen(name, strlen(name), 40))),
			 errdetail("It has %zu bytes, and may have %d.", strlen(name), LABEL_BYTES),
			 errhint("Bind an expression that shortens it, such as left(name, 200), and map what that "
					 "gives.")));
}

/* A label that is sought. */
typedef struct Sought
{
	const char *column; /* canonical, of any entity that has it; or a dimension of the user's */
	const char *label;
	const char *pipeline; /* in which alone; or NULL */
	bool is_told;		  /* somebody has the column */
	bool is_seen;
	char *near; /* the labels most like it, quoted; or NULL */
} Sought;

/* SQL for the labels of a column of one entity as text; NULL where it has none. */
static char *
labels_of(const SmkConfig *config, SmkBinding *binding, const Sought *sought)
{
	int column = smk_doctor_bound(binding, sought->column);
	ListCell *cell;

	if (column >= 0)
	{
		smk_binding_open(binding);
		return psprintf("(%s)::text", smk_source_expression(binding, column));
	}
	foreach (cell, config->dimensions)
	{
		SmkDimension *dimension = lfirst(cell);
		const SmkExpression *expression = &dimension->columns[binding->entity - smk_entities];

		if (strcmp(dimension->name, sought->column) == 0 && expression->text != NULL)
			return psprintf("(%s)::text", expression->text);
	}
	return NULL;
}

/* The bindings that may have the label, with what was entered by hand. */
static List *
places_of(const SmkConfig *config)
{
	static const char *const entered[] = {"spend", "goal"};
	List *places = NIL;

	for (int i = 0; i < smk_entity_count; i++)
		if (config->bindings[i] != NULL)
			places = lappend(places, config->bindings[i]);
	for (size_t i = 0; i < lengthof(entered); i++)
	{
		SmkBinding *binding = smk_config_entered(entered[i]);

		if (binding != NULL)
			places = lappend(places, binding);
	}
	return places;
}

/* A label and how unlike another one it is. */
typedef struct Near
{
	const char *label;
	int distance;
} Near;

static int
compare_near(const void *a, const void *b)
{
	const Near *left = a;
	const Near *right = b;

	if (left->distance != right->distance)
		return left->distance - right->distance;
	return strcmp(left->label, right->label);
}

/* The plain form of a label, as long as it can be compared. */
static char *
comparable(const char *label)
{
	char *plain = smk_label_plain(label, false);

	plain[pg_mbcliplen(plain, strlen(plain), 255)] = '\0';
	return plain;
}

/* Names the labels most like the one that is sought, of the rows of SPI. */
static void
name_near(Sought *sought)
{
	char *plain = comparable(sought->label);
	Near *near = palloc(sizeof(Near) * Max(SPI_processed, 1));
	StringInfoData names;
	uint64 count = 0;

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char *label = smk_doctor_text(row, 1);
		char *other;

		CHECK_FOR_INTERRUPTS();
		/* Whatever is computed may be another value each time. */
		if (label == NULL)
			continue;
		other = comparable(label);
		near[count].label = label;
		near[count++].distance =
			varstr_levenshtein(plain, strlen(plain), other, strlen(other), 1, 1, 1, true);
	}
	qsort(near, count, sizeof(Near), compare_near);
	initStringInfo(&names);
	for (uint64 row = 0; row < count && row < NEAR_LABELS; row++)
		appendStringInfo(&names, "%s\"%s\"", row ? ", " : "", near[row].label);
	sought->near = count > 0 ? names.data : NULL;
}

/* Looks for a label in what is bound. */
static void
seek(void *state)
{
	Sought *sought = state;
	SmkConfig *config = smk_config_load();
	StringInfoData all;
	ListCell *cell;

	initStringInfo(&all);
	foreach (cell, places_of(config))
	{
		SmkBinding *binding = lfirst(cell);
		char *labels = labels_of(config, binding, sought);
		int pipeline = smk_doctor_bound(binding, "pipeline");
		char *from;

		if (labels == NULL)
			continue;
		sought->is_told = true;
		from = psprintf("FROM %s WHERE %s", smk_doctor_relation(binding),
						smk_doctor_where(binding, psprintf("%s IS NOT NULL", labels)));
		smk_doctor_query(psprintf(
			"SELECT 1 %s AND %s = %s%s LIMIT 1", from, labels, quote_literal_cstr(sought->label),
			sought->pipeline && pipeline >= 0 ? psprintf(" AND %s = %s", smk_doctor_column(binding, pipeline),
														 quote_literal_cstr(sought->pipeline))
											  : ""));
		if (SPI_processed > 0)
		{
			sought->is_seen = true;
			return;
		}
		appendStringInfo(&all, "%sSELECT DISTINCT %s AS label %s", all.len ? "\nUNION\n" : "", labels, from);
	}
	if (all.len == 0)
		return;
	smk_doctor_query(psprintf("SELECT found.label FROM (%s) AS found LIMIT %d", all.data, READ_LABELS));
	name_near(sought);
}

/* Warns of a label that nothing bound has: a slip of the pen would never be noticed. What cannot be read is
 * no reason not to map. Inside of SPI. */
static void
warn_of_unseen(const char *column, const char *label, const char *pipeline)
{
	Sought sought = {.column = column, .label = label, .pipeline = pipeline};
	int level = smk_path_only_catalog();
	ErrorData *error = smk_attempt(seek, &sought);

	AtEOXact_GUC(true, level);
	if (error != NULL && (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
						  error->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
		ReThrowError(error);
	if (error != NULL || !sought.is_told || sought.is_seen)
		return;
	ereport(WARNING,
			(pipeline ? errmsg("no %s is called \"%s\" in pipeline \"%s\"", column, label, pipeline)
					  : errmsg("no %s is called \"%s\"", column, label),
			 sought.near ? errhint("It is mapped for the day when one is. The nearest: %s.", sought.near)
						 : errhint("It is mapped for the day when one is. There is none yet.")));
}

PG_FUNCTION_INFO_V1(smk_map_stage);

/* map_stage(label, stage, pipeline): a NULL stage forgets the label. */
Datum
smk_map_stage(PG_FUNCTION_ARGS)
{
	const char *args[3];

	args[0] = smk_text_argument(fcinfo, 0, "label");
	args[1] = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	require_short("label", args[0]);
	require_short("pipeline", args[1]);
	SPI_connect();
	if (PG_ARGISNULL(1))
		smk_binding_write("DELETE FROM smarketing.stage_map WHERE label OPERATOR(pg_catalog.=) $1 "
						  "AND pipeline IS NOT DISTINCT FROM $2",
						  2, args);
	else
	{
		Oid stage_type = get_fn_expr_argtype(fcinfo->flinfo, 1);
		Oid out;
		bool is_varlena;

		getTypeOutputInfo(stage_type, &out, &is_varlena);
		args[2] = OidOutputFunctionCall(out, PG_GETARG_DATUM(1));
		smk_binding_write("INSERT INTO smarketing.stage_map (label, pipeline, stage) "
						  "VALUES ($1, $2, $3::smarketing.funnel_stage) "
						  "ON CONFLICT (label, pipeline) DO UPDATE SET stage = excluded.stage",
						  3, args);
		warn_of_unseen("stage", args[0], args[1]);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* Raises an error unless the dimension is built in or of the user's. */
static void
dimension_require(const char *name)
{
	const char *args[1];

	args[0] = name;
	if (smk_dimension_is_built_in(name) ||
		smk_binding_write("SELECT 1 FROM smarketing.dimension WHERE name OPERATOR(pg_catalog.=) $1", 1,
						  args) > 0)
		return;
	smk_binding_write("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM smarketing.dimension", 0,
					  NULL);
	smk_dimension_unknown(name, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
}

/* The kind of activity as which a label reads, by the map or by itself; palloc'd. */
static char *
kind_of(const char *label)
{
	return smk_binding_write("SELECT value FROM smarketing.value_map WHERE dimension OPERATOR(pg_catalog.=) "
							 "'kind' AND label OPERATOR(pg_catalog.=) $1",
							 1, &label)
			   ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)
			   : pstrdup(label);
}

/* Warns of the SLA rules that name a kind of activity which from now on has another name. */
static void
warn_of_rules(const char *label, const char *value)
{
	const char *args[1] = {label};
	char *rules;

	/* "any" is every kind. */
	if (strcmp(label, value) == 0 || strcmp(label, "any") == 0)
		return;
	smk_binding_write(
		"SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM smarketing.sla_rule\n"
		"WHERE $1 OPERATOR(pg_catalog.=) ANY (pg_catalog.regexp_split_to_array(answer, E'\\\\s*[|]\\\\s*')\n"
		"    OPERATOR(pg_catalog.||) pg_catalog.regexp_split_to_array(trigger, E'\\\\s+and\\\\s+', 'i'))",
		1, args);
	rules = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (rules)
		ereport(WARNING,
				(errmsg("SLA rules name the kind \"%s\", which is now \"%s\": %s", label, value, rules),
				 errhint("Define them again with smarketing.define_sla(): they find no activity by the name "
						 "that they have.")));
}

PG_FUNCTION_INFO_V1(smk_map_value);

/* map_value(dimension, label, value): a NULL value forgets the label. */
Datum
smk_map_value(PG_FUNCTION_ARGS)
{
	const char *args[3];
	char *kind = NULL; /* as which the label read before */

	args[0] = smk_text_argument(fcinfo, 0, "dimension");
	args[1] = smk_text_argument(fcinfo, 1, "label");
	args[2] = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	require_short("label", args[1]);
	SPI_connect();
	dimension_require(args[0]);
	if (args[2] && strcmp(args[0], "origin") == 0 && strcmp(args[2], "marketing") != 0 &&
		strcmp(args[2], "sales") != 0 && strcmp(args[2], "partner") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("origin \"%s\" does not exist", args[2]),
				 errhint("Origins: marketing, sales, partner. The label is a channel.")));
	if (strcmp(args[0], "target") == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("values of dimension \"target\" cannot be mapped")));
	if (strcmp(args[0], "kind") == 0)
		kind = kind_of(args[1]);
	if (args[2] == NULL)
		smk_binding_write("DELETE FROM smarketing.value_map WHERE dimension OPERATOR(pg_catalog.=) $1 "
						  "AND label OPERATOR(pg_catalog.=) $2",
						  2, args);
	else
	{
		smk_binding_write("INSERT INTO smarketing.value_map (dimension, label, value) VALUES ($1, $2, $3) "
						  "ON CONFLICT (dimension, label) DO UPDATE SET value = excluded.value",
						  3, args);
		warn_of_unseen(strcmp(args[0], "origin") == 0 ? "channel" : args[0], args[1], NULL);
	}
	if (kind)
		warn_of_rules(kind, args[2] ? args[2] : args[1]);
	SPI_finish();
	PG_RETURN_VOID();
}
