#include "udp_peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/arena.h"

enum { SIZE = 65536, BATCH = 64 };

struct udp_peer {
    udp_peer_fn *fn;
    void *arg;
    unsigned n;
    int epoll, end, *fds;
    uint16_t *ports;
    pthread_t thread;
    atomic_uint count;
};

static void *serve(void *arg)
{
    struct udp_peer *p = arg;
    struct epoll_event events[BATCH];
    uint8_t *bytes = edge_xalloc(1, SIZE);
    for (bool ends = false; !ends;) {
        int n = epoll_wait(p->epoll, events, BATCH, -1);
        for (int i = 0; i < n; i++) {
            unsigned index = events[i].data.u32;
            struct sockaddr_in from;
            socklen_t size = sizeof(from);
            if (index == p->n) {
                ends = true;
                continue;
            }
            ssize_t got =
                recvfrom(p->fds[index], bytes, SIZE, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
            if (got >= 0) {
                atomic_fetch_add(&p->count, 1);
                p->fn(p, p->arg, index, bytes, (size_t)got, &from);
            }
        }
    }
    free(bytes);
    return NULL;
}

static void watch(struct udp_peer *p, int fd, unsigned index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("udp_peer");
        exit(2);
    }
}

static void open_port(struct udp_peer *p, unsigned index)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        perror("udp_peer");
        exit(2);
    }
    p->fds[index] = fd;
    p->ports[index] = ntohs(at.sin_port);
    watch(p, fd, index);
}

struct udp_peer *udp_peer_start(unsigned ports, udp_peer_fn *fn, void *arg)
{
    struct udp_peer *p = edge_xalloc(1, sizeof(*p));
    p->fn = fn;
    p->arg = arg;
    p->n = ports;
    p->fds = edge_xalloc(ports, sizeof(p->fds[0]));
    p->ports = edge_xalloc(ports, sizeof(p->ports[0]));
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->end = eventfd(0, EFD_CLOEXEC);
    for (unsigned i = 0; i < ports; i++) {
        open_port(p, i);
    }
    watch(p, p->end, ports);
    pthread_create(&p->thread, NULL, serve, p);
    return p;
}

void udp_peer_free(struct udp_peer *p)
{
    if (!p) {
        return;
    }
    (void)!write(p->end, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(p->thread, NULL);
    for (unsigned i = 0; i < p->n; i++) {
        close(p->fds[i]);
    }
    close(p->epoll);
    close(p->end);
    free(p->fds);
    free(p->ports);
    free(p);
}

uint16_t udp_peer_port(const struct udp_peer *p, unsigned index)
{
    return p->ports[index];
}

void udp_peer_send(struct udp_peer *p, unsigned index, const void *bytes, size_t n,
                   const struct sockaddr_in *to)
{
    (void)!sendto(p->fds[index], bytes, n, 0, (const struct sockaddr *)to, sizeof(*to));
}

unsigned udp_peer_count(struct udp_peer *p)
{
    return atomic_load(&p->count);
}
