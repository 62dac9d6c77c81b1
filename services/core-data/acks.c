/* Acknowledgements of events: see acks.h. */
#include "acks.h"

#include <stdlib.h>
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/map.h"
#include "edge/text.h"
#include "edge/thread.h"

enum { MAX_SERVICES = 4096 }; /* who asks is not known: a bound for whoever makes names up */

/* What is to be told to one device service. */
struct told {
    char *service;
    struct edge_arena arena; /* of the ids */
    const char **ids, **refused;
    size_t n_ids, cap_ids, n_refused, cap_refused;
};

struct acks {
    const struct edge_runtime *rt;
    char instance[EDGE_UUID_SIZE];
    struct edge_mutex lock;
    struct edge_map services EDGE_GUARDED; /* to struct told */
    size_t n_noted EDGE_GUARDED;
    struct edge_mutex sending; /* held over each publishing */
    bool silent EDGE_GUARDED;
};

struct acks *acks_create(const struct edge_runtime *rt)
{
    struct acks *a = edge_xalloc(1, sizeof(*a));
    a->rt = rt;
    edge_uuid_new(a->instance);
    edge_mutex_init(&a->lock);
    edge_mutex_init(&a->sending);
    return a;
}

static void told_free(struct told *t)
{
    edge_arena_done(&t->arena);
    free(t->ids);
    free(t->refused);
    free(t->service);
    free(t);
}

void acks_free(struct acks *a)
{
    if (!a) {
        return;
    }
    {
        EDGE_LOCK(&a->lock);
        size_t pos = 0;
        for (struct told *t; (t = edge_map_next(&a->services, &pos, NULL));) {
            told_free(t);
        }
        edge_map_done(&a->services);
    }
    edge_mutex_done(&a->sending);
    edge_mutex_done(&a->lock);
    free(a);
}

void acks_want(struct acks *a, const char *service)
{
    EDGE_LOCK(&a->lock);
    if (edge_map_find(&a->services, service) || a->services.n >= MAX_SERVICES) {
        return;
    }
    struct told *t = edge_xalloc(1, sizeof(*t));
    t->service = edge_xstrdup(service);
    edge_map_put(&a->services, t->service, t);
}

void acks_note(struct acks *a, const char *service, const char *id, bool refused)
{
    EDGE_LOCK(&a->lock);
    struct told *t = edge_map_find(&a->services, service);
    if (!t) {
        return;
    }
    const char *copy = edge_strdup(&t->arena, id);
    if (refused) {
        edge_make_room(NULL, t->refused, t->n_refused, t->cap_refused);
        t->refused[t->n_refused++] = copy;
    } else {
        edge_make_room(NULL, t->ids, t->n_ids, t->cap_ids);
        t->ids[t->n_ids++] = copy;
    }
    a->n_noted++;
}

static struct edge_message *message_of(struct acks *a, const struct edge_dto *dto,
                                       const void *object, const char *topic)
{
    struct edge_message *m = edge_message_create(0);
    edge_message_topic(m, "%s/event-acks/core-data/%s", a->rt->base_topic, topic);
    m->dto = dto;
    m->object = edge_dto_clone(dto, edge_message_arena(m), object);
    return m;
}

/* The message about one of those that have something to be told; NULL: there is none. */
static struct edge_message *next(struct acks *a)
{
    EDGE_LOCK(&a->lock);
    size_t pos = 0;
    for (struct told *t; a->n_noted > 0 && (t = edge_map_next(&a->services, &pos, NULL));) {
        if (t->n_ids + t->n_refused == 0) {
            continue;
        }
        const struct event_acks acks = {EDGE_API_VERSION, a->instance, t->ids,
                                        t->n_ids,         t->refused,  t->n_refused};
        const char *topic = edge_printf(&t->arena, "events/%s", t->service);
        struct edge_message *m = message_of(a, &EVENT_ACKS, &acks, topic);
        a->n_noted -= t->n_ids + t->n_refused;
        t->n_ids = t->n_refused = 0;
        edge_arena_done(&t->arena);
        t->arena = (struct edge_arena)EDGE_ARENA_INIT;
        return m;
    }
    return NULL;
}

/* An acknowledgement that is lost is no harm: the event comes again, and is acknowledged again. */
static void send(struct edge_ctx *ctx, struct acks *a, struct edge_message *m)
{
    EDGE_LOCK(&a->sending);
    if (!a->silent) {
        (void)!edge_bus_publish(ctx, a->rt->bus, m);
        edge_ctx_clear(ctx);
    }
    edge_message_unref(m);
}

void acks_silence(struct acks *a)
{
    EDGE_LOCK(&a->sending);
    a->silent = true;
}

void acks_flush(struct acks *a)
{
    EDGE_CTX_SCOPE(ctx);
    for (struct edge_message *m; (m = next(a));) {
        send(&ctx, a, m);
    }
}

void acks_hello(struct edge_ctx *ctx, struct acks *a)
{
    const struct event_acker hello = {EDGE_API_VERSION, a->rt->name, a->instance};
    send(ctx, a, message_of(a, &EVENT_ACKER, &hello, "hello"));
}
