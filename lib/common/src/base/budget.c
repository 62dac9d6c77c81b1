#include "edge/budget.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "edge/arena.h"
#include "edge/clock.h"

enum { LITTLE = 64 * 1024, MUCH = 8 * 1024 * 1024 };

struct edge_budget {
    atomic_uint refs;
    atomic_size_t limit, in_use, peak;
    atomic_size_t crest; /* the most since the last rest */
    atomic_uint_fast64_t refused;
    atomic_int_fast64_t refused_ms;
};

struct edge_budget *edge_budget_create(size_t limit)
{
    struct edge_budget *b = edge_xalloc(1, sizeof(*b));
    atomic_init(&b->refs, 1);
    edge_budget_limit(b, limit);
    return b;
}

struct edge_budget *edge_budget_ref(struct edge_budget *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void edge_budget_unref(struct edge_budget *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        free(b);
    }
}

void edge_budget_limit(struct edge_budget *b, size_t limit)
{
    atomic_store(&b->limit, limit);
}

static void raise_to(atomic_size_t *most, size_t in_use)
{
    size_t before = atomic_load_explicit(most, memory_order_relaxed);
    while (in_use > before && !atomic_compare_exchange_weak(most, &before, in_use)) {
    }
}

static bool refuse(struct edge_budget *b)
{
    atomic_fetch_add(&b->refused, 1);
    atomic_store(&b->refused_ms, edge_now_mono_ms());
    return false;
}

size_t edge_budget_most(const struct edge_budget *b)
{
    size_t limit = atomic_load_explicit(&b->limit, memory_order_relaxed);
    return limit == 0 ? SIZE_MAX : limit - limit / 4;
}

bool edge_budget_resize(struct edge_budget *b, size_t held, size_t wanted)
{
    if (wanted <= held) {
        atomic_fetch_sub_explicit(&b->in_use, held - wanted, memory_order_relaxed);
        return true;
    }
    size_t limit = atomic_load_explicit(&b->limit, memory_order_relaxed), more = wanted - held;
    size_t allowed = wanted > LITTLE ? limit - limit / 8 : limit;
    if (limit == 0) {
        allowed = SIZE_MAX;
    } else if (wanted > LITTLE && wanted > edge_budget_most(b)) {
        return refuse(b);
    }
    size_t in_use = atomic_load_explicit(&b->in_use, memory_order_relaxed);
    do {
        if (in_use > allowed || more > allowed - in_use) {
            return refuse(b);
        }
    } while (!atomic_compare_exchange_weak(&b->in_use, &in_use, in_use + more));
    raise_to(&b->peak, in_use + more);
    raise_to(&b->crest, in_use + more);
    return true;
}

bool edge_budget_has_rest(struct edge_budget *b)
{
    size_t crest = atomic_load_explicit(&b->crest, memory_order_relaxed);
    size_t in_use = atomic_load_explicit(&b->in_use, memory_order_relaxed);
    return crest >= MUCH && in_use < crest / 8 &&
           atomic_compare_exchange_strong(&b->crest, &crest, in_use);
}

void edge_budget_state(const struct edge_budget *b, struct edge_budget_state *ret)
{
    *ret = (struct edge_budget_state){
        .limit = atomic_load(&b->limit),
        .in_use = atomic_load(&b->in_use),
        .peak = atomic_load(&b->peak),
        .refused = atomic_load(&b->refused),
        .refused_ms = atomic_load(&b->refused_ms),
    };
}
