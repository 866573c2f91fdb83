# The version stands in the control file alone; whatever else names it agrees. The library exports only our symbols.
use strict;
use warnings;
use JSON::PP;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";

sub slurp
{
	my ($file) = @_;
	open(my $in, '<', "$root/$file") or die "$file: $!";
	local $/ = undef;
	return scalar <$in>;
}

my $control = slurp('smarketing.control');
my ($version) = $control =~ /^default_version = '([\d.]+)'$/m;
my $meta = decode_json(slurp('META.json'));
is($meta->{version}, $version, 'META.json has the version of the control file');
is($meta->{provides}{smarketing}{version}, $version, 'META.json provides that version');
like(slurp('CHANGELOG.md'), qr/^## \Q$version\E\b/m, 'the changelog knows the version');
unlike($control, qr/^schema\s*=/m, 'the control file names no schema: it would adopt one of somebody else');
unlike($control, qr/^trusted\s*=\s*true/m, 'the extension is not trusted');

# A page a module.
foreach my $module (map { m{/src/(\w+)/?$} ? $1 : () } glob("$root/src/*/"))
{
	ok(-s "$root/docs/$module.md", "docs/$module.md is there") if $module ne 'upgrade';
}

# PG_VERSION_NUM is tested in one header only.
my @users = grep { slurp($_) =~ /PG_VERSION_NUM/ } map { s/^\Q$root\E\///r } glob("$root/src/*.[ch] $root/src/*/*.[ch]");
is_deeply(\@users, ['src/compat.h'], 'only compat.h tests the version of the server');

my $libdir = `pg_config --pkglibdir`;
chomp($libdir);
my @odd = grep { !/^(smk_|pg_finfo_smk_|_PG_init$|Pg_magic_func$)/ }
  map { (split)[2] // () } `nm -D --defined-only $libdir/smarketing.so`;
is_deeply(\@odd, [], 'only smk_ symbols are exported');
done_testing();
