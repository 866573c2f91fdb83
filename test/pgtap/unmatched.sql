-- unmatched_values(): what one side alone has, what it looks like, and that map_value brings them together.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT plan(22);

SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.unmatched_values_row'::regclass),
    'value text, entities text, spend numeric, leads bigint, opportunities bigint, suggestion text', 'columns');
SELECT is_empty('SELECT * FROM smarketing.unmatched_values()', 'nothing bound');
SELECT throws_ok($$SELECT * FROM smarketing.unmatched_values('colour')$$, '22023', 'dimension "colour" does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.unmatched_values(NULL)$$, '22004', 'argument "dimension" must not be null');

CREATE TABLE person (lead_id int PRIMARY KEY, created_at timestamptz, channel text, campaign text, owner int);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, lead_id int, created_at timestamptz, channel text);
CREATE TABLE cost (at date, ends_at date, amount numeric, channel text, kind text);
CREATE TABLE visit (at timestamptz, lead_id int, channel text);
-- Label, leads, and the one of spend that it is to be called like.
CREATE TABLE spelling (label text, leads int, wanted text);
INSERT INTO spelling VALUES ('fb', 3, 'Meta Ads'), ('facebook', 5, 'Meta Ads'), ('Facebook.com', 2, 'Meta Ads'), ('INSTAGRAM', 1, 'Meta Ads'),
    ('google / cpc', 7, 'Google Ads'), ('Google  AdWords', 1, 'Google Ads'), ('adwords', 1, 'Google Ads'), ('linked-in', 4, 'LinkedIn'), ('LINKEDIN ADS', 1, 'LinkedIn'),
    ('bing', 2, 'Microsoft Advertising'), ('twitter', 2, 'X'), ('Télévision', 2, 'Television'), ('tele-vision', 1, 'Television'), ('Zürich  Messe', 1, 'Zurich Messe'), ('newsletter', 1, 'E-Mail'), (' Radio ', 1, 'Radio'),
    ('Organic', 9, NULL), ('???', 1, NULL), ('', 2, NULL), ('Quora', 6, '*');
INSERT INTO person SELECT row_number() OVER (), '2026-01-15', label FROM spelling, generate_series(1, leads);
INSERT INTO person SELECT 1000 + n, '2026-01-15', NULL FROM generate_series(1, 5) n;
INSERT INTO cost SELECT '2026-01-10', NULL, a, c, 'marketing' FROM (VALUES ('Meta Ads', 100), ('Google Ads', 90), ('LinkedIn', 80), ('Microsoft Advertising', 70), ('X', 60), ('Television', 50), ('Zurich Messe', 40), ('E-Mail', 30), ('Radio', 20), ('Quora', 10), ('Quora Ads', 5), ('Posters', 3), (NULL, 7)) v (c, a);
INSERT INTO cost VALUES ('2026-01-10', NULL, 1000, 'Payroll', 'sales');
SELECT smarketing.bind('lead', 'person'), smarketing.bind('spend', 'cost'), smarketing.bind('opportunity', 'deal') \gset
INSERT INTO deal SELECT lead_id, lead_id, '2026-01-20', channel FROM person WHERE channel IN ('fb', 'Organic');
INSERT INTO deal VALUES (5000, NULL, '2026-01-20', 'Cold calls');

SELECT results_eq($$SELECT value, leads, suggestion FROM smarketing.unmatched_values() WHERE entities LIKE 'lead%' ORDER BY value COLLATE "C"$$,
    $$SELECT label, leads::bigint, wanted FROM spelling WHERE wanted IS DISTINCT FROM '*' ORDER BY label COLLATE "C"$$, 'case, blanks, accents, punctuation and aliases are seen through');
SELECT results_eq($$SELECT value, entities, spend, leads, opportunities, suggestion FROM smarketing.unmatched_values() LIMIT 12$$,
    $$VALUES ('Meta Ads', 'spend', 100.0::numeric, 0::bigint, 0::bigint, NULL::text), ('Google Ads', 'spend', 90, 0, 0, NULL), ('LinkedIn', 'spend', 80, 0, 0, NULL), ('Microsoft Advertising', 'spend', 70, 0, 0, NULL),
             ('X', 'spend', 60, 0, 0, NULL), ('Television', 'spend', 50, 0, 0, NULL), ('Zurich Messe', 'spend', 40, 0, 0, NULL), ('E-Mail', 'spend', 30, 0, 0, NULL), ('Radio', 'spend', 20, 0, 0, NULL),
             ('Quora Ads', 'spend', 5, 0, 0, 'Quora'), ('Posters', 'spend', 3, 0, 0, NULL), ('Organic', 'lead, opportunity', NULL, 9, 9, NULL)$$,
    'the largest spend first, then leads; of spend by two names the one that meets is the name');
SELECT results_eq($$SELECT entities, opportunities FROM smarketing.unmatched_values() WHERE value = 'Cold calls'$$, $$VALUES ('opportunity', 1::bigint)$$, 'an opportunity''s own channel');
CREATE TEMP TABLE first AS SELECT row_number() OVER (), * FROM smarketing.unmatched_values();
SELECT results_eq('SELECT row_number() OVER (), * FROM smarketing.unmatched_values()', 'SELECT * FROM first', 'the order is the same each time');
SELECT count(smarketing.map_value('channel', value, suggestion)) FROM smarketing.unmatched_values() WHERE suggestion IS NOT NULL \gset
SELECT results_eq($$SELECT value FROM smarketing.unmatched_values()$$, $$VALUES ('Posters'), ('Organic'), (''), ('???'), ('Cold calls')$$, 'after map_value they meet');
SELECT results_eq($$SELECT spend, leads FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'all', '{channel}', '{"channel": "Meta Ads"}')$$, $$VALUES (100.0::numeric, 11::bigint)$$, 'in the KPIs too');
-- Of two spellings on one side the suggestion is the commoner, but for one that begins or ends with a blank. Platforms by two names stay apart there.
INSERT INTO person SELECT 2000 + n, '2026-01-15', CASE WHEN n <= 4 THEN 'Podcast ' WHEN n <= 7 THEN 'Podcast' WHEN n <= 9 THEN 'pod-cast' WHEN n = 10 THEN 'Pinterest' ELSE 'pinterest ads' END FROM generate_series(1, 11) n;
SELECT results_eq($$SELECT value, leads, suggestion FROM smarketing.unmatched_values() WHERE value ~* '^p(od|int)' ORDER BY leads DESC, value COLLATE "C"$$,
    $$VALUES ('Podcast ', 4::bigint, 'Podcast'), ('Podcast', 3, NULL), ('pod-cast', 2, 'Podcast'), ('Pinterest', 1, NULL), ('pinterest ads', 1, NULL)$$, 'two spellings on one side');
SELECT results_eq($$SELECT problem, row_count FROM smarketing.doctor() WHERE problem LIKE '%Podcast "%'$$, $$VALUES ('channel "Podcast " looks like "Podcast", and does not meet it', 4::bigint)$$, 'doctor() names them');
DELETE FROM person WHERE lead_id > 2000;
-- A label that is mapped to a name which meets nothing is shown as it stands in the data.
SELECT smarketing.map_value('channel', 'fb', 'Metta') AS done \gset
SELECT results_eq($$SELECT value, leads, suggestion FROM smarketing.unmatched_values() WHERE leads = 3$$, $$VALUES ('fb', 3::bigint, NULL::text)$$, 'a map that leads nowhere');
SELECT smarketing.map_value('channel', 'fb', 'META') AS done \gset
SELECT results_eq($$SELECT value, suggestion FROM smarketing.unmatched_values() WHERE leads = 3$$, $$VALUES ('fb', 'Meta Ads')$$, 'and one that nearly hits');

-- Touches are a side with leads; spend by hand counts; spend that cannot be converted is NULL, with a reason in doctor().
INSERT INTO visit VALUES ('2026-01-12', 1, 'Posters'), ('2026-01-12', 1, 'bing ads'), ('2026-01-12', 1, 'Blimp');
SELECT smarketing.bind('touch', 'visit') AS done \gset
INSERT INTO smarketing.spend_entry (at, amount, channel) VALUES ('2026-01-05', 11, 'Blimps');
SELECT results_eq($$SELECT value, entities, spend, suggestion FROM smarketing.unmatched_values() WHERE value IN ('Posters', 'bing ads', 'Blimp', 'Blimps')$$,
    $$VALUES ('Blimps', 'spend', 11::numeric, NULL::text), ('Blimp', 'touch', NULL, NULL), ('bing ads', 'touch', NULL, 'Microsoft Advertising')$$, 'touches and entered spend');
UPDATE smarketing.spend_entry SET currency = 'USD';
SELECT smarketing.configure('currency', 'EUR') AS done \gset
SELECT results_eq($$SELECT value, spend FROM smarketing.unmatched_values() WHERE value = 'Blimps'$$, $$VALUES ('Blimps', NULL::numeric)$$, 'without a rate spend is not known');

-- Other dimensions; a dimension that spend lacks is compared among the others; one that is computed has no labels.
SELECT is_empty($$SELECT * FROM smarketing.unmatched_values('origin')$$, 'origin');
SELECT is_empty($$SELECT * FROM smarketing.unmatched_values('product')$$, 'a dimension that nothing has');
SELECT smarketing.define_dimension('region', '{"lead": "campaign", "opportunity": "channel"}') AS done \gset
UPDATE person SET campaign = CASE WHEN lead_id % 2 = 0 THEN 'nord' ELSE 'Süd' END;
UPDATE deal SET channel = CASE WHEN lead_id % 2 = 0 THEN 'Nord' ELSE 'Süd' END;
SELECT results_eq($$SELECT value, entities, spend, suggestion FROM smarketing.unmatched_values('region')$$, $$VALUES ('nord', 'lead', NULL::numeric, NULL::text), ('Nord', 'opportunity', NULL, 'nord')$$, 'one of the user''s, without spend');
SELECT smarketing.map_value('region', value, suggestion) AS done FROM smarketing.unmatched_values('region') WHERE suggestion IS NOT NULL \gset
SELECT is_empty($$SELECT * FROM smarketing.unmatched_values('region')$$, 'which meet then');
-- Rights.
CREATE ROLE unmatched_reader;
SET ROLE unmatched_reader;
SELECT is_empty('SELECT * FROM smarketing.unmatched_values()', 'who may read nothing gets no rows and no error');
RESET ROLE;
TRUNCATE person, deal, cost, visit, smarketing.spend_entry;
SELECT is_empty('SELECT * FROM smarketing.unmatched_values()', 'empty tables');
DROP ROLE unmatched_reader;
SELECT finish();
