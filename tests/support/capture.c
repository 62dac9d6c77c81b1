#include "capture.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edge/arena.h"

static int capture_fd, real_stderr;

void capture_start(void)
{
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    capture_fd = memfd_create("log", MFD_CLOEXEC);
    CU_ASSERT_FATAL(real_stderr >= 0 && capture_fd >= 0);
    CU_ASSERT_EQUAL(fcntl(capture_fd, F_SETFL, O_APPEND), 0); /* as a log file would be opened */
    dup2(capture_fd, STDERR_FILENO);
}

char *capture_text(void)
{
    off_t size = lseek(capture_fd, 0, SEEK_END);
    char *text = edge_xalloc((size_t)size + 1, 1);
    CU_ASSERT_EQUAL(pread(capture_fd, text, (size_t)size, 0), size);
    return text;
}

char *capture_end(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    char *text = capture_text();
    close(capture_fd);
    return text;
}

unsigned capture_count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + strlen(what), what)) {
        n++;
    }
    return n;
}
