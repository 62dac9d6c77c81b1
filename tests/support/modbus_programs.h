/** Modbus units that are not ours, each a process; they have 400 coils, inputs and registers (tests/peers/modbus_*). */
#ifndef TESTS_MODBUS_PROGRAMS_H
#define TESTS_MODBUS_PROGRAMS_H

#include <stdbool.h>
#include <sys/types.h>

struct modbus_program {
    pid_t pid;
    int out;
};

/* Started and ready; false where the program cannot be had, with a loud line. @p kind: "tcp", "rtu", "ascii" (pymodbus
 * only); @p place: port, or terminal. */
bool modbus_program_pymodbus(struct modbus_program *p, const char *kind, const char *place);
bool modbus_program_libmodbus(struct modbus_program *p, const char *kind, const char *place);
/** Killed. */
void modbus_program_end(struct modbus_program *p);

#endif
