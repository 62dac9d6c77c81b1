/* All tables in one list, and what their functions are made with. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "rules_code.h"
#include "rules_tables.h"

const struct rules_function_table RULES_FUNCTIONS[] = {
    {"Numbers",               RULES_MATHS        },
    {"Texts",                 RULES_TEXTS        },
    {"Dates and times",       RULES_TIMES        },
    {"Conversion and hashes", RULES_CONVERSIONS  },
    {"Objects and JSON",      RULES_OBJECTS_TABLE},
    {"Arrays",                RULES_ARRAYS       },
    {"Aggregates",            RULES_AGGREGATES   },
    {"Analytic functions",    RULES_ANALYTICS    },
};
const size_t RULES_N_FUNCTIONS = sizeof(RULES_FUNCTIONS) / sizeof(RULES_FUNCTIONS[0]);

const struct rules_function *rules_function_find(const char *name, const char **ret_near)
{
    struct edge_nearest nearest = {.wanted = name};
    for (size_t t = 0; t < RULES_N_FUNCTIONS; t++) {
        for (const struct rules_function *f = RULES_FUNCTIONS[t].rows; f->name; f++) {
            if (strcasecmp(f->name, name) == 0) {
                *ret_near = NULL;
                return f;
            }
        }
    }
    for (size_t t = 0; t < RULES_N_FUNCTIONS; t++) {
        for (const struct rules_function *f = RULES_FUNCTIONS[t].rows; f->name; f++) {
            edge_nearest_offer(&nearest, f->name);
        }
    }
    *ret_near = nearest.name;
    return NULL;
}

/* ---- results ------------------------------------------------------------------------------ */

static void *room(struct rules_call *c, size_t n, size_t size, size_t max, const char *what)
{
    if (n > max) {
        rules_error(c, "%s of %zu is over the limit of %zu", what, n, max);
        return NULL;
    }
    void *p = rules_alloc(c->memory, n + 1, size);
    if (!p) {
        rules_error(c, "too much memory for one row");
    }
    return p;
}

char *rules_new_text(struct rules_call *c, size_t n)
{
    return room(c, n, 1, RULES_TEXT_MAX, "a text");
}

struct rules_value *rules_new_items(struct rules_call *c, size_t n)
{
    return room(c, n, sizeof(struct rules_value), RULES_ITEMS_MAX, "an array");
}

struct rules_member *rules_new_members(struct rules_call *c, size_t n)
{
    return room(c, n, sizeof(struct rules_member), RULES_ITEMS_MAX, "an object");
}

struct rules_value rules_array(const struct rules_value *items, size_t n)
{
    return (struct rules_value){.kind = RULES_ARRAY, .n = (uint32_t)n, .items = items};
}

struct rules_value rules_object(const struct rules_member *members, size_t n)
{
    return (struct rules_value){.kind = RULES_OBJECT, .n = (uint32_t)n, .members = members};
}

/* ---- arguments ---------------------------------------------------------------------------- */

static bool wrong(struct rules_call *c, size_t i, const char *wanted, const struct rules_value *v)
{
    return rules_error(c, "argument %zu is a %s, not a %s", i + 1, rules_kind_name(v->kind),
                       wanted);
}

bool rules_arg_text(struct rules_call *c, const struct rules_value *args, size_t i,
                    const char **ret)
{
    if (args[i].kind != RULES_TEXT) {
        return wrong(c, i, "string", &args[i]);
    }
    *ret = args[i].text;
    return true;
}

bool rules_arg_int(struct rules_call *c, const struct rules_value *args, size_t i, int64_t *ret)
{
    const struct rules_value *v = &args[i];
    if (v->kind == RULES_REAL && v->f == floor(v->f) && fabs(v->f) < 0x1p62) {
        *ret = (int64_t)v->f;
        return true;
    }
    if (v->kind != RULES_INT) {
        return wrong(c, i, "bigint", v);
    }
    *ret = v->i;
    return true;
}

bool rules_arg_real(struct rules_call *c, const struct rules_value *args, size_t i, double *ret)
{
    if (!rules_is_number(&args[i])) {
        return wrong(c, i, "number", &args[i]);
    }
    *ret = rules_as_real(&args[i]);
    return true;
}

bool rules_arg_bool(struct rules_call *c, const struct rules_value *args, size_t i, bool *ret)
{
    if (args[i].kind != RULES_BOOL) {
        return wrong(c, i, "boolean", &args[i]);
    }
    *ret = args[i].b;
    return true;
}

bool rules_arg_array(struct rules_call *c, const struct rules_value *args, size_t i)
{
    return args[i].kind == RULES_ARRAY || wrong(c, i, "array", &args[i]);
}

bool rules_arg_object(struct rules_call *c, const struct rules_value *args, size_t i)
{
    return args[i].kind == RULES_OBJECT || wrong(c, i, "struct", &args[i]);
}

bool rules_to_text(struct rules_call *c, const struct rules_value *v, const char **ret)
{
    if (v->kind == RULES_TEXT) {
        *ret = v->text;
        return true;
    }
    if (rules_is_nothing(v)) {
        *ret = "";
        return true;
    }
    if (v->kind == RULES_BYTES) {
        char *copy = rules_new_text(c, v->n);
        if (!copy) {
            return false;
        }
        if (v->n) {
            memcpy(copy, v->bytes, v->n);
        }
        *ret = copy;
        return (!memchr(copy, '\0', v->n) && edge_utf8_valid(copy, v->n)) ||
               rules_error(c, "the bytes are no UTF-8 text");
    }
    struct edge_buf json = EDGE_BUF_INIT;
    rules_put_json(&json, v);
    char *text = rules_new_text(c, json.len);
    if (text) {
        memcpy(text, json.data, json.len);
    }
    edge_buf_done(&json);
    *ret = text;
    return text != NULL;
}
