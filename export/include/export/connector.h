/**
 * A connector hands messages to one peer and says of each what became of it. Order, retries, back-off, limits and
 * what is kept are the queue's (queue.h): a connector never keeps more than its window, and never tries again by itself.
 */
#ifndef EXPORT_CONNECTOR_H
#define EXPORT_CONNECTOR_H

#include "edge/spool.h"
#include "export/stage.h"

/** What became of a message, as the peer said. */
enum export_fate {
    EXPORT_DELIVERED,
    EXPORT_ABSORBED, /* part of a batch: done with, nothing follows */
    EXPORT_RETRY,    /* not now: refused, timed out, 5xx, 408, 425, 429, connection broke */
    EXPORT_REJECTED, /* never this message: other 4xx, too large for the peer, malformed */
    EXPORT_TOO_MUCH, /* not all of it at once: it comes again in halves; one alone is REJECTED */
    EXPORT_DENIED,   /* not us: credentials, policy; another back-off, everything waits */
    EXPORT_UNSENT,   /* stopping */
};

struct export_outcome {
    enum export_fate fate;
    const char
        *reason; /* not DELIVERED; what the peer or the line said; valid until settle returns */
    int64_t retry_after_ms; /* at least, where the peer said so; 0: it did not */
    /* DELIVERED: what the peer answered, or the batch, for the next function; data NULL: what came in goes on */
    struct edge_bytes response;
    uint8_t response_kind; /* as export_data_freeze() says; 0: bytes */
    const char *response_type;
};

/** A message in the connector's hands; valid until it is settled. */
struct export_message {
    uint64_t seq;
    char id
        [33]; /* stable over restarts: the same message has the same one (Idempotency-Key, MQTT 5 `id`, $.mid) */
    const char *correlation_id, *content_type;
    const struct export_value *values; /* for {placeholders} */
    /* The bytes the peer is to have; frozen, as the spool has it, where the connector gathers. */
    const void *payload;
    size_t size;
    int64_t origin_ns;
    int64_t expires_ms; /* since 1970; 0: never */
    uint32_t attempt;   /* 1: the first */
    uint8_t kind;       /* of the payload, as export_data_freeze() says; 0: bytes */
    bool last;          /* where the connector gathers: nothing more is to go with it */
    void *token;
};

/**
 * The queue's side; any thread. Exactly once for each message that was sent. False: what follows could not be
 * done, and it is sent again (a batch then settles its others as RETRY). That is known within send() and tick()
 * only: from other threads what follows is done later, and the answer is true.
 */
typedef bool export_settle(void *queue, void *token, const struct export_outcome *outcome);

enum export_line { EXPORT_LINE_DOWN, EXPORT_LINE_UP, EXPORT_LINE_DENIED };

struct export_connector_env {
    const struct export_host *host;
    const char *name; /* of the queue, for logs and client ids */
    struct edge_log *log;
    struct edge_metrics *metrics;
    struct edge_client *client; /* how peers are spoken to; NULL: as usual */
    void *queue;
    export_settle *settle;
    /** How the line is, with a reason where it is not up: shown in the queue's state. */
    void (*line)(void *queue, enum export_line line, const char *reason);
};

struct export_connector {
    unsigned window;  /* messages in its hands at a time; 1: one after the other */
    size_t max_bytes; /* of one message; 0: the spool's */
    bool gathers;     /* hands on when it has enough: never fewer in its hands after a failure */
    /** NULL, or what the stage says instead of the two above. */
    void (*limits)(const void *stage, unsigned *window, size_t *max_bytes);
    /** Never waits for the peer. */
    enum edge_status (*open)(struct edge_ctx *ctx, const void *stage,
                             const struct export_connector_env *env, void **ret);
    /** On the queue's thread; may wait for the peer where the window is 1. Settles before it returns, or later. */
    void (*send)(void *c, struct edge_ctx *ctx, const struct export_message *m);
    /** NULL, or on the queue's thread whenever that is due: do what is, return when it is next (edge_now_mono_ms). */
    int64_t (*tick)(void *c, struct edge_ctx *ctx);
    /** NULL, or: the peer may be there now, if a pause of its own is on, it ends. Any thread. */
    void (*retry)(void *c);
    /** NULL, or where it gathers and waits for its peer: another thread; send() and tick() end early, before stop(). */
    void (*interrupt)(void *c);
    /** Everything in its hands is settled (UNSENT) until @p deadline_ms, then nothing more. */
    void (*stop)(void *c, int64_t deadline_ms); /* another thread; send() and tick() end early */
    void (*close)(void *c);
};

#endif
