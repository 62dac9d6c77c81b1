/**
 * libcurl, loaded by the first request that leaves the process. With the thirty libraries it brings it
 * would be half of a start and a megabyte of every process, and one that holds all services never
 * calls anybody but itself.
 */
#ifndef EDGE_CURL_LATE_H
#define EDGE_CURL_LATE_H

#include <curl/curl.h>

#include "edge/ctx.h"

#undef curl_easy_setopt /* typecheck macros, of which a member could not have the name */
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define EDGE_CURL_FUNCTIONS(X)                                                                     \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_cleanup)                                                                                \
    X(multi_init)                                                                                  \
    X(multi_setopt)                                                                                \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_perform)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_poll)                                                                                  \
    X(multi_wakeup)                                                                                \
    X(multi_cleanup)                                                                               \
    X(slist_append)                                                                                \
    X(slist_free_all)

/* curl_<name> as <name>, with its own type. */
struct edge_curl {
#define EDGE_CURL_MEMBER(name) __typeof__(curl_##name) *(name);
    EDGE_CURL_FUNCTIONS(EDGE_CURL_MEMBER)
#undef EDGE_CURL_MEMBER
};

/** Any thread, any number of times; it stays loaded. UNAVAILABLE: it is not installed. */
enum edge_status edge_curl_load(struct edge_ctx *ctx, struct edge_curl *ret);

#endif
