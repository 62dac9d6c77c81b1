/* From structs to JSON text or CBOR in one pass, straight into a buffer: no tree in between. */
#include "edge/dto.h"

#include <assert.h>
#include <string.h>

#include "dto_internal.h"
#include "edge/cbor.h"
#include "edge/text.h"

enum cbor_major {
    CBOR_UINT = 0x00,
    CBOR_NEGATIVE = 0x20,
    CBOR_BYTES = 0x40,
    CBOR_TEXT = 0x60,
    CBOR_ARRAY = 0x80,
    CBOR_MAP = 0xa0,
    CBOR_FALSE = 0xf4,
    CBOR_TRUE = 0xf5,
    CBOR_NULL = 0xf6,
    CBOR_REAL = 0xfb,
};

static size_t cbor_head(enum cbor_major major, uint64_t v, unsigned char head[9])
{
    size_t extra = v < 24 ? 0 : v <= UINT8_MAX ? 1 : v <= UINT16_MAX ? 2 : v <= UINT32_MAX ? 4 : 8;
    unsigned low = extra == 0   ? (unsigned)v
                   : extra == 1 ? 24
                   : extra == 2 ? 25
                   : extra == 4 ? 26
                                : 27;
    head[0] = (unsigned char)(major | low);
    for (size_t i = 0; i < extra; i++) {
        head[1 + i] = (unsigned char)(v >> (8 * (extra - 1 - i)));
    }
    return 1 + extra;
}

static void cbor_put_head(struct edge_buf *out, enum cbor_major major, uint64_t v)
{
    out->len += cbor_head(major, v, (unsigned char *)edge_buf_room(out, 9));
}

static void cbor_put_text(struct edge_buf *out, const char *s, size_t len)
{
    cbor_put_head(out, CBOR_TEXT, len);
    edge_buf_put(out, s, len);
}

/* Texts may come from a driver: decoders refuse a whole event for one broken character. */
static void cbor_put_mended(struct edge_buf *out, const char *s)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf mended = EDGE_BUF_INIT;
    for (size_t left = strlen(s), n = 0; left > 0; s += n, left -= n) {
        n = edge_utf8_char(s, left);
        if (n > 0) {
            edge_buf_put(&mended, s, n);
        } else {
            edge_buf_puts(&mended, "\xef\xbf\xbd");
            n = 1;
        }
    }
    cbor_put_text(out, mended.data, mended.len);
}

/* Nearly every text is; eight bytes at a time. */
static bool is_ascii(const char *s, size_t len)
{
    uint64_t all = 0, word;
    for (; len >= sizeof(word); s += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, s, sizeof(word));
        all |= word;
    }
    for (; len > 0; s++, len--) {
        all |= (unsigned char)*s;
    }
    return !(all & 0x8080808080808080);
}

static void cbor_put_foreign(struct edge_buf *out, const char *s)
{
    size_t len = strlen(s);
    if (is_ascii(s, len) || edge_utf8_valid(s, len)) {
        cbor_put_text(out, s, len);
    } else {
        cbor_put_mended(out, s);
    }
}

/* ---- keys and braces ----------------------------------------------------------------------- */

/* Keys of tables and of our own code hold nothing that needs an escape. */
static void put_key(struct edge_encoder *e, const char *key)
{
    if (e->encoding == EDGE_CBOR) {
        if (key) {
            e->map_n++;
            cbor_put_text(e->out, key, strlen(key));
        }
        return;
    }
    size_t len = key ? strlen(key) : 0;
    char *start = edge_buf_room(e->out, len + 4), *p = start;
    if (e->comma) {
        *p++ = ',';
    }
    if (key) {
        *p++ = '"';
        memcpy(p, key, len);
        p += len;
        *p++ = '"';
        *p++ = ':';
    }
    e->out->len += (size_t)(p - start);
    e->comma = true;
}

static void put_foreign_key(struct edge_encoder *e, const char *key)
{
    if (e->encoding == EDGE_CBOR) {
        cbor_put_foreign(e->out, key);
        return;
    }
    if (e->comma) {
        edge_buf_putc(e->out, ',');
    }
    edge_json_put_string(e->out, key);
    edge_buf_putc(e->out, ':');
    e->comma = false; /* the value itself puts none */
}

static struct edge_encoder map_open(const struct edge_encoder *e)
{
    struct edge_encoder inner = {.out = e->out, .encoding = e->encoding, .map_at = e->out->len};
    edge_buf_putc(e->out, e->encoding == EDGE_CBOR ? (char)CBOR_MAP : '{');
    return inner;
}

/* The head was put for up to 23 members; more of them need a longer one. */
static void map_close(struct edge_encoder *inner)
{
    struct edge_buf *out = inner->out;
    if (inner->encoding == EDGE_JSON) {
        edge_buf_putc(out, '}');
        return;
    }
    unsigned char head[9];
    size_t size = cbor_head(CBOR_MAP, inner->map_n, head);
    edge_buf_room(out, size);
    char *at = out->data + inner->map_at;
    memmove(at + size, at + 1, out->len - inner->map_at - 1);
    memcpy(at, head, size);
    out->len += size - 1;
}

/* ---- single values ------------------------------------------------------------------------- */

void edge_put_string(struct edge_encoder *e, const char *key, const char *value)
{
    put_key(e, key);
    if (e->encoding == EDGE_CBOR) {
        cbor_put_foreign(e->out, value);
    } else {
        edge_json_put_string(e->out, value);
    }
}

void edge_put_int(struct edge_encoder *e, const char *key, int64_t value)
{
    put_key(e, key);
    if (e->encoding == EDGE_JSON) {
        edge_buf_put_i64(e->out, value);
    } else if (value < 0) {
        cbor_put_head(e->out, CBOR_NEGATIVE, (uint64_t)(-1 - value));
    } else {
        cbor_put_head(e->out, CBOR_UINT, (uint64_t)value);
    }
}

void edge_put_uint(struct edge_encoder *e, const char *key, uint64_t value)
{
    put_key(e, key);
    if (e->encoding == EDGE_JSON) {
        edge_buf_put_u64(e->out, value);
    } else {
        cbor_put_head(e->out, CBOR_UINT, value);
    }
}

void edge_put_real(struct edge_encoder *e, const char *key, double value)
{
    put_key(e, key);
    if (e->encoding == EDGE_JSON) {
        edge_json_put_real(e->out, value);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    edge_buf_putc(e->out, (char)CBOR_REAL);
    bits = __builtin_bswap64(bits);
    edge_buf_put(e->out, &bits, sizeof(bits));
}

static void put_literal(struct edge_encoder *e, const char *key, const char *json,
                        enum cbor_major cbor)
{
    put_key(e, key);
    if (e->encoding == EDGE_JSON) {
        edge_buf_puts(e->out, json);
    } else {
        edge_buf_putc(e->out, (char)cbor);
    }
}

void edge_put_bool(struct edge_encoder *e, const char *key, bool value)
{
    put_literal(e, key, value ? "true" : "false", value ? CBOR_TRUE : CBOR_FALSE);
}

void edge_put_null(struct edge_encoder *e, const char *key)
{
    put_literal(e, key, "null", CBOR_NULL);
}

void edge_put_bytes(struct edge_encoder *e, const char *key, struct edge_bytes value)
{
    put_key(e, key);
    if (e->encoding == EDGE_CBOR) {
        cbor_put_head(e->out, CBOR_BYTES, value.size);
        edge_buf_put(e->out, value.data, value.size);
        return;
    }
    edge_buf_putc(e->out, '"');
    edge_base64_put(e->out, value.data, value.size);
    edge_buf_putc(e->out, '"');
}

void edge_put_tree(struct edge_encoder *e, const char *key, const cJSON *value)
{
    if (!value) {
        edge_put_null(e, key);
        return;
    }
    put_key(e, key);
    if (e->encoding == EDGE_CBOR) {
        edge_cbor_put(e->out, value);
    } else {
        edge_json_put(e->out, value);
    }
}

void edge_put_list_open(struct edge_encoder *e, const char *key, size_t n)
{
    put_key(e, key);
    if (e->encoding == EDGE_CBOR) {
        cbor_put_head(e->out, CBOR_ARRAY, n);
    } else {
        edge_buf_putc(e->out, '[');
        e->comma = false;
    }
}

void edge_put_list_close(struct edge_encoder *e)
{
    if (e->encoding == EDGE_JSON) {
        edge_buf_putc(e->out, ']');
        e->comma = true;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void put_field(struct edge_encoder *e, const char *key, const struct edge_field *f,
                      const void *obj);

static void put_members(struct edge_encoder *e, const struct edge_dto *dto, const void *obj)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->flags & EDGE_KEY) {
            continue;
        }
        if (f->flags & EDGE_INLINE) {
            put_members(e, f->sub, dto_value(f, obj));
        } else {
            put_field(e, f->json, f, obj);
        }
    }
    if (dto->encode_more) {
        dto->encode_more(obj, e);
    }
}

static void put_as_it_is(struct edge_encoder *e, const char *key, const struct edge_dto *dto,
                         const void *obj)
{
    put_key(e, key);
    struct edge_encoder inner = map_open(e);
    put_members(&inner, dto, obj);
    map_close(&inner);
}

void edge_put_object(struct edge_encoder *e, const char *key, const struct edge_dto *dto,
                     const void *obj)
{
    if (dto_is_bare(dto)) {
        put_field(e, key, &dto->fields[dto->n_fields - 1], obj);
        return;
    }
    struct edge_arena scratch = EDGE_ARENA_INIT;
    const struct edge_dto *other = dto->encode_as ? dto->encode_as(&obj, &scratch) : NULL;
    put_as_it_is(e, key, other ? other : dto, obj);
    edge_arena_done(&scratch);
}

static void put_list(struct edge_encoder *e, const char *key, const struct edge_field *f,
                     const void *obj)
{
    size_t n = dto_count(f, obj);
    const char *item = dto_items(f, obj);
    edge_put_list_open(e, key, n);
    for (size_t i = 0; i < n; i++, item += f->elem_size) {
        if (f->sub) {
            edge_put_object(e, NULL, f->sub, item);
        } else {
            edge_put_string(e, NULL, *(const char *const *)item);
        }
    }
    edge_put_list_close(e);
}

static void put_map(struct edge_encoder *e, const char *key, const struct edge_field *f,
                    const void *obj)
{
    size_t n = dto_count(f, obj);
    const char *item = dto_items(f, obj);
    put_key(e, key);
    struct edge_encoder inner = map_open(e);
    for (size_t i = 0; i < n; i++, item += f->elem_size) {
        put_foreign_key(&inner, *(const char *const *)(item + f->sub->fields[0].offset));
        edge_put_object(&inner, NULL, f->sub, item);
    }
    inner.map_n = n;
    map_close(&inner);
}

/* A member that must be an object is a map, and the contract leaves empty maps out. */
static bool is_empty_any(const struct edge_field *f, const cJSON *any)
{
    return !any || (f->check == edge_check_object && !any->child);
}

static bool is_empty(const struct edge_field *f, const void *in, const void *obj)
{
    switch (dto_kind(f)) {
    case EDGE_K_BOOL:
        return !*(const bool *)in;
    case EDGE_K_INT:
        return *(const int64_t *)in == 0;
    case EDGE_K_UINT:
        return *(const uint64_t *)in == 0;
    case EDGE_K_REAL:
        return *(const double *)in == 0;
    case EDGE_K_STR:
        return !*(const char *const *)in || !**(const char *const *)in;
    case EDGE_K_ENUM:
        return !f->names[*(const unsigned *)in][0];
    case EDGE_K_ANY:
        return is_empty_any(f, *(const cJSON *const *)in);
    case EDGE_K_BYTES:
        return !((const struct edge_bytes *)in)->data;
    case EDGE_K_OBJ:
        return false;
    default:
        return dto_count(f, obj) == 0;
    }
}

static void put_string_member(struct edge_encoder *e, const char *key, const struct edge_field *f,
                              const char *s)
{
    if (!s || !*s) {
        edge_put_string(e, key, f->def ? f->def : "");
    } else {
        edge_put_string(e, key, f->flags & EDGE_SECRET ? "<redacted>" : s);
    }
}

static void put_any(struct edge_encoder *e, const char *key, const cJSON *value)
{
    static const cJSON nothing = {.type = cJSON_Object};
    edge_put_tree(e, key, value ? value : &nothing);
}

static void put_field(struct edge_encoder *e, const char *key, const struct edge_field *f,
                      const void *obj)
{
    const void *in = dto_value(f, obj);
    bool empty = !in || (!(f->kind & EDGE_K_PTR) && is_empty(f, in, obj));
    if (empty && (f->flags & EDGE_EMIT_NULL)) {
        edge_put_null(e, key);
        return;
    }
    if (empty && (!in || !(f->flags & (EDGE_EMIT_EMPTY | EDGE_REQUIRED | EDGE_VALUE)))) {
        return;
    }
    switch (dto_kind(f)) {
    case EDGE_K_BOOL:
        return edge_put_bool(e, key, *(const bool *)in);
    case EDGE_K_INT:
        return edge_put_int(e, key, *(const int64_t *)in);
    case EDGE_K_UINT:
        return edge_put_uint(e, key, *(const uint64_t *)in);
    case EDGE_K_REAL:
        return edge_put_real(e, key, *(const double *)in);
    case EDGE_K_STR:
        return put_string_member(e, key, f, *(const char *const *)in);
    case EDGE_K_ENUM:
        return edge_put_string(e, key, f->names[*(const unsigned *)in]);
    case EDGE_K_ANY:
        return put_any(e, key, *(const cJSON *const *)in);
    case EDGE_K_BYTES:
        return edge_put_bytes(e, key, *(const struct edge_bytes *)in);
    case EDGE_K_OBJ:
        return edge_put_object(e, key, f->sub, in);
    case EDGE_K_MAP:
        return put_map(e, key, f, obj);
    default:
        return put_list(e, key, f, obj);
    }
}

/* ---- whole objects ------------------------------------------------------------------------- */

void edge_dto_encode(const struct edge_dto *dto, const void *obj, enum edge_encoding encoding,
                     struct edge_buf *out)
{
    struct edge_encoder e = {.out = out, .encoding = encoding};
    edge_put_object(&e, NULL, dto, obj);
}

const char *edge_dto_text(const struct edge_dto *dto, const void *obj, struct edge_arena *a)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    edge_dto_encode(dto, obj, EDGE_JSON, &out);
    return edge_strndup(a, out.data, out.len);
}

const cJSON *edge_dto_tree(struct edge_ctx *ctx, const struct edge_dto *dto, const void *obj)
{
    static const struct edge_json_limits ours = {SIZE_MAX, 1000, SIZE_MAX};
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    edge_dto_encode(dto, obj, EDGE_JSON, &out);
    const cJSON *tree = NULL;
    enum edge_status st = edge_json_parse(ctx, out.data, out.len, &ours, &tree);
    assert(st == EDGE_OK); /* the encoder's text, and limits beyond any of ours */
    (void)st;
    return tree;
}
