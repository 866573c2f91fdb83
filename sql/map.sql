-- What the CRM's words mean: a label that nobody has is told of, with those like it; guesses in five languages.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
CREATE EXTENSION smarketing;
SET client_min_messages = warning;
CREATE SCHEMA crm;
CREATE TABLE crm.person (lead_id int, created_at timestamptz, channel text, stage text, pipeline text, region text);
INSERT INTO crm.person VALUES (1, '2026-01-01', 'Google Ads', 'Qualifié marketing', 'web', 'Nord'), (2, '2026-01-01', 'Meta Ads', 'Qualifié', 'web', 'Süd'), (3, '2026-01-01', NULL, 'Accepté', 'shop', NULL);
\pset format unaligned
\pset tuples_only on
-- Before anything is bound nothing is known of labels.
SELECT smarketing.map_stage('Neu', 'lead');
SELECT smarketing.bind('lead', 'crm.person'), smarketing.define_dimension('region', '{"lead": "region"}');
SELECT smarketing.map_stage('Qualifié', 'sql');
SELECT smarketing.map_stage('Qualifie marketting', 'mql');
SELECT smarketing.map_stage('Accepté', 'sal', 'shop'), smarketing.map_stage('Qualifié', 'sql', 'shop');
SELECT smarketing.map_value('channel', 'google ads', 'Google Ads');
SELECT smarketing.map_value('channel', 'Meta Ads', 'Facebook');
SELECT smarketing.map_value('region', 'Sud', 'S');
SELECT smarketing.map_value('origin', 'Messe', 'sales');
SELECT smarketing.map_value('product', 'p', 'P');
SELECT smarketing.map_value('channel', 'never', NULL);
SELECT label, pipeline, stage FROM smarketing.stage_map ORDER BY label COLLATE "C", pipeline;
-- A label that no index row can hold.
SELECT smarketing.map_stage(string_agg(md5(n::text), ''), 'won') FROM generate_series(1, 100) AS n;
SELECT smarketing.map_value('channel', repeat('é', 651), 'x');
SET client_min_messages = error;
SELECT smarketing.map_value('channel', repeat('é', 650), 'x');
SET client_min_messages = warning;
-- A binding that cannot be read is no reason not to map.
ALTER TABLE crm.person RENAME stage TO status;
SELECT smarketing.map_stage('Verloren', 'lost');
ALTER TABLE crm.person RENAME status TO stage;
-- What is proposed, and that nothing is where the words tell nothing.
DELETE FROM smarketing.stage_map;
TRUNCATE crm.person;
INSERT INTO crm.person (lead_id, created_at, stage) SELECT row_number() OVER (), '2026-01-01', label FROM unnest(ARRAY[
    'Qualifié marketing', 'Marketing Qualified', 'Für Marketing qualifiziert', 'Calificado por marketing', 'Qualificato dal marketing',
    'Accepté', 'Sales Accepted', 'Akzeptiert', 'Aceptado', 'Accettato',
    'Qualifié', 'Qualifié commercial', 'Sales Qualified', 'Qualifiziert', 'Calificado', 'Qualificato',
    'Écarté', 'Rejeté', 'Disqualifié', 'Non qualifié', 'Disqualified', 'Not qualified', 'Abgelehnt', 'Nicht qualifiziert', 'Descartado', 'No calificado', 'Scartato', 'Pas intéressé', 'Nicht akzeptiert',
    'Nouveau', 'À qualifier', 'Contacté', 'New', 'Working - Contacted', 'Neu', 'In Bearbeitung', 'Nuevo', 'Nuovo', 'Client potentiel',
    'Proposition envoyée', 'Devis', 'Angebot', 'Propuesta', 'Trattativa', 'Perdu', 'Verloren', 'Perdido', 'Perso', 'Gagné', 'Gewonnen', 'Ganado', 'Vinto', 'Client', 'Nurturing', 'Résilié',
    'Étape 4', 'Hot', 'Персона']) AS label;
SELECT proposed[2], string_agg(proposed[1], ', ' ORDER BY proposed[1] COLLATE "C") FROM smarketing.getting_started(), regexp_matches(statement, $re$\('([^']+)', '(\w+)'\)$re$, 'g') AS proposed WHERE what LIKE '%not mapped%' GROUP BY 1 ORDER BY 1;
SELECT state, what, left(statement, 80) FROM smarketing.getting_started() WHERE what LIKE '%stage%';
-- Nor where they say what is not so; what was is churned.
TRUNCATE crm.person;
INSERT INTO crm.person (lead_id, created_at, stage) SELECT row_number() OVER (), '2026-01-01', label FROM unnest(ARRAY[
    'Non gagné', 'Not won', 'Nicht gewonnen', 'Non signé', 'Pas de client', 'Non converti', 'Pas perdu', 'Jamais qualifié', 'No ganado',
    'Pas encore qualifié', 'Noch nicht qualifiziert', 'Not yet qualified', 'Ancien client', 'Former customer', 'Ehemaliger Kunde', 'Non traité']) AS label;
SELECT proposed[2], string_agg(proposed[1], ', ' ORDER BY proposed[1] COLLATE "C") FROM smarketing.getting_started(), regexp_matches(statement, $re$\('([^']+)', '(\w+)'\)$re$, 'g') AS proposed WHERE what LIKE '%stage%' GROUP BY 1 ORDER BY 1;
-- An expression that is another one each time is nobody's crash.
CREATE FUNCTION crm.lies(t text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN CASE WHEN random() < 0.5 THEN t END; END $$;
INSERT INTO crm.person (lead_id, created_at, channel, stage) SELECT n, '2026-01-01', 'channel ' || n % 50, 'stage ' || n % 50 FROM generate_series(100, 2000) AS n;
SELECT smarketing.bind('lead', 'crm.person', '{"lead_id": "lead_id", "created_at": "created_at", "channel": "crm.lies(channel)", "stage": "crm.lies(stage)"}');
SET client_min_messages = error;
SELECT smarketing.map_value('channel', 'zzzz', 'x');
SELECT count(*) > 0 FROM smarketing.getting_started();
SELECT count(*) > 0 FROM smarketing.doctor();
SELECT count(*) > 0 FROM smarketing.unmatched_values('channel');
DROP EXTENSION smarketing CASCADE;
DROP SCHEMA crm CASCADE;
