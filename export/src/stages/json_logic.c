/*
 * JSONLogic: a rule in JSON decides whether a message goes on. Rules are checked when the pipeline is made, and steps
 * have a bound, since map, filter and reduce can be put into each other.
 */
#include <string.h>

#include "edge/text.h"
#include "json_value.h"
#include "stages.h"

struct logic {
    const cJSON *rule;
};

static const struct logic_operation *find(const char *name)
{
    for (size_t i = 0; i < LOGIC_N_OPERATIONS; i++) {
        if (strcmp(LOGIC_OPERATIONS[i].name, name) == 0) {
            return &LOGIC_OPERATIONS[i];
        }
    }
    return NULL;
}

/* ---- evaluating ------------------------------------------------------------------------------- */

static bool is_rule(const cJSON *v)
{
    return cJSON_IsObject(v) && v->child && !v->child->next;
}

logic_value logic_evaluate(struct logic_eval *e, const cJSON *rule, logic_value data)
{
    if (!logic_step(e) || e->depth > LOGIC_DEPTH) {
        return logic_fail(e, "is too deep");
    }
    e->depth++;
    logic_value result = rule;
    if (cJSON_IsArray(rule)) {
        cJSON *out = logic_make(e, cJSON_Array);
        for (const cJSON *i = rule->child; i; i = i->next) {
            logic_append(e, out, logic_evaluate(e, i, data));
        }
        result = out;
    } else if (is_rule(rule)) {
        const struct logic_operation *op = find(rule->child->string);
        result =
            op ? op->run(e, rule->child, data) : logic_fail(e, "has an operation nobody knows");
    }
    e->depth--;
    return e->fault ? NULL : result;
}

/* Names of operations, wherever something could be run. */
static enum edge_status check(struct edge_ctx *ctx, const cJSON *rule)
{
    if (is_rule(rule) && !find(rule->child->string)) {
        struct edge_nearest near = {.wanted = rule->child->string};
        for (size_t i = 0; i < LOGIC_N_OPERATIONS; i++) {
            edge_nearest_offer(&near, LOGIC_OPERATIONS[i].name);
        }
        return edge_fail(ctx, EDGE_INVALID, "Rule: there is no operation '%s'%s%s",
                         rule->child->string, near.name ? ", the nearest is " : "",
                         near.name ? near.name : "");
    }
    for (const cJSON *i = cJSON_IsArray(rule) || is_rule(rule) ? rule->child : NULL; i;
         i = i->next) {
        EDGE_TRY(check(ctx, i));
    }
    return EDGE_OK;
}

enum edge_status export_logic_apply(struct edge_ctx *ctx, const cJSON *rule, const cJSON *data,
                                    const cJSON **ret)
{
    struct logic_eval e = {.ctx = ctx};
    *ret = logic_evaluate(&e, rule, data);
    return e.fault ? edge_fail(ctx, EDGE_INVALID, "the rule %s", e.fault) : EDGE_OK;
}

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    const struct logic *l = stage;
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes bytes;
    const char *type;
    const cJSON *data = NULL, *result = NULL;
    if (export_data_bytes(ctx, &flow->data, &bytes, &type) != EDGE_OK ||
        edge_json_parse(ctx, bytes.data, bytes.size, NULL, &data) != EDGE_OK ||
        export_logic_apply(ctx, l->rule, data, &result) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    if (!result || !cJSON_IsBool(result)) {
        (void)!edge_fail(ctx, EDGE_INVALID, "the rule gives no truth value");
        return EXPORT_FAIL;
    }
    return cJSON_IsTrue(result) ? EXPORT_GO_ON : EXPORT_STOP;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    const char *text = export_params_text(params, "Rule");
    const cJSON *rule = NULL;
    struct logic *l = edge_new(a, struct logic);
    *ret = l;
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, text, strlen(text), NULL, &rule), "Rule"));
    l->rule = edge_json_clone(a, rule);
    return check(ctx, rule);
}

static const struct export_param params[] = {
    {"Rule",         "Of jsonlogic.com; it must give true or false.", EXPORT_P_TEXT},
    {0},
};

const struct export_function export_json_logic = {
    .name = "JSONLogic",
    .doc = "Goes on where a rule is true of it.",
    .params = params,
    .compile = compile,
    .run = run,
};
