/*
 * label_table.h: hash tables of names.
 */
#ifndef SMK_LABEL_TABLE_H
#define SMK_LABEL_TABLE_H

#include "utils/hsearch.h"

extern HTAB *smk_label_table(const char *name, Size size);

#endif
