#include "command_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_command.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "scratch.h"
#include "suites.h"

/* ---- the neighbours ---------------------------------------------------------------------------
 */

struct plain_config {
    struct edge_base_config base;
    struct edge_writable writable;
};

/* clang-format off */
static const struct edge_field plain_fields[] = {
    EDGE_OBJECT(struct plain_config, writable, "Writable", "May change.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct plain_config, base, NULL, "All have it.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto PLAIN_CONFIG = EDGE_DTO(struct plain_config, "Configuration", plain_fields);
/* clang-format on */

#define DEVICE_JSON(name, profile)                                                                 \
    "{\"name\":\"" name "\",\"serviceName\":\"device-fake\",\"profileName\":\"" profile "\","      \
    "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"protocols\":{\"other\":{}}}"
#define RESOURCE_JSON(name, type, rw, hidden)                                                      \
    "{\"name\":\"" name "\",\"isHidden\":" hidden ",\"properties\":{\"valueType\":\"" type         \
    "\",\"readWrite\":\"" rw "\"}}"
#define PROFILE_JSON                                                                                                                                        \
    "{\"name\":\"P1\",\"deviceResources\":[" RESOURCE_JSON("Temp", "Float64", "R", "false") "," RESOURCE_JSON(                                              \
        "Set", "Int32", "RW",                                                                                                                               \
        "false") "," RESOURCE_JSON("Secret", "Bool", "R",                                                                                                   \
                                   "true") "," RESOURCE_JSON("Both", "String", "RW",                                                                        \
                                                             "false") "],\"deviceCommands\":["                                                              \
                                                                      "{\"name\":\"Both\",\"isHidden\":false,\"readWrite\":\"RW\",\"resourceOperations\":[" \
                                                                      "{\"deviceResource\":\"Set\"},{\"deviceResource\":\"Both\"}]},"                       \
                                                                      "{\"name\":\"Temp\",\"isHidden\":true,\"readWrite\":\"R\",\"resourceOperations\":["   \
                                                                      "{\"deviceResource\":\"Temp\"}]}]}"

const char *device_service_url = NOBODY;
const char *silent_service_url = NOBODY;
#define STILL_JSON                                                                                 \
    "{\"name\":\"still\",\"serviceName\":\"device-still\",\"profileName\":\"P1\","                 \
    "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"protocols\":{\"other\":{}}}"

static enum edge_status reply_found(struct edge_call *call, const char *key, const char *json)
{
    if (!json) {
        return edge_fail(edge_call_ctx(call), EDGE_NOT_FOUND, "no %s with name '%s' found", key,
                         edge_call_param(call, "name"));
    }
    return edge_reply_text(call, key, json);
}

static enum edge_status fake_device(struct edge_call *call)
{
    const char *name = edge_call_param(call, "name");
    const char *json = strcmp(name, "D1") == 0      ? DEVICE_JSON("D1", "P1")
                       : strcmp(name, "bare") == 0  ? DEVICE_JSON("bare", "")
                       : strcmp(name, "a/b +") == 0 ? DEVICE_JSON("a/b +", "P1")
                       : strcmp(name, "still") == 0 ? STILL_JSON
                       : strcmp(name, "lost") == 0  ? DEVICE_JSON("lost", "P2")
                                                    : NULL;
    return reply_found(call, "device", json);
}

/* More than three: so many large ones, page by page. */
atomic_int n_large_devices, largest_page;

static enum edge_status large_devices(struct edge_call *call, int offset, int limit)
{
    static const char padding[9000 + 1] = {[0 ... 8999] = 'x'};
    struct edge_buf *body = edge_reply_body(call);
    int end = offset + limit < n_large_devices ? offset + limit : n_large_devices;
    largest_page = limit > largest_page ? limit : largest_page;
    edge_buf_printf(body,
                    "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":%d,\"devices\":[",
                    n_large_devices);
    for (int i = offset; i < end; i++) {
        edge_buf_printf(
            body,
            "%s{\"name\":\"L%d\",\"description\":\"%s\",\"serviceName\":\"device-fake\","
            "\"profileName\":\"P1\",\"adminState\":\"UNLOCKED\","
            "\"operatingState\":\"UP\",\"protocols\":{\"other\":{}}}",
            i > offset ? "," : "", i, padding);
    }
    edge_buf_puts(body, "]}");
    return EDGE_OK;
}

static enum edge_status fake_devices(struct edge_call *call)
{
    if (n_large_devices > 0) {
        return large_devices(call, (int)strtol(edge_call_query(call, "offset"), NULL, 10),
                             (int)strtol(edge_call_query(call, "limit"), NULL, 10));
    }
    struct edge_buf *body = edge_reply_body(call);
    bool none = strcmp(edge_call_query(call, "offset"), "3") == 0;
    edge_buf_printf(
        body, "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":3,\"devices\":[%s]}",
        none ? ""
             : DEVICE_JSON("D1", "P1") "," DEVICE_JSON("bare", "") "," DEVICE_JSON("D2", "P1"));
    return EDGE_OK;
}

static enum edge_status fake_service(struct edge_call *call)
{
    bool silent = strcmp(edge_call_param(call, "name"), "device-still") == 0;
    return reply_found(
        call, "service",
        edge_printf(&edge_call_ctx(call)->arena,
                    "{\"name\":\"device-fake\",\"baseAddress\":\"%s\",\"adminState\":\"UNLOCKED\"}",
                    silent ? silent_service_url : device_service_url));
}

static enum edge_status fake_profile(struct edge_call *call)
{
    bool known = strcmp(edge_call_param(call, "name"), "P1") == 0;
    return reply_found(call, "profile", known ? PROFILE_JSON : NULL);
}

static const struct edge_route metadata_routes[] = {
    {"GET", "/api/v3/device/all",                fake_devices, "", 0, 0},
    {"GET", "/api/v3/device/name/{name}",        fake_device,  "", 0, 0},
    {"GET", "/api/v3/deviceservice/name/{name}", fake_service, "", 0, 0},
    {"GET", "/api/v3/deviceprofile/name/{name}", fake_profile, "", 0, 0},
};

static const struct edge_service fake_metadata = {
    .name = "core-metadata",
    .port = 59881,
    .config = &PLAIN_CONFIG,
    .writable_offset = offsetof(struct plain_config, writable),
    .routes = EDGE_TABLE(metadata_routes),
};

struct fake_state {
    const struct edge_runtime *rt;
};

static enum edge_status fake_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    (void)ctx;
    ((struct fake_state *)rt->state)->rt = rt;
    return EDGE_OK;
}

/* What a message that came as CBOR holds: bytes have become base64. */
#define PICTURE_JSON                                                                                \
    "{\"apiVersion\":\"v3\",\"statusCode\":200,\"event\":{\"apiVersion\":\"v3\","                   \
    "\"id\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\",\"deviceName\":\"D1\",\"profileName\":\"P1\"," \
    "\"sourceName\":\"picture\",\"origin\":1,\"readings\":[{\"origin\":1,\"deviceName\":\"D1\","    \
    "\"resourceName\":\"picture\",\"valueType\":\"Binary\",\"mediaType\":\"x/y\","                  \
    "\"binaryValue\":\"AQL/\"}]}}"

/* Answers with what it was asked; command "bad" with an error, command "silent" not at all. */
static enum edge_status fake_command(void *state, struct edge_ctx *ctx,
                                     const struct edge_message *m)
{
    const struct edge_runtime *rt = ((struct fake_state *)state)->rt;
    const char **levels;
    size_t n = edge_topic_levels(&ctx->arena, m->topic, true, &levels);
    const char *push = edge_message_param(m, "ds-pushevent");
    const cJSON *payload = NULL;
    EDGE_TRY(edge_message_tree(ctx, m, &payload));
    if (strcmp(levels[n - 2], "silent") == 0) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sent = EDGE_BUF_INIT;
    if (payload) {
        edge_json_put(&sent, payload);
    }
    struct edge_message *out = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(out);
    edge_message_topic(out, "%s/response/device-fake/%s", rt->base_topic, m->request_id);
    out->request_id = edge_strdup(a, m->request_id);
    out->correlation_id = edge_strdup(a, m->correlation_id);
    bool bad = strcmp(levels[n - 2], "bad") == 0;
    out->error_code = bad;
    out->content_type = bad ? "text/plain" : "application/json";
    if (bad) {
        out->text = "sensor broken";
    } else if (strcmp(levels[n - 2], "picture") == 0) {
        const cJSON *tree = NULL;
        EDGE_TRY(edge_json_parse(ctx, PICTURE_JSON, strlen(PICTURE_JSON), NULL, &tree));
        out->json = edge_json_clone(a, tree);
        out->content_type = "application/cbor";
    } else {
        struct edge_ctx made = {.arena = EDGE_ARENA_INIT};
        cJSON *tree = edge_json_object(&made);
        cJSON_AddStringToObject(tree, "did", levels[n - 1]);
        cJSON_AddStringToObject(tree, "push", push ? push : "");
        cJSON_AddStringToObject(tree, "sent", edge_buf_str(&sent));
        out->json = edge_json_clone(a, tree);
        edge_ctx_done(&made);
    }
    enum edge_status st = edge_bus_publish(ctx, rt->bus, out);
    edge_message_unref(out);
    return st;
}

pthread_t driver_thread;

static enum edge_status fake_read(struct edge_call *call)
{
    driver_thread = pthread_self();
    return edge_reply_text(call, "event", "{\"origin\":1}");
}

static const struct edge_route driver_routes[] = {
    {"GET", "/api/v3/device/name/{name}/{command}", fake_read, "", 0, 0},
};

static const struct edge_subscription fake_subscriptions[] = {
    {"device/command/request/device-fake/#", fake_command, "", 0},
};

static const struct edge_service fake_driver = {
    .name = "device-fake",
    .port = 59990,
    .state_size = sizeof(struct fake_state),
    .config = &PLAIN_CONFIG,
    .writable_offset = offsetof(struct plain_config, writable),
    .routes = EDGE_TABLE(driver_routes),
    .subscriptions = fake_subscriptions,
    .n_subscriptions = N(fake_subscriptions),
    .start = fake_start,
};

/* ---- the world --------------------------------------------------------------------------------
 */

static void write_config(const struct world *w, const char *request_timeout)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", w->dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f,
            "Writable:\n  LogLevel: ERROR\nService:\n  Port: 0\n  RequestTimeout: %s\n"
            "Clients:\n  core-metadata:\n    Host: localhost\n    Port: 59881\n",
            request_timeout);
    fclose(f);
}

struct world *world_start(const char *request_timeout)
{
    static const struct edge_service *const services[] = {&fake_metadata, &fake_driver,
                                                          &core_command};
    struct world *w = edge_xalloc(1, sizeof(*w));
    scratch_make(&w->dir);
    write_config(w, request_timeout);
    char program[] = "test", cd[] = "-cd", data[] = "--data";
    char *argv[] = {program, cd, w->dir.path, data, w->dir.path, NULL};
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = edge_host_start(&ctx, services, N(services), 5, argv, &w->host);
    if (st != EDGE_OK) {
        printf("start: %s\n", edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    return w;
}

void world_stop(struct world *w)
{
    edge_host_stop(w->host);
    scratch_done(&w->dir);
    device_service_url = NOBODY;
    free(w);
}

struct edge_http_response world_request(struct world *w, struct edge_ctx *ctx, const char *method,
                                        const char *target, const char *body)
{
    struct edge_http_response r;
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    edge_http_call(edge_host_runtime(w->host, "core-command")->http, ctx, &req, &r);
    return r;
}

bool says(const struct edge_http_response *r, int code, const char *text)
{
    bool ok = r->code == code && (*text ? strstr(r->body, text) != NULL : r->body_size == 0);
    if (!ok) {
        printf("got %d %s\nnot %d %s\n", r->code, r->body, code, text);
    }
    return ok;
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

struct edge_message *world_ask(struct world *w, const char *topic, const char *param,
                               const char *value, const char *payload, int64_t ms)
{
    const struct edge_runtime *rt = edge_host_runtime(w->host, "device-fake");
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = edge_message_create(0), *answer = NULL;
    struct edge_arena *a = edge_message_arena(m);
    edge_message_topic(m, "edgex/core/%s", topic);
    m->request_id = edge_uuid_make(a);
    m->correlation_id = "corr-1";
    m->content_type = "application/json";
    if (param) {
        m->params = edge_new(a, struct edge_pair);
        m->params[0] = (struct edge_pair){param, value};
        m->n_params = 1;
    }
    if (payload) {
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, payload, strlen(payload), NULL, &tree), EDGE_OK);
        m->json = edge_json_clone(a, tree);
    }
    if (edge_bus_request(&ctx, rt->bus, m, "edgex/response/core-command", edge_now_mono_ms() + ms,
                         &answer) != EDGE_OK) {
        answer = NULL;
    }
    CU_ASSERT(!answer || strcmp(answer->request_id, m->request_id) == 0);
    edge_message_unref(m);
    return answer;
}

bool answer_has(const struct edge_message *m, bool error, const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf got = EDGE_BUF_INIT;
    const cJSON *tree = NULL;
    if (!m) {
        printf("no answer\n");
        return false;
    }
    if (m->error_code) {
        edge_buf_puts(&got, m->text);
    } else if (edge_message_tree(&ctx, m, &tree) == EDGE_OK && tree) {
        edge_json_put(&got, tree);
    }
    bool ok = (m->error_code == 1) == error && strstr(edge_buf_str(&got), text);
    if (!ok) {
        printf("got %u %s\nnot %d %s\n", m->error_code, edge_buf_str(&got), error, text);
    }
    return ok;
}
