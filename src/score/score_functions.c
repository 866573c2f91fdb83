/*
 * score_functions.c: the aggregate scores: each lead's score as of an instant and when it first reached each
 * threshold, as lists of equal length.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "row.h"
#include "score/score.h"
#include "timeline/timeline_call.h"

/* Where the arguments stand. */
enum
{
	ARGUMENT_LEAD = 1,
	ARGUMENT_ACTIVITY,
	ARGUMENT_AT,
	ARGUMENT_ACTIVITIES,
	ARGUMENT_POINTS,
	ARGUMENT_HALF_LIVES,
	ARGUMENT_THRESHOLDS,
	ARGUMENT_AS_OF
};

#define RULE_ARGUMENTS 4

static const char *const rule_arguments[RULE_ARGUMENTS] = {"activities", "points", "half_lives",
														   "thresholds"};

/* What a state is made for. */
typedef struct ScoreSettings
{
	SmkScoreRates rates;
	bool wants_score; /* as of this instant; else only leads that reached a threshold are listed */
	int64 as_of;
} ScoreSettings;

/* The state of a group. */
typedef struct ScoreState
{
	SmkTimelineState events;
	ScoreSettings settings;
} ScoreState;

/* A rule by the kind of activity that it is about. */
typedef struct ScoreRule
{
	const char *activity;
	int length;
	uint32 hash;
	int code;
	int next; /* another rule in the same slot, or -1 */
} ScoreRule;

/* What is kept from row to row. */
typedef struct ScoreCall
{
	bool is_known;
	bool is_constant;				  /* the rules are written down in the query */
	ArrayType *given[RULE_ARGUMENTS]; /* as they were given with the first row */
	SmkScoreRates rates;
	ScoreRule *rules;
	int *slots; /* the first rule of each, or -1 */
	uint32 slot_mask;
} ScoreCall;

static void
state_write(const void *state, StringInfo out)
{
	const ScoreSettings *settings = &((const ScoreState *) state)->settings;

	pq_sendint32(out, settings->rates.count);
	for (int i = 0; i < settings->rates.count; i++)
	{
		pq_sendint32(out, settings->rates.rates[i].points);
		pq_sendint64(out, settings->rates.rates[i].half_life);
	}
	pq_sendint32(out, settings->rates.threshold_count);
	for (int i = 0; i < settings->rates.threshold_count; i++)
		pq_sendfloat8(out, settings->rates.thresholds[i]);
	pq_sendbyte(out, settings->wants_score);
	pq_sendint64(out, settings->as_of);
}

static void
state_read(void *state, StringInfo in)
{
	ScoreSettings *settings = &((ScoreState *) state)->settings;
	int count = pq_getmsgint(in, 4);

	memset(settings, 0, sizeof(*settings));
	for (int i = 0; i < count; i++)
	{
		int32 points = (int32) pq_getmsgint(in, 4);

		if (smk_score_rate(&settings->rates, points, pq_getmsgint64(in)) != i)
			elog(ERROR, "malformed state of scores");
	}
	count = pq_getmsgint(in, 4);
	if (count < 0 || count > SMK_SCORE_MAX_THRESHOLDS)
		elog(ERROR, "malformed state of scores");
	for (; settings->rates.threshold_count < count; settings->rates.threshold_count++)
		settings->rates.thresholds[settings->rates.threshold_count] = pq_getmsgfloat8(in);
	settings->wants_score = pq_getmsgbyte(in);
	settings->as_of = pq_getmsgint64(in);
}

/* Raises an error unless two states were made alike. */
static void
require_same(const ScoreSettings *a, const ScoreSettings *b)
{
	bool is_same = a->rates.count == b->rates.count;

	for (int i = 0; is_same && i < a->rates.count; i++)
		is_same = a->rates.rates[i].points == b->rates.rates[i].points &&
				  a->rates.rates[i].half_life == b->rates.rates[i].half_life;
	smk_timeline_require_constant(is_same, "points");
	is_same = a->rates.threshold_count == b->rates.threshold_count;
	for (int i = 0; is_same && i < a->rates.threshold_count; i++)
		is_same = a->rates.thresholds[i] == b->rates.thresholds[i];
	smk_timeline_require_constant(is_same, "thresholds");
	smk_timeline_require_constant(a->wants_score == b->wants_score && a->as_of == b->as_of, "as_of");
}

static void
state_join(void *state, const void *other, bool is_new)
{
	ScoreState *scores = state;
	const ScoreState *more = other;

	if (is_new)
		scores->settings = more->settings;
	else
		require_same(&scores->settings, &more->settings);
}

static const SmkTimelineAggregate scores_aggregate = {.name = "scores",
													  .version = 1,
													  .size = sizeof(ScoreState),
													  .write = state_write,
													  .read = state_read,
													  .join = state_join};

SMK_TIMELINE_FUNCTIONS(smk_scores, scores_aggregate)

/* A list that is an argument, with nulls where it may have some, as Datums; returns how many. */
static int
read_list(ArrayType *list, Oid type, int argument, Datum **values, bool **nulls)
{
	int16 length;
	bool by_value;
	char align;
	int count;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	if (ARR_NDIM(list) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("argument \"%s\" must have one dimension", rule_arguments[argument])));
	deconstruct_array(list, type, length, by_value, align, values, nulls, &count);
	for (int i = 0; argument != ARGUMENT_HALF_LIVES - ARGUMENT_ACTIVITIES && i < count; i++)
		if ((*nulls)[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not contain nulls", rule_arguments[argument])));
	return count;
}

/* Reads the rules: of each activity its points and half-life; and the thresholds. */
static void
read_rules(ScoreCall *call)
{
	Datum *activities;
	Datum *points;
	Datum *half_lives;
	Datum *thresholds;
	bool *nulls;
	int count = read_list(call->given[0], TEXTOID, 0, &activities, &nulls);
	int slots = 1;

	if (read_list(call->given[1], INT4OID, 1, &points, &nulls) != count ||
		read_list(call->given[2], INTERVALOID, 2, &half_lives, &nulls) != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arguments \"activities\", \"points\" and \"half_lives\" must be of one length")));
	while (slots < 2 * count)
		slots *= 2;
	call->slot_mask = (uint32) slots - 1;
	call->slots = palloc(slots * sizeof(int));
	memset(call->slots, -1, slots * sizeof(int));
	call->rules = palloc0(Max(count, 1) * sizeof(ScoreRule));
	for (int i = 0; i < count; i++)
	{
		ScoreRule *rule = &call->rules[i];
		text *activity = DatumGetTextPP(activities[i]);

		rule->activity = VARDATA_ANY(activity);
		rule->length = (int) VARSIZE_ANY_EXHDR(activity);
		rule->hash = hash_bytes((const unsigned char *) rule->activity, rule->length);
		rule->code = smk_score_rate(
			&call->rates, DatumGetInt32(points[i]),
			nulls[i] ? 0 : smk_timeline_window(DatumGetIntervalP(half_lives[i]), "half_lives"));
		if (rule->code < 0)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("scores have more than %d different pairs of points and half-life",
								   SMK_SCORE_MAX_RATES)));
		rule->next = call->slots[rule->hash & call->slot_mask];
		call->slots[rule->hash & call->slot_mask] = i;
	}
	count = read_list(call->given[3], FLOAT8OID, 3, &thresholds, &nulls);
	if (count > SMK_SCORE_MAX_THRESHOLDS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("scores have more than %d thresholds", SMK_SCORE_MAX_THRESHOLDS)));
	for (int i = 0; i < count; i++)
	{
		call->rates.thresholds[i] = DatumGetFloat8(thresholds[i]);
		if (!(call->rates.thresholds[i] > 0))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a threshold must be above 0")));
	}
	call->rates.threshold_count = count;
}

/* Keeps the rules of the first row, of which all others must be. */
static void
know_rules(FunctionCallInfo fcinfo, ScoreCall *call)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

	call->is_constant = true;
	for (int i = 0; i < RULE_ARGUMENTS; i++)
	{
		smk_timeline_require_not_null(fcinfo, ARGUMENT_ACTIVITIES + i, rule_arguments[i]);
		call->given[i] = PG_GETARG_ARRAYTYPE_P_COPY(ARGUMENT_ACTIVITIES + i);
		call->is_constant = call->is_constant && smk_timeline_is_constant(fcinfo, ARGUMENT_ACTIVITIES + i);
	}
	read_rules(call);
	call->is_known = true;
	MemoryContextSwitchTo(old);
}

/* Raises an error unless the rules are those of the first row. */
static void
require_same_rules(FunctionCallInfo fcinfo, const ScoreCall *call)
{
	for (int i = 0; i < RULE_ARGUMENTS; i++)
	{
		ArrayType *given =
			PG_ARGISNULL(ARGUMENT_ACTIVITIES + i) ? NULL : PG_GETARG_ARRAYTYPE_P(ARGUMENT_ACTIVITIES + i);

		smk_timeline_require_constant(given != NULL && VARSIZE(given) == VARSIZE(call->given[i]) &&
										  memcmp(given, call->given[i], VARSIZE(given)) == 0,
									  rule_arguments[i]);
	}
}

PG_FUNCTION_INFO_V1(smk_scores_transfn);

/*
 * Transition of scores: (state, lead, activity, at, activities, points, half_lives, thresholds, as_of). Rows
 * without lead, activity or time, of an activity that no rule is about, or later than as_of are skipped.
 */
Datum
smk_scores_transfn(PG_FUNCTION_ARGS)
{
	ScoreState *state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	ScoreCall *call = smk_timeline_call_data(fcinfo, sizeof(ScoreCall));
	bool wants_score = !PG_ARGISNULL(ARGUMENT_AS_OF);
	int64 as_of = wants_score ? PG_GETARG_TIMESTAMPTZ(ARGUMENT_AS_OF) : 0;
	const text *activity;
	const char *bytes;
	int length;
	uint32 hash;
	TimestampTz at;

	if (unlikely(!call->is_known))
		know_rules(fcinfo, call);
	else if (unlikely(!call->is_constant))
		require_same_rules(fcinfo, call);
	if (unlikely(state == NULL))
	{
		if (wants_score && TIMESTAMP_NOT_FINITE(as_of))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"as_of\" must be finite")));
		state = smk_timeline_state(&scores_aggregate, fcinfo, smk_timeline_kind(fcinfo, ARGUMENT_LEAD));
		state->settings.rates = call->rates;
		state->settings.wants_score = wants_score;
		state->settings.as_of = as_of;
	}
	smk_timeline_require_constant(
		state->settings.wants_score == wants_score && state->settings.as_of == as_of, "as_of");
	if (PG_ARGISNULL(ARGUMENT_LEAD) || PG_ARGISNULL(ARGUMENT_ACTIVITY) || PG_ARGISNULL(ARGUMENT_AT))
		PG_RETURN_POINTER(state);
	at = PG_GETARG_TIMESTAMPTZ(ARGUMENT_AT);
	if (wants_score && at > as_of)
		PG_RETURN_POINTER(state);
	activity = smk_timeline_text(fcinfo, ARGUMENT_ACTIVITY);
	bytes = VARDATA_ANY(activity);
	length = (int) VARSIZE_ANY_EXHDR(activity);
	hash = hash_bytes((const unsigned char *) bytes, length);
	for (int i = call->slots[hash & call->slot_mask]; i >= 0; i = call->rules[i].next)
	{
		const ScoreRule *rule = &call->rules[i];

		if (rule->hash == hash && rule->length == length && memcmp(rule->activity, bytes, length) == 0)
			smk_timeline_add_datum(&state->events.timeline, PG_GETARG_DATUM(ARGUMENT_LEAD),
								   smk_timeline_word(at, rule->code));
	}
	PG_RETURN_POINTER(state);
}

/* Elements of an array that is being made, of a fixed size or texts. */
typedef struct ScoreList
{
	char *data;
	int64 used;
	int64 size;
	bits8 *present; /* a bit an element; NULL: all are there */
	int64 present_size;
} ScoreList;

/* What the scores of a state are put into: leads, scores, and for each threshold when it was reached. */
typedef struct Lists
{
	const ScoreState *state;
	int64 count;
	ScoreList leads;
	ScoreList scores;
	ScoreList crossings[SMK_SCORE_MAX_THRESHOLDS];
} Lists;

/* Room for an element at the end of a list; an error where an array would be larger than a value can be. */
static char *
list_next(ScoreList *list, int64 bytes)
{
	if (list->used + bytes > list->size)
	{
		int64 size = Max(list->size * 2, 1024);

		while (size < list->used + bytes)
			size *= 2;
		list->data =
			list->size ? repalloc_huge(list->data, size) : MemoryContextAllocHuge(CurrentMemoryContext, size);
		list->size = size;
	}
	list->used += bytes;
	return list->data + list->used - bytes;
}

/* Notes whether the element of that number is there. */
static void
list_mark(ScoreList *list, int64 number, bool is_present)
{
	if (number / 8 >= list->present_size)
	{
		int64 size = Max(list->present_size * 2, 128);

		list->present = list->present_size ? repalloc_huge(list->present, size)
										   : MemoryContextAllocHuge(CurrentMemoryContext, size);
		memset(list->present + list->present_size, 0, size - list->present_size);
		list->present_size = size;
	}
	if (is_present)
		list->present[number / 8] |= (bits8) (1 << number % 8);
}

/* Puts the key of a lead at the end of the list of leads. */
static void
put_lead(Lists *lists, const SmkKey *key)
{
	const SmkTimeline *timeline = &lists->state->events.timeline;
	unsigned char bytes[SMK_KEY_WORDS * 8];
	const char *text = (const char *) bytes;
	int64 number;
	int length;
	int64 size;
	char *to;

	switch (timeline->kind)
	{
		case SMK_KEY_BIGINT:
			number = smk_key_number(key);
			memcpy(list_next(&lists->leads, sizeof(number)), &number, sizeof(number));
			break;
		case SMK_KEY_UUID:
			(void) smk_key_bytes(SMK_KEY_UUID, key, bytes);
			memcpy(list_next(&lists->leads, UUID_LEN), bytes, UUID_LEN);
			break;
		case SMK_KEY_TEXT_KIND:
			if (smk_key_length(key) == SMK_KEY_LONG)
				text = smk_timeline_name_text(timeline, key->words[1] + 1, &length);
			else
				length = smk_key_bytes(SMK_KEY_TEXT_KIND, key, bytes);
			size = INTALIGN(VARHDRSZ + length);
			to = list_next(&lists->leads, size);
			memset(to, 0, size);
			SET_VARSIZE(to, VARHDRSZ + length);
			memcpy(VARDATA(to), text, length);
			break;
	}
}

static void
visit_lead(void *state, const SmkKey *key, uint64 *words, int64 count)
{
	Lists *lists = state;
	const ScoreSettings *settings = &lists->state->settings;
	SmkScore score;

	smk_score_read(&settings->rates, words, count, settings->wants_score, settings->as_of, &score);
	if (!settings->wants_score && !score.has_crossed_any)
		return;
	put_lead(lists, key);
	if (settings->wants_score)
		memcpy(list_next(&lists->scores, sizeof(double)), &score.score, sizeof(double));
	for (int i = 0; i < settings->rates.threshold_count; i++)
	{
		list_mark(&lists->crossings[i], lists->count, score.has_crossed[i]);
		if (score.has_crossed[i])
			memcpy(list_next(&lists->crossings[i], sizeof(int64)), &score.crossed_at[i], sizeof(int64));
	}
	lists->count++;
}

/* A list as an array of one dimension; palloc'd. */
static Datum
list_array(const ScoreList *list, Oid type, int64 count)
{
	int64 header = list->present ? ARR_OVERHEAD_WITHNULLS(1, count) : ARR_OVERHEAD_NONULLS(1);
	ArrayType *array;
	bits8 *present;

	if (count == 0)
		return PointerGetDatum(construct_empty_array(type));
	array = palloc0(header + list->used);
	SET_VARSIZE(array, header + list->used);
	array->ndim = 1;
	array->dataoffset = list->present ? (int32) header : 0;
	array->elemtype = type;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	present = ARR_NULLBITMAP(array);
	if (present != NULL)
		memcpy(present, list->present, (count + 7) / 8);
	if (list->used > 0)
		memcpy((char *) array + header, list->data, list->used);
	return PointerGetDatum(array);
}

/* Raises an error where the lists together would be larger than a value can be. */
static void
require_room(const Lists *lists)
{
	int64 bytes = lists->leads.used + lists->scores.used;

	for (int i = 0; i < SMK_SCORE_MAX_THRESHOLDS; i++)
		bytes += lists->crossings[i].used + lists->count / 8;
	if (bytes > (int64) MaxAllocSize - 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the scores of %lld leads have no room in one value", (long long) lists->count),
				 errdetail("They would take more than 1 GB."),
				 errhint("Bind leads and activities with a filter, so that fewer are scored.")));
}

#define SCORES_ROW(name, type)                                                                               \
	SMK_ROW_TYPE(name, type, FLOAT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID)

SCORES_ROW(scores_bigint, INT8ARRAYOID);
SCORES_ROW(scores_uuid, UUIDARRAYOID);
SCORES_ROW(scores_text, TEXTARRAYOID);

PG_FUNCTION_INFO_V1(smk_scores_finalfn);

/* The scores of a state as a row of lists; the state stays as it is but for the order of its events. */
Datum
smk_scores_finalfn(PG_FUNCTION_ARGS)
{
	static const SmkRowType *const rows[] = {&scores_bigint, &scores_uuid, &scores_text};
	static const Oid types[] = {INT8OID, UUIDOID, TEXTOID};
	ScoreState *state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	Lists lists = {.state = state};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext work;
	Datum values[2 + SMK_SCORE_MAX_THRESHOLDS] = {0};
	bool nulls[2 + SMK_SCORE_MAX_THRESHOLDS];
	TupleDesc descriptor;
	HeapTuple row;
	int kind;

	(void) smk_timeline_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	kind = state->events.timeline.kind;
	work = AllocSetContextCreate(context, "scores", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	smk_timeline_read(&state->events.timeline, visit_lead, &lists);
	require_room(&lists);
	values[0] = list_array(&lists.leads, types[kind], lists.count);
	nulls[0] = false;
	nulls[1] = !state->settings.wants_score;
	if (!nulls[1])
		values[1] = list_array(&lists.scores, FLOAT8OID, lists.count);
	for (int i = 0; i < SMK_SCORE_MAX_THRESHOLDS; i++)
	{
		nulls[2 + i] = i >= state->settings.rates.threshold_count;
		if (!nulls[2 + i])
			values[2 + i] = list_array(&lists.crossings[i], TIMESTAMPTZOID, lists.count);
	}
	descriptor = lookup_rowtype_tupdesc(get_fn_expr_rettype(fcinfo->flinfo), -1);
	MemoryContextSwitchTo(context);
	row = smk_row(rows[kind], descriptor, values, nulls);
	ReleaseTupleDesc(descriptor);
	MemoryContextDelete(work);
	PG_RETURN_DATUM(HeapTupleGetDatum(row));
}
