-- kpi: cost_per_opportunity.opportunities month {rep}
SELECT date_trunc('month', d.opened_on, 'Etc/UTC')::date AS period_start, r.name AS rep, count(*)::numeric AS value
FROM crm.deal d JOIN crm.rep r ON r.id = d.rep_id
WHERE d.deal_type = 'New business' AND d.opened_on >= '2024-11-01' AND d.opened_on < '2026-11-01'
GROUP BY 1, 2
