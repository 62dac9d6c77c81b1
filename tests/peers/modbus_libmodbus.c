/*
 * libmodbus as a unit: peer-modbus tcp PORT | rtu TTY. Unit 1 (over TCP it answers for any), 400 coils, inputs and
 * registers; registers begin with their address as value.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static modbus_mapping_t *make_bank(void)
{
    modbus_mapping_t *bank = modbus_mapping_new(400, 400, 400, 400);
    for (int i = 0; bank && i < 400; i++) {
        bank->tab_registers[i] = bank->tab_input_registers[i] = (uint16_t)i;
        bank->tab_input_bits[i] = 1;
    }
    return bank;
}

/* 0, or what ended it. */
static int serve_one(modbus_t *peer, modbus_mapping_t *bank)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int n = modbus_receive(peer, query);
    if (n > 0) {
        (void)modbus_reply(peer, query, n, bank);
    }
    return n < 0 ? errno : 0;
}

static void serve_tcp(modbus_t *peer, modbus_mapping_t *bank)
{
    int listener = modbus_tcp_listen(peer, 16), most = listener;
    fd_set all, ready;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    puts("ready");
    for (;;) {
        ready = all;
        if (select(most + 1, &ready, NULL, NULL, NULL) < 0) {
            continue;
        }
        for (int fd = 0; fd <= most; fd++) {
            if (!FD_ISSET(fd, &ready)) {
                continue;
            }
            if (fd == listener) {
                int taken = modbus_tcp_accept(peer, &listener);
                FD_SET(taken, &all);
                most = taken > most ? taken : most;
                continue;
            }
            modbus_set_socket(peer, fd);
            if (serve_one(peer, bank) != 0) {
                close(fd);
                FD_CLR(fd, &all);
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    modbus_mapping_t *bank = make_bank();
    if (strcmp(argv[1], "tcp") == 0) {
        serve_tcp(modbus_new_tcp("127.0.0.1", (int)strtol(argv[2], NULL, 10)), bank);
    }
    modbus_t *peer = modbus_new_rtu(argv[2], 115200, 'N', 8, 1);
    if (!peer || !bank || modbus_set_slave(peer, 1) != 0 || modbus_connect(peer) != 0) {
        fprintf(stderr, "%s: %s\n", argv[2], modbus_strerror(errno));
        return 1;
    }
    puts("ready");
    for (;;) {
        (void)serve_one(peer, bank);
    }
}
