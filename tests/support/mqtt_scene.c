#include "mqtt_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../services/device-mqtt/device_mqtt.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "wait.h"

enum { SOON_MS = 30 * 1000 };

const char mqtt_scene_profile[] =
    "name: sensor\n"
    "deviceResources:\n"
    "- {name: temp, properties: {valueType: Float64, readWrite: RW, units: C}}\n"
    "- {name: count, properties: {valueType: Uint8, readWrite: RW}}\n"
    "- {name: on, properties: {valueType: Bool, readWrite: RW}}\n"
    "- {name: text, properties: {valueType: String, readWrite: RW}}\n"
    "- {name: image, properties: {valueType: Binary, readWrite: R, mediaType: image/png}}\n"
    "- {name: list, properties: {valueType: Int16Array, readWrite: RW}}\n"
    "- {name: names, properties: {valueType: StringArray, readWrite: RW}}\n"
    "- {name: thing, properties: {valueType: Object, readWrite: RW}}\n"
    "- {name: sure, properties: {valueType: Int32, readWrite: R, assertion: '7'}}\n"
    "deviceCommands:\n"
    "- {name: both, readWrite: RW, resourceOperations: [{deviceResource: temp}, {deviceResource: count}]}\n";
const char mqtt_scene_device[] =
    "{name: d1, profileName: sensor, protocols: {mqtt: {CommandTopic: command/d1}}}";

/* ---- the device ------------------------------------------------------------------------------------------------ */

static void publish(struct edge_mqtt *m, const struct edge_mqtt_message *message)
{
    EDGE_CTX_SCOPE(ctx);
    if (edge_mqtt_publish(&ctx, m, message, NULL) != EDGE_OK) {
        printf("not published on %s\n", message->topic);
    }
}

static const char *answer_of(enum mqtt_scene_manner manner, const char *resource, char *text,
                             size_t size)
{
    static const char *const values[][2] = {
        {"temp",  "21.5"           },
        {"count", "\"7\""          },
        {"on",    "true"           },
        {"text",  "\"hello\""      },
        {"image", "\"aGk=\""       },
        {"list",  "[1, -2, 3]"     },
        {"names", "[\"a\",\"b,c\"]"},
        {"thing", "{\"x\": [1]}"   },
        {"sure",  "7"              },
    };
    const char *value = "null";
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        value = strcmp(values[i][0], resource) == 0 ? values[i][1] : value;
    }
    snprintf(text, size, "{\"%s\": %s}", manner == MQTT_WITHOUT ? "other" : resource,
             manner == MQTT_WRONG ? "{}" : value);
    return manner == MQTT_GARBLED ? "{\"temp\": \xff" : text;
}

static void answer(struct mqtt_scene *s, enum mqtt_scene_manner manner, const char *topic)
{
    char copy[256], text[256], back[300];
    char *parts[5] = {NULL}, *rest = copy;
    snprintf(copy, sizeof(copy), "%s", topic);
    for (size_t i = 0; i < 5 && rest; i++) {
        parts[i] = strsep(&rest, "/"); /* command/d1/temp/get/<uuid> */
    }
    if (!parts[4]) {
        return;
    }
    const char *payload = answer_of(manner, parts[2], text, sizeof(text));
    snprintf(back, sizeof(back), "command/response/%s", parts[4]);
    struct edge_mqtt_message m = {.topic = back, .payload = payload, .size = strlen(payload)};
    publish(s->peer, &m);
    if (manner == MQTT_TWICE) {
        publish(s->peer, &m);
        m.topic = "command/response/8e8aa0ee-0000-4000-8000-000000000000";
        publish(s->peer, &m);
    }
}

/* Which questions to answer now. */
static unsigned due(struct mqtt_scene *s, const struct edge_mqtt_message *m, char (*ret)[256])
{
    EDGE_LOCK(&s->lock);
    s->n_asked++;
    s->retained = m->retained;
    snprintf(s->topic, sizeof(s->topic), "%s", m->topic);
    snprintf(s->payload, sizeof(s->payload), "%.*s", (int)m->size,
             m->size ? (const char *)m->payload : "");
    memcpy(s->held[s->n_held++], s->topic, sizeof(s->topic));
    if (s->manner == MQTT_SILENT) {
        s->n_held = 0;
        return 0;
    }
    if (s->manner == MQTT_WAITS_FOR_TWO && s->n_held < 2) {
        return 0;
    }
    unsigned n = s->n_held;
    memcpy(ret, s->held, sizeof(s->held));
    s->n_held = 0;
    return n;
}

static void received(void *state, const struct edge_mqtt_message *m)
{
    struct mqtt_scene *s = state;
    char topics[8][256];
    enum mqtt_scene_manner manner;
    unsigned n = due(s, m, topics);
    {
        EDGE_LOCK(&s->lock);
        manner = s->manner;
    }
    for (unsigned i = n; i > 0; i--) { /* the last one first */
        answer(s, manner, topics[i - 1]);
    }
}

/* ---- the scene -------------------------------------------------------------------------------------------------- */

void mqtt_scene_make(struct mqtt_scene *s, struct broker *b, const char *more)
{
    EDGE_CTX_SCOPE(ctx);
    char config[1024];
    edge_mutex_init(&s->lock);
    s->broker = b ? b : broker_start(NULL);
    const struct edge_mqtt_config peer = {.protocol = "tcp",
                                          .host = "127.0.0.1",
                                          .port = broker_port(s->broker),
                                          .client_id = "the-device",
                                          .retry_first_ms = 20,
                                          .retry_last_ms = 100,
                                          .max_outgoing = 100000,
                                          .state = s,
                                          .received = received};
    if (edge_mqtt_open(&ctx, &peer, &s->peer) != EDGE_OK) {
        abort();
    }
    edge_mqtt_subscribe(s->peer, "command/+/+/+/+", 1);
    edge_mqtt_subscribe(s->peer, "write/#", 1);
    if (!b) { /* else it may be away */
        edge_mqtt_wait_connected(s->peer, edge_now_mono_ms() + SOON_MS);
    }
    snprintf(
        config, sizeof(config),
        "Writable:\n  LogLevel: WARN\nDevice:\n  Discovery:\n    Enabled: true\nMQTTBrokerInfo:\n  Host: 127.0.0.1\n  Port: '%u'\n  ConnRetryWaitTime: 1\n"
        "%s  Writable:\n    ResponseFetchInterval: %u\n",
        broker_port(s->broker), more ? more : "", s->fetch_ms ? s->fetch_ms : 500);
    s->kit = devsdk_test_start(&device_mqtt, config);
    if (devsdk_test_status(s->kit) != 200) {
        printf("%s\n", devsdk_test_text(s->kit));
    }
}

void mqtt_scene_done(struct mqtt_scene *s)
{
    edge_mqtt_free(s->peer); /* first: a connection made anew would be a descriptor left open */
    if (devsdk_test_stop(s->kit) != 0) {
        printf("the driver left something\n");
        abort();
    }
    broker_free(s->broker);
    edge_mutex_done(&s->lock);
}

void mqtt_scene_manner(struct mqtt_scene *s, enum mqtt_scene_manner manner)
{
    EDGE_LOCK(&s->lock);
    s->manner = manner;
    s->n_held = 0;
}

void mqtt_scene_say(struct mqtt_scene *s, const char *topic, const char *payload, int qos,
                    bool retained)
{
    publish(s->peer, &(struct edge_mqtt_message){.topic = topic,
                                                 .payload = payload,
                                                 .size = strlen(payload),
                                                 .qos = qos,
                                                 .retained = retained});
}

void mqtt_scene_say_bytes(struct mqtt_scene *s, const char *topic, const void *bytes, size_t n)
{
    publish(s->peer,
            &(struct edge_mqtt_message){.topic = topic, .payload = bytes, .size = n, .qos = 1});
}

static bool is_answered(void *arg)
{
    struct mqtt_scene *s = arg;
    return devsdk_test_read(s->kit, "d1", "temp", NULL)->status == 200;
}

void mqtt_scene_wait_heard(struct mqtt_scene *s)
{
    if (!wait_until(is_answered, s, SOON_MS)) {
        printf("the driver is not heard\n");
        abort();
    }
    while (devsdk_test_event(s->kit, "d1", NULL, 0)) {
    }
}

struct asked {
    struct mqtt_scene *s;
    unsigned n;
};

static bool has_asked(void *arg)
{
    struct asked *a = arg;
    EDGE_LOCK(&a->s->lock);
    return a->s->n_asked >= a->n;
}

bool mqtt_scene_wait_asked(struct mqtt_scene *s, unsigned n)
{
    return wait_until(has_asked, &(struct asked){s, n}, SOON_MS);
}

const char *mqtt_scene_source(void)
{
    const char *source = getenv("EDGE_SOURCE_DIR");
    return source ? source : ".";
}
