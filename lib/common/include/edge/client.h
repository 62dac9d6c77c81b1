/**
 * Outgoing HTTP: one libcurl multi loop per process, connections kept and pooled, every call with a
 * deadline, idempotent ones retried with jitter, a breaker per peer. A peer in the same process is
 * called through its route table instead: same handler, same checks, no socket.
 */
#ifndef EDGE_CLIENT_H
#define EDGE_CLIENT_H

#include "edge/http.h"

struct edge_client;

struct edge_client *edge_client_create(void);
/** Calls under way by a socket end as UNAVAILABLE, later ones at once. For who must not wait. */
void edge_client_stop(struct edge_client *c);
/** Stops if that is not done yet, waits for calls under way, and frees. NULL is fine. */
void edge_client_free(struct edge_client *c);

/**
 * Serve @p base_url ("http://localhost:59881") by a server of this process from now on; http NULL
 * takes that back and waits for calls under way.
 */
void edge_client_attach(struct edge_client *c, const char *base_url, struct edge_http *http);

/**
 * Call and wait, at most until @p deadline_ms (edge_now_mono_ms). OK: an answer came, whatever its
 * code; UNAVAILABLE with "failed to send a http request" in the text where none did. GET, HEAD, PUT
 * and DELETE are retried while time is left, where the connection was refused or broke; a peer that
 * breaks five in a row is left alone for a second, and its calls fail at once. An answer is at most
 * 32 MiB. The correlation id is the request's, else the context's. Do not call on an event thread.
 */
enum edge_status edge_client_call(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  struct edge_http_response *ret);

/**
 * The same for JSON answers of a neighbour: the body as a tree. An error code becomes our status
 * with the relay text of contract 2.4: "request failed, status code: 404, err: <message>".
 */
enum edge_status edge_client_json(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  const cJSON **ret);

#endif
