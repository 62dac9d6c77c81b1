#include "spool_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "suites.h"

void spool_bench_open(struct spool_bench *b)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = b->log;
    CU_ASSERT_EQUAL_FATAL(edge_spool_open(&ctx, &b->config, &b->spool), EDGE_OK);
}

void spool_bench_make(struct spool_bench *b)
{
    *b = (struct spool_bench){0};
    scratch_make(&b->dir);
    b->log = edge_log_create("spool");
    edge_log_set_level(b->log, EDGE_LOG_ERROR + 1);
    b->config = (struct edge_spool_config){
        .dir = b->dir.path, .durability = EDGE_SPOOL_OS, .min_free_bytes = 1, .log = b->log};
}

void spool_bench_close(struct spool_bench *b)
{
    edge_spool_close(b->spool);
    b->spool = NULL;
}

void spool_bench_done(struct spool_bench *b)
{
    spool_bench_close(b);
    edge_log_free(b->log);
    scratch_done(&b->dir);
}

enum edge_status spool_put(struct spool_bench *b, const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = b->log;
    struct edge_spool_record r = {.origin_ns = 7,
                                  .kind = 3,
                                  .content_type = "text/plain",
                                  .context = "{}",
                                  .payload = text,
                                  .size = strlen(text)};
    return edge_spool_append(&ctx, b->spool, &r, 1, edge_now_mono_ms());
}

void spool_put_numbers(struct spool_bench *b, int from, int to)
{
    char text[200];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof(text), "%d %0*d", i, i % 150, 0);
        CU_ASSERT_EQUAL(spool_put(b, text), EDGE_OK);
    }
}

int spool_take(struct spool_bench *b, uint64_t *seq)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r;
    ctx.log = b->log;
    if (edge_spool_read(&ctx, b->spool, *seq, &r) != EDGE_OK) {
        return -1;
    }
    *seq = r.seq + 1;
    return (int)strtol(r.payload, NULL, 10);
}

struct edge_spool_state spool_state(struct spool_bench *b)
{
    struct edge_spool_state st;
    edge_spool_state(b->spool, &st);
    return st;
}
