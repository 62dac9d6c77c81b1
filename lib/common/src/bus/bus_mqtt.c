/*
 * The bus over an MQTT 3.1.1 broker: envelopes instead of objects, events behind all else, a word about
 * ourselves at each connection. The connection is edge_mqtt's.
 */
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"
#include "edge/buf.h"
#include "edge/ctx.h"
#include "edge/mqtt.h"
#include "edge/text.h"

enum {
    FIRST_BACKOFF_MS = 100,
    LAST_BACKOFF_MS = 500, /* who comes back is found at once */
};

struct link {
    struct edge_bus *bus;
    struct edge_mqtt *mqtt;
    bool retained;
    int qos, event_qos;
    const struct edge_message *here, *away; /* a reference each, NULL: nothing to say */
    size_t n_unsent;                        /* known when it has stopped */
};

/* ---- out ----------------------------------------------------------------------------------- */

static enum edge_status send_out(struct edge_ctx *ctx, struct link *link,
                                 const struct edge_message *m, int qos, bool retained,
                                 const struct edge_mqtt_delivery *delivery)
{
    struct edge_buf bytes = EDGE_BUF_INIT;
    edge_envelope_encode(m, &bytes);
    const struct edge_mqtt_message out = {
        .topic = m->topic,
        .payload = bytes.data,
        .size = bytes.len,
        .qos = qos,
        .retained = retained,
    };
    enum edge_status st = edge_mqtt_publish(ctx, link->mqtt, &out, delivery);
    edge_buf_done(&bytes);
    return st;
}

/* A retained word about ourselves. */
static void say(struct link *link, const struct edge_message *m)
{
    if (m) {
        EDGE_CTX_SCOPE(own);
        (void)(send_out(&own, link, m, link->qos, true, NULL) == EDGE_OK); /* else it is closing */
    }
}

static enum edge_status mqtt_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                                     const struct edge_message *m, int64_t expires_ms)
{
    struct link *link = bus->link;
    const struct edge_mqtt_delivery delivery = {
        .token = m->once ? NULL : link, /* nobody misses what is sent once */
        .expires_ms = expires_ms,
        .once = m->once,
        .behind = m->is_event, /* a question does not wait for thousands of events before it */
    };
    EDGE_TRY(send_out(ctx, link, m, m->is_event ? link->event_qos : link->qos, link->retained,
                      &delivery));
    bus_count(bus->sent, 1);
    return EDGE_OK;
}

static void on_settled(void *state, void *token, enum edge_mqtt_fate fate, const char *reason)
{
    struct link *link = state;
    if (fate == EDGE_MQTT_UNSENT) {
        link->n_unsent++; /* on the thread that stops it, and only there */
    }
    if (fate == EDGE_MQTT_DISPLACED || (fate == EDGE_MQTT_BROKE && token)) {
        bus_count_dropped(link->bus, 1, reason);
    }
}

/* ---- in ------------------------------------------------------------------------------------ */

static void on_received(void *state, const struct edge_mqtt_message *in)
{
    struct link *link = state;
    struct edge_message *m =
        bus_message_from_wire(in->topic, strlen(in->topic), in->payload, in->size);
    m->retained = in->retained;
    bus_at_once(link->bus, m);
    bus_arrive(link->bus, m, true);
    edge_message_unref(m);
}

static void on_changed(void *state, bool up, const char *reason)
{
    (void)reason;
    struct link *link = state;
    if (up) {
        say(link, link->here);
    }
}

/* ---- the transport ----------------------------------------------------------------------- */

static const char *client_id(struct edge_arena *a, const struct edge_bus_config *c)
{
    if (c->client_id && *c->client_id) {
        return c->client_id;
    }
    char uuid[EDGE_UUID_SIZE];
    edge_uuid_new(uuid);
    return edge_printf(a, "%s-%.8s", c->service ? c->service : "edgex", uuid);
}

static struct edge_mqtt_config mqtt_config(struct link *link, struct edge_arena *a,
                                           const struct edge_bus_config *c)
{
    return (struct edge_mqtt_config){
        .protocol = c->protocol,
        .host = c->host,
        .port = c->port,
        .client_id = client_id(a, c),
        .username = c->username,
        .password = c->password,
        .ca = c->ca,
        .cert = c->cert,
        .key = c->key,
        .skip_cert_verify = c->skip_cert_verify,
        .keep_alive_s = c->keep_alive_s,
        .connect_timeout_s = c->connect_timeout_s,
        .retry_first_ms = FIRST_BACKOFF_MS,
        .retry_last_ms = LAST_BACKOFF_MS,
        .max_outgoing = c->max_outgoing ? c->max_outgoing : BUS_MAX_OUTGOING,
        .max_bytes = BUS_MAX_BYTES,
        .displace = true,
        .held = c->held,
        .session_s = c->session_s,
        .state = link,
        .received = on_received,
        .settled = on_settled,
        .changed = on_changed,
        .log = link->bus->log,
    };
}

static enum edge_status mqtt_open(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_bus_config *config)
{
    struct link *link = edge_xalloc(1, sizeof(*link));
    bus->link = link;
    link->bus = bus;
    link->retained = config->retained;
    link->qos = config->qos;
    link->event_qos = config->event_qos > config->qos ? config->event_qos : config->qos;
    link->here = config->here;
    link->away = config->away;
    EDGE_CTX_SCOPE(own);
    struct edge_mqtt_config c = mqtt_config(link, &own.arena, config);
    struct edge_buf bytes = EDGE_BUF_INIT;
    struct edge_mqtt_message will = {.retained = true};
    if (link->away) {
        edge_envelope_encode(link->away, &bytes);
        will.topic = link->away->topic;
        will.payload = bytes.data;
        will.size = bytes.len;
        c.will = &will;
    }
    enum edge_status st = edge_mqtt_open(ctx, &c, &link->mqtt);
    edge_buf_done(&bytes);
    return st;
}

static void mqtt_subscribe(struct edge_bus *bus, const char *pattern, unsigned flags)
{
    struct link *link = bus->link;
    edge_mqtt_subscribe(link->mqtt, pattern, flags & EDGE_SUB_EVENTS ? link->event_qos : link->qos);
}

static bool mqtt_wanted(const struct edge_bus *bus, const char *topic)
{
    (void)bus;
    (void)topic;
    return true;
}

static bool mqtt_connected(const struct edge_bus *bus)
{
    struct link *link = bus->link;
    return edge_mqtt_connected(link->mqtt);
}

static bool mqtt_wait_connected(struct edge_bus *bus, int64_t deadline_ms)
{
    struct link *link = bus->link;
    return edge_mqtt_wait_connected(link->mqtt, deadline_ms);
}

static unsigned mqtt_connections(const struct edge_bus *bus)
{
    struct link *link = bus->link;
    return edge_mqtt_connections(link->mqtt);
}

static void mqtt_release(struct edge_bus *bus)
{
    struct link *link = bus->link;
    edge_mqtt_release(link->mqtt);
}

static void mqtt_announce(struct edge_bus *bus)
{
    struct link *link = bus->link;
    say(link, link->here);
}

static void mqtt_wake(struct edge_bus *bus)
{
    struct link *link = bus->link;
    edge_mqtt_hurry(link->mqtt);
}

static void mqtt_close(struct edge_bus *bus, int64_t deadline_ms)
{
    struct link *link = bus->link;
    if (mqtt_connected(bus)) {
        say(link, link->away); /* who is not connected has had its last will said */
    }
    edge_mqtt_stop(link->mqtt, deadline_ms);
    if (link->n_unsent > 0) {
        bus_count_dropped(bus, link->n_unsent, "closing before they were sent");
    }
}

static void mqtt_free(struct edge_bus *bus)
{
    struct link *link = bus->link;
    edge_mqtt_free(link->mqtt);
    edge_message_unref(link->here);
    edge_message_unref(link->away);
    free(link);
}

const struct bus_transport BUS_MQTT = {
    .open = mqtt_open,
    .at_once = true,
    .subscribe = mqtt_subscribe,
    .publish = mqtt_publish,
    .wanted = mqtt_wanted,
    .connected = mqtt_connected,
    .wait_connected = mqtt_wait_connected,
    .connections = mqtt_connections,
    .release = mqtt_release,
    .announce = mqtt_announce,
    .wake = mqtt_wake,
    .close = mqtt_close,
    .free = mqtt_free,
};
