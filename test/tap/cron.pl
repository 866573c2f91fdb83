# On a cluster with pg_cron: schedule_rollups makes one job, the job's background worker refreshes the rollups, in pg_cron's
# own time zone with the figures of any other; the schedule can be replaced and taken away. Without it: what the hints say.
use strict;
use warnings;
use Cwd;
use Test::More;

my $data = getcwd() . '/cron';
my $port = $ENV{PGPORT} + 2;

sub sql
{
	my ($database, $sql, $options) = @_;
	open(my $file, '>', 'cron.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `PGOPTIONS="@{[$options // '']}" psql -XAtq -p $port -d '$database' -v SHOW_CONTEXT=never -f cron.sql 2>&1`;
	$output =~ s/^psql:cron\.sql:\d+: //mg;
	chomp($output);
	return $output;
}

is(system("initdb -D $data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1"), 0, 'a cluster is made');
open(my $conf, '>>', "$data/postgresql.conf") or die $!;
print $conf "port = $port\nlisten_addresses = ''\nunix_socket_directories = '$ENV{PGHOST}'\nfsync = off\ntimezone = 'Asia/Tokyo'\n",
	"shared_preload_libraries = 'pg_cron'\ncron.database_name = 'crm'\ncron.use_background_workers = on\nmax_worker_processes = 20\n";
close($conf);
is(system("pg_ctl -D $data -l cron.log -w start >/dev/null 2>&1"), 0, 'it starts with pg_cron') or diag(`cat cron.log`);
sql('postgres', 'CREATE DATABASE crm');
sql('postgres', 'CREATE DATABASE "other one"');
like(sql('other one', q{CREATE EXTENSION smarketing; SELECT smarketing.schedule_rollups('0 3 * * *')}),
	qr/^ERROR:  pg_cron is not in this database, but in "crm"\nHINT:  Connect to "crm" and run: SELECT cron\.schedule_in_database\('smarketing.refresh_rollups of other one', '0 3 \* \* \*', 'CALL smarketing.refresh_rollups\(\)', 'other one'\);$/,
	'in another database the hint says how');
like(sql('other one', 'SELECT smarketing.schedule_rollups(NULL)'), qr/and run: SELECT cron\.unschedule\('smarketing.refresh_rollups of other one'\);$/, 'and how the job is taken away');
is(sql('crm', q{
CREATE EXTENSION smarketing;
CREATE TABLE person (lead_id int PRIMARY KEY, created_at timestamptz, channel text, stage text);
INSERT INTO person SELECT n, now() - n * interval '5 hours', (ARRAY['Ads', 'Fairs', NULL])[1 + n % 3], (ARRAY['lead', 'mql', 'won'])[1 + n % 3] FROM generate_series(1, 500) n;
SELECT smarketing.bind('lead', 'person');
SELECT smarketing.create_rollup('funnel', 'sales_qualified_leads', 'day', '{channel}');
SELECT smarketing.create_rollup('cost', 'cost_per_lead', 'month');
}) =~ s/[|\n]//gr, 'funnelcost', 'two rollups are made');
is(sql('crm', "SELECT smarketing.schedule_rollups('0 3 * * *')"), qq(ERROR:  extension "pg_cron" is not installed\nHINT:  CREATE EXTENSION pg_cron, as a superuser.), 'before CREATE EXTENSION');
is(sql('crm', 'CREATE EXTENSION pg_cron; SELECT smarketing.schedule_rollups(NULL) IS NULL, (SELECT count(next_run) FROM smarketing.rollups)'), 't|0', 'nothing is scheduled');
like(sql('crm', "SELECT smarketing.schedule_rollups('every night')"), qr/^ERROR:  invalid schedule/, 'a schedule that is none');
like(sql('crm', "SELECT smarketing.schedule_rollups('0 3 * * *')"), qr/^\d+$/, 'a job is scheduled');
is(sql('crm', q{SELECT DISTINCT next_run = date_trunc('day', now() AT TIME ZONE 'GMT' - interval '3 hours') AT TIME ZONE 'GMT' + interval '27 hours' FROM smarketing.rollups}), 't', 'next_run is three o\'clock, GMT');
like(sql('crm', "SELECT smarketing.schedule_rollups('* * * * *')"), qr/^\d+$/, 'another schedule');
is(sql('crm', 'SELECT count(*), min(schedule), min(command), min(database) FROM cron.job'), '1|* * * * *|CALL smarketing.refresh_rollups()|crm', 'is that of the same job');
is(sql('crm', 'CREATE ROLE reader; SELECT smarketing.grant_read(\'reader\'); SET ROLE reader; SELECT count(*), count(next_run) FROM smarketing.rollups'), "\n2|0", 'who may not see the job sees no next run');
is(sql('crm', q{SELECT DISTINCT next_run - now() BETWEEN interval '0' AND interval '1 minute' FROM smarketing.rollups}), 't', 'it runs within a minute');

my $was = sql('crm', 'SELECT max(last_refresh) FROM smarketing.rollups');
sql('crm', "INSERT INTO person VALUES (0, now(), 'Mail', 'won')");
my $moved = '';
for (1 .. 900)
{
	$moved = sql('crm', "SELECT min(last_refresh) > '$was' FROM smarketing.rollups");
	last if $moved eq 't';
	select(undef, undef, undef, 0.1);
}
is($moved, 't', 'the worker refreshes both') or diag(sql('crm', 'SELECT * FROM cron.job_run_details'), `tail -20 cron.log`);
is(sql('crm', "SELECT leads, won FROM funnel WHERE channel = 'Mail'"), '1|1', 'with what came since');
# The run's own row is written when it is over.
my $status = '';
for (1 .. 50)
{
	$status = sql('crm', 'SELECT status FROM cron.job_run_details ORDER BY runid LIMIT 1');
	last if $status eq 'succeeded';
	select(undef, undef, undef, 0.1);
}
is($status, 'succeeded', 'pg_cron tells so');
is(sql('crm', 'SELECT smarketing.schedule_rollups(NULL) IS NULL; SELECT count(*) FROM cron.job'), "t\n0", 'the job is taken away');
my $figures = q{SELECT md5(string_agg(f::text, ',' ORDER BY f::text)) FROM funnel AS f};
my $by_cron = sql('crm', $figures);
sql('crm', "SELECT smarketing.refresh_rollup('funnel')", '-c timezone=America/Los_Angeles');
is(sql('crm', $figures), $by_cron, 'and its figures are those of a session in another time zone');
is(sql('crm', q{SET client_min_messages = warning; DROP EXTENSION smarketing CASCADE; SELECT count(*) FROM pg_class WHERE relkind = 'm'}), '0', 'DROP EXTENSION leaves nothing');
system("pg_ctl -D $data -m immediate stop >/dev/null 2>&1");
done_testing();
