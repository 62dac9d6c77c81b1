/* What is too much for a peer at once: halves, down to the one it will never take. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "queue_bench.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Takes what has no 'x' in it; one that gathers has up to eight at a time. */
struct picky {
    struct export_connector_env env;
    const struct export_message *held[8];
    unsigned n_held, fails; /* the next so many are not taken, for now */
    char seen[8000];
    char ids[400][33];
    unsigned n_ids;
};
static struct picky picky;
static bool picky_bytes; /* it looks for "xxxx" as base64 has it */

static enum edge_status picky_open(struct edge_ctx *ctx, const void *stage,
                                   const struct export_connector_env *env, void **ret)
{
    (void)ctx, (void)stage;
    picky = (struct picky){.env = *env, .fails = picky.fails};
    *ret = &picky;
    return EDGE_OK;
}

/* ["aaaa","bbbb"] is seen as ab */
static void see(const struct export_message *m, const char *behind)
{
    size_t len = strlen(picky.seen);
    const char *text = m->payload;
    for (size_t i = 0; i < m->size; i++) {
        if (isalpha((unsigned char)text[i]) && (i == 0 || text[i] != text[i - 1])) {
            picky.seen[len++] = text[i];
        }
    }
    snprintf(picky.seen + len, sizeof(picky.seen) - len, "%s", behind);
}

static void answer(const struct export_message *m, enum export_fate fate)
{
    struct export_outcome outcome = {.fate = fate, .reason = "the peer says no"};
    (void)picky.env.settle(picky.env.queue, m->token, &outcome);
}

static bool is_bad(const struct export_message *m)
{
    return picky_bytes ? memmem(m->payload, m->size, "\xc7\x1c\x71", 3) != NULL
                       : memchr(m->payload, 'x', m->size) != NULL;
}

static void picky_send(void *c, struct edge_ctx *ctx, const struct export_message *m)
{
    (void)c, (void)ctx;
    see(m, " ");
    snprintf(picky.ids[picky.n_ids], sizeof(picky.ids[0]), "%s", m->id);
    picky.n_ids++;
    if (picky.fails > 0) {
        picky.fails--;
        answer(m, EXPORT_RETRY);
        return;
    }
    answer(m, is_bad(m) ? EXPORT_TOO_MUCH : EXPORT_DELIVERED);
}

static void gathering_send(void *c, struct edge_ctx *ctx, const struct export_message *m)
{
    bool bad = false;
    unsigned n = picky.n_held + 1;
    (void)c, (void)ctx;
    picky.held[picky.n_held++] = m;
    if (n < N(picky.held) && !m->last) {
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        see(picky.held[i], i + 1 < n ? "" : " ");
        bad = bad || memchr(picky.held[i]->payload, 'x', picky.held[i]->size);
    }
    picky.n_held = 0;
    for (unsigned i = 0; i < n; i++) {
        answer(picky.held[i], bad ? EXPORT_TOO_MUCH : EXPORT_DELIVERED);
    }
}

static void picky_stop(void *c, int64_t deadline_ms)
{
    (void)c, (void)deadline_ms;
    for (unsigned i = 0; i < picky.n_held; i++) {
        answer(picky.held[i], EXPORT_UNSENT);
    }
}

static void picky_close(void *c)
{
    (void)c;
}

static const struct export_connector PICKY = {
    .window = 4, .open = picky_open, .send = picky_send, .stop = picky_stop, .close = picky_close};
static const struct export_connector GATHERING = {.window = 8,
                                                  .gathers = true,
                                                  .open = picky_open,
                                                  .send = gathering_send,
                                                  .stop = picky_stop,
                                                  .close = picky_close};

/* A batch of these, as it waits for its peer. */
static void put_items(struct queue_bench *b, const char *letters, bool merged)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_data items[16] = {0};
    struct export_data list = {.kind = EXPORT_LIST, .items = items, .n_items = strlen(letters)};
    struct edge_spool_record r = {.origin_ns = edge_now_ns(),
                                  .context = edge_printf(&ctx.arena, "{\"id\":\"%s\"}", letters)};
    struct edge_bytes bytes;
    for (size_t i = 0; i < list.n_items; i++) {
        const char base64[] = {letters[i], letters[i], letters[i], letters[i], 0};
        items[i].kind = EXPORT_BYTES;
        CU_ASSERT_FATAL(
            edge_base64_decode(&ctx.arena, base64, &items[i].bytes.data, &items[i].bytes.size));
    }
    if (merged) {
        export_data_merge(&ctx, &list);
    }
    CU_ASSERT_FATAL(export_data_freeze(&ctx, &list, &bytes, &r.kind, &r.content_type) == EDGE_OK);
    r.payload = bytes.data;
    r.size = bytes.size;
    CU_ASSERT_FATAL(export_queue_put(&ctx, b->q, &r, 1, edge_now_mono_ms()) == EDGE_OK);
}

static void put_list(struct queue_bench *b, const char *letters)
{
    put_items(b, letters, false);
}

#define SAW(text) CU_ASSERT_STRING_EQUAL(picky.seen, text)

static void test_a_list_goes_in_halves(void)
{
    QUEUE_BENCH(b);
    picky.fails = 0;
    b.config.connector = &PICKY;
    b.config.window = 1;
    bench_open(&b);
    put_list(&b, "abxde");
    put_list(&b, "fg");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("abxde ab xde x de fg ");
    CU_ASSERT_EQUAL(b.n_followed, 3);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "[\"aaaa\",\"bbbb\"]");
    CU_ASSERT_STRING_EQUAL(b.followed[1], "[\"dddd\",\"eeee\"]");
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 1);
    CU_ASSERT_EQUAL(bench_status(&b).retries, 0);
    CU_ASSERT(bench_says(&b, "the peer says no"));
    for (unsigned i = 0; i < picky.n_ids; i++) { /* the peer is not to take one for another */
        for (unsigned k = 0; k < i; k++) {
            CU_ASSERT_STRING_NOT_EQUAL(picky.ids[i], picky.ids[k]);
        }
    }
}

/* As one run of bytes, too, wherever it may be cut. Each letter is three bytes, here: their own, not base64. */
static void test_a_merged_batch_goes_in_halves(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_quarantined *list;
    size_t n;
    const void *bad, *good;
    size_t n_bad, n_good;
    QUEUE_BENCH(b);
    picky.fails = 0;
    picky_bytes = true;
    b.config.connector = &PICKY;
    b.config.window = 1;
    bench_open(&b);
    put_items(&b, "abxd", true);
    CU_ASSERT(bench_wait_depth(&b, 0));
    picky_bytes = false;
    CU_ASSERT_EQUAL(picky.n_ids, 5); /* all, ab, xd, x, d */
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 2);
    CU_ASSERT_FATAL(edge_base64_decode(&ctx.arena, "aaaabbbb", &good, &n_good));
    CU_ASSERT_EQUAL(strlen(b.followed[0]), n_good);
    CU_ASSERT_NSTRING_EQUAL(b.followed[0], good, n_good);
    CU_ASSERT_EQUAL(export_quarantine_list(&ctx, b.q, 0, 10, &list, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_FATAL(edge_base64_decode(&ctx.arena, "xxxx", &bad, &n_bad));
    CU_ASSERT_EQUAL(list[0].record.size, n_bad);
    CU_ASSERT_NSTRING_EQUAL(list[0].record.payload, bad, n_bad);
}

static void test_only_what_was_bad_is_put_aside(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_quarantined *list;
    size_t n;
    QUEUE_BENCH(b);
    picky.fails = 0;
    b.config.connector = &PICKY;
    bench_open(&b);
    put_list(&b, "axbx");
    CU_ASSERT(bench_wait_quarantined(&b, 2));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(export_quarantine_list(&ctx, b.q, 0, 10, &list, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_NSTRING_EQUAL(list[0].record.payload, "[\"xxxx\"]", list[0].record.size);
    CU_ASSERT_STRING_EQUAL(list[0].reason, "the peer says no");
}

/* A part that fails is the one that comes again, not the others. */
static void test_a_part_may_have_to_wait(void)
{
    QUEUE_BENCH(b);
    picky.fails = 2;
    b.config.connector = &PICKY;
    b.config.window = 1;
    bench_open(&b);
    put_list(&b, "abxd");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("abxd abxd abxd ab xd x d ");
    CU_ASSERT_EQUAL(bench_status(&b).retries, 2);
}

/* With more than one on the way, order is that of the lists all the same. */
static void test_parts_keep_their_place(void)
{
    QUEUE_BENCH(b);
    picky.fails = 0;
    b.config.connector = &PICKY;
    bench_open(&b);
    export_queue_pause(b.q, true);
    put_list(&b, "axc");
    put_list(&b, "de");
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 3);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "[\"aaaa\"]");
    CU_ASSERT_STRING_EQUAL(b.followed[1], "[\"cccc\"]");
    CU_ASSERT_STRING_EQUAL(b.followed[2], "[\"dddd\",\"eeee\"]");
}

/* Beside a backlog, what is new: each of them once, whichever has the turn while the other is in parts. */
static void test_halves_in_two_lanes(void)
{
    enum { LISTS = 6 };
    QUEUE_BENCH(b);
    picky.fails = 1;
    b.config.connector = &PICKY;
    b.config.live_first = true;
    b.config.retry_first_ms = b.config.retry_last_ms = 1;
    bench_open(&b);
    export_queue_pause(b.q, true);
    for (int i = 0; i < LISTS; i++) {
        put_list(&b, "axbc");
    }
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_retries(&b, 1)); /* then what comes has a lane of its own */
    for (int i = 0; i < LISTS; i++) {
        put_list(&b, "dexf");
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 2 * LISTS);
    unsigned items = 0;
    for (size_t i = 0; i < b.n_followed; i++) {
        for (const char *c = b.followed[i]; *c; c++) {
            items += *c == '"';
        }
        CU_ASSERT_PTR_NULL(strchr(b.followed[i], 'x'));
    }
    CU_ASSERT_EQUAL(items / 2, 2 * LISTS * 3);
}

static void test_a_list_beyond_the_size_is_cut(void)
{
    static const struct export_connector small = {.window = 1,
                                                  .max_bytes = 16,
                                                  .open = picky_open,
                                                  .send = picky_send,
                                                  .stop = picky_stop,
                                                  .close = picky_close};
    QUEUE_BENCH(b);
    picky.fails = 0;
    b.config.connector = &small;
    bench_open(&b);
    put_list(&b, "abcde");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("ab c de ");
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 0);
}

static void test_what_is_gathered_goes_in_halves(void)
{
    QUEUE_BENCH(b);
    picky.fails = 0;
    b.config.connector = &GATHERING;
    bench_open(&b);
    for (const char *letter = "abcdexgh"; *letter; letter++) {
        bench_put(&b, (char[]){*letter, 0});
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("abcdexgh abcd exgh ex e x gh ");
    CU_ASSERT_EQUAL(b.n_followed, 7);
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 1);
    for (const char *letter = "ijklmnop"; *letter; letter++) {
        bench_put(&b, (char[]){*letter, 0});
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("abcdexgh abcd exgh ex e x gh ijklmnop "); /* as before */
}

CU_TestInfo queue_split_tests[] = {
    {"a list goes in halves",           test_a_list_goes_in_halves          },
    {"a merged batch goes in halves",   test_a_merged_batch_goes_in_halves  },
    {"only what was bad is put aside",  test_only_what_was_bad_is_put_aside },
    {"a part may have to wait",         test_a_part_may_have_to_wait        },
    {"parts keep their place",          test_parts_keep_their_place         },
    {"halves in two lanes",             test_halves_in_two_lanes            },
    {"a list beyond the size is cut",   test_a_list_beyond_the_size_is_cut  },
    {"what is gathered goes in halves", test_what_is_gathered_goes_in_halves},
    CU_TEST_INFO_NULL,
};
