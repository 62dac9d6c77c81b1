/* The worker pool: bounds, order, idle ends, draining. */
#include <stdatomic.h>
#include <stdlib.h>

#include "edge/clock.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "suites.h"
#include "wait.h"

static atomic_uint done;

static void count_one(void *unused)
{
    (void)unused;
    done++;
}

static void pass_gate(void *gate)
{
    gate_pass(gate);
    done++;
}

static bool no_threads(void *pool)
{
    return edge_pool_threads(pool) == 0;
}

static void test_free_finishes_what_is_queued(void)
{
    done = 0;
    struct edge_pool *p = edge_pool_create("test", 4, 1000);
    unsigned taken = 0;
    for (int i = 0; i < 1000; i++) {
        taken += edge_pool_submit(p, count_one, NULL);
    }
    CU_ASSERT(edge_pool_threads(p) <= 4);
    edge_pool_free(p);
    CU_ASSERT_EQUAL(taken, 1000);
    CU_ASSERT_EQUAL(done, 1000);
    edge_pool_free(NULL);
}

static void test_a_full_queue_refuses(void)
{
    done = 0;
    struct gate *gate = gate_create();
    struct edge_pool *p = edge_pool_create("test", 2, 3);
    CU_ASSERT(edge_pool_submit(p, pass_gate, gate));
    CU_ASSERT(edge_pool_submit(p, pass_gate, gate));
    CU_ASSERT(gate_wait_for(gate, 2)); /* both workers are busy, nothing is queued */
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(edge_pool_submit(p, count_one, NULL));
    }
    CU_ASSERT_FALSE(edge_pool_submit(p, count_one, NULL));
    CU_ASSERT_EQUAL(edge_pool_threads(p), 2);
    gate_open(gate);
    edge_pool_free(p);
    CU_ASSERT_EQUAL(done, 5);
    gate_free(gate);
}

struct ordered {
    unsigned index, *next, *wrong;
};

static void check_order(void *arg)
{
    struct ordered *o = arg;
    *o->wrong += *o->next != o->index;
    (*o->next)++;
}

static void test_one_worker_keeps_the_order(void)
{
    enum { N = 100 };
    static struct ordered jobs[N];
    unsigned next = 0, wrong = 0;
    struct edge_pool *p = edge_pool_create("test", 1, 7);
    for (unsigned i = 0; i < N; i++) {
        jobs[i] = (struct ordered){i, &next, &wrong};
        while (!edge_pool_submit(p, check_order, &jobs[i])) {
            sched_yield(); /* the ring is smaller than the work, so it wraps */
        }
    }
    edge_pool_free(p);
    CU_ASSERT_EQUAL(next, N);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void test_idle_workers_end_and_come_back(void)
{
    done = 0;
    struct edge_pool *p = edge_pool_create_idle("test", 8, 100, 5);
    for (unsigned round = 1; round <= 3; round++) {
        struct gate *gate = gate_create();
        for (int i = 0; i < 5; i++) {
            CU_ASSERT(edge_pool_submit(p, pass_gate, gate));
        }
        CU_ASSERT(gate_wait_for(gate, 5));
        CU_ASSERT_EQUAL(edge_pool_threads(p), 5);
        gate_open(gate);
        CU_ASSERT(wait_until(no_threads, p, 10000));
        CU_ASSERT_EQUAL(done, 5 * round);
        gate_free(gate);
    }
    edge_pool_free(p);
}

static bool one_is_done(void *unused)
{
    (void)unused;
    return done > 0;
}

static void test_a_lone_job_needs_no_crowd(void)
{
    struct edge_pool *p = edge_pool_create("test", 8, 100);
    for (int i = 0; i < 50; i++) {
        done = 0;
        CU_ASSERT(edge_pool_submit(p, count_one, NULL));
        CU_ASSERT(wait_until(one_is_done, NULL, 10000));
    }
    CU_ASSERT(edge_pool_threads(p) <= 3); /* more than one: it may not be idle again in time */
    edge_pool_free(p);
}

struct submitter {
    struct edge_pool *pool;
    unsigned taken;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    for (int i = 0; i < 2000; i++) {
        s->taken += edge_pool_submit(s->pool, count_one, NULL);
    }
    return NULL;
}

static void test_many_submitters(void)
{
    done = 0;
    struct edge_pool *p = edge_pool_create_idle("test", 3, 50, 1);
    struct submitter submitters[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        submitters[i] = (struct submitter){p, 0};
        threads[i] = edge_thread_start("submit", submit_many, &submitters[i]);
    }
    unsigned taken = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        taken += submitters[i].taken;
    }
    edge_pool_free(p);
    CU_ASSERT(taken > 0);
    CU_ASSERT_EQUAL(done, taken);
}

static void submit_again(void *pool)
{
    done++;
    (void)edge_pool_submit(pool, submit_again, pool);
}

static void test_free_refuses_new_work(void)
{
    done = 0;
    struct edge_pool *p = edge_pool_create("test", 2, 10);
    CU_ASSERT(edge_pool_submit(p, submit_again, p));
    edge_pool_free(p); /* ends although the job would go on for ever */
    CU_ASSERT(done >= 1);
}

static void test_a_closed_pool_refuses(void)
{
    done = 0;
    struct edge_pool *p = edge_pool_create("test", 2, 10);
    CU_ASSERT(edge_pool_submit(p, count_one, NULL));
    edge_pool_close(p);
    CU_ASSERT_EQUAL(done, 1);
    CU_ASSERT_EQUAL(edge_pool_threads(p), 0);
    CU_ASSERT_FALSE(edge_pool_submit(p, count_one, NULL));
    edge_pool_close(p);
    edge_pool_free(p);
    CU_ASSERT_EQUAL(done, 1);
}

/* ---- waiting for peers ------------------------------------------------------------------------ */

struct peer {
    const char *name;
    struct edge_mutex lock;
    struct edge_cond changed;
    unsigned waiting EDGE_GUARDED, refused EDGE_GUARDED;
    bool answers EDGE_GUARDED;
};

static void peer_make(struct peer *peer, const char *name)
{
    *peer = (struct peer){.name = name};
    edge_mutex_init(&peer->lock);
    edge_cond_init(&peer->changed);
}

static void peer_answer(struct peer *peer)
{
    EDGE_LOCK(&peer->lock);
    peer->answers = true;
    edge_cond_broadcast(&peer->changed);
}

static void peer_done(struct peer *peer)
{
    edge_cond_done(&peer->changed);
    edge_mutex_done(&peer->lock);
}

static void ask_peer(void *arg)
{
    struct peer *peer = arg;
    struct edge_wait wait;
    bool may = edge_wait_begin(&wait, peer->name);
    {
        EDGE_LOCK(&peer->lock);
        peer->waiting += may;
        peer->refused += !may;
        edge_cond_broadcast(&peer->changed);
        while (may && !peer->answers) {
            edge_wait_on(&peer->changed, &peer->lock, EDGE_NO_DEADLINE);
        }
    }
    if (may) {
        edge_wait_end(&wait);
    }
    done++;
}

static bool come(struct peer *peer, unsigned waiting, unsigned refused)
{
    int64_t deadline = edge_now_mono_ms() + 10000;
    EDGE_LOCK(&peer->lock);
    while (peer->waiting < waiting || peer->refused < refused) {
        if (!edge_cond_wait_until(&peer->changed, &peer->lock, deadline)) {
            return false;
        }
    }
    return true;
}

static void test_who_waits_for_a_peer_is_replaced(void)
{
    done = 0;
    struct peer peer;
    peer_make(&peer, "silent");
    struct edge_pool *p = edge_pool_create("test", 2, 100);
    edge_pool_lend(p, 20, 20);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT(edge_pool_submit(p, ask_peer, &peer));
    }
    CU_ASSERT(edge_pool_submit(p, count_one, NULL));
    CU_ASSERT(come(&peer, 10, 0));
    CU_ASSERT(wait_until(one_is_done, NULL, 10000));
    CU_ASSERT(edge_pool_threads(p) <= 12);
    peer_answer(&peer);
    edge_pool_free(p);
    CU_ASSERT_EQUAL(done, 11);
    peer_done(&peer);
}

static void test_a_crowd_at_one_peer_leaves_room_for_others(void)
{
    done = 0;
    struct peer silent, live;
    peer_make(&silent, "silent");
    peer_make(&live, "live");
    struct edge_pool *p = edge_pool_create("test", 2, 10000);
    edge_pool_lend(p, 8, 4);
    for (int i = 0; i < 40; i++) {
        CU_ASSERT(edge_pool_submit(p, ask_peer, &silent));
    }
    CU_ASSERT(come(&silent, 4, 36));
    CU_ASSERT(edge_pool_submit(p, ask_peer, &live));
    CU_ASSERT(come(&live, 1, 0));
    peer_answer(&live);
    peer_answer(&silent);
    edge_pool_free(p);
    peer_done(&silent);
    peer_done(&live);
}

static bool two_threads(void *pool)
{
    return edge_pool_threads(pool) <= 2;
}

static void test_a_crowd_that_has_waited_shrinks(void)
{
    done = 0;
    struct peer peer;
    peer_make(&peer, "slow");
    struct edge_pool *p = edge_pool_create("test", 2, 100);
    edge_pool_lend(p, 20, 20);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT(edge_pool_submit(p, ask_peer, &peer));
    }
    CU_ASSERT(come(&peer, 10, 0));
    peer_answer(&peer);
    CU_ASSERT(wait_until(two_threads, p, 10000));
    edge_pool_free(p);
    CU_ASSERT_EQUAL(done, 10);
    peer_done(&peer);
}

struct long_job {
    struct peer peer;
    struct gate *gate;
};

static void ask_and_work(void *arg)
{
    struct long_job *job = arg;
    ask_peer(&job->peer);
    gate_pass(job->gate);
}

static bool four_are_done(void *unused)
{
    (void)unused;
    return done == 4;
}

/* A worker too many ends; the job it was called for is another's then. */
static void test_who_ends_leaves_no_job_behind(void)
{
    done = 0;
    struct gate *short_gate = gate_create();
    struct long_job job = {.gate = gate_create()};
    peer_make(&job.peer, "slow");
    struct edge_pool *p = edge_pool_create("test", 2, 100);
    edge_pool_lend(p, 20, 20);
    CU_ASSERT(edge_pool_submit(p, ask_and_work, &job));
    CU_ASSERT(come(&job.peer, 1, 0));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT(edge_pool_submit(p, pass_gate, short_gate));
    }
    CU_ASSERT(gate_wait_for(short_gate, 2));
    gate_open(short_gate);
    peer_answer(&job.peer);
    CU_ASSERT(gate_wait_for(job.gate, 1));
    CU_ASSERT(edge_pool_submit(p, count_one, NULL)); /* three there are, and two may be */
    CU_ASSERT(wait_until(four_are_done, NULL, 10000));
    gate_open(job.gate);
    edge_pool_free(p);
    peer_done(&job.peer);
    gate_free(job.gate);
    gate_free(short_gate);
}

CU_TestInfo pool_tests[] = {
    {"free finishes what is queued",               test_free_finishes_what_is_queued              },
    {"a full queue refuses",                       test_a_full_queue_refuses                      },
    {"one worker keeps the order",                 test_one_worker_keeps_the_order                },
    {"idle workers end and come back",             test_idle_workers_end_and_come_back            },
    {"a lone job needs no crowd",                  test_a_lone_job_needs_no_crowd                 },
    {"many submitters",                            test_many_submitters                           },
    {"free refuses new work",                      test_free_refuses_new_work                     },
    {"a closed pool refuses",                      test_a_closed_pool_refuses                     },
    {"who waits for a peer is replaced",           test_who_waits_for_a_peer_is_replaced          },
    {"a crowd at one peer leaves room for others", test_a_crowd_at_one_peer_leaves_room_for_others},
    {"a crowd that has waited shrinks",            test_a_crowd_that_has_waited_shrinks           },
    {"who ends leaves no job behind",              test_who_ends_leaves_no_job_behind             },
    CU_TEST_INFO_NULL,
};
