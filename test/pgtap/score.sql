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
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', options => '{"as_of": "2026-01-05 12:00"}') WHERE step <= 4$$,
    $$VALUES (1, 8::bigint), (2, 6), (3, 1), (4, 1)$$, 'as of an earlier instant only what had happened');
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', options => '{"within": "5 days"}') WHERE step <= 4$$,
    $$VALUES (1, 8::bigint), (2, 6), (3, 2), (4, 2)$$, 'within a time of the creation');
SELECT results_eq($$SELECT sqls FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01')$$, $$VALUES (4::bigint)$$, 'cost_per_lead counts the same');

-- From which stage.
SELECT smarketing.qualify_at_score(60, from_stage => 'lead');
SELECT results_eq($$SELECT mqls, sqls, skipped_mqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$, $$VALUES (8::bigint, 5::bigint, 1::bigint)$$, 'from lead: who is an SQL is an MQL, too');
SELECT results_eq($$SELECT record_id, at FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-01-01', '2026-03-01', options => '{"basis": "period"}') WHERE record_id IN ('3', '4') ORDER BY record_id$$,
    $$VALUES ('3', timestamptz '2026-01-06'), ('4', '2026-01-06')$$, 'then the crossing alone tells when');
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', options => '{"mode": "ordered"}') WHERE step <= 4$$,
    $$VALUES (1, 8::bigint), (2, 7), (3, 0), (4, 0)$$, 'as it happened: no step of sal');
SELECT smarketing.qualify_at_score(59, 'sal');
SELECT results_eq($$SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', options => '{"mode": "ordered"}') WHERE step <= 4$$,
    $$VALUES (1, 8::bigint), (2, 7), (3, 5), (4, 3)$$, 'with a score for sal: as it happened, both at one instant in their order');
SELECT smarketing.qualify_at_score(NULL, 'sal');
SELECT smarketing.bind('lead', 'lead', '{"score": null, "mql_at": null}');
SELECT smarketing.qualify_at_score(60);
SELECT results_eq($$SELECT mqls, sqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$, $$VALUES (5::bigint, 5::bigint)$$, 'where nothing tells of MQLs, all leads come from there');
ALTER TABLE lead ADD stage text;
UPDATE lead SET stage = CASE WHEN lead_id IN (1, 4) THEN 'mql' WHEN lead_id = 2 THEN 'disqualified' ELSE 'lead' END;
SELECT smarketing.bind('lead', 'lead', '{"score": null, "mql_at": null}');
SELECT results_eq($$SELECT record_id, at FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-01-01', '2026-03-01', options => '{"basis": "period"}') ORDER BY record_id$$,
    $$VALUES ('1', timestamptz '2026-01-05'), ('4', '2026-01-06')$$, 'a current stage tells that it came there: the crossing tells when it went on');
SELECT results_eq($$SELECT lead_id, stage FROM smarketing.lead_scores() WHERE lead_id::int <= 4 ORDER BY lead_id$$, $$VALUES ('1', 'sql'), ('2', 'disqualified'), ('3', 'lead'), ('4', 'sql')$$, 'the stage, as far as it came');
SELECT smarketing.define_score('open', NULL, NULL);
SELECT results_eq($$SELECT lead_id, score, crossed_at FROM smarketing.lead_scores() WHERE lead_id = '1'$$, $$VALUES ('1', 50::float8, NULL::timestamptz)$$, 'a rule that is dropped counts no more');

-- No rules: the CRM's own score, which tells no instant.
DELETE FROM smarketing.score_rule;
UPDATE lead SET score = lead_id * 10.5;
SELECT smarketing.bind('lead', 'lead');
SELECT results_eq($$SELECT lead_id, score, crossed_at FROM smarketing.lead_scores() WHERE lead_id::int <= 2 ORDER BY lead_id$$, $$VALUES ('1', 10.5::float8, NULL::timestamptz), ('2', 21, NULL)$$, 'without rules the score that is bound');
SELECT results_eq($$SELECT lead_id, score FROM smarketing.lead_scores('2026-01-15') WHERE lead_id::int <= 2 ORDER BY lead_id$$, $$VALUES ('1', NULL::float8), ('2', NULL)$$, 'which is not known of an earlier day');
SELECT results_eq($$SELECT sqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$, $$VALUES (0::bigint)$$, 'and makes no SQL');

-- Bad input.
SELECT throws_ok($$SELECT smarketing.qualify_at_score(0)$$, '22023', 'argument "score" must be above 0');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(-60)$$, '22023', 'argument "score" must be above 0');
SELECT throws_ok($$SELECT smarketing.qualify_at_score('NaN')$$, '22023', 'argument "score" must be above 0');
SELECT throws_ok($$SELECT smarketing.qualify_at_score('Infinity')$$, '22023', 'argument "score" must be finite');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(60, 'won')$$, '22023', 'a score does not make a lead come to stage "won"');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(60, 'disqualified')$$, '22023', 'a score does not make a lead come to stage "disqualified"');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(60, 'mql')$$, '22023', 'argument "from_stage" must be a stage before "mql"');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(60, 'mql', 'visitor')$$, '22023', 'argument "from_stage" must be a stage before "mql"');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(60, NULL)$$, '22004', 'argument "becomes" must not be null');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(NULL, 'sal')$$, '42704', 'no score leads to stage "sal"');
SELECT throws_ok($$SELECT smarketing.define_score('x', 'demo', 0)$$, '22023', 'argument "points" must not be 0');
SELECT throws_ok($$SELECT smarketing.define_score('x', '', 5)$$, '22023', 'argument "activity" must not be empty');
SELECT throws_ok($$SELECT smarketing.define_score('', 'demo', 5)$$, '22023', 'argument "name" must not be empty');
SELECT throws_ok($$SELECT smarketing.define_score(NULL, 'demo', 5)$$, '22004', 'argument "name" must not be null');
SELECT throws_ok($$SELECT smarketing.define_score('x', NULL, 5)$$, '22004', 'argument "activity" must not be null');
SELECT throws_ok($$SELECT smarketing.define_score('x', NULL, NULL)$$, '42704', 'score rule "x" does not exist');
SELECT throws_ok($$SELECT smarketing.define_score('x', 'demo', 5, '0 days')$$, '22023', 'argument "half_life" must be positive');
SELECT throws_ok($$SELECT smarketing.define_score('x', 'demo', 5, '-1 day')$$, '22023', 'argument "half_life" must be positive');
SELECT throws_ok($$SELECT smarketing.define_score('x', 'demo', 5, '1 month')$$, '22023', 'argument "half_life" must not have months or years, or be infinite');
SELECT lives_ok($$SELECT smarketing.define_score('r' || n, 'demo', n) FROM generate_series(1, 64) AS n$$, '64 different rates');
SELECT throws_ok($$SELECT smarketing.define_score('r65', 'demo', 65)$$, '54000', 'score rules have more than 64 different pairs of points and half-life');
SELECT lives_ok($$SELECT smarketing.define_score('r65', 'demo', 64)$$, 'more rules of them');
SELECT is((SELECT score FROM smarketing.lead_scores() WHERE lead_id = '1'), 2144::float8, 'all rules of an activity count');
DELETE FROM smarketing.score_rule;
SELECT smarketing.define_score('demo', 'demo', 50);
SELECT smarketing.unbind('activity');
SELECT throws_ok($$SELECT * FROM smarketing.lead_scores()$$, '55000', 'entity "activity" is not bound');
SELECT lives_ok($$SELECT * FROM smarketing.sales_qualified_leads('2026-01-01', '2026-02-01')$$, 'rules without activities do not stand in the way of KPIs');
SELECT throws_ok($$SELECT * FROM smarketing.lead_scores(NULL)$$, '22004', 'argument "as_of" must not be null');
SELECT throws_ok($$SELECT * FROM smarketing.lead_scores('infinity')$$, '22023', 'argument "as_of" is out of range: infinity');
SELECT smarketing.bind('activity', 'activity');
CREATE ROLE score_reader;
GRANT USAGE ON SCHEMA public TO score_reader;
GRANT SELECT ON lead, activity TO score_reader;
SET ROLE score_reader;
SELECT throws_ok($$SELECT smarketing.define_score('x', 'demo', 5)$$, '42501', 'permission denied for function define_score');
SELECT throws_ok($$SELECT smarketing.qualify_at_score(5)$$, '42501', 'permission denied for function qualify_at_score');
SELECT is((SELECT count(*) FROM smarketing.lead_scores()), 8::bigint, 'who may read the CRM reads scores');
RESET ROLE;
REVOKE SELECT ON activity FROM score_reader;
SET ROLE score_reader;
SELECT throws_ok($$SELECT * FROM smarketing.lead_scores()$$, '42501', 'permission denied for table activity');
RESET ROLE;

-- Random data beside a slow reading by the definition: same instants, several half-lives, points below 0, two rules of one activity.
TRUNCATE activity;
DELETE FROM smarketing.score_rule;
INSERT INTO activity
SELECT 1 + trunc(random() * 400)::int, (ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'none'])[1 + trunc(random() * 7)::int],
    timestamptz '2026-01-01' + trunc(random() * 300)::int * interval '6 hours', random() < 0.5 FROM generate_series(1, 6000);
CREATE TABLE rule (name text, activity text, points int, half_life interval);
INSERT INTO rule VALUES ('a', 'a', 7, '5 days'), ('b', 'b', 4, NULL), ('c', 'c', 30, '1 day'), ('c2', 'c', 5, '40 days 06:30'), ('d', 'd', -9, '5 days'), ('e', 'e', -3, NULL), ('f', 'f', 20, '12 hours');
CREATE FUNCTION score_at(lead bigint, as_of timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(r.points * CASE WHEN r.half_life IS NULL THEN 1 ELSE 2::float8 ^ (-extract(epoch FROM as_of - a.at)::float8 / extract(epoch FROM r.half_life)::float8) END), 0)
    FROM activity AS a JOIN rule AS r ON r.activity = a.kind WHERE a.lead_id = lead AND a.at <= as_of $$;
CREATE TABLE slow AS SELECT DISTINCT lead_id, at, score_at(lead_id, at) AS score FROM activity JOIN rule ON rule.activity = kind;
CREATE TABLE threshold AS SELECT unnest('{12,33.5,60}'::float8[]) AS threshold;
CREATE TABLE crossing AS SELECT threshold, lead_id, min(at) AS at FROM slow, threshold WHERE score >= threshold * (1 - 1e-9) GROUP BY threshold, lead_id;
SELECT cmp_ok((SELECT min(n) FROM (SELECT count(*) AS n FROM crossing GROUP BY threshold) AS c), '>', 15::bigint, 'each threshold is crossed');
CREATE FUNCTION read_scores(source text, key text, as_of timestamptz, thresholds float8[] DEFAULT '{33.5,12,60}') RETURNS TABLE (lead text, score numeric, at_1 timestamptz, at_2 timestamptz, at_3 timestamptz) LANGUAGE plpgsql AS $$
DECLARE rules text; BEGIN
    SELECT format('%L::text[], %L::int[], %L::interval[]', array_agg(r.activity ORDER BY r.name), array_agg(r.points ORDER BY r.name), array_agg(r.half_life ORDER BY r.name)) INTO rules FROM rule AS r;
    RETURN QUERY EXECUTE format('SELECT unnest((h.s).leads)::text, round(unnest((h.s).scores)::numeric, 8), unnest((h.s).crossed_1), unnest((h.s).crossed_2), unnest((h.s).crossed_3)
        FROM (SELECT smarketing.scores(%s, kind, at, %s, %L::float8[], %L::timestamptz) AS s FROM (%s) AS a) AS h', key, rules, thresholds, as_of, source); END $$;
CREATE TABLE expected AS SELECT l.lead_id::text AS lead, round(score_at(l.lead_id, '2026-02-20 03:00')::numeric, 8) AS score, c1.at AS at_1, c2.at AS at_2, c3.at AS at_3
FROM (SELECT DISTINCT lead_id FROM activity JOIN rule ON rule.activity = kind AND at <= '2026-02-20 03:00') AS l
    LEFT JOIN crossing AS c1 ON c1.lead_id = l.lead_id AND c1.threshold = 33.5 AND c1.at <= '2026-02-20 03:00' LEFT JOIN crossing AS c2 ON c2.lead_id = l.lead_id AND c2.threshold = 12 AND c2.at <= '2026-02-20 03:00'
    LEFT JOIN crossing AS c3 ON c3.lead_id = l.lead_id AND c3.threshold = 60 AND c3.at <= '2026-02-20 03:00';
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM activity', 'lead_id', '2026-02-20 03:00')$$, $$SELECT * FROM expected$$, 'scores and crossings as by the definition');
SELECT set_eq($$SELECT lead, score, at_1, at_2, at_3 FROM read_scores('SELECT * FROM activity ORDER BY at DESC, kind', 'lead_id', '2026-02-20 03:00')$$, $$SELECT * FROM expected$$, 'in another order');
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM activity', 'lead_id::text', '2026-02-20 03:00')$$, $$SELECT * FROM expected$$, 'leads by text');
SELECT set_eq($$SELECT right(lead, -40)::text AS lead, score, at_1, at_2, at_3 FROM read_scores('SELECT * FROM activity', 'repeat(''x'', 40) || lead_id', '2026-02-20 03:00')$$, $$SELECT * FROM expected$$, 'by long text');
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM activity', 'md5(lead_id::text)::uuid', '2026-02-20 03:00')$$, $$SELECT md5(lead)::uuid::text AS lead, score, at_1, at_2, at_3 FROM expected$$, 'by uuid');
SELECT set_eq($$SELECT lead, score, at_1, at_2, at_3 FROM read_scores('SELECT * FROM activity', 'lead_id', NULL)$$,
    $$SELECT lead_id::text, NULL::numeric AS score, min(at) FILTER (WHERE threshold = 33.5) AS at_1, min(at) FILTER (WHERE threshold = 12) AS at_2, min(at) FILTER (WHERE threshold = 60) AS at_3 FROM crossing GROUP BY lead_id$$, 'without an instant: who crossed, and when');
SELECT set_eq($$SELECT lead, score FROM read_scores('SELECT * FROM activity', 'lead_id', '2026-02-20 03:00', '{}')$$, $$SELECT lead, score FROM expected$$, 'without thresholds');
-- 100 points are 50 after a day, whatever comes and goes between: then 70 more are exactly 120.
SELECT is((SELECT (smarketing.scores(1::bigint, kind, at, '{hundred,one,less,seventy}', '{100,1,-1,70}', '{1 day,1 day,1 day,NULL}', '{120}', '2026-01-02')).crossed_1
    FROM (VALUES ('hundred', timestamptz '2026-01-01'), ('one', '2026-01-01 07:00'), ('less', '2026-01-01 07:00'), ('one', '2026-01-01 17:11:13.123457'), ('less', '2026-01-01 17:11:13.123457'), ('seventy', '2026-01-02')) AS v (kind, at)),
    '{2026-01-02}'::timestamptz[], 'a score that equals the threshold has reached it');
CREATE TABLE large AS SELECT lead_id + 1000 * k AS lead_id, kind, at FROM activity, generate_series(0, 39) AS k;
ANALYZE large;
CREATE TABLE large_expected AS SELECT (lead::bigint + 1000 * k)::text AS lead, score, at_1, at_2, at_3 FROM expected, generate_series(0, 39) AS k;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '64kB';
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM large', 'lead_id', '2026-02-20 03:00')$$, $$SELECT * FROM large_expected$$, 'moved out');
RESET work_mem;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_has(word text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN FOR line IN EXPLAIN SELECT smarketing.scores(lead_id, kind, at, '{a}', '{1}', '{NULL}', '{}', NULL) FROM large LOOP IF line LIKE '%' || word || '%' THEN RETURN true; END IF; END LOOP; RETURN false; END $$;
SELECT ok(plan_has('Partial Aggregate'), 'workers take part');
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM large', 'lead_id', '2026-02-20 03:00')$$, $$SELECT * FROM large_expected$$, 'and give the same');
SET work_mem = '64kB';
SELECT set_eq($$SELECT * FROM read_scores('SELECT * FROM large', 'lead_id::text', '2026-02-20 03:00')$$, $$SELECT * FROM large_expected$$, 'also by text, and moved out');
RESET work_mem; RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT set_eq($$SELECT k, lead_id FROM (SELECT k, unnest((s).leads) AS lead_id FROM (SELECT lead_id / 1000 AS k, smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{1}', NULL) AS s FROM large GROUP BY 1) AS g) AS u$$,
    $$SELECT DISTINCT lead_id / 1000 AS k, lead_id FROM large WHERE kind = 'c'$$, 'groups');
SELECT is((SELECT array_agg(cardinality((s).leads) ORDER BY n) FROM (SELECT n, smarketing.scores(lead, 'c', now(), '{c}', '{1}', '{NULL}', '{1}', NULL) OVER (ORDER BY n) AS s FROM (VALUES (1, 5::bigint), (2, 6), (3, 5), (4, 7)) AS v (n, lead)) AS w), '{1,2,2,3}', 'under a window the state stays');
SELECT is((SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{1}', NULL) FROM large WHERE false), NULL, 'no rows');
SELECT is((SELECT (smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{1}', NULL)).leads FROM activity WHERE kind = 'none'), '{}', 'no scored activities');
SELECT is((SELECT (smarketing.scores(NULL::bigint, kind, at, '{c}', '{1}', '{NULL}', '{1}', NULL)).leads FROM activity), '{}', 'no lead');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, CASE WHEN lead_id < 9 THEN '{c}' ELSE '{d}' END::text[], '{1}', '{NULL}', '{1}', NULL) FROM activity$$, '22023', 'argument "activities" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{1}', CASE WHEN lead_id < 9 THEN now() END) FROM activity$$, '22023', 'argument "as_of" must be the same for all rows');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, NULL, '{1}', '{NULL}', '{1}', NULL) FROM activity$$, '22004', 'argument "activities" must not be null');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c,NULL}', '{1,1}', '{NULL,NULL}', '{1}', NULL) FROM activity$$, '22004', 'argument "activities" must not contain nulls');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{{c}}', '{1}', '{NULL}', '{1}', NULL) FROM activity$$, '2202E', 'argument "activities" must have one dimension');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1,2}', '{NULL}', '{1}', NULL) FROM activity$$, '2202E', 'arguments "activities", "points" and "half_lives" must be of one length');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{0 days}', '{1}', NULL) FROM activity$$, '22023', 'argument "half_lives" must be positive');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{-1}', NULL) FROM activity$$, '22023', 'a threshold must be above 0');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, at, '{c}', '{1}', '{NULL}', '{1,2,3,4}', NULL) FROM activity$$, '54000', 'scores have more than 3 thresholds');
SELECT throws_ok($$SELECT smarketing.scores(lead_id, kind, 'infinity', '{c}', '{1}', '{NULL}', '{1}', NULL) FROM activity$$, '22008', 'an event must not have an infinite time');

-- The steps of leads beside the definition, on random leads: an own time, a stage change, scores for MQL and SQL, a conversion.
DELETE FROM lead;
INSERT INTO lead (lead_id, created_at, mql_at) SELECT n, timestamptz '2026-01-01' + trunc(random() * 40)::int * interval '1 day',
    CASE WHEN random() < 0.2 THEN timestamptz '2026-01-01' + trunc(random() * 80)::int * interval '1 day' END FROM generate_series(1, 400) AS n;
CREATE TABLE stage_change AS SELECT 1 + trunc(random() * 400)::bigint AS lead_id, (ARRAY['mql', 'sal', 'sql', 'disqualified', 'lead'])[1 + trunc(random() * 5)::int] AS stage,
    timestamptz '2026-01-01' + trunc(random() * 80)::int * interval '1 day' AS at FROM generate_series(1, 150);
CREATE TABLE opportunity AS SELECT n AS opportunity_id, 1 + trunc(random() * 400)::bigint AS lead_id, timestamptz '2026-01-01' + trunc(random() * 80)::int * interval '1 day' AS created_at FROM generate_series(1, 100) AS n;
SELECT smarketing.bind('lead', 'lead', '{"score": null, "stage": null}');
SELECT smarketing.bind('stage_change', 'stage_change');
SELECT smarketing.bind('opportunity', 'opportunity');
SELECT smarketing.define_score(name, activity, points, half_life) FROM rule;
SELECT set_eq($$SELECT lead_id, round(score::numeric, 8) FROM smarketing.lead_scores('2026-02-20 03:00')$$, $$SELECT lead_id::text, round(score_at(lead_id, '2026-02-20 03:00')::numeric, 8) FROM lead WHERE created_at <= '2026-02-20 03:00'$$, 'lead_scores as by the definition');
CREATE FUNCTION steps(mql_from text, sql_from text, seen_before timestamptz) RETURNS TABLE (lead_id bigint, mql timestamptz, sal timestamptz, sql timestamptz) LANGUAGE sql STABLE AS $$
    SELECT l.lead_id, m.mql, coalesce(c.sal, q.scored, o.at), coalesce(c.sql, q.scored, o.at)
    FROM lead AS l
    LEFT JOIN LATERAL (SELECT min(at) FILTER (WHERE stage IN ('mql', 'sal', 'sql')) AS mql, min(at) FILTER (WHERE stage IN ('sal', 'sql')) AS sal, min(at) FILTER (WHERE stage = 'sql') AS sql
        FROM stage_change WHERE lead_id = l.lead_id AND at < seen_before) AS c ON true
    LEFT JOIN LATERAL (SELECT min(created_at) AS at FROM opportunity WHERE lead_id = l.lead_id AND created_at < seen_before) AS o ON true
    LEFT JOIN LATERAL (SELECT min(at) FILTER (WHERE threshold = 12) AS low, min(at) FILTER (WHERE threshold = 33.5) AS high FROM crossing WHERE lead_id = l.lead_id AND at < seen_before) AS s ON true
    CROSS JOIN LATERAL (SELECT CASE WHEN l.mql_at < seen_before THEN l.mql_at END AS own) AS a
    CROSS JOIN LATERAL (SELECT coalesce(a.own, c.mql, CASE WHEN mql_from = 'lead' THEN s.low END, o.at) AS reached,
        coalesce(a.own, c.mql, CASE WHEN mql_from = 'lead' THEN s.low END, CASE WHEN sql_from = 'lead' THEN s.high END, o.at) AS mql) AS m
    CROSS JOIN LATERAL (SELECT CASE WHEN sql_from = 'lead' THEN s.high WHEN sql_from = 'mql' AND s.high IS NOT NULL AND m.reached IS NOT NULL THEN greatest(s.high, m.reached) END AS scored) AS q $$;
CREATE FUNCTION same_steps(mql_from text, sql_from text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT set_eq($q$SELECT record_id, at FROM smarketing.kpi_rows('sales_qualified_leads.sqls', '2026-01-01', '2026-07-01', options => '{"basis": "period"}', max_rows => NULL)$q$,
        format($q$SELECT lead_id::text, sql FROM steps(%L, %L, now()) WHERE sql IS NOT NULL$q$, mql_from, sql_from), what || ': each SQL in time');
    RETURN NEXT set_eq($q$SELECT record_id, at FROM smarketing.kpi_rows('sales_qualified_leads.mqls', '2026-01-01', '2026-07-01', options => '{"basis": "period"}', max_rows => NULL)$q$,
        format($q$SELECT lead_id::text, mql FROM steps(%L, %L, now()) WHERE mql IS NOT NULL$q$, mql_from, sql_from), what || ': each MQL in time');
    RETURN NEXT results_eq($q$SELECT mqls, sals, sqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all')$q$,
        format($q$SELECT count(mql), count(sal), count(sql) FROM steps(%L, %L, now())$q$, mql_from, sql_from), what || ': by cohort');
    RETURN NEXT results_eq($q$SELECT mqls, sqls FROM smarketing.cost_per_lead('2026-01-01', '2026-03-01', 'all')$q$,
        format($q$SELECT count(mql), count(sql) FROM steps(%L, %L, now())$q$, mql_from, sql_from), what || ': in cost_per_lead');
    RETURN NEXT results_eq($q$SELECT step, entities FROM smarketing.lead_funnel('2026-01-01', '2026-02-01', 'all', options => '{"as_of": "2026-01-31 12:00"}') WHERE step IN (2, 4) ORDER BY step$q$,
        format($q$SELECT v.* FROM (SELECT count(mql) AS mql, count(sql) AS sql FROM steps(%L, %L, '2026-01-31 12:00:00.000001') JOIN lead USING (lead_id) WHERE created_at < '2026-01-31 12:00:00.000001') AS s, LATERAL (VALUES (2, mql), (4, sql)) AS v$q$, mql_from, sql_from), what || ': as of an earlier day');
    RETURN NEXT is((SELECT skipped_mqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all')),
        (SELECT count(*) FROM steps(mql_from, sql_from, now()) AS s JOIN lead AS l USING (lead_id) WHERE s.sal IS NOT NULL AND l.mql_at IS NULL
            AND NOT EXISTS (SELECT FROM stage_change AS c WHERE c.lead_id = l.lead_id AND c.stage = 'mql') AND NOT EXISTS (SELECT FROM crossing AS c WHERE c.lead_id = l.lead_id AND threshold = 12 AND mql_from = 'lead')), what || ': who skipped MQL');
    RETURN NEXT is((SELECT median_hours_to_sql FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all')),
        (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(s.sql, s.sal, s.mql, l.created_at) - l.created_at) / 3600) FROM steps(mql_from, sql_from, now()) AS s JOIN lead AS l USING (lead_id) WHERE s.sql IS NOT NULL), what || ': the median way to an SQL');
END $$;
SELECT smarketing.qualify_at_score(NULL, 'sql');
SELECT same_steps('none', 'none', 'no threshold');
SELECT smarketing.qualify_at_score(33.5);
SELECT same_steps('none', 'mql', 'SQL from MQL');
SELECT smarketing.qualify_at_score(12, 'mql', 'lead');
SELECT same_steps('lead', 'mql', 'both, each from the one before');
SELECT set_eq($$SELECT lead_id, crossed_at FROM smarketing.lead_scores('2026-06-01')$$,
    $$SELECT lead_id::text, coalesce((SELECT at FROM crossing AS c WHERE c.lead_id = l.lead_id AND threshold = 33.5), (SELECT at FROM crossing AS c WHERE c.lead_id = l.lead_id AND threshold = 12)) FROM lead AS l$$, 'of two thresholds the crossing of the furthest stage');
SELECT set_eq($$SELECT lead_id, crossed_at, stage FROM smarketing.lead_scores('2026-02-10') WHERE stage <> 'disqualified'$$,
    $$SELECT s.lead_id::text, coalesce((SELECT at FROM crossing AS c WHERE c.lead_id = s.lead_id AND threshold = 33.5 AND at <= '2026-02-10'), (SELECT at FROM crossing AS c WHERE c.lead_id = s.lead_id AND threshold = 12 AND at <= '2026-02-10')),
        CASE WHEN EXISTS (SELECT FROM opportunity AS o WHERE o.lead_id = s.lead_id AND created_at <= '2026-02-10') THEN 'opportunity' WHEN s.sql IS NOT NULL THEN 'sql' WHEN s.sal IS NOT NULL THEN 'sal' WHEN s.mql IS NOT NULL THEN 'mql' ELSE 'lead' END
    FROM steps('lead', 'mql', '2026-02-10 00:00:00.000001') AS s JOIN lead USING (lead_id) WHERE created_at <= '2026-02-10'
        AND NOT EXISTS (SELECT FROM stage_change AS c WHERE c.lead_id = s.lead_id AND stage = 'disqualified' AND at <= '2026-02-10')$$, 'and the stage, as of a day');
SELECT smarketing.qualify_at_score(33.5, 'sql', 'lead');
SELECT same_steps('lead', 'lead', 'both from lead');
SELECT smarketing.qualify_at_score(NULL, 'mql');
SELECT same_steps('none', 'lead', 'SQL from lead');
SELECT smarketing.create_view('public.sqls', 'sales_qualified_leads', 'month');
SELECT results_eq($$SELECT period_start, mqls, sqls FROM sqls WHERE leads > 0 ORDER BY 1$$, $$SELECT f.period_start, f.mqls, f.sqls FROM smarketing.sales_qualified_leads('2026-01-01', now()) AS f JOIN sqls USING (period_start) WHERE f.leads > 0 ORDER BY 1$$, 'a view has the rules that it was made with');
SELECT smarketing.create_rollup('public.cost', 'cost_per_lead', 'month');
SELECT results_eq($$SELECT sum(mqls), sum(sqls) FROM cost WHERE leads > 0$$, $$SELECT count(mql)::numeric, count(sql)::numeric FROM steps('none', 'lead', now())$$, 'so has a rollup');
SELECT smarketing.define_score('a', 'a', 500);
SELECT isnt((SELECT sqls FROM smarketing.sales_qualified_leads('2026-01-01', '2026-03-01', 'all')), (SELECT sum(sqls)::bigint FROM sqls WHERE period_start BETWEEN '2026-01-01' AND '2026-02-28'), 'and the function those that hold now');

-- Whatever the CRM's types are: days of the reporting zone, times without a zone, keys as text.
CREATE TABLE day (lead_id varchar, kind varchar(10), on_day date, at timestamp);
INSERT INTO day VALUES ('1', 'a', '2026-03-07', '2026-03-07 12:00'), ('1', 'a', '2026-03-09', '2026-03-09 12:00'), ('2', 'a', '-infinity', '-infinity'), ('3', 'a', 'infinity', 'infinity');
DELETE FROM smarketing.score_rule;
SELECT smarketing.define_score('a', 'a', 60, '1 day');
SELECT smarketing.qualify_at_score(75, 'sql', 'lead');
SELECT smarketing.configure('time_zone', 'America/New_York');
SELECT smarketing.bind('activity', 'day', '{"at": "on_day"}');
SELECT results_eq($$SELECT lead_id, round(score::numeric, 6), crossed_at FROM smarketing.lead_scores('2026-03-09 04:00+00') WHERE lead_id::int <= 3 ORDER BY lead_id$$,
    $$VALUES ('1', round((60 + 60 * 2 ^ (-47 / 24::float8))::numeric, 6), timestamptz '2026-03-09 04:00+00'), ('2', 0, NULL), ('3', 0, NULL)$$, 'days: from midnight in the reporting zone, across a change of clocks');
SELECT smarketing.bind('activity', 'day', '{"at": "at"}', time_zone => 'Europe/Paris');
SELECT results_eq($$SELECT lead_id, crossed_at FROM smarketing.lead_scores() WHERE crossed_at IS NOT NULL$$, $$VALUES ('1', timestamptz '2026-03-09 11:00+00')$$, 'times of the source''s zone');
SELECT is((SELECT provolatile::text || proparallel::text FROM pg_proc WHERE oid = 'smarketing.lead_scores(timestamptz)'::regprocedure), 'sr', 'lead_scores is STABLE and PARALLEL RESTRICTED');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.lead_scores_row'::regclass),
    'lead_id text, label text, score double precision, stage text, crossed_at timestamp with time zone', 'columns of lead_scores');
SELECT * FROM finish();
