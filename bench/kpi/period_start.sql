-- Cost of a bucket: period_start against date_trunc, nanoseconds a row net of the scan, the best of five runs,
-- on five million instants within two years, sorted and shuffled. Needs the extension; leaves nothing behind.
-- psql -v rows=N sets another number of rows.
\if :{?rows}
\else
\set rows 5000000
\endif
\set QUIET on
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET TimeZone = 'UTC';
DROP SCHEMA IF EXISTS smarketing_bench CASCADE;
CREATE SCHEMA smarketing_bench;
SET search_path = smarketing_bench, pg_catalog;
\o /dev/null
SELECT setseed(0.5);
\o

CREATE UNLOGGED TABLE sorted AS
SELECT timestamptz '2024-01-01' + g * (interval '2 years' / :rows) AS at FROM generate_series(0, :rows - 1) AS g;
CREATE UNLOGGED TABLE shuffled AS SELECT at FROM sorted ORDER BY random();
VACUUM ANALYZE sorted, shuffled;

-- Nanoseconds a row of two expressions over one table and of the scan alone; the three take turns, since other work
-- on the machine comes and goes.
CREATE FUNCTION cost(expression text, peer text, source text, OUT scan_ns float8, OUT ns float8, OUT peer_ns float8) LANGUAGE plpgsql AS $$
DECLARE
    terms text[] := ARRAY['at', expression, peer];
    best float8[] := ARRAY[NULL, NULL, NULL];
    started timestamptz;
    counted bigint;
BEGIN
    FOR run IN 1..5 LOOP
        FOR i IN 1..3 LOOP
            started := clock_timestamp();
            EXECUTE format('SELECT count(%s) FROM %I', terms[i], source) INTO counted;
            best[i] := least(best[i], extract(epoch FROM clock_timestamp() - started)::float8 * 1e9 / counted);
        END LOOP;
    END LOOP;
    scan_ns := best[1];
    ns := best[2] - scan_ns;
    peer_ns := best[3] - scan_ns;
END $$;

CREATE FUNCTION differences(expression text, peer text, source text, OUT n bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM %I WHERE %s IS DISTINCT FROM %s', source, expression, peer) INTO n;
END $$;

CREATE TABLE cases (n int, expression text, peer text, same text);
INSERT INTO cases VALUES
    (1, 'smarketing.period_start(''month'', at, ''Europe/Paris'')', 'date_trunc(''month'', at, ''Europe/Paris'')',
        '(date_trunc(''month'', at, ''Europe/Paris'') AT TIME ZONE ''Europe/Paris'')::date'),
    (2, 'smarketing.period_start(''day'', at, ''Europe/Paris'')', 'date_trunc(''day'', at, ''Europe/Paris'')',
        '(date_trunc(''day'', at, ''Europe/Paris'') AT TIME ZONE ''Europe/Paris'')::date');

CREATE TABLE results AS
SELECT c.n, s AS source, c.expression, t.*, differences(c.expression, c.same, s) AS differences
FROM cases AS c, unnest(ARRAY['sorted', 'shuffled']) AS s, cost(c.expression, c.peer, s) AS t;

SELECT expression, source AS rows, round(ns::numeric, 1) AS "ns/row", round(peer_ns::numeric, 1) AS "date_trunc ns/row",
       round((peer_ns / ns)::numeric, 1) AS ratio, round(scan_ns::numeric, 1) AS "scan ns/row",
       CASE differences WHEN 0 THEN 'same' ELSE differences || ' differ' END AS answers
FROM results ORDER BY n, source DESC;

DROP SCHEMA smarketing_bench CASCADE;
