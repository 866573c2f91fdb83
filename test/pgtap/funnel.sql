-- funnel against a slow, plain reference that tries every start; and equal results however it is computed.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(86);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;

-- 10,000 small timelines: few times, so that many are equal.
CREATE TABLE event AS
SELECT e AS entity, (1 + random() * random() * 5)::int AS step, timestamptz '2026-01-01' + (random() * 20)::int * interval '1 hour' AS at
FROM generate_series(1, 10000) AS e, LATERAL generate_series(1, 1 + (random() * random() * 9 + e * 0)::int) AS n;
CREATE INDEX ON event (entity);
CREATE TABLE list AS SELECT entity, array_agg(step ORDER BY at, step) AS steps, array_agg(extract(epoch FROM at)::bigint / 3600 ORDER BY at, step) AS hours FROM event GROUP BY entity;
-- The times of the chain of one start; -1 where it is none. Hours from there on, the end included.
CREATE FUNCTION chain(steps int[], hours bigint[], start int, within int, mode text) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE result bigint[] := '{}'; seen int[] := '{}'; i int; top int := 0;
BEGIN
    -- What came before the first start of all came with it.
    IF mode = 'reached' AND NOT EXISTS (SELECT FROM unnest(steps[:start - 1]) AS s WHERE s = steps[start]) THEN
        SELECT coalesce(array_agg(hours[start]), '{}') INTO result FROM generate_series(1, (SELECT max(s) FROM unnest(steps[:start - 1]) AS s));
    END IF;
    FOR i IN start .. cardinality(steps) LOOP
        EXIT WHEN hours[i] > hours[start] + within;
        IF mode = 'ordered' THEN
            IF steps[i] = cardinality(result) + 1 THEN result := result || hours[i]; END IF;
        ELSIF mode = 'any_order' THEN
            IF NOT steps[i] = ANY (seen) THEN seen := seen || steps[i]; result := result || hours[i]; END IF;
        ELSE
            WHILE steps[i] > cardinality(result) LOOP result := result || hours[i]; END LOOP;
        END IF;
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION is_start(steps int[], hours bigint[], start int, mode text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE mode WHEN 'ordered' THEN steps[start] = 1 WHEN 'any_order' THEN start = 1 OR (SELECT hours[start] <> hours[start - 1]) ELSE steps[start] = (SELECT min(s) FROM unnest(steps) AS s) END $$;
-- The deepest, then the first to be complete, then the last to start; or the chain of the first start.
CREATE FUNCTION deepest(steps int[], hours bigint[], within int, mode text, first_start boolean) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((SELECT c FROM (SELECT s, chain(steps, hours, s, within, mode) AS c FROM generate_series(1, cardinality(steps)) AS s WHERE is_start(steps, hours, s, mode)) AS t
        ORDER BY CASE WHEN first_start THEN s END, cardinality(c) DESC, c[cardinality(c)], s DESC LIMIT 1), '{}') $$;
CREATE TABLE failure (entity int, mode text, expected bigint[], found text);
SELECT is((SELECT count(*) FROM list), 10000::bigint, '10,000 timelines');
SELECT is_empty(format($f$
    SELECT list.entity, expected, found FROM list,
        LATERAL (SELECT deepest(steps, hours, %1$s, %2$L, %3$L) AS expected) AS e,
        LATERAL (SELECT array_agg((step, entities, round(median_hours::numeric, 6))::text ORDER BY step) FILTER (WHERE entities > 0) AS found
                 FROM (SELECT smarketing.funnel(entity, step, at, interval '%1$s hours', %4$L) AS f FROM event WHERE event.entity = list.entity) AS one, smarketing.funnel_steps(f)) AS g
    WHERE found IS DISTINCT FROM (SELECT array_agg((i, 1, CASE WHEN i > 1 THEN round((expected[i] - expected[i - 1])::numeric, 6) END)::text ORDER BY i) FROM generate_subscripts(expected, 1) AS i)
    LIMIT 5$f$, within, m, first_start, m || CASE WHEN first_start THEN ',first_start' ELSE '' END), format('%s%s within %s hours', m, CASE WHEN first_start THEN ', first start' ELSE '' END, within))
FROM unnest('{reached,ordered,any_order}'::text[]) AS m, unnest('{f,t}'::boolean[]) AS first_start, unnest('{3,12}'::int[]) AS within;

-- Stages: exits are skipped, and no stage before the lowest is shown.
CREATE TABLE stage (entity bigint, stage smarketing.funnel_stage, at timestamptz);
INSERT INTO stage VALUES (1, 'lead', '2026-01-01'), (1, 'mql', '2026-01-02'), (1, 'won', '2026-01-05'), (2, 'lead', '2026-01-01'), (2, 'sql', '2026-01-11'), (2, 'lost', '2026-01-12'),
    (3, 'lead', '2026-01-01'), (3, 'won', '2026-06-01'), (4, 'disqualified', '2026-01-01'), (NULL, 'won', '2026-01-01'), (5, NULL, '2026-01-01'), (5, 'won', NULL);
SELECT results_eq($$SELECT step, stage, entities, median_hours FROM smarketing.funnel_steps((SELECT smarketing.funnel(entity, stage, at, interval '90 days') FROM stage))$$,
    $$VALUES (1, 'lead', 3::bigint, NULL::float8), (2, 'mql', 2, 132), (3, 'sal', 2, 36), (4, 'sql', 2, 0), (5, 'opportunity', 1, 0), (6, 'won', 1, 0)$$, 'a worked example');
SELECT is((SELECT smarketing.funnel(entity, stage, at, interval '90 days') FROM stage WHERE false)::text, NULL, 'nothing has no funnel');
SELECT is_empty($$SELECT * FROM smarketing.funnel_steps((SELECT smarketing.funnel(entity, stage, at, interval '90 days') FROM stage WHERE entity = 4))$$, 'exits alone have no steps');
SELECT is((SELECT entities FROM smarketing.funnel_steps((SELECT smarketing.funnel(entity, stage, at, interval '4 days') FROM stage)) WHERE stage = 'won'), 1::bigint, 'the window includes its end');
SELECT is((SELECT entities FROM smarketing.funnel_steps((SELECT smarketing.funnel(entity, stage, at, interval '4 days' - interval '1 microsecond') FROM stage)) WHERE stage = 'won'), 0::bigint, 'and no more');

-- A stage that is dated before the lowest one counts as if it came with it.
SELECT results_eq($$SELECT stage, entities, median_hours FROM smarketing.funnel_steps((SELECT smarketing.funnel(1::bigint, s::smarketing.funnel_stage, at::timestamptz, '365 days') FROM (VALUES ('sql', '2026-01-01 00:00'), ('lead', '2026-01-01 09:00'), ('won', '2026-01-03 09:00')) AS v (s, at)))$$,
    $$VALUES ('lead', 1::bigint, NULL::float8), ('mql', 1, 0), ('sal', 1, 0), ('sql', 1, 0), ('opportunity', 1, 48), ('won', 1, 0)$$, 'a stage dated before the first');
SELECT is((SELECT entities FROM smarketing.funnel_steps((SELECT smarketing.funnel(1::bigint, s::smarketing.funnel_stage, at::timestamptz, '1 day') FROM (VALUES ('won', '2026-01-01'), ('visitor', '2026-05-02')) AS v (s, at))) WHERE stage = 'won'), 1::bigint, 'a customer who comes back as a visitor is one');
-- Partitions, each aggregated by itself; and a window that is written in another way.
CREATE TABLE divided (entity bigint, step int, at timestamptz, within interval, mode text) PARTITION BY LIST (step);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(1, 6) AS n \gexec
INSERT INTO divided SELECT entity, step, at, CASE WHEN step = 1 THEN interval '1 day' ELSE '24 hours' END, CASE WHEN step = 2 THEN ' ordered' ELSE 'ordered' END FROM event;
ANALYZE divided;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
SET enable_partitionwise_aggregate = on;
SELECT matches(plan_of($$SELECT smarketing.funnel(entity, step, at, within, mode) FROM divided$$), 'Finalize.*Append.*Partial', 'over partitions, each aggregated by itself');
SELECT is((SELECT smarketing.funnel(entity, step, at, within, mode)::text FROM divided), (SELECT smarketing.funnel(entity, step, at, interval '1 day', 'ordered')::text FROM event), 'and equal, a day being 24 hours');
SET enable_partitionwise_aggregate = off;
SELECT is((SELECT smarketing.funnel(entity, step, at, within, mode)::text FROM divided), (SELECT smarketing.funnel(entity, step, at, interval '1 day', 'ordered')::text FROM event), 'and as one');

-- Equal however it is computed.
CREATE TABLE big AS SELECT (random() * 20000)::bigint AS entity, (1 + random() * 6)::bigint AS step, timestamptz '2026-01-01' + random() * interval '100 days' AS at, (random() * 5)::int AS part FROM generate_series(1, 100000);
ANALYZE big;
CREATE FUNCTION whole() RETURNS text LANGUAGE sql AS $$ SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text FROM big $$;
SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';
CREATE TABLE expected AS SELECT whole() AS f;
CREATE TABLE by_part AS SELECT part, smarketing.funnel(entity, step, at, interval '30 days', 'ordered') AS f FROM big GROUP BY part;
SELECT is((SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text FROM (SELECT * FROM big ORDER BY at DESC) AS b), f, 'in another order of rows') FROM expected;
SELECT is((SELECT smarketing.funnel(entity::text, step, at, interval '30 days', 'ordered')::text FROM big), f, 'keys as text') FROM expected;
SELECT is((SELECT smarketing.funnel(lpad(entity::text, 20, 'x'), step, at, interval '30 days', 'ordered')::text FROM big), f, 'of twenty bytes') FROM expected;
SELECT is((SELECT smarketing.funnel(CASE WHEN entity % 3 = 0 THEN repeat('y', 100) ELSE '' END || entity, step, at, interval '30 days', 'ordered')::text FROM big), f, 'some of a hundred') FROM expected;
SELECT is((SELECT smarketing.funnel(md5(entity::text)::uuid, step, at, interval '30 days', 'ordered')::text FROM big), f, 'keys as uuid') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered') AS p FROM big GROUP BY entity % 97) AS parts), f, 'merged from parts') FROM expected;
SELECT is((SELECT smarketing.merge(p ORDER BY m DESC)::text FROM (SELECT entity % 97 AS m, smarketing.funnel(entity, step, at, interval '30 days', 'ordered') AS p FROM big GROUP BY entity % 97) AS parts), f, 'in another order of parts') FROM expected;
SET enable_hashagg = off;
SELECT results_eq('SELECT part, smarketing.funnel(entity, step, at, interval ''30 days'', ''ordered'')::text FROM big GROUP BY part ORDER BY part', 'SELECT part, f::text FROM by_part ORDER BY part', 'in sorted groups');
SELECT results_eq('SELECT part, smarketing.funnel(entity, step, at, interval ''30 days'', ''ordered'')::text FROM big GROUP BY ROLLUP (part) ORDER BY part', 'SELECT part, f::text FROM by_part UNION ALL SELECT NULL, f FROM expected ORDER BY 1', 'in several levels of groups');
RESET enable_hashagg;
SELECT results_eq('SELECT part, smarketing.funnel(entity, step, at, interval ''30 days'', ''ordered'')::text FROM big GROUP BY GROUPING SETS ((part), (part)) ORDER BY part', 'SELECT part, f::text FROM by_part UNION ALL SELECT part, f::text FROM by_part ORDER BY 1', 'in two sets of groups');
SELECT is((SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered') FILTER (WHERE part = 2)::text FROM big), (SELECT f::text FROM by_part WHERE part = 2), 'with a filter');
-- Within 64 kB: everything is moved out again and again.
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT is(whole(), f, 'moved out') FROM expected;
SELECT results_eq('SELECT part, smarketing.funnel(entity, step, at, interval ''30 days'', ''ordered'')::text FROM big GROUP BY part ORDER BY part', 'SELECT part, f::text FROM by_part ORDER BY part', 'by groups');
SELECT is((SELECT smarketing.funnel(CASE WHEN entity % 3 = 0 THEN repeat('y', 100) WHEN entity % 3 = 1 THEN 'zzzzzzzzzzzzzzz' ELSE '' END || entity, step, at, interval '30 days', 'ordered')::text FROM big), f, 'keys of all lengths') FROM expected;
SELECT is((SELECT count(*) FROM (SELECT entity, smarketing.funnel(entity, step, at, interval '30 days', 'ordered') AS p FROM big GROUP BY entity) AS g), (SELECT count(DISTINCT entity) FROM big), 'many small groups');
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered') AS p FROM big GROUP BY entity) AS g), f, 'which merge to the same') FROM expected;
-- In parallel.
SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT matches(plan_of($$SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered') FROM big$$), 'Finalize Aggregate.*Gather.*Partial Aggregate', 'the plan is parallel');
SELECT is(whole(), f, 'with workers') FROM expected;
SELECT is((SELECT smarketing.funnel(CASE WHEN entity % 3 = 0 THEN repeat('y', 100) ELSE '' END || entity, step, at, interval '30 days', 'ordered')::text FROM big), f, 'with workers, long keys') FROM expected;
SELECT results_eq('SELECT part, smarketing.funnel(entity, step, at, interval ''30 days'', ''ordered'')::text FROM big GROUP BY part ORDER BY part', 'SELECT part, f::text FROM by_part ORDER BY part', 'by groups');
SET work_mem = '64kB';
SELECT is(whole(), f, 'with workers that move out') FROM expected;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_part'), 'Partial Aggregate', 'merge is parallel, too');
SELECT is((SELECT smarketing.merge(f)::text FROM by_part), (SELECT smarketing.merge(f ORDER BY part)::text FROM by_part), 'and the same');
RESET work_mem; SET max_parallel_workers_per_gather = 0;
-- As a window function the state is read again and again.
SELECT is_empty($$SELECT * FROM (SELECT at, smarketing.funnel(entity, step, at, interval '30 days', 'ordered') OVER (ORDER BY at)::text AS f, (SELECT smarketing.funnel(entity, step, b.at, interval '30 days', 'ordered')::text FROM big AS b WHERE b.entity < 10 AND b.at <= a.at) AS g
    FROM big AS a WHERE entity < 10) AS t WHERE f <> g$$, 'OVER (ORDER BY at)');
SELECT is_empty($$SELECT e FROM (SELECT DISTINCT entity AS e FROM big WHERE entity < 20) AS t, LATERAL (SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text AS f FROM big WHERE entity = t.e OFFSET 0) AS one
    WHERE f <> (SELECT smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text FROM big WHERE entity = t.e)$$, 'in a subplan that is run again');
-- No file stays behind: after the end, an error, a cancel, a cursor that is closed early.
SET work_mem = '64kB'; SET hash_mem_multiplier = 1; SET max_parallel_workers_per_gather = 0;
SELECT is(whole(), f, 'moved out once more') FROM expected;
SELECT is((SELECT count(*) FROM pg_ls_tmpdir()), 0::bigint, 'its file is gone');
SELECT throws_ok($$SELECT smarketing.funnel(entity, CASE WHEN n = 100000 THEN 65 ELSE step END, at, interval '30 days', 'ordered') FROM (SELECT *, row_number() OVER () AS n FROM big) AS b$$, '22023', 'step of a funnel must be from 1 to 64, not 65');
SELECT is((SELECT count(*) FROM pg_ls_tmpdir()), 0::bigint, 'after an error, too');
CREATE FUNCTION is_cancelled(query text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE query; RETURN false; EXCEPTION WHEN query_canceled THEN RETURN true; END $$;
SET statement_timeout = '400ms';
SELECT ok(is_cancelled($$SELECT smarketing.funnel(b.entity, b.step, b.at, interval '30 days', 'ordered') FROM big AS b, generate_series(1, 1000)$$), 'it can be cancelled');
RESET statement_timeout;
SELECT is((SELECT count(*) FROM pg_ls_tmpdir()), 0::bigint, 'after a cancel, too');
BEGIN;
DECLARE opened CURSOR FOR SELECT part, length(smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text) FROM big GROUP BY part;
FETCH 1 FROM opened \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM pg_ls_tmpdir()), '>', 0::bigint, 'an open cursor has its file');
CLOSE opened;
SELECT is((SELECT count(*) FROM pg_ls_tmpdir()), 0::bigint, 'a closed one has not');
COMMIT;
-- Nor after the end of a backend.
\setenv PGDATABASE :DBNAME
\! psql -Xq -c "SET work_mem = '64kB'" -c "SET hash_mem_multiplier = 1" -c "BEGIN" -c "DECLARE opened CURSOR FOR SELECT part, length(smarketing.funnel(entity, step, at, interval '30 days', 'ordered')::text) FROM big GROUP BY part" -c "FETCH 1 FROM opened" -c "SELECT pg_sleep(60), 'waits'" >/dev/null 2>&1 &
CREATE PROCEDURE wait_until(condition text) LANGUAGE plpgsql AS $$ DECLARE is_true boolean; BEGIN
    FOR i IN 1 .. 600 LOOP EXECUTE 'SELECT ' || condition INTO is_true; EXIT WHEN is_true; COMMIT; PERFORM pg_sleep(0.05); END LOOP; END $$;
CALL wait_until($$EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%waits%' AND pid <> pg_backend_pid() AND wait_event = 'PgSleep')$$);
SELECT cmp_ok((SELECT count(*) FROM pg_ls_tmpdir()), '>', 0::bigint, 'another backend has its file');
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%waits%' AND pid <> pg_backend_pid() \g /dev/null
CALL wait_until($$NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%waits%' AND pid <> pg_backend_pid())$$);
SELECT is((SELECT count(*) FROM pg_ls_tmpdir()), 0::bigint, 'ended by force, it has not');
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT cmp_ok((SELECT temp_files FROM pg_stat_database WHERE datname = current_database()), '>', 5::bigint, 'the server counts them');
RESET work_mem; RESET hash_mem_multiplier;
-- Bad input.
CREATE FUNCTION call(entity text, step text, at text, within text, mode text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT smarketing.funnel(%s, %s, %s, %s%s)::text FROM stage WHERE entity IN (1, 2)', entity, step, at, within, CASE WHEN mode <> '' THEN ', ' || mode ELSE '' END) INTO result; RETURN result; END $$;
SELECT throws_ok(format('SELECT call(%L, %L, %L, %L, %L)', 'entity', step, at, within, mode), state, message) FROM (VALUES
    ('stage', 'at', 'interval ''0''', '', '22023', 'argument "within" must be positive'),
    ('stage', 'at', 'interval ''-1 day''', '', '22023', 'argument "within" must be positive'),
    ('stage', 'at', 'interval ''1 month''', '', '22023', 'argument "within" must not have months or years, or be infinite'),
    ('stage', 'at', 'interval ''2000000000 days''', '', '22023', 'argument "within" is too long'),
    ('stage', 'at', 'interval ''213503983 days''', '', '22023', 'argument "within" is too long'),
    ('stage', 'at', 'NULL::interval', '', '22004', 'argument "within" must not be null'),
    ('stage', 'at', 'interval ''1 day'' * (1 + entity)', '', '22023', 'argument "within" must be the same for all rows'),
    ('1::bigint', 'at', 'interval ''1 day''', '''fastest''', '22023', 'invalid mode of a funnel: "fastest"'),
    ('1::bigint', 'at', 'interval ''1 day''', '''reached,ordered''', '22023', 'invalid mode of a funnel: "reached,ordered"'),
    ('1::bigint', 'at', 'interval ''1 day''', '''first_start''', '22023', 'invalid mode of a funnel: "first_start"'),
    ('1::bigint', 'at', 'interval ''1 day''', '''''', '22023', 'invalid mode of a funnel: ""'),
    ('1::bigint', 'at', 'interval ''1 day''', 'NULL::text', '22004', 'argument "mode" must not be null'),
    ('1::bigint', 'at', 'interval ''1 day''', 'CASE entity WHEN 1 THEN ''reached'' ELSE ''ordered'' END', '22023', 'argument "mode" must be the same for all rows'),
    ('0::bigint', 'at', 'interval ''1 day''', '''ordered''', '22023', 'step of a funnel must be from 1 to 64, not 0'),
    ('65::bigint', 'at', 'interval ''1 day''', '''ordered''', '22023', 'step of a funnel must be from 1 to 64, not 65'),
    ('stage', 'timestamptz ''infinity''', 'interval ''1 day''', '', '22008', 'an event must not have an infinite time'),
    ('stage', 'timestamptz ''9000-01-01''', 'interval ''1 day''', '', '22008', NULL)) AS t (step, at, within, mode, state, message);
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.funnel(entity, stage, at, interval '1 day') AS f FROM stage UNION ALL SELECT smarketing.funnel(entity, stage, at, interval '2 days') FROM stage) AS t$$, '22000', 'values of type funnel_summary with different windows cannot be merged');
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.funnel(entity, stage, at, interval '1 day') AS f FROM stage UNION ALL SELECT smarketing.funnel(entity, 1, at, interval '1 day', 'reached') FROM stage) AS t$$, '22000', 'values of type funnel_summary with different steps cannot be merged');
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.funnel(entity, 1, at, interval '1 day', 'ordered') AS f FROM stage UNION ALL SELECT smarketing.funnel(entity, 1, at, interval '1 day', 'reached') FROM stage) AS t$$, '22000', 'values of type funnel_summary with different modes cannot be merged');
-- One step, of 2^63 - 1 entities and of one.
SELECT throws_ok($$SELECT smarketing.merge(f) FROM unnest(ARRAY['\x01000203010000ffffffffffffff7f', '\x01000203010003']::smarketing.funnel_summary[]) AS f$$, '22003', 'bigint out of range', 'a sum that has no room');
SELECT throws_ok($$SELECT '\x0102'::smarketing.funnel_summary$$, '22P02');
SELECT throws_ok($$SELECT 'x'::smarketing.funnel_summary$$, '22P02', 'invalid input syntax for type funnel_summary: "x"');
SELECT is(f::text::smarketing.funnel_summary::text, f::text, 'the text form is read as it was written') FROM by_part WHERE part = 1;
SELECT is((SELECT entities FROM (SELECT smarketing.funnel(repeat('k', 1000000) || entity, stage, at, interval '1 day') AS f FROM stage) AS t, smarketing.funnel_steps(f) WHERE step = 1), 3::bigint, 'keys of a million bytes');
CREATE FUNCTION detail_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE detail text; BEGIN EXECUTE query; RETURN NULL; EXCEPTION WHEN others THEN GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL; RETURN detail; END $$;
SELECT is(detail_of($$SELECT smarketing.merge(f) FROM (SELECT smarketing.funnel(entity, stage, at, interval '1 day') AS f FROM stage UNION ALL SELECT smarketing.funnel(entity, stage, at, interval '2 days') FROM stage) AS t$$), 'One has a window of 24:00:00, the other of 48:00:00.', 'merge names both windows');
SELECT throws_ok(format('SELECT smarketing.funnel(1::bigint, 1, now(), interval ''1 day'', repeat(%L, 1000))', 'x'), '22023', 'invalid mode of a funnel: "' || repeat('x', 120) || '..."', 'not more of a mode than a line');
SELECT * FROM finish();
