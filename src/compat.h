/*
 * compat.h: the newest API of the server for older ones; the only file that tests PG_VERSION_NUM.
 */
#ifndef SMK_COMPAT_H
#define SMK_COMPAT_H

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error smarketing needs PostgreSQL 15 or later
#endif

/* 18 marks functions that do not return by a word before them (90260e2ec6bb). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 16 introduced soft errors of input functions (ccff2d20ed96); before, an error is raised. */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
/* 16 took the access to variable-length values out of postgres.h (d952373a987b). */
#include "varatt.h"
#else
/* 16 gave it a soft-error context (858e776c84f4). */
#define stringToQualifiedNameList(string, context) stringToQualifiedNameList(string)
#define ereturn(context, dummy_value, ...) \
	do \
	{ \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 17 let others than the owner refresh a materialized view (ecb0fd33720f): SQL over a row of pg_class. */
#if PG_VERSION_NUM >= 170000
#define SMK_MAY_REFRESH "pg_catalog.has_table_privilege(pg_class.oid, 'MAINTAIN')"
#else
#define SMK_MAY_REFRESH "pg_catalog.pg_has_role(pg_class.relowner, 'USAGE')"
#endif

#endif
