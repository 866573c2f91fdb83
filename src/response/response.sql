CREATE TYPE smarketing.response_summary;

CREATE FUNCTION smarketing.response_summary_in(pg_catalog.cstring)
RETURNS smarketing.response_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_summary_in';

CREATE FUNCTION smarketing.response_summary_out(smarketing.response_summary)
RETURNS pg_catalog.cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_summary_out';

CREATE FUNCTION smarketing.response_summary_recv(pg_catalog.internal)
RETURNS smarketing.response_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_summary_recv';

CREATE FUNCTION smarketing.response_summary_send(smarketing.response_summary)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_summary_send';

COMMENT ON FUNCTION smarketing.response_summary_in(pg_catalog.cstring) IS 'I/O of response_summary';
COMMENT ON FUNCTION smarketing.response_summary_out(smarketing.response_summary) IS 'I/O of response_summary';
COMMENT ON FUNCTION smarketing.response_summary_recv(pg_catalog.internal) IS 'I/O of response_summary';
COMMENT ON FUNCTION smarketing.response_summary_send(smarketing.response_summary) IS 'I/O of response_summary';

CREATE TYPE smarketing.response_summary (
    INPUT = smarketing.response_summary_in,
    OUTPUT = smarketing.response_summary_out,
    RECEIVE = smarketing.response_summary_recv,
    SEND = smarketing.response_summary_send,
    STORAGE = extended
);

COMMENT ON TYPE smarketing.response_summary IS
    'how long answers to triggers took, and when what still waits is due; merge() adds summaries over other entities, responses() reads it';

CREATE FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_transfn';

COMMENT ON FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of response';

CREATE FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_transfn';

COMMENT ON FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of response';

CREATE FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_transfn';

COMMENT ON FUNCTION smarketing.response_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS 'implementation of response';

CREATE FUNCTION smarketing.response_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_combinefn';

COMMENT ON FUNCTION smarketing.response_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of response';

CREATE FUNCTION smarketing.response_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_serialfn';

COMMENT ON FUNCTION smarketing.response_serialfn(pg_catalog.internal) IS 'implementation of response';

CREATE FUNCTION smarketing.response_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_deserialfn';

COMMENT ON FUNCTION smarketing.response_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of response';

CREATE FUNCTION smarketing.response_finalfn(pg_catalog.internal)
RETURNS smarketing.response_summary
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_finalfn';

COMMENT ON FUNCTION smarketing.response_finalfn(pg_catalog.internal) IS 'implementation of response';

CREATE AGGREGATE smarketing.response(entity pg_catalog.int8, event pg_catalog.text, at pg_catalog.timestamptz, within pg_catalog.interval, calendar pg_catalog.text) (
    SFUNC = smarketing.response_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.response_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.response_combinefn,
    SERIALFUNC = smarketing.response_serialfn,
    DESERIALFUNC = smarketing.response_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.response(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'from triggers to their answers within a time: event is trigger, answer or stop, which ends the clock without an answer; calendar NULL: every hour counts';

CREATE AGGREGATE smarketing.response(entity pg_catalog.uuid, event pg_catalog.text, at pg_catalog.timestamptz, within pg_catalog.interval, calendar pg_catalog.text) (
    SFUNC = smarketing.response_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.response_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.response_combinefn,
    SERIALFUNC = smarketing.response_serialfn,
    DESERIALFUNC = smarketing.response_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.response(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'from triggers to their answers within a time: event is trigger, answer or stop, which ends the clock without an answer; calendar NULL: every hour counts';

CREATE AGGREGATE smarketing.response(entity pg_catalog.text, event pg_catalog.text, at pg_catalog.timestamptz, within pg_catalog.interval, calendar pg_catalog.text) (
    SFUNC = smarketing.response_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.response_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.response_combinefn,
    SERIALFUNC = smarketing.response_serialfn,
    DESERIALFUNC = smarketing.response_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.response(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
    'from triggers to their answers within a time: event is trigger, answer or stop, which ends the clock without an answer; calendar NULL: every hour counts';

CREATE FUNCTION smarketing.response_merge_transfn(pg_catalog.internal, smarketing.response_summary)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_merge_transfn';

COMMENT ON FUNCTION smarketing.response_merge_transfn(pg_catalog.internal, smarketing.response_summary) IS 'implementation of merge';

CREATE FUNCTION smarketing.response_merge_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_merge_combinefn';

COMMENT ON FUNCTION smarketing.response_merge_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.response_merge_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_merge_finalfn';

COMMENT ON FUNCTION smarketing.response_merge_serialfn(pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.response_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_merge_deserialfn';

COMMENT ON FUNCTION smarketing.response_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.response_merge_finalfn(pg_catalog.internal)
RETURNS smarketing.response_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_response_merge_finalfn';

COMMENT ON FUNCTION smarketing.response_merge_finalfn(pg_catalog.internal) IS 'implementation of merge';

CREATE AGGREGATE smarketing.merge(summary smarketing.response_summary) (
    SFUNC = smarketing.response_merge_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.response_merge_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.response_merge_combinefn,
    SERIALFUNC = smarketing.response_merge_serialfn,
    DESERIALFUNC = smarketing.response_merge_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.merge(smarketing.response_summary) IS
    'one summary of several of the same limit and calendar; no entity may be in more than one of them';

CREATE TYPE smarketing.responses_row AS (
    triggers pg_catalog.int8,
    answered pg_catalog.int8,
    in_time pg_catalog.int8,
    late pg_catalog.int8,
    unanswered pg_catalog.int8,
    running pg_catalog.int8,
    compliance pg_catalog.float8,
    median_hours pg_catalog.float8,
    p90_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.responses_row IS 'the row of responses';

CREATE FUNCTION smarketing.responses(summary smarketing.response_summary, as_of pg_catalog.timestamptz)
RETURNS SETOF smarketing.responses_row
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'smk_responses';

COMMENT ON FUNCTION smarketing.responses(smarketing.response_summary, pg_catalog.timestamptz) IS
    'triggers by what became of them until as_of (NULL: the last event), the share of those that are over which was answered in time, and hours to the answer (beyond 1,024 different durations within 0.4 percent)';
