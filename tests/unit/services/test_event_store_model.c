/* The event store against a list in memory: thousands of events in random order, sealed, removed
 * and reopened in between; every question must have the list's answer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_support.h"
#include "suites.h"

enum { N_EVENTS = 1500, N_DEVICES = 4, N_SOURCES = 3 };

struct known {
    const struct event *event;
    size_t at; /* order of insertion */
    bool gone;
};

struct model {
    struct known events[N_EVENTS];
    size_t n;
    uint64_t random;
};

static uint32_t draw(struct model *m, uint32_t below)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->random >> 33) % below;
}

static const char *const DEVICES[N_DEVICES] = {"d0", "d1", "d2", "d3"};
static const char *const SOURCES[N_SOURCES] = {"s0", "s1", "s2"};

static bool event_matches(const struct event_filter *f, const struct event *e)
{
    return (!f->device || strcmp(f->device, e->device_name) == 0) &&
           (!f->source || strcmp(f->source, e->source_name) == 0) && e->origin >= f->start &&
           e->origin <= f->end;
}

static bool reading_matches(const struct event_filter *f, const struct reading *r)
{
    bool named = f->n_resources == 0;
    for (size_t i = 0; i < f->n_resources; i++) {
        named = named || strcmp(f->resources[i], r->resource_name) == 0;
    }
    return named && (!f->device || strcmp(f->device, r->device_name) == 0) &&
           r->origin >= f->start && r->origin <= f->end;
}

struct expected {
    int64_t origin;
    size_t at;
    const void *what;
};

static int newest_first(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    if (x->origin != y->origin) {
        return x->origin > y->origin ? -1 : 1;
    }
    return x->at < y->at ? -1 : 1;
}

static size_t expect_events(const struct model *m, const struct event_filter *f,
                            struct expected *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct known *k = &m->events[i];
        if (!k->gone && event_matches(f, k->event)) {
            ret[n++] = (struct expected){k->event->origin, i, k->event};
        }
    }
    qsort(ret, n, sizeof(*ret), newest_first);
    return n;
}

static size_t expect_readings(const struct model *m, const struct event_filter *f,
                              struct expected *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct known *k = &m->events[i];
        for (size_t j = 0; !k->gone && j < k->event->n_readings; j++) {
            const struct reading *r = &k->event->readings[j];
            if (reading_matches(f, r)) {
                ret[n++] = (struct expected){r->origin, i * 10 + j, r};
            }
        }
    }
    qsort(ret, n, sizeof(*ret), newest_first);
    return n;
}

static void check_events(struct store_fixture *f, const struct model *m,
                         const struct event_filter *filter, int64_t offset, int64_t limit)
{
    EDGE_CTX_SCOPE(ctx);
    struct expected *want = edge_new_n(&ctx.arena, struct expected, N_EVENTS);
    size_t n_want = expect_events(m, filter, want), n = 0;
    int64_t total = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, f->store, filter, &total), EDGE_OK);
    CU_ASSERT_EQUAL(total, (int64_t)n_want);
    struct event *got = NULL;
    CU_ASSERT_EQUAL(event_store_events(&ctx, f->store, filter, offset, limit, &got, &n), EDGE_OK);
    int64_t page = (int64_t)n_want - offset;
    page = page < 0 ? 0 : page > limit ? limit : page;
    CU_ASSERT_EQUAL_FATAL((int64_t)n, page);
    for (size_t i = 0; i < n; i++) {
        const struct event *e = want[(size_t)offset + i].what;
        CU_ASSERT_STRING_EQUAL(got[i].id, e->id);
        CU_ASSERT_EQUAL(got[i].n_readings, e->n_readings);
    }
}

static void check_readings(struct store_fixture *f, const struct model *m,
                           const struct event_filter *filter, int64_t offset, int64_t limit)
{
    EDGE_CTX_SCOPE(ctx);
    struct expected *want = edge_new_n(&ctx.arena, struct expected, N_EVENTS * 4);
    size_t n_want = expect_readings(m, filter, want), n = 0;
    int64_t total = -1;
    CU_ASSERT_EQUAL(event_store_count_readings(&ctx, f->store, filter, &total), EDGE_OK);
    CU_ASSERT_EQUAL(total, (int64_t)n_want);
    struct reading *got = NULL;
    CU_ASSERT_EQUAL(event_store_readings(&ctx, f->store, filter, offset, limit, &got, &n), EDGE_OK);
    int64_t page = (int64_t)n_want - offset;
    page = page < 0 ? 0 : page > limit ? limit : page;
    CU_ASSERT_EQUAL_FATAL((int64_t)n, page);
    for (size_t i = 0; i < n; i++) {
        const struct reading *r = want[(size_t)offset + i].what;
        CU_ASSERT_EQUAL(got[i].origin, r->origin);
        CU_ASSERT_STRING_EQUAL(got[i].value, r->value);
        CU_ASSERT_STRING_EQUAL(got[i].resource_name, r->resource_name);
        CU_ASSERT_STRING_EQUAL(got[i].device_name, r->device_name);
    }
}

static void check_some(struct store_fixture *f, struct model *m)
{
    static const char *const RESOURCES[] = {"r0", "r2", "none", "r0"};
    for (int i = 0; i < 12; i++) {
        struct event_filter filter = {EVENT_FILTER_ALL};
        if (draw(m, 2)) {
            filter.device = DEVICES[draw(m, N_DEVICES)];
        }
        if (draw(m, 3) == 0) {
            filter.source = SOURCES[draw(m, N_SOURCES)];
        }
        if (draw(m, 2)) {
            filter.resources = RESOURCES + draw(m, 2);
            filter.n_resources = 1 + draw(m, 3);
        }
        if (draw(m, 2)) {
            filter.start = draw(m, 1000);
            filter.end = filter.start + draw(m, 600);
        }
        int64_t offset = draw(m, 3) ? 0 : draw(m, 700), limit = 1 + draw(m, 60);
        check_readings(f, m, &filter, offset, limit);
        check_events(f, m, &filter, offset, limit);
    }
}

static void add_some(struct store_fixture *f, struct model *m, size_t n)
{
    struct latch l;
    latch_init(&l, n);
    struct latched_job *jobs = edge_new_n(&f->ctx.arena, struct latched_job, n);
    for (size_t i = 0; i < n; i++) {
        /* Mostly forward in time, with jumps back and many equal origins. */
        int64_t origin = draw(m, 5) ? (int64_t)m->n / 2 : draw(m, 1000);
        struct event *e = make_event(&f->ctx.arena, DEVICES[draw(m, N_DEVICES)],
                                     SOURCES[draw(m, N_SOURCES)], origin, 1 + draw(m, 4));
        for (size_t k = 0; k < e->n_readings; k++) {
            e->readings[k].origin += draw(m, 3);
        }
        m->events[m->n] = (struct known){e, m->n, false};
        m->n++;
        jobs[i].job = (struct event_job){.kind = EVENT_ADD, .event = e};
        latched_submit(f->store, &jobs[i], &l);
    }
    latch_wait(&l);
    CU_ASSERT_EQUAL(l.st, EDGE_OK);
}

static void note_removed(struct model *m, const struct event_filter *filter)
{
    for (size_t i = 0; i < m->n; i++) {
        m->events[i].gone = m->events[i].gone || event_matches(filter, m->events[i].event);
    }
}

/* Several at once, which may take the same events. */
static void remove_each(struct store_fixture *f, struct model *m)
{
    struct event_removal removals[6];
    for (size_t i = 0; i < 6; i++) {
        const struct event *e = m->events[draw(m, (uint32_t)m->n)].event;
        removals[i] = (struct event_removal){
            .device = i % 3 == 2 ? NULL : e->device_name,
            .source = i % 3 == 1 ? NULL : e->source_name,
            .cutoff = (int64_t)draw(m, (uint32_t)m->n / 4 + 1),
        };
        note_removed(m, &(struct event_filter){.device = removals[i].device,
                                               .source = removals[i].source,
                                               .start = INT64_MIN,
                                               .end = removals[i].cutoff});
    }
    CU_ASSERT_EQUAL(store_do(f, &(struct event_job){.kind = EVENT_REMOVE_EACH,
                                                    .removals = removals,
                                                    .n_removals = 6}),
                    EDGE_OK);
    event_store_settle(f->store);
}

static void remove_some(struct store_fixture *f, struct model *m)
{
    struct event_filter filter = {EVENT_FILTER_ALL};
    const struct known *one = &m->events[draw(m, (uint32_t)m->n)];
    switch (draw(m, 5)) {
    case 4:
        remove_each(f, m);
        return;
    case 0:
        filter.end = (int64_t)m->n / 8;
        break;
    case 1:
        filter.device = one->event->device_name;
        filter.end = (int64_t)m->n / 3;
        break;
    case 2:
        filter.device = one->event->device_name;
        filter.source = one->event->source_name;
        break;
    default:
        CU_ASSERT_EQUAL(store_remove_id(f, one->event->id), one->gone ? EDGE_NOT_FOUND : EDGE_OK);
        ((struct known *)one)->gone = true;
        return;
    }
    CU_ASSERT_EQUAL(store_remove(f, filter.device, filter.source, filter.end), EDGE_OK);
    note_removed(m, &filter);
}

static void test_answers_equal_the_lists(void)
{
    STORE_FIXTURE(f);
    struct model *m = edge_new(&f.ctx.arena, struct model);
    m->random = 42;
    while (m->n < N_EVENTS - 40) {
        add_some(&f, m, 1 + draw(m, 40));
        switch (draw(m, 6)) {
        case 0:
            event_store_settle(f.store);
            break;
        case 1:
            store_reopen(&f);
            break;
        case 2:
            remove_some(&f, m);
            break;
        default:
            break;
        }
        check_some(&f, m);
    }
}

static void test_deep_pages_equal_the_lists(void)
{
    STORE_FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    f.config.segment_readings = 4000;
    f.config.segment_events = 1000;
    store_reopen(&f);
    enum { N = 12000 };
    struct latch l;
    latch_init(&l, N);
    struct latched_job *jobs = edge_new_n(&ctx.arena, struct latched_job, N);
    for (int64_t i = 0; i < N; i++) { /* origins 0..3999, each three times */
        jobs[i].job = (struct event_job){
            .kind = EVENT_ADD, .event = make_event(&ctx.arena, "d", "s", i * 7 % 4000, 1)};
        latched_submit(f.store, &jobs[i], &l);
    }
    latch_wait(&l);
    event_store_settle(f.store);
    struct event_filter all = {EVENT_FILTER_ALL};
    static const int64_t OFFSETS[] = {4097, 5000, 8191, 11998, 11999, 12000};
    for (size_t k = 0; k < sizeof(OFFSETS) / sizeof(OFFSETS[0]); k++) {
        struct reading *got = NULL;
        size_t n = 0;
        CU_ASSERT_EQUAL(event_store_readings(&ctx, f.store, &all, OFFSETS[k], 5, &got, &n),
                        EDGE_OK);
        CU_ASSERT_EQUAL((int64_t)n, N - OFFSETS[k] < 5 ? N - OFFSETS[k] : 5);
        for (size_t i = 0; i < n; i++) {
            CU_ASSERT_EQUAL(got[i].origin, 3999 - (OFFSETS[k] + (int64_t)i) / 3);
        }
    }
}

static void test_origins_may_be_anything(void)
{
    STORE_FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    enum { N = 5000 };
    struct latch l;
    latch_init(&l, N);
    struct latched_job *jobs = edge_new_n(&ctx.arena, struct latched_job, N);
    for (int64_t i = 0; i < N; i++) {
        int64_t origin = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? INT64_MAX : i;
        jobs[i].job = (struct event_job){.kind = EVENT_ADD,
                                         .event = make_event(&ctx.arena, "d", "s", origin, 1)};
        jobs[i].job.event->readings[0].value = "1";
        latched_submit(f.store, &jobs[i], &l);
    }
    latch_wait(&l);
    event_store_settle(f.store);
    static const struct {
        int64_t offset, origin;
    } rows[] = {
        {0,    INT64_MAX},
        {1666, INT64_MAX},
        {1667, 4997     },
        {4200, INT64_MIN},
        {4999, INT64_MIN},
    };
    struct event_filter all = {EVENT_FILTER_ALL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct event *got = NULL;
        size_t n = 0;
        CU_ASSERT_EQUAL(event_store_events(&ctx, f.store, &all, rows[i].offset, 1, &got, &n),
                        EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(n, 1);
        CU_ASSERT_EQUAL(got[0].origin, rows[i].origin);
    }
    struct event_filter range = {.start = INT64_MIN + 1, .end = INT64_MAX - 1};
    int64_t n = 0;
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, f.store, &range, &n), EDGE_OK);
    CU_ASSERT_EQUAL(n, 1666);
}

CU_TestInfo event_store_model_tests[] = {
    {"answers equal the list's",    test_answers_equal_the_lists   },
    {"deep pages equal the list's", test_deep_pages_equal_the_lists},
    {"origins may be anything",     test_origins_may_be_anything   },
    CU_TEST_INFO_NULL,
};
