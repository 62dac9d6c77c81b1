#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/json.h"
#include "rules_code.h"
#include "rules_tables.h"

static bool fn_to_json(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    struct edge_buf json = EDGE_BUF_INIT;
    (void)n;
    rules_put_json(&json, &args[0]);
    char *text = rules_new_text(c, json.len);
    if (text) {
        memcpy(text, json.data, json.len);
        *ret = rules_text(text);
    }
    edge_buf_done(&json);
    return text != NULL;
}

static bool fn_parse_json(struct rules_call *c, const struct rules_value *args, size_t n,
                          struct rules_value *ret)
{
    EDGE_CTX_SCOPE(ctx);
    const struct edge_json_limits limits = {.bytes = RULES_TEXT_MAX, .depth = 32, .nodes = 50000};
    const cJSON *json;
    const char *text;
    (void)n;
    if (!rules_arg_text(c, args, 0, &text)) {
        return false;
    }
    enum edge_status st = edge_json_parse(&ctx, text, args[0].n, &limits, &json);
    if (st != EDGE_OK) {
        return rules_error(c, "%s", edge_ctx_message(&ctx, st));
    }
    if (c->memory->more.used > RULES_MEMORY_MAX) {
        return rules_error(c, "too much memory for one row");
    }
    *ret = rules_of_json(&c->memory->more, json);
    return true;
}

/* ---- paths -------------------------------------------------------------------------------- */

struct path {
    struct rules_call *c;
    const char *at;
    struct rules_value *found; /* what the path has led to so far */
    size_t n;
};

static bool path_wrong(struct path *p, const char *what)
{
    return rules_error(p->c, "json path: %s at '%.20s'", what, p->at);
}

/* Every member of what was found that is called so; of arrays, of each of theirs. */
static bool path_member(struct path *p, const char *name)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < p->n; i++) {
        total += p->found[i].kind == RULES_ARRAY ? p->found[i].n : 1;
    }
    struct rules_value *to = rules_new_items(p->c, total);
    for (size_t i = 0; to && i < p->n; i++) {
        const struct rules_value *v = &p->found[i];
        for (uint32_t k = 0; k < (v->kind == RULES_ARRAY ? v->n : 1); k++) {
            const struct rules_value *m =
                rules_member_find(v->kind == RULES_ARRAY ? &v->items[k] : v, name);
            if (m) {
                to[n++] = *m;
            }
        }
    }
    p->found = to;
    p->n = n;
    return to != NULL;
}

static bool path_index(struct path *p, bool all, long index)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < p->n; i++) {
        total +=
            p->found[i].kind == RULES_ARRAY || p->found[i].kind == RULES_OBJECT ? p->found[i].n : 0;
    }
    struct rules_value *to = rules_new_items(p->c, all ? total : p->n);
    for (size_t i = 0; to && i < p->n; i++) {
        const struct rules_value *v = &p->found[i];
        if (v->kind == RULES_OBJECT) {
            for (uint32_t k = 0; all && k < v->n; k++) {
                to[n++] = v->members[k].value;
            }
        } else if (v->kind == RULES_ARRAY && all) {
            for (uint32_t k = 0; k < v->n; k++) {
                to[n++] = v->items[k];
            }
        } else if (v->kind == RULES_ARRAY) {
            long k = index < 0 ? index + (long)v->n : index;
            if (k >= 0 && k < (long)v->n) {
                to[n++] = v->items[k];
            }
        }
    }
    p->found = to;
    p->n = n;
    return to != NULL;
}

static bool path_name(struct path *p, const char *end, size_t skip)
{
    size_t len = (size_t)(end - p->at);
    char *name = rules_new_text(p->c, len);
    if (!name) {
        return false;
    }
    memcpy(name, p->at, len);
    p->at = end + skip;
    return path_member(p, name);
}

static bool path_bracket(struct path *p)
{
    char *end;
    p->at++;
    if (*p->at == '"' || *p->at == '\'') {
        const char *quote = strchr(p->at + 1, *p->at);
        if (!quote || quote[1] != ']') {
            return path_wrong(p, "a name without an end");
        }
        p->at++;
        return path_name(p, quote, 2);
    }
    if (*p->at == '*' && p->at[1] == ']') {
        p->at += 2;
        return path_index(p, true, 0);
    }
    long index = strtol(p->at, &end, 10);
    if (end != p->at && *end == ']') {
        p->at = end + 1;
        return path_index(p, false, index);
    }
    const char *close = strchr(p->at, ']');
    if (close && *p->at != '?' && close > p->at) {
        return path_name(p, close, 1);
    }
    return path_wrong(p, "neither a place, a name nor *");
}

static bool path_run(struct path *p, const struct rules_value *root, const char *text)
{
    p->at = text;
    p->found = rules_new_items(p->c, 1);
    p->n = 1;
    if (!p->found) {
        return false;
    }
    p->found[0] = *root;
    if (*p->at == '$') {
        p->at++;
    }
    for (int steps = 0; *p->at; steps++) {
        if (steps > 64) {
            return path_wrong(p, "too many steps");
        }
        if (*p->at == '[') {
            if (!path_bracket(p)) {
                return false;
            }
            continue;
        }
        p->at += *p->at == '.';
        size_t len = strcspn(p->at, ".[");
        if (len == 0) {
            return path_wrong(p, "no name");
        }
        if (len == 1 && *p->at == '*') {
            p->at++;
            if (!path_index(p, true, 0)) {
                return false;
            }
        } else if (!path_name(p, p->at + len, 0)) {
            return false;
        }
    }
    return true;
}

static bool path_of(struct rules_call *c, const struct rules_value *args, struct path *p)
{
    const char *text;
    *p = (struct path){.c = c};
    return rules_arg_text(c, args, 1, &text) && path_run(p, &args[0], text);
}

static bool fn_path_exists(struct rules_call *c, const struct rules_value *args, size_t n,
                           struct rules_value *ret)
{
    struct path p;
    (void)n;
    if (!path_of(c, args, &p)) {
        return false;
    }
    *ret = rules_bool(p.n > 0);
    return true;
}

static bool fn_path_query(struct rules_call *c, const struct rules_value *args, size_t n,
                          struct rules_value *ret)
{
    struct path p;
    (void)n;
    if (!path_of(c, args, &p)) {
        return false;
    }
    *ret = rules_array(p.found, p.n);
    return true;
}

static bool fn_path_first(struct rules_call *c, const struct rules_value *args, size_t n,
                          struct rules_value *ret)
{
    struct path p;
    (void)n;
    if (!path_of(c, args, &p)) {
        return false;
    }
    *ret = p.n ? p.found[0] : rules_null();
    return true;
}

/* ---- objects ------------------------------------------------------------------------------ */

static bool each_member(struct rules_call *c, const struct rules_value *args, int what,
                        struct rules_value *ret)
{
    if (!rules_arg_object(c, args, 0)) {
        return false;
    }
    struct rules_value *items = rules_new_items(c, args[0].n);
    for (uint32_t i = 0; items && i < args[0].n; i++) {
        const struct rules_member *m = &args[0].members[i];
        items[i] = what == 0 ? rules_text(m->name) : m->value;
        if (what == 2) {
            struct rules_value *pair = rules_new_items(c, 2);
            if (!pair) {
                return false;
            }
            pair[0] = rules_text(m->name);
            pair[1] = m->value;
            items[i] = rules_array(pair, 2);
        }
    }
    *ret = rules_array(items, args[0].n);
    return items != NULL;
}

#define EACH(fn, what)                                                                             \
    static bool fn(struct rules_call *c, const struct rules_value *args, size_t n,                 \
                   struct rules_value *ret)                                                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return each_member(c, args, what, ret);                                                    \
    }
EACH(fn_keys, 0)
EACH(fn_values, 1)
EACH(fn_items, 2)

/* A member, in place of one called so. */
static void set(struct rules_member *members, size_t *n, const char *name,
                const struct rules_value *v)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(members[i].name, name) == 0) {
            members[i].value = *v;
            return;
        }
    }
    members[(*n)++] = (struct rules_member){name, *v};
}

enum { MEMBERS_MAX = 2000 }; /* of objects that functions make, since names are compared */

static struct rules_member *few_members(struct rules_call *c, size_t n)
{
    if (n > MEMBERS_MAX) {
        rules_error(c, "an object of %zu is over the limit of %d", n, MEMBERS_MAX);
        return NULL;
    }
    return rules_new_members(c, n);
}

static bool fn_object(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    size_t used = 0;
    (void)n;
    if (!rules_arg_array(c, args, 0) || !rules_arg_array(c, args, 1)) {
        return false;
    }
    if (args[0].n != args[1].n) {
        return rules_error(c, "%u keys and %u values", args[0].n, args[1].n);
    }
    struct rules_member *members = few_members(c, args[0].n);
    for (uint32_t i = 0; members && i < args[0].n; i++) {
        const char *key;
        if (!rules_arg_text(c, args[0].items, i, &key)) {
            return false;
        }
        set(members, &used, key, &args[1].items[i]);
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

static bool fn_zip(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    size_t used = 0;
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    struct rules_member *members = few_members(c, args[0].n);
    for (uint32_t i = 0; members && i < args[0].n; i++) {
        const struct rules_value *pair = &args[0].items[i];
        if (pair->kind != RULES_ARRAY || pair->n != 2 || pair->items[0].kind != RULES_TEXT) {
            return rules_error(c, "entry %u is not an array of a name and a value", i);
        }
        set(members, &used, pair->items[0].text, &pair->items[1]);
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

static bool fn_kvpairs(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    size_t used = 0;
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    struct rules_member *members = few_members(c, args[0].n);
    for (uint32_t i = 0; members && i < args[0].n; i++) {
        const struct rules_value *key = rules_member_find(&args[0].items[i], "key");
        const struct rules_value *value = rules_member_find(&args[0].items[i], "value");
        if (!key || !value || key->kind != RULES_TEXT) {
            return rules_error(c, "entry %u has not a key and a value", i);
        }
        set(members, &used, key->text, value);
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

static bool fn_object_construct(struct rules_call *c, const struct rules_value *args, size_t n,
                                struct rules_value *ret)
{
    size_t used = 0;
    if (n % 2) {
        return rules_error(c, "a key without a value");
    }
    struct rules_member *members = few_members(c, n / 2);
    for (size_t i = 0; members && i < n; i += 2) {
        const char *key;
        if (!rules_arg_text(c, args, i, &key)) {
            return false;
        }
        if (!rules_is_nothing(&args[i + 1])) {
            set(members, &used, key, &args[i + 1]);
        }
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

static bool fn_object_concat(struct rules_call *c, const struct rules_value *args, size_t n,
                             struct rules_value *ret)
{
    size_t total = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!rules_arg_object(c, args, i)) {
            return false;
        }
        total += args[i].n;
    }
    struct rules_member *members = few_members(c, total);
    for (size_t i = 0; members && i < n; i++) {
        for (uint32_t k = 0; k < args[i].n; k++) {
            set(members, &used, args[i].members[k].name, &args[i].members[k].value);
        }
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

static bool named(const struct rules_value *names, const char *name)
{
    if (names->kind == RULES_TEXT) {
        return strcmp(names->text, name) == 0;
    }
    for (uint32_t i = 0; names->kind == RULES_ARRAY && i < names->n; i++) {
        if (names->items[i].kind == RULES_TEXT && strcmp(names->items[i].text, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool fn_erase(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    size_t used = 0;
    (void)n;
    if (!rules_arg_object(c, args, 0)) {
        return false;
    }
    struct rules_member *members = rules_new_members(c, args[0].n);
    for (uint32_t i = 0; members && i < args[0].n; i++) {
        if (!named(&args[1], args[0].members[i].name)) {
            members[used++] = args[0].members[i];
        }
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
const struct rules_function RULES_OBJECTS_TABLE[] = {
    ROW("to_json", 1, 1, 0, fn_to_json, "value", "As the text of a JSON."),
    ROW("parse_json", 1, 1, 0, fn_parse_json, "text", "The value of a JSON."),
    ROW("json_path_exists", 2, 2, 0, fn_path_exists, "value, path", "Whether $.a.b[0], $.a[*].b or $[\"a b\"] leads to something."),
    ROW("json_path_query", 2, 2, 0, fn_path_query, "value, path", "All it leads to, an array."),
    ROW("json_path_query_first", 2, 2, 0, fn_path_first, "value, path", "The first of them."),
    ROW("keys", 1, 1, 0, fn_keys, "object", "Its names."),
    ROW("values", 1, 1, 0, fn_values, "object", "Its values."),
    ROW("items", 1, 1, 0, fn_items, "object", "Its members, arrays of name and value."),
    ROW("object", 2, 2, 0, fn_object, "names, values", "Of two arrays."),
    ROW("zip", 1, 1, 0, fn_zip, "entries", "Of arrays of name and value."),
    ROW("kvpair_array_to_obj", 1, 1, 0, fn_kvpairs, "entries", "Of objects with key and value."),
    ROW("object_construct", 2, -1, RULES_FN_NULLS, fn_object_construct, "name, value, ...", "Of names and values; null is left out."),
    ROW("object_concat", 2, -1, 0, fn_object_concat, "object, object, ...", "Members of all; of equal names the last."),
    ROW("erase", 2, 2, 0, fn_erase, "object, names", "Without a name, or an array of them."),
    {0},
};
