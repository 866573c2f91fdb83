-- The answers must not depend on the session's zone: it only shows the instants here.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = postgres;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS smarketing;
RESET client_min_messages;
SET search_path = smarketing, pg_catalog;

-- Every period. In Paris it is 1 April already.
SELECT p AS period, period_start(p, at, 'Europe/Paris'), period_end(p, at, 'Europe/Paris'), period_range(p, at, 'Europe/Paris')
FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year', 'Month']) AS p,
     (VALUES (timestamptz '2026-03-31 22:30+00')) AS v(at);
SET TimeZone = 'Pacific/Auckland';
SELECT period_start('month', timestamptz '2026-03-31 22:30+00', 'Europe/Paris');
SET TimeZone = 'UTC';

-- Fiscal periods that begin in another month.
SELECT m AS first_month, period_start('fiscal_year', d, m), period_end('fiscal_year', d, m),
       period_start('fiscal_quarter', d, m) AS quarter_start, period_end('fiscal_quarter', d, m) AS quarter_end,
       period_start('year', d, m) AS year_start, period_start('quarter', d, m) AS plain_quarter
FROM generate_series(1, 12) AS m, (VALUES (date '2026-03-31')) AS v(d);
SELECT period_range('fiscal_year', timestamptz '2026-03-31 13:30+00', 'Asia/Tokyo', 4),
       period_range('fiscal_year', timestamptz '2026-03-31 15:30+00', 'Asia/Tokyo', 4);

-- Weeks begin on Monday, also before 2000.
SELECT d, period_start('week', d), period_end('week', d)
FROM unnest(ARRAY['2026-01-04', '2026-01-05', '1999-12-26', '1999-12-27', '0001-01-01 BC']::date[]) AS d;

-- A date is local already; it takes no zone.
SELECT period_start('month', date '2026-02-28'), period_end('month', date '2026-02-28'), period_end('quarter', date '2026-02-28');

-- Days around changes of the clock: no midnight, midnight twice, half an hour, no day at all, a quarter of an hour off.
SELECT zone, to_char(at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS') AS local, period_start('day', at, zone), period_end('day', at, zone),
       period_range('day', at, zone), upper(period_range('day', at, zone)) - lower(period_range('day', at, zone)) AS length
FROM (VALUES
    (1, 'America/Havana', timestamptz '2025-03-09 04:59:59+00'),
    (2, 'America/Havana', '2025-03-09 05:00:00+00'),
    (3, 'America/Havana', '2024-11-03 04:00:00+00'),
    (4, 'America/Havana', '2024-11-03 05:00:00+00'),
    (5, 'Africa/Cairo', '2024-04-25 22:00:00+00'),
    (6, 'Africa/Cairo', '2024-10-31 20:59:59+00'),
    (7, 'Africa/Cairo', '2024-10-31 21:00:00+00'),
    (8, 'Pacific/Apia', '2011-12-30 09:59:59+00'),
    (9, 'Pacific/Apia', '2011-12-30 10:00:00+00'),
    (10, 'Australia/Lord_Howe', '2025-04-05 15:00:00+00'),
    (11, 'Australia/Lord_Howe', '2024-10-05 15:30:00+00'),
    (12, 'Asia/Kathmandu', '2026-01-01 18:14:59+00'),
    (13, 'Asia/Kathmandu', '2026-01-01 18:15:00+00'),
    (14, 'Europe/Paris', '1900-06-01 12:00:00+00')) AS v(n, zone, at)
ORDER BY n;

-- St. John's set its clocks back at 00:01, to 23:01 of the day before. That minute has the date that the clocks
-- showed, and lies in the range of the day before, so that the ranges neither overlap nor leave a hole.
SELECT to_char(at AT TIME ZONE 'America/St_Johns', 'YYYY-MM-DD HH24:MI:SS') AS local, period_start('month', at, 'America/St_Johns'),
       period_range('month', at, 'America/St_Johns') AS month, period_range('day', at, 'America/St_Johns') AS day
FROM unnest(ARRAY['1999-10-31 02:29:59+00', '1999-10-31 02:30:00+00', '1999-10-31 02:31:00+00', '1999-10-31 03:30:00+00',
                  '2010-11-07 02:29:59+00', '2010-11-07 02:30:00+00', '2010-11-07 02:30:59.999999+00', '2010-11-07 02:31:00+00',
                  '2010-11-07 03:29:59+00', '2010-11-07 03:30:00+00']::timestamptz[]) AS at;

-- Names that AT TIME ZONE knows: abbreviations, dynamic ones, POSIX specifications.
SELECT zone, period_start('day', at, zone), (at AT TIME ZONE zone)::date AS core
FROM unnest(ARRAY['CET', 'est', 'MSK', 'UTC', 'Europe/Paris', 'europe/paris', 'XYZ-13:59', 'EST5EDT', '<+03>-3', 'Etc/GMT+12']) AS zone,
     (VALUES (timestamptz '2026-07-01 10:30+00')) AS v(at);

-- Errors.
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    hint text;
BEGIN
    EXECUTE 'SELECT smarketing.' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate, sqlerrm, nullif(hint, ''));
END $$;
SELECT call, pg_temp.try(call) FROM unnest(ARRAY[
    $$period_start('fortnight', now(), 'UTC')$$,
    $$period_end('', date '2026-01-01')$$,
    $$period_start('day', now(), 'Europe/Atlantis')$$,
    $$period_range('day', now(), '')$$,
    $$period_start('fiscal_year', now(), 'UTC', 0)$$,
    $$period_start('day', date '2026-01-01', 13)$$,
    $$period_start('day', timestamptz 'infinity', 'UTC')$$,
    $$period_end('day', timestamptz '-infinity', 'UTC')$$,
    $$period_range('day', timestamptz 'infinity', 'UTC')$$,
    $$period_start('month', date '-infinity')$$,
    $$period_end('month', date 'infinity')$$]) AS call;

-- The ends of time: an error, never a wrapped date.
SELECT call, pg_temp.try(call) FROM unnest(ARRAY[
    $$period_start('week', date '4714-11-24 BC')$$,
    $$period_start('month', date '4714-11-30 BC')$$,
    $$period_start('month', date '4714-12-31 BC')$$,
    $$period_start('fiscal_year', date '5874897-12-31', 12)$$,
    $$period_end('fiscal_year', date '5874897-12-31', 12)$$,
    $$period_end('day', date '5874897-12-30')$$,
    $$period_end('day', date '5874897-12-31')$$,
    $$period_start('day', timestamptz '4714-11-24 00:00:00+00 BC', 'UTC')$$,
    $$period_start('day', timestamptz '4714-11-24 00:00:00+00 BC', 'Asia/Tokyo')$$,
    $$period_start('day', timestamptz '4714-11-24 00:00:00+00 BC', 'America/New_York')$$,
    $$period_start('month', timestamptz '4714-11-30 00:00:00+00 BC', 'UTC')$$,
    $$period_end('month', timestamptz '294276-12-31 23:59:59+00', 'Asia/Tokyo')$$,
    $$period_range('day', timestamptz '4714-11-24 00:00:00+00 BC', 'UTC')$$,
    $$period_range('day', timestamptz '4714-11-24 00:00:00+00 BC', 'Asia/Tokyo')$$,
    $$period_range('month', timestamptz '294276-11-30 23:59:59+00', 'UTC')$$,
    $$period_range('day', timestamptz '294276-12-31 23:59:59+00', 'UTC')$$,
    $$period_start('year', timestamptz '0044-03-15 12:00+00 BC', 'Europe/Rome')$$,
    $$period_end('year', timestamptz '0001-03-15 12:00+00 BC', 'Europe/Rome')$$]) AS call;

-- NULL in, NULL out.
SELECT period_start(NULL, now(), 'UTC'), period_start('day', NULL::timestamptz, 'UTC'), period_start('day', now(), NULL),
       period_start('day', now(), 'UTC', NULL), period_end('day', NULL::date), period_range('day', NULL, 'UTC');

-- A call site that has met an error serves the next row as before.
CREATE FUNCTION pg_temp.starts(zones text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    zone text;
BEGIN
    FOREACH zone IN ARRAY zones LOOP
        BEGIN
            RETURN NEXT smarketing.period_start('day', timestamptz '2026-01-01 23:30+00', zone);
        EXCEPTION WHEN invalid_parameter_value THEN
            RETURN NEXT sqlerrm;
        END;
    END LOOP;
END $$;
SELECT left(starts, 60) AS starts FROM pg_temp.starts(ARRAY['UTC', 'Nowhere', 'UTC', 'Asia/Tokyo', repeat('x', 300), 'Asia/Tokyo', 'Nowhere', 'Nowhere']);

DROP EXTENSION smarketing;
