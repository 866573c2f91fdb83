# doctor() with workers of its own finds what it finds without: same rows, rights, errors and settings; what workers
# may not run is left to the session.
use strict;
use warnings;
use Test::More;

my $database = "smarketing_workers_$$";
my $role = "smarketing_worker_reader_$$";
# Workers are worth it for the smallest of tables.
my $workers = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0;';
my $alone = 'SET max_parallel_workers_per_gather = 0;';
my $findings = 'SELECT severity, entity, problem, row_count, hint FROM smarketing.doctor();';

sub sql
{
	my ($sql) = @_;
	open(my $file, '>', 'statement.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `psql -XAtq -v SHOW_CONTEXT=never -d $database -f statement.sql 2>&1`;
	$output =~ s/^psql:statement\.sql:\d+: //mg;
	chomp($output);
	return $output;
}

# The processes that told of themselves, as a part of all that were seen.
sub processes
{
	my ($sql) = @_;
	my %seen = map { $_ => 1 } $sql =~ /^NOTICE:  read by (\d+)$/mg;
	return scalar(keys %seen);
}

sub same
{
	my ($what, $before) = @_;
	$before //= '';
	my $expected = sql("$before SET client_min_messages = error; $alone $findings");
	my $found = sql("$before SET client_min_messages = error; $workers $findings");
	like($expected, qr{^(error|warning|info)\|.*\|SELECT}m, "$what: there is something to find");
	unlike($expected, qr{^ERROR}m, "$what: without an error");
	is($found, $expected, "$what: the same with workers");
	return $expected;
}

system("createdb $database") == 0 or die;
sql(q{
CREATE EXTENSION smarketing;
CREATE SCHEMA crm;
SET search_path = crm;
SELECT setseed(0.5);
CREATE TABLE lead AS SELECT n AS id, timestamptz '2026-01-01' + n * interval '1 hour' AS created_at, CASE WHEN n % 7 > 0 THEN 'web' END AS channel, 'owner ' || n % 5 AS owner, n AS account_id, 'stage ' || n % 3000 AS stage FROM generate_series(1, 9000) AS n;
CREATE TABLE deal AS SELECT n AS id, n * 2 AS lead_id, timestamptz '2026-01-02' + n * interval '2 hours' AS created_at, CASE n % 3 WHEN 0 THEN true WHEN 1 THEN false END AS won, timestamptz '2026-01-02' + (n - n % 10) * interval '2 hours' AS closed_at, n::numeric AS amount, 'owner ' || n % 6 AS owner FROM generate_series(1, 4000) AS n;
CREATE TABLE change AS SELECT n AS lead_id, timestamptz '2026-01-01' + (n - 1) * interval '1 hour' AS at, 'step ' || n % 4000 AS stage FROM generate_series(1, 9100) AS n;
CREATE TABLE rep AS SELECT 'owner ' || n AS owner, n > 1 AS is_active FROM generate_series(0, 4) AS n;
ALTER TABLE lead ADD PRIMARY KEY (id);
ALTER TABLE deal ADD PRIMARY KEY (id);
ANALYZE;
CREATE FUNCTION told(value text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RAISE NOTICE 'read by %', pg_backend_pid(); RETURN value; END $$;
CREATE FUNCTION told_unsafely(value text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS $$ BEGIN RAISE NOTICE 'read by %', pg_backend_pid(); RETURN value; END $$;
SELECT smarketing.bind('lead', 'crm.lead', '{"lead_id": "id", "created_at": "created_at", "channel": "channel", "owner": "crm.told(owner)", "account_id": "account_id", "stage": "stage"}');
SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "created_at", "won": "won", "closed_at": "closed_at", "amount": "amount", "owner": "crm.told(owner)"}');
SELECT smarketing.bind('stage_change', 'crm.change', '{"lead_id": "lead_id", "at": "at", "stage": "crm.told(stage)"}');
SELECT smarketing.bind('owner', 'crm.rep', '{"owner": "owner", "is_active": "is_active"}');
SELECT smarketing.configure('time_zone', 'UTC');
});

my $plain = same('labels that mean nothing, more than a queue holds');
like($plain, qr/^warning\|lead\|leads without a channel\|1285\|/m, 'with what is wrong');
like($plain, qr/^warning\|stage_change\|stage changes of leads that are not there\|100\|/m, 'also by a link');
like($plain, qr/^warning\|lead\|open leads of owners who are not active\|\d+\|/m, 'and by another record of the lead');
is(processes(sql("$alone $findings")), 1, 'alone one process reads');
# On a busy machine a worker may come when all is done.
my $several = 0;
for (my $i = 0; $i < 10 && $several < 2; $i++)
{
	$several = processes(sql("$workers $findings"));
}
cmp_ok($several, '>', 1, 'with workers several do');
is(processes(sql("SET max_parallel_workers_per_gather = 2; $findings")), 1, 'not where the tables are small');
same('no worker is free', 'SET max_parallel_workers = 0;');
same('in a transaction, of rows that nobody else sees', q{BEGIN; INSERT INTO crm.lead SELECT n, now() + interval '1 year', 'web', 'owner 1', n, 'stage 1' FROM generate_series(10001, 10050) AS n; UPDATE crm.deal SET closed_at = NULL WHERE id < 100;});
same('in a subtransaction', q{BEGIN; SAVEPOINT here; DELETE FROM crm.lead WHERE id > 100;});
same('serializable', q{BEGIN ISOLATION LEVEL SERIALIZABLE;});
like(sql("$workers CREATE TEMP TABLE found AS $findings SELECT count(*) > 10 FROM found;"), qr/^t$/m, 'into a table');

# What workers may not run.
sql(q{SELECT smarketing.bind('lead', 'crm.lead', '{"lead_id": "id", "created_at": "created_at", "channel": "crm.told_unsafely(channel)", "owner": "owner", "account_id": "account_id", "stage": "stage"}')});
sql(q{SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "created_at", "won": "won", "closed_at": "closed_at", "amount": "amount", "owner": "owner"}')});
sql(q{SELECT smarketing.bind('stage_change', 'crm.change', '{"lead_id": "lead_id", "at": "at", "stage": "stage"}')});
same('a function that is not safe');
is(processes(sql("$workers $findings")), 1, 'is run by the session alone');
sql(q{SELECT smarketing.bind('lead', 'crm.lead', '{"lead_id": "id", "created_at": "created_at", "channel": "channel", "owner": "owner", "account_id": "account_id", "stage": "stage"}')});
same('a table of the session', q{BEGIN; CREATE TEMP TABLE mine AS SELECT * FROM crm.deal WHERE id < 1000; SELECT smarketing.bind('opportunity', 'pg_temp.mine', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "created_at", "won": "won", "closed_at": "closed_at"}') \g /dev/null
});

# An error of one statement is that of its entity alone.
sql(q{SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "created_at", "won": "won", "closed_at": "closed_at", "amount": "1 / (id - 77)"}')});
like(same('an expression that fails'), qr/^error\|opportunity\|cannot be computed: division by zero\|/m, 'is told of');
sql(q{SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "lead_id": "lead_id", "created_at": "created_at", "won": "won", "closed_at": "closed_at", "amount": "amount"}')});

# Rights are those of who asks.
sql(qq{
CREATE ROLE "$role";
GRANT USAGE ON SCHEMA crm TO "$role";
GRANT SELECT ON crm.lead, crm.deal, crm.rep TO "$role";
ALTER TABLE crm.lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON crm.lead TO "$role" USING (owner = 'owner 3' AND current_user = '$role');
});
my $seen = same('who may see some of the rows', qq{SET ROLE "$role";});
like($seen, qr/^info\|lead\|row-level security/m, 'is told so');
like($seen, qr/^warning\|lead\|leads without a channel\|257\|/m, 'and counts those');
like($seen, qr/^warning\|stage_change\|not examined: permission denied for table change\|/m, 'what it may not read is named');
sql(q{ALTER TABLE crm.lead DISABLE ROW LEVEL SECURITY});

# A call that is ended takes its workers with it.
sql(q{
CREATE FUNCTION crm.slow(value text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN value; END $$;
SELECT smarketing.bind('lead', 'crm.lead', '{"lead_id": "id", "created_at": "created_at", "owner": "crm.slow(owner)"}');
SELECT smarketing.bind('opportunity', 'crm.deal', '{"opportunity_id": "id", "created_at": "created_at", "owner": "crm.slow(owner)"}');
SELECT smarketing.bind('stage_change', 'crm.change', '{"lead_id": "lead_id", "at": "at", "stage": "crm.slow(stage)"}');
});
like(sql("$workers SET statement_timeout = '1s'; $findings"), qr/canceling statement due to statement timeout/, 'a call that is ended says so');
my $left = '1';
for (my $i = 0; $i < 100 && $left ne '0'; $i++)
{
	$left = sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'");
	select(undef, undef, undef, 0.1) if $left ne '0';
}
is($left, '0', 'and leaves no worker');

system("dropdb $database") == 0 or die;
system(qq{psql -Xq -d postgres -c 'DROP ROLE "$role"'}) == 0 or die;
done_testing();
