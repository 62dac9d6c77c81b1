#include "faulty_system.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

atomic_bool faulty_fdatasync;
atomic_uint faulty_syncs;
_Atomic int64_t faulty_clock_off_s;

int fdatasync(int fd)
{
    if (faulty_fdatasync) {
        faulty_syncs++;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, ts);
    if (rc == 0 && clock == CLOCK_REALTIME) {
        ts->tv_sec += faulty_clock_off_s;
    }
    return rc;
}
