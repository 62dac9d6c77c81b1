/** TLS of an exchange that goes out, and in which words it fails. */
#ifndef TRANSFER_TLS_H
#define TRANSFER_TLS_H

#include "curl_late.h"

#include "transfer.h"

/** Have @p easy believe and show what @p peer says (NULL: nothing special). */
void transfer_tls_set(const struct edge_curl *curl, CURL *easy,
                      const struct edge_client_peer *peer);
/** Was it cut off, as by a peer that starts again, or refused? @p error: libcurl's words. */
bool transfer_tls_is_cut(CURLcode code, const char *error);
bool transfer_tls_is_refused(CURLcode code, const char *error);
/** What is wrong with the peer's TLS or with ours; NULL: neither. */
const char *transfer_tls_reason(const struct edge_curl *curl, struct edge_arena *a, CURL *easy,
                                CURLcode code, const char *error, const char *base_url,
                                const struct edge_client_peer *peer);

#endif
