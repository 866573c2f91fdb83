/*
 * row.c: forms rows of types that may have more columns than a function knows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "row.h"

/* Raises an error where a row has not the columns that a function knows, in their order. */
static void
row_check(const SmkRowType *type, TupleDesc descriptor)
{
	for (int i = 0; i < type->count; i++)
		if (i >= descriptor->natts || TupleDescAttr(descriptor, i)->attisdropped ||
			TupleDescAttr(descriptor, i)->atttypid != type->types[i])
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("type %s does not begin with the columns of this version of smarketing",
								   format_type_be(descriptor->tdtypeid)),
							errdetail("Column %d should be there, of type %s.", i + 1,
									  format_type_be(type->types[i])),
							errhint("Columns may only be added at the end; ALTER EXTENSION smarketing UPDATE "
									"brings types and library together.")));
}

/* Columns that a function does not know are NULL; arrays for all are palloc'd where there are some. */
static void
row_extend(const SmkRowType *type, TupleDesc descriptor, Datum **values, bool **nulls)
{
	Datum *all;
	bool *all_nulls;

	row_check(type, descriptor);
	if (descriptor->natts == type->count)
		return;
	all = palloc0(descriptor->natts * sizeof(Datum));
	all_nulls = palloc(descriptor->natts * sizeof(bool));
	memset(all_nulls, true, descriptor->natts * sizeof(bool));
	memcpy(all, *values, type->count * sizeof(Datum));
	memcpy(all_nulls, *nulls, type->count * sizeof(bool));
	*values = all;
	*nulls = all_nulls;
}

/* A row, palloc'd. */
HeapTuple
smk_row(const SmkRowType *type, TupleDesc descriptor, Datum *values, bool *nulls)
{
	row_extend(type, descriptor, &values, &nulls);
	return heap_form_tuple(descriptor, values, nulls);
}

/* Puts a row into the result of a function. */
void
smk_row_put(const SmkRowType *type, ReturnSetInfo *result, Datum *values, bool *nulls)
{
	Datum *all = values;
	bool *all_nulls = nulls;

	row_extend(type, result->setDesc, &all, &all_nulls);
	tuplestore_putvalues(result->setResult, result->setDesc, all, all_nulls);
	if (all != values)
	{
		pfree(all);
		pfree(all_nulls);
	}
}
