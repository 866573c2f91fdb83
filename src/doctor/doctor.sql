-- What is missing or odd in what is bound, and what to run next. Read only, and as the caller: row-level security
-- holds. PARALLEL UNSAFE, as each check runs in a subtransaction.

CREATE TYPE smarketing.doctor_row AS (
    severity pg_catalog.text,
    entity pg_catalog.text,
    problem pg_catalog.text,
    row_count pg_catalog.int8,
    hint pg_catalog.text
);

COMMENT ON TYPE smarketing.doctor_row IS 'a row of smarketing.doctor()';

CREATE FUNCTION smarketing.doctor()
RETURNS SETOF smarketing.doctor_row
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000 ROWS 20
AS 'MODULE_PATHNAME', 'smk_doctor';

COMMENT ON FUNCTION smarketing.doctor() IS
    'what is missing or odd in what is bound: errors, warnings and remarks, each with a count of rows and a statement that mends or lists them';

CREATE TYPE smarketing.unmatched_values_row AS (
    value pg_catalog.text,
    entities pg_catalog.text,
    spend pg_catalog.numeric,
    leads pg_catalog.int8,
    opportunities pg_catalog.int8,
    suggestion pg_catalog.text
);

COMMENT ON TYPE smarketing.unmatched_values_row IS 'a row of smarketing.unmatched_values()';

CREATE FUNCTION smarketing.unmatched_values(dimension pg_catalog.text DEFAULT 'channel'::pg_catalog.text)
RETURNS SETOF smarketing.unmatched_values_row
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000 ROWS 20
AS 'MODULE_PATHNAME', 'smk_unmatched_values';

COMMENT ON FUNCTION smarketing.unmatched_values(pg_catalog.text) IS
    'values of a dimension that spend has and leads, opportunities and touches have not, or the other way round, and what map_value() may call them';

CREATE TYPE smarketing.getting_started_row AS (
    step pg_catalog.int4,
    state pg_catalog.text,
    what pg_catalog.text,
    statement pg_catalog.text
);

COMMENT ON TYPE smarketing.getting_started_row IS 'a row of smarketing.getting_started()';

CREATE FUNCTION smarketing.getting_started()
RETURNS SETOF smarketing.getting_started_row
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000 ROWS 12
AS 'MODULE_PATHNAME', 'smk_getting_started';

COMMENT ON FUNCTION smarketing.getting_started() IS
    'the steps to a full scorecard in this database: done, to do or optional, and the statement to run for each';
