# Views and rollups over the two databases that Odoo wrote, bound by use_preset('odoo') alone: each is its KPI function, for
# KPIs, periods and dimensions at random; made in one session's time zone, refreshed in another's.
use strict;
use warnings;
use Test::More;

my $seed = $ENV{SMK_SEED} // int(rand(1_000_000));

plan skip_all => 'no shared data' unless -f "$ENV{SMK_ROOT}/../shared/data/crm_odoo/odoo.sql.gz";
diag("seed $seed");

my $script = <<'SQL';
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT count(*) FROM smarketing.use_preset('odoo') \g /dev/null
INSERT INTO smarketing.spend_entry (at, channel, amount) SELECT day, channel, 100.55 FROM generate_series(date '2024-03-01', date '2026-12-01', '1 month') AS day, unnest('{Newsletter,LinkedIn,Webinar}'::text[]) AS channel;
SELECT setseed(:seed / 1000000.0) \g /dev/null
CREATE TABLE made AS
SELECT 'made_' || row_number() OVER () AS name, * FROM (
    SELECT kpi, period, by, is_rollup
    FROM unnest('{cost_per_lead,cost_per_opportunity,customer_retention,customer_acquisition_cost,revenue_evolution,sales_qualified_leads,marketing_roi,opportunity_win_rate}'::text[]) AS kpi,
        unnest('{day,week,month,quarter,year}'::text[]) AS period, (VALUES ('{}'::text[]), ('{channel}'), ('{owner}'), ('{team}'), ('{channel,campaign}')) AS b (by), unnest('{true,false}'::boolean[]) AS is_rollup
    WHERE (kpi IN ('sales_qualified_leads', 'opportunity_win_rate') OR by IN ('{}', '{channel}')) AND NOT (kpi = 'revenue_evolution' AND by <> '{}') AND NOT (kpi = 'customer_retention' AND period = 'day')
    ORDER BY random() LIMIT 24) AS t;
SET TimeZone = 'Asia/Tokyo';
SELECT CASE WHEN is_rollup THEN smarketing.create_rollup(name, kpi, period, by) ELSE smarketing.create_view(name, kpi, period, by) END FROM made \g /dev/null
SET TimeZone = 'America/New_York';
SELECT smarketing.refresh_rollup(name) FROM made WHERE is_rollup \g /dev/null
CREATE FUNCTION differences(made) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    since date := smarketing.period_start($1.period, (now() - interval '18 months')::date);
    until date := smarketing.period_end($1.period, now(), (SELECT coalesce(value, default_value) FROM smarketing.settings WHERE name = 'time_zone'));
    left_out text[] := CASE WHEN $1.is_rollup AND $1.period IN ('day', 'week') THEN '{open_pipeline,trailing_12_months}' ELSE '{}' END::text[];
    n bigint;
    rows bigint;
BEGIN
    -- By day and week a cell may be there for what is left out alone.
    EXECUTE format($q$
        WITH stored AS MATERIALIZED (SELECT to_jsonb(v) - %1$L::text[] AS r FROM %2$I AS v WHERE period_start >= %3$L), computed AS MATERIALIZED (SELECT to_jsonb(f) - %1$L::text[] AS r FROM (%4$s) AS f),
            compared AS (SELECT r, true AS is_stored FROM stored UNION ALL SELECT r, false FROM computed)
        SELECT (SELECT count(*) FROM (SELECT r FROM compared WHERE cardinality(%1$L::text[]) = 0 OR jsonb_path_exists(r, '$.* ? (@.type() == "number" && @ <> 0)') GROUP BY r HAVING count(*) FILTER (WHERE is_stored) <> count(*) FILTER (WHERE NOT is_stored)) AS d), (SELECT count(*) FROM computed)$q$,
        left_out, $1.name, since, smarketing.kpi_sql($1.kpi, since, until, $1.period, $1.by)) INTO n, rows;
    RETURN CASE WHEN rows = 0 THEN -1 ELSE n END;
END$$;
SELECT format('%s %s by %s%s', CASE WHEN is_rollup THEN 'rollup' ELSE 'view' END, kpi, period, CASE WHEN by <> '{}' THEN ' and ' || array_to_string(by, ', ') ELSE '' END) || '|' || differences(made) FROM made ORDER BY length(name), name;
SQL
open(my $file, '>', 'odoo_stored.sql') or die $!;
print $file $script;
close($file);

foreach my $data ('crm_odoo', 'crm_odoo14')
{
	my $database = "smarketing_stored_${data}_$$";
	is(system("createdb $database && zcat '$ENV{SMK_ROOT}/../shared/data/$data/odoo.sql.gz' | psql -Xq -v ON_ERROR_STOP=1 -d $database -o /dev/null"), 0, "$data is loaded");
	my @lines = split /\n/, `psql -XAtq -v ON_ERROR_STOP=1 -v seed=$seed -d $database -f odoo_stored.sql 2>&1`;
	is(scalar @lines, 24, 'views and rollups of it') or diag(join "\n", @lines);
	foreach my $line (@lines)
	{
		my ($what, $differences) = split /\|/, $line;
		is($differences // '', '0', "$what is its function");
	}
	system("dropdb $database");
}
done_testing();
