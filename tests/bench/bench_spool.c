/*
 * spool [RECORDS]: how fast a spool takes records, starts with many of them and gives them back. RECORDS (1000000)
 * are spooled for the start. Beside each figure stands write(2), with fdatasync, of the same bytes in the same run.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "edge/spool.h"
#include "scratch.h"

enum { PAYLOAD = 440, HEAD = 72, MANY = 64, SPOOLED = 1000000, ONE_SECOND_MS = 1000 };
static const char *const NAMES[] = {
    [EDGE_SPOOL_GROUP] = "group", [EDGE_SPOOL_SYNC] = "sync", [EDGE_SPOOL_OS] = "os"};

static void must(enum edge_status st, struct edge_ctx *ctx)
{
    if (st != EDGE_OK) {
        fprintf(stderr, "bench_spool: %s\n", edge_ctx_message(ctx, st));
        exit(1);
    }
}

static struct edge_spool *open_spool(const char *dir, enum edge_spool_durability durability)
{
    EDGE_CTX_SCOPE(ctx);
    const struct edge_spool_config config = {
        .dir = dir, .durability = durability, .max_bytes = UINT64_C(64) << 30};
    struct edge_spool *s = NULL;
    must(edge_spool_open(&ctx, &config, &s), &ctx);
    return s;
}

static void append(struct edge_spool *s, size_t n)
{
    static const char payload[PAYLOAD];
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r[MANY];
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct edge_spool_record){.payload = payload, .size = PAYLOAD, .kind = 1};
    }
    must(edge_spool_append(&ctx, s, r, n, 0), &ctx);
}

/* Records per second for a second. */
static double spool_rate(enum edge_spool_durability durability, size_t at_once)
{
    SCRATCH(dir);
    struct edge_spool *s = open_spool(dir.path, durability);
    uint64_t n = 0;
    double start = bench_now();
    while (bench_now() - start < 1) {
        append(s, at_once);
        n += at_once;
    }
    double rate = (double)n / (bench_now() - start);
    edge_spool_close(s);
    return rate;
}

/* The same bytes by write(2); with fdatasync after each where it is to be on disk. */
static double bare_rate(bool sync, size_t at_once)
{
    static const char bytes[(PAYLOAD + HEAD) * MANY];
    SCRATCH(dir);
    char path[sizeof(dir.path) + sizeof("/bare")];
    snprintf(path, sizeof(path), "%s/bare", dir.path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    uint64_t n = 0;
    double start = bench_now();
    while (bench_now() - start < 1) {
        size_t size = (PAYLOAD + HEAD) * at_once;
        if (write(fd, bytes, size) != (ssize_t)size || (sync && fdatasync(fd) != 0)) {
            perror("bench_spool");
            exit(1);
        }
        n += at_once;
    }
    double rate = (double)n / (bench_now() - start);
    close(fd);
    return rate;
}

struct figures {
    double rate[3][2], bare[2][2]; /* by durability, sync; 64 at once, one */
    double start_ms, drain;
};

static void measure_appends(struct figures *f)
{
    static const size_t at_once[2] = {MANY, 1};
    for (int k = 0; k < 2; k++) {
        f->bare[0][k] = bare_rate(false, at_once[k]);
        f->bare[1][k] = bare_rate(true, at_once[k]);
        for (enum edge_spool_durability d = EDGE_SPOOL_GROUP; d <= EDGE_SPOOL_OS; d++) {
            f->rate[d][k] = spool_rate(d, at_once[k]);
            printf("%-5s %2zu a write: %9.0f records/s, bare %9.0f\n", NAMES[d], at_once[k],
                   f->rate[d][k], f->bare[d == EDGE_SPOOL_SYNC][k]);
        }
    }
}

static void measure_start(struct figures *f, uint64_t records)
{
    SCRATCH(dir);
    struct edge_spool *s = open_spool(dir.path, EDGE_SPOOL_OS);
    for (uint64_t i = 0; i < records; i += MANY) {
        append(s, MANY);
    }
    edge_spool_close(s);
    double start = bench_now();
    s = open_spool(dir.path, EDGE_SPOOL_OS);
    f->start_ms = (bench_now() - start) * ONE_SECOND_MS;
    uint64_t n = 0, seq = 0;
    start = bench_now();
    for (;; n++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_spool_record r;
        if (edge_spool_read(&ctx, s, seq, &r) != EDGE_OK) {
            break;
        }
        seq = r.seq + 1;
        edge_spool_settle(s, r.seq);
    }
    f->drain = (double)n / (bench_now() - start);
    printf("start with %llu records: %.1f ms; drained at %.0f records/s\n", (unsigned long long)n,
           f->start_ms, f->drain);
    edge_spool_close(s);
}

int main(int argc, char **argv)
{
    struct figures f = {0};
    uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : SPOOLED;
    measure_appends(&f);
    measure_start(&f, records);
    printf(
        "bench spool os64=%.0f os1=%.0f group64=%.0f group1=%.0f sync64=%.0f sync1=%.0f "
        "bare64=%.0f bare1=%.0f baresync64=%.0f baresync1=%.0f records=%llu start_ms=%.1f drain=%.0f\n",
        f.rate[EDGE_SPOOL_OS][0], f.rate[EDGE_SPOOL_OS][1], f.rate[EDGE_SPOOL_GROUP][0],
        f.rate[EDGE_SPOOL_GROUP][1], f.rate[EDGE_SPOOL_SYNC][0], f.rate[EDGE_SPOOL_SYNC][1],
        f.bare[0][0], f.bare[0][1], f.bare[1][0], f.bare[1][1], (unsigned long long)records,
        f.start_ms, f.drain);
    return 0;
}
