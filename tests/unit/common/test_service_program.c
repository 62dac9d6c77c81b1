/* A service as a program: a child with the main of a daemon, its flags, signals and output. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "service_bench.h"
#include "suites.h"
#include "tcp_peer.h"

struct child {
    pid_t pid;
    FILE *out; /* both streams */
    char text[4096];
};

/* svc-a alone in a process of its own; with the library's main, as a daemon has it. */
static void child_open(struct bench *b, struct child *c, const char *flag)
{
    int fds[2];
    c->text[0] = '\0';
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        char *argv[] = {(char *)(uintptr_t) "svc-a", (char *)(uintptr_t) "-cd", b->dir.path,
                        (char *)(uintptr_t)flag, NULL};
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        int code = edge_service_main(&b->services[0], flag ? 4 : 3, argv);
        fflush(NULL);
        _exit(code);
    }
    close(fds[1]);
    c->out = fdopen(fds[0], "r");
}

/* Read on until a line holds @p part. */
static bool child_says(struct child *c, const char *part)
{
    size_t len = strlen(c->text);
    while (!strstr(c->text, part) && len + 2 < sizeof(c->text) &&
           fgets(c->text + len, (int)(sizeof(c->text) - len), c->out)) {
        len = strlen(c->text);
    }
    return strstr(c->text, part) != NULL;
}

static void child_close(struct child *c, int expect_code)
{
    int status;
    child_says(c, "never said, so that all is read");
    CU_ASSERT_EQUAL(waitpid(c->pid, &status, 0), c->pid);
    bool as_expected = WIFEXITED(status) && WEXITSTATUS(status) == expect_code;
    if (!as_expected) {
        printf("\n    status %x, said: %s", (unsigned)status, c->text);
    }
    CU_ASSERT(as_expected);
    fclose(c->out);
}

static void test_flags_have_exit_codes(void)
{
    static const struct {
        const char *flag, *says;
        int code;
    } cases[] = {
        {"--help",                           "A service for tests.",                        0},
        {"--version",                        "svc-a 4.0.0 (EdgeX 4.1.0)",                   0},
        {"--nonsense",                       "svc-a: unknown flag '--nonsense'",            2},
        {"-cp=consul.http://localhost:8500",
         "svc-a: configuration provider 'consul.http://localhost:8500': only "
         "keeper.http://HOST:PORT and keeper.https://HOST:PORT are supported",              1},
        {"-cf=none.yaml",                    "configuration file none.yaml does not exist", 1},
    };
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct child c;
        child_open(&b, &c, cases[i].flag);
        CU_ASSERT(child_says(&c, cases[i].says));
        child_close(&c, cases[i].code);
    }
    b.client = edge_client_create();
    bench_close(&b);
}

static void test_signals_reload_and_stop(void)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    bench_put(&b, "svc-a",
              "Service: {Port: 0, StartupMsg: here we are}\n"
              "MessageBus: {Type: memory}\n");
    struct child c;
    child_open(&b, &c, NULL);
    CU_ASSERT(child_says(&c, "here we are"));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "no authentication: open to everybody on this machine"));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "address=localhost:"));
    kill(c.pid, SIGHUP);
    CU_ASSERT(child_says(&c, "configuration read again"));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    b.client = edge_client_create();
    bench_close(&b);
}

/* svc-a with this flag, until it runs or has ended; what it said up to then. */
static void child_run(struct bench *b, struct child *c, const char *flag)
{
    edge_client_free(b->client);
    b->client = NULL;
    child_open(b, c, flag);
    CU_ASSERT(child_says(c, "here we are"));
    kill(c->pid, SIGTERM);
    child_close(c, 0);
    b->client = edge_client_create();
}

static void expect_said(const struct child *c, const char *part)
{
    if (!strstr(c->text, part)) {
        printf("\n    '%s' is not in: %s", part, c->text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(c->text, part));
}

#define HERE "Service: {Port: 0, StartupMsg: here we are}\nMessageBus: {Type: memory}\n"

/* In the order of their weight; where it has no file, where one was looked for. */
static void test_the_start_names_what_was_read(void)
{
    struct bench b;
    struct child c;
    bench_open(&b);
    const char *dir = b.dir.path;
    bench_put(&b, "svc-a", HERE);
    bench_put(&b, "shared", "all-services: {Writable: {LogLevel: INFO}}\n");
    const char *common = edge_printf(&b.ctx.arena, "%s/shared/configuration.yaml", dir);
    child_run(&b, &c, edge_printf(&b.ctx.arena, "-cc=%s", common));
    expect_said(&c, edge_printf(&b.ctx.arena,
                                "msg=\"configuration read\" from=\"%s (common), "
                                "%s/svc-a/configuration.yaml (private), environment\"",
                                common, dir));
    CU_ASSERT_EQUAL_FATAL(unlink(edge_printf(&b.ctx.arena, "%s/svc-a/configuration.yaml", dir)), 0);
    setenv("SERVICE_STARTUPMSG", "here we are", 1);
    setenv("SERVICE_PORT", "0", 1);
    setenv("MESSAGEBUS_TYPE", "memory", 1);
    child_run(&b, &c, NULL);
    unsetenv("SERVICE_STARTUPMSG");
    unsetenv("SERVICE_PORT");
    unsetenv("MESSAGEBUS_TYPE");
    expect_said(
        &c, edge_printf(&b.ctx.arena, "from=\"no private file in %s/svc-a, environment\"", dir));
    bench_close(&b);
}

/* Nobody opens the machine without being told so, and by what. */
static void test_an_open_port_is_named(void)
{
    static const struct {
        const char *flag, *more, *address, *because;
    } cases[] = {
        {"-d",                                 "",                              "0.0.0.0",   "because=\"-d: every address of this machine\""},
        {"-rsh=127.0.0.2,localhost,127.0.0.2", "",                              "127.0.0.2",
         "because=\"-rsh or EDGEX_REMOTE_SERVICE_HOSTS\""                                                                                   },
        {NULL,                                 "  ServerBindAddr: 127.0.0.3\n", "127.0.0.3",
         "because=\"Service.ServerBindAddr or Service.Host\""                                                                               },
    };
    struct bench b;
    struct child c;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench_put(&b, "svc-a",
                  edge_printf(&b.ctx.arena,
                              "MessageBus: {Type: memory}\n"
                              "Service:\n  Port: 0\n  StartupMsg: here we are\n%s",
                              cases[i].more));
        child_run(&b, &c, cases[i].flag);
        expect_said(&c, "level=WARN");
        expect_said(&c, "open to everybody who reaches the port");
        expect_said(&c, edge_printf(&b.ctx.arena, "listens=\"%s:", cases[i].address));
        expect_said(&c, " (svc-a)\"");
        expect_said(&c, cases[i].because);
    }
    bench_close(&b);
}

#define ANSWER(body) "HTTP/1.1 200 OK\r\nContent-Length: " body
#define READY        ANSWER("35\r\n\r\n{\"response\":[{\"value\":\"true\"}]}    ")

/* svc-a with a provider that acts as @p script says: started, and told to stop once it has said so. */
static void with_provider(const struct peer_step *script, size_t n, unsigned n_requests,
                          const char *says)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    bench_put(&b, "svc-a",
              "Service: {Port: 0, StartupMsg: here we are}\n"
              "MessageBus: {Type: memory}\n");
    struct tcp_peer *peer = tcp_peer_create(script, n);
    struct child c;
    child_open(&b, &c, edge_printf(&b.ctx.arena, "-cp=keeper.%s", tcp_peer_url(peer)));
    tcp_peer_listen(peer);
    CU_ASSERT(tcp_peer_wait_for(peer, n_requests));
    CU_ASSERT(child_says(&c, says));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    tcp_peer_free(peer);
    b.client = edge_client_create();
    bench_close(&b);
}

static void test_a_provider_out_of_sorts_is_waited_for(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, READY                               },
        {PEER_ANSWER, ANSWER("14\r\n\r\n{\"response\":7}")},
        {PEER_ANSWER, READY                               },
        {PEER_ANSWER, ANSWER("0\r\n\r\n")                 },
        {PEER_ANSWER, READY                               },
    };
    with_provider(script, sizeof(script) / sizeof(script[0]), 5, "here we are");
}

static void test_a_stop_does_not_wait_for_a_silent_provider(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, READY},
        {PEER_HANG,   NULL }
    };
    int64_t begin = edge_now_mono_ms();
    with_provider(script, 2, 2, "");
    CU_ASSERT(edge_now_mono_ms() - begin < PATIENCE_MS);
}

/* The signal waited while the start did: it is a stop all the same, not a failure. */
static void test_a_start_that_fails_after_a_signal_is_a_stop(void)
{
    static const struct peer_step hangs = {PEER_HANG, NULL};
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    setenv("EDGEX_FILE_URI_TIMEOUT", "1s", 1);
    struct tcp_peer *peer = tcp_peer_create(&hangs, 1);
    struct child c;
    child_open(&b, &c, edge_printf(&b.ctx.arena, "-cc=%s/common.yaml", tcp_peer_url(peer)));
    tcp_peer_listen(peer);
    CU_ASSERT(tcp_peer_wait_for(peer, 1));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    unsetenv("EDGEX_FILE_URI_TIMEOUT");
    tcp_peer_free(peer);
    b.client = edge_client_create();
    bench_close(&b);
}

static void test_health_asks_the_running_service(void)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    bench_put(&b, "svc-a", "Service: {Port: 0, StartupMsg: up}\nMessageBus: {Type: memory}\n");
    struct child running, asking;
    child_open(&b, &running, NULL);
    CU_ASSERT_FATAL(child_says(&running, "address=localhost:"));
    int port = (int)strtol(strstr(running.text, "address=localhost:") + 18, NULL, 10);
    bench_put(&b, "svc-a", edge_printf(&b.ctx.arena, "Service: {Port: %d}\n", port));
    child_open(&b, &asking, "--health");
    child_close(&asking, 0);
    kill(running.pid, SIGINT);
    child_close(&running, 0);
    child_open(&b, &asking, "--health");
    child_close(&asking, 1);
    b.client = edge_client_create();
    bench_close(&b);
}

CU_TestInfo service_program_tests[] = {
    {"flags have exit codes",                       test_flags_have_exit_codes                     },
    {"the start names what was read",               test_the_start_names_what_was_read             },
    {"an open port is named",                       test_an_open_port_is_named                     },
    {"signals reload and stop",                     test_signals_reload_and_stop                   },
    {"a provider out of sorts is waited for",       test_a_provider_out_of_sorts_is_waited_for     },
    {"a stop does not wait for a silent provider",  test_a_stop_does_not_wait_for_a_silent_provider},
    {"a start that fails after a signal is a stop",
     test_a_start_that_fails_after_a_signal_is_a_stop                                              },
    {"health asks the running service",             test_health_asks_the_running_service           },
    CU_TEST_INFO_NULL,
};
