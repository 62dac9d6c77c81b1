/* Requests over the bus as programs of any language make them, over a real broker: whatever is wrong
 * with an envelope that says who asks is told in an answer, by each of our services that answer. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "platform.h"
#include "suites.h"

enum { N_HEARD = 64 };

struct heard {
    char topic[160], request_id[64], text[256];
    unsigned error;
};

/* A program at the broker, and what it was answered. */
struct asker {
    struct broker *broker;
    struct edge_log *log;
    struct edge_bus *bus;
    struct edge_mutex lock;
    struct edge_cond changed;
    size_t n EDGE_GUARDED;
    struct heard heard[N_HEARD] EDGE_GUARDED;
};

static enum edge_status hear(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct asker *a = state;
    const cJSON *tree = NULL;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    if (m->error_code) {
        edge_buf_puts(&text, m->text);
    } else {
        EDGE_TRY(edge_message_tree(ctx, m, &tree));
        edge_buf_puts(&text, tree ? "" : "null");
        if (tree) {
            edge_json_put(&text, tree);
        }
    }
    EDGE_LOCK(&a->lock);
    struct heard *h = &a->heard[a->n++ % N_HEARD];
    snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
    snprintf(h->request_id, sizeof(h->request_id), "%s", m->request_id);
    edge_text_fit(h->text, sizeof(h->text), edge_buf_str(&text));
    h->error = m->error_code;
    edge_cond_broadcast(&a->changed);
    return EDGE_OK;
}

static void asker_open(struct asker *a)
{
    EDGE_CTX_SCOPE(ctx);
    a->log = edge_log_create("asker");
    edge_log_set_level(a->log, EDGE_LOG_ERROR);
    edge_mutex_init(&a->lock);
    edge_cond_init(&a->changed);
    const struct edge_bus_config config = {.type = "mqtt",
                                           .protocol = "tcp",
                                           .host = "127.0.0.1",
                                           .port = broker_port(a->broker),
                                           .service = "asker",
                                           .log = a->log};
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &a->bus), EDGE_OK);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, a->bus, "edgex/response/+/+", hear, a, 0), EDGE_OK);
    CU_ASSERT_TRUE_FATAL(edge_bus_wait_connected(a->bus, edge_now_mono_ms() + PATIENCE_MS));
}

static void asker_close(struct asker *a)
{
    if (a->bus) {
        edge_bus_close(a->bus, 1000);
        edge_log_free(a->log);
        edge_cond_done(&a->changed);
        edge_mutex_done(&a->lock);
    }
    broker_free(a->broker);
}

/* The answer to request @p id; none: an empty topic. */
static struct heard answer_to(struct asker *a, const char *id)
{
    int64_t deadline_ms = edge_now_mono_ms() + PATIENCE_MS;
    EDGE_LOCK(&a->lock);
    do {
        for (size_t i = 0; i < a->n && i < N_HEARD; i++) {
            if (strcmp(a->heard[i].request_id, id) == 0) {
                return a->heard[i];
            }
        }
    } while (edge_cond_wait_until(&a->changed, &a->lock, deadline_ms));
    return (struct heard){.text = "no answer"};
}

/* Send an envelope of which @p rest are the members beside the ids; its answer. */
static struct heard ask(struct edge_ctx *ctx, struct asker *a, const char *topic, const char *rest)
{
    const char *id = edge_uuid_make(&ctx->arena);
    const char *envelope =
        edge_printf(&ctx->arena, "{\"requestID\":\"%s\",\"correlationID\":\"%s\",%s}", id,
                    edge_uuid_make(&ctx->arena), rest);
    CU_ASSERT_TRUE(broker_publish_raw(a->broker, topic, envelope, strlen(envelope)));
    return answer_to(a, id);
}

#define V3   "\"apiVersion\":\"v3\","
#define JSON "\"contentType\":\"application/json\","
#define NONE "\"payload\":null"

/* The kinds of requests, and who answers them. */
static const struct {
    const char *topic, *service;
} kinds[] = {
    {"edgex/core/command/request/Random-Integer-Device/Int8/get",                   "core-command"  },
    {"edgex/core/command/request/Random-Integer-Device/Int8/set",                   "core-command"  },
    {"edgex/core/commandquery/request/all",                                         "core-command"  },
    {"edgex/device/command/request/device-virtual/Random-Integer-Device/Int8/get",
     "device-virtual"                                                                               },
    {"edgex/device/command/request/device-virtual/Random-Integer-Device/Int16/set",
     "device-virtual"                                                                               },
    {"edgex/device-virtual/validate/device",                                        "device-virtual"},
};

static void check(const struct heard *h, const char *service, bool error, const char *text)
{
    bool right = strstr(h->topic, service) && h->error == error && strstr(h->text, text);
    if (!right) {
        printf("%s: %u %s\nnot %s: %d %s\n", h->topic, h->error, h->text, service, error, text);
    }
    CU_ASSERT(right);
}

static void unsound_envelopes(struct asker *a)
{
    static const struct {
        const char *rest, *told;
    } rows[] = {
        {V3 JSON NONE ",\"queryParams\":{\"many\":[1,2]}", "queryParams.many must be a single"},
        {V3 JSON NONE ",\"queryParams\":{\"deep\":{}}",    "queryParams.deep must be a single"},
        {V3 JSON NONE ",\"queryParams\":[]",               "queryParams must be an object"    },
        {JSON NONE ",\"apiVersion\":3",                    "apiVersion must be a string"      },
        {V3 NONE ",\"contentType\":false",                 "contentType must be a string"     },
        {V3 JSON "\"payload\":\"eyJh\"",                   "payload -> "                      },
        {V3 JSON NONE ",\"errorCode\":\"0\"",              "errorCode must be an integer"     },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            EDGE_CTX_SCOPE(ctx);
            struct heard h = ask(&ctx, a, kinds[k].topic, rows[i].rest);
            check(&h, kinds[k].service, true, rows[i].told);
        }
    }
}

/* What is meant is clear: numbers, truths, and nothing at all. */
static void clear_envelopes(struct asker *a)
{
    static const struct {
        size_t kind;
        const char *rest;
        bool error;
        const char *text;
    } rows[] = {
        {0, V3 JSON NONE ",\"queryParams\":{\"ds-pushevent\":false,\"n\":5,\"x\":null}", false,
         "\"statusCode\":200"                                                                                               },
        {3, V3 JSON NONE ",\"queryParams\":{\"ds-returnevent\":true,\"n\":1.5}",         false,
         "\"statusCode\":200"                                                                                               },
        {3, V3 JSON NONE ",\"queryParams\":{\"ds-regexcmd\":false}",                     false, "\"statusCode\":200"        },
        {2, V3 JSON NONE ",\"queryParams\":{\"limit\":1,\"offset\":0}",                  false, "\"totalCount\":6"          },
        {0, NONE,                                                                        false, "\"statusCode\":200"        },
        {4, V3 JSON "\"payload\":{\"Int16\":7}",                                         false, "null"                      },
        {4, V3 JSON "\"payload\":[7]",                                                   true,  "the body must be an object"},
        {1, V3 JSON "\"payload\":7",                                                     true,  "the body must be an object"},
        {4, V3 JSON "\"payload\":\"no base64\"",                                         true,  "the body must be an object"},
        {4, V3 "\"contentType\":\"text/odd\",\"payload\":{\"Int16\":7}",                 false, "null"                      },
        {5, V3 JSON "\"payload\":7",                                                     true,  ""                          },
        {5, V3 JSON NONE,                                                                true,  "message holds no"          },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct heard h = ask(&ctx, a, kinds[rows[i].kind].topic, rows[i].rest);
        check(&h, "edgex/response/", rows[i].error, rows[i].text);
    }
}

static bool is_read(void *p)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL,
                NULL) == 200;
}

static void test_who_asks_is_answered(void)
{
    __attribute__((cleanup(platform_done))) struct platform p;
    platform_make(&p, SHAPE_SPLIT);
    __attribute__((cleanup(asker_close))) struct asker a = {.broker = broker_start(NULL)};
    p.broker_port = broker_port(a.broker);
    platform_start(&p, METADATA);
    platform_start(&p, COMMAND);
    platform_start(&p, VIRTUAL);
    CU_ASSERT_TRUE_FATAL(wait_until(is_read, &p, PATIENCE_MS));
    asker_open(&a);
    unsound_envelopes(&a);
    clear_envelopes(&a);
    CU_ASSERT_TRUE(platform_down(&p));
}

CU_TestInfo requests_tests[] = {
    {"who asks is answered", test_who_asks_is_answered},
    CU_TEST_INFO_NULL,
};
