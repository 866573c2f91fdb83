-- Stage events of leads (psql variable leads), 2.3 of each, in the order in which they happened; 12 channels.
SELECT setseed(0.5) \g /dev/null
CREATE TABLE event AS
SELECT lead_id, channel, stage, at
FROM (SELECT lead_id, 'channel ' || 1 + lead_id * 7919 % 12 AS channel, s.stage::smarketing.funnel_stage AS stage,
          l.at + s.hours * interval '1 hour' AS at
      FROM (SELECT n::bigint AS lead_id, timestamptz '2024-11-01' + random() * interval '700 days' AS at, random() AS luck,
                random() * 200 AS pace
            FROM generate_series(1, :leads) AS n) AS l,
          LATERAL (VALUES ('lead', 0, 1), ('mql', pace * 0.3 + 1, 0.52), ('sal', pace + 2, 0.32), ('sql', pace * 2 + 5, 0.25),
              ('opportunity', pace * 4 + 10, 0.14), ('won', pace * 12 + 50, 0.07)) AS s (stage, hours, share)
      WHERE luck < share) AS e
ORDER BY at;
ANALYZE event;
