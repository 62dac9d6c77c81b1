/* Request heads and chunked bodies: whatever comes, in whatever packets, is read alike, and a head
 * that passes says one thing only. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http_internal.h"

static size_t count_headers(const struct edge_call *call, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < call->n_headers; i++) {
        n += strcasecmp(call->headers[i].name, name) == 0;
    }
    return n;
}

static void check_head(const char *bytes, size_t n)
{
    struct edge_http http = {0};
    struct edge_call *call = http_call_new(&http);
    bool sound = http_head_read(call, bytes, n);
    assert(sound || (call->settled && call->close && call->code >= 400));
    if (sound) {
        assert(count_headers(call, "Content-Length") + count_headers(call, "Transfer-Encoding") <=
               1);
        assert(count_headers(call, "Host") <= 1);
        assert(call->n_headers <= HTTP_MAX_HEADERS);
        for (size_t i = 0; i < call->n_headers; i++) {
            assert(!strpbrk(call->headers[i].value, "\r\n"));
        }
    }
    http_call_unref(call);
}

/* The body as it is made out of packets that end every @p step bytes. */
static size_t read_body(const char *bytes, size_t n, size_t step, char *out, struct http_body *b)
{
    size_t at = 0, len = 0;
    http_body_init(b, true, 0);
    while (at < n && b->state < HTTP_BODY_DONE) {
        size_t end = at + step < n ? at + step : n, data;
        while (at < end && b->state < HTTP_BODY_DONE) {
            size_t used = http_body_take(b, bytes + at, end - at, &data);
            assert(used > 0 && used <= end - at && data <= used);
            memcpy(out + len, bytes + at + used - data, data);
            len += data;
            at += used;
        }
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    size_t scanned = 0, len = http_head_length(bytes, size, &scanned), again = 0, drip = 0;
    for (size_t n = 1; n <= size && drip == 0; n++) {
        drip = http_head_length(bytes, n, &again);
    }
    assert(drip == len);
    if (len > 0) {
        check_head(bytes, len);
    }
    char *whole = malloc(size + 1), *cut = malloc(size + 1);
    struct http_body a, b;
    size_t n_whole = read_body(bytes + len, size - len, size + 1, whole, &a);
    size_t n_cut = read_body(bytes + len, size - len, 1, cut, &b);
    assert(a.state == b.state && n_whole == n_cut && memcmp(whole, cut, n_whole) == 0);
    free(whole);
    free(cut);
    return 0;
}
