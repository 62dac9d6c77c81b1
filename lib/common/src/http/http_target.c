/*
 * The request target as it stood in the request line, before anybody decoded it. Accepted is only
 * what every hop reads alike: no dot segments, no NUL, sound escapes, UTF-8. What is a slash and
 * what is a name with an escaped slash in it stays distinct until the route is found.
 */
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "http_internal.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at @p s, decoded; -1 where the escape is malformed. */
static int byte_at(const char *s, size_t *ret_len)
{
    *ret_len = 1;
    if (*s != '%') {
        return (unsigned char)*s;
    }
    int high = hex_value(s[1]);
    int low = high < 0 ? -1 : hex_value(s[2]);
    *ret_len = 3;
    return low < 0 ? -1 : high * 16 + low;
}

/* Is the segment at @p s, up to '/', '?' or the end, "." or ".." in any spelling? */
static bool is_dot_segment(const char *s)
{
    size_t dots = 0, len;
    while (*s != '\0' && *s != '/' && *s != '?') {
        if (byte_at(s, &len) != '.' || ++dots > 2) {
            return false;
        }
        s += len;
    }
    return dots > 0;
}

static enum edge_status check_bytes(struct edge_ctx *ctx, const char *target, bool *ret_plain)
{
    bool in_path = true;
    size_t len;
    *ret_plain = true;
    for (const char *s = target; *s != '\0'; s += len) {
        int byte = byte_at(s, &len);
        if (byte < 0) {
            return edge_fail(ctx, EDGE_INVALID, "the request target has a malformed escape");
        }
        if (byte == 0) {
            return edge_fail(ctx, EDGE_INVALID, "the request target has a NUL in it");
        }
        if (len == 1 && (byte <= ' ' || byte == 0x7f || byte == '\\' || byte == '#')) {
            return edge_fail(ctx, EDGE_INVALID, "the request target has a character to be escaped");
        }
        if (in_path && *s == '/' && is_dot_segment(s + 1)) {
            return edge_fail(ctx, EDGE_INVALID, "the request target has a dot segment");
        }
        in_path = in_path && *s != '?';
        *ret_plain = *ret_plain && len == 1 && byte < 0x80;
    }
    return EDGE_OK;
}

enum edge_status http_target_check(struct edge_ctx *ctx, const char *target)
{
    bool plain;
    if (target[0] != '/') {
        return edge_fail(ctx, EDGE_INVALID, "the request target must start with '/'");
    }
    EDGE_TRY(check_bytes(ctx, target, &plain));
    if (!plain) {
        /* A character may be spelled half raw, half escaped, but ends before any '/', '&' or '='.
         */
        const char *decoded = edge_percent_decode(&ctx->arena, target, strlen(target));
        if (!decoded || !edge_utf8_valid(decoded, strlen(decoded))) {
            return edge_fail(ctx, EDGE_INVALID, "the request target is not UTF-8");
        }
    }
    return EDGE_OK;
}

/* A host and perhaps a port; no user, whom nobody here would ask for a password. */
static bool is_authority(const char *s, size_t len)
{
    static const char specials[] = "-._~%[]:";
    for (size_t i = 0; i < len; i++) {
        char lower = s[i] | 0x20;
        bool plain = (s[i] >= '0' && s[i] <= '9') || (lower >= 'a' && lower <= 'z');
        if (!plain && !strchr(specials, s[i])) {
            return false;
        }
    }
    return len > 0;
}

const char *http_target_origin(struct edge_arena *a, const char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;
    size_t len = strcspn(target + scheme, "/?");
    if (scheme == 0 || !is_authority(target + scheme, len)) {
        return target;
    }
    const char *rest = target + scheme + len;
    return *rest == '/' ? rest : edge_printf(a, "/%s", rest);
}

/* In place; in a query '+' is a blank. */
static const char *decode_form(char *text, size_t len)
{
    char *to = text;
    size_t n;
    for (const char *from = text; from < text + len; from += n) {
        int byte = byte_at(from, &n);
        *to++ = *from == '+' ? ' ' : (char)byte;
    }
    *to = '\0';
    return text;
}

static size_t count_pairs(const char *query)
{
    size_t n = 0;
    for (const char *s = query; *s != '\0'; s++) {
        n += *s != '&' && (s[1] == '&' || s[1] == '\0');
    }
    return n;
}

/* The pairs point into one copy of it: made apart, thousands of short ones take many times its size. */
struct http_pair *http_query_parse(struct edge_arena *a, const char *query, size_t *ret_n)
{
    size_t n = 0, left = strlen(query);
    struct http_pair *pairs = edge_new_n(a, struct http_pair, count_pairs(query));
    char *at = edge_alloc(a, left + 1, 1);
    memcpy(at, query, left);
    while (left > 0) {
        size_t len = strcspn(at, "&"), taken = len < left ? len + 1 : len;
        char *equals = memchr(at, '=', len);
        size_t name_len = equals ? (size_t)(equals - at) : len;
        if (len > 0) {
            const char *value = equals ? decode_form(equals + 1, len - name_len - 1) : "";
            pairs[n++] = (struct http_pair){decode_form(at, name_len), value};
        }
        at += taken;
        left -= taken;
    }
    *ret_n = n;
    return pairs;
}
