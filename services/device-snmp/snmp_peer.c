#include "snmp_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 4 << 20, MAPPED = 12 };

static const uint8_t V4_MAPPED[MAPPED] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct snmp_peer *peer)
{
    return memcmp(peer->ip, V4_MAPPED, MAPPED) == 0;
}

bool snmp_peer_from(const struct sockaddr *from, struct snmp_peer *ret)
{
    struct snmp_peer peer = {0};
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof(in));
        memcpy(peer.ip, V4_MAPPED, MAPPED);
        memcpy(peer.ip + MAPPED, &in.sin_addr, 4);
        peer.port = ntohs(in.sin_port);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, from, sizeof(in));
        memcpy(peer.ip, &in.sin6_addr, sizeof(peer.ip));
        peer.scope = IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr) ? in.sin6_scope_id : 0;
        peer.port = ntohs(in.sin6_port);
    } else {
        return false;
    }
    *ret = peer;
    return true;
}

bool snmp_peer_parse(const char *host, uint16_t port, struct snmp_peer *ret)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        return false;
    }
    bool taken = snmp_peer_from(found->ai_addr, ret);
    freeaddrinfo(found);
    ret->port = taken ? port : ret->port;
    return taken;
}

socklen_t snmp_peer_to(const struct snmp_peer *peer, int family, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (family == AF_INET6) {
        struct sockaddr_in6 in = {
            .sin6_family = AF_INET6, .sin6_port = htons(peer->port), .sin6_scope_id = peer->scope};
        memcpy(&in.sin6_addr, peer->ip, sizeof(peer->ip));
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    if (!is_v4(peer)) {
        return 0;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(peer->port)};
    memcpy(&in.sin_addr, peer->ip + MAPPED, 4);
    memcpy(ret, &in, sizeof(in));
    return sizeof(in);
}

bool snmp_peer_same_host(const struct snmp_peer *a, const struct snmp_peer *b)
{
    bool same_link = a->scope == b->scope || a->scope == 0 || b->scope == 0;
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && same_link;
}

bool snmp_peer_equal(const struct snmp_peer *a, const struct snmp_peer *b)
{
    return a->port == b->port && snmp_peer_same_host(a, b);
}

void snmp_peer_print_host(const struct snmp_peer *peer, char ret[SNMP_PEER_TEXT])
{
    bool v4 = is_v4(peer);
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? peer->ip + MAPPED : peer->ip, ret,
                   SNMP_PEER_TEXT)) {
        ret[0] = '\0';
    }
}

void snmp_peer_print(const struct snmp_peer *peer, char ret[SNMP_PEER_TEXT])
{
    char host[SNMP_PEER_TEXT];
    snmp_peer_print_host(peer, host);
    snprintf(ret, SNMP_PEER_TEXT, is_v4(peer) ? "%.46s:%u" : "[%.46s]:%u", host, peer->port);
}

/* What a thousand agents answer at once. The system may give less, and does not say so. */
static void widen(int fd)
{
    int bytes = RECEIVE_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
}

static int open_as(int family, const struct snmp_peer *at)
{
    int off = 0, fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_storage address;
    socklen_t n = at ? snmp_peer_to(at, family, &address) : 0;
    bool is_bound =
        (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
        (!at || (n > 0 && bind(fd, (const struct sockaddr *)&address, n) == 0));
    if (!is_bound) {
        int why = n == 0 && at ? EAFNOSUPPORT : errno;
        close(fd);
        errno = why;
        return -1;
    }
    widen(fd);
    return fd;
}

int snmp_socket_open(const struct snmp_peer *at, int *ret_family)
{
    static const struct snmp_peer any;
    int fd = open_as(AF_INET6, at);
    *ret_family = AF_INET6;
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        struct snmp_peer v4 = at ? *at : any;
        if (memcmp(v4.ip, any.ip, sizeof(any.ip)) == 0) {
            memcpy(v4.ip, V4_MAPPED, MAPPED);
        }
        *ret_family = AF_INET;
        fd = open_as(AF_INET, at ? &v4 : NULL);
    }
    return fd;
}
