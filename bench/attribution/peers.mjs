// SQL by hand in DuckDB, two threads: the milliseconds of x.sql go to x.time, its rows to x.rows. Arguments: a folder with
// touches.csv (account_id, microseconds, channel), conversions.csv (conversion_id, account_id, microseconds, value) and x.sql;
// runs; x, as many as there are.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, runs, names] = [process.argv[2], Number(process.argv[3]), process.argv.slice(4)];
const require = createRequire(`${folder}/`);
const { DuckDBInstance } = await import(require.resolve('@duckdb/node-api'));
const duck = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
await duck.run(`CREATE TABLE touches AS SELECT account_id, make_timestamp(micros) AS at, channel
  FROM read_csv('${folder}/touches.csv', header = false, columns = {account_id: BIGINT, micros: BIGINT, channel: 'VARCHAR'})`);
await duck.run(`CREATE TABLE conversions AS SELECT conversion_id, account_id, make_timestamp(micros) AS at, value
  FROM read_csv('${folder}/conversions.csv', header = false,
    columns = {conversion_id: BIGINT, account_id: BIGINT, micros: BIGINT, value: 'DECIMAL(12, 2)'})`);
for (const name of names) {
  const sql = readFileSync(`${folder}/${name}.sql`, 'utf8');
  const times = [];
  let answer;
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    answer = (await duck.runAndReadAll(sql)).getRowsJson();
    if (i > 0) times.push(performance.now() - start); // the first one warms up
  }
  writeFileSync(`${folder}/${name}.time`, times.sort((a, b) => a - b)[Math.floor(times.length / 2)].toFixed(0));
  writeFileSync(`${folder}/${name}.rows`, answer.map((row) => row.join('\t') + '\n').join(''));
}
process.exit(0);
