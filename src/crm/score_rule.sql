-- Scoring of leads: what activities are worth, and what a lead becomes whose score reaches a threshold.

CREATE TABLE smarketing.score_rule (
    name pg_catalog.text PRIMARY KEY,
    activity pg_catalog.text NOT NULL,
    points pg_catalog.int4 NOT NULL,
    half_life pg_catalog.interval
);

COMMENT ON TABLE smarketing.score_rule IS 'what an activity is worth in the score of its lead; changed by smarketing.define_score()';

COMMENT ON COLUMN smarketing.score_rule.activity IS 'the kind of activity, as the CRM has it';

COMMENT ON COLUMN smarketing.score_rule.half_life IS 'after which the points count half; NULL: they do not fade';

CREATE TABLE smarketing.score_threshold (
    becomes smarketing.funnel_stage PRIMARY KEY,
    score pg_catalog.float8 NOT NULL
        CHECK (score OPERATOR(pg_catalog.>) 0::pg_catalog.float8
               AND score OPERATOR(pg_catalog.<) 'Infinity'::pg_catalog.float8),
    from_stage smarketing.funnel_stage NOT NULL
);

COMMENT ON TABLE smarketing.score_threshold IS 'the stage to which a lead comes when its score first reaches a threshold; changed by smarketing.qualify_at_score()';

COMMENT ON COLUMN smarketing.score_threshold.from_stage IS 'the stage that a lead must have come to; where it does so after the score was reached, it is then';

SELECT pg_catalog.pg_extension_config_dump('smarketing.score_rule', '');

SELECT pg_catalog.pg_extension_config_dump('smarketing.score_threshold', '');

GRANT SELECT ON smarketing.score_rule, smarketing.score_threshold TO PUBLIC;
