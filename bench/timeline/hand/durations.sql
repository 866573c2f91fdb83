-- The time spent in each stage until 2028, by hand.
SELECT stage::text, count(*) AS visits, count(*) FILTER (WHERE ended IS NULL) AS open,
    (extract(epoch FROM sum(coalesce(ended, '2028-01-01') - at)) / 3600)::float8 AS total_hours,
    extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY ended - at))::float8 / 3600 AS median_hours,
    extract(epoch FROM percentile_cont(0.9) WITHIN GROUP (ORDER BY ended - at))::float8 / 3600 AS p90_hours
FROM (SELECT stage, at, lead(at) OVER (PARTITION BY lead_id ORDER BY at, stage) AS ended FROM event) AS v
GROUP BY stage ORDER BY v.stage
