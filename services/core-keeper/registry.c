/* The registry's routes (contract 7.2): who runs where, and whether it is up. A change of a
 * registration also changes how health.c asks it. */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "keeper.h"

static const char *const BY_SERVICE_ID[] = {"serviceId", NULL};
const struct edge_collection REGISTRATIONS = {"registration", &REGISTRATION, BY_SERVICE_ID, NULL,
                                              NULL};

struct registered {
    const char *api_version;
    int64_t status_code;
    const char *service_name;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct registered, m, __VA_ARGS__)
static const struct edge_field registered_fields[] = {
    F(api_version, "apiVersion", "v3."),
    F(status_code, "statusCode", "201."),
    F(service_name, "serviceName", "Service key."),
};
#undef F
/* clang-format on */
const struct edge_dto REGISTERED = EDGE_DTO(struct registered, "Registered", registered_fields);

/* ---- writing ----------------------------------------------------------------------------- */

static const char *known_status(const struct registration *r)
{
    for (const char *const *s = REGISTRATION_STATUSES; *s; s++) {
        if (r->status && strcmp(r->status, *s) == 0) {
            return *s;
        }
    }
    return REGISTRATION_STATUSES[REGISTRATION_UNKNOWN];
}

static enum edge_status registration_of(struct edge_call *call, struct registration **ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct registration_request *request = edge_new(&ctx->arena, struct registration_request);
    const cJSON *body = NULL;
    EDGE_TRY(edge_call_json(call, &body));
    EDGE_TRY(edge_dto_decode(ctx, &REGISTRATION_REQUEST, body, request));
    struct registration *r = &request->registration;
    r->status = known_status(r);
    r->created = r->modified = edge_now_ms();
    *ret = r;
    return EDGE_OK;
}

/* A registration to be written, or the id of one to be removed. */
struct registry_step {
    struct keeper *keeper;
    struct registration *registration;
    const char *id;
};

/* The checks follow the registrations in the order in which these are changed. */
static void watch(void *arg)
{
    const struct registry_step *step = arg;
    health_watch(step->keeper->health, step->registration);
}

static void forget(void *arg)
{
    const struct registry_step *step = arg;
    health_forget(step->keeper->health, step->id);
}

static enum edge_status add(struct edge_ctx *ctx, void *arg)
{
    const struct registry_step *step = arg;
    const struct registration *r = step->registration;
    struct edge_store *store = step->keeper->store;
    struct edge_query all = {.collection = &REGISTRATIONS};
    int64_t n = 0;
    const char *fault = edge_name_fault(&ctx->arena, r->service_id);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID, "service id '%s' %s",
                         edge_text_brief(&ctx->arena, r->service_id, 64), fault);
    }
    enum edge_status st = edge_store_add(ctx, store, &REGISTRATIONS, r);
    if (st == EDGE_CONFLICT) {
        edge_ctx_clear(ctx);
        return edge_fail(ctx, st, "registry with service id '%s' already exists", r->service_id);
    }
    EDGE_TRY(st);
    EDGE_TRY(edge_store_count(ctx, store, &all, &n));
    if (n > KEEPER_MAX_REGISTRATIONS) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "there can be no more than %d registrations",
                         KEEPER_MAX_REGISTRATIONS);
    }
    edge_store_after(ctx, store, watch, arg);
    return EDGE_OK;
}

enum edge_status registry_add(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct registry_step step = {.keeper = edge_call_state(call)};
    EDGE_TRY(registration_of(call, &step.registration));
    EDGE_TRY(edge_store_change(ctx, step.keeper->store, add, &step));
    struct registered registered = {EDGE_API_VERSION, 201, step.registration->service_id};
    edge_reply_code(call, 201);
    return edge_reply_dto(call, &REGISTERED, &registered);
}

static enum edge_status replace(struct edge_ctx *ctx, void *arg)
{
    const struct registry_step *step = arg;
    struct registration *r = step->registration, before;
    struct edge_store *store = step->keeper->store;
    enum edge_status st =
        edge_store_get(ctx, store, &REGISTRATIONS, "serviceId", r->service_id, &before);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "registry with service id '%s' does not exist", r->service_id);
    }
    EDGE_TRY(st);
    r->created = before.created;
    EDGE_TRY(edge_store_update(ctx, store, &REGISTRATIONS, r));
    edge_store_after(ctx, store, watch, arg);
    return EDGE_OK;
}

enum edge_status registry_put(struct edge_call *call)
{
    struct registry_step step = {.keeper = edge_call_state(call)};
    EDGE_TRY(registration_of(call, &step.registration));
    EDGE_TRY(edge_store_change(edge_call_ctx(call), step.keeper->store, replace, &step));
    if (registration_is(step.registration, REGISTRATION_HALT)) {
        readers_forget(step.keeper->readers, step.registration->service_id);
    }
    edge_reply_code(call, 204);
    return EDGE_OK;
}

static enum edge_status not_registered(struct edge_ctx *ctx)
{
    return edge_fail(ctx, EDGE_NOT_FOUND, "registration not found by serviceId");
}

static enum edge_status take_away(struct edge_ctx *ctx, void *arg)
{
    const struct registry_step *step = arg;
    enum edge_status st =
        edge_store_remove(ctx, step->keeper->store, &REGISTRATIONS, "serviceId", step->id);
    if (st == EDGE_NOT_FOUND) {
        return not_registered(ctx);
    }
    EDGE_TRY(st);
    edge_store_after(ctx, step->keeper->store, forget, arg);
    return EDGE_OK;
}

enum edge_status registry_delete(struct edge_call *call)
{
    struct registry_step step = {.keeper = edge_call_state(call),
                                 .id = edge_call_param(call, "serviceId")};
    EDGE_TRY(edge_store_change(edge_call_ctx(call), step.keeper->store, take_away, &step));
    edge_reply_code(call, 204);
    return EDGE_OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* The store learns of a check only when it changes the status; when it was, health.c knows. */
static void show_check(struct keeper *keeper, struct registration *r)
{
    int64_t checked_ms = health_checked_ms(keeper->health, r->service_id);
    if (checked_ms > r->modified) {
        r->modified = checked_ms;
    }
}

enum edge_status registry_get(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct keeper *keeper = edge_call_state(call);
    struct registration r;
    enum edge_status st = edge_store_get(ctx, keeper->store, &REGISTRATIONS, "serviceId",
                                         edge_call_param(call, "serviceId"), &r);
    if (st == EDGE_NOT_FOUND) {
        return not_registered(ctx);
    }
    EDGE_TRY(st);
    show_check(keeper, &r);
    return edge_reply_object(call, "registration", &REGISTRATION, &r);
}

enum edge_status registry_all(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct keeper *keeper = edge_call_state(call);
    struct edge_query all = {.collection = &REGISTRATIONS, .limit = -1};
    struct edge_texts found = {0};
    bool halted_too = false;
    EDGE_TRY(keeper_query_bool(call, "deregistered", &halted_too));
    EDGE_TRY(edge_store_find(ctx, keeper->store, &all, &found));
    struct registration *shown = edge_new_n(&ctx->arena, struct registration, found.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < found.n; i++) {
        EDGE_TRY(edge_dto_decode_text(ctx, &REGISTRATION, found.texts[i], strlen(found.texts[i]),
                                      &shown[n]));
        n += halted_too || !registration_is(&shown[n], REGISTRATION_HALT);
    }
    edge_reply_list_open(call, "registrations", (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        show_check(keeper, &shown[i]);
        edge_reply_list_item(call);
        edge_dto_encode(&REGISTRATION, &shown[i], EDGE_JSON, edge_reply_body(call));
    }
    return edge_reply_list_close(call);
}
