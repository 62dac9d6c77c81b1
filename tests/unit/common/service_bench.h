/** Two services for tests, svc-a and svc-b: real ones in one host, over real sockets and files. */
#ifndef TESTS_SERVICE_BENCH_H
#define TESTS_SERVICE_BENCH_H

#include "edge/service.h"
#include "edge/thread.h"
#include "scratch.h"

enum { PATIENCE_MS = 10000 };

/** What a test shares with its services, by way of their descriptor's context. */
struct stage {
    struct edge_mutex lock;
    struct edge_cond changed;
    char journal[256] EDGE_GUARDED; /* who did what, in order */
    unsigned heard EDGE_GUARDED;    /* bus messages */
    unsigned reconfigured EDGE_GUARDED;
    bool entered EDGE_GUARDED; /* a slow call is under way */
    bool fail_start, fail_ready;
    uint16_t port_at_stop; /* of the last to stop */
};

struct bench {
    struct edge_ctx ctx;
    struct scratch dir;
    struct stage stage;
    struct edge_service services[2];
    const struct edge_service *list[2];
    struct edge_host *host;
    struct edge_client *client;
};

/** Starts nothing yet: a test may change services and files first. */
void bench_open(struct bench *b);
void bench_close(struct bench *b);
/** The configuration file of @p service, in one move. */
void bench_put(struct bench *b, const char *service, const char *text);
enum edge_status bench_try(struct bench *b, struct edge_ctx *ctx);
/** A failure ends the test. */
void bench_start(struct bench *b);

/** A call over a real socket. */
int bench_ask(struct bench *b, struct edge_ctx *ctx, uint16_t port, const char *method,
              const char *target, const char *body, const char **ret_body);
uint16_t bench_port(const struct bench *b, const char *service);
/** Asserts the code, and that @p part is in the answer. */
void bench_expect_at(struct bench *b, uint16_t port, const char *method, const char *target,
                     const char *body, int code, const char *part);
void bench_expect(struct bench *b, const char *service, const char *method, const char *target,
                  const char *body, int code, const char *part);
/** Until @p count of the stage is @p n. */
bool bench_wait(struct stage *s, const unsigned *count, unsigned n);

/** For the journal: "<what> <service>;". */
void bench_note(const struct edge_runtime *rt, const char *what);
void bench_expect_journal(struct bench *b, const char *text);
/** Writable.Speed of svc-a, as it runs. */
int64_t bench_speed(struct bench *b);

#endif
