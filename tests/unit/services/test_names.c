/* What has a name can be asked for and removed by it: a name no path can hold is refused when it is
 * added. Devices stand in no circles. */
#include <stdio.h>
#include <string.h>

#include "core_keeper.h"
#include "core_metadata.h"
#include "edge/text.h"
#include "platform.h"
#include "service_rig.h"
#include "suites.h"

/* ' stands for ", # for the name: as JSON in bodies, escaped in targets. */
static const char *spelled(struct edge_ctx *ctx, const char *text, const char *name)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    for (; *text; text++) {
        if (*text == '#') {
            edge_buf_puts(&out, name);
        } else {
            edge_buf_putc(&out, *text == '\'' ? '"' : *text);
        }
    }
    return edge_strndup(&ctx->arena, edge_buf_str(&out), out.len);
}

static const char *repeated(struct edge_ctx *ctx, const char *what, size_t times)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    for (size_t i = 0; i < times; i++) {
        edge_buf_puts(&out, what);
    }
    return edge_strndup(&ctx->arena, edge_buf_str(&out), out.len);
}

struct kind {
    const char *method, *target, *body;
    int added;          /* code of the item, or of the answer */
    const char *see;    /* and its removal; */
    const char *remove; /* NULL: the same target */
};

#define RESOURCE(name) "{'name':'" name "','properties':{'valueType':'Int8','readWrite':'RW'}}"
#define COMMAND(name)                                                                              \
    "{'name':'" name "','readWrite':'R','resourceOperations':[{'deviceResource':'R'}]}"
#define DEVICE(name, more)                                                                         \
    "[{'apiVersion':'v3','device':{'name':'" name                                                  \
    "','adminState':'UNLOCKED','operatingState':'UP',"                                             \
    "'serviceName':'S','profileName':'P','protocols':{'p':{'a':'1'}}" more "}}]"
#define ADD_DEVICE "/api/v3/device?bypassValidation=true"

/* clang-format off */
static const struct kind metadata_kinds[] = {
    {"POST", "/api/v3/deviceservice", "[{'apiVersion':'v3','service':{'name':'#','baseAddress':'http://h:1','adminState':'UNLOCKED'}}]", 201, "/api/v3/deviceservice/name/#", NULL},
    {"POST", "/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'#'}}]", 201, "/api/v3/deviceprofile/name/#", NULL},
    {"POST", ADD_DEVICE, DEVICE("#", ""), 201, "/api/v3/device/name/#", NULL},
    {"POST", ADD_DEVICE "&force=true", DEVICE("#", ""), 201, "/api/v3/device/name/#", NULL},
    {"POST", "/api/v3/provisionwatcher", "[{'apiVersion':'v3','provisionWatcher':{'name':'#','serviceName':'S','adminState':'UNLOCKED','identifiers':{'a':'b'},'discoveredDevice':{'adminState':'UNLOCKED','profileName':'P'}}}]", 201, "/api/v3/provisionwatcher/name/#", NULL},
    {"POST", "/api/v3/deviceprofile/resource", "[{'apiVersion':'v3','profileName':'Q','resource':" RESOURCE("#") "}]", 201, "/api/v3/deviceresource/profile/Q/resource/#", "/api/v3/deviceprofile/name/Q/resource/#"},
    {"POST", "/api/v3/deviceprofile/deviceCommand", "[{'apiVersion':'v3','profileName':'Q','deviceCommand':" COMMAND("#") "}]", 201, NULL, "/api/v3/deviceprofile/name/Q/deviceCommand/#"},
    {"PUT", "/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'Q','deviceResources':[" RESOURCE("R") "," RESOURCE("#") "]}}]", 200, NULL, "/api/v3/deviceprofile/name/Q/resource/#"},
    {"PUT", "/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'Q','deviceResources':[" RESOURCE("R") "],'deviceCommands':[" COMMAND("#") "]}}]", 200, NULL, "/api/v3/deviceprofile/name/Q/deviceCommand/#"},
    {"POST", "/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'N','deviceResources':[" RESOURCE("#") "]}}]", 201, NULL, "/api/v3/deviceprofile/name/N"},
    {"POST", "/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'N','deviceResources':[" RESOURCE("R") "],'deviceCommands':[" COMMAND("#") "]}}]", 201, NULL, "/api/v3/deviceprofile/name/N"},
};
static const struct kind keeper_kinds[] = {
    {"POST", "/api/v3/registry", "{'apiVersion':'v3','registration':{'serviceId':'#','host':'h','port':1,'healthCheck':{'interval':'1h','path':'/','type':'http'}}}", 201, "/api/v3/registry/serviceId/#", NULL},
};
/* clang-format on */

struct named {
    const char *name; /* the same in JSON: no quotes, no backslashes */
    size_t times;
    bool sound;
};

static const struct named names[] = {
    {".",         1,    false},
    {"..",        1,    false},
    {"...",       1,    true },
    {".a",        1,    true },
    {"a/../b",    1,    true },
    {"a b",       1,    true },
    {"%2e",       1,    true },
    {"a?b=c&d#e", 1,    true },
    {"\xc3\xa4",  1,    true },
    {"a\\u0000b", 1,    false}, /* kept as another one */
    {"x",         960,  true },
    {"x",         961,  false},
    {"-",         320,  true }, /* "%2D" */
    {"-",         321,  false},
    {"x",         5000, false}, /* longer than a target */
};

/* The code that counts: of the only item of a batch. */
static int send(struct edge_ctx *ctx, const struct service_rig *r, const char *method,
                const char *target, const char *body)
{
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    struct edge_http_response res = {0};
    edge_http_call(r->rt->http, ctx, &req, &res);
    const char *text = edge_strndup(&ctx->arena, res.body ? res.body : "", res.body_size);
    const cJSON *answer = NULL;
    if (res.code == 207 && edge_json_parse(ctx, text, strlen(text), NULL, &answer) == EDGE_OK) {
        return (int)int_at(answer, "0.statusCode");
    }
    return res.code;
}

static void add_and_remove(const struct service_rig *r, const struct kind *kind,
                           const struct named *named, int refused)
{
    EDGE_CTX_SCOPE(ctx);
    const char *name = repeated(&ctx, named->name, named->times);
    const char *escaped = edge_name_escape(&ctx.arena, name);
    int code = send(&ctx, r, kind->method, kind->target, spelled(&ctx, kind->body, name));
    if (code != (named->sound ? kind->added : refused)) {
        fprintf(stderr, "%s %s: %d for %zu x '%s'\n", kind->method, kind->target, code,
                named->times, named->name);
    }
    CU_ASSERT_EQUAL(code, named->sound ? kind->added : refused);
    if (code / 100 != 2) {
        return;
    }
    if (kind->see) {
        CU_ASSERT_EQUAL(send(&ctx, r, "GET", spelled(&ctx, kind->see, escaped), NULL), 200);
    }
    const char *target = kind->remove ? kind->remove : kind->see;
    CU_ASSERT_EQUAL(send(&ctx, r, "DELETE", spelled(&ctx, target, escaped), NULL) / 100, 2);
}

static void furnish(struct edge_ctx *ctx, const struct service_rig *r)
{
    static const char *const bodies[][2] = {
        {"/api/v3/deviceservice", "[{'apiVersion':'v3','service':{'name':'S','baseAddress':"
                                  "'http://h:1','adminState':'UNLOCKED'}}]"},
        {"/api/v3/deviceprofile", "[{'apiVersion':'v3','profile':{'name':'P'}}]"                            },
        {"/api/v3/deviceprofile",
         "[{'apiVersion':'v3','profile':{'name':'Q','deviceResources':[" RESOURCE("R") "]}}]"               },
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(send(ctx, r, "POST", bodies[i][0], spelled(ctx, bodies[i][1], "")),
                              201);
    }
}

static void test_metadata_refuses_names_no_path_can_hold(void)
{
    SERVICE_RIG(r, &core_metadata, "");
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
    for (size_t k = 0; k < sizeof(metadata_kinds) / sizeof(metadata_kinds[0]); k++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            add_and_remove(&r, &metadata_kinds[k], &names[i], 400);
        }
    }
}

static void test_keeper_refuses_names_no_path_can_hold(void)
{
    static const struct {
        const char *target, *value;
        int code;
    } keys[] = {
        {"a/./b",             "'v'",               400},
        {"..",                "'v'",               400},
        {"a/..",              "'v'",               400},
        {"a/.../.b/c./%252e", "'v'",               200},
        {"t?flatten=true",    "{'x':{'..':1}}",    400},
        {"t?flatten=true",    "{'x':{'a/./b':1}}", 400},
        {"t?flatten=true",    "{'x':{'...':1}}",   200},
    };
    SERVICE_RIG(r, &core_keeper, "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].times == 1) { /* an id ends at 256 characters anyway */
            add_and_remove(&r, &keeper_kinds[0], &names[i], 400);
        }
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *target = edge_printf(&ctx.arena, "/api/v3/kvs/key/%s", keys[i].target);
        const char *body = edge_printf(&ctx.arena, "{'apiVersion':'v3','value':%s}", keys[i].value);
        CU_ASSERT_EQUAL(send(&ctx, &r, "PUT", target, spelled(&ctx, body, "")), keys[i].code);
    }
}

/* ---- parents ----------------------------------------------------------------------------- */

static int add_device(struct edge_ctx *ctx, const struct service_rig *r, const char *name,
                      const char *query, const char *parent)
{
    const char *body = edge_printf(&ctx->arena, DEVICE("%s", ",'parent':'%s'"), name, parent);
    const char *target = edge_printf(&ctx->arena, "%s%s", ADD_DEVICE, query);
    return send(ctx, r, "POST", target, spelled(ctx, body, ""));
}

static int patch_device(struct edge_ctx *ctx, const struct service_rig *r, const char *name,
                        const char *members)
{
    const char *body =
        edge_printf(&ctx->arena, "[{'apiVersion':'v3','device':{'name':'%s',%s}}]", name, members);
    return send(ctx, r, "PATCH", ADD_DEVICE, spelled(ctx, body, ""));
}

static void test_devices_stand_in_no_circle(void)
{
    SERVICE_RIG(r, &core_metadata, "");
    EDGE_CTX_SCOPE(ctx);
    furnish(&ctx, &r);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "a", "", ""), 201);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "b", "", "a"), 201);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "c", "", "b"), 201);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'a'"), 400);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'a','profileName':'Q'"), 400);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'b'"), 409);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'c'"), 409);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'c','profileName':'Q'"), 409);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "a", "&force=true", "c"), 409);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "c", "'parent':'a'"), 200);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "c", "'labels':['x']"), 200);
    /* a parent may be added after its children */
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "low", "", "high"), 201);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "high", "", "low"), 409);
    CU_ASSERT_EQUAL(add_device(&ctx, &r, "high", "", "c"), 201);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'low'"), 409);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "low", "'parent':''"), 200);
    CU_ASSERT_EQUAL(patch_device(&ctx, &r, "a", "'parent':'low'"), 200);
}

CU_TestInfo names_tests[] = {
    {"metadata refuses names no path can hold", test_metadata_refuses_names_no_path_can_hold},
    {"keeper refuses names no path can hold",   test_keeper_refuses_names_no_path_can_hold  },
    {"devices stand in no circle",              test_devices_stand_in_no_circle             },
    CU_TEST_INFO_NULL,
};
