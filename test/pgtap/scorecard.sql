-- The scorecard: every figure is the KPI function's own, readings say what changed and why, and what is not there yet.
SET client_min_messages = warning;
\o /dev/null
\set crm :root '/test/sample/crm.sql'
\set bind :root '/test/sample/bind.sql'
\i :crm
CREATE EXTENSION smarketing;
\o
SET client_min_messages = warning;
SELECT no_plan();

-- Nothing is bound: eight rows all the same, which say what to bind.
SELECT results_eq('SELECT kpi_number, kpi, value, status FROM smarketing.scorecard()', $$VALUES (1, 'cost_per_lead', NULL::numeric, 'not_bound'), (2, 'cost_per_opportunity', NULL, 'not_bound'), (3, 'customer_retention', NULL, 'not_bound'),
    (4, 'customer_acquisition_cost', NULL, 'not_bound'), (5, 'revenue_evolution', NULL, 'not_bound'), (6, 'sales_qualified_leads', NULL, 'not_bound'), (7, 'marketing_roi', NULL, 'not_bound'), (8, 'opportunity_win_rate', NULL, 'not_bound')$$, 'an empty database has eight rows');
SELECT results_eq($$SELECT kpi_number, reading, substring(next_call FROM '^SELECT smarketing.bind\(''([a-z]+)'', ''schema.table'', ''{...}''\)$') FROM smarketing.scorecard() WHERE status = 'not_bound'$$, $$VALUES (1, 'bind entity lead', 'lead'), (2, 'bind entity opportunity', 'opportunity'), (3, 'bind entity subscription, opportunity or revenue', 'subscription'),
    (4, 'bind entity subscription, opportunity or revenue', 'subscription'), (5, 'bind entity revenue, opportunity or subscription', 'revenue'), (6, 'bind entity lead', 'lead'), (7, 'bind entity opportunity', 'opportunity'), (8, 'bind entity opportunity', 'opportunity')$$, 'and the entities that would do');
SELECT is((SELECT reading FROM smarketing.scorecard(options => '{"language": "fr"}') WHERE kpi_number = 3), 'relier l''entité subscription, opportunity ou revenue', 'in French');
SELECT throws_ok($$SELECT * FROM smarketing.scorecard(options => '{"lag": "1 day"}')$$, '22023', 'option "lag" of scorecard does not exist');
SELECT throws_ok($$SELECT * FROM smarketing.scorecard(options => '{"language": "de"}')$$, '22023', 'invalid value for option "language": "de"');
SELECT throws_ok($$SELECT smarketing.configure('language', 'de')$$, '22023', 'invalid value for setting "language": "de"');
SELECT throws_ok($$SELECT * FROM smarketing.scorecard('2026-02-01', '2026-01-01')$$, '22023');
\o /dev/null
\i :bind
\o

-- Every figure is that of the KPI's function: of a month, of a quarter, of a year, of any range; of the period before, of a year ago.
CREATE FUNCTION figure(kpi text, metric text, since timestamptz, until timestamptz, period text, filter jsonb DEFAULT '{}') RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE result numeric; BEGIN EXECUTE format('SELECT %I::numeric FROM smarketing.%I(%L, %L, %L, filter => %L)', metric, kpi, since, until, period, filter) INTO result; RETURN result; END $$;
CREATE TABLE headline (kpi text, metric text, numerator text, denominator text);
INSERT INTO headline VALUES ('cost_per_lead', 'cost_per_lead', 'spend', 'leads'), ('cost_per_opportunity', 'cost_per_opportunity', 'spend', 'opportunities'), ('customer_retention', 'retention_rate', 'customers_kept', 'customers_start'),
    ('customer_acquisition_cost', 'customer_acquisition_cost', 'spend', 'new_customers'), ('revenue_evolution', 'revenue', NULL, NULL), ('sales_qualified_leads', 'lead_to_won_rate', 'won', 'leads'), ('marketing_roi', 'roi', NULL, NULL), ('opportunity_win_rate', 'win_rate', 'won', 'closed');
CREATE TABLE span (since timestamptz, until timestamptz, before timestamptz, period text, filter jsonb);
INSERT INTO span VALUES ('2026-10-01', '2026-11-01', '2026-09-01', 'month', '{}'), ('2026-04-01', '2026-07-01', '2026-01-01', 'quarter', '{}'), ('2025-01-01', '2026-01-01', '2024-01-01', 'year', '{}'),
    ('2026-03-05', '2026-05-20', '2025-12-19', 'all', '{}'), ('2026-06-01', '2026-07-01', '2026-05-01', 'month', '{"segment": "SMB"}');
CREATE TABLE card AS SELECT s.*, c.* FROM span AS s, smarketing.scorecard(s.since, s.until, s.filter) AS c;
SELECT is((SELECT count(*) FROM card), 40::bigint, 'eight rows for each range');
SELECT is_empty($$SELECT kpi, since, value, figure(kpi, metric, since, until, period) FROM card JOIN headline USING (kpi) WHERE filter = '{}' AND value IS DISTINCT FROM figure(kpi, metric, since, until, period)$$, 'each value is the function''s');
SELECT is_empty($$SELECT kpi, value FROM card JOIN headline USING (kpi) WHERE filter <> '{}' AND status <> 'no_dimension' AND value IS DISTINCT FROM figure(kpi, metric, since, until, period, filter)$$, 'also with a filter');
SELECT is_empty($$SELECT kpi, since FROM card JOIN headline AS h USING (kpi) WHERE filter = '{}' AND h.numerator IS NOT NULL AND (card.numerator IS DISTINCT FROM figure(kpi, h.numerator, since, until, period) OR card.denominator IS DISTINCT FROM figure(kpi, h.denominator, since, until, period))$$, 'numerators and denominators, too');
SELECT is_empty($$SELECT kpi, since, previous, figure(kpi, metric, before, since, period) FROM card JOIN headline USING (kpi) WHERE filter = '{}' AND before >= '2025-01-01' AND previous IS DISTINCT FROM figure(kpi, metric, before, since, period)$$, 'previous is what the period before shows');
SELECT is_empty($$SELECT kpi, since FROM card JOIN headline USING (kpi) WHERE filter = '{}' AND since >= '2026-01-01' AND period <> 'all' AND year_ago IS DISTINCT FROM figure(kpi, metric, since - interval '1 year', until - interval '1 year', period)$$, 'year_ago is what that period shows');
-- What is compared in one row is read at once: each figure of each metric is the one of a call of its own over that range, in total and by a dimension.
CREATE TABLE apart (metric text, against text, since timestamptz, until timestamptz, by_1 text, other numeric, alone numeric);
DO $$
DECLARE since timestamptz; until timestamptz; m text; d text[]; o jsonb; seed float8 := random();
BEGIN
    RAISE WARNING 'seed %', seed; PERFORM setseed(seed);
    FOR i IN 1..4 LOOP
        since := timestamptz '2026-01-10' + floor(random() * 90) * interval '1 day' + CASE i WHEN 1 THEN '0' ELSE interval '10 hours' END; until := since + (10 + floor(random() * 100)) * interval '1 day';
        FOR m IN SELECT metric FROM smarketing.metrics WHERE metric !~ '(previous|change|change_rate|year_ago|year_over_year|trailing_12_months|goal|attainment|low|high|is_projection|is_mature)$'
            AND (random() < 0.35 OR metric ~ '(\.leads|roi|retention_rate|new_customers|revenue|open_overdue|win_rate|paid_acquisition_cost)$') LOOP
            o := CASE WHEN i = 2 AND m ~ '^(cost|customer_acquisition)' THEN '{"lag": "3 days 5 hours"}' WHEN i = 3 AND m ~ '^marketing_roi' THEN '{"basis": "touched"}' WHEN i = 3 AND m ~ '^(sales|cost_per_lead)' THEN '{"basis": "period"}' WHEN i = 3 AND m ~ '^customer_ret' THEN '{"basis": "cohort"}' ELSE '{}' END;
            FOREACH d SLICE 1 IN ARRAY ARRAY[['{}'], ['{channel}'], ['{owner}']] LOOP
                d := d[1]::text[];
                CONTINUE WHEN d = '{owner}' AND m !~ '^(sales_qualified_leads|opportunity_win_rate|revenue_evolution)' OR d = '{channel}' AND m ~ '^revenue' OR d <> '{}' AND random() < 0.4;
                INSERT INTO apart SELECT m, 'previous', since, until, c.by_1, c.other, k.value FROM smarketing.kpi_compare(m, since, until, 'all', d, '{}', o || '{"against": "previous"}') AS c
                    LEFT JOIN smarketing.kpi(m, since - (until - since), since, 'all', d, '{}', o) AS k ON k.by_1 IS NOT DISTINCT FROM c.by_1;
                INSERT INTO apart SELECT m, 'year', since, until, c.by_1, c.other, k.value FROM smarketing.kpi_compare(m, since, until, 'all', d, '{}', o || '{"against": "year"}') AS c
                    LEFT JOIN smarketing.kpi(m, since - interval '1 year', until - interval '1 year', 'all', d, '{}', o) AS k ON k.by_1 IS NOT DISTINCT FROM c.by_1;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT is_empty('SELECT * FROM apart WHERE coalesce(other, 0) IS DISTINCT FROM coalesce(alone, 0)', 'what is read at once is what is read alone');
SELECT cmp_ok((SELECT count(*) FROM apart WHERE other <> 0), '>', 100::bigint, 'most of it is there');
SELECT is_empty($$SELECT since, goal FROM card WHERE kpi = 'revenue_evolution' AND filter = '{}' AND goal IS DISTINCT FROM figure(kpi, 'goal', since, until, period)$$, 'the goal is that of the function');
SELECT is_empty($$SELECT kpi, change_rate FROM card WHERE change_rate IS DISTINCT FROM ((value - previous) / CASE WHEN previous > 0 THEN previous END)::float8$$, 'change_rate is the change on previous');
-- The status has the metric's direction.
SELECT is_empty($$SELECT kpi, since, status, value, previous FROM card JOIN smarketing.metrics AS m ON m.metric = card.kpi || '.' || (SELECT metric FROM headline WHERE headline.kpi = card.kpi)
    WHERE status IN ('better', 'worse') AND kpi <> 'sales_qualified_leads' AND status <> CASE WHEN (value > previous) = (better = 'higher') THEN 'better' ELSE 'worse' END$$, 'better and worse by the direction of the metric');
SELECT is_empty($$SELECT kpi, status FROM card JOIN headline USING (kpi) JOIN smarketing.metrics AS m ON m.metric = kpi || '.' || headline.metric
    WHERE status IN ('on_goal', 'off_goal') AND (goal IS NULL OR status <> CASE WHEN value = goal OR (value > goal) = (better = 'higher') THEN 'on_goal' ELSE 'off_goal' END)$$, 'a goal decides where there is one');
-- Marketing ROI: numerator and denominator by hand, points of percent, and what it lacks.
SELECT is_empty($$SELECT since FROM card WHERE kpi = 'marketing_roi' AND filter = '{}' AND (abs(numerator - figure(kpi, 'attributed_revenue', since, until, period) + figure(kpi, 'spend', since, until, period)) > 0.000001 OR numerator IS NULL OR denominator IS DISTINCT FROM figure(kpi, 'spend', since, until, period))$$, 'the return is revenue less spend');
SELECT results_eq($$SELECT round(value, 3), round(previous, 3), unit, status, reading FROM smarketing.scorecard('2025-12-01', '2026-01-01') WHERE kpi_number = 7$$, $$VALUES (6.570, 2.252, 'rate', 'better', 'up 432 points, better; above all LinkedIn Ads: +697 points')$$, 'ROI in points');
BEGIN;
DELETE FROM crm.ad_cost;
SELECT results_eq($$SELECT value, status, reading, next_call FROM smarketing.scorecard('2025-12-01', '2026-01-01') WHERE kpi_number = 7$$, $$VALUES (NULL::numeric, 'no_data', 'no spend in this period yet', 'SELECT * FROM smarketing.marketing_roi(''2025-12-01'', ''2026-01-01'', ''month'', ''{channel}'')')$$, 'no spend at all');
SELECT smarketing.unbind('spend') AS done \gset
SELECT results_eq($$SELECT value, status, reading, next_call FROM smarketing.scorecard('2025-12-01', '2026-01-01') WHERE kpi_number = 7$$, $$VALUES (NULL::numeric, 'no_data', 'no spend is known: bind spend, or enter it in spend_entry', 'SELECT smarketing.bind(''spend'', ''schema.table'', ''{...}'')')$$, 'no spend is bound');
ROLLBACK;
BEGIN;
SELECT smarketing.unbind('touch') AS a, smarketing.bind('lead', 'crm.contact', '{"lead_id": "id", "created_at": "created_on"}') AS b \gset
SELECT results_eq($$SELECT value, status, reading, next_call FROM smarketing.scorecard('2025-12-01', '2026-01-01') WHERE kpi_number = 7$$, $$VALUES (NULL::numeric, 'not_bound', 'bind entity touch or lead (channel)', 'SELECT smarketing.bind(''touch'', ''schema.table'', ''{...}'')')$$, 'no touches');
ROLLBACK;
SELECT is_empty($$SELECT * FROM card WHERE reading IS NULL OR reading = '' OR next_call IS NULL$$, 'every row reads as something');
SELECT isnt((SELECT status FROM card WHERE kpi = 'sales_qualified_leads' AND since = '2025-01-01'), 'too_early', 'leads of 2025 have had their time');
SELECT matches((SELECT reading FROM card WHERE kpi = 'sales_qualified_leads' AND since = '2026-10-01'), '^(too early to tell|as before at the same age)', 'the data end with October: it is as old as September was then');
-- Leads that still grow are compared at the same age: as the funnel stood as long before.
SELECT is((SELECT (regexp_match(reading, '(up|down) ([0-9.]+) points at the same age'))[2]::numeric FROM smarketing.scorecard('2025-12-01', '2026-01-01') WHERE kpi_number = 6),
    (SELECT round(abs(100 * (c.won - p.won)), 1) FROM (SELECT max(entities) FILTER (WHERE step = 6) / max(entities) FILTER (WHERE step = 1)::numeric AS won FROM smarketing.lead_funnel('2025-12-01', '2026-01-01', 'all')) AS c,
        (SELECT max(entities) FILTER (WHERE step = 6) / max(entities) FILTER (WHERE step = 1)::numeric AS won FROM smarketing.lead_funnel('2025-11-01', '2025-12-01', 'all', options => jsonb_build_object('as_of', now() - interval '30 days'))) AS p), 'the funnel as of then');
-- Few are lost: one more half of them is worse, though it is less than a point.
SELECT results_eq($$SELECT round(value, 4), round(previous, 4), status, left(reading, 23) FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 3$$, $$VALUES (0.9784, 0.9850, 'worse', 'down 0.7 points, worse')$$, 'more churn');
-- What is missing is told with its dimension; what a filter fixes explains nothing.
SELECT is((SELECT reading FROM smarketing.scorecard('2026-06-01', '2026-07-01') WHERE kpi_number = 3), 'up 1.1 points, better; above all channel (none): +1.1 points', 'the dimension of what is missing');
SELECT is((SELECT reading FROM smarketing.scorecard('2026-06-01', '2026-07-01', options => '{"language": "fr"}') WHERE kpi_number = 3), 'hausse de 1,1 pt, mieux ; surtout channel (aucun) : +1,1 pt', 'in French, where what is below two is singular');
SELECT results_eq($$SELECT kpi_number, substring(next_call FROM '''(\{[a-z]+\})''') FROM smarketing.scorecard('2026-06-01', '2026-07-01', '{"channel": "LinkedIn Ads"}') WHERE kpi_number IN (1, 2, 3, 6, 8) ORDER BY 1$$, $$VALUES (1, '{campaign}'), (2, '{campaign}'), (3, '{segment}'), (6, '{owner}'), (8, '{owner}')$$, 'a channel of one value is not drilled by');
SELECT is((SELECT substring(next_call FROM '''(\{[a-z]+\})''') FROM smarketing.scorecard('2026-06-01', '2026-07-01', '{"channel": ["LinkedIn Ads", null]}') WHERE kpi_number = 1), '{channel}', 'one of two is');
-- The statement to run next runs, and adds up to the figure.
CREATE FUNCTION rows_of(statement text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM (%s) AS t', statement) INTO n; RETURN n; END $$;
SELECT is_empty($$SELECT kpi, next_call FROM card WHERE next_call IS NOT NULL AND status <> 'no_dimension' AND rows_of(next_call) < 1$$, 'the next call runs');
-- What customers are made of by the setting, and what tells of won leads and deals.
BEGIN;
CREATE TABLE deal (id int, lead_id int, made date, closed date, is_won boolean);
CREATE FUNCTION wanted(VARIADIC kpis int[]) RETURNS SETOF text LANGUAGE sql AS $$SELECT format('%s %s %s %s', kpi_number, status, reading, substring(next_call FROM '''([a-z]+)''')) FROM smarketing.scorecard('2026-06-01', '2026-07-01') WHERE kpi_number = ANY (kpis) ORDER BY kpi_number$$;
SELECT smarketing.unbind('account') AS e, smarketing.unbind('revenue') AS a, smarketing.configure('customer_basis', 'revenue') AS z \gset
SELECT results_eq('SELECT wanted(3, 4)', $$VALUES ('3 not_bound bind entity revenue revenue'), ('4 not_bound bind entity revenue revenue')$$, 'what the setting needs');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "made", "closed_at": "closed"}') AS a, smarketing.configure('customer_basis', 'opportunity') AS z \gset
SELECT results_eq('SELECT wanted(3, 4, 8)', $$VALUES ('3 not_bound bind entity opportunity (won, account_id, amount) opportunity'), ('4 not_bound bind entity opportunity (won) opportunity'), ('8 not_bound bind entity opportunity (won) opportunity')$$, 'columns of what is bound');
SELECT smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "made", "closed_at": "closed", "won": "is_won"}') AS a, smarketing.configure('customer_basis', 'auto') AS b, smarketing.unbind('subscription') AS z \gset
SELECT results_eq('SELECT wanted(3)', $$VALUES ('3 not_bound bind entity subscription or opportunity (account_id, amount) subscription')$$, 'of the first that has customers');
SELECT smarketing.unbind('opportunity') AS a, smarketing.unbind('stage_change') AS b, smarketing.bind('lead', 'crm.contact', '{"lead_id": "id", "created_at": "created_on", "mql_at": "mql_on", "sql_at": "sql_on"}') AS z \gset
SELECT results_eq('SELECT wanted(6)', $$VALUES ('6 not_bound bind entity opportunity opportunity')$$, 'leads of which nothing tells that they were won');
ROLLBACK;
-- Spend that lacks what is filtered by: the statement that helps.
BEGIN;
SELECT results_eq($$SELECT kpi_number, status, reading, next_call FROM smarketing.scorecard('2026-06-01', '2026-07-01', '{"segment": "SMB"}') WHERE kpi_number IN (1, 2, 4)$$, $$SELECT n, 'no_dimension', 'cannot be filtered by segment', 'SELECT smarketing.configure(''spend_without_dimension'', ''leads'')' FROM unnest('{1,2,4}'::int[]) AS n$$, 'spend without segments');
SELECT smarketing.configure('spend_without_dimension', 'leads') AS done \gset
SELECT is_empty($$SELECT * FROM smarketing.scorecard('2026-06-01', '2026-07-01', '{"segment": "SMB"}') WHERE kpi_number IN (1, 2, 4) AND NOT (status IN ('better', 'worse', 'steady') AND value > 0)$$, 'helps');
SELECT smarketing.configure('spend_without_dimension', 'error') AS done \gset
SELECT is((SELECT next_call FROM smarketing.scorecard('2026-06-01', '2026-07-01', '{"product": "Platform"}') WHERE kpi_number = 2), 'SELECT smarketing.bind(''spend'', ''schema.table'', ''{"product": "...", ...}'')', 'what leads lack too has to be bound');
ROLLBACK;
-- One channel, one owner: what explains the change. All spend of May went to one channel, which made its leads dear.
CREATE TABLE l (id int, day date, source text);
CREATE TABLE s (day date, amount numeric, source text);
INSERT INTO l SELECT n, CASE WHEN n <= 100 THEN date '2026-04-10' ELSE '2026-05-10' END, CASE n % 2 WHEN 0 THEN 'Fair' ELSE 'LinkedIn' END FROM generate_series(1, 200) AS n;
INSERT INTO s VALUES ('2026-04-01', 500, 'Fair'), ('2026-04-01', 500, 'LinkedIn'), ('2026-05-01', 510, 'Fair'), ('2026-05-01', 690, 'LinkedIn');
SELECT smarketing.bind('lead', 'l', '{"lead_id": "id", "created_at": "day", "channel": "source"}') AS a, smarketing.bind('spend', 's', '{"at": "day", "amount": "amount", "channel": "source"}') AS b \gset
SELECT results_eq($$SELECT value, previous, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (12.000000, 10.000000, 'worse', 'up 20 %, worse; above all LinkedIn: +38 %')$$, 'the channel that explains the change');
SELECT is((SELECT reading FROM smarketing.scorecard('2026-05-01', '2026-06-01', options => '{"language": "fr"}') WHERE kpi_number = 1), 'hausse de 20 %, moins bien ; surtout LinkedIn : +38 %', 'in French');
-- Where the filter leaves one channel under another name, it explains nothing: the next dimension is taken.
BEGIN;
SELECT smarketing.define_dimension('door', '{"lead": "source", "spend": "source"}') AS done \gset
SELECT smarketing.unbind('lead') AS a, smarketing.unbind('spend') AS b \gset
ALTER TABLE l ADD COLUMN campaign text;
ALTER TABLE s ADD COLUMN campaign text;
UPDATE l SET campaign = CASE WHEN id % 4 < 2 THEN 'North' ELSE 'South' END;
UPDATE s SET campaign = 'North';
INSERT INTO s VALUES ('2026-04-01', 500, 'LinkedIn', 'South'), ('2026-05-01', 2500, 'LinkedIn', 'South');
SELECT smarketing.bind('lead', 'l', '{"lead_id": "id", "created_at": "day", "channel": "source", "campaign": "campaign"}') AS a, smarketing.bind('spend', 's', '{"at": "day", "amount": "amount", "channel": "source", "campaign": "campaign"}') AS b \gset
SELECT results_eq($$SELECT reading, next_call FROM smarketing.scorecard('2026-05-01', '2026-06-01', '{"door": "LinkedIn"}') WHERE kpi_number = 1$$, $$VALUES ('up 219 %, worse; above all South: +400 %', 'SELECT * FROM smarketing.cost_per_lead(''2026-05-01'', ''2026-06-01'', ''month'', ''{campaign}'', filter => ''{"door": "LinkedIn"}'')')$$, 'a dimension of one value by another name');
ROLLBACK;
-- Money spent on what there is none of is the worst, and no lack of data.
BEGIN;
INSERT INTO s VALUES ('2026-06-01', 1900, 'Fair');
SELECT results_eq($$SELECT value, numerator, denominator, status, reading FROM smarketing.scorecard('2026-06-01', '2026-07-01') WHERE kpi_number = 1$$, $$VALUES (NULL::numeric, 1900::numeric, 0::numeric, 'worse', '1,900 spent, and nothing came of it')$$, 'spent for nothing');
INSERT INTO s SELECT (now() + interval '40 days')::date, 700, 'Fair';
SELECT is((SELECT status FROM smarketing.scorecard(now() + interval '35 days', now() + interval '45 days') WHERE kpi_number = 1), 'no_data', 'but not what is spent for what has not begun');
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('cost_per_lead.cost_per_lead', '2026-06-01', 'month', 11);
SELECT results_eq($$SELECT status, regexp_replace(reading, '[\u00a0\u202f]', ' ', 'g') FROM smarketing.scorecard('2026-06-01', '2026-07-01', options => '{"language": "fr"}') WHERE kpi_number = 1$$, $$VALUES ('off_goal', '1 900 dépensés, sans résultat ; objectif 11,00 manqué')$$, 'whatever the goal is');
-- A rate that is missing, and may be, is not spend that is not bound.
ALTER TABLE s ADD COLUMN currency text DEFAULT 'EUR';
UPDATE s SET currency = 'CHF' WHERE day = '2026-05-01';
SELECT smarketing.configure('currency', 'EUR') AS a, smarketing.configure('on_missing_rate', 'null') AS b, smarketing.unbind('spend') AS c, smarketing.bind('spend', 's', '{"at": "day", "amount": "amount", "channel": "source", "currency": "currency"}') AS d \gset
SELECT results_eq($$SELECT value, status, reading, next_call FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (NULL::numeric, 'no_data', 'not known: an exchange rate is missing', 'SELECT * FROM smarketing.doctor()')$$, 'a missing rate');
CREATE TABLE sold (id int, created date, closed date, won boolean, amount numeric, currency text, lead int);
INSERT INTO sold VALUES (1, '2026-05-12', '2026-05-20', true, 50, 'CHF', 101);
UPDATE s SET currency = 'EUR';
SELECT smarketing.unbind(entity) FROM (SELECT DISTINCT entity FROM smarketing.bindings WHERE entity IN ('opportunity', 'touch')) AS bound \g /dev/null
SELECT smarketing.bind('opportunity', 'sold', '{"opportunity_id": "id", "created_at": "created", "closed_at": "closed", "lead_id": "lead"}') AS done \gset
SELECT results_eq($$SELECT kpi_number, value, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 7$$, $$VALUES (7, NULL::numeric, 'no_data', 'not known: an exchange rate is missing')$$, 'nor is the revenue that spend brought known without its rate');
ROLLBACK;
SELECT smarketing.configure('language', 'fr') AS done \gset
SELECT results_eq($$SELECT label, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES ('Coût par lead', 'hausse de 20 %, moins bien ; surtout LinkedIn : +38 %')$$, 'by the setting');
SELECT is((SELECT reading FROM smarketing.scorecard('2026-05-01', '2026-06-01', options => '{"language": "en"}') WHERE kpi_number = 1), 'up 20 %, worse; above all LinkedIn: +38 %', 'an option goes before it');
SELECT smarketing.configure('language', NULL) AS done \gset
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('cost_per_lead.cost_per_lead', '2026-05-01', 'month', 11);
SELECT results_eq($$SELECT goal, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (11.000000, 'off_goal', 'up 20 %, worse; above all LinkedIn: +38 %; goal 11.00 missed')$$, 'and the goal that was missed');
UPDATE s SET amount = amount * 1.002 WHERE day = '2026-04-01';
UPDATE s SET amount = 500 WHERE day = '2026-05-01';
SELECT results_eq($$SELECT goal, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (11.000000, 'on_goal', 'as before; goal 11.00 met')$$, 'less than a hundredth is no change');
SELECT smarketing.unbind('spend') AS done \gset
DELETE FROM smarketing.spend_entry;
SELECT results_eq($$SELECT value, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (NULL::numeric, 'no_data', 'no spend is known: bind spend, or enter it in spend_entry')$$, 'no spend is not a cost of nothing');
SELECT results_eq($$SELECT status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01', '{"product": "Platform"}') WHERE kpi_number = 1$$, $$VALUES ('no_dimension', 'cannot be filtered by product')$$, 'a filter that a KPI cannot have is told in its row');
-- Bills that have not come yet are no saving.
BEGIN;
\o /dev/null
\i :bind
\o
DELETE FROM crm.ad_cost WHERE greatest(day, period_end) >= '2026-10-01';
SELECT results_eq($$SELECT kpi_number, value, previous > 0, status, reading FROM smarketing.scorecard('2026-10-01', '2026-11-01') WHERE kpi_number IN (1, 2, 4)$$, $$VALUES (1, 0.000000, true, 'no_data', 'no spend in this period yet'), (2, 0.000000, true, 'no_data', 'no spend in this period yet'), (4, 0.000000, true, 'no_data', 'no spend in this period yet')$$, 'no spend where there was some before');
SELECT is((SELECT reading FROM smarketing.scorecard('2026-10-01', '2026-11-01', options => '{"language": "fr"}') WHERE kpi_number = 1), 'pas encore de dépense dans cette période', 'in French');
ROLLBACK;
-- Where nothing is, a sum of 0 is no figure to read, nor one of a range that has not begun.
SELECT results_eq($$SELECT value, previous, status, reading FROM smarketing.scorecard('2026-07-01', '2026-10-01', '{"owner": "nobody"}') WHERE kpi_number = 5$$, $$VALUES (0.000000, 0.000000, 'no_data', 'nothing in this period')$$, 'a filter on what does not exist');
SELECT is((SELECT reading FROM smarketing.scorecard('2026-07-01', '2026-10-01', '{"owner": "nobody"}', '{"language": "fr"}') WHERE kpi_number = 5), 'rien dans cette période', 'in French');
SELECT results_eq($$SELECT DISTINCT status, reading FROM smarketing.scorecard(now() + interval '1 day', now() + interval '30 days') WHERE kpi_number IN (3, 5, 6, 8)$$, $$VALUES ('no_data', 'nothing in this period')$$, 'a range that has not begun');
-- A change from nothing, and one whose explanation went the other way, or has no figure of its own.
SELECT smarketing.bind('spend', 's', '{"at": "day", "amount": "amount", "channel": "source"}') AS done \gset
DELETE FROM smarketing.goal_entry;
TRUNCATE l; TRUNCATE s;
INSERT INTO l SELECT n, date '2026-04-10', 'Fair' FROM generate_series(1, 100) AS n UNION ALL SELECT n, date '2026-05-10', CASE WHEN n <= 150 THEN 'Fair' ELSE 'LinkedIn' END FROM generate_series(101, 200) AS n;
INSERT INTO s VALUES ('2026-04-01', 1000, 'Fair'), ('2026-05-01', 450, 'Fair'), ('2026-05-01', 1000, 'LinkedIn');
SELECT results_eq($$SELECT status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES ('worse', 'up 45 %, worse')$$, 'a channel that was not there before has no change of its own');
UPDATE s SET amount = 0 WHERE day = '2026-04-01';
SELECT results_eq($$SELECT previous, status, reading FROM smarketing.scorecard('2026-05-01', '2026-06-01') WHERE kpi_number = 1$$, $$VALUES (0.000000, 'worse', 'up from 0, worse')$$, 'from nothing');
SELECT is_empty($$SELECT * FROM generate_series(timestamptz '2025-01-01', '2026-10-01', '1 month') AS m, smarketing.scorecard(m, m + interval '1 month') WHERE reading ~ 'NaN|Infinity'$$, 'no reading has NaN');
SELECT matches((SELECT next_call FROM smarketing.scorecard('2026-05-01', '2026-06-01', '{"channel": "Fair"}') WHERE kpi_number = 1), 'filter => ''{"channel": "Fair"}''\)$', 'the next call has the filter');
CREATE TABLE o AS SELECT i AS opportunity_id, timestamptz '2026-03-01' AS created_at, timestamptz '2026-03-10' AS closed_at, i <= 1 AS won, 'ann' AS owner FROM generate_series(1, 10) AS i
    UNION ALL SELECT 100 + i, '2026-03-01', '2026-04-10', i <= 5, 'ann' FROM generate_series(1, 10) AS i UNION ALL SELECT 200 + i, '2026-03-01', '2026-03-10', false, 'bob' FROM generate_series(1, 10) AS i
    UNION ALL SELECT 300 + i, '2026-03-01', '2026-04-10', i <= 8, 'bob' FROM generate_series(1, 10) AS i UNION ALL SELECT 400 + i, '2026-03-01', '2026-03-10', i <= 5, 'carl' FROM generate_series(1, 10) AS i
    UNION ALL SELECT 500 + i, '2026-03-01', '2026-04-10', false, 'carl' FROM generate_series(1, 10) AS i;
SELECT smarketing.bind('opportunity', 'o') AS a, smarketing.unbind('owner') AS b \gset
SELECT is((SELECT reading FROM smarketing.scorecard('2026-04-01', '2026-05-01') WHERE kpi_number = 8), 'up 23 points, better; above all bob: +80 points', 'who explains most, with his own change, also from nothing');
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('opportunity_win_rate.win_rate', '2026-04-01', 'month', 1e307), ('opportunity_win_rate.win_rate', '2026-05-01', 'month', 1e309);
SELECT results_eq($$SELECT reading FROM smarketing.scorecard('2026-04-01', '2026-05-01') WHERE kpi_number = 8$$, $$VALUES ('up 23 points, better; above all bob: +80 points; goal ∞ % missed')$$, 'a goal that no double holds');
SELECT is((SELECT count(*) FROM smarketing.scorecard('2026-05-01', '2026-06-01')), 8::bigint, 'nor a larger one');
DELETE FROM smarketing.goal_entry;
-- A rate is steady by a hundredth of itself or of what it leaves, and where nothing of the change shows.
CREATE TABLE rates (month date, closed int, won int);
INSERT INTO rates VALUES ('2026-01-10', 1000, 1000), ('2026-02-10', 1000, 999), ('2026-03-10', 10000, 9986), ('2026-04-10', 1000, 500), ('2026-05-10', 1000, 504), ('2026-06-10', 1000, 510), ('2026-07-10', 1000, 0), ('2026-08-10', 1000, 1);
CREATE TABLE rated AS SELECT row_number() OVER () AS opportunity_id, month - 1 AS created_at, month AS closed_at, i <= won AS won FROM rates, generate_series(1, closed) AS i;
SELECT smarketing.bind('opportunity', 'rated') AS done \gset
SELECT results_eq($$SELECT extract(month FROM m)::int, status, reading FROM generate_series(timestamptz '2026-02-01', '2026-08-01', '1 month') AS m, smarketing.scorecard(m, m + interval '1 month') WHERE kpi_number = 8 ORDER BY 1$$, $$VALUES (2, 'worse', 'down 0.1 points, worse'), (3, 'steady', 'as before'),
    (4, 'worse', 'down 50 points, worse'), (5, 'steady', 'as before'), (6, 'better', 'up 0.6 points, better'), (7, 'worse', 'down 51 points, worse'), (8, 'better', 'up 0.1 points, better')$$, 'what counts as a change of a rate');
SELECT smarketing.bind('opportunity', 'o') AS done \gset
-- A company in which nothing changed: as many leads each day, as many won at each age. The range has had less time than the one before it.
SELECT now() AS today \gset
CREATE TABLE grown (lead_id int PRIMARY KEY, created_at timestamptz, channel text, stage text, won_after int);
INSERT INTO grown SELECT d * 10 + i, :'today'::timestamptz - d * interval '1 day' - interval '12 hours', CASE WHEN i < 5 THEN 'Fair' ELSE 'LinkedIn' END, 'lead', CASE i WHEN 1 THEN 5 WHEN 2 THEN 40 WHEN 3 THEN 120 END
    FROM generate_series(10, 169) AS d, generate_series(0, 9) AS i;
CREATE VIEW grown_deal AS SELECT lead_id AS opportunity_id, lead_id, created_at, created_at + won_after * interval '1 day' AS closed_at, true AS won FROM grown WHERE created_at + won_after * interval '1 day' < now();
SELECT smarketing.bind('lead', 'grown', '{"lead_id": "lead_id", "created_at": "created_at", "channel": "channel"}') AS a, smarketing.bind('opportunity', 'grown_deal') AS b, smarketing.unbind('stage_change') AS c \gset
CREATE FUNCTION grown_card(language text DEFAULT 'en') RETURNS TABLE (is_less boolean, status text, reading text) LANGUAGE sql AS $$SELECT value < previous, status, reading FROM smarketing.scorecard((SELECT max(created_at) FROM grown) - interval '79.5 days', (SELECT max(created_at) FROM grown) + interval '12 hours', options => jsonb_build_object('language', language)) WHERE kpi_number = 6$$;
SELECT results_eq('SELECT * FROM grown_card()', $$VALUES (true, 'steady', 'as before at the same age')$$, 'nothing changed, though fewer were won by now');
SELECT is((SELECT reading FROM grown_card('fr')), 'comme avant à âge égal', 'in French');
UPDATE grown SET won_after = 2 WHERE lead_id % 40 = 6 AND lead_id < 900;
SELECT results_eq('SELECT * FROM grown_card()', $$VALUES (true, 'better', 'up 2.5 points at the same age, better; above all LinkedIn: +5.0 points')$$, 'better, and the cause, at the same age');
SELECT is((SELECT reading FROM grown_card('fr')), 'hausse de 2,5 pts à âge égal, mieux ; surtout LinkedIn : +5,0 pts', 'in French');
UPDATE grown SET won_after = 200;
SELECT results_eq('SELECT * FROM grown_card()', $$VALUES (false, 'too_early', 'too early to tell: its leads still have time')$$, 'too early where none were won at that age');
SELECT smarketing.bind('lead', 'grown', '{"lead_id": "lead_id", "created_at": "created_at", "stage": "stage"}') AS a, smarketing.map_stage('won', 'won') AS b, smarketing.unbind('opportunity') AS c \gset
UPDATE grown SET stage = 'won' WHERE lead_id % 10 = 1;
SELECT results_eq('SELECT * FROM grown_card()', $$VALUES (false, 'no_previous', 'nothing to compare with at the same age')$$, 'nothing tells when they were won');
SELECT is((SELECT reading FROM grown_card('fr')), 'rien à quoi comparer à âge égal', 'in French');
SELECT smarketing.bind('opportunity', 'o') AS done \gset
-- The last complete month is one of the reporting zone.
SELECT smarketing.configure('time_zone', 'Pacific/Kiritimati') AS done \gset
SELECT matches((SELECT next_call FROM smarketing.scorecard() WHERE kpi_number = 8), format('''%s', to_char((date_trunc('month', now() AT TIME ZONE 'Pacific/Kiritimati') - interval '1 month') AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD')), 'the last complete month');
-- As the reader, read only.
CREATE ROLE reader;
GRANT USAGE ON SCHEMA smarketing, crm TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm, public TO reader;
GRANT SELECT ON smarketing.goal_entry TO reader;
SET ROLE reader;
BEGIN READ ONLY;
SELECT is((SELECT count(*) FROM smarketing.scorecard('2026-05-01', '2026-06-01')), 8::bigint, 'who may only read');
COMMIT;
RESET ROLE;
SELECT * FROM finish();
