/**
 * The one list of outcomes. A status is one HTTP code (contract 2.4); the text that goes with a
 * failure is made where it is known and kept in the context (ctx.h).
 */
#ifndef EDGE_STATUS_H
#define EDGE_STATUS_H

#ifdef __has_c_attribute
#if __has_c_attribute(nodiscard)
#define EDGE_NODISCARD [[nodiscard]]
#endif
#endif
#ifndef EDGE_NODISCARD
#define EDGE_NODISCARD
#endif

/* name, HTTP status, text */
#define EDGE_STATUS_LIST(X)                                                                        \
    X(OK, 200, "ok")                                                                               \
    X(INVALID, 400, "invalid request")                                                             \
    X(UNAUTHORIZED, 401, "unauthorized")                                                           \
    X(FORBIDDEN, 403, "forbidden")                                                                 \
    X(NOT_FOUND, 404, "not found")                                                                 \
    X(NOT_ALLOWED, 405, "not allowed")                                                             \
    X(CONFLICT, 409, "conflict")                                                                   \
    X(TOO_LARGE, 413, "too large")                                                                 \
    X(OUT_OF_RANGE, 416, "out of range")                                                           \
    X(LOCKED, 423, "locked")                                                                       \
    X(INTERNAL, 500, "internal error")                                                             \
    X(DAMAGED, 500, "stored data is damaged")                                                      \
    X(UNSUPPORTED, 501, "not implemented")                                                         \
    X(REMOTE, 502, "communication error")                                                          \
    X(UNAVAILABLE, 503, "unavailable")

enum EDGE_NODISCARD edge_status {
#define X(name, http, text) EDGE_##name,
    EDGE_STATUS_LIST(X)
#undef X
        EDGE_STATUS_COUNT,
    /** Not an outcome yet: the handler kept the call and will finish it later (http.h). */
    EDGE_PENDING
};

int edge_status_http(enum edge_status st);
const char *edge_status_text(enum edge_status st);

/** The status of a peer's HTTP code: codes outside the list become INTERNAL (contract 2.4). */
enum edge_status edge_status_from_http(int code);

/** Pass a failure on to the caller. */
#define EDGE_TRY(expr)                                                                             \
    do {                                                                                           \
        enum edge_status st_ = (expr);                                                             \
        if (st_ != EDGE_OK) {                                                                      \
            return st_;                                                                            \
        }                                                                                          \
    } while (0)

#endif
