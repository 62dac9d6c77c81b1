/**
 * A server whose memory has a bound, with one worker; its routes answer with little, with more than
 * there may be, or piece by piece.
 */
#ifndef TESTS_HTTP_BOUNDED_H
#define TESTS_HTTP_BOUNDED_H

#include "edge/budget.h"
#include "edge/http.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "http_probe.h"
#include "suites.h"
#include "wait.h"

enum { BOUNDED_LIMIT = 1024 * 1024, BOUNDED_PIECE = 50 * 1000 };

/* What the handlers share with the test. */
struct bounded_state {
    struct gate *gate;
    struct edge_call *kept;
    unsigned begun;
};

struct bounded {
    struct edge_arena arena;
    struct bounded_state state;
    struct edge_budget *budget;
    struct edge_metrics *metrics;
    struct edge_pool *pool;
    struct edge_http *http;
    uint16_t port;
    struct http_answer answer;
};

void bounded_serve_with(struct bounded *f, struct edge_http_config config);
void bounded_serve(struct bounded *f);
/** Whatever was done to it: it stops at once and owes nothing. */
void bounded_stop(struct bounded *f);
/** The same, once it has answered again. */
void bounded_done(struct bounded *f);

size_t bounded_in_use(const struct bounded *f);
size_t bounded_peak(const struct bounded *f);
/* For wait_until(): of a struct bounded, and of its state. */
bool bounded_owes_nothing(void *arg);
bool bounded_is_kept(void *arg);

/** A connection with @p text sent. */
int bounded_open(const struct bounded *f, const char *text);
/** All until the peer closes. */
const char *bounded_read(struct bounded *f, int fd, size_t *ret_n);

#endif
