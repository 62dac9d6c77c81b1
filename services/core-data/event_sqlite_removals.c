/**
 * Deletions of many events (a device, everything older, a source beyond its cap) are noted in the
 * file, then done in slices between batches of ingest, and taken up again after a restart. A
 * segment of which nothing stays is dropped, at a price that does not depend on its rows, also
 * where it takes several deletions together to say so.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "event_sqlite.h"

enum {
    STEP_REMOVALS = 64, /* deletions looked at in one step */
};

static bool removal_names(const struct removal *r, const struct dict_entry *source)
{
    return (!r->device || strcmp(r->device, source->device) == 0) &&
           (!r->source || strcmp(r->source, source->name) == 0);
}

/* ---- what is noted -----------------------------------------------------------------------------
 */

static void removal_free(struct removal *r)
{
    free(r->device);
    free(r->source);
    free(r);
}

void removals_done(struct event_db *s)
{
    for (struct removal *r = s->removals, *next; r; r = next) {
        next = r->next;
        removal_free(r);
    }
    s->removals = s->last_removal = NULL;
}

/* The sources it may name: those of its device, or all. */
static struct dict_entry **candidates(const struct event_db *s, const struct removal *r,
                                      size_t *ret_n)
{
    const struct dict *d = &s->catalogue.dicts[ROW_EVENT];
    if (!r->device) {
        *ret_n = d->n_ids;
        return d->by_id;
    }
    const struct dict_group *g = edge_map_find(&d->devices, r->device);
    *ret_n = g ? g->n : 0;
    return g ? g->entries : NULL;
}

void removal_restore(struct event_db *s, const struct removal *stored)
{
    struct removal *r = edge_xalloc(1, sizeof(*r));
    *r = *stored;
    r->next = NULL;
    if (s->last_removal) {
        s->last_removal->next = r;
    } else {
        s->removals = r;
    }
    s->last_removal = r;
    atomic_fetch_add(&s->n_removals, 1);
    size_t n = 0;
    struct dict_entry **sources = candidates(s, r, &n);
    for (size_t i = 0; i < n; i++) {
        if (sources[i] && removal_names(r, sources[i])) {
            sources[i]->removed = r->rows;
        }
    }
}

static void bind_text_or_null(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text) {
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(stmt, at);
    }
}

/* What is stored so far, or of that what has come before a time. */
static struct removed_rows rows_of(const struct event_db *s, const struct event_removal *r)
{
    struct removed_rows rows = {
        .from = r->from != 0 ? r->from : INT64_MIN,
        .cutoff = r->cutoff,
        .last_event = s->next_seq[ROW_EVENT] - 1,
    };
    if (r->arrived_before_ms != 0) {
        size_t n = segments_ended_before(&s->catalogue, r->arrived_before_ms);
        rows.last_event = n > 0 ? s->catalogue.segments[n - 1]->last_event : -1;
    }
    return rows;
}

static enum edge_status insert_removals(struct edge_ctx *ctx, struct event_db *s,
                                        const struct event_removal *removals, size_t n,
                                        int64_t *ret_ids)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        "INSERT INTO removal(device, source, cutoff, last_event, first_origin)"
                        " VALUES(?1, ?2, ?3, ?4, ?5)",
                        0, &stmt));
    for (size_t i = 0; i < n; i++) {
        const struct removed_rows rows = rows_of(s, &removals[i]);
        bind_text_or_null(stmt, 1, removals[i].device);
        bind_text_or_null(stmt, 2, removals[i].source);
        sqlite3_bind_int64(stmt, 3, rows.cutoff);
        sqlite3_bind_int64(stmt, 4, rows.last_event);
        sqlite3_bind_int64(stmt, 5, rows.from);
        EDGE_TRY(db_run(ctx, s->db, stmt, "noting a removal"));
        ret_ids[i] = sqlite3_last_insert_rowid(s->db);
    }
    return EDGE_OK;
}

enum edge_status removals_note(struct edge_ctx *ctx, struct event_db *s,
                               const struct event_removal *removals, size_t n)
{
    int64_t *ids = edge_new_n(&ctx->arena, int64_t, n);
    EDGE_TRY(db_begin(ctx, s->db));
    EDGE_TRY(db_end(ctx, s->db, insert_removals(ctx, s, removals, n, ids)));
    for (size_t i = 0; i < n; i++) {
        const struct event_removal *r = &removals[i];
        const struct removal noted = {
            .id = ids[i],
            .device = r->device ? edge_xstrdup(r->device) : NULL,
            .source = r->source ? edge_xstrdup(r->source) : NULL,
            .rows = rows_of(s, r),
        };
        removal_restore(s, &noted);
    }
    return EDGE_OK;
}

static enum edge_status delete_notes(struct edge_ctx *ctx, struct event_db *s, size_t n)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db, "DELETE FROM removal WHERE id=?1", 0, &stmt));
    for (const struct removal *r = s->removals; n > 0; r = r->next, n--) {
        sqlite3_bind_int64(stmt, 1, r->id);
        EDGE_TRY(db_run(ctx, s->db, stmt, "finishing a removal"));
    }
    return EDGE_OK;
}

/* The first @p n have nothing left to do. */
static enum edge_status removals_finish(struct edge_ctx *ctx, struct event_db *s, size_t n)
{
    if (n == 0) {
        return EDGE_OK;
    }
    EDGE_TRY(db_begin(ctx, s->db));
    EDGE_TRY(db_end(ctx, s->db, delete_notes(ctx, s, n)));
    for (; n > 0; n--) {
        struct removal *r = s->removals;
        edge_log_debug(ctx, "events removed", "device", r->device ? r->device : "*", "source",
                       r->source ? r->source : "*", NULL);
        s->removals = r->next;
        if (!s->removals) {
            s->last_removal = NULL;
        }
        removal_free(r);
        atomic_fetch_sub(&s->n_removals, 1);
    }
    return EDGE_OK;
}

/* ---- doing it ----------------------------------------------------------------------------------
 */

/* Are all rows of the segment, whatever they are rows of, among those? */
static bool spans(const struct event_db *s, const struct removed_rows *rows,
                  const struct segment *seg)
{
    bool all_before =
        seg->last_event <= rows->last_event ||
        (seg->state == SEGMENT_OPEN && s->next_seq[ROW_EVENT] - 1 <= rows->last_event);
    return all_before && seg->rows[ROW_EVENT].min >= rows->from &&
           seg->rows[ROW_EVENT].max <= rows->cutoff;
}

/* Does everything in the segment go, by @p r or by what else is noted for its sources? */
static bool takes_all(const struct event_db *s, const struct removal *r, const struct segment *seg)
{
    const struct segment_rows *events = &seg->rows[ROW_EVENT];
    if (!spans(s, &r->rows, seg)) {
        return false;
    }
    if (!r->device && !r->source) {
        return true;
    }
    for (size_t i = 0; i < events->n_tallies; i++) {
        const struct dict_entry *e = s->catalogue.dicts[ROW_EVENT].by_id[events->tallies[i].key];
        if (events->tallies[i].n > 0 && !removal_names(r, e) && !spans(s, &e->removed, seg)) {
            return false;
        }
    }
    return seg->state == SEGMENT_SEALED;
}

/* The events to remove next, all of one segment. */
struct victims {
    int64_t *events;
    size_t n, max;
};

static bool is_full(const struct victims *v)
{
    return v->n >= v->max;
}

static bool has_row(const struct removed_rows *rows, int64_t origin, int64_t seq)
{
    return origin >= rows->from && origin <= rows->cutoff && seq <= rows->last_event;
}

/* One look finds what all that is noted takes. */
static void victims_in_memory(const struct event_db *s, const struct removal *r,
                              const struct segment *seg, struct victims *v)
{
    const struct dict *d = &s->catalogue.dicts[ROW_EVENT];
    for (const struct hot_chunk *c = seg->hot->newest[ROW_EVENT]; c; c = c->older) {
        for (uint32_t i = 0; i < c->n && !is_full(v); i++) {
            uint32_t key = atomic_load_explicit(&c->key[i], memory_order_relaxed);
            int64_t seq = c->first_seq + i;
            if (key == KEY_REMOVED) {
                continue;
            }
            const struct dict_entry *e = d->by_id[key];
            if (has_row(&e->removed, c->origin[i], seq) ||
                (has_row(&r->rows, c->origin[i], seq) && removal_names(r, e))) {
                v->events[v->n++] = seq;
            }
        }
    }
}

static enum edge_status victims_of_source(struct edge_ctx *ctx, struct event_db *s,
                                          sqlite3_stmt *stmt, const struct dict_entry *source,
                                          const struct removed_rows *rows, struct victims *v)
{
    sqlite3_bind_int64(stmt, 1, source->id);
    sqlite3_bind_int64(stmt, 2, rows->cutoff);
    sqlite3_bind_int64(stmt, 3, rows->last_event);
    sqlite3_bind_int64(stmt, 4, (int64_t)(v->max - v->n));
    sqlite3_bind_int64(stmt, 5, rows->from);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        v->events[v->n++] = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "finding events to remove");
}

static enum edge_status victims_in_file(struct edge_ctx *ctx, struct event_db *s,
                                        sqlite3_stmt *stmt, const struct removal *r,
                                        const struct segment *seg, struct victims *v)
{
    size_t n = 0;
    struct dict_entry **sources = candidates(s, r, &n);
    for (size_t i = 0; i < n && !is_full(v); i++) {
        if (!sources[i] || !removal_names(r, sources[i])) {
            continue;
        }
        const struct tally *t = segment_tally(&seg->rows[ROW_EVENT], sources[i]->id);
        if (t && t->n > 0) {
            EDGE_TRY(victims_of_source(ctx, s, stmt, sources[i], &r->rows, v));
        }
    }
    return EDGE_OK;
}

static int in_order(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Two deletions may take the same event. */
static void sort_and_merge(struct victims *v)
{
    if (v->n == 0) {
        return;
    }
    qsort(v->events, v->n, sizeof(*v->events), in_order);
    size_t n = 1;
    for (size_t i = 1; i < v->n; i++) {
        if (v->events[i] != v->events[n - 1]) {
            v->events[n++] = v->events[i];
        }
    }
    v->n = n;
}

/* A transaction costs more than what is in it: what others take from this segment goes along. */
static enum edge_status find_in_file(struct edge_ctx *ctx, struct event_db *s,
                                     const struct removal *r, const struct segment *seg,
                                     struct victims *v)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        "SELECT seq FROM event_# INDEXED BY event_#_source"
                        " WHERE source=?1 AND origin BETWEEN ?5 AND ?2 AND seq<=?3 LIMIT ?4",
                        seg->id, &stmt));
    EDGE_TRY(victims_in_file(ctx, s, stmt, r, seg, v));
    const struct removal *other = r->next;
    for (int i = 0; v->n > 0 && other && i < STEP_REMOVALS; other = other->next, i++) {
        if (seg->rows[ROW_EVENT].min <= other->rows.cutoff && !is_full(v)) {
            EDGE_TRY(victims_in_file(ctx, s, stmt, other, seg, v));
        }
    }
    sort_and_merge(v);
    return EDGE_OK;
}

/* Has the segment any rows it may take? Asked before anything that costs: old segments of which
 * little is left meet every removal. */
static bool may_take(const struct event_db *s, const struct removal *r, const struct segment *seg)
{
    if (seg->rows[ROW_EVENT].min > r->rows.cutoff || seg->rows[ROW_EVENT].max < r->rows.from) {
        return false;
    }
    if (!r->device || seg->state != SEGMENT_SEALED) {
        return true;
    }
    size_t n = 0;
    struct dict_entry **sources = candidates(s, r, &n);
    for (size_t i = 0; i < n; i++) {
        const struct tally *t = segment_tally(&seg->rows[ROW_EVENT], sources[i]->id);
        if (t && t->n > 0 && removal_names(r, sources[i])) {
            return true;
        }
    }
    return false;
}

/* *ret_did: something of the segment was removed, and there may be more. */
static enum edge_status removal_in_segment(struct edge_ctx *ctx, struct event_db *s,
                                           const struct removal *r, struct segment *seg,
                                           bool *ret_did)
{
    *ret_did = false;
    if (seg->rows[ROW_EVENT].n == 0 && seg->state == SEGMENT_OPEN) {
        return EDGE_OK;
    }
    if (seg->rows[ROW_EVENT].n > 0 && !may_take(s, r, seg)) {
        return EDGE_OK;
    }
    if (seg->rows[ROW_EVENT].n == 0 || takes_all(s, r, seg)) {
        *ret_did = true;
        if (seg->state == SEGMENT_OPEN) {
            EDGE_TRY(segment_rotate(ctx, s));
        }
        return segment_drop(ctx, s, seg);
    }
    struct victims v = {.events = edge_new_n(&ctx->arena, int64_t, s->slice), .max = s->slice};
    if (seg->hot) {
        victims_in_memory(s, r, seg, &v);
    } else {
        EDGE_TRY(find_in_file(ctx, s, r, seg, &v));
    }
    *ret_did = v.n > 0;
    return v.n > 0 ? remove_events(ctx, s, seg, v.events, v.n) : EDGE_OK;
}

static enum edge_status removal_slice(struct edge_ctx *ctx, struct event_db *s,
                                      const struct removal *r, bool *ret_did)
{
    *ret_did = false;
    for (size_t i = 0; i < s->catalogue.n_segments && !*ret_did; i++) {
        EDGE_TRY(removal_in_segment(ctx, s, r, s->catalogue.segments[i], ret_did));
    }
    return EDGE_OK;
}

enum edge_status removal_step(struct edge_ctx *ctx, struct event_db *s, bool *ret_did)
{
    *ret_did = s->removals != NULL;
    size_t n_finished = 0;
    bool did = false;
    for (const struct removal *r = s->removals; r && n_finished < STEP_REMOVALS; r = r->next) {
        EDGE_TRY(removal_slice(ctx, s, r, &did));
        if (did) {
            break;
        }
        n_finished++;
    }
    return removals_finish(ctx, s, n_finished);
}
