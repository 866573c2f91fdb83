-- Names with quotes, capitals, blanks, non-ASCII and 63 bytes; values with quotes, backslashes and line breaks.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT plan(9);
\set column '"été ""x"" 0123456789 0123456789 0123456789 0123456789 012345678"'
\set dimension 'Região ''x'' "y" 789 123456789 123456789 123456789 123456789 123'
SELECT is(octet_length(:'dimension'), 63, 'the dimension''s name has 63 bytes');
CREATE SCHEMA "O'Brien ""CRM""";
CREATE TABLE "O'Brien ""CRM"""."Läds" ("Id" int, "créé le" timestamptz, :column text);
INSERT INTO "O'Brien ""CRM"""."Läds" SELECT n, timestamptz '2026-01-01' + n * interval '1 hour',
    (ARRAY['O''Brien', E'a\\b', E'two\nlines', '(none)', NULL, 'été "q"', '$1 $$ %s'])[1 + n % 7] FROM generate_series(0, 69) n;
\o /dev/null
SELECT smarketing.bind('lead', '"O''Brien ""CRM"""."Läds"', jsonb_build_object('lead_id', '"Id"', 'created_at', '"créé le"', 'channel', :'column'));
SELECT smarketing.define_dimension(:'dimension', jsonb_build_object('lead', :'column'));
SELECT smarketing.map_value(:'dimension', E'a\\b', E'c''\\d');
\o
SELECT results_eq(format('SELECT by_1, leads FROM smarketing.cost_per_lead(''2026-01-01'', ''2026-02-01'', ''all'', ARRAY[%L])', :'dimension'),
    $$VALUES ('$1 $$||'$$'||$$ %s', 10::bigint), ('(none)', 20), ('O''Brien', 10), (E'c''\\d', 10), (E'two\nlines', 10), ('été "q"', 10)$$,
    'values come as they are, (none) takes the missing along');
SELECT results_eq(format($$SELECT v, (SELECT leads FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'all', filter => jsonb_build_object(%L, v))),
        (SELECT count(*) FROM smarketing.kpi_rows('cost_per_lead.leads', '2026-01-01', '2026-02-01', jsonb_build_object(%L, v), max_rows => NULL))
    FROM unnest(ARRAY['O''Brien', E'c''\\d', E'a\\b', E'two\nlines', '(none)', 'été "q"']) WITH ORDINALITY u (v, n) ORDER BY n$$, :'dimension', :'dimension'),
    $$VALUES ('O''Brien', 10::bigint, 10::bigint), (E'c''\\d', 10, 10), (E'a\\b', 0, 0), (E'two\nlines', 10, 10), ('(none)', 20, 20), ('été "q"', 10, 10)$$,
    'filters find each, by the name that is shown');
SELECT is((SELECT leads FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'all', filter => jsonb_build_object(:'dimension', '{"not": ["O''Brien", null]}'::jsonb))),
    40::bigint, 'not these, and not the missing');
SELECT smarketing.kpi_sql('cost_per_lead', '2026-01-01', '2026-02-01', 'week', ARRAY[:'dimension', 'channel'], jsonb_build_object('channel', ARRAY[E'two\nlines', E'a\\b'])) AS statement \gset
SELECT results_eq(format($$SELECT period_start, %I, channel, leads FROM (%s) s$$, :'dimension', :'statement'),
    format($$SELECT period_start, by_1, by_2, leads FROM smarketing.cost_per_lead('2026-01-01', '2026-02-01', 'week', ARRAY[%L, 'channel'], '{"channel": ["two\nlines", "a\\b"]}')$$, :'dimension'),
    'the statement that is shown runs, with the dimension under its name');
SELECT is_empty('SELECT problem FROM smarketing.bindings WHERE problem IS NOT NULL', 'and nothing stands in the way of the bindings');
SELECT is(smarketing.create_view('"a ''""b"', 'cost_per_lead', 'week', ARRAY[:'dimension', 'channel'], NULL)::text, '"a ''""b"', 'a view has such a name');
SELECT is(smarketing.create_rollup(E'"c \\"', 'cost_per_lead', 'day', ARRAY[:'dimension', 'channel'])::text, E'"c \\"', 'and a rollup');
SELECT is(format('%s %s', (SELECT sum(value) FROM smarketing.rollup_kpi(E'"c \\"', 'leads', '2026-01-01', '2026-02-01', 'month', filter => jsonb_build_object(:'dimension', ARRAY[E'two\nlines', 'O''Brien']))),
    (SELECT count(DISTINCT channel) FROM "a '""b")), '20 6', 'with such values');
SELECT finish();
