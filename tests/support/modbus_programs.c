#include "modbus_programs.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool begin(struct modbus_program *p, char *const argv[])
{
    int out[2];
    char line[64] = "";
    posix_spawn_file_actions_t actions;
    if (pipe2(out, O_CLOEXEC) != 0) {
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    bool began = posix_spawnp(&p->pid, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    struct pollfd fd = {.fd = out[0], .events = POLLIN};
    bool ready = began && poll(&fd, 1, 20000) == 1 && read(out[0], line, sizeof(line) - 1) > 0 &&
                 strncmp(line, "ready", 5) == 0;
    p->out = out[0]; /* it may have more to say */
    return ready;
}

void modbus_program_end(struct modbus_program *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    close(p->out);
}

/* By hand it may be missing: nothing is put into a folder of that name. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set; run the tests with ctest or ./edgex test\n", name);
        abort();
    }
    return value;
}

/* Where pymodbus is: beside the programs, fetched by the first test that needs it. */
static const char *pymodbus(void)
{
    static char folder[300];
    char command[1024], script[400];
    if (folder[0]) {
        return folder;
    }
    snprintf(folder, sizeof(folder), "%s/pymodbus-3.16.1", environment("EDGE_BIN_DIR"));
    snprintf(script, sizeof(script), "%s/pymodbus/__init__.py", folder);
    if (access(script, R_OK) != 0) {
        snprintf(command, sizeof(command),
                 "python3 -m pip install -q --disable-pip-version-check --target '%s' "
                 "pymodbus==3.16.1 pyserial==3.5 >/dev/null 2>&1",
                 folder);
        if (system(command) != 0) {
            folder[0] = '\0';
        }
    }
    return folder[0] ? folder : NULL;
}

bool modbus_program_pymodbus(struct modbus_program *p, const char *kind, const char *place)
{
    char script[400];
    const char *folder = pymodbus();
    if (!folder) {
        fprintf(stderr, "SKIPPED: pymodbus 3.16.1 cannot be had: it was not asked (%s)\n", kind);
        return false;
    }
    snprintf(script, sizeof(script), "%s/tests/peers/modbus_server.py",
             environment("EDGE_SOURCE_DIR"));
    setenv("PYTHONPATH", folder, 1);
    bool begun = begin(p, (char *[]){(char *)(uintptr_t) "python3", script, (char *)(uintptr_t)kind,
                                     (char *)(uintptr_t)place, NULL});
    unsetenv("PYTHONPATH");
    CU_ASSERT(begun);
    return begun;
}

bool modbus_program_libmodbus(struct modbus_program *p, const char *kind, const char *place)
{
    char program[400];
    snprintf(program, sizeof(program), "%s/tests/peer-modbus", environment("EDGE_BIN_DIR"));
    if (access(program, X_OK) != 0) {
        fprintf(stderr, "SKIPPED: no libmodbus-dev: libmodbus was not asked (%s)\n", kind);
        return false;
    }
    bool begun =
        begin(p, (char *[]){program, (char *)(uintptr_t)kind, (char *)(uintptr_t)place, NULL});
    CU_ASSERT(begun);
    return begun;
}
