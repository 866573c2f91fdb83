-- kpi: opportunity_win_rate.win_rate month {rep}
SELECT date_trunc('month', d.closed_on, 'Etc/UTC')::date AS period_start, r.name AS rep,
       (count(*) FILTER (WHERE d.is_won)::double precision / nullif(count(d.is_won), 0))::numeric AS value
FROM crm.deal d JOIN crm.rep r ON r.id = d.rep_id
WHERE d.deal_type = 'New business' AND d.is_won IS NOT NULL AND d.closed_on >= '2024-11-01' AND d.closed_on < '2026-11-01'
GROUP BY 1, 2
