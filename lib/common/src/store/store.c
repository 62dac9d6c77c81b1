/* Documents in collections: turns objects into rows (JSON text and key values) and hands them to
 * the back end. Nothing here knows SQL. */
#include "edge/store.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "edge/thread.h"
#include "store_cache.h"
#include "store_ops.h"

/* To be called once the change is durable. */
struct after {
    struct after *next;
    void (*fn)(void *arg);
    void *arg;
};

struct edge_store {
    const struct edge_store_ops *ops;
    void *db;
    struct store_cache cache;
    struct edge_mutex change; /* held by who changes, from before it begins until all is told */
    struct after *after EDGE_GUARDED;
    struct after **last EDGE_GUARDED;
    _Atomic pthread_t changer; /* who that is; for the asserts */
    atomic_bool changing;
};

static const struct edge_store_ops *const back_ends[] = {&edge_store_sqlite};

enum edge_status store_open_on(struct edge_ctx *ctx, const struct edge_store_ops *ops,
                               const struct edge_store_config *config,
                               const struct edge_collection *const *collections, size_t n,
                               struct edge_store **ret)
{
    void *db = NULL;
    EDGE_TRY(ops->open(ctx, config, collections, n, &db));
    struct edge_store *s = edge_xalloc(1, sizeof(*s));
    s->ops = ops;
    s->db = db;
    store_cache_init(&s->cache);
    edge_mutex_init(&s->change);
    *ret = s;
    return EDGE_OK;
}

enum edge_status edge_store_open(struct edge_ctx *ctx, const struct edge_store_config *config,
                                 const struct edge_collection *const *collections, size_t n,
                                 struct edge_store **ret)
{
    for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
        if (strcmp(config->type, back_ends[i]->name) == 0) {
            return store_open_on(ctx, back_ends[i], config, collections, n, ret);
        }
    }
    return edge_fail(ctx, EDGE_INVALID, "database type '%s' is unknown", config->type);
}

bool edge_store_waits(const struct edge_store *s)
{
    return s->ops->waits;
}

void edge_store_close(struct edge_store *s)
{
    if (s) {
        s->ops->close(s->db);
        store_cache_done(&s->cache);
        edge_mutex_done(&s->change);
        free(s);
    }
}

static const struct edge_field *field_named(const struct edge_dto *dto, const char *name,
                                            size_t len)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->json && strlen(f->json) == len && memcmp(f->json, name, len) == 0) {
            return f;
        }
    }
    return NULL;
}

/* The string member at a dotted path; NULL where it is empty. The tables are ours: a path that does
 * not lead to a string member is a mistake in a collection row. */
static const char *member_text(const struct edge_dto *dto, const void *obj, const char *path)
{
    size_t len = strcspn(path, ".");
    const struct edge_field *f = field_named(dto, path, len);
    if (!f) {
        abort();
    }
    const char *at = (const char *)obj + f->offset;
    if (path[len] == '.') {
        return member_text(f->sub, at, path + len + 1);
    }
    if (f->kind != EDGE_K_STR) {
        abort();
    }
    const char *text = *(const char *const *)at;
    return text && *text ? text : NULL;
}

static void row_make(struct edge_ctx *ctx, const struct edge_collection *c, const void *obj,
                     struct store_row *row)
{
    const char *const *const lists[] = {c->unique, c->indexed};
    *row = (struct store_row){.doc = edge_dto_text(c->dto, obj, &ctx->arena)};
    for (size_t l = 0; l < 2; l++) {
        for (const char *const *member = lists[l]; member && *member; member++) {
            if (row->n_keys == sizeof(row->keys) / sizeof(row->keys[0])) {
                abort();
            }
            row->keys[row->n_keys++] = member_text(c->dto, obj, *member);
        }
    }
}

/* ---- changing ------------------------------------------------------------------------------ */

static bool is_changing(struct edge_store *s)
{
    return atomic_load(&s->changing) && pthread_equal(atomic_load(&s->changer), pthread_self());
}

static enum edge_status change_in_transaction(struct edge_ctx *ctx, struct edge_store *s,
                                              edge_store_changer *change, void *arg)
{
    EDGE_TRY(s->ops->begin(ctx, s->db));
    store_cache_transaction(&s->cache, true);
    enum edge_status st = change(ctx, arg);
    enum edge_status ended = s->ops->end(ctx, s->db, st == EDGE_OK);
    store_cache_transaction(&s->cache, false);
    return st == EDGE_OK ? ended : st;
}

enum edge_status edge_store_change(struct edge_ctx *ctx, struct edge_store *s,
                                   edge_store_changer *change, void *arg)
{
    assert(!is_changing(s));
    EDGE_LOCK(&s->change);
    atomic_store(&s->changer, pthread_self());
    atomic_store(&s->changing, true);
    s->after = NULL;
    s->last = &s->after;
    enum edge_status st = change_in_transaction(ctx, s, change, arg);
    atomic_store(&s->changing, false);
    for (struct after *a = s->after; a && st == EDGE_OK; a = a->next) {
        a->fn(a->arg);
    }
    return st;
}

/* The change's thread holds the lock, which clang cannot see from here. */
void edge_store_after(struct edge_ctx *ctx, struct edge_store *s, void (*fn)(void *arg), void *arg)
    EDGE_TSA(no_thread_safety_analysis)
{
    assert(is_changing(s));
    struct after *a = edge_new(&ctx->arena, struct after);
    *a = (struct after){.fn = fn, .arg = arg};
    *s->last = a;
    s->last = &a->next;
}

enum edge_status edge_store_add(struct edge_ctx *ctx, struct edge_store *s,
                                const struct edge_collection *c, const void *obj)
{
    assert(is_changing(s));
    struct store_row row;
    row_make(ctx, c, obj, &row);
    enum edge_status st = s->ops->add(ctx, s->db, c, &row);
    store_cache_forget(&s->cache);
    return st;
}

enum edge_status edge_store_update(struct edge_ctx *ctx, struct edge_store *s,
                                   const struct edge_collection *c, const void *obj)
{
    assert(is_changing(s));
    struct store_row row;
    row_make(ctx, c, obj, &row);
    enum edge_status st = s->ops->update(ctx, s->db, c, &row);
    store_cache_forget(&s->cache);
    return st;
}

enum edge_status edge_store_remove(struct edge_ctx *ctx, struct edge_store *s,
                                   const struct edge_collection *c, const char *member,
                                   const char *value)
{
    assert(is_changing(s));
    enum edge_status st = s->ops->remove(ctx, s->db, c, member, value);
    store_cache_forget(&s->cache);
    return st;
}

enum edge_status edge_store_remove_all(struct edge_ctx *ctx, struct edge_store *s,
                                       const struct edge_query *query)
{
    assert(is_changing(s));
    enum edge_status st = s->ops->remove_all(ctx, s->db, query);
    store_cache_forget(&s->cache);
    return st;
}

/* ---- reading ------------------------------------------------------------------------------- */

enum edge_status edge_store_get_text(struct edge_ctx *ctx, struct edge_store *s,
                                     const struct edge_collection *c, const char *member,
                                     const char *value, const char **ret)
{
    uint64_t age = 0;
    const char *known = store_cache_find(&s->cache, &ctx->arena, c, member, value, &age);
    if (known) {
        *ret = known;
        return EDGE_OK;
    }
    struct edge_query query = {
        .collection = c, .terms = {{member, value}}, .n_terms = 1, .limit = 1};
    struct edge_texts found = {0};
    EDGE_TRY(edge_store_find(ctx, s, &query, &found));
    if (found.n == 0) {
        return EDGE_NOT_FOUND;
    }
    *ret = found.texts[0];
    store_cache_put(&s->cache, c, member, value, *ret, age);
    return EDGE_OK;
}

enum edge_status edge_store_get(struct edge_ctx *ctx, struct edge_store *s,
                                const struct edge_collection *c, const char *member,
                                const char *value, void *obj)
{
    const char *text = NULL;
    EDGE_TRY(edge_store_get_text(ctx, s, c, member, value, &text));
    if (edge_dto_decode_text(ctx, c->dto, text, strlen(text), obj) != EDGE_OK) {
        return edge_wrap(ctx, EDGE_DAMAGED, "stored %s '%s' cannot be read", c->name, value);
    }
    return EDGE_OK;
}

struct collector {
    struct edge_arena *arena;
    struct edge_texts *texts;
    size_t cap;
};

static enum edge_status collect(void *arg, const char *text, size_t len)
{
    struct collector *c = arg;
    struct edge_texts *found = c->texts;
    edge_make_room(c->arena, found->texts, found->n, c->cap);
    found->texts[found->n++] = edge_strndup(c->arena, text, len);
    return EDGE_OK;
}

enum edge_status edge_store_find(struct edge_ctx *ctx, struct edge_store *s,
                                 const struct edge_query *query, struct edge_texts *ret)
{
    *ret = (struct edge_texts){0};
    struct collector collector = {.arena = &ctx->arena, .texts = ret};
    return s->ops->each(ctx, s->db, query, collect, &collector);
}

enum edge_status edge_store_each(struct edge_ctx *ctx, struct edge_store *s,
                                 const struct edge_query *query, edge_store_visitor *visit,
                                 void *arg)
{
    return s->ops->each(ctx, s->db, query, visit, arg);
}

enum edge_status edge_store_count(struct edge_ctx *ctx, struct edge_store *s,
                                  const struct edge_query *query, int64_t *ret)
{
    return s->ops->count(ctx, s->db, query, ret);
}
