/* An address that comes: in a network of the test's own, which the system may not let it have. */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/network.h"
#include "suites.h"
#include "wait.h"

static void count(void *arg)
{
    atomic_uint *n = arg;
    (*n)++;
}

static bool was_told(void *arg)
{
    atomic_uint *n = arg;
    return *n > 0;
}

static bool add_address(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x7f000002);
    bool ok = ioctl(fd, SIOCSIFADDR, &request) == 0;
    close(fd);
    return ok;
}

enum { GOOD, BAD, NOT_ALLOWED };

static int in_own_network(void)
{
    atomic_uint told = 0;
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return NOT_ALLOWED;
    }
    struct network_watch *w = network_watch_start(count, &told);
    bool silent = w && !was_told(&told);
    bool ok = silent && add_address() && wait_until(was_told, &told, 10000);
    network_watch_stop(w);
    return ok ? GOOD : BAD;
}

static void test_an_address_comes(void)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(in_own_network());
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED) {
        printf("SKIPPED: no network of its own may be made here ");
        return;
    }
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == GOOD);
}

static void test_stopped_at_once(void)
{
    atomic_uint told = 0;
    struct network_watch *w = network_watch_start(count, &told);
    CU_ASSERT_PTR_NOT_NULL(w);
    network_watch_stop(w);
    network_watch_stop(NULL);
    CU_ASSERT_EQUAL(told, 0);
}

CU_TestInfo network_tests[] = {
    {"an address comes", test_an_address_comes},
    {"stopped at once",  test_stopped_at_once },
    CU_TEST_INFO_NULL,
};
