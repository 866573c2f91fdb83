/*
 * stage.h: the funnel stages, their order and their names.
 *
 * A stage is one byte, and bytes compare in the order of the stages.  The values are stored in tables, so
 * they never change; the gaps are for stages to come.  All stay below 128, 0 is never a stage.
 */
#ifndef SMK_STAGE_H
#define SMK_STAGE_H

#include "postgres.h"

typedef enum FunnelStage
{
	SMK_STAGE_DISQUALIFIED = 10, /* exits come first: stage >= 'sql' never counts one */
	SMK_STAGE_RECYCLED = 20,
	SMK_STAGE_LOST = 30,
	SMK_STAGE_CHURNED = 40,
	SMK_STAGE_VISITOR = 50, /* the first stage of the way to a customer */
	SMK_STAGE_LEAD = 60,
	SMK_STAGE_MQL = 70,
	SMK_STAGE_SAL = 80,
	SMK_STAGE_SQL = 90,
	SMK_STAGE_OPPORTUNITY = 100,
	SMK_STAGE_WON = 110
} FunnelStage;

/* How many stages there are, and how many of them are exits. */
#define SMK_STAGE_COUNT 11
#define SMK_STAGE_EXITS 4

/* The version byte with which the binary form begins. */
#define SMK_STAGE_BINARY_VERSION 1

/*
 * A Datum as fetch_att() makes it from a stored byte: Datums of equal stages are equal, and unsigned
 * comparison of Datums is that of the bytes.
 */
#define DatumGetFunnelStage(X) ((uint8) DatumGetChar(X))
#define FunnelStageGetDatum(X) CharGetDatum((char) (X))
#define PG_GETARG_FUNNEL_STAGE(n) DatumGetFunnelStage(PG_GETARG_DATUM(n))
#define PG_RETURN_FUNNEL_STAGE(x) return FunnelStageGetDatum(x)

extern bool smk_stage_parse(const char *text, size_t len, uint8 *stage);
extern const char *smk_stage_name(uint8 stage);
extern const char *smk_stage_list(void);
extern int smk_stage_index(uint8 stage);
extern uint8 smk_stage_at(int index);
extern bool smk_stage_is_exit(uint8 stage);
extern bool smk_stage_next(uint8 stage, uint8 *next);
extern bool smk_stage_previous(uint8 stage, uint8 *previous);

#endif
