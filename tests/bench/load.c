#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "edge/arena.h"

enum { ANSWER_SIZE = 64 * 1024, EVENTS = 64 };

struct connection {
    int fd;
    double started;
    size_t len;
    char answer[ANSWER_SIZE];
};

struct running {
    const struct load *load;
    struct load_result *result;
    uint64_t sent;
    double *latencies; /* us */
};

static int connect_one(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        perror("connect");
        close(fd);
        return -1;
    }
    return fd;
}

/* Requests are small beside the socket's buffer: they go out whole. */
static int send_next(struct running *run, struct connection *c)
{
    char text[LOAD_REQUEST_SIZE];
    size_t size = run->load->make(run->load->arg, run->sent++, text);
    c->len = 0;
    c->started = bench_now();
    if (send(c->fd, text, size, MSG_NOSIGNAL) != (ssize_t)size) {
        perror("send");
        return -1;
    }
    return 0;
}

/* Whole answer there? -1: not yet. */
static int status_of(const struct connection *c)
{
    const char *end = memmem(c->answer, c->len, "\r\n\r\n", 4);
    if (!end) {
        return -1;
    }
    size_t head = (size_t)(end - c->answer) + 4, body = 0;
    const char *length = memmem(c->answer, head, "Content-Length: ", 16);
    if (length) {
        body = strtoul(length + 16, NULL, 10);
    }
    return c->len >= head + body ? (int)strtol(c->answer + 9, NULL, 10) : -1;
}

static int receive(struct running *run, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_SIZE - 1 - c->len, 0);
    if (n <= 0) {
        fprintf(stderr, "connection closed: %s\n", n < 0 ? strerror(errno) : "by peer");
        return -1;
    }
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    int status = status_of(c);
    if (status < 0) {
        return 0;
    }
    struct load_result *r = run->result;
    run->latencies[r->answered++] = (bench_now() - c->started) * 1e6;
    if (status != run->load->expect && r->unexpected++ == 0) {
        fprintf(stderr, "unexpected answer: %s\n", c->answer);
    }
    return run->sent < run->load->requests ? send_next(run, c) : 0;
}

static int run_all(struct running *run, int epoll_fd, struct connection *connections)
{
    double start = bench_now();
    for (unsigned i = 0; i < run->load->connections; i++) {
        struct connection *c = &connections[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->fd = connect_one(run->load->port);
        if (c->fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0 ||
            (run->sent < run->load->requests && send_next(run, c) != 0)) {
            return -1;
        }
    }
    while (run->result->answered < run->load->requests) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll_fd, events, EVENTS, 10000);
        if (n == 0) {
            fprintf(stderr, "no answer for 10 s\n");
            return -1;
        }
        for (int i = 0; i < n; i++) {
            if (receive(run, events[i].data.ptr) != 0) {
                return -1;
            }
        }
    }
    run->result->seconds = bench_now() - start;
    return 0;
}

int load_run(const struct load *load, struct load_result *ret)
{
    *ret = (struct load_result){0};
    struct running run = {
        .load = load,
        .result = ret,
        .latencies = edge_xalloc(load->requests, sizeof(double)),
    };
    struct connection *connections = edge_xalloc(load->connections, sizeof(*connections));
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = run_all(&run, epoll_fd, connections);
    for (unsigned i = 0; i < load->connections; i++) {
        if (connections[i].fd > 0) {
            close(connections[i].fd);
        }
    }
    if (rc == 0) {
        qsort(run.latencies, ret->answered, sizeof(double), bench_compare_doubles);
        ret->p50_us = run.latencies[ret->answered / 2];
        ret->p99_us = run.latencies[ret->answered * 99 / 100];
        ret->max_us = run.latencies[ret->answered - 1];
    }
    close(epoll_fd);
    free(connections);
    free(run.latencies);
    return rc;
}
