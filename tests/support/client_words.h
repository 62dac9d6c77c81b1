/** Short words for what tests of the client say over and over. */
#ifndef TESTS_CLIENT_WORDS_H
#define TESTS_CLIENT_WORDS_H

#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/ctx.h"

static inline int64_t in_ms(int64_t ms)
{
    return edge_now_mono_ms() + ms;
}

/** The failure has @p text in it; prints what it got where not. */
static inline bool says(struct edge_ctx *ctx, const char *text)
{
    const char *message = edge_ctx_message(ctx, EDGE_INTERNAL);
    if (!strstr(message, text)) {
        printf("got: %s\nnot: %s\n", message, text);
        return false;
    }
    return true;
}

#endif
