# A bound and configured database survives pg_dump and psql with the same figures, also with a bound table dropped
# before the dump; a plain role reads every figure that its rights allow; DROP EXTENSION leaves nothing behind.
use strict;
use warnings;
use Test::More;

my $database = "smarketing_dump_$$";
my $role = "smarketing_reader_$$";

sub sql
{
	my ($name, $sql, $options) = @_;
	open(my $file, '>', 'statement.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `psql -XAtq -v VERBOSITY=verbose -v SHOW_CONTEXT=never -d $name @{[$options // '']} -f statement.sql 2>&1`;
	$output =~ s/^psql:statement\.sql:\d+: //mg;
	$output =~ s/^(CONTEXT|LOCATION|LINE|HINT|DETAIL):.*\n?//mg;
	chomp($output);
	return $output;
}

# A small Odoo, which a preset binds.
my $odoo = "$ENV{SMK_ROOT}/test/sample/odoo.sql";
my $preset_figures = q{
SELECT * FROM smarketing.opportunity_win_rate('2026-01-01', '2026-04-01', by => '{owner}');
SELECT * FROM smarketing.sales_qualified_leads('2026-01-01', '2026-04-01');
SELECT * FROM smarketing.revenue_evolution('2026-01-01', '2026-04-01');
SELECT entity, column_name, expression, problem FROM smarketing.bindings ORDER BY 1, 2;
SELECT label, pipeline, stage FROM smarketing.stage_map ORDER BY 1, 2;
SELECT by_1, created FROM smarketing.opportunity_win_rate('2026-01-01', '2026-04-01', 'all', '{size}');
};
my $figures = q{
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', by => '{channel,region}');
SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2027-01-01', 'fiscal_quarter', options => '{"basis": "period"}');
SELECT * FROM smarketing.cost_per_opportunity('2026-01-01', '2026-04-01');
SELECT * FROM smarketing.opportunity_win_rate('2026-01-01', '2026-04-01', by => '{owner}');
SELECT * FROM smarketing.kpi('win_rate', '2026-01-01', '2026-04-01', 'all');
SELECT * FROM smarketing.customer_acquisition_cost('2026-01-01', '2026-04-01', by => '{owner}');
SELECT * FROM smarketing.revenue_evolution('2026-01-01', '2026-04-01');
SELECT * FROM smarketing.kpi_compare('cost_per_opportunity', '2026-02-01', '2026-04-01', options => '{"against": "previous"}');
SELECT * FROM smarketing.kpi_rows('cost_per_lead.leads', '2026-01-01', '2026-02-01');
SELECT smarketing.kpi_sql('cost_per_lead', '2026-01-01', '2026-04-01', by => '{channel}');
SELECT count(*) > 0 FROM smarketing.kpi_explain('cost_per_lead', '2026-01-01', '2026-04-01');
SELECT * FROM smarketing.response_times('2026-02-01', '2026-04-01', by => '{region}');
SELECT state, count(*), min(lead_id) FROM smarketing.sla_queue() GROUP BY 1;
SELECT count(*) FROM smarketing.metrics;
SELECT name, value FROM smarketing.settings ORDER BY name;
SELECT smarketing.business_hours('2026-03-28 00:00+01', '2026-04-08 00:00+02', 'support'), smarketing.add_business_hours('2026-03-28 00:00+01', 40, 'support') AT TIME ZONE 'UTC';
SELECT entity, column_name, expression, problem FROM smarketing.bindings ORDER BY 1, 2;
SELECT lead_id, score, stage, crossed_at AT TIME ZONE 'UTC' FROM smarketing.lead_scores('2026-03-01 00:00+01') WHERE score > 0 ORDER BY lead_id;
SELECT * FROM smarketing.score_rule, smarketing.score_threshold;
};

# What was made of the figures, and whether it can still be refreshed.
my $stored = q{
SELECT * FROM reports.leads ORDER BY 1, 3;
SELECT * FROM reports."won by rep" ORDER BY 1, 3;
SELECT * FROM smarketing.rollup_kpi('reports."won by rep"', 'win_rate', '2026-02-01', '2026-04-01', 'month');
SELECT rule, lead_id, triggered_at AT TIME ZONE 'UTC', due_at AT TIME ZONE 'UTC', detected_at AT TIME ZONE 'UTC', acknowledged_at FROM smarketing.breach_log ORDER BY lead_id;
SELECT smarketing.notify_breaches();
SELECT name, kpi, period, by, row_count, bytes > 0, last_error FROM smarketing.rollups;
SELECT buckets, row_count FROM smarketing.refresh_rollup('reports."won by rep"');
SELECT table_name, obj_description(format('%I.%I', table_schema, table_name)::regclass), column_name, col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position)
FROM information_schema.columns WHERE table_schema = 'reports' ORDER BY 1, 3;
};

sql('postgres', "CREATE DATABASE $database; ALTER DATABASE $database SET timezone = 'Europe/Paris'; CREATE ROLE $role;");
is(sql($database, q{
CREATE EXTENSION smarketing;
CREATE SCHEMA crm;
CREATE TABLE crm.person (id int PRIMARY KEY, born timestamptz, source text, status text, place text);
CREATE TABLE crm.deal (id int PRIMARY KEY, person int, opened timestamptz, closed timestamptz, won boolean, value numeric, rep text);
CREATE TABLE crm.doing (person int, kind text, at timestamptz);
CREATE TABLE crm.gone (at date, amount numeric);
-- The last hour of January in UTC is February in Paris.
INSERT INTO crm.person SELECT n, timestamptz '2026-01-31 23:30+00' + n * interval '7 hours', (ARRAY['google / cpc', 'O''Brien', NULL])[1 + n % 3],
    (ARRAY['Neu', 'Heiß', 'Kunde'])[1 + n % 3], (ARRAY['Nord', 'Süd'])[1 + n % 2] FROM generate_series(0, 99) n;
INSERT INTO crm.deal SELECT n, n, timestamptz '2026-01-20 12:00+00' + n * interval '1 day', timestamptz '2026-02-20 12:00+00' + n * interval '1 day',
    n % 3 = 0, n * 10.5, 'rep ' || n % 2 FROM generate_series(0, 30) n;
SELECT smarketing.bind('lead', 'crm.person', '{"lead_id": "id", "created_at": "born", "channel": "source", "stage": "status"}');
SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "lead_id": "person", "created_at": "opened", "closed_at": "closed", "amount": "value", "owner": "rep"}');
INSERT INTO crm.doing SELECT n % 10, 'call', timestamptz '2026-02-10 12:00+00' + n * interval '1 day' FROM generate_series(0, 29) n;
SELECT smarketing.bind('activity', 'crm.doing', '{"lead_id": "person"}');
SELECT smarketing.define_score('it''s a call', 'call', 30, '14 days 12:00');
SELECT smarketing.qualify_at_score(45.5, 'sal', 'lead');
SELECT smarketing.bind('spend', 'crm.gone');
SELECT smarketing.unbind('spend');
SELECT smarketing.bind('touch', 'crm.gone', '{"channel": "''x''", "lead_id": "1"}');
INSERT INTO crm.doing SELECT n, 'demo', timestamptz '2026-02-02 12:00+00' + n * interval '11 hours' FROM generate_series(0, 99) n;
SELECT smarketing.define_calendar('Büro', 'Europe/Paris', '{"mon": ["09:00-18:00"], "tue": ["09:00-12:30", "14:00-18:00"], "thu": ["09:00-18:00"]}', '{2026-02-09}');
SELECT smarketing.define_sla('Demo ''1''', 'demo', 'call', '10 hours', 'Büro', '{"warn_at": 0.5}');
SELECT smarketing.define_dimension('region', '{"lead": "place"}', 'Region');
SELECT smarketing.map_value('channel', 'google / cpc', 'Google Ads');
SELECT smarketing.define_calendar('support', 'Europe/Paris', '{"sun": ["00:30-03:30"], "mon": ["09:00-12:30", "14:00-18:00"]}', '{2026-04-06}');
SELECT smarketing.map_stage('Heiß', 'sql'), smarketing.map_stage('Kunde', 'won');
SELECT smarketing.configure('fiscal_year_start', '2'), smarketing.configure('spend_without_dimension', 'none'),
    smarketing.configure('currency', 'EUR'), smarketing.configure('gross_margin', '0.7'), smarketing.configure('customer_basis', 'opportunity'), smarketing.configure('on_missing_rate', 'null');
INSERT INTO smarketing.goal_entry (metric, starts_on, period, value) VALUES ('revenue', '2026-02-01', 'month', 500);
INSERT INTO smarketing.exchange_rate_entry VALUES ('USD', '2026-01-15', 0.9), ('GBP', '2026-01-15', 1.2);
INSERT INTO smarketing.spend_entry (at, ends_at, amount, currency, channel) VALUES ('2026-02-01', NULL, 100.10, NULL, 'Google Ads'), ('2026-03-01', '2026-05-01', 7, 'usd', 'O''Brien');
} . "GRANT USAGE ON SCHEMA crm TO $role; GRANT SELECT ON crm.person, crm.deal, crm.doing, smarketing.spend_entry, smarketing.exchange_rate_entry, smarketing.goal_entry TO $role;") =~ s/[|\n]//gr,
	'', 'a database is bound and configured');
like(sql($database, 'SELECT smarketing.notify_breaches()'), qr/^[1-9]\d$/, 'breaches are logged');
is(sql($database, q{CREATE SCHEMA reports; SELECT smarketing.create_view('reports.leads', 'cost_per_lead', by => '{channel}', last => NULL);
	SELECT smarketing.create_rollup('reports."won by rep"', 'opportunity_win_rate', 'day', '{owner}')}), qq(reports.leads\nreports."won by rep"), 'a view and a rollup are made');
# Which leads a statement asks for depends on the statistics, which autovacuum may gather at any moment: have them.
sql($database, 'ANALYZE');
my $before = sql($database, $figures);
like($before, qr/^2026-02-01\|f\|Google Ads\|Nord/m, 'it gives figures, by the names given');
unlike($before, qr/ERROR/, 'and no error');
like($before, qr/^12\.5\|/m, 'and open hours');
like($before, qr/^it's a call\|call\|30\|14 days 12:00:00\|sal\|45.5\|lead$/m, 'scores are configured');
like($before, qr/^0\|32\.4\d+\|won\|2026-02-20 12:00:00$/m, 'and given');
like($before, qr/^time_zone\|Europe\/Paris$/m, 'the time zone of the database was recorded');

# A role with SELECT on the CRM's tables runs every reading function.
is(sql($database, "SET ROLE $role; $figures"), $before, 'a plain role reads the same');
is(sql($database, "REVOKE SELECT ON smarketing.spend_entry FROM $role; SET ROLE $role; SELECT * FROM smarketing.cost_per_opportunity()"),
	'ERROR:  42501: permission denied for table spend_entry', 'entered spend needs a grant');
like($before, qr/^currency\|EUR$/m, 'the currency is configured');
is(sql($database, "REVOKE SELECT ON crm.deal FROM $role; SET ROLE $role; SELECT * FROM smarketing.opportunity_win_rate()"),
	'ERROR:  42501: permission denied for table deal', 'a table needs one too');
foreach my $call ("bind('lead', 'crm.person')", "unbind('lead')", "configure('time_zone', 'UTC')", "define_dimension('x', '{}')",
	"define_calendar('support', 'UTC', '{}')", "map_stage('x', 'won')", "map_value('channel', 'x', 'y')", "define_score('x', 'call', 5)", "qualify_at_score(5)",
	"define_sla('x', 'demo', 'call', '1 hour')", "drop_sla('x')", "notify_breaches()")
{
	like(sql($database, "SET ROLE $role; SELECT smarketing.$call"), qr/^ERROR:  42501: permission denied for function/,
		"PUBLIC may not $call");
}
like(sql($database, "SET ROLE $role; UPDATE smarketing.setting SET value = 'UTC'"), qr/^ERROR:  42501/, 'nor write the tables');
is(sql($database, "GRANT SELECT ON crm.deal, smarketing.spend_entry TO $role; ALTER TABLE crm.deal ENABLE ROW LEVEL SECURITY; " .
	"CREATE POLICY mine ON crm.deal TO $role USING (rep = 'rep 1'); SET ROLE $role; " .
	"SELECT by_1, created FROM smarketing.opportunity_win_rate('2026-01-01', '2027-01-01', 'all', '{owner}')"),
	'rep 1|15', 'row-level security of the caller holds');
sql($database, "DROP POLICY mine ON crm.deal; ALTER TABLE crm.deal DISABLE ROW LEVEL SECURITY");

# Dump and restore, twice; a bound table is dropped before.
sql($database, 'DROP TABLE crm.gone');
my $was = sql($database, $stored);
like($was, qr/^reports\."won by rep"\|opportunity_win_rate\|day\|owner/m, 'the rollup is told of');
unlike($was, qr/ERROR/, 'and can be refreshed');
$before = sql($database, $figures);
like($before, qr/relation crm\.gone does not exist/, 'bindings tells of the dropped table');
my $from = $database;
foreach my $copy ("${database}_a", "${database}_b")
{
	sql('postgres', "CREATE DATABASE $copy");
	my $errors = `pg_dump $from > dump.sql && psql -XqAt -v ON_ERROR_STOP=1 -d $copy -f dump.sql 2>&1 >/dev/null`;
	is($errors, '', "$copy is restored");
	sql($copy, 'ANALYZE');
	is(sql($copy, $figures), $before, 'with the same figures');
	is(sql($copy, $stored), $was, 'and the same views and rollups, that can be refreshed');
	$from = $copy;
}
is(sql($from, "INSERT INTO smarketing.spend_entry (at, amount) VALUES ('2026-01-01', 1) RETURNING spend_id"), '3', 'the sequence goes on');

# Also by several jobs, and with the tables loaded in the opposite order: rows come before those that they name.
my $rows = q{SELECT entity, column_name FROM smarketing.binding_column ORDER BY 1, 2; SELECT dimension, entity FROM smarketing.dimension_column ORDER BY 1, 2; SELECT name, calendar FROM smarketing.sla_rule ORDER BY 1};
my $all = sql($from, $rows);
my $now = sql($from, $figures);
like($all, qr/^activity\|.*^region\|lead\n.*^Demo '1'\|Büro\z/ms, 'columns, dimensions and rules');
is(system("rm -rf dump.dir && pg_dump -Fd -f dump.dir $from && pg_restore -l dump.dir > dump.toc"), 0, 'a dump as a directory');
sql('postgres', "CREATE DATABASE ${database}_j");
is(`pg_restore -j 2 -d ${database}_j dump.dir 2>&1`, '', 'is restored by two jobs');
is(sql("${database}_j", $rows), $all, '... with all of its rows');
sql("${database}_j", 'ANALYZE');
is(sql("${database}_j", $figures), $now, '... and the same figures');
open(my $toc, '<', 'dump.toc') or die $!;
my @data = grep { / TABLE DATA smarketing / } <$toc>;
open(my $reversed, '>', 'dump.reversed') or die $!;
print $reversed reverse @data;
close($reversed);
sql('postgres', "CREATE DATABASE ${database}_r");
is(`pg_restore --section=pre-data -d ${database}_r dump.dir 2>&1 && pg_restore --section=data -L dump.reversed -d ${database}_r dump.dir 2>&1`, '', 'in the opposite order');
is(sql("${database}_r", $rows), $all, '... with all of its rows');
like(sql("${database}_r", q{INSERT INTO smarketing.binding_column VALUES ('nothing', 'a', 'b', 'text')}), qr/^ERROR:  23503: entity of smarketing\.binding_column names "nothing", which smarketing\.binding does not have$/m, 'what names nothing is refused');
like(sql("${database}_r", q{UPDATE smarketing.sla_rule SET calendar = 'nothing'}), qr/^ERROR:  23503: /m, '... of each table');
is(sql("${database}_r", q{SELECT smarketing.unbind('lead'), smarketing.define_dimension('region', NULL); SELECT count(*) FROM smarketing.binding_column WHERE entity = 'lead' UNION ALL SELECT count(*) FROM smarketing.dimension_column}), "|\n0\n0", 'and columns go with what they are of');
sql('postgres', "DROP DATABASE $_") foreach ("${database}_j", "${database}_r");

# What a preset binds is dumped as well, though it depends on none of the CRM's tables.
my $bound = "${database}_odoo";
sql('postgres', "CREATE DATABASE $bound");
is(sql($bound, "\\i $odoo", '-v schema=odoo -v version=17'), '', 'a small Odoo');
is(sql($bound, q{SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT count(*) FROM smarketing.use_preset('odoo', 'odoo') WHERE source IS NOT NULL;
SELECT smarketing.define_dimension('size', $${"opportunity": "CASE WHEN opportunity.expected_revenue > 100 THEN 'large' ELSE 'small' END"}$$) \gset
SELECT count(*) FROM pg_depend WHERE refobjid = 'odoo.crm_lead'::regclass AND classid = 'pg_rewrite'::regclass}), "7\n0", 'bound by a preset, on which no view depends');
$before = sql($bound, $preset_figures);
unlike($before, qr/ERROR/, 'gives figures');
sql('postgres', "CREATE DATABASE ${bound}_a");
is(`pg_dump $bound > dump.sql && psql -XqAt -v ON_ERROR_STOP=1 -d ${bound}_a -f dump.sql 2>&1 >/dev/null`, '', 'and is restored');
is(sql("${bound}_a", $preset_figures), $before, 'with the same figures');
sql('postgres', "DROP DATABASE $_") foreach ($bound, "${bound}_a");

# DROP EXTENSION leaves nothing behind, and takes nothing else along.
my $left = q{SELECT count(*) FROM pg_depend WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'smarketing')
	UNION ALL SELECT count(*) FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IS NULL OR nspname = 'smarketing'
	UNION ALL SELECT count(*) FROM pg_proc p LEFT JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IS NULL OR nspname = 'smarketing'
	UNION ALL SELECT count(*) FROM pg_type t LEFT JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname IS NULL OR nspname = 'smarketing'
	UNION ALL SELECT count(*) FROM pg_operator o LEFT JOIN pg_namespace n ON n.oid = oprnamespace WHERE nspname IS NULL OR nspname = 'smarketing'
	UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'smarketing'
	UNION ALL SELECT count(*) FROM pg_class WHERE relnamespace = 'reports'::regnamespace};
like(sql($from, "CREATE VIEW mine AS SELECT * FROM smarketing.cost_per_lead(); DROP EXTENSION smarketing"), qr/^ERROR:  2BP01/,
	'a view of the user\'s keeps the extension');
is(sql($from, "SET client_min_messages = warning; DROP EXTENSION smarketing CASCADE; $left"), "0\n0\n0\n0\n0\n0\n0", 'DROP EXTENSION leaves nothing');
is(sql($from, 'SELECT count(*) FROM crm.person'), '100', 'the CRM is as it was');
sql('postgres', "DROP DATABASE $_") foreach ($database, "${database}_a", "${database}_b");
sql('postgres', "DROP ROLE $role");
done_testing();
