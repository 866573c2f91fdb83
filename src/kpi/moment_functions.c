/*
 * moment_functions.c: for SQL, where statements that are stored move with now().
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "kpi/shift.h"

PG_FUNCTION_INFO_V1(smk_compared_instant);

/*
 * compared_instant(shift, period, at, time_zone, first_month): the instant of the period before, or of that a
 * year ago, that lies as far from its start.
 */
Datum
smk_compared_instant(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);
	SmkConfig config = {.fiscal_year_start = PG_GETARG_INT32(4)};
	SmkRequest request = {.config = &config, .time_zone = text_to_cstring(PG_GETARG_TEXT_PP(3))};
	SmkShift shift =
		strcmp(name, smk_shift_name(SMK_SHIFT_PREVIOUS)) == 0 ? SMK_SHIFT_PREVIOUS : SMK_SHIFT_YEAR_AGO;

	if (strcmp(name, smk_shift_name(shift)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for argument \"shift\": \"%s\"", name),
						errhint("It takes: previous, year_ago.")));
	request.period = smk_period_lookup(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	smk_period_check_first_month(config.fiscal_year_start);
	request.zone = smk_zone_lookup(request.time_zone);
	PG_RETURN_TIMESTAMPTZ(TIMESTAMP_NOT_FINITE(at) ? at : smk_shift_instant(&request, shift, at));
}
