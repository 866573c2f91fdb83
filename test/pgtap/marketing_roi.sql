-- Marketing ROI: random CRMs against plain SQL that lays every touch beside every conversion, sums that must agree, and the edges by hand.
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

-- Random CRMs. Times often lie on the bounds of months and days; touches at the very instant of a closing, at the edge of the lookback, or at the same time as others.
CREATE FUNCTION pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION maybe(p float8, v anyelement) RETURNS anyelement LANGUAGE sql VOLATILE AS $$ SELECT CASE WHEN random() < p THEN v END $$;
CREATE FUNCTION zone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('test.zone') $$;
CREATE FUNCTION day_begins(day date, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT min(t) FROM (SELECT (day::timestamp AT TIME ZONE zone) + i * interval '30 minutes' AS t FROM generate_series(-3, 3) AS i) AS u WHERE (t AT TIME ZONE zone)::date >= day $$;
CREATE FUNCTION a_time() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE t timestamptz := date_trunc('minute', now() + (random() * 420 - 400) * interval '1 day'); u float8 := random(); BEGIN
    IF u < 0.6 THEN RETURN t; END IF;
    t := day_begins(CASE WHEN u < 0.8 THEN (t AT TIME ZONE zone())::date ELSE date_trunc('month', t AT TIME ZONE zone())::date END, zone());
    RETURN CASE WHEN random() < 0.5 THEN t ELSE t - interval '1 us' END;
END $$;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id text, channel text, campaign text);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, account_id bigint, lead_id int, amount numeric, currency text, kind text, channel text, owner int, segment text, product text);
CREATE TABLE visit (at timestamptz, account_id text, lead_id bigint, channel text, campaign text);
CREATE TABLE firm (account_id int, segment text);
CREATE TABLE rep (owner text, team text);
CREATE TABLE cost (at date, ends_at date, amount numeric, currency text, kind text, channel text, campaign text);
CREATE TABLE fx AS SELECT 'USD' AS currency, d::date AS at, round((0.8 + random() * 0.3)::numeric, 3) AS rate FROM generate_series(now() - interval '3 years', now() + interval '1 year', interval '9 days') AS d;
-- The same with keys of another type.
CREATE FUNCTION key(v anyelement) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(v::text)::uuid $$;
CREATE VIEW lead_by_uuid AS SELECT key(lead_id) AS lead_id, created_at, key(account_id) AS account_id, channel, campaign FROM lead;
CREATE VIEW deal_by_uuid AS SELECT key(opportunity_id) AS opportunity_id, created_at, closed_at, won, key(account_id) AS account_id, key(lead_id)::text AS lead_id, amount, currency, kind, channel, owner, segment, product FROM deal;
CREATE VIEW visit_by_uuid AS SELECT at, key(account_id)::text AS account_id, key(lead_id) AS lead_id, channel, campaign FROM visit;
CREATE VIEW firm_by_uuid AS SELECT key(account_id) AS account_id, segment FROM firm;
CREATE FUNCTION a_channel() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pick('{a,a b,google,google / cpc,Direct,(DIRECT),typed in,fair,cold call,(none),NULL,é}'::text[]) $$;
CREATE FUNCTION mapped(dim text, label text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN dim = 'channel' AND label = 'google / cpc' THEN 'google' WHEN dim = 'channel' AND label = 'typed in' THEN 'Direct' WHEN dim = 'campaign' AND label = 'spring' THEN 'Spring' WHEN dim = 'kind' AND label = 'New business' THEN 'new' WHEN dim = 'kind' AND label = 'media' THEN 'marketing' ELSE coalesce(label, '(none)') END $$;
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$
DECLARE accounts int := 2 + (random() * 7)::int; deals int := 10 + (random() * 30)::int; touches int := (random() * 80)::int; money text[] := pick('{"{EUR}","{EUR,NULL}","{EUR,EUR,USD,usd ,NULL}"}'::text[])::text[]; BEGIN
    TRUNCATE lead, deal, visit, firm, rep, cost;
    INSERT INTO lead SELECT i, a_time(), maybe(0.7, (1 + random() * accounts)::int::text), a_channel(), pick('{Spring,spring,NULL}'::text[]) FROM generate_series(1, 20) AS i;
    INSERT INTO deal SELECT i, t - random() * random() * interval '120 days', t, pick('{t,t,t,f,NULL,NULL}'::boolean[]), maybe(0.5, (1 + random() * accounts)::int), maybe(0.7, (1 + random() * 22)::int), pick('{10,20.5,33.33,100,0,-5,1000.01,-77.77,NULL}'::numeric[]), pick(money),
        pick('{new,New business,upsell,NULL}'::text[]), a_channel(), maybe(0.8, (1 + random() * 3)::int), pick('{S,M,NULL}'::text[]), pick('{p,q,NULL}'::text[]) FROM (SELECT i, a_time() AS t FROM generate_series(1, deals) AS i) AS d;
    UPDATE deal SET closed_at = NULL WHERE CASE WHEN won THEN random() < 0.1 ELSE won IS NULL AND random() < 0.9 END;
    INSERT INTO visit SELECT CASE WHEN random() < 0.15 THEN a_time() ELSE (SELECT closed_at - pick('{0,1 us,-1 us,168 hours,168:00:00.000001,720 hours,2160 hours,2159:59:59.999999,2160:00:00.000001}'::interval[]) * (random() < 0.4)::int - CASE WHEN random() < 0.5 THEN random() * interval '100 days' ELSE '0' END FROM deal WHERE i > 0 AND closed_at IS NOT NULL ORDER BY random() LIMIT 1) END,
        maybe(0.6, (1 + random() * accounts)::int::text), maybe(0.6, (1 + random() * 22)::int), a_channel(), pick('{Spring,Brand,NULL}'::text[]) FROM generate_series(1, touches * 3) AS i;
    INSERT INTO visit SELECT at, account_id, lead_id, a_channel(), pick('{Spring,Brand,NULL}'::text[]) FROM visit WHERE random() < 0.15;
    -- Which of two touches of one channel at one instant is first, nobody says.
    DELETE FROM visit AS a USING visit AS b WHERE a.ctid > b.ctid AND a.at = b.at AND mapped('channel', a.channel) = mapped('channel', b.channel);
    DELETE FROM lead AS a USING lead AS b WHERE a.lead_id > b.lead_id AND a.created_at = b.created_at AND mapped('channel', a.channel) = mapped('channel', b.channel);
    INSERT INTO firm SELECT i, pick('{S,L,NULL}'::text[]) FROM generate_series(1, accounts) AS i;
    INSERT INTO rep SELECT i, pick('{North,South,NULL}'::text[]) FROM generate_series(1, 3) AS i;
    INSERT INTO cost SELECT d, maybe(0.3, d + (random() * 60)::int), pick('{0,10,99.99,1000}'::numeric[]), pick(money), pick('{marketing,media,NULL,sales}'::text[]), a_channel(), pick('{Spring,Brand,NULL}'::text[]) FROM (SELECT (a_time() AT TIME ZONE zone())::date AS d FROM generate_series(1, 25)) AS t;
END $$;
CREATE FUNCTION origin(channel text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN channel = 'fair' THEN 'partner' WHEN channel = 'cold call' THEN 'sales' WHEN channel IS NULL THEN '(none)' ELSE 'marketing' END $$;
CREATE FUNCTION rate(currency text, day date) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT CASE upper(btrim(currency)) WHEN 'USD' THEN (SELECT fx.rate FROM fx WHERE at <= coalesce(day, 'infinity') ORDER BY at DESC LIMIT 1) ELSE 1 END $$;
CREATE FUNCTION passes(filter jsonb, value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(value ->> k, '(none)') IN (SELECT coalesce(e #>> '{}', '(none)') FROM jsonb_path_query(CASE WHEN v ? 'not' THEN v -> 'not' ELSE v END, '$[*]') AS e) <> v ? 'not'), true) FROM jsonb_each(filter) AS f (k, v) $$;

-- What is bound: touches (or none), their campaigns (else their lead's), accounts and leads of opportunities, channels of opportunities (else of their leads), segments of opportunities (else of accounts).
CREATE TABLE bound (touch boolean, campaign boolean, channel boolean, segment boolean, spend boolean, spend_channel boolean);
-- Touches and opportunities, with the journey that they belong to.
CREATE VIEW touch_view AS
    SELECT coalesce('a' || v.account_id, 'a' || l.account_id, 'l' || v.lead_id) AS journey, v.at, mapped('channel', v.channel) AS channel, mapped('campaign', CASE WHEN b.campaign THEN v.campaign ELSE l.campaign END) AS campaign FROM bound AS b, visit AS v LEFT JOIN lead AS l USING (lead_id) WHERE b.touch
    UNION ALL SELECT coalesce('a' || account_id, 'l' || lead_id), created_at, mapped('channel', l.channel), mapped('campaign', l.campaign) FROM bound AS b, lead AS l WHERE NOT b.touch;
CREATE VIEW deal_view AS
    SELECT opportunity_id AS id, coalesce('a' || d.account_id, 'a' || l.account_id, 'l' || d.lead_id) AS journey, d.created_at, closed_at, won, coalesce(amount, 0) AS amount, currency, l.created_at AS lead_at, mapped('kind', kind) AS kind,
        jsonb_build_object('origin', origin(CASE WHEN b.channel THEN d.channel ELSE l.channel END), 'owner', coalesce(d.owner::text, '(none)'), 'team', coalesce(team, '(none)'), 'kind', mapped('kind', kind), 'product', coalesce(product, '(none)'), 'segment', coalesce(CASE WHEN b.segment THEN d.segment ELSE f.segment END, '(none)')) AS dims
    FROM bound AS b, deal AS d LEFT JOIN lead AS l USING (lead_id) LEFT JOIN firm AS f ON f.account_id = d.account_id LEFT JOIN rep ON rep.owner = d.owner::text;
CREATE TABLE touch_of AS TABLE touch_view;
CREATE TABLE deal_of AS TABLE deal_view;
-- Conversions at an instant; credits: one row a touch, or one that is not attributed.
CREATE TABLE conversion (period_start date, is_open boolean, at timestamptz, d deal_of);
CREATE TABLE credit (period_start date, is_open boolean, closed timestamptz, touched timestamptz, is_attributed boolean, conversions numeric, amount numeric, dims jsonb);
CREATE FUNCTION credit_all(model text, lookback interval, half_life interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE p numeric[] := CASE WHEN model = 'position' THEN '{40,20,40}' WHEN model LIKE 'position%' THEN string_to_array(trim(model, 'position()'), '/')::numeric[] END; seconds float8 := extract(epoch FROM lookback); BEGIN
    TRUNCATE credit;
    INSERT INTO credit
    WITH path AS (SELECT c.ctid AS id, c.at, t.at AS touched, channel, campaign, row_number() OVER w AS i, count(*) OVER (PARTITION BY c.ctid) AS n, lower(channel) IN ('direct', '(direct)', '(none)') AS is_direct, opened,
                CASE WHEN (d).lead_at IS NULL THEN (SELECT max(created_at) FROM lead WHERE 'a' || account_id = (d).journey AND created_at <= coalesce(opened, c.at)) WHEN (d).lead_at <= coalesce(opened, c.at) THEN (d).lead_at END AS lead_at
            FROM conversion AS c, LATERAL (SELECT CASE WHEN (d).created_at <= c.at THEN (d).created_at END AS opened) AS o, touch_of AS t WHERE t.journey = (d).journey AND t.at BETWEEN c.at - seconds * interval '1 second' AND c.at
            WINDOW w AS (PARTITION BY c.ctid ORDER BY t.at, lower(channel) IN ('direct', '(direct)', '(none)'), channel COLLATE "C", campaign COLLATE "C")),
        place AS (SELECT *, max(i) FILTER (WHERE touched <= lead_at) OVER (PARTITION BY id) AS of_lead, max(i) FILTER (WHERE touched <= opened) OVER (PARTITION BY id) AS of_deal, coalesce(max(i) FILTER (WHERE NOT is_direct) OVER (PARTITION BY id), n) AS last_real FROM path),
        share AS (SELECT *, CASE
            WHEN model = 'first' THEN (i = 1)::int WHEN model = 'last' THEN (i = n)::int WHEN model = 'last_non_direct' THEN (i = last_real)::int WHEN model = 'linear' THEN 1
            WHEN model = 'time_decay' THEN power(2::float8, (-extract(epoch FROM at - touched) / extract(epoch FROM half_life))::float8)::numeric
            WHEN model LIKE 'position%' THEN CASE WHEN n = 1 THEN 1 WHEN n = 2 THEN p[2] / 2 + p[CASE i WHEN 1 THEN 1 ELSE 3 END] WHEN i = 1 THEN p[1] WHEN i = n THEN p[3] ELSE p[2] / (n - 2) END
            WHEN model = 'w_shaped' THEN CASE WHEN i = 1 OR i = of_lead OR i = of_deal THEN 30 * ((i = 1)::int + coalesce(i = of_lead, false)::int + coalesce(i = of_deal, false)::int) ELSE 10.0 / count(*) FILTER (WHERE i > 1 AND i IS DISTINCT FROM of_lead AND i IS DISTINCT FROM of_deal) OVER (PARTITION BY id) END
            WHEN model = 'full_path' THEN CASE WHEN i = 1 OR i = of_lead OR i = of_deal OR i = n THEN 22.5 * ((i = 1)::int + coalesce(i = of_lead, false)::int + coalesce(i = of_deal, false)::int + (i = n)::int)
                ELSE 10.0 / count(*) FILTER (WHERE i > 1 AND i < n AND i IS DISTINCT FROM of_lead AND i IS DISTINCT FROM of_deal) OVER (PARTITION BY id) END END AS share FROM place)
    SELECT c.period_start, c.is_open, c.at, touched, channel IS NOT NULL, coalesce(share, 1), (d).amount * coalesce(share, 1) * rate((d).currency, (c.at AT TIME ZONE zone())::date), (d).dims || jsonb_build_object('channel', coalesce(channel, '(unattributed)'), 'campaign', coalesce(campaign, '(unattributed)'))
    FROM conversion AS c LEFT JOIN (SELECT id, touched, channel, campaign, share / sum(share) OVER (PARTITION BY id) AS share FROM share) AS s ON s.id = c.ctid AND (d).dims ->> 'origin' NOT IN ('sales', 'partner');
END $$;
CREATE FUNCTION step_of(period text) RETURNS interval IMMUTABLE LANGUAGE sql AS $$ SELECT (CASE period WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' ELSE '3 months' END)::interval $$;
CREATE FUNCTION spent() RETURNS TABLE (at timestamptz, amount numeric, dims jsonb) LANGUAGE sql STABLE AS $$
    SELECT day_begins(d::date, zone()), smarketing.spread(amount, at, coalesce(ends_at, at), d::date, d::date + 1) * rate(currency, at),
        jsonb_build_object('channel', mapped('channel', CASE WHEN b.spend_channel THEN cost.channel END), 'origin', origin(CASE WHEN b.spend_channel THEN cost.channel END), 'campaign', mapped('campaign', cost.campaign), 'kind', mapped('kind', cost.kind))
    FROM bound AS b, cost, generate_series(at::timestamp, greatest(coalesce(ends_at, at + 1) - 1, at)::timestamp, interval '1 day') AS d WHERE mapped('kind', cost.kind) IN ('(none)', 'marketing') AND b.spend $$;
-- A row a group and period of the range: what the call should give.
CREATE FUNCTION expected(since timestamptz, until timestamptz, period text, by text[], filter jsonb, options jsonb) RETURNS TABLE (period_start date, g text[], is_partial boolean, spend numeric, attributed_conversions float8, attributed_revenue numeric, return_on_ad_spend float8, roi float8, open_pipeline numeric, unattributed_revenue numeric) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE lookback interval := coalesce(options ->> 'lookback', '90 days'); kinds jsonb := coalesce(options -> 'kind', '"all"'); is_touched boolean := options ->> 'basis' = 'touched'; margin numeric := coalesce((options ->> 'margin')::numeric, 1); own jsonb := filter - '{channel,campaign}'::text[]; BEGIN
    DROP TABLE IF EXISTS span; DELETE FROM conversion;
    CREATE TEMP TABLE span AS SELECT d::date AS period_start, greatest(a, since) AS from_at, least(b, until) AS to_at, least(b, until, now()) AS close, a < since OR b > until OR b > now() - CASE WHEN is_touched THEN extract(epoch FROM lookback) * interval '1 second' ELSE '0' END AS is_partial
        FROM generate_series(date_trunc(period, since AT TIME ZONE zone()), (until - interval '1 us') AT TIME ZONE zone(), step_of(period)) AS d, LATERAL (SELECT day_begins(d::date, zone()), day_begins((d + step_of(period))::date, zone())) AS u (a, b) WHERE period <> 'all'
        UNION ALL SELECT coalesce((since AT TIME ZONE zone())::date, '-infinity'), coalesce(since, '-infinity'), coalesce(until, now()), least(until, now()), coalesce(until, now()) > now() - CASE WHEN is_touched THEN extract(epoch FROM lookback) * interval '1 second' ELSE '0' END WHERE period = 'all';
    INSERT INTO conversion SELECT NULL, false, closed_at, d FROM deal_of AS d WHERE won AND (kinds ? 'all' OR kinds ? kind) AND passes(own, dims);
    INSERT INTO conversion SELECT s.period_start, true, s.close - interval '1 us', d FROM span AS s, deal_of AS d WHERE (kinds ? 'all' OR kinds ? kind) AND passes(own, dims) AND created_at < s.close AND (won IS NULL OR closed_at > created_at AND closed_at >= s.close);
    PERFORM credit_all(coalesce(options ->> 'model', 'linear'), lookback, coalesce(options ->> 'half_life', '7 days')::interval);
    DELETE FROM credit WHERE NOT passes(filter, dims);
    RETURN QUERY WITH hit AS (
            SELECT s.period_start, dims, NULL::numeric AS spent, conversions, CASE WHEN c.is_attributed THEN amount ELSE 0 END AS attributed, 0 AS pipeline, CASE WHEN c.is_attributed THEN 0 ELSE amount END AS unattributed, c.is_attributed
            FROM (SELECT c.*, CASE WHEN is_touched AND is_attributed THEN touched ELSE closed END AS at FROM credit AS c WHERE NOT is_open) AS c JOIN span AS s ON at >= from_at AND at < to_at OR at IS NULL AND since IS NULL AND until IS NULL
            UNION ALL SELECT c.period_start, dims, NULL, 0, 0, amount, 0, true FROM credit AS c WHERE is_open
            UNION ALL SELECT s.period_start, dims, amount, 0, 0, 0, 0, true FROM spent() JOIN span AS s ON at >= from_at AND at < to_at WHERE passes(filter, dims)),
        cell AS (SELECT h.*, ARRAY(SELECT coalesce(dims ->> d, '(none)') FROM unnest(by) WITH ORDINALITY AS b (d, o) ORDER BY o) AS g FROM hit AS h),
        total AS (SELECT period_start, g, CASE WHEN (SELECT b.spend FROM bound AS b) AND NOT (by && '{channel,campaign}' AND '(unattributed)' = ANY (g)) THEN coalesce(sum(spent), 0) END AS spend, coalesce(sum(conversions) FILTER (WHERE c.is_attributed), 0)::float8 AS conversions,
            coalesce(sum(attributed), 0) AS attributed, coalesce(sum(pipeline), 0) AS pipeline, coalesce(sum(unattributed), 0) AS unattributed FROM (SELECT period_start, g FROM cell UNION SELECT s.period_start, '{}' FROM span AS s WHERE by = '{}') AS u LEFT JOIN cell AS c USING (period_start, g) GROUP BY 1, 2)
    SELECT period_start, g, s.is_partial, t.spend, conversions, attributed, (attributed / nullif(t.spend, 0))::float8, ((attributed * margin - t.spend) / nullif(t.spend, 0))::float8, pipeline, unattributed FROM total AS t JOIN span AS s USING (period_start);
END $$;

CREATE TABLE failure (i int, what text, call text, detail text);
CREATE TABLE tried (i int, model text, attributed numeric, unattributed numeric, pipeline numeric);
CREATE TABLE wanted (period_start date, g text[], r jsonb);
CREATE TABLE given (period_start date, g text[], r jsonb, n bigint);
CREATE TABLE shown (r jsonb);
-- The columns that differ: conversions by more than a millionth, money and what is computed of it by more than a ten-thousandth.
CREATE FUNCTION differences(found jsonb, wanted jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%s: %s, expected %s', key, coalesce(f.value, 'null'), coalesce(w.value, 'null')), '; ' ORDER BY key) FROM jsonb_each_text(found) AS f JOIN jsonb_each_text(wanted) AS w USING (key)
    WHERE CASE WHEN key = 'is_partial' THEN f.value IS DISTINCT FROM w.value ELSE (f.value IS NULL) <> (w.value IS NULL) OR abs(f.value::numeric - w.value::numeric) > CASE WHEN key LIKE '%conversions' THEN 1e-6 ELSE 1e-4 END END $$;
CREATE FUNCTION a_filter() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE f jsonb := '{}'; k text; v jsonb; BEGIN
    FOR j IN 1 .. pick('{0,0,0,0,1,1,2}'::int[]) LOOP
        k := pick('{channel,channel,campaign,origin,owner,team,segment,product,kind}'::text[]);
        v := CASE k WHEN 'channel' THEN pick('{"\"a\"","[\"google\",null]","\"(unattributed)\"","[\"Direct\",\"fair\"]"}'::text[]) WHEN 'campaign' THEN pick('{"\"Spring\"","[\"Brand\",\"(unattributed)\"]","null"}'::text[]) WHEN 'origin' THEN pick('{"\"marketing\"","[\"sales\",\"partner\"]","null"}'::text[])
            WHEN 'owner' THEN pick('{"\"1\"","[\"2\",null]"}'::text[]) WHEN 'team' THEN pick('{"\"North\"","[]"}'::text[]) WHEN 'segment' THEN pick('{"\"S\"","[null,\"M\",\"L\"]"}'::text[]) WHEN 'product' THEN pick('{"\"p\"","[\"q\",null]"}'::text[]) ELSE pick('{"\"new\"","[\"upsell\",\"marketing\"]","[\"new\",\"marketing\"]"}'::text[]) END;
        IF v <> '[]' THEN f := f || jsonb_build_object(k, CASE WHEN random() < 0.3 THEN jsonb_build_object('not', v) ELSE v END); END IF;
    END LOOP;
    RETURN f;
END $$;
CREATE FUNCTION try_calls(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE i int; b bound; u text; period text; since timestamptz; until timestamptz; groups text[]; filter jsonb; own jsonb; options jsonb; call text; m text; won numeric; x record; y record; statement text;
    models text[] := '{first,last,last_non_direct,linear,time_decay,position,w_shaped,full_path,position(30/40/30),position(0/100/0)}'; BEGIN
    FOR i IN first .. last LOOP
        PERFORM set_config('test.zone', pick('{UTC,Europe/Paris,America/New_York,America/Havana,Asia/Kolkata,Australia/Lord_Howe}'::text[]), true);
        PERFORM set_config('TimeZone', zone(), true), fill();
        DELETE FROM bound; INSERT INTO bound VALUES (i % 4 > 0, random() < 0.7, random() < 0.5, random() < 0.5, random() < 0.85, random() < 0.75) RETURNING * INTO b;
        TRUNCATE touch_of, deal_of; INSERT INTO touch_of TABLE touch_view; INSERT INTO deal_of TABLE deal_view;
        ANALYZE touch_of, deal_of, lead, deal, visit;
        u := CASE WHEN random() < 0.3 THEN '_by_uuid' ELSE '' END;
        PERFORM smarketing.bind('lead', ('lead' || u)::regclass), smarketing.bind('opportunity', ('deal' || u)::regclass, CASE WHEN b.channel THEN '{}' ELSE '{"channel": null}' END::jsonb || CASE WHEN b.segment THEN '{}' ELSE '{"segment": null}' END::jsonb),
            smarketing.bind('account', ('firm' || u)::regclass), smarketing.bind('touch', ('visit' || u)::regclass, CASE WHEN b.campaign THEN '{}' ELSE '{"campaign": null}' END::jsonb), smarketing.bind('spend', 'cost', CASE WHEN b.spend_channel THEN '{}' ELSE '{"channel": null}' END::jsonb);
        IF NOT b.touch THEN PERFORM smarketing.unbind('touch'); END IF;
        IF NOT b.spend THEN PERFORM smarketing.unbind('spend'); END IF;
        period := pick('{day,week,month,month,quarter,all,all}'::text[]);
        since := date_trunc('hour', now() + (random() * 420 - 420) * interval '1 day') + interval '7 minutes'; until := date_trunc('hour', since + CASE period WHEN 'day' THEN 40 ELSE 300 END * (0.05 + random()) * interval '1 day') + interval '11 minutes';
        IF random() < 0.5 THEN since := day_begins((since AT TIME ZONE zone())::date, zone()); END IF;
        IF random() < 0.5 THEN until := day_begins((until AT TIME ZONE zone())::date + 1, zone()); END IF;
        IF period = 'all' AND random() < 0.3 THEN since := NULL; until := NULL; END IF;
        groups := string_to_array(pick('{"","",channel,channel,campaign,origin,owner,team,segment,product,kind,"channel,campaign","segment,channel","origin,kind","campaign,owner"}'::text[]), ',');
        filter := a_filter(); own := filter - '{channel,campaign}'::text[];
        options := jsonb_strip_nulls(jsonb_build_object('model', maybe(0.9, models[1 + i % 10]), 'lookback', maybe(0.5, pick('{168:00,30 days,7 days,90 days,36 hours}'::text[])), 'half_life', maybe(0.5, pick('{1 day,12 hours,1000 days}'::text[])), 'basis', pick('{NULL,closed,touched}'::text[]), 'kind', maybe(0.4, pick('{"\"all\"","\"new\"","[\"new\",\"upsell\"]"}'::jsonb[])), 'margin', maybe(0.4, pick('{0.5,0.25,1}'::numeric[])), 'time_zone', maybe(0.5, zone())));
        PERFORM smarketing.configure('time_zone', CASE WHEN options ? 'time_zone' THEN 'Asia/Tokyo' ELSE zone() END);
        call := format('%s: %s in %s%s, %L, %L, %L, %L, %L, %L', i, b, zone(), u, since, until, period, groups, filter, options);
        DELETE FROM wanted; INSERT INTO wanted SELECT e.period_start, e.g, to_jsonb(e) - 'g' - 'period_start' FROM expected(since, until, period, groups, filter, options) AS e;
        DELETE FROM given; INSERT INTO given SELECT CASE WHEN since IS NULL THEN '-infinity' ELSE f.period_start END, array_remove(ARRAY[by_1, by_2, by_3], NULL), to_jsonb(f), row_number() OVER () FROM smarketing.marketing_roi(since, until, period, groups, filter, options) AS f;
        INSERT INTO failure SELECT i, 'figures', call, format('%s %s: %s', period_start, g, coalesce(differences(v.r, w.r), 'not expected: ' || v.r::text, 'missing: ' || w.r::text))
        FROM given AS v FULL JOIN wanted AS w USING (period_start, g) WHERE v.r IS NULL AND (groups = '{}' OR w.r @? '$.* ? (@ > 0.0001 || @ < -0.0001)') OR w.r IS NULL AND (groups = '{}' OR v.r @? '$.* ? (@ > 0.0001 || @ < -0.0001)') OR differences(v.r, w.r) IS NOT NULL;
        INSERT INTO failure SELECT i, 'order', call, NULL WHERE (SELECT array_agg(n ORDER BY period_start, g COLLATE "C") <> array_agg(n ORDER BY n) FROM given);
        -- Cells add up to the whole, days to months.
        SELECT coalesce(sum(attributed_revenue), 0) AS a, coalesce(sum(unattributed_revenue), 0) AS u, coalesce(sum(attributed_conversions), 0) AS c, coalesce(sum(open_pipeline), 0) AS p INTO x FROM given, jsonb_to_record(r) AS f (attributed_revenue numeric, unattributed_revenue numeric, attributed_conversions numeric, open_pipeline numeric);
        SELECT sum(attributed_revenue) AS a, sum(unattributed_revenue) AS u, sum(attributed_conversions)::numeric AS c, sum(open_pipeline) AS p INTO y FROM smarketing.marketing_roi(since, until, period, filter => filter, options => options);
        INSERT INTO failure SELECT i, 'cells', call, format('%s, in whole %s', x, y) WHERE abs(x.a - y.a) > 1e-4 OR abs(x.u - y.u) > 1e-4 OR abs(x.c - y.c) > 1e-6 OR abs(x.p - y.p) > 1e-4;
        INSERT INTO tried VALUES (i, coalesce(options ->> 'model', 'linear'), y.a, y.u, y.p);
        IF since IS NOT NULL THEN
            SELECT sum(attributed_revenue) AS a, sum(unattributed_revenue) AS u, sum(attributed_conversions)::numeric AS c INTO x FROM smarketing.marketing_roi(since, until, CASE WHEN until - since < '60 days' THEN 'day' WHEN period = 'month' THEN 'all' ELSE 'month' END, filter => filter, options => options);
            INSERT INTO failure SELECT i, 'periods', call, format('%s, others %s', y, x) WHERE abs(x.a - y.a) > 1e-4 OR abs(x.u - y.u) > 1e-4 OR abs(x.c - y.c) > 1e-6;
        END IF;
        -- What is attributed and what is not are the amount won, under every model; in one currency to the last digit.
        SELECT amount_won INTO won FROM smarketing.opportunity_win_rate(since, until, 'all', '{}', own, jsonb_build_object('kind', coalesce(options -> 'kind', '"all"'), 'time_zone', zone()));
        FOREACH m IN ARRAY CASE WHEN i % 4 = 0 THEN models ELSE models[1 + i % 10 : 1 + i % 10] END LOOP
            SELECT sum(attributed_revenue) + sum(unattributed_revenue) AS won INTO x FROM smarketing.marketing_roi(since, until, 'all', CASE WHEN i % 3 = 0 THEN '{channel,campaign}' ELSE '{}' END::text[], own, options || jsonb_build_object('model', m, 'basis', 'closed'));
            INSERT INTO failure SELECT i, 'won', call, format('%s: %s, won %s', m, x.won, won) WHERE coalesce(x.won, 0) <> won AND (abs(coalesce(x.won, 0) - won) > 5e-5 OR NOT EXISTS (SELECT FROM deal WHERE currency ~* 'usd'));
        END LOOP;
        -- The records behind a figure: exactly, but for the last of six decimals where a part of an opportunity counts.
        SELECT * INTO x FROM smarketing.marketing_roi(since, until, 'all', filter => filter, options => options);
        FOREACH m IN ARRAY '{attributed_revenue,unattributed_revenue,attributed_conversions,open_pipeline}'::text[] LOOP
            SELECT round(coalesce(sum(CASE WHEN m LIKE '%conversions' THEN weight ELSE amount END), 0), 6) AS is INTO y FROM smarketing.kpi_rows('marketing_roi.' || m, since, until, filter, options, NULL);
            INSERT INTO failure SELECT i, 'kpi_rows', call, format('%s: %s, expected %s', m, y.is, to_jsonb(x) ->> m) WHERE y.is IS DISTINCT FROM round((to_jsonb(x) ->> m)::numeric, 6) AND NOT coalesce((options ->> 'basis' = 'touched' OR filter ?| '{channel,campaign}') AND abs(y.is - (to_jsonb(x) ->> m)::numeric) <= 1e-5, false);
        END LOOP;
        -- One metric, and the statement that is shown.
        m := pick('{spend,attributed_conversions,attributed_revenue,return_on_ad_spend,roi,open_pipeline,unattributed_revenue}'::text[]);
        INSERT INTO failure SELECT i, 'kpi', call, format('%s: %s of %s', m, k, v.r) FROM (SELECT k.*, array_remove(ARRAY[by_1, by_2, by_3], NULL) AS g FROM smarketing.kpi('marketing_roi.' || m, since, until, period, groups, filter, options) AS k) AS k JOIN given AS v ON v.g = k.g AND (v.period_start = k.period_start OR since IS NULL) WHERE k.value IS DISTINCT FROM CASE WHEN m ~ '^ro|^ret|conv' THEN (v.r ->> m)::float8::numeric ELSE (v.r ->> m)::numeric END OR m = 'roi' AND abs(k.value * k.denominator - k.numerator) > 1e-4 * greatest(1, k.denominator);
        IF i % 3 = 0 THEN
            statement := smarketing.kpi_sql('marketing_roi', since, until, period, groups, filter, options);
            EXECUTE 'INSERT INTO shown SELECT to_jsonb(s) FROM (' || rtrim(statement, E';\n ') || E'\n) AS s';
            INSERT INTO failure SELECT i, 'kpi_sql', call, coalesce('the function: ' || g.r::text, 'the statement: ' || s.r::text) FROM (SELECT r - '{by_1,by_2,by_3}'::text[] AS r FROM given) AS g FULL JOIN (SELECT r - groups AS r FROM shown) AS s USING (r) WHERE g.r IS NULL OR s.r IS NULL;
            DELETE FROM shown;
        END IF;
    END LOOP;
END $$;
SELECT smarketing.bind('owner', 'rep'), smarketing.bind('exchange_rate', 'fx'), smarketing.configure('currency', 'EUR'), smarketing.configure('spend_without_dimension', 'none'), smarketing.map_value('channel', 'google / cpc', 'google'), smarketing.map_value('channel', 'typed in', 'Direct'), smarketing.map_value('campaign', 'spring', 'Spring'),
    smarketing.map_value('kind', 'New business', 'new'), smarketing.map_value('kind', 'media', 'marketing'), smarketing.map_value('origin', 'fair', 'partner'), smarketing.map_value('origin', 'cold call', 'sales') \gset
SET client_min_messages = error;
\if :{?calls}
\else
\set calls 160
\endif
SELECT try_calls(1, :calls) \gset
SET client_min_messages = warning;
CREATE FUNCTION failed(kind text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(call || E'\n    ' || coalesce(detail, ''), E'\n' ORDER BY i) || format(E'\n(%s calls)', (SELECT count(DISTINCT i) FROM failure WHERE what = kind)) FROM (SELECT DISTINCT ON (i) * FROM failure WHERE what = kind ORDER BY i, detail LIMIT 3) AS f $$;
SELECT is(failed(kind), NULL, :calls || ' calls over as many CRMs: ' || kind) FROM unnest('{figures,order,cells,periods,won,kpi_rows,kpi,kpi_sql}'::text[]) AS kind;
SELECT cmp_ok((SELECT count(*) FROM tried WHERE attributed <> 0 AND unattributed <> 0 AND pipeline <> 0), '>', 15::bigint, 'many of them with something in each column');

-- By hand: five touches before a deal of 590, 35, 28, 14, 7 and 0 days before its closing; its lead came after the second of them, it itself after the third.
CREATE SCHEMA own; SET search_path = own, public;
CREATE TABLE lead (lead_id int PRIMARY KEY, created_at timestamptz, account_id bigint, channel text);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, created_at timestamptz, closed_at timestamptz, won boolean, account_id bigint, lead_id int, amount numeric, channel text);
CREATE TABLE visit (at timestamptz, account_id text, channel text);
CREATE TABLE cost (at date, amount numeric, channel text);
INSERT INTO lead VALUES (7, '2025-03-14', 1, 'Webinar');
INSERT INTO deal VALUES (1, '2025-03-28', '2025-04-10', true, 1, 7, 590, 'Webinar'), (2, '2025-03-28', '2025-04-11', true, 2, NULL, 100, 'Cold call'), (3, '2025-04-01', '2025-04-12', true, 3, NULL, 10.01, 'Ads'), (4, '2025-04-15', NULL, NULL, 1, NULL, 59, 'Ads'), (5, '2025-03-28', '2025-04-10', false, 1, NULL, 1, NULL);
INSERT INTO visit VALUES ('2025-03-06', '1', 'Ads'), ('2025-03-13', '1', 'Webinar'), ('2025-03-27', '1', 'Email'), ('2025-04-03', '1', 'Social'), ('2025-04-10', '1', 'Direct'), ('2025-04-09', '2', 'Ads'), ('2025-04-12 00:00:00.000001', '3', 'Ads'), ('2025-01-11 23:59:59.999999', '3', 'Ads');
INSERT INTO cost VALUES ('2025-03-31', 50, 'Email'), ('2025-04-01', 100, 'Ads');
SELECT bool_and(smarketing.unbind(e) IS NULL) AS done FROM unnest('{account,owner,exchange_rate}'::text[]) AS e \gset
SELECT smarketing.configure('time_zone', 'UTC'), smarketing.configure('currency', NULL), smarketing.bind('lead', 'lead'), smarketing.bind('opportunity', 'deal'), smarketing.bind('touch', 'visit'), smarketing.bind('spend', 'cost'), smarketing.map_value('origin', 'Cold call', 'sales') \gset
SET TimeZone = 'UTC';
CREATE FUNCTION shares(model text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(by_1 || ' ' || attributed_revenue::float8, ', ' ORDER BY attributed_revenue DESC, by_1) FROM smarketing.marketing_roi('2025-04-01', '2025-05-01', by => '{channel}', options => jsonb_build_object('model', model)) WHERE attributed_revenue <> 0 $$;
SELECT is(shares(model), wanted, model) FROM (VALUES
    ('first', 'Ads 590'), ('last', 'Direct 590'), ('last_non_direct', 'Social 590'), ('linear', 'Ads 118, Direct 118, Email 118, Social 118, Webinar 118'),
    ('time_decay', 'Direct 320, Social 160, Email 80, Webinar 20, Ads 10'), ('position', 'Ads 236, Direct 236, Email 39.333334, Social 39.333333, Webinar 39.333333'), ('position(30/0/70)', 'Direct 413, Ads 177'),
    ('w_shaped', 'Ads 177, Email 177, Webinar 177, Direct 29.5, Social 29.5'), ('full_path', 'Ads 132.75, Direct 132.75, Email 132.75, Webinar 132.75, Social 59')) AS v (model, wanted);
SELECT results_eq('SELECT by_1, spend, attributed_conversions, attributed_revenue, return_on_ad_spend, roi, open_pipeline, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'')',
    $$VALUES ('(unattributed)', NULL::numeric, 0::float8, 0::numeric, NULL::float8, NULL::float8, 0::numeric, 110.01), ('Ads', 100, 0.2, 118, 1.18, 0.18, 11.8, 0), ('Direct', 0, 0.2, 118, NULL, NULL, 11.8, 0), ('Email', 0, 0.2, 118, NULL, NULL, 11.8, 0), ('Social', 0, 0.2, 118, NULL, NULL, 11.8, 0), ('Webinar', 0, 0.2, 118, NULL, NULL, 11.8, 0)$$, 'by channel: a touch just after the closing or before the lookback leads to nothing, nor one to what sales originated');
SELECT results_eq('SELECT period_start, spend, attributed_conversions, attributed_revenue, roi, open_pipeline, unattributed_revenue FROM smarketing.marketing_roi(''2025-03-01'', ''2025-05-01'', options => ''{"basis": "touched", "margin": 0.5}'')',
    $$VALUES (date '2025-03-01', 50::numeric, 0.6::float8, 354::numeric, 2.54::float8, 691::numeric, 0::numeric), ('2025-04-01', 100, 0.4, 236, 0.18, 59, 110.01)$$, 'in the months of the touches');
SELECT results_eq('SELECT attributed_conversions, attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', options => ''{"lookback": "168 hours"}'')', 'VALUES (1::float8, 590::numeric, 110.01::numeric)', 'a touch just so long before counts');
SELECT is((SELECT string_agg(by_1, ',') FROM smarketing.marketing_roi('2025-04-01', '2025-04-30', by => '{channel}', options => '{"lookback": "167:59:59.999999"}') WHERE attributed_revenue = 590), 'Direct', 'not one a moment earlier');
SELECT results_eq('SELECT by_1, attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{origin}'')', $$VALUES ('marketing', 590::numeric, 10.01::numeric), ('sales', 0, 100)$$, 'by origin');
SELECT results_eq('SELECT attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', filter => ''{"channel": ' || f || '}'')', v, 'credits of ' || f) FROM (VALUES ('"Email"', 'VALUES (118::numeric, 0::numeric)'), ('["Ads", "(unattributed)"]', 'VALUES (118::numeric, 110.01::numeric)'), ('{"not": "Ads"}', 'VALUES (472::numeric, 110.01::numeric)')) AS t (f, v);
SELECT results_eq('SELECT * FROM smarketing.kpi_rows(''attributed_revenue'', ''2025-04-01'', ''2025-05-01'', filter => ''{"channel": ["Ads", "Social"]}'')', $$VALUES ('opportunity', '1', 'Ads', timestamptz '2025-04-10', 118::numeric, 0.2::numeric), ('opportunity', '1', 'Social', '2025-04-10', 118, 0.2)$$, 'the records');
SELECT results_eq('SELECT value, other, change FROM smarketing.kpi_compare(''attributed_conversions'', ''2025-05-01'', ''2025-06-01'', options => ''{"against": "previous", "lookback": "14 days"}'')', 'VALUES (0::numeric, 1::numeric, -1::numeric)', 'thirds are one in all, beside another month too');
-- Ties: touches before direct ones, then by channel in byte order; half-lives so short that all but the latest touches are nothing.
TRUNCATE visit; INSERT INTO visit VALUES ('2025-04-02', '1', 'zoo'), ('2025-04-02', '1', NULL), ('2025-04-02', '1', 'a b'), ('2025-04-02', '1', 'a'), ('2025-04-02', '1', 'typed in');
SELECT is(shares(model), wanted, 'at one instant: ' || model) FROM (VALUES ('first', 'a 590'), ('last', 'Direct 590'), ('last_non_direct', 'zoo 590'), ('position(0/0/100)', 'Direct 590')) AS v (model, wanted);
INSERT INTO visit VALUES ('2025-04-01', '1', 'b');
SELECT results_eq('SELECT by_1, attributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'', options => ''{"model": "time_decay", "half_life": "1 us"}'') WHERE attributed_revenue <> 0', $$VALUES ('(none)', 118::numeric), ('Direct', 118), ('a', 118), ('a b', 118), ('zoo', 118)$$, 'a half-life of a microsecond');
-- Channels of our own names.
TRUNCATE visit; INSERT INTO visit VALUES ('2025-04-01', '1', '(unattributed)'), ('2025-04-02', '1', '(none)'), ('2025-04-03', '1', NULL), ('2025-04-04', '1', E'"\\ \x01],'), (NULL, '1', 'x'), ('infinity', '1', 'x'), ('-infinity', '1', 'x'), ('2025-04-04', NULL, 'x');
SELECT results_eq('SELECT by_1, attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'') WHERE attributed_revenue + unattributed_revenue <> 0', $$VALUES (E'"\\ \x01],', 147.5::numeric, 0::numeric), ('(none)', 295, 0), ('(unattributed)', 147.5, 110.01)$$, 'channels named as ours; touches at no time, or of nobody');
SELECT results_eq('SELECT attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', 'VALUES (590::numeric, 110.01::numeric)', 'in total');
-- Opportunities without a time, at an infinite one, without an amount.
UPDATE deal SET closed_at = NULL WHERE opportunity_id = 1; UPDATE deal SET closed_at = '-infinity' WHERE opportunity_id = 2; UPDATE deal SET amount = NULL WHERE opportunity_id = 3;
SELECT is((SELECT round(sum(unattributed_revenue)) || ' ' || sum(attributed_revenue) FROM smarketing.marketing_roi(since, until, period)), wanted, 'no times: ' || what) FROM (VALUES ('all', NULL::timestamptz, NULL::timestamptz, '690 0', 'over all time'), ('all', '2025-01-01', '2026-01-01', '0 0', 'in a range'), ('month', '2025-01-01', '2026-01-01', '0 0', 'by month')) AS v (period, since, until, wanted, what);
SELECT is((SELECT amount_won FROM smarketing.opportunity_win_rate(period => 'all', options => '{"kind": "all"}')), 690::numeric, 'as won revenue has it');
UPDATE deal SET closed_at = '2025-04-10' WHERE opportunity_id = 1;
UPDATE deal SET amount = 'NaN' WHERE opportunity_id = 1;
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', '22003', 'column "amount" of entity "opportunity" has NaN or infinite values', 'NaN');
SELECT lives_ok('SELECT * FROM smarketing.marketing_roi(''2025-05-01'', ''2025-06-01'')', 'not in another month');
UPDATE deal SET amount = '-Infinity' WHERE opportunity_id = 1;
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'')', '22003', NULL, 'minus infinity');
UPDATE deal SET amount = 590 WHERE opportunity_id = 1;

-- Arguments.
CREATE FUNCTION error_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE d text; h text; BEGIN EXECUTE query; RETURN 'no error'; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT; RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(d, ''), nullif(h, '')); END $$;
SELECT matches(error_of(format('SELECT * FROM smarketing.marketing_roi(options => %L)', options)), wanted, options) FROM (VALUES
    ('{"model": "uniform"}', '^22023 .*Later versions add markov\(1\) to markov\(4\) and shapley.*first, last, last_non_direct, linear, time_decay, position, w_shaped, full_path'), ('{"model": "shapley"}', '^0A000 .*full_path'), ('{"model": "markov(4)"}', '^0A000 '), ('{"model": "markov(5)"}', '^22023 '),
    ('{"model": "position(30/40/40)"}', '^22023 '), ('{"model": "position(-10/60/50)"}', '^22023 '), ('{"model": null}', '^22023 '), ('{"model": ["first"]}', '^22023 '), ('{"lookback": "0"}', '^22023 .*positive'), ('{"lookback": "-1 day"}', '^22023 .*positive'), ('{"lookback": "3 months"}', '^22023 .*month'), ('{"lookback": "soon"}', '^22007 '), ('{"lookback": 90}', '^22023 '),
    ('{"half_life": "0"}', '^22023 '), ('{"half_life": "1 year"}', '^22023 '), ('{"basis": "created"}', '^22023 .*closed, touched'), ('{"kind": "gift"}', '^22023 .*upsell'), ('{"margin": 0}', '^22023 '), ('{"margin": 1.5}', '^22023 '), ('{"margin": "x"}', '^22023 '), ('{"time_zone": "Mars"}', '^22023 '), ('{"lag": "1 day"}', '^22023 .*Options: model, lookback, half_life, basis, kind, margin, time_zone')) AS v (options, wanted);
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi(by => ''{channel,flavour}'')', '22023', 'dimension "flavour" does not exist');
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi(filter => ''{"product": "p"}'')', '22023', NULL, 'a dimension that nothing has');
SELECT throws_ok('SELECT * FROM smarketing.kpi_rows(''marketing_roi.roi'')', '22023', NULL, 'a ratio has no records');
SELECT smarketing.configure('gross_margin', '0.5') \gset
SELECT results_eq('SELECT roi FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', 'VALUES (1.95::float8)', 'the margin of the settings');
SELECT smarketing.configure('gross_margin', NULL) \gset

-- What is bound: without touches leads are, at their creation; without either, or without opportunities, nothing can be told.
SELECT smarketing.unbind('touch') \gset
SELECT results_eq('SELECT by_1, attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'') WHERE attributed_revenue + unattributed_revenue <> 0', $$VALUES ('Webinar', 590::numeric, 0::numeric)$$, 'leads as touches');
SELECT smarketing.bind('lead', 'lead', '{"channel": null}') \gset
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi()', '55000', 'marketing_roi needs won opportunities and touches, and not both are bound', 'leads without channels');
SELECT smarketing.unbind('lead') \gset
SELECT matches(error_of('SELECT * FROM smarketing.kpi(''roi'')'), '^55000.*"opportunity".*"won".*"touch".*"lead"', 'neither touches nor leads');
SELECT smarketing.unbind('opportunity'), smarketing.bind('touch', 'visit') \gset
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi()', '55000', NULL, 'no opportunities');
SELECT smarketing.bind('opportunity', 'deal', '{"won": null}') \gset
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi()', '55000', NULL, 'opportunities that are not won');
SELECT smarketing.bind('opportunity', 'deal', '{"amount": null}') \gset
SELECT results_eq('SELECT attributed_conversions, attributed_revenue, roi, open_pipeline, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', 'VALUES (1::float8, NULL::numeric, NULL::float8, NULL::numeric, NULL::numeric)', 'without amounts');
SELECT smarketing.bind('opportunity', 'deal', '{"closed_at": null}') \gset
SELECT results_eq('SELECT attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', 'VALUES (NULL::numeric, NULL::numeric)', 'in no period without closed_at');
SELECT results_eq('SELECT attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(period => ''all'')', 'VALUES (0::numeric, 690::numeric)', 'but over all time');
SELECT smarketing.bind('opportunity', 'deal'), smarketing.bind('lead', 'lead') \gset
TRUNCATE lead, deal, visit, cost;
SELECT results_eq('SELECT count(*), sum(spend), sum(attributed_revenue), sum(attributed_conversions), sum(open_pipeline), sum(unattributed_revenue), count(roi) FROM smarketing.marketing_roi()', 'VALUES (13::bigint, 0::numeric, 0::numeric, 0::float8, 0::numeric, 0::numeric, 0::bigint)', 'empty tables');
SELECT is_empty('SELECT * FROM smarketing.marketing_roi(by => ''{channel}'')', 'by a dimension none');

-- Reading is enough; row-level security of the caller holds, for touches and for opportunities.
INSERT INTO deal SELECT i, '2025-03-01', '2025-04-10', true, i, NULL, 10, 'Ads' FROM generate_series(1, 6) AS i;
INSERT INTO visit SELECT '2025-04-01', i, 'Ads' FROM generate_series(1, 6) AS i;
CREATE ROLE roi_reader; GRANT USAGE ON SCHEMA own TO roi_reader; GRANT SELECT ON deal, lead, cost TO roi_reader;
SET ROLE roi_reader;
SELECT throws_ok('SELECT * FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', '42501', 'permission denied for table visit', 'not without SELECT');
RESET ROLE;
GRANT SELECT ON visit TO roi_reader; ALTER TABLE visit ENABLE ROW LEVEL SECURITY; CREATE POLICY own_visits ON visit TO roi_reader USING (account_id <= '2');
SET ROLE roi_reader;
SELECT results_eq('SELECT attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'')', 'VALUES (20::numeric, 40::numeric)', 'touches that the caller sees');
RESET ROLE;
ALTER TABLE deal ENABLE ROW LEVEL SECURITY; CREATE POLICY own_deals ON deal TO roi_reader USING (account_id >= 2);
SET ROLE roi_reader;
BEGIN READ ONLY;
SELECT results_eq('SELECT by_1, attributed_revenue, unattributed_revenue FROM smarketing.marketing_roi(''2025-04-01'', ''2025-05-01'', by => ''{channel}'')', $$VALUES ('(unattributed)', 0::numeric, 40::numeric), ('Ads', 10, 0)$$, 'and opportunities');
COMMIT;
SELECT is((SELECT count(*) FROM smarketing.kpi_rows('attributed_conversions', '2025-04-01', '2025-05-01')), 1::bigint, 'and their records');
RESET ROLE;
DROP OWNED BY roi_reader; DROP ROLE roi_reader;
-- A closing that is a date: touches of its whole day count. Who reads a figure's records is told which touch they are.
SELECT smarketing.configure('time_zone', 'Europe/Paris') AS done \gset
CREATE TABLE dated_deal (id bigint PRIMARY KEY, lead bigint, opened timestamptz, closed date, won boolean, amount numeric, title text);
CREATE TABLE dated_visit (at timestamptz, lead bigint, channel text, campaign text);
INSERT INTO dated_deal VALUES (1, 7, '2025-06-01', '2025-06-10', true, 100, 'New machine');
INSERT INTO dated_visit VALUES ('2025-06-10 21:59:59.999999Z', 7, 'Ads', 'June'), ('2025-06-10 22:00Z', 7, 'Mail', 'June'), ('2025-03-12 21:59:59.999999Z', 7, 'Fair', NULL), ('2025-03-12 21:59:59.999998Z', 7, 'Radio', NULL);
SELECT smarketing.bind('opportunity', 'dated_deal', '{"opportunity_id": "id", "lead_id": "lead", "created_at": "opened", "closed_at": "closed", "label": "title"}') AS a, smarketing.bind('touch', 'dated_visit', '{"lead_id": "lead"}') AS b \gset
SELECT results_eq($$SELECT label, at, amount, weight FROM smarketing.kpi_rows('attributed_revenue', '2025-06-01', '2025-07-01') ORDER BY label$$, $$VALUES ('New machine <- Ads / June', '2025-06-09 22:00Z'::timestamptz, 50.000000, 0.5), ('New machine <- Fair', '2025-06-09 22:00Z', 50.000000, 0.5)$$, 'a closing that is a date');
UPDATE dated_visit SET channel = NULL, campaign = 'May' WHERE channel = 'Fair';
SELECT bag_eq($$SELECT label FROM smarketing.kpi_rows('attributed_revenue', '2025-06-01', '2025-07-01')$$, $$VALUES ('New machine <- Ads / June'), ('New machine <- (none) / May')$$, 'a touch without a channel');
SELECT smarketing.bind('opportunity', 'dated_deal', '{"opportunity_id": "id", "lead_id": "lead", "created_at": "opened", "closed_at": "closed", "label": null}') AS a \gset
SELECT bag_eq($$SELECT label FROM smarketing.kpi_rows('attributed_revenue', '2025-06-01', '2025-07-01')$$, $$VALUES ('Ads / June'), ('(none) / May')$$, 'a deal without a label');
SELECT throws_ok($$SELECT * FROM smarketing.marketing_roi(options => '{"lookback": "90"}')$$, '22023', 'option "lookback" needs a unit: "90"');
-- A lead and an opportunity that are dated by a day: touches of that day come before them, but not after what they led to.
CREATE TABLE day_lead (lead_id int, created_at timestamptz, account_id int, channel text);
CREATE TABLE day_deal (opportunity_id int, created_at date, closed_at timestamptz, won boolean, account_id int, lead_id int, amount numeric);
INSERT INTO day_lead VALUES (1, '2026-01-05 10:00Z', 1, 'First'), (2, '2026-01-24 10:00Z', 1, 'Form'), (3, '2026-01-29 10:00Z', 1, 'Mail'), (4, '2026-02-01 10:00Z', 1, 'Late');
INSERT INTO day_deal VALUES (1, '2026-01-24', '2026-02-05', true, 1, 2, 100);
CREATE VIEW day_deal_at AS SELECT opportunity_id, created_at + time '11:00' AT TIME ZONE 'Europe/Paris' AS created_at, closed_at, won, account_id, lead_id, amount FROM day_deal;
CREATE VIEW day_lead_dated AS SELECT lead_id, (created_at AT TIME ZONE 'Europe/Paris')::date AS created_at, account_id, channel FROM day_lead;
CREATE TABLE day_touch (at timestamptz, lead_id int, channel text);
CREATE FUNCTION day_credits(since date DEFAULT '2026-02-01') RETURNS text LANGUAGE sql AS $$SELECT string_agg(by_1 || ' ' || trim_scale(attributed_revenue), ', ' ORDER BY by_1)
FROM smarketing.marketing_roi(since, (since + interval '1 month')::date, 'all', '{channel}', options => '{"model": "w_shaped"}') WHERE attributed_revenue > 0$$;
SELECT smarketing.unbind('touch') AS a, smarketing.bind('lead', 'day_lead') AS b, smarketing.bind('opportunity', 'day_deal') AS c \gset
SELECT is(day_credits(), 'First 30, Form 60, Late 5, Mail 5', 'an opportunity of a day follows the lead of that day');
SELECT smarketing.bind('opportunity', 'day_deal_at') AS a \gset
SELECT is(day_credits(), 'First 30, Form 60, Late 5, Mail 5', 'as one of eleven o''clock does');
INSERT INTO day_touch SELECT created_at, 2, channel FROM day_lead;
SELECT smarketing.bind('touch', 'day_touch') AS a, smarketing.bind('lead', 'day_lead_dated') AS b \gset
SELECT is(day_credits(), 'First 30, Form 60, Late 5, Mail 5', 'and a lead of a day has the touches of that day, up to the opportunity');
-- Won on the day on which it was opened, at noon: what came later that day led to neither.
SELECT smarketing.bind('opportunity', 'day_deal') AS a \gset
UPDATE day_deal SET closed_at = '2026-01-24 12:00Z';
INSERT INTO day_touch VALUES ('2026-01-24 11:00Z', 2, 'Call'), ('2026-01-24 13:00Z', 2, 'Thanks'), ('2026-01-24 09:00Z', 2, 'Ad');
SELECT is(day_credits('2026-01-01'), 'Ad 5, Call 60, First 30, Form 5', 'not after the closing of that day');
SELECT * FROM finish();
