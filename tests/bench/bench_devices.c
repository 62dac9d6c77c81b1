/* devices [DEVICES [INTERVAL_MS [split]]]: 10,000 virtual devices with one reading a second each, in one
 * process, or over a broker; events/s stored, CPU, memory, missed. More than can be stored is a measure of what
 * can. Calibration: what one core does in a second (a counting loop), so that CPU
 * compares. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "rig.h"

enum { SECONDS = 30 };

int main(int argc, char **argv)
{
    static const char *const sources[] = {"Int32"};
    int64_t devices = 10000, interval_ms = 1000;
    bool split = argc > 3 && strcmp(argv[3], "split") == 0;
    rig_must((argc < 2 || edge_int_parse(argv[1], &devices)) &&
                 (argc < 3 || edge_int_parse(argv[2], &interval_ms)) && (argc < 4 || split) &&
                 interval_ms > 0,
             "usage: bench_devices [DEVICES [INTERVAL_MS [split]]]");
    char interval[32];
    snprintf(interval, sizeof(interval), "%lldms", (long long)interval_ms);
    double calibration = rig_loops_per_second();
    struct platform p;
    platform_make(&p, split ? SHAPE_SPLIT : SHAPE_ONE);
    rig_fleet(&p, "Random-Integer-Device", sources, 1, devices, interval);
    int64_t begin = edge_now_mono_ms();
    rig_must(platform_up(&p), "the platform does not start");
    double added_s = (double)(edge_now_mono_ms() - begin) / 1000;
    rig_wait_ms(5000);

    int64_t before = rig_events(&p);
    double cpu = rig_cpu_seconds(&p);
    begin = edge_now_mono_ms();
    rig_wait_ms(SECONDS * 1000);
    int64_t stored = rig_events(&p) - before;
    double seconds = (double)(edge_now_mono_ms() - begin) / 1000;
    cpu = (rig_cpu_seconds(&p) - cpu) / seconds;
    double mb = (double)rig_pss_kb(&p) / 1024;
    double due = (double)devices * seconds * 1000 / (double)interval_ms,
           missed = due - (double)stored;
    platform_done(&p);

    printf(
        "%lld devices added in %.1f s; %.0f events/s stored, %.0f of %.0f missed, %.0f %% of a core, "
        "%.1f MB\n",
        (long long)devices, added_s, (double)stored / seconds, missed < 0 ? 0 : missed, due,
        cpu * 100, mb);
    printf("bench devices devices=%lld events_s=%.0f missed=%.0f cpu_percent=%.0f pss_mb=%.1f "
           "added_s=%.1f loops_s=%.0f\n",
           (long long)devices, (double)stored / seconds, missed < 0 ? 0 : missed, cpu * 100, mb,
           added_s, calibration);
    return 0;
}
