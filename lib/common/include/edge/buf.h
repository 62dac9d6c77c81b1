/** A growing run of bytes; what encoders write into. Aborts on out of memory. One thread. */
#ifndef EDGE_BUF_H
#define EDGE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct edge_buf {
    char *data; /* malloc'd; not NUL-terminated unless edge_buf_str() was called */
    size_t len, cap;
};

#define EDGE_BUF_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }

void edge_buf_done(struct edge_buf *b);
/** Give back what a buffer that grows no more has too much. */
void edge_buf_trim(struct edge_buf *b);
void edge_buf_put(struct edge_buf *b, const void *bytes, size_t n);
void edge_buf_puts(struct edge_buf *b, const char *s);
void edge_buf_putc(struct edge_buf *b, char c);
void edge_buf_printf(struct edge_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void edge_buf_put_i64(struct edge_buf *b, int64_t v);
void edge_buf_put_u64(struct edge_buf *b, uint64_t v);
/** Room for @p n more bytes; returns where they go. The caller adds what it used to len. */
char *edge_buf_room(struct edge_buf *b, size_t n);
/** The contents as a C string, valid until the next call on @p b. */
const char *edge_buf_str(struct edge_buf *b);

#endif
