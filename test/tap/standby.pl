# On a streaming hot standby every reading function runs, and gives what the primary gives.
use strict;
use warnings;
use Cwd;
use Test::More;

my $database = "smarketing_standby_$$";
my $data = getcwd() . "/standby";
my $port = $ENV{PGPORT} + 1;

sub sql
{
	my ($where, $sql) = @_;
	open(my $file, '>', 'standby.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `psql -XAtq $where -v ON_ERROR_STOP=1 -f standby.sql 2>&1`;
	chomp($output);
	return $output;
}

sql('-d postgres', "CREATE DATABASE $database");
unlike(sql("-d $database", q{
CREATE EXTENSION smarketing;
CREATE TABLE person (lead_id int PRIMARY KEY, created_at timestamptz, channel text, stage text);
CREATE TABLE deal (opportunity_id int PRIMARY KEY, lead_id int, created_at timestamptz, closed_at timestamptz, won boolean, amount numeric, owner text);
INSERT INTO person SELECT n, timestamptz '2026-01-01' + n * interval '5 hours', 'c' || n % 3, (ARRAY['lead', 'mql', 'won'])[1 + n % 3] FROM generate_series(1, 300) n;
INSERT INTO deal SELECT n, n, timestamptz '2026-01-02' + n * interval '1 day', timestamptz '2026-02-01' + n * interval '1 day', n % 2 = 0, n, 'r' || n % 4 FROM generate_series(1, 60) n;
SELECT smarketing.bind('lead', 'person'), smarketing.bind('opportunity', 'deal');
INSERT INTO smarketing.spend_entry (at, amount, channel) VALUES ('2026-01-10', 100, 'c1'), ('2026-02-10', 90, 'c2');
}), qr/ERROR/, 'the primary is bound');

is(system("pg_basebackup -D $data -R -c fast -X stream >basebackup.log 2>&1"), 0, 'a base backup is taken');
is(system("pg_ctl -D $data -o '-p $port' -l standby.log -w start >/dev/null 2>&1"), 0, 'the standby starts');
sql("-d $database", "INSERT INTO smarketing.spend_entry (at, amount, channel) VALUES ('2026-02-11', 1, 'c2')");
my $target = sql("-d $database", 'SELECT pg_current_wal_lsn()');
for (1 .. 100)
{
	last if sql("-p $port -d postgres", "SELECT pg_last_wal_replay_lsn() >= '$target'") eq 't';
	select(undef, undef, undef, 0.1);
}
is(sql("-p $port -d $database", 'SELECT pg_is_in_recovery()'), 't', 'it is a standby');
foreach my $call (
	"SELECT * FROM smarketing.cost_per_lead('2026-01-01', '2026-04-01', by => '{channel}')",
	"SELECT * FROM smarketing.cost_per_lead('2026-02-01', '2026-03-01', options => '{\"basis\": \"period\"}')",
	"SELECT * FROM smarketing.cost_per_opportunity('2026-01-01', '2026-04-01')",
	"SELECT * FROM smarketing.opportunity_win_rate('2026-01-01', '2026-04-01', 'week', '{owner}')",
	"SELECT * FROM smarketing.kpi('win_rate', '2026-01-01', '2026-04-01')",
	"SELECT * FROM smarketing.customer_acquisition_cost('2026-01-01', '2026-04-01')",
	"SELECT * FROM smarketing.revenue_evolution('2026-01-01', '2026-06-01', 'week')",
	"SELECT * FROM smarketing.kpi_compare('cost_per_lead', '2026-01-01', '2026-04-01', options => '{\"against\": \"previous\"}')",
	"SELECT * FROM smarketing.kpi_rows('customers', '2026-01-01', '2026-04-01')",
	"SELECT smarketing.kpi_sql('opportunity_win_rate', '2026-01-01', '2026-04-01')",
	"SELECT count(*) > 0 FROM smarketing.kpi_explain('cost_per_lead', '2026-01-01', '2026-04-01')",
	'SELECT * FROM smarketing.doctor()',
	"SELECT * FROM smarketing.unmatched_values('channel')",
	'SELECT * FROM smarketing.getting_started()',
	'SELECT * FROM smarketing.metrics',
	'SELECT * FROM smarketing.settings ORDER BY 1',
	'SELECT * FROM smarketing.bindings ORDER BY 1, 3',
	'SELECT * FROM smarketing.entity_catalogue()',
	"SELECT smarketing.cost_per(amount, 1), smarketing.win_rate(won) FROM deal")
{
	my $primary = sql("-d $database", $call);
	unlike($primary, qr/ERROR/, $call);
	is(sql("-p $port -d $database", $call), $primary, '... gives the same on the standby');
}
like(sql("-p $port -d $database", "SELECT smarketing.unbind('lead')"), qr/read-only transaction/, 'what configures is refused there');
like(sql("-d $database", "SET statement_timeout = 50; SELECT smarketing.bind('lead', 'person', filter => 'NOT EXISTS (SELECT FROM generate_series(1, 1000000000) g WHERE g + lead_id < 0)'); SELECT * FROM smarketing.cost_per_lead()"),
	qr/canceling statement due to statement timeout/, 'a call is cancelled');
system("pg_ctl -D $data -m immediate stop >/dev/null 2>&1");
sql('-d postgres', "DROP DATABASE $database");
done_testing();
