// The same funnel in DuckDB and in ClickHouse (chdb), each with two threads and its own best storage: prints lines
// "name milliseconds answer". Arguments: a folder with event.csv (lead_id, channel, stage, microseconds), runs.
import { createRequire } from 'node:module';
import { rmSync } from 'node:fs';

const [folder, runs] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(`${folder}/`);
const { DuckDBInstance } = await import(require.resolve('@duckdb/node-api'));
const { Session } = require('chdb');

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const timed = async (run) => {
  const times = [];
  let answer;
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    answer = await run();
    if (i > 0) times.push(performance.now() - start); // the first one warms up
  }
  return [median(times).toFixed(0), answer];
};
const print = (name, [time, answer]) => console.log(`${name}\t${time}\t${answer}`);

const stages = "'lead', 'mql', 'sal', 'sql', 'opportunity', 'won'";
const duck = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
await duck.run(`CREATE TYPE stage AS ENUM (${stages})`);
await duck.run(`CREATE TABLE event AS SELECT lead_id, channel, stage::stage AS stage, make_timestamp(micros) AS moment
  FROM read_csv('${folder}/event.csv', header = false, columns = {lead_id: BIGINT, channel: VARCHAR, stage: VARCHAR, micros: BIGINT})`);
const times = ['mql', 'sal', 'sql', 'opportunity', 'won'].map((s, i) => `min(moment) FILTER (WHERE stage >= '${s}'::stage) AS t${i + 2}`).join(', ');
const within = [2, 3, 4, 5, 6].map((i) => `CASE WHEN t${i} <= t1 + INTERVAL 90 DAY THEN t${i} END AS t${i}`).join(', ');
const quantiles = [2, 3, 4, 5, 6].map((i) => `quantile_cont(epoch_us(t${i}) - epoch_us(t${i - 1}), [0.5, 0.9]) AS q${i}`).join(', ');
const duckFunnel = (by) => `WITH reached AS (SELECT lead_id, ${by ? 'any_value(channel) AS channel,' : ''} min(moment) AS t1, ${times} FROM event GROUP BY lead_id),
  w AS (SELECT ${by ? 'channel,' : ''} t1, ${within} FROM reached)
  SELECT count(*), count(t2), count(t3), count(t4), count(t5), count(t6), ${quantiles} ${by ? ', channel' : ''} FROM w ${by ? 'GROUP BY channel ORDER BY channel' : ''}`;
const duckCounts = async (sql) => (await duck.runAndReadAll(sql)).getRows().map((row) => row.slice(0, 6).join(',')).join(';');
print('DuckDB', await timed(() => duckCounts(duckFunnel(false))));
print('DuckDB by channel', await timed(() => duckCounts(duckFunnel(true))));
duck.closeSync();

// A table in the order of the leads, which is the best that windowFunnel can have.
rmSync(`${folder}/clickhouse`, { recursive: true, force: true });
const house = new Session(`${folder}/clickhouse`);
house.query('CREATE DATABASE bench ENGINE = Atomic');
house.query(`CREATE TABLE bench.event (lead_id UInt64, channel LowCardinality(String), stage LowCardinality(String), at UInt64) ENGINE = MergeTree ORDER BY (lead_id, at)`);
house.query(`INSERT INTO bench.event SELECT * FROM file('${folder}/event.csv', 'CSV', 'lead_id UInt64, channel String, stage String, at UInt64')`);
house.query('OPTIMIZE TABLE bench.event FINAL');
const steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'].map((s) => `stage = '${s}'`).join(', ');
const counts = [1, 2, 3, 4, 5, 6].map((i) => `countIf(depth >= ${i})`).join(', ');
const houseFunnel = (by) => `SELECT ${counts} FROM (SELECT ${by ? 'any(channel) AS channel,' : ''} windowFunnel(7776000000000)(at, ${steps}) AS depth
  FROM bench.event GROUP BY lead_id) ${by ? 'GROUP BY channel ORDER BY channel' : ''} SETTINGS max_threads = 2`;
const houseCounts = (sql) => house.query(sql, 'CSV').trim().split('\n').join(';');
print('ClickHouse', await timed(() => houseCounts(houseFunnel(false))));
print('ClickHouse by channel', await timed(() => houseCounts(houseFunnel(true))));
print('ClickHouse per lead', await timed(() => houseCounts(`SELECT depth, count() FROM (SELECT windowFunnel(7776000000000)(at, stage = 'lead', stage = 'mql', stage = 'sql', stage = 'won') AS depth
  FROM bench.event GROUP BY lead_id) GROUP BY depth ORDER BY depth SETTINGS max_threads = 2`)));
house.close?.();
process.exit(0);
