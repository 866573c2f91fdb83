-- Goals against the definition, a day at a time, and what is refused.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(31);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'Europe/Paris';
SELECT smarketing.configure('time_zone', 'Europe/Paris') AS done \gset
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE TABLE sale (account_id int, at timestamptz, amount numeric, owner text, product text);
CREATE TABLE people (owner text PRIMARY KEY, team text);
CREATE TABLE quota (metric text, starts_on date, period text, value numeric, owner text, product text);
INSERT INTO people VALUES ('x', 'T'), ('y', 'T'), ('z', 'U');
INSERT INTO sale SELECT 1, timestamptz '2025-01-01' + random() * interval '500 days', round((random() * 100)::numeric, 2), pick('{x,y,z}'::text[]), pick('{p,q}'::text[]) FROM generate_series(1, 300);
-- In total by month in 2025; by rep by quarter in 2025 and in the first half of 2026; by rep and product in 2026.
INSERT INTO quota SELECT 'revenue', d, 'month', round((random() * 900)::numeric, 2), NULL, NULL FROM generate_series(date '2025-01-01', '2025-12-01', '1 month') d;
INSERT INTO quota SELECT 'revenue_evolution.revenue', d::date + 9, 'quarter', round((random() * 900)::numeric, 2), o, NULL FROM generate_series(date '2025-01-01', '2026-04-01', '3 months') d, unnest('{x,y,z}'::text[]) o;
INSERT INTO quota SELECT 'revenue', '2026-01-01', 'year', round((random() * 900)::numeric, 2), o, p FROM unnest('{x,y,z}'::text[]) o, unnest('{p,q}'::text[]) p;
INSERT INTO quota VALUES ('calls made', '2025-01-01', 'month', 7, NULL, NULL);
SELECT smarketing.bind('revenue', 'sale'), smarketing.bind('owner', 'people'), smarketing.bind('goal', 'quota') \gset

-- A day's share of a goal.
CREATE VIEW shares AS
SELECT d::date AS day, g.owner, g.product, g.value / (g.ends - g.begins) AS share
FROM (SELECT q.*, date_trunc(period, starts_on)::date AS begins, (date_trunc(period, starts_on) + CASE period WHEN 'month' THEN interval '1 month' WHEN 'quarter' THEN '3 months' ELSE '1 year' END)::date AS ends
      FROM quota AS q WHERE metric LIKE '%revenue') AS g,
     generate_series(g.begins, g.ends - 1, interval '1 day') AS d;
CREATE FUNCTION goal(from_day date, until_day date, who text, what text, team text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT round(CASE WHEN team IS NOT NULL THEN (SELECT sum(share) FROM shares JOIN people USING (owner) WHERE day >= from_day AND day < until_day AND product IS NULL AND people.team = goal.team)
        WHEN who IS NOT NULL OR what IS NOT NULL THEN (SELECT sum(share) FROM shares WHERE day >= from_day AND day < until_day AND owner IS NOT DISTINCT FROM who AND product IS NOT DISTINCT FROM what)
        ELSE coalesce((SELECT sum(share) FROM shares WHERE day >= from_day AND day < until_day AND owner IS NULL AND product IS NULL), (SELECT sum(share) FROM shares WHERE day >= from_day AND day < until_day AND owner IS NOT NULL AND product IS NULL)) END, 4) $$;
SELECT is_empty($$SELECT k.*, goal(period_start, (period_start + interval '1 month')::date, NULL, NULL, NULL) FROM smarketing.revenue_evolution('2024-11-01', '2026-07-01') k
    WHERE round(goal, 4) IS DISTINCT FROM goal(period_start, (period_start + interval '1 month')::date, NULL, NULL, NULL)$$, 'in total by month: those without a dimension, else those by one');
SELECT is_empty($$SELECT k.period_start, goal FROM smarketing.revenue_evolution('2025-02-01', '2026-06-01', 'week') k WHERE NOT is_partial AND extract(year FROM period_start) = extract(year FROM period_start + 6)
    AND round(goal, 4) IS DISTINCT FROM goal(period_start, period_start + 7, NULL, NULL, NULL)$$, 'by week');
SELECT is_empty($$SELECT k.* FROM smarketing.revenue_evolution('2025-01-01', '2026-04-01', by => '{owner}') k WHERE round(goal, 4) IS DISTINCT FROM goal(period_start, (period_start + interval '1 month')::date, by_1, NULL, NULL)$$, 'by rep');
SELECT is_empty($$SELECT k.* FROM smarketing.revenue_evolution('2025-01-01', '2026-04-01', by => '{owner,product}') k WHERE round(goal, 4) IS DISTINCT FROM goal(period_start, (period_start + interval '1 month')::date, by_1, by_2, NULL)$$, 'by rep and product');
SELECT is_empty($$SELECT k.* FROM smarketing.revenue_evolution('2025-01-01', '2026-04-01', by => '{team}') k WHERE round(goal, 4) IS DISTINCT FROM goal(period_start, (period_start + interval '1 month')::date, NULL, NULL, by_1)$$, 'the goals of a team are those of its reps');
SELECT is((SELECT round(goal, 4) FROM smarketing.revenue_evolution('2025-03-10', '2025-05-21', 'all')), goal('2025-03-10', '2025-05-21', NULL, NULL, NULL), 'a clipped range');
SELECT is((SELECT round(goal, 4) FROM smarketing.revenue_evolution('2025-03-10', '2025-05-21', 'all', filter => '{"owner": ["x", "y"]}')),
    (SELECT round(sum(share), 4) FROM shares WHERE day >= '2025-03-10' AND day < '2025-05-21' AND owner IN ('x', 'y') AND product IS NULL), 'a filter asks for its dimension');
SELECT results_eq($$SELECT value, other, change FROM smarketing.kpi_compare('revenue', '2025-03-01', '2025-05-01', options => '{"against": "goal"}')$$,
    $$SELECT revenue, goal, revenue - goal FROM smarketing.revenue_evolution('2025-03-01', '2025-05-01')$$, 'kpi_compare with the goal');
-- A ratio takes the goal of its very period, whatever there is for others.
CREATE TABLE deal (opportunity_id int, created_at date, closed_at date, won boolean);
INSERT INTO deal SELECT i, '2025-01-01', date '2025-01-01' + i, i % 3 = 0 FROM generate_series(1, 200) i;
SELECT smarketing.bind('opportunity', 'deal') AS done \gset
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('win_rate', '2025-03-01', 'month', 0.3), ('win_rate', '2025-04-01', 'quarter', 0.4), ('opportunity_win_rate.won', '2025-03-01', 'month', 31);
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value, owner) VALUES ('win_rate', '2025-02-01', 'month', 0.9, 'x');
SELECT results_eq($$SELECT period_start, other, change = value - other, change_rate IS NOT NULL FROM smarketing.kpi_compare('win_rate', '2025-02-01', '2025-06-01', options => '{"against": "goal"}')$$,
    $$VALUES (date '2025-02-01', NULL::numeric, NULL::boolean, false), ('2025-03-01', 0.3, true, true), ('2025-04-01', NULL, NULL, false), ('2025-05-01', NULL, NULL, false)$$, 'a ratio by month');
SELECT results_eq($$SELECT period_start, other FROM smarketing.kpi_compare('win_rate', '2025-01-01', '2025-07-01', 'quarter', options => '{"against": "goal"}')$$,
    $$VALUES (date '2025-01-01', NULL::numeric), ('2025-04-01', 0.4)$$, 'a ratio by quarter');
SELECT results_eq($$SELECT m.metric FROM smarketing.metrics m, smarketing.kpi_compare(m.metric, '2025-03-01', '2025-04-01', options => '{"against": "goal"}') c WHERE m.kpi_number = 8 AND c.other IS NOT NULL ORDER BY 1$$,
    $$VALUES ('opportunity_win_rate.win_rate'), ('opportunity_win_rate.won')$$, 'every metric can be compared, and those that have a goal are');
INSERT INTO quota VALUES ('revenue', '2025-03-15', 'day', 1, NULL, NULL);
SELECT throws_ok($$SELECT * FROM smarketing.revenue_evolution('2025-03-01', '2025-04-01')$$, '22000', 'goals of metric "revenue" overlap: the one that begins on 2025-03-15 covers days of another');
DELETE FROM quota WHERE period = 'day';
INSERT INTO quota VALUES ('revenue', '2027-03-15', 'fortnight', 1, NULL, NULL);
SELECT throws_ok($$SELECT * FROM smarketing.revenue_evolution('2025-03-01', '2025-04-01')$$, '22023');
DELETE FROM quota WHERE period = 'fortnight';
-- What was entered by hand has a column for every dimension: a team's goal is its own, else those of its reps.
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value, owner, team) VALUES ('revenue', '2027-01-01', 'month', 10, 'x', NULL), ('revenue', '2027-01-01', 'month', 20, 'y', NULL), ('revenue', '2027-01-01', 'month', 5, 'z', NULL),
    ('revenue', '2027-02-01', 'month', 10, 'x', NULL), ('revenue', '2027-02-01', 'month', 70, NULL, 'T');
INSERT INTO sale SELECT 1, '2025-01-15 12:00+01', 1, 'z', 'p';
SELECT smarketing.configure('time_zone', 'Europe/Paris') AS done \gset
CREATE FUNCTION goal_of(month date, asked text[], filter jsonb DEFAULT '{}') RETURNS TABLE (who text, value numeric) LANGUAGE sql AS $$
    SELECT by_1, other FROM smarketing.kpi_compare('revenue', month, month + interval '1 month', 'month', asked, filter, '{"against": "goal"}') WHERE other IS NOT NULL ORDER BY 1 $$;
UPDATE smarketing.goal_entry SET starts_on = starts_on - interval '4 years' WHERE metric = 'revenue';
SELECT results_eq($$SELECT * FROM goal_of('2023-01-01', '{team}')$$, $$VALUES ('T', 30::numeric), ('U', 5)$$, 'the goals of reps are those of their teams');
SELECT results_eq($$SELECT * FROM goal_of('2023-02-01', '{team}')$$, $$VALUES ('T', 70::numeric)$$, 'unless the team has its own');
SELECT results_eq($$SELECT * FROM goal_of('2023-01-01', '{}', '{"team": "T"}')$$, $$VALUES (NULL, 30::numeric)$$, 'with a filter too');
SELECT results_eq($$SELECT * FROM goal_of('2023-01-01', '{}')$$, $$VALUES (NULL, 35::numeric)$$, 'and in total');
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value, owner) VALUES ('revenue', '2025-05-01', 'month', 10, 'x');
SELECT throws_ok($$SELECT * FROM smarketing.revenue_evolution('2025-03-01', '2025-04-01', by => '{owner}')$$, '22000', 'goals of metric "revenue" overlap: the one that begins on 2025-05-01 covers days of another', 'what is bound and what was entered must not overlap');
DELETE FROM smarketing.goal_entry WHERE metric = 'revenue';
-- Two spellings of one owner are one owner.
SELECT smarketing.map_value('owner', 'ex', 'x') \gset
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value, owner) VALUES ('revenue', '2023-01-01', 'month', 10, 'x'), ('revenue', '2023-01-01', 'month', 10, 'ex');
SELECT throws_ok($$SELECT * FROM goal_of('2023-01-01', '{owner}')$$, '22000', 'goals of metric "revenue" overlap: the one that begins on 2023-01-01 covers days of another', 'nor two spellings');
DELETE FROM smarketing.goal_entry;
-- A ratio has a goal for each kind of period, and no two for one.
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('win_rate', '2025-03-01', 'month', 0.2), ('win_rate', '2025-01-01', 'quarter', 0.3), ('win_rate', '2025-01-01', 'year', 0.4);
SELECT results_eq($$SELECT (SELECT other FROM smarketing.kpi_compare('win_rate', a, b, p, options => '{"against": "goal"}')) FROM (VALUES (timestamptz '2025-03-01', timestamptz '2025-04-01', 'month'), ('2025-01-01', '2025-04-01', 'quarter'), ('2025-01-01', '2026-01-01', 'year')) AS t (a, b, p)$$, 'VALUES (0.2), (0.3), (0.4)', 'a ratio by month, quarter and year');
CREATE TABLE hope AS SELECT 'win_rate' AS metric, date '2025-03-01' AS starts_on, 'month' AS period, 0.5 AS value, NULL::text AS region;
SELECT smarketing.bind('goal', 'hope') \gset
SELECT throws_ok($$SELECT * FROM smarketing.kpi_compare('win_rate', '2025-03-01', '2025-04-01', options => '{"against": "goal"}')$$, '22000', NULL, 'but not two for one month');
DELETE FROM smarketing.goal_entry;
-- Goals by a dimension of the user's add up.
SELECT smarketing.define_dimension('region', '{"goal": "region", "revenue": "product"}') \gset
TRUNCATE hope;
INSERT INTO hope VALUES ('revenue', '2025-03-01', 'month', 31, 'N'), ('revenue', '2025-03-01', 'month', 62, 'S');
SELECT is((SELECT sum(other) FROM smarketing.kpi_compare('revenue', '2025-03-01', '2025-04-01', options => '{"against": "goal"}')), 93::numeric, 'goals by region, in total');
-- A goal of growth, and one that nothing can have.
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('change_rate', '2025-03-01', 'month', 0.05);
SELECT is((SELECT other FROM smarketing.kpi_compare('change_rate', '2025-03-01', '2025-04-01', options => '{"against": "goal"}')), 0.05, 'a goal of growth');
SELECT is((SELECT value FROM smarketing.kpi('revenue_evolution.goal', '2025-03-01', '2025-04-01', filter => '{"segment": "S"}')), NULL, 'where no goal can have the dimension there is none');
SELECT smarketing.define_dimension('region', NULL), smarketing.bind('goal', 'quota') \gset
INSERT INTO quota VALUES ('spend', '2025-03-15', 'month', 1, NULL, NULL);
SELECT throws_ok($$SELECT * FROM smarketing.revenue_evolution('2025-03-01', '2025-04-01')$$, '42725', 'metric "spend" is ambiguous');
-- What goal_entry refuses is named, with what it takes.
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('turnover', '2025-03-01', 'month', 1)$$, '23514', 'metric "turnover" does not exist');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', '2025-03-01', 'months', 1)$$, '23514', 'period "months" is none that a goal has');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', '2025-03-01', 'all', 1)$$, '23514', 'period "all" is none that a goal has');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', '2025-03-01', 'month', 'NaN')$$, '23514', 'value of a goal of metric "revenue" is NaN');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', '-infinity', 'month', 1)$$, '23514', 'starts_on of a goal of metric "revenue" is -infinity');
CREATE TABLE other (metric text);
CREATE TRIGGER other BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION smarketing.check_goal_entry();
SELECT throws_ok($$INSERT INTO other VALUES ('x')$$, '39P01', 'check_goal_entry is a trigger of smarketing.goal_entry', 'the trigger is of no other table');
SELECT * FROM finish();
