/* Values as JSON, as copies that live on, as bytes of a checkpoint. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/json.h"
#include "edge/text.h"
#include "rules_value.h"

/* ---- JSON --------------------------------------------------------------------------------- */

static struct rules_value number_of_json(const cJSON *json)
{
    int64_t i;
    uint64_t u;
    double f = 0;
    if (cJSON_IsRaw(json) && edge_json_int(json, &i) && (i > (1LL << 53) || i < -(1LL << 53))) {
        return rules_int(i);
    }
    if (cJSON_IsRaw(json) && edge_json_uint(json, &u) && u > (1ULL << 53)) {
        return rules_uint(u);
    }
    return edge_json_real(json, &f) ? rules_real(f) : rules_null();
}

static uint32_t children(const cJSON *json)
{
    uint32_t n = 0;
    for (const cJSON *c = json->child; c; c = c->next) {
        n++;
    }
    return n;
}

static struct rules_value of_json(struct edge_arena *a, const cJSON *json, unsigned depth)
{
    if (!json || depth > RULES_VALUE_DEPTH) {
        return rules_null();
    }
    if (edge_json_is_number(json)) {
        return number_of_json(json);
    }
    if (cJSON_IsBool(json)) {
        return rules_bool(cJSON_IsTrue(json));
    }
    if (cJSON_IsString(json)) {
        return rules_text(edge_strdup(a, json->valuestring));
    }
    uint32_t n = children(json), i = 0;
    if (cJSON_IsArray(json)) {
        struct rules_value *items = edge_new_n(a, struct rules_value, n + 1);
        for (const cJSON *c = json->child; c; c = c->next) {
            items[i++] = of_json(a, c, depth + 1);
        }
        return (struct rules_value){.kind = RULES_ARRAY, .n = n, .items = items};
    }
    if (cJSON_IsObject(json)) {
        struct rules_member *members = edge_new_n(a, struct rules_member, n + 1);
        for (const cJSON *c = json->child; c; c = c->next) {
            members[i].name = edge_strdup(a, c->string ? c->string : "");
            members[i++].value = of_json(a, c, depth + 1);
        }
        return (struct rules_value){.kind = RULES_OBJECT, .n = n, .members = members};
    }
    return rules_null();
}

struct rules_value rules_of_json(struct edge_arena *a, const cJSON *json)
{
    return of_json(a, json, 0);
}

void rules_put_json(struct edge_buf *out, const struct rules_value *v)
{
    switch (v->kind) {
    case RULES_BOOL:
        edge_buf_puts(out, v->b ? "true" : "false");
        break;
    case RULES_INT:
        edge_buf_put_i64(out, v->i);
        break;
    case RULES_UINT:
        edge_buf_put_u64(out, v->u);
        break;
    case RULES_REAL:
        edge_json_put_real(out, v->f);
        break;
    case RULES_TEXT:
        edge_json_put_string(out, v->text);
        break;
    case RULES_BYTES:
        edge_buf_putc(out, '"');
        edge_base64_put(out, v->bytes, v->n);
        edge_buf_putc(out, '"');
        break;
    case RULES_ARRAY:
        edge_buf_putc(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            edge_buf_puts(out, i ? "," : "");
            rules_put_json(out, &v->items[i]);
        }
        edge_buf_putc(out, ']');
        break;
    case RULES_OBJECT:
        edge_buf_putc(out, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            edge_buf_puts(out, i ? "," : "");
            edge_json_put_string(out, v->members[i].name);
            edge_buf_putc(out, ':');
            rules_put_json(out, &v->members[i].value);
        }
        edge_buf_putc(out, '}');
        break;
    default:
        edge_buf_puts(out, "null");
    }
}

/* ---- copies ------------------------------------------------------------------------------- */

static size_t aligned(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

size_t rules_copy_size(const struct rules_value *v)
{
    size_t size = 0;
    switch (v->kind) {
    case RULES_TEXT:
    case RULES_BYTES:
        return aligned((size_t)v->n + 1);
    case RULES_ARRAY:
        size = v->n * sizeof(*v->items);
        for (uint32_t i = 0; i < v->n; i++) {
            size += rules_copy_size(&v->items[i]);
        }
        return size;
    case RULES_OBJECT:
        size = v->n * sizeof(*v->members);
        for (uint32_t i = 0; i < v->n; i++) {
            size += aligned(strlen(v->members[i].name) + 1) + rules_copy_size(&v->members[i].value);
        }
        return size;
    default:
        return 0;
    }
}

static char *take(char **at, size_t n)
{
    char *p = *at;
    *at += aligned(n);
    return p;
}

struct rules_value rules_copy_to(char **at, const struct rules_value *v)
{
    struct rules_value copy = *v;
    if (v->kind == RULES_TEXT || v->kind == RULES_BYTES) {
        char *bytes = take(at, (size_t)v->n + 1);
        if (v->n) {
            memcpy(bytes, v->bytes, v->n);
        }
        bytes[v->n] = '\0';
        copy.bytes = bytes;
    } else if (v->kind == RULES_ARRAY) {
        struct rules_value *items = (void *)take(at, v->n * sizeof(*items));
        for (uint32_t i = 0; i < v->n; i++) {
            items[i] = rules_copy_to(at, &v->items[i]);
        }
        copy.items = items;
    } else if (v->kind == RULES_OBJECT) {
        struct rules_member *members = (void *)take(at, v->n * sizeof(*members));
        for (uint32_t i = 0; i < v->n; i++) {
            size_t len = strlen(v->members[i].name) + 1;
            members[i].name = memcpy(take(at, len), v->members[i].name, len);
            members[i].value = rules_copy_to(at, &v->members[i].value);
        }
        copy.members = members;
    }
    return copy;
}

void rules_owned_set(struct rules_owned *o, const struct rules_value *v)
{
    size_t size = rules_copy_size(v);
    char *block = o->block, *old = NULL;
    /* What is copied may lie in the block itself: that goes only afterwards. */
    if (size > 0 || v->kind >= RULES_TEXT) {
        old = block;
        block = edge_xalloc(1, size + 1);
        o->size = size;
    }
    char *at = block;
    struct rules_value copy = rules_copy_to(&at, v);
    if (size == 0 && v->kind < RULES_TEXT) {
        old = block;
        block = NULL;
        o->size = 0;
    }
    free(old);
    o->block = block;
    o->value = copy;
}

void rules_owned_done(struct rules_owned *o)
{
    free(o->block);
    *o = (struct rules_owned){0};
}

/* ---- checkpoints -------------------------------------------------------------------------- */

static void write_name(struct edge_buf *out, const char *name)
{
    uint32_t len = (uint32_t)strlen(name) + 1; /* with its NUL: it is read in place */
    edge_buf_put(out, &len, sizeof(len));
    edge_buf_put(out, name, len);
}

void rules_value_write(struct edge_buf *out, const struct rules_value *v)
{
    edge_buf_putc(out, (char)v->kind);
    switch (v->kind) {
    case RULES_BOOL:
        edge_buf_putc(out, (char)v->b);
        break;
    case RULES_INT:
    case RULES_UINT:
    case RULES_REAL:
        edge_buf_put(out, &v->u, sizeof(v->u));
        break;
    case RULES_TEXT:
    case RULES_BYTES: {
        uint32_t n = v->n;
        edge_buf_put(out, &n, sizeof(n));
        edge_buf_put(out, v->bytes, n);
        edge_buf_putc(out, '\0');
        break;
    }
    case RULES_ARRAY:
    case RULES_OBJECT:
        edge_buf_put(out, &v->n, sizeof(v->n));
        for (uint32_t i = 0; i < v->n; i++) {
            if (v->kind == RULES_OBJECT) {
                write_name(out, v->members[i].name);
            }
            rules_value_write(out, v->kind == RULES_OBJECT ? &v->members[i].value : &v->items[i]);
        }
        break;
    default:
        break;
    }
}

static bool read_bytes(const char **at, const char *end, void *to, size_t n)
{
    if ((size_t)(end - *at) < n) {
        return false;
    }
    memcpy(to, *at, n);
    *at += n;
    return true;
}

/* A run of bytes and the NUL behind it, in place. */
static bool read_run(const char **at, const char *end, size_t n, const char **ret)
{
    if ((size_t)(end - *at) <= n || (*at)[n] != '\0') {
        return false;
    }
    *ret = *at;
    *at += n + 1;
    return true;
}

static bool read_name(const char **at, const char *end, const char **ret)
{
    uint32_t len;
    return read_bytes(at, end, &len, sizeof(len)) && len > 0 && read_run(at, end, len - 1, ret) &&
           strlen(*ret) == len - 1;
}

static bool value_read(struct edge_arena *a, const char **at, const char *end, unsigned depth,
                       struct rules_value *ret);

static bool read_members(struct edge_arena *a, const char **at, const char *end, unsigned depth,
                         struct rules_value *ret)
{
    uint32_t n;
    /* each has a byte at least: no count makes more memory than there are bytes for */
    if (!read_bytes(at, end, &n, sizeof(n)) || n > (size_t)(end - *at) ||
        depth > RULES_VALUE_DEPTH) {
        return false;
    }
    bool object = ret->kind == RULES_OBJECT, ok = true;
    struct rules_member *members = object ? edge_new_n(a, struct rules_member, n + 1) : NULL;
    struct rules_value *items = object ? NULL : edge_new_n(a, struct rules_value, n + 1);
    for (uint32_t i = 0; ok && i < n; i++) {
        ok = (!object || read_name(at, end, &members[i].name)) &&
             value_read(a, at, end, depth + 1, object ? &members[i].value : &items[i]);
    }
    ret->n = n;
    if (object) {
        ret->members = members;
    } else {
        ret->items = items;
    }
    return ok;
}

static bool value_read(struct edge_arena *a, const char **at, const char *end, unsigned depth,
                       struct rules_value *ret)
{
    uint8_t kind, b;
    if (!read_bytes(at, end, &kind, 1) || kind >= RULES_KINDS) {
        return false;
    }
    *ret = (struct rules_value){.kind = kind};
    switch (kind) {
    case RULES_BOOL:
        if (!read_bytes(at, end, &b, 1) || b > 1) {
            return false;
        }
        ret->b = b;
        return true;
    case RULES_INT:
    case RULES_UINT:
    case RULES_REAL:
        return read_bytes(at, end, &ret->u, sizeof(ret->u)) &&
               (kind != RULES_UINT || ret->u > INT64_MAX);
    case RULES_TEXT:
        return read_bytes(at, end, &ret->n, sizeof(ret->n)) &&
               read_run(at, end, ret->n, &ret->text) && strlen(ret->text) == ret->n;
    case RULES_BYTES:
        return read_bytes(at, end, &ret->n, sizeof(ret->n)) &&
               read_run(at, end, ret->n, &ret->text);
    case RULES_ARRAY:
    case RULES_OBJECT:
        return read_members(a, at, end, depth, ret);
    default:
        return true;
    }
}

bool rules_value_read(struct edge_arena *a, const char **at, const char *end,
                      struct rules_value *ret)
{
    return value_read(a, at, end, 0, ret);
}
