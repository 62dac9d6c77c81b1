/**
 * A bound on memory that many share: bytes are taken before they are used and given back after. One
 * for a process; any thread. What takes little may use all of it, what takes much leaves an eighth
 * for the rest, so that small requests are answered while large ones are refused.
 */
#ifndef EDGE_BUDGET_H
#define EDGE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_budget;

enum { EDGE_BUDGET_DEFAULT = 64 * 1024 * 1024 };

/** One reference; @p limit in bytes, 0: none. */
struct edge_budget *edge_budget_create(size_t limit);
/** Who has bytes of it has a reference too: answers and messages may outlive who made it. */
struct edge_budget *edge_budget_ref(struct edge_budget *b);
void edge_budget_unref(struct edge_budget *b); /* NULL is fine */
/** A new limit; what is taken stays taken. */
void edge_budget_limit(struct edge_budget *b, size_t limit);

/**
 * Have @p held become @p wanted bytes. False, and nothing changes, where that is more than there is
 * (less always is). One holder never gets more than three quarters.
 */
bool edge_budget_resize(struct edge_budget *b, size_t held, size_t wanted);

/** The most one holder may ever have. */
size_t edge_budget_most(const struct edge_budget *b);

/**
 * Much of it was in use, and most of that was given back: true once after each such time. What the heap
 * keeps of it can go back to the system.
 */
bool edge_budget_has_rest(struct edge_budget *b);

struct edge_budget_state {
    size_t limit, in_use, peak;
    uint64_t refused;   /* how often nothing was left */
    int64_t refused_ms; /* when last (edge_now_mono_ms); 0: never */
};
void edge_budget_state(const struct edge_budget *b, struct edge_budget_state *ret);

#endif
