CREATE TYPE smarketing.funnel_summary;

CREATE FUNCTION smarketing.funnel_summary_in(pg_catalog.cstring)
RETURNS smarketing.funnel_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_summary_in';

CREATE FUNCTION smarketing.funnel_summary_out(smarketing.funnel_summary)
RETURNS pg_catalog.cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_summary_out';

CREATE FUNCTION smarketing.funnel_summary_recv(pg_catalog.internal)
RETURNS smarketing.funnel_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_summary_recv';

CREATE FUNCTION smarketing.funnel_summary_send(smarketing.funnel_summary)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_summary_send';

COMMENT ON FUNCTION smarketing.funnel_summary_in(pg_catalog.cstring) IS 'I/O of funnel_summary';
COMMENT ON FUNCTION smarketing.funnel_summary_out(smarketing.funnel_summary) IS 'I/O of funnel_summary';
COMMENT ON FUNCTION smarketing.funnel_summary_recv(pg_catalog.internal) IS 'I/O of funnel_summary';
COMMENT ON FUNCTION smarketing.funnel_summary_send(smarketing.funnel_summary) IS 'I/O of funnel_summary';

CREATE TYPE smarketing.funnel_summary (
    INPUT = smarketing.funnel_summary_in,
    OUTPUT = smarketing.funnel_summary_out,
    RECEIVE = smarketing.funnel_summary_recv,
    SEND = smarketing.funnel_summary_send,
    STORAGE = extended
);

COMMENT ON TYPE smarketing.funnel_summary IS
    'a funnel over many entities: how many took each step and how long that took; merge() adds funnels over other entities, funnel_steps() reads it';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_stage_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_stage_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_stage_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_step_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_step_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_step_transfn';

COMMENT ON FUNCTION smarketing.funnel_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_combinefn';

COMMENT ON FUNCTION smarketing.funnel_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_serialfn';

COMMENT ON FUNCTION smarketing.funnel_serialfn(pg_catalog.internal) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_deserialfn';

COMMENT ON FUNCTION smarketing.funnel_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of funnel';

CREATE FUNCTION smarketing.funnel_finalfn(pg_catalog.internal)
RETURNS smarketing.funnel_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_finalfn';

COMMENT ON FUNCTION smarketing.funnel_finalfn(pg_catalog.internal) IS 'implementation of funnel';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.int8, stage smarketing.funnel_stage, at pg_catalog.timestamptz, within pg_catalog.interval) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS
    'how many entities reached each stage within a time of their start, and how long that took; a later stage implies the earlier ones';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.uuid, stage smarketing.funnel_stage, at pg_catalog.timestamptz, within pg_catalog.interval) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS
    'how many entities reached each stage within a time of their start, and how long that took; a later stage implies the earlier ones';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.text, stage smarketing.funnel_stage, at pg_catalog.timestamptz, within pg_catalog.interval) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz, pg_catalog.interval) IS
    'how many entities reached each stage within a time of their start, and how long that took; a later stage implies the earlier ones';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.int8, step pg_catalog.int8, at pg_catalog.timestamptz, within pg_catalog.interval, mode pg_catalog.text) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.int8, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'how many entities took each step, from 1 to 64, within a time of their start, and how long that took; mode: reached, ordered or any_order, perhaps with first_start';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.uuid, step pg_catalog.int8, at pg_catalog.timestamptz, within pg_catalog.interval, mode pg_catalog.text) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.uuid, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'how many entities took each step, from 1 to 64, within a time of their start, and how long that took; mode: reached, ordered or any_order, perhaps with first_start';

CREATE AGGREGATE smarketing.funnel(entity pg_catalog.text, step pg_catalog.int8, at pg_catalog.timestamptz, within pg_catalog.interval, mode pg_catalog.text) (
    SFUNC = smarketing.funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_combinefn,
    SERIALFUNC = smarketing.funnel_serialfn,
    DESERIALFUNC = smarketing.funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.funnel(pg_catalog.text, pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'how many entities took each step, from 1 to 64, within a time of their start, and how long that took; mode: reached, ordered or any_order, perhaps with first_start';

CREATE FUNCTION smarketing.funnel_merge_transfn(pg_catalog.internal, smarketing.funnel_summary)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_merge_transfn';

COMMENT ON FUNCTION smarketing.funnel_merge_transfn(pg_catalog.internal, smarketing.funnel_summary) IS 'implementation of merge';

CREATE FUNCTION smarketing.funnel_merge_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_merge_combinefn';

COMMENT ON FUNCTION smarketing.funnel_merge_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.funnel_merge_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_merge_finalfn';

COMMENT ON FUNCTION smarketing.funnel_merge_serialfn(pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.funnel_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_merge_deserialfn';

COMMENT ON FUNCTION smarketing.funnel_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.funnel_merge_finalfn(pg_catalog.internal)
RETURNS smarketing.funnel_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_funnel_merge_finalfn';

COMMENT ON FUNCTION smarketing.funnel_merge_finalfn(pg_catalog.internal) IS 'implementation of merge';

CREATE AGGREGATE smarketing.merge(summary smarketing.funnel_summary) (
    SFUNC = smarketing.funnel_merge_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.funnel_merge_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.funnel_merge_combinefn,
    SERIALFUNC = smarketing.funnel_merge_serialfn,
    DESERIALFUNC = smarketing.funnel_merge_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.merge(smarketing.funnel_summary) IS
    'one funnel of several over different entities, of the same steps, mode and window';

CREATE FUNCTION smarketing.funnel_steps(
    summary smarketing.funnel_summary,
    OUT step pg_catalog.int4, OUT stage pg_catalog.text, OUT entities pg_catalog.int8,
    OUT previous_rate pg_catalog.float8, OUT first_rate pg_catalog.float8,
    OUT median_hours pg_catalog.float8, OUT p90_hours pg_catalog.float8
)
RETURNS SETOF pg_catalog.record
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 8
AS 'MODULE_PATHNAME', 'smk_funnel_steps';

COMMENT ON FUNCTION smarketing.funnel_steps(smarketing.funnel_summary) IS
    'the steps of a funnel as rows: entities, their share of the step before and of the first, hours from the step before';
