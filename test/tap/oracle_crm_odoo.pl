# The seconds that leads of an Odoo database stayed in each stage: Odoo's own reckoning beside durations().
use strict;
use warnings;
use Test::More;

my $data = "$ENV{SMK_ROOT}/../shared/data/crm_odoo";
my $database = "smarketing_crm_odoo_$$";

plan skip_all => 'no shared data' unless -f "$data/odoo.sql.gz";
is(system('createdb', $database), 0, 'a database for what Odoo wrote');
is(system("zcat '$data/odoo.sql.gz' | psql -Xq -v ON_ERROR_STOP=1 -d $database -o /dev/null"), 0, 'which is loaded');

# Times have no fraction: of two changes in one second the log tells the order. Creation is not tracked: the first
# stage is the old one of the first change, else that of today.
my $sql = <<"SQL";
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
CREATE TABLE odoo_seconds (lead_id int, stage_id int, seconds bigint);
\\copy odoo_seconds FROM '$data/oracle_stage_seconds.csv' CSV HEADER
CREATE TABLE change AS
SELECT m.res_id AS lead_id, t.old_value_integer AS old_stage, t.new_value_integer AS stage_id,
    m.date + row_number() OVER (PARTITION BY m.res_id, m.date ORDER BY t.id) * interval '1 microsecond' AS at
FROM mail_tracking_value AS t JOIN mail_message AS m ON m.id = t.mail_message_id JOIN ir_model_fields AS f ON f.id = t.field_id
WHERE m.model = 'crm.lead' AND f.model = 'crm.lead' AND f.name = 'stage_id';
INSERT INTO change
SELECT id, NULL, coalesce((SELECT old_stage FROM change WHERE lead_id = l.id ORDER BY at LIMIT 1), stage_id), create_date FROM crm_lead AS l;
CREATE TABLE named AS
SELECT stage_id, ('{visitor,lead,mql,sal,sql,opportunity,won,disqualified,recycled,lost,churned}'::smarketing.funnel_stage[])[row_number() OVER (ORDER BY stage_id)] AS stage
FROM (SELECT DISTINCT stage_id FROM change) AS s;
CREATE TABLE stayed AS
SELECT lead_id, stage_id, d.total_hours * 3600 AS seconds
FROM (SELECT lead_id, smarketing.durations(lead_id, stage, at) AS summary FROM change JOIN named USING (stage_id) GROUP BY lead_id) AS l,
    smarketing.stage_durations(summary, '2026-09-30 21:30:00+00') AS d JOIN named ON named.stage::text = d.stage;
SELECT (SELECT count(*) FROM named WHERE stage IS NULL) || ' ' || (SELECT count(*) FROM change);
SELECT count(*) || ' ' || count(*) FILTER (WHERE s.seconds IS NULL OR o.seconds IS NULL) || ' ' || count(*) FILTER (WHERE round(abs(s.seconds - o.seconds)::numeric, 3) > 2)
FROM stayed AS s FULL JOIN odoo_seconds AS o USING (lead_id, stage_id);
SELECT bool_and(abs(hours - seconds / 3600.0) < 2 * leads / 3600.0) FROM (
    SELECT d.total_hours AS hours, (SELECT sum(seconds) FROM odoo_seconds WHERE stage_id = named.stage_id) AS seconds, (SELECT count(*) FROM odoo_seconds WHERE stage_id = named.stage_id) AS leads
    FROM smarketing.stage_durations((SELECT smarketing.durations(lead_id, stage, at) FROM change JOIN named USING (stage_id)), '2026-09-30 21:30:00+00') AS d JOIN named ON named.stage::text = d.stage) AS t;
SQL
open(my $file, '>', 'odoo.sql') or die $!;
print $file $sql;
close($file);
my @answers = split /\n/, `psql -XAtq -v ON_ERROR_STOP=1 -d $database -f odoo.sql 2>&1`;
is($answers[0], '0 2246', 'every stage has a name; 1,331 changes, 915 creations');
is($answers[1], '2180 0 0', 'of each lead and stage the seconds are Odoo\'s, within 2');
is($answers[2], 't', 'and of all leads at once');
system('dropdb', $database);
done_testing();
