-- cost_per, win_rate and the Wilson interval: the examples of docs/ratio.md, then the edges.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
CREATE EXTENSION smarketing;
CREATE TEMPORARY TABLE campaign (channel text, spend numeric, leads bigint);
INSERT INTO campaign VALUES ('Ads', 1200.50, 40), ('Ads', 800, 27), ('Fair', 5000, 12), ('Mail', 90, 0), ('Blog', NULL, 9);
SELECT channel, smarketing.cost_per(spend, leads) AS cost_per_lead FROM campaign GROUP BY channel ORDER BY channel;
SELECT smarketing.cost_per(spend, leads) AS cost_per_lead FROM campaign;
CREATE TEMPORARY TABLE deal (owner text, won boolean);
INSERT INTO deal VALUES ('Ann', true), ('Ann', true), ('Ann', false), ('Ann', NULL), ('Bob', false), ('Cid', NULL);
SELECT owner, smarketing.win_rate(won) AS win_rate FROM deal GROUP BY owner ORDER BY owner;
SELECT round(smarketing.wilson_low(8, 10)::numeric, 6) AS low, round(smarketing.wilson_high(8, 10)::numeric, 6) AS high;
WITH o AS (
    SELECT owner, count(*) FILTER (WHERE won) AS won, count(won) AS closed
    FROM deal
    GROUP BY owner
)
SELECT owner, won, closed, round(smarketing.wilson_low(won, closed)::numeric, 3) AS low,
    round(smarketing.wilson_high(won, closed)::numeric, 3) AS high
FROM o
ORDER BY low DESC NULLS LAST, owner;
-- A NULL amount adds nothing but its units count; NULL units add nothing but their amount counts.
SELECT smarketing.cost_per(a, u) FROM (VALUES (10::numeric, 2::bigint), (NULL, 3), (20, NULL)) v (a, u);
-- No units, no amount, no row.
SELECT smarketing.cost_per(a, u) FROM (VALUES (10::numeric, 0::bigint), (5, NULL)) v (a, u);
SELECT smarketing.cost_per(NULL, u) FROM (VALUES (1::bigint), (2)) v (u);
SELECT smarketing.cost_per(1, 1), smarketing.win_rate(true) WHERE false;
SELECT smarketing.cost_per(0, 5);
-- Corrections: the units may be negative, and so may their sum.
SELECT smarketing.cost_per(a, u) FROM (VALUES (100::numeric, 10::bigint), (-10, -5)) v (a, u);
SELECT smarketing.cost_per(-100, -2), smarketing.cost_per(100, -3);
-- Rounded once, half away from zero, at every size.
SELECT smarketing.cost_per(0.000001, 2), smarketing.cost_per(-0.000001, 2), smarketing.cost_per(0.0000009999999999999999999999999999999999999999, 2);
SELECT smarketing.cost_per(123456789012345678901234567890, 7);
-- The units pass 64 bits in both directions.
SELECT smarketing.cost_per(9223372036854775807, u) FROM (VALUES (9223372036854775807::bigint), (9223372036854775807), (9223372036854775807)) v (u);
SELECT smarketing.cost_per(9223372036854775807, u) FROM (VALUES ((-9223372036854775808)::bigint), (-9223372036854775808), (-9223372036854775808)) v (u);
-- Amounts that are no numbers.
SELECT smarketing.cost_per('NaN', 1);
SELECT smarketing.cost_per('Infinity', 1);
\set VERBOSITY sqlstate
SELECT smarketing.cost_per('-Infinity', NULL);
\set VERBOSITY default
-- The ends of the interval are exact, and nothing closed has none.
SELECT smarketing.wilson_low(0, 7) AS low, smarketing.wilson_high(7, 7) AS high, smarketing.wilson_low(0, 0) AS none;
SELECT smarketing.wilson_low(0, 9223372036854775807) AS low, smarketing.wilson_high(9223372036854775807, 9223372036854775807) AS high;
SELECT smarketing.wilson_low(1, -1);
SELECT smarketing.wilson_low(-1, 1);
SELECT smarketing.wilson_high(2, 1);
SELECT smarketing.wilson_high(1, 0);
DROP EXTENSION smarketing CASCADE;
