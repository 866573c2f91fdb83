/*
 * smarketing.h: limits and types that every module shares.
 */
#ifndef SMK_SMARKETING_H
#define SMK_SMARKETING_H

#define SMK_SCHEMA "smarketing"

/* The most periods that one call may return. */
#define SMK_MAX_PERIODS 100000

/* A function of SQL that is a call of another one. */
#define SMK_FUNCTION(name, call)                                                                             \
	PG_FUNCTION_INFO_V1(name);                                                                               \
	Datum name(PG_FUNCTION_ARGS)                                                                             \
	{                                                                                                        \
		return call;                                                                                         \
	}

#endif
