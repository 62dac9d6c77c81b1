/*
 * The door for request heads: what two hops may read differently is refused before anything is made
 * of it, and the connection ends, since nobody knows where the next request would begin.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

/* What is counted while the headers are copied. */
struct head {
    struct edge_call *call;
    size_t n_host, n_length, n_encoding;
    const char *length, *encoding;
    bool bad_name;
};

static bool is_token(const char *s, size_t len)
{
    static const char specials[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = s[i], lower = c | 0x20;
        bool plain = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        if (!plain && (c == '\0' || !strchr(specials, c))) {
            return false;
        }
    }
    return len > 0;
}

static void note(struct head *head, const char *name, size_t len, const char *value)
{
    if (len == 4 && strcasecmp(name, "Host") == 0) {
        head->n_host++;
    } else if (len == 14 && strcasecmp(name, "Content-Length") == 0) {
        head->n_length++;
        head->length = value;
    } else if (len == 17 && strcasecmp(name, "Transfer-Encoding") == 0) {
        head->n_encoding++;
        head->encoding = value;
    }
}

static enum MHD_Result copy_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct head *head = arg;
    struct edge_call *call = head->call;
    struct edge_arena *a = &call->ctx.arena;
    (void)kind;
    if (!is_token(name, name_len)) {
        head->bad_name = true;
        return MHD_NO;
    }
    struct http_pair *pair = &call->headers[call->n_headers++];
    pair->name = edge_strndup(a, name, name_len);
    pair->value = edge_strndup(a, value ? value : "", value_len);
    note(head, name, name_len, pair->value);
    return MHD_YES;
}

static const char *head_fault(const struct head *head, const char *version)
{
    bool is_11 = strcmp(version, "HTTP/1.0") != 0;
    if (head->bad_name) {
        return "a header's name is malformed";
    }
    if (is_11 ? head->n_host != 1 : head->n_host > 1) {
        return "a request needs one Host header";
    }
    if (head->n_length > 1) {
        return "more than one Content-Length header";
    }
    if (head->n_encoding > 0 && head->n_length > 0) {
        return "both Content-Length and Transfer-Encoding headers";
    }
    if (head->n_encoding > 1 ||
        (head->encoding && (!is_11 || strcasecmp(head->encoding, "chunked") != 0))) {
        return "only the chunked Transfer-Encoding is supported";
    }
    if (head->length &&
        (head->length[0] == '\0' || head->length[strspn(head->length, "0123456789")] != '\0')) {
        return "the Content-Length header is not a number";
    }
    return NULL;
}

/* A request line that was read as shorter than it is has a NUL in it. */
static bool target_was_cut(const struct edge_call *call, const char *version)
{
    return call->raw_target + strlen(call->target) + 1 != (uintptr_t)version;
}

static void refuse(struct edge_call *call, int code, const char *why)
{
    call->close = true;
    call->settled = true;
    edge_ctx_clear(&call->ctx);
    enum edge_status st = edge_fail(&call->ctx, EDGE_INVALID, "%s", why);
    http_reply_failure(call, st, code, true);
}

static void announce_body(struct edge_call *call, const struct head *head)
{
    call->has_body =
        head->n_encoding > 0 || (head->length && strspn(head->length, "0") != strlen(head->length));
    if (head->length) {
        errno = 0;
        unsigned long long size = strtoull(head->length, NULL, 10);
        call->announced = errno == ERANGE || size > SIZE_MAX ? SIZE_MAX : (size_t)size;
    }
}

bool http_guard_head(struct edge_call *call, const char *version)
{
    struct head head = {.call = call};
    int n = MHD_get_connection_values_n(call->mhd, MHD_HEADER_KIND, NULL, NULL);
    if (n > HTTP_MAX_HEADERS) {
        refuse(call, 431, "too many headers");
        return false;
    }
    call->headers = edge_new_n(&call->ctx.arena, struct http_pair, (size_t)n);
    MHD_get_connection_values_n(call->mhd, MHD_HEADER_KIND, copy_header, &head);
    const char *fault = target_was_cut(call, version) ? "the request target has a NUL in it"
                                                      : head_fault(&head, version);
    if (fault) {
        refuse(call, 400, fault);
        return false;
    }
    announce_body(call, &head);
    return true;
}
