// Reads every view as a dashboard's role through the client driver, as Grafana and Metabase read. Prints a line a check:
// "ok" or "not ok", a tab, its name, and where it fails a tab and why. test/tap/reader.pl gives the arguments: the folder
// with the driver, the database, the role, and the views that there are to be, as JSON.
import { createRequire } from 'node:module';

const [folder, database, user, expectedJson] = process.argv.slice(2);
const { Client, types } = createRequire(folder + '/')('pg');
const expected = JSON.parse(expectedJson).sort();
const client = new Client({ host: process.env.PGHOST, port: +process.env.PGPORT, database, user });

// As texts: the driver's own numbers would hide what the server sent.
const asText = { getTypeParser: () => (value) => value };
const builtIn = { 16: 'boolean', 20: 'bigint', 23: 'integer', 25: 'text', 701: 'double precision', 1082: 'date', 1184: 'timestamptz', 1700: 'numeric' };
const known = ['boolean', 'bigint', 'integer', 'text', 'double precision', 'date', 'timestamp with time zone', 'numeric'];

function check(passed, name, why) {
  console.log([passed ? 'ok' : 'not ok', name, passed ? '' : String(why).replace(/\s+/g, ' ')].join('\t'));
}

async function rows(sql, values) {
  return (await client.query({ text: sql, values, types: asText })).rows;
}

async function fails(sql, code, name) {
  try {
    await client.query(sql);
    check(false, name, 'it runs');
  } catch (error) {
    check(error.code === code, name, `${error.code}: ${error.message}`);
  }
}

// Grafana's macros, which end at the first closing bracket.
const from = '2025-11-15T00:00:00Z';
const to = '2026-10-31T23:59:59Z';
const seconds = { '1d': 86400, '1w': 604800, '1M': 2592000 };
const macros = {
  __timeFilter: (c) => `${c} BETWEEN '${from}' AND '${to}'`,
  __timeGroupAlias: (c, i) => `${macros.__timeGroup(c, i)} AS "time"`,
  __timeGroup: (c, i) => `floor(extract(epoch from ${c})/${seconds[i.replace(/'/g, '')]})*${seconds[i.replace(/'/g, '')]}`,
  __timeEpoch: (c) => `extract(epoch from ${c}) as "time"`,
  __timeFrom: () => `'${from}'`,
  __timeTo: () => `'${to}'`,
  __time: (c) => `${c} AS "time"`,
};
const expand = (sql) => sql.replace(/\$(__\w+)\b\(([^)]*)\)/g, (_, name, given) => macros[name](...given.split(',').map((a) => a.trim())));

await client.connect();

// What the role sees: the views, by the catalogue that Grafana's editor reads.
const tables = await rows(`SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name, table_type
  FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'smarketing')`);
check(JSON.stringify(tables.map((t) => t.name).sort()) === JSON.stringify(expected), 'information_schema lists the views and nothing else',
  tables.map((t) => t.name));
check(tables.every((t) => t.table_type === 'VIEW'), 'all are views', JSON.stringify(tables));
await fails('SELECT count(*) FROM crm.contact', '42501', 'the CRM\'s tables are not readable');
await fails('SELECT count(*) FROM smarketing.spend_entry', '42501', 'nor is what was entered');
await fails(`SELECT smarketing.create_view('x', 'cost_per_lead')`, '42501', 'and nothing can be made');

// Metabase's synchronisation: relations with a privilege on any column, and their fields.
const relations = await rows(`SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, d.description
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON c.relnamespace = n.oid
       LEFT JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
  WHERE c.relkind IN ('r', 'p', 'v', 'f', 'm') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'smarketing')
    AND pg_catalog.has_schema_privilege(current_user, n.nspname, 'USAGE')
    AND (pg_catalog.has_table_privilege(current_user, c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(current_user, c.oid, 'SELECT'))`);
check(relations.filter((r) => r.kind === 'v').length === expected.length, 'Metabase finds the views', JSON.stringify(relations));
check(relations.every((r) => r.kind === 'v' || (r.kind === 'm' && /_parts$/.test(r.name))), 'and the parts of rollups', JSON.stringify(relations));
check(relations.every((r) => r.description), 'each with its description', JSON.stringify(relations));
const fields = await rows(`SELECT c.table_schema, c.table_name, c.column_name AS name, c.data_type,
    CASE WHEN c.udt_schema IN ('public', 'pg_catalog') THEN c.udt_name ELSE format('"%s"."%s"', c.udt_schema, c.udt_name) END AS database_type,
    pg_catalog.col_description(CAST(CAST(format('%I.%I', CAST(c.table_schema AS varchar), CAST(c.table_name AS varchar)) AS regclass) AS oid), CAST(c.ordinal_position AS integer)) AS comment
  FROM information_schema.columns c
  WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND (c.table_schema <> 'smarketing' OR c.table_name = 'rollups')`);
const odd = fields.filter((f) => !known.includes(f.data_type) || f.database_type.includes('"'));
check(odd.length === 0, `all ${fields.length} fields have built-in types`, JSON.stringify(odd.slice(0, 5)));
const silent = fields.filter((f) => !f.comment);
check(silent.length === 0, 'each with its description', JSON.stringify(silent.slice(0, 5)));

// Each view: rows, types on the wire, values.
for (const name of expected.concat('smarketing.rollups')) {
  const started = performance.now();
  const all = await client.query({ text: `SELECT * FROM ${name} LIMIT 10000`, types: asText });
  const milliseconds = performance.now() - started;
  check(all.rows.length > 0 && all.rows.length <= 5000, `${name} has a few thousand rows at most`, `${all.rows.length}`);
  const types = all.fields.filter((f) => !builtIn[f.dataTypeID]);
  check(types.length === 0, `${name} comes in built-in types`, JSON.stringify(types));
  const bad = all.rows.flatMap((r) => Object.entries(r)).filter(([, v]) => /^[+-]?(NaN|Infinity)$/i.test(v ?? ''));
  check(bad.length === 0, `${name} has no NaN and no Infinity`, JSON.stringify(bad.slice(0, 3)));
  check(milliseconds < 10000, `${name} comes in time`, `${milliseconds} ms`);
  if (name === 'smarketing.rollups')
    continue;
  const missing = all.rows.flatMap((r) => all.fields.filter((f) => f.dataTypeID === 25 && r[f.name] === null));
  check(missing.length === 0, `${name} has no missing dimension`, JSON.stringify(missing[0]));

  // Panels: a time series, a table, groups.
  const measure = all.fields.filter((f) => [20, 701, 1700].includes(f.dataTypeID))[0].name;
  const keys = all.fields.filter((f) => f.dataTypeID === 25).map((f) => `"${f.name}"`);
  const series = await client.query({ text: expand(`SELECT period_start AS "time"${keys.map((k) => ', ' + k).join('')}, "${measure}" FROM ${name} WHERE $__timeFilter(period_start) ORDER BY 1`), types: asText });
  const inRange = all.rows.filter((r) => r.period_start >= from.slice(0, 10) && r.period_start <= to.slice(0, 10));
  check(series.rows.length === inRange.length && inRange.length > 0, `${name} as a time series has the periods of the range`, `${series.rows.length} of ${inRange.length}`);
  check(series.fields[0].name === 'time' && series.fields[0].dataTypeID === 1082, `${name}'s time is a date`, series.fields[0].dataTypeID);
  check(series.rows.every((r, i) => i === 0 || series.rows[i - 1].time <= r.time), `${name} is in order of time`, 'not sorted');
  for (const panel of [
    `SELECT $__time(period_start), sum("${measure}") AS "${measure}" FROM ${name} WHERE period_start BETWEEN $__timeFrom()::date AND $__timeTo()::date GROUP BY 1 ORDER BY 1`,
    `SELECT $__timeEpoch(period_start), "${measure}" FROM ${name} WHERE $__timeFilter(period_start) ORDER BY 1`,
    `SELECT $__timeGroupAlias(period_start,'1M'), sum("${measure}") AS value FROM ${name} WHERE $__timeFilter(period_start) GROUP BY 1 ORDER BY 1`]) {
    try {
      const panelRows = await rows(expand(panel));
      check(panelRows.length > 0 && 'time' in panelRows[0], `${name}: ${panel.slice(7, 30)} runs`, 'no rows');
    } catch (error) {
      check(false, `${name}: ${panel.slice(7, 30)} runs`, error.message);
    }
  }
}

// Sums that a dashboard asks of a rollup.
const months = await rows(`SELECT period_start AS "time", value FROM smarketing.rollup_kpi('public.rollup_cost_per_lead', 'cost_per_lead', '2026-01-01', '2026-10-01', 'month')`);
check(months.length === 9 && months.every((m) => +m.value > 0), 'rollup_kpi gives months', JSON.stringify(months));
await client.end();
