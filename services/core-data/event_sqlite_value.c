/**
 * Values between readings and rows: numbers are stored as numbers (so they come out in one form,
 * whatever form they came in), everything else as its text or bytes.
 */
#include <math.h>
#include <string.h>

#include "edge/log.h"
#include "event_sqlite.h"

static enum edge_status number_from_text(struct edge_ctx *ctx, const struct reading *r,
                                         struct row_value *ret)
{
    struct value_number n = {0};
    if (!value_number_parse(r->value_type, r->value, &n)) {
        return edge_fail(ctx, EDGE_INVALID, "The value does not match the %s valueType",
                         VALUE_TYPES[r->value_type]);
    }
    if (value_type_is_float(r->value_type)) {
        if (isnan(n.f)) { /* SQLite would make NULL of it */
            *ret = (struct row_value){.form = VALUE_TEXT, .bytes = "NaN", .size = 3};
        } else {
            *ret = (struct row_value){.form = VALUE_REAL, .r = n.f};
        }
    } else if (value_type_is_unsigned(r->value_type)) {
        *ret = (struct row_value){.form = VALUE_INT, .i = (int64_t)n.u}; /* bit pattern */
    } else {
        *ret = (struct row_value){.form = VALUE_INT, .i = n.i};
    }
    return EDGE_OK;
}

static struct row_value tree_text(struct edge_ctx *ctx, const cJSON *tree)
{
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, tree);
    size_t size = buf.len;
    const char *text = edge_strndup(&ctx->arena, edge_buf_str(&buf), size);
    edge_buf_done(&buf);
    return (struct row_value){.form = VALUE_TEXT, .bytes = text, .size = size};
}

enum edge_status value_from_reading(struct edge_ctx *ctx, const struct reading *r,
                                    struct row_value *ret)
{
    *ret = (struct row_value){.form = VALUE_NULL};
    if (r->is_null) {
        return EDGE_OK;
    }
    if (r->value_type == VT_BINARY) {
        if (r->binary.data) {
            *ret = (struct row_value){
                .form = VALUE_BLOB, .bytes = r->binary.data, .size = r->binary.size};
        }
    } else if (r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY) {
        if (r->object) {
            *ret = tree_text(ctx, r->object);
        }
    } else if (r->value && (value_type_is_numeric(r->value_type) || r->value_type == VT_BOOL)) {
        return number_from_text(ctx, r, ret);
    } else if (r->value) {
        *ret = (struct row_value){.form = VALUE_TEXT, .bytes = r->value, .size = strlen(r->value)};
    }
    return EDGE_OK;
}

void value_bind(sqlite3_stmt *stmt, int at, const struct row_value *v)
{
    switch (v->form) {
    case VALUE_NULL:
        sqlite3_bind_null(stmt, at);
        break;
    case VALUE_INT:
        sqlite3_bind_int64(stmt, at, v->i);
        break;
    case VALUE_REAL:
        sqlite3_bind_double(stmt, at, v->r);
        break;
    case VALUE_TEXT:
        sqlite3_bind_text64(stmt, at, v->bytes, v->size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case VALUE_BLOB:
        sqlite3_bind_blob64(stmt, at, v->bytes, v->size, SQLITE_STATIC);
        break;
    }
}

static const char *number_text(struct edge_ctx *ctx, sqlite3_stmt *stmt, int column, unsigned type)
{
    struct value_number n = {0};
    if (value_type_is_float(type)) {
        bool nan = sqlite3_column_type(stmt, column) == SQLITE_TEXT;
        n.f = nan ? (double)NAN : sqlite3_column_double(stmt, column);
    } else {
        n.i = sqlite3_column_int64(stmt, column);
        n.u = (uint64_t)n.i;
    }
    char text[VALUE_NUMBER_TEXT];
    value_number_text(type, &n, text);
    return edge_strdup(&ctx->arena, text);
}

const cJSON *value_tree(struct edge_ctx *ctx, const char *text, size_t size)
{
    const cJSON *tree = NULL;
    if (edge_json_parse(ctx, text, size, NULL, &tree) != EDGE_OK) {
        edge_log_warn(ctx, "stored JSON cannot be read", "reason",
                      edge_ctx_message(ctx, EDGE_INVALID), NULL);
        edge_ctx_clear(ctx);
    }
    return tree;
}

void value_to_reading(struct edge_ctx *ctx, sqlite3_stmt *stmt, int column, struct reading *r)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        r->is_null = true;
        return;
    }
    if (value_type_is_numeric(r->value_type) || r->value_type == VT_BOOL) {
        r->value = number_text(ctx, stmt, column, r->value_type);
        return;
    }
    const void *bytes = sqlite3_column_blob(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    const char *copy = edge_strndup(&ctx->arena, bytes, size);
    if (r->value_type == VT_BINARY) {
        r->binary = (struct edge_bytes){copy, size};
    } else if (r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY) {
        r->object = value_tree(ctx, copy, size);
        r->is_null = !r->object;
    } else {
        r->value = copy;
    }
}

const char *id_to_text(struct edge_arena *a, const unsigned char id[ID_SIZE])
{
    static const char DIGITS[] = "0123456789abcdef";
    char text[37], *at = text;
    for (size_t i = 0; i < ID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = DIGITS[id[i] >> 4];
        *at++ = DIGITS[id[i] & 15];
    }
    *at = '\0';
    return edge_strdup(a, text);
}

uint64_t id_prefix(const unsigned char id[ID_SIZE])
{
    uint64_t prefix;
    memcpy(&prefix, id, sizeof(prefix));
    return prefix;
}
