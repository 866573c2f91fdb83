/*
 * summary_call.h: what the types of summaries have in common: text and binary form, and the aggregate merge.
 *
 * A summary is stored as the bytes that it writes, equal ones as equal bytes; its text form are these bytes
 * in hexadecimal digits. What is stored has been read once and is valid.
 */
#ifndef SMK_SUMMARY_CALL_H
#define SMK_SUMMARY_CALL_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "smarketing.h"

/* A type of summaries, by what it can do with a struct of this size. */
typedef struct SmkSummaryType
{
	const char *name;
	Size size;
	bool (*read)(void *summary, const unsigned char *data, int64 size); /* false: the bytes are none */
	void (*write)(const void *summary, StringInfo out);
	void (*start)(void *summary, const void *like); /* an empty one, to which that can be added */
	/* In what two differ that cannot be merged, and a sentence about it; NULL: they can. */
	const char *(*difference)(const void *a, const void *b, char **detail);
	bool (*merge)(void *into, const void *other); /* false: a number has no room */
} SmkSummaryType;

extern Datum smk_summary_datum(const SmkSummaryType *type, const void *summary);
extern void *smk_summary_argument(const SmkSummaryType *type, FunctionCallInfo fcinfo, int argument);
extern int64 smk_summary_as_of(FunctionCallInfo fcinfo, int argument, bool is_empty, int64 last,
							   const char *hint);
extern Datum smk_summary_in(const SmkSummaryType *type, FunctionCallInfo fcinfo);
extern Datum smk_summary_out(FunctionCallInfo fcinfo);
extern Datum smk_summary_recv(const SmkSummaryType *type, FunctionCallInfo fcinfo);
extern Datum smk_summary_send(FunctionCallInfo fcinfo);
extern Datum smk_summary_merge_transfn(const SmkSummaryType *type, FunctionCallInfo fcinfo);
extern Datum smk_summary_merge_combinefn(const SmkSummaryType *type, FunctionCallInfo fcinfo);
extern Datum smk_summary_merge_deserialfn(const SmkSummaryType *type, FunctionCallInfo fcinfo);
extern Datum smk_summary_merge_finalfn(const SmkSummaryType *type, FunctionCallInfo fcinfo);

/* The functions of a type of summaries, prefix_summary_in and so on: its forms, and the aggregate merge. */
#define SMK_SUMMARY_FUNCTIONS(prefix, type)                                                                  \
	SMK_FUNCTION(prefix##_summary_in, smk_summary_in(&type, fcinfo))                                         \
	SMK_FUNCTION(prefix##_summary_out, smk_summary_out(fcinfo))                                              \
	SMK_FUNCTION(prefix##_summary_recv, smk_summary_recv(&type, fcinfo))                                     \
	SMK_FUNCTION(prefix##_summary_send, smk_summary_send(fcinfo))                                            \
	SMK_FUNCTION(prefix##_merge_transfn, smk_summary_merge_transfn(&type, fcinfo))                           \
	SMK_FUNCTION(prefix##_merge_combinefn, smk_summary_merge_combinefn(&type, fcinfo))                       \
	SMK_FUNCTION(prefix##_merge_deserialfn, smk_summary_merge_deserialfn(&type, fcinfo))                     \
	SMK_FUNCTION(prefix##_merge_finalfn, smk_summary_merge_finalfn(&type, fcinfo))

#endif
