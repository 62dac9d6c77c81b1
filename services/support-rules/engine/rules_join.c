/* Joins: every row of the left against every row of the right, within bounds. */
#include <string.h>

#include "rules_code.h"

struct joined {
    struct rules_program *p;
    struct rules_env *env;
    struct rules_part *at; /* tuples of n_sources parts */
    size_t n, cap, tries;
};

static bool joined_add(struct joined *j, const struct rules_part *left, size_t source,
                       const struct rules_part *right)
{
    size_t width = j->p->n_sources;
    if (j->n >= j->p->limits.joined) {
        return rules_error(&j->env->call, "the join has more than %zu rows", j->p->limits.joined);
    }
    if (j->n == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 16;
        struct rules_part *at = rules_alloc(j->env->call.memory, cap * width, sizeof(*at));
        if (!at) {
            return rules_error(&j->env->call, "too much memory for one join");
        }
        if (j->n) {
            memcpy(at, j->at, j->n * width * sizeof(*at));
        }
        j->at = at;
        j->cap = cap;
    }
    struct rules_part *to = j->at + j->n++ * width;
    memset(to, 0, width * sizeof(*to));
    if (left) {
        memcpy(to, left, width * sizeof(*to));
    }
    if (right) {
        to[source] = *right;
    }
    return true;
}

/* Whether ON holds for a left tuple and a right row. */
static bool pairs(struct joined *j, const struct rules_part *left, size_t source,
                  const struct rules_part *right, bool *ret)
{
    struct rules_part both[RULES_SOURCES_MAX];
    if (++j->tries > j->p->limits.joined * 10) {
        return rules_error(&j->env->call, "the join has more than %zu pairs to try",
                           j->p->limits.joined * 10);
    }
    memcpy(both, left, j->p->n_sources * sizeof(*both));
    both[source] = *right;
    return rules_env_row(j->env, both) && rules_holds(j->env, j->p->sources[source].on, ret);
}

static bool join_left(struct joined *to, const struct rules_part *left, size_t source,
                      const struct rules_list *right, bool *matched)
{
    unsigned kind = to->p->sources[source].join;
    bool any = false, holds;
    for (size_t i = 0; i < right->n; i++) {
        if (!pairs(to, left, source, &right->parts[i], &holds)) {
            return false;
        }
        if (holds) {
            any = matched[i] = true;
            if (!joined_add(to, left, source, &right->parts[i])) {
                return false;
            }
        }
    }
    bool outer = kind == RULES_LEFT || kind == RULES_FULL;
    return any || !outer || joined_add(to, left, source, NULL);
}

static bool join_source(struct joined *from, struct joined *to, size_t source,
                        const struct rules_list *right)
{
    unsigned kind = to->p->sources[source].join;
    bool *matched = rules_alloc(to->env->call.memory, right->n + 1, sizeof(*matched));
    if (!matched) {
        return rules_error(&to->env->call, "too much memory for one join");
    }
    for (size_t i = 0; i < from->n; i++) {
        if (!join_left(to, from->at + i * from->p->n_sources, source, right, matched)) {
            return false;
        }
    }
    for (size_t i = 0; (kind == RULES_RIGHT || kind == RULES_FULL) && i < right->n; i++) {
        if (!matched[i] && !joined_add(to, NULL, source, &right->parts[i])) {
            return false;
        }
    }
    return true;
}

bool rules_join_run(struct rules_program *p, struct rules_env *env, const struct rules_list *lists,
                    const struct rules_part **ret, size_t *ret_n)
{
    struct joined left = {.p = p, .env = env};
    for (size_t i = 0; i < lists[0].n; i++) {
        if (!joined_add(&left, NULL, 0, &lists[0].parts[i])) {
            return false;
        }
    }
    for (size_t source = 1; source < p->n_sources; source++) {
        struct joined next = {.p = p, .env = env, .tries = left.tries};
        if (!join_source(&left, &next, source, &lists[source])) {
            return false;
        }
        left = next;
    }
    env->parts = NULL;
    *ret = left.at;
    *ret_n = left.n;
    return true;
}
