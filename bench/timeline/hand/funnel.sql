-- The funnel of stages within 90 days of the first event, by hand: what each lead reached and when, then shares and quantiles.
WITH reached AS (
    SELECT lead_id, min(at) AS t1, min(at) FILTER (WHERE stage >= 'mql') AS t2, min(at) FILTER (WHERE stage >= 'sal') AS t3,
        min(at) FILTER (WHERE stage >= 'sql') AS t4, min(at) FILTER (WHERE stage >= 'opportunity') AS t5,
        min(at) FILTER (WHERE stage >= 'won') AS t6
    FROM event GROUP BY lead_id
), within AS (
    SELECT t1, CASE WHEN t2 <= t1 + interval '90 days' THEN t2 END AS t2, CASE WHEN t3 <= t1 + interval '90 days' THEN t3 END AS t3,
        CASE WHEN t4 <= t1 + interval '90 days' THEN t4 END AS t4, CASE WHEN t5 <= t1 + interval '90 days' THEN t5 END AS t5,
        CASE WHEN t6 <= t1 + interval '90 days' THEN t6 END AS t6
    FROM reached
), counted AS (
    SELECT count(*) AS n1, count(t2) AS n2, count(t3) AS n3, count(t4) AS n4, count(t5) AS n5, count(t6) AS n6,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY t2 - t1) AS q2,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY t3 - t2) AS q3,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY t4 - t3) AS q4,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY t5 - t4) AS q5,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY t6 - t5) AS q6
    FROM within
)
SELECT step, entities, entities::float8 / lag(entities) OVER (ORDER BY step) AS previous_rate, entities::float8 / n1 AS first_rate,
    extract(epoch FROM q[1])::float8 / 3600 AS median_hours, extract(epoch FROM q[2])::float8 / 3600 AS p90_hours
FROM counted, LATERAL (VALUES (1, n1, NULL), (2, n2, q2), (3, n3, q3), (4, n4, q4), (5, n5, q5), (6, n6, q6)) AS s (step, entities, q)
ORDER BY step
