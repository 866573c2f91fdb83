/*
 * statement.h: where and how compiled statements run.
 */
#ifndef SMK_STATEMENT_H
#define SMK_STATEMENT_H

#include "nodes/execnodes.h"
#include "tcop/dest.h"

extern int smk_statement_settings(void);
extern int smk_statement_begin(void);
extern void smk_statement_end(int level);
extern bool smk_statement_reads_unanalysed(const char *sql, int argument_count, Oid *types);
extern void smk_statement_avoid_nested_loops(void);
extern void smk_statement_expect_cached(void);
extern void smk_statement_run(const char *sql, DestReceiver *receiver, const char *what);
extern void smk_statement_run_into(ReturnSetInfo *result, const char *sql, const char *what);

#endif
