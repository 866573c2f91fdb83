/*
 * summary_call.c: input, output and merging of any type of summaries.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "nodes/nodes.h"
#include "utils/builtins.h"

#include "compat.h"
#include "timeline/summary_call.h"
#include "timeline/timeline_call.h"

/* So much of a malformed text is shown. */
#define SHOWN 40

/* The summary as a value of its type. */
Datum
smk_summary_datum(const SmkSummaryType *type, const void *summary)
{
	StringInfoData out;

	pq_begintypsend(&out);
	type->write(summary, &out);
	return PointerGetDatum(pq_endtypsend(&out));
}

/* The summary that bytes hold, palloc'd; NULL where they hold none. */
static void *
summary_of(const SmkSummaryType *type, const char *bytes, int64 size)
{
	void *summary = palloc(type->size);

	return type->read(summary, (const unsigned char *) bytes, size) ? summary : NULL;
}

/* The summary of an argument, palloc'd. */
void *
smk_summary_argument(const SmkSummaryType *type, FunctionCallInfo fcinfo, int argument)
{
	const bytea *value = PG_GETARG_BYTEA_PP(argument);
	void *summary = summary_of(type, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	if (summary == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("malformed %s", type->name)));
	return summary;
}

/*
 * The time until which what is open counts: not before the last event, which it is where it is NULL. The hint
 * tells how to leave later events out.
 */
int64
smk_summary_as_of(FunctionCallInfo fcinfo, int argument, bool is_empty, int64 last, const char *hint)
{
	TimestampTz as_of;

	if (PG_ARGISNULL(argument))
		return last;
	as_of = PG_GETARG_TIMESTAMPTZ(argument);
	if (!is_empty && as_of < last)
	{
		char *last_text = pstrdup(timestamptz_to_str(last));

		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"as_of\" (%s) is earlier than the last event of the summary (%s)",
							   timestamptz_to_str(as_of), last_text),
						errhint("%s", hint)));
	}
	if (as_of > SMK_WORD_MAX_TIME)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("argument \"as_of\" is out of range: %s", timestamptz_to_str(as_of)),
						errdetail("Times lie within 4,500 years of 2000.")));
	return as_of;
}

/* Reads the text form. */
Datum
smk_summary_in(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	void *summary = NULL;

	if (length >= 2 && length % 2 == 0 && text[0] == '\\' && text[1] == 'x' &&
		strspn(text + 2, "0123456789abcdefABCDEF") == length - 2)
	{
		const bytea *value = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(text)));

		summary = summary_of(type, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	}
	if (summary == NULL)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", type->name,
						pnstrdup(text, pg_mbcliplen(text, (int) Min(length, 1000), SHOWN)))));
	return smk_summary_datum(type, summary);
}

/* Writes the text form. */
Datum
smk_summary_out(FunctionCallInfo fcinfo)
{
	const bytea *value = PG_GETARG_BYTEA_PP(0);
	Size size = VARSIZE_ANY_EXHDR(value);
	char *text = palloc(size * 2 + 3);

	text[0] = '\\';
	text[1] = 'x';
	text[2 + hex_encode(VARDATA_ANY(value), size, text + 2)] = '\0';
	PG_RETURN_CSTRING(text);
}

/* Reads the binary form. */
Datum
smk_summary_recv(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	StringInfo in = (StringInfo) PG_GETARG_POINTER(0);
	int size = in->len - in->cursor;
	void *summary = summary_of(type, pq_getmsgbytes(in, size), size);

	if (summary == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary form of type %s", type->name)));
	return smk_summary_datum(type, summary);
}

/* Writes the binary form. */
Datum
smk_summary_send(FunctionCallInfo fcinfo)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* Adds a summary to the state of merge, which is made in the aggregate's context where there is none. */
static Datum
merge_into(const SmkSummaryType *type, void *state, const void *other, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	const char *difference;
	char *detail = NULL;

	if (state == NULL)
	{
		state = palloc(type->size);
		type->start(state, other);
	}
	difference = type->difference(state, other, &detail);
	if (difference != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("values of type %s with different %s cannot be merged", type->name, difference),
				 errdetail_internal("%s", detail)));
	if (!type->merge(state, other))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range")));
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* Transition of merge: (state, summary). A summary that is NULL is skipped. */
Datum
smk_summary_merge_transfn(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	void *state = PG_ARGISNULL(0) ? NULL : PG_GETARG_POINTER(0);
	MemoryContext context = smk_timeline_context(fcinfo);

	if (!PG_ARGISNULL(1))
		return merge_into(type, state, smk_summary_argument(type, fcinfo, 1), context);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Adds a second state to the first. */
Datum
smk_summary_merge_combinefn(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	void *state = PG_ARGISNULL(0) ? NULL : PG_GETARG_POINTER(0);
	MemoryContext context = smk_timeline_context(fcinfo);

	if (!PG_ARGISNULL(1))
		return merge_into(type, state, PG_GETARG_POINTER(1), context);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* A state from its serial form, which is the summary. */
Datum
smk_summary_merge_deserialfn(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	(void) smk_timeline_context(fcinfo);
	PG_RETURN_POINTER(smk_summary_argument(type, fcinfo, 0));
}

/* The summary of a state; serves as its serial form, too. */
Datum
smk_summary_merge_finalfn(const SmkSummaryType *type, FunctionCallInfo fcinfo)
{
	(void) smk_timeline_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return smk_summary_datum(type, PG_GETARG_POINTER(0));
}
