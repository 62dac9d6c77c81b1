/* Parameters of functions: official names in any case, texts, checked against the function's table. */
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "stages.h"

static size_t row_of(const struct export_param *table, const char *name)
{
    size_t i = 0;
    while (table[i].name && strcasecmp(table[i].name, name) != 0) {
        i++;
    }
    return i;
}

static const char *value_of(const struct export_params *p, const char *name)
{
    return p->values[row_of(p->table, name)];
}

const char *export_params_text(const struct export_params *p, const char *name)
{
    return value_of(p, name);
}

bool export_params_true(const struct export_params *p, const char *name)
{
    bool truth = false;
    const char *text = value_of(p, name);
    return text && edge_bool_parse(text, &truth) && truth;
}

int64_t export_params_count(const struct export_params *p, const char *name)
{
    int64_t n = 0;
    const char *text = value_of(p, name);
    return text && edge_int_parse(text, &n) ? n : 0;
}

int64_t export_params_ms(const struct export_params *p, const char *name)
{
    enum { NS_PER_MS = 1000000 };
    int64_t ns = 0;
    const char *text = value_of(p, name);
    return text && edge_duration_parse(text, true, &ns) ? ns / NS_PER_MS + (ns % NS_PER_MS > 0) : 0;
}

static bool choose(const char *const *names, const char *text, unsigned *ret)
{
    for (*ret = 0; names[*ret]; ++*ret) {
        if (strcasecmp(names[*ret], text) == 0) {
            return true;
        }
    }
    return false;
}

unsigned export_params_choice(const struct export_params *p, const char *name)
{
    size_t row = row_of(p->table, name);
    unsigned choice = 0;
    return p->values[row] && choose(p->table[row].names, p->values[row], &choice) ? choice : 0;
}

/* ---- checking ------------------------------------------------------------------------------- */

static const char *choices(struct edge_arena *a, const char *const *names)
{
    const char *text = names[0];
    for (names++; *names; names++) {
        text = edge_printf(a, "%s%s%s", text, names[1] ? ", " : " or ", *names);
    }
    return text;
}

static const char *fault_of_count(struct edge_arena *a, const struct export_param *row,
                                  const char *text)
{
    int64_t n;
    int64_t max = row->max > 0 ? row->max : INT32_MAX;
    return edge_int_parse(text, &n) && n >= row->min && n <= max
               ? NULL
               : edge_printf(a, "a number from %lld to %lld", (long long)row->min, (long long)max);
}

/* NULL: it may be that; else what it must be. */
static const char *fault_of(struct edge_arena *a, const struct export_param *row, const char *text)
{
    bool truth;
    int64_t n;
    unsigned choice;
    switch (row->kind) {
    case EXPORT_P_TEXT:
        return NULL;
    case EXPORT_P_BOOL:
        return edge_bool_parse(text, &truth) ? NULL : "true or false";
    case EXPORT_P_COUNT:
        return fault_of_count(a, row, text);
    case EXPORT_P_DURATION:
        return edge_duration_parse(text, true, &n) && n >= 0 ? NULL
                                                             : "a duration such as 500ms or 1m30s";
    case EXPORT_P_ONE_OF:
        return choose(row->names, text, &choice) ? NULL : choices(a, row->names);
    }
    return NULL;
}

static enum edge_status take(struct edge_ctx *ctx, struct edge_arena *a, const char *instance,
                             const struct export_param *row, const char *given, const char **ret)
{
    bool is_given = given && (*given || row->may_be_empty);
    if (!is_given && row->def) {
        *ret = row->def;
        return EDGE_OK;
    }
    if (!is_given) {
        return edge_fail(ctx, EDGE_INVALID, "%s: %s is missing", instance, row->name);
    }
    const char *wanted = *given ? fault_of(&ctx->arena, row, given) : NULL;
    if (wanted) {
        return edge_fail(ctx, EDGE_INVALID, "%s: %s must be %s, not '%s'", instance, row->name,
                         wanted, edge_text_brief(&ctx->arena, given, 100));
    }
    *ret = edge_strdup(a, given);
    return EDGE_OK;
}

enum edge_status export_params_check(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_function *f, const char *instance,
                                     const struct edge_named_text *given, size_t n_given,
                                     struct export_params *ret)
{
    enum edge_status st = EDGE_OK;
    size_t n = row_of(f->params, "");
    const char **texts = edge_new_n(&ctx->arena, const char *, n + 1);
    const char **values = edge_new_n(a, const char *, n + 1);
    for (size_t i = 0; i < n_given; i++) {
        texts[row_of(f->params, given[i].name)] = given[i].value ? given[i].value : "";
    }
    for (size_t i = 0; i < n; i++) {
        enum edge_status one = take(ctx, a, instance, &f->params[i], texts[i], &values[i]);
        st = st == EDGE_OK ? one : st;
    }
    *ret = (struct export_params){edge_strdup(a, instance), f->params, values};
    return st;
}
