#include "edge/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static _Atomic int64_t stepped, skipped; /* ns */

int64_t edge_now_ns(void)
{
    return read_clock(CLOCK_REALTIME) + atomic_load_explicit(&stepped, memory_order_relaxed);
}

void edge_clock_step(int64_t ns)
{
    atomic_fetch_add(&stepped, ns);
}

void edge_clock_skip(int64_t ms)
{
    edge_clock_step(ms * 1000000);
    atomic_fetch_add(&skipped, ms * 1000000);
}

int64_t edge_clock_skipped_ms(void)
{
    return atomic_load_explicit(&skipped, memory_order_relaxed) / 1000000;
}

int64_t edge_now_boot_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t edge_now_ms(void)
{
    return edge_now_ns() / 1000000;
}

int64_t edge_now_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC) + atomic_load_explicit(&skipped, memory_order_relaxed);
}

int64_t edge_now_mono_ms(void)
{
    return edge_now_mono_ns() / 1000000;
}

int64_t edge_origin_ns(void)
{
    static _Atomic int64_t last;
    int64_t before = atomic_load(&last);
    int64_t next;
    do {
        int64_t now = edge_now_ns();
        next = now > before ? now : before + 1;
    } while (!atomic_compare_exchange_weak(&last, &before, next));
    return next;
}

void edge_unix_date(int64_t ms, char *text, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    strftime(text, size, "%a %b %e %H:%M:%S %Z %Y", &tm);
}

void edge_rfc3339(int64_t ns, char *text, size_t size)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char date[32];
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, size, "%s.%09dZ", date, (int)(ns % 1000000000));
}
