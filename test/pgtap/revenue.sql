-- Revenue evolution: the published invoices, and random revenue against the definition, one figure at a time.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(16);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SELECT smarketing.configure('time_zone', 'UTC') AS done \gset

SELECT (pg_stat_file(:'shared' || '/online_retail/online_retail_2010-2011_invoices_clean.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data
CREATE TABLE invoice (customer_id int, invoice text, invoice_ts timestamp, revenue numeric);
CREATE TABLE oracle (m date, revenue numeric, invoices int, customers int, lines int, new_customers int, active int, retained_from_prev numeric, prev_active numeric, retention_mom float8, churn_mom float8);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/online_retail/' || f)
FROM (VALUES ('invoice', 'online_retail_2010-2011_invoices_clean.csv'), ('oracle', 'oracle_online_retail_2010-2011_monthly.csv')) AS t (r, f) \gexec
SELECT smarketing.bind('revenue', 'invoice', '{"account_id": "customer_id", "at": "invoice_ts", "amount": "revenue"}') AS done \gset
SELECT results_eq('SELECT period_start, revenue FROM smarketing.revenue_evolution(''2010-12-01'', ''2012-01-01'')', 'SELECT m, round(revenue, 6) FROM oracle ORDER BY m', 'monthly revenue');
SELECT results_eq('SELECT period_start, round(previous, 2), round(year_ago, 2), round(trailing_12_months, 2) FROM smarketing.revenue_evolution(''2010-12-01'', ''2012-01-01'')',
    $$SELECT m, round(lag(revenue) OVER w, 2), CASE WHEN m = '2011-12-01' THEN round(first_value(revenue) OVER w, 2) END,
             CASE WHEN m >= '2011-11-01' THEN round(sum(revenue) OVER (ORDER BY m ROWS 11 PRECEDING), 2) END FROM oracle WINDOW w AS (ORDER BY m) ORDER BY m$$,
    'the month before, the year before, twelve months');
SELECT results_eq('SELECT round(sum(amount), 6) FROM smarketing.kpi_rows(''revenue'', ''2011-01-01'', ''2011-02-01'', max_rows => NULL)', 'SELECT round(revenue, 6) FROM oracle WHERE m = ''2011-01-01''', 'kpi_rows adds up');
SELECT smarketing.unbind('revenue') AS done \gset
\else
SELECT skip('no shared data', 3);
\endif

-- Random revenue, in random zones; near month ends, midnights and changes of the clocks.
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION day_begins(day date, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT min(t) FROM (SELECT (day::timestamp AT TIME ZONE zone) + i * interval '30 minutes' AS t FROM generate_series(-3, 3) AS i) AS u WHERE (t AT TIME ZONE zone)::date >= day $$;
CREATE TABLE sale (id int, at timestamptz, amount numeric, currency text, channel text, account int);
INSERT INTO sale SELECT i, CASE WHEN random() < 0.2 THEN now() - random() * interval '50 days'
    ELSE pick('{2024-02-28 23:30,2024-02-29 12:00,2024-03-10 02:30,2024-03-31 00:30,2024-10-06 02:10,2024-11-03 00:30,2025-02-28 22:00,2025-03-01 00:00,2025-10-26 02:30,2025-12-31 23:59,2024-12-30 10:00}'::timestamptz[])
         + (random() * 500 - 250)::int * interval '1 day' + (random() * 1440)::int * interval '1 minute' END,
    round((random() * 200 - 20)::numeric, 2), pick('{EUR,EUR,USD,NULL}'::text[]), pick('{a,b,c,NULL}'::text[]), (random() * 9)::int
FROM generate_series(1, 3000) AS i;
INSERT INTO sale SELECT 3000 + i, timestamptz '2023-02-20' + i * interval '5 hours', i, 'EUR', 'a', 1 FROM generate_series(1, 70) AS i;
CREATE INDEX ON sale (at);
CREATE TABLE fx AS SELECT 'USD' AS currency, d::date AS at, round((0.8 + random() * 0.3)::numeric, 3) AS rate FROM generate_series(date '2022-01-01', date '2027-01-01', interval '9 days') AS d;
-- The last rate known on each day.
CREATE TABLE rate_of AS SELECT d::date AS day, (SELECT rate FROM fx WHERE at <= d ORDER BY at DESC LIMIT 1) AS rate FROM generate_series(date '2022-01-01', greatest(date '2027-12-31', current_date + 400), interval '1 day') AS d;
CREATE UNIQUE INDEX ON rate_of (day);
SELECT smarketing.bind('revenue', 'sale', '{"account_id": "account"}'), smarketing.bind('exchange_rate', 'fx') \gset
SELECT smarketing.configure('currency', 'EUR') AS done \gset

CREATE FUNCTION begins(period text, day date, first_month int) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN period LIKE 'fiscal_%' THEN (date_trunc(substr(period, 8), date_trunc('month', day::timestamp) - make_interval(months => first_month - 1)) + make_interval(months => first_month - 1))::date
        ELSE date_trunc(period, day::timestamp)::date END $$;
CREATE FUNCTION step(period text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE replace(period, 'fiscal_', '') WHEN 'day' THEN interval '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' ELSE '12 months' END $$;
-- The instant at which the clocks show a time; a midnight is the first instant of its day.
CREATE FUNCTION instant(clocks timestamp, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN clocks::time = '00:00' THEN day_begins(clocks::date, zone) ELSE clocks AT TIME ZONE zone END $$;
-- The condition of a filter: a value, a list, or neither of them.
CREATE FUNCTION passes(filter jsonb, channel text, account int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(CASE k WHEN 'way' THEN channel ELSE account::text END, '(none)')
        IN (SELECT coalesce(e #>> '{}', '(none)') FROM jsonb_path_query(CASE WHEN v ? 'not' THEN v -> 'not' ELSE v END, '$[*]') AS e) <> v ? 'not'), true) FROM jsonb_each(filter) AS f (k, v) $$;
CREATE TABLE filter (f int, filter jsonb);
INSERT INTO filter VALUES (1, '{}'), (2, '{}'), (3, '{"way":"a"}'), (4, '{"way":[null,"b"]}'), (5, '{"way":{"not":["a",null]}}'), (6, '{"account":{"not":["3","4"]},"way":["a","b"]}');
ALTER TABLE sale ADD passed boolean[];
UPDATE sale SET passed = (SELECT array_agg(passes(filter, channel, account) ORDER BY f) FROM filter);
CREATE FUNCTION total(from_at timestamptz, to_at timestamptz, zone text, wanted text, f int DEFAULT 1) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(amount * CASE currency WHEN 'USD' THEN (SELECT rate FROM rate_of WHERE day = (sale.at AT TIME ZONE zone)::date) ELSE 1 END), 0)
    FROM sale WHERE at >= from_at AND at < to_at AND (wanted IS NULL OR coalesce(channel, '(none)') = wanted) AND passed[f] $$;
-- What recurs at an instant, at the rate of the day that ends there.
CREATE TABLE contract (account int, starts_at timestamptz, ends_at timestamptz, amount numeric, currency text, channel text, passed boolean[]);
INSERT INTO contract SELECT account, at, CASE WHEN random() < 0.6 THEN at + (random() * 400 - 10) * interval '1 day' END, amount, currency, channel, passed FROM sale WHERE id <= 400;
SELECT smarketing.bind('subscription', 'contract', '{"account_id": "account"}'), smarketing.define_dimension('way', '{"revenue": "channel", "subscription": "channel"}') \gset
CREATE FUNCTION level(close timestamptz, zone text, wanted text, f int) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(amount * CASE currency WHEN 'USD' THEN (SELECT rate FROM rate_of WHERE day = ((close - interval '1 us') AT TIME ZONE zone)::date) ELSE 1 END), 0)
    FROM contract WHERE starts_at < close AND (ends_at IS NULL OR ends_at >= close) AND coalesce(ends_at > starts_at, true) AND (wanted IS NULL OR coalesce(channel, '(none)') = wanted) AND passed[f] $$;

-- A row a period and channel (NULL: all).
CREATE FUNCTION expected(since timestamptz, until timestamptz, period text, zone text, first_month int, by_channel boolean, f int, source text)
RETURNS TABLE (period_start date, by_1 text, revenue numeric, previous numeric, year_ago numeric, trailing_12_months numeric) LANGUAGE plpgsql AS $$
DECLARE d date := begins(period, (since AT TIME ZONE zone)::date, first_month); e date; q date; a interval; b interval; wanted text; cut timestamptz := least(until, now()); first date := (SELECT min(at) AT TIME ZONE zone FROM sale);
    ends timestamp; recurs boolean := source = 'subscription'; closing date; known boolean;
BEGIN
    IF recurs THEN first := (SELECT min(starts_at) AT TIME ZONE zone FROM contract); END IF;
    WHILE day_begins(d, zone) < until LOOP
        e := d + step(period);
        FOR wanted IN SELECT DISTINCT coalesce(channel, '(none)') FROM sale WHERE by_channel UNION ALL SELECT NULL WHERE NOT by_channel LOOP
            period_start := d; by_1 := wanted;
            known := day_begins(d, zone) < cut;
            revenue := CASE WHEN NOT recurs THEN total(greatest(day_begins(d, zone), since), least(day_begins(e, zone), until), zone, wanted, f)
                WHEN known THEN level(least(day_begins(e, zone), cut), zone, wanted, f) ELSE 0 END;
            -- how far the range begins and ends within the period, on its clocks; NULL: at its bounds
            a := CASE WHEN day_begins(d, zone) < since THEN (since AT TIME ZONE zone) - d END;
            IF a IS NOT NULL AND since = day_begins((since AT TIME ZONE zone)::date, zone) THEN a := date_trunc('day', a); END IF;
            b := CASE WHEN day_begins(e, zone) > cut THEN (greatest(cut, day_begins(d, zone)) AT TIME ZONE zone) - d END;
            IF b IS NOT NULL AND greatest(cut, day_begins(d, zone)) = day_begins((greatest(cut, day_begins(d, zone)) AT TIME ZONE zone)::date, zone) THEN b := date_trunc('day', b); END IF;
            q := d - step(period);
            previous := CASE WHEN NOT first < d THEN NULL WHEN recurs AND known THEN level(instant(least(q + b, d), zone), zone, wanted, f) WHEN recurs THEN 0
                ELSE total(instant(least(q + coalesce(a, '0'), d), zone), instant(least(q + b, d), zone), zone, wanted, f) END;
            q := CASE WHEN period = 'week' THEN d - 364 ELSE d - interval '1 year' END;
            year_ago := CASE WHEN NOT first < q + step(period) THEN NULL WHEN recurs AND known THEN level(instant(least(q + b, q + step(period)), zone), zone, wanted, f) WHEN recurs THEN 0
                ELSE total(instant(least(q + coalesce(a, '0'), q + step(period)), zone), instant(least(q + b, q + step(period)), zone), zone, wanted, f) END;
            ends := CASE WHEN b IS NULL THEN e::timestamp ELSE cut AT TIME ZONE zone END;
            closing := date_trunc('month', (least(day_begins(e, zone), cut) - interval '1 us') AT TIME ZONE zone);
            trailing_12_months := CASE WHEN NOT (first < e - interval '11 months' AND known) THEN NULL
                WHEN recurs THEN revenue + (SELECT sum(level(day_begins((closing - make_interval(months => k))::date, zone), zone, wanted, f)) FROM generate_series(0, 10) AS k)
                ELSE total(instant(ends - interval '1 year', zone), CASE WHEN b IS NULL THEN day_begins(e, zone) ELSE cut END, zone, wanted, f) END;
            RETURN NEXT;
        END LOOP;
        d := e;
    END LOOP;
END $$;
CREATE TABLE call AS
SELECT i, CASE WHEN i > 170 THEN 'subscription' ELSE 'revenue' END AS source, 1 + floor(random() * 6)::int AS f, period, zone, first_month, by_channel, since, CASE WHEN period = 'day' THEN least(until, since + interval '12 days') ELSE until END AS until
FROM (
    SELECT i, pick('{day,week,month,month,quarter,year,fiscal_quarter,fiscal_year}'::text[]) AS period, pick('{UTC,Europe/Paris,America/New_York,America/Havana,Australia/Lord_Howe}'::text[]) AS zone,
        pick('{1,4,11}'::int[]) AS first_month, random() < 0.4 AS by_channel, since, since + (20 + random() * 400) * interval '1 day' AS until
    FROM (SELECT i, CASE WHEN random() < 0.5 THEN date_trunc('day', t) ELSE date_trunc('minute', t) END AS since
          FROM (SELECT i, CASE WHEN random() < 0.3 THEN now() - random() * interval '70 days' ELSE timestamptz '2023-03-01' + random() * interval '900 days' END AS t FROM generate_series(1, 270) AS i) AS t) AS s) AS c;
CREATE TABLE failure (i int, what text);
DO $$
DECLARE c call; n int; x record;
BEGIN
    FOR c IN SELECT * FROM call LOOP
        PERFORM smarketing.configure('fiscal_year_start', c.first_month::text), set_config('TimeZone', c.zone, true);
        FOR x IN SELECT * FROM (SELECT period_start, coalesce(by_1, '') AS by_1, revenue, previous, change, change_rate, year_ago, year_over_year, trailing_12_months
                    FROM smarketing.revenue_evolution(c.since, c.until, c.period, CASE WHEN c.by_channel THEN '{way}'::text[] ELSE '{}' END, (SELECT filter FROM filter WHERE f = c.f), jsonb_build_object('time_zone', c.zone, 'source', c.source))) AS g
            FULL JOIN (SELECT period_start, coalesce(by_1, '') AS by_1, revenue AS r, previous AS p, year_ago AS y, trailing_12_months AS t FROM expected(c.since, c.until, c.period, c.zone, c.first_month, c.by_channel, c.f, c.source)) AS w USING (period_start, by_1)
            WHERE NOT c.by_channel
                AND (g.revenue IS DISTINCT FROM round(w.r, 6) OR g.previous IS DISTINCT FROM round(w.p, 6) OR g.year_ago IS DISTINCT FROM round(w.y, 6) OR g.trailing_12_months IS DISTINCT FROM round(w.t, 6)
                  OR g.change IS DISTINCT FROM round(w.r - w.p, 6) OR g.change_rate IS DISTINCT FROM CASE WHEN w.p > 0 THEN ((w.r - w.p) / w.p)::float8 END
                  OR g.year_over_year IS DISTINCT FROM CASE WHEN w.y > 0 THEN ((w.r - w.y) / w.y)::float8 END)
              OR c.by_channel AND (coalesce(g.revenue, 0) <> round(w.r, 6) OR coalesce(g.previous, 0) <> coalesce(round(w.p, 6), 0) OR coalesce(g.year_ago, 0) <> coalesce(round(w.y, 6), 0) OR coalesce(g.trailing_12_months, 0) <> coalesce(round(w.t, 6), 0))
        LOOP
            INSERT INTO failure VALUES (c.i, c::text || ' ' || x::text);
        END LOOP;
    END LOOP;
END $$;
SELECT is((SELECT string_agg(what, E'\n') FROM (SELECT DISTINCT ON (i) i, what FROM failure WHERE i <= 170 ORDER BY i LIMIT 5) AS f), NULL, '170 calls agree with the definition');
SELECT is((SELECT string_agg(what, E'\n') FROM (SELECT DISTINCT ON (i) i, what FROM failure WHERE i > 170 ORDER BY i LIMIT 5) AS f), NULL, '100 calls of recurring revenue agree with it');
SELECT is_empty($$SELECT f FROM filter WHERE (SELECT sum(amount) FROM smarketing.kpi_rows('revenue', '2025-01-01', '2025-07-10 12:30', filter, '{"source": "subscription"}', NULL)) <> level('2025-07-10 12:30', 'UTC', NULL, f)
    OR (SELECT revenue FROM smarketing.revenue_evolution('2025-01-01', '2025-07-10 12:30', 'all', '{}', filter, '{"source": "subscription"}')) <> round(level('2025-07-10 12:30', 'UTC', NULL, f), 6)$$, 'kpi_rows lists what recurs');
SELECT cmp_ok((SELECT count(*) FROM call WHERE until > now() AND NOT by_channel), '>', 10::bigint, 'some of them run');

-- The whole range: as many days before it, the same days a year before.
SELECT smarketing.configure('fiscal_year_start', NULL) AS done \gset
SELECT results_eq($$SELECT revenue, previous, year_ago FROM smarketing.revenue_evolution('2025-03-10', '2025-04-20', 'all')$$,
    $$SELECT round(total('2025-03-10', '2025-04-20', 'UTC', NULL), 6), round(total('2025-01-28', '2025-03-10', 'UTC', NULL), 6), round(total('2024-03-10', '2024-04-20', 'UTC', NULL), 6)$$, 'all');
SELECT results_eq($$SELECT revenue, previous, change, year_ago FROM smarketing.revenue_evolution(NULL, NULL, 'all')$$, $$SELECT round(total('-infinity', now(), 'UTC', NULL), 6), NULL::numeric, NULL::numeric, NULL::numeric$$, 'all there is: nothing was before');
-- The 29th of February looks back to the 28th.
SELECT results_eq($$SELECT year_ago FROM smarketing.revenue_evolution('2024-02-28', '2024-03-02', 'day')$$,
    $$SELECT round(total(a, a + interval '1 day', 'UTC', NULL), 6) FROM unnest('{2023-02-28,2023-02-28,2023-03-01}'::timestamptz[]) AS a$$, 'a leap day and a year ago');
SELECT results_eq($$SELECT year_ago FROM smarketing.revenue_evolution('2025-02-28', '2025-03-02', 'day')$$,
    $$SELECT round(total(a, a + interval '1 day', 'UTC', NULL), 6) FROM unnest('{2024-02-28,2024-03-01}'::timestamptz[]) AS a$$, 'a year ago had a leap day');
-- Revenue below zero has no change rate to speak of.
CREATE TABLE note (account_id int, at timestamptz, amount numeric);
INSERT INTO note VALUES (1, '2025-01-05', -100), (1, '2025-02-05', 50), (1, '2025-03-05', -20), (1, '2025-03-06', 20), (1, '2025-04-05', 10);
SELECT smarketing.bind('revenue', 'note'), smarketing.configure('currency', NULL) \gset
SELECT results_eq($$SELECT revenue, previous, change, change_rate FROM smarketing.revenue_evolution('2025-01-01', '2025-05-01')$$,
    $$VALUES (-100::numeric, NULL::numeric, NULL::numeric, NULL::float8), (50, -100, 150, NULL), (0, 50, -50, -1), (10, 0, 10, NULL)$$, 'on nothing, or less, no change rate');
SELECT is((SELECT change_rate FROM smarketing.kpi_compare('revenue', '2025-02-01', '2025-03-01', options => '{"against": "previous"}')), NULL, 'nor in kpi_compare');
-- Apia had no 30 December 2011.
SET TimeZone = 'Pacific/Apia';
SELECT smarketing.configure('time_zone', 'Pacific/Apia') \gset
TRUNCATE note;
INSERT INTO note SELECT 1, timestamptz '2011-12-28 12:00' + i * interval '24 hours', 10 ^ i FROM generate_series(0, 4) AS i;
SELECT results_eq($$SELECT period_start, revenue, previous FROM smarketing.revenue_evolution('2011-12-28', '2012-01-03', 'day')$$,
    $$VALUES (date '2011-12-28', 1::numeric, NULL::numeric), ('2011-12-29', 10, 1), ('2011-12-31', 100, 10), ('2012-01-01', 1000, 100), ('2012-01-02', 10000, 1000)$$, 'the day before a skipped one is the one before it');
CREATE TABLE lump (at date, ends_at date, amount numeric);
INSERT INTO lump VALUES ('2011-12-29', '2012-01-02', 30);
CREATE TABLE came (lead_id int, created_at timestamptz);
SELECT smarketing.bind('spend', 'lump'), smarketing.bind('lead', 'came') \gset
SELECT results_eq($$SELECT period_start, value FROM smarketing.kpi('cost_per_lead.spend', '2011-12-28', '2012-01-03', 'day')$$,
    $$VALUES (date '2011-12-28', 0::numeric), ('2011-12-29', 10), ('2011-12-31', 10), ('2012-01-01', 10), ('2012-01-02', 0)$$, 'a lump is spread over the days that there were');
SELECT is((SELECT sum(value) FROM smarketing.kpi('cost_per_lead.spend', '2011-12-01', '2012-02-01')), 30::numeric, 'and months have all of it');
SELECT * FROM finish();
