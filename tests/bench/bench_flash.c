/* What storing events from the bus costs the flash: bytes handed to the file system for each, at a few events
 * a second, committed one by one and gathered as core-data does by default. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "edge/clock.h"
#include "scratch.h"

enum { PER_SECOND = 6, GATHER_MS = 3000, GATHER_EVENTS = 100 };
static const struct bench_shape SHAPE = {6, 1};

/* What this process has written so far: the log, the database, and the log's pages once more when they
 * are carried over. */
static int64_t written(void)
{
    FILE *f = fopen("/proc/self/io", "re");
    char line[128];
    int64_t n = -1;
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "wchar: ", 7) == 0) {
            n = strtoll(line + 7, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return n;
}

static void done(struct event_job *job, enum edge_status st, const char *why)
{
    if (st != EDGE_OK) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    (void)job;
}

static double bytes_per_event(const char *dir, int64_t gather_ms, int seconds)
{
    EDGE_CTX_SCOPE(ctx);
    const struct event_store_config config = {
        .file.path = edge_printf(&ctx.arena, "%s/%lld.db", dir, (long long)gather_ms),
        .gather_ms = gather_ms,
        .gather_events = GATHER_EVENTS};
    struct event_store *store = NULL;
    if (event_store_open(&ctx, &config, &store) != EDGE_OK) {
        fprintf(stderr, "%s\n", edge_ctx_message(&ctx, EDGE_INTERNAL));
        exit(2);
    }
    int n = seconds * PER_SECOND;
    struct event_job *jobs = edge_new_n(&ctx.arena, struct event_job, (size_t)n);
    int64_t before = written();
    for (int i = 0; i < n; i++) {
        jobs[i] = (struct event_job){.kind = EVENT_ADD,
                                     .event = bench_event(&ctx.arena, &SHAPE, (uint64_t)i),
                                     .may_wait = true,
                                     .done = done};
        if (event_store_submit(&ctx, store, &jobs[i], 1000) != EDGE_OK) {
            exit(2);
        }
        poll(NULL, 0, 1000 / PER_SECOND); /* the rate is what is measured */
    }
    event_store_close(store);
    return (double)(written() - before) / n;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;
    SCRATCH(dir);
    double singly = bytes_per_event(dir.path, 0, seconds);
    double gathered = bytes_per_event(dir.path, GATHER_MS, seconds);
    printf(
        "at %d events/s for %d s: %.0f bytes an event one by one, %.0f gathered (a day: %.2f and %.2f "
        "GB)\n",
        PER_SECOND, seconds, singly, gathered, singly * PER_SECOND * 86400 / 1e9,
        gathered * PER_SECOND * 86400 / 1e9);
    printf("bench flash singly_bytes=%.0f gathered_bytes=%.0f ratio=%.3f\n", singly, gathered,
           gathered / singly);
    return 0;
}
