/* Slots and threads have a bound: what a peer began ends with it, and nobody holds up the others. */
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/clock.h"
#include "http_bounded.h"

static void allow_many_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Data and the end at once: nobody is there any more, and no deadline has to pass to see it. */
static void test_vanished_peers_keep_no_slot(void)
{
    enum { N = 300 };
    static const char *const parts[] = {
        "GET /ping HTT", "GET /ping HTTP/1.1\r\nHost: x\r\nX: ",
        "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"};
    struct bounded f;
    int fds[N];
    allow_many_files();
    bounded_serve_with(
        &f, (struct edge_http_config){.header_deadline_ms = 60000, .body_deadline_ms = 60000});
    for (int i = 0; i < N; i++) {
        fds[i] = bounded_open(&f, parts[i % 3]);
        shutdown(fds[i], SHUT_WR);
    }
    int64_t since_ms = edge_now_mono_ms();
    for (int i = 0; i < N; i++) {
        CU_ASSERT_TRUE(http_probe_closed(fds[i], HTTP_PROBE_MS));
        close(fds[i]);
    }
    CU_ASSERT(edge_now_mono_ms() - since_ms < 5000);
    bounded_done(&f);
}

static bool is_abandoned(void *arg)
{
    return edge_call_is_abandoned(arg);
}

/* Both ends of each connection are of this process. */
static size_t n_open_files(void)
{
    size_t n = 0;
    DIR *files = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(files);
    while (readdir(files)) {
        n++;
    }
    closedir(files);
    return n;
}

static bool no_more_files_are_open(void *arg)
{
    const size_t *n = arg;
    return n_open_files() <= *n;
}

static void test_work_nobody_waits_for(void)
{
    struct bounded f;
    bounded_serve(&f);
    size_t before = n_open_files();
    int fd = bounded_open(&f, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    CU_ASSERT_TRUE_FATAL(wait_until(bounded_is_kept, &f.state, HTTP_PROBE_MS));
    CU_ASSERT_FALSE(edge_call_is_abandoned(f.state.kept));
    CU_ASSERT_EQUAL(edge_reply_check(f.state.kept), EDGE_OK);
    close(fd);
    CU_ASSERT_TRUE(wait_until(is_abandoned, f.state.kept, HTTP_PROBE_MS));
    CU_ASSERT_EQUAL(edge_reply_check(f.state.kept), EDGE_UNAVAILABLE); /* a list ends here */
    edge_call_finish(f.state.kept, EDGE_OK);
    enum { N = 20 };
    int fds[N];
    for (int i = 0; i < N; i++) { /* one is at work, the others are queued */
        fds[i] = bounded_open(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    CU_ASSERT_TRUE(wait_until(no_more_files_are_open, &before, HTTP_PROBE_MS)); /* it was seen */
    int last = bounded_open(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
    gate_open(f.state.gate);
    http_probe_read(&f.arena, last, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_EQUAL(__atomic_load_n(&f.state.begun, __ATOMIC_SEQ_CST), 2);
    close(last);
    bounded_done(&f);
}

/* A peer that only says it sends no more is answered. */
static void test_half_closed_peers_are_answered(void)
{
    struct bounded f;
    bounded_serve(&f);
    gate_open(f.state.gate);
    static const char *const requests[] = {"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /stream/100 HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        int fd = bounded_open(&f, requests[i]);
        shutdown(fd, SHUT_WR);
        do { /* where the machine is busy, that the server is there comes first */
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        } while (f.answer.code == 100);
        CU_ASSERT_EQUAL(f.answer.code, 200);
        close(fd);
    }
    bounded_done(&f);
}

/* However long that takes: it hears a word that asks nothing of it, and only who is gone resets. */
static void test_half_closed_peers_wait(void)
{
    static const char old[] = "GET /waits HTTP/1.0\r\n\r\n",
                      once[] = "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n",
                      twice[] = "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"
                                "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *const requests[] = {old, once, twice}; /* the old one cannot be told */
    struct bounded f;
    int fds[3];
    bounded_serve(&f);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = bounded_open(&f, requests[i]);
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
        shutdown(fds[i], SHUT_WR);
    }
    for (size_t i = 1; i < 3; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 100);
    }
    gate_open(f.state.gate);
    for (size_t i = 0; i < 3; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
    }
    http_probe_read(&f.arena, fds[2], HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_STRING_EQUAL(f.answer.body, "{\"ping\":true}\n");
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(http_probe_closed(fds[i], HTTP_PROBE_MS));
        close(fds[i]);
    }
    bounded_done(&f);
}

/* Who is known to wait for an answer keeps its slot. */
static void test_half_closed_peers_keep_their_slot(void)
{
    struct bounded f;
    bounded_serve_with(&f, (struct edge_http_config){.max_connections = 2});
    int waits = bounded_open(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(waits, SHUT_WR);
    http_probe_read(&f.arena, waits, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 100);
    int idle = bounded_open(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, idle, HTTP_PROBE_MS, &f.answer);
    int newest = bounded_open(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, newest, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_TRUE(http_probe_closed(idle, HTTP_PROBE_MS));
    gate_open(f.state.gate);
    http_probe_read(&f.arena, waits, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(waits);
    close(idle);
    close(newest);
    bounded_done(&f);
}

static bool has_answer(int fd, int64_t timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)timeout_ms) > 0;
}

/* A byte now and then does not keep a slot that somebody needs. */
static void test_trickling_peers_give_way(void)
{
    enum { N = 2 };
    struct bounded f;
    int fds[N];
    bounded_serve_with(&f,
                       (struct edge_http_config){.max_connections = N, .body_deadline_ms = 60000});
    for (int i = 0; i < N; i++) {
        fds[i] = bounded_open(&f, "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                  "Content-Length: 100000\r\n\r\n");
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 100);
    }
    int fd = bounded_open(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    int64_t since_ms = edge_now_mono_ms();
    while (!has_answer(fd, 20) && edge_now_mono_ms() - since_ms < HTTP_PROBE_MS) {
        for (int i = 0; i < N; i++) {
            http_probe_text(fds[i], "b");
        }
    }
    CU_ASSERT_TRUE_FATAL(has_answer(fd, 0));
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(fd);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    bounded_done(&f);
}

/* There are as many slots as were promised, whichever threads the connections come to. */
static void test_slots_are_shared_by_threads(void)
{
    enum { N = 64 };
    struct bounded f;
    int fds[N];
    bounded_serve_with(&f, (struct edge_http_config){.max_connections = N, .threads = 8});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            if (round == 0) {
                fds[i] = bounded_open(&f, "");
            }
            http_probe_text(fds[i], "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
            http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        }
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    bounded_done(&f);
}

/* The thread that hears of a new connection may have no slot to give, but another one has. */
static void test_any_thread_makes_room(void)
{
    enum { ROUNDS = 40 };
    struct bounded f;
    bounded_serve_with(&f, (struct edge_http_config){
                               .max_connections = 2, .threads = 2, .idle_timeout_ms = 60000});
    int busy = bounded_open(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"), idle = -1;
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    for (int i = 0; i < ROUNDS; i++) {
        int fd = bounded_open(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL_FATAL(f.answer.code, 200);
        close(idle);
        idle = i % 2 ? fd : -1;
        if (idle < 0) {
            close(fd);
        }
    }
    close(idle);
    close(busy);
    bounded_done(&f);
}

/* Who comes to a thread that has few connections does not take the place of the few. */
static void test_the_many_give_way(void)
{
    enum { N = 64, THREADS = 8, NEW = N / THREADS, ROUNDS = 5 };
    struct bounded f;
    int idle[N], fds[NEW];
    for (int round = 0; round < ROUNDS; round++) {
        bounded_serve_with(&f, (struct edge_http_config){.max_connections = N, .threads = THREADS});
        for (int i = 0; i < N; i++) {
            idle[i] = bounded_open(&f, "");
        }
        for (int i = 0; i < 2 * NEW; i++) {
            if (i < NEW) {
                fds[i] = bounded_open(&f, "");
            }
            http_probe_text(fds[i % NEW], "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
            http_probe_read(&f.arena, fds[i % NEW], HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        }
        for (int i = 0; i < N; i++) {
            close(idle[i]);
        }
        for (int i = 0; i < NEW; i++) {
            close(fds[i]);
        }
        bounded_done(&f);
    }
}

/* What a large body says takes its time: not that of the thread all others wait for. */
static void test_large_bodies_delay_nobody(void)
{
    enum { SIZE = 100 * 1024 };
    struct bounded f;
    bounded_serve_with(&f, (struct edge_http_config){.threads = 1});
    char *body = edge_alloc(&f.arena, SIZE + 1, 1);
    memset(body, 'b', SIZE);
    int fd = bounded_open(
        &f, edge_printf(&f.arena, "POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
                        SIZE, body));
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    gate_open(f.state.gate);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(fd);
    bounded_done(&f);
}

static void test_idle_peers_delay_nobody(void)
{
    enum { N = 3000, TRIES = 20 };
    struct bounded f;
    static int fds[N];
    allow_many_files();
    bounded_serve(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = http_probe_open(f.port);
        CU_ASSERT_FATAL(fds[i] >= 0);
    }
    int64_t since_ns = edge_now_mono_ns();
    for (int i = 0; i < TRIES; i++) {
        http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
    }
    CU_ASSERT((edge_now_mono_ns() - since_ns) / TRIES < 50 * 1000 * 1000);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    bounded_done(&f);
}

CU_TestInfo http_slots_tests[] = {
    {"vanished peers keep no slot",       test_vanished_peers_keep_no_slot      },
    {"work nobody waits for",             test_work_nobody_waits_for            },
    {"half-closed peers are answered",    test_half_closed_peers_are_answered   },
    {"half-closed peers wait",            test_half_closed_peers_wait           },
    {"half-closed peers keep their slot", test_half_closed_peers_keep_their_slot},
    {"trickling peers give way",          test_trickling_peers_give_way         },
    {"slots are shared by threads",       test_slots_are_shared_by_threads      },
    {"any thread makes room",             test_any_thread_makes_room            },
    {"the many give way",                 test_the_many_give_way                },
    {"large bodies delay nobody",         test_large_bodies_delay_nobody        },
    {"idle peers delay nobody",           test_idle_peers_delay_nobody          },
    CU_TEST_INFO_NULL,
};
