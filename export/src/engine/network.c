/* rtnetlink(7): groups for links and addresses. What was missed (ENOBUFS) may have been an address, too. */
#include "network.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/thread.h"

struct network_watch {
    void (*came_up)(void *arg);
    void *arg;
    int fd, stop;
    pthread_t thread;
};

static bool is_up(const struct nlmsghdr *m)
{
    const struct ifinfomsg *link = NLMSG_DATA(m);
    return m->nlmsg_type == RTM_NEWADDR ||
           (m->nlmsg_type == RTM_NEWLINK && m->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
            (link->ifi_flags & IFF_RUNNING));
}

/* What is to be read now. */
static bool says_up(int fd)
{
    _Alignas(struct nlmsghdr) char buffer[8192];
    ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    bool up = n < 0 && errno == ENOBUFS;
    const struct nlmsghdr *m = (const struct nlmsghdr *)buffer;
    for (size_t left = n > 0 ? (size_t)n : 0; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
        up = up || is_up(m);
    }
    return up;
}

static void *watch(void *arg)
{
    struct network_watch *w = arg;
    struct pollfd fds[] = {
        {.fd = w->fd,   .events = POLLIN},
        {.fd = w->stop, .events = POLLIN}
    };
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            return NULL;
        }
        if (fds[1].revents) {
            return NULL;
        }
        if (fds[0].revents && says_up(w->fd)) {
            w->came_up(w->arg);
        }
    }
}

struct network_watch *network_watch_start(void (*came_up)(void *arg), void *arg)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                 .nl_groups =
                                     RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int stop = eventfd(0, EFD_CLOEXEC);
    if (fd < 0 || stop < 0 || bind(fd, (struct sockaddr *)&groups, sizeof(groups)) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        if (stop >= 0) {
            close(stop);
        }
        return NULL;
    }
    struct network_watch *w = edge_xalloc(1, sizeof(*w));
    *w = (struct network_watch){.came_up = came_up, .arg = arg, .fd = fd, .stop = stop};
    w->thread = edge_thread_start("network", watch, w);
    return w;
}

void network_watch_stop(struct network_watch *w)
{
    if (!w) {
        return;
    }
    (void)!write(w->stop, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(w->thread, NULL);
    close(w->fd);
    close(w->stop);
    free(w);
}
