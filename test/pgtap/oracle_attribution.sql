-- attribution against published data: 10,000 lines of paths with 19,785 conversions, and what each channel has by first, last, linear and position; by time decay with a touch every half-life.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION smarketing;
SELECT plan(17);
SELECT (pg_stat_file(:'shared' || '/attribution_paths/PathData.csv', true)).size IS NOT NULL AND (pg_stat_file(:'shared' || '/attribution_paths/oracle_exact_heuristics.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data

CREATE TABLE line (id int GENERATED ALWAYS AS IDENTITY, path text, total_conversions int, total_conversion_value numeric, total_null int);
CREATE TABLE oracle (channel text, model text, conversions float8, value float8);
SELECT format('COPY line (path, total_conversions, total_conversion_value, total_null) FROM %L (FORMAT csv, HEADER)', :'shared' || '/attribution_paths/PathData.csv') \gexec
SELECT format('COPY oracle FROM %L (FORMAT csv, HEADER)', :'shared' || '/attribution_paths/oracle_exact_heuristics.csv') \gexec
SELECT results_eq('SELECT count(*), sum(total_conversions), sum(total_null), round(sum(total_conversion_value), 2), (SELECT count(*) FROM oracle) FROM line', 'VALUES (10000::bigint, 19785::bigint, 68602::bigint, 74802.97, 72::bigint)', 'the files came in whole');

-- Each conversion, and each journey without one, has an account of its own; touches are a week apart, the last one is at the instant of the conversion. Of a line's value the first conversion has what is left over by the others.
CREATE TABLE account AS
SELECT row_number() OVER (ORDER BY id, n) AS account, id, path, n <= total_conversions AS converts, round(total_conversion_value / nullif(total_conversions, 0), 6) AS share, total_conversion_value - round(total_conversion_value / nullif(total_conversions, 0), 6) * (total_conversions - 1) AS first_share, n
FROM line, generate_series(1, total_conversions + total_null) AS n;
CREATE TABLE event AS
SELECT account, 'touch' AS event, timestamptz '2026-01-01' - (cardinality(steps) - i) * interval '7 days' AS at, channel, NULL::numeric AS value FROM (SELECT account, string_to_array(path, ' > ') AS steps FROM account) AS a, unnest(steps) WITH ORDINALITY AS t (channel, i)
UNION ALL SELECT account, 'conversion', '2026-01-01', NULL, CASE n WHEN 1 THEN first_share ELSE share END FROM account WHERE converts;
SELECT results_eq($$SELECT count(*) FILTER (WHERE event = 'conversion'), sum(value), count(DISTINCT account) FROM event$$, 'SELECT sum(total_conversions), sum(total_conversion_value), sum(total_conversions + total_null) FROM line', 'and were taken apart without a loss');
CREATE TABLE summary AS SELECT smarketing.attribution(account, event, at, channel, value, '1000 days', '7 days') AS s FROM event;
CREATE TABLE credit AS SELECT CASE model WHEN 'time_decay' THEN 'timedecay_pos' ELSE model END AS model, channel, conversions, value FROM summary, smarketing.credits(s, '{first,last,linear,position,time_decay,last_non_direct}');
SELECT is_empty(format('SELECT channel, c.conversions, o.conversions FROM (SELECT * FROM credit WHERE model = %L) AS c FULL JOIN (SELECT * FROM oracle WHERE model = %L) AS o USING (channel) WHERE channel <> ''(unattributed)'' AND NOT coalesce(abs(c.conversions - o.conversions) <= 1e-9 * greatest(1, abs(o.conversions)), false)', model, model), 'conversions, ' || model) FROM unnest('{first,last,linear,position,timedecay_pos}'::text[]) AS model;
SELECT is_empty(format('SELECT channel, c.value, o.value FROM (SELECT * FROM credit WHERE model = %L) AS c FULL JOIN (SELECT * FROM oracle WHERE model = %L) AS o USING (channel) WHERE channel <> ''(unattributed)'' AND NOT coalesce(abs(c.value::float8 - o.value) <= 1e-9 * greatest(1, abs(o.value)), false)', model, model), 'value, ' || model) FROM unnest('{first,last,linear,position,timedecay_pos}'::text[]) AS model;
SELECT is_empty('SELECT model, sum(c.value), sum(c.conversions) FROM credit AS c GROUP BY model HAVING sum(c.value) <> (SELECT sum(total_conversion_value) FROM line) OR abs(sum(c.conversions) - 19785) > 1e-6', 'each model adds up');
SELECT is_empty($$SELECT * FROM credit WHERE channel = '(unattributed)' AND (conversions <> 0 OR value <> 0)$$, 'nothing is unattributed');
SELECT is_empty($$(SELECT channel, conversions, value FROM credit WHERE model = 'last' EXCEPT ALL SELECT channel, conversions, value FROM credit WHERE model = 'last_non_direct')$$, 'nor direct');
-- The paths, with and without a conversion, are those of the file.
SELECT set_eq('SELECT path, conversions, value FROM summary, smarketing.paths(s)', 'SELECT path, sum(total_conversions) AS conversions, sum(total_conversion_value) AS value FROM line GROUP BY path HAVING sum(total_conversions) > 0', 'the paths of conversions');
SELECT set_eq($$SELECT path, conversions FROM summary, smarketing.paths(s, 'null')$$, 'SELECT path, sum(total_null) FROM line GROUP BY path HAVING sum(total_null) > 0', 'the paths without one');
\else
SELECT skip('no shared data', 17);
\endif
SELECT * FROM finish();
