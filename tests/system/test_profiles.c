/* Profiles of the application service as they come along, before the peers they are for. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "bus_text.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "influx.h"
#include "ports.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

enum { PATIENCE = 60 * 1000 };

struct rig {
    struct edge_arena arena;
    struct broker *broker;
    struct influx_server *influx;
    struct edge_bus *bus;
};

/* With a key of its configuration set by a variable, as a user would. */
static pid_t start_profile(const char *profile, const char *data, const char *const *settings)
{
    const char *bin = getenv("EDGE_BIN_DIR"), *source = getenv("EDGE_SOURCE_DIR");
    fflush(stdout);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        char program[512], res[512];
        snprintf(program, sizeof(program), "%s/app-service-configurable", bin);
        snprintf(res, sizeof(res), "%s/export/app-service-configurable/res", source);
        for (; *settings; settings += 2) {
            setenv(settings[0], settings[1], 1);
        }
        int fd = open("/dev/null", O_WRONLY);
        dup2(fd, STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
        execl(program, program, "-cd", res, "-p", profile, "--data", data, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void publish(struct edge_bus *bus)
{
    static const char text[] =
        "{\"apiVersion\":\"v3\",\"name\":\"EventsPersisted\",\"fields\":[{\"name\":\"counter-count\","
        "\"value\":12}],\"tags\":[{\"name\":\"service\",\"value\":\"core-data\"}],"
        "\"timestamp\":1700000000000000000}";
    bus_publish_text(bus, "edgex/telemetry/core-data/EventsPersisted", text, false);
}

/* It may not hear the first one yet; the same again is the same point. */
static bool has_arrived(void *arg)
{
    struct rig *r = arg;
    publish(r->bus);
    const char *got =
        influx_query(&r->arena, r->influx, "metrics", "SELECT * FROM EventsPersisted");
    return strstr(got, "\"columns\":[\"time\",\"counter-count\",\"service\"],\"values\":"
                       "[[\"2023-11-14T22:13:20Z\",12,\"core-data\"]]");
}

/* InfluxDB 1.6 has not got the path of 2 yet. */
static void test_metrics_influxdb(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    struct rig r = {.broker = broker_start(NULL), .influx = influx_start(NULL)};
    const struct edge_bus_config config = {.type = "mqtt",
                                           .service = "source",
                                           .protocol = "tcp",
                                           .host = "127.0.0.1",
                                           .port = broker_port(r.broker),
                                           .client_id = "source"};
    const char *url =
        edge_printf(&ctx.arena, "%s/write?db=metrics&precision=n", influx_url(r.influx));
    const char *broker = edge_printf(&ctx.arena, "%u", broker_port(r.broker));
    const char *port = edge_printf(&ctx.arena, "%u", test_port());
    const char *const settings[] = {"WRITABLE_PIPELINE_FUNCTIONS_HTTPEXPORT_PARAMETERS_URL",
                                    url,
                                    "WRITABLE_PIPELINE_FUNCTIONS_BATCH_PARAMETERS_TIMEINTERVAL",
                                    "100ms",
                                    "MESSAGEBUS_HOST",
                                    "127.0.0.1",
                                    "MESSAGEBUS_PORT",
                                    broker,
                                    "SERVICE_PORT",
                                    port,
                                    NULL};
    influx_query(&r.arena, r.influx, "", "CREATE DATABASE metrics");
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &r.bus), EDGE_OK);
    pid_t pid = start_profile("metrics-influxdb", dir.path, settings);
    CU_ASSERT(wait_until(has_arrived, &r, PATIENCE));
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    edge_bus_close(r.bus, 1000);
    influx_free(r.influx);
    broker_free(r.broker);
    edge_arena_done(&r.arena);
}

CU_TestInfo profiles_tests[] = {
    {"metrics-influxdb", test_metrics_influxdb},
    CU_TEST_INFO_NULL,
};
