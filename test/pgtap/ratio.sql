-- cost_per, win_rate and the Wilson interval: catalog facts, aggregates in every position, a slow reference.
SELECT plan(69);
CREATE EXTENSION smarketing;

-- Catalog facts.
SELECT ok(p.proparallel = 's' AND p.provolatile = 'i', 'parallel safe and immutable: ' || p.proname)
FROM pg_proc p
WHERE p.pronamespace = 'smarketing'::regnamespace
  AND (p.proname ~ '^(cost_per|win_rate)_.*fn$' OR p.proname IN ('cost_per', 'win_rate', 'wilson_low', 'wilson_high'))
ORDER BY p.proname;
SELECT is(array_agg(p.proname::text ORDER BY p.proname), '{wilson_high,wilson_low}', 'strict: what callers see')
FROM pg_proc p
WHERE p.pronamespace = 'smarketing'::regnamespace AND p.proname ~ '^(cost_per|win_rate|wilson)'
  AND p.proisstrict AND p.proname !~ '(serialfn)$';
SELECT is(count(*) FILTER (WHERE obj_description(p.oid, 'pg_proc') IS NULL), 0::bigint, 'every function has a comment')
FROM pg_proc p
WHERE p.pronamespace = 'smarketing'::regnamespace AND p.proname ~ '^(cost_per|win_rate|wilson)';
SELECT is(pg_get_function_arguments('smarketing.cost_per(numeric,bigint)'::regprocedure), 'amount numeric, units bigint', 'arguments of cost_per');
SELECT is(pg_get_function_arguments('smarketing.win_rate(boolean)'::regprocedure), 'won boolean', 'argument of win_rate');
SELECT is(pg_get_function_arguments('smarketing.wilson_low(bigint,bigint)'::regprocedure), 'won bigint, closed bigint', 'arguments of wilson_low');

-- Nothing, NULLs, one row.
SELECT is((SELECT smarketing.cost_per(a, 1) FROM (SELECT 1::numeric WHERE false) v (a)), NULL, 'cost_per: no rows');
SELECT is((SELECT smarketing.win_rate(a) FROM (SELECT true WHERE false) v (a)), NULL, 'win_rate: no rows');
SELECT is((SELECT smarketing.cost_per(NULL::numeric, NULL::bigint) FROM generate_series(1, 3)), NULL, 'cost_per: all NULL');
SELECT is((SELECT smarketing.win_rate(NULL::boolean) FROM generate_series(1, 3)), NULL, 'win_rate: all NULL');
SELECT is((SELECT smarketing.cost_per(10, 4)), 2.500000, 'cost_per: one row');
SELECT is((SELECT smarketing.win_rate(true)), 1::float8, 'win_rate: one row');
SELECT is((SELECT smarketing.win_rate(false)), 0::float8, 'win_rate: one lost deal');
SELECT is((SELECT scale(smarketing.cost_per(10, 4))), 6, 'cost_per has 6 decimals');

-- Random rows: 12 groups, amounts of several scales, NULLs, zero and negative units.
SELECT coalesce(nullif(current_setting('smk.seed', true), '')::int, (random() * 1000000)::int) AS seed \gset
\echo # seed :seed
SELECT setseed(:seed / 1000001.0) \g /dev/null
CREATE TABLE fact AS
SELECT i AS id, (random() * 11)::int AS g,
    CASE WHEN random() < 0.1 THEN NULL
         ELSE round(((random() - 0.1) * 10 ^ (random() * 14))::numeric, (random() * 9)::int) END AS amount,
    CASE WHEN random() < 0.1 THEN NULL
         WHEN random() < 0.01 THEN (random() * 9e18)::bigint
         ELSE (random() * 20)::bigint - 2 END AS units,
    CASE WHEN random() < 0.3 THEN NULL ELSE random() < 0.4 END AS won
FROM generate_series(1, 20000) i;
INSERT INTO fact VALUES (0, 100, NULL, NULL, NULL), (-1, 101, 7, 0, true), (-2, 102, NULL, 3, false);
ANALYZE fact;

-- The plain SQL that the aggregates stand for; 80 decimals leave no second rounding.
CREATE FUNCTION cost_reference(amount numeric, units numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN round(round(amount, 80) / nullif(units, 0), 6);

SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected), 0::bigint, 'cost_per: groups as the reference, seed ' || :seed)
FROM (SELECT g, smarketing.cost_per(amount, units) AS got, cost_reference(sum(amount), sum(units)) AS expected
      FROM fact GROUP BY g) s;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected), 0::bigint, 'cost_per: every row alone as the reference')
FROM (SELECT id, smarketing.cost_per(amount, units) AS got, cost_reference(sum(amount), sum(units)) AS expected
      FROM fact GROUP BY id) s;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected), 0::bigint, 'win_rate: groups as the reference')
FROM (SELECT g, smarketing.win_rate(won) AS got,
          count(*) FILTER (WHERE won)::float8 / nullif(count(won), 0)::float8 AS expected
      FROM fact GROUP BY g) s;
SELECT is(smarketing.cost_per(amount, units) FILTER (WHERE g = 3),
    (SELECT cost_reference(sum(amount), sum(units)) FROM fact WHERE g = 3), 'cost_per: FILTER')
FROM fact;
SELECT is(smarketing.win_rate(won) FILTER (WHERE g = 3),
    (SELECT avg(won::int)::float8 FROM fact WHERE g = 3), 'win_rate: FILTER')
FROM fact;
SELECT is(smarketing.cost_per(DISTINCT a, u), 11.000000, 'cost_per: DISTINCT takes a pair once')
FROM (VALUES (10::numeric, 1::bigint), (10, 1), (12, 1), (NULL, NULL), (NULL, NULL)) v (a, u);
SELECT is(smarketing.win_rate(DISTINCT won), 0.5::float8, 'win_rate: DISTINCT') FROM fact;
SELECT is(smarketing.cost_per(amount, units ORDER BY id DESC), smarketing.cost_per(amount, units), 'cost_per: the order is of no account')
FROM fact;
SELECT is(count(*), 14::bigint, 'cost_per: grouping sets')
FROM (SELECT g, smarketing.cost_per(amount, units), smarketing.win_rate(won) FROM fact WHERE g < 100 GROUP BY GROUPING SETS ((g), (), ())) s;

-- Windows: the final function is called again and again on one state; moving frames take rows out.
CREATE TABLE small AS SELECT * FROM fact WHERE g < 3 AND id <= 2500;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected OR rate IS DISTINCT FROM expected_rate), 0::bigint, 'OVER (ORDER BY)')
FROM (SELECT smarketing.cost_per(amount, units) OVER w AS got, cost_reference(sum(amount) OVER w, sum(units) OVER w) AS expected,
          smarketing.win_rate(won) OVER w AS rate, avg(won::int) OVER w::float8 AS expected_rate
      FROM small WINDOW w AS (PARTITION BY g ORDER BY id)) s;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected OR rate IS DISTINCT FROM expected_rate), 0::bigint, 'moving frame')
FROM (SELECT smarketing.cost_per(amount, units) OVER w AS got, cost_reference(sum(amount) OVER w, sum(units) OVER w) AS expected,
          smarketing.win_rate(won) OVER w AS rate, avg(won::int) OVER w::float8 AS expected_rate
      FROM small WINDOW w AS (PARTITION BY g ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING)) s;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected OR rate IS DISTINCT FROM expected_rate), 0::bigint, 'moving frame that runs empty')
FROM (SELECT smarketing.cost_per(amount, units) OVER w AS got, cost_reference(sum(amount) OVER w, sum(units) OVER w) AS expected,
          smarketing.win_rate(won) OVER w AS rate, avg(won::int) OVER w::float8 AS expected_rate
      FROM small WINDOW w AS (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING)) s;
SELECT is(count(*) FILTER (WHERE got IS DISTINCT FROM expected), 0::bigint, 'moving frame over whole amounts')
FROM (SELECT smarketing.cost_per(id, units) OVER w AS got, cost_reference(sum(id) OVER w, sum(units) OVER w) AS expected
      FROM small WINDOW w AS (ORDER BY id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)) s;

-- Parallel plans, every partial state through its serial form.
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    answer text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        answer := answer || line || E'\n';
    END LOOP;
    RETURN answer;
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
\set query 'SELECT smarketing.cost_per(amount, units), smarketing.win_rate(won) FROM fact'
\set grouped 'SELECT g, smarketing.cost_per(amount, units), smarketing.win_rate(won) FROM fact GROUP BY g'
SELECT matches(plan_of(:'query'), 'Finalize Aggregate.*Workers Launched: [1-9].*Partial Aggregate', 'one group: parallel plan');
SELECT matches(plan_of(:'grouped'), 'Finalize .*Aggregate.*Workers Launched: [1-9].*Partial .*Aggregate', 'groups: parallel plan');
SELECT md5(string_agg(q::text, '|' ORDER BY q::text)) AS parallel FROM (:grouped) q \gset
SELECT (q)::text AS parallel_one FROM (:query) q \gset
SET max_parallel_workers_per_gather = 0;
SELECT doesnt_match(plan_of(:'grouped'), 'Partial', 'groups: plan of one process');
SELECT is(md5(string_agg(q::text, '|' ORDER BY q::text)), :'parallel', 'groups: workers change nothing') FROM (:grouped) q;
SELECT is((q)::text, :'parallel_one', 'one group: workers change nothing') FROM (:query) q;
RESET ALL;

-- Partitions: partial states come from the same process, and combine without a serial form.
CREATE TABLE part (LIKE fact) PARTITION BY LIST (g);
SELECT format('CREATE TABLE part_%s PARTITION OF part FOR VALUES IN (%s)', n, n) FROM generate_series(0, 11) n \gexec
INSERT INTO part SELECT * FROM fact WHERE g < 100;
SET enable_partitionwise_aggregate = on;
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT smarketing.cost_per(amount, units)::text || smarketing.win_rate(won) FROM part),
    (SELECT cost_reference(sum(amount), sum(units))::text || avg(won::int)::float8 FROM fact WHERE g < 100), 'partitionwise');
RESET ALL;

-- Errors.
SELECT throws_ok($$SELECT smarketing.cost_per(x, 1) FROM (VALUES (1::numeric), ('NaN')) v (x)$$, '22023', NULL, 'NaN is no amount');
SELECT throws_ok($$SELECT smarketing.cost_per('-Infinity', NULL)$$, '22023', NULL, 'infinity is no amount');
SELECT throws_ok(format('SELECT smarketing.wilson_%s(%s)', which, arguments), '22023', NULL, format('wilson_%s(%s)', which, arguments))
FROM unnest('{low,high}'::text[]) which, unnest('{"0,-1","-1,1","2,1","1,0"}'::text[]) arguments
ORDER BY which, arguments;

-- Wilson: published values (Newcombe, Statistics in Medicine 17 (1998), method 3), then exact arithmetic.
SELECT is(round(smarketing.wilson_low(won, closed)::numeric, 4) || ' ' || round(smarketing.wilson_high(won, closed)::numeric, 4), published,
    'Newcombe ' || won || '/' || closed)
FROM (VALUES (81, 263, '0.2553 0.3662'), (15, 148, '0.0624 0.1605'), (0, 20, '0.0000 0.1611'), (1, 29, '0.0061 0.1718')) v (won, closed, published)
ORDER BY won;
SELECT setseed(:seed / 1000001.0) \g /dev/null
CREATE TABLE share AS
SELECT least(floor(random() ^ 3 * (closed + 1)), closed)::bigint AS won, closed::bigint
FROM (SELECT floor(1 + 10 ^ (random() * 18))::numeric AS closed FROM generate_series(1, 3000)) c;
INSERT INTO share SELECT w, n FROM generate_series(1, 25) n, generate_series(0, n) w;
INSERT INTO share VALUES (1, 9223372036854775807), (9223372036854775806, 9223372036854775807), (4611686018427387904, 9223372036854775807);
CREATE FUNCTION wilson_reference(won numeric, closed numeric, side numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN (won + 1.959963984540054 ^ 2 / 2.0 + side * 1.959963984540054
            * sqrt(round(won * (closed - won), 60) / closed + 1.959963984540054 ^ 2 / 4.0)) / (closed + 1.959963984540054 ^ 2);
SELECT is(count(*), 0::bigint, 'wilson: outside [0, 1], NaN, or on the wrong side of the rate, seed ' || :seed)
FROM (SELECT *, smarketing.wilson_low(won, closed) AS low, smarketing.wilson_high(won, closed) AS high FROM share) s
WHERE NOT (low >= 0 AND low <= won::float8 / closed AND high >= won::float8 / closed AND high <= 1) OR high = 'NaN';
SELECT is(count(*), 0::bigint, 'wilson: exactly 0 where nothing is won, exactly 1 where all is')
FROM share
WHERE (won = 0 AND smarketing.wilson_low(won, closed) <> 0) OR (won = closed AND smarketing.wilson_high(won, closed) <> 1)
   OR (won > 0 AND smarketing.wilson_low(won, closed) <= 0);
SELECT is(count(*), 0::bigint, 'wilson_high: within 1e-14 of exact arithmetic')
FROM share
WHERE abs(smarketing.wilson_high(won, closed)::text::numeric / wilson_reference(won, closed, 1) - 1) > 1e-14;
SELECT is(count(*), 0::bigint, 'wilson_low: within 1e-12 of exact arithmetic')
FROM share
WHERE won > 0 AND abs(smarketing.wilson_low(won, closed)::text::numeric / wilson_reference(won, closed, -1) - 1) > 1e-12;
SELECT is(smarketing.wilson_low(0, 0) IS NULL AND smarketing.wilson_high(0, 0) IS NULL, true, 'wilson: nothing closed');
SELECT is(smarketing.wilson_low(NULL, 1) IS NULL AND smarketing.wilson_high(1, NULL) IS NULL, true, 'wilson: NULL in, NULL out');
SELECT is(smarketing.wilson_low(closed => 10, won => 8), smarketing.wilson_low(8, 10), 'wilson: arguments by name');
SELECT * FROM finish();
