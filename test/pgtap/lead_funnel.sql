-- KPI 6 and the funnel of leads on a few leads whose figures are written out by hand, and on many that plain SQL counts.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT plan(77);

CREATE TABLE lead (id int PRIMARY KEY, created timestamptz, account int, status text, mql timestamptz, sal timestamptz, sql timestamptz, channel text);
CREATE TABLE log (lead int, at timestamptz, stage text);
CREATE TABLE deal (id int, lead int, account int, created timestamptz, closed timestamptz, won boolean);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
SELECT throws_ok($$SELECT * FROM smarketing.sales_qualified_leads()$$, '55000', 'sales_qualified_leads needs entity "lead", which is not bound');
SELECT throws_ok($$SELECT * FROM smarketing.lead_funnel()$$, '55000', 'lead_funnel needs entity "lead", which is not bound');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created"}');
\o

-- Without a source of stages, and without leads.
SELECT results_eq($$SELECT leads, mqls, sals, sqls, opportunities, won, lead_to_won_rate, median_hours_to_mql, skipped_mqls, is_mature FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$,
    $$VALUES (0::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::float8, NULL::float8, NULL::bigint, true)$$, 'no leads, and nothing that tells of steps: NULL, not 0');
SELECT results_eq($$SELECT step, stage, entities, previous_rate, first_rate, median_hours, p90_hours FROM smarketing.lead_funnel('2026-01-01', '2026-02-01')$$,
    $$VALUES (1, 'lead', 0::bigint, NULL::float8, NULL::float8, NULL::float8, NULL::float8), (2, 'mql', NULL, NULL, NULL, NULL, NULL), (3, 'sal', NULL, NULL, NULL, NULL, NULL), (4, 'sql', NULL, NULL, NULL, NULL, NULL),
             (5, 'opportunity', NULL, NULL, NULL, NULL, NULL), (6, 'won', NULL, NULL, NULL, NULL, NULL)$$, 'and so the funnel');
SELECT throws_ok($$SELECT * FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-01-01', '2026-02-01')$$, '55000', 'nothing that is bound gives measure "sqls" of sales_qualified_leads');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "account_id": "account", "stage": "status", "mql_at": "mql", "sal_at": "sal", "sql_at": "sql", "channel": "channel"}');
SELECT smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
\o
SELECT results_eq($$SELECT step, entities, previous_rate, first_rate, median_hours FROM smarketing.lead_funnel('2026-01-01', '2026-02-01')$$,
    $$SELECT s, 0::bigint, NULL::float8, NULL::float8, NULL::float8 FROM generate_series(1, 6) AS s$$, 'no leads: six steps of 0, and no rates');
SELECT is_empty($$SELECT * FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'month', '{channel}')$$, 'no leads, so no channel');
SELECT is_empty($$SELECT * FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01', 'month', '{channel}')$$, 'nor in the KPI');

-- 1 goes the whole way; 2 is an SQL and was no MQL; 3 is an MQL after it was an SQL; 4 does nothing; 5 is won now, nobody knows
-- when; 6 is an MQL after 30 days to the microsecond, and an SQL a microsecond later; 7 was an MQL before it was created.
INSERT INTO lead VALUES
    (1, '2026-01-01', NULL, 'lead', '2026-01-02', '2026-01-03', '2026-01-04', '(none)'),
    (2, '2026-01-01', NULL, NULL, NULL, NULL, NULL, NULL),
    (3, '2026-01-01', NULL, NULL, '2026-01-10', NULL, '2026-01-05', 'Ads'),
    (4, '2026-01-01', 9, 'visitor', NULL, NULL, NULL, 'Ads'),
    (5, '2026-01-01', NULL, 'won', NULL, NULL, NULL, 'Ads'),
    (6, '2026-02-01', NULL, NULL, timestamptz '2026-02-01' + interval '30 days', NULL, timestamptz '2026-02-01' + interval '30 days 1 microsecond', 'Ads'),
    (7, '2026-02-01', NULL, NULL, NULL, NULL, NULL, 'Ads');
INSERT INTO log VALUES (2, '2026-01-05', 'sql'), (7, '2026-01-20', 'mql'), (7, '2026-02-20', 'disqualified'), (99, '2026-01-20', 'won');
INSERT INTO deal VALUES (1, 1, NULL, '2026-01-06', '2026-01-11', true), (2, NULL, 9, '2025-12-31', '2026-01-02', true), (3, 98, 9, '2026-01-31', '2026-02-02', true);

PREPARE counts (jsonb) AS SELECT period_start, leads, mqls, sals, sqls, opportunities, won, skipped_mqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01', options => $1);
SELECT results_eq($$EXECUTE counts('{}')$$,
    $$VALUES (date '2026-01-01', 5::bigint, 4::bigint, 4::bigint, 4::bigint, 2::bigint, 2::bigint, 2::bigint), ('2026-02-01', 2, 2, 1, 1, 0, 0, 0), ('2026-03-01', 0, 0, 0, 0, 0, 0, 0)$$, 'the cohorts');
SELECT results_eq($$EXECUTE counts('{"within": null}')$$, $$EXECUTE counts('{"basis": "cohort"}')$$, 'no limit');
SELECT results_eq($$EXECUTE counts('{"basis": null}')$$, $$EXECUTE counts('{}')$$, 'a basis of NULL is none given');
SELECT results_eq($$EXECUTE counts('{"within": "30 days"}')$$,
    $$VALUES (date '2026-01-01', 5::bigint, 3::bigint, 3::bigint, 3::bigint, 1::bigint, 1::bigint, 1::bigint), ('2026-02-01', 2, 2, 0, 0, 0, 0, 0), ('2026-03-01', 0, 0, 0, 0, 0, 0, 0)$$,
    'within 30 days, the last instant included; what has no time is not within');
SELECT results_eq($$EXECUTE counts('{"within": "120 hours"}')$$,
    $$VALUES (date '2026-01-01', 5::bigint, 2::bigint, 2::bigint, 2::bigint, 1::bigint, 0::bigint, 1::bigint), ('2026-02-01', 2, 1, 0, 0, 0, 0, 0), ('2026-03-01', 0, 0, 0, 0, 0, 0, 0)$$,
    'an SQL that is dated before its MQL is one when it is an MQL');
SELECT results_eq($$EXECUTE counts('{"basis": "period"}')$$,
    $$VALUES (date '2026-01-01', 5::bigint, 4::bigint, 3::bigint, 3::bigint, 1::bigint, 1::bigint, 1::bigint), ('2026-02-01', 2, 0, 0, 0, 0, 0, 0), ('2026-03-01', 0, 1, 1, 1, 0, 0, 0)$$, 'each step in the month of its own time');
SELECT results_eq($$EXECUTE counts('{"basis": "period", "within": "30 days"}')$$,
    $$VALUES (date '2026-01-01', 5::bigint, 4::bigint, 3::bigint, 3::bigint, 1::bigint, 1::bigint, 1::bigint), ('2026-02-01', 2, 0, 0, 0, 0, 0, 0), ('2026-03-01', 0, 1, 0, 0, 0, 0, 0)$$, 'of these, within 30 days');
SELECT results_eq($$SELECT mqls, sqls, customers FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01')$$,
    $$SELECT mqls, sqls, won FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01')$$, 'as cost_per_lead counts them');
SELECT results_eq($$SELECT mqls, sqls, customers FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', options => '{"basis": "period"}')$$,
    $$SELECT mqls, sqls, won FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01', options => '{"basis": "period"}')$$, 'also by their own time');
SELECT results_eq($$SELECT lead_to_mql_rate, mql_to_sal_rate, sal_to_sql_rate, mql_to_sql_rate, sql_to_opportunity_rate, opportunity_to_won_rate, lead_to_won_rate, median_hours_to_mql, median_hours_to_sql, median_hours_to_won
        FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01')$$,
    $$VALUES (4 / 5::float8, 1::float8, 1::float8, 1::float8, 2 / 4::float8, 1::float8, 2 / 5::float8, 96::float8, 96::float8, 240::float8),
             (1, 1 / 2::float8, 1, 1 / 2::float8, 0, NULL, 0, 360, 720 + 1 / 3600e6::float8, NULL), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, 'rates and hours of the cohorts');
SELECT results_eq($$SELECT period_start, median_hours_to_mql, median_hours_to_sql, median_hours_to_won FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01', options => '{"basis": "period"}')$$,
    $$VALUES (date '2026-01-01', 60::float8, 96::float8, 240::float8), ('2026-02-01', NULL, NULL, NULL), ('2026-03-01', 720, 720 + 1 / 3600e6::float8, NULL)$$, 'hours by the month of the step');

-- The funnel.
PREPARE funnel (jsonb) AS SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', options => $1);
SELECT results_eq($$SELECT period_start, is_partial, by_1, step, stage, entities, previous_rate, first_rate, median_hours, p90_hours FROM smarketing.lead_funnel('2026-01-01', '2026-03-01')$$,
    $$VALUES (date '2026-01-01', false, NULL::text, 1, 'lead', 5::bigint, NULL::float8, 1::float8, NULL::float8, NULL::float8),
             ('2026-01-01', false, NULL, 2, 'mql', 4, 4 / 5::float8, 4 / 5::float8, 96, 192), ('2026-01-01', false, NULL, 3, 'sal', 4, 1, 4 / 5::float8, 0, 19.2),
             ('2026-01-01', false, NULL, 4, 'sql', 4, 1, 4 / 5::float8, 0, 19.2), ('2026-01-01', false, NULL, 5, 'opportunity', 2, 1 / 2::float8, 2 / 5::float8, 48, 48),
             ('2026-01-01', false, NULL, 6, 'won', 2, 1, 2 / 5::float8, 120, 120),
             ('2026-02-01', false, NULL, 1, 'lead', 2, NULL, 1, NULL, NULL), ('2026-02-01', false, NULL, 2, 'mql', 2, 1, 1, 360, 648),
             ('2026-02-01', false, NULL, 3, 'sal', 1, 1 / 2::float8, 1 / 2::float8, 1 / 3600e6::float8, 1 / 3600e6::float8), ('2026-02-01', false, NULL, 4, 'sql', 1, 1, 1 / 2::float8, 0, 0),
             ('2026-02-01', false, NULL, 5, 'opportunity', 0, 0, 0, NULL, NULL), ('2026-02-01', false, NULL, 6, 'won', 0, NULL, 0, NULL, NULL)$$, 'the funnel, step by step');
SELECT results_eq($$EXECUTE funnel('{"mode": "ordered"}')$$, $$VALUES (1, 5::bigint), (2, 2), (3, 1), (4, 1), (5, 1), (6, 1)$$, 'ordered: each step after the one before it, as they happened');
SELECT results_eq($$EXECUTE funnel('{"mode": "ordered", "within": "9 days"}')$$, $$VALUES (1, 5::bigint), (2, 2), (3, 1), (4, 1), (5, 1), (6, 0)$$, 'ordered, within nine days');
SELECT results_eq($$EXECUTE funnel('{"mode": "any_order,first_start"}')$$, $$VALUES (1, 5::bigint), (2, 3), (3, 2), (4, 1), (5, 1), (6, 1)$$, 'any order');
SELECT results_eq($$EXECUTE funnel('{"mode": "reached"}')$$, $$EXECUTE funnel('{}')$$, 'reached is the default');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2026-01-05"}')$$, $$VALUES (1, 5::bigint), (2, 3), (3, 3), (4, 3), (5, 0), (6, 0)$$, 'as of a day, which is seen to its end; the current stage is not seen');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2026-01-04"}')$$, $$VALUES (1, 5::bigint), (2, 1), (3, 1), (4, 1), (5, 0), (6, 0)$$, 'as of the day before');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2026-01-10 23:59:59+00"}')$$, $$VALUES (1, 5::bigint), (2, 3), (3, 3), (4, 3), (5, 1), (6, 0)$$, 'as of a second before a win');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2026-01-10 23:59:59+00", "within": "5 days"}')$$, $$VALUES (1, 5::bigint), (2, 2), (3, 2), (4, 2), (5, 1), (6, 0)$$, 'and within five days');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2026-01-03", "mode": "ordered"}')$$, $$VALUES (1, 5::bigint), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0)$$, 'as of a day, ordered');
SELECT results_eq($$EXECUTE funnel('{"as_of": "2025-12-31"}')$$, $$SELECT s, 0::bigint FROM generate_series(1, 6) AS s$$, 'before there were leads');
SELECT results_eq($$SELECT DISTINCT period_start, is_partial FROM smarketing.lead_funnel(options => '{"as_of": "2026-02-10"}') ORDER BY 1 DESC LIMIT 2$$, $$VALUES (date '2026-02-01', true), ('2026-01-01', false)$$, 'the range ends as it did then');
SELECT results_eq($$SELECT by_1, step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', '{channel}')$$,
    $$VALUES ('(none)', 1, 2::bigint), ('(none)', 2, 2), ('(none)', 3, 2), ('(none)', 4, 2), ('(none)', 5, 1), ('(none)', 6, 1), ('Ads', 1, 3), ('Ads', 2, 2), ('Ads', 3, 2), ('Ads', 4, 2), ('Ads', 5, 1), ('Ads', 6, 1)$$,
    'by channel; a channel that is called (none) goes with the missing');
SELECT results_eq($$SELECT leads, sqls, won, median_hours_to_sql FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01', filter => '{"channel": "(none)"}')$$, $$VALUES (2::bigint, 2::bigint, 1::bigint, 84::float8)$$, 'and is found by that name');
SELECT results_eq($$SELECT period_start, leads, mqls FROM smarketing.sales_qualified_leads('2025-12-31', '2026-01-02', 'day', options => '{"time_zone": "America/New_York"}')$$,
    $$VALUES (date '2025-12-31', 5::bigint, 4::bigint), ('2026-01-01', 0, 0)$$, 'in another zone');

-- What is dated later than now has not happened. 21 is an MQL and a planned SQL, 22 an SQL at no time, 23 one by its log, tomorrow; 24 has
-- a deal of tomorrow, 25 and 27 (by its account) one that is closed later, 26 one that was won nobody knows when; 28 leaves tomorrow.
INSERT INTO lead SELECT i, '2026-03-01', CASE i WHEN 27 THEN 7 END, 'lead', CASE i WHEN 21 THEN timestamptz '2026-03-05' END, NULL, CASE i WHEN 21 THEN now() + interval '1 year' WHEN 22 THEN 'infinity' END, 'Ads' FROM generate_series(21, 28) AS i;
INSERT INTO log VALUES (23, now() + interval '1 day', 'sql'), (28, now() + interval '1 day', 'disqualified');
INSERT INTO deal VALUES (24, 24, NULL, now() + interval '1 day', now() + interval '2 days', true), (25, 25, NULL, '2026-03-03', now() + interval '1 day', true), (26, 26, NULL, '2026-03-03', NULL, true), (27, NULL, 7, '2026-03-04', 'infinity', true);
PREPARE later (jsonb) AS SELECT entities, median_hours FROM smarketing.lead_funnel('2026-03-01', '2026-04-01', options => $1);
SELECT results_eq($$SELECT leads, mqls, sals, sqls, opportunities, won, median_hours_to_sql, median_hours_to_won FROM smarketing.sales_qualified_leads('2026-03-01', '2026-04-01')$$, $$VALUES (8::bigint, 4::bigint, 3::bigint, 3::bigint, 3::bigint, 1::bigint, 48::float8, NULL::float8)$$, 'steps in the future are not reached by now');
SELECT results_eq($$SELECT mqls, sqls, customers, disqualified FROM smarketing.cost_per_lead('2026-03-01', '2026-04-01')$$, $$VALUES (4::bigint, 3::bigint, 1::bigint, 0::bigint)$$, 'nor in cost_per_lead');
SELECT results_eq($$EXECUTE later('{}')$$, $$VALUES (8::bigint, NULL::float8), (4, 60), (3, 0), (3, 0), (3, 0), (1, NULL)$$, 'nor in the funnel');
SELECT results_eq($$EXECUTE later('{"mode": "ordered"}')$$, $$VALUES (8::bigint, NULL::float8), (1, 96), (0, NULL), (0, NULL), (0, NULL), (0, NULL)$$, 'nor as they happened');
SELECT results_eq(format('SELECT entities FROM smarketing.lead_funnel(%L, %L, options => %L)', '2026-03-01', '2026-04-01', jsonb_build_object('as_of', day)), $$VALUES (8::bigint), (4), (3), (3), (3), (0)$$, 'nor as of ' || day) FROM (VALUES (to_char(now(), 'YYYY-MM-DD')), ('2099-01-01')) AS v (day);
SELECT results_eq($$SELECT record_id FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-03-01', '2026-04-01')$$, $$VALUES ('25'), ('26'), ('27')$$, 'nor among the rows');
SELECT results_eq($$SELECT mqls, sqls, won FROM smarketing.sales_qualified_leads(now(), now() + interval '2 years', 'all', options => '{"basis": "period"}')$$, $$VALUES (0::bigint, 0::bigint, 0::bigint)$$, 'nor in a period to come');
SELECT smarketing.kpi_sql('sales_qualified_leads', '2026-03-01', '2026-04-01') AS statement \gset
CREATE VIEW kept AS :statement;
INSERT INTO log VALUES (28, now(), 'sql');
SELECT results_eq('SELECT sqls, won FROM kept', 'VALUES (4::bigint, 1::bigint)', 'a view of the statement sees what has happened since');
DROP VIEW kept;
DELETE FROM lead WHERE id > 20;
DELETE FROM log WHERE lead BETWEEN 21 AND 28;
DELETE FROM deal WHERE id > 20;

-- An SQL nine days after its creation, and an MQL later: by its own time 216 hours in basis period.
INSERT INTO lead VALUES (31, '2025-06-01', NULL, NULL, '2025-08-01', NULL, '2025-06-10', 'Ads'), (32, '2025-06-05', NULL, NULL, NULL, NULL, '2025-06-01', 'Ads');
SELECT results_eq($$SELECT period_start, mqls, sqls, median_hours_to_mql, median_hours_to_sql FROM smarketing.sales_qualified_leads('2025-06-01', '2025-09-01', 'month', options => '{"basis": "period"}')$$,
    $$VALUES (date '2025-06-01', 1::bigint, 2::bigint, 0::float8, 108::float8), ('2025-07-01', 0, 0, NULL, NULL), ('2025-08-01', 1, 0, 1464, NULL)$$, 'the medians of basis period go by the step''s own time; before the lead is 0');
SELECT results_eq($$SELECT sqls, median_hours_to_sql FROM smarketing.sales_qualified_leads('2025-06-01', '2025-07-01')$$, $$VALUES (2::bigint, 732::float8)$$, 'those of cohorts one after the other');
DELETE FROM lead WHERE id > 20;

-- Errors.
SELECT throws_ok($$SELECT * FROM smarketing.sales_qualified_leads(options => '{"lag": "1 day"}')$$, '22023', 'option "lag" of sales_qualified_leads does not exist');
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text; BEGIN EXECUTE statement; RETURN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN hint; END $$;
SELECT is(hint_of($$SELECT * FROM smarketing.sales_qualified_leads(options => '{"lag": "1 day"}')$$), 'Options: basis, within, time_zone.', 'the options of the KPI');
SELECT is(hint_of($$SELECT * FROM smarketing.lead_funnel(options => '{"basis": "period"}')$$), 'Options: mode, within, as_of, time_zone.', 'the options of the funnel');
SELECT throws_ok($$SELECT * FROM smarketing.sales_qualified_leads(options => '{"within": "1 month"}')$$, '22023', 'option "within" must not have months or years: "1 month"');
SELECT throws_ok($$SELECT * FROM smarketing.sales_qualified_leads(options => '{"within": "0"}')$$, '22023', 'option "within" must be positive: "0"');
SELECT throws_ok($$SELECT * FROM smarketing.lead_funnel(options => '{"within": "soon"}')$$, '22007');
SELECT throws_ok($$SELECT * FROM smarketing.lead_funnel(options => '{"within": 30}')$$, '22023', 'option "within" must be text');
SELECT throws_ok($$SELECT * FROM smarketing.lead_funnel(options => '{"mode": "strict"}')$$, '22023', 'invalid mode of a funnel: "strict"');
SELECT throws_ok($$SELECT * FROM smarketing.lead_funnel(options => '{"as_of": "infinity"}')$$, '22023', 'option "as_of" must be finite: "infinity"');

-- The metric.
SELECT results_eq($$SELECT value, numerator, denominator FROM smarketing.kpi('sales_qualified_leads', '2026-01-01', '2026-03-01')$$, $$VALUES (0.4, 2::numeric, 5::numeric), (0, 0, 2)$$, 'the headline is the rate of leads won');
SELECT results_eq($$SELECT value, other, change FROM smarketing.kpi_compare('sales_qualified_leads.mqls', '2026-02-01', '2026-03-01', options => '{"against": "previous", "within": "30 days"}')$$, $$VALUES (2::numeric, 3::numeric, -1::numeric)$$, 'kpi_compare, with options of the KPI');
SELECT results_eq($$SELECT record_id FROM smarketing.kpi_rows('skipped_mqls', '2026-01-01', '2026-03-01')$$, $$VALUES ('2'), ('5')$$, 'the leads that skipped a step');
SELECT smarketing.kpi_sql('lead_funnel', '2026-01-01', '2026-03-01', 'month', '{channel}') AS statement \gset
SELECT results_eq(:'statement', $$SELECT period_start, is_partial, by_1, step, stage, entities, previous_rate, first_rate, median_hours, p90_hours FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'month', '{channel}')$$, 'kpi_sql of the funnel');
SELECT is(smarketing.kpi_sql(bare, '2026-01-01', '2026-03-01'), smarketing.kpi_sql(whole, '2026-01-01', '2026-03-01'), 'kpi_sql of the bare metric ' || bare)
FROM (VALUES ('lead_to_won_rate', 'sales_qualified_leads.lead_to_won_rate'), ('win_rate', 'opportunity_win_rate.win_rate'), ('cost_per_mql', 'cost_per_lead.cost_per_mql')) AS v (bare, whole);
SELECT ok((SELECT count(*) > 3 FROM smarketing.kpi_explain('lead_to_won_rate', '2026-01-01', '2026-03-01')), 'and its plan');
SELECT is_empty($$SELECT period_start FROM smarketing.sales_qualified_leads() WHERE is_mature <> (period_start + interval '1 month' <= now() - interval '2160 hours')
    UNION ALL SELECT period_start FROM smarketing.sales_qualified_leads(options => '{"within": "45 days"}') WHERE is_mature <> (period_start + interval '1 month' <= now() - interval '1080 hours')$$, 'mature is what had its time');
SELECT results_eq($$SELECT (smarketing.sales_qualified_leads(now() - interval '101 days', now() - interval '2160 hours', 'all')).is_mature, (smarketing.sales_qualified_leads(now() - interval '101 days', now() - interval '2159 hours', 'all')).is_mature$$, $$VALUES (true, false)$$, 'to the hour');

-- Many leads, more of them with a way of their own than a funnel's hours are kept of exactly: in any order, by any number of workers.
SELECT setseed(0.61803398875);
CREATE TABLE many AS
SELECT id, created, created + random() * interval '40 days' AS mql, CASE WHEN random() < 0.5 THEN created + interval '40 days' + random() * interval '40 days' END AS sql
FROM (SELECT id, timestamptz '2026-01-01' + random() * interval '59 days' AS created FROM generate_series(1, 6000) AS id) AS t;
\o /dev/null
SELECT smarketing.unbind('stage_change'), smarketing.unbind('opportunity'), smarketing.bind('lead', 'many', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sql_at": "sql"}');
\o
SELECT results_eq($$SELECT mqls, sqls, median_hours_to_mql, median_hours_to_sql FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all')$$,
    $$SELECT count(mql), count(sql), percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM mql - created)::float8 / 3600), percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sql - created)::float8 / 3600) FROM many$$, 'medians are exact');
SELECT is_empty($$SELECT f.*, m.* FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'all') AS f, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM mql - created)::float8 / 3600) AS half,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM mql - created)::float8 / 3600) AS most FROM many) AS m WHERE step = 2 AND (abs(median_hours / half - 1) > 0.004 OR abs(p90_hours / most - 1) > 0.004)$$, 'the funnel''s to 0.4 %');
CREATE TABLE before AS SELECT * FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'week');
CREATE TABLE before_ordered AS SELECT * FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'week', options => '{"mode": "ordered", "within": "60 days"}');
CREATE TABLE shuffled AS SELECT * FROM many ORDER BY md5(id::text);
CREATE VIEW shuffled_view AS SELECT * FROM shuffled;
\o /dev/null
SELECT smarketing.bind('lead', 'shuffled_view', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sql_at": "sql"}');
\o
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET work_mem = '64kB';
SELECT set_eq($$SELECT * FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'week')$$, 'TABLE before', 'the order of rows and the plan do not matter');
SELECT set_eq($$SELECT * FROM smarketing.lead_funnel('2026-01-01', '2026-03-01', 'week', options => '{"mode": "ordered", "within": "60 days"}')$$, 'TABLE before_ordered', 'nor in another mode');
RESET work_mem;

-- Whether a lead converted is told by its account's last conversion, when by the first: both as plain SQL says, also where one side knows the day alone.
SELECT setseed(0.27182818284);
CREATE TABLE account_lead AS SELECT id, timestamptz '2026-01-01' + trunc(random() * 40) * interval '12 hours' AS created, nullif(trunc(random() * 60)::int, 0) AS account FROM generate_series(1, 300) AS id;
ALTER TABLE account_lead ADD PRIMARY KEY (id);
CREATE TABLE account_deal AS SELECT 1000 + id AS id, CASE WHEN random() < 0.3 THEN trunc(random() * 320)::int END AS lead, nullif(trunc(random() * 60)::int, 0) AS account,
    CASE WHEN random() < 0.95 THEN timestamptz '2026-01-01' + trunc(random() * 50) * interval '12 hours' END AS created, timestamptz '2026-02-10' + random() * interval '9 days' AS closed, random() < 0.4 AS won FROM generate_series(1, 120) AS id;
CREATE VIEW account_deal_by_day AS SELECT id, lead, account, created::date AS created, closed, won FROM account_deal;
CREATE FUNCTION converted(by_day boolean) RETURNS TABLE (opportunities bigint, won bigint) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM account_deal AS d WHERE d.lead = l.id OR (d.lead IS NULL AND d.account = l.account AND CASE WHEN by_day THEN d.created::date >= l.created::date ELSE d.created >= l.created END))),
           count(*) FILTER (WHERE EXISTS (SELECT FROM account_deal AS d WHERE d.won AND (d.lead = l.id OR (d.lead IS NULL AND d.account = l.account AND CASE WHEN by_day THEN d.created::date >= l.created::date ELSE d.created >= l.created END))))
    FROM account_lead AS l $$;
PREPARE told AS SELECT o.numerator::bigint, w.numerator::bigint FROM smarketing.kpi('sales_qualified_leads.sql_to_opportunity_rate', '2026-01-01', '2026-03-01', 'all') AS o, smarketing.kpi('sales_qualified_leads.lead_to_won_rate', '2026-01-01', '2026-03-01', 'all') AS w;
PREPARE told_with_times AS SELECT opportunities, won FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all');
\o /dev/null
SELECT smarketing.bind('lead', 'account_lead', '{"lead_id": "id", "created_at": "created", "account_id": "account"}'),
    smarketing.bind('opportunity', 'account_deal', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
\o
SELECT cmp_ok((SELECT won FROM converted(false)), '>', 20::bigint, 'enough leads convert by their account');
SELECT results_eq('EXECUTE told', 'SELECT * FROM converted(false)', 'whether a lead converted, by its account''s last conversion (seed 0.27182818284)');
SELECT results_eq('EXECUTE told_with_times', 'SELECT * FROM converted(false)', 'and when');
\o /dev/null
SELECT smarketing.bind('opportunity', 'account_deal_by_day', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
\o
SELECT results_eq('EXECUTE told', 'SELECT * FROM converted(true)', 'by days');
SELECT results_eq('EXECUTE told_with_times', 'SELECT * FROM converted(true)', 'and when, by days');
SELECT is((SELECT count(*) FROM converted(true) AS d, converted(false) AS i WHERE d = i), 0::bigint, 'days tell of more than instants');
\o /dev/null
SELECT smarketing.unbind('opportunity');
\o

-- One lead with 100,000 changes of its stage.
INSERT INTO log SELECT 4, timestamptz '2026-01-02' + n * interval '1 second', (ARRAY['lead', 'mql', 'sal'])[1 + n % 3] FROM generate_series(0, 99999) AS n;
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sal_at": "sal", "sql_at": "sql"}'), smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
\o
SET statement_timeout = '5s';
SELECT results_eq($$EXECUTE funnel('{}')$$, $$VALUES (1, 5::bigint), (2, 4), (3, 4), (4, 3), (5, 0), (6, 0)$$, '100,000 changes of one lead, in seconds');
SELECT results_eq($$EXECUTE funnel('{"mode": "ordered"}')$$, $$VALUES (1, 5::bigint), (2, 3), (3, 2), (4, 1), (5, 0), (6, 0)$$, 'and as they happened');
-- A lead that knows its day, and an opportunity that was ever there.
BEGIN;
CREATE TABLE day_lead (id int PRIMARY KEY, cr date, acc int, mql date);
INSERT INTO day_lead VALUES (1, '2026-09-01', 1, '2026-09-02');
CREATE TABLE ever_deal (id int PRIMARY KEY, cr timestamptz, acc int, won boolean);
INSERT INTO ever_deal VALUES (1, '2026-09-03', 1, true), (2, '-infinity', 2, true);
\o /dev/null
SELECT smarketing.unbind(entity) FROM (SELECT DISTINCT entity FROM smarketing.bindings WHERE entity IN ('lead', 'stage_change', 'opportunity')) AS bound;
SELECT smarketing.bind('lead', 'day_lead', '{"lead_id": "id", "created_at": "cr", "account_id": "acc", "mql_at": "mql"}'), smarketing.bind('opportunity', 'ever_deal', '{"opportunity_id": "id", "created_at": "cr", "account_id": "acc", "won": "won"}');
\o
SELECT results_eq($$SELECT leads, won FROM smarketing.sales_qualified_leads('2026-09-01', '2026-10-01', 'all')$$, $$VALUES (1::bigint, 1::bigint)$$, 'days are compared, also with what has none');
ROLLBACK;
SELECT * FROM finish();
