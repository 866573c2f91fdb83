/*
 * stock.h: the part of a stock: how many records are there at the end of a period, or what they amount to.
 */
#ifndef SMK_STOCK_H
#define SMK_STOCK_H

#include "kpi/part.h"

extern char *smk_stock_condition(SmkRecords *records, const SmkColumn *measure);
extern char *smk_stock_rate_day(const SmkRequest *request);
extern void smk_stock_part(SmkStatement *statement, SmkRecords *records, List *given);

#endif
