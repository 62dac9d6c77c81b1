/* latency: from posting an event to its being queryable, and the round trip of a command through
 * core-command, the device service and the driver, in both shapes. Calibration: a ping, which is
 * one connection and one trivial answer. */
#include <stdio.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "rig.h"

enum { RUNS = 500 };

static double timed(const struct platform *p, enum platform_service s, const char *method,
                    const char *target, const char *body, int code)
{
    EDGE_CTX_SCOPE(ctx);
    int64_t begin = edge_now_mono_ns();
    rig_must(call(&ctx, p, s, method, target, body, NULL) == code, target);
    return (double)(edge_now_mono_ns() - begin) / 1e6;
}

static double post_and_query(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const char *id = edge_uuid_make(&ctx.arena);
    const char *body = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"d\","
        "\"profileName\":\"p\",\"sourceName\":\"s\",\"origin\":%lld,\"readings\":[{\"origin\":1,"
        "\"deviceName\":\"d\",\"resourceName\":\"s\",\"profileName\":\"p\",\"valueType\":\"Int8\","
        "\"value\":\"1\"}]}}",
        id, (long long)edge_now_ns());
    const char *query = edge_printf(&ctx.arena, "/api/v3/event/id/%s", id);
    return timed(p, DATA, "POST", "/api/v3/event/x/p/d/s", body, 201) +
           timed(p, DATA, "GET", query, NULL, 200);
}

static void measure(enum platform_shape shape, const char *name)
{
    static double ping[RUNS], event[RUNS], command[RUNS];
    struct platform p;
    platform_make(&p, shape);
    rig_must(platform_up(&p), "the platform does not start");
    for (int i = 0; i < RUNS; i++) {
        ping[i] = timed(&p, DATA, "GET", "/api/v3/ping", NULL, 200);
        event[i] = post_and_query(&p);
        command[i] =
            timed(&p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Int32", NULL, 200);
    }
    platform_done(&p);
    double ping_p50 = rig_median(ping, RUNS), event_p50 = rig_median(event, RUNS),
           command_p50 = rig_median(command, RUNS);
    printf(
        "%s: ping %.2f ms; event stored and queried %.2f ms (p99 %.2f); command %.2f ms (p99 %.2f)\n",
        name, ping_p50, event_p50, rig_quantile(event, RUNS, 0.99), command_p50,
        rig_quantile(command, RUNS, 0.99));
    printf("bench latency shape=%s ping_p50_ms=%.3f event_p50_ms=%.3f event_p99_ms=%.3f "
           "command_p50_ms=%.3f command_p99_ms=%.3f\n",
           name, ping_p50, event_p50, rig_quantile(event, RUNS, 0.99), command_p50,
           rig_quantile(command, RUNS, 0.99));
}

int main(void)
{
    measure(SHAPE_ONE, "one");
    measure(SHAPE_SPLIT, "split");
    return 0;
}
