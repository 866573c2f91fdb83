/*
 * unmatched.h: values of a dimension by where they occur, and which of them look like one.
 */
#ifndef SMK_UNMATCHED_H
#define SMK_UNMATCHED_H

#include "doctor/doctor.h"
#include "label_table.h"

/* Where values are looked for; the first is one side of the comparison, the others are the other one. */
typedef enum SmkPlace
{
	SMK_PLACE_SPEND,
	SMK_PLACE_LEAD,
	SMK_PLACE_OPPORTUNITY,
	SMK_PLACE_TOUCH
} SmkPlace;

#define SMK_PLACES 4

/* A label as it stands in the data. */
typedef struct SmkValue
{
	char *label;
	const char *shown;	  /* what map_value calls it, or the label */
	const char *spelling; /* what differs in case, blanks, accents or punctuation alone has the same */
	const char *likeness; /* so has what looks like one, platforms by another name with it */
	int64 rows[SMK_PLACES];
	char *spend; /* in the setting's currency; NULL: none, or not known */
	double spend_size;
	bool is_matched;
	const char *suggestion; /* what map_value may call it, or NULL */
} SmkValue;

typedef struct SmkValues
{
	SmkValue *values; /* those that have spend first, the largest at the head */
	int count;
	bool has[SMK_PLACES];	/* the entity is there and has the dimension */
	bool spend_is_known;	/* else what follows is 0: it could not be converted */
	double spend;			/* in all, that of a label */
	double spend_unmatched; /* of labels that are on this side alone */
	int64 leads;
	int64 leads_unmatched;
} SmkValues;

extern const char *const smk_place_names[SMK_PLACES];
extern char *smk_label_plain(const char *label, bool as_words);
extern SmkValues *smk_unmatched(SmkDoctor *doctor, const char *dimension, bool counts_all);

/* alias.c: names under which one ad platform is known. */
extern const char *smk_alias(const char *likeness);

#endif
