-- durations and stage_durations against SQL by hand on random logs; and equal results however they are computed.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(34);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;
SET search_path = public, smarketing;

-- A worked example: a visit that is repeated is one, one that is taken up again another; exits come last at one time.
CREATE TABLE log (entity bigint, stage smarketing.funnel_stage, at timestamptz);
INSERT INTO log VALUES (1, 'lead', '2026-01-01'), (1, 'lead', '2026-01-02'), (1, 'mql', '2026-01-03'), (1, 'lead', '2026-01-05'), (2, 'lead', '2026-01-01'), (2, 'lost', '2026-01-04'), (2, 'sql', '2026-01-04'),
    (NULL, 'won', '2026-01-09'), (3, NULL, '2026-01-09'), (3, 'won', NULL);
SELECT results_eq($$SELECT * FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM log), '2026-01-11')$$,
    $$VALUES ('lead', 3::bigint, 1::bigint, 264::float8, 60::float8, 69.6::float8), ('mql', 1, 0, 48, 48, 48), ('sql', 1, 0, 0, 0, 0), ('lost', 1, 1, 168, NULL, NULL)$$, 'a worked example');
SELECT results_eq($$SELECT stage, total_hours FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM log), NULL)$$,
    $$VALUES ('lead', 120::float8), ('mql', 48), ('sql', 0), ('lost', 24)$$, 'NULL is the last event');
SELECT is((SELECT smarketing.durations(entity, stage, at) FROM log WHERE false)::text, NULL, 'no row, no summary');
SELECT is_empty($$SELECT * FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM log WHERE entity = 3), now())$$, 'rows that are skipped have no stages');
SELECT is_empty($$SELECT * FROM smarketing.stage_durations(NULL, now())$$, 'no summary, no rows');

-- 10,000 random logs by hand: a row that differs from the one before begins a visit, the next one ends it.
CREATE TABLE event AS
SELECT e AS entity, (enum_range)[1 + (random() * 10)::int]::smarketing.funnel_stage AS stage, timestamptz '2026-01-01' + (random() * 900)::int * interval '97 seconds' AS at, (random() * 4)::int AS part
FROM generate_series(1, 10000) AS e, LATERAL generate_series(1, 1 + (random() * 6 + e * 0)::int) AS n,
    (SELECT ARRAY['disqualified', 'recycled', 'lost', 'churned', 'visitor', 'lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] AS enum_range) AS names;
CREATE VIEW place AS SELECT *, CASE WHEN stage < 'visitor' THEN 1 ELSE 0 END AS is_exit FROM event;
CREATE FUNCTION by_hand(as_of timestamptz) RETURNS TABLE (stage text, visits bigint, open bigint, total_hours numeric, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    WITH changed AS (SELECT entity, stage, at, is_exit FROM (SELECT *, lag(stage) OVER w AS before FROM place WINDOW w AS (PARTITION BY entity ORDER BY at, is_exit, stage)) AS t WHERE stage IS DISTINCT FROM before),
    visit AS (SELECT stage, at, lead(at) OVER (PARTITION BY entity ORDER BY at, is_exit, stage) AS ended FROM changed)
    SELECT stage::text, count(*), count(*) FILTER (WHERE ended IS NULL), round(sum(extract(epoch FROM coalesce(ended, as_of) - at)) / 3600, 6),
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended - at)::float8 / 3600))::numeric, 6), round((percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM ended - at)::float8 / 3600))::numeric, 6)
    FROM visit GROUP BY stage $$;
CREATE FUNCTION by_summary(as_of timestamptz) RETURNS TABLE (stage text, visits bigint, open bigint, total_hours numeric, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    SELECT stage, visits, open, round(total_hours::numeric, 6), round(median_hours::numeric, 6), round(p90_hours::numeric, 6) FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM event), as_of) $$;
SELECT cmp_ok((SELECT count(DISTINCT entity) FROM event), '=', 10000::bigint, '10,000 logs');
SELECT set_eq(format('SELECT * FROM by_summary(%L)', as_of), format('SELECT * FROM by_hand(%L)', as_of), 'as of ' || as_of)
FROM unnest(ARRAY['2026-01-12 00:00', '2026-02-28 13:37:00.000001', '2027-12-31']::timestamptz[]) AS as_of;
SELECT set_eq('SELECT * FROM by_summary(NULL)', 'SELECT * FROM by_hand((SELECT max(at) FROM event))', 'as of the last event');
SELECT is((SELECT array_agg(stage) FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM event), NULL)), '{visitor,lead,mql,sal,sql,opportunity,won,disqualified,recycled,lost,churned}'::text[], 'in the order of the way, then exits');

-- Equal however it is computed.
CREATE FUNCTION whole(source text DEFAULT 'event', entity text DEFAULT 'entity::bigint') RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT smarketing.durations(%s, stage, at)::text FROM %s', entity, source) INTO result; RETURN result; END $$;
SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';
CREATE TABLE expected AS SELECT whole() AS f;
CREATE TABLE by_part AS SELECT part, smarketing.durations(entity, stage, at) AS f FROM event GROUP BY part;
SELECT is(whole('(SELECT * FROM event ORDER BY at DESC, stage) AS e'), f, 'in another order of rows') FROM expected;
SELECT is(whole('event', 'md5(entity::text)::uuid'), f, 'keys as uuid') FROM expected;
SELECT is(whole('event', 'CASE entity % 4 WHEN 0 THEN repeat(''long'', 9) WHEN 1 THEN ''twenty bytes of text'' ELSE '''' END || entity'), f, 'keys as text') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.durations(entity, stage, at) AS p FROM event GROUP BY entity % 31) AS t), f, 'merged from parts') FROM expected;
SELECT is((SELECT smarketing.merge(p ORDER BY m DESC)::text FROM (SELECT entity % 31 AS m, smarketing.durations(entity, stage, at) AS p FROM event GROUP BY entity % 31) AS t), f, 'in another order') FROM expected;
SELECT is((SELECT smarketing.merge(nothing)::text FROM (SELECT NULL::smarketing.duration_summary AS nothing) AS t), NULL, 'nothing merged is nothing');
SELECT is(f::smarketing.duration_summary::text, f, 'its text is read again') FROM expected;
SET enable_hashagg = off;
SELECT results_eq('SELECT part, smarketing.durations(entity, stage, at)::text FROM event GROUP BY part ORDER BY part', 'SELECT part, f::text FROM by_part ORDER BY part', 'in sorted groups');
RESET enable_hashagg;
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT is(whole(), f, 'moved out') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.durations(entity, stage, at) AS p FROM event GROUP BY entity) AS t), f, 'many small groups') FROM expected;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
SELECT matches(plan_of('SELECT smarketing.durations(entity, stage, at) FROM event'), 'Finalize.*Gather.*Partial', 'the plan is parallel');
SELECT is(whole(), f, 'with workers that move out') FROM expected;
RESET work_mem; RESET hash_mem_multiplier;
SELECT is(whole(), f, 'with workers') FROM expected;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_part'), 'Partial Aggregate', 'merge is parallel, too');
SELECT is((SELECT smarketing.merge(f)::text FROM by_part), (SELECT smarketing.merge(f ORDER BY part)::text FROM by_part), 'and the same');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT smarketing.durations(entity, stage, at) FILTER (WHERE part = 2)::text FROM event), (SELECT f::text FROM by_part WHERE part = 2), 'with a filter');
SELECT is_empty($$SELECT * FROM (SELECT smarketing.durations(entity, stage, at) OVER (ORDER BY at)::text AS f, (SELECT smarketing.durations(entity, stage, at)::text FROM event AS b WHERE b.entity < 50 AND b.at <= a.at) AS g
    FROM event AS a WHERE entity < 50) AS t WHERE f <> g$$, 'OVER (ORDER BY at), in a subplan that is run again');
CREATE TABLE divided (LIKE event) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 4) AS n \gexec
INSERT INTO divided SELECT * FROM event;
SET enable_partitionwise_aggregate = on;
SELECT is(whole('divided'), f, 'over partitions') FROM expected;

-- Bad input.
SELECT throws_ok($$SELECT * FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM log), '2026-01-04 23:59')$$, '22023',
    'argument "as_of" (2026-01-04 23:59:00+00) is earlier than the last event of the summary (2026-01-05 00:00:00+00)');
SELECT throws_ok($$SELECT * FROM smarketing.stage_durations((SELECT smarketing.durations(entity, stage, at) FROM log), 'infinity')$$, '22008', 'argument "as_of" is out of range: infinity');
SELECT throws_ok($$SELECT smarketing.durations(1::bigint, 'won', 'infinity')$$, '22008', 'an event must not have an infinite time');
SELECT throws_ok($$SELECT smarketing.durations(1::bigint, 'wonn', now())$$, '22P02');
SELECT throws_ok($$SELECT '\x02'::smarketing.duration_summary$$, '22P02', 'invalid input syntax for type duration_summary: "\x02"');
SELECT * FROM finish();
