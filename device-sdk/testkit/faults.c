/* What a driver has done wrong: said at once, and kept for whoever asks. */
#include <stdarg.h>
#include <stdio.h>

#include "testkit.h"

static void keep_fault(devsdk_test *t, const char *text)
{
    EDGE_LOCK(&t->lock);
    t->faults = edge_xrealloc(t->faults, t->n_faults + 1, sizeof(char *));
    t->faults[t->n_faults++] = edge_xstrdup(text);
}

void kit_fault(devsdk_test *t, const char *fmt, ...)
{
    EDGE_CTX_SCOPE(ctx);
    va_list args;
    va_start(args, fmt);
    const char *text = edge_vprintf(&ctx.arena, fmt, args);
    va_end(args);
    fprintf(stderr, "driver fault: %s\n", text);
    if (t) {
        keep_fault(t, text);
    }
}

unsigned devsdk_test_faults(const devsdk_test *t)
{
    EDGE_LOCK((struct edge_mutex *)(uintptr_t)&t->lock);
    return t->n_faults;
}

const char *devsdk_test_fault(const devsdk_test *t, unsigned i)
{
    EDGE_LOCK((struct edge_mutex *)(uintptr_t)&t->lock);
    return i < t->n_faults ? t->faults[i] : NULL;
}
