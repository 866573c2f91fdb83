-- kpi: cost_per_lead.cost_per_lead month {channel}
SELECT coalesce(l.m, s.m) AS period_start, coalesce(l.channel, s.channel) AS channel,
       round(coalesce(s.cost, 0) / nullif(coalesce(l.n, 0), 0), 6) AS value
FROM (SELECT m, coalesce(CASE source WHEN 'google / cpc' THEN 'Google Ads' WHEN 'linkedin' THEN 'LinkedIn Ads' WHEN 'facebook' THEN 'Meta Ads'
                    WHEN 'webinar' THEN 'Events' WHEN 'newsletter' THEN 'Email' WHEN 'partner' THEN 'Partners' WHEN 'referral' THEN 'Partners'
                    ELSE source END, '(none)') AS channel, sum(n) AS n
      FROM (SELECT date_trunc('month', created_on, 'Etc/UTC')::date AS m, source, count(*) AS n FROM crm.contact
            WHERE created_on >= '2024-11-01' AND created_on < '2026-11-01' GROUP BY 1, 2) c
      GROUP BY 1, 2) l
FULL JOIN (SELECT date_trunc('month', day)::date AS m, coalesce(channel, '(none)') AS channel, sum(cost) AS cost
           FROM crm.cost_by_day WHERE cost_type = 'marketing' AND day >= '2024-11-01' AND day < '2026-11-01' GROUP BY 1, 2) s
    ON s.m = l.m AND s.channel = l.channel
