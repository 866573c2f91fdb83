/*
 * guess.h: what names of a CRM are likely to mean, as data: a proposal for a person to look at, never used
 * unasked.
 */
#ifndef SMK_GUESS_H
#define SMK_GUESS_H

#include "crm/entity.h"

/* The most spellings of one column or relation. */
#define SMK_MAX_SPELLINGS 16

/* Names under which CRMs have an entity's relation (column NULL) or a column, the most likely first. */
typedef struct SmkSpelling
{
	const char *entity; /* NULL: of every entity */
	const char *column;
	const char *names[SMK_MAX_SPELLINGS];
} SmkSpelling;

extern const SmkSpelling smk_spellings[];
extern const int smk_spelling_count;

extern const char *smk_guess_stage(const char *entity, const char *label);
extern const char *smk_guess_kind(const char *entity, const char *label);

#endif
