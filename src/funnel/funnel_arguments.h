/*
 * funnel_arguments.h: what calls of funnel and window_funnel have in common: a window, and modes as a text.
 */
#ifndef SMK_FUNNEL_ARGUMENTS_H
#define SMK_FUNNEL_ARGUMENTS_H

#include "timeline/timeline_call.h"

/* A mode by its name; a list of them ends with a name NULL. */
typedef struct SmkFunnelMode
{
	const char *name;
	unsigned mode;
} SmkFunnelMode;

/* The arguments of a group's first row. */
typedef struct SmkFunnelArguments
{
	Interval within;
	const char *mode; /* NULL: there is no such argument */
	int mode_length;
} SmkFunnelArguments;

extern bool smk_funnel_modes_parse(const char *text, const SmkFunnelMode *known, unsigned *modes);
extern void smk_funnel_arguments_keep(FunctionCallInfo fcinfo, SmkFunnelArguments *arguments, int within,
									  int mode);
extern char *smk_funnel_mode_shown(const char *text);
extern void smk_funnel_require_arguments(FunctionCallInfo fcinfo, int within, int mode);

/* True where the arguments at these places are written as in the first row; a mode at -1 is none. */
static inline bool
smk_funnel_arguments_same(FunctionCallInfo fcinfo, const SmkFunnelArguments *arguments, int within, int mode)
{
	if (PG_ARGISNULL(within) ||
		memcmp(&arguments->within, PG_GETARG_INTERVAL_P(within), sizeof(Interval)) != 0)
		return false;
	if (mode >= 0)
	{
		/* A text as short as a mode lies in the row as it is. */
		const text *value = PG_ARGISNULL(mode) ? NULL : PG_GETARG_TEXT_PP(mode);

		if (value == NULL || (int) VARSIZE_ANY_EXHDR(value) != arguments->mode_length ||
			memcmp(VARDATA_ANY(value), arguments->mode, arguments->mode_length) != 0)
			return false;
	}
	return true;
}

#endif
