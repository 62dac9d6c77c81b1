#include "rest_peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "http_probe.h"
#include "ports.h"
#include "wait.h"

static bool listens(void *arg)
{
    int fd = http_probe_open(((struct rest_peer *)arg)->port);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static _Noreturn void become(uint16_t port, const char *const *files)
{
    const char *home = getenv("EDGE_SOURCE_DIR");
    char script[512], number[8];
    const char *words[8] = {"python3", script, number};
    snprintf(script, sizeof(script), "%s/tests/peers/rest_device.py", home ? home : ".");
    snprintf(number, sizeof(number), "%u", port);
    for (size_t n = 3; files && *files && n < 7; n++) {
        words[n] = *files++;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("python3", (char *const *)(uintptr_t)words);
    _exit(127);
}

bool rest_peer_start(struct rest_peer *p, const char *const *files)
{
    p->port = p->port ? p->port : test_port();
    p->pid = fork();
    if (p->pid == 0) {
        become(p->port, files);
    }
    bool up = wait_until(listens, p, 20000);
    CU_ASSERT_TRUE(up);
    return up;
}

void rest_peer_end(struct rest_peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}
