-- Orders (psql variable orders) of a tenth as many customers over four years, in the order of time. Customers come
-- all along, stay for a while, pause, and mostly buy once a month or two.
SELECT setseed(0.5) \g /dev/null
CREATE TABLE orders AS
SELECT customer_id, at, amount
FROM (SELECT n % (:orders / 10) AS customer_id,
          timestamptz '2022-01-01 00:00:00+00' + (c.starts + random() * c.stays) * interval '1 day' AS at,
          (5 + random() * 200)::numeric(10, 2) AS amount
      FROM generate_series(1::bigint, :orders) AS n,
          LATERAL (SELECT abs(hashint8(n % (:orders / 10))::bigint) % 1100 AS starts,
                       30 + abs(hashint8(n % (:orders / 10) + 7)::bigint) % 330 AS stays) AS c) AS o
ORDER BY at;
ANALYZE orders;
