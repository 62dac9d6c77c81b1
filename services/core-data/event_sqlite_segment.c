/**
 * The life of a segment, driven by the writer: open (takes all writes), closing (its SQL indexes
 * are built, one per step, between batches), sealed (its rows per key are counted and saved),
 * dropped.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "event_sqlite.h"

/* Built in bulk from a full table: a tenth of the price of keeping them while rows arrive. Origins
 * descend, so that among equal origins the order of insertion is the order of the index. */
static const char *const INDEXES[] = {
    "CREATE INDEX IF NOT EXISTS reading_#_series ON reading_#(series, origin DESC)",
    "CREATE INDEX IF NOT EXISTS reading_#_origin ON reading_#(origin DESC, series)",
    "CREATE INDEX IF NOT EXISTS event_#_source ON event_#(source, origin DESC)",
    "CREATE INDEX IF NOT EXISTS event_#_origin ON event_#(origin DESC, source)",
    "CREATE INDEX IF NOT EXISTS event_#_id ON event_#(id)",
};
enum { N_INDEXES = sizeof(INDEXES) / sizeof(INDEXES[0]) };

static const char *const INSERTS[ROW_KINDS] = {
    [ROW_EVENT] = "INSERT INTO event_#(seq, origin, source, id, first_reading, n, tags)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [ROW_READING] = "INSERT INTO reading_#(seq, origin, series, value, tags)"
                    " VALUES(?1, ?2, ?3, ?4, ?5)",
};

struct segment *segment_new(uint32_t id, enum segment_state state)
{
    struct segment *seg = edge_xalloc(1, sizeof(*seg));
    seg->id = id;
    seg->state = state;
    seg->last_event = INT64_MAX;
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        seg->rows[kind].min = INT64_MAX;
        seg->rows[kind].max = INT64_MIN;
    }
    if (state != SEGMENT_SEALED) {
        seg->hot = hot_create();
    }
    return seg;
}

void segment_free(struct segment *seg)
{
    hot_unref(seg->hot);
    free(seg->rows[ROW_EVENT].tallies);
    free(seg->rows[ROW_READING].tallies);
    free(seg);
}

void segment_add(struct catalogue *cat, struct segment *seg)
{
    edge_make_room(NULL, cat->segments, cat->n_segments, cat->cap_segments);
    cat->segments[cat->n_segments++] = seg;
}

struct segment *segment_open_one(const struct event_db *s)
{
    const struct catalogue *cat = &s->catalogue;
    return cat->n_segments > 0 ? cat->segments[cat->n_segments - 1] : NULL;
}

int64_t segment_latest_ms(const struct catalogue *cat)
{
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < cat->n_segments; i++) {
        int64_t created = cat->segments[i]->created_ms;
        latest = created != CREATED_UNKNOWN && created > latest ? created : latest;
    }
    return latest;
}

/* A clock that shows less than it did is wrong now, or was: what is begun by it could not say that what is
 * older has ended. */
static int64_t created_now(const struct catalogue *cat)
{
    int64_t now = edge_now_ms();
    bool sure = now >= EDGE_TIME_WRITTEN / 1000000 && now >= segment_latest_ms(cat);
    return sure ? now : CREATED_UNKNOWN;
}

/* One whose beginning is not known ends as soon as that of the next one is. */
static bool is_old(const struct event_db *s, const struct segment *seg)
{
    return seg->created_ms == CREATED_UNKNOWN
               ? created_now(&s->catalogue) != CREATED_UNKNOWN
               : llabs(edge_now_ms() - seg->created_ms) >= s->config.segment_age_ms;
}

bool segment_is_full(const struct event_db *s, const struct segment *seg)
{
    int64_t events = seg->rows[ROW_EVENT].n;
    return events >= s->config.segment_events ||
           seg->rows[ROW_READING].n >= s->config.segment_readings || (events > 0 && is_old(s, seg));
}

size_t segments_ended_before(const struct catalogue *cat, int64_t ms)
{
    size_t n = cat->n_segments;
    while (n > 0 && cat->segments[n - 1]->created_ms >= ms) {
        n--; /* one that was begun before then ended all that are older */
    }
    return n > 0 ? n - 1 : 0;
}

struct tally *segment_tally(const struct segment_rows *rows, uint32_t key)
{
    size_t low = 0, high = rows->n_tallies;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rows->tallies[mid].key < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < rows->n_tallies && rows->tallies[low].key == key ? &rows->tallies[low] : NULL;
}

static enum edge_status create_tables(struct edge_ctx *ctx, struct event_db *s, uint32_t id,
                                      const struct segment *before, int64_t created_ms)
{
    EDGE_TRY(db_exec(ctx, s->db,
                     "CREATE TABLE event_#(seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL,"
                     " source INTEGER NOT NULL, id BLOB NOT NULL, first_reading INTEGER NOT NULL,"
                     " n INTEGER NOT NULL, tags TEXT)",
                     id));
    EDGE_TRY(db_exec(ctx, s->db,
                     "CREATE TABLE reading_#(seq INTEGER PRIMARY KEY, origin INTEGER NOT NULL,"
                     " series INTEGER NOT NULL, value, tags TEXT)",
                     id));
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *add = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        "INSERT INTO segment(id, state, created, first_event, first_reading)"
                        " VALUES(#, ?1, ?2, ?3, ?4)",
                        id, &add));
    sqlite3_bind_int(add, 1, SEGMENT_OPEN);
    sqlite3_bind_int64(add, 2, created_ms);
    sqlite3_bind_int64(add, 3, s->next_seq[ROW_EVENT]);
    sqlite3_bind_int64(add, 4, s->next_seq[ROW_READING]);
    EDGE_TRY(db_run(ctx, s->db, add, "adding a segment"));
    if (!before) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *close = NULL;
    EDGE_TRY(db_prepare(ctx, s->db, "UPDATE segment SET state=?1, last_event=?2 WHERE id=#",
                        before->id, &close));
    sqlite3_bind_int(close, 1, SEGMENT_CLOSING);
    sqlite3_bind_int64(close, 2, s->next_seq[ROW_EVENT] - 1);
    return db_run(ctx, s->db, close, "closing a segment");
}

enum edge_status segment_rotate(struct edge_ctx *ctx, struct event_db *s)
{
    struct segment *before = segment_open_one(s);
    uint32_t id = before ? before->id + 1 : 1;
    int64_t created_ms = created_now(&s->catalogue);
    EDGE_TRY(db_begin(ctx, s->db));
    EDGE_TRY(db_end(ctx, s->db, create_tables(ctx, s, id, before, created_ms)));

    struct segment *seg = segment_new(id, SEGMENT_OPEN);
    seg->created_ms = created_ms;
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        sqlite3_finalize(s->insert[kind]);
        s->insert[kind] = NULL;
    }
    EDGE_LOCK(&s->catalogue.lock);
    if (before) {
        before->state = SEGMENT_CLOSING;
        before->last_event = s->next_seq[ROW_EVENT] - 1;
    }
    segment_add(&s->catalogue, seg);
    return EDGE_OK;
}

enum edge_status segment_prepare_inserts(struct edge_ctx *ctx, struct event_db *s)
{
    uint32_t id = segment_open_one(s)->id;
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        if (!s->insert[kind]) {
            EDGE_TRY(db_prepare(ctx, s->db, INSERTS[kind], id, &s->insert[kind]));
        }
    }
    return EDGE_OK;
}

/* Rows per key of a memory index, keys ascending. */
static void count_hot(const struct event_db *s, const struct segment *seg, enum row_kind kind,
                      struct segment_rows *ret)
{
    uint32_t n_ids = s->catalogue.dicts[kind].n_ids;
    uint32_t *counts = edge_xalloc(n_ids, sizeof(*counts));
    for (const struct hot_chunk *c = seg->hot->newest[kind]; c; c = c->older) {
        for (uint32_t i = 0; i < c->n; i++) {
            uint32_t key = atomic_load_explicit(&c->key[i], memory_order_relaxed);
            if (key != KEY_REMOVED) {
                ret->n_tallies += counts[key]++ == 0;
            }
        }
    }
    ret->tallies = edge_xalloc(ret->n_tallies, sizeof(struct tally));
    size_t at = 0;
    for (uint32_t key = 0; key < n_ids; key++) {
        if (counts[key] > 0) {
            ret->tallies[at++] = (struct tally){key, counts[key]};
        }
    }
    free(counts);
}

static enum edge_status save_tallies(struct edge_ctx *ctx, struct event_db *s,
                                     const struct segment *seg, const struct segment_rows rows[])
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        "INSERT OR REPLACE INTO tally(segment, kind, key, n) VALUES(#, ?1, ?2, ?3)",
                        seg->id, &stmt));
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        for (size_t i = 0; i < rows[kind].n_tallies; i++) {
            sqlite3_bind_int(stmt, 1, kind);
            sqlite3_bind_int64(stmt, 2, rows[kind].tallies[i].key);
            sqlite3_bind_int64(stmt, 3, rows[kind].tallies[i].n);
            EDGE_TRY(db_run(ctx, s->db, stmt, "saving counts"));
        }
    }
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *seal = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        "UPDATE segment SET state=?1, event_min=?2, event_max=?3, reading_min=?4,"
                        " reading_max=?5 WHERE id=#",
                        seg->id, &seal));
    sqlite3_bind_int(seal, 1, SEGMENT_SEALED);
    sqlite3_bind_int64(seal, 2, seg->rows[ROW_EVENT].min);
    sqlite3_bind_int64(seal, 3, seg->rows[ROW_EVENT].max);
    sqlite3_bind_int64(seal, 4, seg->rows[ROW_READING].min);
    sqlite3_bind_int64(seal, 5, seg->rows[ROW_READING].max);
    return db_run(ctx, s->db, seal, "sealing a segment");
}

static void publish_sealed(struct event_db *s, struct segment *seg,
                           const struct segment_rows counted[])
{
    EDGE_LOCK(&s->catalogue.lock);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        seg->rows[kind].tallies = counted[kind].tallies;
        seg->rows[kind].n_tallies = counted[kind].n_tallies;
    }
    seg->state = SEGMENT_SEALED;
    hot_unref(seg->hot);
    seg->hot = NULL;
}

static enum edge_status seal(struct edge_ctx *ctx, struct event_db *s, struct segment *seg)
{
    struct segment_rows counted[ROW_KINDS] = {0};
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        count_hot(s, seg, (enum row_kind)kind, &counted[kind]);
    }
    enum edge_status st = db_begin(ctx, s->db);
    if (st == EDGE_OK) {
        st = db_end(ctx, s->db, save_tallies(ctx, s, seg, counted));
    }
    if (st != EDGE_OK) {
        free(counted[ROW_EVENT].tallies);
        free(counted[ROW_READING].tallies);
        return st;
    }
    publish_sealed(s, seg, counted);
    malloc_trim(0); /* sorting and the memory index took some megabytes that nobody needs now */
    return EDGE_OK;
}

enum edge_status segment_seal_step(struct edge_ctx *ctx, struct event_db *s, bool *ret_did)
{
    struct segment *seg = NULL;
    for (size_t i = 0; i < s->catalogue.n_segments && !seg; i++) {
        if (s->catalogue.segments[i]->state == SEGMENT_CLOSING) {
            seg = s->catalogue.segments[i];
        }
    }
    *ret_did = seg != NULL;
    if (!seg) {
        return EDGE_OK;
    }
    if (seg->seal_step < N_INDEXES) {
        EDGE_TRY(db_exec(ctx, s->db, INDEXES[seg->seal_step], seg->id));
        seg->seal_step++;
        return EDGE_OK;
    }
    return seal(ctx, s, seg);
}

static enum edge_status drop_tables(struct edge_ctx *ctx, struct event_db *s, uint32_t id)
{
    EDGE_TRY(db_exec(ctx, s->db, "DROP TABLE event_#", id));
    EDGE_TRY(db_exec(ctx, s->db, "DROP TABLE reading_#", id));
    EDGE_TRY(db_exec(ctx, s->db, "DELETE FROM tally WHERE segment=#", id));
    return db_exec(ctx, s->db, "DELETE FROM segment WHERE id=#", id);
}

/* Readers that planned with it may find its tables gone from now on. */
static void set_dropping(struct event_db *s, struct segment *seg, bool dropping)
{
    EDGE_LOCK(&s->catalogue.lock);
    seg->dropping = dropping;
}

enum edge_status segment_drop(struct edge_ctx *ctx, struct event_db *s, struct segment *seg)
{
    if (seg->hot) { /* its rows are counted nowhere yet */
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            struct segment_rows counted = {0};
            count_hot(s, seg, (enum row_kind)kind, &counted);
            free(seg->rows[kind].tallies);
            seg->rows[kind].tallies = counted.tallies;
            seg->rows[kind].n_tallies = counted.n_tallies;
        }
    }
    set_dropping(s, seg, true);
    enum edge_status st = db_begin(ctx, s->db);
    if (st == EDGE_OK) {
        st = db_end(ctx, s->db, drop_tables(ctx, s, seg->id));
    }
    if (st != EDGE_OK) {
        set_dropping(s, seg, false);
        return st;
    }
    struct catalogue *cat = &s->catalogue;
    EDGE_LOCK(&cat->lock);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        for (size_t i = 0; i < seg->rows[kind].n_tallies; i++) {
            const struct tally *t = &seg->rows[kind].tallies[i];
            if (t->n > 0) { /* who has no rows may be forgotten */
                cat->dicts[kind].by_id[t->key]->n -= t->n;
            }
        }
    }
    size_t at = 0;
    while (cat->segments[at] != seg) {
        at++;
    }
    memmove(&cat->segments[at], &cat->segments[at + 1],
            (cat->n_segments - at - 1) * sizeof(struct segment *));
    cat->n_segments--;
    segment_free(seg);
    return EDGE_OK;
}
