/*
 * Requests: who waits for which answer. Answers bypass the queue, so a busy service still gets
 * them; what nobody waits for (foreign, late, repeated) is ignored.
 */
#include "edge/bus.h"

#include <string.h>

#include "bus_internal.h"
#include "edge/pool.h"

struct bus_request {
    struct bus_request *next;
    const char *topic;
    struct edge_cond answered; /* or the bus closes */
    struct edge_message *answer;
    bool no_room; /* for the answer */
};

void bus_requests_wake(struct edge_bus *bus)
{
    EDGE_LOCK(&bus->lock);
    for (struct bus_request *r = bus->requests; r; r = r->next) {
        edge_cond_signal(&r->answered);
    }
}

/* A message that is still bytes is parsed by its one owner: a waiting caller gets its own copy. */
static struct edge_message *share(const struct edge_message *m)
{
    const struct bus_message *priv = bus_message_of(m);
    return priv->wire
               ? bus_message_from_wire(m->topic, strlen(m->topic), priv->wire, priv->wire_size)
               : edge_message_ref(m);
}

void bus_requests_answer(struct edge_bus *bus, const struct edge_message *m)
{
    EDGE_LOCK(&bus->lock);
    for (struct bus_request *r = bus->requests; r; r = r->next) {
        if (!r->answer && strcmp(r->topic, m->topic) == 0) {
            r->answer = share(m);
            r->no_room = !bus_message_charge(r->answer, bus->budget);
            edge_cond_signal(&r->answered);
            return;
        }
    }
}

/* Answers under @p prefix are listened for from the first request on, for good. */
static void listen_for_answers(struct edge_ctx *ctx, struct edge_bus *bus, const char *prefix)
{
    const char *pattern = edge_printf(&ctx->arena, "%s/+", prefix);
    if (bus_subscribe_once(bus, pattern)) {
        bus->transport->subscribe(bus, pattern, 0);
    }
}

static void request_add(struct edge_bus *bus, struct bus_request *r)
{
    EDGE_LOCK(&bus->lock);
    r->next = bus->requests;
    bus->requests = r;
}

static void request_remove(struct edge_bus *bus, struct bus_request *r)
{
    EDGE_LOCK(&bus->lock);
    struct bus_request **at = &bus->requests;
    while (*at != r) {
        at = &(*at)->next;
    }
    *at = r->next;
}

static void wait_answered(struct edge_bus *bus, struct bus_request *r, int64_t deadline_ms)
{
    EDGE_LOCK(&bus->lock);
    while (!r->answer && !atomic_load(&bus->closing)) {
        if (!edge_wait_on(&r->answered, &bus->lock, deadline_ms)) {
            return;
        }
    }
}

static enum edge_status answer_read(struct edge_ctx *ctx, struct bus_request *r,
                                    struct edge_message **ret)
{
    if (!r->answer) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "no answer on '%s'", r->topic);
    }
    if (r->no_room) {
        edge_message_unref(r->answer);
        enum edge_status st =
            edge_fail(ctx, EDGE_UNAVAILABLE, "no memory for the answer on '%s'", r->topic);
        ctx->busy = true;
        return st;
    }
    enum edge_status st = bus_message_open(ctx, r->answer);
    if (st != EDGE_OK) {
        edge_message_unref(r->answer);
        return edge_wrap(ctx, EDGE_REMOTE, "answer on '%s'", r->topic);
    }
    *ret = r->answer;
    return EDGE_OK;
}

static enum edge_status request(struct edge_ctx *ctx, struct edge_bus *bus,
                                const struct edge_message *m, const char *topic,
                                int64_t deadline_ms, struct edge_message **ret)
{
    if (!bus->transport->wait_connected(bus, deadline_ms)) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "message bus is not connected");
    }
    struct bus_request r = {.topic = topic};
    edge_cond_init(&r.answered);
    request_add(bus, &r);
    enum edge_status st = bus_publish(ctx, bus, m, deadline_ms);
    if (st == EDGE_OK) {
        wait_answered(bus, &r, deadline_ms);
    }
    request_remove(bus, &r);
    edge_cond_done(&r.answered);
    if (st != EDGE_OK) {
        edge_message_unref(r.answer);
        return st;
    }
    return answer_read(ctx, &r, ret);
}

enum edge_status edge_bus_request(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_message *m, const char *response_prefix,
                                  int64_t deadline_ms, struct edge_message **ret)
{
    const char *topic = edge_printf(&ctx->arena, "%s/%s", response_prefix, m->request_id);
    if (m->request_id[0] == '\0' || strchr(m->request_id, '/') || bus_topic_fault(topic)) {
        return edge_fail(ctx, EDGE_INVALID, "request id '%s' cannot be a level of a topic",
                         m->request_id);
    }
    if (!bus_enter(bus)) {
        return bus_closing(ctx);
    }
    struct edge_wait wait;
    enum edge_status st = EDGE_OK;
    if (edge_wait_begin(&wait, response_prefix)) {
        listen_for_answers(ctx, bus, response_prefix);
        st = request(ctx, bus, m, topic, deadline_ms, ret);
        edge_wait_end(&wait);
    } else {
        st = edge_fail(ctx, EDGE_UNAVAILABLE, "too many wait for an answer on '%s' already",
                       response_prefix);
    }
    bus_leave(bus);
    return st;
}
