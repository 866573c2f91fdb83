/*
 * smarketing.h: limits and types that every module shares.
 */
#ifndef SMK_SMARKETING_H
#define SMK_SMARKETING_H

#define SMK_SCHEMA "smarketing"

/* The most periods that one call may return. */
#define SMK_MAX_PERIODS 100000

#endif
