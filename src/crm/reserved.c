/*
 * reserved.c: the built-in dimensions, and the names that no dimension of the user's may take.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "crm/reserved.h"

const char *const smk_built_in_dimensions[] = {"channel", "campaign", "owner", "team",	 "segment",
											   "product", "account",  "kind",  "origin", "target"};

const int smk_built_in_dimension_count = lengthof(smk_built_in_dimensions);

/*
 * Columns of the eight KPI functions, of kpi and of kpi_compare: a view has a dimension beside them, under
 * its own name. Other functions give dimensions as by_1 to by_3 only: "age" and "manager" are free.
 */
static const char *const reserved_names[] = {"period_start",
											 "is_partial",
											 "by_1",
											 "by_2",
											 "by_3",
											 "value",
											 "numerator",
											 "denominator",
											 "other",
											 "change",
											 "change_rate",
											 "spend",
											 "leads",
											 "cost_per_lead",
											 "mqls",
											 "sqls",
											 "customers",
											 "disqualified",
											 "mql_rate",
											 "disqualified_rate",
											 "cost_per_mql",
											 "cost_per_sql",
											 "cost_per_customer",
											 "opportunities",
											 "won",
											 "cost_per_opportunity",
											 "cost_per_won",
											 "customers_start",
											 "customers_kept",
											 "customers_new",
											 "customers_reactivated",
											 "customers_lost",
											 "retention_rate",
											 "churn_rate",
											 "revenue_start",
											 "revenue_new",
											 "revenue_expansion",
											 "revenue_upsell",
											 "revenue_cross_sell",
											 "revenue_reactivated",
											 "revenue_contraction",
											 "revenue_churned",
											 "revenue_end",
											 "gross_revenue_retention",
											 "net_revenue_retention",
											 "customers_upsold",
											 "customers_cross_sold",
											 "new_customers",
											 "customer_acquisition_cost",
											 "spend_marketing",
											 "spend_sales",
											 "paid_acquisition_cost",
											 "revenue_per_customer",
											 "payback_months",
											 "lifetime_value",
											 "lifetime_value_to_cost",
											 "revenue",
											 "previous",
											 "year_ago",
											 "year_over_year",
											 "trailing_12_months",
											 "goal",
											 "attainment",
											 "is_projection",
											 "low",
											 "high",
											 "sals",
											 "lead_to_mql_rate",
											 "mql_to_sal_rate",
											 "sal_to_sql_rate",
											 "mql_to_sql_rate",
											 "sql_to_opportunity_rate",
											 "opportunity_to_won_rate",
											 "lead_to_won_rate",
											 "median_hours_to_mql",
											 "median_hours_to_sql",
											 "median_hours_to_won",
											 "skipped_mqls",
											 "is_mature",
											 "attributed_conversions",
											 "attributed_revenue",
											 "return_on_ad_spend",
											 "roi",
											 "open_pipeline",
											 "unattributed_revenue",
											 "created",
											 "closed",
											 "lost",
											 "open",
											 "win_rate",
											 "win_rate_low",
											 "win_rate_high",
											 "amount_won",
											 "amount_lost",
											 "amount_win_rate",
											 "average_won",
											 "opportunities_per_won",
											 "median_cycle_hours",
											 "velocity_per_day",
											 "open_overdue"};

/* True for a dimension that needs no definition. */
bool
smk_dimension_is_built_in(const char *name)
{
	for (int i = 0; i < smk_built_in_dimension_count; i++)
		if (strcmp(smk_built_in_dimensions[i], name) == 0)
			return true;
	return false;
}

/* True for a name that a column of the KPI functions has. */
bool
smk_name_is_reserved(const char *name)
{
	for (size_t i = 0; i < lengthof(reserved_names); i++)
		if (strcmp(reserved_names[i], name) == 0)
			return true;
	return false;
}

/* Raises the error for a dimension that does not exist; others lists those of the user's, or is NULL. */
void
smk_dimension_unknown(const char *name, const char *others)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < smk_built_in_dimension_count; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", smk_built_in_dimensions[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("dimension \"%s\" does not exist", name),
					others ? errhint("Built in: %s. Of your own: %s.", list.data, others)
						   : errhint("Built in: %s. Others are made with smarketing.define_dimension().",
									 list.data)));
}
