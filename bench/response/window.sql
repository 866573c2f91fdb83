-- The same without a join: window functions look for the first event that ends the clock of each trigger.
SELECT triggers, in_time + late AS answered, in_time, late, unanswered, running, in_time / nullif(in_time + late + unanswered, 0)::float8 AS compliance, median_hours, p90_hours
FROM (SELECT count(*) AS triggers, count(*) FILTER (WHERE hours <= 4) AS in_time, count(*) FILTER (WHERE hours > 4) AS late,
          count(*) FILTER (WHERE ended_by IS NULL AND due < as_of OR ended_by = 'stop' AND due < ended) AS unanswered, count(*) FILTER (WHERE ended_by IS NULL AND due >= as_of) AS running,
          percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS median_hours, percentile_cont(0.9) WITHIN GROUP (ORDER BY hours) AS p90_hours
      FROM (SELECT ended_by, ended, as_of,
                CASE WHEN ended_by = 'answer' THEN smarketing.business_hours(at, ended, 'office') END AS hours,
                CASE WHEN ended_by IS DISTINCT FROM 'answer' THEN smarketing.add_business_hours(at, 4, 'office') END AS due
            FROM (SELECT event, at, max(at) OVER () AS as_of,
                      first_value(CASE WHEN ends THEN event END) OVER w AS ended_by, first_value(CASE WHEN ends THEN at END) OVER w AS ended
                  FROM (SELECT lead_id, event, at, code, ends, count(*) FILTER (WHERE ends) OVER (PARTITION BY lead_id ORDER BY at DESC, code DESC) AS clock
                        FROM (SELECT *, CASE event WHEN 'trigger' THEN 1 WHEN 'answer' THEN 2 ELSE 3 END AS code, event <> 'trigger' AS ends FROM event WHERE event IN ('trigger', 'answer', 'stop')) AS e) AS numbered
                  WINDOW w AS (PARTITION BY lead_id, clock ORDER BY at DESC, code DESC)) AS followed
            WHERE event = 'trigger') AS clocks) AS counted
