/** How the client speaks to its peers: what was set for each of them, and for all. */
#ifndef CLIENT_PEER_H
#define CLIENT_PEER_H

#include "edge/client.h"

struct client_peers;

struct client_peers *client_peers_create(void);
void client_peers_free(struct client_peers *p);
/** edge_client_peer() */
enum edge_status client_peers_set(struct client_peers *p, struct edge_ctx *ctx,
                                  const char *base_url, const struct edge_client_peer *peer);
/** A copy of what holds for @p base_url; NULL: nothing was said. */
const struct edge_client_peer *client_peers_find(struct client_peers *p, struct edge_arena *a,
                                                 const char *base_url);
/** A copy of @p own, with what holds for all where it leaves that open; @p own NULL: what holds for all. */
const struct edge_client_peer *client_peers_fill(struct client_peers *p, struct edge_arena *a,
                                                 const struct edge_client_peer *own);
/** A copy whose texts live in the arena. */
struct edge_client_peer client_peer_copy(struct edge_arena *a, const struct edge_client_peer *peer);
/** Have @p req carry the headers of its peer (may be NULL), the token among them. */
enum edge_status client_peer_headers(struct edge_ctx *ctx, const struct edge_client_peer *peer,
                                     struct edge_http_request *req);

#endif
