#include "edge/status.h"

static const struct {
    int http;
    const char *text;
} statuses[EDGE_STATUS_COUNT] = {
#define X(name, http, text) [EDGE_##name] = {http, text},
    EDGE_STATUS_LIST(X)
#undef X
};

int edge_status_http(enum edge_status st)
{
    return statuses[st].http;
}

const char *edge_status_text(enum edge_status st)
{
    return statuses[st].text;
}

enum edge_status edge_status_from_http(int code)
{
    if (code >= 200 && code < 300) {
        return EDGE_OK;
    }
    for (unsigned i = 0; i < EDGE_STATUS_COUNT; i++) {
        if (statuses[i].http == code) {
            return (enum edge_status)i;
        }
    }
    return EDGE_INTERNAL;
}
