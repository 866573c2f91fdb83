-- Customer retention: random CRMs against plain SQL that joins all payments to the close of every period, and the edges by hand.
SET client_min_messages = warning;
\getenv env_seed SMK_SEED
\if :{?env_seed}
\else
\set env_seed 0.25
\endif
CREATE EXTENSION smarketing;
SELECT no_plan();
SELECT diag('seed ' || :'env_seed');
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
DECLARE i int; basis text; period text; since timestamptz; until timestamptz; dims text; groups text[]; filter jsonb; options jsonb; with_products boolean; shows_products boolean; within interval; call text; x record; m text;
    measures text[] := '{customers_start,customers_new,customers_reactivated,customers_lost,revenue_start,revenue_new,revenue_expansion,revenue_upsell,revenue_cross_sell,revenue_reactivated,revenue_contraction,revenue_churned,revenue_end,customers_upsold,customers_cross_sold}'; source text; entity text; statement text; against text;
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
        shows_products := with_products;
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
        options := CASE WHEN random() < 0.5 THEN '{}' ELSE '{"basis": "flow"}' END; IF random() < 0.5 THEN options := options || jsonb_build_object('time_zone', zone()); END IF;
        PERFORM smarketing.configure('time_zone', CASE WHEN options ? 'time_zone' THEN 'Asia/Tokyo' ELSE zone() END);
        call := format('%s: %s (products %s), %s within %s, %L, %L, %L, %L, %L, %L', i, basis, with_products, zone(), within, since, until, period, groups, filter, options);
        PERFORM pay(basis, groups, filter, with_products), lay(since, until, period, within);
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
        m := pick(measures || '{customers_kept,retention_rate,churn_rate,gross_revenue_retention,net_revenue_retention}'); IF NOT with_products THEN m := regexp_replace(m, '(up|cross_)sell|(up|cross_)sold', CASE WHEN m ~ 'sold' THEN 'new' ELSE 'end' END); END IF;
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
        -- the records behind a measure, and all of them in one row
        PERFORM pay(basis, '{}', filter, with_products), lay(since, until, 'all', within);
        IF since < now() THEN
            m := pick(measures);
            IF with_products OR m !~ 'sell|sold' THEN
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
SELECT is(failed(kind), NULL, '320 calls over 80 CRMs: ' || kind) FROM unnest('{figures,rows,order,identity,kpi,kpi_sql,kpi_rows}'::text[]) AS kind;
SELECT cmp_ok((SELECT sum(customers) FROM tried WHERE tried.basis = b), '>', 200::numeric, b || ': over many customers') FROM unnest('{subscription,opportunity,revenue}'::text[]) AS b;
SELECT cmp_ok((SELECT sum(back) FROM tried), '>', 50::numeric, 'some of them won back');
SELECT cmp_ok((SELECT sum(crossed) FROM tried), '>', 30::numeric, 'some of them cross-sold');
SELECT * FROM finish();
