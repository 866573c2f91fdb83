/*
 * argument.c: arguments of SQL functions that are not STRICT.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "argument.h"

/* Raises the error for an argument that must be given. */
void
smk_argument_require(FunctionCallInfo fcinfo, int position, const char *name)
{
	if (PG_ARGISNULL(position))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

/* A text argument that must be given, palloc'd. */
char *
smk_text_argument(FunctionCallInfo fcinfo, int position, const char *name)
{
	smk_argument_require(fcinfo, position, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(position));
}
