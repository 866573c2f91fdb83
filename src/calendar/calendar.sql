/* calendar: the periods that reports are cut into */

CREATE FUNCTION smarketing.period_start(period text, at timestamptz, time_zone text, first_month integer DEFAULT 1)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_period_start';

COMMENT ON FUNCTION smarketing.period_start(text, timestamptz, text, integer) IS
'local date on which the period of an instant begins: day, week (Monday), month, quarter, year, fiscal_quarter, fiscal_year';

CREATE FUNCTION smarketing.period_end(period text, at timestamptz, time_zone text, first_month integer DEFAULT 1)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_period_end';

COMMENT ON FUNCTION smarketing.period_end(text, timestamptz, text, integer) IS
'first local date after the period of an instant';

CREATE FUNCTION smarketing.period_range(period text, at timestamptz, time_zone text, first_month integer DEFAULT 1)
RETURNS tstzrange
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_period_range';

COMMENT ON FUNCTION smarketing.period_range(text, timestamptz, text, integer) IS
'the instants of the period of an instant, without the upper bound';

CREATE FUNCTION smarketing.period_start(period text, on_date date, first_month integer DEFAULT 1)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_period_start_date';

COMMENT ON FUNCTION smarketing.period_start(text, date, integer) IS
'first date of the period of a date that is local already';

CREATE FUNCTION smarketing.period_end(period text, on_date date, first_month integer DEFAULT 1)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_period_end_date';

COMMENT ON FUNCTION smarketing.period_end(text, date, integer) IS
'first date after the period of a date that is local already';

CREATE FUNCTION smarketing.first_instant(on_date date, time_zone text)
RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_first_instant';

COMMENT ON FUNCTION smarketing.first_instant(date, text) IS
'first instant of a local date, also where its clocks show no midnight or two';

-- Business calendars.

CREATE TABLE smarketing.calendar (
    name pg_catalog.text PRIMARY KEY,
    time_zone pg_catalog.text NOT NULL,
    hours pg_catalog.jsonb NOT NULL,
    holidays pg_catalog.date[] NOT NULL
);

COMMENT ON TABLE smarketing.calendar IS 'business calendars; changed by smarketing.define_calendar()';

COMMENT ON COLUMN smarketing.calendar.time_zone IS 'the zone whose clocks the hours and holidays are read on';

COMMENT ON COLUMN smarketing.calendar.hours IS 'the spans of each weekday: {"mon": ["09:00-12:30", "14:00-18:00"], ...}';

COMMENT ON COLUMN smarketing.calendar.holidays IS 'local dates on which it is closed';

SELECT pg_catalog.pg_extension_config_dump('smarketing.calendar', '');

GRANT SELECT ON smarketing.calendar TO PUBLIC;

CREATE FUNCTION smarketing.define_calendar(name pg_catalog.text, time_zone pg_catalog.text, hours pg_catalog.jsonb,
    holidays pg_catalog.date[] DEFAULT '{}'::pg_catalog.date[])
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_define_calendar';

COMMENT ON FUNCTION smarketing.define_calendar(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.date[]) IS
    'defines a business calendar, or another one under its name: the spans of each weekday and the holidays, by the clocks of a zone; NULL hours forget it';

-- Not for PUBLIC: who may change a calendar changes every figure that is computed with it.
REVOKE ALL ON FUNCTION smarketing.define_calendar(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.date[])
FROM PUBLIC;

CREATE FUNCTION smarketing.business_hours(from_at pg_catalog.timestamptz, to_at pg_catalog.timestamptz,
    calendar pg_catalog.text)
RETURNS pg_catalog.float8
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_business_hours';

COMMENT ON FUNCTION smarketing.business_hours(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text) IS
    'open hours of a calendar between two instants; less than 0 where the first is the later one';

CREATE FUNCTION smarketing.add_business_hours(from_at pg_catalog.timestamptz, hours pg_catalog.float8,
    calendar pg_catalog.text)
RETURNS pg_catalog.timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smk_add_business_hours';

COMMENT ON FUNCTION smarketing.add_business_hours(pg_catalog.timestamptz, pg_catalog.float8, pg_catalog.text) IS
    'the instant at which so many open hours of a calendar have passed; with 0, the next opening unless it is open; with less than 0, from when on they pass until the given instant';
