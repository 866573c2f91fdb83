-- Scores of leads: the aggregate behind lead_scores() and the score step of the KPIs. Plumbing: compiled statements call it.

CREATE TYPE smarketing.scores_bigint AS (
    leads pg_catalog.int8[],
    scores pg_catalog.float8[],
    crossed_1 pg_catalog.timestamptz[],
    crossed_2 pg_catalog.timestamptz[],
    crossed_3 pg_catalog.timestamptz[]
);

COMMENT ON TYPE smarketing.scores_bigint IS 'what smarketing.scores() gives: lists of equal length, one element a lead; NULL: not asked for';

CREATE TYPE smarketing.scores_uuid AS (
    leads pg_catalog.uuid[],
    scores pg_catalog.float8[],
    crossed_1 pg_catalog.timestamptz[],
    crossed_2 pg_catalog.timestamptz[],
    crossed_3 pg_catalog.timestamptz[]
);

COMMENT ON TYPE smarketing.scores_uuid IS 'what smarketing.scores() gives: lists of equal length, one element a lead; NULL: not asked for';

CREATE TYPE smarketing.scores_text AS (
    leads pg_catalog.text[],
    scores pg_catalog.float8[],
    crossed_1 pg_catalog.timestamptz[],
    crossed_2 pg_catalog.timestamptz[],
    crossed_3 pg_catalog.timestamptz[]
);

COMMENT ON TYPE smarketing.scores_text IS 'what smarketing.scores() gives: lists of equal length, one element a lead; NULL: not asked for';

CREATE FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_transfn';

COMMENT ON FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_finalfn_bigint(pg_catalog.internal)
RETURNS smarketing.scores_bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_finalfn';

COMMENT ON FUNCTION smarketing.scores_finalfn_bigint(pg_catalog.internal) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_transfn';

COMMENT ON FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_finalfn_uuid(pg_catalog.internal)
RETURNS smarketing.scores_uuid
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_finalfn';

COMMENT ON FUNCTION smarketing.scores_finalfn_uuid(pg_catalog.internal) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_transfn';

COMMENT ON FUNCTION smarketing.scores_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_finalfn_text(pg_catalog.internal)
RETURNS smarketing.scores_text
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_finalfn';

COMMENT ON FUNCTION smarketing.scores_finalfn_text(pg_catalog.internal) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_combinefn';

COMMENT ON FUNCTION smarketing.scores_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_serialfn';

COMMENT ON FUNCTION smarketing.scores_serialfn(pg_catalog.internal) IS 'implementation of scores';

CREATE FUNCTION smarketing.scores_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_scores_deserialfn';

COMMENT ON FUNCTION smarketing.scores_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of scores';

CREATE AGGREGATE smarketing.scores(lead pg_catalog.int8, activity pg_catalog.text, at pg_catalog.timestamptz, activities pg_catalog.text[], points pg_catalog.int4[], half_lives pg_catalog.interval[], thresholds pg_catalog.float8[], as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.scores_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 2048,
    FINALFUNC = smarketing.scores_finalfn_bigint,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.scores_combinefn,
    SERIALFUNC = smarketing.scores_serialfn,
    DESERIALFUNC = smarketing.scores_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.scores(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS
    'the score of each lead as of an instant, and when it first reached each of up to three thresholds; a NULL instant gives no scores, and only leads that reached one';

CREATE AGGREGATE smarketing.scores(lead pg_catalog.uuid, activity pg_catalog.text, at pg_catalog.timestamptz, activities pg_catalog.text[], points pg_catalog.int4[], half_lives pg_catalog.interval[], thresholds pg_catalog.float8[], as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.scores_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 2048,
    FINALFUNC = smarketing.scores_finalfn_uuid,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.scores_combinefn,
    SERIALFUNC = smarketing.scores_serialfn,
    DESERIALFUNC = smarketing.scores_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.scores(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS
    'the score of each lead as of an instant, and when it first reached each of up to three thresholds; a NULL instant gives no scores, and only leads that reached one';

CREATE AGGREGATE smarketing.scores(lead pg_catalog.text, activity pg_catalog.text, at pg_catalog.timestamptz, activities pg_catalog.text[], points pg_catalog.int4[], half_lives pg_catalog.interval[], thresholds pg_catalog.float8[], as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.scores_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 2048,
    FINALFUNC = smarketing.scores_finalfn_text,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.scores_combinefn,
    SERIALFUNC = smarketing.scores_serialfn,
    DESERIALFUNC = smarketing.scores_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.scores(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text[], pg_catalog.int4[], pg_catalog.interval[], pg_catalog.float8[], pg_catalog.timestamptz) IS
    'the score of each lead as of an instant, and when it first reached each of up to three thresholds; a NULL instant gives no scores, and only leads that reached one';

CREATE FUNCTION smarketing.scored_leads(leads pg_catalog.int8[])
RETURNS SETOF pg_catalog.int8
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE ROWS 100000
AS 'array_unnest';

COMMENT ON FUNCTION smarketing.scored_leads(pg_catalog.int8[]) IS 'unnest() of the leads that smarketing.scores() gives, which the planner knows to be many';

CREATE FUNCTION smarketing.scored_leads(leads pg_catalog.uuid[])
RETURNS SETOF pg_catalog.uuid
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE ROWS 100000
AS 'array_unnest';

COMMENT ON FUNCTION smarketing.scored_leads(pg_catalog.uuid[]) IS 'unnest() of the leads that smarketing.scores() gives, which the planner knows to be many';

CREATE FUNCTION smarketing.scored_leads(leads pg_catalog.text[])
RETURNS SETOF pg_catalog.text
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE ROWS 100000
AS 'array_unnest';

COMMENT ON FUNCTION smarketing.scored_leads(pg_catalog.text[]) IS 'unnest() of the leads that smarketing.scores() gives, which the planner knows to be many';
