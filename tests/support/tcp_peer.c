/* One thread per connection, each waiting in poll() for its socket or for the end of the test. */
#include "tcp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"

enum { MAX_CONNECTIONS = 64, REQUEST_SIZE = 64 * 1024, DRIP_MS = 3 };

struct connection {
    struct tcp_peer *peer;
    int fd;
    pthread_t thread;
};

struct tcp_peer {
    const struct peer_step *script;
    size_t n_steps;
    char url[64];
    int listener, stop_fd;
    bool listening;
    pthread_t acceptor;
    struct connection connections[MAX_CONNECTIONS]; /* the acceptor's, until it has ended */
    struct edge_mutex lock;
    struct edge_cond changed;
    unsigned n_connections EDGE_GUARDED, n_requests EDGE_GUARDED;
    char last[REQUEST_SIZE] EDGE_GUARDED;
};

static void *accept_all(void *arg);

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

struct tcp_peer *tcp_peer_create(const struct peer_step *script, size_t n)
{
    struct tcp_peer *p = edge_xalloc(1, sizeof(*p));
    p->script = script;
    p->n_steps = n;
    edge_mutex_init(&p->lock);
    edge_cond_init(&p->changed);
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    must(bind(p->listener, (struct sockaddr *)&address, size) == 0, "bind");
    must(getsockname(p->listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    return p;
}

void tcp_peer_listen(struct tcp_peer *p)
{
    must(listen(p->listener, MAX_CONNECTIONS) == 0, "listen");
    p->listening = true;
    p->acceptor = edge_thread_start("peer", accept_all, p);
}

struct tcp_peer *tcp_peer_start(const struct peer_step *script, size_t n)
{
    struct tcp_peer *p = tcp_peer_create(script, n);
    tcp_peer_listen(p);
    return p;
}

void tcp_peer_free(struct tcp_peer *p)
{
    must(write(p->stop_fd, &(uint64_t){1}, sizeof(uint64_t)) == sizeof(uint64_t), "stop");
    if (p->listening) {
        pthread_join(p->acceptor, NULL);
    }
    for (unsigned i = 0; i < tcp_peer_connections(p); i++) {
        pthread_join(p->connections[i].thread, NULL);
    }
    close(p->listener);
    close(p->stop_fd);
    edge_cond_done(&p->changed);
    edge_mutex_done(&p->lock);
    free(p);
}

const char *tcp_peer_url(const struct tcp_peer *p)
{
    return p->url;
}

unsigned tcp_peer_requests(struct tcp_peer *p)
{
    EDGE_LOCK(&p->lock);
    return p->n_requests;
}

unsigned tcp_peer_connections(struct tcp_peer *p)
{
    EDGE_LOCK(&p->lock);
    return p->n_connections;
}

const char *tcp_peer_last(struct tcp_peer *p)
{
    EDGE_LOCK(&p->lock);
    return p->last;
}

bool tcp_peer_wait_for(struct tcp_peer *p, unsigned n)
{
    int64_t deadline = edge_now_mono_ms() + 10000;
    EDGE_LOCK(&p->lock);
    while (p->n_requests < n) {
        if (!edge_cond_wait_until(&p->changed, &p->lock, deadline)) {
            return false;
        }
    }
    return true;
}

/* ---- a connection -------------------------------------------------------------------------- */

/* Wait for @p events on @p fd; false when the peer is being freed or the time is over. */
static bool ready(struct tcp_peer *p, int fd, short events, int timeout_ms)
{
    struct pollfd fds[] = {
        {p->stop_fd, POLLIN, 0},
        {fd,         events, 0},
    };
    return poll(fds, 2, timeout_ms) > 0 && !fds[0].revents;
}

static bool send_all(struct tcp_peer *p, int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        if (!ready(p, fd, POLLOUT, -1)) {
            return false;
        }
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Size of the whole request once its head is there, else 0. */
static size_t request_size(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    if (!end) {
        return 0;
    }
    const char *length = strcasestr(request, "\r\nContent-Length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return (size_t)(end + 4 - request) + body;
}

static bool read_request(struct tcp_peer *p, int fd, char *request)
{
    size_t len = 0;
    for (;;) {
        request[len] = '\0';
        size_t size = request_size(request);
        if (size > 0 && len >= size) {
            return true;
        }
        if (!ready(p, fd, POLLIN, -1)) {
            return false;
        }
        ssize_t n = recv(fd, request + len, REQUEST_SIZE - 1 - len, 0);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
    }
}

static const struct peer_step *next_step(struct tcp_peer *p, const char *request)
{
    EDGE_LOCK(&p->lock);
    snprintf(p->last, sizeof(p->last), "%s", request);
    size_t at = p->n_requests < p->n_steps ? p->n_requests : p->n_steps - 1;
    p->n_requests++;
    edge_cond_broadcast(&p->changed);
    return &p->script[at];
}

static void drip(struct tcp_peer *p, int fd, const char *text)
{
    for (; *text && send_all(p, fd, text, 1); text++) {
        (void)ready(p, -1, 0, DRIP_MS);
    }
}

static void flood(struct tcp_peer *p, int fd)
{
    static const char zeros[16384];
    while (send_all(p, fd, zeros, sizeof(zeros))) {
    }
}

/* Play one step; false when the connection is over. */
static bool play(struct tcp_peer *p, int fd, const struct peer_step *step)
{
    const char *text = step->text ? step->text : "";
    switch (step->action) {
    case PEER_ANSWER:
        return send_all(p, fd, text, strlen(text));
    case PEER_DRIP:
        drip(p, fd, text);
        return true;
    case PEER_HANG:
        (void)ready(p, -1, 0, -1);
        return false;
    case PEER_FLOOD:
        if (send_all(p, fd, text, strlen(text))) {
            flood(p, fd);
        }
        return false;
    case PEER_RESET:
        (void)send_all(p, fd, text, strlen(text));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        return false;
    case PEER_CLOSE:
        (void)send_all(p, fd, text, strlen(text));
        return false;
    }
    return false;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    char *request = edge_xalloc(REQUEST_SIZE, 1);
    while (read_request(c->peer, c->fd, request) &&
           play(c->peer, c->fd, next_step(c->peer, request))) {
    }
    free(request);
    close(c->fd);
    return NULL;
}

static void count_connection(struct tcp_peer *p)
{
    EDGE_LOCK(&p->lock);
    p->n_connections++;
}

static void *accept_all(void *arg)
{
    struct tcp_peer *p = arg;
    for (unsigned i = 0; i < MAX_CONNECTIONS && ready(p, p->listener, POLLIN, -1); i++) {
        struct connection *c = &p->connections[i];
        c->peer = p;
        c->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        must(c->fd >= 0, "accept");
        count_connection(p); /* before it can answer, so that whoever has an answer sees it */
        c->thread = edge_thread_start("connection", serve, c);
    }
    return NULL;
}
