-- Bad arguments of the KPI functions: an error that says what there is, never a figure.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
\set SHOW_CONTEXT never
CREATE EXTENSION smarketing;
CREATE SCHEMA call;
SET search_path = call, public;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, channel text);
CREATE TABLE spend (at date, amount numeric, channel text);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, amount float8, owner text);
INSERT INTO lead SELECT n, timestamptz '2026-01-15 00:00+00' + n * interval '1 day', 'a' FROM generate_series(1, 10) n;
SELECT * FROM smarketing.cost_per_lead();
SELECT smarketing.bind('lead', 'lead'), smarketing.bind('opportunity', 'deal');

-- Never entered is not zero; entered, it is.
SELECT spend, leads, cost_per_lead FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01');
INSERT INTO smarketing.spend_entry (at, amount, channel) VALUES ('2026-01-10', 50, 'a');
SELECT spend, leads, cost_per_lead FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT smarketing.bind('spend', 'spend');

SELECT * FROM smarketing.kpi('nothing');
SELECT * FROM smarketing.kpi('spend');
SELECT * FROM smarketing.kpi('cost_per_lead.won');
SELECT smarketing.kpi_sql('nothing');
SELECT smarketing.kpi_sql('spend');
SELECT * FROM smarketing.kpi_rows('win_rate');
SELECT * FROM smarketing.kpi_rows('amount_win_rate');
SELECT * FROM smarketing.kpi_rows('retention_rate');
SELECT * FROM smarketing.kpi_rows('nothing');
SELECT * FROM smarketing.kpi_rows('leads', max_rows => -1);
SELECT * FROM smarketing.cost_per_lead(period => 'fortnight');
SELECT * FROM smarketing.cost_per_lead(period => NULL);
SELECT * FROM smarketing.cost_per_lead(by => '{region}');
SELECT * FROM smarketing.cost_per_lead(by => '{team}');
SELECT * FROM smarketing.cost_per_lead(by => '{channel,channel}');
SELECT * FROM smarketing.cost_per_lead(by => '{channel,owner,team,segment}');
SELECT * FROM smarketing.cost_per_lead(by => '{channel,NULL}');
SELECT * FROM smarketing.cost_per_lead(filter => '{"region": "x"}');
SELECT * FROM smarketing.cost_per_lead(filter => '{"channel": {"is": "x"}}');
SELECT * FROM smarketing.cost_per_lead(filter => '{"channel": {"not": {"not": "x"}}}');
SELECT * FROM smarketing.cost_per_lead(filter => '[]');
SELECT * FROM smarketing.cost_per_lead(options => '{"kind": "new"}');
SELECT * FROM smarketing.cost_per_lead(options => '{"basis": "closed"}');
SELECT * FROM smarketing.cost_per_lead(options => '{"basis": 1}');
SELECT * FROM smarketing.cost_per_lead(options => '{"lag": "1 month"}');
SELECT * FROM smarketing.cost_per_lead(options => '{"lag": "soon"}');
SELECT * FROM smarketing.cost_per_lead(options => '{"time_zone": "Mars/Olympus"}');
SELECT * FROM smarketing.opportunity_win_rate(options => '{"kind": "nwe"}');
SELECT * FROM smarketing.opportunity_win_rate(options => '{"kind": "new"}');
SELECT * FROM smarketing.cost_per_lead('2026-02-01 00:00+00', '2026-01-01 00:00+00');
SELECT * FROM smarketing.cost_per_lead('2026-02-01 00:00+00', '2026-02-01 00:00+00');
SELECT * FROM smarketing.cost_per_lead('-infinity');
SELECT * FROM smarketing.cost_per_lead(until => 'infinity');
SELECT * FROM smarketing.cost_per_lead('1000-01-01', '2026-01-01', 'day');
SELECT count(*) FROM smarketing.cost_per_lead('2026-01-01', '2026-01-31', options => '{"time_zone": "UTC"}');

INSERT INTO spend VALUES ('2026-01-10', 'NaN', 'a');
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'all');
UPDATE spend SET amount = '-Infinity';
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'month', '{channel}');
INSERT INTO deal VALUES (1, '2026-01-10', '2026-01-20', true, 'Infinity', 'x');
SELECT * FROM smarketing.opportunity_win_rate('2026-01-01', '2026-02-01');
UPDATE deal SET amount = 1, created_at = '-infinity';
SELECT won, median_cycle_hours, velocity_per_day FROM smarketing.opportunity_win_rate('2026-01-01', '2026-02-01');
-- A function that is gone before its cursor is read, a row type that has lost a column, a relation that is none.
BEGIN;
DECLARE late CURSOR FOR SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01');
\set VERBOSITY sqlstate
DROP EXTENSION smarketing CASCADE;
FETCH late;
ROLLBACK;
BEGIN;
ALTER TYPE smarketing.cost_per_lead_row DROP ATTRIBUTE leads CASCADE;
SELECT period_start, spend, cost_per_lead, mqls, cost_per_customer FROM smarketing.cost_per_lead('2025-01-01', '2025-03-01');
ROLLBACK;
SELECT smarketing.bind('lead', 999999::oid::regclass);
INSERT INTO smarketing.setting (name, value) VALUES ('gross_margin', '(select 1/0)');
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01');
DELETE FROM smarketing.setting WHERE name = 'gross_margin';
\set VERBOSITY default
RESET search_path;
DROP SCHEMA call CASCADE;
DROP EXTENSION smarketing;
