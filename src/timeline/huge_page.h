/*
 * huge_page.h: large memory in large pages, where the kernel has them: less to be looked up and to be made
 * ready.
 */
#ifndef SMK_HUGE_PAGE_H
#define SMK_HUGE_PAGE_H

/* Of less memory there is nothing to be gained. */
#define SMK_HUGE_PAGE_LEAST (4 * 1024 * 1024)

extern void smk_huge_page_advise(void *memory, Size size);

/* Memory that was just allocated and has not been written yet: the same. */
static inline void *
smk_huge_page(void *memory, Size size)
{
	if (unlikely(size >= SMK_HUGE_PAGE_LEAST))
		smk_huge_page_advise(memory, size);
	return memory;
}

#endif
