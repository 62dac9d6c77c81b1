/*
 * What paho (1.3) does not do by itself.
 *
 * - It leaves Nagle's algorithm on and its socket out of reach: every second small packet in a row waits for
 *   the broker's delayed acknowledgement, 40 ms. The socket is found by its peer instead.
 * - Its sending thread loses a wake-up that comes between its last look at its queue and its wait, and then
 *   sleeps for a second.
 * - Its receiving thread, asleep on the sockets it knows, sees a new one up to a second late, unless something
 *   comes in.
 * - Told that a message is refused (MQTT 5), it hangs up. The client connects anew, as after any break.
 * - It looks for host names with its only lock held, and says nothing of use where a connection fails.
 */
#include "mqtt.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/ctx.h"

/* ---- its sockets --------------------------------------------------------------------------- */

static bool leads_to_port(int fd, uint16_t port)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0) {
        return false;
    }
    if (peer.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)&peer)->sin_port) == port;
    }
    return peer.ss_family == AF_INET6 &&
           ntohs(((const struct sockaddr_in6 *)&peer)->sin6_port) == port;
}

static void closedir_at(DIR **dir)
{
    if (*dir) {
        closedir(*dir);
    }
}

static void tune(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY,      1         },
 /* Who goes without a word is found in two minutes, however rarely MQTT asks (KeepAlive may be an hour). */
        {SOL_SOCKET,  SO_KEEPALIVE,     1         },
        {IPPROTO_TCP, TCP_KEEPIDLE,     60        },
        {IPPROTO_TCP, TCP_KEEPINTVL,    15        },
        {IPPROTO_TCP, TCP_KEEPCNT,      4         },
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 120 * 1000},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    }
}

/* Another connection to that port, or a descriptor reused meanwhile, comes to no harm. */
void mqtt_paho_tune(uint16_t port)
{
    EDGE_CLEANUP(closedir_at) DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        int fd = (int)strtol(e->d_name, NULL, 10); /* "." and ".." read as 0 */
        if (leads_to_port(fd, port)) {
            tune(fd);
        }
    }
}

/* ---- its two threads ------------------------------------------------------------------------ */

/* A second CONNECT on a connection is ignored, but wakes it. */
void mqtt_paho_wake_sender(struct edge_mqtt *m)
{
    MQTTAsync_reconnect(m->client);
}

/* Those of this process, as paho has one receiving thread for all. The lock is taken before paho's. */
static struct {
    pthread_mutex_t lock;
    struct edge_mqtt *first;
} neighbours = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mqtt_paho_join(struct edge_mqtt *m)
{
    pthread_mutex_lock(&neighbours.lock);
    m->neighbour = neighbours.first;
    neighbours.first = m;
    pthread_mutex_unlock(&neighbours.lock);
}

void mqtt_paho_leave(struct edge_mqtt *m)
{
    pthread_mutex_lock(&neighbours.lock);
    struct edge_mqtt **at = &neighbours.first;
    while (*at && *at != m) {
        at = &(*at)->neighbour;
    }
    if (*at) {
        *at = m->neighbour;
    }
    pthread_mutex_unlock(&neighbours.lock);
}

void mqtt_paho_replace(struct edge_mqtt *m, MQTTAsync fresh)
{
    MQTTAsync old;
    {
        pthread_mutex_lock(&neighbours.lock);
        old = m->client;
        m->client = fresh;
        pthread_mutex_unlock(&neighbours.lock);
    }
    MQTTAsync_destroy(&old);
}

/* An answer for any connection does: to giving up what was never asked for. */
void mqtt_paho_wake_receiver(const struct edge_mqtt *m)
{
    pthread_mutex_lock(&neighbours.lock);
    for (struct edge_mqtt *other = neighbours.first; other; other = other->neighbour) {
        if (other != m && other->client && MQTTAsync_isConnected(other->client)) {
            MQTTAsync_unsubscribe(other->client, "none", NULL);
            break;
        }
    }
    pthread_mutex_unlock(&neighbours.lock);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void addresses_done(struct addrinfo **list)
{
    if (*list) {
        freeaddrinfo(*list);
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* An errno; 0: it answers. */
static int dial(const struct addrinfo *to, int64_t deadline_ms)
{
    EDGE_CLEANUP(close_fd)
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int64_t left_ms = deadline_ms - edge_now_mono_ms();
    if (poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0) <= 0) {
        return ETIMEDOUT;
    }
    int fault = 0;
    socklen_t size = sizeof(fault);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 ? fault : errno;
}

const char *mqtt_paho_obstacle(struct edge_arena *a, const char *host, uint16_t port,
                               bool must_dial, int64_t deadline_ms)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    EDGE_CLEANUP(addresses_done) struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        return edge_printf(a, "cannot resolve '%s': %s", host, gai_strerror(rc));
    }
    int fault = 0;
    for (const struct addrinfo *to = must_dial ? list : NULL; to; to = to->ai_next) {
        fault = dial(to, deadline_ms);
        if (fault == 0) {
            break;
        }
    }
    char text[100];
    return fault == 0 ? NULL
                      : edge_printf(a, "cannot connect: %s", strerror_r(fault, text, sizeof(text)));
}
