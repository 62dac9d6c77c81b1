#include "long_run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/clock.h"

int64_t long_run_seconds(void)
{
    const char *text = getenv("EDGE_LONG");
    return text ? strtoll(text, NULL, 10) : 0;
}

int long_run_rounds(int in_long, int in_short)
{
    return long_run_seconds() > 0 ? in_long : in_short;
}

void long_run_tell(const char *what, int64_t done, int64_t of)
{
    static _Atomic int64_t next_ms;
    int64_t now_ms = edge_now_mono_ms();
    if (long_run_seconds() > 0 && now_ms >= atomic_load(&next_ms)) {
        atomic_store(&next_ms, now_ms + 10000);
        printf("\n%s: %lld of %lld ", what, (long long)done, (long long)of);
        fflush(stdout);
    }
}
