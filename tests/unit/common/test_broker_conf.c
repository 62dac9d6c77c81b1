/* The brokers we bring along take what the services take, and no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus_internal.h"
#include "suites.h"

static long limit_in(const char *file)
{
    static const char key[] = "message_size_limit ";
    char path[512], line[256];
    long limit = 0;
    const char *source = getenv("EDGE_SOURCE_DIR");
    snprintf(path, sizeof(path), "%s/%s", source ? source : ".", file);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, sizeof(key) - 1) == 0) {
            limit = strtol(line + sizeof(key) - 1, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return limit;
}

static void test_messages_are_bounded(void)
{
    CU_ASSERT_EQUAL(limit_in("docker/mosquitto.conf"), BUS_MAX_ENVELOPE);
    CU_ASSERT_EQUAL(limit_in("tools/up.sh"), BUS_MAX_ENVELOPE);
}

CU_TestInfo broker_conf_tests[] = {
    {"messages are bounded", test_messages_are_bounded},
    CU_TEST_INFO_NULL,
};
