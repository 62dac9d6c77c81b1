/* A program at work: rows in, the clock, state out and in again. */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

static const char *const WINDOW_NAMES[] = {"none",    "tumbling", "hopping",
                                           "sliding", "session",  "count"};

/* ---- rows --------------------------------------------------------------------------------- */

/* The row is the newest of its source; what all sources have passed is over. */
static void watermark_move(struct rules_program *p, unsigned source, int64_t ts)
{
    struct rules_windowing *w = p->window;
    int64_t oldest = INT64_MAX;
    w->newest[source] = ts > w->newest[source] ? ts : w->newest[source];
    for (unsigned i = 0; i < p->n_sources; i++) {
        if (!p->sources[i].table && w->newest[i] < oldest) {
            oldest = w->newest[i];
        }
    }
    if (oldest != INT64_MIN && oldest - p->late_ms > w->watermark) {
        w->watermark = oldest - p->late_ms;
    }
}

/* False: the row is in error, or does not pass. */
static bool passes(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                   uint32_t code)
{
    bool holds;
    if (!rules_holds(env, code, &holds)) {
        rules_tell_error(p, env, row);
        return false;
    }
    return holds;
}

static void push_window(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                        unsigned source, const struct rules_value *analytics)
{
    struct rules_windowing *w = p->window;
    int64_t now = env->call.now_ms, ts = p->event_time ? row->ts_ms : now;
    if (passes(p, env, row, w->filter) && (w->where_after || passes(p, env, row, p->where))) {
        p->stats.matched += !w->where_after;
        rules_window_add(p, env, row, source, analytics, ts);
    }
    if (p->event_time) {
        watermark_move(p, source, ts);
        rules_window_until(p, w->watermark, now);
    } else {
        /* what this row itself brings about; windows that end now were told before it came */
        if (w->kind == RULES_W_SLIDING) {
            rules_window_until(p, now, now);
        }
    }
}

/* Tables have no window: the row with what matches it. */
static void push_join(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                      unsigned source, const struct rules_value *analytics)
{
    struct rules_list lists[RULES_SOURCES_MAX];
    const struct rules_part one = {.row = row};
    struct rules_batch b = {
        .filter = true, .hops = row->hops, .cause = row, .analytics = analytics};
    for (unsigned i = 0; i < p->n_sources; i++) {
        lists[i] = i == source           ? (struct rules_list){&one, 1}
                   : p->sources[i].table ? rules_table_list(p->engine, p->sources[i].table)
                                         : (struct rules_list){0};
    }
    if (rules_join_run(p, env, lists, &b.tuples, &b.n)) {
        rules_batch_run(p, env, &b);
    } else {
        rules_tell_error(p, env, row);
    }
}

static void push_plain(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                       const struct rules_part *part, const struct rules_value *analytics)
{
    if (!passes(p, env, row, p->where)) {
        return;
    }
    p->stats.matched++;
    struct rules_batch b = {
        .tuples = part, .n = 1, .hops = row->hops, .cause = row, .analytics = analytics};
    if (p->grouped || p->having || p->limit == 0) {
        rules_batch_run(p, env, &b);
        return;
    }
    struct rules_value out;
    if (rules_project(p, env, &out)) {
        rules_tell(p, env, &b, &out, 1);
    } else {
        rules_tell_error(p, env, row);
    }
}

static void push_parts(struct rules_program *p, const struct rules_part *parts, unsigned source,
                       int64_t now_ms)
{
    struct rules_env env;
    struct rules_value *analytics = NULL;
    const struct rules_row *row = parts[source].row;
    rules_env_init(&env, p, now_ms);
    env.call.ts_ms = row->ts_ms;
    if (!rules_env_row(&env, parts)) {
        rules_tell_error(p, &env, row);
        return;
    }
    if (p->n_analytics) {
        analytics = rules_alloc(env.call.memory, p->n_analytics, sizeof(*analytics));
        if (!analytics || !rules_analytics_run(p, &env, false, analytics)) {
            rules_tell_error(p, &env, row);
            return;
        }
    }
    if (p->window) {
        push_window(p, &env, row, source, analytics);
    } else if (p->n_sources > 1) {
        push_join(p, &env, row, source, analytics);
    } else {
        push_plain(p, &env, row, parts, analytics);
    }
}

static void push_source(struct rules_program *p, const struct rules_row *row, unsigned source,
                        int64_t now_ms)
{
    if (p->window && p->event_time && row->ts_ms < p->window->watermark) {
        p->stats.late++;
        return;
    }
    if (p->n_sources == 1) { /* most are: nothing more is made of it */
        const struct rules_part part = {.row = row};
        push_parts(p, &part, 0, now_ms);
        return;
    }
    struct rules_part parts[RULES_SOURCES_MAX] = {0};
    parts[source].row = row;
    push_parts(p, parts, source, now_ms);
}

/* To sources of that stream, or to all that are no tables. */
static void push_row(struct rules_program *p, const struct rules_row *row, uint32_t symbol,
                     bool any, int64_t now_ms)
{
    bool in = false;
    for (unsigned i = 0; i < p->n_sources; i++) {
        uint32_t of = p->sources[i].symbol;
        if (of == 0 || (!any && of != symbol)) {
            continue;
        }
        rules_engine_fresh(p->engine);
        if (p->window && !p->event_time) {
            rules_window_until(p, now_ms, now_ms); /* what is on the border belongs to the next */
        }
        p->stats.in += !in;
        in = true;
        push_source(p, row, i, now_ms);
    }
}

void rules_program_push(struct rules_program *p, const struct rules_row *row, int64_t now_ms)
{
    push_row(p, row, row->stream_symbol, false, now_ms);
}

void rules_program_push_any(struct rules_program *p, const struct rules_row *row, int64_t now_ms)
{
    push_row(p, row, 0, true, now_ms);
}

void rules_program_tick(struct rules_program *p, int64_t now_ms)
{
    if (p->window && !p->event_time) {
        rules_engine_fresh(p->engine);
        rules_window_until(p, now_ms, now_ms);
    }
}

int64_t rules_program_next_ms(const struct rules_program *p)
{
    return p->window && !p->event_time ? rules_window_next(p->window) : RULES_NEVER;
}

void rules_program_reset(struct rules_program *p)
{
    rules_analytics_reset(p);
    if (p->window) {
        rules_window_reset(p);
    }
}

/* ---- what it is --------------------------------------------------------------------------- */

void *rules_program_state(const struct rules_program *p)
{
    return p->state;
}

const char *rules_program_id(const struct rules_program *p)
{
    return p->id;
}

const struct rules_stats *rules_program_stats(const struct rules_program *p)
{
    return &p->stats;
}

const char *rules_program_error(const struct rules_program *p)
{
    return p->error ? p->error : "";
}

size_t rules_program_bytes(const struct rules_program *p)
{
    return p->bytes;
}

size_t rules_program_state_bytes(const struct rules_program *p)
{
    const struct rules_windowing *w = p->window;
    size_t bytes = rules_analytics_bytes(p);
    return w ? bytes + w->bytes + w->cap * sizeof(*w->rows) + w->cap_triggers * 8 : bytes;
}

static void explain_need(const struct rules_program *p, const struct rules_need *n,
                         struct edge_buf *out)
{
    const char *const *names = p->engine->symbols;
    edge_buf_printf(out, "index: device %s, profile %s, resource %s\n",
                    n->device ? names[n->device] : "any", n->profile ? names[n->profile] : "any",
                    n->resource ? names[n->resource] : "any");
}

void rules_program_explain(const struct rules_program *p, struct edge_buf *out)
{
    edge_buf_printf(out,
                    "window: %s\nsources: %u\ncolumns: %u\naggregates: %u\nanalytic: %u\ncode: %u "
                    "operations\nbytes: %zu\n",
                    WINDOW_NAMES[p->window ? p->window->kind : 0], p->n_sources, p->n_slots,
                    p->n_aggregates, p->n_analytics, p->n_code, p->bytes);
    for (uint8_t i = 0; i < p->n_needs; i++) {
        explain_need(p, &p->needs[i], out);
    }
    if (p->n_needs == 0) {
        edge_buf_puts(out, "index: none, every row of the stream is looked at\n");
    }
}

/* ---- checkpoints -------------------------------------------------------------------------- */

enum { VERSION = 1 };
static const char MAGIC[4] = {'R', 'L', 'S', VERSION};

static uint64_t checksum(const char *bytes, size_t n)
{
    struct rules_value v = {.kind = RULES_BYTES, .n = (uint32_t)n, .bytes = bytes};
    return rules_hash(UINT64_C(0x52554c4553), &v);
}

void rules_program_save(const struct rules_program *p, struct edge_buf *out)
{
    size_t start = out->len;
    edge_buf_put(out, MAGIC, sizeof(MAGIC));
    edge_buf_put(out, &p->hash, sizeof(p->hash));
    edge_buf_put(out, &p->stats, sizeof(p->stats));
    rules_analytics_save(p, out);
    if (p->window) {
        rules_window_save(p, out);
    }
    uint64_t sum = checksum(out->data + start, out->len - start);
    edge_buf_put(out, &sum, sizeof(sum));
}

static bool load(struct rules_program *p, struct edge_arena *a, const char *at, const char *end)
{
    memcpy(&p->stats, at, sizeof(p->stats));
    at += sizeof(p->stats);
    return rules_analytics_load(p, a, &at, end) &&
           (!p->window || rules_window_load(p, a, &at, end)) && at == end;
}

enum edge_status rules_program_load(struct edge_ctx *ctx, struct rules_program *p,
                                    const void *bytes, size_t size)
{
    const char *at = bytes;
    uint64_t hash, sum;
    size_t head = sizeof(MAGIC) + sizeof(hash);
    rules_program_reset(p);
    if (size < head + sizeof(p->stats) + sizeof(sum) || size > UINT32_MAX ||
        memcmp(at, MAGIC, 3) != 0) {
        return edge_fail(ctx, EDGE_INVALID, "these bytes are no state of a rule");
    }
    if (at[3] != VERSION) {
        return edge_fail(ctx, EDGE_INVALID, "the state is of version %d, not %d", at[3], VERSION);
    }
    memcpy(&sum, at + size - sizeof(sum), sizeof(sum));
    if (sum != checksum(at, size - sizeof(sum))) {
        return edge_fail(ctx, EDGE_INVALID, "the state of the rule is damaged");
    }
    memcpy(&hash, at + sizeof(MAGIC), sizeof(hash));
    if (hash != p->hash) {
        return edge_fail(ctx, EDGE_CONFLICT, "the state is another statement's");
    }
    EDGE_CTX_SCOPE(own);
    if (!load(p, &own.arena, at + head, at + size - sizeof(sum))) {
        rules_program_reset(p);
        memset(&p->stats, 0, sizeof(p->stats));
        return edge_fail(ctx, EDGE_INVALID, "the state of the rule is damaged");
    }
    return EDGE_OK;
}
