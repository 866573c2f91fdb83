/*
 * stock.h: the part of a stock: how many records are there at the end of a period.
 */
#ifndef SMK_STOCK_H
#define SMK_STOCK_H

#include "kpi/part.h"

extern char *smk_stock_starts(SmkRecords *records, const SmkColumn *measure);
extern char *smk_stock_ends(SmkRecords *records);
extern void smk_stock_part(SmkStatement *statement, SmkRecords *records, List *given);

#endif
