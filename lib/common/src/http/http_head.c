/*
 * Request heads: a request line and header lines, taken apart strictly. What two hops may read
 * differently is refused before anything is made of it, and the connection ends, since nobody knows
 * where the next request would begin.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

/* What stands in the head, and what is counted while it is read. */
struct head {
    struct edge_call *call;
    const char *at, *end; /* what is not read yet */
    size_t n_host, n_length, n_encoding;
    const char *length, *encoding;
    bool is_11, closes, stays; /* what the Connection headers say */
    bool asks, asks_else;      /* to be told to go on; something nobody here understands */
};

/* A fault and the status it is answered with; NULL text: none. */
struct fault {
    int code;
    const char *text;
};
static const struct fault SOUND = {0};

static struct fault bad(const char *text)
{
    return (struct fault){400, text};
}

/* ---- where it ends ----------------------------------------------------------------------- */

size_t http_head_length(const char *bytes, size_t n, size_t *scanned)
{
    while (*scanned < n) {
        const char *lf = memchr(bytes + *scanned, '\n', n - *scanned);
        if (!lf) {
            *scanned = n;
            return 0;
        }
        size_t next = (size_t)(lf - bytes) + 1;
        size_t blank = next < n && bytes[next] == '\r' ? next + 1 : next;
        if (blank >= n) { /* the line behind it is not there yet */
            *scanned = next - 1;
            return 0;
        }
        if (bytes[blank] == '\n') {
            return blank + 1;
        }
        *scanned = next;
    }
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------- */

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

/* The next line without its end; a lone LF ends one, too, as it does for most. */
static struct http_slice next_line(struct head *h)
{
    const char *lf = memchr(h->at, '\n', (size_t)(h->end - h->at));
    struct http_slice line = {h->at, (size_t)(lf - h->at)};
    h->at = lf + 1;
    if (line.len > 0 && line.text[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

static struct fault read_version(struct head *h, struct http_slice v)
{
    static const char http[] = "HTTP/";
    enum { MAJOR = sizeof(http) - 1, DOT, MINOR, SIZE };
    if (v.len != SIZE || memcmp(v.text, http, MAJOR) != 0 || v.text[DOT] != '.' ||
        v.text[MAJOR] < '0' || v.text[MAJOR] > '9' || v.text[MINOR] < '0' || v.text[MINOR] > '9') {
        return bad("the request line does not end with an HTTP version");
    }
    if (v.text[MAJOR] != '1') {
        return (struct fault){505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
    }
    h->is_11 = v.text[MINOR] != '0';
    return SOUND;
}

static struct fault read_request_line(struct head *h)
{
    struct edge_call *call = h->call;
    struct http_slice line = next_line(h);
    const char *end = line.text + line.len;
    if (memchr(line.text, '\0', line.len)) {
        return bad("the request line has a NUL in it");
    }
    const char *first = memchr(line.text, ' ', line.len);
    const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second || !is_token(line.text, (size_t)(first - line.text))) {
        return bad("the request line is not a method, a target and a version");
    }
    struct edge_arena *a = &call->ctx.arena;
    call->method = edge_strndup(a, line.text, (size_t)(first - line.text));
    call->known_method = http_method_of(call->method); /* a refusal of HEAD has no body either */
    struct fault fault =
        read_version(h, (struct http_slice){second + 1, (size_t)(end - second - 1)});
    if (!fault.text) {
        const char *target = edge_strndup(a, first + 1, (size_t)(second - first - 1));
        http_call_set_target(call, http_target_origin(a, target));
    }
    return fault;
}

/* The next of the comma-separated words of a header's value; false: there is none. */
static bool next_word(const char **value, struct http_slice *ret)
{
    static const char between[] = ", \t";
    *value += strspn(*value, between);
    *ret = (struct http_slice){*value, strcspn(*value, between)};
    *value += ret->len;
    return ret->len > 0;
}

static bool is_word(struct http_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.text, word, s.len) == 0;
}

static void note_persistence(struct head *h, const char *value)
{
    struct http_slice word;
    while (next_word(&value, &word)) {
        h->closes = h->closes || is_word(word, "close");
        h->stays = h->stays || is_word(word, "keep-alive");
    }
}

static void note_expectation(struct head *h, const char *value)
{
    struct http_slice word;
    while (next_word(&value, &word)) {
        bool known = is_word(word, "100-continue");
        h->asks = h->asks || known;
        h->asks_else = h->asks_else || !known;
    }
}

static void note(struct head *h, const struct http_pair *pair)
{
    if (strcasecmp(pair->name, "Host") == 0) {
        h->n_host++;
    } else if (strcasecmp(pair->name, "Content-Length") == 0) {
        h->n_length++;
        h->length = pair->value;
    } else if (strcasecmp(pair->name, "Transfer-Encoding") == 0) {
        h->n_encoding++;
        h->encoding = pair->value;
    } else if (strcasecmp(pair->name, "Connection") == 0) {
        note_persistence(h, pair->value);
    } else if (strcasecmp(pair->name, "Expect") == 0) {
        note_expectation(h, pair->value);
    }
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static struct fault read_header(struct head *h, struct http_slice line)
{
    struct edge_arena *a = &h->call->ctx.arena;
    const char *colon = memchr(line.text, ':', line.len);
    if (!colon || !is_token(line.text, (size_t)(colon - line.text))) {
        return bad("a header's name is malformed");
    }
    const char *from = colon + 1, *to = line.text + line.len;
    while (from < to && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }
    if (has_control(from, (size_t)(to - from))) {
        return bad("a header's value has a control character in it");
    }
    struct http_pair *pair = &h->call->headers[h->call->n_headers++];
    pair->name = edge_strndup(a, line.text, (size_t)(colon - line.text));
    pair->value = edge_strndup(a, from, (size_t)(to - from));
    note(h, pair);
    return SOUND;
}

static struct fault read_headers(struct head *h)
{
    size_t n = 0;
    for (const char *s = h->at; (s = memchr(s, '\n', (size_t)(h->end - s))); s++) {
        n++;
    }
    if (n - 1 > HTTP_MAX_HEADERS) { /* the last line is the empty one */
        return (struct fault){431, "too many headers"};
    }
    h->call->headers = edge_new_n(&h->call->ctx.arena, struct http_pair, n);
    for (struct http_slice line = next_line(h); line.len > 0; line = next_line(h)) {
        struct fault fault = read_header(h, line);
        if (fault.text) {
            return fault;
        }
    }
    return SOUND;
}

/* ---- what it says of body and connection ---------------------------------------------------- */

static struct fault check(const struct head *h)
{
    if (h->is_11 ? h->n_host != 1 : h->n_host > 1) {
        return bad("a request needs one Host header");
    }
    if (h->n_length > 1) {
        return bad("more than one Content-Length header");
    }
    if (h->n_encoding > 0 && h->n_length > 0) {
        return bad("both Content-Length and Transfer-Encoding headers");
    }
    if (h->n_encoding > 1 ||
        (h->encoding && (!h->is_11 || strcasecmp(h->encoding, "chunked") != 0))) {
        return bad("only the chunked Transfer-Encoding is supported");
    }
    if (h->length && (h->length[0] == '\0' || h->length[strspn(h->length, "0123456789")] != '\0')) {
        return bad("the Content-Length header is not a number");
    }
    if (h->is_11 && h->asks_else) {
        return (struct fault){417, "nothing but 100-continue can be expected"};
    }
    return SOUND;
}

static void announce_body(struct edge_call *call, const struct head *h)
{
    if (h->length) {
        errno = 0;
        unsigned long long size = strtoull(h->length, NULL, 10);
        call->announced = errno == ERANGE || size > SIZE_MAX ? SIZE_MAX : (size_t)size;
    }
    call->has_body = h->n_encoding > 0 || call->announced > 0;
    http_body_init(&call->framing, h->n_encoding > 0, call->announced);
}

bool http_head_read(struct edge_call *call, const char *bytes, size_t n)
{
    struct head h = {.call = call, .at = bytes, .end = bytes + n};
    struct fault fault = read_request_line(&h);
    if (!fault.text) {
        fault = read_headers(&h);
    }
    if (!fault.text) {
        fault = check(&h);
    }
    if (fault.text) {
        http_call_refuse(call, fault.code, fault.text);
        return false;
    }
    announce_body(call, &h);
    call->is_10 = !h.is_11;
    call->close = h.closes || (call->is_10 && !h.stays);
    call->asks = h.is_11 && h.asks;
    return true;
}
