/*
 * alignment_functions.c: the SQL function over the verdict.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "handover/alignment.h"
#include "kpi/catalogue.h"
#include "kpi/statement.h"

/* How many complete months are looked at where nothing else is told: deals take their time. */
#define MONTHS 12

/* The language that is asked for, else that of the setting. */
static const char *
read_language(const Jsonb *options, const SmkConfig *config)
{
	JsonbValue *value = options && JB_ROOT_IS_OBJECT(options) ? smk_option_value(options, "language") : NULL;
	char *language;

	if (value == NULL)
		return config->language;
	language = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : "";
	if (strcmp(language, "en") != 0 && strcmp(language, "fr") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for option \"%s\": \"%s\"", "language", language),
						errhint("It takes: en, fr.")));
	return language;
}

PG_FUNCTION_INFO_V1(smk_alignment);

/* alignment(since, until, filter, options): the verdict, then a row a signal. */
Datum
smk_alignment(PG_FUNCTION_ARGS)
{
	SmkArguments arguments = {0};
	SmkConfig *config;
	SmkRequest *request;
	const char *language;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	arguments.has_since = !PG_ARGISNULL(0);
	if (arguments.has_since)
		arguments.since = PG_GETARG_TIMESTAMPTZ(0);
	arguments.has_until = !PG_ARGISNULL(1);
	if (arguments.has_until)
		arguments.until = PG_GETARG_TIMESTAMPTZ(1);
	arguments.filter = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	arguments.options = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	arguments.own_option = "language";
	arguments.period = "all";
	level = smk_statement_begin();
	config = smk_config_load();
	language = read_language(arguments.options, config);
	request = smk_request(config, &smk_handover_kpi, &arguments);
	if (!arguments.has_since && !arguments.has_until)
	{
		DateADT end =
			smk_period_start_of_date(SMK_MONTH, smk_zone_local_date(request->zone, request->now), 1);
		DateADT first = end;

		for (int i = 0; i < MONTHS; i++)
			first = smk_period_start_of_date(SMK_MONTH, first - 1, 1);
		arguments.has_since = arguments.has_until = true;
		arguments.since = smk_zone_first_instant(request->zone, first);
		arguments.until = smk_zone_first_instant(request->zone, end);
		request = smk_request(config, &smk_handover_kpi, &arguments);
	}
	smk_alignment_run((ReturnSetInfo *) fcinfo->resultinfo, config, request, language,
					  arguments.filter ? quote_literal_cstr(JsonbToCString(NULL, &arguments.filter->root,
																		   VARSIZE(arguments.filter)))
									   : "'{}'",
					  arguments.filter != NULL && JB_ROOT_COUNT(arguments.filter) > 0);
	smk_statement_end(level);
	return (Datum) 0;
}
