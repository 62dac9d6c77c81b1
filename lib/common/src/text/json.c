/*
 * The JSON door: RFC 8259 and nothing else, read in one pass without recursion into a cJSON tree in
 * the context's arena. cJSON's own parser is not asked: checking what it lets through takes a
 * complete parser anyway, and its tree would have to be repaired afterwards.
 */
#include "edge/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "edge/text.h"
#include "json_text.h"
#include "tree.h"

struct parser {
    struct edge_ctx *ctx;
    const char *text, *at, *end;
    struct tree tree;
};

/* ---- faults ------------------------------------------------------------------------------ */

static enum edge_status malformed(const struct parser *p, const char *at, const char *what)
{
    return edge_fail(p->ctx, EDGE_INVALID, "malformed json at byte %zu: %s", (size_t)(at - p->text),
                     at == p->end ? "unexpected end" : what);
}

static enum edge_status beyond_limit(const struct parser *p)
{
    return edge_fail(p->ctx, EDGE_INVALID, "json at byte %zu: %s", (size_t)(p->at - p->text),
                     p->tree.fault);
}

/* ---- characters -------------------------------------------------------------------------- */

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) {
        p->at++;
    }
}

static bool next_is(const struct parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool is_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

/* ---- strings ----------------------------------------------------------------------------- */

/* Four hex digits at @p s; -1 where they are not. */
static int32_t read_unit(const char *s, const char *end)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int v = s + i < end ? hex_value(s[i]) : -1;
        if (v < 0) {
            return -1;
        }
        unit = unit * 16 + v;
    }
    return unit;
}

static char *put_char(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/*
 * "\uXXXX" or a pair of them, *s behind the 'u'. NUL and lone surrogates become U+FFFD: the one
 * would hide the rest of the string, the other is no character.
 */
static bool read_unicode(const char **s, const char *end, char **out)
{
    int32_t c = read_unit(*s, end);
    if (c < 0) {
        return false;
    }
    *s += 4;
    if (c >= 0xd800 && c <= 0xdbff && end - *s >= 6 && (*s)[0] == '\\' && (*s)[1] == 'u') {
        int32_t low = read_unit(*s + 2, end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *s += 6;
            c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
        }
    }
    if (c == 0 || (c >= 0xd800 && c <= 0xdfff)) {
        c = 0xfffd;
    }
    *out = put_char(*out, (uint32_t)c);
    return true;
}

/* What lies between the quotes, escapes resolved (which only ever shortens it). */
static enum edge_status unescape(struct parser *p, const char *s, const char *end, const char **ret)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *text = edge_alloc(p->tree.arena, (size_t)(end - s) + 1, 1);
    char *out = text;
    while (s < end) {
        if (*s != '\\') {
            *out++ = *s++;
            continue;
        }
        const char *escape = s++;
        const char *known = *s != 'u' ? memchr(from, *s, strlen(from)) : NULL;
        if (known) {
            *out++ = to[known - from];
            s++;
        } else if (*s++ != 'u' || !read_unicode(&s, end, &out)) {
            return malformed(p, escape, "unknown escape");
        }
    }
    *ret = text;
    return EDGE_OK;
}

static enum edge_status read_string(struct parser *p, const char **ret)
{
    const char *start = ++p->at;
    bool escaped = false;
    for (;;) {
        p->at = json_plain_end(p->at, p->end);
        if (p->at == p->end) {
            return malformed(p, p->at, "");
        }
        if (*p->at == '"') {
            break;
        }
        if (*p->at == '\\') {
            escaped = true;
            if (++p->at == p->end) {
                return malformed(p, p->at, "");
            }
            if ((unsigned char)*p->at < 0x80) {
                p->at++;
                continue;
            }
        }
        if ((unsigned char)*p->at < 0x20) {
            return malformed(p, p->at, "control character in a string");
        }
        size_t n = edge_utf8_char(p->at, (size_t)(p->end - p->at));
        if (n == 0) {
            return malformed(p, p->at, "not UTF-8");
        }
        p->at += n;
    }
    const char *end = p->at++;
    if (escaped) {
        return unescape(p, start, end, ret);
    }
    *ret = edge_strndup(p->tree.arena, start, (size_t)(end - start));
    return EDGE_OK;
}

/* ---- numbers ----------------------------------------------------------------------------- */

struct number {
    uint64_t mantissa; /* of all digits, as long as they fit */
    size_t digits;
    int64_t exponent;
};

/* Digits at p->at, counted and added to the mantissa. False where there is none. */
static bool read_digits(struct parser *p, struct number *n)
{
    const char *start = p->at;
    for (; is_digit(p); p->at++) {
        if (n->digits++ < 19) {
            n->mantissa = n->mantissa * 10 + (uint64_t)(*p->at - '0');
        }
    }
    return p->at > start;
}

static bool read_exponent(struct parser *p, struct number *n)
{
    bool negative = next_is(p, '-');
    if (negative || next_is(p, '+')) {
        p->at++;
    }
    const char *start = p->at;
    int64_t e = 0;
    for (; is_digit(p); p->at++) {
        e = e < 100000 ? e * 10 + (*p->at - '0') : e;
    }
    n->exponent += negative ? -e : e;
    return p->at > start;
}

/* Digits that fit a double times or by an exact power of ten are rounded once; the rest is
 * strtod's. */
static double real_value(struct parser *p, const struct number *n, const char *start)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n->digits <= 15 && n->exponent >= -22 && n->exponent <= 22) {
        double m = (double)n->mantissa;
        double v = n->exponent < 0 ? m / powers[-n->exponent] : m * powers[n->exponent];
        return *start == '-' ? -v : v;
    }
    return strtod(edge_strndup(p->tree.arena, start, (size_t)(p->at - start)), NULL);
}

static enum edge_status read_number(struct parser *p)
{
    struct number n = {0};
    const char *start = p->at;
    p->at += *start == '-';
    const char *digits = p->at;
    bool integer = true;
    if (!read_digits(p, &n)) {
        return malformed(p, p->at, "expected a digit");
    }
    if (*digits == '0' && n.digits > 1) {
        return malformed(p, digits, "leading zero");
    }
    if (next_is(p, '.')) {
        integer = false;
        const char *point = p->at++;
        if (!read_digits(p, &n)) {
            return malformed(p, p->at, "expected a digit");
        }
        n.exponent = -(p->at - point - 1);
    }
    if (next_is(p, 'e') || next_is(p, 'E')) {
        integer = false;
        p->at++;
        if (!read_exponent(p, &n)) {
            return malformed(p, p->at, "expected a digit");
        }
    }
    double v = integer && n.digits <= 308 ? 0 : real_value(p, &n, start);
    if (isinf(v)) {
        return malformed(p, start, "number out of range");
    }
    cJSON *node = integer ? tree_add_integer(&p->tree, *start == '-', digits, n.digits)
                          : tree_add_real(&p->tree, v);
    return node ? EDGE_OK : beyond_limit(p);
}

/* ---- values ------------------------------------------------------------------------------ */

static bool skip_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0) {
        return false;
    }
    p->at += len;
    return true;
}

static enum edge_status read_word(struct parser *p)
{
    const cJSON *node;
    if (skip_word(p, "true")) {
        node = tree_add_bool(&p->tree, true);
    } else if (skip_word(p, "false")) {
        node = tree_add_bool(&p->tree, false);
    } else if (skip_word(p, "null")) {
        node = tree_add(&p->tree, cJSON_NULL);
    } else {
        return malformed(p, p->at, "expected a value");
    }
    return node ? EDGE_OK : beyond_limit(p);
}

/* A number, string or word. */
static enum edge_status read_scalar(struct parser *p)
{
    if (next_is(p, '"')) {
        const char *text;
        EDGE_TRY(read_string(p, &text));
        return tree_add_string(&p->tree, text) ? EDGE_OK : beyond_limit(p);
    }
    return is_digit(p) || next_is(p, '-') ? read_number(p) : read_word(p);
}

/* A key and its colon. */
static enum edge_status read_key(struct parser *p)
{
    skip_space(p);
    if (!next_is(p, '"')) {
        return malformed(p, p->at, "expected a key in quotes");
    }
    EDGE_TRY(read_string(p, &p->tree.key));
    skip_space(p);
    if (!next_is(p, ':')) {
        return malformed(p, p->at, "expected ':'");
    }
    p->at++;
    return EDGE_OK;
}

/* Into the array or object that begins here; *ret_more: its first value follows. */
static enum edge_status enter(struct parser *p, bool *ret_more)
{
    bool object = *p->at == '{';
    if (!tree_open(&p->tree, object ? cJSON_Object : cJSON_Array)) {
        return beyond_limit(p);
    }
    p->at++;
    skip_space(p);
    *ret_more = !next_is(p, object ? '}' : ']');
    return object && *ret_more ? read_key(p) : EDGE_OK;
}

/* A value is complete: out of all containers that end here; *ret_more: another value follows. */
static enum edge_status leave(struct parser *p, bool *ret_more)
{
    while (p->tree.depth > 0) {
        bool object = tree_inside(&p->tree) == cJSON_Object;
        skip_space(p);
        if (next_is(p, ',')) {
            p->at++;
            *ret_more = true;
            return object ? read_key(p) : EDGE_OK;
        }
        if (!next_is(p, object ? '}' : ']')) {
            return malformed(p, p->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        p->at++;
        tree_close(&p->tree);
    }
    *ret_more = false;
    return EDGE_OK;
}

static enum edge_status read_values(struct parser *p)
{
    bool more = true;
    while (more) {
        skip_space(p);
        if (next_is(p, '{') || next_is(p, '[')) {
            EDGE_TRY(enter(p, &more));
            if (more) {
                continue;
            }
        } else {
            EDGE_TRY(read_scalar(p));
        }
        EDGE_TRY(leave(p, &more));
    }
    return EDGE_OK;
}

enum edge_status edge_json_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret)
{
    struct parser p = {.ctx = ctx, .text = text, .at = text, .end = text + len};
    tree_init(&p.tree, &ctx->arena, limits);
    if (len > p.tree.limits.bytes) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "json of %zu bytes is over the limit of %zu", len,
                         p.tree.limits.bytes);
    }
    skip_space(&p);
    if (p.at == p.end) {
        return edge_fail(ctx, EDGE_INVALID, "EOF");
    }
    EDGE_TRY(read_values(&p));
    skip_space(&p);
    if (p.at < p.end) {
        return malformed(&p, p.at, "text after the value");
    }
    *ret = p.tree.root;
    return EDGE_OK;
}

/* ---- reading a tree ---------------------------------------------------------------------- */

const cJSON *edge_json_member(const cJSON *object, const char *key, bool exact)
{
    const cJSON *found = NULL;
    const cJSON *member;
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    cJSON_ArrayForEach(member, object)
    {
        int differs = exact ? strcmp(member->string, key) : strcasecmp(member->string, key);
        found = differs ? found : member;
    }
    return found;
}

bool edge_json_int(const cJSON *node, int64_t *ret)
{
    if (cJSON_IsRaw(node)) {
        return edge_int_parse(node->valuestring, ret);
    }
    if (!cJSON_IsNumber(node) || node->valuedouble != trunc(node->valuedouble) ||
        node->valuedouble < -0x1p63 || node->valuedouble >= 0x1p63) {
        return false;
    }
    *ret = (int64_t)node->valuedouble;
    return true;
}

bool edge_json_uint(const cJSON *node, uint64_t *ret)
{
    if (cJSON_IsRaw(node)) {
        return edge_uint_parse(node->valuestring, ret);
    }
    if (!cJSON_IsNumber(node) || node->valuedouble != trunc(node->valuedouble) ||
        node->valuedouble < 0 || node->valuedouble >= 0x1p64) {
        return false;
    }
    *ret = (uint64_t)node->valuedouble;
    return true;
}

bool edge_json_real(const cJSON *node, double *ret)
{
    if (!edge_json_is_number(node)) {
        return false;
    }
    *ret = cJSON_IsRaw(node) ? strtod(node->valuestring, NULL) : node->valuedouble;
    return true;
}
