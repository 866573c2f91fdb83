-- The handover between the teams: each lead in one of five, answers against the limit, and whose side is weak; by hand, and random against plain SQL.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT plan(31);

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
FROM (VALUES ('mqls', '{1,2,3,4,5,6,7,8,9,10}'), ('accepted', '{5,8,9,10}'), ('rejected', '{6}'), ('recycled', '{7}'), ('ignored', '{3,4}'), ('waiting', '{1,2}'), ('late', '{2,5}'), ('accepted_not_converted', '{5,8}'), ('won', '{9}')) AS v (measure, ids);
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
    'reason ' || trunc(random() * 3), (ARRAY['new', 'working', 'recycled', NULL])[1 + trunc(random() * 4)::int], 'channel ' || id % 3, 'rep ' || id % 4
FROM (SELECT id, timestamptz '2026-01-01' + random() * interval '80 days' AS created FROM generate_series(1, 4000) AS id) AS t;
UPDATE lead SET mql = NULL WHERE id % 17 = 0;
-- One channel that is disqualified more, one rep who loses more.
UPDATE lead SET out_at = created + interval '3 days' WHERE source = 'channel 1' AND random() < 0.5;
INSERT INTO log SELECT id, created + random() * interval '30 days', (ARRAY['sal', 'recycled', 'mql', 'lost', 'sql'])[1 + trunc(random() * 5)::int] FROM lead WHERE random() < 0.3;
INSERT INTO deal SELECT row_number() OVER (), CASE WHEN random() < 0.7 THEN id END, account, created + random() * interval '20 days', CASE WHEN won IS NOT NULL THEN created + interval '30 days' END, won
FROM (SELECT *, CASE WHEN random() < 0.7 THEN random() < CASE WHEN rep = 'rep 2' THEN 0.1 ELSE 0.6 END END AS won FROM lead WHERE random() < 0.35) AS t;
INSERT INTO done SELECT 1 + trunc(random() * 4100)::bigint, timestamptz '2026-01-01' + random() * interval '90 days', 'call', (ARRAY[true, false, NULL])[1 + trunc(random() * 3)::int] FROM generate_series(1, 6000);
CREATE VIEW steps AS SELECT l.*, d.has_deal, d.is_won, d.first_deal, d.has_open, c.sal_stage, c.sal_from, c.mql_from, c.recycled, c.gone FROM lead AS l
    CROSS JOIN LATERAL (SELECT count(*) > 0 AS has_deal, coalesce(bool_or(won), false) AS is_won, min(created) AS first_deal, coalesce(bool_or(won IS NULL), false) AS has_open
        FROM deal AS d WHERE d.lead = l.id OR (d.lead IS NULL AND d.account = l.account AND d.created >= l.created)) AS d
    CROSS JOIN LATERAL (SELECT coalesce(bool_or(stage IN ('sal', 'sql')), false) AS sal_stage, min(at) FILTER (WHERE stage IN ('sal', 'sql')) AS sal_from, min(at) FILTER (WHERE stage IN ('sal', 'sql', 'mql')) AS mql_from,
        coalesce(bool_or(stage = 'recycled'), false) AS recycled, coalesce(bool_or(stage = 'lost'), false) AS gone FROM log WHERE log.lead = l.id) AS c;
CREATE FUNCTION deal_of(l bigint, a int, c timestamptz, by_lead boolean) RETURNS timestamptz LANGUAGE sql AS $$SELECT min(created) FROM deal AS d WHERE CASE WHEN by_lead THEN d.lead = l ELSE d.lead IS NULL AND d.account = a AND d.created >= c END$$;
CREATE TABLE facts AS SELECT id, source, rep, reason, coalesce(mql, mql_from, sal, deal_of(id, account, created, true), deal_of(id, account, created, false)) AS mql_time, sal IS NOT NULL OR sal_stage OR has_deal AS is_sal,
    coalesce(sal, sal_from, deal_of(id, account, created, true), deal_of(id, account, created, false)) AS sal_time, out_at, recycled OR coalesce(status = 'recycled', false) AS is_recycled, gone, is_won, has_deal, has_open, created FROM steps;
CREATE TABLE sent AS SELECT f.*, t.touch, least(t.touch, sal_time, out_at) > mql_time + interval '30 hours' AS is_late FROM facts AS f CROSS JOIN LATERAL (SELECT min(at) AS touch FROM done WHERE lead = f.id AND robot IS NOT TRUE AND at >= f.mql_time) AS t
    WHERE mql_time IS NOT NULL;
CREATE VIEW slow AS SELECT source, count(*) AS mqls, count(*) FILTER (WHERE is_sal) AS accepted, count(*) FILTER (WHERE NOT is_sal AND out_at IS NOT NULL) AS rejected, count(*) FILTER (WHERE NOT is_sal AND out_at IS NULL AND is_recycled) AS recycled,
    count(*) FILTER (WHERE NOT is_sal AND out_at IS NULL AND NOT is_recycled AND touch IS NULL) AS ignored, count(*) FILTER (WHERE is_late) AS late,
    count(*) FILTER (WHERE is_sal AND NOT is_won AND (out_at IS NOT NULL OR is_recycled OR gone OR (has_deal AND NOT has_open))) AS accepted_not_converted, count(*) FILTER (WHERE is_won) AS won,
    mode() WITHIN GROUP (ORDER BY reason) FILTER (WHERE NOT is_sal AND out_at IS NOT NULL) AS top FROM sent GROUP BY GROUPING SETS ((source), ());
SELECT results_eq($$SELECT by_1, mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, top_reject_reason FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{channel}', options => '{"respond_within": "30 hours"}')$$,
    $$SELECT source, mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won, top FROM slow WHERE source IS NOT NULL ORDER BY 1$$, 'as plain SQL counts, by channel (seed 0.14142135623)');
SELECT results_eq($$SELECT sum(mqls)::bigint, sum(accepted)::bigint, sum(rejected)::bigint, sum(recycled)::bigint, sum(ignored)::bigint, sum(late)::bigint, sum(accepted_not_converted)::bigint, sum(won)::bigint FROM smarketing.handover('2025-12-01', '2026-07-01', 'week', '{owner,channel}', options => '{"respond_within": "30 hours"}')$$,
    $$SELECT mqls, accepted, rejected, recycled, ignored, late, accepted_not_converted, won FROM slow WHERE source IS NULL$$, 'weeks and reps add up');
SELECT is_empty($$SELECT * FROM smarketing.handover('2025-12-01', '2026-07-01', 'week', '{owner,channel}') WHERE mqls <> accepted + rejected + recycled + ignored + waiting$$, 'and the five in every cell');
SELECT results_eq($$SELECT by_1, weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{channel}')$$, $$VALUES ('channel 0', 'none'), ('channel 1', 'marketing'), ('channel 2', 'none')$$, 'the channel that is disqualified more is badly qualified');
SELECT results_eq($$SELECT by_1, weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'all', '{owner}') WHERE weak_side IN ('sales', 'both')$$, $$VALUES ('rep 2', 'sales')$$, 'the rep who loses more closes badly');
SELECT results_eq($$SELECT DISTINCT weak_side FROM smarketing.handover('2025-12-01', '2026-07-01', 'day', '{owner,channel}')$$, $$VALUES ('too few')$$, 'of few leads nothing is said');
SELECT matches(smarketing.kpi_sql('handover', '2026-01-01', '2026-02-01', 'all', '{channel}'), 'cell.channel', 'kpi_sql shows the statement');
SELECT smarketing.kpi_sql('handover', '2025-12-01', '2026-07-01', 'all') AS statement \gset
SELECT lives_ok(:'statement', 'which runs as it is');
SELECT * FROM finish();
