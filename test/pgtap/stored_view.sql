-- create_view, create_rollup and what goes with them: every error, names, rights, row-level security, and what
-- depends on what.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT no_plan();

CREATE SCHEMA crm;
CREATE TABLE crm.person (lead_id int PRIMARY KEY, created_at timestamptz, channel text, stage text, note text);
CREATE TABLE crm.deal (opportunity_id int PRIMARY KEY, lead_id int, created_at timestamptz, closed_at timestamptz, won boolean, amount numeric, owner text, account_id int);
INSERT INTO crm.person SELECT n, now() - n * interval '9 hours', (ARRAY['Ads', NULL, 'O''Brien'])[1 + n % 3], (ARRAY['lead', 'mql', 'won'])[1 + n % 3] FROM generate_series(1, 500) n;
INSERT INTO crm.deal SELECT n, n, now() - n * interval '1 day', now() - n * interval '12 hours', n % 2 = 0, n * 10.5, 'rep ' || n % 4, n % 40 FROM generate_series(1, 100) n;
\o /dev/null
SELECT smarketing.bind('lead', 'crm.person');
\o
SELECT throws_ok($$SELECT smarketing.create_view('x', 'opportunity_win_rate')$$, '55000', NULL, 'a KPI that lacks an entity');
\o /dev/null
SELECT smarketing.bind('opportunity', 'crm.deal');
SELECT smarketing.define_dimension('The "region"', '{"lead": "note", "opportunity": "owner"}');
\o

-- Names.
SELECT is(smarketing.create_view('leads', 'sales_qualified_leads')::text, 'leads', 'an unqualified view is made where CREATE VIEW makes it');
SELECT is((SELECT relnamespace::regnamespace::text || relkind::text FROM pg_class WHERE relname = 'leads'), 'publicv', 'in public, a view');
CREATE SCHEMA "my reports";
SELECT is(smarketing.create_rollup('"my reports"."By ""day"" ü"', 'cost_per_lead', 'day', '{channel}')::text, '"my reports"."By ""day"" ü"', 'a quoted and qualified name is taken as it is');
SELECT is((SELECT array_agg(relname::text || relkind::text ORDER BY relkind DESC) FROM pg_class WHERE relnamespace = '"my reports"'::regnamespace AND relkind IN ('v', 'm')),
    ARRAY['By "day" üv', 'By "day" ü_partsm'], 'with its parts beside it');
SET search_path = "my reports", public;
SELECT is(smarketing.create_rollup('Won', 'opportunity_win_rate', 'week', '{owner,"The \"region\""}')::text, 'won', 'names fold to lower case');
SELECT is((SELECT array_agg(name ORDER BY name) FROM smarketing.rollups), ARRAY['"my reports"."By ""day"" ü"', '"my reports".won'], 'the first schema of the path has it, and rollups lists it');
SELECT is((SELECT buckets > 5 AND row_count > buckets AND seconds > 0 FROM smarketing.refresh_rollup('won')), true, 'an unqualified name is found on the path');
SELECT is((SELECT count(*) > 3 FROM smarketing.rollup_kpi('won', 'win_rate', date_trunc('week', now()) - interval '5 weeks', NULL, 'week')), true, 'by rollup_kpi, too');
RESET search_path;
SELECT throws_ok($$SELECT smarketing.refresh_rollup('won')$$, '42704', 'rollup "won" does not exist', 'not off the path');
SELECT is((SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = (SELECT indexrelid FROM pg_index WHERE indrelid = '"my reports".won_parts'::regclass AND indisunique AND indpred IS NULL AND indexprs IS NULL)),
    '{period_start,owner,"The \"region\""}'::name[], 'the parts have the unique index of period and dimensions');
CREATE TABLE taken_parts (); CREATE TABLE taken ();
SELECT is(smarketing.create_rollup('other_parts', 'cost_per_lead')::text, 'other_parts', 'a rollup may be called like parts');
SELECT throws_ok($$SELECT smarketing.create_view('taken', 'cost_per_lead')$$, '42P07', 'relation "taken" already exists', 'a name that is taken');
SELECT throws_ok($$SELECT smarketing.create_rollup('leads', 'cost_per_lead')$$, '42P07', 'relation "leads" already exists', 'by a view of ours');
DROP TABLE taken;
SELECT is(smarketing.create_rollup('taken', 'cost_per_lead')::text, 'taken', 'the name of the parts need not be free');
SELECT is((SELECT parts FROM smarketing.stored_view WHERE name = 'public.taken'), 'public.taken_parts1', 'another one is taken');
SELECT throws_ok($$SELECT smarketing.create_view('nowhere.x', 'cost_per_lead')$$, '3F000', 'schema "nowhere" does not exist', 'a schema that is not there');
SELECT throws_ok($$SELECT smarketing.create_view('a.b.c.d', 'cost_per_lead')$$, '42601', NULL, 'too many names');
SELECT throws_ok($$SELECT smarketing.create_view('', 'cost_per_lead')$$, '42602', NULL, 'no name');
SELECT throws_ok($$SELECT smarketing.create_view('Won by owner', 'opportunity_win_rate')$$, '42602', '"Won by owner" is no name of a view', 'a name that wants quotes');
SELECT throws_ok($$SELECT smarketing.create_view('pg_temp.x', 'cost_per_lead')$$, '42P16', '"x" cannot be temporary', 'no temporary view');

-- Arguments.
SELECT throws_ok($$SELECT smarketing.create_view(NULL, 'cost_per_lead')$$, '22004', 'argument "name" must not be null', 'no name');
SELECT throws_ok($$SELECT smarketing.create_rollup('x', NULL)$$, '22004', 'argument "kpi" must not be null', 'no KPI');
SELECT throws_ok($$SELECT smarketing.create_rollup('x', 'cost_per_lead', NULL)$$, '22004', 'argument "period" must not be null', 'no period');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_led')$$, '22023', 'KPI "cost_per_led" does not exist', 'an unknown KPI');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', 'fortnight')$$, '22023', 'period "fortnight" does not exist', 'an unknown period');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', by => '{chanel}')$$, '22023', 'dimension "chanel" does not exist', 'an unknown dimension');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', options => '{"base": 1}')$$, '22023', 'option "base" of cost_per_lead does not exist', 'an unknown option');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', options => '[]')$$, '22023', 'argument "options" must be a JSON object', 'options that are a list');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', options => '{"security_invoker": 1}')$$, '22023', 'option "security_invoker" must be true or false', 'an option of another type');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', options => '{"incremental": true}')$$, '22023', 'option "incremental" of create_view does not exist', 'views are not incremental');
SELECT throws_ok($$SELECT smarketing.create_rollup('x', 'cost_per_lead', options => '{"incremental": true}')$$, '0A000', 'incremental rollups are not supported yet', 'nor are rollups yet');
SELECT throws_ok($$SELECT smarketing.create_rollup('x', 'cost_per_lead', options => '{"security_invoker": true}')$$, '22023', 'option "security_invoker" of create_rollup does not exist', 'what is stored has no reader of its own');
SELECT lives_ok($$SELECT smarketing.create_rollup('kept', 'customer_retention', 'month')$$, 'retention is stored as it is by month');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('kept', 'churn_rate', period => 'quarter')$$, '0A000', '"churn_rate" of customer_retention does not add up from a month to a quarter', 'customers of months do not add up');
SELECT isnt_empty($$SELECT * FROM smarketing.rollup_kpi('kept', 'churn_rate', period => 'month')$$, 'but are there by month');
SELECT lives_ok($$SELECT smarketing.drop_rollup('kept')$$, 'and gone');
SELECT lives_ok($$SELECT smarketing.create_view('retention', 'customer_retention')$$, 'a view of it');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead', last => '-1 day')$$, '22023', NULL, 'a range that ends before it begins');
SELECT lives_ok($$SELECT smarketing.create_view('of_all', 'cost_per_lead', last => NULL)$$, 'a view from the first record on');
SELECT is((SELECT sum(leads) FROM of_all), 500::numeric, 'has them all');
SELECT hasnt_view('x', 'what failed left nothing');

-- refresh, drop, rollup_kpi.
SELECT throws_ok($$SELECT smarketing.refresh_rollup('leads')$$, '42809', '"leads" is a view, not a rollup', 'a view is not refreshed');
SELECT throws_ok($$SELECT smarketing.drop_rollup('leads')$$, '42809', '"leads" is a view, not a rollup', 'nor dropped as a rollup');
SELECT throws_ok($$SELECT smarketing.drop_rollup('nothing')$$, '42704', 'rollup "nothing" does not exist', 'nothing is not dropped');
SELECT throws_ok($$SELECT smarketing.drop_rollup(NULL)$$, '22004', 'argument "name" must not be null', 'nor null');
SELECT throws_ok($$SELECT smarketing.refresh_rollup(NULL)$$, '22004', 'argument "name" must not be null', 'nor refreshed');
SELECT throws_ok($$DO 'BEGIN CALL smarketing.refresh_rollups(); END'$$, '2D000', NULL, 'refresh_rollups needs the top level');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'cost_per_lead')$$, '22023', 'the rollup holds opportunity_win_rate, not "cost_per_lead"', 'a metric of another KPI');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'wins')$$, '22023', 'metric "wins" does not exist', 'no metric');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', NULL)$$, '22004', 'argument "metric" must not be null', 'a null metric');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'won', period => NULL)$$, '22004', 'argument "period" must not be null', 'a null period');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'won', date_trunc('month', now()), period => 'month')$$, '22023', 'a month is not made of whole periods of the rollup, which is by week', 'months are not made of weeks');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', period => 'day')$$, '22023', 'a day is not made of whole periods of the rollup, which is by month', 'nor days of months');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', date_trunc('month', now()) - interval '40 days')$$, '22023', 'argument "since" falls into a month that is stored as a whole', 'a bound inside of a stored period');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', NULL, date_trunc('month', now()) - interval '5 days')$$, '22023', 'argument "until" falls into a month that is stored as a whole', 'the other one');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', by => '{channel}')$$, '22023', 'the rollup is not stored by dimension "channel"', 'a dimension that it lacks');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', filter => '{"channel": "Ads"}')$$, '22023', 'the rollup is not stored by dimension "channel"', 'also to filter by');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', period => 'all')$$, '22023', 'argument "since" must be given for period "all"', 'no beginning');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'open', date_trunc('week', now()) - interval '3 weeks', period => 'all')$$, '0A000', '"open" of opportunity_win_rate does not add up from a week to a range', 'what stands at the end does not add up in time');
SELECT isnt_empty($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'open', date_trunc('week', now()) - interval '3 weeks', period => 'week')$$, 'but over dimensions');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('"my reports".won', 'median_cycle_hours', date_trunc('week', now()) - interval '3 weeks', period => 'week', by => '{owner}')$$, '0A000', '"median_cycle_hours" of opportunity_win_rate does not add up over dimensions', 'a median does neither');
-- Spend was never entered, and that is not 0.
SELECT is((SELECT count(value) FROM smarketing.rollup_kpi('"my reports"."By ""day"" ü"', 'spend', date_trunc('day', now()) - interval '30 days', NULL, 'day')), 0::bigint, 'never entered is not zero');
SELECT is((SELECT count(*) FILTER (WHERE value = 0) > 0 AND count(value) = count(*) FROM smarketing.rollup_kpi('"my reports"."By ""day"" ü"', 'customers', date_trunc('day', now()) - interval '30 days', NULL, 'day', filter => '{"channel": "Ads"}')), true, 'none on a day is');

-- Beside parallel workers, where nothing may be written.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT lives_ok($$CREATE TABLE beside AS SELECT stage, value FROM crm.person, (SELECT sum(value) AS value FROM smarketing.rollup_kpi('taken', 'leads')) AS r$$, 'rollup_kpi is PARALLEL RESTRICTED');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- A rollup keeps the settings that it was made with.
SELECT lives_ok($$SELECT smarketing.configure('time_zone', 'Asia/Tokyo')$$, 'a setting changes');
CREATE TABLE was AS SELECT * FROM "my reports"."By ""day"" ü";
SELECT lives_ok($$SELECT smarketing.refresh_rollup('"my reports"."By ""day"" ü"')$$, 'it is refreshed');
SELECT set_eq('SELECT period_start, channel, leads FROM "my reports"."By ""day"" ü"', 'SELECT period_start, channel, leads FROM was', 'and still in its own zone');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads', (date_trunc('month', now()) - interval '2 months')::timestamp AT TIME ZONE 'UTC' - interval '9 hours')$$, '22023', NULL, 'as rollup_kpi is');
SELECT lives_ok($$SELECT smarketing.configure('time_zone', NULL)$$, 'back again');

-- What ran at the last refresh is not complete, though it has ended.
CREATE TABLE old AS SELECT * FROM taken_parts1;
CREATE MATERIALIZED VIEW old_parts AS SELECT * FROM old;
ALTER MATERIALIZED VIEW old_parts DEPENDS ON EXTENSION smarketing;
SELECT is((SELECT max(period_start) FROM smarketing.rollup_kpi('taken', 'leads') WHERE NOT is_partial), (date_trunc('month', now()) - interval '1 month')::date, 'the last month is complete');
UPDATE old SET refreshed_at = date_trunc('month', now()) - interval '5 days';
REFRESH MATERIALIZED VIEW old_parts;
UPDATE smarketing.stored_view SET parts = 'public.old_parts' WHERE name = 'public.taken';
SELECT is((SELECT max(period_start) FROM smarketing.rollup_kpi('taken', 'leads') WHERE NOT is_partial), (date_trunc('month', now()) - interval '2 months')::date, 'not if it was refreshed before its end');
SELECT is((SELECT array_agg(is_partial) FROM (SELECT * FROM smarketing.rollup_kpi('taken', 'leads', date_trunc('month', now()) - interval '3 months', date_trunc('month', now()), 'all')
    UNION ALL SELECT * FROM smarketing.rollup_kpi('taken', 'leads', date_trunc('month', now()) - interval '3 months', date_trunc('month', now()) - interval '1 month', 'all')) AS r),
    '{true,false}'::boolean[], 'of a range, too');
UPDATE smarketing.stored_view SET parts = 'public.taken_parts1' WHERE name = 'public.taken';
DROP TABLE old CASCADE;

-- Rights: who configures is not everybody, and what is made is the maker's.
SET client_min_messages = error;
DROP ROLE IF EXISTS smk_maker, smk_reader;
SET client_min_messages = warning;
CREATE ROLE smk_maker; CREATE ROLE smk_reader;
GRANT EXECUTE ON FUNCTION smarketing.create_view, smarketing.create_rollup, smarketing.refresh_rollup, smarketing.drop_rollup, smarketing.grant_read TO smk_maker;
GRANT EXECUTE ON PROCEDURE smarketing.refresh_rollups TO smk_maker;
GRANT INSERT, UPDATE, DELETE ON smarketing.stored_view TO smk_maker;
CREATE FUNCTION context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN SQLERRM || ': ' || context;
END $$;
SET ROLE smk_maker;
SELECT throws_ok($$SELECT smarketing.create_view('public.x', 'cost_per_lead')$$, '42501', 'permission denied for schema public', 'a schema that is not the maker''s');
SELECT unalike(context_of($$SELECT smarketing.create_view('public.x', 'cost_per_lead')$$), '%CREATE VIEW%', 'the error is not followed by the whole statement');
RESET ROLE;
GRANT CREATE ON SCHEMA public TO smk_maker;
SET ROLE smk_maker;
SELECT throws_ok($$SELECT smarketing.create_view('public.x', 'cost_per_lead')$$, '42501', 'permission denied for schema crm', 'a schema that the maker may not read');
RESET ROLE;
GRANT USAGE ON SCHEMA crm TO smk_maker;
SET ROLE smk_maker;
SELECT throws_ok($$SELECT smarketing.create_view('public.x', 'cost_per_lead')$$, '42501', 'permission denied for table person', 'tables that the maker may not read');
SELECT lives_ok($$SELECT smarketing.create_view('public.x', 'cost_per_lead', options => '{"security_invoker": true}')$$, 'who reads a view as himself needs the rights himself');
DROP VIEW public.x; DELETE FROM smarketing.stored_view WHERE name = 'public.x';
RESET ROLE;
GRANT SELECT ON crm.person, crm.deal TO smk_maker;
SET ROLE smk_maker;
SELECT is(smarketing.create_rollup('public.made', 'cost_per_lead', 'month', '{channel}')::text, 'made', 'who may, makes');
SELECT isnt_empty($$SELECT smarketing.refresh_rollup('made')$$, 'and refreshes');
SELECT throws_ok($$SELECT smarketing.refresh_rollup('taken')$$, '42501', 'permission denied to refresh rollup public.taken', 'what is another role''s is not refreshed');
RESET ROLE;
SET ROLE smk_reader;
SELECT throws_ok($$SELECT count(*) FROM made$$, '42501', 'permission denied for view made', 'a reader without grant reads nothing');
SELECT throws_ok($$SELECT smarketing.create_view('x', 'cost_per_lead')$$, '42501', 'permission denied for function create_view', 'and makes nothing');
RESET ROLE;
SELECT throws_ok($$SELECT smarketing.grant_read(NULL)$$, '22004', 'argument "role" must not be null', 'read by nobody');
SELECT lives_ok($$SELECT smarketing.grant_read('smk_reader')$$, 'a reader is let in');
SELECT lives_ok($$SELECT smarketing.grant_read('smk_reader')$$, 'twice');
SELECT set_eq($$SELECT table_schema || '.' || table_name FROM information_schema.role_table_grants WHERE grantee = 'smk_reader'$$,
    ARRAY['public.leads', 'my reports.By "day" ü', 'my reports.won', 'public.other_parts', 'public.taken', 'public.retention', 'public.of_all', 'public.made'], 'to the views and nothing else');
SET ROLE smk_reader;
SELECT isnt_empty('SELECT * FROM "my reports".won', 'it reads them');
SELECT isnt_empty('SELECT * FROM leads', 'also those over the CRM''s tables');
SELECT isnt_empty($$SELECT * FROM smarketing.rollup_kpi('taken', 'leads')$$, 'and sums');
SELECT throws_ok('SELECT * FROM crm.person', '42501', NULL, 'but not the tables');
RESET ROLE;

-- Row-level security.
ALTER TABLE crm.deal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON crm.deal USING (owner = current_user);
SELECT throws_ok($$SELECT smarketing.create_view('rls', 'opportunity_win_rate')$$, '55000', 'public.rls would show every reader what row-level security hides: crm.deal', 'a view over row-level security');
SELECT throws_ok($$SELECT smarketing.create_rollup('rls', 'opportunity_win_rate')$$, '55000', 'public.rls would show every reader what row-level security hides: crm.deal', 'a rollup');
CREATE VIEW crm.deal_view AS SELECT * FROM crm.deal;
CREATE VIEW crm.deal_view_view AS SELECT * FROM crm.deal_view;
SELECT lives_ok($$SELECT smarketing.bind('opportunity', 'crm.deal_view_view')$$, 'bound through views');
SELECT throws_ok($$SELECT smarketing.create_view('rls', 'opportunity_win_rate')$$, '55000', 'public.rls would show every reader what row-level security hides: crm.deal', 'it is found through them');
SELECT lives_ok($$SELECT smarketing.create_rollup('rls', 'opportunity_win_rate', options => '{"ignore_row_security": true}')$$, 'unless that is meant');
SELECT lives_ok($$SELECT smarketing.create_view('rls_invoker', 'opportunity_win_rate', options => '{"security_invoker": true}')$$, 'or the reader''s rights hold');
SELECT is((SELECT reloptions FROM pg_class WHERE relname = 'rls_invoker'), ARRAY['security_invoker=true'], 'as they do');
SELECT lives_ok($$SELECT smarketing.bind('opportunity', 'crm.deal')$$, 'bound as before');
ALTER TABLE crm.deal DISABLE ROW LEVEL SECURITY;

-- A restore may leave the parts empty; names and settings in the table are no SQL.
REFRESH MATERIALIZED VIEW other_parts_parts WITH NO DATA;
SELECT throws_ok('SELECT * FROM other_parts', '55000', NULL, 'parts without data');
SELECT isnt_empty($$SELECT smarketing.refresh_rollup('other_parts')$$, 'are filled');
SELECT isnt_empty('SELECT * FROM other_parts', 'and read');
CREATE TABLE kept ();
INSERT INTO smarketing.stored_view (name, parts, kpi, period, by, options, settings)
VALUES ('public.evil', 'public.x; DROP TABLE kept', 'cost_per_lead', 'day', '{}', '{}', '{"gross_margin": "1); DROP TABLE kept; --"}');
SELECT throws_ok($$SELECT smarketing.refresh_rollup('evil')$$, '42602', NULL, 'a name that is none');
UPDATE smarketing.stored_view SET parts = '"x; DROP TABLE kept"' WHERE name = 'public.evil';
SELECT throws_ok($$SELECT smarketing.refresh_rollup('evil')$$, '42602', NULL, 'one that is not qualified');
UPDATE smarketing.stored_view SET parts = 'public."x; DROP TABLE kept"' WHERE name = 'public.evil';
SELECT throws_ok($$SELECT smarketing.refresh_rollup('evil')$$, '42P01', 'rollup public.evil has lost public."x; DROP TABLE kept"', 'one of nothing');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('evil', 'leads')$$, '22023', NULL, 'a margin that is none');
SELECT lives_ok($$SELECT smarketing.drop_rollup('evil')$$, 'all of which can be dropped');
SELECT has_table('kept', 'and drops nothing else');

-- What depends on what.
SELECT throws_ok('ALTER TABLE crm.person DROP COLUMN channel', '2BP01', NULL, 'a bound column under a view stays');
SELECT throws_ok('ALTER TABLE crm.person ALTER COLUMN channel TYPE varchar', '0A000', 'cannot alter type of a column used by a view or rule', 'with its type');
CREATE VIEW mine AS SELECT sum(leads) FROM taken;
SELECT throws_ok($$SELECT smarketing.drop_rollup('taken')$$, '2BP01', 'cannot drop view public.taken because other objects depend on it', 'a rollup that others read stays');
DROP VIEW mine;
SELECT lives_ok($$SELECT smarketing.drop_rollup('taken')$$, 'then it goes');
SELECT hasnt_materialized_view('taken_parts1', 'with its parts');
DROP VIEW leads;
SELECT lives_ok($$SELECT smarketing.create_view('leads', 'cost_per_lead')$$, 'a view that was dropped by hand is made anew');
DROP VIEW made;
SELECT throws_ok($$SELECT smarketing.create_rollup('made', 'cost_per_lead')$$, '42710', 'rollup public.made already exists', 'of a rollup the parts are left');
SELECT lives_ok($$SELECT smarketing.drop_rollup('made')$$, 'which drop_rollup takes away');
SELECT lives_ok($$SELECT smarketing.create_rollup('made', 'cost_per_lead')$$, 'then it is made anew');
-- What has come under the name of a view or of parts that were dropped by hand is somebody else's.
SELECT lives_ok($$SELECT smarketing.create_view('was_view', 'cost_per_lead')$$, 'a view is made');
DROP VIEW was_view, made;
CREATE TABLE was_view AS SELECT 'secret' AS secret;
CREATE VIEW made AS SELECT 'mine' AS mine;
SELECT lives_ok($$SELECT smarketing.grant_read('smk_reader')$$, 'a reader is let in');
SELECT is((SELECT array_agg(relation) FROM unnest('{was_view,made}'::regclass[]) AS relation WHERE has_table_privilege('smk_reader', relation, 'SELECT')), NULL, 'not to what took their names');
SELECT lives_ok($$SELECT smarketing.drop_rollup('made')$$, 'the rollup is dropped');
SELECT has_view('made', 'the view of that name stays');
SELECT hasnt_materialized_view('made_parts', 'the parts do not');
DROP VIEW made;
DROP TABLE was_view;
DELETE FROM smarketing.stored_view WHERE name = 'public.was_view';
SELECT lives_ok($$SELECT smarketing.create_rollup('made', 'cost_per_lead')$$, 'once more');
DROP MATERIALIZED VIEW made_parts CASCADE;
CREATE MATERIALIZED VIEW made_parts AS SELECT current_date AS period_start, now() AS refreshed_at, 1000 AS leads;
SELECT throws_ok($$SELECT smarketing.refresh_rollup('made')$$, '42P01', 'rollup public.made has lost public.made_parts', 'nor are parts of another''s refreshed');
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('made', 'leads')$$, '42P01', 'rollup public.made has lost public.made_parts', 'or read');
DROP MATERIALIZED VIEW made_parts;
SELECT is((SELECT last_error FROM smarketing.rollups WHERE name = 'public.made'), 'its materialized view is gone', 'rollups tells what is gone');
SELECT throws_ok($$SELECT smarketing.refresh_rollup('made')$$, '42P01', 'rollup public.made has lost public.made_parts', 'so does a refresh');
SELECT lives_ok($$SELECT smarketing.drop_rollup('made')$$, 'it can be dropped');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok($$SELECT smarketing.refresh_rollup('rls')$$, '25000', 'refresh_rollup() needs isolation level READ COMMITTED', 'an older snapshot would be stored');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok($$SELECT smarketing.create_rollup('rls_2', 'cost_per_lead')$$, '25000', 'create_rollup() needs isolation level READ COMMITTED', 'at first, too');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lives_ok($$SELECT smarketing.create_view('view_of_now', 'cost_per_lead')$$, 'a view stores nothing');
ROLLBACK;
SELECT throws_ok($$SELECT smarketing.schedule_rollups('0 3 * * *')$$, '0A000', 'pg_cron is not running on this server, and nothing else here runs jobs', 'nothing schedules');
SELECT is_empty($$SELECT c.oid::regclass || '.' || attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    JOIN smarketing.stored_view ON format('%I.%I', relnamespace::regnamespace::text, relname) IN (name, parts) OR c.oid = name::regclass OR c.oid = parts::regclass
    WHERE col_description(c.oid, attnum) IS NULL OR obj_description(c.oid) IS NULL$$, 'every view and column has a comment');

SELECT throws_ok('DROP EXTENSION smarketing', '2BP01', NULL, 'views keep the extension');
SELECT is((SELECT count(*) FROM pg_class WHERE relkind = 'm'), 4::bigint, 'there are parts');
SET client_min_messages = error;
DROP EXTENSION smarketing CASCADE;
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace IN ('public'::regnamespace, '"my reports"'::regnamespace)
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid AND d.deptype = 'e')$$, 'with it they go');
DROP OWNED BY smk_maker, smk_reader; DROP ROLE smk_maker, smk_reader;
-- A stored statement outlives the index that says that an account is there once.
CREATE EXTENSION smarketing;
CREATE SCHEMA repeated;
CREATE TABLE repeated.account (id int CONSTRAINT once UNIQUE, since timestamptz);
INSERT INTO repeated.account SELECT n, date_trunc('month', now()) - interval '20 days' + n * interval '1 day' FROM generate_series(1, 5) AS n;
CREATE TABLE repeated.spend (at timestamptz, amount numeric);
INSERT INTO repeated.spend VALUES (date_trunc('month', now()) - interval '18 days', 1000);
\o /dev/null
SELECT smarketing.bind('account', 'repeated.account', '{"account_id": "id", "customer_since": "since"}'), smarketing.bind('spend', 'repeated.spend');
SELECT smarketing.create_view('acquisition', 'customer_acquisition_cost'), smarketing.create_rollup('acquisition_stored', 'customer_acquisition_cost');
ALTER TABLE repeated.account DROP CONSTRAINT once;
INSERT INTO repeated.account VALUES (1, date_trunc('month', now()) - interval '10 days'), (2, date_trunc('month', now()) - interval '9 days');
SELECT smarketing.refresh_rollup('acquisition_stored');
\o
SELECT results_eq($$SELECT new_customers FROM acquisition WHERE period_start = date_trunc('month', now()) - interval '1 month' UNION ALL SELECT new_customers FROM acquisition_stored WHERE period_start = date_trunc('month', now()) - interval '1 month'
    UNION ALL SELECT new_customers FROM smarketing.customer_acquisition_cost(date_trunc('month', now()) - interval '1 month', date_trunc('month', now()))$$, $$VALUES (5::bigint), (5), (5)$$, 'an account that is repeated later is one customer there, too');
DROP EXTENSION smarketing CASCADE;
SELECT * FROM finish();
