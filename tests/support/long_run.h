/** Long forms of tests, for ./edgex test --long: more rounds, or the same for a given time. */
#ifndef TESTS_LONG_RUN_H
#define TESTS_LONG_RUN_H

#include <stdint.h>

/** Seconds that what lasts by time should last altogether (EDGE_LONG); 0: this is no long run. */
int64_t long_run_seconds(void);
/** Rounds of a long run, or of a short one. */
int long_run_rounds(int in_long, int in_short);
/** A line about how far a long run has come, at most one in ten seconds; nothing in a short one. */
void long_run_tell(const char *what, int64_t done, int64_t of);

#endif
