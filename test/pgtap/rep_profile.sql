-- Reps beside their teams: figures written out by hand, random CRMs against plain SQL, and the sample CRM's weak rep.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
\set crm :root '/test/sample/crm.sql'
\set crm_bindings :root '/test/sample/bind.sql'
SELECT plan(42);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset

CREATE TABLE lead (id int PRIMARY KEY, created timestamptz, rep text, mql timestamptz, sal timestamptz, sql timestamptz, source text);
CREATE TABLE deal (id int PRIMARY KEY, lead int, rep text, created timestamptz, closed timestamptz, won boolean, sort text);
CREATE TABLE person (id text, team text);
\o /dev/null
SELECT smarketing.configure('time_zone', 'UTC');
\o
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile()$$, '55000', 'rep_profile needs entity "lead", which is not bound');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created"}');
\o
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile()$$, '22023', 'measure "leads" of rep_profile has no dimension "owner"');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "owner": "rep", "channel": "source"}');
\o
SELECT is_empty($$SELECT * FROM smarketing.rep_profile()$$, 'no leads, no reps');

-- 60 leads of one rep: there is nobody to compare with, and nothing tells of steps.
INSERT INTO lead SELECT n, '2026-01-01', 'Ann', NULL, NULL, NULL, 'Ads' FROM generate_series(1, 60) AS n;
SELECT results_eq($$SELECT owner, team, step, entered, converted, rate, team_rate, z_score, open_leads, compliance, verdict FROM smarketing.rep_profile()$$,
    $$VALUES ('Ann', NULL::text, 'lead_to_mql', 60::bigint, NULL::bigint, NULL::float8, NULL::float8, NULL::float8, 60::bigint, NULL::float8, 'nobody to compare with'),
             ('Ann', NULL, 'mql_to_sal', NULL, NULL, NULL, NULL, NULL, 60, NULL, 'nobody to compare with'), ('Ann', NULL, 'sal_to_sql', NULL, NULL, NULL, NULL, NULL, 60, NULL, 'nobody to compare with'),
             ('Ann', NULL, 'sql_to_opportunity', NULL, NULL, NULL, NULL, NULL, 60, NULL, 'nobody to compare with'), ('Ann', NULL, 'opportunity_to_won', NULL, NULL, NULL, NULL, NULL, 60, NULL, 'nobody to compare with')$$,
    'what nothing tells of is NULL');
\o /dev/null
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "created", "owner": "rep", "mql_at": "mql", "sal_at": "sal", "sql_at": "sql", "channel": "source"}');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead", "owner": "rep", "created_at": "created", "closed_at": "closed", "won": "won", "kind": "sort"}');
\o
SELECT results_eq($$SELECT step, entered, converted, rate, team_rate, z_score FROM smarketing.rep_profile()$$,
    $$VALUES ('lead_to_mql', 60::bigint, 0::bigint, 0::float8, 0::float8, NULL::float8), ('mql_to_sal', 0, 0, NULL, NULL, NULL), ('sal_to_sql', 0, 0, NULL, NULL, NULL), ('sql_to_opportunity', 0, 0, NULL, NULL, NULL), ('opportunity_to_won', 0, 0, NULL, NULL, NULL)$$,
    'and of nothing there is no rate');

-- Ann makes 30 MQLs of 60 leads, Bob 10 of 40; Cat 1 of 4. Of all 104 leads 41 are MQLs.
INSERT INTO lead SELECT 100 + n, '2026-01-01', 'Bob', NULL, NULL, NULL, 'Ads' FROM generate_series(1, 40) AS n;
INSERT INTO lead SELECT 200 + n, '2026-01-01', 'Cat', NULL, NULL, NULL, 'Fair' FROM generate_series(1, 4) AS n;
INSERT INTO lead VALUES (300, '2026-01-01', NULL, '2026-01-02', NULL, NULL, 'Fair');
UPDATE lead SET mql = '2026-01-05' WHERE id <= 30 OR id BETWEEN 101 AND 110 OR id = 201;
-- Ann closes 24 and wins 3 of them, Bob wins 12 of 20; one of his was an upsell, one is open, one was closed in another year.
INSERT INTO deal SELECT n, NULL, CASE WHEN n <= 24 THEN 'Ann' ELSE 'Bob' END, '2026-02-01', '2026-03-01', n <= 3 OR n BETWEEN 25 AND 36, 'new' FROM generate_series(1, 44) AS n;
INSERT INTO deal VALUES (50, NULL, 'Bob', '2026-02-01', '2026-03-01', true, 'upsell'), (51, NULL, 'Bob', '2026-02-01', NULL, NULL, 'new'), (52, NULL, 'Bob', '2025-02-01', '2025-03-01', true, 'new'), (53, NULL, NULL, '2026-02-01', '2026-03-01', true, 'new');
PREPARE told AS SELECT owner, step, entered, converted, round(rate::numeric, 9), round(team_rate::numeric, 9), round(z_score::numeric, 9) FROM smarketing.rep_profile('2026-01-01', '2027-01-01', options => $1) WHERE step IN ('lead_to_mql', 'opportunity_to_won');
SELECT results_eq($$EXECUTE told('{}')$$,
    $$VALUES ('Ann', 'lead_to_mql', 60::bigint, 30::bigint, round((30 + 10 * 41 / 104.0) / 70, 9), round(41 / 104.0, 9), round((30 / 60.0 - 11 / 44.0) / sqrt(41 / 104.0 * 63 / 104.0 * (1 / 60.0 + 1 / 44.0)), 9)),
             ('Ann', 'opportunity_to_won', 24, 3, round((3 + 10 * 15 / 44.0) / 34, 9), round(15 / 44.0, 9), round((3 / 24.0 - 12 / 20.0) / sqrt(15 / 44.0 * 29 / 44.0 * (1 / 24.0 + 1 / 20.0)), 9)),
             ('Bob', 'lead_to_mql', 40, 10, round((10 + 10 * 41 / 104.0) / 50, 9), round(41 / 104.0, 9), round((10 / 40.0 - 31 / 64.0) / sqrt(41 / 104.0 * 63 / 104.0 * (1 / 40.0 + 1 / 64.0)), 9)),
             ('Bob', 'opportunity_to_won', 20, 12, round((12 + 10 * 15 / 44.0) / 30, 9), round(15 / 44.0, 9), round((12 / 20.0 - 3 / 24.0) / sqrt(15 / 44.0 * 29 / 44.0 * (1 / 24.0 + 1 / 20.0)), 9)),
             ('Cat', 'lead_to_mql', 4, 1, round((1 + 10 * 41 / 104.0) / 14, 9), round(41 / 104.0, 9), round((1 / 4.0 - 40 / 100.0) / sqrt(41 / 104.0 * 63 / 104.0 * (1 / 4.0 + 1 / 100.0)), 9)),
             ('Cat', 'opportunity_to_won', 0, 0, NULL, round(15 / 44.0, 9), NULL)$$, 'rates, shrunk, and z-scores by hand; who owns nothing is no rep');
SELECT is((SELECT round(rate::numeric, 6) FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE owner = 'Cat' AND step = 'lead_to_mql'), 0.353022, 'one of four, where it is 0.394 of all: not 0.25');
SELECT is((SELECT round(z_score::numeric, 4) FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE owner = 'Ann' AND step = 'opportunity_to_won'), -3.3098, 'as a two-proportion z-test says of 3 of 24 and 12 of 20');
SELECT results_eq($$SELECT DISTINCT owner, open_leads, verdict FROM smarketing.rep_profile('2026-01-01', '2027-01-01') ORDER BY owner$$,
    $$VALUES ('Ann', 60::bigint, 'strong at developing leads, weak at closing'), ('Bob', 40, 'strong at closing'), ('Cat', 4, 'too few')$$, 'verdicts');
SELECT results_eq($$SELECT DISTINCT owner, verdict FROM smarketing.rep_profile('2026-01-01', '2027-01-01', options => '{"language": "fr"}') ORDER BY owner$$,
    $$VALUES ('Ann', 'point fort : maturation des leads, point faible : conclusion'), ('Bob', 'point fort : conclusion'), ('Cat', 'trop peu de données')$$, 'in French');
UPDATE lead SET mql = '2026-01-05' WHERE id <= 45;
SELECT results_eq($$SELECT DISTINCT owner, verdict FROM smarketing.rep_profile('2026-01-01', '2027-01-01') ORDER BY owner$$,
    $$VALUES ('Ann', 'strong at developing leads, weak at closing'), ('Bob', 'strong at closing, weak at developing leads'), ('Cat', 'too few')$$, 'strong first, then weak');
UPDATE lead SET mql = NULL WHERE id BETWEEN 31 AND 45;
SELECT results_eq($$SELECT entered, converted FROM smarketing.rep_profile('2026-01-01', '2027-01-01', options => '{"kind": "all"}') WHERE owner = 'Bob' AND step = 'opportunity_to_won'$$, $$VALUES (21::bigint, 13::bigint)$$, 'of all kinds');
SELECT is((SELECT converted FROM smarketing.rep_profile('2026-01-01', '2027-01-01', options => '{"within": "3 days"}') WHERE owner = 'Ann' AND step = 'lead_to_mql'), 0::bigint, 'within three days');

-- A filter on the owner chooses who is shown, not whom they are compared with.
SELECT results_eq($$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01', '{"owner": "Ann"}')$$, $$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE owner = 'Ann'$$, 'one rep alone');
SELECT results_eq($$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01', '{"owner": {"not": ["Ann", "Cat"]}}')$$, $$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE owner = 'Bob'$$, 'all but some');
SELECT is_empty($$SELECT * FROM smarketing.rep_profile('2026-01-01', '2027-01-01', '{"owner": null}')$$, 'nobody is no rep');

-- Teams.
\o /dev/null
SELECT smarketing.bind('owner', 'person', '{"owner": "id"}');
\o
INSERT INTO person VALUES ('Ann', 'North'), ('Bob', 'North'), ('Cat', 'South'), ('Dan', NULL);
INSERT INTO lead SELECT 400 + n, '2026-01-01', 'Dan', CASE WHEN n <= 6 THEN timestamptz '2026-01-05' END, NULL, NULL, 'Ads' FROM generate_series(1, 20) AS n;
INSERT INTO lead VALUES (500, '2025-06-01', 'Eve', NULL, NULL, NULL, 'Ads');
SELECT results_eq($$SELECT owner, team, entered, round(team_rate::numeric, 9), round(z_score::numeric, 9), open_leads FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE step = 'lead_to_mql'$$,
    $$VALUES ('Ann', 'North', 60::bigint, 0.4, round((30 / 60.0 - 10 / 40.0) / sqrt(0.4 * 0.6 * (1 / 60.0 + 1 / 40.0)), 9), 60::bigint), ('Bob', 'North', 40, 0.4, round((10 / 40.0 - 30 / 60.0) / sqrt(0.4 * 0.6 * (1 / 60.0 + 1 / 40.0)), 9), 40), ('Cat', 'South', 4, 0.25, NULL, 4),
             ('Dan', NULL, 20, round(47 / 124.0, 9), round((6 / 20.0 - 41 / 104.0) / sqrt(47 / 124.0 * 77 / 124.0 * (1 / 20.0 + 1 / 104.0)), 9), 20), ('Eve', NULL, 0, round(47 / 124.0, 9), NULL, 1)$$,
    'each beside the team, who has none beside all, by team and owner; who only has open leads is shown too');
SELECT is((SELECT DISTINCT verdict FROM smarketing.rep_profile('2026-01-01', '2027-01-01') WHERE owner = 'Dan'), 'average', 'no step of which there is enough stands out');
SELECT results_eq($$SELECT DISTINCT owner FROM smarketing.rep_profile('2026-01-01', '2027-01-01', '{"team": "North"}') ORDER BY 1$$, $$VALUES ('Ann'), ('Bob')$$, 'one team');

-- How the rules of service were kept.
CREATE TABLE deed (lead int, at timestamptz, kind text);
INSERT INTO deed SELECT lead, '2026-01-10 10:00', 'demo_request' FROM unnest('{1,2,3,4,101,201}'::int[]) AS lead;
INSERT INTO deed VALUES (1, '2026-01-10 10:30', 'call'), (2, '2026-01-10 10:30:01', 'call'), (3, '2026-01-10 10:01', 'call'), (101, '2026-01-10 11:00', 'call'), (5, '2025-12-31', 'demo_request'), (6, now(), 'demo_request');
\o /dev/null
SELECT smarketing.bind('activity', 'deed', '{"lead_id": "lead"}');
SELECT smarketing.define_sla('call back', 'demo_request', 'call', '30 minutes');
SELECT smarketing.unbind('activity');
\o
SELECT is((SELECT count(compliance) FROM smarketing.rep_profile('2026-01-01', '2027-01-01')), 0::bigint, 'nothing tells of answers');
\o /dev/null
SELECT smarketing.bind('activity', 'deed', '{"lead_id": "lead"}');
\o
SELECT results_eq($$SELECT DISTINCT owner, compliance FROM smarketing.rep_profile('2026-01-01', '2027-01-01') ORDER BY owner$$,
    $$VALUES ('Ann', 0.5::float8), ('Bob', 0), ('Cat', 0), ('Dan', NULL), ('Eve', NULL)$$, 'answered in time, of those that were due');
SELECT results_eq($$SELECT DISTINCT owner, compliance FROM smarketing.rep_profile('2026-01-01', '2027-01-01', '{"owner": ["Ann", "Cat"], "channel": "Ads"}') ORDER BY owner$$, $$VALUES ('Ann', 0.5::float8)$$, 'and of the leads that are chosen');

-- Arguments.
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile(options => '{"basis": "period"}')$$, '22023', 'option "basis" of rep_profile does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile(options => '{"language": "de"}')$$, '22023', 'invalid value for option "language": "de"');
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile(options => '[]')$$, '22023', 'argument "options" must be a JSON object');
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile(filter => '{"height": 3}')$$, '22023', 'dimension "height" does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.rep_profile('2026-01-01', '2026-01-01')$$, '22023', 'argument "since" must be before "until"');
SELECT results_eq($$SELECT * FROM smarketing.rep_profile(NULL, NULL, NULL, NULL)$$, $$SELECT * FROM smarketing.rep_profile()$$, 'NULL is what is left out');

-- Random CRMs, each figure also by SQL that looks at each rep by itself; and the records behind it.
TRUNCATE lead, deal, person;
INSERT INTO person SELECT 'rep ' || n, (ARRAY['North', 'South', 'West', NULL])[1 + trunc(random() * 4)::int] FROM generate_series(1, 12) AS n;
INSERT INTO lead SELECT n, created, CASE WHEN random() < 0.95 THEN 'rep ' || 1 + trunc(random() * 13)::int END, CASE WHEN random() < 0.6 THEN created + random() * interval '40 days' END,
    CASE WHEN random() < 0.4 THEN created + random() * interval '40 days' END, CASE WHEN random() < 0.3 THEN created + random() * interval '40 days' END, (ARRAY['Ads', 'Fair'])[1 + trunc(random() * 2)::int]
FROM (SELECT n, timestamptz '2026-01-01' + random() * interval '120 days' AS created FROM generate_series(1, 4000) AS n) AS t;
INSERT INTO deal SELECT n, CASE WHEN random() < 0.8 THEN 1 + trunc(random() * 4000)::int END, CASE WHEN random() < 0.95 THEN 'rep ' || 1 + trunc(random() * 13)::int END, created,
    created + random() * interval '60 days', random() < 0.3, CASE WHEN random() < 0.9 THEN 'new' ELSE 'renewal' END
FROM (SELECT n, timestamptz '2026-01-01' + random() * interval '150 days' AS created FROM generate_series(1, 3000) AS n) AS t;
UPDATE deal SET won = NULL, closed = NULL WHERE random() < 0.2;
CREATE VIEW reached AS SELECT id, rep, created, source, 1 + (CASE WHEN EXISTS (SELECT FROM deal AS d WHERE d.lead = l.id) THEN 4 WHEN sql IS NOT NULL THEN 3 WHEN sal IS NOT NULL THEN 2 WHEN mql IS NOT NULL THEN 1 ELSE 0 END) AS far FROM lead AS l;
CREATE TABLE expected AS
SELECT p.rep, w.team, s.step, s.n, s.name,
    CASE WHEN s.n < 5 THEN (SELECT count(*) FROM reached AS r WHERE r.rep = p.rep AND r.created >= '2026-02-01' AND r.created < '2026-04-01' AND r.far >= s.n)
         ELSE (SELECT count(*) FROM deal AS d WHERE d.rep = p.rep AND d.won IS NOT NULL AND d.sort = 'new' AND d.closed >= '2026-02-01' AND d.closed < '2026-04-01') END AS entered,
    CASE WHEN s.n < 5 THEN (SELECT count(*) FROM reached AS r WHERE r.rep = p.rep AND r.created >= '2026-02-01' AND r.created < '2026-04-01' AND r.far > s.n)
         ELSE (SELECT count(*) FROM deal AS d WHERE d.rep = p.rep AND d.won AND d.sort = 'new' AND d.closed >= '2026-02-01' AND d.closed < '2026-04-01') END AS converted,
    (SELECT count(*) FROM reached AS r WHERE r.rep = p.rep AND r.far < 5) AS open_leads
FROM (SELECT DISTINCT rep FROM lead WHERE rep IS NOT NULL) AS p LEFT JOIN person AS w ON w.id = p.rep,
     (VALUES (1, 'lead_to_mql', 'developing leads'), (2, 'mql_to_sal', 'taking up leads'), (3, 'sal_to_sql', 'qualification'), (4, 'sql_to_opportunity', 'opening opportunities'), (5, 'opportunity_to_won', 'closing')) AS s (n, step, name);
CREATE VIEW expected_beside AS
SELECT e.*, o.n AS others, o.c AS others_converted, (o.c + e.converted)::float8 / nullif(o.n + e.entered, 0) AS team_rate FROM expected AS e,
    LATERAL (SELECT coalesce(sum(f.entered), 0) AS n, coalesce(sum(f.converted), 0) AS c FROM expected AS f WHERE f.step = e.step AND f.rep <> e.rep AND (e.team IS NULL OR f.team = e.team)) AS o;
CREATE VIEW expected_judged AS
SELECT e.*, CASE WHEN entered > 0 THEN (converted + 10 * team_rate) / (entered + 10) END AS rate,
    CASE WHEN entered > 0 AND others > 0 AND team_rate > 0 AND team_rate < 1 THEN (converted / entered::float8 - (others_converted / others)::float8) / sqrt(team_rate * (1 - team_rate) * (1 / entered::float8 + 1 / others::float8)) END AS z
FROM expected_beside AS e;
SELECT results_eq($$SELECT owner, team, step, entered, converted, round(rate::numeric, 9), round(team_rate::numeric, 9), round(z_score::numeric, 9), open_leads FROM smarketing.rep_profile('2026-02-01', '2026-04-01')$$,
    $$SELECT rep, team, step, entered, converted, round(rate::numeric, 9), round(team_rate::numeric, 9), round(z::numeric, 9), open_leads FROM expected_judged ORDER BY team COLLATE "C", rep COLLATE "C", n$$, 'a random CRM');
SELECT set_eq($$SELECT DISTINCT owner, verdict FROM smarketing.rep_profile('2026-02-01', '2026-04-01')$$,
    $$SELECT rep, coalesce(string_agg(CASE WHEN abs(rate - team_rate) >= 0.1 * least(team_rate, 1 - team_rate) THEN CASE WHEN z >= 2.576 THEN 'strong at ' || name WHEN z <= -2.576 THEN 'weak at ' || name END END, ', ' ORDER BY z < 0, n)
            FILTER (WHERE entered >= 20 AND others >= 20), CASE WHEN bool_or(entered >= 20 AND others >= 20) THEN 'average' WHEN bool_or(entered >= 20) THEN 'nobody to compare with' ELSE 'too few' END)
      FROM expected_judged GROUP BY rep$$, 'and its verdicts');
UPDATE person SET team = NULL WHERE id IN ('rep 3', 'rep 4');
UPDATE lead SET mql = NULL, sal = NULL, sql = NULL WHERE rep = 'rep 3' AND id % 2 = 0;
UPDATE deal SET won = true WHERE rep = 'rep 4' AND won IS NOT NULL;
CREATE TABLE told AS SELECT * FROM smarketing.rep_profile('2026-02-01', '2026-04-01');
SELECT ok((SELECT bool_and(verdict LIKE '%weak at developing leads%') FROM told WHERE owner = 'rep 3'), 'who was made weak at a step');
SELECT ok((SELECT bool_and(verdict LIKE '%strong at closing%') FROM told WHERE owner = 'rep 4'), 'and strong');
SELECT is_empty($$SELECT t.owner, t.step FROM told AS t JOIN (VALUES ('lead_to_mql', 'sales_qualified_leads.leads', 'sales_qualified_leads.mqls'), ('mql_to_sal', 'sales_qualified_leads.mqls', 'sales_qualified_leads.sals'), ('sal_to_sql', 'sales_qualified_leads.sals', 'sales_qualified_leads.sqls'),
        ('sql_to_opportunity', 'sales_qualified_leads.sqls', 'sales_qualified_leads.opportunities'), ('opportunity_to_won', 'opportunity_win_rate.closed', 'opportunity_win_rate.won')) AS m (step, entered, converted) USING (step)
    WHERE t.entered <> (SELECT count(*) FROM smarketing.kpi_rows(m.entered, '2026-02-01', '2026-04-01', jsonb_build_object('owner', t.owner), max_rows => NULL))
       OR t.converted <> (SELECT count(*) FROM smarketing.kpi_rows(m.converted, '2026-02-01', '2026-04-01', jsonb_build_object('owner', t.owner), max_rows => NULL))$$, 'kpi_rows lists what is behind each figure');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET work_mem = '64kB';
SELECT results_eq($$SELECT * FROM smarketing.rep_profile('2026-02-01', '2026-04-01')$$, 'TABLE told', 'with workers and little memory');
RESET ALL;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

-- The sample CRM: Anna Schmidt (3) qualifies well and closes badly, Claire Dubois (1) closes well.
\o /dev/null
SELECT smarketing.unbind('lead'), smarketing.unbind('opportunity'), smarketing.unbind('owner');
\i :crm
\i :crm_bindings
\o
SELECT is((SELECT DISTINCT verdict FROM smarketing.rep_profile('2025-11-01', '2026-11-01') WHERE owner = '3'), 'strong at taking up leads, strong at qualification, weak at closing', 'the sample''s weak rep: it names the weak step');
SELECT ok((SELECT bool_and(verdict LIKE '%strong at closing%') FROM smarketing.rep_profile('2025-11-01', '2026-11-01') WHERE owner = '1'), 'and its best one''s strong step');
SELECT results_eq($$SELECT owner FROM smarketing.rep_profile('2025-11-01', '2026-11-01') WHERE verdict LIKE '%weak at closing%' GROUP BY owner$$, $$VALUES ('3')$$, 'nobody else is weak there');
SELECT set_eq($$SELECT owner, open_leads FROM smarketing.rep_profile('2025-11-01', '2026-11-01') WHERE step = 'lead_to_mql'$$,
    $$SELECT owner_id::text, count(*) FROM crm.contact WHERE owner_id IS NOT NULL AND status IN ('New', 'Working', 'Marketing Qualified', 'Sales Accepted', 'Sales Qualified') AND disqualified_on IS NULL
        AND NOT EXISTS (SELECT FROM crm.deal AS d WHERE d.contact_id = contact.id OR (d.contact_id IS NULL AND d.company_id = contact.company_id AND d.opened_on >= contact.created_on)) GROUP BY 1$$, 'open leads are those that plain SQL finds');
CREATE TABLE by_hand AS SELECT owner, step, entered, converted FROM smarketing.rep_profile('2025-11-01', '2026-11-01');
SELECT sqls AS sqls_by_hand FROM smarketing.sales_qualified_leads('2025-11-01', '2026-11-01', 'all') \gset
\o /dev/null
SELECT smarketing.qualify_at_score(60);
\o
SELECT cmp_ok((SELECT sqls FROM smarketing.sales_qualified_leads('2025-11-01', '2026-11-01', 'all')), '>', :sqls_by_hand::bigint, 'a score qualifies leads');
SELECT results_eq($$SELECT owner, step, entered, converted FROM smarketing.rep_profile('2025-11-01', '2026-11-01')$$, 'TABLE by_hand', 'but is no rep''s work');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.rep_profile_row'::regclass),
    'owner text, team text, step text, entered bigint, converted bigint, rate double precision, team_rate double precision, z_score double precision, open_leads bigint, compliance double precision, verdict text', 'the columns of the contract');
SELECT is((SELECT provolatile::text || proparallel::text FROM pg_proc WHERE pronamespace = 'smarketing'::regnamespace AND proname = 'rep_profile'), 'sr', 'STABLE and PARALLEL RESTRICTED');
SELECT * FROM finish();
