/*
 * argument.h: arguments of SQL functions that are not STRICT.
 */
#ifndef SMK_ARGUMENT_H
#define SMK_ARGUMENT_H

#include "fmgr.h"

extern void smk_argument_require(FunctionCallInfo fcinfo, int position, const char *name);
extern char *smk_text_argument(FunctionCallInfo fcinfo, int position, const char *name);

#endif
