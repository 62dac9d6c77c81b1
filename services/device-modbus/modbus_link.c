#include "modbus_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static const struct {
    uint32_t baud;
    speed_t speed;
} speeds[] = {
    {300,     B300    },
    {600,     B600    },
    {1200,    B1200   },
    {1800,    B1800   },
    {2400,    B2400   },
    {4800,    B4800   },
    {9600,    B9600   },
    {19200,   B19200  },
    {38400,   B38400  },
    {57600,   B57600  },
    {115200,  B115200 },
    {230400,  B230400 },
    {460800,  B460800 },
    {500000,  B500000 },
    {576000,  B576000 },
    {921600,  B921600 },
    {1000000, B1000000},
    {1152000, B1152000},
    {1500000, B1500000},
    {2000000, B2000000},
    {3000000, B3000000},
    {4000000, B4000000},
};

static const speed_t *speed_find(uint32_t baud)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        if (speeds[i].baud == baud) {
            return &speeds[i].speed;
        }
    }
    return NULL;
}

bool modbus_baud_known(uint32_t baud)
{
    return speed_find(baud) != NULL;
}

/* ---- places -------------------------------------------------------------------------------- */

bool modbus_place_meets(const struct modbus_place *a, const struct modbus_place *b)
{
    return a->serial == b->serial && a->port == b->port && strcmp(a->address, b->address) == 0;
}

bool modbus_place_same(const struct modbus_place *a, const struct modbus_place *b)
{
    return modbus_place_meets(a, b) && a->framing == b->framing &&
           (!a->serial || (a->baud == b->baud && a->data_bits == b->data_bits &&
                           a->stop_bits == b->stop_bits && a->parity == b->parity));
}

void modbus_place_text(const struct modbus_place *p, char *ret, size_t size)
{
    if (p->serial) {
        snprintf(ret, size, "%s", p->address);
    } else {
        snprintf(ret, size, strchr(p->address, ':') ? "[%s]:%u" : "%s:%u", p->address, p->port);
    }
}

int64_t modbus_silence_us(const struct modbus_place *p)
{
    if (!p->serial || p->baud > 19200) {
        return 1750;
    }
    unsigned bits = 1u + p->data_bits + (p->parity != MODBUS_NONE) + p->stop_bits;
    return (int64_t)bits * 3500000 / p->baud;
}

/* ---- TCP ----------------------------------------------------------------------------------- */

bool modbus_address_literal(const struct modbus_place *p, struct modbus_sockaddr *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, p->address, &v4.sin_addr) == 1) {
        memcpy(&ret->addr, &v4, sizeof(v4));
        ret->size = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, p->address, &v6.sin6_addr) == 1) {
        memcpy(&ret->addr, &v6, sizeof(v6));
        ret->size = sizeof(v6);
        return true;
    }
    return false;
}

int modbus_address_find(const struct modbus_place *p, struct modbus_sockaddr *ret)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list;
    char port[8];
    snprintf(port, sizeof(port), "%u", p->port);
    int error = getaddrinfo(p->address, port, &hints, &list);
    if (error != 0) {
        return error;
    }
    memset(ret, 0, sizeof(*ret));
    memcpy(&ret->addr, list->ai_addr, list->ai_addrlen);
    ret->size = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

static int close_keeping(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int modbus_socket_connect(const struct modbus_sockaddr *to)
{
    int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    if (connect(fd, (const struct sockaddr *)&to->addr, to->size) != 0 && errno != EINPROGRESS) {
        return close_keeping(fd);
    }
    return fd;
}

int modbus_socket_outcome(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void modbus_socket_acknowledge(int fd)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

/* ---- serial ports ---------------------------------------------------------------------------- */

static tcflag_t flags_of(const struct modbus_place *p)
{
    tcflag_t flags = CREAD | CLOCAL;
    flags |= p->data_bits == 7 ? CS7 : CS8;
    flags |= p->stop_bits == 2 ? CSTOPB : 0;
    flags |= p->parity != MODBUS_NONE ? PARENB : 0;
    return flags | (p->parity == MODBUS_ODD ? PARODD : 0);
}

static bool set_up(int fd, const struct modbus_place *p)
{
    struct termios t;
    const speed_t *speed = speed_find(p->baud);
    if (!speed || tcgetattr(fd, &t) != 0) {
        return false;
    }
    cfmakeraw(&t);
    t.c_cflag = flags_of(p);
    t.c_iflag = p->parity != MODBUS_NONE ? INPCK | IGNPAR : 0; /* a damaged byte is a missing one */
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return cfsetispeed(&t, *speed) == 0 && cfsetospeed(&t, *speed) == 0 &&
           tcsetattr(fd, TCSANOW, &t) == 0;
}

int modbus_port_open(const struct modbus_place *p)
{
    int fd = open(p->address, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (!set_up(fd, p)) {
        return close_keeping(fd);
    }
    (void)ioctl(fd, TIOCEXCL); /* two masters on a line understand nothing */
    modbus_port_flush(fd);
    return fd;
}

void modbus_port_flush(int fd)
{
    (void)tcflush(fd, TCIOFLUSH);
}

/* ---- bytes --------------------------------------------------------------------------------- */

int modbus_bytes_send(int fd, bool serial, const uint8_t *bytes, size_t n)
{
    ssize_t sent = serial ? write(fd, bytes, n) : send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)n) {
        return 0;
    }
    return sent < 0 ? errno : EAGAIN; /* whoever takes no 300 bytes takes nothing */
}

ptrdiff_t modbus_bytes_receive(int fd, bool serial, uint8_t *ret, size_t size)
{
    ssize_t n = serial ? read(fd, ret, size) : recv(fd, ret, size, MSG_DONTWAIT);
    if (n > 0) {
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    errno = n == 0 ? 0 : errno;
    return -1;
}
