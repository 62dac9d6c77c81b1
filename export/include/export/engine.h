/**
 * Pipelines as configured, and what runs through them. A message goes through the functions of each pipeline whose
 * topics it has, on the thread that brings it; where one hands on (an exporter, a batch), it is put into that
 * function's queue, and the functions behind run when the peer has taken it.
 *
 * A new configuration takes the place of the old one between two messages. A pipeline that cannot be made of it is
 * refused with file and key, and what it was before goes on running; queues of which nothing changed go on as they are.
 */
#ifndef EXPORT_ENGINE_H
#define EXPORT_ENGINE_H

#include "edge/message.h"
#include "export/queue.h"
#include "export/settings.h"

struct edge_runtime;
struct export_engine;

/** All functions there are. */
extern const struct export_function *const EXPORT_FUNCTIONS[];
extern const size_t EXPORT_N_FUNCTIONS;
/** What each that hands on may have beside its own: of its queue. */
extern const struct export_param EXPORT_QUEUE_PARAMS[];
/** The function an instance's name means; NULL: none. */
const struct export_function *export_function_find(const char *instance);

struct export_engine_config {
    const char *dir;        /* of the queues, a folder each */
    const char *base_topic; /* before topics of pipelines */
    const struct export_host *host;
    struct edge_log *log;
    struct edge_metrics *metrics;
    struct edge_client *client;
    void *state;
    /** A run ended with a response that nobody waits for: of a message of the bus. Any thread. */
    void (*respond)(void *state, const struct export_flow *flow);
    /** A folder of a queue that no function has; NULL: it is kept, with a warning. Within export_engine_apply(). */
    void (*orphan)(void *state, struct edge_ctx *ctx, const char *queue, const char *folder);
};

/** Texts are copied; what else it points to outlives the engine. */
struct export_engine *export_engine_create(const struct export_engine_config *config);
/**
 * INVALID names each pipeline that was refused, and why; those that could be made run all the same.
 * One caller at a time.
 */
enum edge_status export_engine_apply(struct edge_ctx *ctx, struct export_engine *e,
                                     const struct export_writable *settings);
/** What is on its way to peers is waited for until @p deadline_ms; the rest stays in the queues. */
void export_engine_stop(struct export_engine *e, int64_t deadline_ms);
void export_engine_free(struct export_engine *e); /* nobody runs anything any more; NULL is fine */

/** What came, in one of its forms. */
struct export_input {
    const char *topic;                  /* complete; NULL: for default-pipeline alone (HTTP) */
    const struct edge_message *message; /* of the bus; or */
    struct edge_bytes body;             /* of a request */
    const char *content_type; /* of the body; NULL: JSON where it begins with { or [, else CBOR */
};
struct export_answer {
    struct edge_bytes body; /* data NULL: none */
    const char *content_type;
};
/**
 * Run it through all pipelines of its topic. @p answer NULL: nobody waits. Else until @p deadline_ms for the end of
 * the run, peers included. INVALID: it could not be understood; UNPROCESSABLE is said as EDGE_CONFLICT: a function
 * failed; NOT_FOUND: no pipeline is for it; UNAVAILABLE: kept, but not delivered by then.
 */
enum edge_status export_engine_run(struct edge_ctx *ctx, struct export_engine *e,
                                   const struct export_input *in, struct export_answer *answer,
                                   int64_t deadline_ms);

/** Run what the bus brings on @p topics (below the base topic, commas between them). @p rt lives as long as the bus. */
enum edge_status export_engine_listen(struct edge_ctx *ctx, struct export_engine *e,
                                      const struct edge_runtime *rt, const char *topics,
                                      enum edge_spool_full full);

/** Each function's view of a message: for POST .../pipeline/{id}/test. Nothing is sent, queued or published. */
typedef void export_step(void *arg, struct edge_ctx *ctx, const char *function,
                         enum export_verdict verdict, const struct export_flow *flow);
enum edge_status export_engine_try(struct edge_ctx *ctx, struct export_engine *e,
                                   const char *pipeline, const struct export_input *in,
                                   export_step *step, void *arg);

/** Their ids, in the order of the configuration. */
const char **export_engine_pipelines(struct edge_arena *a, struct export_engine *e, size_t *ret_n);
/** Calls @p fn with each queue, or that called @p name; NOT_FOUND. It lives until fn returns. */
typedef enum edge_status export_queue_visitor(void *arg, struct edge_ctx *ctx,
                                              struct export_queue *q);
enum edge_status export_engine_queues(struct edge_ctx *ctx, struct export_engine *e,
                                      const char *name, export_queue_visitor *fn, void *arg);

#endif
