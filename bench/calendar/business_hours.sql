-- Cost of open hours between two instants, and of adding them: a calendar of Paris, Monday to Friday 09:00 to 18:00,
-- 110 holidays in ten years. Microseconds a row with the scan, the median of the runs; the three take turns. The peers
-- run over fewer rows, the same for all that is compared.
\pset footer off
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT setseed(0.5) \g /dev/null

CREATE TABLE holiday AS
SELECT make_date(year, month, day) AS on_date FROM generate_series(2020, 2029) AS year,
    (VALUES (1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25), (4, 6), (5, 14), (5, 25)) AS d (month, day);
ALTER TABLE holiday ADD PRIMARY KEY (on_date);
SELECT smarketing.define_calendar('office', 'Europe/Paris', (SELECT jsonb_object_agg(day, '["09:00-18:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS day),
    (SELECT array_agg(on_date) FROM holiday)) \g /dev/null

-- By hand: each day from the first to the last, its opening and closing as instants. Exact across DST.
CREATE FUNCTION loop_hours(from_at timestamptz, to_at timestamptz) RETURNS float8 LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    day date := (from_at AT TIME ZONE 'Europe/Paris')::date;
    last date := (to_at AT TIME ZONE 'Europe/Paris')::date;
    open interval := '0';
    opens timestamptz;
    closes timestamptz;
BEGIN
    WHILE day <= last LOOP
        IF extract(isodow FROM day) < 6 AND NOT EXISTS (SELECT FROM holiday WHERE on_date = day) THEN
            opens := greatest(from_at, (day + time '09:00') AT TIME ZONE 'Europe/Paris');
            closes := least(to_at, (day + time '18:00') AT TIME ZONE 'Europe/Paris');
            IF closes > opens THEN
                open := open + (closes - opens);
            END IF;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN extract(epoch FROM open)::float8 / 3600;
END $$;

CREATE FUNCTION days_hours(from_at timestamptz, to_at timestamptz) RETURNS float8 LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(extract(epoch FROM least(to_at, (day + time '18:00') AT TIME ZONE 'Europe/Paris') - greatest(from_at, (day + time '09:00') AT TIME ZONE 'Europe/Paris'))::float8), 0) / 3600
    FROM (SELECT day::date AS day FROM generate_series((from_at AT TIME ZONE 'Europe/Paris')::date::timestamp, (to_at AT TIME ZONE 'Europe/Paris')::date, interval '1 day') AS day) AS days
    WHERE extract(isodow FROM day) < 6 AND NOT EXISTS (SELECT FROM holiday WHERE on_date = day)
      AND (day + time '09:00') AT TIME ZONE 'Europe/Paris' < to_at AND (day + time '18:00') AT TIME ZONE 'Europe/Paris' > from_at
$$;

-- Instants of two years, and others at a distance about each of those.
CREATE TABLE distances AS SELECT n, name, length FROM (VALUES (1, '1 day', interval '1 day'), (2, '90 days', '90 days'), (3, '10 years', '10 years'), (4, '1000 years', '1000 years')) AS t (n, name, length);
CREATE TABLE pairs AS
SELECT n, from_at, from_at + length * (0.5 + random()) AS to_at, i <= CASE n WHEN 1 THEN 20000 WHEN 2 THEN 1000 WHEN 3 THEN 20 ELSE 1 END AS is_few
FROM (SELECT i, timestamptz '2024-01-01' + random() * interval '2 years' AS from_at FROM generate_series(1, :rows) AS i) AS t, distances;
CREATE TABLE few AS SELECT n, from_at, to_at FROM pairs WHERE is_few;
CREATE INDEX ON few (n);
VACUUM ANALYZE holiday, pairs, few;

CREATE FUNCTION cost(n int, runs int, OUT ours float8, OUT adding float8, OUT scan float8, OUT looped float8, OUT joined float8) LANGUAGE plpgsql AS $$
DECLARE
    terms text[] := ARRAY['smarketing.business_hours(from_at, to_at, ''office'')', 'smarketing.add_business_hours(from_at, 200, ''office'')', 'to_at', 'loop_hours(from_at, to_at)', 'days_hours(from_at, to_at)'];
    found float8[][];
    medians float8[];
    started timestamptz;
    counted bigint;
BEGIN
    DROP TABLE IF EXISTS these, times;
    CREATE TEMPORARY TABLE these AS SELECT from_at, to_at FROM pairs WHERE pairs.n = cost.n;
    CREATE TEMPORARY TABLE times (term int, microseconds float8);
    FOR run IN 0..runs LOOP
        FOR i IN 1..5 LOOP
            CONTINUE WHEN i > 3 AND n > 2;
            started := clock_timestamp();
            EXECUTE format('SELECT count(%s) FROM %s', terms[i], CASE WHEN i <= 3 THEN 'these' ELSE 'few WHERE n = ' || n END) INTO counted;
            IF run > 0 THEN
                INSERT INTO times VALUES (i, extract(epoch FROM clock_timestamp() - started)::float8 * 1e6 / counted);
            END IF;
        END LOOP;
    END LOOP;
    SELECT array_agg(m ORDER BY term) INTO medians FROM (SELECT term, percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) AS m FROM times GROUP BY term) AS t;
    ours := medians[1]; adding := medians[2]; scan := medians[3]; looped := medians[4]; joined := medians[5];
END $$;

-- Answers first.
DO $$
DECLARE
    wrong bigint;
BEGIN
    SELECT count(*) INTO wrong FROM few WHERE abs(smarketing.business_hours(from_at, to_at, 'office') - loop_hours(from_at, to_at)) > 1e-9
        OR abs(smarketing.business_hours(from_at, to_at, 'office') - days_hours(from_at, to_at)) > 1e-9
        OR abs(loop_hours(from_at, smarketing.add_business_hours(from_at, 200, 'office')) - 200) > 1e-9;
    IF wrong > 0 THEN
        RAISE EXCEPTION '% answers differ', wrong;
    END IF;
END $$;

CREATE TABLE results AS SELECT distances.*, c.* FROM distances, cost(distances.n, :runs) AS c ORDER BY n;
SELECT name AS distance, round(ours::numeric, 3) AS "business_hours us/row", round(adding::numeric, 3) AS "add_business_hours", round(scan::numeric, 3) AS "scan alone",
       round(looped::numeric, 1) AS "loop us/row", round(joined::numeric, 1) AS "joined days us/row", round((looped / ours)::numeric) AS "loop/ours", round((joined / ours)::numeric) AS "joined/ours"
FROM results ORDER BY n;
SELECT CASE WHEN looped / ours >= 100 THEN 'at 90 days a loop over days takes at least 100 times as long' ELSE 'MISSED: at 90 days a loop over days takes less than 100 times as long' END AS goal
FROM results WHERE name = '90 days';
