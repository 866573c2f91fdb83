/*
 * same_age.c: a range and the one before it as they stood at one age. Leads of the range before have had more
 * time to be won than those of the range: they are seen as they were when they were as old.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "kpi/measure.h"
#include "kpi/same_age.h"
#include "kpi/shift.h"
#include "kpi/statement.h"

static const SmkRecordSet leads_created = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};

/*
 * When the data end: after the last local day on which a lead was created; now, where that is today, or where
 * nothing tells.
 */
static TimestampTz
data_end(const SmkRequest *request)
{
	SmkStatement statement = {.request = request};
	SmkBinding *lead = smk_config_binding(request->config, "lead");
	TimestampTz end;
	bool is_null;
	Datum last;

	if (lead == NULL || lead->columns[smk_entity_column(lead->entity, "created_at")].text == NULL)
		return request->now;
	smk_statement_run(smk_measure_ends(&statement, &leads_created), NULL, request->kpi->name);
	last = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	if (is_null)
		return request->now;
	end = smk_zone_first_instant(request->zone, DatumGetDateADT(last) + 1);
	return Min(end, request->now);
}

/*
 * The request with what is compared at the age that the range has by now, or had when the data end: in an
 * older copy of a CRM nothing happens any more. palloc'd.
 */
SmkRequest *
smk_same_age(const SmkRequest *request)
{
	SmkRequest *aged = smk_shift_same_age(request);
	TimestampTz end = data_end(request);

	if (request->has_since && end > request->since && end < request->now)
	{
		aged->now = aged->as_of = end;
		smk_request_lay(aged);
	}
	return aged;
}
