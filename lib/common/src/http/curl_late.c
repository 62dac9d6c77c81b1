#include "curl_late.h"

#include <dlfcn.h>
#include <string.h>

/* The name says which interface: the one of the header this was compiled with. */
static const char LIBRARY[] = "libcurl.so.4";

static const struct {
    const char *name;
    size_t offset;
} FUNCTIONS[] = {
#define ROW(function) {"curl_" #function, offsetof(struct edge_curl, function)},
    EDGE_CURL_FUNCTIONS(ROW)
#undef ROW
};

enum edge_status edge_curl_load(struct edge_ctx *ctx, struct edge_curl *ret)
{
    /* Never closed: what the libraries behind it have registered with the process has to stay. */
    void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "calling others needs libcurl: %s", dlerror());
    }
    struct edge_curl curl;
    for (size_t i = 0; i < sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]); i++) {
        void *function = dlsym(lib, FUNCTIONS[i].name);
        if (!function) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "%s has no %s", LIBRARY, FUNCTIONS[i].name);
        }
        memcpy((char *)&curl + FUNCTIONS[i].offset, &function, sizeof(function));
    }
    curl.global_init(CURL_GLOBAL_DEFAULT);
    *ret = curl;
    return EDGE_OK;
}
