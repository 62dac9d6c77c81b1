/* BusExport before the bus of another gateway: what arrives there is an event as a device service sends it. */
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "contracts/event.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "queue_bench.h"
#include "wait.h"

#define N(array)       (sizeof(array) / sizeof((array)[0]))
#define TOPIC          "edgex/events/device/device-virtual/P/Pump-1/All"
#define CONTEXT(topic) "{\"values\":{\"receivedtopic\":\"" topic "\",\"devicename\":\"Pump-1\"}}"

enum { SOON_MS = 20000 };

/* A service of the other gateway. */
struct other {
    struct broker *broker;
    struct edge_bus *bus;
    struct edge_mutex lock;
    char topic[200], event[1000], type[64], correlation[64];
    unsigned n;
};

static enum edge_status heard(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct other *o = state;
    const void *request;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &request));
    edge_dto_encode(&EVENT, &((const struct add_event_request *)request)->event, EDGE_JSON, &b);
    EDGE_LOCK(&o->lock);
    snprintf(o->topic, sizeof(o->topic), "%s", m->topic);
    snprintf(o->event, sizeof(o->event), "%s", edge_buf_str(&b));
    snprintf(o->type, sizeof(o->type), "%s", m->content_type);
    snprintf(o->correlation, sizeof(o->correlation), "%s", m->correlation_id);
    o->n++;
    return EDGE_OK;
}

static void other_open(struct other *o)
{
    EDGE_CTX_SCOPE(ctx);
    *o = (struct other){.broker = broker_start(NULL)};
    edge_mutex_init(&o->lock);
    const struct edge_bus_config config = {.type = "mqtt",
                                           .service = "other",
                                           .protocol = "tcp",
                                           .host = "127.0.0.1",
                                           .port = broker_port(o->broker),
                                           .client_id = "other",
                                           .event_qos = 1};
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &o->bus), EDGE_OK);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, o->bus, "edgex/events/#", heard, o, EDGE_SUB_EVENTS),
                    EDGE_OK);
    CU_ASSERT(edge_bus_wait_connected(o->bus, edge_now_mono_ms() + SOON_MS));
}

static void other_close(struct other *o)
{
    edge_bus_close(o->bus, 1000);
    broker_free(o->broker);
    edge_mutex_done(&o->lock);
}

struct count {
    struct other *o;
    unsigned n;
};
static bool has_heard(void *arg)
{
    struct count *c = arg;
    EDGE_LOCK(&c->o->lock);
    return c->o->n >= c->n;
}
static bool hears(struct other *o, unsigned n)
{
    struct count c = {o, n};
    return wait_until(has_heard, &c, SOON_MS);
}

#define BUS(b, o, ...)                                                                             \
    CU_ASSERT_PTR_NULL_FATAL(                                                                      \
        bench_stage(b, "BusExport",                                                                \
                    (const char *const[]){                                                         \
                        "BrokerAddress",                                                           \
                        edge_printf(&(b)->arena, "tcp://127.0.0.1:%u", broker_port((o)->broker)),  \
                        "Gateway", "south", "ClientId", "south-to-north", "MaxReconnectInterval",  \
                        "100ms", __VA_ARGS__ NULL}))

static void put(struct queue_bench *b, enum export_kind kind, const char *json, const char *context)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r = {.origin_ns = edge_now_ns(),
                                  .context = context,
                                  .content_type = "application/json",
                                  .correlation_id = "b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f11",
                                  .kind = (uint8_t)kind,
                                  .payload = json,
                                  .size = strlen(json)};
    CU_ASSERT_EQUAL(export_queue_put(&ctx, b->q, &r, 1, edge_now_mono_ms()), EDGE_OK);
}

/* @p more: of "\"tags\":{...}," */
#define EVENT_WITH(more)                                                                             \
    "{\"apiVersion\":\"v3\",\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f10\",\"deviceName\":"         \
    "\"Pump-1\",\"profileName\":\"P\",\"sourceName\":\"All\",\"origin\":1700000000000000000," more   \
    "\"readings\":[{\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f12\",\"origin\":1700000000000000000," \
    "\"deviceName\":\"Pump-1\",\"profileName\":\"P\",\"resourceName\":\"T\",\"valueType\":\"Int8\"," \
    "\"value\":\"1\"}]}"

static bool saw(struct other *o, const char *text)
{
    EDGE_LOCK(&o->lock);
    if (!strstr(o->event, text)) {
        printf("got: %s\nnot: %s\n", o->event, text);
        return false;
    }
    return true;
}

static void test_an_event_arrives(void)
{
    QUEUE_BENCH(b);
    struct other o;
    other_open(&o);
    BUS(&b, &o, );
    bench_open(&b);
    put(&b, EXPORT_EVENT, EVENT_WITH("\"tags\":{\"floor\":3},"), CONTEXT(TOPIC));
    CU_ASSERT(hears(&o, 1));
    CU_ASSERT_STRING_EQUAL(o.topic, TOPIC);
    CU_ASSERT_STRING_EQUAL(o.type, "application/json");
    CU_ASSERT_STRING_EQUAL(o.correlation, "b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f11");
    CU_ASSERT(saw(&o, "\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f10\""));
    CU_ASSERT(saw(&o, "\"tags\":{\"floor\":3,\"origin-gw\":\"south\",\"hops\":1}"));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(bench_wait_followed(&b, 1));
    bench_close(&b);
    other_close(&o);
}

/* With TLS and the old MQTT, to a broker that wants to see a certificate. */
static void test_an_event_arrives_by_tls(void)
{
    static const char *const files[] = {"cacert",  "ca.pem",    "clientcert",
                                        "cli.pem", "clientkey", "cli.key"};
    QUEUE_BENCH(b);
    struct broker *broker = broker_prepare(BROKER_TLS "require_certificate true\n");
    CU_ASSERT_FATAL(broker_certify(broker));
    CU_ASSERT_FATAL(broker_restart(broker));
    for (int i = 0; i < 6; i += 2) {
        bench_secret(&b, edge_printf(&b.arena, "north/%s", files[i]),
                     broker_file(&b.arena, broker, files[i + 1]));
    }
    const char *url = edge_printf(&b.arena, "ssl://localhost:%u", broker_port(broker));
    const char *const parameters[] = {
        "BrokerAddress", url,          "Gateway", "south",   "ClientId", "south", "AuthMode",
        "clientcert",    "SecretName", "north",   "Version", "3.1.1",    NULL};
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(&b, "BusExport", parameters));
    bench_open(&b);
    put(&b, EXPORT_EVENT, EVENT_WITH(""), CONTEXT(TOPIC));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 0);
    bench_close(&b);
    broker_free(broker);
}

static void test_names_may_have_a_prefix(void)
{
    QUEUE_BENCH(b);
    struct other o;
    other_open(&o);
    BUS(&b, &o, "NamePrefix", "{gw}.", "BaseTopic", "edgex", );
    bench_open(&b);
    put(&b, EXPORT_EVENT, EVENT_WITH(""), CONTEXT(TOPIC));
    CU_ASSERT(hears(&o, 1));
    CU_ASSERT_STRING_EQUAL(o.topic, "edgex/events/device/device-virtual/south.P/south.Pump-1/All");
    CU_ASSERT(saw(&o, "\"deviceName\":\"south.Pump-1\",\"profileName\":\"south.P\","));
    CU_ASSERT(saw(&o, "\"readings\":[{\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f12\",\"origin\":"
                      "1700000000000000000,\"deviceName\":\"south.Pump-1\",\"resourceName\":\"T\","
                      "\"profileName\":\"south.P\""));
    /* One that came from elsewhere has its own already. */
    put(&b, EXPORT_EVENT, EVENT_WITH("\"tags\":{\"origin-gw\":\"west\",\"hops\":2},"),
        CONTEXT(TOPIC));
    CU_ASSERT(hears(&o, 2));
    CU_ASSERT_STRING_EQUAL(o.topic, TOPIC);
    CU_ASSERT(saw(&o, "\"origin-gw\":\"west\",\"hops\":3"));
    CU_ASSERT(saw(&o, "\"deviceName\":\"Pump-1\""));
    bench_close(&b);
    other_close(&o);
}

static void test_what_goes_no_further(void)
{
    static const char *const ends[] = {
        EVENT_WITH("\"tags\":{\"origin-gw\":\"south\",\"hops\":1},"), /* ours, back again */
        EVENT_WITH("\"tags\":{\"origin-gw\":\"north\",\"hops\":1},"), /* theirs */
        EVENT_WITH("\"tags\":{\"origin-gw\":\"west\",\"hops\":8},"),  /* the ninth */
        EVENT_WITH("\"tags\":{\"origin-gw\":\"west\",\"hops\":\"8\"},"),
    };
    QUEUE_BENCH(b);
    struct other o;
    other_open(&o);
    BUS(&b, &o, "Peer", "north", );
    bench_open(&b);
    for (size_t i = 0; i < N(ends); i++) {
        put(&b, EXPORT_EVENT, ends[i], CONTEXT(TOPIC));
    }
    put(&b, EXPORT_EVENT, EVENT_WITH("\"tags\":{\"origin-gw\":\"west\",\"hops\":7},"),
        CONTEXT(TOPIC));
    CU_ASSERT(hears(&o, 1));
    CU_ASSERT(saw(&o, "\"hops\":8"));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(o.n, 1);
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 0);
    bench_close(&b);
    other_close(&o);
}

/* Where it came by another way, the topic is made of what the event says. */
static void test_other_ways_in(void)
{
    QUEUE_BENCH(b);
    struct other o;
    other_open(&o);
    BUS(&b, &o, );
    bench_open(&b);
    put(&b, EXPORT_ADD_EVENT, "{\"apiVersion\":\"v3\",\"event\":" EVENT_WITH("") "}", CONTEXT(""));
    CU_ASSERT(hears(&o, 1));
    CU_ASSERT_STRING_EQUAL(o.topic, "edgex/events/device/app-test/P/Pump-1/All");
    put(&b, EXPORT_EVENT, EVENT_WITH(""), CONTEXT("edgex/events/core/core-data/P/Pump-1/All"));
    CU_ASSERT(hears(&o, 2));
    CU_ASSERT_STRING_EQUAL(o.topic, "edgex/events/core/core-data/P/Pump-1/All");
    bench_put(&b, "no event");
    put(&b, EXPORT_METRIC,
        "{\"apiVersion\":\"v3\",\"name\":\"M\",\"fields\":[{\"name\":\"a\",\"value\":1}],\"timestamp\":1}",
        CONTEXT(""));
    CU_ASSERT(bench_wait_quarantined(&b, 2));
    bench_close(&b);
    other_close(&o);
}

static void test_an_outage_loses_nothing(void)
{
    QUEUE_BENCH(b);
    struct other o;
    other_open(&o);
    BUS(&b, &o, );
    bench_open(&b);
    broker_kill(o.broker);
    for (int i = 0; i < 10; i++) {
        put(&b, EXPORT_EVENT, EVENT_WITH(""), CONTEXT(TOPIC));
    }
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
    export_queue_pause(b.q, true); /* until somebody hears it */
    bench_close(&b);               /* a restart */
    bench_open(&b);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 10);
    CU_ASSERT(broker_restart(o.broker));
    CU_ASSERT(edge_bus_wait_connected(o.bus, edge_now_mono_ms() + SOON_MS));
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(hears(&o, 10));
    bench_close(&b);
    other_close(&o);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *params[12];
        const char *says;
    } rows[] = {
        {{"BrokerAddress", "tcp://a", "ClientId", "c"},                                           "Gateway"      },
        {{"BrokerAddress", "ftp://a", "ClientId", "c", "Gateway", "g"},                           "BrokerAddress"},
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "NamePrefix", "{x}"},
         "NamePrefix"                                                                                            },
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "NamePrefix", "a/"},
         "NamePrefix"                                                                                            },
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "Qos", "0"},               "Qos"          },
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "MaxHops", "0"},           "MaxHops"      },
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "BaseTopic", "#"},
         "BaseTopic"                                                                                             },
        {{"BrokerAddress", "tcp://a", "ClientId", "c", "Gateway", "g", "AuthMode", "clientcert"},
         "SecretName"                                                                                            },
    };
    for (size_t i = 0; i < N(rows); i++) {
        QUEUE_BENCH(b);
        const char *said = bench_stage(&b, "BusExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
}

CU_TestInfo bus_export_tests[] = {
    {"an event arrives",        test_an_event_arrives       },
    {"an event arrives by TLS", test_an_event_arrives_by_tls},
    {"names may have a prefix", test_names_may_have_a_prefix},
    {"what goes no further",    test_what_goes_no_further   },
    {"other ways in",           test_other_ways_in          },
    {"an outage loses nothing", test_an_outage_loses_nothing},
    {"parameters are checked",  test_parameters_are_checked },
    CU_TEST_INFO_NULL,
};
