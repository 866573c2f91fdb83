-- A small Odoo of any version from 14 to 19 in a schema of its own: psql -v schema=odoo -v version=17 -f odoo.sql
-- The same fourteen leads with their changes, and invoices, in the tables and columns of that version. All names
-- and amounts are invented. In it are the traps that the preset is to read right; each has a word where it stands.
SET client_min_messages = warning;
SELECT :version >= 15 AS has_members, :version >= 16 AS is_translated, :version >= 17 AS has_field_id, :version >= 19 AS has_verdict, :version = 18 AS is_enterprise \gset
DROP SCHEMA IF EXISTS :"schema" CASCADE;
CREATE SCHEMA :"schema";
SET search_path = :"schema", pg_catalog;

-- Names by language from 16 on, where a name may lack the English one.
\if :is_translated
CREATE FUNCTION label(english text, other jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_strip_nulls(jsonb_build_object('en_US', english)) || other$$;
\set name jsonb
\else
CREATE FUNCTION label(english text, other jsonb DEFAULT '{}') RETURNS varchar LANGUAGE sql AS $$SELECT coalesce(english, other ->> 'de_DE')$$;
\set name varchar
\endif

CREATE TABLE res_currency (id int PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE res_company (id int PRIMARY KEY, name varchar NOT NULL, partner_id int NOT NULL, currency_id int NOT NULL);
CREATE TABLE res_partner (id int PRIMARY KEY, name varchar, parent_id int, commercial_partner_id int, is_company bool, user_id int, active bool);
CREATE TABLE res_users (id int PRIMARY KEY, login varchar NOT NULL, partner_id int NOT NULL, active bool DEFAULT true, share bool, company_id int, sale_team_id int);
CREATE TABLE crm_team (id int PRIMARY KEY, name :name NOT NULL, user_id int, active bool);
CREATE TABLE crm_stage (id int PRIMARY KEY, name :name NOT NULL, sequence int, is_won bool);
CREATE TABLE crm_lost_reason (id int PRIMARY KEY, name :name NOT NULL, active bool);
CREATE TABLE utm_source (id int PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE utm_medium (id int PRIMARY KEY, name varchar NOT NULL, active bool);
CREATE TABLE utm_campaign (id int PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE ir_model_fields (id int PRIMARY KEY, model varchar NOT NULL, name varchar NOT NULL);
CREATE TABLE mail_activity_type (id int PRIMARY KEY, name :name NOT NULL);
CREATE TABLE mail_message (id int PRIMARY KEY, model varchar, res_id int, date timestamp, author_id int, message_type varchar NOT NULL, mail_activity_type_id int);
CREATE TABLE mail_tracking_value (id int PRIMARY KEY, field int, mail_message_id int NOT NULL, old_value_integer int, new_value_integer int, old_value_char varchar, new_value_char varchar);
CREATE TABLE account_move (id int PRIMARY KEY, move_type varchar NOT NULL, state varchar NOT NULL, invoice_date date, partner_id int, commercial_partner_id int, invoice_user_id int, company_id int, source_id int, medium_id int, campaign_id int, amount_untaxed_signed numeric);
CREATE TABLE crm_lead (id int PRIMARY KEY, name varchar NOT NULL, type varchar NOT NULL, active bool, stage_id int, user_id int, team_id int, company_id int, partner_id int, source_id int, medium_id int, campaign_id int, expected_revenue numeric, probability float8, automated_probability float8, lost_reason int, date_deadline date, create_date timestamp, date_conversion timestamp, date_closed timestamp);

INSERT INTO res_currency VALUES (1, 'EUR'), (2, 'USD');
INSERT INTO res_company VALUES (1, 'Linde & Søn', 1, 1);
-- A firm, its contact, another one. An archived salesman; a portal user; a name with a quote.
INSERT INTO res_partner VALUES (1, 'Linde & Søn', NULL, 1, true, NULL, true), (2, 'Ana O''Brien', NULL, 2, false, NULL, true), (3, 'Boris Birk', NULL, 3, false, NULL, false),
    (4, 'Portal Petra', NULL, 4, false, NULL, true), (10, 'Alder AB', NULL, 10, true, 2, true), (11, 'Alma Alder', 10, 10, false, NULL, true), (12, 'Bark BV', NULL, 12, true, NULL, true);
INSERT INTO res_users VALUES (2, 'ana', 2, true, false, 1, 1), (3, 'boris', 3, false, false, 1, 2), (4, 'petra', 4, true, true, 1, NULL);
INSERT INTO crm_team VALUES (1, label('Direct', '{"fr_FR": "Vente directe"}'), 2, true), (2, label('Nordic'), NULL, true);
-- Ordered by sequence, not by id; one has a name in German alone; stage 5 was deleted.
INSERT INTO crm_stage VALUES (1, label('New', '{"fr_FR": "Nouveau", "de_DE": "Neu"}'), 1, NULL), (4, label('Won', '{"fr_FR": "Gagné"}'), 70, true), (3, label('Qualified', '{"fr_FR": "Qualifié"}'), 2, false), (2, label(NULL, '{"de_DE": "Angebot"}'), 3, NULL);
INSERT INTO crm_lost_reason VALUES (1, label('Too expensive', '{"fr_FR": "Trop cher"}'), true), (2, label('Gone', '{"fr_FR": "Parti"}'), false);
INSERT INTO utm_source VALUES (1, 'Newsletter'), (2, 'newsletter ');
INSERT INTO utm_medium VALUES (1, 'Email', true), (2, 'Banner', false);
INSERT INTO utm_campaign VALUES (1, 'Spring');
INSERT INTO mail_activity_type VALUES (1, label('Call', '{"fr_FR": "Appeler"}')), (2, label('Meeting'));
-- Another model has a field of the same name.
INSERT INTO ir_model_fields VALUES (101, 'project.task', 'stage_id'), (102, 'crm.lead', 'stage_id'), (103, 'crm.lead', 'active'), (104, 'crm.lead', 'user_id');
INSERT INTO account_move VALUES (1, 'out_invoice', 'posted', '2026-02-03', 11, 10, 2, 1, 1, NULL, NULL, 1000.10), (2, 'out_refund', 'posted', '2026-03-01', 11, 10, 2, NULL, NULL, 1, 1, -200),
    (3, 'out_invoice', 'draft', '2026-02-03', 10, 10, 2, 1, NULL, NULL, NULL, 7), (4, 'out_invoice', 'cancel', '2026-02-03', 10, 10, 2, 1, NULL, NULL, NULL, 7),
    (5, 'entry', 'posted', NULL, 10, 10, 2, 1, NULL, NULL, NULL, 7), (6, 'in_invoice', 'posted', '2026-02-03', 10, 10, 2, 1, NULL, NULL, NULL, -7), (7, 'out_invoice', 'posted', '2026-02-28', 12, 12, 3, 1, NULL, NULL, NULL, 50);
INSERT INTO crm_lead VALUES
    -- An open lead, created in January as UTC has it.
    (1, 'Open lead', 'lead', true, 1, 2, 1, 1, NULL, 1, NULL, 1, 0, 10, 12.5, NULL, NULL, '2026-01-31 23:30', NULL, NULL),
    -- A lead that was lost and never converted: disqualified when it was archived.
    (2, 'Lost lead', 'lead', false, 1, NULL, NULL, NULL, NULL, 2, 1, NULL, 0, 0, 0, 1, NULL, '2026-02-01', NULL, NULL),
    -- Won; its customer is a contact of a firm; the channel is the medium where there is no source.
    (3, 'Won', 'opportunity', true, 4, 2, 1, 1, 11, NULL, 1, NULL, 1000, 100, 90, NULL, '2026-02-20', '2026-01-05', NULL, '2026-02-15 09:00'),
    -- Won and archived later; converted in a month after its creation.
    (4, 'Won, archived', 'opportunity', false, 4, 3, 2, 1, 12, 1, 1, 1, 500, 100, 90, NULL, NULL, '2026-01-10', '2026-02-05', '2026-03-01'),
    -- Probability 100 by hand outside of a won stage: open.
    (5, 'Hopeful', 'opportunity', true, 3, 2, 1, 1, NULL, 1, NULL, NULL, 50, 100, 50, NULL, NULL, '2026-02-02', NULL, NULL),
    -- Lost, restored, lost again, without a date: the last tracked change tells.
    (6, 'Lost twice', 'opportunity', false, 3, 3, 2, 1, 12, NULL, 2, NULL, 700, 0, 0, 1, NULL, '2026-02-03', NULL, NULL),
    -- Archived, neither won nor lost.
    (7, 'Shelved', 'opportunity', false, 3, 3, 2, 1, NULL, NULL, NULL, NULL, 60, 40, 40, NULL, NULL, '2026-02-04', NULL, NULL),
    -- Won once, reopened: open, though a date stayed.
    (8, 'Reopened', 'opportunity', true, 2, 2, 1, NULL, 10, 2, NULL, NULL, 80, 60, 60, NULL, NULL, '2026-02-05', NULL, '2026-02-11'),
    -- Won where it was created, without a date or a change: closed at once.
    (9, 'Won at once', 'opportunity', true, 4, 2, 1, 1, 10, 1, NULL, NULL, 300, 100, 90, NULL, NULL, '2026-03-03', NULL, NULL),
    -- Won by a change, without a date.
    (10, 'Won by change', 'opportunity', true, 4, NULL, NULL, 1, 12, NULL, 1, NULL, 200, 100, 90, NULL, NULL, '2026-02-06', NULL, NULL),
    -- Went through a stage that was deleted since; probability was never set.
    (11, 'Old ways', 'opportunity', true, 2, 2, 1, 1, NULL, NULL, NULL, NULL, 90, NULL, NULL, NULL, NULL, '2026-02-01', NULL, NULL),
    -- Lost without a trace of when, or why.
    (12, 'Lost, untracked', 'opportunity', false, 1, 3, 2, 1, NULL, NULL, NULL, NULL, 100, 0, 0, NULL, NULL, '2026-03-09', NULL, NULL),
    -- Lost for a reason that is archived, with a date.
    (13, 'Lost', 'opportunity', false, 3, 3, 2, 1, 12, 1, NULL, NULL, 40, 0, 0, 2, NULL, '2026-02-07', NULL, '2026-02-27 23:59:59'),
    -- Active with probability 0: not lost.
    (14, 'Hopeless', 'opportunity', true, 1, 2, 1, 1, NULL, NULL, NULL, NULL, 10, 0, 0, NULL, NULL, '2026-02-08', NULL, NULL);

-- Changes: message, field, old, new. Two in one second; creation is none; labels are in the language of who acted.
CREATE TEMP TABLE change (id int, model varchar, res_id int, at timestamp, field int, old int, new int, old_label varchar, new_label varchar);
INSERT INTO change VALUES (1, 'crm.lead', 2, '2026-02-10 08:00', 103, 1, 0, NULL, NULL), (2, 'crm.lead', 3, '2026-01-20', 102, 1, 3, 'New', 'Qualified'), (3, 'crm.lead', 3, '2026-02-15 09:00', 102, 3, 4, 'Qualifié', 'Gagné'),
    (4, 'crm.lead', 4, '2026-02-28', 102, 1, 4, 'Neu', 'Won'), (5, 'crm.lead', 4, '2026-04-01', 103, 1, 0, NULL, NULL), (6, 'crm.lead', 6, '2026-02-20', 103, 1, 0, NULL, NULL), (7, 'crm.lead', 6, '2026-02-22', 103, 0, 1, NULL, NULL),
    (8, 'crm.lead', 6, '2026-03-05', 103, 1, 0, NULL, NULL), (9, 'crm.lead', 8, '2026-02-11', 102, 2, 4, 'Angebot', 'Won'), (10, 'crm.lead', 8, '2026-02-12', 102, 4, 2, 'Won', 'Angebot'), (11, 'crm.lead', 10, '2026-03-07', 102, 3, 4, 'Qualified', 'Won'),
    (12, 'crm.lead', 11, '2026-02-02 10:00', 102, 1, 5, 'Nouveau', 'Sondage'), (13, 'crm.lead', 11, '2026-02-02 10:00', 102, 5, 2, 'Survey', 'Angebot'), (14, 'project.task', 1, '2026-02-02', 101, 1, 2, 'A', 'B'), (15, 'crm.lead', 1, '2026-02-02', 104, NULL, 2, '', 'Ana');
INSERT INTO mail_message SELECT id, model, res_id, at, 2, 'notification', NULL FROM change;
INSERT INTO mail_message VALUES (101, 'crm.lead', 1, '2026-02-02 09:00', 2, 'notification', 1), (102, 'crm.lead', 3, '2026-01-31 23:59:59', 3, 'notification', 2), (103, 'crm.lead', 3, '2026-02-15', NULL, 'notification', 1),
    (104, 'project.task', 1, '2026-02-02', 2, 'notification', 1), (105, 'crm.lead', 1, '2026-02-02', 2, 'comment', NULL);
INSERT INTO mail_tracking_value SELECT id, field, id, old, new, old_label, new_label FROM change;
DROP TABLE change;

\if :has_members
CREATE TABLE crm_team_member (id int PRIMARY KEY, crm_team_id int NOT NULL, user_id int NOT NULL, active bool);
-- The first team of Ana's is one that she left.
INSERT INTO crm_team_member VALUES (1, 2, 2, false), (2, 1, 2, true), (3, 2, 3, false);
\endif
\if :is_translated
ALTER TABLE crm_lead RENAME lost_reason TO lost_reason_id;
ALTER TABLE utm_campaign ADD title jsonb;
UPDATE utm_campaign SET title = jsonb_build_object('en_US', name, 'fr_FR', 'Printemps'), name = 'spring-1';
\endif
\if :has_field_id
ALTER TABLE mail_tracking_value RENAME field TO field_id;
\endif
\if :has_verdict
ALTER TABLE crm_lead ADD won_status varchar;
UPDATE crm_lead SET won_status = CASE WHEN id IN (3, 4, 9, 10) THEN 'won' WHEN id IN (2, 6, 12, 13) THEN 'lost' ELSE 'pending' END;
\else
ALTER TABLE crm_stage ADD team_id int;
\endif
-- Before 19 the enterprise stores another verdict: won is what is active with probability 100.
\if :is_enterprise
ALTER TABLE crm_lead ADD won_status varchar;
UPDATE crm_lead SET won_status = CASE WHEN active AND probability = 100 THEN 'won' WHEN NOT active AND probability = 0 THEN 'lost' ELSE 'pending' END;
\endif
DROP FUNCTION label(text, jsonb);
-- Of Odoo's own indexes those that find the changes of a lead.
CREATE INDEX mail_message_model_res_id_idx ON mail_message (model, res_id);
CREATE INDEX mail_tracking_value_mail_message_id_index ON mail_tracking_value (mail_message_id);
RESET search_path;
