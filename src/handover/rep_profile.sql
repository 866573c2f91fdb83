-- Each rep beside the team.

CREATE TYPE smarketing.rep_profile_row AS (
    owner pg_catalog.text,
    team pg_catalog.text,
    step pg_catalog.text,
    entered pg_catalog.int8,
    converted pg_catalog.int8,
    rate pg_catalog.float8,
    team_rate pg_catalog.float8,
    z_score pg_catalog.float8,
    open_leads pg_catalog.int8,
    compliance pg_catalog.float8,
    verdict pg_catalog.text
);

COMMENT ON TYPE smarketing.rep_profile_row IS 'a row of smarketing.rep_profile()';

CREATE FUNCTION smarketing.rep_profile(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.rep_profile_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_rep_profile';

COMMENT ON FUNCTION smarketing.rep_profile(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.jsonb, pg_catalog.jsonb) IS
    'each rep step by step: how many leads came to it and went on, beside the team, the open leads, and where the rep is strong or weak';
