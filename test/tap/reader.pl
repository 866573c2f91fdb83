# A role that has nothing but grant_read reads every view and rollup through a client driver (npm pg), as Grafana and
# Metabase do: test/reader/read.mjs says what is asked of them.
use strict;
use warnings;
use Cwd;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";
my $database = "smarketing_reader_$$";
my $role = "smarketing_dashboard_$$";
my $driver = getcwd() . '/driver';

mkdir($driver);
system("cp $root/test/reader/package.json $driver/ && HOME=$driver npm install --prefix $driver --silent --no-audit --no-fund >npm.log 2>&1") == 0
	or plan(skip_all => 'the driver cannot be installed: npm install fails');

sub sql
{
	my ($sql) = @_;
	open(my $file, '>', 'reader.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `psql -XAtq -v ON_ERROR_STOP=1 -d $database -f reader.sql 2>&1`;
	is($?, 0, 'the database is made ready') or diag($output);
	return $output;
}

system("createdb $database") == 0 or die 'createdb';
system("psql -Xq -v ON_ERROR_STOP=1 -v scale=0.2 -d $database -o /dev/null -f $root/test/sample/crm.sql 2>/dev/null") == 0 or die 'crm.sql';
sql('CREATE EXTENSION smarketing;');
system("psql -Xq -v ON_ERROR_STOP=1 -d $database -o /dev/null -f $root/test/sample/bind.sql") == 0 or die 'bind.sql';
sql(qq{
CREATE ROLE $role LOGIN;
CREATE SCHEMA "Sales reports";
SELECT smarketing.create_view('view_' || kpi, kpi, 'month', dimensions::text[])
FROM (VALUES ('cost_per_lead', '{channel,campaign}'), ('cost_per_opportunity', '{channel}'), ('customer_retention', '{country}'), ('customer_acquisition_cost', '{}'),
             ('revenue_evolution', '{owner}'), ('sales_qualified_leads', '{channel,owner}'), ('marketing_roi', '{channel}'), ('opportunity_win_rate', '{owner}')) AS made (kpi, dimensions);
SELECT smarketing.create_rollup('rollup_' || kpi, kpi, period, dimensions::text[])
FROM (VALUES ('cost_per_lead', 'day', '{}'), ('cost_per_opportunity', 'week', '{channel}'), ('customer_acquisition_cost', 'month', '{channel}'),
             ('revenue_evolution', 'month', '{owner}'), ('sales_qualified_leads', 'day', '{}'), ('marketing_roi', 'month', '{channel}')) AS made (kpi, period, dimensions);
SELECT smarketing.create_rollup('"Sales reports"."Won, by rep"', 'opportunity_win_rate', 'week', '{rep}');
SELECT smarketing.grant_read('$role');
});
my $names = `psql -XAtq -d $database -c "SELECT json_agg(name) FROM smarketing.stored_view"`;
chomp($names);
$names =~ s/'/'\\''/g;
my @lines = `node $root/test/reader/read.mjs $driver $database $role '$names' 2>&1`;
is($?, 0, 'the reader comes to its end') or diag(@lines);
foreach my $line (@lines)
{
	my ($state, $name, $why) = split(/\t/, $line);
	ok($state eq 'ok', $name // $line) or diag($why // '');
}
cmp_ok(scalar(@lines), '>', 150, 'with many checks');
system("dropdb --force $database");
system("psql -XAtq -d postgres -c 'DROP ROLE $role'");
done_testing();
