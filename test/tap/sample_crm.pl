# The sample CRM is a function of its seed: the same rows in whatever session, other rows with another seed, and
# nothing outside of its two years.
use strict;
use warnings;
use Test::More;

my $crm = "$ENV{SMK_ROOT}/test/sample/crm.sql";
my @tables = qw(contact deal phase_history activity web_visit company contract invoice ad_cost fx);

sub sums
{
	my ($seed, $scale, $options) = @_;
	my $database = "smarketing_sample_crm_$$";
	system("createdb $database") == 0 or die "createdb";
	my $errors = `PGOPTIONS="$options" psql -Xq -v ON_ERROR_STOP=1 -v seed=$seed -v scale=$scale -d $database -f $crm -o /dev/null 2>&1`;
	is($errors =~ s/^psql:.*NOTICE:.*\n?//mgr, '', "seed $seed at scale $scale loads");
	my %sums;
	foreach my $table (@tables)
	{
		$sums{$table} = `PGOPTIONS="-c timezone=UTC" psql -XAtq -d $database -c "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM crm.$table t"`;
		chomp($sums{$table});
	}
	my $late = `psql -XAtq -d $database -c "SELECT count(*) FROM (SELECT greatest(created_on, mql_on, accepted_on, sql_on, disqualified_on) AS at FROM crm.contact UNION ALL SELECT greatest(opened_on, closed_on) FROM crm.deal UNION ALL SELECT changed_at FROM crm.phase_history UNION ALL SELECT visited_at FROM crm.web_visit UNION ALL SELECT happened_at AT TIME ZONE 'UTC' FROM crm.activity) AS moment WHERE at >= '2026-11-01 00:00+00'"`;
	is($late, "0\n", 'nothing is after its last day');
	system("dropdb $database");
	return \%sums;
}

my $first = sums(1, 0.05, '-c timezone=UTC');
like($first->{contact}, qr/^1000\|-?\d+$/, 'a twentieth of the leads at scale 0.05');
is_deeply(sums(1, 0.05, '-c timezone=Asia/Kathmandu -c datestyle=German -c search_path=pg_temp -c enable_hashjoin=off'), $first,
	'the same rows in a session of other settings');
my $other = sums(2, 0.05, '-c timezone=UTC');
isnt($other->{$_}, $first->{$_}, "another seed gives other rows of $_") foreach qw(contact deal phase_history activity web_visit invoice);
sums(-7, 1, '-c timezone=UTC');
done_testing();
