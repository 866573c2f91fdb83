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
    'one funnel of several of the same mode and window; no entity may be in more than one of them';

CREATE TYPE smarketing.funnel_steps_row AS (
    step pg_catalog.int4,
    stage pg_catalog.text,
    entities pg_catalog.int8,
    previous_rate pg_catalog.float8,
    first_rate pg_catalog.float8,
    median_hours pg_catalog.float8,
    p90_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.funnel_steps_row IS 'a row of funnel_steps';

CREATE FUNCTION smarketing.funnel_steps(summary smarketing.funnel_summary)
RETURNS SETOF smarketing.funnel_steps_row
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 8
AS 'MODULE_PATHNAME', 'smk_funnel_steps';

COMMENT ON FUNCTION smarketing.funnel_steps(smarketing.funnel_summary) IS
    'the steps of a funnel as rows: entities, their share of the step before and of the first, hours from the step before (beyond 1,024 different durations approximate, within 0.4 percent)';

CREATE FUNCTION smarketing.window_funnel_transfn(pg_catalog.internal, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text, VARIADIC "any")
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_window_funnel_transfn';

COMMENT ON FUNCTION smarketing.window_funnel_transfn(pg_catalog.internal, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text, VARIADIC "any") IS 'implementation of window_funnel';

CREATE FUNCTION smarketing.window_funnel_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_window_funnel_combinefn';

COMMENT ON FUNCTION smarketing.window_funnel_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of window_funnel';

CREATE FUNCTION smarketing.window_funnel_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_window_funnel_serialfn';

COMMENT ON FUNCTION smarketing.window_funnel_serialfn(pg_catalog.internal) IS 'implementation of window_funnel';

CREATE FUNCTION smarketing.window_funnel_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_window_funnel_deserialfn';

COMMENT ON FUNCTION smarketing.window_funnel_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of window_funnel';

CREATE FUNCTION smarketing.window_funnel_finalfn(pg_catalog.internal)
RETURNS pg_catalog.int4
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_window_funnel_finalfn';

COMMENT ON FUNCTION smarketing.window_funnel_finalfn(pg_catalog.internal) IS 'implementation of window_funnel';

CREATE AGGREGATE smarketing.window_funnel(at pg_catalog.timestamptz, within pg_catalog.interval, mode pg_catalog.text, VARIADIC conditions "any") (
    SFUNC = smarketing.window_funnel_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 512,
    FINALFUNC = smarketing.window_funnel_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.window_funnel_combinefn,
    SERIALFUNC = smarketing.window_funnel_serialfn,
    DESERIALFUNC = smarketing.window_funnel_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.window_funnel(pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text, VARIADIC "any") IS
    'how many of 1 to 64 conditions the rows met one after the other within a time of the first; use it with GROUP BY entity. mode: two quotes without anything between, or strict_order (also with allow_reentry), strict_increase, strict_once, strict_deduplication, first_start, joined by commas; or any_order';

CREATE TYPE smarketing.duration_summary;

CREATE FUNCTION smarketing.duration_summary_in(pg_catalog.cstring)
RETURNS smarketing.duration_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_summary_in';

CREATE FUNCTION smarketing.duration_summary_out(smarketing.duration_summary)
RETURNS pg_catalog.cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_summary_out';

CREATE FUNCTION smarketing.duration_summary_recv(pg_catalog.internal)
RETURNS smarketing.duration_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_summary_recv';

CREATE FUNCTION smarketing.duration_summary_send(smarketing.duration_summary)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_summary_send';

COMMENT ON FUNCTION smarketing.duration_summary_in(pg_catalog.cstring) IS 'I/O of duration_summary';
COMMENT ON FUNCTION smarketing.duration_summary_out(smarketing.duration_summary) IS 'I/O of duration_summary';
COMMENT ON FUNCTION smarketing.duration_summary_recv(pg_catalog.internal) IS 'I/O of duration_summary';
COMMENT ON FUNCTION smarketing.duration_summary_send(smarketing.duration_summary) IS 'I/O of duration_summary';

CREATE TYPE smarketing.duration_summary (
    INPUT = smarketing.duration_summary_in,
    OUTPUT = smarketing.duration_summary_out,
    RECEIVE = smarketing.duration_summary_recv,
    SEND = smarketing.duration_summary_send,
    STORAGE = extended
);

COMMENT ON TYPE smarketing.duration_summary IS
    'how long entities stayed in each stage; merge() adds summaries over other entities, stage_durations() reads it';

CREATE FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_transfn';

COMMENT ON FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_transfn';

COMMENT ON FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_transfn';

COMMENT ON FUNCTION smarketing.durations_transfn(pg_catalog.internal, pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_combinefn';

COMMENT ON FUNCTION smarketing.durations_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_serialfn';

COMMENT ON FUNCTION smarketing.durations_serialfn(pg_catalog.internal) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_deserialfn';

COMMENT ON FUNCTION smarketing.durations_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of durations';

CREATE FUNCTION smarketing.durations_finalfn(pg_catalog.internal)
RETURNS smarketing.duration_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_durations_finalfn';

COMMENT ON FUNCTION smarketing.durations_finalfn(pg_catalog.internal) IS 'implementation of durations';

CREATE AGGREGATE smarketing.durations(entity pg_catalog.int8, stage smarketing.funnel_stage, at pg_catalog.timestamptz) (
    SFUNC = smarketing.durations_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.durations_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.durations_combinefn,
    SERIALFUNC = smarketing.durations_serialfn,
    DESERIALFUNC = smarketing.durations_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.durations(pg_catalog.int8, smarketing.funnel_stage, pg_catalog.timestamptz) IS
    'how long entities stayed in each stage: visits that ended, and those that are open';

CREATE AGGREGATE smarketing.durations(entity pg_catalog.uuid, stage smarketing.funnel_stage, at pg_catalog.timestamptz) (
    SFUNC = smarketing.durations_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.durations_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.durations_combinefn,
    SERIALFUNC = smarketing.durations_serialfn,
    DESERIALFUNC = smarketing.durations_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.durations(pg_catalog.uuid, smarketing.funnel_stage, pg_catalog.timestamptz) IS
    'how long entities stayed in each stage: visits that ended, and those that are open';

CREATE AGGREGATE smarketing.durations(entity pg_catalog.text, stage smarketing.funnel_stage, at pg_catalog.timestamptz) (
    SFUNC = smarketing.durations_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.durations_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.durations_combinefn,
    SERIALFUNC = smarketing.durations_serialfn,
    DESERIALFUNC = smarketing.durations_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.durations(pg_catalog.text, smarketing.funnel_stage, pg_catalog.timestamptz) IS
    'how long entities stayed in each stage: visits that ended, and those that are open';

CREATE FUNCTION smarketing.duration_merge_transfn(pg_catalog.internal, smarketing.duration_summary)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_merge_transfn';

COMMENT ON FUNCTION smarketing.duration_merge_transfn(pg_catalog.internal, smarketing.duration_summary) IS 'implementation of merge';

CREATE FUNCTION smarketing.duration_merge_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_merge_combinefn';

COMMENT ON FUNCTION smarketing.duration_merge_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.duration_merge_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_merge_finalfn';

COMMENT ON FUNCTION smarketing.duration_merge_serialfn(pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.duration_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_merge_deserialfn';

COMMENT ON FUNCTION smarketing.duration_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.duration_merge_finalfn(pg_catalog.internal)
RETURNS smarketing.duration_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_duration_merge_finalfn';

COMMENT ON FUNCTION smarketing.duration_merge_finalfn(pg_catalog.internal) IS 'implementation of merge';

CREATE AGGREGATE smarketing.merge(summary smarketing.duration_summary) (
    SFUNC = smarketing.duration_merge_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.duration_merge_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.duration_merge_combinefn,
    SERIALFUNC = smarketing.duration_merge_serialfn,
    DESERIALFUNC = smarketing.duration_merge_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.merge(smarketing.duration_summary) IS
    'one summary of several; no entity may be in more than one of them';

CREATE TYPE smarketing.stage_durations_row AS (
    stage pg_catalog.text,
    visits pg_catalog.int8,
    open pg_catalog.int8,
    total_hours pg_catalog.float8,
    median_hours pg_catalog.float8,
    p90_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.stage_durations_row IS 'a row of stage_durations';

CREATE FUNCTION smarketing.stage_durations(summary smarketing.duration_summary, as_of pg_catalog.timestamptz)
RETURNS SETOF smarketing.stage_durations_row
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 8
AS 'MODULE_PATHNAME', 'smk_stage_durations';

COMMENT ON FUNCTION smarketing.stage_durations(smarketing.duration_summary, pg_catalog.timestamptz) IS
    'how long entities stayed in each stage, as rows: visits, those that are open, hours of all of them until as_of (NULL: the last event), and of those that ended (beyond 1,024 different durations within 0.4 percent)';
