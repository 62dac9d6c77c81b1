/* What the queue before any function that hands on may be told, among the function's own parameters. */
#include "pipeline.h"

static const char *const ORDERS[] = {"strict", "live-first", NULL};

/* clang-format off */
const struct export_param EXPORT_QUEUE_PARAMS[] = {
    {"QueueRate", "Messages a second at most; 0: as fast as the peer takes them.", EXPORT_P_COUNT, .def = "0"},
    {"QueueBytesRate", "Bytes a second at most; 0: as many as the peer takes.", EXPORT_P_COUNT, .def = "0"},
    {"QueueWindow", "Messages with the peer and not acknowledged, at most; 0: as the connector likes.", EXPORT_P_COUNT, .def = "0", .max = 4096},
    {"QueueOrder", "live-first: after an outage four new messages go for each that waited, both in order.", EXPORT_P_ONE_OF, .def = "strict", .names = ORDERS},
    {"QueueTTL", "So long after its origin a message is of no use, and dropped (`expired`); 0s: it always is.", EXPORT_P_DURATION, .def = "0s"},
    {"QueueMaxMB", "On disk; 0: as Writable.Spool.MaxMB says.", EXPORT_P_COUNT, .def = "0", .max = 1 << 20},
    {"QueueMaxCount", "Messages; 0: as Writable.Spool.MaxCount says.", EXPORT_P_COUNT, .def = "0"},
    {"QueueMaxAge", "Older ones are dropped; 0s: as Writable.Spool.MaxAge says.", EXPORT_P_DURATION, .def = "0s"},
    {0},
};
/* clang-format on */

enum edge_status queue_params_check(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_function_info *f, struct export_params *ret)
{
    static const struct export_function any = {.params = EXPORT_QUEUE_PARAMS};
    return export_params_check(ctx, a, &any, f->name, f->parameters, f->n_parameters, ret);
}

void queue_params_apply(const struct export_params *p, struct export_queue_config *c)
{
    enum { MB = 20 };
    int64_t mb = export_params_count(p, "QueueMaxMB"),
            count = export_params_count(p, "QueueMaxCount");
    int64_t age_ms = export_params_ms(p, "QueueMaxAge");
    c->rate = (double)export_params_count(p, "QueueRate");
    c->bytes_rate = (double)export_params_count(p, "QueueBytesRate");
    c->window = (unsigned)export_params_count(p, "QueueWindow");
    c->live_first = export_params_choice(p, "QueueOrder") == 1;
    c->spool.max_bytes = mb > 0 ? (uint64_t)mb << MB : c->spool.max_bytes;
    c->spool.max_count = count > 0 ? (uint64_t)count : c->spool.max_count;
    c->spool.max_age_ms = age_ms > 0 ? age_ms : c->spool.max_age_ms;
}
