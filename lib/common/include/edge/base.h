/** What every request and response shares (contract 2.3), and which versions these are. */
#ifndef EDGE_BASE_H
#define EDGE_BASE_H

#include "edge/dto.h"

#define EDGE_API_VERSION "v3"
#define EDGE_VERSION     "4.0.0" /* of this project: --version, the log, packages */
#define EDGE_WIRE        "4.1.0" /* of EdgeX as spoken on the wire: GET /version */

/** First members of every request struct, inlined (EDGE_BASE_REQUEST_ROW). */
struct edge_base_request {
    const char *api_version, *request_id;
};
extern const struct edge_dto EDGE_BASE_REQUEST;
#define EDGE_BASE_REQUEST_ROW(T)                                                                   \
    EDGE_OBJECT(T, base, NULL, "apiVersion and requestId.", &EDGE_BASE_REQUEST,                    \
                .flags = EDGE_INLINE)

#endif
