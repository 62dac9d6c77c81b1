/* Messages of the bus: reference counted, each inside its own arena; payloads as objects or trees.
 */
#include "edge/message.h"

#include <stdarg.h>
#include <string.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "message.h"

struct edge_message *edge_message_create(size_t arena_hint)
{
    struct edge_arena arena = EDGE_ARENA_INIT;
    edge_arena_reserve(&arena, sizeof(struct bus_message) + arena_hint);
    struct bus_message *m = edge_new(&arena, struct bus_message);
    m->pub.topic = m->pub.correlation_id = m->pub.request_id = m->pub.received_topic = "";
    m->pub.api_version = "v3";
    m->pub.content_type = "application/json";
    atomic_init(&m->refs, 1);
    m->made_ms = edge_now_mono_ms();
    m->arena = arena;
    return &m->pub;
}

struct edge_message *bus_message_from_wire(const char *topic, size_t topic_len, const void *bytes,
                                           size_t size)
{
    enum { SLACK = 64 }; /* alignment, and the arena's red zones */
    struct edge_message *m = edge_message_create(topic_len + size + SLACK);
    struct bus_message *priv = bus_message_of(m);
    m->topic = edge_strndup(&priv->arena, topic, topic_len);
    priv->wire = edge_strndup(&priv->arena, bytes, size);
    priv->wire_size = size;
    return m;
}

int64_t edge_message_made_ms(const struct edge_message *m)
{
    return bus_message_of(m)->made_ms;
}

struct edge_arena *edge_message_arena(struct edge_message *m)
{
    return &bus_message_of(m)->arena;
}

void edge_message_topic(struct edge_message *m, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    m->topic = edge_vprintf(edge_message_arena(m), fmt, args);
    va_end(args);
}

struct edge_message *edge_message_ref(const struct edge_message *m)
{
    struct bus_message *priv = bus_message_of(m);
    atomic_fetch_add_explicit(&priv->refs, 1, memory_order_relaxed);
    return &priv->pub;
}

size_t edge_message_bytes(const struct edge_message *m)
{
    return bus_message_of(m)->arena.used;
}

void edge_message_unref(const struct edge_message *m)
{
    struct bus_message *priv = m ? bus_message_of(m) : NULL;
    if (priv && atomic_fetch_sub_explicit(&priv->refs, 1, memory_order_acq_rel) == 1) {
        if (priv->budget) {
            (void)edge_budget_resize(priv->budget, priv->charged, 0);
            edge_budget_unref(priv->budget);
        }
        struct edge_arena arena = priv->arena; /* it holds the message itself */
        edge_arena_done(&arena);
    }
}

bool bus_message_charge(const struct edge_message *m, struct edge_budget *budget)
{
    struct bus_message *priv = bus_message_of(m);
    if (!budget || priv->budget) {
        return true;
    }
    size_t bytes = priv->arena.used + (priv->wire ? priv->wire_size : 0); /* it will be parsed */
    if (!edge_budget_resize(budget, 0, bytes)) {
        return false;
    }
    struct edge_budget *nobody = NULL;
    /* Connections of one process share a message: the first of them has it charged. */
    if (!atomic_compare_exchange_strong(&priv->budget, &nobody, edge_budget_ref(budget))) {
        (void)edge_budget_resize(budget, bytes, 0);
        edge_budget_unref(budget);
        return true;
    }
    priv->charged = bytes;
    return true;
}

enum edge_status edge_message_sound(struct edge_ctx *ctx, const struct edge_message *m)
{
    return m->fault ? edge_fail(ctx, EDGE_INVALID, "%s", m->fault) : EDGE_OK;
}

const char *edge_message_param(const struct edge_message *m, const char *key)
{
    for (size_t i = 0; i < m->n_params; i++) {
        if (strcmp(m->params[i].key, key) == 0) {
            return m->params[i].value;
        }
    }
    return NULL;
}

static void unref_later(void *m)
{
    edge_message_unref(m);
}

/* What is handed out points into the message: it lives as long as the context too. */
static void keep(struct edge_ctx *ctx, const struct edge_message *m)
{
    edge_defer(&ctx->arena, unref_later, edge_message_ref(m));
}

enum edge_status edge_message_decode(struct edge_ctx *ctx, const struct edge_message *m,
                                     const struct edge_dto *dto, const void **ret)
{
    if (m->dto == dto && m->object) {
        keep(ctx, m);
        *ret = m->object;
        return EDGE_OK;
    }
    if (m->text) {
        return edge_fail(ctx, EDGE_INVALID, "message holds no %s but a text: %s", dto->name,
                         m->text);
    }
    const cJSON *tree = NULL;
    EDGE_TRY(edge_message_tree(ctx, m, &tree));
    if (!tree) {
        return edge_fail(ctx, EDGE_INVALID, "message holds no %s", dto->name);
    }
    void *object = edge_alloc(&ctx->arena, 1, dto->size);
    EDGE_TRY(edge_dto_decode(ctx, dto, tree, object));
    *ret = object;
    return EDGE_OK;
}

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

enum edge_status edge_message_tree(struct edge_ctx *ctx, const struct edge_message *m,
                                   const cJSON **ret)
{
    if (m->dto && m->object) {
        *ret = edge_dto_tree(ctx, m->dto, m->object);
        return EDGE_OK;
    }
    if (m->json) {
        keep(ctx, m);
        *ret = m->json;
        return EDGE_OK;
    }
    if (!m->text) {
        *ret = NULL;
        return EDGE_OK;
    }
    cJSON *text = cJSON_CreateString(m->text);
    if (!text) {
        return edge_fail(ctx, EDGE_INTERNAL, "out of memory");
    }
    edge_defer(&ctx->arena, delete_tree, text);
    *ret = text;
    return EDGE_OK;
}
