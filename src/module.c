/*
 * module.c: the library's entry.
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "smarketing.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "smarketing", .version = SMK_VERSION);
#else
PG_MODULE_MAGIC;
#endif
