#include "edge/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"

void edge_buf_done(struct edge_buf *b)
{
    free(b->data);
    *b = (struct edge_buf)EDGE_BUF_INIT;
}

void edge_buf_trim(struct edge_buf *b)
{
    if (b->cap > b->len + 2) {
        b->cap = b->len + 2; /* room for a NUL and a newline */
        b->data = edge_xrealloc(b->data, b->cap, 1);
    }
}

char *edge_buf_room(struct edge_buf *b, size_t n)
{
    if (b->cap - b->len < n) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        while (cap - b->len < n) {
            cap *= 2;
        }
        b->data = edge_xrealloc(b->data, cap, 1);
        b->cap = cap;
    }
    return b->data + b->len;
}

void edge_buf_put(struct edge_buf *b, const void *bytes, size_t n)
{
    if (n > 0) {
        memcpy(edge_buf_room(b, n), bytes, n);
        b->len += n;
    }
}

void edge_buf_puts(struct edge_buf *b, const char *s)
{
    edge_buf_put(b, s, strlen(s));
}

void edge_buf_putc(struct edge_buf *b, char c)
{
    *edge_buf_room(b, 1) = c;
    b->len++;
}

void edge_buf_printf(struct edge_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        vsnprintf(edge_buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void edge_buf_put_u64(struct edge_buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    edge_buf_put(b, digits + at, sizeof(digits) - at);
}

void edge_buf_put_i64(struct edge_buf *b, int64_t v)
{
    if (v < 0) {
        edge_buf_putc(b, '-');
    }
    edge_buf_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

const char *edge_buf_str(struct edge_buf *b)
{
    *edge_buf_room(b, 1) = '\0';
    return b->data;
}
