/*
 * alignment.c: are the teams aligned, and if not, whose side is weak: signals of both sides, each with what
 * it is, what it was, its goal and one sentence, and a verdict over them. Every figure is that of handover(),
 * of response_times() or of orphaned_leads().
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "doctor/doctor.h"
#include "handover/alignment.h"
#include "handover/sla.h"
#include "kpi/handover.h"
#include "kpi/measure.h"
#include "kpi/number_text.h"
#include "kpi/same_age.h"
#include "kpi/scorecard.h"
#include "kpi/shift.h"
#include "kpi/source.h"
#include "kpi/statement.h"
#include "row.h"

/* By how many standard errors a share is another one, and from how many leads on one is looked at. */
#define SURELY 3.0
#define FEW SMK_HANDOVER_FEW
/* A count that fell by more than this is weak. */
#define MOST_FALL 0.2
/* The part of what a share counts that has to be dated, so that it can be compared at the same age. */
#define DATED 0.9
/* The share of answers that have to come in time, where nothing else is told. */
#define LEAST_COMPLIANCE 0.8
/* How many channels and reps are named, and how many reasons of a side the verdict gives. */
#define MOST_NAMED 5
#define MOST_REASONS 5

typedef enum Side
{
	SIDE_NONE = 0,
	SIDE_MARKETING = 1,
	SIDE_SALES = 2,
	SIDE_BOTH = 3,
	SIDE_FEW = 4
} Side;

static const char *const side_names[] = {"none", "marketing", "sales", "both", "too few"};

/* A metric of the handover as a signal. */
typedef struct MetricSignal
{
	const char *name;
	const char *metric;
	Side side;	  /* which is weak where it is bad; none: it is told alone */
	double limit; /* it is bad surely beyond this share, where it has no goal; 0: no such limit */
	const char *weak_en;
	const char *weak_fr;
} MetricSignal;

static const MetricSignal metric_signals[] = {
	{"leads_handed_over", "mqls", SIDE_MARKETING, 0, "marketing hands over too few leads",
	 "le marketing transmet trop peu de leads"},
	{"acceptance", "acceptance_rate", SIDE_MARKETING, 0, "sales accepts too few of what it gets",
	 "l'équipe commerciale accepte trop peu de ce qu'elle reçoit"},
	{"rejection", "rejection_rate", SIDE_MARKETING, 0, "sales rejects too many leads",
	 "l'équipe commerciale rejette trop de leads"},
	{"ignored", "ignored_rate", SIDE_SALES, 0.05, "too many leads that nobody takes care of",
	 "trop de leads dont personne ne s'occupe"},
	{"late", "late_rate", SIDE_SALES, 0.2, "too many leads are answered late",
	 "trop de leads sont traités en retard"},
	{"conversion", "conversion_rate", SIDE_SALES, 0, "sales wins too few of the leads it accepts",
	 "l'équipe commerciale gagne trop peu des leads acceptés"},
	{"time_to_sql", "median_hours_to_sql", SIDE_NONE, 0, "", ""}};

/* The words of a language. */
typedef struct Words
{
	const char *language;
	const char *aligned;
	const char *not_aligned;
	const char *few;
	const char *no_mqls;
	const char *marketing_is;
	const char *sales_is;
	const char *joined;
	const char *no_value;
	const char *no_previous;
	const char *no_same_age;
	const char *same_age; /* follows a change */
	const char *steady;
	const char *point; /* of less than two */
	const char *percent;
	const char *goal_met;
	const char *goal_missed;
	const char *beyond;
	const char *beyond_as_before;
	const char *top_reason;
	const char *badly_qualified; /* some, of how many, the share, share of all */
	const char *badly_closed;
	const char *qualified_short;
	const char *closed_short;
	const char *in_time;
	const char *separator;
	const char *colon;
	const char *orphans;
	const char *verdict_label;
	const char *channel_label;
	const char *no_channel_label;
	const char *no_channel; /* as a subject */
	const char *owner_label;
	const char *rule_label;
	const char *orphan_label;
} Words;

static const Words english = {
	.language = "en",
	.aligned = "aligned: neither side is weak",
	.not_aligned = "not aligned: ",
	.few = "too few leads to tell: %s handed over, %d needed",
	.no_mqls = "nothing that is bound tells when a lead was handed over",
	.marketing_is = "marketing is weak (%s)",
	.sales_is = "sales is weak (%s)",
	.joined = " and ",
	.no_value = "nothing that is bound, or nothing yet, tells",
	.no_previous = "nothing to compare with yet",
	.no_same_age = "nothing to compare with at the same age",
	.same_age = " at the same age",
	.steady = "as before",
	.percent = "%s%s %%",
	.goal_met = "goal %s met",
	.goal_missed = "goal %s missed",
	.beyond = "more than %s",
	.beyond_as_before = "more than %s, as before at the same age",
	.top_reason = "most often: %s",
	.badly_qualified = "badly qualified: sales turned down %s of the %s leads that it judged (%s; %s of all)",
	.badly_closed = "badly closed: %s of the %s leads accepted in time and closed were lost (%s; %s of all)",
	.qualified_short = "%s badly qualified",
	.closed_short = "%s closes badly",
	.in_time = "%s of %s answered in time",
	.separator = "; ",
	.colon = ":",
	.orphans = "open leads that nobody handles now",
	.verdict_label = "Are the teams aligned?",
	.channel_label = "Channel %s",
	.no_channel_label = "No channel",
	.no_channel = "leads without a channel are",
	.owner_label = "Rep %s",
	.rule_label = "SLA %s",
	.orphan_label = "Orphaned leads"};

static const Words french = {
	.language = "fr",
	.aligned = "alignées : aucun côté n'est faible",
	.not_aligned = "pas alignées : ",
	.few = "trop peu de leads pour le dire : %s transmis, il en faut %d",
	.no_mqls = "rien de ce qui est lié ne dit quand un lead a été transmis",
	.marketing_is = "le marketing est faible (%s)",
	.sales_is = "l'équipe commerciale est faible (%s)",
	.joined = " et ",
	.no_value = "rien de ce qui est lié, ou rien encore, ne le dit",
	.no_previous = "rien encore à quoi comparer",
	.no_same_age = "rien à quoi comparer à âge égal",
	.same_age = " à âge égal",
	.steady = "comme avant",
	.percent = "%s%s %%",
	.goal_met = "objectif %s atteint",
	.goal_missed = "objectif %s manqué",
	.beyond = "plus de %s",
	.beyond_as_before = "plus de %s, comme avant à âge égal",
	.top_reason = "le plus souvent : %s",
	.badly_qualified =
		"mal qualifiés : l'équipe commerciale a écarté %s des %s leads jugés (%s, contre %s en tout)",
	.badly_closed =
		"conclut mal : %s des %s leads acceptés à temps et conclus ont été perdus (%s, contre %s en tout)",
	.qualified_short = "%s mal qualifié",
	.closed_short = "%s conclut mal",
	.in_time = "%s sur %s traités à temps",
	.separator = " ; ",
	.colon = " :",
	.orphans = "leads ouverts dont personne ne s'occupe maintenant",
	.verdict_label = "Les équipes sont-elles alignées ?",
	.channel_label = "Canal %s",
	.no_channel_label = "Sans canal",
	.no_channel = "leads sans canal",
	.owner_label = "Commercial %s",
	.rule_label = "SLA %s",
	.orphan_label = "Leads orphelins"};

/* A row of the result. */
typedef struct Signal
{
	const char *name;
	const char *label;
	Datum value; /* of type numeric, as previous and goal */
	bool has_value;
	Datum previous;
	bool has_previous;
	Datum goal;
	bool has_goal;
	const char *unit;
	Side side;
	const char *reading;
	const char *reason; /* what the verdict says of it; NULL: its reading */
} Signal;

/* What is looked at, and the signals found. */
typedef struct Alignment
{
	SmkConfig *config;
	SmkRequest *request;
	const Words *words;
	bool is_french;
	List *signals; /* of Signal */
	double leads;
	bool has_leads; /* that anything tells of them */
} Alignment;

/* A numeric of the row that was fetched, by its position from 1 on; false where it is NULL. */
static bool
fetch_numeric(int column, Datum *value, double *number)
{
	bool is_null;

	*number = 0;
	*value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &is_null);
	if (!is_null)
		*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, *value));
	return !is_null;
}

/* A number of a row, 0 where it is NULL. */
static double
fetch_count(uint64 row, const char *column)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
							  SPI_fnumber(SPI_tuptable->tupdesc, column));

	return text ? strtod(text, NULL) : 0;
}

static Signal *
add_signal(Alignment *alignment, const char *name, const char *label, const char *unit)
{
	Signal *signal = palloc0(sizeof(Signal));

	signal->name = name;
	signal->label = label;
	signal->unit = unit;
	alignment->signals = lappend(alignment->signals, signal);
	return signal;
}

static Datum
numeric_of(double number)
{
	return DirectFunctionCall1(float8_numeric, Float8GetDatum(number));
}

/* A figure as people read it. */
static char *
figure_text(const Words *words, const char *unit, double number)
{
	if (strcmp(unit, "rate") == 0)
		return smk_percent_text(words->language, number);
	return smk_number_text(words->language, number, strcmp(unit, "count") == 0 ? 0 : 1);
}

/* Appends a part of a reading. */
static void
say(StringInfo reading, const Words *words, const char *part)
{
	appendStringInfo(reading, "%s%s", reading->len ? words->separator : "", part);
}

/* How a figure changed, in words. */
static char *
change_text(const Words *words, const char *unit, double now, double before)
{
	bool is_rate = strcmp(unit, "rate") == 0;
	double change = is_rate ? (now - before) * 100 : before != 0 ? (now - before) / before * 100 : 0;
	char *size = smk_number_text(words->language, fabs(change), 1);

	if (strspn(size, "0.,") == strlen(size))
		return pstrdup(words->steady);
	if (is_rate)
		return psprintf("%s%s", change < 0 ? "-" : "+", smk_points_text(words->language, change, 1));
	return psprintf(words->percent, change < 0 ? "-" : "+", size);
}

/*
 * True where a figure is worse than it was by more than chance: a share by three standard errors of the
 * difference, a count likewise and by more than a fifth.
 */
static bool
is_surely_worse(bool higher_is_better, bool is_rate, double some, double all, double some_before,
				double all_before)
{
	double sign = higher_is_better ? -1 : 1;
	double share;

	if (!is_rate)
		return sign * (some - some_before) > SURELY * sqrt(some + some_before) &&
			   sign * (some - some_before) > MOST_FALL * some_before;
	if (all < FEW || all_before < FEW)
		return false;
	share = (some + some_before) / (all + all_before);
	return sign * (some / all - some_before / all_before) >
		   SURELY * sqrt(share * (1 - share) * (1 / all + 1 / all_before));
}

/* True where a share is beyond a limit by more than chance: by three standard errors of a share that is at
 * it. */
static bool
is_surely_beyond(double limit, double some, double all)
{
	return all >= FEW && some - limit * all > SURELY * sqrt(limit * (1 - limit) * all);
}

/* What a share is made of, in a range and in the one before it. */
typedef struct Compared
{
	bool is_known;
	double some;
	double all;
	double some_before;
	double all_before;
} Compared;

/*
 * Reads of the shares what they were in the range and in the one before it, at the age that the range has by
 * now: a young range has fewer leads accepted, won and lost than it will have. Unknown where nothing dates
 * what the share counts.
 */
static void
read_at_same_age(const Alignment *alignment, const double *counted, Compared *compared)
{
	SmkRequest *aged = smk_same_age(alignment->request);
	SmkOutput outputs[4 * lengthof(metric_signals)];
	int count = 0;

	for (size_t i = 0; i < lengthof(metric_signals); i++)
	{
		const SmkColumn *column = smk_kpi_column(aged->kpi, metric_signals[i].metric, NULL);
		const char *names[2] = {column->numerator, column->denominator};

		for (int n = 0; n < 2; n++)
		{
			const SmkColumn *part = names[n] ? smk_kpi_column(aged->kpi, names[n], NULL) : NULL;

			outputs[count++] = (SmkOutput){psprintf("now_%d_%d", (int) i, n),
										   part ? smk_column_template(aged->kpi, part) : NULL, "numeric"};
			outputs[count++] = (SmkOutput){psprintf("before_%d_%d", (int) i, n),
										   part ? psprintf("[previous:%s]", part->name) : NULL, "numeric"};
		}
	}
	smk_statement_run(smk_compile(aged, outputs, count, true), NULL, "alignment");
	for (size_t i = 0; i < lengthof(metric_signals); i++)
	{
		int first = 3 + 4 * (int) i;
		Datum ignored;
		bool has_before;

		compared[i] = (Compared){0};
		if (SPI_tuptable->numvals == 0)
			continue;
		(void) fetch_numeric(first, &ignored, &compared[i].some);
		(void) fetch_numeric(first + 1, &ignored, &compared[i].some_before);
		(void) fetch_numeric(first + 2, &ignored, &compared[i].all);
		has_before = fetch_numeric(first + 3, &ignored, &compared[i].all_before);
		compared[i].is_known = has_before && compared[i].some >= DATED * counted[i];
	}
}

/* The columns of the statement for a metric: what it is, and what it and its two parts are made of. */
enum
{
	NOW,
	BEFORE,
	SOME,
	SOME_BEFORE,
	ALL,
	ALL_BEFORE,
	GOAL,
	METRIC_OUTPUTS
};

/* A metric of the handover as it was read. */
typedef struct Metric
{
	const MetricSignal *signal;
	const SmkColumn *column;
	bool is_rate;
	bool is_worse; /* than in the range before, as both are seen today; it has no goal */
	bool is_known[METRIC_OUTPUTS];
	double figures[METRIC_OUTPUTS];
	Datum values[METRIC_OUTPUTS];
} Metric;

/*
 * True where a share that is beyond its limit was so in the range before at the same age, and is not any
 * more: who is answered in the end is ignored until then, and it is the age that shows.
 */
static bool
is_beyond_by_age(const Metric *metric, const Compared *aged)
{
	double limit = metric->signal->limit;

	return aged->is_known && metric->is_known[ALL_BEFORE] &&
		   is_surely_beyond(limit, aged->some_before, aged->all_before) &&
		   !is_surely_beyond(limit, metric->figures[SOME_BEFORE], metric->figures[ALL_BEFORE]);
}

/*
 * Adds the signal of a metric. A share is weak that is worse than before at the same age, where that can be
 * told, or beyond its limit, unless for its age alone.
 */
static void
add_metric(Alignment *alignment, const Metric *metric, const Compared *aged, const char *reason)
{
	const Words *words = alignment->words;
	const MetricSignal *of = metric->signal;
	const SmkColumn *column = metric->column;
	const SmkLabel *label =
		smk_label_find(alignment->is_french ? smk_labels_fr : smk_labels_en, alignment->request->kpi, column);
	Signal *signal = add_signal(alignment, of->name, label->label,
								metric->is_rate					 ? "rate"
								: column->unit == SMK_UNIT_HOURS ? "hours"
																 : "count");
	bool is_weak = metric->is_worse;
	StringInfoData reading;

	signal->has_value = metric->is_known[NOW];
	signal->value = metric->values[NOW];
	signal->has_previous = metric->is_known[BEFORE];
	signal->previous = metric->values[BEFORE];
	signal->has_goal = metric->is_known[GOAL];
	signal->goal = metric->values[GOAL];
	if (!signal->has_value)
	{
		signal->reading = words->no_value;
		return;
	}
	initStringInfo(&reading);
	say(&reading, words,
		signal->has_previous ? change_text(words, signal->unit, metric->figures[NOW], metric->figures[BEFORE])
							 : words->no_previous);
	if (metric->is_rate && aged->is_known && aged->all > 0 && aged->all_before > 0)
	{
		char *change = change_text(words, signal->unit, metric->figures[NOW], metric->figures[BEFORE]);
		char *aged_change =
			change_text(words, signal->unit, aged->some / aged->all, aged->some_before / aged->all_before);

		if (strcmp(change, aged_change) != 0)
			say(&reading, words, psprintf("%s%s", aged_change, words->same_age));
	}
	else if (is_weak && metric->is_rate)
		say(&reading, words, words->no_same_age);
	if (metric->is_rate)
		is_weak = aged->is_known && is_surely_worse(column->higher_is_better, true, aged->some, aged->all,
													aged->some_before, aged->all_before);
	if (signal->has_goal)
	{
		is_weak = column->higher_is_better ? metric->figures[NOW] < metric->figures[GOAL]
										   : metric->figures[NOW] > metric->figures[GOAL];
		say(&reading, words,
			psprintf(is_weak ? words->goal_missed : words->goal_met,
					 figure_text(words, signal->unit, metric->figures[GOAL])));
	}
	else if (of->limit > 0 && is_surely_beyond(of->limit, metric->figures[SOME], metric->figures[ALL]))
	{
		bool is_by_age = is_beyond_by_age(metric, aged);

		is_weak |= !is_by_age;
		say(&reading, words,
			psprintf(is_by_age ? words->beyond_as_before : words->beyond,
					 figure_text(words, signal->unit, of->limit)));
	}
	if (is_weak && of->side != SIDE_NONE)
	{
		signal->side = of->side;
		signal->reason = alignment->is_french ? of->weak_fr : of->weak_en;
		say(&reading, words, signal->reason);
	}
	if (strcmp(of->name, "rejection") == 0 && reason)
		say(&reading, words, psprintf(words->top_reason, reason));
	signal->reading = reading.data;
}

/* Reads the metrics of the handover with what they were and what they were to be, in one statement. */
static void
read_metrics(Alignment *alignment)
{
	SmkRequest *request = alignment->request;
	Metric metrics[lengthof(metric_signals)];
	SmkOutput outputs[METRIC_OUTPUTS * lengthof(metric_signals) + 1];
	double counted[lengthof(metric_signals)];
	Compared compared[lengthof(metric_signals)] = {{0}};
	int count = 0;
	char *reason;

	for (size_t i = 0; i < lengthof(metric_signals); i++)
	{
		const SmkColumn *column = smk_kpi_column(request->kpi, metric_signals[i].metric, NULL);
		const char *names[3] = {column->name, column->numerator, column->denominator};

		for (int n = 0; n < 3; n++)
		{
			const SmkColumn *part = names[n] ? smk_kpi_column(request->kpi, names[n], NULL) : NULL;

			outputs[count] = (SmkOutput){psprintf("now_%d_%d", (int) i, n),
										 part ? smk_column_template(request->kpi, part) : NULL, "numeric"};
			count++;
			outputs[count] = (SmkOutput){psprintf("before_%d_%d", (int) i, n),
										 part ? psprintf("[previous:%s]", part->name) : NULL, "numeric"};
			count++;
		}
		outputs[count] =
			(SmkOutput){psprintf("goal_%d", (int) i), psprintf("[goal:%s]", column->name), "numeric"};
		count++;
	}
	outputs[count++] = smk_compile_output(request, "top_reject_reason", "text");
	smk_statement_run(smk_compile(request, outputs, count, true), NULL, "alignment");
	if (SPI_tuptable->numvals == 0)
		return;
	reason = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2 + count);
	for (size_t i = 0; i < lengthof(metric_signals); i++)
	{
		const SmkColumn *column = smk_kpi_column(request->kpi, metric_signals[i].metric, NULL);
		/* After period_start and is_partial. */
		int first = 3 + METRIC_OUTPUTS * (int) i;
		Metric *metric = &metrics[i];

		metric->signal = &metric_signals[i];
		metric->column = column;
		metric->is_rate = column->unit == SMK_UNIT_RATE;
		for (int n = 0; n < METRIC_OUTPUTS; n++)
			metric->is_known[n] = fetch_numeric(first + n, &metric->values[n], &metric->figures[n]);
		counted[i] = metric->figures[SOME];
		metric->is_worse =
			metric->is_known[BEFORE] && !metric->is_known[GOAL] && metric->signal->side != SIDE_NONE &&
			is_surely_worse(column->higher_is_better, metric->is_rate,
							metric->figures[metric->is_rate ? SOME : NOW], metric->figures[ALL],
							metric->figures[metric->is_rate ? SOME_BEFORE : BEFORE],
							metric->figures[ALL_BEFORE]);
	}
	read_at_same_age(alignment, counted, compared);
	alignment->has_leads = metrics[0].is_known[NOW];
	alignment->leads = metrics[0].figures[NOW];
	for (size_t i = 0; i < lengthof(metric_signals); i++)
		add_metric(alignment, &metrics[i], &compared[i], reason);
}

/* One that is worse than all, with the shares. */
typedef struct Weak
{
	char *value;
	double some;
	double all;
} Weak;

static double
share_of(const Weak *one)
{
	return one->some / one->all;
}

/* Adds one to a list in which the worst are kept, in the order in which they come. */
static List *
add_weak(List *list, Weak *one)
{
	Weak *least = one;
	ListCell *cell;

	list = lappend(list, one);
	foreach (cell, list)
		if (share_of(lfirst(cell)) < share_of(least))
			least = lfirst(cell);
	return list_length(list) > MOST_NAMED ? list_delete_ptr(list, least) : list;
}

/* A dimension whose values are judged, and of what. */
typedef struct Judged
{
	const char *dimension;
	const char *signal;
	Side side;
} Judged;

static const Judged judged_dimensions[] = {{"channel", "channel", SIDE_MARKETING},
										   {"owner", "rep", SIDE_SALES}};

/* The worst values of a dimension in the rows that were fetched, and the shares of all its values. */
static List *
find_weak(int dimension, Side side, double *sums)
{
	bool is_marketing = side == SIDE_MARKETING;
	List *weak = NIL;

	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
	{
		char *of = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
								SPI_fnumber(SPI_tuptable->tupdesc, "weak_side"));
		char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
								   SPI_fnumber(SPI_tuptable->tupdesc, "value"));
		double some = fetch_count(row, is_marketing ? "unqualified" : "lost_in_time");
		double all = fetch_count(row, is_marketing ? "judged" : "closed_in_time");

		CHECK_FOR_INTERRUPTS();
		if (fetch_count(row, "dimension") != dimension)
			continue;
		sums[0] += some;
		sums[1] += all;
		/* Who has no owner is no rep. */
		if ((strcmp(of, side_names[side]) == 0 || strcmp(of, side_names[SIDE_BOTH]) == 0) &&
			(is_marketing || strcmp(value, "(none)") != 0))
		{
			Weak *one = palloc(sizeof(Weak));

			one->value = value;
			one->some = some;
			one->all = all;
			weak = add_weak(weak, one);
		}
	}
	return weak;
}

/* Adds a signal for each value of a dimension whose leads are badly qualified, or badly closed. */
static void
add_weak_signals(Alignment *alignment, const Judged *judged, SmkBy *by, List *weak, const double *sums)
{
	const Words *words = alignment->words;
	bool is_marketing = judged->side == SIDE_MARKETING;
	ListCell *cell;

	foreach (cell, weak)
	{
		const Weak *one = lfirst(cell);
		bool has_value = strcmp(one->value, "(none)") != 0;
		char *shown =
			has_value ? smk_value_label(alignment->request, by, one->value) : pstrdup(words->no_channel);
		Signal *signal =
			add_signal(alignment, judged->signal,
					   has_value ? psprintf(is_marketing ? words->channel_label : words->owner_label, shown)
								 : words->no_channel_label,
					   "rate");

		signal->has_value = true;
		signal->value = numeric_of(share_of(one));
		signal->side = judged->side;
		signal->reading = psprintf(is_marketing ? words->badly_qualified : words->badly_closed,
								   smk_number_text(words->language, one->some, 0),
								   smk_number_text(words->language, one->all, 0),
								   smk_percent_text(words->language, share_of(one)),
								   smk_percent_text(words->language, sums[0] / sums[1]));
		signal->reason = psprintf(is_marketing ? words->qualified_short : words->closed_short, shown);
	}
}

/* Adds the signals of channels and reps, of which one pass over the leads tells. */
static void
read_sides(Alignment *alignment)
{
	SmkRequest request = *alignment->request;
	const Judged *judged[lengthof(judged_dimensions)];
	List *weak[lengthof(judged_dimensions)];
	double sums[lengthof(judged_dimensions)][2] = {{0}};
	int count = 0;

	request.by = NIL;
	for (size_t i = 0; i < lengthof(judged_dimensions); i++)
	{
		SmkBy *by = smk_request_by(request.config, judged_dimensions[i].dimension);

		if (!smk_template_has_dimension(&request, "[mqls]", by))
			continue;
		request.by = lappend(request.by, by);
		judged[count++] = &judged_dimensions[i];
	}
	if (count == 0)
		return;
	smk_statement_run(smk_compile_sides(&request), NULL, "alignment");
	for (int i = 0; i < count; i++)
		weak[i] = find_weak(i + 1, judged[i]->side, sums[i]);
	for (int i = 0; i < count; i++)
		add_weak_signals(alignment, judged[i], list_nth(request.by, i), weak[i], sums[i]);
}

/* How a rule was kept over a range. */
typedef struct Kept
{
	char *rule;
	double in_time;
	double all; /* that are judged; 0: nothing was to be answered */
} Kept;

/* How rules were kept over a range, of Kept. */
static List *
kept_rules(const SmkRequest *range, List *rules)
{
	List *result = NIL;

	smk_statement_run(
		psprintf("SELECT kept.rule, kept.in_time, kept.in_time + kept.late + kept.unanswered AS judged\n"
				 "FROM (\n    %s) AS kept",
				 smk_sql_indent(smk_sla_response_times(range, rules), 4)),
		NULL, "alignment");
	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
	{
		Kept *kept = palloc(sizeof(Kept));

		kept->rule = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);
		kept->in_time = fetch_count(row, "in_time");
		kept->all = fetch_count(row, "judged");
		result = lappend(result, kept);
	}
	return result;
}

/* How one of them was kept; NULL: nothing was to be answered. */
static const Kept *
find_kept(List *rules, const char *name)
{
	ListCell *cell;

	foreach (cell, rules)
	{
		const Kept *kept = lfirst(cell);

		if (strcmp(kept->rule, name) == 0 && kept->all > 0)
			return kept;
	}
	return NULL;
}

/* Adds a signal for an SLA rule, as it was kept in the range and in the one before. */
static void
add_rule(Alignment *alignment, const char *rule, const Kept *kept, const Kept *kept_before)
{
	const Words *words = alignment->words;
	Signal *signal = add_signal(alignment, "response", psprintf(words->rule_label, rule), "rate");
	char *answered;

	signal->reading = words->no_value;
	if (kept == NULL)
		return;
	answered = psprintf(words->in_time, smk_number_text(words->language, kept->in_time, 0),
						smk_number_text(words->language, kept->all, 0));
	signal->has_value = true;
	signal->value = numeric_of(kept->in_time / kept->all);
	signal->reading = answered;
	if (kept_before)
	{
		double share_before = kept_before->in_time / kept_before->all;

		signal->has_previous = true;
		signal->previous = numeric_of(share_before);
		signal->reading = psprintf("%s%s%s", answered, words->separator,
								   change_text(words, "rate", kept->in_time / kept->all, share_before));
	}
	if (kept->in_time < LEAST_COMPLIANCE * kept->all && kept->all >= FEW)
	{
		signal->side = SIDE_SALES;
		signal->reason = psprintf("%s%s %s", signal->label, words->colon, answered);
	}
}

/* The alignment to which rules are added, and the memory in which it is. */
typedef struct RuleSignals
{
	Alignment *alignment;
	MemoryContext context;
} RuleSignals;

/* Adds a signal for each of the rules; a probe adds none. */
static void
run_rule_signals(List *rules, bool is_probe, void *state)
{
	const RuleSignals *signals = state;
	const SmkRequest *request = signals->alignment->request;
	List *now;
	List *ranges;
	List *before = NIL;
	ListCell *cell;

	if (rules == NIL)
		return;
	smk_statement_avoid_nested_loops();
	now = kept_rules(request, rules);
	/* What has not begun has none before it. */
	ranges = request->has_since ? smk_shift_ranges(request, SMK_SHIFT_PREVIOUS, false) : NIL;
	if (ranges != NIL)
		before = kept_rules(((SmkShifted *) linitial(ranges))->request, rules);
	MemoryContextSwitchTo(signals->context);
	if (!is_probe)
		foreach (cell, rules)
		{
			const char *name = ((SmkSlaRule *) lfirst(cell))->name;

			add_rule(signals->alignment, name, find_kept(now, name), find_kept(before, name));
		}
}

/* Adds a signal for each SLA rule that can be read. */
static void
read_rules(Alignment *alignment)
{
	RuleSignals signals = {alignment, CurrentMemoryContext};
	SmkSlaWork work = {.run = run_rule_signals, .state = &signals, .goes_without = true};

	smk_sla_run_readable(&work);
}

/* Adds the number of open leads that nobody handles now. */
static void
read_orphans(Alignment *alignment)
{
	Signal *signal = add_signal(alignment, "orphaned", alignment->words->orphan_label, "count");
	SmkBinding *lead = smk_config_binding(alignment->config, "lead");

	signal->reading = alignment->words->no_value;
	if (lead->columns[smk_entity_column(lead->entity, "owner")].text == NULL &&
		smk_config_binding(alignment->config, "activity") == NULL)
		return;
	smk_statement_run(
		psprintf("SELECT count(*) AS leads FROM smarketing.orphaned_leads(%s)",
				 alignment->request->calendar
					 ? psprintf("calendar => %s", quote_literal_cstr(alignment->request->calendar))
					 : ""),
		NULL, "alignment");
	signal->has_value = true;
	signal->value = numeric_of(fetch_count(0, "leads"));
	signal->reading = alignment->words->orphans;
}

/* How many stages without a meaning are named. */
#define MOST_UNMAPPED 5

/*
 * Gives notice of the stages of an entity that mean nothing: what happened to a lead is then not seen, and
 * the verdict may be another one.
 */
static void
notice_unmapped_stages(SmkConfig *config, const char *entity)
{
	SmkBinding *binding = smk_source_with(config, entity, "stage");
	SmkDoctor doctor = {.config = config};
	StringInfoData list;
	char *condition;

	if (binding == NULL || smk_doctor_bound(binding, "lead_id") < 0)
		return;
	/* Those of opportunities are not looked at. */
	condition = psprintf("%s AND %s IS NOT NULL", smk_doctor_unmapped(&doctor, binding, "stage"),
						 smk_doctor_named(binding, "lead_id"));
	smk_statement_run(
		psprintf(
			"SELECT left(found.stage, %d), found.rows\nFROM (\n    SELECT %s::text AS stage, count(*) AS "
			"rows\n    FROM %s\n    WHERE %s\n    GROUP BY 1) AS found\n"
			"ORDER BY found.rows DESC, found.stage COLLATE \"C\"\nLIMIT %d",
			NAMEDATALEN - 1, smk_doctor_named(binding, "stage"), smk_doctor_relation(binding),
			smk_doctor_where(binding, condition), MOST_UNMAPPED + 1),
		NULL, "alignment");
	if (SPI_tuptable->numvals == 0)
		return;
	initStringInfo(&list);
	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
		if (row == MOST_UNMAPPED)
			appendStringInfoString(&list, ", ...");
		else
			appendStringInfo(&list, "%s\"%s\" (%s)", row ? ", " : "",
							 SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1),
							 SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2));
	ereport(NOTICE, (errmsg("stages of entity \"%s\" that mean nothing are not seen: %s", entity, list.data),
					 errhint("Map them with smarketing.map_stage(); smarketing.doctor() proposes how.")));
}

/* True for a signal that names who is weak. */
static bool
names_somebody(const Signal *signal)
{
	return strcmp(signal->name, "channel") == 0 || strcmp(signal->name, "rep") == 0;
}

/* The reasons why a side is weak, the first few, first of all who; NULL: it is not. */
static char *
reasons_of(const Alignment *alignment, Side side)
{
	StringInfoData reasons;
	int count = 0;
	ListCell *cell;

	initStringInfo(&reasons);
	for (int pass = 0; pass < 2; pass++)
		foreach (cell, alignment->signals)
		{
			const Signal *signal = lfirst(cell);

			if ((signal->side & side) == 0 || names_somebody(signal) != (pass == 0) ||
				count++ >= MOST_REASONS)
				continue;
			appendStringInfo(&reasons, "%s%s", reasons.len ? ", " : "", signal->reason);
		}
	if (count > MOST_REASONS)
		appendStringInfoString(&reasons, ", ...");
	return count ? reasons.data : NULL;
}

/* The verdict over all signals, as the first one. */
static void
judge(Alignment *alignment)
{
	const Words *words = alignment->words;
	Signal *verdict = palloc0(sizeof(Signal));
	char *marketing = reasons_of(alignment, SIDE_MARKETING);
	char *sales = reasons_of(alignment, SIDE_SALES);

	verdict->name = "overall";
	verdict->label = words->verdict_label;
	if (alignment->leads < FEW)
	{
		verdict->side = SIDE_FEW;
		verdict->reading =
			alignment->has_leads
				? psprintf(words->few, smk_number_text(words->language, alignment->leads, 0), FEW)
				: words->no_mqls;
	}
	else if (marketing == NULL && sales == NULL)
		verdict->reading = words->aligned;
	else
	{
		verdict->side = (marketing ? SIDE_MARKETING : 0) | (sales ? SIDE_SALES : 0);
		verdict->reading = psprintf(
			"%s%s%s%s", words->not_aligned, marketing ? psprintf(words->marketing_is, marketing) : "",
			marketing && sales ? words->joined : "", sales ? psprintf(words->sales_is, sales) : "");
	}
	alignment->signals = lcons(verdict, alignment->signals);
}

SMK_ROW_TYPE(alignment_row, TEXTOID, TEXTOID, NUMERICOID, NUMERICOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID);

/* Hands the signals on as rows. */
static void
put_signals(const Alignment *alignment, ReturnSetInfo *result)
{
	ListCell *cell;

	foreach (cell, alignment->signals)
	{
		const Signal *signal = lfirst(cell);
		Datum values[8];
		bool nulls[8] = {
			false, false, !signal->has_value, !signal->has_previous, !signal->has_goal, signal->unit == NULL};

		values[0] = CStringGetTextDatum(signal->name);
		values[1] = CStringGetTextDatum(signal->label);
		values[2] = signal->value;
		values[3] = signal->previous;
		values[4] = signal->goal;
		values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(signal->unit);
		values[6] = CStringGetTextDatum(side_names[signal->side]);
		values[7] = CStringGetTextDatum(signal->reading);
		smk_row_put(&alignment_row, result, values, nulls);
	}
}

/*
 * Looks at the range of a request over the handover and puts a row a signal, the verdict first.
 */
void
smk_alignment_run(ReturnSetInfo *result, SmkConfig *config, SmkRequest *request, const char *language)
{
	Alignment alignment = {0};

	alignment.config = config;
	alignment.request = request;
	alignment.is_french = strcmp(language, "fr") == 0;
	alignment.words = alignment.is_french ? &french : &english;
	notice_unmapped_stages(config, "lead");
	notice_unmapped_stages(config, "stage_change");
	read_metrics(&alignment);
	read_rules(&alignment);
	if (request->filters == NIL)
		read_orphans(&alignment);
	read_sides(&alignment);
	judge(&alignment);
	put_signals(&alignment, result);
}
