/* One thread that waits in poll() for all sockets. */
#include "relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/thread.h"
#include "ports.h"
#include "wait.h"

enum { PAIRS_MAX = 64, CHUNK = 64 * 1024, WAIT_MS = 10000 };

struct pair {
    int client, peer; /* -1: none */
    bool mute, hung;
};

struct relay {
    uint16_t port, to;
    int listener, wake_fd;
    pthread_t thread;
    struct pair pairs[PAIRS_MAX]; /* the thread's */
    unsigned n_pairs;
    struct edge_mutex lock;
    bool stopping EDGE_GUARDED, hang EDGE_GUARDED, swallow EDGE_GUARDED, cuts EDGE_GUARDED;
    size_t cut_in EDGE_GUARDED; /* bytes until then, with cuts */
    unsigned n_connections EDGE_GUARDED;
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
    }
}

static void drop(struct relay *r, unsigned i)
{
    reset(r->pairs[i].client);
    reset(r->pairs[i].peer);
    r->pairs[i] = r->pairs[--r->n_pairs];
}

static void take(struct relay *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    bool hang;
    {
        EDGE_LOCK(&r->lock);
        r->n_connections++;
        hang = r->hang;
    }
    int peer = hang ? -1 : dial(r->to);
    if (r->n_pairs == PAIRS_MAX || (!hang && peer < 0)) {
        reset(fd);
        reset(peer);
        return;
    }
    r->pairs[r->n_pairs++] = (struct pair){.client = fd, .peer = peer, .hung = hang};
}

/* How much of what the client says passes; all, unless it is cut. */
static size_t passes(struct relay *r, size_t n, bool *ret_cut)
{
    EDGE_LOCK(&r->lock);
    *ret_cut = r->cuts && n >= r->cut_in;
    if (*ret_cut) {
        r->cuts = false;
        return r->cut_in;
    }
    r->cut_in -= r->cuts ? n : 0;
    return n;
}

static bool send_all(int fd, const char *from, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        from += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* False: the pair is to go. */
static bool pass(struct relay *r, const struct pair *p, bool from_client)
{
    char chunk[CHUNK];
    bool cut = false;
    ssize_t n = recv(from_client ? p->client : p->peer, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n <= 0) {
        return false;
    }
    if (p->mute || p->hung) {
        return true;
    }
    size_t some = from_client ? passes(r, (size_t)n, &cut) : (size_t)n;
    return send_all(from_client ? p->peer : p->client, chunk, some) && !cut;
}

static bool stops(struct relay *r)
{
    EDGE_LOCK(&r->lock);
    for (unsigned i = 0; i < r->n_pairs; i++) {
        r->pairs[i].mute = r->pairs[i].mute || r->swallow;
    }
    r->swallow = false;
    for (unsigned i = r->n_pairs; !r->hang && i > 0; i--) {
        if (r->pairs[i - 1].hung) {
            drop(r, i - 1);
        }
    }
    return r->stopping;
}

static void *run(void *arg)
{
    struct relay *r = arg;
    while (!stops(r)) {
        struct pollfd fds[2 + 2 * PAIRS_MAX] = {
            {r->listener, POLLIN, 0},
            {r->wake_fd,  POLLIN, 0}
        };
        unsigned n = r->n_pairs;
        for (unsigned i = 0; i < n; i++) {
            fds[2 + 2 * i] = (struct pollfd){r->pairs[i].client, POLLIN, 0};
            fds[3 + 2 * i] = (struct pollfd){r->pairs[i].peer, POLLIN, 0};
        }
        poll(fds, 2 + 2 * n, -1);
        if (fds[1].revents) {
            eventfd_t count;
            (void)eventfd_read(r->wake_fd, &count);
            continue; /* what is said was decided on before what comes */
        }
        for (unsigned i = n; i > 0; i--) {
            const struct pair *p = &r->pairs[i - 1];
            if ((fds[2 * i].revents && !pass(r, p, true)) ||
                (fds[2 * i + 1].revents && !pass(r, p, false))) {
                drop(r, i - 1);
            }
        }
        if (fds[0].revents) {
            take(r);
        }
    }
    return NULL;
}

struct relay *relay_start(uint16_t port)
{
    struct relay *r = edge_xalloc(1, sizeof(*r));
    int yes = 1;
    edge_mutex_init(&r->lock);
    r->to = port;
    r->port = test_port();
    r->wake_fd = eventfd(0, EFD_CLOEXEC);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = loopback(r->port);
    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(r->listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(r->listener, PAIRS_MAX) != 0) {
        perror("relay");
        exit(2);
    }
    r->thread = edge_thread_start("relay", run, r);
    return r;
}

static void wake(struct relay *r)
{
    (void)eventfd_write(r->wake_fd, 1);
}

void relay_free(struct relay *r)
{
    if (!r) {
        return;
    }
    {
        EDGE_LOCK(&r->lock);
        r->stopping = true;
    }
    wake(r);
    pthread_join(r->thread, NULL);
    while (r->n_pairs > 0) {
        drop(r, 0);
    }
    close(r->listener);
    close(r->wake_fd);
    edge_mutex_done(&r->lock);
    free(r);
}

uint16_t relay_port(const struct relay *r)
{
    return r->port;
}

static bool swallows(void *arg)
{
    struct relay *r = arg;
    EDGE_LOCK(&r->lock);
    return !r->swallow;
}

void relay_swallow(struct relay *r)
{
    {
        EDGE_LOCK(&r->lock);
        r->swallow = true;
    }
    wake(r);
    (void)wait_until(swallows, r, WAIT_MS);
}

void relay_hang(struct relay *r, bool hang)
{
    {
        EDGE_LOCK(&r->lock);
        r->hang = hang;
    }
    wake(r);
}

void relay_cut(struct relay *r, size_t bytes)
{
    EDGE_LOCK(&r->lock);
    r->cuts = true;
    r->cut_in = bytes;
}

unsigned relay_connections(struct relay *r)
{
    EDGE_LOCK(&r->lock);
    return r->n_connections;
}

struct wanted {
    struct relay *r;
    unsigned n;
};

static bool have_come(void *arg)
{
    struct wanted *w = arg;
    return relay_connections(w->r) >= w->n;
}

bool relay_wait_for(struct relay *r, unsigned connections)
{
    struct wanted w = {r, connections};
    return wait_until(have_come, &w, WAIT_MS);
}
