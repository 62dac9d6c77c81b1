/* core-command between a core-metadata and a device service that say what a test wants. The former,
 * and the device service on the bus, are small services in the same host; the device service behind
 * HTTP is a scripted peer on a socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core_command.h"
#include "edge/base.h"
#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "http_probe.h"
#include "scratch.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

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

#define NOBODY "http://127.0.0.1:1"
static const char *device_service_url = NOBODY; /* what the fake core-metadata tells */
static const char *silent_service_url = NOBODY; /* likewise, of the service of device "still" */
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
static atomic_int n_large_devices, largest_page;

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
    {"GET", "/api/v3/device/all",                fake_devices, "", 0, 0, NULL},
    {"GET", "/api/v3/device/name/{name}",        fake_device,  "", 0, 0, NULL},
    {"GET", "/api/v3/deviceservice/name/{name}", fake_service, "", 0, 0, NULL},
    {"GET", "/api/v3/deviceprofile/name/{name}", fake_profile, "", 0, 0, NULL},
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

static pthread_t driver_thread; /* the one its HTTP handler ran on last */

static enum edge_status fake_read(struct edge_call *call)
{
    driver_thread = pthread_self();
    return edge_reply_text(call, "event", "{\"origin\":1}");
}

static const struct edge_route driver_routes[] = {
    {"GET", "/api/v3/device/name/{name}/{command}", fake_read, "", 0, 0, NULL},
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

struct world {
    struct scratch dir;
    struct edge_host *host;
};

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

static struct world *world_start(const char *request_timeout)
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

static void world_stop(struct world *w)
{
    edge_host_stop(w->host);
    scratch_done(&w->dir);
    device_service_url = NOBODY;
    free(w);
}

static struct edge_http_response request(struct world *w, struct edge_ctx *ctx, const char *method,
                                         const char *target, const char *body)
{
    struct edge_http_response r;
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    edge_http_call(edge_host_runtime(w->host, "core-command")->http, ctx, &req, &r);
    return r;
}

static bool expect(const struct edge_http_response *r, int code, const char *text)
{
    bool ok = r->code == code && (*text ? strstr(r->body, text) != NULL : r->body_size == 0);
    if (!ok) {
        printf("got %d %s\nnot %d %s\n", r->code, r->body, code, text);
    }
    return ok;
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static void test_a_device_offers_what_its_profile_shows(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-command");
    struct edge_http_response r = request(w, &ctx, "GET", "/api/v3/device/name/D1", NULL);
    const char *address =
        edge_printf(&ctx.arena, "\"url\":\"http://localhost:%u\"", edge_http_port(rt->http));
    CU_ASSERT(expect(&r, 200,
                     "{\"apiVersion\":\"v3\",\"statusCode\":200,\"deviceCoreCommand\":{"
                     "\"deviceName\":\"D1\",\"profileName\":\"P1\",\"coreCommands\":[{"
                     "\"name\":\"Both\",\"get\":true,\"set\":true,"
                     "\"path\":\"/api/v3/device/name/D1/Both\","));
    CU_ASSERT(expect(&r, 200, address));
    CU_ASSERT(expect(&r, 200,
                     "\"parameters\":[{\"resourceName\":\"Set\",\"valueType\":\"Int32\"},"
                     "{\"resourceName\":\"Both\",\"valueType\":\"String\"}]},"
                     "{\"name\":\"Temp\",\"get\":true,\"path\":"));
    CU_ASSERT(expect(&r, 200,
                     "\"parameters\":[{\"resourceName\":\"Temp\",\"valueType\":\"Float64\"}]},"
                     "{\"name\":\"Set\","));
    CU_ASSERT_PTR_NULL(strstr(r.body, "Secret"));
    CU_ASSERT_PTR_NULL(strstr(strstr(r.body, "\"name\":\"Both\"") + 1, "\"name\":\"Both\""));
    world_stop(w);
}

static void test_lists_count_devices_without_profile(void)
{
    static const struct {
        const char *target;
        int code;
        const char *has;
    } cases[] = {
        {"/api/v3/device/all",          200,
         "\"totalCount\":3,\"deviceCoreCommands\":[{\"deviceName\":\"D1\""                 },
        {"/api/v3/device/all",          200, "]},{\"deviceName\":\"D2\""                   },
        {"/api/v3/device/all?offset=3", 200, "\"totalCount\":3,\"deviceCoreCommands\":null"},
        {"/api/v3/device/all?limit=x",  400, "limit"                                       },
        {"/api/v3/device/name/bare",    404, "has no profile"                              },
        {"/api/v3/device/name/nobody",  404,
         "\"request failed, status code: 404, err: no device with name 'nobody' found\""   },
        {"/api/v3/device/name/lost",    404, "no profile with name 'P2' found"             },
    };
    struct world *w = world_start("5s");
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_http_response r = request(w, &ctx, "GET", cases[i].target, NULL);
        CU_ASSERT(expect(&r, cases[i].code, cases[i].has));
        CU_ASSERT_PTR_NULL(strstr(r.body, "\"bare\""));
    }
    world_stop(w);
}

/* What it is made from is fetched and forgotten piece by piece. */
static void test_a_long_list_is_fetched_in_pages(void)
{
    struct world *w = world_start("10s");
    EDGE_CTX_SCOPE(ctx);
    n_large_devices = 950;
    largest_page = 0;
    struct edge_http_response r = request(w, &ctx, "GET", "/api/v3/device/all?limit=-1", NULL);
    CU_ASSERT_EQUAL(r.code, 200);
    CU_ASSERT(largest_page <= 100);
    const char *at = r.body;
    int n = 0;
    char name[32];
    do {
        snprintf(name, sizeof(name), "\"deviceName\":\"L%d\"", n);
        at = strstr(at, name);
        n += at != NULL;
    } while (at);
    CU_ASSERT_EQUAL(n, 950);
    r = request(w, &ctx, "GET", "/api/v3/device/all?offset=3&limit=150", NULL);
    CU_ASSERT(expect(&r, 200, "\"totalCount\":950,\"deviceCoreCommands\":[{\"deviceName\":\"L3\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.body, "\"L152\""));
    CU_ASSERT_PTR_NULL(strstr(r.body, "\"L153\""));
    n_large_devices = 0;
    world_stop(w);
}

/* ---- commands over HTTP ------------------------------------------------------------------------
 */

#define HEAD(code, type, length)                                                                   \
    "HTTP/1.1 " code " X\r\nContent-Type: " type "\r\nContent-Length: " length "\r\n\r\n"

struct exchange {
    const char *method, *target, *body;
    struct peer_step step; /* what the device service does */
    const char *asked;     /* start of what it must have been asked */
    int code;
    const char *has;
};

static void run_exchanges(const struct exchange *x, size_t n)
{
    struct world *w = world_start("5s");
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct tcp_peer *p = tcp_peer_start(&x[i].step, 1);
        device_service_url = tcp_peer_url(p);
        struct edge_http_response r = request(w, &ctx, x[i].method, x[i].target, x[i].body);
        CU_ASSERT(expect(&r, x[i].code, x[i].has));
        if (x[i].asked && !strstr(tcp_peer_last(p), x[i].asked)) {
            printf("asked: %s\nnot: %s\n", tcp_peer_last(p), x[i].asked);
            CU_FAIL("the device service was asked something else");
        }
        if (!x[i].asked) {
            CU_ASSERT_EQUAL(tcp_peer_requests(p), 0);
        }
        tcp_peer_free(p);
    }
    world_stop(w);
}

static void test_reads_are_handed_on(void)
{
    static const struct exchange exchanges[] = {
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER,
          HEAD("200", "application/json", "33") "{\"event\":{\"origin\":1700000000123456789}}"},
         "GET /api/v3/device/name/D1/Temp HTTP",                                                         502,
         "answer of http"                                                                                               }, /* cut: length is wrong */
        {"GET",
         "/api/v3/device/name/D1/Temp?x=2&ds-pushevent=true&a=%20b", NULL,
         {PEER_ANSWER,
          HEAD("200", "application/json", "40") "{\"event\":{\"origin\":1700000000123456789}} "},
         "GET /api/v3/device/name/D1/Temp?a=%20b&ds-pushevent=true&x=2 HTTP",                            200,
         "{\"event\":{\"origin\":1700000000123456789}}"                                                                 },
        {"GET",
         "/api/v3/device/name/a%2Fb%20+/x/y",                        NULL,
         {PEER_ANSWER, HEAD("200", "application/json", "2") "{}"},
         "GET /api/v3/device/name/a%2Fb%20%2B/x%2Fy HTTP",                                               200,
         "{}"                                                                                                           },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("200", "application/cbor", "6") "\xa1"
                                                            "aaB\x01\x02"},
         "GET",                                                                                          200,
         "{\"a\":\"AQI=\"}"                                                                                             },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-returnevent=false",         NULL,
         {PEER_ANSWER, HEAD("200", "application/json", "0")},
         "?ds-returnevent=false HTTP",                                                                   200,
         ""                                                                                                             },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("423", "application/json", "16") "{\"message\":\"no\"}"},
         "GET",                                                                                          423,
         "request failed, status code: 423, err: {\\\"message\\\":\\\"no\\\"}"                                          },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("500", "application/json", "29") "{\"message\":\"reading -> mute\"}"},
         "GET",                                                                                          500,
         "request failed, status code: 500, err: {\\\"message\\\":\\\"reading -> mute\\\"}\","                          },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-pushevent=yes",             NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           400,
         "invalid query parameter, yes has to be true or false"                                                         },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-returnevent=True",          NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           400,
         "invalid query parameter, True has to be true or false"                                                        },
        {"GET",
         "/api/v3/device/name/nobody/Temp",                          NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           404,
         "request failed, status code: 404, err: no device with name 'nobody' found"                                    },
        {"GET", "/api/v3/device/name//Temp",                         NULL, {PEER_HANG, NULL},      NULL, 400, "is empty"},
    };
    run_exchanges(exchanges, N(exchanges));
}

static void test_writes_are_handed_on(void)
{
    static const struct exchange exchanges[] = {
        {"PUT",
         "/api/v3/device/name/D1/Set?b=1&a=2", "{\"Set\":\"7\",\"big\":9007199254740993}",
         {PEER_ANSWER,
          HEAD("200", "application/json", "36") "{\"apiVersion\":\"v3\",\"statusCode\":200} "},
         "PUT /api/v3/device/name/D1/Set?a=2&b=1 HTTP", 200,
         "{\"apiVersion\":\"v3\",\"statusCode\":200}"                     },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"big\":9007199254740993}",
         {PEER_ANSWER, HEAD("200", "application/json", "0")},
         "{\"big\":9007199254740993}",                  200,
         "\"statusCode\":200"                                             },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"Set\":\"7\"}",
         {PEER_ANSWER, HEAD("423", "application/json", "23") "{\"message\":\"D1 locked\"} "},
         "PUT",                                         423,
         "\"request failed, status code: 423, err: D1 locked\""           },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"Set\":\"7\"}",
         {PEER_ANSWER,
          HEAD("500", "application/json", "34") "{\"message\":\"writing -> a -> mute\"}"},
         "PUT",                                         500,
         "\"request failed, status code: 500, err: writing -> a -> mute\""},
        {"PUT",
         "/api/v3/device/name/D1/Set",         "[1]",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
    };
    run_exchanges(exchanges, N(exchanges));
}

/* A body of 10 KB is shown to its end, one of 100 KB as far as it goes, and that it was cut. */
static void test_long_reasons_are_relayed(void)
{
    static const struct {
        size_t n_words;
        bool whole;
    } cases[] = {
        {2500,  true },
        {25000, false},
    };
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
        edge_buf_puts(&body, "{\"message\":\"");
        for (size_t n = 0; n < cases[i].n_words; n++) {
            edge_buf_puts(&body, "mot\xc3\xa9 ");
        }
        edge_buf_puts(&body, "end\"}");
        const char *answer = edge_printf(
            &ctx.arena,
            "HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            body.len, edge_buf_str(&body));
        const struct exchange exchanges[] = {
            {"GET",
             "/api/v3/device/name/D1/Temp", NULL,
             {PEER_ANSWER, answer},
             "GET", 500,
             cases[i].whole ? "mot\xc3\xa9 end\\\"}\"," : "mot\xc3\xa9 ...\","},
            {"PUT",
             "/api/v3/device/name/D1/Set",  "{\"Set\":\"7\"}",
             {PEER_ANSWER, answer},
             "PUT", 500,
             cases[i].whole ? "mot\xc3\xa9 end\"," : "mot\xc3\xa9 ...\","     },
        };
        run_exchanges(exchanges, N(exchanges));
    }
}

static void test_an_unreachable_device_service_is_503(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    struct peer_step unused = {PEER_HANG, NULL};
    struct tcp_peer *p = tcp_peer_create(&unused, 1); /* refuses */
    device_service_url = tcp_peer_url(p);
    struct edge_http_response r = request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT(expect(&r, 503, "failed to send a http request"));
    r = request(w, &ctx, "PUT", "/api/v3/device/name/D1/Set", "{\"Set\":\"1\"}");
    CU_ASSERT(expect(&r, 503, "failed to send a http request"));
    tcp_peer_free(p);
    world_stop(w);
}

static void test_a_silent_device_service_is_503_in_time(void)
{
    struct world *w = world_start("200ms");
    EDGE_CTX_SCOPE(ctx);
    struct peer_step hang = {PEER_HANG, NULL};
    struct tcp_peer *p = tcp_peer_start(&hang, 1);
    device_service_url = tcp_peer_url(p);
    int64_t start = edge_now_mono_ms();
    struct edge_http_response r = request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT_EQUAL(r.code, 503);
    CU_ASSERT(edge_now_mono_ms() - start < 4000);
    tcp_peer_free(p);
    world_stop(w);
}

static void test_a_device_service_of_the_same_process_is_a_function_call(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    const struct edge_runtime *rt = edge_host_runtime(w->host, "device-fake");
    device_service_url = edge_printf(&ctx.arena, "http://localhost:%u", edge_http_port(rt->http));
    struct edge_http_response r = request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT(expect(&r, 200, "\"event\":{\"origin\":1}"));
    CU_ASSERT(pthread_equal(driver_thread, pthread_self()));
    world_stop(w);
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

/* Ask core-command as a program on the bus would; NULL where no answer came within @p ms. */
static struct edge_message *ask(struct world *w, const char *topic, const char *param,
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

static bool answer_has(const struct edge_message *m, bool error, const char *text)
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

static void test_commands_over_the_bus(void)
{
    static const struct {
        const char *topic, *param, *value, *payload;
        bool error;
        const char *has;
    } cases[] = {
        {"command/request/D1/Temp/get",     "ds-pushevent", "true", NULL,              false,
         "{\"did\":\"get\",\"push\":\"true\",\"sent\":\"\"}"                                                               },
        {"command/request/D1/Set/SET",      NULL,           NULL,   "{\"Set\":\"7\"}", false,
         "{\"did\":\"set\",\"push\":\"\",\"sent\":\"{\\\"Set\\\":\\\"7\\\"}\"}"                                            },
        {"command/request/D1/bad/get",      NULL,           NULL,   NULL,              true,  "sensor broken"              },
        {"command/request/D1/Temp/poke",    NULL,           NULL,   NULL,              true,  "poke"                       },
        {"command/request/D1/Temp/get",     "ds-pushevent", "yes",  NULL,              true,
         "yes has to be true or false"                                                                                     },
        {"command/request/nobody/Temp/get", NULL,           NULL,   NULL,              true,
         "no device with name 'nobody' found"                                                                              },
        {"command/request/Temp/get",        NULL,           NULL,   NULL,              true,  "topic"                      },
        {"commandquery/request/D1",         NULL,           NULL,   NULL,              false,
         "\"deviceCoreCommand\":{\"deviceName\":\"D1\""                                                                    },
        {"commandquery/request/all",        "offset",       "0",    NULL,              false,
         "\"totalCount\":3,\"deviceCoreCommands\":[{"                                                                      },
        {"commandquery/request/all",        "offset",       "3",    NULL,              false, "\"deviceCoreCommands\":null"},
        {"commandquery/request/all",        "limit",        "many", NULL,              true,  "limit"                      },
        {"commandquery/request/nobody",     NULL,           NULL,   NULL,              true,
         "no device with name 'nobody' found"                                                                              },
    };
    struct world *w = world_start("5s");
    for (size_t i = 0; i < N(cases); i++) {
        struct edge_message *m =
            ask(w, cases[i].topic, cases[i].param, cases[i].value, cases[i].payload, 10000);
        CU_ASSERT(answer_has(m, cases[i].error, cases[i].has));
        if (m && !m->error_code) {
            CU_ASSERT_STRING_EQUAL(m->correlation_id, "corr-1");
        }
        edge_message_unref(m);
    }
    world_stop(w);
}

/* Encoded again, a picture is a byte string and no text. */
static void test_binaries_on_the_bus_stay_binary(void)
{
    struct world *w = world_start("5s");
    struct edge_message *m = ask(w, "command/request/D1/picture/get", NULL, NULL, NULL, 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf envelope = EDGE_BUF_INIT;
    edge_envelope_encode(m, &envelope);
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, envelope.data, envelope.len, NULL, &tree), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(cJSON_GetStringValue(edge_json_member(tree, "contentType", false)),
                           "application/cbor");
    const char *payload = cJSON_GetStringValue(edge_json_member(tree, "payload", false));
    const void *cbor = NULL;
    size_t size = 0;
    CU_ASSERT_TRUE_FATAL(edge_base64_decode(&ctx.arena, payload, &cbor, &size));
    CU_ASSERT_PTR_NOT_NULL(memmem(cbor, size,
                                  "\x6b"
                                  "binaryValue"
                                  "\x43\x01\x02\xff",
                                  16));
    edge_message_unref(m);
    world_stop(w);
}

static void test_silence_is_answered_by_silence(void)
{
    struct world *w = world_start("100ms");
    CU_ASSERT_PTR_NULL(ask(w, "command/request/D1/silent/get", NULL, NULL, NULL, 600));
    struct edge_message *m = ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, 10000);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\""));
    edge_message_unref(m);
    world_stop(w);
}

/* ---- silent peers beside live ones -------------------------------------------------------------
 */

/* QUICK_MS: long for a machine that is emulated, short beside what all of them wait for in turn. */
enum { MANY = 300, CROWD = 400, QUICK_MS = 3000, SETTLE_MS = 2000 };

/* Takes connections and never says anything. */
static int silent_listener(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, len), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1024), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, size, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* How many have come within @p ms, at most @p wanted; their sockets in @p at. */
static size_t take_in(int listener, int *at, size_t wanted, int ms)
{
    size_t n = 0;
    struct pollfd fd = {listener, POLLIN, 0};
    while (n < wanted && poll(&fd, 1, ms) > 0) {
        at[n++] = accept(listener, NULL, NULL);
    }
    return n;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close(fds[i]);
    }
}

/* Each on a connection of its own; the answers are not waited for. */
static void ask_by_http(const struct world *w, int *fds, size_t n, const char *target)
{
    char text[256];
    uint16_t port = edge_http_port(edge_host_runtime(w->host, "core-command")->http);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    for (size_t i = 0; i < n; i++) {
        fds[i] = http_probe_open(port);
        CU_ASSERT_TRUE_FATAL(fds[i] >= 0 && http_probe_text(fds[i], text));
    }
}

static void test_a_silent_peer_holds_up_nobody_else(void)
{
    static const struct peer_step answer[] = {
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}
    };
    static int asking[MANY], waiting[MANY];
    char url[64];
    struct tcp_peer *live = tcp_peer_start(answer, N(answer));
    int silent = silent_listener(url, sizeof(url));
    struct world *w = world_start("5s");
    device_service_url = tcp_peer_url(live);
    silent_service_url = url;
    ask_by_http(w, asking, MANY, "/api/v3/device/name/still/Temp");
    size_t n = take_in(silent, waiting, MANY, QUICK_MS);
    CU_ASSERT_EQUAL(n, MANY); /* all of them wait for it at once */
    EDGE_CTX_SCOPE(ctx);
    struct http_answer got;
    int64_t began = edge_now_mono_ms();
    http_probe_ask(&ctx.arena, edge_http_port(edge_host_runtime(w->host, "core-command")->http),
                   "GET", "/api/v3/device/name/D1/Temp", "", NULL, &got);
    CU_ASSERT_EQUAL(got.code, 200);
    CU_ASSERT(edge_now_mono_ms() - began < QUICK_MS);
    close_all(asking, MANY);
    close_all(waiting, n);
    close(silent);
    world_stop(w);
    silent_service_url = NOBODY;
    tcp_peer_free(live);
}

/* Who comes when there is no more room beside a silent one is told at once. */
static void test_a_crowd_at_a_silent_peer_is_refused(void)
{
    static int asking[CROWD], waiting[CROWD];
    char url[64];
    int silent = silent_listener(url, sizeof(url));
    struct world *w = world_start("10s");
    silent_service_url = url;
    ask_by_http(w, asking, CROWD, "/api/v3/device/name/still/Temp");
    size_t n = take_in(silent, waiting, CROWD, SETTLE_MS);
    CU_ASSERT(n >= MANY);
    EDGE_CTX_SCOPE(ctx);
    struct http_answer got;
    int64_t began = edge_now_mono_ms();
    http_probe_ask(&ctx.arena, edge_http_port(edge_host_runtime(w->host, "core-command")->http),
                   "GET", "/api/v3/device/name/still/Temp", "", NULL, &got);
    CU_ASSERT_EQUAL(got.code, 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.body, "too many calls wait for the peer already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got.body, url));
    CU_ASSERT(edge_now_mono_ms() - began < QUICK_MS);
    close(silent);
    close_all(waiting, n);
    close_all(asking, CROWD);
    world_stop(w);
    silent_service_url = NOBODY;
}

static void ask_in_vain(const struct world *w, size_t n)
{
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-metadata");
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < n; i++) {
        struct edge_message *m = edge_message_create(0);
        edge_message_topic(m, "edgex/core/command/request/D1/silent/get");
        m->request_id = edge_uuid_make(edge_message_arena(m));
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, rt->bus, m), EDGE_OK);
        edge_message_unref(m);
    }
}

static void test_silence_on_the_bus_holds_up_nobody_else(void)
{
    struct world *w = world_start("5s");
    ask_in_vain(w, MANY);
    struct edge_message *m = ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, QUICK_MS);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\""));
    edge_message_unref(m);
    world_stop(w);
}

static void set_in_vain(const struct world *w, size_t n, size_t size)
{
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-metadata");
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = edge_message_create(0);
        struct edge_arena *a = edge_message_arena(m);
        char *value = edge_new_n(a, char, size + 1);
        memset(value, 'x', size);
        cJSON *tree = edge_json_object(&ctx);
        cJSON_AddStringToObject(tree, "Set", value);
        m->json = edge_json_clone(a, tree);
        m->request_id = edge_uuid_make(a);
        edge_message_topic(m, "edgex/core/command/request/D1/silent/set");
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, rt->bus, m), EDGE_OK);
        edge_message_unref(m);
    }
}

static bool some_were_refused(void *budget)
{
    struct edge_budget_state state;
    edge_budget_state(budget, &state);
    return state.refused > 0;
}

static void test_messages_that_wait_are_paid_for(void)
{
    enum { KB = 1024, BUDGET = 4096 * KB };
    struct world *w = world_start("30s\n  MemoryBudget: 4096");
    struct edge_budget *budget = edge_host_runtime(w->host, "core-command")->budget;
    struct edge_budget_state state;
    set_in_vain(w, 100, 200 * KB);
    CU_ASSERT(wait_until(some_were_refused, budget, 10000));
    edge_budget_state(budget, &state);
    CU_ASSERT_EQUAL(state.limit, BUDGET);
    CU_ASSERT(state.peak <= BUDGET && state.in_use >= BUDGET / 2);
    struct edge_message *m = ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, QUICK_MS);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\"")); /* small ones pass */
    edge_message_unref(m);
    int64_t began = edge_now_mono_ms();
    world_stop(w);
    CU_ASSERT(edge_now_mono_ms() - began < 1500);
}

/* A thousand of them may not have begun. */
static void test_a_stop_does_not_wait_for_the_silent(void)
{
    struct world *w = world_start("30s");
    ask_in_vain(w, 1000);
    struct edge_message *m = ask(w, "commandquery/request/D1", NULL, NULL, NULL, 10000);
    CU_ASSERT(answer_has(m, false, "\"deviceName\":\"D1\""));
    edge_message_unref(m);
    int64_t began = edge_now_mono_ms();
    world_stop(w);
    CU_ASSERT(edge_now_mono_ms() - began < 1500);
}

CU_TestInfo core_command_tests[] = {
    {"a device offers what its profile shows",                  test_a_device_offers_what_its_profile_shows },
    {"lists count devices without profile",                     test_lists_count_devices_without_profile    },
    {"a long list is fetched in pages",                         test_a_long_list_is_fetched_in_pages        },
    {"reads are handed on",                                     test_reads_are_handed_on                    },
    {"writes are handed on",                                    test_writes_are_handed_on                   },
    {"long reasons are relayed",                                test_long_reasons_are_relayed               },
    {"an unreachable device service is 503",                    test_an_unreachable_device_service_is_503   },
    {"a silent device service is 503 in time",                  test_a_silent_device_service_is_503_in_time },
    {"a device service of the same process is a function call",
     test_a_device_service_of_the_same_process_is_a_function_call                                           },
    {"commands over the bus",                                   test_commands_over_the_bus                  },
    {"binaries on the bus stay binary",                         test_binaries_on_the_bus_stay_binary        },
    {"silence is answered by silence",                          test_silence_is_answered_by_silence         },
    {"a silent peer holds up nobody else",                      test_a_silent_peer_holds_up_nobody_else     },
    {"a crowd at a silent peer is refused",                     test_a_crowd_at_a_silent_peer_is_refused    },
    {"silence on the bus holds up nobody else",                 test_silence_on_the_bus_holds_up_nobody_else},
    {"messages that wait are paid for",                         test_messages_that_wait_are_paid_for        },
    {"a stop does not wait for the silent",                     test_a_stop_does_not_wait_for_the_silent    },
    CU_TEST_INFO_NULL,
};
