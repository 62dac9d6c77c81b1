/**
 * One piece of work (an HTTP exchange, a bus message, a timer tick): its memory, its failure text,
 * its correlation id, the log it speaks to. First argument of everything that can fail. One thread.
 */
#ifndef EDGE_CTX_H
#define EDGE_CTX_H

#include <stdbool.h>

#include "edge/arena.h"
#include "edge/status.h"

struct edge_log;
struct edge_budget;
struct edge_account;

/* A failure is a list of links: what we were doing, and why that failed. A text of somebody else is
 * one link, whatever it looks like. */
struct edge_link {
    struct edge_link *cause; /* NULL: the reason itself */
    const char *text;
    const struct edge_fault *faults; /* of the reason: keys that are at fault, the last one first */
};
struct edge_fault {
    const struct edge_fault *next;
    const char *key; /* "Device.autoEvents[3].interval" */
};

enum {
    EDGE_LINK_MAX = 16 * 1024, /* bytes of one text; a longer one is cut and ends in "..." */
    EDGE_LINKS_MAX = 64,       /* beyond, what we were doing goes unsaid */
    EDGE_REASONS_MAX = 1024,   /* reasons beyond so many bytes of them are "...": hostile bodies */
};

struct edge_ctx {
    struct edge_arena arena;
    const struct edge_log *log; /* NULL: the process's default log */
    char correlation_id[64];
    struct edge_link *failure; /* outermost link; NULL: nothing failed */
    struct {
        struct edge_arena arena; /* of the links: survives whatever happens to the work's own */
        const char *joined;      /* the links as one text; NULL: not asked for */
    } told;
    struct edge_budget *budget;   /* pays for what peers answer; NULL: nobody counts that */
    struct edge_account *account; /* what it has paid; NULL: nothing yet */
    bool busy;                    /* what failed may work soon */
};

#define EDGE_CTX_INIT                                                                              \
    {                                                                                              \
        .arena = EDGE_ARENA_INIT                                                                   \
    }

#define EDGE_CLEANUP(fn) __attribute__((cleanup(fn)))

/** A context that ends with the block: EDGE_CTX_SCOPE(ctx); */
#define EDGE_CTX_SCOPE(name) EDGE_CLEANUP(edge_ctx_done) struct edge_ctx name = EDGE_CTX_INIT

void edge_ctx_done(struct edge_ctx *ctx);

/** Give a reason and return @p st; further ones join it ("; "). */
enum edge_status edge_fail(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Likewise, of the value at @p key: "KEY REASON". */
enum edge_status edge_fail_at(struct edge_ctx *ctx, enum edge_status st, const char *key,
                              const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** The keys of such reasons; NULL: none has one. */
const struct edge_fault *edge_ctx_faults(const struct edge_ctx *ctx);

/** Put what we were doing in front, as a link of its own; OK and PENDING pass unchanged. */
enum edge_status edge_wrap(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Take over the failure @p st of a context that ends first, link by link; OK passes unchanged. */
enum edge_status edge_pass(struct edge_ctx *ctx, enum edge_status st, struct edge_ctx *from);

/** All links joined by " -> ", or the status's own text where nobody gave a reason; never NULL.
 * What this and the next return lives until the failure grows or is forgotten. */
const char *edge_ctx_message(struct edge_ctx *ctx, enum edge_status st);
/** The outermost words alone: what clients are shown (contract 2.4). */
const char *edge_ctx_outermost(const struct edge_ctx *ctx, enum edge_status st);
/** Whether there is no room for further reasons: who makes them can save the work. */
bool edge_ctx_is_full(const struct edge_ctx *ctx);

/**
 * Have the budget pay for @p more bytes until the context ends. UNAVAILABLE, and busy, where they are
 * not there now, TOO_LARGE where they never are. Any number where nobody counts.
 */
enum edge_status edge_ctx_charge(struct edge_ctx *ctx, size_t more);
/** Not that many after all. */
void edge_ctx_uncharge(struct edge_ctx *ctx, size_t less);
/** Likewise for what its arena has grown by since. */
enum edge_status edge_ctx_charge_arena(struct edge_ctx *ctx);
/** So many bytes of the arena are paid for. */
size_t edge_ctx_charged_arena(const struct edge_ctx *ctx);

/** Forget the failure: the next try starts clean. What the work made stays. */
void edge_ctx_clear(struct edge_ctx *ctx);

#endif
