/** What the writer does between groups: the log carried over, deletions, sealing, a step at a time. */
#include "edge/clock.h"
#include "edge/log.h"
#include "event_sqlite.h"

enum { RETRY_MS = 1000, CARRY_AGAIN_MS = 100 };

/* A full disk does not keep deletions from being done in the log, nor does a reader who holds it back. */
static enum edge_status checkpoint_step(struct edge_ctx *ctx, struct event_db *s, bool *ret_did)
{
    int64_t now_ms = edge_now_mono_ms();
    if (now_ms < s->next_carry_ms || !edge_data_log_is_due(&s->log)) {
        return EDGE_OK;
    }
    int rc = edge_data_log_carry(&s->log);
    if (rc != SQLITE_OK) {
        enum edge_status st = db_fail(ctx, s->db, "checkpointing");
        s->next_carry_ms = now_ms + RETRY_MS;
        if (st != EDGE_UNAVAILABLE) {
            return st;
        }
        edge_ctx_clear(ctx);
        return EDGE_OK;
    }
    *ret_did = edge_data_log_bytes(&s->log) == 0;
    if (!*ret_did) {
        s->next_carry_ms = now_ms + CARRY_AGAIN_MS;
    }
    return EDGE_OK;
}

/* The disk was too full for a step: the next one is smaller. False: it cannot be. */
static bool smaller_steps(struct event_db *s)
{
    if (s->slice == 1) {
        return false;
    }
    s->slice = s->slice > 4 ? s->slice / 4 : 1;
    (void)edge_data_log_carry(&s->log);
    return true;
}

static enum edge_status removal_steps(struct edge_ctx *ctx, struct event_db *s, bool *ret_did)
{
    enum edge_status st;
    if (edge_data_log_room(ctx, &s->log, atomic_load(&s->inside)) != EDGE_OK) {
        edge_ctx_clear(ctx);
        s->next_carry_ms = edge_now_mono_ms() + CARRY_AGAIN_MS;
        return EDGE_OK; /* when the reader has left */
    }
    do {
        edge_ctx_clear(ctx);
        st = removal_step(ctx, s, ret_did);
    } while (st == EDGE_UNAVAILABLE && smaller_steps(s));
    if (st == EDGE_OK && s->slice < SLICE_EVENTS &&
        !edge_data_file_is_tight(s->file, edge_data_log_bytes(&s->log))) {
        s->slice = SLICE_EVENTS;
    }
    return st;
}

bool background_step(void *db)
{
    struct event_db *s = db;
    if (edge_now_mono_ms() < s->next_background_ms) {
        return false;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = s->config.file.log;
    bool did = false;
    edge_data_file_make_way(s->file);
    enum edge_status st = checkpoint_step(&ctx, s, &did);
    if (st == EDGE_OK && !did) {
        st = removal_steps(&ctx, s, &did);
    }
    if (st == EDGE_OK && !did) {
        st = segment_seal_step(&ctx, s, &did);
    }
    if (st != EDGE_OK) {
        (void)db_note(&ctx, s, st);
        edge_log_warn(&ctx, "event store maintenance failed, will try again", "reason",
                      edge_ctx_message(&ctx, st), NULL);
        s->next_background_ms = edge_now_mono_ms() + RETRY_MS;
        return false;
    }
    if (did) {
        db_look_inside(&ctx, s);
    }
    return did;
}

int64_t background_at(const void *db)
{
    const struct event_db *s = db;
    int64_t now_ms = edge_now_mono_ms();
    if (s->next_background_ms > now_ms) {
        return s->next_background_ms;
    }
    return s->next_carry_ms > now_ms ? s->next_carry_ms : 0;
}
