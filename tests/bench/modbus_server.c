#include "modbus_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

enum { HEAD = 7, MAX_FRAME = 260, READ_HOLDING = 3, READ_INPUT = 4, BUFFER = 16 * 1024 };

struct client {
    int fd;
    size_t n_in;
    uint8_t in[BUFFER];
};

static unsigned u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void put_u16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* One answer for the request of @p n bytes behind its head; its length. */
static size_t answer(struct modbus_counts *counts, const uint8_t *in, size_t n, uint8_t *out)
{
    const uint8_t *pdu = in + HEAD;
    memcpy(out, in, HEAD);
    out[HEAD] = pdu[0];
    size_t size = 2;
    unsigned count = n >= 5 ? u16(pdu + 3) : 0;
    counts->requests++;
    if ((pdu[0] == READ_HOLDING || pdu[0] == READ_INPUT) && n == 5 && count > 0 && count <= 125) {
        out[HEAD + 1] = (uint8_t)(count * 2);
        for (unsigned i = 0; i < count; i++) {
            put_u16(out + HEAD + 2 + i * 2, u16(pdu + 1) + i);
        }
        size = 2 + count * 2;
        counts->registers += count;
    } else {
        out[HEAD] |= 0x80;
        out[HEAD + 1] = 1;
    }
    put_u16(out + 4, (unsigned)size + 1);
    return HEAD + size;
}

/* All whole requests in its buffer; false: it talks nonsense or does not take its answers. */
static bool serve(struct modbus_counts *counts, struct client *c)
{
    static uint8_t out[BUFFER / 12 * MAX_FRAME + MAX_FRAME];
    size_t at = 0, n_out = 0;
    while (c->n_in - at >= HEAD + 1) {
        size_t n = u16(c->in + at + 4);
        if (n < 2 || n > MAX_FRAME - 6) {
            return false;
        }
        if (c->n_in - at < 6 + n) {
            break;
        }
        n_out += answer(counts, c->in + at, n - 1, out + n_out);
        at += 6 + n;
    }
    c->n_in -= at;
    memmove(c->in, c->in + at, c->n_in);
    for (size_t sent = 0; sent < n_out;) {
        ssize_t n = send(c->fd, out + sent, n_out - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        sent += (size_t)n;
    }
    return true;
}

static void take_connection(struct modbus_counts *counts, int epoll_fd, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    if (fd < 0) {
        return;
    }
    struct client *c = calloc(1, sizeof(*c));
    rig_must(c != NULL, "no memory for a client");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->fd = fd;
    counts->connections++;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
}

static _Noreturn void run(struct modbus_counts *counts, int listener)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[64];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener,
              &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 64, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) {
                take_connection(counts, epoll_fd, listener);
                continue;
            }
            ssize_t got = read(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in);
            c->n_in += got > 0 ? (size_t)got : 0;
            if (got <= 0 || !serve(counts, c)) {
                close(c->fd);
                free(c);
            }
        }
    }
}

void modbus_server_start(struct modbus_server *s, uint16_t port)
{
    *s = (struct modbus_server){.port = port};
    s->counts =
        mmap(NULL, sizeof(*s->counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    rig_must(s->counts != MAP_FAILED, "no shared memory");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    rig_must(bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 4096) == 0,
             "no port for the Modbus server");
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){65536, 65536});
        run(s->counts, fd);
    }
    close(fd);
    rig_must(s->pid > 0, "no process for the Modbus server");
}

void modbus_server_stop(struct modbus_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s->counts, sizeof(*s->counts));
}
