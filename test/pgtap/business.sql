-- Business calendars against a slow reference in plain SQL: random hours, holidays and times around changes of the
-- clocks, and over centuries.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
SET DateStyle = 'ISO, YMD';
SET jit = off;
CREATE EXTENSION smarketing;
SELECT plan(53);
SELECT random() AS seed \gset
SELECT diag('business: seed ' || :'seed');
SELECT setseed(:seed) AS seeded \gset

SELECT set_eq($$SELECT concat_ws(' ', proname, provolatile, proparallel, proisstrict) FROM pg_proc
    WHERE pronamespace = 'smarketing'::regnamespace AND proname IN ('define_calendar', 'business_hours', 'add_business_hours')$$,
    '{define_calendar v u f,business_hours s s t,add_business_hours s s t}'::text[], 'volatility, parallel safety, strictness');

-- The reference: in every piece of time, at whose ends alone clocks change, what the clocks show at its start tells how
-- much of it is within the spans of that day.
CREATE FUNCTION reference(from_at timestamptz, to_at timestamptz, zone text, hours jsonb, holidays date[], step interval DEFAULT '15 minutes') RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(greatest(0, extract(epoch FROM least(piece.local + piece.length, piece.day + split_part(span, '-', 2)::interval)
                                                     - greatest(piece.local, piece.day + split_part(span, '-', 1)::interval)) * 1000000)), 0)::bigint
    FROM (SELECT lower AT TIME ZONE zone AS local, upper - lower AS length, date_trunc('day', lower AT TIME ZONE zone) AS day
          FROM (SELECT greatest(from_at, start) AS lower, least(to_at, start + step) AS upper
                FROM generate_series(date_bin(step, from_at, '0001-01-01 00:00+00'), to_at, step) AS start) AS piece
          WHERE lower < upper OFFSET 0) AS piece,
         jsonb_array_elements_text(hours -> lower(to_char(piece.day, 'Dy'))) AS span
    WHERE NOT piece.day::date = ANY (holidays)
$$;

-- Over long distances: the real length of every span, whose ends the clocks show once.
CREATE FUNCTION reference_days(from_on date, to_on date, zone text, hours jsonb) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT sum(extract(epoch FROM (day + split_part(span, '-', 2)::interval) AT TIME ZONE zone - (day + split_part(span, '-', 1)::interval) AT TIME ZONE zone) * 1000000)::bigint
    FROM generate_series(from_on::timestamp, to_on - 1, interval '1 day') AS day, jsonb_array_elements_text(hours -> lower(to_char(day, 'Dy'))) AS span
$$;

CREATE FUNCTION hours(microseconds bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT microseconds / 3600000000::float8';

-- Random calendars, in zones that change their clocks by an hour, by half an hour, over midnight, a minute after it,
-- four times a year, by a day, or not.
CREATE FUNCTION random_spans() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(jsonb_agg(times[n] || '-' || times[n + 1] ORDER BY random()), '[]')
    FROM (SELECT array_agg(to_char(at * interval '1 second', CASE WHEN at % 60 = 0 THEN 'HH24:MI' ELSE 'HH24:MI:SS' END) ORDER BY at) AS times
          FROM (SELECT DISTINCT CASE WHEN random() < 0.1 THEN 86400 WHEN random() < 0.3 THEN 1800 * (random() * 10)::int ELSE (random() * 1440)::int * 60 + (random() < 0.2)::int * 7 END AS at
                FROM generate_series(1, (random() * 7)::int)) AS t WHERE at <= 86400) AS t,
         generate_series(1, cardinality(times) - 1, 2) AS n
$$;
CREATE TABLE calendars AS
SELECT n, 'calendar ' || n AS calendar, zone, CASE zone WHEN 'America/St_Johns' THEN interval '1 minute' ELSE '15 minutes' END AS step,
       jsonb_object_agg(day, CASE WHEN day = 'sun' AND n % 3 = 0 THEN '["00:30-04:30"]' WHEN day = 'wed' AND n % 4 = 0 THEN '["00:00-24:00"]' WHEN day = 'fri' AND n % 2 = 0 THEN '["23:00-24:00", "09:00-12:30"]' ELSE random_spans() END)
           || CASE n % 4 WHEN 3 THEN '{"mon": ["9:00-12:30", "14:00 - 18:00"]}' ELSE '{"mon": ["00:00-00:00:01", "23:59:59-24:00"]}' END::jsonb AS hours,
       (SELECT coalesce(array_agg(date '2005-01-01' + (random() * 8000)::int), '{}') FROM generate_series(1, 40 * (n % 5))) || CASE WHEN n % 2 = 0 THEN '{}' ELSE ARRAY[date '2026-03-29', date '2010-11-07', date '2026-03-29'] END AS holidays
FROM generate_series(1, 66) AS n,
     LATERAL (SELECT (ARRAY['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'UTC', 'America/Havana', 'Africa/Cairo', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu', 'Africa/Casablanca', 'Europe/Dublin'])[1 + n % 11] AS zone) AS z,
     unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) AS day
GROUP BY n, zone;
SELECT is((SELECT count(smarketing.define_calendar(calendar, zone, hours, holidays)) FROM calendars), 66::bigint, 'calendars are defined');
SELECT cmp_ok((SELECT count(*) FROM calendars, jsonb_each(hours) WHERE jsonb_array_length(value) > 1), '>', 50::bigint, 'many days have several spans');

-- Times up to a day before a change of the clocks or the end of a holiday, and anywhere; with microseconds or without.
CREATE TABLE changes AS
SELECT zone, hour AS at
FROM (SELECT DISTINCT zone FROM calendars) AS z,
     (SELECT generate_series(timestamptz '2010-01-01', '2012-01-01', interval '1 hour') AS hour UNION ALL SELECT generate_series(timestamptz '2025-12-01', '2026-12-01', interval '1 hour')) AS h
WHERE (hour + interval '1 hour') AT TIME ZONE zone - hour AT TIME ZONE zone <> interval '1 hour';
SELECT cmp_ok((SELECT count(DISTINCT zone) FROM changes), '=', 9::bigint, 'all zones but two change their clocks');
CREATE TABLE intervals AS
SELECT c.*, from_at, from_at + random() * CASE WHEN random() < 0.2 AND zone <> 'America/St_Johns' THEN interval '20 days' ELSE interval '3 days' END AS to_at
FROM calendars AS c, generate_series(1, 15) AS i,
     LATERAL (SELECT CASE WHEN i % 3 = 0 THEN timestamptz '2005-01-01' + random() * interval '8000 days'
                          WHEN i % 3 = 1 AND holidays <> '{}' THEN (holidays[1 + (i + n) % cardinality(holidays)] + random() * interval '1 day') AT TIME ZONE zone
                          ELSE coalesce((SELECT at FROM changes WHERE changes.zone = c.zone ORDER BY md5((i * 97 + n)::text || at) LIMIT 1), '2026-01-01') - random() * interval '30 hours' END AS exact) AS e,
     LATERAL (SELECT CASE WHEN random() < 0.5 THEN date_bin('5 minutes', exact, '2000-01-01 00:00+00') ELSE exact END AS from_at) AS f;
CREATE TABLE expected AS SELECT *, reference(from_at, to_at, zone, hours, holidays, step) AS open FROM intervals;
ANALYZE expected;
SELECT cmp_ok((SELECT count(*) FROM expected WHERE open > 0 AND open < extract(epoch FROM to_at - from_at) * 1000000), '>', 400::bigint, 'many are partly open');
SELECT cmp_ok((SELECT count(*) FROM expected WHERE EXISTS (SELECT FROM changes WHERE changes.zone = expected.zone AND at > from_at AND at < to_at)), '>', 150::bigint, 'many have a change of the clocks in them');
SELECT is_empty($$SELECT calendar, zone, hours, from_at, to_at, smarketing.business_hours(from_at, to_at, calendar), hours(open) FROM expected
    WHERE smarketing.business_hours(from_at, to_at, calendar) IS DISTINCT FROM hours(open) LIMIT 3$$, 'business_hours is the reference to the microsecond');
SELECT is_empty($$SELECT * FROM expected WHERE smarketing.business_hours(to_at, from_at, calendar) IS DISTINCT FROM -hours(open) LIMIT 3$$, 'the other way round it is negative');
SELECT is_empty($$SELECT * FROM expected WHERE smarketing.business_hours(from_at, from_at, calendar) <> 0 LIMIT 3$$, 'no time has no hours');
SELECT is_empty($$SELECT * FROM (SELECT * FROM expected ORDER BY random() OFFSET 0) AS t WHERE smarketing.business_hours(from_at, to_at, calendar) IS DISTINCT FROM hours(open) LIMIT 3$$,
    'the same with another calendar in every row, more of them than a call site keeps');
-- Where a reference says how much is open until to_at, the instant that so much later is the first with as much.
SELECT is_empty($$SELECT calendar, zone, hours, from_at, to_at, open, at FROM (SELECT *, smarketing.add_business_hours(from_at, hours(open), calendar) AS at FROM expected WHERE open > 0 OFFSET 0) AS t
    WHERE at > to_at OR at <= from_at OR reference(at, to_at, zone, hours, holidays, step) <> 0 OR reference(at - interval '1 microsecond', to_at, zone, hours, holidays, step) <> 1 LIMIT 3$$,
    'add_business_hours is the earliest instant by the reference');

-- What must hold, at any distance.
CREATE TABLE wide AS
SELECT calendar, a, a + random() * length AS b, a + length + random() * length AS c, (10 ^ (random() * 14))::bigint AS open, (10 ^ (random() * 14))::bigint AS more
FROM calendars, generate_series(0, 89) AS i,
     LATERAL (SELECT CASE i % 3 WHEN 0 THEN timestamptz '0050-01-01' + random() * interval '9000 years' WHEN 1 THEN timestamptz '1880-01-01' + random() * interval '200 years' ELSE timestamptz '2025-06-01' + random() * interval '1 year' END AS a,
                     interval '1 day' * 10 ^ (random() * 4) AS length) AS t;
SELECT is_empty($$SELECT * FROM wide WHERE round(smarketing.business_hours(a, b, calendar) * 3600000000) + round(smarketing.business_hours(b, c, calendar) * 3600000000)
    <> round(smarketing.business_hours(a, c, calendar) * 3600000000) LIMIT 3$$, 'parts add up');
SELECT is_empty($$SELECT * FROM wide WHERE NOT smarketing.business_hours(a, b, calendar) BETWEEN 0 AND smarketing.business_hours(a, c, calendar)
    OR smarketing.business_hours(a, c, calendar) > hours((extract(epoch FROM c - a) * 1000000)::bigint) LIMIT 3$$, 'a longer time has no less, and no more than its length');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.business_hours(a, smarketing.add_business_hours(a, hours(open), calendar), calendar) <> hours(open) LIMIT 3$$, 'so many hours have passed at the instant added');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.business_hours(a, smarketing.add_business_hours(a, hours(open), calendar) - interval '1 microsecond', calendar) <> hours(open - 1) LIMIT 3$$, 'and not a microsecond before');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.business_hours(smarketing.add_business_hours(a, -hours(open), calendar), a, calendar) <> hours(open) LIMIT 3$$, 'so many are still to pass at the instant subtracted');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.business_hours(smarketing.add_business_hours(a, -hours(open), calendar) + interval '1 microsecond', a, calendar) <> hours(open - 1) LIMIT 3$$, 'and not a microsecond later');
SELECT is_empty($$SELECT * FROM (SELECT *, smarketing.add_business_hours(a, 0, calendar) AS at FROM wide OFFSET 0) AS t
    WHERE at < a OR smarketing.business_hours(a, at, calendar) <> 0 OR smarketing.business_hours(at, at + interval '1 microsecond', calendar) <> hours(1) LIMIT 3$$, 'after 0 hours it is open');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.add_business_hours(smarketing.add_business_hours(a, hours(open), calendar), hours(more), calendar)
    <> smarketing.add_business_hours(a, hours(open + more), calendar) LIMIT 3$$, 'hours add up');
SELECT is_empty($$SELECT * FROM wide WHERE smarketing.add_business_hours(a, hours(open), calendar) > smarketing.add_business_hours(b, hours(open), calendar)
    OR smarketing.add_business_hours(a, hours(open), calendar) > smarketing.add_business_hours(a, hours(open + more), calendar) LIMIT 3$$, 'who begins later, or needs more, is done no earlier');

-- Centuries, day by day.
CREATE TABLE centuries AS
SELECT zone, '{"sun": ["00:00-12:00"], "mon": ["09:00-12:30", "13:00-18:00"], "sat": ["20:00-24:00"]}'::jsonb AS hours, from_on, to_on
FROM (VALUES ('Europe/Paris', date '1982-01-01', date '2690-05-06'), ('Europe/Paris', '1302-01-01', '1403-05-06'), ('America/New_York', '2190-01-01', '2402-05-06'), ('Australia/Lord_Howe', '1990-01-01', '2302-05-06'), ('UTC', '1302-01-01', '2702-01-01')) AS t (zone, from_on, to_on);
SELECT smarketing.define_calendar('century ' || zone, zone, hours) FROM centuries \g /dev/null
SELECT is(smarketing.business_hours(from_on::timestamp AT TIME ZONE zone, to_on::timestamp AT TIME ZONE zone, 'century ' || zone), hours(reference_days(from_on, to_on, zone, hours)),
    format('%s from %s to %s', zone, from_on, to_on)) FROM centuries;
-- A rule without a table goes on both ways; far away, the days themselves.
SELECT smarketing.define_calendar('rule', 'XST-1XDT,M3.5.0,M10.5.0/3', '{"sun": ["00:30-12:00"], "wed": ["09:00-17:00"]}') \g /dev/null
SELECT is(smarketing.business_hours(at, at + interval '400 days', 'rule'), hours(reference(at, at + interval '400 days', 'XST-1XDT,M3.5.0,M10.5.0/3', '{"sun": ["00:30-12:00"], "wed": ["09:00-17:00"]}', '{}', '1 hour')), 'a rule in ' || extract(year FROM at))
FROM unnest('{1203-01-01,1799-06-01,2200-06-01,2600-06-01,5003-01-01,250003-01-01}'::timestamptz[]) AS at;
-- All that there is.
SELECT smarketing.define_calendar('wednesdays', 'UTC', '{"wed": ["00:00-24:00"]}'), smarketing.define_calendar('always', 'UTC', '{"mon": ["0:00-24:00"], "tue": ["0:00-24:00"], "wed": ["0:00-24:00"], "thu": ["0:00-24:00"], "fri": ["0:00-24:00"], "sat": ["0:00-24:00"], "sun": ["0:00-24:00"]}') \g /dev/null
SELECT is(smarketing.business_hours('4713-01-01 00:00+00 BC', '294276-12-31 00:00+00', 'wednesdays'), 24.0 * ((date '294276-12-31' - date '4713-01-01 BC' + extract(isodow FROM date '4713-01-01 BC')::int + 3) / 7 - (extract(isodow FROM date '4713-01-01 BC')::int + 3) / 7)::float8, 'every Wednesday of all timestamps');
SELECT is(smarketing.business_hours(a, b, 'always'), hours((extract(epoch FROM b - a) * 1000000)::bigint), 'always open is the time itself') FROM (VALUES (timestamptz '2020-01-01 00:00:00.000001+00', timestamptz '2077-01-02 03:04:05.678901+00')) AS t (a, b);
-- What cannot be reached is an error, and never a time on the other side.
CREATE FUNCTION pg_temp.reached(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$BEGIN
    IF smarketing.add_business_hours('2026-11-27 00:00+00', n * -5e7, 'wednesdays') > '2026-11-27 00:00+00' THEN
        RETURN;
    END IF;
    RETURN NEXT 1;
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN NEXT 2;
END$$;
SELECT throws_ok($$SELECT smarketing.business_hours('4713-01-01 00:00+00 BC', '294276-12-31 00:00+00', 'always')$$, '22008', 'open hours out of range', 'more microseconds than there are numbers are an error');
SELECT throws_ok($$SELECT smarketing.add_business_hours('294276-12-30 00:00+00', 48, 'always')$$, '22008', 'timestamp out of range', 'behind the last timestamp is an error');
SELECT throws_ok($$SELECT smarketing.add_business_hours('4713-01-01 00:00+00 BC', -1e6, 'wednesdays')$$, '22008', 'timestamp out of range', 'so is before the first one');
SELECT is((SELECT count(*) FROM generate_series(1, 40) AS n, LATERAL (SELECT (EXISTS (SELECT FROM pg_temp.reached(n)))::int) AS v), 40::bigint, 'however far it is');
SELECT is(extract(epoch FROM smarketing.add_business_hours('4713-01-01 00:00+00 BC', 2.5e9, 'always')), extract(epoch FROM timestamptz '4713-01-01 00:00+00 BC') + 2500000000 * 3600::numeric, 'from the first timestamps to the last');

-- A calendar changed in a transaction is seen by its next statement, also where PL/pgSQL keeps the expression.
CREATE FUNCTION one_site() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    RETURN smarketing.business_hours('2026-01-07 00:00+00', '2026-01-08 00:00+00', 'changing');
END $$;
CREATE FUNCTION changing() RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
    found float8[];
BEGIN
    FOR i IN 1..6 LOOP
        IF i = 3 THEN
            PERFORM smarketing.define_calendar('changing', 'UTC', '{"wed": ["09:00-11:00"]}');
        ELSIF i = 5 THEN
            BEGIN
                PERFORM smarketing.define_calendar('changing', 'UTC', '{"wed": ["09:00-12:00"]}');
                found := found || one_site();
                RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN NULL;
            END;
        END IF;
        found := found || one_site();
    END LOOP;
    RETURN found;
END $$;
SELECT smarketing.define_calendar('changing', 'UTC', '{"wed": ["09:00-10:00"]}') \g /dev/null
SELECT is(changing(), '{1,1,2,2,3,2,2}', 'PL/pgSQL sees a calendar change, and change back with a subtransaction');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT smarketing.define_calendar('changing', 'UTC', '{"wed": ["09:00-10:00"]}') \g /dev/null
SELECT is(changing(), '{1,1,2,2,3,2,2}', 'so it does in a transaction with one snapshot');
ROLLBACK;
SELECT smarketing.define_calendar('changing', NULL, NULL) \g /dev/null
SELECT throws_ok($$SELECT smarketing.business_hours(now(), now(), 'changing')$$, '42704', 'calendar "changing" does not exist', 'a forgotten calendar is gone');

-- Rights: everybody counts; who defines needs rights on the function and on the table, with no more than those.
CREATE ROLE business_reader;
SET ROLE business_reader;
SELECT is(smarketing.business_hours('2026-01-07 00:00+00', '2026-01-09 00:00+00', 'wednesdays'), 24::float8, 'any role counts hours');
SELECT throws_ok($$SELECT smarketing.define_calendar('wednesdays', 'UTC', '{"wed": ["09:00-10:00"]}')$$, '42501', 'permission denied for function define_calendar', 'and defines no calendar');
SELECT throws_ok($$DELETE FROM smarketing.calendar$$, '42501', 'permission denied for table calendar', 'nor writes the table');
RESET ROLE;
GRANT EXECUTE ON FUNCTION smarketing.define_calendar TO business_reader;
SET ROLE business_reader;
SELECT throws_ok($$SELECT smarketing.define_calendar('mine', 'UTC', '{"wed": ["09:00-10:00"]}')$$, '42501', 'permission denied for table calendar', 'the function alone gives no right on the table');
RESET ROLE;
GRANT INSERT, UPDATE, DELETE ON smarketing.calendar TO business_reader;
SET ROLE business_reader;
SELECT lives_ok($$SELECT smarketing.define_calendar('mine', 'UTC', '{"wed": ["09:00-10:00"]}'), smarketing.define_calendar('mine', 'UTC', '{"wed": ["09:00-11:00"]}')$$, 'with the rights on both a calendar is defined and replaced');
SELECT is(smarketing.business_hours('2026-01-07 00:00+00', '2026-01-09 00:00+00', 'mine'), 2::float8, 'by the later hours');
SELECT lives_ok($$SELECT smarketing.define_calendar('mine', NULL, NULL)$$, 'and forgotten');
RESET ROLE;
DROP OWNED BY business_reader;
DROP ROLE business_reader;

-- Any text is a span or an error. What is one, by a regular expression.
CREATE TABLE texts AS
SELECT text, text ~ '^ *([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d)? *- *([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d)? *$' AS is_written FROM (
    SELECT string_agg(part, '' ORDER BY i) AS text
    FROM generate_series(1, 1500) AS n, LATERAL (SELECT i, CASE WHEN random() < 0.04 THEN substr('0123456789:- 24ab–', 1 + (random() * 17)::int, 1)
        WHEN random() < 0.02 THEN '' ELSE substr(span, i, 1) END AS part FROM unnest(ARRAY['09:00-12:30', ' 9:00 - 24:00', '08:15:30-17:45:00', '00:00-00:01'])
            WITH ORDINALITY AS s (span, number), generate_series(1, 18) AS i WHERE number = 1 + n % 4) AS parts GROUP BY n) AS t;
CREATE FUNCTION try(span text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM smarketing.define_calendar('text', 'UTC', jsonb_build_object('wed', jsonb_build_array(span)));
    RETURN smarketing.business_hours('2026-01-07 00:00+00', '2026-01-08 00:00+00', 'text')::text;
EXCEPTION WHEN invalid_parameter_value THEN RETURN 'error';
END $$;
SELECT cmp_ok((SELECT least(count(*) FILTER (WHERE is_written), count(*) FILTER (WHERE NOT is_written)) FROM texts), '>', 100::bigint, 'spans well and badly written');
SELECT is_empty($$SELECT text, is_written, tried, length FROM (SELECT *, try(text) AS tried FROM texts OFFSET 0) AS t, LATERAL (SELECT CASE WHEN is_written THEN split_part(text, '-', 2)::interval - split_part(text, '-', 1)::interval END AS length,
        CASE WHEN is_written THEN split_part(text, '-', 2)::interval <= interval '24 hours' END AS is_in) AS l
    WHERE tried <> CASE WHEN is_written AND is_in AND length > interval '0' THEN (extract(epoch FROM length)::float8 / 3600)::text ELSE 'error' END LIMIT 3$$, 'a text is the span that it says, or an error');

-- Parallel, with the same result.
CREATE TABLE many AS SELECT calendar, from_at, to_at FROM expected, generate_series(1, 30);
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text = '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, ANALYZE, COSTS OFF, TIMING OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END $$;
\set query 'SELECT sum(round(smarketing.business_hours(from_at, to_at, calendar) * 3600000000)::numeric + extract(epoch FROM smarketing.add_business_hours(from_at, 10, calendar))) FROM many'
SELECT matches(plan_of(:'query'), 'Workers Launched: [12].*Partial Aggregate[^\n]*\n *Output: PARTIAL sum.*business_hours', 'workers count hours');
:query \gset parallel_
SET max_parallel_workers_per_gather = 0;
:query \gset serial_
SELECT is(:parallel_sum, :serial_sum, 'the same as one process');
-- A loop in one transaction sees a calendar that another one changes meanwhile, whichever transactions run beside.
CREATE EXTENSION dblink;
CREATE TABLE beside (n int);
CREATE FUNCTION pg_temp.before_and_after() RETURNS TABLE (hours float8) LANGUAGE plpgsql AS $$BEGIN
    FOR n IN 1..2 LOOP
        hours := smarketing.business_hours('2026-11-23 00:00+00', '2026-11-24 00:00+00', 'changing');
        RETURN NEXT;
        PERFORM dblink_exec('changes', 'COMMIT') WHERE n = 1;
    END LOOP;
END$$;
\o /dev/null
SELECT smarketing.define_calendar('changing', 'UTC', '{"mon": ["00:00-12:00"]}');
SELECT dblink_connect(name, format('dbname=%L', current_database())) FROM unnest('{older,changes,younger}'::text[]) AS name;
SELECT dblink_exec('older', 'BEGIN'), dblink_exec('older', 'INSERT INTO beside VALUES (1)');
SELECT dblink_exec('changes', 'BEGIN'), dblink_exec('changes', $$DO 'BEGIN PERFORM smarketing.define_calendar(''changing'', ''UTC'', ''{"mon": ["00:00-06:00"]}''); END'$$);
SELECT dblink_exec('younger', 'INSERT INTO beside VALUES (2)');
\o
SELECT results_eq('SELECT * FROM pg_temp.before_and_after()', 'VALUES (12::float8), (6)', 'a loop sees what changes meanwhile');
\o /dev/null
SELECT dblink_disconnect(name) FROM unnest('{older,changes,younger}'::text[]) AS name;
\o
SELECT finish();
