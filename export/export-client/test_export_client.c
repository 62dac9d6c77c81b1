/* Registrations of EdgeX 1: each row of their REST, over the service's own door. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "export_client.h"
#include "ports.h"
#include "service_rig.h"
#include "suites.h"

#define QUIET  "Distro:\n  Port: 0\n"
#define ECHOES QUIET "Writable:\n  LogLevel: ERROR\n  LegacyEcho: true\n"

#define ADDRESSABLE                                                                                \
    "{\"name\":\"a\",\"protocol\":\"tcp\",\"address\":\"127.0.0.1\",\"port\":1,"                   \
    "\"publisher\":\"p\",\"user\":\"u\",\"password\":\"hush\",\"topic\":\"t\"}"
#define REGISTRATION_OF(name)                                                                      \
    "{\"name\":\"" name "\",\"addressable\":" ADDRESSABLE ",\"format\":\"JSON\","                  \
    "\"filter\":{\"deviceIdentifiers\":[\"d\"]},\"destination\":\"MQTT_TOPIC\"}"

#define PATH "/api/v1/registration"

static const cJSON *one(struct edge_ctx *ctx, struct service_rig *r, const char *name)
{
    return service_rig_ask(ctx, r, "GET", edge_printf(&ctx->arena, PATH "/name/%s", name), NULL,
                           200);
}

static const char *text_of(const cJSON *json, const char *object, const char *member)
{
    const cJSON *at = object ? edge_json_member(json, object, true) : json;
    const cJSON *node = edge_json_member(at, member, true);
    return node && node->valuestring ? node->valuestring : "";
}

static void test_added_and_read(void)
{
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "GET", PATH, NULL, 200), "[]\n");
    const char *id = service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("first"), 200);
    CU_ASSERT(edge_uuid_is_strict(id));
    const cJSON *first = one(&ctx, &r, "first");
    CU_ASSERT_STRING_EQUAL(text_of(first, NULL, "id"), id);
    CU_ASSERT_STRING_EQUAL(text_of(first, NULL, "compression"), "NONE");
    CU_ASSERT_STRING_EQUAL(text_of(first, "encryption", "encryptionAlgorithm"), "NONE");
    CU_ASSERT_STRING_EQUAL(text_of(first, "addressable", "baseURL"), "tcp://127.0.0.1:1");
    CU_ASSERT_STRING_EQUAL(text_of(first, "addressable", "url"), "tcp://127.0.0.1:1");
    CU_ASSERT(cJSON_IsFalse(edge_json_member(first, "enable", true)));
    CU_ASSERT(edge_json_member(first, "created", true)->valuedouble > 1e12);
    const char *by_id =
        service_rig_text(&ctx, &r, "GET", edge_printf(&ctx.arena, PATH "/%s", id), NULL, 200);
    const char *by_name = service_rig_text(&ctx, &r, "GET", PATH "/name/first", NULL, 200);
    CU_ASSERT_STRING_EQUAL(by_id, by_name);
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("a%2Fb"), 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(service_rig_ask(&ctx, &r, "GET", PATH, NULL, 200)), 2);
}

static void test_refused(void)
{
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *text;
    } cases[] = {
#define UNSOUND    "Could not validate json fields\n"
#define WITH(more) "{\"name\":\"x\",\"addressable\":" ADDRESSABLE more "}"
        {"POST",   PATH,                      "{",                                                         400, NULL                     },
        {"POST",   PATH,                      "",                                                          400, NULL                     },
        {"POST",   PATH,                      "[]",                                                        400, NULL                     },
        {"POST",   PATH,                      "null",                                                      400, NULL                     },
        {"POST",   PATH,                      "{\"name\":5}",                                              400, NULL                     },
        {"POST",   PATH,                      "{\"name\":\"x\",\"addressable\":{\"port\":\"1\"}}",         400, NULL                     },
        {"POST",   PATH,                      "{}",                                                        400, UNSOUND                  },
        {"POST",   PATH,                      WITH(""),                                                    400, UNSOUND                  },
        {"POST",   PATH,                      WITH(",\"format\":\"JSON\""),                                400, UNSOUND                  },
        {"POST",   PATH,                      WITH(",\"format\":\"json\",\"destination\":\"MQTT_TOPIC\""), 400, UNSOUND                  },
        {"POST",   PATH,                      WITH(",\"format\":\"JSON\",\"destination\":\"KAFKA\""),      400, UNSOUND                  },
        {"POST",   PATH,
                                                                                  WITH(",\"format\":\"JSON\",\"destination\":\"MQTT_TOPIC\",\"compression\":\"BROTLI\""),
                                                                                  400,                                                                                                   UNSOUND                  },
        {"POST",   PATH,
                                                                                  WITH(",\"format\":\"JSON\",\"destination\":\"MQTT_TOPIC\","
              "\"encryption\":{\"encryptionAlgorithm\":\"DES\"}"),
                                                                                  400,                                                                                                   UNSOUND                  },
        {"POST",   PATH,
                                                                                  "{\"name\":\"x\",\"addressable\":{\"user\":\"u\"},\"format\":\"JSON\","
         "\"destination\":\"MQTT_TOPIC\"}",                                                                                                                                         400, UNSOUND                  },
        {"POST",   PATH,
                                                                                  "{\"name\":\"..\",\"addressable\":" ADDRESSABLE ",\"format\":\"JSON\","
         "\"destination\":\"MQTT_TOPIC\"}",                                                                                                                                         400, UNSOUND                  },
        {"POST",   PATH,                      REGISTRATION_OF("taken"),                                    400, "Name already taken\n"   },
        {"PUT",    PATH,                      "{",                                                         400, NULL                     },
        {"PUT",    PATH,                      "{}",                                                        400, "Need id or name\n"      },
        {"PUT",    PATH,                      "{\"enable\":true}",                                         400, "Need id or name\n"      },
        {"PUT",    PATH,                      "{\"name\":\"nobody\",\"enable\":true}",                     404, "Item not found\n"       },
        {"PUT",    PATH,                      "{\"id\":\"nobody\",\"enable\":true}",                       404, "Item not found\n"       },
        {"PUT",    PATH,                      "{\"name\":\"taken\",\"format\":\"YAML\"}",                  400, UNSOUND                  },
        {"GET",    PATH "/nobody",            NULL,                                                        404, "Item not found\n"       },
        {"GET",    PATH "/name/nobody",       NULL,                                                        404, "Item not found\n"       },
        {"GET",    PATH "/reference/colours", NULL,                                                        400, "Unknown type: colours\n"},
        {"DELETE", PATH "/id/nobody",         NULL,                                                        404, "Item not found\n"       },
        {"DELETE", PATH "/name/nobody",       NULL,                                                        404, "Item not found\n"       },
        {"DELETE", PATH "/name/taken/more",   NULL,                                                        404, "Item not found\n"       },
    };
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("taken"), 200);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = service_rig_text(&ctx, &r, cases[i].method, cases[i].target,
                                            cases[i].body, cases[i].code);
        if (cases[i].text && strcmp(text, cases[i].text) != 0) {
            printf("(%s %s: %s) ", cases[i].method, cases[i].body, text);
            CU_FAIL("another text");
        }
    }
    CU_ASSERT_EQUAL(cJSON_GetArraySize(service_rig_ask(&ctx, &r, "GET", PATH, NULL, 200)), 1);
}

static void test_all_that_may_be_named_is_taken(void)
{
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    static const struct {
        const char *type, *member;
        int n;
    } lists[] = {
        {"formats",      "format",      9},
        {"destinations", "destination", 8},
        {"compressions", "compression", 3},
        {"algorithms",   "algorithm",   2},
    };
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("r"), 200);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *target = edge_printf(&ctx.arena, PATH "/reference/%s", lists[i].type);
        const cJSON *list = service_rig_ask(&ctx, &r, "GET", target, NULL, 200), *name;
        CU_ASSERT_EQUAL(cJSON_GetArraySize(list), lists[i].n);
        cJSON_ArrayForEach(name, list)
        {
            bool algorithm = strcmp(lists[i].member, "algorithm") == 0;
            const char *body =
                algorithm ? edge_printf(
                                &ctx.arena,
                                "{\"name\":\"r\",\"encryption\":{\"encryptionAlgorithm\":\"%s\"}}",
                                name->valuestring)
                          : edge_printf(&ctx.arena, "{\"name\":\"r\",\"%s\":\"%s\"}",
                                        lists[i].member, name->valuestring);
            CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "PUT", PATH, body, 200), "true");
            const cJSON *now = one(&ctx, &r, "r");
            CU_ASSERT_STRING_EQUAL(algorithm ? text_of(now, "encryption", "encryptionAlgorithm")
                                             : text_of(now, NULL, lists[i].member),
                                   name->valuestring);
        }
    }
}

static void test_a_part_is_changed(void)
{
    SERVICE_RIG(r, &export_client, ECHOES);
    EDGE_CTX_SCOPE(ctx);
    const char *id = service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("r"), 200);
    service_rig_text(&ctx, &r, "PUT", PATH, "{\"name\":\"r\",\"enable\":true}", 200);
    const cJSON *now = one(&ctx, &r, "r");
    CU_ASSERT(cJSON_IsTrue(edge_json_member(now, "enable", true)));
    CU_ASSERT_STRING_EQUAL(text_of(now, NULL, "format"), "JSON");
    CU_ASSERT_STRING_EQUAL(text_of(now, "addressable", "password"), "hush");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(edge_json_member(edge_json_member(now, "filter", true),
                                                        "deviceIdentifiers", true)),
                    1);
    /* An addressable without a name is none; an empty list is one. */
    service_rig_text(&ctx, &r, "PUT", PATH,
                     "{\"name\":\"r\",\"addressable\":{\"topic\":\"other\"},"
                     "\"filter\":{\"deviceIdentifiers\":[]}}",
                     200);
    now = one(&ctx, &r, "r");
    CU_ASSERT_STRING_EQUAL(text_of(now, "addressable", "topic"), "t");
    CU_ASSERT_PTR_NULL(
        edge_json_member(edge_json_member(now, "filter", true), "deviceIdentifiers", true));
    CU_ASSERT(cJSON_IsTrue(edge_json_member(now, "enable", true)));
    /* By id, which alone can give it another name; but not somebody else's. */
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("other"), 200);
    CU_ASSERT_STRING_EQUAL(
        service_rig_text(&ctx, &r, "PUT", PATH,
                         edge_printf(&ctx.arena, "{\"id\":\"%s\",\"name\":\"other\"}", id), 400),
        "Name already taken\n");
    service_rig_text(&ctx, &r, "PUT", PATH,
                     edge_printf(&ctx.arena, "{\"id\":\"%s\",\"name\":\"new\"}", id), 200);
    CU_ASSERT_STRING_EQUAL(text_of(one(&ctx, &r, "new"), NULL, "id"), id);
    service_rig_text(&ctx, &r, "GET", PATH "/name/r", NULL, 404);
}

static void test_passwords_are_not_shown(void)
{
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("r"), 200);
    service_rig_text(
        &ctx, &r, "PUT", PATH,
        "{\"name\":\"r\",\"encryption\":{\"encryptionAlgorithm\":\"AES\",\"encryptionKey\":\"hush2\"}}",
        200);
    CU_ASSERT_PTR_NULL(strstr(service_rig_text(&ctx, &r, "GET", PATH, NULL, 200), "hush"));
    const char *shown = service_rig_text(&ctx, &r, "GET", PATH "/name/r", NULL, 200);
    CU_ASSERT_PTR_NULL(strstr(shown, "hush"));
    /* Who sends back what he was shown keeps them; who sends it elsewhere does not take them along. */
    service_rig_text(&ctx, &r, "PUT", PATH, shown, 200);
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("stolen"), 200);
    service_rig_text(&ctx, &r, "PUT", PATH,
                     "{\"name\":\"stolen\",\"addressable\":{\"name\":\"a\",\"protocol\":\"tcp\","
                     "\"address\":\"127.0.0.2\",\"port\":1,\"user\":\"u\"}}",
                     200);
    const char *file = edge_printf(&ctx.arena, "%s/registrations.db", r.rt->data_dir);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        struct stat st;
        CU_ASSERT_EQUAL_FATAL(stat(edge_printf(&ctx.arena, "%s%s", file, ends[i]), &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    }
    service_rig_stop(&r);
    setenv("WRITABLE_LEGACYECHO", "true", 1);
    CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
    unsetenv("WRITABLE_LEGACYECHO");
    const cJSON *kept = one(&ctx, &r, "r");
    CU_ASSERT_STRING_EQUAL(text_of(kept, "addressable", "password"), "hush");
    CU_ASSERT_STRING_EQUAL(text_of(kept, "encryption", "encryptionKey"), "hush2");
    CU_ASSERT_STRING_EQUAL(text_of(one(&ctx, &r, "stolen"), "addressable", "password"), "");
}

static void test_removed(void)
{
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    const char *id = service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("r"), 200);
    CU_ASSERT_STRING_EQUAL(
        service_rig_text(&ctx, &r, "DELETE", edge_printf(&ctx.arena, PATH "/id/%s", id), NULL, 200),
        "true");
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("r"), 200);
    CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "DELETE", PATH "/name/r", NULL, 200), "true");
    CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "GET", PATH, NULL, 200), "[]\n");
}

/* ---- attacks -------------------------------------------------------------------------------- */

static void test_garbage_on_every_route(void)
{
    static const char deep[] = "{\"filter\":{\"deviceIdentifiers\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1";
    static const char *const bodies[] = {
        "",
        "x",
        "{",
        "null",
        "[]",
        "5",
        "\"\"",
        "{\"name\":{}}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"name\":\"\xff\"}",
        "{\"id\":[],\"enable\":2}",
        "{\"name\":\"taken\",\"addressable\":[]}",
        "{\"name\":\"taken\",\"addressable\":{\"name\":\"a\",\"port\":1e99}}",
        "{\"name\":\"taken\",\"addressable\":{\"name\":\"a\",\"port\":-1}}",
        "{\"name\":\"taken\",\"addressable\":{\"name\":\"a\",\"port\":65536}}",
        "{\"name\":\"taken\",\"filter\":{\"deviceIdentifiers\":[1,null,{}]}}",
        deep,
    };
    static const char *const segments[] = {"x",    "%00", "%ff", "..",     "%2e%2e", "a%2Fb",
                                           "name", "id",  "%22", "%0d%0a", "{}",     "'--"};
    SERVICE_RIG(r, &export_client, QUIET);
    EDGE_CTX_SCOPE(ctx);
    service_rig_text(&ctx, &r, "POST", PATH, REGISTRATION_OF("taken"), 200);
    const char *before = service_rig_text(&ctx, &r, "GET", PATH, NULL, 200);
    for (size_t i = 0; i < export_client.routes.n; i++) {
        const struct edge_route *row = &export_client.routes.rows[i];
        for (size_t s = 0; s < sizeof(segments) / sizeof(segments[0]); s++) {
            size_t len = strcspn(row->path, "{");
            const char *target = edge_printf(&ctx.arena, "%.*s%s", (int)len, row->path,
                                             row->path[len] ? segments[s] : "");
            for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
                struct edge_http_response answer;
                const struct edge_http_request request = {.method = row->method,
                                                          .target = target,
                                                          .body = bodies[b],
                                                          .body_size = strlen(bodies[b])};
                edge_http_call(r.rt->http, &ctx, &request, &answer);
                if (answer.code < 200 || answer.code >= 500) {
                    printf("(%s %s %s: %d) ", row->method, target, bodies[b], answer.code);
                    CU_FAIL("a failure of ours");
                }
            }
        }
    }
    CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "GET", PATH, NULL, 200), before);
}

static void test_there_are_not_too_many(void)
{
    enum { MOST = 256 };
    SERVICE_RIG(r, &export_client, QUIET);
    for (int i = 0; i <= MOST; i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *body = edge_printf(&ctx.arena,
                                       "{\"name\":\"r%d\",\"addressable\":" ADDRESSABLE
                                       ",\"format\":\"JSON\",\"destination\":\"XMPP_TOPIC\"}",
                                       i);
        const char *text = service_rig_text(&ctx, &r, "POST", PATH, body, i < MOST ? 200 : 400);
        CU_ASSERT(i < MOST || strcmp(text, "No more than 256 registrations\n") == 0);
    }
}

/* Many clients change the same few names at once: what is there at the end is whole. */
static void *changes_names(void *arg)
{
    struct service_rig *r = arg;
    for (int i = 0; i < 40; i++) {
        EDGE_CTX_SCOPE(ctx);
        static const char *const bodies[] = {REGISTRATION_OF("a"), REGISTRATION_OF("b"),
                                             "{\"name\":\"a\",\"format\":\"XML\"}"};
        struct edge_http_response answer;
        const char *method = i % 4 == 3 ? "DELETE" : i % 4 == 2 ? "PUT" : "POST";
        const char *body = i % 4 == 3 ? "" : bodies[i % 4];
        const struct edge_http_request request = {.method = method,
                                                  .target = i % 4 == 3 ? PATH "/name/a" : PATH,
                                                  .body = body,
                                                  .body_size = strlen(body)};
        edge_http_call(r->rt->http, &ctx, &request, &answer);
        CU_ASSERT(answer.code < 500);
    }
    return NULL;
}

static void test_many_at_once(void)
{
    enum { CLIENTS = 6 };
    SERVICE_RIG(r, &export_client, QUIET);
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        threads[i] = edge_thread_start("client", changes_names, &r);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *all = service_rig_ask(&ctx, &r, "GET", PATH, NULL, 200), *one_of;
    const cJSON *queues = edge_json_member(
        service_rig_ask(&ctx, &r, "GET", "/api/v3/export/queue", NULL, 200), "queues", true);
    CU_ASSERT(cJSON_GetArraySize(all) >= 1 && cJSON_GetArraySize(all) <= 2);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(all), cJSON_GetArraySize(queues));
    cJSON_ArrayForEach(one_of, all)
    {
        CU_ASSERT_STRING_EQUAL(text_of(one_of, "addressable", "topic"), "t");
    }
}

/* ---- export-distro -------------------------------------------------------------------------- */

static void test_the_second_door(void)
{
    int port = test_port();
    EDGE_CTX_SCOPE(ctx);
    SERVICE_RIG(r, &export_client, edge_printf(&ctx.arena, "Distro:\n  Port: %d\n", port));
    static const struct {
        const char *method, *target, *body;
        int code;
    } cases[] = {
#define NOTIFY "/api/v1/notify/registrations"
        {"GET",  "/api/v1/ping",         "",                                          200},
        {"PUT",  NOTIFY,                 "{\"name\":\"r\",\"operation\":\"add\"}",    200},
        {"PUT",  NOTIFY,                 "{\"name\":\"r\",\"operation\":\"update\"}", 200},
        {"PUT",  NOTIFY,                 "{\"name\":\"r\",\"operation\":\"delete\"}", 200},
        {"PUT",  NOTIFY,                 "{\"name\":\"r\",\"operation\":\"dance\"}",  400},
        {"PUT",  NOTIFY,                 "{\"operation\":\"add\"}",                   400},
        {"PUT",  NOTIFY,                 "[]",                                        400},
        {"PUT",  NOTIFY,                 "{",                                         400},
        {"POST", NOTIFY,                 "{}",                                        405},
        {"GET",  "/api/v1/registration", "",                                          404},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct edge_http_request request = {.method = cases[i].method,
                                                  .target = cases[i].target,
                                                  .body = cases[i].body,
                                                  .body_size = strlen(cases[i].body)};
        struct edge_http_response answer;
        CU_ASSERT_EQUAL_FATAL(edge_client_call(r.rt->client, &ctx,
                                               edge_printf(&ctx.arena, "http://localhost:%d", port),
                                               &request, edge_now_mono_ms() + 10000, &answer),
                              EDGE_OK);
        if (answer.code != cases[i].code) {
            printf("(%s %s %s: %d) ", cases[i].method, cases[i].target, cases[i].body, answer.code);
        }
        CU_ASSERT_EQUAL(answer.code, cases[i].code);
        CU_ASSERT(i > 0 || strcmp(answer.body, "pong") == 0);
    }
    CU_ASSERT_STRING_EQUAL(service_rig_text(&ctx, &r, "GET", "/api/v1/ping", NULL, 200), "pong");
}

CU_TestInfo export_client_tests[] = {
    {"added and read",                 test_added_and_read                },
    {"refused",                        test_refused                       },
    {"all that may be named is taken", test_all_that_may_be_named_is_taken},
    {"a part is changed",              test_a_part_is_changed             },
    {"passwords are not shown",        test_passwords_are_not_shown       },
    {"removed",                        test_removed                       },
    {"garbage on every route",         test_garbage_on_every_route        },
    {"there are not too many",         test_there_are_not_too_many        },
    {"many at once",                   test_many_at_once                  },
    {"the second door",                test_the_second_door               },
    CU_TEST_INFO_NULL,
};
