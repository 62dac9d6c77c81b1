/**
 * What Modbus drivers are measured against: a process that answers for every unit at every local address (127.0.0.1,
 * 127.0.0.2, ...) of one port, as fast as it can. Holding register n reads n, plus what has been written to it.
 */
#ifndef BENCH_MODBUS_SERVER_H
#define BENCH_MODBUS_SERVER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct modbus_server {
    pid_t pid;
    uint16_t port;
    struct modbus_counts { /* shared with the process */
        atomic_uint_fast64_t requests, registers, connections;
    } * counts;
};

void modbus_server_start(struct modbus_server *s, uint16_t port);
void modbus_server_stop(struct modbus_server *s);

#endif
