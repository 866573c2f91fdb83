-- The timeline engine on 5 million events: moved out at work_mem 64 kB, in memory and with workers the same bytes.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(42);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;
SET hash_mem_multiplier = 1;

CREATE UNLOGGED TABLE event AS
SELECT (random() * 1500000)::bigint AS entity, (1 + random() * 5)::int AS step, timestamptz '2026-01-01' + (random() * 7776000)::int * interval '1 second' AS at, (random() * 3)::int AS part
FROM generate_series(1, 5000000);
ANALYZE event;
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon": ["09:00-18:00"], "thu": ["09:00-12:30", "14:00-18:00"], "sat": ["00:00-12:00"]}') \g /dev/null
CREATE FUNCTION bytes(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT md5(string_agg(f, '' '' ORDER BY k)) FROM (%s) AS t (k, f)', query) INTO result; RETURN result; END $$;
CREATE TABLE query AS SELECT * FROM (VALUES
    ('funnel', 'SELECT 1, smarketing.funnel(entity, step, at, interval ''20 days'', ''ordered'')::text FROM event'),
    ('funnel, text keys of all lengths', 'SELECT 1, smarketing.funnel(CASE WHEN entity < 1000 THEN repeat(''long'', 9) WHEN entity % 2 = 0 THEN ''sixteen or more bytes'' ELSE '''' END || entity, step, at, interval ''20 days'', ''reached'')::text FROM event'),
    ('funnel by group, uuid', 'SELECT part, smarketing.funnel(lpad(to_hex(entity), 32, ''0'')::uuid, step, at, interval ''20 days'', ''any_order'')::text FROM event GROUP BY part'),
    ('durations', 'SELECT 1, smarketing.durations(entity, (ARRAY[''visitor'', ''lead'', ''mql'', ''sql'', ''won'', ''lost''])[step]::smarketing.funnel_stage, at)::text FROM event'),
    ('response', 'SELECT part, smarketing.response(entity, (ARRAY[''trigger'', ''trigger'', ''answer'', ''answer'', ''stop'', ''mail''])[step], at, interval ''8 hours'', ''office'')::text FROM event GROUP BY part'),
    ('attribution', 'SELECT part, smarketing.attribution(entity, CASE WHEN step = 5 THEN ''conversion'' WHEN step = 6 THEN ''lead'' ELSE ''touch'' END, at, ''channel '' || (entity * 7 + step) % 1500, part * 0.01, interval ''20 days'', interval ''5 days'')::text FROM event WHERE entity < 250000 GROUP BY part'),
    ('retention', 'SELECT 1, smarketing.retention(entity, ''product '' || entity % 1500, at, step * 7.5, ''week'', ''UTC'')::text FROM event WHERE entity < 250000'),
    ('window_funnel', 'SELECT entity / 100000, smarketing.window_funnel(at, interval ''10 minutes'', ''strict_once'', step = 1, step > 1, step > 2, step > 3)::text FROM event GROUP BY entity / 100000')) AS q (what, query);
SET max_parallel_workers_per_gather = 0; SET work_mem = '1GB';
CREATE TABLE expected AS SELECT what, query, bytes(query) AS b FROM query;
SELECT is(count(DISTINCT b), 8::bigint, 'eight answers') FROM expected;
-- Numbers are kept in partitions, texts are not.
SELECT is(bytes(replace(query, '(entity,', '(entity::text,')), b, what || ', by text keys') FROM expected WHERE what IN ('funnel', 'attribution', 'retention');
SET work_mem = '64kB';
SELECT is(bytes(query), b, what || ', moved out at 64 kB') FROM expected;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
SELECT matches(plan_of(query), 'Finalize.*Gather.*Partial', what || ' has a parallel plan') FROM expected;
SELECT is(bytes(query), b, what || ', moved out by workers') FROM expected;
SET work_mem = '512MB';
SELECT is(bytes(query), b, what || ', with workers in memory') FROM expected;
SET max_parallel_workers_per_gather = 0;
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT cmp_ok((SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()), '>', 100000000::bigint, 'the server counts what was moved out');
-- Memory, as the server counts it while groups are read: within the budget, 4 MB here, and what is outside of it.
CREATE FUNCTION memory() RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';
SET work_mem = '4MB'; SET enable_sort = off;
CREATE TABLE taken AS
SELECT 'baseline' AS what, memory() AS bytes
UNION ALL SELECT '100,000 groups, max(at)', max(m) FROM (SELECT max(at), CASE WHEN entity / 15 % 5000 = 0 THEN memory() END AS m FROM event GROUP BY entity / 15) AS t
UNION ALL SELECT '100,000 groups', max(m) FROM (SELECT smarketing.funnel(entity, step, at, interval '20 days', 'ordered'), CASE WHEN entity / 15 % 5000 = 0 THEN memory() END AS m FROM event GROUP BY entity / 15) AS t
UNION ALL SELECT '12 groups', max(m) FROM (SELECT smarketing.funnel(entity, step, at, interval '20 days', 'ordered'), memory() AS m FROM event GROUP BY entity % 12) AS t
UNION ALL SELECT 'one group', max(m) FROM (SELECT smarketing.funnel(entity, step, at, interval '20 days', 'ordered'), memory() AS m FROM event) AS t;
SELECT diag(format('%s: %s kB beyond what the session had', what, (bytes - (SELECT bytes FROM taken WHERE what = 'baseline')) / 1024)) FROM taken WHERE what <> 'baseline';
-- Of many groups the server's own hash table is most; what that takes differs by version.
SELECT cmp_ok(taken.bytes - outside.bytes, '<', budget::bigint * 1024 * 1024, 'memory of ' || taken.what)
FROM (VALUES ('100,000 groups', '100,000 groups, max(at)', 4), ('12 groups', 'baseline', 6), ('one group', 'baseline', 6)) AS allowed (what, besides, budget)
JOIN taken ON taken.what = allowed.what JOIN taken AS outside ON outside.what = allowed.besides;
RESET enable_sort;
-- What is written to the log of the server about temporary files is about ours, too.
SET work_mem = '64kB'; SET log_temp_files = 0;
SELECT set_config('smarketing_test.marker', '1', false) \g /dev/null
SELECT smarketing.funnel(entity, step, at, interval '20 days', 'ordered') FROM event WHERE entity < 100000 \g /dev/null
SELECT ok(pg_read_file('../server.log') ~ 'temporary file: path "base/pgsql_tmp/pgsql_tmp[0-9.]+", size [0-9]{6,}', 'log_temp_files logs the file');
RESET log_temp_files;
-- A partial state over 1 GB: 300 keys of 4 MB for each worker.
CREATE TABLE long AS SELECT n, timestamptz '2026-01-01' + n * interval '1 hour' AS at FROM generate_series(1, 2600) AS n;
ALTER TABLE long SET (parallel_workers = 2);
ANALYZE long;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; SET min_parallel_table_scan_size = 0; SET cpu_operator_cost = 10;
CREATE FUNCTION hint_of(query text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE query; RETURN NULL; EXCEPTION WHEN program_limit_exceeded THEN
    DECLARE hint text; BEGIN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN hint; END; END $$;
SELECT is(hint_of($$SELECT smarketing.funnel(repeat('k', 4000000) || n, 1, at, '5 days', 'ordered') FROM long WHERE n < 600$$), 'Run the query without workers: SET max_parallel_workers_per_gather = 0.', 'a partial state over 1 GB is 54000, with a hint');
SELECT * FROM finish();
