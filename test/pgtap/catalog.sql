-- Facts about the catalog: comments, rights, labels, row types.
SET client_min_messages = warning;
CREATE EXTENSION smarketing;
SELECT plan(14);

CREATE VIEW member AS SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'smarketing');

SELECT is_empty($$SELECT p.oid::regprocedure::text FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    WHERE obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT c.oid::regclass::text FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
    WHERE c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT t.oid::regtype::text FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
    WHERE t.typtype IN ('b', 'c') AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.reltype = t.oid AND c.relkind <> 'c')$$, 'every type has a comment');
SELECT is_empty($$SELECT p.oid::regprocedure::text FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    WHERE p.prosecdef$$, 'no function is SECURITY DEFINER');
SELECT set_eq($$SELECT p.proname::text FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    WHERE NOT has_function_privilege('pg_monitor', p.oid, 'EXECUTE')$$,
    '{bind,unbind,configure,define_calendar,define_dimension,map_stage,map_value,use_preset,create_view,create_rollup,refresh_rollup,refresh_rollups,drop_rollup,schedule_rollups,grant_read,define_score,qualify_at_score,define_sla,drop_sla,notify_breaches}'::text[], 'what configures is revoked from PUBLIC, and nothing else');
SELECT set_eq($$SELECT p.proname::text || ' ' || p.provolatile::text || p.proparallel::text FROM pg_proc p
    WHERE p.pronamespace = 'smarketing'::regnamespace AND p.proname IN ('cost_per_lead', 'cost_per_opportunity', 'opportunity_win_rate', 'customer_retention', 'customer_acquisition_cost', 'revenue_evolution', 'sales_qualified_leads', 'marketing_roi', 'lead_funnel', 'handover', 'response_times', 'sla_queue', 'orphaned_leads', 'rep_profile', 'alignment', 'lead_scores', 'kpi_compare', 'kpi', 'kpi_sql', 'kpi_rows', 'rollup_kpi')$$,
    ARRAY['cost_per_lead sr', 'cost_per_opportunity sr', 'opportunity_win_rate sr', 'customer_retention sr', 'customer_acquisition_cost sr', 'revenue_evolution sr', 'sales_qualified_leads sr', 'marketing_roi sr', 'lead_funnel sr', 'handover sr', 'response_times sr', 'sla_queue sr', 'orphaned_leads sr', 'rep_profile sr', 'alignment sr', 'lead_scores sr', 'kpi_compare sr', 'kpi sr', 'kpi_sql sr', 'kpi_rows sr', 'rollup_kpi sr'], 'KPI functions are STABLE and PARALLEL RESTRICTED');
SELECT set_eq($$SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'smarketing'::regnamespace AND c.relkind IN ('r', 'v')
    AND NOT has_table_privilege('pg_monitor', c.oid, 'SELECT')$$, ARRAY['spend_entry', 'exchange_rate_entry', 'goal_entry', 'breach_log'], 'PUBLIC reads configuration, not what was entered or who missed what');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.cost_per_lead_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, spend numeric, leads bigint, cost_per_lead numeric, mqls bigint, sqls bigint, customers bigint, disqualified bigint, mql_rate double precision, disqualified_rate double precision, cost_per_mql numeric, cost_per_sql numeric, cost_per_customer numeric', 'the row of cost_per_lead');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.opportunity_win_rate_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, created bigint, closed bigint, won bigint, lost bigint, open bigint, win_rate double precision, win_rate_low double precision, win_rate_high double precision, amount_won numeric, amount_lost numeric, amount_win_rate double precision, average_won numeric, opportunities_per_won double precision, median_cycle_hours double precision, velocity_per_day numeric, open_overdue bigint', 'the row of opportunity_win_rate');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.customer_retention_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, customers_start bigint, customers_kept bigint, customers_new bigint, customers_reactivated bigint, customers_lost bigint, retention_rate double precision, churn_rate double precision, revenue_start numeric, revenue_new numeric, revenue_expansion numeric, revenue_upsell numeric, revenue_cross_sell numeric, revenue_reactivated numeric, revenue_contraction numeric, revenue_churned numeric, revenue_end numeric, gross_revenue_retention double precision, net_revenue_retention double precision, customers_upsold bigint, customers_cross_sold bigint', 'customer_retention has the columns of the contract');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.sales_qualified_leads_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, leads bigint, mqls bigint, sals bigint, sqls bigint, opportunities bigint, won bigint, lead_to_mql_rate double precision, mql_to_sal_rate double precision, sal_to_sql_rate double precision, mql_to_sql_rate double precision, sql_to_opportunity_rate double precision, opportunity_to_won_rate double precision, lead_to_won_rate double precision, median_hours_to_mql double precision, median_hours_to_sql double precision, median_hours_to_won double precision, skipped_mqls bigint, is_mature boolean', 'columns of sales_qualified_leads');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.lead_funnel_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, step integer, stage text, entities bigint, previous_rate double precision, first_rate double precision, median_hours double precision, p90_hours double precision', 'columns of lead_funnel');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'smarketing.marketing_roi_row'::regclass),
    'period_start date, is_partial boolean, by_1 text, by_2 text, by_3 text, spend numeric, attributed_conversions double precision, attributed_revenue numeric, return_on_ad_spend double precision, roi double precision, open_pipeline numeric, unattributed_revenue numeric', 'columns of marketing_roi');
SELECT set_eq($$SELECT metric FROM smarketing.metrics$$, $$SELECT replace(c.relname, '_row', '') || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relname IN ('cost_per_lead_row', 'cost_per_opportunity_row', 'customer_retention_row', 'opportunity_win_rate_row', 'revenue_evolution_row', 'customer_acquisition_cost_row', 'sales_qualified_leads_row', 'marketing_roi_row', 'handover_row') AND a.attnum > 5
      AND a.attname NOT IN ('is_projection', 'is_mature', 'low', 'high', 'top_reject_reason', 'weak_side')$$, 'metrics has every column of the KPI functions');
SELECT finish();
