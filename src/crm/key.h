/*
 * key.h: whether a column of a relation can have a value twice, or none, and whether it is stored.
 */
#ifndef SMK_KEY_H
#define SMK_KEY_H

#include "utils/relcache.h"

struct Query;

extern bool smk_column_is_unique(Relation relation, AttrNumber column);
extern bool smk_column_is_never_null(Relation relation, AttrNumber column);
extern bool smk_column_is_stored(Relation relation, AttrNumber column);
extern bool smk_query_column_is_unique(struct Query *query, const char *column);
extern bool smk_query_column_is_never_null(struct Query *query, const char *column);

#endif
