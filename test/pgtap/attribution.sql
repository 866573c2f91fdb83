-- attribution against plain SQL that looks at every pair of a touch and a conversion; examples by hand; and the same bytes however it is computed.
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
SET search_path = public, smarketing;
SET work_mem = '64MB';

-- A data set is the arguments of one call, an item one of its rows. Examples have numbers below zero.
CREATE TABLE data_set (ds int PRIMARY KEY, lookback interval, half_life interval, key text);
CREATE TABLE item (ds int, account int, event text, at timestamptz, channel text, value numeric);
CREATE TABLE example (ds int, what text, model text, credits text);
CREATE TABLE path_example (ds int, outcome text, paths text);
CREATE TABLE model AS SELECT model, ord::int
FROM unnest('{first,last,last_non_direct,linear,time_decay,position,position(30/40/30),position(0/100/0),position(100/0/0),position(33.3/33.4/33.3),w_shaped,full_path}'::text[]) WITH ORDINALITY AS m (model, ord);
CREATE FUNCTION models() RETURNS text[] STABLE LANGUAGE sql AS 'SELECT array_agg(model ORDER BY ord) FROM model';

-- Examples: the rows of a model in one line, as `channel conversions value`; those of paths as `path: conversions, value, median hours`.
-- Five touches a week apart, the last one direct and at the instant of the conversion: with half-lives of a week they weigh 1, 2, 4, 8 and 16 of 31.
-- The lead touch is Social, the opportunity touch Email. Account 2 was touched too late, 3 is a null path.
INSERT INTO data_set VALUES (-1, '30 days', '7 days', 'bigint');
INSERT INTO item VALUES (-1, 1, 'touch', '2024-03-03', 'Ads', NULL), (-1, 1, 'touch', '2024-03-10', 'Social', NULL), (-1, 1, 'lead', '2024-03-12', NULL, NULL), (-1, 1, 'touch', '2024-03-17', 'Email', NULL), (-1, 1, 'opportunity', '2024-03-20', NULL, NULL),
    (-1, 1, 'touch', '2024-03-24', 'Search', NULL), (-1, 1, 'direct', '2024-03-31', 'Website', NULL), (-1, 1, 'conversion', '2024-03-31', 'ignored', 100), (-1, 2, 'conversion', '2024-03-05', NULL, 50.5), (-1, 2, 'touch', '2024-03-06', 'Ads', 99),
    (-1, 3, 'touch', '2024-01-01', 'Ads', NULL), (-1, 3, 'touch', '2024-02-15', 'Email', NULL), (-1, 3, 'touch', '2024-02-20', 'Ads', NULL);
INSERT INTO example SELECT -1, 'a journey of five touches', model, credits || ', (unattributed) 1 50.50' FROM (VALUES
    ('first', 'Ads 1 100.00, Email 0 0.00, Search 0 0.00, Social 0 0.00, Website 0 0.00'), ('last', 'Ads 0 0.00, Email 0 0.00, Search 0 0.00, Social 0 0.00, Website 1 100.00'),
    ('last_non_direct', 'Ads 0 0.00, Email 0 0.00, Search 1 100.00, Social 0 0.00, Website 0 0.00'), ('linear', 'Ads 0.2 20.00, Email 0.2 20.00, Search 0.2 20.00, Social 0.2 20.00, Website 0.2 20.00'),
    ('time_decay', 'Ads 0.032258 3.23, Email 0.129032 12.90, Search 0.258065 25.81, Social 0.064516 6.45, Website 0.516129 51.61'),
    ('position', 'Ads 0.4 40.00, Email 0.066667 6.67, Search 0.066667 6.67, Social 0.066667 6.66, Website 0.4 40.00'),
    ('position(30/40/30)', 'Ads 0.3 30.00, Email 0.133333 13.34, Search 0.133333 13.33, Social 0.133333 13.33, Website 0.3 30.00'),
    ('position(0/100/0)', 'Ads 0 0.00, Email 0.333333 33.34, Search 0.333333 33.33, Social 0.333333 33.33, Website 0 0.00'),
    ('w_shaped', 'Ads 0.3 30.00, Email 0.3 30.00, Search 0.05 5.00, Social 0.3 30.00, Website 0.05 5.00'),
    ('full_path', 'Ads 0.225 22.50, Email 0.225 22.50, Search 0.1 10.00, Social 0.225 22.50, Website 0.225 22.50')) AS v (model, credits);
INSERT INTO path_example VALUES (-1, 'conversion', '(unattributed): 1, 50.5, NULL|Ads > Social > Email > Search > Website: 1, 100, 672'), (-1, 'null', 'Email > Ads: 1, NULL, NULL');

-- Three touches, two, and one; no milestones.
INSERT INTO data_set VALUES (-2, '1 day', '6 hours', 'uuid');
INSERT INTO item SELECT -2, account, 'touch', timestamptz '2024-01-01' + n * interval '6 hours', chr(96 + n), NULL FROM (VALUES (1, 3), (2, 2), (3, 1)) AS v (account, touches), generate_series(1, touches) AS n;
INSERT INTO item SELECT -2, account, 'conversion', timestamptz '2024-01-01 18:00', NULL, 10 FROM generate_series(1, 3) AS account;
INSERT INTO example SELECT -2, 'paths of three, two and one', model, credits || ', (unattributed) 0 0.00' FROM (VALUES
    ('first', 'a 3 30.00, b 0 0.00, c 0 0.00'), ('last', 'a 1 10.00, b 1 10.00, c 1 10.00'), ('last_non_direct', 'a 1 10.00, b 1 10.00, c 1 10.00'), ('linear', 'a 1.833333 18.34, b 0.833333 8.33, c 0.333333 3.33'),
    ('time_decay', 'a 1.47619 14.76, b 0.952381 9.52, c 0.571429 5.72'), ('position', 'a 1.9 19.00, b 0.7 7.00, c 0.4 4.00'), ('position(30/40/30)', 'a 1.8 18.00, b 0.9 9.00, c 0.3 3.00'),
    ('position(0/100/0)', 'a 1.5 15.00, b 1.5 15.00, c 0 0.00'), ('position(100/0/0)', 'a 3 30.00, b 0 0.00, c 0 0.00'), ('position(33.3/33.4/33.3)', 'a 1.833 18.33, b 0.834 8.34, c 0.333 3.33'),
    ('w_shaped', 'a 2.5 25.00, b 0.375 3.75, c 0.125 1.25'), ('full_path', 'a 1.909091 19.09, b 0.681818 6.82, c 0.409091 4.09')) AS v (model, credits);
INSERT INTO path_example VALUES (-2, 'conversion', 'a: 1, 10, 12|a > b: 1, 10, 12|a > b > c: 1, 10, 12'), (-2, 'null', NULL);

-- The lookback's edges. b is a microsecond too early, e one too late; at one time a direct touch comes last; a refund at the instant of the sale has its path. The scale is that of 2.005, which has no account.
INSERT INTO data_set VALUES (-3, '1 day', '1 day', 'text');
INSERT INTO item VALUES (-3, 1, 'touch', '2024-01-01', 'a', 'NaN'), (-3, 1, 'touch', '2023-12-31 23:59:59.999999', 'b', NULL), (-3, 1, 'direct', '2024-01-02', 'B', NULL), (-3, 1, 'touch', '2024-01-02', 'c', NULL), (-3, 1, 'touch', '2024-01-02 00:00:00.000001', 'e', NULL),
    (-3, 1, 'conversion', '2024-01-02', NULL, 1.5), (-3, 1, 'conversion', '2024-01-02', NULL, -0.5), (-3, NULL, 'conversion', '2024-01-02', NULL, 2.005), (-3, NULL, 'touch', '2024-01-02', 'nobody', 1), (-3, 1, 'conversion', NULL, NULL, 7.1234), (-3, 1, NULL, '2024-01-02', 'f', 7.1234);
INSERT INTO example VALUES (-3, 'the edges of the lookback', 'first', 'B 0 0.000, a 2 1.000, c 0 0.000, (unattributed) 1 2.005'), (-3, 'direct ones last', 'last', 'B 2 1.000, a 0 0.000, c 0 0.000, (unattributed) 1 2.005'),
    (-3, 'the direct one passed over', 'last_non_direct', 'B 0 0.000, a 0 0.000, c 2 1.000, (unattributed) 1 2.005'), (-3, 'a thousandth to the first', 'linear', 'B 0.666667 0.334, a 0.666667 0.333, c 0.666667 0.333, (unattributed) 1 2.005'),
    (-3, 'half of it a day before', 'time_decay', 'B 0.8 0.400, a 0.4 0.200, c 0.8 0.400, (unattributed) 1 2.005');
INSERT INTO path_example VALUES (-3, 'conversion', 'a > c > B: 2, 1.0, 24|(unattributed): 1, 2.005, NULL'), (-3, 'null', NULL);

-- A refund: shares are rounded down, away from zero, and what is too little is given back.
INSERT INTO data_set VALUES (-4, '1 day', '1 day', 'bigint'), (-5, '1 day', '1 day', 'bigint'), (-6, '1 day', '1 day', 'bigint');
INSERT INTO item SELECT -4, 1, 'touch', timestamptz '2024-01-01', c, NULL::numeric FROM unnest('{a,b,c}'::text[]) AS c UNION ALL SELECT -4, 1, 'conversion', '2024-01-01 12:00', NULL, -100;
INSERT INTO example VALUES (-4, 'a refund', 'linear', 'a 0.333333 -33.33, b 0.333333 -33.33, c 0.333333 -33.34, (unattributed) 0 0.00'), (-4, 'a refund', 'last', 'a 0 0.00, b 0 0.00, c 1 -100.00, (unattributed) 0 0.00');
-- Three cents of three conversions: rounded once.
INSERT INTO item SELECT -5, n, event, timestamptz '2024-01-01', c, 0.01 FROM generate_series(1, 3) AS n, (VALUES ('touch', 'a'), ('touch', 'b'), ('conversion', NULL)) AS v (event, c);
INSERT INTO example VALUES (-5, 'three cents', 'linear', 'a 1.5 0.02, b 1.5 0.01, (unattributed) 0 0.00');
-- Direct in its spellings; where all are, it is the last one.
INSERT INTO item VALUES (-6, 1, 'touch', '2024-01-01', 'x', NULL), (-6, 1, 'touch', '2024-01-01 01:00', 'Direct', NULL), (-6, 1, 'touch', '2024-01-01 02:00', NULL, NULL), (-6, 1, 'touch', '2024-01-01 03:00', '(DIRECT)', NULL), (-6, 1, 'conversion', '2024-01-01 04:00', NULL, 3),
    (-6, 2, 'touch', '2024-01-01', 'direct', NULL), (-6, 2, 'direct', '2024-01-01 01:00', 'x', NULL), (-6, 2, 'touch', '2024-01-01 01:00', '(none)', NULL), (-6, 2, 'conversion', '2024-01-01 04:00', NULL, 4);
INSERT INTO example VALUES (-6, 'direct in its spellings', 'last_non_direct', '(DIRECT) 0 0.00, (none) 0 0.00, Direct 0 0.00, direct 0 0.00, x 2 7.00, (unattributed) 0 0.00'), (-6, 'direct in its spellings', 'last', '(DIRECT) 1 3.00, (none) 0 0.00, Direct 0 0.00, direct 0 0.00, x 1 4.00, (unattributed) 0 0.00');
INSERT INTO path_example VALUES (-6, 'conversion', 'direct > (none) > x: 1, 4, 4|x > Direct > (none) > (DIRECT): 1, 3, 4');
-- Milestones: a lead after the opportunity is not this one's, an opportunity after the conversion neither; at one instant a touch comes before a lead.
INSERT INTO data_set SELECT ds, '4 days', '1 day', 'text' FROM generate_series(-11, -7) AS ds;
INSERT INTO item SELECT ds, 1, event, timestamptz '2024-01-01' + day * interval '1 day', channel, CASE event WHEN 'conversion' THEN 100 END FROM (VALUES
    (-7, 'touch', 3, 'a'), (-7, 'lead', 1, NULL), (-7, 'lead', 3.5, NULL), (-7, 'touch', 4, 'b'), (-7, 'opportunity', 2, NULL), (-7, 'opportunity', 5, NULL), (-7, 'touch', 6, 'c'), (-7, 'lead', 5.5, NULL), (-7, 'conversion', 7, NULL), (-7, 'opportunity', 7.5, NULL), (-7, 'touch', 6.5, 'd'),
    (-8, 'touch', 3, 'a'), (-8, 'touch', 4, 'b'), (-8, 'lead', 2.9, NULL), (-8, 'opportunity', 3, NULL), (-8, 'conversion', 5, NULL),
    (-9, 'touch', 3, 'a'), (-9, 'touch', 4, 'b'), (-9, 'lead', 4, NULL), (-9, 'touch', 5, 'c'), (-9, 'conversion', 6, NULL), (-9, 'opportunity', 6.1, NULL),
    (-10, 'touch', 3, 'a'), (-10, 'opportunity', 4, NULL), (-10, 'lead', 4.5, NULL), (-10, 'conversion', 4.5, NULL), (-10, 'touch', 4.2, 'b'), (-10, 'touch', 4.3, 'b'),
    (-11, 'touch', 3, 'a'), (-11, 'lead', 5, NULL), (-11, 'opportunity', 5, NULL), (-11, 'touch', 5, 'b'), (-11, 'conversion', 5, NULL)) AS v (ds, event, day, channel);
INSERT INTO example SELECT ds, what, model, credits || ', (unattributed) 0 0.00' FROM (VALUES
    (-7, 'lead, then opportunity', 'w_shaped', 'a 0.6 60.00, b 0.3 30.00, c 0.05 5.00, d 0.05 5.00'), (-7, 'lead, then opportunity', 'full_path', 'a 0.45 45.00, b 0.225 22.50, c 0.1 10.00, d 0.225 22.50'),
    (-8, 'a lead before the path', 'w_shaped', 'a 0.857143 85.71, b 0.142857 14.29'), (-8, 'a lead before the path', 'full_path', 'a 0.666667 66.67, b 0.333333 33.33'),
    (-9, 'no opportunity by then', 'w_shaped', 'a 0.428571 42.86, b 0.428571 42.86, c 0.142857 14.28'), (-9, 'no opportunity by then', 'full_path', 'a 0.333333 33.34, b 0.333333 33.33, c 0.333333 33.33'),
    (-10, 'an opportunity without a lead', 'w_shaped', 'a 0.857143 85.71, b 0.142857 14.29'), (-10, 'an opportunity without a lead', 'full_path', 'a 0.580645 58.06, b 0.419355 41.94'),
    (-11, 'all at one instant', 'w_shaped', 'a 0.333333 33.33, b 0.666667 66.67'), (-11, 'all at one instant', 'full_path', 'a 0.25 25.00, b 0.75 75.00')) AS v (ds, what, model, credits);
-- Channels that are called like ours; half-lives so short that all weights but the last are nothing; conversions long after the last touch.
INSERT INTO data_set VALUES (-12, '1 day', '1 day', 'text'), (-13, '1000 days', '1 microsecond', 'bigint'), (-14, '1 day', '1 day', 'text'), (-15, '1 day', '1 day', 'text'), (-16, '12 hours', '1 day', 'uuid');
INSERT INTO item VALUES (-12, 1, 'touch', '2024-01-01', '(unattributed)', NULL), (-12, 1, 'conversion', '2024-01-01', NULL, 5), (-12, 2, 'touch', '2024-01-01', NULL, NULL), (-12, 2, 'touch', '2024-01-01 01:00', '(unattributed)', NULL), (-12, 2, 'conversion', '2024-01-01 01:00', NULL, 7), (-12, 3, 'conversion', '2024-01-01', NULL, 11),
    (-13, 1, 'touch', '2024-01-01', 'a', NULL), (-13, 1, 'touch', '2024-01-02', 'b', NULL), (-13, 1, 'touch', '2024-01-02', 'c', NULL), (-13, 1, 'conversion', '2025-01-01', NULL, 8),
    (-14, 1, NULL, '2024-01-01', 'a', 1), (-14, 1, 'conversion', NULL, NULL, 1.2345), (-14, NULL, 'touch', '2024-01-01', 'a', 1), (-14, NULL, 'lead', '2024-01-01', 'a', 1), (-14, NULL, 'opportunity', '2024-01-01', NULL, NULL),
    (-15, 1, 'touch', '2024-01-01', 'a', NULL), (-15, 2, 'touch', '2024-01-01', 'a', NULL), (-15, 3, 'touch', '2024-01-01', 'b', NULL), (-15, 4, 'lead', '2024-01-01', NULL, NULL), (-15, 1, 'touch', '2024-01-02', 'b', NULL), (-15, 1, 'touch', '2024-01-02 00:00:01', 'b', NULL),
    (-16, 1, 'touch', '2024-01-01', 'a', NULL), (-16, 1, 'conversion', '2024-01-01 12:00', NULL, 0), (-16, 1, 'conversion', '2024-01-01 12:00:00.000001', NULL, 1), (-16, 2, 'conversion', '2024-01-01', NULL, NULL);
INSERT INTO example VALUES (-12, 'channels called like ours', 'first', '(none) 1 7.00, (unattributed) 2 16.00'), (-12, 'channels called like ours', 'linear', '(none) 0.5 3.50, (unattributed) 2.5 19.50'), (-13, 'half-lives of a microsecond', 'time_decay', 'a 0 0.00, b 0.5 4.00, c 0.5 4.00, (unattributed) 0 0.00'),
    (-14, 'only rows that are skipped', 'linear', '(unattributed) 0 0.00'), (-15, 'no conversion at all', 'first', '(unattributed) 0 0.00'), (-16, 'values of nothing', 'last', 'a 1 0.00, (unattributed) 2 1.00');
INSERT INTO path_example VALUES (-14, 'conversion', NULL), (-14, 'null', NULL), (-15, 'conversion', NULL), (-15, 'null', 'a: 1, NULL, NULL|b: 1, NULL, NULL|b > b: 1, NULL, NULL'), (-16, 'conversion', '(unattributed): 2, 1, NULL|a: 1, 0, 12');

-- 400 random data sets. Times lie on an eighth of the lookback, so that many are equal and many on its edge, or a microsecond beside it.
CREATE FUNCTION pick(text[]) RETURNS text VOLATILE LANGUAGE sql AS 'SELECT $1[1 + floor(random() * cardinality($1))::int]';
INSERT INTO data_set SELECT ds, pick('{8 microseconds,1 hour,1 day,30 days,90 days 04:00:00,2000 days}')::interval, pick('{1 microsecond,1 minute,1 hour,1 day,7 days,30 days 12:00:00,10000 days}')::interval, pick('{bigint,uuid,text}') FROM generate_series(1, 400) AS ds;
CREATE TABLE shape AS
SELECT ds, lookback, lookback / 8 AS unit, (1 + random() * random() * CASE WHEN ds % 10 = 7 THEN 40 ELSE 9 END)::int AS accounts, (1 + random() * 90)::int AS items, (4 + random() * 30)::int AS units, pick('{zero,cents,fine,fine,huge}') AS amounts, random() < 0.6 AS milestones,
    CASE WHEN ds % 20 = 0 THEN '{a,b,(unattributed),NULL,direct}' WHEN ds % 3 = 0 THEN '{a,b,c}' ELSE '{a,b,B,c,Z,é,"",x y,Direct,DIRECT,(direct),(DiReCt),(none),directly,NULL,a channel with a very long name that goes on}' END::text[] AS channels
FROM data_set WHERE ds > 0;
INSERT INTO item
SELECT s.ds, CASE WHEN random() >= 0.04 THEN floor(random() * accounts)::int END, CASE WHEN random() < 0.02 THEN NULL WHEN s.ds % 10 = 7 THEN pick('{touch,touch,touch,direct,lead}') WHEN milestones THEN pick('{touch,touch,touch,touch,direct,lead,opportunity,conversion,conversion}') ELSE pick('{touch,touch,touch,direct,conversion}') END,
    CASE WHEN random() >= 0.02 THEN timestamptz '2024-02-20' + floor(random() * units) * unit + CASE WHEN random() < 0.7 THEN interval '0' ELSE pick('{1 microsecond,-1 microsecond,00:00:00.5}')::interval END END, pick(channels),
    CASE WHEN random() < 0.07 THEN NULL WHEN random() < 0.07 THEN 0 WHEN amounts = 'zero' THEN 0.000 WHEN amounts = 'cents' THEN pick('{0.01,0.01,0.02,-0.01}')::numeric WHEN amounts = 'huge' THEN round((random() * 2e20 - 5e19)::numeric, 0) + round(random()::numeric, (random() * 6)::int)
        ELSE round((random() * 1000 - 150)::numeric, (random() * 6)::int) END
FROM shape AS s, generate_series(1, items);
UPDATE item SET value = 'NaN' WHERE event <> 'conversion' AND random() < 0.1;
INSERT INTO item SELECT item.* FROM item WHERE ds > 0 AND random() < 0.05;
CREATE INDEX ON item (ds);
ANALYZE item;

-- The reference: every touch that lies in the lookback of every conversion, in the order of the path.
CREATE TABLE touched AS SELECT row_number() OVER () AS id, ds, account, at, coalesce(channel, '(none)') AS channel, event = 'direct' OR coalesce(lower(channel) IN ('direct', '(direct)') OR channel = '(none)', true) AS direct FROM item WHERE event IN ('touch', 'direct') AND account IS NOT NULL AND at IS NOT NULL;
CREATE TABLE converted AS SELECT row_number() OVER () AS conversion, ds, account, at, coalesce(value, 0) AS value FROM item WHERE event = 'conversion' AND at IS NOT NULL;
CREATE TABLE milestone AS
SELECT conversion, opportunity, (SELECT max(i.at) FROM item AS i WHERE i.ds = c.ds AND i.account = c.account AND i.event = 'lead' AND i.at <= coalesce(opportunity, c.at)) AS lead
FROM (SELECT *, (SELECT max(i.at) FROM item AS i WHERE i.ds = c.ds AND i.account = c.account AND i.event = 'opportunity' AND i.at <= c.at) AS opportunity FROM converted AS c) AS c;
CREATE TABLE step AS
SELECT *, count(*) OVER p AS n, max(i) FILTER (WHERE NOT direct) OVER p AS i_not_direct, max(i) FILTER (WHERE at <= lead) OVER p AS i_lead, max(i) FILTER (WHERE at <= opportunity) OVER p AS i_opportunity, max(at) OVER p AS last_at
FROM (SELECT conversion, ds, t.at, channel, direct, value, c.at AS converted_at, lead, opportunity, half_life, row_number() OVER (PARTITION BY conversion ORDER BY t.at, direct, channel COLLATE "C") AS i
      FROM converted AS c JOIN milestone USING (conversion) JOIN data_set USING (ds) JOIN touched AS t USING (ds, account) WHERE t.at >= c.at - lookback AND t.at <= c.at) AS s
WINDOW p AS (PARTITION BY conversion);
-- Each touch's share of its conversion, as numerator and denominator, of whole numbers.
CREATE FUNCTION share(n numeric, i numeric, a numeric, b numeric, c numeric, OUT num numeric, OUT den numeric) IMMUTABLE LANGUAGE sql AS $$
    SELECT trim_scale(10 * CASE WHEN n = 1 THEN 100 WHEN n = 2 THEN 2 * CASE i WHEN 1 THEN a ELSE c END + b WHEN i = 1 THEN a * (n - 2) WHEN i = n THEN c * (n - 2) ELSE b END), 10 * CASE n WHEN 1 THEN 100 WHEN 2 THEN 200 ELSE 100 * (n - 2) END $$;
CREATE TABLE role AS
SELECT conversion, i, w, count(*) FILTER (WHERE w = 0) OVER p AS w_others, f, count(*) FILTER (WHERE f = 0) OVER p AS f_others
FROM (SELECT *, (i = 1)::int + coalesce(i = i_lead, false)::int + coalesce(i = i_opportunity, false)::int AS w, (i = 1)::int + coalesce(i = i_lead, false)::int + coalesce(i = i_opportunity, false)::int + (i = n)::int AS f FROM step) AS s
WINDOW p AS (PARTITION BY conversion);
CREATE TABLE shared AS
SELECT conversion, ds, channel, value, m.* FROM step, LATERAL (VALUES ('first', (i = 1)::int::numeric, 1::numeric), ('last', (i = n)::int, 1), ('last_non_direct', (i = coalesce(i_not_direct, n))::int, 1), ('linear', 1, n)) AS m (model, num, den)
UNION ALL
SELECT conversion, ds, channel, value, p.model, s.num, s.den FROM step, (VALUES ('position', 40, 20, 40), ('position(30/40/30)', 30, 40, 30), ('position(0/100/0)', 0, 100, 0), ('position(100/0/0)', 100, 0, 0), ('position(33.3/33.4/33.3)', 33.3, 33.4, 33.3)) AS p (model, a, b, c), share(n, i, a, b, c) AS s
UNION ALL
SELECT conversion, ds, channel, value, model, weight, sum(weight) OVER (PARTITION BY conversion, model)
FROM step JOIN role USING (conversion, i), LATERAL (VALUES ('w_shaped', CASE WHEN w = 0 THEN 10 ELSE 30 * w * greatest(w_others, 1) END::numeric), ('full_path', CASE WHEN f = 0 THEN 100 ELSE 225 * f * greatest(f_others, 1) END)) AS m (model, weight);
INSERT INTO shared SELECT conversion, ds, '(unattributed)', value, model, 1, 1 FROM converted, model WHERE model <> 'time_decay' AND conversion NOT IN (SELECT conversion FROM step);
CREATE TABLE decayed AS
SELECT ds, channel, value, w::numeric / sum(w::numeric) OVER (PARTITION BY conversion) AS share FROM (SELECT *, CASE WHEN e < 900 THEN power(2::float8, -e) ELSE 0 END AS w FROM (SELECT *, (extract(epoch FROM last_at - at) / extract(epoch FROM half_life))::float8 AS e FROM step) AS t) AS t
UNION ALL SELECT ds, '(unattributed)', value, 1 FROM converted WHERE conversion NOT IN (SELECT conversion FROM step);
-- What each channel has, exactly: over the least common denominator, in units of the last place; largest remainders.
CREATE AGGREGATE common(numeric) (SFUNC = lcm, STYPE = numeric, INITCOND = '1');
CREATE TABLE total AS SELECT ds, count(conversion) AS conversions, coalesce(sum(value), 0) AS sum, greatest(2, coalesce(max(scale(value)), 0)) AS s, coalesce(sum(abs(value)), 0)::float8 AS size FROM data_set LEFT JOIN converted USING (ds) WHERE ds IN (SELECT ds FROM item) GROUP BY ds;
CREATE TABLE cell AS SELECT ds, model, channel FROM (SELECT ds, channel FROM step UNION SELECT ds, '(unattributed)' FROM total) AS c, model;
ANALYZE step, shared, cell, total;
CREATE TABLE expected_credits AS
WITH denominator AS (SELECT ds, model, common(den) AS l FROM (SELECT DISTINCT ds, model, den FROM shared) AS d GROUP BY ds, model),
    part AS (SELECT ds, model, channel, coalesce(l, 1) AS l, coalesce(sum(num * (l / den)), 0) AS share, coalesce(sum(value * num * (l / den)), 0) * power(10::numeric, s) AS units FROM cell JOIN total USING (ds) LEFT JOIN denominator USING (ds, model) LEFT JOIN shared USING (ds, model, channel) WHERE model <> 'time_decay' GROUP BY ds, model, channel, l, s
             UNION ALL SELECT ds, model, channel, 1, coalesce(sum(share), 0), coalesce(sum(value * share), 0) * power(10::numeric, s) FROM cell JOIN total USING (ds) LEFT JOIN decayed USING (ds, channel) WHERE model = 'time_decay' GROUP BY ds, model, channel, s),
    rounded AS (SELECT *, div(units - remainder, l) AS down FROM (SELECT *, mod(mod(units, l) + l, l) AS remainder FROM part) AS r),
    given AS (SELECT ds, model, channel, share / l AS share, down + (row_number() OVER (PARTITION BY ds, model ORDER BY remainder DESC, channel COLLATE "C") <= sum * power(10::numeric, s) - sum(down) OVER (PARTITION BY ds, model))::int AS units FROM rounded JOIN total USING (ds))
SELECT ds, model, channel, share::float8 AS conversions, round(units / power(10::numeric, s), s) AS value, row_number() OVER (PARTITION BY ds ORDER BY ord, channel = '(unattributed)', channel COLLATE "C") AS place FROM given JOIN total USING (ds) JOIN model USING (model);
-- Paths of conversions, and of accounts that have none.
CREATE TABLE expected_paths AS
SELECT *, row_number() OVER (PARTITION BY ds, outcome ORDER BY conversions DESC, path COLLATE "C") AS place FROM (
    SELECT ds, 'conversion' AS outcome, path, count(*) AS conversions, sum(value) AS value, percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS median_hours
    FROM (SELECT c.ds, conversion, c.value, coalesce(string_agg(channel, ' > ' ORDER BY i), '(unattributed)') AS path, (extract(epoch FROM c.at - min(s.at)) / 3600)::float8 AS hours FROM converted AS c LEFT JOIN step AS s USING (conversion) GROUP BY c.ds, conversion, c.value, c.at) AS p GROUP BY ds, path
    UNION ALL
    SELECT ds, 'null', path, count(*), NULL, NULL FROM (SELECT ds, account, string_agg(channel, ' > ' ORDER BY at, direct, channel COLLATE "C") AS path FROM (SELECT *, max(at) OVER (PARTITION BY ds, account) AS last_at FROM touched) AS t JOIN data_set USING (ds)
        WHERE at >= last_at - lookback AND (ds, account) NOT IN (SELECT ds, account FROM converted WHERE account IS NOT NULL) GROUP BY ds, account) AS p GROUP BY ds, path) AS p;
ANALYZE expected_credits, expected_paths;

-- Examples first: the reference against what was written by hand.
CREATE FUNCTION shown_credits(source regclass, ds int, model text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s %%s %%s'', channel, trim_scale(round(conversions::numeric, 6)), value), '', '' ORDER BY place) FROM %s WHERE ds = $1 AND model = $2', source) INTO result USING ds, model; RETURN result; END $$;
CREATE FUNCTION shown_paths(source regclass, ds int, outcome text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s: %%s, %%s, %%s'', path, conversions, coalesce(trim_scale(value)::text, ''NULL''), coalesce(trim_scale(round(median_hours::numeric, 6))::text, ''NULL'')), ''|'' ORDER BY place) FROM %s WHERE ds = $1 AND outcome = $2', source) INTO result USING ds, outcome; RETURN result; END $$;
CREATE FUNCTION trimmed(paths text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT regexp_replace(paths, ', (\d+)\.0+,', ', \1,', 'g') $$;
SELECT is(shown_credits('expected_credits', ds, model), credits, format('the reference: %s, %s', what, model)) FROM example ORDER BY ds DESC;
SELECT is(shown_paths('expected_paths', ds, outcome), trimmed(paths), format('the reference, paths of %s: %s', ds, outcome)) FROM path_example ORDER BY ds DESC;
SELECT cmp_ok(count(*), '>', 300::bigint, format('%s random data sets have conversions, %s of which %s are credited', count(*), sum(conversions), (SELECT count(DISTINCT conversion) FROM step WHERE ds > 0))) FROM total WHERE ds > 0 AND conversions > 0;
SELECT cmp_ok(count(*) FILTER (WHERE converted_at - at = lookback), '>', 500::bigint, 'touches lie on the edge of a lookback') FROM step JOIN data_set USING (ds);
SELECT cmp_ok(count(*) FILTER (WHERE i_lead <> i_opportunity AND i_lead > 1 AND i_opportunity < n), '>', 300::bigint, 'milestones have touches of their own') FROM step;

-- The aggregate, over all data sets of a type of account; part says what else is grouped by.
CREATE FUNCTION key_of(key text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE key WHEN 'bigint' THEN '(account::bigint * 1000003 - 5000000)' WHEN 'uuid' THEN 'md5(account::text)::uuid'
        ELSE '(CASE account % 4 WHEN 1 THEN lpad(account::text, 20, ''x'') WHEN 2 THEN lpad(account::text, 60, ''y'') WHEN 3 THEN account::text ELSE repeat(chr(233), account / 4) END)' END $$;
CREATE FUNCTION summaries(grouped_by text DEFAULT '0', order_by text DEFAULT '', key text DEFAULT NULL) RETURNS TABLE (ds int, part int, s smarketing.attribution_summary) LANGUAGE plpgsql AS $$
DECLARE k text; BEGIN FOREACH k IN ARRAY '{bigint,uuid,text}'::text[] LOOP
    RETURN QUERY EXECUTE format('SELECT ds, %s AS part, smarketing.attribution(%s, event, at, channel, value, lookback, half_life %s) FROM item JOIN data_set USING (ds) WHERE %s GROUP BY ds, part', grouped_by, key_of(coalesce(summaries.key, k)), order_by, CASE WHEN key IS NULL THEN format('key = %L', k) ELSE 'true' END);
    EXIT WHEN key IS NOT NULL;
END LOOP; END $$;
CREATE TABLE found AS SELECT * FROM summaries();
CREATE TABLE found_credits AS SELECT ds, model, channel, conversions, value, place::int FROM found, LATERAL smarketing.credits(s, models()) WITH ORDINALITY AS c (model, channel, conversions, value, place);
CREATE TABLE found_paths AS SELECT ds, outcome, path, conversions, value, median_hours, place FROM found, unnest('{conversion,"null"}'::text[]) AS outcome, LATERAL smarketing.paths(s, outcome) WITH ORDINALITY AS p (path, conversions, value, median_hours, place);
ANALYZE found_credits, found_paths;
SELECT is(shown_credits('found_credits', ds, model), credits, format('%s, %s', what, model)) FROM example ORDER BY ds DESC;
SELECT is(shown_paths('found_paths', ds, outcome), trimmed(paths), format('paths of %s: %s', ds, outcome)) FROM path_example ORDER BY ds DESC;

-- All data sets, both ways.
SELECT set_eq('SELECT ds FROM found', 'SELECT DISTINCT ds FROM item', 'a summary of each data set');
SELECT is_empty(format('SELECT ds, place, model, channel FROM %s EXCEPT ALL SELECT ds, place, model, channel FROM %s ORDER BY ds, place LIMIT 5', a, b), 'rows of credits and their order: ' || what) FROM (VALUES ('found_credits', 'expected_credits', 'too many'), ('expected_credits', 'found_credits', 'missing')) AS v (a, b, what);
CREATE TABLE compared AS SELECT ds, model, channel, f.conversions AS f_conversions, e.conversions AS e_conversions, f.value AS f_value, e.value AS e_value, t.s, t.size, power(10::numeric, -t.s) AS unit FROM found_credits AS f JOIN expected_credits AS e USING (ds, model, channel) JOIN total AS t USING (ds);
SELECT is_empty(format('SELECT ds, channel, f_conversions, e_conversions FROM compared WHERE model = %L AND NOT abs(f_conversions - e_conversions) <= 1e-9 ORDER BY ds LIMIT 5', model), 'conversions, ' || model) FROM model ORDER BY ord;
SELECT is_empty(format('SELECT ds, channel, f_value, e_value FROM compared WHERE model = %L AND NOT abs(f_value - e_value) <= unit %s ORDER BY ds LIMIT 5', model, CASE model WHEN 'time_decay' THEN '+ (1e-9 * size)::numeric' ELSE '' END), 'value, to a unit of the last place, ' || model) FROM model ORDER BY ord;
SELECT is_empty(format('SELECT ds, channel, f_value, e_value FROM compared WHERE model = %L AND f_value <> e_value ORDER BY ds LIMIT 5', model), 'value, with the remainders given to the same, ' || model) FROM model WHERE model <> 'time_decay' ORDER BY ord;
SELECT is_empty('SELECT ds, model, channel, f_value, s FROM compared WHERE scale(f_value) <> s ORDER BY ds LIMIT 5', 'the scale of value');
SELECT is_empty('SELECT ds, model, c.value, t.sum FROM (SELECT ds, model, sum(value) AS value FROM found_credits GROUP BY ds, model) AS c JOIN total AS t USING (ds) WHERE c.value <> t.sum ORDER BY ds LIMIT 5', 'value adds up to that of the conversions, exactly');
SELECT is_empty('SELECT ds, model, c.conversions, t.conversions FROM (SELECT ds, model, sum(conversions) AS conversions FROM found_credits GROUP BY ds, model) AS c JOIN total AS t USING (ds) WHERE NOT abs(c.conversions - t.conversions) <= 1e-9 ORDER BY ds LIMIT 5', 'conversions add up');
-- Where a channel is called (unattributed), its path of one touch and what has no touch are called the same: added up here.
CREATE FUNCTION paths_of(source text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT format('SELECT ds, outcome, path, sum(conversions) AS conversions, sum(value) AS value, CASE WHEN path = ''(unattributed)'' AND ds %% 20 = 0 OR path = ''(unattributed)'' AND ds = -12 THEN NULL ELSE round(min(median_hours)::numeric, 9) END AS hours, CASE WHEN ds %% 20 <> 0 AND ds <> -12 THEN min(place) END AS place FROM %s GROUP BY ds, outcome, path', source) $$;
SELECT is_empty(format('(%s) EXCEPT ALL (%s) ORDER BY ds, outcome, place LIMIT 5', paths_of(a), paths_of(b)), 'paths: ' || what) FROM (VALUES ('found_paths', 'expected_paths', 'too many'), ('expected_paths', 'found_paths', 'missing')) AS v (a, b, what);
SELECT is_empty('SELECT ds, outcome, path FROM found_paths WHERE ds NOT IN (SELECT ds FROM item WHERE channel = ''(unattributed)'') GROUP BY ds, outcome, path HAVING count(*) > 1', 'each path once');
SELECT is_empty('SELECT ds FROM (SELECT ds, sum(conversions) AS conversions, sum(value) AS value FROM found_paths WHERE outcome = ''conversion'' GROUP BY ds) AS p JOIN total AS t USING (ds) WHERE p.conversions <> t.conversions OR p.value <> t.sum', 'paths add up');
SELECT is((SELECT count(*) FROM found, smarketing.paths(s)), (SELECT count(*) FROM found_paths WHERE outcome = 'conversion'), 'paths are those of conversions by default');
CREATE FUNCTION rows_of(s smarketing.attribution_summary, models text[]) RETURNS text[] LANGUAGE sql AS 'SELECT array_agg(ROW(model, channel, conversions, value)::text ORDER BY n) FROM smarketing.credits(s, models) WITH ORDINALITY AS t (model, channel, conversions, value, n)';
SELECT is_empty($$SELECT ds FROM found WHERE rows_of(s, '{linear,first,linear}') <> rows_of(s, '{linear}') || rows_of(s, '{first}') || rows_of(s, '{linear}') LIMIT 5$$, 'models in the order given, one named twice comes twice');
SELECT is_empty('SELECT smarketing.credits(s, ''{}'') FROM found LIMIT 5', 'no models, no rows');

-- The same bytes: merged, in another order of rows, in sorted groups, read again; the same credits whatever the key.
SELECT is_empty($$SELECT ds FROM (SELECT ds, smarketing.merge(s) AS s FROM summaries('coalesce(account % 3, length(channel) % 3, 0)') GROUP BY ds) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3$$, 'merged from three parts');
SELECT is_empty($$SELECT ds FROM (SELECT ds, smarketing.merge(s ORDER BY part DESC) AS s FROM summaries('coalesce(account, -1)') GROUP BY ds) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3$$, 'merged from each account, the other way');
SELECT is_empty($$SELECT ds FROM (SELECT ds, smarketing.merge(s ORDER BY half) AS s FROM (SELECT ds, part % 2 AS half, smarketing.merge(s ORDER BY random()) AS s FROM summaries('coalesce(account, -1)') GROUP BY ds, part % 2) AS h GROUP BY ds) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3$$, 'merged from halves that were merged');
SELECT is_empty(format('SELECT ds FROM summaries(order_by => %L) AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', o), o) FROM unnest('{ORDER BY at DESC,"ORDER BY event, channel, value, account DESC","ORDER BY account DESC, event DESC, at",ORDER BY random()}'::text[]) AS o;
SET enable_hashagg = off;
SELECT is_empty('SELECT ds FROM summaries() AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', 'in sorted groups');
RESET enable_hashagg;
SET TimeZone = 'Europe/Paris';
SELECT is_empty('SELECT ds FROM summaries() AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', 'a day is 24 hours in whatever time zone');
SET TimeZone = 'UTC';
SELECT is_empty(format('SELECT ds FROM summaries(key => %L) AS a JOIN found AS b USING (ds) WHERE rows_of(a.s, models()) <> rows_of(b.s, models()) OR (SELECT array_agg(p::text) FROM smarketing.paths(a.s) AS p) <> (SELECT array_agg(p::text) FROM smarketing.paths(b.s) AS p) LIMIT 3', key), 'credits and paths with accounts of type ' || key) FROM unnest('{bigint,uuid,text}'::text[]) AS key;
SELECT is_empty('SELECT ds FROM found WHERE s::text::smarketing.attribution_summary::text <> s::text LIMIT 3', 'text is read again');
SELECT is_empty('SELECT ds, model, channel, conversions, value, place::int FROM (SELECT ds, s::text::smarketing.attribution_summary AS s FROM found) AS f, LATERAL smarketing.credits(s, models()) WITH ORDINALITY AS c (model, channel, conversions, value, place) EXCEPT ALL SELECT * FROM found_credits LIMIT 3', 'and means the same');
SELECT current_setting('data_directory') || '/attribution.bin' AS file \gset
COPY (SELECT ds, s FROM found) TO :'file' (FORMAT binary);
CREATE TABLE found_again (ds int, s smarketing.attribution_summary);
COPY found_again FROM :'file' (FORMAT binary);
SELECT is_empty('SELECT ds FROM found_again AS a FULL JOIN found AS b USING (ds) WHERE a.s::text IS DISTINCT FROM b.s::text LIMIT 3', 'binary is read again');

-- Empty input, and input without rows that count.
SELECT is((SELECT smarketing.attribution(account::bigint, event, at, channel, value, '1 day', '1 day') FROM item WHERE false)::text, NULL, 'no row, no summary');
SELECT is((SELECT smarketing.merge(s) FROM found WHERE false)::text, NULL, 'nothing merged is nothing');
SELECT is((SELECT smarketing.merge(s) FROM (VALUES (NULL::smarketing.attribution_summary)) AS n (s))::text, NULL, 'nor is NULL');
SELECT is_empty($$SELECT * FROM smarketing.credits(NULL, '{linear}')$$, 'no summary, no credits');
SELECT is_empty('SELECT * FROM smarketing.paths(NULL)', 'no summary, no paths');
SELECT is((SELECT smarketing.merge(s)::text FROM (SELECT s FROM found WHERE ds = -12 UNION ALL SELECT NULL UNION ALL SELECT s FROM found WHERE ds = -14) AS t), (SELECT s::text FROM found WHERE ds = -12), 'merged with NULL and with an empty one');

-- FILTER; running, in a window; in a subplan that is run again.
CREATE TABLE few AS SELECT row_number() OVER () AS id, account, event, at, channel, value FROM item WHERE ds = (SELECT ds FROM item JOIN shape USING (ds) WHERE milestones AND accounts BETWEEN 3 AND 6 AND lookback > '1 minute' GROUP BY ds ORDER BY count(*) DESC, ds LIMIT 1) AND at IS NOT NULL;
SELECT cmp_ok(count(*), '>', 50::bigint, 'enough rows for windows') FROM few;
SELECT is((SELECT smarketing.attribution(account::bigint, event, at, channel, value, '30 days', '1 day') FILTER (WHERE channel = 'a' OR event = 'conversion')::text FROM few), (SELECT smarketing.attribution(account::bigint, event, at, channel, value, '30 days', '1 day')::text FROM few WHERE channel = 'a' OR event = 'conversion'), 'with a filter');
SELECT is_empty(format($f$SELECT id FROM (SELECT id, %1$s OVER (PARTITION BY account %% 2 ORDER BY %2$s, id)::text AS f, (SELECT %1$s::text FROM few AS b WHERE b.account %% 2 IS NOT DISTINCT FROM a.account %% 2 AND (b.%2$s, b.id) <= (a.%2$s, a.id)) AS g FROM few AS a) AS t WHERE f IS DISTINCT FROM g$f$, call, by), format('OVER (PARTITION BY ORDER BY %s): %s', by, call))
FROM unnest('{at,id}'::text[]) AS by, unnest(ARRAY['smarketing.attribution(account::bigint, event, at, channel, value, ''30 days'', ''1 hour'')', 'smarketing.attribution(repeat(''long'', 9) || account, event, at, channel, value, ''10 hours'', ''7 days'')']) AS call;
SELECT is_empty($$SELECT id FROM (SELECT id, smarketing.merge(s) OVER (ORDER BY id)::text AS f, (SELECT smarketing.attribution(b.account::bigint, event, at, channel, value, '3 days', '1 day')::text FROM few AS b WHERE coalesce(b.account, -1) <= t.id) AS g
    FROM (SELECT coalesce(account, -1) AS id, smarketing.attribution(account::bigint, event, at, channel, value, '3 days', '1 day') AS s FROM few GROUP BY account) AS t) AS u WHERE f IS DISTINCT FROM g$$, 'merge OVER (ORDER BY)');

-- A window's values are read at each row; times of one path become too many to be kept one by one meanwhile. What else
-- is worked out for a row takes memory that was free before.
CREATE TABLE delayed AS SELECT n, smarketing.attribution(n::bigint, event, at, 'a', 1, '30 days', '1 day') AS s
FROM generate_series(1, 1100) AS n, LATERAL (VALUES ('touch', timestamptz '2024-01-01'), ('conversion', timestamptz '2024-01-02' + n * interval '61 seconds')) AS e (event, at) GROUP BY n;
SELECT results_eq('SELECT s::text FROM (SELECT n, smarketing.merge(s) OVER (ORDER BY n) AS s, length(repeat(''*'', 2000 + n)) + length(repeat(''*'', 9000 + n)) + length(repeat(''*'', 30000 + n)) AS others FROM delayed) AS t WHERE others > 0 AND (n % 100 = 0 OR n BETWEEN 1020 AND 1030) ORDER BY n',
    'SELECT (SELECT smarketing.merge(s)::text FROM delayed WHERE delayed.n <= t.n) FROM delayed AS t WHERE n % 100 = 0 OR n BETWEEN 1020 AND 1030 ORDER BY n', 'merge OVER (ORDER BY) of many times');

-- Arguments that do not do: two rows, which differ from the usual ones in what is named.
CREATE FUNCTION error_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE hint text; detail text; result text; BEGIN EXECUTE query INTO result; RETURN 'no error'; EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL; RETURN concat_ws(' ', SQLSTATE, SQLERRM, detail, hint); END $$;
CREATE TYPE args AS (account bigint, event text, at timestamptz, channel text, value numeric, lookback interval, half_life interval);
CREATE FUNCTION call(args jsonb) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT format('SELECT smarketing.attribution(account, event, at, channel, value, lookback, half_life) FROM jsonb_populate_recordset((1, ''conversion'', ''2024-01-05'', ''a'', 1, ''30 days'', ''7 days'')::args, %L)', args) $$;
SELECT matches(error_of(call(args::jsonb)), '^' || error, args) FROM (VALUES
    ('[{}, {}]', 'no error'), ('[{"event": "touch"}, {"event": "direct"}, {"event": "lead"}, {"event": "opportunity"}, {"event": null}]', 'no error'),
    ('[{"event": "purchase"}, {}]', '22023 .*"purchase".*touch(?=.*direct)(?=.*lead)(?=.*opportunity)(?=.*conversion)'), ('[{}, {"event": ""}]', '22023 .*touch.*conversion'), ('[{}, {"event": "Touch"}]', '22023 .*"Touch"'), ('[{}, {"event": "conversion "}]', '22023 '),
    ('[{"at": "infinity"}, {}]', '22008 '), ('[{}, {"at": "-infinity"}]', '22008 '), ('[{}, {"at": "infinity", "event": "touch"}]', '22008 '), ('[{}, {"at": "-infinity", "event": "opportunity"}]', '22008 '), ('[{}, {"at": null}]', 'no error'), ('[{}, {"account": null}]', 'no error'),
    ('[{"value": "NaN"}, {}]', '22003 '), ('[{}, {"value": "Infinity"}]', '22003 '), ('[{}, {"value": "-Infinity"}]', '22003 '), ('[{}, {"value": "NaN", "account": null}]', '22003 '), ('[{"event": "touch", "value": "NaN"}, {"event": "direct", "value": "Infinity"}, {"event": "lead", "value": "-Infinity"}]', 'no error'), ('[{"value": null}, {"value": -1}, {"value": 0}]', 'no error'),
    ('[{"lookback": null}, {"lookback": null}]', '22004 .*"lookback"'), ('[{}, {"lookback": null}]', '22004 .*"lookback"'), ('[{"half_life": null}, {"half_life": null}]', '22004 .*"half_life"'), ('[{}, {"half_life": null}]', '22004 .*"half_life"'),
    ('[{}, {"lookback": "31 days"}]', '22023 .*"lookback".*same for all rows'), ('[{}, {"half_life": "7 days 1 microsecond"}]', '22023 .*"half_life".*same for all rows'), ('[{"event": "touch"}, {"event": "touch", "at": null, "half_life": "1 day"}]', '(22023 .*"half_life".*same for all rows|no error)')) AS a (args, error);
SELECT matches(error_of(call(jsonb_build_array(jsonb_build_object(argument, length), jsonb_build_object(argument, length)))), format('^22023 .*"%s"', argument), argument || ' ' || length) FROM unnest('{lookback,half_life}'::text[]) AS argument, unnest('{0,-1 day,-1 microsecond,1 day -24 hours,1 month,1 year,3 months -80 days,1 month 1 day,-1 month 40 days}'::text[]) AS length;
SELECT matches(error_of(call(jsonb_build_array(jsonb_build_object(argument, length), jsonb_build_object(argument, length)))), '^(no error|22)', format('%s of %s is taken or refused', argument, length)) FROM unnest('{lookback,half_life}'::text[]) AS argument, unnest('{1000000 days,100000000 days,2147483647 days,2147483647 days 2562047788 hours}'::text[]) AS length;
SELECT is((SELECT string_agg(format('%s %s', channel, conversions), ', ') FROM smarketing.credits((SELECT smarketing.attribution(1::bigint, event, at::timestamptz, channel, 1, length, '1000000 days') FROM (VALUES ('touch', '2400-01-01 BC', 'a'), ('touch', '1999-12-31', 'b'), ('conversion', '2024-01-01', NULL)) AS v (event, at, channel)), '{first}')), 'a 1, b 0, (unattributed) 0', 'a lookback of ' || length)
FROM unnest('{2000000 days,3000000 days}'::interval[]) AS length;
SELECT matches(error_of(format('SELECT count(*) FROM found, LATERAL smarketing.credits(s, %L) WHERE ds = -1', models)), '^' || error, 'models ' || coalesce(models, 'NULL')) FROM (VALUES
    (NULL, '22004 '), ('{NULL}', '22004 '), ('{linear,NULL}', '22004 '), ('{}', 'no error'), ('{lineer}', '22023 .*"lineer"(?=.*last_non_direct)(?=.*time_decay)(?=.*position)(?=.*w_shaped)(?=.*full_path)(?=.*markov)(?=.*shapley)'), ('{linear,""}', '22023 .*markov'), ('{LINEAR}', '(22023 |no error)'),
    ('{markov(1)}', '0A000 '), ('{linear,markov(4)}', '0A000 '), ('{shapley}', '0A000 '), ('{markov(0)}', '22023 '), ('{markov(5)}', '22023 '), ('{markov(1}', '22023 '), ('{markov()}', '22023 '), ('{shapley(1)}', '22023 '),
    ('{position(30/40/31)}', '22023 '), ('{position(50/50)}', '22023 '), ('{position(25/25/25/25)}', '22023 '), ('{position()}', '22023 '), ('{position(-10/60/50)}', '22023 '), ('{position(a/b/c)}', '22023 '), ('{position(NaN/40/60)}', '22023 '), ('{position(inf/0/0)}', '22023 '), ('{position(0/0/0)}', '22023 '), ('{position(40/20/40}', '22023 '),
    ('{position(40/20/40)x}', '22023 '), ('{position(//100)}', '22023 '), ('{position(0x10/20/64)}', '22023 '), ('{position(33.33/33.34/33.33)}', 'no error'), ('{position(0.1/99.7/0.2)}', 'no error'), ('{position(33.3/33.3/33.3)}', '22023 '), ('{linear(1)}', '22023 '), ('{first,bogus}', '22023 ')) AS v (models, error);
SELECT matches(error_of(format('SELECT count(*) FROM found, LATERAL smarketing.credits(s, %L) WHERE ds = -1', ARRAY['position(' || repeat('9', 100000) || '/0/0)'])), '^22023 ', 'a very long model');
SELECT matches(error_of('SELECT count(*) FROM found, LATERAL smarketing.paths(s, ' || quote_nullable(outcome) || ') WHERE ds = -1'), '^' || error, 'outcome ' || coalesce(outcome, 'NULL')) FROM (VALUES ('conversions', '22023 .*"conversions"'), ('', '22023 '), ('NULL', '22023 '), (NULL, '(22004 |22023 |no error)'), ('null', 'no error')) AS v (outcome, error);
SELECT matches(error_of(format('SELECT smarketing.merge(s) FROM ((%s) UNION ALL (%s)) AS t (s)', call('[{}]'), call(args))), '^22000 .*' || what, 'merge refuses another ' || what) FROM (VALUES ('lookback', '[{"lookback": "31 days"}]'::jsonb), ('half.li', '[{"half_life": "8 days"}]'), ('half.li', '[{"half_life": "8 days", "event": null}]')) AS v (what, args);
SELECT matches(error_of(format('SELECT smarketing.merge(s) FROM ((%s) UNION ALL (%s)) AS t (s)', call('[{"lookback": "30 days"}]'), call('[{"lookback": "720 hours"}]'))), '^(no error|22000 )', 'an equal lookback in other words');
SELECT matches(error_of(format('SELECT %L::smarketing.attribution_summary', v)), '^22P02 ', 'not a summary: ' || v) FROM unnest(ARRAY['', 'x', '\x', '\x00', '\x01', '\xff00']) AS v;

-- Many of everything, in seconds.
CREATE FUNCTION shown(query text, models text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s %%s %%s'', channel, trim_scale(round(conversions::numeric, 6)), value), '', '') FROM smarketing.credits((%s), %L)', query, models) INTO result; RETURN result; END $$;
SET statement_timeout = '10s';
-- Names of all lengths up to 40 that differ in one byte, each twice: each is itself, and has its two conversions.
CREATE TABLE named AS SELECT overlay(repeat('a', length) PLACING 'b' FROM place) AS channel FROM generate_series(1, 40) AS length, generate_series(1, length) AS place
UNION ALL SELECT repeat('a', length) FROM generate_series(0, 40) AS length;
SELECT results_eq($$SELECT count(*), count(DISTINCT channel), min(conversions)::int, max(conversions)::int FROM smarketing.credits((
        SELECT smarketing.attribution(n, event, at, channel, 1, interval '1 day', interval '1 day')
        FROM (SELECT row_number() OVER () AS n, channel FROM named, generate_series(1, 2)) AS t, LATERAL (VALUES ('touch', timestamptz '2024-01-01'), ('conversion', '2024-01-02')) AS e (event, at)), '{linear}')
    WHERE channel <> '(unattributed)'$$, $$SELECT count(*), count(DISTINCT channel), 2, 2 FROM named$$, 'names that differ in one byte');
CREATE TABLE long AS SELECT 'touch' AS event, timestamptz '2024-01-01' + n * interval '1 second' AS at, n FROM generate_series(1, 100000) AS n UNION ALL SELECT 'conversion', '2024-01-03', NULL;
SELECT results_eq($$SELECT model, count(*), sum(value), min(value), max(value), count(DISTINCT channel), round(sum(conversions)::numeric, 9) FROM smarketing.credits((SELECT smarketing.attribution(1::bigint, event, at, 'channel ' || n, 1000.05, '30 days', '1 day') FROM long), '{linear,first,full_path}') GROUP BY model ORDER BY model$$,
    $$VALUES ('first', 100001::bigint, 1000.05, 0.00, 1000.05, 100001::bigint, 1.000000000), ('full_path', 100001, 1000.05, 0.00, 409.11, 100001, 1), ('linear', 100001, 1000.05, 0.00, 0.02, 100001, 1)$$, '100,000 channels in a path of 100,000 touches');
SELECT is(shown('SELECT smarketing.attribution(1::bigint, event, at, ''c'' || n % 4, 100, ''30 days'', ''1 hour'') FROM long', '{linear}'), 'c0 0.25 25.00, c1 0.25 25.00, c2 0.25 25.00, c3 0.25 25.00, (unattributed) 0 0.00', 'a path of 100,000 touches');
SELECT is(shown('SELECT smarketing.attribution(1::bigint, event, at, ''c'' || n % 4, 100, ''30 days'', ''1 second'') FROM long', '{time_decay}'), 'c0 0.533333 53.33, c1 0.066667 6.67, c2 0.133333 13.33, c3 0.266667 26.67, (unattributed) 0 0.00', 'which decays from second to second');
SELECT is((SELECT array_agg(length(path)) FROM smarketing.paths((SELECT smarketing.attribution(1::bigint, event, at, 'c' || n % 4, 100, '30 days', '1 hour') FROM long))), '{499997}'::int[], 'is a long text');
SELECT is(shown('SELECT smarketing.attribution(n::bigint, event, at, ''c'' || n, 0.01, ''30 days'', ''1 hour'') FROM (SELECT n, ''touch'' AS event, timestamptz ''2024-01-01'' AS at FROM generate_series(10, 12) AS n UNION ALL SELECT 10 + n % 4, ''conversion'', ''2024-01-02'' FROM generate_series(0, 99999) AS n) AS t', '{last}'), 'c10 25000 250.00, c11 25000 250.00, c12 25000 250.00, (unattributed) 25000 250.00', '100,000 conversions at one instant');
SELECT is(shown('SELECT smarketing.attribution(1::bigint, event, at, ''c'' || n % 4, 1, ''30 days'', ''1 hour'') FROM (SELECT * FROM long UNION ALL SELECT ''conversion'', ''2024-01-03'', NULL FROM generate_series(2, 1000)) AS t', '{linear}'), 'c0 250 250.00, c1 250 250.00, c2 250 250.00, c3 250 250.00, (unattributed) 0 0.00', 'a path of 100,000 touches that 1,000 conversions have');
SELECT is(shown('SELECT smarketing.attribution(1::bigint, CASE n % 2 WHEN 0 THEN ''conversion'' ELSE ''touch'' END, timestamptz ''2024-01-01'' + n * interval ''1 second'', ''c'' || n % 4, 0.01, ''30 days'', ''1 hour'') FROM generate_series(1, 6000) AS n', '{first}'), 'c1 3000 30.00, c3 0 0.00, (unattributed) 0 0.00', '3,000 conversions that share 3,000 touches');
SELECT is(shown('SELECT smarketing.attribution(n::bigint % 200000, CASE WHEN n < 200000 THEN ''touch'' ELSE ''conversion'' END, timestamptz ''2024-01-01'' + n / 200000 * interval ''1 hour'', ''c'' || n % 2, 1e20 + 0.000001, ''1 day'', ''1 day'') FROM generate_series(0, 399999) AS n', '{linear,time_decay}'),
    (SELECT string_agg(format('c0 100000 %1$s, c1 100000 %1$s, (unattributed) 0 0.000000', 100000 * (1e20 + 0.000001)), ', ') FROM generate_series(1, 2)), '200,000 conversions of 10^20 and a millionth');
SELECT is(shown('SELECT smarketing.attribution(1::bigint, event, timestamptz ''2024-01-01'', channel, 3, ''1 day'', ''1 day'') FROM (VALUES (''touch'', repeat(''long'', 262144)), (''touch'', repeat(''long'', 262143) || ''lone''), (''conversion'', NULL)) AS v (event, channel)', '{last}'), repeat('long', 262143) || 'lone 0 0.00, ' || repeat('long', 262144) || ' 1 3.00, (unattributed) 0 0.00', 'channels of 1 MB that differ at the end');
RESET statement_timeout;
-- What would take long can be cancelled.
SET statement_timeout = '2s';
SELECT clock_timestamp() AS begun \gset
SELECT matches(error_of('SELECT smarketing.attribution(1::bigint, CASE n % 2 WHEN 0 THEN ''conversion'' ELSE ''touch'' END, timestamptz ''2024-01-01'' + n * interval ''1 second'', ''c'' || n % 4, 0.01, ''30 days'', ''1 hour'')::text IS NULL FROM generate_series(1, 20000) AS n'), '^(no error|57014|54000|53200)', '10,000 conversions that share 10,000 touches');
SELECT cmp_ok(clock_timestamp() - :'begun', '<', interval '5 seconds', 'end in time or can be cancelled');
RESET statement_timeout;

-- 500,000 rows: in memory, moved out at 64 kB, and with workers the same bytes.
CREATE UNLOGGED TABLE big AS
SELECT (random() * random() * 60000)::bigint AS account, pick('{touch,touch,touch,touch,touch,touch,touch,direct,lead,opportunity,conversion,conversion}') AS event, timestamptz '2022-01-01' + floor(random() * 9000) * interval '2 hours 24 minutes' AS at,
    'channel ' || (random() * random() * 20)::int AS channel, round((random() * 300 - 20)::numeric, (random() * 3)::int) AS value, (random() * 3)::int AS part
FROM generate_series(1, 500000);
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
CREATE FUNCTION bytes(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE result text; BEGIN EXECUTE format('SELECT md5(string_agg(f::text, '' '' ORDER BY k)) FROM (%s) AS t (k, f)', query) INTO result; RETURN result; END $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP; RETURN result; END $$;
CREATE FUNCTION moved_out() RETURNS bigint LANGUAGE sql AS 'SELECT pg_stat_clear_snapshot(); SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()';
CREATE TABLE query AS SELECT * FROM (VALUES
    ('all', 'SELECT 1, smarketing.attribution(account, event, at, channel, value, ''90 days'', ''7 days'') FROM big'),
    ('by part, uuid', 'SELECT part, smarketing.attribution(lpad(to_hex(account), 32, ''0'')::uuid, event, at, channel, value, ''30 days'', ''7 days'') FROM big GROUP BY part'),
    ('text keys of all lengths', 'SELECT 1, smarketing.attribution(CASE WHEN account < 1000 THEN repeat(''long'', 9) WHEN account % 2 = 0 THEN ''sixteen or more bytes'' ELSE '''' END || account, event, at, channel, value, ''90 days'', ''7 days'') FROM big')) AS q (what, query);
SET max_parallel_workers_per_gather = 0; SET work_mem = '1GB'; SET hash_mem_multiplier = 1;
CREATE TABLE expected AS SELECT what, query, bytes(query) AS b FROM query;
SELECT cmp_ok(count(DISTINCT b), '>=', 2::bigint, 'answers') FROM expected;
-- Some models by plain SQL, as a check on what all the others are equal to.
CREATE TABLE plain AS
WITH c AS (SELECT row_number() OVER () AS id, account, at, value FROM big WHERE event = 'conversion'),
    step AS (SELECT id, channel, c.value, row_number() OVER w AS i, count(*) OVER (PARTITION BY id) AS n FROM c JOIN big AS t USING (account) WHERE event IN ('touch', 'direct') AND t.at BETWEEN c.at - interval '90 days' AND c.at WINDOW w AS (PARTITION BY id ORDER BY t.at, event = 'direct', channel COLLATE "C")),
    ends AS (SELECT id, min(channel) FILTER (WHERE i = 1) AS first, min(channel) FILTER (WHERE i = n) AS last FROM step GROUP BY id)
SELECT 'first' AS model, coalesce(first, '(unattributed)') AS channel, count(*)::float8 AS conversions, sum(c.value) AS value FROM c LEFT JOIN ends USING (id) GROUP BY 2 UNION ALL SELECT 'last', coalesce(last, '(unattributed)'), count(*), sum(c.value) FROM c LEFT JOIN ends USING (id) GROUP BY 2
UNION ALL SELECT 'linear', channel, sum(1::float8 / n), sum(value / n) FROM step GROUP BY 2;
CREATE TABLE big_summary AS SELECT what, s FROM (SELECT 'bigint' AS what, smarketing.attribution(account, event, at, channel, value, '90 days', '7 days') AS s FROM big UNION ALL SELECT 'uuid', smarketing.attribution(md5(account::text)::uuid, event, at, channel, value, '90 days', '7 days') FROM big
    UNION ALL SELECT 'text', smarketing.attribution(CASE WHEN account < 1000 THEN repeat('long', 9) ELSE '' END || account, event, at, channel, value, '90 days', '7 days') FROM big) AS t;
SELECT is_empty($$SELECT model, channel, c.conversions, p.conversions, c.value, p.value FROM (SELECT c.* FROM big_summary, smarketing.credits(s, '{first,last,linear}') AS c WHERE what = 'bigint') AS c FULL JOIN plain AS p USING (model, channel)
    WHERE NOT (model = 'linear' AND channel = '(unattributed)') AND NOT coalesce(abs(c.conversions - p.conversions) <= 1e-9 * p.conversions AND abs(c.value - p.value) <= 0.001, false)$$, 'first, last and linear as by plain SQL');
SELECT is((SELECT count(*) FROM plain WHERE model = 'first' AND conversions > 0), 22::bigint, 'of 21 channels and what is not attributed');
SELECT is_empty($$SELECT a.what FROM big_summary AS a, big_summary AS b WHERE rows_of(a.s, models()) <> rows_of(b.s, models())$$, 'the same credits by three types of account');
SELECT is_empty(format($$SELECT what, model, sum(c.value), sum(c.conversions) FROM big_summary, smarketing.credits(s, models()) AS c GROUP BY what, model HAVING sum(c.value) <> %s OR abs(sum(c.conversions) - %s) > 1e-6$$, sum(value), count(*)), 'each model adds up') FROM big WHERE event = 'conversion';
SET work_mem = '64kB';
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT moved_out() AS before \gset
SELECT is(bytes(query), b, what || ', moved out at 64 kB') FROM expected;
-- Written at the end of this statement, as otherwise only once a second.
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT cmp_ok(moved_out() - :before, '>', 20000000::bigint, 'the server counts what was moved out');
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT matches(plan_of(query), 'Finalize.*Gather.*Partial', what || ' has a parallel plan') FROM expected;
SELECT is(bytes(query), b, what || ', moved out by workers') FROM expected;
SET work_mem = '512MB';
SELECT is(bytes(query), b, what || ', with workers in memory') FROM expected;
SET max_parallel_workers_per_gather = 0;
SELECT is(md5((SELECT smarketing.merge(f)::text FROM (SELECT smarketing.attribution(account, event, at, channel, value, '90 days', '7 days') AS f FROM big GROUP BY account % 97) AS t)), b, 'merged from parts') FROM expected WHERE what = 'all';
SELECT is(md5((SELECT smarketing.attribution(account, event, at, channel, value, '90 days', '7 days' ORDER BY at DESC, value)::text FROM big)), b, 'in another order of rows') FROM expected WHERE what = 'all';
CREATE TABLE by_account AS SELECT account % 50 AS part, smarketing.attribution(account, event, at, channel, value, '30 days', '7 days') AS f FROM big WHERE account < 5000 GROUP BY account % 50;
ANALYZE by_account;
SET max_parallel_workers_per_gather = 2;
SELECT matches(plan_of('SELECT smarketing.merge(f) FROM by_account'), 'Finalize.*Gather.*Partial', 'merge has a parallel plan');
SELECT is((SELECT smarketing.merge(f)::text FROM by_account), (SELECT smarketing.merge(f ORDER BY part DESC)::text FROM by_account), 'and gives the same');
SET max_parallel_workers_per_gather = 0; SET work_mem = '64kB'; SET enable_hashagg = off;
SELECT matches(plan_of(query), 'GroupAggregate', 'sorted groups') FROM expected WHERE query ~ 'GROUP BY';
SELECT is(bytes(query), b, what || ', in sorted groups') FROM expected WHERE query ~ 'GROUP BY';
RESET enable_hashagg; SET enable_sort = off; SET work_mem = '4MB';
CREATE TABLE hashed AS SELECT account % 2000 AS g, smarketing.attribution(account, event, at, channel, value, '30 days', '7 days')::text AS f FROM big GROUP BY 1;
SELECT matches(plan_of('SELECT account % 2000 AS g, smarketing.attribution(account, event, at, channel, value, ''30 days'', ''7 days'')::text AS f FROM big GROUP BY 1'), '^HashAggregate', 'many groups, hashed');
RESET enable_sort; SET enable_hashagg = off;
SELECT is_empty('(SELECT account % 2000 AS g, smarketing.attribution(account, event, at, channel, value, ''30 days'', ''7 days'')::text AS f FROM big GROUP BY 1) EXCEPT ALL TABLE hashed LIMIT 3', 'and sorted');
RESET work_mem; RESET enable_hashagg;
CREATE TABLE divided (LIKE big) PARTITION BY LIST (part);
SELECT format('CREATE TABLE divided_%s PARTITION OF divided FOR VALUES IN (%s)', n, n) FROM generate_series(0, 3) AS n \gexec
INSERT INTO divided SELECT * FROM big WHERE account < 5000;
ANALYZE divided;
SET enable_partitionwise_aggregate = on;
SELECT is((SELECT smarketing.attribution(account, event, at, channel, value, '30 days', '7 days')::text FROM divided), (SELECT smarketing.merge(f)::text FROM by_account), 'over partitions');
RESET ALL;
SET search_path = public, smarketing; SET TimeZone = 'UTC'; SET jit = off;

-- Bytes that are cut short or changed are refused, or they are a summary that is written as it was read, and has credits; none ends the server.
CREATE FUNCTION mutated(h text) RETURNS text VOLATILE LANGUAGE plpgsql AS $$ DECLARE p int; q int; k int; BEGIN
    FOR round IN 1 .. 1 + floor(random() * random() * 3)::int LOOP
        p := 1 + 2 * floor(random() * length(h) / 2)::int; q := 1 + 2 * floor(random() * length(h) / 2)::int; k := 2 * (1 + floor(random() * random() * 8)::int);
        h := CASE floor(random() * 12)::int WHEN 0 THEN left(h, p - 1) WHEN 1 THEN overlay(h PLACING repeat('f', k) FROM p) WHEN 2 THEN overlay(h PLACING repeat('0', k) FROM p) WHEN 3 THEN overlay(h PLACING '' FROM p FOR k) WHEN 4 THEN overlay(h PLACING substr(md5(random()::text), 1, k) FROM p FOR 0)
            WHEN 5 THEN overlay(h PLACING substr(h, q, k) FROM p) WHEN 6 THEN overlay(h PLACING substr(h, q, k) FROM p FOR 0) WHEN 7 THEN overlay(h PLACING '80' FROM p) WHEN 8 THEN overlay(h PLACING '01' FROM p) WHEN 9 THEN h || substr(h, q, k) ELSE overlay(h PLACING substr(md5(random()::text), 1, 2) FROM p) END;
    END LOOP; RETURN h; END $$;
CREATE TABLE seed AS SELECT row_number() OVER () - 1 AS n, s FROM found WHERE ds IN (-1, -2, -3, -6, -7, -12, -14, -15) OR ds IN (SELECT ds FROM found WHERE ds > 0 AND length(s::text) < 3000 ORDER BY ds LIMIT 8);
CREATE TABLE outcome (form text, bytes text, error text);
CREATE TEMP TABLE received (s smarketing.attribution_summary);
CREATE FUNCTION read_it(s smarketing.attribution_summary) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM rows_of(s, models()), (SELECT array_agg(p::text) FROM smarketing.paths(s) AS p), (SELECT array_agg(p::text) FROM smarketing.paths(s, 'null') AS p);
    RETURN CASE WHEN s::text::smarketing.attribution_summary::text = s::text THEN 'accepted' ELSE 'accepted, but is not written as it was read' END; EXCEPTION WHEN OTHERS THEN RETURN format('accepted, then %s %s', SQLSTATE, SQLERRM); END $$;
CREATE PROCEDURE mutate_text(tries int) LANGUAGE plpgsql AS $$ DECLARE t text; r text; BEGIN
    FOR i IN 1 .. tries LOOP
        SELECT CASE WHEN s::text ~ '^\\x' AND i % 50 > 0 THEN '\x' || mutated(substr(s::text, 3)) ELSE mutated(s::text) END INTO t FROM seed WHERE n = i % (SELECT count(*) FROM seed);
        BEGIN r := read_it(t::smarketing.attribution_summary); EXCEPTION WHEN OTHERS THEN r := SQLSTATE || ' ' || SQLERRM; END;
        INSERT INTO outcome VALUES ('text', t, r);
    END LOOP; END $$;
-- Each has a file of its own: to write one again may wait for the disk.
CREATE PROCEDURE mutate_binary(tries int, file text) LANGUAGE plpgsql AS $$ DECLARE b bytea; r text; o oid; BEGIN
    FOR i IN 1 .. tries LOOP
        SELECT decode(mutated(encode(smarketing.attribution_summary_send(s), 'hex')), 'hex') INTO b FROM seed WHERE n = i % (SELECT count(*) FROM seed);
        o := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || '\x00000000000000000001' || int4send(length(b)) || b || '\xffff'); PERFORM lo_export(o, file || i); PERFORM lo_unlink(o);
        BEGIN EXECUTE format('COPY received FROM %L (FORMAT binary)', file || i); SELECT read_it(s) INTO STRICT r FROM received; RAISE EXCEPTION '%', r;
        EXCEPTION WHEN raise_exception THEN r := SQLERRM; WHEN OTHERS THEN r := SQLSTATE || ' ' || SQLERRM; END;
        INSERT INTO outcome VALUES ('binary', b::text, r);
        IF i % 200 = 0 THEN COMMIT; TRUNCATE received; END IF;
    END LOOP; END $$;
SET statement_timeout = '120s';
CALL mutate_text(20000);
CALL mutate_binary(20000, :'file');
RESET statement_timeout;
SELECT diag(format('%s: %s x %s', form, count(*), e)) FROM (SELECT form, left(regexp_replace(error, '".*"', '""'), 60) AS e FROM outcome) AS o GROUP BY form, e ORDER BY form, count(*) DESC LIMIT 30;
SELECT is(count(*), 40000::bigint, format('%s of 40,000 mutations are read', count(*) FILTER (WHERE error = 'accepted'))) FROM outcome;
SELECT is_empty(format('SELECT left(bytes, 2000), error FROM outcome WHERE form = %L AND error !~ ''^(accepted$|22|54000|08P01)'' LIMIT 3', form), format('%s: what is read is written the same and has credits, the others are refused', form)) FROM unnest('{text,binary}'::text[]) AS form;

-- Names that are no texts make no summary; reading many long paths can be cancelled.
SELECT throws_ok(format('SELECT %L::smarketing.attribution_summary', replace(one, encode('name', 'hex'), bad)), '22P02') FROM (SELECT smarketing.attribution(1::bigint, event, '2026-01-01', 'name', 1, '1 day', '1 day')::text AS one FROM (VALUES ('touch'), ('conversion')) AS v (event)) AS s, (VALUES ('6e00006d'), ('ff61ff6d')) AS b (bad);
CREATE TEMP TABLE long_paths AS SELECT smarketing.attribution(account::bigint, event, '2026-01-01'::timestamptz + n * interval '1 second', 'c' || (n * account) % 7, 1, '30 days', '1 day') AS s
    FROM generate_series(1, 20) AS account, generate_series(1, 10000) AS n, LATERAL (SELECT CASE WHEN n % 200 = 0 THEN 'conversion' ELSE 'touch' END AS event) AS e;
CREATE FUNCTION stops(statement text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN false; EXCEPTION WHEN query_canceled THEN RETURN true; END $$;
SET statement_timeout = '20ms';
SELECT ok(stops($$SELECT count(*) FROM long_paths, smarketing.credits(s, array_fill('linear'::text, '{200}'))$$), 'credits can be cancelled');
SELECT ok(stops($$SELECT count(*) FROM long_paths, smarketing.paths(s)$$), 'and paths');
RESET statement_timeout;
SELECT * FROM finish();
