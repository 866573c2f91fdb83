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

PG_FUNCTION_INFO_V1(smk_alignment);

/* alignment(since, until, filter, options): the verdict, then a row a signal. */
Datum
smk_alignment(PG_FUNCTION_ARGS)
{
	SmkArguments arguments;
	SmkConfig *config;
	SmkRequest *request;
	const char *language;
	int level;

	InitMaterializedSRF(fcinfo, 0);
	smk_arguments_read_range(fcinfo, 0, &arguments);
	arguments.own_option = "language";
	level = smk_statement_begin();
	config = smk_config_load();
	language = smk_option_language(config, arguments.options);
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
	smk_alignment_run((ReturnSetInfo *) fcinfo->resultinfo, config, request, language);
	smk_statement_end(level);
	return (Datum) 0;
}
