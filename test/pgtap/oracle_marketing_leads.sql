-- 8,000 marketing-qualified leads and 842 closed deals of Olist, as published, against their oracle: leads, customers
-- and days to win by origin and by month of the first contact. The origins `unknown` and missing are not one, and a
-- deal that was won before its first contact counts, since it names its lead.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION smarketing;
SELECT plan(43);
SELECT (pg_stat_file(:'shared' || '/marketing_leads/oracle_by_origin.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data

CREATE TABLE mql (mql_id text, first_contact_date date, landing_page_id text, origin text);
CREATE TABLE deal (mql_id text, seller_id text, sdr_id text, sr_id text, won_date timestamp, business_segment text,
    lead_type text, lead_behaviour_profile text, has_company boolean, has_gtin boolean, average_stock text,
    business_type text, declared_product_catalog_size numeric, declared_monthly_revenue numeric);
CREATE TABLE oracle_total (name text, value float8);
CREATE TABLE oracle_origin (origin_n text, mqls numeric, won numeric, conversion float8, mean_days_to_win float8,
    median_days_to_win float8, p90_days float8, won_within_30d numeric, won_within_90d numeric);
CREATE TABLE oracle_month (first_contact_date date, mqls numeric, won numeric, conversion float8, mean_days_to_win float8,
    median_days_to_win float8, p90_days float8, won_within_30d numeric, won_within_90d numeric);
CREATE TABLE oracle_won_month (won_date text, won bigint, published bigint);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/marketing_leads/' || f)
FROM (VALUES ('mql', 'olist_marketing_qualified_leads_dataset.csv'), ('deal', 'olist_closed_deals_dataset.csv'),
             ('oracle_total', 'oracle_total.csv'), ('oracle_origin', 'oracle_by_origin.csv'),
             ('oracle_month', 'oracle_by_contact_month_cohort.csv'), ('oracle_won_month', 'oracle_won_by_month.csv')) AS t (r, f) \gexec
SELECT results_eq('SELECT (SELECT count(*) FROM mql), (SELECT count(*) FROM deal), (SELECT count(*) FROM oracle_total),
                          (SELECT count(*) FROM oracle_origin), (SELECT count(*) FROM oracle_month), (SELECT count(*) FROM oracle_won_month)',
                  'VALUES (8000::bigint, 842::bigint, 8::bigint, 11::bigint, 12::bigint, 12::bigint)', 'the files came in whole');
SELECT results_eq($$SELECT count(*) FILTER (WHERE origin IS NULL), count(*) FILTER (WHERE origin = 'unknown') FROM mql$$,
                  'VALUES (60::bigint, 1099::bigint)', 'a missing origin and the unknown one');

-- The tables as they are: won_date is the deal's only time. It is a local time of Brazil, and reported there; the
-- first contact is a date.
SELECT smarketing.configure('time_zone', 'America/Sao_Paulo') \g /dev/null
SELECT smarketing.bind('lead', 'mql', '{"lead_id": "mql_id", "created_at": "first_contact_date", "channel": "origin", "label": "landing_page_id"}') \g /dev/null
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "seller_id", "lead_id": "mql_id", "created_at": "won_date",
    "closed_at": "won_date", "won": "true", "segment": "business_segment", "owner": "sr_id"}', time_zone => 'America/Sao_Paulo') \g /dev/null

-- In total. Spend was never entered, so there is none: not 0.
SELECT results_eq(
    $$SELECT leads, customers, customers / leads::float8, spend, cost_per_lead, cost_per_customer FROM smarketing.cost_per_lead(period => 'all')$$,
    $$SELECT max(value) FILTER (WHERE name = 'mqls')::bigint, max(value) FILTER (WHERE name = 'won')::bigint,
             max(value) FILTER (WHERE name = 'conversion'), NULL::numeric, NULL::numeric, NULL::numeric FROM oracle_total$$,
    'in total');
SELECT results_eq(
    $$SELECT sum(leads), sum(customers) FROM smarketing.cost_per_lead('2017-06-01', '2018-06-01')$$,
    $$SELECT max(value) FILTER (WHERE name = 'mqls')::numeric, max(value) FILTER (WHERE name = 'won')::numeric FROM oracle_total$$,
    'the months add up to it');

-- By origin.
CREATE VIEW expected_origin AS
SELECT CASE origin_n WHEN '(null)' THEN '(none)' ELSE origin_n END AS channel, mqls::bigint AS leads, won::bigint AS customers,
       conversion, median_days_to_win
FROM oracle_origin;
SELECT results_eq(
    $$SELECT by_1, leads, customers, customers / leads::float8 FROM smarketing.cost_per_lead(period => 'all', by => '{channel}')$$,
    'SELECT channel, leads, customers, conversion FROM expected_origin ORDER BY channel COLLATE "C"', 'by origin, all time');
SELECT results_eq(
    $$SELECT o.channel, k.leads, k.customers FROM expected_origin AS o,
      smarketing.cost_per_lead(period => 'all', filter => jsonb_build_object('channel', o.channel)) AS k ORDER BY 1$$,
    'SELECT channel, leads, customers FROM expected_origin ORDER BY 1', 'each origin as a filter, (none) among them');
SELECT results_eq(
    $$SELECT leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"channel": null}')$$,
    $$SELECT leads, customers FROM expected_origin WHERE channel = '(none)'$$, 'the missing origin as null');
SELECT results_eq(
    $$SELECT leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"channel": {"not": "unknown"}}')$$,
    $$SELECT sum(leads)::bigint, sum(customers)::bigint FROM expected_origin WHERE channel <> 'unknown'$$,
    'not unknown: the missing stays in');
SELECT results_eq(
    $$SELECT leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"channel": {"not": null}}')$$,
    $$SELECT sum(leads)::bigint, sum(customers)::bigint FROM expected_origin WHERE channel <> '(none)'$$,
    'not the missing: unknown stays in');
SELECT results_eq(
    $$SELECT leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"channel": ["unknown", "(none)"]}')$$,
    $$SELECT sum(leads)::bigint, sum(customers)::bigint FROM expected_origin WHERE channel IN ('unknown', '(none)')$$,
    'both as a list');

-- By month of the first contact: the cohort, so a deal counts in its lead's month.
SELECT results_eq(
    $$SELECT period_start, is_partial, leads, customers, customers / leads::float8 FROM smarketing.cost_per_lead('2017-06-01', '2018-06-01')$$,
    'SELECT first_contact_date, false, mqls::bigint, won::bigint, conversion FROM oracle_month ORDER BY 1', 'by contact month');
SELECT results_eq(
    $$SELECT m.first_contact_date, k.leads, k.customers FROM oracle_month AS m, smarketing.cost_per_lead(
          m.first_contact_date::timestamptz, (m.first_contact_date + interval '1 month')::timestamptz, 'all') AS k ORDER BY 1$$,
    'SELECT first_contact_date, mqls::bigint, won::bigint FROM oracle_month ORDER BY 1', 'each month as a range of its own');
-- Both, and coarser, against plain SQL that gives the oracle's figures first.
CREATE VIEW plain AS
SELECT m.first_contact_date AS at, coalesce(m.origin, '(none)') AS channel, d.mql_id IS NOT NULL AS won, d.won_date, d.business_segment
FROM mql AS m LEFT JOIN deal AS d USING (mql_id);
SELECT results_eq(
    $$SELECT date_trunc('month', at)::date, count(*)::numeric, count(*) FILTER (WHERE won)::numeric FROM plain GROUP BY 1 ORDER BY 1$$,
    'SELECT first_contact_date, mqls, won FROM oracle_month ORDER BY 1', 'plain SQL agrees with the oracle');
PREPARE by_period_and_channel(text) AS
SELECT period_start, by_1, leads, customers FROM smarketing.cost_per_lead('2017-01-01', '2019-01-01', $1, '{channel}');
PREPARE plain_period_and_channel(text) AS
SELECT date_trunc($1, at)::date, channel, count(*), count(*) FILTER (WHERE won) FROM plain GROUP BY 1, channel ORDER BY 1, channel COLLATE "C";
SELECT results_eq(format('EXECUTE by_period_and_channel(%L)', p), format('EXECUTE plain_period_and_channel(%L)', p), 'origin by ' || p)
FROM unnest('{day,week,month,quarter,year}'::text[]) AS p;
SELECT results_eq(
    $$SELECT period_start, sum(leads), sum(customers) FROM smarketing.cost_per_lead('2017-06-01', '2018-06-01', by => '{channel}') GROUP BY 1 ORDER BY 1$$,
    'SELECT first_contact_date, mqls, won FROM oracle_month ORDER BY 1', 'the origins of each contact month add up');

-- By the month of winning: customers in the period of their own time, and deals closed.
SELECT results_eq(
    $$SELECT to_char(period_start, 'YYYY-MM'), customers FROM smarketing.cost_per_lead('2017-12-01', '2018-12-01', options => '{"basis": "period"}')$$,
    'SELECT won_date, won FROM oracle_won_month ORDER BY 1', 'customers by won month, on the basis period');
SELECT results_eq(
    $$SELECT to_char(period_start, 'YYYY-MM'), won, closed, lost, win_rate FROM smarketing.opportunity_win_rate('2017-12-01', '2018-12-01')$$,
    'SELECT won_date, won, won, 0::bigint, 1::float8 FROM oracle_won_month ORDER BY 1', 'win rate by won month');

-- With both bounds NULL rows without a time are in; a lead that never won has no time of winning, and is no customer.
SELECT results_eq(
    $$SELECT by_1, leads, customers FROM smarketing.cost_per_lead(period => 'all', by => '{channel}', options => '{"basis": "period"}')$$,
    'SELECT channel, leads, customers FROM expected_origin ORDER BY channel COLLATE "C"', 'by origin, all time, on the basis period');
SELECT results_eq(
    $$SELECT leads, mqls, sqls, customers FROM smarketing.cost_per_lead(period => 'all', options => '{"basis": "period"}')$$,
    $$SELECT l, w, w, w FROM (SELECT max(value::bigint) FILTER (WHERE name = 'mqls') AS l, max(value::bigint) FILTER (WHERE name = 'won') AS w
      FROM oracle_total) AS t$$, 'in total, on the basis period: a deal makes its lead an SQL');

-- The deal that was won before its first contact.
SELECT results_eq(
    'SELECT m.mql_id, first_contact_date, won_date::date FROM mql AS m JOIN deal USING (mql_id) WHERE won_date < first_contact_date',
    $$VALUES ('b91cf8812365f50ff4bda4bcd6206b05', date '2018-03-08', date '2018-03-06')$$, 'one deal was won too early');
SELECT results_eq(
    $$SELECT record_id FROM smarketing.kpi_rows('cost_per_lead.customers', '2018-03-08', '2018-03-09', max_rows => NULL) ORDER BY 1$$,
    $$SELECT mql_id FROM mql JOIN deal USING (mql_id) WHERE first_contact_date = '2018-03-08' ORDER BY 1$$,
    'its lead is a customer, on the day of the contact');
SELECT ok(EXISTS (SELECT 1 FROM smarketing.kpi_rows('cost_per_lead.customers', '2018-03-08', '2018-03-09', max_rows => NULL)
                  WHERE record_id = 'b91cf8812365f50ff4bda4bcd6206b05'), 'and is there by name');

-- The funnel: a deal makes its lead an SQL, an opportunity and won; nothing tells who was an MQL itself.
SELECT results_eq(
    $$SELECT by_1, leads, mqls, sqls, opportunities, won, lead_to_won_rate, opportunity_to_won_rate, skipped_mqls FROM smarketing.sales_qualified_leads(period => 'all', by => '{channel}')$$,
    'SELECT channel, leads, customers, customers, customers, customers, conversion, 1::float8, NULL::bigint FROM expected_origin ORDER BY channel COLLATE "C"', 'the funnel by origin');
SELECT results_eq(
    $$SELECT period_start, leads, won, lead_to_won_rate FROM smarketing.sales_qualified_leads('2017-06-01', '2018-06-01')$$,
    'SELECT first_contact_date, mqls::bigint, won::bigint, conversion FROM oracle_month ORDER BY 1', 'the funnel by contact month');
SELECT results_eq(
    $$SELECT by_1, step, entities, first_rate FROM smarketing.lead_funnel(period => 'all', by => '{channel}') WHERE step IN (1, 6)$$,
    'SELECT channel, step, CASE step WHEN 1 THEN leads ELSE customers END, CASE step WHEN 1 THEN 1 ELSE conversion END FROM expected_origin, (VALUES (1), (6)) AS s (step) ORDER BY channel COLLATE "C", step',
    'and step by step');
SELECT results_eq(
    $$SELECT to_char(period_start, 'YYYY-MM'), won FROM smarketing.sales_qualified_leads('2017-12-01', '2018-12-01', options => '{"basis": "period"}')$$,
    'SELECT won_date, won FROM oracle_won_month ORDER BY 1', 'won by won month');

-- The records behind the figures.
SELECT results_eq(
    $$SELECT (SELECT count(*) FROM smarketing.kpi_rows('cost_per_lead.leads', '2017-01-01', '2019-01-01', max_rows => NULL)),
             (SELECT count(*) FROM smarketing.kpi_rows('cost_per_lead.customers', '2017-01-01', '2019-01-01', max_rows => NULL))$$,
    $$SELECT max(value) FILTER (WHERE name = 'mqls')::bigint, max(value) FILTER (WHERE name = 'won')::bigint FROM oracle_total$$,
    'kpi_rows: as many as the figures say');
SELECT results_eq(
    $$SELECT o.channel, count(DISTINCT r.record_id) FROM expected_origin AS o LEFT JOIN LATERAL smarketing.kpi_rows('cost_per_lead.customers',
          '2017-01-01', '2019-01-01', jsonb_build_object('channel', o.channel), max_rows => NULL) AS r ON true GROUP BY 1 ORDER BY 1$$,
    'SELECT channel, customers FROM expected_origin ORDER BY 1', 'kpi_rows: the customers of each origin');
SELECT results_eq(
    $$SELECT m.first_contact_date, r.record_id, r.label FROM oracle_month AS m CROSS JOIN LATERAL smarketing.kpi_rows('cost_per_lead.leads',
          m.first_contact_date::timestamptz, (m.first_contact_date + interval '1 month')::timestamptz, max_rows => NULL) AS r ORDER BY 1, 2$$,
    $$SELECT date_trunc('month', first_contact_date)::date, mql_id, landing_page_id FROM mql ORDER BY 1, mql_id$$,
    'kpi_rows: the very leads of each month');

-- Days to win: the oracle counts whole days from the contact to the day of winning, so both are bound as dates. It
-- groups deals by their lead's contact month: the basis `created` of an opportunity that begins with the contact.
CREATE VIEW journey AS
SELECT d.seller_id, d.mql_id, m.first_contact_date, d.won_date::date AS won_on, d.business_segment FROM deal AS d JOIN mql AS m USING (mql_id);
SELECT smarketing.bind('opportunity', 'journey', '{"opportunity_id": "seller_id", "lead_id": "mql_id", "created_at": "first_contact_date",
    "closed_at": "won_on", "won": "true", "segment": "business_segment"}') \g /dev/null
-- Sao Paulo changed its clocks between many contacts and deals: an hour more or less, which days do not show.
SELECT smarketing.configure('time_zone', 'UTC') \g /dev/null
SELECT results_eq(
    $$SELECT won, median_cycle_hours / 24 FROM smarketing.opportunity_win_rate(period => 'all')$$,
    $$SELECT max(value) FILTER (WHERE name = 'won')::bigint, max(value) FILTER (WHERE name = 'median_days_to_win') FROM oracle_total$$,
    'median days to win in total');
SELECT results_eq(
    $$SELECT by_1, won, median_cycle_hours / 24 FROM smarketing.opportunity_win_rate(period => 'all', by => '{channel}')$$,
    'SELECT channel, customers, median_days_to_win FROM expected_origin ORDER BY channel COLLATE "C"',
    'median days to win by origin, which is the lead''s');
SELECT results_eq(
    $$SELECT period_start, won, median_cycle_hours / 24 FROM smarketing.opportunity_win_rate('2017-06-01', '2018-06-01', options => '{"basis": "created"}')$$,
    'SELECT first_contact_date, won::bigint, median_days_to_win FROM oracle_month ORDER BY 1', 'median days to win by contact month');
SELECT results_eq(
    $$SELECT by_1, leads, customers FROM smarketing.cost_per_lead(period => 'all', by => '{channel}')$$,
    'SELECT channel, leads, customers FROM expected_origin ORDER BY channel COLLATE "C"', 'customers by origin over the view too');

-- The same days as hours of the leads, where the opportunity begins with the contact; and within 30 and 90 days. The deal that
-- was won before its contact counts as won with it.
SELECT results_eq(
    $$SELECT by_1, won, median_hours_to_won / 24 FROM smarketing.sales_qualified_leads(period => 'all', by => '{channel}')$$,
    'SELECT channel, customers, median_days_to_win FROM expected_origin ORDER BY channel COLLATE "C"', 'median hours to won by origin');
SELECT results_eq(
    $$SELECT period_start, won, median_hours_to_won / 24 FROM smarketing.sales_qualified_leads('2017-06-01', '2018-06-01')$$,
    'SELECT first_contact_date, won::bigint, median_days_to_win FROM oracle_month ORDER BY 1', 'and by contact month');
SELECT results_eq(
    $$SELECT by_1, round((median_hours / 24)::numeric, 9), round((p90_hours / 24)::numeric, 9) FROM smarketing.lead_funnel(period => 'all', by => '{channel}') WHERE step = 6$$,
    $$SELECT CASE origin_n WHEN '(null)' THEN '(none)' ELSE origin_n END, round(median_days_to_win::numeric, 9), round(p90_days::numeric, 9) FROM oracle_origin ORDER BY CASE origin_n WHEN '(null)' THEN '(none)' ELSE origin_n END COLLATE "C"$$,
    'median and ninth decile of the last step');
SELECT results_eq(
    $$SELECT a.by_1, a.won, b.won FROM smarketing.sales_qualified_leads(period => 'all', by => '{channel}', options => '{"within": "30 days"}') AS a
      JOIN smarketing.sales_qualified_leads(period => 'all', by => '{channel}', options => '{"within": "90 days"}') AS b USING (by_1)$$,
    $$SELECT CASE origin_n WHEN '(null)' THEN '(none)' ELSE origin_n END, won_within_30d::bigint, won_within_90d::bigint FROM oracle_origin ORDER BY CASE origin_n WHEN '(null)' THEN '(none)' ELSE origin_n END COLLATE "C"$$,
    'won within 30 and 90 days by origin');
SELECT results_eq(
    $$SELECT a.period_start, a.won, b.entities FROM smarketing.sales_qualified_leads('2017-06-01', '2018-06-01', options => '{"within": "30 days"}') AS a
      JOIN smarketing.lead_funnel('2017-06-01', '2018-06-01', options => '{"within": "90 days"}') AS b ON b.period_start = a.period_start AND b.step = 6$$,
    'SELECT first_contact_date, won_within_30d::bigint, won_within_90d::bigint FROM oracle_month ORDER BY 1', 'and by contact month');
SELECT results_eq(
    $$SELECT (smarketing.lead_funnel('2017-06-01', '2018-06-01', 'all', options => jsonb_build_object('as_of', day))).entities FROM (VALUES (date '2018-01-31'), ('2018-03-05')) AS d (day)$$,
    $$SELECT CASE step WHEN 1 THEN leads WHEN 6 THEN won ELSE opportunities END FROM (VALUES (date '2018-01-31'), ('2018-03-05')) AS d (day), generate_series(1, 6) AS step,
      LATERAL (SELECT count(*) AS leads, count(*) FILTER (WHERE won AND won_date::date <= day) AS won, count(*) FILTER (WHERE won) AS opportunities FROM plain WHERE at <= day) AS p ORDER BY day, step$$,
    'as of two days, against plain SQL');

\else
SELECT skip('no shared data', 43);
\endif
SELECT * FROM finish();
