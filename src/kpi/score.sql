-- Scores of leads. What configures is not for PUBLIC: who may change it changes figures that everybody sees.

CREATE FUNCTION smarketing.define_score(name pg_catalog.text, activity pg_catalog.text, points pg_catalog.int4,
    half_life pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_define_score';

COMMENT ON FUNCTION smarketing.define_score(pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.interval) IS
    'says how many points an activity of a kind adds to the score of its lead, and after what time they count half; NULL points drop the rule';

CREATE FUNCTION smarketing.qualify_at_score(score pg_catalog.float8,
    becomes smarketing.funnel_stage DEFAULT 'sql'::smarketing.funnel_stage,
    from_stage smarketing.funnel_stage DEFAULT 'mql'::smarketing.funnel_stage)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'smk_qualify_at_score';

COMMENT ON FUNCTION smarketing.qualify_at_score(pg_catalog.float8, smarketing.funnel_stage, smarketing.funnel_stage) IS
    'makes a lead come to a stage when its score first reaches a threshold, once it has come to the stage before; a NULL score drops the threshold';

REVOKE ALL ON FUNCTION smarketing.define_score(pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.interval),
    smarketing.qualify_at_score(pg_catalog.float8, smarketing.funnel_stage, smarketing.funnel_stage)
FROM PUBLIC;

CREATE TYPE smarketing.lead_scores_row AS (
    lead_id pg_catalog.text,
    label pg_catalog.text,
    score pg_catalog.float8,
    stage pg_catalog.text,
    crossed_at pg_catalog.timestamptz
);

COMMENT ON TYPE smarketing.lead_scores_row IS 'a row of smarketing.lead_scores()';

COMMENT ON COLUMN smarketing.lead_scores_row.score IS 'the points of its activities as of then, those that fade as far as they have';

COMMENT ON COLUMN smarketing.lead_scores_row.stage IS 'the furthest stage that it had come to by then, or disqualified';

COMMENT ON COLUMN smarketing.lead_scores_row.crossed_at IS 'when the score first reached the threshold of the furthest stage whose threshold it ever reached';

CREATE FUNCTION smarketing.lead_scores(as_of pg_catalog.timestamptz DEFAULT pg_catalog.now())
RETURNS SETOF smarketing.lead_scores_row
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000
AS 'MODULE_PATHNAME', 'smk_lead_scores';

COMMENT ON FUNCTION smarketing.lead_scores(pg_catalog.timestamptz) IS
    'each lead with its score as of an instant, the stage that it had come to, and when its score first reached the threshold';
