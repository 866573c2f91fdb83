/*
 * template.c: the templates of the catalogue: names between brackets, replaced by SQL.
 */
#include "postgres.h"

#include "kpi/template.h"

/* True where a list of names has that one. */
bool
smk_names_include(List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* Adds the names between brackets to a list, each once, without the mark of an instant. NULL has none. */
List *
smk_template_names(List *names, const char *template)
{
	const char *open;

	while (template != NULL && (open = strchr(template, '[')) != NULL)
	{
		const char *close = strchr(open, ']');
		const char *start = open[1] == '@' ? open + 2 : open + 1;
		char *name = pnstrdup(start, close - start);

		if (!smk_names_include(names, name))
			names = lappend(names, name);
		template = close;
	}
	return names;
}

/* The template with each name replaced by what replace gives for it. */
/*
 * The template with each name (the mark of an instant before it included) replaced by what replace gives for
 * it; NULL where that is NULL once.
 */
char *
smk_template_replace(const char *template, char *(*replace)(void *state, const char *name), void *state)
{
	StringInfoData result;

	initStringInfo(&result);
	while (*template)
	{
		const char *close;
		char *sql;

		if (*template != '[')
		{
			appendStringInfoChar(&result, *template ++);
			continue;
		}
		close = strchr(template, ']');
		sql = replace(state, pnstrdup(template + 1, close - template - 1));
		if (sql == NULL)
			return NULL;
		appendStringInfoString(&result, sql);
		template = close + 1;
	}
	return result.data;
}
