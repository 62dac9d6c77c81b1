#include "modbus_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "ports.h"

enum { MOST = 1100 };

struct line {
    int fd;
    size_t n;
    uint8_t bytes[4096];
};

struct modbus_peer {
    enum modbus_framing framing;
    modbus_peer_fn *fn;
    void *arg;
    int listener, wake, slave;
    uint16_t port;
    char link[128];
    struct line *lines; /* MOST of them; the thread's */
    size_t n_lines;
    struct line *asked; /* who is answered */
    unsigned piece;     /* requests of the piece at hand so far */
    pthread_t thread;
    pthread_mutex_t lock; /* of the bank */
    uint16_t registers[65536];
    bool coils[65536];
    atomic_uint requests, connections, connected, most;
};

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- the bank ------------------------------------------------------------------------------ */

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static size_t refuse(uint8_t *ret, uint8_t function, uint8_t code)
{
    ret[0] = function | 0x80;
    ret[1] = code;
    return 2;
}

static size_t read_bank(struct modbus_peer *p, const uint8_t *pdu, uint8_t *ret)
{
    unsigned at = get16(pdu + 1), count = get16(pdu + 3);
    bool bits = pdu[0] <= 2;
    if (count == 0 || count > (bits ? 2000u : 125u)) {
        return refuse(ret, pdu[0], 3);
    }
    if (at + count > 65536) {
        return refuse(ret, pdu[0], 2);
    }
    size_t size = bits ? (count + 7) / 8 : 2 * count;
    memset(ret, 0, 2 + size);
    ret[0] = pdu[0];
    ret[1] = (uint8_t)size;
    for (unsigned i = 0; i < count; i++) {
        if (bits) {
            ret[2 + i / 8] = (uint8_t)(ret[2 + i / 8] | p->coils[at + i] << i % 8);
        } else {
            ret[2 + 2 * i] = (uint8_t)(p->registers[at + i] >> 8);
            ret[3 + 2 * i] = (uint8_t)p->registers[at + i];
        }
    }
    return 2 + size;
}

static size_t write_bank(struct modbus_peer *p, const uint8_t *pdu, uint8_t *ret)
{
    unsigned at = get16(pdu + 1), value = get16(pdu + 3);
    memcpy(ret, pdu, 5);
    switch (pdu[0]) {
    case 5:
        p->coils[at] = value != 0;
        return 5;
    case 6:
        p->registers[at] = (uint16_t)value;
        return 5;
    case 15:
        for (unsigned i = 0; i < value && at + i < 65536; i++) {
            p->coils[at + i] = pdu[6 + i / 8] >> i % 8 & 1;
        }
        return 5;
    case 16:
        for (unsigned i = 0; i < value && at + i < 65536; i++) {
            p->registers[at + i] = (uint16_t)get16(pdu + 6 + 2 * i);
        }
        return 5;
    default:
        p->registers[at] = (uint16_t)((p->registers[at] & value) | get16(pdu + 5));
        memcpy(ret, pdu, 7);
        return 7;
    }
}

size_t modbus_peer_answer(struct modbus_peer *p, const struct modbus_frame *request,
                          uint8_t ret[MODBUS_PDU_MAX])
{
    const uint8_t *pdu = request->pdu;
    pthread_mutex_lock(&p->lock);
    size_t n;
    if (pdu[0] >= 1 && pdu[0] <= 4) {
        n = read_bank(p, pdu, ret);
    } else if (pdu[0] == 5 || pdu[0] == 6 || pdu[0] == 15 || pdu[0] == 16 || pdu[0] == 22) {
        n = write_bank(p, pdu, ret);
    } else if (pdu[0] == 8) {
        n = request->n;
        memcpy(ret, pdu, n);
    } else {
        n = refuse(ret, pdu[0], 1);
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

void modbus_peer_set(struct modbus_peer *p, uint16_t address, uint16_t value)
{
    pthread_mutex_lock(&p->lock);
    p->registers[address] = value;
    pthread_mutex_unlock(&p->lock);
}

uint16_t modbus_peer_get(struct modbus_peer *p, uint16_t address)
{
    pthread_mutex_lock(&p->lock);
    uint16_t value = p->registers[address];
    pthread_mutex_unlock(&p->lock);
    return value;
}

bool modbus_peer_coil(struct modbus_peer *p, uint16_t address)
{
    pthread_mutex_lock(&p->lock);
    bool value = p->coils[address];
    pthread_mutex_unlock(&p->lock);
    return value;
}

unsigned modbus_peer_requests(struct modbus_peer *p)
{
    return atomic_load(&p->requests);
}

unsigned modbus_peer_connections(struct modbus_peer *p)
{
    return atomic_load(&p->connections);
}

unsigned modbus_peer_place(const struct modbus_peer *p)
{
    return p->piece;
}

unsigned modbus_peer_connected(struct modbus_peer *p)
{
    return atomic_load(&p->connected);
}

void modbus_peer_count_anew(struct modbus_peer *p)
{
    atomic_store(&p->most, 0);
}

unsigned modbus_peer_most_at_once(struct modbus_peer *p)
{
    return atomic_load(&p->most);
}

uint16_t modbus_peer_port(const struct modbus_peer *p)
{
    return p->port;
}

/* ---- answers --------------------------------------------------------------------------------- */

bool modbus_peer_send(struct modbus_peer *p, const uint8_t *bytes, size_t n)
{
    int fd = p->asked->fd;
    ssize_t sent = fd < 0            ? -1
                   : p->listener < 0 ? write(fd, bytes, n)
                                     : send(fd, bytes, n, MSG_NOSIGNAL);
    return sent == (ssize_t)n;
}

void modbus_peer_say(struct modbus_peer *p, const uint8_t *bytes, size_t n)
{
    (void)!write(p->lines[0].fd, bytes, n);
}

void modbus_peer_reply(struct modbus_peer *p, uint16_t transaction, uint8_t unit,
                       const uint8_t *pdu, size_t n)
{
    uint8_t frame[MODBUS_FRAME_MAX];
    (void)modbus_peer_send(p, frame,
                           modbus_frame_write(p->framing, transaction, unit, pdu, n, frame));
}

void modbus_peer_hang_up(struct modbus_peer *p)
{
    if (p->asked->fd >= 0 && p->listener >= 0) {
        close(p->asked->fd);
        p->asked->fd = -1;
        p->asked->n = 0;
        atomic_fetch_sub(&p->connected, 1);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Bytes of the RTU request that begins here; 0: not all of it is there. */
static size_t rtu_request(const uint8_t *at, size_t n)
{
    size_t size = 8;
    if (n < 8) {
        return 0;
    }
    if (at[1] == 15 || at[1] == 16) {
        size = 9u + at[6];
    } else if (at[1] == 22) {
        size = 10;
    }
    return n < size ? 0 : size;
}

static size_t take_rtu(const struct line *l, struct modbus_frame *ret)
{
    size_t size = rtu_request(l->bytes, l->n);
    if (size > 0 && modbus_crc(l->bytes, size) != 0) {
        fprintf(stderr, "modbus peer: a request with a wrong checksum\n");
        abort();
    }
    *ret = (struct modbus_frame){.unit = l->bytes[0], .pdu = l->bytes + 1, .n = size - 3};
    return size;
}

static size_t take_tcp(const struct line *l, struct modbus_frame *ret)
{
    size_t size = l->n < 7 ? 0 : 6 + get16(l->bytes + 4);
    if (size == 0 || l->n < size) {
        return 0;
    }
    *ret = (struct modbus_frame){.transaction = (uint16_t)get16(l->bytes),
                                 .unit = l->bytes[6],
                                 .pdu = l->bytes + 7,
                                 .n = size - 7};
    return size;
}

static size_t take_ascii(const struct line *l, struct modbus_frame *ret, uint8_t *bytes)
{
    const uint8_t *end = memchr(l->bytes, '\n', l->n);
    if (!end) {
        return 0;
    }
    size_t n = 0;
    for (const uint8_t *at = l->bytes + 1; at + 1 < end && *at != '\r'; at += 2) {
        unsigned byte;
        if (sscanf((const char *)at, "%2X", &byte) != 1) {
            abort();
        }
        bytes[n++] = (uint8_t)byte;
    }
    *ret = (struct modbus_frame){.unit = bytes[0], .pdu = bytes + 1, .n = n - 2};
    return (size_t)(end - l->bytes) + 1;
}

static void serve(struct modbus_peer *p, const struct modbus_frame *request)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    atomic_fetch_add(&p->requests, 1);
    if (p->fn && p->fn(p, request, p->arg)) {
        return;
    }
    size_t n = modbus_peer_answer(p, request, pdu);
    if (p->framing == MODBUS_TCP || request->unit != 0) {
        modbus_peer_reply(p, request->transaction, request->unit, pdu, n);
    }
}

static void take_requests(struct modbus_peer *p, struct line *l)
{
    struct modbus_frame request;
    uint8_t text[300];
    p->piece = 0;
    p->asked = l;
    for (;;) {
        size_t size = p->framing == MODBUS_TCP   ? take_tcp(l, &request)
                      : p->framing == MODBUS_RTU ? take_rtu(l, &request)
                                                 : take_ascii(l, &request, text);
        if (size == 0 || l->fd < 0) {
            break;
        }
        p->piece++;
        serve(p, &request);
        l->n = l->n < size ? 0 : l->n - size;
        memmove(l->bytes, l->bytes + size, l->n);
    }
    if (p->piece > atomic_load(&p->most)) {
        atomic_store(&p->most, p->piece);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void receive(struct modbus_peer *p, struct line *l)
{
    ssize_t n = read(l->fd, l->bytes + l->n, sizeof(l->bytes) - l->n);
    if (n > 0) {
        l->n += (size_t)n;
        take_requests(p, l);
    } else if (p->listener >= 0) {
        close(l->fd);
        l->fd = -1;
        l->n = 0;
        atomic_fetch_sub(&p->connected, 1);
    } else {
        usleep(1000); /* nobody has the other end of the terminal open */
    }
}

static void take_connection(struct modbus_peer *p)
{
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    struct line *l = p->lines;
    while (l < p->lines + MOST && l->fd >= 0) {
        l++;
    }
    if (fd < 0 || l == p->lines + MOST) {
        close(fd);
        return;
    }
    l->fd = fd;
    l->n = 0;
    p->n_lines = (size_t)(l - p->lines) + 1 > p->n_lines ? (size_t)(l - p->lines) + 1 : p->n_lines;
    atomic_fetch_add(&p->connections, 1);
    atomic_fetch_add(&p->connected, 1);
}

static void *run(void *arg)
{
    struct modbus_peer *p = arg;
    struct pollfd *fds = calloc(MOST + 2, sizeof(*fds));
    for (;;) {
        size_t n = p->n_lines;
        fds[0] = (struct pollfd){.fd = p->wake, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = p->listener, .events = POLLIN};
        for (size_t i = 0; i < n; i++) {
            fds[2 + i] = (struct pollfd){.fd = p->lines[i].fd, .events = POLLIN};
        }
        (void)poll(fds, (nfds_t)n + 2, -1);
        if (fds[0].revents) {
            break;
        }
        for (size_t i = 0; i < n; i++) {
            if (fds[2 + i].revents && p->lines[i].fd >= 0) {
                receive(p, &p->lines[i]);
            }
        }
        if (fds[1].revents) {
            take_connection(p);
        }
    }
    free(fds);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct modbus_peer *make(enum modbus_framing framing, modbus_peer_fn *fn, void *arg)
{
    struct modbus_peer *p = calloc(1, sizeof(*p));
    p->lines = calloc(MOST, sizeof(*p->lines));
    p->framing = framing;
    p->fn = fn;
    p->arg = arg;
    p->listener = p->slave = -1;
    p->wake = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < MOST; i++) {
        p->lines[i].fd = -1;
    }
    return p;
}

static struct modbus_peer *started(struct modbus_peer *p)
{
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        give_up("modbus peer: thread");
    }
    return p;
}

struct modbus_peer *modbus_peer_tcp(enum modbus_framing framing, modbus_peer_fn *fn, void *arg)
{
    return modbus_peer_tcp_at(test_port(), framing, fn, arg);
}

struct modbus_peer *modbus_peer_tcp_at(uint16_t port, enum modbus_framing framing,
                                       modbus_peer_fn *fn, void *arg)
{
    struct modbus_peer *p = make(framing, fn, arg);
    p->port = port;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(p->listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(p->listener, 1024) != 0) {
        give_up("modbus peer: bind");
    }
    return started(p);
}

struct modbus_peer *modbus_peer_serial(enum modbus_framing framing, const char *link,
                                       modbus_peer_fn *fn, void *arg)
{
    struct modbus_peer *p = make(framing, fn, arg);
    struct termios raw;
    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    raw.c_cflag |= CREAD | CLOCAL;
    if (openpty(&p->lines[0].fd, &p->slave, NULL, &raw, NULL) != 0) {
        give_up("modbus peer: pty");
    }
    (void)fcntl(p->lines[0].fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(p->slave, F_SETFD, FD_CLOEXEC);
    snprintf(p->link, sizeof(p->link), "%s", link);
    unlink(link);
    char name[64];
    if (ttyname_r(p->slave, name, sizeof(name)) != 0 || symlink(name, link) != 0) {
        give_up("modbus peer: link");
    }
    p->n_lines = 1;
    return started(p);
}

void modbus_peer_free(struct modbus_peer *p)
{
    if (!p) {
        return;
    }
    (void)!write(p->wake, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(p->thread, NULL);
    for (size_t i = 0; i < MOST; i++) {
        if (p->lines[i].fd >= 0) {
            close(p->lines[i].fd);
        }
    }
    if (p->listener >= 0) {
        close(p->listener);
    }
    if (p->slave >= 0) {
        close(p->slave);
        unlink(p->link);
    }
    close(p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->lines);
    free(p);
}
