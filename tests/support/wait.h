/** Waiting for what other threads do: a condition with a deadline, never a fixed sleep. */
#ifndef TESTS_WAIT_H
#define TESTS_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/** Ask @p ready(arg) every millisecond; false when it has not come true within @p ms. */
bool wait_until(bool (*ready)(void *), void *arg, int64_t ms);

/** A door that test code on other threads waits at. */
struct gate;
struct gate *gate_create(void);
void gate_free(struct gate *g);
/** Pass when it is open; counts who has come. */
void gate_pass(struct gate *g);
void gate_open(struct gate *g);
/** Until @p n have come; false after 10 s. */
bool gate_wait_for(struct gate *g, unsigned n);

#endif
