/*
 * label_table.c: hash tables of names, whatever their length.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "label_table.h"

static uint32
hash_label(const void *key, Size size)
{
	(void) size;
	return string_hash(*(char *const *) key, 1024 * 1024);
}

static int
match_label(const void *a, const void *b, Size size)
{
	(void) size;
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* A hash table whose entries begin with a label, a char *; in the current context. */
HTAB *
smk_label_table(const char *name, Size size)
{
	HASHCTL control = {0};

	control.keysize = sizeof(char *);
	control.entrysize = size;
	control.hash = hash_label;
	control.match = match_label;
	control.hcxt = CurrentMemoryContext;
	return hash_create(name, 64, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}
