/**
 * InfluxExport: events and metrics as lines to InfluxDB, many in one request. Messages are gathered while the queue keeps
 * them; when the database has the lines, all of them are delivered. Where it refuses some, they come again in halves
 * (queue.h): those it took before are the same points again.
 */
#include "connectors.h"
#include "tokens.h"
#include "web.h"
#include "words.h"

#include "stages/line_protocol.h"
#include "stages/stages.h"

#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/clock.h"
#include "edge/metrics.h"
#include "edge/text.h"

enum {
    LINES_MAX = 10000,
    BYTES_MAX = 16 << 20, /* InfluxDB 1 takes 25 MB as it comes */
};

struct influx_stage {
    const struct export_host *host;
    struct web_peer peer; /* target: with the query */
    struct line_format format;
    const char *secret_name; /* NULL: none is needed */
    bool is_v1;
    size_t max_lines;
    int64_t max_wait_ms;
};

struct influx {
    const struct influx_stage *stage;
    struct export_connector_env env;
    struct edge_client *client; /* of its own: it can be stopped */
    struct edge_counter *errors;
    struct edge_histogram *size;
    const struct export_message **messages; /* of the request to come */
    unsigned n;
    struct edge_buf lines;
    size_t n_lines;
    int64_t due_ms; /* INT64_MAX: nothing is there */
    _Atomic bool stopping;
};

static const char *const VERSIONS[] = {"1", "2", NULL};
static const char *const PRECISIONS[] = {"ns", "us", "ms", "s", NULL};
static const int64_t UNITS[] = {1, 1000, 1000000, 1000000000};

/* clang-format off */
static const struct export_param params[] = {
    {"Url", "Of the server: http://host:8086.", EXPORT_P_TEXT},
    {"Version", "Of its interface: 1, or 2, which InfluxDB 3 has as well.", EXPORT_P_ONE_OF, .def = "2", .names = VERSIONS},
    {"Database", "Version 1.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"RetentionPolicy", "Version 1; empty: the database's own.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Org", "Version 2.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Bucket", "Version 2.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Precision", "Of times: ns, us, ms, s.", EXPORT_P_ONE_OF, .def = "ns", .names = PRECISIONS},
    {"SecretName", "Version 2: with the key token; 1: username and password. Empty: nobody is asked.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Measurement", "Of events; empty: their profile, which else is a tag. Metrics have their own.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Tags", "name:value, commas between them; added to each line.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"MaxLines", "In one request.", EXPORT_P_COUNT, .def = "1000", .min = 1, .max = LINES_MAX},
    {"MaxWait", "A line waits so long for others.", EXPORT_P_DURATION, .def = "1s"},
    {"PersistOnError", "Keep what could not be sent, and send it later.", EXPORT_P_BOOL, .def = "false"},
    WEB_PARAMS,
    {NULL},
};
/* clang-format on */

/* ---- compiling ---- */

static const char *query_text(struct edge_arena *a, const struct export_params *p, const char *name)
{
    return token_url_escape(a, export_params_text(p, name));
}

static enum edge_status take_target(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_params *p, struct influx_stage *s)
{
    static const char *const v1_names[] = {"n", "u", "ms", "s"};
    unsigned precision = export_params_choice(p, "Precision");
    const char *where = s->is_v1 ? "Database" : "Bucket",
               *policy = query_text(a, p, "RetentionPolicy");
    size_t len = strlen(s->peer.target);
    if (strpbrk(s->peer.target, "?{")) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter Url must have neither query nor placeholders");
    }
    if (!*export_params_text(p, where)) {
        return edge_fail(ctx, EDGE_INVALID, "parameter %s must be given with Version %s", where,
                         VERSIONS[!s->is_v1]);
    }
    while (len > 0 && s->peer.target[len - 1] == '/') {
        len--;
    }
    const char *path = edge_strndup(a, s->peer.target, len);
    s->peer.target = s->is_v1 ? edge_printf(a, "%s/write?db=%s%s%s&precision=%s", path,
                                            query_text(a, p, "Database"), *policy ? "&rp=" : "",
                                            policy, v1_names[precision])
                              : edge_printf(a, "%s/api/v2/write?org=%s&bucket=%s&precision=%s",
                                            path, query_text(a, p, "Org"),
                                            query_text(a, p, "Bucket"), PRECISIONS[precision]);
    s->format.unit_ns = UNITS[precision];
    return EDGE_OK;
}

static enum edge_status influx_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct export_host *host,
                                       const struct export_params *p, void **ret)
{
    struct influx_stage *s = edge_new(a, struct influx_stage);
    s->host = host;
    s->is_v1 = export_params_choice(p, "Version") == 0;
    s->secret_name = web_given(a, p, "SecretName");
    s->max_lines = (size_t)export_params_count(p, "MaxLines");
    s->max_wait_ms = export_params_ms(p, "MaxWait");
    s->format.has_unsigned = !s->is_v1;
    s->format.measurement = web_given(a, p, "Measurement");
    if (s->max_wait_ms < 1) {
        return edge_fail(ctx, EDGE_INVALID, "parameter MaxWait must be longer than nothing");
    }
    if (s->format.measurement && *s->format.measurement == '#') {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter Measurement: a line that begins with # is a comment");
    }
    EDGE_TRY(stage_tags(ctx, a, export_params_text(p, "Tags"), &s->format.tags, &s->format.n_tags));
    EDGE_TRY(web_compile(ctx, a, p, &s->peer));
    *ret = s;
    return take_target(ctx, a, p, s);
}

static void influx_limits(const void *stage, unsigned *window, size_t *max_bytes)
{
    (void)max_bytes;
    *window = (unsigned)((const struct influx_stage *)stage)->max_lines;
}

static enum edge_status influx_open(struct edge_ctx *ctx, const void *stage,
                                    const struct export_connector_env *env, void **ret)
{
    const struct influx_stage *s = stage;
    struct edge_client *client;
    EDGE_TRY(web_open(ctx, &s->peer, env, &client));
    struct influx *c = edge_xalloc(1, sizeof(*c));
    c->stage = s;
    c->env = *env;
    c->client = client;
    c->messages = edge_xalloc(s->max_lines, sizeof(struct export_message *));
    c->due_ms = INT64_MAX;
    if (env->metrics) {
        c->errors = edge_counter(env->metrics, "InfluxExportErrors", "Requests that failed.");
        c->size = edge_histogram(env->metrics, "InfluxExportSize", "Bytes of what was sent.");
    }
    *ret = c;
    return EDGE_OK;
}

/* ---- writing ---- */

static enum edge_status secret(struct edge_ctx *ctx, const struct influx_stage *s, const char *key,
                               const char **ret)
{
    return s->host->secret(s->host->state, ctx, &ctx->arena, s->secret_name, key, ret);
}

static enum edge_status authorization(struct edge_ctx *ctx, const struct influx_stage *s,
                                      const char **ret)
{
    const char *user, *password, *token;
    if (!s->is_v1) {
        EDGE_TRY(secret(ctx, s, "token", &token));
        *ret = edge_printf(&ctx->arena, "Token %s", token);
        return EDGE_OK;
    }
    EDGE_TRY(secret(ctx, s, "username", &user));
    EDGE_TRY(secret(ctx, s, "password", &password));
    const char *pair = edge_printf(&ctx->arena, "%s:%s", user, password);
    *ret =
        edge_printf(&ctx->arena, "Basic %s", edge_base64_encode(&ctx->arena, pair, strlen(pair)));
    return EDGE_OK;
}

/* What is not as everywhere: a bad line is one of many, and a database that is missing is no line's fault. */
static enum export_fate fate_of(int code, enum export_fate otherwise)
{
    switch (code) {
    case 400:
    case 422:
        return EXPORT_TOO_MUCH;
    case 404:
        return EXPORT_RETRY;
    default:
        return otherwise;
    }
}

static void ask(struct edge_ctx *ctx, struct influx *c, struct export_outcome *outcome)
{
    const struct influx_stage *s = c->stage;
    struct edge_http_header header = {"Authorization", NULL};
    struct edge_http_response answer = {0};
    struct edge_http_request req = {
        .method = "POST",
        .target = s->peer.target,
        .content_type = "text/plain; charset=utf-8",
        .body = c->lines.data,
        .body_size = c->lines.len,
        .wants_headers = true,
        .headers = &header,
        .n_headers = s->secret_name ? 1 : 0,
    };
    enum edge_status st = s->secret_name ? authorization(ctx, s, &header.value) : EDGE_OK;
    if (st != EDGE_OK) {
        *outcome = (struct export_outcome){EXPORT_DENIED, edge_ctx_message(ctx, st), 0};
        return;
    }
    web_call(ctx, c->client, &s->peer, &req, &answer, outcome);
    outcome->fate = fate_of(answer.code, outcome->fate);
    if (c->stopping && outcome->fate == EXPORT_RETRY) {
        outcome->fate = EXPORT_UNSENT;
    }
}

static void write_lines(struct influx *c)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_outcome outcome = {.fate = EXPORT_DELIVERED};
    unsigned n = c->n;
    ctx.log = c->env.log;
    ask(&ctx, c, &outcome);
    if (outcome.fate == EXPORT_DELIVERED) {
        c->env.line(c->env.queue, EXPORT_LINE_UP, NULL);
        if (c->size) {
            edge_histogram_add(c->size, c->lines.len);
        }
    } else if (c->errors) {
        edge_counter_add(c->errors, 1);
    }
    c->n = 0;
    c->n_lines = 0;
    c->due_ms = INT64_MAX;
    c->lines.len = 0;
    for (unsigned i = 0; i < n; i++) {
        (void)c->env.settle(c->env.queue, c->messages[i]->token, &outcome);
    }
}

/* The lines of one message behind those that are there; false: it is settled. */
static bool gather(struct edge_ctx *ctx, struct influx *c, const struct export_message *m)
{
    struct export_data data;
    struct edge_bytes bytes = {m->payload, m->size};
    size_t before = c->lines.len, n = 0;
    enum edge_status st = export_data_thaw(ctx, m->kind, bytes, m->content_type, &data);
    if (st == EDGE_OK) {
        st = line_put(ctx, &c->lines, &c->stage->format, &data, &n);
    }
    if (st != EDGE_OK) {
        c->lines.len = before;
        connector_settle(&c->env, m, EXPORT_REJECTED, edge_ctx_message(ctx, st));
        return false;
    }
    if (n == 0) { /* nothing a database of numbers and texts could hold */
        connector_settle(&c->env, m, EXPORT_DELIVERED, NULL);
        return false;
    }
    c->n_lines += n;
    return true;
}

static void influx_send(void *connector, struct edge_ctx *ctx, const struct export_message *m)
{
    struct influx *c = connector;
    const struct influx_stage *s = c->stage;
    bool last = m->last;
    bool gathered = gather(ctx, c, m);
    if (gathered && c->n == 0) {
        c->due_ms = edge_now_mono_ms() + s->max_wait_ms;
    }
    if (gathered) {
        c->messages[c->n++] = m;
    }
    /* Behind one that is refused nothing is sent before those in front of it are. */
    bool full = c->n_lines >= s->max_lines || c->lines.len >= BYTES_MAX;
    if (c->n > 0 && (!gathered || last || full)) {
        write_lines(c);
    }
}

static int64_t influx_tick(void *connector, struct edge_ctx *ctx)
{
    struct influx *c = connector;
    (void)ctx;
    if (c->n > 0 && edge_now_mono_ms() >= c->due_ms) {
        write_lines(c);
    }
    return c->due_ms;
}

static void influx_interrupt(void *connector)
{
    struct influx *c = connector;
    c->stopping = true;
    edge_client_stop(c->client);
}

static void influx_stop(void *connector, int64_t deadline_ms)
{
    struct influx *c = connector;
    (void)deadline_ms; /* what is gathered is gathered again */
    for (unsigned i = 0; i < c->n; i++) {
        connector_settle(&c->env, c->messages[i], EXPORT_UNSENT, "stopping");
    }
    c->n = 0;
}

static void influx_close(void *connector)
{
    struct influx *c = connector;
    edge_client_free(c->client);
    edge_buf_done(&c->lines);
    free(c->messages);
    free(c);
}

static const struct export_connector INFLUX = {
    .window = 1,
    .gathers = true,
    .limits = influx_limits,
    .open = influx_open,
    .send = influx_send,
    .tick = influx_tick,
    .interrupt = influx_interrupt,
    .stop = influx_stop,
    .close = influx_close,
};

const struct export_function export_influx = {
    .name = "InfluxExport",
    .doc = "Events and metrics as points of InfluxDB, many in one request.",
    .params = params,
    .compile = influx_compile,
    .connector = &INFLUX,
};
