-- Touches (psql variable touches) of 0.3 times as many accounts over a year, each account with one at least and some with
-- hundreds; a tenth as many conversions, four of five within weeks of a touch, the others of any account at any time. 20
-- channels alike, which makes for the most paths. All from hashes of a number. The rows twice: one heap of events, and two of
-- touches and conversions, with the index that helps SQL by hand; all in the order of time.
SET work_mem = '1GB';
CREATE FUNCTION luck(n bigint, what bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(n, what) & 9007199254740991) / 9007199254740992.0::float8;
CREATE FUNCTION account_of(n bigint, accounts bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN n <= accounts THEN n ELSE 1 + floor(accounts * luck(n, 1) ^ 1.5::float8)::bigint END;
CREATE FUNCTION touched_at(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timestamptz '2025-01-01 00:00:00+00' + luck(n, 2) * interval '365 days';
CREATE TABLE touches AS
SELECT account_of(n, :touches * 3 / 10) AS account_id, touched_at(n) AS at,
    (ARRAY['affiliate', 'chat', 'direct', 'display', 'email', 'event', 'forum', 'google ads', 'linkedin', 'meta', 'organic search', 'outbound call',
        'partner', 'podcast', 'print', 'referral', 'review site', 'tv', 'webinar', 'youtube'])[1 + floor(20 * luck(n, 3))::int] AS channel
FROM generate_series(1::bigint, :touches) AS n ORDER BY at;
CREATE TABLE conversions AS
SELECT row_number() OVER (ORDER BY at) AS conversion_id, account_id, at, value
FROM (SELECT CASE WHEN n % 5 = 0 THEN 1 + floor(:touches * 3 / 10 * luck(n, 4))::bigint ELSE account_of(n * 10, :touches * 3 / 10) END AS account_id,
          touched_at(n * 10) + -20 * ln(1 - luck(n, 5)) * interval '1 day' AS at, (10 + 990 * luck(n, 6))::numeric(12, 2) AS value
      FROM generate_series(1::bigint, :touches / 10) AS n) AS c
ORDER BY at;
CREATE TABLE events AS
SELECT account_id, 'touch' AS event, at, channel, NULL::numeric(12, 2) AS value FROM touches
UNION ALL SELECT account_id, 'conversion', at, NULL, value FROM conversions
ORDER BY at;
CREATE INDEX ON touches (account_id, at) INCLUDE (channel);
VACUUM ANALYZE touches;
VACUUM ANALYZE conversions;
VACUUM ANALYZE events;
