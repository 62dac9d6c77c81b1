/* core-metadata's rules over its own routes, with its real store and bus, in this process. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core_metadata.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "platform.h"
#include "service_rig.h"
#include "suites.h"

#define RIG(name) SERVICE_RIG(name, &core_metadata, "")
#define ask       service_rig_ask

#define ITEM(wrapper, members) "[{\"apiVersion\":\"v3\",\"" wrapper "\":{" members "}}]"
#define SERVICE(name)                                                                              \
    ITEM("service",                                                                                \
         "\"name\":\"" name "\",\"baseAddress\":\"http://h:1\",\"adminState\":\"UNLOCKED\"")
#define PROFILE(name, more)                                                                        \
    ITEM("profile",                                                                                \
         "\"name\":\"" name "\",\"deviceResources\":[{\"name\":\"R\",\"properties\":"              \
         "{\"valueType\":\"Int8\",\"readWrite\":\"RW\"}}],\"deviceCommands\":[" more "]")
#define DEVICE_BODY(name, more)                                                                    \
    ITEM("device", "\"name\":\"" name "\",\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\","  \
                   "\"serviceName\":\"S\",\"profileName\":\"P\",\"protocols\":{}" more)

static int64_t item_code(const cJSON *answer)
{
    return int_at(answer, "0.statusCode");
}

static void furnish(struct edge_ctx *ctx, struct service_rig *r)
{
    CU_ASSERT_EQUAL(item_code(ask(ctx, r, "POST", "/api/v3/deviceservice", SERVICE("S"), 207)),
                    201);
    CU_ASSERT_EQUAL(item_code(ask(ctx, r, "POST", "/api/v3/deviceprofile", PROFILE("P", ""), 207)),
                    201);
    CU_ASSERT_EQUAL(item_code(ask(ctx, r, "POST", "/api/v3/device?bypassValidation=true",
                                  DEVICE_BODY("D", ""), 207)),
                    201);
}

static void test_batches_are_judged_as_a_whole(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    ask(&ctx, &r, "POST", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"S\",\"baseAddress\":\"http://h:1\","
        "\"adminState\":\"UNLOCKED\"}},{\"apiVersion\":\"v3\",\"service\":{\"name\":\" \"}}]",
        400);
    ask(&ctx, &r, "GET", "/api/v3/deviceservice/name/S", NULL, 404); /* nothing half-applied */
    const cJSON *answer = ask(&ctx, &r, "POST", "/api/v3/deviceservice", "[]", 207);
    CU_ASSERT_TRUE(!answer || cJSON_IsNull(answer));
    answer = ask(
        &ctx, &r, "POST", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"requestId\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\","
        "\"service\":{\"name\":\"S\",\"baseAddress\":\"http://h:1\",\"adminState\":\"LOCKED\"}},"
        "{\"apiVersion\":\"v3\",\"service\":{\"name\":\"S\",\"baseAddress\":\"http://h:1\","
        "\"adminState\":\"LOCKED\"}}]",
        207);
    CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 201);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "0.requestId"), "e6e8a2f4-eb14-4649-9e2b-175247911369");
    CU_ASSERT_TRUE(edge_uuid_is_strict(text_at(answer, "0.id")));
    CU_ASSERT_EQUAL(int_at(answer, "1.statusCode"), 409); /* later items see earlier ones */
}

static void test_patches_lay_over(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
    const char *target = "/api/v3/device?bypassValidation=true";
    static const struct {
        const char *patch;
        int code, item;
    } cases[] = {
        {ITEM("device", "\"name\":\"D\",\"labels\":[\"a\",\"b\"],\"description\":\"x\""),  207, 200},
        {ITEM("device", "\"name\":\"D\",\"labels\":null,\"description\":\"\""),            207, 200},
        {ITEM("device", "\"name\":\"E\",\"description\":\"x\""),                           207, 404},
        {ITEM("device", "\"name\":\"D\",\"serviceName\":\"nobody\""),                      207, 400},
        {ITEM("device", "\"name\":\"D\",\"adminState\":\"OPEN\""),                         400, -1 },
        {ITEM("device", "\"name\":\"\""),                                                  400, -1 },
        {ITEM("device", "\"description\":\"x\""),                                          400, -1 },
        {ITEM("device", "\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"name\":\"D\""), 207,
         404                                                                                       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *answer = ask(&ctx, &r, "PATCH", target, cases[i].patch, cases[i].code);
        CU_ASSERT_EQUAL(item_code(answer), cases[i].item);
    }
    const cJSON *answer = ask(&ctx, &r, "GET", "/api/v3/device/name/D", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "device.labels.1"), "b");
    CU_ASSERT_PTR_NULL(at(answer, "device.description"));
    answer = ask(&ctx, &r, "GET", "/api/v3/device/all?labels=a,b", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 1);
    answer = ask(&ctx, &r, "GET", "/api/v3/device/all?labels=a,c", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 0);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf many = EDGE_BUF_INIT; /* what a target holds */
    edge_buf_puts(&many, "/api/v3/device/all?labels=a");
    while (many.len < 4000) {
        edge_buf_puts(&many, ",b");
    }
    answer = ask(&ctx, &r, "GET", edge_buf_str(&many), NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 1);
    edge_buf_puts(&many, ",%22%5C");
    answer = ask(&ctx, &r, "GET", edge_buf_str(&many), NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 0);
}

static void test_dependencies_hold(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceservice/name/S", NULL, 409);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceprofile/name/P", NULL, 409);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceprofile/name/P/resource/R", NULL, 409);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceprofile/name//resource/R", NULL, 400);
    CU_ASSERT_EQUAL(item_code(ask(&ctx, &r, "POST", "/api/v3/device?bypassValidation=true",
                                  DEVICE_BODY("child", ",\"parent\":\"D\""), 207)),
                    201);
    ask(&ctx, &r, "DELETE", "/api/v3/device/name/D", NULL, 409);
    const cJSON *answer = ask(&ctx, &r, "GET", "/api/v3/device/all?descendantsOf=D", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "devices.0.name"), "child");
    ask(&ctx, &r, "GET", "/api/v3/device/all?descendantsOf=D&maxLevels=-1", NULL, 200);
    ask(&ctx, &r, "GET", "/api/v3/device/all?descendantsOf=D&maxLevels=-2", NULL, 400);
    ask(&ctx, &r, "GET", "/api/v3/device/all?maxLevels=some", NULL, 400);
    answer = ask(&ctx, &r, "GET", "/api/v3/deviceprofile/name/P", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "profile.linkedDeviceCount"), 2);
    ask(&ctx, &r, "DELETE", "/api/v3/device/name/child", NULL, 200);
    ask(&ctx, &r, "DELETE", "/api/v3/device/name/D", NULL, 200);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceprofile/name/P", NULL, 200);
    ask(&ctx, &r, "DELETE", "/api/v3/deviceservice/name/S", NULL, 200);
}

static void test_profiles_change_in_parts(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
    const cJSON *answer = ask(
        &ctx, &r, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":{\"name\":\"Q\",\"properties\":"
        "{\"valueType\":\"String\",\"readWrite\":\"R\"},\"tags\":{\"a\":{\"x\":1}}}},"
        "{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":{\"name\":\"R\",\"properties\":"
        "{\"valueType\":\"String\",\"readWrite\":\"R\"}}}]",
        207);
    CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 201);
    CU_ASSERT_EQUAL(int_at(answer, "1.statusCode"), 400); /* twice the same name */
    answer = ask(&ctx, &r, "POST", "/api/v3/deviceprofile/deviceCommand",
                 "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"deviceCommand\":{\"name\":\"C\","
                 "\"readWrite\":\"R\",\"resourceOperations\":[{\"deviceResource\":\"Q\"}]}}]",
                 207);
    CU_ASSERT_EQUAL(item_code(answer), 201);
    ask(&ctx, &r, "PATCH", "/api/v3/deviceprofile/name/P/tags",
        "{\"apiVersion\":\"v3\",\"deviceResources\":[{\"name\":\"Q\",\"tags\":{\"a\":{\"y\":2}}}]}",
        200);
    answer = ask(&ctx, &r, "GET", "/api/v3/deviceresource/profile/P/resource/Q", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "resource.tags.a.x"), 1);
    CU_ASSERT_EQUAL(int_at(answer, "resource.tags.a.y"), 2);
    answer = ask(&ctx, &r, "PATCH", "/api/v3/deviceprofile/basicinfo",
                 ITEM("basicinfo", "\"name\":\"P\",\"model\":\"M2\""), 207);
    CU_ASSERT_EQUAL(item_code(answer), 200);
    answer = ask(&ctx, &r, "GET", "/api/v3/deviceprofile/model/M2", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 1);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "profiles.0.deviceCommands.0.name"), "C");
}

static void test_uploads_are_multipart(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    const char *body =
        "--BOUND\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n"
        "--BOUND\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.yaml\"\r\n"
        "Content-Type: application/x-yaml\r\n\r\nname: \"up\"\ndeviceResources:\n"
        "  - {name: R, properties: {valueType: int8, readWrite: RW, defaultValue: 0}}\n"
        "\r\n--BOUND--\r\n";
    static const char nameless[] =
        "--BOUND\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nmodel: x\r\n--BOUND--\r\n";
    static const struct {
        const char *type;
        int code;
    } cases[] = {
        {"application/json",                        400},
        {"multipart/form-data",                     400},
        {"multipart/form-dataX; boundary=BOUND",    400},
        {"multipart/form-data; boundary=WRONG",     400},
        {"multipart/form-data; boundary=BOUND",     201},
        {"multipart/form-data; boundary=\"BOUND\"", 409},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_http_request req = {.method = "POST",
                                        .target = "/api/v3/deviceprofile/uploadfile",
                                        .content_type = cases[i].type,
                                        .body = body,
                                        .body_size = strlen(body)};
        struct edge_http_response res = {0};
        edge_http_call(r.rt->http, &ctx, &req, &res);
        CU_ASSERT_EQUAL(res.code, cases[i].code);
    }
    struct edge_http_request req = {.method = "POST",
                                    .target = "/api/v3/deviceprofile/uploadfile",
                                    .content_type = "multipart/form-data; boundary=BOUND",
                                    .body = nameless,
                                    .body_size = strlen(nameless)};
    struct edge_http_response res = {0};
    edge_http_call(r.rt->http, &ctx, &req, &res);
    CU_ASSERT_EQUAL(res.code, 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(res.body, "\"*dtos.DeviceProfile yaml decoding failed: "
                                            "DeviceProfile.name field is required\""));
    const cJSON *answer = ask(&ctx, &r, "GET", "/api/v3/deviceprofile/name/up", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "profile.deviceResources.0.properties.defaultValue"),
                           "0");
}

/* Upload @p form, where ~ stands for @p line_end: the code of the answer, and its text. */
static int upload(struct edge_ctx *ctx, const struct service_rig *r, const char *type,
                  const char *form, const char *line_end, const char **ret_text)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    for (const char *s = form; *s; s++) {
        if (*s == '~') {
            edge_buf_puts(&body, line_end);
        } else {
            edge_buf_putc(&body, *s);
        }
    }
    struct edge_http_request req = {.method = "POST",
                                    .target = "/api/v3/deviceprofile/uploadfile",
                                    .content_type = type,
                                    .body = edge_buf_str(&body),
                                    .body_size = body.len};
    struct edge_http_response res = {0};
    edge_http_call(r->rt->http, ctx, &req, &res);
    *ret_text = edge_strndup(&ctx->arena, res.body ? res.body : "", res.body_size);
    return res.code;
}

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 20,000 parameters nobody asks for: a head costs what it is long. */
static void test_the_head_of_a_part_costs_its_length(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf form = EDGE_BUF_INIT;
    edge_buf_puts(&form, "--B1~Content-Disposition: form-data");
    for (int i = 0; i < 20000; i++) {
        edge_buf_puts(&form, ";a=\"\"");
    }
    edge_buf_puts(&form, "~~hello~--B1--~");
    const char *text = NULL;
    long before = peak_kb();
    CU_ASSERT_EQUAL(
        upload(&ctx, &r, "multipart/form-data; boundary=B1", edge_buf_str(&form), "\r\n", &text),
        400);
    CU_ASSERT(peak_kb() - before < 32 * 1024);
}

/* Quoted or not, CRLF or LF: as clients send them. Each adds its profile, named as the row says. */
static void test_uploads_take_what_clients_send(void)
{
#define YAML(name)                                                                                 \
    "name: " name "~deviceResources:~  - {name: R, properties: {valueType: int8, readWrite: RW}}~"
    static const char bound[] = "multipart/form-data; boundary=B1";
    static const struct {
        const char *type, *form, *added; /* NULL: refused */
    } cases[] = {
        {bound,                                                     "--B1~Content-Disposition: form-data; name=\"file\"~~" YAML("a") "~--B1--~",  "a" },
        {bound,                                                     "--B1~Content-Disposition: form-data; name=file~~" YAML("b") "~--B1--~",      "b" },
        {bound,
         "--B1~content-disposition:form-data;filename=x.yaml;NAME=file~~" YAML("c") "~--B1--",                                                    "c" },
        {bound,
         "--B1~Content-Type: text/yaml~Content-Disposition: form-data; filename=\"a;name=b.yaml\"; name = \"file\"~~" YAML(
             "d") "~--B1--~",
         "d"                                                                                                                                          },
        {"Multipart/Form-Data; charset=utf-8; Boundary=\"B 1=;'\"",
         "--B 1=;'~Content-Disposition: form-data; name=file~~" YAML("e") "~--B 1=;'--~",                                                         "e" },
        {bound,
         "preamble --B1~--B1 \t~Content-Disposition: form-data; name=x~~--B10~--B1~Content-Disposition: form-data; name=file~~" YAML(
             "g") "# --B1 inside~#--B1~--B1--~epilogue",
         "g"                                                                                                                                          },
        {bound,                                                     "--B1~Content-Disposition: form-data; name=\"files\"~~" YAML("h") "~--B1--~", NULL},
        {bound,
         "--B1~Content-Disposition: form-data; filename=\"; name=file\"~~" YAML("i") "~--B1--~",
         NULL                                                                                                                                         },
        {bound,                                                     "--B1~Content-Disposition: form-data; name=file~~" YAML("j"),
         NULL                                                                                                                                         }, /* not closed */
        {bound,                                                     "--B1~Content-Disposition: form-data; name=file~--B1--~",                     NULL}, /* no empty line */
        {bound,                                                     "--B1",                                                                       NULL},
        {bound,                                                     "",                                                                           NULL},
    };
    static const char *const line_ends[] = {"\r\n", "\n"};
    for (size_t l = 0; l < 2; l++) {
        RIG(r);
        EDGE_CTX_SCOPE(ctx);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const char *text = NULL;
            int code = upload(&ctx, &r, cases[i].type, cases[i].form, line_ends[l], &text);
            CU_ASSERT_EQUAL(code, cases[i].added ? 201 : 400);
            if (cases[i].added) {
                const char *target =
                    edge_printf(&ctx.arena, "/api/v3/deviceprofile/name/%s", cases[i].added);
                ask(&ctx, &r, "GET", target, NULL, 200);
            }
        }
        const char *text = NULL;
        CU_ASSERT_EQUAL(upload(&ctx, &r, bound, cases[6].form, line_ends[l], &text), 400);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "part called 'file'"));
        CU_ASSERT_EQUAL(upload(&ctx, &r, "text/yaml", "x", "", &text), 400);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "request Content-Type isn't multipart/form-data"));
    }
#undef YAML
}

/* A list of units may be an odd one; then it has none. */
static void test_odd_lists_of_units(void)
{
    static const char *const files[] = {"",
                                        "{}\n",
                                        "Units:\n",
                                        "Source:\nUnits: {a: null, b: 5, c: [], d: {Values: x}}\n",
                                        "Source: s\nUnits:\n  t: {Values: [C]}\n",
                                        "[1, 2]\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct service_rig r;
        EDGE_CTX_SCOPE(ctx);
        SCRATCH(dir);
        const char *path = edge_printf(&ctx.arena, "%s/uom.yaml", dir.path);
        FILE *f = fopen(path, "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        fputs(files[i], f);
        fclose(f);
        service_rig_up(&r, &core_metadata, edge_printf(&ctx.arena, "UoM: {UoMFile: %s}\n", path));
        service_rig_ask(&ctx, &r, "GET", "/api/v3/uom", NULL, 200);
        service_rig_done(&r);
    }
}

/* ---- system events ----------------------------------------------------------------------- */

struct heard {
    struct edge_mutex lock;
    char topics[2000] EDGE_GUARDED;
};

static enum edge_status hear(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct heard *h = state;
    const cJSON *payload = NULL;
    EDGE_TRY(edge_message_tree(ctx, m, &payload));
    EDGE_LOCK(&h->lock);
    size_t len = strlen(h->topics);
    snprintf(h->topics + len, sizeof(h->topics) - len, "%s (%s)\n", m->topic,
             text_at(payload, "details.name"));
    return EDGE_OK;
}

struct hearing {
    struct heard *heard;
    const char *text;
};

static bool was_heard(void *arg)
{
    struct hearing *h = arg;
    EDGE_LOCK(&h->heard->lock);
    return strstr(h->heard->topics, h->text) != NULL;
}

static void test_changes_are_announced(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    static struct heard heard;
    edge_mutex_init(&heard.lock);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, r.rt->bus, "edgex/system-events/#", hear, &heard, 0),
                    EDGE_OK);
    furnish(&ctx, &r);
    ask(&ctx, &r, "PATCH", "/api/v3/deviceprofile/basicinfo",
        ITEM("basicinfo", "\"name\":\"P\",\"model\":\"M2\""), 207);
    ask(&ctx, &r, "DELETE", "/api/v3/device/name/D", NULL, 200);
    static const char *const expected[] = {
        "edgex/system-events/core-metadata/deviceservice/add/S (S)\n",
        "edgex/system-events/core-metadata/deviceprofile/add/core-metadata/P (P)\n",
        "edgex/system-events/core-metadata/device/add/S/P (D)\n",
        "edgex/system-events/core-metadata/deviceprofile/update/core-metadata/P (P)\n",
        "edgex/system-events/core-metadata/deviceprofile/update/S/P (P)\n",
        "edgex/system-events/core-metadata/device/delete/S/P (D)\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        CU_ASSERT_TRUE(wait_until(was_heard, &(struct hearing){&heard, expected[i]}, PATIENCE_MS));
    }
}

/* A driver that takes every device: it answers under its name as a level of a topic. */
static enum edge_status accept_device(void *state, struct edge_ctx *ctx,
                                      const struct edge_message *m)
{
    const struct service_rig *r = state;
    struct edge_message *out = edge_message_create(0);
    out->request_id = edge_strdup(edge_message_arena(out), m->request_id);
    edge_message_topic(out, "edgex/response/my%%2Fdriver/%s", m->request_id);
    enum edge_status st = edge_bus_publish(ctx, r->rt->bus, out);
    edge_message_unref(out);
    return st;
}

static void test_drivers_with_odd_names_are_understood(void)
{
    SERVICE_RIG(r, &core_metadata, "Service:\n  Port: 0\n  EnableNameFieldEscape: true\n");
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, r.rt->bus, "edgex/my%2Fdriver/validate/device",
                                       accept_device, &r, 0),
                    EDGE_OK);
    ask(&ctx, &r, "POST", "/api/v3/deviceservice", SERVICE("my/driver"), 207);
    const cJSON *answer = ask(&ctx, &r, "POST", "/api/v3/device",
                              ITEM("device", "\"name\":\"D\",\"adminState\":\"UNLOCKED\","
                                             "\"operatingState\":\"UP\",\"protocols\":{},"
                                             "\"serviceName\":\"my/driver\""),
                              207);
    CU_ASSERT_EQUAL(item_code(answer), 201);
}

static void test_watchers_are_kept(void)
{
    RIG(r);
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
#define WATCHER(name, profile)                                                                     \
    ITEM("provisionWatcher",                                                                       \
         "\"name\":\"" name "\",\"serviceName\":\"S\",\"adminState\":\"UNLOCKED\","                \
         "\"identifiers\":{\"Port\":\"8.*\"},\"discoveredDevice\":{\"adminState\":\"UNLOCKED\","   \
         "\"profileName\":\"" profile "\"}")
    CU_ASSERT_EQUAL(
        item_code(ask(&ctx, &r, "POST", "/api/v3/provisionwatcher", WATCHER("W", "X"), 207)), 404);
    CU_ASSERT_EQUAL(
        item_code(ask(&ctx, &r, "POST", "/api/v3/provisionwatcher", WATCHER("W", "P"), 207)), 201);
    CU_ASSERT_EQUAL(
        item_code(ask(&ctx, &r, "POST", "/api/v3/provisionwatcher", WATCHER("W", "P"), 207)), 409);
    const cJSON *answer =
        ask(&ctx, &r, "GET", "/api/v3/provisionwatcher/profile/name/P", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "provisionWatchers.0.name"), "W");
    answer = ask(
        &ctx, &r, "PATCH", "/api/v3/provisionwatcher",
        ITEM("provisionWatcher", "\"name\":\"W\",\"discoveredDevice\":{\"adminState\":\"LOCKED\"}"),
        207);
    CU_ASSERT_EQUAL(item_code(answer), 200);
    answer = ask(&ctx, &r, "GET", "/api/v3/provisionwatcher/name/W", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "provisionWatcher.discoveredDevice.adminState"),
                           "LOCKED");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "provisionWatcher.discoveredDevice.profileName"), "P");
    ask(&ctx, &r, "DELETE", "/api/v3/deviceprofile/name/P", NULL, 409);
    ask(&ctx, &r, "DELETE", "/api/v3/provisionwatcher/name/W", NULL, 200);
}

CU_TestInfo core_metadata_tests[] = {
    {"batches are judged as a whole",         test_batches_are_judged_as_a_whole        },
    {"patches lay over",                      test_patches_lay_over                     },
    {"dependencies hold",                     test_dependencies_hold                    },
    {"profiles change in parts",              test_profiles_change_in_parts             },
    {"uploads are multipart",                 test_uploads_are_multipart                },
    {"uploads take what clients send",        test_uploads_take_what_clients_send       },
    {"the head of a part costs its length",   test_the_head_of_a_part_costs_its_length  },
    {"odd lists of units",                    test_odd_lists_of_units                   },
    {"changes are announced",                 test_changes_are_announced                },
    {"drivers with odd names are understood", test_drivers_with_odd_names_are_understood},
    {"watchers are kept",                     test_watchers_are_kept                    },
    CU_TEST_INFO_NULL,
};
