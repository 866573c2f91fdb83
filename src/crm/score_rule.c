/*
 * score_rule.c: reads the rules by which leads are scored.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/timestamp.h"

#include "crm/score_rule.h"
#include "timeline/timeline_call.h"

/* The rules, in the order of their names: of SmkScoreRule. Inside SPI_connect; palloc'd. */
List *
smk_score_rules_load(void)
{
	static SPIPlanPtr plan = NULL;
	List *rules = NIL;

	smk_config_query(
		"SELECT activity, points, half_life FROM smarketing.score_rule ORDER BY name COLLATE \"C\"", &plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SmkScoreRule *rule = palloc(sizeof(SmkScoreRule));
		HeapTuple tuple = SPI_tuptable->vals[row];
		Datum half_life;
		bool is_null;

		rule->activity = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 1);
		rule->points = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &is_null));
		half_life = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &is_null);
		rule->half_life = is_null ? 0 : smk_timeline_window(DatumGetIntervalP(half_life), "half_life");
		rules = lappend(rules, rule);
	}
	return rules;
}

/* The thresholds, in the order of the stages: of SmkScoreThreshold. Inside SPI_connect; palloc'd. */
List *
smk_score_thresholds_load(void)
{
	static SPIPlanPtr plan = NULL;
	List *thresholds = NIL;

	smk_config_query("SELECT score, becomes, from_stage FROM smarketing.score_threshold ORDER BY becomes",
					 &plan);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SmkScoreThreshold *threshold = palloc(sizeof(SmkScoreThreshold));
		HeapTuple tuple = SPI_tuptable->vals[row];
		bool is_null;

		threshold->score = DatumGetFloat8(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &is_null));
		threshold->becomes = DatumGetFunnelStage(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &is_null));
		threshold->from_stage = DatumGetFunnelStage(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &is_null));
		thresholds = lappend(thresholds, threshold);
	}
	return thresholds;
}

/* The threshold that makes a lead come to a stage; NULL: none does. */
const SmkScoreThreshold *
smk_score_threshold(const SmkConfig *config, FunnelStage becomes)
{
	ListCell *cell;

	foreach (cell, config->score_thresholds)
		if (((SmkScoreThreshold *) lfirst(cell))->becomes == becomes)
			return lfirst(cell);
	return NULL;
}
