/*
 * number_text.h: numbers as people of a language write them.
 */
#ifndef SMK_NUMBER_TEXT_H
#define SMK_NUMBER_TEXT_H

#include "postgres.h"

extern char *smk_number_text(const char *language, double number, int decimals);
extern char *smk_percent_text(const char *language, double share);
extern char *smk_points_text(const char *language, double points, int decimals);

#endif
