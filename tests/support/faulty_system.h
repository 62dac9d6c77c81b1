/** What the system says no to, or says wrongly, in this program: the calls of the same names stand before libc's. */
#ifndef TESTS_FAULTY_SYSTEM_H
#define TESTS_FAULTY_SYSTEM_H

#include <stdatomic.h>
#include <stdint.h>

extern atomic_bool faulty_fdatasync;       /* each one fails with EIO */
extern atomic_uint faulty_syncs;           /* that failed so */
extern _Atomic int64_t faulty_clock_off_s; /* what CLOCK_REALTIME is off by */

#endif
