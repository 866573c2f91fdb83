-- kpi: revenue_evolution.revenue month {rep}
WITH rate AS (
    SELECT f.currency, d::date AS day, f.rate
    FROM (SELECT currency, day, rate, lead(day, 1, day + 30) OVER (PARTITION BY currency ORDER BY day) AS next FROM crm.fx) f, generate_series(f.day, f.next - 1, interval '1 day') d)
SELECT date_trunc('month', i.issued_on::timestamp)::date AS period_start, coalesce(r.name, '(none)') AS rep,
       sum(CASE i.currency WHEN 'EUR' THEN i.amount ELSE i.amount * f.rate END) AS value
FROM crm.invoice i
LEFT JOIN rate f ON f.currency = i.currency AND f.day = i.issued_on
LEFT JOIN crm.rep r ON r.id = i.rep_id
WHERE i.issued_on >= '2024-11-01' AND i.issued_on < '2026-11-01'
GROUP BY 1, 2
