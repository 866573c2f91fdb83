-- Views of the sample CRM; crm.sql runs this file. First those that are bound: names beside ids. Names are joined, not
-- selected for each row: a correlated subselect would keep every plan over it serial.

CREATE VIEW crm.contact_with_campaign AS
SELECT c.*, g.name AS campaign
FROM crm.contact c
LEFT JOIN crm.campaign g ON g.id = c.campaign_id;

COMMENT ON VIEW crm.contact_with_campaign IS 'Contacts with the name of their campaign';

CREATE VIEW crm.rep_with_team AS
SELECT r.*, t.name AS team
FROM crm.rep r
LEFT JOIN crm.team t ON t.id = r.team_id;

COMMENT ON VIEW crm.rep_with_team IS 'Reps with the name of their team';

CREATE VIEW crm.deal_with_product AS
SELECT d.*, p.name AS product
FROM crm.deal d
LEFT JOIN crm.product p ON p.id = d.product_id;

COMMENT ON VIEW crm.deal_with_product IS 'Deals with the name of their product';

-- Visits known by company alone are nobody's activity.
CREATE VIEW crm.activity_with_visits AS
SELECT contact_id, happened_at, type, by_robot, rep_id
FROM crm.activity
UNION ALL
SELECT contact_id, visited_at AT TIME ZONE 'UTC', kind, true, NULL
FROM crm.web_visit
WHERE contact_id IS NOT NULL;

COMMENT ON VIEW crm.activity_with_visits IS 'What was done by and for a contact, its visits, clicks and forms among it';

-- What SQL by hand reads, to compare with: amounts in euros, at the last rate on or before their day (UTC).

CREATE VIEW crm.deal_in_euro AS
SELECT d.id, d.contact_id, d.company_id, d.title, d.deal_type,
       CASE d.currency WHEN 'EUR' THEN d.value
            ELSE d.value * (SELECT f.rate FROM crm.fx f WHERE f.currency = d.currency
                            AND f.day <= (coalesce(d.closed_on, d.opened_on) AT TIME ZONE 'UTC')::date ORDER BY f.day DESC LIMIT 1)
       END AS value,
       d.opened_on, d.closed_on, d.is_won, d.expected_close, d.probability, d.phase, d.lost_reason, d.rep_id, p.name AS product
FROM crm.deal d
LEFT JOIN crm.product p ON p.id = d.product_id;

COMMENT ON VIEW crm.deal_in_euro IS 'Deals with their value in euros, at the rate of the day they closed, else opened (UTC)';

-- A lump is spread evenly over its days; sums rounded from the first day on leave no cent behind.
CREATE VIEW crm.cost_by_day AS
SELECT e.day + s.n AS day, e.channel, e.campaign, e.cost_type,
       (CASE WHEN s.n + 1 = e.days THEN e.cost ELSE round(e.cost * (s.n + 1) / e.days, 2) END - round(e.cost * s.n / e.days, 2)) * e.rate AS cost
FROM (
    SELECT a.day, coalesce(a.period_end - a.day, 1) AS days, a.channel, a.campaign, a.cost_type, a.cost,
           CASE a.currency WHEN 'EUR' THEN 1
                ELSE (SELECT f.rate FROM crm.fx f WHERE f.currency = a.currency AND f.day <= a.day ORDER BY f.day DESC LIMIT 1)
           END AS rate
    FROM crm.ad_cost a
) e
CROSS JOIN LATERAL generate_series(0, e.days - 1) AS s(n);

COMMENT ON VIEW crm.cost_by_day IS 'Spend in euros by day: a lump is spread to the cent, and converted at the rate of its first day';

CREATE VIEW crm.contract_in_euro AS
SELECT c.id, c.company_id, c.product, c.start_on, c.end_on,
       CASE c.currency WHEN 'EUR' THEN c.mrr
            ELSE c.mrr * (SELECT f.rate FROM crm.fx f WHERE f.currency = c.currency AND f.day <= c.start_on ORDER BY f.day DESC LIMIT 1)
       END AS mrr,
       c.rep_id
FROM crm.contract c;

COMMENT ON VIEW crm.contract_in_euro IS 'Contracts with their amount per month in euros, at the rate of the day they began';

CREATE VIEW crm.invoice_in_euro AS
SELECT i.id, i.company_id, i.issued_on,
       CASE i.currency WHEN 'EUR' THEN i.amount
            ELSE i.amount * (SELECT f.rate FROM crm.fx f WHERE f.currency = i.currency AND f.day <= i.issued_on ORDER BY f.day DESC LIMIT 1)
       END AS amount,
       i.kind, i.product, i.rep_id
FROM crm.invoice i;

COMMENT ON VIEW crm.invoice_in_euro IS 'Invoices with their amount in euros, at the rate of the day they were issued';
