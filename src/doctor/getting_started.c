#include "postgres.h"
#include "fmgr.h"
PG_FUNCTION_INFO_V1(smk_getting_started);
Datum
smk_getting_started(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	return (Datum) 0;
}
