-- The handover between the teams: each lead in one of five, answers against the limit, and whose side is weak; by hand, and random against plain SQL.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT plan(56);

CREATE TABLE lead (id bigint PRIMARY KEY, created timestamptz, account int, mql timestamptz, sal timestamptz, assigned timestamptz, out_at timestamptz, reason text, status text, source text, rep text);
CREATE TABLE log (lead bigint, at timestamptz, stage text);
CREATE TABLE deal (id int, lead bigint, account int, created timestamptz, closed timestamptz, won boolean);
CREATE TABLE done (lead bigint, at timestamptz, kind text, robot boolean);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
SELECT throws_ok($$SELECT * FROM smarketing.handover()$$, '55000', 'handover needs entity "lead", which is not bound');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "account_id": "account", "mql_at": "mql", "sal_at": "sal", "assigned_at": "assigned", "disqualified_at": "out_at", "disqualified_reason": "reason", "stage": "status", "channel": "source", "owner": "rep"}');
SELECT smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
SELECT smarketing.bind('activity', 'done', '{"lead_id": "lead", "is_automatic": "robot"}');
\o
SELECT is_empty($$SELECT * FROM smarketing.handover('2026-01-01', '2026-02-01', 'month', '{channel}')$$, 'no leads, no channel');
SELECT results_eq($$SELECT mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, acceptance_rate, ignored_rate, median_hours_to_touch, top_reject_reason, weak_side, waiting FROM smarketing.handover('2026-01-01', '2026-02-01')$$,
    $$VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::float8, NULL::float8, NULL::float8, NULL::text, 'too few', 0::bigint)$$, 'no leads: noughts, no rates, no verdict');

-- 1 is called to the second of the limit, 2 a microsecond after; 3 only by a robot; 4 was called before it was one, not since; 5 is accepted late and lost; 6 is rejected; 7 sent back;
-- 8 is accepted, then disqualified; 9 is won; 10 has an open deal beside a lost one; 11 is no MQL.
INSERT INTO lead (id, created, mql, sal, assigned, out_at, reason, source) VALUES
    (1, '2026-01-01', '2026-01-02', NULL, '2026-01-01 01:00', NULL, NULL, 'Ads'), (2, '2026-01-01', '2026-01-02', NULL, '2026-01-01 03:00', NULL, NULL, 'Ads'),
    (3, '2026-01-01', '2026-01-02', NULL, NULL, NULL, NULL, 'Ads'), (4, '2026-01-01', '2026-01-02', NULL, NULL, NULL, NULL, 'Ads'),
    (5, '2026-01-01', '2026-01-02', '2026-01-05', NULL, NULL, NULL, 'Ads'), (6, '2026-01-01', '2026-01-02', NULL, NULL, '2026-01-02 12:00', 'too small', 'Ads'),
    (7, '2026-01-01', '2026-01-02', NULL, NULL, NULL, NULL, 'Fair'), (8, '2026-01-01', '2026-01-02', '2026-01-02 01:00', NULL, '2026-01-20', 'no budget', 'Fair'),
    (9, '2026-01-01', '2026-01-02', '2026-01-02 01:00', NULL, NULL, NULL, 'Fair'), (10, '2026-01-01', '2026-01-02', '2026-01-02 01:00', NULL, NULL, NULL, 'Fair'),
    (11, '2026-01-01', NULL, NULL, NULL, NULL, NULL, 'Fair');
INSERT INTO done VALUES (1, '2026-01-03', 'call', false), (2, '2026-01-03 00:00:00.000001', 'call', NULL), (3, '2026-01-02 00:05', 'email', true), (4, '2026-01-01 23:59', 'call', false), (99, '2026-01-02', 'call', false);
INSERT INTO log VALUES (7, '2026-01-04', 'recycled');
INSERT INTO deal VALUES (1, 5, NULL, '2026-01-06', '2026-01-09', false), (2, 9, NULL, '2026-01-06', '2026-01-09', true), (3, 10, NULL, '2026-01-06', '2026-01-09', false), (4, 10, NULL, '2026-01-06', NULL, NULL);
PREPARE counts (text[], jsonb) AS SELECT by_1, mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, waiting FROM smarketing.handover('2026-01-01', '2026-02-01', 'all', $1, options => $2);
SELECT results_eq($$EXECUTE counts('{}', '{}')$$, $$VALUES (NULL::text, 10::bigint, 4::bigint, 1::bigint, 1::bigint, 2::bigint, 2::bigint, 2::bigint, 1::bigint, 2::bigint)$$, 'each lead in one of five');
SELECT results_eq($$EXECUTE counts('{channel}', '{}')$$, $$VALUES ('Ads', 6::bigint, 1::bigint, 1::bigint, 0::bigint, 2::bigint, 2::bigint, 1::bigint, 0::bigint, 2::bigint), ('Fair', 4, 3, 0, 1, 0, 0, 1, 1, 0)$$, 'by channel');
SELECT results_eq($$EXECUTE counts('{}', '{"respond_within": "24:00:00.000001"}')$$, $$VALUES (NULL::text, 10::bigint, 4::bigint, 1::bigint, 1::bigint, 2::bigint, 1::bigint, 2::bigint, 1::bigint, 2::bigint)$$, 'an answer at the limit is in time');
SELECT results_eq($$SELECT median_hours_to_assigned, median_hours_to_touch, median_hours_to_sql, top_reject_reason, weak_side, acceptance_rate, rejection_rate, late_rate, conversion_rate FROM smarketing.handover('2026-01-01', '2026-02-01', 'all')$$,
    $$VALUES (2::float8, 48::float8, 120::float8, 'too small', 'too few', 0.4::float8, 0.1::float8, 0.2::float8, 1 / 3::float8)$$, 'hours, reason, rates');
SELECT results_eq(format($$SELECT array_agg(record_id ORDER BY record_id::int) FROM smarketing.kpi_rows('handover.%s', '2026-01-01', '2026-02-01')$$, measure), format($$VALUES (%L::text[])$$, ids), 'kpi_rows of ' || measure)
FROM (VALUES ('mqls', '{1,2,3,4,5,6,7,8,9,10}'), ('accepted', '{5,8,9,10}'), ('rejected', '{6}'), ('recycled', '{7}'), ('ignored', '{3,4}'), ('waiting', '{1,2}'), ('late', '{2,5}'), ('accepted_not_converted', '{5,8}'), ('won', '{9}'), ('decided', '{5,8,9}')) AS v (measure, ids);
-- Turned down in time, though the lead's own date is of a later time; a reason that is not entered is none.
BEGIN;
UPDATE lead SET out_at = '2026-01-10', reason = ' ' WHERE id = 6;
INSERT INTO log VALUES (6, '2026-01-02 05:00', 'disqualified');
SELECT is((SELECT array_agg(record_id ORDER BY record_id::int) FROM smarketing.kpi_rows('handover.late', '2026-01-01', '2026-02-01')), '{2,5}'::text[], 'the first sign of a rejection answers');
SELECT is((SELECT top_reject_reason FROM smarketing.handover('2026-01-01', '2026-02-01', 'all')), NULL, 'a blank is no reason');
ROLLBACK;
SELECT throws_ok($$SELECT * FROM smarketing.handover(options => '{"respond_within": "0 hours"}')$$, '22023', 'option "respond_within" must be positive: "0 hours"');
SELECT throws_ok($$SELECT * FROM smarketing.handover(options => '{"respond_within": "1 month"}')$$, '22023', 'option "respond_within" must not have months or years: "1 month"');
SELECT throws_ok($$SELECT * FROM smarketing.handover(options => '{"within": "1 day"}')$$, '22023', 'option "within" of handover does not exist');
SELECT is((SELECT value FROM smarketing.kpi('handover.acceptance_rate', '2026-01-01', '2026-02-01', 'all')), 0.4::numeric, 'its columns are metrics');
SELECT is(smarketing.metric_name('median_hours_to_sql'), 'sales_qualified_leads.median_hours_to_sql', 'a bare name is a KPI''s first of all');
SELECT is(smarketing.metric_name('acceptance_rate'), 'handover.acceptance_rate', 'else the handover''s');
SELECT is_empty($$SELECT metric FROM smarketing.metrics WHERE metric LIKE 'handover.%' AND (label_en IS NULL OR definition_fr IS NULL)$$, 'all have words');

-- Random leads against plain SQL.
SELECT setseed(0.14142135623);
TRUNCATE lead, log, deal, done;
INSERT INTO lead SELECT id, created, nullif(trunc(random() * 2000)::int, 0), CASE WHEN random() < 0.8 THEN created + random() * interval '9 days' END, CASE WHEN random() < 0.4 THEN created + random() * interval '20 days' END, created, CASE WHEN random() < 0.3 THEN created + random() * interval '30 days' END,
    'reason ' || trunc(random() * 3), (ARRAY['new', 'working', 'recycled', 'sql', 'mql', 'lost', 'churned', NULL, NULL, NULL])[1 + trunc(random() * 10)::int], 'channel ' || id % 3, 'rep ' || id % 4
FROM (SELECT id, timestamptz '2026-01-01' + random() * interval '80 days' AS created FROM generate_series(1, 4000) AS id) AS t;
UPDATE lead SET mql = NULL WHERE id % 17 = 0;
-- One channel that is disqualified more, one rep who loses more.
UPDATE lead SET out_at = created + interval '12 days' WHERE source = 'channel 1' AND random() < 0.5;
INSERT INTO log SELECT id, created + random() * interval '30 days', (ARRAY['sal', 'recycled', 'mql', 'lost', 'sql', 'disqualified'])[1 + trunc(random() * 6)::int] FROM lead, generate_series(1, 3) WHERE random() < 0.2;
INSERT INTO deal SELECT row_number() OVER (), CASE WHEN random() < 0.7 THEN id END, account, created + random() * interval '20 days', CASE WHEN won IS NOT NULL THEN created + interval '30 days' END, won
FROM (SELECT *, CASE WHEN random() < 0.7 THEN random() < CASE WHEN rep = 'rep 2' THEN 0.1 ELSE 0.6 END END AS won FROM lead WHERE random() < 0.35) AS t;
INSERT INTO done SELECT 1 + trunc(random() * 4100)::bigint, timestamptz '2026-01-01' + random() * interval '90 days', 'call', (ARRAY[true, false, NULL])[1 + trunc(random() * 3)::int] FROM generate_series(1, 6000);
CREATE VIEW deals AS SELECT l.id AS lead, d.created, d.closed, d.won FROM lead AS l JOIN deal AS d ON d.lead = l.id OR (d.lead IS NULL AND d.account = l.account AND d.created >= l.created);
CREATE FUNCTION deal_of(l bigint, a int, c timestamptz, by_lead boolean) RETURNS timestamptz LANGUAGE sql AS $$SELECT min(created) FROM deal AS d WHERE CASE WHEN by_lead THEN d.lead = l ELSE d.lead IS NULL AND d.account = a AND d.created >= c END$$;
-- When it became MQL; what dates its leaving and its being taken, each for itself.
CREATE TABLE handed AS SELECT *, coalesce(mql, (SELECT min(at) FROM log WHERE log.lead = id AND stage IN ('mql', 'sal', 'sql')), sal, deal_of(id, account, created, true), deal_of(id, account, created, false)) AS m FROM lead;
CREATE TABLE leaving AS SELECT lead, at, stage FROM log WHERE stage IN ('disqualified', 'recycled', 'lost') UNION ALL SELECT id, out_at, 'disqualified' FROM lead WHERE out_at IS NOT NULL UNION ALL SELECT lead, closed, 'deal' FROM deals WHERE NOT won;
CREATE TABLE taking AS SELECT lead, at, stage FROM log WHERE stage IN ('mql', 'sal', 'sql') UNION ALL SELECT id, sal, 'sal' FROM lead WHERE sal IS NOT NULL;
CREATE INDEX ON leaving (lead);
CREATE INDEX ON taking (lead);
CREATE INDEX ON done (lead);
CREATE INDEX ON log (lead);
CREATE INDEX ON deal (lead);
CREATE INDEX ON deal (account);
ANALYZE;
CREATE VIEW since AS SELECT h.*, (SELECT max(at) FROM leaving WHERE lead = id AND at < m) AS b, (SELECT max(at) FROM taking WHERE lead = id) AS back FROM handed AS h WHERE m IS NOT NULL;
CREATE FUNCTION is_out(l bigint, what text, m timestamptz, status text) RETURNS boolean LANGUAGE sql AS $$SELECT coalesce(status = what, false) OR (coalesce(status, '') NOT IN ('sal', 'sql', 'churned')
    AND EXISTS (SELECT FROM leaving AS x WHERE x.lead = l AND x.stage = what AND x.at >= m AND NOT EXISTS (SELECT FROM taking AS y WHERE y.lead = l AND y.at > x.at)))$$;
CREATE TABLE facts AS SELECT s.id, source, rep, reason, m, is_out(s.id, 'disqualified', m, status) AS is_disqualified, is_out(s.id, 'recycled', m, status) AS is_recycled, is_out(s.id, 'lost', m, status) AS is_lost,
    coalesce((SELECT bool_or(won) FROM deals WHERE lead = s.id), false) AS is_won, coalesce(status IN ('sql', 'churned'), false) AS is_sql_now, coalesce(status = 'lost', false) AS is_lost_now, b, back,
    least(CASE WHEN b IS NULL OR sal > b THEN sal END, (SELECT min(at) FROM log WHERE log.lead = s.id AND stage IN ('sal', 'sql') AND (b IS NULL OR at > b)), (SELECT min(created) FROM deals WHERE lead = s.id AND (won IS NOT FALSE OR closed >= m))) AS taken_at,
    least(CASE WHEN out_at >= m THEN out_at END, (SELECT min(at) FROM log WHERE log.lead = s.id AND stage = 'disqualified' AND at >= m), (SELECT min(at) FROM log WHERE log.lead = s.id AND stage = 'lost' AND at >= m)) AS out_at,
    EXISTS (SELECT FROM log WHERE log.lead = s.id AND stage = 'recycled' AND at >= m) AS was_recycled,
    (SELECT min(at) FROM done WHERE lead = s.id AND robot IS NOT TRUE AND at >= m) AS touch,
    EXISTS (SELECT FROM deals WHERE lead = s.id AND (won IS NOT FALSE OR closed >= m)) AND NOT EXISTS (SELECT FROM deals WHERE lead = s.id AND won IS NULL)
        AND NOT coalesce(back > (SELECT max(closed) FROM deals WHERE lead = s.id) AND NOT EXISTS (SELECT FROM deals WHERE lead = s.id AND won IS NOT FALSE), false) AS is_sold_out
    FROM since AS s;
CREATE VIEW sent AS SELECT *, is_disqualified OR is_lost AND (is_lost_now OR NOT is_recycled) AS is_down, is_sql_now OR taken_at IS NOT NULL OR is_won AS is_sal, least(touch, taken_at, out_at) > m + interval '30 hours' AS is_late FROM facts;
CREATE VIEW slow AS SELECT source, count(*) AS mqls, count(*) FILTER (WHERE is_sal) AS accepted, count(*) FILTER (WHERE NOT is_sal AND is_down) AS rejected, count(*) FILTER (WHERE NOT is_sal AND NOT is_down AND is_recycled) AS recycled, count(*) FILTER (WHERE is_disqualified OR is_down AND NOT is_sal) AS unqualified,
    count(*) FILTER (WHERE NOT is_sal AND NOT is_down AND NOT is_recycled AND touch IS NULL AND out_at IS NULL AND NOT was_recycled) AS ignored, count(*) FILTER (WHERE is_late) AS late,
    count(*) FILTER (WHERE is_sal AND NOT is_won AND (is_disqualified OR is_recycled OR is_lost OR is_sold_out)) AS accepted_not_converted, count(*) FILTER (WHERE is_won) AS won,
    mode() WITHIN GROUP (ORDER BY reason) FILTER (WHERE NOT is_sal AND is_down) AS top FROM sent GROUP BY GROUPING SETS ((source), ());
SELECT results_eq($$SELECT by_1, mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, unqualified, top_reject_reason FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{channel}', options => '{"respond_within": "30 hours"}')$$,
    $$SELECT source, mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, unqualified, top FROM slow WHERE source IS NOT NULL ORDER BY 1$$, 'as plain SQL counts, by channel (seed 0.14142135623)');
SELECT results_eq($$SELECT sum(mqls)::bigint, sum(accepted)::bigint, sum(rejected)::bigint, sum(recycled)::bigint, sum(ignored)::bigint, sum(late)::bigint, sum(accepted_not_converted)::bigint, sum(won)::bigint FROM smarketing.handover('2025-12-01', '2026-07-01', 'week', '{owner,channel}', options => '{"respond_within": "30 hours"}')$$,
    $$SELECT mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won FROM slow WHERE source IS NULL$$, 'weeks and reps add up');
SELECT is_empty($$SELECT * FROM smarketing.handover('2025-12-01', '2026-07-01', 'week', '{owner,channel}') WHERE decided <> won + accepted_not_converted$$, 'decided is won or not converted');
SELECT is_empty($$SELECT * FROM smarketing.handover('2025-12-01', '2026-07-01', 'week', '{owner,channel}') WHERE mqls <> accepted + rejected + recycled + ignored + waiting$$, 'and the five in every cell');
SELECT results_eq($$SELECT by_1, weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{channel}')$$, $$VALUES ('channel 0', 'none'), ('channel 1', 'marketing'), ('channel 2', 'none')$$, 'the channel that is disqualified more is badly qualified');
SELECT results_eq($$SELECT by_1, weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{owner}') WHERE weak_side IN ('sales', 'both')$$, $$VALUES ('rep 2', 'sales')$$, 'the rep who loses more closes badly');
SELECT results_eq($$SELECT DISTINCT weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'day', '{owner,channel}')$$, $$VALUES ('too few')$$, 'of few leads nothing is said');
SELECT matches(smarketing.kpi_sql('handover', '2026-01-01', '2026-02-01', 'all', '{channel}'), 'cell.channel', 'kpi_sql shows the statement');
SELECT smarketing.kpi_sql('handover', '2025-12-01', '2026-07-01', 'all') AS statement \gset
SELECT is(array_length(string_to_array(:'statement', 'array_agg(activity.at)'), 1) - 1, 1, 'medians and counts come from one pass over the leads and their histories');
SELECT lives_ok(:'statement', 'which runs as it is');
-- What happened before the hand-over does not decide; what was taken back is not out; a stage is what is true now. All became MQL on 1 June.
TRUNCATE lead, log, deal, done;
\o /dev/null
SELECT smarketing.configure('time_zone', 'Europe/Paris');
\o
INSERT INTO lead (id, created, mql, sal, out_at, status) SELECT id, '2026-01-01', '2026-06-01 10:00', sal, out_at, status FROM (VALUES
    (1, NULL::timestamptz, timestamptz '2026-01-20', NULL), -- disqualified before
    (2, NULL, NULL, NULL), -- recycled before
    (3, '2026-01-10', '2026-01-20', NULL), -- accepted and disqualified before
    (4, '2026-05-31', NULL, NULL), -- accepted before, and never given back
    (5, NULL, '2026-06-05', NULL), -- disqualified since
    (6, NULL, '2026-06-05', NULL), -- but an MQL again
    (7, '2026-06-02', '2026-06-05', NULL), -- accepted, then disqualified
    (8, '2026-06-02', '2026-06-05', 'sql'), -- taken back: its stage is so
    (9, '2026-06-02', '2026-06-05', NULL), -- taken back: a stage change says so
    (10, '2026-06-02', NULL, NULL), -- accepted, recycled, taken back
    (11, '2026-06-02', NULL, NULL), -- accepted, its deal lost
    (12, '2026-06-02', NULL, NULL), -- accepted, its deal lost before the hand-over
    (13, NULL, NULL, NULL), -- its only deal lost before the hand-over
    (14, NULL, NULL, NULL), -- its deal, created before, lost since
    (15, NULL, NULL, 'opportunity'), -- no deal names it
    (16, '2026-06-02', NULL, 'recycled'), -- accepted, sent back
    (17, NULL, '2026-01-20', 'disqualified'), -- disqualified before, and so now
    (18, NULL, NULL, NULL)) AS v (id, sal, out_at, status); -- sent back since, and handed over again
INSERT INTO log VALUES (2, '2026-02-03', 'recycled'), (6, '2026-06-07', 'mql'), (9, '2026-06-07', 'sal'), (10, '2026-06-05', 'recycled'), (10, '2026-06-08', 'sal'), (18, '2026-06-05', 'recycled'), (18, '2026-06-09', 'mql');
INSERT INTO deal (id, lead, created, closed, won) VALUES (1, 11, '2026-06-03', '2026-06-20', false), (2, 12, '2026-02-03', '2026-03-20', false), (3, 13, '2026-02-03', '2026-03-20', false), (4, 14, '2026-05-03', '2026-06-20', false);
CREATE VIEW listed AS SELECT measure, (SELECT array_agg(record_id::int ORDER BY record_id::int) FROM smarketing.kpi_rows('handover.' || measure, '2026-06-01', '2026-07-01')) AS ids
    FROM unnest('{accepted,rejected,recycled,ignored,waiting,late,accepted_not_converted,judged,unqualified,closed_in_time,lost_in_time,won_in_time}'::text[]) WITH ORDINALITY AS m (measure, number) ORDER BY number;
SELECT results_eq('TABLE listed', $$VALUES ('accepted', '{4,7,8,9,10,11,12,14,15,16}'::int[]), ('rejected', '{5,17}'), ('recycled', NULL), ('ignored', '{1,2,3,13}'), ('waiting', '{6,18}'),
    ('late', '{5,6}'), ('accepted_not_converted', '{7,11,14,16}'), ('judged', '{4,5,7,8,9,10,11,12,14,15,16,17}'), ('unqualified', '{5,7,17}'), ('closed_in_time', '{11,14,16}'), ('lost_in_time', '{11,14,16}'), ('won_in_time', NULL)$$, 'reopened leads');
INSERT INTO deal VALUES (5, 7, NULL, '2026-06-03', '2026-06-04', true), (6, 10, NULL, '2026-06-03', '2026-06-04', true);
SELECT results_eq($$SELECT * FROM listed WHERE measure IN ('closed_in_time', 'won_in_time')$$, $$VALUES ('closed_in_time', '{10,11,14,16}'::int[]), ('won_in_time', '{10}')$$, 'who is disqualified is not well closed either');
SELECT results_eq($$SELECT judged, unqualified, closed_in_time, lost_in_time, won_in_time, unqualified_rate, lost_in_time_rate FROM smarketing.handover('2026-06-01', '2026-07-01', 'all')$$,
    $$VALUES (12::bigint, 3::bigint, 4::bigint, 3::bigint, 1::bigint, 0.25::float8, 0.75::float8)$$, 'what the sides are judged by is there');

-- Where no stage of the CRM means disqualified, a lead keeps the one in which it was, and its own time tells; what stage changes said its stage may take back.
INSERT INTO lead (id, created, mql, status) VALUES (19, '2026-01-01', '2026-06-01 10:00', 'sql');
INSERT INTO log VALUES (19, '2026-06-05', 'disqualified');
SELECT results_eq($$SELECT ids FROM listed WHERE measure = 'unqualified'$$, $$VALUES ('{5,7,17}'::int[])$$, 'taken back by its stage');
\o /dev/null
SELECT smarketing.map_stage('Qualified', 'sql');
\o
SELECT results_eq($$SELECT ids FROM listed WHERE measure = 'unqualified'$$, $$VALUES ('{5,7,8,17}'::int[])$$, 'a stage that cannot tell takes nothing back');

-- What is out, and never was taken, is rejected: lost, now or by a date; but sent back after it, or handed over again. A customer that left was taken.
BEGIN;
TRUNCATE lead, log, deal, done;
INSERT INTO lead (id, created, mql, sal, status) SELECT id, '2026-01-01', '2026-06-01 10:00', sal, status FROM (VALUES
    (1, NULL::timestamptz, 'lost'), (2, NULL, NULL), (3, NULL, NULL), (4, NULL, 'recycled'), (5, NULL, 'lost'), (6, NULL, NULL), (7, '2026-06-02', 'lost'), (8, NULL, 'churned'), (9, NULL, 'mql')) AS v (id, sal, status);
INSERT INTO log VALUES (2, '2026-06-03', 'lost'), (3, '2026-06-03', 'lost'), (3, '2026-06-05', 'recycled'), (4, '2026-06-05', 'lost'), (5, '2026-06-05', 'recycled'), (6, '2026-06-01 12:00', 'lost'), (6, '2026-06-08', 'mql'), (9, '2026-05-08', 'lost');
SELECT results_eq($$SELECT * FROM listed WHERE measure NOT LIKE '%in_time' AND ids IS NOT NULL$$, $$VALUES ('accepted', '{7,8}'::int[]), ('rejected', '{1,2,5}'), ('recycled', '{3,4}'), ('ignored', '{9}'), ('waiting', '{6}'),
    ('late', '{2,3,4}'), ('accepted_not_converted', '{7}'), ('judged', '{1,2,3,4,5,7,8}'), ('unqualified', '{1,2,5}')$$, 'leads that were lost');
SELECT is_empty($$SELECT FROM smarketing.handover('2026-06-01', '2026-07-01', 'all') WHERE mqls <> accepted + rejected + recycled + ignored + waiting OR mqls <> 9$$, 'each in one of five');
ROLLBACK;

-- A day tells no hour: what is dated on the day of the hand-over is since.
CREATE TABLE day_lead (id int, created date, mql timestamptz, sal date, out_on date);
INSERT INTO day_lead VALUES (1, '2026-01-01', '2026-06-01 10:00', NULL, '2026-06-01'), (2, '2026-01-01', '2026-06-01 10:00', NULL, '2026-05-31'), (3, '2026-01-01', '2026-06-01 10:00', '2026-05-31', '2026-05-31'), (4, '2026-01-01', '2026-06-01 10:00', '2026-06-01', '2026-05-31'),
    (5, '2026-01-01', '2026-06-01 10:00', '2026-06-03', '2026-06-03'), (6, '2026-01-01', '2026-06-01 10:00', '2026-06-03', '2026-06-02');
\o /dev/null
SELECT smarketing.unbind('lead');
SELECT smarketing.bind('lead', 'day_lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sal_at": "sal", "disqualified_at": "out_on"}');
\o
SELECT results_eq($$SELECT * FROM listed WHERE measure NOT LIKE '%in_time' AND ids IS NOT NULL$$, $$VALUES ('accepted', '{4,5,6}'::int[]), ('rejected', '{1}'), ('ignored', '{2,3}'), ('late', '{5}'), ('accepted_not_converted', '{5}'), ('judged', '{1,4,5,6}'), ('unqualified', '{1,5}')$$, 'days');
CREATE TABLE day_deal (id int, lead int, created date, closed date, won boolean);
CREATE TABLE day_log (lead int, at date, stage text);
INSERT INTO day_lead SELECT id, '2026-01-01', '2026-06-01 10:00' FROM generate_series(7, 12) AS id;
INSERT INTO day_deal VALUES (1, 7, '2026-06-03', '2026-06-20', false), (2, 8, '2026-06-03', '2026-06-20', false), (3, 9, '2026-05-03', '2026-05-31', false), (4, 10, '2026-05-03', '2026-06-01', false);
INSERT INTO day_log VALUES (7, '2026-06-20', 'sql'), (8, '2026-06-21', 'sql'), (11, '2026-06-01', 'disqualified'), (12, '2026-06-05', 'disqualified'), (12, '2026-06-05', 'sal');
\o /dev/null
SELECT smarketing.bind('opportunity', 'day_deal', '{"opportunity_id": "id", "lead_id": "lead", "created_at": "created", "closed_at": "closed", "won": "won"}');
SELECT smarketing.bind('stage_change', 'day_log', '{"lead_id": "lead"}');
\o
SELECT results_eq($$SELECT measure, ids[array_position(ids, (SELECT min(i) FROM unnest(ids) AS i WHERE i > 6)):] FROM listed WHERE measure IN ('accepted', 'rejected', 'ignored', 'accepted_not_converted')$$,
    $$VALUES ('accepted', '{7,8,10,12}'::int[]), ('rejected', '{11}'), ('ignored', '{9}'), ('accepted_not_converted', '{7,10,12}')$$, 'days of deals and of stage changes');
\o /dev/null
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "account_id": "account", "created_at": "created", "closed_at": "closed", "won": "won"}');
SELECT smarketing.bind('stage_change', 'log', '{"lead_id": "lead"}');
\o

-- The first sign of acceptance answers, whatever its own column says later.
TRUNCATE lead, log, deal, done;
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sal_at": "sal"}') \g /dev/null
INSERT INTO lead (id, created, mql, sal) VALUES (1, '2026-01-01', '2026-01-02', '2026-01-05'), (2, '2026-01-01', '2026-01-02', '2026-01-05'), (3, '2026-01-01', '2026-01-02', '2026-01-05');
INSERT INTO deal VALUES (1, 1, NULL, '2026-01-02 01:00', NULL, NULL);
INSERT INTO log VALUES (2, '2026-01-02 01:00', 'sal');
SELECT results_eq($$SELECT accepted, late FROM smarketing.handover('2026-01-01', '2026-02-01', 'all')$$, 'VALUES (3::bigint, 1::bigint)', 'an opportunity or a stage change before its own time');

-- Open hours: what comes while it is closed comes no later than at the closing.
TRUNCATE lead, log, deal, done;
\o /dev/null
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon":["09:00-18:00"],"tue":["09:00-18:00"],"wed":["09:00-18:00"],"thu":["09:00-18:00"],"fri":["09:00-18:00"]}');
SELECT smarketing.unbind('lead');
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql"}');
\o
INSERT INTO lead (id, created, mql) SELECT id, '2026-06-01', '2026-06-05 17:30+02' FROM generate_series(1, 5) AS id;
INSERT INTO done VALUES (1, '2026-06-05 18:00+02', 'call', false), (2, '2026-06-05 18:20+02', 'call', false), (3, '2026-06-08 09:00+02', 'call', false), (4, '2026-06-08 09:00:00.000001+02', 'call', false);
SELECT results_eq($$SELECT record_id FROM smarketing.kpi_rows('handover.late', '2026-06-01', '2026-07-01', options => '{"respond_within": "30 minutes", "calendar": "office"}')$$, $$VALUES ('4')$$, 'at the limit is in time, until it opens again');
SELECT results_eq($$SELECT lead FROM (SELECT done.lead, smarketing.response(done.lead, v.event, v.at, '30 minutes', 'office') AS summary FROM done JOIN lead ON lead.id = done.lead, LATERAL (VALUES ('trigger', mql), ('answer', done.at)) AS v (event, at) GROUP BY done.lead) AS kept, smarketing.responses(summary, '2026-07-01') AS r WHERE r.late > 0$$, $$VALUES (4::bigint)$$, 'as response has it');
SELECT results_eq($$SELECT array_agg(record_id ORDER BY record_id) FROM smarketing.kpi_rows('handover.ignored', '2026-06-01', '2026-07-01', options => '{"respond_within": "30 minutes", "calendar": "office"}')$$, $$VALUES ('{5}'::text[])$$, 'who is called in time or late is not ignored');

-- A score is marketing's: it hands leads over, and accepts none. Without a threshold, with one for SQL, with one for MQL.
TRUNCATE lead, log, deal, done;
\o /dev/null
SELECT smarketing.unbind('lead');
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "mql_at": "mql", "sal_at": "sal", "disqualified_at": "out_at"}');
\o
INSERT INTO lead (id, created, mql, sal, out_at) SELECT id, '2026-06-01', CASE WHEN id <= 42 THEN timestamptz '2026-06-02' END, CASE WHEN id = 41 THEN timestamptz '2026-06-02 12:00' END, CASE WHEN id = 42 THEN timestamptz '2026-06-02 12:00' END FROM generate_series(1, 43) AS id;
INSERT INTO done SELECT id, '2026-06-02 01:00', 'demo', true FROM generate_series(1, 43) AS id;
\o /dev/null
SELECT smarketing.define_score('d', 'demo', 60);
\o
PREPARE scored AS SELECT mqls, accepted, rejected, ignored, waiting, late, unqualified, judged, median_hours_to_sql FROM smarketing.handover('2026-06-01', '2026-07-01', 'all');
SELECT results_eq('EXECUTE scored', $$VALUES (42::bigint, 1::bigint, 1::bigint, 40::bigint, 0::bigint, 0::bigint, 1::bigint, 2::bigint, NULL::float8)$$, 'no threshold');
\o /dev/null
SELECT smarketing.qualify_at_score(60);
\o
SELECT results_eq('EXECUTE scored', $$VALUES (42::bigint, 1::bigint, 1::bigint, 40::bigint, 0::bigint, 0::bigint, 1::bigint, 2::bigint, NULL::float8)$$, 'a score accepts none');
SELECT is((SELECT sqls FROM smarketing.sales_qualified_leads('2026-06-01', '2026-07-01', 'all', options => '{"basis": "period"}')), 42::bigint, 'though it qualifies them');
\o /dev/null
SELECT smarketing.qualify_at_score(60, 'mql', 'lead');
\o
SELECT results_eq('EXECUTE scored', $$VALUES (43::bigint, 1::bigint, 1::bigint, 41::bigint, 0::bigint, 0::bigint, 1::bigint, 2::bigint, NULL::float8)$$, 'and hands over');

-- Without activities nobody knows who was answered.
\o /dev/null
SELECT smarketing.unbind('activity');
\o
SELECT results_eq($$SELECT mqls, accepted, rejected, recycled, ignored, waiting, late, ignored_rate, late_rate, acceptance_rate, closed_in_time, lost_in_time_rate, judged, weak_side FROM smarketing.handover('2026-06-01', '2026-07-01', 'all')$$,
    $$VALUES (42::bigint, 1::bigint, 1::bigint, 0::bigint, NULL::bigint, 40::bigint, NULL::bigint, NULL::float8, NULL::float8, (1 / 42::float8), NULL::bigint, NULL::float8, 2::bigint, 'too few')$$, 'nothing is said of who was ignored, or late');
SELECT throws_ok($$SELECT * FROM smarketing.kpi_rows('handover.late', '2026-06-01', '2026-07-01')$$, '55000', 'nothing that is bound gives measure "late" of handover');
SELECT lives_ok($$SELECT * FROM smarketing.alignment('2026-06-01', '2026-07-01')$$, 'and the verdict goes without');
SELECT * FROM finish();
