-- Leads that nobody handles: cases written out by hand, and random CRMs against plain SQL that looks at each lead by itself.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT plan(50);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset

CREATE TABLE lead (id int, name text, created timestamptz, account int, status text, rep text, assigned timestamptz, disqualified timestamptz);
CREATE TABLE log (lead int, at timestamptz, stage text);
CREATE TABLE deal (id int, lead int, account int, created timestamptz, closed timestamptz, won boolean);
CREATE TABLE activity (lead int, at timestamptz, kind text, robot boolean);
CREATE TABLE owner (id text, active boolean);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
SELECT throws_ok($$SELECT * FROM smarketing.orphaned_leads()$$, '55000', 'orphaned_leads needs entity "lead", which is not bound');

-- Only leads: nobody knows who has them, or what was done.
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created"}');
\o
INSERT INTO lead VALUES (1, 'Ada', '2026-03-02 10:00', NULL, NULL, NULL, NULL, NULL);
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'what is not bound is no reason');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "label": "name", "owner": "rep"}');
\o
SELECT results_eq($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$,
    $$VALUES ('1', 'Ada', NULL::text, 'lead', timestamptz '2026-03-02 10:00', NULL::timestamptz, 'no owner')$$, 'without an owner');
UPDATE lead SET rep = 'rep';
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'without entity owner nobody knows who is one');
\o /dev/null
SELECT smarketing.bind('owner', 'owner', '{"owner": "id"}');
\o
INSERT INTO owner VALUES ('rep', false), ('good', true), ('unknown', NULL);
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'nor, without is_active, who has left');
\o /dev/null
SELECT smarketing.bind('owner', 'owner', '{"owner": "id", "is_active": "active"}');
\o
SELECT results_eq($$SELECT owner, reason FROM smarketing.orphaned_leads('2026-03-30')$$, $$VALUES ('rep', 'inactive owner')$$, 'one who has left');
UPDATE lead SET rep = 'unknown';
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'one of whom that is not known is there');
UPDATE lead SET rep = 'Web team';
SELECT results_eq($$SELECT owner, reason FROM smarketing.orphaned_leads('2026-03-30')$$, $$VALUES ('Web team', 'owner is a queue')$$, 'one who is nobody');
INSERT INTO owner VALUES ('good', false);
UPDATE lead SET rep = 'good';
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'an owner who is there twice and active once is active; the lead is there once');
DELETE FROM owner WHERE id = 'good' AND NOT active;
SELECT is_empty($$SELECT * FROM smarketing.orphaned_leads('2026-03-30')$$, 'without activities nobody is idle');

-- Idle: strictly longer than so many hours after the last of its creation, its assignment, and the last activity of a person.
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "label": "name", "owner": "rep", "assigned_at": "assigned"}');
SELECT smarketing.bind('activity', 'activity', '{"lead_id": "lead", "is_automatic": "robot"}');
\o
TRUNCATE lead;
INSERT INTO lead VALUES
    (1, NULL, '2026-03-02 10:00', NULL, NULL, 'good', NULL, NULL),
    (2, NULL, '2026-03-02 10:00', NULL, NULL, 'good', '2026-03-03 10:00', NULL),
    (3, NULL, '2026-03-02 10:00', NULL, NULL, 'good', '2026-03-02 10:05', NULL),
    (4, NULL, '2026-03-02 10:00', NULL, NULL, 'good', '2026-03-02 10:05', NULL),
    (5, NULL, '2026-03-02 10:00', NULL, NULL, 'good', '2026-03-05 10:00', NULL),
    (6, NULL, NULL, NULL, NULL, 'good', NULL, NULL);
INSERT INTO activity VALUES (3, '2026-03-03 09:00', 'call', false), (3, '2026-03-03 10:00', 'call', NULL), (3, '2026-03-04 01:00', 'mail', true), (3, '2026-03-04 10:00', 'call', false),
    (4, '2026-03-03 10:00', 'mail', true), (NULL, '2026-03-03 10:00', 'call', false), (99, '2026-03-03 10:00', 'call', false);
PREPARE idle AS SELECT lead_id, last_activity_at, reason FROM smarketing.orphaned_leads($1, $2);
SELECT results_eq($$EXECUTE idle('2026-03-04 02:00', 40)$$, $$VALUES ('5', NULL::timestamptz, 'no owner')$$, 'equal to the limit is not idle; who gets it later has it not yet');
SELECT results_eq($$EXECUTE idle('2026-03-04 02:00:00.000001', 40)$$, $$VALUES ('1', NULL::timestamptz, 'idle'), ('5', NULL, 'no owner')$$, 'a microsecond more is');
SELECT results_eq($$EXECUTE idle('2026-03-04 02:00:00.000001', 16)$$, $$VALUES ('1', NULL::timestamptz, 'idle'), ('5', NULL, 'no owner'), ('4', NULL, 'idle'), ('2', NULL, 'idle'), ('3', '2026-03-03 10:00', 'idle')$$,
    'each since its own last; a robot''s mail is none, and what happens later is not seen');
SELECT results_eq($$EXECUTE idle('2026-03-04 02:00', 0)$$, $$EXECUTE idle('2026-03-04 02:00', 15.9999)$$, 'at once');
SELECT results_eq($$EXECUTE idle('2026-03-04 02:00', 1e300)$$, $$EXECUTE idle('2026-03-04 02:00', NULL)$$, 'longer than there is time, or not asked for');
SELECT is_empty($$EXECUTE idle('2026-03-01', 0)$$, 'before any lead');
SELECT results_eq($$SELECT lead_id, last_activity_at FROM smarketing.orphaned_leads(idle_hours => 1)$$,
    $$VALUES ('1', NULL::timestamptz), ('4', NULL), ('2', NULL), ('3', '2026-03-04 10:00'), ('5', NULL)$$ , 'now; one whose times are not known is not idle');

-- Hours of a calendar: as_of is a Tuesday, ten to noon; Monday was a holiday.
\o /dev/null
SELECT smarketing.define_calendar('Paris', 'Europe/Paris', '{"mon": ["09:00-17:00"], "tue": ["09:00-12:00", "13:00-17:00"], "wed": ["09:00-17:00"], "thu": ["09:00-17:00"], "fri": ["09:00-17:00"]}', '{2026-03-30}');
\o
DELETE FROM activity;
DELETE FROM lead;
INSERT INTO lead SELECT n, NULL, at AT TIME ZONE 'Europe/Paris', NULL, NULL, 'good', NULL, NULL FROM unnest('{2026-03-27 15:00,2026-03-27 15:00:00.000001,2026-03-27 14:59:59.999999,2026-03-28 12:00,2026-03-31 09:00,2026-03-31 09:00:00.000001,-infinity,infinity}'::timestamp[]) WITH ORDINALITY AS t (at, n);
PREPARE idle_hours AS SELECT array_agg(lead_id ORDER BY lead_id) FROM smarketing.orphaned_leads(timestamp '2026-03-31 11:50' AT TIME ZONE 'Europe/Paris', $1, 'Paris');
SELECT results_eq($$EXECUTE idle_hours(4 + 50 / 60::float8)$$, $$VALUES ('{3,7}'::text[])$$, 'two hours on Friday and 2:50 on Tuesday, across a change of the clocks: longer than that');
SELECT results_eq($$EXECUTE idle_hours(2 + 50 / 60::float8)$$, $$VALUES ('{1,2,3,7}'::text[])$$, 'what came out of hours lies from the next opening on');
SELECT results_eq($$EXECUTE idle_hours(2 + 49.9999 / 60::float8)$$, $$VALUES ('{1,2,3,4,5,6,7}'::text[])$$, 'a little less');
SELECT results_eq($$EXECUTE idle_hours(0)$$, $$VALUES ('{1,2,3,4,5,6,7}'::text[])$$, 'at once');
SELECT results_eq($$EXECUTE idle_hours(1e7)$$, $$VALUES ('{7}'::text[])$$, 'as long as time is');
SELECT results_eq($$EXECUTE idle_hours(1e300)$$, $$VALUES (NULL::text[])$$, 'and longer');
SELECT throws_ok($$SELECT * FROM smarketing.orphaned_leads(calendar => 'Rome')$$, '42704', 'calendar "Rome" does not exist');
SELECT is_empty($$SELECT hours.n FROM generate_series(0, 30, 0.7) AS hours (n), LATERAL (SELECT array_agg(lead_id ORDER BY lead_id) AS told FROM smarketing.orphaned_leads('2026-03-31 10:00', n, 'Paris')) AS o
    WHERE told IS DISTINCT FROM (SELECT array_agg(id::text ORDER BY id) FROM lead WHERE CASE WHEN isfinite(created) THEN smarketing.business_hours(created, '2026-03-31 10:00', 'Paris') > n ELSE created = '-infinity' END)$$, 'as business_hours says of each');

-- Arguments.
SELECT throws_ok($$EXECUTE idle('2026-03-04', 'NaN')$$, '22023', 'argument "idle_hours" must be a number of hours, not negative');
SELECT throws_ok($$EXECUTE idle('2026-03-04', 'Infinity')$$, '22023', 'argument "idle_hours" must be a number of hours, not negative');
SELECT throws_ok($$EXECUTE idle('2026-03-04', -1)$$, '22023', 'argument "idle_hours" must be a number of hours, not negative');
SELECT is((SELECT count(*) FROM smarketing.orphaned_leads('294276-12-31 23:59:59.999999+00', 1)), (SELECT count(*) FROM smarketing.orphaned_leads('280000-01-01', 1)), 'at the end of time as well');
SELECT throws_ok($$EXECUTE idle('infinity', 1)$$, '22023', 'argument "as_of" must be finite');
SELECT throws_ok($$EXECUTE idle(NULL, 1)$$, '22004', 'argument "as_of" must not be null');

-- Which leads are open: by the stage of now, the log of stages, the date of disqualification, the opportunities.
\o /dev/null
SELECT smarketing.unbind('activity');
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "account_id": "account", "stage": "status", "owner": "rep", "disqualified_at": "disqualified"}');
\o
TRUNCATE lead;
INSERT INTO lead SELECT n, NULL, '2026-03-01', NULL, s, NULL, NULL, NULL
FROM unnest('{disqualified,recycled,lost,churned,visitor,lead,mql,sal,sql,opportunity,won,Whatever,NULL}'::text[]) WITH ORDINALITY AS t (s, n);
PREPARE open AS SELECT lead_id, stage FROM smarketing.orphaned_leads($1, NULL) ORDER BY lead_id::int;
SELECT results_eq($$EXECUTE open(now())$$, $$VALUES ('5', 'visitor'), ('6', 'lead'), ('7', 'mql'), ('8', 'sal'), ('9', 'sql'), ('12', 'lead'), ('13', 'lead')$$, 'by the stage of now');
SELECT is((SELECT count(*) FROM smarketing.orphaned_leads('2026-03-02', NULL)), 13::bigint, 'of which an earlier day knows nothing');
\o /dev/null
SELECT smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
\o
-- 1 was reopened; 2 likewise, and again disqualified; 3 in the same second; 4 is open now, whatever the log says; 5 the other way round;
-- 6 has an opportunity, 7 its account has, from before the lead; 8 from after it; 9 was disqualified by its date alone, 10 reopened after it;
-- 11 converted and was taken back, without an opportunity; 12 has one, too; 13 is recycled.
TRUNCATE lead;
INSERT INTO lead SELECT n, NULL, '2026-03-01', n, NULL, NULL, NULL, NULL FROM generate_series(1, 13) AS n;
UPDATE lead SET status = 'mql' WHERE id = 4;
UPDATE lead SET status = 'lost' WHERE id = 5;
UPDATE lead SET disqualified = '2026-03-05' WHERE id IN (9, 10);
INSERT INTO log VALUES (1, '2026-03-05', 'disqualified'), (1, '2026-03-10', 'mql'), (2, '2026-03-05', 'disqualified'), (2, '2026-03-10', 'mql'), (2, '2026-03-15', 'lost'), (3, '2026-03-05', 'sql'), (3, '2026-03-05', 'disqualified'),
    (4, '2026-03-05', 'disqualified'), (5, '2026-03-05', 'sal'), (10, '2026-03-10', 'lead'), (11, '2026-03-05', 'opportunity'), (11, '2026-03-10', 'sql'), (12, '2026-03-05', 'opportunity'), (12, '2026-03-10', 'sql'),
    (13, '2026-03-05', 'recycled'), (1, '2099-01-01', 'won');
INSERT INTO deal VALUES (1, 6, NULL, '2026-03-05', NULL, NULL), (2, NULL, 7, '2026-02-27', NULL, NULL), (3, NULL, 8, '2026-03-05', '2026-03-12', false), (4, 12, NULL, '2026-03-05', NULL, NULL), (5, 1, NULL, '2099-01-01', NULL, NULL);
SELECT results_eq($$EXECUTE open(now())$$, $$VALUES ('1', 'lead'), ('4', 'mql'), ('7', 'lead'), ('10', 'lead'), ('11', 'lead')$$, 'reopened, converted, disqualified');
SELECT results_eq($$EXECUTE open('2026-03-12')$$, $$VALUES ('1', 'mql'), ('2', 'mql'), ('5', 'sal'), ('7', 'lead'), ('10', 'lead'), ('11', 'sql')$$, 'as of a day on which the stage of now is not known');
SELECT results_eq($$EXECUTE open('2026-03-04')$$, $$SELECT n::text, 'lead' FROM generate_series(1, 13) AS n$$, 'before all that: open');

-- Words.
\o /dev/null
SELECT smarketing.configure('language', 'fr');
\o
SELECT is((SELECT min(reason) FROM smarketing.orphaned_leads('2026-03-12', NULL)), 'sans responsable', 'in French');
\o /dev/null
SELECT smarketing.configure('language', 'en');
\o

-- Random CRMs; each answer also by SQL that looks at each lead by itself.
CREATE FUNCTION reference(as_of timestamptz, idle float8, is_now boolean DEFAULT false) RETURNS TABLE (lead_id text, owner text, last_at timestamptz, reason text) LANGUAGE sql AS $$
    SELECT id::text, o, last_at, r FROM (
        SELECT l.*, t.o, t.last_at, CASE WHEN t.o IS NULL THEN 'no owner'
            WHEN (SELECT NOT bool_or(w.active) FROM owner AS w WHERE w.id = t.o) THEN 'inactive owner'
            WHEN NOT EXISTS (SELECT FROM owner AS w WHERE w.id = t.o) THEN 'owner is a queue'
            WHEN extract(epoch FROM as_of - greatest(l.created, CASE WHEN l.assigned <= as_of THEN l.assigned END, t.last_at)) > idle * 3600 THEN 'idle' END AS r
        FROM lead AS l, LATERAL (SELECT CASE WHEN l.assigned > as_of THEN NULL ELSE l.rep END AS o,
            (SELECT max(a.at) FROM activity AS a WHERE a.lead = l.id AND a.at <= as_of AND NOT coalesce(a.robot, false)) AS last_at) AS t
        WHERE l.created <= as_of
          AND NOT EXISTS (SELECT FROM deal AS d WHERE d.created <= as_of AND (d.lead = l.id OR (d.lead IS NULL AND d.account = l.account AND d.created >= l.created)))
          AND CASE WHEN is_now AND l.status IN ('visitor', 'lead', 'mql', 'sal', 'sql') THEN true WHEN is_now AND l.status IN ('opportunity', 'won', 'lost', 'recycled', 'churned', 'disqualified') THEN false
          ELSE coalesce((SELECT c.stage IN ('visitor', 'lead', 'mql', 'sal', 'sql') FROM log AS c WHERE c.lead = l.id AND c.at <= as_of AND c.stage <> 'nonsense'
                        ORDER BY c.at DESC, c.stage IN ('visitor', 'lead', 'mql', 'sal', 'sql') LIMIT 1), true) END
          AND (l.disqualified IS NULL OR l.disqualified > as_of OR EXISTS (SELECT FROM log AS c WHERE c.lead = l.id AND c.at <= as_of AND c.at > l.disqualified AND c.stage IN ('visitor', 'lead', 'mql', 'sal', 'sql')))
    ) AS t WHERE r IS NOT NULL $$;
TRUNCATE lead, log, deal, activity, owner;
INSERT INTO owner SELECT 'rep ' || n, CASE WHEN n % 3 = 0 THEN false WHEN n % 5 > 0 THEN true END FROM generate_series(1, 8) AS n;
INSERT INTO owner SELECT id, random() < 0.5 FROM owner WHERE random() < 0.3;
INSERT INTO lead SELECT n, 'lead ' || n, timestamptz '2026-01-01' + trunc(random() * 2000) * interval '1 hour', nullif(trunc(random() * 300)::int, 0), NULL,
    CASE WHEN random() < 0.9 THEN 'rep ' || 1 + trunc(random() * 10)::int END, CASE WHEN random() < 0.6 THEN timestamptz '2026-01-01' + trunc(random() * 2200) * interval '1 hour' END,
    CASE WHEN random() < 0.2 THEN timestamptz '2026-01-01' + trunc(random() * 2200) * interval '1 hour' END FROM generate_series(1, 1500) AS n;
INSERT INTO log SELECT 1 + trunc(random() * 1500)::int, timestamptz '2026-01-01' + trunc(random() * 2200) * interval '1 hour',
    (ARRAY['visitor', 'lead', 'mql', 'sal', 'sql', 'opportunity', 'won', 'lost', 'recycled', 'churned', 'disqualified', 'nonsense'])[1 + trunc(random() * random() * 12)::int] FROM generate_series(1, 3000);
INSERT INTO deal SELECT n, CASE WHEN random() < 0.5 THEN trunc(random() * 1500)::int END, nullif(trunc(random() * 300)::int, 0), timestamptz '2026-01-01' + trunc(random() * 2200) * interval '1 hour', NULL, NULL FROM generate_series(1, 200) AS n;
INSERT INTO activity SELECT 1 + trunc(random() * 1500)::int, timestamptz '2026-01-01' + trunc(random() * 2200) * interval '1 hour', 'call', (ARRAY[true, false, NULL])[1 + trunc(random() * 3)::int] FROM generate_series(1, 4000);
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "account_id": "account", "label": "name", "stage": "status", "owner": "rep", "assigned_at": "assigned", "disqualified_at": "disqualified"}');
SELECT smarketing.bind('activity', 'activity', '{"lead_id": "lead", "is_automatic": "robot"}');
\o
PREPARE told AS SELECT lead_id, owner, last_activity_at, reason FROM smarketing.orphaned_leads($1, $2);
PREPARE expected_now AS SELECT * FROM reference($1, $2, true);
PREPARE expected AS SELECT * FROM reference($1, $2);
SELECT set_eq($$EXECUTE told('2026-02-01', 40)$$, $$EXECUTE expected('2026-02-01', 40)$$, 'random CRM, as of February');
SELECT set_eq($$EXECUTE told('2026-03-11 13:00', 7)$$, $$EXECUTE expected('2026-03-11 13:00', 7)$$, 'as of an hour in March');
SELECT set_eq($$EXECUTE told('2026-06-01', 2000)$$, $$EXECUTE expected('2026-06-01', 2000)$$, 'when all has happened');
SELECT cmp_ok((SELECT count(DISTINCT reason) FROM smarketing.orphaned_leads('2026-06-01', 2000)), '=', 4::bigint, 'each reason is among them');
SELECT set_eq($$SELECT lead_id, reason FROM smarketing.orphaned_leads(now(), 2000)$$, $$SELECT lead_id, reason FROM smarketing.orphaned_leads(now() - interval '1 hour', 2000)$$, 'now, without a stage of now, as an hour ago');
UPDATE lead SET status = (ARRAY['visitor', 'lead', 'mql', 'sal', 'sql', 'opportunity', 'won', 'lost', 'recycled', 'churned', 'disqualified', 'Whatever', NULL, NULL])[1 + trunc(random() * 14)::int] WHERE id % 3 > 0;
SELECT set_eq($$EXECUTE told(now(), 2000)$$, $$EXECUTE expected_now(now(), 2000)$$, 'now, with a stage of now of some');
SELECT set_eq($$EXECUTE told('2026-03-11 13:00', 7)$$, $$EXECUTE expected('2026-03-11 13:00', 7)$$, 'which an earlier day does not know');
SELECT is_empty($$SELECT lead_id FROM smarketing.orphaned_leads('2026-03-01') GROUP BY lead_id HAVING count(*) > 1$$, 'a lead has one reason');

-- Keys of another type, dates for times, and any number of workers.
CREATE TABLE wide AS SELECT *, id::text AS key, created::date AS day FROM lead;
CREATE VIEW wide_activity AS SELECT lead::bigint, at::date AS at, kind, robot FROM activity;
\o /dev/null
SELECT smarketing.bind('lead', 'wide', '{"lead_id": "key", "created_at": "created", "account_id": "account", "label": "name", "owner": "rep", "assigned_at": "assigned", "disqualified_at": "disqualified"}');
\o
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET work_mem = '64kB';
SELECT set_eq($$EXECUTE told('2026-03-11 13:00', 7)$$, $$EXECUTE expected('2026-03-11 13:00', 7)$$, 'keys as text, workers, little memory');
RESET work_mem;
\o /dev/null
SELECT smarketing.bind('activity', 'wide_activity', '{"lead_id": "lead", "is_automatic": "robot"}');
\o
UPDATE activity SET at = date_trunc('day', at);
SELECT set_eq($$EXECUTE told('2026-03-11 13:00', 7)$$, $$EXECUTE expected('2026-03-11 13:00', 7)$$, 'activities of which the day is known');

-- A reader needs rights on the CRM's tables, as for every KPI.
CREATE ROLE orphan_reader;
SET ROLE orphan_reader;
SELECT throws_ok($$SELECT * FROM smarketing.orphaned_leads()$$, '42501', NULL, 'with the rights of who asks');
RESET ROLE;
DROP ROLE orphan_reader;
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.orphaned_leads_row'::regclass),
    'lead_id text, label text, owner text, stage text, created_at timestamp with time zone, last_activity_at timestamp with time zone, reason text', 'the columns of the contract');
SELECT is((SELECT provolatile::text || proparallel::text FROM pg_proc WHERE pronamespace = 'smarketing'::regnamespace AND proname = 'orphaned_leads'), 'sr', 'STABLE and PARALLEL RESTRICTED');
SELECT * FROM finish();
