/**
 * A server over real sockets whose routes answer at once, later, from elsewhere or not at all, as
 * several suites of HTTP ask it.
 */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <stdio.h>
#include <string.h>

#include "edge/http.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "http_probe.h"
#include "suites.h"
#include "wait.h"

/* What the handlers of these tests share with the test. */
struct rig_state {
    struct gate *gate;
    struct edge_call *kept;
    unsigned late; /* runs that ended after their client was answered */
};

struct rig {
    struct edge_arena arena;
    struct rig_state state;
    struct edge_pool *pool;
    struct edge_metrics *metrics;
    struct edge_http *http;
    uint16_t port;
    struct http_answer answer;
};

extern const struct edge_routes rig_routes;

/** Start; what @p config leaves out is given, and its pool is taken over. */
void rig_serve_with(struct rig *f, struct edge_http_config config);
void rig_serve(struct rig *f);
void rig_done(struct rig *f);
void rig_ask(struct rig *f, const char *method, const char *target, const char *headers,
             const char *body);
/** Of the answer; "" where it is absent. */
const char *rig_header(struct rig *f, const char *name);
/** The call /keep keeps, once it is there. */
struct edge_call *rig_take_kept(struct rig *f);
/** End a call; for a thread to begin with, too. */
void *rig_finish(void *call);

#define EXPECT(f, expected_code, expected_body)                                                    \
    do {                                                                                           \
        CU_ASSERT_EQUAL((f)->answer.code, (expected_code));                                        \
        CU_ASSERT_STRING_EQUAL((f)->answer.body, (expected_body));                                 \
        if (strcmp((f)->answer.body, (expected_body)) != 0) {                                      \
            fprintf(stderr, "got %d %s\n", (f)->answer.code, (f)->answer.body);                    \
        }                                                                                          \
    } while (0)

#endif
