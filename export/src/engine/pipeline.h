/** Pipelines as compiled: the insides of the engine. */
#ifndef EXPORT_PIPELINE_H
#define EXPORT_PIPELINE_H

#include <pthread.h>

#include "edge/metrics.h"
#include "edge/thread.h"
#include "export/engine.h"

/** A function that hands on, with its queue; outlives generations as long as nothing of it changed. */
struct station {
    struct station *next;
    struct edge_arena arena; /* of its stage and texts */
    struct export_engine *engine;
    const char *name; /* of the queue: "<pipeline>.<function>" */
    const char *pipeline, *function;
    uint64_t signature; /* of function and parameters */
    const struct export_function *type;
    void *stage;
    bool persists;               /* PersistOnError: StoreAndForward's settings are for it */
    struct export_params limits; /* EXPORT_QUEUE_PARAMS */
    int64_t ttl_ms;              /* of each message; 0: none */
    struct export_queue *queue;  /* NULL: it could not be opened */
    bool wanted;                 /* by the generation that is being made */
};

struct step {
    const char *name; /* as configured */
    const struct export_function *type;
    void *stage;             /* of a plain function */
    struct station *station; /* of one that hands on; NULL: plain */
};

struct pipeline {
    const char *id;
    const char **topics; /* complete patterns; none: whatever comes (default-pipeline) */
    size_t n_topics;
    struct step *steps;
    size_t n_steps;
    const struct export_pipeline_info *made_of;
    const struct export_topic_pipeline *own; /* of it; NULL: default-pipeline */
    const char *topic_list, *order;
    struct edge_counter *processed, *errors;
    struct edge_histogram *time;
};

/** Pipelines of one configuration. */
struct generation {
    struct edge_arena arena;
    const struct export_writable *settings;
    enum export_target target;
    struct pipeline *pipelines;
    size_t n_pipelines;
};

/** Somebody waits for the end of a run. */
struct waiter {
    struct waiter *next;
    uint64_t run;
    struct edge_ctx *ctx; /* of who waits: answers and reasons go there */
    struct export_answer *answer;
    enum edge_status outcome;
    unsigned open; /* pipelines that have not ended */
};

struct export_engine {
    struct edge_arena arena; /* of the texts of its configuration */
    struct export_engine_config config;
    pthread_rwlock_t swap; /* runs read, a new generation writes */
    struct generation *current;
    struct station *stations; /* changed with swap held for writing */
    struct edge_counter *received, *invalid;
    _Atomic uint64_t next_run;
    struct network_watch *network; /* while there are stations; NULL: nobody tells */
    struct edge_mutex lock;
    struct edge_cond ended;
    struct waiter *waiters EDGE_GUARDED;
};

/** Makes all that can be made of @p settings; @p e's stations that still fit are taken over, new ones begin the
 * list *ret_new. Faults are in @p ctx; pipelines that have one are missing. */
struct generation *pipelines_compile(struct edge_ctx *ctx, struct export_engine *e,
                                     const struct export_writable *settings,
                                     struct station **ret_new);
void generation_free(struct generation *g);
void station_free(struct station *s); /* closes its queue */

/** queue_params.c: of the queue, among the parameters of its function. */
enum edge_status queue_params_check(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_function_info *f,
                                    struct export_params *ret);
/** What is given takes the place of what @p c has. */
void queue_params_apply(const struct export_params *p, struct export_queue_config *c);

/** The pipeline called @p id in this generation; NULL. */
struct pipeline *pipeline_find(const struct generation *g, const char *id);
/** Continues behind a message that was delivered: export_queue_config.go_on. @p arg: the station. */
enum edge_status run_continue(void *arg, struct edge_ctx *ctx,
                              const struct edge_spool_record *record,
                              const struct export_outcome *outcome);
/** A message was not delivered (yet): whoever waits for it is told. */
void run_told(void *arg, struct edge_ctx *ctx, const struct edge_spool_record *record,
              const struct export_outcome *outcome);

#endif
