-- window_funnel: the published cases, and equal results however it is computed. Its rules are compared with a slow
-- reference for every combination of modes in test/unit/funnel_unit.c.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(54);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;

SELECT (pg_stat_file(:'shared' || '/funnel/window_funnel_cases.tsv', true)).size IS NOT NULL AS has_data \gset
\if :has_data
CREATE TABLE cases (case_id text, source text, within bigint, modes text, conditions int, events text, expected int, exhaustive int, note text);
SELECT format('COPY cases FROM %L (FORMAT csv, DELIMITER E''\t'', QUOTE E''\b'', HEADER)', :'shared' || '/funnel/window_funnel_cases.tsv') \gexec
SELECT is((SELECT count(*) FROM cases), 135::bigint, 'the cases came in whole');
-- Where a published system is wrong the note says so, and the longest chain holds.
CREATE TABLE answer AS
SELECT case_id, CASE WHEN note LIKE 'BUG%' THEN exhaustive ELSE expected END AS expected,
    (SELECT smarketing.window_funnel(timestamptz '2000-01-01' + split_part(e, ':', 1)::bigint * interval '1 microsecond', within * interval '1 microsecond', replace(replace(modes, '+', ','), 'default', ''),
        VARIADIC (SELECT array_agg((split_part(e, ':', 2)::bigint >> i) & 1 = 1 ORDER BY i) FROM generate_series(0, conditions - 1) AS i))
     FROM unnest(string_to_array(events, ' ')) AS e) AS found, note
FROM cases;
SELECT is((SELECT count(*) FROM answer WHERE note LIKE 'BUG%'), 3::bigint, 'three of them mark a published error');
SELECT is_empty('SELECT case_id, expected, found FROM answer WHERE found IS DISTINCT FROM expected', 'all of them come out');
\else
SELECT skip('../shared is not there', 3);
\endif

-- Equal however it is computed.
CREATE TABLE event AS
SELECT (random() * 3000)::int AS entity, timestamptz '2026-01-01' + (random() * 40)::int * interval '1 hour' AS at, random() < 0.3 AS a, random() < 0.3 AS b, CASE WHEN random() < 0.9 THEN random() < 0.3 END AS c, (random() * 4)::int AS part
FROM generate_series(1, 30000);
ANALYZE event;
CREATE TABLE mode AS SELECT unnest('{"","strict_order","strict_increase","strict_once","strict_deduplication","strict_order,allow_reentry","strict_once,strict_deduplication","strict_increase,strict_order,first_start","any_order","any_order,first_start"}'::text[]) AS mode;
SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';
CREATE FUNCTION results(mode text, source text DEFAULT 'event') RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(entity || ''='' || depth, '' '' ORDER BY entity) FROM (SELECT entity, smarketing.window_funnel(at, interval ''10 hours'', %L, a, b, c) AS depth FROM %s GROUP BY entity) AS t', mode, source) INTO result; RETURN result; END $$;
CREATE TABLE expected AS SELECT mode, results(mode) AS r FROM mode;
SELECT cmp_ok((SELECT count(DISTINCT r) FROM expected), '>', 7::bigint, 'modes differ');
SELECT is_empty($$SELECT mode FROM expected WHERE r <> results(mode, '(SELECT * FROM event ORDER BY at DESC, a, b DESC) AS e')$$, 'in another order of rows');
SELECT is_empty($$SELECT mode FROM expected WHERE r <> (SELECT string_agg(entity || '=' || depth, ' ' ORDER BY entity) FROM (SELECT entity, smarketing.window_funnel(at, interval '10 hours', expected.mode, VARIADIC ARRAY[a, b, c]) AS depth FROM event GROUP BY entity) AS t)$$, 'of an array');
SELECT is_empty($$SELECT mode FROM expected WHERE r <> (SELECT string_agg(entity || '=' || depth, ' ' ORDER BY entity) FROM (SELECT entity, smarketing.window_funnel(at, interval '10 hours', expected.mode, a, b, coalesce(c, false)) AS depth FROM event GROUP BY entity) AS t)$$, 'a condition that is NULL is false');
SET enable_hashagg = off;
SELECT is_empty('SELECT mode FROM expected WHERE r <> results(mode)', 'in sorted groups');
RESET enable_hashagg;
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT is_empty('SELECT mode FROM expected WHERE r <> results(mode)', 'moved out');
SELECT is((SELECT smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FROM event), 3, 'one large group');
RESET work_mem; RESET hash_mem_multiplier;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
-- Of few groups: of many, 18 may gather the rows instead.
SELECT matches(plan_of($$SELECT a, smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FROM event GROUP BY a$$), 'Finalize.*Gather.*Partial', 'the plan is parallel');
SELECT is((SELECT string_agg(concat(a, '=', depth), ' ' ORDER BY a) FROM (SELECT a, smarketing.window_funnel(at, interval '10 hours', '', a, b, c) AS depth FROM event GROUP BY a) AS t),
    (SELECT string_agg(concat(a, '=', depth), ' ' ORDER BY a) FROM (SELECT a, smarketing.window_funnel(at, interval '10 hours', '', a, b, c) AS depth FROM (SELECT * FROM event OFFSET 0) AS e GROUP BY a) AS t), 'and its answer the serial one''s');
SELECT is_empty('SELECT mode FROM expected WHERE r <> results(mode)', 'with workers');
SELECT is((SELECT array_agg(depth ORDER BY mode.mode) FROM mode, LATERAL (SELECT smarketing.window_funnel(at, interval '2 hours', mode.mode, a, b, c) AS depth FROM event WHERE entity < 3) AS t),
    (SELECT array_agg(depth ORDER BY mode.mode) FROM mode, LATERAL (SELECT smarketing.window_funnel(at, interval '2 hours', mode.mode, a, b, c) AS depth FROM (SELECT * FROM event WHERE entity < 3 ORDER BY at) AS s) AS t), 'one group, with workers');
SET max_parallel_workers_per_gather = 0;
SELECT is_empty($$SELECT * FROM (SELECT mode, smarketing.window_funnel(at, interval '10 hours', mode, a, b, c) OVER (PARTITION BY mode, entity ORDER BY at) AS f, (SELECT smarketing.window_funnel(at, interval '10 hours', mode.mode, a, b, c) FROM event AS y WHERE y.entity = x.entity AND y.at <= x.at) AS g
    FROM event AS x, mode WHERE entity < 40) AS t WHERE f <> g$$, 'OVER (ORDER BY at), in a subplan that is run again');
SELECT is((SELECT smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FILTER (WHERE part = 2) FROM event WHERE entity = 7), (SELECT smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FROM event WHERE entity = 7 AND part = 2), 'with a filter');
CREATE TABLE divided (LIKE event) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 4) AS n \gexec
INSERT INTO divided SELECT * FROM event;
ANALYZE divided;
SET enable_partitionwise_aggregate = on;
SELECT matches(plan_of($$SELECT a, smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FROM divided GROUP BY a$$), 'Finalize.*Append.*Partial', 'over partitions, each aggregated by itself');
SELECT is_empty($$SELECT mode FROM mode WHERE (SELECT array_agg(depth ORDER BY a, b) FROM (SELECT a, b, smarketing.window_funnel(at, interval '1 hour', mode, a, b, c) AS depth FROM divided WHERE entity < 9 GROUP BY a, b) AS t)
    <> (SELECT array_agg(depth ORDER BY a, b) FROM (SELECT a, b, smarketing.window_funnel(at, interval '1 hour', mode, a, b, c) AS depth FROM event WHERE entity < 9 GROUP BY a, b) AS t)$$, 'and equal');
RESET enable_partitionwise_aggregate;
BEGIN;
DECLARE opened CURSOR FOR SELECT smarketing.window_funnel(at, interval '10 hours', '', a, b, c) FROM event GROUP BY entity ORDER BY entity;
CREATE TABLE fetched (n int);
CREATE FUNCTION fetch_one() RETURNS int LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'opened'; result int; BEGIN FETCH c INTO result; RETURN result; END $$;
SELECT is(fetch_one(), (SELECT split_part(split_part(r, ' ', 1), '=', 2)::int FROM expected WHERE mode = ''), 'in a cursor');
COMMIT;

-- Rows without time, no rows, nothing met; up to 64 conditions.
SELECT is((SELECT smarketing.window_funnel(at, interval '1 hour', '', true, true) FROM (VALUES (NULL::timestamptz), (NULL)) AS v (at)), 0, 'rows without time are skipped');
SELECT is((SELECT smarketing.window_funnel(now(), interval '1 hour', '', true) WHERE false), 0, 'no row');
SELECT is((SELECT smarketing.window_funnel(now(), interval '1 hour', '', NULL, NULL)), 0, 'a bare NULL is not met');
SELECT is((SELECT smarketing.window_funnel(now(), interval '1 hour', '', VARIADIC ARRAY[NULL, true])), 0, 'nor one in an array');
SELECT is((SELECT smarketing.window_funnel(timestamptz '2026-01-01' + n * interval '1 minute', interval '63 minutes', 'strict_increase', VARIADIC (SELECT array_agg(i = n ORDER BY i) FROM generate_series(1, 64) AS i)) FROM generate_series(1, 64) AS n), 64, '64 conditions, the end of the window included');
SELECT is((SELECT smarketing.window_funnel(timestamptz '2026-01-01' + n * interval '1 minute', interval '63 minutes' - interval '1 microsecond', '', VARIADIC (SELECT array_agg(i = n ORDER BY i) FROM generate_series(1, 64) AS i)) FROM generate_series(1, 64) AS n), 63, 'and no more');
CREATE DOMAIN flag AS boolean;
SELECT is((SELECT smarketing.window_funnel(now(), interval '1 hour', '', true::flag)), 1, 'a domain over boolean');
SELECT is((SELECT smarketing.window_funnel(now(), interval '1 hour', '', VARIADIC ARRAY[true::flag, NULL])), 1, 'and an array of it');
SELECT is((SELECT smarketing.window_funnel(at, interval '1 day', ' strict_order , strict_once ', a) FROM event), 1, 'spaces around modes');

-- Bad input.
CREATE FUNCTION call(within text, mode text, conditions text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT smarketing.window_funnel(at, %s, %s, %s) FROM (SELECT * FROM event ORDER BY at LIMIT 2) AS event', within, mode, conditions) INTO result; RETURN result; END $$;
SELECT throws_ok(format('SELECT call(%L, %L, %L)', within, mode, conditions), state, message) FROM (VALUES
    ('interval ''0''', '''''', 'a', '22023', 'argument "within" must be positive'),
    ('interval ''-1 hour''', '''''', 'a', '22023', 'argument "within" must be positive'),
    ('interval ''1 month''', '''''', 'a', '22023', 'argument "within" must not have months or years, or be infinite'),
    ('NULL', '''''', 'a', '22004', 'argument "within" must not be null'),
    ('interval ''1 hour''', 'NULL', 'a', '22004', 'argument "mode" must not be null'),
    ('interval ''1 hour''', '''strict''', 'a', '22023', 'invalid mode of window_funnel: "strict"'),
    ('interval ''1 hour''', '''allow_reentry''', 'a', '22023', 'invalid mode of window_funnel: "allow_reentry"'),
    ('interval ''1 hour''', '''any_order,strict_once''', 'a', '22023', 'invalid mode of window_funnel: "any_order,strict_once"'),
    ('interval ''1 hour''', '''strict_once,strict_once''', 'a', '22023', 'invalid mode of window_funnel: "strict_once,strict_once"'),
    ('interval ''1 hour''', ''',''', 'a', '22023', 'invalid mode of window_funnel: ","'),
    ('interval ''1 hour''', '''''', '1', '42804', 'condition 1 of window_funnel is of type integer, not boolean'),
    ('interval ''1 hour''', '''''', 'a, ''t''', '42804', 'condition 2 of window_funnel is of type unknown, not boolean'),
    ('interval ''1 hour''', '''''', 'VARIADIC ARRAY[1]', '42804', 'condition 1 of window_funnel is of type integer[], not boolean[]'),
    ('interval ''1 hour''', '''''', 'VARIADIC ARRAY[]::boolean[]', '22023', 'window_funnel takes 1 to 64 conditions, not 0'),
    ('interval ''1 hour''', '''''', 'VARIADIC array_fill(true, ARRAY[65])', '22023', 'window_funnel takes 1 to 64 conditions, not 65'),
    ('interval ''1 hour''', '''''', 'VARIADIC ARRAY[ARRAY[true]]', '2202E', 'the array of conditions must have one dimension'),
    ('interval ''1 hour''', '''''', 'VARIADIC NULL::boolean[]', '22004', 'the array of conditions must not be null'),
    ('interval ''1 hour''', '''''', 'VARIADIC array_fill(true, ARRAY[1 + extract(hour FROM at - (SELECT min(at) FROM event))::int + CASE WHEN event = (SELECT e FROM event AS e ORDER BY at LIMIT 1) THEN 0 ELSE 1 END])', '22023', 'argument "conditions" must be the same for all rows'),
    ('interval ''1 hour''', '''''', array_to_string(array_fill('a'::text, ARRAY[65]), ', '), '54023', 'window_funnel takes at most 64 conditions'),
    ('interval ''1 hour'' * (1 + extract(hour FROM at)::int + random())', '''''', 'a', '22023', 'argument "within" must be the same for all rows'),
    ('interval ''1 hour''', 'CASE WHEN random() < 2 THEN repeat(''strict_once'', 1) || CASE WHEN event = (SELECT e FROM event AS e ORDER BY at LIMIT 1) THEN '''' ELSE '',first_start'' END END', 'a', '22023', 'argument "mode" must be the same for all rows')
) AS v (within, mode, conditions, state, message);
SELECT throws_ok($$SELECT smarketing.window_funnel('infinity', interval '1 hour', '', true)$$, '22008', 'an event must not have an infinite time');
SELECT throws_ok($$SELECT smarketing.window_funnel('-infinity', interval '1 hour', '', false)$$, '22008', 'an event must not have an infinite time');
SELECT throws_ok($$SELECT smarketing.window_funnel('20000-01-01', interval '1 hour', '', true)$$, '22008');
CREATE FUNCTION hint_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE hint text; BEGIN EXECUTE query; RETURN NULL; EXCEPTION WHEN others THEN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN hint; END $$;
SELECT matches(hint_of($$SELECT smarketing.window_funnel(now(), interval '1 hour', 'strict', true)$$), 'strict_order, strict_increase, strict_once, strict_deduplication.*allow_reentry.*any_order', 'the hint lists the legal modes');
SELECT throws_ok($$SELECT smarketing.window_funnel(at, interval '1 hour', '') FROM event$$, '42883');
SELECT * FROM finish();
