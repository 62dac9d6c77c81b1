/**
 * Which rows: a filter becomes a set of keys and a list of segments with bounds and counts; from
 * these follow counts without scanning, and the newest rows by looking into as few segments as
 * possible. Events and readings are selected by the same code.
 */
#include <stdlib.h>
#include <string.h>

#include "event_sqlite.h"

/* Rough prices, in units of one step along an index, to choose between two ways. */
enum { PRICE_SEEK = 20, DEEP_OFFSET = 4096 };

/* ---- the filter --------------------------------------------------------------------------------
 */

static bool wants_name(const struct event_filter *f, enum row_kind kind, const char *name)
{
    if (kind == ROW_EVENT) {
        return !f->source || strcmp(f->source, name) == 0;
    }
    for (size_t i = 0; i < f->n_resources; i++) {
        if (strcmp(f->resources[i], name) == 0) {
            return true;
        }
    }
    return f->n_resources == 0;
}

static void match_add(struct row_match *m, const struct dict_group *g, const struct event_filter *f,
                      enum row_kind kind)
{
    for (size_t i = 0; g && i < g->n; i++) {
        struct dict_entry *e = g->entries[i];
        if (e->n > 0 && wants_name(f, kind, e->name)) {
            m->entries[m->n++] = e;
            m->total += e->n;
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    const struct dict_entry *x = *(struct dict_entry *const *)a,
                            *y = *(struct dict_entry *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool seen_before(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], names[n]) == 0) {
            return true;
        }
    }
    return false;
}

/* Without a device: the groups of each name. */
static void match_names(struct edge_ctx *ctx, const struct dict *d, const struct event_filter *f,
                        enum row_kind kind, struct row_match *m)
{
    const char *const *names = kind == ROW_EVENT ? &f->source : f->resources;
    size_t n = kind == ROW_EVENT ? 1 : f->n_resources, room = 0;
    for (size_t i = 0; i < n; i++) {
        const struct dict_group *g = edge_map_find(&d->names, names[i]);
        room += g ? g->n : 0;
    }
    m->entries = edge_new_n(&ctx->arena, struct dict_entry *, room);
    for (size_t i = 0; i < n; i++) {
        if (!seen_before(names, i)) {
            match_add(m, edge_map_find(&d->names, names[i]), f, kind);
        }
    }
    if (n > 1) {
        qsort(m->entries, m->n, sizeof(struct dict_entry *), compare_ids);
    }
}

static void match_bits(struct edge_ctx *ctx, const struct dict *d, struct row_match *m)
{
    uint64_t *bits = edge_new_n(&ctx->arena, uint64_t, d->n_ids / 64 + 1);
    for (size_t i = 0; i < m->n; i++) {
        bits[m->entries[i]->id / 64] |= UINT64_C(1) << (m->entries[i]->id % 64);
    }
    m->bits = bits;
    m->n_bits = d->n_ids;
}

void row_match_list(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                    struct row_match *m)
{
    if (!m->all) {
        return;
    }
    const struct dict *d = &s->catalogue.dicts[kind];
    EDGE_LOCK(&s->catalogue.lock);
    m->entries = edge_new_n(&ctx->arena, struct dict_entry *, d->n_ids);
    for (uint32_t id = 0; id < d->n_ids; id++) {
        if (d->by_id[id] && d->by_id[id]->n > 0) {
            m->entries[m->n++] = d->by_id[id];
        }
    }
    match_bits(ctx, d, m);
}

static void match_make(struct edge_ctx *ctx, const struct dict *d, enum row_kind kind,
                       const struct event_filter *f, struct row_match *m)
{
    bool named = kind == ROW_EVENT ? f->source != NULL : f->n_resources > 0;
    m->all = !f->device && !named;
    if (m->all) {
        return;
    }
    if (f->device) {
        const struct dict_group *g = edge_map_find(&d->devices, f->device);
        m->entries = edge_new_n(&ctx->arena, struct dict_entry *, g ? g->n : 0);
        match_add(m, g, f, kind);
    } else {
        match_names(ctx, d, f, kind, m);
    }
    match_bits(ctx, d, m);
}

bool row_match_has(const struct row_match *m, uint32_t key)
{
    if (key == KEY_REMOVED) {
        return false;
    }
    return m->all || (key < m->n_bits && (m->bits[key / 64] >> (key % 64) & 1));
}

/* ---- the segments ------------------------------------------------------------------------------
 */

static void count_matches(const struct row_match *m, const struct segment_rows *rows,
                          struct row_part *part)
{
    part->matches = 0;
    part->n_keys = 0;
    if (m->n * 8 < rows->n_tallies) {
        for (size_t i = 0; i < m->n; i++) {
            const struct tally *t = segment_tally(rows, m->entries[i]->id);
            if (t && t->n > 0) {
                part->matches += t->n;
                part->n_keys++;
            }
        }
        return;
    }
    for (size_t i = 0; i < rows->n_tallies; i++) {
        if (rows->tallies[i].n > 0 && row_match_has(m, rows->tallies[i].key)) {
            part->matches += rows->tallies[i].n;
            part->n_keys++;
        }
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct row_part *x = a, *y = b;
    return x->max > y->max ? -1 : x->max < y->max;
}

void row_plan_make(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                   const struct event_filter *filter, struct row_plan *ret)
{
    struct catalogue *cat = &s->catalogue;
    *ret = (struct row_plan){.kind = kind, .start = filter->start, .end = filter->end};
    EDGE_LOCK(&cat->lock);
    match_make(ctx, &cat->dicts[kind], kind, filter, &ret->match);
    size_t n_segments = filter->arrived_before_ms != 0
                            ? segments_ended_before(cat, filter->arrived_before_ms)
                            : cat->n_segments;
    ret->parts = edge_new_n(&ctx->arena, struct row_part, n_segments);
    for (size_t i = 0; i < n_segments; i++) {
        const struct segment *seg = cat->segments[i];
        const struct segment_rows *rows = &seg->rows[kind];
        if (ret->match.all) {
            ret->match.total += rows->n;
        }
        if (rows->n == 0 || rows->max < filter->start || rows->min > filter->end) {
            continue;
        }
        struct row_part part = {seg->id, .min = rows->min, .max = rows->max, .rows = rows->n,
                                .matches = rows->n};
        if (seg->hot) {
            part.newest = seg->hot->newest[kind];
            part.newest_n = part.newest ? part.newest->n : 0;
        } else if (!ret->match.all) {
            count_matches(&ret->match, rows, &part);
        }
        if (part.matches > 0) {
            part.hot = seg->hot ? hot_ref(seg->hot) : NULL;
            ret->parts[ret->n_parts++] = part;
        }
    }
    qsort(ret->parts, ret->n_parts, sizeof(*ret->parts), newest_first);
}

void row_plan_done(struct row_plan *plan)
{
    for (size_t i = 0; i < plan->n_parts; i++) {
        hot_unref(plan->parts[i].hot);
    }
    plan->n_parts = 0;
}

/* ---- counting ----------------------------------------------------------------------------------
 */

static int64_t count_in_memory(const struct row_plan *plan, const struct row_part *part,
                               int64_t start, int64_t end)
{
    int64_t n = 0;
    for (const struct hot_chunk *c = part->newest; c; c = c->older) {
        uint32_t rows = c == part->newest ? part->newest_n : c->n;
        if (c != part->newest && (c->max < start || c->min > end)) {
            continue;
        }
        for (uint32_t i = 0; i < rows; i++) {
            uint32_t key = atomic_load_explicit(&c->key[i], memory_order_relaxed);
            n += c->origin[i] >= start && c->origin[i] <= end && row_match_has(&plan->match, key);
        }
    }
    return n;
}

struct look {
    struct edge_ctx *ctx;
    struct event_db *store;
    struct reader *reader;
    const struct row_plan *plan;
    const struct row_part *part;
};

static enum edge_status count_one(const struct look *c, const struct dict_entry *key, int64_t start,
                                  int64_t end, int64_t *n)
{
    enum segment_sql sql = key ? SQL_EVENT_COUNT_KEYED : SQL_EVENT_COUNT;
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(c->ctx, c->store, c->reader, c->part->segment,
                              (enum segment_sql)(sql + (c->plan->kind == ROW_READING)), &stmt));
    if (!stmt || start > end) {
        return EDGE_OK;
    }
    int at = 1;
    if (key) {
        sqlite3_bind_int64(stmt, at++, key->id);
    }
    sqlite3_bind_int64(stmt, at++, start);
    sqlite3_bind_int64(stmt, at, end);
    bool row = false;
    EDGE_TRY(reader_step(c->ctx, c->store, c->reader, c->part->segment, stmt, &row));
    if (row) {
        *n += sqlite3_column_int64(stmt, 0);
    }
    return EDGE_OK;
}

static enum edge_status count_range(const struct look *c, int64_t start, int64_t end, int64_t *n)
{
    const struct row_match *m = &c->plan->match;
    if (m->all) {
        return count_one(c, NULL, start, end, n);
    }
    for (size_t i = 0; i < m->n; i++) {
        EDGE_TRY(count_one(c, m->entries[i], start, end, n));
    }
    return EDGE_OK;
}

/* Partly inside: the smaller side of the segment is walked, inside or outside of the range. */
static enum edge_status count_in_file(const struct look *c, int64_t start, int64_t end, int64_t *n)
{
    const struct row_part *p = c->part;
    int64_t low = start > p->min ? start : p->min, high = end < p->max ? end : p->max;
    double inside = ((double)high - (double)low) / ((double)p->max - (double)p->min + 1);
    if (inside < 0.5) {
        return count_range(c, low, high, n);
    }
    int64_t outside = 0;
    if (low > p->min) {
        EDGE_TRY(count_range(c, p->min, low - 1, &outside));
    }
    if (high < p->max) {
        EDGE_TRY(count_range(c, high + 1, p->max, &outside));
    }
    *n += p->matches - outside;
    return EDGE_OK;
}

enum edge_status row_plan_count(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                const struct row_plan *plan, int64_t start, int64_t end,
                                int64_t *ret)
{
    int64_t n = 0;
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct row_part *p = &plan->parts[i];
        bool whole = start <= p->min && end >= p->max;
        if (p->max < start || p->min > end) {
            continue;
        }
        if (whole && (!p->hot || plan->match.all)) {
            n += p->matches;
        } else if (p->hot) {
            n += count_in_memory(plan, p, start, end);
        } else {
            struct look c = {ctx, s, r, plan, p};
            EDGE_TRY(count_in_file(&c, start, end, &n));
        }
    }
    *ret = n;
    return EDGE_OK;
}

/* ---- the newest --------------------------------------------------------------------------------
 */

/* The best rows seen so far; the worst of them on top. */
struct best {
    struct row_ref *rows;
    size_t n, max;
};

/* Newer, or as new and earlier inserted. */
static bool better(int64_t origin, int64_t seq, const struct row_ref *than)
{
    return origin > than->origin || (origin == than->origin && seq < than->seq);
}

static void sink(struct best *b, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= b->n) {
            return;
        }
        if (child + 1 < b->n &&
            better(b->rows[child].origin, b->rows[child].seq, &b->rows[child + 1])) {
            child++;
        }
        if (!better(b->rows[at].origin, b->rows[at].seq, &b->rows[child])) {
            return;
        }
        struct row_ref moved = b->rows[at];
        b->rows[at] = b->rows[child];
        b->rows[child] = moved;
        at = child;
    }
}

/* False: no row with this origin and a later place can be wanted either. */
static bool offer(struct best *b, int64_t origin, int64_t seq, uint32_t segment)
{
    if (b->n < b->max) {
        b->rows[b->n++] = (struct row_ref){origin, seq, segment};
        for (size_t i = b->n - 1; i > 0;) {
            size_t parent = (i - 1) / 2;
            if (!better(b->rows[parent].origin, b->rows[parent].seq, &b->rows[i])) {
                break;
            }
            struct row_ref moved = b->rows[i];
            b->rows[i] = b->rows[parent];
            b->rows[parent] = moved;
            i = parent;
        }
        return true;
    }
    if (!better(origin, seq, &b->rows[0])) {
        return false;
    }
    b->rows[0] = (struct row_ref){origin, seq, segment};
    sink(b, 0);
    return true;
}

/* The oldest origin that can still get in. */
static int64_t threshold(const struct best *b, int64_t start)
{
    return b->n == b->max && b->rows[0].origin > start ? b->rows[0].origin : start;
}

static void newest_in_memory(const struct row_plan *plan, const struct row_part *part, int64_t end,
                             struct best *best)
{
    for (const struct hot_chunk *c = part->newest; c; c = c->older) {
        uint32_t rows = c == part->newest ? part->newest_n : c->n;
        int64_t start = threshold(best, plan->start);
        if (c != part->newest && (c->max < start || c->min > end)) {
            continue;
        }
        for (uint32_t i = rows; i-- > 0;) {
            int64_t origin = c->origin[i];
            if (origin < start || origin > end) {
                continue;
            }
            uint32_t key = atomic_load_explicit(&c->key[i], memory_order_relaxed);
            if (row_match_has(&plan->match, key)) {
                (void)offer(best, origin, c->first_seq + i, part->segment);
                start = threshold(best, plan->start);
            }
        }
    }
}

static enum edge_status newest_by_key(const struct look *c, const struct dict_entry *key,
                                      int64_t end, struct best *best)
{
    enum segment_sql sql = c->plan->kind == ROW_READING ? SQL_READING_KEYED : SQL_EVENT_KEYED;
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(c->ctx, c->store, c->reader, c->part->segment, sql, &stmt));
    if (!stmt) {
        return EDGE_OK;
    }
    sqlite3_bind_int64(stmt, 1, key->id);
    sqlite3_bind_int64(stmt, 2, threshold(best, c->plan->start));
    sqlite3_bind_int64(stmt, 3, end);
    for (bool row = true; row;) {
        EDGE_TRY(reader_step(c->ctx, c->store, c->reader, c->part->segment, stmt, &row));
        if (row && !offer(best, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                          c->part->segment)) {
            break; /* what follows is worse still */
        }
    }
    return EDGE_OK;
}

static enum edge_status newest_by_walk(const struct look *c, int64_t end, struct best *best)
{
    enum segment_sql sql = c->plan->kind == ROW_READING ? SQL_READING_WALK : SQL_EVENT_WALK;
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(c->ctx, c->store, c->reader, c->part->segment, sql, &stmt));
    if (!stmt) {
        return EDGE_OK;
    }
    sqlite3_bind_int64(stmt, 1, threshold(best, c->plan->start));
    sqlite3_bind_int64(stmt, 2, end);
    for (bool row = true; row;) {
        EDGE_TRY(reader_step(c->ctx, c->store, c->reader, c->part->segment, stmt, &row));
        if (!row) {
            break;
        }
        int64_t origin = sqlite3_column_int64(stmt, 0);
        if (origin < threshold(best, c->plan->start)) {
            break;
        }
        if (row_match_has(&c->plan->match, (uint32_t)sqlite3_column_int64(stmt, 2))) {
            (void)offer(best, origin, sqlite3_column_int64(stmt, 1), c->part->segment);
        }
    }
    return EDGE_OK;
}

/* Each key's own index walk, or one walk past all rows picking those that match: the cheaper one.
 */
static enum edge_status newest_in_file(const struct look *c, int64_t end, struct best *best)
{
    const struct row_match *m = &c->plan->match;
    const struct row_part *p = c->part;
    double wanted = (double)(best->max < (size_t)p->matches ? best->max : (size_t)p->matches);
    double by_walk = wanted * (double)p->rows / (double)p->matches;
    double by_key = (double)m->n * PRICE_SEEK + wanted;
    if (m->all || by_walk < by_key) {
        return newest_by_walk(c, end, best);
    }
    for (size_t i = 0; i < m->n; i++) {
        EDGE_TRY(newest_by_key(c, m->entries[i], end, best));
    }
    return EDGE_OK;
}

static int in_order(const void *a, const void *b)
{
    const struct row_ref *x = a, *y = b;
    return better(x->origin, x->seq, y) ? -1 : better(y->origin, y->seq, x);
}

/* Far into the list, an origin not far before the page is found by counting, not by walking. */
static enum edge_status skip_deep(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                  const struct row_plan *plan, int64_t *offset, int64_t *end)
{
    int64_t low = plan->start, high = plan->end;
    for (size_t i = 0; i < plan->n_parts; i++) {
        low = i == 0 || plan->parts[i].min < low ? plan->parts[i].min : low;
        high = i == 0 || plan->parts[i].max > high ? plan->parts[i].max : high;
    }
    low = low < plan->start ? plan->start : low;
    high = high > plan->end ? plan->end : high;
    int64_t newer = 0; /* rows newer than high */
    while (low<high && * offset - newer> DEEP_OFFSET) {
        uint64_t width = (uint64_t)high - (uint64_t)low; /* may be all of 64 bits */
        int64_t mid = (int64_t)((uint64_t)low + width / 2 + width % 2);
        int64_t n = 0;
        EDGE_TRY(row_plan_count(ctx, s, r, plan, mid, high, &n));
        if (newer + n > *offset) {
            low = mid;
        } else {
            high = mid - 1;
            newer += n;
        }
    }
    *offset -= newer;
    *end = high;
    return EDGE_OK;
}

enum edge_status row_plan_newest(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                 const struct row_plan *plan, int64_t offset, int64_t limit,
                                 struct row_ref **ret, size_t *ret_n)
{
    *ret_n = 0;
    int64_t end = plan->end;
    if (offset > DEEP_OFFSET) {
        EDGE_TRY(skip_deep(ctx, s, r, plan, &offset, &end));
    }
    int64_t possible = 0;
    for (size_t i = 0; i < plan->n_parts; i++) {
        possible += plan->parts[i].matches;
    }
    int64_t want = offset + limit < possible ? offset + limit : possible;
    if (want <= offset) {
        return EDGE_OK;
    }
    struct best best = {edge_new_n(&ctx->arena, struct row_ref, (size_t)want), 0, (size_t)want};
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct row_part *p = &plan->parts[i];
        if (p->max < threshold(&best, plan->start)) {
            break; /* and so are all that follow */
        }
        if (p->hot) {
            newest_in_memory(plan, p, end, &best);
        } else {
            struct look c = {ctx, s, r, plan, p};
            EDGE_TRY(newest_in_file(&c, end, &best));
        }
    }
    qsort(best.rows, best.n, sizeof(*best.rows), in_order);
    if ((int64_t)best.n > offset) {
        *ret = best.rows + offset;
        *ret_n = best.n - (size_t)offset;
    }
    return EDGE_OK;
}
