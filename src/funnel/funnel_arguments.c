/*
 * funnel_arguments.c: reads the window and the modes of a call.
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

/* Reads the arguments of a row, none of which may be NULL. */
void
smk_funnel_arguments_read(FunctionCallInfo fcinfo, SmkFunnelArguments *last, int within, int mode,
						  SmkFunnelModesParse parse)
{
	last->is_known = false;
	smk_timeline_require_not_null(fcinfo, within, "within");
	last->within = *PG_GETARG_INTERVAL_P(within);
	last->length = smk_timeline_window(&last->within, "within");
	if (mode >= 0)
	{
		const text *value;
		char *copy;

		smk_timeline_require_not_null(fcinfo, mode, "mode");
		value = PG_GETARG_TEXT_PP(mode);
		last->modes = parse(text_to_cstring(value));
		copy = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE_ANY_EXHDR(value) + 1);
		if (last->mode != NULL)
			pfree(last->mode);
		last->mode = copy;
		last->mode_length = (int) VARSIZE_ANY_EXHDR(value);
		memcpy(last->mode, VARDATA_ANY(value), last->mode_length);
	}
	last->is_known = true;
}

/* The text of a mode as an error shows it: not more than a line. */
char *
smk_funnel_mode_shown(const char *text)
{
	int length = (int) strlen(text);
	int shown = pg_mbcliplen(text, length, MODE_SHOWN);

	return shown == length ? pstrdup(text) : psprintf("%.*s...", shown, text);
}
