/*
 * attempt.h: work that may fail without its caller failing.
 */
#ifndef SMK_ATTEMPT_H
#define SMK_ATTEMPT_H

extern ErrorData *smk_attempt(void (*work)(void *state), void *state);

#endif
