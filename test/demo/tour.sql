-- The tour of make demo: what a person would ask first, with figures rounded for reading.
\pset null '-'
\pset linestyle unicode
\pset border 1

\echo
\echo 'smarketing on a sample CRM: 20,000 leads, two years, 6 channels, 8 reps (all invented)'
\echo '======================================================================================'
\echo
\echo 'CREATE EXTENSION smarketing;'
CREATE EXTENSION smarketing;
\echo 'SELECT smarketing.bind(''lead'', ''crm.contact'', ''{"lead_id": "id", "created_at": "created_on", ...}'');'
\echo '...  (all of it: test/sample/bind.sql)'
\o /dev/null
\i :bind
\o

\echo
\echo 'Are the teams on course? The eight KPIs of October 2026, and what changed since September'
\echo '   SELECT * FROM smarketing.scorecard(''2026-10-01'', ''2026-11-01'');'
SELECT kpi_number || '. ' || label AS "KPI",
       CASE WHEN unit = 'rate' THEN round(value * 100, 1) || ' %' WHEN value >= 1000 THEN to_char(value, 'FM999G999G999') ELSE to_char(value, 'FM990.00') END AS value,
       CASE WHEN length(reading) > 58 THEN replace(reading, '; ', E';\n') ELSE reading END AS reading
FROM smarketing.scorecard('2026-10-01', '2026-11-01');
\echo '   ... and what to run next about the first of them:'
SELECT next_call FROM smarketing.scorecard('2026-10-01', '2026-11-01') WHERE kpi_number = 1;

\echo
\echo 'Are they aligned? The verdict over both teams, of a year'
\echo '   SELECT weak_side, reading FROM smarketing.alignment(''2025-11-01'', ''2026-11-01'') WHERE signal = ''overall'';'
SELECT weak_side AS "weak side", rtrim(regexp_replace(reading, '(.{1,84})(?: |$)', E'\\1\n', 'g'), E'\n') AS reading
FROM smarketing.alignment('2025-11-01', '2026-11-01') WHERE signal = 'overall';

\echo '   ... in French: SELECT smarketing.configure(''language'', ''fr''), or for one call'
\echo '   SELECT * FROM smarketing.scorecard(''2026-10-01'', ''2026-11-01'', options => ''{"language": "fr"}'');'
SELECT kpi_number || '. ' || label AS "KPI",
       CASE WHEN unit = 'rate' THEN replace(round(value * 100, 1)::text, '.', ',') || ' %' WHEN value >= 1000 THEN replace(to_char(value, 'FM999,999,999'), ',', ' ') ELSE replace(to_char(value, 'FM990.00'), '.', ',') END AS valeur,
       CASE WHEN length(reading) > 58 THEN replace(reading, ' ; ', E' ;\n') ELSE reading END AS "ce que cela veut dire"
FROM smarketing.scorecard('2026-10-01', '2026-11-01', options => '{"language": "fr"}');
\echo '   ... and of alignment(''2025-11-01'', ''2026-11-01'', options => ''{"language": "fr"}'') the overall line:'
SELECT CASE weak_side WHEN 'marketing' THEN 'le marketing' WHEN 'sales' THEN 'l''équipe commerciale' WHEN 'both' THEN 'les deux' ELSE weak_side END AS "côté faible",
       rtrim(regexp_replace(reading, '(.{1,78})(?: |$)', E'\\1\n', 'g'), E'\n') AS verdict
FROM smarketing.alignment('2025-11-01', '2026-11-01', options => '{"language": "fr"}') WHERE signal = 'overall';

\echo
\echo 'What is bound'
SELECT entity, source, count(*) AS columns, count(problem) AS problems
FROM smarketing.bindings
GROUP BY entity, source
ORDER BY entity;

\echo
\echo '1. Cost per lead, by quarter: is it getting dearer?'
\echo '   SELECT * FROM smarketing.cost_per_lead(''2024-11-01'', ''2026-11-01'', ''quarter'');'
SELECT period_start AS quarter, CASE WHEN is_partial THEN 'clipped' ELSE '' END AS range, round(spend) AS spend, leads,
       round(cost_per_lead, 2) AS "per lead", mqls, round(cost_per_mql, 2) AS "per mql",
       customers, round(cost_per_customer) AS "per customer"
FROM smarketing.cost_per_lead('2024-11-01', '2026-11-01', 'quarter');

\echo
\echo '   ... by channel: which channel brings customers, not just leads?'
\echo '   SELECT * FROM smarketing.cost_per_lead(''2025-11-01'', ''2026-11-01'', ''all'', ''{channel}'');'
SELECT by_1 AS channel, round(spend) AS spend, leads, round(cost_per_lead, 2) AS "per lead",
       round(mql_rate::numeric * 100, 1) AS "% mql", round(disqualified_rate::numeric * 100, 1) AS "% disqualified",
       customers, round(cost_per_customer) AS "per customer"
FROM smarketing.cost_per_lead('2025-11-01', '2026-11-01', 'all', '{channel}')
ORDER BY cost_per_customer;

\echo
\echo '2. Cost per opportunity, by campaign (new business)'
\echo '   SELECT * FROM smarketing.cost_per_opportunity('
\echo '       ''2025-11-01'', ''2026-11-01'', ''all'', ''{channel,campaign}'');'
SELECT by_1 AS channel, by_2 AS campaign, round(spend) AS spend, opportunities, won,
       round(cost_per_opportunity) AS "per opportunity", round(cost_per_won) AS "per won"
FROM smarketing.cost_per_opportunity('2025-11-01', '2026-11-01', 'all', '{channel,campaign}')
ORDER BY cost_per_opportunity NULLS LAST;

\echo
\echo '3. Customer retention: which channel brings loyal customers?'
\echo '   SELECT * FROM smarketing.customer_retention('
\echo '       ''2025-11-01'', ''2026-11-01'', ''all'', ''{channel}'');'
SELECT by_1 AS channel, customers_start AS "at start", customers_lost AS lost, customers_new AS new,
       round(retention_rate::numeric * 100, 1) AS "% kept", round(revenue_upsell) AS upsell, round(revenue_cross_sell) AS "cross-sell",
       round(gross_revenue_retention::numeric * 100, 1) AS "% gross", round(net_revenue_retention::numeric * 100, 1) AS "% net"
FROM smarketing.customer_retention('2025-11-01', '2026-11-01', 'all', '{channel}')
ORDER BY retention_rate DESC;

\echo
\echo '4. Customer acquisition cost, by channel: what does a customer cost in marketing?'
\echo '   SELECT * FROM smarketing.customer_acquisition_cost('
\echo '       ''2025-11-01'', ''2026-11-01'', ''all'', ''{channel}'');'
SELECT by_1 AS channel, round(spend_marketing) AS marketing, round(spend_sales) AS sales, new_customers AS "new customers",
       round(paid_acquisition_cost) AS "marketing per customer", round(revenue_per_customer) AS "revenue a month"
FROM smarketing.customer_acquisition_cost('2025-11-01', '2026-11-01', 'all', '{channel}')
ORDER BY paid_acquisition_cost;

\echo
\echo '5. Revenue, by month: beside the month before, a year ago and the goal'
\echo '   SELECT * FROM smarketing.revenue_evolution(''2026-01-01'', ''2026-11-01'');'
SELECT period_start AS month, round(revenue) AS revenue, round(previous) AS before, round(change_rate::numeric * 100, 1) AS "% change",
       round(year_ago) AS "year ago", round(year_over_year::numeric * 100, 1) AS "% on year", round(trailing_12_months) AS "12 months",
       round(goal) AS goal, round(attainment::numeric * 100, 1) AS "% of goal"
FROM smarketing.revenue_evolution('2026-01-01', '2026-11-01');

\echo
\echo '6. Sales qualified leads: where do leads of each channel get stuck?'
\echo '   SELECT * FROM smarketing.sales_qualified_leads('
\echo '       ''2025-07-01'', ''2026-07-01'', ''all'', ''{channel}'');'
SELECT by_1 AS channel, leads, mqls, sqls, opportunities AS opps, won, round(lead_to_mql_rate::numeric * 100, 1) AS "% to mql",
       round(mql_to_sql_rate::numeric * 100, 1) AS "% to sql", round(opportunity_to_won_rate::numeric * 100, 1) AS "% opps won",
       round(median_hours_to_sql::numeric / 24, 1) AS "days to sql"
FROM smarketing.sales_qualified_leads('2025-07-01', '2026-07-01', 'all', '{channel}')
ORDER BY won::numeric / leads DESC;

\echo
\echo '7. Marketing ROI, by channel: which pays for itself, whatever the attribution model? (margin 60 %)'
\echo '   SELECT * FROM smarketing.marketing_roi(''2025-11-01'', ''2026-11-01'', ''all'', ''{channel}'','
\echo '       options => ''{"model": "linear", "kind": "new", "margin": 0.6}'');'
SELECT channel, min(spend) AS spend, min(revenue) FILTER (WHERE model = 'linear') AS revenue, min(roi) FILTER (WHERE model = 'first') AS "% first",
       min(roi) FILTER (WHERE model = 'last') AS "last", min(roi) FILTER (WHERE model = 'linear') AS "linear", min(roi) FILTER (WHERE model = 'w_shaped') AS "w_shaped",
       min(pipeline) FILTER (WHERE model = 'linear') AS pipeline, min(unattributed) AS unattributed
FROM unnest('{first, last, linear, w_shaped}'::text[]) AS model, LATERAL (
    SELECT by_1 AS channel, round(spend) AS spend, round(attributed_revenue) AS revenue, round(roi::numeric * 100) AS roi, round(open_pipeline) AS pipeline,
           round(unattributed_revenue) AS unattributed
    FROM smarketing.marketing_roi('2025-11-01', '2026-11-01', 'all', '{channel}', options => jsonb_build_object('model', model, 'kind', 'new', 'margin', 0.6))) AS result
GROUP BY channel
ORDER BY "linear" DESC NULLS LAST;

\echo
\echo '8. Win rate, by rep: who closes what they open? (95 % interval: few deals, wide interval)'
\echo '   SELECT * FROM smarketing.opportunity_win_rate(''2025-11-01'', ''2026-11-01'', ''all'', ''{rep,team}'');'
SELECT by_1 AS rep, by_2 AS team, closed, won, round(win_rate::numeric * 100, 1) AS "% won",
       format('%s to %s', round(win_rate_low::numeric * 100), round(win_rate_high::numeric * 100)) AS interval,
       round(amount_won) AS amount, round(median_cycle_hours::numeric / 24) AS days,
       open, open_overdue AS overdue
FROM smarketing.opportunity_win_rate('2025-11-01', '2026-11-01', 'all', '{rep,team}')
ORDER BY win_rate DESC;

\echo
\echo '   ... by month'
SELECT period_start AS month, created, closed, won, lost, open, round(win_rate::numeric * 100, 1) AS "% won",
       round(amount_won) AS "amount won", round(velocity_per_day) AS "velocity per day"
FROM smarketing.opportunity_win_rate('2026-05-01', '2026-11-01');

\echo
\echo 'Any metric, with what it was divided from'
\echo '   SELECT * FROM smarketing.kpi(''cost_per_lead'', ''2026-08-01'', ''2026-11-01'', ''month'', ''{origin}'');'
SELECT period_start AS month, by_1 AS origin, round(value, 2) AS value, numerator, denominator
FROM smarketing.kpi('cost_per_lead', '2026-08-01', '2026-11-01', 'month', '{origin}');

\echo
\echo 'One figure opened: the customers that LinkedIn brought in August 2026'
\echo '   SELECT * FROM smarketing.kpi_rows(''customers'', ''2026-08-01'', ''2026-09-01'','
\echo '       ''{"channel": "LinkedIn Ads"}'', max_rows => 6);'
SELECT entity, record_id, label, at::timestamp(0) AS at
FROM smarketing.kpi_rows('customers', '2026-08-01', '2026-09-01', '{"channel": "LinkedIn Ads"}', max_rows => 6);

\echo
\echo '... and the statement behind the leads of each channel'
\echo '   SELECT smarketing.kpi_sql(''cost_per_lead.leads'', ''2026-08-01'', ''2026-09-01'','
\echo '       ''month'', ''{channel}'');'
\pset tuples_only on
\pset format unaligned
SELECT smarketing.kpi_sql('cost_per_lead.leads', '2026-08-01', '2026-09-01', 'month', '{channel}');
