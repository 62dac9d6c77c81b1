/* http: GET ping and GET one device of core-metadata, with 64 connections, in one process; beside a
 * bare libmicrohttpd epoll answer of the same size with the same number of threads (calibration).
 * Rounds alternate, medians are compared. */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "rig.h"

enum { ROUNDS = 5, CONNECTIONS = 64, REQUESTS = 100000 };

/* ---- the bare answer --------------------------------------------------------------------- */

static char answer[300];

static enum MHD_Result answer_bare(void *cls, struct MHD_Connection *c, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_size, void **req)
{
    static int seen;
    (void)cls, (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (!*req) {
        *req = &seen;
        return MHD_YES;
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(sizeof(answer), answer, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result queued = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return queued;
}

/* In a process of its own, as the platform is. */
static pid_t start_bare(uint16_t *ret_port)
{
    int fds[2];
    rig_must(pipe(fds) == 0, "no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        memset(answer, ' ', sizeof(answer));
        struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
                                                answer_bare, NULL, MHD_OPTION_END);
        uint16_t port = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port : 0;
        rig_must(write(fds[1], &port, sizeof(port)) == sizeof(port), "pipe");
        pause();
        _exit(0);
    }
    rig_must(read(fds[0], ret_port, sizeof(*ret_port)) == sizeof(*ret_port) && *ret_port,
             "no bare server");
    close(fds[0]);
    close(fds[1]);
    return pid;
}

/* ---- measuring --------------------------------------------------------------------------- */

static size_t make_get(void *target, uint64_t i, char text[LOAD_REQUEST_SIZE])
{
    (void)i;
    return (size_t)snprintf(text, LOAD_REQUEST_SIZE, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                            (const char *)target);
}

static double rate(uint16_t port, const char *target)
{
    struct load load = {.port = port,
                        .connections = CONNECTIONS,
                        .requests = REQUESTS,
                        .make = make_get,
                        .arg = (void *)(uintptr_t)target,
                        .expect = 200};
    struct load_result r = {0};
    rig_must(load_run(&load, &r) == 0 && r.unexpected == 0, "the load broke");
    return (double)r.answered / r.seconds;
}

int main(void)
{
    static const char device[] = "/api/v3/device/name/Random-Integer-Device";
    double bare[ROUNDS], ping[ROUNDS], one[ROUNDS];
    uint16_t bare_port = 0;
    pid_t bare_pid = start_bare(&bare_port);
    struct platform p;
    platform_make(&p, SHAPE_ONE);
    rig_must(platform_up(&p), "the platform does not start");
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = rate(bare_port, "/");
        ping[i] = rate(p.port[METADATA], "/api/v3/ping");
        one[i] = rate(p.port[METADATA], device);
    }
    platform_done(&p);
    kill(bare_pid, SIGTERM);
    waitpid(bare_pid, NULL, 0);

    double bare_s = rig_median(bare, ROUNDS), ping_s = rig_median(ping, ROUNDS),
           device_s = rig_median(one, ROUNDS);
    printf("bare libmicrohttpd %.0f/s; ping %.0f/s (%.0f %%); one device %.0f/s (%.0f %%)\n",
           bare_s, ping_s, 100 * ping_s / bare_s, device_s, 100 * device_s / bare_s);
    printf("bench http bare_s=%.0f ping_s=%.0f device_s=%.0f ping_ratio=%.2f device_ratio=%.2f\n",
           bare_s, ping_s, device_s, ping_s / bare_s, device_s / bare_s);
    return 0;
}
