-- The shapes of the sample CRM in plain SQL, without the extension: psql -X -f test/sample/shapes.sql
-- Its output at seed 1 and scale 1 stands in README.md.
BEGIN;
SET LOCAL timezone = 'Etc/UTC';
SET LOCAL search_path = pg_catalog;
\pset footer off
\pset null ''

\echo Rows
SELECT 'team' AS table, count(*) AS rows FROM crm.team
UNION ALL SELECT 'rep', count(*) FROM crm.rep
UNION ALL SELECT 'product', count(*) FROM crm.product
UNION ALL SELECT 'campaign', count(*) FROM crm.campaign
UNION ALL SELECT 'company', count(*) FROM crm.company
UNION ALL SELECT 'company (target)', count(*) FROM crm.company WHERE is_target
UNION ALL SELECT 'contact', count(*) FROM crm.contact
UNION ALL SELECT 'deal', count(*) FROM crm.deal
UNION ALL SELECT 'phase_history', count(*) FROM crm.phase_history
UNION ALL SELECT 'activity', count(*) FROM crm.activity
UNION ALL SELECT 'web_visit', count(*) FROM crm.web_visit
UNION ALL SELECT 'contract', count(*) FROM crm.contract
UNION ALL SELECT 'invoice', count(*) FROM crm.invoice
UNION ALL SELECT 'ad_cost', count(*) FROM crm.ad_cost
UNION ALL SELECT 'fx', count(*) FROM crm.fx
UNION ALL SELECT 'quota', count(*) FROM crm.quota;

\echo By channel (names of spend): what a lead, an opportunity and a customer cost, in euros
WITH named(source, channel) AS (
    VALUES ('google / cpc', 'Google Ads'), ('linkedin', 'LinkedIn Ads'), ('facebook', 'Meta Ads'), ('webinar', 'Events'),
           ('newsletter', 'Email'), ('partner', 'Partners'), ('referral', 'Partners')
), lead AS (
    SELECT coalesce(n.channel, '(none)') AS channel, count(*) AS leads,
           count(*) FILTER (WHERE coalesce(c.mql_on, c.accepted_on, c.sql_on) IS NOT NULL) AS mqls,
           count(*) FILTER (WHERE c.sql_on IS NOT NULL) AS sqls,
           count(*) FILTER (WHERE c.status IN ('Converted', 'Customer') OR EXISTS (SELECT FROM crm.deal d WHERE d.contact_id = c.id AND d.deal_type = 'New business')) AS opportunities,
           count(*) FILTER (WHERE c.status = 'Customer') AS customers
    FROM crm.contact c LEFT JOIN named n USING (source)
    GROUP BY 1
), spend AS (
    SELECT coalesce(channel, '(none)') AS channel, sum(cost) AS spend FROM crm.cost_by_day WHERE cost_type = 'marketing' GROUP BY 1
)
SELECT channel, l.leads, l.mqls, l.sqls, l.opportunities, l.customers, round(s.spend) AS spend,
       round(s.spend / l.leads, 1) AS per_lead, round(s.spend / l.opportunities) AS per_opportunity, round(s.spend / nullif(l.customers, 0)) AS per_customer
FROM lead l FULL JOIN spend s USING (channel)
ORDER BY s.spend / nullif(l.customers, 0) NULLS LAST, 1;

\echo Funnel of all leads: rate of the step before, median days from the lead
SELECT v.step, v.n, round(100.0 * v.n / nullif(v.before, 0), 1) AS percent, v.days
FROM (
    SELECT count(*) AS leads,
           count(*) FILTER (WHERE coalesce(c.mql_on, c.accepted_on, c.sql_on) IS NOT NULL) AS mqls,
           count(*) FILTER (WHERE coalesce(c.accepted_on, c.sql_on) IS NOT NULL) AS sals,
           count(*) FILTER (WHERE c.sql_on IS NOT NULL) AS sqls,
           count(*) FILTER (WHERE o.converted IS NOT NULL) AS opportunities,
           count(*) FILTER (WHERE o.won IS NOT NULL) AS won,
           count(*) FILTER (WHERE c.sql_on IS NOT NULL AND c.mql_on IS NULL) AS skipped,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY c.mql_on - c.created_on) AS to_mql,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY c.sql_on - c.created_on) AS to_sql,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY o.converted - c.created_on) AS to_opportunity,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY o.won - c.created_on) AS to_won
    FROM crm.contact c
    LEFT JOIN (
        SELECT contact_id, min(changed_at) FILTER (WHERE phase = 'Converted') AS converted, min(changed_at) FILTER (WHERE phase = 'Customer') AS won
        FROM crm.phase_history WHERE deal_id IS NULL GROUP BY contact_id
    ) o ON o.contact_id = c.id
) f
CROSS JOIN LATERAL (VALUES
    (1, 'lead', leads, NULL, NULL::numeric), (2, 'mql', mqls, leads, round(extract(epoch FROM to_mql) / 86400, 1)),
    (3, 'sal', sals, mqls, NULL), (4, 'sql', sqls, sals, round(extract(epoch FROM to_sql) / 86400, 1)),
    (5, 'opportunity', opportunities, sqls, round(extract(epoch FROM to_opportunity) / 86400, 1)), (6, 'won', won, opportunities, round(extract(epoch FROM to_won) / 86400, 1)),
    (7, 'sql without mql_on', skipped, sqls, NULL)
) AS v(n_step, step, n, before, days)
ORDER BY v.n_step;

\echo By rep: leads, share never called by a person, median hours to the first call, MQL to SQL, SQL to opportunity, and new business won of closed
SELECT coalesce(r.name, '(none)') AS rep, t.name AS team, r.active, l.leads, l.uncalled, l.hours, l.mql_to_sql, l.sql_to_opportunity, d.closed, d.won, d.win_rate
FROM (
    SELECT c.owner_id, count(*) AS leads, round(100.0 * count(*) FILTER (WHERE a.first IS NULL) / count(*), 1) AS uncalled,
           round((extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY a.first - c.created_on)) / 3600)::numeric, 1) AS hours,
           round(100.0 * count(*) FILTER (WHERE c.sql_on IS NOT NULL) / count(*) FILTER (WHERE coalesce(c.mql_on, c.accepted_on, c.sql_on) IS NOT NULL), 1) AS mql_to_sql,
           round(100.0 * count(*) FILTER (WHERE c.status IN ('Converted', 'Customer')) / count(*) FILTER (WHERE c.sql_on IS NOT NULL), 1) AS sql_to_opportunity
    FROM crm.contact c
    LEFT JOIN (SELECT contact_id, min(happened_at) AT TIME ZONE 'UTC' AS first FROM crm.activity WHERE NOT by_robot GROUP BY contact_id) a ON a.contact_id = c.id
    GROUP BY c.owner_id
) l
LEFT JOIN (
    SELECT rep_id, count(*) AS closed, count(*) FILTER (WHERE is_won) AS won, round(100.0 * count(*) FILTER (WHERE is_won) / count(*), 1) AS win_rate
    FROM crm.deal WHERE deal_type = 'New business' AND is_won IS NOT NULL GROUP BY rep_id
) d ON d.rep_id = l.owner_id
LEFT JOIN crm.rep r ON r.id = l.owner_id
LEFT JOIN crm.team t ON t.id = r.team_id
ORDER BY r.id;

\echo By month: leads, deals opened and won, marketing and sales spend, invoices in euros, customers with a contract at its end
SELECT to_char(m, 'YYYY-MM') AS month,
       (SELECT count(*) FROM crm.contact WHERE created_on >= m AND created_on < m + interval '1 month') AS leads,
       (SELECT count(*) FROM crm.deal WHERE deal_type = 'New business' AND opened_on >= m AND opened_on < m + interval '1 month') AS opened,
       (SELECT count(*) FROM crm.deal WHERE deal_type = 'New business' AND is_won AND closed_on >= m AND closed_on < m + interval '1 month') AS won,
       s.marketing, s.sales, i.invoiced, k.customers
FROM generate_series(timestamptz '2024-11-01 00:00+00', timestamptz '2026-10-01 00:00+00', interval '1 month') m
LEFT JOIN (
    SELECT date_trunc('month', day::timestamp) AS month, round(sum(cost) FILTER (WHERE cost_type = 'marketing')) AS marketing, round(sum(cost) FILTER (WHERE cost_type = 'sales')) AS sales
    FROM crm.cost_by_day GROUP BY 1
) s ON s.month = m::timestamp
LEFT JOIN (SELECT date_trunc('month', issued_on::timestamp) AS month, round(sum(amount)) AS invoiced FROM crm.invoice_in_euro GROUP BY 1) i ON i.month = m::timestamp
CROSS JOIN LATERAL (
    SELECT count(DISTINCT company_id) AS customers FROM crm.contract WHERE start_on < (m + interval '1 month')::date AND coalesce(end_on, 'infinity') >= (m + interval '1 month')::date
) k
ORDER BY m;

\echo By kind and segment: deals, value in euros
SELECT d.deal_type, c.segment, count(*) AS deals, count(*) FILTER (WHERE d.is_won) AS won, count(*) FILTER (WHERE d.is_won IS NULL) AS open,
       count(*) FILTER (WHERE d.is_won IS NULL AND d.expected_close < '2026-10-31') AS overdue, round(avg(d.value)) AS average,
       round(min(d.value)) AS least, round(max(d.value)) AS most, count(*) FILTER (WHERE d.contact_id IS NULL) AS without_contact
FROM crm.deal_in_euro d JOIN crm.company c ON c.id = d.company_id
GROUP BY d.deal_type, c.segment
ORDER BY 1, 2;

\echo By weekday, and share of the leads of 8 to 19 in Paris
SELECT to_char(created_on AT TIME ZONE 'Europe/Paris', 'ID Dy') AS weekday, count(*) AS leads,
       round(100.0 * count(*) FILTER (WHERE extract(hour FROM created_on AT TIME ZONE 'Europe/Paris') BETWEEN 8 AND 18) / count(*)) AS percent_at_work
FROM crm.contact GROUP BY 1 ORDER BY 1;

\echo What is odd on purpose
SELECT v.* FROM (VALUES
    ('contacts without source', (SELECT count(*) FROM crm.contact WHERE source IS NULL)),
    ('contacts without owner', (SELECT count(*) FROM crm.contact WHERE owner_id IS NULL)),
    ('contacts without company', (SELECT count(*) FROM crm.contact WHERE company_id IS NULL)),
    ('contacts of a rep who left, still open', (SELECT count(*) FROM crm.contact c JOIN crm.rep r ON r.id = c.owner_id WHERE NOT r.active AND status NOT IN ('Customer', 'Disqualified', 'Converted'))),
    ('MQLs that nobody called back', (SELECT count(*) FROM crm.contact c WHERE mql_on IS NOT NULL AND NOT EXISTS (SELECT FROM crm.activity a WHERE a.contact_id = c.id AND NOT by_robot))),
    ('SQLs dated before they were MQLs', (SELECT count(*) FROM crm.contact WHERE sql_on < mql_on)),
    ('deals closed before they were opened', (SELECT count(*) FROM crm.deal WHERE closed_on < opened_on)),
    ('deals without a value', (SELECT count(*) FROM crm.deal WHERE value IS NULL)),
    ('deals in USD', (SELECT count(*) FROM crm.deal WHERE currency = 'USD')),
    ('deals open for more than a year', (SELECT count(*) FROM crm.deal WHERE is_won IS NULL AND opened_on < '2025-10-31')),
    ('lumps of spend', (SELECT count(*) FROM crm.ad_cost WHERE period_end IS NOT NULL)),
    ('credit notes', (SELECT count(*) FROM crm.invoice WHERE amount < 0)),
    ('visits known by company alone', (SELECT count(*) FROM crm.web_visit WHERE contact_id IS NULL)),
    ('anything after the last day', (SELECT count(*) FROM crm.contact WHERE greatest(created_on, mql_on, accepted_on, sql_on, disqualified_on) > '2026-10-31 23:59:59+00')
        + (SELECT count(*) FROM crm.deal WHERE greatest(opened_on, closed_on) > '2026-10-31 23:59:59+00')
        + (SELECT count(*) FROM crm.phase_history WHERE changed_at > '2026-10-31 23:59:59+00')
        + (SELECT count(*) FROM crm.activity WHERE happened_at > '2026-10-31 23:59:59')
        + (SELECT count(*) FROM crm.web_visit WHERE visited_at > '2026-10-31 23:59:59+00')
        + (SELECT count(*) FROM crm.invoice WHERE issued_on > '2026-10-31')
        + (SELECT count(*) FROM crm.contract WHERE greatest(start_on, end_on) > '2026-10-31')),
    ('cents lost in spreading lumps', (SELECT sum(abs(round(100 * (c.cost - a.cost))))::bigint
        FROM (SELECT channel, campaign, cost_type, sum(cost) AS cost FROM crm.cost_by_day GROUP BY 1, 2, 3) c
        JOIN (SELECT channel, campaign, cost_type, sum(CASE currency WHEN 'EUR' THEN cost ELSE
                     round(cost * (SELECT rate FROM crm.fx f WHERE f.currency = a.currency AND f.day <= a.day ORDER BY f.day DESC LIMIT 1), 2) END) AS cost
              FROM crm.ad_cost a GROUP BY 1, 2, 3) a
        ON (a.channel, a.campaign, a.cost_type) IS NOT DISTINCT FROM (c.channel, c.campaign, c.cost_type)))
) AS v(oddity, rows);
COMMIT;
