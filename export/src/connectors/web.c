#include "web.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "edge/clock.h"
#include "edge/text.h"

enum { RETRY_AFTER_MAX_S = 24 * 3600 };

/* ---- compiling ---- */

static enum edge_status take_url(struct edge_ctx *ctx, struct edge_arena *a, const char *url,
                                 struct web_peer *s)
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

const char *web_given(struct edge_arena *a, const struct export_params *p, const char *name)
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

enum edge_status web_compile(struct edge_ctx *ctx, struct edge_arena *a,
                             const struct export_params *p, struct web_peer *ret)
{
    ret->timeout_ms = export_params_ms(p, "Timeout");
    if (ret->timeout_ms <= 0) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Timeout must be longer than nothing");
    }
    EDGE_TRY(take_url(ctx, a, export_params_text(p, "Url"), ret));
    ret->way.proxy = web_given(a, p, "Proxy");
    ret->way.proxy = ret->way.proxy ? ret->way.proxy : proxy_of_environment(a, ret->base_url);
    ret->way.ca_file = web_given(a, p, "CaFile");
    ret->way.cert_file = web_given(a, p, "CertFile");
    ret->way.key_file = web_given(a, p, "KeyFile");
    ret->way.skip_verify = export_params_true(p, "SkipVerify");
    return EDGE_OK;
}

/* ---- calling ---- */

enum edge_status web_open(struct edge_ctx *ctx, const struct web_peer *peer,
                          const struct export_connector_env *env, struct edge_client **ret)
{
    struct edge_client *client =
        env->client ? edge_client_create_beside(env->client) : edge_client_create();
    enum edge_status st = edge_client_peer(client, ctx, peer->base_url, &peer->way);
    if (st != EDGE_OK) {
        edge_client_free(client);
        return st;
    }
    *ret = client;
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
    const int64_t most_ms = (int64_t)RETRY_AFTER_MAX_S * 1000;
    int64_t wait_ms = (int64_t)timegm(&tm) * 1000 - edge_now_ms();
    return wait_ms <= 0 ? 0 : wait_ms < most_ms ? wait_ms : most_ms;
}

static const char *said(struct edge_ctx *ctx, const struct web_peer *peer,
                        const struct edge_http_response *answer)
{
    return edge_printf(&ctx->arena, "%s answered %d%s%s", peer->base_url, answer->code,
                       answer->body_size > 0 ? ": " : "",
                       edge_text_brief(&ctx->arena, answer->body, 200));
}

void web_call(struct edge_ctx *ctx, struct edge_client *client, const struct web_peer *peer,
              const struct edge_http_request *req, struct edge_http_response *ret,
              struct export_outcome *outcome)
{
    enum edge_status st = edge_client_call(client, ctx, peer->base_url, req,
                                           edge_now_mono_ms() + peer->timeout_ms, ret);
    if (st != EDGE_OK) {
        outcome->fate = st == EDGE_UNAVAILABLE ? EXPORT_RETRY : EXPORT_REJECTED;
        outcome->reason = edge_ctx_message(ctx, st);
        return;
    }
    outcome->fate = fate_of(ret->code);
    if (outcome->fate != EXPORT_DELIVERED) {
        outcome->reason = said(ctx, peer, ret);
        outcome->retry_after_ms = retry_after_ms(ret);
    }
}
