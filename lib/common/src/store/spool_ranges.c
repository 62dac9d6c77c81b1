/* Runs of sequence numbers. */
#include "spool_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"

void spool_ranges_done(struct ranges *r)
{
    free(r->at);
    *r = (struct ranges){0};
}

/* The first run that ends behind @p seq. */
static size_t find(const struct ranges *r, uint64_t seq)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (r->at[mid].to <= seq) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void remove_at(struct ranges *r, size_t i, size_t n)
{
    if (n > 0) {
        memmove(r->at + i, r->at + i + n, (r->n - i - n) * sizeof(*r->at));
        r->n -= n;
    }
}

uint64_t spool_ranges_add(struct ranges *r, uint64_t from, uint64_t to)
{
    uint64_t added = to - from - spool_ranges_count(r, from, to);
    if (added == 0) {
        return 0;
    }
    size_t i = find(r, from);
    i -= i > 0 && r->at[i - 1].to == from;
    size_t end = i;
    struct range run = {from, to};
    for (; end < r->n && r->at[end].from <= to; end++) {
        run.from = r->at[end].from < run.from ? r->at[end].from : run.from;
        run.to = r->at[end].to > run.to ? r->at[end].to : run.to;
    }
    if (end == i) {
        edge_make_room(NULL, r->at, r->n, r->cap);
        memmove(r->at + i + 1, r->at + i, (r->n - i) * sizeof(*r->at));
        r->n++;
    } else {
        remove_at(r, i, end - i - 1);
    }
    r->at[i] = run;
    r->total += added;
    return added;
}

uint64_t spool_ranges_skip(const struct ranges *r, uint64_t seq)
{
    size_t i = find(r, seq);
    return i < r->n && r->at[i].from <= seq ? r->at[i].to : seq;
}

void spool_ranges_trim(struct ranges *r, uint64_t seq)
{
    size_t gone = 0;
    while (gone < r->n && r->at[gone].to <= seq) {
        r->total -= r->at[gone].to - r->at[gone].from;
        gone++;
    }
    remove_at(r, 0, gone);
    if (r->n > 0 && r->at[0].from < seq) {
        r->total -= seq - r->at[0].from;
        r->at[0].from = seq;
    }
}

uint64_t spool_ranges_count(const struct ranges *r, uint64_t from, uint64_t to)
{
    uint64_t n = 0;
    for (size_t i = find(r, from); i < r->n && r->at[i].from < to; i++) {
        uint64_t a = r->at[i].from > from ? r->at[i].from : from;
        uint64_t b = r->at[i].to < to ? r->at[i].to : to;
        n += b - a;
    }
    return n;
}
