-- retention against plain SQL that joins all rows to the close of every period; examples by hand; and the same bytes however it is computed.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT no_plan();
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;
SET search_path = public, smarketing;
SET work_mem = '64MB';

-- A data set is the arguments of one call, an item one of its rows. Examples have numbers below zero.
CREATE TABLE data_set (ds int PRIMARY KEY, form text, period text, zone text, within interval, as_of timestamptz, key text);
CREATE TABLE item (ds int, customer int, product text, at timestamptz, ends_at timestamptz, amount numeric);
CREATE TABLE example (ds int, what text, movements text, cohorts text);

-- Examples: the rows of a period in one line, as `movement customers amount`; of a cohort as `cohort age: size, customers amount, rates, since`.
INSERT INTO data_set VALUES (-1, 'events', 'month', 'UTC', NULL, NULL, 'bigint');
INSERT INTO item VALUES (-1, 1, 'a', '2024-01-05', NULL, 10), (-1, 2, NULL, '2024-01-31 23:59:59.999999', NULL, 2.5), (-1, 1, 'a', '2024-02-01', NULL, 15), (-1, 1, 'b', '2024-02-02', NULL, 5),
    (-1, 2, NULL, '2024-02-03', NULL, 3), (-1, 2, NULL, '2024-02-03', NULL, 2), (-1, 1, 'a', '2024-04-30', NULL, 7), (-1, 3, 'b', '2024-05-01', NULL, NULL), (-1, NULL, 'a', '2023-01-01', NULL, 99), (-1, 1, 'a', NULL, NULL, 99);
INSERT INTO example VALUES (-1, 'each of the movements, over an empty month',
'2024-01-01: opening 0 0, new 2 12.5, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 12.5
2024-02-01: opening 2 12.5, new 0 0, upsell 1 5, cross_sell 1 5, expansion 1 2.5, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 25
2024-03-01: opening 2 25, new 0 0, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 2 -25, reactivation 0 0, closing 0 0
2024-04-01: opening 0 0, new 0 0, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 1 7, closing 1 7
2024-05-01: opening 1 7, new 1 0, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 1 -7, reactivation 0 0, closing 1 0',
'2024-01-01 0: 2, 2 12.5, 1 1, 2
2024-01-01 1: 2, 2 25, 1 2, 2
2024-01-01 2: 2, 0 0, 0 0, 1
2024-01-01 3: 2, 1 7, 0.5 0.56, 1
2024-01-01 4: 2, 0 0, 0 0, 0
2024-05-01 0: 1, 1 0, 1 NULL, 1');

-- Customer 1: a product below zero goes, which is more of a product that was held. 2: one product for another. 3: below zero, then gone.
-- 4: held for nothing, then for money: an upsell. 5: '' is a product like '(none)'. 6: comes back with a product it had long ago, and with less.
INSERT INTO data_set VALUES (-2, 'events', 'QUARTER', 'UTC', NULL, NULL, 'text');
INSERT INTO item VALUES (-2, 1, 'a', '2023-01-01', NULL, -5), (-2, 1, 'b', '2023-02-01', NULL, 20), (-2, 1, 'b', '2023-06-01', NULL, 20), (-2, 2, 'a', '2023-03-31', NULL, 10), (-2, 2, 'b', '2023-04-01', NULL, 10),
    (-2, 3, 'a', '2023-01-01', NULL, -7), (-2, 4, 'c', '2023-01-01', NULL, 0), (-2, 4, 'c', '2023-05-01', NULL, 3), (-2, 5, '', '2023-01-01', NULL, 1), (-2, 5, '(none)', '2023-04-05', NULL, 1), (-2, 5, '', '2023-04-05', NULL, 1.5),
    (-2, 6, 'a', '2023-01-01', NULL, 8), (-2, 6, 'a', '2023-07-01', NULL, 2), (-2, 6, 'd', '2023-07-01', NULL, -6);
INSERT INTO example VALUES (-2, 'amounts below zero, products that go, come, and are empty',
'2023-01-01: opening 0 0, new 6 27, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 6 27
2023-04-01: opening 6 27, new 0 0, upsell 3 8.5, cross_sell 2 11, contraction 1 -10, churn 2 -1, reactivation 0 0, closing 4 35.5
2023-07-01: opening 4 35.5, new 0 0, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 4 -35.5, reactivation 1 -4, closing 1 -4',
'2023-01-01 0: 6, 6 27, 1 1, 6
2023-01-01 1: 6, 4 35.5, 0.666667 1.314815, 5
2023-01-01 2: 6, 1 -4, 0.166667 -0.148148, 1');

-- Customer 1: between two closes, yet the first month is its month. 2: an end on the close counts, a start does not; more at the change-over.
-- 3: nothing in total is not active. 4: starts as of then; 5: ends before it starts, 7: as it starts. 6: at midnight in Paris, in summer time.
INSERT INTO data_set VALUES (-3, 'subscriptions', 'month', 'Europe/Paris', NULL, '2024-04-15', 'uuid');
INSERT INTO item VALUES (-3, 1, 'a', '2024-01-10', '2024-01-20', 50), (-3, 2, 'a', '2024-01-31 23:00', '2024-02-29 23:00', 30), (-3, 2, 'a', '2024-02-29 23:00', NULL, 45), (-3, 3, NULL, '2024-02-10', NULL, 20),
    (-3, 3, NULL, '2024-03-10', '2024-04-14 23:59:59.999999', -20), (-3, 4, 'b', '2024-04-15', NULL, 10), (-3, 5, 'b', '2024-04-01', '2024-03-01', 10), (-3, 6, 'b', '2024-03-31 22:00', NULL, 12.5), (-3, 7, 'b', '2024-02-01', '2024-02-01', 10),
    (-3, NULL, 'b', '2023-02-01', NULL, 10), (-3, 8, 'b', NULL, NULL, 10);
INSERT INTO example VALUES (-3, 'subscriptions at the close',
'2024-01-01: opening 0 0, new 0 0, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 0 0
2024-02-01: opening 0 0, new 2 50, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 50
2024-03-01: opening 2 50, new 0 0, upsell 1 15, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 1 -20, reactivation 0 0, closing 1 45
2024-04-01: opening 1 45, new 1 12.5, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 1 20, closing 3 77.5',
'2024-02-01 0: 2, 2 50, 1 1, 2
2024-02-01 1: 2, 1 45, 0.5 0.9, 2
2024-02-01 2: 2, 2 65, 1 1.3, 2
2024-04-01 0: 1, 1 12.5, 1 1, 1');

-- A row counts from the first instant of the window on; the last month is that of another customer; two months are no number of days.
INSERT INTO data_set VALUES (-4, 'window', 'month', 'UTC', '2 months', NULL, 'bigint');
INSERT INTO item VALUES (-4, 1, 'a', '2024-01-31', NULL, 10), (-4, 1, 'a', '2024-03-01', NULL, 5), (-4, 2, 'b', '2024-05-31', NULL, 4);
INSERT INTO example VALUES (-4, 'active within two months',
'2024-01-01: opening 0 0, new 1 10, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 10
2024-02-01: opening 1 10, new 0 0, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 10
2024-03-01: opening 1 10, new 0 0, upsell 0 0, cross_sell 0 0, contraction 1 -5, churn 0 0, reactivation 0 0, closing 1 5
2024-04-01: opening 1 5, new 0 0, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 5
2024-05-01: opening 1 5, new 1 4, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 1 -5, reactivation 0 0, closing 1 4',
'2024-01-01 0: 1, 1 10, 1 1, 1
2024-01-01 1: 1, 1 10, 1 1, 1
2024-01-01 2: 1, 1 5, 1 0.5, 1
2024-01-01 3: 1, 1 5, 1 0.5, 1
2024-01-01 4: 1, 0 0, 0 0, 0
2024-05-01 0: 1, 1 4, 1 1, 1');

-- A window shorter than the period: the first row is seen at no close, yet its month is the first one.
INSERT INTO data_set VALUES (-5, 'window', 'month', 'Europe/Paris', '1 day', NULL, 'bigint');
INSERT INTO item VALUES (-5, 1, NULL, '2024-01-10', NULL, 10), (-5, 2, NULL, '2024-02-28 23:00', NULL, 4), (-5, 3, NULL, '2024-02-28 22:59:59.999999', NULL, 8);
INSERT INTO example VALUES (-5, 'active within a day of the month''s end',
'2024-01-01: opening 0 0, new 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 0 0
2024-02-01: opening 0 0, new 1 4, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 4',
'2024-02-01 0: 1, 1 4, 1 1, 1');

-- Havana has its first hour of November 2020 twice: the month begins with the first of them.
INSERT INTO data_set VALUES (-6, 'subscriptions', 'month', 'America/Havana', NULL, '2020-11-02', 'bigint');
INSERT INTO item VALUES (-6, 1, 'a', '2020-11-01 03:59:59.999999', NULL, 1), (-6, 2, 'a', '2020-11-01 04:00', NULL, 2), (-6, 3, 'a', '2020-10-01 04:00', '2020-11-01 04:00', 4), (-6, 4, 'a', '2020-10-01 04:00', '2020-11-01 03:59:59.999999', 8);
INSERT INTO example VALUES (-6, 'a midnight that comes twice',
'2020-10-01: opening 0 0, new 2 5, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 5
2020-11-01: opening 2 5, new 1 2, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 1 -4, reactivation 0 0, closing 2 3',
'2020-10-01 0: 2, 2 5, 1 1, 2
2020-10-01 1: 2, 1 1, 0.5 0.2, 1
2020-11-01 0: 1, 1 2, 1 1, 1');
INSERT INTO data_set VALUES (-7, 'events', 'month', 'America/Havana', NULL, NULL, 'bigint');
INSERT INTO item VALUES (-7, 1, 'a', '2020-11-01 03:59:59.999999', NULL, 1), (-7, 1, 'a', '2020-11-01 04:30', NULL, 2), (-7, 2, 'a', '2020-11-01 05:30', NULL, 3);
INSERT INTO example VALUES (-7, 'both of its hours are in November',
'2020-10-01: opening 0 0, new 1 1, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 1
2020-11-01: opening 1 1, new 1 3, upsell 1 1, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 5',
'2020-10-01 0: 1, 1 1, 1 1, 1
2020-10-01 1: 1, 1 2, 1 2, 1
2020-11-01 0: 1, 1 3, 1 1, 1');

-- Apia had no 30 December 2011; as a date it is there, and nobody is active on it.
INSERT INTO data_set VALUES (-8, 'events', 'day', 'Pacific/Apia', NULL, NULL, 'text');
INSERT INTO item VALUES (-8, 1, 'a', '2011-12-30 09:59:59.999999', NULL, 1), (-8, 1, 'a', '2011-12-30 10:00', NULL, 2);
INSERT INTO example VALUES (-8, 'a day that was left out',
'2011-12-29: opening 0 0, new 1 1, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 1 1
2011-12-30: opening 1 1, new 0 0, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 1 -1, reactivation 0 0, closing 0 0
2011-12-31: opening 0 0, new 0 0, upsell 0 0, cross_sell 0 0, contraction 0 0, churn 0 0, reactivation 1 2, closing 1 2',
'2011-12-29 0: 1, 1 1, 1 1, 1
2011-12-29 1: 1, 0 0, 0 0, 1
2011-12-29 2: 1, 1 2, 1 2, 1');

-- Two subscriptions at once, a product that goes while others stay; an end just before the close of a year and one in it; as of the last year's close.
INSERT INTO data_set VALUES (-9, 'subscriptions', 'year', 'Asia/Kolkata', NULL, '2023-12-31 18:30', 'text');
INSERT INTO item VALUES (-9, 1, 'a', '2020-06-01', '2022-06-01', 5), (-9, 1, 'a', '2021-06-01', NULL, 5), (-9, 1, NULL, '2022-06-01', NULL, 1), (-9, 2, 'b', '2020-12-31 18:29:59', '2021-12-31 18:29:59.999999', 3), (-9, 2, 'b', '2023-12-31 18:29:59.999999', NULL, 3);
INSERT INTO example VALUES (-9, 'overlaps and years',
'2020-01-01: opening 0 0, new 2 8, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 0 0, closing 2 8
2021-01-01: opening 2 8, new 0 0, upsell 1 5, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 1 -3, reactivation 0 0, closing 1 10
2022-01-01: opening 1 10, new 0 0, upsell 0 0, cross_sell 0 0, expansion 1 1, contraction 1 -5, churn 0 0, reactivation 0 0, closing 1 6
2023-01-01: opening 1 6, new 0 0, upsell 0 0, cross_sell 0 0, expansion 0 0, contraction 0 0, churn 0 0, reactivation 1 3, closing 2 9',
'2020-01-01 0: 2, 2 8, 1 1, 2
2020-01-01 1: 2, 1 10, 0.5 1.25, 2
2020-01-01 2: 2, 1 6, 0.5 0.75, 2
2020-01-01 3: 2, 2 9, 1 1.125, 2');

-- Random data sets: 400 of each form, and one of 20,000 rows. Times often lie on the bounds of days and periods, or a microsecond before.
CREATE FUNCTION pick(text[]) RETURNS text VOLATILE LANGUAGE sql AS 'SELECT $1[1 + floor(random() * cardinality($1))::int]';
CREATE FUNCTION step_of(period text) RETURNS interval IMMUTABLE LANGUAGE sql AS $$
    SELECT (CASE lower(period) WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' WHEN 'fiscal_quarter' THEN '3 months' ELSE '1 year' END)::interval $$;
CREATE FUNCTION on_bound(at timestamptz, u float8, period text, zone text) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN u < 0.15 THEN lower(smarketing.period_range(period, at, zone)) WHEN u < 0.25 THEN lower(smarketing.period_range('day', at, zone)) WHEN u < 0.35 THEN date_trunc('day', at, zone)
        WHEN u < 0.45 THEN lower(smarketing.period_range(period, at, zone)) - interval '1 microsecond' WHEN u < 0.5 THEN date_trunc('hour', at) ELSE at END $$;
INSERT INTO data_set
SELECT ds, (ARRAY['events', 'window', 'subscriptions'])[1 + ds % 3], pick('{day,week,month,month,quarter,year,fiscal_quarter,fiscal_year}'), pick('{UTC,Europe/Paris,America/Havana,Pacific/Apia,Asia/Kolkata}'), NULL, NULL, pick('{bigint,uuid,text}')
FROM generate_series(1, 1200) AS ds;
INSERT INTO data_set SELECT ds, (ARRAY['events', 'window', 'subscriptions'])[1 + ds % 3], 'month', 'Europe/Paris', '45 days', '2025-06-15', 'bigint' FROM generate_series(1201, 1203) AS ds;
UPDATE data_set SET within = pick('{1 month,3 months,1 year,2 years,1 day,7 days,8 days,90 days,1 month 15 days,36 hours,90 minutes,1 microsecond}')::interval WHERE form = 'window' AND ds BETWEEN 1 AND 1200;
CREATE TABLE shape AS
SELECT ds, form, period, zone, step_of(period) AS step, pick('{2011-12-20,2020-10-24,2020-03-01,2023-12-20,2024-02-20}')::timestamptz AS base, (2 + random() * random() * CASE WHEN period IN ('day', 'week') THEN 40 ELSE 14 END)::int AS periods,
    (CASE WHEN random() < 0.2 THEN CASE period WHEN 'day' THEN '200 days' WHEN 'week' THEN '3 years' ELSE '7 years' END ELSE '0' END)::interval AS gap,
    (1 + random() * random() * 14)::int AS customers, (1 + random() * random() * 90)::int AS items, pick('{named,null,mixed}') AS products, pick('{coarse,fine}') AS amounts, (random() * 6)::int AS scale
FROM data_set WHERE ds BETWEEN 1 AND 1200;
INSERT INTO shape SELECT ds, form, period, zone, step_of(period), '2023-06-01', 24, '0', 2000, 20000, 'mixed', 'fine', 2 FROM data_set WHERE ds > 1200;
CREATE FUNCTION some_time(s shape) RETURNS timestamptz VOLATILE LANGUAGE sql AS $$
    SELECT on_bound(s.base + floor(random() * s.periods) * s.step + random() * s.step + CASE WHEN random() < 0.4 THEN s.gap ELSE '0' END, random(), s.period, s.zone) $$;
INSERT INTO item
SELECT s.ds, CASE WHEN random() >= 0.03 THEN floor(random() * customers)::int END, CASE WHEN products = 'named' OR products = 'mixed' AND random() < 0.6 THEN pick('{a,b,c,(none),""}') END,
    CASE WHEN random() >= 0.02 THEN some_time(s) END, NULL,
    CASE WHEN random() < 0.04 THEN NULL WHEN random() < 0.1 THEN 0 WHEN amounts = 'coarse' THEN pick('{10,10,20,30,-10,-20}')::numeric ELSE round((random() * 1000 - 200)::numeric, (random() * scale)::int) END
FROM shape AS s, generate_series(1, items);
UPDATE item SET ends_at = CASE WHEN random() < 0.05 THEN at WHEN random() < 0.07 THEN at - random() * step * 2
    ELSE (SELECT on_bound(at + random() * random() * step * 6, random() + 0 * length(at::text), period, zone)) END FROM shape AS s WHERE s.ds = item.ds AND form = 'subscriptions' AND random() < 0.7;
-- A subscription that follows on another one; rows that are there twice.
INSERT INTO item SELECT ds, customer, product, ends_at, CASE WHEN random() < 0.5 THEN ends_at + random() * step * 3 END, amount + (random() * 4)::int * 5 - 10 FROM item JOIN shape USING (ds) WHERE ends_at > at AND random() < 0.3;
INSERT INTO item SELECT item.* FROM item WHERE ds BETWEEN 1 AND 1200 AND random() < 0.04;
UPDATE data_set SET as_of = (SELECT on_bound(s.base + random() * 1.3 * s.periods * s.step + CASE WHEN random() < 0.7 THEN s.gap ELSE '0' END, random() + 0 * s.ds, s.period, s.zone) FROM shape AS s WHERE s.ds = data_set.ds) WHERE form = 'subscriptions' AND ds BETWEEN 1 AND 1200;
CREATE INDEX ON item (ds);
ANALYZE;

-- The reference. The rows that are not skipped, and the periods with their closes.
CREATE TABLE counted AS
SELECT ds, customer, product, at, ends_at, coalesce(amount, 0) AS amount FROM item JOIN data_set USING (ds)
WHERE customer IS NOT NULL AND at IS NOT NULL AND (form <> 'subscriptions' OR amount IS NOT NULL AND at < as_of AND (ends_at > at OR ends_at IS NULL));
CREATE TABLE span AS
SELECT ds, min(smarketing.period_start(period, at, zone)) AS first, CASE form WHEN 'subscriptions' THEN smarketing.period_start(period, as_of - interval '1 microsecond', zone) ELSE max(smarketing.period_start(period, at, zone)) END AS last
FROM counted JOIN data_set USING (ds) GROUP BY ds, form, period, zone, as_of;
-- The first instant from which on clocks show the date or a later one, of those half an hour apart.
CREATE FUNCTION first_instant(on_date date, zone text) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT min(x) FROM generate_series((on_date - 2)::timestamp AT TIME ZONE 'UTC', (on_date + 2)::timestamp AT TIME ZONE 'UTC', '30 minutes') AS x WHERE (x AT TIME ZONE zone)::date >= on_date $$;
CREATE TABLE period_of AS
SELECT ds, (row_number() OVER (PARTITION BY ds ORDER BY p))::int - 1 AS n, p::date AS period_start, (p + step_of(period))::date AS next FROM span JOIN data_set USING (ds), generate_series(first::timestamp, last::timestamp, step_of(period)) AS p;
CREATE TABLE midnight AS SELECT zone, next, first_instant(next, zone) AS instant FROM (SELECT DISTINCT zone, next FROM period_of JOIN data_set USING (ds)) AS d;
CREATE TABLE closed AS
SELECT ds, n, period_start, least(instant, as_of) AS close, CASE WHEN (next - within)::time = '00:00' THEN first_instant((next - within)::date, zone) ELSE (next - within) AT TIME ZONE zone END AS window_start FROM period_of JOIN data_set USING (ds) JOIN midnight USING (zone, next);
CREATE INDEX ON closed (ds, n);
ANALYZE;
-- The planner takes a full join for a few rows.
SET enable_nestloop = off;
-- What each customer holds at each close; which of them are active.
CREATE TABLE held AS
SELECT ds, n, customer, product, sum(amount) AS value FROM data_set JOIN closed USING (ds) JOIN counted USING (ds)
WHERE CASE form WHEN 'events' THEN smarketing.period_start(period, at, zone) = period_start WHEN 'window' THEN at >= window_start AND at < close ELSE at < close AND (ends_at IS NULL OR ends_at >= close) END
GROUP BY ds, n, customer, product;
CREATE TABLE active AS SELECT ds, n, customer, sum(value) AS value FROM held JOIN data_set USING (ds) GROUP BY ds, n, customer, form HAVING form <> 'subscriptions' OR sum(value) <> 0;
CREATE INDEX ON held (ds, n, customer);
CREATE INDEX ON active (ds, n, customer);
CREATE TABLE stayed AS SELECT ds, n, customer FROM active JOIN (SELECT ds, n + 1 AS n, customer FROM active) AS b USING (ds, n, customer);
CREATE TABLE arrival AS SELECT ds, customer, min(n) AS born FROM active GROUP BY ds, customer;
ANALYZE;
-- Movements: of customers that come and go, and of the products of those that stay.
CREATE TABLE moved AS
SELECT ds, n, customer, CASE WHEN b.value IS NULL AND born = n THEN 'new' WHEN b.value IS NULL THEN 'reactivation' ELSE 'churn' END AS movement, coalesce(a.value, 0) - coalesce(b.value, 0) AS amount
FROM active AS a FULL JOIN (SELECT ds, n + 1 AS n, customer, value FROM active) AS b USING (ds, n, customer) JOIN arrival USING (ds, customer)
WHERE a.value IS NULL OR b.value IS NULL
UNION ALL
SELECT ds, n, customer, CASE WHEN d < 0 THEN 'contraction' WHEN no_product THEN 'expansion' WHEN was_held THEN 'upsell' ELSE 'cross_sell' END, d
FROM (SELECT ds, n, customer, no_product, coalesce(a.value, 0) - coalesce(b.value, 0) AS d, b.value IS NOT NULL AS was_held
      FROM (SELECT ds, n, customer, product IS NULL AS no_product, coalesce(product, '') AS product, value FROM held) AS a
      FULL JOIN (SELECT ds, n + 1 AS n, customer, product IS NULL AS no_product, coalesce(product, '') AS product, value FROM held) AS b USING (ds, n, customer, no_product, product)) AS t JOIN stayed USING (ds, n, customer)
WHERE d <> 0;
CREATE TABLE name_of AS SELECT movement, ord::int FROM unnest('{opening,new,upsell,cross_sell,expansion,contraction,churn,reactivation,closing}'::text[]) WITH ORDINALITY AS m (movement, ord);
-- Which kinds of products were seen, among the rows that count at a close, and among all: where that differs, rows of zeros may be there or not.
CREATE TABLE seen AS
SELECT ds, coalesce(bool_or(product IS NOT NULL), false) AS named, coalesce(bool_or(product IS NULL), false) AS nameless FROM held GROUP BY ds;
CREATE TABLE seen_at_all AS SELECT ds, bool_or(product IS NOT NULL) AS named, bool_or(product IS NULL) AS nameless FROM item GROUP BY ds;
CREATE TABLE expected_movements AS
SELECT ds, period_start, movement, coalesce(customers, 0) AS customers, coalesce(amount, 0) AS amount, (row_number() OVER (PARTITION BY ds ORDER BY n, ord))::int AS place
FROM closed CROSS JOIN name_of LEFT JOIN seen USING (ds)
    LEFT JOIN (SELECT ds, n, movement, count(DISTINCT customer) AS customers, sum(amount) AS amount FROM moved GROUP BY ds, n, movement
               UNION ALL SELECT ds, n, 'closing', count(*), sum(value) FROM active GROUP BY ds, n
               UNION ALL SELECT ds, n + 1, 'opening', count(*), sum(value) FROM active GROUP BY ds, n) AS m USING (ds, n, movement)
WHERE CASE WHEN movement IN ('upsell', 'cross_sell') THEN named WHEN movement = 'expansion' THEN nameless ELSE true END;
CREATE TABLE expected_cohorts AS
WITH size AS (SELECT ds, born, count(*) AS cohort_size FROM arrival GROUP BY ds, born),
    cell AS (SELECT ds, born, n, count(*) AS customers, sum(value) AS amount FROM arrival JOIN active USING (ds, customer) GROUP BY ds, born, n),
    final AS (SELECT ds, born, n, count(*) AS leave FROM (SELECT ds, born, customer, max(n) AS n FROM arrival JOIN active USING (ds, customer) GROUP BY ds, born, customer) AS t GROUP BY ds, born, n)
SELECT ds, cohort, n - born AS age, cohort_size, coalesce(cell.customers, 0) AS customers, coalesce(cell.amount, 0) AS amount, coalesce(cell.customers, 0)::float8 / cohort_size AS retention_rate,
    coalesce(cell.amount, 0)::float8 / nullif(first_value(cell.amount) OVER (PARTITION BY ds, born ORDER BY n), 0)::float8 AS amount_rate,
    coalesce(sum(leave) OVER (PARTITION BY ds, born ORDER BY n DESC), 0)::bigint AS customers_since,
    (row_number() OVER (PARTITION BY ds ORDER BY born, n))::int AS place
FROM size JOIN (SELECT ds, n AS born, period_start AS cohort FROM closed) AS c USING (ds, born) JOIN closed USING (ds) LEFT JOIN cell USING (ds, born, n) LEFT JOIN final USING (ds, born, n) WHERE n >= born;
RESET enable_nestloop;
ANALYZE;

-- The aggregate, over all data sets of a form and a type of customer; more says what else is grouped by.
CREATE FUNCTION key_of(key text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE key WHEN 'bigint' THEN '(customer::bigint * 1000003 - 5000000)' WHEN 'uuid' THEN 'md5(customer::text)::uuid'
        ELSE '(CASE customer % 4 WHEN 1 THEN lpad(customer::text, 20, ''x'') WHEN 2 THEN lpad(customer::text, 60, ''y'') WHEN 3 THEN customer::text ELSE repeat(chr(233), customer / 4) END)' END $$;
CREATE FUNCTION call_of(form text, key text, source text, part text DEFAULT '0', order_by text DEFAULT '') RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT format(CASE form WHEN 'events' THEN 'SELECT ds, %2$s AS part, smarketing.retention(%1$s, product, at, amount, period, zone %4$s) AS s FROM %3$s GROUP BY ds, part'
        WHEN 'window' THEN 'SELECT ds, %2$s AS part, smarketing.retention(%1$s, product, at, amount, period, zone, within %4$s) AS s FROM %3$s GROUP BY ds, part'
        ELSE 'SELECT ds, %2$s AS part, smarketing.retention(%1$s, product, at, ends_at, amount, period, zone, as_of %4$s) AS s FROM %3$s GROUP BY ds, part' END, key_of(key), part, source, order_by) $$;
CREATE FUNCTION summaries(grouped_by text DEFAULT '0', order_by text DEFAULT '') RETURNS TABLE (ds int, part int, s smarketing.retention_summary) LANGUAGE plpgsql AS $$
DECLARE form text; key text; BEGIN
    FOREACH form IN ARRAY '{events,window,subscriptions}'::text[] LOOP FOREACH key IN ARRAY '{bigint,uuid,text}'::text[] LOOP
        RETURN QUERY EXECUTE call_of(form, key, format('(SELECT * FROM item JOIN data_set USING (ds) WHERE form = %L AND key = %L) AS i', form, key), grouped_by, order_by);
    END LOOP; END LOOP;
END $$;
CREATE TABLE found AS SELECT * FROM summaries();
CREATE TABLE found_movements AS SELECT ds, period_start, movement, customers, amount, place::int FROM found, LATERAL smarketing.movements(s) WITH ORDINALITY AS m (period_start, movement, customers, amount, place);
CREATE TABLE found_cohorts AS SELECT ds, cohort, age, cohort_size, customers, amount, retention_rate, amount_rate, customers_since, place::int
FROM found, LATERAL smarketing.cohorts(s) WITH ORDINALITY AS c (cohort, age, cohort_size, customers, amount, retention_rate, amount_rate, customers_since, place);
ANALYZE;

-- Examples first: the reference and the aggregate against what was written by hand.
CREATE FUNCTION shown_movements(source regclass, ds int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(line, E''\n'' ORDER BY period_start) FROM (SELECT period_start, period_start || '': '' || string_agg(format(''%%s %%s %%s'', movement, customers, trim_scale(amount)), '', '' ORDER BY place) AS line FROM %s WHERE ds = $1 GROUP BY period_start) AS t', source) INTO result USING ds;
    RETURN result; END $$;
CREATE FUNCTION shown_cohorts(source regclass, ds int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s %%s: %%s, %%s %%s, %%s %%s, %%s'', cohort, age, cohort_size, customers, trim_scale(amount), trim_scale(round(retention_rate::numeric, 6)), coalesce(trim_scale(round(amount_rate::numeric, 6))::text, ''NULL''), customers_since), E''\n'' ORDER BY place) FROM %s WHERE ds = $1', source) INTO result USING ds;
    RETURN result; END $$;
SELECT is(shown_movements('expected_movements', ds), movements, 'the reference: ' || what) FROM example ORDER BY ds DESC;
SELECT is(shown_cohorts('expected_cohorts', ds), cohorts, 'the reference, cohorts: ' || what) FROM example ORDER BY ds DESC;
SELECT is(shown_movements('found_movements', ds), movements, what) FROM example ORDER BY ds DESC;
SELECT is(shown_cohorts('found_cohorts', ds), cohorts, 'cohorts: ' || what) FROM example ORDER BY ds DESC;

-- All data sets, both ways. That there is something to compare, of each kind, comes first.
SELECT cmp_ok(count(*), '>=', 300::bigint, format('%s data sets of %s with rows', count(*), form)) FROM span JOIN data_set USING (ds) WHERE ds > 0 GROUP BY form ORDER BY form;
SELECT cmp_ok(count(*), '>', CASE WHEN movement = 'expansion' THEN 60 ELSE 100 END::bigint, format('%s rows of %s, %s', count(*), form, movement)) FROM expected_movements JOIN data_set USING (ds) WHERE amount <> 0 AND ds <= 1200 GROUP BY form, movement ORDER BY form, movement;
CREATE VIEW comparable AS SELECT f.* FROM found_movements AS f LEFT JOIN seen USING (ds) LEFT JOIN seen_at_all AS a USING (ds)
WHERE NOT (f.customers = 0 AND f.amount = 0 AND CASE WHEN movement IN ('upsell', 'cross_sell') THEN a.named AND seen.named IS NOT TRUE WHEN movement = 'expansion' THEN a.nameless AND seen.nameless IS NOT TRUE ELSE false END);
SELECT is_empty(format('SELECT m.* FROM (%s EXCEPT ALL %s) AS m JOIN data_set USING (ds) WHERE form = %L ORDER BY ds, period_start LIMIT 5', a, b, form), format('movements of %s, %s', form, what))
FROM (VALUES ('events'), ('window'), ('subscriptions')) AS f (form), (VALUES ('SELECT ds, period_start, movement, customers, amount FROM expected_movements', 'SELECT ds, period_start, movement, customers, amount FROM comparable', 'missing'),
    ('SELECT ds, period_start, movement, customers, amount FROM comparable', 'SELECT ds, period_start, movement, customers, amount FROM expected_movements', 'too many')) AS d (a, b, what);
SELECT is_empty(format('SELECT m.* FROM (%s EXCEPT ALL %s) AS m JOIN data_set USING (ds) WHERE form = %L ORDER BY ds, cohort, age LIMIT 5', a, b, form), format('cohorts of %s, %s', form, what))
FROM (VALUES ('events'), ('window'), ('subscriptions')) AS f (form), (VALUES ('found_cohorts', 'expected_cohorts', 'too many'), ('expected_cohorts', 'found_cohorts', 'missing')) AS d (x, y, what),
    LATERAL (SELECT format('SELECT ds, cohort, age, cohort_size, customers, amount, retention_rate, customers_since, place FROM %s', x) AS a, format('SELECT ds, cohort, age, cohort_size, customers, amount, retention_rate, customers_since, place FROM %s', y) AS b) AS q;
SELECT is_empty('SELECT ds, cohort, age, f.amount_rate, e.amount_rate FROM found_cohorts AS f JOIN expected_cohorts AS e USING (ds, cohort, age)
    WHERE (f.amount_rate IS NULL) <> (e.amount_rate IS NULL) OR abs(f.amount_rate - e.amount_rate) > 1e-12 * greatest(1, abs(e.amount_rate)) LIMIT 5', 'amount_rate');
SELECT is_empty('SELECT * FROM (SELECT ds, place, lag(place) OVER w AS before FROM (SELECT ds, period_start, ord, place FROM found_movements LEFT JOIN name_of USING (movement)) AS t WINDOW w AS (PARTITION BY ds ORDER BY period_start, ord)) AS t
    WHERE place <> coalesce(before, 0) + 1 LIMIT 5', 'movements are in order');

-- What holds of every result by itself.
CREATE VIEW bridge AS SELECT ds, period_start, max(amount) FILTER (WHERE movement = 'opening') AS opening, max(amount) FILTER (WHERE movement = 'closing') AS closing, sum(amount) FILTER (WHERE movement <> 'closing') AS sum,
    max(customers) FILTER (WHERE movement = 'opening') AS customers_opening, max(customers) FILTER (WHERE movement = 'closing') AS customers_closing,
    sum(CASE WHEN movement IN ('opening', 'new', 'reactivation') THEN customers WHEN movement = 'churn' THEN -customers END) AS customers_sum, min(customers) AS least, max(amount) FILTER (WHERE movement = 'contraction') AS contraction,
    min(amount) FILTER (WHERE movement IN ('upsell', 'cross_sell', 'expansion')) AS gained FROM found_movements GROUP BY ds, period_start;
SELECT is_empty('SELECT * FROM bridge WHERE closing <> sum OR customers_closing <> customers_sum OR least < 0 OR contraction > 0 OR gained < 0 LIMIT 5', 'movements close');
SELECT is_empty('SELECT * FROM (SELECT *, lag(closing, 1, 0::numeric) OVER w AS a, lag(customers_closing, 1, 0::bigint) OVER w AS c FROM bridge WINDOW w AS (PARTITION BY ds ORDER BY period_start)) AS t WHERE opening <> a OR customers_opening <> c LIMIT 5', 'each opens as the one before has closed');
SELECT is_empty('SELECT ds, period_start, customers_closing, c.customers, closing, c.amount FROM bridge JOIN period_of USING (ds, period_start)
    JOIN (SELECT ds, p.n + age AS n, sum(customers) AS customers, sum(amount) AS amount FROM found_cohorts JOIN period_of AS p USING (ds) WHERE p.period_start = cohort GROUP BY ds, p.n + age) AS c USING (ds, n) WHERE c.customers <> customers_closing OR c.amount <> closing LIMIT 5', 'the cohorts add up to the close');
SELECT is_empty('SELECT * FROM (SELECT *, lag(customers_since) OVER (PARTITION BY ds, cohort ORDER BY age) AS before FROM found_cohorts) AS t WHERE customers_since < customers OR customers_since > coalesce(before, cohort_size) OR customers > cohort_size LIMIT 5', 'customers_since falls, and is no less than customers');

-- The same bytes: merged, in another order of rows, read again.
SELECT is_empty($$SELECT ds, a.s, b.s FROM (SELECT ds, smarketing.merge(s) AS s FROM summaries('coalesce(customer % 3, 0)') GROUP BY ds) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3$$, 'merged from three parts');
SELECT is_empty($$SELECT ds, a.s, b.s FROM (SELECT ds, smarketing.merge(s ORDER BY part DESC) AS s FROM summaries('coalesce(customer, 0)') GROUP BY ds) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3$$, 'merged from each customer, the other way');
SELECT is_empty(format('SELECT ds, a.s, b.s FROM summaries(order_by => %L) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', o), o) FROM unnest('{ORDER BY at DESC,"ORDER BY product, amount, customer DESC","ORDER BY customer, ends_at DESC, at"}'::text[]) AS o;
SET enable_hashagg = off;
SELECT is_empty('SELECT ds, a.s, b.s FROM summaries() AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', 'in sorted groups');
RESET enable_hashagg;
SELECT is_empty('SELECT ds, s FROM found WHERE s::text::smarketing.retention_summary::text <> s::text LIMIT 3', 'text is read again');
SELECT is_empty('SELECT ds FROM (SELECT ds, s::text::smarketing.retention_summary AS s FROM found) AS f, LATERAL (SELECT ds AS d, count(*), sum(amount * customers) FROM smarketing.movements(s)) AS m
    EXCEPT ALL SELECT ds FROM (SELECT ds, count(*), sum(amount * customers) FROM found_movements GROUP BY ds UNION ALL SELECT ds, 0, NULL FROM found WHERE ds NOT IN (SELECT ds FROM found_movements)) AS t', 'and means the same');
SELECT current_setting('data_directory') || '/retention.bin' AS file \gset
COPY (SELECT ds, s FROM found) TO :'file' (FORMAT binary);
CREATE TABLE found_again (ds int, s smarketing.retention_summary);
COPY found_again FROM :'file' (FORMAT binary);
SELECT is_empty('SELECT ds FROM found_again AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', 'binary is read again');

-- Empty input, and input without rows that count.
SELECT is((SELECT smarketing.retention(customer::bigint, product, at, amount, 'month', 'UTC') FROM item WHERE false)::text, NULL, 'no row, no summary');
SELECT is((SELECT smarketing.retention(customer::text, product, at, amount, 'month', 'UTC', '1 month') FROM item WHERE false)::text, NULL, 'with a window');
SELECT is((SELECT smarketing.retention(customer::text, product, at, ends_at, amount, 'month', 'UTC', now()) FROM item WHERE false)::text, NULL, 'no subscription, no summary');
SELECT is((SELECT smarketing.merge(s) FROM found WHERE false)::text, NULL, 'nothing merged is nothing');
SELECT is((SELECT smarketing.merge(s) FROM (VALUES (NULL::smarketing.retention_summary)) AS n (s))::text, NULL, 'nor is NULL');
SELECT is_empty('SELECT * FROM smarketing.movements(NULL)', 'no summary, no movements');
SELECT is_empty('SELECT * FROM smarketing.cohorts(NULL)', 'no summary, no cohorts');
SELECT is_empty($$SELECT m.* FROM (SELECT smarketing.retention(NULL::bigint, 'a', now(), 1, 'month', 'UTC') AS a, smarketing.retention(1::bigint, 'a', NULL, 1, 'month', 'UTC') AS b, smarketing.retention(1::bigint, 'a', now(), NULL, 1, 'month', 'UTC', now()) AS c) AS t,
    LATERAL (SELECT amount FROM smarketing.movements(a) UNION ALL SELECT amount FROM smarketing.movements(b) UNION ALL SELECT amount FROM smarketing.movements(c) UNION ALL SELECT amount FROM smarketing.cohorts(a)) AS m$$, 'rows that are skipped have no movements');

-- FILTER; running, in a window; in a subplan that is run again.
CREATE TABLE few AS SELECT row_number() OVER () AS id, customer, product, at, ends_at, amount, period, zone, as_of, within FROM item JOIN data_set USING (ds) WHERE ds = 1203 AND customer < 20 AND at IS NOT NULL;
SELECT is((SELECT smarketing.retention(customer::bigint, product, at, amount, 'week', zone) FILTER (WHERE product = 'a')::text FROM few), (SELECT smarketing.retention(customer::bigint, product, at, amount, 'week', zone)::text FROM few WHERE product = 'a'), 'with a filter');
SELECT is((SELECT count(*) FROM few WHERE customer % 2 = 0) > 50, true, 'enough rows for windows');
SELECT is_empty(format($f$SELECT id FROM (SELECT id, %1$s OVER (PARTITION BY customer %% 2 ORDER BY at, id)::text AS f, (SELECT %1$s::text FROM few AS b WHERE b.customer %% 2 = a.customer %% 2 AND (b.at, b.id) <= (a.at, a.id)) AS g FROM few AS a) AS t WHERE f IS DISTINCT FROM g$f$, call), 'OVER (PARTITION BY ORDER BY): ' || call)
FROM unnest(ARRAY['smarketing.retention(customer::bigint, product, at, amount, ''month'', ''UTC'')', 'smarketing.retention(customer::text, product, at, amount, ''quarter'', ''UTC'', interval ''45 days'')', 'smarketing.retention(customer::bigint, product, at, ends_at, amount, ''month'', ''UTC'', timestamptz ''2025-01-01'')']) AS call;
SELECT is_empty($$SELECT id FROM (SELECT id, smarketing.merge(s) OVER (ORDER BY customer)::text AS f, (SELECT smarketing.retention(b.customer::bigint, product, at, amount, 'month', 'UTC')::text FROM few AS b WHERE b.customer <= t.customer) AS g
    FROM (SELECT customer AS id, customer, smarketing.retention(customer::bigint, product, at, amount, 'month', 'UTC') AS s FROM few GROUP BY customer) AS t) AS u WHERE f IS DISTINCT FROM g$$, 'merge OVER (ORDER BY)');

-- Whatever the key, the movements are the same; so are they with a window of just the month, where no clock is changed at midnight.
SELECT is_empty(format('(%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)', format('SELECT * FROM smarketing.movements((SELECT smarketing.retention(%s, product, at, amount, ''month'', ''Europe/Paris'') FROM item WHERE ds = 1201))', key_of('bigint')),
    format('SELECT * FROM smarketing.movements((SELECT smarketing.retention(%s, product, at, amount, ''month'', ''Europe/Paris'' %s) FROM item WHERE ds = 1201))', key_of(key), within)), key || ' ' || within)
FROM (VALUES ('uuid', ''), ('text', ''), ('bigint', ', interval ''1 month''')) AS v (key, within);

-- Arguments that do not do: two rows, which differ from the usual ones in what is named.
CREATE FUNCTION error_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE hint text; detail text; result text; BEGIN EXECUTE query INTO result; RETURN 'no error'; EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL; RETURN concat_ws(' ', SQLSTATE, SQLERRM, detail, hint); END $$;
CREATE TYPE args AS (at timestamptz, ends_at timestamptz, amount numeric, period text, zone text, within interval, as_of timestamptz);
CREATE FUNCTION call(form text, args jsonb) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT format('SELECT %s FROM jsonb_populate_recordset((''2024-01-05'', NULL, 1, ''month'', ''UTC'', ''1 month'', ''2025-01-01'')::args, %L)', CASE form
        WHEN 'events' THEN 'smarketing.retention(1::bigint, ''a'', at, amount, period, zone)' WHEN 'window' THEN 'smarketing.retention(1::bigint, ''a'', at, amount, period, zone, within)'
        ELSE 'smarketing.retention(1::bigint, ''a'', at, ends_at, amount, period, zone, as_of)' END, args) $$;
SELECT matches(error_of(call(form, args::jsonb)), '^' || error, format('%s: %s', form, args)) FROM (VALUES ('events'), ('window'), ('subscriptions')) AS f (form), (VALUES
    ('[{}, {}]', 'no error'),
    ('[{"period": "decade"}, {"period": "decade"}]', '22023 .*"decade".*day, week, month, quarter, year'), ('[{"period": ""}, {"period": ""}]', '22023 .*day, week, month, quarter, year'),
    ('[{"zone": "Mars/Olympus"}, {"zone": "Mars/Olympus"}]', '22023 time zone "Mars/Olympus" not recognized'), ('[{"zone": ""}, {"zone": ""}]', '22023 '),
    ('[{"period": "week"}, {}]', '22023 argument "period" must be the same for all rows'), ('[{}, {"zone": "Europe/Paris"}]', '22023 argument "time_zone" must be the same for all rows'),
    ('[{"period": null}, {"period": null}]', '22004 .*"period"'), ('[{}, {"period": null}]', '22004 .*"period"'), ('[{"zone": null}, {"zone": null}]', '22004 .*"time_zone"'), ('[{}, {"zone": null}]', '22004 .*"time_zone"'),
    ('[{"at": "infinity"}, {}]', '22008 '), ('[{}, {"at": "-infinity"}]', '22008 '), ('[{"amount": "NaN"}, {}]', '22003 '), ('[{}, {"amount": "NaN"}]', '22003 '), ('[{"amount": "Infinity"}, {}]', '22003 '), ('[{}, {"amount": "-Infinity"}]', '22003 ')) AS a (args, error);
SELECT matches(error_of(call('window', args::jsonb)), '^' || error, 'active_within: ' || args) FROM (VALUES
    ('[{"within": "0"}, {"within": "0"}]', '22023 .*"active_within"'), ('[{"within": "-1 day"}, {"within": "-1 day"}]', '22023 .*"active_within"'), ('[{"within": "-3 months"}, {"within": "-3 months"}]', '22023 .*"active_within"'),
    ('[{}, {"within": "2 months"}]', '22023 argument "active_within" must be the same for all rows'), ('[{}, {"within": "30 days"}]', '22023 argument "active_within" must be the same for all rows')) AS a (args, error);
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN matches(error_of(call('window', '[{"within": "infinity"}, {"within": "infinity"}]')), '^22023 .*"active_within"', 'active_within: infinite') ELSE skip('intervals are finite before PostgreSQL 17', 1) END;
SELECT matches(error_of(call('subscriptions', args::jsonb)), '^' || error, 'as_of: ' || args) FROM (VALUES
    ('[{"as_of": null}, {"as_of": null}]', '22004 .*"as_of"'), ('[{}, {"as_of": null}]', '22004 .*"as_of"'), ('[{}, {"as_of": "2025-01-01 00:00:00.000001"}]', '22023 argument "as_of" must be the same for all rows'),
    ('[{"as_of": "infinity"}, {"as_of": "infinity"}]', '22(008|023) '), ('[{"as_of": "-infinity"}, {"as_of": "-infinity"}]', '22(008|023) '),
    ('[{"ends_at": "2024-01-01"}, {"ends_at": "2024-01-05"}]', 'no error')) AS a (args, error);
-- An infinite end is an open one, or it is refused; it is nothing else.
CREATE FUNCTION movements_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN EXECUTE 'SELECT string_agg(format(''%s %s %s %s'', period_start, movement, customers, trim_scale(amount)), '', '') FROM smarketing.movements((' || query || '))' INTO result; RETURN result; END $$;
SELECT ok(CASE WHEN error_of(call('subscriptions', '[{"ends_at": "infinity"}, {}]')) ~ '^22008' THEN true ELSE movements_of(call('subscriptions', '[{"ends_at": "infinity"}, {}]')) = movements_of(call('subscriptions', '[{}, {}]')) END, 'an infinite end');
SELECT ok(CASE WHEN error_of(call('subscriptions', '[{"ends_at": "-infinity"}, {}]')) ~ '^22008' THEN true ELSE movements_of(call('subscriptions', '[{"ends_at": "-infinity"}, {}]')) = movements_of(call('subscriptions', '[{}]')) END, 'an end before all time');
SELECT is(movements_of(call('subscriptions', '[{"ends_at": "2023-01-01"}, {"ends_at": "2024-01-05"}, {"at": "2024-12-30"}]')), '2024-12-01 opening 0 0, 2024-12-01 new 1 1, 2024-12-01 upsell 0 0, 2024-12-01 cross_sell 0 0, 2024-12-01 contraction 0 0, 2024-12-01 churn 0 0, 2024-12-01 reactivation 0 0, 2024-12-01 closing 1 1', 'what ends before it starts, or as it does, is not there');

-- Merge refuses what does not go together.
SELECT matches(error_of(format('SELECT smarketing.merge(s) FROM ((%s) UNION ALL (%s)) AS t (s)', a, b)), '^22', 'merge refuses other ' || what) FROM (VALUES
    ('forms', call('events', '[{}]'), call('window', '[{}]')), ('forms, too', call('events', '[{}]'), call('subscriptions', '[{}]')), ('forms, either way', call('subscriptions', '[{}]'), call('window', '[{}]')),
    ('periods', call('events', '[{}]'), call('events', '[{"period": "quarter"}]')), ('zones', call('events', '[{}]'), call('events', '[{"zone": "Europe/Paris"}]')), ('windows', call('window', '[{}]'), call('window', '[{"within": "2 months"}]')),
    ('windows of as many days', call('window', '[{}]'), call('window', '[{"within": "30 days"}]')), ('times', call('subscriptions', '[{}]'), call('subscriptions', '[{"as_of": "2025-01-02"}]'))) AS v (what, a, b);
SELECT matches(error_of(format('SELECT %L::smarketing.retention_summary', v)), '^22P02 ', 'not a summary: ' || v) FROM unnest(ARRAY['', 'x', '\x', '\x00', '\x01', '\xff00']) AS v;
-- Bytes that are cut short or changed are refused or are a summary; none ends the server.
CREATE FUNCTION mutated(s text, n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN n < 200 THEN left(s, (n * 7919) % length(s)) ELSE overlay(s PLACING substr(md5(n::text), 1, 1 + n % 4) FROM 3 + (n * 7919) % greatest(length(s) - 6, 1)) END $$;
SET statement_timeout = '20s';
SELECT ok(bool_and(e ~ '^(no error|22|54|XX001)'), format('%s of %s mutations are refused', count(*) FILTER (WHERE e <> 'no error'), count(*)))
FROM (SELECT error_of(format('SELECT (SELECT sum(customers) FROM smarketing.movements(s)) + (SELECT sum(customers) FROM smarketing.cohorts(s)) FROM (SELECT %L::smarketing.retention_summary AS s) AS t', mutated(s::text, n))) AS e FROM found, generate_series(1, 600) AS n WHERE ds IN (-1, -3, -4)) AS t;
RESET statement_timeout;

-- The limits. 20,000 periods are in, one more is not.
CREATE FUNCTION span_call(form text, days int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT call(form, format('[{"period": "day", "within": "1 day", "as_of": "%2$s", "at": "1970-01-01"}, {"period": "day", "within": "1 day", "as_of": "%2$s", "at": "%1$s"}]', date '1970-01-01' + days - 1, date '1970-01-01' + days)::jsonb) $$;
SELECT results_eq(format('SELECT count(*), max(period_start), count(*) FILTER (WHERE amount <> 0 AND movement = ''closing'') FROM smarketing.movements((%s))', span_call(form, 20000)), format('SELECT 20000 * 8::bigint, date ''1970-01-01'' + 19999, %s::bigint', CASE form WHEN 'subscriptions' THEN 20000 ELSE 2 END), '20,000 days of ' || form)
FROM (VALUES ('events'), ('window'), ('subscriptions')) AS f (form);
SELECT matches(error_of(format('SELECT count(*) FROM smarketing.movements((%s))', span_call(form, days))), '^54000 ', format('%s days of %s', days, form)) FROM (VALUES ('events'), ('window'), ('subscriptions')) AS f (form), (VALUES (20001), (1000000)) AS d (days);
SELECT matches(error_of(format('SELECT count(*) FROM smarketing.movements((SELECT smarketing.merge(s) FROM ((%s) UNION ALL (%s)) AS t (s)))', call('events', '[{"period": "day", "at": "1900-01-01"}]'), call('events', '[{"period": "day"}]'))), '^54000 ', 'nor do parts make more');
SELECT is(movements_of(call('events', '[{"at": "2400-06-01 BC", "period": "year"}, {"at": "2400-06-01 BC", "period": "year"}]')), '2400-01-01 BC opening 0 0, 2400-01-01 BC new 1 2, 2400-01-01 BC upsell 0 0, 2400-01-01 BC cross_sell 0 0, 2400-01-01 BC contraction 0 0, 2400-01-01 BC churn 0 0, 2400-01-01 BC reactivation 0 0, 2400-01-01 BC closing 1 2', 'long ago');
-- Long and odd products, amounts of many digits.
CREATE FUNCTION shown(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN EXECUTE 'SELECT string_agg(format(''%s %s %s'', movement, customers, trim_scale(amount)), '', '') FROM smarketing.movements((' || query || ')) WHERE customers <> 0 OR movement ~ ''sell|expansion'' ' INTO result; RETURN result; END $$;
CREATE TABLE odd (c int, product text, at timestamptz, amount numeric);
INSERT INTO odd VALUES (1, repeat('long', 262144), '2024-01-01', 1), (1, repeat('long', 262144), '2024-02-01', 3), (1, repeat('long', 262143) || 'lone', '2024-02-01', 5);
SELECT is(shown('SELECT smarketing.retention(c::bigint, product, at, amount, ''month'', ''UTC'') FROM odd'), 'new 1 1, upsell 0 0, cross_sell 0 0, closing 1 1, opening 1 1, upsell 1 2, cross_sell 1 5, closing 1 8', 'products of 1 MB that differ at the end');
SELECT is(shown('SELECT smarketing.retention(repeat(''c'', 1000000), product, at, ''2024-03-01'', amount, ''month'', ''UTC'', ''2024-03-01'') FROM odd'), 'new 1 1, upsell 0 0, cross_sell 0 0, closing 1 1, opening 1 1, upsell 1 3, cross_sell 1 5, closing 1 9', 'and a customer of 1 MB');
SELECT is(shown($$SELECT smarketing.retention(1::bigint, product, at::timestamptz, amount, 'month', 'UTC') FROM (VALUES ('(none)', '2024-01-01', 1), ('(none)', '2024-02-01', 2), ('', '2024-02-01', 3)) AS v (product, at, amount)$$), 'new 1 1, upsell 0 0, cross_sell 0 0, closing 1 1, opening 1 1, upsell 1 1, cross_sell 1 3, closing 1 5', '(none) is a product');
CREATE TABLE digits AS SELECT n, CASE WHEN n < 30 THEN 123456789012345678901234.567891 ELSE 987654321098765432109876543210 + 0.000001 * n END AS x, timestamptz '2024-01-01' + n * interval '1 day' AS at FROM generate_series(0, 59) AS n;
SELECT is(shown('SELECT smarketing.retention(n::bigint % 2, NULL, at, x, ''month'', ''UTC'') FROM digits'), format('new 2 %s, expansion 0 0, closing 2 %1$s, opening 2 %1$s, expansion 2 %s, closing 2 %s', a, b - a, b), 'amounts of 30 digits, to the last one')
FROM (SELECT trim_scale(sum(x) FILTER (WHERE n < 31)) AS a, trim_scale(sum(x) FILTER (WHERE n >= 31)) AS b FROM digits) AS t;
SELECT is(shown($$SELECT smarketing.retention(1::bigint, 'a', at::timestamptz, amount, 'month', 'UTC') FROM (VALUES ('2024-01-01', 1e-18), ('2024-01-01', 9223372036854775807), ('2024-01-01', 9223372036854775807), ('2024-02-01', 9223372036854775807), ('2024-02-01', -9223372036854775808)) AS v (at, amount)$$),
    'new 1 18446744073709551614.000000000000000001, upsell 0 0, cross_sell 0 0, closing 1 18446744073709551614.000000000000000001, opening 1 18446744073709551614.000000000000000001, upsell 0 0, cross_sell 0 0, contraction 1 -18446744073709551615.000000000000000001, closing 1 -1', 'sums that 64 bits do not hold');
-- One customer with 100,000 rows, and with 100,000 products.
SET statement_timeout = '5s';
SELECT is(shown('SELECT smarketing.retention(1::bigint, ''a'', timestamptz ''2024-01-01'' + n * interval ''1 minute'', 0.01, ''quarter'', ''UTC'') FROM generate_series(0, 99999) AS n'), 'new 1 1000, upsell 0 0, cross_sell 0 0, closing 1 1000', '100,000 rows of a customer');
SELECT is(shown('SELECT smarketing.retention(1::bigint, CASE n % 2 WHEN 0 THEN ''a'' END, timestamptz ''2024-01-01'' + n * interval ''1 minute'', 0.01, ''year'', ''UTC'', interval ''1 year'') FROM generate_series(0, 99999) AS n'), 'new 1 1000, upsell 0 0, cross_sell 0 0, expansion 0 0, closing 1 1000', 'in a window');
SELECT is(shown('SELECT smarketing.retention(1::bigint, ''a'', timestamptz ''2024-01-01'' + n * interval ''1 minute'', NULL, 0.01, ''year'', ''UTC'', ''2025-01-01'') FROM generate_series(0, 99999) AS n'), 'new 1 1000, upsell 0 0, cross_sell 0 0, closing 1 1000', 'of subscriptions');
SELECT is((SELECT count(*) FROM smarketing.movements((SELECT smarketing.retention(1::bigint, 'a', timestamptz '2000-01-01' + n * interval '1 hour', 0.01, 'day', 'UTC', interval '90 days') FROM generate_series(0, 99999) AS n)) WHERE movement = 'closing' AND amount = 0.01 * 24 * 90), 4077::bigint, 'over 4,167 days, 90 at a time');
SELECT is(shown('SELECT smarketing.retention(1::bigint, ''product '' || n % 100000, timestamptz ''2024-01-01'' + n / 100000 * interval ''32 days'', 1 + n / 100000, ''month'', ''UTC'') FROM generate_series(0, 199999) AS n'), 'new 1 100000, upsell 0 0, cross_sell 0 0, closing 1 100000, opening 1 100000, upsell 1 100000, cross_sell 0 0, closing 1 200000', '100,000 products of a customer');
SELECT is(shown('SELECT smarketing.retention(1::bigint, ''product '' || n, timestamptz ''2024-01-01'' + n / 50000 * interval ''32 days'', 1, ''month'', ''UTC'') FROM generate_series(0, 99999) AS n'), 'new 1 50000, upsell 0 0, cross_sell 0 0, closing 1 50000, opening 1 50000, upsell 0 0, cross_sell 1 50000, contraction 1 -50000, closing 1 50000', 'which change altogether');
SELECT is(shown('SELECT smarketing.retention(1::bigint, ''product '' || n, timestamptz ''2024-01-01'' + n % 2 * interval ''32 days'', NULL, 1, ''month'', ''UTC'', ''2024-03-01'') FROM generate_series(0, 99999) AS n'), 'new 1 50000, upsell 0 0, cross_sell 0 0, closing 1 50000, opening 1 50000, upsell 0 0, cross_sell 1 50000, closing 1 100000', 'of subscriptions');
RESET statement_timeout;

-- 1,000,000 rows: in memory, moved out at 64 kB, and with workers the same bytes.
CREATE UNLOGGED TABLE big AS
SELECT *, CASE WHEN customer % 4 > 0 THEN at + random() * random() * interval '400 days' END AS ends_at
FROM (SELECT (random() * random() * 60000)::bigint AS customer, CASE WHEN random() < 0.8 THEN 'product ' || (random() * random() * 20)::int END AS product, timestamptz '2022-01-01' + random() * interval '900 days' AS at, round((random() * 300 - 20)::numeric, (random() * 3)::int) AS amount, (random() * 3)::int AS part
      FROM generate_series(1, 1000000)) AS t;
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
CREATE FUNCTION bytes(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN EXECUTE format('SELECT md5(string_agg(f::text, '' '' ORDER BY k)) FROM (%s) AS t (k, f)', query) INTO result; RETURN result; END $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
CREATE TABLE query AS SELECT * FROM (VALUES
    ('events', 'SELECT 1, smarketing.retention(customer, product, at, amount, ''month'', ''Europe/Paris'') FROM big'),
    ('a window, by part, uuid', 'SELECT part, smarketing.retention(lpad(to_hex(customer), 32, ''0'')::uuid, product, at, amount, ''quarter'', ''UTC'', interval ''1 year'') FROM big GROUP BY part'),
    ('subscriptions, text keys of all lengths', 'SELECT 1, smarketing.retention(CASE WHEN customer < 1000 THEN repeat(''long'', 9) WHEN customer % 2 = 0 THEN ''sixteen or more bytes'' ELSE '''' END || customer, product, at, ends_at, amount, ''month'', ''UTC'', timestamptz ''2024-06-15'') FROM big')) AS q (what, query);
SET max_parallel_workers_per_gather = 0; SET work_mem = '1GB'; SET hash_mem_multiplier = 1;
CREATE TABLE expected AS SELECT what, query, bytes(query) AS b FROM query;
SELECT is(count(DISTINCT b), 3::bigint, 'three answers') FROM expected;
-- Some closes by plain SQL, as a check on what all the others are equal to.
CREATE FUNCTION plain(month date) RETURNS TABLE (customers bigint, amount numeric) LANGUAGE sql AS $$
    SELECT count(*), coalesce(sum(m), 0) FROM (SELECT sum(amount) AS m FROM big WHERE at < least(month + interval '1 month', '2024-06-15') AND (ends_at IS NULL OR ends_at >= least(month + interval '1 month', '2024-06-15') AND ends_at > at) GROUP BY customer HAVING sum(amount) <> 0) AS t $$;
SELECT results_eq($$SELECT period_start, customers, amount FROM smarketing.movements((SELECT smarketing.retention(customer, product, at, ends_at, amount, 'month', 'UTC', timestamptz '2024-06-15') FROM big)) WHERE movement = 'closing' AND period_start IN ('2022-01-01', '2023-07-01', '2024-06-01')$$,
    $$SELECT m, p.* FROM unnest('{2022-01-01,2023-07-01,2024-06-01}'::date[]) AS m, plain(m) AS p$$, 'at some closes as by plain SQL');
SET work_mem = '64kB';
SELECT is(bytes(query), b, what || ', moved out at 64 kB') FROM expected;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT matches(plan_of(query), 'Finalize.*Gather.*Partial', what || ' has a parallel plan') FROM expected;
SELECT is(bytes(query), b, what || ', moved out by workers') FROM expected;
SET work_mem = '512MB';
SELECT is(bytes(query), b, what || ', with workers in memory') FROM expected;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE by_part AS SELECT part, smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris') AS f FROM big WHERE customer < 5000 GROUP BY part;
SELECT is(md5((SELECT smarketing.merge(f)::text FROM (SELECT smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris') AS f FROM big GROUP BY customer % 97) AS t)), b, 'merged from parts') FROM expected WHERE what = 'events';
CREATE TABLE by_customer AS SELECT customer % 50 AS part, smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris') AS f FROM big WHERE customer < 5000 GROUP BY customer % 50;
ANALYZE by_customer;
SET max_parallel_workers_per_gather = 2;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_customer'), 'Finalize.*Gather.*Partial', 'merge has a parallel plan');
SELECT is((SELECT smarketing.merge(f)::text FROM by_customer), (SELECT smarketing.merge(f ORDER BY part DESC)::text FROM by_customer), 'and gives the same');
SET max_parallel_workers_per_gather = 0; SET work_mem = '64kB'; SET enable_hashagg = off;
SELECT is(bytes(query), b, what || ', in sorted groups') FROM expected WHERE query ~ 'GROUP BY';
RESET work_mem; RESET enable_hashagg;
SELECT is((SELECT smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris') FILTER (WHERE part = 2)::text FROM big WHERE customer < 5000), (SELECT f::text FROM by_part WHERE part = 2), 'with a filter, as in a group');
CREATE TABLE divided (LIKE big) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 3) AS n \gexec
INSERT INTO divided SELECT * FROM big WHERE customer < 5000;
ANALYZE divided;
SET enable_partitionwise_aggregate = on;
SELECT is((SELECT smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris')::text FROM divided), (SELECT smarketing.retention(customer, product, at, amount, 'month', 'Europe/Paris')::text FROM big WHERE customer < 5000), 'over partitions');
-- Events as of a time: the last period closes then. At the end of a period nothing changes, within one the window ends there.
CREATE TABLE dated AS
SELECT (random() * 30)::bigint AS c, (ARRAY['a', 'b', NULL])[1 + (random() * 2.99)::int % 3] AS product, timestamptz '2024-01-03' + random() * interval '500 days' AS at, (random() * 100)::numeric(6, 2) AS amount
FROM generate_series(1, 300);
SELECT set_eq($$SELECT * FROM smarketing.movements((SELECT smarketing.retention(c, product, at, amount, 'month', 'Europe/Paris', interval '70 days', (smarketing.period_end('month', (SELECT max(at) FROM dated), 'Europe/Paris')::timestamp AT TIME ZONE 'Europe/Paris')) FROM dated))$$,
    $$SELECT * FROM smarketing.movements((SELECT smarketing.retention(c, product, at, amount, 'month', 'Europe/Paris', interval '70 days') FROM dated))$$, 'as of the end of the last period: the same movements');
SELECT set_eq(format('SELECT customers, amount FROM smarketing.movements((SELECT smarketing.retention(c, product, at, amount, %L, %L, interval %L, %L) FROM dated)) WHERE movement = %L ORDER BY period_start DESC LIMIT 1', period, 'Asia/Kolkata', within, as_of, 'closing'),
    format('SELECT count(DISTINCT c), coalesce(sum(amount), 0) FROM dated WHERE at >= ((timestamptz %L AT TIME ZONE %L - interval %L) AT TIME ZONE %2$L) AND at < %1$L', as_of, 'Asia/Kolkata', within), format('as of %s, by %s, within %s', as_of, period, within))
FROM unnest('{day,week,month,quarter,year}'::text[]) AS period, unnest('{10 days,36 hours,2 months}'::interval[]) AS within, unnest('{2024-03-17 12:00+00,2024-12-31 23:59:59+00,2025-09-01 00:00+05:30,2027-02-11 01:02:03+00}'::timestamptz[]) AS as_of;
SELECT is((SELECT count(*) FROM smarketing.movements((SELECT smarketing.retention(c, product, at, amount, 'month', 'UTC', interval '2 months', '2027-02-11') FROM dated)) WHERE movement = 'churn' AND period_start >= '2025-05-01' AND customers > 0) > 0, true, 'after the last row customers are lost as they lapse');
SELECT throws_matching($$SELECT smarketing.merge(s) FROM (SELECT smarketing.retention(c, product, at, amount, 'month', 'UTC', interval '2 months', '2027-02-11') AS s FROM dated UNION ALL SELECT smarketing.retention(c, product, at, amount, 'month', 'UTC', interval '2 months') FROM dated) AS t$$, 'different as_of', 'merge refuses one with and one without');

-- Fiscal years that begin in another month.
SELECT set_eq(format('SELECT period_start, amount FROM smarketing.movements((SELECT smarketing.retention(c, product, at, amount, %L, ''Europe/Paris'') FROM dated)) WHERE movement = ''closing'' AND amount <> 0', period || ' ' || month),
    format('SELECT smarketing.period_start(%L, at, ''Europe/Paris'', %s), sum(amount) FROM dated GROUP BY 1 HAVING sum(amount) <> 0', period, month), format('%s from month %s', period, month))
FROM unnest('{fiscal_quarter,fiscal_year}'::text[]) AS period, unnest('{1,2,4,12}'::int[]) AS month;
SELECT throws_ok($$SELECT smarketing.retention(c, product, at, amount, 'month 4', 'UTC') FROM dated$$, '22023', 'a first month goes only with a fiscal period, not with "month 4"');
SELECT throws_ok($$SELECT smarketing.retention(c, product, at, amount, 'fiscal_year 13', 'UTC') FROM dated$$, '22023');
SELECT throws_matching($$SELECT smarketing.merge(s) FROM (SELECT smarketing.retention(c, product, at, amount, 'fiscal_year 4', 'UTC') AS s FROM dated UNION ALL SELECT smarketing.retention(c, product, at, amount, 'fiscal_year', 'UTC') FROM dated) AS t$$, 'different periods', 'merge refuses other first months');
-- Where clocks went back over midnight, what is later may have an earlier date; nothing is written that cannot be read.
SELECT is((SELECT count(*) FROM smarketing.movements((SELECT smarketing.retention(1::bigint, 'a', '2009-11-01 02:30:10+00', '2009-11-01 02:32:00+00', 10::numeric, 'month', 'America/St_Johns', '2010-01-01'))) WHERE customers <> 0 OR amount <> 0), 0::bigint, 'a subscription that ends on an earlier date than it begins');
SELECT is((SELECT max(amount) FROM smarketing.movements((SELECT smarketing.retention(1::bigint, 'a', timestamptz '2009-11-01 02:30:10+00', 10::numeric, 'month', 'America/St_Johns', NULL, '2009-11-01 02:32:00+00')))), 10::numeric, 'as of an earlier date than the last event''s');
SELECT throws_ok($$SELECT smarketing.retention(c::bigint, 'a', timestamptz '2020-01-01' + c * interval '1 month', '2030-01-01', 150000000000000000000000000000000000000::numeric, 'month', 'UTC', '2021-01-01') FROM generate_series(1, 2) AS c$$, '22003', 'a sum of amounts has more than 38 digits');
SELECT results_eq($$SELECT sum(customers) FILTER (WHERE movement = 'new') FROM smarketing.movements((SELECT smarketing.retention(c::bigint, 'a', t, 10::numeric, 'month', 'America/St_Johns', '1 mon'::interval ORDER BY c) FROM (VALUES (1, timestamptz '2009-11-01 02:30:10+00'), (2, '2009-11-15'), (3, '2009-11-20')) AS v (c, t)))$$,
    $$SELECT sum(customers) FILTER (WHERE movement = 'new') FROM smarketing.movements((SELECT smarketing.retention(c::bigint, 'a', t, 10::numeric, 'month', 'America/St_Johns', '1 mon'::interval ORDER BY c DESC) FROM (VALUES (1, timestamptz '2009-11-01 02:30:10+00'), (2, '2009-11-15'), (3, '2009-11-20')) AS v (c, t)))$$, 'which does not change what others count for');
SELECT is((SELECT customers FROM smarketing.movements((SELECT smarketing.retention(c::bigint, 'a', t, 10::numeric, 'month', 'America/St_Johns', '1 mon'::interval) FROM (VALUES (2, timestamptz '2009-11-15'), (3, '2009-11-20')) AS v (c, t))) WHERE movement = 'closing'), 2::bigint, 'and they do count');
-- Of 5,000 groups with 35,000 products only those are handed on that a group has.
CREATE TABLE wide AS SELECT (i::bigint * 7919 % 5000)::bigint AS g, 'c' || i % 1000 AS c, 'product ' || (i::bigint * 104729 % 50000) AS p, timestamptz '2020-01-01' + (i * 37 % 900) * interval '1 day' AS at, (i % 1000) * 1.25::numeric AS amount FROM generate_series(1, 200000) AS i;
ANALYZE wide;
SET enable_sort = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 0;
CREATE TABLE wide_serial AS SELECT g, smarketing.retention(c, p, at, amount, 'month', 'UTC', interval '3 months')::text AS s FROM wide GROUP BY g;
SET max_parallel_workers_per_gather = 2; SET work_mem = '2MB'; SET statement_timeout = '30s';
SELECT is_empty('SELECT g FROM wide_serial JOIN (SELECT g, smarketing.retention(c, p, at, amount, ''month'', ''UTC'', interval ''3 months'')::text AS s FROM wide GROUP BY g) AS p USING (g) WHERE wide_serial.s <> p.s', 'many groups with many products, with workers');
RESET ALL;

SELECT * FROM finish();
