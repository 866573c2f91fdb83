# What needs no server, by itself: test/unit/*.c under the address and undefined-behaviour sanitizers. Numerics as
# the server stores them come from its pages.
use strict;
use warnings;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";
my $config = $ENV{PG_CONFIG} || 'pg_config';
my $seed = $ENV{SMK_SEED} // 0.25;
chomp(my $include = `$config --includedir-server`);

my $numerics = "$ENV{TESTDATADIR}/numerics";
my $sql = <<"SQL";
CREATE EXTENSION pageinspect;
SELECT setseed($seed) \\g /dev/null
CREATE TABLE stored AS SELECT value::numeric FROM (
    SELECT CASE WHEN random() < 0.3 THEN '-' ELSE '' END || coalesce(nullif(substr(repeat('9', 3) || translate(random()::text || random()::text, '.e-', ''), 1 + (random() * 3)::int, (random() * 24)::int), ''), '0')
        || CASE WHEN random() < 0.6 THEN '.' || substr('000000' || translate(random()::text, '.e-', '') || '0000', 1 + (random() * 10)::int, 1 + (random() * 12)::int) ELSE '' END AS value
    FROM generate_series(1, 20000)
    UNION ALL SELECT unnest('{NaN,Infinity,-Infinity,0,0.00,-0.5,10000,99999999,0.0001,0.00000001,100000000000000000000000000000000000000,1e37,1e39,1e100,1e-30,1e-39,170141183460469231731687303715884105727,170141183460469231731687303715884105728,123456789012345678901234567890.12345678}'::text[])
    UNION ALL SELECT repeat('7', n) || '.' || repeat('3', n) FROM generate_series(1, 300, 7) AS n) AS t;
COPY (SELECT encode(CASE WHEN get_byte(a, 0) & 1 = 1 THEN substr(a, 2) ELSE substr(a, 5) END, 'hex'), (SELECT value FROM stored WHERE ctid = t_ctid)
    FROM generate_series(0, pg_relation_size('stored') / 8192 - 1) AS block, heap_page_item_attrs(get_raw_page('stored', block::int), 'stored'::regclass), LATERAL (SELECT t_attrs[1] AS a) AS one) TO STDOUT;
SQL
system('createdb', 'smarketing_unit') == 0 or die;
open(my $psql, '|-', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'smarketing_unit', '-o', $numerics) or die;
print $psql $sql;
ok(close($psql), 'numerics are read from the pages of a table');
system('dropdb', 'smarketing_unit');

# What a test adds to its own file, and its arguments.
my %units = (
	timeline_unit => [[qw(timeline/sketch timeline/sort timeline/partition timeline/money)], [$numerics]],
	attribution_unit => [[qw(attribution/attribution attribution/attribution_model attribution/attribution_summary attribution/wide timeline/money timeline/sketch timeline/sort)], []],
	retention_unit => [[qw(retention/retention timeline/money timeline/sort)], []],
	response_unit => [[qw(response/response timeline/sketch timeline/sort)], []],
	score_unit => [[qw(score/score)], []],
	funnel_unit => [[qw(funnel/funnel funnel/funnel_summary funnel/window_funnel funnel/durations timeline/sketch timeline/sort)], []]);
# What they allocate goes with them.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';
for my $unit (sort keys %units)
{
	my ($sources, $arguments) = @{ $units{$unit} };
	my $program = "$ENV{TESTDATADIR}/$unit";
	my @command = ('cc', '-std=gnu11', '-D_GNU_SOURCE', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=all',
		"-I$root/src", '-isystem', $include, "$root/test/unit/$unit.c", (map { "$root/src/$_.c" } @$sources), '-o', $program, '-lm');
	is(system(@command), 0, "$unit compiles");
	my @lines = `$program $seed @$arguments 2>&1`;
	my $status = $?;
	for my $line (@lines)
	{
		if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2); }
		elsif ($line !~ /^1\.\./) { diag($line); }
	}
	is($status, 0, 'and ends well');
}
done_testing();
