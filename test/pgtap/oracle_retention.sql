-- retention against published data: 121 subscriptions with their monthly bridge, and 18,532 invoices with their cohorts and monthly retention.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION smarketing;
SELECT plan(22);
SELECT (pg_stat_file(:'shared' || '/subscriptions/oracle_mrr_monthly.csv', true)).size IS NOT NULL AND (pg_stat_file(:'shared' || '/online_retail/oracle_online_retail_2010-2011_cohort_k_cal.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data

CREATE TABLE subscription (subscription_id int, customer_id int, start_date date, end_date date, monthly_amount numeric);
CREATE TABLE oracle_mrr (date_month date, mrr numeric, active bigint, renewal numeric, new numeric, churn numeric, reactivation numeric, upgrade numeric, downgrade numeric, n_new bigint, n_churn bigint, n_reactivation bigint, n_upgrade bigint, n_downgrade bigint, gross_churn_rate float8, nrr float8, grr float8);
CREATE TABLE invoice (customer_id int, invoice text, invoice_ts timestamp, revenue numeric);
CREATE TABLE oracle_cohort (cohort date, k_cal int, customers bigint, revenue numeric, invoices bigint, cohort_size bigint, retention float8, churn_vs_month0 float8);
CREATE TABLE oracle_month (m date, revenue numeric, invoices bigint, customers bigint, lines bigint, new_customers bigint, active bigint, retained_from_prev numeric, prev_active numeric, retention_mom float8, churn_mom float8);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/' || f)
FROM (VALUES ('subscription', 'subscriptions/subscription_periods.csv'), ('oracle_mrr', 'subscriptions/oracle_mrr_monthly.csv'), ('invoice', 'online_retail/online_retail_2010-2011_invoices_clean.csv'),
    ('oracle_cohort', 'online_retail/oracle_online_retail_2010-2011_cohort_k_cal.csv'), ('oracle_month', 'online_retail/oracle_online_retail_2010-2011_monthly.csv')) AS t (r, f) \gexec
SELECT results_eq('SELECT (SELECT count(*) FROM subscription), (SELECT count(*) FROM oracle_mrr), (SELECT count(*) FROM invoice), (SELECT count(*) FROM oracle_cohort), (SELECT count(*) FROM oracle_month)', 'VALUES (121::bigint, 29::bigint, 18532::bigint, 91::bigint, 13::bigint)', 'the files came in whole');

-- The bridge of subscriptions. The oracle has no products, so that what grows is an expansion; a month without a customer, of which it has no row, is all 0.
CREATE TABLE subscriptions AS SELECT smarketing.retention(customer_id::bigint, NULL, start_date::timestamp AT TIME ZONE 'UTC', end_date::timestamp AT TIME ZONE 'UTC', monthly_amount, 'month', 'UTC', timestamptz '2020-03-01 00:00+00') AS s FROM subscription;
CREATE VIEW bridge AS
SELECT period_start, max(amount) FILTER (WHERE movement = 'opening') AS opening, max(amount) FILTER (WHERE movement = 'closing') AS mrr, max(customers) FILTER (WHERE movement = 'closing') AS active, max(customers) FILTER (WHERE movement = 'opening') AS active_before,
    max(amount) FILTER (WHERE movement = 'new') AS new, max(amount) FILTER (WHERE movement = 'churn') AS churn, max(amount) FILTER (WHERE movement = 'reactivation') AS reactivation, max(amount) FILTER (WHERE movement = 'expansion') AS upgrade, max(amount) FILTER (WHERE movement = 'contraction') AS downgrade,
    max(customers) FILTER (WHERE movement = 'new') AS n_new, max(customers) FILTER (WHERE movement = 'churn') AS n_churn, max(customers) FILTER (WHERE movement = 'reactivation') AS n_reactivation, max(customers) FILTER (WHERE movement = 'expansion') AS n_upgrade, max(customers) FILTER (WHERE movement = 'contraction') AS n_downgrade,
    count(*) AS rows
FROM subscriptions, smarketing.movements(s) GROUP BY period_start;
SELECT results_eq('SELECT period_start, mrr, active, new, churn, reactivation, upgrade, downgrade, n_new, n_churn, n_reactivation, n_upgrade, n_downgrade FROM bridge ORDER BY 1',
    $$SELECT m::date, coalesce(mrr, 0), coalesce(active, 0), coalesce(new, 0), coalesce(churn, 0), coalesce(reactivation, 0), coalesce(upgrade, 0), coalesce(downgrade, 0), coalesce(n_new, 0), coalesce(n_churn, 0), coalesce(n_reactivation, 0), coalesce(n_upgrade, 0), coalesce(n_downgrade, 0)
      FROM generate_series(timestamp '2017-09-01', '2020-02-01', '1 month') AS m LEFT JOIN oracle_mrr ON date_month = m ORDER BY 1$$, 'the monthly bridge');
SELECT is_empty('SELECT * FROM bridge WHERE rows <> 7', 'without products there is neither upsell nor cross_sell');
SELECT results_eq('SELECT period_start, opening + b.churn + b.downgrade FROM bridge AS b JOIN oracle_mrr ON date_month = period_start ORDER BY 1', 'SELECT date_month, renewal FROM oracle_mrr ORDER BY 1', 'what is kept is the renewal');
SELECT is_empty('SELECT date_month, gross_churn_rate, nrr, grr, -churn_is / nullif(opening, 0), (opening + churn_is + up + down) / nullif(opening, 0), (opening + churn_is + down) / nullif(opening, 0)
    FROM oracle_mrr JOIN (SELECT period_start, opening::float8, churn::float8 AS churn_is, upgrade::float8 AS up, downgrade::float8 AS down FROM bridge) AS b ON date_month = period_start
    WHERE gross_churn_rate IS NOT NULL AND NOT coalesce(abs(gross_churn_rate + churn_is / nullif(opening, 0)) < 1e-14 AND abs(nrr - (opening + churn_is + up + down) / nullif(opening, 0)) < 1e-14 AND abs(grr - (opening + churn_is + down) / nullif(opening, 0)) < 1e-14, false)', 'gross churn, net and gross revenue retention');
SELECT results_eq('SELECT count(*) FROM oracle_mrr JOIN bridge ON date_month = period_start WHERE (gross_churn_rate IS NULL) <> (opening = 0)', 'VALUES (0::bigint)', 'which are there where something was to be kept');
SELECT results_eq('SELECT sum(cohort_size) FROM subscriptions, smarketing.cohorts(s) WHERE age = 0', 'SELECT sum(n_new) FROM oracle_mrr', 'cohorts are the new customers');

-- Invoices: cohorts by calendar month, to the last digit. A cell without customers has no row in the oracle.
CREATE TABLE invoices AS SELECT smarketing.retention(customer_id::bigint, NULL, invoice_ts AT TIME ZONE 'Europe/London', revenue, 'month', 'Europe/London') AS s FROM invoice;
CREATE VIEW cells AS SELECT c.* FROM invoices, smarketing.cohorts(s) AS c;
SELECT results_eq('SELECT cohort, age, customers, cohort_size, retention_rate FROM cells ORDER BY 1, 2', 'SELECT cohort, k_cal, customers, cohort_size, retention FROM oracle_cohort ORDER BY 1, 2', 'cohorts and their retention');
SELECT results_eq('SELECT cohort, age, round(amount, 2) FROM cells ORDER BY 1, 2', 'SELECT cohort, k_cal, round(revenue, 2) FROM oracle_cohort ORDER BY 1, 2', 'the revenue of each cohort');
SELECT results_eq('SELECT cohort, age, amount FROM cells ORDER BY 1, 2',
    $$WITH first AS (SELECT customer_id, date_trunc('month', min(invoice_ts)) AS cohort FROM invoice GROUP BY 1) SELECT cohort::date, (date_part('year', invoice_ts) * 12 + date_part('month', invoice_ts) - date_part('year', cohort) * 12 - date_part('month', cohort))::int, sum(revenue)
      FROM invoice JOIN first USING (customer_id) GROUP BY 1, 2 ORDER BY 1, 2$$, 'exactly, against plain SQL');
SELECT is_empty('SELECT cohort, age, amount_rate, a.revenue / b.revenue FROM cells JOIN oracle_cohort AS a USING (cohort) JOIN oracle_cohort AS b USING (cohort) WHERE a.k_cal = age AND b.k_cal = 0 AND abs(amount_rate - (a.revenue / b.revenue)::float8) > 1e-9', 'amounts over those of the first month');
-- Monthly retention: what opens less what churns is retained.
CREATE VIEW month AS
SELECT period_start, max(amount) FILTER (WHERE movement = 'closing') AS revenue, max(customers) FILTER (WHERE movement = 'new') AS new_customers, max(customers) FILTER (WHERE movement = 'closing') AS active, max(customers) FILTER (WHERE movement = 'opening') AS prev_active,
    max(customers) FILTER (WHERE movement = 'opening') - max(customers) FILTER (WHERE movement = 'churn') AS retained
FROM invoices, smarketing.movements(s) GROUP BY period_start;
SELECT results_eq('SELECT period_start, round(revenue, 2), new_customers, active, active FROM month ORDER BY 1', 'SELECT m, round(revenue, 2), new_customers, active, customers FROM oracle_month ORDER BY 1', 'revenue, new and active customers of each month');
SELECT results_eq('SELECT period_start, retained, prev_active, retained::float8 / nullif(prev_active, 0) FROM month ORDER BY 1', 'SELECT m, coalesce(retained_from_prev, 0)::bigint, coalesce(prev_active, 0)::bigint, retention_mom FROM oracle_month ORDER BY 1', 'monthly retention');
SELECT results_eq('SELECT cohort, customers_since FROM cells WHERE age = 1 ORDER BY 1',
    $$SELECT cohort, count(*) FILTER (WHERE last > cohort) FROM (SELECT date_trunc('month', min(invoice_ts))::date AS cohort, date_trunc('month', max(invoice_ts))::date AS last FROM invoice GROUP BY customer_id) AS t GROUP BY cohort HAVING cohort < '2011-12-01' ORDER BY 1$$, 'those who came again');

-- The same through the KPI functions: invoices bound as revenue, with the elapsed cohorts of the oracle.
SELECT smarketing.configure('time_zone', 'Europe/London');
SELECT smarketing.bind('revenue', 'invoice', '{"account_id": "customer_id", "at": "invoice_ts", "amount": "revenue"}', time_zone => 'Europe/London');
CREATE TABLE oracle_elapsed (cohort date, k_elapsed int, customers bigint, revenue numeric, invoices bigint, cohort_size bigint, retention float8, churn_vs_month0 float8);
SELECT format('COPY oracle_elapsed FROM %L (FORMAT csv, HEADER)', :'shared' || '/online_retail/oracle_online_retail_2010-2011_cohort_k_elapsed.csv') \gexec
SELECT results_eq($$SELECT cohort, age, cohort_size, customers, round(amount, 2), retention_rate FROM smarketing.retention_cohorts('2010-12-01 00:00+00', '2012-01-01 00:00+00') WHERE customers > 0$$,
    'SELECT cohort, k_cal, cohort_size, customers, round(revenue, 2), retention FROM oracle_cohort ORDER BY 1, 2', 'retention_cohorts by calendar month');
SELECT results_eq($$SELECT cohort, age, cohort_size, customers, round(amount, 2), retention_rate FROM smarketing.retention_cohorts('2010-12-01 00:00+00', '2012-01-01 00:00+00', options => '{"age": "elapsed"}') WHERE customers > 0$$,
    'SELECT cohort, k_elapsed, cohort_size, customers, round(revenue, 2), retention FROM oracle_elapsed ORDER BY 1, 2', 'and by elapsed month');
SELECT results_eq($$SELECT cohort, customers, retention_rate FROM smarketing.retention_cohorts('2010-12-01 00:00+00', '2012-01-01 00:00+00', options => '{"rolling": true}') WHERE age = 1$$,
    'SELECT cohort, customers_since, customers_since::float8 / cohort_size FROM cells WHERE age = 1 ORDER BY 1', 'rolling: who came back then or later');
SELECT results_eq($$SELECT count(*), min(age), max(age) FROM smarketing.retention_cohorts('2011-03-01 00:00+00', '2011-06-01 00:00+01')$$, 'VALUES (6::bigint, 0, 2)', 'a range is that of the cohorts, and what is seen of them');
SELECT throws_ok($$SELECT * FROM smarketing.retention_cohorts(options => '{"age": "lunar"}')$$, '22023', 'invalid value for option "age": "lunar"');
SELECT throws_ok($$SELECT * FROM smarketing.retention_cohorts(period => 'all')$$, '22023', 'retention_cohorts needs periods: argument "period" must not be "all"');
-- Of customers who bought within a month: month by month nobody stays but who bought in both.
SELECT smarketing.configure('active_within', '1 month');
SELECT results_eq($$SELECT period_start, customers_kept, customers_start, retention_rate FROM smarketing.customer_retention('2011-01-01 00:00+00', '2012-01-01 00:00+00')$$,
    'SELECT m, retained_from_prev::bigint, prev_active::bigint, retention_mom FROM oracle_month WHERE m > ''2010-12-01'' ORDER BY 1', 'customer_retention: kept month by month');
SELECT smarketing.unbind('revenue');
SELECT smarketing.bind('subscription', 'subscription', '{"account_id": "customer_id", "starts_at": "start_date", "ends_at": "end_date", "amount": "monthly_amount"}');
SELECT results_eq($$SELECT period_start, revenue_end, customers_start - customers_lost + customers_new + customers_reactivated, revenue_new, revenue_churned, revenue_reactivated, revenue_expansion, revenue_contraction, customers_new, customers_lost, revenue_upsell
      FROM smarketing.customer_retention('2017-09-01 00:00+01', '2020-03-01 00:00+00')$$,
    $$SELECT period_start, round(mrr, 6), active, round(new, 6), round(churn, 6), round(reactivation, 6), round(upgrade, 6), round(downgrade, 6), n_new, n_churn, NULL::numeric FROM bridge ORDER BY 1$$, 'the monthly bridge of subscriptions, which is the oracle''s');

\else
SELECT skip('no shared data', 22);
\endif
SELECT * FROM finish();
