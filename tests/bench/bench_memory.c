/* memory: PSS of all programs, idle (six virtual devices) and at 11,100 readings/s, in both shapes; with four pipelines.
 * Calibration: the PSS of /bin/sleep, what a process costs that does nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "rig.h"

enum { LOAD_DEVICES = 1110, SECONDS = 20 };

static const char *const SOURCES[] = {"Int8",       "Int16",      "Int32",      "Int64",
                                      "Int8Array",  "Int16Array", "Int32Array", "Int64Array",
                                      "Int(8|16)$", "Int32$"};

static double empty_process_mb(void)
{
    struct platform p = {0};
    p.pid[0] = fork();
    if (p.pid[0] == 0) {
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    rig_wait_ms(200);
    double mb = (double)rig_pss_kb(&p) / 1024;
    kill(p.pid[0], SIGKILL);
    waitpid(p.pid[0], NULL, 0);
    return mb;
}

/* Two to web servers, two to brokers, none of which is there: what comes is kept. */
static const char FOUR_PIPELINES[] =
    "Writable:\n"
    "  Pipeline:\n"
    "    PerTopicPipelines:\n"
    "      a: {Topics: events/#, ExecutionOrder: \"Transform, HTTPExport\"}\n"
    "      b: {Topics: events/#, ExecutionOrder: \"FilterByDeviceName, HTTPExport\"}\n"
    "      c: {Topics: events/#, ExecutionOrder: \"Transform, MQTTExport\"}\n"
    "      d: {Topics: events/#, ExecutionOrder: \"Compress, MQTTExport2\"}\n"
    "    Functions:\n"
    "      Transform: {Parameters: {Type: json}}\n"
    "      Compress: {Parameters: {Algorithm: gzip}}\n"
    "      FilterByDeviceName: {Parameters: {DeviceNames: Random}}\n"
    "      HTTPExport: {Parameters: {Method: post, Url: \"http://127.0.0.1:1/\", MimeType: \"\"}}\n"
    "      MQTTExport: {Parameters: {BrokerAddress: \"tcp://127.0.0.1:1\", Topic: t, ClientId: c, "
    "AuthMode: none, SecretName: none, Qos: \"1\"}}\n"
    "      MQTTExport2: {Parameters: {BrokerAddress: \"tcp://127.0.0.1:1\", Topic: t, ClientId: d, "
    "AuthMode: none, SecretName: none, Qos: \"1\"}}\n";

static double idle_mb(enum platform_shape shape, const char *pipelines)
{
    struct platform p;
    platform_make(&p, shape);
    p.pipelines = pipelines;
    rig_must(platform_up(&p), "the platform does not start");
    rig_wait_ms(5000);
    double mb = (double)rig_pss_kb(&p) / 1024;
    platform_done(&p);
    return mb;
}

static double loaded_mb(enum platform_shape shape, double *ret_rate)
{
    struct platform p;
    platform_make(&p, shape);
    rig_fleet(&p, "Random-Integer-Device", SOURCES, 10, LOAD_DEVICES, "1s");
    rig_must(platform_up(&p), "the platform does not start");
    rig_wait_ms(5000);
    int64_t before = rig_events(&p), begin = edge_now_mono_ms();
    rig_wait_ms(SECONDS * 1000);
    *ret_rate = (double)(rig_events(&p) - before) * 1000 / (double)(edge_now_mono_ms() - begin);
    double mb = (double)rig_pss_kb(&p) / 1024;
    platform_done(&p);
    return mb;
}

int main(void)
{
    double rate[2] = {0}, idle[2], loaded[2], empty = empty_process_mb();
    for (enum platform_shape shape = SHAPE_ONE; shape <= SHAPE_SPLIT; shape++) {
        idle[shape] = idle_mb(shape, NULL);
        loaded[shape] = loaded_mb(shape, &rate[shape]);
        printf("%s: idle %.1f MB, loaded %.1f MB at %.0f events/s\n",
               shape == SHAPE_ONE ? "one process" : "one process per service", idle[shape],
               loaded[shape], rate[shape]);
    }
    double piped = idle_mb(SHAPE_ONE, FOUR_PIPELINES);
    printf("one process with four pipelines whose peers are away: %.1f MB\n", piped);
    printf(
        "bench memory one_idle_mb=%.1f one_loaded_mb=%.1f split_idle_mb=%.1f split_loaded_mb=%.1f "
        "one_events_s=%.0f split_events_s=%.0f pipelines_mb=%.1f empty_process_mb=%.2f\n",
        idle[0], loaded[0], idle[1], loaded[1], rate[0], rate[1], piped, empty);
    return 0;
}
