/* What is read from core-keeper and written there, against the real one. */
#include "service/provider.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "core_keeper.h"
#include "edge/clock.h"
#include "service_rig.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct bench {
    struct service_rig keeper;
    struct edge_ctx ctx;
    struct edge_client *client;
    struct provider provider;
    struct edge_options options;
    struct edge_config_source source;
    struct edge_base_config config;
    struct edge_config_loaded loaded;
};

static void bench_open(struct bench *b, const char *yaml)
{
    *b = (struct bench){.ctx = EDGE_CTX_INIT, .client = edge_client_create()};
    service_rig_up(&b->keeper, &core_keeper,
                   "  BaseTopicPrefix: edgex/configs\nCommonConfig:\n  File: \"\"\n");
    b->provider = (struct provider){
        .client = b->client,
        .url =
            edge_printf(&b->ctx.arena, "http://localhost:%d", edge_http_port(b->keeper.rt->http)),
    };
    b->source = (struct edge_config_source){.dto = &EDGE_BASE_CONFIG,
                                            .service = "svc",
                                            .port = 1,
                                            .options = &b->options,
                                            .base_yaml = yaml};
}

static void bench_close(struct bench *b)
{
    edge_client_free(b->client);
    edge_ctx_done(&b->ctx);
    service_rig_done(&b->keeper);
}

static int64_t soon(void)
{
    return edge_now_mono_ms() + 10000;
}

static enum edge_status read_all(struct bench *b, struct edge_config_remote *ret,
                                 uint64_t *ret_mark)
{
    return provider_read(&b->ctx, &b->provider, &b->source, soon(), ret, ret_mark);
}

static bool seed(struct bench *b, bool overwrite)
{
    struct edge_config_remote remote;
    uint64_t mark;
    bool written = false;
    CU_ASSERT_EQUAL(read_all(b, &remote, &mark), EDGE_OK);
    CU_ASSERT_EQUAL(
        provider_seed(&b->ctx, &b->provider, &b->source, &remote, overwrite, soon(), &written),
        EDGE_OK);
    return written;
}

static void load(struct bench *b)
{
    static struct edge_config_remote remote;
    uint64_t mark;
    CU_ASSERT_EQUAL_FATAL(read_all(b, &remote, &mark), EDGE_OK);
    b->source.remote = &remote;
    enum edge_status st = edge_config_load(&b->ctx, &b->source, &b->config, &b->loaded);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&b->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

static void put(struct bench *b, const char *key, const char *value)
{
    service_rig_ask(&b->ctx, &b->keeper, "PUT",
                    edge_printf(&b->ctx.arena, "/api/v3/kvs/key/%s", key),
                    edge_printf(&b->ctx.arena, "{\"value\":%s}", value), 200);
}

static void test_addresses_have_one_form(void)
{
    static const struct {
        const char *text, *url;
    } cases[] = {
        {"keeper.http://localhost:59890",  "http://localhost:59890" },
        {"keeper.http://10.0.0.1:1",       "http://10.0.0.1:1"      },
        {"keeper.http://localhost",        NULL                     },
        {"keeper.http://localhost:",       NULL                     },
        {"keeper.http://localhost:0",      NULL                     },
        {"keeper.http://localhost:65536",  NULL                     },
        {"keeper.http://localhost:1/path", NULL                     },
        {"keeper.http://:59890",           NULL                     },
        {"keeper.https://localhost:59890", "https://localhost:59890"},
        {"keeper.httpx://localhost:59890", NULL                     },
        {"consul.http://localhost:8500",   NULL                     },
        {"http://localhost:59890",         NULL                     },
        {"keeper",                         NULL                     },
        {"",                               NULL                     },
    };
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *url = NULL;
        enum edge_status st = provider_url(&ctx, cases[i].text, &url);
        if (cases[i].url) {
            CU_ASSERT_EQUAL(st, EDGE_OK);
            CU_ASSERT_STRING_EQUAL(url, cases[i].url);
        } else {
            CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
            CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), cases[i].text));
        }
    }
}

static void test_what_was_seeded_comes_back(void)
{
    struct bench b;
    bench_open(&b, "Service: {Port: 7, Labels: [a, b c], CORSConfiguration: {EnableCORS: true}}\n"
                   "Clients: {core-metadata: {Host: meta, Port: 1}}\n");
    CU_ASSERT_TRUE(seed(&b, false));
    CU_ASSERT_FALSE(seed(&b, false)); /* it knows all of it by now */
    b.source.base_yaml = NULL;
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.port, 7);
    CU_ASSERT_TRUE(b.config.service.cors.enable);
    CU_ASSERT_EQUAL_FATAL(b.config.service.n_labels, 2);
    CU_ASSERT_STRING_EQUAL(b.config.service.labels[1], "b c");
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config, "core-metadata"),
                           "http://meta:1");
    bench_close(&b);
}

static void test_only_what_is_missing_is_written(void)
{
    struct bench b;
    bench_open(&b, "Service: {Port: 7, StartupMsg: hello, Labels: [a, b]}\n");
    put(&b, "edgex/v4/svc/Service/Port", "\"9\"");
    put(&b, "edgex/v4/svc/Service/Labels/0", "\"mine\"");
    CU_ASSERT_TRUE(seed(&b, false));
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.port, 9);
    CU_ASSERT_STRING_EQUAL(b.config.service.startup_msg, "hello");
    CU_ASSERT_EQUAL_FATAL(b.config.service.n_labels, 1);
    CU_ASSERT_STRING_EQUAL(b.config.service.labels[0], "mine");
    put(&b, "edgex/v4/svc/Service/Labels/7", "\"a tail\"");
    CU_ASSERT_TRUE(seed(&b, true));
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.port, 7);
    CU_ASSERT_EQUAL_FATAL(b.config.service.n_labels, 2);
    CU_ASSERT_STRING_EQUAL(b.config.service.labels[1], "b");
    bench_close(&b);
}

static void test_what_all_share_comes_first(void)
{
    struct bench b;
    bench_open(&b, "Service: {Port: 7}\n");
    put(&b, PROVIDER_COMMON "/all-services/Service/MaxResultCount", "\"11\"");
    put(&b, PROVIDER_COMMON "/all-services/Service/Port", "\"11\"");
    put(&b, PROVIDER_COMMON "/device-services/Service/MaxResultCount", "\"12\"");
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.max_result_count, 11);
    CU_ASSERT_EQUAL(b.config.service.port, 7);
    b.source.common_section = "device-services";
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.max_result_count, 12);
    bench_close(&b);
}

/* Keys nobody could have meant are passed over; a wrong value leaves the file's. */
static void test_odd_keys_and_values(void)
{
    static const char *const odd[] = {"Service//Port", "Service/%25zz", "x", "Service/Labels/7",
                                      "Clients/a%252Fb/Host"};
    struct bench b;
    bench_open(&b, "Service: {Port: 7}\n");
    for (size_t i = 0; i < N(odd); i++) {
        put(&b, edge_printf(&b.ctx.arena, "edgex/v4/svc/%s", odd[i]), "\"\"");
    }
    struct edge_buf deep = EDGE_BUF_INIT;
    for (int i = 0; i < 50; i++) {
        edge_buf_puts(&deep, "/d");
    }
    put(&b, edge_printf(&b.ctx.arena, "edgex/v4/svc%s", edge_buf_str(&deep)), "\"x\"");
    edge_buf_done(&deep);
    struct edge_config_remote remote;
    uint64_t mark, before;
    CU_ASSERT_EQUAL(read_all(&b, &remote, &before), EDGE_OK);
    CU_ASSERT_EQUAL(read_all(&b, &remote, &mark), EDGE_OK);
    CU_ASSERT_EQUAL(mark, before);
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.n_labels, 1);

    put(&b, "edgex/v4/svc/Service/Port", "\"seven\"");
    CU_ASSERT_EQUAL(read_all(&b, &remote, &mark), EDGE_OK);
    CU_ASSERT_NOT_EQUAL(mark, before);
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.port, 7);
    bench_close(&b);
}

/* Whether a name is a value or a section the tables say, in whatever order and case it comes. */
static void test_strays_do_no_harm(void)
{
    static const char *const keys[][2] = {
        {"Service/MaxResultCount/sub",             "\"x\""    },
        {"Service/MaxResultCount",                 "\"11\""   },
        {"Service/StartupMsg",                     "\"hello\""},
        {"Service/startupmsg/a/b",                 "\"x\""    },
        {"Service/CORSConfiguration/EnableCORS/0", "\"x\""    },
        {"Service/CORSConfiguration/EnableCORS",   "\"true\"" },
        {"Service/CORSConfiguration",              "\"flat\"" },
        {"Clients/core-metadata/Port/sub",         "\"x\""    },
        {"Clients/core-metadata/Port",             "\"5\""    },
        {"Clients/core-metadata/Host",             "\"meta\"" },
        {"Clients/core-metadata",                  "\"flat\"" },
        {"Service/Labels/0",                       "\"one\""  },
        {"Service/Labels",                         "\"flat\"" },
    };
    struct bench b;
    bench_open(&b, "Service: {Port: 7, MaxResultCount: 9}\n");
    for (size_t i = 0; i < N(keys); i++) {
        put(&b, edge_printf(&b.ctx.arena, "edgex/v4/svc/%s", keys[i][0]), keys[i][1]);
    }
    load(&b);
    CU_ASSERT_EQUAL(b.config.service.max_result_count, 11);
    CU_ASSERT_STRING_EQUAL(b.config.service.startup_msg, "hello");
    CU_ASSERT_TRUE(b.config.service.cors.enable);
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config, "core-metadata"),
                           "http://meta:5");
    CU_ASSERT_EQUAL_FATAL(b.config.service.n_labels, 1);
    CU_ASSERT_STRING_EQUAL(b.config.service.labels[0], "one");
    static const char *const named[] = {"Service/MaxResultCount/sub", "Service/startupmsg/a/b",
                                        "Service/CORSConfiguration/EnableCORS/0",
                                        "Clients/core-metadata/Port/sub"};
    for (size_t i = 0; i < N(named); i++) {
        const char *name = edge_printf(&b.ctx.arena, "the configuration provider: %s", named[i]);
        CU_ASSERT_PTR_NOT_NULL(edge_json_member(b.loaded.refused, name, true));
    }
    bench_close(&b);
}

static void test_it_is_ready_when_it_says_so(void)
{
    struct bench b;
    bench_open(&b, "");
    enum edge_status st = provider_ready(&b.ctx, &b.provider, soon());
    CU_ASSERT_EQUAL(st, EDGE_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&b.ctx, st), "IsCommonConfigReady"));
    edge_ctx_clear(&b.ctx);
    put(&b, PROVIDER_COMMON "/IsCommonConfigReady", "false");
    CU_ASSERT_EQUAL(provider_ready(&b.ctx, &b.provider, soon()), EDGE_UNAVAILABLE);
    edge_ctx_clear(&b.ctx);
    put(&b, PROVIDER_COMMON "/IsCommonConfigReady", "\"true\"");
    CU_ASSERT_EQUAL(provider_ready(&b.ctx, &b.provider, soon()), EDGE_OK);
    bench_close(&b);
}

CU_TestInfo provider_tests[] = {
    {"addresses have one form",         test_addresses_have_one_form        },
    {"what was seeded comes back",      test_what_was_seeded_comes_back     },
    {"only what is missing is written", test_only_what_is_missing_is_written},
    {"what all share comes first",      test_what_all_share_comes_first     },
    {"odd keys and values",             test_odd_keys_and_values            },
    {"strays do no harm",               test_strays_do_no_harm              },
    {"it is ready when it says so",     test_it_is_ready_when_it_says_so    },
    CU_TEST_INFO_NULL,
};
