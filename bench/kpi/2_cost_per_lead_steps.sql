-- kpi: cost_per_lead.sqls all {channel}
SELECT date '2024-11-01' AS period_start, coalesce(CASE source WHEN 'google / cpc' THEN 'Google Ads' WHEN 'linkedin' THEN 'LinkedIn Ads' WHEN 'facebook' THEN 'Meta Ads'
           WHEN 'webinar' THEN 'Events' WHEN 'newsletter' THEN 'Email' WHEN 'partner' THEN 'Partners' WHEN 'referral' THEN 'Partners'
           ELSE source END, '(none)') AS channel,
       count(*) FILTER (WHERE sql_on IS NOT NULL OR h.contact_id IS NOT NULL OR d.contact_id IS NOT NULL OR a.id IS NOT NULL
                        OR status IN ('Sales Qualified', 'Converted', 'Customer'))::numeric AS value
FROM crm.contact c
LEFT JOIN (SELECT contact_id FROM crm.phase_history WHERE phase IN ('Sales Qualified', 'Converted', 'Customer', 'Closed Won', 'Discovery', 'Proposal', 'Negotiation')
           GROUP BY contact_id) h ON h.contact_id = c.id
LEFT JOIN (SELECT contact_id FROM crm.deal GROUP BY contact_id) d ON d.contact_id = c.id
LEFT JOIN (SELECT c.id FROM crm.contact c JOIN crm.deal d ON d.company_id = c.company_id AND d.opened_on >= c.created_on
           WHERE d.contact_id IS NULL GROUP BY c.id) a ON a.id = c.id
WHERE created_on >= '2024-11-01' AND created_on < '2026-11-01'
GROUP BY 2
