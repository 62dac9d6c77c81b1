/* Functions that remember: of each partition what its function wants, evaluated in their order before WHERE. */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

/* ---- partitions --------------------------------------------------------------------------- */

static void partition_done(struct rules_partition *p)
{
    rules_owned_done(&p->key);
    rules_owned_done(&p->state);
}

void rules_analytics_reset(struct rules_program *p)
{
    for (uint8_t i = 0; i < p->n_analytics; i++) {
        struct rules_analytic *a = &p->analytics[i];
        for (uint32_t k = 0; k < a->n_partitions; k++) {
            partition_done(&a->partitions[k]);
        }
        free(a->partitions);
        a->partitions = NULL;
        a->n_partitions = a->cap_partitions = 0;
    }
}

size_t rules_analytics_bytes(const struct rules_program *p)
{
    size_t bytes = 0;
    for (uint8_t i = 0; i < p->n_analytics; i++) {
        const struct rules_analytic *a = &p->analytics[i];
        bytes += a->cap_partitions * sizeof(*a->partitions);
        for (uint32_t k = 0; k < a->n_partitions; k++) {
            bytes += a->partitions[k].key.size + a->partitions[k].state.size;
        }
    }
    return bytes;
}

/* Where a hash belongs: partitions stand in the order of their hashes. */
static uint32_t lower_bound(const struct rules_analytic *a, uint64_t hash)
{
    uint32_t low = 0, high = a->n_partitions;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (a->partitions[mid].hash < hash) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void forget_oldest(struct rules_analytic *a)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < a->n_partitions; i++) {
        if (a->partitions[i].used < a->partitions[oldest].used) {
            oldest = i;
        }
    }
    partition_done(&a->partitions[oldest]);
    memmove(&a->partitions[oldest], &a->partitions[oldest + 1],
            (a->n_partitions - oldest - 1) * sizeof(*a->partitions));
    a->n_partitions--;
}

static struct rules_partition *partition_of(const struct rules_program *p, struct rules_analytic *a,
                                            const struct rules_value *key)
{
    uint64_t hash = rules_hash(11, key);
    for (uint32_t i = lower_bound(a, hash); i < a->n_partitions && a->partitions[i].hash == hash;
         i++) {
        if (rules_equal(&a->partitions[i].key.value, key)) {
            return &a->partitions[i];
        }
    }
    if (a->n_partitions >= p->limits.partitions) {
        forget_oldest(a);
    }
    size_t cap = a->cap_partitions;
    edge_make_room(NULL, a->partitions, a->n_partitions, cap);
    a->cap_partitions = (uint32_t)cap;
    uint32_t at = lower_bound(a, hash);
    struct rules_partition *part = &a->partitions[at];
    memmove(part + 1, part, (a->n_partitions - at) * sizeof(*part));
    a->n_partitions++;
    *part = (struct rules_partition){.hash = hash};
    rules_owned_set(&part->key, key);
    return part;
}

/* ---- evaluation --------------------------------------------------------------------------- */

/* The values of PARTITION BY as one; nothing where there is none. */
static bool key_of(struct rules_env *env, const struct rules_analytic *a, struct rules_value *ret)
{
    *ret = rules_null();
    if (a->n_keys == 0) {
        return true;
    }
    struct rules_value *stack = env->p->engine->stack;
    if (!rules_run(env, a->keys, stack)) {
        return false;
    }
    struct rules_value *items = rules_new_items(&env->call, a->n_keys);
    if (!items) {
        return false;
    }
    memcpy(items, stack, a->n_keys * sizeof(*items));
    *ret = rules_array(items, a->n_keys);
    return true;
}

/* The result outlives what is remembered. */
static bool copied(struct rules_env *env, struct rules_value *v)
{
    size_t size = rules_copy_size(v);
    if (size == 0) {
        return true;
    }
    char *at = rules_alloc(env->call.memory, 1, size);
    if (!at) {
        return rules_error(&env->call, "too much memory for one row");
    }
    *v = rules_copy_to(&at, v);
    return true;
}

/* Without a valid row: what it gave the last time, which is kept beside its state. */
static bool step(struct rules_program *p, struct rules_env *env, struct rules_analytic *a,
                 struct rules_value *ret)
{
    struct rules_value key, both[2] = {0}, *items;
    struct rules_value *args = rules_alloc(env->call.memory, a->n_args + 1U, sizeof(*args));
    bool valid;
    if (!args) {
        return rules_error(&env->call, "too much memory for one row");
    }
    if (!key_of(env, a, &key) || !rules_holds(env, a->when, &valid)) {
        return false;
    }
    if (valid && a->n_args) {
        if (!rules_run(env, a->args, p->engine->stack)) {
            return false;
        }
        memcpy(args, p->engine->stack, a->n_args * sizeof(*args));
    }
    struct rules_partition *part = partition_of(p, a, &key);
    part->used = ++p->engine->ticks;
    const struct rules_value *kept = &part->state.value;
    if (a->when && kept->kind == RULES_ARRAY && kept->n == 2) {
        both[0] = kept->items[0];
        both[1] = kept->items[1];
    } else if (!a->when) {
        both[0] = *kept;
    }
    *ret = both[1];
    if (!valid) {
        return copied(env, ret);
    }
    *ret = rules_null();
    env->call.names = a->names;
    if (!a->fn->analytic(&env->call, &both[0], args, a->n_args, ret) || !copied(env, ret)) {
        return false;
    }
    if (!a->when) {
        rules_owned_set(&part->state, &both[0]);
        return true;
    }
    items = rules_new_items(&env->call, 2);
    if (!items) {
        return false;
    }
    items[0] = both[0];
    items[1] = *ret;
    struct rules_value pair = rules_array(items, 2);
    rules_owned_set(&part->state, &pair);
    return true;
}

bool rules_analytics_run(struct rules_program *p, struct rules_env *env, bool late,
                         struct rules_value *results)
{
    env->analytics = results;
    for (uint8_t i = 0; i < p->n_analytics; i++) {
        if (p->analytics[i].late == late && !step(p, env, &p->analytics[i], &results[i])) {
            return false;
        }
    }
    return true;
}

/* ---- checkpoints -------------------------------------------------------------------------- */

void rules_analytics_save(const struct rules_program *p, struct edge_buf *out)
{
    for (uint8_t i = 0; i < p->n_analytics; i++) {
        const struct rules_analytic *a = &p->analytics[i];
        edge_buf_put(out, &a->n_partitions, sizeof(a->n_partitions));
        for (uint32_t k = 0; k < a->n_partitions; k++) {
            rules_value_write(out, &a->partitions[k].key.value);
            rules_value_write(out, &a->partitions[k].state.value);
        }
    }
}

bool rules_analytics_load(struct rules_program *p, struct edge_arena *arena, const char **at,
                          const char *end)
{
    for (uint8_t i = 0; i < p->n_analytics; i++) {
        uint32_t n;
        if ((size_t)(end - *at) < sizeof(n)) {
            return false;
        }
        memcpy(&n, *at, sizeof(n));
        *at += sizeof(n);
        for (uint32_t k = 0; k < n; k++) {
            struct rules_value key, state;
            if (k >= p->limits.partitions || !rules_value_read(arena, at, end, &key) ||
                !rules_value_read(arena, at, end, &state)) {
                return false;
            }
            struct rules_partition *part = partition_of(p, &p->analytics[i], &key);
            part->used = ++p->engine->ticks;
            rules_owned_set(&part->state, &state);
        }
    }
    return true;
}
