-- Views and rollups over the sample CRM: they give what their KPI function gives; a rollup by day answers longer
-- periods, fewer dimensions and filters as kpi() does; what does not add up is refused with the reason; every error;
-- row-level security; names; what depends on what.
SET client_min_messages = warning;
\o /dev/null
\set crm :root '/test/sample/crm.sql'
\set bind :root '/test/sample/bind.sql'
\i :crm
CREATE EXTENSION smarketing;
\i :bind
\o
SET client_min_messages = warning;
-- The sample ends in October 2026: all of its times are later by so many weeks as have passed since this was written.
-- They go by way of the next century, for keys are checked row by row.
DO $$ DECLARE
    weeks int := greatest(0, round(extract(epoch FROM date_trunc('week', now()) - timestamptz '2026-11-23') / 604800)::int);
    moved record;
BEGIN
    FOR moved IN SELECT by, attrelid::regclass AS named, string_agg(format('%1$I = %1$I + make_interval(weeks => %2$s)', attname, by), ', ') AS set
            FROM unnest(ARRAY[5200, weeks - 5200]) WITH ORDINALITY AS way (by, step), pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
            WHERE weeks > 0 AND relnamespace = 'crm'::regnamespace AND attnum > 0 AND atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) AND attgenerated = ''
            GROUP BY step, by, attrelid ORDER BY step LOOP
        EXECUTE format('UPDATE %s SET %s', moved.named, moved.set);
    END LOOP;
END $$;
ANALYZE;
-- What a rollup by day compares with is read for every day: less of it.
DELETE FROM crm.deal WHERE opened_on < now() - interval '7 months';
DELETE FROM crm.web_visit WHERE visited_at < now() - interval '8 months';
SELECT no_plan();

-- The first day of a month, months from the running one.
CREATE FUNCTION month(offset_ int) RETURNS timestamptz LANGUAGE sql AS
$$SELECT date_trunc('month', now()) + offset_ * interval '1 month'$$;

-- Each view and rollup is its KPI function.
CREATE TABLE made (name text, kpi text, period text, by text[], options jsonb, is_rollup boolean);
INSERT INTO made VALUES
    ('cpl_view', 'cost_per_lead', 'month', '{channel,campaign}', '{}', false),
    ('cpl_view_of_all', 'cost_per_lead', 'month', '{}', '{}', false),
    ('cpo_view', 'cost_per_opportunity', 'week', '{channel}', '{"kind": "all", "lag": "20 days"}', false),
    ('retention_view', 'customer_retention', 'quarter', '{country}', '{}', false),
    ('cac_view', 'customer_acquisition_cost', 'month', '{}', '{"margin": 0.7}', false),
    ('revenue_view', 'revenue_evolution', 'month', '{owner}', '{}', false),
    ('sql_view', 'sales_qualified_leads', 'month', '{channel}', '{"time_zone": "America/New_York"}', false),
    ('roi_view', 'marketing_roi', 'month', '{channel,campaign}', '{"model": "time_decay"}', false),
    ('win_view', 'opportunity_win_rate', 'fiscal_quarter', '{owner,product,rep}', '{}', false),
    ('cpl', 'cost_per_lead', 'day', '{channel,campaign}', '{}', true),
    ('cpl_period', 'cost_per_lead', 'day', '{channel}', '{"basis": "period", "lag": "10 days"}', true),
    ('cpl_of_all', 'cost_per_lead', 'day', '{}', '{"time_zone": "Asia/Tokyo"}', true),
    ('cpo', 'cost_per_opportunity', 'day', '{channel,kind}', '{}', true),
    ('cac', 'customer_acquisition_cost', 'month', '{channel}', '{}', true),
    ('sqls', 'sales_qualified_leads', 'day', '{channel,owner}', '{"within": "60 days"}', true),
    ('sqls_period', 'sales_qualified_leads', 'week', '{owner}', '{"basis": "period"}', true),
    ('roi', 'marketing_roi', 'day', '{channel}', '{}', true),
    ('roi_touched', 'marketing_roi', 'month', '{channel,campaign}', '{"basis": "touched", "margin": 0.6}', true),
    ('win', 'opportunity_win_rate', 'day', '{owner,product}', '{}', true),
    ('win_created', 'opportunity_win_rate', 'month', '{owner}', '{"basis": "created"}', true),
    ('revenue', 'revenue_evolution', 'month', '{owner,country}', '{}', true),
    ('revenue_by_week', 'revenue_evolution', 'week', '{owner}', '{}', true),
    ('kept', 'customer_retention', 'month', '{segment}', '{}', true),
    ('revenue_recurring', 'revenue_evolution', 'month', '{owner}', '{"source": "subscription"}', true);
SELECT isnt_empty(format('SELECT smarketing.create_%s(%L, %L, %L, %L, options => %L)', CASE WHEN is_rollup THEN 'rollup' ELSE 'view' END,
                         name, kpi, period, by, options), name || ' is made')
FROM made;

-- What a rollup leaves out by day and by week: there it is NULL.
CREATE FUNCTION left_out(period text, is_rollup boolean) RETURNS text[] LANGUAGE sql IMMUTABLE
RETURN CASE WHEN is_rollup AND period IN ('day', 'week') THEN '{open_pipeline,trailing_12_months}' ELSE '{}' END::text[];
-- A cell may be there for what is left out alone.
CREATE FUNCTION is_compared(r jsonb, period text, is_rollup boolean) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN left_out(period, is_rollup) = '{}' OR jsonb_path_exists(r - left_out(period, is_rollup), '$.* ? (@.type() == "number" && @ <> 0)');
-- What is wrong of a view or rollup: rows that one has and the other lacks, over periods that both have.
CREATE FUNCTION differences(made) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    renamed text;
    since timestamptz := month(-4);
BEGIN
    since := CASE WHEN $1.period LIKE '%quarter' THEN date_trunc('quarter', now()) - interval '6 months'
                  WHEN $1.period = 'week' THEN date_trunc('week', now()) - interval '20 weeks' ELSE month(-5) END;
    SELECT coalesce(string_agg(format(' || jsonb_build_object(%L, by_%s)', dimension, n), ''), '') INTO renamed
    FROM unnest($1.by) WITH ORDINALITY AS d (dimension, n);
    RETURN QUERY EXECUTE format(
        'WITH stored AS (SELECT to_jsonb(v) - left_out(%L, %L) AS r FROM %I AS v WHERE period_start >= %L AND is_compared(to_jsonb(v), %L, %L)),
              computed AS (SELECT to_jsonb(f) - ''by_1'' - ''by_2'' - ''by_3'' - ''low'' - ''high'' - left_out(%L, %L)%s AS r
                           FROM smarketing.%I(%L, %L, %L, %L, options => %L) AS f WHERE is_compared(to_jsonb(f), %L, %L))
         SELECT (SELECT ''stored '' || min(r::text) || '' of '' || count(*) FROM (SELECT * FROM stored EXCEPT SELECT * FROM computed) AS s HAVING count(*) > 0)
         UNION ALL SELECT (SELECT ''computed '' || min(r::text) || '' of '' || count(*) FROM (SELECT * FROM computed EXCEPT SELECT * FROM stored) AS s HAVING count(*) > 0)
         UNION ALL SELECT ''there is nothing'' FROM computed HAVING count(*) = 0',
        $1.period, $1.is_rollup, $1.name, since::date, $1.period, $1.is_rollup, $1.period, $1.is_rollup, renamed, $1.kpi, since, smarketing.period_end($1.period, now()::date), $1.period, $1.by, $1.options, $1.period, $1.is_rollup);
END$$;
SELECT is_empty(format('SELECT d FROM made, differences(made) AS d WHERE name = %L AND d IS NOT NULL', name), name || ' gives what ' || kpi || '() gives')
FROM made WHERE name <> 'roi_touched';
-- By touch, kpi() itself is the same to the fifth decimal only: what is split depends on the range.
SELECT is_empty($$
    SELECT v.period_start, v.channel, v.attributed_revenue, f.attributed_revenue
    FROM roi_touched v JOIN smarketing.marketing_roi(month(-5), month(1), by => '{channel,campaign}', options => '{"basis": "touched", "margin": 0.6}') f
         ON f.period_start = v.period_start AND f.by_1 = v.channel AND f.by_2 = v.campaign
    WHERE abs(v.attributed_revenue - f.attributed_revenue) > 0.00001 OR v.spend IS DISTINCT FROM f.spend OR v.is_partial <> f.is_partial$$, 'so does attribution by touch');

-- What is stored moves on: it names no time but now().
SELECT is_empty($$SELECT name, substring(pg_get_viewdef(coalesce(parts, name)::regclass) FROM '''20[1-9][0-9]-[^'']*''') AS literal FROM smarketing.stored_view WHERE pg_get_viewdef(coalesce(parts, name)::regclass) ~ '''20[1-9][0-9]-' OR pg_get_viewdef(name::regclass) ~ '''20[1-9][0-9]-'$$, 'no time stands still');
SELECT is_empty($$SELECT name FROM smarketing.stored_view WHERE pg_get_viewdef(coalesce(parts, name)::regclass) !~ 'now\(\)'$$, 'each moves with now()');

SELECT is((SELECT count(open_pipeline) FROM roi), 0::bigint, 'what is left out is NULL');
SELECT matches(col_description('roi'::regclass, attnum), 'not stored by day, always NULL', 'and says so') FROM pg_attribute WHERE attrelid = 'roi'::regclass AND attname = 'open_pipeline';
SELECT throws_ok($$SELECT * FROM smarketing.rollup_kpi('roi', 'open_pipeline', period => 'day')$$, '0A000', '"open_pipeline" of marketing_roi is not stored by day', 'also to rollup_kpi');

-- Longer periods, fewer dimensions, filters, at random.
SELECT coalesce(current_setting('smarketing.seed', true), to_char(now(), 'SSSSMS')) AS seed \gset
SELECT diag('seed of the random comparisons: ' || :'seed');
SELECT setseed((:seed % 1000000) / 1000000.0) \g /dev/null
CREATE TABLE tried (call text, refused boolean, problem text);
CREATE FUNCTION try(made) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- Periods that the stored one adds up to, with how far back a range may begin.
    periods text[] := CASE $1.period WHEN 'day' THEN '{day,week,month,quarter,year,fiscal_quarter,all}'
                                     WHEN 'week' THEN '{week,all}' ELSE '{month,quarter,year,all}' END;
    period text := periods[1 + floor(random() * cardinality(periods))];
    metric text := (SELECT m.metric FROM smarketing.metrics m WHERE m.metric LIKE $1.kpi || '.%' ORDER BY random() LIMIT 1);
    dimensions text[] := (SELECT coalesce(array_agg(d), '{}') FROM unnest($1.by) AS d WHERE random() < 0.5);
    filtered text := (SELECT d FROM unnest($1.by) AS d WHERE random() < 0.4 LIMIT 1);
    filter jsonb := '{}';
    since timestamptz := CASE WHEN period = 'week' OR $1.period = 'week' THEN date_trunc('week', now()) - interval '10 weeks' ELSE month(-3 - floor(random() * 3)::int) END;
    until timestamptz := CASE WHEN $1.period = 'week' THEN date_trunc('week', now())
                              WHEN random() < 0.5 THEN month(0) WHEN $1.period = 'day' THEN date_trunc('day', now()) + interval '1 day' ELSE month(1) END;
    call text;
BEGIN
    IF filtered IS NOT NULL THEN
        EXECUTE format('SELECT jsonb_build_object(%L, CASE WHEN random() < 0.5 THEN to_jsonb(v) ELSE jsonb_build_object(''not'', jsonb_build_array(v, null)) END)
                        FROM (SELECT %I AS v FROM %I ORDER BY random() LIMIT 1) AS picked', filtered, filtered, $1.name) INTO filter;
    END IF;
    call := format('%L, %L, %L, %L, %L, %L)', metric, since, until, period, dimensions, filter);
    BEGIN
        EXECUTE format('CREATE TEMP TABLE stored AS SELECT * FROM smarketing.rollup_kpi(%L, %s', $1.name, call);
    EXCEPTION WHEN feature_not_supported THEN
        INSERT INTO tried VALUES ($1.name || ': ' || call, true, NULL);
        RETURN;
    END;
    EXECUTE format('CREATE TEMP TABLE computed AS SELECT * FROM smarketing.kpi(%s, options => %L)', rtrim(call, ')'), $1.options);
    -- A rollup has the cells of all measures of its KPI, kpi() those of the measures that it needs.
    INSERT INTO tried
    SELECT $1.name || ': ' || call, false,
           (SELECT format('%s, not %s', coalesce(s::text, 'nothing'), coalesce(c::text, 'nothing'))
            FROM stored s FULL JOIN computed c ON s.period_start = c.period_start AND (s.by_1, s.by_2, s.by_3) IS NOT DISTINCT FROM (c.by_1, c.by_2, c.by_3)
            WHERE (c.period_start IS NOT NULL OR coalesce(s.value, 0) <> 0 OR coalesce(s.numerator, 0) <> 0 OR coalesce(s.denominator, 0) <> 0)
              AND (s.is_partial, s.value, s.numerator, s.denominator) IS DISTINCT FROM (c.is_partial, c.value, c.numerator, c.denominator) LIMIT 1);
    DROP TABLE stored, computed;
END$$;
SELECT count(try(made)) FROM made, generate_series(1, 14) WHERE is_rollup AND name <> 'roi_touched' \g /dev/null
SELECT is_empty('SELECT call, problem FROM tried WHERE problem IS NOT NULL', 'rollup_kpi gives what kpi() gives, at random');
SELECT cmp_ok((SELECT count(*) FROM tried WHERE NOT refused), '>=', 60::bigint, 'of many calls');
-- What adds up is never refused.
SELECT is_empty($$SELECT call FROM tried WHERE refused AND EXISTS (SELECT FROM smarketing.metrics m WHERE call LIKE '%''' || m.metric || '''%' AND m.is_additive
    AND m.metric NOT IN ('opportunity_win_rate.open_overdue', 'revenue_evolution.revenue'))$$, 'what adds up is not refused');

SELECT * FROM finish();
