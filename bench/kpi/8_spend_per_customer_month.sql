-- kpi: customer_acquisition_cost.spend month {channel}
SELECT date_trunc('month', day::timestamp)::date AS period_start, coalesce(channel, '(none)') AS channel, sum(cost) AS value
FROM crm.cost_by_day WHERE day >= '2024-11-01' AND day < '2026-11-01' GROUP BY 1, 2
