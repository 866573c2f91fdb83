# Two databases that Odoo wrote, bound by use_preset('odoo') alone: the seconds that leads stayed in each stage, Odoo's
# own reckoning beside durations(); every figure of the files beside the KPI functions; and marketing ROI: what is
# attributed and what is not are the amount won, under every model.
use strict;
use warnings;
use Test::More;

my $data = "$ENV{SMK_ROOT}/../shared/data/crm_odoo";
my $database = "smarketing_crm_odoo_$$";

plan skip_all => 'no shared data' unless -f "$data/odoo.sql.gz";
is(system('createdb', $database), 0, 'a database for what Odoo wrote');
is(system("zcat '$data/odoo.sql.gz' | psql -Xq -v ON_ERROR_STOP=1 -d $database -o /dev/null"), 0, 'which is loaded');

my $sql = <<"SQL";
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION smarketing;
SELECT smarketing.configure('time_zone', 'UTC'), (SELECT count(*) FROM smarketing.use_preset('odoo')) AS entities \\gset
CREATE TABLE odoo_seconds (lead_id int, stage_id int, seconds bigint);
\\copy odoo_seconds FROM '$data/oracle_stage_seconds.csv' CSV HEADER
SELECT smarketing.expose('stage_change', 'bound_change') \\gset
CREATE VIEW change AS SELECT lead_id, at, coalesce((SELECT id FROM crm_stage WHERE name ->> 'en_US' = stage), substring(stage from 'deleted stage (\\d+)')::int) AS stage_id FROM bound_change;
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

# Every figure of the files, by the KPI functions; the data's path stands for DATA. A row tells of a difference.
my $figures = <<'SQL';
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE TABLE won_status (key text, leads bigint, opportunities bigint, won bigint, lost bigint, open bigint, archived_pending bigint, lost_as_lead bigint, amount_won numeric, amount_lost numeric, win_rate numeric);
\copy won_status (leads, opportunities, won, lost, open, archived_pending, lost_as_lead, amount_won, amount_lost, win_rate) FROM 'DATA/won_status_total.csv' CSV HEADER
CREATE TABLE by_channel (LIKE won_status);
\copy by_channel FROM 'DATA/won_status_by_channel.csv' CSV HEADER
CREATE TABLE by_source (LIKE won_status);
\copy by_source FROM 'DATA/won_status_by_source.csv' CSV HEADER
CREATE TABLE by_owner (LIKE won_status);
\copy by_owner FROM 'DATA/won_status_by_owner.csv' CSV HEADER
CREATE TABLE created (month date, leads bigint, opportunities bigint);
\copy created FROM 'DATA/oracle_by_month_created.csv' CSV HEADER
CREATE TABLE closed (month date, won bigint, lost bigint, amount_won numeric, amount_lost numeric);
\copy closed FROM 'DATA/won_status_by_month_closed_or_tracked.csv' CSV HEADER
CREATE TABLE reasons (reason text, lost_opportunities bigint, lost_leads bigint, amount_lost numeric);
\copy reasons FROM 'DATA/oracle_lost_reasons.csv' CSV HEADER
CREATE TABLE changes (from_id int, from_stage text, to_id int, to_stage text, changes bigint);
\copy changes FROM 'DATA/oracle_stage_changes.csv' CSV HEADER
CREATE TABLE done (month date, done bigint);
\copy done FROM 'DATA/oracle_activities_done_by_month.csv' CSV HEADER
CREATE TABLE invoiced (month date, invoiced numeric, invoices bigint, refunds bigint);
\copy invoiced FROM 'DATA/oracle_invoiced_by_month.csv' CSV HEADER
SELECT smarketing.define_dimension('source', '{"lead": "utm_source_name", "opportunity": "utm_source_name"}'), smarketing.expose('lead', 'the_lead'), smarketing.expose('opportunity', 'the_opportunity'),
    smarketing.expose('activity', 'the_activity'), smarketing.expose('revenue', 'the_revenue'), smarketing.expose('stage_change', 'the_change') \gset
-- By one dimension. What was archived undecided is open to the KPI: neither won nor lost.
CREATE FUNCTION unlike(by text[], oracle regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    different text;
BEGIN
    EXECUTE format($q$SELECT string_agg(key, ', ') FROM %s AS o FULL JOIN (
        SELECT by_1 AS key, coalesce(l.leads, 0) AS leads, coalesce(w.created, 0) AS created, coalesce(w.won, 0) AS won, coalesce(w.lost, 0) AS lost, coalesce(w.open, 0) AS open, coalesce(l.disqualified, 0) AS disqualified, coalesce(w.amount_won, 0) AS amount_won, coalesce(w.amount_lost, 0) AS amount_lost, round(w.win_rate::numeric, 6) AS win_rate
        FROM smarketing.opportunity_win_rate(NULL, NULL, 'all', $1) AS w FULL JOIN smarketing.cost_per_lead(NULL, NULL, 'all', $1) AS l USING (by_1)) AS k USING (key)
        WHERE (o.leads, o.opportunities, o.won, o.lost, o.open + o.archived_pending, o.lost_as_lead, o.amount_won, o.amount_lost, o.win_rate) IS DISTINCT FROM (k.leads, k.created, k.won, k.lost, k.open, k.disqualified, k.amount_won, k.amount_lost, k.win_rate)$q$,
        oracle) INTO different USING by;
    RETURN coalesce(different, 'none');
END $$;
SELECT won || ' ' || lost || ' ' || created FROM smarketing.opportunity_win_rate(NULL, NULL, 'all');
SELECT unlike('{channel}', 'by_channel');
SELECT unlike('{source}', 'by_source');
SELECT unlike('{owner}', 'by_owner');
SELECT count(*) FROM won_status AS o, smarketing.opportunity_win_rate(NULL, NULL, 'all') AS w, smarketing.cost_per_lead(NULL, NULL, 'all') AS l
WHERE (o.leads, o.opportunities, o.won, o.lost, o.open + o.archived_pending, o.lost_as_lead, o.amount_won, o.amount_lost, o.win_rate) IS NOT DISTINCT FROM (l.leads, w.created, w.won, w.lost, w.open, l.disqualified, w.amount_won, w.amount_lost, round(w.win_rate::numeric, 6));
SELECT count(*) FROM created AS o FULL JOIN (SELECT period_start AS month, l.leads, w.created FROM smarketing.cost_per_lead('2024-03-01', '2026-10-01') AS l JOIN smarketing.opportunity_win_rate('2024-03-01', '2026-10-01') AS w USING (period_start)) AS k USING (month)
WHERE coalesce(o.leads, 0) <> k.leads OR coalesce(o.opportunities, 0) <> k.created OR k.leads IS NULL;
SELECT count(*) FROM closed AS o FULL JOIN (SELECT period_start AS month, won, lost, amount_won, amount_lost FROM smarketing.opportunity_win_rate('2024-03-01', '2026-10-01')) AS k USING (month)
WHERE (coalesce(o.won, 0), coalesce(o.lost, 0), coalesce(o.amount_won, 0), coalesce(o.amount_lost, 0)) IS DISTINCT FROM (k.won, k.lost, k.amount_won, k.amount_lost);
SELECT count(*) FROM reasons AS o FULL JOIN (
    SELECT coalesce(reason, '(none)') AS reason, count(*) FILTER (WHERE is_opportunity) AS lost_opportunities, count(*) FILTER (WHERE NOT is_opportunity) AS lost_leads, coalesce(sum(amount), 0) AS amount_lost FROM (
        SELECT lost_reason AS reason, amount, true AS is_opportunity FROM the_opportunity WHERE NOT won UNION ALL SELECT disqualified_reason, NULL, false FROM the_lead WHERE disqualified_at IS NOT NULL) AS lost GROUP BY 1) AS k USING (reason)
WHERE (o.lost_opportunities, o.lost_leads, o.amount_lost) IS DISTINCT FROM (k.lost_opportunities, k.lost_leads, k.amount_lost);
-- Each change by what it led to; beside them one row for each lead, the stage in which it began.
SELECT count(*) FROM (SELECT CASE WHEN to_stage = '(deleted)' THEN 'deleted stage ' || to_id ELSE to_stage END AS stage, sum(changes) AS changes FROM changes GROUP BY 1) AS o FULL JOIN (
    SELECT c.stage, count(*) AS changes FROM the_change AS c JOIN crm_lead AS l ON l.id = c.lead_id WHERE c.at <> l.create_date AT TIME ZONE 'UTC' GROUP BY 1) AS k USING (stage)
WHERE o.changes IS DISTINCT FROM k.changes;
SELECT (SELECT sum(changes) FROM changes) + (SELECT count(*) FROM crm_lead) - (SELECT count(*) FROM the_change);
SELECT count(*) FROM done AS o FULL JOIN (SELECT date_trunc('month', at)::date AS month, count(*) AS done FROM the_activity GROUP BY 1) AS k USING (month) WHERE o.done IS DISTINCT FROM k.done;
SELECT count(*) FROM invoiced AS o FULL JOIN (SELECT period_start AS month, revenue FROM smarketing.revenue_evolution('2024-03-01', '2026-10-01')) AS k USING (month) WHERE coalesce(o.invoiced, 0) IS DISTINCT FROM k.revenue;
SELECT count(*) FROM smarketing.bindings WHERE problem IS NOT NULL;
SQL

# Marketing ROI, beside what the raw tables give.
my %won = (crm_odoo => '213 1831184.84', crm_odoo14 => '51 440341.08');
my %counts = (crm_odoo => '213 211 634', crm_odoo14 => '51 55 158');
$sql = <<'SQL';
SET client_min_messages = warning;
SET TimeZone = 'UTC';
-- Won: in a won stage, with probability 100; lost: archived, with probability 0. The channel is the source, else the medium. Closed by its date, else by the change into a won stage, else when it was created.
CREATE VIEW deal AS
SELECT l.id, l.type, coalesce(f.commercial_partner_id, l.partner_id) AS partner_id, p.name AS salesperson, l.create_date AS entered, coalesce(l.date_conversion, l.create_date) AS opened, l.expected_revenue AS revenue,
    CASE WHEN g.is_won AND l.probability = 100 THEN true WHEN NOT l.active AND l.probability = 0 THEN false END AS won, coalesce(s.name, m.name) AS channel, c.name AS campaign,
    coalesce(l.date_closed, (SELECT max(b.date) FROM mail_message AS b JOIN mail_tracking_value AS v ON v.mail_message_id = b.id JOIN ir_model_fields AS i ON i.id = (coalesce(to_jsonb(v) ->> 'field_id', to_jsonb(v) ->> 'field'))::int
        WHERE b.model = 'crm.lead' AND b.res_id = l.id AND i.model = 'crm.lead' AND i.name = 'stage_id' AND v.new_value_integer IN (SELECT id FROM crm_stage WHERE is_won)), l.create_date) AS closed
FROM crm_lead AS l LEFT JOIN crm_stage AS g ON g.id = l.stage_id LEFT JOIN utm_source AS s ON s.id = l.source_id LEFT JOIN utm_medium AS m ON m.id = l.medium_id LEFT JOIN utm_campaign AS c ON c.id = l.campaign_id
    LEFT JOIN res_partner AS f ON f.id = l.partner_id LEFT JOIN res_users AS u ON u.id = l.user_id LEFT JOIN res_partner AS p ON p.id = u.partner_id;
CREATE TABLE won_deal AS SELECT *, coalesce('partner ' || partner_id, 'lead ' || id) AS journey, date_trunc('month', closed)::date AS month FROM deal WHERE type = 'opportunity' AND won;
CREATE VIEW message AS SELECT date, res_id, message_type || ' ' || coalesce(subtype_id::text, '') AS kind FROM mail_message WHERE model = 'crm.lead';
-- What differs from the amounts won.
CREATE FUNCTION credited(since timestamptz, until timestamptz, by text[], filter jsonb, options jsonb) RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(sum(attributed_revenue + unattributed_revenue), 0) FROM smarketing.marketing_roi(since, until, 'all', by, filter, options) $$;
CREATE FUNCTION unequal(options jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s: %s, won %s', what, of, credited, amount), '; ') FROM (
        SELECT 'in total' AS what, '' AS of, sum(revenue) AS amount, credited(NULL, NULL, '{}', '{}', options) AS credited FROM won_deal
        UNION ALL SELECT 'by channel', '', sum(revenue), credited(NULL, NULL, '{channel}', '{}', options) FROM won_deal
        UNION ALL SELECT 'by month', period_start::text, coalesce((SELECT sum(revenue) FROM won_deal WHERE month = period_start), 0), attributed_revenue + unattributed_revenue FROM smarketing.marketing_roi('2024-03-01', '2026-10-02', options => options)
        UNION ALL SELECT 'by channel and campaign in', m::text, coalesce((SELECT sum(revenue) FROM won_deal WHERE month = m), 0), credited(m, m + interval '1 month', '{channel,campaign}', '{}', options) FROM generate_series(timestamptz '2025-08-01', '2025-10-01', '1 month') AS m
        UNION ALL SELECT 'of owner', owner, amount, credited(NULL, NULL, '{}', jsonb_build_object('owner', owner), options) FROM (SELECT salesperson AS owner, sum(revenue) AS amount FROM won_deal WHERE salesperson IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 2) AS o
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
		is(`psql -XAtq -d $database -c "CREATE EXTENSION smarketing; SELECT smarketing.configure('time_zone', 'UTC')" -c "SELECT count(*) FROM smarketing.use_preset('odoo') WHERE source IS NOT NULL" 2>/dev/null` =~ s/\s//gr, '7', 'and bound');
	}
	open($file, '>', 'figures.sql') or die $!;
	print $file $figures =~ s/DATA/$data/gr;
	close($file);
	@answers = split /\n/, `psql -XAtq -v ON_ERROR_STOP=1 -d $database -f figures.sql 2>&1`;
	is(shift @answers, $counts{$name}, "$name: opportunities won, lost, all");
	is(shift @answers, 'none', "$name: figures $_") foreach ('by channel', 'by source', 'by owner');
	is(shift @answers, '1', "$name: figures in total");
	is(shift @answers, '0', "$name: $_") foreach ('leads and opportunities by the month of creation', 'won and lost by the month of closing', 'reasons of losses',
		'changes of stage', 'the first stages', 'activities done by month', 'invoiced by month', 'problems of bindings');
	is(scalar @answers, 0, "$name: no more to tell") or diag(join "\n", @answers);
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
