#include "ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 20000, BLOCKS = 200, BLOCK_PORTS = 50 };

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "no free port: %s\n", why);
    exit(2);
}

static bool lock_block(int block)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/edge-test-ports-%d", block);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return true; /* the file stays open: the lock lasts as long as the process */
    }
    if (fd >= 0) {
        close(fd);
    }
    return false;
}

/* Neighbouring processes begin at different blocks: what one of them has just closed rests. */
static int own_block(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        int block = (int)(((unsigned)getpid() + (unsigned)i) % BLOCKS);
        if (lock_block(block)) {
            return block;
        }
    }
    give_up("all blocks are locked");
}

/* As a server asks: connections of an earlier test that are winding up do not matter. */
static bool is_free(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    bool is_free = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return is_free;
}

uint16_t test_port(void)
{
    static int block = -1, taken;
    if (block < 0) {
        block = own_block();
    }
    for (int tries = 0; tries < BLOCK_PORTS; tries++) {
        uint16_t port = (uint16_t)(FIRST_PORT + block * BLOCK_PORTS + taken++ % BLOCK_PORTS);
        if (is_free(port)) {
            return port;
        }
    }
    give_up("all of the block are taken");
}
