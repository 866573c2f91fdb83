/*
 * row.h: rows of the composite types of this extension. A later version adds columns at their end, and
 * library and types are not replaced at once: columns that a function does not know are NULL; fewer, or of
 * other types, are an error.
 */
#ifndef SMK_ROW_H
#define SMK_ROW_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/execnodes.h"

/* The columns that a function knows. */
typedef struct SmkRowType
{
	int count;
	const Oid *types;
} SmkRowType;

#define SMK_ROW_TYPE(name, ...)                                                                              \
	static const Oid name##_columns[] = {__VA_ARGS__};                                                       \
	static const SmkRowType name = {lengthof(name##_columns), name##_columns}

extern HeapTuple smk_row(const SmkRowType *type, TupleDesc descriptor, Datum *values, bool *nulls);
extern void smk_row_put(const SmkRowType *type, ReturnSetInfo *result, Datum *values, bool *nulls);

#endif
