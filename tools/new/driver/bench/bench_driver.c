/* What the driver takes of a read: reads a second through the kit, without platform and network. [READS] */
#include "device_example.h"

#include <devsdk/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    long reads = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
    devsdk_test *t = devsdk_test_start_in(&device_example, RES);
    double begin = now_s();
    for (long i = 0; i < reads; i++) {
        DEVSDK_EXPECT(t, devsdk_test_read(t, "example-1", "Status", NULL)->status == 200);
    }
    double seconds = now_s() - begin;
    int faults = devsdk_test_stop(t);
    printf("%.0f reads/s of 3 resources\n", (double)reads / seconds);
    return faults == 0 ? 0 : 1;
}
