/*
 * huge_page.c: asks the kernel for large pages.
 */
#include "postgres.h"

#include <sys/mman.h>

#include "storage/pg_shmem.h"

#include "timeline/huge_page.h"

/* The size of a large page where most are; others are of as many of these. */
#define HUGE_PAGE (2 * 1024 * 1024)

/* Advises the kernel to give memory large pages, as far as they lie in it whole; it may do so or not. */
void
smk_huge_page_advise(void *memory, Size size)
{
#ifdef MADV_HUGEPAGE
	char *start = (char *) TYPEALIGN(HUGE_PAGE, memory);
	char *end = (char *) TYPEALIGN_DOWN(HUGE_PAGE, (char *) memory + size);

	if (huge_pages != HUGE_PAGES_OFF && start < end)
		(void) madvise(start, end - start, MADV_HUGEPAGE);
#else
	(void) memory;
	(void) size;
#endif
}
