-- Types of rows that have more columns than the library knows, which a later version adds at the end: they are NULL. Fewer, or others: an error.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT no_plan();
CREATE TABLE event AS SELECT n % 50 AS account, (ARRAY['touch', 'touch', 'conversion'])[1 + n % 3] AS event, timestamptz '2026-01-01' + n * interval '1 hour' AS at, 'channel ' || n % 7 AS channel, n::numeric AS value FROM generate_series(1::bigint, 900) AS n;
CREATE TABLE call AS SELECT * FROM (VALUES
    ('credits_row', $$SELECT smarketing.credits(smarketing.attribution(account, event, at, channel, value, '20 days', '5 days'), '{first,linear}') AS r FROM event$$),
    ('paths_row', $$SELECT smarketing.paths(smarketing.attribution(account, event, at, channel, value, '20 days', '5 days')) AS r FROM event$$),
    ('attribution_credit', $$SELECT unnest(smarketing.attribution_credits(account, event, at, channel, value, at::text, 'linear', '20 days', '5 days')) AS r FROM event$$),
    ('funnel_steps_row', $$SELECT smarketing.funnel_steps(smarketing.funnel(account, 1 + (value % 4)::int, at, interval '20 days', 'ordered')) AS r FROM event$$),
    ('stage_durations_row', $$SELECT smarketing.stage_durations(smarketing.durations(account, (ARRAY['lead', 'won'])[1 + (value % 2)::int]::smarketing.funnel_stage, at), timestamptz '2026-03-01') AS r FROM event$$),
    ('responses_row', $$SELECT smarketing.responses(smarketing.response(account, (ARRAY['trigger', 'answer'])[1 + (value % 2)::int], at, interval '1 hour', NULL), timestamptz '2026-03-01') AS r FROM event$$),
    ('cohorts_row', $$SELECT smarketing.cohorts(smarketing.retention(account, 'product', at, value, 'month', 'UTC')) AS r FROM event$$),
    ('movements_row', $$SELECT smarketing.movements(smarketing.retention(account, 'product', at, value, 'month', 'UTC')) AS r FROM event$$),
    ('scorecard_row', $$SELECT smarketing.scorecard() AS r$$)) AS c (type, query);
-- The rows of a call, as JSON, and whether a column that was added is NULL in all of them.
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg((to_jsonb(r) - ''later'')::text, E''\n'') || bool_and(NOT to_jsonb(r) ? ''later'' OR to_jsonb(r) -> ''later'' = ''null'') FROM (%s) AS t', query) INTO result; RETURN result; END $$;
CREATE TABLE before AS SELECT type, query, rows_of(query) AS rows FROM call;
SELECT ok(length(rows) > 100, type || ' has rows') FROM before;
SELECT format('ALTER TYPE smarketing.%I ADD ATTRIBUTE later text', type) FROM call \gexec
SELECT is(rows_of(query), rows, type || ' with a column more') FROM before;
SELECT ok(rows_of(query) LIKE '%true', 'which is NULL: ' || type) FROM before;
SELECT format('ALTER TYPE smarketing.%I DROP ATTRIBUTE %I', type, (SELECT attname FROM pg_attribute WHERE attrelid = ('smarketing.' || type)::regclass AND attnum = 2)) FROM call \gexec
SELECT throws_ok(format('SELECT rows_of(%L)', query), '42804', format('type smarketing.%s does not begin with the columns of this version of smarketing', type), type || ' without a column') FROM before;
SELECT * FROM finish();
