/*
 * statement.h: runs a compiled statement.
 */
#ifndef SMK_STATEMENT_H
#define SMK_STATEMENT_H

#include "tcop/dest.h"

extern void smk_statement_run(const char *sql, DestReceiver *receiver, const char *what);

#endif
