-- A CRM of :leads leads over three years with five activities each, in the order of time: one lead in ten asked for a
-- demo; of these nine in ten were called, and of the others most were disqualified. The indexes are those of docs/sla.md.
CREATE TABLE lead (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, name text, owner_id int, status text, mql_at timestamptz, disqualified_at timestamptz, channel text);
CREATE TABLE activity (lead_id bigint NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, is_automatic boolean NOT NULL);
CREATE TABLE stage_change (lead_id bigint NOT NULL, at timestamptz NOT NULL, stage text NOT NULL);
CREATE TABLE rep (id int PRIMARY KEY, name text, team text, manager text);
INSERT INTO rep SELECT n, 'Rep ' || n, 'Team ' || n % 5, 'Manager ' || n % 5 FROM generate_series(0, 49) n;
SELECT setseed(0.5);
CREATE TEMP TABLE made AS
SELECT n AS id, date_trunc('second', now()) - interval '1095 days' * (1 - n / (:leads)::float8) AS created, random() AS r, random() AS s FROM generate_series(1, :leads) n;
INSERT INTO lead SELECT id, created, 'Lead ' || id, (s * 1000)::int % 50, CASE WHEN s < 0.5 THEN 'mql' ELSE 'lead' END, CASE WHEN s < 0.3 THEN created + interval '2 days' * s END,
    CASE WHEN r BETWEEN 0.09 AND 0.099 AND created < now() - interval '3 days' THEN created + interval '2 days' END, (ARRAY['Ads', 'Fairs', 'Mail', 'Web'])[1 + (s * 4)::int % 4] FROM made;
INSERT INTO activity
SELECT id, at, kind, is_automatic FROM (
    SELECT id, created + interval '1 minute' AS at, CASE WHEN r < 0.1 THEN 'demo_request' ELSE 'form' END AS kind, true AS is_automatic FROM made
    UNION ALL SELECT id, created + interval '2 minutes', 'email', true FROM made
    UNION ALL SELECT id, created + interval '1 minute' + interval '1 hour' * s, CASE WHEN r < 0.09 OR r > 0.4 THEN 'call' ELSE 'note' END, false FROM made
    UNION ALL SELECT id, created + interval '1 day' * (1 + s), 'email', false FROM made
    UNION ALL SELECT id, created + interval '3 days' * (1 + r), 'visit', true FROM made) a
WHERE at <= now() ORDER BY at;
INSERT INTO stage_change SELECT id, created + interval '2 days' * s, CASE WHEN s < 0.05 THEN 'won' ELSE 'mql' END FROM made WHERE s < 0.3 AND created + interval '2 days' * s <= now() ORDER BY 2;
DROP TABLE made;
CREATE INDEX activity_demo_request ON activity (lead_id, at) WHERE kind = 'demo_request';
CREATE INDEX activity_call ON activity (lead_id, at) WHERE kind = 'call' AND is_automatic IS NOT TRUE;
CREATE INDEX stage_change_of_lead ON stage_change (lead_id, at);
VACUUM (ANALYZE) lead; VACUUM (ANALYZE) activity; VACUUM (ANALYZE) stage_change; ANALYZE rep;
SELECT smarketing.bind('lead', 'lead', '{"lead_id": "id", "label": "name", "owner": "owner_id", "stage": "status"}');
SELECT smarketing.bind('activity', 'activity');
SELECT smarketing.bind('stage_change', 'stage_change');
SELECT smarketing.bind('owner', 'rep', '{"owner": "id", "label": "name"}');
SELECT smarketing.configure('time_zone', 'UTC');
SELECT smarketing.define_sla('demo', 'demo_request', 'call', '30 minutes');
