/*
 * unmatched.c: values of a dimension that spend has and leads, opportunities and touches have not, or the
 * other way round; where there is no spend, values that only one of the others has. Labels are told apart as
 * they stand in the data, and meet where map_value calls them the same.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/hsearch.h"

#include "doctor/unmatched.h"
#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/statement.h"

const char *const smk_place_names[SMK_PLACES] = {"spend", "lead", "opportunity", "touch"};

static const SmkRecordSet places[SMK_PLACES] = {
	{"spend", "spend", "at", SMK_KIND_MARKETING, false, NULL, NULL},
	{"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL},
	{"opportunities", "opportunity", "created_at", SMK_KIND_ANY, false, NULL, NULL},
	{"touches", "touch", "at", SMK_KIND_ANY, false, NULL, NULL}};

/* What the parts work on. */
typedef struct Work
{
	const char *dimension;
	SmkBy *by;
	SmkValues *result;
	int allocated;
	HTAB *known; /* label -> position */
	int place;
	bool is_entered;
	bool counts_all; /* also what is taken from leads, and so meets them */
} Work;

typedef struct Known
{
	char *label;
	int position;
} Known;

/* What map_value calls a label. */
static const char *
shown_as(const SmkBy *by, const char *label)
{
	ListCell *cell;

	foreach (cell, by->map)
		if (strcmp(((SmkMapped *) lfirst(cell))->label, label) == 0)
			return ((SmkMapped *) lfirst(cell))->value;
	return label;
}

/* A label in its plain form: letters without accents in small, and digits; as_words: with a blank before and
 * after each word, and a sign between two letters parts them. palloc'd. */
char *
smk_label_plain(const char *label, bool as_words)
{
	StringInfoData plain;
	const char *p = label;

	if (GetDatabaseEncoding() == PG_UTF8)
		p = TextDatumGetCString(DirectFunctionCall2(unicode_normalize_func, CStringGetTextDatum(label),
													CStringGetTextDatum("NFKD")));
	p = str_tolower(p, strlen(p), DEFAULT_COLLATION_OID);
	initStringInfo(&plain);
	if (as_words)
		appendStringInfoChar(&plain, ' ');
	while (*p)
	{
		int length = pg_mblen(p);
		unsigned char first = (unsigned char) *p;
		unsigned char second = length > 1 ? (unsigned char) p[1] : 0;
		bool is_mark = length == 2 && (first == 0xCC || (first == 0xCD && second < 0xB0)); /* accents */
		bool is_sign =
			length == 3 && first == 0xE2 && (second == 0x80 || second == 0x81); /* dashes, quotes */

		if (GetDatabaseEncoding() != PG_UTF8)
			is_mark = is_sign = false;
		if (length == 1)
			is_sign = !isalnum(first);
		if (!is_sign && !is_mark)
			appendBinaryStringInfo(&plain, p, length);
		else if (as_words && is_sign && plain.data[plain.len - 1] != ' ')
			appendStringInfoChar(&plain, ' ');
		p += length;
	}
	if (as_words && plain.data[plain.len - 1] != ' ')
		appendStringInfoChar(&plain, ' ');
	return plain.data;
}

/* The entry of a label, made on first use. */
static SmkValue *
value_of(SmkDoctor *doctor, Work *work, char *label)
{
	SmkValues *result = work->result;
	bool found;
	Known *known = hash_search(work->known, &label, HASH_FIND, &found);
	MemoryContext caller;

	if (found)
		return &result->values[known->position];
	caller = MemoryContextSwitchTo(doctor->memory);
	label = pstrdup(label);
	if (result->count == work->allocated)
	{
		work->allocated = work->allocated ? work->allocated * 2 : 64;
		result->values = result->values ? repalloc_huge(result->values, work->allocated * sizeof(SmkValue))
										: palloc(work->allocated * sizeof(SmkValue));
	}
	known = hash_search(work->known, &label, HASH_ENTER, &found);
	known->position = result->count;
	memset(&result->values[result->count], 0, sizeof(SmkValue));
	result->values[result->count].label = label;
	result->values[result->count].shown = shown_as(work->by, label);
	MemoryContextSwitchTo(caller);
	return &result->values[result->count++];
}

/* On which sides a label is: spend and the rest, or, without spend, each of the others. */
static int
sides_of(const SmkValues *values, const SmkValue *value)
{
	int sides = 0;

	for (int place = 0; place < SMK_PLACES; place++)
		if (value->rows[place] > 0)
			sides |=
				values->has[SMK_PLACE_SPEND] && place > SMK_PLACE_LEAD ? 1 << SMK_PLACE_LEAD : 1 << place;
	return sides;
}

/* True where more than one side is among them. */
static bool
sides_meet(int sides)
{
	return (sides & (sides - 1)) != 0;
}

/* A numbering of labels by a text: of equal ones the first in the order is the head. */
typedef struct LabelGroup
{
	const char *text;
	int sides;
	int best; /* position of the label that the others are to be called like */
} LabelGroup;

static LabelGroup *
group_of(HTAB *groups, const char *text)
{
	bool found;
	LabelGroup *group = hash_search(groups, &text, HASH_ENTER, &found);

	if (!found)
	{
		group->text = text;
		group->sides = 0;
		group->best = -1;
	}
	return group;
}

/* The condition that leaves out labels which meet already, so that a large relation is not grouped by them.
 */
static char *
not_known_to_meet(Work *work, const char *raw)
{
	SmkValues *result = work->result;
	HTAB *shown = smk_label_table("smarketing values shown", sizeof(LabelGroup));
	StringInfoData labels;
	int count = 0;

	initStringInfo(&labels);
	for (int i = 0; i < result->count; i++)
		group_of(shown, result->values[i].shown)->sides |= sides_of(result, &result->values[i]);
	/* The server hashes a list from nine on: a short one is said again. */
	do
		for (int i = 0; i < result->count && count < 1000; i++)
			if (sides_meet(group_of(shown, result->values[i].shown)->sides))
				appendStringInfo(&labels, "%s%s", count++ ? ", " : "",
								 quote_literal_cstr(result->values[i].label));
	while (count > 0 && count < 9);
	hash_destroy(shown);
	return count ? psprintf("(%s)::text NOT IN (%s)", raw, labels.data) : psprintf("%s IS NOT NULL", raw);
}

/* Counts the labels of one place. */
static void
read_place(SmkDoctor *doctor, void *state)
{
	Work *work = state;
	const SmkRecordSet *set = &places[work->place];
	SmkBinding *binding =
		work->is_entered ? smk_doctor_entered(doctor, set->entity) : smk_doctor_binding(doctor, set->entity);
	SmkRecords *records;
	char *raw;
	char *condition;
	uint64 rows;

	if (binding == NULL)
		return;
	records = smk_records(doctor->request, set, binding);
	if (!smk_records_have_dimension(records, work->by))
		return;
	if (work->place == SMK_PLACE_OPPORTUNITY && !work->counts_all && work->result->has[SMK_PLACE_LEAD] &&
		strcmp(smk_dimension_first_column(records, work->by), "lead_id") == 0)
		return;
	raw = smk_records_dimension(records, work->by, set->name);
	condition =
		work->place == SMK_PLACE_TOUCH ? not_known_to_meet(work, raw) : psprintf("%s IS NOT NULL", raw);
	rows = smk_doctor_query(psprintf("SELECT (%s)::text, count(*)\n%s\nGROUP BY 1", raw,
									 smk_records_from(records, set->name, true, condition)));
	work->result->has[work->place] = true;
	for (uint64 row = 0; row < rows; row++)
	{
		char *label = smk_doctor_text(row, 1);

		CHECK_FOR_INTERRUPTS();
		/* Whatever is computed may be another value each time. */
		if (label != NULL)
			value_of(doctor, work, label)->rows[work->place] += smk_doctor_number(row, 2);
	}
}

/* Reads the spend of the labels as KPI 1 counts it: converted, marketing's, until now. */
static void
read_spend(SmkDoctor *doctor, void *state)
{
	Work *work = state;
	const SmkKpi *kpi = smk_kpi_find("cost_per_lead");
	const SmkColumn *column = smk_kpi_column(kpi, "spend", NULL);
	SmkConfig config = *doctor->config;
	SmkArguments arguments = {.period = "all"};
	Datum dimension = CStringGetTextDatum(work->dimension);
	SmkOutput output = {"spend", smk_column_template(kpi, column), "numeric"};
	ListCell *cell;
	uint64 rows;

	/* Labels as they stand in the data. */
	config.value_map = NIL;
	foreach (cell, doctor->config->value_map)
		if (strcmp(((SmkMapped *) lfirst(cell))->scope, work->dimension) != 0)
			config.value_map = lappend(config.value_map, lfirst(cell));
	arguments.by = construct_array(&dimension, 1, TEXTOID, -1, false, TYPALIGN_INT);
	rows = smk_doctor_query(psprintf("SELECT part.by_1, part.spend, part.spend::float8 FROM (%s) AS part",
									 smk_compile(smk_request(&config, kpi, &arguments), &output, 1, false)));
	for (uint64 row = 0; row < rows; row++)
	{
		char *label = smk_doctor_text(row, 1);
		char *spend = smk_doctor_text(row, 2);
		bool found;
		Known *known = hash_search(work->known, &label, HASH_FIND, &found);
		SmkValue *value = found ? &work->result->values[known->position] : NULL;

		if (spend == NULL || value == NULL || value->rows[SMK_PLACE_SPEND] == 0)
			continue;
		value->spend = MemoryContextStrdup(doctor->memory, spend);
		value->spend_size = strtod(smk_doctor_text(row, 3), NULL);
	}
	work->result->spend_is_known = true;
}

/* The largest spend first, then the most leads, opportunities and touches, then by bytes. */
static int
compare_values(const void *a, const void *b)
{
	const SmkValue *left = a;
	const SmkValue *right = b;

	if ((left->rows[SMK_PLACE_SPEND] > 0) != (right->rows[SMK_PLACE_SPEND] > 0))
		return left->rows[SMK_PLACE_SPEND] > 0 ? -1 : 1;
	if (left->spend_size != right->spend_size)
		return left->spend_size > right->spend_size ? -1 : 1;
	for (int place = SMK_PLACE_LEAD; place < SMK_PLACES; place++)
		if (left->rows[place] != right->rows[place])
			return left->rows[place] > right->rows[place] ? -1 : 1;
	return strcmp(left->label, right->label);
}

/* True where a label begins or ends with a blank: none that others are to be called like. */
static bool
is_padded(const char *label)
{
	return label[0] == ' ' || (label[0] != '\0' && label[strlen(label) - 1] == ' ');
}

/* Finds what meets, and what looks like what: in a group of likeness all are to be called like one that meets
 * already, else like the one with the largest spend. What is on one side alone is one where only the spelling
 * differs, as the most of it is written. */
static void
match(SmkValues *result)
{
	HTAB *shown = smk_label_table("smarketing values shown", sizeof(LabelGroup));
	HTAB *alike = smk_label_table("smarketing values alike", sizeof(LabelGroup));
	HTAB *spelled = smk_label_table("smarketing values spelled", sizeof(LabelGroup));

	for (int i = 0; i < result->count; i++)
		group_of(shown, result->values[i].shown)->sides |= sides_of(result, &result->values[i]);
	for (int i = 0; i < result->count; i++)
	{
		SmkValue *value = &result->values[i];
		LabelGroup *group;

		CHECK_FOR_INTERRUPTS();
		value->is_matched = sides_meet(group_of(shown, value->shown)->sides);
		value->spelling = smk_label_plain(value->shown, false);
		value->likeness = smk_alias(value->spelling);
		if (value->spelling[0] == '\0')
			continue;
		group = group_of(alike, value->likeness);
		group->sides |= sides_of(result, value);
		if (group->best < 0 || (value->is_matched && !result->values[group->best].is_matched))
			group->best = i;
		group = group_of(spelled, value->spelling);
		if (group->best < 0 || (is_padded(result->values[group->best].shown) && !is_padded(value->shown)))
			group->best = i;
	}
	for (int i = 0; i < result->count; i++)
	{
		SmkValue *value = &result->values[i];

		if (!value->is_matched && value->spelling[0] != '\0')
		{
			LabelGroup *group = group_of(alike, value->likeness);
			const char *name;

			if (!sides_meet(group->sides))
				group = group_of(spelled, value->spelling);
			name = result->values[group->best].shown;
			if (strcmp(name, value->shown) != 0)
				value->suggestion = name;
		}
		result->spend += value->spend_size;
		result->leads += value->rows[SMK_PLACE_LEAD];
		if (!value->is_matched)
		{
			result->spend_unmatched += value->spend_size;
			result->leads_unmatched += value->rows[SMK_PLACE_LEAD];
		}
	}
	hash_destroy(shown);
	hash_destroy(alike);
	hash_destroy(spelled);
}

/*
 * All values of a dimension, and which of them meet. What cannot be read is reported to the doctor; nothing
 * meets nor fails to where fewer than two of the entities have the dimension.
 */
SmkValues *
smk_unmatched(SmkDoctor *doctor, const char *dimension, bool counts_all)
{
	Work work = {.dimension = dimension, .counts_all = counts_all, .result = palloc0(sizeof(SmkValues))};
	SmkValues *result = work.result;
	int present = 0;

	/* These two are computed of other columns: they have no labels of their own. */
	if (strcmp(dimension, "origin") == 0 || strcmp(dimension, "target") == 0)
		return result;
	work.by = smk_request_by(doctor->config, dimension);
	work.known = smk_label_table("smarketing values", sizeof(Known));
	work.is_entered = true;
	smk_doctor_guard(doctor, "spend", read_place, &work);
	work.is_entered = false;
	for (work.place = SMK_PLACE_SPEND; work.place < SMK_PLACES; work.place++)
		smk_doctor_guard(doctor, places[work.place].entity, read_place, &work);
	if (result->has[SMK_PLACE_SPEND])
		(void) smk_doctor_try(doctor, read_spend, &work);
	for (int place = 0; place < SMK_PLACES; place++)
		present += result->has[place] ? 1 : 0;
	if (present < 2)
		result->count = 0;
	if (result->count > 0)
		qsort(result->values, result->count, sizeof(SmkValue), compare_values);
	match(result);
	return result;
}

PG_FUNCTION_INFO_V1(smk_unmatched_values);

/* unmatched_values(dimension): a row a label that is on one side only. */
Datum
smk_unmatched_values(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SmkDoctor *doctor;
	SmkValues *result;
	char *dimension;
	int level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"dimension\" must not be null")));
	dimension = text_to_cstring(PG_GETARG_TEXT_PP(0));
	InitMaterializedSRF(fcinfo, 0);
	level = smk_doctor_open(true);
	doctor = smk_doctor_begin();
	(void) smk_request_by(doctor->config, dimension);
	smk_doctor_bindings(doctor);
	doctor->findings = NIL;
	result = smk_unmatched(doctor, dimension, true);
	/* What a dimension's values depend on must not be passed over in silence. */
	if (doctor->findings != NIL)
	{
		SmkFinding *finding = linitial(doctor->findings);

		ereport(WARNING,
				(errmsg("%s: %s", finding->entity ? finding->entity->name : dimension, finding->problem),
				 errhint("smarketing.doctor() tells more.")));
	}
	for (int i = 0; i < result->count; i++)
	{
		const SmkValue *value = &result->values[i];
		StringInfoData entities;
		Datum values[6] = {0};
		bool nulls[6] = {false};

		if (value->is_matched)
			continue;
		initStringInfo(&entities);
		for (int place = 0; place < SMK_PLACES; place++)
			if (value->rows[place] > 0)
				appendStringInfo(&entities, "%s%s", entities.len ? ", " : "", smk_place_names[place]);
		values[0] = CStringGetTextDatum(value->label);
		values[1] = CStringGetTextDatum(entities.data);
		nulls[2] = value->spend == NULL;
		if (!nulls[2])
			values[2] = DirectFunctionCall3(numeric_in, CStringGetDatum(value->spend),
											ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		nulls[3] = !result->has[SMK_PLACE_LEAD];
		values[3] = Int64GetDatum(value->rows[SMK_PLACE_LEAD]);
		nulls[4] = !result->has[SMK_PLACE_OPPORTUNITY];
		values[4] = Int64GetDatum(value->rows[SMK_PLACE_OPPORTUNITY]);
		nulls[5] = value->suggestion == NULL;
		if (!nulls[5])
			values[5] = CStringGetTextDatum(value->suggestion);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	smk_doctor_close(level);
	return (Datum) 0;
}
