/*
 * stage.c: names, order and neighbours of the funnel stages.
 */
#include "postgres.h"

#include "stage/stage.h"

#define STAGE_TEXT_SIZE 12

/* In the order of the type: by ascending byte, exits first. */
static const struct
{
	uint8 stage;
	char name[STAGE_TEXT_SIZE + 1];
} stages[] = {
	{SMK_STAGE_DISQUALIFIED, "disqualified"},
	{SMK_STAGE_RECYCLED, "recycled"},
	{SMK_STAGE_LOST, "lost"},
	{SMK_STAGE_CHURNED, "churned"},
	{SMK_STAGE_VISITOR, "visitor"},
	{SMK_STAGE_LEAD, "lead"},
	{SMK_STAGE_MQL, "mql"},
	{SMK_STAGE_SAL, "sal"},
	{SMK_STAGE_SQL, "sql"},
	{SMK_STAGE_OPPORTUNITY, "opportunity"},
	{SMK_STAGE_WON, "won"},
};

StaticAssertDecl(lengthof(stages) == SMK_STAGE_COUNT, "SMK_STAGE_COUNT is the number of stages");

/* True for what C calls space in the C locale, whatever the locale of the server. */
static bool
stage_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Reads a stage name of len bytes, in any case, with or without white space around it.  False, and *stage
 * untouched, when there is no such stage.  Folds ASCII only, so that no locale can add a spelling.
 */
bool
smk_stage_parse(const char *text, size_t len, uint8 *stage)
{
	while (len > 0 && stage_is_space(text[0]))
	{
		text++;
		len--;
	}
	while (len > 0 && stage_is_space(text[len - 1]))
		len--;
	if (len == 0 || len > STAGE_TEXT_SIZE)
		return false;

	for (int i = 0; i < SMK_STAGE_COUNT; i++)
	{
		size_t same = 0;

		while (same < len &&
			   pg_ascii_tolower((unsigned char) text[same]) == (unsigned char) stages[i].name[same])
			same++;
		if (same == len && stages[i].name[len] == '\0')
		{
			*stage = stages[i].stage;
			return true;
		}
	}
	return false;
}

/* The position of a stage in the order, from 0; -1 when the byte is no stage. */
int
smk_stage_index(uint8 stage)
{
	/* Positions from 1 on: it is asked for with every row. */
	static const uint8 positions[128] = {
		[SMK_STAGE_DISQUALIFIED] = 1, [SMK_STAGE_RECYCLED] = 2,		[SMK_STAGE_LOST] = 3,
		[SMK_STAGE_CHURNED] = 4,	  [SMK_STAGE_VISITOR] = 5,		[SMK_STAGE_LEAD] = 6,
		[SMK_STAGE_MQL] = 7,		  [SMK_STAGE_SAL] = 8,			[SMK_STAGE_SQL] = 9,
		[SMK_STAGE_OPPORTUNITY] = 10, [SMK_STAGE_WON] = 11};

	return stage < lengthof(positions) ? (int) positions[stage] - 1 : -1;
}

/* The stage at a position of the order, 0 to SMK_STAGE_COUNT - 1. */
uint8
smk_stage_at(int index)
{
	Assert(index >= 0 && index < SMK_STAGE_COUNT);
	return stages[index].stage;
}

/* The constant lower-case name of a stage; NULL when the byte is no stage. */
const char *
smk_stage_name(uint8 stage)
{
	int index = smk_stage_index(stage);

	return index < 0 ? NULL : stages[index].name;
}

/* All names in order, separated by commas: for hints. */
const char *
smk_stage_list(void)
{
	return "disqualified, recycled, lost, churned, visitor, lead, mql, sal, sql, opportunity, won";
}

/* True for a stage that ends the way before it is won, or after: disqualified, recycled, lost, churned. */
bool
smk_stage_is_exit(uint8 stage)
{
	return stage < SMK_STAGE_VISITOR;
}

/* The stage after this one on the way from visitor to won; false when there is none. */
bool
smk_stage_next(uint8 stage, uint8 *next)
{
	int index = smk_stage_index(stage);

	if (index < SMK_STAGE_EXITS || index == SMK_STAGE_COUNT - 1)
		return false;
	*next = stages[index + 1].stage;
	return true;
}

/* The stage before this one on the way from visitor to won; false when there is none. */
bool
smk_stage_previous(uint8 stage, uint8 *previous)
{
	int index = smk_stage_index(stage);

	if (index <= SMK_STAGE_EXITS)
		return false;
	*previous = stages[index - 1].stage;
	return true;
}
