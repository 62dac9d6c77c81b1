#include "edge/backoff.h"

#include "edge/clock.h"

/* One step of splitmix64: few bits of a clock are enough to set callers apart. */
static uint64_t chance(struct edge_backoff *b)
{
    b->seed = b->seed ? b->seed : (uint64_t)edge_now_mono_ns() ^ (uintptr_t)b;
    b->seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = b->seed;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int64_t share(const struct edge_backoff *b, int64_t ms)
{
    return ms / 100 * b->spread_percent + ms % 100 * b->spread_percent / 100;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t edge_backoff_next(struct edge_backoff *b)
{
    int64_t longer = b->pause_ms < b->last_ms / 2 ? b->pause_ms * 2 : b->last_ms;
    b->pause_ms = b->pause_ms > 0 ? longer : b->first_ms;
    /* Chance comes on top of a floor: who was told the same time shall not come back together. */
    int64_t low = larger(b->pause_ms - share(b, b->pause_ms), b->floor_ms);
    int64_t high = larger(b->pause_ms, b->floor_ms + share(b, b->floor_ms));
    b->floor_ms = 0;
    return high > low ? low + (int64_t)(chance(b) % (uint64_t)(high - low + 1)) : low;
}

void edge_backoff_reset(struct edge_backoff *b)
{
    b->pause_ms = 0;
}
