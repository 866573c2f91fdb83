CREATE TYPE smarketing.retention_summary;

CREATE FUNCTION smarketing.retention_summary_in(pg_catalog.cstring)
RETURNS smarketing.retention_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_summary_in';

CREATE FUNCTION smarketing.retention_summary_out(smarketing.retention_summary)
RETURNS pg_catalog.cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_summary_out';

CREATE FUNCTION smarketing.retention_summary_recv(pg_catalog.internal)
RETURNS smarketing.retention_summary
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_summary_recv';

CREATE FUNCTION smarketing.retention_summary_send(smarketing.retention_summary)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_summary_send';

COMMENT ON FUNCTION smarketing.retention_summary_in(pg_catalog.cstring) IS 'I/O of retention_summary';
COMMENT ON FUNCTION smarketing.retention_summary_out(smarketing.retention_summary) IS 'I/O of retention_summary';
COMMENT ON FUNCTION smarketing.retention_summary_recv(pg_catalog.internal) IS 'I/O of retention_summary';
COMMENT ON FUNCTION smarketing.retention_summary_send(smarketing.retention_summary) IS 'I/O of retention_summary';

CREATE TYPE smarketing.retention_summary (
    INPUT = smarketing.retention_summary_in,
    OUTPUT = smarketing.retention_summary_out,
    RECEIVE = smarketing.retention_summary_recv,
    SEND = smarketing.retention_summary_send,
    STORAGE = extended
);

COMMENT ON TYPE smarketing.retention_summary IS
    'what customers held from period to period; merge() adds summaries over other customers, movements() and cohorts() read it';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_within_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_within_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_within_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_as_of_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_as_of_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_as_of_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_subscription_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_subscription_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_subscription_transfn';

COMMENT ON FUNCTION smarketing.retention_transfn(pg_catalog.internal, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_combinefn';

COMMENT ON FUNCTION smarketing.retention_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_serialfn';

COMMENT ON FUNCTION smarketing.retention_serialfn(pg_catalog.internal) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_deserialfn';

COMMENT ON FUNCTION smarketing.retention_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of retention';

CREATE FUNCTION smarketing.retention_finalfn(pg_catalog.internal)
RETURNS smarketing.retention_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_finalfn';

COMMENT ON FUNCTION smarketing.retention_finalfn(pg_catalog.internal) IS 'implementation of retention';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.int8, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts in its own period';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.uuid, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts in its own period';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.text, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts in its own period';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.int8, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.uuid, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.text, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS
    'what customers bought from period to period: movements between the closes of periods, and cohorts; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.int8, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS
    'what customers bought from period to period, up to a time at which the last period closes; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.uuid, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS
    'what customers bought from period to period, up to a time at which the last period closes; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.text, product pg_catalog.text, at pg_catalog.timestamptz, amount pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, active_within pg_catalog.interval, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz) IS
    'what customers bought from period to period, up to a time at which the last period closes; each row counts at all closes that are not later than active_within';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.int8, product pg_catalog.text, starts_at pg_catalog.timestamptz, ends_at pg_catalog.timestamptz, monthly pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.int8, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
    'what customers pay per month at the close of each period, from their subscriptions: movements between closes, and cohorts; the running period closes at as_of';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.uuid, product pg_catalog.text, starts_at pg_catalog.timestamptz, ends_at pg_catalog.timestamptz, monthly pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.uuid, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
    'what customers pay per month at the close of each period, from their subscriptions: movements between closes, and cohorts; the running period closes at as_of';

CREATE AGGREGATE smarketing.retention(customer pg_catalog.text, product pg_catalog.text, starts_at pg_catalog.timestamptz, ends_at pg_catalog.timestamptz, monthly pg_catalog.numeric, period pg_catalog.text, time_zone pg_catalog.text, as_of pg_catalog.timestamptz) (
    SFUNC = smarketing.retention_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 1024,
    FINALFUNC = smarketing.retention_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_combinefn,
    SERIALFUNC = smarketing.retention_serialfn,
    DESERIALFUNC = smarketing.retention_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.retention(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.numeric, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
    'what customers pay per month at the close of each period, from their subscriptions: movements between closes, and cohorts; the running period closes at as_of';

CREATE FUNCTION smarketing.retention_merge_transfn(pg_catalog.internal, smarketing.retention_summary)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_merge_transfn';

COMMENT ON FUNCTION smarketing.retention_merge_transfn(pg_catalog.internal, smarketing.retention_summary) IS 'implementation of merge';

CREATE FUNCTION smarketing.retention_merge_combinefn(pg_catalog.internal, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_merge_combinefn';

COMMENT ON FUNCTION smarketing.retention_merge_combinefn(pg_catalog.internal, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.retention_merge_serialfn(pg_catalog.internal)
RETURNS pg_catalog.bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_merge_finalfn';

COMMENT ON FUNCTION smarketing.retention_merge_serialfn(pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.retention_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal)
RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_merge_deserialfn';

COMMENT ON FUNCTION smarketing.retention_merge_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS 'implementation of merge';

CREATE FUNCTION smarketing.retention_merge_finalfn(pg_catalog.internal)
RETURNS smarketing.retention_summary
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_retention_merge_finalfn';

COMMENT ON FUNCTION smarketing.retention_merge_finalfn(pg_catalog.internal) IS 'implementation of merge';

CREATE AGGREGATE smarketing.merge(summary smarketing.retention_summary) (
    SFUNC = smarketing.retention_merge_transfn,
    STYPE = pg_catalog.internal,
    SSPACE = 8192,
    FINALFUNC = smarketing.retention_merge_finalfn,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = smarketing.retention_merge_combinefn,
    SERIALFUNC = smarketing.retention_merge_serialfn,
    DESERIALFUNC = smarketing.retention_merge_deserialfn,
    PARALLEL = SAFE
);

COMMENT ON AGGREGATE smarketing.merge(smarketing.retention_summary) IS
    'the retention of the customers of several summaries, no customer in two of them';

CREATE TYPE smarketing.cohorts_row AS (
    cohort pg_catalog.date,
    age pg_catalog.int4,
    cohort_size pg_catalog.int8,
    customers pg_catalog.int8,
    amount pg_catalog.numeric,
    retention_rate pg_catalog.float8,
    amount_rate pg_catalog.float8,
    customers_since pg_catalog.int8
);

COMMENT ON TYPE smarketing.cohorts_row IS 'a row of cohorts';

CREATE FUNCTION smarketing.cohorts(summary smarketing.retention_summary)
RETURNS SETOF smarketing.cohorts_row
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 300
AS 'MODULE_PATHNAME', 'smk_cohorts';

COMMENT ON FUNCTION smarketing.cohorts(smarketing.retention_summary) IS
    'of the customers who became active in the same period, how many were active how many periods later, and their amounts';

CREATE TYPE smarketing.movements_row AS (
    period_start pg_catalog.date,
    movement pg_catalog.text,
    customers pg_catalog.int8,
    amount pg_catalog.numeric
);

COMMENT ON TYPE smarketing.movements_row IS 'a row of movements';

CREATE FUNCTION smarketing.movements(summary smarketing.retention_summary)
RETURNS SETOF smarketing.movements_row
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 200
AS 'MODULE_PATHNAME', 'smk_movements';

COMMENT ON FUNCTION smarketing.movements(smarketing.retention_summary) IS
    'from the close of each period to that of the next: opening, new, upsell, cross_sell, expansion, contraction, churn, reactivation, closing; the amounts before closing add up to it';
