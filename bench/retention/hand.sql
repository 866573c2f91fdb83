-- Movements and cohorts by hand: the answer of both in one statement.
WITH month AS MATERIALIZED (
    SELECT customer_id, period, amount,
        lag(period) OVER course AS before, lag(amount) OVER course AS amount_before, lead(period) OVER course AS after,
        first_value(period) OVER course AS cohort
    FROM (SELECT customer_id, date_trunc('month', at AT TIME ZONE 'UTC') AS period, sum(amount) AS amount FROM orders GROUP BY 1, 2) AS m
    WINDOW course AS (PARTITION BY customer_id ORDER BY period)
), moved AS (
    SELECT period, CASE WHEN before IS NULL THEN 'new' WHEN before < period - interval '1 month' THEN 'reactivation' WHEN amount < amount_before THEN 'contraction' ELSE 'expansion' END AS movement,
        CASE WHEN before = period - interval '1 month' THEN amount - amount_before ELSE amount END AS amount
    FROM month WHERE before IS DISTINCT FROM period - interval '1 month' OR amount <> amount_before
    UNION ALL
    SELECT period + interval '1 month', 'churn', -amount FROM month WHERE after IS DISTINCT FROM period + interval '1 month' AND period < (SELECT max(period) FROM month)
)
SELECT period::date AS period, movement, 0 AS age, count(*) AS customers, sum(amount) AS amount FROM moved GROUP BY 1, 2
UNION ALL
SELECT cohort::date, 'cohort', (extract(year FROM period) * 12 + extract(month FROM period) - extract(year FROM cohort) * 12 - extract(month FROM cohort))::int, count(*), sum(amount) FROM month GROUP BY 1, 3
ORDER BY 2, 1, 3
