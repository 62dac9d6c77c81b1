/* /api/v1/registration...: kept in the store, answered as EdgeX 1 did, in plain texts. */
#include <string.h>

#include "client.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "export/stage.h"

static const char *const UNIQUE[] = {"id", "name", NULL};
const struct edge_collection V1_REGISTRATIONS = {
    .name = "registration", .dto = &V1_REGISTRATION, .unique = UNIQUE};

static const char JSON_TYPE[] = "application/json; charset=utf-8";

/* ---- answers -------------------------------------------------------------------------------- */

enum edge_status v1_answer(struct edge_call *call, int code, const char *text)
{
    edge_reply_code(call, code);
    edge_reply_type(call, "text/plain; charset=utf-8");
    edge_buf_printf(edge_reply_body(call), "%s\n", text);
    return EDGE_OK;
}

static enum edge_status refuse(struct edge_call *call, int code, const char *text,
                               const char *reason)
{
    edge_log_info(edge_call_ctx(call), "registration refused", "reason", reason, NULL);
    return v1_answer(call, code, text);
}

/* The status EdgeX 1 gave a failure. */
static enum edge_status failed(struct edge_call *call, enum edge_status st)
{
    const char *text = edge_ctx_message(edge_call_ctx(call), st);
    switch (st) {
    case EDGE_NOT_FOUND:
        return v1_answer(call, 404, "Item not found");
    case EDGE_INVALID:
    case EDGE_CONFLICT:
        return refuse(call, 400, text, text);
    default:
        return st; /* 500, 503: as everywhere */
    }
}

static enum edge_status answer_true(struct edge_call *call)
{
    edge_reply_type(call, JSON_TYPE);
    edge_buf_puts(edge_reply_body(call), "true");
    return EDGE_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool echoes(const struct client *client)
{
    return ((const struct client_writable *)edge_runtime_writable(client->rt))->legacy_echo;
}

static void put_registration(struct edge_call *call, const struct registration *r)
{
    struct registration shown =
        registration_shown(&edge_call_ctx(call)->arena, r, echoes(edge_call_state(call)));
    edge_dto_encode(&V1_REGISTRATION, &shown, EDGE_JSON, edge_reply_body(call));
}

enum edge_status v1_registrations(struct edge_call *call)
{
    struct client *client = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct edge_query all = {.collection = &V1_REGISTRATIONS, .limit = -1};
    struct edge_texts texts;
    EDGE_TRY(edge_store_find(ctx, client->store, &all, &texts));
    edge_reply_type(call, JSON_TYPE);
    edge_buf_putc(edge_reply_body(call), '[');
    for (size_t i = 0; i < texts.n; i++) {
        struct registration r;
        EDGE_TRY(edge_dto_decode_text(ctx, &V1_REGISTRATION, texts.texts[i], strlen(texts.texts[i]),
                                      &r));
        edge_buf_puts(edge_reply_body(call), i > 0 ? "," : "");
        put_registration(call, &r);
        EDGE_TRY(edge_reply_check(call));
    }
    edge_buf_puts(edge_reply_body(call), "]\n");
    return EDGE_OK;
}

static enum edge_status show(struct edge_call *call, const char *member)
{
    struct client *client = edge_call_state(call);
    struct registration r;
    enum edge_status st = edge_store_get(edge_call_ctx(call), client->store, &V1_REGISTRATIONS,
                                         member, edge_call_param(call, member), &r);
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    edge_reply_type(call, JSON_TYPE);
    put_registration(call, &r);
    edge_buf_putc(edge_reply_body(call), '\n');
    return EDGE_OK;
}

enum edge_status v1_registration_by_id(struct edge_call *call)
{
    return show(call, "id");
}

enum edge_status v1_registration_by_name(struct edge_call *call)
{
    return show(call, "name");
}

enum edge_status v1_reference(struct edge_call *call)
{
    static const struct {
        const char *type;
        const char *const *names;
    } lists[] = {
        {"algorithms",   V1_ALGORITHMS    },
        {"compressions", V1_COMPRESSIONS  },
        {"formats",      EXPORT_V1_FORMATS},
        {"destinations", V1_DESTINATIONS  },
    };
    const char *type = edge_call_param(call, "type");
    struct edge_ctx *ctx = edge_call_ctx(call);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(lists[i].type, type) == 0) {
            struct edge_buf *b = edge_reply_body(call);
            edge_reply_type(call, JSON_TYPE);
            for (const char *const *name = lists[i].names; *name; name++) {
                edge_buf_printf(b, "%c\"%s\"", name == lists[i].names ? '[' : ',', *name);
            }
            edge_buf_puts(b, "]\n");
            return EDGE_OK;
        }
    }
    const char *text = edge_printf(&ctx->arena, "Unknown type: %s", type);
    return refuse(call, 400, text, text);
}

/* ---- changing ------------------------------------------------------------------------------- */

/* What a request brings, and what is written of it. */
struct step {
    struct client *client;
    const cJSON *json;
    struct registration given, kept, before;
    const char *member, *value; /* of whom it is about */
    const char *fault;          /* why it cannot be: 400 */
};

static enum edge_status take(struct edge_call *call, struct step *step)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    step->client = edge_call_state(call);
    EDGE_TRY(edge_call_json(call, &step->json));
    return edge_dto_decode(ctx, &V1_REGISTRATION, step->json, &step->given);
}

/*
 * What is kept holds, whatever comes of it. Who asked is told that it is, as EdgeX 1 did; that it does nothing, the log
 * says, and the state of its queue.
 */
static void follow(struct edge_call *call, const struct step *step)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    enum edge_status st = pipelines_apply(ctx, step->client);
    if (st != EDGE_OK) {
        edge_log_error(ctx, "registration kept, but not followed", "reason",
                       edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
    size_t n, len = step->kept.name ? strlen(step->kept.name) : 0;
    const struct export_queue_status *idle = queues_missing(step->client, ctx, &n);
    for (size_t i = 0; i < n && len > 0; i++) {
        if (strncmp(idle[i].name, step->kept.name, len) == 0 && idle[i].name[len] == '.') {
            edge_log_warn(ctx, "registration does nothing", "name", step->kept.name, "reason",
                          idle[i].last_error, NULL);
        }
    }
}

static const char *unsound(struct edge_call *call, struct registration *r)
{
    const char *fault = registration_fault(&edge_call_ctx(call)->arena, r);
    if (fault) {
        edge_log_info(edge_call_ctx(call), "registration refused", "reason", fault, NULL);
    }
    return fault;
}

static enum edge_status add(struct edge_ctx *ctx, void *arg)
{
    struct step *step = arg;
    struct edge_store *store = step->client->store;
    const struct edge_query all = {.collection = &V1_REGISTRATIONS};
    struct registration there;
    int64_t n = 0;
    enum edge_status st =
        edge_store_get(ctx, store, &V1_REGISTRATIONS, "name", step->kept.name, &there);
    if (st == EDGE_OK) {
        return edge_fail(ctx, EDGE_CONFLICT, "Name already taken");
    }
    if (st != EDGE_NOT_FOUND) {
        return st;
    }
    edge_ctx_clear(ctx);
    EDGE_TRY(edge_store_count(ctx, store, &all, &n));
    if (n >= REGISTRATIONS_MAX) {
        return edge_fail(ctx, EDGE_INVALID, "No more than %d registrations", REGISTRATIONS_MAX);
    }
    return edge_store_add(ctx, store, &V1_REGISTRATIONS, &step->kept);
}

enum edge_status v1_registration_add(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct step step = {0};
    enum edge_status st = take(call, &step);
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    step.kept = step.given;
    if (unsound(call, &step.kept)) {
        return v1_answer(call, 400, "Could not validate json fields");
    }
    step.kept.id = edge_uuid_make(&ctx->arena);
    step.kept.created = step.kept.modified = edge_now_ms();
    EDGE_LOCK(&step.client->changing);
    st = edge_store_change(ctx, step.client->store, add, &step);
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    follow(call, &step);
    edge_reply_type(call, "text/plain; charset=utf-8");
    edge_buf_puts(edge_reply_body(call), step.kept.id);
    return EDGE_OK;
}

static enum edge_status put(struct edge_ctx *ctx, void *arg)
{
    struct step *step = arg;
    struct edge_store *store = step->client->store;
    EDGE_TRY(
        edge_store_get(ctx, store, &V1_REGISTRATIONS, step->member, step->value, &step->before));
    step->kept = step->before;
    registration_merge(&step->kept, &step->given, step->json);
    int64_t now = edge_now_ms(); /* no two changes have the same time: pipelines.c */
    step->kept.modified = now > step->before.modified ? now : step->before.modified + 1;
    step->fault = registration_fault(&ctx->arena, &step->kept);
    if (step->fault) {
        return edge_fail(ctx, EDGE_INVALID, "Could not validate json fields");
    }
    enum edge_status st = edge_store_update(ctx, store, &V1_REGISTRATIONS, &step->kept);
    if (st == EDGE_CONFLICT) {
        edge_ctx_clear(ctx);
        return edge_fail(ctx, EDGE_CONFLICT, "Name already taken");
    }
    return st;
}

static bool given(const char *text)
{
    return text && *text;
}

enum edge_status v1_registration_put(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct step step = {0};
    enum edge_status st = take(call, &step);
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    bool by_id = given(step.given.id);
    step.member = by_id ? "id" : "name";
    step.value = by_id ? step.given.id : step.given.name;
    if (!given(step.value)) {
        return refuse(call, 400, "Need id or name", "Need id or name");
    }
    EDGE_LOCK(&step.client->changing);
    st = edge_store_change(ctx, step.client->store, put, &step);
    if (step.fault) {
        return refuse(call, 400, "Could not validate json fields", step.fault);
    }
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    follow(call, &step);
    return answer_true(call);
}

static enum edge_status drop(struct edge_ctx *ctx, void *arg)
{
    struct step *step = arg;
    struct edge_store *store = step->client->store;
    EDGE_TRY(
        edge_store_get(ctx, store, &V1_REGISTRATIONS, step->member, step->value, &step->before));
    return edge_store_remove(ctx, store, &V1_REGISTRATIONS, "id", step->before.id);
}

static enum edge_status delete_by(struct edge_call *call, const char *member)
{
    struct step step = {
        .client = edge_call_state(call), .member = member, .value = edge_call_param(call, member)};
    EDGE_LOCK(&step.client->changing);
    enum edge_status st = edge_store_change(edge_call_ctx(call), step.client->store, drop, &step);
    if (st != EDGE_OK) {
        return failed(call, st);
    }
    follow(call, &step);
    return answer_true(call);
}

enum edge_status v1_registration_delete_by_id(struct edge_call *call)
{
    return delete_by(call, "id");
}

enum edge_status v1_registration_delete_by_name(struct edge_call *call)
{
    return delete_by(call, "name");
}
