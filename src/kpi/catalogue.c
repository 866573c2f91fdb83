/*
 * catalogue.c: the KPIs as data. A new ratio is one entry here and its words in labels_en.c and labels_fr.c.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "kpi/catalogue.h"

static const SmkRecordSet spend_of_marketing = {
	"marketing spend", "spend", "at", SMK_KIND_MARKETING, true, NULL, NULL};
static const SmkRecordSet spend_of_sales = {"sales spend", "spend", "at", SMK_KIND_SALES, true, NULL, NULL};
static const SmkRecordSet spend_of_all = {"spend", "spend", "at", SMK_KIND_ANY, true, NULL, NULL};
static const SmkRecordSet revenue_of_customers = {
	"revenue of new customers", "customer_revenue", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet customers_new = {"new customers", "customer", "at", SMK_KIND_ANY,
										   false,			NULL,		NULL};
static const SmkRecordSet leads_created = {"leads created", "lead", "created_at", SMK_KIND_ANY,
										   false,			NULL,	NULL};
static const SmkRecordSet leads_mql = {
	"leads that became MQL", "lead", "mql_time", SMK_KIND_ANY, false, "[is_mql]", NULL};
static const SmkRecordSet leads_sal = {
	"leads that became SAL", "lead", "sal_time", SMK_KIND_ANY, false, "[is_sal]", NULL};
static const SmkRecordSet leads_sql = {
	"leads that became SQL", "lead", "sql_time", SMK_KIND_ANY, false, "[is_sql]", NULL};
static const SmkRecordSet leads_with_opportunity = {"leads that became an opportunity",
													"lead",
													"opportunity_time",
													SMK_KIND_ANY,
													false,
													"[is_opportunity]",
													NULL};
static const SmkRecordSet leads_won = {"leads won",		"lead", "customer_time", SMK_KIND_ANY, false,
									   "[is_customer]", NULL};
static const SmkRecordSet leads_disqualified = {
	"leads disqualified", "lead", "disqualified_time", SMK_KIND_ANY, false, "[is_disqualified]", NULL};
static const SmkRecordSet opportunities_created = {
	"opportunities created", "opportunity", "created_at", SMK_KIND_OPTION, false, NULL, NULL};
static const SmkRecordSet opportunities_closed = {
	"opportunities closed", "opportunity", "closed_at", SMK_KIND_OPTION, false, "[won] IS NOT NULL", NULL};
static const SmkRecordSet opportunities_open = {"opportunities open at the end of the period",
												"opportunity",
												"created_at",
												SMK_KIND_OPTION,
												false,
												NULL,
												"closed_at"};

static const SmkRecordSet revenue_booked = {"revenue", "revenue", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet opportunities_won = {
	"opportunities won", "opportunity", "closed_at", SMK_KIND_ANY, false, "[won]", NULL};

static const SmkRecordSet subscriptions_running = {"subscriptions at the close of the period",
												   "subscription",
												   "starts_at",
												   SMK_KIND_ANY,
												   false,
												   NULL,
												   "ends_at"};

static const SmkRecordSet customer_payments = {
	"payments of customers", "customer_payment", "at", SMK_KIND_ANY, false, NULL, NULL};

static const SmkRecordSet credits_of_won = {
	"credits of opportunities won", "credit", "at", SMK_KIND_ANY, false, NULL, NULL};
static const SmkRecordSet credits_of_open = {"credits of opportunities open at the end of the period",
											 "open_credit",
											 "at",
											 SMK_KIND_ANY,
											 false,
											 NULL,
											 NULL};

/* From creation to closing; an infinite time has no distance. */
#define CYCLE                                                                                                \
	"CASE WHEN isfinite([@created_at]) AND isfinite([@closed_at]) THEN [@closed_at] - [@created_at] END"

#define ANY NULL
#define COHORT "cohort"
#define PERIOD "period"
#define FLOW "flow"
#define CALENDAR "calendar"
#define ELAPSED "elapsed"
#define CLOSED "closed"
#define CREATED "created"
#define AUTO "auto"
#define ALL "all"
#define MARKETING "marketing"
#define SALES "sales"
#define REVENUE "revenue"
#define OPPORTUNITY "opportunity"
#define SUBSCRIPTION "subscription"
#define TOUCHED "touched"

/* Measures. */
#define COUNT_OF(name, basis, better, records, condition)                                                    \
	{                                                                                                        \
		name, basis, SMK_COUNT, SMK_UNIT_COUNT, better, false, &(records), NULL, condition, NULL, NULL       \
	}
#define HIDDEN_COUNT_OF(name, basis, records, condition)                                                     \
	{                                                                                                        \
		name, basis, SMK_COUNT, SMK_UNIT_COUNT, true, true, &(records), NULL, condition, NULL, NULL          \
	}
#define SUM_OF(name, basis, better, records, value, condition)                                               \
	{                                                                                                        \
		name, basis, SMK_SUM, SMK_UNIT_MONEY, better, false, &(records), value, condition, NULL, NULL        \
	}
#define HIDDEN_SUM_OF(name, basis, records, value, condition)                                                \
	{                                                                                                        \
		name, basis, SMK_SUM, SMK_UNIT_MONEY, true, true, &(records), value, condition, NULL, NULL           \
	}
#define SHARE_OF(name, basis, better, records, value, condition)                                             \
	{                                                                                                        \
		name, basis, SMK_SHARE, SMK_UNIT_QUOTIENT, better, false, &(records), value, condition, NULL, NULL   \
	}
#define MEDIAN_HOURS_OF(name, basis, better, records, value, condition)                                      \
	{                                                                                                        \
		name, basis, SMK_MEDIAN, SMK_UNIT_HOURS, better, false, &(records), value, condition, NULL, NULL     \
	}
#define FUNNEL_OF(name, records, arguments, condition)                                                       \
	{                                                                                                        \
		name, ANY, SMK_SUMMARY, SMK_UNIT_SUMMARY, true, true, &(records), arguments, condition, NULL, NULL   \
	}
#define CUSTOMERS_OF(name, better, movements, needs)                                                         \
	{                                                                                                        \
		name, ANY, SMK_MOVEMENT, SMK_UNIT_COUNT, better, false, &customer_payments, movements, needs, NULL,  \
			NULL                                                                                             \
	}
#define HIDDEN_CUSTOMERS_OF(name, movements)                                                                 \
	{                                                                                                        \
		name, ANY, SMK_MOVEMENT, SMK_UNIT_COUNT, true, true, &customer_payments, movements, NULL, NULL, NULL \
	}
#define AMOUNT_OF(name, better, movements, needs)                                                            \
	{                                                                                                        \
		name, ANY, SMK_MOVEMENT, SMK_UNIT_MONEY, better, false, &customer_payments, movements, needs, NULL,  \
			NULL                                                                                             \
	}
#define STOCK_OF(name, basis, better, records, starts)                                                       \
	{                                                                                                        \
		name, basis, SMK_STOCK, SMK_UNIT_COUNT, better, false, &(records), starts, NULL, NULL, NULL          \
	}
#define LEVEL_OF(name, basis, better, records, value)                                                        \
	{                                                                                                        \
		name, basis, SMK_LEVEL, SMK_UNIT_MONEY, better, false, &(records), value, NULL, NULL, NULL           \
	}
#define HIDDEN_MODE_OF(name, records, value, condition)                                                      \
	{                                                                                                        \
		name, ANY, SMK_MODE, SMK_UNIT_TEXT, true, true, &(records), value, condition, NULL, NULL             \
	}
/* Ratios. */
#define MONEY_PER(name, better, numerator, denominator)                                                      \
	{                                                                                                        \
		name, ANY, SMK_RATIO, SMK_UNIT_MONEY, better, false, NULL, NULL, NULL, numerator, denominator        \
	}
#define RATE_OF(name, better, numerator, denominator)                                                        \
	{                                                                                                        \
		name, ANY, SMK_RATIO, SMK_UNIT_RATE, better, false, NULL, NULL, NULL, numerator, denominator         \
	}
#define QUOTIENT_OF(name, better, numerator, denominator)                                                    \
	{                                                                                                        \
		name, ANY, SMK_RATIO, SMK_UNIT_QUOTIENT, better, false, NULL, NULL, NULL, numerator, denominator     \
	}
#define COMPUTED(name, unit, better, expression, numerator, denominator)                                     \
	{                                                                                                        \
		name, ANY, SMK_RATIO, unit, better, false, NULL, expression, NULL, numerator, denominator            \
	}
#define HIDDEN_COMPUTED(name, unit, better, expression)                                                      \
	{                                                                                                        \
		name, ANY, SMK_RATIO, unit, better, true, NULL, expression, NULL, NULL, NULL                         \
	}
/* A column that is no metric. */
#define HIDDEN_TRUTH(name, expression)                                                                       \
	{                                                                                                        \
		name, ANY, SMK_RATIO, SMK_UNIT_TRUTH, true, true, NULL, expression, NULL, NULL, NULL                 \
	}
#define END_OF_COLUMNS                                                                                       \
	{                                                                                                        \
		NULL, NULL, SMK_COUNT, SMK_UNIT_COUNT, false, false, NULL, NULL, NULL, NULL, NULL                    \
	}

static const SmkColumn cost_per_lead_columns[] = {
	SUM_OF("spend", ANY, false, spend_of_marketing, "[amount]", NULL),
	COUNT_OF("leads", ANY, true, leads_created, NULL),
	MONEY_PER("cost_per_lead", false, "spend", "leads"),
	COUNT_OF("mqls", COHORT, true, leads_created, "[is_mql]"),
	COUNT_OF("mqls", PERIOD, true, leads_mql, NULL),
	COUNT_OF("sqls", COHORT, true, leads_created, "[is_sql]"),
	COUNT_OF("sqls", PERIOD, true, leads_sql, NULL),
	COUNT_OF("customers", COHORT, true, leads_created, "[is_customer]"),
	COUNT_OF("customers", PERIOD, true, leads_won, NULL),
	COUNT_OF("disqualified", COHORT, false, leads_created, "[is_disqualified]"),
	COUNT_OF("disqualified", PERIOD, false, leads_disqualified, NULL),
	RATE_OF("mql_rate", true, "mqls", "leads"),
	RATE_OF("disqualified_rate", false, "disqualified", "leads"),
	MONEY_PER("cost_per_mql", false, "spend", "mqls"),
	MONEY_PER("cost_per_sql", false, "spend", "sqls"),
	MONEY_PER("cost_per_customer", false, "spend", "customers"),
	END_OF_COLUMNS};

static const SmkColumn cost_per_opportunity_columns[] = {
	SUM_OF("spend", ANY, false, spend_of_marketing, "[amount]", NULL),
	COUNT_OF("opportunities", ANY, true, opportunities_created, NULL),
	COUNT_OF("won", ANY, true, opportunities_closed, "[won]"),
	MONEY_PER("cost_per_opportunity", false, "spend", "opportunities"),
	MONEY_PER("cost_per_won", false, "spend", "won"),
	END_OF_COLUMNS};

static const SmkColumn opportunity_win_rate_columns[] = {
	COUNT_OF("created", ANY, true, opportunities_created, NULL),
	COUNT_OF("closed", CLOSED, true, opportunities_closed, "[won] IS NOT NULL"),
	COUNT_OF("closed", CREATED, true, opportunities_created, "[won] IS NOT NULL"),
	COUNT_OF("won", CLOSED, true, opportunities_closed, "[won]"),
	COUNT_OF("won", CREATED, true, opportunities_created, "[won]"),
	COUNT_OF("lost", CLOSED, false, opportunities_closed, "NOT [won]"),
	COUNT_OF("lost", CREATED, false, opportunities_created, "NOT [won]"),
	STOCK_OF("open", CLOSED, true, opportunities_open, "created_at"),
	COUNT_OF("open", CREATED, true, opportunities_created, "[won] IS NULL"),
	RATE_OF("win_rate", true, "won", "closed"),
	COMPUTED("win_rate_low", SMK_UNIT_RATE, true, "smarketing.wilson_low([won], [closed])", "won", "closed"),
	COMPUTED("win_rate_high", SMK_UNIT_RATE, true, "smarketing.wilson_high([won], [closed])", "won",
			 "closed"),
	SUM_OF("amount_won", CLOSED, true, opportunities_closed, "[amount]", "[won]"),
	SUM_OF("amount_won", CREATED, true, opportunities_created, "[amount]", "[won]"),
	SUM_OF("amount_lost", CLOSED, false, opportunities_closed, "[amount]", "NOT [won]"),
	SUM_OF("amount_lost", CREATED, false, opportunities_created, "[amount]", "NOT [won]"),
	RATE_OF("amount_win_rate", true, "amount_won", "amount_closed"),
	MONEY_PER("average_won", true, "amount_won", "won_with_amount"),
	QUOTIENT_OF("opportunities_per_won", false, "created", "won"),
	MEDIAN_HOURS_OF("median_cycle_hours", CLOSED, false, opportunities_closed, CYCLE, "[won]"),
	MEDIAN_HOURS_OF("median_cycle_hours", CREATED, false, opportunities_created, CYCLE, "[won]"),
	COMPUTED("velocity_per_day", SMK_UNIT_MONEY_PER_DAY, true,
			 "[won] * ([amount_won] / nullif([won_with_amount], 0)) "
			 "/ nullif([median_cycle_hours]::numeric / 24, 0)",
			 NULL, NULL),
	STOCK_OF("open_overdue", CLOSED, false, opportunities_open, "expected_close_at"),
	COUNT_OF("open_overdue", CREATED, false, opportunities_created,
			 "[won] IS NULL AND [@expected_close_at] < [period_cut]"),
	HIDDEN_SUM_OF("amount_closed", CLOSED, opportunities_closed, "[amount]", "[won] IS NOT NULL"),
	HIDDEN_SUM_OF("amount_closed", CREATED, opportunities_created, "[amount]", "[won] IS NOT NULL"),
	HIDDEN_COUNT_OF("won_with_amount", CLOSED, opportunities_closed, "[won] AND [amount] IS NOT NULL"),
	HIDDEN_COUNT_OF("won_with_amount", CREATED, opportunities_created, "[won] AND [amount] IS NOT NULL"),
	END_OF_COLUMNS};

static const SmkColumn customer_acquisition_cost_columns[] = {
	SUM_OF("spend", ALL, false, spend_of_all, "[amount]", NULL),
	SUM_OF("spend", MARKETING, false, spend_of_marketing, "[amount]", NULL),
	SUM_OF("spend", SALES, false, spend_of_sales, "[amount]", NULL),
	COUNT_OF("new_customers", ANY, true, customers_new, NULL),
	MONEY_PER("customer_acquisition_cost", false, "spend", "new_customers"),
	SUM_OF("spend_marketing", ANY, false, spend_of_marketing, "[amount]", NULL),
	SUM_OF("spend_sales", ANY, false, spend_of_sales, "[amount]", NULL),
	MONEY_PER("paid_acquisition_cost", false, "spend_marketing", "paid_customers"),
	HIDDEN_COUNT_OF("paid_customers", ANY, customers_new, "[is_paid]"),
	COMPUTED("revenue_per_customer", SMK_UNIT_MONEY, true,
			 "CASE WHEN [ripe_customers] = [new_customers] THEN [customer_revenue] / nullif([new_customers], "
			 "0) END",
			 NULL, NULL),
	COMPUTED(
		"payback_months", SMK_UNIT_QUOTIENT, false,
		"(CASE WHEN [ripe_customers] = [new_customers] AND [customer_revenue] > 0 AND [new_customers] > 0 "
		"THEN [spend] / ([customer_revenue] * [margin]) END)::double precision",
		NULL, NULL),
	COMPUTED("lifetime_value", SMK_UNIT_MONEY, true,
			 "[revenue_per_customer] * [margin] * [period_months] * [customers_start] / "
			 "nullif([customers_lost], 0)",
			 NULL, NULL),
	COMPUTED("lifetime_value_to_cost", SMK_UNIT_QUOTIENT, true,
			 "([lifetime_value] / nullif([customer_acquisition_cost], 0))::double precision", NULL, NULL),
	HIDDEN_CUSTOMERS_OF("customers_start", "'opening'"),
	HIDDEN_CUSTOMERS_OF("customers_lost", "'churn'"),
	HIDDEN_SUM_OF("customer_revenue", ANY, revenue_of_customers, "[amount]", NULL),
	HIDDEN_COUNT_OF("ripe_customers", ANY, customers_new, "[is_ripe]"),
	END_OF_COLUMNS};

/* A change on what was before has no rate where that is not positive. */
#define CHANGE_RATE(now, before)                                                                             \
	"(([" now "] - [" before "]) / CASE WHEN [" before "] > 0 THEN [" before "] END)::double precision"

static const SmkColumn revenue_evolution_columns[] = {
	SUM_OF("revenue", REVENUE, true, revenue_booked, "[amount]", NULL),
	SUM_OF("revenue", OPPORTUNITY, true, opportunities_won, "[amount]", NULL),
	LEVEL_OF("revenue", SUBSCRIPTION, true, subscriptions_running, "[amount]"),
	COMPUTED("previous", SMK_UNIT_MONEY, true, "[previous:revenue]", NULL, NULL),
	COMPUTED("change", SMK_UNIT_MONEY, true, "[revenue] - [previous]", NULL, NULL),
	COMPUTED("change_rate", SMK_UNIT_RATE, true, CHANGE_RATE("revenue", "previous"), "change", "previous"),
	COMPUTED("year_ago", SMK_UNIT_MONEY, true, "[year_ago:revenue]", NULL, NULL),
	COMPUTED("year_over_year", SMK_UNIT_RATE, true, CHANGE_RATE("revenue", "year_ago"), NULL, NULL),
	COMPUTED("trailing_12_months", SMK_UNIT_MONEY, true, "[trailing:revenue]", NULL, NULL),
	COMPUTED("goal", SMK_UNIT_MONEY, true, "[goal:revenue]", NULL, NULL),
	COMPUTED("attainment", SMK_UNIT_RATE, true, "([revenue] / nullif([goal:revenue], 0))::double precision",
			 "revenue", "goal"),
	HIDDEN_TRUTH("is_projection", "false"),
	END_OF_COLUMNS};

static const SmkColumn marketing_roi_columns[] = {
	SUM_OF("spend", ANY, false, spend_of_marketing, "[amount]", NULL),
	SHARE_OF("attributed_conversions", ANY, true, credits_of_won, "[conversions]", "[is_attributed]"),
	SUM_OF("attributed_revenue", ANY, true, credits_of_won, "[amount]", "[is_attributed]"),
	QUOTIENT_OF("return_on_ad_spend", true, "attributed_revenue", "spend"),
	COMPUTED("roi", SMK_UNIT_RETURN, true,
			 "(([attributed_revenue] * [margin] - [spend]) / nullif([spend], 0))::double precision",
			 "net_return", "spend"),
	SUM_OF("open_pipeline", ANY, true, credits_of_open, "[amount]", NULL),
	SUM_OF("unattributed_revenue", ANY, false, credits_of_won, "[amount]", "NOT [is_attributed]"),
	HIDDEN_COMPUTED("net_return", SMK_UNIT_MONEY, true, "[attributed_revenue] * [margin] - [spend]"),
	END_OF_COLUMNS};

static const SmkColumn customer_retention_columns[] = {
	CUSTOMERS_OF("customers_start", true, "'opening'", NULL),
	COMPUTED("customers_kept", SMK_UNIT_COUNT, true, "[customers_start] - [customers_lost]", NULL, NULL),
	CUSTOMERS_OF("customers_new", true, "'new'", NULL),
	CUSTOMERS_OF("customers_reactivated", true, "'reactivation'", NULL),
	CUSTOMERS_OF("customers_lost", false, "'churn'", NULL),
	RATE_OF("retention_rate", true, "customers_kept", "customers_start"),
	RATE_OF("churn_rate", false, "customers_lost", "customers_start"),
	AMOUNT_OF("revenue_start", true, "'opening'", NULL),
	AMOUNT_OF("revenue_new", true, "'new'", NULL),
	AMOUNT_OF("revenue_expansion", true, "'upsell', 'cross_sell', 'expansion'", NULL),
	AMOUNT_OF("revenue_upsell", true, "'upsell'", "[product]"),
	AMOUNT_OF("revenue_cross_sell", true, "'cross_sell'", "[product]"),
	AMOUNT_OF("revenue_reactivated", true, "'reactivation'", NULL),
	AMOUNT_OF("revenue_contraction", true, "'contraction'", NULL),
	AMOUNT_OF("revenue_churned", true, "'churn'", NULL),
	AMOUNT_OF("revenue_end", true, "'closing'", NULL),
	COMPUTED("gross_revenue_retention", SMK_UNIT_RATE, true,
			 "(([revenue_start] + [revenue_contraction] + [revenue_churned]) / "
			 "CASE WHEN [revenue_start] > 0 THEN [revenue_start] END)::double precision",
			 NULL, NULL),
	COMPUTED("net_revenue_retention", SMK_UNIT_RATE, true,
			 "(([revenue_start] + [revenue_expansion] + [revenue_contraction] + [revenue_churned]) / "
			 "CASE WHEN [revenue_start] > 0 THEN [revenue_start] END)::double precision",
			 NULL, NULL),
	CUSTOMERS_OF("customers_upsold", true, "'upsell'", "[product]"),
	CUSTOMERS_OF("customers_cross_sold", true, "'cross_sell'", "[product]"),
	END_OF_COLUMNS};

/* Of those that reached a later stage. */
#define SKIPPED_MQL "[is_sal] AND NOT [is_own_mql]"

static const SmkColumn sales_qualified_leads_columns[] = {
	COUNT_OF("leads", ANY, true, leads_created, NULL),
	COUNT_OF("mqls", COHORT, true, leads_created, "[is_mql]"),
	COUNT_OF("mqls", PERIOD, true, leads_mql, NULL),
	COUNT_OF("sals", COHORT, true, leads_created, "[is_sal]"),
	COUNT_OF("sals", PERIOD, true, leads_sal, NULL),
	COUNT_OF("sqls", COHORT, true, leads_created, "[is_sql]"),
	COUNT_OF("sqls", PERIOD, true, leads_sql, NULL),
	COUNT_OF("opportunities", COHORT, true, leads_created, "[is_opportunity]"),
	COUNT_OF("opportunities", PERIOD, true, leads_with_opportunity, NULL),
	COUNT_OF("won", COHORT, true, leads_created, "[is_customer]"),
	COUNT_OF("won", PERIOD, true, leads_won, NULL),
	RATE_OF("lead_to_mql_rate", true, "mqls", "leads"),
	RATE_OF("mql_to_sal_rate", true, "sals", "mqls"),
	RATE_OF("sal_to_sql_rate", true, "sqls", "sals"),
	RATE_OF("mql_to_sql_rate", true, "sqls", "mqls"),
	RATE_OF("sql_to_opportunity_rate", true, "opportunities", "sqls"),
	RATE_OF("opportunity_to_won_rate", true, "won", "opportunities"),
	RATE_OF("lead_to_won_rate", true, "won", "leads"),
	MEDIAN_HOURS_OF("median_hours_to_mql", COHORT, false, leads_created, "[mql_duration]", "[is_mql]"),
	MEDIAN_HOURS_OF("median_hours_to_mql", PERIOD, false, leads_mql, "[mql_duration]", "[is_mql]"),
	MEDIAN_HOURS_OF("median_hours_to_sql", COHORT, false, leads_created, "[sql_duration]", "[is_sql]"),
	MEDIAN_HOURS_OF("median_hours_to_sql", PERIOD, false, leads_sql, "[sql_duration]", "[is_sql]"),
	MEDIAN_HOURS_OF("median_hours_to_won", COHORT, false, leads_created, "[customer_duration]",
					"[is_customer]"),
	MEDIAN_HOURS_OF("median_hours_to_won", PERIOD, false, leads_won, "[customer_duration]", "[is_customer]"),
	COUNT_OF("skipped_mqls", COHORT, false, leads_created, SKIPPED_MQL),
	COUNT_OF("skipped_mqls", PERIOD, false, leads_mql, SKIPPED_MQL),
	HIDDEN_TRUTH("is_mature", "[period_is_mature]"),
	END_OF_COLUMNS};

/*
 * Of leads as they are counted above how many came how far, and of the steps whose time is known how long
 * they took; in other modes than reached the latter tells both.
 */
static const SmkColumn lead_funnel_columns[] = {
	FUNNEL_OF("passed", leads_created,
			  "[event_entity], [event_step], [event_any_time], [event_within], [event_mode]",
			  "[event_is_last]"),
	FUNNEL_OF("timed", leads_created,
			  "[event_entity], [event_step], [event_at], [event_within], [event_mode]", "[event_is_timed]"),
	END_OF_COLUMNS};

/* What marketing handed over in the period, and what sales made of it; each lead is in one of the five. */
static const SmkColumn handover_columns[] = {
	COUNT_OF("mqls", ANY, true, leads_mql, NULL), COUNT_OF("accepted", ANY, true, leads_mql, "[is_accepted]"),
	COUNT_OF("rejected", ANY, false, leads_mql, "[is_rejected]"),
	COUNT_OF("recycled", ANY, false, leads_mql, "[is_returned]"),
	COUNT_OF("ignored", ANY, false, leads_mql, "[is_ignored]"),
	COUNT_OF("late", ANY, false, leads_mql, "[is_late]"),
	COUNT_OF("accepted_not_converted", ANY, false, leads_mql,
			 "[is_accepted] AND [is_left] AND NOT [is_customer]"),
	COUNT_OF("won", ANY, true, leads_mql, "[is_customer]"),
	RATE_OF("acceptance_rate", true, "accepted", "mqls"), RATE_OF("ignored_rate", false, "ignored", "mqls"),
	MEDIAN_HOURS_OF("median_hours_to_assigned", ANY, false, leads_mql, "[assigned_duration]",
					"[assigned_at] IS NOT NULL"),
	MEDIAN_HOURS_OF("median_hours_to_touch", ANY, false, leads_mql, "[touch_duration]", NULL),
	MEDIAN_HOURS_OF("median_hours_to_sql", ANY, false, leads_mql, "[sales_duration]", NULL),
	HIDDEN_MODE_OF("top_reject_reason", leads_mql, "nullif(btrim([disqualified_reason]::text), '')",
				   "[is_rejected]"),
	COUNT_OF("waiting", ANY, false, leads_mql, "[is_waiting]"),
	RATE_OF("rejection_rate", false, "rejected", "mqls"), RATE_OF("late_rate", false, "late", "mqls"),
	RATE_OF("conversion_rate", true, "won", "decided"),
	COUNT_OF("decided", ANY, true, leads_mql, "(([is_accepted] AND [is_left]) OR [is_customer])"),
	/* What its two sides are judged by. */
	COUNT_OF("judged", ANY, true, leads_mql, "[is_judged]"),
	COUNT_OF("unqualified", ANY, false, leads_mql, "[is_unqualified]"),
	COUNT_OF("closed_in_time", ANY, true, leads_mql,
			 "[is_accepted] AND NOT [is_late] AND NOT [is_unqualified] AND ([is_left] OR [is_customer])"),
	COUNT_OF("lost_in_time", ANY, false, leads_mql,
			 "[is_accepted] AND NOT [is_late] AND NOT [is_unqualified] AND [is_left] AND NOT [is_customer]"),
	COUNT_OF("won_in_time", ANY, true, leads_mql,
			 "[is_accepted] AND NOT [is_late] AND NOT [is_unqualified] AND [is_customer]"),
	RATE_OF("unqualified_rate", false, "unqualified", "judged"),
	RATE_OF("lost_in_time_rate", false, "lost_in_time", "closed_in_time"), END_OF_COLUMNS};

static const char *const cohort_or_period[] = {COHORT, PERIOD, NULL};
static const char *const flow_or_cohort[] = {FLOW, COHORT, NULL};
static const char *const closed_or_created[] = {CLOSED, CREATED, NULL};
static const char *const closed_or_touched[] = {CLOSED, TOUCHED, NULL};

static const char *const spend_kinds[] = {ALL, MARKETING, SALES, NULL};
static const char *const customer_acquisition_cost_options[] = {"spend_kind", "lag", "margin", "time_zone",
																NULL};
static const char *const revenue_sources[] = {AUTO, REVENUE, OPPORTUNITY, SUBSCRIPTION, NULL};

static const char *const revenue_evolution_options[] = {"source", "horizon", "method", "time_zone", NULL};
static const char *const cost_per_lead_options[] = {"basis", "lag", "time_zone", NULL};
static const char *const cost_per_opportunity_options[] = {"kind", "lag", "time_zone", NULL};
static const char *const sales_qualified_leads_options[] = {"basis", "within", "time_zone", NULL};
static const char *const customer_retention_options[] = {"basis", "time_zone", NULL};
static const char *const lead_funnel_options[] = {"mode", "within", "as_of", "time_zone", NULL};
static const char *const marketing_roi_options[] = {"model", "lookback", "half_life", "basis",
													"kind",	 "margin",	 "time_zone", NULL};
static const char *const opportunity_win_rate_options[] = {"basis", "kind", "time_zone", NULL};

const SmkKpi smk_kpis[] = {
	{"cost_per_lead", 1, "cost_per_lead", "lead", cost_per_lead_columns, cohort_or_period, "basis",
	 cost_per_lead_options},
	{"cost_per_opportunity", 2, "cost_per_opportunity", "opportunity", cost_per_opportunity_columns, NULL,
	 NULL, cost_per_opportunity_options},
	{"customer_retention", 3, "retention_rate", "customer_payment", customer_retention_columns,
	 flow_or_cohort, "basis", customer_retention_options},
	{"customer_acquisition_cost", 4, "customer_acquisition_cost", "customer",
	 customer_acquisition_cost_columns, spend_kinds, "spend_kind", customer_acquisition_cost_options},
	{"revenue_evolution", 5, "revenue", NULL, revenue_evolution_columns, revenue_sources, "source",
	 revenue_evolution_options},
	{"sales_qualified_leads", 6, "lead_to_won_rate", "lead", sales_qualified_leads_columns, cohort_or_period,
	 "basis", sales_qualified_leads_options},
	{"marketing_roi", 7, "roi", "credit", marketing_roi_columns, closed_or_touched, "basis",
	 marketing_roi_options},
	{"opportunity_win_rate", 8, "win_rate", "opportunity", opportunity_win_rate_columns, closed_or_created,
	 "basis", opportunity_win_rate_options}};

const int smk_kpi_count = lengthof(smk_kpis);

/* No KPI of its own: the customers of KPI 3 by when they came. Under basis goes how their age is counted. */
static const SmkColumn retention_cohorts_columns[] = {
	CUSTOMERS_OF("customers", true, "'new'", NULL), AMOUNT_OF("amount", true, "'new'", NULL), END_OF_COLUMNS};
static const char *const calendar_or_elapsed[] = {CALENDAR, ELAPSED, NULL};
static const char *const retention_cohorts_options[] = {"age", "rolling", "time_zone", NULL};
const SmkKpi smk_retention_cohorts_kpi = {"retention_cohorts",
										  3,
										  "customers",
										  "customer_payment",
										  retention_cohorts_columns,
										  calendar_or_elapsed,
										  "age",
										  retention_cohorts_options};

/* No KPI of its own: how KPI 6 is shown by step. */
const SmkKpi smk_lead_funnel_kpi = {"lead_funnel",		 6,	   "passed", "lead",
									lead_funnel_columns, NULL, NULL,	 lead_funnel_options};

/* No KPI of its own: the step between the two teams. */
static const char *const handover_options[] = {"respond_within", "calendar", "time_zone", NULL};
const SmkKpi smk_handover_kpi = {"handover", 0,	   "acceptance_rate", "lead", handover_columns,
								 NULL,		 NULL, handover_options};

/* The KPI of that name, or NULL. */
const SmkKpi *
smk_kpi_find(const char *name)
{
	for (int i = 0; i < smk_kpi_count; i++)
		if (strcmp(smk_kpis[i].name, name) == 0)
			return &smk_kpis[i];
	return NULL;
}

/* The column of that name under a basis (NULL: under any), or NULL. */
const SmkColumn *
smk_kpi_column(const SmkKpi *kpi, const char *name, const char *basis)
{
	for (const SmkColumn *column = kpi->columns; column->name != NULL; column++)
		if (strcmp(column->name, name) == 0 &&
			(column->basis == NULL || basis == NULL || strcmp(column->basis, basis) == 0))
			return column;
	return NULL;
}

/* True for a measure that is a sum of money. */
bool
smk_column_is_money(const SmkColumn *column)
{
	return column->aggregate == SMK_SUM || column->aggregate == SMK_LEVEL;
}

/* True for a measure that amounts decide: money, and who took more of a product. */
bool
smk_column_is_of_amounts(const SmkColumn *column)
{
	return smk_column_is_money(column) || (column->aggregate == SMK_MOVEMENT &&
										   (column->unit == SMK_UNIT_MONEY || column->condition != NULL));
}

/* True for a measure that orders its records: it is neither added up nor read with those that are. */
bool
smk_column_is_ordered(const SmkColumn *column)
{
	return column->aggregate == SMK_MEDIAN || column->aggregate == SMK_MODE;
}

/* True for a measure of what is there at the period's end. */
bool
smk_column_is_at_close(const SmkColumn *column)
{
	return column->aggregate == SMK_STOCK || column->aggregate == SMK_LEVEL;
}

/*
 * True for a measure that counts records by what the period is: who was paid for is known by its spend, what
 * is overdue by its end.
 */
bool
smk_column_is_by_period(const SmkColumn *column)
{
	return column->condition &&
		   (strstr(column->condition, "[is_paid]") || strstr(column->condition, "[period_cut]"));
}

/* True for a measure whose figures of periods and of dimensions add up. */
bool
smk_column_is_additive(const SmkColumn *column)
{
	return (column->aggregate == SMK_COUNT || column->aggregate == SMK_SUM ||
			column->aggregate == SMK_SHARE) &&
		   strcmp(column->records->entity, "open_credit") != 0;
}

/* How many there are whose columns are metrics: the KPIs, and the handover between the teams. */
int
smk_metric_kpi_count(void)
{
	return smk_kpi_count + 1;
}

/* One of them. */
const SmkKpi *
smk_metric_kpi(int i)
{
	return i < smk_kpi_count ? &smk_kpis[i] : &smk_handover_kpi;
}

/* The one of that name, or NULL. */
static const SmkKpi *
metric_kpi_find(const char *name)
{
	return strcmp(name, smk_handover_kpi.name) == 0 ? &smk_handover_kpi : smk_kpi_find(name);
}

/* The names of the KPIs, palloc'd, for an error that lists them. */
const char *
smk_kpi_list(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < smk_kpi_count; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", smk_kpis[i].name);
	return list.data;
}

/* True for the first of the entries that share a column's name, hidden ones left out. */
static bool
catalogue_is_metric(const SmkKpi *kpi, const SmkColumn *column)
{
	return !column->is_hidden && smk_kpi_column(kpi, column->name, NULL) == column;
}

/* The names of a KPI's metrics, or of its measures, or of every KPI's, palloc'd. */
static const char *
catalogue_list(const SmkKpi *only, bool measures_only)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < smk_metric_kpi_count(); i++)
	{
		const SmkKpi *kpi = smk_metric_kpi(i);

		if (only != NULL && only != kpi)
			continue;
		for (const SmkColumn *column = kpi->columns; column->name != NULL; column++)
			if (catalogue_is_metric(kpi, column) &&
				!(measures_only && (column->aggregate == SMK_RATIO || smk_column_is_ordered(column))))
				appendStringInfo(&list, "%s%s.%s", list.len ? ", " : "", kpi->name, column->name);
	}
	return list.data;
}

/* The measures that kpi_rows can list, of one KPI or (NULL) of all, palloc'd. */
const char *
smk_measure_list(const SmkKpi *kpi)
{
	return catalogue_list(kpi, true);
}

/* True where the name, with its KPI or bare, is that of a metric, or of several. */
bool
smk_metric_is_known(const char *metric)
{
	const char *dot = strchr(metric, '.');

	for (int i = 0; i < smk_metric_kpi_count(); i++)
	{
		const SmkKpi *kpi = smk_metric_kpi(i);
		const SmkColumn *column;

		if (dot && strcmp(kpi->name, pnstrdup(metric, dot - metric)) != 0)
			continue;
		if (!dot && strcmp(kpi->name, metric) == 0)
			return true;
		column = smk_kpi_column(kpi, dot ? dot + 1 : metric, NULL);
		if (column != NULL && !column->is_hidden)
			return true;
	}
	return false;
}

/*
 * The KPI and the column that a metric's name stands for: <function>.<column>, or the bare column where
 * exactly one function has it or where it is a function's name; a function's name alone is its headline.
 */
const SmkKpi *
smk_metric_resolve(const char *metric, const SmkColumn **column)
{
	const char *dot = strchr(metric, '.');
	const SmkKpi *found = NULL;
	StringInfoData candidates;

	if (dot != NULL)
	{
		const SmkKpi *kpi = metric_kpi_find(pnstrdup(metric, dot - metric));

		*column = kpi ? smk_kpi_column(kpi, dot + 1, NULL) : NULL;
		if (*column != NULL && !(*column)->is_hidden)
			return kpi;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("metric \"%s\" does not exist", metric),
				 errhint("Metrics: %s.", catalogue_list(kpi, false))));
	}
	found = metric_kpi_find(metric);
	if (found != NULL)
	{
		*column = smk_kpi_column(found, metric, NULL);
		if (*column == NULL)
			*column = smk_kpi_column(found, found->headline, NULL);
		return found;
	}
	initStringInfo(&candidates);
	for (int i = 0; i < smk_metric_kpi_count(); i++)
	{
		const SmkKpi *kpi = smk_metric_kpi(i);
		const SmkColumn *here = smk_kpi_column(kpi, metric, NULL);

		/* A bare name is first of all a KPI's. */
		if (here == NULL || here->is_hidden || (found != NULL && kpi->number == 0))
			continue;
		appendStringInfo(&candidates, "%s%s.%s", candidates.len ? ", " : "", kpi->name, metric);
		if (found != NULL)
			continue;
		found = kpi;
		*column = here;
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("metric \"%s\" does not exist", metric),
				 errhint("Metrics: %s.", catalogue_list(NULL, false))));
	if (strchr(candidates.data, ',') != NULL)
		ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_FUNCTION), errmsg("metric \"%s\" is ambiguous", metric),
						errhint("Say which: %s.", candidates.data)));
	return found;
}

/* The words for a column in one language: its own, else those that every KPI shares for that column's name.
 */
const SmkLabel *
smk_label_find(const SmkLabel *labels, const SmkKpi *kpi, const SmkColumn *column)
{
	char *qualified = psprintf("%s.%s", kpi->name, column->name);
	const SmkLabel *shared = NULL;

	for (const SmkLabel *label = labels; label->metric != NULL; label++)
	{
		if (strcmp(label->metric, qualified) == 0)
			return label;
		if (strcmp(label->metric, column->name) == 0)
			shared = label;
	}
	return shared;
}

/* The type of a unit's figures. */
const char *
smk_unit_type(SmkUnit unit)
{
	switch (unit)
	{
		case SMK_UNIT_COUNT:
			return "bigint";
		case SMK_UNIT_MONEY:
		case SMK_UNIT_MONEY_PER_DAY:
			return "numeric";
		case SMK_UNIT_RATE:
		case SMK_UNIT_RETURN:
		case SMK_UNIT_QUOTIENT:
		case SMK_UNIT_HOURS:
			return "double precision";
		case SMK_UNIT_TRUTH:
			return "boolean";
		case SMK_UNIT_SUMMARY:
			return "smarketing.funnel_summary";
		case SMK_UNIT_TEXT:
			return "text";
	}
	return "text";
}

/* The template over measures that gives a column of a KPI; palloc'd. */
char *
smk_column_template(const SmkKpi *kpi, const SmkColumn *column)
{
	if (column->aggregate == SMK_SHARE)
		/* Thirds and sixths of a record sum to whole ones. */
		return psprintf("round([%s]::numeric, 9)::%s", column->name, smk_unit_type(column->unit));
	if (column->aggregate != SMK_RATIO)
		return psprintf(column->unit == SMK_UNIT_MONEY ? "smarketing.money([%s])" : "[%s]", column->name);
	if (column->value != NULL)
		return column->unit == SMK_UNIT_MONEY			? psprintf("smarketing.money(%s)", column->value)
			   : column->unit == SMK_UNIT_MONEY_PER_DAY ? psprintf("round(%s, 6)", column->value)
														: pstrdup(column->value);
	if (column->unit == SMK_UNIT_MONEY)
		return psprintf("smarketing.money_per([%s], [%s])", column->numerator, column->denominator);
	if (smk_kpi_column(kpi, column->numerator, NULL)->unit == SMK_UNIT_MONEY)
		return psprintf("([%s] / nullif([%s], 0))::double precision", column->numerator, column->denominator);
	return psprintf("[%s]::double precision / nullif([%s], 0)", column->numerator, column->denominator);
}
