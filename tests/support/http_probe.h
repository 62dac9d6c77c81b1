/**
 * An HTTP client that sends exactly the bytes it is told to, broken ones too, and reads what comes
 * back with a deadline. Answers live in the arena they were read into.
 */
#ifndef TESTS_HTTP_PROBE_H
#define TESTS_HTTP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_arena;

enum { HTTP_PROBE_MS = 10000 }; /* a test that waits longer than this has failed */

struct http_answer {
    int code; /* 0: the peer closed without an answer, -1: nothing within the deadline */
    const char *head, *body; /* NUL-terminated, never NULL */
    size_t body_size;
};

/** A connection to 127.0.0.1; -1 where there is none. Close with close(). */
int http_probe_open(uint16_t port);
/** False where the peer has closed. */
bool http_probe_send(int fd, const void *bytes, size_t n);
bool http_probe_text(int fd, const char *text);
/** Read one answer; the connection stays usable for the next one. */
void http_probe_read(struct edge_arena *a, int fd, int64_t timeout_ms, struct http_answer *ret);
/** True when the peer closes (what it sends until then is dropped) within @p timeout_ms. */
bool http_probe_closed(int fd, int64_t timeout_ms);

/** Send @p request on a connection of its own and read the answer. */
void http_probe_raw(struct edge_arena *a, uint16_t port, const char *request,
                    struct http_answer *ret);
/** The same for a sound request; @p headers are whole lines with CRLF; @p body may be NULL. */
void http_probe_ask(struct edge_arena *a, uint16_t port, const char *method, const char *target,
                    const char *headers, const char *body, struct http_answer *ret);
/** Value of the first header of that name, in any case; NULL if absent. */
const char *http_answer_header(struct edge_arena *a, const struct http_answer *answer,
                               const char *name);

#endif
