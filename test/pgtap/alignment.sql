-- The verdict over both teams: signals by hand, against their KPI functions, in both languages, and on the sample CRM.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT plan(56);

CREATE TABLE lead (id bigint PRIMARY KEY, created timestamptz, mql timestamptz, sal timestamptz, out_at timestamptz, reason text, source text, rep text);
CREATE TABLE deal (id bigint PRIMARY KEY, lead bigint, created timestamptz, closed timestamptz, won boolean);
CREATE TABLE done (lead bigint, at timestamptz, kind text, robot boolean);
CREATE TABLE goal (metric text, starts_on date, period text, value numeric);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
SELECT throws_ok($$SELECT * FROM smarketing.alignment()$$, '55000', 'handover needs entity "lead", which is not bound');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sal_at": "sal", "disqualified_at": "out_at", "disqualified_reason": "reason", "channel": "source", "owner": "rep"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "created_at": "created", "closed_at": "closed", "won": "won"}');
SELECT smarketing.bind('activity', 'done', '{"lead_id": "lead", "is_automatic": "robot"}');
SELECT smarketing.bind('goal', 'goal');
\o
PREPARE signals AS SELECT signal, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01');
SELECT results_eq($$SELECT signal, weak_side, reading FROM smarketing.alignment('2026-02-01', '2026-03-01') LIMIT 1$$, $$VALUES ('overall', 'too few', 'too few leads to tell: 0 handed over, 20 needed')$$, 'no leads, no verdict');
SELECT results_eq($$SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01', options => '{"language": "fr"}') LIMIT 1$$, $$VALUES ('trop peu de leads pour le dire : 0 transmis, il en faut 20')$$, 'in French');

-- Two months alike: 200 leads each of two channels and two reps, of whom a tenth is rejected; all are answered, half of the accepted are won.
INSERT INTO lead SELECT 1000 * m + n, t, t, CASE WHEN n % 10 > 0 THEN t + interval '1 hour' END, CASE WHEN n % 10 = 0 THEN t + interval '2 hours' END, 'budget', CASE WHEN n % 2 = 0 THEN 'Fair' ELSE 'Ads' END, CASE WHEN n % 4 < 2 THEN 'Ann' ELSE 'Bob' END
FROM generate_series(1, 2) AS m, generate_series(1, 200) AS n, LATERAL (SELECT make_timestamptz(2026, m, 1 + n % 27, 9, 0, 0)) AS v (t);
UPDATE lead SET sal = NULL, out_at = created + interval '2 hours' WHERE id % 20 = 5;
UPDATE lead SET sal = created + interval '1 hour', out_at = NULL WHERE id % 20 = 10;
INSERT INTO deal SELECT id, id, sal, sal + interval '3 days', id % 3 > 0 FROM lead WHERE sal IS NOT NULL;
SELECT results_eq('signals', $$VALUES ('overall', 'none'), ('leads_handed_over', 'none'), ('acceptance', 'none'), ('rejection', 'none'), ('ignored', 'none'), ('late', 'none'), ('conversion', 'none'), ('time_to_sql', 'none'), ('orphaned', 'none')$$, 'teams that are aligned');
SELECT is((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') LIMIT 1), 'aligned: neither side is weak', 'and say so');
SELECT results_eq($$SELECT signal, round(value, 12), round(previous, 12) FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE unit = 'rate' OR signal = 'leads_handed_over'$$,
    $$SELECT v.signal, round((to_jsonb(h) ->> v.metric)::numeric, 12), round((to_jsonb(b) ->> v.metric)::numeric, 12) FROM smarketing.handover('2026-02-01', '2026-03-01', 'all') AS h, smarketing.handover('2026-01-04', '2026-02-01', 'all') AS b,
        (VALUES (1, 'leads_handed_over', 'mqls'), (2, 'acceptance', 'acceptance_rate'), (3, 'rejection', 'rejection_rate'), (4, 'ignored', 'ignored_rate'), (5, 'late', 'late_rate'), (6, 'conversion', 'conversion_rate')) AS v (n, signal, metric) ORDER BY v.n$$, 'figures are those of handover(), of the range and the one before');
SELECT matches((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'rejection'), 'most often: budget', 'with the top reason');

-- A goal decides where there is one.
INSERT INTO goal VALUES ('handover.acceptance_rate', '2026-02-01', 'month', 0.95), ('handover.late_rate', '2026-02-01', 'month', 0.5);
SELECT results_eq($$SELECT signal, goal, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE goal IS NOT NULL OR signal = 'overall'$$, $$VALUES ('overall', NULL::numeric, 'marketing'), ('acceptance', 0.95, 'marketing'), ('late', 0.5, 'none')$$, 'a goal that is missed, and one that is met');
SELECT matches((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'acceptance'), 'goal 95\.0 % missed; sales accepts too few of what it gets$', 'in words');
SELECT is((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01', options => '{"language": "fr"}') LIMIT 1), 'pas alignées : le marketing est faible (l''équipe commerciale accepte trop peu de ce qu''elle reçoit)', 'in French');
TRUNCATE goal;

-- Marketing: one channel of which sales disqualifies more.
BEGIN;
UPDATE lead SET out_at = sal + interval '2 days' WHERE source = 'Ads' AND sal IS NOT NULL AND id % 3 = 0 AND created >= '2026-02-01';
SELECT results_eq($$SELECT signal, label, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE weak_side <> 'none'$$, $$VALUES ('overall', 'Are the teams aligned?', 'marketing'), ('channel', 'Channel Ads', 'marketing')$$, 'a channel that is badly qualified');
SELECT matches((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') LIMIT 1), '^not aligned: marketing is weak \(Ads badly qualified\)$', 'is named');
SELECT results_eq($$SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'channel'$$,
    $$SELECT format('badly qualified: sales turned down %s of the %s leads that it judged (%s %%; %s %% of all)', count(out_at) FILTER (WHERE source = 'Ads'), count(*) FILTER (WHERE source = 'Ads'), round(100.0 * count(out_at) FILTER (WHERE source = 'Ads') / count(*) FILTER (WHERE source = 'Ads'), 1), round(100.0 * count(out_at) / count(*), 1)) FROM lead WHERE created >= '2026-02-01'$$, 'with its share and that of all');
SELECT set_eq($$SELECT record_id FROM smarketing.kpi_rows('handover.mqls', '2026-02-01', '2026-03-01', '{"channel": "Ads"}')$$, $$SELECT id::text FROM lead WHERE source = 'Ads' AND created >= '2026-02-01'$$, 'and traced back to its leads');
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01', '{"channel": "Fair"}') LIMIT 1$$, $$VALUES ('none')$$, 'a filter leaves it out');
ROLLBACK;

-- Sales: one rep who loses more; leads that nobody handles; late answers.
BEGIN;
UPDATE deal SET won = false FROM lead AS l WHERE l.id = deal.lead AND l.rep = 'Bob' AND l.created >= '2026-02-01' AND l.id % 5 > 0;
SELECT results_eq($$SELECT signal, label, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal IN ('overall', 'rep')$$, $$VALUES ('overall', 'Are the teams aligned?', 'sales'), ('rep', 'Rep Bob', 'sales')$$, 'a rep who closes badly');
CREATE TABLE rep (name text, shown text);
INSERT INTO rep VALUES ('Bob', 'Robert Roe');
\o /dev/null
SELECT smarketing.bind('owner', 'rep', '{"owner": "name", "label": "shown"}');
\o
SELECT is((SELECT label FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'rep'), 'Rep Robert Roe', 'by the name of the owner entity');
ROLLBACK;
-- Of few that are closed nothing is told, nor of who has no owner.
BEGIN;
UPDATE lead SET rep = 'Cid' WHERE id % 8 = 1 AND created >= '2026-02-01';
UPDATE deal SET won = true, closed = created + interval '3 days';
UPDATE deal SET won = NULL, closed = NULL FROM lead AS l WHERE l.id = deal.lead AND l.rep = 'Cid';
UPDATE deal SET won = false, closed = deal.created + interval '3 days' FROM lead AS l WHERE l.id = deal.lead AND l.rep = 'Cid' AND l.id IN (SELECT min(id) FROM lead WHERE rep = 'Cid' AND sal IS NOT NULL);
SELECT results_eq($$SELECT weak_side, accepted_not_converted, won FROM smarketing.handover('2026-02-01', '2026-03-01', 'all', '{owner}') WHERE by_1 = 'Cid'$$, $$VALUES ('none', 1::bigint, 0::bigint)$$, 'one that was lost');
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') LIMIT 1$$, $$VALUES ('none')$$, 'makes nobody weak');
UPDATE deal SET won = false FROM lead AS l WHERE l.id = deal.lead AND l.rep = 'Bob' AND l.created >= '2026-02-01';
UPDATE lead SET rep = NULL WHERE rep = 'Bob' AND created >= '2026-02-01';
SELECT results_eq($$SELECT weak_side FROM smarketing.handover('2026-02-01', '2026-03-01', 'all', '{owner}') WHERE by_1 = '(none)'$$, $$VALUES ('sales')$$, 'leads without an owner that are lost');
SELECT is_empty($$SELECT * FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'rep'$$, 'are of no rep');
ROLLBACK;
BEGIN;
UPDATE lead SET source = NULL, out_at = sal + interval '2 days' WHERE source = 'Ads' AND sal IS NOT NULL AND id % 3 = 0 AND created >= '2026-02-01';
SELECT results_eq($$SELECT label FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'channel'$$, $$VALUES ('No channel')$$, 'leads without a channel that are badly qualified');
SELECT matches((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') LIMIT 1), 'marketing is weak \(leads without a channel are badly qualified', 'are told as such');
ROLLBACK;
BEGIN;
UPDATE lead SET sal = NULL, out_at = NULL WHERE id % 8 = 0 AND created >= '2026-02-01';
DELETE FROM deal USING lead AS l WHERE l.id = deal.lead AND l.sal IS NULL;
SELECT results_eq($$SELECT signal, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE weak_side <> 'none' AND signal <> 'acceptance'$$, $$VALUES ('overall', 'sales'), ('ignored', 'sales')$$, 'leads that nobody takes care of');
INSERT INTO done SELECT id, created + interval '24 hours', 'call', false FROM lead WHERE sal IS NULL AND out_at IS NULL;
SELECT results_eq($$SELECT DISTINCT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal IN ('ignored', 'late')$$, $$VALUES ('none')$$, 'a call at the limit is in time');
UPDATE done SET robot = true;
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'ignored'$$, $$VALUES ('sales')$$, 'one by a robot is none');
ROLLBACK;
BEGIN;
UPDATE lead SET sal = created + interval '3 days' WHERE sal IS NOT NULL AND id % 3 = 0 AND created >= '2026-02-01';
UPDATE deal SET created = l.sal FROM lead AS l WHERE l.id = deal.lead AND deal.created < l.sal;
SELECT results_eq($$SELECT signal, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE weak_side <> 'none'$$, $$VALUES ('overall', 'sales'), ('late', 'sales')$$, 'leads that are answered late');
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01', options => '{"respond_within": "4 days"}') WHERE signal = 'late'$$, $$VALUES ('none')$$, 'but not by a longer limit');
ROLLBACK;
BEGIN;
DELETE FROM deal USING lead AS l WHERE l.id = deal.lead AND l.created >= '2026-02-01' AND l.id % 3 > 0;
DELETE FROM lead WHERE created >= '2026-02-01' AND id % 3 > 0;
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'leads_handed_over'$$, $$VALUES ('marketing')$$, 'far fewer leads');
ROLLBACK;

-- A few beyond a limit may be chance: of 200 leads 13 are ignored, then 20; and of 20 leads 4, then 6.
CREATE FUNCTION ignored_is_weak(few int, total int) RETURNS text LANGUAGE plpgsql AS $$DECLARE side text;
BEGIN
    DELETE FROM deal USING lead AS l WHERE l.id = deal.lead AND (l.id % 1000 <= few OR l.id % 1000 > total) AND l.created >= '2026-02-01';
    DELETE FROM lead WHERE id % 1000 > total AND created >= '2026-02-01';
    UPDATE lead SET sal = NULL, out_at = NULL WHERE id % 1000 <= few AND created >= '2026-02-01';
    SELECT weak_side INTO side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'ignored';
    RAISE EXCEPTION USING ERRCODE = 'P0009', MESSAGE = side;
EXCEPTION WHEN SQLSTATE 'P0009' THEN RETURN SQLERRM;
END$$;
UPDATE lead SET sal = NULL, out_at = NULL WHERE id BETWEEN 1001 AND 1020;
DELETE FROM deal WHERE lead BETWEEN 1001 AND 1020;
SELECT is(ignored_is_weak(few, total), side, format('%s of %s leads ignored, at a limit of 5 %%', few, total)) FROM (VALUES (13, 200, 'none'), (20, 200, 'sales'), (3, 20, 'none'), (4, 20, 'sales'), (19, 19, 'none')) AS v (few, total, side);
UPDATE lead SET sal = created + interval '1 hour' WHERE id BETWEEN 1001 AND 1020;
INSERT INTO deal SELECT id, id, sal, sal + interval '3 days', true FROM lead WHERE id BETWEEN 1001 AND 1020;

-- Rules are signals of sales.
\o /dev/null
SET client_min_messages = error;
SELECT smarketing.define_sla('called back', 'demo', 'call', '30 minutes');
\o
SELECT results_eq($$SELECT label, value FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'response'$$, $$VALUES ('SLA called back', NULL::numeric)$$, 'a rule that nothing triggered');
INSERT INTO done SELECT id, created, 'demo', true FROM lead;
INSERT INTO done SELECT id, created + interval '10 minutes', 'call', false FROM lead WHERE id % 2 = 0 OR created < '2026-02-01';
SELECT results_eq($$SELECT label, value, previous, weak_side FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'response'$$, $$VALUES ('SLA called back', 0.5, 1::numeric, 'sales')$$, 'a rule that is kept by half, and was by all');
SELECT is((SELECT reading FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'response'), '100 of 200 answered in time; -50.0 points', 'in words');
SELECT is((SELECT value FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE signal = 'response'), (SELECT compliance::numeric FROM smarketing.response_times('2026-02-01', '2026-03-01', 'all')), 'as response_times() says');

-- What is young is compared at its age: the same process all the time, in which acceptance takes 45 days, winning 60 more.
BEGIN;
TRUNCATE lead, deal, done;
INSERT INTO lead SELECT n, t, t, CASE WHEN n % 10 < 6 AND t < now() - interval '45 days' THEN t + interval '45 days' END, CASE WHEN n % 10 > 6 AND t < now() - interval '45 days' THEN t + interval '45 days' END, 'budget', 'Ads', 'Ann'
FROM generate_series(1, 2000) AS n, LATERAL (SELECT now() - n * interval '3 hours') AS v (t);
INSERT INTO done SELECT id, created + interval '1 hour', 'call', false FROM lead;
INSERT INTO deal SELECT id, id, sal, CASE WHEN n >= age THEN sal + age * interval '1 day' END, CASE WHEN n >= age THEN age = 60 END FROM lead, LATERAL (SELECT CASE WHEN id % 4 = 0 THEN 60 ELSE 20 END, (now()::date - sal::date)) AS v (age, n) WHERE sal IS NOT NULL;
PREPARE young AS SELECT signal, weak_side FROM smarketing.alignment(now() - interval '80 days', now()) WHERE weak_side <> 'none';
SELECT is_empty('young', 'a company that changes nothing is aligned');
SELECT cmp_ok(value, '<', previous * 0.8, 'though less of what is young is accepted so far') FROM smarketing.alignment(now() - interval '80 days', now()) WHERE signal = 'acceptance';
SELECT matches(reading, '^-[0-9.]+ points; (as before|[+-][0-9.]+ points) at the same age$', 'which the reading says') FROM smarketing.alignment(now() - interval '80 days', now()) WHERE signal = 'acceptance';
-- Wins come early and losses late: a share that is higher today may be lower than the other one was at its age.
SAVEPOINT steady;
UPDATE lead SET sal = created + interval '2 hours', out_at = NULL WHERE id % 10 < 6;
DELETE FROM deal;
INSERT INTO deal SELECT id, id, sal, CASE WHEN now() > sal + age THEN sal + age END, CASE WHEN now() > sal + age THEN is_won END
FROM lead, LATERAL (SELECT id % 5 < CASE WHEN created > now() - interval '90 days' THEN 1 ELSE 2 END) AS v (is_won), LATERAL (SELECT CASE WHEN is_won THEN interval '5 days' ELSE id % 199 * interval '1 day' END) AS w (age) WHERE sal IS NOT NULL;
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment(now() - interval '90 days', now()) WHERE signal = 'conversion'$$, $$VALUES ('sales')$$, 'of what closes late less is won than at the same age before');
ROLLBACK TO steady;
UPDATE lead SET sal = NULL WHERE created > now() - interval '80 days' AND id % 2 = 0;
DELETE FROM deal USING lead AS l WHERE l.id = deal.lead AND l.sal IS NULL;
SELECT results_eq('young', $$VALUES ('overall', 'marketing'), ('acceptance', 'marketing')$$, 'a fall at the same age is told');
ROLLBACK;

-- Leads that come no more do not stop what sales do with them: half were accepted the month before, a fifth now, twelve days later.
BEGIN;
TRUNCATE lead, deal, done;
INSERT INTO lead SELECT m * 1000 + n, t, t, CASE m WHEN 0 THEN CASE WHEN n % 10 < 5 THEN t + interval '5 hours' END ELSE CASE WHEN n % 10 < 2 THEN t + interval '12 days' END END, NULL, NULL, 'Ads', 'Ann'
FROM generate_series(1, 1000) AS n, generate_series(0, 1) AS m, LATERAL (SELECT now() - interval '60 days' + m * interval '30 days' + n % 10 * interval '1 day') AS v (t);
INSERT INTO done SELECT id, created + interval '1 hour', 'call', false FROM lead;
SELECT results_eq($$SELECT signal, weak_side FROM smarketing.alignment(now() - interval '30 days', now()) WHERE signal IN ('overall', 'acceptance')$$, $$VALUES ('overall', 'marketing'), ('acceptance', 'marketing')$$, 'a CRM is in use while leads are worked on');
ROLLBACK;

-- Who is always called after five days is not ignored, but is so until then, as were those of the range before at that age.
BEGIN;
TRUNCATE lead, deal, done;
INSERT INTO lead SELECT n, t, t, NULL, NULL, NULL, 'Ads', 'Ann' FROM generate_series(1, 400) AS n, LATERAL (SELECT now() - n * interval '2 hours') AS v (t);
INSERT INTO done SELECT id, created + interval '5 days', 'call', false FROM lead WHERE created < now() - interval '5 days';
SELECT results_eq($$SELECT signal, weak_side, value > 0.3, previous FROM smarketing.alignment(now() - interval '10 days', now()) WHERE signal IN ('ignored', 'late')$$, $$VALUES ('ignored', 'none', true, 0::numeric), ('late', 'sales', true, 1)$$, 'late, and not ignored');
SELECT matches(reading, '(as before|[+-]0\.[0-9] points) at the same age; more than 5\.0 %, as before at the same age$', 'which the reading says') FROM smarketing.alignment(now() - interval '10 days', now()) WHERE signal = 'ignored';
DELETE FROM done;
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment(now() - interval '10 days', now()) WHERE signal = 'ignored'$$, $$VALUES ('sales')$$, 'who is never called is ignored');
ROLLBACK;

-- Idle by the hours of the calendar that the call names.
BEGIN;
TRUNCATE lead, deal, done;
INSERT INTO lead SELECT n, now() - interval '10 days', now() - interval '10 days', NULL, NULL, NULL, 'Ads', 'Ann' FROM generate_series(1, 30) AS n;
INSERT INTO done SELECT id, now() - interval '5 days', 'call', false FROM lead;
SELECT smarketing.define_calendar('seldom', 'UTC', '{"mon": ["09:00-10:00"]}') \g /dev/null
SELECT results_eq($$SELECT a.value, b.value FROM smarketing.alignment() AS a JOIN smarketing.alignment(options => '{"calendar": "seldom"}') AS b USING (signal) WHERE signal = 'orphaned'$$, 'VALUES (30::numeric, 0::numeric)', 'idle leads by the calendar of the call');
ROLLBACK;
SELECT isnt((SELECT count(*) FROM smarketing.sla_rule), 0::bigint, 'with a rule');
SELECT results_eq($$SELECT weak_side FROM smarketing.alignment(now() + interval '1 month', now() + interval '2 months') WHERE signal = 'overall'$$, $$VALUES ('too few')$$, 'a range that has not begun');
SELECT lives_ok($$SELECT * FROM smarketing.alignment('2026-02-01', '2026-03-01', options => '{"language": null}')$$, 'no language is the one that is set');
SELECT throws_ok($$SELECT * FROM smarketing.alignment(options => '{"language": "de"}')$$, '22023', 'invalid value for option "language": "de"');
SELECT throws_ok($$SELECT * FROM smarketing.alignment(options => '{"lag": "1 day"}')$$, '22023', 'option "lag" of handover does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.alignment('2026-02-01', '2026-03-01', '{"colour": "red"}')$$, '22023');
SELECT lives_ok($$SELECT * FROM smarketing.alignment(NULL, '2026-03-01') AS a, smarketing.alignment('2026-02-01', NULL) AS b, smarketing.alignment(NULL, NULL, NULL, NULL) AS c$$, 'bounds may be missing');
SELECT is((SELECT count(*) FROM smarketing.alignment('2026-02-01', '2026-03-01') WHERE weak_side IS NULL OR reading IS NULL OR label IS NULL), 0::bigint, 'every row has words');
SELECT * FROM finish();
