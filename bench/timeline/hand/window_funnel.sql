-- How far each lead came within 90 days of its first event, step by step, by hand.
SELECT depth, count(*) FROM (
    SELECT lead_id, CASE WHEN t1 IS NULL THEN 0 WHEN t2 >= t1 AND t2 <= t1 + interval '90 days' THEN
        CASE WHEN t3 >= t2 AND t3 <= t1 + interval '90 days' THEN
            CASE WHEN t4 >= t3 AND t4 <= t1 + interval '90 days' THEN 4 ELSE 3 END
        ELSE 2 END ELSE 1 END AS depth
    FROM (SELECT lead_id, min(at) FILTER (WHERE stage = 'lead') AS t1, min(at) FILTER (WHERE stage = 'mql') AS t2,
              min(at) FILTER (WHERE stage = 'sql') AS t3, min(at) FILTER (WHERE stage = 'won') AS t4
          FROM event GROUP BY lead_id) AS t) AS d
GROUP BY depth ORDER BY depth
