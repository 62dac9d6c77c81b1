/**
 * A message of the bus (contract 11.2): made in this process, or still the bytes of its envelope. Any
 * thread may read one that is published.
 */
#ifndef EDGE_MESSAGE_H
#define EDGE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/dto.h"

struct edge_pair {
    const char *key, *value;
};

/** Reference counted; immutable once published or received. All it points to is in its arena. */
struct edge_message {
    const char *topic;                       /* complete, base prefix included */
    const char *correlation_id, *request_id; /* "" if none */
    const char *api_version;                 /* as the sender said, "" if not at all; ours: "v3" */
    const char *received_topic;              /* sent along; "", but to who asked from outside */
    bool retained;                           /* older than our subscription: a broker kept it */
    unsigned error_code;                     /* 1: text holds an error */
    const char *content_type;                /* application/json, application/cbor, text/plain */
    bool is_event; /* at the bus's event_qos at least; over MQTT behind all else */
    bool once;     /* lost where the connection breaks under it: the publisher sends it again */
    struct edge_pair *params; /* queryParams */
    size_t n_params;
    /* The payload, one of: */
    const struct edge_dto *dto; /* made in this process: what object is */
    const void *object;
    const cJSON *json; /* came over the wire, or any JSON; NULL: null */
    const char *text;  /* an error text */
    /** Why it is no sound envelope, though it says what it answers or asks for: then the payload and
     * params are none. Only handlers with EDGE_SUB_REQUESTS see such. */
    const char *fault;
};

/** A blank message with one reference; @p arena_hint: bytes it will need (0: some hundreds). */
struct edge_message *edge_message_create(size_t arena_hint);
/** To build it from; not after it was published. */
struct edge_arena *edge_message_arena(struct edge_message *m);
/** What it takes of memory. */
size_t edge_message_bytes(const struct edge_message *m);
/** The topic, printf style; names that may hold anything are escaped by the caller (text.h). */
void edge_message_topic(struct edge_message *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct edge_message *edge_message_ref(const struct edge_message *m);
void edge_message_unref(const struct edge_message *m);
/** When it was made here, or came from a broker (edge_now_mono_ms). */
int64_t edge_message_made_ms(const struct edge_message *m);
/** INVALID with its fault; OK where it has none. */
enum edge_status edge_message_sound(struct edge_ctx *ctx, const struct edge_message *m);
const char *edge_message_param(const struct edge_message *m, const char *key); /* NULL if absent */

/**
 * The payload as @p dto: the publisher's own object where it was made in this process from the same
 * table, else decoded and checked into the context's arena. Valid as long as the context.
 */
enum edge_status edge_message_decode(struct edge_ctx *ctx, const struct edge_message *m,
                                     const struct edge_dto *dto, const void **ret);
/** The payload as a tree, whatever it was made from; NULL for null. Valid as long as the context.
 */
enum edge_status edge_message_tree(struct edge_ctx *ctx, const struct edge_message *m,
                                   const cJSON **ret);

/** How this process writes messages (contract 11.2). The environment says it, and is read at the start only. */
struct edge_wire_forms {
    bool base64_payloads, cbor_envelopes; /* EDGEX_MSG_BASE64_PAYLOAD, EDGEX_MSG_CBOR_ENCODE */
    bool cbor_events, short_events; /* EDGEX_ENCODE_ALL_EVENTS_CBOR, EDGEX_OPTIMIZE_EVENT_PAYLOAD */
};
extern struct edge_wire_forms edge_wire_forms; /* written before there are threads */

/** The envelope on the wire, in the form of this process. */
void edge_envelope_encode(const struct edge_message *m, struct edge_buf *out);
/** One reference in *ret; INVALID where it is no envelope. */
enum edge_status edge_envelope_decode(struct edge_ctx *ctx, const char *topic, const void *bytes,
                                      size_t size, struct edge_message **ret);

#endif
