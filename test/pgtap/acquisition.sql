-- Customer acquisition cost: the published ads, and random CRMs against the definition, a customer at a time.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT plan(16);
SELECT diag('seed ' || :'env_seed');
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'Europe/Paris';
SELECT smarketing.configure('time_zone', 'Europe/Paris') AS done \gset

SELECT (pg_stat_file(:'shared' || '/ads/KAG_conversion_data.csv', true)).size IS NOT NULL AS has_data \gset
\if :has_data
CREATE TABLE ads (ad_id bigint, xyz_campaign_id text, fb_campaign_id text, age text, gender text, interest integer,
    impressions bigint, clicks bigint, spent numeric, total_conversion bigint, approved_conversion bigint);
SELECT format('COPY ads FROM PROGRAM %L (FORMAT csv, HEADER)', format($$tr '\r' '\n' < '%s'$$, :'shared' || '/ads/KAG_conversion_data.csv')) \gexec
CREATE TABLE oracle_total (name text, value numeric);
CREATE TABLE oracle_age (value text, ads numeric, impressions numeric, clicks numeric, spent numeric, leads numeric, customers numeric, ctr float8, cpm float8, cpc float8, cost_per_lead numeric, cac numeric, lead_to_customer float8, trap float8);
CREATE TABLE oracle_campaign (LIKE oracle_age);
SELECT format('COPY %s FROM %L (FORMAT csv, HEADER)', r, :'shared' || '/ads/' || f)
FROM (VALUES ('oracle_total', 'oracle_total.csv'), ('oracle_age', 'oracle_by_age.csv'), ('oracle_campaign', 'oracle_by_xyz_campaign_id.csv')) AS t (r, f) \gexec
CREATE VIEW purchases AS SELECT ad_id || '/' || n AS opportunity_id, xyz_campaign_id, age FROM ads, generate_series(1, approved_conversion) AS n;
SELECT smarketing.bind('spend', 'ads', '{"at": "date ''2017-03-26''", "amount": "spent", "campaign": "xyz_campaign_id"}'),
       smarketing.bind('opportunity', 'purchases', '{"created_at": "date ''2017-03-26''", "closed_at": "date ''2017-03-26''", "won": "true", "campaign": "xyz_campaign_id"}'),
       smarketing.define_dimension('age', '{"spend": "age", "opportunity": "age"}') \gset
SELECT results_eq($$SELECT spend, new_customers, customer_acquisition_cost FROM smarketing.customer_acquisition_cost('2017-03-01', '2017-04-01')$$,
    $$SELECT round(max(value) FILTER (WHERE name = 'spent'), 6), max(value) FILTER (WHERE name = 'customers')::bigint, round(max(value) FILTER (WHERE name = 'cac'), 6) FROM oracle_total$$, 'the ads, in total');
SELECT results_eq($$SELECT by_1, new_customers, customer_acquisition_cost FROM smarketing.customer_acquisition_cost('2017-03-01', '2017-04-01', by => '{age}')$$,
    'SELECT value, customers::bigint, round(cac, 6) FROM oracle_age ORDER BY 1', 'by age');
SELECT results_eq($$SELECT by_1, new_customers, customer_acquisition_cost FROM smarketing.customer_acquisition_cost(by => '{campaign}', period => 'all')$$,
    'SELECT value, customers::bigint, round(cac, 6) FROM oracle_campaign ORDER BY 1', 'by campaign');
SELECT smarketing.define_dimension('age', NULL), smarketing.unbind('spend'), smarketing.unbind('opportunity') \gset
\else
SELECT skip('no shared data', 3);
\endif

-- Random CRMs.
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION a_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT date_trunc('minute', timestamptz '2025-01-01' + random() * interval '450 days') $$;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id int, channel text, owner int);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, account_id bigint, lead_id int, owner int);
CREATE TABLE contract (account_id int, starts_at timestamptz, amount numeric, currency text);
CREATE TABLE sale (account_id int, at timestamptz, amount numeric, currency text);
CREATE TABLE firm (account_id text, customer_since date, segment text);
CREATE TABLE cost (at date, ends_at date, amount numeric, kind text, channel text, owner int, currency text);
CREATE TABLE fx AS SELECT 'USD' AS currency, d::date AS at, round((0.8 + random() * 0.3)::numeric, 3) AS rate FROM generate_series(date '2024-01-01', date '2027-01-01', interval '9 days') AS d;
CREATE FUNCTION rate(currency text, day date) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT CASE currency WHEN 'USD' THEN (SELECT fx.rate FROM fx WHERE at <= day ORDER BY at DESC LIMIT 1) ELSE 1 END $$;
-- The reporting zone of a call.
CREATE FUNCTION zone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('test.zone') $$;
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    TRUNCATE lead, deal, contract, sale, firm, cost;
    INSERT INTO lead SELECT i, a_time(), CASE WHEN random() < 0.7 THEN (random() * 30)::int END, pick('{a,b,c,NULL}'::text[]), (random() * 3)::int FROM generate_series(1, 80) i;
    INSERT INTO deal SELECT i, a_time(), CASE WHEN random() < 0.9 THEN a_time() END, pick('{t,t,f,NULL}'::boolean[]), CASE WHEN random() < 0.8 THEN (random() * 30)::int END, CASE WHEN random() < 0.6 THEN (random() * 90)::int END, CASE WHEN random() < 0.9 THEN (random() * 3)::int END FROM generate_series(1, 90) i;
    INSERT INTO contract SELECT (random() * 30)::int, a_time(), pick('{10,20,0,-5}'::numeric[]), pick('{EUR,USD,NULL}'::text[]) FROM generate_series(1, 30);
    INSERT INTO sale SELECT (random() * 30)::int, a_time(), pick('{10,20,0,-5}'::numeric[]), pick('{EUR,USD,NULL}'::text[]) FROM generate_series(1, 60);
    INSERT INTO firm SELECT i, CASE WHEN random() < 0.4 THEN a_time()::date END, pick('{S,M,NULL}'::text[]) FROM generate_series(0, 33) i;
    INSERT INTO cost SELECT d, CASE WHEN random() < 0.3 THEN d + (random() * 60)::int END, round((random() * 100)::numeric, 2), pick('{marketing,sales,NULL,other}'::text[]), pick('{a,b,NULL,z}'::text[]), (random() * 3)::int, pick('{EUR,USD,usd,NULL}'::text[]) FROM (SELECT a_time()::date AS d FROM generate_series(1, 40)) AS t; $$;

-- The customers, one at a time.
CREATE FUNCTION customers(basis text, with_since boolean) RETURNS TABLE (who text, at timestamptz, channel text, owner text, segment text) LANGUAGE plpgsql STABLE AS $$
DECLARE d deal; l lead; of text;
BEGIN
    FOR who IN SELECT DISTINCT coalesce('a' || deal.account_id, 'l' || deal.lead_id, 'o' || deal.opportunity_id) FROM deal WHERE won AND basis = 'opportunity'
        UNION SELECT 'a' || account_id FROM contract WHERE amount > 0 AND basis = 'subscription' UNION SELECT 'a' || account_id FROM sale WHERE amount > 0 AND basis = 'revenue'
        UNION SELECT 'a' || account_id FROM firm WHERE customer_since IS NOT NULL AND with_since
    LOOP
        of := CASE WHEN who LIKE 'a%' THEN substr(who, 2) END;
        d := NULL; l := NULL;
        SELECT * INTO d FROM deal WHERE won AND coalesce('a' || deal.account_id, 'l' || deal.lead_id, 'o' || deal.opportunity_id) = who ORDER BY closed_at, opportunity_id LIMIT 1;
        at := CASE basis WHEN 'opportunity' THEN d.closed_at WHEN 'subscription' THEN (SELECT min(starts_at) FROM contract WHERE account_id::text = of AND amount > 0) ELSE (SELECT min(sale.at) FROM sale WHERE account_id::text = of AND amount > 0) END;
        IF with_since THEN at := coalesce((SELECT customer_since::timestamp AT TIME ZONE zone() FROM firm WHERE account_id = of), at); END IF;
        -- what it came by: its first won deal, else its first lead, else its account
        IF d.opportunity_id IS NOT NULL THEN
            channel := (SELECT lead.channel FROM lead WHERE lead_id = d.lead_id); owner := d.owner::text;
            segment := (SELECT firm.segment FROM firm WHERE account_id = d.account_id::text);
        ELSE
            SELECT * INTO l FROM lead WHERE account_id::text = of ORDER BY created_at, lead_id LIMIT 1;
            channel := l.channel; owner := l.owner::text;
            segment := (SELECT firm.segment FROM firm WHERE account_id = of);
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
-- What a customer pays a month: recurring revenue at its start, else a twelfth of its first twelve months; NULL where these have not passed.
CREATE FUNCTION monthly(who text, at timestamptz, by_subscription boolean) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN who NOT LIKE 'a%' THEN NULL WHEN by_subscription THEN coalesce((SELECT sum(amount * rate(currency, (monthly.at AT TIME ZONE zone())::date)) FROM contract WHERE 'a' || account_id = who AND starts_at <= monthly.at), 0)
        WHEN (monthly.at AT TIME ZONE zone() + interval '12 months') AT TIME ZONE zone() > now() THEN NULL
        ELSE coalesce((SELECT sum(amount * rate(currency, (sale.at AT TIME ZONE zone())::date)) FROM sale WHERE 'a' || account_id = who AND sale.at >= monthly.at AND sale.at < (monthly.at AT TIME ZONE zone() + interval '12 months') AT TIME ZONE zone()), 0) / 12 END $$;
CREATE FUNCTION days() RETURNS TABLE (day date, amount numeric, kind text, channel text, owner text) LANGUAGE sql STABLE AS $$
    SELECT d::date, smarketing.spread(amount, at, coalesce(ends_at, at), d::date, d::date + 1) * rate(upper(currency), at), coalesce(kind, 'marketing'), channel, owner::text
    FROM cost, generate_series(at::timestamp, greatest(coalesce(ends_at, at + 1) - 1, at)::timestamp, interval '1 day') AS d $$;
CREATE TABLE failure (i int, what text);
CREATE TABLE tried (i int, cells bigint, customers bigint);
DO $$
DECLARE i int; basis text; with_since boolean; since date; until date; spend_kind text; dim text; x record; whole boolean; by_subscription boolean; margin numeric; listed int; total numeric; lag int; filter jsonb; f_channel text; f_owner text; since_at timestamptz; until_at timestamptz;
BEGIN
    PERFORM smarketing.bind('lead', 'lead'), smarketing.bind('opportunity', 'deal'), smarketing.bind('subscription', 'contract'), smarketing.bind('revenue', 'sale'), smarketing.bind('spend', 'cost'),
        smarketing.bind('exchange_rate', 'fx'), smarketing.configure('spend_without_dimension', 'none'), smarketing.configure('currency', 'EUR');
    FOR i IN 1 .. 150 LOOP
        IF i % 5 = 1 THEN PERFORM fill(); END IF;
        basis := pick('{opportunity,subscription,revenue}'::text[]); with_since := random() < 0.5; since := (a_time())::date; until := since + 1 + (random() * 150)::int;
        spend_kind := pick('{all,marketing,sales}'::text[]); dim := pick('{channel,owner,segment,NULL}'::text[]); whole := random() < 0.4; margin := pick('{1,0.5,0.75}'::numeric[]); by_subscription := basis = 'subscription' OR random() < 0.5;
        PERFORM set_config('test.zone', pick('{Europe/Paris,America/New_York,America/Havana,Australia/Lord_Howe}'::text[]), true);
        PERFORM smarketing.configure('time_zone', zone()), set_config('TimeZone', zone(), true);
        since_at := since; until_at := until; lag := CASE WHEN random() < 0.3 THEN (random() * 20 - 5)::int ELSE 0 END;
        f_channel := CASE WHEN random() < 0.3 THEN pick('{a,b,(none)}'::text[]) END; f_owner := CASE WHEN random() < 0.3 THEN pick('{1,2}'::text[]) END;
        filter := jsonb_strip_nulls(jsonb_build_object('channel', f_channel, 'owner', CASE WHEN f_owner IS NOT NULL THEN jsonb_build_object('not', jsonb_build_array(f_owner)) END));
        PERFORM smarketing.bind('subscription', 'contract'); IF NOT by_subscription THEN PERFORM smarketing.unbind('subscription'); END IF;
        PERFORM smarketing.bind('account', 'firm', CASE WHEN with_since THEN '{}' ELSE '{"customer_since": null}' END::jsonb), smarketing.configure('customer_basis', basis);
        FOR x IN
            WITH c AS (SELECT date_trunc('month', at AT TIME ZONE zone())::date AS m, at, CASE dim WHEN 'channel' THEN coalesce(channel, '(none)') WHEN 'owner' THEN coalesce(owner, '(none)') WHEN 'segment' THEN coalesce(segment, '(none)') ELSE '' END AS v, channel AS ch, monthly(who, at, by_subscription) AS monthly FROM customers(basis, with_since) WHERE at >= since_at AND at < until_at AND (f_channel IS NULL OR coalesce(channel, '(none)') = f_channel) AND (f_owner IS NULL OR owner IS DISTINCT FROM f_owner)),
            paid AS (SELECT date_trunc('month', day + lag)::date AS m, kind, amount, channel FROM days() WHERE day + lag >= since AND day + lag < until),
            s AS (SELECT date_trunc('month', day + lag)::date AS m, CASE dim WHEN 'channel' THEN coalesce(channel, '(none)') WHEN 'owner' THEN coalesce(owner, '(none)') WHEN 'segment' THEN '(none)' ELSE '' END AS v, kind, amount, channel FROM days() WHERE day + lag >= since AND day + lag < until AND (f_channel IS NULL OR coalesce(channel, '(none)') = f_channel) AND (f_owner IS NULL OR owner IS DISTINCT FROM f_owner)),
            e AS (SELECT m, v, coalesce(sum(a), 0) AS spend, coalesce(sum(am), 0) AS marketing, coalesce(sum(asa), 0) AS sales, coalesce(sum(n), 0)::bigint AS n, coalesce(sum(paid), 0)::bigint AS paid, CASE WHEN count(n) = count(monthly) THEN sum(monthly) END AS monthly FROM (
                SELECT CASE WHEN whole THEN since ELSE m END AS m, v, CASE WHEN spend_kind IN ('all', kind) THEN amount END AS a, CASE WHEN kind = 'marketing' THEN amount END AS am, CASE WHEN kind = 'sales' THEN amount END AS asa, NULL::int AS n, NULL::int AS paid, NULL::numeric AS monthly FROM s
                UNION ALL SELECT CASE WHEN whole THEN since ELSE m END, v, NULL, NULL, NULL, 1, CASE WHEN ch IN (SELECT channel FROM paid WHERE kind = 'marketing' AND amount > 0 AND (whole OR paid.m = c.m)) THEN 1 END, monthly FROM c) AS u GROUP BY 1, 2)
            SELECT * FROM e FULL JOIN (SELECT period_start AS m, coalesce(by_1, '') AS v, f.spend AS g, new_customers, customer_acquisition_cost AS cac, spend_marketing, spend_sales, paid_acquisition_cost AS paid_cost, revenue_per_customer AS rpc, payback_months AS payback
                FROM smarketing.customer_acquisition_cost(since_at, until_at, CASE WHEN whole THEN 'all' ELSE 'month' END, CASE WHEN dim IS NULL THEN '{}' ELSE ARRAY[dim] END, filter, jsonb_build_object('spend_kind', spend_kind, 'margin', margin, 'lag', lag || ' days')) AS f) AS g USING (m, v)
            WHERE NOT (coalesce(g, 0) = round(coalesce(spend, 0), 6) AND coalesce(spend_marketing, 0) = round(coalesce(marketing, 0), 6) AND coalesce(spend_sales, 0) = round(coalesce(sales, 0), 6) AND coalesce(new_customers, 0) = coalesce(n, 0)
                AND cac IS NOT DISTINCT FROM round(spend / nullif(n, 0), 6) AND paid_cost IS NOT DISTINCT FROM round(marketing / nullif(paid, 0), 6)
                AND rpc IS NOT DISTINCT FROM round(monthly / nullif(n, 0), 6) AND (payback IS NULL) = (monthly IS NULL OR monthly <= 0 OR coalesce(n, 0) = 0) AND coalesce(abs(payback - spend / nullif(monthly * margin, 0)), 0) < 1e-6)
        LOOP
            INSERT INTO failure VALUES (i, format('%s: %s since %s, %s, %s to %s, %s by %s of %s lag %s whole %s: %s', i, basis, with_since, zone(), since, until, spend_kind, dim, filter, lag, whole, x));
        END LOOP;
        SELECT count(*), sum(amount) INTO listed, total FROM smarketing.kpi_rows('new_customers', since_at, until_at, filter, max_rows => NULL);
        IF listed <> (SELECT new_customers FROM smarketing.customer_acquisition_cost(since_at, until_at, 'all', '{}', filter)) THEN INSERT INTO failure VALUES (i, 'kpi_rows ' || listed); END IF;
        IF (SELECT round(sum(amount), 4) FROM smarketing.kpi_rows('customer_acquisition_cost.spend_marketing', since_at, until_at, filter, jsonb_build_object('lag', lag || ' days'), NULL)) <> (SELECT round(spend_marketing, 4) FROM smarketing.customer_acquisition_cost(since_at, until_at, 'all', '{}', filter, jsonb_build_object('lag', lag || ' days'))) THEN INSERT INTO failure VALUES (i, 'kpi_rows of spend_marketing'); END IF;
        INSERT INTO tried VALUES (i, 1, listed);
    END LOOP;
END $$;
SELECT is((SELECT string_agg(what, E'\n') FROM (SELECT DISTINCT ON (i) i, what FROM failure ORDER BY i LIMIT 5) AS f), NULL, '150 calls agree with the definition');
SELECT cmp_ok((SELECT sum(customers) FROM tried), '>', 300::numeric, 'over many customers');
SELECT throws_ok($$SELECT smarketing.configure('customer_basis', 'order')$$, '22023', 'invalid value for setting "customer_basis": "order"');
SELECT throws_ok($$SELECT * FROM smarketing.customer_acquisition_cost(options => '{"spend_kind": "media"}')$$, '22023', 'invalid value for option "spend_kind": "media"');
SELECT throws_ok($$SELECT * FROM smarketing.customer_acquisition_cost(options => '{"margin": 2}')$$, '22023', 'option "margin" must be a number above 0 and at most 1');
SELECT smarketing.bind('subscription', 'contract') \gset
SELECT smarketing.unbind('subscription'), smarketing.unbind('opportunity'), smarketing.unbind('revenue'), smarketing.unbind('account') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_acquisition_cost()', '55000', 'customer_acquisition_cost needs customers, and nothing that is bound makes any');
SELECT smarketing.configure('customer_basis', NULL), smarketing.bind('account', 'firm') \gset
SELECT is((SELECT sum(new_customers) FROM smarketing.customer_acquisition_cost('2025-01-01', '2027-01-01')), (SELECT count(*)::numeric FROM firm WHERE customer_since IS NOT NULL), 'customer_since alone makes customers');
-- Accounts that are uuids, known through the lead alone, or not at all.
CREATE SCHEMA other; SET search_path = other, public;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id uuid, channel text);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, lead_id int);
CREATE TABLE firm (account_id uuid PRIMARY KEY, customer_since date);
INSERT INTO lead VALUES (1, '2026-01-01', '00000000-0000-0000-0000-000000000001', 'a'), (2, '2026-01-02', '00000000-0000-0000-0000-000000000001', 'b'), (3, '2026-01-02', NULL, 'b');
INSERT INTO deal VALUES (1, '2026-01-05', '2026-01-10', true, 2), (2, '2026-01-06', '2026-01-12', true, 1), (3, '2026-01-06', '2026-01-12', true, 3);
INSERT INTO firm VALUES ('00000000-0000-0000-0000-000000000009', '2026-01-20');
SELECT smarketing.configure('time_zone', 'UTC'), smarketing.unbind('spend'), smarketing.bind('lead', 'lead'), smarketing.bind('opportunity', 'deal'), smarketing.bind('account', 'firm') \gset
SELECT results_eq($$SELECT by_1, value FROM smarketing.kpi('new_customers', '2026-01-01', '2026-02-01', 'all', '{channel}')$$, $$VALUES ('(none)', 1::numeric), ('b', 2)$$, 'accounts through the lead');
SELECT results_eq($$SELECT record_id, label FROM smarketing.kpi_rows('new_customers', '2026-01-01', '2026-02-01') ORDER BY 1$$, $$VALUES ('00000000-0000-0000-0000-000000000001', NULL), ('00000000-0000-0000-0000-000000000009', NULL), ('3', NULL)$$, 'without accounts'' labels rows have none');
SELECT smarketing.bind('account', 'firm', '{"label": "''Firm '' || right(account_id::text, 1)"}') \gset
SELECT results_eq($$SELECT record_id, label FROM smarketing.kpi_rows('new_customers', '2026-01-01', '2026-02-01') ORDER BY 1$$, $$VALUES ('00000000-0000-0000-0000-000000000001', NULL), ('00000000-0000-0000-0000-000000000009', 'Firm 9'), ('3', NULL)$$, 'and else those');
SELECT smarketing.bind('opportunity', 'deal', '{"lead_id": null}') \gset
SELECT results_eq($$SELECT value FROM smarketing.kpi('new_customers', '2026-01-01', '2026-02-01', 'all')$$, 'VALUES (4::numeric)', 'opportunities that know neither');
-- A contract that ended when it began, or before, makes no customer, whatever the types of its times.
SET TimeZone = 'UTC';
CREATE TABLE contract (account_id uuid, starts_at timestamptz, ends_at date, amount numeric);
INSERT INTO contract SELECT format('00000000-0000-0000-0000-00000000000%s', a)::uuid, s, e, 10 FROM (VALUES (1, timestamptz '2026-03-10', date '2026-03-10'), (2, '2026-03-10', '2026-02-01'), (3, '2026-03-10 09:00', '2026-03-10'), (4, '2026-03-10', '2026-03-11'),
    (5, '2026-03-10', NULL), (6, '2026-01-05', '2026-01-05'), (6, '2026-03-12', 'infinity')) AS c (a, s, e);
SELECT smarketing.unbind('account'), smarketing.bind('subscription', 'contract') \gset
SELECT results_eq($$SELECT period_start, new_customers, revenue_per_customer FROM smarketing.customer_acquisition_cost('2026-01-01', '2026-04-01', 'quarter')$$, $$VALUES (date '2026-01-01', 3::bigint, 10::numeric)$$, 'a contract that never ran makes no customer');
SELECT results_eq($$SELECT right(record_id, 1), at::date FROM smarketing.kpi_rows('new_customers', '2026-01-01', '2026-04-01') ORDER BY 1$$, $$VALUES ('4', date '2026-03-10'), ('5', '2026-03-10'), ('6', '2026-03-12')$$, 'nor the first time of one');
SELECT * FROM finish();
