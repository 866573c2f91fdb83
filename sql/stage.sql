-- funnel_stage: the examples of docs/stage.md, then input, order and neighbours.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
CREATE EXTENSION smarketing;
SET search_path = smarketing, public;
CREATE TEMPORARY TABLE lead_now (lead_id bigint PRIMARY KEY, stage funnel_stage NOT NULL);
INSERT INTO lead_now VALUES (1, 'lead'), (2, 'SQL'), (3, 'won'), (4, 'lost'), (5, 'opportunity'), (6, 'mql');
SELECT lead_id, stage FROM lead_now WHERE stage >= 'sql' ORDER BY stage, lead_id;
SELECT max(stage) AS furthest, min(stage) AS first FROM lead_now WHERE NOT is_exit(stage);
SELECT next_stage('mql'), previous_stage('mql'), next_stage('won'), is_exit('churned');
SET search_path = public;
SELECT lead_id FROM lead_now WHERE stage OPERATOR(smarketing.>=) 'sql' ORDER BY stage, lead_id;
SET search_path = smarketing, public;
-- Every stage in order, with its stored byte, neighbours and the sign of an exit.
CREATE TEMPORARY TABLE every AS
SELECT n::funnel_stage AS stage
FROM unnest('{won,opportunity,sql,sal,mql,lead,visitor,churned,lost,recycled,disqualified}'::text[]) n;
SELECT stage, funnel_stage_send(stage) AS binary, is_exit(stage), previous_stage(stage), next_stage(stage)
FROM every
ORDER BY stage;
-- Input in any case, white space around it.
SELECT 'LEAD'::funnel_stage, '  Won '::funnel_stage, E'\t\n\r\f\x0Bsal\n'::funnel_stage, 'DisQualified'::funnel_stage;
SELECT ''::funnel_stage;
\set VERBOSITY terse
SELECT '  '::funnel_stage;
SELECT 'leads'::funnel_stage;
SELECT 'lea'::funnel_stage;
SELECT 'closed won'::funnel_stage;
SELECT 'disqualifiedd'::funnel_stage;
SELECT 'vısitor'::funnel_stage;
\set VERBOSITY default
SELECT NULL::funnel_stage, next_stage(NULL), previous_stage(NULL), is_exit(NULL);
SELECT 'mql'::funnel_stage::text AS cast_to_text, 'mql'::text::funnel_stage AS cast_from_text;
SELECT '{won, lost, "Lead"}'::funnel_stage[] AS list;
-- No arithmetic, no cast from a number.
\set VERBOSITY terse
SELECT 3::funnel_stage;
SELECT 'lead'::funnel_stage + 1;
-- The six comparisons.
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, funnel_stage_cmp(a, b) AS cmp
FROM (VALUES ('lost'::funnel_stage, 'visitor'::funnel_stage), ('won', 'won'), ('won', 'churned')) v (a, b);
-- Rows lie in hash partitions by these: they never change.
SELECT stage, funnel_stage_hash(stage) AS hash, funnel_stage_hash_extended(stage, 1) AS hash_extended FROM every ORDER BY stage;
-- A stored byte that is no stage: damaged data, found when it is shown, and no crash.
CREATE CAST ("char" AS funnel_stage) WITHOUT FUNCTION;
\set VERBOSITY sqlstate
SELECT '\001'::"char"::funnel_stage;
\set VERBOSITY terse
SELECT '\377'::"char"::funnel_stage;
SELECT funnel_stage_send('\000'::"char"::funnel_stage);
SELECT is_exit('\001'::"char"::funnel_stage);
SELECT next_stage('\013'::"char"::funnel_stage);
SELECT previous_stage('\013'::"char"::funnel_stage);
SELECT '\377'::"char"::funnel_stage > 'won', funnel_stage_cmp('\377'::"char"::funnel_stage, 'won');
DROP CAST ("char" AS funnel_stage);
DROP EXTENSION smarketing CASCADE;
