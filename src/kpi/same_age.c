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

/* What tells that a CRM is in use. */
#define SIGN(entity, at)                                                                                     \
	{                                                                                                        \
		entity, entity, at, SMK_KIND_ANY, false, NULL, NULL                                                  \
	}
static const SmkRecordSet signs[] = {SIGN("lead", "created_at"),	   SIGN("opportunity", "created_at"),
									 SIGN("opportunity", "closed_at"), SIGN("lead", "sal_at"),
									 SIGN("lead", "sql_at"),		   SIGN("lead", "disqualified_at"),
									 SIGN("stage_change", "at"),	   SIGN("activity", "at")};

/*
 * When the data end: after the last local day on which a lead or an opportunity came, went a step or was
 * worked on; now, where that is today, or where nothing tells.
 */
static TimestampTz
data_end(const SmkRequest *request)
{
	SmkStatement statement = {.request = request};
	TimestampTz end = DT_NOBEGIN;

	for (size_t i = 0; i < lengthof(signs) && end < request->now; i++)
	{
		SmkBinding *binding = smk_config_binding(request->config, signs[i].entity);
		bool is_null;
		Datum last;

		if (binding == NULL || binding->columns[smk_entity_column(binding->entity, signs[i].at)].text == NULL)
			continue;
		smk_statement_run(smk_measure_ends(&statement, &signs[i]), NULL, request->kpi->name);
		last = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
		if (!is_null)
			end = Max(end, smk_zone_first_instant(request->zone, DatumGetDateADT(last) + 1));
	}
	return end == DT_NOBEGIN ? request->now : Min(end, request->now);
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
		aged->as_of = end;
	return aged;
}
