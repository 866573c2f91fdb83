-- 8,800 opportunities of the Maven CRM data, as published, against their oracle: created, won, lost, open, amounts,
-- win rate and cycle by agent, manager, region and month of closing. One product is written in two ways, 1,425 rows
-- have no account, 500 no engage date, and 5 reps no opportunity.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION smarketing;
SELECT plan(50);
SELECT (pg_stat_file(:'shared' || '/crm_pipeline/oracle_by_agent.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data

CREATE TABLE sales_pipeline (opportunity_id text, sales_agent text, product text, account text, deal_stage text,
    engage_date date, close_date date, close_value numeric);
CREATE TABLE sales_teams (sales_agent text, manager text, regional_office text);
CREATE TABLE accounts (account text, sector text, year_established integer, revenue numeric, employees integer,
    office_location text, subsidiary_of text);
CREATE TABLE products (product text, series text, sales_price numeric);
CREATE TABLE oracle_total (name text, value numeric);
CREATE TABLE oracle_agent (name text, opportunities numeric, won numeric, lost numeric, engaging numeric, prospecting numeric,
    revenue numeric, win_rate_closed float8, won_share_all float8, avg_deal_size_won numeric, avg_value_closed_incl_lost numeric,
    avg_days_to_close_won float8, avg_days_to_close_closed float8, median_days_won float8);
CREATE TABLE oracle_manager (LIKE oracle_agent);
CREATE TABLE oracle_region (LIKE oracle_agent);
CREATE TABLE oracle_month (LIKE oracle_agent);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/crm_pipeline/' || f)
FROM (VALUES ('sales_pipeline', 'sales_pipeline.csv'), ('sales_teams', 'sales_teams.csv'), ('accounts', 'accounts.csv'),
             ('products', 'products.csv'), ('oracle_total', 'oracle_total.csv'), ('oracle_agent', 'oracle_by_agent.csv'),
             ('oracle_manager', 'oracle_by_manager.csv'), ('oracle_region', 'oracle_by_region.csv'),
             ('oracle_month', 'oracle_by_close_month.csv')) AS t (r, f) \gexec
SELECT results_eq('SELECT (SELECT count(*) FROM sales_pipeline), (SELECT count(*) FROM sales_teams), (SELECT count(*) FROM accounts),
                          (SELECT count(*) FROM products), (SELECT count(*) FROM oracle_total), (SELECT count(*) FROM oracle_agent),
                          (SELECT count(*) FROM oracle_manager), (SELECT count(*) FROM oracle_region), (SELECT count(*) FROM oracle_month)',
                  'VALUES (8800::bigint, 35::bigint, 85::bigint, 7::bigint, 13::bigint, 30::bigint, 6::bigint, 3::bigint, 10::bigint)',
                  'the files came in whole');

-- The tables as they are. All times are dates, so the zone must not matter: a far one, whose days have all 24 hours.
SELECT smarketing.configure('time_zone', 'Pacific/Kiritimati') \g /dev/null
SELECT smarketing.bind('opportunity', 'sales_pipeline', $${"created_at": "engage_date", "closed_at": "close_date", "amount": "close_value",
    "owner": "sales_agent", "account_id": "account", "won": "CASE deal_stage WHEN 'Won' THEN true WHEN 'Lost' THEN false END"}$$) \g /dev/null
SELECT smarketing.bind('owner', 'sales_teams', '{"owner": "sales_agent", "team": "regional_office"}') \g /dev/null
SELECT smarketing.bind('account', 'accounts', '{"account_id": "account", "label": "account", "segment": "sector"}') \g /dev/null
SELECT smarketing.define_dimension('sales_manager', '{"owner": "manager"}') \g /dev/null
SELECT smarketing.define_dimension('region', '{"owner": "regional_office"}') \g /dev/null
SELECT smarketing.define_dimension('office', '{"account": "office_location"}') \g /dev/null
SELECT smarketing.define_dimension('deal_stage', '{"opportunity": "deal_stage"}') \g /dev/null
SELECT smarketing.map_value('product', 'GTXPro', 'GTX Pro') \g /dev/null

-- The oracle groups all opportunities, whenever engaged or closed: period `all` with both bounds NULL, which takes in
-- the 500 without a date. Its `opportunities` are then created, engaging + prospecting open, revenue amount_won (no
-- lost deal has a value), win_rate_closed win_rate, avg_deal_size_won average_won, median_days_won the median cycle.
-- The mean days and avg_value_closed_incl_lost have no counterpart; won_share_all is the created basis' won / created.
CREATE VIEW oracle AS
SELECT dimension, name, opportunities::bigint AS created, (won + lost)::bigint AS closed, won::bigint, lost::bigint,
       (engaging + prospecting)::bigint AS open, win_rate_closed AS win_rate, won_share_all, revenue AS amount_won,
       round(avg_deal_size_won, 6) AS average_won, median_days_won
FROM (SELECT 'owner' AS dimension, * FROM oracle_agent
      UNION ALL SELECT 'sales_manager', * FROM oracle_manager
      UNION ALL SELECT 'region', * FROM oracle_region
      UNION ALL SELECT 'team', * FROM oracle_region
      UNION ALL SELECT 'total', NULL, max(value) FILTER (WHERE t.name = 'opportunities'), max(value) FILTER (WHERE t.name = 'won'),
          max(value) FILTER (WHERE t.name = 'lost'), max(value) FILTER (WHERE t.name = 'engaging'),
          max(value) FILTER (WHERE t.name = 'prospecting'), max(value) FILTER (WHERE t.name = 'revenue'),
          max(value::float8) FILTER (WHERE t.name = 'win_rate_closed'), max(value::float8) FILTER (WHERE t.name = 'won_share_all'),
          max(value) FILTER (WHERE t.name = 'avg_deal_size_won'), NULL, NULL, NULL,
          max(value::float8) FILTER (WHERE t.name = 'median_days_won') FROM oracle_total AS t) AS u;
PREPARE oracle_by(text) AS
SELECT name, created, closed, won, lost, open, win_rate, won_share_all, amount_won, 0::numeric, 1::float8, average_won, median_days_won
FROM oracle WHERE dimension = $1 ORDER BY name COLLATE "C";
PREPARE smarketing_by(text, text) AS
SELECT by_1, created, closed, won, lost, open, win_rate, won / created::float8, amount_won, amount_lost, amount_win_rate, average_won,
       median_cycle_hours / 24
FROM smarketing.opportunity_win_rate(period => 'all', by => string_to_array($1, ','), options => jsonb_build_object('basis', $2));
SELECT results_eq($$EXECUTE smarketing_by('', 'closed')$$, $$EXECUTE oracle_by('total')$$, 'in total');
SELECT results_eq(format('EXECUTE smarketing_by(%L, ''closed'')', d), format('EXECUTE oracle_by(%L)', d), 'by ' || d)
FROM unnest('{owner,sales_manager,region,team}'::text[]) AS d;

-- The basis created over all time is the same opportunities, once more; only that no period asks when they closed.
SELECT results_eq($$EXECUTE smarketing_by('', 'created')$$, $$EXECUTE oracle_by('total')$$, 'in total, on the basis created');
SELECT results_eq(format('EXECUTE smarketing_by(%L, ''created'')', d), format('EXECUTE oracle_by(%L)', d), 'by ' || d || ', on the basis created')
FROM unnest('{owner,sales_manager,region,team}'::text[]) AS d;

-- By a filter on each value instead.
SELECT results_eq(
    format('SELECT o.name, k.created, k.won, k.lost, k.open, k.win_rate, k.amount_won, k.average_won, k.median_cycle_hours / 24
            FROM oracle AS o, smarketing.opportunity_win_rate(period => ''all'', filter => jsonb_build_object(%L, o.name)) AS k
            WHERE o.dimension = %1$L ORDER BY 1', d),
    format('SELECT name, created, won, lost, open, win_rate, amount_won, average_won, median_days_won FROM oracle WHERE dimension = %L ORDER BY 1', d),
    'each filter on ' || d)
FROM unnest('{owner,sales_manager,region,team}'::text[]) AS d;

-- Reps with no opportunity have no row, and as a filter a win rate that is NULL, not 0.
SELECT results_eq(
    $$SELECT t.sales_agent, k.created, k.closed, k.open, k.win_rate, k.win_rate_low, k.win_rate_high, k.amount_won, k.average_won, k.median_cycle_hours
      FROM sales_teams AS t, smarketing.opportunity_win_rate(period => 'all', filter => jsonb_build_object('owner', t.sales_agent)) AS k
      WHERE k.created = 0 ORDER BY 1$$,
    $$SELECT sales_agent, 0::bigint, 0::bigint, 0::bigint, NULL::float8, NULL::float8, NULL::float8, 0::numeric, NULL::numeric, NULL::float8
      FROM sales_teams WHERE sales_agent NOT IN (SELECT name FROM oracle_agent) ORDER BY 1$$, 'the reps without opportunities');
SELECT results_eq('SELECT count(*) FROM sales_teams WHERE sales_agent NOT IN (SELECT name FROM oracle_agent)', 'VALUES (5::bigint)', 'they are five');

-- By month of closing: the oracle groups by close_date, so this is the basis closed, and its `opportunities` are the
-- closed ones. What was created in that month is another set, from plain SQL.
SELECT results_eq(
    $$SELECT period_start, is_partial, closed, won, lost, win_rate, amount_won, amount_lost, average_won, median_cycle_hours / 24
      FROM smarketing.opportunity_win_rate('2017-03-01', '2018-01-01')$$,
    $$SELECT name::date, false, opportunities::bigint, won::bigint, lost::bigint, win_rate_closed, revenue, 0::numeric,
             round(avg_deal_size_won, 6), median_days_won FROM oracle_month ORDER BY 1$$, 'by close month');
SELECT results_eq(
    $$SELECT m.name::date, k.closed, k.won, k.lost, k.win_rate, k.amount_won, k.average_won, k.median_cycle_hours / 24
      FROM oracle_month AS m, smarketing.opportunity_win_rate(m.name::timestamptz, (m.name::date + interval '1 month')::timestamptz, 'all') AS k ORDER BY 1$$,
    $$SELECT name::date, opportunities::bigint, won::bigint, lost::bigint, win_rate_closed, revenue, round(avg_deal_size_won, 6), median_days_won
      FROM oracle_month ORDER BY 1$$, 'each close month as a range of its own');
SELECT results_eq(
    $$SELECT period_start, value, numerator, denominator FROM smarketing.kpi('win_rate', '2017-03-01', '2018-01-01')$$,
    'SELECT name::date, win_rate_closed::numeric, won, won + lost FROM oracle_month ORDER BY 1', 'kpi: the win rate of each close month');

-- Plain SQL over the tables, for what the oracle lacks. First it must give the oracle's own figures.
CREATE TABLE deal AS
SELECT p.*, t.manager AS sales_manager, t.regional_office AS region, t.regional_office AS team, coalesce(a.sector, '(none)') AS sector,
       coalesce(a.office_location, '(none)') AS office, coalesce(p.account, '(none)') AS account_name,
       CASE p.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE p.product END AS product_name,
       CASE deal_stage WHEN 'Won' THEN true WHEN 'Lost' THEN false END AS won, close_date - engage_date AS days
FROM sales_pipeline AS p JOIN sales_teams AS t USING (sales_agent) LEFT JOIN accounts AS a ON a.account = p.account;
CREATE FUNCTION plain(dims text, condition text DEFAULT 'true') RETURNS TABLE (d1 text, d2 text, d3 text, created bigint, closed bigint,
    won bigint, lost bigint, open bigint, win_rate float8, amount_won numeric, average_won numeric, per_won float8, median_days float8)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM (SELECT %s, count(*), count(won), count(*) FILTER (WHERE won),
        count(*) FILTER (WHERE NOT won), count(*) FILTER (WHERE won IS NULL), count(*) FILTER (WHERE won) / nullif(count(won), 0)::float8,
        coalesce(sum(close_value) FILTER (WHERE won), 0), round(avg(close_value) FILTER (WHERE won), 6),
        count(*) / nullif(count(*) FILTER (WHERE won), 0)::float8,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE won)
        FROM deal WHERE %s GROUP BY 1, 2, 3) AS t (a, b, c) ORDER BY a COLLATE "C", b COLLATE "C", c COLLATE "C"', dims, condition);
END $$;
PREPARE by_all(text[], jsonb, text) AS
SELECT by_1, by_2, by_3, created, closed, won, lost, open, win_rate, amount_won, average_won, opportunities_per_won, median_cycle_hours / 24
FROM smarketing.opportunity_win_rate(period => 'all', by => $1, filter => $2, options => jsonb_build_object('basis', $3));
SELECT results_eq(
    format('SELECT d1, created, closed, won, lost, open, win_rate, amount_won, average_won, median_days FROM plain(%L)', c || ', NULL::text, NULL::text'),
    format('SELECT name, created, closed, won, lost, open, win_rate, amount_won, average_won, median_days_won FROM oracle WHERE dimension = %L ORDER BY name COLLATE "C"', d),
    'plain SQL agrees with the oracle by ' || d)
FROM (VALUES ('owner', 'sales_agent'), ('sales_manager', 'sales_manager'), ('region', 'region')) AS v (d, c);
SELECT results_eq(
    format('EXECUTE by_all(%L, %L, %L)', by, filter, basis),
    format('SELECT * FROM plain(%L, %L)', columns, condition),
    'by ' || by || ' where ' || filter || ', basis ' || basis)
FROM (VALUES
    ('{product}', '{}', 'closed', 'product_name, NULL::text, NULL::text', 'true'),
    ('{account}', '{}', 'closed', 'account_name, NULL::text, NULL::text', 'true'),
    ('{segment}', '{}', 'closed', 'sector, NULL::text, NULL::text', 'true'),
    ('{office,region}', '{}', 'closed', 'office, region, NULL::text', 'true'),
    ('{region,product}', '{}', 'created', 'region, product_name, NULL::text', 'true'),
    ('{account,owner}', '{}', 'closed', 'account_name, sales_agent, NULL::text', 'true'),
    ('{sales_manager,segment,product}', '{}', 'closed', 'sales_manager, sector, product_name', 'true'),
    ('{deal_stage}', '{}', 'closed', 'deal_stage, NULL::text, NULL::text', 'true'),
    ('{region}', '{"product": "GTX Pro"}', 'closed', 'region, NULL::text, NULL::text', $$product IN ('GTXPro', 'GTX Pro')$$),
    ('{region}', '{"account": null}', 'closed', 'region, NULL::text, NULL::text', 'account IS NULL'),
    ('{owner}', '{"account": {"not": null}}', 'created', 'sales_agent, NULL::text, NULL::text', 'account IS NOT NULL'),
    ('{product}', '{"segment": ["retail", "(none)"], "region": {"not": ["East", "West"]}}', 'closed', 'product_name, NULL::text, NULL::text',
     $$sector IN ('retail', '(none)') AND region = 'Central'$$)
) AS v (by, filter, basis, columns, condition);
SELECT results_eq($$SELECT by_1, created FROM smarketing.opportunity_win_rate(period => 'all', by => '{account}') WHERE by_1 = '(none)'$$,
                  $$VALUES ('(none)', 1425::bigint)$$, 'the 1,425 without an account');
SELECT results_eq(
    $$SELECT count(*), count(*) FILTER (WHERE by_1 = 'GTX Pro'), count(*) FILTER (WHERE by_1 = 'GTXPro')
      FROM smarketing.opportunity_win_rate(period => 'all', by => '{product}')$$,
    'VALUES (7::bigint, 1::bigint, 0::bigint)', 'seven products, as in the list of products');

-- In periods: won and lost in that of the closing, created in that of the engagement, open at its end.
CREATE FUNCTION plain_periods(period text) RETURNS TABLE (period_start date, d text, created bigint, closed bigint, won bigint, lost bigint,
    open bigint, win_rate float8, amount_won numeric, median_days float8) LANGUAGE sql AS $$
    SELECT s::date, r, e.created, c.*, (SELECT count(*) FROM deal WHERE region = r AND engage_date < n AND (won IS NULL OR close_date >= n)),
           c.won / nullif(c.closed, 0)::float8, x.amount, x.days
    FROM generate_series(date_trunc(period, timestamp '2016-10-01'), timestamp '2017-12-31', ('1 ' || replace(period, 'quarter', 'month'))::interval * CASE period WHEN 'quarter' THEN 3 ELSE 1 END) AS s,
         unnest('{Central,East,West}'::text[]) AS r,
         LATERAL (SELECT s + ('1 ' || replace(period, 'quarter', 'month'))::interval * CASE period WHEN 'quarter' THEN 3 ELSE 1 END AS n) AS n,
         LATERAL (SELECT count(*) AS created FROM deal WHERE region = r AND engage_date >= s AND engage_date < n) AS e,
         LATERAL (SELECT count(*) AS closed, count(*) FILTER (WHERE deal.won) AS won, count(*) FILTER (WHERE NOT deal.won) AS lost
                  FROM deal WHERE region = r AND close_date >= s AND close_date < n) AS c,
         LATERAL (SELECT coalesce(sum(close_value), 0) AS amount, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS days
                  FROM deal WHERE region = r AND close_date >= s AND close_date < n AND deal.won) AS x
    ORDER BY 1, 2
$$;
SELECT results_eq(
    format($$SELECT period_start, by_1, created, closed, won, lost, open, win_rate, amount_won, median_cycle_hours / 24
             FROM smarketing.opportunity_win_rate('2016-01-01', '2018-01-08', %L, '{region}') WHERE created + closed + open > 0
             AND period_start < '2018-01-01'$$, p),
    format('SELECT * FROM plain_periods(%L) WHERE created + closed + open > 0', p), 'region by ' || p)
FROM unnest('{week,month,quarter,year}'::text[]) AS p;
-- On the basis created each counts where it was engaged, whenever it closed.
SELECT results_eq(
    format($$SELECT period_start, created, won, lost, open, amount_won, average_won, median_cycle_hours / 24
             FROM smarketing.opportunity_win_rate('2016-10-01', '2018-01-01', %L, options => '{"basis": "created"}')$$, p),
    format($$SELECT date_trunc(%L, engage_date)::date, count(*), count(*) FILTER (WHERE won), count(*) FILTER (WHERE NOT won),
                    count(*) FILTER (WHERE won IS NULL), coalesce(sum(close_value) FILTER (WHERE won), 0), round(avg(close_value) FILTER (WHERE won), 6),
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE won)
             FROM deal WHERE engage_date IS NOT NULL GROUP BY 1 ORDER BY 1$$, p), 'basis created by ' || p)
FROM unnest('{month,quarter}'::text[]) AS p;

-- A range as one period: only what occurs in it, so neither the 500 without a date nor what begins after it.
SELECT results_eq(
    format($$SELECT by_1, by_2, created, won, open FROM smarketing.opportunity_win_rate(%L, %L, 'all', '{account,deal_stage}')$$, since, until),
    format($$SELECT * FROM (
                 SELECT account_name, deal_stage, count(*) FILTER (WHERE engage_date >= %1$L AND engage_date < %2$L) AS created,
                        count(*) FILTER (WHERE deal.won AND close_date >= %1$L AND close_date < %2$L) AS won,
                        count(*) FILTER (WHERE engage_date < %2$L AND (close_date >= %2$L OR deal.won IS NULL)) AS open
                 FROM deal WHERE engage_date < %2$L AND (close_date >= %1$L OR deal.won IS NULL) GROUP BY 1, 2) AS t
             ORDER BY account_name COLLATE "C", deal_stage COLLATE "C"$$, since, until),
    'all from ' || since || ' to ' || until || ' by account and stage')
FROM (VALUES ('2016-10-10', '2016-11-09'), ('2017-02-01', '2017-06-01'), ('2017-12-01', '2018-06-01')) AS v (since, until);

-- The records behind the figures.
SELECT results_eq(
    $$SELECT m.name, count(r.record_id), sum(r.amount) FROM oracle_month AS m CROSS JOIN LATERAL smarketing.kpi_rows('amount_won',
          m.name::timestamptz, (m.name::date + interval '1 month')::timestamptz, max_rows => NULL) AS r GROUP BY 1 ORDER BY 1$$,
    'SELECT name, won::bigint, revenue FROM oracle_month ORDER BY 1', 'kpi_rows: the amount won of each close month');
SELECT results_eq(
    $$SELECT m.name, count(r.record_id) FROM oracle_agent AS m CROSS JOIN LATERAL smarketing.kpi_rows('opportunity_win_rate.lost',
          '2016-01-01', '2018-01-01', jsonb_build_object('owner', m.name), max_rows => NULL) AS r GROUP BY 1 ORDER BY 1$$,
    'SELECT name, lost::bigint FROM oracle_agent ORDER BY 1', 'kpi_rows: the lost of each agent');
SELECT results_eq(
    $$SELECT record_id, at AT TIME ZONE 'Pacific/Kiritimati', entity FROM smarketing.kpi_rows('opportunity_win_rate.won', '2017-03-01', '2017-04-01',
          '{"region": "East"}', max_rows => NULL) ORDER BY 1$$,
    $$SELECT opportunity_id, close_date::timestamp, 'opportunity' FROM deal WHERE won AND region = 'East' AND close_date < '2017-04-01' ORDER BY 1$$,
    'kpi_rows: the very deals won in the East in March');

-- Where the clocks change, a cycle in hours is what the clock measured, and the counts stay.
SELECT results_eq(
    $$SELECT period_start, closed, won, amount_won, median_cycle_hours
      FROM smarketing.opportunity_win_rate('2017-03-01', '2018-01-01', options => '{"time_zone": "Pacific/Auckland"}')$$,
    $$SELECT m.name::date, (m.won + lost)::bigint, m.won::bigint, revenue, percentile_cont(0.5) WITHIN GROUP (ORDER BY
             extract(epoch FROM close_date::timestamp AT TIME ZONE 'Pacific/Auckland' - engage_date::timestamp AT TIME ZONE 'Pacific/Auckland') / 3600.0)
      FROM oracle_month AS m JOIN deal AS d ON d.won AND date_trunc('month', close_date) = m.name::date GROUP BY 1, 2, 3, 4 ORDER BY 1$$,
    'by close month in a zone whose clocks change');

\else
SELECT skip('no shared data', 50);
\endif
SELECT * FROM finish();
