/*
 * A request's body as it lies in the stream: of a known length, or in chunks (RFC 9112, 7.1). Chunk
 * extensions and trailers are read and dropped; what is in them is counted, or one byte of body
 * might cost any number of bytes of framing.
 */
#include <string.h>

#include "http_internal.h"

enum {
    MAX_FRAMING = 16 * 1024, /* of extensions and trailers in one body, bytes */
    MAX_SIZE_DIGITS = 15,    /* of one chunk's size */
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void fail(struct http_body *b, const char *fault)
{
    b->state = HTTP_BODY_BAD;
    b->fault = fault;
}

static void take_size(struct http_body *b, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        b->left = b->left * 16 + (size_t)digit;
        if (++b->n_digits > MAX_SIZE_DIGITS) {
            fail(b, "a chunk's size is out of range");
        }
    } else if (b->n_digits == 0 || c == '\0' || !strchr("\r; \t", c)) {
        fail(b, "a chunk's size is not a hexadecimal number");
    } else if (c == '\r') {
        b->state = HTTP_BODY_SIZE_END;
    } else {
        b->state = c == ';' ? HTTP_BODY_EXTENSION : HTTP_BODY_BLANKS;
    }
}

/* False: it is too much. */
static bool count_framing(struct http_body *b)
{
    if (++b->framing > MAX_FRAMING) {
        fail(b, "chunk extensions and trailers are too long");
    }
    return b->state != HTTP_BODY_BAD;
}

/* Blanks behind a size only stand before an extension: what "5 6" means, two hops may read differently. */
static void take_blank(struct http_body *b, char c)
{
    if (!count_framing(b)) {
        return;
    }
    if (c == ';') {
        b->state = HTTP_BODY_EXTENSION;
    } else if (c != ' ' && c != '\t') {
        fail(b, "a chunk's size is not a hexadecimal number");
    }
}

static void take_extension(struct http_body *b, char c)
{
    if (!count_framing(b)) {
        return;
    }
    if (c == '\r') {
        b->state = HTTP_BODY_SIZE_END;
    } else if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f) {
        fail(b, "a chunk extension has a control character in it");
    }
}

/* A line of the trailer, or the empty one that ends the body. */
static void take_trailer(struct http_body *b, char c)
{
    if (!count_framing(b)) {
        return;
    }
    if (c == '\r') {
        b->state = b->in_line ? HTTP_BODY_TRAILER_END : HTTP_BODY_LAST;
    } else if (c == '\n' || c == '\0') {
        fail(b, "a trailer line is malformed");
    } else {
        b->in_line = true;
    }
}

static void expect_line_feed(struct http_body *b, char c, enum http_body_state next)
{
    if (c != '\n') {
        fail(b, "a line of the chunked body does not end with CRLF");
        return;
    }
    b->state = next;
}

static void take_framing(struct http_body *b, char c)
{
    switch (b->state) {
    case HTTP_BODY_SIZE:
        take_size(b, c);
        break;
    case HTTP_BODY_BLANKS:
        take_blank(b, c);
        break;
    case HTTP_BODY_EXTENSION:
        take_extension(b, c);
        break;
    case HTTP_BODY_SIZE_END:
        expect_line_feed(b, c, b->left > 0 ? HTTP_BODY_CHUNK : HTTP_BODY_TRAILER);
        break;
    case HTTP_BODY_CHUNK_END:
        if (c != '\r') {
            fail(b, "a chunk is longer than its size");
        } else {
            b->state = HTTP_BODY_CHUNK_LF;
        }
        break;
    case HTTP_BODY_CHUNK_LF:
        b->n_digits = 0;
        expect_line_feed(b, c, HTTP_BODY_SIZE);
        break;
    case HTTP_BODY_TRAILER:
        take_trailer(b, c);
        break;
    case HTTP_BODY_TRAILER_END:
        b->in_line = false;
        expect_line_feed(b, c, HTTP_BODY_TRAILER);
        break;
    case HTTP_BODY_LAST:
        expect_line_feed(b, c, HTTP_BODY_DONE);
        break;
    case HTTP_BODY_LENGTH:
    case HTTP_BODY_CHUNK:
    case HTTP_BODY_DONE:
    case HTTP_BODY_BAD:
        break;
    }
}

void http_body_init(struct http_body *b, bool chunked, size_t length)
{
    *b = (struct http_body){.left = chunked ? 0 : length};
    b->state = chunked ? HTTP_BODY_SIZE : length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_DONE;
}

size_t http_body_take(struct http_body *b, const char *bytes, size_t n, size_t *ret_data)
{
    *ret_data = 0;
    if (b->state == HTTP_BODY_LENGTH || b->state == HTTP_BODY_CHUNK) {
        size_t data = n < b->left ? n : b->left;
        b->left -= data;
        if (b->left == 0) {
            b->state = b->state == HTTP_BODY_CHUNK ? HTTP_BODY_CHUNK_END : HTTP_BODY_DONE;
        }
        *ret_data = data;
        return data;
    }
    size_t at = 0;
    while (at < n && b->state != HTTP_BODY_CHUNK && b->state < HTTP_BODY_DONE) {
        take_framing(b, bytes[at++]);
    }
    return at;
}
