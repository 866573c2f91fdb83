/*
 * funnel_arguments.c: reads modes, and sees that arguments do not change within a group.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "funnel/funnel_arguments.h"

/* The longest legal mode is shorter. */
#define MODE_SHOWN 120

/* The modes that a text names, separated by commas; false for one that is not known, or there twice. */
bool
smk_funnel_modes_parse(const char *text, const SmkFunnelMode *known, unsigned *modes)
{
	char *copy = pstrdup(text);
	char *rest = copy;
	char *name;
	bool is_valid = true;

	*modes = 0;
	while (is_valid && (name = strsep(&rest, ",")) != NULL)
	{
		const SmkFunnelMode *mode = known;

		name += strspn(name, " ");
		for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--)
			name[n - 1] = '\0';
		while (mode->name != NULL && strcmp(mode->name, name) != 0)
			mode++;
		is_valid = mode->name != NULL && (*modes & mode->mode) == 0;
		*modes |= mode->mode;
	}
	pfree(copy);
	return is_valid;
}

/* Keeps the arguments of a first row, none of them NULL, in the aggregate's context. */
void
smk_funnel_arguments_keep(FunctionCallInfo fcinfo, SmkFunnelArguments *arguments, int within, int mode)
{
	arguments->within = *PG_GETARG_INTERVAL_P(within);
	if (mode >= 0)
	{
		const text *value = PG_GETARG_TEXT_PP(mode);
		char *copy;

		arguments->mode_length = (int) VARSIZE_ANY_EXHDR(value);
		copy = MemoryContextAlloc(smk_timeline_context(fcinfo), arguments->mode_length + 1);
		memcpy(copy, VARDATA_ANY(value), arguments->mode_length);
		arguments->mode = copy;
	}
}

/* Raises the error for arguments that are NULL. */
void
smk_funnel_require_arguments(FunctionCallInfo fcinfo, int within, int mode)
{
	smk_timeline_require_not_null(fcinfo, within, "within");
	if (mode >= 0)
		smk_timeline_require_not_null(fcinfo, mode, "mode");
}

/* The text of a mode as an error shows it: not more than a line. */
char *
smk_funnel_mode_shown(const char *text)
{
	int length = (int) strlen(text);
	int shown = pg_mbcliplen(text, length, MODE_SHOWN);

	return shown == length ? pstrdup(text) : psprintf("%.*s...", shown, text);
}
