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

/* The arguments of the last row, as they were given and what they mean; kept for a use of the function. */
typedef struct SmkFunnelArguments
{
	bool is_known;
	Interval within;
	char *mode;
	int mode_length;
	int64 length;	/* of the window, in microseconds */
	unsigned modes; /* where there is no such argument as it was */
} SmkFunnelArguments;

/* The modes that a text names; raises an error where they do not go together. */
typedef unsigned (*SmkFunnelModesParse)(const char *text);

extern bool smk_funnel_modes_parse(const char *text, const SmkFunnelMode *known, unsigned *modes);
extern char *smk_funnel_mode_shown(const char *text);
extern unsigned smk_funnel_rules_parse(const char *text);
extern void smk_funnel_arguments_read(FunctionCallInfo fcinfo, SmkFunnelArguments *last, int within, int mode,
									  SmkFunnelModesParse parse);

/* Reads the arguments at these places, unless they are as in the row before; a mode at -1 is none. */
static inline void
smk_funnel_arguments(FunctionCallInfo fcinfo, SmkFunnelArguments *last, int within, int mode,
					 SmkFunnelModesParse parse)
{
	if (unlikely(!last->is_known || PG_ARGISNULL(within) ||
				 memcmp(&last->within, PG_GETARG_INTERVAL_P(within), sizeof(Interval)) != 0))
		smk_funnel_arguments_read(fcinfo, last, within, mode, parse);
	if (mode >= 0)
	{
		/* A text as short as a mode lies in the row as it is. */
		const text *value = PG_ARGISNULL(mode) ? NULL : PG_GETARG_TEXT_PP(mode);

		if (unlikely(value == NULL || (int) VARSIZE_ANY_EXHDR(value) != last->mode_length ||
					 memcmp(VARDATA_ANY(value), last->mode, last->mode_length) != 0))
			smk_funnel_arguments_read(fcinfo, last, within, mode, parse);
	}
}

#endif
