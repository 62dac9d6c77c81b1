/* The driver with the official topics: commands and what devices say by themselves, against a real broker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "device_mqtt.h"
#include "mqtt_scene.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 20 * 1000 };

#define N(table) (sizeof(table) / sizeof((table)[0]))

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

/* ---- commands --------------------------------------------------------------------------------------------------- */

static void test_values_of_all_types_are_read(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    static const char *const cases[][2] = {
        {"temp",  "2.15e+01"       },
        {"count", "7"              },
        {"on",    "true"           },
        {"text",  "hello"          },
        {"list",  "[1, -2, 3]"     },
        {"names", "[\"a\",\"b,c\"]"},
        {"thing", "{\"x\":[1]}"    }
    };
    for (size_t i = 0; i < N(cases); i++) {
        expect_value(devsdk_test_read(s.kit, "d1", cases[i][0], NULL), cases[i][0], cases[i][1]);
    }
    const devsdk_test_result *r = devsdk_test_read(s.kit, "d1", "image", NULL);
    CU_ASSERT_EQUAL_FATAL(r->n, 1);
    CU_ASSERT_EQUAL(r->readings[0].n, 2);
    CU_ASSERT_TRUE(memcmp(r->readings[0].bytes, "hi", 2) == 0);
}

static void test_questions_of_a_command_are_asked_at_once(void)
{
    MQTT_SCENE(s, "  Qos: 1\n");
    furnish(&s);
    mqtt_scene_manner(&s, MQTT_WAITS_FOR_TWO); /* and the last one is answered first */
    const devsdk_test_result *r = devsdk_test_read(s.kit, "d1", "both", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    expect_value(r, "temp", "2.15e+01");
    expect_value(r, "count", "7");
    CU_ASSERT_EQUAL(
        devsdk_test_write(s.kit, "d1", "both", "{\"temp\": \"1.5\", \"count\": 3}")->status, 200);
}

static void test_writes_say_the_value(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    static const char *const cases[][3] = {
        {"temp",  "{\"temp\": \"1.5\"}",     "{\"temp\":1.5}"       },
        {"count", "{\"count\": \"255\"}",    "{\"count\":255}"      },
        {"on",    "{\"on\": \"false\"}",     "{\"on\":false}"       },
        {"text",  "{\"text\": \"a\\\"b\"}",  "{\"text\":\"a\\\"b\"}"},
        {"list",  "{\"list\": [1,2]}",       "{\"list\":[1,2]}"     },
        {"thing", "{\"thing\": {\"x\": 1}}", "{\"thing\":{\"x\":1}}"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        const devsdk_test_result *r = devsdk_test_write(s.kit, "d1", cases[i][0], cases[i][1]);
        CU_ASSERT_EQUAL(r->status, 200);
        EDGE_LOCK(&s.lock);
        CU_ASSERT_STRING_EQUAL(s.payload, cases[i][2]);
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "command/d1/%s/set/", cases[i][0]);
        CU_ASSERT_EQUAL(strncmp(s.topic, wanted, strlen(wanted)), 0);
        CU_ASSERT_EQUAL(strlen(s.topic), strlen(wanted) + 36);
    }
}

static void test_a_command_without_answer_names_topic_and_time(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    mqtt_scene_manner(&s, MQTT_SILENT);
    const devsdk_test_result *r = devsdk_test_read(s.kit, "d1", "count", "ds-pushevent=false");
    expect_failure(r, 500, "no answer to command/d1/count/get/");
    expect_failure(r, 500, " within 2500 ms");
    mqtt_scene_manner(&s, MQTT_ANSWERS);
    expect_value(devsdk_test_read(s.kit, "d1", "count", NULL), "count", "7");
}

static void test_answers_that_are_none_fail(void)
{
    static const struct {
        enum mqtt_scene_manner manner;
        const char *text;
    } cases[] = {
        {MQTT_GARBLED, "count: the answer on command/response/"},
        {MQTT_WITHOUT, "is no JSON object with it"             },
        {MQTT_WRONG,   "is an object"                          }
    };
    MQTT_SCENE(s, NULL);
    furnish(&s);
    for (size_t i = 0; i < N(cases); i++) {
        mqtt_scene_manner(&s, cases[i].manner);
        expect_failure(devsdk_test_read(s.kit, "d1", "count", NULL), 500, cases[i].text);
        expect_failure(devsdk_test_read(s.kit, "d1", "both", NULL), 500, "the answer on");
    }
    mqtt_scene_manner(&s, MQTT_TWICE); /* the second one is nobody's */
    for (int i = 0; i < 20; i++) {
        expect_value(devsdk_test_read(s.kit, "d1", "count", NULL), "count", "7");
        CU_ASSERT_EQUAL(devsdk_test_write(s.kit, "d1", "count", "{\"count\": 1}")->status, 200);
    }
}

static void test_a_device_without_a_topic_says_so(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    CU_ASSERT_EQUAL(
        devsdk_test_device(s.kit, "{name: mute, profileName: sensor, protocols: {mqtt: {}}}"), 201);
    expect_failure(devsdk_test_read(s.kit, "mute", "both", NULL), 501, "mute has no CommandTopic");
}

/* ---- what comes by itself ------------------------------------------------------------------------------------------ */

static void test_readings_come_by_themselves(void)
{
    MQTT_SCENE(s, "  Qos: 2\n");
    furnish(&s);
    static const struct {
        const char *source, *payload, *resource, *value;
    } cases[] = {
        {"temp",  "22.5",               "temp",  "2.25e+01"   },
        {"temp",  "{\"temp\": \"23\"}", "temp",  "2.3e+01"    },
        {"count", "\"9\"",              "count", "9"          },
        {"on",    "true",               "on",    "true"       },
        {"text",  "plain words",        "text",  "plain words"},
        {"text",  "\"quoted\"",         "text",  "quoted"     },
        {"list",  "[1,2]",              "list",  "[1, 2]"     },
        {"thing", "{\"y\":2}",          "thing", "{\"y\":2}"  },
        {"temp",  "null",               "temp",  "none"       },
    };
    for (size_t i = 0; i < N(cases); i++) {
        char topic[64];
        snprintf(topic, sizeof(topic), "incoming/data/d1/%s", cases[i].source);
        mqtt_scene_say(&s, topic, cases[i].payload, (int)(i % 3), false);
        expect_value(devsdk_test_event(s.kit, "d1", cases[i].source, SOON_MS), cases[i].resource,
                     cases[i].value);
    }
    mqtt_scene_say(&s, "incoming/data/d1/both", "{\"temp\": 1, \"count\": 2, \"more\": 3}", 1,
                   false);
    const devsdk_test_result *e = devsdk_test_event(s.kit, "d1", "both", SOON_MS);
    expect_value(e, "temp", "1e+00");
    expect_value(e, "count", "2");
    mqtt_scene_say_bytes(&s, "incoming/data/d1/image", "\x89PNG\0", 5);
    e = devsdk_test_event(s.kit, "d1", "image", SOON_MS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->readings[0].n, 5);
    for (int i = 0; i < 2; i++) { /* two of the same are two */
        mqtt_scene_say(&s, "incoming/data/d1/count", "5", 1, false);
        expect_value(devsdk_test_event(s.kit, "d1", "count", SOON_MS), "count", "5");
    }
}

static void test_what_is_wrong_is_refused(void)
{
    capture_start();
    {
        MQTT_SCENE(s, NULL);
        furnish(&s);
        static const char *const cases[][2] = {
            {"d1/count",     "256"                          },
            {"d1/count",     "-1"                           },
            {"d1/count",     "1.5"                          },
            {"d1/count",     "7 C"                          },
            {"d1/count",     "[7]"                          },
            {"d1/count",     "{\"other\": 7}"               },
            {"d1/count",     ""                             },
            {"d1/count",     "{\"count\": true}"            },
            {"d1/on",        "perhaps"                      },
            {"d1/temp",      "warm"                         },
            {"d1/temp",      "1e999"                        },
            {"d1/text",      "\xff\xfe"                     },
            {"d1/list",      "[1,40000]"                    },
            {"d1/list",      "[[1]]"                        },
            {"d1/thing",     "[1]"                          },
            {"d1/both",      "{\"temp\": 1}"                },
            {"d1/both",      "5"                            },
            {"d1/both",      "{\"temp\": 1, \"count\": 256}"},
            {"d1/unknown",   "1"                            },
            {"d2/temp",      "1"                            },
            {"d1",           "1"                            },
            {"d1/temp/deep", "1"                            },
            {"/temp",        "1"                            },
            {"d1/temp",      "{\"temp\":"                   },
        };
        for (size_t i = 0; i < N(cases); i++) {
            for (int k = 0; k < 3; k++) {
                char topic[64];
                snprintf(topic, sizeof(topic), "incoming/data/%s", cases[i][0]);
                mqtt_scene_say(&s, topic, cases[i][1], 0, false);
            }
        }
        mqtt_scene_say(&s, "incoming/data/d1/count", "11", 0, false);
        expect_value(devsdk_test_event(s.kit, "d1", NULL, SOON_MS), "count",
                     "11"); /* the first event at all */
    }
    char *log = capture_end();
    CU_ASSERT_EQUAL(capture_count(log, "unsolicited data not taken"), 1);
    CU_ASSERT_EQUAL(capture_count(log, "device d2: messages come of it"), 1);
    CU_ASSERT_EQUAL(capture_count(log, "'unknown' of d1 not taken"), 1);
    free(log);
}

static bool is_down(void *arg)
{
    return !devsdk_test_is_up(arg, "d1");
}

static bool is_up(void *arg)
{
    return devsdk_test_is_up(arg, "d1");
}

static void test_a_device_that_was_down_comes_back_with_its_values(void)
{
    MQTT_SCENE(s, NULL);
    furnish(&s);
    mqtt_scene_say(&s, "incoming/data/d1/sure", "8", 0, false);
    CU_ASSERT_TRUE(wait_until(is_down, s.kit, SOON_MS));
    mqtt_scene_say(&s, "incoming/data/d1/count", "1", 0, false); /* another one proves nothing */
    expect_value(devsdk_test_event(s.kit, "d1", "count", SOON_MS), "count", "1");
    CU_ASSERT_FALSE(devsdk_test_is_up(s.kit, "d1"));
    mqtt_scene_say(&s, "incoming/data/d1/sure", "7", 0, false);
    CU_ASSERT_TRUE(wait_until(is_up, s.kit, SOON_MS));
}

static void test_devices_nobody_knows_are_found(void)
{
    MQTT_SCENE(s, "  DiscoveryListen: 0s\n");
    furnish(&s);
    CU_ASSERT_EQUAL(devsdk_test_discover(s.kit)->n_found, 0);
    mqtt_scene_say(&s, "incoming/data/stranger/temp", "1", 0, false);
    mqtt_scene_say(&s, "incoming/data/stranger/count", "1", 0, false);
    mqtt_scene_say(&s, "incoming/data/d1/count", "1", 0, false);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(s.kit, "d1", "count", SOON_MS));
    const devsdk_test_result *r = devsdk_test_discover(s.kit);
    CU_ASSERT_EQUAL_FATAL(r->n_found, 1);
    CU_ASSERT_STRING_EQUAL(r->found[0].name, "stranger");
    CU_ASSERT_STRING_EQUAL(r->found[0].kind, "mqtt");
}

/* Every key of the file the official service comes with, as it is written there. */
static void test_a_stock_configuration_is_taken(void)
{
    static const char stock[] =
        "MaxEventSize: 0\n"
        "Writable:\n  LogLevel: \"INFO\"\n  InsecureSecrets:\n    MQTT:\n      SecretName: \"credentials\"\n"
        "      SecretData:\n        username: \"\"\n        password: \"\"\n"
        "Service:\n  Host: \"localhost\"\n  Port: 59982\n  StartupMsg: \"device mqtt started\"\n"
        "MessageBus:\n  Optional:\n    ClientId: \"device-mqtt\"\n"
        "Device:\n  ProfilesDir: \"./res/profiles\"\n  DevicesDir: \"./res/devices\"\n"
        "MQTTBrokerInfo:\n  Schema: \"tcp\"\n  Host: \"localhost\"\n  Port: 1883\n  Qos: 0\n  KeepAlive: 3600\n"
        "  ClientId: \"device-mqtt\"\n  CredentialsRetryTime: 120\n  CredentialsRetryWait: 1\n"
        "  ConnEstablishingRetry: 10\n  ConnRetryWaitTime: 5\n  AuthMode: \"none\"\n"
        "  CredentialsName: \"credentials\"\n  IncomingTopic: \"incoming/data/#\"\n"
        "  ResponseTopic: \"command/response/#\"\n  Writable:\n    ResponseFetchInterval: 500\n";
    capture_start();
    devsdk_test *t = devsdk_test_start(&device_mqtt, stock);
    int status = devsdk_test_status(t);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    char *log = capture_end();
    CU_ASSERT_EQUAL(status, 200);
    CU_ASSERT_EQUAL(capture_count(log, "level=WARN"), 0);
    CU_ASSERT_EQUAL(capture_count(log, "level=ERROR"), 0);
    CU_ASSERT_EQUAL(capture_count(log, "broker"), 0); /* nobody is asked before there is a device */
    free(log);
    t = devsdk_test_start(&device_mqtt, "MQTTBrokerInfo:\n  IncomingTopic: 'a/#/b'\n");
    CU_ASSERT_NOT_EQUAL(devsdk_test_status(t), 200);
    devsdk_test_stop(t);
}

static void test_the_samples_load(void)
{
    MQTT_SCENE(s, NULL);
    char path[512];
    static const char *const files[] = {"profiles/mqtt.sensor.yaml", "profiles/mqtt.plug.yaml"};
    static const char *const devices[] = {"devices/sensor.yaml.example",
                                          "devices/plug.yaml.example"};
    for (size_t i = 0; i < N(files); i++) {
        snprintf(path, sizeof(path), "%s/services/device-mqtt/res/%s", mqtt_scene_source(),
                 files[i]);
        CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, path), 201);
        snprintf(path, sizeof(path), "%s/services/device-mqtt/res/%s", mqtt_scene_source(),
                 devices[i]);
        char text[2048] = "";
        FILE *f = fopen(path, "re");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        CU_ASSERT_TRUE(fread(text, 1, sizeof(text) - 1, f) > 0);
        (void)fclose(f);
        CU_ASSERT_EQUAL(devsdk_test_device(s.kit, text), 201);
    }
}

CU_TestInfo mqtt_device_tests[] = {
    {"values of all types are read",                      test_values_of_all_types_are_read            },
    {"questions of a command are asked at once",          test_questions_of_a_command_are_asked_at_once},
    {"writes say the value",                              test_writes_say_the_value                    },
    {"a command without answer names topic and time",
     test_a_command_without_answer_names_topic_and_time                                                },
    {"answers that are none fail",                        test_answers_that_are_none_fail              },
    {"a device without a topic says so",                  test_a_device_without_a_topic_says_so        },
    {"readings come by themselves",                       test_readings_come_by_themselves             },
    {"what is wrong is refused",                          test_what_is_wrong_is_refused                },
    {"a device that was down comes back with its values",
     test_a_device_that_was_down_comes_back_with_its_values                                            },
    {"devices nobody knows are found",                    test_devices_nobody_knows_are_found          },
    {"a stock configuration is taken",                    test_a_stock_configuration_is_taken          },
    {"the samples load",                                  test_the_samples_load                        },
    CU_TEST_INFO_NULL,
};
