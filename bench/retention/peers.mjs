// Movements and cohorts in DuckDB, two threads: prints "milliseconds answer". Arguments: a folder with orders.csv
// (customer_id, microseconds, amount), runs.
import { createRequire } from 'node:module';

const [folder, runs] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(`${folder}/`);
const { DuckDBInstance } = await import(require.resolve('@duckdb/node-api'));
const duck = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
await duck.run(`CREATE TABLE orders AS SELECT customer_id, make_timestamp(micros) AS moment, amount
  FROM read_csv('${folder}/orders.csv', header = false, columns = {customer_id: BIGINT, micros: BIGINT, amount: 'DECIMAL(10, 2)'})`);
const sql = `WITH month AS MATERIALIZED (
    SELECT customer_id, period, amount, lag(period) OVER course AS before, lag(amount) OVER course AS amount_before,
      lead(period) OVER course AS after, first_value(period) OVER course AS cohort
    FROM (SELECT customer_id, date_trunc('month', moment)::date AS period, sum(amount) AS amount FROM orders GROUP BY 1, 2) AS m
    WINDOW course AS (PARTITION BY customer_id ORDER BY period)
  ), moved AS (
    SELECT period, CASE WHEN before IS NULL THEN 'new' WHEN before < period - INTERVAL 1 MONTH THEN 'reactivation' WHEN amount < amount_before THEN 'contraction' ELSE 'expansion' END AS movement,
      CASE WHEN before = period - INTERVAL 1 MONTH THEN amount - amount_before ELSE amount END AS amount
    FROM month WHERE before IS DISTINCT FROM (period - INTERVAL 1 MONTH) OR amount <> amount_before
    UNION ALL
    SELECT (period + INTERVAL 1 MONTH)::date, 'churn', -amount FROM month WHERE after IS DISTINCT FROM (period + INTERVAL 1 MONTH) AND period < (SELECT max(period) FROM month)
  )
  SELECT period::date AS p, movement AS m, 0 AS age, count(*) AS n, sum(amount) AS a FROM moved GROUP BY 1, 2
  UNION ALL
  SELECT cohort::date, 'cohort', date_diff('month', cohort, period)::int, count(*), sum(amount) FROM month GROUP BY 1, 3
  ORDER BY 2, 1, 3`;
const times = [];
let answer;
for (let i = 0; i <= runs; i++) {
  const start = performance.now();
  const rows = (await duck.runAndReadAll(sql)).getRowsJson();
  if (i > 0) times.push(performance.now() - start); // the first one warms up
  answer = rows.map((row) => row.join(',')).join(';');
}
console.log(`${times.sort((a, b) => a - b)[Math.floor(times.length / 2)].toFixed(0)}\t${answer}`);
process.exit(0);
