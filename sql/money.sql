-- Currencies and lumps: what is shown, and what is refused.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS smarketing CASCADE;
RESET client_min_messages;
\set SHOW_CONTEXT never
CREATE EXTENSION smarketing;
CREATE SCHEMA money;
SET search_path = money, public;
SET TimeZone = 'Europe/Paris';
SET DateStyle = 'ISO, YMD';
SELECT smarketing.configure('time_zone', 'Europe/Paris');
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, channel text);
CREATE TABLE spend (at date, ends_at date, amount numeric, currency text, channel text);
CREATE TABLE rate (currency text, at date, rate float8);
INSERT INTO lead SELECT n, timestamptz '2026-01-15 00:00+00' + n * interval '1 day', 'a' FROM generate_series(1, 10) n;
INSERT INTO spend VALUES ('2026-01-10', NULL, 100, 'USD', 'a'), ('2026-01-15', '2026-03-15', 1000, 'usd ', 'a'), ('2026-02-01', NULL, 50, 'EUR', 'a'), ('2026-02-02', '2026-02-02', 7, NULL, 'a');
SELECT smarketing.bind('lead', 'lead'), smarketing.bind('spend', 'spend');

-- Several currencies and no setting; then no rates; then one that begins too late.
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT smarketing.configure('currency', ' eur');
SELECT * FROM smarketing.settings WHERE name = 'currency';
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT smarketing.bind('exchange_rate', 'rate');
INSERT INTO rate VALUES ('Usd', '2026-01-12', 0.9);
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT smarketing.configure('on_missing_rate', 'null');
SELECT period_start, spend, leads, cost_per_lead FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT smarketing.configure('on_missing_rate', NULL);
INSERT INTO smarketing.exchange_rate_entry VALUES ('USD', '2025-12-12', 0.8);
SELECT period_start, spend, leads, cost_per_lead FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
SELECT sum(spend) FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', 'day');
SELECT at, amount, round(weight, 4) AS weight FROM smarketing.kpi_rows('cost_per_lead.spend', '2026-02-01', '2026-03-01');
SELECT period_start, spend FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', options => '{"lag": "20 days"}') ORDER BY 1;
SELECT period_start, spend FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', options => '{"lag": "47 hours"}') ORDER BY 1;

-- Rates that are none.
INSERT INTO rate VALUES ('GBP', '2026-01-01', 0);
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
UPDATE rate SET rate = -1 WHERE currency = 'GBP';
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
UPDATE rate SET rate = 'NaN' WHERE currency = 'GBP';
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
UPDATE rate SET rate = NULL WHERE currency = 'GBP';
SELECT count(*) FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
INSERT INTO smarketing.exchange_rate_entry VALUES ('GBP', '2026-01-01', 0);
INSERT INTO smarketing.exchange_rate_entry VALUES ('GBP', '2026-01-01', 'NaN');
INSERT INTO smarketing.exchange_rate_entry VALUES ('GBP', '2026-01-01', 'Infinity');
INSERT INTO smarketing.exchange_rate_entry VALUES (' ', '2026-01-01', 1);
INSERT INTO smarketing.exchange_rate_entry VALUES ('GBP', 'infinity', 1);

-- Lumps that are none.
INSERT INTO spend VALUES ('2026-01-10', '2026-01-09', 5, 'EUR', 'a');
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
UPDATE spend SET ends_at = 'infinity' WHERE amount = 5;
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
DELETE FROM spend WHERE amount = 5;
INSERT INTO smarketing.spend_entry (at, ends_at, amount) VALUES ('2026-01-10', '2026-01-09', 5);
INSERT INTO smarketing.spend_entry (at, ends_at, amount) VALUES ('2026-01-10', 'infinity', 5);

-- A lump of two centuries, in a call of a month and in one of its 2,400 months.
INSERT INTO spend VALUES ('1900-01-01', '2100-01-01', 73049, 'EUR', 'century');
SELECT period_start, by_1, spend FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', by => '{channel}');
SELECT count(*), sum(spend), min(spend), max(spend) FROM smarketing.cost_per_lead('1900-01-01', '2100-01-01', filter => '{"channel": "century"}');

-- 10,000 currencies without a rate.
TRUNCATE spend;
INSERT INTO spend SELECT date '2026-01-01' + n % 50, NULL, 1, 'c' || lpad(n::text, 5, '0'), 'a' FROM generate_series(1, 10000) n;
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01');
DROP SCHEMA money CASCADE;
DROP EXTENSION smarketing;
