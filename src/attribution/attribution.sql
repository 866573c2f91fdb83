CREATE TYPE smarketing.attribution_summary;

CREATE FUNCTION smarketing.attribution_summary_in(pg_catalog.cstring)
RETURNS smarketing.attribution_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_summary_in';

CREATE FUNCTION smarketing.attribution_summary_out(smarketing.attribution_summary)
RETURNS pg_catalog.cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_summary_out';

CREATE FUNCTION smarketing.attribution_summary_recv(pg_catalog.internal)
RETURNS smarketing.attribution_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_summary_recv';

CREATE FUNCTION smarketing.attribution_summary_send(smarketing.attribution_summary)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_summary_send';

COMMENT ON FUNCTION smarketing.attribution_summary_in(pg_catalog.cstring) IS 'I/O of attribution_summary';
COMMENT ON FUNCTION smarketing.attribution_summary_out(smarketing.attribution_summary) IS 'I/O of attribution_summary';
COMMENT ON FUNCTION smarketing.attribution_summary_recv(pg_catalog.internal) IS 'I/O of attribution_summary';
COMMENT ON FUNCTION smarketing.attribution_summary_send(smarketing.attribution_summary) IS 'I/O of attribution_summary';

CREATE TYPE smarketing.attribution_summary (
    INPUT = smarketing.attribution_summary_in,
    OUTPUT = smarketing.attribution_summary_out,
    RECEIVE = smarketing.attribution_summary_recv,
    SEND = smarketing.attribution_summary_send,
    STORAGE = extended
);

COMMENT ON TYPE smarketing.attribution_summary IS
    'the paths that lead to conversions; merge() adds summaries of other accounts, credits() and paths() read it';

CREATE FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_transfn';

COMMENT ON FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_transfn';

COMMENT ON FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_transfn';

COMMENT ON FUNCTION smarketing.attribution_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_combinefn';

COMMENT ON FUNCTION smarketing.attribution_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_serialfn';

COMMENT ON FUNCTION smarketing.attribution_serialfn(pg_catalog.internal) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_deserialfn';

COMMENT ON FUNCTION smarketing.attribution_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of attribution';

CREATE FUNCTION smarketing.attribution_finalfn(pg_catalog.internal)
RETURNS smarketing.attribution_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_finalfn';

COMMENT ON FUNCTION smarketing.attribution_finalfn(pg_catalog.internal) IS 'implementation of attribution';

CREATE AGGREGATE smarketing.attribution(account pg_catalog.int8, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_combinefn,
    SERIALFUNC = smarketing.attribution_serialfn,
    DESERIALFUNC = smarketing.attribution_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS
    'the touches that led to each conversion of an account within the lookback, for credits() under any model and for paths()';

CREATE AGGREGATE smarketing.attribution(account pg_catalog.uuid, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_combinefn,
    SERIALFUNC = smarketing.attribution_serialfn,
    DESERIALFUNC = smarketing.attribution_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS
    'the touches that led to each conversion of an account within the lookback, for credits() under any model and for paths()';

CREATE AGGREGATE smarketing.attribution(account pg_catalog.text, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_combinefn,
    SERIALFUNC = smarketing.attribution_serialfn,
    DESERIALFUNC = smarketing.attribution_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.interval, pg_catalog.interval) IS
    'the touches that led to each conversion of an account within the lookback, for credits() under any model and for paths()';

CREATE FUNCTION smarketing.attribution_merge_transfn(pg_catalog.internal, smarketing.attribution_summary)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_merge_transfn';

COMMENT ON FUNCTION smarketing.attribution_merge_transfn(pg_catalog.internal, smarketing.attribution_summary) IS 'implementation of merge';

CREATE FUNCTION smarketing.attribution_merge_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_merge_combinefn';

COMMENT ON FUNCTION smarketing.attribution_merge_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.attribution_merge_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_merge_finalfn';

COMMENT ON FUNCTION smarketing.attribution_merge_serialfn(pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.attribution_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_merge_deserialfn';

COMMENT ON FUNCTION smarketing.attribution_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.attribution_merge_finalfn(pg_catalog.internal)
RETURNS smarketing.attribution_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_merge_finalfn';

COMMENT ON FUNCTION smarketing.attribution_merge_finalfn(pg_catalog.internal) IS 'implementation of merge';

CREATE AGGREGATE smarketing.merge(summary smarketing.attribution_summary) (
    SFUNC = smarketing.attribution_merge_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 8192,
    FINALFUNC = smarketing.attribution_merge_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_merge_combinefn,
    SERIALFUNC = smarketing.attribution_merge_serialfn,
    DESERIALFUNC = smarketing.attribution_merge_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.merge(smarketing.attribution_summary) IS
    'the paths and conversions of the accounts of several summaries, no account in two of them';

CREATE TYPE smarketing.credits_row AS (
    model pg_catalog.text,
    channel pg_catalog.text,
    conversions pg_catalog.float8,
    value pg_catalog.numeric
);

COMMENT ON TYPE smarketing.credits_row IS 'a row of credits';

CREATE FUNCTION smarketing.credits(summary smarketing.attribution_summary, models pg_catalog.text[])
RETURNS SETOF smarketing.credits_row
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'smk_credits';

COMMENT ON FUNCTION smarketing.credits(smarketing.attribution_summary, pg_catalog.text[]) IS
    'which channel each conversion and its value is credited to under each model; each model sums to all conversions and their value, with a row (unattributed)';

CREATE TYPE smarketing.paths_row AS (
    path pg_catalog.text,
    conversions pg_catalog.int8,
    value pg_catalog.numeric,
    median_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.paths_row IS 'a row of paths';

CREATE FUNCTION smarketing.paths(summary smarketing.attribution_summary, outcome pg_catalog.text DEFAULT 'conversion')
RETURNS SETOF smarketing.paths_row
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000
AS 'MODULE_PATHNAME', 'smk_paths';

COMMENT ON FUNCTION smarketing.paths(smarketing.attribution_summary, pg_catalog.text) IS
    'the channels in the order in which they led to conversions, or with outcome null those of accounts that never converted; the most frequent first';

CREATE TYPE smarketing.attribution_credit AS (
    conversion pg_catalog.text,
    channel pg_catalog.text,
    conversions pg_catalog.float8,
    amount pg_catalog.numeric
);

COMMENT ON TYPE smarketing.attribution_credit IS 'what a conversion credits a channel with; NULL: nothing led to it';

CREATE FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_transfn';

COMMENT ON FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_transfn';

COMMENT ON FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_transfn';

COMMENT ON FUNCTION smarketing.attribution_credits_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_combinefn';

COMMENT ON FUNCTION smarketing.attribution_credits_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_serialfn';

COMMENT ON FUNCTION smarketing.attribution_credits_serialfn(pg_catalog.internal) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_deserialfn';

COMMENT ON FUNCTION smarketing.attribution_credits_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of attribution_credits';

CREATE FUNCTION smarketing.attribution_credits_finalfn(pg_catalog.internal)
RETURNS smarketing.attribution_credit[]
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_attribution_credits_finalfn';

COMMENT ON FUNCTION smarketing.attribution_credits_finalfn(pg_catalog.internal) IS 'implementation of attribution_credits';

CREATE AGGREGATE smarketing.attribution_credits(account pg_catalog.int8, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, conversion pg_catalog.text, model pg_catalog.text, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_credits_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_credits_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_credits_combinefn,
    SERIALFUNC = smarketing.attribution_credits_serialfn,
    DESERIALFUNC = smarketing.attribution_credits_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution_credits(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS
    'each conversion by itself, and what its touches are credited with under one model, exactly: an array to be unnested';

CREATE AGGREGATE smarketing.attribution_credits(account pg_catalog.uuid, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, conversion pg_catalog.text, model pg_catalog.text, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_credits_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_credits_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_credits_combinefn,
    SERIALFUNC = smarketing.attribution_credits_serialfn,
    DESERIALFUNC = smarketing.attribution_credits_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution_credits(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS
    'each conversion by itself, and what its touches are credited with under one model, exactly: an array to be unnested';

CREATE AGGREGATE smarketing.attribution_credits(account pg_catalog.text, event pg_catalog.text, at pg_catalog.timestamptz, channel pg_catalog.text, value pg_catalog.numeric, conversion pg_catalog.text, model pg_catalog.text, lookback pg_catalog.interval, half_life pg_catalog.interval) (
    SFUNC = smarketing.attribution_credits_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.attribution_credits_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.attribution_credits_combinefn,
    SERIALFUNC = smarketing.attribution_credits_serialfn,
    DESERIALFUNC = smarketing.attribution_credits_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.attribution_credits(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.interval) IS
    'each conversion by itself, and what its touches are credited with under one model, exactly: an array to be unnested';
