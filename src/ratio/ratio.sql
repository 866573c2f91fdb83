-- cost_per, win_rate and the Wilson score interval of a win rate

CREATE FUNCTION smarketing.cost_per_transfn(pg_catalog.internal, pg_catalog.numeric, pg_catalog.int8) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_transfn';

COMMENT ON FUNCTION smarketing.cost_per_transfn(pg_catalog.internal, pg_catalog.numeric, pg_catalog.int8) IS 'aggregate transition function of cost_per';

CREATE FUNCTION smarketing.cost_per_invfn(pg_catalog.internal, pg_catalog.numeric, pg_catalog.int8) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_invfn';

COMMENT ON FUNCTION smarketing.cost_per_invfn(pg_catalog.internal, pg_catalog.numeric, pg_catalog.int8) IS 'inverse transition function of cost_per';

CREATE FUNCTION smarketing.cost_per_combinefn(pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_combinefn';

COMMENT ON FUNCTION smarketing.cost_per_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'aggregate combine function of cost_per';

CREATE FUNCTION smarketing.cost_per_serialfn(pg_catalog.internal) RETURNS pg_catalog.bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_serialfn';

COMMENT ON FUNCTION smarketing.cost_per_serialfn(pg_catalog.internal) IS 'aggregate serialization function of cost_per';

CREATE FUNCTION smarketing.cost_per_deserialfn(pg_catalog.bytea, pg_catalog.internal) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_deserialfn';

COMMENT ON FUNCTION smarketing.cost_per_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'aggregate deserialization function of cost_per';

CREATE FUNCTION smarketing.cost_per_finalfn(pg_catalog.internal) RETURNS pg_catalog.numeric
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_cost_per_finalfn';

COMMENT ON FUNCTION smarketing.cost_per_finalfn(pg_catalog.internal) IS 'aggregate final function of cost_per';

CREATE FUNCTION smarketing.win_rate_transfn(pg_catalog.internal, pg_catalog.bool) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_transfn';

COMMENT ON FUNCTION smarketing.win_rate_transfn(pg_catalog.internal, pg_catalog.bool) IS 'aggregate transition function of win_rate';

CREATE FUNCTION smarketing.win_rate_invfn(pg_catalog.internal, pg_catalog.bool) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_invfn';

COMMENT ON FUNCTION smarketing.win_rate_invfn(pg_catalog.internal, pg_catalog.bool) IS 'inverse transition function of win_rate';

CREATE FUNCTION smarketing.win_rate_combinefn(pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_combinefn';

COMMENT ON FUNCTION smarketing.win_rate_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'aggregate combine function of win_rate';

CREATE FUNCTION smarketing.win_rate_serialfn(pg_catalog.internal) RETURNS pg_catalog.bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_serialfn';

COMMENT ON FUNCTION smarketing.win_rate_serialfn(pg_catalog.internal) IS 'aggregate serialization function of win_rate';

CREATE FUNCTION smarketing.win_rate_deserialfn(pg_catalog.bytea, pg_catalog.internal) RETURNS pg_catalog.internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_deserialfn';

COMMENT ON FUNCTION smarketing.win_rate_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'aggregate deserialization function of win_rate';

CREATE FUNCTION smarketing.win_rate_finalfn(pg_catalog.internal) RETURNS pg_catalog.float8
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_win_rate_finalfn';

COMMENT ON FUNCTION smarketing.win_rate_finalfn(pg_catalog.internal) IS 'aggregate final function of win_rate';

CREATE FUNCTION smarketing.wilson_low(won pg_catalog.int8, closed pg_catalog.int8) RETURNS pg_catalog.float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_wilson_low';

COMMENT ON FUNCTION smarketing.wilson_low(pg_catalog.int8, pg_catalog.int8) IS 'lower limit of the 95 % Wilson score interval of won / closed; NULL when nothing is closed';

CREATE FUNCTION smarketing.wilson_high(won pg_catalog.int8, closed pg_catalog.int8) RETURNS pg_catalog.float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'smk_wilson_high';

COMMENT ON FUNCTION smarketing.wilson_high(pg_catalog.int8, pg_catalog.int8) IS 'upper limit of the 95 % Wilson score interval of won / closed; NULL when nothing is closed';

CREATE AGGREGATE smarketing.cost_per(amount pg_catalog.numeric, units pg_catalog.int8) (
    SFUNC = smarketing.cost_per_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 192,
    FINALFUNC = smarketing.cost_per_finalfn,
    COMBINEFUNC = smarketing.cost_per_combinefn,
    SERIALFUNC = smarketing.cost_per_serialfn,
    DESERIALFUNC = smarketing.cost_per_deserialfn,
    MSFUNC = smarketing.cost_per_transfn,
    MINVFUNC = smarketing.cost_per_invfn,
    MSTYPE = pg_catalog.internal,
    MSSPACE = 192,
    MFINALFUNC = smarketing.cost_per_finalfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.cost_per(pg_catalog.numeric, pg_catalog.int8) IS 'sum(amount) / sum(units), rounded to 6 decimals; NULL when there are no units';

CREATE AGGREGATE smarketing.win_rate(won pg_catalog.bool) (
    SFUNC = smarketing.win_rate_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 32,
    FINALFUNC = smarketing.win_rate_finalfn,
    COMBINEFUNC = smarketing.win_rate_combinefn,
    SERIALFUNC = smarketing.win_rate_serialfn,
    DESERIALFUNC = smarketing.win_rate_deserialfn,
    MSFUNC = smarketing.win_rate_transfn,
    MINVFUNC = smarketing.win_rate_invfn,
    MSTYPE = pg_catalog.internal,
    MSSPACE = 32,
    MFINALFUNC = smarketing.win_rate_finalfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.win_rate(pg_catalog.bool) IS 'share of won among closed deals; NULL rows are open deals and do not count';

CREATE FUNCTION smarketing.money_per(amount pg_catalog.numeric, units pg_catalog.numeric)
RETURNS pg_catalog.numeric
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
-- The zeros give the quotient at least 12 decimals before it is rounded, however large the amount is.
RETURN CASE WHEN units OPERATOR(pg_catalog.<>) 0::pg_catalog.numeric
    THEN pg_catalog.round((amount OPERATOR(pg_catalog.+) 0.000000000000::pg_catalog.numeric)
                          OPERATOR(pg_catalog./) units, 6) END;

COMMENT ON FUNCTION smarketing.money_per(pg_catalog.numeric, pg_catalog.numeric) IS
    'amount / units, rounded to 6 decimals; NULL where there are no units';
