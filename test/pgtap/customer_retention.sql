-- Customer retention: random CRMs against plain SQL that joins all payments to the close of every period, and the edges by hand.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT no_plan();
SELECT diag('seed ' || :'env_seed' || ', now ' || now());
SELECT setseed(:env_seed) AS seeded \gset
SET TimeZone = 'UTC';
SET jit = off;

-- Random CRMs. Accounts are of three types; times often lie on the bounds of months and days, or a microsecond before; some are yet to come.
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION zone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('test.zone') $$;
CREATE FUNCTION day_begins(day date, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT min(t) FROM (SELECT (day::timestamp AT TIME ZONE zone) + i * interval '30 minutes' AS t FROM generate_series(-3, 3) AS i) AS u WHERE (t AT TIME ZONE zone)::date >= day $$;
CREATE FUNCTION a_time() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE t timestamptz := date_trunc('minute', now() + (random() * 830 - 800) * interval '1 day'); u float8 := random(); BEGIN
    IF u < 0.5 THEN RETURN t; END IF;
    t := day_begins(CASE WHEN u < 0.75 THEN (t AT TIME ZONE zone())::date ELSE date_trunc('month', t AT TIME ZONE zone())::date END, zone());
    RETURN CASE WHEN random() < 0.5 THEN t ELSE t - interval '1 us' END;
END $$;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id int, channel text, owner int);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, account_id bigint, lead_id int, owner int, amount numeric, currency text, product text);
CREATE TABLE contract (account_id int, starts_at timestamptz, ends_at timestamptz, amount numeric, currency text, product text);
CREATE TABLE sale (account_id text, at timestamptz, amount numeric, currency text, product text);
CREATE TABLE firm (account_id text, segment text);
CREATE TABLE fx AS SELECT 'USD' AS currency, d::date AS at, round((0.8 + random() * 0.3)::numeric, 3) AS rate FROM generate_series(now() - interval '3 years', now() + interval '1 year', interval '9 days') AS d;
-- An account that owes, or gets for nothing, is a customer as well.
CREATE FUNCTION an_amount() RETURNS numeric LANGUAGE sql VOLATILE AS $$ SELECT pick('{10,20,20.5,30,30,0,-5,NULL}'::numeric[]) $$;
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$
DECLARE products text[] := CASE WHEN random() < 0.5 THEN '{p,q,r}' ELSE '{p,q,(none),NULL}' END; accounts int := 4 + (random() * 20)::int; n int := (random() * random() * 80)::int;
BEGIN
    TRUNCATE lead, deal, contract, sale, firm;
    INSERT INTO lead SELECT i, a_time(), CASE WHEN random() < 0.8 THEN (random() * accounts)::int END, pick('{a,b,(none),NULL}'::text[]), (random() * 3)::int FROM generate_series(1, 30) AS i;
    INSERT INTO deal SELECT i, a_time(), CASE WHEN random() < 0.95 THEN a_time() END, pick('{t,t,t,f,NULL}'::boolean[]), CASE WHEN random() < 0.9 THEN (random() * accounts)::int END, CASE WHEN random() < 0.6 THEN (random() * 35)::int END,
        CASE WHEN random() < 0.9 THEN (random() * 3)::int END, an_amount(), pick('{EUR,EUR,USD,NULL}'::text[]), pick(products) FROM generate_series(1, n + 10) AS i;
    INSERT INTO contract SELECT CASE WHEN random() < 0.95 THEN (random() * accounts)::int END, a_time(), NULL, CASE WHEN random() < 0.9 THEN pick('{10,20,20.5,30}'::numeric[]) ELSE an_amount() END, pick('{EUR,EUR,USD,NULL}'::text[]), pick(products) FROM generate_series(1, n);
    UPDATE contract SET ends_at = CASE WHEN random() < 0.1 THEN starts_at - random() * interval '9 days' WHEN random() < 0.5 THEN a_time() ELSE starts_at + random() * random() * interval '400 days' END WHERE random() < 0.7;
    INSERT INTO contract SELECT account_id, ends_at, NULL, amount + pick('{-5,0,5}'::numeric[]), currency, product FROM contract WHERE ends_at > starts_at AND random() < 0.4;
    INSERT INTO sale SELECT CASE WHEN random() < 0.95 THEN (random() * accounts)::int::text END, CASE WHEN random() < 0.97 THEN a_time() END, an_amount(), pick('{EUR,EUR,USD,NULL}'::text[]), pick(products) FROM generate_series(1, n);
    INSERT INTO firm SELECT i, pick('{S,M,NULL}'::text[]) FROM generate_series(0, accounts - 2) AS i;
END $$;

-- What a customer came by: its first won deal, else its first lead, else its account.
CREATE FUNCTION came_by(account text, OUT channel text, OUT owner text, OUT segment text) LANGUAGE plpgsql STABLE AS $$
DECLARE d deal; l lead; BEGIN
    SELECT * INTO d FROM deal WHERE won AND account_id::text = account ORDER BY closed_at, opportunity_id LIMIT 1;
    IF d.opportunity_id IS NULL THEN SELECT * INTO l FROM lead WHERE account_id::text = account ORDER BY created_at, lead_id LIMIT 1;
    ELSE SELECT * INTO l FROM lead WHERE lead_id = d.lead_id; END IF;
    channel := l.channel; owner := CASE WHEN d.opportunity_id IS NULL THEN l.owner ELSE d.owner END; segment := (SELECT firm.segment FROM firm WHERE account_id = account);
END $$;
CREATE FUNCTION rate(currency text, day date) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT CASE currency WHEN 'USD' THEN (SELECT fx.rate FROM fx WHERE at <= day ORDER BY at DESC LIMIT 1) ELSE 1 END $$;
-- The payments that pass the filter, in groups (shown; missing is empty).
CREATE TABLE payment (g text[], account text, product text, at timestamptz, ends_at timestamptz, amount numeric);
CREATE FUNCTION passes(filter jsonb, value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(value ->> k, '(none)') IN (SELECT coalesce(e #>> '{}', '(none)') FROM jsonb_path_query(CASE WHEN v ? 'not' THEN v -> 'not' ELSE v END, '$[*]') AS e) <> v ? 'not'), true) FROM jsonb_each(filter) AS f (k, v) $$;
CREATE TABLE came (account text, value jsonb);
CREATE FUNCTION pay(basis text, by text[], filter jsonb, with_products boolean) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM payment;
    INSERT INTO payment
    SELECT (SELECT coalesce(array_agg(coalesce(v ->> d, '(none)') ORDER BY o), '{}') FROM unnest(by) WITH ORDINALITY AS b (d, o)), account, CASE WHEN with_products THEN product END, at, ends_at, amount * rate(currency, (at AT TIME ZONE zone())::date)
    FROM (SELECT account_id::text AS account, product, starts_at AS at, ends_at, amount, currency FROM contract WHERE basis = 'subscription' AND amount IS NOT NULL AND (ends_at IS NULL OR ends_at > starts_at)
          UNION ALL SELECT account_id::text, product, closed_at, NULL, coalesce(amount, 0), currency FROM deal WHERE basis = 'opportunity' AND won
          UNION ALL SELECT account_id::text, product, sale.at, NULL, coalesce(amount, 0), currency FROM sale WHERE basis = 'revenue') AS p
    JOIN came USING (account), LATERAL (SELECT came.value || jsonb_build_object('product', product, 'account', account)) AS u (v)
    WHERE at IS NOT NULL AND passes(filter, v);
END $$;

-- The closes of periods, from that of the first payment on: n counts them. For the whole range these are its beginning and its end.
CREATE TABLE closed (n int, period_start date, close timestamptz, window_start timestamptz);
CREATE FUNCTION step_of(period text) RETURNS interval IMMUTABLE LANGUAGE sql AS $$
    SELECT (CASE period WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' WHEN 'fiscal_quarter' THEN '3 months' ELSE '1 year' END)::interval $$;
CREATE FUNCTION begins(period text, at timestamptz, zone text) RETURNS date IMMUTABLE LANGUAGE sql AS $$ SELECT date_trunc(replace(period, 'fiscal_', ''), at AT TIME ZONE zone)::date $$;
-- So long before an instant, on the clocks; a midnight is the first instant of its day.
CREATE FUNCTION before(at timestamptz, within interval, zone text) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN t::time = '00:00' THEN day_begins(t::date, zone) ELSE t AT TIME ZONE zone END
    FROM (SELECT CASE WHEN at = day_begins((at AT TIME ZONE zone)::date, zone) THEN (at AT TIME ZONE zone)::date::timestamp ELSE at AT TIME ZONE zone END - within AS t) AS u $$;
CREATE FUNCTION lay(since timestamptz, until timestamptz, period text, within interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE cut timestamptz := least(until, now()); BEGIN
    DELETE FROM closed;
    IF period = 'all' THEN
        INSERT INTO closed VALUES (1, NULL, since, before(since, within, zone())), (2, (since AT TIME ZONE zone())::date, cut, before(cut, within, zone()));
    ELSE
        INSERT INTO closed SELECT n, d, c, before(c, within, zone()) FROM (
            SELECT (row_number() OVER (ORDER BY d))::int AS n, d::date AS d, least(day_begins((d + step_of(period))::date, zone()), cut) AS c
            FROM generate_series(begins(period, least(since, (SELECT min(at) FROM payment)), zone()) - step_of(period), begins(period, until - interval '1 us', zone())::timestamp, step_of(period)) AS d
            WHERE day_begins(d::date, zone()) < cut) AS t;
    END IF;
END $$;
-- A row a group and period of the range; every column.
CREATE FUNCTION expected(since timestamptz, until timestamptz, period text, basis text, with_products boolean)
RETURNS TABLE (period_start date, is_running boolean, g text[], customers_start bigint, customers_kept bigint, customers_new bigint, customers_reactivated bigint, customers_lost bigint, retention_rate float8, churn_rate float8,
    revenue_start numeric, revenue_new numeric, revenue_expansion numeric, revenue_upsell numeric, revenue_cross_sell numeric, revenue_reactivated numeric, revenue_contraction numeric, revenue_churned numeric, revenue_end numeric,
    gross_revenue_retention float8, net_revenue_retention float8, customers_upsold bigint, customers_cross_sold bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH held AS MATERIALIZED (SELECT n, p.g, account, product, sum(amount) AS value FROM closed JOIN payment AS p ON p.at < close AND CASE WHEN basis = 'subscription' THEN p.ends_at IS NULL OR p.ends_at >= close ELSE p.at >= window_start END GROUP BY 1, 2, 3, 4),
        active AS MATERIALIZED (SELECT n, g, account, sum(value) AS value FROM held GROUP BY 1, 2, 3 HAVING basis <> 'subscription' OR sum(value) <> 0),
        -- before the range of one row: at some instant
        once AS MATERIALIZED (SELECT n, g, account FROM active
            UNION ALL SELECT 0, g, account FROM payment WHERE period = 'all' AND basis <> 'subscription' AND at < since
            UNION ALL SELECT 0, g, account FROM (SELECT DISTINCT p.g, p.account, p.at FROM payment AS p WHERE period = 'all' AND basis = 'subscription' AND p.at < since) AS s
                WHERE (SELECT sum(amount) FROM payment AS p WHERE (p.g, p.account) = (s.g, s.account) AND p.at <= s.at AND (p.ends_at IS NULL OR p.ends_at > s.at)) <> 0),
        arrival AS MATERIALIZED (SELECT g, account, min(n) AS born FROM once GROUP BY 1, 2),
        pair AS MATERIALIZED (SELECT n, g, account, a.value AS now, b.value AS was, born FROM active AS a FULL JOIN (SELECT n + 1 AS n, g, account, value FROM active) AS b USING (n, g, account) JOIN arrival USING (g, account)),
        kept AS MATERIALIZED (SELECT n, g, account, product, coalesce(a.value, 0) - coalesce(b.value, 0) AS d, b.value IS NOT NULL AS was_held
            FROM (SELECT n, g, account, coalesce('p ' || product, '') AS product, value FROM held) AS a FULL JOIN (SELECT n + 1 AS n, g, account, coalesce('p ' || product, '') AS product, value FROM held) AS b USING (n, g, account, product)
            JOIN pair USING (n, g, account) WHERE now IS NOT NULL AND was IS NOT NULL),
        moves AS (SELECT n, g, count(was) AS start, count(*) FILTER (WHERE was IS NULL AND born = n) AS came, count(*) FILTER (WHERE was IS NULL AND born < n) AS back, count(*) FILTER (WHERE now IS NULL) AS lost,
                coalesce(sum(was), 0) AS r_start, coalesce(sum(now) FILTER (WHERE was IS NULL AND born = n), 0) AS r_new, coalesce(sum(now) FILTER (WHERE was IS NULL AND born < n), 0) AS r_back, -coalesce(sum(was) FILTER (WHERE now IS NULL), 0) AS r_lost, coalesce(sum(now), 0) AS r_end
            FROM pair GROUP BY 1, 2),
        products AS (SELECT n, g, coalesce(sum(d) FILTER (WHERE d > 0), 0) AS r_more, coalesce(sum(d) FILTER (WHERE d > 0 AND product <> '' AND was_held), 0) AS r_up, coalesce(sum(d) FILTER (WHERE d > 0 AND product <> '' AND NOT was_held), 0) AS r_cross, coalesce(sum(d) FILTER (WHERE d < 0), 0) AS r_less,
                count(DISTINCT account) FILTER (WHERE d > 0 AND product <> '' AND was_held) AS upsold, count(DISTINCT account) FILTER (WHERE d > 0 AND product <> '' AND NOT was_held) AS crossed
            FROM kept GROUP BY 1, 2),
        groups AS (SELECT DISTINCT p.g FROM payment AS p UNION SELECT '{}'::text[] WHERE NOT EXISTS (SELECT FROM payment AS p WHERE p.g <> '{}')),
        span AS (SELECT n, period_start, close < day_begins((period_start + step_of(period))::date, zone()) AS is_running FROM closed WHERE period <> 'all' AND period_start >= begins(period, since, zone())
            UNION ALL SELECT n, period_start, until > now() FROM closed WHERE period = 'all' AND n = 2
            -- what has not begun
            UNION ALL SELECT NULL, d::date, true FROM generate_series(begins(period, since, zone())::timestamp, begins(period, until - interval '1 us', zone())::timestamp, step_of(period)) AS d WHERE period <> 'all' AND day_begins(d::date, zone()) >= now()),
        cell AS (SELECT period_start, is_running, g, coalesce(start, 0) AS start, coalesce(came, 0) AS came, coalesce(back, 0) AS back, coalesce(lost, 0) AS lost, coalesce(r_start, 0) AS r_start, coalesce(r_new, 0) AS r_new, coalesce(r_back, 0) AS r_back, coalesce(r_lost, 0) AS r_lost, coalesce(r_end, 0) AS r_end,
                coalesce(r_more, 0) AS r_more, coalesce(r_up, 0) AS r_up, coalesce(r_cross, 0) AS r_cross, coalesce(r_less, 0) AS r_less, coalesce(upsold, 0) AS upsold, coalesce(crossed, 0) AS crossed
            FROM span CROSS JOIN groups LEFT JOIN moves USING (n, g) LEFT JOIN products USING (n, g))
    SELECT period_start, is_running, g, start, start - lost, came, back, lost, (start - lost) / nullif(start, 0)::float8, lost / nullif(start, 0)::float8, r_start, r_new, r_more, CASE WHEN with_products THEN r_up END, CASE WHEN with_products THEN r_cross END, r_back, r_less, r_lost, r_end,
        CASE WHEN r_start > 0 THEN ((r_start + r_less + r_lost) / r_start)::float8 END, CASE WHEN r_start > 0 THEN ((r_start + r_more + r_less + r_lost) / r_start)::float8 END, CASE WHEN with_products THEN upsold END, CASE WHEN with_products THEN crossed END
    FROM cell;
END $$;

-- The instant that lies as far in the period so long before, at most its end.
CREATE FUNCTION as_far(at timestamptz, period text, back interval) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN at = day_begins(day, zone()) THEN day_begins(least(there, ends), zone()) WHEN there >= ends THEN day_begins(ends, zone()) ELSE (there + (at AT TIME ZONE zone())::time) AT TIME ZONE zone() END
    FROM (SELECT (at AT TIME ZONE zone())::date AS day, (q + ((at AT TIME ZONE zone())::date - p))::date AS there, (q + step_of(period))::date AS ends FROM (SELECT begins(period, at, zone()) AS p, (begins(period, at, zone()) - back)::date AS q) AS t) AS u $$;

CREATE TABLE failure (i int, what text, call text, detail text);
CREATE TABLE tried (i int, basis text, period text, customers numeric, back numeric, crossed numeric);
-- The columns that differ between two rows as JSON; numbers to the sixth decimal.
CREATE FUNCTION differences(found jsonb, wanted jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%s: %s, expected %s', key, coalesce(f.value, 'null'), coalesce(w.value, 'null')), '; ' ORDER BY key) FROM jsonb_each_text(found) AS f JOIN jsonb_each_text(wanted) AS w USING (key)
    WHERE CASE WHEN key LIKE '%rate' OR key LIKE '%retention' THEN (f.value IS NULL) <> (w.value IS NULL) OR abs(f.value::float8 - w.value::float8) > 1e-9 WHEN key LIKE 'customers%' OR key LIKE 'revenue%' THEN round(f.value::numeric, 6) IS DISTINCT FROM round(w.value::numeric, 6) ELSE f.value IS DISTINCT FROM w.value END $$;
CREATE FUNCTION a_filter(with_products boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE f jsonb := '{}'; k text; v jsonb; BEGIN
    FOR j IN 1 .. CASE WHEN random() < 0.5 THEN 0 WHEN random() < 0.7 THEN 1 ELSE 2 END LOOP
        k := pick('{channel,owner,segment,account,product}'::text[]); CONTINUE WHEN k = 'product' AND NOT with_products;
        v := CASE k WHEN 'channel' THEN pick('{"\"a\"","[\"a\",null]","\"b\"","null"}'::text[]) WHEN 'owner' THEN pick('{"\"1\"","[\"0\",\"2\"]"}'::text[]) WHEN 'segment' THEN pick('{"\"S\"","[null,\"M\"]"}'::text[])
            WHEN 'account' THEN pick('{"[\"1\",\"2\",\"3\",\"4\"]","\"0\""}'::text[]) ELSE pick('{"\"p\"","[\"q\",\"r\"]","[\"p\",null]"}'::text[]) END;
        f := f || jsonb_build_object(k, CASE WHEN random() < 0.3 THEN jsonb_build_object('not', v) ELSE v END);
    END LOOP;
    RETURN f;
END $$;
CREATE FUNCTION try_calls(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE i int; basis text; period text; since timestamptz; until timestamptz; dims text; groups text[]; filter jsonb; options jsonb; with_products boolean; shows_products boolean; cohort boolean; within interval; call text; x record; m text;
    measures text[] := '{customers_start,customers_new,customers_reactivated,customers_lost,revenue_start,revenue_new,revenue_expansion,revenue_upsell,revenue_cross_sell,revenue_reactivated,revenue_contraction,revenue_churned,revenue_end,customers_upsold,customers_cross_sold}'; source text; entity text; statement text; against text; back interval;
BEGIN
    FOR i IN first .. last LOOP
        IF i % 4 = 1 THEN
            PERFORM set_config('test.zone', pick('{UTC,Europe/Paris,America/New_York,America/Havana,Asia/Kolkata,Australia/Lord_Howe}'::text[]), true);
            PERFORM set_config('TimeZone', zone(), true), fill();
            DELETE FROM came; INSERT INTO came SELECT account, to_jsonb(c) FROM (SELECT account_id::text AS account FROM contract UNION SELECT account_id::text FROM deal UNION SELECT account_id FROM sale) AS t, LATERAL came_by(account) AS c;
            within := pick('{12 months,12 months,3 months,45 days,36 hours,1 month 10 days}'::interval[]);
            PERFORM smarketing.configure('active_within', within::text);
            ANALYZE lead, deal, contract, sale, firm;
        END IF;
        basis := (ARRAY['subscription', 'opportunity', 'revenue'])[1 + i % 3]; with_products := random() < 0.75;
        entity := basis; source := CASE basis WHEN 'subscription' THEN 'contract' WHEN 'opportunity' THEN 'deal' ELSE 'sale' END;
        PERFORM smarketing.bind(entity, source::regclass, CASE WHEN with_products THEN '{}' ELSE '{"product": null}' END::jsonb), smarketing.configure('customer_basis', basis);
        cohort := random() < 0.2; shows_products := with_products AND NOT cohort;
        period := pick('{day,week,month,month,month,quarter,year,all,all,fiscal_quarter,fiscal_year}'::text[]);
        since := date_trunc('hour', now() + (random() * 850 - 820) * interval '1 day') + interval '7 minutes'; until := since + CASE period WHEN 'day' THEN 15 WHEN 'week' THEN 60 ELSE 300 END * (0.01 + random()) * interval '1 day';
        until := date_trunc('hour', until) + interval '11 minutes';
        IF random() < 0.5 THEN since := day_begins((since AT TIME ZONE zone())::date, zone()); END IF;
        IF random() < 0.5 THEN until := day_begins((until AT TIME ZONE zone())::date + 1, zone()); END IF;
        IF random() < 0.2 THEN since := day_begins(begins('month', since, zone()), zone()); END IF;
        IF since >= now() AND period = 'all' THEN since := since - interval '90 days'; until := until - interval '90 days'; END IF;
        dims := pick('{none,none,channel,owner,segment,account,product,"channel,product","segment,owner,account"}'::text[]);
        groups := CASE WHEN dims = 'none' OR dims ~ 'product' AND NOT with_products THEN '{}' ELSE string_to_array(dims, ',') END;
        filter := a_filter(with_products);
        options := CASE WHEN cohort THEN '{"basis": "cohort"}' WHEN random() < 0.5 THEN '{}' ELSE '{"basis": "flow"}' END; IF random() < 0.5 THEN options := options || jsonb_build_object('time_zone', zone()); END IF;
        PERFORM smarketing.configure('time_zone', CASE WHEN options ? 'time_zone' THEN 'Asia/Tokyo' ELSE zone() END);
        call := format('%s: %s (products %s), %s within %s, %L, %L, %L, %L, %L, %L', i, basis, with_products, zone(), within, since, until, period, groups, filter, options);
        PERFORM pay(basis, groups, filter, shows_products), lay(since, until, period, within);
        DELETE FROM wanted; INSERT INTO wanted SELECT e.period_start, e.g, to_jsonb(e) - 'g' - 'is_running' || CASE WHEN e.is_running THEN '{"is_partial": true}' WHEN period = 'all' OR day_begins(e.period_start, zone()) >= since THEN '{"is_partial": false}' ELSE '{}' END::jsonb FROM expected(since, until, period, basis, shows_products) AS e;
        DELETE FROM given; INSERT INTO given SELECT f.period_start, array_remove(ARRAY[by_1, by_2, by_3], NULL), to_jsonb(f), row_number() OVER () FROM smarketing.customer_retention(since, until, period, groups, filter, options) AS f;
        INSERT INTO failure SELECT i, 'figures', call, format('%s %s: %s', period_start, g, differences(given.r, wanted.r)) FROM given JOIN wanted USING (period_start, g) WHERE differences(given.r, wanted.r) IS NOT NULL;
        INSERT INTO failure SELECT i, 'rows', call, format('%s %s: %s', period_start, g, coalesce('not expected: ' || given.r::text, 'missing: ' || wanted.r::text))
        FROM given FULL JOIN wanted USING (period_start, g) WHERE given.r IS NULL AND (groups = '{}' OR wanted.r @? '$.* ? (@.type() == "number" && @ <> 0)') OR wanted.r IS NULL;
        INSERT INTO failure SELECT i, 'order', call, NULL WHERE (SELECT array_agg(n ORDER BY period_start, g COLLATE "C") <> array_agg(n ORDER BY n) FROM given);
        -- before rounding it adds up; amounts are multiples of a thousandth
        INSERT INTO failure SELECT i, 'identity', call, r::text FROM given, jsonb_to_record(r) AS f (revenue_start numeric, revenue_new numeric, revenue_expansion numeric, revenue_reactivated numeric, revenue_contraction numeric, revenue_churned numeric, revenue_end numeric)
            WHERE f.revenue_start + f.revenue_new + f.revenue_expansion + f.revenue_reactivated + f.revenue_contraction + f.revenue_churned <> f.revenue_end;
        -- one of the metrics by itself
        m := pick(measures || '{customers_kept,retention_rate,churn_rate,gross_revenue_retention,net_revenue_retention}'); IF NOT shows_products THEN m := regexp_replace(m, '(up|cross_)sell|(up|cross_)sold', CASE WHEN m ~ 'sold' THEN 'new' ELSE 'end' END); END IF;
        INSERT INTO failure SELECT i, 'kpi', call, format('%s: %s of %s', m, k, given.r) FROM (SELECT k.*, array_remove(ARRAY[by_1, by_2, by_3], NULL) AS g FROM smarketing.kpi('customer_retention.' || m, since, until, period, groups, filter, options) AS k) AS k FULL JOIN given USING (period_start, g)
            WHERE k.value IS DISTINCT FROM CASE WHEN m ~ 'rate$|retention' THEN (given.r ->> m)::float8::numeric ELSE (given.r ->> m)::numeric END OR k.is_partial IS DISTINCT FROM (given.r ->> 'is_partial')::boolean
                OR m LIKE '%_rate' AND (k.denominator <> (given.r ->> 'customers_start')::numeric OR k.numerator <> (given.r ->> CASE m WHEN 'churn_rate' THEN 'customers_lost' ELSE 'customers_kept' END)::numeric);
        -- the statement that is shown
        IF i % 4 = 0 THEN
            statement := smarketing.kpi_sql('customer_retention', since, until, period, groups, filter, options);
            EXECUTE 'INSERT INTO shown SELECT to_jsonb(s) FROM (' || rtrim(statement, E';\n ') || E'\n) AS s';
            INSERT INTO failure SELECT i, 'kpi_sql', call, coalesce('the function: ' || g.r::text, 'the statement: ' || s.r::text) FROM (SELECT r - '{by_1,by_2,by_3}'::text[] AS r FROM given) AS g FULL JOIN (SELECT r - groups AS r FROM shown) AS s USING (r) WHERE g.r IS NULL OR s.r IS NULL;
            DELETE FROM shown;
        END IF;
        -- what it was a period, or a year, before
        against := pick('{previous,year}'::text[]);
        IF period <> 'all' AND since < now() AND NOT (period = 'day' AND against = 'year') THEN
            back := CASE WHEN against = 'previous' THEN step_of(period) WHEN period = 'week' THEN '364 days' ELSE '1 year' END;
            PERFORM lay(then_since, then_until, period, within) FROM (SELECT day_begins((begins(period, since, zone()) - back)::date, zone()) AS then_since, as_far(least(until, now()), period, back) AS then_until) AS t;
            INSERT INTO failure SELECT i, 'kpi_compare', call, format('%s, %s: %s expected %s', m, against, c, e.r ->> m)
            FROM (SELECT (e.period_start + back)::date AS period_start, e.g, to_jsonb(e) AS r FROM expected(day_begins((begins(period, since, zone()) - back)::date, zone()), as_far(least(until, now()), period, back), period, basis, shows_products) AS e) AS e
            FULL JOIN (SELECT k.*, array_remove(ARRAY[by_1, by_2, by_3], NULL) AS g FROM smarketing.kpi_compare('customer_retention.' || m, since, until, period, groups, filter, options || jsonb_build_object('against', against)) AS k) AS c USING (period_start, g)
            WHERE abs(coalesce(c.other, 0) - coalesce((e.r ->> m)::numeric, 0)) > 1e-6 OR c.period_start IS NOT NULL AND abs(coalesce(c.value, 0) - coalesce((SELECT (given.r ->> m)::numeric FROM given WHERE (given.period_start, given.g) = (c.period_start, c.g)), 0)) > 1e-6;
        END IF;
        -- the records behind a measure, and all of them in one row
        PERFORM pay(basis, '{}', filter, shows_products), lay(since, until, 'all', within);
        IF since < now() THEN
            m := pick(measures);
            IF shows_products OR m !~ 'sell|sold' THEN
                SELECT count(*) AS n, coalesce(sum(amount), 0) AS amount, sum(weight) AS weight, count(DISTINCT record_id) AS ids INTO x FROM smarketing.kpi_rows('customer_retention.' || m, since, until, filter, options, NULL);
                INSERT INTO failure SELECT i, 'kpi_rows', call, format('%s: %s, expected %s', m, x, to_jsonb(e) ->> m) FROM expected(since, until, 'all', basis, shows_products) AS e
                    WHERE CASE WHEN m LIKE 'customers%' THEN x.n ELSE round(x.amount, 6) END IS DISTINCT FROM round((to_jsonb(e) ->> m)::numeric, 6) OR m LIKE 'customers%' AND x.ids <> x.n;
            END IF;
        END IF;
        INSERT INTO tried SELECT i, basis, period, sum((r ->> 'customers_start')::numeric), sum((r ->> 'customers_reactivated')::numeric), sum((r ->> 'customers_cross_sold')::numeric) FROM given;
    END LOOP;
END $$;
CREATE TABLE wanted (period_start date, g text[], r jsonb);
CREATE TABLE given (period_start date, g text[], r jsonb, n bigint);
CREATE TABLE shown (r jsonb);
SELECT smarketing.bind('lead', 'lead'), smarketing.bind('opportunity', 'deal'), smarketing.bind('subscription', 'contract'), smarketing.bind('revenue', 'sale'), smarketing.bind('account', 'firm'), smarketing.bind('exchange_rate', 'fx'), smarketing.configure('currency', 'EUR') \gset
SET client_min_messages = error;
SELECT try_calls(1, 320) \gset
SET client_min_messages = warning;
CREATE FUNCTION failed(kind text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(call || E'\n    ' || detail, E'\n' ORDER BY i) || format(E'\n(%s calls)', (SELECT count(DISTINCT i) FROM failure WHERE what = kind)) FROM (SELECT DISTINCT ON (i) * FROM failure WHERE what = kind ORDER BY i, detail LIMIT 3) AS f $$;
SELECT is(failed(kind), NULL, '320 calls over 80 CRMs: ' || kind) FROM unnest('{figures,rows,order,identity,kpi,kpi_sql,kpi_compare,kpi_rows}'::text[]) AS kind;
SELECT cmp_ok((SELECT sum(customers) FROM tried WHERE tried.basis = b), '>', 200::numeric, b || ': over many customers') FROM unnest('{subscription,opportunity,revenue}'::text[]) AS b;
SELECT cmp_ok((SELECT sum(back) FROM tried), '>', 10::numeric, 'some of them won back');
SELECT cmp_ok((SELECT sum(crossed) FROM tried), '>', 5::numeric, 'some of them cross-sold');

-- By hand.
CREATE SCHEMA own; SET search_path = own, public;
CREATE TABLE sub (account_id int, starts_at timestamptz, ends_at timestamptz, amount numeric, product text, currency text);
CREATE TABLE rev (account_id int, at timestamptz, amount numeric, product text);
CREATE TABLE opp (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, account_id int, amount numeric, product text, channel text);
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id int, channel text);
CREATE TABLE firm (account_id int, segment text, plan text);
SELECT bool_and(smarketing.unbind(e) IS NULL) AS done FROM unnest('{lead,opportunity,subscription,revenue,account,exchange_rate}'::text[]) AS e \gset
SELECT bool_and(smarketing.configure(name, NULL) IS NULL) AS done FROM unnest('{active_within,customer_basis,currency}'::text[]) AS name \gset
SELECT smarketing.configure('time_zone', 'UTC') \gset
SET TimeZone = 'UTC';
CREATE FUNCTION hint_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE h text; BEGIN EXECUTE query; RETURN 'no error'; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT; RETURN h; END $$;

-- Nothing bound, or not enough.
SELECT throws_ok('SELECT * FROM smarketing.customer_retention()', '55000', 'customer_retention needs what customers pay, and nothing that is bound tells it', 'nothing is bound');
SELECT matches(hint_of('SELECT * FROM smarketing.kpi(''retention_rate'')'), '"subscription".*"opportunity".*"revenue".*"account_id".*customer_basis', 'the hint says what to bind');
SELECT is(hint_of(format('SELECT * FROM smarketing.kpi_rows(%L)', m)), 'SELECT * FROM smarketing.bindings shows what is bound; entity "subscription", "opportunity" or "revenue" is what it counts.', 'so does that of rows: ' || m) FROM unnest('{customers_start,new_customers}'::text[]) AS m;
SELECT smarketing.bind('opportunity', 'opp', '{"account_id": null}') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention()', '55000', NULL, 'won opportunities without account_id');
SELECT smarketing.bind('opportunity', 'opp', '{"won": null}') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention()', '55000', NULL, 'opportunities without won');
SELECT smarketing.bind('opportunity', 'opp', '{"closed_at": null}') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(period => ''all'')', '55000', NULL, 'won opportunities without closed_at');
SELECT smarketing.unbind('opportunity'), smarketing.bind('revenue', 'rev'), smarketing.configure('customer_basis', 'subscription') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention()', '55000', NULL, 'a basis that is not bound, beside one that is');
SELECT smarketing.configure('customer_basis', NULL) \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(options => ''{"within": "3 months"}'')', '22023', 'option "within" of customer_retention does not exist');
SELECT is(hint_of('SELECT * FROM smarketing.customer_retention(options => ''{"within": 1}'')'), 'Options: basis, time_zone.', 'lists the known ones');
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(options => ''{"basis": "closed"}'')', '22023', 'invalid value for option "basis": "closed"');
-- Empty tables.
SELECT results_eq('SELECT count(*), sum(customers_start), sum(customers_new), sum(revenue_end), sum(revenue_upsell), count(retention_rate), count(net_revenue_retention), count(*) FILTER (WHERE is_partial) FROM smarketing.customer_retention()', 'VALUES (13::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::bigint, 0::bigint, 1::bigint)', 'empty tables: the last twelve months and the running one');
SELECT results_eq('SELECT customers_start, customers_lost, revenue_start, churn_rate, gross_revenue_retention FROM smarketing.customer_retention(period => ''all'')', 'VALUES (0::bigint, 0::bigint, 0::numeric, NULL::float8, NULL::float8)', 'in one row');
SELECT is_empty('SELECT * FROM smarketing.customer_retention(by => ''{product}'')', 'by a dimension none');
SELECT is_empty('SELECT * FROM smarketing.kpi_rows(''customers_new'')', 'no record');

-- Settings.
SELECT is((SELECT (value, default_value)::text FROM smarketing.settings WHERE name = 'active_within'), '("12 months","12 months")', 'active_within');
SELECT throws_ok(format('SELECT smarketing.configure(''active_within'', %L)', v), '22023', format('invalid value for setting "active_within": "%s"', v), format('active_within %s is refused', v)) FROM unnest('{0,6,23:59:59,-1 month,0 days,1 month -30 days,2000 years,soon,"",1 an}'::text[]) AS v;
SELECT throws_matching(format('SELECT smarketing.configure(''active_within'', %L)', v), 'interval|invalid value', format('active_within "%s" is refused', v)) FROM unnest('{infinity}'::text[]) AS v;
SELECT lives_ok(format('SELECT smarketing.configure(''active_within'', %L)', v), format('active_within %s', v)) FROM unnest('{1000 years,1 day,PT24H,1 year 2 mons 3 days 04:05:06}'::text[]) AS v;
SELECT smarketing.configure('active_within', '1000 years') \gset
SELECT lives_ok(format('SELECT * FROM smarketing.customer_retention(''1900-01-01'', ''2025-01-01'', %L)', p), 'a thousand years: ' || p) FROM unnest('{year,all}'::text[]) AS p;
SELECT smarketing.configure('active_within', NULL) \gset
INSERT INTO rev VALUES (1, '2025-01-31', 10, NULL), (1, '2025-03-01', 5, NULL), (2, '2025-01-10', 7, 'p'), (2, '2025-02-01', 9, 'q');
SELECT results_eq('SELECT period_start, customers_start, customers_new, customers_lost, customers_reactivated, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2026-04-01'') WHERE period_start <= ''2025-03-01'' OR customers_lost > 0 OR revenue_contraction < 0',
    $$VALUES (date '2025-01-01', 0::bigint, 2::bigint, 0::bigint, 0::bigint, 0::numeric, 17::numeric), ('2025-02-01', 2, 0, 0, 0, 17, 26), ('2025-03-01', 2, 0, 0, 0, 26, 31), ('2026-01-01', 2, 0, 0, 0, 31, 14), ('2026-02-01', 2, 0, 1, 0, 14, 5), ('2026-03-01', 1, 0, 1, 0, 5, 0)$$, 'active within twelve months of the close');
SELECT smarketing.configure('active_within', '1 month') \gset
SELECT results_eq('SELECT period_start, customers_new, customers_lost, customers_reactivated, revenue_upsell, revenue_cross_sell, revenue_expansion, revenue_contraction, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2025-05-01'')',
    $$VALUES (date '2025-01-01', 2::bigint, 0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 17::numeric), ('2025-02-01', 0, 1, 0, 0, 9, 9, -7, 9), ('2025-03-01', 0, 1, 1, 0, 0, 0, 0, 5), ('2025-04-01', 0, 1, 0, 0, 0, 0, 0, 0)$$, 'or of one, with one product for another');
SELECT results_eq('SELECT customers_start, customers_kept, customers_new, customers_lost, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-02-20'', ''2025-03-10'', ''all'')', 'VALUES (2::bigint, 1::bigint, 0::bigint, 1::bigint, 19::numeric, 5::numeric)', 'in one row: from the one time to the other');
SELECT results_eq('SELECT customers_start, customers_reactivated, customers_new FROM smarketing.customer_retention(''2025-03-01'', ''2025-03-02'', ''all'', filter => ''{"account": "1"}'')', 'VALUES (0::bigint, 1::bigint, 0::bigint)', 'who paid before is won back');
-- since does not clip, until does.
SELECT results_eq('SELECT period_start, customers_start, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-02-20'', ''2025-03-01 12:00'')', $$VALUES (date '2025-02-01', 2::bigint, 17::numeric, 9::numeric), ('2025-03-01', 1, 9, 5)$$, 'the first period is whole, the last one closes with the range');
SELECT is((SELECT is_partial FROM smarketing.customer_retention('2025-02-20', '2025-03-01 12:00') WHERE period_start = '2025-03-01'), true, 'which makes it partial');
SELECT smarketing.configure('active_within', NULL) \gset
-- Products: where none is bound NULL; where netted per customer as well.
SELECT results_eq('SELECT revenue_expansion, revenue_upsell, revenue_cross_sell, revenue_contraction, customers_upsold, customers_cross_sold FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'')', 'VALUES (9::numeric, 0::numeric, 9::numeric, 0::numeric, 0::bigint, 1::bigint)', 'cross-sell');
SELECT results_eq('SELECT revenue_expansion, revenue_upsell, revenue_cross_sell, customers_upsold, customers_cross_sold FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'', options => ''{"basis": "cohort"}'')', 'VALUES (9::numeric, NULL::numeric, NULL::numeric, NULL::bigint, NULL::bigint)', 'netted per customer there is none');
SELECT smarketing.bind('revenue', 'rev', '{"product": null}'), smarketing.bind('opportunity', 'opp') \gset
INSERT INTO opp VALUES (1, '2025-01-01', '2025-01-02', true, 1, 99, 'sold', 'web');
SELECT smarketing.configure('customer_basis', 'revenue') \gset
SELECT results_eq('SELECT revenue_expansion, revenue_upsell, revenue_cross_sell, customers_upsold, customers_cross_sold FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'')', 'VALUES (9::numeric, NULL::numeric, NULL::numeric, NULL::bigint, NULL::bigint)', 'without products there is none');
SELECT is((SELECT value FROM smarketing.kpi('revenue_upsell', '2025-02-01', '2025-03-01')), NULL, 'nor as a metric');
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(by => ''{product}'')', '22023', 'measure "customers_start" of customer_retention has no dimension "product"', 'the product of the first won opportunity is none of a payment');
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(filter => ''{"product": "sold"}'')', '22023', NULL, 'nor for a filter');
SELECT throws_ok('SELECT * FROM smarketing.kpi_rows(''customers_upsold'')', '55000', NULL, 'nor for its rows');
-- Hints name what can be bound.
SELECT is(hint_of('SELECT * FROM smarketing.kpi_rows(''customers_upsold'')'), 'SELECT * FROM smarketing.bindings shows what is bound; entity "revenue" is what it counts.', 'rows count the basis');
SELECT is(hint_of(call), 'Bind column "product" of entity "revenue".', call) FROM unnest(ARRAY['SELECT * FROM smarketing.customer_retention(by => ''{product}'')', 'SELECT * FROM smarketing.retention_cohorts(filter => ''{"product": "sold"}'')']) AS call;
SELECT smarketing.define_dimension('region', '{"opportunity": "channel"}'), smarketing.bind('opportunity', 'opp', '{"account_id": null}') \gset
SELECT is(hint_of(format('SELECT * FROM smarketing.%s(filter => %L)', f, jsonb_build_object(dim, 'x'))), 'Customers have what their first won opportunity, else their first lead, else their account has: ' || what || '. Opportunities and leads are found by their "account_id".', f || ' by ' || dim)
FROM (VALUES ('channel', 'bind column "channel" of entity "opportunity" or "lead"'), ('segment', 'bind column "segment" of entity "opportunity", "lead" or "account"'), ('team', 'bind column "owner" of entity "opportunity", "lead" or "account", and column "team" of entity "owner"'), ('region', 'define dimension "region" for entity "opportunity", "lead" or "account"')) AS t (dim, what),
    unnest('{customer_retention,retention_cohorts,customer_acquisition_cost}'::text[]) AS f;
SELECT smarketing.define_dimension('region', NULL), smarketing.bind('opportunity', 'opp') \gset
INSERT INTO rev VALUES (1, '2025-01-05', 'NaN', 'p');
SELECT throws_ok(format('SELECT * FROM smarketing.kpi(%L, ''2025-01-01'', ''2025-02-01'')', m), '22003', 'column "amount" of entity "revenue" has NaN or infinite values', 'NaN is in revenue: ' || m) FROM unnest('{revenue_per_customer,revenue_end}'::text[]) AS m;
DELETE FROM rev WHERE amount = 'NaN';
SELECT results_eq('SELECT by_1, customers_new FROM smarketing.customer_retention(''2025-01-01'', ''2025-02-01'', by => ''{channel}'')', $$VALUES ('(none)', 1::bigint), ('web', 1)$$, 'but its channel is the customer''s');
SELECT smarketing.bind('revenue', 'rev') \gset
SELECT smarketing.map_value('product', 'p', 'P'), smarketing.map_value('product', 'q', 'P') \gset
SELECT results_eq('SELECT revenue_upsell, revenue_cross_sell FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'')', 'VALUES (9::numeric, 0::numeric)', 'products of one name are one');
SELECT smarketing.map_value('product', 'p', NULL), smarketing.map_value('product', 'q', NULL), smarketing.configure('customer_basis', NULL) \gset
-- All three are bound: the first one counts. Netted: one subscription follows on another, under another name.
SELECT is((SELECT revenue_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01')), 99::numeric, 'the won opportunity counts before revenue');
SELECT smarketing.bind('subscription', 'sub', '{"currency": null}') \gset
INSERT INTO sub VALUES (1, '2025-01-10', '2025-02-05', 10, 'p'), (1, '2025-02-05', NULL, 25, 'q'), (1, '2025-01-10', '2025-02-10', 5, 'r'), (2, '2025-01-10', '2025-02-05', 10, 'p'), (2, '2025-02-05', NULL, 30, 'p'), (NULL, '2025-01-10', NULL, 1000, 'p'), (3, '2025-01-10', '2025-01-20', 8, 'p');
SELECT results_eq('SELECT revenue_start, revenue_expansion, revenue_contraction, revenue_end, gross_revenue_retention, net_revenue_retention FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'')', 'VALUES (25::numeric, 45::numeric, -15::numeric, 55::numeric, 0.4::float8, 2.2::float8)', 'by product');
SELECT results_eq('SELECT revenue_start, revenue_expansion, revenue_contraction, revenue_end, gross_revenue_retention, net_revenue_retention FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'', options => ''{"basis": "cohort"}'')', 'VALUES (25::numeric, 30::numeric, 0::numeric, 55::numeric, 1::float8, 2.2::float8)', 'by customer');
SELECT results_eq('SELECT by_1, customers_start, customers_new, customers_lost, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-02-01'', ''2025-03-01'', by => ''{product}'')', $$VALUES ('p', 2::bigint, 0::bigint, 1::bigint, 20::numeric, 30::numeric), ('q', 0, 1, 0, 0, 25), ('r', 1, 0, 1, 5, 0)$$, 'a product lost is a customer of it lost');
-- What is the same in all cells together.
SELECT smarketing.bind('account', 'firm'), smarketing.define_dimension('plan', '{"account": "plan"}') \gset
INSERT INTO firm VALUES (1, 'S', 'x'), (2, 'M', 'x');
INSERT INTO sub SELECT 1 + i % 40, timestamptz '2025-01-01' + i * interval '3 days', CASE WHEN i % 3 > 0 THEN timestamptz '2025-01-01' + i * interval '5 days' END, i % 7 * 3, substr('pqr', 1 + i % 3, 1) FROM generate_series(1, 150) AS i;
CREATE FUNCTION sums(period text, VARIADIC dims text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT (period_start, sum(customers_start), sum(customers_kept), sum(customers_new), sum(customers_reactivated), sum(customers_lost), sum(revenue_start), sum(revenue_new), sum(revenue_expansion), sum(revenue_upsell), sum(revenue_cross_sell), sum(revenue_reactivated), sum(revenue_contraction), sum(revenue_churned), sum(revenue_end), sum(customers_upsold), sum(customers_cross_sold))::text FROM smarketing.customer_retention('2025-01-01', '2026-03-10', period, dims) GROUP BY period_start $$;
SELECT set_eq(format('SELECT sums(%L, VARIADIC %L)', p, d), format('SELECT sums(%L, VARIADIC ''{}'')', p), format('%s: %s add up', p, d)) FROM unnest('{month,all}'::text[]) AS p, unnest('{"{account}","{segment}","{plan,segment}"}'::text[]) AS d;
SELECT results_eq($$SELECT period_start, sum(revenue_start), sum(revenue_end) FROM smarketing.customer_retention('2025-01-01', '2026-03-10', by => '{product,plan}') GROUP BY 1 ORDER BY 1$$, $$SELECT period_start, revenue_start, revenue_end FROM smarketing.customer_retention('2025-01-01', '2026-03-10')$$, 'by product the revenue does');
SELECT results_eq($$SELECT customers_start, revenue_start FROM smarketing.customer_retention('2025-02-01', '2026-03-01')$$, $$SELECT customers_start - customers_lost + customers_new + customers_reactivated, revenue_end FROM smarketing.customer_retention('2025-01-01', '2026-02-01')$$, 'what closes a month opens the next');
SELECT is_empty($$SELECT w.* FROM smarketing.customer_retention('2025-02-01', '2026-03-01') AS w JOIN generate_series(timestamptz '2025-02-01', '2026-02-01', '1 month') AS m ON m::date = w.period_start, smarketing.customer_retention(m, m + interval '1 month') AS n WHERE w IS DISTINCT FROM n$$, 'a month alone and in a year are one');
SELECT is_empty($$SELECT w.* FROM smarketing.customer_retention('2025-02-01', '2026-03-01') AS w JOIN generate_series(timestamptz '2025-02-01', '2026-02-01', '1 month') AS m ON m::date = w.period_start, smarketing.customer_retention(m, m + interval '1 month', 'all') AS n WHERE (w.customers_start, w.customers_lost, w.revenue_upsell, w.revenue_churned, w.revenue_end, w.net_revenue_retention) IS DISTINCT FROM (n.customers_start, n.customers_lost, n.revenue_upsell, n.revenue_churned, n.revenue_end, n.net_revenue_retention)$$, 'and by itself in one row');
-- kpi_rows: cut, and of what there is none.
SELECT is((SELECT count(*) FROM smarketing.kpi_rows('customers_start', '2026-01-01', '2026-02-01', max_rows => 3)), 3::bigint, 'kpi_rows cuts');
SELECT is((SELECT array_agg(DISTINCT entity) || array_agg(DISTINCT weight::text) FROM smarketing.kpi_rows('customer_retention.revenue_end', '2026-01-01', '2026-02-01')), '{customer,1}', 'customers, each whole');
SELECT is((SELECT array_agg(DISTINCT label) = array_agg(DISTINCT record_id) FROM smarketing.kpi_rows('customer_retention.revenue_end', '2026-01-01', '2026-02-01')), true, 'labelled by their accounts'' keys');
SELECT smarketing.bind('account', 'firm', '{"label": "nullif(''Firm '' || account_id, ''Firm 2'')"}') \gset
INSERT INTO firm VALUES (1, 'S', 'x');
SELECT results_eq('SELECT record_id, label FROM smarketing.kpi_rows(''customer_retention.revenue_end'', ''2025-01-01'', ''2025-02-01'', ''{"account": ["1", "2", "3"]}'') ORDER BY 1', $$VALUES ('1', 'Firm 1'), ('2', '2')$$, 'or by their names, where accounts have any');
DELETE FROM firm WHERE ctid = (SELECT max(ctid) FROM firm);
SELECT smarketing.bind('account', 'firm') \gset
SELECT throws_ok('SELECT * FROM smarketing.kpi_rows(''retention_rate'')', '22023', NULL, 'a rate has no rows');
SELECT ok((SELECT count(*) > 10 FROM smarketing.kpi_explain('customer_retention', '2025-01-01', '2026-01-01', 'month', '{segment}')), 'kpi_explain');
-- What it was before: of a range that begins in the last days of a month, to a month that has fewer.
SELECT results_eq($$SELECT c.period_start, c.other FROM smarketing.kpi_compare('customers_new', '2025-03-30', '2025-05-01', options => '{"against": "previous"}') AS c$$, $$SELECT (period_start + interval '1 month')::date, customers_new::numeric FROM smarketing.customer_retention('2025-02-01', '2025-04-01')$$, 'a range from 30 March has February before it');
SELECT results_eq($$SELECT value, other, change FROM smarketing.kpi_compare('retention_rate', '2025-07-01', '2025-10-01', 'all', options => '{"against": "previous"}')$$, $$SELECT n, p, n - p FROM (SELECT (SELECT value FROM smarketing.kpi('retention_rate', '2025-07-01', '2025-10-01', 'all')) AS n, (SELECT value FROM smarketing.kpi('retention_rate', '2025-03-31', '2025-07-01', 'all')) AS p) AS t$$, 'as many days before');
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('customer_retention.retention_rate', '2025-07-01', 'month', 0.9);
SELECT results_eq($$SELECT other FROM smarketing.kpi_compare('retention_rate', '2025-07-01', '2025-09-01', options => '{"against": "goal"}')$$, 'VALUES (0.9::numeric), (NULL)', 'a goal of the rate');
-- The running period.
SELECT results_eq('SELECT is_partial FROM smarketing.customer_retention(date_trunc(''month'', now()) - interval ''1 month'', now() + interval ''2 months'') ORDER BY period_start', $$SELECT d >= date_trunc('month', now()) FROM generate_series(date_trunc('month', now()) - interval '1 month', now() + interval '2 months' - interval '1 us', '1 month') AS d$$, 'what runs, or is to come, is partial');
TRUNCATE sub; INSERT INTO sub VALUES (1, now() - interval '90 days', now() + interval '1 second', 10, 'p'), (2, now() - interval '90 days', now() - interval '1 second', 10, 'p'), (3, now() + interval '1 second', NULL, 10, 'p');
SELECT results_eq('SELECT customers_start, customers_lost, customers_new FROM smarketing.customer_retention(now() - interval ''1 minute'', now() + interval ''1 day'', ''all'')', 'VALUES (2::bigint, 1::bigint, 0::bigint)', 'the range of one row closes now');
SELECT is((SELECT sum(customers_lost + customers_new) FROM smarketing.customer_retention(now() - interval '1 minute', now() + interval '1 year')), 1::numeric, 'and so does the running month') WHERE date_trunc('month', now()) < now() - interval '2 seconds';

-- Currencies: each payment at the rate of its day.
TRUNCATE sub; INSERT INTO sub VALUES (1, '2025-01-10', NULL, 10, 'p', 'USD'), (2, '2025-01-10', '2025-02-15', 20, 'p', 'EUR'), (3, '2025-01-20', NULL, 10, 'p', ' usd '), (4, '2025-01-20', NULL, 1, 'p', NULL);
SELECT smarketing.bind('subscription', 'sub') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', '55000', 'amounts are in several currencies: EUR, USD', 'several currencies and no setting');
SELECT is((SELECT revenue_end FROM smarketing.customer_retention('2025-01-01', '2025-02-01', filter => '{"account": ["1", "3", "4"]}')), 21::numeric, 'one currency needs none');
SELECT smarketing.configure('currency', 'EUR') \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', '55000', 'exchange rates to EUR are missing: USD from 2025-01-10', 'a missing rate');
INSERT INTO smarketing.exchange_rate_entry (currency, at, rate) VALUES ('USD', '2025-01-15', 0.5);
SELECT throws_ok('SELECT * FROM smarketing.kpi_rows(''customer_retention.revenue_end'', ''2025-01-01'', ''2025-04-01'')', '55000', 'exchange rates to EUR are missing: USD from 2025-01-10', 'a rate that begins later');
INSERT INTO smarketing.exchange_rate_entry (currency, at, rate) VALUES ('USD', '2025-01-01', 0.25), ('USD', '2025-02-10', 99);
SELECT results_eq('SELECT revenue_start, revenue_new, revenue_expansion, revenue_contraction, revenue_churned, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', 'VALUES (0::numeric, 28.5::numeric, 0::numeric, 0::numeric, 0::numeric, 28.5::numeric), (28.5, 0, 0, 0, -20, 8.5), (8.5, 0, 0, 0, 0, 8.5)', 'a change of rates is no movement');
SELECT results_eq('SELECT revenue_start, revenue_churned, revenue_end FROM smarketing.customer_retention(''2025-02-01'', ''2025-04-01'', ''all'', ''{account}'') WHERE by_1 IN (''1'', ''2'')', 'VALUES (2.5::numeric, 0::numeric, 2.5::numeric), (20, -20, 0)', 'in one row, by account');
SELECT is((SELECT sum(amount) FROM smarketing.kpi_rows('customer_retention.revenue_end', '2025-01-01', '2025-02-01')), 28.5::numeric, 'and in its rows');
SELECT smarketing.configure('currency', NULL), smarketing.unbind('subscription') \gset

-- A dimension's value that is called (none) is what is missing.
TRUNCATE rev; INSERT INTO rev SELECT i, '2025-01-05', 10, CASE i WHEN 1 THEN '(none)' END FROM generate_series(1, 3) AS i;
INSERT INTO lead VALUES (1, '2024-01-01', 1, '(none)'), (2, '2024-01-01', 2, NULL), (3, '2024-01-01', 3, 'a');
SELECT smarketing.unbind('opportunity'), smarketing.bind('lead', 'lead') \gset
SELECT results_eq($$SELECT by_1, customers_new, revenue_end FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{channel}')$$, $$VALUES ('(none)', 2::bigint, 20::numeric), ('a', 1, 10)$$, 'by channel');
SELECT results_eq($$SELECT by_1, customers_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{product}')$$, $$VALUES ('(none)', 3::bigint)$$, 'by product');
SELECT is((SELECT customers_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01', filter => f::jsonb)), 2::bigint, 'filtered by ' || f) FROM unnest(ARRAY['{"channel": "(none)"}', '{"channel": null}', '{"channel": {"not": "a"}}']) AS f;

-- Who paid nothing, or less, is a customer by dimensions too.
TRUNCATE rev; INSERT INTO rev VALUES (1, '2025-01-05', -10, 'p'), (2, '2025-01-05', 0, 'p'), (3, '2025-01-05', 10, 'p');
SELECT results_eq($$SELECT sum(customers_new), sum(revenue_end) FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{channel}')$$, 'SELECT customers_new::numeric, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2025-02-01'')', 'credit notes alone');
-- NaN and infinity.
BEGIN;
CREATE TABLE ever (id int, at timestamptz, amount numeric, currency text);
INSERT INTO ever VALUES (1, '-infinity', 10, 'USD'), (2, '2025-01-10', 5, 'EUR');
INSERT INTO smarketing.exchange_rate_entry (currency, at, rate) VALUES ('USD', '2024-12-01', 2);
SELECT smarketing.unbind('revenue') AS a, smarketing.configure('currency', 'EUR') AS b, smarketing.bind('revenue', 'ever', '{"account_id": "id"}') AS c \gset
SELECT results_eq($$SELECT customers_start, revenue_start, revenue_new, revenue_end FROM smarketing.customer_retention('2025-01-01', '2025-02-01')$$, $$VALUES (0::bigint, 0::numeric, 5::numeric, 5::numeric)$$, 'who has always paid, in another currency, is no error, and long gone');
ROLLBACK;
INSERT INTO rev VALUES (4, '2025-01-05', 'NaN', 'p');
SELECT throws_ok(format('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-02-01'', %L, %L)', p, d), '22003', 'column "amount" of entity "revenue" has NaN or infinite values', 'NaN is told by name: ' || p || ' by ' || d) FROM unnest('{month,all}'::text[]) AS p, unnest('{"{}","{channel}"}'::text[]) AS d;
DELETE FROM rev WHERE amount = 'NaN';

-- Amounts and rates that are quotients.
TRUNCATE smarketing.exchange_rate_entry;
CREATE TABLE yearly AS SELECT i AS account_id, timestamptz '2025-01-10' AS starts_at, NULL::timestamptz AS ends_at, 1250000::numeric + i AS amount, CASE i % 2 WHEN 0 THEN 'USD' ELSE 'EUR' END AS currency, NULL::text AS product FROM generate_series(1, 50) AS i;
CREATE TABLE quotient (currency text, at date, rate numeric);
INSERT INTO quotient VALUES ('USD', '2020-01-01', 1 / 1.0832);
SELECT smarketing.bind('subscription', 'yearly', '{"amount": "amount / 12"}'), smarketing.bind('exchange_rate', 'quotient'), smarketing.configure('currency', 'EUR') \gset
SELECT is((SELECT revenue_end FROM smarketing.customer_retention('2025-01-01', '2025-02-01', p)), (SELECT round(sum(amount / 12 * CASE currency WHEN 'USD' THEN 1 / 1.0832 ELSE 1 END), 6) FROM yearly), 'a twelfth at a reciprocal rate: ' || p) FROM unnest('{month,all}'::text[]) AS p;
SELECT smarketing.unbind('exchange_rate'), smarketing.configure('currency', NULL) \gset
-- Times that are infinite, or far away.
CREATE TABLE ever (account_id int, starts_at timestamptz, ends_at timestamptz, amount numeric);
INSERT INTO ever VALUES (1, '-infinity', NULL, 10), (2, '1970-01-01', 'infinity', 20), (3, '-infinity', '2025-01-15', 40), (4, '0001-01-01', '2025-01-15', 80), (5, 'infinity', NULL, 160), (6, '4000-01-01 BC', '2025-01-15', 320);
SELECT smarketing.bind('subscription', 'ever') \gset
SELECT results_eq(format('SELECT customers_start, customers_new, customers_lost, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-01-15'', ''2025-01-16'', %L)', p), 'VALUES (5::bigint, 0::bigint, 3::bigint, 470::numeric, 30::numeric)', 'subscriptions of ever: ' || p) FROM unnest('{week,month,quarter,year}'::text[]) AS p;
SELECT results_eq(format('SELECT customers_start, customers_lost, revenue_start, revenue_end FROM smarketing.customer_retention(''2025-01-14'', ''2025-01-17'', %L)', p), CASE p WHEN 'all' THEN 'VALUES (5::bigint, 3::bigint, 470::numeric, 30::numeric)' ELSE 'VALUES (5::bigint, 0::bigint, 470::numeric, 470::numeric), (5, 3, 470, 30), (2, 0, 30, 30)' END, 'subscriptions of ever: ' || p) FROM unnest('{day,all}'::text[]) AS p;
SELECT smarketing.unbind('subscription') \gset
TRUNCATE rev; INSERT INTO rev VALUES (1, '-infinity', 10, NULL), (1, '2025-01-05', 10, NULL), (2, '1970-01-01', 10, NULL), (2, '2025-01-05', 10, NULL), (3, 'infinity', 10, NULL), (3, '2025-01-05', 10, NULL);
SELECT is((SELECT (customers_new, customers_reactivated, revenue_end)::text FROM smarketing.customer_retention('2025-01-05', '2025-01-06', p)), '(1,2,30)', 'revenue of ever: ' || p) FROM unnest('{day,week,month,quarter,year,all}'::text[]) AS p;

-- Fiscal periods.
SELECT smarketing.configure('fiscal_year_start', '4') \gset
SELECT results_eq('SELECT period_start, customers_start, customers_new, customers_lost, revenue_start, revenue_end FROM smarketing.customer_retention(''2024-04-01'', ''2026-04-01'', ''fiscal_year'')',
    'SELECT period_start, customers_start, customers_new + 0, customers_lost, revenue_start, revenue_end FROM (SELECT make_date(2024 + n, 4, 1) AS period_start, r.customers_start, r.customers_new, r.customers_lost, r.revenue_start, r.revenue_end FROM generate_series(0, 1) AS n, smarketing.customer_retention(make_date(2024 + n, 4, 1), make_date(2025 + n, 4, 1), ''all'') AS r) AS t ORDER BY 1', 'fiscal years from April');
SELECT is((SELECT count(*) || ' ' || min(period_start) FROM smarketing.customer_retention('2024-04-01', '2026-04-01', 'fiscal_quarter')), '8 2024-04-01', 'fiscal quarters from April');
SELECT lives_ok('SELECT * FROM smarketing.kpi_compare(''retention_rate'', period => ''fiscal_year'')', 'kpi_compare, too');
SELECT lives_ok(format('SELECT * FROM smarketing.customer_retention(period => %L)', p), p || ' is none') FROM unnest('{day,week,month,quarter,year,all}'::text[]) AS p;
SELECT smarketing.configure('fiscal_year_start', NULL) \gset
SELECT is((SELECT array_agg(f)::text FROM smarketing.customer_retention('2025-01-01', '2026-01-01', 'fiscal_quarter') AS f), (SELECT array_agg(f)::text FROM smarketing.customer_retention('2025-01-01', '2026-01-01', 'quarter') AS f), 'from January they are quarters');

-- Havana: its first hour of 3 November 2024 is there twice, that of 10 March 2024 is not.
SET TimeZone = 'America/Havana';
SELECT smarketing.configure('time_zone', 'America/Havana') \gset
TRUNCATE rev; INSERT INTO rev VALUES (1, '2024-11-03 04:20+00', 10, NULL);
SELECT is((SELECT customers_start FROM smarketing.customer_retention('2025-11-03', '2025-11-05', p) LIMIT 1), 1::bigint, 'a midnight that comes twice: ' || p) FROM unnest('{day,all}'::text[]) AS p;
SELECT is((SELECT count(*) FROM smarketing.kpi_rows('customers_start', '2025-11-03', '2025-11-05')), 1::bigint, 'and in rows');
TRUNCATE rev; INSERT INTO rev VALUES (1, '2024-03-09 00:30', 10, NULL);
SELECT is((SELECT revenue_end FROM smarketing.customer_retention('2025-03-08', until, p) LIMIT 1), 10::numeric, format('a midnight that is left out: %s until %s', p, until)) FROM (VALUES ('day', timestamptz '2025-03-09'), ('day', '2025-03-10'), ('all', '2025-03-09')) AS t (p, until);
-- Dates are local ones; timestamps without zone those of their source.
CREATE TABLE dated (account_id uuid, starts_at date, ends_at date, amount float8, product text);
INSERT INTO dated VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-01', '2025-03-01', 10.5, 'p'), ('00000000-0000-0000-0000-000000000002', '2025-01-31', '2025-02-28', 4, 'p');
SELECT smarketing.bind('subscription', 'dated') \gset
SELECT results_eq('SELECT customers_start, customers_new, customers_lost, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', 'VALUES (0::bigint, 1::bigint, 0::bigint, 4::numeric), (1, 1, 1, 10.5), (1, 0, 1, 0)', 'dates, uuids, floats');
CREATE TABLE clocked AS SELECT account_id, starts_at::timestamp AS starts_at, ends_at::timestamp AS ends_at, amount FROM dated;
SELECT smarketing.bind('subscription', 'clocked', time_zone => 'Pacific/Auckland') \gset
SELECT results_eq('SELECT customers_new, customers_lost, revenue_end FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', 'VALUES (2::bigint, 0::bigint, 14.5::numeric), (0, 2, 0), (0, 0, 0)', 'clocks of Auckland');
SELECT smarketing.configure('time_zone', 'UTC'), smarketing.unbind('subscription') \gset
SET TimeZone = 'UTC';

-- Reading is enough; row-level security holds.
TRUNCATE rev; INSERT INTO rev SELECT i, timestamptz '2025-01-05', 10, 'p' FROM generate_series(1, 6) AS i;
BEGIN READ ONLY;
SELECT is((SELECT customers_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01')), 6::bigint, 'in a read-only transaction');
SELECT is((SELECT sum(customers_new) FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{segment}')), 6::numeric, 'and by a dimension');
COMMIT;
CREATE ROLE cr_reader; GRANT USAGE ON SCHEMA own TO cr_reader; GRANT SELECT ON rev, lead TO cr_reader;
SET ROLE cr_reader;
SELECT is((SELECT customers_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01')), 6::bigint, 'with SELECT on payments alone');
SELECT is((SELECT sum(customers_new) FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{channel}')), 6::numeric, 'and on leads, by channel');
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-02-01'', by => ''{segment}'')', '42501', 'permission denied for table firm', 'not without, by segment');
RESET ROLE;
REVOKE SELECT ON rev FROM cr_reader;
SET ROLE cr_reader;
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-02-01'')', '42501', 'permission denied for table rev', 'not without SELECT');
RESET ROLE;
GRANT SELECT ON rev TO cr_reader;
ALTER TABLE rev ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_accounts ON rev TO cr_reader USING (account_id <= 2);
SET ROLE cr_reader;
SELECT is((SELECT customers_new FROM smarketing.customer_retention('2025-01-01', '2025-02-01')), 2::bigint, 'row-level security holds');
SELECT is((SELECT count(*) FROM smarketing.kpi_rows('customers_new', '2025-01-01', '2025-02-01')), 2::bigint, 'for rows too');
SELECT is((SELECT sum(customers_new) FROM smarketing.customer_retention('2025-01-01', '2025-02-01', by => '{channel}')), 2::numeric, 'and by a dimension');
RESET ROLE;
DROP OWNED BY cr_reader; DROP ROLE cr_reader;

-- A missing rate may give NULL: counts stay, money is NULL from the period of the first payment without one on, by group.
SELECT smarketing.unbind('revenue'), smarketing.bind('subscription', 'sub'), smarketing.configure('currency', 'EUR'), smarketing.configure('on_missing_rate', 'null') \gset
TRUNCATE smarketing.exchange_rate_entry; INSERT INTO smarketing.exchange_rate_entry VALUES ('USD', '2025-01-01', 0.5);
TRUNCATE sub; INSERT INTO sub VALUES (1, '2025-01-10', NULL, 10, 'p', 'EUR'), (2, '2025-01-10', '2025-03-15', 20, 'p', 'USD'), (3, '2025-03-01', NULL, 10, 'q', ' gbp '), (3, '2025-03-01', NULL, -10, 'q', 'EUR'), (4, '2025-03-20', NULL, 1, 'p', NULL), (6, '2024-12-01', '2025-01-03', 4, 'r', 'USD'), (6, '2024-12-01', '2025-01-03', -4, 'r', 'USD');
SELECT results_eq('SELECT customers_start, customers_new, customers_lost, churn_rate, customers_upsold, revenue_start, revenue_contraction, revenue_end, net_revenue_retention FROM smarketing.customer_retention(''2025-01-01'', ''2025-05-01'', filter => ''{"product": {"not": "r"}}'')',
    'VALUES (0::bigint, 2::bigint, 0::bigint, NULL::float8, 0::bigint, 0::numeric, 0::numeric, 20::numeric, NULL::float8), (2, 0, 0, 0, 0, 20, 0, 20, 1), (2, 2, 1, 0.5, NULL, NULL, NULL, NULL, NULL), (3, 0, 0, 0, NULL, NULL, NULL, NULL, NULL)', 'a payment at midnight lacks its rate from its own month on');
SELECT results_eq('SELECT by_1, customers_new, customers_cross_sold, revenue_new FROM smarketing.customer_retention(''2025-01-01'', ''2025-05-01'', ''all'', ''{product}'')', $$VALUES ('p', 2::bigint, 0::bigint, 11::numeric), ('q', 1, NULL, NULL), ('r', 0, NULL, NULL)$$, 'by product in one row');
SELECT results_eq('SELECT period_start, customers_new, revenue_new FROM smarketing.customer_retention(period => ''all'', filter => ''{"product": "q"}'')', 'VALUES (date ''2025-03-01'', 1::bigint, NULL::numeric)', 'over all time');
SELECT results_eq('SELECT record_id, amount FROM smarketing.kpi_rows(''customer_retention.' || m || ''', ''2025-01-01'', ''2025-04-01'')', $$VALUES ('1', 10::numeric), ('3', NULL), ('4', 1)$$, 'kpi_rows lists who lacks a rate without an amount: ' || m) FROM unnest('{revenue_end,revenue_new,customers_new}'::text[]) AS m;
SELECT results_eq('SELECT value FROM smarketing.kpi(''revenue_end'', ''2025-02-01'', ''2025-04-01'', filter => ''{"product": {"not": "r"}}'')', 'VALUES (20::numeric), (NULL)', 'as a metric');
SELECT results_eq('SELECT value, other FROM smarketing.kpi_compare(''revenue_end'', ''2025-03-01'', ''2025-05-01'', filter => ''{"product": {"not": "r"}}'', options => ''{"against": "previous"}'')', 'VALUES (NULL::numeric, 20::numeric), (NULL, NULL)', 'and beside the one before');
SELECT results_eq('SELECT cohort, age, customers, amount, amount_rate FROM smarketing.retention_cohorts(''2025-01-01'', ''2025-04-01'', filter => ''{"product": ["p", "q"]}'')', $$VALUES (date '2025-01-01', 0, 2::bigint, 20::numeric, 1::float8), ('2025-01-01', 1, 2, 20, 1), ('2025-01-01', 2, 1, NULL, NULL), ('2025-03-01', 0, 2, NULL, NULL)$$, 'cohorts');
-- What a lifetime is worth counts who left.
DELETE FROM sub WHERE account_id IN (3, 6);
CREATE TABLE cost (at date, amount numeric); INSERT INTO cost VALUES ('2025-03-05', 30);
SELECT smarketing.bind('spend', 'cost') \gset
SELECT results_eq('SELECT new_customers, revenue_per_customer, lifetime_value FROM smarketing.customer_acquisition_cost(''2025-03-01'', ''2025-04-01'')', 'VALUES (1::bigint, 1::numeric, 2::numeric)', 'lifetime_value');
UPDATE sub SET currency = 'CHF' WHERE account_id = 2;
SELECT results_eq('SELECT new_customers, revenue_per_customer, lifetime_value FROM smarketing.customer_acquisition_cost(''2025-03-01'', ''2025-04-01'')', 'VALUES (1::bigint, 1::numeric, 2::numeric)', 'the same where who left paid at no rate');
SELECT smarketing.unbind('spend') \gset
-- By the age of customers: the second payment of each is a month old, whatever its date.
CREATE TABLE paid (account_id int, at timestamptz, amount numeric, currency text);
INSERT INTO paid VALUES (1, '2025-01-20', 10, 'EUR'), (1, '2025-02-25', 10, 'CHF'), (2, '2025-01-25', 20, 'EUR'), (2, '2025-02-20', 5, NULL);
SELECT smarketing.unbind('subscription'), smarketing.bind('revenue', 'paid') \gset
SELECT results_eq('SELECT age, customers, amount, amount_rate FROM smarketing.retention_cohorts(''2025-01-01'', ''2025-03-01'', options => ''{"age": "elapsed"}'')', 'VALUES (0, 2::bigint, 35::numeric, 1::float8), (1, 1, NULL, NULL)', 'cohorts by elapsed age');
SELECT smarketing.configure('on_missing_rate', NULL) \gset
SELECT throws_ok('SELECT * FROM smarketing.customer_retention(''2025-01-01'', ''2025-04-01'')', '55000', 'exchange rates to EUR are missing: CHF from 2025-02-25', 'without the setting it is an error');
-- Random CRMs: with rates that begin later, or never, against what their payments gave at all rates.
SET search_path = public; TRUNCATE smarketing.exchange_rate_entry;
CREATE TABLE late (currency text, at date, rate numeric);
CREATE TABLE without_rate (g text, unrated_from date);
CREATE TABLE full_figure (g text, period_start date, r jsonb);
CREATE FUNCTION try_missing(first int, last int) RETURNS TABLE (what text) LANGUAGE plpgsql AS $$
DECLARE i int; basis text; period text; since timestamptz; until timestamptz; dim text; begins_on date; call text; m text; x record; y record; z record;
BEGIN
    FOR i IN first .. last LOOP
        PERFORM set_config('test.zone', pick('{UTC,America/Havana,Australia/Lord_Howe}'::text[]), true); PERFORM set_config('TimeZone', zone(), true), smarketing.configure('time_zone', zone()), fill(), smarketing.configure('active_within', pick('{12 months,3 months,45 days}'::text[]));
        UPDATE contract SET amount = abs(amount), currency = CASE currency WHEN 'USD' THEN ' usd' ELSE currency END;
        basis := (ARRAY['subscription', 'opportunity', 'revenue'])[1 + i % 3]; PERFORM smarketing.configure('customer_basis', basis);
        period := pick('{day,week,month,month,quarter,year,all,all,fiscal_year}'::text[]); dim := pick('{none,account,product}'::text[]);
        since := day_begins((now() - random() * interval '500 days')::date, zone()); until := least(now(), since + CASE period WHEN 'day' THEN 20 ELSE 250 END * random() * interval '1 day' + interval '3 hours');
        begins_on := now() + (random() * 1400 - 900) * interval '1 day';
        call := format('%s: %s in %s, %L, %L, %L by %s, rates from %s', i, basis, zone(), since, until, period, dim, begins_on);
        TRUNCATE late, without_rate, full_figure; INSERT INTO late SELECT * FROM fx WHERE at >= begins_on;
        INSERT INTO without_rate SELECT coalesce(CASE dim WHEN 'account' THEN p.account WHEN 'product' THEN coalesce(p.product, '(none)') END, ''), min(begins(CASE period WHEN 'all' THEN 'day' ELSE period END, p.at, zone()))
            FROM (SELECT account_id::text AS account, starts_at AS at, product, amount, currency FROM contract WHERE basis = 'subscription' AND (ends_at IS NULL OR ends_at > starts_at)
                  UNION ALL SELECT account_id::text, closed_at, product, amount, currency FROM deal WHERE basis = 'opportunity' AND won UNION ALL SELECT account_id, sale.at, product, amount, currency FROM sale WHERE basis = 'revenue') AS p
            WHERE account IS NOT NULL AND p.at < until AND amount IS NOT NULL AND upper(btrim(currency)) = 'USD' AND NOT EXISTS (SELECT FROM late AS l WHERE l.at <= (p.at AT TIME ZONE zone())::date) GROUP BY 1;
        PERFORM smarketing.bind('exchange_rate', 'fx');
        INSERT INTO full_figure SELECT coalesce(by_1, ''), f.period_start, to_jsonb(f) FROM smarketing.customer_retention(since, until, period, array_remove(ARRAY[dim], 'none')) AS f;
        m := pick('{customers_start,customers_lost,revenue_new,revenue_expansion,revenue_end}'::text[]);
        SELECT count(*) AS n, sum(amount) AS amount INTO x FROM smarketing.kpi_rows('customer_retention.' || m, since, until, max_rows => NULL);
        PERFORM smarketing.bind('exchange_rate', 'late'), smarketing.configure('on_missing_rate', 'null');
        RETURN QUERY SELECT format('%s: %s %s %s: %s, at all rates %s, without from %s', call, period_start, g, f.key, f.value, r -> f.key, w.unrated_from)
            FROM (SELECT coalesce(by_1, '') AS g, c.period_start, e.* FROM smarketing.customer_retention(since, until, period, array_remove(ARRAY[dim], 'none')) AS c, jsonb_each(to_jsonb(c)) AS e) AS f
            FULL JOIN full_figure USING (g, period_start) LEFT JOIN without_rate AS w USING (g)
            WHERE CASE WHEN f.key IS NULL OR r IS NULL THEN true
                WHEN f.key ~ 'revenue|sold' AND (period = 'all' AND w.unrated_from IS NOT NULL OR w.unrated_from <= period_start) THEN f.value <> 'null' AND (period <> 'all' OR r @? '$.* ? (@.type() == "number" && @ <> 0)')
                ELSE f.value IS DISTINCT FROM r -> f.key END;
        SELECT count(*) AS n, sum(amount) AS amount, bool_and(amount IS NOT NULL) AS is_known INTO y FROM smarketing.kpi_rows('customer_retention.' || m, since, until, max_rows => NULL);
        RETURN QUERY SELECT format('%s: rows of %s: %s, at all rates %s', call, m, y, x) WHERE m <> 'revenue_expansion' AND x.n <> y.n OR y.is_known AND x.amount IS DISTINCT FROM y.amount AND NOT (m = 'revenue_expansion' AND x.n <> y.n);
        PERFORM smarketing.configure('on_missing_rate', NULL);
    END LOOP;
END $$;
SELECT bool_and(smarketing.bind(e, s::regclass) IS NULL) AS done FROM (VALUES ('lead', 'lead'), ('opportunity', 'deal'), ('subscription', 'contract'), ('revenue', 'sale'), ('account', 'firm')) AS t (e, s) \gset
SET client_min_messages = error;
SELECT is((SELECT string_agg(what, E'\n') FROM (SELECT what FROM try_missing(1, 90) LIMIT 5) AS t), NULL, '90 CRMs without some rates');
SET client_min_messages = warning;
SELECT * FROM finish();
