-- Five models by hand in one statement, in floating point (run makes the same in decimals of it); what no touch led to is what the
-- touches leave. OFFSET 0, so that the workers work out the weights, and once. DuckDB reads the same text.
WITH path AS (
    SELECT value, channel, row_number() OVER way AS place, count(*) OVER whole AS touches, weight, sum(weight) OVER whole AS weights
    FROM (SELECT c.conversion_id, c.value::float8 AS value, t.channel, t.at, exp(ln(0.5) * date_part('epoch', c.at - t.at) / 604800) AS weight
          FROM conversions AS c JOIN touches AS t ON t.account_id = c.account_id AND t.at BETWEEN c.at - interval '90 days' AND c.at
          OFFSET 0) AS touched
    WINDOW whole AS (PARTITION BY conversion_id), way AS (PARTITION BY conversion_id ORDER BY touched.at)
), share AS (
    SELECT channel, value, place = 1 AS is_first, place = touches AS is_last, 1.0::float8 / touches AS linear, weight / weights AS time_decay,
        CASE WHEN touches = 1 THEN 1 WHEN touches = 2 THEN 0.5 WHEN place IN (1, touches) THEN 0.4 ELSE 0.2::float8 / (touches - 2) END AS position
    FROM path
), credit AS (
    SELECT channel,
        count(*) FILTER (WHERE is_first) AS first, sum(value) FILTER (WHERE is_first) AS first_value,
        count(*) FILTER (WHERE is_last) AS last, sum(value) FILTER (WHERE is_last) AS last_value,
        sum(linear) AS linear, sum(value * linear) AS linear_value,
        sum(time_decay) AS time_decay, sum(value * time_decay) AS time_decay_value,
        sum(position) AS position, sum(value * position) AS position_value
    FROM share GROUP BY channel
)
SELECT * FROM credit
UNION ALL
SELECT '(unattributed)', n, v, n, v, n, v, n, v, n, v
FROM (SELECT count(*) - (SELECT sum(first) FROM credit) AS n, sum(value)::float8 - (SELECT sum(first_value) FROM credit) AS v FROM conversions) AS rest
ORDER BY 1
