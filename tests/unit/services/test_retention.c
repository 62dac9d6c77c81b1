/* Retention: what goes by which policy, whose policy it is, and core-data beside a real
 * core-metadata, or one that comes late. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_data.h"
#include "core_metadata.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "scratch.h"
#include "state.h"
#include "store_support.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what goes ---------------------------------------------------------------------------------
 */

static void test_policies_say_what_goes(void)
{
    enum { NOW = 1000 };
    static const struct {
        struct policy policy; /* max cap, min cap, duration */
        int64_t cutoff;       /* of events 10, 20, ... 100, 100; 0: nothing goes */
    } rows[] = {
        {{-1, 1, 950},  49       }, /* 50 is the newest of the old ones: it stays */
        {{-1, 3, 950},  29       },
        {{-1, 5, 950},  0        },
        {{-1, 0, 950},  50       }, /* no cap: all of the old ones */
        {{-1, -1, 950}, 50       },
        {{-1, 1, 995},  0        }, /* nothing is that old */
        {{11, 0, 950},  50       },
        {{12, 0, 950},  0        }, /* fewer than the cap */
        {{-1, 0, 0},    INT64_MAX},
        {{-1, 4, 0},    79       },
        {{-1, 1, 0},    99       }, /* who is as old as the last that stays, stays */
        {{-1, 10, 0},   19       },
        {{-1, 11, 0},   0        },
        {{-1, 999, 0},  0        },
        {{-1, 1, -1},   0        },
    };
    STORE_FIXTURE(f);
    for (int64_t i = 1; i <= 11; i++) {
        int64_t origin = i < 11 ? i * 10 : 100;
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", "s", origin, 1)), EDGE_OK);
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", "other", 5, 1)), EDGE_OK);
    }
    const struct event_source source = {"d", "s", 11};
    for (size_t i = 0; i < N(rows); i++) {
        int64_t cutoff = 0;
        enum edge_status st =
            retention_cutoff(&f.ctx, f.store, &rows[i].policy, &source, NOW, &cutoff);
        if (st != EDGE_OK) {
            CU_ASSERT_EQUAL(st, EDGE_NOT_FOUND);
            cutoff = 0;
        }
        if (cutoff != rows[i].cutoff) {
            fprintf(stderr, "row %zu: %" PRId64 "\n", i, cutoff);
        }
        CU_ASSERT_EQUAL(cutoff, rows[i].cutoff);
    }
}

/* ---- whose policy it is ------------------------------------------------------------------------
 */

static struct device device_of(const char *name, struct auto_event *events, size_t n)
{
    return (struct device){.name = name, .auto_events = events, .n_auto_events = n};
}

static void test_auto_events_say_whose_policy(void)
{
    struct auto_event events[] = {
        {.source_name = "Temp.*",      .retention = {.max_cap = 2}    },
        {.source_name = "Temperature", .retention = {.min_cap = 3}    },
        {.source_name = "[broken",     .retention = {.duration = "1h"}},
        {.source_name = "Plain",       .retention = {.duration = "0s"}},
        {.source_name = "(a|a)*b",     .retention = {.max_cap = 5}    },
    };
    static const struct {
        const char *device, *source;
        struct policy policy;
    } rows[] = {
        {"d", "Temp1",                               {2, 8, 9}            },
        {"d", "Temp.*",                              {2, 8, 9}            }, /* the expression itself */
        {"d", "Temperature",                         {7, 3, 9}            }, /* its name is nearer */
        {"d", "xTemp1",                              {7, 8, 9}            }, /* the whole text matches */
        {"d", "[broken",                             {7, 8, 3600000000000}},
        {"d", "Plain",                               {7, 8, 0}            },
        {"d", "plain",                               {7, 8, 9}            },
        {"e", "Plain",                               {7, 8, 9}            },
        {"d", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", {7, 8, 9}            }, /* in no time */
    };
    struct policies *p = policies_create(&(struct policy){7, 8, 9});
    const struct device device = device_of("d", events, N(events));
    policies_put(p, &device);
    for (size_t i = 0; i < N(rows); i++) {
        struct policy got = policies_find(p, rows[i].device, rows[i].source);
        CU_ASSERT_EQUAL(got.max_cap, rows[i].policy.max_cap);
        CU_ASSERT_EQUAL(got.min_cap, rows[i].policy.min_cap);
        CU_ASSERT_EQUAL(got.duration, rows[i].policy.duration);
    }
    policies_free(p);
}

/* The list was made before the bus told of changes that came while it was read. */
static void test_news_stand_against_an_older_list(void)
{
    struct auto_event old[] = {
        {.source_name = "s", .retention = {.max_cap = 1}}
    };
    struct auto_event new[] = {
        {.source_name = "s", .retention = {.max_cap = 2}}
    };
    const struct device d1 = device_of("d1", old, 1), d1_new = device_of("d1", new, 1);
    const struct device d2 = device_of("d2", old, 1), d3 = device_of("d3", old, 1);
    const struct device d4 = device_of("d4", old, 1), d4_plain = device_of("d4", NULL, 0);
    struct policies *p = policies_create(&(struct policy){-1, 1, 9});
    policies_put(p, &d3);
    policies_put(p, &d4);
    policies_list_begin(p);
    policies_put(p, &d1_new);
    policies_remove(p, "d2");
    policies_put(p, &d4_plain);
    policies_list(p, &d1);
    policies_list(p, &d2);
    policies_list(p, &d4);
    CU_ASSERT_EQUAL(policies_find(p, "d3", "s").max_cap, 1);
    policies_list_end(p);
    CU_ASSERT_EQUAL(policies_find(p, "d1", "s").max_cap, 2);
    CU_ASSERT_EQUAL(policies_find(p, "d2", "s").max_cap, -1);
    CU_ASSERT_EQUAL(policies_find(p, "d3", "s").max_cap, -1); /* on the list no more */
    CU_ASSERT_EQUAL(policies_find(p, "d4", "s").max_cap, -1);
    policies_list_begin(p);
    policies_list(p, &d1);
    policies_list_end(p);
    CU_ASSERT_EQUAL(policies_find(p, "d1", "s").max_cap, 1);
    policies_remove(p, "d1");
    CU_ASSERT_EQUAL(policies_find(p, "d1", "s").max_cap, -1);
    policies_free(p);
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

struct world {
    struct edge_ctx ctx;
    struct scratch dir;
    struct edge_host *host;
    unsigned n_posted;
};

struct setting {
    const char *name, *value;
};

static void set_all(const struct setting *settings, bool set)
{
    for (; settings->name; settings++) {
        if (set) {
            setenv(settings->name, settings->value, 1);
        } else {
            unsetenv(settings->name);
        }
    }
}

static enum edge_status world_start(struct world *w, bool metadata, const struct setting *settings)
{
    static const struct edge_service *const SERVICES[] = {&core_metadata, &core_data};
    static const struct setting ALWAYS[] = {
        {"MESSAGEBUS_TYPE",   "memory"},
        {"SERVICE_PORT",      "0"     },
        {"WRITABLE_LOGLEVEL", "ERROR" },
        {NULL,                NULL    },
    };
    *w = (struct world){.ctx = EDGE_CTX_INIT};
    scratch_make(&w->dir);
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", w->dir.path);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("Clients:\n  core-metadata:\n    Protocol: http\n    Host: localhost\n    Port: 59881\n",
          file);
    fclose(file);
    char *argv[] = {(char *)"test", (char *)"--data", w->dir.path,
                    (char *)"-cd",  w->dir.path,      NULL};
    set_all(ALWAYS, true);
    set_all(settings, true);
    enum edge_status st = metadata ? edge_host_start(&w->ctx, SERVICES, 2, 5, argv, &w->host)
                                   : edge_host_start(&w->ctx, SERVICES + 1, 1, 5, argv, &w->host);
    set_all(settings, false);
    set_all(ALWAYS, false);
    return st;
}

static void world_stop(struct world *w)
{
    edge_host_stop(w->host);
    scratch_done(&w->dir);
    edge_ctx_done(&w->ctx);
}
#define WORLD(name, metadata, settings)                                                            \
    EDGE_CLEANUP(world_stop) struct world name;                                                    \
    CU_ASSERT_EQUAL_FATAL(world_start(&name, metadata, settings), EDGE_OK)

static void ask(struct world *w, const char *service, const char *method, const char *target,
                const char *body, int code)
{
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = strlen(body)};
    struct edge_http_response answer = {0};
    edge_http_call(edge_host_runtime(w->host, service)->http, &w->ctx, &req, &answer);
    if (answer.code != code) {
        fprintf(stderr, "%s %s: %d %s\n", method, target, answer.code, answer.body);
    }
    CU_ASSERT_EQUAL(answer.code, code);
}

/* An event that is @p age_s old. */
static void post(struct world *w, const char *device, const char *source, int64_t age_s)
{
    int64_t origin = edge_now_ns() - age_s * 1000000000;
    const char *body = edge_printf(
        &w->ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\","
        "\"id\":\"9d2b2e5e-0000-4000-8000-%012u\",\"deviceName\":\"%s\",\"profileName\":\"P\","
        "\"sourceName\":\"%s\",\"origin\":%" PRId64 ",\"readings\":[{\"origin\":%" PRId64
        ",\"deviceName\":\"%s\",\"resourceName\":\"r\",\"profileName\":\"P\","
        "\"valueType\":\"Int8\",\"value\":\"1\"}]}}",
        ++w->n_posted, device, source, origin, origin, device);
    ask(w, "core-data", "POST",
        edge_printf(&w->ctx.arena, "/api/v3/event/svc/P/%s/%s", device, source), body, 201);
}

struct stored {
    struct world *w;
    const char *device, *source;
    int64_t n;
};

static bool is_stored(void *arg)
{
    const struct stored *s = arg;
    EDGE_CTX_SCOPE(ctx);
    const struct core_data *data = edge_host_runtime(s->w->host, "core-data")->state;
    const struct event_filter filter = {.device = s->device, .source = s->source, EVENT_FILTER_ALL};
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, data->store, &filter, &n), EDGE_OK);
    return n == s->n;
}

static bool becomes(struct world *w, const char *device, const char *source, int64_t n)
{
    return wait_until(is_stored, &(struct stored){w, device, source, n}, 20000);
}

static bool has_default_policy(void *arg)
{
    const struct stored *s = arg;
    const struct core_data *data = edge_host_runtime(s->w->host, "core-data")->state;
    return policies_find(data->policies, s->device, s->source).min_cap == 1;
}

#define ITEM(key, members) "[{\"apiVersion\":\"v3\",\"" key "\":{" members "}}]"
#define AUTO(source, retention)                                                                    \
    "{\"interval\":\"1h\",\"sourceName\":\"" source "\",\"retention\":{" retention "}}"
#define DEVICE_BODY(name, auto_events)                                                             \
    ITEM("device", "\"name\":\"" name "\",\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\","  \
                   "\"serviceName\":\"S\",\"profileName\":\"P\",\"protocols\":{},"                 \
                   "\"autoEvents\":[" auto_events "]")

static const struct setting OFTEN[] = {
    {"RETENTION_INTERVAL", "20ms"},
    {NULL,                 NULL  }
};

static void test_changes_of_devices_are_heard(void)
{
    WORLD(w, true, OFTEN);
    ask(&w, "core-metadata", "POST", "/api/v3/deviceservice",
        ITEM("service",
             "\"name\":\"S\",\"baseAddress\":\"http://h:1\",\"adminState\":\"UNLOCKED\""),
        207);
    ask(&w, "core-metadata", "POST", "/api/v3/deviceprofile",
        ITEM("profile", "\"name\":\"P\",\"deviceResources\":[{\"name\":\"r\",\"properties\":"
                        "{\"valueType\":\"Int8\",\"readWrite\":\"RW\"}}]"),
        207);
    ask(&w, "core-metadata", "POST", "/api/v3/device?bypassValidation=true",
        DEVICE_BODY("D", AUTO("r", "\"minCap\":3,\"duration\":\"1h\"")), 207);
    for (int64_t i = 0; i < 10; i++) {
        post(&w, "D", "r", 7200 + i);
        post(&w, "D", "young", 7200 + i); /* the default: a week */
        post(&w, "D", "old", 8 * 24 * 3600 + i);
    }
    CU_ASSERT_TRUE(becomes(&w, "D", "r", 3));
    CU_ASSERT_TRUE(becomes(&w, "D", "old", 1));
    CU_ASSERT_TRUE(becomes(&w, "D", "young", 10));
    ask(&w, "core-metadata", "PATCH", "/api/v3/device?bypassValidation=true",
        ITEM("device",
             "\"name\":\"D\",\"autoEvents\":[" AUTO("r", "\"minCap\":2,\"duration\":\"1h\"") "]"),
        207);
    CU_ASSERT_TRUE(becomes(&w, "D", "r", 2));
    ask(&w, "core-metadata", "DELETE", "/api/v3/device/name/D", "", 200);
    CU_ASSERT_TRUE(wait_until(has_default_policy, &(struct stored){&w, "D", "r", 0}, 20000));
    post(&w, "D", "r", 7200);
    post(&w, "D", "r", 9 * 24 * 3600);
    post(&w, "D", "r", 10 * 24 * 3600);
    CU_ASSERT_TRUE(becomes(&w, "D", "r", 4));
}

/* A clock that is a year ahead: what it would make old stays, and what is old goes all the same. */
static void test_a_jump_of_the_clock_removes_nothing(void)
{
    static const int64_t year = INT64_C(365) * 24 * 3600 * 1000000000;
    WORLD(w, true, OFTEN);
    for (int64_t i = 0; i < 5; i++) {
        post(&w, "D", "s", 3600 + i);
    }
    CU_ASSERT_TRUE(becomes(&w, "D", "s", 5));
    edge_clock_step(year);
    const int64_t year_s = year / 1000000000;
    post(&w, "old", "s", year_s + 8 * 24 * 3600); /* eight days old by the clock as it was */
    post(&w, "old", "s", year_s + 9 * 24 * 3600);
    post(&w, "D", "wrong", 0);
    CU_ASSERT_TRUE(becomes(&w, "old", "s", 1));
    ask(&w, "core-data", "DELETE", "/api/v3/event/age/604800000000000", "", 202);
    CU_ASSERT_TRUE(becomes(&w, "old", "s", 0));
    CU_ASSERT_TRUE(becomes(&w, "D", "s", 5));
    edge_clock_step(-year);
    post(&w, "old", "s", 8 * 24 * 3600);
    post(&w, "old", "s", 9 * 24 * 3600);
    CU_ASSERT_TRUE(becomes(&w, "old", "s", 1));
    CU_ASSERT_TRUE(becomes(&w, "D", "s", 5));
    CU_ASSERT_TRUE(becomes(&w, "D", "wrong", 1)); /* goes a week after it came */
}

static void test_caps_start_a_clean_up(void)
{
    static const struct setting CAP[] = {
        {"RETENTION_INTERVAL",        "20ms"},
        {"RETENTION_DEFAULTMAXCAP",   "6"   },
        {"RETENTION_DEFAULTMINCAP",   "2"   },
        {"RETENTION_DEFAULTDURATION", "0s"  },
        {NULL,                        NULL  },
    };
    WORLD(w, true, CAP);
    for (int64_t i = 0; i < 5; i++) {
        post(&w, "few", "s", i);
        post(&w, "many", "s", i);
    }
    post(&w, "many", "s", 5);
    CU_ASSERT_TRUE(becomes(&w, "many", "s", 2));
    CU_ASSERT_TRUE(becomes(&w, "few", "s", 5));
}

/* Until it is known what devices want, nothing is removed. */
static void test_core_metadata_may_come_late(void)
{
#define BODY                                                                                       \
    "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":1,\"devices\":[{\"name\":\"D\","     \
    "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"S\","                 \
    "\"profileName\":\"P\",\"protocols\":{},"                                                      \
    "\"autoEvents\":[{\"interval\":\"1h\",\"sourceName\":\"s\",\"retention\":{\"minCap\":4}}]}]}"
    char text[1024];
    snprintf(text, sizeof(text),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(BODY), BODY);
    const struct peer_step script[] = {
        {PEER_CLOSE,  "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"  },
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
        {PEER_ANSWER, text                                            },
    };
    struct tcp_peer *metadata = tcp_peer_create(script, N(script));
    const struct setting late[] = {
        {"RETENTION_INTERVAL",         "10ms"                        },
        {"CLIENTS_CORE_METADATA_HOST", "127.0.0.1"                   },
        {"CLIENTS_CORE_METADATA_PORT", strrchr(tcp_peer_url(metadata), ':') + 1},
        {NULL,                            NULL                                                      },
    };
    {
        WORLD(w, false, late);
        for (int64_t i = 0; i < 10; i++) {
            post(&w, "D", "s", 8 * 24 * 3600 + i);
            post(&w, "other", "s", 8 * 24 * 3600 + i);
        }
        CU_ASSERT_TRUE(becomes(&w, "D", "s", 10));
        tcp_peer_listen(metadata);
        CU_ASSERT_TRUE(becomes(&w, "other", "s", 1));
        CU_ASSERT_TRUE(becomes(&w, "D", "s", 4));
    }
    tcp_peer_free(metadata);
}

static void test_an_interval_of_nothing_is_never(void)
{
    static const struct setting NEVER[] = {
        {"RETENTION_INTERVAL", "0s"},
        {NULL,                 NULL}
    };
    WORLD(w, false, NEVER);
    CU_ASSERT_PTR_NULL(
        ((const struct core_data *)edge_host_runtime(w.host, "core-data")->state)->retention);
}

static void test_a_missing_duration_is_refused(void)
{
    static const struct setting EMPTY[] = {
        {"RETENTION_DEFAULTDURATION", ""  },
        {NULL,                        NULL}
    };
    EDGE_CLEANUP(world_stop) struct world w;
    CU_ASSERT_EQUAL(world_start(&w, false, EMPTY), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(edge_ctx_message(&w.ctx, EDGE_INVALID), "Retention.DefaultDuration"));
    w.host = NULL;
}

CU_TestInfo retention_tests[] = {
    {"policies say what goes",              test_policies_say_what_goes             },
    {"auto events say whose policy",        test_auto_events_say_whose_policy       },
    {"news stand against an older list",    test_news_stand_against_an_older_list   },
    {"changes of devices are heard",        test_changes_of_devices_are_heard       },
    {"a jump of the clock removes nothing", test_a_jump_of_the_clock_removes_nothing},
    {"caps start a clean-up",               test_caps_start_a_clean_up              },
    {"core-metadata may come late",         test_core_metadata_may_come_late        },
    {"an interval of nothing is never",     test_an_interval_of_nothing_is_never    },
    {"a missing duration is refused",       test_a_missing_duration_is_refused      },
    CU_TEST_INFO_NULL,
};
