/* A window as bytes, and back. */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

struct window_head {
    int64_t next_end, start, last, watermark, newest[RULES_SOURCES_MAX];
    uint64_t since, n, n_triggers;
};

static size_t values_of(const struct rules_program *p)
{
    return (size_t)p->n_slots + p->n_analytics + (p->whole ? 1 : 0);
}

void rules_kept_write(const struct rules_program *p, const struct rules_kept *kept,
                      struct edge_buf *out)
{
    edge_buf_put(out, &kept->ts_ms, sizeof(kept->ts_ms));
    edge_buf_putc(out, (char)kept->source);
    edge_buf_putc(out, (char)kept->hops);
    for (size_t k = 0; k < values_of(p); k++) {
        rules_value_write(out, &kept->values[k]);
    }
}

void rules_window_save(const struct rules_program *p, struct edge_buf *out)
{
    const struct rules_windowing *w = p->window;
    struct window_head head = {.next_end = w->next_end,
                               .start = w->start,
                               .last = w->last,
                               .watermark = w->watermark,
                               .since = w->since,
                               .n = w->n,
                               .n_triggers = w->n_triggers};
    memcpy(head.newest, w->newest, sizeof(head.newest));
    edge_buf_put(out, &head, sizeof(head));
    edge_buf_put(out, w->triggers, w->n_triggers * sizeof(*w->triggers));
    for (size_t i = 0; !w->adds_up && i < w->n; i++) {
        rules_kept_write(p, w->rows[w->first + i], out);
    }
    if (w->adds_up) {
        rules_panes_save(p, out);
    }
}

static bool take(const char **at, const char *end, void *to, size_t n)
{
    if ((size_t)(end - *at) < n) {
        return false;
    }
    if (n) {
        memcpy(to, *at, n);
    }
    *at += n;
    return true;
}

static struct rules_kept *pack(const struct rules_program *p, const struct rules_value *values)
{
    size_t n = values_of(p), size = sizeof(struct rules_kept) + (n + !p->whole) * sizeof(*values);
    for (size_t i = 0; i < n; i++) {
        size += rules_copy_size(&values[i]);
    }
    struct rules_kept *kept = edge_xalloc(1, size);
    char *to = (char *)&kept->values[n + !p->whole];
    kept->size = (uint32_t)size;
    for (size_t i = 0; i < n; i++) {
        kept->values[i] = rules_copy_to(&to, &values[i]);
    }
    return kept;
}

bool rules_kept_read(const struct rules_program *p, struct edge_arena *a, const char **at,
                     const char *end, struct rules_kept **ret)
{
    int64_t ts;
    uint8_t source, hops;
    if (!take(at, end, &ts, sizeof(ts)) || !take(at, end, &source, 1) || !take(at, end, &hops, 1) ||
        source >= p->n_sources) {
        return false;
    }
    size_t n = values_of(p);
    struct rules_value *values = edge_new_n(a, struct rules_value, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!rules_value_read(a, at, end, &values[i])) {
            return false;
        }
    }
    if (p->whole && values[n - 1].kind != RULES_OBJECT) {
        return false;
    }
    struct rules_kept *kept = pack(p, values);
    kept->ts_ms = ts;
    kept->source = source;
    kept->hops = hops;
    *ret = kept;
    return true;
}

static bool load_row(struct rules_program *p, struct edge_arena *a, const char **at,
                     const char *end)
{
    struct rules_windowing *w = p->window;
    struct rules_kept *kept;
    if (w->n >= p->limits.window_rows || !rules_kept_read(p, a, at, end, &kept)) {
        return false;
    }
    edge_make_room(NULL, w->rows, w->n, w->cap);
    w->rows[w->n++] = kept;
    w->bytes += kept->size;
    return true;
}

bool rules_window_load(struct rules_program *p, struct edge_arena *a, const char **at,
                       const char *end)
{
    struct rules_windowing *w = p->window;
    struct window_head head;
    if (!take(at, end, &head, sizeof(head)) || head.n > p->limits.window_rows ||
        head.n_triggers > p->limits.window_rows) {
        return false;
    }
    for (uint64_t i = 0; i < head.n_triggers; i++) {
        edge_make_room(NULL, w->triggers, w->n_triggers, w->cap_triggers);
        if (!take(at, end, &w->triggers[w->n_triggers++], sizeof(*w->triggers))) {
            return false;
        }
    }
    if (w->adds_up && (!rules_panes_load(p, a, at, end) || w->n != head.n)) {
        return false;
    }
    for (uint64_t i = 0; !w->adds_up && i < head.n; i++) {
        if (!load_row(p, a, at, end)) {
            return false;
        }
    }
    w->next_end = head.next_end;
    w->start = head.start;
    w->last = head.last;
    w->watermark = head.watermark;
    w->since = head.since;
    memcpy(w->newest, head.newest, sizeof(w->newest));
    return true;
}
