/*
 * stage_functions.c: the SQL functions of the type funnel_stage.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#include "compat.h"
#include "stage/stage.h"

/* The argument as a stage that exists; a stored byte that is none is damaged data, not the caller's error. */
static uint8
stage_check(uint8 stage)
{
	if (smk_stage_index(stage) < 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored byte %d is no funnel_stage", stage)));
	return stage;
}

/* Text to stage: a name in any case, with or without white space around it. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_in);
Datum
smk_funnel_stage_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	uint8 stage;

	if (!smk_stage_parse(text, strlen(text), &stage))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "funnel_stage", text),
				 errhint("The stages are %s.", smk_stage_list())));
	PG_RETURN_FUNNEL_STAGE(stage);
}

/* Stage to text: the lower-case name. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_out);
Datum
smk_funnel_stage_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(smk_stage_name(stage_check(PG_GETARG_FUNNEL_STAGE(0)))));
}

/* Binary form to stage: a version byte, then the stored byte. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_recv);
Datum
smk_funnel_stage_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length = buf->len - buf->cursor;
	int version;
	int stage;

	if (length != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid length in external value of type %s: %d bytes", "funnel_stage", length)));
	version = pq_getmsgbyte(buf);
	if (version != SMK_STAGE_BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version in external value of type %s: %d", "funnel_stage", version)));
	stage = pq_getmsgbyte(buf);
	if (smk_stage_index((uint8) stage) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid external value of type %s: %d", "funnel_stage", stage)));
	PG_RETURN_FUNNEL_STAGE(stage);
}

/* Stage to binary form. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_send);
Datum
smk_funnel_stage_send(PG_FUNCTION_ARGS)
{
	uint8 stage = stage_check(PG_GETARG_FUNNEL_STAGE(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, SMK_STAGE_BINARY_VERSION);
	pq_sendbyte(&buf, stage);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* The six comparisons look at the bytes alone and raise nothing: they are leakproof. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_lt);
Datum
smk_funnel_stage_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) < PG_GETARG_FUNNEL_STAGE(1));
}

/* True when the first stage comes before the second, or is it. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_le);
Datum
smk_funnel_stage_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) <= PG_GETARG_FUNNEL_STAGE(1));
}

/* True when the stages are the same. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_eq);
Datum
smk_funnel_stage_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) == PG_GETARG_FUNNEL_STAGE(1));
}

/* True when the stages differ. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_ne);
Datum
smk_funnel_stage_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) != PG_GETARG_FUNNEL_STAGE(1));
}

/* True when the first stage comes after the second, or is it. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_ge);
Datum
smk_funnel_stage_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) >= PG_GETARG_FUNNEL_STAGE(1));
}

/* True when the first stage comes after the second. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_gt);
Datum
smk_funnel_stage_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_FUNNEL_STAGE(0) > PG_GETARG_FUNNEL_STAGE(1));
}

/* -1, 0 or 1: the order of two stages, for btree. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_cmp);
Datum
smk_funnel_stage_cmp(PG_FUNCTION_ARGS)
{
	uint8 a = PG_GETARG_FUNNEL_STAGE(0);
	uint8 b = PG_GETARG_FUNNEL_STAGE(1);

	PG_RETURN_INT32((a > b) - (a < b));
}

/* Sorts with core's comparison of Datums, for which core has a sort of its own. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_sortsupport);
Datum
smk_funnel_stage_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = ssup_datum_unsigned_cmp;
	PG_RETURN_VOID();
}

/* The hash of a stage.  Rows lie in hash partitions by it: it never changes. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_hash);
Datum
smk_funnel_stage_hash(PG_FUNCTION_ARGS)
{
	return hash_uint32(PG_GETARG_FUNNEL_STAGE(0));
}

/* The 64-bit hash of a stage with a seed.  Rows lie in hash partitions by it: it never changes. */
PG_FUNCTION_INFO_V1(smk_funnel_stage_hash_extended);
Datum
smk_funnel_stage_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_uint32_extended(PG_GETARG_FUNNEL_STAGE(0), PG_GETARG_INT64(1));
}

/* The earlier of two stages: min(). */
PG_FUNCTION_INFO_V1(smk_funnel_stage_smaller);
Datum
smk_funnel_stage_smaller(PG_FUNCTION_ARGS)
{
	PG_RETURN_FUNNEL_STAGE(Min(PG_GETARG_FUNNEL_STAGE(0), PG_GETARG_FUNNEL_STAGE(1)));
}

/* The later of two stages: max(). */
PG_FUNCTION_INFO_V1(smk_funnel_stage_larger);
Datum
smk_funnel_stage_larger(PG_FUNCTION_ARGS)
{
	PG_RETURN_FUNNEL_STAGE(Max(PG_GETARG_FUNNEL_STAGE(0), PG_GETARG_FUNNEL_STAGE(1)));
}

/* The stage after this one; NULL after won and for exits. */
PG_FUNCTION_INFO_V1(smk_next_stage);
Datum
smk_next_stage(PG_FUNCTION_ARGS)
{
	uint8 next;

	if (!smk_stage_next(stage_check(PG_GETARG_FUNNEL_STAGE(0)), &next))
		PG_RETURN_NULL();
	PG_RETURN_FUNNEL_STAGE(next);
}

/* The stage before this one; NULL before visitor and for exits. */
PG_FUNCTION_INFO_V1(smk_previous_stage);
Datum
smk_previous_stage(PG_FUNCTION_ARGS)
{
	uint8 previous;

	if (!smk_stage_previous(stage_check(PG_GETARG_FUNNEL_STAGE(0)), &previous))
		PG_RETURN_NULL();
	PG_RETURN_FUNNEL_STAGE(previous);
}

/* True for disqualified, recycled, lost and churned. */
PG_FUNCTION_INFO_V1(smk_is_exit);
Datum
smk_is_exit(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(smk_stage_is_exit(stage_check(PG_GETARG_FUNNEL_STAGE(0))));
}
