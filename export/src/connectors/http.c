/**
 * HTTPExport: one request a message, one after the other. 2xx is delivered; what the peer answers otherwise says
 * whether to come again, to ask for other credentials, or never to send this one again. Every call has a deadline.
 */
#include "connectors.h"
#include "web.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "edge/client.h"
#include "edge/json.h"
#include "edge/metrics.h"

enum { HEADERS_MAX = 30 };

struct http_stage {
    const struct export_host *host;
    const char *method, *mime_type;
    bool return_input, go_on_after_error;
    const char *header_name, *secret_name, *secret_key;
    struct edge_http_header headers[HEADERS_MAX];
    size_t n_headers;
    struct web_peer peer;
};

struct http {
    const struct http_stage *stage;
    struct export_connector_env env;
    struct edge_client *client; /* of its own: it can be stopped */
    struct edge_counter *errors;
    struct edge_histogram *size;
    _Atomic bool stopping;
};

static const char *const METHODS[] = {"post", "put", NULL};

static const struct export_param params[] = {
    {"Method",                                                 "Of the request.", EXPORT_P_ONE_OF, .names = METHODS},
    {"Url",                                         "Where to; path and query may have {placeholders}.", EXPORT_P_TEXT},
    {"MimeType",                                                        "Content-Type of the request; empty: application/json.", EXPORT_P_TEXT,
     .may_be_empty = true},
    {"PersistOnError","Keep what could not be sent, and send it later.", EXPORT_P_BOOL, "false"},
    {"ContinueOnSendError",                                                        "The next function runs though it was not sent.", EXPORT_P_BOOL,
     "false"},
    {"ReturnInputData","The next function gets what this one got, not the answer.", EXPORT_P_BOOL,
     "false"},
    {"HeaderName",                                     "A header with a secret for its value.", EXPORT_P_TEXT, "",
     .may_be_empty = true},
    {"SecretName",                                         "The secret.", EXPORT_P_TEXT, "", .may_be_empty = true},
    {"SecretValueKey",                                           "Its key.", EXPORT_P_TEXT, "", .may_be_empty = true},
    {"HttpRequestHeaders",                                                        "Further headers, a JSON object of texts.", EXPORT_P_TEXT, "",
     .may_be_empty = true},
    WEB_PARAMS,
    {NULL},
};

/* ---- compiling ---- */

static enum edge_status take_headers(struct edge_ctx *ctx, struct edge_arena *a, const char *text,
                                     struct http_stage *s)
{
    const cJSON *tree, *item;
    if (!*text) {
        return EDGE_OK;
    }
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, text, strlen(text), NULL, &tree),
                       "parameter HttpRequestHeaders"));
    if (!cJSON_IsObject(tree)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter HttpRequestHeaders must be a JSON object of texts");
    }
    cJSON_ArrayForEach(item, tree)
    {
        if (!cJSON_IsString(item)) {
            return edge_fail(ctx, EDGE_INVALID, "parameter HttpRequestHeaders: '%s' must be a text",
                             item->string);
        }
        if (s->n_headers == HEADERS_MAX) {
            return edge_fail(ctx, EDGE_INVALID,
                             "parameter HttpRequestHeaders: more than %d headers", HEADERS_MAX);
        }
        s->headers[s->n_headers++] = (struct edge_http_header){edge_strdup(a, item->string),
                                                               edge_strdup(a, item->valuestring)};
    }
    return EDGE_OK;
}

static enum edge_status check_together(struct edge_ctx *ctx, const struct http_stage *s,
                                       bool persist)
{
    int n = (s->header_name != NULL) + (s->secret_name != NULL) + (s->secret_key != NULL);
    if (n != 0 && n != 3) {
        return edge_fail(
            ctx, EDGE_INVALID,
            "parameters HeaderName, SecretName and SecretValueKey: all of them, or none");
    }
    if (s->go_on_after_error && persist) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameters PersistOnError and ContinueOnSendError exclude each other");
    }
    if (s->go_on_after_error && !s->return_input) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter ContinueOnSendError needs ReturnInputData: "
                         "without an answer there is nothing to go on with");
    }
    return EDGE_OK;
}

static enum edge_status http_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host, const struct export_params *p,
                                     void **ret)
{
    struct http_stage *s = edge_new(a, struct http_stage);
    const char *mime = web_given(a, p, "MimeType");
    s->host = host;
    s->method = export_params_choice(p, "Method") == 0 ? "POST" : "PUT";
    s->mime_type = mime ? mime : "application/json";
    s->return_input = export_params_true(p, "ReturnInputData");
    s->go_on_after_error = export_params_true(p, "ContinueOnSendError");
    s->header_name = web_given(a, p, "HeaderName");
    s->secret_name = web_given(a, p, "SecretName");
    s->secret_key = web_given(a, p, "SecretValueKey");
    EDGE_TRY(check_together(ctx, s, export_params_true(p, "PersistOnError")));
    EDGE_TRY(web_compile(ctx, a, p, &s->peer));
    EDGE_TRY(take_headers(ctx, a, export_params_text(p, "HttpRequestHeaders"), s));
    *ret = s;
    return EDGE_OK;
}

/* ---- sending ---- */

static enum edge_status http_open(struct edge_ctx *ctx, const void *stage,
                                  const struct export_connector_env *env, void **ret)
{
    const struct http_stage *s = stage;
    struct edge_client *client;
    EDGE_TRY(web_open(ctx, &s->peer, env, &client));
    struct http *c = edge_xalloc(1, sizeof(*c));
    c->client = client;
    c->stage = s;
    c->env = *env;
    if (env->metrics) {
        c->errors = edge_counter(env->metrics, "HttpExportErrors", "Requests that failed.");
        c->size = edge_histogram(env->metrics, "HttpExportSize", "Bytes of what was sent.");
    }
    *ret = c;
    return EDGE_OK;
}

static void failed(struct http *c, const struct export_message *m, struct export_outcome *outcome)
{
    if (c->errors) {
        edge_counter_add(c->errors, 1);
    }
    if (c->stopping && outcome->fate == EXPORT_RETRY) {
        outcome->fate = EXPORT_UNSENT;
    } else if (c->stage->go_on_after_error) {
        c->env.line(c->env.queue, EXPORT_LINE_DOWN, outcome->reason);
        outcome->fate = EXPORT_DELIVERED; /* as far as the pipeline goes: it was told not to care */
    }
    (void)c->env.settle(c->env.queue, m->token, outcome);
}

static void delivered(struct http *c, const struct export_message *m,
                      const struct edge_http_response *answer, struct export_outcome *outcome)
{
    if (c->size) {
        edge_histogram_add(c->size, m->size);
    }
    c->env.line(c->env.queue, EXPORT_LINE_UP, NULL);
    if (!c->stage->return_input) {
        outcome->response = (struct edge_bytes){answer->body, answer->body_size};
        outcome->response_type = answer->content_type;
    }
    (void)c->env.settle(c->env.queue, m->token, outcome);
}

/* Room for one with a secret and one with the id: HEADERS_MAX counts on it. */
static enum edge_status headers_of(struct edge_ctx *ctx, const struct http *c,
                                   const struct export_message *m, struct edge_http_header *headers,
                                   size_t *ret_n)
{
    const struct http_stage *s = c->stage;
    size_t n = s->n_headers;
    memcpy(headers, s->headers, n * sizeof(*headers));
    headers[n++] = (struct edge_http_header){"Idempotency-Key", m->id};
    if (s->header_name) {
        const char *value;
        EDGE_TRY(s->host->secret(s->host->state, ctx, &ctx->arena, s->secret_name, s->secret_key,
                                 &value));
        headers[n++] = (struct edge_http_header){s->header_name, value};
    }
    *ret_n = n;
    return EDGE_OK;
}

static void http_send(void *connector, struct edge_ctx *ctx, const struct export_message *m)
{
    struct http *c = connector;
    const struct http_stage *s = c->stage;
    struct edge_http_header headers[HEADERS_MAX + 2];
    struct edge_http_request req = {
        .method = s->method,
        .content_type = s->mime_type,
        .correlation_id = m->correlation_id,
        .body = m->payload,
        .body_size = m->size,
        .wants_headers = true,
        .headers = headers,
    };
    struct edge_http_response answer;
    struct export_outcome outcome = {.fate = EXPORT_REJECTED};
    enum edge_status st = connector_url(ctx, m, s->peer.target, &req.target);
    if (st == EDGE_OK) {
        st = headers_of(ctx, c, m, headers, &req.n_headers);
        outcome.fate = EXPORT_DENIED;
    }
    if (st == EDGE_OK) {
        web_call(ctx, c->client, &s->peer, &req, &answer, &outcome);
    } else {
        outcome.reason = edge_ctx_message(ctx, st);
    }
    if (outcome.fate == EXPORT_DELIVERED) {
        delivered(c, m, &answer, &outcome);
    } else {
        failed(c, m, &outcome);
    }
}

static void http_stop(void *connector, int64_t deadline_ms)
{
    struct http *c = connector;
    (void)deadline_ms; /* the queue has waited for it */
    c->stopping = true;
    edge_client_stop(c->client);
}

static void http_close(void *connector)
{
    struct http *c = connector;
    edge_client_free(c->client);
    free(c);
}

static const struct export_connector HTTP = {
    .window = 1,
    .open = http_open,
    .send = http_send,
    .stop = http_stop,
    .close = http_close,
};

const struct export_function export_http = {
    .name = "HTTPExport",
    .doc = "Send to a web server.",
    .params = params,
    .compile = http_compile,
    .connector = &HTTP,
};
