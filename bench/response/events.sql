-- Requests of leads and what became of them (psql variable events), about 4 rows a lead, in the order in which they
-- happened; and a calendar: weekdays with a lunch break, a long Thursday, Saturday morning, ten holidays.
SELECT setseed(0.5) \g /dev/null
SELECT smarketing.define_calendar('office', 'Europe/Paris', '{"mon": ["09:00-12:30", "14:00-18:00"], "tue": ["09:00-12:30", "14:00-18:00"], "wed": ["09:00-12:30", "14:00-18:00"],
    "thu": ["09:00-12:30", "14:00-20:00"], "fri": ["09:00-12:30", "14:00-17:00"], "sat": ["09:00-12:00"]}',
    '{2025-01-01,2025-04-21,2025-05-01,2025-05-08,2025-05-29,2025-06-09,2025-07-14,2025-11-11,2025-12-25,2026-01-01}') \g /dev/null
CREATE TABLE event AS
SELECT lead_id, event, at
FROM (SELECT lead_id, s.event, l.at + s.hours * interval '1 hour' AS at
      FROM (SELECT n::bigint AS lead_id, timestamptz '2024-11-01' + random() * interval '600 days' AS at, random() AS luck, random() * random() * 60 AS pace
            FROM generate_series(1, :events / 4) AS n) AS l,
          LATERAL (VALUES ('trigger', 0, 1), ('answer', pace, 0.75), ('mail', 30, 0.7), ('trigger', 400, 0.6), ('answer', 400 + pace * 2, 0.4), ('stop', 900, 0.3), ('trigger', 1000, 0.25)) AS s (event, hours, share)
      WHERE luck < share) AS e
ORDER BY at;
-- What the query by hand needs to be quick.
CREATE INDEX ON event (lead_id, at, event) WHERE event IN ('answer', 'stop');
VACUUM (ANALYZE) event;
