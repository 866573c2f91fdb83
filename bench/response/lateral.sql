-- The first event after each trigger by hand: a lateral join, and the open hours of each trigger.
SELECT triggers, in_time + late AS answered, in_time, late, unanswered, running, in_time / nullif(in_time + late + unanswered, 0)::float8 AS compliance, median_hours, p90_hours
FROM (SELECT count(*) AS triggers, count(*) FILTER (WHERE hours <= 4) AS in_time, count(*) FILTER (WHERE hours > 4) AS late,
          count(*) FILTER (WHERE event IS NULL AND due < as_of OR event = 'stop' AND due < ended) AS unanswered, count(*) FILTER (WHERE event IS NULL AND due >= as_of) AS running,
          percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS median_hours, percentile_cont(0.9) WITHIN GROUP (ORDER BY hours) AS p90_hours
      FROM (SELECT e.event, e.at AS ended, as_of,
                CASE WHEN e.event = 'answer' THEN smarketing.business_hours(t.at, e.at, 'office') END AS hours,
                CASE WHEN e.event IS DISTINCT FROM 'answer' THEN smarketing.add_business_hours(t.at, 4, 'office') END AS due
            FROM (SELECT max(at) AS as_of FROM event WHERE event IN ('trigger', 'answer', 'stop')) AS m,
                event AS t LEFT JOIN LATERAL (
                    SELECT event, at FROM event AS e
                    WHERE e.lead_id = t.lead_id AND e.event IN ('answer', 'stop') AND e.at >= t.at
                    ORDER BY at, event LIMIT 1) AS e ON true
            WHERE t.event = 'trigger') AS clock) AS counted
