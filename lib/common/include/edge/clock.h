/** Time. Wall clock for what the wire shows, monotonic for deadlines and intervals. */
#ifndef EDGE_CLOCK_H
#define EDGE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t edge_now_ns(void);      /* since 1970 */
int64_t edge_now_ms(void);      /* since 1970 */
int64_t edge_now_mono_ms(void); /* since some start, never steps */
int64_t edge_now_mono_ns(void);
int64_t edge_now_boot_ns(void); /* never steps, and counts while the machine sleeps, too */

/** No clock that shows an earlier time (ns since 1970) is right: this was written later. */
#define EDGE_TIME_WRITTEN INT64_C(1793491200000000000) /* 2026-11-01 */

/** For tests: the wall clock goes ahead by so much from now on. */
void edge_clock_step(int64_t ns);
/**
 * For tests: every clock but that of the machine's boot goes ahead by so much. What waits already waits on as it
 * did; edge_timers_skip() has timers notice.
 */
void edge_clock_skip(int64_t ms);
int64_t
edge_clock_skipped_ms(void); /* in all; the kernel's monotonic clock is behind ours by that */

/** Nanoseconds since 1970, larger than any value returned before in this process (contract 10.2). */
int64_t edge_origin_ns(void);

/** "Thu Aug  6 10:11:12 UTC 2026", the form of ping (contract 1.1). */
void edge_unix_date(int64_t ms, char *text, size_t size);
/** "2026-08-06T10:11:12.123456789Z" */
void edge_rfc3339(int64_t ns, char *text, size_t size);

#endif
