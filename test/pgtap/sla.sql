-- SLA rules: on a few leads whose clocks are written out by hand, and on random CRMs that slow SQL reads.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT no_plan();

CREATE TABLE lead (id int PRIMARY KEY, created timestamptz, name text, rep int, status text, gone timestamptz, assigned timestamptz, channel text);
CREATE TABLE act (lead text, at timestamptz, kind text, robot bool);
CREATE TABLE log (lead int, at timestamptz, stage text);
CREATE TABLE deal (id int, lead int, created timestamptz, closed timestamptz, won boolean);
CREATE TABLE rep (id int PRIMARY KEY, team text, boss text);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
PREPARE queue (timestamptz) AS SELECT rule, state, lead_id, triggered_at, due_at, remaining_hours FROM smarketing.sla_queue($1);

-- What a rule may not be.
SELECT throws_ok($$SELECT smarketing.define_sla('r', 'demo', 'call', '1 hour')$$, '55000', 'SLA rules need entity "lead", which is not bound');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created"}');
\o
SELECT throws_ok($$SELECT smarketing.define_sla('r', 'demo', 'call', '1 hour')$$, '55000', 'SLA rules need entity "activity", which is not bound');
\o /dev/null
SELECT smarketing.bind('activity', 'act', '{"lead_id": "lead"}');
\o
SELECT throws_ok(format('SELECT smarketing.define_sla(%s)', arguments), code, message, arguments) FROM (VALUES
    ($$NULL, 'demo', 'call', '1 hour'$$, '22004', 'argument "name" must not be null'),
    ($$'r', NULL, 'call', '1 hour'$$, '22004', 'argument "trigger" must not be null'),
    ($$'r', 'demo', NULL, '1 hour'$$, '22004', 'argument "answer" must not be null'),
    ($$'r', 'demo', 'call', NULL$$, '22004', 'argument "within" must not be null'),
    ($$'', 'demo', 'call', '1 hour'$$, '42602', 'invalid name for an SLA rule: ""'),
    ($$repeat('x', 64), 'demo', 'call', '1 hour'$$, '42602', 'invalid name for an SLA rule: "' || repeat('x', 64) || '"'),
    ($$'r', '', 'call', '1 hour'$$, '22023', 'argument "trigger" has an empty part'),
    ($$'r', 'demo and ', 'call', '1 hour'$$, '22023', 'argument "trigger" has an empty part'),
    ($$'r', 'demo and demo', 'call', '1 hour'$$, '22023', 'argument "trigger" names "demo" twice'),
    ($$'r', 'demo', 'call||mail', '1 hour'$$, '22023', 'argument "answer" has an empty part'),
    ($$'r', 'demo', 'any|call', '1 hour'$$, '22023', 'argument "answer" names "any" beside other kinds'),
    ($$'r', 'demo', 'call|demo', '1 hour'$$, '22023', 'activity kind "demo" is trigger and answer'),
    ($$'r', 'stage:dead', 'call', '1 hour'$$, '22023', 'stage "dead" is no trigger'),
    ($$'r', 'stage:lost', 'call', '1 hour'$$, '22023', 'stage "lost" is no trigger'),
    ($$'r', 'stage:mql', 'call', '1 hour'$$, '55000', 'nothing that is bound tells when a lead comes to stage "mql"'),
    ($$'r', 'assigned', 'call', '1 hour'$$, '55000', 'nothing that is bound tells when a lead is assigned'),
    ($$'r', 'score>60', 'call', '1 hour'$$, '22023', 'invalid condition of a trigger: "score>60"'),
    ($$'r', 'score>=x', 'call', '1 hour'$$, '22023', 'invalid score of a trigger: "x"'),
    ($$'r', 'score>=-1', 'call', '1 hour'$$, '22023', 'invalid score of a trigger: "-1"'),
    ($$'r', 'score >= 1e999', 'call', '1 hour'$$, '22023', 'invalid score of a trigger: " 1e999"'),
    ($$'r', 'score>=60', 'call', '1 hour'$$, '55000', 'nothing tells the score of a lead'),
    ($$'r', 'demo', 'call', '1 month'$$, '22023', 'argument "within" must not have months or years: "1 mon"'),
    ($$'r', 'demo AND Demo AND demo', 'call', '1 hour'$$, '22023', 'argument "trigger" names "demo" twice'),
    ($$'r', 'and demo', 'call', '1 hour'$$, '22023', 'argument "trigger" has an empty part'),
    ($$'r', (SELECT string_agg('kind ' || n, ' and ') FROM generate_series(1, 200000) n), 'call', '1 hour'$$, '22023', 'argument "trigger" has more than 32 parts'),
    ($$'r', 'demo', (SELECT string_agg('kind ' || n, '|') FROM generate_series(1, 33) n), '1 hour'$$, '22023', 'argument "answer" has more than 32 parts'),
    ($$'r', 'etape:mql', 'call', '1 hour'$$, '22023', 'argument "trigger" has what is no kind of activity: "etape:mql"'),
    ($$'r', 'demo|call', 'mail', '1 hour'$$, '22023', 'argument "trigger" has what is no kind of activity: "demo|call"'),
    ($$'r', 'demo, call', 'mail', '1 hour'$$, '22023', 'argument "trigger" has what is no kind of activity: "demo, call"'),
    ($$'r', 'demo', 'call, mail', '1 hour'$$, '22023', 'argument "answer" has what is no kind of activity: "call, mail"'),
    ($$'r', 'demo', 'call|stage:mql', '1 hour'$$, '22023', 'argument "answer" has what is no kind of activity: "stage:mql"'),
    ($$'r', 'demo', 'call', '30'$$, '22023', 'argument "within" must not be shorter than a minute: "00:00:30"'),
    ($$'r', 'demo', 'call', '59.999999 s'$$, '22023', 'argument "within" must not be shorter than a minute: "00:00:59.999999"'),
    ($$'r', 'demo', 'call', '0'$$, '22023', 'argument "within" must be positive: "00:00:00"'),
    ($$'r', 'demo', 'call', '1 day -25 hours'$$, '22023', 'argument "within" must be positive: "1 day -25:00:00"'),
    ($$'r', 'demo', 'call', '40000 days'$$, '22023', 'argument "within" must not be longer than 100 years: "40000 days"'),
    ($$'r', 'demo', 'call', '1 hour', 'office'$$, '42704', 'calendar "office" does not exist'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '[]'$$, '22023', 'argument "options" must be a JSON object'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"warn": 1}'$$, '22023', 'option "warn" of define_sla does not exist'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"warn_at": 1.5}'$$, '22023', 'option "warn_at" must be a number above 0 and at most 1'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"warn_at": "x"}'$$, '22023', 'option "warn_at" must be a number above 0 and at most 1'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"filter": []}'$$, '22023', 'argument "filter" must be a JSON object'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"filter": {"colour": "red"}}'$$, '22023', 'dimension "colour" does not exist'),
    ($$'r', 'demo', 'call', '1 hour', NULL, '{"filter": {"segment": "Ads"}}'$$, '22023', 'measure "triggers" of define_sla has no dimension "segment"')
) AS bad (arguments, code, message);
SELECT is_empty('SELECT * FROM smarketing.sla_rule', 'none of them is kept');
SELECT is_empty('EXECUTE queue(now())', 'no rule, no queue');
SELECT is_empty('SELECT * FROM smarketing.response_times()', 'no rule, no response times');
SELECT is(smarketing.notify_breaches(), 0::bigint, 'no rule, no breach');
SELECT throws_ok($$SELECT smarketing.drop_sla('r')$$, '42704', 'SLA rule "r" does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.sla_queue('infinity')$$, '22023', 'argument "as_of" must be finite');
SELECT throws_ok($$SELECT * FROM smarketing.sla_queue(NULL)$$, '22004', 'argument "as_of" must not be null');

\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "label": "name", "owner": "rep", "stage": "status", "disqualified_at": "gone", "assigned_at": "assigned", "channel": "channel"}');
SELECT smarketing.bind('activity', 'act', '{"lead_id": "lead", "is_automatic": "robot"}');
SELECT smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "created_at": "created", "closed_at": "closed", "won": "won"}');
SELECT smarketing.bind('owner', 'rep', '{"owner": "id", "team": "team", "manager": "boss"}');
SELECT smarketing.map_value('kind', 'phone', 'call');
\o
INSERT INTO rep VALUES (1, 'North', 'Zoé'), (2, 'South', NULL);

-- Each lead of the year 2026 asks for a demo at noon; what happens then is told beside it.
INSERT INTO lead SELECT n, '2026-01-01', 'Lead ' || n, 1 + n % 3, 'lead', NULL, NULL, (ARRAY['Ads', 'Fairs'])[1 + n % 2] FROM generate_series(1, 20) n;
INSERT INTO act SELECT n::text, '2026-03-02 12:00', 'demo', true FROM generate_series(1, 18) n;
INSERT INTO act VALUES
    ('2', '2026-03-02 12:30', 'call', false),                    -- at the limit: in time
    ('3', '2026-03-02 12:30:00.000001', 'phone', false),         -- a microsecond late, under the CRM's own word
    ('4', '2026-03-02 12:10', 'call', true),                     -- by a robot
    ('5', '2026-03-02 11:59', 'call', false),                    -- before the trigger
    ('6', '2026-03-02 12:00', 'call', NULL),                     -- at the same instant; nobody knows that it was a robot
    ('7', '2026-03-02 12:10', 'mail', false),                    -- of another kind
    ('8', '2026-03-02 12:00', 'demo', false),                    -- the same trigger twice
    ('9', '2026-03-02 13:00', 'demo', true), ('9', '2026-03-02 13:20', 'call', false),  -- two triggers: one late, one in time
    ('14', '2026-03-02 12:05', 'call', false),
    ('99', '2026-03-02 12:00', 'demo', true);                    -- of a lead that is not there
UPDATE lead SET gone = '2026-03-02 12:20' WHERE id = 10;         -- stopped in time: in none
UPDATE lead SET gone = '2026-03-02 12:40' WHERE id = 11;         -- stopped when it was late: unanswered
UPDATE lead SET gone = '2026-03-02 11:00' WHERE id = 12;         -- closed before: runs
UPDATE lead SET status = 'disqualified' WHERE id = 13;           -- closed, nobody knows when: in none
INSERT INTO log VALUES (14, '2026-03-02 12:05', 'lost'),         -- answered and lost at once: answered
    (15, '2026-03-01 12:00', 'lost'), (15, '2026-03-02 11:00', 'lead'), (15, '2026-03-02 12:25', 'won');  -- reopened, then won in time
INSERT INTO deal VALUES (1, 16, '2026-03-02 12:01', '2026-03-02 12:29', false), (2, 17, '2026-03-02 12:01', NULL, NULL), (3, 17, '2026-03-02 12:01', '2026-03-02 12:31', true);
UPDATE act SET at = 'infinity' WHERE lead = '18';
INSERT INTO act VALUES ('19', '-infinity', 'demo', true), ('19', '2601-01-01 BC', 'demo', true), ('20', '4713-01-01 BC', 'demo', true), (NULL, '2026-03-02 12:00', 'demo', true), ('20', NULL, 'demo', true);
SELECT lives_ok($$SELECT smarketing.define_sla('demo', 'demo', 'call', '30 minutes')$$, 'a rule');
SELECT set_eq($$EXECUTE queue('2026-03-02 12:24')$$, $$SELECT 'demo' AS a, 'warning' AS b, lead AS c, timestamptz '2026-03-02 12:00' AS d, timestamptz '2026-03-02 12:30' AS e, 0.1::float8 AS f
    FROM unnest('{1,2,3,4,5,7,8,9,11,12,13,15,16,17}'::text[]) lead$$, 'at the warning''s instant; as of then nobody knows that a lead is closed now');
SELECT set_eq($$EXECUTE queue('2026-03-02 12:23:59.999999')$$, $$SELECT 'demo' AS a, 'running' AS b, lead AS c, timestamptz '2026-03-02 12:00' AS d, timestamptz '2026-03-02 12:30' AS e, (360.000001 / 3600)::float8
    FROM unnest('{1,2,3,4,5,7,8,9,11,12,13,15,16,17}'::text[]) lead$$, 'and just before it');
SELECT set_eq($$SELECT lead_id, state FROM smarketing.sla_queue('2026-03-02 12:30')$$, $$SELECT unnest('{1,3,4,5,7,8,9,11,12,13,17}'::text[]) AS a, 'warning' AS b$$, 'what is due now is not late');
SELECT set_eq($$SELECT lead_id, state, remaining_hours FROM smarketing.sla_queue('2026-03-02 13:30') WHERE rule = 'demo'$$,
    $$SELECT unnest('{1,4,5,7,8,12,13}'::text[]) AS a, 'late' AS b, -1::float8 AS c$$, 'an hour later');
SELECT is_empty($$SELECT * FROM smarketing.sla_queue('2026-03-02 11:59:59')$$, 'before all that: nothing');
SELECT results_eq($$SELECT lead_id, label, owner, manager, team FROM smarketing.sla_queue() ORDER BY lead_id$$,
    $$SELECT id::text, 'Lead ' || id, rep::text, CASE rep WHEN 1 THEN 'Zoé' END, (ARRAY['North', 'South'])[rep] FROM lead WHERE id IN (1, 4, 5, 7, 8, 12) ORDER BY id::text COLLATE "C"$$,
    'now: the lead, its owner, who that one reports to, and the team');
SELECT results_eq($$SELECT rule, triggers, answered, in_time, late, unanswered, running, round(compliance::numeric, 6), round(median_hours::numeric, 6) FROM smarketing.response_times('2026-03-01', '2026-04-01')$$,
    $$VALUES ('demo', 18::bigint, 6::bigint, 4::bigint, 2::bigint, 8::bigint, 0::bigint, round(4 / 14., 6), round(25 / 60., 6))$$,
    'the response times of that month') ;
SELECT is((SELECT sum(triggers) FROM smarketing.response_times(period => 'all')), 18::numeric, 'nothing is dated thousands of years ago');
SELECT is((SELECT sum(triggers) FROM smarketing.response_times('4713-01-01 BC', '2026-04-01', 'all')), 18::numeric, 'whatever the range');
SELECT is((SELECT sum(triggers) FROM smarketing.response_times('2026-02-01', '2026-03-02 12:00')), 0::numeric, 'the range is of the trigger, and half-open');
SELECT is((SELECT sum(triggers) FROM smarketing.response_times('2026-03-02 12:00', '2026-03-02 12:00:00.000001', 'all')), 17::numeric, 'which begins with its first instant');
SELECT results_eq($$SELECT by_1, by_2, triggers, in_time FROM smarketing.response_times('2026-03-01', '2026-04-01', by => '{channel,team}', filter => '{"team": {"not": null}}', options => '{"rule": "demo"}')$$,
    $$SELECT channel, team, count(*) + count(*) FILTER (WHERE lead.id = 9), count(*) FILTER (WHERE lead.id IN (2, 6, 9, 14)) FROM lead JOIN rep ON rep.id = rep WHERE lead.id <= 17 GROUP BY 1, 2 ORDER BY 1, 2$$, 'by channel and team');
SELECT results_eq($$SELECT triggers, answered, in_time, late, unanswered, running FROM smarketing.response_times('2026-03-01', '2026-04-01', options => '{"as_of": "2026-03-02 12:30"}')$$,
    $$VALUES (17::bigint, 3::bigint, 3::bigint, 0::bigint, 0::bigint, 11::bigint)$$, 'as of the limit all that is open runs');
SELECT throws_ok($$SELECT * FROM smarketing.response_times(options => '{"rule": "none"}')$$, '42704', 'SLA rule "none" does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.response_times(options => '{"lag": "1 day"}')$$, '22023', 'option "lag" of response_times does not exist');

-- By a calendar: noon of a Friday before a holiday, and a warning in open time.
\o /dev/null
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon": ["09:00-12:00", "13:00-17:00"], "tue": ["09:00-17:00"], "fri": ["09:00-12:00", "13:00-17:00"]}', '{2026-04-06}');
SELECT smarketing.define_sla('office', 'demo', 'call', '5 hours', 'office');
INSERT INTO act VALUES ('20', '2026-04-03 09:30', 'demo', true), ('19', '2026-04-04 09:30', 'demo', true);
\o
SELECT results_eq($$SELECT lead_id, state, triggered_at, due_at, remaining_hours FROM smarketing.sla_queue('2026-04-03 14:00') WHERE rule = 'office' AND lead_id IN ('19', '20')$$,
    $$VALUES ('20', 'running', timestamptz '2026-04-03 09:30', timestamptz '2026-04-07 07:30', 1.5::float8)$$, 'half an hour before noon, four in the afternoon, and on the next open day');
SELECT results_eq($$SELECT lead_id, state, due_at, remaining_hours FROM smarketing.sla_queue('2026-04-07 07:15') WHERE rule = 'office' AND lead_id IN ('19', '20')$$,
    $$VALUES ('20', 'warning', timestamptz '2026-04-07 07:30', 0.25::float8), ('19', 'running', '2026-04-07 12:00', 4.75)$$, 'a warning after 0.8 of open time; out of hours the clock starts at the next opening');
SELECT results_eq($$SELECT lead_id, state, remaining_hours FROM smarketing.sla_queue('2026-04-07 08:00') WHERE rule = 'office' AND lead_id IN ('19', '20')$$,
    $$VALUES ('20', 'late', -0.5::float8), ('19', 'running', 4.0)$$, 'late');
INSERT INTO act VALUES ('20', '2026-04-07 07:30', 'call', false), ('19', '2026-04-07 12:00:00.000001', 'call', false);
SELECT results_eq($$SELECT triggers, in_time, late, unanswered, median_hours FROM smarketing.response_times('2026-04-01', '2026-05-01', options => '{"rule": "office"}')$$,
    $$VALUES (2::bigint, 1::bigint, 1::bigint, 0::bigint, (5 + 0.0000005 / 3600)::float8)$$, 'in time at the limit, late a microsecond after it');
\o /dev/null
SELECT smarketing.drop_sla('office');
DELETE FROM act WHERE at >= '2026-04-01' AND at < '2026-05-01';
\o

-- A row without a key, as a view with an outer join has: nobody could be told of it, and it holds nobody else up.
BEGIN;
ALTER TABLE lead RENAME TO known_lead;
CREATE VIEW lead AS SELECT k.* FROM known_lead k UNION ALL SELECT (jsonb_populate_record(NULL::known_lead, to_jsonb(k) - 'id')).* FROM known_lead k WHERE k.assigned IS NOT NULL;
INSERT INTO known_lead SELECT 60, '2026-03-02 10:00', NULL, NULL, 'lead', NULL, '2026-03-02 10:00', NULL;
SELECT lives_ok($$SELECT smarketing.define_sla('taken', 'assigned', 'any', '30 minutes')$$, 'a rule over it');
SELECT cmp_ok(smarketing.notify_breaches('taken'), '>', 0::bigint, 'tells of the others');
SELECT is((SELECT count(*) FROM smarketing.sla_queue() WHERE lead_id IS NULL), 0::bigint, 'and only of them');
ROLLBACK;

-- A score: what lifted it to the threshold is the trigger, and no answer.
INSERT INTO lead SELECT n, '2026-01-01', NULL, NULL, 'lead', NULL, CASE n WHEN 55 THEN timestamptz '2026-03-02 13:00' WHEN 56 THEN '2026-03-02 14:00' END, NULL FROM generate_series(51, 56) n;
INSERT INTO act SELECT n::text, '2026-03-02 12:00', 'ask', true FROM generate_series(51, 56) n;
INSERT INTO act SELECT n::text, '2026-03-02 13:00', CASE n WHEN 54 THEN 'ask' ELSE 'talk' END, false FROM generate_series(51, 56) n;
INSERT INTO act VALUES
    ('52', '2026-03-02 13:20', 'talk', false),   -- at another instant: an answer
    ('53', '2026-03-02 13:00', 'note', false),   -- at the same instant, of a kind without points
    ('54', '2026-03-02 13:00', 'talk', false),   -- with points, beside the one that would have done alone
    ('56', '2026-03-02 14:00', 'talk', false);   -- when the lead is assigned, after its score was reached
\o /dev/null
SELECT smarketing.define_score(kind, kind, points) FROM (VALUES ('ask', 40), ('talk', 30)) AS rule (kind, points);
SELECT smarketing.define_sla('hot', 'score>=60', 'talk|note', '30 minutes');
SELECT smarketing.define_sla('hot and assigned', 'score>=60 and assigned', 'any', '30 minutes');
\o
SELECT results_eq($$SELECT rule, triggers, in_time, late, unanswered, round(median_hours::numeric, 6) FROM smarketing.response_times('2026-03-01', '2026-04-01', options => '{"as_of": "2026-03-02 15:00"}') WHERE rule LIKE 'hot%'$$,
    $$VALUES ('hot', 6::bigint, 2::bigint, 1::bigint, 3::bigint, round(20 / 60., 6)), ('hot and assigned', 2, 1, 0, 1, 0)$$, 'a score is not answered by what lifted it there');
SELECT results_eq($$SELECT rule, lead_id, state, triggered_at FROM smarketing.sla_queue('2026-03-02 15:00') WHERE rule LIKE 'hot%' ORDER BY 1, 2$$,
    $$SELECT 'hot', lead, 'late', timestamptz '2026-03-02 13:00' FROM unnest('{51,54,55}'::text[]) lead UNION ALL SELECT 'hot and assigned', '55', 'late', '2026-03-02 13:00'$$, 'nor in the queue');
SELECT is(smarketing.notify_breaches('hot'), 10::bigint, 'nor to who is told');
SELECT is((SELECT string_agg(lead_id, ',' ORDER BY lead_id) FROM smarketing.breach_log WHERE rule = 'hot'), '51,54,55', 'of a breach');
\o /dev/null
SELECT smarketing.drop_sla('hot'), smarketing.drop_sla('hot and assigned'), smarketing.define_score('ask', NULL, NULL), smarketing.define_score('talk', NULL, NULL);
DELETE FROM act WHERE lead >= '51' AND lead <= '56';
DELETE FROM lead WHERE id >= 51;
TRUNCATE smarketing.breach_log;
\o

-- Breaches.
SELECT throws_ok(format('SELECT smarketing.notify_breaches(%L)', name), '22023', format('invalid name for a channel: "%s"', name)) FROM (VALUES (''), (repeat('c', 64))) AS bad (name);
SELECT throws_ok('SELECT smarketing.notify_breaches(NULL)', '22004', 'argument "channel" must not be null');
BEGIN READ ONLY;
SELECT throws_ok('SELECT smarketing.notify_breaches()', '25006', 'cannot execute smarketing.notify_breaches() in a read-only transaction');
ROLLBACK;
SELECT is(smarketing.notify_breaches('Émile''s "channel"'), 6::bigint, 'six are late');
SELECT set_eq('SELECT rule, lead_id, owner, triggered_at, due_at FROM smarketing.breach_log WHERE acknowledged_at IS NULL AND detected_at BETWEEN now() - interval ''1 minute'' AND now()',
    $$SELECT 'demo' AS a, id::text AS b, rep::text AS c, timestamptz '2026-03-02 12:00' AS d, timestamptz '2026-03-02 12:30' AS e FROM lead WHERE id IN (1, 4, 5, 7, 8, 12)$$, 'and are logged');
SELECT is(smarketing.notify_breaches(), 0::bigint, 'once');
INSERT INTO act VALUES ('1', now(), 'call', false);
DELETE FROM lead WHERE id = 4;
UPDATE act SET lead = '5' WHERE lead = '7';
SELECT is(smarketing.notify_breaches(), 0::bigint, 'neither one that was answered since, nor a lead that is gone or was merged into another one');
SELECT is((SELECT count(*) FROM smarketing.breach_log), 6::bigint, 'what was logged stays');
INSERT INTO lead VALUES (4, '2026-01-01', 'back', 1, 'lead', NULL, NULL, NULL);
SELECT is(smarketing.notify_breaches(), 0::bigint, 'and a lead that comes back is not told of again');
UPDATE lead SET status = 'recycled' WHERE id = 5;
SELECT is((SELECT string_agg(lead_id, ',' ORDER BY lead_id) FROM smarketing.sla_queue()), '12,4,8', 'nobody is to answer what was handed back to marketing');
INSERT INTO log VALUES (5, '2026-03-02 10:00', 'recycled');
SELECT is((SELECT string_agg(lead_id, ',' ORDER BY lead_id) FROM smarketing.sla_queue()), '12,4,5,8', 'but for one that asked after that');
UPDATE lead SET status = 'won', gone = '2026-03-02 11:30' WHERE id = 8;
SELECT is((SELECT string_agg(lead_id, ',' ORDER BY lead_id) FROM smarketing.sla_queue()), '12,4,5,8', 'a customer who asks, too');
-- What the stage says ends the clock of a stage: it would say so if it had changed.
CREATE TABLE log_kept AS SELECT * FROM log;
INSERT INTO log VALUES (8, '2026-03-02 11:40', 'mql');
SELECT smarketing.define_sla('handed over', 'stage:mql', 'call', '30 minutes') \g /dev/null
SELECT is((SELECT count(*) FROM smarketing.sla_queue() WHERE rule = 'handed over' AND lead_id = '8'), 0::bigint, 'nobody is to answer who was handed over and is a customer now');
SELECT triggers, unanswered AS blamed FROM smarketing.response_times('2026-03-01', '2026-04-01', 'all') WHERE rule = 'handed over' \gset
UPDATE lead SET status = 'mql', gone = NULL WHERE id = 8;
SELECT is((SELECT count(*) FROM smarketing.sla_queue() WHERE rule = 'handed over' AND lead_id = '8'), 1::bigint, 'until it is opened again');
SELECT results_eq($$SELECT triggers, unanswered FROM smarketing.response_times('2026-03-01', '2026-04-01', 'all') WHERE rule = 'handed over'$$, format('VALUES (%s::bigint, %s::bigint)', :triggers, :blamed + 1), 'nor was anybody blamed for it in the response times');
SELECT smarketing.drop_sla('handed over') \g /dev/null
TRUNCATE log;
INSERT INTO log SELECT * FROM log_kept;
DROP TABLE log_kept;
UPDATE lead SET status = 'lead' WHERE id IN (5, 8);

-- As of now is now, with the stage of now; as of later, too.
UPDATE lead SET status = 'lost' WHERE id = 4;
SELECT results_eq(format('SELECT rule, triggers, unanswered, running FROM smarketing.response_times(NULL, NULL, ''all'', options => %L)', jsonb_build_object('as_of', as_of)),
    'SELECT rule, triggers, unanswered, running FROM smarketing.response_times(NULL, NULL, ''all'')', 'as of ' || what) FROM (VALUES (now(), 'now'), (now() + interval '1 year', 'later')) AS t (as_of, what);
SELECT isnt((SELECT sum(unanswered) FROM smarketing.response_times(NULL, NULL, 'all', options => jsonb_build_object('as_of', now() - interval '1 second'))), (SELECT sum(unanswered) FROM smarketing.response_times(NULL, NULL, 'all')), 'a second ago no stage tells');
UPDATE lead SET status = 'lead' WHERE id = 4;
-- A binding that does not hold is an error, also where the column is one that no rule needs; never another figure.
ALTER TABLE lead RENAME name TO called;
SELECT throws_like('SELECT * FROM smarketing.response_times(NULL, NULL, ''all'')', 'column "label" of entity "lead"%', 'response times over a broken binding');
SELECT throws_like('SELECT * FROM smarketing.sla_queue()', 'column "label" of entity "lead"%', 'the queue, too');
ALTER TABLE lead RENAME called TO name;
-- Nor does a rule that fails for it leave the others to figures that are read of half a binding.
SELECT smarketing.define_sla('narrow', 'demo', 'call', '30 minutes', NULL, '{"filter": {"channel": "Ads"}}') \g /dev/null
ALTER TABLE lead RENAME channel TO source;
SELECT throws_like(query, 'column "channel" of entity "lead"%', query || ' over half a binding') FROM unnest(ARRAY['SELECT * FROM smarketing.response_times(NULL, NULL, ''all'')', 'SELECT * FROM smarketing.rep_profile()', 'SELECT * FROM smarketing.sla_queue()']) AS query;
ALTER TABLE lead RENAME source TO channel;
SELECT smarketing.drop_sla('narrow') \g /dev/null

-- Long and odd names fit a payload; two triggers that are due at once are two notifications.
INSERT INTO lead VALUES (30, '2026-01-01', repeat(E'\u0001"\\', 5000), 1, 'lead', NULL, NULL, NULL), (31, '2026-01-01', NULL, NULL, 'lead', NULL, NULL, NULL);
INSERT INTO act VALUES ('30', '2026-03-03 12:00', 'demo', true), ('31', '2026-03-03 12:00', 'demo', true), ('31', '2026-03-03 12:00:00.000001', 'demo', true);
SELECT is(smarketing.notify_breaches(), 3::bigint, 'a long label is cut');

-- What a rule needs is not removed.
\o /dev/null
SELECT smarketing.define_score('ask', 'demo', 40), smarketing.define_score('more', 'demo', 4);
SELECT smarketing.define_calendar('bureau', 'Europe/Paris', '{"mon": ["09:00-17:00"]}');
SELECT smarketing.define_sla('by the calendar', 'demo', 'call', '5 hours', 'bureau'), smarketing.define_sla('by the score', 'demo and score>=60', 'call', '5 hours');
\o
SELECT throws_ok($$SELECT smarketing.define_calendar('bureau', 'UTC', NULL)$$, '2BP01', 'calendar "bureau" is used by SLA rule "by the calendar"');
SELECT throws_ok($$DELETE FROM smarketing.calendar$$, '2BP01', 'calendar "bureau" is used by SLA rule "by the calendar"');
SELECT throws_ok('TRUNCATE smarketing.calendar', '2BP01', 'calendar "bureau" is used by SLA rule "by the calendar"', 'all of them at once');
SELECT throws_ok($$UPDATE smarketing.calendar SET name = 'desk' WHERE name = 'bureau'$$, '2BP01', 'calendar "bureau" is used by SLA rule "by the calendar"', 'under another name it is not that one');
-- What runs with the rights of the tables' owner runs for those tables alone.
CREATE TRIGGER forget AFTER INSERT ON smarketing.goal_entry FOR EACH ROW EXECUTE FUNCTION smarketing.forget_naming('binding_column');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('cost_per_lead.leads', '2026-01-01', 'month', 1)$$, '39P01', 'this is a trigger of smarketing''s own tables');
DROP TRIGGER forget ON smarketing.goal_entry;
CREATE TRIGGER forget AFTER INSERT ON smarketing.goal_entry FOR EACH ROW EXECUTE FUNCTION smarketing.forget_naming('campaign', 'binding', 'entity');
SELECT throws_ok($$INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('cost_per_lead.leads', '2026-01-01', 'month', 1)$$, '39P01', 'this is a trigger of smarketing''s own tables', 'whatever its arguments name');
DROP TRIGGER forget ON smarketing.goal_entry;
CREATE TABLE other (n int);
INSERT INTO other VALUES (1);
CREATE TRIGGER keep BEFORE DELETE ON other FOR EACH ROW EXECUTE FUNCTION smarketing.keep_calendar_of_sla();
SELECT throws_ok('DELETE FROM other', '39P01', 'keep_calendar_of_sla is a trigger of smarketing.calendar', 'the trigger is of no other table');
DROP TRIGGER keep ON other;
CREATE TRIGGER keep AFTER DELETE ON other FOR EACH STATEMENT EXECUTE FUNCTION smarketing.keep_score_of_sla();
SELECT throws_ok('DELETE FROM other', '39P01', 'keep_score_of_sla is a trigger of smarketing.score_rule', 'nor is the other one');
DROP TABLE other;
SELECT throws_ok($$INSERT INTO smarketing.sla_rule VALUES ('x', 'demo', 'call', '1 hour', 'nowhere', '{}')$$, '23503', NULL, 'nor can one be used that is not there');
SELECT lives_ok($$SELECT smarketing.define_calendar('bureau', 'UTC', '{"mon": ["09:00-17:00"]}')$$, 'a calendar in use may change');
SELECT lives_ok($$SELECT smarketing.define_score('ask', NULL, NULL)$$, 'a score that is not the last one goes');
SELECT throws_ok($$SELECT smarketing.define_score('more', NULL, NULL)$$, '2BP01', 'SLA rule "by the score" asks for the score, of which this is the last rule');
SELECT throws_ok('TRUNCATE smarketing.score_rule', '2BP01', 'SLA rule "by the score" asks for the score, of which this is the last rule', 'all of them at once');
SELECT smarketing.drop_sla('by the calendar'), smarketing.drop_sla('by the score') \g /dev/null
SELECT lives_ok($$SELECT smarketing.define_calendar('bureau', 'UTC', NULL), smarketing.define_score('more', NULL, NULL)$$, 'nobody needs them any more');

-- A rule that cannot be read leaves the others as they are.
\o /dev/null
SELECT smarketing.define_sla('assigned', 'assigned', 'any', '1 hour'), smarketing.define_sla('zero', 'demo', 'mail', '1 hour', NULL, '{"filter": {"channel": "none"}}');
CREATE VIEW read_by_all AS SELECT 'response_times' AS name, (SELECT string_agg(rule, ',') FROM smarketing.response_times(period => 'all')) AS rules
    UNION ALL SELECT 'alignment', (SELECT string_agg(label, ',') FROM smarketing.alignment('2026-03-01', '2026-04-01') WHERE signal = 'response')
    UNION ALL SELECT 'rep_profile', (SELECT CASE WHEN bool_or(compliance IS NOT NULL) THEN 'kept' END FROM smarketing.rep_profile('2026-01-01', '2026-04-01'));
PREPARE rebind (text) AS SELECT smarketing.bind('lead', 'lead', ('{"lead_id": "id", "created_at": "created", "label": "name", "owner": "rep", "stage": "status", "disqualified_at": "gone", "channel": "channel"' || $1 || '}')::jsonb);
SET client_min_messages = error;
INSERT INTO lead SELECT n, '2026-01-01', 'Lead ' || n, 1, 'lead', NULL, NULL, NULL FROM generate_series(33, 34) n;
\o
SELECT is((SELECT count(*) FROM smarketing.sla_queue()), 7::bigint, 'all rules are read');
EXECUTE rebind ('') \g /dev/null
INSERT INTO act VALUES ('33', '2026-03-03 12:00', 'demo', true);
SELECT results_eq('SELECT rule, count(*) FROM smarketing.sla_queue() GROUP BY 1', $$VALUES ('demo', 8::bigint)$$, 'one asks for a column that is not bound any more');
SELECT results_eq('TABLE read_by_all', $$VALUES ('response_times', 'demo,zero'), ('alignment', 'SLA demo,SLA zero'), ('rep_profile', 'kept')$$, 'which nothing else that reads all rules fails for');
SELECT throws_ok($$SELECT * FROM smarketing.response_times(options => '{"rule": "assigned"}')$$, '55000', 'nothing that is bound tells when a lead is assigned', 'but it itself');
SELECT is(smarketing.notify_breaches(), 1::bigint, 'and the breach of another is told');
EXECUTE rebind (', "assigned_at": "name::timestamptz"') \g /dev/null
INSERT INTO act VALUES ('34', '2026-03-03 12:00', 'demo', true);
SELECT results_eq('SELECT rule, count(*) FROM smarketing.sla_queue() GROUP BY 1', $$VALUES ('demo', 9::bigint)$$, 'one that fails when it is run');
SELECT is(smarketing.notify_breaches(), 1::bigint, 'here too');
SELECT results_eq($$SELECT * FROM read_by_all WHERE name <> 'alignment'$$, $$VALUES ('response_times', 'demo,zero'), ('rep_profile', 'kept')$$, 'and here');
SELECT throws_ok($$SELECT * FROM smarketing.response_times(options => '{"rule": "assigned"}')$$, '22007', NULL, 'the rule itself fails');
SELECT throws_ok($$SELECT * FROM smarketing.response_times(filter => '{"colour": "red"}')$$, '22023', 'dimension "colour" does not exist', 'as does what no rule is to blame for');
SELECT is((SELECT count(*) FROM smarketing.breach_log WHERE lead_id IN ('33', '34') AND rule = 'demo'), 2::bigint, 'both are logged');
SELECT results_eq('SELECT due_at FROM smarketing.sla_queue()', 'SELECT due_at FROM smarketing.sla_queue() ORDER BY 1', 'the queue has its order');
BEGIN;
DELETE FROM smarketing.sla_rule WHERE name <> 'assigned';
SELECT throws_ok('SELECT * FROM smarketing.sla_queue()', '22007', NULL, 'where no rule can be read, it is an error');
SELECT throws_ok('SELECT smarketing.notify_breaches()', '22007', NULL, 'for who is told, too');
SELECT throws_ok('SELECT * FROM smarketing.response_times()', '22007', NULL, 'and for the response times');
SELECT is((SELECT count(*) - count(compliance) FROM smarketing.rep_profile('2026-01-01', '2026-04-01')), (SELECT count(*) FROM smarketing.rep_profile('2026-01-01', '2026-04-01')), 'the profiles go without');
EXECUTE rebind ('') \g /dev/null
SELECT results_eq($$SELECT count(*) FILTER (WHERE signal = 'overall'), count(*) FILTER (WHERE signal = 'response') FROM smarketing.alignment('2026-03-01', '2026-04-01')$$, $$VALUES (1::bigint, 0::bigint)$$, 'as the verdict does');
ROLLBACK;
SET client_min_messages = warning;
\o /dev/null
EXECUTE rebind (', "assigned_at": "assigned"');
SELECT smarketing.drop_sla('assigned'), smarketing.drop_sla('zero');
DELETE FROM lead WHERE id IN (33, 34);
DELETE FROM act WHERE lead IN ('33', '34');
DELETE FROM smarketing.breach_log WHERE lead_id IN ('33', '34');
\o

-- Who may do what.
CREATE ROLE sla_reader;
CREATE ROLE sla_worker;
SET ROLE sla_reader;
SELECT throws_ok($$SELECT smarketing.notify_breaches()$$, '42501', 'permission denied for function notify_breaches');
SELECT throws_ok($$SELECT smarketing.define_sla('x', 'demo', 'call', '1 hour')$$, '42501', 'permission denied for function define_sla');
SELECT throws_ok('TABLE smarketing.breach_log', '42501', 'permission denied for table breach_log');
SELECT throws_ok('SELECT * FROM smarketing.sla_queue()', '42501', 'permission denied for table lead');
SELECT lives_ok('TABLE smarketing.sla_rule', 'rules are read by everybody');
RESET ROLE;
GRANT SELECT ON lead, act, log, deal, rep TO sla_reader, sla_worker;
GRANT EXECUTE ON FUNCTION smarketing.notify_breaches(text) TO sla_worker;
GRANT SELECT, INSERT ON smarketing.breach_log TO sla_worker;
GRANT SELECT, UPDATE (acknowledged_at) ON smarketing.breach_log TO sla_reader;
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON lead FOR SELECT TO sla_reader USING (rep = 2);
CREATE POLICY others ON lead FOR SELECT TO sla_worker USING (id <> 40);
INSERT INTO lead VALUES (40, '2026-01-01', 'hidden', 1, 'lead', NULL, NULL, NULL), (41, '2026-01-01', 'shown', 1, 'lead', NULL, NULL, NULL);
INSERT INTO act VALUES ('40', '2026-03-03 12:00', 'demo', true), ('41', '2026-03-03 12:00', 'demo', true);
SET ROLE sla_reader;
SELECT is((SELECT string_agg(lead_id, ',' ORDER BY lead_id) FROM smarketing.sla_queue()), NULLIF((SELECT string_agg(id::text, ',' ORDER BY id::text) FROM lead WHERE id IN (4, 5, 8, 12)), ''), 'a reader sees the leads of the policy');
SELECT lives_ok('UPDATE smarketing.breach_log SET acknowledged_at = now() WHERE lead_id = ''12''', 'who deals with a breach says so');
SELECT throws_ok('UPDATE smarketing.breach_log SET owner = NULL', '42501', 'permission denied for table breach_log');
RESET ROLE;
SET ROLE sla_worker;
SELECT is(smarketing.notify_breaches(), 1::bigint, 'what the caller does not see is not told of');
RESET ROLE;
SELECT is(smarketing.notify_breaches(), 1::bigint, 'but by who sees it');
ALTER TABLE lead DISABLE ROW LEVEL SECURITY;

\o /dev/null
SELECT smarketing.drop_sla('demo');
\o
SELECT is((SELECT count(*) FROM smarketing.breach_log), 11::bigint, 'the log outlives its rule');

-- Random CRMs, minutes apart so that much happens at once; a slow statement a row.
\if :{?seed}
\else
SELECT floor(extract(epoch FROM clock_timestamp()))::bigint % 1000000 AS seed \gset
\endif
SELECT diag('seed ' || :seed);
SELECT setseed(:seed / 1000000.0);
TRUNCATE lead, act, log, deal, smarketing.breach_log;
CREATE FUNCTION minute() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$SELECT timestamptz '2026-02-28 22:00' + floor(random() * 240) * interval '1 minute'$$;
INSERT INTO lead SELECT n, '2026-02-28', 'Lead ' || n, CASE WHEN random() < 0.8 THEN 1 + floor(random() * 3) END,
    CASE WHEN random() < 0.1 THEN (ARRAY['disqualified', 'recycled', 'lost', 'won', 'churned', 'mql'])[1 + floor(random() * 6)] END,
    CASE WHEN random() < 0.2 THEN minute() END, CASE WHEN random() < 0.7 THEN minute() END, (ARRAY['Ads', 'Fairs', NULL])[1 + floor(random() * 3)] FROM generate_series(1, 400) n;
INSERT INTO act SELECT (1 + floor(random() * 420))::text, minute(), (ARRAY['demo', 'demo', 'call', 'phone', 'mail', 'note'])[1 + floor(random() * 6)], (ARRAY[true, false, false, NULL])[1 + floor(random() * 4)] FROM generate_series(1, 1500);
INSERT INTO log SELECT 1 + floor(random() * 420), minute(), (ARRAY['lead', 'mql', 'mql', 'sal', 'sql', 'won', 'lost', 'disqualified', 'recycled', 'churned'])[1 + floor(random() * 10)] FROM generate_series(1, 600);
INSERT INTO deal SELECT n, 1 + floor(random() * 420), minute(), CASE WHEN random() < 0.6 THEN minute() END, (ARRAY[true, false, NULL])[1 + floor(random() * 3)] FROM generate_series(1, 120) n;
\o /dev/null
SELECT smarketing.define_sla('demo', 'demo', 'call', '17 minutes', NULL, '{"warn_at": 0.5}');
SELECT smarketing.define_sla('any', 'stage:mql', 'any', '40 minutes', NULL, '{"filter": {"channel": ["Ads", null]}}');
SELECT smarketing.define_sla('all', 'assigned AND Stage:sal	And demo', 'mail | note', '1 hour');
SELECT smarketing.define_score('demo', 'demo', 20);
SELECT smarketing.define_score('call', 'call', 15);
SELECT smarketing.define_sla('hot', 'score>=40 and assigned', 'call', '2 hours');
\o
\o /dev/null
SELECT smarketing.define_calendar('odd', 'UTC', '{"sat": ["22:10-23:00", "23:20-23:59"], "sun": ["00:30-01:15", "01:20-01:40"]}');
SELECT smarketing.define_sla('open', 'assigned', 'any', '45 minutes', 'odd');
\o
CREATE TABLE closing AS SELECT id AS lead, gone AS at FROM lead WHERE gone IS NOT NULL UNION ALL SELECT lead, at FROM log WHERE stage IN ('lost', 'won', 'disqualified', 'recycled', 'churned') UNION ALL SELECT lead, closed FROM deal WHERE closed IS NOT NULL AND won IS NOT NULL;
CREATE FUNCTION step(l int, first smarketing.funnel_stage, seen timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT min(at) FROM log WHERE log.lead = l AND log.stage::smarketing.funnel_stage OPERATOR(smarketing.>=) first AND log.at <= seen),
                    (SELECT min(created) FROM deal WHERE deal.lead = l AND deal.created <= seen))$$;
CREATE FUNCTION crossing(l int) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT min(at) FROM (SELECT at, sum(CASE kind WHEN 'demo' THEN 20 ELSE 15 END) OVER (ORDER BY at) AS score FROM act WHERE act.lead = l::text AND kind IN ('demo', 'call')) s WHERE score >= 40$$;
CREATE FUNCTION slow(as_of timestamptz) RETURNS TABLE (rule text, lead int, triggered_at timestamptz, due_at timestamptz, warn_at timestamptz, answered_at timestamptz, stopped_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH fired AS (
        SELECT DISTINCT 'demo' AS rule, act.lead::int AS lead, act.at FROM act WHERE kind = 'demo' AND act.at <= as_of
        UNION ALL SELECT 'any', id, step(id, 'mql', as_of) FROM lead WHERE channel = 'Ads' OR channel IS NULL
        UNION ALL SELECT 'hot', id, greatest(crossing(id), assigned) FROM lead WHERE crossing(id) <= as_of AND assigned <= as_of
        UNION ALL SELECT 'open', id, assigned FROM lead WHERE assigned <= as_of
        UNION ALL SELECT 'all', id, CASE WHEN assigned <= as_of AND step(id, 'sal', as_of) IS NOT NULL THEN
            (SELECT greatest(assigned, step(id, 'sal', as_of), min(act.at)) FROM act WHERE act.lead = id::text AND kind = 'demo' AND act.at <= as_of HAVING count(*) > 0) END FROM lead),
    ended AS (
        SELECT fired.*, status,
            (SELECT min(act.at) FROM act WHERE act.lead = fired.lead::text AND act.at >= fired.at AND act.at <= as_of AND robot IS NOT TRUE
                AND CASE rule WHEN 'hot' THEN kind IN ('call', 'phone') WHEN 'demo' THEN kind IN ('call', 'phone') WHEN 'all' THEN kind IN ('mail', 'note') ELSE true END
                AND NOT (rule = 'hot' AND kind IN ('demo', 'call') AND act.at = crossing(fired.lead))) AS answer,
            (SELECT min(c.at) FROM closing c WHERE c.lead = fired.lead AND c.at >= fired.at AND c.at <= as_of) AS stop
        FROM fired JOIN lead ON lead.id = fired.lead WHERE fired.at IS NOT NULL)
    SELECT rule, ended.lead, at, CASE rule WHEN 'open' THEN smarketing.add_business_hours(at, 0.75, 'odd') ELSE at + span END,
        CASE rule WHEN 'open' THEN smarketing.add_business_hours(at, 0.6, 'odd') ELSE at + span * share END, CASE WHEN answer <= stop OR stop IS NULL THEN answer END,
        CASE WHEN answer <= stop OR (stop IS NULL AND answer IS NOT NULL) THEN NULL WHEN stop IS NOT NULL THEN stop
             WHEN as_of = now() AND status IN ('disqualified', 'recycled', 'lost', 'won', 'churned') AND (rule <> 'demo' OR NOT EXISTS (SELECT FROM closing c WHERE c.lead = ended.lead)) THEN at END
    FROM ended JOIN (VALUES ('demo', interval '17 minutes', 0.5), ('any', '40 minutes', 0.8), ('all', '1 hour', 0.8), ('hot', '2 hours', 0.8), ('open', NULL, NULL)) AS r (name, span, share) ON name = rule$$;
CREATE FUNCTION hours(rule text, f timestamptz, t timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$SELECT CASE rule WHEN 'open' THEN smarketing.business_hours(f, t, 'odd')::numeric ELSE extract(epoch FROM t - f) / 3600 END$$;
SELECT cmp_ok((SELECT count(*) FROM slow(now()) WHERE rule = name), '>', 20::bigint, 'rule ' || name || ' has triggers') FROM unnest('{demo,any,all,hot,open}'::text[]) name;
SELECT bag_eq(format('SELECT rule, state, lead_id::int, triggered_at, due_at, round(remaining_hours::numeric, 9) FROM smarketing.sla_queue(%L)', seen),
    format($$SELECT rule, CASE WHEN due_at < %1$L THEN 'late' WHEN warn_at <= %1$L THEN 'warning' ELSE 'running' END, lead, triggered_at, due_at, round(CASE rule WHEN 'open' THEN smarketing.business_hours(%1$L, due_at, 'odd')::numeric ELSE extract(epoch FROM due_at - %1$L) / 3600 END, 9) FROM slow(%1$L) WHERE answered_at IS NULL AND stopped_at IS NULL$$, seen),
    'the queue as of ' || seen) FROM (SELECT now() AS seen UNION ALL SELECT timestamptz '2026-03-01' + n * interval '23 minutes' FROM generate_series(-4, 5) n) s;
SELECT bag_eq(format('SELECT period_start, by_1, by_2, rule, triggers, answered, in_time, late, unanswered, running, round(compliance::numeric, 9) AS c, round(median_hours::numeric, 9) AS m, round(p90_hours::numeric, 9) AS p FROM smarketing.response_times(%L, %L, %L, %L, %L, %L)',
        since, until, period, '{channel,team}', filter, options),
    format($$SELECT * FROM (SELECT date_trunc(%3$L, triggered_at)::date, coalesce(channel, '(none)'), coalesce(team, '(none)'), rule, count(*), count(answered_at), count(*) FILTER (WHERE hours(rule, triggered_at, answered_at) <= hours(rule, triggered_at, due_at)), count(*) FILTER (WHERE hours(rule, triggered_at, answered_at) > hours(rule, triggered_at, due_at)),
        count(*) FILTER (WHERE answered_at IS NULL AND coalesce(stopped_at, %5$L) > due_at), count(*) FILTER (WHERE answered_at IS NULL AND stopped_at IS NULL AND %5$L <= due_at),
        round((count(*) FILTER (WHERE hours(rule, triggered_at, answered_at) <= hours(rule, triggered_at, due_at)))::numeric / nullif(count(answered_at) + count(*) FILTER (WHERE answered_at IS NULL AND coalesce(stopped_at, %5$L) > due_at), 0), 9),
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY hours(rule, triggered_at, answered_at)))::numeric, 9), round((percentile_cont(0.9) WITHIN GROUP (ORDER BY hours(rule, triggered_at, answered_at)))::numeric, 9)
        FROM slow(%5$L) JOIN lead ON lead.id = lead LEFT JOIN rep ON rep.id = lead.rep WHERE triggered_at >= %1$L AND triggered_at < %2$L AND %4$s GROUP BY 1, 2, 3, 4) slow (a, b, c, d, e, f, g, h, i, j, k, l, m)$$, since, until, period, condition, seen),
    format('response times by %s, %s, %s', period, filter, options))
FROM (VALUES ('2026-02-01', '2026-04-01', 'month', '{}', 'true', '{}', now()),
             ('2026-02-28 22:30', '2026-03-01 01:00', 'day', '{"team": ["North", null]}', '(team = ''North'' OR team IS NULL)', '{}', now()),
             ('2026-02-28 22:30', '2026-03-01 01:00', 'day', '{}', 'true', '{"as_of": "2026-02-28 23:45"}', '2026-02-28 23:45')) AS call (since, until, period, filter, condition, options, seen);
SELECT is(smarketing.notify_breaches(), (SELECT count(*) FROM slow(now()) WHERE answered_at IS NULL AND stopped_at IS NULL AND due_at < now()), 'each breach is told of once');
SELECT bag_eq('SELECT rule, lead_id::int, triggered_at, due_at FROM smarketing.breach_log', 'SELECT rule, lead, triggered_at, due_at FROM slow(now()) WHERE answered_at IS NULL AND stopped_at IS NULL AND due_at < now()', 'and logged');

-- Tables that were loaded and never analysed, of which the planner expects a row or two: half a minute by nested loops.
\o /dev/null
CREATE TABLE loaded_lead (id int, created timestamptz, rep int, status text) WITH (autovacuum_enabled = off);
CREATE TABLE loaded_act (lead int, at timestamptz, kind text, robot bool) WITH (autovacuum_enabled = off);
CREATE TABLE loaded_log (lead int, at timestamptz, stage text) WITH (autovacuum_enabled = off);
INSERT INTO loaded_lead SELECT n, timestamptz '2026-01-01' + n * interval '1 hour', n % 7, 'lost' FROM generate_series(1, 3000) n;
INSERT INTO loaded_act SELECT 1 + n % 3000, timestamptz '2026-01-01' + n % 3000 * interval '1 hour' + n / 3000 * interval '20 minutes', (ARRAY['demo', 'call', 'mail'])[1 + n / 3000 % 3], false FROM generate_series(1, 20000) n;
INSERT INTO loaded_log SELECT n, '2026-01-01', 'mql' FROM generate_series(1, 3000) n;
SELECT smarketing.drop_sla(name) FROM smarketing.sla_rule WHERE name <> 'demo';
SELECT smarketing.unbind('opportunity');
SELECT smarketing.bind('lead', 'loaded_lead', '{"lead_id": "id", "created_at": "created", "owner": "rep", "stage": "status"}');
SELECT smarketing.bind('activity', 'loaded_act', '{"lead_id": "lead", "is_automatic": "robot"}');
SELECT smarketing.bind('stage_change', 'loaded_log', '{"lead_id": "lead"}');
SET statement_timeout = '8 s';
\o
SELECT results_eq($$SELECT rule, triggers, late, unanswered FROM smarketing.response_times(period => 'all')$$, $$VALUES ('demo', 8000::bigint, 5999::bigint, 0::bigint)$$, 'response times of what was just loaded');
SELECT lives_ok($$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01')$$, 'rep profiles of it');
SELECT lives_ok($$SELECT * FROM smarketing.alignment('2026-01-01', '2027-01-01')$$, 'the verdict');
-- Who waits among them, where the planner expects one trigger and would look through all stage changes for each; and who is told.
UPDATE loaded_lead SET status = 'lead';
ALTER TABLE loaded_lead ADD PRIMARY KEY (id);
INSERT INTO loaded_log SELECT 1 + n % 3000, '2025-01-01', 'lost' FROM generate_series(1, 100000) n;
SELECT is((SELECT count(*) FROM smarketing.sla_queue()), (SELECT count(DISTINCT (a.lead, a.at)) FROM loaded_act a LEFT JOIN (SELECT lead, max(at) AS at FROM loaded_act WHERE kind = 'call' GROUP BY lead) c ON c.lead = a.lead WHERE kind = 'demo' AND (a.at <= c.at) IS NOT TRUE), 'the queue of what was just loaded');
SELECT is(smarketing.notify_breaches(), (SELECT count(*) FROM smarketing.sla_queue() WHERE state = 'late'), 'and who is told of it');
-- A lead of which ten thousand requests and answers are recorded, as a web form's test contact has them.
TRUNCATE loaded_act;
INSERT INTO loaded_act SELECT 1, timestamptz '2026-01-01 01:00' + n / 2 * interval '10 minutes' + n % 2 * interval '1 minute' * (n % 40), CASE n % 2 WHEN 0 THEN 'demo' ELSE 'call' END, false FROM generate_series(0, 19999) n;
UPDATE loaded_lead SET status = 'lead' WHERE id = 1;
SELECT results_eq($$SELECT triggers, in_time, late, unanswered FROM smarketing.response_times(period => 'all')$$,
    $$SELECT count(*), count(*) FILTER (WHERE ahead <= interval '17 minutes'), count(*) FILTER (WHERE ahead > interval '17 minutes'), count(*) FILTER (WHERE ahead IS NULL)
    FROM (SELECT kind, min(at) FILTER (WHERE kind = 'call') OVER (ORDER BY at DESC) - at AS ahead FROM loaded_act) s WHERE kind = 'demo'$$, 'one lead with many clocks');
RESET statement_timeout;
DROP OWNED BY sla_reader, sla_worker;
DROP ROLE sla_reader, sla_worker;
SELECT finish();
