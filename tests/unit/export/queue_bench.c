#include "queue_bench.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "export/engine.h"
#include "wait.h"

static enum edge_status secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret)
{
    struct queue_bench *b = state;
    EDGE_LOCK(&b->lock);
    for (size_t i = 0; i < b->n_secrets; i++) {
        if (strcmp(b->secrets[i].name, edge_printf(a, "%s/%s", name, key)) == 0) {
            *ret = edge_strdup(a, b->secrets[i].value);
            return EDGE_OK;
        }
    }
    return edge_fail(ctx, EDGE_NOT_FOUND, "secret '%s' has no '%s'", name, key);
}

static unsigned version(void *state)
{
    struct queue_bench *b = state;
    EDGE_LOCK(&b->lock);
    return b->version;
}

static enum edge_status follow(void *arg, struct edge_ctx *ctx,
                               const struct edge_spool_record *record,
                               const struct export_outcome *outcome)
{
    struct queue_bench *b = arg;
    (void)record;
    EDGE_LOCK(&b->lock);
    if (b->refuse > 0) {
        b->refuse--;
        return edge_fail(ctx, EDGE_UNAVAILABLE, "no room behind");
    }
    if (b->n_followed < BENCH_MAX) {
        struct export_data data;
        struct edge_bytes bytes = outcome->response;
        const char *type = outcome->response_type;
        if (export_data_thaw(ctx, outcome->response_kind, bytes, type, &data) == EDGE_OK) {
            (void)!export_data_bytes(ctx, &data, &bytes, &type);
        }
        b->followed[b->n_followed++] = strndup(bytes.data, bytes.size);
    }
    b->kind = outcome->response_kind;
    return EDGE_OK;
}

static void told(void *arg, struct edge_ctx *ctx, const struct edge_spool_record *record,
                 const struct export_outcome *outcome)
{
    struct queue_bench *b = arg;
    (void)ctx, (void)record, (void)outcome;
    EDGE_LOCK(&b->lock);
    b->told++;
}

void bench_make(struct queue_bench *b)
{
    *b = (struct queue_bench){0};
    scratch_make(&b->dir);
    edge_mutex_init(&b->lock);
    b->log = edge_log_create("queue");
    edge_log_set_level(b->log, EDGE_LOG_ERROR + 1);
    b->metrics = edge_metrics_create("queue");
    b->host = (struct export_host){b, secret, version, "app-test"};
    b->config = (struct export_queue_config){
        .name = "default-pipeline.Test",
        .spool = {.dir = edge_printf(&b->arena, "%s/q", b->dir.path),
                  .durability = EDGE_SPOOL_OS,
                  .min_free_bytes = 1,
                  .log = b->log},
        .env = {.host = &b->host,          .log = b->log,                        .metrics = b->metrics                                   },
        .retry_first_ms = 5,
        .retry_last_ms = 20,
        .denied_first_ms = 5,
        .denied_last_ms = 20,
        .keep = true,
        .go_on = follow,
        .told = told,
        .go_on_arg = b,
    };
}

void bench_close(struct queue_bench *b)
{
    if (b->q) {
        export_queue_stop(b->q, edge_now_mono_ms() + 1000);
        export_queue_close(b->q);
        b->q = NULL;
    }
}

void bench_done(struct queue_bench *b)
{
    bench_close(b);
    for (size_t i = 0; i < b->n_followed; i++) {
        free(b->followed[i]);
    }
    edge_arena_done(&b->arena);
    edge_metrics_free(b->metrics);
    edge_log_free(b->log);
    edge_mutex_done(&b->lock);
    scratch_done(&b->dir);
}

const char *bench_stage(struct queue_bench *b, const char *function, const char *const *params)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_named_text given[32];
    size_t n = 0;
    struct export_params checked;
    const struct export_function *f = export_function_find(function);
    void *stage;
    for (; params[2 * n]; n++) {
        given[n] = (struct edge_named_text){params[2 * n], params[2 * n + 1]};
    }
    enum edge_status st = export_params_check(&ctx, &b->arena, f, function, given, n, &checked);
    if (st == EDGE_OK) {
        st = f->compile(&ctx, &b->arena, &b->host, &checked, &stage);
    }
    if (st != EDGE_OK) {
        return edge_strdup(&b->arena, edge_ctx_message(&ctx, st));
    }
    b->config.connector = f->connector;
    b->config.stage = stage;
    return NULL;
}

void bench_open(struct queue_bench *b)
{
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = export_queue_open(&ctx, &b->config, &b->q);
    if (st != EDGE_OK) {
        printf("%s\n", edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

void bench_put_with(struct queue_bench *b, const char *text, const char *context)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r = {.origin_ns = edge_now_ns(),
                                  .context = context,
                                  .content_type = "text/plain",
                                  .correlation_id = "correlated",
                                  .payload = text,
                                  .size = strlen(text)};
    enum edge_status st = export_queue_put(&ctx, b->q, &r, 1, edge_now_mono_ms());
    if (st != EDGE_OK) {
        printf("%s\n", edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL(st, EDGE_OK);
}

void bench_put(struct queue_bench *b, const char *text)
{
    bench_put_with(b, text, "{}");
}

void bench_secret(struct queue_bench *b, const char *name_key, const char *value)
{
    EDGE_LOCK(&b->lock);
    size_t i = 0;
    while (i < b->n_secrets && strcmp(b->secrets[i].name, name_key) != 0) {
        i++;
    }
    b->secrets[i] = (struct edge_named_text){name_key, value};
    b->n_secrets += i == b->n_secrets;
    b->version++;
}

struct export_queue_status bench_status(struct queue_bench *b)
{
    struct edge_ctx ctx = {.arena = b->arena};
    struct export_queue_status s;
    export_queue_status(&ctx, b->q, &s);
    b->arena = ctx.arena; /* the texts stay */
    return s;
}

/* ---- waiting ---- */

struct wanted {
    struct queue_bench *b;
    uint64_t n;
};

static size_t followed(struct queue_bench *b)
{
    EDGE_LOCK(&b->lock);
    return b->n_followed;
}

#define WAIT(name, condition)                                                                      \
    static bool is_##name(void *arg)                                                               \
    {                                                                                              \
        struct wanted *w = arg;                                                                    \
        struct export_queue_status s = bench_status(w->b);                                         \
        return (condition);                                                                        \
    }                                                                                              \
    static bool until_##name(struct queue_bench *b, uint64_t n)                                    \
    {                                                                                              \
        struct wanted w = {b, n};                                                                  \
        bool came = wait_until(is_##name, &w, 10000);                                              \
        struct export_queue_status s = bench_status(b);                                            \
        if (!came) {                                                                               \
            printf("not " #name                                                                    \
                   " %d: state %u depth %d in flight %d retries %d followed %zu: %s\n",            \
                   (int)n, s.state, (int)s.depth, (int)s.in_flight, (int)s.retries, followed(b),   \
                   s.last_error);                                                                  \
        }                                                                                          \
        return came;                                                                               \
    }
WAIT(depth, s.depth <= w->n)
WAIT(state, s.state == w->n)
WAIT(retries, s.retries >= w->n)
WAIT(quarantined, s.quarantined == w->n)
WAIT(followed, s.name &&followed(w->b) >= w->n)

bool bench_wait_depth(struct queue_bench *b, uint64_t depth)
{
    return until_depth(b, depth);
}

bool bench_wait_state(struct queue_bench *b, enum export_queue_state state)
{
    return until_state(b, state);
}

bool bench_wait_retries(struct queue_bench *b, uint64_t n)
{
    return until_retries(b, n);
}

bool bench_wait_quarantined(struct queue_bench *b, uint64_t n)
{
    return until_quarantined(b, n);
}

bool bench_wait_followed(struct queue_bench *b, size_t n)
{
    return until_followed(b, n);
}

bool bench_says(struct queue_bench *b, const char *text)
{
    struct export_queue_status s = bench_status(b);
    if (!strstr(s.last_error, text)) {
        printf("got: %s\nnot: %s\n", s.last_error, text);
        return false;
    }
    return true;
}
