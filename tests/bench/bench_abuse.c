/* abuse: what attackers on the same machine can do to edgexd, each kind for some seconds, then all of
 * them at once, while a polite client pings on new connections. Shown are the peak of memory (PSS),
 * the times of the pings, and how long the stop takes in the midst of it. Calibration: the same pings
 * and the memory before any attack. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contracts/event.h"
#include "edge/clock.h"
#include "edge/thread.h"
#include "rig.h"

enum {
    SECONDS = 6,
    SAMPLE_MS = 50,
    PING_MS = 10,
    PING_PATIENCE_MS = 5000,
    TOO_MUCH_KB = 1500 * 1024, /* the machine is needed for other things, too */
    AGAIN_MS = 100,            /* who was refused comes again */
    N_AGAIN = 100,             /* so many at a time */
    N_BODIES = 100,
    BODY_SIZE = 10 * 1024 * 1024,
    N_READERS = 40,
    N_EVENTS = 40,
    EVENT_SIZE = 16 * 1024 * 1024,
    N_VANISHED = 5200,
    N_IDLE = 3000,
    N_SLOW = 500,
    MAX_PINGS = 100000,
};

struct abuse {
    struct platform platform;
    atomic_bool stop, watches; /* attackers; the polite one and the observer */
    atomic_int_fast64_t peak_kb;
    double pings[MAX_PINGS]; /* ms */
    size_t n_pings;
};

/* ---- sockets ----------------------------------------------------------------------------------- */

static int dial(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool wait_for(int fd, short what, int ms)
{
    struct pollfd p = {.fd = fd, .events = what};
    return poll(&p, 1, ms) > 0;
}

/* As much as goes out within @p ms. */
static size_t put(int fd, const char *bytes, size_t n, int ms)
{
    size_t sent = 0;
    int64_t until_ms = edge_now_mono_ms() + ms;
    while (sent < n && edge_now_mono_ms() <= until_ms) {
        ssize_t k = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);
        if (k < 0 && errno != EAGAIN) {
            break;
        }
        if (k > 0) {
            sent += (size_t)k;
        } else if (!wait_for(fd, POLLOUT, ms)) {
            break;
        }
    }
    return sent;
}

/* Status code of a whole exchange on a new connection; 0: none. */
static int ask(uint16_t port, const char *head, const char *body, size_t size, int ms)
{
    char answer[16] = "";
    int fd = dial(port), code = 0;
    if (fd >= 0 && put(fd, head, strlen(head), ms) > 0 && put(fd, body, size, ms) == size &&
        wait_for(fd, POLLIN, ms) && recv(fd, answer, sizeof(answer) - 1, 0) > 12) {
        code = (int)strtol(answer + 9, NULL, 10);
    }
    close(fd);
    return code;
}

/* ---- attackers --------------------------------------------------------------------------------- */

/* Heads that do not fit anywhere: queries, cookies, many in a row. */
static void *send_heads(void *arg)
{
    struct abuse *a = arg;
    static char query[7000], cookie[60000], row[60000];
    for (size_t i = 0; i + 4 < sizeof(query); i += 4) {
        memcpy(query + i, "a=1&", 4);
    }
    memset(cookie, 'c', sizeof(cookie) - 1);
    for (size_t i = 0; i + 40 < sizeof(row); i += 36) {
        memcpy(row + i, "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n", 39);
    }
    static char text[70000];
    for (unsigned i = 0; !atomic_load(&a->stop); i++) {
        int fd = dial(a->platform.port[i % 2 ? METADATA : DATA]);
        int n = i % 3 == 0 ? snprintf(text, sizeof(text),
                                      "GET /api/v3/ping?%s HTTP/1.1\r\nHost: x\r\n\r\n", query)
                : i % 3 == 1
                    ? snprintf(text, sizeof(text),
                               "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n", cookie)
                    : snprintf(text, sizeof(text), "%s", row);
        if (fd >= 0) {
            put(fd, text, (size_t)n, 20);
            close(fd);
        }
        poll(NULL, 0, i % 2);
    }
    return NULL;
}

/* Bodies of which a part comes, and then nothing. */
static void *send_half_bodies(void *arg)
{
    struct abuse *a = arg;
    static char part[BODY_SIZE];
    int fds[N_BODIES];
    for (int i = 0; i < N_BODIES; i++) {
        fds[i] = -1;
    }
    while (!atomic_load(&a->stop)) {
        for (int i = 0; i < N_BODIES && !atomic_load(&a->stop); i++) {
            char c;
            if (fds[i] >= 0 && recv(fds[i], &c, 1, MSG_PEEK) < 0 && errno == EAGAIN) {
                continue; /* it is still held */
            }
            close(fds[i]);
            fds[i] = dial(a->platform.port[DATA]);
            static const char head[] = "POST /api/v3/event/s/p/d/r HTTP/1.1\r\nHost: x\r\n"
                                       "Content-Type: application/json\r\n"
                                       "Content-Length: 20000000\r\n\r\n";
            put(fds[i], head, sizeof(head) - 1, 100);
            put(fds[i], part, sizeof(part), 100);
        }
        poll(NULL, 0, AGAIN_MS);
    }
    for (int i = 0; i < N_BODIES; i++) {
        close(fds[i]);
    }
    return NULL;
}

/* Readers of long lists that never read. */
static void *never_read(void *arg)
{
    struct abuse *a = arg;
    static const char request[] = "GET /api/v3/event/all?limit=40 HTTP/1.1\r\nHost: x\r\n\r\n";
    int fds[N_READERS];
    for (int i = 0; i < N_READERS; i++) {
        fds[i] = -1;
    }
    while (!atomic_load(&a->stop)) {
        for (int i = 0; i < N_READERS; i++) {
            char text[4096];
            ssize_t n = fds[i] < 0 ? 0 : recv(fds[i], text, 1, MSG_PEEK);
            bool refused = n > 0 && recv(fds[i], text, sizeof(text), MSG_PEEK) > 12 &&
                           memcmp(text + 9, "200", 3) != 0;
            if ((n < 0 && errno == EAGAIN) || (n > 0 && !refused)) {
                continue;
            }
            close(fds[i]);
            fds[i] = dial(a->platform.port[DATA]);
            put(fds[i], request, sizeof(request) - 1, 100);
        }
        poll(NULL, 0, AGAIN_MS);
    }
    for (int i = 0; i < N_READERS; i++) {
        close(fds[i]);
    }
    return NULL;
}

/* Some data and the end, at once; the socket stays. */
static void *vanish(void *arg)
{
    struct abuse *a = arg;
    static int fds[N_VANISHED];
    size_t at = 0;
    memset(fds, -1, sizeof(fds));
    while (!atomic_load(&a->stop)) {
        close(fds[at]);
        fds[at] = dial(a->platform.port[at % 2 ? METADATA : DATA]);
        put(fds[at], "GET /api/v3/ping HTT", 20, 20);
        shutdown(fds[at], SHUT_WR);
        at = (at + 1) % N_VANISHED;
        if (at % 8 == 0) {
            poll(NULL, 0, 1);
        }
    }
    for (size_t i = 0; i < N_VANISHED; i++) {
        close(fds[i]);
    }
    return NULL;
}

/* Connections that say nothing; those that were sent away come again, some at a time. */
static void *stay_idle(void *arg)
{
    struct abuse *a = arg;
    static int fds[N_IDLE];
    memset(fds, -1, sizeof(fds));
    while (!atomic_load(&a->stop)) {
        int dialled = 0;
        for (size_t i = 0; i < N_IDLE && dialled < N_AGAIN; i++) {
            char c;
            if (fds[i] < 0 || recv(fds[i], &c, 1, MSG_PEEK) == 0) {
                close(fds[i]);
                fds[i] = dial(a->platform.port[METADATA]);
                dialled++;
            }
        }
        poll(NULL, 0, AGAIN_MS / 4);
    }
    for (size_t i = 0; i < N_IDLE; i++) {
        close(fds[i]);
    }
    return NULL;
}

/* Heads that come byte by byte. */
static void *drip(void *arg)
{
    struct abuse *a = arg;
    static const char head[] = "GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nX-Slow: xxxxxxxxxxxxxxxxx";
    int fds[N_SLOW];
    for (size_t i = 0; i < N_SLOW; i++) {
        fds[i] = -1;
    }
    for (size_t at = 0; !atomic_load(&a->stop); at = (at + 1) % (sizeof(head) - 1)) {
        int dialled = 0;
        for (size_t i = 0; i < N_SLOW; i++) {
            if (fds[i] >= 0 && send(fds[i], head + at, 1, MSG_NOSIGNAL) > 0) {
                continue;
            }
            close(fds[i]);
            fds[i] = dialled < N_AGAIN ? dial(a->platform.port[i % 2 ? METADATA : DATA]) : -1;
            dialled++;
        }
        poll(NULL, 0, AGAIN_MS);
    }
    for (size_t i = 0; i < N_SLOW; i++) {
        close(fds[i]);
    }
    return NULL;
}

/* Work that nobody waits for. */
static void *ask_and_leave(void *arg)
{
    struct abuse *a = arg;
    static const char *const requests[] = {
        "GET /api/v3/device/name/Random-Integer-Device/Int8 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/v3/device/all?limit=-1 HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (unsigned i = 0; !atomic_load(&a->stop); i++) {
        int fd = dial(a->platform.port[COMMAND]);
        const char *request = requests[i % 2];
        put(fd, request, strlen(request), 20);
        close(fd);
        if (i % 4 == 0) {
            poll(NULL, 0, 1);
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    void *(*run)(void *);
} ATTACKS[] = {
    {"heads",    send_heads      },
    {"bodies",   send_half_bodies},
    {"readers",  never_read      },
    {"vanished", vanish          },
    {"idle",     stay_idle       },
    {"drip",     drip            },
    {"work",     ask_and_leave   },
};
enum { N_ATTACKS = sizeof(ATTACKS) / sizeof(ATTACKS[0]) };

/* ---- the polite one and the observer ------------------------------------------------------------ */

static void *ping(void *arg)
{
    struct abuse *a = arg;
    static const char request[] =
        "GET /api/v3/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    a->n_pings = 0;
    while (atomic_load(&a->watches) && a->n_pings < MAX_PINGS) {
        uint16_t port = a->platform.port[a->n_pings % 2 ? METADATA : DATA];
        int64_t since = edge_now_mono_ns();
        int code = ask(port, request, "", 0, PING_PATIENCE_MS);
        double ms = (double)(edge_now_mono_ns() - since) / 1e6;
        a->pings[a->n_pings++] = code == 200 ? ms : PING_PATIENCE_MS;
        poll(NULL, 0, PING_MS);
    }
    return NULL;
}

static void *observe(void *arg)
{
    struct abuse *a = arg;
    while (atomic_load(&a->watches)) {
        int64_t kb = rig_pss_kb(&a->platform);
        if (kb > atomic_load(&a->peak_kb)) {
            atomic_store(&a->peak_kb, kb);
        }
        if (kb > TOO_MUCH_KB) {
            atomic_store(&a->stop, true);
        }
        poll(NULL, 0, SAMPLE_MS);
    }
    return NULL;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

struct seen {
    double peak_mb, p50_ms, p99_ms, stop_s;
    int exit_code;
};

static void rest(const struct abuse *a)
{
    for (int i = 0; i < SECONDS * 10 && !atomic_load(&a->stop); i++) {
        poll(NULL, 0, 100);
    }
}

static void stop_platform(struct abuse *a, struct seen *ret)
{
    int status = 0;
    int64_t since_ms = edge_now_mono_ms();
    kill(a->platform.pid[0], SIGTERM);
    waitpid(a->platform.pid[0], &status, 0);
    ret->stop_s = (double)(edge_now_mono_ms() - since_ms) / 1000;
    ret->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    a->platform.pid[0] = 0;
}

/* The attacks whose bits are set run at once. */
static struct seen endure(struct abuse *a, unsigned which, bool stops)
{
    struct seen seen = {0};
    pthread_t attackers[N_ATTACKS];
    atomic_store(&a->stop, false);
    atomic_store(&a->watches, true);
    atomic_store(&a->peak_kb, 0);
    for (size_t i = 0; i < N_ATTACKS; i++) {
        if (!(which & 1U << i)) {
            continue;
        }
        attackers[i] = edge_thread_start(ATTACKS[i].name, ATTACKS[i].run, a);
    }
    pthread_t pinger = edge_thread_start("ping", ping, a),
              observer = edge_thread_start("observe", observe, a);
    rest(a);
    if (stops) { /* in the midst of it, but without its observers */
        atomic_store(&a->watches, false);
        pthread_join(pinger, NULL);
        pthread_join(observer, NULL);
        stop_platform(a, &seen);
    }
    atomic_store(&a->stop, true);
    if (!stops) {
        atomic_store(&a->watches, false);
        pthread_join(pinger, NULL);
        pthread_join(observer, NULL);
    }
    for (size_t i = 0; i < N_ATTACKS; i++) {
        if (which & 1U << i) {
            pthread_join(attackers[i], NULL);
        }
    }
    seen.peak_mb = (double)atomic_load(&a->peak_kb) / 1024;
    qsort(a->pings, a->n_pings, sizeof(double), by_value);
    seen.p50_ms = rig_quantile(a->pings, a->n_pings, 0.5);
    seen.p99_ms = rig_quantile(a->pings, a->n_pings, 0.99);
    return seen;
}

/* ---- preparation -------------------------------------------------------------------------------- */

/* Large events to be read; later than those of the devices, so that every list begins with them. */
static void fill(struct abuse *a)
{
    EDGE_CTX_SCOPE(ctx);
    const int64_t hour_ns = INT64_C(3600000000000);
    int64_t origin = edge_now_ns() + hour_ns;
    char *bytes = edge_alloc(&ctx.arena, EVENT_SIZE, 1);
    for (int i = 0; i < N_EVENTS; i++) {
        struct edge_buf body = EDGE_BUF_INIT;
        struct reading reading = {
            .origin = origin + i,
            .device_name = "d",
            .resource_name = "r",
            .profile_name = "p",
            .value_type = VT_BINARY,
            .media_type = "image/raw",
            .binary = {bytes, EVENT_SIZE}
        };
        struct add_event_request request = {
            .base = {.api_version = "v3"},
            .event = { .api_version = "v3",
                     .device_name = "d",
                     .profile_name = "p",
                     .source_name = "r",
                     .origin = origin + i,
                     .readings = &reading,
                     .n_readings = 1}
        };
        request.event.id = edge_printf(&ctx.arena, "7a1707f0-166f-4c4b-bc9d-1d54c74e0%03d", i);
        edge_dto_encode(&ADD_EVENT_REQUEST, &request, EDGE_CBOR, &body);
        const char *head =
            edge_printf(&ctx.arena,
                        "POST /api/v3/event/s/p/d/r HTTP/1.1\r\nHost: x\r\n"
                        "Content-Type: application/cbor\r\nContent-Length: %zu\r\n\r\n",
                        body.len);
        int code = 0;
        for (int tries = 0; tries < 20 && code != 201; tries++) {
            code = ask(a->platform.port[DATA], head, body.data, body.len, 20000);
        }
        edge_buf_done(&body);
        rig_must(code == 201, "a large event is not taken");
    }
}

static void show(const char *name, const struct seen *s)
{
    printf("%-9s peak %6.1f MB  ping p50 %7.2f ms  p99 %8.2f ms", name, s->peak_mb, s->p50_ms,
           s->p99_ms);
    if (s->stop_s > 0) {
        printf("  stop %.2f s, exit code %d", s->stop_s, s->exit_code);
    }
    printf("\n");
    fflush(stdout);
}

/* Those named are mixed; without a name all of them, after each alone. */
static unsigned chosen(int argc, char **argv)
{
    unsigned which = 0;
    for (int k = 1; k < argc; k++) {
        unsigned before = which;
        for (size_t i = 0; i < N_ATTACKS; i++) {
            which |= strcmp(ATTACKS[i].name, argv[k]) == 0 ? 1U << i : 0;
        }
        rig_must(which != before, "there is no such attack");
    }
    return argc > 1 ? which : (1U << N_ATTACKS) - 1;
}

int main(int argc, char **argv)
{
    static struct abuse a;
    unsigned which = chosen(argc, argv);
    platform_make(&a.platform, SHAPE_ONE);
    rig_must(platform_up(&a.platform), "the platform does not start");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    fill(&a);
    rig_must(rig_events(&a.platform) >= N_EVENTS, "large events are not there");
    rig_wait_ms(2000);
    struct seen quiet = endure(&a, 0, false);
    show("quiet", &quiet);
    for (size_t i = 0; i < N_ATTACKS && argc == 1; i++) {
        struct seen seen = endure(&a, 1U << i, false);
        show(ATTACKS[i].name, &seen);
        rig_wait_ms(1000);
    }
    struct seen mixed = endure(&a, which, true);
    show("mixed", &mixed);
    platform_done(&a.platform);
    printf("bench abuse quiet_mb=%.1f quiet_p50_ms=%.2f quiet_p99_ms=%.2f mixed_peak_mb=%.1f "
           "mixed_p50_ms=%.2f mixed_p99_ms=%.2f stop_s=%.2f exit=%d\n",
           quiet.peak_mb, quiet.p50_ms, quiet.p99_ms, mixed.peak_mb, mixed.p50_ms, mixed.p99_ms,
           mixed.stop_s, mixed.exit_code);
    return 0;
}
