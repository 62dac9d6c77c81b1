/* Starts that fail, and those that wait for a neighbour. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service_bench.h"
#include "suites.h"

static void expect_no_start(struct bench *b, const char *const *parts, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = bench_try(b, &ctx);
    CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
    const char *text = edge_ctx_message(&ctx, st);
    for (size_t i = 0; i < n; i++) {
        if (!strstr(text, parts[i])) {
            printf("\n    got '%s', expected '%s'", text, parts[i]);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(text, parts[i]));
    }
}

static void test_a_port_taken_is_named(void)
{
    struct bench b;
    bench_open(&b);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    const char *port = edge_printf(&b.ctx.arena, "%d", ntohs(addr.sin_port));
    bench_put(&b, "svc-b",
              edge_printf(&b.ctx.arena, "Service: {Host: 127.0.0.1, Port: %s}\n", port));
    expect_no_start(&b, (const char *const[]){"svc-b: ", "127.0.0.1", port}, 3);
    bench_expect_journal(&b, "start svc-a;start svc-b;stop svc-b;stop svc-a;");
    close(fd);
    bench_close(&b);
}

static void test_tls_that_cannot_be_is_named(void)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"Service: {SecurityOptions: {Mode: tls}}\n",
         "svc-b: Service.SecurityOptions.Mode tls: needs Service.SecurityOptions.CertFile and KeyFile"                                 },
        {"Service: {SecurityOptions: {Mode: tls, CertFile: /nowhere.pem, KeyFile: /nowhere.key}}\n",
         "svc-b: cannot use the certificate /nowhere.pem: "                                                                            },
        {"Service: {SecurityOptions: {Mode: zerotrust}}\n",                                              "'zerotrust' is not supported"},
        {"Clients: {x: {Protocol: https, Host: h, Port: 1, SecurityOptions: {CaFile: /nowhere.pem}}}\n",
         "svc-b: Clients.x.SecurityOptions -> cannot read /nowhere.pem: "                                                              },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench_put(&b, "svc-b", cases[i].yaml);
        expect_no_start(&b, &cases[i].says, 1);
    }
    bench_put(&b, "svc-b", "Service: {Port: 0}\n");
    setenv("EDGEX_CA_FILE", "/nowhere.pem", 1);
    expect_no_start(&b, (const char *const[]){"cannot read /nowhere.pem: "}, 1);
    unsetenv("EDGEX_CA_FILE");
    bench_close(&b);
}

static void test_bad_configuration_is_fatal(void)
{
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"Service:\n  Port: [\n",                      "svc-a/configuration.yaml -> line "},
        {"MessageBus: {Type: nats-core}\n",            "MessageBus.Type 'nats-core'"      },
        {"MessageBus: {Optional: {Qos: 3}}\n",         "MessageBus.Optional.Qos '3'"      },
        {"MessageBus: {AuthMode: usernamepassword}\n", "no secret 'mqtt-bus'"             },
        {"Service: {RequestTimeout: soon}\n",          "RequestTimeout"                   },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench_put(&b, "svc-a", cases[i].text);
        expect_no_start(&b, (const char *const[]){"svc-a: ", cases[i].expect}, 2);
    }
    bench_close(&b);
}

static void test_bad_variables_are_fatal(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"SERVICE_PORT",                "x"                   },
        {"SVC_B__WRITABLE_SPEED",       "10x"                 },
        {"EDGEX_SECURITY_SECRET_STORE", "true"                },
        {"EDGEX_CONFIG_PROVIDER",       "consul.http://host:1"},
        {"EDGEX_CONFIG_PROVIDER",       "keeper.http://host"  },
        {"EDGEX_USE_REGISTRY",          "perhaps"             },
    };
    static const char *const names[] = {"SERVICE_PORT",
                                        "SVC_B__WRITABLE_SPEED",
                                        "EDGEX_SECURITY_SECRET_STORE",
                                        "'consul.http://host:1': only keeper.http://HOST:PORT",
                                        "not of the form keeper.http://HOST:PORT",
                                        "EDGEX_USE_REGISTRY"};
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        expect_no_start(&b, &names[i], 1);
        unsetenv(cases[i].name);
    }
    bench_close(&b);
}

static void test_a_failing_start_is_undone(void)
{
    struct bench b;
    bench_open(&b);
    b.stage.fail_start = true;
    expect_no_start(&b, (const char *const[]){"svc-a: no fuel"}, 1);
    bench_expect_journal(&b, "start svc-a;stop svc-a;");
    bench_close(&b);
}

static void test_a_failing_ready_is_fatal(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.stage.fail_ready = true;
    expect_no_start(&b, (const char *const[]){"svc-b: no fuel left"}, 1);
    bench_expect_journal(&b, "start svc-a;start svc-b;stop svc-b;stop svc-a;");
    bench_close(&b);
}

static enum edge_status await_svc_a(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    EDGE_TRY(edge_wait_for_peer(ctx, rt, "svc-a"));
    bench_note(rt, "found");
    return EDGE_OK;
}

static void test_neighbours_of_the_process_are_found_at_once(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.services[1].ready = await_svc_a;
    bench_start(&b);
    bench_expect_journal(&b, "start svc-a;start svc-b;found svc-b;");
    bench_close(&b);
}

static void test_absent_neighbours_are_given_up_in_time(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = await_svc_a;
    b.services[1].ready = NULL;
    expect_no_start(&b, (const char *const[]){"svc-a: Clients.svc-a is not configured"}, 1);
    bench_put(&b, "svc-a",
              "Writable: {LogLevel: ERROR}\nClients: {svc-a: {Host: 127.0.0.2, Port: 1}}\n");
    setenv("EDGEX_STARTUP_DURATION", "1", 1);
    expect_no_start(&b, (const char *const[]){"svc-a: svc-a does not answer at http://127.0.0.2:1"},
                    1);
    unsetenv("EDGEX_STARTUP_DURATION");
    bench_close(&b);
}

CU_TestInfo service_start_tests[] = {
    {"TLS that cannot be is named",                 test_tls_that_cannot_be_is_named           },
    {"a port taken is named",                       test_a_port_taken_is_named                 },
    {"bad configuration is fatal",                  test_bad_configuration_is_fatal            },
    {"bad variables are fatal",                     test_bad_variables_are_fatal               },
    {"a failing start is undone",                   test_a_failing_start_is_undone             },
    {"a failing ready is fatal",                    test_a_failing_ready_is_fatal              },
    {"neighbours of the process are found at once",
     test_neighbours_of_the_process_are_found_at_once                                          },
    {"absent neighbours are given up in time",      test_absent_neighbours_are_given_up_in_time},
    CU_TEST_INFO_NULL,
};
