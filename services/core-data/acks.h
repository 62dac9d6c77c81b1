/**
 * Who sends events over a broker is told when they are durable (contracts/event_ack.h): what is noted here
 * by the commit goes out in one message for each device service that asked. Any thread.
 */
#ifndef CORE_DATA_ACKS_H
#define CORE_DATA_ACKS_H

#include <stdbool.h>

#include "edge/service.h"

struct acks;

struct acks *acks_create(const struct edge_runtime *rt);
void acks_free(struct acks *a); /* NULL is fine */
/** @p service, a level of its topics, wants to be told from now on. */
void acks_want(struct acks *a, const char *service);
/** Of an event of @p service; nothing where that has not asked. */
void acks_note(struct acks *a, const char *service, const char *id, bool refused);
/** Send what was noted. */
void acks_flush(struct acks *a);
/** Before the bus goes: nothing is sent any more, and nothing is being sent when this returns. */
void acks_silence(struct acks *a);
/** Say that there is somebody who acknowledges. */
void acks_hello(struct edge_ctx *ctx, struct acks *a);

#endif
