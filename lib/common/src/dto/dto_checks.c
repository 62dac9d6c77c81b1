/* The rules of values and their words (contract 3.1): limits, required, the checks many rows share,
 * and where a fault stands. Called while decoding and for objects made by hand. */
#include "edge/dto.h"

#include <stdarg.h>
#include <string.h>

#include "dto_internal.h"
#include "edge/text.h"

/* ---- where we are -------------------------------------------------------------------------- */

struct edge_ctx *edge_scope_ctx(struct edge_scope *at)
{
    return at->ctx;
}

struct edge_scope edge_scope_below(const struct edge_scope *at, const char *key, size_t index)
{
    struct edge_scope s = *at;
    s.up = at;
    s.key = key;
    s.index = index;
    return s;
}

/* Keys of maps come from outside, of any length. */
static void put_key(struct edge_buf *path, const char *key)
{
    char shown[121];
    edge_text_fit(shown, sizeof(shown), key);
    edge_buf_puts(path, shown);
}

static void put_path(struct edge_buf *path, const struct edge_scope *at)
{
    if (at->up) {
        put_path(path, at->up);
    }
    if (at->key) {
        edge_buf_puts(path, at->up ? "." : "");
        put_key(path, at->key);
    } else {
        edge_buf_printf(path, "[%zu]", at->index);
    }
}

enum edge_status edge_scope_fail(struct edge_scope *at, const char *member, const char *fmt, ...)
{
    if (edge_ctx_is_full(at->ctx)) { /* no path is made for nothing */
        return EDGE_INVALID;
    }
    EDGE_CTX_SCOPE(own);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf path = EDGE_BUF_INIT;
    struct edge_scope leaf = edge_scope_below(at, member, 0);
    put_path(&path, member ? &leaf : at);
    va_list args;
    va_start(args, fmt);
    const char *what = edge_vprintf(&own.arena, fmt, args);
    va_end(args);
    return edge_fail_at(at->ctx, EDGE_INVALID, edge_buf_str(&path), "%s", what);
}

enum edge_status dto_fail_required(struct edge_scope *at)
{
    return edge_scope_fail(at, NULL, "field is required");
}

/* ---- rules of the row ---------------------------------------------------------------------- */

static bool bounded(const struct edge_field *f)
{
    return f->min != 0 || f->max != 0;
}

static bool within(const struct edge_field *f, double v)
{
    bool open_above = f->max == 0 && f->min > 0;
    return !bounded(f) || (v >= f->min && (open_above || v <= f->max));
}

static enum edge_status check_number(const struct edge_field *f, double v, struct edge_scope *at)
{
    if (v == 0 && (f->flags & EDGE_NONZERO)) {
        return dto_fail_required(at);
    }
    if (within(f, v)) {
        return EDGE_OK;
    }
    return f->max == 0 && f->min > 0
               ? edge_scope_fail(at, NULL, "must be at least %.15g", f->min)
               : edge_scope_fail(at, NULL, "must be between %.15g and %.15g", f->min, f->max);
}

static enum edge_status check_size(const struct edge_field *f, size_t n, const char *unit,
                                   struct edge_scope *at)
{
    if (within(f, (double)n)) {
        return EDGE_OK;
    }
    if (f->max == 0) {
        return edge_scope_fail(at, NULL, "must have at least %.15g %s", f->min, unit);
    }
    return edge_scope_fail(at, NULL, "must have %.15g to %.15g %s", f->min, f->max, unit);
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

static enum edge_status check_string(const struct edge_field *f, const char *s,
                                     struct edge_scope *at)
{
    if ((f->flags & EDGE_REQUIRED) && (!s || !*s)) {
        return dto_fail_required(at);
    }
    if (!s) {
        return EDGE_OK;
    }
    if (bounded(f)) {
        EDGE_TRY(check_size(f, characters(s), "characters", at));
    }
    return f->check ? f->check(s, at) : EDGE_OK;
}

static enum edge_status check_entries(const struct edge_field *f, const void *obj,
                                      struct edge_scope *at)
{
    size_t n = dto_count(f, obj);
    if (n == 0 && (f->flags & EDGE_NOT_EMPTY)) {
        return edge_scope_fail(at, NULL, "field should greater than 0");
    }
    EDGE_TRY(check_size(f, n, "entries", at));
    if (!f->check) {
        return EDGE_OK;
    }
    if (f->sub) {
        return f->check((const char *)obj + f->offset, at);
    }
    const char *const *strings = (const char *const *)(const void *)dto_items(f, obj);
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < n; i++) {
        struct edge_scope here = edge_scope_below(at, NULL, i);
        enum edge_status one = f->check(strings[i], &here);
        st = one != EDGE_OK ? one : st;
    }
    return st;
}

static bool is_name(const struct edge_field *f, unsigned v)
{
    for (unsigned i = 0; f->names[i]; i++) {
        if (i == v) {
            return true;
        }
    }
    return false;
}

enum edge_status dto_check_value(const struct edge_field *f, const void *obj, struct edge_scope *at)
{
    if (dto_is_list(f)) {
        return check_entries(f, obj, at);
    }
    const void *in = dto_value(f, obj);
    if (!in) {
        return f->flags & EDGE_REQUIRED ? dto_fail_required(at) : EDGE_OK;
    }
    switch (dto_kind(f)) {
    case EDGE_K_STR:
        return check_string(f, *(const char *const *)in, at);
    case EDGE_K_INT:
        EDGE_TRY(check_number(f, (double)*(const int64_t *)in, at));
        break;
    case EDGE_K_UINT:
        EDGE_TRY(check_number(f, (double)*(const uint64_t *)in, at));
        break;
    case EDGE_K_REAL:
        EDGE_TRY(check_number(f, *(const double *)in, at));
        break;
    case EDGE_K_ANY:
        if (!*(const cJSON *const *)in) {
            return f->flags & EDGE_REQUIRED ? dto_fail_required(at) : EDGE_OK;
        }
        break;
    default:
        break;
    }
    return f->check ? f->check(in, at) : EDGE_OK;
}

/* ---- objects made by hand ------------------------------------------------------------------ */

static enum edge_status check_object(const struct edge_dto *dto, const void *obj,
                                     struct edge_scope *at);

static enum edge_status check_below(const struct edge_field *f, const void *obj,
                                    struct edge_scope *at)
{
    const void *in = dto_value(f, obj);
    if (dto_kind(f) == EDGE_K_OBJ) {
        return in ? check_object(f->sub, in, at) : EDGE_OK;
    }
    if (dto_kind(f) == EDGE_K_ENUM) {
        return is_name(f, *(const unsigned *)in)
                   ? EDGE_OK
                   : edge_scope_fail(at, NULL, "has no name for %u", *(const unsigned *)in);
    }
    if (!dto_is_list(f) || !f->sub) {
        return EDGE_OK;
    }
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < dto_count(f, obj); i++) {
        const char *e = dto_items(f, obj) + i * f->elem_size;
        bool map = dto_kind(f) == EDGE_K_MAP;
        const char *key = map ? *(const char *const *)(e + f->sub->fields[0].offset) : NULL;
        struct edge_scope here = edge_scope_below(at, key, i);
        enum edge_status one = check_object(f->sub, e, &here);
        st = one != EDGE_OK ? one : st;
    }
    return st;
}

static enum edge_status check_object(const struct edge_dto *dto, const void *obj,
                                     struct edge_scope *at)
{
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        bool here = f->flags & (EDGE_INLINE | EDGE_KEY | EDGE_VALUE);
        struct edge_scope below = here ? *at : edge_scope_below(at, f->json, 0);
        enum edge_status one = dto_check_value(f, obj, &below);
        if (one == EDGE_OK) {
            one = check_below(f, obj, &below);
        }
        st = one != EDGE_OK ? one : st;
    }
    return st == EDGE_OK && dto->check ? dto->check(obj, at) : st;
}

enum edge_status edge_dto_check(struct edge_ctx *ctx, const struct edge_dto *dto, const void *obj)
{
    struct edge_scope root = {.key = dto->name, .ctx = ctx};
    return check_object(dto, obj, &root);
}

/* ---- checks many rows share ---------------------------------------------------------------- */

/* Bytes of the white space character at @p s as Go's TrimSpace knows it, 0 if it is none. */
static size_t space_at(const char *s)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    if (*s == ' ' || (*s >= '\t' && *s <= '\r')) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        if (strncmp(s, wide[i], strlen(wide[i])) == 0) {
            return strlen(wide[i]);
        }
    }
    bool thin = strncmp(s, "\xe2\x80", 2) == 0; /* U+2000 to U+200A */
    return thin && (unsigned char)s[2] >= 0x80 && (unsigned char)s[2] <= 0x8a ? 3 : 0;
}

enum edge_status edge_check_not_blank(const void *value, struct edge_scope *at)
{
    const char *s = value;
    for (size_t n = 1; *s && n > 0; s += n) {
        n = space_at(s);
        if (n == 0) {
            return EDGE_OK;
        }
    }
    return edge_scope_fail(at, NULL, "field should not be empty string");
}

enum edge_status edge_check_uuid(const void *value, struct edge_scope *at)
{
    const char *s = value;
    if (*s == '\0' || edge_uuid_is_strict(s)) {
        return EDGE_OK;
    }
    return edge_scope_fail(at, NULL, "field needs a uuid");
}

/* As Go judges it: a scheme and something behind it, or an absolute path; no blanks. */
enum edge_status edge_check_uri(const void *value, struct edge_scope *at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *s = value;
    size_t scheme = strspn(s, letters);
    if (scheme > 0) {
        scheme +=
            strspn(s + scheme, "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    }
    bool shaped = *s == '/' || (scheme > 0 && s[scheme] == ':' && s[scheme + 1]);
    for (const unsigned char *p = value; *p; p++) {
        shaped = shaped && *p > ' ' && *p != 0x7f;
    }
    if (shaped) {
        return EDGE_OK;
    }
    return edge_scope_fail(at, NULL, "field validation failed on the uri tag with value ''");
}

static enum edge_status check_duration(const char *s, int64_t min_ns, const char *min_text,
                                       struct edge_scope *at)
{
    int64_t ns;
    if (edge_duration_parse(s, true, &ns) && ns >= min_ns) {
        return EDGE_OK;
    }
    return edge_scope_fail(at, NULL,
                           "field should follows the ISO 8601 Durations format, e.g.,100ms, 24h, "
                           "or be greater than or equal to the minimum value %s ",
                           min_text);
}

enum edge_status edge_check_duration_0s(const void *value, struct edge_scope *at)
{
    const char *s = value;
    return *s ? check_duration(s, 0, "0s", at) : EDGE_OK;
}

enum edge_status edge_check_duration_1ms(const void *value, struct edge_scope *at)
{
    return check_duration(value, 1000000, "1ms", at);
}

static enum edge_status check_given(const char *s, int64_t min_ns, const char *more,
                                    struct edge_scope *at)
{
    int64_t ns;
    return edge_duration_parse(s, true, &ns) && ns >= min_ns
               ? EDGE_OK
               : edge_scope_fail(at, NULL, "must be a duration such as 30s%s", more);
}

enum edge_status edge_check_duration_set(const void *value, struct edge_scope *at)
{
    return check_given(value, INT64_MIN, "", at);
}

enum edge_status edge_check_interval(const void *value, struct edge_scope *at)
{
    return check_given(value, 0, ", not below 0s", at);
}

enum edge_status edge_check_count(const void *value, struct edge_scope *at)
{
    return *(const int64_t *)value >= 0 ? EDGE_OK
                                        : edge_scope_fail(at, NULL, "must not be below 0");
}

enum edge_status edge_check_object(const void *value, struct edge_scope *at)
{
    const cJSON *json = *(const cJSON *const *)value;
    return cJSON_IsObject(json) ? EDGE_OK : edge_scope_fail(at, NULL, "must be an object");
}
