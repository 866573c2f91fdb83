-- Each conversion by itself: the same as a summary of it alone, whatever the order, the memory and the workers.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT no_plan();
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset

-- 400 accounts: touches, ties, direct ones, milestones, several conversions, also at one instant, refunds, no value.
CREATE TABLE event AS
SELECT account::bigint, event, timestamptz '2026-01-01' + trunc(random() * 60)::int * interval '1 day' AS at,
    CASE WHEN event IN ('touch', 'direct') THEN (ARRAY['a', 'b', 'c', 'direct', 'd e', NULL])[1 + trunc(random() * 6)::int] END AS channel,
    CASE WHEN event = 'conversion' AND random() < 0.9 THEN round((random() * 1000 - 200)::numeric, (random() * 4)::int) END AS value,
    CASE WHEN event = 'conversion' THEN account || '/' || n END AS conversion
FROM (SELECT account, n, (ARRAY['touch', 'touch', 'touch', 'direct', 'lead', 'opportunity', 'conversion', 'conversion'])[1 + trunc(random() * 8)::int] AS event
    FROM generate_series(1, 400) AS account, generate_series(1, 12) AS n) AS made;
CREATE FUNCTION listed(model text) RETURNS TABLE (conversion text, channel text, conversions numeric, amount numeric) LANGUAGE sql AS $$
    SELECT (c).conversion, (c).channel, round((c).conversions::numeric, 12), (c).amount
    FROM (SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, model, '20 days', '5 days') AS s FROM event) AS held, unnest(held.s) AS c $$;
CREATE TABLE model AS SELECT unnest('{first,last,last_non_direct,linear,time_decay,position,position(10/60/30),w_shaped,full_path}'::text[]) AS model;
-- A conversion alone: its account's other events, and it.
CREATE TABLE alone AS
SELECT conversion.conversion, (SELECT smarketing.attribution(e.account, e.event, e.at, e.channel, e.value, '20 days', '5 days') FROM event AS e
    WHERE e.account = conversion.account AND (e.event <> 'conversion' OR e.conversion = conversion.conversion)) AS summary
FROM event AS conversion WHERE event = 'conversion';
SELECT cmp_ok((SELECT count(*) FROM alone), '>', 900::bigint, 'there are conversions');
SELECT is_empty(format($$(SELECT conversion, CASE WHEN channel <> '(unattributed)' THEN channel END, round(conversions::numeric, 12), value FROM alone, smarketing.credits(summary, ARRAY[%1$L]) WHERE conversions > 0
    EXCEPT ALL SELECT * FROM listed(%1$L)) UNION ALL (SELECT * FROM listed(%1$L)
    EXCEPT ALL SELECT conversion, CASE WHEN channel <> '(unattributed)' THEN channel END, round(conversions::numeric, 12), value FROM alone, smarketing.credits(summary, ARRAY[%1$L]) WHERE conversions > 0)$$, model), model || ': as a summary of each')
FROM model;
SELECT is_empty(format($$SELECT conversion FROM listed(%1$L) AS l JOIN event AS e USING (conversion) GROUP BY conversion HAVING sum(amount) <> coalesce(min(value), 0) OR abs(sum(conversions) - 1) > 1e-10$$, model), model || ': each sums to its value') FROM model;

-- The same whatever the order of rows, the type of the key, the memory, the workers; and under a window.
CREATE TABLE large AS SELECT account + 1000 * k AS account, event, at, channel, value, conversion FROM event, generate_series(0, 39) AS k;
ANALYZE large;
CREATE FUNCTION digest(source text DEFAULT 'SELECT * FROM large', account text DEFAULT 'account') RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text; BEGIN EXECUTE format('SELECT md5(smarketing.attribution_credits(%s, event, at, channel, value, conversion, ''time_decay'', ''20 days'', ''5 days'')::text) FROM (%s) AS e', account, source) INTO result; RETURN result; END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE digest AS SELECT digest() AS digest;
SELECT is(digest('SELECT * FROM large ORDER BY at DESC, channel'), digest, 'in another order') FROM digest;
SET work_mem = '64kB';
SELECT is(digest(), digest, 'moved out') FROM digest;
RESET work_mem;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_has(word text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN FOR line IN EXPLAIN SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, 'time_decay', '20 days', '5 days') FROM large LOOP IF line LIKE '%' || word || '%' THEN RETURN true; END IF; END LOOP; RETURN false; END $$;
SELECT ok(plan_has('Partial Aggregate'), 'workers take part');
SELECT is(digest(), digest, 'and give the same') FROM digest;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT results_eq($$SELECT count(*) FROM event AS e, LATERAL unnest((SELECT smarketing.attribution_credits(account::text, event, at, channel, value, conversion, 'linear', '20 days', '5 days') FROM event)) AS c WHERE e.account = 1 LIMIT 1$$,
    $$SELECT count(*) FROM event AS e, LATERAL unnest((SELECT smarketing.attribution_credits(md5(account::text)::uuid, event, at, channel, value, conversion, 'linear', '20 days', '5 days') FROM event)) AS c WHERE e.account = 1 LIMIT 1$$, 'accounts by text and by uuid');
SELECT is((SELECT max(cardinality(credits)) FROM (SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, 'first', '20 days', '5 days') OVER (ORDER BY account ROWS UNBOUNDED PRECEDING) AS credits FROM event WHERE account < 20) AS w),
    (SELECT cardinality(smarketing.attribution_credits(account, event, at, channel, value, conversion, 'first', '20 days', '5 days')) FROM event WHERE account < 20), 'under a window the state stays');
-- 4,000 conversions at the instant to which 4,000 channels lead: 16 million rows, which end when they are told to.
CREATE TABLE instant AS SELECT 1::bigint AS account, CASE WHEN n <= 4000 THEN 'touch' ELSE 'conversion' END AS event, timestamptz '2026-01-01' AS at, 'channel ' || n AS channel, 1 AS value, 'c' || n AS conversion FROM generate_series(1, 8000) AS n;
SELECT is((SELECT cardinality(smarketing.attribution_credits(account, event, at, channel, value, conversion, 'linear', '20 days', '5 days')) FROM instant WHERE substr(conversion, 2)::int BETWEEN 3901 AND 4100), 10000, '100 conversions at an instant, of 100 channels');
CREATE FUNCTION seconds_to_cancel() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE began timestamptz := clock_timestamp(); BEGIN
    PERFORM smarketing.attribution_credits(account, event, at, channel, value, conversion, 'linear', '20 days', '5 days') FROM instant;
    RETURN NULL;
EXCEPTION WHEN query_canceled THEN RETURN extract(epoch FROM clock_timestamp() - began); END $$;
SET statement_timeout = '300ms';
SELECT cmp_ok(seconds_to_cancel(), '<', 5::float8, 'many conversions of many channels at an instant can be cancelled');
RESET statement_timeout;
-- What there is not, and what cannot be.
SELECT is((SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, 'linear', '20 days', '5 days') FROM event WHERE false), NULL, 'no rows');
SELECT is((SELECT smarketing.attribution_credits(NULL::bigint, event, at, channel, value, conversion, 'linear', '20 days', '5 days') FROM event), '{}', 'no account');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, value, NULL, 'linear', '20 days', '5 days') FROM event$$, '22004', 'argument "conversion" must not be null');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, NULL, '20 days', '5 days') FROM event$$, '22004', 'argument "model" must not be null');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, 'best', '20 days', '5 days') FROM event$$, '22023', 'unknown attribution model: "best"');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, CASE WHEN account < 9 THEN 'linear' ELSE 'last' END, '20 days', '5 days') FROM event$$, '22023', 'argument "model" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, value, conversion, 'linear', '-1 days', '5 days') FROM event$$, '22023', 'argument "lookback" must be positive');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, event, at, channel, CASE WHEN value > 0 THEN numeric 'NaN' END, conversion, 'linear', '1 days', '5 days') FROM event$$, '22003', 'argument "value" must not be NaN or infinite');
SELECT throws_ok($$SELECT smarketing.attribution_credits(account, 'Touch', at, channel, value, conversion, 'linear', '1 days', '5 days') FROM event$$, '22023', 'unknown event: "Touch"');
SELECT * FROM finish();
