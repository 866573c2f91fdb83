-- 1,143 ads with spend, enquiries and approved conversions, as published, against their oracle: cost per lead and per
-- customer are ratios of sums. The counts are unfolded by one view into a lead each.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION smarketing;
SELECT plan(23);
SELECT (pg_stat_file(:'shared' || '/ads/KAG_conversion_data.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data

CREATE TABLE ads (ad_id bigint, xyz_campaign_id text, fb_campaign_id text, age text, gender text, interest integer,
    impressions bigint, clicks bigint, spent numeric, total_conversion bigint, approved_conversion bigint);
-- The file ends its lines with CR alone.
SELECT format('COPY ads FROM PROGRAM %L (FORMAT csv, HEADER)',
              format($$tr '\r' '\n' < '%s'$$, :'shared' || '/ads/KAG_conversion_data.csv')) \gexec
CREATE TABLE oracle_total (name text, value numeric);
CREATE TABLE oracle_age (value text, ads numeric, impressions numeric, clicks numeric, spent numeric, leads numeric,
    customers numeric, ctr float8, cpm float8, cpc float8, cost_per_lead numeric, cac numeric, lead_to_customer float8,
    trap float8);
CREATE TABLE oracle_campaign (LIKE oracle_age);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/ads/' || f)
FROM (VALUES ('oracle_total', 'oracle_total.csv'), ('oracle_age', 'oracle_by_age.csv'),
             ('oracle_campaign', 'oracle_by_xyz_campaign_id.csv')) AS t (r, f) \gexec
SELECT results_eq('SELECT (SELECT count(*) FROM ads), (SELECT count(*) FROM oracle_total), (SELECT count(*) FROM oracle_age),
                          (SELECT count(*) FROM oracle_campaign)',
                  'VALUES (1143::bigint, 13::bigint, 4::bigint, 3::bigint)', 'the files came in whole');

-- The data have no dates: all of it is put on one day, cut where the clocks change.
CREATE VIEW enquiries AS
SELECT ad_id || '/' || n AS lead_id, ad_id, xyz_campaign_id, age, gender, interest, n <= approved_conversion AS is_approved
FROM ads, generate_series(1, total_conversion) AS n;
SELECT smarketing.configure('time_zone', 'Europe/Paris') \g /dev/null
SELECT smarketing.bind('spend', 'ads', '{"at": "date ''2017-03-26''", "amount": "spent", "campaign": "xyz_campaign_id"}') \g /dev/null
SELECT smarketing.bind('lead', 'enquiries', $${"created_at": "date '2017-03-26'", "campaign": "xyz_campaign_id",
    "stage": "CASE WHEN is_approved THEN 'won' ELSE 'lead' END", "label": "ad_id::text"}$$) \g /dev/null
SELECT smarketing.define_dimension('age', '{"spend": "age", "lead": "age"}') \g /dev/null
SELECT smarketing.define_dimension('gender', '{"spend": "gender", "lead": "gender"}') \g /dev/null
SELECT smarketing.define_dimension('interest', '{"spend": "interest", "lead": "interest"}') \g /dev/null
SELECT smarketing.define_dimension('xyz_campaign_id', '{"spend": "xyz_campaign_id", "lead": "xyz_campaign_id"}') \g /dev/null

-- In total. The oracle summed doubles: to the contract's six decimals.
CREATE VIEW expected_total AS
SELECT round(max(value) FILTER (WHERE name = 'spent'), 6) AS spend,
       max(value) FILTER (WHERE name = 'leads')::bigint AS leads,
       round(max(value) FILTER (WHERE name = 'cost_per_lead'), 6) AS cost_per_lead,
       max(value) FILTER (WHERE name = 'customers')::bigint AS customers,
       round(max(value) FILTER (WHERE name = 'cac'), 6) AS cost_per_customer
FROM oracle_total;
SELECT results_eq(
    $$SELECT spend, leads, cost_per_lead, customers, cost_per_customer FROM smarketing.cost_per_lead(period => 'all')$$,
    'TABLE expected_total', 'in total, bounds NULL');
SELECT results_eq(
    $$SELECT period_start, is_partial, by_1, spend, leads, cost_per_lead, customers, cost_per_customer
      FROM smarketing.cost_per_lead('2017-03-26', '2017-03-27', 'day')$$,
    $$SELECT date '2017-03-26', false, NULL::text, * FROM expected_total$$, 'on the one day');
SELECT results_eq(
    $$SELECT spend, leads, cost_per_lead, customers, cost_per_customer
      FROM smarketing.cost_per_lead('2017-02-01', '2017-05-01', 'month') ORDER BY period_start$$,
    $$SELECT * FROM (VALUES (0::numeric, 0::bigint, NULL::numeric, 0::bigint, NULL::numeric)) AS empty
      UNION ALL SELECT * FROM expected_total
      UNION ALL SELECT 0, 0, NULL, 0, NULL$$, 'by month: the months beside it are empty, not missing');
SELECT results_eq(
    $$SELECT m, round(k.value, 6), round(k.numerator, 6), round(k.denominator, 6)
      FROM unnest('{cost_per_lead,cost_per_customer}'::text[]) WITH ORDINALITY AS m (m, n),
           smarketing.kpi(m, period => 'all') AS k ORDER BY n$$,
    $$SELECT 'cost_per_lead', cost_per_lead, spend, leads::numeric FROM expected_total
      UNION ALL SELECT 'cost_per_customer', cost_per_customer, spend, customers FROM expected_total$$,
    'kpi: the quotient with what it is divided from');

-- By the oracle's dimensions; the columns that it has are compared in every row, both ways, in the contract's order.
CREATE VIEW expected_age AS
SELECT value, round(spent, 6) AS spend, leads::bigint, round(cost_per_lead, 6) AS cost_per_lead, customers::bigint,
       round(cac, 6) AS cost_per_customer, lead_to_customer
FROM oracle_age;
CREATE VIEW expected_campaign AS
SELECT value, round(spent, 6) AS spend, leads::bigint, round(cost_per_lead, 6) AS cost_per_lead, customers::bigint,
       round(cac, 6) AS cost_per_customer, lead_to_customer
FROM oracle_campaign;
PREPARE by_dimension(text) AS
SELECT by_1, spend, leads, cost_per_lead, customers, cost_per_customer, customers / leads::float8
FROM smarketing.cost_per_lead(period => 'all', by => ARRAY[$1]);
SELECT results_eq($$EXECUTE by_dimension('age')$$, 'SELECT * FROM expected_age ORDER BY value COLLATE "C"', 'by age');
SELECT results_eq($$EXECUTE by_dimension('xyz_campaign_id')$$, 'SELECT * FROM expected_campaign ORDER BY value COLLATE "C"',
                  'by a dimension of the user''s: xyz_campaign_id');
SELECT results_eq($$EXECUTE by_dimension('campaign')$$, 'SELECT * FROM expected_campaign ORDER BY value COLLATE "C"',
                  'by the built-in campaign');
SELECT results_eq(
    $$SELECT a.value, k.spend, k.leads, k.cost_per_lead, k.customers, k.cost_per_customer
      FROM oracle_age AS a, smarketing.cost_per_lead(period => 'all', filter => jsonb_build_object('age', a.value)) AS k ORDER BY 1$$,
    'SELECT value, spend, leads, cost_per_lead, customers, cost_per_customer FROM expected_age ORDER BY value', 'each age as a filter');
SELECT results_eq(
    $$SELECT a.value, k.spend, k.leads, k.cost_per_lead, k.customers, k.cost_per_customer
      FROM oracle_campaign AS a, smarketing.cost_per_lead(period => 'all', filter => jsonb_build_object('campaign', a.value)) AS k ORDER BY 1$$,
    'SELECT value, spend, leads, cost_per_lead, customers, cost_per_customer FROM expected_campaign ORDER BY value',
    'each campaign as a filter');

-- By what the oracle lacks: plain SQL over the table. The same statement must first give the oracle's own figures.
CREATE FUNCTION plain(dims text) RETURNS TABLE (d1 text, d2 text, d3 text, spend numeric, leads bigint, cost_per_lead numeric,
    customers bigint, cost_per_customer numeric) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM (SELECT %s, round(sum(spent), 6), sum(total_conversion)::bigint,
        round(sum(spent) / nullif(sum(total_conversion), 0), 6), sum(approved_conversion)::bigint,
        round(sum(spent) / nullif(sum(approved_conversion), 0), 6) FROM ads GROUP BY 1, 2, 3)
        AS t (a, b, c) ORDER BY a COLLATE "C", b COLLATE "C", c COLLATE "C"', dims);
END $$;
PREPARE by_dimensions(text[]) AS
SELECT by_1, by_2, by_3, spend, leads, cost_per_lead, customers, cost_per_customer
FROM smarketing.cost_per_lead(period => 'all', by => $1);
SELECT results_eq($$SELECT d1, spend, leads, cost_per_lead, customers, cost_per_customer FROM plain('age, NULL::text, NULL::text')$$,
                  'SELECT value, spend, leads, cost_per_lead, customers, cost_per_customer FROM expected_age ORDER BY value COLLATE "C"',
                  'plain SQL agrees with the oracle');
SELECT results_eq($$EXECUTE by_dimensions('{gender}')$$, $$SELECT * FROM plain('gender, NULL::text, NULL::text')$$, 'by gender');
SELECT results_eq($$EXECUTE by_dimensions('{interest}')$$, $$SELECT * FROM plain('interest::text, NULL::text, NULL::text')$$,
                  'by interest, a number: in byte order');
SELECT results_eq($$EXECUTE by_dimensions('{gender,age}')$$, $$SELECT * FROM plain('gender, age, NULL::text')$$, 'by gender and age');
SELECT results_eq($$EXECUTE by_dimensions('{interest,campaign,gender}')$$, $$SELECT * FROM plain('interest::text, xyz_campaign_id, gender')$$,
                  'by interest, campaign and gender');
SELECT isnt_empty($$SELECT 1 FROM plain('interest::text, xyz_campaign_id, gender') WHERE customers = 0$$,
                  'of these, some have no customer: cost NULL');

-- Filters of the other forms.
SELECT results_eq(
    $$SELECT spend, leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"age": ["30-34", "35-39"], "gender": {"not": "F"}}')$$,
    $$SELECT round(sum(spent), 6), sum(total_conversion)::bigint, sum(approved_conversion)::bigint FROM ads
      WHERE age IN ('30-34', '35-39') AND gender <> 'F'$$, 'a list and a negation');
SELECT results_eq(
    $$SELECT spend, leads, customers FROM smarketing.cost_per_lead(period => 'all', filter => '{"age": [], "interest": ["16", "2"]}')$$,
    $$SELECT round(sum(spent), 6), sum(total_conversion)::bigint, sum(approved_conversion)::bigint FROM ads WHERE interest IN (16, 2)$$,
    'an empty list does not filter; a number as text');

-- The records behind the figures.
SELECT results_eq(
    $$SELECT round(sum(amount), 6), count(*) FROM smarketing.kpi_rows('cost_per_lead.spend', '2017-03-01', '2017-04-01', max_rows => NULL)$$,
    'SELECT spend, (SELECT count(*) FROM ads) FROM expected_total', 'kpi_rows: spend adds up');
SELECT results_eq(
    $$SELECT count(*), count(DISTINCT record_id) FROM smarketing.kpi_rows('cost_per_lead.leads', '2017-03-01', '2017-04-01', max_rows => NULL)$$,
    'SELECT leads, leads FROM expected_total', 'kpi_rows: leads are counted once each');
SELECT results_eq(
    $$SELECT a.value, count(r.record_id) FROM oracle_age AS a LEFT JOIN LATERAL
      smarketing.kpi_rows('cost_per_lead.customers', '2017-03-01', '2017-04-01', jsonb_build_object('age', a.value), max_rows => NULL) AS r ON true
      GROUP BY 1 ORDER BY 1$$,
    'SELECT value, customers FROM expected_age ORDER BY 1', 'kpi_rows: customers of each age');
SELECT results_eq(
    $$SELECT label, count(*) FROM smarketing.kpi_rows('cost_per_lead.customers', max_rows => NULL, since => '2017-01-01') GROUP BY 1 ORDER BY 1$$,
    'SELECT ad_id::text, approved_conversion FROM ads WHERE approved_conversion > 0 ORDER BY 1', 'kpi_rows: the customers of each ad');

-- The day lies outside of what ends where it begins, and of what begins where it ends.
SELECT results_eq(
    $$SELECT 'before', leads, spend FROM smarketing.cost_per_lead('2017-03-01', '2017-03-26', 'all')
      UNION ALL SELECT 'after', leads, spend FROM smarketing.cost_per_lead('2017-03-27', '2017-04-01', 'all')$$,
    $$VALUES ('before', 0::bigint, 0::numeric), ('after', 0, 0)$$, 'half-open bounds');

\else
SELECT skip('no shared data', 23);
\endif
SELECT * FROM finish();
