# refresh_rollups goes on after a rollup that fails, and tells of it; a refresh waits for no reader and a reader for no
# refresh; two refreshes of one rollup follow each other; what was refreshed in sessions of other settings is the same.
use strict;
use warnings;
use Test::More;

my $database = "smarketing_refresh_$$";

sub sql
{
	my ($sql, $options) = @_;
	open(my $file, '>', 'refresh.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `PGOPTIONS="@{[$options // '']}" psql -XAtq -d $database -v SHOW_CONTEXT=never -f refresh.sql 2>&1`;
	$output =~ s/^psql:refresh\.sql:\d+: //mg;
	chomp($output);
	return $output;
}

sub background
{
	my ($name, $sql) = @_;
	open(my $file, '>', "$name.sql") or die $!;
	print $file $sql;
	close($file);
	my $pid = fork() // die $!;
	exec("psql -XAtq -d $database -f $name.sql >$name.out 2>&1") if $pid == 0;
	return $pid;
}

sub output
{
	my ($name) = @_;
	open(my $file, '<', "$name.out") or return '';
	local $/;
	my $text = <$file>;
	$text =~ s/\s+/ /g;
	return $text;
}

# Waits until a session of the background is where it is to be.
sub wait_for
{
	my ($condition) = @_;
	for (1 .. 200)
	{
		return 1 if sql("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND ($condition)") eq 't';
		select(undef, undef, undef, 0.05);
	}
	return 0;
}

system("createdb $database") == 0 or die 'createdb';
is(sql(q{
CREATE EXTENSION smarketing;
CREATE TABLE person (lead_id int PRIMARY KEY, created_at timestamptz, channel text, stage text);
CREATE TABLE cost (at timestamptz, amount numeric, channel text, currency text);
INSERT INTO person SELECT n, now() - n * interval '5 hours', (ARRAY['Ads', 'Fairs', NULL])[1 + n % 3], (ARRAY['lead', 'mql', 'won'])[1 + n % 3] FROM generate_series(1, 2000) n;
INSERT INTO cost SELECT now() - n * interval '1 day', n, (ARRAY['Ads', 'Fairs'])[1 + n % 2], (ARRAY['EUR', 'USD'])[1 + n % 2] FROM generate_series(1, 300) n;
INSERT INTO smarketing.exchange_rate_entry VALUES ('USD', '2020-01-01', 0.9);
SELECT smarketing.configure('currency', 'EUR'), smarketing.configure('time_zone', 'America/New_York');
SELECT smarketing.bind('lead', 'person'), smarketing.bind('spend', 'cost');
SELECT smarketing.create_rollup('a_funnel', 'sales_qualified_leads', 'day', '{channel}');
SELECT smarketing.create_rollup('b_cost', 'cost_per_lead', 'day', '{channel}');
SELECT smarketing.create_rollup('c_funnel', 'sales_qualified_leads', 'week');
}) =~ s/[|\n]//gr, 'a_funnelb_costc_funnel', 'three rollups are made');

# One fails, the others are refreshed.
my $before = sql('SELECT string_agg(last_refresh::text, chr(10) ORDER BY name) FROM smarketing.rollups');
is(sql("INSERT INTO person VALUES (0, now(), 'Ads', 'lead'); INSERT INTO cost VALUES (now() - interval '2 days', 'NaN', 'Ads', 'EUR'); CALL smarketing.refresh_rollups()"),
	"WARNING:  rollup public.b_cost is not refreshed: column \"amount\" of entity \"spend\" has NaN or infinite values\nHINT:  Correct them, or leave such rows out with the filter argument of smarketing.bind().", 'a rollup that fails is warned of')
	or diag(sql('SELECT last_error FROM smarketing.rollups'));
is(sql(q{SELECT name, last_error IS NOT NULL FROM smarketing.rollups ORDER BY name}), "public.a_funnel|f\npublic.b_cost|t\npublic.c_funnel|f", 'and told by rollups');
my $after = sql('SELECT string_agg(last_refresh::text, chr(10) ORDER BY name) FROM smarketing.rollups');
my @before = split(/\n/, $before);
my @after = split(/\n/, $after);
is($after[1], $before[1], 'it is as it was');
ok($after[0] gt $before[0] && $after[2] gt $before[2], 'the others are refreshed');
is(sql('SELECT sum(leads) FROM a_funnel'), '2001', 'with what came since');
like(sql("SELECT smarketing.refresh_rollup('b_cost')"), qr/^ERROR:  .*NaN/, 'alone it is an error');
is(sql("DELETE FROM cost WHERE amount = 'NaN'; CALL smarketing.refresh_rollups()"), '', 'when the data are right all are refreshed');
is(sql('SELECT count(last_error) FROM smarketing.rollups'), '0', 'and nothing is told');
like(sql("BEGIN; CALL smarketing.refresh_rollups()"), qr/^ERROR:  refresh_rollups\(\) commits after each rollup/, 'not in a transaction');
like(sql("SET default_transaction_isolation = 'serializable'; CALL smarketing.refresh_rollups()"), qr/^ERROR:  refresh_rollups\(\) needs isolation level READ COMMITTED/,
	'nor with a snapshot of its own');

# A reader's transaction, open on the rollup, keeps no refresh waiting; and is not kept waiting by one.
my $reader = background('reader', q{BEGIN; SELECT count(*) > 0 FROM a_funnel; SELECT pg_sleep(3); SELECT count(*) > 0 FROM a_funnel; COMMIT;});
ok(wait_for(q{wait_event = 'PgSleep'}), 'a reader reads');
unlike(sql("SET lock_timeout = '1s'; SELECT smarketing.refresh_rollup('a_funnel')"), qr/ERROR/, 'a refresh does not wait for it');
waitpid($reader, 0);
is(output('reader'), "t t ", 'and the reader goes on');
my $refresher = background('refresher', q{BEGIN; SELECT (smarketing.refresh_rollup('a_funnel')).buckets > 0; SELECT pg_sleep(2); COMMIT;});
ok(wait_for(q{wait_event = 'PgSleep'}), 'a refresh is under way');
is(sql("SET lock_timeout = '1s'; SELECT count(*) > 0 FROM a_funnel"), 't', 'a reader does not wait for it');
is(sql("SELECT (smarketing.refresh_rollup('a_funnel')).buckets > 0"), 't', 'another refresh follows it');
waitpid($refresher, 0);
is(output('refresher'), "t ", 'which went well');

# Refreshed and dropped at once: whoever is second finds out, and neither waits for the other in a circle.
my $toucher = background('toucher', q{BEGIN; COMMENT ON MATERIALIZED VIEW c_funnel_parts IS 'held'; SELECT pg_sleep(2); COMMIT;});
ok(wait_for(q{wait_event = 'PgSleep'}), 'somebody holds the parts');
my $dropper = background('dropper', q{SELECT smarketing.drop_rollup('c_funnel')});
ok(wait_for(q{wait_event_type = 'Lock' AND query LIKE '%drop_rollup%'}), 'for which a drop waits');
is(sql("SELECT smarketing.refresh_rollup('c_funnel')"), "ERROR:  rollup \"c_funnel\" does not exist\nHINT:  SELECT name FROM smarketing.rollups lists the rollups.", 'a refresh finds the rollup gone');
waitpid($_, 0) foreach ($toucher, $dropper);
is(output('dropper'), ' ', 'and the drop went well');
is(sql("SELECT smarketing.create_rollup('c_funnel', 'sales_qualified_leads', 'week')"), 'c_funnel', 'made again');
$dropper = background('dropper', q{BEGIN; SELECT smarketing.drop_rollup('c_funnel'); SELECT pg_sleep(2); ROLLBACK; BEGIN; SELECT smarketing.drop_rollup('c_funnel'); SELECT pg_sleep(2); COMMIT;});
ok(wait_for(q{wait_event = 'PgSleep'}), 'it is being dropped');
is(sql("CALL smarketing.refresh_rollups()"), '', 'refresh_rollups goes by');
waitpid($dropper, 0);
is(sql("CALL smarketing.refresh_rollups()"), '', 'also when it is gone');
is(sql("SELECT smarketing.create_rollup('c_funnel', 'sales_qualified_leads', 'week')"), 'c_funnel', 'made once more');

# A rollup's owner may put another relation under the name of the parts while a superuser refreshes them: it is not
# run with the superuser's rights.
my $owner = "smk_owner_$$";
is(sql(qq{
ALTER TABLE person RENAME TO person_itself; CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true';
CREATE VIEW person AS SELECT * FROM person_itself WHERE (SELECT slow());
CREATE ROLE $owner; CREATE SCHEMA good AUTHORIZATION $owner; CREATE SCHEMA bad AUTHORIZATION $owner;
GRANT CREATE ON DATABASE $database TO $owner; GRANT SELECT ON person, cost, smarketing.exchange_rate_entry TO $owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA smarketing TO $owner; GRANT INSERT, UPDATE, DELETE ON smarketing.stored_view TO $owner;
CREATE TABLE ran_as (who text); GRANT INSERT ON ran_as TO PUBLIC;
SET ROLE $owner;
SELECT smarketing.create_rollup('good.r', 'cost_per_lead', 'day');
CREATE FUNCTION bad.evil() RETURNS date LANGUAGE plpgsql AS \$\$BEGIN INSERT INTO public.ran_as VALUES (current_user); RETURN current_date; END\$\$;
CREATE VIEW bad.r_parts AS SELECT bad.evil() AS period_start;
RESET ROLE;
CREATE OR REPLACE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(2) IS NOT NULL';
}), 'good.r', "a rollup of another role's");
$refresher = background('refresher', q{SELECT (smarketing.refresh_rollup('good.r')).buckets > 0});
ok(wait_for(q{wait_event = 'PgSleep'}), 'it is refreshed by a superuser');
is(sql("SET ROLE $owner; ALTER SCHEMA good RENAME TO gone; ALTER SCHEMA bad RENAME TO good"), '', 'meanwhile its name becomes that of something else');
waitpid($refresher, 0);
is(output('refresher'), 't ', 'the refresh goes well');
is(sql('SELECT * FROM ran_as'), '', 'and ran nothing of that');
is(sql(qq{DELETE FROM smarketing.stored_view WHERE name = 'good.r'; SET client_min_messages = error; DROP SCHEMA good, gone CASCADE; DROP OWNED BY $owner; DROP ROLE $owner;
	DROP FUNCTION slow() CASCADE; SELECT smarketing.drop_rollup('a_funnel'), smarketing.drop_rollup('b_cost'), smarketing.drop_rollup('c_funnel');
	ALTER TABLE person_itself RENAME TO person;
	SELECT smarketing.create_rollup('a_funnel', 'sales_qualified_leads', 'day', '{channel}'), smarketing.create_rollup('b_cost', 'cost_per_lead'), smarketing.create_rollup('c_funnel', 'cost_per_lead');}) =~ s/[|\n]//gr,
	'a_funnelb_costc_funnel', 'as it was');

# Cancelled, it stops, and tells so.
is(sql(q{ALTER TABLE person RENAME TO person_itself; CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(10) IS NOT NULL';
	CREATE VIEW person AS SELECT * FROM person_itself WHERE (SELECT slow()); SELECT smarketing.drop_rollup('b_cost'), smarketing.drop_rollup('c_funnel');}), '|', 'a table becomes a slow view');
is(sql(q{CREATE OR REPLACE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true'; SELECT smarketing.create_rollup('d_slow', 'cost_per_lead');
	CREATE OR REPLACE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(10) IS NOT NULL';}), 'd_slow', 'of which there is a rollup');
like(sql("SET statement_timeout = '1s'; CALL smarketing.refresh_rollups()"), qr/^ERROR:  canceling statement due to statement timeout/, 'refresh_rollups can be cancelled');
is(sql("SELECT last_error FROM smarketing.rollups WHERE name = 'public.d_slow'"), 'canceling statement due to statement timeout', 'and the rollup tells it');

# The session's settings do not matter.
my $figures = q{SELECT md5(string_agg(f::text, ',' ORDER BY f::text)) FROM a_funnel AS f};
my %seen;
foreach my $options ('-c timezone=GMT', '-c timezone=Asia/Tokyo -c datestyle=German,DMY -c intervalstyle=sql_standard', '-c timezone=America/Sao_Paulo -c search_path=pg_temp')
{
	unlike(sql("SELECT smarketing.refresh_rollup('public.a_funnel')", $options), qr/ERROR/, "refreshed under $options");
	$seen{sql($figures)} = 1;
}
is(scalar(keys %seen), 1, 'the figures are the same');
system("dropdb --force $database");
done_testing();
