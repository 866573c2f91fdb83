-- Service level agreements: what starts a clock, who answers until when, and what was missed.

CREATE TABLE smarketing.sla_rule (
    name pg_catalog.text PRIMARY KEY,
    trigger pg_catalog.text NOT NULL,
    answer pg_catalog.text NOT NULL,
    within pg_catalog.interval NOT NULL,
    calendar pg_catalog.text,
    options pg_catalog.jsonb NOT NULL
);

COMMENT ON TABLE smarketing.sla_rule IS 'rules about how soon somebody answers a lead; changed by smarketing.define_sla()';

COMMENT ON COLUMN smarketing.sla_rule.within IS 'the limit; of open time where there is a calendar';

SELECT pg_catalog.pg_extension_config_dump('smarketing.sla_rule', '');

GRANT SELECT ON smarketing.sla_rule TO PUBLIC;

-- What a rule needs stays as long as the rule: the names of those that would be left without are in the error.
CREATE FUNCTION smarketing.keep_calendar_of_sla()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_keep_calendar_of_sla';

COMMENT ON FUNCTION smarketing.keep_calendar_of_sla() IS 'internal: refuses to remove a calendar that an SLA rule uses';

CREATE TRIGGER keep_calendar_of_sla BEFORE DELETE OR UPDATE OF name ON smarketing.calendar
FOR EACH ROW EXECUTE FUNCTION smarketing.keep_calendar_of_sla();

CREATE TRIGGER keep_calendars_of_sla AFTER TRUNCATE ON smarketing.calendar
FOR EACH STATEMENT EXECUTE FUNCTION smarketing.keep_calendar_of_sla();

CREATE TRIGGER require_calendar AFTER INSERT OR UPDATE ON smarketing.sla_rule
FOR EACH ROW EXECUTE FUNCTION smarketing.require_named('calendar');

CREATE FUNCTION smarketing.keep_score_of_sla()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_keep_score_of_sla';

COMMENT ON FUNCTION smarketing.keep_score_of_sla() IS 'internal: refuses to remove the last score rule while an SLA rule asks for the score';

CREATE TRIGGER keep_score_of_sla AFTER DELETE OR TRUNCATE ON smarketing.score_rule
FOR EACH STATEMENT EXECUTE FUNCTION smarketing.keep_score_of_sla();

-- Not for PUBLIC: who missed what is nobody's business but theirs to whom it is granted.
CREATE TABLE smarketing.breach_log (
    rule pg_catalog.text NOT NULL,
    lead_id pg_catalog.text NOT NULL,
    owner pg_catalog.text,
    triggered_at pg_catalog.timestamptz NOT NULL,
    due_at pg_catalog.timestamptz NOT NULL,
    detected_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
    acknowledged_at pg_catalog.timestamptz,
    CONSTRAINT breach_log_key PRIMARY KEY (rule, lead_id, triggered_at)
);

COMMENT ON TABLE smarketing.breach_log IS 'every breach of an SLA rule that smarketing.notify_breaches() found, once; rows stay when the rule or the lead goes';

COMMENT ON COLUMN smarketing.breach_log.owner IS 'the lead''s owner when the breach was detected';

COMMENT ON COLUMN smarketing.breach_log.acknowledged_at IS 'for whoever deals with it: UPDATE it, GRANT UPDATE (acknowledged_at) allows that';

SELECT pg_catalog.pg_extension_config_dump('smarketing.breach_log', '');

CREATE FUNCTION smarketing.define_sla(name pg_catalog.text, trigger pg_catalog.text, answer pg_catalog.text,
    within pg_catalog.interval, calendar pg_catalog.text DEFAULT NULL,
    options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_define_sla';

COMMENT ON FUNCTION smarketing.define_sla(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.text, pg_catalog.jsonb) IS
    'makes or replaces a rule: what happens to a lead, which activity by a person answers it, and within which time';

CREATE FUNCTION smarketing.drop_sla(name pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_drop_sla';

COMMENT ON FUNCTION smarketing.drop_sla(pg_catalog.text) IS 'forgets a rule; breaches that were logged of it stay';

CREATE TYPE smarketing.response_times_row AS (
    period_start pg_catalog.date,
    is_partial pg_catalog.bool,
    by_1 pg_catalog.text,
    by_2 pg_catalog.text,
    by_3 pg_catalog.text,
    rule pg_catalog.text,
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

COMMENT ON TYPE smarketing.response_times_row IS 'a row of smarketing.response_times()';

CREATE FUNCTION smarketing.response_times(since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
    period pg_catalog.text DEFAULT 'month'::pg_catalog.text, by pg_catalog.text[] DEFAULT '{}'::pg_catalog.text[],
    filter pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb, options pg_catalog.jsonb DEFAULT '{}'::pg_catalog.jsonb)
RETURNS SETOF smarketing.response_times_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
AS 'MODULE_PATHNAME', 'smk_response_times';

COMMENT ON FUNCTION smarketing.response_times(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[], pg_catalog.jsonb, pg_catalog.jsonb) IS
    'how each SLA rule was kept: the triggers of a period, how many were answered in time, late or not at all, and how soon';

CREATE TYPE smarketing.sla_queue_row AS (
    rule pg_catalog.text,
    state pg_catalog.text,
    lead_id pg_catalog.text,
    label pg_catalog.text,
    owner pg_catalog.text,
    manager pg_catalog.text,
    team pg_catalog.text,
    triggered_at pg_catalog.timestamptz,
    due_at pg_catalog.timestamptz,
    remaining_hours pg_catalog.float8
);

COMMENT ON TYPE smarketing.sla_queue_row IS 'a row of smarketing.sla_queue()';

COMMENT ON COLUMN smarketing.sla_queue_row.state IS 'running, warning or late';

COMMENT ON COLUMN smarketing.sla_queue_row.remaining_hours IS 'hours until it is due, of open time where the rule has a calendar; negative when it is late';

CREATE FUNCTION smarketing.sla_queue(as_of pg_catalog.timestamptz DEFAULT pg_catalog.now())
RETURNS SETOF smarketing.sla_queue_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
AS 'MODULE_PATHNAME', 'smk_sla_queue';

COMMENT ON FUNCTION smarketing.sla_queue(pg_catalog.timestamptz) IS
    'the leads that wait for an answer, the most urgent first, with who is to give it and who that one reports to';

CREATE FUNCTION smarketing.notify_breaches(channel pg_catalog.text DEFAULT 'smarketing'::pg_catalog.text)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'smk_notify_breaches';

COMMENT ON FUNCTION smarketing.notify_breaches(pg_catalog.text) IS
    'logs every breach of an SLA rule that is not in smarketing.breach_log yet, and NOTIFYs of each with a JSON payload; gives their number';

-- Not for PUBLIC: rules are everybody's, and who notifies writes the log that others rely on.
REVOKE ALL ON FUNCTION smarketing.define_sla(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.interval, pg_catalog.text, pg_catalog.jsonb),
    smarketing.drop_sla(pg_catalog.text), smarketing.notify_breaches(pg_catalog.text)
FROM PUBLIC;
