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

-- Open hours. Friday 17:00 with 30 minutes: due on Monday. 2 comes at night, 3 is answered at the limit and 4 after it; 5 is
-- answered after closing, when the limit was reached at closing; 6 waits since Friday night, 7 since Monday 9:15.
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon": ["09:00-12:30", "14:00-18:00"], "tue": ["09:00-18:00"], "wed": ["09:00-18:00"], "thu": ["09:00-18:00"], "fri": ["09:00-17:00"]}', '{2026-01-01}') \g /dev/null
CREATE TABLE call AS SELECT entity, event, at::timestamp AT TIME ZONE 'Europe/Paris' AS at FROM (VALUES (1::bigint, 'trigger', '2026-01-02 16:45'), (1, 'answer', '2026-01-05 09:10'), (2, 'trigger', '2026-01-02 23:00'), (2, 'answer', '2026-01-05 09:20'),
    (3, 'trigger', '2026-01-02 16:45'), (3, 'answer', '2026-01-05 09:15'), (4, 'trigger', '2026-01-02 16:45'), (4, 'answer', '2026-01-05 09:15:00.000001'), (5, 'trigger', '2026-01-02 16:30'), (5, 'answer', '2026-01-04 12:00'),
    (6, 'trigger', '2026-01-02 18:00'), (7, 'trigger', '2026-01-05 09:15')) AS v (entity, event, at);
CREATE FUNCTION of_call(as_of timestamp) RETURNS TABLE (triggers bigint, in_time bigint, late bigint, unanswered bigint, running bigint, median_hours numeric) LANGUAGE sql AS $$
    SELECT triggers, in_time, late, unanswered, running, round(median_hours::numeric, 6) FROM smarketing.responses((SELECT smarketing.response(entity, event, at, '30 minutes', 'office') FROM call), as_of AT TIME ZONE 'Europe/Paris') $$;
SELECT results_eq($$SELECT * FROM of_call('2026-01-05 09:30')$$, $$VALUES (7::bigint, 4::bigint, 1::bigint, 0::bigint, 2::bigint, 0.5)$$, 'open hours: a trigger out of them starts at the next opening');
SELECT results_eq($$SELECT * FROM of_call('2026-01-05 09:30:00.000001')$$, $$VALUES (7::bigint, 4::bigint, 1::bigint, 1::bigint, 1::bigint, 0.5)$$, 'and is due so many open hours later');
SELECT results_eq($$SELECT * FROM of_call('2026-01-05 09:46')$$, $$VALUES (7::bigint, 4::bigint, 1::bigint, 2::bigint, 0::bigint, 0.5)$$, 'each at its time');
CREATE TABLE kept AS SELECT smarketing.response(entity, event, at, '30 minutes', 'office') AS summary FROM call;
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon": ["08:00-18:00"], "fri": ["09:00-17:00"]}') \g /dev/null
SELECT results_eq($$SELECT * FROM of_call('2026-01-05 09:30')$$, $$VALUES (7::bigint, 1::bigint, 4::bigint, 1::bigint, 1::bigint, 1.416667)$$, 'a calendar that was changed counts as it is now');
SELECT results_eq($$SELECT in_time, late FROM kept, smarketing.responses(summary, NULL)$$, $$VALUES (4::bigint, 1::bigint)$$, 'a summary as it was then');

-- Random events around both changes of the clocks in three zones, open at night as well, beside a list of all minutes.
CREATE TABLE zone AS SELECT * FROM (VALUES ('Europe/Paris', date '2026-03-23', date '2026-10-19'), ('America/New_York', '2026-03-02', '2026-10-26'), ('Australia/Lord_Howe', '2026-03-30', '2026-09-28')) AS v (zone, spring, autumn);
SELECT smarketing.define_calendar(zone, zone, '{"sun": ["00:00-02:15", "02:45-06:00", "20:00-24:00"], "mon": ["00:00-07:00", "09:00-12:30", "14:00-18:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"], "thu": ["09:00-17:00"], "sat": ["22:00-24:00"]}', ARRAY[spring + 8, autumn + 9])
FROM zone \g /dev/null
CREATE TABLE minute AS
SELECT zone, at, opens, sum(opens::int) OVER (PARTITION BY zone ORDER BY at) - opens::int AS opened
FROM (SELECT zone, at, clock::date <> spring + 8 AND clock::date <> autumn + 9 AND CASE extract(isodow FROM clock)
            WHEN 7 THEN clock::time < '02:15' OR clock::time >= '02:45' AND clock::time < '06:00' OR clock::time >= '20:00' WHEN 1 THEN clock::time < '07:00' OR clock::time >= '09:00' AND clock::time < '12:30' OR clock::time >= '14:00' AND clock::time < '18:00'
            WHEN 5 THEN false WHEN 6 THEN clock::time >= '22:00' ELSE clock::time >= '09:00' AND clock::time < '17:00' END AS opens
      FROM zone, LATERAL (SELECT generate_series(spring::timestamptz, spring + 28, '1 minute') AS at UNION ALL SELECT generate_series(autumn::timestamptz, autumn + 28, '1 minute')) AS m, LATERAL (SELECT at AT TIME ZONE zone AS clock) AS c) AS t;
CREATE UNIQUE INDEX ON minute (zone, at);
CREATE INDEX ON minute (zone, opened) WHERE opens;
ANALYZE minute;
-- Until when so many minutes were open, and when they are.
CREATE FUNCTION open_until(name text, at timestamptz) RETURNS interval STABLE LANGUAGE sql AS $$ SELECT m.opened * interval '1 minute' + CASE WHEN opens THEN $2 - m.at ELSE '0' END FROM minute AS m WHERE zone = $1 AND m.at = date_trunc('minute', $2) $$;
CREATE FUNCTION open_at(name text, opened interval) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT m.at + ($2 - m.opened * interval '1 minute') FROM minute AS m WHERE zone = $1 AND opens AND m.opened = ceil(extract(epoch FROM $2) / 60)::bigint - 1 $$;
-- Half of them at whole quarters of an hour, where much is equal.
CREATE TABLE visit AS
SELECT zone, e AS entity, (ARRAY['trigger', 'trigger', 'trigger', 'answer', 'answer', 'stop'])[1 + (random() * 5)::int] AS event,
    CASE WHEN e % 2 = 0 THEN start + (random() * 1344)::int * interval '15 minutes' ELSE start + random() * interval '14 days' END AS at
FROM zone, generate_series(1, 2000) AS e, LATERAL (SELECT CASE WHEN e % 4 < 2 THEN spring ELSE autumn END::timestamptz AS start) AS s, LATERAL generate_series(1, 2 + (random() * 6 + e * 0)::int) AS n;
CREATE INDEX ON visit (zone, entity, at);
ANALYZE visit;
CREATE TABLE visit_clock AS
SELECT zone, event, at, ended, open_until(zone, at) AS opened, open_until(zone, ended) - open_until(zone, at) AS took
FROM (SELECT t.zone, t.at, e.event, e.at AS ended FROM (SELECT zone, entity, at FROM visit WHERE event = 'trigger') AS t
      LEFT JOIN LATERAL (SELECT * FROM visit AS e WHERE e.zone = t.zone AND e.entity = t.entity AND e.event <> 'trigger' AND e.at >= t.at ORDER BY e.at, e.event LIMIT 1) AS e ON true) AS t;
CREATE FUNCTION visits_by_hand(name text, within interval, as_of timestamptz) RETURNS TABLE (triggers bigint, in_time bigint, late bigint, unanswered bigint, running bigint, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE event = 'answer' AND took <= within), count(*) FILTER (WHERE event = 'answer' AND took > within), count(*) FILTER (WHERE event IS NULL AND due < as_of OR event = 'stop' AND due < ended), count(*) FILTER (WHERE event IS NULL AND due >= as_of),
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took)::float8 / 3600) FILTER (WHERE event = 'answer'))::numeric, 6), round((percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM took)::float8 / 3600) FILTER (WHERE event = 'answer'))::numeric, 6)
    FROM (SELECT *, CASE WHEN event IS DISTINCT FROM 'answer' THEN open_at(name, opened + within) END AS due FROM visit_clock WHERE zone = name) AS t $$;
CREATE FUNCTION visits_by_summary(name text, within interval, as_of timestamptz) RETURNS TABLE (triggers bigint, in_time bigint, late bigint, unanswered bigint, running bigint, median_hours numeric, p90_hours numeric) LANGUAGE sql AS $$
    SELECT triggers, in_time, late, unanswered, running, round(median_hours::numeric, 6), round(p90_hours::numeric, 6) FROM smarketing.responses((SELECT smarketing.response(entity, event, at, within, name) FROM visit WHERE zone = name), as_of) $$;
-- Quantiles of more than 1,024 durations are near.
SELECT is_empty(format('SELECT * FROM visits_by_summary(%1$L, %2$L, %3$L) AS a JOIN visits_by_hand(%1$L, %2$L, %3$L) AS b ON true
    WHERE (a.triggers, a.in_time, a.late, a.unanswered, a.running) IS DISTINCT FROM (b.triggers, b.in_time, b.late, b.unanswered, b.running) OR abs(a.median_hours - b.median_hours) > 0.005 * b.median_hours OR abs(a.p90_hours - b.p90_hours) > 0.005 * b.p90_hours OR a.median_hours IS NULL',
    zone, within, as_of), format('%s within %s, as of %s', zone, within, as_of))
FROM zone, unnest(ARRAY['1 minute', '30 minutes', '2 hours 15 minutes', '8 hours', '17 hours 37 minutes 0.000001 seconds']::interval[]) AS within, LATERAL (VALUES ((autumn + 14)::timestamptz), (autumn + 15 + time '17:00' AT TIME ZONE zone), (autumn + 27)) AS v (as_of);
SELECT cmp_ok((SELECT count(*) FROM visit_clock WHERE event = 'answer' AND took = '8 hours' AND ended <> open_at(zone, opened + interval '8 hours')), '>', 0::bigint, 'among them answers after closing whose limit was reached at closing');

-- Equal however it is computed.
CREATE FUNCTION whole(source text DEFAULT 'event', entity text DEFAULT 'entity::bigint') RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT smarketing.response(%s, event, at, ''3 hours'', ''Europe/Paris'')::text FROM %s', entity, source) INTO result; RETURN result; END $$;
SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';
CREATE TABLE expected AS SELECT whole() AS f;
CREATE TABLE by_part AS SELECT part, smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') AS f FROM event GROUP BY part;
SELECT is(whole('(SELECT * FROM event ORDER BY at DESC, event) AS e'), f, 'in another order of rows') FROM expected;
SELECT is(whole('event', 'md5(entity::text)::uuid'), f, 'keys as uuid') FROM expected;
SELECT is(whole('event', 'CASE entity % 4 WHEN 0 THEN repeat(''long'', 9) WHEN 1 THEN ''twenty bytes of text'' ELSE '''' END || entity'), f, 'keys as text') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') AS p FROM event GROUP BY entity % 31) AS t), f, 'merged from parts') FROM expected;
SELECT is((SELECT smarketing.merge(p ORDER BY m DESC)::text FROM (SELECT entity % 31 AS m, smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') AS p FROM event GROUP BY entity % 31) AS t), f, 'in another order') FROM expected;
SELECT is((SELECT smarketing.merge(nothing)::text FROM (SELECT NULL::smarketing.response_summary AS nothing) AS t), NULL, 'nothing merged is nothing');
SELECT is(f::smarketing.response_summary::text, f, 'its text is read again') FROM expected;
SET enable_hashagg = off;
SELECT results_eq($$SELECT part, smarketing.response(entity, event, at, '3 hours', 'Europe/Paris')::text FROM event GROUP BY part ORDER BY part$$, 'SELECT part, f::text FROM by_part ORDER BY part', 'in sorted groups');
RESET enable_hashagg;
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT is(whole(), f, 'moved out') FROM expected;
SELECT is((SELECT smarketing.merge(p)::text FROM (SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') AS p FROM event GROUP BY entity) AS t), f, 'many small groups') FROM expected;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
SELECT matches(plan_of($$SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') FROM event$$), 'Finalize.*Gather.*Partial', 'the plan is parallel');
SELECT is(whole(), f, 'with workers that move out') FROM expected;
RESET work_mem; RESET hash_mem_multiplier;
SELECT is(whole(), f, 'with workers') FROM expected;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_part'), 'Partial Aggregate', 'merge is parallel, too');
SELECT is((SELECT smarketing.merge(f)::text FROM by_part), (SELECT smarketing.merge(f ORDER BY part)::text FROM by_part), 'and the same');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') FILTER (WHERE part = 2)::text FROM event), (SELECT f::text FROM by_part WHERE part = 2), 'with a filter');
SELECT is_empty($$SELECT * FROM (SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') OVER (ORDER BY at)::text AS f, (SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris')::text FROM event AS b WHERE b.entity < 50 AND b.at <= a.at) AS g
    FROM event AS a WHERE entity < 50) AS t WHERE f <> g$$, 'OVER (ORDER BY at), in a subplan that is run again');
CREATE TABLE divided (LIKE event) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 4) AS n \gexec
INSERT INTO divided SELECT * FROM event;
SET enable_partitionwise_aggregate = on;
SELECT is(whole('divided'), f, 'over partitions') FROM expected;
SET max_parallel_workers_per_gather = 2; SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END AS forced \gset
SET :forced = on;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT matches(plan_of('SELECT part, smarketing.response(entity, event, at, ''3 hours'', ''Europe/Paris'')::text FROM divided_2 GROUP BY part'), 'Gather.*  HashAggregate', 'a worker reads the calendar');
SELECT results_eq($$SELECT part, smarketing.response(entity, event, at, '3 hours', 'Europe/Paris')::text FROM divided_2 GROUP BY part$$, 'SELECT part, f::text FROM by_part WHERE part = 2', 'and the same');
SET max_parallel_workers_per_gather = 0; RESET :forced;

-- Text and binary are read again; bytes that are cut short or changed are refused, or are a summary that is written as it was read and says what can be.
CREATE TABLE seed AS SELECT row_number() OVER () - 1 AS n, s FROM (SELECT summary AS s FROM of_log UNION ALL SELECT summary FROM kept UNION ALL SELECT smarketing.response(entity, event, at, '1 hour', NULL) FROM log WHERE entity = 9
    UNION ALL SELECT smarketing.response(entity, event, at, '3 hours', 'Europe/Paris') FROM event WHERE entity < 60 UNION ALL SELECT smarketing.response(entity, event, date_trunc('day', at), '3 hours', 'Europe/Paris') FROM event WHERE entity < 300) AS t;
SELECT is_empty('SELECT s::text FROM seed WHERE s::text::smarketing.response_summary::text <> s::text', 'text is read again');
SELECT current_setting('data_directory') || '/response.bin' AS file \gset
COPY (SELECT n, s FROM seed UNION ALL SELECT -1, f FROM by_part) TO :'file' (FORMAT binary);
CREATE TABLE again (n bigint, s smarketing.response_summary);
COPY again FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT n, s::text FROM again', 'SELECT n, s::text FROM seed UNION ALL SELECT -1, f::text FROM by_part', 'binary is read again');
CREATE FUNCTION mutated(h text) RETURNS text VOLATILE LANGUAGE plpgsql AS $$ DECLARE p int; q int; k int; BEGIN
    FOR round IN 1 .. 1 + floor(random() * random() * 3)::int LOOP
        p := 1 + 2 * floor(random() * length(h) / 2)::int; q := 1 + 2 * floor(random() * length(h) / 2)::int; k := 2 * (1 + floor(random() * random() * 8)::int);
        h := CASE floor(random() * 10)::int WHEN 0 THEN left(h, p - 1) WHEN 1 THEN overlay(h PLACING repeat('f', k) FROM p) WHEN 2 THEN overlay(h PLACING repeat('0', k) FROM p) WHEN 3 THEN overlay(h PLACING '' FROM p FOR k) WHEN 4 THEN overlay(h PLACING substr(md5(random()::text), 1, k) FROM p FOR 0)
            WHEN 5 THEN overlay(h PLACING substr(h, q, k) FROM p FOR 0) WHEN 6 THEN h || substr(h, q, k) ELSE overlay(h PLACING substr(md5(random()::text), 1, 2) FROM p) END;
    END LOOP; RETURN h; END $$;
CREATE FUNCTION read_it(s smarketing.response_summary) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r smarketing.responses_row; BEGIN
    SELECT * INTO r FROM smarketing.responses(s, NULL);
    PERFORM smarketing.merge(part) FROM (VALUES (s), (s)) AS p (part);
    RETURN CASE WHEN s::text::smarketing.response_summary::text <> s::text THEN 'is not written as it was read' WHEN r.answered <> r.in_time + r.late OR r.triggers < r.answered + r.unanswered + r.running OR least(r.in_time, r.late, r.unanswered, r.running, r.compliance, r.median_hours) < 0 OR r.compliance > 1 THEN r::text ELSE 'accepted' END; END $$;
CREATE TABLE outcome (form text, bytes text, error text);
CREATE TEMP TABLE received (s smarketing.response_summary);
CREATE PROCEDURE mutate_text(tries int) LANGUAGE plpgsql AS $$ DECLARE t text; r text; BEGIN
    FOR i IN 1 .. tries LOOP
        SELECT CASE WHEN i % 50 > 0 THEN '\x' || mutated(substr(s::text, 3)) ELSE mutated(s::text) END INTO t FROM seed WHERE n = i % (SELECT count(*) FROM seed);
        BEGIN r := read_it(t::smarketing.response_summary); EXCEPTION WHEN OTHERS THEN r := SQLSTATE || ' ' || SQLERRM; END;
        INSERT INTO outcome VALUES ('text', t, r);
    END LOOP; END $$;
-- Each has a file of its own: to write one again may wait for the disk.
CREATE PROCEDURE mutate_binary(tries int, file text) LANGUAGE plpgsql AS $$ DECLARE b bytea; r text; o oid; BEGIN
    FOR i IN 1 .. tries LOOP
        SELECT decode(mutated(encode(smarketing.response_summary_send(s), 'hex')), 'hex') INTO b FROM seed WHERE n = i % (SELECT count(*) FROM seed);
        o := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || '\x00000000000000000001' || int4send(length(b)) || b || '\xffff'); PERFORM lo_export(o, file || i); PERFORM lo_unlink(o);
        BEGIN EXECUTE format('COPY received FROM %L (FORMAT binary)', file || i); SELECT read_it(s) INTO STRICT r FROM received; RAISE EXCEPTION '%', r;
        EXCEPTION WHEN raise_exception THEN r := SQLERRM; WHEN OTHERS THEN r := SQLSTATE || ' ' || SQLERRM; END;
        INSERT INTO outcome VALUES ('binary', b::text, r);
        IF i % 200 = 0 THEN COMMIT; TRUNCATE received; END IF;
    END LOOP; END $$;
CALL mutate_text(10000);
CALL mutate_binary(3000, :'file');
SELECT diag(format('%s: %s x %s', form, count(*), e)) FROM (SELECT form, left(regexp_replace(error, '".*"', '""'), 60) AS e FROM outcome) AS o GROUP BY form, e ORDER BY form, count(*) DESC LIMIT 30;
SELECT cmp_ok(count(*) FILTER (WHERE error = 'accepted'), '>', 100::bigint, 'some mutations are read: ' || form) FROM outcome GROUP BY form ORDER BY form;
SELECT is_empty('SELECT left(bytes, 500), error FROM outcome WHERE error !~ ''^(accepted$|22|08P01)'' LIMIT 3', 'what is read is written the same and says what can be, the others are refused');
SELECT throws_ok(format('SELECT %L::smarketing.response_summary', replace(summary::text, encode('office', 'hex'), bad)), '22P02') FROM kept, (VALUES ('6f6600696365'), ('ff6666696365')) AS b (bad);

-- Bad input.
SELECT throws_ok($$SELECT * FROM of_log, smarketing.responses(summary, '2026-01-01 16:29')$$, '22023',
    'argument "as_of" (2026-01-01 16:29:00+00) is earlier than the last event of the summary (2026-01-01 16:30:00+00)');
SELECT throws_ok($$SELECT * FROM of_log, smarketing.responses(summary, 'infinity')$$, '22008', 'argument "as_of" is out of range: infinity');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', 'infinity', '1 hour', NULL)$$, '22008', 'an event must not have an infinite time');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), NULL, NULL)$$, '22004', 'argument "within" must not be null');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), '0', NULL)$$, '22023', 'argument "within" must be positive');
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), '1 month', NULL)$$, '22023', 'argument "within" must not have months or years, or be infinite');
SELECT throws_ok($$SELECT smarketing.response(entity, event, at, interval '1 hour' * entity, NULL) FROM event$$, '22023', 'argument "within" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.response(entity, event, at, '1 hour', CASE WHEN entity % 2 = 0 THEN 'office' END) FROM event$$, '22023', 'argument "calendar" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.response(entity, event, at, '1 hour', CASE WHEN entity % 2 = 0 THEN 'office' ELSE 'Europe/Paris' END) FROM event$$, '22023', 'argument "calendar" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.response(entity, event, at, '1 hour', 'offices') FROM event$$, '42704', 'calendar "offices" does not exist');
SELECT smarketing.define_calendar('seldom', 'UTC', '{"mon": ["09:00-09:10"]}') \g /dev/null
SELECT throws_ok($$SELECT smarketing.response(1::bigint, 'trigger', now(), interval '3000000 days', 'seldom')$$, '22008', 'timestamp out of range');
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.response(entity, event, at, '1 hour', CASE part WHEN 1 THEN 'office' END) AS f FROM event GROUP BY part ORDER BY part) AS t$$, '22000', 'values of type response_summary with different calendars cannot be merged');
SELECT throws_ok($$SELECT smarketing.merge(f) FROM (SELECT smarketing.response(entity, event, at, interval '1 hour' * part, NULL) AS f FROM event WHERE part > 0 GROUP BY part ORDER BY part) AS t$$, '22000', 'values of type response_summary with different limits cannot be merged');
SELECT is((SELECT count(DISTINCT f::text) FROM (SELECT smarketing.response(entity, event, at, interval '1 hour', CASE WHEN part < 3 THEN (ARRAY['office', 'Europe/Paris'])[part] END) AS f FROM event WHERE entity < 20000 GROUP BY part) AS t), 5::bigint, 'groups may have calendars of their own');
SELECT throws_ok($$SELECT '\x02'::smarketing.response_summary$$, '22P02', 'invalid input syntax for type response_summary: "\x02"');
SELECT * FROM finish();
