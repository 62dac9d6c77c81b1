/* Devices that serve, played by sockets that behave well, badly, or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "device_rest.h"
#include "devsdk/test.h"
#include "suites.h"
#include "tcp_peer.h"
#include "testkit.h"
#include "wait.h"

#define N(array)       (sizeof(array) / sizeof((array)[0]))
#define OK(n)          "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"
#define TYPED(type, n) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " #n "\r\n\r\n"

static const char profile[] =
    "name: p\n"
    "deviceResources:\n"
    "- {name: int, properties: {valueType: Int32, readWrite: RW}}\n"
    "- {name: a b/c, properties: {valueType: Float64, readWrite: RW}}\n"
    "- {name: text, properties: {valueType: String, readWrite: RW}}\n"
    "- {name: bytes, properties: {valueType: Binary, readWrite: R, mediaType: image/png}}\n"
    "- {name: object, properties: {valueType: Object, readWrite: RW}}\n"
    "- {name: list, properties: {valueType: Int16Array, readWrite: RW}}\n"
    "- {name: x, attributes: {path: 'status?all=1', jsonPointer: /x}, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: y, attributes: {path: 'status?all=1', jsonPointer: /y/0}, properties: {valueType: Float32, readWrite: R}}\n"
    "- {name: mode, attributes: {path: 'set/${value}', method: POST, template: '{\"m\": \"${value}\", \"r\": ${resource}}'}, properties: {valueType: String, readWrite: W}}\n"
    "- {name: rpc, attributes: {path: rpc, method: POST, template: '{\"get\": \"t\"}', jsonPointer: /t}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: form, attributes: {path: form, method: POST, template: 'v=${value}'}, properties: {valueType: String, readWrite: W, mediaType: application/x-www-form-urlencoded}}\n"
    "deviceCommands:\n"
    "- {name: two, readWrite: RW, resourceOperations: [{deviceResource: int}, {deviceResource: text}]}\n"
    "- {name: shared, readWrite: R, resourceOperations: [{deviceResource: x}, {deviceResource: y}, {deviceResource: int}]}\n";

static void add_profile(devsdk_test *t)
{
    int status = devsdk_test_profile(t, profile);
    if (status != 201) {
        fprintf(stderr, "%s\n", devsdk_test_text(t));
    }
    CU_ASSERT_EQUAL_FATAL(status, 201);
}

struct lab {
    devsdk_test *kit;
    struct tcp_peer *peer;
};

static struct lab lab_make(const struct peer_step *script, size_t n, const char *more)
{
    struct lab lab = {.peer = tcp_peer_start(script, n)};
    char device[512];
    snprintf(device, sizeof(device),
             "{name: d, profileName: p, protocols: {REST: {Host: 127.0.0.1, Port: '%s'%s}}}",
             strrchr(tcp_peer_url(lab.peer), ':') + 1, more);
    lab.kit = devsdk_test_start(
        &device_rest,
        "Writable: {LogLevel: ERROR, InsecureSecrets: {d: {SecretName: thermostat, SecretData: {username: me, password: it, token: abc}}}}");
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(lab.kit), 200);
    add_profile(lab.kit);
    int status = devsdk_test_device(lab.kit, device);
    if (status != 201) {
        fprintf(stderr, "%s\n", devsdk_test_text(lab.kit));
    }
    CU_ASSERT_EQUAL_FATAL(status, 201);
    return lab;
}

static void lab_done(struct lab *lab)
{
    tcp_peer_free(lab->peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(lab->kit), 0);
}

static bool last_has(struct lab *lab, const char *text)
{
    bool has = strstr(tcp_peer_last(lab->peer), text);
    if (!has) {
        printf("request: %s\nlacks: %s\n", tcp_peer_last(lab->peer), text);
    }
    return has;
}

/* Read it: the status, the value (NULL: any) and the words of a failure. */
static bool reads(struct lab *lab, const char *source, const char *query, int status,
                  const char *text)
{
    const devsdk_test_result *r = devsdk_test_read(lab->kit, "d", source, query);
    const char *got = r->status == 200 ? devsdk_test_value(r, source) : r->text;
    bool right = r->status == status && (!text || (got && strstr(got, text)));
    if (!right) {
        printf("%s: %d %s\n", source, r->status, got ? got : "none");
    }
    return right;
}

static bool writes(struct lab *lab, const char *source, const char *values, int status)
{
    const devsdk_test_result *r = devsdk_test_write(lab->kit, "d", source, values);
    if (r->status != status) {
        printf("%s: %d %s\n", source, r->status, r->text);
    }
    return r->status == status;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static void test_resources_are_read_from_their_places(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK(3) "42\n"     },
        {PEER_ANSWER, OK(4) "-2.5"     },
        {PEER_ANSWER, OK(5) " hi \n"   },
        {PEER_ANSWER, TYPED("image/png", 4) "\x89PNG"},
        {PEER_ANSWER,           OK(8) "{\"a\": 1}"                 },
        {PEER_ANSWER,           OK(6) "[1, 2]"},
        {PEER_ANSWER,           OK(10) "{\"t\": 21}\n"                 },
    };
    struct lab lab = lab_make(script, N(script), ", Path: /api/v1/, Headers: {X-Key: k}");
    CU_ASSERT_TRUE(reads(&lab, "int", "unit=C%26F&ds-pushevent=false&x", 200, "42"));
    CU_ASSERT_TRUE(last_has(&lab, "GET /api/v1/int?unit=C%26F&x HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "X-Key: k\r\n"));
    CU_ASSERT_TRUE(reads(&lab, "a b/c", NULL, 200, "-2.5"));
    CU_ASSERT_TRUE(last_has(&lab, "GET /api/v1/a%20b%2Fc HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(reads(&lab, "text", NULL, 200, " hi \n"));
    const devsdk_test_result *r = devsdk_test_read(lab.kit, "d", "bytes", NULL);
    CU_ASSERT_EQUAL_FATAL(r->status, 200);
    CU_ASSERT_EQUAL(r->readings[0].n, 4);
    CU_ASSERT_TRUE(reads(&lab, "object", NULL, 200, "{\"a\":1}"));
    CU_ASSERT_TRUE(reads(&lab, "list", NULL, 200, "[1, 2]"));
    CU_ASSERT_TRUE(reads(&lab, "rpc", NULL, 200, "2.1e+01"));
    CU_ASSERT_TRUE(last_has(&lab, "POST /api/v1/rpc HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "\r\n\r\n{\"get\": \"t\"}"));
    lab_done(&lab);
}

static void test_values_of_one_document_are_read_at_once(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK(24) "{\"x\": 7.0, \"y\": [1.25]}\n"},
        {PEER_ANSWER, OK(1) "3"                             },
        {PEER_ANSWER, OK(23) "{\"x\": null, \"y\": [2.5]}"  },
        {PEER_ANSWER, OK(1) "4"                             },
        {PEER_ANSWER, OK(8) "{\"x\": 1}"                    },
    };
    struct lab lab = lab_make(script, N(script), "");
    const devsdk_test_result *r = devsdk_test_read(lab.kit, "d", "shared", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "x"), "7");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "y"), "1.25e+00");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "int"), "3");
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), 2);
    r = devsdk_test_read(lab.kit, "d", "shared", NULL);
    CU_ASSERT_EQUAL_FATAL(r->status, 200);
    CU_ASSERT_PTR_NULL(devsdk_test_value(r, "x")); /* null is null */
    r = devsdk_test_read(lab.kit, "d", "shared", NULL);
    CU_ASSERT_EQUAL(r->status, 500); /* nothing of it, where one is missing */
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "y: what came has nothing where jsonPointer leads to"));
    lab_done(&lab);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void test_values_are_written_as_they_are(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, "HTTP/1.1 204 No Content\r\n\r\n"}
    };
    struct lab lab = lab_make(script, N(script), "");
    CU_ASSERT_TRUE(writes(&lab, "int", "{\"int\": \"-7\"}", 200));
    CU_ASSERT_TRUE(last_has(&lab, "PUT /int HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "Content-Type: text/plain\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "\r\n\r\n-7"));
    CU_ASSERT_TRUE(writes(&lab, "object", "{\"object\": {\"b\": [1, \"x\"]}}", 200));
    CU_ASSERT_TRUE(last_has(&lab, "Content-Type: application/json\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "{\"b\":[1,\"x\"]}"));
    CU_ASSERT_TRUE(writes(&lab, "list", "{\"list\": [1, 2]}", 200));
    CU_ASSERT_TRUE(last_has(&lab, "\r\n\r\n[1,2]"));
    CU_ASSERT_TRUE(writes(&lab, "mode", "{\"mode\": \"a\\\"b/ü\"}", 200));
    CU_ASSERT_TRUE(last_has(&lab, "POST /set/a%22b%2F%C3%BC HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "Content-Type: application/json\r\n"));
    CU_ASSERT_TRUE(last_has(&lab, "\r\n\r\n{\"m\": \"a\\\"b/ü\", \"r\": \"mode\"}"));
    CU_ASSERT_TRUE(writes(&lab, "form", "{\"form\": \"a&b=c\"}", 200));
    CU_ASSERT_TRUE(last_has(&lab, "\r\n\r\nv=a%26b%3Dc"));
    unsigned before = tcp_peer_requests(lab.peer);
    CU_ASSERT_TRUE(writes(&lab, "two", "{\"int\": 1, \"text\": \"t\"}", 200));
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), before + 2);
    CU_ASSERT_TRUE(last_has(&lab, "PUT /text HTTP/1.1\r\n"));
    lab_done(&lab);
}

/* ---- who we are -------------------------------------------------------------------------------------------- */

static void test_credentials_come_from_a_secret(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK(1) "1"}
    };
    struct lab lab = lab_make(script, N(script), ", AuthMode: basic, SecretName: thermostat");
    CU_ASSERT_TRUE(reads(&lab, "int", NULL, 200, "1"));
    CU_ASSERT_TRUE(last_has(&lab, "Authorization: Basic bWU6aXQ=\r\n"));
    lab_done(&lab);
    lab = lab_make(script, N(script), ", AuthMode: bearer, SecretName: thermostat");
    CU_ASSERT_TRUE(reads(&lab, "int", NULL, 200, "1"));
    CU_ASSERT_TRUE(last_has(&lab, "Authorization: Bearer abc\r\n"));
    lab_done(&lab);
    lab = lab_make(script, N(script), ", AuthMode: bearer, SecretName: another");
    CU_ASSERT_TRUE(reads(&lab, "int", NULL, 503, "secret another with token is not there"));
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), 0);
    lab_done(&lab);
}

/* As an editor does it; the service looks at its file now and then. */
static void secret(struct lab *lab, const char *token)
{
    char paths[2][160];
    snprintf(paths[0], sizeof(paths[0]), "%s/new", lab->kit->dir);
    snprintf(paths[1], sizeof(paths[1]), "%s/device-rest/configuration.yaml", lab->kit->dir);
    FILE *file = fopen(paths[0], "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(
        fprintf(
            file,
            "Writable: {LogLevel: ERROR, InsecureSecrets: {d: {SecretName: late, SecretData: {token: %s}}}}",
            token) > 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(rename(paths[0], paths[1]), 0);
}

struct asking {
    struct lab *lab;
    const char *token;
};

static bool is_sent(void *arg)
{
    struct asking *r = arg;
    return devsdk_test_read(r->lab->kit, "d", "int", NULL)->status == 200 &&
           strstr(tcp_peer_last(r->lab->peer), r->token);
}

static void test_secrets_may_come_later_and_change(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK(1) "1"}
    };
    struct lab lab = lab_make(script, N(script), ", AuthMode: bearer, SecretName: late");
    CU_ASSERT_TRUE(reads(&lab, "int", NULL, 503, "secret late with token is not there"));
    secret(&lab, "first");
    CU_ASSERT_TRUE(wait_until(is_sent, &(struct asking){&lab, "Bearer first"}, 10000));
    secret(&lab, "second");
    CU_ASSERT_TRUE(wait_until(is_sent, &(struct asking){&lab, "Bearer second"}, 10000));
    lab_done(&lab);
}

static void test_digest_is_answered(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER,
         "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\nContent-Length: 4\r\n\r\nnope"},
        {PEER_ANSWER, OK(1) "5"                                                                                                                  }
    };
    struct lab lab = lab_make(script, N(script), ", AuthMode: digest, SecretName: thermostat");
    CU_ASSERT_TRUE(reads(&lab, "int", NULL, 200, "5"));
    CU_ASSERT_TRUE(last_has(&lab, "Authorization: Digest username=\"me\""));
    CU_ASSERT_PTR_NULL(strstr(tcp_peer_last(lab.peer), "it\""));
    lab_done(&lab);
}

/* ---- what goes wrong ------------------------------------------------------------------------------------------ */

static void test_no_wrong_value_is_read(void)
{
    static const struct {
        struct peer_step step;
        const char *source;
        int status;
        const char *text;
    } cases[] = {
        {{PEER_ANSWER, OK(3) "abc"},                                                                          "int",   500, "int: 'abc' is no Int32" },
        {{PEER_ANSWER, OK(0)},                                                                                "int",   500, "int: what came is empty"},
        {{PEER_ANSWER, OK(10) "2147483648"},                                                                  "int",   500, "is no Int32"            },
        {{PEER_ANSWER, TYPED("text/html", 6) "<html>"},
         "bytes",                                                                                                      500,
         "text/html came, not image/png"                                                                                                             },
        {{PEER_ANSWER, OK(6) "<html>"},                                                                       "x",     500, "x: what came is no JSON"},
        {{PEER_ANSWER, OK(2) "\xff\xfe"},                                                                     "text",  500, "not UTF-8"              },
        {{PEER_ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n42"},
         "int",                                                                                                        500,
         "answered 404"                                                                                                                              },
        {{PEER_ANSWER, "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n42"},
         "int",                                                                                                        500,
         "answered 500"                                                                                                                              },
        {{PEER_ANSWER,
          "HTTP/1.1 302 Found\r\nLocation: http://example.invalid/\r\nContent-Length: 2\r\n\r\n42"},
         "int",                                                                                                        500,
         "answered 302 to http://example.invalid/"                                                                                                   },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n42"},
         "int",                                                                                                        500,
         "GET http://127.0.0.1:"                                                                                                                     },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n"},
         "int",                                                                                                        500,
         "GET http://127.0.0.1:"                                                                                                                     },
        {{PEER_CLOSE, "junk\r\n\r\n42"},                                                                      "int",   500, "GET http://127.0.0.1:"  },
        {{PEER_CLOSE, NULL},                                                                                  "int",   500, "GET http://127.0.0.1:"  },
        {{PEER_RESET, NULL},                                                                                  "int",   500, "GET http://127.0.0.1:"  },
        {{PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n42"},
         "int",                                                                                                        500,
         "GET http://127.0.0.1:"                                                                                                                     },
        {{PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"},
         "int",                                                                                                        500,
         "larger than"                                                                                                                               },
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\n\r\n"},                                                             "bytes", 500, "larger than"            },
        {{PEER_HANG, NULL},                                                                                   "int",   500, "GET http://127.0.0.1:"  },
        {{PEER_ANSWER,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n2\r\n0\r\n\r\n"},
         "int",                                                                                                        200,
         "42"                                                                                                                                        },
        {{PEER_DRIP, OK(2) "42"},                                                                             "int",   200, "42"                     },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct lab lab = lab_make(&cases[i].step, 1,
                                  cases[i].step.action == PEER_HANG ? ", Timeout: 200ms" : "");
        CU_ASSERT_TRUE(reads(&lab, cases[i].source, NULL, cases[i].status, cases[i].text));
        lab_done(&lab);
    }
}

static void test_a_write_that_is_not_taken_fails(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"                       },
        {PEER_ANSWER, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"},
        {PEER_CLOSE,  NULL                                                                 },
    };
    struct lab lab = lab_make(script, N(script), "");
    CU_ASSERT_TRUE(writes(&lab, "two", "{\"int\": 1, \"text\": \"t\"}", 500));
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), 1); /* the second is not told */
    CU_ASSERT_TRUE(writes(&lab, "int", "{\"int\": 1}", 500));
    CU_ASSERT_TRUE(writes(&lab, "int", "{\"int\": 1}", 500));
    CU_ASSERT_TRUE(writes(&lab, "a b/c", "{\"a b/c\": \"1e999\"}", 400));
    lab_done(&lab);
}

static void test_faulty_addresses_and_attributes_are_named(void)
{
    static const struct {
        const char *address, *text;
    } addresses[] = {
        {"{Port: 80}",                 "Host: is missing"                      },
        {"{Host: 'a b'}",              "Host: is neither a name nor an address"},
        {"{Host: 'a/b'}",              "Host: is neither"                      },
        {"{Host: 'me:it@h'}",          "Host: is neither"                      },
        {"{Host: h, Port: 0}",         "Port: 0 is below 1"                    },
        {"{Host: h, Port: 65536}",     "Port: "                                },
        {"{Host: h, Path: 'a b'}",     "Path: has characters"                  },
        {"{Host: h, Path: 'a?b'}",     "Path: has characters"                  },
        {"{Host: h, Scheme: ftp}",     "Scheme: "                              },
        {"{Host: h, AuthMode: basic}", "SecretName: is missing"                },
        {"{Host: h, Headers: [a]}",    "Headers: must be an object of texts"   },
        {"{Host: h, Headers: {a: 1}}", "Headers: must be an object of texts"   },
        {"{Host: h, Timeout: soon}",   "Timeout: "                             },
    };
    static const struct {
        const char *attributes, *type, *text;
    } attributes[] = {
        {"jsonPointer: a",                  "Int32",  "jsonPointer: must be empty or begin with /"},
        {"jsonPointer: /a",                 "Binary", "jsonPointer: does not lead to a Binary"    },
        {"template: '${val}'",              "Int32",  "template: ${val} is none of the places"    },
        {"template: '{\"a\": ${value}'",    "Int32",  "template: is no JSON with a value in it"   },
        {"template: '{\"a\": \"${value}}'", "String", "template: is no JSON with a value in it"   },
        {"template: x",                     "Binary", "template: cannot take a Binary"            },
        {"path: 'a b'",                     "Int32",  "path: has characters a URL has as %XX only"},
        {"path: '${x}'",                    "Int32",  "path: ${x} is none of the places"          },
        {"writePath: 'a#b'",                "Int32",  "writePath: has characters"                 },
        {"method: get it",                  "Int32",  "method: is no method"                      },
        {"method: get",                     "Int32",  "method: is no method"                      },
    };
    devsdk_test *t = devsdk_test_start(&device_rest, NULL);
    char text[512];
    add_profile(t);
    for (size_t i = 0; i < N(addresses); i++) {
        snprintf(text, sizeof(text), "{name: d, profileName: p, protocols: {REST: %s}}",
                 addresses[i].address);
        CU_ASSERT_NOT_EQUAL(devsdk_test_device(t, text), 201);
        if (!strstr(devsdk_test_text(t), addresses[i].text)) {
            printf("%s: %s\n", addresses[i].address, devsdk_test_text(t));
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), addresses[i].text));
    }
    for (size_t i = 0; i < N(attributes); i++) {
        snprintf(
            text, sizeof(text),
            "name: q%zu\ndeviceResources:\n- {name: r, attributes: {%s}, properties: {valueType: %s, readWrite: R, mediaType: %s}}\n",
            i, attributes[i].attributes, attributes[i].type,
            strcmp(attributes[i].type, "Binary") == 0 ? "image/png" : "application/json");
        CU_ASSERT_EQUAL(devsdk_test_profile(t, text),
                        201); /* what is in it is the driver's matter */
        snprintf(text, sizeof(text),
                 "{name: e, profileName: q%zu, protocols: {REST: {Host: 127.0.0.1}}}", i);
        int status = devsdk_test_device(t, text);
        bool named = status != 201 && strstr(devsdk_test_text(t), attributes[i].text);
        if (!named) {
            printf("%s: %d %s\n", attributes[i].attributes, status, devsdk_test_text(t));
        }
        CU_ASSERT_TRUE(named);
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_devices_of_a_host_wait_for_each_other(void)
{
    devsdk_test *t = devsdk_test_start(&device_rest, NULL);
    add_profile(t);
    CU_ASSERT_EQUAL(
        devsdk_test_device(t, "{name: a, profileName: p, protocols: {REST: {Host: h1, Port: 1}}}"),
        201);
    CU_ASSERT_EQUAL(
        devsdk_test_device(t, "{name: b, profileName: p, protocols: {REST: {Host: h1, Port: 2}}}"),
        201);
    CU_ASSERT_EQUAL(
        devsdk_test_device(t, "{name: c, profileName: p, protocols: {REST: {Host: h2}}}"), 201);
    CU_ASSERT_EQUAL(
        devsdk_test_device(
            t, "{name: d, profileName: p, protocols: {REST: {Host: h1, Lane: device}}}"),
        201);
    CU_ASSERT_EQUAL(devsdk_test_device(t, "{name: e, profileName: p, protocols: {other: {}}}"),
                    201);
    CU_ASSERT_TRUE(devsdk_test_share_lane(t, "a", "b"));
    CU_ASSERT_FALSE(devsdk_test_share_lane(t, "a", "c"));
    CU_ASSERT_FALSE(devsdk_test_share_lane(t, "a", "d"));
    CU_ASSERT_FALSE(devsdk_test_share_lane(t, "d", "e"));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

CU_TestInfo rest_out_tests[] = {
    {"resources are read from their places",      test_resources_are_read_from_their_places     },
    {"values of one document are read at once",   test_values_of_one_document_are_read_at_once  },
    {"values are written as they are",            test_values_are_written_as_they_are           },
    {"credentials come from a secret",            test_credentials_come_from_a_secret           },
    {"secrets may come later and change",         test_secrets_may_come_later_and_change        },
    {"digest is answered",                        test_digest_is_answered                       },
    {"no wrong value is read",                    test_no_wrong_value_is_read                   },
    {"a write that is not taken fails",           test_a_write_that_is_not_taken_fails          },
    {"faulty addresses and attributes are named", test_faulty_addresses_and_attributes_are_named},
    {"devices of a host wait for each other",     test_devices_of_a_host_wait_for_each_other    },
    CU_TEST_INFO_NULL,
};
