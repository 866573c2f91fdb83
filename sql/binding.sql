-- Binding: what is stored, what is refused, and what the errors say.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
CREATE EXTENSION smarketing;
\set VERBOSITY default
CREATE SCHEMA "My CRM";
CREATE TABLE "My CRM"."Deals" (id int PRIMARY KEY, opened timestamp, "closed at" timestamptz, state text, value float8, channel text, currency text, "kind" text, "owner" int, tags text[], created_at date);

-- A column of the canonical name binds itself; null leaves it out.
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "created_at": "opened", "closed_at": "\"closed at\"", "won": "state = ''won''", "amount": "value", "currency": null}', 'state <> ''spam''', 'Europe/Paris');
SELECT column_name, source, expression, type, is_required, problem FROM smarketing.bindings ORDER BY column_name COLLATE "C";
SELECT relation, filter, time_zone FROM smarketing.binding;

-- What is there.
SELECT smarketing.bind('deal', '"My CRM"."Deals"');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"amout": "value"}');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"currency": null}');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id"}');
SELECT smarketing.bind('touch', '"My CRM"."Deals"', '{"at": "opened"}');
SELECT smarketing.bind('goal', '"My CRM"."Deals"');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', NULL);
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '[]');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": 1}');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "currency": null}', time_zone => 'Mars/Olympus');

-- What an expression may not be: the error names the column.
CREATE FUNCTION refused(expression text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM smarketing.bind('opportunity', '"My CRM"."Deals"', jsonb_build_object('opportunity_id', 'id', 'currency', NULL, 'channel', expression));
    RETURN 'bound: ' || (SELECT b.expression FROM smarketing.binding_column b WHERE column_name = 'channel');
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
SELECT e AS expression, refused(e)
FROM unnest(ARRAY['state', 'state;', 'state -- x', 'state /* x */', '''-- no comment''', '$q$/* no comment */$q$', '1) AS x, (SELECT 1', 'state, state', '*', 'state AS x',
    'state FROM pg_class', '$1', 'no_such_column', 'max(state)', 'lag(state) OVER ()', 'unnest(tags)', 'random()::text', 'tags', 'ROW(1, 2)', '',
    '(WITH w AS (DELETE FROM "My CRM"."Deals" RETURNING 1) SELECT ''x'' FROM w)', '(SELECT state FROM "My CRM"."Deals" FOR UPDATE)',
    '(SELECT random()::text)', 'pg_sleep(1)::text']) WITH ORDINALITY AS u (e, n)
ORDER BY n;
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "currency": null, "created_at": "state"}');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "currency": null, "won": "1"}');
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "currency": null}', 'value');

-- Dimensions, maps, settings.
SELECT smarketing.define_dimension('región "x"', '{"opportunity": "state || ''\\''"}', 'Region');
SELECT * FROM smarketing.dimension_column;
SELECT smarketing.define_dimension('won', '{"opportunity": "state"}');
SELECT smarketing.define_dimension('channel', '{"opportunity": "state"}');
SELECT smarketing.define_dimension('a', '{"lead": "x"}');
SELECT smarketing.define_dimension('a', '{"deal": "x"}');
SELECT smarketing.define_dimension('a', '{}');
SELECT smarketing.define_dimension('age', '{"opportunity": "random()"}');
SELECT smarketing.define_dimension('región "x"', NULL);
SELECT smarketing.map_value('region', 'a', 'b');
SELECT smarketing.map_value('origin', 'Ads', 'martian');
SELECT smarketing.map_value('channel', 'O''Brien', 'a'), smarketing.map_value('channel', 'O''Brien', 'b');
SELECT * FROM smarketing.value_map;
SELECT smarketing.map_value('channel', 'O''Brien', NULL);
SELECT smarketing.map_stage('Gewonnen', 'won'), smarketing.map_stage('Gewonnen', 'lost', 'p');
SELECT smarketing.map_stage('x', 'nearly');
SELECT * FROM smarketing.stage_map ORDER BY pipeline;
SELECT smarketing.configure('time_zone', 'Asia/Tokyo'), smarketing.configure('fiscal_year_start', '4');
SELECT name, value, default_value FROM smarketing.settings WHERE name <> 'time_zone' OR value = 'Asia/Tokyo' ORDER BY name;
SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id::float8", "created_at": "opened"}');
SELECT smarketing.configure('time_zone', 'Mars/Olympus');
SELECT smarketing.configure('fiscal_year_start', '13');
SELECT smarketing.configure('timezone', 'UTC');
SELECT smarketing.configure('language', 'de');
SELECT smarketing.configure('active_within', '-1 day');
SELECT smarketing.configure('active_within', 'long');
SELECT smarketing.configure('active_within', '6');
SELECT smarketing.configure('currency', ' ');
SELECT smarketing.configure('on_missing_rate', 'ignore');
SELECT smarketing.configure('spend_without_dimension', 'lead');
SELECT smarketing.configure('fiscal_year_start', NULL), smarketing.configure('time_zone', 'Europe/Paris');
INSERT INTO smarketing.spend_entry (at, amount) VALUES ('2026-01-01', 'NaN');

SELECT smarketing.bind('opportunity', '"My CRM"."Deals"', '{"opportunity_id": "id", "created_at": "opened", "closed_at": "\"closed at\"", "won": "state = ''won''", "amount": "value", "currency": null, "kind": null}', 'state <> ''spam''', 'Europe/Paris');

-- A bound entity as a view.
CREATE SCHEMA shown;
SET search_path = shown, public;
SELECT smarketing.expose('opportunity', '"Opportunity ""1"""');
SELECT attname, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'shown."Opportunity ""1"""'::regclass AND attnum > 0 ORDER BY attnum;
SELECT obj_description('shown."Opportunity ""1"""'::regclass, 'pg_class');
SELECT smarketing.expose('opportunity', '"Opportunity ""1"""');
SELECT smarketing.expose('touch', 'x');
SELECT smarketing.expose('nothing', 'x');
SELECT smarketing.expose('opportunity', 'nowhere.x');
RESET search_path;
DROP SCHEMA shown CASCADE;

-- A column that goes away is an error that names the binding; a table that a loader swaps is followed.
ALTER TABLE "My CRM"."Deals" RENAME state TO status;
SELECT column_name, problem FROM smarketing.bindings WHERE problem IS NOT NULL ORDER BY 1;
SELECT * FROM smarketing.opportunity_win_rate();
ALTER TABLE "My CRM"."Deals" RENAME status TO state;
INSERT INTO "My CRM"."Deals" VALUES (1, '2026-01-31 23:30', '2026-02-10', 'won', 10);
SELECT created, won, amount_won FROM smarketing.opportunity_win_rate('2026-01-01', '2027-01-01', 'all');
CREATE TABLE "My CRM".next (LIKE "My CRM"."Deals");
INSERT INTO "My CRM".next VALUES (1, '2026-01-31 23:30', '2026-02-10', 'won', 10), (2, '2026-01-31 23:30', '2026-02-10', 'won', 20);
DROP TABLE "My CRM"."Deals";
SELECT * FROM smarketing.opportunity_win_rate();
SELECT DISTINCT problem FROM smarketing.bindings ORDER BY 1;
ALTER TABLE "My CRM".next RENAME TO "Deals";
SELECT created, won, amount_won FROM smarketing.opportunity_win_rate('2026-01-01', '2027-01-01', 'all');
SELECT smarketing.unbind('opportunity');
SELECT smarketing.unbind('opportunity');
SELECT * FROM smarketing.opportunity_win_rate();
DROP EXTENSION smarketing;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'smarketing';
DROP SCHEMA "My CRM" CASCADE;
DROP FUNCTION refused(text);
