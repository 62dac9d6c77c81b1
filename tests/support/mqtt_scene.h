/** For the tests of the driver: it runs in the test kit, a real broker beside it, and a device that answers as it is told. */
#ifndef MQTT_SCENE_H
#define MQTT_SCENE_H

#include "broker.h"
#include "devsdk/test.h"
#include "edge/mqtt.h"
#include "edge/thread.h"

enum mqtt_scene_manner {
    MQTT_ANSWERS,
    MQTT_SILENT,
    MQTT_WAITS_FOR_TWO, /* answers when two questions are there */
    MQTT_GARBLED,
    MQTT_TWICE,   /* each answer, and one nobody asked for */
    MQTT_WITHOUT, /* JSON without the resource */
    MQTT_WRONG,   /* a value that cannot be */
};

struct mqtt_scene {
    struct broker *broker;
    devsdk_test *kit;
    struct edge_mqtt *peer;
    unsigned fetch_ms; /* ResponseFetchInterval; 0: 500 */
    struct edge_mutex lock;
    enum mqtt_scene_manner manner EDGE_GUARDED;
    unsigned n_asked EDGE_GUARDED, n_held EDGE_GUARDED;
    char topic[256] EDGE_GUARDED, payload[256] EDGE_GUARDED, held[8][256] EDGE_GUARDED;
    bool retained EDGE_GUARDED;
};

/** @p more: lines of the configuration below MQTTBrokerInfo ("  Qos: 1\n"), or NULL. @p b NULL: a broker of the scene's. */
void mqtt_scene_make(struct mqtt_scene *s, struct broker *b, const char *more);
void mqtt_scene_done(struct mqtt_scene *s);
#define MQTT_SCENE(name, more)                                                                     \
    __attribute__((cleanup(mqtt_scene_done))) struct mqtt_scene name = {0};                        \
    mqtt_scene_make(&name, NULL, more)

void mqtt_scene_manner(struct mqtt_scene *s, enum mqtt_scene_manner manner);
/** Said by the device. */
void mqtt_scene_say(struct mqtt_scene *s, const char *topic, const char *payload, int qos,
                    bool retained);
void mqtt_scene_say_bytes(struct mqtt_scene *s, const char *topic, const void *bytes, size_t n);
/** Until the driver's connection listens: what is said from now on comes. */
void mqtt_scene_wait_heard(struct mqtt_scene *s);
/** What the device was asked last; until @p n questions have come. */
bool mqtt_scene_wait_asked(struct mqtt_scene *s, unsigned n);

/** The tree of the sources. */
const char *mqtt_scene_source(void);

/** The profile of most tests, and a device of it. */
extern const char mqtt_scene_profile[], mqtt_scene_device[];

#endif
