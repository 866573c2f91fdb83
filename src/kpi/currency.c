/*
 * currency.c: amounts in several currencies. Parts add up by currency and local day (what is in the
 * setting's currency without its day); then each of these sums takes the last rate on or before its day,
 * found in one window over the sums and the rates together.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "kpi/currency.h"
#include "kpi/source.h"

/* The rates of a binding as (currency, rate_on, at, rate, is_entered). */
static char *
rates_of(const SmkRequest *request, SmkBinding *binding, bool is_entered)
{
	const SmkEntity *entity = binding->entity;
	int at = smk_entity_column(entity, "at");
	bool needed[SMK_MAX_COLUMNS] = {false};
	char *day = "exchange_rate.at";

	smk_binding_open(binding);
	for (int i = 0; entity->columns[i].name != NULL; i++)
		needed[i] = true;
	if (binding->columns[at].type != DATEOID)
		day = psprintf("smarketing.period_start('day', exchange_rate.at, %s)",
					   quote_literal_cstr(request->time_zone));
	return psprintf(
		"SELECT " SMK_CURRENCY_CODE(
			"exchange_rate.currency") " AS currency, %s AS rate_on,\n"
									  "       %s AS at, exchange_rate.rate AS rate, %s AS is_entered\n"
									  "FROM %s AS exchange_rate\n"
									  "WHERE exchange_rate.rate IS NOT NULL AND isfinite(exchange_rate.at)",
		day, smk_source_instant(binding, at, "exchange_rate.at", request->time_zone),
		is_entered ? "true" : "false",
		smk_sql_indent(smk_source_select(binding, needed, NIL, entity - smk_entities, NULL), 5));
}

/*
 * SQL for the rates to the setting's currency, one a currency and local day: the last one of the day, what
 * was entered by hand before what is bound. NULL where there are none at all.
 */
static char *
currency_rates(const SmkRequest *request)
{
	SmkBinding *bound = smk_config_binding(request->config, "exchange_rate");
	SmkBinding *entered = smk_config_entered("exchange_rate");
	StringInfoData sql;

	if (bound == NULL && entered == NULL)
		return NULL;
	initStringInfo(&sql);
	appendStringInfoString(
		&sql,
		"SELECT DISTINCT ON (known.currency, known.rate_on) known.currency, known.rate_on,\n"
		"       smarketing.valid_rate(known.rate, known.currency, known.rate_on) AS rate\nFROM (\n    ");
	if (bound)
		appendStringInfoString(&sql, smk_sql_indent(rates_of(request, bound, false), 4));
	if (bound && entered)
		appendStringInfoString(&sql, "\n    UNION ALL\n    ");
	if (entered)
		appendStringInfoString(&sql, smk_sql_indent(rates_of(request, entered, true), 4));
	appendStringInfoString(&sql, ") AS known\nWHERE known.currency IS NOT NULL\nORDER BY known.currency, "
								 "known.rate_on, known.is_entered DESC, known.at DESC, "
								 "known.rate");
	return sql.data;
}

/* The rates as one more part of the statement. */
static char *
rates_part(const SmkStatement *statement, const char *rates)
{
	const SmkRequest *request = statement->request;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "-- exchange rates\nSELECT NULL::date AS period_start");
	for (int i = 0; i < list_length(request->by); i++)
		appendStringInfo(&sql, ", NULL::text AS by_%d", i + 1);
	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (measure->is_available)
			appendStringInfo(&sql, ",\n       NULL::%s AS %s", smk_measure_type(measure), measure->name);
	}
	if (smk_part_wants_first(request))
		appendStringInfoString(&sql, ",\n       NULL::timestamptz AS first_at");
	appendStringInfo(&sql, ",\n       rate.currency, rate.rate_on, rate.rate\nFROM (\n    %s) AS rate",
					 smk_sql_indent(rates, 4));
	return sql.data;
}

/* The condition that a row of the parts has a sum of money. */
static char *
has_money(const SmkStatement *statement)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, statement->measures)
	{
		SmkMeasure *measure = lfirst(cell);

		if (measure->is_available && measure->shift != SMK_SHIFT_GOAL && smk_column_is_money(measure->column))
			appendStringInfo(&sql, "%spart.%s IS NOT NULL", sql.len ? " OR " : "", measure->name);
	}
	return sql.data;
}

/*
 * Rows that carry currency, rate_on and rate, as FROM and WHERE over the alias part, each with the factor
 * that converts its money; rates are the rates as rows of the same columns (or NULL), money is the condition
 * that a row has any. Without a setting one currency is required, and there is no factor.
 */
static char *
convertible(const SmkRequest *request, const char *rows, const char *rates, const char *money)
{
	const char *target = request->config->currency;
	char *known;

	if (target == NULL)
		return psprintf(
			"(\n    SELECT part.*, smarketing.require_one_currency(part.currency) FILTER (WHERE %s) "
			"OVER () AS is_convertible\n    FROM (\n        %s) AS part) AS part\n"
			"WHERE part.is_convertible",
			money, smk_sql_indent(rows, 8));
	target = quote_literal_cstr(target);
	if (rates)
		rows = psprintf("%s\nUNION ALL\n%s", rows, rates);
	known = psprintf("SELECT part.*, CASE WHEN part.currency IS NULL OR part.currency = %s THEN 1\n"
					 "           ELSE smarketing.last_known(part.rate) OVER known END AS factor\n"
					 "FROM (\n    %s) AS part\n"
					 "WINDOW known AS (PARTITION BY part.currency ORDER BY part.rate_on, part.rate)",
					 target, smk_sql_indent(rows, 4));
	if (request->config->missing_rate_is_null)
		return psprintf("(\n    %s) AS part\nWHERE part.rate IS NULL", smk_sql_indent(known, 4));
	return psprintf("(\n    SELECT part.*, smarketing.require_rates(part.currency, part.rate_on, %s)\n"
					"           FILTER (WHERE part.factor IS NULL AND (%s)) OVER () AS is_convertible\n"
					"    FROM (\n        %s) AS part\n"
					"    WHERE part.rate IS NULL) AS part\n"
					"WHERE part.is_convertible",
					target, money, smk_sql_indent(known, 8));
}

/* The level between the parts and the cells, as FROM and WHERE over the alias part. */
char *
smk_currency_level(const SmkStatement *statement, const char *parts)
{
	char *rates = currency_rates(statement->request);

	return convertible(statement->request, parts, rates ? rates_part(statement, rates) : NULL,
					   has_money(statement));
}

/* SQL for the sum of a measure of money over a cell, converted; NULL where a rate is missing and may be. */
char *
smk_currency_sum(const SmkStatement *statement, const SmkMeasure *measure)
{
	const SmkConfig *config = statement->request->config;
	const char *name = measure->name;

	if (config->currency == NULL)
		return psprintf("coalesce(sum(part.%s), 0)", name);
	if (!config->missing_rate_is_null)
		return psprintf("coalesce(sum(part.%s * part.factor), 0)", name);
	return psprintf("CASE WHEN count(part.%s) = count(part.%s * part.factor)\n"
					"            THEN coalesce(sum(part.%s * part.factor), 0) END",
					name, name, name);
}

/* The rows of kpi_rows with their amounts converted, from rows that carry currency, rate_on and rate. */
char *
smk_currency_rows(const SmkRequest *request, const char *rows)
{
	char *rates = currency_rates(request);

	if (rates)
		rates = psprintf("SELECT NULL, NULL, NULL, NULL, NULL, NULL, rate.currency, rate.rate_on, rate.rate\n"
						 "FROM (\n    %s) AS rate",
						 smk_sql_indent(rates, 4));
	return psprintf("SELECT part.entity, part.record_id, part.label, part.at, part.amount%s AS amount, "
					"part.weight\nFROM %s",
					request->config->currency ? " * part.factor" : "",
					convertible(request, rows, rates, "part.amount IS NOT NULL"));
}

/*
 * Payments with the factor that converts each, as FROM and WHERE over the alias part, from rows that have so
 * many columns before currency, rate_on and rate.
 */
char *
smk_currency_payments(const SmkRequest *request, const char *rows, int columns)
{
	char *rates = currency_rates(request);
	StringInfoData sql;

	if (rates == NULL)
		return convertible(request, rows, NULL, "part.amount IS NOT NULL");
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < columns; i++)
		appendStringInfoString(&sql, "NULL, ");
	appendStringInfo(&sql, "rate.currency, rate.rate_on, rate.rate\nFROM (\n    %s) AS rate",
					 smk_sql_indent(rates, 4));
	return convertible(request, rows, sql.data, "part.amount IS NOT NULL");
}
