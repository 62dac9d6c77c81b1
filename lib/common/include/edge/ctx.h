/**
 * One piece of work (an HTTP exchange, a bus message, a timer tick): its memory, its failure text,
 * its correlation id, the log it speaks to. First argument of everything that can fail. One thread.
 */
#ifndef EDGE_CTX_H
#define EDGE_CTX_H

#include "edge/arena.h"
#include "edge/status.h"

struct edge_log;

struct edge_ctx {
    struct edge_arena arena;
    const struct edge_log *log; /* NULL: the process's default log */
    char correlation_id[64];
    size_t message_len;
    char message[1024]; /* reasons of the failure, most recent wrap in front */
};

#define EDGE_CTX_INIT                                                                              \
    {                                                                                              \
        .arena = EDGE_ARENA_INIT                                                                   \
    }

#define EDGE_CLEANUP(fn) __attribute__((cleanup(fn)))

/** A context that ends with the block: EDGE_CTX_SCOPE(ctx); */
#define EDGE_CTX_SCOPE(name) EDGE_CLEANUP(edge_ctx_done) struct edge_ctx name = EDGE_CTX_INIT

void edge_ctx_done(struct edge_ctx *ctx);

/** Add a reason (joined by "; ") and return @p st: a failure is one line. */
enum edge_status edge_fail(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Put what we were doing in front of the reason (joined by " -> "); OK passes unchanged. */
enum edge_status edge_wrap(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** The text so far, or the status's own text where nobody gave a reason; never NULL. */
const char *edge_ctx_message(const struct edge_ctx *ctx, enum edge_status st);

/** Forget the failure: the next try starts clean. Memory stays. */
void edge_ctx_clear(struct edge_ctx *ctx);

#endif
