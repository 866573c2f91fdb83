-- kpi: customer_acquisition_cost.new_customers month {channel}
SELECT date_trunc('month', c.customer_since::timestamp)::date AS period_start,
       coalesce(CASE coalesce(w.source, CASE WHEN w.company_id IS NULL THEN f.source END) WHEN 'google / cpc' THEN 'Google Ads' WHEN 'linkedin' THEN 'LinkedIn Ads' WHEN 'facebook' THEN 'Meta Ads'
           WHEN 'webinar' THEN 'Events' WHEN 'newsletter' THEN 'Email' WHEN 'partner' THEN 'Partners' WHEN 'referral' THEN 'Partners'
           ELSE coalesce(w.source, CASE WHEN w.company_id IS NULL THEN f.source END) END, '(none)') AS channel, count(*)::numeric AS value
FROM crm.company c
LEFT JOIN (SELECT DISTINCT ON (d.company_id) d.company_id, k.source FROM crm.deal d LEFT JOIN crm.contact k ON k.id = d.contact_id WHERE d.is_won ORDER BY d.company_id, d.closed_on, d.id) w ON w.company_id = c.id
LEFT JOIN (SELECT DISTINCT ON (company_id) company_id, source FROM crm.contact WHERE company_id IS NOT NULL ORDER BY company_id, created_on, id) f ON f.company_id = c.id
WHERE c.customer_since >= '2024-11-01' AND c.customer_since < '2026-11-01'
GROUP BY 1, 2
