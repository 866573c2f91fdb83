/*
 * candidate.h: which relation of a database may hold an entity, and how it would be bound: by names, and by
 * the labels of a status that may tell what was won.
 */
#ifndef SMK_CANDIDATE_H
#define SMK_CANDIDATE_H

#include "doctor/doctor.h"

/* A proposal to bind an entity. */
typedef struct SmkCandidate
{
	char *relation; /* qualified and quoted; NULL: there is none */
	char *call;		/* the call of bind; where columns are missing it has "..." in their places */
	char *missing;	/* required columns that no name tells; NULL: the call can be run */
} SmkCandidate;

extern SmkCandidate smk_candidate(SmkDoctor *doctor, const SmkEntity *entity);

#endif
