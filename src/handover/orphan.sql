-- Leads that nobody handles.

CREATE TYPE smarketing.orphaned_leads_row AS (
    lead_id pg_catalog.text,
    label pg_catalog.text,
    owner pg_catalog.text,
    stage pg_catalog.text,
    created_at pg_catalog.timestamptz,
    last_activity_at pg_catalog.timestamptz,
    reason pg_catalog.text
);

COMMENT ON TYPE smarketing.orphaned_leads_row IS 'a row of smarketing.orphaned_leads()';

CREATE FUNCTION smarketing.orphaned_leads(as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
    idle_hours pg_catalog.float8 DEFAULT 40, calendar pg_catalog.text DEFAULT NULL)
RETURNS SETOF smarketing.orphaned_leads_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
AS 'MODULE_PATHNAME', 'smk_orphaned_leads';

COMMENT ON FUNCTION smarketing.orphaned_leads(pg_catalog.timestamptz, pg_catalog.float8, pg_catalog.text) IS
    'the open leads that nobody handles, each with one reason: no owner, an inactive one, a queue, or no activity of a person for more than so many hours of the calendar';
