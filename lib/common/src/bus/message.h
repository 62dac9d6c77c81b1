/** Messages with their arena and, if they came from a broker, the bytes nobody has parsed yet. */
#ifndef EDGE_BUS_MESSAGE_H
#define EDGE_BUS_MESSAGE_H

#include <stdatomic.h>

#include "edge/arena.h"
#include "edge/message.h"

struct edge_budget;

enum { BUS_MAX_ENVELOPE = 48 * 1024 * 1024 }; /* bytes: an event of 25 MB in base64, and room */

/** An edge_message lives inside its own arena, which ends with the last reference. */
struct bus_message {
    struct edge_message pub; /* first: the two are cast into each other */
    _Atomic unsigned refs;
    struct edge_arena arena;
    int64_t made_ms;
    struct edge_budget *_Atomic budget; /* pays while it waits or is worked at; NULL: nobody yet */
    size_t charged;
    const void *wire; /* what came from a broker, until bus_message_open() */
    size_t wire_size;
};

static inline struct bus_message *bus_message_of(const struct edge_message *m)
{
    return (struct bus_message *)(uintptr_t)m;
}

/** A message that is still bytes; one allocation. */
struct edge_message *bus_message_from_wire(const char *topic, size_t topic_len, const void *bytes,
                                           size_t size);
/** Have @p budget pay for it as long as it lives; false where there is not that much. */
bool bus_message_charge(const struct edge_message *m, struct edge_budget *budget);
/**
 * Parse the bytes, if it has any, once; only by the one thread that owns the message. INVALID: it may
 * have a fault, to be told to who asks.
 */
enum edge_status bus_message_open(struct edge_ctx *ctx, struct edge_message *m);

#endif
