/*
 * UUIDs: random ones from the kernel, drawn in pools so that an id costs no system call, and the
 * two grammars of the wire.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "edge/arena.h"
#include "edge/text.h"
#include "hex.h"

enum { UUID_BYTES = 16, POOL_UUIDS = 16 };

/* Each thread draws from its own pool: no lock. 256 bytes is what getrandom gives in one piece. */
static _Thread_local struct {
    unsigned char bytes[POOL_UUIDS * UUID_BYTES];
    size_t left;
} pool;

static pthread_once_t watch_forks = PTHREAD_ONCE_INIT;

/* A child must not hand out the ids its parent is going to. */
static void pool_drop(void)
{
    pool.left = 0;
}

static void pool_drop_after_fork(void)
{
    pthread_atfork(NULL, NULL, pool_drop);
}

static void pool_fill(void)
{
    pthread_once(&watch_forks, pool_drop_after_fork);
    ssize_t n;
    do {
        n = getrandom(pool.bytes, sizeof(pool.bytes), 0);
    } while (n < 0); /* EINTR, before the kernel's generator is seeded */
    if ((size_t)n < sizeof(pool.bytes)) {
        fprintf(stderr, "fatal: no random numbers\n");
        abort();
    }
    pool.left = POOL_UUIDS;
}

static void uuid_write(const unsigned char bytes[UUID_BYTES], char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *text++ = '-';
        }
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 0xf];
    }
    *text = '\0';
}

void edge_uuid_new(char text[EDGE_UUID_SIZE])
{
    if (pool.left == 0) {
        pool_fill();
    }
    unsigned char *bytes = pool.bytes + --pool.left * UUID_BYTES;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    uuid_write(bytes, text);
}

const char *edge_uuid_make(struct edge_arena *a)
{
    char *text = edge_alloc(a, EDGE_UUID_SIZE, 1);
    edge_uuid_new(text);
    return text;
}

static bool dash_follows(size_t byte)
{
    return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

/* 32 hex digits, with the four dashes or without any; moves *s behind them. */
static bool digits_read(const char **s, bool dashes, unsigned char bytes[UUID_BYTES])
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        int high = hex_value((*s)[0]);
        int low = high < 0 ? -1 : hex_value((*s)[1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high * 16 + low);
        *s += 2;
        if (dashes && dash_follows(i)) {
            if (**s != '-') {
                return false;
            }
            ++*s;
        }
    }
    return true;
}

bool edge_uuid_is_strict(const char *s)
{
    unsigned char bytes[UUID_BYTES];
    for (const char *c = s; *c; c++) {
        if (*c >= 'A' && *c <= 'F') {
            return false;
        }
    }
    return digits_read(&s, true, bytes) && !*s;
}

bool edge_uuid_parse(const char *s, char ret_canonical[EDGE_UUID_SIZE])
{
    unsigned char bytes[UUID_BYTES];
    bool braces = *s == '{';
    bool bare = strlen(s) == (size_t)2 * UUID_BYTES;
    if (braces) {
        s++;
    } else if (strncasecmp(s, "urn:uuid:", 9) == 0) {
        s += 9;
    }
    if (!digits_read(&s, !bare, bytes) || strcmp(s, braces ? "}" : "") != 0) {
        return false;
    }
    if (ret_canonical) {
        uuid_write(bytes, ret_canonical);
    }
    return true;
}
