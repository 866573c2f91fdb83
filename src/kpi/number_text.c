/*
 * number_text.c: numbers as people of a language write them.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "kpi/number_text.h"

/* A number as people write it, with so many decimals; palloc'd. */
char *
smk_number_text(const char *language, double number, int decimals)
{
	bool is_french = strcmp(language, "fr") == 0;
	char *plain;
	int whole;
	StringInfoData text;

	/* Beyond what a double holds, or so near to it that its percent are. */
	if (!isfinite(number))
		return pstrdup(number < 0 ? "-\xE2\x88\x9E" : "\xE2\x88\x9E");
	plain = psprintf("%.*f", decimals, fabs(number));
	whole = (int) strcspn(plain, ".");
	initStringInfo(&text);
	for (int i = 0; i < whole; i++)
	{
		if (i > 0 && (whole - i) % 3 == 0)
			appendStringInfoString(&text, is_french ? " " : ",");
		appendStringInfoChar(&text, plain[i]);
	}
	if (decimals > 0)
		appendStringInfo(&text, "%c%s", is_french ? ',' : '.', plain + whole + 1);
	/* What is rounded to nothing has no sign. */
	return number < 0 && strspn(plain, "0.") < strlen(plain) ? psprintf("-%s", text.data) : text.data;
}

/* A share in percent, with one decimal; palloc'd. */
char *
smk_percent_text(const char *language, double share)
{
	return psprintf("%s %%", smk_number_text(language, share * 100, 1));
}

/* A difference of shares in points, without its sign; palloc'd. In French what is below two is singular. */
char *
smk_points_text(const char *language, double points, int decimals)
{
	double shown = atof(psprintf("%.*f", decimals, fabs(points)));
	char *number = smk_number_text(language, fabs(points), decimals);

	if (strcmp(language, "fr") == 0)
		return psprintf(shown < 2 ? "%s pt" : "%s pts", number);
	return psprintf(shown == 1 && decimals == 0 ? "%s point" : "%s points", number);
}
