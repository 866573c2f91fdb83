-- Four KPIs and the funnel of leads against a slow and obvious reference, written from the contract: every scenario makes random messy CRM
-- tables, binds them in a random way, and compares random calls in full, every row, column and the order. Then what must
-- hold between calls. The seed is printed; another one: PGOPTIONS="-c smk.seed=0.123" (psql) or SMK_SEED=0.123 (make check).
-- One row in twelve is dated relative to now(), which a seed does not fix.
SET client_min_messages = error;
\getenv env_seed SMK_SEED
\if :{?env_seed}
SET smk.seed = :'env_seed';
\endif
CREATE EXTENSION smarketing;
CREATE SCHEMA reference;
CREATE SCHEMA crm;

-- Chance.
CREATE FUNCTION reference.seed() RETURNS float8 LANGUAGE sql AS $$ SELECT coalesce(nullif(current_setting('smk.seed', true), ''), '0.25')::float8 $$;
CREATE FUNCTION reference.reseed(VARIADIC parts int[]) RETURNS void LANGUAGE sql AS $$
    SELECT setseed((('x' || substr(md5(reference.seed()::text || ':' || parts::text), 1, 8))::bit(32)::int / 2147483648.0)::float8) $$;
CREATE FUNCTION reference.chance(p float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT random() < p $$;
CREATE FUNCTION reference.pick(v anyarray) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$
BEGIN RETURN v[1 + floor(random() * cardinality(v))::int]; END $$;
CREATE FUNCTION reference.subset(v text[], p float8) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE x text; r text[] := '{}';
BEGIN FOREACH x IN ARRAY v LOOP IF random() < p THEN r := r || x; END IF; END LOOP; RETURN r; END $$;
CREATE FUNCTION reference.a_zone() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT reference.pick('{UTC,Europe/Paris,America/New_York,America/Havana,Australia/Lord_Howe,Asia/Kolkata,Pacific/Kiritimati}'::text[]) $$;
-- A time near the ends of months, midnights and the days on which clocks change; now and then near now().
CREATE FUNCTION reference.a_time() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE local timestamp; at timestamptz;
BEGIN
    IF random() < 0.08 THEN RETURN date_trunc('hour', now()) + (random() * 60 - 45)::int * interval '1 day' + (random() * 24)::int * interval '1 hour'; END IF;
    local := reference.pick('{2023-12-31 23:30,2024-01-01 00:00,2024-01-31 23:59:59.999999,2024-02-29 12:00,2024-03-10 00:00,2024-03-10 02:30,2024-03-31 00:00,2024-03-31 02:30,
        2024-04-01 00:00,2024-04-07 01:45,2024-04-30 22:00,2024-06-30 23:00,2024-07-01 00:00,2024-10-06 02:00,2024-10-27 02:30,2024-11-03 00:00,2024-11-03 00:30,2024-11-03 01:30,2024-12-01 00:00}'::timestamp[]);
    at := local AT TIME ZONE reference.a_zone();
    RETURN CASE floor(random() * 6)::int
        WHEN 0 THEN at WHEN 1 THEN at - interval '1 microsecond' WHEN 2 THEN at + interval '30 minutes' WHEN 3 THEN at - interval '1 hour'
        ELSE at + (random() * 60 - 30)::int * interval '1 day' + floor(random() * 86400)::int * interval '1 second' END;
END $$;
CREATE FUNCTION reference.maybe(p float8, v anyelement) RETURNS anyelement LANGUAGE sql VOLATILE AS $$ SELECT CASE WHEN random() < p THEN v END $$;
CREATE FUNCTION reference.later(at timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.15 THEN reference.a_time() WHEN random() < 0.05 THEN at ELSE at + random() * 90 * interval '1 day' - interval '3 days' END $$;

-- The shape of a scenario: which column stands where, in what type, and whether it is bound.
CREATE TABLE reference.known (entity text, col text, kind text, is_required boolean DEFAULT false, PRIMARY KEY (entity, col));
INSERT INTO reference.known VALUES ('lead', 'lead_id', 'key', true), ('lead', 'created_at', 'time', true);
INSERT INTO reference.known SELECT 'lead', c, k FROM (VALUES ('account_id', 'key'), ('label', 'text'), ('stage', 'text'), ('pipeline', 'text'), ('mql_at', 'time'), ('sal_at', 'time'),
    ('sql_at', 'time'), ('channel', 'text'), ('campaign', 'text'), ('owner', 'key'), ('segment', 'text'), ('disqualified_at', 'time'), ('dim:country', 'text')) AS v (c, k);
INSERT INTO reference.known VALUES ('opportunity', 'opportunity_id', 'key', true), ('opportunity', 'created_at', 'time', true);
INSERT INTO reference.known SELECT 'opportunity', c, k FROM (VALUES ('lead_id', 'key'), ('account_id', 'key'), ('label', 'text'), ('amount', 'number'), ('closed_at', 'time'), ('won', 'truth'),
    ('currency', 'text'), ('expected_close_at', 'time'), ('kind', 'text'), ('channel', 'text'), ('campaign', 'text'), ('owner', 'key'), ('segment', 'text'), ('product', 'text'), ('dim:Sales "Region"', 'text')) AS v (c, k);
INSERT INTO reference.known VALUES ('stage_change', 'at', 'time', true), ('stage_change', 'stage', 'text', true), ('stage_change', 'lead_id', 'key', false),
    ('stage_change', 'opportunity_id', 'key', false), ('stage_change', 'pipeline', 'text', false),
    ('spend', 'at', 'time', true), ('spend', 'amount', 'number', true);
INSERT INTO reference.known SELECT 'spend', c, k FROM (VALUES ('ends_at', 'time'), ('currency', 'text'), ('channel', 'text'), ('campaign', 'text'), ('kind', 'text'), ('segment', 'text'), ('product', 'text'), ('owner', 'key'), ('dim:country', 'text')) AS v (c, k);
INSERT INTO reference.known VALUES ('exchange_rate', 'currency', 'text', true), ('exchange_rate', 'at', 'time', true), ('exchange_rate', 'rate', 'rate', true);
INSERT INTO reference.known VALUES ('account', 'account_id', 'key', true), ('account', 'label', 'text', false), ('account', 'segment', 'text', false), ('account', 'owner', 'key', false),
    ('account', 'is_target', 'truth', false), ('account', 'dim:country', 'text', false),
    ('owner', 'owner', 'key', true), ('owner', 'label', 'text', false), ('owner', 'team', 'text', false), ('owner', 'dim:Sales "Region"', 'text', false);
CREATE TABLE reference.shape (entity text, col text, kind text, name text, type text, is_bound boolean, PRIMARY KEY (entity, col));
CREATE TABLE reference.place (entity text PRIMARY KEY, source text, time_zone text, is_bound boolean, is_unique boolean, is_filtered boolean);
CREATE TABLE reference.stage_map (label text, pipeline text, stage text);
CREATE TABLE reference.value_map (dim text, label text, value text);
CREATE TABLE reference.setting (time_zone text, first_month int, spend_without text, currency text, on_missing_rate text);

-- The truth, as the generator means it; keys are numbers.
CREATE TABLE reference.raw_lead (lead_id int, created_at timestamptz, account_id int, label text, stage text, pipeline text, mql_at timestamptz, sal_at timestamptz, sql_at timestamptz,
    channel text, campaign text, owner int, segment text, disqualified_at timestamptz, "dim:country" text);
CREATE TABLE reference.raw_opportunity (opportunity_id int, created_at timestamptz, lead_id int, account_id int, label text, amount numeric, currency text, closed_at timestamptz, won boolean,
    expected_close_at timestamptz, kind text, channel text, campaign text, owner int, segment text, product text, "dim:Sales ""Region""" text);
CREATE TABLE reference.raw_stage_change (at timestamptz, stage text, lead_id int, opportunity_id int, pipeline text);
CREATE TABLE reference.raw_exchange_rate (currency text, at timestamptz, rate numeric);
CREATE TABLE reference.raw_spend (at timestamptz, ends_at timestamptz, amount numeric, currency text, channel text, campaign text, kind text, segment text, product text, owner int, "dim:country" text);
CREATE TABLE reference.raw_account (account_id int, label text, segment text, owner int, is_target boolean, "dim:country" text);
CREATE TABLE reference.raw_owner (owner int, label text, team text, "dim:Sales ""Region""" text);

CREATE FUNCTION reference.a_channel() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT reference.maybe(0.85, reference.pick(ARRAY['google / cpc', 'Google Ads', 'Google', 'LinkedIn', 'O''Brien', 'Événement "A"', '(none)', 'fair'])) $$;
CREATE FUNCTION reference.a_segment() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT reference.maybe(0.85, reference.pick(ARRAY['SMB', 'smb', 'Mid', ''])) $$;
CREATE FUNCTION reference.a_country() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT reference.maybe(0.85, reference.pick(ARRAY['FR', 'US', 'Côte d''Ivoire'])) $$;
CREATE FUNCTION reference.a_stage() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT reference.maybe(0.9, reference.pick(ARRAY['lead', 'MQL', 'Qualified', 'Won!', 'Disqualified', 'Gone', 'Demo', 'opportunity', 'recycled', 'visitor', 'sal', 'lead', 'what?'])) $$;

CREATE FUNCTION reference.sql_type(kind text, uuids boolean) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE kind WHEN 'time' THEN reference.pick('{timestamptz,timestamptz,timestamp,date}'::text[])
        WHEN 'number' THEN reference.pick('{numeric,float8,int}'::text[])
        WHEN 'rate' THEN reference.pick('{numeric,float8}'::text[])
        WHEN 'truth' THEN reference.pick('{boolean,yesno}'::text[])
        WHEN 'key' THEN CASE WHEN uuids THEN reference.pick('{uuid,text}'::text[]) ELSE reference.pick('{int,bigint,text,int}'::text[]) END
        ELSE 'text' END $$;
-- What is written into the CRM, and what is read from it by hand (in the reporting zone) or by its binding.
CREATE FUNCTION reference.written(type text, kind text, uuids boolean, col text, zone text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN type = 'timestamp' THEN format('%I AT TIME ZONE %L', col, zone)
        WHEN type = 'date' THEN format('(%I AT TIME ZONE %L)::date', col, zone)
        WHEN kind = 'key' AND uuids THEN format('md5(%I::text)::uuid::%s', col, type)
        WHEN type = 'yesno' THEN format('CASE WHEN %1$I THEN ''Yes'' WHEN NOT %1$I THEN ''No'' ELSE nullif(left(%1$I::text, 0), '''') END', col)
        ELSE format('%I::%s', col, type) END $$;
CREATE FUNCTION reference.by_hand(type text, name text, source_zone text, zone text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE type WHEN 'timestamp' THEN format('%I AT TIME ZONE %L', name, source_zone) WHEN 'date' THEN format('%I::timestamp AT TIME ZONE %L', name, zone)
        WHEN 'yesno' THEN format('%I = ''Yes''', name) ELSE format('%I', name) END $$;
CREATE FUNCTION reference.day_begins(day date, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT min(t) FROM (SELECT (day::timestamp AT TIME ZONE zone) + i * interval '30 minutes' AS t FROM generate_series(-3, 3) AS i) AS u WHERE (t AT TIME ZONE zone)::date = day $$;

CREATE FUNCTION reference.make(scenario int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e record; money text[] := reference.pick('{"{EUR}","{EUR,eur}","{EUR,USD}","{EUR,\" usd\",USD,GBP,JPY,\"\"}"}'::text[])::text[]; uuids boolean := reference.chance(0.3); density float8 := reference.pick('{0.5,0.75,0.9}'::float8[]); sources text[]; c record; list text; binds jsonb; x text; dims jsonb;
BEGIN
    PERFORM smarketing.map_value(dim, label, NULL) FROM reference.value_map;
    PERFORM smarketing.define_dimension(d, NULL) FROM unnest('{country,"Sales \"Region\""}'::text[]) AS d WHERE reference.exists_dim(d);
    FOR e IN SELECT * FROM reference.place WHERE is_bound LOOP PERFORM smarketing.unbind(e.entity); END LOOP;
    PERFORM smarketing.map_stage(label, NULL, pipeline) FROM reference.stage_map;
    FOR e IN SELECT * FROM reference.place LOOP EXECUTE 'DROP TABLE ' || e.source; END LOOP;
    TRUNCATE reference.shape, reference.place, reference.stage_map, reference.value_map, reference.setting, smarketing.spend_entry, smarketing.exchange_rate_entry, reference.raw_exchange_rate, reference.raw_lead, reference.raw_opportunity,
        reference.raw_stage_change, reference.raw_spend, reference.raw_account, reference.raw_owner;
    INSERT INTO reference.place VALUES
        ('lead', 'crm."Kontakt ""Liste"""', reference.a_zone(), true, reference.chance(0.7), reference.chance(0.2)),
        ('opportunity', 'crm.o_''deal''', reference.a_zone(), reference.chance(0.92), true, reference.chance(0.2)),
        ('stage_change', 'crm.log', reference.a_zone(), reference.chance(0.65), false, false),
        ('spend', 'crm."Spend"', reference.a_zone(), reference.chance(0.65), false, reference.chance(0.2)),
        ('account', 'crm.account', reference.a_zone(), reference.chance(0.85), reference.chance(0.5), false),
        ('exchange_rate', 'crm.fx', reference.a_zone(), reference.chance(0.6), false, reference.chance(0.2)),
        ('owner', 'crm.people', reference.a_zone(), reference.chance(0.85), reference.chance(0.5), false);
    UPDATE reference.place SET source = 'crm."o''deal"' WHERE entity = 'opportunity';

    INSERT INTO reference.raw_owner SELECT i, 'Rep ' || i, reference.maybe(0.85, reference.pick(ARRAY['North', 'South', 'O''Team'])), reference.a_country() FROM generate_series(8, 12) AS i;
    INSERT INTO reference.raw_account SELECT i, 'Account ' || i, reference.a_segment(), reference.maybe(0.8, 8 + floor(random() * 6)::int), reference.maybe(0.8, reference.chance(0.5)), reference.a_country()
        FROM generate_series(1, 30) AS i;
    INSERT INTO reference.raw_lead SELECT i, reference.maybe(0.96, reference.a_time()), reference.maybe(0.7, 1 + floor(random() * 33)::int), 'Lead ' || i, reference.a_stage(), reference.maybe(0.7, reference.pick('{P1,P2,P3}'::text[])),
        NULL, NULL, NULL, reference.a_channel(), reference.maybe(0.7, reference.pick('{Spring,spring,Brand}'::text[])), reference.maybe(0.8, 8 + floor(random() * 6)::int), reference.a_segment(), NULL, reference.a_country()
        FROM generate_series(1, 110) AS i;
    UPDATE reference.raw_lead SET mql_at = reference.maybe(0.3, reference.later(created_at)), sal_at = reference.maybe(0.15, reference.later(created_at)),
        sql_at = reference.maybe(0.15, reference.later(created_at)), disqualified_at = reference.maybe(0.15, reference.later(created_at));
    INSERT INTO reference.raw_opportunity SELECT i, reference.maybe(0.96, reference.a_time()), reference.maybe(0.55, 1 + floor(random() * 115)::int), reference.maybe(0.75, 1 + floor(random() * 33)::int), 'Deal ' || i,
        reference.maybe(0.85, CASE WHEN random() < 0.5 THEN floor(random() * 5000)::numeric ELSE round((random() * 9000 - 300)::numeric, 2) END), reference.maybe(0.8, reference.pick(money)), NULL,
        reference.maybe(0.7, reference.chance(0.55)), NULL, reference.maybe(0.9, reference.pick(ARRAY['new', 'New business', 'New business', 'upsell', 'Cross', 'renewal', 'NEW'])),
        reference.a_channel(), reference.maybe(0.7, reference.pick('{Spring,Brand}'::text[])), reference.maybe(0.8, 8 + floor(random() * 6)::int), reference.a_segment(),
        reference.maybe(0.8, reference.pick(ARRAY['Pro', 'pro', 'B"x'])), reference.a_country()
        FROM generate_series(1, 130) AS i;
    UPDATE reference.raw_opportunity SET closed_at = CASE WHEN won IS NULL THEN reference.maybe(0.1, reference.later(created_at)) ELSE reference.maybe(0.93, reference.later(created_at)) END,
        expected_close_at = reference.maybe(0.7, reference.later(created_at));
    INSERT INTO reference.raw_stage_change SELECT reference.maybe(0.97, reference.a_time()), reference.a_stage(), reference.maybe(0.85, 1 + floor(random() * 115)::int), reference.maybe(0.4, 1 + floor(random() * 130)::int),
        reference.maybe(0.7, reference.pick('{P1,P2,P3}'::text[])) FROM generate_series(1, 110) AS i;
    INSERT INTO reference.raw_spend SELECT reference.maybe(0.96, reference.a_time()), NULL, reference.maybe(0.95, CASE WHEN random() < 0.5 THEN floor(random() * 500)::numeric ELSE round((random() * 900 - 30)::numeric, 2) END), reference.maybe(0.8, reference.pick(money)),
        reference.a_channel(), reference.maybe(0.7, reference.pick('{Spring,Brand}'::text[])), reference.maybe(0.8, reference.pick(ARRAY['marketing', 'Media', 'sales', 'other', 'marketing'])),
        reference.a_segment(), reference.maybe(0.6, reference.pick(ARRAY['Pro', 'pro'])), reference.maybe(0.6, 8 + floor(random() * 6)::int), reference.a_country() FROM generate_series(1, 90) AS i;
    -- Keys that occur twice, or are missing.
    UPDATE reference.raw_spend SET ends_at = reference.maybe(0.35, at + reference.pick('{2 days,3 days 5 hours,7 days,31 days,90 days,400 days}'::interval[]));
    INSERT INTO reference.raw_exchange_rate SELECT known, '2001-02-03', 0.5 FROM unnest('{USD,GBP,JPY}'::text[]) AS known WHERE reference.chance(0.9);
    INSERT INTO reference.raw_exchange_rate SELECT reference.pick(ARRAY['USD', 'usd ', 'GBP', 'JPY', 'EUR', NULL, '']), reference.maybe(0.97, reference.a_time()), reference.maybe(0.97, round((0.2 + random())::numeric, 4)) FROM generate_series(1, 80);
    IF reference.chance(0.4) THEN
        INSERT INTO smarketing.exchange_rate_entry SELECT DISTINCT ON (1, 2) reference.pick('{USD,GBP,jpy}'::text[]), (reference.a_time() AT TIME ZONE 'UTC')::date, round((0.2 + random())::numeric, 4) FROM generate_series(1, 15);
    END IF;
    IF NOT (SELECT is_unique FROM reference.place WHERE entity = 'account') THEN
        INSERT INTO reference.raw_account SELECT 1 + floor(random() * 30)::int, label || ' again', reference.a_segment(), reference.maybe(0.8, 8 + floor(random() * 6)::int), reference.maybe(0.8, reference.chance(0.5)), reference.a_country()
            FROM reference.raw_account WHERE account_id <= 10;
        INSERT INTO reference.raw_account VALUES (NULL, 'nobody', 'SMB', 9, true, 'FR');
    END IF;
    IF NOT (SELECT is_unique FROM reference.place WHERE entity = 'owner') THEN
        INSERT INTO reference.raw_owner SELECT owner, label || 'bis', reference.pick(ARRAY['North', 'A', NULL]), reference.a_country() FROM reference.raw_owner WHERE owner > 9;
    END IF;
    IF NOT (SELECT is_unique FROM reference.place WHERE entity = 'lead') THEN
        UPDATE reference.raw_lead SET lead_id = NULL, account_id = NULL WHERE lead_id IN (33, 34);
    END IF;
    IF reference.chance(0.5) THEN
        INSERT INTO smarketing.spend_entry (at, ends_at, currency, amount, channel, campaign, kind, segment, product, owner)
        SELECT day, reference.maybe(0.3, day + (random() * 40)::int), reference.maybe(0.4, reference.pick(money)), round((random() * 300)::numeric, 2), reference.a_channel(), reference.maybe(0.7, 'Brand'::text), reference.pick(ARRAY['marketing', 'Media', 'sales', 'marketing']),
            reference.a_segment(), reference.maybe(0.5, 'Pro'::text), reference.maybe(0.7, CASE WHEN uuids THEN md5((8 + i % 5)::text)::uuid::text ELSE (8 + i % 5)::text END) FROM (SELECT i, (reference.a_time() AT TIME ZONE 'UTC')::date AS day FROM generate_series(1, 25) AS i) AS d;
    END IF;

    -- Into the CRM, in types and names of its own, and bound.
    INSERT INTO reference.shape SELECT entity, col, kind, CASE WHEN reference.chance(0.4) THEN col ELSE reference.pick(ARRAY['Its ' || upper(col), col || '"s', 'o''' || col]) END,
        reference.sql_type(kind, uuids), is_required OR reference.chance(density) FROM reference.known;
    UPDATE reference.shape SET is_bound = true WHERE entity = 'stage_change' AND col = 'opportunity_id' AND NOT EXISTS (SELECT FROM reference.shape WHERE entity = 'stage_change' AND col = 'lead_id' AND is_bound);
    FOR e IN SELECT * FROM reference.place LOOP
        SELECT string_agg(format('%s AS %I', reference.written(s.type, s.kind, uuids, s.col, e.time_zone), s.name), ', ') INTO list FROM reference.shape AS s WHERE entity = e.entity;
        EXECUTE format('CREATE TABLE %s AS SELECT %s, row_number() OVER () %% 7 = 0 AS "Deleted?" FROM reference.raw_%s', e.source, list, e.entity);
        IF e.is_unique AND e.entity IN ('lead', 'account', 'owner') THEN
            EXECUTE format('CREATE UNIQUE INDEX ON %s (%I)', e.source, (SELECT name FROM reference.shape WHERE entity = e.entity AND col = reference.key_of(e.entity)));
        END IF;
        EXECUTE 'ANALYZE ' || e.source;
        CONTINUE WHEN NOT e.is_bound;
        SELECT jsonb_object_agg(col, CASE WHEN is_bound THEN to_jsonb(CASE type WHEN 'yesno' THEN format('CASE %I WHEN ''Yes'' THEN true WHEN ''No'' THEN false END', name) ELSE format('%I', name) END) END)
            INTO binds FROM reference.shape WHERE entity = e.entity AND col NOT LIKE 'dim:%' AND (is_bound AND (name <> col OR type = 'yesno') OR NOT is_bound AND name = col);
        PERFORM smarketing.bind(e.entity, e.source::regclass, coalesce(binds, '{}'), CASE WHEN e.is_filtered THEN 'NOT "Deleted?"' END, e.time_zone);
    END LOOP;
    FOREACH x IN ARRAY '{country,"Sales \"Region\""}'::text[] LOOP
        SELECT jsonb_object_agg(s.entity, format('%I', name)) INTO dims FROM reference.shape AS s JOIN reference.place AS p ON p.entity = s.entity AND p.is_bound WHERE col = 'dim:' || x AND s.is_bound;
        IF dims IS NOT NULL THEN PERFORM smarketing.define_dimension(x, dims); END IF;
    END LOOP;
    INSERT INTO reference.stage_map SELECT * FROM (VALUES ('Qualified', NULL, 'sql'), ('Won!', NULL, 'won'), ('Gone', 'P1', 'disqualified'), ('Gone', NULL, 'lost'), ('Demo', 'P2', 'mql'), ('lead', 'P2', 'mql')) AS v WHERE reference.chance(0.85);
    PERFORM smarketing.map_stage(label, stage::smarketing.funnel_stage, pipeline) FROM reference.stage_map;
    INSERT INTO reference.value_map SELECT * FROM (VALUES ('channel', 'google / cpc', 'Google Ads'), ('channel', 'Google Ads', 'Google'), ('kind', 'New business', 'new'), ('kind', 'Cross', 'cross_sell'), ('kind', 'Media', 'marketing'),
        ('origin', 'LinkedIn', 'sales'), ('origin', 'fair', 'partner'), ('segment', 'smb', 'SMB'), ('owner', '9', 'Nine'), ('country', 'FR', 'France')) AS v WHERE reference.chance(0.8);
    DELETE FROM reference.value_map WHERE dim = 'country' AND NOT reference.exists_dim('country');
    PERFORM smarketing.map_value(dim, label, value) FROM reference.value_map;
    INSERT INTO reference.setting VALUES (reference.a_zone(), reference.pick('{1,4,7,12}'::int[]), reference.pick('{none,none,error}'::text[]), CASE WHEN cardinality(money) = 1 AND reference.chance(0.5) OR reference.chance(0.15) THEN NULL ELSE reference.pick('{EUR,EUR,USD}'::text[]) END, reference.pick('{error,"null"}'::text[]));
    PERFORM smarketing.configure('time_zone', time_zone), smarketing.configure('fiscal_year_start', first_month::text), smarketing.configure('spend_without_dimension', spend_without), smarketing.configure('currency', currency), smarketing.configure('on_missing_rate', on_missing_rate) FROM reference.setting;
    DELETE FROM reference.read_in;
    PERFORM reference.read_all('UTC');
    PERFORM reference.fill_dimensions();
END $$;

-- Bindings, read by hand.
CREATE FUNCTION reference.key_of(entity text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE entity WHEN 'owner' THEN 'owner' ELSE entity || '_id' END $$;
CREATE FUNCTION reference.has(e text, c text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE e WHEN 'spend_entry' THEN c IN ('at', 'ends_at', 'currency', 'amount', 'channel', 'campaign', 'kind', 'segment', 'product', 'owner')
        ELSE EXISTS (SELECT FROM reference.shape AS s JOIN reference.place AS p USING (entity) WHERE s.entity = e AND s.col = c AND s.is_bound AND p.is_bound) END $$;
CREATE FUNCTION reference.bound(e text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE e WHEN 'spend_entry' THEN EXISTS (SELECT FROM smarketing.spend_entry) ELSE (SELECT is_bound FROM reference.place WHERE entity = e) END $$;
CREATE FUNCTION reference.exists_dim(d text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT d IN ('channel', 'campaign', 'owner', 'team', 'segment', 'product', 'account', 'kind', 'origin', 'target')
        OR EXISTS (SELECT FROM reference.place AS p WHERE reference.has(p.entity, 'dim:' || d)) $$;
CREATE FUNCTION reference.column_of(d text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE d WHEN 'account' THEN 'account_id' WHEN 'origin' THEN 'channel' WHEN 'target' THEN 'is_target' WHEN 'country' THEN 'dim:country' WHEN 'Sales "Region"' THEN 'dim:' || d ELSE d END $$;
-- The way from an entity to a dimension: {} its own column, NULL none.
CREATE FUNCTION reference.way(e text, d text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE c text := reference.column_of(d); order_of text[] := '{lead,opportunity,account,owner}'; a text; b text; f text;
BEGIN
    IF reference.has(e, c) THEN RETURN '{}'; END IF;
    FOREACH a IN ARRAY order_of LOOP IF reference.linked(e, a) AND reference.has(a, c) THEN RETURN ARRAY[a]; END IF; END LOOP;
    FOREACH a IN ARRAY order_of LOOP FOREACH b IN ARRAY order_of LOOP
        IF reference.linked(e, a) AND reference.linked(a, b) AND reference.has(b, c) THEN RETURN ARRAY[a, b]; END IF;
    END LOOP; END LOOP;
    FOREACH a IN ARRAY order_of LOOP FOREACH b IN ARRAY order_of LOOP FOREACH f IN ARRAY order_of LOOP
        IF reference.linked(e, a) AND reference.linked(a, b) AND reference.linked(b, f) AND reference.has(f, c) THEN RETURN ARRAY[a, b, f]; END IF;
    END LOOP; END LOOP; END LOOP;
    RETURN NULL;
END $$;
CREATE FUNCTION reference.linked(e text, target text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT e <> target AND reference.has(e, reference.key_of(target)) AND reference.has(target, reference.key_of(target)) $$;

-- Every record in canonical columns, in a reporting zone; and the one that stands for each key.
CREATE TABLE reference.rec (entity text, n int, key text, row jsonb, PRIMARY KEY (entity, n));
CREATE TABLE reference.one (entity text, key text, row jsonb, PRIMARY KEY (entity, key));
CREATE TABLE reference.move (lead text, at timestamptz, stage text, step int);   -- what happened to leads: a change that has no time is none
CREATE TABLE reference.deal (lead text, account text, at timestamptz, closed timestamptz, won boolean);
CREATE TABLE reference.rate (currency text, day date, rate numeric, PRIMARY KEY (currency, day));
CREATE TABLE reference.read_in (zone text);   -- what is read now
CREATE FUNCTION reference.code(currency text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(upper(trim(currency)), '') $$;
CREATE FUNCTION reference.read_all(zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE p record; list text;
BEGIN
    IF EXISTS (SELECT FROM reference.read_in AS r WHERE r.zone = read_all.zone) THEN RETURN; END IF;
    DELETE FROM reference.read_in; INSERT INTO reference.read_in VALUES (zone);
    TRUNCATE reference.rec, reference.one, reference.move, reference.deal;
    FOR p IN SELECT * FROM reference.place WHERE is_bound LOOP
        SELECT string_agg(format(CASE col WHEN 'is_target' THEN 'coalesce(%s, false) AS %I' ELSE '%s AS %I' END, reference.by_hand(type, name, p.time_zone, zone), col), ', ') INTO list FROM reference.shape WHERE entity = p.entity AND is_bound;
        EXECUTE format('INSERT INTO reference.rec SELECT %L, row_number() OVER (), to_jsonb(t)->>%L, to_jsonb(t) FROM (SELECT %s FROM %s WHERE %s) AS t',
            p.entity, reference.key_of(p.entity), list, p.source, CASE WHEN p.is_filtered THEN 'NOT "Deleted?"' ELSE 'true' END);
    END LOOP;
    INSERT INTO reference.rec SELECT 'spend_entry', spend_id, NULL, jsonb_build_object('at', at::timestamp AT TIME ZONE zone, 'ends_at', ends_at::timestamp AT TIME ZONE zone, 'currency', currency, 'amount', amount, 'channel', channel, 'campaign', campaign, 'kind', kind, 'segment', segment,
        'product', product, 'owner', owner) FROM smarketing.spend_entry;
    TRUNCATE reference.rate;
    INSERT INTO reference.rate SELECT DISTINCT ON (currency, day) currency, day, rate FROM (
        SELECT reference.code(row->>'currency') AS currency, ((row->>'at')::timestamptz AT TIME ZONE zone)::date AS day, (row->>'at')::timestamptz AS at, (row->>'rate')::numeric AS rate, 1 AS source FROM reference.rec WHERE entity = 'exchange_rate'
        UNION ALL SELECT reference.code(currency), at, NULL, rate, 0 FROM smarketing.exchange_rate_entry) AS r
    WHERE currency IS NOT NULL AND day IS NOT NULL AND rate IS NOT NULL ORDER BY currency, day, source, at DESC, rate;
    INSERT INTO reference.move SELECT row->>'lead_id', (row->>'at')::timestamptz, reference.stage_of(row->>'stage', row->>'pipeline'), reference.step_of(row->>'stage', row->>'pipeline')
        FROM reference.rec WHERE entity = 'stage_change' AND row->>'lead_id' IS NOT NULL AND row->>'at' IS NOT NULL;
    INSERT INTO reference.deal SELECT row->>'lead_id', row->>'account_id', (row->>'created_at')::timestamptz, (row->>'closed_at')::timestamptz, (row->>'won')::boolean FROM reference.rec WHERE entity = 'opportunity';
    INSERT INTO reference.one SELECT entity, key, jsonb_object_agg(col, CASE WHEN col = 'is_target' THEN is_any::text ELSE least END)
    FROM (SELECT entity, key, col, min(value COLLATE "C") AS least, bool_or(value::boolean) FILTER (WHERE col = 'is_target') AS is_any
          FROM reference.rec, jsonb_each_text(row) AS v (col, value) WHERE key IS NOT NULL AND entity IN ('lead', 'account', 'owner') GROUP BY 1, 2, 3) AS t GROUP BY 1, 2;
END $$;
CREATE FUNCTION reference.look(e text, r jsonb, way text[], col text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE target text;
BEGIN
    FOREACH target IN ARRAY way LOOP
        SELECT o.row INTO r FROM reference.one AS o WHERE o.entity = target AND o.key = r->>reference.key_of(target);
    END LOOP;
    RETURN r->>col;
END $$;
-- What each record shows in each dimension.
CREATE TABLE reference.dimension_value (entity text, n int, dim text, value text, PRIMARY KEY (entity, n, dim));
CREATE TABLE reference.dimension_way (entity text, dim text, way text[], PRIMARY KEY (entity, dim));
CREATE FUNCTION reference.shown(d text, v text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE d WHEN 'target' THEN CASE v::boolean WHEN true THEN 'target' WHEN false THEN 'other' END
        WHEN 'origin' THEN CASE WHEN v IS NOT NULL THEN coalesce((SELECT value FROM reference.value_map WHERE dim = 'origin' AND label = v),
            (SELECT value FROM reference.value_map WHERE dim = 'origin' AND label = (SELECT value FROM reference.value_map WHERE dim = 'channel' AND label = v)), 'marketing') END
        ELSE coalesce((SELECT value FROM reference.value_map WHERE dim = d AND label = v), v) END, '(none)') $$;
CREATE FUNCTION reference.fill_dimensions() RETURNS void LANGUAGE sql AS $$
    TRUNCATE reference.dimension_way, reference.dimension_value;
    INSERT INTO reference.dimension_way SELECT e, d, reference.way(e, d) FROM unnest('{lead,opportunity,spend,spend_entry}'::text[]) AS e,
        unnest('{channel,campaign,owner,team,segment,product,account,kind,origin,target,country,"Sales \"Region\""}'::text[]) AS d;
    INSERT INTO reference.dimension_value SELECT entity, n, dim, CASE WHEN way IS NULL THEN '(none)' ELSE reference.shown(dim, reference.look(entity, row, way, reference.column_of(dim))) END
    FROM reference.rec JOIN reference.dimension_way USING (entity);
$$;

CREATE FUNCTION reference.stage_of(l text, p text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT stage FROM reference.stage_map WHERE label = l AND pipeline = p), (SELECT stage FROM reference.stage_map WHERE label = l AND pipeline IS NULL),
        CASE WHEN lower(l) IN ('disqualified', 'recycled', 'lost', 'churned', 'visitor', 'lead', 'mql', 'sal', 'sql', 'opportunity', 'won') THEN lower(l) END) $$;
CREATE FUNCTION reference.step_of(l text, p text) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT array_position('{visitor,lead,mql,sal,sql,opportunity,won}', reference.stage_of(l, p)) $$;   -- NULL for an exit

-- Ranges and periods.
CREATE FUNCTION reference.meant(bound timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bound::time = '00:00' OR reference.day_begins(bound::date, current_setting('TimeZone')) = bound THEN reference.day_begins(bound::date, zone) ELSE bound END $$;
CREATE FUNCTION reference.begins(period text, day date, first_month int) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN period LIKE 'fiscal_%' THEN (date_trunc(substr(period, 8), date_trunc('month', day::timestamp) - make_interval(months => first_month - 1)) + make_interval(months => first_month - 1))::date
        ELSE date_trunc(period, day::timestamp)::date END $$;
CREATE FUNCTION reference.plus(period text, day date, n int) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT (day + n * CASE replace(period, 'fiscal_', '') WHEN 'day' THEN interval '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' WHEN 'year' THEN '12 months' END)::date $$;
CREATE TYPE reference.span AS (day date, is_partial boolean, from_at timestamptz, to_at timestamptz, level_at timestamptz, is_everything boolean);
CREATE FUNCTION reference.spans(since timestamptz, until timestamptz, period text, zone text, first_month int, first_record timestamptz) RETURNS SETOF reference.span LANGUAGE plpgsql STABLE AS $$
DECLARE d date; a timestamptz; b timestamptz;
BEGIN
    since := reference.meant(since, zone); until := reference.meant(until, zone);
    IF period = 'all' THEN
        IF since IS NULL THEN
            RETURN NEXT ((first_record AT TIME ZONE zone)::date, coalesce(until > now(), false), '-infinity', coalesce(until, now()), least(until, now()), until IS NULL)::reference.span;
        ELSE
            until := coalesce(until, now());
            IF since >= until THEN RAISE 'empty' USING ERRCODE = '22023'; END IF;
            RETURN NEXT ((since AT TIME ZONE zone)::date, until > now(), since, until, least(until, now()), false)::reference.span;
        END IF;
        RETURN;
    END IF;
    IF since IS NULL THEN
        d := reference.plus(period, reference.begins(period, (coalesce(until, now()) AT TIME ZONE zone)::date, first_month), -12);
        since := reference.day_begins(d, zone);
    END IF;
    until := coalesce(until, now());
    IF since >= until THEN RAISE 'empty' USING ERRCODE = '22023'; END IF;
    d := reference.begins(period, (since AT TIME ZONE zone)::date, first_month);
    LOOP
        a := reference.day_begins(d, zone); b := reference.day_begins(reference.plus(period, d, 1), zone);
        EXIT WHEN a >= until;
        RETURN NEXT (d, a < since OR b > until OR b > now(), greatest(a, since), least(b, until), least(b, until, now()), false)::reference.span;
        d := reference.plus(period, d, 1);
    END LOOP;
END $$;

-- What a call counts: (measure, time, value, dimensions), one row for each record and measure.
CREATE TYPE reference.fact AS (measure text, at timestamptz, value numeric, dims text[], expected timestamptz, closed timestamptz, won boolean, currency text, rate_on date);
CREATE FUNCTION reference.passes(e text, m int, filter jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE k text; v jsonb; shows text; negated boolean; listed boolean;
BEGIN
    FOR k, v IN SELECT * FROM jsonb_each(filter) LOOP
        SELECT value INTO shows FROM reference.dimension_value WHERE entity = e AND n = m AND dim = k;
        negated := jsonb_typeof(v) = 'object';
        IF negated THEN v := v->'not'; END IF;
        IF jsonb_typeof(v) <> 'array' THEN v := jsonb_build_array(v); END IF;
        CONTINUE WHEN v = '[]';
        listed := EXISTS (SELECT FROM jsonb_array_elements_text(v) AS x WHERE coalesce(x, '(none)') = shows);
        IF listed = negated THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
END $$;
CREATE FUNCTION reference.dims(e text, m int, by text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT value FROM unnest(by) WITH ORDINALITY AS b (d, i) JOIN reference.dimension_value ON entity = e AND n = m AND dim = d ORDER BY i) $$;

CREATE FUNCTION reference.spend_facts(by text[], filter jsonb, options jsonb, zone text) RETURNS SETOF reference.fact LANGUAGE plpgsql STABLE AS $$
DECLARE r record; kind text; at timestamptz; lag interval := coalesce(options->>'lag', '0')::interval; first date; days int; spent numeric; before numeric; money text; d text[]; whole_days int;
BEGIN
    whole_days := extract(day FROM lag) + floor(extract(epoch FROM lag - date_trunc('day', lag)) / 86400);
    FOR r IN SELECT * FROM reference.rec WHERE entity IN ('spend', 'spend_entry') AND reference.passes(entity, n, filter) LOOP
        kind := r.row->>'kind';
        kind := coalesce((SELECT value FROM reference.value_map WHERE dim = 'kind' AND label = kind), kind, 'marketing');
        CONTINUE WHEN kind <> 'marketing';
        money := reference.code(r.row->>'currency');
        d := reference.dims(r.entity, r.n, by);
        at := r.row->>'at';
        first := (at AT TIME ZONE zone)::date;
        -- Every local day before ends_at has its share: what is spent by its end, to the cent, less what was by its beginning.
        days := (((r.row->>'ends_at')::timestamptz - interval '1 microsecond') AT TIME ZONE zone)::date - first + 1;
        IF days > 1 THEN
            before := 0;
            FOR i IN 1 .. days LOOP
                spent := CASE WHEN i = days THEN (r.row->>'amount')::numeric ELSE round((r.row->>'amount')::numeric * i / days, 2) END;
                RETURN NEXT ('spend', reference.day_begins(first + i - 1 + whole_days, zone), spent - before, d, NULL, NULL, NULL, money, first)::reference.fact;
                before := spent;
            END LOOP;
            CONTINUE;
        END IF;
        at := ((at AT TIME ZONE zone) + date_trunc('day', lag)) AT TIME ZONE zone + (lag - date_trunc('day', lag));
        IF lag = '0' THEN at := r.row->>'at'; END IF;
        RETURN NEXT ('spend', at, r.row->>'amount', d, NULL, NULL, NULL, money, first)::reference.fact;
    END LOOP;
END $$;

-- What a lead did: options.within limits the steps, options.as_of hides what happened at that instant or later, and what is
-- dated later than now has not happened. Beside the
-- steps of both KPIs the hours from the lead's creation to a step, and from one step to the next.
CREATE FUNCTION reference.lead_facts(by text[], filter jsonb, options jsonb) RETURNS SETOF reference.fact LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    l record; h record; o record; d text[]; created timestamptz; mql_at timestamptz; sal_at timestamptz; sql_at timestamptz; out_at timestamptz;
    stage text; step int; t timestamptz; cohort boolean := coalesce(options->>'basis', 'cohort') = 'cohort'; links boolean := reference.has('opportunity', 'lead_id');
    zone text := (SELECT r.zone FROM reference.read_in AS r); by_day boolean := EXISTS (SELECT FROM reference.shape AS s WHERE s.entity IN ('lead', 'opportunity') AND s.col = 'created_at' AND s.type = 'date' AND s.is_bound);
    as_of timestamptz := coalesce((options->>'as_of')::timestamptz, 'infinity'); is_past boolean := options ? 'as_of';
    most float8 := extract(epoch FROM (options->>'within')::interval) / 3600;
    names text[] := '{mqls,sals,sqls,opportunities,won}'; took boolean[]; own timestamptz[]; known timestamptz[]; before timestamptz; hours float8; last_hours float8; itself boolean;
BEGIN
    FOR l IN SELECT * FROM reference.rec WHERE entity = 'lead' AND reference.passes(entity, n, filter) LOOP
        d := reference.dims('lead', l.n, by);
        created := l.row->>'created_at'; mql_at := l.row->>'mql_at'; sal_at := l.row->>'sal_at'; sql_at := l.row->>'sql_at'; out_at := l.row->>'disqualified_at';
        stage := reference.stage_of(l.row->>'stage', l.row->>'pipeline'); step := reference.step_of(l.row->>'stage', l.row->>'pipeline');
        IF mql_at > now() THEN mql_at := NULL; END IF;
        IF sal_at > now() THEN sal_at := NULL; END IF;
        IF sql_at > now() THEN sql_at := NULL; END IF;
        IF out_at > now() THEN out_at := NULL; END IF;
        IF is_past THEN
            CONTINUE WHEN created IS NULL OR created >= as_of;
            stage := NULL; step := NULL;
            IF mql_at >= as_of THEN mql_at := NULL; END IF;
            IF sal_at >= as_of THEN sal_at := NULL; END IF;
            IF sql_at >= as_of THEN sql_at := NULL; END IF;
        END IF;
        -- its history
        SELECT coalesce(bool_or(step >= 3), false) AS mql, coalesce(bool_or(step >= 4), false) AS sal, coalesce(bool_or(step >= 5), false) AS sql, coalesce(bool_or(step >= 6), false) AS opportunity,
            coalesce(bool_or(step = 7), false) AS won, coalesce(bool_or(m.stage = 'disqualified'), false) AS gone, coalesce(bool_or(step = 3), false) AS itself,
            min(at) FILTER (WHERE step >= 3) AS mql_at, min(at) FILTER (WHERE step >= 4) AS sal_at, min(at) FILTER (WHERE step >= 5) AS sql_at, min(at) FILTER (WHERE step >= 6) AS opportunity_at,
            min(at) FILTER (WHERE step = 7) AS won_at, min(at) FILTER (WHERE m.stage = 'disqualified') AS gone_at
        INTO h FROM reference.move AS m WHERE m.lead = l.key AND m.at < as_of AND m.at <= now();
        -- its opportunities
        SELECT count(*) > 0 AS any, coalesce(bool_or(won), false) AS won, min(at) FILTER (WHERE by_lead) AS lead_at, min(at) FILTER (WHERE NOT by_lead) AS account_at,
            min(closed) FILTER (WHERE by_lead AND won) AS lead_won, min(closed) FILTER (WHERE NOT by_lead AND won) AS account_won
        INTO o FROM (SELECT at, closed, won AND (NOT is_past OR closed < as_of) AND (closed <= now()) IS NOT FALSE AS won, lead IS NOT NULL AS by_lead FROM reference.deal WHERE (NOT is_past OR at < as_of) AND (at <= now()) IS NOT FALSE
            AND (lead = l.key OR lead IS NULL AND account = l.row->>'account_id' AND CASE WHEN by_day THEN (at AT TIME ZONE zone)::date >= (created AT TIME ZONE zone)::date ELSE at >= created END)) AS c;
        RETURN NEXT ('leads', created, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        IF h.won OR o.won OR step = 7 THEN
            RETURN NEXT ('customers', CASE WHEN cohort THEN created ELSE coalesce(h.won_at, o.lead_won, o.account_won) END, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        END IF;
        IF out_at IS NOT NULL OR h.gone OR stage = 'disqualified' THEN
            RETURN NEXT ('disqualified', CASE WHEN cohort THEN created ELSE coalesce(out_at, h.gone_at) END, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        END IF;
        -- its way
        took := ARRAY[mql_at IS NOT NULL OR sal_at IS NOT NULL OR sql_at IS NOT NULL OR h.mql OR o.any OR step >= 3, sal_at IS NOT NULL OR sql_at IS NOT NULL OR h.sal OR o.any OR step >= 4,
            sql_at IS NOT NULL OR h.sql OR o.any OR step >= 5, h.opportunity OR o.any OR step >= 6, h.won OR o.won OR step = 7];
        own := ARRAY[coalesce(mql_at, h.mql_at, sal_at, sql_at, o.lead_at, o.account_at), coalesce(sal_at, h.sal_at, sql_at, o.lead_at, o.account_at), coalesce(sql_at, h.sql_at, o.lead_at, o.account_at),
            coalesce(h.opportunity_at, o.lead_at, o.account_at), coalesce(h.won_at, o.lead_won, o.account_won)];
        known := own;
        FOR i IN 1 .. 4 LOOP known[i] := coalesce(own[i], own[5]); END LOOP;
        itself := mql_at IS NOT NULL OR h.itself OR stage = 'mql';
        before := created; last_hours := 0;
        FOR i IN 1 .. 5 LOOP
            before := greatest(before, known[i]);
            hours := CASE WHEN created IS NOT NULL AND known[i] IS NOT NULL THEN extract(epoch FROM before - created) / 3600 END;
            IF most IS NOT NULL THEN took[i] := coalesce(hours <= most, false); END IF;
            IF took[i] THEN
                t := CASE WHEN cohort THEN created ELSE own[i] END;
                RETURN NEXT (names[i], t, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
                IF NOT cohort THEN hours := CASE WHEN own[i] IS NOT NULL THEN extract(epoch FROM greatest(own[i], created) - created) / 3600 END; END IF;
                IF hours IS NOT NULL THEN
                    RETURN NEXT ('hours_' || names[i], t, hours, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
                    RETURN NEXT ('gap_' || names[i], t, hours - last_hours, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
                END IF;
            END IF;
            last_hours := hours;
        END LOOP;
        IF took[2] AND NOT coalesce(itself, false) THEN
            RETURN NEXT ('skipped_mqls', CASE WHEN cohort THEN created ELSE own[1] END, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION reference.opportunity_facts(fn text, by text[], filter jsonb, options jsonb, zone text) RETURNS SETOF reference.fact LANGUAGE plpgsql STABLE AS $$
DECLARE r record; money text; k text; kinds jsonb := coalesce(options->'kind', '"new"'); d text[]; created timestamptz; closed timestamptz; won boolean; expected timestamptz; amount numeric; at timestamptz;
    by_created boolean := coalesce(options->>'basis', '') = 'created';
BEGIN
    IF jsonb_typeof(kinds) <> 'array' THEN kinds := jsonb_build_array(kinds); END IF;
    FOR r IN SELECT * FROM reference.rec WHERE entity = 'opportunity' AND reference.passes(entity, n, filter) LOOP
        k := r.row->>'kind'; k := coalesce((SELECT value FROM reference.value_map WHERE dim = 'kind' AND label = k), k);
        CONTINUE WHEN reference.has('opportunity', 'kind') AND NOT kinds ? 'all' AND NOT coalesce(kinds ? k, false);
        d := reference.dims('opportunity', r.n, by);
        created := r.row->>'created_at'; closed := r.row->>'closed_at'; won := r.row->>'won'; expected := r.row->>'expected_close_at'; amount := r.row->>'amount'; money := reference.code(r.row->>'currency');
        RETURN NEXT (CASE fn WHEN 'cost_per_opportunity' THEN 'opportunities' ELSE 'created' END, created, 1, d, expected, closed, won, NULL, NULL)::reference.fact;
        IF NOT by_created AND (won IS NULL OR closed > created OR closed IS NOT NULL AND created IS NULL) THEN   -- won or lost at or before its creation, or at no time: never open
            RETURN NEXT ('level', created, 1, d, expected, CASE WHEN won IS NOT NULL THEN closed END, won, NULL, NULL)::reference.fact;
        END IF;
        IF by_created AND won IS NULL THEN
            RETURN NEXT ('open', created, 1, d, expected, NULL, NULL, NULL, NULL)::reference.fact;
        END IF;
        CONTINUE WHEN won IS NULL;
        at := CASE WHEN by_created THEN created ELSE closed END;
        RETURN NEXT ('closed', at, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        RETURN NEXT ('amount_closed', at, amount, d, NULL, NULL, NULL, money, (at AT TIME ZONE zone)::date)::reference.fact;
        RETURN NEXT (CASE WHEN won THEN 'won' ELSE 'lost' END, at, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact;
        RETURN NEXT (CASE WHEN won THEN 'amount_won' ELSE 'amount_lost' END, at, amount, d, NULL, NULL, NULL, money, (at AT TIME ZONE zone)::date)::reference.fact;
        IF won AND amount IS NOT NULL THEN RETURN NEXT ('won_with_amount', at, 1, d, NULL, NULL, NULL, NULL, NULL)::reference.fact; END IF;
        IF won AND created IS NOT NULL AND closed IS NOT NULL THEN RETURN NEXT ('cycle', at, extract(epoch FROM closed - created) / 3600, d, NULL, NULL, NULL, NULL, NULL)::reference.fact; END IF;
    END LOOP;
END $$;

-- Measures that nothing bound could give.
CREATE FUNCTION reference.missing(fn text, options jsonb, everything boolean) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE m text[] := '{}'; cohort boolean := coalesce(options->>'basis', 'cohort') = 'cohort'; created boolean := coalesce(options->>'basis', '') = 'created';
    history boolean := reference.bound('stage_change') AND reference.has('stage_change', 'lead_id');
    deals boolean := reference.has('opportunity', 'lead_id') OR reference.has('opportunity', 'account_id') AND reference.has('lead', 'account_id');
    within boolean := options->>'within' IS NOT NULL; label boolean := reference.has('lead', 'stage'); mql boolean; sal boolean; sql boolean;
    won boolean := reference.has('opportunity', 'won'); closed boolean := reference.has('opportunity', 'closed_at'); stage boolean := reference.has('lead', 'stage') AND (cohort OR everything);   -- the current stage has no time
BEGIN
    IF NOT reference.bound('spend') AND NOT reference.bound('spend_entry') THEN m := m || '{spend}'; END IF;
    IF fn = 'cost_per_lead' THEN
        IF NOT (history OR deals OR stage OR reference.has('lead', 'mql_at') OR reference.has('lead', 'sal_at') OR reference.has('lead', 'sql_at')) THEN m := m || '{mqls}'; END IF;
        IF NOT (history OR deals OR stage OR reference.has('lead', 'sql_at')) THEN m := m || '{sqls}'; END IF;
        IF NOT (history OR stage OR deals AND won) THEN m := m || '{customers}'; END IF;
        IF NOT (history OR stage OR reference.has('lead', 'disqualified_at')) THEN m := m || '{disqualified}'; END IF;
    ELSIF fn = 'sales_qualified_leads' THEN
        stage := stage AND NOT within; label := label AND NOT within;   -- the current stage cannot show that a step came in time
        sql := history OR deals OR reference.has('lead', 'sql_at'); sal := sql OR reference.has('lead', 'sal_at'); mql := sal OR reference.has('lead', 'mql_at');
        IF NOT (mql OR stage) THEN m := m || '{mqls}'; END IF;
        IF NOT (sal OR stage) THEN m := m || '{sals}'; END IF;
        IF NOT (sql OR stage) THEN m := m || '{sqls}'; END IF;
        IF NOT (history OR deals OR stage) THEN m := m || '{opportunities}'; END IF;
        IF NOT (history OR deals AND won OR stage) THEN m := m || '{won}'; END IF;
        IF NOT (mql OR stage) OR NOT (sal OR label) OR NOT (history OR reference.has('lead', 'stage') OR reference.has('lead', 'mql_at')) THEN m := m || '{skipped_mqls}'; END IF;
    ELSE
        IF NOT won OR NOT closed AND NOT everything AND (NOT created OR fn = 'cost_per_opportunity') THEN m := m || '{closed,won,lost,amount_won,amount_lost,amount_closed,won_with_amount}'; END IF;
        IF NOT reference.has('opportunity', 'amount') THEN m := m || '{amount_won,amount_lost,amount_closed,won_with_amount}'; END IF;
        IF NOT reference.has('opportunity', 'expected_close_at') THEN m := m || '{open_overdue}'; END IF;
        IF NOT won THEN m := m || '{open,open_overdue}'; END IF;
    END IF;
    RETURN m;
END $$;

CREATE FUNCTION reference.money(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT round(a / nullif(b, 0), 6) $$;
CREATE FUNCTION reference.wilson(w numeric, n numeric, side int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN n > 0 THEN greatest(0, least(1, ((w + z * z / 2) / (n + z * z) + side * z * sqrt(w * (n - w) / n + z * z / 4) / (n + z * z)))) END FROM (SELECT 1.959963984540054::numeric) AS c (z) $$;

-- The entity that a function counts, and whether it has spend beside it.
CREATE FUNCTION reference.counted(fn text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN fn IN ('cost_per_lead', 'sales_qualified_leads') THEN 'lead' ELSE 'opportunity' END $$;
CREATE FUNCTION reference.spends(fn text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT fn LIKE 'cost_per_%' $$;

-- The call itself: rows in order, each as JSON.
CREATE FUNCTION reference.call(fn text, since timestamptz, until timestamptz, period text, by text[], filter jsonb, options jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    s reference.setting; zone text; wanted text; f reference.fact[]; p reference.span; d text[]; cell jsonb; gone text[]; m jsonb; measures text[]; one record; first_record timestamptz; amounts text[]; currencies text[] := '{}';
BEGIN
    SELECT * INTO s FROM reference.setting;
    zone := coalesce(options->>'time_zone', s.time_zone);
    PERFORM reference.spans(since, until, period, zone, s.first_month, NULL);   -- for its error
    PERFORM reference.read_all(zone);
    IF NOT reference.bound(reference.counted(fn)) THEN RAISE 'not bound' USING ERRCODE = '55000'; END IF;
    FOR wanted IN SELECT unnest(by) UNION SELECT key FROM jsonb_each(filter) WHERE value <> '[]' AND value <> '{"not": []}' LOOP
        IF (SELECT way IS NULL FROM reference.dimension_way AS w WHERE w.dim = wanted AND entity = reference.counted(fn)) THEN
            RAISE 'no dimension %', wanted USING ERRCODE = '22023';
        END IF;
        -- What no spend has is an error; what only the bound spend has is (none) for what was entered, and the other way round.
        IF reference.spends(fn) AND s.spend_without = 'error' AND (reference.bound('spend') OR reference.bound('spend_entry'))
            AND NOT EXISTS (SELECT FROM reference.dimension_way AS w WHERE w.dim = wanted AND way IS NOT NULL AND entity IN ('spend', 'spend_entry') AND reference.bound(entity)) THEN
            RAISE 'no dimension % of spend', wanted USING ERRCODE = '22023';
        END IF;
    END LOOP;
    measures := CASE fn WHEN 'sales_qualified_leads' THEN '{leads,mqls,sals,sqls,opportunities,won,skipped_mqls,hours_mqls,hours_sqls,hours_won}'::text[] WHEN 'cost_per_lead' THEN '{spend,leads,mqls,sqls,customers,disqualified}'::text[] WHEN 'cost_per_opportunity' THEN '{spend,opportunities,won}'
        ELSE '{created,closed,won,lost,open,amount_won,amount_lost,open_overdue,amount_closed,won_with_amount}' END;
    gone := reference.missing(fn, options, period = 'all' AND since IS NULL AND until IS NULL);
    IF reference.spends(fn) THEN f := ARRAY(SELECT x FROM reference.spend_facts(by, filter, options, zone) AS x); END IF;
    IF reference.counted(fn) = 'lead' THEN f := f || ARRAY(SELECT x FROM reference.lead_facts(by, filter, options) AS x WHERE measure = ANY (measures));
    ELSE f := f || ARRAY(SELECT x FROM reference.opportunity_facts(fn, by, filter, options, zone) AS x WHERE fn <> 'cost_per_opportunity' OR measure = ANY (measures)); END IF;
    SELECT min(x.at) INTO first_record FROM unnest(f) AS x;
    -- Money in the currency of the setting: at the last rate on or before the day, or the last one of all where there is no day.
    f := ARRAY(SELECT (x.measure, x.at, CASE WHEN x.currency IS NULL OR s.currency IS NULL OR x.currency = s.currency THEN x.value
            ELSE x.value * (SELECT rate FROM reference.rate AS r WHERE r.currency = x.currency AND r.day <= coalesce(x.rate_on, 'infinity') ORDER BY r.day DESC LIMIT 1) END,
            x.dims, x.expected, x.closed, x.won, CASE WHEN x.value IS NOT NULL THEN coalesce(x.currency, 'none') END, x.rate_on)::reference.fact FROM unnest(f) AS x);
    amounts := ARRAY(SELECT x FROM unnest('{spend,amount_won,amount_lost,amount_closed}'::text[]) AS x WHERE x <> ALL (gone));
    FOR p IN SELECT * FROM reference.spans(since, until, period, zone, s.first_month, first_record) LOOP
        currencies := ARRAY(SELECT unnest(currencies) UNION SELECT x.currency FROM unnest(f) AS x WHERE measure = ANY (amounts) AND currency <> 'none' AND (at >= p.from_at AND at < p.to_at OR at IS NULL AND p.is_everything));
        IF s.currency IS NULL AND cardinality(currencies) > 1 OR s.on_missing_rate = 'error' AND EXISTS (SELECT FROM unnest(f) AS x WHERE measure = ANY (amounts) AND currency IS NOT NULL AND value IS NULL
            AND (at >= p.from_at AND at < p.to_at OR at IS NULL AND p.is_everything)) THEN RAISE 'currencies' USING ERRCODE = '55000'; END IF;
        FOR one IN
            WITH hit AS (
                SELECT measure, value, dims, currency IS NOT NULL AND value IS NULL AS is_missing FROM unnest(f) WHERE measure <> 'level' AND NOT measure = ANY (gone) AND (at >= p.from_at AND at < p.to_at OR at IS NULL AND p.is_everything)
                UNION ALL SELECT o, 1, dims, false FROM unnest(f), unnest('{open,open_overdue}'::text[]) AS o WHERE measure = 'level' AND NOT o = ANY (gone) AND (at < p.level_at OR at IS NULL AND p.is_everything)
                    AND (won IS NULL OR closed >= p.level_at) AND (o = 'open' OR expected < p.level_at)
                UNION ALL SELECT 'open_overdue', 1, dims, false FROM unnest(f) WHERE measure = 'open' AND NOT 'open_overdue' = ANY (gone) AND (at >= p.from_at AND at < p.to_at OR at IS NULL AND p.is_everything) AND expected < p.level_at),
            cell AS (SELECT '{}'::text[] AS dims WHERE by = '{}' UNION SELECT dims FROM hit WHERE by <> '{}'),
            figure AS (
                SELECT dims, measure, CASE WHEN measure = ANY (gone) OR bool_or(is_missing) THEN NULL
                    WHEN measure = 'cycle' OR measure LIKE 'hours_%' THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8)::numeric ELSE coalesce(sum(value), 0) END AS figure
                FROM cell CROSS JOIN unnest(measures || '{cycle}') AS v (measure) LEFT JOIN hit USING (dims, measure) GROUP BY 1, 2)
            SELECT dims AS d, jsonb_object_agg(measure, figure) AS m FROM figure GROUP BY 1 ORDER BY dims COLLATE "C"
        LOOP
            m := one.m; d := one.d;
            cell := jsonb_build_object('period_start', p.day, 'is_partial', p.is_partial, 'by_1', d[1], 'by_2', d[2], 'by_3', d[3]);
            RETURN NEXT cell || CASE fn
                WHEN 'sales_qualified_leads' THEN (SELECT jsonb_build_object('leads', leads, 'mqls', mqls, 'sals', sals, 'sqls', sqls, 'opportunities', opportunities, 'won', won, 'skipped_mqls', skipped_mqls,
                        'lead_to_mql_rate', mqls / nullif(leads, 0), 'mql_to_sal_rate', sals / nullif(mqls, 0), 'sal_to_sql_rate', sqls / nullif(sals, 0), 'mql_to_sql_rate', sqls / nullif(mqls, 0),
                        'sql_to_opportunity_rate', opportunities / nullif(sqls, 0), 'opportunity_to_won_rate', won / nullif(opportunities, 0), 'lead_to_won_rate', won / nullif(leads, 0),
                        'median_hours_to_mql', hours_mqls, 'median_hours_to_sql', hours_sqls, 'median_hours_to_won', hours_won, 'is_mature', extract(epoch FROM now()
                            - CASE WHEN period = 'all' THEN p.to_at ELSE reference.day_begins(reference.plus(period, p.day, 1), zone) END) >= extract(epoch FROM coalesce(options->>'within', '90 days')::interval))
                    FROM jsonb_to_record(m) AS r (leads numeric, mqls numeric, sals numeric, sqls numeric, opportunities numeric, won numeric, skipped_mqls numeric, hours_mqls numeric, hours_sqls numeric, hours_won numeric))
                WHEN 'cost_per_lead' THEN (SELECT jsonb_build_object('spend', round(spend, 6), 'leads', leads, 'cost_per_lead', reference.money(spend, leads), 'mqls', mqls, 'sqls', sqls, 'customers', customers, 'disqualified', disqualified,
                        'mql_rate', mqls / nullif(leads, 0), 'disqualified_rate', disqualified / nullif(leads, 0), 'cost_per_mql', reference.money(spend, mqls), 'cost_per_sql', reference.money(spend, sqls),
                        'cost_per_customer', reference.money(spend, customers))
                    FROM jsonb_to_record(m) AS r (spend numeric, leads numeric, mqls numeric, sqls numeric, customers numeric, disqualified numeric))
                WHEN 'cost_per_opportunity' THEN (SELECT jsonb_build_object('spend', round(spend, 6), 'opportunities', opportunities, 'won', won, 'cost_per_opportunity', reference.money(spend, opportunities), 'cost_per_won', reference.money(spend, won))
                    FROM jsonb_to_record(m) AS r (spend numeric, opportunities numeric, won numeric))
                ELSE (SELECT jsonb_build_object('created', created, 'closed', closed, 'won', won, 'lost', lost, 'open', open, 'win_rate', won / nullif(closed, 0), 'win_rate_low', reference.wilson(won, closed, -1), 'win_rate_high', reference.wilson(won, closed, 1),
                        'amount_won', round(amount_won, 6), 'amount_lost', round(amount_lost, 6), 'amount_win_rate', amount_won / nullif(amount_closed, 0), 'average_won', reference.money(amount_won, won_with_amount),
                        'opportunities_per_won', created / nullif(won, 0), 'median_cycle_hours', cycle, 'velocity_per_day', round(won * (amount_won / nullif(won_with_amount, 0)) / nullif(cycle / 24, 0), 6), 'open_overdue', open_overdue)
                    FROM jsonb_to_record(m) AS r (created numeric, closed numeric, won numeric, lost numeric, open numeric, amount_won numeric, amount_lost numeric, amount_closed numeric, won_with_amount numeric, cycle numeric, open_overdue numeric))
                END;
        END LOOP;
    END LOOP;
END $$;

-- Random calls.
CREATE TABLE reference.request (scenario int, n int, fn text, session_zone text, since timestamptz, until timestamptz, period text, dims text[], filter jsonb, options jsonb, expected jsonb[], failure text, PRIMARY KEY (scenario, n));
CREATE FUNCTION reference.a_bound() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN CASE WHEN random() < 0.35 THEN reference.pick('{2023-12-01,2024-01-01,2024-02-01,2024-03-01,2024-03-10,2024-03-31,2024-04-01,2024-07-01,2024-10-06,2024-11-01,2024-11-03,2025-01-01,2025-02-01}'::timestamptz[])
        WHEN random() < 0.6 THEN reference.a_time() ELSE date_trunc('day', reference.a_time()) END;
END $$;
CREATE FUNCTION reference.a_filter(allowed text[]) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE r jsonb := '{}'; d text; v jsonb; i int;
BEGIN
    FOR i IN 1 .. floor(random() * 2.5)::int LOOP
        d := reference.pick(allowed);
        v := CASE floor(random() * 6)::int WHEN 0 THEN 'null' WHEN 1 THEN '"(none)"' WHEN 2 THEN '[]'
            ELSE coalesce((SELECT CASE WHEN random() < 0.5 THEN to_jsonb(min(value)) ELSE jsonb_agg(value) END FROM (SELECT value FROM (SELECT DISTINCT value FROM reference.dimension_value WHERE dim = d ORDER BY 1) AS q
                ORDER BY random() LIMIT 1 + floor(random() * 3)::int) AS t), '"nowhere"') END;
        IF jsonb_typeof(v) = 'array' AND random() < 0.2 THEN v := v || '[null]'; END IF;
        r := r || jsonb_build_object(d, CASE WHEN random() < 0.35 THEN jsonb_build_object('not', v) ELSE v END);
    END LOOP;
    RETURN r;
END $$;
CREATE FUNCTION reference.a_request(scenario int, n int) RETURNS reference.request LANGUAGE plpgsql VOLATILE AS $$
DECLARE r reference.request; a timestamptz; b timestamptz; allowed text[]; o jsonb := '{}'; i int; all_dims text[];
BEGIN
    PERFORM reference.reseed(scenario, n);
    r.scenario := scenario; r.n := n;
    r.fn := reference.pick('{cost_per_lead,cost_per_opportunity,opportunity_win_rate,opportunity_win_rate,sales_qualified_leads,sales_qualified_leads}'::text[]);
    IF NOT reference.bound('opportunity') AND random() < 0.9 THEN r.fn := reference.pick('{cost_per_lead,sales_qualified_leads}'::text[]); END IF;
    r.session_zone := reference.a_zone();
    PERFORM set_config('TimeZone', r.session_zone, true);
    r.period := reference.pick('{day,week,month,month,month,quarter,year,fiscal_quarter,fiscal_year,all,all}'::text[]);
    a := reference.a_bound(); b := reference.a_bound();
    IF a > b AND random() < 0.97 THEN r.since := b; b := a; a := r.since; END IF;
    IF random() < 0.1 THEN b := now() + reference.pick('{1 hour,3 days,40 days,200 days}'::interval[]); a := now() - reference.pick('{1 hour,10 days,100 days}'::interval[]); END IF;
    r.since := a; r.until := b;
    CASE floor(random() * 10)::int WHEN 0 THEN r.since := NULL; WHEN 1 THEN r.until := NULL; WHEN 2, 3 THEN r.since := NULL; r.until := NULL; ELSE NULL; END CASE;
    IF r.period = 'day' THEN
        IF r.until IS NULL AND r.since IS NOT NULL THEN r.until := r.since + interval '20 days'; END IF;
        IF r.until > r.since + interval '40 days' THEN r.until := r.since + interval '40 days'; END IF;
    END IF;
    -- Mostly dimensions that the function's measures have.
    SELECT array_agg(dim ORDER BY dim) INTO allowed FROM reference.dimension_way AS w WHERE entity = reference.counted(r.fn) AND way IS NOT NULL
        AND (NOT reference.spends(r.fn) OR (SELECT spend_without = 'none' FROM reference.setting)
            OR NOT reference.bound('spend') AND NOT reference.bound('spend_entry')
            OR NOT EXISTS (SELECT FROM reference.dimension_way AS x WHERE x.dim = w.dim AND x.way IS NULL AND x.entity IN ('spend', 'spend_entry') AND reference.bound(x.entity)));
    SELECT array_agg(d) INTO all_dims FROM unnest('{channel,campaign,owner,team,segment,product,account,kind,origin,target,country,"Sales \"Region\""}'::text[]) AS d WHERE reference.exists_dim(d);
    IF random() < 0.04 THEN allowed := all_dims; END IF;
    r.dims := '{}'; r.filter := '{}';
    IF allowed IS NOT NULL THEN
        FOR i IN 1 .. floor(random() * 4)::int LOOP r.dims := ARRAY(SELECT DISTINCT d FROM unnest(r.dims || reference.pick(allowed)) AS d ORDER BY d DESC); END LOOP;
        r.filter := reference.a_filter(allowed);
    END IF;
    IF random() < 0.3 THEN o := o || jsonb_build_object('time_zone', reference.a_zone()); END IF;
    IF reference.spends(r.fn) AND random() < 0.4 THEN o := o || jsonb_build_object('lag', reference.pick(ARRAY['30 days', '1 day', '36 hours', '2 days 5 hours', '90 minutes', '0'])); END IF;
    IF reference.counted(r.fn) = 'lead' AND random() < 0.6 THEN o := o || jsonb_build_object('basis', reference.pick('{cohort,period,period}'::text[])); END IF;
    IF r.fn = 'sales_qualified_leads' AND random() < 0.5 THEN o := o || jsonb_build_object('within', reference.pick('{30 days,36 hours,5 days 3 hours,1 second,400 days,NULL}'::text[])); END IF;
    IF r.fn = 'opportunity_win_rate' AND random() < 0.6 THEN o := o || jsonb_build_object('basis', reference.pick('{closed,created,created}'::text[])); END IF;
    IF reference.counted(r.fn) = 'opportunity' AND reference.has('opportunity', 'kind') AND random() < 0.5 THEN
        o := o || jsonb_build_object('kind', reference.pick('{"\"all\"","[\"new\",\"upsell\"]","\"renewal\"","[\"cross_sell\"]","\"new\""}'::jsonb[])); END IF;
    r.options := o;
    RETURN r;
END $$;

CREATE FUNCTION reference.arguments(r reference.request) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%L::timestamptz, %L::timestamptz, %L, %L::text[], %L::jsonb, %L::jsonb', r.since, r.until, r.period, r.dims, r.filter, r.options) $$;
CREATE FUNCTION reference.described(r reference.request) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('seed %s scenario %s call %s: SET TimeZone = %L; SELECT * FROM smarketing.%s(%s)', reference.seed(), r.scenario, r.n, r.session_zone, r.fn, reference.arguments(r)) $$;
CREATE FUNCTION reference.alike(key text, a jsonb, b jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(a) = 'number' AND jsonb_typeof(b) = 'number' AND (key LIKE '%rate%' OR key LIKE '%hours%' OR key = 'opportunities_per_won')
            THEN abs(a::numeric - b::numeric) <= 1e-9 * greatest(abs(a::numeric), abs(b::numeric), 1e-3)
        WHEN jsonb_typeof(a) = 'number' AND jsonb_typeof(b) = 'number' AND key = 'velocity_per_day' THEN abs(a::numeric - b::numeric) <= greatest(0.000001, 1e-9 * abs(a::numeric))
        ELSE a = b END $$;
-- The first difference between two lists of rows, or NULL.
CREATE FUNCTION reference.difference(want jsonb[], got jsonb[]) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE i int; k text; rest text;
BEGIN
    FOR i IN 1 .. greatest(cardinality(want), cardinality(got)) LOOP
        IF want[i] IS NULL OR got[i] IS NULL OR (want[i]->'period_start', want[i]->'by_1', want[i]->'by_2', want[i]->'by_3') IS DISTINCT FROM (got[i]->'period_start', got[i]->'by_1', got[i]->'by_2', got[i]->'by_3') THEN
            RETURN format('row %s of %s expected, of %s got: expected %s got %s', i, cardinality(want), cardinality(got), want[i], got[i]);
        END IF;
        FOR k IN SELECT jsonb_object_keys(want[i]) UNION SELECT jsonb_object_keys(got[i]) LOOP
            IF NOT coalesce(reference.alike(k, want[i]->k, got[i]->k), false) THEN
                RETURN format('row %s, %s: expected %s got %s (%s | %s)', i, k, want[i]->k, got[i]->k, want[i], got[i]);
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION reference.run(scenario int, calls int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r reference.request; got jsonb[]; want jsonb[]; want_state text; got_state text; message text; i int;
BEGIN
    FOR i IN 1 .. calls LOOP
        r := reference.a_request(scenario, i);
        want_state := 'ok'; got_state := 'ok'; want := NULL; got := NULL; message := NULL;
        BEGIN
            want := ARRAY(SELECT * FROM reference.call(r.fn, r.since, r.until, r.period, r.dims, r.filter, r.options));
        EXCEPTION WHEN SQLSTATE '22023' OR SQLSTATE '55000' THEN want_state := SQLSTATE; message := SQLERRM; END;
        BEGIN
            EXECUTE format('SELECT array_agg(to_jsonb(t) ORDER BY ordinality) FROM (SELECT k.*, row_number() OVER () AS ordinality FROM smarketing.%s(%s) AS k) AS t', r.fn, reference.arguments(r)) INTO got;
            got := ARRAY(SELECT x - 'ordinality' FROM unnest(got) WITH ORDINALITY AS u (x, o) ORDER BY o);
        EXCEPTION WHEN OTHERS THEN got_state := SQLSTATE; message := concat_ws(' / ', message, SQLERRM); END;
        IF want_state <> got_state THEN r.failure := format('expected %s got %s: %s', want_state, got_state, message);
        ELSIF want_state = 'ok' THEN r.failure := reference.difference(want, got); r.expected := want; END IF;
        IF r.failure IS NOT NULL THEN r.failure := reference.described(r) || E'\n    ' || r.failure; END IF;
        INSERT INTO reference.request SELECT r.*;
    END LOOP;
END $$;

-- What holds between calls; failures are added to the request's own.
CREATE FUNCTION reference.fails(r reference.request, what text) RETURNS void LANGUAGE sql AS $$
    UPDATE reference.request SET failure = concat_ws(E'\n', failure, reference.described(r) || E'\n    ' || what) WHERE scenario = r.scenario AND n = r.n $$;
CREATE TABLE reference.tried (property text, cases bigint);
CREATE FUNCTION reference.is_additive(fn text, col text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT EXISTS (SELECT FROM smarketing.metrics WHERE metric = fn || '.' || col AND is_additive) $$;

-- The statement that is shown, run in another session zone, gives the rows.
CREATE FUNCTION reference.check_sql(r reference.request) RETURNS void LANGUAGE plpgsql AS $$
DECLARE statement text; got jsonb[]; i int; j int; why text;
BEGIN
    EXECUTE format('SELECT smarketing.kpi_sql(%L, %s)', r.fn, reference.arguments(r)) INTO statement;
    PERFORM set_config('TimeZone', 'Asia/Tokyo', true);
    EXECUTE format('SELECT array_agg(to_jsonb(t) - ''ordinality'' ORDER BY ordinality) FROM (SELECT t.*, row_number() OVER () AS ordinality FROM (%s) AS t) AS t', rtrim(statement, E';\n ')) INTO got;
    PERFORM set_config('TimeZone', r.session_zone, true);
    got := coalesce(got, '{}');
    FOR j IN 1 .. cardinality(got) LOOP
        FOR i IN 1 .. 3 LOOP
            got[j] := (CASE WHEN i <= cardinality(r.dims) THEN got[j] - r.dims[i] ELSE got[j] END)
                || jsonb_build_object('by_' || i, CASE WHEN i <= cardinality(r.dims) THEN coalesce(got[j]->r.dims[i], '"no such column"') END);
        END LOOP;
    END LOOP;
    why := reference.difference(r.expected, got);
    IF why IS NOT NULL THEN PERFORM reference.fails(r, 'kpi_sql: ' || why); END IF;
    INSERT INTO reference.tried VALUES ('kpi_sql', 1);
END $$;

-- kpi() gives a column, its numerator and its denominator.
CREATE FUNCTION reference.check_kpi(r reference.request) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m record; k record; e jsonb; matched int; n int := 0; everything boolean := r.period = 'all' AND r.since IS NULL;
BEGIN
    FOR m IN SELECT metric, split_part(metric, '.', 2) AS col, numerator, denominator FROM smarketing.metrics WHERE metric LIKE r.fn || '.%' ORDER BY random() LIMIT 3 LOOP
        matched := 0;
        FOR k IN EXECUTE format('SELECT * FROM smarketing.kpi(%L, %s)', m.metric, reference.arguments(r)) LOOP
            SELECT x INTO e FROM unnest(r.expected) AS x WHERE (x->>'period_start' = k.period_start::text OR everything) AND (x->>'is_partial')::boolean = k.is_partial
                AND (x->>'by_1', x->>'by_2', x->>'by_3') IS NOT DISTINCT FROM (k.by_1, k.by_2, k.by_3);
            IF e IS NULL THEN PERFORM reference.fails(r, format('kpi %s: a row too many: %s', m.metric, to_jsonb(k))); EXIT; END IF;
            matched := matched + 1; n := n + 1;
            IF NOT reference.alike(m.col, e->m.col, to_jsonb(k.value))
                OR e ? m.numerator AND NOT reference.alike(m.numerator, e->m.numerator, to_jsonb(k.numerator)) OR e ? m.denominator AND NOT reference.alike(m.denominator, e->m.denominator, to_jsonb(k.denominator))
                OR NOT coalesce(e ? m.numerator AND e ? m.denominator, false) AND abs(k.value * k.denominator - k.numerator) > 0.00001 * greatest(1, k.denominator)
                OR (m.numerator IS NULL) AND k.numerator IS NOT NULL OR (m.denominator IS NULL) AND k.denominator IS NOT NULL THEN
                PERFORM reference.fails(r, format('kpi %s: %s, expected row %s', m.metric, to_jsonb(k), e)); EXIT;
            END IF;
        END LOOP;
        IF matched <> (SELECT count(*) FROM unnest(r.expected) AS x WHERE r.dims = '{}' OR coalesce((x->>m.col)::numeric, 0) <> 0)
            AND matched < (SELECT count(*) FROM unnest(r.expected) AS x WHERE r.dims = '{}' OR coalesce((x->>m.col)::numeric, 0) <> 0) THEN
            PERFORM reference.fails(r, format('kpi %s: %s rows, too few', m.metric, matched));
        END IF;
    END LOOP;
    INSERT INTO reference.tried VALUES ('kpi', n);
END $$;

-- kpi_rows adds up to the figure of a cell, which is named by its range and by a filter.
CREATE FUNCTION reference.check_rows(r reference.request) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c jsonb; p reference.span; s reference.setting; zone text; narrow jsonb; m text; want numeric; got record; n int := 0;
BEGIN
    IF r.filter ?| r.dims THEN RETURN; END IF;
    SELECT * INTO s FROM reference.setting;
    zone := coalesce(r.options->>'time_zone', s.time_zone);
    FOR c IN SELECT x FROM unnest(r.expected) AS x ORDER BY random() LIMIT 3 LOOP
        PERFORM set_config('TimeZone', r.session_zone, true);
        SELECT * INTO p FROM reference.spans(r.since, r.until, r.period, zone, s.first_month, NULL) AS x WHERE x.day = (c->>'period_start')::date OR r.period = 'all';
        narrow := r.filter;
        FOR i IN 1 .. cardinality(r.dims) LOOP narrow := narrow || jsonb_build_object(r.dims[i], c->>('by_' || i)); END LOOP;
        PERFORM set_config('TimeZone', zone, true);
        FOR m IN SELECT split_part(metric, '.', 2) FROM smarketing.metrics WHERE metric LIKE r.fn || '.%' AND kind = 'measure' AND metric NOT LIKE '%median%' ORDER BY 1 LOOP
            want := c->>m;
            CONTINUE WHEN want IS NULL;
            SELECT count(*) AS count, coalesce(sum(amount), 0) AS sum, min(weight) AS least, max(weight) AS most INTO got
                FROM smarketing.kpi_rows(r.fn || '.' || m, CASE WHEN p.from_at > '-infinity' THEN p.from_at END, CASE WHEN NOT p.is_everything THEN p.to_at END, narrow, r.options, NULL);
            IF want <> (CASE WHEN m IN ('spend', 'amount_won', 'amount_lost') THEN round(got.sum, 6) ELSE got.count END) OR m <> 'spend' AND (got.least <> 1 OR got.most <> 1) OR m = 'spend' AND (got.least <= 0 OR got.most > 1) THEN
                PERFORM reference.fails(r, format('kpi_rows %s of %s: %s rows, sum %s, expected %s', m, c, got.count, got.sum, want));
            END IF;
            n := n + 1;
        END LOOP;
    END LOOP;
    PERFORM set_config('TimeZone', r.session_zone, true);
    INSERT INTO reference.tried VALUES ('kpi_rows', n);
END $$;

-- Cells add up to the whole, periods of one kind to those of another.
CREATE FUNCTION reference.check_sums(r reference.request) RETURNS void LANGUAGE plpgsql AS $$
DECLARE whole reference.request := r; col text; want numeric; got numeric; by_period boolean := r.since IS NOT NULL AND r.until IS NOT NULL AND r.until - r.since < '200 days';
BEGIN
    whole.dims := '{}';
    IF by_period THEN whole.period := reference.pick('{day,week,month,quarter,year,fiscal_quarter,fiscal_year,all}'::text[]); END IF;
    FOR col IN SELECT split_part(metric, '.', 2) FROM smarketing.metrics WHERE metric LIKE r.fn || '.%' AND is_additive ORDER BY 1 LOOP
        SELECT sum((x->>col)::numeric) INTO want FROM unnest(r.expected) AS x;
        CONTINUE WHEN r.expected = '{}' OR EXISTS (SELECT FROM unnest(r.expected) AS x WHERE x->>col IS NULL);
        EXECUTE format('SELECT sum(%I) FROM smarketing.%s(%s)', col, r.fn, reference.arguments(whole)) INTO got;
        IF want IS DISTINCT FROM got THEN PERFORM reference.fails(r, format('the %s of all cells are %s, those of %s without by %s', col, want, whole.period, got)); END IF;
        INSERT INTO reference.tried VALUES ('sums', 1);
    END LOOP;
END $$;
-- The funnel of leads has the counts of the KPI, and the hours from step to step; as of an earlier time, those of then.
CREATE FUNCTION reference.check_funnel(r reference.request) RETURNS void LANGUAGE plpgsql AS $$
DECLARE stages text[] := '{leads,mqls,sals,sqls,opportunities,won}'; f record; e jsonb; n int := 0; s reference.setting; facts reference.fact[]; p reference.span; everything boolean := r.period = 'all' AND r.since IS NULL; past reference.request := r;
BEGIN
    IF r.fn <> 'sales_qualified_leads' OR r.options->>'basis' = 'period' THEN RETURN; END IF;
    SELECT * INTO s FROM reference.setting;
    r.options := r.options - 'basis';
    PERFORM reference.read_all(coalesce(r.options->>'time_zone', s.time_zone));
    facts := ARRAY(SELECT x FROM reference.lead_facts(r.dims, r.filter, r.options) AS x WHERE measure LIKE 'gap_%');
    FOR f IN EXECUTE format('SELECT *, row_number() OVER () AS row FROM smarketing.lead_funnel(%s)', reference.arguments(r)) LOOP
        n := n + 1;
        e := r.expected[(n - 1) / 6 + 1];
        IF e->'period_start' IS DISTINCT FROM to_jsonb(f.period_start) AND NOT everything OR e->'is_partial' IS DISTINCT FROM to_jsonb(f.is_partial) OR (e->>'by_1', e->>'by_2', e->>'by_3') IS DISTINCT FROM (f.by_1, f.by_2, f.by_3) OR f.step <> (n - 1) % 6 + 1
            OR (e->>stages[f.step])::bigint IS DISTINCT FROM f.entities OR f.stage <> (ARRAY['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'])[f.step]
            OR abs(f.first_rate - (e->>stages[f.step])::float8 / nullif((e->>'leads')::float8, 0)) > 1e-9 OR f.first_rate IS NULL AND f.entities IS NOT NULL AND e->>'leads' <> '0' THEN
            PERFORM reference.fails(r, format('lead_funnel: %s, expected %s', to_jsonb(f), e)); EXIT;
        END IF;
        SELECT * INTO p FROM reference.spans(r.since, r.until, r.period, coalesce(r.options->>'time_zone', s.time_zone), s.first_month, NULL) AS x WHERE x.day = f.period_start OR r.period = 'all';
        IF f.step > 1 AND f.entities IS NOT NULL AND EXISTS (
            SELECT FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8) AS half, percentile_cont(0.9) WITHIN GROUP (ORDER BY value::float8) AS most FROM unnest(facts)
                WHERE measure = 'gap_' || stages[f.step] AND dims = array_remove(ARRAY[f.by_1, f.by_2, f.by_3], NULL) AND (at >= p.from_at AND at < p.to_at OR at IS NULL AND p.is_everything)) AS x
            WHERE abs(half - f.median_hours) > 1e-6 OR abs(most - f.p90_hours) > 1e-6 OR (half IS NULL) <> (f.median_hours IS NULL)) THEN
            PERFORM reference.fails(r, format('lead_funnel: hours of %s', to_jsonb(f))); EXIT;
        END IF;
    END LOOP;
    IF n <> 6 * cardinality(r.expected) THEN PERFORM reference.fails(r, format('lead_funnel: %s rows for %s cells', n, cardinality(r.expected))); END IF;
    INSERT INTO reference.tried VALUES ('lead_funnel', n);
    -- As of a time that is no midnight of the session, to which a second is added: that instant is the last that is seen.
    past.options := r.options || jsonb_build_object('as_of', date_trunc('day', reference.a_time()) + interval '13 hours 1 second');
    past.period := 'all'; past.dims := '{}'; past.since := '2020-01-01'; past.until := '2025-06-01';
    facts := ARRAY(SELECT x FROM reference.lead_facts('{}', r.filter, past.options || jsonb_build_object('as_of', (past.options->>'as_of')::timestamptz + interval '1 microsecond')) AS x);
    FOR f IN EXECUTE format('SELECT *, (SELECT count(*) FROM unnest($1) AS x WHERE measure = ($2)[step] AND at >= reference.meant(%L, $3) AND at < reference.meant(%L, $3)) AS want FROM smarketing.lead_funnel(%s)',
            past.since, past.until, reference.arguments(past)) USING facts, stages, coalesce(r.options->>'time_zone', s.time_zone) LOOP
        IF f.entities <> f.want THEN PERFORM reference.fails(r, format('lead_funnel as of %s: %s', past.options, to_jsonb(f))); END IF;
        INSERT INTO reference.tried VALUES ('as_of', 1);
    END LOOP;
END $$;
CREATE FUNCTION reference.check_more(s int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r reference.request;
BEGIN
    FOR r IN SELECT * FROM reference.request WHERE scenario = s AND expected IS NOT NULL AND failure IS NULL ORDER BY n LOOP
        PERFORM reference.reseed(s, r.n, 1);
        PERFORM set_config('TimeZone', r.session_zone, true);
        BEGIN
            PERFORM reference.check_sql(r), reference.check_kpi(r), reference.check_rows(r), reference.check_sums(r), reference.check_funnel(r);
        EXCEPTION WHEN OTHERS THEN PERFORM reference.fails(r, 'error: ' || SQLSTATE || ' ' || SQLERRM); END;
    END LOOP;
END $$;

-- Run.
CREATE FUNCTION reference.scenario(s int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM reference.reseed(s), reference.make(s), reference.run(s, 16), reference.check_more(s);
    RETURN is((SELECT string_agg(failure, E'\n' ORDER BY n) FROM reference.request WHERE scenario = s), NULL,
        format('scenario %s: %s calls, %s rows (bound: %s)', s, (SELECT count(*) FROM reference.request WHERE scenario = s), (SELECT sum(cardinality(expected)) FROM reference.request WHERE scenario = s),
            (SELECT string_agg(entity, ' ' ORDER BY entity) FROM reference.place WHERE is_bound)));
END $$;
SELECT plan(27);
SELECT diag('seed ' || reference.seed());
SELECT format('SELECT reference.scenario(%s)', s) FROM generate_series(1, 20) AS s \gexec
-- That it was tried at all, whatever the seed.
SELECT cmp_ok((SELECT count(*) FROM reference.request WHERE expected IS NOT NULL OR failure IS NOT NULL), '>=', 200::bigint, 'at least 200 calls gave rows');
SELECT cmp_ok((SELECT sum(cases) FROM reference.tried WHERE property = 'kpi_rows'), '>=', 500::numeric, 'kpi_rows of figures');
SELECT cmp_ok((SELECT sum(cases) FROM reference.tried WHERE property = 'kpi'), '>=', 1000::numeric, 'values of kpi()');
SELECT cmp_ok((SELECT sum(cases) FROM reference.tried WHERE property = 'sums'), '>=', 300::numeric, 'sums');
SELECT cmp_ok((SELECT count(*) FROM reference.tried WHERE property = 'kpi_sql'), '>=', 100::bigint, 'statements of kpi_sql()');
SELECT cmp_ok((SELECT sum(cases) FROM reference.tried WHERE property = 'lead_funnel'), '>=', 300::numeric, 'rows of lead_funnel()');
SELECT cmp_ok((SELECT sum(cases) FROM reference.tried WHERE property = 'as_of'), '>=', 60::numeric, 'rows as of an earlier time');
SELECT * FROM finish();
