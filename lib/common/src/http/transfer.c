/*
 * The libcurl loop: one multi handle on a thread of its own, which keeps and pools the connections.
 * A caller prepares an easy handle, queues it, and sleeps until the loop has finished it; libcurl's
 * own timeout is the deadline, so the loop always does.
 */
#include "transfer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client_peer.h"
#include "curl_late.h"
#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "transfer_tls.h"

enum {
    KEPT_CONNECTIONS = 32,
    HEAD_MAX = 16 * 1024, /* of an answer's head, where it is wanted, and so many of its headers */
    HEADERS_MAX = 64,
    REDIRECTS_MAX = 5,
    UNWANTED_MAX = 16 * 1024, /* a longer body nobody wants costs the connection */
    POLL_MS = 3600 * 1000,    /* libcurl's own timers and wake-ups end the wait */
};

struct transfer {
    struct transfer *next, **link; /* in the queue, later among the active ones */
    const struct edge_curl *curl;
    CURL *easy;
    struct curl_slist *headers;
    struct edge_buf body, head; /* head: lines of the answer, where they are wanted */
    struct curl_slist *way;     /* where the name of the URL is, if not the peer's address */
    struct edge_cond finished;
    char error[CURL_ERROR_SIZE];
    CURLcode code;
    struct edge_budget *budget; /* pays for the body; NULL: nobody counts */
    size_t charged;
    bool no_room;   /* in it */
    bool too_large; /* and never will be */
    bool code_only; /* as in the request */
    size_t answer_max;
    struct edge_client_exchange *exchange; /* NULL: somebody waits */
    size_t unwanted;                       /* bytes of a body passed over */
    bool done;
};

/* One nobody waits for: it has what its transfer needs, and ends with it. */
struct edge_client_exchange {
    struct transfer x;
    struct edge_ctx ctx; /* its memory; until told */
    const char *base_url;
    const struct edge_client_peer *peer;
    edge_transfer_told *told;
    void *arg;
    atomic_bool cancelled;
};

struct edge_transfers {
    struct edge_curl curl;
    CURLM *multi; /* the loop's; others only wake it */
    pthread_t thread;
    struct transfer *active; /* the loop's */
    struct edge_mutex lock;
    struct transfer *queue EDGE_GUARDED;
    bool stopping EDGE_GUARDED;
    bool cancelling EDGE_GUARDED; /* one of those under way is to end */
};

static void *run(void *arg);
static void tell(struct edge_transfers *t, struct edge_client_exchange *e);

enum edge_status edge_transfers_create(struct edge_ctx *ctx, struct edge_transfers **ret)
{
    struct edge_curl curl;
    EDGE_TRY(edge_curl_load(ctx, &curl));
    struct edge_transfers *t = edge_xalloc(1, sizeof(*t));
    t->curl = curl;
    edge_mutex_init(&t->lock);
    t->multi = t->curl.multi_init();
    t->curl.multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    t->thread = edge_thread_start("http-client", run, t);
    *ret = t;
    return EDGE_OK;
}

static void tell_to_stop(struct edge_transfers *t)
{
    EDGE_LOCK(&t->lock);
    t->stopping = true;
    t->curl.multi_wakeup(t->multi);
}

void edge_transfers_stop(struct edge_transfers *t)
{
    if (t) {
        tell_to_stop(t);
        pthread_join(t->thread, NULL);
    }
}

void edge_transfers_free(struct edge_transfers *t)
{
    if (!t) {
        return;
    }
    t->curl.multi_cleanup(t->multi);
    edge_mutex_done(&t->lock);
    free(t);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void link_transfer(struct transfer **head, struct transfer *x)
{
    x->next = *head;
    x->link = head;
    if (x->next) {
        x->next->link = &x->next;
    }
    *head = x;
}

static void unlink_transfer(struct transfer *x)
{
    *x->link = x->next;
    if (x->next) {
        x->next->link = x->link;
    }
}

/* Who waits owns it again as soon as the lock is dropped. */
static void wake_caller(struct edge_transfers *t, struct transfer *x)
{
    EDGE_LOCK(&t->lock);
    x->done = true;
    edge_cond_signal(&x->finished);
}

static void finish(struct edge_transfers *t, struct transfer *x, CURLcode code)
{
    x->code = code;
    if (x->exchange) {
        tell(t, x->exchange);
    } else {
        wake_caller(t, x);
    }
}

static void end_active(struct edge_transfers *t, struct transfer *x, CURLcode code)
{
    t->curl.multi_remove_handle(t->multi, x->easy);
    unlink_transfer(x);
    finish(t, x, code);
}

static bool is_cancelling(struct edge_transfers *t)
{
    EDGE_LOCK(&t->lock);
    bool is = t->cancelling;
    t->cancelling = false;
    return is;
}

static void end_cancelled(struct edge_transfers *t)
{
    struct transfer *next;
    for (struct transfer *x = is_cancelling(t) ? t->active : NULL; x; x = next) {
        next = x->next;
        if (x->exchange && atomic_load(&x->exchange->cancelled)) {
            end_active(t, x, CURLE_ABORTED_BY_CALLBACK);
        }
    }
}

static struct transfer *take_queue(struct edge_transfers *t, bool *ret_stopping)
{
    EDGE_LOCK(&t->lock);
    struct transfer *queue = t->queue;
    t->queue = NULL;
    *ret_stopping = t->stopping;
    return queue;
}

/* Start what has been queued; false when it is time to end. */
static bool start_queued(struct edge_transfers *t)
{
    bool stopping;
    struct transfer *next;
    for (struct transfer *x = take_queue(t, &stopping); x; x = next) {
        next = x->next;
        if (t->curl.multi_add_handle(t->multi, x->easy) == CURLM_OK) {
            link_transfer(&t->active, x);
        } else {
            finish(t, x, CURLE_FAILED_INIT);
        }
    }
    return !stopping;
}

static void end_finished(struct edge_transfers *t)
{
    int left;
    for (CURLMsg *m = t->curl.multi_info_read(t->multi, &left); m;
         m = t->curl.multi_info_read(t->multi, &left)) {
        struct transfer *x = NULL;
        CURLcode code = m->data.result; /* m is gone after the removal */
        t->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
        end_active(t, x, code);
    }
}

static void *run(void *arg)
{
    struct edge_transfers *t = arg;
    while (start_queued(t)) {
        int running;
        t->curl.multi_perform(t->multi, &running);
        end_finished(t);
        end_cancelled(t);
        t->curl.multi_poll(t->multi, NULL, 0, POLL_MS, NULL);
    }
    while (t->active) {
        end_active(t, t->active, CURLE_ABORTED_BY_CALLBACK);
    }
    return NULL;
}

/* ---- a caller ------------------------------------------------------------------------------ */

/* Small answers go unasked. */
static bool pay(struct transfer *x, size_t len)
{
    enum { SMALL = 32 * 1024 };
    size_t wanted = x->charged > 0 ? x->charged : SMALL;
    while (wanted < len) {
        wanted *= 2; /* as the body's buffer grows */
    }
    if (!x->budget || len <= SMALL || wanted == x->charged) {
        return true;
    }
    x->no_room = !edge_budget_resize(x->budget, x->charged, wanted);
    x->too_large = x->no_room && wanted > edge_budget_most(x->budget);
    x->charged = x->no_room ? x->charged : wanted;
    return !x->no_room;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *x = arg;
    n *= size;
    if (x->code_only) {
        x->unwanted += n;
        return x->unwanted <= UNWANTED_MAX ? n : 0;
    }
    if (x->body.len + n > x->answer_max) {
        return 0; /* CURLE_WRITE_ERROR */
    }
    if (!pay(x, x->body.len + n)) {
        return 0;
    }
    edge_buf_put(&x->body, bytes, n);
    return n;
}

/* Lines as they come; of several answers (redirects) the last one's. */
static size_t take_line(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *x = arg;
    n *= size;
    if (n > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        x->head.len = 0;
    } else if (x->head.len + n <= HEAD_MAX) {
        edge_buf_put(&x->head, bytes, n);
    }
    return n;
}

/* What comes from outside (a correlation id out of a message) must not become another header. */
static void add_header(struct transfer *x, struct edge_ctx *ctx, const char *name,
                       const char *value)
{
    for (const char *s = value; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f) {
            return;
        }
    }
    x->headers = x->curl->slist_append(x->headers, edge_printf(&ctx->arena, "%s: %s", name, value));
}

static void set_method(struct transfer *x, const struct edge_http_request *req)
{
    bool has_body = req->body_size > 0 || strcmp(req->method, "POST") == 0 ||
                    strcmp(req->method, "PUT") == 0 || strcmp(req->method, "PATCH") == 0;
    if (strcmp(req->method, "HEAD") == 0) {
        x->curl->easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
    } else if (has_body) {
        x->curl->easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_size);
        x->curl->easy_setopt(x->easy, CURLOPT_POSTFIELDS, req->body_size > 0 ? req->body : "");
    } else {
        x->curl->easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
    }
    x->curl->easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, req->method);
}

static bool has_header(const struct edge_http_request *req, const char *name)
{
    size_t i = 0;
    while (i < req->n_headers && strcasecmp(req->headers[i].name, name) != 0) {
        i++;
    }
    return i < req->n_headers;
}

static void set_headers(struct transfer *x, struct edge_ctx *ctx,
                        const struct edge_http_request *req)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        const struct edge_http_header *h = &req->headers[i];
        const char *line = *h->value ? edge_printf(&ctx->arena, "%s: %s", h->name, h->value)
                                     : edge_printf(&ctx->arena, "%s;", h->name);
        x->headers = x->curl->slist_append(x->headers, line);
    }
    if (req->body_size > 0 && !has_header(req, "Content-Type")) {
        add_header(x, ctx, "Content-Type",
                   req->content_type ? req->content_type : "application/json");
    }
    if (req->correlation_id && req->correlation_id[0] && !has_header(req, "X-Correlation-ID")) {
        add_header(x, ctx, "X-Correlation-ID", req->correlation_id);
    }
    x->headers = x->curl->slist_append(x->headers, "Expect:"); /* nobody here waits for a 100 */
    x->curl->easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
    if (req->wants_headers) {
        x->curl->easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, take_line);
        x->curl->easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
        x->curl->easy_setopt(x->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    }
}

/* The name a certificate is to have becomes that of the URL, and the way leads to the address. */
static const char *url_of(struct transfer *x, struct edge_arena *a, const char *base_url,
                          const struct edge_client_peer *peer, const char *target)
{
    const char *place = strstr(base_url, "://");
    if (!peer || !peer->server_name || !place) {
        return edge_printf(a, "%s%s", base_url, target);
    }
    place += 3;
    size_t len = strcspn(place, "/");
    const char *colon = memrchr(place, ':', len);
    const char *port = !colon || memchr(colon, ']', (size_t)(place + len - colon))
                           ? ""
                           : edge_strndup(a, colon, (size_t)(place + len - colon));
    size_t host_len = len - strlen(port);
    x->way = x->curl->slist_append(NULL, edge_printf(a, "%s%s:%.*s%s", peer->server_name,
                                                     *port ? port : ":", (int)host_len, place,
                                                     *port ? port : ":"));
    x->curl->easy_setopt(x->easy, CURLOPT_CONNECT_TO, x->way);
    return edge_printf(a, "%.*s%s%s%s%s", (int)(place - base_url), base_url, peer->server_name,
                       port, place + len, target);
}

static void set_way(struct transfer *x, struct edge_ctx *ctx, const char *base_url,
                    const struct edge_client_peer *peer, const struct edge_http_request *req)
{
    CURL *e = x->easy;
    bool is_https = strncasecmp(base_url, "https:", 6) == 0;
    bool follows =
        req->follow && (strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0);
    x->curl->easy_setopt(e, CURLOPT_URL, url_of(x, &ctx->arena, base_url, peer, req->target));
    x->curl->easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    /* Neighbours are not reached through one the environment names. */
    x->curl->easy_setopt(e, CURLOPT_PROXY, peer && peer->proxy ? peer->proxy : "");
    x->curl->easy_setopt(e, CURLOPT_NOPROXY, "");
    x->curl->easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    if (follows) {
        x->curl->easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
        x->curl->easy_setopt(e, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        x->curl->easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
    }
    transfer_tls_set(x->curl, e, peer);
}

static void set_who(struct transfer *x, const struct edge_client_peer *peer)
{
    if (peer && peer->user) {
        x->curl->easy_setopt(x->easy, CURLOPT_HTTPAUTH,
                             (long)(peer->digest ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
        x->curl->easy_setopt(x->easy, CURLOPT_USERNAME, peer->user);
        x->curl->easy_setopt(x->easy, CURLOPT_PASSWORD, peer->password ? peer->password : "");
    }
}

static void set_limits(struct transfer *x, const struct edge_http_request *req, int64_t timeout_ms)
{
    CURL *e = x->easy;
    x->curl->easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    x->curl->easy_setopt(e, CURLOPT_QUICK_EXIT,
                         1L); /* a slow name server must not hold up the loop */
    /* A container that starts again may have another address, and another one its former. */
    x->curl->easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 1L);
    x->curl->easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    x->curl->easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    x->curl->easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    x->curl->easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE,
                         (curl_off_t)(req->code_only ? 0 : x->answer_max));
}

/* libcurl sends again, unasked, what a kept connection broke on: a POST too, which may have been done. */
static bool may_be_sent_twice(const char *method)
{
    return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

static void prepare(struct transfer *x, struct edge_ctx *ctx, const char *base_url,
                    const struct edge_client_peer *peer, const struct edge_http_request *req,
                    int64_t timeout_ms)
{
    x->easy = x->curl->easy_init();
    x->code_only = req->code_only;
    x->answer_max = req->answer_max > 0 ? req->answer_max : EDGE_ANSWER_MAX;
    edge_cond_init(&x->finished);
    CURL *e = x->easy;
    x->curl->easy_setopt(e, CURLOPT_PRIVATE, x);
    x->curl->easy_setopt(e, CURLOPT_ERRORBUFFER, x->error);
    x->curl->easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    x->curl->easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    x->curl->easy_setopt(e, CURLOPT_WRITEDATA, x);
    set_way(x, ctx, base_url, peer, req);
    set_who(x, peer);
    if (x->exchange && !may_be_sent_twice(req->method)) {
        x->curl->easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (req->unpacks) {
        x->curl->easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    }
    set_limits(x, req, timeout_ms);
    set_method(x, req);
    set_headers(x, ctx, req);
}

static void wait_for(struct edge_transfers *t, struct transfer *x)
{
    EDGE_LOCK(&t->lock);
    if (t->stopping) {
        x->code = CURLE_ABORTED_BY_CALLBACK;
        return;
    }
    link_transfer(&t->queue, x);
    t->curl.multi_wakeup(t->multi);
    while (!x->done) {
        edge_wait_on(&x->finished, &t->lock, EDGE_NO_DEADLINE);
    }
}

static enum edge_transfer_outcome judge(const struct transfer *x)
{
    long sent = 0;
    /* After the code and the headers, whatever became of the body; not when the loop ended on us. */
    if (x->unwanted > 0 && x->code != CURLE_ABORTED_BY_CALLBACK) {
        return EDGE_TRANSFER_ANSWERED;
    }
    if (transfer_tls_is_refused(x->code, x->error)) {
        return EDGE_TRANSFER_FAILED;
    }
    if (transfer_tls_is_cut(x->code, x->error)) {
        return EDGE_TRANSFER_UNREACHED;
    }
    switch (x->code) {
    case CURLE_OK:
        return EDGE_TRANSFER_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return EDGE_TRANSFER_UNREACHED;
    case CURLE_OPERATION_TIMEDOUT:
        x->curl->easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
        return sent > 0 ? EDGE_TRANSFER_SILENT : EDGE_TRANSFER_UNREACHED;
    default:
        return EDGE_TRANSFER_FAILED;
    }
}

/* "Name: value" becomes a header; what is none is passed over. */
static bool split_line(struct edge_arena *a, const char *line, size_t len,
                       struct edge_http_header *ret)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line) {
        return false;
    }
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && (unsigned char)end[-1] <= ' ') {
        end--;
    }
    *ret = (struct edge_http_header){edge_strndup(a, line, (size_t)(colon - line)),
                                     edge_strndup(a, value, (size_t)(end - value))};
    return true;
}

static void take_head(struct edge_arena *a, const struct edge_buf *head,
                      struct edge_http_response *ret)
{
    struct edge_http_header *headers = edge_new_n(a, struct edge_http_header, HEADERS_MAX);
    size_t n = 0;
    for (size_t at = 0; at < head->len && n < HEADERS_MAX;) {
        const char *line = head->data + at, *end = memchr(line, '\n', head->len - at);
        size_t len = end ? (size_t)(end - line) + 1 : head->len - at;
        n += split_line(a, line, len, &headers[n]);
        at += len;
    }
    ret->headers = headers;
    ret->n_headers = n;
}

static void take_response(struct edge_ctx *ctx, struct transfer *x, struct edge_http_response *ret)
{
    long code = 0;
    curl_off_t retry_after = 0;
    const char *type = NULL, *redirect = NULL;
    x->curl->easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &redirect);
    x->curl->easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &retry_after);
    x->curl->easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &code);
    x->curl->easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
    *ret = (struct edge_http_response){
        .code = (int)code,
        .busy = retry_after > 0,
        .content_type = edge_strdup(&ctx->arena, type ? type : ""),
        .body = edge_buf_str(&x->body),
        .body_size = x->body.len,
        .redirect = redirect ? edge_strdup(&ctx->arena, redirect) : NULL,
    };
    if (x->head.len > 0) {
        take_head(&ctx->arena, &x->head, ret);
    }
    edge_defer(&ctx->arena, free, x->body.data); /* the arena owns it now */
    x->body = (struct edge_buf)EDGE_BUF_INIT;
}

static bool pay_for(struct edge_ctx *ctx, struct transfer *x)
{
    enum edge_status st = edge_ctx_charge(ctx, x->body.cap);
    if (st != EDGE_OK) {
        x->too_large = st == EDGE_TOO_LARGE;
        edge_ctx_clear(ctx);
    }
    return st == EDGE_OK;
}

/* What became of it; its end, too. */
static enum edge_transfer_outcome conclude(struct edge_transfers *t, struct edge_ctx *ctx,
                                           struct transfer *x, const char *base_url,
                                           const struct edge_client_peer *peer,
                                           struct edge_http_response *ret, const char **ret_why)
{
    enum edge_transfer_outcome outcome = judge(x);
    if (x->charged > 0) {
        (void)edge_budget_resize(x->budget, x->charged, 0); /* on the context's account from here */
        edge_buf_trim(&x->body);
    }
    if (x->no_room || (outcome == EDGE_TRANSFER_ANSWERED && !pay_for(ctx, x))) {
        outcome = x->too_large ? EDGE_TRANSFER_TOO_LARGE : EDGE_TRANSFER_FAILED;
        ctx->busy |= !x->too_large;
        *ret_why = x->too_large ? "the answer is larger than the memory for requests"
                                : "too much memory is in use for requests";
    } else if (outcome == EDGE_TRANSFER_ANSWERED) {
        take_response(ctx, x, ret);
    } else if (x->code == CURLE_WRITE_ERROR || x->code == CURLE_FILESIZE_EXCEEDED) {
        outcome = EDGE_TRANSFER_TOO_LARGE;
        *ret_why =
            x->answer_max == EDGE_ANSWER_MAX
                ? "the answer is larger than 32 MiB"
                : edge_printf(&ctx->arena, "the answer is larger than %zu bytes", x->answer_max);
    } else {
        const char *why = x->error[0] ? x->error : t->curl.easy_strerror(x->code);
        const char *of_tls =
            transfer_tls_reason(&t->curl, &ctx->arena, x->easy, x->code, why, base_url, peer);
        *ret_why = of_tls ? of_tls : edge_strdup(&ctx->arena, why);
    }
    t->curl.easy_cleanup(x->easy);
    t->curl.slist_free_all(x->headers);
    t->curl.slist_free_all(x->way);
    edge_buf_done(&x->head);
    edge_cond_done(&x->finished);
    edge_buf_done(&x->body);
    return outcome;
}

static long whole_ms(int64_t ms)
{
    return (long)(ms < INT32_MAX ? ms : INT32_MAX);
}

enum edge_transfer_outcome edge_transfer(struct edge_transfers *t, struct edge_ctx *ctx,
                                         const char *base_url, const struct edge_client_peer *peer,
                                         const struct edge_http_request *req, int64_t deadline_ms,
                                         struct edge_http_response *ret, const char **ret_why)
{
    int64_t timeout_ms = deadline_ms - edge_now_mono_ms();
    if (timeout_ms <= 0) {
        *ret_why = "no time is left";
        return EDGE_TRANSFER_FAILED;
    }
    struct transfer x = {
        .curl = &t->curl, .body = EDGE_BUF_INIT, .head = EDGE_BUF_INIT, .budget = ctx->budget};
    prepare(&x, ctx, base_url, peer, req, whole_ms(timeout_ms));
    wait_for(t, &x);
    return conclude(t, ctx, &x, base_url, peer, ret, ret_why);
}

/* ---- those nobody waits for ----------------------------------------------------------------- */

static void tell(struct edge_transfers *t, struct edge_client_exchange *e)
{
    struct edge_http_response answer = {.body = ""};
    const char *why = NULL;
    enum edge_transfer_outcome outcome =
        conclude(t, &e->ctx, &e->x, e->base_url, e->peer, &answer, &why);
    e->told(e->arg, outcome, &answer, why);
    edge_ctx_done(&e->ctx);
    free(e);
}

/* False: it has stopped. */
static bool enqueue(struct edge_transfers *t, struct edge_client_exchange *e,
                    struct edge_client_exchange **ret)
{
    EDGE_LOCK(&t->lock);
    if (t->stopping) {
        return false;
    }
    *ret = e;
    link_transfer(&t->queue, &e->x);
    t->curl.multi_wakeup(t->multi);
    return true;
}

enum edge_status edge_transfer_begin(struct edge_transfers *t, struct edge_ctx *ctx,
                                     const char *base_url, const struct edge_client_peer *peer,
                                     const struct edge_http_request *req, int64_t deadline_ms,
                                     edge_transfer_told *told, void *arg,
                                     struct edge_client_exchange **ret)
{
    int64_t timeout_ms = deadline_ms - edge_now_mono_ms();
    struct edge_client_exchange *e = edge_xalloc(1, sizeof(*e));
    *e = (struct edge_client_exchange){
        .x = {.curl = &t->curl,
              .body = EDGE_BUF_INIT,
              .head = EDGE_BUF_INIT,
              .budget = ctx->budget},
        .ctx = EDGE_CTX_INIT,
        .told = told,
        .arg = arg,
    };
    struct edge_arena *a = &e->ctx.arena;
    e->ctx.budget = ctx->budget;
    e->x.exchange = e;
    e->base_url = edge_strdup(a, base_url);
    if (peer) { /* its headers are in the request already */
        struct edge_client_peer *copy = edge_new(a, struct edge_client_peer);
        *copy = client_peer_copy(a, peer);
        e->peer = copy;
    }
    struct edge_http_request kept = *req;
    kept.body = req->body_size > 0 ? edge_strndup(a, req->body, req->body_size) : NULL;
    prepare(&e->x, &e->ctx, e->base_url, e->peer, &kept, whole_ms(timeout_ms > 0 ? timeout_ms : 1));
    if (enqueue(t, e, ret)) {
        return EDGE_OK;
    }
    struct edge_http_response none;
    const char *why;
    e->x.code = CURLE_ABORTED_BY_CALLBACK;
    (void)conclude(t, &e->ctx, &e->x, e->base_url, e->peer, &none, &why);
    edge_ctx_done(&e->ctx);
    free(e);
    return edge_fail(ctx, EDGE_UNAVAILABLE, "the client is closing");
}

void edge_transfer_cancel(struct edge_transfers *t, struct edge_client_exchange *x)
{
    atomic_store(&x->cancelled, true);
    EDGE_LOCK(&t->lock);
    t->cancelling = true;
    t->curl.multi_wakeup(t->multi);
}
