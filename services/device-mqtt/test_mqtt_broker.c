/* The driver and its brokers: topics of devices' own, brokers that restart; floods and many devices. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "edge/buf.h"
#include "mqtt_scene.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 20 * 1000 };

static void furnish(struct mqtt_scene *s)
{
    CU_ASSERT_EQUAL(devsdk_test_profile(s->kit, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(s->kit, mqtt_scene_device), 201);
    mqtt_scene_wait_heard(s);
}

static void expect_value(const devsdk_test_result *r, const char *resource, const char *wanted)
{
    const char *got = r ? devsdk_test_value(r, resource) : "no event";
    CU_ASSERT_STRING_EQUAL(got ? got : "none", wanted);
    if (!got || strcmp(got, wanted) != 0) {
        printf("%s: got '%s', not '%s'; %d %s\n", resource, got ? got : "none", wanted,
               r ? r->status : 0, r ? r->text : "");
    }
}

static void expect_failure(const devsdk_test_result *r, int status, const char *text)
{
    CU_ASSERT_EQUAL(r->status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, text));
    if (!strstr(r->text, text)) {
        printf("%d '%s', not '%s'\n", r->status, r->text, text);
    }
}

/* ---- topics of devices' own ----------------------------------------------------------------------------------------- */

static const char plug_profile[] =
    "name: plug\n"
    "deviceResources:\n"
    "- {name: power, attributes: {JsonPath: '$.ENERGY.Power'}, properties: {valueType: Float32, readWrite: R}}\n"
    "- {name: total, attributes: {JsonPath: 'ENERGY.Total'}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: phase, attributes: {JsonPath: '$.ENERGY.Phases[-1]'}, properties: {valueType: Int16, readWrite: R}}\n"
    "- {name: Time, properties: {valueType: String, readWrite: R}}\n"
    "- {name: relay, attributes: {ReadTopic: 'stat/{device}/POWER', WriteTopic: 'write/{device}/POWER', Qos: 1}, "
    "properties: {valueType: String, readWrite: RW}}\n"
    "- {name: dim, attributes: {ReadTopic: 'stat/{device}/+', JsonPath: '$.dim', WriteTopic: 'write/{device}/{resource}', "
    "WritePayload: '{\"level\": {value}}', Retain: true}, properties: {valueType: Uint8, readWrite: RW}}\n"
    "- {name: 'a/b', attributes: {WriteTopic: 'write/{resource}'}, properties: {valueType: Bool, readWrite: W}}\n";
static const char plug[] =
    "{name: plug-1, profileName: plug, protocols: {mqtt: {ReadTopic: 'tele/{device}/SENSOR', MaxAge: 1h}}}";
static const char energy[] =
    "{\"Time\":\"2026-01-01T00:00:00\",\"ENERGY\":{\"Total\":\"3.185\",\"Power\":12.5,\"Phases\":[1,2]}}";

static bool says_energy(void *arg)
{
    struct mqtt_scene *s = arg;
    mqtt_scene_say(s, "tele/plug-1/SENSOR", energy, 0, false);
    return devsdk_test_event(s->kit, "plug-1", "SENSOR", 50) != NULL;
}

static void plug_in(struct mqtt_scene *s)
{
    CU_ASSERT_EQUAL(devsdk_test_profile(s->kit, plug_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(s->kit, plug), 201);
    CU_ASSERT_TRUE_FATAL(wait_until(says_energy, s, SOON_MS));
    while (devsdk_test_event(s->kit, NULL, NULL, 50)) {
    }
}

static void test_values_are_found_in_foreign_payloads(void)
{
    MQTT_SCENE(s, NULL);
    plug_in(&s);
    mqtt_scene_say(&s, "tele/plug-1/SENSOR", energy, 1, false);
    const devsdk_test_result *e = devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(e->source, "SENSOR");
    CU_ASSERT_EQUAL(e->n, 4);
    expect_value(e, "power", "1.25e+01");
    expect_value(e, "total", "3.185e+00");
    expect_value(e, "phase", "2");
    expect_value(e, "Time", "2026-01-01T00:00:00");
    mqtt_scene_say(&s, "tele/plug-1/SENSOR", "{\"ENERGY\":{\"Power\":7}}", 1,
                   false); /* one of them */
    e = devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS);
    expect_value(e, "power", "7e+00");
    CU_ASSERT_STRING_EQUAL(e ? e->source : "", "power");
    mqtt_scene_say(&s, "tele/plug-1/SENSOR", "{\"ENERGY\":{\"Power\":\"much\",\"Total\":4}}", 1,
                   false); /* one is wrong */
    e = devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS);
    CU_ASSERT_EQUAL(e ? e->n : 0, 1);
    expect_value(e, "total", "4e+00");
    mqtt_scene_say(&s, "tele/plug-1/SENSOR", "{\"ENERGY\":", 1, false);
    mqtt_scene_say(&s, "tele/plug-2/SENSOR", energy, 1, false);
    mqtt_scene_say(&s, "stat/plug-1/POWER", "ON", 1, false);
    expect_value(devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS), "relay", "ON");
    mqtt_scene_say(&s, "stat/plug-1/RESULT", "{\"dim\": 30}", 1, false);
    expect_value(devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS), "dim", "30");

    /* a read has what came last */
    expect_value(devsdk_test_read(s.kit, "plug-1", "power", NULL), "power", "7e+00");
    expect_value(devsdk_test_read(s.kit, "plug-1", "total", NULL), "total", "4e+00");
    expect_value(devsdk_test_read(s.kit, "plug-1", "relay", NULL), "relay", "ON");
    CU_ASSERT_EQUAL(devsdk_test_change(s.kit, "{name: plug-1, labels: [x]}"),
                    200); /* changes nothing for us */
    expect_value(devsdk_test_read(s.kit, "plug-1", "relay", NULL), "relay", "ON");
    devsdk_test_skip(s.kit, 3700000);
    expect_failure(devsdk_test_read(s.kit, "plug-1", "power", NULL), 500,
                   "nothing has come for power for ");
}

static void test_writes_go_to_topics_of_their_own(void)
{
    MQTT_SCENE(s, NULL);
    plug_in(&s);
    static const struct {
        const char *resource, *json, *topic, *payload;
    } cases[] = {
        {"relay", "{\"relay\": \"OFF\"}", "write/plug-1/POWER", "OFF"            },
        {"dim",   "{\"dim\": \"40\"}",    "write/plug-1/dim",   "{\"level\": 40}"},
        {"a/b",   "{\"a/b\": \"true\"}",  "write/a%2Fb",        "true"           },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const devsdk_test_result *r =
            devsdk_test_write(s.kit, "plug-1", cases[i].resource, cases[i].json);
        CU_ASSERT_EQUAL(r->status, 200);
        CU_ASSERT_TRUE(mqtt_scene_wait_asked(&s, (unsigned)i + 1));
        EDGE_LOCK(&s.lock);
        CU_ASSERT_STRING_EQUAL(s.topic, cases[i].topic);
        CU_ASSERT_STRING_EQUAL(s.payload, cases[i].payload);
    }
    expect_failure(devsdk_test_read(s.kit, "plug-1", "relay", NULL), 500,
                   "nothing has come for relay yet");
}

static void test_what_is_retained_comes_at_the_start(void)
{
    MQTT_SCENE(s, NULL);
    mqtt_scene_say(&s, "incoming/data/d1/count", "42", 1, true);
    mqtt_scene_say(&s, "stat/plug-1/POWER", "ON", 1, true);
    mqtt_scene_say(&s, "command/response/1234", "{\"count\": 1}", 1, true); /* nobody asked */
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, plug_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, mqtt_scene_device), 201);
    expect_value(devsdk_test_event(s.kit, "d1", NULL, SOON_MS), "count", "42");
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, plug), 201);
    expect_value(devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS), "relay", "ON");
    CU_ASSERT_EQUAL(devsdk_test_remove(s.kit, "plug-1"), 200);
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, plug), 201); /* and again for who comes again */
    expect_value(devsdk_test_event(s.kit, "plug-1", NULL, SOON_MS), "relay", "ON");
}

static void test_what_cannot_be_is_refused(void)
{
    MQTT_SCENE(s, NULL);
    static const struct {
        const char *attributes, *why;
    } attributes[] = {
        {"{ReadTopic: 'a/#/b'}",                     "ReadTopic: 'a/#/b' has a wildcard that is not a whole level"},
        {"{ReadTopic: 'a/{name}'}",
         "ReadTopic: 'a/{name}' has a hole that is neither {device} nor {resource}"                               },
        {"{JsonPath: '$..a'}",                       "JsonPath: '$..a' is no path"                                },
        {"{WriteTopic: 'a/+'}",                      "WriteTopic: 'a/+' has a wildcard"                           },
        {"{WritePayload: '{value}'}",                "WritePayload: needs a WriteTopic"                           },
        {"{Retain: true}",                           "Retain: needs a WriteTopic"                                 },
        {"{Qos: 3}",                                 "Qos: 3 is above 2"                                          },
        {"{WriteTopic: a, WritePayload: '{worth}'}", "WritePayload: '{worth}' has a hole"                         },
    };
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, mqtt_scene_profile), 201);
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        char text[512];
        snprintf(
            text, sizeof(text),
            "name: p%zu\ndeviceResources:\n- {name: r, attributes: %s, properties: {valueType: Int8, readWrite: RW}}\n",
            i, attributes[i].attributes);
        devsdk_test_profile(s.kit, text);
        snprintf(text, sizeof(text),
                 "{name: x%zu, profileName: p%zu, protocols: {mqtt: {CommandTopic: c}}}", i, i);
        int status = devsdk_test_device(s.kit, text);
        CU_ASSERT_TRUE(status >= 400);
        CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(s.kit), attributes[i].why));
        if (!strstr(devsdk_test_text(s.kit), attributes[i].why)) {
            printf("%d %s, not %s\n", status, devsdk_test_text(s.kit), attributes[i].why);
        }
    }
    static const struct {
        const char *address, *why;
    } addresses[] = {
        {"{CommandTopic: 'a/#'}",          "CommandTopic: 'a/#' has a wildcard"},
        {"{Port: 1884}",                   "Host: is missing"                  },
        {"{Host: h, Schema: http}",        "Schema: 'http' is none of"         },
        {"{Host: h, Port: 70000}",         "Port: '70000' is out of range"     },
        {"{Host: h, AuthMode: kerberos}",  "AuthMode: 'kerberos' is not one of"},
        {"{Host: h, IncomingTopic: 'a+'}", "IncomingTopic: 'a+' has a wildcard"},
        {"{ReadTopic: ''' '''}",           NULL                                },
    };
    for (size_t i = 0; addresses[i].why; i++) {
        char text[512];
        snprintf(text, sizeof(text), "{name: y, profileName: sensor, protocols: {mqtt: %s}}",
                 addresses[i].address);
        CU_ASSERT_TRUE(devsdk_test_device(s.kit, text) >= 400);
        CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(s.kit), addresses[i].why));
        if (!strstr(devsdk_test_text(s.kit), addresses[i].why)) {
            printf("%s, not %s\n", devsdk_test_text(s.kit), addresses[i].why);
        }
    }
}

/* ---- brokers ------------------------------------------------------------------------------------------------------- */

static void test_a_broker_that_restarts_is_waited_for(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    broker_kill(s.broker);
    const devsdk_test_result *r = devsdk_test_read(s.kit, "d1", "count", NULL);
    expect_failure(r, 500, "no answer to command/d1/count/get/");
    expect_failure(r, 500, "(the broker 127.0.0.1 is not connected: ");
    broker_restart(s.broker);
    mqtt_scene_wait_heard(&s);
    mqtt_scene_say(&s, "incoming/data/d1/count", "3", 1, false);
    expect_value(devsdk_test_event(s.kit, "d1", "count", SOON_MS), "count", "3");
}

static bool hears(void *arg)
{
    struct mqtt_scene *s = arg;
    mqtt_scene_say(s, "incoming/data/d1/count", "4", 0, false);
    return devsdk_test_event(s->kit, "d1", "count", 100) != NULL;
}

static void test_a_broker_that_comes_late_is_found(void)
{
    struct broker *b = broker_prepare(NULL);
    struct mqtt_scene s = {0};
    broker_restart(b);
    broker_stop(b);
    mqtt_scene_make(&s, b, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, mqtt_scene_device), 201);
    expect_failure(devsdk_test_write(s.kit, "d1", "count", "{\"count\": 1}"), 500,
                   "is not connected");
    broker_restart(b);
    CU_ASSERT_TRUE(wait_until(hears, &s, SOON_MS));
    mqtt_scene_done(&s);
}

static void test_devices_may_have_a_broker_of_their_own(void)
{
    struct broker *other = broker_start(NULL);
    MQTT_SCENE(s, NULL);
    furnish(&s);
    char text[512];
    snprintf(
        text, sizeof(text),
        "{name: far, profileName: sensor, protocols: {mqtt: {Host: 127.0.0.1, Port: '%u', Version: '5', CommandTopic: "
        "command/far}}}",
        broker_port(other));
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, text), 201);
    mqtt_scene_say(&s, "incoming/data/far/count", "1", 1, false); /* at the wrong broker */
    int n = 0;
    const devsdk_test_result *e = NULL;
    while (!e && n++ < 200) {
        broker_publish_raw(other, "incoming/data/far/count", "2", 1);
        e = devsdk_test_event(s.kit, "far", "count", 100);
    }
    expect_value(e, "count", "2");
    broker_publish_raw(other, "incoming/data/d1/count", "1", 1); /* the same */
    mqtt_scene_say(&s, "incoming/data/d1/count", "5", 1, false);
    expect_value(devsdk_test_event(s.kit, "d1", "count", SOON_MS), "count", "5");
    expect_failure(devsdk_test_read(s.kit, "far", "count", NULL), 500,
                   "no answer to command/far/count/get/");
    CU_ASSERT_EQUAL(devsdk_test_remove(s.kit, "far"), 200);
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, text), 201);
    broker_free(other);
}

/* ---- much of it ------------------------------------------------------------------------------------------------------ */

static void test_a_flood_is_survived(void)
{
    enum { N = 20000 };
    capture_start();
    {
        MQTT_SCENE(s, NULL);
        furnish(&s);
        CU_ASSERT_EQUAL(
            devsdk_test_device(
                s.kit,
                "{name: d2, profileName: sensor, protocols: {mqtt: {CommandTopic: command/d2}}}"),
            201);
        char text[32];
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof(text), "%d", i % 256);
            mqtt_scene_say(&s, i % 2 ? "incoming/data/d1/count" : "incoming/data/d2/count", text, 0,
                           false);
        }
        CU_ASSERT_EQUAL(devsdk_test_remove(s.kit, "d2"), 200); /* under it */
        mqtt_scene_say(&s, "incoming/data/d1/text", "the end", 1, false);
        const devsdk_test_result *e;
        do {
            e = devsdk_test_event(s.kit, "d1", NULL, SOON_MS);
        } while (e && strcmp(e->source, "text") != 0);
        expect_value(e, "text", "the end");
    }
    free(capture_end());
}

static void test_a_huge_payload_is_taken_or_counted(void)
{
    enum { LARGE = 1 << 20, TOO_LARGE = 17 << 20 };
    capture_start();
    {
        MQTT_SCENE(s, NULL);
        furnish(&s);
        char *bytes = malloc(TOO_LARGE);
        memset(bytes, '[', TOO_LARGE);
        mqtt_scene_say_bytes(&s, "incoming/data/d1/thing", bytes, LARGE); /* deep, too */
        mqtt_scene_say_bytes(&s, "incoming/data/d1/image", bytes, TOO_LARGE);
        mqtt_scene_say_bytes(&s, "incoming/data/d1/image", bytes, LARGE);
        const devsdk_test_result *e = devsdk_test_event(s.kit, "d1", NULL, SOON_MS);
        CU_ASSERT_EQUAL(e ? e->readings[0].n : 0, LARGE);
        free(bytes);
    }
    char *log = capture_end();
    CU_ASSERT_EQUAL(capture_count(log, "MQTT messages dropped: one is too large"), 1);
    free(log);
}

static void test_a_thousand_devices_listen(void)
{
    enum { N = 1000 };
    MQTT_SCENE(s, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, plug_profile), 201);
    struct edge_buf list = EDGE_BUF_INIT;
    edge_buf_puts(&list, "deviceList:\n");
    for (int i = 0; i < N; i++) {
        edge_buf_printf(
            &list,
            "- {name: p%d, profileName: plug, protocols: {mqtt: {ReadTopic: 'tele/{device}/SENSOR'}}}\n",
            i);
    }
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, edge_buf_str(&list)), 201);
    edge_buf_done(&list);
    bool heard[N] = {false};
    int n_heard = 0;
    for (int round = 0; round < 100 && n_heard < N; round++) {
        for (int i = 0; i < N; i++) {
            char topic[64];
            snprintf(topic, sizeof(topic), "tele/p%d/SENSOR", i);
            if (!heard[i]) {
                mqtt_scene_say(&s, topic, "{\"ENERGY\":{\"Power\":7}}", 0, false);
            }
        }
        const devsdk_test_result *e;
        while (n_heard < N && (e = devsdk_test_event(s.kit, NULL, "power", 500)) != NULL) {
            long i = strtol(e->readings[0].device + 1, NULL, 10);
            n_heard += !heard[i];
            heard[i] = true;
        }
    }
    CU_ASSERT_EQUAL(n_heard, N);
}

CU_TestInfo mqtt_broker_tests[] = {
    {"values are found in foreign payloads",   test_values_are_found_in_foreign_payloads  },
    {"writes go to topics of their own",       test_writes_go_to_topics_of_their_own      },
    {"what is retained comes at the start",    test_what_is_retained_comes_at_the_start   },
    {"what cannot be is refused",              test_what_cannot_be_is_refused             },
    {"a broker that restarts is waited for",   test_a_broker_that_restarts_is_waited_for  },
    {"a broker that comes late is found",      test_a_broker_that_comes_late_is_found     },
    {"devices may have a broker of their own", test_devices_may_have_a_broker_of_their_own},
    {"a flood is survived",                    test_a_flood_is_survived                   },
    {"a huge payload is taken or counted",     test_a_huge_payload_is_taken_or_counted    },
    {"a thousand devices listen",              test_a_thousand_devices_listen             },
    CU_TEST_INFO_NULL,
};
