-- On the sample CRM: the records behind a figure add up to it, cells add up to the whole, days to months, and SQL
-- written by hand over the CRM's own tables gives the same.
SET client_min_messages = warning;
\o /dev/null
\set crm :root '/test/sample/crm.sql'
\set bind :root '/test/sample/bind.sql'
\i :crm
CREATE EXTENSION smarketing;
\i :bind
\o
SET client_min_messages = warning;
SELECT plan(28);

-- Every additive measure of every cell (quarter and channel) against its records.
CREATE TABLE cell AS
SELECT m.metric, k.period_start, k.by_1, k.value
FROM smarketing.metrics m, smarketing.kpi(m.metric, '2025-10-01', '2026-04-01', 'quarter', '{channel}') k
WHERE m.kind = 'measure' AND m.is_additive AND m.kpi_number <> 5;
SELECT cmp_ok((SELECT count(*) FROM cell), '>=', 180::bigint, 'there are cells to open');
SELECT is_empty($$
    SELECT c.*, r.figure FROM cell c, LATERAL (
        SELECT CASE WHEN (SELECT unit FROM smarketing.metrics m WHERE m.metric = c.metric) = 'currency' THEN round(coalesce(sum(amount), 0), 6)
            WHEN c.metric = 'marketing_roi.attributed_conversions' THEN round(coalesce(sum(weight), 0), 9) ELSE count(*) END AS figure
        FROM smarketing.kpi_rows(c.metric, c.period_start::timestamptz, (c.period_start + interval '3 months')::timestamptz,
                                 jsonb_build_object('channel', c.by_1), max_rows => NULL)) r
    WHERE c.value IS DISTINCT FROM r.figure$$, 'kpi_rows adds up to every cell');
SELECT is_empty($$
    SELECT k.by_1, k.open, k.open_overdue, a.n, b.n FROM smarketing.opportunity_win_rate('2025-10-01', '2026-04-01', 'all', '{owner}') k,
        LATERAL (SELECT count(*) n FROM smarketing.kpi_rows('open', '2025-10-01', '2026-04-01', jsonb_build_object('owner', k.by_1), max_rows => NULL)) a,
        LATERAL (SELECT count(*) n FROM smarketing.kpi_rows('open_overdue', '2025-10-01', '2026-04-01', jsonb_build_object('owner', k.by_1), max_rows => NULL)) b
    WHERE k.open <> a.n OR k.open_overdue <> b.n$$, 'kpi_rows lists what is open');

SELECT is_empty($$
    SELECT k.period_start, k.by_1, k.revenue, r.figure FROM smarketing.revenue_evolution('2026-01-01', '2026-04-01', 'month', '{owner}') k,
        LATERAL (SELECT round(coalesce(sum(amount), 0), 6) AS figure FROM smarketing.kpi_rows('revenue', k.period_start::timestamptz, (k.period_start + interval '1 month')::timestamptz,
                 jsonb_build_object('owner', k.by_1), max_rows => NULL)) r
    WHERE k.revenue <> r.figure$$, 'kpi_rows adds up to the revenue of every rep and month');
SELECT results_eq($$SELECT period_start, revenue, previous, year_ago, trailing_12_months FROM smarketing.revenue_evolution('2026-01-01', '2026-04-01')$$,
    $$WITH m AS (SELECT date_trunc('month', issued_on)::date AS m, sum(amount) AS r FROM crm.invoice_in_euro GROUP BY 1)
      SELECT m, round(r, 6), round(lag, 6), round(year, 6), round(twelve, 6) FROM (SELECT m, r, lag(r) OVER w, lag(r, 12) OVER w AS year, sum(r) OVER (ORDER BY m ROWS 11 PRECEDING) AS twelve FROM m WINDOW w AS (ORDER BY m)) AS t
      WHERE m >= '2026-01-01' AND m < '2026-04-01' ORDER BY 1$$, 'revenue, by hand');

-- Cells add up to the whole, days and weeks to the range.
SELECT is_empty($$
    SELECT m.metric, d.by, w.value, p.value   -- each figure is rounded to 6 decimals
    FROM smarketing.metrics m, (VALUES ('{channel}'::text[]), ('{campaign,channel}'), ('{origin}')) d (by),
        LATERAL (SELECT value FROM smarketing.kpi(m.metric, '2025-01-01', '2025-07-01', 'all')) w,
        LATERAL (SELECT sum(value) AS value FROM smarketing.kpi(m.metric, '2025-01-01', '2025-07-01', 'month', d.by)) p
    WHERE m.is_additive AND m.kpi_number <> 5 AND (w.value IS NULL OR p.value IS NULL OR round(w.value - p.value, 4) <> 0 OR m.unit = 'count' AND w.value <> p.value)$$, 'cells by dimension and month add up to the whole');
SELECT is_empty($$
    SELECT m.metric, d.period, w.value, p.value
    FROM smarketing.metrics m, (VALUES ('day'), ('week'), ('fiscal_quarter')) d (period),
        LATERAL (SELECT value FROM smarketing.kpi(m.metric, '2025-01-15', '2025-03-20', 'all', options => '{"time_zone": "America/New_York"}')) w,
        LATERAL (SELECT sum(value) AS value FROM smarketing.kpi(m.metric, '2025-01-15', '2025-03-20', d.period, options => '{"time_zone": "America/New_York"}')) p
    WHERE m.is_additive AND (w.value IS NULL OR p.value IS NULL OR round(w.value - p.value, 4) <> 0 OR m.unit = 'count' AND w.value <> p.value)$$, 'periods add up to a clipped range, in another zone');
SELECT results_eq($$SELECT period_start, open FROM smarketing.opportunity_win_rate('2025-06-01', '2025-12-01')$$,
    $$SELECT m::date, (SELECT count(*) FROM crm.deal WHERE deal_type = 'New business' AND opened_on < m + interval '1 month'
                       AND (is_won IS NULL OR closed_on >= m + interval '1 month') AND (closed_on IS NULL OR closed_on > opened_on))
      FROM generate_series(timestamptz '2025-06-01', '2025-11-01', '1 month') m$$, 'open deals at the end of each month');

-- What a metric was is what a call for that time gives.
CREATE TABLE comparable AS SELECT metric, unit FROM smarketing.metrics WHERE kpi_number <> 5 OR metric = 'revenue_evolution.revenue';
SELECT is_empty($$SELECT m.metric, c.*, n.value AS now, k.value AS then FROM comparable m, smarketing.kpi_compare(m.metric, '2026-01-01', '2026-04-01', options => '{"against": "previous"}') c
    JOIN smarketing.kpi(m.metric, '2025-12-01', '2026-03-01') k ON (k.period_start + interval '1 month')::date = c.period_start
    JOIN smarketing.kpi(m.metric, '2026-01-01', '2026-04-01') n ON n.period_start = c.period_start
    WHERE c.value IS DISTINCT FROM n.value OR c.other IS DISTINCT FROM k.value OR c.change IS DISTINCT FROM n.value - k.value
       OR c.change_rate IS DISTINCT FROM ((n.value - k.value) / CASE WHEN k.value > 0 THEN k.value END)::float8$$, 'kpi_compare with the month before');
SELECT is_empty($$SELECT m.metric, c.by_1, c.value, c.other, k.value AS then FROM comparable m, smarketing.kpi_compare(m.metric, '2026-02-10', '2026-04-20', 'all', '{owner}') c
    FULL JOIN smarketing.kpi(m.metric, '2025-02-10', '2025-04-20', 'all', '{owner}') k ON k.by_1 = c.by_1
    WHERE m.metric IN ('opportunity_win_rate.win_rate', 'opportunity_win_rate.open', 'opportunity_win_rate.amount_won', 'opportunity_win_rate.median_cycle_hours', 'revenue_evolution.revenue')
      AND coalesce(c.other, 0) IS DISTINCT FROM coalesce(k.value, 0)$$, 'kpi_compare with a year ago, by owner');
SELECT throws_ok($$SELECT * FROM smarketing.kpi_compare('change_rate')$$, '22023', 'metric "revenue_evolution.change_rate" is a comparison itself');

-- By hand.
CREATE FUNCTION named(source text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE source WHEN 'google / cpc' THEN 'Google Ads' WHEN 'linkedin' THEN 'LinkedIn Ads' WHEN 'facebook' THEN 'Meta Ads'
        WHEN 'webinar' THEN 'Events' WHEN 'newsletter' THEN 'Email' WHEN 'partner' THEN 'Partners' WHEN 'referral' THEN 'Partners' ELSE coalesce(source, '(none)') END $$;
SELECT results_eq($$SELECT period_start, by_1, round(spend, 2), leads FROM smarketing.cost_per_lead('2025-03-01', '2025-05-01', 'month', '{channel}')$$,
    $$SELECT coalesce(l.m, s.m), coalesce(l.channel, s.channel) AS channel, round(coalesce(s.cost, 0), 2), coalesce(l.n, 0)
      FROM (SELECT date_trunc('month', created_on)::date m, named(source) channel, count(*) n FROM crm.contact
            WHERE created_on >= '2025-03-01' AND created_on < '2025-05-01' GROUP BY 1, 2) l
      FULL JOIN (SELECT date_trunc('month', day)::date m, coalesce(channel, '(none)') channel, sum(cost) cost FROM crm.cost_by_day
            WHERE cost_type = 'marketing' AND day >= '2025-03-01' AND day < '2025-05-01' GROUP BY 1, 2) s ON s.m = l.m AND s.channel = l.channel
      ORDER BY 1, 2$$, 'spend and leads by month and channel, by hand');
SELECT results_eq($$SELECT mqls, sqls, customers, disqualified FROM smarketing.cost_per_lead('2025-03-01', '2025-05-01', 'all')$$,
    $$SELECT count(*) FILTER (WHERE mql_on IS NOT NULL OR accepted_on IS NOT NULL OR sql_on IS NOT NULL OR opp
                              OR status IN ('Marketing Qualified', 'Sales Accepted', 'Sales Qualified', 'Converted', 'Customer')
                              OR EXISTS (SELECT FROM crm.phase_history h WHERE h.contact_id = c.id AND h.phase IN ('Marketing Qualified', 'Sales Accepted', 'Sales Qualified', 'Converted', 'Customer', 'Closed Won', 'Discovery', 'Proposal', 'Negotiation'))),
             count(*) FILTER (WHERE sql_on IS NOT NULL OR opp OR status IN ('Sales Qualified', 'Converted', 'Customer')
                              OR EXISTS (SELECT FROM crm.phase_history h WHERE h.contact_id = c.id AND h.phase IN ('Sales Qualified', 'Converted', 'Customer', 'Closed Won', 'Discovery', 'Proposal', 'Negotiation'))),
             count(*) FILTER (WHERE won OR status = 'Customer' OR EXISTS (SELECT FROM crm.phase_history h WHERE h.contact_id = c.id AND h.phase IN ('Customer', 'Closed Won'))),
             count(*) FILTER (WHERE disqualified_on IS NOT NULL OR status = 'Disqualified' OR EXISTS (SELECT FROM crm.phase_history h WHERE h.contact_id = c.id AND h.phase = 'Disqualified'))
      FROM crm.contact c, LATERAL (SELECT count(*) > 0 AS opp, coalesce(bool_or(is_won), false) AS won FROM crm.deal d
          WHERE d.contact_id = c.id OR (d.contact_id IS NULL AND d.company_id = c.company_id AND d.opened_on >= c.created_on)) d
      WHERE created_on >= '2025-03-01' AND created_on < '2025-05-01'$$, 'steps of the leads of two months, by hand');
-- What became of the leads of two months: each step where it was written down, or a later one was.
CREATE TABLE became AS
SELECT c.created_on AS created, c.source, m.mql, m.mql_itself, m.sal, m.sql, m.opportunity, m.won, t.mql_at, t.sal_at, t.sql_at, t.opportunity_at, t.won_at
FROM crm.contact c
CROSS JOIN LATERAL (SELECT count(*) > 0 AS any, coalesce(bool_or(is_won), false) AS won, min(opened_on) FILTER (WHERE contact_id = c.id) AS own_at, min(opened_on) FILTER (WHERE contact_id IS NULL) AS other_at,
        min(closed_on) FILTER (WHERE is_won AND contact_id = c.id) AS own_won_at, min(closed_on) FILTER (WHERE is_won AND contact_id IS NULL) AS other_won_at
    FROM crm.deal d WHERE d.contact_id = c.id OR (d.contact_id IS NULL AND d.company_id = c.company_id AND d.opened_on >= c.created_on)) d
CROSS JOIN LATERAL (SELECT min(changed_at) FILTER (WHERE phase = 'Marketing Qualified') AS itself, min(changed_at) FILTER (WHERE rank >= 1) AS mql, min(changed_at) FILTER (WHERE rank >= 2) AS sal,
        min(changed_at) FILTER (WHERE rank >= 3) AS sql, min(changed_at) FILTER (WHERE rank >= 4) AS opportunity, min(changed_at) FILTER (WHERE rank = 5) AS won
    FROM crm.phase_history h JOIN (VALUES ('Marketing Qualified', 1), ('Sales Accepted', 2), ('Sales Qualified', 3), ('Converted', 4), ('Discovery', 4), ('Proposal', 4), ('Negotiation', 4), ('Customer', 5), ('Closed Won', 5)) AS p (phase, rank) USING (phase)
    WHERE h.contact_id = c.id) h
CROSS JOIN LATERAL (SELECT coalesce(array_position('{Marketing Qualified,Sales Accepted,Sales Qualified,Converted,Customer}', c.status), 0) AS now) s
CROSS JOIN LATERAL (SELECT mql_on IS NOT NULL OR accepted_on IS NOT NULL OR sql_on IS NOT NULL OR h.mql IS NOT NULL OR d.any OR now >= 1 AS mql, mql_on IS NOT NULL OR h.itself IS NOT NULL OR now = 1 AS mql_itself,
        accepted_on IS NOT NULL OR sql_on IS NOT NULL OR h.sal IS NOT NULL OR d.any OR now >= 2 AS sal, sql_on IS NOT NULL OR h.sql IS NOT NULL OR d.any OR now >= 3 AS sql, h.opportunity IS NOT NULL OR d.any OR now >= 4 AS opportunity,
        h.won IS NOT NULL OR d.won OR now = 5 AS won) m
CROSS JOIN LATERAL (SELECT coalesce(mql_on, h.mql, accepted_on, sql_on, own_at, other_at) AS mql_at, coalesce(accepted_on, h.sal, sql_on, own_at, other_at) AS sal_at, coalesce(sql_on, h.sql, own_at, other_at) AS sql_at,
        coalesce(h.opportunity, own_at, other_at) AS opportunity_at, coalesce(h.won, own_won_at, other_won_at) AS won_at) t
WHERE created_on >= '2025-03-01' AND created_on < '2025-05-01';
SELECT results_eq($$SELECT period_start, leads, mqls, sals, sqls, opportunities, won, skipped_mqls, lead_to_won_rate, round(median_hours_to_mql::numeric, 6), round(median_hours_to_sql::numeric, 6), round(median_hours_to_won::numeric, 6)
        FROM smarketing.sales_qualified_leads('2025-03-01', '2025-05-01')$$,
    $$SELECT date_trunc('month', created)::date, count(*), count(*) FILTER (WHERE mql), count(*) FILTER (WHERE sal), count(*) FILTER (WHERE sql), count(*) FILTER (WHERE opportunity), count(*) FILTER (WHERE won),
             count(*) FILTER (WHERE sal AND NOT mql_itself), count(*) FILTER (WHERE won) / count(*)::float8,
             round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(created, mql_at) - created)::float8 / 3600) FILTER (WHERE mql_at IS NOT NULL))::numeric, 6),
             round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(created, mql_at, sal_at, sql_at) - created)::float8 / 3600) FILTER (WHERE sql_at IS NOT NULL))::numeric, 6),
             round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(created, mql_at, sal_at, sql_at, opportunity_at, won_at) - created)::float8 / 3600) FILTER (WHERE won_at IS NOT NULL))::numeric, 6)
      FROM became GROUP BY 1 ORDER BY 1$$, 'the funnel of the leads of two months, by hand');
SELECT results_eq($$SELECT by_1, leads, sqls, won FROM smarketing.sales_qualified_leads('2025-03-01', '2025-05-01', 'all', '{channel}', options => '{"within": "21 days"}')$$,
    $$SELECT named(source), count(*), count(*) FILTER (WHERE sql_at IS NOT NULL AND greatest(mql_at, sal_at, sql_at) <= created + interval '504 hours'),
             count(*) FILTER (WHERE won_at IS NOT NULL AND greatest(mql_at, sal_at, sql_at, opportunity_at, won_at) <= created + interval '504 hours')
      FROM became GROUP BY 1 ORDER BY 1$$, 'and within three weeks, by channel');
-- In other modes the events are what happened, which window_funnel reads lead by lead.
CREATE TABLE happened AS
SELECT c.id, e.step, e.at FROM crm.contact c
CROSS JOIN LATERAL (SELECT 1 AS step, c.created_on AS at UNION ALL SELECT 2, c.mql_on UNION ALL SELECT 3, c.accepted_on UNION ALL SELECT 4, c.sql_on
    UNION ALL SELECT p.step, h.changed_at FROM crm.phase_history h JOIN (VALUES ('Marketing Qualified', 2), ('Sales Accepted', 3), ('Sales Qualified', 4), ('Converted', 5), ('Discovery', 5), ('Proposal', 5),
        ('Negotiation', 5), ('Customer', 6), ('Closed Won', 6)) AS p (phase, step) USING (phase) WHERE h.contact_id = c.id
    UNION ALL SELECT s, CASE s WHEN 5 THEN d.opened_on ELSE d.closed_on END FROM crm.deal d, (VALUES (5), (6)) AS t (s) WHERE (s = 5 OR d.is_won)
        AND (d.contact_id = c.id OR (d.contact_id IS NULL AND d.company_id = c.company_id AND d.opened_on >= c.created_on))) e
WHERE c.created_on >= '2025-03-01' AND c.created_on < '2025-05-01' AND e.at IS NOT NULL;
PREPARE came (text, interval, timestamptz) AS
SELECT s, count(*) FILTER (WHERE level >= s) FROM generate_series(1, 6) s, (
    SELECT smarketing.window_funnel(at, $2, $1, step = 1, step = 2, step = 3, step = 4, step = 5, step = 6) AS level FROM happened WHERE at < $3 GROUP BY id) l GROUP BY 1 ORDER BY 1;
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2025-03-01', '2025-05-01', 'all', options => '{"mode": "ordered"}')$$, $$EXECUTE came('', '9999 days', 'infinity')$$, 'the funnel as it happened, in order');
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2025-03-01', '2025-05-01', 'all', options => '{"mode": "ordered", "within": "20 days 6 hours", "as_of": "2025-04-20"}')$$,
    $$EXECUTE came('', '20 days 6 hours', '2025-04-21')$$, 'and within a limit, as of a day');
SELECT is_empty($$SELECT f.*, k.leads FROM (VALUES ('{}'::jsonb), ('{"within": "30 days"}'), ('{"time_zone": "America/New_York"}'), ('{"within": "36 hours", "time_zone": "Asia/Kolkata"}')) o (o), (VALUES ('{}'::text[]), ('{channel}'), ('{rep,country}')) b (b),
        (VALUES ('{}'::jsonb), ('{"channel": {"not": ["Events", null]}}')) w (w), LATERAL smarketing.lead_funnel('2025-01-15', '2025-06-20', 'month', b, w, o) f
        LEFT JOIN LATERAL smarketing.sales_qualified_leads('2025-01-15', '2025-06-20', 'month', b, w, o) k ON (k.period_start, k.is_partial) = (f.period_start, f.is_partial) AND (k.by_1, k.by_2) IS NOT DISTINCT FROM (f.by_1, f.by_2)
    WHERE f.entities IS DISTINCT FROM (ARRAY[k.leads, k.mqls, k.sals, k.sqls, k.opportunities, k.won])[f.step]$$, 'the funnel has the counts of the KPI, whatever the arguments');
SELECT results_eq($$SELECT by_1, created, closed, won, lost, amount_won, round(median_cycle_hours::numeric, 6) FROM smarketing.opportunity_win_rate('2025-03-01', '2025-06-01', 'all', '{rep}')$$,
    $$SELECT r.name, count(*) FILTER (WHERE opened_on >= '2025-03-01' AND opened_on < '2025-06-01'), count(is_won) FILTER (WHERE c), count(*) FILTER (WHERE c AND is_won),
             count(*) FILTER (WHERE c AND NOT is_won), round(coalesce(sum(value) FILTER (WHERE c AND is_won), 0), 6),
             round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_on - opened_on) / 3600) FILTER (WHERE c AND is_won))::numeric, 6)
      FROM crm.rep r JOIN (SELECT *, closed_on >= '2025-03-01' AND closed_on < '2025-06-01' AS c FROM crm.deal_in_euro) d ON d.rep_id = r.id
      WHERE deal_type = 'New business'
        AND (opened_on >= '2025-03-01' AND opened_on < '2025-06-01' OR c AND is_won IS NOT NULL OR opened_on < '2025-06-01' AND (is_won IS NULL OR closed_on >= '2025-06-01'))
      GROUP BY 1 ORDER BY 1$$, 'win rate by rep, by hand');

-- The statement that is shown is the one that is run; a narrow range gives what a wide one gives.
SELECT smarketing.kpi_sql('opportunity_win_rate', '2025-01-01', '2025-07-01', 'quarter', '{rep,team}') AS statement \gset
SELECT set_eq(:'statement', $$SELECT period_start, is_partial, by_1, by_2, created, closed, won, lost, open, win_rate, win_rate_low, win_rate_high, amount_won, amount_lost,
    amount_win_rate, average_won, opportunities_per_won, median_cycle_hours, velocity_per_day, open_overdue
    FROM smarketing.opportunity_win_rate('2025-01-01', '2025-07-01', 'quarter', '{rep,team}')$$, 'kpi_sql gives the rows of the function');
SELECT results_eq($$SELECT n.mqls, n.sqls, n.customers, n.disqualified FROM generate_series(timestamptz '2025-01-01', '2025-12-01', '1 month') m, smarketing.cost_per_lead(m, m + interval '1 month') n$$,
    $$SELECT mqls, sqls, customers, disqualified FROM smarketing.cost_per_lead('2024-11-01', '2026-11-01') WHERE period_start BETWEEN '2025-01-01' AND '2025-12-01'$$,
    'a month alone and a month of two years are one');
SELECT results_eq($$SELECT spend FROM smarketing.cost_per_lead('2025-03-01', '2025-04-01', options => '{"lag": "30 days"}')$$,
    $$SELECT round(sum(cost), 6) FROM crm.cost_by_day WHERE cost_type = 'marketing' AND day >= '2025-01-30' AND day < '2025-03-02'$$, 'lag moves spend forward');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_indexscan = off; SET enable_bitmapscan = off;
SELECT matches((SELECT string_agg(line, E'\n') FROM smarketing.kpi_explain('cost_per_lead.cost_per_lead', '2024-11-01', '2026-11-01', 'month', '{channel}') line),
    'Partial (Hash|Group)Aggregate(.*\n){1,6}.*Parallel Seq Scan on contact', 'cost per lead by month and channel has a parallel plan');
SELECT doesnt_match((SELECT string_agg(line, E'\n') FROM smarketing.kpi_explain('cost_per_lead.cost_per_lead', '2024-11-01', '2026-11-01', 'month', '{channel}') line),
    'Sort[^\n]*\n[^\n]*(Sort Key[^\n]*\n[^\n]*)?->  (Parallel )?Seq Scan on contact', 'and no sort over the leads');
-- The lifetime value of customers reads the churn of customer_retention.
SELECT is_empty($$SELECT * FROM (SELECT by_1, period_start, lifetime_value AS value, revenue_per_customer AS revenue FROM smarketing.customer_acquisition_cost('2025-11-01', '2026-11-01', 'quarter', '{channel}', options => '{"margin": 0.7}')) AS c
    LEFT JOIN (SELECT by_1, period_start, customers_lost AS lost, customers_start AS start FROM smarketing.customer_retention('2025-11-01', '2026-11-01', 'quarter', '{channel}')) AS r USING (by_1, period_start)
    WHERE (value IS NULL) <> (revenue IS NULL OR coalesce(lost, 0) = 0) OR abs(value - revenue * 0.7 * 3 * start / nullif(lost, 0)) > 0.0001 * value$$, 'lifetime value by quarter and channel: revenue a month x margin / monthly churn');
SELECT is_empty($$SELECT * FROM smarketing.customer_acquisition_cost('2025-11-01', '2026-11-01') AS c JOIN smarketing.customer_retention('2025-11-01', '2026-11-01') AS r USING (period_start)
    WHERE (lifetime_value IS NULL) <> (revenue_per_customer IS NULL OR customers_lost = 0) OR abs(lifetime_value - revenue_per_customer * customers_start / nullif(customers_lost, 0)) > 0.0001 * lifetime_value
        OR abs(lifetime_value_to_cost - (lifetime_value / customer_acquisition_cost)::float8) > 1e-4 * lifetime_value_to_cost$$, 'and by month, beside what a customer cost');
SELECT ok((SELECT count(lifetime_value) FROM smarketing.customer_acquisition_cost('2025-11-01', '2026-11-01')) >= 10, 'there are some');
SELECT set_eq($$SELECT rule FROM smarketing.response_times(period => 'all') WHERE compliance BETWEEN 0.1 AND 0.9 AND median_hours > 1 AND late > 100 AND unanswered > 100$$,
    '{demo called back,hot lead called}'::text[], 'its SLA rules are kept at times, and not by what triggers them');
SELECT finish();
