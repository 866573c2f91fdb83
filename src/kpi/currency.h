/*
 * currency.h: amounts in several currencies, converted after they were added up by currency and day.
 */
#ifndef SMK_CURRENCY_H
#define SMK_CURRENCY_H

#include "kpi/part.h"

/* SQL for a currency's code as it is compared: in capitals, NULL where it is empty. */
#define SMK_CURRENCY_CODE(column) "nullif(upper(btrim(" column ")), '')"

extern char *smk_currency_level(const SmkStatement *statement, const char *parts);
extern char *smk_currency_rows(const SmkRequest *request, const char *rows);
extern char *smk_currency_payments(const SmkRequest *request, const char *rows, int columns);
extern char *smk_currency_sum(const SmkStatement *statement, const SmkMeasure *measure);

#endif
