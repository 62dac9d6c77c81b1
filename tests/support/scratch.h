/** A temporary directory of one test, gone with everything in it when the scope ends. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

struct scratch {
    char path[64];
};

void scratch_make(struct scratch *s);
void scratch_done(struct scratch *s);

#define SCRATCH(name)                                                                              \
    __attribute__((cleanup(scratch_done))) struct scratch name;                                    \
    scratch_make(&name)

#endif
