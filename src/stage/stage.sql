-- funnel_stage: one byte, compared as a byte; see docs/stage.md for the stored values

CREATE TYPE smarketing.funnel_stage;

CREATE FUNCTION smarketing.funnel_stage_in(pg_catalog.cstring) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_in';

COMMENT ON FUNCTION smarketing.funnel_stage_in(pg_catalog.cstring) IS 'I/O';

CREATE FUNCTION smarketing.funnel_stage_out(smarketing.funnel_stage) RETURNS pg_catalog.cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_out';

COMMENT ON FUNCTION smarketing.funnel_stage_out(smarketing.funnel_stage) IS 'I/O';

CREATE FUNCTION smarketing.funnel_stage_recv(pg_catalog.internal) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_recv';

COMMENT ON FUNCTION smarketing.funnel_stage_recv(pg_catalog.internal) IS 'I/O';

CREATE FUNCTION smarketing.funnel_stage_send(smarketing.funnel_stage) RETURNS pg_catalog.bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_send';

COMMENT ON FUNCTION smarketing.funnel_stage_send(smarketing.funnel_stage) IS 'I/O';

CREATE TYPE smarketing.funnel_stage (
    INPUT = smarketing.funnel_stage_in,
    OUTPUT = smarketing.funnel_stage_out,
    RECEIVE = smarketing.funnel_stage_recv,
    SEND = smarketing.funnel_stage_send,
    INTERNALLENGTH = 1,
    PASSEDBYVALUE,
    ALIGNMENT = char,
    STORAGE = plain
);

COMMENT ON TYPE smarketing.funnel_stage IS 'stage of a lead or deal: disqualified < recycled < lost < churned < visitor < lead < mql < sal < sql < opportunity < won';

CREATE FUNCTION smarketing.funnel_stage_lt(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_lt';

COMMENT ON FUNCTION smarketing.funnel_stage_lt(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of < operator';

CREATE FUNCTION smarketing.funnel_stage_le(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_le';

COMMENT ON FUNCTION smarketing.funnel_stage_le(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of <= operator';

CREATE FUNCTION smarketing.funnel_stage_eq(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_eq';

COMMENT ON FUNCTION smarketing.funnel_stage_eq(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of = operator';

CREATE FUNCTION smarketing.funnel_stage_ne(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_ne';

COMMENT ON FUNCTION smarketing.funnel_stage_ne(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of <> operator';

CREATE FUNCTION smarketing.funnel_stage_ge(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_ge';

COMMENT ON FUNCTION smarketing.funnel_stage_ge(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of >= operator';

CREATE FUNCTION smarketing.funnel_stage_gt(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_gt';

COMMENT ON FUNCTION smarketing.funnel_stage_gt(smarketing.funnel_stage, smarketing.funnel_stage) IS 'implementation of > operator';

CREATE FUNCTION smarketing.funnel_stage_cmp(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS pg_catalog.int4
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_cmp';

COMMENT ON FUNCTION smarketing.funnel_stage_cmp(smarketing.funnel_stage, smarketing.funnel_stage) IS 'less-equal-greater';

CREATE FUNCTION smarketing.funnel_stage_sortsupport(pg_catalog.internal) RETURNS pg_catalog.void
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_sortsupport';

COMMENT ON FUNCTION smarketing.funnel_stage_sortsupport(pg_catalog.internal) IS 'sort support';

CREATE FUNCTION smarketing.funnel_stage_hash(smarketing.funnel_stage) RETURNS pg_catalog.int4
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_hash';

COMMENT ON FUNCTION smarketing.funnel_stage_hash(smarketing.funnel_stage) IS 'hash';

CREATE FUNCTION smarketing.funnel_stage_hash_extended(smarketing.funnel_stage, pg_catalog.int8) RETURNS pg_catalog.int8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_hash_extended';

COMMENT ON FUNCTION smarketing.funnel_stage_hash_extended(smarketing.funnel_stage, pg_catalog.int8) IS 'hash with a seed';

CREATE FUNCTION smarketing.funnel_stage_smaller(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_smaller';

COMMENT ON FUNCTION smarketing.funnel_stage_smaller(smarketing.funnel_stage, smarketing.funnel_stage) IS 'smaller of two';

CREATE FUNCTION smarketing.funnel_stage_larger(smarketing.funnel_stage, smarketing.funnel_stage) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_funnel_stage_larger';

COMMENT ON FUNCTION smarketing.funnel_stage_larger(smarketing.funnel_stage, smarketing.funnel_stage) IS 'larger of two';

CREATE FUNCTION smarketing.next_stage(smarketing.funnel_stage) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_next_stage';

COMMENT ON FUNCTION smarketing.next_stage(smarketing.funnel_stage) IS 'the stage after this one on the way from visitor to won; NULL for won and for exits';

CREATE FUNCTION smarketing.previous_stage(smarketing.funnel_stage) RETURNS smarketing.funnel_stage
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_previous_stage';

COMMENT ON FUNCTION smarketing.previous_stage(smarketing.funnel_stage) IS 'the stage before this one on the way from visitor to won; NULL for visitor and for exits';

CREATE FUNCTION smarketing.is_exit(smarketing.funnel_stage) RETURNS pg_catalog.bool
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_is_exit';

COMMENT ON FUNCTION smarketing.is_exit(smarketing.funnel_stage) IS 'true for disqualified, recycled, lost and churned';

CREATE OPERATOR smarketing.< (
    FUNCTION = smarketing.funnel_stage_lt,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.>),
    NEGATOR = OPERATOR(smarketing.>=),
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);

COMMENT ON OPERATOR smarketing.< (smarketing.funnel_stage, smarketing.funnel_stage) IS 'less than';

CREATE OPERATOR smarketing.<= (
    FUNCTION = smarketing.funnel_stage_le,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.>=),
    NEGATOR = OPERATOR(smarketing.>),
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);

COMMENT ON OPERATOR smarketing.<= (smarketing.funnel_stage, smarketing.funnel_stage) IS 'less than or equal';

CREATE OPERATOR smarketing.= (
    FUNCTION = smarketing.funnel_stage_eq,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.=),
    NEGATOR = OPERATOR(smarketing.<>),
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    MERGES,
    HASHES
);

COMMENT ON OPERATOR smarketing.= (smarketing.funnel_stage, smarketing.funnel_stage) IS 'equal';

CREATE OPERATOR smarketing.<> (
    FUNCTION = smarketing.funnel_stage_ne,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.<>),
    NEGATOR = OPERATOR(smarketing.=),
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

COMMENT ON OPERATOR smarketing.<> (smarketing.funnel_stage, smarketing.funnel_stage) IS 'not equal';

CREATE OPERATOR smarketing.>= (
    FUNCTION = smarketing.funnel_stage_ge,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.<=),
    NEGATOR = OPERATOR(smarketing.<),
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);

COMMENT ON OPERATOR smarketing.>= (smarketing.funnel_stage, smarketing.funnel_stage) IS 'greater than or equal';

CREATE OPERATOR smarketing.> (
    FUNCTION = smarketing.funnel_stage_gt,
    LEFTARG = smarketing.funnel_stage,
    RIGHTARG = smarketing.funnel_stage,
    COMMUTATOR = OPERATOR(smarketing.<),
    NEGATOR = OPERATOR(smarketing.<=),
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);

COMMENT ON OPERATOR smarketing.> (smarketing.funnel_stage, smarketing.funnel_stage) IS 'greater than';

CREATE OPERATOR FAMILY smarketing.funnel_stage_ops USING btree;

COMMENT ON OPERATOR FAMILY smarketing.funnel_stage_ops USING btree IS 'order of the funnel stages';

CREATE OPERATOR CLASS smarketing.funnel_stage_ops
    DEFAULT FOR TYPE smarketing.funnel_stage USING btree FAMILY smarketing.funnel_stage_ops AS
    OPERATOR 1 smarketing.<,
    OPERATOR 2 smarketing.<=,
    OPERATOR 3 smarketing.=,
    OPERATOR 4 smarketing.>=,
    OPERATOR 5 smarketing.>,
    FUNCTION 1 smarketing.funnel_stage_cmp(smarketing.funnel_stage, smarketing.funnel_stage),
    FUNCTION 2 smarketing.funnel_stage_sortsupport(pg_catalog.internal),
    FUNCTION 4 pg_catalog.btequalimage(pg_catalog.oid);

COMMENT ON OPERATOR CLASS smarketing.funnel_stage_ops USING btree IS 'order of the funnel stages';

CREATE OPERATOR FAMILY smarketing.funnel_stage_ops USING hash;

COMMENT ON OPERATOR FAMILY smarketing.funnel_stage_ops USING hash IS 'equality of the funnel stages';

CREATE OPERATOR CLASS smarketing.funnel_stage_ops
    DEFAULT FOR TYPE smarketing.funnel_stage USING hash FAMILY smarketing.funnel_stage_ops AS
    OPERATOR 1 smarketing.=,
    FUNCTION 1 smarketing.funnel_stage_hash(smarketing.funnel_stage),
    FUNCTION 2 smarketing.funnel_stage_hash_extended(smarketing.funnel_stage, pg_catalog.int8);

COMMENT ON OPERATOR CLASS smarketing.funnel_stage_ops USING hash IS 'equality of the funnel stages';

CREATE AGGREGATE smarketing.min(smarketing.funnel_stage) (
    SFUNC = smarketing.funnel_stage_smaller,
    STYPE = smarketing.funnel_stage,
    COMBINEFUNC = smarketing.funnel_stage_smaller,
    SORTOP = OPERATOR(smarketing.<),
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.min(smarketing.funnel_stage) IS 'earliest stage of all input values';

CREATE AGGREGATE smarketing.max(smarketing.funnel_stage) (
    SFUNC = smarketing.funnel_stage_larger,
    STYPE = smarketing.funnel_stage,
    COMBINEFUNC = smarketing.funnel_stage_larger,
    SORTOP = OPERATOR(smarketing.>),
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.max(smarketing.funnel_stage) IS 'latest stage of all input values';
