/** A web server as a peer: where it is, the way there, and what its answers mean for a message. */
#ifndef EXPORT_CONNECTORS_WEB_H
#define EXPORT_CONNECTORS_WEB_H

#include "edge/client.h"
#include "export/connector.h"

struct web_peer {
    const char *base_url; /* no placeholder in it: a value must not choose whom we speak to */
    const char *target;
    int64_t timeout_ms;
    struct edge_client_peer way;
};

/* clang-format off */
/** What a function says of it, beside Url. */
#define WEB_PARAMS \
    {"Timeout", "Of a whole request.", EXPORT_P_DURATION, "30s"}, \
    {"Proxy", "http://host:port; empty: as http_proxy, https_proxy and no_proxy say.", EXPORT_P_TEXT, "", .may_be_empty = true}, \
    {"CaFile", "PEM: who vouches for the peer; empty: whom the system trusts.", EXPORT_P_TEXT, "", .may_be_empty = true}, \
    {"CertFile", "PEM: the own certificate.", EXPORT_P_TEXT, "", .may_be_empty = true}, \
    {"KeyFile", "PEM: its key.", EXPORT_P_TEXT, "", .may_be_empty = true}, \
    {"SkipVerify", "Do not look at the peer's certificate.", EXPORT_P_BOOL, "false"}
/* clang-format on */

/** The parameter's text, in @p a; NULL where it is empty. */
const char *web_given(struct edge_arena *a, const struct export_params *p, const char *name);
/** From Url and the parameters above. */
enum edge_status web_compile(struct edge_ctx *ctx, struct edge_arena *a,
                             const struct export_params *p, struct web_peer *ret);
/** A client of the connector's own, that can be stopped. */
enum edge_status web_open(struct edge_ctx *ctx, const struct web_peer *peer,
                          const struct export_connector_env *env, struct edge_client **ret);
/**
 * One request, and what it means: 2xx is delivered, 401, 403 and 407 are denied, 413 is too much, 408, 425, 429, 3xx and
 * 5xx come again, as does what got no answer; any other 4xx is rejected. Where it is not delivered, reason and
 * Retry-After are set.
 */
void web_call(struct edge_ctx *ctx, struct edge_client *client, const struct web_peer *peer,
              const struct edge_http_request *req, struct edge_http_response *ret,
              struct export_outcome *outcome);

#endif
