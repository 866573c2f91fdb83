-- Business calendars: days on which the clocks change, and what is refused.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
CREATE EXTENSION smarketing;
SET search_path = smarketing, public;

-- The night in which the clocks go forward, and back, in three zones; one opens at a time that does not exist.
SELECT define_calendar(zone || name, zone, jsonb_build_object('sun', jsonb_build_array(span)))
FROM unnest('{Europe/Paris,America/New_York,Australia/Lord_Howe}'::text[]) AS zone, (VALUES (' night', '00:00-12:00'), (' gap', '02:15-12:00')) AS s (name, span);
SELECT zone, day, business_hours(day::timestamp AT TIME ZONE zone, (day + 1)::timestamp AT TIME ZONE zone, zone || ' night') AS night,
       business_hours(day::timestamp AT TIME ZONE zone, (day + 1)::timestamp AT TIME ZONE zone, zone || ' gap') AS gap,
       add_business_hours(day::timestamp AT TIME ZONE zone, 3, zone || ' night') AT TIME ZONE zone AS after_3,
       add_business_hours(day::timestamp AT TIME ZONE zone, 0, zone || ' gap') AS gap_opens
FROM (VALUES ('Europe/Paris', date '2026-03-22'), ('Europe/Paris', '2026-03-29'), ('Europe/Paris', '2026-10-25'),
             ('America/New_York', '2026-03-01'), ('America/New_York', '2026-03-08'), ('America/New_York', '2026-11-01'),
             ('Australia/Lord_Howe', '2026-09-27'), ('Australia/Lord_Howe', '2026-10-04'), ('Australia/Lord_Howe', '2026-04-05')) AS t (zone, day);

-- Several spans, holidays, the ends of spans.
SELECT define_calendar('support', 'Europe/Paris', '{"mon": ["14:00-18:00", "9:00-12:30"], "tue": ["09:00-12:30", "12:30-18:00"], "wed": [], "thu": ["22:00-24:00"], "fri": ["00:00-06:00:30"]}', '{2026-05-25,2026-05-25,2026-12-25}');
SELECT name, time_zone, hours, holidays FROM calendar WHERE name = 'support';
SET TimeZone = 'Europe/Paris';
SELECT from_at, to_at, business_hours(from_at, to_at, 'support') FROM (VALUES
    (timestamptz '2026-05-18 09:00', timestamptz '2026-05-18 18:00'), ('2026-05-18 12:30', '2026-05-18 14:00'), ('2026-05-18 12:29:59.999999', '2026-05-18 14:00:00.000001'),
    ('2026-05-19 00:00', '2026-05-20 00:00'), ('2026-05-21 23:59', '2026-05-22 12:00'), ('2026-05-22 12:00', '2026-05-21 23:59'), ('2026-05-23 00:00', '2026-05-26 00:00'), ('2026-05-23 00:00', '2026-05-26 10:00')) AS t (from_at, to_at);
SELECT hours, add_business_hours('2026-05-18 10:00', hours, 'support') FROM unnest('{0,2.5,2.500001,6.5,6.6,-1,-1.5,1e-12,-0}'::float8[]) AS hours;
SELECT add_business_hours('2026-05-18 12:30', 0, 'support') AS lunch, add_business_hours('2026-05-22 23:00', 0, 'support') AS weekend, add_business_hours('2026-05-22 23:00', -1, 'support') AS before;

-- NULL in, NULL out; but not where a calendar is defined.
SELECT business_hours(NULL, now(), 'support') IS NULL AND business_hours(now(), NULL, 'support') IS NULL AND business_hours(now(), now(), NULL) IS NULL
   AND add_business_hours(NULL, 1, 'support') IS NULL AND add_business_hours(now(), NULL, 'support') IS NULL AND add_business_hours(now(), 1, NULL) IS NULL AS all_null;

-- What is refused: the code, the message, the hint.
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
    result text;
BEGIN
    EXECUTE 'SELECT ' || call INTO result;
    RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', sqlstate || ' ' || sqlerrm, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT call, pg_temp.try(call) FROM unnest(ARRAY[
    $$define_calendar(NULL, 'UTC', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('', 'UTC', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', NULL, '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-10:00"]}', NULL)$$,
    $$define_calendar('x', 'UTC', NULL)$$,
    $$define_calendar('x', 'UTC', '{}')$$,
    $$define_calendar('x', 'UTC', '{"mon": []}')$$,
    $$define_calendar('x', 'UTC', '[]')$$,
    $$define_calendar('x', 'UTC', '"mon"')$$,
    $$define_calendar('x', 'UTC', 'null')$$,
    $$define_calendar('x', 'UTC', '{"monday": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"Mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": "09:00-10:00"}')$$,
    $$define_calendar('x', 'UTC', '{"mon": null}')$$,
    $$define_calendar('x', 'UTC', '{"mon": {"from": "09:00"}}')$$,
    $$define_calendar('x', 'UTC', '{"mon": [9, 17]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": [["09:00-10:00"]]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-12:00", "11:59-14:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-12:00", "09:00-12:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["22:00-06:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-09:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-24:01"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["9-17"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": [""]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00–17:00"]}')$$,
    $$define_calendar('x', 'Mars/Olympus', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', '', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'CET', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'msk', '{"mon": ["09:00-10:00"]}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-10:00"]}', '{2026-01-01,NULL}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-10:00"]}', '{infinity}')$$,
    $$define_calendar('x', 'UTC', '{"mon": ["09:00-10:00"]}', '{20026-01-01}')$$,
    $$business_hours(now(), now(), 'x')$$,
    $$business_hours(now(), 'infinity', 'support')$$,
    $$business_hours('-infinity', now(), 'support')$$,
    $$business_hours('infinity', 'infinity', 'support')$$,
    $$add_business_hours('infinity', 1, 'support')$$,
    $$add_business_hours(now(), 'NaN', 'support')$$,
    $$add_business_hours(now(), 'Infinity', 'support')$$,
    $$add_business_hours(now(), '-Infinity', 'support')$$,
    $$add_business_hours(now(), 1e300, 'support')$$,
    $$add_business_hours(now(), 2.5e9, 'support')$$,
    $$add_business_hours(now(), -2.5e9, 'support')$$]) AS call;
SELECT count(*) FROM calendar WHERE name IN ('x', '');

-- A row that was written past define_calendar is refused when it is read.
INSERT INTO calendar VALUES ('restored', 'Mars/Olympus', '{"mon": ["09:00-10:00"]}', '{}'), ('odd', 'UTC', '{"mon": ["10:00-09:00"]}', '{}');
\set SHOW_CONTEXT errors
SELECT business_hours(now(), now(), 'restored');
SELECT business_hours(now(), now(), 'odd');
DELETE FROM calendar;
SELECT business_hours(now(), now(), 'support');
RESET search_path;
DROP EXTENSION smarketing;
