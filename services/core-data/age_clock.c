/* The time by which history is removed: see age_clock.h for what it follows and what not. */
#include "age_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"

#define SECOND INT64_C(1000000000)

/* What a time server corrects, and what a clock may have gone wrong by, is no jump; nor are many small steps,
 * as long as they come to no more than this in the time a jump takes to settle. */
static const int64_t TOLERANCE = 600 * SECOND;

/* ---- the rule ------------------------------------------------------------------------------- */

void age_rule_init(struct age_rule *r, int64_t settle, int64_t last, int64_t wall, int64_t boot)
{
    *r = (struct age_rule){.settle = settle, .believed = last, .boot = boot};
    /* How long it was off is not known: no longer than the clock takes to settle is taken as it is. */
    if (wall >= EDGE_TIME_WRITTEN && (last == 0 || (wall >= last && wall - last <= settle))) {
        r->believed = wall;
    }
}

/* By how much the clock went ahead of late, with @p ahead. */
static int64_t gained(const struct age_rule *r, int64_t ahead, int64_t boot)
{
    double faded = (double)TOLERANCE * (double)(boot - r->boot) / (double)(r->settle + 1);
    int64_t of_late = r->gained - (faded < (double)r->gained ? (int64_t)faded : r->gained) + ahead;
    return of_late > 0 ? of_late : 0;
}

static void follow(struct age_rule *r, int64_t wall, int64_t boot)
{
    r->believed = wall;
    r->boot = boot;
    r->ahead = 0;
    r->unbelieved = false;
}

int64_t age_rule_read(struct age_rule *r, int64_t wall, int64_t boot, enum age_news *ret_news)
{
    int64_t expected = r->believed + (boot - r->boot), ahead = wall - expected;
    *ret_news = AGE_NO_NEWS;
    if (wall < EDGE_TIME_WRITTEN) {
        *ret_news = r->unbelieved ? AGE_NO_NEWS : AGE_UNBELIEVED;
        r->unbelieved = true;
        return wall < expected ? wall : expected; /* nothing is old yet */
    }
    if (gained(r, ahead, boot) <= TOLERANCE) {
        *ret_news = ahead < -TOLERANCE ? AGE_WENT_BACK : AGE_NO_NEWS;
        r->gained = gained(r, ahead, boot);
        follow(r, wall, boot);
        return wall;
    }
    if (r->ahead == 0 || llabs(ahead - r->ahead) > TOLERANCE) {
        *ret_news = AGE_JUMPED;
        r->ahead = ahead;
        r->since = boot;
    } else if (boot - r->since >= r->settle) {
        *ret_news = AGE_SETTLED;
        r->gained = 0;
        follow(r, wall, boot);
        return wall;
    }
    return expected;
}

/* ---- the world ------------------------------------------------------------------------------ */

/* 0 where nothing is known. */
static int64_t read_kept(const char *path)
{
    FILE *f = fopen(path, "re");
    int64_t ns = 0;
    if (f) {
        if (fscanf(f, "%" SCNd64, &ns) != 1 || ns < EDGE_TIME_WRITTEN || ns > INT64_MAX / 2) {
            ns = 0;
        }
        fclose(f);
    }
    return ns;
}

void age_clock_init(struct edge_ctx *ctx, struct age_clock *c, const char *path, int64_t settle_ns,
                    int64_t newest, struct edge_counter *jumps)
{
    int64_t kept = read_kept(path);
    bool sound = newest > 0 && newest <= INT64_MAX / 2;
    newest = newest > EDGE_TIME_WRITTEN ? newest : EDGE_TIME_WRITTEN;
    edge_mutex_init(&c->lock);
    c->path = path;
    c->jumps = jumps;
    {
        EDGE_LOCK(&c->lock);
        int64_t last = kept != 0 || !sound ? kept : newest;
        age_rule_init(&c->rule, settle_ns, last, edge_now_ns(), edge_now_boot_ns());
    }
    (void)age_clock_now(ctx, c);
    age_clock_keep(ctx, c);
}

void age_clock_done(struct age_clock *c)
{
    edge_mutex_done(&c->lock);
}

static void tell(struct edge_ctx *ctx, struct age_clock *c, enum age_news news, int64_t wall,
                 int64_t now, int64_t settle)
{
    static const char *const TEXTS[] = {
        [AGE_JUMPED] = "the clock went ahead: what that makes old is kept until it has settled",
        [AGE_SETTLED] = "the clock has settled: ages are judged by it again",
        [AGE_WENT_BACK] = "the clock went back: ages are judged by its new time",
        [AGE_UNBELIEVED] = "the clock is behind this program's date: nothing is removed by age",
    };
    if (news == AGE_NO_NEWS) {
        return;
    }
    char clock[40], counts[40];
    edge_rfc3339(wall, clock, sizeof(clock));
    edge_rfc3339(now, counts, sizeof(counts));
    const char *seconds = edge_printf(&ctx->arena, "%" PRId64, settle / SECOND);
    if (news == AGE_SETTLED) {
        edge_log_info(ctx, TEXTS[news], "clock", clock, NULL);
        return;
    }
    edge_counter_add(c->jumps, 1);
    edge_log_warn(ctx, TEXTS[news], "clock", clock, "taken-as", counts, "settles-in-s", seconds,
                  NULL);
}

int64_t age_clock_now(struct edge_ctx *ctx, struct age_clock *c)
{
    int64_t wall = edge_now_ns(), now = 0, settle = 0;
    enum age_news news;
    {
        EDGE_LOCK(&c->lock);
        now = age_rule_read(&c->rule, wall, edge_now_boot_ns(), &news);
        settle = c->rule.settle;
    }
    tell(ctx, c, news, wall, now, settle);
    return now;
}

/* A file of its own that replaces the old one: whole, or as it was. */
void age_clock_keep(struct edge_ctx *ctx, struct age_clock *c)
{
    int64_t now = age_clock_now(ctx, c);
    if (now < EDGE_TIME_WRITTEN) {
        return;
    }
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64 "\n", now);
    const char *fresh = edge_printf(&ctx->arena, "%s.new", c->path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    bool written = fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!written || rename(fresh, c->path) != 0) {
        edge_log_warn(ctx, "the time is not kept for the next start", "file", c->path, "reason",
                      strerror(written ? errno : why), NULL);
    }
}
