# From a trigger to its notification: pg_cron's background worker runs notify_breaches, a listener of npm pg hears of each breach
# once. Two sessions at once, a crash in the middle, a listener that is gone, 100,000 breaches at once.
use strict;
use warnings;
use Cwd;
use JSON::PP;
use Test::More;

my $root = $ENV{SMK_ROOT} or die "SMK_ROOT is not set";
my $data = getcwd() . '/sla';
my $driver = getcwd() . '/sla_driver';
$ENV{PGPORT} += 3;

mkdir($driver);
system("cp $root/test/reader/package.json $driver/ && HOME=$driver npm install --prefix $driver --silent --no-audit --no-fund >npm.log 2>&1") == 0
	or plan(skip_all => 'the driver cannot be installed: npm install fails');

sub sql
{
	my ($sql, $options) = @_;
	open(my $file, '>', 'sla.sql') or die $!;
	print $file $sql;
	close($file);
	my $output = `PGOPTIONS="@{[$options // '']}" psql -XAtq -d crm -v SHOW_CONTEXT=never -f sla.sql 2>&1`;
	$output =~ s/^psql:sla\.sql:\d+: //mg;
	chomp($output);
	return $output;
}

sub background
{
	my ($name, $command) = @_;
	my $pid = fork() // die $!;
	exec("exec $command >$name.out 2>&1") if $pid == 0;
	return $pid;
}

sub session
{
	my ($name, $sql) = @_;
	open(my $file, '>', "$name.sql") or die $!;
	print $file $sql;
	close($file);
	return background($name, "psql -XAtq -d crm -v SHOW_CONTEXT=never -f $name.sql");
}

sub lines
{
	my ($name) = @_;
	open(my $file, '<', "$name.out") or return ();
	my @lines = <$file>;
	chomp(@lines);
	return @lines;
}

sub wait_until
{
	my ($condition, $seconds) = @_;
	for (1 .. 10 * ($seconds // 90))
	{
		return 1 if $condition->();
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

sub waits
{
	my ($condition) = @_;
	return wait_until(sub { sql("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND ($condition)") eq 't' }, 20);
}

sub start
{
	return system("pg_ctl -D $data -l sla.log -w start >/dev/null 2>&1") == 0;
}

is(system("initdb -D $data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1"), 0, 'a cluster is made');
open(my $conf, '>>', "$data/postgresql.conf") or die $!;
print $conf "port = $ENV{PGPORT}\nlisten_addresses = ''\nunix_socket_directories = '$ENV{PGHOST}'\nfsync = off\nshared_buffers = '64MB'\n",
	"shared_preload_libraries = 'pg_cron'\ncron.database_name = 'crm'\ncron.use_background_workers = on\nmax_worker_processes = 20\n";
close($conf);
ok(start(), 'it starts with pg_cron') or diag(`cat sla.log`);
system('createdb crm');
is(sql(q{
SET client_min_messages = error;
CREATE EXTENSION smarketing;
CREATE EXTENSION pg_cron;
CREATE TABLE person (lead_id int PRIMARY KEY, created_at timestamptz, label text, owner int);
CREATE TABLE event (lead_id int, at timestamptz, kind text, is_automatic boolean);
CREATE TABLE rep (owner int PRIMARY KEY, team text, manager text);
CREATE INDEX ON event (lead_id, at);
INSERT INTO rep VALUES (7, 'North', 'Zoé');
SELECT smarketing.bind('lead', 'person'), smarketing.bind('activity', 'event'), smarketing.bind('owner', 'rep');
SELECT smarketing.define_sla('demo', 'demo_request', 'call', '1 minute');
SELECT cron.schedule('breaches', '* * * * *', 'SELECT smarketing.notify_breaches()');
}) =~ s/[|\n]//gr, '1', 'a rule, and a job');

# From the trigger to the notification, and those that are none.
my $listener = background('listener', "node $root/test/reader/listen.mjs $driver crm smarketing");
ok(wait_until(sub { (lines('listener'))[0] }), 'a listener listens') or diag(lines('listener'));
sql(q{INSERT INTO person SELECT n, now(), 'Lead ' || n, CASE WHEN n < 4 THEN 7 END FROM generate_series(1, 4) n;
	INSERT INTO event SELECT n, now() - interval '58 seconds', 'demo_request', true FROM generate_series(1, 4) n;
	INSERT INTO event VALUES (2, now() + interval '1 second', 'call', false), (3, now() + interval '1 second', 'call', true)});
ok(wait_until(sub { lines('listener') >= 4 }), 'the worker tells of the breaches') or diag(sql('SELECT * FROM cron.job_run_details'), `tail -20 sla.log`);
my @heard = sort { $a->{lead} cmp $b->{lead} } map { decode_json($_) } grep { /^\{/ } lines('listener');
is(join(' ', map { $_->{lead} } @heard), '1 3 4', 'of those that nobody answered in person');
is_deeply([ sort keys %{ $heard[0] } ], [qw(due label lead manager owner rule triggered)], 'with what an alert shows');
is_deeply([ @{ $heard[0] }{qw(rule label owner manager)} ], [ 'demo', 'Lead 1', '7', "Zo\x{e9}" ], 'the rule, the lead, its owner and that one\'s manager');
is_deeply([ @{ $heard[2] }{qw(owner manager)} ], [ undef, undef ], 'or that there is none');
is(sql("SELECT '$heard[0]{due}'::timestamptz = due_at AND '$heard[0]{triggered}'::timestamptz = triggered_at AND due_at = triggered_at + interval '1 minute' AND detected_at > due_at FROM smarketing.breach_log WHERE lead_id = '1'"), 't', 'and when it was due');
is(sql("SELECT smarketing.notify_breaches(); SELECT count(*) FROM smarketing.breach_log"), "0\n3", 'once');
is(sql("SELECT cron.unschedule('breaches')"), 't', 'the job is taken away');

# A rule that cannot be read is named, and the others are told of.
my $broken = sql(q{SELECT smarketing.bind('lead', 'person', '{"assigned_at": "created_at"}');
	SELECT smarketing.define_sla('broken', 'assigned', 'any', '1 hour');
	SELECT smarketing.bind('lead', 'person');
	INSERT INTO person VALUES (5, now(), 'Lead 5', 7);
	INSERT INTO event VALUES (5, now() - interval '1 hour', 'demo_request', true);
	SELECT smarketing.notify_breaches(); SELECT smarketing.drop_sla('broken')});
like($broken, qr/WARNING:  (?:55000: )?SLA rule "broken" is left out: nothing that is bound tells when a lead is assigned\n/, 'a rule that cannot be read is named');
like($broken, qr/^1$/m, 'and the breach of another one is told');
like(sql(q{SELECT smarketing.map_value('kind', 'call', 'Anruf'); SELECT smarketing.map_value('kind', 'call', NULL)}),
	qr/WARNING:  (?:01000: )?SLA rules name the kind "call", which is now "Anruf": \w+/, 'nor does a new name of a kind leave the rules that name it unsaid');
like(sql(q{BEGIN; SELECT smarketing.map_value('kind', 'Anruf', 'call'), smarketing.map_value('kind', 'Anruf', 'phone'); ROLLBACK}),
	qr/WARNING:  (?:01000: )?SLA rules name the kind "call", which is now "phone": \w+/, 'nor another one of what was called so by the map');
like(sql(q{BEGIN; SELECT smarketing.map_value('kind', 'Anruf', 'call'); SET standard_conforming_strings = off; SELECT smarketing.map_value('kind', 'Anruf', NULL); ROLLBACK}),
	qr/WARNING:  (?:01000: )?SLA rules name the kind "call", which is now "Anruf": \w+/, 'nor that it is forgotten');
unlike(sql(q{BEGIN; SELECT smarketing.map_value('kind', 'any', 'other'); ROLLBACK}), qr/SLA rules/, 'any kind is no name');
like(sql(q{BEGIN; CREATE TABLE opened (id int, created_at timestamptz, status text, mql_at timestamptz);
	INSERT INTO opened VALUES (1, now(), 'Angebot', now()), (2, now(), 'New', NULL), (3, now(), 'Angebot', NULL), (4, now(), 'mql', NULL);
	SELECT smarketing.bind('lead', 'opened', '{"lead_id": "id", "stage": "status"}'); SELECT count(*) > 0 FROM smarketing.alignment(); ROLLBACK}),
	qr/NOTICE:  (?:00000: )?stages of entity "lead" that mean nothing are not seen: "Angebot" \(2\), "New" \(1\)\n/, 'alignment names the stages that it does not see');
like(sql(q{BEGIN; CREATE TABLE moved (lead_id int, opportunity_id int, at timestamptz, stage text);
	INSERT INTO moved VALUES (1, NULL, now(), repeat('Lang', 100)), (NULL, 1, now(), 'Verhandlung');
	SELECT smarketing.bind('stage_change', 'moved'); SELECT count(*) > 0 FROM smarketing.alignment(); ROLLBACK}),
	qr/NOTICE:  (?:00000: )?stages of entity "stage_change" that mean nothing are not seen: "(?:Lang){15}Lan" \(1\)\n/, 'those of leads, the beginning of them');
sql('DELETE FROM event WHERE lead_id = 5; DELETE FROM smarketing.breach_log WHERE lead_id = \'5\'');

# Keys of leads that are longer than what the log takes, or than what is told of them.
my $long = sql(q{CREATE TABLE long_person (lead_id text, created_at timestamptz, label text, owner int);
	CREATE TABLE long_event (lead_id text, at timestamptz, kind text, is_automatic boolean);
	INSERT INTO long_person SELECT key, now() FROM (VALUES (repeat('k', 600) || 'a'), (repeat('k', 600) || 'b'), ('short'), ((SELECT 'huge' || string_agg(md5(n::text), '') FROM generate_series(1, 100) n))) AS v (key);
	INSERT INTO long_event SELECT lead_id, '2026-01-01', 'demo_request', true FROM long_person;
	SELECT smarketing.bind('lead', 'long_person'), smarketing.bind('activity', 'long_event');
	LISTEN long;
	SELECT smarketing.notify_breaches('long');
	SELECT smarketing.notify_breaches('long');
	SELECT smarketing.bind('lead', 'person'), smarketing.bind('activity', 'event');
	DELETE FROM smarketing.breach_log WHERE lead_id ~ '^(k+|short)'});
like($long, qr/WARNING:  (?:01000: )?breaches of SLA rule "demo" are not logged: 1\nDETAIL:  The keys of their leads are longer than 2500 bytes; the first begins with "hugec4ca4238/, 'a key that the log cannot hold is named');
like($long, qr/^3$/m, 'the other breaches are told');
like($long, qr/^0$/m, 'once');
my @told = $long =~ /"lead" : "([^"]*)"/g;
is(scalar(@told), 3, 'each by itself');
is(scalar(grep { /^k{500}\.\.\.[0-9a-f]{64}$/ } @told), 2, 'a long key is cut, and told apart from another one');

# What a rule that is most likely a slip is told.
foreach my $slip (
	[ q{'demo_request', 'call', '90'}, qr/NOTICE:.*the limit of SLA rule "slip" is 90 seconds/ ],
	[ q{'Demo_Request AND stage:lead', 'call', '1 hour'}, qr/WARNING:.*no activity of kind "Demo_Request" has been seen yet\nHINT:  Kinds: demo_request, call\./ ],
	[ q{'demo_request', 'Càll|nobody', '1 hour'}, qr/"Càll" has been seen yet\nHINT:  Kinds: call, demo_request\./ ])
{
	like(sql("BEGIN; SELECT smarketing.define_sla('slip', $slip->[0]); ROLLBACK"), $slip->[1], $slip->[0]);
}

# What nobody can know of orphaned leads is said, as otherwise there would be none.
foreach my $untold (
	[ q{SELECT smarketing.unbind('owner')}, 'inactive owners and queues are not told: entity "owner" is not bound' ],
	[ q{SELECT 1}, 'inactive owners are not told: column "is_active" of entity "owner" is not bound' ],
	[ q{ALTER TABLE person RENAME owner TO keeper; SELECT smarketing.bind('lead', 'person')}, 'owners are not told: column "owner" of entity "lead" is not bound' ],
	[ q{SELECT smarketing.drop_sla('demo'), smarketing.unbind('activity')}, 'idle leads are not told: entity "activity" is not bound' ])
{
	like(sql("BEGIN; $untold->[0]; SELECT * FROM smarketing.orphaned_leads(); ROLLBACK"), qr/NOTICE:.*\Q$untold->[1]\E$/m, $untold->[1]);
}

# Two sessions at once: the second waits for the first, and tells of what that one did not.
my $breach = "INSERT INTO person VALUES (%1\$d, now(), 'Lead %1\$d', 7); INSERT INTO event VALUES (%1\$d, now() - interval '1 hour', 'demo_request', true)";
sql(sprintf($breach, 10));
my $first = session('first', 'BEGIN; SELECT smarketing.notify_breaches(); SELECT pg_sleep(2); COMMIT');
ok(waits(q{wait_event = 'PgSleep'}), 'a session tells of a breach');
my $second = session('second', 'SELECT smarketing.notify_breaches()');
my $third = session('third', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT smarketing.notify_breaches(); COMMIT');
ok(waits(q{query ~ 'notify_breaches' AND wait_event_type = 'Lock'}), 'another one waits for it');
waitpid($_, 0) foreach ($first, $second, $third);
is(join(' ', grep { $_ ne '' } lines('first'), lines('second')), '1 0', 'one of them tells');
like(join("\n", lines('third')), qr/ERROR:  could not serialize access due to concurrent update$/, 'nor does one that sees an older state');
sql(sprintf($breach, 11));
$first = session('first', 'BEGIN; SELECT smarketing.notify_breaches(); SELECT pg_sleep(2); ROLLBACK');
ok(waits(q{wait_event = 'PgSleep'}), 'a session tells of a breach, and will not');
$second = session('second', 'SELECT smarketing.notify_breaches()');
ok(waits(q{query ~ 'notify_breaches' AND wait_event_type = 'Lock'}), 'another one waits for it');
waitpid($_, 0) foreach ($first, $second);
is(join(' ', grep { $_ ne '' } lines('second')), '1', 'which tells in its place');
ok(wait_until(sub { grep { /"lead" : "11"/ } lines('listener') }, 20), 'and is heard');
is(scalar(grep { /"lead" : "1[01]"/ } lines('listener')), 2, 'each once');

# A log that grew and was not analysed yet is no reason to read a CRM otherwise that is: a lead's label says how it is read.
my $plan = sql(q{ANALYZE person; ANALYZE event;
	CREATE TABLE asking AS SELECT 1 AS lead_id, timestamptz '2026-01-01' AS created_at;
	CREATE TABLE asked AS SELECT 1 AS lead_id, timestamptz '2026-01-01' AS at, 'demo_request' AS kind, true AS is_automatic;
	BEGIN;
	INSERT INTO smarketing.breach_log (rule, lead_id, triggered_at, due_at) SELECT 'demo', 'filler ' || n, '2026-01-01', '2026-01-01' FROM generate_series(1, 10000) AS n;
	SELECT pg_relation_size('smarketing.breach_log') > 40 * 8192, count(*) FROM pg_stats WHERE tablename = 'breach_log';
	SELECT smarketing.bind('lead', 'asking', '{"label": "current_setting(''enable_nestloop'')"}'), smarketing.bind('activity', 'asked');
	LISTEN plans;
	SELECT smarketing.notify_breaches('plans');
	SELECT smarketing.bind('lead', 'person'), smarketing.bind('activity', 'event');
	DELETE FROM smarketing.breach_log WHERE lead_id LIKE 'filler %' OR triggered_at = '2026-01-01';
	COMMIT; DROP TABLE asking, asked});
like($plan, qr/^t\|0$/m, 'a log of many pages without statistics');
like($plan, qr/"label" : "on"/, '... is none of the tables for which nested loops are avoided');

# Two sessions at once, each of which leaves the other's score rule; and one that asks for the score which another one removes.
sql(q{SELECT smarketing.define_score('a', 'demo_request', 5), smarketing.define_score('b', 'demo_request', 5), smarketing.define_sla('scored', 'score>=5', 'call', '1 hour')});
$first = session('first', q{BEGIN; SELECT smarketing.define_score('a', NULL, NULL); SELECT pg_sleep(2); COMMIT});
ok(waits(q{wait_event = 'PgSleep'}), 'a session removes a score rule');
$second = session('second', q{SELECT smarketing.define_score('b', NULL, NULL)});
$third = session('third', q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM smarketing.score_rule; SELECT smarketing.define_score('b', NULL, NULL); COMMIT});
waitpid($_, 0) foreach ($first, $second, $third);
like(join("\n", lines($_)), qr/ERROR:  SLA rule "scored" asks for the score, of which this is the last rule/, "the $_ cannot remove the last one") foreach ('second', 'third');
sql(q{SELECT smarketing.drop_sla('scored')});
$first = session('first', q{BEGIN; SELECT smarketing.define_score('b', NULL, NULL); SELECT pg_sleep(2); COMMIT});
ok(waits(q{wait_event = 'PgSleep'}), 'a session removes the last score rule');
$second = session('second', q{SELECT smarketing.define_sla('scored', 'score>=5', 'call', '1 hour')});
waitpid($_, 0) foreach ($first, $second);
like(join("\n", lines('second')), qr/ERROR:  nothing tells the score of a lead/, 'another one cannot ask for the score');

# A calendar that a session removes while another one uses it, either first.
sql(q{SELECT smarketing.drop_sla(name) FROM smarketing.sla_rule WHERE name = 'by c'; SELECT smarketing.define_calendar('c', 'UTC', '{"mon": ["09:00-17:00"]}')});
$first = session('first', q{BEGIN; SELECT smarketing.define_sla('by c', 'demo_request', 'call', '1 hour', 'c'); SELECT pg_sleep(2); COMMIT});
ok(waits(q{wait_event = 'PgSleep'}), 'a session uses a calendar');
$second = session('second', q{DELETE FROM smarketing.calendar WHERE name = 'c'});
waitpid($_, 0) foreach ($first, $second);
like(join("\n", lines('second')), qr/ERROR:  calendar "c" is used by SLA rule "by c"/, 'another one cannot remove it');
sql(q{SELECT smarketing.drop_sla('by c')});
$first = session('first', q{BEGIN; DELETE FROM smarketing.calendar; SELECT pg_sleep(2); COMMIT});
ok(waits(q{wait_event = 'PgSleep'}), 'a session removes the calendars');
$second = session('second', q{SELECT smarketing.define_sla('by c', 'demo_request', 'call', '1 hour', 'c')});
waitpid($_, 0) foreach ($first, $second);
like(join("\n", lines('second')), qr/ERROR:  calendar "c" does not exist/, 'another one cannot use them');

# A crash before the commit: nothing was told, nothing is lost.
sql(sprintf($breach, 12));
$first = session('first', 'BEGIN; SELECT smarketing.notify_breaches(); SELECT pg_sleep(20); COMMIT');
ok(waits(q{wait_event = 'PgSleep'}), 'a session tells of a breach');
system("pg_ctl -D $data -m immediate stop >/dev/null 2>&1");
waitpid($_, 0) foreach ($first, $listener);
ok(!(grep { /"lead" : "12"/ } lines('listener')), 'the server crashes before anybody heard');
ok(start(), 'and starts again') or diag(`tail -20 sla.log`);
is(sql("SELECT count(*) FROM smarketing.breach_log WHERE lead_id = '12'"), '0', 'the breach is not logged');
# There is no listener now: the log is what remains.
is(sql("SELECT smarketing.notify_breaches(); SELECT count(*) FROM smarketing.breach_log WHERE lead_id = '12'"), "1\n1", 'and then it is, though nobody listens');

# What went on after a crash that came after the commit.
system("pg_ctl -D $data -m immediate stop >/dev/null 2>&1");
ok(start(), 'after another crash') or diag(`tail -20 sla.log`);
is(sql("SELECT smarketing.notify_breaches()"), '0', 'what was told is not told again');

# 100,000 at once, heard one by one.
$listener = background('many', "node $root/test/reader/listen.mjs $driver crm 'all of them'");
ok(wait_until(sub { (lines('many'))[0] }), 'a listener listens again') or diag(lines('many'));
is(sql(q{INSERT INTO person SELECT n, now(), repeat('long ', 2000), 7 FROM generate_series(1000, 100999) n;
	INSERT INTO event SELECT n, now() - interval '1 hour', 'demo_request', true FROM generate_series(1000, 100999) n;
	ANALYZE person, event;
	SELECT smarketing.notify_breaches('all of them')}), '100000', '100,000 breaches at once');
ok(wait_until(sub { lines('many') >= 100001 }, 60), 'are heard');
my %leads = map { $_->{lead} => 1 } map { decode_json($_) } grep { /^\{/ } lines('many');
is(scalar(keys %leads), 100000, 'each of them');
is(scalar(lines('many')), 100001, 'once');
is(sql("SELECT smarketing.notify_breaches('all of them')"), '0', 'and none is told again');
is(sql("SELECT state, count(*) FROM smarketing.sla_queue() GROUP BY 1"), 'late|100006', 'they wait until somebody answers');
system("pg_ctl -D $data -m immediate stop >/dev/null 2>&1");
waitpid($listener, 0);
done_testing();
