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
