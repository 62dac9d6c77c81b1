/* Windows: rows that are kept, and when they are due. */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

/* ---- rows that are kept ------------------------------------------------------------------- */

/* What the row is kept with: columns by slot, what analytic functions gave, and itself. */
struct rules_kept *rules_keep(struct rules_program *p, struct rules_env *env,
                              const struct rules_row *row, unsigned source,
                              const struct rules_value *analytics, int64_t ts_ms)
{
    size_t n = (size_t)p->n_slots + p->n_analytics + (p->whole ? 1 : 0);
    struct rules_value *values = rules_alloc(env->call.memory, n + 1, sizeof(*values));
    size_t size = sizeof(struct rules_kept) + (n + !p->whole) * sizeof(*values);
    if (!values || (p->whole && !rules_whole(env, source, &values[n - 1]))) {
        return NULL;
    }
    for (unsigned i = 0; i < p->n_slots; i++) {
        unsigned of = p->slots[i].source;
        if (of == RULES_ANY || of == source) {
            values[i] = *rules_slot_load(env, i);
        }
    }
    if (p->n_analytics) {
        memcpy(values + p->n_slots, analytics, p->n_analytics * sizeof(*values));
    }
    for (size_t i = 0; i < n; i++) {
        size += rules_copy_size(&values[i]);
    }
    if (size > UINT32_MAX) {
        return NULL;
    }
    struct rules_kept *kept = edge_xalloc(1, size);
    char *at = (char *)&kept->values[n + !p->whole];
    *kept = (struct rules_kept){.ts_ms = ts_ms,
                                .size = (uint32_t)size,
                                .source = (uint8_t)source,
                                .hops = (uint8_t)(row->hops < 255 ? row->hops : 255)};
    for (size_t i = 0; i < n; i++) {
        kept->values[i] = rules_copy_to(&at, &values[i]);
    }
    return kept;
}

static struct rules_kept *row_at(const struct rules_windowing *w, size_t i)
{
    return w->rows[w->first + i];
}

static void remove_first(struct rules_windowing *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w->bytes -= row_at(w, i)->size;
        free(row_at(w, i));
    }
    w->first += n;
    w->n -= n;
    if (w->n == 0) {
        w->first = 0;
    }
}

/* Those before @p ms. */
static size_t count_before(const struct rules_windowing *w, int64_t ms)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (row_at(w, mid)->ts_ms < ms) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void insert(struct rules_windowing *w, struct rules_kept *kept)
{
    if (w->first > 64 && w->first > w->n) {
        memmove(w->rows, w->rows + w->first, w->n * sizeof(*w->rows));
        w->first = 0;
    }
    edge_make_room(NULL, w->rows, w->first + w->n, w->cap);
    size_t at = w->kind == RULES_W_COUNT ? w->n : count_before(w, kept->ts_ms + 1);
    struct rules_kept **place = &w->rows[w->first + at];
    memmove(place + 1, place, (w->n - at) * sizeof(*place));
    *place = kept;
    w->n++;
    w->bytes += kept->size;
}

/* Room for one more: the oldest go. False: it alone is too large. */
static bool make_room(struct rules_program *p, size_t size)
{
    struct rules_windowing *w = p->window;
    while (w->n > 0 &&
           (w->n >= p->limits.window_rows || w->bytes + size > p->limits.window_bytes)) {
        remove_first(w, 1);
        p->stats.dropped++;
    }
    return size <= p->limits.window_bytes;
}

void rules_window_reset(struct rules_program *p)
{
    struct rules_windowing *w = p->window;
    if (w->adds_up) {
        rules_panes_remove(p, INT64_MAX);
    } else {
        remove_first(w, w->n);
    }
    w->next_end = w->start = RULES_NEVER;
    w->last = INT64_MIN;
    w->since = 0;
    w->n_triggers = 0;
    w->watermark = INT64_MIN;
    for (size_t i = 0; i < RULES_SOURCES_MAX; i++) {
        w->newest[i] = INT64_MIN;
    }
}

void rules_window_done(struct rules_program *p)
{
    rules_window_reset(p);
    free(p->window->rows);
    free(p->window->triggers);
    free(p->window->panes);
}

/* ---- a window is due ---------------------------------------------------------------------- */

static bool lists_of(struct rules_program *p, struct rules_env *env, size_t from, size_t to,
                     struct rules_list *lists)
{
    const struct rules_windowing *w = p->window;
    for (unsigned s = 0; s < p->n_sources; s++) {
        if (p->sources[s].table) {
            lists[s] = rules_table_list(p->engine, p->sources[s].table);
            continue;
        }
        struct rules_part *parts = rules_alloc(env->call.memory, to - from + 1, sizeof(*parts));
        if (!parts) {
            return rules_error(&env->call, "too much memory for one window");
        }
        lists[s] = (struct rules_list){.parts = parts};
        for (size_t i = from; i < to; i++) {
            if (row_at(w, i)->source == s) {
                parts[lists[s].n++].kept = row_at(w, i);
            }
        }
    }
    return true;
}

/* Rows from ... to of those that are kept make a window. */
static void fire(struct rules_program *p, size_t from, size_t to, int64_t start, int64_t end,
                 int64_t now_ms)
{
    struct rules_env env;
    struct rules_list lists[RULES_SOURCES_MAX];
    struct rules_batch b = {.start = start, .end = end, .filter = p->window->where_after};
    rules_env_init(&env, p, now_ms);
    env.call.ts_ms = end ? end : now_ms;
    env.call.window_start = start;
    env.call.window_end = end;
    for (size_t i = from; i < to; i++) {
        unsigned hops = row_at(p->window, i)->hops;
        b.hops = hops > b.hops ? hops : b.hops;
    }
    bool ok = p->window->adds_up ? rules_panes_ready(p, &env, end, &b)
                                 : lists_of(p, &env, from, to, lists);
    if (ok && p->n_sources > 1) {
        ok = rules_join_run(p, &env, lists, &b.tuples, &b.n);
    } else if (ok && !p->window->adds_up) {
        b.tuples = lists[0].parts;
        b.n = lists[0].n;
    }
    if (ok) {
        rules_batch_run(p, &env, &b);
    } else {
        rules_tell_error(p, &env, NULL);
    }
    rules_memory_reset(&p->engine->memory);
}

static int64_t floor_to(int64_t ms, int64_t step)
{
    int64_t rest = ms % step;
    return ms - (rest < 0 ? rest + step : rest);
}

/* ---- tumbling and hopping ----------------------------------------------------------------- */

static void hop_add(struct rules_windowing *w, int64_t ts)
{
    int64_t end = floor_to(ts, w->second_ms) + w->second_ms;
    if (w->next_end == RULES_NEVER || end < w->next_end) {
        w->next_end = end;
    }
}

/* Time of the first row that is there; RULES_NEVER: none. Of sums, some time of that window. */
static int64_t hop_first(const struct rules_windowing *w)
{
    if (w->adds_up) {
        return w->n_panes ? rules_panes_first(w) - 1 : RULES_NEVER;
    }
    return w->n ? row_at(w, 0)->ts_ms : RULES_NEVER;
}

/* Windows without rows: none of them by the clock, a bounded number of them by event time. */
static void hop_skip(struct rules_program *p, int64_t until, size_t *empty)
{
    struct rules_windowing *w = p->window;
    int64_t to = hop_first(w);
    if (to < w->next_end) {
        *empty = 0;
        return;
    }
    if (p->event_time && *empty < p->limits.backlog) {
        (*empty)++;
        return;
    }
    to = to < until ? to : until;
    int64_t end = floor_to(to, w->second_ms) + w->second_ms;
    if (end > w->next_end) {
        p->stats.skipped += p->event_time ? (uint64_t)((end - w->next_end) / w->second_ms) : 0;
        w->next_end = end;
    }
}

/* One window; rows that no later one has go. */
static void hop_fire(struct rules_program *p, int64_t end, int64_t now_ms)
{
    struct rules_windowing *w = p->window;
    int64_t start = end - w->length_ms;
    if (w->adds_up) {
        if (p->event_time || hop_first(w) < end) {
            fire(p, 0, 0, start, end, now_ms);
        }
        rules_panes_remove(p, end);
        return;
    }
    remove_first(w, count_before(w, start));
    size_t to = count_before(w, end);
    if (to > 0 || p->event_time) {
        fire(p, 0, to, start, end, now_ms);
    }
    remove_first(w, count_before(w, end + w->second_ms - w->length_ms));
}

static void hop_until(struct rules_program *p, int64_t ms, int64_t now_ms)
{
    struct rules_windowing *w = p->window;
    size_t empty = 0;
    while (w->next_end <= ms) {
        hop_fire(p, w->next_end, now_ms);
        w->next_end += w->second_ms;
        if (w->n == 0 && !p->event_time) {
            w->next_end = RULES_NEVER; /* until there is a row again */
            return;
        }
        hop_skip(p, ms, &empty);
    }
}

/* ---- sliding ------------------------------------------------------------------------------ */

static void trigger_add(struct rules_program *p, int64_t ts)
{
    struct rules_windowing *w = p->window;
    if (w->n_triggers >= p->limits.window_rows) {
        memmove(w->triggers, w->triggers + 1, --w->n_triggers * sizeof(*w->triggers));
        p->stats.skipped++;
    }
    edge_make_room(NULL, w->triggers, w->n_triggers, w->cap_triggers);
    size_t at = w->n_triggers++;
    for (; at > 0 && w->triggers[at - 1] > ts; at--) {
        w->triggers[at] = w->triggers[at - 1];
    }
    w->triggers[at] = ts;
}

static void slide_until(struct rules_program *p, int64_t ms, int64_t now_ms)
{
    struct rules_windowing *w = p->window;
    size_t done = 0;
    while (done < w->n_triggers && w->triggers[done] + w->second_ms <= ms) {
        int64_t start = w->triggers[done] - w->length_ms, end = w->triggers[done] + w->second_ms;
        fire(p, count_before(w, start + 1), count_before(w, end + 1), start, end, now_ms);
        done++;
    }
    if (done > 0) {
        memmove(w->triggers, w->triggers + done, (w->n_triggers - done) * sizeof(*w->triggers));
        w->n_triggers -= done;
    }
    int64_t oldest = w->n_triggers && w->triggers[0] < ms ? w->triggers[0] : ms;
    if (oldest > INT64_MIN + w->length_ms) {
        remove_first(w, count_before(w, oldest - w->length_ms + 1));
    }
}

/* ---- session ------------------------------------------------------------------------------ */

/* Where the first session ends, and how many rows it has. */
static int64_t session_end(const struct rules_windowing *w, size_t *ret_n)
{
    int64_t start = row_at(w, 0)->ts_ms, last = start;
    int64_t most = floor_to(start + w->length_ms + w->length_ms - 1, w->length_ms);
    size_t i = 1;
    for (; i < w->n; i++) {
        int64_t ts = row_at(w, i)->ts_ms;
        if (ts >= last + w->second_ms || ts >= most) {
            break;
        }
        last = ts;
    }
    *ret_n = i;
    return last + w->second_ms < most ? last + w->second_ms : most;
}

static void session_until(struct rules_program *p, int64_t ms, int64_t now_ms)
{
    struct rules_windowing *w = p->window;
    while (w->n > 0 && w->start <= ms) {
        size_t n;
        int64_t end = session_end(w, &n);
        w->start = end; /* nothing to look for until then */
        if (end > ms) {
            return;
        }
        fire(p, 0, n, row_at(w, 0)->ts_ms, end, now_ms);
        remove_first(w, n);
        w->start = w->n ? INT64_MIN : RULES_NEVER;
    }
}

static void session_add(struct rules_windowing *w)
{
    size_t n;
    int64_t newest = row_at(w, w->n - 1)->ts_ms;
    int64_t first = row_at(w, 0)->ts_ms;
    int64_t most = floor_to(first + w->length_ms + w->length_ms - 1, w->length_ms);
    /* by the clock rows come in order: the session goes on, or a new one begins */
    if (w->last <= newest && w->start != RULES_NEVER && newest < w->start && w->n > 1) {
        w->start = newest + w->second_ms < most ? newest + w->second_ms : most;
    } else {
        w->start = session_end(w, &n);
    }
    w->last = newest;
}

/* ---- count -------------------------------------------------------------------------------- */

static void count_add(struct rules_program *p, int64_t now_ms)
{
    struct rules_windowing *w = p->window;
    size_t length = (size_t)w->length_ms;
    w->since++;
    if (w->n > length) {
        remove_first(w, w->n - length);
    }
    if (w->since < (uint64_t)w->second_ms) {
        return;
    }
    w->since = 0;
    if (w->n >= length) {
        fire(p, 0, w->n, 0, 0, now_ms);
        if (w->second_ms == w->length_ms) {
            remove_first(w, w->n);
        }
    }
}

/* ---- the face ----------------------------------------------------------------------------- */

void rules_window_until(struct rules_program *p, int64_t ms, int64_t now_ms)
{
    switch (p->window->kind) {
    case RULES_W_TUMBLING:
    case RULES_W_HOPPING:
        hop_until(p, ms, now_ms);
        break;
    case RULES_W_SLIDING:
        slide_until(p, ms, now_ms);
        break;
    case RULES_W_SESSION:
        session_until(p, ms, now_ms);
        break;
    default:
        break;
    }
}

int64_t rules_window_next(const struct rules_windowing *w)
{
    switch (w->kind) {
    case RULES_W_TUMBLING:
    case RULES_W_HOPPING:
        return w->next_end;
    case RULES_W_SLIDING:
        return w->n_triggers ? w->triggers[0] + w->second_ms : RULES_NEVER;
    case RULES_W_SESSION:
        return w->n ? w->start : RULES_NEVER;
    default:
        return RULES_NEVER;
    }
}

void rules_window_add(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                      unsigned source, const struct rules_value *analytics, int64_t ts_ms)
{
    struct rules_windowing *w = p->window;
    bool triggers = true;
    if (w->when && !rules_holds(env, w->when, &triggers)) {
        rules_tell_error(p, env, row);
        return;
    }
    if (w->adds_up) {
        int64_t end = floor_to(ts_ms, w->second_ms) + w->second_ms;
        if (!rules_panes_add(p, env, row, analytics, ts_ms, end)) {
            rules_tell_error(p, env, row);
        }
        hop_add(w, ts_ms);
        return;
    }
    struct rules_kept *kept = rules_keep(p, env, row, source, analytics, ts_ms);
    if (!kept) {
        rules_error(&env->call, "the row is too large for a window");
        rules_tell_error(p, env, row);
        return;
    }
    if (!make_room(p, kept->size)) {
        free(kept);
        p->stats.dropped++;
        return;
    }
    insert(w, kept);
    switch (w->kind) {
    case RULES_W_TUMBLING:
    case RULES_W_HOPPING:
        hop_add(w, ts_ms);
        break;
    case RULES_W_SLIDING:
        if (triggers) {
            trigger_add(p, ts_ms);
        }
        break;
    case RULES_W_SESSION:
        session_add(w);
        break;
    default:
        count_add(p, env->call.now_ms);
    }
}
