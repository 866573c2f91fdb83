-- Views and rollups: the compiled statement of a KPI, stored.

CREATE TABLE smarketing.stored_view (
    name pg_catalog.text PRIMARY KEY,
    parts pg_catalog.text,
    kpi pg_catalog.text NOT NULL,
    period pg_catalog.text NOT NULL,
    by pg_catalog.text[] NOT NULL,
    last pg_catalog.interval,
    options pg_catalog.jsonb NOT NULL,
    settings pg_catalog.jsonb NOT NULL,
    row_count pg_catalog.int8,
    last_refresh pg_catalog.timestamptz,
    last_seconds pg_catalog.float8,
    last_error pg_catalog.text
);

COMMENT ON TABLE smarketing.stored_view IS 'what create_view() and create_rollup() made; written by them, by refresh_rollup() and by drop_rollup()';

COMMENT ON COLUMN smarketing.stored_view.name IS 'the view, qualified and quoted';

COMMENT ON COLUMN smarketing.stored_view.parts IS 'the materialized view under a rollup, likewise; NULL for a plain view';

COMMENT ON COLUMN smarketing.stored_view.settings IS 'the settings of the database when it was made, by which it is still computed';

SELECT pg_catalog.pg_extension_config_dump('smarketing.stored_view', '');

CREATE FUNCTION smarketing.rollups_next_run()
RETURNS pg_catalog.timestamptz
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'smk_rollups_next_run';

COMMENT ON FUNCTION smarketing.rollups_next_run() IS 'when pg_cron refreshes the rollups next, as far as the caller may see its job; else NULL';

CREATE VIEW smarketing.rollups AS
SELECT stored_view.name, stored_view.kpi, stored_view.period,
       pg_catalog.array_to_string(stored_view.by, ', '::pg_catalog.text) AS by,
       false AS incremental, stored_view.row_count, pg_catalog.pg_total_relation_size(parts.oid::pg_catalog.regclass) AS bytes,
       stored_view.last_refresh, stored_view.last_seconds,
       CASE WHEN parts.oid IS NULL THEN 'its materialized view is gone'::pg_catalog.text
            ELSE stored_view.last_error END AS last_error,
       NULL::pg_catalog.int8 AS dirty_buckets, NULL::pg_catalog.timestamptz AS stale_since,
       (SELECT smarketing.rollups_next_run()) AS next_run
FROM smarketing.stored_view
     LEFT JOIN (
         SELECT pg_class.oid, pg_catalog.format('%I.%I'::pg_catalog.text, pg_namespace.nspname, pg_class.relname) AS name
         FROM pg_catalog.pg_class
              JOIN pg_catalog.pg_namespace ON pg_namespace.oid OPERATOR(pg_catalog.=) pg_class.relnamespace
         WHERE pg_class.relkind OPERATOR(pg_catalog.=) 'm'::pg_catalog."char") AS parts
         ON parts.name OPERATOR(pg_catalog.=) stored_view.parts
WHERE stored_view.parts IS NOT NULL;

COMMENT ON VIEW smarketing.rollups IS 'every rollup, what it holds and how old that is';

COMMENT ON COLUMN smarketing.rollups.name IS 'the view to read, qualified and quoted';

COMMENT ON COLUMN smarketing.rollups.kpi IS 'the KPI function whose columns it has';

COMMENT ON COLUMN smarketing.rollups.period IS 'the period that a row is of';

COMMENT ON COLUMN smarketing.rollups.by IS 'its dimensions, with commas between them';

COMMENT ON COLUMN smarketing.rollups.incremental IS 'whether changes alone are computed again; false for a materialized view, which is computed as a whole';

COMMENT ON COLUMN smarketing.rollups.row_count IS 'how many cells are stored, as of the last refresh';

COMMENT ON COLUMN smarketing.rollups.bytes IS 'what it takes on disk, with its index';

COMMENT ON COLUMN smarketing.rollups.last_refresh IS 'it holds what was committed before this time';

COMMENT ON COLUMN smarketing.rollups.last_seconds IS 'how long that refresh took';

COMMENT ON COLUMN smarketing.rollups.last_error IS 'why the last CALL of refresh_rollups() did not refresh it; NULL when it did';

COMMENT ON COLUMN smarketing.rollups.dirty_buckets IS 'of incremental rollups: the periods to be computed again; NULL for a materialized view, which does not know';

COMMENT ON COLUMN smarketing.rollups.stale_since IS 'of incremental rollups: the oldest change that is not yet in; NULL for a materialized view, which does not know';

COMMENT ON COLUMN smarketing.rollups.next_run IS 'when pg_cron refreshes it next, to who may see the job; NULL where nothing is scheduled, or every few seconds';

GRANT SELECT ON smarketing.stored_view, smarketing.rollups TO PUBLIC;

CREATE FUNCTION smarketing.rollup_kpi(name pg_catalog.text, metric pg_catalog.text,
    since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.kpi_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_rollup_kpi';

COMMENT ON FUNCTION smarketing.rollup_kpi(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb) IS
    'a metric of a rollup, as kpi() gives it, from what is stored: at its own period or a coarser one, by all of its dimensions or fewer';

-- What configures. Not for PUBLIC: these make relations that others read, refresh them at somebody's cost, and grant.

CREATE FUNCTION smarketing.create_view(name pg_catalog.text, kpi pg_catalog.text,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    last pg_catalog.interval DEFAULT '25 months'::pg_catalog.interval, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS pg_catalog.regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_create_view';

COMMENT ON FUNCTION smarketing.create_view(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text[], pg_catalog.interval, pg_catalog.jsonb) IS
    'makes a commented view of a KPI over the CRM''s tables, for dashboards: its statement, no call of a function that reads';

CREATE FUNCTION smarketing.create_rollup(name pg_catalog.text, kpi pg_catalog.text,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS pg_catalog.regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_create_rollup';

COMMENT ON FUNCTION smarketing.create_rollup(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb) IS
    'stores a KPI''s parts in a materialized view, <name>_parts, and makes a commented view over it: what dashboards read fast';

CREATE TYPE smarketing.refresh_rollup_row AS (
    buckets pg_catalog.int4,
    row_count pg_catalog.int8,
    seconds pg_catalog.float8
);

COMMENT ON TYPE smarketing.refresh_rollup_row IS 'what smarketing.refresh_rollup() did: the periods and the cells that are stored now, and how long it took';

CREATE FUNCTION smarketing.refresh_rollup(name pg_catalog.text)
RETURNS smarketing.refresh_rollup_row
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_refresh_rollup';

COMMENT ON FUNCTION smarketing.refresh_rollup(pg_catalog.text) IS 'computes a rollup again; who reads it is not kept waiting';

CREATE PROCEDURE smarketing.refresh_rollups()
LANGUAGE C
AS 'MODULE_PATHNAME', 'smk_refresh_rollups';

COMMENT ON PROCEDURE smarketing.refresh_rollups() IS
    'computes all rollups again, each in a transaction of its own; one that fails is a warning, is told by the view rollups, and does not stop the others';

CREATE FUNCTION smarketing.drop_rollup(name pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_drop_rollup';

COMMENT ON FUNCTION smarketing.drop_rollup(pg_catalog.text) IS 'drops a rollup, its view and what it stores; not while other views read it';

CREATE FUNCTION smarketing.schedule_rollups(schedule pg_catalog.text)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_schedule_rollups';

COMMENT ON FUNCTION smarketing.schedule_rollups(pg_catalog.text) IS
    'makes one job of pg_cron that refreshes all rollups, in place of the one that was; NULL takes it away';

CREATE FUNCTION smarketing.grant_read(role pg_catalog.regrole)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_grant_read';

COMMENT ON FUNCTION smarketing.grant_read(pg_catalog.regrole) IS
    'lets a role read all views and rollups that are there now, and nothing of the CRM''s';

REVOKE ALL ON FUNCTION smarketing.create_view(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text[], pg_catalog.interval, pg_catalog.jsonb),
    smarketing.create_rollup(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb),
    smarketing.refresh_rollup(pg_catalog.text), smarketing.drop_rollup(pg_catalog.text),
    smarketing.schedule_rollups(pg_catalog.text), smarketing.grant_read(pg_catalog.regrole)
FROM PUBLIC;

REVOKE ALL ON PROCEDURE smarketing.refresh_rollups() FROM PUBLIC;
