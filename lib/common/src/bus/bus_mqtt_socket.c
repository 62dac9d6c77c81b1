/*
 * Paho leaves Nagle's algorithm on and its socket out of reach: every second small packet in a row
 * waits for the broker's delayed acknowledgement, 40 ms. The socket is found by its peer instead.
 */
#include "bus_mqtt.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

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

/* Another connection to that port, or a descriptor reused meanwhile, comes to no harm. */
void socket_no_delay(uint16_t port)
{
    EDGE_CLEANUP(closedir_at) DIR *dir = opendir("/proc/self/fd");
    const int on = 1;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        int fd = (int)strtol(e->d_name, NULL, 10); /* "." and ".." read as 0 */
        if (leads_to_port(fd, port)) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        }
    }
}
