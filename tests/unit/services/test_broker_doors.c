/* What MessageBus.AuthMode takes from its secret, and a service that gets through a broker's door with it. */
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "core_keeper.h"
#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "service_rig.h"
#include "suites.h"

enum { SOON_MS = 30 * 1000 };

#define PEM "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"

static void test_each_mode_takes_what_it_needs(void)
{
    static const struct edge_named_text none[1],
        user[] =
            {
                {"username", "ann"}
    },
        all[] = {{"username", "ann"},
                 {"password", "secret"},
                 {"clientcert", PEM},
                 {"clientkey", PEM "k"},
                 {"cacert", PEM "ca"}},
        bad[] = {{"cacert", "no such thing"}};
    static const struct {
        const char *mode;
        const struct edge_named_text *data;
        size_t n;
        const char *fault; /* NULL: none */
        const char *username, *cert, *ca;
    } cases[] = {
        {"none",             all,  5, NULL,                                NULL,  NULL, NULL    },
        {"",                 all,  5, NULL,                                NULL,  NULL, NULL    },
        {"usernamepassword", all,  5, NULL,                                "ann", NULL, PEM "ca"},
        {"usernamepassword", user, 1, NULL,                                "ann", NULL, NULL    },
        {"usernamepassword", none, 0, "no secret 'door' with username",    NULL,  NULL, NULL    },
        {"clientcert",       all,  5, NULL,                                NULL,  PEM,  PEM "ca"},
        {"clientcert",       user, 1, "no secret 'door' with clientcert",  NULL,  NULL, NULL    },
        {"cacert",           all,  5, NULL,                                NULL,  NULL, PEM "ca"},
        {"cacert",           user, 1, "no secret 'door' with cacert",      NULL,  NULL, NULL    },
        {"cacert",           bad,  1, "cacert of secret 'door' is no PEM", NULL,  NULL, NULL    },
    };
    struct edge_metrics *metrics = edge_metrics_create("test");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_insecure_secret secret = {
            .name = "door",
            .secret_data = (struct edge_named_text *)(uintptr_t)cases[i].data,
            .n_secret_data = cases[i].n};
        const struct edge_writable writable = {.insecure_secrets = &secret,
                                               .n_insecure_secrets = 1};
        const struct edge_broker_secret from = {"MessageBus", cases[i].mode, "door", &writable,
                                                metrics};
        struct edge_bus_config c = {.protocol = "ssl"};
        enum edge_status st = edge_broker_credentials(&ctx, &ctx.arena, &from, &c);
        CU_ASSERT_EQUAL(st, cases[i].fault ? EDGE_INVALID : EDGE_OK);
        if (cases[i].fault) {
            CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), cases[i].fault));
            continue;
        }
        const char *const got[] = {c.username, c.cert, c.ca}, *const want[] = {cases[i].username,
                                                                               cases[i].cert,
                                                                               cases[i].ca};
        for (size_t k = 0; k < 3; k++) {
            CU_ASSERT_STRING_EQUAL(got[k] ? got[k] : "-", want[k] ? want[k] : "-");
        }
    }
    edge_metrics_free(metrics);
}

/* A member of a secret, its lines one below the other. */
static const char *member(struct edge_arena *a, const char *key, const char *pem)
{
    const char *out = edge_printf(a, "        %s: |\n", key);
    while (*pem) {
        size_t len = strcspn(pem, "\n");
        out = edge_printf(a, "%s          %.*s\n", out, (int)len, pem);
        pem += len + (pem[len] == '\n');
    }
    return out;
}

static void test_a_certificate_opens_the_door(void)
{
    struct broker *b = broker_prepare(BROKER_TLS "require_certificate true\n");
    EDGE_CTX_SCOPE(ctx);
    struct edge_arena *a = &ctx.arena;
    if (!broker_certify(b) || !broker_restart(b)) {
        CU_FAIL("no openssl, or mosquitto without TLS");
        broker_free(b);
        return;
    }
    const char *yaml =
        edge_printf(a,
                    "Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n    mqtt-bus:\n"
                    "      SecretName: mqtt-bus\n      SecretData:\n%s%s%s"
                    "MessageBus:\n  Type: mqtt\n  Protocol: mqtts\n  Host: localhost\n  Port: %u\n"
                    "  AuthMode: clientcert\n  SecretName: mqtt-bus\n",
                    member(a, "clientcert", broker_file(a, b, "cli.pem")),
                    member(a, "clientkey", broker_file(a, b, "cli.key")),
                    member(a, "cacert", broker_file(a, b, "ca.pem")), broker_port(b));
    {
        SERVICE_RIG(rig, &core_keeper, yaml);
        CU_ASSERT_TRUE(edge_bus_wait_connected(rig.rt->bus, edge_now_mono_ms() + SOON_MS));
    }
    broker_free(b);
}

CU_TestInfo broker_doors_tests[] = {
    {"each mode takes what it needs", test_each_mode_takes_what_it_needs},
    {"a certificate opens the door",  test_a_certificate_opens_the_door },
    CU_TEST_INFO_NULL,
};
