/* An event store whose files are damaged: what is put aside and what is left alone, that nothing is ever lost by
 * it, and that service goes on. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damages.h"
#include "edge/metrics.h"
#include "store_support.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct event_filter ALL = {EVENT_FILTER_ALL};

enum { EVENTS = 40, READINGS = 20, HEAD = 32 };

/* ---- the event store ------------------------------------------------------------------------- */

static void add_events(struct store_fixture *f, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_EQUAL(store_add(f, make_event(&ctx.arena, "d", "s", i, READINGS)), EDGE_OK);
    }
}

static int64_t n_events(struct store_fixture *f)
{
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&f->ctx, f->store, &ALL, &n), EDGE_OK);
    return n;
}

static void close_store(struct store_fixture *f)
{
    event_store_close(f->store);
    f->store = NULL;
}

static size_t n_aside(struct store_fixture *f, const char *end, char *ret_path, size_t size)
{
    return files_kept(f->dir.path, "core-data.db.corrupt-", end, ret_path, size);
}

static void test_a_damaged_event_store_is_put_aside(void)
{
    STORE_FIXTURE(f);
    add_events(&f, EVENTS);
    event_store_settle(f.store);
    close_store(&f);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf whole;
    file_read(&whole, f.path);
    for (size_t i = 0; i < N_DAMAGES; i++) {
        char kept[256] = "";
        size_t before = n_aside(&f, "", kept, sizeof(kept));
        EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes = EDGE_BUF_INIT;
        edge_buf_put(&bytes, whole.data, whole.len);
        DAMAGES[i].damage(&bytes);
        file_write(&bytes, f.path);
        f.config.file.metrics = edge_metrics_create("core-data");
        store_reopen(&f);
        bool aside = n_aside(&f, "", kept, sizeof(kept)) == before + 1;
        if (!aside) {
            fprintf(stderr, "not put aside: %s\n", DAMAGES[i].name);
        }
        CU_ASSERT_TRUE(aside);
        CU_ASSERT_EQUAL(edge_counter_get(edge_counter(f.config.file.metrics, "StoresPutAside", "")),
                        1);
        CU_ASSERT_EQUAL(n_events(&f), 0);
        add_events(&f, 1);
        store_reopen(&f);
        CU_ASSERT_EQUAL(n_events(&f), 1);
        close_store(&f);
        edge_metrics_free(f.config.file.metrics);
        f.config.file.metrics = NULL;
        struct stat st;
        CU_ASSERT_EQUAL(stat(f.path, &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
    }
    char kept[256] = "";
    CU_ASSERT_EQUAL(n_aside(&f, "", kept, sizeof(kept)), N_DAMAGES);
}

/* What is put aside is what was there, byte for byte, log and all, however many there are. */
static void test_what_is_put_aside_is_kept_whole(void)
{
    STORE_FIXTURE(f);
    add_events(&f, EVENTS);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf log;
    file_read(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
    junk(&log, HEAD, log.len - HEAD, 0x5a); /* or the store would be made whole from it */
    close_store(&f);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_printf(&text, "%0*d", 3 * PAGE, 1);
    char kept[256] = "";
    for (size_t round = 1; round <= 3; round++) {
        file_write(&text, f.path);
        file_write(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
        store_reopen(&f);
        close_store(&f);
        CU_ASSERT_EQUAL(n_aside(&f, "", kept, sizeof(kept)), round);
        CU_ASSERT_EQUAL(n_aside(&f, "-wal", kept, sizeof(kept)), round);
        CU_ASSERT_TRUE(file_has(kept, &log));
        kept[strlen(kept) - 4] = '\0';
        CU_ASSERT_TRUE(file_has(kept, &text)); /* of the same name: SQLite takes both together */
    }
}

/* A file that lost all its bytes would be taken for a new one, and its log dropped. */
static void test_a_log_without_its_file_is_kept(void)
{
    STORE_FIXTURE(f);
    add_events(&f, EVENTS);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf log;
    file_read(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
    close_store(&f);
    for (size_t round = 0; round < 2; round++) {
        file_write(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
        CU_ASSERT_EQUAL(truncate(f.path, 0), 0);
        if (round == 1) {
            unlink(f.path);
        }
        store_reopen(&f);
        CU_ASSERT_EQUAL(n_events(&f), 0);
        close_store(&f);
        char kept[256] = "";
        CU_ASSERT_EQUAL(n_aside(&f, "-wal", kept, sizeof(kept)), round + 1);
        CU_ASSERT_TRUE(file_has(kept, &log));
    }
}

/* ---- the log --------------------------------------------------------------------------------- */

static void head_other_magic(struct edge_buf *b)
{
    b->data[3] ^= 0x40;
}

static void head_other_salt(struct edge_buf *b)
{
    b->data[17] ^= 1;
}

static void head_other_sum(struct edge_buf *b)
{
    b->data[31] ^= 1;
}

static void head_zeros(struct edge_buf *b)
{
    junk(b, 0, HEAD, 0);
}

static void sector_of_junk(struct edge_buf *b)
{
    junk(b, 0, 512, 0x5a);
}

static void as_it_is(struct edge_buf *b)
{
    (void)b;
}

static void torn_frame(struct edge_buf *b)
{
    b->len -= 100;
}

static void torn_head(struct edge_buf *b)
{
    b->len = HEAD - 7;
}

static void head_only(struct edge_buf *b)
{
    b->len = HEAD;
}

static void empty(struct edge_buf *b)
{
    b->len = 0;
}

static void all_zeros(struct edge_buf *b)
{
    junk(b, 0, b->len, 0);
}

static void frames_of_junk(struct edge_buf *b)
{
    junk(b, HEAD, b->len - HEAD, 0x5a);
}

static void bit_in_the_first_frame(struct edge_buf *b)
{
    b->data[HEAD + 24 + 100] ^= 1;
}

static void bit_in_the_middle(struct edge_buf *b)
{
    b->data[b->len / 2] ^= 1;
}

static void bit_at_the_end(struct edge_buf *b)
{
    b->data[b->len - 100] ^= 1;
}

static const struct {
    const char *name;
    void (*change)(struct edge_buf *log);
    bool reported, all; /* all: every event is there afterwards */
} LOGS[] = {
    {"a bit at first", bit_in_the_first_frame, true,  false},
    {"a bit inside",   bit_in_the_middle,      true,  false},
    {"a bit at last",  bit_at_the_end,         false, false},
    {"other magic",    head_other_magic,       true,  false},
    {"other salt",     head_other_salt,        true,  false},
    {"other sum",      head_other_sum,         true,  false},
    {"zeros ahead",    head_zeros,             true,  false},
    {"junk ahead",     sector_of_junk,         true,  false},
    {"as it is",       as_it_is,               false, true },
    {"torn frame",     torn_frame,             false, false},
    {"torn head",      torn_head,              false, false},
    {"head only",      head_only,              false, false},
    {"empty",          empty,                  false, false},
    {"all zeros",      all_zeros,              false, false},
    {"frames of junk", frames_of_junk,         false, false},
};

static void test_a_log_with_a_damaged_head_is_kept(void)
{
    STORE_FIXTURE(f);
    add_events(&f, EVENTS);
    store_reopen(&f); /* what is in the file now is there whatever happens to the log */
    EDGE_CLEANUP(edge_buf_done) struct edge_buf file;
    file_read(&file, f.path);
    add_events(&f, EVENTS);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf log;
    file_read(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
    close_store(&f);
    size_t expected = 0;
    for (size_t i = 0; i < N(LOGS); i++) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes = EDGE_BUF_INIT;
        edge_buf_put(&bytes, log.data, log.len);
        LOGS[i].change(&bytes);
        file_write(&file, f.path);
        file_write(&bytes, edge_printf(&f.ctx.arena, "%s-wal", f.path));
        store_reopen(&f);
        int64_t n = n_events(&f);
        close_store(&f);
        char kept[256] = "";
        expected += LOGS[i].reported;
        bool right = n_aside(&f, "-wal", kept, sizeof(kept)) == expected &&
                     n_aside(&f, "", kept, sizeof(kept)) == 0;
        if (!right) {
            fprintf(stderr, "log: %s\n", LOGS[i].name);
        }
        CU_ASSERT_TRUE(right);
        CU_ASSERT(n >= EVENTS);
        CU_ASSERT(n == 2L * EVENTS || !LOGS[i].all);
        if (LOGS[i].change == bit_in_the_middle) { /* what was before it counts */
            CU_ASSERT(n > EVENTS && n < 2L * EVENTS);
        } else {
            CU_ASSERT(n == EVENTS || !LOGS[i].reported);
        }
    }
}

/* A log that begins anew keeps old frames behind its new ones. */
static void test_a_log_begun_anew_is_fine(void)
{
    STORE_FIXTURE(f);
    f.config.segment_readings = 100000;
    f.config.segment_events = 100000;
    store_reopen(&f);
    char kept[256] = "", path[128], beside[sizeof(path) + 4];
    snprintf(path, sizeof(path), "%s/copy.db", f.dir.path);
    snprintf(beside, sizeof(beside), "%s-wal", path);
    struct event_store_config config = f.config;
    config.file.path = path;
    for (int round = 0; round < 30; round++) { /* across some checkpoints, of a thousand pages */
        add_events(&f, 30);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf file;
        EDGE_CLEANUP(edge_buf_done) struct edge_buf log;
        event_store_settle(f.store);
        file_read(&file, f.path);
        file_read(&log, edge_printf(&f.ctx.arena, "%s-wal", f.path));
        file_write(&file, path);
        file_write(&log, beside);
        EDGE_CTX_SCOPE(ctx);
        struct event_store *copy = NULL;
        CU_ASSERT_EQUAL_FATAL(event_store_open(&ctx, &config, &copy), EDGE_OK);
        int64_t n = 0;
        CU_ASSERT_EQUAL(event_store_count_events(&ctx, copy, &ALL, &n), EDGE_OK);
        CU_ASSERT_EQUAL(n, (round + 1) * 30);
        event_store_close(copy);
    }
    CU_ASSERT_EQUAL(files_kept(f.dir.path, ".corrupt-", "", kept, sizeof(kept)), 0);
    CU_ASSERT_EQUAL(files_kept(f.dir.path, ".corrupt-", "-wal", kept, sizeof(kept)), 0);
}

/* ---- damage that shows while running ----------------------------------------------------------- */

static enum edge_status read_all(struct store_fixture *f, const char **ret_why)
{
    struct event *events = NULL;
    size_t n = 0;
    edge_ctx_clear(&f->ctx);
    enum edge_status st = event_store_events(&f->ctx, f->store, &ALL, 0, 1000, &events, &n);
    *ret_why = st == EDGE_OK ? "" : edge_ctx_message(&f->ctx, st);
    return st;
}

/* Sealed segments are not read when the store opens. */
static void damage_a_sealed_segment(struct store_fixture *f, struct edge_buf *ret_whole)
{
    add_events(f, EVENTS);
    event_store_settle(f->store);
    close_store(f);
    file_read(ret_whole, f->path);
    int64_t page = root_page(f->path, "reading_1");
    EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes = EDGE_BUF_INIT;
    edge_buf_put(&bytes, ret_whole->data, ret_whole->len);
    junk(&bytes, (size_t)(page - 1) * PAGE, PAGE, 0x5a);
    file_write(&bytes, f->path);
}

static void expect_damage_is_noted(struct store_fixture *f)
{
    const char *why = "";
    char kept[256] = "";
    store_reopen(f);
    CU_ASSERT_EQUAL(n_events(f), EVENTS);
    CU_ASSERT_EQUAL(access(edge_printf(&f->ctx.arena, "%s.damaged", f->path), F_OK), -1);
    CU_ASSERT_EQUAL(edge_status_http(read_all(f, &why)), 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "malformed"));
    CU_ASSERT_EQUAL(access(edge_printf(&f->ctx.arena, "%s.damaged", f->path), F_OK), 0);
    add_events(f, 1);
    CU_ASSERT_EQUAL(n_events(f), EVENTS + 1);
    CU_ASSERT_EQUAL(n_aside(f, "", kept, sizeof(kept)), 0);
}

static void test_damage_met_while_running_is_settled_at_the_next_start(void)
{
    STORE_FIXTURE(f);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf whole;
    damage_a_sealed_segment(&f, &whole);
    f.config.file.metrics = edge_metrics_create("core-data");
    const struct edge_gauge *shown = edge_gauge(f.config.file.metrics, "StoreDamaged", "");
    expect_damage_is_noted(&f);
    CU_ASSERT_EQUAL(edge_gauge_get(shown), 1);
    char kept[256] = "";
    store_reopen(&f);
    CU_ASSERT_EQUAL(edge_gauge_get(shown), 0);
    CU_ASSERT_EQUAL(n_aside(&f, "", kept, sizeof(kept)), 1);
    CU_ASSERT_EQUAL(n_events(&f), 0);
    CU_ASSERT_EQUAL(access(edge_printf(&f.ctx.arena, "%s.damaged", f.path), F_OK), -1);
    /* All that was acknowledged and can be read is in the file that was kept. */
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    CU_ASSERT_EQUAL(sqlite3_open(kept, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, "SELECT count(*) FROM reading_2", -1, &stmt, NULL),
                    SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_step(stmt), SQLITE_ROW);
    CU_ASSERT(sqlite3_column_int(stmt, 0) > 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    close_store(&f);
    edge_metrics_free(f.config.file.metrics);
}

/* A bit that fell over in memory, a cable: what was noted is looked for before anything is put aside. */
static void test_damage_that_is_gone_costs_nothing(void)
{
    STORE_FIXTURE(f);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf whole;
    damage_a_sealed_segment(&f, &whole);
    expect_damage_is_noted(&f);
    close_store(&f);
    file_write(&whole, f.path);
    const char *why = "";
    char kept[256] = "";
    store_reopen(&f);
    CU_ASSERT_EQUAL(read_all(&f, &why), EDGE_OK);
    CU_ASSERT_EQUAL(n_events(&f), EVENTS);
    CU_ASSERT_EQUAL(n_aside(&f, "", kept, sizeof(kept)), 0);
    CU_ASSERT_EQUAL(access(edge_printf(&f.ctx.arena, "%s.damaged", f.path), F_OK), -1);
}

/* ---- any damage ------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void damage_anyhow(struct edge_buf *b, uint64_t *random)
{
    size_t at = next_random(random) % b->len, n = 1 + next_random(random) % 4;
    switch (next_random(random) % 5) {
    case 0:
        junk(b, at, PAGE, (int)(next_random(random) & 0xff));
        break;
    case 1:
        b->len = at;
        break;
    case 2: /* one page over another */
        memmove(b->data + at / PAGE * PAGE, b->data + next_random(random) % (b->len / PAGE) * PAGE,
                PAGE);
        break;
    case 3: /* where it hurts most */
        at = next_random(random) % (2 * PAGE);
        b->data[at % b->len] = (char)next_random(random);
        break;
    default:
        while (n-- > 0) {
            b->data[next_random(random) % b->len] = (char)next_random(random);
        }
    }
}

/* Whatever happened to it: the store opens, takes events, and answers or says why not. */
static void test_no_damage_keeps_the_store_from_opening(void)
{
    enum { ROUNDS = 200 };
    STORE_FIXTURE(f);
    add_events(&f, EVENTS);
    event_store_settle(f.store);
    close_store(&f);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf whole;
    file_read(&whole, f.path);
    uint64_t random = 0x20261127;
    for (int round = 0; round < ROUNDS; round++) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes = EDGE_BUF_INIT;
        edge_buf_put(&bytes, whole.data, whole.len);
        damage_anyhow(&bytes, &random);
        file_write(&bytes, f.path);
        unlink(edge_printf(&f.ctx.arena, "%s.damaged", f.path));
        EDGE_CTX_SCOPE(ctx);
        enum edge_status st = event_store_open(&ctx, &f.config, &f.store);
        if (st != EDGE_OK) { /* another program's mark, or a later version's: not ours to move */
            CU_ASSERT_EQUAL(st, EDGE_FORBIDDEN);
            continue;
        }
        const char *why = "";
        (void)read_all(&f, &why);
        (void)store_add(&f, make_event(&ctx.arena, "e", "s", 1, 2));
        close_store(&f);
    }
    unlink(f.path);
    unlink(edge_printf(&f.ctx.arena, "%s.damaged", f.path));
    store_reopen(&f);
}

CU_TestInfo damaged_stores_tests[] = {
    {"a damaged event store is put aside",                    test_a_damaged_event_store_is_put_aside    },
    {"what is put aside is kept whole",                       test_what_is_put_aside_is_kept_whole       },
    {"a log without its file is kept",                        test_a_log_without_its_file_is_kept        },
    {"a log with a damaged head is kept",                     test_a_log_with_a_damaged_head_is_kept     },
    {"a log begun anew is fine",                              test_a_log_begun_anew_is_fine              },
    {"damage met while running is settled at the next start",
     test_damage_met_while_running_is_settled_at_the_next_start                                          },
    {"damage that is gone costs nothing",                     test_damage_that_is_gone_costs_nothing     },
    {"no damage keeps the store from opening",                test_no_damage_keeps_the_store_from_opening},
    CU_TEST_INFO_NULL,
};
