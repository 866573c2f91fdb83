/*
 * scorecard.c: the eight KPIs of one range, a row each: what it is, what it was, and in plain words what that
 * means. Every figure is the KPI's own: its statement is compiled and run as its function does it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include <math.h>

#include "executor/spi.h"
#include "funcapi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/lack.h"
#include "kpi/measure.h"
#include "kpi/number_text.h"
#include "kpi/same_age.h"
#include "kpi/scorecard.h"
#include "kpi/source.h"
#include "kpi/statement.h"
#include "kpi/template.h"
#include "row.h"

/* Less than this is no change; a cause makes at least this share of one. */
#define LEAST_CHANGE 0.01
#define LEAST_SHARE 0.5

/* A row: the KPI, under which name where there is none yet, and by what its change may be explained. */
typedef struct Line
{
	int number;
	const char *kpi;
	const char *metric;
	const char *dimensions[4]; /* the first that it can have is taken */
} Line;

static const Line lines[] = {
	{1, "cost_per_lead", "cost_per_lead", {"channel", "campaign", NULL}},
	{2, "cost_per_opportunity", "cost_per_opportunity", {"channel", "campaign", NULL}},
	{3, "customer_retention", "retention_rate", {"channel", "segment", NULL}},
	{4, "customer_acquisition_cost", "customer_acquisition_cost", {"channel", NULL}},
	{5, "revenue_evolution", "revenue", {"owner", "channel", "segment", NULL}},
	{6, "sales_qualified_leads", "lead_to_won_rate", {"channel", "owner", NULL}},
	{7, "marketing_roi", "roi", {"channel", "campaign", NULL}},
	{8, "opportunity_win_rate", "win_rate", {"owner", "channel", NULL}}};

/* The words of a language, with figures in their places. */
typedef struct Words
{
	const char *not_bound;
	const char * or ;
	const char *no_dimension;
	const char *no_spend;
	const char *no_spend_yet;
	const char *no_data;
	const char *no_rate;
	const char *for_nothing;
	const char *no_customers;
	const char *too_early;
	const char *no_previous;
	const char *no_previous_rate;
	const char *no_same_age;
	const char *steady;
	const char *same_age; /* follows a change */
	const char *from_nothing;
	const char *to_nothing;
	const char *up;
	const char *down;
	const char *better;
	const char *worse;
	const char *cause;
	const char *goal_met;
	const char *goal_missed;
	const char *percent;
	const char *none;
	const char *language;
	const char *separator;
} Words;

static const Words english = {.not_bound = "bind entity %s",
							  .or = " or ",
							  .no_dimension = "cannot be filtered by %s",
							  .no_spend = "no spend is known: bind spend, or enter it in spend_entry",
							  .no_spend_yet = "no spend in this period yet",
							  .no_data = "nothing in this period",
							  .no_rate = "not known: an exchange rate is missing",
							  .for_nothing = "%s spent, and nothing came of it",
							  .no_customers = "no customers when this period began",
							  .too_early = "too early to tell: its leads still have time",
							  .no_previous = "nothing to compare with yet",
							  .no_previous_rate = "nothing to compare with yet, or an exchange rate is missing",
							  .no_same_age = "nothing to compare with at the same age",
							  .steady = "as before",
							  .same_age = " at the same age",
							  .from_nothing = "up from 0",
							  .to_nothing = "down from 0",
							  .up = "up %s",
							  .down = "down %s",
							  .better = "better",
							  .worse = "worse",
							  .cause = "above all %s: %s",
							  .goal_met = "goal %s met",
							  .goal_missed = "goal %s missed",
							  .percent = "%s %%",
							  .none = "%s (none)",
							  .language = "en",
							  .separator = "; "};

static const Words french = {.not_bound = "relier l'entité %s",
							 .or = " ou ",
							 .no_dimension = "ne peut être filtré par %s",
							 .no_spend =
								 "aucune dépense connue : relier spend, ou la saisir dans spend_entry",
							 .no_spend_yet = "pas encore de dépense dans cette période",
							 .no_data = "rien dans cette période",
							 .no_rate = "inconnu : il manque un taux de change",
							 .for_nothing = "%s dépensés, sans résultat",
							 .no_customers = "aucun client au début de cette période",
							 .too_early = "trop tôt pour le dire : ses leads ont encore du temps",
							 .no_previous = "rien encore à quoi comparer",
							 .no_previous_rate =
								 "rien encore à quoi comparer, ou il manque un taux de change",
							 .no_same_age = "rien à quoi comparer à âge égal",
							 .steady = "comme avant",
							 .same_age = " à âge égal",
							 .from_nothing = "en hausse depuis 0",
							 .to_nothing = "en baisse depuis 0",
							 .up = "hausse de %s",
							 .down = "baisse de %s",
							 .better = "mieux",
							 .worse = "moins bien",
							 .cause = "surtout %s : %s",
							 .goal_met = "objectif %s atteint",
							 .goal_missed = "objectif %s manqué",
							 .percent = "%s %%",
							 .none = "%s (aucun)",
							 .language = "fr",
							 .separator = " ; "};

/* A figure that may be missing. */
typedef struct Figure
{
	bool is_known;
	Datum value; /* numeric */
	double number;
} Figure;

/* The figures of a KPI. */
typedef struct Figures
{
	Figure value;
	Figure numerator;
	Figure denominator;
	Figure previous;
	Figure year_ago;
	Figure goal;
	Figure now; /* what is compared: value and previous, or both as they were at the same age */
	Figure before;
	const SmkRequest *aged; /* the request that compares at the same age; NULL: that is not compared */
	bool lacks_rate;		/* unknown for want of an exchange rate, which the settings allow */
	bool is_young;	  /* its records still have time */
	bool lacks_spend; /* no spend at all, where there was some in the range before */
	bool is_empty;	  /* nothing there, and nothing before; or the range has not begun */
} Figures;

/* What explains a change. */
typedef struct Cause
{
	char *name;
	double now;
	double before;
} Cause;

/* A number as people write it, with so many decimals; palloc'd. */
static char *
shown(const Words *words, double number, int decimals)
{
	return smk_number_text(words->language, number, decimals);
}

/* True for what people read in percent, and its changes in points. */
static bool
is_percent(SmkUnit unit)
{
	return unit == SMK_UNIT_RATE || unit == SMK_UNIT_RETURN;
}

/* A figure in its unit: shares in percent, money without cents where it is large. */
static char *
shown_figure(const Words *words, SmkUnit unit, double number)
{
	if (is_percent(unit))
		return psprintf(words->percent, shown(words, number * 100, 1));
	return shown(words, number, unit == SMK_UNIT_COUNT || fabs(number) >= 1000 ? 0 : 2);
}

/* How large a change is: of shares in points, of others in percent. */
static char *
shown_size(const Words *words, bool is_share, double change, int decimals)
{
	return is_share ? smk_points_text(words->language, change, decimals)
					: psprintf(words->percent, shown(words, fabs(change), decimals));
}

/* How a figure changed, with its sign. */
static char *
shown_change(const Words *words, SmkUnit unit, double now, double before)
{
	double change = is_percent(unit) ? (now - before) * 100 : (now - before) / fabs(before) * 100;
	int decimals = fabs(change) < 10 ? 1 : 0;

	return psprintf("%s%s", change > 0 ? "+" : change < 0 ? "-" : "",
					shown_size(words, is_percent(unit), change, decimals));
}

/* Reads a figure of the row that SPI has fetched, by its position from 1 on. */
static Figure
read_figure(SPITupleTable *table, uint64 row, int column)
{
	Figure figure = {0};
	bool is_null;
	Datum value = SPI_getbinval(table->vals[row], table->tupdesc, column, &is_null);

	if (is_null)
		return figure;
	figure.is_known = true;
	figure.value = value;
	figure.number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
	return figure;
}

/* Runs the statement of a KPI. */
static SPITupleTable *
run(const SmkRequest *request, const char *sql)
{
	smk_statement_run(sql, NULL, request->kpi->name);
	return SPI_tuptable;
}

/* The template of a column of a KPI. */
static char *
template_of(const SmkRequest *request, const char *name)
{
	return smk_column_template(request->kpi, smk_kpi_column(request->kpi, name, request->basis));
}

/* A column at another time, as numeric. */
static char *
shifted(const SmkColumn *column, SmkShift shift)
{
	char *name = psprintf("[%s:%s]", smk_shift_name(shift), column->name);

	return psprintf("(%s)::numeric", column->aggregate != SMK_RATIO && column->unit == SMK_UNIT_MONEY
										 ? psprintf("smarketing.money(%s)", name)
										 : name);
}

/* The measure of spend that a metric is made of: divided by something, or what something is divided by; or
 * NULL.
 */
static const char *
spend_of(const SmkColumn *column)
{
	if (column->unit == SMK_UNIT_MONEY)
		return column->numerator;
	return column->unit == SMK_UNIT_RETURN ? column->denominator : NULL;
}

/* The same of the figures. */
static const Figure *
spend_figure(const SmkColumn *column, const Figures *figures)
{
	return column->unit == SMK_UNIT_RETURN ? &figures->denominator : &figures->numerator;
}

/*
 * Reads what is compared of a KPI whose records still grow: the range and the one before it at the same age,
 * by what is known to have happened by then. Unknown where nothing tells when it happened.
 */
static void
read_at_same_age(const SmkRequest *request, const SmkColumn *column, Figures *figures)
{
	SmkRequest *aged = smk_same_age(request);
	SmkOutput outputs[2] = {{"now", template_of(request, column->name), "numeric"},
							{"before", shifted(column, SMK_SHIFT_PREVIOUS), NULL}};
	SPITupleTable *table = run(aged, smk_compile(aged, outputs, 2, true));

	figures->aged = aged;
	figures->now = read_figure(table, 0, 3);
	figures->before = read_figure(table, 0, 4);
	if (figures->now.number == 0 && figures->before.number == 0 && figures->value.number != 0)
		figures->before.is_known = false;
}

/* True where a sum of money that is bound is unknown all the same: a rate is missing, and may be. */
static bool
lacks_rate(const SmkRequest *request, const SmkColumn *column, const Figures *figures)
{
	SmkStatement statement = {.request = request};
	const char *spend = spend_of(column);
	const SmkColumn *money = spend ? smk_kpi_column(request->kpi, spend, request->basis) : column;

	if (!request->config->missing_rate_is_null || !smk_column_is_money(money) ||
		!smk_measure_is_available(&statement, money))
		return false;
	/* A return is unknown, too, where revenue is. */
	return spend ? !spend_figure(column, figures)->is_known || !figures->numerator.is_known
				 : !figures->value.is_known;
}

/* Reads the figures of a KPI. */
static void
read_figures(const SmkRequest *request, const SmkColumn *column, Figures *figures)
{
	bool has_maturity = smk_kpi_column(request->kpi, "is_mature", NULL) != NULL;
	SmkOutput outputs[8] = {
		{"value", template_of(request, column->name), "numeric"},
		{"numerator", NULL, "numeric"},
		{"denominator", NULL, "numeric"},
		{"previous", shifted(column, SMK_SHIFT_PREVIOUS), NULL},
		{"year_ago", shifted(column, SMK_SHIFT_YEAR_AGO), NULL},
		{"goal", shifted(column, SMK_SHIFT_GOAL), NULL},
		{"is_mature", has_maturity ? template_of(request, "is_mature") : NULL, "boolean"},
		{"spent_before", spend_of(column) ? psprintf("[previous:%s]", spend_of(column)) : NULL, "numeric"}};
	SPITupleTable *table;

	if (column->numerator != NULL)
	{
		outputs[1].template = template_of(request, column->numerator);
		outputs[2].template = template_of(request, column->denominator);
	}
	table = run(request, smk_compile(request, outputs, 8, true));
	memset(figures, 0, sizeof(*figures));
	figures->is_empty = true;
	if (table->numvals == 0)
		return;
	/* After period_start and is_partial. */
	figures->value = read_figure(table, 0, 3);
	figures->numerator = read_figure(table, 0, 4);
	figures->denominator = read_figure(table, 0, 5);
	figures->previous = read_figure(table, 0, 6);
	figures->year_ago = read_figure(table, 0, 7);
	figures->goal = read_figure(table, 0, 8);
	figures->now = figures->value;
	figures->before = figures->previous;
	figures->lacks_spend = spend_of(column) && spend_figure(column, figures)->is_known &&
						   spend_figure(column, figures)->number == 0 &&
						   (read_figure(table, 0, 10).number > 0 ||
							(column->unit == SMK_UNIT_RETURN && figures->numerator.number != 0));
	figures->lacks_rate = lacks_rate(request, column, figures);
	/* A sum over nothing is 0, a quotient unknown. */
	figures->is_empty =
		!figures->value.is_known ||
		(column->numerator == NULL && figures->value.number == 0 && figures->previous.number == 0) ||
		(request->has_since && request->since >= request->now);
	if (has_maturity)
	{
		bool is_null;
		Datum mature = SPI_getbinval(table->vals[0], table->tupdesc, 9, &is_null);

		figures->is_young = !is_null && !DatumGetBool(mature);
		if (!figures->is_empty && figures->previous.is_known)
			read_at_same_age(request, column, figures);
	}
}

/* True where a filter leaves but one value of a dimension. */
static bool
is_fixed(const SmkRequest *request, const SmkBy *by)
{
	ListCell *cell;

	foreach (cell, request->filters)
	{
		const SmkFilter *filter = lfirst(cell);

		if (strcmp(filter->by->name, by->name) == 0 && !filter->is_negated &&
			list_length(filter->values) + filter->has_none == 1)
			return true;
	}
	return false;
}

/* The dimensions by which a KPI's change may be explained, of SmkBy: those that it can have, and that are not
 * fixed. */
static List *
pick_dimensions(const SmkRequest *request, const Line *line, const SmkColumn *column)
{
	const char *template = smk_column_template(request->kpi, column);
	List *result = NIL;

	for (int i = 0; line->dimensions[i] != NULL; i++)
	{
		SmkBy *by = smk_request_by(request->config, line->dimensions[i]);

		if (!is_fixed(request, by) && smk_template_has_dimension(request, template, by))
			result = lappend(result, by);
	}
	return result;
}

/* A dimension that is filtered by and that a KPI cannot have; NULL: none. */
static const SmkBy *
lacking_dimension(const SmkRequest *request, const SmkColumn *column)
{
	ListCell *cell;

	foreach (cell, request->filters)
	{
		const SmkBy *by = ((SmkFilter *) lfirst(cell))->by;

		if (!smk_template_has_dimension(request, smk_column_template(request->kpi, column), by))
			return by;
	}
	return NULL;
}

/* True where a KPI would have a dimension, were it not for spend. */
static bool
is_lacking_of_spend(const SmkRequest *request, const SmkColumn *column, const SmkBy *by)
{
	SmkRequest tolerant = *request;
	SmkConfig config = *request->config;

	config.spend_without_dimension = "none";
	tolerant.config = &config;
	return smk_template_has_dimension(&tolerant, smk_column_template(request->kpi, column), by);
}

/* Entities as people list them: a, b or c; palloc'd. */
static char *
listed(const Words *words, List *entities)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < list_length(entities); i++)
		appendStringInfo(&list, "%s%s",
						 i == 0							  ? ""
						 : i == list_length(entities) - 1 ? words->or
														  : ", ",
						 (char *) list_nth(entities, i));
	return list.data;
}

/* What a metric would be of these two sums. */
static double
figure_of(const SmkColumn *column, double numerator, double denominator)
{
	if (column->numerator == NULL)
		return numerator;
	return denominator == 0 ? NAN : numerator / denominator;
}

/* The name under which people know an owner or an account, where its entity has one; else the value. */
char *
smk_value_label(const SmkRequest *request, const SmkBy *by, char *value)
{
	SmkBinding *binding = strcmp(by->name, "owner") == 0 || strcmp(by->name, "account") == 0
							  ? smk_config_binding(request->config, by->name)
							  : NULL;
	bool needed[SMK_MAX_COLUMNS] = {false};
	SPITupleTable *table;
	char *label;
	int key;
	int name;

	if (binding == NULL || strcmp(value, "(none)") == 0)
		return value;
	smk_binding_open(binding);
	key = smk_entity_column(binding->entity, binding->entity->key);
	name = smk_entity_column(binding->entity, "label");
	if (binding->columns[name].text == NULL)
		return value;
	needed[key] = needed[name] = true;
	table =
		run(request,
			psprintf("SELECT min(%s.label) FROM %s AS %s WHERE %s.%s::text = %s", by->name,
					 smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL), by->name,
					 by->name, quote_identifier(binding->entity->key), quote_literal_cstr(value)));
	label = SPI_getvalue(table->vals[0], table->tupdesc, 1);
	return label ? label : value;
}

/*
 * Looks for the value of a dimension without whose change more than half of a metric's change would not be
 * there: its name stays NULL where there is none. False where the dimension has but one value: as where the
 * filter fixes it under another name.
 */
static bool
find_cause(const SmkRequest *whole, const Words *words, SmkBy *by, const SmkColumn *column,
		   const Figures *figures, Cause *cause)
{
	const char *numerator = column->numerator ? column->numerator : column->name;
	SmkRequest request = figures->aged ? *figures->aged : *whole;
	SmkOutput outputs[4] = {{"now", template_of(whole, numerator), "numeric"},
							{"per", NULL, "numeric"},
							{"before", psprintf("[previous:%s]", numerator), "numeric"},
							{"per_before", NULL, "numeric"}};
	SPITupleTable *table;
	double sums[4] = {0};
	double best = 0;

	request.by = list_make1(by);
	if (column->numerator != NULL)
	{
		outputs[1].template = template_of(whole, column->denominator);
		outputs[3].template = psprintf("[previous:%s]", column->denominator);
	}
	table = run(&request, smk_compile(&request, outputs, 4, false));
	/* One alone is the whole. */
	if (table->numvals < 2)
		return false;
	for (uint64 row = 0; row < table->numvals; row++)
		for (int i = 0; i < 4; i++)
			sums[i] += read_figure(table, row, 6 + i).number;
	for (uint64 row = 0; row < table->numvals; row++)
	{
		double own[4];
		double without;
		double share;
		double now;
		double before;

		for (int i = 0; i < 4; i++)
			own[i] = read_figure(table, row, 6 + i).number;
		without = figure_of(column, sums[0] - own[0] + own[2], sums[1] - own[1] + own[3]);
		share = (figures->now.number - without) / (figures->now.number - figures->before.number);
		if (!(share >= LEAST_SHARE) || share <= best)
			continue;
		now = figure_of(column, own[0], own[1]);
		before = figure_of(column, own[2], own[3]);
		/* One that went the other way explains by its share of the whole, which its own change does not tell.
		 */
		if (isnan(now) || isnan(before) || (before == 0 && column->unit != SMK_UNIT_RATE) ||
			(now > before) != (figures->now.number > figures->before.number))
			continue;
		cause->now = now;
		cause->before = before;
		best = share;
		cause->name = SPI_getvalue(table->vals[row], table->tupdesc, 3);
	}
	/* What is missing would not tell alone what it is. */
	if (best > 0)
		cause->name = strcmp(cause->name, "(none)") == 0 ? psprintf(words->none, by->name)
														 : smk_value_label(whole, by, cause->name);
	return true;
}

/* Looks for a cause by the first of the dimensions that has more than one value, and tells which it was. */
static SmkBy *
find_cause_by(const SmkRequest *request, const Words *words, List *dimensions, const SmkColumn *column,
			  const Figures *figures, Cause *cause)
{
	ListCell *cell;

	foreach (cell, dimensions)
		if (find_cause(request, words, lfirst(cell), column, figures, cause))
			return lfirst(cell);
	return dimensions ? linitial(dimensions) : NULL;
}

/* A bound of a call as text: a plain date where it is one for the session, too. */
static char *
bound_literal(const SmkRequest *request, TimestampTz at)
{
	DateADT date = smk_zone_local_date(request->zone, at);

	if (strcmp(pg_get_timezone_name(session_timezone), request->time_zone) == 0 &&
		smk_zone_first_instant(request->zone, date) == at)
		return strchr(smk_date_literal(date), '\'');
	return quote_literal_cstr(timestamptz_to_str(at));
}

/* The statement to run next, which shows a KPI by what may explain it. */
static char *
next_call(const SmkRequest *request, const Line *line, const SmkBy *by, const char *options)
{
	return psprintf("SELECT * FROM smarketing.%s(%s, %s, '%s'%s%s)", line->kpi,
					request->has_since ? bound_literal(request, request->since) : "NULL",
					bound_literal(request, request->until),
					request->is_all ? "all" : smk_period_name(request->period),
					by ? psprintf(", '{%s}'", by->name) : "", options);
}

/* Appends a part of a reading. */
static void
say(StringInfo reading, const Words *words, const char *part)
{
	appendStringInfo(reading, "%s%s", reading->len ? words->separator : "", part);
}

/*
 * True where a metric did not change, or by less than counts: a rate by less than can be shown, or than a
 * hundredth of what it leaves or of itself, whichever is smaller.
 */
static bool
is_steady(SmkUnit unit, double now, double before)
{
	double change = fabs(now - before);
	double whole = fabs(before);

	if (is_percent(unit) && strcmp(psprintf("%.1f", change * 100), "0.0") == 0)
		return true;
	if (unit == SMK_UNIT_RATE)
		whole = Min(before, 1 - before);
	return whole > 0 ? change < LEAST_CHANGE * whole : change == 0;
}

/* True for a range that is yet to come. */
static bool
has_not_begun(const SmkRequest *request)
{
	return request->has_since && request->since >= request->now;
}

/* True where money was spent on what there is none of: a cost without end. */
static bool
is_for_nothing(const SmkColumn *column, const Figures *figures)
{
	return column->unit == SMK_UNIT_MONEY && spend_of(column) && figures->numerator.number > 0 &&
		   figures->denominator.is_known && figures->denominator.number == 0;
}

/*
 * What the figures of a KPI mean, in words; sets the status, and the dimension by which to look on (NULL:
 * none).
 */
static char *
read_meaning(const SmkRequest *request, List *dimensions, const SmkColumn *column, const Figures *figures,
			 const Words *words, const char **status, SmkBy **by)
{
	double now = figures->now.number;
	double before = figures->before.number;
	const char *same_age = figures->aged ? words->same_age : "";
	StringInfoData reading;
	double change;
	Cause cause = {0};

	*by = dimensions ? linitial(dimensions) : NULL;
	initStringInfo(&reading);
	if (figures->lacks_rate)
	{
		*status = "no_data";
		return pstrdup(words->no_rate);
	}
	if (is_for_nothing(column, figures) && !has_not_begun(request))
	{
		*status = figures->goal.is_known ? "off_goal" : "worse";
		say(&reading, words,
			psprintf(words->for_nothing, shown_figure(words, SMK_UNIT_MONEY, figures->numerator.number)));
		if (figures->goal.is_known)
			say(&reading, words,
				psprintf(words->goal_missed, shown_figure(words, column->unit, figures->goal.number)));
		return reading.data;
	}
	if (figures->is_empty || figures->lacks_spend)
	{
		*status = "no_data";
		if (strcmp(request->kpi->name, "customer_retention") == 0 && figures->denominator.is_known &&
			!has_not_begun(request))
			return pstrdup(words->no_customers);
		if (spend_of(column) && !spend_figure(column, figures)->is_known)
			return pstrdup(words->no_spend);
		/* A return on no spend is unknown all the same. */
		return pstrdup(figures->lacks_spend && (!figures->is_empty || column->unit == SMK_UNIT_RETURN)
						   ? words->no_spend_yet
						   : words->no_data);
	}
	if (figures->is_young && figures->value.number == 0 && before == 0)
	{
		*status = "too_early";
		return pstrdup(words->too_early);
	}
	*status = "steady";
	if (!figures->before.is_known)
	{
		*status = "no_previous";
		say(&reading, words,
			figures->previous.is_known ? words->no_same_age
			: request->config->missing_rate_is_null && (spend_of(column) || smk_column_is_money(column))
				? words->no_previous_rate
				: words->no_previous);
	}
	else
	{
		bool is_rate = is_percent(column->unit);
		bool is_relative = !is_rate && before != 0;

		change = is_relative ? (now - before) / fabs(before) : now - before;
		if (is_steady(column->unit, now, before))
			say(&reading, words, psprintf("%s%s", words->steady, same_age));
		else
		{
			bool is_better = (change > 0) == column->higher_is_better;

			*status = is_better ? "better" : "worse";
			if (is_rate || is_relative)
				appendStringInfo(&reading, change > 0 ? words->up : words->down,
								 shown_size(words, is_rate, change * 100, fabs(change) < 0.1 ? 1 : 0));
			else
				appendStringInfoString(&reading, change > 0 ? words->from_nothing : words->to_nothing);
			appendStringInfo(&reading, "%s, %s", same_age, is_better ? words->better : words->worse);
			*by = find_cause_by(request, words, dimensions, column, figures, &cause);
			if (cause.name)
				say(&reading, words,
					psprintf(words->cause, cause.name,
							 shown_change(words, column->unit, cause.now, cause.before)));
		}
	}
	if (figures->goal.is_known)
	{
		bool is_met = column->higher_is_better ? figures->value.number >= figures->goal.number
											   : figures->value.number <= figures->goal.number;

		*status = is_met ? "on_goal" : "off_goal";
		say(&reading, words,
			psprintf(is_met ? words->goal_met : words->goal_missed,
					 shown_figure(words, column->unit, figures->goal.number)));
	}
	return reading.data;
}

static void
put_figure(const Figure *figure, Datum *value, bool *is_null)
{
	*is_null = !figure->is_known;
	*value = figure->value;
}

/* The name of a unit: of money its currency, where one is set. */
static const char *
unit_name(const SmkRequest *request, SmkUnit unit)
{
	switch (unit)
	{
		case SMK_UNIT_COUNT:
			return "count";
		case SMK_UNIT_MONEY:
			return request->config->currency ? request->config->currency : "currency";
		case SMK_UNIT_RATE:
		case SMK_UNIT_RETURN:
			return "rate";
		default:
			return "quotient";
	}
}

SMK_ROW_TYPE(scorecard_row, INT4OID, TEXTOID, TEXTOID, NUMERICOID, TEXTOID, NUMERICOID, NUMERICOID,
			 NUMERICOID, FLOAT8OID, NUMERICOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID);

/* The row of a KPI. */
static void
put_line(ReturnSetInfo *rsinfo, const SmkScorecard *card, const Line *line)
{
	const Words *words = strcmp(card->language, "fr") == 0 ? &french : &english;
	const SmkLabel *labels = strcmp(card->language, "fr") == 0 ? smk_labels_fr : smk_labels_en;
	const SmkKpi *kpi = smk_kpi_find(line->kpi);
	SmkRequest *request = smk_request(card->config, kpi, &card->arguments);
	const SmkColumn *column = smk_kpi_column(kpi, line->metric, request->basis);
	List *lacking = smk_lack(request, column);
	Figures figures = {0};
	SmkBy *by;
	const char *status;
	char *reading;
	char *next;
	Datum values[lengthof(scorecard_row_columns)] = {0};
	bool nulls[lengthof(scorecard_row_columns)] = {false};

	if (lacking != NIL)
	{
		char *first = linitial(lacking);

		status = "not_bound";
		reading = psprintf(words->not_bound, listed(words, lacking));
		next = psprintf("SELECT smarketing.bind('%.*s', 'schema.table', '{...}')", (int) strcspn(first, " "),
						first);
	}
	else
	{
		const SmkBy *dimension;

		dimension = lacking_dimension(request, column);
		if (dimension != NULL)
		{
			status = "no_dimension";
			reading = psprintf(words->no_dimension, dimension->name);
			next = is_lacking_of_spend(request, column, dimension)
					   ? smk_lack_dimension_call(request, dimension)
					   : pstrdup("SELECT * FROM smarketing.bindings");
		}
		else
		{
			read_figures(request, column, &figures);
			reading = read_meaning(request, pick_dimensions(request, line, column), column, &figures, words,
								   &status, &by);
			next = figures.lacks_rate ? pstrdup("SELECT * FROM smarketing.doctor()")
				   : spend_of(column) && !spend_figure(column, &figures)->is_known
					   ? pstrdup("SELECT smarketing.bind('spend', 'schema.table', '{...}')")
					   : next_call(request, line, by, card->options);
		}
	}
	values[0] = Int32GetDatum(line->number);
	values[1] = CStringGetTextDatum(line->kpi);
	values[2] = CStringGetTextDatum(smk_label_find(labels, kpi, column)->label);
	put_figure(&figures.value, &values[3], &nulls[3]);
	values[4] = CStringGetTextDatum(unit_name(request, column->unit));
	put_figure(&figures.numerator, &values[5], &nulls[5]);
	put_figure(&figures.denominator, &values[6], &nulls[6]);
	put_figure(&figures.previous, &values[7], &nulls[7]);
	nulls[8] = !figures.value.is_known || !figures.previous.is_known || figures.previous.number <= 0;
	if (!nulls[8])
		values[8] = DirectFunctionCall1(
			numeric_float8,
			DirectFunctionCall2(numeric_div,
								DirectFunctionCall2(numeric_sub, figures.value.value, figures.previous.value),
								figures.previous.value));
	put_figure(&figures.year_ago, &values[9], &nulls[9]);
	put_figure(&figures.goal, &values[10], &nulls[10]);
	values[11] = CStringGetTextDatum(status);
	values[12] = CStringGetTextDatum(reading);
	nulls[13] = next == NULL;
	if (next)
		values[13] = CStringGetTextDatum(next);
	smk_row_put(&scorecard_row, rsinfo, values, nulls);
}

/* Puts the rows of a scorecard into a function's result; inside of SPI. */
void
smk_scorecard_run(ReturnSetInfo *rsinfo, const SmkScorecard *card)
{
	for (size_t i = 0; i < lengthof(lines); i++)
		put_line(rsinfo, card, &lines[i]);
}
