/**
 * HTTPExport: one request a message, one after the other. 2xx is delivered; what the peer answers otherwise says
 * whether to come again, to ask for other credentials, or never to send this one again. Every call has a deadline.
 */
#include "connectors.h"
#include "words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "edge/client.h"
#include "edge/clock.h"
#include "edge/json.h"
#include "edge/metrics.h"
#include "edge/text.h"

enum { HEADERS_MAX = 30, RETRY_AFTER_MAX_S = 24 * 3600 };

struct http_stage {
    const struct export_host *host;
    const char *method, *mime_type;
    const char *base_url; /* no placeholder in it: a value must not choose whom we speak to */
    const char *target;
    bool return_input, go_on_after_error;
    const char *header_name, *secret_name, *secret_key;
    struct edge_http_header headers[HEADERS_MAX];
    size_t n_headers;
    int64_t timeout_ms;
    struct edge_client_peer peer;
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
    {"Timeout","Of a whole request.", EXPORT_P_DURATION, "30s"},
    {"Proxy",                                                  "http://host:port; empty: as http_proxy, https_proxy and no_proxy say.",
     EXPORT_P_TEXT, "", .may_be_empty = true},
    {"CaFile",                                        "PEM: who vouches for the peer; empty: whom the system trusts.", EXPORT_P_TEXT, "",
     .may_be_empty = true},
    {"CertFile",                                           "PEM: the own certificate.", EXPORT_P_TEXT, "", .may_be_empty = true},
    {"KeyFile",                                                        "PEM: its key.", EXPORT_P_TEXT, "", .may_be_empty = true},
    {"SkipVerify","Do not look at the peer's certificate.", EXPORT_P_BOOL, "false"},
    {NULL                                                     },
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

static enum edge_status take_url(struct edge_ctx *ctx, struct edge_arena *a, const char *url,
                                 struct http_stage *s)
{
    bool is_http = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
    const char *host = is_http ? strstr(url, "://") + 3 : url;
    size_t len = strcspn(host, "/?#");
    if (!is_http || len == 0) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter Url must be http://HOST... or https://HOST..., not '%s'", url);
    }
    if (memchr(host, '{', len)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter Url: a placeholder may stand in path and query only");
    }
    s->base_url = edge_strndup(a, url, (size_t)(host - url) + len);
    const char *rest = edge_strndup(a, host + len, strcspn(host + len, "#"));
    s->target = *rest == '/' ? rest : edge_printf(a, "/%s", rest);
    return EDGE_OK;
}

static const char *given(struct edge_arena *a, const struct export_params *p, const char *name)
{
    const char *text = export_params_text(p, name);
    return text && *text ? edge_strdup(a, text) : NULL;
}

/* host or .domain, in a list of them; "*" is all */
static bool is_excepted(const char *list, const char *host, size_t len)
{
    while (list && *list) {
        list += strspn(list, ", ");
        size_t n = strcspn(list, ", ");
        const char *name = n > 0 && *list == '.' ? list + 1 : list;
        size_t rest = n - (size_t)(name - list);
        if (n == 1 && *list == '*') {
            return true;
        }
        if (rest > 0 && rest <= len && strncasecmp(host + len - rest, name, rest) == 0 &&
            (rest == len || host[len - rest - 1] == '.')) {
            return true;
        }
        list += n;
    }
    return false;
}

static const char *setting(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    value = value && *value ? value : upper ? getenv(upper) : NULL;
    return value && *value ? value : NULL;
}

static const char *proxy_of_environment(struct edge_arena *a, const char *base_url)
{
    bool tls = strncasecmp(base_url, "https", 5) == 0;
    const char *host = strstr(base_url, "://") + 3;
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    const char *proxy = tls ? setting("https_proxy", "HTTPS_PROXY") : setting("http_proxy", NULL);
    bool local =
        strncmp(host, "localhost", len) == 0 || strncmp(host, "127.", 4) == 0 || *host == '[';
    if (!proxy || local || is_excepted(setting("no_proxy", "NO_PROXY"), host, len)) {
        return NULL;
    }
    return strstr(proxy, "://") ? edge_strdup(a, proxy) : edge_printf(a, "http://%s", proxy);
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
    const char *mime = given(a, p, "MimeType");
    s->host = host;
    s->method = export_params_choice(p, "Method") == 0 ? "POST" : "PUT";
    s->mime_type = mime ? mime : "application/json";
    s->return_input = export_params_true(p, "ReturnInputData");
    s->go_on_after_error = export_params_true(p, "ContinueOnSendError");
    s->header_name = given(a, p, "HeaderName");
    s->secret_name = given(a, p, "SecretName");
    s->secret_key = given(a, p, "SecretValueKey");
    s->timeout_ms = export_params_ms(p, "Timeout");
    if (s->timeout_ms <= 0) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Timeout must be longer than nothing");
    }
    EDGE_TRY(check_together(ctx, s, export_params_true(p, "PersistOnError")));
    EDGE_TRY(take_url(ctx, a, export_params_text(p, "Url"), s));
    EDGE_TRY(take_headers(ctx, a, export_params_text(p, "HttpRequestHeaders"), s));
    s->peer.proxy = given(a, p, "Proxy");
    s->peer.proxy = s->peer.proxy ? s->peer.proxy : proxy_of_environment(a, s->base_url);
    s->peer.ca_file = given(a, p, "CaFile");
    s->peer.cert_file = given(a, p, "CertFile");
    s->peer.key_file = given(a, p, "KeyFile");
    s->peer.skip_verify = export_params_true(p, "SkipVerify");
    *ret = s;
    return EDGE_OK;
}

/* ---- sending ---- */

static enum edge_status http_open(struct edge_ctx *ctx, const void *stage,
                                  const struct export_connector_env *env, void **ret)
{
    const struct http_stage *s = stage;
    struct edge_client *client =
        env->client ? edge_client_create_beside(env->client) : edge_client_create();
    enum edge_status st = edge_client_peer(client, ctx, s->base_url, &s->peer);
    if (st != EDGE_OK) {
        edge_client_free(client);
        return st;
    }
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

static enum export_fate fate_of(int code)
{
    if (code >= 200 && code < 300) {
        return EXPORT_DELIVERED;
    }
    switch (code) {
    case 401:
    case 403:
    case 407: /* a proxy's 401 */
        return EXPORT_DENIED;
    case 408:
    case 425:
    case 429:
        return EXPORT_RETRY;
    case 413:
        return EXPORT_TOO_MUCH;
    default: /* 3xx too: a hotel's portal answers with it */
        return code >= 400 && code < 500 ? EXPORT_REJECTED : EXPORT_RETRY;
    }
}

/* Seconds, or a date: RFC 9110, 10.2.3. */
static int64_t retry_after_ms(const struct edge_http_response *answer)
{
    const char *text = edge_http_response_header(answer, "Retry-After");
    uint64_t s;
    struct tm tm = {0};
    if (!text) {
        return 0;
    }
    if (edge_uint_parse(text, &s)) {
        return (int64_t)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
    }
    if (!strptime(text, "%a, %d %b %Y %H:%M:%S", &tm)) {
        return 0;
    }
    int64_t wait_ms = (int64_t)timegm(&tm) * 1000 - edge_now_ms();
    return wait_ms <= 0                         ? 0
           : wait_ms < RETRY_AFTER_MAX_S * 1000 ? wait_ms
                                                : RETRY_AFTER_MAX_S * 1000;
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

static const char *said(struct edge_ctx *ctx, const struct http *c,
                        const struct edge_http_response *answer)
{
    return edge_printf(&ctx->arena, "%s answered %d%s%s", c->stage->base_url, answer->code,
                       answer->body_size > 0 ? ": " : "",
                       edge_text_brief(&ctx->arena, answer->body, 200));
}

static void judge(struct http *c, struct edge_ctx *ctx, const struct export_message *m,
                  const struct edge_http_response *answer)
{
    struct export_outcome outcome = {.fate = fate_of(answer->code)};
    if (outcome.fate != EXPORT_DELIVERED) {
        outcome.reason = said(ctx, c, answer);
        outcome.retry_after_ms = retry_after_ms(answer);
        failed(c, m, &outcome);
        return;
    }
    if (c->size) {
        edge_histogram_add(c->size, m->size);
    }
    c->env.line(c->env.queue, EXPORT_LINE_UP, NULL);
    if (!c->stage->return_input) {
        outcome.response = (struct edge_bytes){answer->body, answer->body_size};
        outcome.response_type = answer->content_type;
    }
    (void)c->env.settle(c->env.queue, m->token, &outcome);
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
    enum edge_status st = connector_url(ctx, m, s->target, &req.target);
    if (st == EDGE_OK) {
        st = headers_of(ctx, c, m, headers, &req.n_headers);
        outcome.fate = EXPORT_DENIED;
    }
    if (st == EDGE_OK) {
        st = edge_client_call(c->client, ctx, s->base_url, &req, edge_now_mono_ms() + s->timeout_ms,
                              &answer);
        outcome.fate = st == EDGE_UNAVAILABLE ? EXPORT_RETRY : EXPORT_REJECTED;
    }
    if (st == EDGE_OK) {
        judge(c, ctx, m, &answer);
        return;
    }
    outcome.reason = edge_ctx_message(ctx, st);
    failed(c, m, &outcome);
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
