#include "rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/clock.h"

void rig_must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench: %s\n", what);
        exit(1);
    }
}

void rig_fleet(struct platform *p, const char *profile, const char *const *sources,
               size_t n_sources, int64_t n, const char *interval)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/fleet", p->dir.path);
    mkdir(path, 0700);
    p->devices_dir = strdup(path);
    p->expected_devices = n;
    snprintf(path, sizeof(path), "%s/fleet/devices.json", p->dir.path);
    FILE *f = fopen(path, "w");
    rig_must(f != NULL, "cannot write the fleet");
    fputc('[', f);
    for (int64_t i = 0; i < n; i++) {
        fprintf(f,
                "%s{\"name\":\"fleet-%05lld\",\"profileName\":\"%s\",\"protocols\":{\"other\":{}},"
                "\"autoEvents\":[",
                i ? ",\n" : "", (long long)i, profile);
        for (size_t k = 0; k < n_sources; k++) {
            fprintf(f, "%s{\"interval\":\"%s\",\"onChange\":false,\"sourceName\":\"%s\"}",
                    k ? "," : "", interval, sources[k]);
        }
        fputs("]}", f);
    }
    fputs("]\n", f);
    fclose(f);
}

static bool each_pid(const struct platform *p, unsigned i, pid_t *ret)
{
    *ret = i < N_SERVICES ? p->pid[i] : 0;
    return *ret > 0;
}

int64_t rig_pid_pss_kb(pid_t pid)
{
    char path[64], line[128];
    int64_t kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    rig_must(f != NULL, "no smaps_rollup");
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "Pss:", 4) == 0) {
            kb = strtoll(line + 4, NULL, 10);
            break;
        }
    }
    fclose(f);
    return kb;
}

int64_t rig_pss_kb(const struct platform *p)
{
    int64_t total = 0;
    pid_t pid;
    for (unsigned i = 0; i < N_SERVICES; i++) {
        total += each_pid(p, i, &pid) ? rig_pid_pss_kb(pid) : 0;
    }
    return total;
}

double rig_pid_cpu_seconds(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    rig_must(f && fgets(text, sizeof(text), f), "no stat");
    fclose(f);
    unsigned long user = 0, system = 0;
    const char *after = strrchr(text, ')');
    sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double rig_cpu_seconds(const struct platform *p)
{
    double total = 0;
    pid_t pid;
    for (unsigned i = 0; i < N_SERVICES; i++) {
        total += each_pid(p, i, &pid) ? rig_pid_cpu_seconds(pid) : 0;
    }
    return total;
}

double rig_loops_per_second(void)
{
    volatile uint64_t n = 0;
    int64_t end = edge_now_mono_ns() + 1000000000;
    while (edge_now_mono_ns() < end) {
        n = n + 1;
    }
    return (double)n;
}

int64_t rig_events(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    rig_must(call(&ctx, p, DATA, "GET", "/api/v3/event/count", NULL, &body) == 200,
             "no event count");
    return int_at(body, "count");
}

void rig_wait_ms(int64_t ms)
{
    poll(NULL, 0, (int)ms);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rig_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return rig_quantile(values, n, 0.5);
}

double rig_quantile(double *sorted, size_t n, double q)
{
    return n == 0 ? 0 : sorted[(size_t)(q * (double)(n - 1))];
}
