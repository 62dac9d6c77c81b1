/*
 * Parameters of any function, a line each, the number of the function before them, data behind an empty line: it is
 * made or refused with a text, and what is made runs. Transform and ToLineProtocol have theirs from the bytes, too.
 */
#include "fuzz_functions.h"

enum { GIVEN_MAX = 16 };

static const char *until(const char *at, const char *end, char stop)
{
    const char *found = memchr(at, stop, (size_t)(end - at));
    return found ? found : end;
}

/* Names are the table's own in turn; returns behind the empty line. */
static const char *take(struct edge_arena *a, const struct export_function *f, const char *at,
                        const char *end, struct edge_named_text *given, size_t *ret_n)
{
    for (*ret_n = 0; at < end && *at != '\n'; at++) {
        const char *stop = until(at, end, '\n');
        if (*ret_n < GIVEN_MAX && f->params[*ret_n].name) {
            given[*ret_n] = (struct edge_named_text){f->params[*ret_n].name,
                                                     edge_strndup(a, at, (size_t)(stop - at))};
            ++*ret_n;
        }
        at = stop;
        if (at == end) {
            return end;
        }
    }
    return at < end ? at + 1 : end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    EDGE_CTX_SCOPE(ctx);
    struct edge_named_text given[GIVEN_MAX];
    size_t n = 0;
    void *stage = NULL;
    const struct export_function *f = EXPORT_FUNCTIONS[data[0] % EXPORT_N_FUNCTIONS];
    const char *end = (const char *)data + size;
    const char *body = take(&ctx.arena, f, (const char *)data + 1, end, given, &n);
    if (fuzz_make(&ctx, f, given, n, &stage) == EDGE_OK && f->run) {
        fuzz_run(&ctx, f, stage, fuzz_data(&ctx, body, (size_t)(end - body)));
    }
    return 0;
}
