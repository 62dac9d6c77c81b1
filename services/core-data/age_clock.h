/**
 * What time it is where ages are judged and history is removed by them. The wall clock may jump: by
 * hand, by a wrong time server, by a gateway without a clock of its own that starts in 1970. What a
 * jump ahead would make old is not removed before the clock has kept its new time for a while; until
 * then this clock goes on from the time before the jump. A jump back is followed at once: that removes
 * less, not more. Any thread.
 */
#ifndef CORE_DATA_AGE_CLOCK_H
#define CORE_DATA_AGE_CLOCK_H

#include "edge/ctx.h"
#include "edge/metrics.h"
#include "edge/thread.h"

enum age_news {
    AGE_NO_NEWS,
    AGE_JUMPED,     /* the wall clock went ahead; not followed yet */
    AGE_SETTLED,    /* it kept its time: followed now */
    AGE_WENT_BACK,  /* followed at once */
    AGE_UNBELIEVED, /* it shows a time before this program was written */
};

/** The rule, without the world: all times ns. */
struct age_rule {
    int64_t settle;         /* how long a clock that jumped must go on before it is followed */
    int64_t believed, boot; /* the wall clock's last believed time, and edge_now_boot_ns() then */
    int64_t gained;         /* by how much it went ahead in steps too small to be jumps, of late */
    int64_t ahead;          /* by how much it jumped; 0: it did not */
    int64_t since;          /* boot time of the jump */
    bool unbelieved;        /* said already */
};
/** @p last: the time believed last, of an earlier run; 0: none is known. */
void age_rule_init(struct age_rule *r, int64_t settle, int64_t last, int64_t wall, int64_t boot);
/** The time that counts. */
int64_t age_rule_read(struct age_rule *r, int64_t wall, int64_t boot, enum age_news *ret_news);

struct age_clock {
    struct edge_mutex lock;
    struct age_rule rule EDGE_GUARDED;
    const char *path; /* keeps the time over restarts */
    struct edge_counter *jumps;
};
/** @p path and @p jumps live as long as the clock. @p newest: when the newest event was made, where no time was
 * kept yet; 0: there is none. */
void age_clock_init(struct edge_ctx *ctx, struct age_clock *c, const char *path, int64_t settle_ns,
                    int64_t newest, struct edge_counter *jumps);
void age_clock_done(struct age_clock *c);
/** ns since 1970; news are logged and counted once. */
int64_t age_clock_now(struct edge_ctx *ctx, struct age_clock *c);
/** Note the time for the next start. */
void age_clock_keep(struct edge_ctx *ctx, struct age_clock *c);

#endif
