-- spread() against its definition, a day at a time, and what holds of its shares.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
SELECT setseed(:'env_seed') AS seeded \gset
\else
SELECT setseed(0.25) AS seeded \gset
\endif
CREATE EXTENSION smarketing;
SELECT plan(13);
SELECT diag('seed ' || coalesce(nullif(:'seeded', ''), '0.25 or SMK_SEED'));

-- The definition: what is spent by the end of a day, to the cent, less what was by its beginning; the last day closes the amount.
CREATE FUNCTION share_of_day(amount numeric, starts date, ends date, day date, skipped date[]) RETURNS numeric LANGUAGE sql AS $$
    WITH days AS (SELECT d::date AS day, row_number() OVER (ORDER BY d) AS k, count(*) OVER () AS n FROM generate_series(starts, ends - 1, interval '1 day') AS d WHERE d::date <> ALL (skipped))
    SELECT coalesce((SELECT CASE WHEN k = n THEN amount ELSE round(amount * k / n, 2) END - CASE WHEN k = 1 THEN 0 ELSE round(amount * (k - 1) / n, 2) END FROM days WHERE days.day = share_of_day.day), 0) $$;
CREATE TABLE lump AS
SELECT i, CASE WHEN i % 3 = 0 THEN (random() * 100)::int::numeric ELSE round((random() * 3000 - 300)::numeric, i % 5) END AS amount,
       date '2011-12-01' + (random() * 40)::int AS starts, (random() * 60)::int AS days, CASE WHEN i % 2 = 0 THEN '{2011-12-30,2012-01-15}'::date[] ELSE '{}' END AS skipped
FROM generate_series(1, 300) AS i;
ALTER TABLE lump ADD ends date;
UPDATE lump SET ends = starts + days;

SELECT is_empty($$SELECT i, d FROM lump, generate_series(starts - 2, greatest(ends, starts + 1) + 2, interval '1 day') AS d
    WHERE smarketing.spread(amount, starts, ends, d::date, d::date + 1, skipped) <> share_of_day(amount, starts, greatest(ends, starts + 1), d::date, skipped)$$, 'every day has its share');
SELECT is_empty($$SELECT i FROM lump, generate_series(1, 5), LATERAL (SELECT starts + (random() * 30)::int + i * 0 AS a, starts + (random() * 70)::int + i * 0 AS b) AS t
    WHERE a < b AND smarketing.spread(amount, starts, ends, a, b, skipped)
        <> (SELECT sum(smarketing.spread(amount, starts, ends, d::date, d::date + 1, skipped)) FROM generate_series(a, b - 1, interval '1 day') AS d)$$, 'the shares of days add up to that of any time');
SELECT is_empty($$SELECT i FROM lump WHERE smarketing.spread(amount, starts, ends, '2000-01-01', '2100-01-01', skipped) <> amount
    AND NOT (greatest(ends, starts + 1) = starts + 1 AND starts = ANY (skipped))$$, 'all shares are the amount');
SELECT is_empty($$SELECT i FROM lump WHERE smarketing.spread(amount, starts, ends, starts, starts, skipped) <> 0 OR smarketing.spread(amount, starts, ends, ends, starts, skipped) <> 0 AND ends > starts$$, 'an empty time has none');
SELECT is(smarketing.spread(100, '2026-01-01', '2026-01-04', '2026-01-01', '2026-01-02'), 33.33, 'the first day of three');
SELECT is(smarketing.spread(100, '2026-01-01', '2026-01-04', '2026-01-03', '2026-01-04'), 33.33, 'the third');
SELECT is(smarketing.spread(100, '2026-01-01', '2026-01-04', '2026-01-02', '2026-01-03'), 33.34, 'the second');
SELECT is(smarketing.spread('NaN', '2026-01-01', '2026-01-04', '2026-01-02', '2026-01-03'), 'NaN', 'NaN stays NaN, which a statement refuses');
SELECT throws_ok($$SELECT smarketing.spread(1, '-infinity', '2026-01-04', '2026-01-02', '2026-01-03')$$, '22023', 'an amount cannot be spread over an infinite time');
SELECT is((SELECT array_agg(k ORDER BY i) FROM (SELECT i, smarketing.last_known(v) OVER (ORDER BY i) AS k FROM (VALUES (1, NULL::numeric), (2, 5), (3, NULL), (4, 7), (5, NULL)) AS t (i, v)) AS w),
    '{NULL,5,5,7,7}'::numeric[], 'last_known keeps the last value');
SELECT is((SELECT smarketing.require_rates(NULL, NULL, 'EUR')), true, 'require_rates of nothing');
-- As many currencies as a column that is none has, each on many days and in no order: not a look at all of them for each row.
SET statement_timeout = '20s';
SELECT throws_ok($$SELECT smarketing.require_rates('C' || lpad((n::bigint * 7919 % 30011)::text, 5, '0'), date '2026-01-01' + n / 30011, 'EUR') FROM generate_series(0, 600219) AS n$$, '55000',
    (SELECT 'exchange rates to EUR are missing: ' || string_agg(format('C%s from 2026-01-01', lpad(n::text, 5, '0')), ', ' ORDER BY n) || ' and 29991 more' FROM generate_series(0, 19) AS n), 'many currencies on many days');
RESET statement_timeout;
SELECT throws_ok($$SELECT smarketing.require_rates(c, d, 'EUR') FROM (VALUES ('USD', date '2026-02-01'), ('GBP', '2026-01-01'), ('USD', '2026-01-15'), ('USD', '2026-03-01')) AS v (c, d)$$, '55000', 'exchange rates to EUR are missing: GBP from 2026-01-01, USD from 2026-01-15', 'each by its first day');
SELECT * FROM finish();
