-- The verdict over both teams.

CREATE TYPE smarketing.alignment_row AS (
    signal pg_catalog.text,
    label pg_catalog.text,
    value pg_catalog.numeric,
    previous pg_catalog.numeric,
    goal pg_catalog.numeric,
    unit pg_catalog.text,
    weak_side pg_catalog.text,
    reading pg_catalog.text
);

COMMENT ON TYPE smarketing.alignment_row IS 'a row of smarketing.alignment()';

CREATE FUNCTION smarketing.alignment(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.alignment_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20
AS 'MODULE_PATHNAME', 'smk_alignment';

COMMENT ON FUNCTION smarketing.alignment(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.jsonb, pg_catalog.jsonb) IS
    'are sales and marketing aligned, and if not, whose side is weak: a verdict, then the signals of both sides behind it, each with what it is, what it was, its goal and one sentence';
