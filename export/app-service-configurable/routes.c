/* What the application service answers over HTTP: its trigger, its pipelines. */
#include <string.h>

#include "app.h"
#include "edge/text.h"

enum { CONFLICT_CODE = 422, SHOWN_BYTES = 4096 };

/* ---- tables --------------------------------------------------------------------------------- */

struct step_view {
    const char *function;
    unsigned verdict;
    const char *kind, *content_type, *reason;
    const char *output;
    const cJSON *values;
};

static const char *const VERDICTS[] = {"goes on", "stops", "fails", NULL};

/* clang-format off */
#define F(m, key, text, ...) EDGE_FIELD(struct step_view, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field step_fields[] = {
    F(function, "function", "As configured.", .flags = EDGE_REQUIRED),
    F(verdict, "verdict", "goes on, stops (filtered out) or fails.", .names = VERDICTS, .flags = EDGE_EMIT_EMPTY),
    F(reason, "reason", "Of a failure."),
    F(kind, "kind", "What comes out of it.", .flags = EDGE_EMIT_EMPTY),
    F(content_type, "contentType", "Of what comes out."),
    F(output, "output", "What comes out, its beginning.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
const struct edge_dto EXPORT_STEP = EDGE_DTO(struct step_view, "ExportStep", step_fields);
/* clang-format on */

static const char *shown(struct edge_arena *a, const void *bytes, size_t size)
{
    return edge_text_brief(
        a, edge_strndup(a, bytes ? bytes : "", size < SHOWN_BYTES ? size : SHOWN_BYTES),
        SHOWN_BYTES);
}

/* ---- trigger -------------------------------------------------------------------------------- */

static struct export_input input_of(struct edge_call *call)
{
    size_t size;
    const void *body = edge_call_body(call, &size);
    return (struct export_input){
        .body = {body, size},
          .content_type = edge_call_header(call, "Content-Type")
    };
}

enum edge_status app_trigger(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct export_answer answer = {0};
    struct export_input in = input_of(call);
    if (app->config->trigger.type != EXPORT_TRIGGER_HTTP) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "Trigger.Type is not http");
    }
    enum edge_status st = export_engine_run(ctx, app->front.engine, &in, &answer,
                                            edge_call_began_ms(call) + app->rt->request_timeout_ms);
    if (st == EDGE_CONFLICT) {
        return edge_reply_base(call, CONFLICT_CODE, edge_ctx_message(ctx, st));
    }
    EDGE_TRY(st);
    if (answer.body.data) {
        edge_buf_put(edge_reply_body(call), answer.body.data, answer.body.size);
        edge_reply_type(call, answer.content_type ? answer.content_type : "application/json");
    }
    return EDGE_OK;
}

/* ---- pipelines ------------------------------------------------------------------------------ */

enum edge_status app_pipelines(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    size_t n;
    const char **ids = export_engine_pipelines(&edge_call_ctx(call)->arena, app->front.engine, &n);
    edge_reply_list_open(call, "pipelines", -1);
    for (size_t i = 0; i < n; i++) {
        edge_reply_list_item(call);
        edge_json_put_string(edge_reply_body(call), ids[i]);
    }
    return edge_reply_list_close(call);
}

static void show_step(void *arg, struct edge_ctx *ctx, const char *function,
                      enum export_verdict verdict, const struct export_flow *flow)
{
    struct edge_call *call = arg;
    struct step_view view = {.function = function, .verdict = verdict};
    struct edge_bytes bytes = {0};
    if (verdict == EXPORT_FAIL) {
        view.reason = edge_ctx_message(ctx, EDGE_CONFLICT);
    } else if (verdict == EXPORT_GO_ON &&
               export_data_bytes(ctx, &flow->data, &bytes, &view.content_type) == EDGE_OK) {
        view.output = shown(&ctx->arena, bytes.data, bytes.size);
    }
    view.kind = EXPORT_KIND_NAMES[flow->data.kind];
    edge_reply_list_item(call);
    edge_dto_encode(&EXPORT_STEP, &view, EDGE_JSON, edge_reply_body(call));
}

enum edge_status app_pipeline_test(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    struct export_input in = input_of(call);
    edge_reply_list_open(call, "steps", -1);
    EDGE_TRY(export_engine_try(edge_call_ctx(call), app->front.engine,
                               edge_call_param(call, "name"), &in, show_step, call));
    return edge_reply_list_close(call);
}
