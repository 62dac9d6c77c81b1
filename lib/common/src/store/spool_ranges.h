/** Sorted, disjoint runs of sequence numbers [from, to): what is settled beyond the cursor. */
#ifndef SPOOL_RANGES_H
#define SPOOL_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t from, to;
};
struct ranges {
    struct range *at;
    size_t n, cap;
    uint64_t total; /* numbers in all of them */
};
void spool_ranges_done(struct ranges *r);
/** [from, to); how many of them were not there yet. */
uint64_t spool_ranges_add(struct ranges *r, uint64_t from, uint64_t to);
/** The first number at or after @p seq that is in none. */
uint64_t spool_ranges_skip(const struct ranges *r, uint64_t seq);
/** Forget what is below @p seq; numbers of runs that reach it from below count. */
void spool_ranges_trim(struct ranges *r, uint64_t seq);
/** How many numbers of [from, to) are in them. */
uint64_t spool_ranges_count(const struct ranges *r, uint64_t from, uint64_t to);

#endif
