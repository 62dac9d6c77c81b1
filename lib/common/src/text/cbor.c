/*
 * The CBOR door: libcbor's streaming decoder reads one item head after the other, without recursion
 * and without allocating by announced lengths; the callbacks build the tree the JSON door makes.
 */
#include "edge/cbor.h"

#include <cbor.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"
#include "tree.h"

/* Of a container that ends with a break. */
#define INDEFINITE UINT64_MAX

enum chunks { NO_CHUNKS, TEXT_CHUNKS, BYTE_CHUNKS };

struct decoder {
    struct edge_arena *arena;
    struct tree tree;
    uint64_t *left;      /* values to come, per open container */
    const char *fault;   /* of the item read last */
    bool tagged;         /* a tag came, its item did not */
    enum chunks chunked; /* inside a string of indefinite length */
    struct edge_buf chunks;
};

/* ---- structure --------------------------------------------------------------------------- */

static bool expects_key(const struct decoder *d)
{
    return tree_inside(&d->tree) == cJSON_Object && !d->tree.key;
}

static bool is_complete(const struct decoder *d)
{
    return d->tree.root && d->tree.depth == 0;
}

/* A value is complete; so are the containers it was the last one of. */
static void value_done(struct decoder *d)
{
    while (d->tree.depth > 0) {
        uint64_t *left = &d->left[d->tree.depth - 1];
        if (*left == INDEFINITE || --*left > 0) {
            return;
        }
        tree_close(&d->tree);
    }
}

static void added(struct decoder *d, const cJSON *node)
{
    if (node) {
        value_done(d);
    } else {
        d->fault = d->tree.fault;
    }
}

/* Every item but a tag passes here first. */
static bool item_begins(struct decoder *d)
{
    d->tagged = false;
    if (d->chunked != NO_CHUNKS) {
        d->fault = "expected a piece of the string";
        return false;
    }
    return true;
}

/* Where a key goes, @p text is it. */
static bool taken_as_key(struct decoder *d, const char *text)
{
    if (!expects_key(d)) {
        return false;
    }
    d->tree.key = text;
    return true;
}

static void open_container(struct decoder *d, int type, uint64_t count)
{
    if (!item_begins(d)) {
        return;
    }
    if (expects_key(d)) {
        d->fault = "a key must not be an array or a map";
        return;
    }
    if (!tree_open(&d->tree, type)) {
        d->fault = d->tree.fault;
        return;
    }
    d->left[d->tree.depth - 1] = count;
    if (count == 0) {
        tree_close(&d->tree);
        value_done(d);
    }
}

/* By announced count: what could never be complete is refused at once. */
static void open_counted(struct decoder *d, int type, uint64_t n)
{
    if (n > d->tree.limits.nodes || n == INDEFINITE) {
        d->fault = "too many values";
    } else {
        open_container(d, type, n);
    }
}

static void on_array(void *decoder, size_t n)
{
    open_counted(decoder, cJSON_Array, n);
}

static void on_map(void *decoder, size_t n)
{
    open_counted(decoder, cJSON_Object, n);
}

static void on_indefinite_array(void *decoder)
{
    open_container(decoder, cJSON_Array, INDEFINITE);
}

static void on_indefinite_map(void *decoder)
{
    open_container(decoder, cJSON_Object, INDEFINITE);
}

static void on_tag(void *decoder, uint64_t tag)
{
    struct decoder *d = decoder;
    (void)tag;
    if (item_begins(d)) {
        d->tagged = true;
    }
}

/* ---- strings ----------------------------------------------------------------------------- */

static void add_text(struct decoder *d, const char *s, size_t len)
{
    if (!edge_utf8_valid(s, len)) {
        d->fault = "not UTF-8";
        return;
    }
    const char *text = tree_text(d->arena, s, len);
    if (!taken_as_key(d, text)) {
        added(d, tree_add_string(&d->tree, text));
    }
}

static void add_bytes(struct decoder *d, const void *bytes, size_t n)
{
    const char *text = edge_base64_encode(d->arena, bytes, n);
    if (!taken_as_key(d, text)) {
        added(d, tree_add_string(&d->tree, text));
    }
}

static void on_text(void *decoder, cbor_data bytes, size_t n)
{
    struct decoder *d = decoder;
    if (d->chunked == TEXT_CHUNKS && !d->tagged) {
        edge_buf_put(&d->chunks, bytes, n);
    } else if (item_begins(d)) {
        add_text(d, (const char *)bytes, n);
    }
}

static void on_bytes(void *decoder, cbor_data bytes, size_t n)
{
    struct decoder *d = decoder;
    if (d->chunked == BYTE_CHUNKS && !d->tagged) {
        edge_buf_put(&d->chunks, bytes, n);
    } else if (item_begins(d)) {
        add_bytes(d, bytes, n);
    }
}

static void begin_chunks(struct decoder *d, enum chunks kind)
{
    if (item_begins(d)) {
        d->chunked = kind;
        d->chunks.len = 0;
    }
}

static void on_indefinite_text(void *decoder)
{
    begin_chunks(decoder, TEXT_CHUNKS);
}

static void on_indefinite_bytes(void *decoder)
{
    begin_chunks(decoder, BYTE_CHUNKS);
}

static void end_chunks(struct decoder *d)
{
    enum chunks kind = d->chunked;
    d->chunked = NO_CHUNKS;
    const char *bytes = edge_buf_str(&d->chunks);
    if (kind == TEXT_CHUNKS) {
        add_text(d, bytes, d->chunks.len);
    } else {
        add_bytes(d, bytes, d->chunks.len);
    }
}

static void on_break(void *decoder)
{
    struct decoder *d = decoder;
    if (d->chunked != NO_CHUNKS) {
        end_chunks(d);
    } else if (d->tagged || d->tree.depth == 0 || d->left[d->tree.depth - 1] != INDEFINITE ||
               d->tree.key) {
        d->fault = "unexpected break";
    } else {
        tree_close(&d->tree);
        value_done(d);
    }
}

/* ---- numbers and the rest ---------------------------------------------------------------- */

static void add_integer(struct decoder *d, bool negative, uint64_t magnitude)
{
    if (!item_begins(d)) {
        return;
    }
    if (magnitude < (uint64_t)1e15 && !expects_key(d)) {
        added(d, tree_add_real(&d->tree, negative ? -(double)magnitude : (double)magnitude));
        return;
    }
    char text[24];
    int n = snprintf(text, sizeof(text), "-%" PRIu64, magnitude);
    if (!taken_as_key(d, edge_strdup(d->arena, text + !negative))) {
        added(d, tree_add_integer(&d->tree, negative, text + 1, (size_t)n - 1));
    }
}

static void on_real(void *decoder, double v)
{
    struct decoder *d = decoder;
    if (!item_begins(d)) {
        return;
    }
    if (expects_key(d)) {
        char *text = edge_alloc(d->arena, EDGE_REAL_TEXT_SIZE, 1);
        if (isfinite(v)) {
            edge_real_json(v, text);
        } else {
            edge_real_e(v, text);
        }
        d->tree.key = text;
        return;
    }
    added(d, isfinite(v) ? tree_add_real(&d->tree, v) : tree_add(&d->tree, cJSON_NULL));
}

static void on_float(void *decoder, float v)
{
    on_real(decoder, (double)v);
}

static void on_uint(void *decoder, uint64_t v)
{
    add_integer(decoder, false, v);
}

static void on_uint32(void *decoder, uint32_t v)
{
    on_uint(decoder, v);
}

static void on_uint16(void *decoder, uint16_t v)
{
    on_uint(decoder, v);
}

static void on_uint8(void *decoder, uint8_t v)
{
    on_uint(decoder, v);
}

/* @p v stands for -1 - v. */
static void on_negative(void *decoder, uint64_t v)
{
    if (v == UINT64_MAX) {
        on_real(decoder, -0x1p64); /* exact, like the others */
    } else {
        add_integer(decoder, true, v + 1);
    }
}

static void on_negative32(void *decoder, uint32_t v)
{
    on_negative(decoder, v);
}

static void on_negative16(void *decoder, uint16_t v)
{
    on_negative(decoder, v);
}

static void on_negative8(void *decoder, uint8_t v)
{
    on_negative(decoder, v);
}

static void on_bool(void *decoder, bool v)
{
    struct decoder *d = decoder;
    if (item_begins(d) && !taken_as_key(d, v ? "true" : "false")) {
        added(d, tree_add_bool(&d->tree, v));
    }
}

static void on_null(void *decoder)
{
    struct decoder *d = decoder;
    if (item_begins(d) && !taken_as_key(d, "null")) {
        added(d, tree_add(&d->tree, cJSON_NULL));
    }
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative,
    .byte_string_start = on_indefinite_bytes,
    .byte_string = on_bytes,
    .string_start = on_indefinite_text,
    .string = on_text,
    .indef_array_start = on_indefinite_array,
    .array_start = on_array,
    .indef_map_start = on_indefinite_map,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_real,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_break,
};

/* ---- the door ---------------------------------------------------------------------------- */

static void decoder_done(struct decoder *d)
{
    edge_buf_done(&d->chunks);
}

static enum edge_status malformed(struct edge_ctx *ctx, size_t at, const char *why)
{
    return edge_fail(ctx, EDGE_INVALID, "malformed cbor at byte %zu: %s", at, why);
}

enum edge_status edge_cbor_parse(struct edge_ctx *ctx, const void *bytes, size_t size,
                                 const struct edge_json_limits *limits, const cJSON **ret)
{
    EDGE_CLEANUP(decoder_done) struct decoder d = {.arena = &ctx->arena};
    tree_init(&d.tree, &ctx->arena, limits);
    d.tree.payer = ctx;
    d.left = edge_new_n(&ctx->arena, uint64_t, d.tree.limits.depth);
    if (size > d.tree.limits.bytes) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "cbor of %zu bytes is over the limit of %zu", size,
                         d.tree.limits.bytes);
    }
    if (size == 0) {
        return edge_fail(ctx, EDGE_INVALID, "EOF");
    }
    size_t at = 0;
    while (!is_complete(&d)) {
        struct cbor_decoder_result item =
            cbor_stream_decode((cbor_data)bytes + at, size - at, &callbacks, &d);
        if (item.status == CBOR_DECODER_NEDATA) {
            return malformed(ctx, size, "unexpected end");
        }
        if (item.status != CBOR_DECODER_FINISHED) {
            return malformed(ctx, at, "unknown kind of item");
        }
        if (d.fault) {
            return d.tree.refusal == EDGE_INVALID ? malformed(ctx, at, d.fault) : d.tree.refusal;
        }
        at += item.read;
    }
    if (at < size) {
        return malformed(ctx, at, "bytes after the value");
    }
    *ret = d.tree.root;
    return EDGE_OK;
}

/* ---- out --------------------------------------------------------------------------------- */

enum { HEAD_SIZE = 9 };

static void put_text(struct edge_buf *out, const char *s)
{
    size_t len = strlen(s);
    out->len +=
        cbor_encode_string_start(len, (unsigned char *)edge_buf_room(out, HEAD_SIZE), HEAD_SIZE);
    edge_buf_put(out, s, len);
}

static void put_integer(struct edge_buf *out, bool negative, uint64_t magnitude)
{
    unsigned char *room = (unsigned char *)edge_buf_room(out, HEAD_SIZE);
    out->len += negative ? cbor_encode_negint(magnitude - 1, room, HEAD_SIZE)
                         : cbor_encode_uint(magnitude, room, HEAD_SIZE);
}

static void put_real(struct edge_buf *out, double v)
{
    out->len += cbor_encode_double(v, (unsigned char *)edge_buf_room(out, HEAD_SIZE), HEAD_SIZE);
}

static void put_number(struct edge_buf *out, double v)
{
    bool integer = v == trunc(v) && fabs(v) < 1e15 && !(v == 0 && signbit(v));
    if (integer) {
        put_integer(out, v < 0, (uint64_t)fabs(v));
    } else {
        put_real(out, v);
    }
}

static void put_digits(struct edge_buf *out, const char *text)
{
    bool negative = *text == '-';
    uint64_t magnitude;
    if (edge_uint_parse(text + negative, &magnitude)) {
        put_integer(out, negative && magnitude > 0, magnitude);
    } else {
        put_real(out, strtod(text, NULL));
    }
}

static void put_members(struct edge_buf *out, const cJSON *container)
{
    bool object = cJSON_IsObject(container);
    size_t n = 0;
    for (const cJSON *m = container->child; m; m = m->next) {
        n++;
    }
    unsigned char *room = (unsigned char *)edge_buf_room(out, HEAD_SIZE);
    out->len += object ? cbor_encode_map_start(n, room, HEAD_SIZE)
                       : cbor_encode_array_start(n, room, HEAD_SIZE);
    for (const cJSON *m = container->child; m; m = m->next) {
        if (object) {
            put_text(out, m->string);
        }
        edge_cbor_put(out, m);
    }
}

void edge_cbor_put(struct edge_buf *out, const cJSON *tree)
{
    switch (tree->type & 0xff) {
    case cJSON_Object:
    case cJSON_Array:
        put_members(out, tree);
        break;
    case cJSON_String:
        put_text(out, tree->valuestring);
        break;
    case cJSON_Number:
        put_number(out, tree->valuedouble);
        break;
    case cJSON_Raw:
        put_digits(out, tree->valuestring);
        break;
    case cJSON_True:
    case cJSON_False:
        out->len += cbor_encode_bool(cJSON_IsTrue(tree), (unsigned char *)edge_buf_room(out, 1), 1);
        break;
    default:
        out->len += cbor_encode_null((unsigned char *)edge_buf_room(out, 1), 1);
    }
}
