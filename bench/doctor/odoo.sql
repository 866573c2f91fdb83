-- The small Odoo of test/sample/odoo.sql :copies times over: 14 leads with 20 messages and 15 tracked changes each time,
-- as many leads as :copies * 14. Ids go on by a thousand a copy.
-- Of what is closed nearly all has a date, as in Odoo itself. Each copy has customers of its own.
SET search_path = odoo;
INSERT INTO mail_message SELECT copy * 1000 + id, model, copy * 1000 + res_id, date + copy % 700 * interval '1 day', author_id, message_type, mail_activity_type_id
FROM mail_message, generate_series(1, :copies - 1) AS copy;
INSERT INTO mail_tracking_value SELECT copy * 1000 + id, field_id, copy * 1000 + mail_message_id, old_value_integer, new_value_integer, old_value_char, new_value_char
FROM mail_tracking_value, generate_series(1, :copies - 1) AS copy;
INSERT INTO res_partner SELECT copy * 1000 + id, name || ' ' || copy, copy * 1000 + parent_id, copy * 1000 + commercial_partner_id, is_company, user_id, active
FROM res_partner, generate_series(1, :copies - 1) AS copy WHERE id >= 10;
INSERT INTO crm_lead SELECT copy * 1000 + id, name, type, active, stage_id, user_id, team_id, company_id, CASE WHEN partner_id >= 10 THEN copy * 1000 + partner_id ELSE partner_id END, source_id, medium_id, campaign_id, expected_revenue, probability, automated_probability, lost_reason_id, date_deadline,
    create_date + copy % 700 * interval '1 day', date_conversion + copy % 700 * interval '1 day', 
    coalesce(date_closed, CASE WHEN id IN (2, 6, 9, 10, 12) AND copy % 20 > 0 THEN create_date + interval '20 days' END) + copy % 700 * interval '1 day'
FROM crm_lead, generate_series(1, :copies - 1) AS copy;
RESET search_path;
VACUUM ANALYZE;
