-- Spend by dimensions that it lacks, pro rata of the leads of its day: random CRMs against the definition, a day at a time.
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

-- The solver, beside one that hands out cent by cent to who lacks most.
CREATE FUNCTION handed_out(amount numeric, weights bigint[]) RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE unit numeric := power(10::numeric, -greatest(2, min_scale(amount))); whole numeric := (SELECT sum(w) FROM unnest(weights) AS w); shares numeric[]; n int;
BEGIN
    SELECT array_agg(trunc(abs(amount) * w / whole, greatest(2, min_scale(amount))) ORDER BY i) INTO shares FROM unnest(weights) WITH ORDINALITY AS t (w, i);
    WHILE (SELECT sum(s) FROM unnest(shares) AS s) < abs(amount) LOOP
        SELECT i INTO n FROM unnest(weights, shares) WITH ORDINALITY AS t (w, s, i) ORDER BY abs(amount) * w - s * whole DESC, w DESC, i LIMIT 1;
        shares[n] := shares[n] + unit;
    END LOOP;
    RETURN (SELECT array_agg(sign(amount) * s ORDER BY i) FROM unnest(shares) WITH ORDINALITY AS t (s, i));
END $$;
CREATE TABLE sum AS SELECT i, round(((random() - 0.3) * 10 ^ (random() * 6))::numeric, (random() * 4)::int) AS amount, (SELECT array_agg((random() * 9)::bigint + (n = 1)::int) FROM generate_series(1, 1 + (random() * 8 + i * 0)::int) AS n) AS weights FROM generate_series(1, 1000) AS i;
SELECT is_empty('SELECT * FROM sum WHERE smarketing.allocate(amount, weights) <> handed_out(amount, weights)', '1,000 amounts are shared out as by hand');
SELECT is_empty('SELECT * FROM sum WHERE (SELECT sum(s) FROM unnest(smarketing.allocate(amount, weights)) AS s) <> amount', 'and add up');
SELECT is(smarketing.allocate(10, '{1,1,1}'), '{3.34,3.33,3.33}', 'the first of equals has the cent');
SELECT is(smarketing.allocate(-0.01, '{1,2}'), '{0.00,-0.01}', 'the largest weight of a negative one');
SELECT is(smarketing.allocate(NULL, '{1,2}'), NULL, 'NULL has no shares');
SELECT throws_ok($$SELECT smarketing.allocate(1, '{0,0}')$$, '22023', 'argument "weights" must contain a positive number');
SELECT throws_ok($$SELECT smarketing.allocate(1, '{1,NULL}')$$, '22004', 'argument "weights" must not contain nulls');
SELECT throws_ok($$SELECT smarketing.allocate(1, '{1,-1}')$$, '22023', 'argument "weights" must not contain negative numbers');
SELECT throws_ok($$SELECT smarketing.allocate(1, '{9223372036854775807,1}')$$, '22003', 'the sum of argument "weights" is out of range');
SELECT throws_ok($$SELECT smarketing.allocate('NaN', '{1}')$$, '22003', 'NaN and infinity cannot be shared out');

-- Random CRMs. Spend knows the channel; only leads know segment, and owner and so team.
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, segment text, owner int, channel text);
CREATE TABLE seller (owner int PRIMARY KEY, team text);
INSERT INTO seller VALUES (1, 'north'), (2, 'south'), (3, NULL);
CREATE TABLE cost (at timestamptz, ends_at timestamptz, amount numeric, channel text, currency text);
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    TRUNCATE lead, cost; DELETE FROM smarketing.spend_entry;
    INSERT INTO lead SELECT i, timestamptz '2026-02-20 00:00+00' + random() * interval '50 days', pick('{S,M,L,NULL}'::text[]), pick('{1,2,3,NULL}'::int[]), pick('{a,b}'::text[]) FROM generate_series(1, 60) AS i;
    INSERT INTO cost SELECT at, CASE WHEN random() < 0.3 THEN at + random() * interval '20 days' END, round((random() * 100 - 10)::numeric, 2), pick('{a,b,NULL}'::text[]), pick('{EUR,USD,NULL}'::text[])
        FROM (SELECT timestamptz '2026-02-20 00:00+00' + random() * interval '50 days' AS at FROM generate_series(1, 40)) AS t;
    INSERT INTO smarketing.spend_entry (at, amount, channel) SELECT date '2026-02-20' + (random() * 50)::int, round((random() * 50)::numeric, 2), pick('{a,c}'::text[]) FROM generate_series(1, 5); $$;
-- Spend a local day, a channel and a currency at a time.
CREATE FUNCTION days(zone text, since date, until date, of text) RETURNS TABLE (entered boolean, day date, channel text, currency text, rate_on date, amount numeric) LANGUAGE sql STABLE AS $$
    SELECT x.entered, d::date, x.channel, x.currency, x.starts, smarketing.spread(x.amount, starts, ends, d::date, d::date + 1)
    FROM (SELECT (at AT TIME ZONE zone)::date AS starts, greatest(((ends_at - interval '1 us') AT TIME ZONE zone)::date, (at AT TIME ZONE zone)::date) + 1 AS ends, false AS entered, cost.* FROM cost WHERE ends_at IS NOT NULL
        UNION ALL SELECT (at AT TIME ZONE zone)::date, (at AT TIME ZONE zone)::date + 1, false, cost.* FROM cost WHERE ends_at IS NULL
        UNION ALL SELECT e.at, e.at + 1, true, e.at, NULL, e.amount, e.channel, NULL FROM smarketing.spend_entry AS e) AS x, generate_series(starts, ends - 1, interval '1 day') AS d
    WHERE d >= since AND d < until AND (of IS NULL OR x.channel = of) $$;
CREATE FUNCTION value_of(l lead, dim text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE dim WHEN 'segment' THEN l.segment WHEN 'owner' THEN l.owner::text WHEN 'team' THEN (SELECT team FROM seller WHERE owner = l.owner) ELSE '' END, '(none)') $$;
CREATE TABLE failure (i int, what text);
CREATE TABLE tried (cells bigint, shared bigint);
SELECT smarketing.bind('lead', 'lead'), smarketing.bind('owner', 'seller'), smarketing.bind('spend', 'cost'), smarketing.configure('currency', 'EUR') \gset
INSERT INTO smarketing.exchange_rate_entry (currency, at, rate) VALUES ('USD', '2025-01-01', 0.5), ('USD', '2026-03-10', 0.8);
DO $$
DECLARE i int; zone text; since date; until date; dim text; second text; of text; wanted text; asked text[]; filter jsonb; period text; cells bigint; x record;
BEGIN
    PERFORM smarketing.configure('spend_without_dimension', 'leads');
    FOR i IN 1 .. 120 LOOP
        IF i % 4 = 1 THEN PERFORM fill(); END IF;
        zone := pick('{Europe/Paris,America/New_York,America/Havana,Australia/Lord_Howe}'::text[]);
        since := date '2026-02-15' + (random() * 30)::int; until := since + 1 + (random() * 40)::int;
        dim := pick('{segment,owner,team}'::text[]); second := pick('{NULL,NULL,channel,segment}'::text[]); IF second = dim THEN second := NULL; END IF;
        of := CASE WHEN random() < 0.3 THEN pick('{a,b}'::text[]) END; period := pick('{day,week,month,all}'::text[]);
        wanted := CASE WHEN random() < 0.4 THEN CASE dim WHEN 'segment' THEN pick('{S,(none)}'::text[]) WHEN 'owner' THEN '2' ELSE pick('{north,(none)}'::text[]) END END;
        filter := jsonb_strip_nulls(jsonb_build_object('channel', of, dim, wanted));
        asked := CASE WHEN wanted IS NOT NULL AND random() < 0.5 THEN '{}' WHEN second IS NULL THEN ARRAY[dim] ELSE ARRAY[dim, second] END;
        PERFORM smarketing.configure('time_zone', zone);
        FOR x IN
            WITH spent AS (SELECT entered, day, CASE WHEN second = 'channel' AND 'channel' = ANY (asked) THEN coalesce(channel, '(none)') ELSE '' END AS known, coalesce(currency, 'EUR') AS currency, rate_on, sum(amount) AS amount FROM days(zone, since, until, of) GROUP BY 1, 2, 3, 4, 5),
            met AS (SELECT (created_at AT TIME ZONE zone)::date AS day, value_of(lead, dim) AS v, value_of(lead, CASE WHEN second = 'segment' AND 'segment' = ANY (asked) THEN second END) AS w, count(*) AS n FROM lead GROUP BY 1, 2, 3),
            lists AS (SELECT day, array_agg(v ORDER BY v COLLATE "C", w COLLATE "C") AS vs, array_agg(w ORDER BY v COLLATE "C", w COLLATE "C") AS ws, array_agg(n ORDER BY v COLLATE "C", w COLLATE "C") AS ns FROM met GROUP BY 1),
            shares AS (SELECT s.day, s.known, s.currency, s.rate_on, u.* FROM (SELECT entered, spent.day, spent.known, spent.currency, CASE WHEN spent.currency = 'EUR' THEN NULL ELSE spent.rate_on END AS rate_on, sum(amount) AS amount FROM spent GROUP BY 1, 2, 3, 4, 5) AS s LEFT JOIN lists USING (day),
                unnest(coalesce(vs, '{(none)}'), coalesce(ws, CASE WHEN second = 'segment' AND 'segment' = ANY (asked) THEN '{(none)}' ELSE '{""}' END::text[]), handed_out(s.amount, coalesce(ns, '{1}'))) AS u (v, w, amount)),
            e AS (SELECT CASE period WHEN 'all' THEN since ELSE date_trunc(period, day)::date END AS m, CASE WHEN asked = '{}' THEN '' ELSE v END AS v, CASE WHEN second IS NULL OR asked = '{}' THEN '' WHEN second = 'channel' THEN known ELSE w END AS w,
                sum(amount * CASE currency WHEN 'USD' THEN CASE WHEN rate_on < '2026-03-10' THEN 0.5 ELSE 0.8 END ELSE 1 END) AS amount FROM shares WHERE wanted IS NULL OR v = wanted GROUP BY 1, 2, 3)
            SELECT * FROM e FULL JOIN (SELECT period_start AS m, coalesce(by_1, '') AS v, coalesce(by_2, '') AS w, value FROM smarketing.kpi('cost_per_lead.spend', since, until, period, asked, filter)) AS g USING (m, v, w)
            WHERE coalesce(amount, 0) <> coalesce(value, 0)
        LOOP
            INSERT INTO failure VALUES (i, format('%s: %s from %s until %s by %s of %s, %s: %s', i, zone, since, until, asked, filter, period, x));
        END LOOP;
        SELECT count(*) INTO cells FROM smarketing.kpi('cost_per_lead.spend', since, until, period, asked, filter) WHERE value <> 0;
        INSERT INTO tried VALUES (cells, (SELECT count(*) FROM smarketing.kpi('cost_per_lead.spend', since, until, period, asked, filter) WHERE by_1 <> '(none)' AND value <> 0));
        -- What a filter on it shows is listed to the cent, and without one all spend is there.
        IF (SELECT coalesce(sum(amount), 0) FROM smarketing.kpi_rows('cost_per_lead.spend', since, until, filter, max_rows => NULL)) <> (SELECT coalesce(sum(value), 0) FROM smarketing.kpi('cost_per_lead.spend', since, until, 'all', '{}', filter))
        THEN INSERT INTO failure VALUES (i, format('%s: kpi_rows from %s until %s of %s', i, since, until, filter)); END IF;
        IF wanted IS NULL AND (SELECT sum(value) FROM smarketing.kpi('cost_per_lead.spend', since, until, period, asked, filter)) <> (SELECT sum(value) FROM smarketing.kpi('cost_per_lead.spend', since, until, period, '{}', filter))
        THEN INSERT INTO failure VALUES (i, format('%s: the cells of %s from %s until %s by %s are not the whole', i, zone, since, until, asked)); END IF;
    END LOOP;
END $$;
SELECT is((SELECT string_agg(what, E'\n') FROM (SELECT DISTINCT ON (i) i, what FROM failure ORDER BY i LIMIT 5) AS f), NULL, '120 calls agree with the definition');
SELECT cmp_ok((SELECT sum(shared) FROM tried), '>', 500::numeric, 'over many shares');
SELECT throws_ok($$SELECT * FROM smarketing.cost_per_lead(by => '{product}')$$, '22023', 'measure "spend" of cost_per_lead has no dimension "product"', 'what leads lack too stays an error');
SELECT smarketing.configure('spend_without_dimension', 'error') \gset
SELECT throws_ok($$SELECT * FROM smarketing.cost_per_lead(by => '{segment}')$$, '22023', 'measure "spend" of cost_per_lead has no dimension "segment"');
SELECT smarketing.configure('spend_without_dimension', 'leads'), smarketing.unbind('spend'), smarketing.unbind('lead') \gset
SELECT smarketing.bind('lead', 'lead'), smarketing.configure('time_zone', 'Europe/Paris'), smarketing.configure('currency', NULL) \gset
TRUNCATE lead; DELETE FROM smarketing.spend_entry;
INSERT INTO lead VALUES (1, '2026-03-05 12:00+01', 'S', 1, 'a'), (2, '2026-03-05 13:00+01', 'M', 1, 'a');
INSERT INTO smarketing.spend_entry (at, amount) VALUES ('2026-03-05', 1), ('2026-03-06', 2);
SELECT results_eq($$SELECT by_1, value FROM smarketing.kpi('cost_per_lead.spend', '2026-03-05 12:30+01', '2026-03-07', 'all', '{segment}')$$, $$VALUES ('(none)', 2::numeric)$$, 'entered spend of a day before the range is left out');
SELECT results_eq($$SELECT by_1, value FROM smarketing.kpi('cost_per_lead.spend', '2026-03-05', '2026-03-05 12:30+01', 'all', '{segment}')$$, $$VALUES ('M', 0.50), ('S', 0.50)$$, 'the leads of a clipped day are those of the whole day');
SELECT * FROM finish();
