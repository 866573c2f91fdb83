/*
 * money.h: exact sums of numerics, as 128-bit integers in units of the smallest decimal place seen.
 */
#ifndef SMK_MONEY_H
#define SMK_MONEY_H

#include "lib/stringinfo.h"

/* The most decimal places that a sum can have, and the room that its text takes. */
#define SMK_MONEY_MAX_SCALE 38
#define SMK_MONEY_TEXT 48

/* units / 10^scale. */
typedef struct SmkMoney
{
	int128 units;
	int scale;
} SmkMoney;

typedef enum SmkMoneyResult
{
	SMK_MONEY_OK,
	SMK_MONEY_OVERFLOW, /* it has no room */
	SMK_MONEY_SPECIAL	/* NaN or an infinity */
} SmkMoneyResult;

extern bool smk_money_scale_up(int128 *units, int places);
extern SmkMoneyResult smk_money_of_numeric(SmkMoney *money, const unsigned char *stored, int size);
extern SmkMoneyResult smk_money_add(SmkMoney *sum, const SmkMoney *money);
extern SmkMoneyResult smk_money_subtract(SmkMoney *sum, const SmkMoney *money);
extern char *smk_money_text(const SmkMoney *money, char *text);
extern void smk_money_write(const SmkMoney *money, StringInfo out);
extern bool smk_money_read(SmkMoney *money, const unsigned char **data, const unsigned char *end);

#endif
