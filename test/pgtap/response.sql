-- response and responses against SQL by hand on random events; and equal results however they are computed.
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

-- A worked example: 4 hours. 1 is answered at the limit, 2 a microsecond after it, 3 before it asked and never again,
-- 4 asks twice and is answered once, 5 is stopped in time and 6 too late, 7 has all at one time.
CREATE TABLE log (entity bigint, event text, at timestamptz);
INSERT INTO log VALUES (1, 'trigger', '2026-01-01 10:00'), (1, 'answer', '2026-01-01 14:00'), (2, 'trigger', '2026-01-01 10:00'), (2, 'answer', '2026-01-01 14:00:00.000001'), (2, 'answer', '2026-01-01 14:30'),
    (3, 'answer', '2026-01-01 09:00'), (3, 'trigger', '2026-01-01 13:00'), (4, 'trigger', '2026-01-01 10:00'), (4, 'trigger', '2026-01-01 12:00'), (4, 'answer', '2026-01-01 15:00'),
    (5, 'trigger', '2026-01-01 10:00'), (5, 'stop', '2026-01-01 14:00'), (5, 'answer', '2026-01-01 14:00:01'), (6, 'trigger', '2026-01-01 10:00'), (6, 'stop', '2026-01-01 14:00:00.000001'),
    (7, 'stop', '2026-01-01 16:00'), (7, 'answer', '2026-01-01 16:00'), (7, 'trigger', '2026-01-01 16:00'), (8, 'answer', '2026-01-01 16:30'), (8, 'seen', 'infinity'),
    (NULL, 'trigger', '2026-02-01'), (9, NULL, '2026-02-01'), (9, 'trigger', NULL), (9, 'Trigger', '2026-02-01'), (9, 'triggers', '2026-02-01'), (9, '', '2026-02-01');
CREATE VIEW of_log AS SELECT smarketing.response(entity, event, at, '4 hours', NULL) AS summary FROM log;
SELECT results_eq($$SELECT triggers, answered, in_time, late, unanswered, running, compliance, median_hours, round(p90_hours::numeric, 6) FROM of_log, smarketing.responses(summary, '2026-01-01 17:00')$$,
    $$VALUES (8::bigint, 5::bigint, 3::bigint, 2::bigint, 1::bigint, 1::bigint, 0.5::float8, 4::float8, 4.600000)$$, 'a worked example: at its due time a trigger is running');
SELECT results_eq($$SELECT unanswered, running, compliance FROM of_log, smarketing.responses(summary, '2026-01-01 17:00:00.000001')$$, $$VALUES (2::bigint, 0::bigint, 3 / 7::float8)$$, 'and after it unanswered');
SELECT results_eq($$SELECT unanswered, running FROM of_log, smarketing.responses(summary, NULL)$$, $$VALUES (1::bigint, 1::bigint)$$, 'NULL is the last event');
SELECT is((SELECT smarketing.response(entity, event, at, '4 hours', NULL) FROM log WHERE false)::text, NULL, 'no row, no summary');
SELECT results_eq($$SELECT * FROM smarketing.responses((SELECT smarketing.response(entity, event, at, '4 hours', NULL) FROM log WHERE entity = 9), '2026-01-01')$$,
    $$VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::float8, NULL::float8, NULL::float8)$$, 'rows that are skipped are no triggers');
SELECT results_eq($$SELECT triggers, compliance FROM smarketing.responses((SELECT smarketing.response(entity, event, at, '4 hours', NULL) FROM log WHERE entity = 8), NULL)$$, $$VALUES (0::bigint, NULL::float8)$$, 'answers without triggers are none');
SELECT is_empty($$SELECT * FROM smarketing.responses(NULL, now())$$, 'no summary, no row');

-- 10,000 entities with random events by hand: of each trigger the first event that ends its clock.
CREATE TABLE event AS
SELECT e AS entity, (ARRAY['trigger', 'trigger', 'trigger', 'answer', 'answer', 'stop', 'mail'])[1 + (random() * 6)::int] AS event, timestamptz '2026-01-01' + (random() * 900)::int * interval '97 seconds' AS at, (random() * 4)::int AS part
FROM generate_series(1, 10000) AS e, LATERAL generate_series(1, 1 + (random() * 6 + e * 0)::int) AS n;
CREATE INDEX ON event (entity, at);
CREATE TABLE clock AS
SELECT t.entity, t.at, e.event, e.at AS ended FROM (SELECT entity, at FROM event WHERE event = 'trigger') AS t LEFT JOIN LATERAL (SELECT * FROM event AS e WHERE e.entity = t.entity AND e.event IN ('answer', 'stop') AND e.at >= t.at ORDER BY e.at, e.event LIMIT 1) AS e ON true;
CREATE FUNCTION by_hand(within interval, as_of timestamptz) RETURNS TABLE (triggers bigint, answered bigint, in_time bigint, late bigint, unanswered bigint, running bigint, compliance numeric, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    SELECT triggers, answered, in_time, answered - in_time, unanswered, running, round(in_time::numeric / nullif(answered + unanswered, 0), 9), round(median::numeric, 6), round(p90::numeric, 6)
    FROM (SELECT count(*) AS triggers, count(*) FILTER (WHERE event = 'answer') AS answered, count(*) FILTER (WHERE event = 'answer' AND ended <= at + within) AS in_time,
            count(*) FILTER (WHERE event IS NULL AND at + within < as_of OR event = 'stop' AND ended > at + within) AS unanswered, count(*) FILTER (WHERE event IS NULL AND at + within >= as_of) AS running,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended - at)::float8 / 3600) FILTER (WHERE event = 'answer') AS median, percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM ended - at)::float8 / 3600) FILTER (WHERE event = 'answer') AS p90
        FROM clock) AS t $$;
CREATE FUNCTION by_summary(within interval, as_of timestamptz) RETURNS TABLE (triggers bigint, answered bigint, in_time bigint, late bigint, unanswered bigint, running bigint, compliance numeric, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    SELECT triggers, answered, in_time, late, unanswered, running, round(compliance::numeric, 9), round(median_hours::numeric, 6), round(p90_hours::numeric, 6) FROM smarketing.responses((SELECT smarketing.response(entity, event, at, within, NULL) FROM event), as_of) $$;
SELECT cmp_ok((SELECT count(DISTINCT entity) FROM event), '=', 10000::bigint, '10,000 entities');
SELECT results_eq(format('SELECT * FROM by_summary(%L, %L)', within, as_of), format('SELECT * FROM by_hand(%L, %L)', within, as_of), format('within %s, as of %s', within, as_of))
FROM unnest(ARRAY['97 seconds', '1 hour 37 minutes', '5 hours 23 minutes 21 seconds', '2 days']::interval[]) AS within, unnest(ARRAY['2026-01-02 01:00', '2026-01-02 01:28:17.000001', '2027-12-31']::timestamptz[]) AS as_of;
SELECT results_eq($$SELECT * FROM by_summary('3 hours', NULL)$$, $$SELECT * FROM by_hand('3 hours', (SELECT max(at) FROM event WHERE event <> 'mail'))$$, 'as of the last event');

-- Equal however it is computed.
CREATE FUNCTION whole(source text DEFAULT 'event', entity text DEFAULT 'entity::bigint') RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT smarketing.response(%s, event, at, ''3 hours'', NULL)::text FROM %s', entity, source) INTO result; RETURN result; END $$;
SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';
CREATE TABLE expected AS SELECT whole() AS f;
CREATE TABLE by_part AS SELECT part, smarketing.response(entity, event, at, '3 hours', NULL) AS f FROM event GROUP BY part;
SELECT is(whole('(SELECT * FROM event ORDER BY at DESC, event) AS e'), f, 'in another order of rows') FROM expected;
SELECT is(whole('event', 'md5(entity::text)::uuid'), f, 'keys as uuid') FROM expected;
SELECT is(whole('event', 'CASE entity % 4 WHEN 0 THEN repeat(''long'', 9) WHEN 1 THEN ''twenty bytes of text'' ELSE '''' END || entity'), f, 'keys as text') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.response(entity, event, at, '3 hours', NULL) AS p FROM event GROUP BY entity % 31) AS t), f, 'merged from parts') FROM expected;
SELECT is((SELECT smarketing.merge(p ORDER BY m DESC)::text FROM (SELECT entity % 31 AS m, smarketing.response(entity, event, at, '3 hours', NULL) AS p FROM event GROUP BY entity % 31) AS t), f, 'in another order') FROM expected;
SELECT is((SELECT smarketing.merge(nothing)::text FROM (SELECT NULL::smarketing.response_summary AS nothing) AS t), NULL, 'nothing merged is nothing');
SELECT is(f::smarketing.response_summary::text, f, 'its text is read again') FROM expected;
SET enable_hashagg = off;
SELECT results_eq($$SELECT part, smarketing.response(entity, event, at, '3 hours', NULL)::text FROM event GROUP BY part ORDER BY part$$, 'SELECT part, f::text FROM by_part ORDER BY part', 'in sorted groups');
RESET enable_hashagg;
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT is(whole(), f, 'moved out') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.response(entity, event, at, '3 hours', NULL) AS p FROM event GROUP BY entity) AS t), f, 'many small groups') FROM expected;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
SELECT matches(plan_of($$SELECT smarketing.response(entity, event, at, '3 hours', NULL) FROM event$$), 'Finalize.*Gather.*Partial', 'the plan is parallel');
SELECT is(whole(), f, 'with workers that move out') FROM expected;
RESET work_mem; RESET hash_mem_multiplier;
SELECT is(whole(), f, 'with workers') FROM expected;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_part'), 'Partial Aggregate', 'merge is parallel, too');
SELECT is((SELECT smarketing.merge(f)::text FROM by_part), (SELECT smarketing.merge(f ORDER BY part)::text FROM by_part), 'and the same');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT smarketing.response(entity, event, at, '3 hours', NULL) FILTER (WHERE part = 2)::text FROM event), (SELECT f::text FROM by_part WHERE part = 2), 'with a filter');
SELECT is_empty($$SELECT * FROM (SELECT smarketing.response(entity, event, at, '3 hours', NULL) OVER (ORDER BY at)::text AS f, (SELECT smarketing.response(entity, event, at, '3 hours', NULL)::text FROM event AS b WHERE b.entity < 50 AND b.at <= a.at) AS g
    FROM event AS a WHERE entity < 50) AS t WHERE f <> g$$, 'OVER (ORDER BY at), in a subplan that is run again');
CREATE TABLE divided (LIKE event) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 4) AS n \gexec
INSERT INTO divided SELECT * FROM event;
SET enable_partitionwise_aggregate = on;
SELECT is(whole('divided'), f, 'over partitions') FROM expected;

-- Bad input.
SELECT throws_ok($$SELECT * FROM of_log, smarketing.responses(summary, '2026-01-01 16:29')$$, '22023',
    'argument "as_of" (2026-01-01 16:29:00+00) is earlier than the last event of the summary (2026-01-01 16:30:00+00)');
SELECT throws_ok($$SELECT * FROM of_log, smarketing.responses(summary, 'infinity')$$, '22008', 'argument "as_of" is out of range: infinity');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', 'infinity', '1 hour', NULL)$$, '22008', 'an event must not have an infinite time');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), NULL, NULL)$$, '22004', 'argument "within" must not be null');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), '0', NULL)$$, '22023', 'argument "within" must be positive');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), '1 month', NULL)$$, '22023', 'argument "within" must not have months or years, or be infinite');
SELECT throws_ok($$SELECT smarketing.response(entity, event, at, interval '1 hour' * entity, NULL) FROM event$$, '22023', 'argument "within" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.response(entity, event, at, interval '1 hour' * part, NULL) AS f FROM event WHERE part > 0 GROUP BY part ORDER BY part) AS t$$, '22000', 'values of type response_summary with different limits cannot be merged');
SELECT throws_ok($$SELECT '\x02'::smarketing.response_summary$$, '22P02', 'invalid input syntax for type response_summary: "\x02"');
SELECT * FROM finish();
