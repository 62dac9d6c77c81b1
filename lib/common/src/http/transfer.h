/** One HTTP exchange over a socket: the libcurl loop behind client.c, which adds peers and policy.
 */
#ifndef EDGE_TRANSFER_H
#define EDGE_TRANSFER_H

#include "edge/client.h"

enum edge_transfer_outcome {
    EDGE_TRANSFER_ANSWERED,
    EDGE_TRANSFER_UNREACHED, /* no connection, or it broke: another try may help */
    EDGE_TRANSFER_SILENT,    /* connected, but no answer in time */
    EDGE_TRANSFER_TOO_LARGE, /* for us */
    EDGE_TRANSFER_FAILED     /* another try would end the same way */
};

struct edge_transfers;

/** UNAVAILABLE where libcurl is missing. */
enum edge_status edge_transfers_create(struct edge_ctx *ctx, struct edge_transfers **ret);
/** Exchanges under way end as FAILED, further ones at once; joins the loop. NULL is fine. */
void edge_transfers_stop(struct edge_transfers *t);
/** Stopped, and nobody is in edge_transfer() any more. NULL is fine. */
void edge_transfers_free(struct edge_transfers *t);

/**
 * Send @p req to @p base_url (no slash at its end) and wait for the answer until @p deadline_ms.
 * @p peer says how (may be NULL); its headers are in the request already. The response, or the reason in @p ret_why, lives in the context's arena.
 */
enum edge_transfer_outcome edge_transfer(struct edge_transfers *t, struct edge_ctx *ctx,
                                         const char *base_url, const struct edge_client_peer *peer,
                                         const struct edge_http_request *req, int64_t deadline_ms,
                                         struct edge_http_response *ret, const char **ret_why);

/** On the loop's thread, which it must not hold up. What it gets lives until it returns. */
typedef void edge_transfer_told(void *arg, enum edge_transfer_outcome outcome,
                                const struct edge_http_response *answer, const char *why);
/**
 * The same without waiting; everything is copied. *ret is set before @p told can be called, and good
 * until it returns. UNAVAILABLE: stopping, and nobody is told.
 */
enum edge_status edge_transfer_begin(struct edge_transfers *t, struct edge_ctx *ctx,
                                     const char *base_url, const struct edge_client_peer *peer,
                                     const struct edge_http_request *req, int64_t deadline_ms,
                                     edge_transfer_told *told, void *arg,
                                     struct edge_client_exchange **ret);
/** Have it end as FAILED, soon; @p x is good. */
void edge_transfer_cancel(struct edge_transfers *t, struct edge_client_exchange *x);

#endif
