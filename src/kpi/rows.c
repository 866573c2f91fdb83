/*
 * rows.c: the statement that lists the records behind a measure.
 */
#include "postgres.h"

#include "kpi/allocation.h"
#include "kpi/compiler.h"
#include "kpi/currency.h"
#include "kpi/customer.h"
#include "kpi/dimension.h"
#include "kpi/lump.h"
#include "kpi/measure.h"
#include "kpi/part.h"
#include "kpi/retention_part.h"
#include "kpi/source.h"
#include "kpi/stock.h"

/*
 * The records of one measure, as columns of kpi_rows; with_currency adds the currency and the day of the
 * rate, and a request by day the day
 * and its dimensions.
 */
static char *
rows_of(SmkRecords *records, const SmkColumn *measure, bool with_currency)
{
	const SmkRequest *request = records->request;
	const SmkEntity *entity = records->binding->entity;
	const char *key = entity->key ? smk_records_column(records, entity->key) : NULL;
	char *label = smk_records_column(records, "label");
	char *amount = measure->value && smk_column_is_money(measure)
					   ? smk_records_expand(records, measure->value)
					   : smk_records_column(records, "amount");
	char *campaign = smk_records_column(records, "campaign");
	char *channel = smk_records_column(records, "channel");
	char *at = smk_records_dated_at(records);
	bool is_credit = strcmp(entity->name, "credit") == 0;
	char *weight = records->lumps == SMK_LUMPS_ONLY ? smk_lump_weight(records)
				   : is_credit						? smk_records_column(records, "conversions")
													: "1::numeric";
	char *currency = with_currency ? smk_records_column(records, "currency") : NULL;
	StringInfoData condition;
	StringInfoData sql;

	initStringInfo(&condition);
	initStringInfo(&sql);
	if (strcmp(entity->name, "customer") == 0)
	{
		label = smk_records_account_label(records);
		/* A customer without an account is known by its first won opportunity. */
		if (smk_records_column(records, "opportunity_id"))
			key =
				psprintf("coalesce(%s::text, %s::text)", key, smk_records_column(records, "opportunity_id"));
	}
	if (smk_column_is_at_close(measure))
		appendStringInfo(&condition, "\n   AND %s", smk_stock_condition(records, measure));
	if (measure->records->condition)
		appendStringInfo(&condition, "\n   AND %s", smk_records_expand(records, measure->records->condition));
	if (measure->condition)
		appendStringInfo(&condition, "\n   AND (%s)", smk_records_expand(records, measure->condition));
	/* A credit is known by its touch, too. */
	if (is_credit && channel && campaign)
	{
		char *touch = psprintf("CASE WHEN %s THEN concat_ws(' / ', coalesce(%s, '(none)'), %s) END",
							   smk_records_column(records, "is_touched"), channel, campaign);

		label = label ? psprintf("concat(%s, ' <- ' || %s)", label, touch) : touch;
	}
	if (label == NULL)
		label = campaign && channel ? psprintf("coalesce(%s, %s)", campaign, channel)
				: campaign			? campaign
				: channel			? channel
									: "NULL";
	/* A payment has no label but who paid. */
	if (strcmp(label, "NULL") == 0 && smk_records_column(records, "account_id") && key == NULL)
		label = smk_records_column(records, "account_id");
	appendStringInfo(&sql,
					 "SELECT '%s'::text AS entity, %s::text AS record_id, %s::text AS label, %s AS at,\n"
					 "       %s::numeric AS amount, %s AS weight",
					 is_credit ? "opportunity" : entity->name, key ? key : "NULL", label, at,
					 amount ? amount : "NULL", weight);
	if (currency)
		appendStringInfo(&sql, ",\n       %s AS currency, %s AS rate_on, NULL::numeric AS rate",
						 psprintf(SMK_CURRENCY_CODE("%s"), currency),
						 smk_column_is_at_close(measure) ? smk_stock_rate_day(request)
														 : smk_records_rate_day(records, currency));
	else if (with_currency)
		appendStringInfoString(
			&sql, ",\n       NULL::text AS currency, NULL::date AS rate_on, NULL::numeric AS rate");
	if (!request->is_all)
	{
		appendStringInfo(&sql, ",\n       %s AS day", smk_records_bucket(records));
		smk_part_append_dimensions(records, true, measure->name, &sql);
	}
	appendStringInfo(&sql, "\n%s",
					 smk_records_from(records, measure->name, smk_column_is_at_close(measure),
									  condition.len ? condition.data + strlen("\n   AND ") : NULL));
	return sql.data;
}

/* The records of one source of spend that are shared out. */
static char *
shared_rows(const SmkStatement *statement, const SmkAllocation *allocation, const SmkColumn *measure,
			bool with_currency)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, smk_measure_records(statement, allocation->spend, measure->records))
		if (((SmkRecords *) lfirst(cell))->binding == allocation->binding)
			appendStringInfo(&sql, "%s%s", sql.len ? "\nUNION ALL\n" : "",
							 rows_of(lfirst(cell), measure, with_currency));
	return smk_allocation_rows(allocation, sql.data, with_currency);
}

/*
 * The statement that lists the records behind a measure over the whole range: as many as a count says,
 * amounts that add up to a sum.
 */
char *
smk_compile_rows(const SmkRequest *request, const SmkColumn *measure, bool has_limit, int limit)
{
	SmkStatement statement = {0};
	bool with_currency;
	StringInfoData sql;
	ListCell *cell;

	statement.request = request;
	statement.spend_entry = smk_config_entered("spend");
	if (!smk_measure_is_available(&statement, measure))
	{
		const char *entity = smk_customer_source(request, measure->records->entity);

		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing that is bound gives measure \"%s\" of %s", measure->name, request->kpi->name),
			 errhint("SELECT * FROM smarketing.bindings shows what is bound; entity %s is what it counts.",
					 entity ? psprintf("\"%s\"", entity)
							: "\"subscription\", \"opportunity\" or \"revenue\"")));
	}
	if (measure->aggregate == SMK_MOVEMENT)
		return psprintf(
			"%s\nORDER BY at, record_id, label%s",
			smk_retention_rows(linitial(smk_measure_records(&statement, request, measure->records)), measure),
			has_limit ? psprintf("\nLIMIT %d", limit) : "");
	with_currency = smk_measure_has_currency(&statement, measure);
	initStringInfo(&sql);
	foreach (cell, smk_measure_records(&statement, request, measure->records))
	{
		SmkRecords *records = lfirst(cell);
		SmkAllocation *allocation = smk_allocation(records);

		if (allocation == NULL)
			appendStringInfo(&sql, "%s%s", sql.len ? "\nUNION ALL\n" : "",
							 rows_of(records, measure, with_currency));
		else if (records->lumps != SMK_LUMPS_ONLY) /* which come with the others of their source */
			appendStringInfo(&sql, "%s%s", sql.len ? "\nUNION ALL\n" : "",
							 shared_rows(&statement, allocation, measure, with_currency));
	}
	return psprintf("%s\nORDER BY at, record_id, label%s",
					with_currency ? smk_currency_rows(request, sql.data) : sql.data,
					has_limit ? psprintf("\nLIMIT %d", limit) : "");
}
