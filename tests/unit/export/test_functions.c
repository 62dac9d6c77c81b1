/* Functions of pipelines: what is refused when they are made, what they let pass, what they make of it. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "edge/system_event.h"
#include "edge/text.h"
#include "export/engine.h"
#include "scratch.h"
#include "stages/stages.h"
#include "suites.h"

static enum edge_status secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret)
{
    const char *value = state;
    *ret = value ? edge_strdup(a, value) : NULL;
    return value ? EDGE_OK : edge_fail(ctx, EDGE_NOT_FOUND, "no secret %s with %s", name, key);
}

enum { PAIRS_MAX = 8 };

/* A function with "name", "value", ... as parameters. */
struct made {
    struct edge_ctx ctx;
    struct export_host host;
    const struct export_function *f;
    void *stage;
    enum edge_status st;
    struct export_flow flow;
};

static void make(struct made *m, const char *function, const char *const *pairs)
{
    struct edge_named_text given[PAIRS_MAX];
    size_t n = 0;
    struct export_params params;
    *m = (struct made){
        .host = {.secret = secret, .service = "test"}
    };
    m->f = export_function_find(function);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->f);
    for (; pairs[2 * n]; n++) {
        given[n] = (struct edge_named_text){pairs[2 * n], pairs[2 * n + 1]};
    }
    m->st = export_params_check(&m->ctx, &m->ctx.arena, m->f, function, given, n, &params);
    if (m->st == EDGE_OK) {
        m->st = m->f->compile(&m->ctx, &m->ctx.arena, &m->host, &params, &m->stage);
    }
    m->flow = (struct export_flow){.ctx = &m->ctx};
}

static void made_done(struct made *m)
{
    edge_ctx_done(&m->ctx);
}

#define MADE(name, function, ...)                                                                  \
    __attribute__((cleanup(made_done))) struct made name;                                          \
    make(&name, function, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL, NULL})

static void give_event(struct made *m, const char *json)
{
    struct event *event = edge_new(&m->ctx.arena, struct event);
    CU_ASSERT_EQUAL_FATAL(edge_dto_decode_text(&m->ctx, &EVENT, json, strlen(json), event),
                          EDGE_OK);
    m->flow.data = (struct export_data){.kind = EXPORT_EVENT, .event = event};
}

static void give_text(struct made *m, const char *text)
{
    m->flow.data = (struct export_data){
        .kind = EXPORT_BYTES, .bytes = {text, strlen(text)}
    };
}

static enum export_verdict run(struct made *m)
{
    CU_ASSERT_EQUAL_FATAL(m->st, EDGE_OK);
    return m->f->run(m->stage, &m->flow);
}

static const char *out(struct made *m)
{
    struct edge_bytes b;
    const char *type;
    CU_ASSERT_EQUAL_FATAL(export_data_bytes(&m->ctx, &m->flow.data, &b, &type), EDGE_OK);
    return edge_strndup(&m->ctx.arena, b.data, b.size);
}

static const char *why(struct made *m)
{
    return edge_ctx_message(&m->ctx, EDGE_INVALID);
}

#define EVENT_TEXT                                                                                      \
    "{\"apiVersion\":\"v3\",\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"deviceName\":\"Pump-7\"," \
    "\"profileName\":\"Pump\",\"sourceName\":\"all\",\"origin\":1602168089665565200,\"readings\":["     \
    "{\"origin\":1602168089665565200,\"deviceName\":\"Pump-7\",\"resourceName\":\"Temp\","              \
    "\"profileName\":\"Pump\",\"valueType\":\"Float64\",\"units\":\"\",\"value\":\"3.8e+01\"},"         \
    "{\"origin\":1602168089665565200,\"deviceName\":\"Pump-7\",\"resourceName\":\"Name\","              \
    "\"profileName\":\"Pump\",\"valueType\":\"String\",\"value\":\"<a & \\\"b\\\">\\n\"}],"             \
    "\"tags\":{\"site\":\"n'1\",\"floor\":3}}"

/* ---- parameters ------------------------------------------------------------------------------ */

static void test_faults_name_what_may_be(void)
{
    static const struct {
        const char *function, *pairs[PAIRS_MAX + 2], *text;
    } rows[] = {
        {"Transform",           {NULL},                                             "Transform: Type is missing"                     },
        {"Transform",           {"Type", "yaml"},                                   "Transform: Type must be json or xml, not 'yaml'"},
        {"FilterByDeviceName2",
         {"FilterOut", "maybe"},
         "FilterByDeviceName2: FilterOut must be true or false, not 'maybe'"                                                         },
        {"Compress",            {"algorithm", "rar"},                               "must be gzip or zlib, not 'rar'"                },
        {"Encrypt",
         {"Algorithm", "aes256"},
         "Encrypt: SecretName is missing; Encrypt: SecretValueKey is missing"                                                        },
        {"AddTags",             {"Tags", "a:b,c"},                                  "Tags: 'c' is not of the form name:value"        },
        {"AddTags",             {"Tags", "a:b:c"},                                  "'a:b:c' is not of the form"                     },
        {"FilterBySourceName",  {"SourceNames", "a(b"},                             "a(b"                                            },
        {"FilterBySourceName",  {"SourceNames", "(?=a)b"},                          "'(?=a)b' has a group that"                      },
        {"FilterBySourceName",  {"SourceNames", "(a)\\1"},                          "a reference back"                               },
        {"JSONLogic",           {"Rule", "{"},                                      "Rule"                                           },
        {"JSONLogic",           {"Rule", "{\"filtre\":[]}"},                        "no operation 'filtre', the nearest is filter"   },
        {"WrapIntoEvent",
         {"ProfileName", "p", "DeviceName", "d", "ResourceName", "r", "ValueType"},
         "ValueType is missing"                                                                                                      },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        __attribute__((cleanup(made_done))) struct made m;
        make(&m, rows[i].function, rows[i].pairs);
        CU_ASSERT_EQUAL(m.st, EDGE_INVALID);
        if (!strstr(why(&m), rows[i].text)) {
            printf("(%s, not %s) ", why(&m), rows[i].text);
            CU_FAIL("another text");
        }
    }
}

static void test_instances_by_the_longest_prefix(void)
{
    CU_ASSERT_STRING_EQUAL(export_function_find("HTTPExport2")->name, "HTTPExport");
    CU_ASSERT_STRING_EQUAL(export_function_find("TransformXml")->name, "Transform");
    CU_ASSERT_STRING_EQUAL(export_function_find("filterbydevicename")->name, "FilterByDeviceName");
    CU_ASSERT_PTR_NULL(export_function_find("Filter"));
    CU_ASSERT_PTR_NULL(export_function_find(""));
}

static void test_expressions_are_those_of_go(void)
{
    static const char *const good[] = {"[*+]",     "[(?=]x",   "\\Qa*+\\E+",  "a{2,3}?", "(?i)pump",
                                       "(?P<n>a)", "(?:a|b)+", "[[:alpha:]]", "\\pL",    "\\x41",
                                       "[]a]",     "\\.",      "\\d+$",       "\\101",   "(?i:a)b"};
    static const char *const bad[] = {"(?=a)",  "(?<=a)b", "(?>a)",     "(a)\\1", "(?P=n)",
                                      "(?1)",   "(?R)",    "(?|a)",     "a*+",    "a{2}+",
                                      "\\Ka",   "\\R",     "\\X",       "\\h",    "\\Z",
                                      "\\k<n>", "\\g1",    "(*ACCEPT)", "[\\h]"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        MADE(m, "FilterByDeviceName", "DeviceNames", good[i]);
        if (m.st != EDGE_OK && !strchr(good[i], ',')) {
            printf("(%s: %s) ", good[i], why(&m));
            CU_FAIL("refused");
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        MADE(m, "FilterByDeviceName", "DeviceNames", bad[i]);
        if (m.st == EDGE_OK) {
            printf("(%s) ", bad[i]);
            CU_FAIL("taken");
        }
    }
}

/* ---- filters --------------------------------------------------------------------------------- */

static void test_filters(void)
{
    static const struct {
        const char *function, *list, *names, *out;
        enum export_verdict verdict;
    } rows[] = {
        {"FilterByDeviceName",  "DeviceNames",  "",              "false", EXPORT_GO_ON},
        {"FilterByDeviceName",  "DeviceNames",  "",              "true",  EXPORT_GO_ON},
        {"FilterByDeviceName",  "DeviceNames",  "Pump-7",        "false", EXPORT_GO_ON},
        {"FilterByDeviceName",  "DeviceNames",  "Pump-7",        "true",  EXPORT_STOP },
        {"FilterByDeviceName",  "DeviceNames",  " Fan , ump ",   "false",
         EXPORT_GO_ON                                                                 }, /* not anchored */
        {"FilterByDeviceName",  "DeviceNames",  "^Pump-[0-9]+$", "false", EXPORT_GO_ON},
        {"FilterByDeviceName",  "DeviceNames",  "^ump",          "false", EXPORT_STOP },
        {"FilterByDeviceName",  "DeviceNames",  "pump-7",        "false", EXPORT_STOP },
        {"FilterByProfileName", "ProfileNames", "Pump",          "false", EXPORT_GO_ON},
        {"FilterByProfileName", "ProfileNames", "Fan",           "false", EXPORT_STOP },
        {"FilterBySourceName",  "SourceNames",  "all",           "true",  EXPORT_STOP },
        {"FilterBySourceName",  "SourceNames",  "Temp",          "true",  EXPORT_GO_ON},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        MADE(m, rows[i].function, rows[i].list, rows[i].names, "FilterOut", rows[i].out);
        give_event(&m, EVENT_TEXT);
        CU_ASSERT_EQUAL(run(&m), rows[i].verdict);
    }
    MADE(m, "FilterByDeviceName", "DeviceNames", "x");
    give_text(&m, "no event");
    CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL);
    CU_ASSERT_STRING_EQUAL(why(&m), "wants an event, not bytes");
}

static void test_readings_are_filtered_in_a_copy(void)
{
    MADE(m, "FilterByResourceName", "ResourceNames", "Temp");
    give_event(&m, EVENT_TEXT);
    const struct event *before = m.flow.data.event;
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(before->n_readings, 2);
    CU_ASSERT_EQUAL_FATAL(m.flow.data.event->n_readings, 1);
    CU_ASSERT_STRING_EQUAL(m.flow.data.event->readings[0].resource_name, "Temp");
    CU_ASSERT_STRING_EQUAL(m.flow.data.event->id, before->id);
    MADE(none, "FilterByResourceName", "ResourceNames", "Temp,Name", "FilterOut", "true");
    give_event(&none, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&none), EXPORT_STOP);
}

/* ---- forms ----------------------------------------------------------------------------------- */

static void test_transform(void)
{
    MADE(xml, "Transform", "Type", "XML");
    give_event(&xml, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&xml), EXPORT_GO_ON);
    CU_ASSERT_STRING_EQUAL(
        out(&xml),
        "<Event><ApiVersion>v3</ApiVersion><Id>7a1707f0-166f-4c4b-bc9d-1d54c74e0137</Id>"
        "<DeviceName>Pump-7</DeviceName><ProfileName>Pump</ProfileName><SourceName>all</SourceName>"
        "<Origin>1602168089665565200</Origin>"
        "<Readings><Id></Id><Origin>1602168089665565200</Origin><DeviceName>Pump-7</DeviceName>"
        "<ResourceName>Temp</ResourceName><ProfileName>Pump</ProfileName>"
        "<ValueType>Float64</ValueType><Units></Units><BinaryValue></BinaryValue>"
        "<MediaType></MediaType><Value>3.8e+01</Value></Readings>"
        "<Readings><Id></Id><Origin>1602168089665565200</Origin><DeviceName>Pump-7</DeviceName>"
        "<ResourceName>Name</ResourceName><ProfileName>Pump</ProfileName>"
        "<ValueType>String</ValueType><Units></Units><BinaryValue></BinaryValue>"
        "<MediaType></MediaType><Value>&lt;a &amp; &#34;b&#34;&gt;&#xA;</Value></Readings>"
        "<Tags><site>n&#39;1</site><floor>3</floor></Tags></Event>");
    CU_ASSERT_STRING_EQUAL(xml.flow.response_content_type, "application/xml");
    MADE(json, "Transform", "Type", "json");
    give_event(&json, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&json), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(strncmp(out(&json), "{\"apiVersion\":\"v3\",\"id\":\"7a17", 28), 0);
    CU_ASSERT_STRING_EQUAL(json.flow.data.content_type, "application/json");
}

static void test_compress(void)
{
    static const char *const algorithms[] = {"gzip", "zlib"};
    static const char text[] = "This is the test string used for testing";
    for (size_t i = 0; i < 2; i++) {
        MADE(m, "Compress", "Algorithm", algorithms[i]);
        const void *packed = NULL;
        size_t n = 0;
        char plain[100] = "";
        z_stream z = {0};
        give_text(&m, text);
        CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
        CU_ASSERT_STRING_EQUAL(m.flow.data.content_type, "text/plain");
        CU_ASSERT_TRUE_FATAL(edge_base64_decode(&m.ctx.arena, out(&m), &packed, &n));
        CU_ASSERT_EQUAL(inflateInit2(&z, i == 0 ? 31 : 15), Z_OK);
        z.next_in = (unsigned char *)(uintptr_t)packed;
        z.avail_in = (uInt)n;
        z.next_out = (unsigned char *)plain;
        z.avail_out = sizeof(plain);
        CU_ASSERT_EQUAL(inflate(&z, Z_FINISH), Z_STREAM_END);
        inflateEnd(&z);
        CU_ASSERT_STRING_EQUAL(plain, text);
    }
}

static void test_encrypt(void)
{
    static char key[] = "217A24432646294A404E635266556A586E3272357538782F413F442A472D4B61"
                        "50645367566B59703373367639792442264529482B4D6251655468576D5A7134";
    static const char text[] = "This is the test string used for testing";
    unsigned char iv[16];
    for (unsigned char i = 0; i < sizeof(iv); i++) {
        iv[i] = i;
    }
    EDGE_CTX_SCOPE(ctx);
    struct edge_bytes sealed;
    CU_ASSERT_EQUAL(
        export_encrypt_with(&ctx, key, iv, (struct edge_bytes){text, strlen(text)}, &sealed),
        EDGE_OK);
    CU_ASSERT_STRING_EQUAL(
        edge_base64_encode(&ctx.arena, sealed.data, sealed.size),
        "AAECAwQFBgcICQoLDA0ODy/lPTz22QQEzGKGX/yjbQzdaNBJaSi03tu94b3bPVeEabWuCTBUQl4u"
        "QSl4RtzSsK0REvBL2PaL6ND/3NiB4EOUhumynyVTM9t8Vw5rToE8");
    MADE(m, "Encrypt", "Algorithm", "aes256", "SecretName", "aes", "SecretValueKey", "key");
    give_text(&m, text);
    CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL); /* there is no such secret yet */
    CU_ASSERT_STRING_EQUAL(why(&m), "no secret aes with key");
    edge_ctx_clear(&m.ctx);
    m.host.state = key;
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(strlen(out(&m)), 128); /* 16 + 48 + 32 bytes */
    static char wrong[] = "00zz";
    m.host.state = wrong;
    give_text(&m, text);
    CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL);
}

static void test_tags(void)
{
    MADE(m, "AddTags", "Tags", "line:4, site: south");
    give_event(&m, EVENT_TEXT);
    const struct event *before = m.flow.data.event;
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(out(&m), "\"tags\":{\"floor\":3,\"line\":\"4\",\"site\":\"south\"}"));
    CU_ASSERT_STRING_EQUAL(edge_json_member(before->tags, "site", true)->valuestring, "n'1");
    MADE(bare, "AddTags", "Tags", "a:b");
    give_event(
        &bare,
        "{\"apiVersion\":\"v3\",\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"deviceName\":\"d\","
        "\"profileName\":\"p\",\"sourceName\":\"s\",\"origin\":1,\"readings\":[{\"origin\":1,"
        "\"deviceName\":\"d\",\"resourceName\":\"r\",\"profileName\":\"p\",\"valueType\":\"Int8\",\"value\":\"1\"}]}");
    CU_ASSERT_EQUAL(run(&bare), EXPORT_GO_ON);
    CU_ASSERT_PTR_NOT_NULL(strstr(out(&bare), "\"tags\":{\"a\":\"b\"}"));
}

static void test_wrap(void)
{
    MADE(m, "WrapIntoEvent", "ProfileName", "P", "DeviceName", "D", "ResourceName", "R",
         "ValueType", "int32");
    give_text(&m, "42");
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(m.flow.data.kind, EXPORT_ADD_EVENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(out(&m), "\"event\":{\"apiVersion\":\"v3\",\"id\":\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(out(&m), "\"valueType\":\"Int32\",\"value\":\"42\""));
    CU_ASSERT_STRING_EQUAL(export_flow_value(&m.flow, "DeviceName"), "D");
    give_text(&m, "4.2");
    CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL);
    CU_ASSERT_STRING_EQUAL(why(&m), "'4.2' is no Int32");
}

static void test_response(void)
{
    MADE(m, "SetResponseData", "ResponseContentType", "");
    give_event(&m, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_STRING_EQUAL(m.flow.response_content_type, "application/json");
    CU_ASSERT_EQUAL(((const char *)m.flow.response.data)[0], '{');
    CU_ASSERT_EQUAL(m.flow.data.kind, EXPORT_EVENT);
    MADE(typed, "SetResponseData", "ResponseContentType", "text/x");
    give_text(&typed, "abc");
    CU_ASSERT_EQUAL(run(&typed), EXPORT_GO_ON);
    CU_ASSERT_STRING_EQUAL(typed.flow.response_content_type, "text/x");
    CU_ASSERT_EQUAL(typed.flow.response.size, 3);
}

static void test_line_protocol(void)
{
    static const char metric[] =
        "{\"apiVersion\":\"v3\",\"name\":\"my metric,1\",\"fields\":[{\"name\":\"a b\",\"value\":1},"
        "{\"name\":\"b\",\"value\":1.5},{\"name\":\"c\",\"value\":\"q\\\"\\\\\"},"
        "{\"name\":\"d\",\"value\":18446744073709551615},{\"name\":\"e\",\"value\":true}],"
        "\"tags\":[{\"name\":\"service\",\"value\":\"core data=1\"},{\"name\":\"x\",\"value\":\"\"}],\"timestamp\":17}";
    MADE(m, "ToLineProtocol", "Tags", "site:n 1");
    struct metric *in = edge_new(&m.ctx.arena, struct metric);
    CU_ASSERT_EQUAL_FATAL(edge_dto_decode_text(&m.ctx, &METRIC, metric, strlen(metric), in),
                          EDGE_OK);
    m.flow.data = (struct export_data){.kind = EXPORT_METRIC, .metric = in};
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_STRING_EQUAL(out(&m),
                           "my\\ metric\\,1,service=core\\ data\\=1,site=n\\ 1 "
                           "a\\ b=1,b=1.5,c=\"q\\\"\\\\\",d=18446744073709552000,e=true 17\n");
}

/* ---- rules and scripts ------------------------------------------------------------------------- */

static void test_json_logic(void)
{
    static const struct {
        const char *rule, *data, *result;
    } rows[] = {
        {"{\"==\":[1,\"1\"]}",                                                                         "{}",                    "true"      },
        {"{\"===\":[1,\"1\"]}",                                                                        "{}",                    "false"     },
        {"{\"var\":\"a.b.1\"}",                                                                        "{\"a\":{\"b\":[1,7]}}", "7"         },
        {"{\"var\":[\"z\",26]}",                                                                       "{}",                    "26"        },
        {"{\"<\":[1,{\"var\":\"t\"},3]}",                                                              "{\"t\":2}",             "true"      },
        {"{\"<=\":[1,3,3]}",                                                                           "{}",                    "true"      },
        {"{\"and\":[true,\"\",3]}",                                                                    "{}",                    "\"\""      },
        {"{\"or\":[0,[],\"a\"]}",                                                                      "{}",                    "\"a\""     },
        {"{\"if\":[false,1,true,2,3]}",                                                                "{}",                    "2"         },
        {"{\"if\":[]}",                                                                                "{}",                    "null"      },
        {"{\"missing\":[\"a\",\"b\"]}",                                                                "{\"a\":1}",             "[\"b\"]"   },
        {"{\"missing_some\":[1,[\"a\",\"b\"]]}",                                                       "{\"a\":1}",             "[]"        },
        {"{\"+\":[\"3.5x\",2]}",                                                                       "{}",                    "5.5"       },
        {"{\"-\":[5]}",                                                                                "{}",                    "-5"        },
        {"{\"%\":[101,2]}",                                                                            "{}",                    "1"         },
        {"{\"max\":[1,3,2]}",                                                                          "{}",                    "3"         },
        {"{\"map\":[{\"var\":\"l\"},{\"*\":[{\"var\":\"\"},2]}]}",                                     "{\"l\":[1,2]}",         "[2,4]"     },
        {"{\"filter\":[{\"var\":\"l\"},{\"%\":[{\"var\":\"\"},2]}]}",                                  "{\"l\":[1,2,3]}",       "[1,3]"     },
        {"{\"reduce\":[{\"var\":\"l\"},{\"+\":[{\"var\":\"current\"},{\"var\":\"accumulator\"}]},0]}",
         "{\"l\":[1,2,3]}",                                                                                                     "6"         },
        {"{\"all\":[[],true]}",                                                                        "{}",                    "false"     },
        {"{\"none\":[[],true]}",                                                                       "{}",                    "true"      },
        {"{\"some\":[[1,2],{\"==\":[{\"var\":\"\"},2]}]}",                                             "{}",                    "true"      },
        {"{\"merge\":[[1],2,[3]]}",                                                                    "{}",                    "[1,2,3]"   },
        {"{\"in\":[\"ing\",\"Spring\"]}",                                                              "{}",                    "true"      },
        {"{\"in\":[2,[1,2]]}",                                                                         "{}",                    "true"      },
        {"{\"cat\":[\"a\",1,true,null]}",                                                              "{}",                    "\"a1true\""},
        {"{\"substr\":[\"jsonlogic\",-5,2]}",                                                          "{}",                    "\"lo\""    },
        {"{\"substr\":[\"jsonlogic\",4,-2]}",                                                          "{}",                    "\"log\""   },
        {"{\"!!\":[[]]}",                                                                              "{}",                    "false"     },
        {"{\"!\":\"0\"}",                                                                              "{}",                    "false"     },
        {"{\"==\":[null,0]}",                                                                          "{}",                    "false"     },
        {"{\"var\":[\"a\",1]}",                                                                        "{\"a\":null}",          "null"      },
        {"{\"var\":[\"a\",1]}",                                                                        "{\"a\":\"x\"}",         "\"x\""     },
        {"{\"-\":[{\"var\":\"z\"},1]}",                                                                "{}",                    "-1"        },
        {"{\"var\":\"l.length\"}",                                                                     "{\"l\":[1,2]}",         "2"         },
        {"{\"var\":\"s.length\"}",                                                                     "{\"s\":\"a😀b\"}",    "4"         },
        {"{\"var\":\"s.1\"}",                                                                          "{\"s\":\"é日\"}",     "\"日\""   },
        {"{\"var\":\"l.00\"}",                                                                         "{\"l\":[1]}",           "null"      },
        {"{\"missing\":[\"\",\"a\"]}",                                                                 "{}",                    "[\"a\"]"   },
        {"{\"substr\":[\"é日本語\",1,2]}",                                                         "{}",                    "\"日本\""},
        {"{\"substr\":[\"é日本語\",-2]}",                                                          "{}",                    "\"本語\""},
        {"{\"substr\":[\"a😀b\",2]}",                                                                "{}",                    "\"b\""     },
        {"{\"substr\":[\"abc\",0.9,1.9]}",                                                             "{}",                    "\"a\""     },
        {"{\"*\":[\"2\"]}",                                                                            "{}",                    "\"2\""     },
        {"{\"reduce\":[[],{\"+\":[1]}]}",                                                              "{}",                    "null"      },
        {"{\"===\":[{\"var\":\"z\"}]}",                                                                "{}",                    "false"     },
        {"{\"==\":[{\"var\":\"o\"},{\"var\":\"o\"}]}",                                                 "{\"o\":{\"a\":1}}",     "true"      },
        {"{\"in\":[\"\",\"\"]}",                                                                       "{}",                    "false"     },
        {"{\"<\":[1,2,{\"or\":[]}]}",                                                                  "{}",                    "true"      },
        {"{\"<\":[null,1]}",                                                                           "{}",                    "true"      },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *rule = NULL, *data = NULL, *result = NULL;
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, rows[i].rule, strlen(rows[i].rule), NULL, &rule),
                        EDGE_OK);
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, rows[i].data, strlen(rows[i].data), NULL, &data),
                        EDGE_OK);
        CU_ASSERT_EQUAL(export_logic_apply(&ctx, rule, data, &result), EDGE_OK);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
        if (result) {
            edge_json_put(&b, result);
        }
        const char *text = result ? edge_buf_str(&b) : "null";
        if (strcmp(text, rows[i].result) != 0) {
            printf("(%s gives %s, not %s) ", rows[i].rule, text, rows[i].result);
            CU_FAIL("another result");
        }
    }
    MADE(m, "JSONLogic", "Rule", "{\"==\":[{\"var\":\"deviceName\"},\"Pump-7\"]}");
    give_event(&m, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(m.flow.data.kind, EXPORT_EVENT);
    MADE(stops, "JSONLogic", "Rule", "{\"==\":[{\"var\":\"deviceName\"},\"Fan\"]}");
    give_event(&stops, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&stops), EXPORT_STOP);
    MADE(odd, "JSONLogic", "Rule", "{\"var\":\"deviceName\"}");
    give_event(&odd, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&odd), EXPORT_FAIL);
    CU_ASSERT_STRING_EQUAL(why(&odd), "the rule gives no truth value");
}

/* Lists within lists within lists: it ends all the same. */
static void test_rules_end(void)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const cJSON *rule = NULL, *data = NULL, *result;
    for (int i = 0; i < 6; i++) {
        edge_buf_puts(&b, "{\"map\":[{\"var\":\"l\"},{\"some\":[[1,2,3,4,5,6,7,8,9,10],");
    }
    edge_buf_puts(&b, "false");
    for (int i = 0; i < 6; i++) {
        edge_buf_puts(&b, "]}]}");
    }
    static const char list[] = "{\"l\":[{\"l\":[{\"l\":[{}]}]}]}";
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, b.data, b.len, NULL, &rule), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, list, strlen(list), NULL, &data), EDGE_OK);
    enum edge_status st = export_logic_apply(&ctx, rule, data, &result);
    CU_ASSERT(st == EDGE_OK ? cJSON_IsArray(result)
                            : strstr(edge_ctx_message(&ctx, st), "the rule ") != NULL);
}

/* Each round doubles, or goes one deeper. */
static void test_logic_that_grows(void)
{
    static const struct {
        const char *rule;
        int rounds;
        const char *why;
    } rows[] = {
        {"{\"reduce\":[{\"var\":\"\"},{\"merge\":[{\"var\":\"accumulator\"},{\"var\":\"accumulator\"}]},[1]]}",
         40,                                                                                                          "steps"},
        {"{\"cat\":[{\"reduce\":[{\"var\":\"\"},[{\"var\":\"accumulator\"},{\"var\":\"accumulator\"}],\"\"]}]}",
         40,                                                                                                          "steps"},
        {"{\"cat\":[{\"reduce\":[{\"var\":\"\"},[{\"var\":\"accumulator\"},\"x\"],\"x\"]}]}",                    100,
         "too deep"                                                                                                          },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf list = EDGE_BUF_INIT;
        for (int n = 0; n < rows[i].rounds; n++) {
            edge_buf_puts(&list, n > 0 ? ",0" : "[0");
        }
        edge_buf_puts(&list, "]");
        const cJSON *rule = NULL, *data = NULL, *result;
        CU_ASSERT_EQUAL_FATAL(
            edge_json_parse(&ctx, rows[i].rule, strlen(rows[i].rule), NULL, &rule), EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, list.data, list.len, NULL, &data), EDGE_OK);
        enum edge_status st = export_logic_apply(&ctx, rule, data, &result);
        CU_ASSERT_EQUAL(st, EDGE_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), rows[i].why));
    }
}

static void test_scripts(void)
{
    MADE(
        change, "Script", "Script",
        "function process(event, values) event.tags = {n = #event.readings, d = values.devicename} return event end");
    give_event(&change, EVENT_TEXT);
    export_flow_set(&change.flow, "devicename", "Pump-7");
    CU_ASSERT_EQUAL(run(&change), EXPORT_GO_ON);
    CU_ASSERT_EQUAL(change.flow.data.kind, EXPORT_EVENT);
    CU_ASSERT_EQUAL(edge_json_member(change.flow.data.event->tags, "n", true)->valueint, 2);
    MADE(drop, "Script", "Script",
         "function process(e) return tonumber(e.readings[1].value) > 50 end");
    give_event(&drop, EVENT_TEXT);
    CU_ASSERT_EQUAL(run(&drop), EXPORT_STOP);
    MADE(text, "Script", "Script", "function process(t) return t:upper() end");
    give_text(&text, "abc");
    CU_ASSERT_EQUAL(run(&text), EXPORT_GO_ON);
    CU_ASSERT_STRING_EQUAL(out(&text), "ABC");
    MADE(match, "Script", "Script", "function process(t) return match(t, '^a.c$') end");
    give_text(&match, "abc");
    CU_ASSERT_EQUAL(run(&match), EXPORT_GO_ON);
}

static void test_scripts_are_bounded(void)
{
    static const struct {
        const char *script, *text;
    } wild[] = {
        {"function process(d) while true do end end",                                        "more than 1000000 instructions"},
        {"function process(d) local t = {} while true do t[#t+1] = ('x'):rep(1000) end end",
         "memory"                                                                                                            },
        {"function process(d) return ('x'):rep(1 << 40) end",                                ""                              },
        {"function process(d) local t = {} t[1] = t return t end",                           "too deep"                      },
        {"function process(d) error('no') end",                                              "no"                            },
        {"function process(d) return process end",                                           "returns a function"            },
        {"function process(d) os.exit(1) end",                                               "os"                            },
        {"function process(d) return io.open('/etc/passwd') end",                            "io"                            },
        {"function process(d) return load('return 1')() end",                                "load"                          },
        {"function process(d) pcall(process) end",                                           "pcall"                         },
        {"function process(d) return d:find('.-.-.-b') end",                                 "find"                          },
    };
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        MADE(m, "Script", "Script", wild[i].script);
        for (int again = 0; again < 2; again++) { /* it is as it was, afterwards */
            give_text(&m, "abc");
            CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL);
            if (!strstr(why(&m), wild[i].text)) {
                printf("(%s, not %s) ", why(&m), wild[i].text);
                CU_FAIL("another text");
            }
            edge_ctx_clear(&m.ctx);
        }
    }
    MADE(forever, "Script", "Script", "process = print", "KiloInstructions", "9223372036854775807");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(why(&forever), "KiloInstructions must be a number from 1 to 2147483647"));
    MADE(none, "Script", "Script", "x = 1");
    CU_ASSERT_EQUAL(none.st, EDGE_INVALID);
    MADE(wrong, "Script", "Script", "function process(");
    CU_ASSERT_EQUAL(wrong.st, EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(why(&wrong), "script:1:"));
    MADE(ends, "Script", "Script", "while true do end");
    CU_ASSERT_EQUAL(ends.st, EDGE_INVALID);
}

static void test_shared_objects(void)
{
    char library[300], copy[100], command[900];
    SCRATCH(dir);
    snprintf(library, sizeof(library), "%s/stages/fahrenheit.so", getenv("EDGE_BIN_DIR"));
    snprintf(copy, sizeof(copy), "%s/stage.so", dir.path);
    snprintf(command, sizeof(command), "cp %s %s && chmod 755 %s %s", library, copy, copy,
             dir.path);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    {
        MADE(m, "Plugin", "Library", copy, "Settings", "Temp");
        if (m.st != EDGE_OK) {
            printf("(%s) ", why(&m));
        }
        give_event(&m, EVENT_TEXT);
        CU_ASSERT_EQUAL(run(&m), EXPORT_GO_ON);
        CU_ASSERT_EQUAL(m.flow.data.kind, EXPORT_EVENT);
        CU_ASSERT_EQUAL(atof(m.flow.data.event->readings[0].value), 100.4);
        give_text(&m, "no JSON");
        CU_ASSERT_EQUAL(run(&m), EXPORT_FAIL);
        CU_ASSERT_STRING_EQUAL(why(&m), "no event in JSON");
    }
    MADE(unset, "Plugin", "Library", copy);
    CU_ASSERT_EQUAL(unset.st, EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(why(&unset), "Settings must name a resource"));
    MADE(relative, "Plugin", "Library", "stage.so");
    CU_ASSERT_PTR_NOT_NULL(strstr(why(&relative), "must begin with /"));
    MADE(none, "Plugin", "Library", "/no/such/stage.so");
    CU_ASSERT_PTR_NOT_NULL(strstr(why(&none), "No such file"));
    CU_ASSERT_EQUAL(chmod(copy, 0777), 0);
    MADE(open, "Plugin", "Library", copy, "Settings", "Temp");
    CU_ASSERT_EQUAL(open.st, EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(why(&open), "may write"));
    CU_ASSERT_EQUAL(chmod(copy, 0755), 0);
    snprintf(copy, sizeof(copy), "%s/other.so", dir.path);
    FILE *f = fopen(copy, "w");
    fputs("no object", f);
    fclose(f);
    MADE(other, "Plugin", "Library", copy, "Settings", "Temp");
    CU_ASSERT_EQUAL(other.st, EDGE_INVALID);
}

/* ---- on the way -------------------------------------------------------------------------------- */

static void test_places_in_texts(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_flow flow = {.ctx = &ctx};
    const char *text = NULL;
    export_flow_set(&flow, "DeviceName", "d 1");
    export_flow_set(&flow, "empty", "");
    CU_ASSERT_EQUAL(export_flow_format(&flow, "a/{devicename}/{DEVICENAME}", &text), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(text, "a/d 1/d 1");
    CU_ASSERT_EQUAL(export_flow_format(&flow, "{empty}", &text), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(export_flow_format(&flow, "plain", &text), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(text, "plain");
    CU_ASSERT_EQUAL(export_flow_format(&flow, "{other}", &text), EDGE_INVALID);
}

static void test_frozen_and_thawed(void)
{
    MADE(m, "AddTags", NULL);
    struct edge_bytes bytes;
    uint8_t kind;
    const char *type;
    struct export_data again;
    give_event(&m, EVENT_TEXT);
    const struct export_data event = m.flow.data;
    const struct export_data texts[] = {
        {.kind = EXPORT_BYTES, .bytes = {"a\0b", 3}},
        {.kind = EXPORT_BYTES, .bytes = {"", 0}    }
    };
    const struct export_data all[] = {
        event,
        {.kind = EXPORT_ADD_EVENT, .event = event.event},
        texts[0],
        { .kind = EXPORT_LIST,          .items = texts,         .n_items = 2},
        { .kind = EXPORT_LIST,         .items = &event,         .n_items = 1},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CU_ASSERT_EQUAL(export_data_freeze(&m.ctx, &all[i], &bytes, &kind, &type), EDGE_OK);
        CU_ASSERT_EQUAL(export_data_thaw(&m.ctx, kind, bytes, type, &again), EDGE_OK);
        CU_ASSERT_EQUAL(again.kind, all[i].kind);
        CU_ASSERT_EQUAL(again.n_items, all[i].n_items);
        struct edge_bytes twice;
        uint8_t kind_twice;
        CU_ASSERT_EQUAL(export_data_freeze(&m.ctx, &again, &twice, &kind_twice, &type), EDGE_OK);
        CU_ASSERT_EQUAL(kind_twice, kind);
        CU_ASSERT_EQUAL(twice.size, bytes.size);
        CU_ASSERT_EQUAL(memcmp(twice.data, bytes.data, bytes.size), 0);
    }
    CU_ASSERT_EQUAL(export_data_thaw(&m.ctx, 99, bytes, NULL, &again), EDGE_DAMAGED);
}

CU_TestInfo functions_tests[] = {
    {"faults name what may be",         test_faults_name_what_may_be        },
    {"instances by the longest prefix", test_instances_by_the_longest_prefix},
    {"filters",                         test_filters                        },
    {"expressions are those of Go",     test_expressions_are_those_of_go    },
    {"readings are filtered in a copy", test_readings_are_filtered_in_a_copy},
    {"Transform",                       test_transform                      },
    {"Compress",                        test_compress                       },
    {"Encrypt",                         test_encrypt                        },
    {"AddTags",                         test_tags                           },
    {"WrapIntoEvent",                   test_wrap                           },
    {"SetResponseData",                 test_response                       },
    {"ToLineProtocol",                  test_line_protocol                  },
    {"JSONLogic",                       test_json_logic                     },
    {"rules end",                       test_rules_end                      },
    {"logic that grows",                test_logic_that_grows               },
    {"scripts",                         test_scripts                        },
    {"scripts are bounded",             test_scripts_are_bounded            },
    {"shared objects",                  test_shared_objects                 },
    {"places in texts",                 test_places_in_texts                },
    {"frozen and thawed",               test_frozen_and_thawed              },
    CU_TEST_INFO_NULL,
};
