-- :leads leads with five activities each, of eight kinds, over two years, as they come in: in the order of time.
CREATE TABLE lead (lead_id bigint PRIMARY KEY, label text, created_at timestamptz NOT NULL);
INSERT INTO lead SELECT n, 'lead ' || n, timestamptz '2024-11-01' + n / :leads::float8 * interval '700 days' FROM generate_series(1, :leads) AS n;
SELECT setseed(0.5);
CREATE TABLE activity AS
SELECT 1 + trunc(random() * :leads)::bigint AS lead_id,
    (ARRAY['email_open', 'email_open', 'email_click', 'page_view', 'form', 'webinar', 'demo_request', 'call', 'bounce', 'note'])[1 + trunc(random() * 10)::int] AS kind,
    date_trunc('second', timestamptz '2024-11-01' + n / (5 * :leads::float8) * interval '730 days') AS at
FROM generate_series(1, 5 * :leads::bigint) AS n;
VACUUM ANALYZE lead, activity;
CREATE EXTENSION smarketing;
SET client_min_messages = warning;
SELECT smarketing.bind('lead', 'lead');
SELECT smarketing.bind('activity', 'activity');
SELECT smarketing.define_score(kind, kind, points, half_life)
FROM (VALUES ('email_open', 3, interval '14 days'), ('email_click', 8, '14 days'), ('page_view', 2, '14 days'), ('form', 15, '60 days'),
    ('webinar', 12, '60 days'), ('demo_request', 40, NULL), ('call', 20, '60 days'), ('bounce', -10, NULL)) AS rule (kind, points, half_life);
SELECT smarketing.qualify_at_score(60, 'sql', 'lead');
