# Text and binary input of funnel_stage: thousands of mutated literals against a model in Perl, and binary values
# built byte by byte.  Every answer is a stage or the one error that belongs to it, and the server lives on.
# The seed is printed; SMK_SEED repeats a run.
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $seed = $ENV{SMK_SEED} // int(rand(2**31));
srand($seed);
diag("seed $seed");

my $database = "smarketing_stage_input_$$";
my $folder = tempdir('stage_input_XXXX', DIR => '.', CLEANUP => 1);
my @stages = qw(disqualified recycled lost churned visitor lead mql sal sql opportunity won);
my %byte_of = map { $stages[$_] => 10 * ($_ + 1) } 0 .. $#stages;
my %stage_of = reverse %byte_of;

sub write_file
{
    my ($name, $content) = @_;

    open(my $file, '>:raw', "$folder/$name") or die "$folder/$name: $!";
    print $file $content;
    close($file) or die "$folder/$name: $!";
    return "$folder/$name";
}

# Runs a script in one session; gives its output (with errors in place) and the exit status.
sub run_psql
{
    my ($db, $script) = @_;
    my $path = write_file('script.sql', $script);
    my $output = `psql -XAtq -v VERBOSITY=sqlstate -d $db -f $path 2>&1`;

    return ($output, $?);
}

is((run_psql('postgres', "CREATE DATABASE $database;"))[1], 0, 'a database of its own');
is((run_psql($database, <<'SQL'))[0], '', 'the extension and the helpers');
CREATE EXTENSION smarketing;
CREATE FUNCTION attempt(literal text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN literal::smarketing.funnel_stage::text;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE TABLE literal (id int, hex text);
CREATE TABLE target (stage smarketing.funnel_stage);
CREATE TABLE targets (stages smarketing.funnel_stage[]);
SQL

# --- Text ---

# What the type promises: a name in any ASCII case, with ASCII white space around it.
sub model
{
    my ($bytes) = @_;

    $bytes =~ s/\A[ \t\n\x0b\f\r]+//;
    $bytes =~ s/[ \t\n\x0b\f\r]+\z//;
    $bytes =~ tr/A-Z/a-z/;
    return exists $byte_of{$bytes} ? $bytes : '22P02';
}

# Whole UTF-8 characters, so that the server's encoding check is not what answers.
my @pieces = (
    (map { chr } 1 .. 127), @stages, ' ', "\t", "\n", "\r", "\x0b", "\f",
    "\xc2\xa0", "\xc4\xb1", "\xc4\xb0", "\xe2\x84\xaa", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "\xc5\xbf", 'x' x 300);

sub mutate
{
    my ($text) = @_;

    for (1 .. int(rand(4)))
    {
        my $at = int(rand(length($text) + 1));
        my $kind = int(rand(8));

        $at-- while substr($text, $at, 1) =~ /[\x80-\xbf]/;
        if ($kind == 0) { $text = substr($text, 0, $at) . $pieces[rand @pieces] . substr($text, $at); }
        elsif ($kind == 1) { $text =~ s/[\x01-\x7f]\z//; }
        elsif ($kind == 2) { $text =~ s/\A[\x01-\x7f]//; }
        elsif ($kind == 3) { $text = uc $text; }
        elsif ($kind == 4) { $text = ucfirst $text; }
        elsif ($kind == 5) { $text = (' ', "\t", "\n", "\x0b", "\f", "\r")[rand 6] . $text; }
        elsif ($kind == 6) { $text .= (' ', "\t", "\n", "\x0b", "\f", "\r")[rand 6]; }
        else { $text .= $text if length($text) < 1000; }
    }
    return $text;
}

my @literals = ('', ' ', @stages, (map { uc } @stages), (map { " $_\n" } @stages), (map { $_ . 's' } @stages),
    (map { substr($_, 0, -1) } @stages), 'NULL', 'null', '0', '110', 'x' x 1_000_000);
push @literals, mutate($stages[rand @stages]) for 1 .. 5000;
my $hex_file = write_file('literals', join('', map { "$_\t" . unpack('H*', $literals[$_]) . "\n" } 0 .. $#literals));
my ($output, $status) = run_psql($database, <<"SQL");
\\copy literal from '$hex_file'
SELECT id || ' ' || attempt(convert_from(decode(hex, 'hex'), 'UTF8')) FROM literal ORDER BY id;
SQL
is($status, 0, 'the session outlives ' . @literals . ' literals');
my %answer = map { split / /, $_, 2 } split /\n/, $output;
is(scalar(keys %answer), scalar(@literals), 'each literal has an answer');
my @wrong = grep { ($answer{$_} // 'none') ne model($literals[$_]) } 0 .. $#literals;
is(scalar(@wrong), 0, "answers are those of the model (seed $seed)")
  or diag(join("\n", map { unpack('H*', substr($literals[$_], 0, 60)) . ': ' . ($answer{$_} // 'none') } @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)]));
my $accepted = grep { $answer{$_} ne '22P02' } keys %answer;
cmp_ok($accepted, '>', 1000, "enough of them are stages: $accepted");

# --- Binary ---

my $signature = "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 0);

# A file of one row with one field; undef is NULL.
sub copy_file
{
    my ($field) = @_;

    return $signature . pack('n', 1) . (defined $field ? pack('N', length $field) . $field : pack('N', 0xffffffff))
      . pack('n', 0xffff);
}

# [what, table, content of the file, expected answer as a pattern]
my @cases;
my $bad = qr/\AERROR:  22P03\z/;

# Version 1 with every byte: eleven are stages.
for my $byte (0 .. 255)
{
    push @cases, ["version 1, byte $byte", 'target', copy_file(pack('CC', 1, $byte)),
        exists $stage_of{$byte} ? qr/\A$stage_of{$byte}\z/ : $bad];
}
# Every other version, with a byte that is a stage.
push @cases, ["version $_", 'target', copy_file(pack('CC', $_, 110)), $bad] for 0, 2 .. 255;
# Other lengths: empty, the bare byte, a byte too many, a long value.
push @cases, ['no bytes', 'target', copy_file(''), $bad];
push @cases, ['the version alone', 'target', copy_file("\x01"), $bad];
push @cases, ['a bare stage byte', 'target', copy_file("\x6e"), $bad];
push @cases, ['a byte too many', 'target', copy_file("\x01\x6e\x00"), $bad];
push @cases, ['the name as text', 'target', copy_file('won'), $bad];
push @cases, ['a megabyte', 'target', copy_file("\x01\x6e" x 500_000), $bad];
push @cases, ['NULL', 'target', copy_file(undef), qr/\ANULL\z/];
# The file ends inside the value, or promises more than it has: core's own errors.
push @cases, ['cut after the version', 'target', $signature . pack('n', 1) . pack('N', 2) . "\x01", qr/\AERROR:  22P04\z/];
push @cases, ['length of 2 GB', 'target', $signature . pack('n', 1) . pack('N', 0x7fffffff) . "\x01\x6e", qr/\AERROR:  \w{5}\z/];
push @cases, ['negative length', 'target', $signature . pack('n', 1) . pack('N', 0xfffffffe) . "\x01\x6e", qr/\AERROR:  \w{5}\z/];

# Elements of an array: dimensions, null flag, element type, size and lower bound, then the elements.
my ($type_oid) = run_psql($database, q{SELECT 'smarketing.funnel_stage'::regtype::oid;});
chomp $type_oid;
like($type_oid, qr/\A\d+\z/, 'the type has an oid');

sub array_file
{
    my (@elements) = @_;

    return copy_file(pack('N5', 1, 0, $type_oid, scalar(@elements), 1) . join('', map { pack('N', length) . $_ } @elements));
}
push @cases, ['array of two', 'targets', array_file("\x01\x6e", "\x01\x0a"), qr/\A\{won,disqualified\}\z/];
push @cases, ['array: unknown stage', 'targets', array_file("\x01\x6e", "\x01\x0b"), $bad];
push @cases, ['array: empty element', 'targets', array_file("\x01\x6e", ''), $bad];
push @cases, ['array: short element', 'targets', array_file("\x01", "\x01\x6e"), $bad];
push @cases, ['array: long element', 'targets', array_file("\x01\x6e\x01", "\x6e"), $bad];

# Random bytes of random length.
for (1 .. 500)
{
    my $field = join('', map { chr(rand() < 0.3 ? 1 : int(rand(256))) } 1 .. int(rand(5)));
    my ($version, $byte) = unpack('CC', $field . "\0\0");
    my $is_stage = length($field) == 2 && $version == 1 && exists $stage_of{$byte};

    push @cases, ['random ' . unpack('H*', $field), 'target', copy_file($field), $is_stage ? qr/\A$stage_of{$byte}\z/ : $bad];
}

my $script = "SELECT pg_backend_pid();\n\\pset null NULL\n";
for my $i (0 .. $#cases)
{
    my ($what, $table, $content) = @{ $cases[$i] };
    my $path = write_file("case_$i", $content);

    $script .= "SELECT 'case $i';\n\\o /dev/null\nTRUNCATE $table;\n\\copy $table from '$path' (format binary)\n\\o\n"
      . "SELECT * FROM $table;\n";
}
$script .= "SELECT 'case end';\nSELECT pg_backend_pid();\n";

# Errors go to stderr, which psql does not buffer: both go to one stream, line by line, in order of the statements.
my $path = write_file('binary.sql', $script);
$output = `stdbuf -oL psql -XAtq -v VERBOSITY=sqlstate -d $database -f $path 2>&1`;
is($?, 0, 'the session outlives ' . @cases . ' binary values');
$output =~ s/psql:[^ ]*:\d+: //g;
my ($first_pid, $last_pid) = ($output =~ /\A(\d+)\n/, $output =~ /case end\n(\d+)\n\z/);
ok(defined $first_pid && defined $last_pid && $first_pid == $last_pid, 'one and the same backend from first to last');
my %got;
my @parts = split /^case (\w+)\n/m, $output;
shift @parts;
while (@parts)
{
    my ($i, $text) = splice(@parts, 0, 2);

    $text = '' unless defined $text;
    chomp $text;
    $got{$i} = $text;
}
@wrong = grep { ($got{$_} // 'none') !~ $cases[$_][3] } 0 .. $#cases;
is(scalar(@wrong), 0, "each binary value gives its stage or its error (seed $seed)")
  or diag(join("\n", map { "$cases[$_][0]: " . ($got{$_} // 'none') } @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)]));

($output) = run_psql($database, q{SELECT 'alive', count(*) FROM pg_stat_activity WHERE backend_type = 'checkpointer';});
is($output, "alive|1\n", 'the server is alive');
is((run_psql('postgres', "DROP DATABASE $database;"))[1], 0, 'the database is gone');
done_testing();
