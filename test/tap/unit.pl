# Readers and sketches without a server: test/unit/timeline_unit.c under the address and undefined-behaviour sanitizers.
use strict;
use warnings;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";
my $config = $ENV{PG_CONFIG} || 'pg_config';
my $seed = $ENV{SMK_SEED} // 0.25;
chomp(my $include = `$config --includedir-server`);
my $program = "$ENV{TESTDATADIR}/timeline_unit";
my @command = ('cc', '-std=gnu11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=all',
	"-I$root/src", '-isystem', $include, "$root/test/unit/timeline_unit.c", (map { "$root/src/$_.c" } qw(funnel/funnel funnel/funnel_summary timeline/sketch)),
	'-o', $program, '-lm');
is(system(@command), 0, 'compiles');
# What it allocates goes with it.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';
my @lines = `$program $seed 2>&1`;
my $status = $?;
for my $line (@lines)
{
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2); }
	elsif ($line !~ /^1\.\./) { diag($line); }
}
is($status, 0, 'and ends well');
done_testing();
