-- Scores: what activities are worth, when a score first reaches a threshold, and what the lead becomes then.
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
SET timezone = 'Etc/UTC';

-- By hand. 1: 50 + 10 at one instant. 2: 50 fades to 25, then 35 are enough. 3: 60 before it is an MQL. 4: never an
-- MQL. 5: one point less. 6: 60, then 100 less. 7: nothing. 8: an activity of tomorrow.
CREATE TABLE lead (lead_id bigint PRIMARY KEY, label text, created_at timestamptz, mql_at timestamptz, score numeric);
INSERT INTO lead VALUES (1, 'one', '2026-01-01', '2026-01-02'), (2, 'two', '2026-01-01', '2026-01-02'), (3, 'three', '2026-01-01', '2026-02-01'),
    (4, 'four', '2026-01-01', NULL), (5, 'five', '2026-01-01', '2026-01-02'), (6, 'six', '2026-01-01', '2026-01-02'), (7, 'seven', '2026-01-01', '2026-01-02'), (8, 'eight', '2026-01-01', '2026-01-02');
CREATE TABLE activity (lead_id bigint, kind text, at timestamptz, is_automatic boolean);
INSERT INTO activity VALUES (1, 'demo', '2026-01-05', false), (1, 'open', '2026-01-05', true),
    (2, 'visit', '2026-01-05', true), (2, 'call', '2026-01-15', false),
    (3, 'demo', '2026-01-05', false), (3, 'open', '2026-01-06', true),
    (4, 'demo', '2026-01-05', false), (4, 'open', '2026-01-06', true),
    (5, 'demo', '2026-01-05', false), (5, 'nine', '2026-01-06', false),
    (6, 'demo', '2026-01-05', false), (6, 'open', '2026-01-06', true), (6, 'bounce', '2026-01-07', true),
    (8, 'demo', '2026-01-05', false), (8, 'demo', now() + interval '1 day', false),
    (1, 'unknown', '2026-01-01', false), (1, NULL, '2026-01-01', false), (1, 'demo', NULL, false), (NULL, 'demo', '2026-01-01', false);
SELECT smarketing.bind('lead', 'lead', '{"score": null}');
SELECT throws_ok($$SELECT * FROM smarketing.lead_scores()$$, '55000', 'nothing tells the score of a lead');
SELECT smarketing.bind('activity', 'activity');
SELECT smarketing.define_score(kind, kind, points, half_life)
FROM (VALUES ('demo', 50, NULL::interval), ('open', 10, NULL), ('visit', 50, '10 days'), ('call', 35, '10 days'), ('nine', 9, NULL), ('bounce', -100, NULL)) AS rule (kind, points, half_life);
SELECT smarketing.qualify_at_score(60);
SELECT results_eq($$SELECT lead_id, label, round(score::numeric, 6), stage, crossed_at FROM smarketing.lead_scores('2026-01-25') ORDER BY lead_id$$,
    $$VALUES ('1', 'one', 60.000000, 'sql', timestamptz '2026-01-05'), ('2', 'two', 30.000000, 'sql', '2026-01-15'), ('3', 'three', 60.000000, 'lead', '2026-01-06'), ('4', 'four', 60.000000, 'lead', '2026-01-06'),
        ('5', 'five', 59.000000, 'mql', NULL), ('6', 'six', -40.000000, 'sql', '2026-01-06'), ('7', 'seven', 0.000000, 'mql', NULL), ('8', 'eight', 50.000000, 'mql', NULL)$$, 'scores as of a day');
SELECT results_eq($$SELECT lead_id, score FROM smarketing.lead_scores('2026-01-05') WHERE score <> 0 ORDER BY lead_id$$,
    $$VALUES ('1', 60::float8), ('2', 50), ('3', 50), ('4', 50), ('5', 50), ('6', 50), ('8', 50)$$, 'what happened at the instant counts, later nothing');
SELECT results_eq($$SELECT lead_id, score FROM smarketing.lead_scores(now() + interval '2 days') WHERE lead_id = '8'$$, $$VALUES ('8', 50::float8)$$, 'what is dated later than now has not happened');
SELECT results_eq($$SELECT mqls, sqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$, $$VALUES (7::bigint, 4::bigint)$$, 'the crossing makes an MQL an SQL, others not');
SELECT results_eq($$SELECT record_id, at FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-01-01', '2026-03-01', options => '{"basis": "period"}') ORDER BY record_id$$,
    $$VALUES ('1', timestamptz '2026-01-05'), ('2', '2026-01-15'), ('3', '2026-02-01'), ('6', '2026-01-06')$$, 'at the crossing, or when it becomes an MQL after it');
SELECT * FROM finish();
