-- The KPI functions: each returns a named row type, so that a later version can add columns under users' views.

CREATE FUNCTION smarketing.finite_amount(amount pg_catalog.numeric, entity pg_catalog.text, column_name pg_catalog.text)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_finite_amount';

COMMENT ON FUNCTION smarketing.finite_amount(pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS
    'the amount; NaN and infinity are an error that names entity and column';

CREATE FUNCTION smarketing.compared_instant(shift pg_catalog.text, period pg_catalog.text, at pg_catalog.timestamptz, time_zone pg_catalog.text, first_month pg_catalog.int4)
RETURNS pg_catalog.timestamptz
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_compared_instant';

COMMENT ON FUNCTION smarketing.compared_instant(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.int4) IS
    'the instant of the period before (previous), or of that a year ago (year_ago), that lies as far from its start';

CREATE FUNCTION smarketing.money(amount pg_catalog.numeric)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_money';

COMMENT ON FUNCTION smarketing.money(pg_catalog.numeric) IS 'an amount as figures show it: rounded to 6 decimals at most';

CREATE FUNCTION smarketing.valid_rate(rate pg_catalog.numeric, currency pg_catalog.text, on_date pg_catalog.date)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_valid_rate';

COMMENT ON FUNCTION smarketing.valid_rate(pg_catalog.numeric, pg_catalog.text, pg_catalog.date) IS
    'the exchange rate; one that is not positive and finite is an error';

CREATE FUNCTION smarketing.lump_days(starts_on pg_catalog.date, ends_on pg_catalog.date, is_reversed pg_catalog.bool)
RETURNS pg_catalog.int4
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_lump_days';

COMMENT ON FUNCTION smarketing.lump_days(pg_catalog.date, pg_catalog.date, pg_catalog.bool) IS
    'how many days spend covers; an end before the beginning is an error';

CREATE FUNCTION smarketing.spread(amount pg_catalog.numeric, starts_on pg_catalog.date, ends_on pg_catalog.date,
    from_date pg_catalog.date, until_date pg_catalog.date, skipped pg_catalog.date[] DEFAULT '{}'::pg_catalog.date[])
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_spread';

COMMENT ON FUNCTION smarketing.spread(pg_catalog.numeric, pg_catalog.date, pg_catalog.date, pg_catalog.date, pg_catalog.date, pg_catalog.date[]) IS
    'the part of an amount, spread evenly over its days, that falls on some of them: to the cent, and adding up to the amount';

CREATE FUNCTION smarketing.allocate(amount pg_catalog.numeric, weights pg_catalog.int8[])
RETURNS pg_catalog.numeric[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_allocate';

COMMENT ON FUNCTION smarketing.allocate(pg_catalog.numeric, pg_catalog.int8[]) IS
    'the amount in shares pro rata of the weights: to the cent, adding up to the amount, the rest to the largest remainders';

CREATE FUNCTION smarketing.last_known_transfn(state pg_catalog.numeric, value pg_catalog.numeric)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_last_known_transfn';

COMMENT ON FUNCTION smarketing.last_known_transfn(pg_catalog.numeric, pg_catalog.numeric) IS 'implementation of last_known';

CREATE AGGREGATE smarketing.last_known(value pg_catalog.numeric) (
    SFUNC = smarketing.last_known_transfn,
    STYPE = pg_catalog.numeric,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.last_known(pg_catalog.numeric) IS 'of an ordered window or aggregate, the last value that is not NULL';

CREATE FUNCTION smarketing.require_rates_transfn(state pg_catalog.internal, currency pg_catalog.text, day pg_catalog.date,
    target pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_require_rates_transfn';

COMMENT ON FUNCTION smarketing.require_rates_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.date, pg_catalog.text) IS
    'implementation of require_rates';

CREATE FUNCTION smarketing.require_rates_finalfn(state pg_catalog.internal)
RETURNS pg_catalog.bool
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_require_rates_finalfn';

COMMENT ON FUNCTION smarketing.require_rates_finalfn(pg_catalog.internal) IS 'implementation of require_rates';

CREATE AGGREGATE smarketing.require_rates(currency pg_catalog.text, day pg_catalog.date, target pg_catalog.text) (
    SFUNC = smarketing.require_rates_transfn,
    STYPE = pg_catalog.internal,
    FINALFUNC = smarketing.require_rates_finalfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.require_rates(pg_catalog.text, pg_catalog.date, pg_catalog.text) IS
    'true over no rows; else an error that lists the currencies whose rates are missing, each from its first day';

CREATE FUNCTION smarketing.require_one_currency_transfn(state pg_catalog.internal, currency pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_require_rates_transfn';

COMMENT ON FUNCTION smarketing.require_one_currency_transfn(pg_catalog.internal, pg_catalog.text) IS
    'implementation of require_one_currency';

CREATE FUNCTION smarketing.require_one_currency_finalfn(state pg_catalog.internal)
RETURNS pg_catalog.bool
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_require_one_currency_finalfn';

COMMENT ON FUNCTION smarketing.require_one_currency_finalfn(pg_catalog.internal) IS 'implementation of require_one_currency';

CREATE AGGREGATE smarketing.require_one_currency(currency pg_catalog.text) (
    SFUNC = smarketing.require_one_currency_transfn,
    STYPE = pg_catalog.internal,
    FINALFUNC = smarketing.require_one_currency_finalfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.require_one_currency(pg_catalog.text) IS
    'true where all rows have one currency, NULLs aside; else an error that lists them';

CREATE FUNCTION smarketing.metric_name(metric pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_metric_name';

COMMENT ON FUNCTION smarketing.metric_name(pg_catalog.text) IS
    'the full name of a metric; NULL for what is none; an ambiguous name is an error that lists what it may mean';

CREATE FUNCTION smarketing.goal_alone(value pg_catalog.numeric, metric pg_catalog.text, begins_on pg_catalog.date,
    overlaps pg_catalog.bool)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_goal_alone';

COMMENT ON FUNCTION smarketing.goal_alone(pg_catalog.numeric, pg_catalog.text, pg_catalog.date, pg_catalog.bool) IS
    'the value of a goal; one that covers days of another is an error';

ALTER TABLE smarketing.goal_entry ADD CONSTRAINT goal_entry_metric_check
    CHECK (smarketing.metric_name(metric) IS NOT NULL);

CREATE FUNCTION smarketing.check_goal_entry()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_check_goal_entry';

COMMENT ON FUNCTION smarketing.check_goal_entry() IS 'internal: says what the constraints of goal_entry refuse, and what they take';

CREATE TRIGGER check_goal_entry BEFORE INSERT OR UPDATE ON smarketing.goal_entry
FOR EACH ROW EXECUTE FUNCTION smarketing.check_goal_entry();

CREATE TYPE smarketing.cost_per_lead_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    spend pg_catalog.numeric,
    leads pg_catalog.int8,
    cost_per_lead pg_catalog.numeric,
    mqls pg_catalog.int8,
    sqls pg_catalog.int8,
    customers pg_catalog.int8,
    disqualified pg_catalog.int8,
    mql_rate pg_catalog.float8,
    disqualified_rate pg_catalog.float8,
    cost_per_mql pg_catalog.numeric,
    cost_per_sql pg_catalog.numeric,
    cost_per_customer pg_catalog.numeric
);

COMMENT ON TYPE smarketing.cost_per_lead_row IS 'a row of smarketing.cost_per_lead()';

CREATE FUNCTION smarketing.cost_per_lead(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.cost_per_lead_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.cost_per_lead(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 1: marketing spend per lead, and per MQL, SQL and customer';

CREATE TYPE smarketing.cost_per_opportunity_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    spend pg_catalog.numeric,
    opportunities pg_catalog.int8,
    won pg_catalog.int8,
    cost_per_opportunity pg_catalog.numeric,
    cost_per_won pg_catalog.numeric
);

COMMENT ON TYPE smarketing.cost_per_opportunity_row IS 'a row of smarketing.cost_per_opportunity()';

CREATE FUNCTION smarketing.cost_per_opportunity(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.cost_per_opportunity_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.cost_per_opportunity(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 2: marketing spend per opportunity created, and per opportunity won';

CREATE TYPE smarketing.customer_retention_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    customers_start pg_catalog.int8,
    customers_kept pg_catalog.int8,
    customers_new pg_catalog.int8,
    customers_reactivated pg_catalog.int8,
    customers_lost pg_catalog.int8,
    retention_rate pg_catalog.float8,
    churn_rate pg_catalog.float8,
    revenue_start pg_catalog.numeric,
    revenue_new pg_catalog.numeric,
    revenue_expansion pg_catalog.numeric,
    revenue_upsell pg_catalog.numeric,
    revenue_cross_sell pg_catalog.numeric,
    revenue_reactivated pg_catalog.numeric,
    revenue_contraction pg_catalog.numeric,
    revenue_churned pg_catalog.numeric,
    revenue_end pg_catalog.numeric,
    gross_revenue_retention pg_catalog.float8,
    net_revenue_retention pg_catalog.float8,
    customers_upsold pg_catalog.int8,
    customers_cross_sold pg_catalog.int8
);

COMMENT ON TYPE smarketing.customer_retention_row IS 'a row of smarketing.customer_retention()';

CREATE FUNCTION smarketing.customer_retention(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.customer_retention_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.customer_retention(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 3: customers kept, new, lost and won back from the close of one period to that of the next, and their revenue: churn, upsell, cross-sell, gross and net retention';

CREATE TYPE smarketing.retention_cohorts_row AS (
    cohort pg_catalog.date,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    age pg_catalog.int4,
    cohort_size pg_catalog.int8,
    customers pg_catalog.int8,
    amount pg_catalog.numeric,
    retention_rate pg_catalog.float8,
    amount_rate pg_catalog.float8
);

COMMENT ON TYPE smarketing.retention_cohorts_row IS 'a row of smarketing.retention_cohorts()';

CREATE FUNCTION smarketing.retention_cohorts(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.retention_cohorts_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 300
AS 'MODULE_PATHNAME', 'smk_retention_cohorts';

COMMENT ON FUNCTION smarketing.retention_cohorts(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the customers who came in the same period: how many were active how many periods later, and what they amounted to';

CREATE TYPE smarketing.customer_acquisition_cost_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    spend pg_catalog.numeric,
    new_customers pg_catalog.int8,
    customer_acquisition_cost pg_catalog.numeric,
    spend_marketing pg_catalog.numeric,
    spend_sales pg_catalog.numeric,
    paid_acquisition_cost pg_catalog.numeric,
    revenue_per_customer pg_catalog.numeric,
    payback_months pg_catalog.float8,
    lifetime_value pg_catalog.numeric,
    lifetime_value_to_cost pg_catalog.float8
);

COMMENT ON TYPE smarketing.customer_acquisition_cost_row IS 'a row of smarketing.customer_acquisition_cost()';

CREATE FUNCTION smarketing.customer_acquisition_cost(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.customer_acquisition_cost_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.customer_acquisition_cost(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 4: spend per new customer, of marketing and sales, in total and of paid channels';

CREATE TYPE smarketing.revenue_evolution_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    revenue pg_catalog.numeric,
    previous pg_catalog.numeric,
    change pg_catalog.numeric,
    change_rate pg_catalog.float8,
    year_ago pg_catalog.numeric,
    year_over_year pg_catalog.float8,
    trailing_12_months pg_catalog.numeric,
    goal pg_catalog.numeric,
    attainment pg_catalog.float8,
    is_projection pg_catalog.bool,
    low pg_catalog.numeric,
    high pg_catalog.numeric
);

COMMENT ON TYPE smarketing.revenue_evolution_row IS 'a row of smarketing.revenue_evolution()';

CREATE FUNCTION smarketing.revenue_evolution(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.revenue_evolution_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.revenue_evolution(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 5: revenue, its change on the period before and on a year ago, over twelve months, and against the goal';

CREATE TYPE smarketing.sales_qualified_leads_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    leads pg_catalog.int8,
    mqls pg_catalog.int8,
    sals pg_catalog.int8,
    sqls pg_catalog.int8,
    opportunities pg_catalog.int8,
    won pg_catalog.int8,
    lead_to_mql_rate pg_catalog.float8,
    mql_to_sal_rate pg_catalog.float8,
    sal_to_sql_rate pg_catalog.float8,
    mql_to_sql_rate pg_catalog.float8,
    sql_to_opportunity_rate pg_catalog.float8,
    opportunity_to_won_rate pg_catalog.float8,
    lead_to_won_rate pg_catalog.float8,
    median_hours_to_mql pg_catalog.float8,
    median_hours_to_sql pg_catalog.float8,
    median_hours_to_won pg_catalog.float8,
    skipped_mqls pg_catalog.int8,
    is_mature pg_catalog.bool
);

COMMENT ON TYPE smarketing.sales_qualified_leads_row IS 'a row of smarketing.sales_qualified_leads()';

CREATE FUNCTION smarketing.sales_qualified_leads(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.sales_qualified_leads_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.sales_qualified_leads(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 6: leads that became MQL, SAL, SQL, opportunity and won, the rates between these steps, and how long they took';

CREATE TYPE smarketing.lead_funnel_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    step pg_catalog.int4,
    stage pg_catalog.text,
    entities pg_catalog.int8,
    previous_rate pg_catalog.float8,
    first_rate pg_catalog.float8,
    median_hours pg_catalog.float8,
    p90_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.lead_funnel_row IS 'a row of smarketing.lead_funnel()';

CREATE FUNCTION smarketing.lead_funnel(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.lead_funnel_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_lead_funnel';

COMMENT ON FUNCTION smarketing.lead_funnel(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the leads created in each period step by step: how many came how far, and how long each step took, also as of an earlier day';

CREATE TYPE smarketing.handover_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    mqls pg_catalog.int8,
    accepted pg_catalog.int8,
    rejected pg_catalog.int8,
    recycled pg_catalog.int8,
    ignored pg_catalog.int8,
    late pg_catalog.int8,
    accepted_not_converted pg_catalog.int8,
    won pg_catalog.int8,
    acceptance_rate pg_catalog.float8,
    ignored_rate pg_catalog.float8,
    median_hours_to_assigned pg_catalog.float8,
    median_hours_to_touch pg_catalog.float8,
    median_hours_to_sql pg_catalog.float8,
    top_reject_reason pg_catalog.text,
    weak_side pg_catalog.text,
    waiting pg_catalog.int8,
    rejection_rate pg_catalog.float8,
    late_rate pg_catalog.float8,
    conversion_rate pg_catalog.float8,
    decided pg_catalog.int8,
    judged pg_catalog.int8,
    unqualified pg_catalog.int8,
    closed_in_time pg_catalog.int8,
    lost_in_time pg_catalog.int8,
    won_in_time pg_catalog.int8,
    unqualified_rate pg_catalog.float8,
    lost_in_time_rate pg_catalog.float8
);

COMMENT ON TYPE smarketing.handover_row IS 'a row of smarketing.handover()';

CREATE FUNCTION smarketing.handover(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.handover_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_handover';

COMMENT ON FUNCTION smarketing.handover(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the leads that became MQL in each period: how many sales accepted, rejected, sent back, ignored or answered late, what became of those accepted, how long it took, and whose side is weak';

CREATE TYPE smarketing.marketing_roi_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    spend pg_catalog.numeric,
    attributed_conversions pg_catalog.float8,
    attributed_revenue pg_catalog.numeric,
    return_on_ad_spend pg_catalog.float8,
    roi pg_catalog.float8,
    open_pipeline pg_catalog.numeric,
    unattributed_revenue pg_catalog.numeric
);

COMMENT ON TYPE smarketing.marketing_roi_row IS 'a row of smarketing.marketing_roi()';

CREATE FUNCTION smarketing.marketing_roi(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.marketing_roi_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.marketing_roi(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 7: what won opportunities are credited to under an attribution model, and what comes back for the marketing spend';

CREATE TYPE smarketing.opportunity_win_rate_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    created pg_catalog.int8,
    closed pg_catalog.int8,
    won pg_catalog.int8,
    lost pg_catalog.int8,
    open pg_catalog.int8,
    win_rate pg_catalog.float8,
    win_rate_low pg_catalog.float8,
    win_rate_high pg_catalog.float8,
    amount_won pg_catalog.numeric,
    amount_lost pg_catalog.numeric,
    amount_win_rate pg_catalog.float8,
    average_won pg_catalog.numeric,
    opportunities_per_won pg_catalog.float8,
    median_cycle_hours pg_catalog.float8,
    velocity_per_day pg_catalog.numeric,
    open_overdue pg_catalog.int8
);

COMMENT ON TYPE smarketing.opportunity_win_rate_row IS 'a row of smarketing.opportunity_win_rate()';

CREATE FUNCTION smarketing.opportunity_win_rate(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.opportunity_win_rate_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_function';

COMMENT ON FUNCTION smarketing.opportunity_win_rate(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'KPI 8: opportunities won of those closed, by number and by amount';

CREATE TYPE smarketing.kpi_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    value pg_catalog.numeric,
    numerator pg_catalog.numeric,
    denominator pg_catalog.numeric
);

COMMENT ON TYPE smarketing.kpi_row IS 'a row of smarketing.kpi()';

CREATE FUNCTION smarketing.kpi(metric pg_catalog.text, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.kpi_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi';

COMMENT ON FUNCTION smarketing.kpi(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'any metric of the view metrics, with its numerator and denominator';

CREATE TYPE smarketing.kpi_compare_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    value pg_catalog.numeric,
    other pg_catalog.numeric,
    change pg_catalog.numeric,
    change_rate pg_catalog.float8
);

COMMENT ON TYPE smarketing.kpi_compare_row IS 'a row of smarketing.kpi_compare()';

CREATE FUNCTION smarketing.kpi_compare(metric pg_catalog.text, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.kpi_compare_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_kpi_compare';

COMMENT ON FUNCTION smarketing.kpi_compare(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'any metric beside what it was a period before or a year ago, with the change and its rate';

CREATE FUNCTION smarketing.kpi_sql(kpi pg_catalog.text, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS pg_catalog.text
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME', 'smk_kpi_sql';

COMMENT ON FUNCTION smarketing.kpi_sql(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the statement that a KPI function runs, with the dimensions under their names';

CREATE FUNCTION smarketing.kpi_explain(kpi pg_catalog.text, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF pg_catalog.text
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000 ROWS 50
AS 'MODULE_PATHNAME', 'smk_kpi_explain';

COMMENT ON FUNCTION smarketing.kpi_explain(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the plan of the statement that a KPI function runs, executed';

CREATE TYPE smarketing.kpi_rows_row AS (
    entity pg_catalog.text,
    record_id pg_catalog.text,
    label pg_catalog.text,
    at pg_catalog.timestamptz,
    amount pg_catalog.numeric,
    weight pg_catalog.numeric
);

COMMENT ON TYPE smarketing.kpi_rows_row IS 'a row of smarketing.kpi_rows()';

CREATE FUNCTION smarketing.kpi_rows(measure pg_catalog.text, since pg_catalog.timestamptz DEFAULT NULL,
    until pg_catalog.timestamptz DEFAULT NULL, filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb,
    options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS SETOF smarketing.kpi_rows_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
AS 'MODULE_PATHNAME', 'smk_kpi_rows';

COMMENT ON FUNCTION smarketing.kpi_rows(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.jsonb, pg_catalog.jsonb, pg_catalog.int4) IS
    'the records behind a count or a sum: their number, or the sum of amount, is the figure';

CREATE FUNCTION smarketing.metric_catalogue(OUT metric pg_catalog.text, OUT kpi_number pg_catalog.int4,
    OUT kind pg_catalog.text, OUT label_en pg_catalog.text, OUT label_fr pg_catalog.text, OUT unit pg_catalog.text,
    OUT better pg_catalog.text, OUT numerator pg_catalog.text, OUT denominator pg_catalog.text,
    OUT is_additive pg_catalog.bool, OUT definition_en pg_catalog.text, OUT definition_fr pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 40
AS 'MODULE_PATHNAME', 'smk_metric_catalogue';

COMMENT ON FUNCTION smarketing.metric_catalogue() IS 'the rows of the view metrics';

CREATE VIEW smarketing.metrics AS
SELECT known.metric, known.kpi_number, known.kind, known.label_en, known.label_fr, known.unit, known.better,
       known.numerator, known.denominator, known.is_additive, known.definition_en, known.definition_fr
FROM smarketing.metric_catalogue() AS known;

COMMENT ON VIEW smarketing.metrics IS 'every metric: what it means, in which unit, what it is divided from, whether it may be added up';

GRANT SELECT ON smarketing.metrics TO PUBLIC;

CREATE FUNCTION smarketing.expose(entity pg_catalog.text, view_name pg_catalog.text)
RETURNS pg_catalog.regclass
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_expose';

COMMENT ON FUNCTION smarketing.expose(pg_catalog.text, pg_catalog.text) IS
    'makes a plain view of a bound entity in canonical columns, with the user''s dimensions under their names';

CREATE TYPE smarketing.scorecard_row AS (
    kpi_number pg_catalog.int4,
    kpi pg_catalog.text,
    label pg_catalog.text,
    value pg_catalog.numeric,
    unit pg_catalog.text,
    numerator pg_catalog.numeric,
    denominator pg_catalog.numeric,
    previous pg_catalog.numeric,
    change_rate pg_catalog.float8,
    year_ago pg_catalog.numeric,
    goal pg_catalog.numeric,
    status pg_catalog.text,
    reading pg_catalog.text,
    next_call pg_catalog.text
);

COMMENT ON TYPE smarketing.scorecard_row IS 'a row of smarketing.scorecard()';

CREATE FUNCTION smarketing.scorecard(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.scorecard_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 8
AS 'MODULE_PATHNAME', 'smk_scorecard';

COMMENT ON FUNCTION smarketing.scorecard(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.jsonb, pg_catalog.jsonb) IS
    'the eight KPIs, a row each: what it is, what it was, the goal, what that means in plain words, and the statement to run next; by default of the last complete month';
