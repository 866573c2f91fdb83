# The seconds that leads of an Odoo database stayed in each stage: Odoo's own reckoning beside durations(). And marketing
# ROI of two such databases: what is attributed and what is not are the amount won, under every model.
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

# Marketing ROI of two databases that are bound by hand.
my %won = (crm_odoo => '213 1831184.84', crm_odoo14 => '51 440341.08');
$sql = <<'SQL';
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS smarketing;
-- Won: in a won stage, with probability 100; lost: archived, with probability 0. The channel is the source, else the medium.
CREATE VIEW deal AS
SELECT l.id, l.type, l.partner_id, l.user_id, l.create_date AS entered, coalesce(l.date_conversion, l.create_date) AS opened, l.date_closed AS closed, l.expected_revenue AS revenue,
    CASE WHEN g.is_won AND l.probability = 100 THEN true WHEN NOT l.active AND l.probability = 0 THEN false END AS won, coalesce(s.name, m.name) AS channel, c.name AS campaign
FROM crm_lead AS l LEFT JOIN crm_stage AS g ON g.id = l.stage_id LEFT JOIN utm_source AS s ON s.id = l.source_id LEFT JOIN utm_medium AS m ON m.id = l.medium_id LEFT JOIN utm_campaign AS c ON c.id = l.campaign_id;
CREATE VIEW won_deal AS SELECT *, coalesce('partner ' || partner_id, 'lead ' || id) AS journey, date_trunc('month', closed)::date AS month FROM deal WHERE type = 'opportunity' AND won;
CREATE VIEW message AS SELECT date, res_id, message_type || ' ' || coalesce(subtype_id::text, '') AS kind FROM mail_message WHERE model = 'crm.lead';
SELECT smarketing.configure('time_zone', 'UTC'),
    smarketing.bind('lead', 'deal', '{"lead_id": "id", "account_id": "partner_id", "created_at": "entered", "owner": "user_id"}'),
    smarketing.bind('opportunity', 'deal', '{"opportunity_id": "id", "lead_id": "id", "account_id": "partner_id", "created_at": "opened", "closed_at": "closed", "amount": "revenue", "owner": "user_id"}', $$type = 'opportunity'$$) \gset
-- What differs from the amounts won.
CREATE FUNCTION credited(since timestamptz, until timestamptz, by text[], filter jsonb, options jsonb) RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(sum(attributed_revenue + unattributed_revenue), 0) FROM smarketing.marketing_roi(since, until, 'all', by, filter, options) $$;
CREATE FUNCTION unequal(options jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s: %s, won %s', what, of, credited, amount), '; ') FROM (
        SELECT 'in total' AS what, '' AS of, sum(revenue) AS amount, credited(NULL, NULL, '{}', '{}', options) AS credited FROM won_deal
        UNION ALL SELECT 'by channel', '', sum(revenue), credited(NULL, NULL, '{channel}', '{}', options) FROM won_deal
        UNION ALL SELECT 'by month', period_start::text, coalesce((SELECT sum(revenue) FROM won_deal WHERE month = period_start), 0), attributed_revenue + unattributed_revenue FROM smarketing.marketing_roi('2024-03-01', '2026-10-02', options => options)
        UNION ALL SELECT 'by channel and campaign in', m::text, coalesce((SELECT sum(revenue) FROM won_deal WHERE month = m), 0), credited(m, m + interval '1 month', '{channel,campaign}', '{}', options) FROM generate_series(timestamptz '2025-08-01', '2025-10-01', '1 month') AS m
        UNION ALL SELECT 'of owner', owner, amount, credited(NULL, NULL, '{}', jsonb_build_object('owner', owner), options) FROM (SELECT user_id::text AS owner, sum(revenue) AS amount FROM won_deal WHERE user_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 2) AS o
        UNION ALL SELECT 'by opportunity_win_rate', '', amount_won, credited('2024-03-01', '2026-10-02', '{}', '{}', options) FROM smarketing.opportunity_win_rate('2024-03-01', '2026-10-02', 'all', options => '{"kind": "all"}')) AS t
    WHERE amount IS DISTINCT FROM credited $$;
CREATE FUNCTION unequal() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(model || ': ' || unequal(jsonb_build_object('model', model)), ' | '), 'none') FROM unnest('{first,last,last_non_direct,linear,time_decay,position,position(30/40/30),w_shaped,full_path}'::text[]) AS model $$;
SELECT count(*) || ' ' || sum(revenue) FROM won_deal;
SELECT unequal();
-- The first touch where none are bound: of the leads of the deal's partner, else of the deal itself, that came in the ninety days before its closing, the first one's channel.
CREATE VIEW first_touch AS
SELECT won.id, month, revenue, CASE WHEN f.entered IS NULL THEN '(unattributed)' ELSE coalesce(f.channel, '(none)') END AS channel
FROM won_deal AS won LEFT JOIN LATERAL (
    SELECT d.entered, d.channel FROM deal AS d WHERE coalesce('partner ' || d.partner_id, 'lead ' || d.id) = won.journey AND d.entered BETWEEN won.closed - interval '90 days' AND won.closed
    ORDER BY d.entered, d.channel IS NULL, d.channel COLLATE "C" LIMIT 1) AS f ON true;
SELECT count(*) FILTER (WHERE channel <> '(unattributed)') > 20 AND count(DISTINCT channel) > 4 FROM first_touch;
SELECT count(*) FROM (SELECT channel, sum(revenue) AS revenue, count(*) FROM first_touch GROUP BY 1) AS f
FULL JOIN (SELECT by_1 AS channel, attributed_revenue + unattributed_revenue AS revenue, attributed_conversions FROM smarketing.marketing_roi(period => 'all', by => '{channel}', options => '{"model": "first"}') WHERE attributed_conversions <> 0 OR by_1 = '(unattributed)') AS k USING (channel)
WHERE f.revenue IS DISTINCT FROM k.revenue OR f.count <> k.attributed_conversions AND channel <> '(unattributed)';
SELECT count(*) FROM (SELECT month, channel, sum(revenue) AS revenue FROM first_touch WHERE month >= '2024-03-01' AND month < '2026-10-01' GROUP BY 1, 2) AS f
FULL JOIN (SELECT period_start AS month, by_1 AS channel, attributed_revenue + unattributed_revenue AS revenue FROM smarketing.marketing_roi('2024-03-01', '2026-10-01', by => '{channel}', options => '{"model": "first"}')) AS k USING (month, channel)
WHERE coalesce(f.revenue, 0) <> coalesce(k.revenue, 0);
-- Messages as touches: many, several of them in one second.
SELECT smarketing.bind('touch', 'message', '{"at": "date", "lead_id": "res_id", "channel": "kind"}') \gset
SELECT unequal();
SELECT attributed_revenue > 0 AND unattributed_revenue >= 0 FROM smarketing.marketing_roi(period => 'all');
SQL
foreach my $name (sort keys %won)
{
	$data = "$ENV{SMK_ROOT}/../shared/data/$name";
	next unless -f "$data/odoo.sql.gz";
	if ($name ne 'crm_odoo')
	{
		system('dropdb', $database);
		is(system('createdb', $database), 0, "$name: a database");
		is(system("zcat '$data/odoo.sql.gz' | psql -Xq -v ON_ERROR_STOP=1 -d $database -o /dev/null"), 0, 'which is loaded');
	}
	open($file, '>', 'roi.sql') or die $!;
	print $file $sql;
	close($file);
	@answers = split /\n/, `psql -XAtq -v ON_ERROR_STOP=1 -d $database -f roi.sql 2>&1`;
	is($answers[0], $won{$name}, "$name: what is won");
	is($answers[1], 'none', 'under every model it is what is attributed and what is not, leads being touches');
	is($answers[2], 't', 'first touches of several channels');
	is($answers[3], '0', 'are those of marketing_roi');
	is($answers[4], '0', 'month by month');
	is($answers[5], 'none', 'messages being touches, it is what is won as well');
	is($answers[6], 't', 'some of it attributed');
}
system('dropdb', $database);
done_testing();
