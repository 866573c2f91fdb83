-- A join's rows are folded by its key unless the key is certain to be unique: by an index, or by what a view is.
-- Over each relation below: whether the statement folds, and one won deal a rep stays one.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
CREATE EXTENSION IF NOT EXISTS citext;
SELECT plan(113);

CREATE SCHEMA crm;
CREATE TABLE crm.team (id int PRIMARY KEY, name text NOT NULL, lead_id int UNIQUE DEFERRABLE);
CREATE TABLE crm.rep (id int PRIMARY KEY, code text UNIQUE, name text NOT NULL, team_id bigint, version int);
CREATE TABLE crm.rep_version (id int, name text NOT NULL, version int, UNIQUE (id, version));
CREATE TABLE crm.office (rep_id int, name text, is_main boolean);
CREATE UNIQUE INDEX ON crm.office (rep_id) WHERE is_main;
CREATE TABLE crm.region (rep_id int NOT NULL, name text NOT NULL);
CREATE UNIQUE INDEX ON crm.region (rep_id);
CREATE TABLE crm.office_of_team (team_id int, name text);
CREATE TABLE crm.alias (code citext PRIMARY KEY, name text);
CREATE TABLE crm.base (id int PRIMARY KEY, name text);
CREATE TABLE crm.derived () INHERITS (crm.base);
CREATE TABLE crm.parted (id int PRIMARY KEY, name text) PARTITION BY HASH (id);
CREATE TABLE crm.parted_0 PARTITION OF crm.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE COLLATION crm.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

INSERT INTO crm.team VALUES (1, 'North', 1), (2, 'South', 2);
INSERT INTO crm.rep VALUES (1, 'a', 'Ada', 1, 1), (2, 'b', 'Ben', 2, 1), (3, 'c', 'Cid', NULL, 1);
INSERT INTO crm.rep_version VALUES (1, 'Ada', 1), (1, 'Ada', 2), (2, 'Ben', 1), (3, 'Cid', 1);
INSERT INTO crm.office VALUES (1, 'Rome', true), (1, 'Bari', false), (2, 'Oslo', true);
INSERT INTO crm.region VALUES (1, 'South'), (2, 'North');
INSERT INTO crm.office_of_team VALUES (1, 'x'), (1, 'y'), (2, 'z');
INSERT INTO crm.alias VALUES ('A', 'Ada'), ('b', 'Ben');
INSERT INTO crm.base VALUES (1, 'Ada'), (2, 'Ben'), (3, 'Cid');
INSERT INTO crm.derived VALUES (1, 'Ada');
INSERT INTO crm.parted VALUES (1, 'Ada'), (2, 'Ben'), (3, 'Cid');
CREATE MATERIALIZED VIEW crm.stored AS SELECT * FROM crm.rep;
CREATE UNIQUE INDEX ON crm.stored (id);
CREATE MATERIALIZED VIEW crm.stored_without_index AS SELECT * FROM crm.rep;

CREATE TABLE deal (id int, at date, closed date, won boolean, rep int);
INSERT INTO deal SELECT i, '2026-01-01', '2026-01-02', true, i FROM generate_series(1, 3) i;
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "created_at": "at", "closed_at": "closed", "won": "won", "owner": "rep"}');

CREATE VIEW crm.plain AS SELECT * FROM crm.rep WHERE version > 0;
CREATE VIEW crm.renamed AS SELECT id AS key, name FROM crm.plain;
CREATE VIEW crm.left_joined AS SELECT r.*, t.name AS team FROM crm.rep r LEFT JOIN crm.team t ON t.id = r.team_id;
CREATE VIEW crm.left_joined_using AS SELECT r.id, r.name, o.name AS region FROM (SELECT id AS rep_id, * FROM crm.rep) r LEFT JOIN crm.region o USING (rep_id);
CREATE VIEW crm.using AS SELECT rep.id, rep.name, p.name AS other FROM crm.rep LEFT JOIN crm.parted p USING (id);
CREATE VIEW crm.nested AS SELECT l.id, l.name, o.name AS region FROM crm.left_joined l LEFT JOIN crm.region o ON (o.rep_id = l.id AND o.name <> 'x');
CREATE VIEW crm.joined AS SELECT r.id, r.name FROM crm.rep r JOIN crm.region o ON o.rep_id = r.id;
CREATE VIEW crm.joined_from_right AS SELECT r.id, r.name FROM crm.region o JOIN crm.rep r ON o.rep_id = r.id;
CREATE VIEW crm.joined_on_view AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.plain p ON p.id = r.id + 1;
CREATE VIEW crm.latest AS SELECT DISTINCT ON (id) id, name FROM crm.rep_version ORDER BY id, version DESC;
CREATE VIEW crm.grouped AS SELECT id, max(name) AS name FROM crm.rep_version GROUP BY id;
CREATE VIEW crm.windowed AS SELECT id, name, row_number() OVER (ORDER BY name) AS place FROM crm.rep;
CREATE VIEW crm.casted AS SELECT id::varchar::text AS id, name FROM crm.rep;
CREATE VIEW crm.coded AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.rep s ON s.code = r.name::text;
CREATE VIEW crm.computed_besides AS SELECT r.id, r.name, e.short FROM crm.rep r CROSS JOIN LATERAL (SELECT CASE WHEN r.id > 1 THEN (SELECT max(t.name) FROM crm.team t WHERE t.id = r.team_id) END AS short) e;
-- What cannot be told, or repeats.
CREATE VIEW crm.computed_twice AS SELECT r.id, r.name FROM crm.rep r CROSS JOIN LATERAL (SELECT r.name UNION ALL SELECT r.name) e;
CREATE VIEW crm.computed_series AS SELECT r.id, r.name FROM crm.rep r CROSS JOIN LATERAL (SELECT generate_series(1, 2) AS n) e;
CREATE VIEW crm.computed_sets AS SELECT r.id, r.name FROM crm.rep r CROSS JOIN LATERAL (SELECT r.name GROUP BY GROUPING SETS ((), ())) e;
CREATE VIEW crm.versions AS SELECT id, name FROM crm.rep_version;
CREATE VIEW crm.many AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.office_of_team o ON o.team_id = r.team_id;
CREATE VIEW crm.partial AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.office o ON o.rep_id = r.id;
CREATE VIEW crm.right_side AS SELECT r.id, r.name FROM crm.team t LEFT JOIN crm.rep r ON r.team_id = t.id;
CREATE VIEW crm.inequality AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.team t ON t.id <= r.team_id;
CREATE VIEW crm.either AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.team t ON t.id = r.team_id OR t.id = 1;
CREATE VIEW crm.of_itself AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.team t ON t.id = t.id;
CREATE VIEW crm.commas AS SELECT r.id, r.name FROM crm.rep r, crm.team t;
CREATE VIEW crm.crossed AS SELECT r.id, r.name FROM crm.rep r CROSS JOIN crm.team t;
CREATE VIEW crm.completed AS SELECT r.id, r.name FROM crm.rep r FULL JOIN crm.region o ON o.rep_id = r.id;
CREATE VIEW crm.twice AS SELECT id, name FROM crm.rep UNION ALL SELECT id, name FROM crm.rep;
CREATE VIEW crm.spread AS SELECT id, name, generate_series(1, 2) AS n FROM crm.rep;
CREATE VIEW crm.lateral AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN LATERAL (SELECT 1 FROM crm.office o WHERE o.rep_id = r.id) o ON true;
CREATE VIEW crm.grouped_by_two AS SELECT id, version, max(name) AS name FROM crm.rep_version GROUP BY id, version;
CREATE VIEW crm.grouping_sets AS SELECT id, max(name) AS name FROM crm.rep_version GROUP BY GROUPING SETS ((id), (id, version));
CREATE VIEW crm.distinct_rows AS SELECT DISTINCT id, version, name FROM crm.rep_version;
CREATE VIEW crm.deferred AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.team t ON t.lead_id = r.id;
CREATE VIEW crm.no_case_joined AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.rep s ON s.code = r.name COLLATE crm.no_case;
CREATE VIEW crm.other_operator AS SELECT r.id, r.name FROM crm.rep r LEFT JOIN crm.alias a ON a.code::text = r.code;
CREATE VIEW crm.inherited AS SELECT id, name FROM crm.base;
CREATE VIEW crm.computed AS SELECT id + 0 AS id, name FROM crm.rep;

CREATE TABLE expected AS
SELECT * FROM (VALUES
    ('rep', 'id', false), ('rep', 'code', false), ('parted', 'id', false), ('stored', 'id', false), ('plain', 'id', false), ('renamed', 'key', false),
    ('left_joined', 'id', false), ('using', 'id', false), ('nested', 'id', false), ('joined', 'id', false),
    ('joined_from_right', 'id', false), ('joined_on_view', 'id', false), ('latest', 'id', false), ('grouped', 'id', false),
    ('windowed', 'id', false), ('coded', 'id', false), ('computed_besides', 'id', false),
    ('computed_twice', 'id', true), ('computed_series', 'id', true), ('computed_sets', 'id', true),
    ('stored_without_index', 'id', true), ('casted', 'id', true), ('left_joined_using', 'id', true), ('versions', 'id', true), ('many', 'id', true),
    ('partial', 'id', true), ('right_side', 'id', true), ('inequality', 'id', true), ('either', 'id', true), ('of_itself', 'id', true),
    ('commas', 'id', true), ('crossed', 'id', true), ('completed', 'id', true), ('twice', 'id', true), ('spread', 'id', true), ('lateral', 'id', true),
    ('grouped_by_two', 'id', true), ('grouping_sets', 'id', true), ('distinct_rows', 'id', true), ('deferred', 'id', true),
    ('no_case_joined', 'id', true), ('other_operator', 'id', true), ('inherited', 'id', true), ('computed', 'id', true), ('base', 'id', true)) AS e(relation, key, folds);

CREATE FUNCTION rep_statement(relation text, key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM smarketing.bind('owner', 'crm.' || quote_ident(relation), jsonb_build_object('owner', key, 'label', 'name', 'team', 'name'));
    RETURN smarketing.kpi_sql('opportunity_win_rate.won', '2026-01-01', '2026-02-01', 'all', '{team}');
END $$;
SELECT is(rep_statement(relation, key) LIKE '%AS folded%', folds, format('%s.%s: %s', relation, key, CASE WHEN folds THEN 'folds' ELSE 'is unique' END)) FROM expected;
CREATE FUNCTION won(relation text, key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE sum bigint;
BEGIN
    EXECUTE 'SELECT sum(value) FROM (' || rep_statement(relation, key) || ') AS s' INTO sum;
    RETURN sum;
END $$;
SELECT is(won(relation, key), 3::bigint, format('%s.%s: three deals stay three', relation, key)) FROM expected WHERE key <> 'code';
-- What is called unique is so in the data, which repeats wherever a definition allows it.
CREATE FUNCTION repeats(relation text, key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(%2$I) - count(DISTINCT %2$I) FROM crm.%1$I', relation, key) INTO n;
    RETURN n;
END $$;
SELECT is_empty('SELECT * FROM expected WHERE NOT folds AND repeats(relation, key) > 0', 'no unique key repeats');
SELECT cmp_ok(count(*), '>', 10::bigint, 'the others repeat') FROM expected WHERE folds AND repeats(relation, key) > 0;
-- Opportunities are told apart by their key where each has one, which no other has; else by a number. None is lost.
INSERT INTO crm.rep VALUES (4, NULL, 'Dan', NULL, 1), (5, NULL, 'Eva', NULL, 1);
CREATE TABLE touch (at date, lead int, channel text);
CREATE TABLE lead (id int, at date);
CREATE TABLE crm.worded (id text PRIMARY KEY COLLATE "und-x-icu", name text);
CREATE TABLE crm.of_uuid (id uuid PRIMARY KEY, name text);
INSERT INTO crm.worded SELECT 'long key ' || repeat('x', i) FROM generate_series(1, 40) i;
INSERT INTO crm.of_uuid SELECT md5(i::text)::uuid FROM generate_series(1, 7) i;
INSERT INTO lead VALUES (1, '2026-01-01'), (2, '2026-01-01');
INSERT INTO touch VALUES ('2026-01-01', 1, 'a'), ('2026-01-02', 1, 'b');
SELECT smarketing.bind('touch', 'touch', '{"lead_id": "lead"}') AS a, smarketing.bind('lead', 'lead', '{"lead_id": "id", "created_at": "at"}') AS b \gset
CREATE TABLE numbered AS
SELECT * FROM (VALUES ('rep', 'id', false), ('parted', 'id', false), ('plain', 'id', false), ('left_joined', 'id', false), ('joined_from_right', 'id', false), ('worded', 'id', false), ('of_uuid', 'id', false),
    ('rep', 'code', true), ('stored', 'id', true), ('latest', 'id', true), ('right_side', 'id', true)) AS e (relation, key, is_numbered);
CREATE FUNCTION credited(relation text, key text, OUT statement text, OUT conversions bigint, OUT rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM smarketing.bind('opportunity', 'crm.' || quote_ident(relation), jsonb_build_object('opportunity_id', key, 'created_at', 'date ''2026-01-01''', 'closed_at', 'date ''2026-01-03''', 'won', 'true', 'lead_id', '1', 'amount', '10', 'owner', NULL, 'label', NULL));
    statement := smarketing.kpi_sql('marketing_roi', '2026-01-01', '2026-02-01', 'all');
    SELECT attributed_revenue / 10 INTO conversions FROM smarketing.marketing_roi('2026-01-01', '2026-02-01', 'all');
    EXECUTE format('SELECT count(*) FROM crm.%I', relation) INTO rows;
END $$;
SELECT is(statement LIKE '%opportunity AS MATERIALIZED%', is_numbered, format('opportunities of %s.%s: %s', relation, key, CASE WHEN is_numbered THEN 'numbered' ELSE 'by key' END)) FROM numbered, credited(relation, key);
SELECT is(conversions, rows, format('all of %s.%s', relation, key)) FROM numbered, credited(relation, key);
SELECT * FROM finish();
