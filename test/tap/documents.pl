# Every SQL example in README.md and docs/ runs, and gives the output that stands below it.
#
# A block marked ```sql is run as psql would run it; a block marked ```text that follows it is what psql must print.
# The blocks of one document share a session, on a copy of the sample CRM as test/sample/bind.sql binds it, with a small
# Odoo beside it.
# With SMK_REFRESH=1 the outputs are written into the documents instead: read the difference before you commit it.
use strict;
use warnings;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";
my $template = "smarketing_documents_$$";
my @documents = ("$root/README.md", glob("$root/docs/*.md"));

sub run
{
	my ($command) = @_;
	my $output = `$command 2>&1`;
	is($?, 0, "$command") or diag($output);
	return;
}

# The examples of a document: [line, sql, output or undef].
sub examples
{
	my ($file) = @_;
	open(my $in, '<', $file) or die "$file: $!";
	my (@found, $kind, $text, $start);
	while (my $line = <$in>)
	{
		if (!defined $kind && $line =~ /^```(\w*)\s*$/)
		{
			($kind, $text, $start) = ($1, '', $.);
		}
		elsif (defined $kind && $line =~ /^```\s*$/)
		{
			push @found, [ $start, $text, undef ] if $kind eq 'sql';
			$found[-1][2] = $text if $kind eq 'text' && @found && !defined $found[-1][2];
			undef $kind;
		}
		elsif (defined $kind)
		{
			$text .= $line;
		}
	}
	close($in);
	return @found;
}

# Trailing blanks are no part of an output, nor is an empty line at its end.
sub tidy
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z/\n/;
	$text =~ s/\A\n+//;
	return $text;
}

# Puts what was printed in the place of the outputs.
sub refresh
{
	my ($file, $got) = @_;
	open(my $in, '<', $file) or die "$file: $!";
	my @lines = <$in>;
	close($in);
	my ($new, $sql, $kind) = ('', undef, undef);
	for my $i (0 .. $#lines)
	{
		if (!defined $kind && $lines[$i] =~ /^```(\w*)\s*$/)
		{
			$kind = $1;
			$sql = $i + 1 if $kind eq 'sql';
			$new .= $lines[$i];
			$new .= tidy($got->{$sql} // '') if $kind eq 'text' && defined $sql;
		}
		elsif (defined $kind && $lines[$i] =~ /^```\s*$/)
		{
			undef $sql if $kind eq 'text';
			undef $kind;
			$new .= $lines[$i];
		}
		else
		{
			$new .= $lines[$i] unless defined $kind && $kind eq 'text' && defined $sql;
		}
	}
	open(my $out, '>', $file) or die "$file: $!";
	print $out $new;
	close($out);
	return;
}

run("createdb $template");
run("psql -Xq -v ON_ERROR_STOP=1 -d $template -f $root/test/sample/crm.sql");
run("psql -Xq -v ON_ERROR_STOP=1 -d $template -c 'CREATE EXTENSION smarketing'");
run("psql -Xq -o /dev/null -v ON_ERROR_STOP=1 -d $template -f $root/test/sample/bind.sql");
run("psql -Xq -o /dev/null -v ON_ERROR_STOP=1 -v schema=odoo -v version=17 -d $template -f $root/test/sample/odoo.sql");

foreach my $document (@documents)
{
	my @examples = examples($document);
	my $name = $document =~ s/^\Q$root\E\///r;
	my $database = "${template}_copy";
	next if !@examples;

	run("createdb -T $template $database");
	open(my $script, '>', 'example.sql') or die $!;
	print $script "\\pset footer off\n";
	foreach my $example (@examples)
	{
		print $script "\\echo \@\@\@ $example->[0]\n$example->[1]\n";
	}
	close($script);
	my $output = `psql -Xq -P pager=off -d $database -f example.sql 2>&1`;
	$output =~ s/^psql:example\.sql:\d+: //mg;
	my %got = $output =~ /^\@\@\@ (\d+)\n(.*?)(?=^\@\@\@ |\z)/msg;
	refresh($document, \%got) if $ENV{SMK_REFRESH};
	foreach my $example (@examples)
	{
		my ($line, $sql, $expected) = @$example;
		my $got = $got{$line} // '';
		if (defined $expected)
		{
			is(tidy($got), tidy($expected), "$name:$line gives what stands below it");
		}
		else
		{
			unlike($got, qr/^(ERROR|FATAL|PANIC):/m, "$name:$line runs") or diag($got);
		}
	}
	run("dropdb --force $database");
}
run("dropdb --force $template");
done_testing();
