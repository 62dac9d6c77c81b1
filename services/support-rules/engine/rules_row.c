/* Rows: of events, of objects; what meta() says of them. */
#include <string.h>

#include "rules_code.h"

/* ---- columns by symbol -------------------------------------------------------------------- */

/* Where a symbol is, or would be. */
static uint16_t *table_place(const struct rules_row *row, uint16_t *table, uint32_t symbol)
{
    uint32_t i = rules_spread(symbol) & row->mask;
    while (table[i] && row->columns[table[i] - 1].symbol != symbol) {
        i = (i + 1) & row->mask;
    }
    return &table[i];
}

enum { COLUMNS_MAX = 32000 };

/* Names that programs speak of are found by number. */
static void row_index(struct rules_engine *e, struct edge_arena *a, struct rules_row *row)
{
    uint32_t size = 4;
    while (size < row->n * 2) {
        size *= 2;
    }
    uint16_t *table = edge_new_n(a, uint16_t, size);
    row->mask = size - 1;
    for (size_t i = 0; i < row->n; i++) {
        row->columns[i].symbol = rules_symbol_find(e, row->columns[i].name);
        if (row->columns[i].symbol) {
            *table_place(row, table, row->columns[i].symbol) = (uint16_t)(i + 1);
        }
    }
    row->table = table;
}

const struct rules_value *rules_row_find(const struct rules_row *row, const char *name)
{
    for (size_t i = row->n; i > 0; i--) {
        if (strcmp(row->columns[i - 1].name, name) == 0) {
            return &row->columns[i - 1].value;
        }
    }
    return NULL;
}

/* ---- events ------------------------------------------------------------------------------- */

static bool scalar_of(unsigned type, const char *text, struct rules_value *ret)
{
    struct value_number n;
    if (type == VT_STRING) {
        *ret = rules_text(text);
        return true;
    }
    if (!value_number_parse(type, text, &n)) {
        return false;
    }
    *ret = type == VT_BOOL                ? rules_bool(n.i != 0)
           : value_type_is_float(type)    ? rules_real(n.f)
           : value_type_is_unsigned(type) ? rules_uint(n.u)
                                          : rules_int(n.i);
    return true;
}

static bool array_of(struct edge_arena *a, unsigned type, const char *text, struct rules_value *ret)
{
    const char **texts;
    size_t n;
    if (!value_array_split(a, type, text, &texts, &n) || n > RULES_ITEMS_MAX) {
        return false;
    }
    struct rules_value *items = edge_new_n(a, struct rules_value, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!scalar_of(value_type_element(type), texts[i], &items[i])) {
            return false;
        }
    }
    *ret = rules_array(items, n);
    return true;
}

/* False: null, or no value of its type. */
static bool value_of_reading(struct edge_arena *a, const struct reading *r, struct rules_value *ret)
{
    if (r->is_null) {
        return false;
    }
    if (r->value_type == VT_BINARY) {
        *ret = (struct rules_value){
            .kind = RULES_BYTES, .n = (uint32_t)r->binary.size, .bytes = r->binary.data};
        return r->binary.size <= UINT32_MAX;
    }
    if (r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY) {
        *ret = rules_of_json(a, r->object);
        return r->object != NULL;
    }
    if (!r->value) {
        return false;
    }
    return value_type_is_array(r->value_type) ? array_of(a, r->value_type, r->value, ret)
                                              : scalar_of(r->value_type, r->value, ret);
}

/* The columns so far have that name already; of equal ones the last stays. */
static struct rules_column *column_named(struct rules_row *row, const char *name)
{
    for (size_t i = 0; i < row->n; i++) {
        if (strcmp(row->columns[i].name, name) == 0) {
            return &row->columns[i];
        }
    }
    return NULL;
}

void rules_row_of_event(struct rules_engine *e, struct edge_arena *a, const struct rules_event *in,
                        struct rules_row *ret)
{
    const struct event *event = in->event;
    size_t n = event->n_readings < COLUMNS_MAX ? event->n_readings : COLUMNS_MAX;
    *ret = (struct rules_row){.stream = in->stream,
                              .stream_symbol = rules_symbol_find(e, in->stream),
                              .ts_ms = event->origin / 1000000,
                              .event = event,
                              .correlation_id = in->correlation_id,
                              .hops = in->hops,
                              .columns = edge_new_n(a, struct rules_column, n + 1)};
    ret->device = event->device_name ? rules_symbol_find(e, event->device_name) : 0;
    ret->profile = event->profile_name ? rules_symbol_find(e, event->profile_name) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct reading *r = &event->readings[i];
        struct rules_value value;
        if (!r->resource_name || !value_of_reading(a, r, &value)) {
            continue;
        }
        struct rules_column *column = n <= 64 ? column_named(ret, r->resource_name) : NULL;
        column = column ? column : &ret->columns[ret->n++];
        *column = (struct rules_column){.name = r->resource_name, .value = value, .reading = r};
    }
    row_index(e, a, ret);
}

void rules_row_of_object(struct rules_engine *e, struct edge_arena *a, const char *stream,
                         const struct rules_value *object, int64_t ts_ms, struct rules_row *ret)
{
    size_t n = object->kind == RULES_OBJECT ? object->n : 0;
    n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
    *ret = (struct rules_row){.stream = stream,
                              .stream_symbol = rules_symbol_find(e, stream),
                              .ts_ms = ts_ms,
                              .columns = edge_new_n(a, struct rules_column, n + 1),
                              .n = n};
    for (size_t i = 0; i < n; i++) {
        ret->columns[i] = (struct rules_column){.name = object->members[i].name,
                                                .value = object->members[i].value};
    }
    row_index(e, a, ret);
}

/* ---- meta() ------------------------------------------------------------------------------- */

static struct rules_value text_or_missing(const char *s)
{
    return s ? rules_text(s) : (struct rules_value){0};
}

/* A member, where it has a value. */
static void add(struct rules_member *members, size_t *n, const char *name, struct rules_value v)
{
    if (v.kind != RULES_MISSING && !(v.kind == RULES_TEXT && v.n == 0)) {
        members[(*n)++] = (struct rules_member){name, v};
    }
}

static bool meta_of_reading(struct rules_env *env, const struct reading *r, struct rules_value *ret)
{
    struct rules_member *m = rules_new_members(&env->call, 9);
    size_t n = 0;
    if (!m) {
        return false;
    }
    add(m, &n, "id", text_or_missing(r->id));
    add(m, &n, "origin", rules_int(r->origin));
    add(m, &n, "deviceName", text_or_missing(r->device_name));
    add(m, &n, "profileName", text_or_missing(r->profile_name));
    add(m, &n, "resourceName", text_or_missing(r->resource_name));
    add(m, &n, "valueType",
        text_or_missing(r->value_type < VT_COUNT ? VALUE_TYPES[r->value_type] : NULL));
    add(m, &n, "mediaType", text_or_missing(r->media_type));
    add(m, &n, "units", text_or_missing(r->units));
    add(m, &n, "tags",
        r->tags ? rules_of_json(&env->call.memory->more, r->tags) : (struct rules_value){0});
    *ret = rules_object(m, n);
    return true;
}

static bool meta_all(struct rules_env *env, const struct rules_row *row, struct rules_value *ret)
{
    struct rules_member *m = rules_new_members(&env->call, row->n + META_READING);
    size_t n = 0;
    for (unsigned i = META_ID; m && i < META_READING; i++) {
        struct rules_slot slot = {.meta = (uint8_t)i};
        struct rules_value v;
        if (!rules_meta(env, row, &slot, &v)) {
            return false;
        }
        add(m, &n, RULES_META_NAMES[i], v);
    }
    for (size_t i = 0; m && i < row->n; i++) {
        struct rules_value v;
        if (row->columns[i].reading) {
            if (!meta_of_reading(env, row->columns[i].reading, &v)) {
                return false;
            }
            m[n++] = (struct rules_member){row->columns[i].name, v};
        }
    }
    *ret = rules_object(m, n);
    return m != NULL;
}

static struct rules_value meta_of_event(struct rules_env *env, const struct rules_row *row,
                                        unsigned meta)
{
    const struct event *e = row->event;
    switch (meta) {
    case META_ID:
        return text_or_missing(e->id);
    case META_DEVICE:
        return text_or_missing(e->device_name);
    case META_PROFILE:
        return text_or_missing(e->profile_name);
    case META_SOURCE:
        return text_or_missing(e->source_name);
    case META_ORIGIN:
        return rules_int(e->origin);
    case META_CORRELATION:
        return text_or_missing(row->correlation_id);
    case META_TAGS:
        return e->tags ? rules_of_json(&env->call.memory->more, e->tags) : (struct rules_value){0};
    default:
        return (struct rules_value){0};
    }
}

bool rules_meta(struct rules_env *env, const struct rules_row *row, const struct rules_slot *slot,
                struct rules_value *ret)
{
    *ret = (struct rules_value){0};
    if (!row->event) {
        const struct rules_value *found =
            slot->meta == META_ALL ? &row->meta
            : slot->meta == META_READING && slot->name
                ? rules_member_find(&row->meta, slot->name)
                : rules_member_find(&row->meta,
                                    RULES_META_NAMES[slot->meta < META_READING ? slot->meta : 0]);
        *ret = found ? *found : *ret;
        return true;
    }
    if (slot->meta == META_ALL) {
        return meta_all(env, row, ret);
    }
    if (slot->meta != META_READING) {
        *ret = meta_of_event(env, row, slot->meta);
        return true;
    }
    const struct rules_column *column = rules_row_column(row, slot->symbol);
    return !column || !column->reading || meta_of_reading(env, column->reading, ret);
}
