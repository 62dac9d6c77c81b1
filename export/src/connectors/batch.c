/**
 * Batch: messages are gathered while the queue keeps them, and go on together when there are enough of them or the
 * first has waited long enough. The last one is settled with the whole batch, the others with it: until the batch has
 * gone on, all of them stay in the spool, and a restart gathers them again.
 */
#include "connectors.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/clock.h"

enum batch_mode { BY_COUNT, BY_TIME, BY_TIME_COUNT };
static const char *const MODES[] = {"bycount", "bytime", "bytimecount", NULL};

enum {
    COUNT_MAX = 10000,    /* messages in memory; beyond, a batch goes early */
    BYTES_MAX = 16 << 20, /* likewise */
};

struct batch_stage {
    enum batch_mode mode;
    unsigned threshold;
    int64_t interval_ms;
    bool events, merge;
};

struct batch {
    const struct batch_stage *stage;
    struct export_connector_env env;
    const struct export_message **messages; /* of the batch under way */
    unsigned n;
    size_t bytes;
    int64_t due_ms; /* INT64_MAX: by count alone, or nothing is there */
};

/* clang-format off */
static const struct export_param params[] = {
    {"Mode", "When a batch goes on.", EXPORT_P_ONE_OF, .names = MODES},
    {"BatchThreshold", "So many messages.", EXPORT_P_COUNT, .def = "0", .may_be_empty = true},
    {"TimeInterval", "The first has waited for so long.", EXPORT_P_DURATION, .def = "0s", .may_be_empty = true},
    {"IsEventData", "A list of events, else of bytes.", EXPORT_P_BOOL, .def = "false"},
    {"MergeOnSend", "One run of bytes instead of a list.", EXPORT_P_BOOL, .def = "false"},
    {NULL},
};
/* clang-format on */

static enum edge_status batch_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                      const struct export_host *host, const struct export_params *p,
                                      void **ret)
{
    (void)host;
    struct batch_stage *s = edge_new(a, struct batch_stage);
    s->mode = (enum batch_mode)export_params_choice(p, "Mode");
    if (s->mode != BY_TIME) {
        int64_t n = export_params_count(p, "BatchThreshold");
        if (n < 1 || n > COUNT_MAX) {
            return edge_fail(ctx, EDGE_INVALID,
                             "parameter BatchThreshold must be 1 to %d with Mode %s", COUNT_MAX,
                             MODES[s->mode]);
        }
        s->threshold = (unsigned)n;
    }
    if (s->mode != BY_COUNT) {
        s->interval_ms = export_params_ms(p, "TimeInterval");
        if (s->interval_ms < 1) {
            return edge_fail(ctx, EDGE_INVALID,
                             "parameter TimeInterval must be longer than nothing with Mode %s",
                             MODES[s->mode]);
        }
    }
    s->events = export_params_true(p, "IsEventData");
    s->merge = export_params_true(p, "MergeOnSend");
    *ret = s;
    return EDGE_OK;
}

static void batch_limits(const void *stage, unsigned *window, size_t *max_bytes)
{
    const struct batch_stage *s = stage;
    (void)max_bytes;
    *window = s->mode == BY_TIME ? COUNT_MAX : s->threshold;
}

static enum edge_status batch_open(struct edge_ctx *ctx, const void *stage,
                                   const struct export_connector_env *env, void **ret)
{
    (void)ctx;
    unsigned window = 0;
    size_t max = 0;
    struct batch *c = edge_xalloc(1, sizeof(*c));
    batch_limits(stage, &window, &max);
    c->stage = stage;
    c->env = *env;
    c->messages = edge_xalloc(window, sizeof(struct export_message *));
    c->due_ms = INT64_MAX;
    *ret = c;
    return EDGE_OK;
}

/* ---- making the batch ---- */

static enum edge_status item_of(struct edge_ctx *ctx, const struct batch *c,
                                const struct export_message *m, struct export_data *ret)
{
    struct edge_bytes bytes = {m->payload, m->size};
    EDGE_TRY(export_data_thaw(ctx, m->kind, bytes, m->content_type, ret));
    if (c->stage->events && !c->stage->merge) {
        return ret->kind == EXPORT_EVENT
                   ? EDGE_OK
                   : edge_fail(ctx, EDGE_INVALID, "IsEventData is set, and this is no event");
    }
    const char *type = NULL;
    EDGE_TRY(export_data_bytes(ctx, ret, &bytes, &type));
    *ret = (struct export_data){.kind = EXPORT_BYTES, .bytes = bytes, .content_type = type};
    return EDGE_OK;
}

/* Those that cannot be part of it are settled here, and leave it. */
static size_t items_of(struct edge_ctx *ctx, struct batch *c, struct export_data *items)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->n; i++) {
        enum edge_status st = item_of(ctx, c, c->messages[i], &items[n]);
        if (st == EDGE_OK) {
            c->messages[n++] = c->messages[i];
        } else {
            connector_settle(&c->env, c->messages[i], EXPORT_REJECTED, edge_ctx_message(ctx, st));
            edge_ctx_clear(ctx);
        }
    }
    c->n = n;
    return n;
}

static void hand_on(struct batch *c)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_data *items = edge_new_n(&ctx.arena, struct export_data, c->n + 1);
    struct export_data all = {.kind = EXPORT_LIST, .items = items};
    struct export_outcome last = {.fate = EXPORT_DELIVERED};
    ctx.log = c->env.log;
    all.n_items = items_of(&ctx, c, items);
    if (c->n > 0) {
        if (c->stage->merge) {
            all.content_type = items[0].content_type;
            export_data_merge(&ctx, &all);
        }
        enum edge_status st = export_data_freeze(&ctx, &all, &last.response, &last.response_kind,
                                                 &last.response_type);
        if (st != EDGE_OK) {
            last.fate = EXPORT_RETRY;
            last.reason = edge_ctx_message(&ctx, st);
        }
        bool gone =
            c->env.settle(c->env.queue, c->messages[c->n - 1]->token, &last) && st == EDGE_OK;
        for (unsigned i = 0; i + 1 < c->n; i++) {
            connector_settle(&c->env, c->messages[i], gone ? EXPORT_ABSORBED : EXPORT_RETRY,
                             "the batch could not go on");
        }
    }
    c->n = 0;
    c->bytes = 0;
    c->due_ms = INT64_MAX;
}

static void batch_send(void *connector, struct edge_ctx *ctx, const struct export_message *m)
{
    struct batch *c = connector;
    const struct batch_stage *s = c->stage;
    (void)ctx;
    if (c->n == 0 && s->mode != BY_COUNT) {
        c->due_ms = edge_now_mono_ms() + s->interval_ms;
    }
    c->messages[c->n++] = m;
    c->bytes += m->size;
    if (c->n >= (s->mode == BY_TIME ? COUNT_MAX : s->threshold) || c->bytes >= BYTES_MAX) {
        hand_on(c);
    }
}

static int64_t batch_tick(void *connector, struct edge_ctx *ctx)
{
    struct batch *c = connector;
    (void)ctx;
    if (c->n > 0 && edge_now_mono_ms() >= c->due_ms) {
        hand_on(c);
    }
    return c->due_ms;
}

static void batch_stop(void *connector, int64_t deadline_ms)
{
    struct batch *c = connector;
    (void)deadline_ms; /* what is gathered is gathered again */
    for (unsigned i = 0; i < c->n; i++) {
        connector_settle(&c->env, c->messages[i], EXPORT_UNSENT, "stopping");
    }
    c->n = 0;
}

static void batch_close(void *connector)
{
    struct batch *c = connector;
    free(c->messages);
    free(c);
}

static const struct export_connector BATCH = {
    .window = 1,
    .gathers = true,
    .limits = batch_limits,
    .open = batch_open,
    .send = batch_send,
    .tick = batch_tick,
    .stop = batch_stop,
    .close = batch_close,
};

const struct export_function export_batch = {
    .name = "Batch",
    .doc = "Gather messages, and hand them on together.",
    .params = params,
    .compile = batch_compile,
    .connector = &BATCH,
};
