/* Two requests at the same moment, for the pairs of routes of core-metadata and core-keeper that change
 * the same thing or what the other one relies on: what is acknowledged is there afterwards, and nothing
 * refers to what is gone. In a long run the pairs meet for an hour. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_keeper.h"
#include "core_metadata.h"
#include "edge/clock.h"
#include "long_run.h"
#include "service_rig.h"
#include "suites.h"

enum { ROUNDS = 40 };

/* How a pair may end. */
enum rule {
    BOTH,     /* both are acknowledged, and both have left their mark */
    ONE,      /* one is acknowledged, the other refused */
    NOT_BOTH, /* never both; whoever comes second is refused */
    LAST,     /* both are acknowledged, one mark is left: the later one's */
};

/* Requests are "METHOD target body"; ' stands for ", # for the number of the round. */
struct race {
    const char *setup[5];
    const char *a, *b;
    enum rule rule;
    const char *look;   /* what to GET afterwards */
    const char *a_mark; /* what is in the answer if a was acknowledged; and b */
    const char *b_mark;
};

#define ITEM(key, members) "[{'apiVersion':'v3','" key "':{" members "}}]"
#define SERVICE                                                                                    \
    "POST /api/v3/deviceservice " ITEM(                                                            \
        "service", "'name':'S#','baseAddress':'http://h:1','adminState':'UNLOCKED'")
#define PROFILE_NAMED(name)                                                                        \
    "POST /api/v3/deviceprofile " ITEM(                                                            \
        "profile", "'name':'" name "','deviceResources':[" RESOURCE("R") "," RESOURCE(             \
                       "Q") "]"                                                                    \
                            ",'deviceCommands':[{'name':'C','readWrite':'R','resourceOperations':" \
                            "[{'deviceResource':'R'}]}]")
#define RESOURCE(name) "{'name':'" name "','properties':{'valueType':'Int8','readWrite':'RW'}}"
#define PROFILE        PROFILE_NAMED("P#")
#define DEVICE_NAMED(query, name, more)                                                            \
    "POST /api/v3/device" query                                                                    \
    " " ITEM("device", "'name':'" name "','adminState':'UNLOCKED','operatingState':'UP',"          \
                       "'serviceName':'S#','profileName':'P#','protocols':{'p':{'a':'1'}}" more)
#define UNASKED "?bypassValidation=true"
#define DEVICE  DEVICE_NAMED(UNASKED, "D#", "")
#define WATCHER                                                                                    \
    "POST /api/v3/provisionwatcher " ITEM(                                                         \
        "provisionWatcher", "'name':'W#','serviceName':'S#','adminState':'UNLOCKED',"              \
                            "'identifiers':{'Port':'8.*'},'discoveredDevice':"                     \
                            "{'adminState':'UNLOCKED','profileName':'P#'}")
#define PATCH_DEVICE(query, members)                                                               \
    "PATCH /api/v3/device" query " " ITEM("device", "'name':'D#'," members)
#define PATCH_WATCHER(members)                                                                     \
    "PATCH /api/v3/provisionwatcher " ITEM("provisionWatcher", "'name':'W#'," members)
#define PATCH_SERVICE(members)                                                                     \
    "PATCH /api/v3/deviceservice " ITEM("service", "'name':'S#'," members)
#define PATCH_BASIC(members)                                                                       \
    "PATCH /api/v3/deviceprofile/basicinfo " ITEM("basicinfo", "'name':'P#'," members)
#define PART(method, part, key, members)                                                           \
    method " /api/v3/deviceprofile/" part " [{'apiVersion':'v3','profileName':'P#','" key          \
           "':" members "}]"
#define ADD_RESOURCE(name) PART("POST", "resource", "resource", RESOURCE(name))
#define ADD_COMMAND(name)                                                                          \
    PART("POST", "deviceCommand", "deviceCommand",                                                 \
         "{'name':'" name "','readWrite':'R','resourceOperations':[{'deviceResource':'R'}]}")
#define PATCH_RESOURCE(name, members)                                                              \
    PART("PATCH", "resource", "resource", "{'name':'" name "'," members "}")
#define PATCH_COMMAND                                                                              \
    PART("PATCH", "deviceCommand", "deviceCommand", "{'name':'C','isHidden':true}")
#define TAGS(name)                                                                                 \
    "PATCH /api/v3/deviceprofile/name/P#/tags {'apiVersion':'v3','deviceResources':"               \
    "[{'name':'R','tags':{'" name "':1}}]}"
#define DELETE_PROFILE  "DELETE /api/v3/deviceprofile/name/P# "
#define DELETE_SERVICE  "DELETE /api/v3/deviceservice/name/S# "
#define DELETE_DEVICE   "DELETE /api/v3/device/name/D# "
#define DELETE_RESOURCE "DELETE /api/v3/deviceprofile/name/P#/resource/Q "
#define SEE_DEVICE      "/api/v3/device/name/D#"
#define SEE_PROFILE     "/api/v3/deviceprofile/name/P#"
#define SEE_WATCHER     "/api/v3/provisionwatcher/name/W#"
#define SEE_SERVICE     "/api/v3/deviceservice/name/S#"

/* clang-format off */
static const struct race metadata_races[] = {
    /* different members of one document */
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE(UNASKED, "'description':'da'"), PATCH_DEVICE(UNASKED, "'labels':['lb']"), BOTH, SEE_DEVICE, "'da'", "'lb'"},
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE("", "'description':'da'"), PATCH_DEVICE("", "'labels':['lb']"), BOTH, SEE_DEVICE, "'da'", "'lb'"},
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE("", "'adminState':'LOCKED'"), PATCH_DEVICE(UNASKED, "'operatingState':'DOWN'"), BOTH, SEE_DEVICE, "'LOCKED'", "'DOWN'"},
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE(UNASKED, "'tags':{'t':1}"), PATCH_DEVICE("", "'protocols':{'q':{'b':'2'}}"), BOTH, SEE_DEVICE, "'tags':{'t':1}", "'q':{'b':'2'}"},
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE(UNASKED, "'autoEvents':[{'interval':'9s','sourceName':'R'}]"), PATCH_DEVICE(UNASKED, "'location':'here'"), BOTH, SEE_DEVICE, "'9s'", "'here'"},
    {{SERVICE, PROFILE, DEVICE}, DEVICE_NAMED("?force=true", "D#", ",'description':'da'"), PATCH_DEVICE(UNASKED, "'labels':['lb']"), LAST, SEE_DEVICE, "'da'", "'lb'"},
    {{SERVICE}, PATCH_SERVICE("'description':'da'"), PATCH_SERVICE("'labels':['lb']"), BOTH, SEE_SERVICE, "'da'", "'lb'"},
    {{SERVICE}, PATCH_SERVICE("'adminState':'LOCKED'"), PATCH_SERVICE("'baseAddress':'http://h:2'"), BOTH, SEE_SERVICE, "'LOCKED'", "'http://h:2'"},
    {{SERVICE, PROFILE, WATCHER}, PATCH_WATCHER("'labels':['la']"), PATCH_WATCHER("'adminState':'LOCKED'"), BOTH, SEE_WATCHER, "'la'", "'LOCKED'"},
    {{PROFILE}, PATCH_BASIC("'model':'ma'"), PATCH_BASIC("'manufacturer':'mb'"), BOTH, SEE_PROFILE, "'ma'", "'mb'"},
    /* parts of one profile */
    {{PROFILE}, ADD_RESOURCE("Ra"), ADD_RESOURCE("Rb"), BOTH, SEE_PROFILE, "'Ra'", "'Rb'"},
    {{PROFILE}, ADD_RESOURCE("Ra"), ADD_COMMAND("Cb"), BOTH, SEE_PROFILE, "'Ra'", "'Cb'"},
    {{PROFILE}, ADD_COMMAND("Ca"), ADD_COMMAND("Cb"), BOTH, SEE_PROFILE, "'Ca'", "'Cb'"},
    {{PROFILE}, ADD_RESOURCE("Ra"), PATCH_BASIC("'model':'mb'"), BOTH, SEE_PROFILE, "'Ra'", "'mb'"},
    {{PROFILE}, ADD_RESOURCE("Ra"), TAGS("tb"), BOTH, SEE_PROFILE, "'Ra'", "'tb'"},
    {{PROFILE}, TAGS("ta"), TAGS("tb"), BOTH, SEE_PROFILE, "'ta'", "'tb'"},
    {{PROFILE}, PATCH_RESOURCE("R", "'description':'da'"), PATCH_RESOURCE("Q", "'description':'db'"), BOTH, SEE_PROFILE, "'da'", "'db'"},
    {{PROFILE}, PATCH_RESOURCE("R", "'description':'da'"), PATCH_COMMAND, BOTH, SEE_PROFILE, "'da'", "'isHidden':true"},
    {{PROFILE}, ADD_RESOURCE("Ra"), DELETE_RESOURCE, BOTH, SEE_PROFILE, "'Ra'", "'deviceResources'"},
    {{PROFILE}, ADD_RESOURCE("X"), ADD_RESOURCE("X"), ONE, SEE_PROFILE, "'X'", "'X'"},
    /* one name */
    {{SERVICE, PROFILE}, DEVICE, DEVICE_NAMED(UNASKED, "D#", ",'description':'db'"), ONE, SEE_DEVICE, "'D#'", "'db'"},
    {{SERVICE, PROFILE}, DEVICE_NAMED("", "D#", ""), DEVICE_NAMED("", "D#", ",'description':'db'"), ONE, SEE_DEVICE, "'D#'", "'db'"},
    {{NULL}, PROFILE, PROFILE, ONE, SEE_PROFILE, "'P#'", "'P#'"},
    {{NULL}, SERVICE, SERVICE, ONE, SEE_SERVICE, "'S#'", "'S#'"},
    {{SERVICE, PROFILE}, WATCHER, WATCHER, ONE, SEE_WATCHER, "'W#'", "'W#'"},
    /* what one relies on and the other takes away */
    {{SERVICE, PROFILE}, DEVICE, DELETE_PROFILE, NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE}, DEVICE_NAMED("", "D#", ""), DELETE_PROFILE, NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE}, DEVICE, DELETE_SERVICE, NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE}, WATCHER, DELETE_PROFILE, NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE, PROFILE_NAMED("N#"), DEVICE}, PATCH_DEVICE(UNASKED, "'profileName':'N#'"), "DELETE /api/v3/deviceprofile/name/N# ", NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE, PROFILE_NAMED("N#"), WATCHER}, PATCH_WATCHER("'discoveredDevice':{'profileName':'N#'}"), "DELETE /api/v3/deviceprofile/name/N# ", NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE}, DEVICE_NAMED(UNASKED, "D#", ",'autoEvents':[{'interval':'9s','sourceName':'Q'}]"), DELETE_RESOURCE, NOT_BOTH, NULL, NULL, NULL},
    {{SERVICE, PROFILE, DEVICE}, PATCH_DEVICE(UNASKED, "'description':'da'"), DELETE_DEVICE, LAST, NULL, NULL, NULL},
    {{SERVICE, PROFILE, DEVICE}, DELETE_DEVICE, DELETE_DEVICE, ONE, NULL, NULL, NULL},
    {{SERVICE, PROFILE, DEVICE}, DEVICE_NAMED(UNASKED, "K#", ",'parent':'D#'"), PATCH_DEVICE(UNASKED, "'labels':['lb']"), BOTH, SEE_DEVICE, "'D#'", "'lb'"},
    {{SERVICE, PROFILE, DEVICE, DEVICE_NAMED(UNASKED, "K#", "")}, PATCH_DEVICE(UNASKED, "'parent':'K#'"), "PATCH /api/v3/device" UNASKED " " ITEM("device", "'name':'K#','parent':'D#'"), NOT_BOTH, NULL, NULL, NULL},
};

#define KEY(more, body)    "PUT /api/v3/kvs/key/k#" more " {'apiVersion':'v3','value':" body "}"
#define REGISTRATION(method, port)                                                                 \
    method " /api/v3/registry {'apiVersion':'v3','registration':{'serviceId':'s#','host':'h','port':" port \
           ",'healthCheck':{'interval':'1h','path':'/','type':'http'}}}"
#define SEE_KEYS "/api/v3/kvs/key/k#?plaintext=true"
static const struct race keeper_races[] = {
    {{NULL}, KEY("/a", "'va'"), KEY("/b", "'vb'"), BOTH, SEE_KEYS, "'va'", "'vb'"},
    {{NULL}, KEY("?flatten=true", "{'a':'va','x':{'c':'vc'}}"), KEY("?flatten=true", "{'b':'vb','x':{'d':'vd'}}"), BOTH, SEE_KEYS, "'vc'", "'vd'"},
    {{KEY("", "'v'")}, KEY("", "'va'"), KEY("", "'vb'"), LAST, SEE_KEYS, "'va'", "'vb'"},
    {{KEY("", "'v'")}, KEY("/a", "'va'"), "DELETE /api/v3/kvs/key/k# ", LAST, NULL, NULL, NULL},
    {{NULL}, REGISTRATION("POST", "1"), REGISTRATION("POST", "2"), ONE, "/api/v3/registry/all?deregistered=true", "'s#'", "'s#'"},
    {{REGISTRATION("POST", "3")}, REGISTRATION("PUT", "1"), REGISTRATION("PUT", "2"), LAST, "/api/v3/registry/serviceId/s#", "'port':1", "'port':2"},
    {{REGISTRATION("POST", "3")}, REGISTRATION("PUT", "1"), "DELETE /api/v3/registry/serviceId/s# ", LAST, NULL, NULL, NULL},
};
/* clang-format on */

static const char *spelled(struct edge_ctx *ctx, const char *text, int round)
{
    struct edge_buf out = EDGE_BUF_INIT;
    for (; *text; text++) {
        if (*text == '#') {
            edge_buf_put_u64(&out, (uint64_t)round);
        } else {
            edge_buf_putc(&out, *text == '\'' ? '"' : *text);
        }
    }
    const char *result = edge_strndup(&ctx->arena, edge_buf_str(&out), out.len);
    edge_buf_done(&out);
    return result;
}

struct outcome {
    bool acknowledged;
    int code;
    const char *body;
};

/* A batch has one item here, whose status counts. */
static struct outcome send(struct edge_ctx *ctx, const struct service_rig *r, const char *request,
                           int round)
{
    char method[8] = "", target[128] = "";
    const char *text = spelled(ctx, request, round);
    int at = 0;
    CU_ASSERT_EQUAL_FATAL(sscanf(text, "%7s %127s %n", method, target, &at), 2);
    const char *body = text + at;
    struct edge_http_request req = {.method = method, .target = target};
    if (*body) {
        req.body = body;
        req.body_size = strlen(body);
    }
    struct edge_http_response res = {0};
    edge_http_call(r->rt->http, ctx, &req, &res);
    struct outcome o = {.code = res.code,
                        .body = edge_strndup(&ctx->arena, res.body ? res.body : "", res.body_size)};
    if (res.code == 207) {
        const char *item = strstr(o.body, "\"statusCode\":");
        o.code = item ? (int)strtol(item + strlen("\"statusCode\":"), NULL, 10) : 0;
    }
    o.acknowledged = o.code / 100 == 2;
    return o;
}

struct runner {
    struct edge_ctx ctx;
    const struct service_rig *rig;
    const char *request;
    int round;
    pthread_barrier_t *start;
    struct outcome outcome;
};

static void *run(void *arg)
{
    struct runner *r = arg;
    pthread_barrier_wait(r->start);
    r->outcome = send(&r->ctx, r->rig, r->request, r->round);
    return NULL;
}

static bool has_mark(struct edge_ctx *ctx, const char *body, const char *mark, int round)
{
    return strstr(body, spelled(ctx, mark, round)) != NULL;
}

static bool holds(struct edge_ctx *ctx, const struct service_rig *rig, const struct race *race,
                  const struct runner *a, const struct runner *b)
{
    bool ok_a = a->outcome.acknowledged, ok_b = b->outcome.acknowledged;
    const char *seen =
        race->look ? send(ctx, rig, edge_printf(&ctx->arena, "GET %s ", race->look), a->round).body
                   : "";
    bool mark_a = race->look && has_mark(ctx, seen, race->a_mark, a->round);
    bool mark_b = race->look && has_mark(ctx, seen, race->b_mark, b->round);
    switch (race->rule) {
    case BOTH:
        return ok_a && ok_b && mark_a && mark_b;
    case ONE:
        return ok_a != ok_b && (!race->look || (ok_a ? mark_a : mark_b));
    case NOT_BOTH:
        return ok_a != ok_b;
    case LAST:
        return (ok_a || ok_b) && (!race->look || (mark_a && ok_a) || (mark_b && ok_b));
    }
    return false;
}

/* True if what must hold did. */
static bool meet(const struct service_rig *rig, const struct race *race, int round)
{
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < sizeof(race->setup) / sizeof(race->setup[0]) && race->setup[i]; i++) {
        struct outcome o = send(&ctx, rig, race->setup[i], round);
        if (!o.acknowledged) {
            fprintf(stderr, "%s\n", o.body);
        }
        CU_ASSERT_TRUE_FATAL(o.acknowledged);
    }
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    struct runner runners[2] = {
        {.ctx = EDGE_CTX_INIT, .rig = rig, .request = race->a},
        {.ctx = EDGE_CTX_INIT, .rig = rig, .request = race->b}
    };
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        runners[i].round = round;
        runners[i].start = &start;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&start);
    bool held = holds(&ctx, rig, race, &runners[0], &runners[1]);
    if (!held) {
        fprintf(stderr, "%.90s: %d\n%.90s: %d\n", race->a, runners[0].outcome.code, race->b,
                runners[1].outcome.code);
    }
    edge_ctx_done(&runners[0].ctx);
    edge_ctx_done(&runners[1].ctx);
    return held;
}

/* @p share: of the time of a long run, percent. @p after: a request that makes room for the next meeting. */
static void meet_often(const struct service_rig *rig, const struct race *races, size_t n, int share,
                       const char *after)
{
    int64_t each_ms = long_run_seconds() * share / 100 * 1000 / (int64_t)n;
    int round = 0, broken = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t end_ms = edge_now_mono_ms() + each_ms;
        int lost = 0;
        for (int k = 0; k < ROUNDS || edge_now_mono_ms() < end_ms; k++) {
            lost += !meet(rig, &races[i], ++round);
            if (after) {
                EDGE_CTX_SCOPE(ctx);
                send(&ctx, rig, after, round);
            }
            long_run_tell("row of races", (int64_t)i, (int64_t)n);
        }
        if (lost > 0) {
            fprintf(stderr, "row %zu: %d broken\n", i, lost);
        }
        broken += lost;
    }
    printf("%d meetings, %d broken ", round, broken);
    CU_ASSERT_EQUAL(broken, 0);
}

/* ---- core-metadata ------------------------------------------------------------------------------ */

/* The driver of all services: it takes every device. */
static enum edge_status accept_device(void *state, struct edge_ctx *ctx,
                                      const struct edge_message *m)
{
    const struct service_rig *r = state;
    const char **levels = NULL;
    edge_topic_levels(&ctx->arena, m->topic, false, &levels);
    struct edge_message *out = edge_message_create(0);
    out->request_id = edge_strdup(edge_message_arena(out), m->request_id);
    edge_message_topic(out, "edgex/response/%s/%s", levels[1], m->request_id);
    enum edge_status st = edge_bus_publish(ctx, r->rt->bus, out);
    edge_message_unref(out);
    return st;
}

static void test_no_change_of_metadata_is_lost(void)
{
    SERVICE_RIG(r, &core_metadata, "");
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL_FATAL(
        edge_bus_subscribe(&ctx, r.rt->bus, "edgex/+/validate/device", accept_device, &r, 0),
        EDGE_OK);
    meet_often(&r, metadata_races, sizeof(metadata_races) / sizeof(metadata_races[0]), 80, NULL);
}

/* Of two that both fit the limit only together one is refused. */
static void test_limits_hold_for_simultaneous_devices(void)
{
    static const struct race race = {
        {SERVICE, PROFILE},
        DEVICE_NAMED(UNASKED, "A#", ""),
        DEVICE_NAMED(UNASKED, "B#", ""),
        ONE,
        NULL,
        NULL,
        NULL
    };
    SERVICE_RIG(r, &core_metadata, "Writable:\n  MaxDevices: 1\n");
    for (int round = 1; round <= ROUNDS; round++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_TRUE(meet(&r, &race, round));
        send(&ctx, &r, "DELETE /api/v3/device/name/A# ", round);
        send(&ctx, &r, "DELETE /api/v3/device/name/B# ", round);
    }
}

/* ---- core-keeper -------------------------------------------------------------------------------- */

static void test_no_change_of_keeper_is_lost(void)
{
    SERVICE_RIG(r, &core_keeper, "");
    meet_often(&r, keeper_races, sizeof(keeper_races) / sizeof(keeper_races[0]), 20,
               "DELETE /api/v3/registry/serviceId/s# ");
}

CU_TestInfo many_writers_tests[] = {
    {"no change of metadata is lost",        test_no_change_of_metadata_is_lost       },
    {"limits hold for simultaneous devices", test_limits_hold_for_simultaneous_devices},
    {"no change of keeper is lost",          test_no_change_of_keeper_is_lost         },
    CU_TEST_INFO_NULL,
};
