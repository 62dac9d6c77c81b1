/* The store's promises, on real files: uniqueness, order, labels, transactions, durability, errors.
 */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contracts/device.h"
#include "edge/store.h"
#include "edge/text.h"
#include "scratch.h"
#include "suites.h"

static const char *const UNIQUE[] = {"id", "name", NULL};
static const char *const INDEXED[] = {"serviceName", "discoveredDevice.profileName", NULL};
static const struct edge_collection WATCHERS = {"watcher", &PROVISION_WATCHER, UNIQUE, INDEXED,
                                                "labels"};
static const struct edge_collection *const COLLECTIONS[] = {&WATCHERS};

static struct edge_store *open_store(struct edge_ctx *ctx, const char *directory)
{
    struct edge_store *s = NULL;
    struct edge_store_config config = {
        .type = "sqlite", .file.path = edge_printf(&ctx->arena, "%s/deep/er/test.db", directory)};
    CU_ASSERT_EQUAL_FATAL(edge_store_open(ctx, &config, COLLECTIONS, 1, &s), EDGE_OK);
    return s;
}

static void store_done(struct edge_store **s)
{
    edge_store_close(*s);
}

/* One operation of a change, which is taken back where the verdict is not OK. */
struct step {
    struct edge_store *s;
    const struct provision_watcher *watcher; /* to be added or, with update, replaced */
    bool update;
    const struct edge_query *remove_all;
    const char *remove; /* by name */
    enum edge_status verdict;
    void (*look)(struct edge_ctx *ctx, struct step *step); /* from inside, once it is done */
    int after;                                             /* how often it was told */
};

static void told(void *arg)
{
    ((struct step *)arg)->after++;
}

static enum edge_status step_run(struct edge_ctx *ctx, void *arg)
{
    struct step *step = arg;
    edge_store_after(ctx, step->s, told, step);
    if (step->update) {
        EDGE_TRY(edge_store_update(ctx, step->s, &WATCHERS, step->watcher));
    } else if (step->watcher) {
        EDGE_TRY(edge_store_add(ctx, step->s, &WATCHERS, step->watcher));
    } else if (step->remove_all) {
        EDGE_TRY(edge_store_remove_all(ctx, step->s, step->remove_all));
    } else if (step->remove) {
        EDGE_TRY(edge_store_remove(ctx, step->s, &WATCHERS, "name", step->remove));
    }
    if (step->look) {
        step->look(ctx, step);
    }
    return step->verdict;
}

static enum edge_status change(struct edge_ctx *ctx, struct step step)
{
    enum edge_status st = edge_store_change(ctx, step.s, step_run, &step);
    CU_ASSERT_EQUAL(step.after, st == EDGE_OK);
    return st;
}

static const struct provision_watcher *watcher_of(struct edge_ctx *ctx, const char *name,
                                                  const char *service, const char *label)
{
    const char **labels = edge_new_n(&ctx->arena, const char *, 2);
    labels[0] = "all";
    labels[1] = label;
    struct watch_identifier *identifier = edge_new(&ctx->arena, struct watch_identifier);
    *identifier = (struct watch_identifier){"Port", "1.*"};
    struct provision_watcher *w = edge_new(&ctx->arena, struct provision_watcher);
    *w = (struct provision_watcher){
        .id = edge_uuid_make(&ctx->arena),
        .name = name,
        .service_name = service,
        .labels = labels,
        .n_labels = 2,
        .identifiers = identifier,
        .n_identifiers = 1,
        .admin_state = UNLOCKED,
        .discovered_device = {.profile_name = "P", .admin_state = UNLOCKED},
    };
    return w;
}

static enum edge_status add(struct edge_ctx *ctx, struct edge_store *s, const char *name,
                            const char *service, const char *label)
{
    return change(ctx, (struct step){.s = s, .watcher = watcher_of(ctx, name, service, label)});
}

static enum edge_status update(struct edge_ctx *ctx, struct edge_store *s,
                               const struct provision_watcher *w)
{
    return change(ctx, (struct step){.s = s, .watcher = w, .update = true});
}

static enum edge_status remove_named(struct edge_ctx *ctx, struct edge_store *s, const char *name)
{
    return change(ctx, (struct step){.s = s, .remove = name});
}

static void test_documents_come_back(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "w1", "svc", "red"), EDGE_OK);
    struct provision_watcher w;
    CU_ASSERT_EQUAL_FATAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(w.service_name, "svc");
    CU_ASSERT_STRING_EQUAL(w.identifiers[0].pattern, "1.*");
    CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w2", &w), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "id", w.id, &w), EDGE_OK);
}

static void test_unique_members_are_unique(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "w1", "svc", "red"), EDGE_OK);
    CU_ASSERT_EQUAL(add(&ctx, s, "w1", "svc", "red"), EDGE_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_CONFLICT), "name"));
}

static void test_queries_combine_and_keep_order(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(add(&ctx, s, edge_printf(&ctx.arena, "w%d", i), i % 2 ? "odd" : "even",
                            i < 5 ? "low" : "high"),
                        EDGE_OK);
    }
    const char *low[] = {"low", "all"};
    struct edge_query query = {.collection = &WATCHERS,
                               .terms = {{"serviceName", "even"}},
                               .n_terms = 1,
                               .labels = low,
                               .n_labels = 2,
                               .offset = 1,
                               .limit = -1};
    struct edge_texts found;
    int64_t n = 0;
    CU_ASSERT_EQUAL_FATAL(edge_store_find(&ctx, s, &query, &found), EDGE_OK);
    CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &query, &n), EDGE_OK);
    CU_ASSERT_EQUAL(n, 3);
    CU_ASSERT_EQUAL_FATAL(found.n, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.texts[0], "\"w2\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.texts[1], "\"w4\""));
    query = (struct edge_query){.collection = &WATCHERS,
                                .terms = {{"discoveredDevice.profileName", "P' OR 1=1 --"}},
                                .n_terms = 1,
                                .limit = -1};
    CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &query, &n), EDGE_OK);
    CU_ASSERT_EQUAL(n, 0);
}

static void test_terms_select_what_lies_below(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    static const char *const names[] = {"a",  "a/b/c", "ab", "a/b", "a.", "a0",
                                        "a/", "b",     "A/", "a%",  "/a", "a/\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT_EQUAL(add(&ctx, s, names[i], i % 2 ? "odd" : "even", "red"), EDGE_OK);
    }
    static const struct {
        const char *value;
        int64_t n, odd;
    } cases[] = {
        {"a",      5, 3},
        {"a/b",    2, 2},
        {"a/b/c",  1, 1},
        {"a/",     1, 0},
        {"",       1, 0},
        {"%",      0, 0},
        {"nobody", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_query query = {
            .collection = &WATCHERS,
            .terms = {{"name", cases[i].value, .below = true}, {"serviceName", "odd"}},
            .n_terms = 1
        };
        int64_t n = -1;
        CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &query, &n), EDGE_OK);
        CU_ASSERT_EQUAL(n, cases[i].n);
        query.n_terms = 2;
        CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &query, &n), EDGE_OK);
        CU_ASSERT_EQUAL(n, cases[i].odd);
    }
}

static void test_what_is_found_can_be_removed(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    static const char *const names[] = {"a", "a/b", "a/c", "ab", "b"};
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(add(&ctx, s, names[i], i < 4 ? "svc" : "other", "red"), EDGE_OK);
    }
    struct edge_query tree = {.collection = &WATCHERS, .terms = {{"name", "a", true}}};
    struct edge_query all = {.collection = &WATCHERS};
    int64_t n = 0;
    tree.n_terms = 1;
    struct step removal = {.s = s, .remove_all = &tree, .verdict = EDGE_INVALID};
    CU_ASSERT_EQUAL(change(&ctx, removal), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &all, &n), EDGE_OK);
    CU_ASSERT_EQUAL(n, 5);
    const char *text = NULL;
    CU_ASSERT_EQUAL(edge_store_get_text(&ctx, s, &WATCHERS, "name", "a/b", &text), EDGE_OK);
    removal.verdict = EDGE_OK;
    CU_ASSERT_EQUAL(change(&ctx, removal), EDGE_OK);
    CU_ASSERT_EQUAL(edge_store_get_text(&ctx, s, &WATCHERS, "name", "a/b", &text), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(change(&ctx, removal), EDGE_OK);
    CU_ASSERT_EQUAL(edge_store_count(&ctx, s, &all, &n), EDGE_OK);
    CU_ASSERT_EQUAL(n, 2);
}

struct walk {
    size_t n, stop_at;
    char seen[64];
};

static enum edge_status note(void *arg, const char *text, size_t len)
{
    struct walk *w = arg;
    CU_ASSERT_EQUAL(strlen(text), len);
    const char *name = strstr(text, "\"name\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    w->seen[w->n++] = name[8];
    return w->n == w->stop_at ? EDGE_TOO_LARGE : EDGE_OK;
}

static void test_a_walk_ends_where_it_is_told(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    static const char *const names[] = {"c", "a", "b", "d"};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(add(&ctx, s, names[i], "svc", "red"), EDGE_OK);
    }
    struct edge_query query = {.collection = &WATCHERS, .limit = -1};
    struct walk all = {0}, some = {.stop_at = 2};
    CU_ASSERT_EQUAL(edge_store_each(&ctx, s, &query, note, &all), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(all.seen, "cabd");
    CU_ASSERT_EQUAL(edge_store_each(&ctx, s, &query, note, &some), EDGE_TOO_LARGE);
    CU_ASSERT_STRING_EQUAL(some.seen, "ca");
    CU_ASSERT_EQUAL(add(&ctx, s, "e", "svc", "red"), EDGE_OK); /* nothing is left behind */
}

static enum edge_status add_up(void *arg, const char *text, size_t len)
{
    (void)text;
    *(size_t *)arg += len;
    return EDGE_OK;
}

/* However much is found, no more than a document of it is in memory, also where an index has it in
 * another order; and none where a member is all that is asked for. */
static void test_a_walk_holds_one_document(void)
{
    enum { N = 100, LARGE = 100000 };
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    char *large = edge_alloc(&ctx.arena, LARGE + 1, 1);
    memset(large, 'x', LARGE);
    for (int i = 0; i < N; i++) {
        EDGE_CTX_SCOPE(turn);
        const char *name = edge_printf(&turn.arena, "a/%02d", N - 1 - i);
        CU_ASSERT_EQUAL_FATAL(add(&turn, s, name, "svc", large), EDGE_OK);
    }
    const struct edge_term below = {"name", "a", true}, equal = {"serviceName", "svc", false};
    const char *labels[] = {"all"};
    struct edge_query queries[5] = {0};
    queries[0].terms[queries[0].n_terms++] = below;
    queries[1].terms[queries[1].n_terms++] = equal;
    queries[2].terms[queries[2].n_terms++] = below;
    queries[2].terms[queries[2].n_terms++] = equal;
    queries[3].labels = labels;
    queries[3].n_labels = 1;
    queries[4] = queries[0];
    queries[4].only = "name";
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct edge_query query = queries[i];
        size_t sum = 0;
        query.collection = &WATCHERS;
        query.limit = -1;
        int64_t before = sqlite3_memory_used();
        sqlite3_memory_highwater(1);
        CU_ASSERT_EQUAL(edge_store_each(&ctx, s, &query, add_up, &sum), EDGE_OK);
        CU_ASSERT_TRUE(query.only ? sum == N * 4 : sum > (size_t)N * LARGE);
        CU_ASSERT_TRUE(sqlite3_memory_highwater(0) - before < 2 * 1000 * 1000);
    }
    struct edge_query last = queries[4];
    struct walk w = {0};
    last.collection = &WATCHERS;
    last.only = NULL;
    last.offset = N - 3;
    last.limit = 2;
    CU_ASSERT_EQUAL(edge_store_each(&ctx, s, &last, note, &w), EDGE_OK); /* in order of creation */
    CU_ASSERT_EQUAL(w.n, 2);
}

static void test_updates_keep_their_place(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "w1", "svc", "red"), EDGE_OK);
    CU_ASSERT_EQUAL(add(&ctx, s, "w2", "svc", "red"), EDGE_OK);
    struct provision_watcher w;
    CU_ASSERT_EQUAL_FATAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_OK);
    w.service_name = "other";
    CU_ASSERT_EQUAL(update(&ctx, s, &w), EDGE_OK);
    w.name = "w2"; /* taken */
    CU_ASSERT_EQUAL(update(&ctx, s, &w), EDGE_CONFLICT);
    w.id = edge_uuid_make(&ctx.arena);
    CU_ASSERT_EQUAL(update(&ctx, s, &w), EDGE_NOT_FOUND);
    struct edge_query all = {.collection = &WATCHERS, .limit = -1};
    struct edge_texts found;
    CU_ASSERT_EQUAL_FATAL(edge_store_find(&ctx, s, &all, &found), EDGE_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.texts[0], "\"other\""));
    CU_ASSERT_EQUAL(remove_named(&ctx, s, "w1"), EDGE_OK);
    CU_ASSERT_EQUAL(remove_named(&ctx, s, "w1"), EDGE_NOT_FOUND);
}

static void look_for_w1(struct edge_ctx *ctx, struct step *step)
{
    struct provision_watcher w;
    CU_ASSERT_EQUAL(edge_store_get(ctx, step->s, &WATCHERS, "name", "w1", &w), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(w.service_name, step->watcher->service_name);
    CU_ASSERT_EQUAL(step->after, 0); /* told when it is durable, not before */
}

static void test_a_failed_change_leaves_nothing(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    struct provision_watcher w;
    struct step addition = {.s = s,
                            .watcher = watcher_of(&ctx, "w1", "svc", "red"),
                            .look = look_for_w1,
                            .verdict = EDGE_CONFLICT};
    CU_ASSERT_EQUAL(change(&ctx, addition), EDGE_CONFLICT);
    CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_NOT_FOUND);
    addition.verdict = EDGE_OK;
    CU_ASSERT_EQUAL(change(&ctx, addition), EDGE_OK);
    CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_OK);
}

static void test_what_is_read_often_stays_true(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "w1", "svc", "red"), EDGE_OK);
    struct provision_watcher w, again;
    for (int i = 0; i < 300; i++) {
        CU_ASSERT_EQUAL_FATAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_OK);
        w.service_name = edge_printf(&ctx.arena, "svc%d", i);
        bool kept = i % 3 != 0;
        struct step step = {.s = s, .watcher = &w, .update = true, .look = look_for_w1};
        step.verdict = kept ? EDGE_OK : EDGE_CONFLICT;
        CU_ASSERT_EQUAL(change(&ctx, step), step.verdict);
        CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &again), EDGE_OK);
        CU_ASSERT_EQUAL(strcmp(again.service_name, w.service_name) == 0, kept);
    }
    CU_ASSERT_EQUAL(remove_named(&ctx, s, "w1"), EDGE_OK);
    CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", "w1", &w), EDGE_NOT_FOUND);
}

/* ---- several writers ------------------------------------------------------------------------- */

enum { WRITERS = 4, TURNS = 100 };

/* The last name told of, for the order of what is told. */
struct counting {
    struct edge_store *s;
    int64_t value;
    _Atomic int64_t *told;
};

static void told_value(void *arg)
{
    const struct counting *c = arg;
    CU_ASSERT_EQUAL(atomic_load(c->told), c->value - 1); /* one after the other */
    atomic_store(c->told, c->value);
}

static enum edge_status count_on(struct edge_ctx *ctx, void *arg)
{
    struct counting *c = arg;
    struct provision_watcher w;
    EDGE_TRY(edge_store_get(ctx, c->s, &WATCHERS, "name", "counter", &w));
    c->value = strtoll(w.service_name, NULL, 10) + 1;
    w.service_name = edge_printf(&ctx->arena, "%lld", (long long)c->value);
    EDGE_TRY(edge_store_update(ctx, c->s, &WATCHERS, &w));
    edge_store_after(ctx, c->s, told_value, c);
    return EDGE_OK;
}

static void *count_often(void *arg)
{
    for (int i = 0; i < TURNS; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct counting c = *(const struct counting *)arg;
        CU_ASSERT_EQUAL(edge_store_change(&ctx, c.s, count_on, &c), EDGE_OK);
    }
    return NULL;
}

static void test_no_writer_loses_another_ones_change(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "counter", "0", "red"), EDGE_OK);
    _Atomic int64_t last = 0;
    struct counting c = {.s = s, .told = &last};
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count_often, &c), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct provision_watcher w;
    CU_ASSERT_EQUAL_FATAL(edge_store_get(&ctx, s, &WATCHERS, "name", "counter", &w), EDGE_OK);
    CU_ASSERT_EQUAL(strtol(w.service_name, NULL, 10), WRITERS * TURNS);
    CU_ASSERT_EQUAL(atomic_load(&last), WRITERS * TURNS);
}

/* Adds until it is killed; each name goes out on the pipe only after the store returned. */
static void write_until_killed(const char *directory, int round, int out)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_store *s = open_store(&ctx, directory);
    for (int i = 0;; i++) {
        EDGE_CTX_SCOPE(turn);
        char name[16] = {0};
        snprintf(name, sizeof(name), "r%d-%d", round, i);
        if (add(&turn, s, name, "svc", "x") != EDGE_OK || write(out, name, sizeof(name)) < 0) {
            _exit(1);
        }
    }
}

static void test_what_was_acknowledged_survives_kill(void)
{
    SCRATCH(dir);
    for (int round = 0; round < 5; round++) {
        int fds[2];
        CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            write_until_killed(dir.path, round, fds[1]);
        }
        close(fds[1]);
        char name[16], last[16] = "";
        for (int i = 0; i < 20 + round * 7 && read(fds[0], name, sizeof(name)) == sizeof(name);
             i++) {
            memcpy(last, name, sizeof(last));
        }
        kill(child, SIGKILL);
        while (read(fds[0], name, sizeof(name)) == sizeof(name)) {
            memcpy(last, name, sizeof(last));
        }
        close(fds[0]);
        waitpid(child, NULL, 0);
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
        struct provision_watcher w;
        CU_ASSERT_EQUAL(edge_store_get(&ctx, s, &WATCHERS, "name", last, &w), EDGE_OK);
    }
}

static void *read_often(void *store)
{
    size_t found = 0;
    for (int i = 0; i < 300; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct provision_watcher w;
        found += edge_store_get(&ctx, store, &WATCHERS, "name", "w0", &w) == EDGE_OK;
    }
    return (void *)found;
}

/* From inside of a change: the others read meanwhile. */
static void let_others_read(struct edge_ctx *ctx, struct step *step)
{
    (void)ctx;
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, read_often, step->s), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        void *found = NULL;
        pthread_join(threads[i], &found);
        CU_ASSERT_EQUAL((size_t)found, 300);
    }
}

static void test_readers_do_not_wait_for_a_writer(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(store_done) struct edge_store *s = open_store(&ctx, dir.path);
    CU_ASSERT_EQUAL(add(&ctx, s, "w0", "svc", "red"), EDGE_OK);
    CU_ASSERT_EQUAL(change(&ctx, (struct step){.s = s, .look = let_others_read}), EDGE_OK);
}

static void test_bad_files_are_named(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/not.db", dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database ", f);
    }
    fclose(f);
    struct edge_store *s = NULL;
    struct edge_store_config config = {.type = "sqlite", .file.path = path};
    CU_ASSERT_EQUAL(edge_store_open(&ctx, &config, COLLECTIONS, 1, &s), EDGE_DAMAGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_DAMAGED), path));
    config.type = "oracle";
    CU_ASSERT_EQUAL(edge_store_open(&ctx, &config, COLLECTIONS, 1, &s), EDGE_INVALID);
}

CU_TestInfo store_tests[] = {
    {"documents come back",                  test_documents_come_back                },
    {"unique members are unique",            test_unique_members_are_unique          },
    {"queries combine and keep order",       test_queries_combine_and_keep_order     },
    {"terms select what lies below",         test_terms_select_what_lies_below       },
    {"what is found can be removed",         test_what_is_found_can_be_removed       },
    {"a walk ends where it is told",         test_a_walk_ends_where_it_is_told       },
    {"a walk holds one document",            test_a_walk_holds_one_document          },
    {"updates keep their place",             test_updates_keep_their_place           },
    {"a failed change leaves nothing",       test_a_failed_change_leaves_nothing     },
    {"no writer loses another one's change", test_no_writer_loses_another_ones_change},
    {"what is read often stays true",        test_what_is_read_often_stays_true      },
    {"what was acknowledged survives kill",  test_what_was_acknowledged_survives_kill},
    {"readers do not wait for a writer",     test_readers_do_not_wait_for_a_writer   },
    {"bad files are named",                  test_bad_files_are_named                },
    CU_TEST_INFO_NULL,
};
