-- funnel_stage: catalog facts, order, indexes, joins, partitions, min and max, binary round trip, soft errors.
SELECT plan(83);
CREATE EXTENSION smarketing;
SET search_path = smarketing, public, pg_catalog;

-- Catalog facts.
SELECT is(typlen::int, 1, 'one byte') FROM pg_type WHERE oid = 'funnel_stage'::regtype;
SELECT is(typbyval, true, 'by value') FROM pg_type WHERE oid = 'funnel_stage'::regtype;
SELECT is(typalign, 'c', 'no alignment') FROM pg_type WHERE oid = 'funnel_stage'::regtype;
SELECT ok(p.provolatile = 'i' AND p.proparallel = 's' AND (p.proisstrict OR p.prokind = 'a'),
    'immutable, parallel safe, strict: ' || p.proname)
FROM pg_proc p
WHERE p.pronamespace = 'smarketing'::regnamespace
  AND (p.proname ~ '^funnel_stage_' OR p.proname IN ('next_stage', 'previous_stage', 'is_exit', 'min', 'max'))
ORDER BY p.proname;
SELECT is(array_agg(p.proname::text ORDER BY p.proname),
    '{funnel_stage_cmp,funnel_stage_eq,funnel_stage_ge,funnel_stage_gt,funnel_stage_le,funnel_stage_lt,funnel_stage_ne}', 'leakproof')
FROM pg_proc p WHERE p.pronamespace = 'smarketing'::regnamespace AND p.proleakproof AND p.proname ~ 'stage';
SELECT is(count(*), 0::bigint, 'every operator has commutator, negator, selectivity and a comment')
FROM pg_operator o
WHERE o.oprleft = 'funnel_stage'::regtype
  AND (o.oprcom = 0 OR o.oprnegate = 0 OR o.oprrest = 0::regproc OR o.oprjoin = 0::regproc OR obj_description(o.oid, 'pg_operator') IS NULL);
SELECT is(array_agg(o.oprname::text ORDER BY o.oprname), '{<,<=,<>,=,>,>=}', 'six operators and no shell')
FROM pg_operator o WHERE o.oprleft = 'funnel_stage'::regtype;
SELECT ok(o.oprcanmerge AND o.oprcanhash, '= merges and hashes') FROM pg_operator o WHERE o.oid = '=(funnel_stage,funnel_stage)'::regoperator;
SELECT ok(c.opcdefault AND amvalidate(c.oid), 'valid default operator class: ' || a.amname)
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE c.opcintype = 'funnel_stage'::regtype ORDER BY a.amname;
SELECT is(count(*), 0::bigint, 'every member of the module has a comment')
FROM pg_depend d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND i.identity ~ 'stage'
  AND i.identity !~ '\[\]' AND i.identity ~ 'smarketing\.' AND i.identity ~ 'funnel_stage|next_stage|previous_stage|is_exit'
  AND obj_description(d.objid, d.classid::regclass::text) IS NULL;
SELECT is(count(*), 0::bigint, 'no implicit cast')
FROM pg_cast WHERE castsource = 'funnel_stage'::regtype OR casttarget = 'funnel_stage'::regtype;

-- Random rows, and their rank as plain SQL would keep it.
SELECT coalesce(nullif(current_setting('smk.seed', true), '')::int, (random() * 1000000)::int) AS seed \gset
\echo # seed :seed
SELECT setseed(:seed / 1000001.0) \g /dev/null
CREATE TABLE every (rank int, name text, stage funnel_stage);
INSERT INTO every
SELECT rank, name, name::funnel_stage
FROM unnest('{disqualified,recycled,lost,churned,visitor,lead,mql,sal,sql,opportunity,won}'::text[]) WITH ORDINALITY u (name, rank);
CREATE TABLE fact AS
SELECT r.id, r.g, e.rank, e.name, e.stage
FROM (SELECT i AS id, (random() * 50)::int AS g, 1 + floor(random() ^ 2 * 12)::int AS rank FROM generate_series(1, 30000) i) r
LEFT JOIN every e USING (rank);
ANALYZE fact;
SELECT is((SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'fact' AND attname = 'stage') ~ 'disqualified', true, 'ANALYZE knows the values');

-- Order and operators.
SELECT is(count(*), 0::bigint, 'the six operators and cmp agree with the rank')
FROM every a, every b
WHERE (a.stage < b.stage) <> (a.rank < b.rank) OR (a.stage <= b.stage) <> (a.rank <= b.rank)
   OR (a.stage = b.stage) <> (a.rank = b.rank) OR (a.stage <> b.stage) <> (a.rank <> b.rank)
   OR (a.stage >= b.stage) <> (a.rank >= b.rank) OR (a.stage > b.stage) <> (a.rank > b.rank)
   OR funnel_stage_cmp(a.stage, b.stage) <> sign(a.rank - b.rank);
SELECT is(array_agg(stage ORDER BY stage), array_agg(stage ORDER BY rank), 'ORDER BY') FROM every;
SELECT is(array_agg(stage ORDER BY stage DESC), array_agg(stage ORDER BY rank DESC), 'ORDER BY DESC') FROM every;
SET work_mem = '64kB';
SELECT is(md5(string_agg(id::text, ',' ORDER BY stage NULLS FIRST, id)), md5(string_agg(id::text, ',' ORDER BY rank NULLS FIRST, id)), 'sort that spills')
FROM fact;
RESET work_mem;
SELECT is(count(*) FILTER (WHERE stage >= 'sql'), count(*) FILTER (WHERE name IN ('sql', 'opportunity', 'won')), 'stage >= ''sql'' counts no exit') FROM fact;
SELECT is(count(DISTINCT stage), 11::bigint, 'count(DISTINCT)') FROM fact;
SELECT is((SELECT count(*) FROM (SELECT stage, count(*) FROM fact GROUP BY stage EXCEPT SELECT stage, count(*) FROM fact GROUP BY stage, name) d), 0::bigint, 'GROUP BY');

-- Neighbours.
SELECT is(count(*), 0::bigint, 'next_stage, previous_stage and is_exit agree with the rank')
FROM every e
LEFT JOIN every n ON e.rank >= 5 AND n.rank = e.rank + 1
LEFT JOIN every p ON e.rank >= 6 AND p.rank = e.rank - 1
WHERE next_stage(e.stage) IS DISTINCT FROM n.stage OR previous_stage(e.stage) IS DISTINCT FROM p.stage
   OR is_exit(e.stage) <> (e.rank <= 4);
SELECT is(count(*), 0::bigint, 'the hash is that of equals alone') FROM every a, every b
WHERE (funnel_stage_hash(a.stage) = funnel_stage_hash(b.stage)) <> (a.rank = b.rank)
   OR (funnel_stage_hash_extended(a.stage, 7) = funnel_stage_hash_extended(b.stage, 7)) <> (a.rank = b.rank)
   OR (funnel_stage_hash_extended(a.stage, 0) & 4294967295) <> (funnel_stage_hash(a.stage)::bigint & 4294967295);

-- Indexes and joins.
CREATE FUNCTION plan_of(query text, verb text DEFAULT 'EXPLAIN (COSTS OFF) ') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    answer text := '';
BEGIN
    FOR line IN EXECUTE verb || query LOOP
        answer := answer || line || E'\n';
    END LOOP;
    RETURN answer;
END $$;
CREATE INDEX fact_stage ON fact (stage);
CREATE INDEX fact_stage_hash ON fact USING hash (stage);
VACUUM ANALYZE fact;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT matches(plan_of($$SELECT count(*) FROM fact WHERE stage > 'sal'$$), 'Index Only Scan using fact_stage .*Index Cond: \(stage > ', 'btree: range');
SELECT is((SELECT count(*) FROM fact WHERE stage > 'sal'), (SELECT count(*) FROM fact WHERE rank > 8), 'btree: rows of a range');
SELECT is((SELECT count(*) FROM fact WHERE stage BETWEEN 'lost' AND 'lead'), (SELECT count(*) FROM fact WHERE rank BETWEEN 3 AND 6), 'btree: BETWEEN');
SELECT is((SELECT count(*) FROM fact WHERE stage IN ('won', 'lost')), (SELECT count(*) FROM fact WHERE name IN ('won', 'lost')), 'btree: IN');
SELECT matches(plan_of('SELECT max(stage) FROM fact'), 'Index Only Scan Backward using fact_stage', 'max() reads the end of the index');
SELECT matches(plan_of('SELECT min(stage) FROM fact'), 'Index Only Scan using fact_stage', 'min() reads the start of the index');
SELECT is((SELECT max(stage) FROM fact), 'won', 'max()');
SELECT is((SELECT min(stage) FROM fact), 'disqualified', 'min()');
DROP INDEX fact_stage;
SELECT matches(plan_of($$SELECT * FROM fact WHERE stage = 'won'$$), 'Index Scan using fact_stage_hash', 'hash index');
SELECT is((SELECT count(*) FROM (SELECT * FROM fact WHERE stage = 'won' OFFSET 0) s), (SELECT count(*) FROM fact WHERE name = 'won'), 'hash index: rows');
DROP INDEX fact_stage_hash;
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE UNIQUE INDEX every_stage ON every (stage);
SELECT throws_ok($$INSERT INTO every VALUES (12, 'won', 'WON')$$, '23505', NULL, 'unique index: equal whatever the spelling');
\set join 'SELECT count(*), sum(f.rank) FROM fact f JOIN every e ON e.stage = f.stage'
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT matches(plan_of(:'join'), 'Hash Join', 'hash join');
SELECT is((q)::text, (SELECT (count(*), sum(rank))::text FROM fact WHERE rank IS NOT NULL AND rank <= 11), 'hash join: rows') FROM (:join) q;
SET enable_hashjoin = off;
SET enable_mergejoin = on;
SELECT matches(plan_of(:'join'), 'Merge Join', 'merge join');
SELECT is((q)::text, (SELECT (count(*), sum(rank))::text FROM fact WHERE rank IS NOT NULL AND rank <= 11), 'merge join: rows') FROM (:join) q;
RESET enable_mergejoin;
RESET enable_nestloop;
RESET enable_hashjoin;
SET enable_sort = off;
SELECT matches(plan_of('SELECT stage, count(*) FROM fact GROUP BY stage'), 'HashAggregate', 'hashed groups');
RESET enable_sort;

-- Partitions of the three kinds.
CREATE TABLE by_list (id int, stage funnel_stage) PARTITION BY LIST (stage);
CREATE TABLE by_list_exit PARTITION OF by_list FOR VALUES IN ('disqualified', 'recycled', 'lost', 'churned');
CREATE TABLE by_list_won PARTITION OF by_list FOR VALUES IN ('won', NULL);
CREATE TABLE by_list_rest PARTITION OF by_list DEFAULT;
CREATE TABLE by_range (id int, stage funnel_stage) PARTITION BY RANGE (stage);
CREATE TABLE by_range_exit PARTITION OF by_range FOR VALUES FROM (MINVALUE) TO ('visitor');
CREATE TABLE by_range_early PARTITION OF by_range FOR VALUES FROM ('visitor') TO ('sql');
CREATE TABLE by_range_late PARTITION OF by_range FOR VALUES FROM ('sql') TO (MAXVALUE);
CREATE TABLE by_hash (id int, stage funnel_stage) PARTITION BY HASH (stage);
SELECT format('CREATE TABLE by_hash_%s PARTITION OF by_hash FOR VALUES WITH (MODULUS 4, REMAINDER %s)', n, n) FROM generate_series(0, 3) n \gexec
INSERT INTO by_list SELECT id, stage FROM fact;
INSERT INTO by_range SELECT id, stage FROM fact WHERE stage IS NOT NULL;
INSERT INTO by_hash SELECT id, stage FROM fact;
SELECT is((SELECT count(*) FROM by_list_exit), (SELECT count(*) FROM fact WHERE rank <= 4), 'list: exits');
SELECT is((SELECT count(*) FROM by_list_won), (SELECT count(*) FROM fact WHERE rank = 11 OR rank IS NULL), 'list: won and NULL');
SELECT is((SELECT count(*) FROM by_range_exit), (SELECT count(*) FROM fact WHERE rank <= 4), 'range: exits');
SELECT is((SELECT count(*) FROM by_range_late), (SELECT count(*) FROM fact WHERE rank >= 9), 'range: late');
SELECT is((SELECT count(DISTINCT tableoid) FROM by_hash WHERE stage = 'won'), 1::bigint, 'hash: a stage lies in one partition');
SELECT ok((SELECT count(DISTINCT tableoid) FROM by_hash) >= 3, 'hash: stages spread');
SELECT doesnt_match(plan_of($$SELECT * FROM by_list WHERE stage = 'won'$$), 'by_list_exit', 'list: pruned');
SELECT doesnt_match(plan_of($$SELECT * FROM by_range WHERE stage >= 'sql'$$), 'by_range_e', 'range: pruned');
SELECT is((SELECT count(*) FROM regexp_matches(plan_of($$SELECT * FROM by_hash WHERE stage = 'won'$$), 'Scan on', 'g')), 1::bigint, 'hash: pruned');
SELECT is((SELECT count(*) FROM by_hash WHERE stage = 'won'), (SELECT count(*) FROM fact WHERE name = 'won'), 'hash: rows');

-- min and max as aggregates.
SELECT is((SELECT max(s) FROM (SELECT 'won'::funnel_stage WHERE false) v (s)), NULL, 'max: no rows');
SELECT is((SELECT max(NULL::funnel_stage) FROM generate_series(1, 3)), NULL, 'max: all NULL');
SELECT is((SELECT min(s) FROM (VALUES ('mql'::funnel_stage)) v (s)), 'mql', 'min: one row');
SELECT is(count(*) FILTER (WHERE hi <> hi_rank OR lo <> lo_rank), 0::bigint, 'groups as the reference, seed ' || :seed)
FROM (SELECT max(stage)::text AS hi, min(stage)::text AS lo, (SELECT name FROM every WHERE rank = max(f.rank)) AS hi_rank,
          (SELECT name FROM every WHERE rank = min(f.rank)) AS lo_rank
      FROM fact f GROUP BY g) s;
SELECT is(max(stage) FILTER (WHERE rank < 7), 'lead', 'max: FILTER') FROM fact;
SELECT is(max(DISTINCT stage), 'won', 'max: DISTINCT') FROM fact;
SELECT is(string_agg(m::text, ',' ORDER BY i), 'lead,lead,sal,sal', 'max: OVER (ORDER BY)')
FROM (SELECT i, max(s) OVER (ORDER BY i) AS m
      FROM (VALUES (1, 'lead'::funnel_stage), (2, 'lost'), (3, 'sal'), (4, NULL)) v (i, s)) w;
\set query 'SELECT g, max(stage), min(stage) FROM fact GROUP BY g'
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SELECT matches(plan_of(:'query', 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) '), 'Finalize .*Workers Launched: [1-9].*Partial ', 'max, min: parallel plan');
SELECT md5(string_agg(q::text, '|' ORDER BY q::text)) AS parallel FROM (:query) q \gset
SET max_parallel_workers_per_gather = 0;
SELECT is(md5(string_agg(q::text, '|' ORDER BY q::text)), :'parallel', 'max, min: workers change nothing') FROM (:query) q;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- Text and binary round trip.
SELECT is(count(*), 0::bigint, 'text round trip, any case and white space')
FROM every
WHERE stage::text <> name OR (E' \t' || upper(name) || E'\n')::funnel_stage <> stage OR initcap(name)::funnel_stage <> stage;
SELECT current_setting('data_directory') || '/funnel_stage.bin' AS file \gset
COPY (SELECT id, stage, ARRAY[stage, NULL, stage] FROM fact) TO :'file' (FORMAT binary);
CREATE TABLE back (id int, stage funnel_stage, stages funnel_stage[]);
COPY back FROM :'file' (FORMAT binary);
SELECT is((SELECT count(*) FROM back JOIN fact USING (id)
           WHERE back.stage IS NOT DISTINCT FROM fact.stage AND back.stages = ARRAY[fact.stage, NULL, fact.stage]), 30000::bigint, 'COPY BINARY round trip');
SELECT is((SELECT sum(pg_column_size(stage)) FROM fact), (SELECT count(stage) FROM fact), 'stored in one byte');

-- Input errors.
SELECT throws_ok($$SELECT 'suspect'::funnel_stage$$, '22P02', 'invalid input syntax for type funnel_stage: "suspect"', 'unknown stage');
SELECT current_setting('server_version_num')::int >= 160000 AS has_soft_errors \gset
\if :has_soft_errors
SELECT is(pg_input_is_valid(' Won ', 'smarketing.funnel_stage'), true, 'soft: a stage');
SELECT is((SELECT (message, hint LIKE '%visitor, lead%', sql_error_code)::text FROM pg_input_error_info('x', 'smarketing.funnel_stage')),
    '("invalid input syntax for type funnel_stage: ""x""",t,22P02)', 'soft: an error');
\else
SELECT skip('soft errors came with 16', 2);
\endif
SELECT * FROM finish();
