-- Scores: what the functions that configure say.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
CREATE EXTENSION smarketing;
CREATE TABLE activity (lead_id int, kind text, at timestamptz);
INSERT INTO activity VALUES (1, 'demo', '2026-01-01');
SELECT smarketing.define_score('asked for a demo', 'demo', 40, '30 days');
SELECT smarketing.bind('activity', 'activity');
SELECT smarketing.define_score('asked for a demo', 'demo', 40, '30 days');
SELECT smarketing.define_score('slip of the pen', 'Demo', -5);
SELECT * FROM smarketing.score_rule ORDER BY name;
SELECT smarketing.define_score('slip of the pen', NULL, NULL);
SELECT smarketing.define_score('slip of the pen', NULL, NULL);
SELECT smarketing.define_score('nothing', 'demo', 0);
SELECT smarketing.define_score('months', 'demo', 5, '1 month');
SELECT smarketing.qualify_at_score(60);
SELECT smarketing.qualify_at_score(30, 'mql', 'lead');
SELECT smarketing.qualify_at_score(60, 'sal', 'sql');
SELECT smarketing.qualify_at_score(60, 'opportunity');
SELECT smarketing.qualify_at_score(-60);
SELECT smarketing.qualify_at_score('Infinity');
SELECT * FROM smarketing.score_threshold ORDER BY becomes;
SELECT smarketing.qualify_at_score(NULL);
SELECT smarketing.qualify_at_score(NULL);
SELECT * FROM smarketing.lead_scores();
-- Nothing tells of MQLs, then a column does.
CREATE TABLE lead (lead_id int, created_at timestamptz);
SELECT smarketing.bind('lead', 'lead');
SELECT smarketing.qualify_at_score(NULL, 'mql');
SELECT smarketing.qualify_at_score(60);
ALTER TABLE lead ADD mql_at timestamptz;
SELECT smarketing.bind('lead', 'lead');
SELECT smarketing.qualify_at_score(60);
-- A table that is gone is told of, and stands in no rule's way.
DROP TABLE activity;
SELECT smarketing.define_score('later', 'later', 5);
DROP EXTENSION smarketing;
