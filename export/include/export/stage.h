/**
 * A function of a pipeline: a row of the engine's table of functions. Its parameters are texts under official
 * names (any case); compiling checks them all before anything runs, and says function, parameter and what it may be.
 */
#ifndef EXPORT_STAGE_H
#define EXPORT_STAGE_H

#include "edge/config.h"
#include "export/data.h"

/** What a function did with its input. */
enum export_verdict {
    EXPORT_GO_ON, /* to the next one, with flow->data */
    EXPORT_STOP,  /* filtered out: no failure */
    EXPORT_FAIL,  /* the reason is in flow->ctx */
};

enum export_param_kind {
    EXPORT_P_TEXT,
    EXPORT_P_BOOL,
    EXPORT_P_COUNT,
    EXPORT_P_DURATION,
    EXPORT_P_ONE_OF
};
struct export_param {
    const char *name, *doc;
    enum export_param_kind kind;
    const char *def;          /* NULL: must be given */
    const char *const *names; /* ONE_OF: NULL-ended, any case */
    bool may_be_empty;        /* given, but "": else as though it were not */
    int64_t min, max;         /* COUNT; max 0: INT32_MAX */
};

/** The parameters of one function of a configuration, checked against its table. */
struct export_params {
    const char *function; /* as configured: "HTTPExport2" */
    const struct export_param *table;
    const char *const *values; /* by row of the table; never NULL but where the default is */
};
const char *export_params_text(const struct export_params *p, const char *name);
bool export_params_true(const struct export_params *p, const char *name);
int64_t export_params_count(const struct export_params *p, const char *name);
int64_t export_params_ms(const struct export_params *p, const char *name);
/** The name of the table's list it equals, by index. */
unsigned export_params_choice(const struct export_params *p, const char *name);

/** Where functions find what is not in their parameters. Lives as long as the pipeline. */
struct export_host {
    void *state;
    /** A value of a secret, into @p a; NOT_FOUND names secret, key and how to set it. May differ from call to call. */
    enum edge_status (*secret)(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret);
    /** Counts up whenever a secret changed. */
    unsigned (*secrets_version)(void *state);
    const char *service;
    /**
     * Have a device execute a command: read, or, with @p values (a JSON object), write. *ret_code and *ret_body (JSON, into
     * @p a) are core-command's answer, as HTTP has it. UNAVAILABLE where there was none. Waits for seconds. NULL: there are no commands.
     */
    enum edge_status (*command)(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                const char *device, const char *command, const char *values,
                                int *ret_code, const char **ret_body);
};

struct export_function {
    const char *name, *doc; /* official; an instance is found by the longest prefix: HTTPExport2 */
    const struct export_param *params; /* ended by a name NULL */
    /** Make the stage in the pipeline's arena @p a (edge_defer what must be freed). INVALID with parameter and reason. */
    enum edge_status (*compile)(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret);
    /** Any thread, several at a time; the stage is read-only but for what it guards itself. */
    enum export_verdict (*run)(const void *stage, struct export_flow *flow);
    /** Exporters, batches: instead of run, what comes is queued on disk and handed on by a queue (queue.h). */
    const struct export_connector *connector;
};

/** Check @p given (name, value pairs, names in any case) against the function's table; all faults at once. */
enum edge_status export_params_check(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_function *f, const char *instance,
                                     const struct edge_named_text *given, size_t n_given,
                                     struct export_params *ret);

/** What V1Format takes for its Format, NULL-ended. */
extern const char *const EXPORT_V1_FORMATS[];

#endif
