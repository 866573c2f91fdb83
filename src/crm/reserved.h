/*
 * reserved.h: the built-in dimensions, and the names that no dimension of the user's may take.
 */
#ifndef SMK_RESERVED_H
#define SMK_RESERVED_H

#include "compat.h"

#include "c.h"

extern const char *const smk_built_in_dimensions[];
extern const int smk_built_in_dimension_count;

extern bool smk_dimension_is_built_in(const char *name);
extern bool smk_name_is_reserved(const char *name);
pg_noreturn extern void smk_dimension_unknown(const char *name, const char *others);

#endif
