-- Periods against a slow reference in plain SQL, over every zone of the server: around all changes of the clocks and
-- at random instants.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
SET DateStyle = 'ISO, YMD';
SET work_mem = '256MB';
SET jit = off;
CREATE EXTENSION smarketing;
SELECT plan(56);
SELECT random() AS seed \gset
SELECT diag('calendar: seed ' || :'seed');
SELECT setseed(:seed) AS seeded \gset

-- Labels and documentation.
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE pronamespace = 'smarketing'::regnamespace AND proname LIKE 'period\_%'
      AND (provolatile <> 'i' OR proparallel <> 's' OR NOT proisstrict OR prosecdef OR obj_description(oid, 'pg_proc') IS NULL)
$$, 'the functions are immutable, strict, parallel safe and commented');
SELECT is((
    SELECT string_agg(proname || '(' || pg_get_function_identity_arguments(oid) || ') ' || prorettype::regtype, E'\n' ORDER BY oid::regprocedure::text COLLATE "C")
    FROM pg_proc WHERE pronamespace = 'smarketing'::regnamespace AND proname LIKE 'period\_%'
), concat_ws(E'\n',
    'period_end(period text, on_date date, first_month integer) date',
    'period_end(period text, at timestamp with time zone, time_zone text, first_month integer) date',
    'period_range(period text, at timestamp with time zone, time_zone text, first_month integer) tstzrange',
    'period_start(period text, on_date date, first_month integer) date',
    'period_start(period text, at timestamp with time zone, time_zone text, first_month integer) date'), 'signatures');

-- The reference: what AT TIME ZONE and date_trunc say.
CREATE FUNCTION reference_start(period text, d date, first_month integer) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE period
        WHEN 'day' THEN d
        WHEN 'fiscal_quarter' THEN (date_trunc('month', d::timestamp) - make_interval(months => (extract(month FROM d)::int - first_month + 12) % 3))::date
        WHEN 'fiscal_year' THEN (date_trunc('month', d::timestamp) - make_interval(months => (extract(month FROM d)::int - first_month + 12) % 12))::date
        ELSE date_trunc(period, d::timestamp)::date
    END
$$;

CREATE FUNCTION period_length(period text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT ('1 ' || CASE replace(period, 'fiscal_', '') WHEN 'quarter' THEN 'month' ELSE replace(period, 'fiscal_', '') END)::interval
           * CASE replace(period, 'fiscal_', '') WHEN 'quarter' THEN 3 ELSE 1 END
$$;

CREATE TABLE periods AS
SELECT n, period FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year']) WITH ORDINALITY AS p(period, n);

-- posix/X is X once more.
CREATE TABLE zones AS
SELECT name AS zone, 1 + abs(hashtext(name) % 12) AS first_month FROM pg_timezone_names WHERE name !~ '^posix/' ORDER BY name;

-- All changes of offset since 1840 (two within three weeks may be missed), found by halving; and some around 2437,
-- where the server's own tables end and its rules are continued.
CREATE TABLE transitions AS
SELECT zone, at AS before, at + interval '21 days' AS since
FROM zones, (SELECT generate_series(timestamptz '1840-01-01 00:00+00', '2039-12-01 00:00+00', interval '21 days')
             UNION ALL SELECT generate_series(timestamptz '2435-01-01 00:00+00', '2440-01-01 00:00+00', interval '21 days')) AS g(at)
WHERE at AT TIME ZONE zone + interval '21 days' <> (at + interval '21 days') AT TIME ZONE zone;
DO $$
BEGIN
    FOR i IN 1..21 LOOP
        CREATE TABLE halved AS
        SELECT zone, CASE WHEN same THEN middle ELSE before END AS before, CASE WHEN same THEN since ELSE middle END AS since
        FROM (SELECT *, middle AT TIME ZONE zone - before AT TIME ZONE zone = middle - before AS same
              FROM (SELECT *, date_trunc('second', before + (since - before) / 2) AS middle FROM transitions OFFSET 0) AS t OFFSET 0) AS t;
        DROP TABLE transitions;
        ALTER TABLE halved RENAME TO transitions;
    END LOOP;
END $$;
CREATE INDEX ON transitions (zone, since);
SELECT is_empty('SELECT * FROM transitions WHERE since - before <> interval ''1 second''', 'the changes of the clocks are found');
SELECT cmp_ok(count(*), '>', 30000::bigint, 'there are many of them') FROM transitions;

CREATE TABLE points AS
SELECT zone, first_month, since + step AS at
FROM transitions JOIN zones USING (zone),
     unnest(ARRAY['-1 day', '-1 hour', '-0.000001 s', '0', '1 minute', '59 minutes', '23:30:00']::interval[]) AS step
UNION ALL
SELECT zone, first_month, timestamptz '1800-01-01' + random() * (timestamptz '2500-01-01' - timestamptz '1800-01-01')
FROM zones, generate_series(1, 100)
ORDER BY zone, at;
CREATE TABLE shuffled AS SELECT * FROM points ORDER BY random() LIMIT 60000;
ANALYZE zones, transitions, points, shuffled;

SELECT is_empty(format($$
    SELECT *, smarketing.period_start(%1$L, at, zone, first_month), reference_start(%1$L, (at AT TIME ZONE zone)::date, first_month)
    FROM points
    WHERE smarketing.period_start(%1$L, at, zone, first_month) IS DISTINCT FROM reference_start(%1$L, (at AT TIME ZONE zone)::date, first_month)
    LIMIT 5
$$, period), period || ': the start is that of the local date, in every zone') FROM periods ORDER BY n;

SELECT is_empty(format($$
    SELECT *, smarketing.period_start(%1$L, at, zone, first_month), smarketing.period_end(%1$L, at, zone, first_month)
    FROM points
    WHERE smarketing.period_end(%1$L, at, zone, first_month)
          IS DISTINCT FROM (smarketing.period_start(%1$L, at, zone, first_month)::timestamp + period_length(%1$L))::date
    LIMIT 5
$$, period), period || ': the end is one period after the start') FROM periods ORDER BY n;

SELECT is_empty(format($$
    SELECT * FROM shuffled
    WHERE smarketing.period_start(%1$L, at, zone, first_month) IS DISTINCT FROM reference_start(%1$L, (at AT TIME ZONE zone)::date, first_month)
       OR smarketing.period_start(%1$L, (at AT TIME ZONE zone)::date, first_month) IS DISTINCT FROM reference_start(%1$L, (at AT TIME ZONE zone)::date, first_month)
       OR smarketing.period_end(%1$L, (at AT TIME ZONE zone)::date, first_month) IS DISTINCT FROM smarketing.period_end(%1$L, at, zone, first_month)
    LIMIT 5
$$, period), period || ': the same with another zone in every row, and from the local date') FROM periods ORDER BY n;

SELECT is_empty($$
    SELECT * FROM (SELECT s.*, period FROM shuffled AS s, periods OFFSET 0) AS s
    WHERE smarketing.period_start(period, at, zone, first_month) IS DISTINCT FROM reference_start(period, (at AT TIME ZONE zone)::date, first_month)
    LIMIT 5
$$, 'the same with another period in every row');

-- The ranges: one holds its instant, begins where the local date reaches the start for good, and meets its neighbours.
CREATE TABLE range_points AS
SELECT * FROM points WHERE zone IN ('America/St_Johns', 'America/Havana', 'Pacific/Apia', 'Pacific/Kwajalein', 'Asia/Manila', 'America/Juneau')
UNION ALL SELECT * FROM shuffled
ORDER BY zone, at;
SELECT is_empty($$
    SELECT * FROM points WHERE NOT smarketing.period_range('day', at, zone) @> at LIMIT 5
$$, 'the range of the day holds its instant');
CREATE TABLE ranges AS
SELECT zone, first_month, at, n, period, smarketing.period_range(period, at, zone, first_month) AS range FROM periods, range_points;
ANALYZE ranges;

SELECT is_empty($$
    SELECT * FROM ranges WHERE NOT range @> at OR NOT lower_inc(range) OR upper_inc(range) LIMIT 5
$$, 'a range is half-open and holds its instant');
SELECT is_empty($$
    SELECT * FROM ranges
    WHERE smarketing.period_range(period, lower(range), zone, first_month) <> range
       OR smarketing.period_range(period, upper(range) - interval '1 microsecond', zone, first_month) <> range
    LIMIT 5
$$, 'the bounds of a range are in the same range');
SELECT is_empty($$
    SELECT * FROM ranges
    WHERE lower(smarketing.period_range(period, upper(range), zone, first_month)) <> upper(range)
       OR upper(smarketing.period_range(period, lower(range) - interval '1 microsecond', zone, first_month)) <> lower(range)
    LIMIT 5
$$, 'ranges leave no hole and do not overlap');
SELECT is_empty($$
    SELECT * FROM (
        SELECT *, smarketing.period_start(period, lower(range), zone, first_month) AS start,
               (lower(range) AT TIME ZONE zone)::date AS first_date,
               ((lower(range) - interval '1 microsecond') AT TIME ZONE zone)::date AS date_before
        FROM ranges) AS r
    WHERE first_date < start OR date_before >= start
       OR EXISTS (SELECT FROM transitions AS t
                  WHERE t.zone = r.zone AND t.since > lower(r.range) AND t.since < lower(r.range) + interval '8 days'
                    AND (t.since AT TIME ZONE t.zone)::date < r.start)
    LIMIT 5
$$, 'a range begins with the first instant from which on the local date is not before its start');
SELECT is_empty($$
    SELECT * FROM ranges AS r
    WHERE smarketing.period_start(period, at, zone, first_month) <> smarketing.period_start(period, lower(range), zone, first_month)
      AND NOT EXISTS (SELECT FROM transitions AS t
                      WHERE t.zone = r.zone AND t.since > r.at AND t.since < r.at + interval '1 day'
                        AND (t.since AT TIME ZONE t.zone)::date < (r.at AT TIME ZONE r.zone)::date)
    LIMIT 5
$$, 'the start of an instant is that of its range, but where the clocks go back over it');
SELECT is_empty($$
    SELECT zone, since FROM transitions
    WHERE zone IN (SELECT zone FROM zones WHERE zone ~ '^[A-Z][a-z]+/')
      AND (since AT TIME ZONE zone)::date < ((since - interval '1 microsecond') AT TIME ZONE zone)::date
      AND since > timestamptz '2012-01-01'
$$, 'no zone has set its clocks back over midnight since 2012');

-- Constant arguments, as in most queries: many instants through one table of blocks, sorted and not.
CREATE TABLE many AS
SELECT timestamptz '2024-01-01' + random() * interval '2 years' AS at FROM generate_series(1, 60000)
UNION ALL SELECT timestamptz '1900-01-01' + random() * interval '140 years' FROM generate_series(1, 60000)
UNION ALL SELECT timestamptz '4713-01-01 BC' + random() * interval '290000 years' FROM generate_series(1, 2000)
UNION ALL SELECT at FROM points WHERE zone = 'America/St_Johns';
CREATE TABLE many_sorted AS SELECT at FROM many ORDER BY at;
CREATE TABLE many_shuffled AS SELECT at FROM many ORDER BY random();
SELECT is_empty(format($$
    SELECT at FROM %1$I
    WHERE smarketing.period_start('day', at, %2$L) <> (at AT TIME ZONE %2$L)::date
       OR smarketing.period_start('month', at, %2$L) <> reference_start('month', (at AT TIME ZONE %2$L)::date, 1)
       OR smarketing.period_end('fiscal_quarter', at, %2$L, 2)
          <> (reference_start('fiscal_quarter', (at AT TIME ZONE %2$L)::date, 2) + interval '3 months')::date
    LIMIT 5
$$, source, zone), format('constant arguments: %s, %s', source, zone))
FROM unnest(ARRAY['many_sorted', 'many_shuffled']) AS source,
     unnest(ARRAY['Europe/Paris', 'America/St_Johns', 'Asia/Kathmandu', 'Africa/Casablanca', 'Antarctica/Troll', 'MSK', 'CET', 'EST5EDT,M3.2.0,M11.1.0']) AS zone
ORDER BY zone, source;

-- Abbreviations: all that the server knows, also those whose offset a zone tells.
CREATE TABLE abbreviation_points AS
SELECT abbrev, at FROM pg_timezone_abbrevs, LATERAL (SELECT at FROM many_shuffled WHERE at > '1850-01-01' AND at < '2200-01-01' LIMIT 1500) AS m
ORDER BY abbrev, at;
SELECT is_empty($$
    SELECT abbrev, at FROM abbreviation_points WHERE smarketing.period_start('day', at, abbrev) <> (at AT TIME ZONE abbrev)::date LIMIT 5
$$, 'abbreviations mean what they mean to AT TIME ZONE');
SELECT is_empty($$
    SELECT abbrev, at, r FROM (SELECT *, smarketing.period_range('day', at, abbrev) AS r FROM abbreviation_points WHERE at > '1950-01-01') AS p
    WHERE NOT r @> at OR smarketing.period_start('day', lower(r), abbrev) <= smarketing.period_start('day', lower(r) - interval '1 microsecond', abbrev)
       OR smarketing.period_range('day', lower(r), abbrev) <> r
    LIMIT 5
$$, 'ranges of abbreviations hold their instants');
-- The first instant of a local date, in all zones; and that of another period which lies as far from its start.
SELECT is_empty($$
    SELECT zone, at FROM (SELECT name AS zone, m.at, smarketing.period_range('day', m.at, name) AS day FROM pg_timezone_names, LATERAL (SELECT at FROM many_shuffled WHERE at > '1950-01-01' AND at < '2100-01-01' LIMIT 40) AS m) AS p
    WHERE smarketing.first_instant(smarketing.period_start('day', at, zone), zone) <> lower(day) AND smarketing.period_start('day', at, zone) = smarketing.period_start('day', lower(day), zone) LIMIT 5
$$, 'the first instant of a date is where its day begins');
SELECT results_eq($$SELECT smarketing.first_instant(d, z) FROM (VALUES (date '2024-03-31', 'Europe/Paris'), ('2018-11-04', 'America/Sao_Paulo'), ('2011-12-30', 'Pacific/Apia'), ('infinity', 'UTC'), ('-infinity', 'UTC'), (NULL, 'UTC')) AS t (d, z)$$,
    $$VALUES (timestamptz '2024-03-30 23:00+00'), ('2018-11-04 03:00+00'), ('2011-12-30 10:00+00'), ('infinity'), ('-infinity'), (NULL)$$, 'also of one without midnight, of one that was skipped, and of none');
SELECT is_empty($$
    SELECT p, at FROM (SELECT at, p, date_trunc(p, at, 'UTC') AS start, ('1 ' || p)::interval AS step FROM (SELECT at FROM many_shuffled WHERE at > '1950-01-01' AND at < '2100-01-01' LIMIT 3000) AS m, unnest('{day,week,month,year}'::text[]) AS p) AS t
    WHERE smarketing.compared_instant('previous', p, at, 'UTC', 1) <> least(((start AT TIME ZONE 'UTC' - step) + (at - start)) AT TIME ZONE 'UTC', start) LIMIT 5
$$, 'the instant of the period before');
SELECT is_empty($$
    SELECT p, at FROM (SELECT at, p, date_trunc(p, at, 'UTC') AS start, ('1 ' || p)::interval AS step FROM (SELECT at FROM many_shuffled WHERE at > '1950-01-01' AND at < '2100-01-01' LIMIT 3000) AS m, unnest('{month,year}'::text[]) AS p) AS t,
        LATERAL (SELECT start AT TIME ZONE 'UTC' - interval '1 year' AS then) AS y
    WHERE smarketing.compared_instant('year_ago', p, at, 'UTC', 1) <> least(y.then + (at - start), y.then + step) AT TIME ZONE 'UTC' LIMIT 5
$$, 'and of that a year ago');
SELECT throws_ok($$SELECT smarketing.compared_instant('later', 'month', now(), 'UTC', 1)$$, '22023', 'invalid value for argument "shift": "later"');
SELECT * FROM finish();
