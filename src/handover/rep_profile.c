/*
 * rep_profile.c: each rep's conversion at each step beside that of the team, and what that says in words.
 *
 * The counts are those of KPI 6 (leads created in the range) and, for the last step, of KPI 8 (opportunities
 * closed in it), by owner and team: their columns of the catalogue, in one statement.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "handover/orphan_open.h"
#include "handover/sla.h"
#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/measure.h"
#include "kpi/moment.h"
#include "kpi/source.h"
#include "kpi/statement.h"

/* What is known of a rep before the data: so many records that went as the team's do. */
#define PRIOR "10"

/* With fewer records, of the rep or of the others, nothing is said of a step. */
#define LEAST "20"

/* A step is strong or weak beyond the two-sided 1 %, where it also differs by this share of the team's rate.
 */
#define LEAST_Z "2.576"
#define LEAST_DIFFERENCE "0.1"

/* The measures that steps are made of, and where they are defined. */
static const struct
{
	const char *kpi;
	const char *basis;
	const char *name;
} measures[] = {{"sales_qualified_leads", "cohort", "leads"},
				{"sales_qualified_leads", "cohort", "mqls"},
				{"sales_qualified_leads", "cohort", "sals"},
				{"sales_qualified_leads", "cohort", "sqls"},
				{"sales_qualified_leads", "cohort", "opportunities"},
				{"opportunity_win_rate", "closed", "closed"},
				{"opportunity_win_rate", "closed", "won"}};

#define MEASURES lengthof(measures)
#define STEPS 5

/* A step: from which measure to which, and what it is called. */
static const struct
{
	const char *name;
	int entered;
	int converted;
	const char *english;
	const char *french;
} steps[STEPS] = {{"lead_to_mql", 0, 1, "developing leads", "maturation des leads"},
				  {"mql_to_sal", 1, 2, "taking up leads", "prise en charge"},
				  {"sal_to_sql", 2, 3, "qualification", "qualification"},
				  {"sql_to_opportunity", 3, 4, "opening opportunities", "ouverture d'opportunités"},
				  {"opportunity_to_won", 5, 6, "closing", "conclusion"}};

/* What is said of a rep. */
typedef struct Words
{
	const char *strong; /* followed by the step's */
	const char *weak;
	const char *average;
	const char *alone;
	const char *too_few;
} Words;

static const Words english = {"strong at ", "weak at ", "average", "nobody to compare with", "too few"};
static const Words french = {"point fort : ", "point faible : ", "dans la moyenne", "personne à qui comparer",
							 "trop peu de données"};

static const SmkRecordSet leads_created = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};
static const char *const profile_options[] = {"kind", "within", "time_zone", NULL};

/* The measures as one KPI, to be compiled together. */
static SmkKpi *
profile_kpi(void)
{
	SmkColumn *columns = palloc0((MEASURES + 1) * sizeof(SmkColumn));
	SmkKpi *kpi = palloc0(sizeof(SmkKpi));

	for (size_t i = 0; i < MEASURES; i++)
	{
		columns[i] = *smk_kpi_column(smk_kpi_find(measures[i].kpi), measures[i].name, measures[i].basis);
		columns[i].basis = NULL;
	}
	kpi->name = "rep_profile";
	kpi->number = 8;
	kpi->entity = "lead";
	kpi->columns = columns;
	kpi->options = profile_options;
	return kpi;
}

/* Takes the filters on the owner out of the request: they choose which reps are shown, not whom these are
 * compared with. Gives them as a condition. */
static char *
take_owner_filters(SmkRequest *request)
{
	List *others = NIL;
	StringInfoData sql;
	ListCell *cell;
	ListCell *value;

	initStringInfo(&sql);
	foreach (cell, request->filters)
	{
		SmkFilter *filter = lfirst(cell);

		if (strcmp(filter->by->name, "owner") != 0)
		{
			others = lappend(others, filter);
			continue;
		}
		appendStringInfo(&sql, "%sjudged.owner %s (", sql.len ? " AND " : "WHERE ",
						 filter->is_negated ? "NOT IN" : "IN");
		foreach (value, filter->values)
			appendStringInfo(&sql, "%s%s", foreach_current_index(value) ? ", " : "",
							 quote_literal_cstr(lfirst(value)));
		appendStringInfoChar(&sql, ')');
	}
	request->filters = others;
	return sql.data;
}

/* True where owners have teams. */
static bool
has_teams(const SmkRequest *request)
{
	SmkBinding *owner = smk_config_binding(request->config, "owner");

	return owner != NULL && owner->columns[smk_entity_column(owner->entity, "team")].text != NULL;
}

/* The counts of each rep, a row each, under the names of the measures: of what the reps did. */
static char *
rep_counts(const SmkRequest *request)
{
	SmkRequest of_sales = *request;
	SmkOutput outputs[MEASURES];

	of_sales.is_of_sales = true;
	for (size_t i = 0; i < MEASURES; i++)
		outputs[i] = (SmkOutput){measures[i].name, psprintf("[%s]", measures[i].name), NULL};
	return smk_compile(&of_sales, outputs, MEASURES, false);
}

/* The open leads of each rep, whenever they came: owner, team, and how many. */
static char *
rep_workload(const SmkRequest *request)
{
	SmkRequest whole = *request;
	SmkRecords *records = smk_records(&whole, &leads_created, smk_config_binding(request->config, "lead"));
	StringInfoData sql;
	StringInfoData by;

	initStringInfo(&sql);
	initStringInfo(&by);
	whole.has_since = false;
	whole.is_unbounded = true;
	smk_part_append_by(request, "lead.", &by);
	appendStringInfo(&sql, "SELECT %s, count(*) AS open_leads\nFROM (\n    %s) AS lead\nGROUP BY %s",
					 by.data + strlen(", "), smk_sql_indent(smk_orphan_open_leads(records), 4),
					 by.data + strlen(", "));
	return sql.data;
}

/* The response times by owner for some rules; NULL where there is none. */
static char *
owner_times(const SmkRequest *request, List *rules)
{
	SmkRequest by_owner = *request;

	by_owner.by = list_make1(smk_request_by(request->config, "owner"));
	return smk_sla_response_times(&by_owner, rules);
}

/* How each rep kept to the rules of service: by_1, the owner, and compliance; NULL where nothing tells. */
static char *
rep_compliance(const SmkRequest *request, List *rules)
{
	char *times = owner_times(request, rules);

	if (times == NULL)
		return NULL;
	return psprintf("SELECT kept.by_1 AS owner,\n"
					"    sum(kept.in_time)::double precision / nullif(sum(kept.in_time + kept.late + "
					"kept.unanswered), 0) "
					"AS compliance\n"
					"FROM (\n    %s) AS kept\nGROUP BY kept.by_1",
					smk_sql_indent(times, 4));
}

/* The rows of a rep's steps: number, name, entered and converted, which are NULL where nothing tells them. */
static char *
step_rows(const SmkRequest *request)
{
	SmkStatement statement = {.request = request};
	StringInfoData sql;
	char *counts[MEASURES];

	for (size_t i = 0; i < MEASURES; i++)
		counts[i] = smk_measure_is_available(&statement, &request->kpi->columns[i])
						? psprintf("coalesce(rep.%s, 0)", measures[i].name)
						: "NULL::bigint";
	initStringInfo(&sql);
	for (int i = 0; i < STEPS; i++)
		appendStringInfo(&sql, "%s(%d, '%s', %s, %s)", i ? ",\n        " : "", i + 1, steps[i].name,
						 counts[steps[i].entered], counts[steps[i].converted]);
	return sql.data;
}

/* SQL for what a step says of a rep; NULL where it says nothing. */
static char *
step_phrase(const Words *words)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CASE judged.sign WHEN 1 THEN %s WHEN -1 THEN %s END || CASE judged.number",
					 quote_literal_cstr(words->strong), quote_literal_cstr(words->weak));
	for (int i = 0; i < STEPS; i++)
		appendStringInfo(&sql, " WHEN %d THEN %s", i + 1,
						 quote_literal_cstr(words == &french ? steps[i].french : steps[i].english));
	appendStringInfoString(&sql, " END");
	return sql.data;
}

/* The statement: a row a rep and step; how rules were kept is read of those rules. */
static char *
compile(SmkRequest *request, List *rules, const Words *words)
{
	bool with_teams = has_teams(request);
	char *condition = take_owner_filters(request);
	char *team = with_teams ? "by_2" : "NULL::text";
	char *compliance = rep_compliance(request, rules);
	StringInfoData sql;

	request->by = list_make1(smk_request_by(request->config, "owner"));
	if (with_teams)
		request->by = lappend(request->by, smk_request_by(request->config, "team"));
	initStringInfo(&sql);
	/* First: it sees that leads are bound. */
	appendStringInfo(&sql, "WITH counts AS (\n    %s),\n", smk_sql_indent(rep_counts(request), 4));
	appendStringInfo(&sql, "workload AS (\n    %s),\n", smk_sql_indent(rep_workload(request), 4));
	if (compliance)
		appendStringInfo(&sql, "response AS (\n    %s),\n", smk_sql_indent(compliance, 4));
	/* Teams, not their absence, are compared: who has none is compared with all. */
	appendStringInfo(
		&sql,
		"rep AS (\n"
		"    SELECT by_1 AS owner, nullif(%s, '(none)') AS team, counts.*, coalesce(workload.open_leads, 0) "
		"AS open_leads,\n"
		"        %s AS compliance\n"
		"    FROM counts\n"
		"    FULL JOIN workload USING (by_1%s)%s\n"
		"    WHERE by_1 <> '(none)'),\n"
		"counted AS (\n"
		"    SELECT rep.owner, rep.team, rep.open_leads, rep.compliance, step.*,\n"
		"        CASE WHEN rep.team IS NULL THEN sum(step.entered) OVER (PARTITION BY step.number)\n"
		"             ELSE sum(step.entered) OVER (PARTITION BY step.number, rep.team) END::double precision "
		"AS all_entered,\n"
		"        CASE WHEN rep.team IS NULL THEN sum(step.converted) OVER (PARTITION BY step.number)\n"
		"             ELSE sum(step.converted) OVER (PARTITION BY step.number, rep.team) END::double "
		"precision AS all_converted\n"
		"    FROM rep\n"
		"    CROSS JOIN LATERAL (VALUES\n        %s) AS step (number, step, entered, converted)),\n",
		team, compliance ? "response.compliance" : "NULL::double precision", with_teams ? ", by_2" : "",
		compliance ? "\n    LEFT JOIN response ON response.owner = by_1" : "", step_rows(request));
	/* The mean of the beta distribution that the rep's records make of Beta(prior x rate, prior x (1 -
	 * rate)); the two-proportion z with the pooled rate, which is the team's. */
	appendStringInfoString(
		&sql,
		"compared AS (\n"
		"    SELECT counted.*, counted.all_converted / nullif(counted.all_entered, 0) AS team_rate,\n"
		"        counted.all_entered - counted.entered AS rest_entered,\n"
		"        counted.all_converted - counted.converted AS rest_converted\n"
		"    FROM counted),\n"
		"judged AS (\n"
		"    SELECT compared.*, shown.*,\n"
		"        CASE WHEN entered >= " LEAST " AND rest_entered >= " LEAST " THEN\n"
		"            CASE WHEN abs(rate - team_rate) < " LEAST_DIFFERENCE
		" * least(team_rate, 1 - team_rate) THEN 0\n"
		"                 WHEN z_score >= " LEAST_Z " THEN 1 WHEN z_score <= -" LEAST_Z
		" THEN -1 ELSE 0 END END AS sign\n"
		"    FROM compared\n"
		"    CROSS JOIN LATERAL (\n"
		"        SELECT CASE WHEN entered > 0 THEN (converted + " PRIOR " * team_rate) / (entered + " PRIOR
		") END AS rate,\n"
		"            CASE WHEN entered > 0 AND rest_entered > 0 AND team_rate > 0 AND team_rate < 1 THEN\n"
		"                (converted / entered::double precision - rest_converted / rest_entered) /\n"
		"                sqrt(team_rate * (1 - team_rate) * (1 / entered::double precision + 1 / "
		"rest_entered)) END AS z_score) AS shown)\n");
	appendStringInfo(
		&sql,
		"SELECT judged.owner, judged.team, judged.step, judged.entered, judged.converted, judged.rate,\n"
		"    judged.team_rate, judged.z_score, judged.open_leads, judged.compliance,\n"
		"    coalesce(\n"
		"        string_agg(%s, ', ') OVER (whole ORDER BY judged.sign DESC, judged.number\n"
		"            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),\n"
		"        CASE WHEN count(judged.sign) OVER whole > 0 THEN %s\n"
		"             WHEN bool_or(judged.entered >= " LEAST ") OVER whole THEN %s ELSE %s END) AS verdict\n"
		"FROM judged\n%s\n"
		"WINDOW whole AS (PARTITION BY judged.owner, judged.team)\n"
		"ORDER BY judged.team COLLATE \"C\", judged.owner COLLATE \"C\", judged.number",
		step_phrase(words), quote_literal_cstr(words->average), quote_literal_cstr(words->alone),
		quote_literal_cstr(words->too_few), condition);
	return sql.data;
}

/* What a profile is made of. */
typedef struct Profile
{
	SmkConfig *config;
	const SmkArguments *arguments;
	const Words *words;
	ReturnSetInfo *result;
} Profile;

/* Reads the profile with how rules were kept; a probe only reads that. */
static void
run_profile(List *rules, bool is_probe, void *state)
{
	const Profile *profile = state;
	SmkRequest *request = smk_request(profile->config, profile_kpi(), profile->arguments);
	char *sql = is_probe ? owner_times(request, rules) : compile(request, rules, profile->words);

	if (rules)
		smk_statement_avoid_nested_loops();
	if (!is_probe)
		smk_statement_run_into(profile->result, sql, request->kpi->name);
	else if (sql)
		smk_statement_run(sql, CreateDestReceiver(DestNone), request->kpi->name);
}

PG_FUNCTION_INFO_V1(smk_rep_profile);

/* rep_profile(since, until, filter, options): a row a rep and step. */
Datum
smk_rep_profile(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	Profile profile = {.arguments = &arguments, .result = (ReturnSetInfo *) fcinfo->resultinfo};
	SmkSlaWork work = {.run = run_profile, .state = &profile, .result = profile.result, .goes_without = true};
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read_range(fcinfo, 0, &arguments);
	arguments.own_option = "language";
	level = smk_statement_begin();
	profile.config = smk_config_load();
	profile.words =
		strcmp(smk_option_language(profile.config, arguments.options), "fr") == 0 ? &french : &english;
	smk_sla_run_readable(&work);
	smk_statement_end(level);
	return (Datum) 0;
}
