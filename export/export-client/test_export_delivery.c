/* What registrations of EdgeX 1 bring to real web servers and brokers, and what becomes of it when they change. */
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "contracts/event.h"
#include "edge/clock.h"
#include "edge/mqtt.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "export_client.h"
#include "service_rig.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

enum { SOON_MS = 20000 };

#define QUIET     "Distro:\n  Port: 0\n"
#define PATH      "/api/v1/registration"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define MS        "1602168089665"

static const struct peer_step takes_all[] = {
    {PEER_ANSWER, OK_ANSWER}
};

/* Registers @p name at a web server. */
static const char *to_web(struct edge_ctx *ctx, struct service_rig *r, const char *name,
                          const struct tcp_peer *peer, const char *more)
{
    const char *port = strrchr(tcp_peer_url(peer), ':') + 1;
    const char *body = edge_printf(&ctx->arena,
                                   "{\"name\":\"%s\",\"enable\":true,\"destination\":"
                                   "\"REST_ENDPOINT\",\"addressable\":{\"name\":\"%s\","
                                   "\"protocol\":\"HTTP\",\"method\":\"POST\",\"address\":"
                                   "\"127.0.0.1\",\"port\":%s,\"path\":\"/in/%s\"}%s}",
                                   name, name, port, name, more);
    return service_rig_text(ctx, r, "POST", PATH, body, 200);
}

static void event_comes(struct service_rig *r, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    static const char reading[] =
        "{\"origin\":1602168089665565200,\"deviceName\":\"%s\",\"resourceName\":\"%s\","
        "\"profileName\":\"P\",\"valueType\":\"Int8\",\"value\":\"%d\"}";
    const char *one = edge_printf(&ctx.arena, reading, device, "a", 1);
    const char *two = edge_printf(&ctx.arena, reading, device, "b", 2);
    const char *json = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":"
        "\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"deviceName\":\"%s\",\"profileName\":\"P\","
        "\"sourceName\":\"S\",\"origin\":1602168089665565200,\"readings\":[%s,%s]}}",
        device, one, two);
    const cJSON *tree = NULL;
    struct edge_message *m = edge_message_create(0);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    edge_message_topic(m, "edgex/events/device/svc/P/%s/S", device);
    m->json = edge_json_clone(edge_message_arena(m), tree);
    m->content_type = "application/json";
    m->correlation_id = "2e2682eb-0f24-48aa-ae4c-de9dac3fb9bc";
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, r->rt->bus, m), EDGE_OK);
    edge_message_unref(m);
}

static const cJSON *queue(struct edge_ctx *ctx, struct service_rig *r, const char *name)
{
    const char *target = edge_printf(&ctx->arena, "/api/v3/export/queue/%s", name);
    return edge_json_member(service_rig_ask(ctx, r, "GET", target, NULL, 200), "queue", true);
}

static int depth(struct service_rig *r, const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    return edge_json_member(queue(&ctx, r, name), "depth", true)->valueint;
}

static const char *state(struct edge_ctx *ctx, struct service_rig *r, const char *name)
{
    return edge_json_member(queue(ctx, r, name), "state", true)->valuestring;
}

/* ---- to a web server --------------------------------------------------------------------------- */

#define BODY_OF(id, device, readings)                                                              \
    "{" id "\"device\":\"" device "\",\"created\":" MS ",\"origin\":" MS                           \
    ",\"readings\":[" readings "]}"
#define READING(device, name, value)                                                               \
    "{\"created\":" MS ",\"origin\":" MS ",\"device\":\"" device "\",\"name\":\"" name             \
    "\",\"value\":\"" value "\"}"

static bool is_as(const char *text, const char *wanted)
{
    size_t len = strcspn(wanted, "*");
    return wanted[len] ? strncmp(text, wanted, len) == 0 : strcmp(text, wanted) == 0;
}

static void test_to_a_web_server(void)
{
    static const struct {
        const char *more, *type, *body; /* "x*": begins so; NULL: not looked at */
    } rows[] = {
        {",\"format\":\"JSON\"",     "application/json",
         BODY_OF("\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",",                                                                           "Pump",
         READING("Pump", "a", "1") "," READING("Pump", "b", "2"))},
        {",\"format\":\"JSON\",\"filter\":{\"deviceIdentifiers\":[\"Pump\"],"
         "\"valueDescriptorIdentifiers\":[\"b\",\"a\"]}",             "application/json",
         BODY_OF("",                                                                                         "Pump", READING("Pump", "b", "2") "," READING("Pump", "a", "1"))},
        {",\"format\":\"AWS_JSON\"",                     "application/json",
         "{\"state\":{\"reported\":{\"a\":1,\"b\":2}}}"                                                                   },
        {",\"format\":\"CSV\"",                 "text/csv",                                                 MS ",Pump,a,1\n" MS ",Pump,b,2\n"          },
        {",\"format\":\"XML\"",   "application/xml",                                      NULL                                                                                                },
        {",\"format\":\"NOOP\"", "application/json", ""                                                                                      },
        {",\"format\":\"JSON\",\"compression\":\"GZIP\"",      "application/json",                  "H4sI*"},
        {",\"format\":\"JSON\",\"compression\":\"ZIP\"",      "application/json",                         "eJ*"                                               },
 /* Nothing, encrypted: the vector's way, made with openssl. */
        {",\"format\":\"NOOP\",\"encryption\":{\"encryptionAlgorithm\":\"AES\","
         "\"encryptionKey\":\"123\",\"initializingVector\":\"123\"}",     "application/json",                         "C7qQFvGBe18kOQJQpaH7Kg=="                                                                                      },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct tcp_peer *peer = tcp_peer_start(takes_all, 1);
        {
            SERVICE_RIG(r, &export_client, QUIET);
            to_web(&ctx, &r, "web", peer, rows[i].more);
            event_comes(&r, "Pump");
            CU_ASSERT_FATAL(tcp_peer_wait_for(peer, 1));
            const char *last = tcp_peer_last(peer);
            const char *body = strstr(last, "\r\n\r\n");
            CU_ASSERT_EQUAL(strncmp(last, "POST /in/web HTTP/1.1\r\n", 23), 0);
            CU_ASSERT(!body[4] ||
                      strstr(last, edge_printf(&ctx.arena, "Content-Type: %s\r\n", rows[i].type)));
            CU_ASSERT_PTR_NOT_NULL(strcasestr(last, "X-Correlation-ID: 2e2682eb"));
            if (rows[i].body && !is_as(body + 4, rows[i].body)) {
                printf("(%s: %s) ", rows[i].more, body + 4);
                CU_FAIL("another body");
            }
        }
        tcp_peer_free(peer);
    }
}

/* As EdgeX 0.7 wrote them, whatever format and encryption say. */
static void test_to_influxdb(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct tcp_peer *peer = tcp_peer_start(takes_all, 1);
    {
        SERVICE_RIG(r, &export_client, QUIET);
        service_rig_text(
            &ctx, &r, "POST", PATH,
            edge_printf(
                &ctx.arena,
                "{\"name\":\"db\",\"enable\":true,\"format\":\"XML\",\"compression\":"
                "\"GZIP\",\"destination\":\"INFLUXDB_ENDPOINT\",\"addressable\":"
                "{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":%s,\"topic\":\"plant 1\","
                "\"user\":\"u\",\"password\":\"hush\"}}",
                strrchr(tcp_peer_url(peer), ':') + 1),
            200);
        event_comes(&r, "Pump");
        CU_ASSERT_FATAL(tcp_peer_wait_for(peer, 1));
        const char *last = tcp_peer_last(peer);
        CU_ASSERT_EQUAL(strncmp(last, "POST /write?db=plant%201&precision=u HTTP/1.1\r\n", 47), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(last, "Authorization: Basic dTpodXNo\r\n"));
#define POINT(name, value)                                                                         \
    "readings,device=Pump,event_id=7a1707f0-166f-4c4b-bc9d-1d54c74e0137,resource_name=" name       \
    " created=" MS "i,origin=" MS "i,value=" value " " MS "565\n"
        CU_ASSERT_STRING_EQUAL(strstr(last, "\r\n\r\n") + 4, POINT("a", "1") POINT("b", "2"));
    }
    tcp_peer_free(peer);
}

static void test_filtered_out_or_disabled(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct tcp_peer *peer = tcp_peer_start(takes_all, 1);
    {
        SERVICE_RIG(r, &export_client, QUIET);
        to_web(&ctx, &r, "other", peer,
               ",\"format\":\"JSON\",\"filter\":{\"deviceIdentifiers\":[\"Fan\"]}");
        to_web(&ctx, &r, "off", peer, ",\"format\":\"JSON\",\"enable\":false");
        to_web(&ctx, &r, "all", peer, ",\"format\":\"JSON\"");
        event_comes(&r, "Pump");
        event_comes(&r, "Fan");
        CU_ASSERT(tcp_peer_wait_for(peer, 3));
        service_rig_text(&ctx, &r, "PUT", PATH, "{\"name\":\"off\",\"enable\":true}", 200);
        event_comes(&r, "Pump");
        CU_ASSERT(tcp_peer_wait_for(peer, 5));
        CU_ASSERT_EQUAL(tcp_peer_requests(peer), 5);
    }
    tcp_peer_free(peer);
}

/* ---- to a broker --------------------------------------------------------------------------------- */

struct heard {
    struct edge_mutex lock;
    char topic[200] EDGE_GUARDED, payload[600] EDGE_GUARDED;
};

static void hears(void *arg, const struct edge_mqtt_message *m)
{
    struct heard *h = arg;
    EDGE_LOCK(&h->lock);
    snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
    snprintf(h->payload, sizeof(h->payload), "%.*s", (int)m->size, (const char *)m->payload);
}

static bool has_heard(void *arg)
{
    struct heard *h = arg;
    EDGE_LOCK(&h->lock);
    return h->topic[0] != '\0';
}

/* Over a broker that wants to know who comes. */
static void test_to_a_broker(void)
{
    static const struct {
        const char *destination, *protocol, *publisher, *topic, *wanted;
    } rows[] = {
        {"MQTT_TOPIC",    "TCP", "client",               "plant/events",               "plant/events"              },
        {"AZURE_TOPIC",   "tcp", "",                     "devices/d/messages/events/", "devices/d/messages/events/"},
        {"IOTCORE_TOPIC", "tcp", "projects/p/devices/D", "",                           "/devices/D/events"         },
    };
    EDGE_CTX_SCOPE(ctx);
    struct broker *broker = broker_prepare("allow_anonymous false\npassword_file %s/users\n");
    CU_ASSERT_EQUAL_FATAL(
        system(edge_printf(&ctx.arena,
                           "mosquitto_passwd -b -c %s/users u hush && chmod 644 %s/users",
                           broker_folder(broker), broker_folder(broker))),
        0);
    CU_ASSERT_FATAL(broker_restart(broker));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heard h = {0};
        struct edge_mqtt *client = NULL;
        edge_mutex_init(&h.lock);
        const struct edge_mqtt_config config = {.protocol = "tcp",
                                                .host = "127.0.0.1",
                                                .port = broker_port(broker),
                                                .client_id = "listener",
                                                .username = "u",
                                                .password = "hush",
                                                .state = &h,
                                                .received = hears};
        CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &config, &client), EDGE_OK);
        edge_mqtt_subscribe(client, "#", 1);
        CU_ASSERT(edge_mqtt_wait_connected(client, edge_now_mono_ms() + SOON_MS));
        {
            SERVICE_RIG(r, &export_client, QUIET);
            service_rig_text(
                &ctx, &r, "POST", PATH,
                edge_printf(&ctx.arena,
                            "{\"name\":\"r\",\"enable\":true,\"format\":\"AWS_JSON\","
                            "\"destination\":\"%s\",\"addressable\":{\"name\":\"a\","
                            "\"protocol\":\"%s\",\"address\":\"127.0.0.1\",\"port\":%u,"
                            "\"publisher\":\"%s\",\"topic\":\"%s\",\"user\":\"u\","
                            "\"password\":\"wrong\"}}",
                            rows[i].destination, rows[i].protocol, broker_port(broker),
                            rows[i].publisher, rows[i].topic),
                200);
            event_comes(&r, "Pump");
            /* What was refused with the wrong password is not lost, and goes out with the right one. */
            service_rig_text(
                &ctx, &r, "PUT", PATH,
                edge_printf(&ctx.arena,
                            "{\"name\":\"r\",\"addressable\":{\"name\":\"a\","
                            "\"protocol\":\"%s\",\"address\":\"127.0.0.1\",\"port\":%u,"
                            "\"publisher\":\"%s\",\"topic\":\"%s\",\"user\":\"u\","
                            "\"password\":\"hush\"}}",
                            rows[i].protocol, broker_port(broker), rows[i].publisher,
                            rows[i].topic),
                200);
            CU_ASSERT(wait_until(has_heard, &h, SOON_MS));
            EDGE_LOCK(&h.lock);
            CU_ASSERT_STRING_EQUAL(h.topic, rows[i].wanted);
            CU_ASSERT_STRING_EQUAL(h.payload, "{\"state\":{\"reported\":{\"a\":1,\"b\":2}}}");
        }
        edge_mqtt_free(client);
        edge_mutex_done(&h.lock);
    }
    broker_free(broker);
}

/* With the certificates of the configuration, to a broker that wants to see one, and is itself looked at. */
static void test_to_a_broker_with_certificates(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct broker *broker = broker_prepare(BROKER_TLS "require_certificate true\n");
    struct heard h = {0};
    struct edge_mqtt *client = NULL;
    CU_ASSERT_FATAL(broker_certify(broker) && broker_restart(broker));
    edge_mutex_init(&h.lock);
    const struct edge_mqtt_config config = {.protocol = "ssl",
                                            .host = "localhost",
                                            .port = broker_port(broker),
                                            .client_id = "listener",
                                            .ca = broker_file(&ctx.arena, broker, "ca.pem"),
                                            .cert = broker_file(&ctx.arena, broker, "cli.pem"),
                                            .key = broker_file(&ctx.arena, broker, "cli.key"),
                                            .state = &h,
                                            .received = hears};
    CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &config, &client), EDGE_OK);
    edge_mqtt_subscribe(client, "#", 1);
    CU_ASSERT(edge_mqtt_wait_connected(client, edge_now_mono_ms() + SOON_MS));
    {
        const char *dir = broker_folder(broker);
        const char *yaml = edge_printf(&ctx.arena,
                                       QUIET "Certificates:\n  MQTTS: {Cert: %s/cli.pem, Key: "
                                             "%s/cli.key, Ca: %s/ca.pem}\n",
                                       dir, dir, dir);
        SERVICE_RIG(r, &export_client, yaml);
        service_rig_text(
            &ctx, &r, "POST", PATH,
            edge_printf(&ctx.arena,
                        "{\"name\":\"r\",\"enable\":true,\"format\":\"AWS_JSON\","
                        "\"destination\":\"MQTT_TOPIC\",\"addressable\":{\"name\":\"a\","
                        "\"protocol\":\"TCPS\",\"address\":\"localhost\",\"port\":%u,"
                        "\"topic\":\"t\"}}",
                        broker_port(broker)),
            200);
        event_comes(&r, "Pump");
        CU_ASSERT(wait_until(has_heard, &h, SOON_MS));
    }
    edge_mqtt_free(client);
    edge_mutex_done(&h.lock);
    broker_free(broker);
}

/* ---- what waits ------------------------------------------------------------------------------------ */

struct wanted {
    struct service_rig *r;
    const char *queue;
    int depth;
};

static bool has_depth(void *arg)
{
    const struct wanted *w = arg;
    return depth(w->r, w->queue) == w->depth;
}

/* Registrations and what waits for them outlive a restart, another name, a part that changes. */
static void test_what_waits_is_kept(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct tcp_peer *peer = tcp_peer_create(takes_all, 1); /* refuses */
    {
        SERVICE_RIG(r, &export_client, QUIET);
        const char *id = to_web(&ctx, &r, "web", peer, ",\"format\":\"JSON\"");
        for (int i = 0; i < 5; i++) {
            event_comes(&r, "Pump");
        }
        struct wanted five = {&r, "web.HTTPExport", 5};
        CU_ASSERT(wait_until(has_depth, &five, SOON_MS));
        service_rig_stop(&r);
        CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
        CU_ASSERT_EQUAL(depth(&r, "web.HTTPExport"), 5);
        service_rig_text(&ctx, &r, "PUT", PATH, "{\"name\":\"web\",\"format\":\"XML\"}", 200);
        service_rig_text(&ctx, &r, "PUT", PATH,
                         edge_printf(&ctx.arena, "{\"id\":\"%s\",\"name\":\"net\"}", id), 200);
        CU_ASSERT_EQUAL(depth(&r, "net.HTTPExport"), 5);
        service_rig_ask(&ctx, &r, "GET", "/api/v3/export/queue/web.HTTPExport", NULL, 404);
        tcp_peer_listen(peer);
        service_rig_text(&ctx, &r, "POST", "/api/v3/export/queue/net.HTTPExport/flush", "", 200);
        CU_ASSERT(tcp_peer_wait_for(peer, 5));
        struct wanted none = {&r, "net.HTTPExport", 0};
        CU_ASSERT(wait_until(has_depth, &none, SOON_MS));
    }
    tcp_peer_free(peer);
}

static int folders(struct edge_ctx *ctx, const struct service_rig *r)
{
    int n = 0;
    DIR *dir = opendir(edge_printf(&ctx->arena, "%s/queues", r->rt->data_dir));
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        n += d->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* Removing one drops its queue, and leaves the others and what they have on the way alone. */
static void test_removed_with_what_waits(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct tcp_peer *away = tcp_peer_create(takes_all, 1), *there = tcp_peer_start(takes_all, 1);
    {
        SERVICE_RIG(r, &export_client, QUIET);
        to_web(&ctx, &r, "gone", away, ",\"format\":\"JSON\"");
        to_web(&ctx, &r, "kept", away, ",\"format\":\"JSON\"");
        to_web(&ctx, &r, "live", there, ",\"format\":\"JSON\"");
        event_comes(&r, "Pump");
        struct wanted one = {&r, "kept.HTTPExport", 1};
        CU_ASSERT(wait_until(has_depth, &one, SOON_MS));
        CU_ASSERT(tcp_peer_wait_for(there, 1));
        CU_ASSERT_EQUAL(folders(&ctx, &r), 3);
        service_rig_text(&ctx, &r, "DELETE", PATH "/name/gone", NULL, 200);
        CU_ASSERT_EQUAL(folders(&ctx, &r), 2);
        CU_ASSERT_EQUAL(depth(&r, "kept.HTTPExport"), 1);
        to_web(&ctx, &r, "gone", away, ",\"format\":\"JSON\"");
        CU_ASSERT_EQUAL(depth(&r, "gone.HTTPExport"), 0);
        event_comes(&r, "Pump");
        CU_ASSERT(tcp_peer_wait_for(there, 2));
        CU_ASSERT_EQUAL(tcp_peer_connections(there), 1); /* it was never disturbed */
    }
    tcp_peer_free(away);
    tcp_peer_free(there);
}

struct stream {
    struct service_rig *r;
    _Atomic bool ended;
    unsigned sent;
};

static void *streams(void *arg)
{
    struct stream *s = arg;
    for (; !s->ended; s->sent++) {
        event_comes(s->r, "Pump");
    }
    return NULL;
}

/* Changes while events come: each is sent, encrypted with the key of before or after. */
static void test_changes_lose_nothing(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct tcp_peer *peer = tcp_peer_start(takes_all, 1);
    {
        SERVICE_RIG(r, &export_client, QUIET);
        struct stream s = {.r = &r};
        to_web(&ctx, &r, "web", peer,
               ",\"format\":\"JSON\",\"encryption\":{\"encryptionAlgorithm\":\"AES\","
               "\"encryptionKey\":\"0\"}");
        pthread_t thread = edge_thread_start("stream", streams, &s);
        for (unsigned i = 0; i < 20; i++) {
            service_rig_text(
                &ctx, &r, "PUT", PATH,
                edge_printf(&ctx.arena,
                            "{\"name\":\"web\",\"encryption\":{\"encryptionAlgorithm\":\"AES\","
                            "\"encryptionKey\":\"%u\"}}",
                            i),
                200);
        }
        s.ended = true;
        pthread_join(thread, NULL);
        CU_ASSERT(tcp_peer_wait_for(peer, s.sent));
    }
    tcp_peer_free(peer);
}

/* ---- what cannot be --------------------------------------------------------------------------------- */

static void test_what_does_nothing_says_so(void)
{
    static const struct {
        const char *destination, *addressable, *queue, *state, *reason;
    } rows[] = {
#define AT(rest) "\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1," rest
        {"XMPP_TOPIC",        AT("\"protocol\":\"tcp\""),                                              "r.XMPP_TOPIC",       "no-connector", "XMPP"                  },
        {"ZMQ_TOPIC",         AT("\"protocol\":\"tcp\""),                                              "r.ZMQ_TOPIC",        "no-connector", "ZMQ"                   },
        {"INFLUXDB_ENDPOINT", AT("\"protocol\":\"http\""),                                             "r.HTTPExportInflux", "refused",
                                                                                    "database"                                                                                                                                                  },
        {"REST_ENDPOINT",     AT("\"protocol\":\"tcp\",\"method\":\"POST\""),                          "r.HTTPExport",       "refused",
                                                                                    "HTTP or HTTPS, not 'tcp'"                                                                                                                                  },
        {"REST_ENDPOINT",     AT("\"protocol\":\"http\",\"method\":\"GET\""),                          "r.HTTPExport",       "refused",
                                                                                    "must be POST, not 'GET'"                                                                                                                                   },
        {"MQTT_TOPIC",        AT("\"protocol\":\"http\",\"topic\":\"t\""),                             "r.MQTTExport",       "refused",
                                                                                    "not 'http'"                                                                                                                                                },
        {"MQTT_TOPIC",        AT("\"protocol\":\"tcp\""),                                              "r.MQTTExport",       "refused",      "topic"                 },
        {"MQTT_TOPIC",        AT("\"protocol\":\"tcp\",\"topic\":\"a/#\""),                            "r.MQTTExport",       "refused",
                                                                                    "without wildcards"                                                                                                                                         },
        {"MQTT_TOPIC",        "\"name\":\"a\",\"protocol\":\"tcp\",\"topic\":\"t\"",                   "r.MQTTExport",
                                                                                    "refused",                                                                                                                          "must be a host, not ''"},
        {"REST_ENDPOINT",
                                                                                    "\"name\":\"a\",\"protocol\":\"http\",\"method\":\"POST\",\"address\":\"u@evil/x\"",
                                                                                    "r.HTTPExport",                                                                                                     "refused",      "must be a host"        },
        {"REST_ENDPOINT",
                                                                                    "\"name\":\"a\",\"protocol\":\"http\",\"method\":\"POST\",\"address\":\"h\",\"path\":\"/{\"",
                                                                                    "r.HTTPExport",                                                                                                     "idle",         ""                      },
        {"AWS_TOPIC",         AT("\"topic\":\"thing\""),                                               "r.MQTTExport",       "idle",         ""                      },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        SERVICE_RIG(r, &export_client, QUIET);
        service_rig_text(
            &ctx, &r, "POST", PATH,
            edge_printf(&ctx.arena,
                        "{\"name\":\"r\",\"enable\":true,\"format\":\"JSON\",\"destination\":"
                        "\"%s\",\"addressable\":{%s}}",
                        rows[i].destination, rows[i].addressable),
            200);
        CU_ASSERT_STRING_EQUAL(state(&ctx, &r, rows[i].queue), rows[i].state);
        const char *reason =
            edge_json_member(queue(&ctx, &r, rows[i].queue), "lastError", true)->valuestring;
        if (!strstr(reason, rows[i].reason)) {
            printf("(%s) ", reason);
            CU_FAIL("another reason");
        }
        const cJSON *list = edge_json_member(
            service_rig_ask(&ctx, &r, "GET", "/api/v3/export/queue", NULL, 200), "queues", true);
        CU_ASSERT_EQUAL_FATAL(cJSON_GetArraySize(list), 1);
        CU_ASSERT_STRING_EQUAL(edge_json_member(list->child, "name", true)->valuestring,
                               rows[i].queue);
        event_comes(&r, "Pump"); /* and harms nobody */
        service_rig_text(&ctx, &r, "DELETE", PATH "/name/r", NULL, 200);
        CU_ASSERT_EQUAL(folders(&ctx, &r), 0);
    }
}

CU_TestInfo export_delivery_tests[] = {
    {"to a web server",               test_to_a_web_server              },
    {"to InfluxDB",                   test_to_influxdb                  },
    {"filtered out, or disabled",     test_filtered_out_or_disabled     },
    {"to a broker",                   test_to_a_broker                  },
    {"to a broker with certificates", test_to_a_broker_with_certificates},
    {"what waits is kept",            test_what_waits_is_kept           },
    {"removed, with what waits",      test_removed_with_what_waits      },
    {"changes lose nothing",          test_changes_lose_nothing         },
    {"what does nothing says so",     test_what_does_nothing_says_so    },
    CU_TEST_INFO_NULL,
};
