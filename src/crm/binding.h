/*
 * binding.h: what changes bindings and reads the catalogues of them.
 */
#ifndef SMK_BINDING_H
#define SMK_BINDING_H

#include "argument.h"
#include "crm/config.h"

extern uint64 smk_binding_write(const char *sql, int nargs, const char **args);
extern void smk_binding_store(const SmkBinding *binding);
extern char *smk_problem_of(void (*work)(void *state), void *state);
extern char *smk_binding_problem_text(const char *entity, const char *kind, const char *name,
									  const char *expression);

#endif
