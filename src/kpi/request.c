/*
 * request.c: checks the six arguments of a call.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "attribution/attribution_arguments.h"
#include "compat.h"
#include "crm/reserved.h"
#include "funnel/funnel.h"
#include "funnel/funnel_arguments.h"
#include "kpi/moment.h"
#include "smarketing.h"

/* How long a touch counts for a conversion, and after which time half, unless options say otherwise. */
#define DEFAULT_LOOKBACK (90 * USECS_PER_DAY)
#define DEFAULT_HALF_LIFE (7 * USECS_PER_DAY)
#define DEFAULT_RESPOND_WITHIN (24 * USECS_PER_HOUR)

/* The bounds of a range from the position of since on. */
static void
read_bounds(FunctionCallInfo fcinfo, int first, SmkArguments *arguments)
{
	arguments->has_since = !PG_ARGISNULL(first);
	if (arguments->has_since)
		arguments->since = PG_GETARG_TIMESTAMPTZ(first);
	arguments->has_until = !PG_ARGISNULL(first + 1);
	if (arguments->has_until)
		arguments->until = PG_GETARG_TIMESTAMPTZ(first + 1);
}

/* The six arguments from the position of since on. */
void
smk_arguments_read(FunctionCallInfo fcinfo, int first, SmkArguments *arguments)
{
	memset(arguments, 0, sizeof(*arguments));
	read_bounds(fcinfo, first, arguments);
	if (PG_ARGISNULL(first + 2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"period\" must not be null"),
				 errhint("Periods: %s, all.", smk_period_names())));
	arguments->period = text_to_cstring(PG_GETARG_TEXT_PP(first + 2));
	arguments->by = PG_ARGISNULL(first + 3) ? NULL : PG_GETARG_ARRAYTYPE_P(first + 3);
	arguments->filter = PG_ARGISNULL(first + 4) ? NULL : PG_GETARG_JSONB_P(first + 4);
	arguments->options = PG_ARGISNULL(first + 5) ? NULL : PG_GETARG_JSONB_P(first + 5);
}

/* The four arguments since, until, filter and options, from the position of since on, of what is told of one
 * range. */
void
smk_arguments_read_range(FunctionCallInfo fcinfo, int first, SmkArguments *arguments)
{
	memset(arguments, 0, sizeof(*arguments));
	read_bounds(fcinfo, first, arguments);
	arguments->period = "all";
	arguments->filter = PG_ARGISNULL(first + 2) ? NULL : PG_GETARG_JSONB_P(first + 2);
	arguments->options = PG_ARGISNULL(first + 3) ? NULL : PG_GETARG_JSONB_P(first + 3);
}

/* The interval from one period's start to the next. */
const char *
smk_period_step(SmkPeriod period)
{
	switch (period)
	{
		case SMK_DAY:
			return "1 day";
		case SMK_WEEK:
			return "7 days";
		case SMK_MONTH:
			return "1 month";
		case SMK_QUARTER:
		case SMK_FISCAL_QUARTER:
			return "3 months";
		case SMK_YEAR:
		case SMK_FISCAL_YEAR:
			return "1 year";
	}
	return "";
}

/* The dimension of that name: an error that lists all where there is none. */
SmkBy *
smk_request_by(SmkConfig *config, const char *name)
{
	SmkBy *by = palloc0(sizeof(SmkBy));
	ListCell *cell;

	by->name = name;
	if (!smk_dimension_is_built_in(name))
	{
		StringInfoData others;

		initStringInfo(&others);
		foreach (cell, config->dimensions)
		{
			SmkDimension *dimension = lfirst(cell);

			if (strcmp(dimension->name, name) == 0)
				by->defined = dimension;
			appendStringInfo(&others, "%s%s", others.len ? ", " : "", dimension->name);
		}
		if (by->defined == NULL)
			smk_dimension_unknown(name, others.len ? others.data : NULL);
	}
	foreach (cell, config->value_map)
	{
		SmkMapped *mapped = lfirst(cell);

		if (strcmp(mapped->scope, name) == 0)
			by->map = lappend(by->map, mapped);
	}
	return by;
}

/* Reads argument by: at most so many dimensions, each once. */
static void
request_read_by(SmkRequest *request, ArrayType *array, int most)
{
	Datum *items;
	bool *nulls;
	int count;

	if (array == NULL)
		return;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	if (count > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"by\" names %d dimensions, at most %d are possible", count, most)));
	for (int i = 0; i < count; i++)
	{
		char *name;
		ListCell *cell;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"by\" must not contain nulls")));
		name = TextDatumGetCString(items[i]);
		foreach (cell, request->by)
			if (strcmp(((SmkBy *) lfirst(cell))->name, name) == 0)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								errmsg("argument \"by\" names dimension \"%s\" twice", name)));
		request->by = lappend(request->by, smk_request_by(request->config, name));
	}
}

/* Adds one value of a filter; false where it is not a scalar. */
static bool
filter_add(SmkFilter *filter, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			/* A value of that name is shown with the missing, and goes with it. */
			filter->values = lappend(filter->values, "(none)");
			break;
		case jbvString:
			filter->values = lappend(filter->values, pnstrdup(value->val.string.val, value->val.string.len));
			break;
		case jbvNumeric:
			filter->values = lappend(filter->values, DatumGetCString(DirectFunctionCall1(
														 numeric_out, NumericGetDatum(value->val.numeric))));
			break;
		case jbvBool:
			filter->values = lappend(filter->values, value->val.boolean ? "true" : "false");
			break;
		default:
			return false;
	}
	if (strcmp(llast(filter->values), "(none)") == 0)
		filter->has_none = true;
	return true;
}

/*
 * Reads a filter's condition: a value, a list of them, or {"not": either}. False where it is something else.
 */
static bool
filter_read(SmkFilter *filter, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue item;
	bool is_list;

	if (value->type != jbvBinary)
		return filter_add(filter, value);
	iterator = JsonbIteratorInit(value->val.binary.data);
	token = JsonbIteratorNext(&iterator, &item, true);
	is_list = token == WJB_BEGIN_ARRAY;
	if (!is_list)
	{
		if (token != WJB_BEGIN_OBJECT || filter->is_negated)
			return false;
		filter->is_negated = true;
		if (JsonbIteratorNext(&iterator, &item, true) != WJB_KEY || item.val.string.len != 3 ||
			strncmp(item.val.string.val, "not", 3) != 0)
			return false;
		if (JsonbIteratorNext(&iterator, &item, true) != WJB_VALUE || !filter_read(filter, &item))
			return false;
		return JsonbIteratorNext(&iterator, &item, true) == WJB_END_OBJECT;
	}
	while ((token = JsonbIteratorNext(&iterator, &item, true)) == WJB_ELEM)
		if (!filter_add(filter, &item))
			return false;
	return token == WJB_END_ARRAY;
}

/* The value of an option, or NULL where there is none of that name, or there are no options. */
JsonbValue *
smk_option_value(const Jsonb *options, const char *name)
{
	JsonbValue key;

	if (options == NULL || !JB_ROOT_IS_OBJECT(options))
		return NULL;
	key.type = jbvString;
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	return findJsonbValueFromContainer(unconstify(JsonbContainer *, &options->root), JB_FOBJECT, &key);
}

/* The language that options ask for, else that of the settings: en or fr. */
const char *
smk_option_language(const SmkConfig *config, const Jsonb *options)
{
	JsonbValue *value = smk_option_value(options, "language");
	const char *language;

	if (value == NULL || value->type == jbvNull)
		return config->language;
	language = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : "";
	if (strcmp(language, "en") != 0 && strcmp(language, "fr") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for option \"%s\": \"%s\"", "language", language),
						errhint("It takes: en, fr.")));
	return language;
}

/* Calls visit with each key and value of a JSON object. */
static void
request_each(SmkRequest *request, Jsonb *json, const char *argument,
			 void (*visit)(SmkRequest *request, char *key, JsonbValue *value))
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *key = NULL;

	if (json == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a JSON object", argument)));
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			visit(request, key, &value);
	}
}

static void
request_visit_filter(SmkRequest *request, char *key, JsonbValue *value)
{
	SmkFilter *filter = palloc0(sizeof(SmkFilter));

	filter->by = smk_request_by(request->config, key);
	if (!filter_read(filter, value))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid filter on dimension \"%s\"", key),
			 errhint(
				 "A filter is a value, null for the missing, a list of them, or {\"not\": ...} of these.")));
	if (filter->values != NIL || filter->has_none)
		request->filters = lappend(request->filters, filter);
}

/* An option's value as text: an error for anything else. */
static char *
option_text(const char *key, const JsonbValue *value)
{
	if (value->type != jbvString)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" must be text", key)));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* The same of a length of time. */
static char *
option_time_text(const char *key, const JsonbValue *value)
{
	if (value->type == jbvNumeric)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" must be text", key),
						errhint("A length of time has a unit, for example \"30 days\".")));
	return option_text(key, value);
}

static void
option_basis(SmkRequest *request, const JsonbValue *value)
{
	const char *name = request->kpi->basis_option;
	char *basis;
	StringInfoData list;

	if (value->type == jbvNull)
		return;
	basis = option_text(name, value);
	initStringInfo(&list);
	for (const char *const *known = request->kpi->bases; *known != NULL; known++)
	{
		if (strcmp(*known, basis) == 0)
		{
			request->basis = *known;
			return;
		}
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", *known);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"%s\": \"%s\"", name, basis),
					errhint("It takes: %s.", list.data)));
}

/* Tells of which option an error is. */
static void
option_context(void *key)
{
	errcontext("option \"%s\"", (const char *) key);
}

/* An option's text as a value of another type, whose input function says what is wrong with it. */
static Datum
option_input(PGFunction input, const char *key, const char *text)
{
	ErrorContextCallback context = {error_context_stack, option_context, unconstify(char *, key)};
	Datum result;

	error_context_stack = &context;
	result =
		DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = context.previous;
	return result;
}

/* An option that is a length of time of days and hours, at most 100 years either way. */
static Interval *
option_interval(const char *key, const char *text)
{
	Interval *interval;

	/* A number alone would be seconds, which nobody means. */
	if (strpbrk(text, "123456789") != NULL && text[strspn(text, "+-0123456789. ")] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs a unit: \"%s\"", key, text),
						errhint("For example \"30 days\".")));
	interval = DatumGetIntervalP(option_input(interval_in, key, text));
	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must not have months or years: \"%s\"", key, text),
				 errhint("A month has no fixed length: give days and hours, for example \"30 days\".")));
	if (interval->day > 36525 || interval->day < -36525 || interval->time > 36525 * USECS_PER_DAY ||
		interval->time < -36525 * USECS_PER_DAY)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must not be longer than 100 years: \"%s\"", key, text)));
	return interval;
}

static void
option_lag(SmkRequest *request, const JsonbValue *value)
{
	Interval *lag = option_interval("lag", option_time_text("lag", value));

	request->has_lag = lag->day != 0 || lag->time != 0;
	request->lag = *lag;
}

/* How long after its creation a lead's step may come; a day has 24 hours, null is no limit. */
static void
option_within(SmkRequest *request, const JsonbValue *value)
{
	const char *text;
	Interval *within;

	if (value->type == jbvNull)
		return;
	text = option_time_text("within", value);
	within = option_interval("within", text);
	request->within = within->day * USECS_PER_DAY + within->time;
	if (request->within <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"within\" must be positive: \"%s\"", text),
						errhint("Leave it out for no limit.")));
	request->has_within = true;
}

/* A length of time that must be positive; a day has 24 hours. */
static int64
option_length(const char *key, const JsonbValue *value)
{
	const char *text = option_time_text(key, value);
	Interval *interval = option_interval(key, text);
	int64 length = interval->day * USECS_PER_DAY + interval->time;

	if (length <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must be positive: \"%s\"", key, text)));
	return length;
}

/* The model by which conversions are credited. */
static void
option_model(SmkRequest *request, const JsonbValue *value)
{
	request->model = option_text("model", value);
	(void) smk_attribution_model_argument(request->model);
}

/* How long sales may take to answer. */
static void
option_respond_within(SmkRequest *request, const JsonbValue *value)
{
	const char *text = option_time_text("respond_within", value);
	Interval *within = option_interval("respond_within", text);

	request->respond_within = within->day * USECS_PER_DAY + within->time;
	if (request->respond_within <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"respond_within\" must be positive: \"%s\"", text),
						errhint("For example \"24 hours\".")));
}

/* The time as of which is looked: request_settle_as_of reads on when the zone is known. */
static void
option_as_of(SmkRequest *request, const JsonbValue *value)
{
	const char *text;

	if (value->type == jbvNull)
		return;
	text = option_text("as_of", value);
	request->as_of = DatumGetTimestampTz(option_input(timestamptz_in, "as_of", text));
	if (TIMESTAMP_NOT_FINITE(request->as_of))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"as_of\" must be finite: \"%s\"", text),
						errhint("Leave it out for how it stands now.")));
	request->has_as_of = true;
}

/* How the steps of a funnel follow each other. */
static void
option_mode(SmkRequest *request, const JsonbValue *value)
{
	char *mode = option_text("mode", value);

	request->mode = (smk_funnel_rules_parse(mode) & SMK_FUNNEL_REACHED) ? NULL : mode;
}

/* Raises an error for a kind that nothing has: a slip of the pen would count nothing. */
static void
kind_require(SmkConfig *config, const char *kind)
{
	static const char *const known[] = {"new", "upsell", "cross_sell", "renewal"};
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(known); i++)
	{
		if (strcmp(known[i], kind) == 0)
			return;
		appendStringInfo(&list, "%s%s", i ? ", " : "", known[i]);
	}
	foreach (cell, config->value_map)
	{
		SmkMapped *mapped = lfirst(cell);

		if (strcmp(mapped->scope, "kind") == 0 && strcmp(mapped->value, kind) == 0)
			return;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("kind \"%s\" does not exist", kind),
		 errhint("Kinds: %s, all. The CRM's own words become kinds with smarketing.map_value('kind', ...).",
				 list.data)));
}

static void
option_kind(SmkRequest *request, JsonbValue *value)
{
	SmkFilter list = {0};
	ListCell *cell;

	if (value->type == jbvNull || !filter_read(&list, value) || list.is_negated || list.values == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"kind\" must be a kind, a list of kinds, or \"all\"")));
	request->all_kinds = list_length(list.values) == 1 && strcmp(linitial(list.values), "all") == 0;
	if (!request->all_kinds)
		foreach (cell, list.values)
			kind_require(request->config, lfirst(cell));
	request->kinds = list.values;
	request->has_kind = true;
}

static void
option_rolling(SmkRequest *request, const JsonbValue *value)
{
	if (value->type != jbvBool)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"rolling\" must be true or false")));
	request->is_rolling = value->val.boolean;
}

/* The share of revenue that is margin: above 0, at most 1. */
static void
option_margin(SmkRequest *request, const JsonbValue *value)
{
	char *text = value->type == jbvNumeric
					 ? DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)))
					 : "";

	if (!smk_margin_is_valid(text))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"margin\" must be a number above 0 and at most 1")));
	request->margin = text;
}

/* Projections come later: only none is understood. */
static void
option_horizon(const JsonbValue *value)
{
	if (value->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"horizon\" must be a number")));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value->val.numeric),
										  NumericGetDatum(int64_to_numeric(0)))))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("projections are not supported yet: option \"horizon\" must be 0")));
}

/* The method of projections, of which there are none yet. */
static void
option_method(const JsonbValue *value)
{
	static const char *const known[] = {"auto",			  "theta", "damped",  "holt_winters",
										"seasonal_naive", "naive", "combined"};
	char *method = option_text("method", value);

	for (size_t i = 0; i < lengthof(known); i++)
		if (strcmp(known[i], method) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", "method", method),
			 errhint("It takes: auto, theta, damped, holt_winters, seasonal_naive, naive, combined.")));
}

static void
request_visit_option(SmkRequest *request, char *key, JsonbValue *value)
{
	StringInfoData list;
	bool is_known = false;

	initStringInfo(&list);
	for (const char *const *known = request->kpi->options; *known != NULL; known++)
	{
		is_known = is_known || strcmp(*known, key) == 0;
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", *known);
	}
	if (request->own_option)
	{
		appendStringInfo(&list, ", %s", request->own_option);
		if (strcmp(key, request->own_option) == 0)
			return;
	}
	if (!is_known)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" of %s does not exist", key, request->kpi->name),
						errhint("Options: %s.", list.data)));
	if (request->kpi->basis_option && strcmp(key, request->kpi->basis_option) == 0)
		option_basis(request, value);
	else if (strcmp(key, "lag") == 0)
		option_lag(request, value);
	else if (strcmp(key, "within") == 0)
		option_within(request, value);
	else if (strcmp(key, "respond_within") == 0)
		option_respond_within(request, value);
	else if (strcmp(key, "calendar") == 0)
		request->calendar = value->type == jbvNull ? NULL : option_text(key, value);
	else if (strcmp(key, "as_of") == 0)
		option_as_of(request, value);
	else if (strcmp(key, "mode") == 0)
		option_mode(request, value);
	else if (strcmp(key, "rolling") == 0)
		option_rolling(request, value);
	else if (strcmp(key, "kind") == 0)
		option_kind(request, value);
	else if (strcmp(key, "time_zone") == 0)
		request->time_zone = option_text(key, value);
	else if (strcmp(key, "margin") == 0)
		option_margin(request, value);
	else if (strcmp(key, "model") == 0)
		option_model(request, value);
	else if (strcmp(key, "lookback") == 0)
		request->lookback = option_length(key, value);
	else if (strcmp(key, "half_life") == 0)
		request->half_life = option_length(key, value);
	else if (strcmp(key, "horizon") == 0)
		option_horizon(value);
	else if (strcmp(key, "method") == 0)
		option_method(value);
	else
		elog(ERROR, "option \"%s\" is not read", key);
}

/*
 * True for an instant that is midnight in the session's zone (the day's first instant, where there is no
 * midnight): that date is meant then.
 */
static bool
is_session_midnight(TimestampTz at, DateADT *date)
{
	SmkZone session = {0};

	session.kind = SMK_ZONE_FULL;
	session.tz = session_timezone;
	*date = smk_zone_local_date(&session, at);
	/* As a date is read as a bound, which is the second midnight of a day that has two. */
	return at == DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, DateADTGetDatum(*date))) ||
		   at == smk_zone_first_instant(&session, *date);
}

/* A bound as an instant: one that means a date is that date in the reporting zone. */
static TimestampTz
request_bound(SmkRequest *request, TimestampTz at, const char *name)
{
	DateADT date;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" must be finite", name),
				 errhint("Leave a bound out with NULL.")));
	return is_session_midnight(at, &date) ? smk_zone_first_instant(request->zone, date) : at;
}

/*
 * Makes as_of the first instant that is not seen: the next day's where a date is meant, of which all is seen.
 * The range ends, and periods run, as they did then.
 */
static void
request_settle_as_of(SmkRequest *request)
{
	DateADT date;

	if (!request->has_as_of)
		return;
	request->as_of = is_session_midnight(request->as_of, &date)
						 ? smk_zone_first_instant(request->zone, date + 1)
						 : request->as_of + 1;
	request->now = Min(request->now, request->as_of);
}

static DateADT
request_start_of(SmkRequest *request, DateADT date)
{
	return smk_period_start_of_date(request->period, date, request->config->fiscal_year_start);
}

static DateADT
request_next(SmkRequest *request, DateADT start)
{
	return smk_period_next(request->period, start, request->config->fiscal_year_start);
}

/* Settles since and until where they were left out. */
static void
request_default_range(SmkRequest *request, const SmkArguments *arguments)
{
	request->has_since = arguments->has_since;
	if (arguments->has_since)
		request->since = request_bound(request, arguments->since, "since");
	request->until = arguments->has_until ? request_bound(request, arguments->until, "until") : request->now;
	request->is_unbounded = request->is_all && !arguments->has_since && !arguments->has_until;
	if (!request->is_all && !arguments->has_since)
	{
		/* Twelve complete periods, and what has gone of the one that runs. */
		DateADT start = request_start_of(request, smk_zone_local_date(request->zone, request->until));

		for (int i = 0; i < 12; i++)
			start = request_start_of(request, start - 1);
		request->has_since = true;
		request->since = smk_zone_first_instant(request->zone, start);
	}
	if (request->has_since && request->since >= request->until)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"since\" must be before \"until\""),
						errdetail("The range is from %s to %s.", smk_timestamp_literal(request->since),
								  smk_timestamp_literal(request->until))));
}

/* Lays the periods out over the range, and marks those that it clips or that still run. */
void
smk_request_lay(SmkRequest *request)
{
	DateADT date;
	TimestampTz cut = Min(request->until, smk_moment_complete(request).at);
	int count = 0;

	request->skipped = NIL;
	request->partial_first = DATEVAL_NOEND;
	if (request->is_moving)
	{
		request->first = request_start_of(request, smk_zone_local_date(request->zone, request->since));
		request->end = request_next(
			request, request_start_of(request, smk_zone_local_date(request->zone, request->until - 1)));
		request->partial_from =
			request_start_of(request, smk_zone_local_date(request->zone, smk_moment_complete(request).at));
		if (request->period == SMK_DAY)
			request->skipped = smk_zone_skipped_dates(request->zone);
		return;
	}
	if (request->is_all)
	{
		request->first = request->has_since ? smk_zone_local_date(request->zone, request->since) : 0;
		request->end = request->first + 1;
		request->partial_from =
			request->until > smk_moment_complete(request).at ? request->first : request->end;
		return;
	}
	request->first = request_start_of(request, smk_zone_local_date(request->zone, request->since));
	if (smk_zone_first_instant(request->zone, request->first) < request->since)
		request->partial_first = request->first;
	request->partial_from = DATEVAL_NOEND;
	for (date = request->first; smk_zone_first_instant(request->zone, date) < request->until;)
	{
		DateADT next = request_next(request, date);

		if (++count > SMK_MAX_PERIODS)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("the range has more than %d periods", SMK_MAX_PERIODS),
							errhint("Ask for a shorter range or a longer period.")));
		if (request->partial_from == DATEVAL_NOEND && smk_zone_first_instant(request->zone, next) > cut)
			request->partial_from = date;
		CHECK_FOR_INTERRUPTS();
		if (request->period == SMK_DAY &&
			smk_zone_first_instant(request->zone, date) == smk_zone_first_instant(request->zone, next))
			request->skipped = lappend_int(request->skipped, date);
		date = next;
	}
	request->end = date;
	if (request->partial_from == DATEVAL_NOEND)
		request->partial_from = request->end;
}

/* Tells that a bound which was meant as the last day leaves that day out. */
static void
request_notice_until(const SmkRequest *request, const SmkArguments *arguments)
{
	if (arguments->has_until && !request->is_all && request->period != SMK_DAY &&
		smk_zone_first_instant(request->zone, request->end - 1) == request->until)
		ereport(NOTICE,
				(errmsg("the last day of the last period, %s, is left out",
						smk_date_literal(request->end - 1) + 5),
				 errdetail("The range ends where that day begins: argument \"until\" is exclusive."),
				 errhint("Give %s as \"until\" for whole periods.", smk_date_literal(request->end) + 5)));
}

/* Takes the first basis that is bound for auto; what decides the basis is the name of an entity then. */
static void
request_settle_basis(SmkRequest *request)
{
	const char *const *bases = request->kpi->bases;

	if (request->basis == NULL || strcmp(request->basis, "auto") != 0)
		return;
	for (int i = 1; bases[i] != NULL; i++)
		if (smk_config_binding(request->config, bases[i]) != NULL)
		{
			request->basis = bases[i];
			return;
		}
	request->basis = bases[1];
}

/*
 * Checks the arguments of a call. Raises an error for whatever is not known; palloc'd in the current context.
 */
SmkRequest *
smk_request(SmkConfig *config, const SmkKpi *kpi, const SmkArguments *arguments)
{
	SmkRequest *request = palloc0(sizeof(SmkRequest));

	request->config = config;
	request->kpi = kpi;
	request->own_option = arguments->own_option;
	request->time_zone = config->time_zone;
	request->margin = config->gross_margin;
	request->basis = kpi->bases ? kpi->bases[0] : NULL;
	request->kinds = list_make1("new");
	request->all_kinds = kpi->entity && strcmp(kpi->entity, "credit") == 0;
	request->model = "linear";
	request->lookback = DEFAULT_LOOKBACK;
	request->half_life = DEFAULT_HALF_LIFE;
	request->respond_within = DEFAULT_RESPOND_WITHIN;
	request->now = GetCurrentTransactionStartTimestamp();
	request_each(request, arguments->options, "options", request_visit_option);
	request->zone = smk_zone_lookup(request->time_zone);
	request_settle_basis(request);
	request_settle_as_of(request);

	request->is_all = strcmp(arguments->period, "all") == 0;
	if (!request->is_all && !smk_period_parse(arguments->period, &request->period))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("period \"%s\" does not exist", arguments->period),
						errhint("Periods: %s, all.", smk_period_names())));
	request_default_range(request, arguments);
	smk_request_lay(request);
	request_notice_until(request, arguments);
	request_read_by(request, arguments->by, arguments->most_by ? arguments->most_by : SMK_MAX_BY);
	request_each(request, arguments->filter, "filter", request_visit_filter);
	return request;
}

/* The first local date that begins at or after the instant. */
DateADT
smk_request_date_from(const SmkRequest *request, TimestampTz at)
{
	DateADT date = smk_zone_local_date(request->zone, at);

	return smk_zone_first_instant(request->zone, date) < at ? date + 1 : date;
}

/* The further argument of the calendar's functions, ", 4", where fiscal periods need it; palloc'd. */
char *
smk_request_first_month(const SmkRequest *request)
{
	if (request->period == SMK_FISCAL_QUARTER || request->period == SMK_FISCAL_YEAR)
		return psprintf(", %d", request->config->fiscal_year_start);
	return pstrdup("");
}

/* SQL for the start of the period in which a local date falls. */
char *
smk_request_bucket_of(const SmkRequest *request, const char *date)
{
	if (request->period == SMK_DAY)
		return pstrdup(date);
	return psprintf("smarketing.period_start('%s', %s%s)", smk_period_name(request->period), date,
					smk_request_first_month(request));
}

/* SQL for the first date after the period in which a local date falls. */
char *
smk_request_period_end_of(const SmkRequest *request, const char *date)
{
	if (request->period == SMK_DAY)
		return psprintf("%s + 1", date);
	return psprintf("smarketing.period_end('%s', %s%s)", smk_period_name(request->period), date,
					smk_request_first_month(request));
}

/* The WHERE clause that leaves out the dates of the range that are no periods, as the zone skipped them; or
 * empty. */
char *
smk_request_without_skipped(const SmkRequest *request)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, request->skipped)
		appendStringInfo(&sql, "%sday::date <> %s", sql.len ? " AND " : "\n    WHERE ",
						 smk_date_literal(lfirst_int(cell)));
	return sql.data;
}

/* SQL for an array of the dates that the reporting zone skipped; NULL where it skipped none. */
char *
smk_request_skipped_dates(const SmkRequest *request)
{
	List *dates = smk_zone_skipped_dates(request->zone);
	StringInfoData sql;
	ListCell *cell;

	if (dates == NIL)
		return NULL;
	initStringInfo(&sql);
	foreach (cell, dates)
		appendStringInfo(&sql, "%s%s", sql.len ? ", " : "", smk_date_literal(lfirst_int(cell)));
	return psprintf("ARRAY[%s]", sql.data);
}
