-- doctor(): each check fires on a CRM that has exactly its fault, with the exact count, and its hint mends or lists it.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(176);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'Europe/Paris';

SELECT results_eq('SELECT severity, entity, problem, row_count, hint FROM smarketing.doctor()',
    $$VALUES ('error', NULL::text, 'nothing is bound: there is no figure yet', NULL::bigint, 'SELECT * FROM smarketing.getting_started()')$$,
    'nothing bound at all');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.doctor_row'::regclass),
    'severity text, entity text, problem text, row_count bigint, hint text', 'columns of doctor()');
SELECT is((SELECT provolatile::text || proparallel::text FROM pg_proc WHERE oid = 'smarketing.doctor()'::regprocedure), 'su', 'stable; unsafe, as it needs subtransactions');

-- A sound CRM: quoted names, keys of three types (uuid in one table, text in another), times of three.
CREATE SCHEMA "Big CRM";
SET search_path = "Big CRM", public;
CREATE TABLE "Lead" ("Id" uuid PRIMARY KEY, "Created" timestamptz, "Source" text, "Owner" int, "Status" text, "Pipe" text, "MQL on" timestamptz, "SAL" timestamptz, "SQL" date, "Out" timestamptz, score float8);
CREATE TABLE "Move" ("Lead" text, deal bigint, "When" timestamp, "Stage" text);
CREATE TABLE "Deal" (id bigint PRIMARY KEY, "Lead" text, company int, opened timestamptz, closed timestamptz, won boolean, value numeric, cur text, expected date, type text, rep int, prob float8, step text);
CREATE TABLE cost (day date, until date, source text, campaign text, kind text, amount numeric, cur text);
CREATE TABLE visit (at timestamptz, lead uuid, company int, source text);
CREATE TABLE call (at timestamptz, lead uuid, kind text, rep text, by_robot boolean);
CREATE TABLE invoice (company int, day date, amount numeric, cur text);
CREATE TABLE contract (company int, starts date, ends date, monthly numeric);
CREATE TABLE company (id int PRIMARY KEY, name text);
CREATE TABLE rep (id int PRIMARY KEY, name text, active boolean);
CREATE TABLE fx (currency text, at date, rate numeric);
CREATE TABLE quota (metric text, starts_on date, period text, value numeric);
INSERT INTO rep VALUES (1, 'Ann', true), (2, 'Bob', true), (3, 'Cid', false);
INSERT INTO company SELECT n, 'Firm ' || n FROM generate_series(1, 20) n;
INSERT INTO "Lead" SELECT md5(n::text)::uuid, timestamptz '2026-01-01 12:00+01' + n * interval '1 day', CASE WHEN n % 2 = 0 THEN 'Google Ads' ELSE 'Meta Ads' END, 1 + n % 2, CASE WHEN n % 3 = 0 THEN 'mql' ELSE 'Neu' END, 'std',
    timestamptz '2026-01-03 12:00+01' + n * interval '1 day', timestamptz '2026-01-04 12:00+01' + n * interval '1 day', date '2026-01-05' + n, NULL, n FROM generate_series(1, 100) n;
INSERT INTO "Move" SELECT "Id"::text, NULL, ("Created" AT TIME ZONE 'UTC') + interval '1 hour', 'Neu' FROM "Lead";
INSERT INTO "Deal" SELECT n, md5(n::text)::uuid::text, 1 + n % 20, timestamptz '2026-02-01 12:00+01' + n * interval '1 day', CASE WHEN n % 3 > 0 THEN timestamptz '2026-03-01 12:00+01' + n * interval '1 day' END,
    CASE n % 3 WHEN 1 THEN true WHEN 2 THEN false END, 100 + n, CASE WHEN n % 4 = 0 THEN ' usd' ELSE 'EUR' END, current_date + 10, 'new', 1 + n % 2, n / 100.0, 'opportunity' FROM generate_series(1, 60) n;
INSERT INTO "Move" SELECT NULL, id, (opened AT TIME ZONE 'UTC') + interval '1 hour', 'opportunity' FROM "Deal";
INSERT INTO cost SELECT date '2026-01-01' + n, NULL, CASE WHEN n % 2 = 0 THEN 'Google Ads' ELSE 'Meta Ads' END, 'spring', 'marketing', 10, 'EUR' FROM generate_series(1, 50) n;
INSERT INTO cost VALUES ('2026-01-01', '2026-02-01', NULL, NULL, 'sales', 500, NULL);
INSERT INTO visit SELECT "Created" - interval '1 day', "Id", NULL, "Source" FROM "Lead";
INSERT INTO call SELECT "Created" + interval '1 day', "Id", 'call', '1', false FROM "Lead";
INSERT INTO invoice SELECT 1 + n % 20, date '2026-02-01' + n, 50, 'EUR' FROM generate_series(1, 40) n;
INSERT INTO contract SELECT n, date '2026-02-01', CASE WHEN n > 10 THEN 'infinity'::date END, 10 FROM generate_series(1, 20) n;
INSERT INTO fx VALUES ('USD', '2026-01-01', 0.9);
INSERT INTO quota VALUES ('revenue', '2026-02-01', 'month', 1000), ('opportunity_win_rate.win_rate', '2026-02-01', 'quarter', 0.5);
SELECT smarketing.bind('lead', '"Lead"', '{"lead_id": "\"Id\"", "created_at": "\"Created\"", "channel": "\"Source\"", "owner": "\"Owner\"", "stage": "\"Status\"", "pipeline": "\"Pipe\"", "mql_at": "\"MQL on\"", "sal_at": "\"SAL\"", "sql_at": "\"SQL\"", "disqualified_at": "\"Out\""}'),
    smarketing.bind('stage_change', '"Move"', '{"lead_id": "\"Lead\"", "opportunity_id": "deal", "at": "\"When\"", "stage": "\"Stage\""}'),
    smarketing.bind('opportunity', '"Deal"', '{"opportunity_id": "id", "lead_id": "\"Lead\"", "account_id": "company", "created_at": "opened", "closed_at": "closed", "amount": "value", "currency": "cur", "expected_close_at": "expected", "kind": "type", "owner": "rep", "probability": "prob", "stage": "step"}', 'id > 0'),
    smarketing.bind('spend', 'cost', '{"at": "day", "ends_at": "until", "channel": "source", "currency": "cur"}'),
    smarketing.bind('touch', 'visit', '{"lead_id": "lead", "account_id": "company", "channel": "source"}'),
    smarketing.bind('activity', 'call', '{"lead_id": "lead", "owner": "rep", "is_automatic": "by_robot"}'),
    smarketing.bind('revenue', 'invoice', '{"account_id": "company", "at": "day", "currency": "cur"}'),
    smarketing.bind('subscription', 'contract', '{"account_id": "company", "starts_at": "starts", "ends_at": "ends", "amount": "monthly"}'),
    smarketing.bind('account', 'company', '{"account_id": "id", "label": "name"}'),
    smarketing.bind('owner', 'rep', '{"owner": "id", "label": "name", "is_active": "active"}'),
    smarketing.bind('exchange_rate', 'fx'), smarketing.bind('goal', 'quota'),
    smarketing.map_stage('Neu', 'lead'), smarketing.configure('currency', 'EUR'), smarketing.configure('time_zone', 'Etc/UTC') \gset

SELECT is_empty('SELECT * FROM smarketing.doctor()', 'a sound CRM has nothing');

-- What a fault adds, and whether the hint of the row does what it says; what the fault changed is taken back.
CREATE FUNCTION fault(change text, severity text, entity text, problem text, count bigint, others text DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    row smarketing.doctor_row;
    got text := 'no such row';
    more text;
    done text;
    n bigint;
BEGIN
    BEGIN
        EXECUTE change;
        SELECT * INTO row FROM smarketing.doctor() d WHERE d.severity = fault.severity AND d.entity IS NOT DISTINCT FROM fault.entity AND d.problem = fault.problem;
        IF FOUND THEN
            got := coalesce(row.row_count::text, 'none');
        ELSE
            got := (SELECT string_agg(d.severity || ' ' || coalesce(d.entity, '') || ': ' || d.problem, '; ') FROM smarketing.doctor() d);
        END IF;
        more := (SELECT string_agg(d.problem, '; ' ORDER BY d.problem) FROM smarketing.doctor() d WHERE d.problem <> fault.problem AND d.severity <> 'info');
        IF row.hint ~ '^(SELECT smarketing\.|INSERT|CREATE|GRANT)' THEN
            EXECUTE replace(row.hint, ':rate', '0.5');
            done := (SELECT 'still there' FROM smarketing.doctor() d WHERE d.entity IS NOT DISTINCT FROM fault.entity AND d.problem = fault.problem);
        ELSIF row.hint ~ 'count\((DISTINCT .*)?\*?' AND row.hint !~ 'smarketing\.' THEN
            EXECUTE format('SELECT sum(t.count - %s) FROM (%s) t', CASE WHEN row.problem LIKE '%repeat%' THEN 1 ELSE 0 END, row.hint) INTO n;
            done := CASE WHEN n <> row.row_count THEN n || ' listed' END;
        ELSIF row.hint IS NOT NULL THEN
            EXECUTE format('SELECT count(*) FROM (%s) t', row.hint) INTO n;
            done := CASE WHEN row.hint LIKE '%LIMIT 20' AND row.problem NOT LIKE '%not active' AND n <> least(row.row_count, 20) OR n = 0 THEN n || ' listed' END;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'SMK00';
    EXCEPTION WHEN SQLSTATE 'SMK00' THEN
        NULL;
    END;
    RETURN NEXT is(got, coalesce(count::text, 'none'), fault.entity || ': ' || fault.problem);
    RETURN NEXT is(concat_ws(' ', more, done), coalesce(others, ''), '... alone, and the hint does it');
END $$;

-- Rows that are odd in themselves.
SELECT fault($$UPDATE "Lead" SET "Source" = CASE WHEN score > 3 THEN '' END WHERE score <= 5$$, 'warning', 'lead', 'leads without a channel', 5);
SELECT fault($$UPDATE "Lead" SET "Owner" = NULL WHERE score <= 25$$, 'warning', 'lead', 'leads without an owner', 25);
SELECT fault($$UPDATE "Lead" SET "SAL" = "MQL on" - interval '2 hours' WHERE score <= 3; UPDATE "Lead" SET "MQL on" = "Created" - interval '1 minute' WHERE score BETWEEN 4 AND 5; UPDATE "Lead" SET "MQL on" = "Created" - interval '1 second' WHERE score = 6;
    UPDATE "Lead" SET "SQL" = ("SAL" AT TIME ZONE 'UTC')::date WHERE score = 7; UPDATE "Lead" SET "SQL" = ("SAL" AT TIME ZONE 'UTC')::date - 1 WHERE score = 8$$,
    'warning', 'lead', 'a step is dated before the one before it: it takes 0 hours', 6);
SELECT fault($$UPDATE "Lead" SET "Out" = "Created" - interval '1 day' WHERE score = 1$$, 'warning', 'lead', 'disqualified before they were created', 1);
SELECT fault($$UPDATE "Lead" SET "Created" = NULL WHERE score <= 2$$, 'warning', 'lead', 'created_at is NULL: counted in no period', 2);
SELECT fault($$UPDATE "Lead" SET "MQL on" = 'infinity', "SAL" = 'infinity', "SQL" = 'infinity' WHERE score <= 2$$, 'warning', 'lead', 'mql_at is infinite', 2, 'sal_at is infinite; sql_at is infinite');
SELECT fault($$UPDATE "Lead" SET "MQL on" = now() + interval '1 day', "SAL" = now() + interval '1 day', "SQL" = current_date + 2 WHERE score = 2; UPDATE "Lead" SET "Out" = now() + interval '4 minutes' WHERE score = 3$$, 'warning', 'lead', 'mql_at lies in the future', 1, 'sal_at lies in the future; sql_at lies in the future');
SELECT fault($$UPDATE "Lead" SET score = 'NaN' WHERE score <= 2; UPDATE "Lead" SET score = '-Infinity' WHERE score = 3$$, 'error', 'lead', 'score is NaN or infinite: figures that need it are an error', 3);
SELECT fault($$UPDATE "Deal" SET closed = opened - interval '2 seconds' WHERE id IN (1, 2); UPDATE "Deal" SET closed = opened - interval '1 second' WHERE id = 4$$, 'warning', 'opportunity', 'closed before they were created', 2);
SELECT fault($$UPDATE "Deal" SET closed = NULL WHERE id IN (1, 4)$$, 'warning', 'opportunity', 'won without closed_at: they count as won in no period', 2);
SELECT fault($$UPDATE "Deal" SET closed = NULL WHERE id IN (2, 5, 8)$$, 'warning', 'opportunity', 'lost without closed_at: they count as lost in no period', 3);
SELECT fault($$UPDATE "Deal" SET won = NULL WHERE id IN (2, 5, 8)$$, 'warning', 'opportunity', 'open (won is NULL) although they have closed_at', 3);
SELECT fault($$UPDATE "Deal" SET value = NULL WHERE id IN (1, 4)$$, 'warning', 'opportunity', 'won without an amount: they bring no revenue', 2);
SELECT fault($$UPDATE "Deal" SET value = -1 WHERE id = 1$$, 'warning', 'opportunity', 'a negative amount', 1);
SELECT fault($$UPDATE "Deal" SET value = 'NaN' WHERE id = 1$$, 'error', 'opportunity', 'amount is NaN or infinite: figures that need it are an error', 1);
SELECT fault($$UPDATE "Deal" SET expected = (now() AT TIME ZONE 'UTC')::date - 91 WHERE id IN (1, 3, 6); UPDATE "Deal" SET expected = (now() AT TIME ZONE 'UTC')::date - 90 WHERE id = 9$$, 'warning', 'opportunity', 'open, and expected to close more than 90 days ago', 2);
SELECT fault($$UPDATE "Deal" SET prob = prob * 100 WHERE id > 0$$, 'error', 'opportunity', 'probability is above 1: it goes from 0 to 1, not to 100', 59);
SELECT fault($$UPDATE "Deal" SET prob = -0.5 WHERE id = 7$$, 'error', 'opportunity', 'probability is not between 0 and 1', 1);
SELECT fault($$UPDATE "Deal" SET rep = NULL WHERE id <= 2$$, 'warning', 'opportunity', 'opportunities without an owner', 2);
SELECT fault($$UPDATE cost SET source = NULL WHERE day <= '2026-01-05'$$, 'warning', 'spend', 'marketing spend without a channel', 4);
SELECT fault($$UPDATE cost SET campaign = NULL WHERE day <= '2026-01-05'$$, 'info', 'spend', 'marketing spend without a campaign', 4);
SELECT fault($$UPDATE cost SET amount = -10 WHERE day = '2026-01-05'$$, 'warning', 'spend', 'a negative amount', 1);
SELECT fault($$INSERT INTO smarketing.spend_entry (at, amount, channel, campaign) VALUES ('2026-01-05', -3, 'Meta Ads', 'x')$$, 'warning', 'spend', 'a negative amount', 1);
SELECT fault($$UPDATE cost SET until = day - 1 WHERE day = '2026-01-05'$$, 'error', 'spend', 'ends_at is before at: spend over no time', 1);
SELECT fault($$UPDATE cost SET until = 'infinity' WHERE day = '2026-01-05'$$, 'error', 'spend', 'ends_at is infinite', 1);
SELECT fault($$UPDATE contract SET ends = starts - 1 WHERE company = 1$$, 'warning', 'subscription', 'ends_at is before starts_at: they never ran', 1);
SELECT fault($$UPDATE "Move" SET "Lead" = NULL WHERE "Lead" = (SELECT min("Lead") FROM "Move")$$, 'warning', 'stage_change', 'neither lead_id nor opportunity_id: it changes nothing', 1);
SELECT fault($$UPDATE visit SET lead = NULL WHERE at < '2026-01-10'$$, 'warning', 'touch', 'neither lead_id nor account_id: it is a touch of nobody', 9);
SELECT fault($$UPDATE call SET rep = NULL, by_robot = false WHERE at = (SELECT min(at) FROM call)$$, 'warning', 'activity', 'activities of nobody that count as an answer: what a lead does itself is bound as is_automatic', 1);
SELECT fault($$UPDATE fx SET rate = 0$$, 'error', 'exchange_rate', 'a rate that is not positive', 1);
SELECT fault($$TRUNCATE invoice$$, 'info', 'revenue', '"Big CRM".invoice has no rows', 0);

-- Keys and links.
SELECT fault($$ALTER TABLE "Deal" DROP CONSTRAINT "Deal_pkey"; INSERT INTO "Deal" SELECT * FROM "Deal" WHERE id IN (1, 2); INSERT INTO "Deal" SELECT * FROM "Deal" WHERE id = 2$$, 'error', 'opportunity', 'rows repeat the key of another one: each of them is counted', 4);
SELECT fault($$ALTER TABLE "Deal" DROP CONSTRAINT "Deal_pkey"; ALTER TABLE "Deal" ALTER id DROP NOT NULL; ALTER TABLE "Deal" ADD extra int; SELECT smarketing.bind('opportunity', '"Deal"', '{"opportunity_id": "id", "created_at": "opened"}'); INSERT INTO "Deal" (opened, won, value) VALUES ('2026-03-01', NULL, 1), ('2026-03-01', NULL, 2)$$,
    'warning', 'opportunity', 'opportunity_id is NULL: nothing can be found by it', 2);
SELECT fault($$DELETE FROM "Lead" WHERE score IN (90, 91)$$, 'warning', 'stage_change', 'stage changes of leads that are not there', 2, 'activities of leads that are not there; touches of leads that are not there');
SELECT fault($$DELETE FROM "Deal" WHERE id = 60$$, 'warning', 'stage_change', 'stage changes of opportunities that are not there', 1);
SELECT fault($$UPDATE "Move" SET "When" = '2020-01-01' WHERE deal <= 3$$, 'warning', 'stage_change', 'stage changes dated before their opportunity was created', 3);
SELECT fault($$UPDATE "Move" SET "When" = '2020-01-01' WHERE deal IS NULL$$, 'warning', 'stage_change', 'stage changes dated before their lead was created', 100);
SELECT fault($$ALTER TABLE "Lead" DROP CONSTRAINT "Lead_pkey"; INSERT INTO "Lead" SELECT * FROM "Lead" WHERE score = 1; UPDATE "Move" SET "When" = '2020-01-01' WHERE deal IS NULL$$, 'warning', 'stage_change', 'stage changes dated before their lead was created', 100, 'rows repeat the key of another one: each of them is counted');
SELECT fault($$UPDATE "Deal" SET "Lead" = 'gone' WHERE id <= 30$$, 'warning', 'opportunity', 'opportunities of leads that are not there', 30);
SELECT fault($$UPDATE "Lead" SET "Owner" = 7 WHERE score <= 4$$, 'warning', 'lead', 'leads whose owner is not among the owners', 4);
SELECT fault($$UPDATE "Deal" SET company = 77 WHERE id <= 4$$, 'info', 'opportunity', 'opportunities of accounts that are not there', 4);
-- The last 40 leads have no opportunity.
SELECT fault($$UPDATE "Lead" SET "Owner" = 3 WHERE score BETWEEN 59 AND 64; UPDATE "Lead" SET "Out" = now() WHERE score = 61; UPDATE "Lead" SET "Status" = 'won' WHERE score = 62$$, 'warning', 'lead', 'open leads of owners who are not active', 2);
SELECT fault($$INSERT INTO rep VALUES (4, 'Dan', false); UPDATE "Lead" SET "Owner" = 4 WHERE score = 64$$, 'warning', 'lead', 'open leads of owners who are not active', 1);
SELECT is((SELECT count(*) FROM smarketing.doctor() WHERE problem LIKE 'open % of owners who are not active'), 0::bigint, 'with all active there is none');
SELECT fault($$UPDATE "Deal" SET rep = 3 WHERE id <= 4$$, 'warning', 'opportunity', 'open opportunities of owners who are not active', 1);

-- A stage that is called otherwise by now.
SELECT fault($$SELECT smarketing.map_stage('Alt', 'lead')$$, 'info', NULL, 'stage "Alt" is mapped, and nothing is called so', 0);
SELECT fault($$SELECT smarketing.map_stage('Neu', 'mql', 'std'), smarketing.map_stage('Alt', 'lead', 'std')$$, 'info', NULL, 'stage "Alt" is mapped, and nothing is called so', 0);

-- A view that was dropped by hand: what is left of it can be dropped; a rollup's too.
SELECT fault($$SELECT smarketing.create_view('public."My view"', 'cost_per_lead'); DROP VIEW public."My view"$$, 'warning', NULL, 'public."My view" was made by create_view() or create_rollup(), and its view is gone', NULL);
SELECT fault($$SELECT smarketing.create_rollup('public.rolled', 'opportunity_win_rate', 'day'); DROP VIEW public.rolled$$, 'warning', NULL, 'public.rolled was made by create_view() or create_rollup(), and its view is gone', NULL);

-- One pass over the rows tells of the rows, of their labels and of what they name: of changes with labels that mean nothing, of deals, and of an expression.
BEGIN;
UPDATE "Move" SET "Stage" = 'unheard of' WHERE deal IN (1, 2);
UPDATE "Move" SET "Stage" = 'unseen' WHERE deal = 3;
UPDATE "Deal" SET step = 'unsaid', type = 'odd' WHERE id <= 2;
UPDATE "Deal" SET step = 'unsaid', type = 'even' WHERE id = 3;
CREATE TEMP TABLE scans AS SELECT relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS scans FROM pg_stat_xact_user_tables WHERE relname IN ('Move', 'rep');
SELECT results_eq($$SELECT entity, problem, row_count FROM smarketing.doctor() WHERE problem ~ '^(stage|kind) "'$$, $$VALUES
    ('stage_change', 'stage "unheard of" is not mapped: it counts as no stage', 2::bigint), ('stage_change', 'stage "unseen" is not mapped: it counts as no stage', 1), ('opportunity', 'stage "unsaid" is not mapped: it counts as no stage', 3),
    ('opportunity', 'kind "odd" is none of new, upsell, cross_sell, renewal', 2), ('opportunity', 'kind "even" is none of new, upsell, cross_sell, renewal', 1)$$, 'labels of two columns, each with its rows');
SELECT is((SELECT coalesce(now.seq_scan, 0) + coalesce(now.idx_scan, 0) - was.scans FROM pg_stat_xact_user_tables AS now JOIN scans AS was USING (relname) WHERE relname = 'Move'), 1::bigint, '... by one look at the changes');
SELECT cmp_ok((SELECT coalesce(now.seq_scan, 0) + coalesce(now.idx_scan, 0) - was.scans FROM pg_stat_xact_user_tables AS now JOIN scans AS was USING (relname) WHERE relname = 'rep'), '<=', 6::bigint, '... and owners are looked at for each entity that has them, not for each check');
ROLLBACK;
SELECT fault($$INSERT INTO rep VALUES (8, 'Ann', true), (9, 'Ann', true)$$, 'warning', 'owner', 'owners who are all called "Ann": by name they are one', 3);

-- Names, currencies, goals, settings.
SELECT fault($$UPDATE "Lead" SET "Status" = 'O''Neil' WHERE score <= 4; UPDATE "Lead" SET "Status" = 'MQL' WHERE score = 9$$, 'warning', 'lead', 'stage "O''Neil" is not mapped: it counts as no stage', 4);
SELECT fault($$UPDATE "Lead" SET "Status" = E'a\\b\n"c' WHERE score <= 4$$, 'warning', 'lead', E'stage "a\\b\n"c" is not mapped: it counts as no stage', 4);
INSERT INTO "Lead" ("Id", "Created", "Source", "Owner", "Status") SELECT md5('x' || n)::uuid, '2026-02-01', repeat('-', n) || 'fb', 1, 'Neu' FROM generate_series(1, 60) n;
SELECT results_eq($$SELECT problem LIKE 'channel%looks like "Meta Ads", and does not meet it', sum(row_count), count(*) FROM smarketing.doctor() WHERE severity = 'warning' GROUP BY 1 ORDER BY 1$$, $$VALUES (false, 10::numeric, 1::bigint), (true, 50, 50)$$, 'of many the first are named, the others counted');
DELETE FROM "Lead" WHERE "MQL on" IS NULL;
SELECT fault($$SELECT smarketing.map_stage('Neu', NULL), smarketing.map_stage('Neu', 'lead', 'std'); UPDATE "Lead" SET "Pipe" = NULL WHERE score IN (1, 2, 3); UPDATE "Move" SET "Stage" = 'lead' WHERE deal IS NULL$$, 'warning', 'lead', 'stage "Neu" is not mapped: it counts as no stage', 2);
SELECT fault($$UPDATE "Deal" SET type = 'Cross-sell' WHERE id <= 6$$, 'warning', 'opportunity', 'kind "Cross-sell" is none of new, upsell, cross_sell, renewal', 6);
SELECT fault($$UPDATE cost SET kind = 'Salaries' WHERE kind = 'sales'$$, 'warning', 'spend', 'kind "Salaries" is neither marketing nor sales: only KPI 4 counts it', 1, 'marketing spend without a channel');
SELECT fault($$UPDATE fx SET at = '2026-02-10'$$, 'error', 'opportunity', 'amounts in USD without a rate to EUR', 2);
SELECT fault($$TRUNCATE fx$$, 'error', 'opportunity', 'amounts in USD without a rate to EUR', 15);
SELECT fault($$SELECT smarketing.configure('currency', NULL)$$, 'error', NULL, 'amounts in several currencies (EUR, USD), and no setting "currency" that figures are in', 150);
SELECT fault($$INSERT INTO quota VALUES ('calls', '2026-02-01', 'month', 1), ('calls', '2026-03-01', 'month', 1)$$, 'warning', 'goal', 'goals of metric "calls", which there is not', 2);
SELECT fault($$INSERT INTO quota VALUES ('revenue', '2026-03-01', 'fortnight', 1)$$, 'error', 'goal', 'goals of period "fortnight": periods are day, week, month, quarter, year, fiscal_quarter, fiscal_year', 1);
SELECT fault($$SELECT smarketing.unbind('revenue'), smarketing.configure('customer_basis', 'revenue')$$, 'error', NULL, 'setting "customer_basis" is revenue, and no revenue is bound', NULL);
SELECT fault($$UPDATE "Lead" SET "Source" = 'facebook.com' WHERE "Source" = 'Meta Ads'; UPDATE visit SET source = 'Google Ads'$$, 'warning', 'lead', 'channel "facebook.com" looks like "Meta Ads", and does not meet it', 50, '50.0 % of spend is in channels that no lead has');
SELECT fault($$UPDATE "Lead" SET "Source" = 'Radio' WHERE "Source" = 'Meta Ads'; UPDATE visit SET source = 'Google Ads'$$, 'warning', 'spend', '50.0 % of spend is in channels that no lead has', 25);
SELECT fault($$UPDATE "Lead" SET "Source" = 'Radio' WHERE score <= 10$$, 'info', 'lead', '10.0 % of leads come by channels without spend', 10);

-- Bindings that cannot be read: what is left of them is examined.
SELECT fault($$ALTER TABLE "Lead" RENAME "Source" TO "Origin"$$, 'error', 'lead', 'column "channel" of entity "lead": column lead.Source does not exist', 1);
SELECT fault($$ALTER TABLE "Lead" RENAME "Created" TO "Made"$$, 'error', 'lead', 'column "created_at" of entity "lead": column lead.Created does not exist', 1);
SELECT fault($$DROP TABLE invoice$$, 'error', 'revenue', 'relation "Big CRM".invoice does not exist', 4);
SELECT fault($$SELECT smarketing.define_dimension('town', '{"account": "name"}'); ALTER TABLE company RENAME name TO label$$, 'error', 'account', 'dimension "town" of entity "account": column account.name does not exist', 1, 'column "label" of entity "account": column account.name does not exist');
SELECT fault($$UPDATE "Move" SET "When" = now() + interval '1 year' WHERE deal <= 3; SELECT smarketing.bind('lead', '"Lead"', '{"lead_id": "\"Id\"", "created_at": "\"Created\" + interval ''1 day'' / (score - score)"}')$$, 'warning', 'stage_change', 'at lies in the future', 3,
    'cannot be computed: division by zero; cannot be computed: division by zero');
SELECT fault($$CREATE VIEW broken AS SELECT 1 / (company - 5) AS account_id, day AS at, amount FROM invoice; SELECT smarketing.bind('revenue', 'broken')$$, 'error', 'revenue', 'cannot be computed: division by zero', NULL);
SELECT fault($$SELECT smarketing.configure('time_zone', 'Asia/Tokyo')$$, 'info', NULL, 'figures are cut in time zone Asia/Tokyo, and times are shown in Etc/UTC', NULL);

-- The two above that no statement of the CRM's can lead to: a setting that came with a dump.
CREATE TEMP TABLE kept AS SELECT * FROM smarketing.setting;
INSERT INTO smarketing.setting (name, value) VALUES ('time_zone', 'Mars/Olympus') ON CONFLICT DO NOTHING;
DELETE FROM smarketing.setting WHERE name = 'time_zone' AND value <> 'Mars/Olympus';
SELECT results_eq('SELECT severity, problem FROM smarketing.doctor()', $$VALUES ('error', 'setting "time_zone": time zone "Mars/Olympus" not recognized')$$, 'a zone that the server does not know');
DELETE FROM smarketing.setting WHERE name = 'time_zone';
INSERT INTO smarketing.setting SELECT * FROM kept WHERE name = 'time_zone';
SELECT is_empty('SELECT * FROM smarketing.doctor()', 'sound again');

-- What a role may not read is a row, with the grant; row-level security holds, and is told.
CREATE ROLE doctor_reader;
GRANT USAGE ON SCHEMA "Big CRM" TO doctor_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "Big CRM" TO doctor_reader;
REVOKE SELECT ON "Lead", invoice FROM doctor_reader;
CREATE TABLE grants AS SELECT NULL::text AS hint WHERE false;
GRANT ALL ON grants TO doctor_reader;
SET ROLE doctor_reader;
SELECT results_eq('SELECT severity, entity, problem, row_count FROM smarketing.doctor()',
    $$VALUES ('warning', 'lead', 'not examined: permission denied for table Lead', NULL::bigint), ('warning', 'revenue', 'not examined: permission denied for table invoice', NULL)$$ ,
    'a role that may not read two of them') ;
INSERT INTO grants SELECT hint FROM smarketing.doctor() WHERE hint LIKE 'GRANT%';
RESET ROLE;
SELECT string_agg(hint, ';') AS hints FROM grants \gset
:hints;
SET ROLE doctor_reader;
RESET ROLE;
REVOKE USAGE ON SCHEMA "Big CRM" FROM doctor_reader;
SET ROLE doctor_reader;
SELECT is((SELECT string_agg(DISTINCT severity || ' ' || problem || ' ' || hint, ';') FROM smarketing.doctor()), 'warning not examined: permission denied for schema Big CRM GRANT USAGE ON SCHEMA "Big CRM" TO doctor_reader', 'a schema that is closed');
RESET ROLE;
GRANT USAGE ON SCHEMA "Big CRM" TO doctor_reader;
SET ROLE doctor_reader;
SELECT is_empty('SELECT * FROM smarketing.doctor()', 'nor has it anything once the grants were run');
RESET ROLE;
INSERT INTO smarketing.spend_entry (at, amount, channel, campaign) VALUES ('2026-01-05', 3, 'Meta Ads', 'x');
SET ROLE doctor_reader;
SELECT ok(EXISTS (SELECT FROM smarketing.doctor() WHERE entity = 'spend' AND problem = 'not examined: permission denied for table spend_entry' AND hint = 'GRANT SELECT ON smarketing.spend_entry TO doctor_reader'), 'what was entered needs a grant too');
RESET ROLE;
GRANT SELECT ON smarketing.spend_entry TO doctor_reader;
UPDATE "Deal" SET value = -1 WHERE id <= 10;
ALTER TABLE "Deal" ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON "Deal" FOR SELECT TO doctor_reader USING (id BETWEEN 4 AND 30);
SET ROLE doctor_reader;
SELECT results_eq($$SELECT problem, row_count FROM smarketing.doctor() WHERE entity = 'opportunity' ORDER BY 1$$,
    $$VALUES ('a negative amount', 7::bigint), ('row-level security: all counts are of the rows that you may see', NULL)$$, 'counts are of what the caller sees');
RESET ROLE;
SELECT is((SELECT row_count FROM smarketing.doctor() WHERE problem = 'a negative amount'), 10::bigint, 'the owner sees all');

-- Large tables: an index on a time that is read by, found through a view; statistics on the month.
CREATE TABLE big (key int, born timestamptz, filler text);
ALTER TABLE big ALTER filler SET STORAGE PLAIN;
INSERT INTO big SELECT n, timestamptz '2026-01-01' + n * interval '1 minute', repeat('x', 900) FROM generate_series(1, 130000) n;
CREATE VIEW over_big AS SELECT b.born AS at, l."Id" AS lead_id, 'Meta Ads' AS channel FROM big b LEFT JOIN "Lead" l ON l.score = b.key;
CREATE VIEW over_view AS SELECT at, lead_id, channel FROM over_big WHERE lead_id IS NOT NULL;
SELECT smarketing.bind('touch', 'over_view'), smarketing.bind('revenue', 'big', '{"account_id": "key", "at": "born", "amount": "1"}'), smarketing.unbind('account') \gset
CREATE TEMP TABLE found AS SELECT * FROM smarketing.doctor() WHERE entity IN ('touch', 'revenue');
SELECT results_eq('SELECT severity, entity, problem, row_count, hint FROM found',
    $$VALUES ('warning', 'touch', 'no index on at: each range reads all rows', NULL::bigint, 'CREATE INDEX ON "Big CRM".big (born)'),
             ('warning', 'revenue', 'no index on at: each range reads all rows', NULL, 'CREATE INDEX ON "Big CRM".big (born)'),
             ('info', 'revenue', 'no statistics on the month of at: it is planned blindly', NULL,
              'CREATE STATISTICS "Big CRM".big_born_month ON (smarketing.period_start(''month''::text, born, ''Etc/UTC''::text)) FROM "Big CRM".big; ANALYZE "Big CRM".big')$$,
    'what PostgreSQL lacks');
SELECT hint FROM found WHERE hint LIKE 'CREATE INDEX%' LIMIT 1 \gset
:hint;
SELECT ok(smarketing.kpi_sql('revenue_evolution.revenue', '2026-01-01', '2026-03-01') LIKE '%OFFSET bigint%', 'the bucket is fenced');
SELECT hint FROM found WHERE hint LIKE 'CREATE STATISTICS%' \gset
:hint;
SELECT ok(smarketing.kpi_sql('revenue_evolution.revenue', '2026-01-01', '2026-03-01') NOT LIKE '%OFFSET bigint%', 'and no more with the statistics');
SELECT is_empty($$SELECT * FROM smarketing.doctor() WHERE entity IN ('touch', 'revenue')$$, 'both rows are gone');

-- Cancelled, it ends.
SET statement_timeout = '1ms';
DO $$ BEGIN PERFORM * FROM smarketing.doctor(); EXCEPTION WHEN query_canceled THEN PERFORM set_config('test.cancelled', 'yes', false); END $$;
RESET statement_timeout;
SELECT is(current_setting('test.cancelled', true) || current_setting('search_path'), 'yes"Big CRM", public', 'it can be cancelled, and leaves nothing behind');

-- Random data against counts in plain SQL.
CREATE TABLE person (lead_id text, created_at timestamptz, channel text, owner text, stage text, mql_at timestamptz, sql_at timestamptz);
CREATE TABLE trade (opportunity_id int, lead_id text, created_at timestamptz, closed_at timestamptz, won boolean, amount float8, probability numeric);
CREATE TABLE step (lead_id text, at timestamptz, stage text);
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION moment() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT pick(ARRAY[timestamptz '2026-01-01' + floor(random() * 20) * interval '500 milliseconds', NULL, 'infinity', '2026-01-01', '2026-01-01 00:00:01', '2100-01-01']) $$;
INSERT INTO person SELECT pick('{a,b,c,d,e,f,g,h,i,NULL}'::text[]) || CASE WHEN random() < 0.95 THEN n::text ELSE '' END, moment(), pick('{x,"",NULL}'::text[]), pick('{o,NULL}'::text[]), pick('{lead,Odd,Mql,Odder,NULL}'::text[]), moment(), moment() FROM generate_series(1, 500) n;
INSERT INTO trade SELECT pick('{1,2,3,NULL}'::int[]) + n, (SELECT lead_id FROM person WHERE n > 0 ORDER BY random() LIMIT 1) || pick('{"","",z}'::text[]), moment(), moment(), pick('{true,false,NULL}'::bool[]), pick('{1,-1,NaN,Infinity,NULL}'::float8[]), pick('{0,0.5,1,2,-1,200,NaN,NULL}'::numeric[]) FROM generate_series(1, 500) n;
INSERT INTO step SELECT pick('{"",z}'::text[]) || lead_id, moment(), pick('{lead,Odd,NULL}'::text[]) FROM person;
DELETE FROM smarketing.binding;
TRUNCATE smarketing.spend_entry;
SELECT smarketing.bind('lead', 'person'), smarketing.bind('opportunity', 'trade', '{"kind": null}'), smarketing.bind('stage_change', 'step'), smarketing.map_stage('Neu', NULL) \gset
CREATE VIEW expected AS
SELECT 'lead' AS entity, p.problem, p.n FROM (SELECT count(*) FILTER (WHERE lead_id IS NULL) AS a, count(*) FILTER (WHERE created_at IS NULL) AS b, count(*) FILTER (WHERE created_at = 'infinity') AS c,
        count(*) FILTER (WHERE coalesce(channel, '') = '') AS d, count(*) FILTER (WHERE owner IS NULL) AS e, count(*) FILTER (WHERE stage = 'Odd') AS f,
        count(*) FILTER (WHERE created_at - mql_at > '1 second' OR created_at - sql_at > '1 second' OR mql_at - sql_at > '1 second') AS g, count(*) FILTER (WHERE mql_at > now() AND mql_at < 'infinity') AS h FROM (SELECT lead_id, nullif(created_at, 'infinity') AS finite, created_at, channel, owner, stage, mql_at, sql_at FROM person) q) t,
    LATERAL (VALUES ('lead_id is NULL: nothing can be found by it', a), ('created_at is NULL: counted in no period', b), ('created_at is infinite', c), ('leads without a channel', d), ('leads without an owner', e), ('stage "Odd" is not mapped: it counts as no stage', f), ('mql_at lies in the future', h)) p (problem, n)
UNION ALL SELECT 'lead', 'rows repeat the key of another one: each of them is counted', count(lead_id) - count(DISTINCT lead_id) FROM person
UNION ALL SELECT 'opportunity', p.problem, p.n FROM (SELECT count(*) FILTER (WHERE amount < 0) AS a, count(*) FILTER (WHERE amount::text IN ('NaN', 'Infinity')) AS b, count(*) FILTER (WHERE won AND closed_at IS NULL) AS c, count(*) FILTER (WHERE NOT won AND closed_at IS NULL) AS d,
        count(*) FILTER (WHERE won IS NULL AND closed_at IS NOT NULL) AS e, count(*) FILTER (WHERE probability IN (2)) AS f, count(*) FILTER (WHERE probability IN (-1, 200, 'NaN')) AS g, count(*) FILTER (WHERE won AND amount IS NULL) AS h,
        count(*) FILTER (WHERE lead_id IS NOT NULL AND lead_id NOT IN (SELECT lead_id FROM person WHERE lead_id IS NOT NULL)) AS i, count(opportunity_id) - count(DISTINCT opportunity_id) AS j FROM trade) t,
    LATERAL (VALUES ('a negative amount', a), ('amount is NaN or infinite: figures that need it are an error', b), ('won without closed_at: they count as won in no period', c), ('lost without closed_at: they count as lost in no period', d), ('open (won is NULL) although they have closed_at', e),
        ('probability is above 1: it goes from 0 to 1, not to 100', f), ('probability is not between 0 and 1', g), ('won without an amount: they bring no revenue', h), ('opportunities of leads that are not there', i), ('rows repeat the key of another one: each of them is counted', j)) p (problem, n)
UNION ALL SELECT 'stage_change', 'stage changes of leads that are not there', count(*) FROM step WHERE lead_id IS NOT NULL AND lead_id NOT IN (SELECT lead_id FROM person WHERE lead_id IS NOT NULL)
UNION ALL SELECT 'stage_change', 'stage changes without a stage', count(*) FROM step WHERE stage IS NULL
UNION ALL SELECT 'stage_change', 'stage "Odd" is not mapped: it counts as no stage', count(*) FROM step WHERE stage = 'Odd';
SELECT is_empty($$SELECT e.*, d.row_count FROM expected e FULL JOIN smarketing.doctor() d ON d.entity = e.entity AND d.problem = e.problem WHERE e.problem IS NOT NULL AND e.n <> coalesce(d.row_count, 0)$$, 'random data: as plain SQL counts');
SELECT is((SELECT row_count FROM smarketing.doctor() WHERE problem LIKE 'a step is dated%'), (SELECT count(*) FROM person WHERE mql_at < created_at - interval '1 second' OR sql_at < created_at - interval '1 second' OR sql_at < mql_at - interval '1 second'), 'and steps');
SELECT is((SELECT row_count FROM smarketing.doctor() WHERE problem = 'stage changes dated before their lead was created'), (SELECT count(*) FROM step s WHERE EXISTS (SELECT FROM person p WHERE p.lead_id = s.lead_id AND s.at < p.created_at - interval '1 second')), 'and early changes');

-- NULLs everywhere, and no rows at all.
UPDATE person SET (lead_id, created_at, channel, owner, stage, mql_at, sql_at) = (SELECT NULL, NULL::timestamptz, NULL, NULL, NULL, NULL::timestamptz, NULL::timestamptz);
UPDATE trade SET (opportunity_id, lead_id, created_at, closed_at, won, amount, probability) = (SELECT NULL::int, NULL, NULL::timestamptz, NULL::timestamptz, NULL::bool, NULL::float8, NULL::numeric);
SELECT results_eq($$SELECT entity, problem, row_count FROM smarketing.doctor() WHERE entity IN ('lead', 'opportunity')$$,
    $$VALUES ('lead', 'lead_id is NULL: nothing can be found by it', 500::bigint), ('lead', 'created_at is NULL: counted in no period', 500), ('lead', 'leads without a channel', 500), ('lead', 'leads without an owner', 500),
             ('opportunity', 'opportunity_id is NULL: nothing can be found by it', 500), ('opportunity', 'created_at is NULL: counted in no period', 500)$$, 'NULLs everywhere');
TRUNCATE person, trade, step;
SELECT results_eq('SELECT severity, problem FROM smarketing.doctor()', $$VALUES ('info', '"Big CRM".person has no rows'), ('info', '"Big CRM".step has no rows'), ('info', '"Big CRM".trade has no rows')$$, 'no rows');

-- An account that may stand for those without one: from 100 leads and a tenth of those with an account on; of many leads some tell, and all are counted.
CREATE TABLE shared AS SELECT n AS lead_id, timestamptz '2026-01-01' AS created_at, 'Ads' AS channel, 1 AS owner, CASE WHEN n <= 99 THEN 'Nobody''s' WHEN n % 2 = 0 THEN 'Firm ' || n END AS account_id FROM generate_series(1, 1000) AS n;
SELECT smarketing.bind('lead', 'shared') \g /dev/null
SELECT is_empty($$SELECT * FROM smarketing.doctor() WHERE problem LIKE 'account%'$$, 'no account has 100 leads');
UPDATE shared SET account_id = 'Nobody''s' WHERE lead_id = 101;
SELECT results_eq($$SELECT severity, entity, problem, row_count, hint FROM smarketing.doctor() WHERE problem LIKE 'account%'$$,
    $$VALUES ('info', 'lead', 'account "Nobody''s" has 18 % of the leads with an account: if it stands for none, bind it as NULL', 100::bigint, 'SELECT * FROM "Big CRM".shared AS lead WHERE lead.account_id = ''Nobody''''s'' LIMIT 20')$$, 'one has');
INSERT INTO shared SELECT n, '2026-01-01', 'Ads', 1, 'Firm ' || n FROM generate_series(1001, 2000) AS n;
SELECT is_empty($$SELECT * FROM smarketing.doctor() WHERE problem LIKE 'account%'$$, 'but no tenth of them');
INSERT INTO shared SELECT n, '2026-01-01', 'Ads', 1, CASE WHEN n % 5 = 0 THEN 'Nobody''s' ELSE 'Firm ' || n END FROM generate_series(2001, 410000) AS n;
SELECT is((SELECT row_count FROM smarketing.doctor() WHERE problem LIKE 'account "Nobody''s" has 19 %'), 100::bigint + 81600, 'one of many leads');
-- The part that tells is smaller than the whole that it stands for.
UPDATE shared SET account_id = CASE WHEN lead_id % 100 < CASE WHEN hashtext(lead_id::text) & 3 = 0 THEN 9 ELSE 11 END THEN 'Nobody''s' ELSE 'Firm ' || lead_id END;
SELECT is((SELECT row_count FROM smarketing.doctor() WHERE problem LIKE 'account "Nobody''s" has 10 %'), (SELECT count(*) FROM shared WHERE account_id = 'Nobody''s'), 'a tenth of many leads, of which less are among those looked at');
-- Of two users of one name one works here.
CREATE TABLE namesake AS SELECT '1' AS owner, n = 1 AS is_active FROM generate_series(1, 2) AS n;
SELECT smarketing.bind('owner', 'namesake') \g /dev/null
SELECT is_empty($$SELECT * FROM smarketing.doctor() WHERE problem LIKE '%not active'$$, 'an owner of whom one row is active is');
-- Who cancels does not wait: a column that is no stage, or no currency, has as many labels as rows.
DO $$BEGIN PERFORM smarketing.unbind(entity) FROM smarketing.binding; END$$;
CREATE TABLE many_leads AS SELECT n AS lead_id, now() AS created_at, 'New stage ' || n AS stage FROM generate_series(1, 60000) AS n;
CREATE TABLE many_spends AS SELECT now() AS at, 1 AS amount, 'Ads' AS channel, 'X' || n AS currency FROM generate_series(1, 30000) AS n;
SELECT smarketing.bind('lead', 'many_leads') \g /dev/null
CREATE FUNCTION overtime(call text) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz := clock_timestamp();
BEGIN
    EXECUTE call;
    RETURN clock_timestamp() - start;
EXCEPTION WHEN query_canceled THEN
    RETURN clock_timestamp() - start;
END $$;
SET statement_timeout = '1s';
SELECT cmp_ok(overtime('SELECT count(*) FROM smarketing.getting_started()'), '<', interval '4 seconds', 'many labels of stages');
RESET statement_timeout;
SELECT is((SELECT regexp_count(statement, 'New stage') FROM smarketing.getting_started() WHERE statement LIKE '%map_stage%'), 60000, 'all of which are there');
SELECT smarketing.unbind('lead'), smarketing.bind('spend', 'many_spends') \g /dev/null
SET statement_timeout = '1s';
SELECT cmp_ok(overtime('SELECT count(*) FROM smarketing.doctor()'), '<', interval '4 seconds', 'many currencies');
RESET statement_timeout;
DROP OWNED BY doctor_reader;
DROP ROLE doctor_reader;
SELECT * FROM finish();
