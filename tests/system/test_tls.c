/* The platform as processes that speak https with each other: what is read, changed, registered and
 * configured there passes through it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "certificates.h"
#include "channel.h"
#include "edge/keeper.h"
#include "edge/text.h"
#include "journeys.h"

#define JOURNEY(name)                                                                              \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        journey_##name(SHAPE_TLS);                                                                 \
    }
JOURNEY(readings_arrive)
JOURNEY(commands_read_and_write)
JOURNEY(devices_come_and_go)
JOURNEY(configuration_is_served)

static bool all_are_up(void *arg)
{
    const struct platform *p = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL, *entry;
    int up = 0;
    call(&ctx, p, KEEPER, "GET", "/api/v3/registry/all", NULL, &body);
    cJSON_ArrayForEach(entry, at(body, "registrations"))
    {
        up += strcmp(text_at(entry, "status"), "UP") == 0 &&
              strcmp(text_at(entry, "HealthCheck.type"), "https") == 0;
    }
    return up >= N_SERVICES - 1;
}

/* Each says of itself how it is reached, core-keeper asks there, and so does --health. */
static void test_health_is_asked_through_it(void)
{
    struct platform p __attribute__((cleanup(platform_done)));
    platform_make(&p, SHAPE_TLS);
    p.provided = true;
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_TRUE(wait_until(all_are_up, &p, PATIENCE_MS));
    for (size_t i = 0; i < N_SERVICES; i++) {
        char command[512];
        snprintf(command, sizeof(command), "%s/%s --health -cd %s/res/%s", getenv("EDGE_BIN_DIR"),
                 service_places[i].name, p.dir.path, service_places[i].name);
        CU_ASSERT_EQUAL(system(command), 0);
    }
    struct channel plain; /* and nobody speaks without it */
    struct edge_buf in = EDGE_BUF_INIT;
    CU_ASSERT_FATAL(channel_open(&plain, p.address, p.port[DATA], NULL));
    CU_ASSERT(channel_send(&plain, "GET /api/v3/ping HTTP/1.1\r\n\r\n", 29));
    channel_receive_all(&plain, &in);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_buf_str(&in), "400 Bad Request"));
    edge_buf_done(&in);
    channel_close(&plain);
}

struct renewal {
    const struct platform *p;
    long before;
};

static long serial_of(const struct platform *p)
{
    struct channel c;
    long serial = 0;
    if (channel_open(&c, p->address, p->port[DATA], certificate_file(p->dir.path, "ca", ".pem"))) {
        serial = channel_serial(&c);
        channel_close(&c);
    }
    return serial;
}

static bool shows_another(void *arg)
{
    const struct renewal *r = arg;
    long serial = serial_of(r->p);
    return serial != 0 && serial != r->before;
}

static void test_certificates_change_while_it_runs(void)
{
    static const struct certificate again = {"server", "ca", "DNS:localhost,IP:127.0.0.1", 20};
    PLATFORM(p, SHAPE_TLS);
    struct renewal r = {&p, serial_of(&p)};
    CU_ASSERT_NOT_EQUAL(r.before, 0);
    CU_ASSERT(certificate_make(p.dir.path, &again)); /* the file is seen to change */
    CU_ASSERT_TRUE(wait_until(shows_another, &r, PATIENCE_MS));
    r.before = serial_of(&p);
    kill(p.pid[DATA], SIGHUP); /* the same files once more are no reason to end */
    CU_ASSERT_EQUAL(serial_of(&p), r.before);
}

CU_TestInfo tls_tests[] = {
    {"readings arrive over https",                    run_readings_arrive                   },
    {"commands pass over https",                      run_commands_read_and_write           },
    {"devices come and go over https",                run_devices_come_and_go               },
    {"configuration and registry are there by https", run_configuration_is_served           },
    {"health is asked through it",                    test_health_is_asked_through_it       },
    {"certificates change while it runs",             test_certificates_change_while_it_runs},
    CU_TEST_INFO_NULL,
};
