/* start: from exec to all services answering ping; one process, with an empty and a filled data
 * directory. Calibration: starting and reaping /bin/true. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "rig.h"

enum { RUNS = 15 };

static double start_true(void)
{
    int64_t begin = edge_now_mono_ns();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    return (double)(edge_now_mono_ns() - begin) / 1e6;
}

static double start_platform(struct platform *p)
{
    int64_t begin = edge_now_mono_ns();
    platform_launch(p);
    for (enum platform_service s = 0; s < N_SERVICES; s++) {
        EDGE_CTX_SCOPE(ctx);
        while (call(&ctx, p, s, "GET", "/api/v3/ping", NULL, NULL) != 200) {
            rig_must(edge_now_mono_ns() - begin < 10000000000, "the platform does not answer");
            usleep(200);
        }
    }
    return (double)(edge_now_mono_ns() - begin) / 1e6;
}

int main(void)
{
    double first[RUNS], again[RUNS], nothing[RUNS];
    for (int i = 0; i < RUNS; i++) {
        struct platform p;
        platform_make(&p, SHAPE_ONE);
        nothing[i] = start_true();
        first[i] = start_platform(&p);
        rig_must(platform_up(&p) && platform_down(&p), "the platform does not stop");
        again[i] = start_platform(&p);
        platform_done(&p);
    }
    double first_ms = rig_median(first, RUNS), again_ms = rig_median(again, RUNS),
           true_ms = rig_median(nothing, RUNS);
    printf("first start %.1f ms, later starts %.1f ms; /bin/true %.2f ms (medians of %d)\n",
           first_ms, again_ms, true_ms, RUNS);
    printf("bench start first_ms=%.1f again_ms=%.1f true_ms=%.2f\n", first_ms, again_ms, true_ms);
    return 0;
}
