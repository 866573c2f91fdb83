/*
 * template.h: the templates of the catalogue: names between brackets, replaced by SQL.
 */
#ifndef SMK_TEMPLATE_H
#define SMK_TEMPLATE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

extern bool smk_names_include(List *names, const char *name);
extern List *smk_template_names(List *names, const char *template);
extern char *smk_template_replace(const char *template, char *(*replace)(void *state, const char *name),
								  void *state);

#endif
